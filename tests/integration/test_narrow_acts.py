"""From evidence that names a program to a process that really stands still and, on a person's word, ends: pipeline, journal, effector."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.actions import ACTIONS
from interferon.decide.approval import yes
from interferon.effector.actuators import cgroup
from interferon.model.effects import State
from interferon.model.events import ACTIVITY, Tick, Verdict
from interferon.model.network import Process
from interferon.model.records import Plan
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.effects import Effects
from interferon.runtime.loop import Hooks, Loop
from interferon.store.examples import START
from interferon.store.journal import Journal
from interferon.trust.policy import Decision
from tests.unit.attacked import MINUTE, SECOND, fresh, rules

from .acting_plant import PROGRAM
from .live_feeds import absent, soon

FILE = """\
socket = "{folder}/s"
state = "{folder}/state"
kill_switch = "{folder}/STOP"
allow = [{uid}]
group = {gid}
[actuators.cgroup]
hierarchy = "{hierarchy}"
group = "interferon-test-{pid}"
[[target]]
ref = "process:backup"
actuator = "cgroup"
actions = ["freeze_process", "kill_process"]
identity = {{ exe = "{program}", exe_sha256 = "{digest}" }}
"""


def ask(principal: str, action: str, kind: str, target: str, context: Any, /) -> Decision:
    """Processes are frozen at once, and ended by a person; nothing else is done."""
    assert not action.endswith("_process") or (kind, target) == ("server", "asset:srv-1")
    return Decision({"freeze_process": "execute_auto", "kill_process": "execute_approved"}.get(action, "denied"), ("test",))  # type: ignore[arg-type]


def events(program: Path) -> pa.RecordBatch:
    rows = [
        {"kind": "process.start", "object": str(program), "attributes": '{"command_line": "backup delete shadows"}'},
        {"kind": "log.status", "object": "security", "code": "cleared"},
    ]
    head = {"seen": START, "feed": "edr", "entity": "asset:srv-1", "trust": 1.0}
    return pa.RecordBatch.from_pylist([{**head, "time": START + n, "offset": n, **row} for n, row in enumerate(rows)], schema=ACTIVITY)


@pytest.fixture
def hierarchy() -> Iterator[Path]:
    actuator = cgroup.Cgroup(cgroup.Settings())
    if missing := actuator.ready():
        absent(f"a cgroup v2 hierarchy that can be written ({missing})")
    found = actuator._hierarchy()
    yield found
    group = found / f"interferon-test-{os.getpid()}"
    for each in [*group.glob("*"), group]:
        if each.is_dir():
            each.rmdir()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that runs nowhere else on this machine."""
    made = tmp_path / "backup"
    made.write_bytes(Path("/bin/sleep").read_bytes() + os.urandom(16))
    made.chmod(0o755)
    return made


@contextmanager
def effector(folder: Path, hierarchy: Path, program: Path) -> Iterator[EffectorClient]:
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    file, log = folder / "effector.toml", folder / "effector.log"
    about = {"uid": os.geteuid(), "gid": os.getegid(), "pid": os.getpid(), "hierarchy": hierarchy}
    file.write_text(FILE.format(folder=folder, program=program, digest=digest, **about))
    file.chmod(0o600)
    with log.open("wb") as out, subprocess.Popen([*PROGRAM, "effector", "run", "--config", str(file)], stderr=out) as made:
        try:
            assert soon(lambda: "listens" in log.read_text(), 20), log.read_text()
            with EffectorClient(folder / "s") as client:
                yield client
        finally:
            made.terminate()


@contextmanager
def started(program: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Whatever becomes of the test, it does not outlive it: a frozen process can still be killed."""
    with subprocess.Popen([program, "60"]) as running:
        try:
            yield running
        finally:
            running.kill()


def standing_still(pid: int) -> bool:
    group = Path(f"/proc/{pid}/cgroup").read_text().strip().rpartition(":")[2]
    return "interferon-test" in group


def test_evidence_freezes_a_process_and_a_person_s_word_ends_it(tmp_path: Path, hierarchy: Path, program: Path) -> None:
    row = Process(id="backup", asset="srv-1", executable=str(program), sha256=hashlib.sha256(program.read_bytes()).hexdigest(), needed="no")
    under = rules(ask)
    under = replace(under, network=replace(under.network, processes={"backup": row}))
    plans: list[Plan] = []
    with (
        effector(tmp_path, hierarchy, program) as client,
        Journal(tmp_path / "j.sqlite") as journal,
        started(program) as running,
        Effects(journal, client, ACTIONS, under.network, lambda: START + MINUTE) as effects,
    ):
        hooks = Hooks(sink=lambda told: plans.extend([told] if isinstance(told, Plan) else []), record=journal.record)
        loop = Loop(fresh(under), under, effects=effects, actions=ACTIONS, hooks=hooks)
        loop.feed(events(program))
        loop.feed(Tick(START + 2 * MINUTE))
        assert [(each.intent.action, each.intent.target, each.state) for each in journal.effects()] == [
            ("freeze_process", "process:backup", State.VERIFIED)
        ]
        assert standing_still(running.pid)
        loop.feed(Verdict(START + 2 * MINUTE + SECOND, plans[-1].incident, "ann", "attack"))
        labels = [each.label for each in plans[-1].alternatives]
        assert "kill_process" in labels
        loop.feed(yes(plans[-1], labels.index("kill_process"), "ann", START + 2 * MINUTE + 2 * SECOND))
        assert running.wait(10) == -9
        states = {each.intent.action: each.state for each in journal.effects()}
        assert states == {"freeze_process": State.UNDONE, "kill_process": State.VERIFIED}
