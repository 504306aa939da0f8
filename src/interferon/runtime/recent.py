"""Telemetry of the last day, for the charts. Filled by `Running` batch by batch; the memory that it takes is bounded by a number of rows.

Where more comes than that, what is older is thinned to the last reading of each signal in a minute, in two, in four, until it fits.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from interferon.sense.names import decoded

DAY_US: Final = 86_400_000_000
MINUTE_US: Final = 60_000_000
MOST: Final = 2_000_000  # rows, some twenty bytes each: a day of 170 machines of 8 signals a minute stays whole
PARTS: Final = 512  # batches that may lie side by side; each holds the names of all its entities
COLUMNS: Final = ("entity", "signal", "time", "value")
Reading = tuple[str, int, float | None]  # signal, time, value


@dataclass
class Recent:
    """`most`: rows that are kept, 0 where nobody looks at charts."""

    most: int = MOST
    parts: list[pa.RecordBatch] = field(default_factory=list)  # replaced as a whole, never changed: readers hold no lock for long
    rows: int = 0
    looked: tuple[str, dict[int, tuple[pa.RecordBatch, list[Reading]]]] = ("", {})  # `of`: entity, then id of a part → it, its rows

    def take(self, batch: pa.RecordBatch) -> None:
        if not self.most:
            return
        self.parts = [*self.parts, batch.select(COLUMNS)]
        self.rows += batch.num_rows
        if self.rows > self.most or len(self.parts) > PARTS:
            kept = thinned(_one(self.parts), self.most)
            self.parts, self.rows = [kept], kept.num_rows

    def series(self, entity: str, signal: str) -> list[tuple[int, float | None]]:
        """Readings of one signal over the last day, by time."""
        found = [(time, value) for rows in self._of(entity) for name, time, value in rows if name == signal]
        newest = max((time for time, _ in found), default=0)
        return sorted((time, value) for time, value in found if time > newest - DAY_US)

    def _of(self, entity: str) -> list[list[Reading]]:
        """The rows of one entity in each part. Those of the last one asked for are remembered: a page shows all of its signals one after
        the other, and of a day's batches nearly all rows are other machines'."""
        before = self.looked[1] if self.looked[0] == entity else {}
        now = {id(part): before.get(id(part)) or (part, _rows_of(part, entity)) for part in self.parts}
        self.looked = (entity, now)
        return [rows for _, rows in now.values()]


def thinned(rows: pa.RecordBatch, most: int) -> pa.RecordBatch:
    """The last day of `rows` in the order of time, at most `most` of them; where there are more, about half as many, the newest quarter
    of `most` as they are."""
    time = rows.column("time").to_numpy()
    order = np.argsort(time, kind="stable")
    order = order[time[order] > time[order[-1]] - DAY_US] if len(order) else order
    if len(order) > most:
        whole = most // 4
        order = np.concatenate((np.sort(_sparse(rows, order[:-whole], whole)), order[-whole:]))
        order = order[np.argsort(time[order], kind="stable")]
    return rows.take(pa.array(order))


def _sparse(rows: pa.RecordBatch, order: np.ndarray, most: int) -> np.ndarray:
    """Of the rows at `order` the last one of each signal in every stretch of time, as short a stretch as gives at most so many."""
    entity, _ = decoded(rows.column("entity"))
    signal, names = decoded(rows.column("signal"))
    pair = (entity.astype(np.int64) * (len(names) + 1) + signal)[order]
    by = np.lexsort((order, pair))
    order, pair, time = order[by], pair[by], rows.column("time").to_numpy()[order[by]]
    width = MINUTE_US
    while True:
        stretch = time // width
        last = np.append((pair[1:] != pair[:-1]) | (stretch[1:] != stretch[:-1]), True)
        if last.sum() <= most or width > DAY_US:
            found: np.ndarray = order[last][np.argsort(time[last], kind="stable")][-most:]
            return found
        width *= 2


def _one(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(parts).unify_dictionaries().combine_chunks().to_batches()[0]


def _rows_of(part: pa.RecordBatch, entity: str) -> list[Reading]:
    column = part.column("entity")
    places = pa.array(np.flatnonzero(column.indices.to_numpy() == column.dictionary.index(entity).as_py()))
    return list(zip(*(part.column(name).take(places).to_pylist() for name in ("signal", "time", "value")), strict=True))
