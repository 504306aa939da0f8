"""The wire format of Protocol Buffers: a message's fields as they stand, without its schema. Called by readers of such payloads.

Source: Protocol Buffers, Encoding. Nothing is copied but what a caller keeps; every length is checked against the bytes that are there.
"""

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK = (1 << 64) - 1


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """(field number, wire type, value): an unsigned int of VARINT, FIXED32 and FIXED64, else bytes. ValueError where it is no message."""
    place, end = 0, len(data)
    while place < end:
        key, place = varint(data, place)
        number, wire = key >> 3, key & 7
        if not number:
            raise ValueError(f"no message: field number 0 at byte {place}")
        value: int | bytes
        if wire == VARINT:
            value, place = varint(data, place)
        elif wire == BYTES:
            length, place = varint(data, place)
            value, place = _cut(data, place, length), place + length
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
            value, place = int.from_bytes(_cut(data, place, length), "little"), place + length
        else:
            raise ValueError(f"no message: wire type {wire} at byte {place}")
        yield number, wire, value


def varint(data: bytes, place: int) -> tuple[int, int]:
    """An unsigned number of at most 64 bits, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("cut off within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, place
    raise ValueError(f"a number of more than ten bytes before byte {place}")


def varints(value: int | bytes) -> list[int]:
    """A repeated number: packed into bytes, or one alone."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = varint(value, place)
        found.append(number)
    return found


def float32(value: int) -> float:
    return float(struct.unpack("<f", value.to_bytes(4, "little"))[0])


def float64(value: int) -> float:
    return float(struct.unpack("<d", value.to_bytes(8, "little"))[0])


def _cut(data: bytes, place: int, length: int) -> bytes:
    if length > len(data) - place:
        raise ValueError(f"cut off: a field of {length} bytes at byte {place} of {len(data)}")
    return data[place : place + length]
