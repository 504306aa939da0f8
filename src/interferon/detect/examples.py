"""The nearest normal example: a few learnt rows of each machine, and which of them looked most like what is told now. Used by `watch`.

Kept apart from what judges, and read only when an alarm begins: it explains and decides nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import GAP, STEP, Codes, Floats, Ints

MOST, LEAST, CELLS = 20, 4, 320  # rows of a machine, and cells of int8 while that leaves LEAST: below 1 kB with their times
FINE: Final = 10.0  # int8 codes per spread: up to 12.7 spreads
MISSING: Final = np.int8(-128)


@dataclass
class Examples:
    """Machine (its index in the shard) → rows (K, S) int8, and their times (K,) in microseconds UTC."""

    rows: dict[int, NDArray[np.int8]] = field(default_factory=dict)
    times: dict[int, Ints] = field(default_factory=dict)


def keep(examples: Examples, entity: int, codes: Codes, times: Ints) -> None:
    """Chooses from the learnt rows `codes` (N, S) those that cover all of them best: the most ordinary one, then always the one that is
    farthest from all chosen (Gonzalez, 1985: no choice of K rows leaves a row more than half as far from its nearest)."""
    told = np.flatnonzero((codes != GAP).any(axis=1))
    if not len(told):
        return
    fine = _fine(codes[told])
    filled = np.where(fine == MISSING, 0, fine).astype(np.float64)
    chosen = [int(np.argmin((filled**2).sum(axis=1)))]
    apart = _apart(filled, chosen[0])
    for _ in range(max(LEAST, min(MOST, CELLS // codes.shape[1])) - 1):
        farthest = int(np.argmax(apart))
        if apart[farthest] <= 0.0:
            break
        chosen.append(farthest)
        apart = np.minimum(apart, _apart(filled, farthest))
    chosen.sort()
    examples.rows[entity], examples.times[entity] = fine[chosen], times[told][chosen]


def nearest(examples: Examples, entity: int, codes: Codes) -> tuple[int, float] | None:
    """(time, distance) of the kept row that is most like the row `codes` (S,); None where nothing is kept or no signal is shared.

    The distance is the root mean square over the signals that both have, in spreads of the machine's learning.
    """
    return nearests(examples, [entity], codes[None])[0]


def nearests(examples: Examples, entities: Sequence[int], codes: Codes) -> list[tuple[int, float] | None]:
    """The same of each of `entities` (n,) and its row `codes` (n, S): together, for alarms often begin together."""
    kept = [examples.rows.get(entity, codes[:0].astype(np.int8)) for entity in entities]
    if not any(map(len, kept)):
        return [None] * len(entities)
    ends = np.cumsum([len(rows) for rows in kept])
    rows, now = np.concatenate(kept), np.repeat(_fine(codes), [len(rows) for rows in kept], axis=0)
    shared = (rows != MISSING) & (now != MISSING)
    squares = np.where(shared, (rows.astype(np.float64) - now.astype(np.float64)) / FINE, 0.0) ** 2
    count = shared.sum(axis=1)
    away = np.sqrt(np.where(count > 0, squares.sum(axis=1) / np.maximum(count, 1), np.inf))
    return [_least(examples, entity, own) for entity, own in zip(entities, np.split(away, ends[:-1]), strict=True)]


def _least(examples: Examples, entity: int, away: Floats) -> tuple[int, float] | None:
    if not np.isfinite(away).any():
        return None
    best = int(np.argmin(away))
    return int(examples.times[entity][best]), round(float(away[best]), 2)


def _fine(codes: Codes) -> NDArray[np.int8]:
    steps = np.clip(np.rint(codes.astype(np.float64) / STEP * FINE), -127, 127)
    return np.where(codes == GAP, float(MISSING), steps).astype(np.int8)


def _apart(rows: Floats, one: int) -> Floats:
    return np.asarray(((rows - rows[one]) ** 2).sum(axis=1))
