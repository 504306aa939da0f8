"""pcapng files: blocks, each with its length in front and behind, to windows of packets. Called by `dissect.capture`. Pure.

Source: draft-ietf-opsawg-pcapng.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

import numpy as np

from interferon.dissect.window import LARGEST, MANY, NO_PLACES, SAMPLE, STEP, Ints, Problem, Window, followed

SECTION_KIND: Final = 0x0A0D0D0A  # of a section header block; the same in both byte orders
PACKET: Final = 6  # of an enhanced packet block
LATEST: Final = 1 << 62  # µs; what lies behind is no time
ORDER: Final = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
FINE: Final = {(10**digits, True) for digits in range(6, 19)}  # clocks that are read in bulk: units a second, and an offset that is one


class _Interface(NamedTuple):
    link: int
    snap: int  # bytes of a packet at most, 0 for no limit
    units: int  # of its clock in a second
    offset: int  # seconds


class _Section:
    """The state of one pcapng section: its byte order and interfaces."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.interfaces: list[_Interface] = []
        self.block = Struct(order + "II")
        names = ("kind", "length", "number", "high", "low", "captured", "size")  # a block's head and an enhanced packet's
        self.layout = np.dtype([(name, order + "u4") for name in names])
        self.obsolete = Struct(order + "HHIIII")


class _Blocks:
    """Walks pcapng blocks; remembers the section and the last time across chunks."""

    def __init__(self) -> None:
        self.section = _Section("<")
        self.time = 0
        self.first = 0
        self.count = 0  # of packets since the last window
        self.parts: list[Ints] = []  # five rows each: begin, end, size, time, link
        self.run: list[Ints] = []  # where enhanced packet blocks begin that follow each other and are not read yet
        self.problems: list[Problem] = []
        self.broken = False

    def walk(self, data: bytes, at: int) -> int:
        """All whole blocks from `at` on; where the first begins that is not whole."""
        last, head = len(data) - 12, self.section.block.unpack_from
        while at <= last:
            kind, length = head(data, at)
            if kind == SECTION_KIND:
                self._read_run(data)
                if not self._opened(data, at):
                    break
                head = self.section.block.unpack_from
                kind, length = head(data, at)
            behind = at + ((length + 3) & ~3)
            if length < 12 or length > LARGEST:
                self._read_run(data)
                self._wrong(data, at, f"a block tells its length as {length:,} bytes; it is no block")
                break
            if behind > last + 12:
                break
            if kind == PACKET and length >= 32:
                at = self._packets(data, at)
            else:
                self._read_run(data)
                self._block(kind, data, at + 8, at + length - 4)
                at = behind
        self._read_run(data)
        return at

    def _packets(self, data: bytes, at: int) -> int:
        """Notes enhanced packet blocks that follow each other, the first of which is whole; where another block begins.

        Where they are short, they are guessed in bulk; where that comes to nothing, the caller goes on.
        """
        stop, most, short = at, len(data) - 31, False
        while stop <= at < most:
            stop = min(at + STEP, most)
            part, at = (self._guessed if short else self._walked)(data, at, stop)
            self.run.append(part)
            short = len(part) > MANY
        return at

    def _walked(self, data: bytes, at: int, stop: int) -> tuple[Ints, int]:
        """Where whole enhanced packet blocks before `stop` begin, up to another block; and where that would begin."""
        head, last, found = self.section.block.unpack_from, len(data), list[int]()
        while at < stop:
            kind, length = head(data, at)
            behind = at + ((length + 3) & ~3)
            if kind != PACKET or length < 32 or length > LARGEST or behind > last:
                break
            found.append(at)
            at = behind
        return np.array(found, np.int64), at

    def _guessed(self, data: bytes, at: int, stop: int) -> tuple[Ints, int]:
        """The same, as far as words that could begin such a block follow each other."""
        words = np.frombuffer(data, self.section.order + "u4", (len(data) - at) // 4, at)
        places = np.flatnonzero(words[: (stop - at + 3) // 4] == PACKET)
        lengths = words[places + 1].astype(np.int64)
        likely = (lengths >= 32) & (lengths <= LARGEST)
        places = at + 4 * places[likely]
        behind = places + ((lengths[likely] + 3) & ~3)
        if not len(places) or places[0] != at:
            return NO_PLACES, at
        count = followed(places, behind)
        if behind[count - 1] > len(data):
            count -= 1
        return places[:count], int(behind[count - 1]) if count else at

    def _read_run(self, data: bytes) -> None:
        """Enhanced packet blocks in bulk, where all have a known interface and a clock of µs or finer; else one by one."""
        if not self.run:
            return
        places, section = np.concatenate(self.run), self.section
        self.run = []
        blocks = np.ndarray((len(data) - 27,), "V28", data, 0, (1,))[places].view(section.layout)
        numbers, captured = blocks["number"].astype(np.int64), blocks["captured"].astype(np.int64)
        rates = {(each.units, abs(each.offset) < LATEST // 1_000_000) for each in section.interfaces}
        units = next(iter(rates))[0] if len(rates) == 1 and rates <= FINE else 0
        room = blocks["length"].astype(np.int64) - 32
        strange = (numbers >= len(section.interfaces)) | (captured > room) | (blocks["high"] >> 30 > 0)
        if not units or strange.any():
            for at, each in zip(places.tolist(), blocks.tolist(), strict=True):
                _, length, number, high, low, size, wire = each
                self._add(data, number, high << 32 | low, at + 28, size, wire, at + length - 4)
            return
        offsets = np.array([each.offset for each in section.interfaces], np.int64)[numbers]
        times = (blocks["high"].astype(np.int64) << 32 | blocks["low"]) // (units // 1_000_000) + offsets * 1_000_000
        times[(times < 0) | (times >= LATEST)] = 0
        links = np.array([each.link for each in section.interfaces], np.int64)[numbers]
        begins = places + 28
        self.parts.append(np.stack([begins, begins + captured, blocks["size"].astype(np.int64), times, links]))
        self.count += len(places)
        self.time = int(times[-1])

    def _wrong(self, data: bytes, at: int, reason: str) -> None:
        self.broken = True
        self._tell(reason, data[at : at + SAMPLE])

    def _tell(self, reason: str, sample: bytes) -> None:
        self.problems.append(Problem(self.first + self.count, "pcapng", reason, sample))

    def _opened(self, data: bytes, at: int) -> bool:
        """A new section: its byte order counts from here on, and it has no interfaces yet."""
        order = ORDER.get(data[at + 8 : at + 12])
        if order is None:
            self._wrong(data, at, f"a section has the byte-order magic {data[at + 8 : at + 12].hex()}, not 1a2b3c4d")
            return False
        self.section = _Section(order)
        return True

    def _block(self, kind: int, data: bytes, begin: int, end: int) -> None:
        if kind == PACKET:
            self._tell("an enhanced packet block is cut short", data[begin:end][:SAMPLE])
        elif kind == 1:
            self._interface(data, begin, end)
        elif kind == 3:
            self._simple(data, begin, end)
        elif kind == 2:
            self._old(data, begin, end)

    def _old(self, data: bytes, begin: int, end: int) -> None:
        if end - begin < 20:
            return self._tell("a packet block is cut short", data[begin:end][:SAMPLE])
        number, _, high, low, captured, size = self.section.obsolete.unpack_from(data, begin)
        return self._add(data, number, high << 32 | low, begin + 20, captured, size, end)

    def _simple(self, data: bytes, begin: int, end: int) -> None:
        """It has no time of its own: that of the packet before counts."""
        if end - begin < 4:
            return self._tell("a simple packet block is cut short", data[begin:end][:SAMPLE])
        (size,) = Struct(self.section.order + "I").unpack_from(data, begin)
        snap = self.section.interfaces[0].snap if self.section.interfaces else 0
        return self._add(data, 0, None, begin + 4, min(size, snap or size, end - begin - 4), size, end)

    def _add(self, data: bytes, number: int, clock: int | None, begin: int, captured: int, size: int, end: int) -> None:
        interfaces = self.section.interfaces
        if number >= len(interfaces):
            return self._tell(f"a packet of interface {number}, which no block describes", data[begin:end][:SAMPLE])
        if captured > end - begin:
            return self._tell(f"a packet tells {captured:,} captured bytes; its block holds {end - begin:,}", data[begin:end][:SAMPLE])
        interface = interfaces[number]
        if clock is not None:
            self.time = clock * 1_000_000 // interface.units + interface.offset * 1_000_000
            if not 0 <= self.time < LATEST:
                self.time = 0
        self.parts.append(np.array([[begin], [begin + captured], [size], [self.time], [interface.link]], np.int64))
        self.count += 1
        return None

    def _interface(self, data: bytes, begin: int, end: int) -> None:
        """An interface description, with if_tsresol (9) and if_tsoffset (14) of its options."""
        if end - begin < 8:
            return self._tell("an interface description block is cut short", data[begin:end][:SAMPLE])
        link, _, snap = Struct(self.section.order + "HHI").unpack_from(data, begin)
        units, offset, at = 1_000_000, 0, begin + 8
        option = Struct(self.section.order + "HH")
        while at + 4 <= end:
            code, length = option.unpack_from(data, at)
            value = data[at + 4 : min(end, at + 4 + length)]
            if code == 9 and value:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == 14 and len(value) == 8:
                (offset,) = Struct(self.section.order + "q").unpack(value)
            elif code == 0:
                break
            at += 4 + ((length + 3) & ~3)
        self.section.interfaces.append(_Interface(link, snap, units, offset))
        return None

    def window(self, data: bytes) -> Window | None:
        """What was collected since the last."""
        if not self.count:
            return None
        begins, ends, sizes, times, links = np.concatenate(self.parts, axis=1)
        same = bool((links == links[0]).all())
        found = Window(data, self.first, begins, ends, sizes, times, int(links[0]) if same else links)
        self.first, self.count, self.parts = self.first + self.count, 0, []
        return found


def blocks(data: bytes, chunks: Iterator[bytes]) -> Iterator[Window | Problem]:
    """A pcapng file: blocks, each with its length in front and behind."""
    walker, at = _Blocks(), 0
    while True:
        at = walker.walk(data, at)
        if window := walker.window(data):
            yield window
        yield from walker.problems
        walker.problems = []
        if walker.broken:
            return
        more = next(chunks, b"")
        if not more:
            break
        data, at = data[at:] + more, 0
    if at < len(data):
        yield Problem(walker.first, "pcapng", f"the capture ends within a block: {len(data) - at} bytes are left", data[at : at + SAMPLE])
