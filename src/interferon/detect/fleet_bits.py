"""Rolling windows of a whole fleet over signals that are 0 or 1: one bit a row and signal, and how many of them are set.

Part of the telemetry state beside `interferon.detect.fleet`, which calls it alone; says of a whole window what its rings would, to
the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import STEP, Codes, Ints, Window, features

UNIT = int(STEP)  # the code of 1


@dataclass
class Bits:
    """ring (capacity, window, ⌈S/8⌉): bits of the S signals, packed; total (capacity, S): how many of the window's are set."""

    window: int
    ring: NDArray[np.uint8]
    total: NDArray[np.int32]


def new_bits(window: int, signals: int) -> Bits:
    """Returns empty bits."""
    return Bits(window, np.empty((0, window, -(-signals // 8)), dtype=np.uint8), np.empty((0, signals), dtype=np.int32))


def prime_bits(bits: Bits, entity: int, codes: Codes, row: int) -> None:
    """Fills the window of `entity` with the last rows of `codes` (N, S), the oldest where the next row, number `row`, is written. Where
    they are fewer they are repeated: their shares are then those of the window, as they are in rings."""
    last = codes[-bits.window :] == UNIT
    recent = last[np.arange(-bits.window, 0) % len(last)] if len(last) else np.zeros((bits.window, codes.shape[1]), dtype=np.bool_)
    bits.ring[entity] = np.packbits(np.roll(recent, row % bits.window, axis=0), axis=-1)
    bits.total[entity] = recent.sum(axis=0)


def push_bits(bits: Bits, spot: tuple[Ints | slice, Ints | int], codes: Codes) -> None:
    """Writes one row `codes` (n, S) at `spot`: the entities, and the place in each one's ring."""
    old = np.unpackbits(bits.ring[spot], axis=-1, count=codes.shape[1])
    new = codes == UNIT
    bits.ring[spot] = np.packbits(new, axis=-1)
    bits.total[spot[0]] += new.astype(np.int32) - old


def window_of_bits(bits: Bits, at: Ints | slice, floor: float) -> Window:
    """Returns the features (n, S) of the entities `at`: looked up, for a window holds one of few numbers of bits."""
    number = np.arange(bits.window + 1)[:, None]
    each, total = features(number * UNIT, number * UNIT**2, np.full_like(number, bits.window), bits.window, floor), bits.total[at]
    return Window(each.mean[:, 0].take(total), each.spread[:, 0].take(total))
