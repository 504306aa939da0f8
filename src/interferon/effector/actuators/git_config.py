"""Brings a managed directory back to its approved state under git and reloads what reads it. Called by the effector's core.

The repository lies outside the directory and belongs to the effector: what an attacker writes into the directory is data and never a hook,
a filter or a setting of git. Runs `git`, `ssh-keygen` (through git, for signed tags) and the reload command of the effector's file.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from interferon.effector import directory
from interferon.effector.answers import Denied, Unanswered, identified, reach, same, shown, stood, told, unfit
from interferon.effector.directory import Entry, Files
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

T = TypeVar("T")
COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
PERSON: Final = {
    **{"GIT_AUTHOR_NAME": "Interferon", "GIT_AUTHOR_EMAIL": "effector@localhost"},
    **{"GIT_COMMITTER_NAME": "Interferon", "GIT_COMMITTER_EMAIL": "effector@localhost"},
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[git_config]`. `reload` gives the command of each target as a list of words; `allowed_signers` is a file as ssh-keygen(1) has it."""

    reload: dict[str, tuple[str, ...]] = {}
    allowed_signers: str = ""
    machine_id_file: str = "/etc/machine-id"
    answer_s: float = 30.0


def capabilities(settings: Settings) -> set[str]:
    """To write where others own, and to give files the owner and permissions that they had."""
    return {"dac_override", "chown", "fowner"}


def make(settings: Settings) -> Actuator:
    return GitConfig(settings)


class GitConfig:
    """reach: `path`, `git_dir` (outside of it), `approved`: a commit in full, or a tag that an allowed signer has signed.

    identity: `first_commit` of the approved history, `machine_id`. params: `tag`, another signed tag in place of `approved`.
    """

    name = "git_config"
    actions = frozenset({"roll_back_config"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        return shown(lambda: Seen("absent", "" if self._run(["git", "version"]) else "git tells no version")).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        return unfit(target, ["path", "git_dir", "approved"], ("first_commit", "machine_id"))

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{self._meant(job)} is approved for {job.target.ref}")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: self._before(job))

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._apply(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def inspect(self, job: Job) -> Seen:
        """As `look`; where nothing, or a link, stands in the directory's place, that differs from what is approved."""
        if not _root(job).is_dir() or _root(job).is_symlink():
            return Seen("absent", f"{_root(job)} is not there, or no directory")
        return self.look(job)

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._undo(job))

    def _meant(self, job: Job) -> str:
        """The approved commit, after signature and identity have been verified."""
        if not _root(job).is_dir() or _root(job).is_symlink():
            raise Unanswered(f"{_root(job)} is not there, or no directory")
        if _root(job) in Path(reach(job, "git_dir")).parents:
            raise InputError(f"git_dir of {job.target.ref} lies in its path: who can write there could make git run commands")
        commit = self._approved(job)
        first = self._git(job, "rev-list", "--max-parents=0", commit).split()
        same(job, {"first_commit": first[-1], "machine_id": _read(self._settings.machine_id_file).strip()})
        return commit

    def _approved(self, job: Job) -> str:
        name = str(job.params.get("tag", "")) or reach(job, "approved")
        if COMMIT.fullmatch(name) and "tag" not in job.params:
            return self._git(job, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").strip()
        if not TAG.fullmatch(name):
            raise InputError(f"{name!r} is neither a commit in full nor a tag")
        if not self._settings.allowed_signers:
            raise InputError(f"tag {name}: allowed_signers of git_config is not set, so no signature can be trusted")
        signed = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={self._settings.allowed_signers}")
        try:
            self._git(job, "verify-tag", f"refs/tags/{name}", options=signed)
        except Denied as error:
            raise InputError(f"tag {name} has no signature of an allowed signer: {error}") from error
        return self._git(job, "rev-parse", "--verify", "--end-of-options", f"refs/tags/{name}^{{commit}}").strip()

    def _before(self, job: Job) -> dict[str, Any]:
        """What stands in the directory, as a commit in the repository that nothing refers to yet, with owners and permissions."""
        approved, root = self._meant(job), _root(job)
        how = self._seen(lambda: directory.entries(root))
        wanted = _kept(self._files(job))
        for path in wanted:
            data = self._seen(lambda path=path: directory.content(root / path))  # type: ignore[misc]
            self._git(job, "hash-object", "-w", "--stdin", data=data)
        commit = self._commit(job, wanted, approved)
        return {"approved": approved, "commit": commit, "entries": [[each.path, each.mode, each.uid, each.gid] for each in how]}

    def _commit(self, job: Job, wanted: Files, parent: str) -> str:
        """A commit of these files, made with an index of its own."""
        index = Path(reach(job, "git_dir")) / f"index.{_mark(job)}"
        rows = b"".join(b"%s %s\t%s\0" % (mode.encode(), name.encode(), os.fsencode(path)) for path, (mode, name) in wanted.items())
        more = {"GIT_INDEX_FILE": str(index)}
        try:
            self._git(job, "update-index", "-z", "--index-info", data=rows, env=more)
            tree = self._git(job, "write-tree", env=more).strip()
        finally:
            index.unlink(missing_ok=True)
        return self._git(job, "commit-tree", "-p", parent, "-m", f"What stood before {job.effect}", tree, env=PERSON).strip()

    def _apply(self, job: Job) -> str:
        approved, root = self._meant(job), _root(job)
        wanted = self._tree(job, approved)
        if job.before:
            self._git(job, "branch", "--force", f"interferon/{_mark(job)}", job.before["commit"])
        if self._files(job) != wanted:
            self._put(job, wanted, directory.approved_entries(wanted, self._seen(lambda: directory.entries(root))))
        try:
            self._reload(job)
        except Denied:
            if job.before:
                self._restore(job)
            raise
        return f"{root} is {approved[:12]}; what stood there is the branch interferon/{_mark(job)}"

    def _look(self, job: Job) -> Seen:
        approved, root = self._meant(job), _root(job)
        now, wanted = self._files(job), self._tree(job, approved)
        if now == wanted:
            return Seen("in_force", f"{root} is {approved[:12]}, {len(now)} files byte for byte")
        other = sorted(path for path in {*now, *wanted} if now.get(path) != wanted.get(path))
        detail = f"{root} differs from {approved[:12]} in {len(other)} files: {', '.join(other[:3])}"
        started = not job.before or _kept(now) == self._tree(job, job.before["commit"])
        return Seen("absent" if started else "partial", detail)

    def _undo(self, job: Job) -> str:
        self._meant(job)
        if not job.before:
            raise InputError(f"{job.effect} has nothing recorded that stood before")
        self._restore(job)
        self._reload(job)
        return f"{_root(job)} is what stood before, {job.before['commit'][:12]}"

    def _restore(self, job: Job) -> None:
        how = [Entry(*each) for each in job.before["entries"]]
        self._put(job, self._tree(job, job.before["commit"]), how)

    def _put(self, job: Job, wanted: Files, how: list[Entry]) -> None:
        try:
            directory.put(_root(job), wanted, how, lambda name: self._blob(job, name), f"interferon-{_mark(job)}")
        except OSError as error:
            raise Denied(f"{_root(job)} cannot be exchanged, and stays as it is: {error}") from error

    def _reload(self, job: Job) -> None:
        command = self._settings.reload.get(job.target.ref)
        if command:
            self._run(list(command))

    def _tree(self, job: Job, commit: str) -> dict[str, tuple[str, str]]:
        found = {}
        for row in self._git(job, "ls-tree", "-r", "-z", commit).split("\0")[:-1]:
            about, _, path = row.partition("\t")
            mode, kind, name = about.split()
            if kind != "blob":
                raise InputError(f"{path} of {commit[:12]} is a {kind}: only files and links can be brought back")
            found[path] = (mode, name)
        return found

    def _files(self, job: Job) -> dict[str, tuple[str, str]]:
        algorithm = self._algorithm(job)
        return self._seen(lambda: directory.files(_root(job), algorithm))

    def _seen(self, read: Callable[[], T]) -> T:
        """What `read` gives of the directory, which others may change meanwhile."""
        try:
            return read()
        except OSError as error:
            raise Unanswered(f"{error.filename}: {error.strerror}") from error

    def _blob(self, job: Job, name: str) -> bytes:
        return self._raw(["git", "--git-dir", reach(job, "git_dir"), "cat-file", "blob", name])

    def _algorithm(self, job: Job) -> Literal["sha1", "sha256"]:
        return "sha256" if self._git(job, "rev-parse", "--show-object-format").strip() == "sha256" else "sha1"

    def _git(self, job: Job, *words: str, options: tuple[str, ...] = (), data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        safe = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
        return self._run(["git", *safe, *options, "--git-dir", reach(job, "git_dir"), *words], data, env)

    def _run(self, command: list[str], data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        return os.fsdecode(self._raw(command, data, env))

    def _raw(self, command: list[str], data: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """What a command prints. `Denied` where it ends with anything but 0; settings of other users are not read."""
        seconds = self._settings.answer_s
        own = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        try:
            done = subprocess.run(command, input=data, capture_output=True, env={**own, **(env or {})}, timeout=seconds)  # noqa: S603 - git, and what the effector's file names
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unanswered(f"{command[0]}: {error}") from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            if b"not a git repository" in done.stderr:
                raise Unanswered(said[0])
            raise Denied(f"{command[0]} ends with {done.returncode}: {said[0] if said else 'without a word'}")
        return done.stdout


def _kept(found: Files) -> dict[str, tuple[str, str]]:
    """Without what git cannot keep."""
    return {path: about for path, about in found.items() if about[0] != directory.SPECIAL}


def _root(job: Job) -> Path:
    return Path(reach(job, "path"))


def _mark(job: Job) -> str:
    """The effect's id as part of a branch's name."""
    return job.effect if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", job.effect) else hashlib.sha256(job.effect.encode()).hexdigest()[:16]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
