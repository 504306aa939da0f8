"""A configuration goes back to its approved state under git, byte for byte, and what stood there comes back with undo."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interferon.effector import kit
from interferon.effector.actuators import git_config
from interferon.effector.protocol import Job, Target

from .live_feeds import absent

RELOAD = "import sys, pathlib; p = pathlib.Path(sys.argv[1], 'main.conf'); sys.exit(b'broken' in p.read_bytes())"


class Managed:
    """`live` is the configuration, `repository` its history: one signed tag, one that is not, one of somebody else."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.live, self.repository = folder, folder / "live", folder / "repository"
        self.live.mkdir()
        (self.live / "sub").mkdir()
        (self.live / "main.conf").write_bytes(b"speed = 40\r\n\xff\n")  # what git would convert, were it asked to
        (self.live / ".gitattributes").write_text("* text=auto eol=lf\n*.conf filter=evil\n")
        (self.live / "sub" / "start.sh").write_text("#!/bin/sh\n")
        (self.live / "sub" / "start.sh").chmod(0o755)
        (self.live / "secret").write_text("s3cret")
        (self.live / "secret").chmod(0o600)
        (self.live / "link").symlink_to("main.conf")
        for name in ("owner", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        (folder / "signers").write_text(f"owner {(folder / 'owner.pub').read_text()}")
        self.git("init", "-q", "-b", "main")
        (self.repository / "info" / "attributes").write_text("* -text -filter\n")
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", "approved")
        self.commit = self.git("rev-parse", "HEAD").strip()
        for tag, key in (("approved/1", "owner"), ("forged/1", "stranger")):
            self.git("-c", "gpg.format=ssh", "-c", f"user.signingkey={folder / key}", "tag", "-s", "-m", "as it is", tag)
        self.git("tag", "-a", "-m", "unsigned", "unsigned/1")
        (self.repository / "info" / "attributes").unlink()

    def git(self, *words: str) -> str:
        own = ["-c", "user.name=x", "-c", "user.email=x@x"]
        where = ["--git-dir", str(self.repository), "--work-tree", str(self.live)]
        return subprocess.run(["git", *own, *where, *words], check=True, capture_output=True, text=True).stdout

    def drift(self) -> None:
        """What an attacker does: changes, adds, removes, and leaves what git does not keep."""
        (self.live / "main.conf").write_text("speed = 900\n")
        (self.live / "main.conf").chmod(0o666)
        (self.live / "backdoor").write_text("x")
        (self.live / ".gitignore").write_text("backdoor\n")
        (self.live / "sub" / "start.sh").unlink()
        (self.live / "empty").mkdir()
        (self.live / "link").unlink()
        (self.live / "link").symlink_to("/etc/passwd")

    def state(self) -> Any:
        found = {}
        for path in [self.live, *self.live.rglob("*")]:
            told = path.lstat()
            data = os.fsencode(path.readlink()) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
            found[str(path)] = (stat.S_IFMT(told.st_mode), stat.S_IMODE(told.st_mode), told.st_uid, told.st_gid, data)
        return found

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.repository.rename(self.folder / "away")
        try:
            yield
        finally:
            (self.folder / "away").rename(self.repository)

    def settings(self, *command: str) -> git_config.Settings:
        own = command or (sys.executable, "-c", RELOAD, str(self.live))
        return git_config.Settings(reload={"asset:hmi-1": own}, allowed_signers=str(self.folder / "signers"))

    def job(self, approved: str = "approved/1", first: str = "", params: dict[str, Any] | None = None, **more: str) -> Job:
        reach = {"path": str(self.live), "git_dir": str(self.repository), "approved": approved, **more}
        target = Target(ref="asset:hmi-1", reach=reach, identity={"first_commit": first or self.commit})
        return Job(effect="e-1", action="roll_back_config", target=target, params=params or {})


@pytest.fixture
def managed(tmp_path: Path) -> Managed:
    for program in ("git", "ssh-keygen"):
        if shutil.which(program) is None:
            absent(program)
    return Managed(tmp_path)


@pytest.mark.parametrize("by", ["tag", "commit"])
def test_the_kit(managed: Managed, by: str) -> None:
    approved = "approved/1" if by == "tag" else managed.commit
    managed.drift()
    world = kit.World(
        actuator=git_config.make(managed.settings()),
        job=managed.job(approved),
        impostor=managed.job(approved, "0" * 40),
        state=managed.state,
        tamper=lambda: (managed.live / "main.conf").write_text("speed = 901\n"),
        cut=managed.cut,
    )
    assert kit.problems(world) == []


def test_it_is_the_approved_bytes_and_what_stood_there_is_on_a_branch(managed: Managed) -> None:
    approved = managed.state()
    managed.drift()
    actuator = git_config.make(managed.settings())
    task = kit.recorded(actuator, managed.job())
    assert actuator.look(task).detail.endswith("in 5 files: .gitignore, backdoor, link")
    assert actuator.apply(task).result == "ok"
    assert managed.state() == approved
    assert managed.git("show", "interferon/e-1:main.conf") == "speed = 900\n"
    assert managed.git("show", "interferon/e-1:backdoor") == "x"
    assert sorted(path.name for path in managed.folder.iterdir() if path.name.startswith(".")) == []


def test_a_configuration_that_its_program_does_not_take_is_taken_back(managed: Managed) -> None:
    (managed.live / "main.conf").write_text("broken")
    managed.git("add", "-A", "-f")
    managed.git("commit", "-q", "-m", "broken")
    bad = managed.git("rev-parse", "HEAD").strip()
    (managed.live / "main.conf").write_text("speed = 41\n")
    start = managed.state()
    actuator = git_config.make(managed.settings())
    outcome = actuator.apply(kit.recorded(actuator, managed.job(bad)))
    assert outcome.result == "failed"
    assert "ends with 1" in outcome.detail
    assert managed.state() == start


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"approved": "forged/1"}, "tag forged/1 has no signature of an allowed signer"),
        ({"approved": "unsigned/1"}, "tag unsigned/1 has no signature of an allowed signer"),
        ({"approved": "--upload-pack=x"}, "is neither a commit in full nor a tag"),
        ({"params": {"tag": "unsigned/1"}}, "tag unsigned/1 has no signature of an allowed signer"),
        ({"params": {"tag": "0" * 40}}, "has no signature of an allowed signer"),
        ({"git_dir": "{live}/.git"}, "git_dir of asset:hmi-1 lies in its path"),
    ],
)
def test_what_is_not_approved_is_refused(managed: Managed, given: dict[str, Any], why: str) -> None:
    managed.drift()
    start = managed.state()
    filled: dict[str, Any] = {key: value.format(live=managed.live) if isinstance(value, str) else value for key, value in given.items()}
    outcome = git_config.make(managed.settings()).apply(managed.job(**filled))
    assert outcome.result == "refused"
    assert why in outcome.detail
    assert managed.state() == start


def test_without_signers_no_tag_is_trusted(managed: Managed) -> None:
    outcome = git_config.make(git_config.Settings()).identify(managed.job())
    assert "allowed_signers of git_config is not set" in outcome.detail


def test_a_pipe_that_somebody_put_there_keeps_nothing_from_going_back(managed: Managed) -> None:
    os.mkfifo(managed.live / "pipe")
    actuator = git_config.make(managed.settings())
    task = kit.recorded(actuator, managed.job())
    assert actuator.look(task).standing == "absent"
    assert actuator.apply(task).result == "ok"
    assert not (managed.live / "pipe").exists()
    assert actuator.undo(task).result == "ok"


def test_a_reload_that_is_not_there_is_unknown(managed: Managed) -> None:
    managed.drift()
    assert git_config.make(managed.settings("/no/such/program")).apply(managed.job()).result == "unknown"
