"""Reads CEF, the Common Event Format of ArcSight (revision 25), alone or behind a syslog header; gzipped too.

Called by replay, discover and `up`. What a record means is in `sense.product_events`. An event's offset is the number of its line. Times
without a zone are UTC, or in the zone that `dtz` names as an offset; other lines of syslog between the records are read as such.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from interferon.model.errors import InputError
from interferon.sense.key_values import begins
from interferon.sense.log_lines import normalised, recorded
from interferon.sense.record_rows import Read
from interferon.store.recorded_bytes import Damage, lines

NAME: Final = "cef"
SUFFIXES: Final = (".cef", ".log", ".txt")
EXAMPLE: Final = (
    b"CEF:0|Plant Works|Gatekeeper|4.2|1001|Port scan|7|rt=1767600000250 src=10.0.0.9 dst=10.0.0.5 dpt=502 cs1=line 2 cs1Label=area"
    b" msg=many ports\\=17 in a row\n"
    b"<134>Jan  5 08:00:05 gate-1 CEF:0|Plant Works|Gatekeeper|4.2|login|Login failed|5|rt=Jan 05 2026 08:00:05.500 UTC suser=op-1"
    b" src=10.0.0.9 dst=10.0.0.1 outcome=failure\n"
)


def sniff(head: bytes) -> bool:
    """Whether its first line holds a record of CEF."""
    found = begins(next((line for line in head.splitlines() if line.strip(b"\x00 \xef\xbb\xbf")), b"").decode(errors="replace"))
    return found is not None and found[0] == "cef"


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
