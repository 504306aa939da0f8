"""Reads UN/EDIFACT interchanges (ISO 9735): orders, order responses, despatch and receiving advices, stock reports, invoices.

Called by replay, `discover` and `up`. One trade event a line (LIN). What does not add up (UNT, UNZ), is cut off, or is of another type is a
dead letter; the lines of a message whose count is wrong still count, with the attribute `control` and half the trust.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense import edifact_messages, edifact_segments, trade_lines
from interferon.store.recorded_bytes import document

NAME: Final = "edifact"
SUFFIXES: Final = (".edi", ".edifact")
WHOLE: Final = True
EXAMPLE: Final = (
    b"UNA:+.? 'UNB+UNOC:3+9521321000018:14+9521321000025:14+260105:0800+77'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-17+9'"
    b"DTM+137:20260105:102'DTM+2:20260112:102'NAD+BY+9521321000018::9'NAD+SU+9521321000025::9'LIN+1++09521321123458:SRV'QTY+21:12:PCE'"
    b"PRI+AAA:2.50'UNS+S'CNT+2:1'UNT+12+1'UNZ+1+77'"
)
_HEAD: Final = re.compile(rb"\s*(?:UNA.{5}[^A-Za-z0-9]\s*)?UNB[^A-Za-z0-9 ][A-Z]{4}[^A-Za-z0-9 ]", re.DOTALL)

Read = Iterator["pa.RecordBatch | DeadLetter"]


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the lines. InputError where the file is not there, cannot be read, or is too large."""
    yield from normalise(document(path), feed or path.stem)


def sniff(head: bytes) -> bool:
    """Whether the first bytes are UNA and UNB, or UNB alone."""
    return _HEAD.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The lines of all messages of one file; the first row or dead letter has offset `first`, each next one more."""
    return trade_lines.batches(_items(data, feed), feed, first)


def _items(data: bytes, feed: str) -> Iterator[trade_lines.Item]:
    try:
        marks, start = edifact_segments.separators(data)
    except ValueError as error:
        yield f"the file {error}", data[:2000].decode("latin-1")
        return
    before = data[: data.index(b"UN")].removeprefix(b"\xef\xbb\xbf").strip()
    if before:
        yield "something stands before UNA or UNB", before.decode("latin-1")
    found = edifact_segments.segments(edifact_segments.decoded(data[start:], marks), marks)
    yield from trade_lines.items(edifact_segments.messages(found), edifact_messages.papers, feed)
