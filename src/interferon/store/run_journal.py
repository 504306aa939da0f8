"""The journal of one run of a playbook: JSON lines, appended and on disk before the next thing is done.

Called by `runtime.playbook_run`.

The first line is the head (what is run, and with what), each other one an intent (a command is about to be given) or an event. A line
that was cut by a crash at the very end is dropped when the journal is opened again: nothing was done after it.
"""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from interferon.model.errors import InputError, JournalError

FORMAT: Final = "interferon-run-1"


class RunJournal:
    """An open journal; holds a lock, so that one process alone moves a run."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    @classmethod
    def create(cls, path: Path, head: dict[str, Any]) -> Self:
        """A new journal with this head. Raises `InputError` where the file is there already."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise InputError(f"{path}: there is such a file already; `interferon respond resume` continues a run") from None
        found = cls(path, descriptor)
        found._lock()
        found.write({"format": FORMAT, **head})
        folder = os.open(path.parent, os.O_RDONLY)  # so that the name outlives a power cut too
        os.fsync(folder)
        os.close(folder)
        return found

    @classmethod
    def open(cls, path: Path) -> tuple[Self, dict[str, Any], list[dict[str, Any]]]:
        """(the journal to go on writing, its head, its lines). Raises `InputError` where it is not one."""
        found = cls(path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC))
        try:
            found._lock()
            return found, *found._read(path.read_bytes())
        except InputError:
            os.close(found._descriptor)
            raise

    def _read(self, data: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        whole = data.rfind(b"\n") + 1
        lines = [_line(self.path, number, line) for number, line in enumerate(data[:whole].splitlines(), 1)]
        if not lines or lines[0].get("format") != FORMAT:
            raise InputError(f"{self.path}: is not the journal of a run (its first line must have the format {FORMAT!r})")
        if whole < len(data):
            os.ftruncate(self._descriptor, whole)
        return lines[0], lines[1:]

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.path}: another process is moving this run") from None

    def write(self, line: dict[str, Any]) -> None:
        """Appends a line; it is on disk when this returns."""
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise JournalError(f"{self.path}: the journal cannot be written ({error.strerror}); nothing more was done") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)


def _line(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path}:{number}: is not a JSON object; the journal is damaged")
    return found
