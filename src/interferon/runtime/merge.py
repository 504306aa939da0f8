"""One ordered log out of several sources, merged by event time, row by row.

Called by replay. Within a source its own order is kept; between sources the row whose source is least advanced in time comes first. The
result does not depend on how a source cuts its batches.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from interferon.model.records import DeadLetter

Item = pa.RecordBatch | DeadLetter


@dataclass
class _Source:
    items: Iterator["pa.RecordBatch | DeadLetter"]
    place: int
    batch: pa.RecordBatch | None = None
    reached: np.ndarray | None = None  # running maximum of time over the batch's rows
    newest: int = -(1 << 62)

    def fill(self) -> Iterator[DeadLetter]:
        """Fetches the next batch with rows, handing out what could not be read on the way."""
        while self.batch is None:
            item = next(self.items, None)
            if item is None:
                return
            if isinstance(item, DeadLetter):
                yield item
            elif item.num_rows:
                self.batch = item
                self.reached = np.maximum.accumulate(np.maximum(item.column("time").to_numpy(), self.newest))

    def head(self) -> tuple[int, int]:
        assert self.reached is not None
        return int(self.reached[0]), self.place

    def take(self, before: tuple[int, int]) -> pa.RecordBatch:
        """The rows that come before another source's head."""
        assert self.reached is not None
        assert self.batch is not None
        side = "right" if self.place < before[1] else "left"
        count = int(np.searchsorted(self.reached, before[0], side=side))  # type: ignore[call-overload]
        taken = self.batch.slice(0, count)
        self.newest = int(self.reached[count - 1])
        if count == self.batch.num_rows:
            self.batch = self.reached = None
        else:
            self.batch, self.reached = self.batch.slice(count), self.reached[count:]
        return taken


def merged(sources: Iterable[Iterable["pa.RecordBatch | DeadLetter"]]) -> Iterator["pa.RecordBatch | DeadLetter"]:
    """Batches of all sources in one order."""
    open_ones = [_Source(iter(items), place) for place, items in enumerate(sources)]
    while open_ones:
        for source in open_ones:
            yield from source.fill()
        open_ones = [source for source in open_ones if source.batch is not None]
        if not open_ones:
            return
        first, *others = sorted(open_ones, key=_Source.head)
        yield first.take(others[0].head() if others else (1 << 62, first.place))
