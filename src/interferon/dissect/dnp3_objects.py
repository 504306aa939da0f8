"""DNP3 objects: the headers and points of an application fragment as plain values. Pure; called by `dissect.dnp3`.

Source: IEEE 1815-2012, clause 4.2.2 (object headers, qualifier codes) and annex A (object library).
"""

import math
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

Point: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[bytes, int, int], Point]  # data, where the object lies, its index
Many: TypeAlias = Callable[[bytes, int, int, int], list[Point]]  # data, begin, end, the first index
Sized: TypeAlias = Callable[[bytes, int, int, Point], None]  # data, begin, end, the point to fill

POINTS: Final = 16384  # of one fragment; what lies behind is told as `undissected`
BARE: Final = frozenset((1, 7, 8, 9, 10, 11, 12, 20, 21, 22))  # functions that send headers alone; indices may follow, data does not
TIMED: Final = (11, 12)  # freezes at a time, which is sent
LISTED: Final = 8  # single indices that an object's name lists

OPERATIONS: Final = ("nul", "pulse_on", "pulse_off", "latch_on", "latch_off", *(f"undefined_{code}" for code in range(5, 16)))
TRIP_CLOSE: Final = ("nul", "close", "trip", "reserved")
STATUS: Final = {
    0: "success",
    1: "timeout",
    2: "no_select",
    3: "format_error",
    4: "not_supported",
    5: "already_active",
    6: "hardware_error",
    7: "local",
    8: "too_many_operations",
    9: "not_authorized",
    10: "automation_inhibit",
    11: "processing_limited",
    12: "out_of_range",
    13: "downstream_local",
    14: "already_complete",
    15: "blocked",
    16: "canceled",
    17: "blocked_other_master",
    18: "downstream_fail",
    126: "non_participating",
    127: "undefined",
}
FILE_STATUS: Final = {
    0: "success",
    1: "permission_denied",
    2: "invalid_mode",
    3: "file_not_found",
    4: "file_locked",
    5: "too_many_open",
    6: "invalid_handle",
    7: "write_block_size",
    8: "comm_lost",
    9: "cannot_abort",
    16: "not_opened",
    17: "handle_expired",
    18: "buffer_overrun",
    19: "fatal",
    20: "block_sequence",
    255: "undefined",
}
ATTRIBUTES: Final = {
    240: "max_transmit_fragment",
    241: "max_receive_fragment",
    242: "software_version",
    243: "hardware_version",
    245: "location",
    246: "id_code",
    247: "device_name",
    248: "serial_number",
    249: "dnp_subset",
    250: "product_name",
    252: "manufacturer",
}

_COMMON: Final = ("online", "restart", "comm_lost", "remote_forced", "local_forced")
FLAGS: Final = {  # of the flag octet, bit 0 first; the state bits of binary objects are their value
    "binary": (*_COMMON, "chatter_filter", "", ""),
    "double": (*_COMMON, "chatter_filter", "", ""),
    "output": (*_COMMON, "", "", ""),
    "counter": (*_COMMON, "rollover", "discontinuity", ""),
    "analog": (*_COMMON, "over_range", "reference_err", ""),
    "statistic": (*_COMMON, "", "discontinuity", ""),
}


def _names(kind: str) -> list[list[str]]:
    bits = FLAGS[kind]
    return [[name for bit, name in enumerate(bits) if name and octet >> bit & 1] for octet in range(256)]


NAMES: Final = {kind: _names(kind) for kind in FLAGS}
STATES: Final = [STATUS.get(code, f"reserved_{code}") for code in range(128)] * 2  # bit 7 is reserved


def number(value: float) -> float | None:
    """The value, or None where it is no number that JSON knows."""
    return value if math.isfinite(value) else None


def text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").rstrip("\0")


# --- objects of a fixed size -----------------------------------------------------------------------------------------------------------


class Shape(NamedTuple):
    """How an object of a fixed size is read; `many` reads those that lie side by side, which is faster than one by one."""

    size: int
    read: Read
    many: Many | None = None


def _binary(kind: str) -> Shape:
    names = NAMES[kind]

    def read(data: bytes, at: int, index: int) -> Point:
        octet = data[at]
        return {"index": index, "value": octet >> 7, "flags": names[octet]}

    def many(data: bytes, at: int, end: int, first: int) -> list[Point]:
        return [{"index": index, "value": octet >> 7, "flags": names[octet]} for index, octet in enumerate(data[at:end], first)]

    return Shape(1, read, many)


def _double(data: bytes, at: int, index: int) -> Point:
    octet = data[at]
    return {"index": index, "value": octet >> 6, "flags": NAMES["double"][octet]}


def _command(data: bytes, at: int, index: int) -> Point:
    octet = data[at]
    return {"index": index, "value": octet >> 7, "status_code": octet & 127, "status": STATES[octet]}


def _timed(shape: Shape) -> Shape:
    size, plain = shape.size, shape.read

    def read(data: bytes, at: int, index: int) -> Point:
        point = plain(data, at, index)
        point["time_ms"] = int.from_bytes(data[at + size : at + size + 6], "little")
        return point

    return Shape(size + 6, read)


def _relative(plain: Read) -> Shape:
    def read(data: bytes, at: int, index: int) -> Point:
        point = plain(data, at, index)
        point["relative_ms"] = data[at + 1] | data[at + 2] << 8
        return point

    return Shape(3, read)


def _flagged(code: str, kind: str) -> Shape:
    form = Struct("<B" + code)
    unpack, names, real = form.unpack_from, NAMES[kind], code in "fd"

    def read(data: bytes, at: int, index: int) -> Point:
        octet, value = unpack(data, at)
        return {"index": index, "value": number(value) if real else value, "flags": names[octet]}

    def many(data: bytes, at: int, end: int, first: int) -> list[Point]:
        rows = enumerate(form.iter_unpack(data[at:end]), first)
        if real:
            return [{"index": index, "value": number(value), "flags": names[octet]} for index, (octet, value) in rows]
        return [{"index": index, "value": value, "flags": names[octet]} for index, (octet, value) in rows]

    return Shape(form.size, read, many)


def _bare(code: str) -> Shape:
    form = Struct("<" + code)
    unpack = form.unpack_from

    def read(data: bytes, at: int, index: int) -> Point:
        return {"index": index, "value": number(unpack(data, at)[0])}

    def many(data: bytes, at: int, end: int, first: int) -> list[Point]:
        return [{"index": index, "value": number(value)} for index, (value,) in enumerate(form.iter_unpack(data[at:end]), first)]

    return Shape(form.size, read, many)


def _output(code: str) -> Shape:
    form = Struct(f"<{code}B")
    unpack = form.unpack_from

    def read(data: bytes, at: int, index: int) -> Point:
        value, status = unpack(data, at)
        return {"index": index, "value": number(value), "status_code": status & 127, "status": STATES[status]}

    return Shape(form.size, read)


def _commanded(code: str) -> Shape:
    form = Struct("<B" + code)
    unpack = form.unpack_from

    def read(data: bytes, at: int, index: int) -> Point:
        status, value = unpack(data, at)
        return {"index": index, "value": number(value), "status_code": status & 127, "status": STATES[status]}

    return Shape(form.size, read)


_CROB: Final = Struct("<BBIIB")


def _crob(data: bytes, at: int, index: int) -> Point:
    code, count, on, off, status = _CROB.unpack_from(data, at)
    operation, trip_close = OPERATIONS[code & 15], TRIP_CLOSE[code >> 6]
    return {
        "index": index,
        "value": operation if trip_close == "nul" else f"{trip_close}_{operation}",
        "operation": operation,
        "trip_close": trip_close,
        "queue": bool(code & 16),
        "clear": bool(code & 32),
        "count": count,
        "on_ms": on,
        "off_ms": off,
        "status_code": status & 127,
        "status": STATES[status],
    }


def _record(form: str, *keys: str) -> Shape:
    shape = Struct("<" + form)

    def read(data: bytes, at: int, index: int) -> Point:
        return {"index": index, **dict(zip(keys, shape.unpack_from(data, at), strict=True))}

    return Shape(shape.size, read)


def _time(more: str = "", *keys: str) -> Shape:
    shape = Struct("<" + more)

    def read(data: bytes, at: int, index: int) -> Point:
        time = int.from_bytes(data[at : at + 6], "little")
        return {"index": index, "value": time, "time_ms": time, **dict(zip(keys, shape.unpack_from(data, at + 6), strict=True))}

    return Shape(6 + shape.size, read)


def _storage(data: bytes, at: int, index: int) -> Point:
    return {"index": index, "value": data[at] & 127, "overflow": data[at] > 127, "group": data[at + 1], "variation": data[at + 2]}


_STATISTIC: Final = Struct("<BHI")


def _statistic(data: bytes, at: int, index: int) -> Point:
    octet, association, value = _STATISTIC.unpack_from(data, at)
    return {"index": index, "value": value, "association": association, "flags": NAMES["statistic"][octet]}


Library: TypeAlias = dict[tuple[int, int], Shape]


def _binaries() -> Library:
    """Groups 1–4 and 10–13: what is read as two or four states."""
    one, out = _binary("binary"), _binary("output")
    double, command = Shape(1, _double), Shape(1, _command)
    found: Library = {(1, 2): one, (3, 2): double, (10, 2): out, (12, 1): Shape(_CROB.size, _crob), (12, 2): Shape(_CROB.size, _crob)}
    for group, shape in ((2, one), (4, double), (11, out), (13, command)):
        found |= {(group, 1): shape, (group, 2): _timed(shape)}
    return found | {(2, 3): _relative(one.read), (4, 3): _relative(double.read)}


def _counters() -> Library:
    """Groups 20–23. Variations come in four: 32 and 16 bits, then the same as deltas, which are obsolete."""
    found: Library = {}
    for group in (20, 21, 22, 23):
        for variation, code in enumerate("IHIH", 1):
            shape = _flagged(code, "counter")
            found[group, variation] = shape
            if group > 20:
                found[group, variation + 4] = _timed(shape)
    for group, first in ((20, 5), (21, 9)):
        found |= {(group, variation): _bare(code) for variation, code in enumerate("IHIH", first)}
    return found


def _analogs() -> Library:
    """Groups 30–34 and 40–43."""
    i, h, f, d = (_flagged(code, "analog") for code in "ihfd")
    found: Library = {(30, 1): i, (30, 2): h, (30, 3): _bare("i"), (30, 4): _bare("h"), (30, 5): f, (30, 6): d}
    found |= {
        (31, 1): i,
        (31, 2): h,
        (31, 3): _timed(i),
        (31, 4): _timed(h),
        (31, 5): _bare("i"),
        (31, 6): _bare("h"),
        (31, 7): f,
        (31, 8): d,
    }
    found |= {(40, variation): shape for variation, shape in enumerate((i, h, f, d), 1)}
    for group in (32, 33, 42, 43):
        shapes = tuple(map(_commanded, "ihfd")) if group == 43 else (i, h, f, d)
        for variation, shape in zip((1, 2, 5, 6), shapes, strict=True):
            found |= {(group, variation): shape, (group, variation + 2): _timed(shape)}
    found |= {(34, variation): _bare(code) for variation, code in enumerate("HIf", 1)}
    return found | {(41, variation): _output(code) for variation, code in enumerate("ihfd", 1)}


def _others() -> Library:
    """Times, delays and the small records of the groups from 81 on."""
    statistic = Shape(_STATISTIC.size, _statistic)
    found: Library = {place: _time() for place in ((50, 1), (50, 3), (51, 1), (51, 2))}
    found |= {(101, variation): _bare(code) for variation, code in enumerate("HIQ", 1)}
    return found | {
        (50, 2): _time("I", "interval"),
        (50, 4): _time("IB", "interval", "interval_units"),
        (52, 1): _record("H", "delay_s"),
        (52, 2): _record("H", "delay_ms"),
        (81, 1): Shape(3, _storage),
        (86, 2): _record("B", "characteristics"),
        (102, 1): _bare("B"),
        (120, 3): _record("IH", "challenge_sequence", "user"),
        (120, 4): _record("H", "user"),
        (121, 1): statistic,
        (122, 1): statistic,
        (122, 2): _timed(statistic),
    }


FIXED: Final = {group << 8 | variation: shape for (group, variation), shape in (_binaries() | _counters() | _analogs() | _others()).items()}
PACKED: Final = {1 << 8 | 1: 1, 3 << 8 | 1: 2, 10 << 8 | 1: 1, 12 << 8 | 3: 1, 80 << 8 | 1: 1}  # bits of a point


# --- objects of a size that is told before them ----------------------------------------------------------------------------------------


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
        mode=MODES.get(mode, f"reserved_{mode}"),
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
        point["status"] = FILE_STATUS.get(point["status_code"], f"reserved_{point['status_code']}")

    return read


def _file_block(data: bytes, begin: int, end: int, point: Point) -> None:
    block = int.from_bytes(data[begin + 4 : begin + 8], "little")
    point.update(file_handle=int.from_bytes(data[begin : begin + 4], "little"), block=block & 0x7FFFFFFF, last=block >> 31 == 1)
    point["data"] = data[begin + 8 : end].hex()


def _auth_error(data: bytes, begin: int, end: int, point: Point) -> None:
    sequence, user, association, code, time = _AUTH_ERROR.unpack_from(data, begin)
    point.update(sequence=sequence, user=user, association=association, error_code=code, time_ms=int.from_bytes(time, "little"))
    point["text"] = text(data[begin + 15 : end])


def _octets(data: bytes, begin: int, end: int, point: Point) -> None:
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


def _attribute(data: bytes, at: int, end: int, point: Point) -> int:
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


def _string(data: bytes, begin: int, end: int, point: Point) -> None:
    content = data[begin:end]
    plain = content.rstrip(b"\0")
    point["value"] = plain.decode("ascii") if plain.isascii() and plain.decode("ascii").isprintable() else content.hex()


# --- the walk --------------------------------------------------------------------------------------------------------------------------


def _range(data: bytes, at: int, end: int, code: int) -> tuple[int, int, int]:
    """(start, stop, where it ends) of a range field; start -1: a count or nothing, stop is then start + count; end -1: cut or unknown."""
    if code == 6:
        return -1, -1, at
    width = (1, 2, 4, 1, 2, 4, 0, 1, 2, 4, 0, 1, 0, 0, 0, 0)[code]
    if not width:
        return 0, 0, -1
    if code <= 5:
        if end - at < 2 * width:
            return 0, 0, -1
        start = int.from_bytes(data[at : at + width], "little")
        stop = int.from_bytes(data[at + width : at + 2 * width], "little")
        return (start, stop, at + 2 * width) if stop >= start else (0, 0, -1)
    if end - at < width:
        return 0, 0, -1
    return -1, int.from_bytes(data[at : at + width], "little") - 1, at + width


def walk(data: bytes, at: int, end: int, function: int) -> tuple[list[Point], int]:
    """The object headers of data[at:end] with their points, and how many octets at the end could not be read; -1: all was read."""
    found: list[Point] = []
    left = POINTS
    headers_alone = function in BARE
    while end - at >= 3 and left > 0:
        group, variation, qualifier = data[at], data[at + 1], data[at + 2]
        start, stop, begin = _range(data, at + 3, end, qualifier & 15)
        if begin < 0:
            return found, end - at
        header: Point = {"group": group, "variation": variation, "qualifier": qualifier}
        if start >= 0:
            header.update(start=start, stop=stop)
        count = stop - max(start, 0) + 1 if qualifier & 15 != 6 else 0
        header["count"] = count
        found.append(header)
        points: list[Point] = []
        bare = headers_alone and group != 120 and not (group == 50 and function in TIMED)
        done = _points(data, begin, end, header, points, bare, left)
        if points:
            header["points"] = points
        if done < 0:
            return found, end + done
        left -= max(len(points), 1)
        at = done
    return found, end - at or -1


def _points(data: bytes, at: int, end: int, header: Point, points: list[Point], bare: bool, left: int) -> int:
    """Appends the points of a header; returns where they end, or minus where the reading stopped."""
    group: int = header["group"]
    count: int = header["count"]
    prefix = header["qualifier"] >> 4 & 7
    if not count or (bare and not prefix) or group == 60:
        return at
    key: int = group << 8 | header["variation"]
    if prefix > 3:
        return _sized(data, at, end, header, points, (1, 2, 4, 0)[prefix - 4], left)
    width = (0, 1, 2, 4)[prefix]
    if bare:
        return _indices(data, at, end, count, points, width, left)
    if count > left:
        return -at
    first: int = header.get("start", 0)
    if key in PACKED and not width:
        return _packed(data, at, end, first, count, PACKED[key], points)
    shape = FIXED.get(key)
    if shape is None:
        return _variable(data, at, end, header, points, width)
    there = min(count, (end - at) // (shape.size + width))
    at = _fixed(data, at, first, there, shape, width, points)
    return at if there == count else -at


def _fixed(data: bytes, at: int, first: int, count: int, shape: Shape, width: int, points: list[Point]) -> int:
    size, read, many = shape
    if many is not None and not width:
        points.extend(many(data, at, at + count * size, first))
        return at + count * size
    for index in range(first, first + count):
        if width:
            index = int.from_bytes(data[at : at + width], "little")
        points.append(read(data, at + width, index))
        at += width + size
    return at


def _indices(data: bytes, at: int, end: int, count: int, points: list[Point], width: int, left: int) -> int:
    stop = at + count * width
    if stop > end or count > left:
        return -at
    points.extend({"index": int.from_bytes(data[place : place + width], "little")} for place in range(at, stop, width))
    return stop


def _packed(data: bytes, at: int, end: int, first: int, count: int, bits: int, points: list[Point]) -> int:
    size = (count * bits + 7) // 8
    if size > end - at:
        return -at
    if bits == 1:
        points.extend({"index": first + k, "value": data[at + (k >> 3)] >> (k & 7) & 1} for k in range(count))
    else:
        points.extend({"index": first + k, "value": data[at + (k >> 2)] >> 2 * (k & 3) & 3} for k in range(count))
    return at + size


def _sized(data: bytes, at: int, end: int, header: Point, points: list[Point], width: int, left: int) -> int:
    """Objects with their size before each."""
    key = header["group"] << 8 | header["variation"]
    least, read = SIZED.get(key, (0, _string if 110 <= header["group"] <= 115 else _octets))
    if not width or header["count"] > left:
        return -at
    for index in range(header["count"]):
        size = int.from_bytes(data[at : at + width], "little")
        begin = at + width
        if begin > end or size > end - begin:
            return -at
        point: Point = {"index": index, "size": size}
        (read if size >= least else _octets)(data, begin, begin + size, point)
        points.append(point)
        at = begin + size
    return at


def _variable(data: bytes, at: int, end: int, header: Point, points: list[Point], width: int) -> int:
    """Octet strings, whose variation is their size, and device attributes, which tell theirs."""
    group, variation, first = header["group"], header["variation"], header.get("start", 0)
    if group not in (0, 110, 111, 112, 113) or (group and not variation):
        return -at
    for place in range(header["count"]):
        begin = at + width
        if begin >= end:
            return -at
        point: Point = {"index": int.from_bytes(data[at:begin], "little") if width else first + place}
        stop = begin + variation
        if not group:
            if variation in ATTRIBUTES:
                point["name"] = ATTRIBUTES[variation]
            stop = _attribute(data, begin, end, point)
        elif stop <= end:
            _string(data, begin, stop, point)
        if not begin < stop <= end:
            return -at
        points.append(point)
        at = stop
    return at


def named(header: Point) -> str:
    """What a header is about: `g12v1:3`, `g30:0-4`, `g70v3:NAME`."""
    name = f"g{header['group']}v{header['variation']}" if header["variation"] else f"g{header['group']}"
    if "start" in header:
        start, stop = header["start"], header["stop"]
        return f"{name}:{start}" if start == stop else f"{name}:{start}-{stop}"
    points = header.get("points")
    if not points:
        return name
    if file := points[0].get("filename"):
        return f"{name}:{file}"
    if not 0x10 <= header["qualifier"] & 0x70 <= 0x30:
        return name
    return f"{name}:{listing([point['index'] for point in points])}"


def listing(indices: list[int]) -> str:
    """`3`, `3-7` where they follow each other, else `3,9,12`, at most eight and then `…`."""
    if len(indices) == 1:
        return str(indices[0])
    if indices == list(range(indices[0], indices[0] + len(indices))):
        return f"{indices[0]}-{indices[-1]}"
    return ",".join(map(str, indices[:LISTED])) + (",…" if len(indices) > LISTED else "")
