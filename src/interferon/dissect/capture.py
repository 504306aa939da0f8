"""Capture files: pcap (every byte order, µs and ns) and pcapng, from chunks of bytes to windows of packet records. Pure.

Called by `dissect.conversations`. A window is one bytes object and where its packets lie in it; nothing of a packet is copied. Sources:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]

MAGIC: Final = {  # of a classic file: byte order, fractions of a second to a µs, bytes of a record's header
    bytes.fromhex("a1b2c3d4"): (">", 1, 16),
    bytes.fromhex("d4c3b2a1"): ("<", 1, 16),
    bytes.fromhex("a1b23c4d"): (">", 1000, 16),
    bytes.fromhex("4d3cb2a1"): ("<", 1000, 16),
    bytes.fromhex("a1b2cd34"): (">", 1, 24),  # Kuznetzov's variant: interface, protocol and type follow the lengths
    bytes.fromhex("34cdb2a1"): ("<", 1, 24),
}
SECTION: Final = bytes.fromhex("0a0d0d0a")  # a pcapng section header block; the same in both byte orders
SECTION_KIND: Final = 0x0A0D0D0A
LARGEST: Final = 1 << 24  # bytes of one record; more is a damaged length, not a packet
LATEST: Final = 1 << 62  # µs; what lies behind is no time
ORDER: Final = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
SAMPLE: Final = 64
SMALL: Final = 1 << 15  # bytes of a chunk whose packets are so few that they are read one by one
FINE: Final = {(10**digits, True) for digits in range(6, 19)}  # clocks that are read in bulk: units a second, and an offset that is one

_FIELDS: Final = {order: Struct(order + "IIII").unpack_from for order in "<>"}  # of a record: seconds, fraction, lengths
_RECORD: Final = {order: np.dtype([(name, order + "u4") for name in ("seconds", "fraction", "captured", "size")]) for order in "<>"}


class Problem(NamedTuple):
    """What of a capture could not be read."""

    packet: int  # number of the packet, 0-based
    protocol: str
    reason: str
    sample: bytes = b""


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
        links = self.links if isinstance(self.links, int) else np.array(self.links, np.int64)
        starts, ends, sizes, times = np.array(self[2:6], np.int64)
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
        links = self.links if isinstance(self.links, int) else self.links.tolist()
        return Few(self.data, self.first, *(column.tolist() for column in self[2:6]), links)


def is_capture(head: bytes) -> bool:
    """Whether a file that begins like this is a capture."""
    if head[:4] == SECTION:
        return head[8:12] in ORDER
    known = MAGIC.get(head[:4])
    return known is not None and len(head) >= 24 and int.from_bytes(head[4:6], "little" if known[0] == "<" else "big") == 2


def windows(chunks: Iterable[bytes]) -> Iterator[Window | Few | Problem]:
    """The packets of one capture, a window a chunk; what cannot be read is told. Holds one chunk and at most one record more."""
    given = iter(chunks)
    head = next(given, b"")
    while len(head) < 24 and (more := next(given, b"")):
        head += more
    if head[:4] == SECTION:
        yield from _blocks(head, given)
    elif head[:4] in MAGIC and len(head) >= 24:
        yield from _records(head, given)
    elif head[:4] in MAGIC:
        yield Problem(0, "pcap", f"the file's header is cut off: {len(head)} of 24 bytes", head[:SAMPLE])
    else:
        yield Problem(0, "pcap", f"no capture: it begins with {head[:4].hex() or 'nothing'}, not with a magic number", head[:SAMPLE])


def _records(data: bytes, chunks: Iterator[bytes]) -> Iterator[Window | Few | Problem]:
    """A classic file: a header of 24 bytes, then records."""
    order, per_micro, header = MAGIC[data[:4]]
    (link,) = Struct(order + "I").unpack_from(data, 20)
    link &= 0xFFFF  # above are the length of a frame check sequence and reserved bits
    first, at = 0, 24
    while True:
        broken, places = False, list[int]()
        if len(data) <= SMALL:
            found, at = _few(data, at, order, per_micro, header, first, link)
            if found.starts:
                yield found
                first += len(found.starts)
        else:
            places, at = _lengths(data, at, order, header)
        if places:
            fields = np.array(places, np.int64)
            head = np.ndarray((len(data) - 15,), "V16", data, 0, (1,))[fields - 8].view(_RECORD[order])
            captured = head["captured"].astype(np.int64)
            if captured.max() > LARGEST:  # what stands behind a damaged length is found by chance
                count = int(np.argmax(captured > LARGEST))
                broken, at = True, places[count] - 8
                fields, head, captured = fields[:count], head[:count], captured[:count]
            if len(fields):
                begins = fields + (header - 8)
                times = head["seconds"].astype(np.int64) * 1_000_000 + head["fraction"] // per_micro
                yield Window(data, first, begins, begins + captured, head["size"].astype(np.int64), times, link)
                first += len(fields)
        if not broken and at + 16 <= len(data):
            broken = Struct(order + "I").unpack_from(data, at + 8)[0] > LARGEST
        if broken:
            (told,) = Struct(order + "I").unpack_from(data, at + 8)
            yield Problem(first, "pcap", f"a record tells {told:,} captured bytes: it is no record", data[at : at + SAMPLE])
            return
        more = next(chunks, b"")
        if not more:
            break
        data, at = data[at:] + more, 0
    if at < len(data):
        yield Problem(first, "pcap", f"the capture ends within a packet: {len(data) - at} bytes are left", data[at : at + SAMPLE])


def _few(data: bytes, at: int, order: str, per_micro: int, header: int, first: int, link: int) -> tuple[Few, int]:
    """The whole records of a small chunk, and where the first begins that is not whole."""
    found = Few(data, first, [], [], [], [], link)
    start, stop, size, time = (column.append for column in found[2:6])
    fields, last, behind = _FIELDS[order], len(data) - header, len(data)
    while at <= last:
        seconds, fraction, captured, wire = fields(data, at)
        begin = at + header
        end = begin + captured
        if end > behind:
            break
        start(begin)
        stop(end)
        size(wire)
        time(seconds * 1_000_000 + fraction // per_micro)
        at = end
    return found, at


def _lengths(data: bytes, at: int, order: str, header: int) -> tuple[list[int], int]:
    """Where the lengths of whole records stand, 8 bytes behind their beginning, and where the first begins that is not whole.

    The one loop over all packets of a larger capture in Python: it does nothing that can be done in bulk afterwards.
    """
    length = Struct(order + "I").unpack_from
    found: list[int] = []
    append = found.append
    place, last = at + 8, len(data) - header + 8
    while place <= last:
        append(place)
        place += length(data, place)[0] + header
    if found and place - 8 > len(data):
        place = found.pop()
    return found, place - 8


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
        self.run: list[int] = []  # where enhanced packet blocks begin that follow each other and are not read yet
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
            if kind == 6 and length >= 32:
                self.run.append(at)
            else:
                self._read_run(data)
                self._block(kind, data, at + 8, at + length - 4)
            at = behind
        self._read_run(data)
        return at

    def _read_run(self, data: bytes) -> None:
        """Enhanced packet blocks in bulk, where all have a known interface and a clock of µs or finer; else one by one."""
        if not self.run:
            return
        places, section = np.array(self.run, np.int64), self.section
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
        if kind == 6:
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


def _blocks(data: bytes, chunks: Iterator[bytes]) -> Iterator[Window | Problem]:
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
