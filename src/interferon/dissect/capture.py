"""Capture files: pcap (every byte order, µs and ns) and pcapng, from chunks of bytes to windows of packet records. Pure.

Called by `dissect.conversations`. A window is one bytes object and where its packets lie in it; nothing of a packet is copied. Sources:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

import numpy as np

from interferon.dissect.pcapng import ORDER, blocks
from interferon.dissect.window import LARGEST, SAMPLE, Few, Problem, Window

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
        yield from blocks(head, given)
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
    start, stop, size, time = (column.append for column in (found.starts, found.ends, found.sizes, found.times))
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
