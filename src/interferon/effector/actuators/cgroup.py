"""Freezes a process with all its children in a control group of their own, or ends them. Called by the effector's core.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst (`cgroup.freeze`, since 5.2; `cgroup.kill`, since 5.14), proc_pid_stat(5). Reads
`/proc`, writes the cgroup v2 hierarchy, which may be mounted beside one of version 1.
"""

import contextlib
import hashlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from interferon.effector.answers import Another, Denied, Gone, Unanswered, identified, same, shown, stood, told, unfit
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

PROC: Final = Path("/proc")
POLL_S: Final = 0.005
ROUNDS: Final = 50  # of looking for children that were born meanwhile; a fork bomb is slower than this, for its parents are frozen


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[cgroup]`. Without `hierarchy` the cgroup2 mount of `/proc/mounts` is taken."""

    hierarchy: str = ""
    group: str = "interferon"  # below it each effect has a group of its own
    answer_s: float = 5.0


def capabilities(settings: Settings) -> set[str]:
    """To read what runs, to move it between groups, to end it where the kernel has no cgroup.kill."""
    return {"sys_ptrace", "dac_override", "kill"}


def make(settings: Settings) -> Actuator:
    return Cgroup(settings)


@dataclass(frozen=True)
class Process:
    """`start`: clock ticks after boot (field 22 of stat), which tells a process from a later one with the same number."""

    pid: int
    parent: int
    start: int
    state: str


class Reused(Another, Gone):
    """The number is that of a later process: the one that is meant has ended."""


class Cgroup:
    """params: `pid` and `start`, as the evidence has them. identity: `exe_sha256`, and `exe` (path) where the path says enough.

    Without them the one process that runs that program is meant, with all that it started; where there are several, none.
    """

    name = "cgroup"
    actions = frozenset({"freeze_process", "kill_process"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        return shown(self._ready).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        return unfit(target, [], ("exe_sha256", "exe"))

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"process {self._meant(job).pid} is the one that is meant")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: self._before(job))

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._kill(job) if job.action == "kill_process" else self._freeze(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look_killed(job) if job.action == "kill_process" else self._look_frozen(job))

    def undo(self, job: Job) -> Outcome:
        if job.action == "kill_process":
            return Outcome("refused", "a process that was ended cannot be brought back")
        return told(lambda: self._thaw(job))

    def _ready(self) -> Seen:
        hierarchy = self._hierarchy()
        if not os.access(hierarchy, os.W_OK, effective_ids=True):
            return Seen("absent", f"{hierarchy} cannot be written: the effector needs the capability dac_override, or root")
        return Seen("absent")

    def _hierarchy(self) -> Path:
        if self._settings.hierarchy:
            found = Path(self._settings.hierarchy)
        else:
            mounts = [line.split() for line in (PROC / "mounts").read_text(encoding="utf-8").splitlines()]
            found = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), Path("/sys/fs/cgroup"))
        if not (found / "cgroup.procs").is_file():
            raise Unanswered(f"there is no cgroup v2 hierarchy at {found}; mount one (mount -t cgroup2 none {found})")
        return found

    def _group(self, job: Job) -> Path:
        mark = job.effect if re.fullmatch(r"[A-Za-z0-9-]+", job.effect) else hashlib.sha256(job.effect.encode()).hexdigest()[:16]
        return self._hierarchy() / self._settings.group / mark

    def _meant(self, job: Job) -> Process:
        """The process, after its start and its executable have been compared. `Denied` where it is gone."""
        self._hierarchy()
        pid, start = _known(job) or _sought(job)
        if pid in {each.pid for each in _ancestors(os.getpid())}:
            raise Another(f"process {pid} is the effector itself or what it was started by: never a target")
        process = _process(pid)
        if process is None or process.state in "ZX":
            raise Gone(f"process {pid} of {job.target.ref} is gone")
        if process.start != start:
            raise Reused(f"process {pid} began at {process.start}, meant is the one of {start}: the number was used again")
        same(job, _executable(pid))
        return process

    def _before(self, job: Job) -> dict[str, Any]:
        process = self._meant(job)
        found = {each.pid: [each.start, _standing(each.pid)] for each in _tree(process)}
        members = {str(pid): about for pid, about in found.items()}
        return {"group": _standing(process.pid), "members": members, "pid": process.pid, "start": process.start}

    def _gather(self, job: Job) -> Path:
        """The process and all that it started in a group of their own, frozen."""
        process, group = self._meant(job), self._group(job)
        try:
            group.mkdir(parents=True, exist_ok=True)
            (group / "cgroup.freeze").write_text("1")
            for _ in range(ROUNDS):
                outside = [each for each in _tree(process) if each.pid not in _members(group)]
                for each in outside:
                    with contextlib.suppress(ProcessLookupError):  # it ended by itself
                        (group / "cgroup.procs").write_text(str(each.pid))
                if not outside:
                    break
        except OSError as error:
            raise Denied(f"{group}: {error.strerror}") from error
        self._await(lambda: _frozen(group), f"{group} is not frozen")
        try:
            self._meant(job)  # again, now that it cannot end and leave its number to another one unseen
        except (Another, Denied):
            if job.before:
                self._thaw(job)
            raise
        return group

    def _await(self, done: Callable[[], bool], complaint: str) -> None:
        end = time.monotonic() + self._settings.answer_s
        while not done():
            if time.monotonic() > end:
                raise Unanswered(f"{complaint} after {self._settings.answer_s:g} s: a process waits for a device")
            time.sleep(POLL_S)

    def _freeze(self, job: Job) -> str:
        group = self._gather(job)
        return f"{len(_members(group))} processes stand still in {group}"

    def _look_frozen(self, job: Job) -> Seen:
        process, group = self._meant(job), self._group(job)
        inside = _members(group)
        if process.pid not in inside or not _frozen(group):
            return Seen("absent", f"process {process.pid} runs")
        outside = [each.pid for each in _tree(process) if each.pid not in inside]
        if outside:
            return Seen("partial", f"process {process.pid} stands still; what it started runs: {', '.join(map(str, outside))}")
        return Seen("in_force", f"{len(inside)} processes stand still in {group}")

    def _thaw(self, job: Job) -> str:
        """Each back into the group that it came from, where it runs on; what was born since, into that of its parent."""
        group = self._group(job)
        if not job.before:
            raise InputError(f"{job.effect} has nothing recorded that stood before")
        try:
            for pid in _members(group):
                home = job.before["members"].get(str(pid), [0, job.before["group"]])[1]
                with contextlib.suppress(ProcessLookupError):
                    self._home(home).write_text(str(pid))
            _remove(group)
        except OSError as error:
            raise Unanswered(f"{group}: {error.strerror}") from error
        return "every process runs on where it was"

    def _home(self, path: str) -> Path:
        """`cgroup.procs` of the group at `path`; of the root where that group is gone."""
        found = self._hierarchy() / path.lstrip("/") / "cgroup.procs"
        return found if found.exists() else self._hierarchy() / "cgroup.procs"

    def _kill(self, job: Job) -> str:
        """Frozen first, so that nothing is born while it ends. A process that is gone already is what was wanted."""
        self._hierarchy()
        if job.before and not self._survivors(job):
            return f"process {(_known(job) or _sought(job))[0]} is gone"
        group = self._gather(job)
        pids = _members(group)
        try:
            if (group / "cgroup.kill").exists():
                (group / "cgroup.kill").write_text("1")
            else:
                _end(pids)
        except OSError as error:
            raise Denied(f"{group}: {error.strerror}") from error
        self._await(lambda: not _members(group), f"{group} is not empty")
        _remove(group)
        return f"{len(pids)} processes ended"

    def _survivors(self, job: Job) -> list[int]:
        """Of the process and what it had started, those that live."""
        known = {int(pid): about[0] for pid, about in job.before.get("members", {}).items()} | dict([_known(job) or _sought(job)])
        living = ((pid, start, _process(pid)) for pid, start in known.items())
        return [pid for pid, start, now in living if now is not None and now.start == start and now.state not in "ZX"]

    def _look_killed(self, job: Job) -> Seen:
        self._hierarchy()
        pid, alive = (_known(job) or _sought(job))[0], self._survivors(job)
        if not alive:
            return Seen("in_force", f"process {pid} and what it started are gone")
        return Seen("absent" if pid in alive else "partial", f"still there: {', '.join(map(str, alive))}")


def _known(job: Job) -> tuple[int, int] | None:
    """Number and start as the evidence has them, or as they were found before anything was done; None where neither is."""
    if job.params.keys() & {"pid", "start"}:
        return _number(job, "pid"), _number(job, "start")
    return (job.before["pid"], job.before["start"]) if "pid" in job.before else None


def _sought(job: Job) -> tuple[int, int]:
    """The one process that runs the program of the target's identity. `Gone` where there is none, `Another` where there are several."""
    wanted = job.target.identity
    if not wanted:
        raise InputError(f"params of {job.effect} have no pid and start, and {job.target.ref} has no identity to find its process by")
    living = [each for each in _processes() if each.state not in "ZX"]
    found = {each.pid: each for each in living if _runs(each.pid, wanted)}
    first = [each for each in found.values() if not any(parent.pid in found for parent in _ancestors(each.parent))]
    if not first:
        raise Gone(f"no process of {job.target.ref} runs")
    if len(first) > 1:
        pids = ", ".join(str(each.pid) for each in first)
        raise Another(f"processes {pids} run the program of {job.target.ref}: pid and start would tell which is meant")
    return first[0].pid, first[0].start


def _runs(pid: int, wanted: Mapping[str, object]) -> bool:
    """Whether it runs that program; no file is read whose path says already that it is another one."""
    try:
        if "exe" in wanted and str((PROC / str(pid) / "exe").readlink()) != wanted["exe"]:
            return False
        shown = _executable(pid)
    except (OSError, Denied):  # it ended, or is of the kernel
        return False
    return all(shown.get(key) == value for key, value in wanted.items())


def _number(job: Job, key: str) -> int:
    value = job.params.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise InputError(f"params of {job.effect} have {key} {value!r}; pid and start are those of the process, as whole numbers")
    return value


def _process(pid: int) -> Process | None:
    """From stat; the name in it may hold blanks and brackets, so it is cut at the last one."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(pid, int(fields[1]), int(fields[19]), fields[0])


def _processes() -> list[Process]:
    found = (_process(int(path.name)) for path in PROC.iterdir() if path.name.isdigit())
    return [each for each in found if each is not None]


def _tree(process: Process) -> list[Process]:
    """The process and what it started, directly or not, as far as it lives."""
    everyone = [each for each in _processes() if each.state not in "ZX"]
    found = [each for each in everyone if each.pid == process.pid]
    for each in found:  # grows while it is walked
        found += [child for child in everyone if child.parent == each.pid]
    return found


def _ancestors(pid: int) -> Iterator[Process]:
    process = _process(pid)
    while process is not None:
        yield process
        process = _process(process.parent) if process.parent else None


def _executable(pid: int) -> dict[str, object]:
    """Through `/proc/PID/exe`, which is what runs, also where the file was replaced since."""
    where = PROC / str(pid) / "exe"
    try:
        with where.open("rb") as file:
            return {"exe_sha256": hashlib.file_digest(file, "sha256").hexdigest(), "exe": str(where.readlink())}
    except OSError as error:
        raise Denied(f"the executable of process {pid} cannot be read: {error.strerror}") from error


def _standing(pid: int) -> str:
    """Path of the process's group in the version 2 hierarchy."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return "/"  # it ended meanwhile
    return next((line[3:] for line in lines if line.startswith("0::")), "/")


def _members(group: Path) -> set[int]:
    try:
        return {int(line) for line in (group / "cgroup.procs").read_text(encoding="utf-8").split()}
    except OSError:  # it is gone, or goes while it is read
        return set()


def _frozen(group: Path) -> bool:
    try:
        return "frozen 1" in (group / "cgroup.events").read_text(encoding="utf-8")
    except OSError:
        return False


def _remove(group: Path) -> None:
    """Gone at once, or as soon as the last of its processes has been reaped: then it is left, empty."""
    with contextlib.suppress(OSError):
        group.rmdir()


def _end(pids: set[int]) -> None:
    """Where the kernel has no cgroup.kill; they are frozen, so the numbers cannot be used again."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)
