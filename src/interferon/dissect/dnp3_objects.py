"""DNP3 objects: the headers and points of an application fragment as plain values. Pure; called by `dissect.dnp3`.

Source: IEEE 1815-2012, clause 4.2.2 (object headers, qualifier codes) and annex A (object library).
"""

from typing import Final

from interferon.dissect.dnp3_names import ATTRIBUTES, Point
from interferon.dissect.dnp3_points import FIXED, PACKED, Shape
from interferon.dissect.dnp3_sized import SIZED, device_attribute, octets_of, sized_text

POINTS: Final = 16384  # of one fragment; what lies behind is told as `undissected`
BARE: Final = frozenset((1, 7, 8, 9, 10, 11, 12, 20, 21, 22))  # functions that send headers alone; indices may follow, data does not
TIMED: Final = (11, 12)  # freezes at a time, which is sent
LISTED: Final = 8  # single indices that an object's name lists
_PARTS: Final = {  # of an octet, by their bits: the lowest first
    bits: [tuple(octet >> place & (1 << bits) - 1 for place in range(0, 8, bits)) for octet in range(256)] for bits in (1, 2)
}


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
    size, read, many, indexed = shape
    end = at + count * (size + width)
    if many is not None and not width:
        points += many(data, at, end, first)
        return end
    if indexed is not None and width == 2:
        points += indexed(data, at, end)
        return end
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
    values = [each for octet in data[at : at + size] for each in _PARTS[bits][octet]]
    points += [{"index": index, "value": value} for index, value in enumerate(values[:count], first)]
    return at + size


def _sized(data: bytes, at: int, end: int, header: Point, points: list[Point], width: int, left: int) -> int:
    """Objects with their size before each."""
    key = header["group"] << 8 | header["variation"]
    least, read = SIZED.get(key, (0, sized_text if 110 <= header["group"] <= 115 else octets_of))
    if not width or header["count"] > left:
        return -at
    for index in range(header["count"]):
        size = int.from_bytes(data[at : at + width], "little")
        begin = at + width
        if begin > end or size > end - begin:
            return -at
        point: Point = {"index": index, "size": size}
        (read if size >= least else octets_of)(data, begin, begin + size, point)
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
            stop = device_attribute(data, begin, end, point)
        elif stop <= end:
            sized_text(data, begin, stop, point)
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
