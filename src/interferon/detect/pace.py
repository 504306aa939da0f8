"""How fast a table moves: whether a row still knows the one before it, which says how long a window may be.

Called by `interferon.detect.recorded`. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interferon.detect.columns import Column, Columns
from interferon.detect.windows import Floats

COMMON = 0.98  # a category that nearly always has one level says nothing about the pace
FEWEST_LEVELS = 3  # a switch is not what a record is about


def dependence(columns: Sequence[Column], tables: Sequence[Columns]) -> float:
    """Returns how strongly a row depends on the one before it: 0 not at all (records), 1 wholly (slow telemetry).

    Where there are categories of three levels or more, they tell: the median of 1 − (changes seen / changes of a shuffled column), for a
    row of such a table is an event of its own, even where some counter moves slowly. Else the signal that remembers best tells: the
    largest autocorrelation of ranks at lag one. Both are 0 within three standard errors of independence.
    """
    rows = sum(table.rows for table in tables)
    noise = 3.0 / np.sqrt(max(rows, 1))
    named = [found for column in columns if column.kind == "category" and (found := _persistence(column, tables)) is not None]
    if named:
        found = float(np.median(named))
    else:
        remembered = [_memory(column.name, tables) for column in columns if column.kind == "number"]
        found = max(remembered, default=0.0)
    return found if found > noise else 0.0


def _persistence(column: Column, tables: Sequence[Columns]) -> float | None:
    texts = [table.texts(column.name) for table in tables if column.name in table.names]
    levels, counts = np.unique(np.concatenate(texts).astype(str), return_counts=True)
    shares = counts / counts.sum()
    if len(levels) < FEWEST_LEVELS or shares.max() > COMMON:
        return None
    changes = sum(int((text[1:] != text[:-1]).sum()) for text in texts) / max(1, sum(len(text) - 1 for text in texts))
    return float(np.clip(1.0 - changes / (1.0 - (shares**2).sum()), 0.0, 1.0))


def _memory(name: str, tables: Sequence[Columns]) -> float:
    parts = [table.numbers(name) for table in tables if name in table.names]
    found = [_lag_one(values[~np.isnan(values)]) for values in parts]
    return max(found, default=0.0)


def _lag_one(values: Floats) -> float:
    """Autocorrelation of the ranks at lag one; 0 for a column that stands still or only rises."""
    steps = np.diff(values)
    if len(values) < 10 or (steps >= 0).all() or (steps <= 0).all():
        return 0.0
    _, ranks = np.unique(values, return_inverse=True)
    centred = ranks - ranks.mean()
    return float(max(0.0, (centred[1:] * centred[:-1]).sum() / (centred * centred).sum()))
