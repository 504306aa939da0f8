"""Rolling windows of a whole fleet over signals that are 0 or 1: one bit a row and signal, and how many of them are set.

Part of the telemetry state beside `interferon.detect.fleet`, which calls it alone; says of a whole window what its rings would, to
the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import STEP, Bools, Codes, Floats, Ints, Window, features

UNIT = int(STEP)  # the code of 1


@dataclass
class Bits:
    """ring (window, capacity, ⌈S/8⌉): bits of the S signals, packed; total (capacity, S): how many of the window's are set."""

    window: int
    ring: NDArray[np.uint8]
    total: NDArray[np.int32]


def new_bits(window: int, signals: int) -> Bits:
    """Returns empty bits."""
    return Bits(window, np.empty((window, 0, -(-signals // 8)), dtype=np.uint8), np.empty((0, signals), dtype=np.int32))


def prime_bits(bits: Bits, entity: int, codes: Codes, row: int) -> None:
    """Fills the window of `entity` with the last rows of `codes` (N, S), the oldest where the next row, number `row`, is written. Where
    they are fewer they are repeated: their shares are then those of the window, as they are in rings."""
    last = codes[-bits.window :] == UNIT
    recent = last[np.arange(-bits.window, 0) % len(last)] if len(last) else np.zeros((bits.window, codes.shape[1]), dtype=np.bool_)
    bits.ring[:, entity] = packed(np.roll(recent, row % bits.window, axis=0))
    bits.total[entity] = recent.sum(axis=0)


def push_bits(bits: Bits, spot: Ints | slice, at: Ints | slice, codes: Codes) -> None:
    """Writes one row `codes` (n, S) of the entities `at`; `spot`: where in the ring's rows, (window · capacity) in all, each one's lies."""
    kept = bits.ring.reshape(-1, bits.ring.shape[-1])
    old, new = kept[spot] if isinstance(spot, slice) else kept.take(spot, axis=0), packed(codes == UNIT)
    told = np.flatnonzero(old != new) // new.shape[1]  # of nearly all machines nothing changes
    change = np.unpackbits(new[told], axis=-1, count=codes.shape[1]).astype(np.int32)
    change -= np.unpackbits(old[told], axis=-1, count=codes.shape[1])
    bits.total[_among(at, told)] += change
    kept[_among(spot, told)] = new[told]


def _among(all_of: Ints | slice, some: Ints) -> Ints:
    return some + all_of.start if isinstance(all_of, slice) else all_of[some]


def packed(flags: Bools) -> NDArray[np.uint8]:
    """Returns `flags` (…, S), contiguous, eight in a byte: (…, ⌈S/8⌉). Where rows fill whole bytes all are packed at once, and fast."""
    if flags.shape[-1] % 8:
        return np.packbits(flags, axis=-1)
    return np.packbits(flags).reshape(*flags.shape[:-1], -1)


def window_of_bits(bits: Bits, at: Ints | slice, floor: float) -> Window:
    """Returns the features (n, S) of the entities `at`: looked up, for a window holds one of few numbers of bits."""
    mean, spread = _table(bits.window, floor)
    total = bits.total[at].astype(np.intp)  # as what a table is read by
    return Window(mean.take(total), spread.take(total), True)


@lru_cache
def _table(window: int, floor: float) -> tuple[Floats, Floats]:
    """Mean and log-spread (window + 1,) by the number of bits that are set."""
    number = np.arange(window + 1)[:, None]
    each = features(number * UNIT, number * UNIT**2, np.full_like(number, window), window, floor, single=True)
    return each.mean[:, 0], each.spread[:, 0]
