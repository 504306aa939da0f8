"""`interferon effector …` as a person types it, and the process itself."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interferon.effector import server, settings
from interferon.effector.core import Core
from interferon.effector.record import Record
from interferon.effector.switch import Switch
from interferon.model.errors import InputError
from interferon.runtime.effector_client import EffectorClient

Run = Callable[..., tuple[int, str, str]]
TEXT = 'socket = "{folder}/s"\nstate = "{folder}/state"\nkill_switch = "{folder}/STOP"\nallow = [{uid}]\ngroup = {gid}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "effector.toml"
    path.write_text(TEXT.format(folder=tmp_path, uid=os.geteuid(), gid=os.getegid()))
    path.chmod(0o600)
    return path


@contextmanager
def process(file: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The effector of `file`, which has no actuator, so that it runs anywhere."""
    words = [sys.executable, "-c", "from interferon.cli import main; main()", "effector", "run", "--config", str(file)]
    with (file.parent / "log").open("wb") as log, subprocess.Popen(words, stderr=log) as made:
        try:
            end = time.monotonic() + 20
            while "listens" not in (file.parent / "log").read_text():
                assert made.poll() is None, (file.parent / "log").read_text()
                assert time.monotonic() < end
                time.sleep(0.02)
            yield made
        finally:
            made.terminate()


def test_what_is_proposed_is_checked(run: Run, minimal: Path, tmp_path: Path) -> None:
    out = tmp_path / "effector.toml"
    code, told, _ = run("effector", "init", minimal)
    assert (code, "[[target]]" in told) == (0, True)
    assert run("effector", "init", minimal, "--out", out)[:2] == (
        0,
        f"Wrote {out}. Fill in what is marked, then: interferon effector check {out}\n",
    )
    assert run("effector", "init", minimal, "--out", out)[2] == f"interferon: {out}: is there already; name another file\n"
    assert json.loads(run("effector", "init", minimal, "--json")[1]) == {"file": "", "text": told}
    code, problems, _ = run("effector", "check", out)
    assert code == 1
    assert f"{out}:8: allow names user 'interferon', who is not on this machine\n" in problems
    found = json.loads(run("effector", "check", out, "--json")[1])["problems"]
    assert {each["line"] for each in found} == {8, 9}


def test_a_good_file_has_no_problems_until_others_may_write_it(run: Run, file: Path) -> None:
    assert run("effector", "check", file)[:2] == (0, f"{file}: no problems\n")
    file.chmod(0o666)
    code, told, _ = run("effector", "check", file)
    assert (code, told) == (1, f"{file}:1: {file}: others than its owner can write to it (mode 0666); `chmod go-w {file}`\n")


def test_the_unit_is_printed(run: Run, file: Path) -> None:
    code, told, _ = run("effector", "unit", "--config", file, "--user", "effector")
    assert code == 0
    assert "User=effector\n" in told
    assert json.loads(run("effector", "unit", "--config", file, "--user", "effector", "--json")[1]) == {"unit": told}


def test_a_mistake_ends_a_start_in_one_line(run: Run, file: Path) -> None:
    file.write_text(file.read_text() + "colour = 3\n")
    code, _, told = run("effector", "run", "--config", file)
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith(f"interferon: {file}:6: unknown key 'colour'")
    assert run("effector", "run", "--config", file.parent / "none")[0] == 2


def test_it_does_not_start_on_what_others_can_change(run: Run, file: Path) -> None:
    file.parent.chmod(0o777)
    code, _, told = run("effector", "run", "--config", file)
    assert (code, f"{file.parent}: others than its owner can write to it" in told) == (2, True)


def test_its_life_from_the_outside(run: Run, file: Path) -> None:
    with process(file) as effector:
        assert Path(f"{file.parent}/s").stat().st_mode & 0o777 == 0o660
        assert run("effector", "status", "--config", file)[1].startswith("effects are let through\n0 of 50 effects, 0 of 20 assets")
        code, _, told = run("effector", "run", "--config", file)
        assert (code, "another effector runs on this state folder" in told) == (2, True)
        assert run("effector", "stop", "--config", file)[1] == "stopped\n"
        assert json.loads(run("effector", "status", "--config", file, "--json")[1])["stopped"]
        assert run("effector", "stop", "--undo-all", "--config", file)[1] == "stopped; 0 effects undone\n"
        if os.geteuid() == 0:
            assert run("effector", "resume", "--config", file)[:2] == (0, "effects are let through again\n")
        effector.send_signal(signal.SIGUSR1)
        end = time.monotonic() + 5
        while not (file.parent / "STOP").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
    assert effector.returncode == 128 + signal.SIGTERM
    assert not (file.parent / "s").exists()
    log = (file.parent / "log").read_text()
    assert "Traceback" not in log
    assert "kill switch engaged by a signal\n" in log


def test_without_the_process_the_file_is_the_switch(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interferon.cli.effector.ANSWER_S", 0.05)
    monkeypatch.setattr("interferon.cli.effector.UNDO_S", 0.05)
    code, told, _ = run("effector", "stop", "--config", file, "--json")
    assert (code, json.loads(told)) == (0, {"stopped": True, "detail": f"stopped by {file.parent}/STOP; the effector does not answer"})
    code, _, told = run("effector", "stop", "--undo-all", "--config", file)
    assert (code, told.endswith("; nothing was undone\n")) == (2, True)
    assert json.loads(run("effector", "resume", "--config", file, "--json")[1]) == {"stopped": False}
    assert not (file.parent / "STOP").exists()
    assert run("effector", "status", "--config", file)[0] == 2
    file.write_text(file.read_text().replace("/STOP", "/none/STOP"))
    code, _, told = run("effector", "stop", "--config", file)
    assert (code, "not stopped: " in told) == (2, True)


def test_what_still_stops_is_told_on_resume(run: Run, file: Path) -> None:
    line = file.parent / "gpio"
    line.write_text("1")
    file.write_text(f'inputs = ["{line}"]\n' + file.read_text())
    with process(file):
        code, _, told = run("effector", "resume", "--config", file)
        assert code == 2
        assert ("may not resume" if os.geteuid() else f"still stopped: input {line} says stop") in told


def test_a_file_in_the_place_of_the_socket_is_left_alone(file: Path) -> None:
    (file.parent / "s").write_text("precious")
    with (
        pytest.raises(InputError, match=r"cannot be made as the socket for group .*: Address already in use"),
        listening(settings.load(file)),
    ):
        pass
    assert (file.parent / "s").read_text() == "precious"


@contextmanager
def listening(found: settings.Settings) -> Iterator[None]:
    with server._listening(found):
        yield


def test_a_socket_that_cannot_be_made_is_told(file: Path) -> None:
    file.write_text(file.read_text().replace(f'"{file.parent}/s"', f'"{file}/s"'))
    with pytest.raises(InputError, match="cannot be made as the socket for group"), listening(settings.load(file)):
        pass


def test_it_serves_in_this_process_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`server.run` whole, but for giving up capabilities, which a test process cannot get back."""
    kept: list[frozenset[str]] = []
    monkeypatch.setattr("interferon.effector.privileges.keep", kept.append)
    served: list[tuple[socket.socket, Core]] = []
    monkeypatch.setattr(server, "serve", lambda at, core, uids, say: served.append((at, core)))
    before = signal.getsignal(signal.SIGUSR1)
    said: list[str] = []
    try:
        server.run(settings.load(file), said.append)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert kept == [frozenset()]
    assert len(served) == 1
    assert said == [f"listens at {file.parent}/s; effects are let through"]
    assert isinstance(Record(file.parent / "state" / "effects.sqlite").epoch, int)
    assert Switch(file.parent / "STOP").engaged() == ""
    with EffectorClient(file.parent / "s", answer_s=0.05) as client:
        assert client.precheck("shut", "asset:a").result == "unknown"


def test_a_backup_is_looked_at_as_a_person_asks(run: Run, file: Path) -> None:
    path = file.parent / "a.tar"
    path.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    file.write_text(f'{file.read_text()}[[backup]]\nref = "asset:a"\npath = "{path}"\nsha256 = "{digest}"\n')
    why = f"interferon: {file} has no [[target]] and no [[backup]] asset:b; a reference that one of them has would be right\n"
    assert run("effector", "inspect", "asset:b", "--config", file)[::2] == (2, why)
    with process(file):
        told = f"{path} has the recorded SHA-256 {digest[:12]}…"
        assert run("effector", "inspect", "asset:a", "--config", file)[:2] == (0, f"backup verified: {told}\n")
        path.unlink()
        code, shown, _ = run("effector", "inspect", "asset:a", "--config", file, "--json")
        wanted = {"ref": "asset:a", "what": "backup", "standing": "failed", "detail": f"{path} cannot be read: No such file or directory"}
        assert (code, json.loads(shown)) == (1, [wanted])
