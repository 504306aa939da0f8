"""From what the records of a log say to batches of events: rows of activity and telemetry with their offsets, and dead letters between.

Called by the connectors of host and cloud logs. Pure. A batch holds one family; the order of the records is kept.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense.batches import Column, batch
from interferon.sense.json_records import RAW, Record, records, shown

ROWS: Final = 8192
BYTES: Final = 1 << 25  # of attributes, at which a batch ends before it has its rows
LARGEST: Final = (1 << 63) - 1
LONGEST: Final = 2000  # characters of one value of a flat record
DEPTH: Final = 12  # of objects in objects that are made flat
ITEMS: Final = 64  # of a list whose fields are gathered

Item: TypeAlias = "pa.RecordBatch | DeadLetter"
Read: TypeAlias = Iterator[Item]


Attributes = Mapping[str, Any] | bytes | None


class Activity(NamedTuple):
    """One row of activity, as in `model/events.py`; `attributes` is a JSON object, as text or to be made into it."""

    time: int
    entity: str
    kind: str
    source: str | None = None
    target: str | None = None
    actor: str | None = None
    object: str | None = None
    code: str | None = None
    outcome: str | None = None
    bytes: int | None = None
    attributes: Attributes = None


class Sample(NamedTuple):
    """One row of telemetry."""

    time: int
    entity: str
    signal: str
    value: float | None
    quality: int = 0


class Note(NamedTuple):
    """What is no event and is told all the same, as a dead letter: why, and the record where it is a part of what was read."""

    reason: str
    raw: str = ""


Row = Activity | Sample
Mapped = Iterable[Row | Note]
Reader = Callable[[dict[str, Any], bytes], Mapped]  # of a record, and its text where it has that alone
FIELDS: Final[dict[str, tuple[str, ...]]] = {"activity": Activity._fields[:-1], "telemetry": Sample._fields}


class Rows:
    """Collects rows of one feed. `offset` is the next one's: rows and dead letters counted, or their lines where `at` says so."""

    def __init__(self, feed: str, first: int) -> None:
        self.feed, self.offset = feed, first
        self._family = ""
        self._rows: list[tuple[Any, ...]] = []
        self._offsets: list[int] = []
        self._texts: list[bytes | None] = []  # the attributes of activities
        self._size = 0
        self.ready: list[Item] = []  # in order; `taken` hands them over

    def at(self, offset: int) -> None:
        """The next row lies at `offset`, or behind the last one where that is later."""
        if offset > self.offset:
            self.offset = offset

    def after(self, item: Item) -> None:
        """The next row lies behind this item of the same feed."""
        self.at(1 + (item.offset if isinstance(item, DeadLetter) else item.column("offset")[-1].as_py()))

    def add(self, row: Row) -> None:
        if isinstance(row, Activity):
            coded = _coded(row.attributes)
            self._append("activity", row[:-1])
            self._texts.append(coded)
            self._size += len(coded or b"")
        else:
            self._append("telemetry", row)

    def _append(self, family: str, row: tuple[Any, ...]) -> None:
        if family != self._family or len(self._rows) >= ROWS or self._size >= BYTES:
            self._close()
            self._family = family
        self._rows.append(row)
        self._offsets.append(self.offset)
        self.offset += 1

    def dead(self, reason: str, raw: str) -> None:
        self._close()
        self.ready.append(DeadLetter(feed=self.feed, offset=self.offset, time=0, family="", entity="", reason=reason, raw=raw[:RAW]))
        self.offset += 1

    def taken(self) -> list[Item]:
        """What is complete."""
        ready, self.ready = self.ready, []
        return ready

    def rest(self) -> list[Item]:
        """What is left at the end."""
        self._close()
        return self.taken()

    def _close(self) -> None:
        if self._rows:
            columns: dict[str, Column] = dict(zip(FIELDS[self._family], map(list, zip(*self._rows, strict=True)), strict=True))
            if self._family == "activity":
                columns["attributes"] = pa.array(self._texts, pa.binary()).cast(pa.string())
            self.ready.append(batch(self._family, self.feed, {**columns, "offset": self._offsets}))
        self._rows, self._offsets, self._texts, self._size = [], [], [], 0


def _coded(attributes: Attributes) -> bytes | None:
    return attributes if isinstance(attributes, bytes) else encoded(attributes) if attributes else None


def of_lines(
    lines: Iterable[bytes], feed: str, first: int, of: Reader, wrappers: frozenset[str] = frozenset(), *, by_line: bool = False
) -> Read:
    """The events of the records in these lines (`json_records.records`), each through `of`, which raises ValueError for one it cannot read.

    `by_line`: a record's offset is its line's, counted from `first`, or the one behind the last where several share a line.
    """
    rows = Rows(feed, first)
    for each in records(lines, wrappers):
        if by_line:
            rows.at(first + each.line)
        if isinstance(each, Record):
            _one(each.value, each.raw, each.line, rows, of)
        else:
            rows.dead(f"line {each.line + 1} is no JSON record: {each.reason}", each.raw)
        if rows.ready:
            yield from rows.taken()
    yield from rows.rest()


def _one(value: Any, raw: bytes, line: int, rows: Rows, of: Reader) -> None:
    if not isinstance(value, dict):
        rows.dead(f"line {line + 1}: a record is a JSON object, not {type(value).__name__}", shown(value))
        return
    try:
        for row in of(value, raw):
            if isinstance(row, Note):
                rows.dead(f"line {line + 1}: {row.reason}", row.raw or shown(value))
            else:
                rows.add(row)
    except ValueError as error:
        rows.dead(f"line {line + 1}: {error}", shown(value))


# what records are made of


encoded: Final = msgspec.json.Encoder().encode


def joined(extra: Mapping[str, Any], raw: bytes) -> bytes:
    """The JSON object `raw` with fields in front of it. One that it has itself keeps its own value: of two, the later one counts."""
    given = encoded({key: value for key, value in extra.items() if value is not None and value != ""})
    return given[:-1] + b"," + raw[1:] if len(given) > 2 and len(raw) > 2 else raw if len(given) == 2 else given


def text(value: Any) -> str:
    """A scalar as text; '' for anything else, and for the dash that means nothing in many logs."""
    kind = value.__class__
    if kind is str:
        return "" if value == "-" else str(value)
    if kind is bool:
        return "true" if value else "false"
    return str(value) if kind is int or kind is float else ""


def table(value: Any) -> dict[str, Any]:
    """The object that a value is; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def count(value: Any) -> int | None:
    """A whole number of at least zero that a column holds, also where it is written as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST else None


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record on one level, as rules name its fields: `a.b` for an object's; a list stays, its objects' fields beside it as lists.

    Texts are cut at LONGEST characters, objects more than DEPTH deep stay as they are.
    """
    found: dict[str, Any] = {}
    _flatten(record, "", found, DEPTH)
    return found


def _flatten(record: Mapping[str, Any], prefix: str, found: dict[str, Any], depth: int) -> None:
    for name, value in record.items():
        kind = value.__class__
        if kind is str:
            found[prefix + name] = value if len(value) <= LONGEST else value[:LONGEST]
        elif kind is dict and value and depth:
            _flatten(value, f"{prefix}{name}.", found, depth - 1)
        else:
            found[prefix + name] = value
            if kind is list and depth:
                _gather(value, f"{prefix}{name}.", found, depth - 1)


def _gather(items: list[Any], prefix: str, found: dict[str, Any], depth: int) -> None:
    gathered: dict[str, list[Any]] = {}
    for item in items[:ITEMS]:
        if item.__class__ is dict:
            below: dict[str, Any] = {}
            _flatten(item, prefix, below, depth)
            for key, each in below.items():
                gathered.setdefault(key, []).extend(each if each.__class__ is list else (each,))
    found.update(gathered)
