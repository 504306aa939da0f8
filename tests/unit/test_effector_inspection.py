"""What the effector sees of configurations and backups: it reads whatever stops effects, and believes no record that others can write."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interferon.act import wire
from interferon.effector import backup, inspection, settings
from interferon.effector.actuators.git_config import GitConfig
from interferon.effector.actuators.git_config import Settings as GitSettings
from interferon.effector.backup import Backup, Halted, verified
from interferon.effector.protocol import Inspector, Job, Seen, Target
from interferon.model.effects import Check
from interferon.model.errors import InputError

from .effector_world import Effector, Valve, World

DATA = b"what it would be restored from"
DIGEST = hashlib.sha256(DATA).hexdigest()


class SeeingValve(Valve):
    """One whose thing has a configuration: `approved` or not, of a tag that a job may name."""

    shows = Seen("in_force", "as approved")

    def inspect(self, job: Job) -> Seen:
        self.calls.append(f"inspect {job.effect} {dict(job.params)}")
        return self.shows


@pytest.fixture
def effector(tmp_path: Path) -> Iterator[Effector]:
    made = Effector(tmp_path, World(), backups={"asset:a": Backup(ref="asset:a", path=str(tmp_path / "a.tar"), sha256=DIGEST)})
    (tmp_path / "a.tar").write_bytes(DATA)
    made.restart(SeeingValve(made.world))
    yield made
    made.end()


def checks(effector: Effector, target: str) -> tuple[Check, ...]:
    reply = effector.core.answer(wire.Inspect(target))
    assert isinstance(reply, wire.Inspection)
    return reply.checks


def test_configuration_and_backup_are_told_whatever_stops_effects(effector: Effector) -> None:
    effector.switch.engage()
    path = f"{effector.folder}/a.tar has the recorded SHA-256 {DIGEST[:12]}…"
    wanted = (Check("asset:a", "configuration", "verified", "as approved"), Check("asset:a", "backup", "verified", path))
    assert checks(effector, "asset:a") == wanted
    assert checks(effector, "asset:b") == (Check("asset:b", "configuration", "verified", "as approved"),)
    assert checks(effector, "asset:of-nobody") == ()


@pytest.mark.parametrize(("standing", "told"), [("absent", "failed"), ("partial", "failed"), ("unknown", "unknown")])
def test_what_an_actuator_sees_is_told_as_it_stands(effector: Effector, standing: str, told: str) -> None:
    effector.valve.shows = Seen(standing, "why")  # type: ignore[attr-defined, arg-type]
    assert checks(effector, "asset:b") == (Check("asset:b", "configuration", told, "why"),)  # type: ignore[arg-type]
    read = [check.what for check in checks(effector, "asset:a")]
    assert read == (["configuration"] if told == "failed" else ["configuration", "backup"])


def test_the_state_that_a_roll_back_in_force_brought_about_is_the_approved_one(effector: Effector) -> None:
    effector.core.answer(wire.Fence(1))
    effector.core.answer(wire.Apply("e", "shut", "asset:b", 1, {"tag": "v2"}))
    checks(effector, "asset:b")
    assert "inspect e {'tag': 'v2'}" in effector.valve.calls
    assert "inspect inspection {}" in effector.valve.calls  # of the other action, which is not in force


def test_one_that_cannot_tell_says_nothing(tmp_path: Path) -> None:
    made = Effector(tmp_path, World())
    assert checks(made, "asset:a") == ()
    made.end()


def test_each_action_is_looked_at_once(effector: Effector) -> None:
    checks(effector, "asset:b")
    assert effector.valve.calls == ["inspect inspection {}"] * 2


def test_a_backup_that_takes_long_is_told_as_being_read(effector: Effector, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(kept: Backup, going: Callable[[int, int], bool]) -> str:
        begun.set()
        going(30, 100)
        go_on.wait(5)
        return "read"

    monkeypatch.setattr(inspection, "READ_S", 0.02)
    monkeypatch.setattr(backup, "verified", slow)
    assert checks(effector, "asset:a")[1].standing == "pending"
    assert begun.wait(5)
    assert checks(effector, "asset:a")[1] == Check("asset:a", "backup", "pending", f"{effector.folder}/a.tar is being read, 30 %")
    go_on.set()
    monkeypatch.setattr(inspection, "READ_S", 5.0)
    assert checks(effector, "asset:a")[1] == Check("asset:a", "backup", "verified", "read")
    monkeypatch.undo()
    (effector.folder / "a.tar").write_bytes(b"other")
    assert checks(effector, "asset:a")[1].standing == "failed"  # read again, not remembered


def test_what_was_read_counts_a_while_and_not_beyond_a_change(effector: Effector, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(kept: Backup, going: Callable[[int, int], bool]) -> str:
        read.append(kept.ref)
        return verified(kept, going)

    monkeypatch.setattr(backup, "verified", noted)
    assert [checks(effector, "asset:a")[1].standing for _ in range(2)] == ["verified"] * 2
    assert len(read) == 1, "the other backups of a zone may still be read"
    (effector.folder / "a.tar").write_bytes(b"encrypted meanwhile")
    assert checks(effector, "asset:a")[1].standing == "failed"
    monkeypatch.setattr(inspection, "KEPT_S", -1.0)
    checks(effector, "asset:a")
    assert len(read) == 3


def test_an_effector_that_ends_gives_up_reading(effector: Effector) -> None:
    effector.core._inspection._closing.set()
    assert checks(effector, "asset:a")[1] == Check("asset:a", "backup", "unknown", "the effector is being ended")


# ---- one backup


def went(read: int, size: int) -> bool:
    return True


def why_not(kept: Backup) -> str:
    with pytest.raises(InputError) as error:
        verified(kept, went)
    return str(error.value)


def test_a_backup_must_be_there_be_readable_and_be_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "b"
    kept = Backup(ref="asset:a", path=str(path), sha256=DIGEST)
    assert why_not(kept) == f"{path} cannot be read: No such file or directory"
    path.write_bytes(DATA)
    assert verified(kept, went) == f"{path} has the recorded SHA-256 {DIGEST[:12]}…"
    path.write_bytes(DATA + b"!")
    assert why_not(kept).startswith(f"{path} has SHA-256 ")
    assert why_not(kept).endswith(f"recorded is {DIGEST[:12]}…")
    path.unlink()
    os.mkfifo(path)
    assert why_not(kept) == f"{path} is no plain file"
    with pytest.raises(Halted):
        verified(Backup(ref="asset:a", path=__file__, sha256=DIGEST), lambda read, size: False)


def test_digests_are_taken_from_a_list_that_only_its_owner_can_write(tmp_path: Path) -> None:
    path, sums = tmp_path / "b", tmp_path / "SHA256SUMS"
    path.write_bytes(DATA)
    kept = Backup(ref="asset:a", path=str(path), sums=str(sums))
    assert why_not(kept) == f"{sums} cannot be read: No such file or directory"
    sums.write_text(f"{DIGEST}  other\n")
    assert why_not(kept) == f"{sums} has no line for {path}; `sha256sum` writes such lines"
    sums.write_text(f"{'0' * 64}  b\n{DIGEST} *b\n")
    assert verified(kept, went).endswith(f"{DIGEST[:12]}…")
    sums.write_text(f"{DIGEST}  {path}\n")
    assert verified(kept, went)
    sums.chmod(0o666)
    assert why_not(kept).startswith(f"the digests in {sums} cannot be believed: {sums}: others than its owner can write to it")


FILE = """\
socket = "/run/s"
state = "/var/s"
kill_switch = "/var/STOP"
allow = []
"""


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ('path = "/b"', "asset:a: either sha256, or sums with the file that holds it, is needed"),
        (f'path = "/b"\nsha256 = "{DIGEST}"\nsums = "/s"', "asset:a: either sha256, or sums with the file that holds it, is needed"),
        (f'path = "b"\nsha256 = "{DIGEST}"', "path is 'b'; write an absolute path"),
        ('path = "/b"\nsums = "s"', "sums is 's'; write an absolute path"),
        ('path = "/b"\nsha256 = "ABC"', "sha256 is 'ABC'; 64 hexadecimal digits in small letters would be right"),
        (f'path = "/b"\nsha256 = "{DIGEST}"\n[[backup]]\nref = "asset:a"\npath = "/c"\nsha256 = "{DIGEST}"', "asset:a has two backups"),
        (f'path = "/b"\nsha256 = "{DIGEST}"\nfile = "/c"', "unknown key 'file'"),
    ],
)
def test_what_is_wrong_with_a_backup_is_named_at_its_line(tmp_path: Path, section: str, why: str) -> None:
    path = tmp_path / "effector.toml"
    path.write_text(f'{FILE}[[backup]]\nref = "asset:a"\n{section}\n')
    _, problems = settings.read(path)
    assert any(why in each.message and each.line >= 5 for each in problems), problems


def test_a_backup_is_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "effector.toml"
    path.write_text(f'{FILE}[[backup]]\nref = "asset:a"\npath = "/b"\nsums = "/s"\n')
    assert settings.load(path).backups == {"asset:a": Backup(ref="asset:a", path="/b", sums="/s")}


def test_a_directory_that_is_gone_or_a_link_is_not_as_approved(tmp_path: Path) -> None:
    actuator = GitConfig(GitSettings())
    assert isinstance(actuator, Inspector)
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("gone", "link"):
        target = Target(ref="asset:a", reach={"path": str(tmp_path / name), "git_dir": "/g", "approved": "v1"})
        seen = actuator.inspect(Job(effect="inspection", action="roll_back_config", target=target))
        assert seen == Seen("absent", f"{tmp_path / name} is not there, or no directory")
