"""Where findings, incidents, plans and dead letters go: NDJSON files whose bytes agree between replays of the same log.

Called by every runtime with what `step` returned. A file is cut back to a checkpoint's length before a replay goes on.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import msgspec

from interferon.model.errors import InputError
from interferon.model.records import DeadLetter, Finding, Incident, Plan

FILES: Final[dict[type, str]] = {
    Finding: "findings.ndjson",
    Incident: "incidents.ndjson",
    Plan: "plans.ndjson",
    DeadLetter: "dead_letters.ndjson",
}
_encode = msgspec.json.Encoder(order="deterministic").encode


class Records:
    """Appends each record to the file of its kind and counts them. Without a folder it only counts.

    InputError names the file where the disk does not take it.
    """

    def __init__(self, folder: Path | None, lengths: dict[str, int] | None = None) -> None:
        self.counts: dict[type, int] = dict.fromkeys(FILES, 0)
        self._out: dict[type, BinaryIO] = {}
        if folder is None:
            return
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; the results need a folder")
        folder.mkdir(parents=True, exist_ok=True)
        for kind, name in FILES.items():
            path = folder / name
            out = path.open("r+b" if lengths and path.exists() else "wb")
            out.truncate((lengths or {}).get(name, 0))
            out.seek(0, 2)
            self._out[kind] = out

    def put(self, record: Any) -> None:
        """Takes any output of `step`; commands are not recorded here."""
        kind = type(record)
        if kind not in self.counts:
            return
        self.counts[kind] += 1
        if kind in self._out:
            try:
                self._out[kind].write(_encode(record) + b"\n")
            except OSError as error:
                raise _not_taken(self._out[kind], error) from error

    def lengths(self) -> dict[str, int]:
        """Bytes written to each file so far, for a checkpoint."""
        for out in self._out.values():
            try:
                out.flush()
            except OSError as error:
                raise _not_taken(out, error) from error
        return {FILES[kind]: out.tell() for kind, out in self._out.items()}

    def synced(self) -> dict[str, int]:
        """The same once those bytes are on disk."""
        lengths = self.lengths()
        for out in self._out.values():
            try:
                os.fsync(out.fileno())
            except OSError as error:
                raise _not_taken(out, error) from error
        return lengths

    def close(self) -> None:
        """Closes all files, then raises InputError where one could not be written to its end."""
        failed = None
        for out in self._out.values():
            try:
                out.close()
            except OSError as error:
                failed = failed or _not_taken(out, error)
        if failed is not None:
            raise failed

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _not_taken(out: BinaryIO, error: OSError) -> InputError:
    return InputError(f"{out.name}: cannot be written: {error.strerror or error}; make room, then go on from the last checkpoint")
