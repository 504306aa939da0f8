"""Packets of a capture that lie in one bytes object, as arrays or, where they are few, as lists; and what could not be read. Pure.

Made by `dissect.capture` and `dissect.pcapng`, read by `dissect.conversations`.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]

LARGEST: Final = 1 << 24  # bytes of one record; more is a damaged length, not a packet
SAMPLE: Final = 64
STEP: Final = 1 << 17  # bytes in which records are looked for at once
MANY: Final = 512  # records in such bytes, from which on it is faster to guess where they begin
NO_PLACES: Final = np.zeros(0, np.int64)


class Problem(NamedTuple):
    """What of a capture could not be read."""

    packet: int  # number of the packet, 0-based
    protocol: str
    reason: str
    sample: bytes = b""


def followed(begins: Ints, ends: Ints) -> int:
    """How many records from the first on follow each other: what was guessed is certain as long as each begins where the last ended."""
    apart = begins[1:] != ends[:-1]
    return int(apart.argmax()) + 1 if apart.any() else len(begins)


class Few(NamedTuple):
    """The same as a `Window`, of few packets: lists, as every step with arrays costs more than a packet."""

    data: bytes
    first: int
    starts: list[int]
    ends: list[int]
    sizes: list[int]
    times: list[int]
    links: list[int] | int

    def window(self) -> "Window":
        """The same as arrays."""
        links = self.links if isinstance(self.links, int) else np.array(self.links, np.int64)
        starts, ends, sizes, times = np.array((self.starts, self.ends, self.sizes, self.times), np.int64)
        return Window(self.data, self.first, starts, ends, sizes, times, links)


class Window(NamedTuple):
    """Packets that lie in one bytes object, in the order of the file."""

    data: bytes
    first: int  # number of the first of these packets in the capture
    starts: Ints  # where each begins in `data`
    ends: Ints  # where what was captured of it ends
    sizes: Ints  # bytes that it had on the wire
    times: Ints  # µs UTC
    links: Ints | int  # LINKTYPE of all, or of each

    def few(self) -> Few:
        """The same as lists."""
        links = self.links if isinstance(self.links, int) else self.links.tolist()
        starts, ends, sizes, times = (column.tolist() for column in (self.starts, self.ends, self.sizes, self.times))
        return Few(self.data, self.first, starts, ends, sizes, times, links)
