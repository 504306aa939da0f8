"""What holds of everything that a parser gives, whatever bytes it was given. Called by the targets; pure.

Rows of a dissector (dissect/message.py), events and dead letters of a connector (model/events.py, runtime/connector_kit.py).
"""

import json
import math
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import pyarrow as pa

from interferon.dissect.message import ROLES, Plain
from interferon.model.events import ACTIVITY_KINDS, FAMILIES, TRADE_KINDS
from interferon.model.records import DeadLetter

FEED: Final = "fuzz"
ROWS: Final = 65_536  # of one batch
RAW: Final = 2000  # characters of a dead letter
SAMPLE: Final = 64  # bytes of a problem
FIXED: Final = 1 << 16  # bytes that the smallest input may become
AMPLE: Final = 512  # bytes that each byte of an input may become
KINDS: Final = {"activity": ACTIVITY_KINDS, "trade": TRADE_KINDS}


def rows_hold(rows: list[Plain], flow: int, last: int, size: int) -> None:
    """Rows of one conversation: packets 0 to `last`, `size` bytes."""
    told = 0
    for row in rows:
        packet, number, to_server, name, role, code, thing, outcome, length, fields = row
        assert 0 <= packet <= last, row
        assert (number, type(to_server)) == (flow, bool), row
        assert name.isidentifier(), row  # the dissector's own, or a layer below it: `cotp`
        assert role in ROLES, row
        assert outcome in ("", "success", "failure"), row
        assert type(length) is int, row
        assert length >= 0, row
        told += len(code.encode()) + len(thing.encode()) + len(_plain(fields))
        if role == "problem":
            assert fields["problem"], row
            assert len(bytes.fromhex(fields.get("sample", ""))) <= SAMPLE, row
        else:
            assert code, row
    assert told <= FIXED + AMPLE * size, f"{size} bytes became {told:,}"


def _plain(fields: dict[str, Any]) -> bytes:
    """The fields as JSON: by the standard library, which refuses bytes and NaN, and as the events are written."""
    assert all(isinstance(key, str) for key in fields), fields
    json.dumps(fields, allow_nan=False)
    return msgspec.json.encode(fields)


def items_hold(items: Iterable[pa.RecordBatch | DeadLetter], size: int, *, ours: bool = False) -> None:
    """Events and dead letters of `size` bytes. Of our own events (`ours`) references, kinds and offsets are checked by `sense.admit`."""
    last: dict[str, int] = {}
    told = 0
    for item in items:
        if isinstance(item, DeadLetter):
            one_line(item.reason)
            assert item.feed, item
            assert len(item.raw) <= RAW, item
            told += len(msgspec.json.encode(item))
            continue
        told += item.nbytes
        batch_holds(item)
        if not ours:
            _known(item)
            _goes_up(item, last)
        assert told <= FIXED + AMPLE * size, f"{size} bytes became at least {told:,}"
    assert told <= FIXED + AMPLE * size, f"{size} bytes became {told:,}"


def batch_holds(batch: pa.RecordBatch) -> None:
    """One batch is of one family: its schema, no nulls where none may be, finite numbers."""
    batch.validate(full=True)
    family = (batch.schema.metadata or {})[b"family"].decode()
    assert batch.schema.equals(FAMILIES[family]), batch.schema
    assert 0 < batch.num_rows <= ROWS, batch.num_rows
    for field in batch.schema:
        assert field.nullable or not batch.column(field.name).null_count, field.name
    for row in batch.to_pylist():
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float)), row


def _known(batch: pa.RecordBatch) -> None:
    """References are references, kinds are known, attributes are an object of JSON."""
    kinds = KINDS.get(batch.schema.metadata[b"family"].decode())
    for row in batch.to_pylist():
        assert ":" in row["entity"], row
        assert kinds is None or row["kind"] in kinds, row
        if row.get("attributes") is not None:
            assert isinstance(msgspec.json.decode(row["attributes"]), dict), row


def _goes_up(batch: pa.RecordBatch, last: dict[str, int]) -> None:
    for feed, offset in zip(batch.column("feed").to_pylist(), batch.column("offset").to_pylist(), strict=True):
        assert offset > last.get(feed, -1), f"offset {offset} after {last[feed]}"
        last[feed] = offset


def one_line(text: str) -> None:
    """What a person is told is one line, and not empty."""
    assert text.strip(), "no reason is told"
    assert "\n" not in text, f"several lines: {text!r}"
    text.encode()
