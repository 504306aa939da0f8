"""Objects that tell their own size: files, authentication, attributes, strings. Used by `dissect.dnp3_objects`.

Source: IEEE 1815-2012, annex A (groups 0, 70, 110 to 113, 120).
"""

from struct import Struct
from typing import Any, Final

from interferon.dissect.dnp3_names import FILE_STATUS, Point, Sized, number, text


def _head(form: str, *keys: str, rest: str = "data", plain: bool = False) -> Sized:
    shape = Struct("<" + form)

    def read(data: bytes, begin: int, end: int, point: Point) -> None:
        point.update(zip(keys, shape.unpack_from(data, begin), strict=True))
        left = data[begin + shape.size : end]
        point[rest] = text(left) if plain else left.hex()

    return read


_FILE: Final = Struct("<HH6sHIIHHH")
_DESCRIPTOR: Final = Struct("<HHHI6sHH")
_AUTH_ERROR: Final = Struct("<IHHB6s")
_SECRET: Final = Struct("<HHHHI")
MODES: Final = {0: "null", 1: "read", 2: "write", 3: "append"}


def _file_command(data: bytes, begin: int, end: int, point: Point) -> None:
    offset, length, created, permissions, key, size, mode, block, request = _FILE.unpack_from(data, begin)
    point.update(
        filename=text(data[begin + offset : min(begin + offset + length, end)]),
        filename_offset=offset,
        filename_size=length,
        created_ms=int.from_bytes(created, "little"),
        permissions=permissions,
        authentication_key=key,
        file_size=size,
        mode_code=mode,
        mode=MODES.get(mode) or f"reserved_{mode}",
        max_block_size=block,
        request_id=request,
    )


def _file_descriptor(data: bytes, begin: int, end: int, point: Point) -> None:
    offset, length, kind, size, created, permissions, request = _DESCRIPTOR.unpack_from(data, begin)
    point.update(
        filename=text(data[begin + offset : min(begin + offset + length, end)]),
        filename_offset=offset,
        filename_size=length,
        file_type=("directory", "file")[kind] if kind < 2 else f"reserved_{kind}",
        file_size=size,
        created_ms=int.from_bytes(created, "little"),
        permissions=permissions,
        request_id=request,
    )


def _file_login(data: bytes, begin: int, end: int, point: Point) -> None:
    """The password itself is not kept: events are stored and shown."""
    name, length, password, password_length, key = _SECRET.unpack_from(data, begin)
    point.update(
        username=text(data[begin + name : min(begin + name + length, end)]),
        username_offset=name,
        username_size=length,
        password_offset=password,
        password_size=password_length,
        authentication_key=key,
    )


def _file_status(form: str, *keys: str) -> Sized:
    inner = _head(form, *keys, rest="text", plain=True)

    def read(data: bytes, begin: int, end: int, point: Point) -> None:
        inner(data, begin, end, point)
        point["status"] = FILE_STATUS.get(point["status_code"]) or f"reserved_{point['status_code']}"

    return read


def _file_block(data: bytes, begin: int, end: int, point: Point) -> None:
    block = int.from_bytes(data[begin + 4 : begin + 8], "little")
    point.update(file_handle=int.from_bytes(data[begin : begin + 4], "little"), block=block & 0x7FFFFFFF, last=block >> 31 == 1)
    point["data"] = data[begin + 8 : end].hex()


def _auth_error(data: bytes, begin: int, end: int, point: Point) -> None:
    sequence, user, association, code, time = _AUTH_ERROR.unpack_from(data, begin)
    point.update(sequence=sequence, user=user, association=association, error_code=code, time_ms=int.from_bytes(time, "little"))
    point["text"] = text(data[begin + 15 : end])


def octets_of(data: bytes, begin: int, end: int, point: Point) -> None:
    point["data"] = data[begin:end].hex()


SIZED: Final[dict[int, tuple[int, Sized]]] = {  # (least octets, reader) by group * 256 + variation
    70 << 8 | 2: (_SECRET.size, _file_login),
    70 << 8 | 3: (_FILE.size, _file_command),
    70 << 8 | 4: (13, _file_status("IIHHB", "file_handle", "file_size", "max_block_size", "request_id", "status_code")),
    70 << 8 | 5: (8, _file_block),
    70 << 8 | 6: (9, _file_status("IIB", "file_handle", "block", "status_code")),
    70 << 8 | 7: (_DESCRIPTOR.size, _file_descriptor),
    70 << 8 | 8: (0, _head("", rest="filename", plain=True)),
    90 << 8 | 1: (0, _head("", rest="application", plain=True)),
    120 << 8 | 1: (8, _head("IHBB", "challenge_sequence", "user", "mac_algorithm", "reason", rest="challenge")),
    120 << 8 | 2: (6, _head("IH", "challenge_sequence", "user", rest="mac")),
    120 << 8 | 5: (
        11,
        _head("IHBBBH", "key_sequence", "user", "key_wrap", "key_status", "mac_algorithm", "challenge_size", rest="challenge"),
    ),
    120 << 8 | 6: (6, _head("IH", "key_sequence", "user", rest="keys")),
    120 << 8 | 7: (_AUTH_ERROR.size, _auth_error),
    120 << 8 | 8: (2, _head("BB", "key_change_method", "certificate_type", rest="certificate")),
    120 << 8 | 9: (0, _head("", rest="mac")),
    120 << 8 | 11: (5, _head("BHH", "key_change_method", "username_size", "challenge_size")),
    120 << 8 | 12: (8, _head("IHH", "key_sequence", "user", "challenge_size", rest="challenge")),
    120 << 8 | 13: (8, _head("IHH", "key_sequence", "user", "key_size", rest="key")),
    120 << 8 | 14: (0, _head("", rest="signature")),
    120 << 8 | 15: (0, _head("", rest="mac")),
}


def device_attribute(data: bytes, at: int, end: int, point: Point) -> int:
    """A device attribute (group 0): type, length, value (annex A.1). Returns where it ends, or -1 where it is cut."""
    if end - at < 2 or end - at - 2 < data[at + 1]:
        return -1
    kind, stop = data[at], at + 2 + data[at + 1]
    content = data[at + 2 : stop]
    value: Any = content.hex()
    if kind == 1:
        value = text(content)
    elif kind in (2, 3, 7):
        value = int.from_bytes(content, "little", signed=kind == 3)
    elif kind == 4 and len(content) in (4, 8):
        value = number(Struct("<f" if len(content) == 4 else "<d").unpack(content)[0])
    point.update(type=kind, value=value)
    return stop


def sized_text(data: bytes, begin: int, end: int, point: Point) -> None:
    content = data[begin:end]
    plain = content.rstrip(b"\0")
    point["value"] = plain.decode("ascii") if plain.isascii() and plain.decode("ascii").isprintable() else content.hex()
