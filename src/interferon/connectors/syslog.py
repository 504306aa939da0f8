"""Reads syslog: RFC 5424, RFC 3164 and its variants, counted frames (RFC 6587), and files such as auth.log without a priority; gzipped too.

Called by replay, discover and `up`. What a message means is in `sense.log_lines`. An event's offset is the number of its line; several
messages in one line count on from it. Times without a zone are UTC; a year that is left out is told by other lines or the file's time.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from interferon.model.errors import InputError
from interferon.sense.json_records import BOM
from interferon.sense.key_values import begins
from interferon.sense.log_lines import normalised, recorded
from interferon.sense.record_rows import Read
from interferon.sense.syslog_frames import frames
from interferon.sense.syslog_lines import message
from interferon.store.recorded_bytes import Damage, lines

NAME: Final = "syslog"
SUFFIXES: Final = (".log", ".syslog")
EXAMPLE: Final = (
    b'<134>1 2026-01-05T08:00:00.125Z plc-gw.plant.example gateway 812 LINK [link@32473 port="3" state="down"] port 3 lost its link\n'
    b"<38>Jan  5 08:00:05 hmi-1 sshd[4711]: Accepted publickey for op-1 from 10.0.0.9 port 50112 ssh2: ED25519 SHA256:abc\n"
    b"2026-01-05T09:00:07.250000+01:00 hmi-1 sudo:     op-1 : TTY=pts/0 ; PWD=/home/op-1 ; USER=root ; COMMAND=/usr/bin/id\n"
)
LOOKED_AT: Final = 5  # messages at the beginning of a file, all of which must be syslog
LEVELS: Final = {"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"}  # an application's own log, no host
_PRIORITY: Final = re.compile(rb"<\d{1,3}>")
_ZONED: Final = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d) |1 \d{4}-")


def sniff(head: bytes) -> bool:
    """Whether it begins with messages that have a priority, or a time, a host and a program; none of them CEF or LEEF."""
    listed = head.removeprefix(BOM).splitlines(keepends=True)[: LOOKED_AT + 1]
    listed = listed[:-1] if len(listed) > LOOKED_AT or (len(listed) > 1 and not head.endswith(b"\n")) else listed
    found = [frame.data for frame in frames(listed) if not frame.data.startswith(b"-- ")]  # where a journal says where it begins
    return bool(found) and all(_is_message(data) for data in found[:LOOKED_AT])


def _is_message(data: bytes) -> bool:
    text = data.decode(errors="replace")
    if begins(text) is not None:
        return False
    try:
        said = message(text)
    except ValueError:
        return False
    if _PRIORITY.match(data):
        return bool(said.stamp or said.program)
    if said.stamp is None or not said.host or said.host.upper().strip("[]") in LEVELS:
        return False
    return bool(said.program) and (not said.stamp.year or _ZONED.match(data) is not None)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the lines, and what could not be read. InputError where there is no such file."""
    try:
        received = path.stat().st_mtime_ns // 1000
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    damage = Damage()
    yield from recorded(lambda: lines(path, damage), damage, feed or path.stem, received)


def normalise(lines: Iterable[bytes], feed: str, first: int = 0, received: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`.

    `received`: microseconds, when the lines came at the latest, for times that leave out their year.
    """
    yield from normalised(lines, feed, first, received)
