"""Points of a fixed size: binaries, counters, analogs, commands, times, each as a plain dict. Used by `dissect.dnp3_objects`.

Source: IEEE 1815-2012, annex A (object library).
"""

from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from interferon.dissect.dnp3_names import NAMES, OPERATIONS, STATES, TRIP_CLOSE, Indexed, Many, Point, Read, number


class Shape(NamedTuple):
    """How an object of a fixed size is read. Many at once, which is faster than one by one, are read by `many` where they lie side by
    side, and by `indexed` where an index of two octets is before each, as is usual of events."""

    size: int
    read: Read
    many: Many | None = None
    indexed: Indexed | None = None


def _state(kind: str, place: int = 7) -> Shape:
    """One octet of flags, the highest of which, from the bit `place` on, are the value."""
    names, form = NAMES[kind], Struct("<HB")

    def read(data: bytes, at: int, index: int) -> Point:
        octet = data[at]
        return {"index": index, "value": octet >> place, "flags": names[octet]}

    def many(data: bytes, at: int, end: int, first: int) -> list[Point]:
        return [{"index": index, "value": octet >> place, "flags": names[octet]} for index, octet in enumerate(data[at:end], first)]

    def indexed(data: bytes, at: int, end: int) -> list[Point]:
        rows = form.iter_unpack(data[at:end])
        return [{"index": index, "value": octet >> place, "flags": names[octet]} for index, octet in rows]

    return Shape(1, read, many, indexed)


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
    form, wide = Struct("<B" + code), Struct("<HB" + code)
    unpack, names, real = form.unpack_from, NAMES[kind], code in "fd"

    def read(data: bytes, at: int, index: int) -> Point:
        octet, value = unpack(data, at)
        return {"index": index, "value": number(value) if real else value, "flags": names[octet]}

    def many(data: bytes, at: int, end: int, first: int) -> list[Point]:
        rows = enumerate(form.iter_unpack(data[at:end]), first)
        if real:
            return [{"index": index, "value": number(value), "flags": names[octet]} for index, (octet, value) in rows]
        return [{"index": index, "value": value, "flags": names[octet]} for index, (octet, value) in rows]

    def indexed(data: bytes, at: int, end: int) -> list[Point]:
        rows = wide.iter_unpack(data[at:end])
        if real:
            return [{"index": index, "value": number(value), "flags": names[octet]} for index, octet, value in rows]
        return [{"index": index, "value": value, "flags": names[octet]} for index, octet, value in rows]

    return Shape(form.size, read, many, indexed)


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
    one, out, double = _state("binary"), _state("output"), _state("double", 6)
    command = Shape(1, _command)
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
