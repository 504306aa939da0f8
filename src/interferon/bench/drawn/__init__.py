"""Tables drawn by our own seeded code, with normal life and labelled attacks, for what no public set here covers.

Used by `interferon.bench.detect_drawn` and the tests. One kind of table a file; nothing here is known to `detect` or `detectors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Drawn:
    """A table in memory: columns of numbers (NaN is missing) and of texts, and the time of each row in UTC microseconds, if it has one."""

    columns: Mapping[str, Floats | Texts]
    clock: NDArray[np.int64] | None = None

    @property
    def names(self) -> Sequence[str]:
        return list(self.columns)

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def is_number(self, name: str) -> bool:
        return self.columns[name].dtype.kind == "f"

    def numbers(self, name: str) -> Floats:
        return np.asarray(self.columns[name], dtype=np.float64)

    def texts(self, name: str) -> Texts:
        return np.asarray(self.columns[name], dtype=np.object_)


@dataclass(frozen=True)
class Case:
    """`train` normal tables, oldest first; `test` with `labels` (N,), true where attacked or at fault."""

    name: str
    train: tuple[Drawn, ...]
    test: Drawn
    labels: Bools
