"""One Sparkplug B payload: its timestamp, its sequence number and its metrics with plain values. Called by `sense.sparkplug`.

Source: Eclipse Sparkplug 3.0, 6.4 (payload, metric, data types, data set, template). Pure; templates are read to a bounded depth.
"""

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from interferon.sense import protobuf

Value: TypeAlias = float | int | bool | str | None
DEPTH: Final = 8  # templates within templates
TEXT: Final = 4096  # characters of a reading's text
SIGNED: Final = {1: 8, 2: 16, 3: 32, 4: 64}  # data type → bits
UNSIGNED: Final = {5: 8, 6: 16, 7: 32, 8: 64}
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT_TYPE, UUID, DATASET, BYTES, FILE, TEMPLATE = 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
ARRAYS: Final = {22: "b", 23: "h", 24: "i", 25: "q", 26: "B", 27: "H", 28: "I", 29: "Q", 30: "f", 31: "d", 34: "q"}
BOOLEANS, STRINGS = 32, 33


class Metric(msgspec.Struct, kw_only=True):
    """`value` is a number, true or false, or text: data sets and templates as JSON, bytes in hexadecimal."""

    name: str = ""
    alias: int | None = None
    timestamp: int | None = None  # milliseconds
    datatype: int = 0
    historical: bool = False
    null: bool = False
    value: Value = None
    quality: int | None = None  # the property `Quality`: 192 good, 500 stale, 0 bad


class Payload(msgspec.Struct, kw_only=True):
    timestamp: int | None = None  # milliseconds
    seq: int | None = None
    metrics: list[Metric] = []


def read(data: bytes, known: Callable[[int], int] = lambda alias: 0) -> Payload:
    """The payload. `known`: alias → data type, for metrics that do not repeat theirs. ValueError where the bytes are none."""
    payload = Payload()
    metrics: list[Metric] = []
    for number, _, value in protobuf.fields(data):
        if number == 1 and isinstance(value, int):
            payload.timestamp = value
        elif number == 2 and isinstance(value, bytes):
            metrics.append(_metric(value, known, DEPTH))
        elif number == 3 and isinstance(value, int):
            payload.seq = value
    payload.metrics = metrics
    return payload


def _metric(data: bytes, known: Callable[[int], int], depth: int) -> Metric:
    metric = Metric()
    held: tuple[int, int | bytes] | None = None
    for number, _, value in protobuf.fields(data):
        if number >= 10:
            held = (number, value)
        elif number == 9 and isinstance(value, bytes):
            metric.quality = _quality(value)
        elif number == 1 and isinstance(value, bytes):
            metric.name = _text(value)
        elif isinstance(value, int):
            _note(metric, number, value)
    if not metric.datatype and metric.alias is not None:
        metric.datatype = known(metric.alias)
    if held is not None and not metric.null:
        metric.value = _value(*held, metric.datatype, depth)
    return metric


def _note(metric: Metric, number: int, value: int) -> None:
    match number:
        case 2:
            metric.alias = value
        case 3:
            metric.timestamp = value
        case 4:
            metric.datatype = value
        case 5:
            metric.historical = bool(value)
        case 7:
            metric.null = bool(value)


def _value(number: int, value: int | bytes, datatype: int, depth: int) -> Value:
    """The value of a metric's `oneof`, whose field number says how it is written and whose data type says what it means."""
    if isinstance(value, int):
        return _number(number - 10, value, datatype)
    match number:
        case 15:
            return _text(value)[:TEXT]
        case 16:
            return _array(value, datatype)
        case 17:
            return _written(_dataset(value))
        case 18:
            return _written(_template(value, depth))
    raise ValueError(f"no metric: field {number} holds bytes")


def _number(place: int, value: int, datatype: int) -> Value:
    """`place` in the order int, long, float, double, boolean, which all messages share."""
    match place:
        case 0 | 1:
            bits = SIGNED.get(datatype) or UNSIGNED.get(datatype) or (64 if place else 32)
            value &= (1 << bits) - 1
            return value - (1 << bits) if datatype in SIGNED and value >> (bits - 1) else value
        case 2:
            return protobuf.float32(value & 0xFFFFFFFF)
        case 3:
            return protobuf.float64(value)
        case 4:
            return bool(value)
    raise ValueError(f"no metric: field {place + 10} holds a number")


def _array(value: bytes, datatype: int) -> str:
    """An array type is bytes, little-endian; booleans are counted first and packed from the top bit on; strings end with a zero."""
    if datatype in ARRAYS:
        size = struct.calcsize(ARRAYS[datatype])
        return _written(list(struct.unpack(f"<{len(value) // size}{ARRAYS[datatype]}", value[: len(value) // size * size])))
    if datatype == BOOLEANS and len(value) >= 4:
        count = min(int.from_bytes(value[:4], "little"), (len(value) - 4) * 8)
        return _written([bool(value[4 + bit // 8] >> (7 - bit % 8) & 1) for bit in range(count)])
    if datatype == STRINGS:
        return _written([_text(each) for each in value.split(b"\0")[:-1]])
    return value[: TEXT // 2].hex()


def _quality(data: bytes) -> int | None:
    """The property `Quality` of a property set (6.4.10), if it is there."""
    keys: list[str] = []
    values: list[int | None] = []
    for number, _, value in protobuf.fields(data):
        if number == 1 and isinstance(value, bytes):
            keys.append(_text(value))
        elif number == 2 and isinstance(value, bytes):
            values.append(next((each for at, _, each in protobuf.fields(value) if at in (3, 4) and isinstance(each, int)), None))
    return dict(zip(keys, values, strict=False)).get("Quality")


def _dataset(data: bytes) -> dict[str, Any]:
    columns: list[str] = []
    types: list[int] = []
    rows: list[bytes] = []
    for number, _, value in protobuf.fields(data):
        if number == 2 and isinstance(value, bytes):
            columns.append(_text(value))
        elif number == 3:
            types += protobuf.varints(value)
        elif number == 4 and isinstance(value, bytes):
            rows.append(value)
    return {"columns": columns, "rows": [_cells(row, types) for row in rows[:TEXT]]}


def _cells(row: bytes, types: list[int]) -> list[Value]:
    cells: list[Value] = []
    for number, _, element in protobuf.fields(row):
        if number != 1 or not isinstance(element, bytes):
            continue
        datatype = types[len(cells)] if len(cells) < len(types) else 0
        cell: Value = None
        for place, _, value in protobuf.fields(element):
            cell = _text(value) if isinstance(value, bytes) else _number(place - 1, value, datatype)
        cells.append(cell)
    return cells


def _template(data: bytes, depth: int) -> dict[str, Any]:
    if depth <= 0:
        raise ValueError(f"templates within templates, more than {DEPTH} deep")
    found: dict[str, Any] = {}
    for number, _, value in protobuf.fields(data):
        if number == 2 and isinstance(value, bytes):
            metric = _metric(value, lambda alias: 0, depth - 1)
            found[metric.name] = metric.value
        elif number == 4 and isinstance(value, bytes):
            found["template_ref"] = _text(value)
    return found


def _written(value: object) -> str:
    return msgspec.json.encode(value).decode()[:TEXT]


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
