"""Capture files: pcap (every byte order, µs and ns) and pcapng, from chunks of bytes to windows of packet records. Pure.

Called by `dissect.conversations`. A window is one bytes object and where its packets lie in it; nothing of a packet is copied. Sources:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

import numpy as np

from interferon.dissect.pcapng import ORDER, blocks
from interferon.dissect.window import LARGEST, MANY, NO_PLACES, SAMPLE, STEP, Few, Ints, Problem, Window, followed

MAGIC: Final = {  # of a classic file: byte order, fractions of a second to a µs, bytes of a record's header
    bytes.fromhex("a1b2c3d4"): (">", 1, 16),
    bytes.fromhex("d4c3b2a1"): ("<", 1, 16),
    bytes.fromhex("a1b23c4d"): (">", 1000, 16),
    bytes.fromhex("4d3cb2a1"): ("<", 1000, 16),
    bytes.fromhex("a1b2cd34"): (">", 1, 24),  # Kuznetzov's variant: interface, protocol and type follow the lengths
    bytes.fromhex("34cdb2a1"): ("<", 1, 24),
}
SECTION: Final = bytes.fromhex("0a0d0d0a")  # a pcapng section header block; the same in both byte orders
SMALL: Final = 1 << 15  # bytes of a chunk whose packets are so few that they are read one by one

_FIELDS: Final = {order: Struct(order + "IIII").unpack_from for order in "<>"}  # of a record: seconds, fraction, lengths
_LENGTH: Final = {order: Struct(order + "I").unpack_from for order in "<>"}
_RECORD: Final = {order: np.dtype([(name, order + "u4") for name in ("seconds", "fraction", "captured", "size")]) for order in "<>"}


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
        return blocks(head, given)
    if head[:4] not in MAGIC:
        problem = f"no capture: it begins with {head[:4].hex() or 'nothing'}, not with a magic number"
    elif len(head) < 24:
        problem = f"the file's header is cut off: {len(head)} of 24 bytes"
    else:
        return _records(head, given)
    return iter((Problem(0, "pcap", problem, head[:SAMPLE]),))


def _records(data: bytes, chunks: Iterator[bytes]) -> Iterator[Window | Few | Problem]:
    """A classic file: a header of 24 bytes, then records."""
    order, per_micro, header = MAGIC[data[:4]]
    length = _LENGTH[order]
    (link,) = length(data, 20)
    link &= 0xFFFF  # above are the length of a frame check sequence and reserved bits
    first, at = 0, 24
    while True:
        broken, places = False, NO_PLACES
        if len(data) <= SMALL:
            found, at = _few(data, at, order, per_micro, header, first, link)
            if found.starts:
                yield found
                first += len(found.starts)
        else:
            places, at = _places(data, at, order, header)
        if len(places):
            head = np.ndarray((len(data) - 15,), "V16", data, 0, (1,))[places].view(_RECORD[order])
            captured = head["captured"].astype(np.int64)
            if captured.max() > LARGEST:  # what stands behind a damaged length is found by chance
                count = int(np.argmax(captured > LARGEST))
                broken, at = True, int(places[count])
                places, head, captured = places[:count], head[:count], captured[:count]
            if len(places):
                begins = places + header
                times = head["seconds"].astype(np.int64) * 1_000_000 + head["fraction"] // per_micro
                yield Window(data, first, begins, begins + captured, head["size"].astype(np.int64), times, link)
                first += len(places)
        if not broken and at + 16 <= len(data):
            broken = length(data, at + 8)[0] > LARGEST
        if broken:
            (told,) = length(data, at + 8)
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
    starts, ends, sizes, times = list[int](), list[int](), list[int](), list[int]()
    fields, last, behind = _FIELDS[order], len(data) - header, len(data)
    while at <= last:
        seconds, fraction, captured, wire = fields(data, at)
        begin = at + header
        end = begin + captured
        if end > behind:
            break
        starts.append(begin)
        ends.append(end)
        sizes.append(wire)
        times.append(seconds * 1_000_000 + fraction // per_micro)
        at = end
    return Few(data, first, starts, ends, sizes, times, link), at


def _places(data: bytes, at: int, order: str, header: int) -> tuple[Ints, int]:
    """Where whole records begin, and where the first begins that is not whole. Where they are short, they are guessed in bulk."""
    parts, last, short = [NO_PLACES], len(data) - header, False
    while at <= last:
        stop = min(at + STEP, last + 1)
        part, at = (_guessed if short else _walked)(data, at, stop, order, header)
        parts.append(part)
        short = len(part) > MANY
    found = np.concatenate(parts)
    if at > len(data):
        found, at = found[:-1], int(found[-1])
    return found, at


def _walked(data: bytes, at: int, stop: int, order: str, header: int) -> tuple[Ints, int]:
    """Where the records before `stop` begin, each found by the length of the one before it; and where the next would begin."""
    length, found = _LENGTH[order], list[int]()
    place = at + 8  # of a record's length
    while place < stop + 8:
        found.append(place)
        (captured,) = length(data, place)
        place += captured + header
    return np.array(found, np.int64) - 8, place - 8


def _guessed(data: bytes, at: int, stop: int, order: str, header: int) -> tuple[Ints, int]:
    """The same, as far as it can be guessed, at least one: the upper bytes of time and length are mostly those of the first record."""
    size = stop - at
    octets = np.frombuffer(data, np.uint8, size + 11, at)
    high, *others = (3, 2, 11) if order == "<" else (0, 1, 8)
    found = octets[high : high + size] == octets[high]
    for place in others:
        found &= octets[place : place + size] == octets[place]
    places = np.flatnonzero(found)
    captured = np.ndarray((size,), "V4", data, at + 8, (1,))[places].view(order + "u4")
    places += at
    behind = places + header + captured
    count = followed(places, behind)
    return places[:count], int(behind[count - 1])
