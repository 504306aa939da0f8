"""Rolling windows of a whole fleet: one ring of codes and its exact sums for each detector, over a dense entity index.

Part of the telemetry state; called by `interferon.detect.telemetry` alone. Plain arrays, so that a checkpoint stores it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import GAP, Codes, Ints, Window, features

Index = NDArray[np.int64]
BLOCK = 512  # machines that are judged, or learnt, together: what is worked on then stays in the cache


def grown(array: NDArray[np.generic], capacity: int, fill: float = 0) -> NDArray[np.generic]:
    """Returns `array` with its first axis lengthened to `capacity`, the new part filled with `fill`."""
    longer = np.full((capacity, *array.shape[1:]), fill, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def places(entities: Index) -> Index | slice:
    """Returns `entities` (n,), ascending and unique, as a slice where they have no hole: numpy then copies nothing. What is read by it is
    a view: changed by what is written later."""
    if len(entities) and len(entities) == entities[-1] - entities[0] + 1:
        return slice(int(entities[0]), int(entities[-1]) + 1)
    return entities


@dataclass
class Rings:
    """ring (capacity, window, S) int16; total, squares (capacity, S) int64; count (capacity, S) int16 of what the ring holds."""

    window: int
    ring: Codes
    total: Ints
    squares: Ints
    count: NDArray[np.int16]


def new_rings(window: int, signals: int) -> Rings:
    """Returns empty rings."""
    sums = (0, signals)
    return Rings(
        window,
        np.empty((0, window, signals), dtype=np.int16),
        np.empty(sums, dtype=np.int64),
        np.empty(sums, dtype=np.int64),
        np.empty(sums, dtype=np.int16),
    )


def grow(rings: Rings, capacity: int) -> None:
    """Makes room for `capacity` entities; new rings hold gaps."""
    rings.ring = np.asarray(grown(rings.ring, capacity, int(GAP)), dtype=np.int16)
    rings.total = np.asarray(grown(rings.total, capacity), dtype=np.int64)
    rings.squares = np.asarray(grown(rings.squares, capacity), dtype=np.int64)
    rings.count = np.asarray(grown(rings.count, capacity), dtype=np.int16)


def prime(rings: Rings, entity: int, codes: Codes, row: int = 0) -> None:
    """Fills the ring of `entity` with the last `window` rows of `codes` (N, S), the oldest where the next row, number `row`, is written."""
    size = rings.window
    recent = np.full((size, codes.shape[1]), GAP, dtype=np.int16)
    last = codes[-size:]
    recent[size - len(last) :] = last
    values = np.where(recent != GAP, recent, 0).astype(np.int64)
    rings.ring[entity] = np.roll(recent, row % size, axis=0)
    rings.total[entity] = values.sum(axis=0)
    rings.squares[entity] = (values * values).sum(axis=0)
    rings.count[entity] = (recent != GAP).sum(axis=0)


def push(rings: Rings, entities: Index, rows: Index, codes: Codes) -> None:
    """Writes one row `codes` (n, S) for each of `entities` (n,), whose running row numbers since priming are `rows` (n,)."""
    at, place = places(entities), rows % rings.window
    if isinstance(at, slice) and (place == place[0]).all():  # all were learnt at once: the same place for each
        spot: tuple[Index | slice, Index | int] = (at, int(place[0]))
    else:
        spot = (entities, place)
    old, new = rings.ring[spot].astype(np.int64), codes.astype(np.int64)
    rings.ring[spot] = codes
    came, went = codes != GAP, old != GAP
    new *= came
    old *= went
    rings.total[at] += new - old
    new *= new
    old *= old
    rings.squares[at] += new - old
    if not (came.all() and went.all()):
        rings.count[at] += came.astype(np.int16) - went.astype(np.int16)


def window_of(rings: Rings, entities: Index, floor: float) -> Window:
    """Returns the features (n, S) of `entities` (n,)."""
    at = places(entities)
    return features(rings.total[at], rings.squares[at], rings.count[at].astype(np.int64), rings.window, floor)
