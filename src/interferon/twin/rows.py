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
    schema, n = FAMILIES[family], len(rows)
    time = np.array([r[0] for r in rows], dtype=np.int64)
    head: dict[str, Any] = {
        "time": time,
        "seen": time + _LAG,
        "feed": [r[1] for r in rows],
        "offset": np.array([offsets.take(r[1], 1) for r in rows], dtype=np.int64),
        "entity": [r[2] for r in rows],
        "trust": np.full(n, trust, dtype=np.float32),
    }
    said = {name for r in rows for name in r[3]}  # most columns of most batches are empty
    columns: list[pa.Array] = []
    for item in schema:
        values = head.get(item.name)
        if values is None and item.name not in said:
            columns.append(pa.nulls(n, item.type))
            continue
        values = [r[3].get(item.name) for r in rows] if values is None else values
        columns.append(_coded(values, item.type) if pa.types.is_dictionary(item.type) else pa.array(values, item.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


_LAG = 400_000  # microseconds from happening to being seen


def _coded(values: list[Any], kind: pa.DictionaryType) -> pa.Array:
    """Text as codes of a dictionary in order of first appearance; None is null."""
    words = {word: code for code, word in enumerate(word for word in dict.fromkeys(values) if word is not None)}
    if not words:
        return pa.nulls(len(values), kind)
    codes = pa.array([words.get(value) for value in values], kind.index_type)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(words), kind.value_type))


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
        counts = np.bincount(feed, minlength=len(self.feeds))
        firsts = [offsets.take(name, int(count)) for name, count in zip(self.feeds, counts, strict=True)]
        offset = np.empty(n, np.int64)
        offset[np.argsort(feed, kind="stable")] = np.arange(n) + np.repeat(firsts - np.cumsum(counts) + counts, counts)
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
