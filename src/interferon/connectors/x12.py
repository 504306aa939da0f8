"""Reads ANSI ASC X12 interchanges: 850, 855 and 860 orders, 856 ship notices, 861 receiving advices, 846 stock, 810 invoices.

Called by replay, `discover` and `up`. One trade event a line. What does not add up (SE, GE, IEA, CTT), is cut off, or is of another type is
a dead letter; the lines of a set whose count is wrong still count, with the attribute `control` and half the trust.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense import trade_lines, x12_messages, x12_segments
from interferon.store.recorded_bytes import document

NAME: Final = "x12"
SUFFIXES: Final = (".x12", ".edi")
WHOLE: Final = True
EXAMPLE: Final = (
    b"ISA*00*          *00*          *14*9521321000018  *14*9521321000025  *260105*0800*U*00401*000000077*0*P*>~"
    b"GS*PO*9521321000018*9521321000025*20260105*0800*77*X*004010~ST*850*0001~BEG*00*SA*PO-17**20260105~DTM*002*20260112~"
    b"N1*BY*Plant*UL*9521321000018~N1*ST*Plant*UL*9521321000018~PO1*1*12*EA*2.50*PE*UK*09521321123458~CTT*1~SE*8*0001~GE*1*77~IEA*1*000000077~"
)
_HEAD: Final = re.compile(rb"\s*ISA([^A-Za-z0-9\s])\d\d\1[^\r\n]{10}\1\d\d\1")

Read = Iterator["pa.RecordBatch | DeadLetter"]


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the lines. InputError where the file is not there, cannot be read, or is too large."""
    yield from normalise(document(path), feed or path.stem)


def sniff(head: bytes) -> bool:
    """Whether the first bytes are an ISA segment."""
    return _HEAD.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The lines of all transaction sets of one file; the first row or dead letter has offset `first`, each next one more."""
    return trade_lines.batches(_items(data, feed), feed, first)


def _items(data: bytes, feed: str) -> Iterator[trade_lines.Item]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    empty = True
    for each in trade_lines.items(x12_segments.messages(x12_segments.segments(text)), x12_messages.papers, feed):
        empty = False
        yield each
    if empty:
        yield "the file holds no ISA segment; an interchange begins with one", text[:2000]
