"""Rolling windows of a whole fleet: one ring of codes and its exact sums for each detector, over a dense entity index.

Part of the telemetry state; called by `telemetry` and `telemetry_state` alone. Plain arrays, so that a checkpoint stores it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from interferon.detect.fleet_bits import Bits, new_bits, prime_bits, push_bits, window_of_bits
from interferon.detect.windows import GAP, Codes, Ints, Window, features

Index = NDArray[np.int64]
Kind = TypeVar("Kind", bound=np.generic)
BLOCK = 5120  # machines that are judged together: calls then cost little beside the work, and what is worked on takes some megabytes


def grown(array: NDArray[np.generic], capacity: int, fill: float = 0) -> NDArray[np.generic]:
    """Returns `array` with its first axis lengthened to `capacity`, the new part filled with `fill`."""
    longer = np.full((capacity, *array.shape[1:]), fill, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def lengthen(state: object, names: Iterable[str], fill: Mapping[str, float], tables: Iterable[dict[str, Any]], capacity: int) -> None:
    """Lengthens the arrays `names` of a state, filled as `fill` says or by 0, and all in its `tables`, by 0, to `capacity` entities."""
    for name in names:
        setattr(state, name, grown(getattr(state, name), capacity, fill.get(name, 0)))
    for table in tables:
        table.update({name: grown(value, capacity) for name, value in table.items()})


def room(entities: int) -> int:
    """Returns the entities that arrays have room for which must hold `entities`: an eighth more at the most, or up to sixteen."""
    step = 1 << max(4, entities.bit_length() - 4)
    return -(-entities // step) * step


def places(entities: Index) -> Index | slice:
    """Returns `entities` (n,), ascending and unique, as a slice where they have no hole: numpy then copies nothing. What is read by it is
    a view: changed by what is written later."""
    if len(entities):
        first, last = int(entities[0]), int(entities[-1])
        if len(entities) == last - first + 1:
            return slice(first, last + 1)
    return entities


def some(array: NDArray[Kind], at: Index | slice) -> NDArray[Kind]:
    """Returns the rows `at` of an array: a view where they have no hole, else a copy, made in a fraction of the time of an index."""
    return array[at] if isinstance(at, slice) else array.take(at, axis=0)


@dataclass
class Rings:
    """ring (window, capacity, S) int16: a row of all that were learnt at once is then in one piece; total (capacity, S) int32, squares
    int64, count int16 of what the ring holds."""

    window: int
    ring: Codes
    total: NDArray[np.int32]
    squares: Ints
    count: NDArray[np.int16]


def new_rings(window: int, signals: int, *, bits: bool = False) -> Rings | Bits:
    """Returns empty rings; `bits`: of signals that are 0 or 1 and always there."""
    if bits:
        return new_bits(window, signals)
    sums = (0, signals)
    return Rings(
        window,
        np.empty((window, 0, signals), dtype=np.int16),
        np.empty(sums, dtype=np.int32),
        np.empty(sums, dtype=np.int64),
        np.empty(sums, dtype=np.int16),
    )


def grow(rings: Rings | Bits, capacity: int) -> None:
    """Makes room for `capacity` entities; new rings hold gaps, new bits nothing."""
    for part in fields(rings)[2:]:
        setattr(rings, part.name, grown(getattr(rings, part.name), capacity))
    longer = grown(rings.ring.swapaxes(0, 1), capacity, float(GAP) if isinstance(rings, Rings) else 0)
    rings.ring = np.ascontiguousarray(longer.swapaxes(0, 1))


def prime(rings: Rings | Bits, entity: int, codes: Codes, row: int = 0) -> None:
    """Fills the ring of `entity` with the last `window` rows of `codes` (N, S), the oldest where the next row, number `row`, is written."""
    if isinstance(rings, Bits):
        prime_bits(rings, entity, codes, row)
        return
    size = rings.window
    recent = np.full((size, codes.shape[1]), GAP, dtype=np.int16)
    last = codes[-size:]
    recent[size - len(last) :] = last
    values = np.where(recent != GAP, recent, 0).astype(np.int64)
    rings.ring[:, entity] = np.roll(recent, row % size, axis=0)
    rings.total[entity] = values.sum(axis=0)
    rings.squares[entity] = (values * values).sum(axis=0)
    rings.count[entity] = (recent != GAP).sum(axis=0)


def push(rings: Rings | Bits, entities: Index, rows: Index, codes: Codes) -> None:
    """Writes one row `codes` (n, S) for each of `entities` (n,), whose running row numbers since priming are `rows` (n,)."""
    at, place = places(entities), rows % rings.window
    if isinstance(at, slice) and (place == place[0]).all():  # all were learnt at once: their rows lie in one piece
        first = int(place[0]) * rings.ring.shape[1]
        spot: Index | slice = slice(first + at.start, first + at.stop)
    else:
        spot = place * rings.ring.shape[1] + entities
    if isinstance(rings, Bits):
        push_bits(rings, spot, at, codes)
        return
    kept, row = lines(rings.ring).reshape(-1), lines(np.ascontiguousarray(codes))
    gone: Codes = kept[spot].view(np.int16).reshape(codes.shape)
    old, new = gone.astype(np.int32), codes.astype(np.int32)
    came, went = _blank(new, codes), _blank(old, gone)
    kept[spot] = row
    if len(came) or len(went):
        count = rings.count[at]
        count.reshape(-1)[went] += np.int16(1)
        count.reshape(-1)[came] -= np.int16(1)
        rings.count[at] = count
    rings.total[at] += new - old
    new *= new  # at most 2³⁰
    old *= old
    new -= old
    rings.squares[at] += new.astype(np.int64)


def _blank(values: NDArray[np.int32], codes: Codes) -> Index:
    """Sets to 0 what is a gap in `codes` (n, S), and returns where in the flat array: few, so that no product with all is needed."""
    gaps = np.flatnonzero(codes == GAP)
    values.reshape(-1)[gaps] = 0
    return gaps


def lines(array: NDArray[np.generic]) -> NDArray[np.void]:
    """Returns a contiguous array (…, S) as (…) of whole rows: to gather and to scatter those takes a tenth of the time."""
    return array.view(np.dtype((np.void, array.shape[-1] * array.itemsize)))[..., 0]


def window_of(rings: Rings | Bits, entities: Index, floor: float) -> Window:
    """Returns the features (n, S) of `entities` (n,)."""
    at = places(entities)
    if isinstance(rings, Bits):
        return window_of_bits(rings, at, floor)
    return features(some(rings.total, at), some(rings.squares, at), some(rings.count, at), rings.window, floor, single=True)
