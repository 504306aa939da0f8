"""Events of the range as Arrow batches in the schemas of `model.events`: text goes in as codes, offsets count up in each feed.

Called by the range. Pure; owns the offsets and the growing dictionaries of names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.model.events import FAMILIES, TELEMETRY

Fields = dict[str, Any]
Record = tuple[int, str, str, Fields]  # time, feed, entity, the family's own columns


def attributes(**values: object) -> str:
    """One JSON object, keys in the order given."""
    return msgspec.json.encode(values).decode()


@dataclass
class Offsets:
    """The next offset of every feed."""

    next: dict[str, int] = field(default_factory=dict)

    def take(self, feed: str, n: int) -> int:
        first = self.next.get(feed, 0)
        self.next[feed] = first + n
        return first


def records(family: str, rows: Sequence[Record], offsets: Offsets, trust: float) -> pa.RecordBatch:
    """A batch of activity or trade rows, which must be in order of time."""
    schema = FAMILIES[family]
    columns: list[pa.Array] = []
    head: dict[str, list[Any]] = {
        "time": [r[0] for r in rows],
        "seen": [r[0] + _LAG for r in rows],
        "feed": [r[1] for r in rows],
        "offset": [offsets.take(r[1], 1) for r in rows],
        "entity": [r[2] for r in rows],
        "trust": [trust] * len(rows),
        "raw": [None] * len(rows),
    }
    for name, values in head.items():
        columns.append(_array(values, schema.field(name).type))
    for item in list(schema)[len(columns) :]:
        columns.append(_array([r[3].get(item.name) for r in rows], item.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


_LAG = 400_000  # microseconds from happening to being seen


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


@dataclass
class TelemetryNames:
    """Fixed dictionaries of a run's telemetry: feeds, entities, signals. Codes index them."""

    feeds: tuple[str, ...]
    entities: tuple[str, ...]
    signals: tuple[str, ...]

    def __post_init__(self) -> None:
        self._feeds, self._entities, self._signals = (pa.array(x, pa.string()) for x in (self.feeds, self.entities, self.signals))

    def batch(
        self,
        time: NDArray[np.int64],
        feed: NDArray[np.int32],
        entity: NDArray[np.int32],
        signal: NDArray[np.int32],
        value: NDArray[np.float64],
        quality: NDArray[np.uint8],
        offsets: Offsets,
    ) -> pa.RecordBatch:
        """All arrays have one entry a row, rows in order of time; NaN becomes null."""
        n = len(time)
        offset = np.empty(n, np.int64)
        for code, name in enumerate(self.feeds):
            mine = np.flatnonzero(feed == code)
            first = offsets.take(name, len(mine))
            offset[mine] = np.arange(first, first + len(mine))
        arrays = [
            pa.array(time),
            pa.array(time + _LAG),
            pa.DictionaryArray.from_arrays(pa.array(feed), self._feeds),
            pa.array(offset),
            pa.DictionaryArray.from_arrays(pa.array(entity), self._entities),
            pa.array(np.full(n, 0.9, np.float32)),
            pa.nulls(n, pa.binary(16)),
            pa.DictionaryArray.from_arrays(pa.array(signal), self._signals),
            pa.array(value, from_pandas=True),
            pa.nulls(n, pa.string()),
            pa.array(quality),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=TELEMETRY)


TRUST = {"activity": 0.8, "trade": 0.7}  # how far the range's sources are trusted
