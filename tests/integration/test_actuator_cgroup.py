"""Real processes stand still and run on, or end with all that they started; another one with the same number is left alone."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interferon.effector import kit
from interferon.effector.actuators import cgroup
from interferon.effector.protocol import Job, Target

from .live_feeds import soon

WORK = """
import os, sys, time
if os.fork() == 0:
    while True:
        with open(sys.argv[1] + "/child", "a") as file: file.write("x")
        time.sleep(0.005)
print(os.getpid(), flush=True)
while True:
    with open(sys.argv[1] + "/parent", "a") as file: file.write("x")
    time.sleep(0.005)
"""


class Victim:
    """A program with a child; both write without pause."""

    def __init__(self, folder: Path, hierarchy: Path) -> None:
        self.folder = folder
        (folder / "hierarchy").symlink_to(hierarchy)
        self.process = subprocess.Popen([sys.executable, "-c", WORK, str(folder)], stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout is not None
        self.pid = int(self.process.stdout.readline())
        found = cgroup._process(self.pid)
        assert found is not None
        self.start = found.start
        self.tree = [each.pid for each in cgroup._tree(found)]
        self.actuator = cgroup.make(cgroup.Settings(hierarchy=str(folder / "hierarchy"), group=f"interferon-test-{os.getpid()}"))

    def job(self, action: str = "freeze_process", sha: str = "", **params: Any) -> Job:
        exe = hashlib.sha256(Path(f"/proc/{self.pid}/exe").read_bytes()).hexdigest()
        target = Target(ref="asset:srv-1", identity={"exe_sha256": sha or exe})
        return Job(effect=f"e-{self.pid}", action=action, target=target, params={"pid": self.pid, "start": self.start, **params})

    def state(self) -> Any:
        """Of each process: the group it is in, and whether that group stands still."""
        groups = {pid: cgroup._standing(pid) for pid in self.tree}
        return {pid: (group, cgroup._frozen(self.folder / "hierarchy" / group.lstrip("/"))) for pid, group in groups.items()}

    def written(self) -> tuple[int, int]:
        """Bytes by parent and child; 0 of one that has not begun yet."""
        files = (self.folder / "parent", self.folder / "child")
        first, second = (file.stat().st_size if file.exists() else 0 for file in files)
        return first, second

    def works(self) -> bool:
        first = self.written()
        return bool(soon(lambda: all(now > then for now, then in zip(self.written(), first, strict=True)), 5))

    def stands_still(self) -> bool:
        first = self.written()
        time.sleep(0.1)
        return self.written() == first

    @contextmanager
    def cut(self) -> Iterator[None]:
        (self.folder / "hierarchy").rename(self.folder / "away")
        try:
            yield
        finally:
            (self.folder / "away").rename(self.folder / "hierarchy")


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    actuator = cgroup.make(cgroup.Settings())
    if actuator.ready():
        pytest.skip(f"this machine has no cgroup v2 hierarchy that can be written: {actuator.ready()}")
    hierarchy = cgroup.Cgroup(cgroup.Settings())._hierarchy()
    victim = Victim(tmp_path, hierarchy)
    yield victim
    group = hierarchy / f"interferon-test-{os.getpid()}"
    for each in [*group.glob("*"), group]:
        if each.is_dir() and (each / "cgroup.kill").exists():
            (each / "cgroup.kill").write_text("1")
            end = time.monotonic() + 5
            while cgroup._members(each) and time.monotonic() < end:
                time.sleep(0.01)
            each.rmdir()
    for pid in victim.tree:
        if cgroup._process(pid) is not None:
            os.kill(pid, 9)
    victim.process.wait()
    assert victim.process.stdout is not None
    victim.process.stdout.close()


def test_the_kit(victim: Victim) -> None:
    world = kit.World(
        actuator=victim.actuator,
        job=victim.job(),
        impostor=victim.job(sha="0" * 64),
        state=victim.state,
        tamper=lambda: (victim.folder / "hierarchy" / victim.state()[victim.pid][0].lstrip("/") / "cgroup.freeze").write_text("0"),
        cut=victim.cut,
    )
    assert soon(victim.works)
    assert kit.problems(world) == []
    assert victim.works()


def test_it_stands_still_with_its_child_and_runs_on(victim: Victim) -> None:
    assert soon(victim.works)
    task = kit.recorded(victim.actuator, victim.job())
    assert victim.actuator.apply(task).detail.startswith("2 processes stand still")
    assert victim.stands_still()
    assert victim.actuator.undo(task).result == "ok"
    assert victim.works()
    assert not (victim.folder / "hierarchy" / f"interferon-test-{os.getpid()}" / f"e-{victim.pid}").exists()


def test_a_child_that_was_taken_out_is_seen(victim: Victim) -> None:
    task = kit.recorded(victim.actuator, victim.job())
    assert victim.actuator.apply(task).result == "ok"
    (victim.folder / "hierarchy" / "cgroup.procs").write_text(str(victim.tree[1]))
    assert victim.actuator.look(task).standing == "partial"
    assert victim.actuator.apply(task).result == "ok"
    assert victim.actuator.look(task).standing == "in_force"


@pytest.mark.parametrize("has_kill", [True, False])
def test_it_ends_with_its_child_and_cannot_be_brought_back(victim: Victim, has_kill: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_kill:  # as in a kernel before 5.14
        exists = Path.exists
        monkeypatch.setattr(Path, "exists", lambda path: path.name != "cgroup.kill" and exists(path))
    task = kit.recorded(victim.actuator, victim.job("kill_process"))
    assert victim.actuator.look(task).standing == "absent"
    assert victim.actuator.apply(victim.job("kill_process", sha="0" * 64)).result == "refused"
    assert victim.works()
    assert victim.actuator.apply(task).detail == "2 processes ended"
    assert victim.actuator.look(task).standing == "in_force"
    assert soon(victim.stands_still)
    assert victim.actuator.apply(task).result == "ok"
    assert victim.actuator.undo(task).result == "refused"
    with victim.cut():
        assert victim.actuator.look(task).standing == "unknown"


def test_a_frozen_process_can_be_ended(victim: Victim) -> None:
    frozen = kit.recorded(victim.actuator, victim.job())
    assert victim.actuator.apply(frozen).result == "ok"
    killed = kit.recorded(victim.actuator, victim.job("kill_process"))
    assert victim.actuator.apply(killed).result == "ok"
    assert victim.actuator.look(frozen).standing == "absent"
    assert victim.actuator.undo(frozen).result == "ok"


@pytest.mark.parametrize(
    ("params", "result", "why"),
    [
        ({"start": 1}, "refused", "the number was used again"),
        ({"pid": os.getpid()}, "refused", "is the effector itself or what it was started by: never a target"),
        ({"pid": 1}, "refused", "never a target"),
        ({"pid": 4_194_303}, "failed", "is gone"),
        ({"pid": "7"}, "refused", "have pid '7'; pid and start are those of the process"),
    ],
)
def test_what_is_not_the_process_is_left_alone(victim: Victim, params: dict[str, Any], result: str, why: str) -> None:
    start = victim.state()
    for action in ("freeze_process", "kill_process"):
        outcome = victim.actuator.apply(victim.job(action, **params))
        assert outcome.result == result
        assert why in outcome.detail
    assert victim.state() == start


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A program that runs nowhere else on this machine."""
    made = tmp_path / "historiand"
    made.write_bytes(Path("/bin/sleep").read_bytes() + bytes(8) + os.urandom(8))
    made.chmod(0o755)
    return made


def listed(service: Path, action: str = "freeze_process", effect: str = "", **identity: str) -> Job:
    digest = hashlib.sha256(service.read_bytes()).hexdigest()
    target = Target(ref="process:historian", identity={"exe_sha256": digest, "exe": str(service)} | identity)
    return Job(effect=effect or f"e-{action}", action=action, target=target)


def test_without_a_number_the_one_process_of_the_program_is_meant(victim: Victim, service: Path) -> None:
    actuator = victim.actuator
    assert actuator.identify(listed(service)).detail == "no process of process:historian runs"
    with subprocess.Popen([service, "60"]) as running:
        for job in (listed(service), listed(service, exe_sha256="0" * 64), listed(service, exe="/opt/other")):
            assert actuator.identify(job).result == ("ok" if job == listed(service) else "failed")
        frozen = kit.recorded(actuator, listed(service))
        assert frozen.before["pid"] == running.pid
        assert actuator.apply(frozen).result == "ok"
        assert actuator.look(frozen).standing == "in_force"
        ended = kit.recorded(actuator, listed(service, "kill_process"))
        assert actuator.look(ended).standing == "absent"
        assert actuator.apply(ended).detail == "1 processes ended"
        assert running.wait() == -9
        assert actuator.look(ended).standing == "in_force"
        assert actuator.apply(ended).detail == f"process {running.pid} is gone"
        assert (actuator.look(frozen).standing, actuator.undo(frozen).result) == ("absent", "ok")


def test_of_several_processes_of_the_program_none_is_taken(victim: Victim, service: Path) -> None:
    with subprocess.Popen([service, "60"]) as first, subprocess.Popen([service, "60"]) as second:
        outcome = victim.actuator.identify(listed(service))
        assert (outcome.result, "pid and start would tell which is meant" in outcome.detail) == ("refused", True)
        outcome = victim.actuator.identify(Job(effect="e", action="freeze_process", target=Target(ref="process:historian")))
        assert (outcome.result, "no identity to find its process by" in outcome.detail) == ("refused", True)
        for each in (first, second):
            each.kill()


def test_where_it_cannot_act_it_says_what_would_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "mount -t cgroup2 none" in cgroup.make(cgroup.Settings(hierarchy="/no/such")).ready()
    (tmp_path / "cgroup.procs").touch()
    monkeypatch.setattr(os, "access", lambda *asked, **more: False)
    assert "the effector needs the capability dac_override" in cgroup.make(cgroup.Settings(hierarchy=str(tmp_path))).ready()
