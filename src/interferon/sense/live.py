"""The seam of live feeds: what a source said, as plain rows; from rows to batches; and what a connector hands its takings to.

Called by the live connectors and the readers of payloads; `runtime.feeds` takes. Pure.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense.batches import batch
from interferon.sense.record_rows import Activity, Attributes

Item: TypeAlias = "pa.RecordBatch | DeadLetter"
Place: TypeAlias = dict[str, Any]  # plain JSON: where to go on
Take: TypeAlias = Callable[[Sequence[Item], Place], Awaitable[None]]
"""Returns once the items and the place are on disk; then the source may be told. Offsets rise through the items of one feed.

No items: the connection stands. It is waited for all the same where the place is another one than before.
"""

GOOD, UNCERTAIN, BAD = 0, 1, 2
ROWS: Final = 65_536  # of one batch at most
RAW: Final = 2000  # characters of a dead letter's raw text


class Lost(ConnectionError):
    """The connection is gone, or could not be made; the text says why. The supervisor tries again."""


class Reading(NamedTuple):
    """One value of one signal. `value` None with `quality` 2: the source said that it has none."""

    time: int
    entity: str
    signal: str
    value: float | None = None
    text: str | None = None
    quality: int = GOOD


class Unread(NamedTuple):
    """What could not be read, and why."""

    reason: str
    raw: str
    entity: str = ""
    time: int = 0


Found: TypeAlias = Reading | Activity | Unread


def shown(payload: bytes) -> str:
    """The raw text of a dead letter."""
    return payload[: RAW * 4].decode(errors="replace")[:RAW]


def number(value: object) -> float | None:
    """A finite number as a float, true as 1; None where it is anything else."""
    if not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def batched(found: Iterable[Found], feed: str, first: int, *, seen: int, trust: float = 1.0) -> tuple[list[Item], int]:
    """The rows as one batch of telemetry and one of activity, and dead letters; and the next free offset. Offsets count from `first`.

    Rows of a family keep their order. The families come one after the other: a log record for each change of family would cost a write.
    """
    readings: list[Reading] = []
    activities: list[Activity] = []
    items: list[Item] = []
    unread: list[Unread] = []
    for row in found:
        if isinstance(row, Reading):
            readings.append(row)
        elif isinstance(row, Activity):
            activities.append(row)
        else:
            unread.append(row)
    told = [(*row[:-1], _json(row.attributes)) for row in activities]
    for family, names, rows in (("telemetry", Reading._fields, readings), ("activity", Activity._fields, told)):
        for begin in range(0, len(rows), ROWS):
            part = rows[begin : begin + ROWS]
            items.append(batch(family, feed, _columns(names, part, first, seen), trust=trust))
            first += len(part)
    items += [
        DeadLetter(feed=feed, offset=offset, time=row.time, family="", entity=row.entity, reason=row.reason, raw=row.raw)
        for offset, row in enumerate(unread, first)
    ]
    return items, first + len(unread)


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]], first: int, seen: int) -> dict[str, Any]:
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return {**columns, "offset": list(range(first, first + len(rows))), "seen": [seen] * len(rows)}


def _json(attributes: Attributes) -> str | None:
    if isinstance(attributes, bytes):
        return attributes.decode()
    given = {key: value for key, value in (attributes or {}).items() if value is not None}
    return msgspec.json.encode(given).decode() if given else None
