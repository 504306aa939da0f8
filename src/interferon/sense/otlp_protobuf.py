"""OTLP in Protocol Buffers: export requests, one to a file or many with their lengths before them. Pure. Called by the connector `otlp`.

The messages around the records are walked by hand, so that a damaged record costs no other; `opentelemetry-proto` decodes the records.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from interferon.sense import otlp_rows
from interferon.sense.otlp_rows import Log, Origin, Point, Span
from interferon.sense.protobuf import BYTES, FIXED32, FIXED64, VARINT, fields, varint
from interferon.sense.record_rows import Note, Row

FIRST: Final = 0x0A  # field 1, of known length: how every export request begins
NO_VALUE: Final = 1
DEPTH: Final = 16
EARLIEST, LATEST = 946_684_800_000_000_000, 4_102_444_800_000_000_000  # 2000 and 2100 in nanoseconds: times that are believed by `sniff`


class Scoped(NamedTuple):
    """The records of one instrumentation scope as bytes."""

    origin: Origin
    records: list[bytes]


def messages(data: bytes) -> Iterator[bytes | Note]:
    """The requests of a file: itself, or each behind its length, as four bytes (the collector's file exporter) or a varint."""
    if data[:1] == bytes([FIRST]):
        yield data
        return
    four, place = data[4:5] == bytes([FIRST]), 0
    while place < len(data):
        try:
            length, behind = (int.from_bytes(data[place : place + 4], "big"), place + 4) if four else varint(data, place)
        except ValueError as error:
            yield Note(f"byte {place}: no length of a message: {error}", data[place : place + 200].hex(" "))
            return
        if behind + length > len(data) or behind > len(data):
            yield Note(
                f"byte {place}: a message of {length} bytes is cut off, {max(0, len(data) - behind)} are there", data[place:][:200].hex(" ")
            )
            return
        yield data[behind : behind + length]
        place = behind + length


def events(request: bytes) -> Iterator[Row | Note]:
    """The events of one request; what cannot be read as notes."""
    try:
        for number, wire, resource in fields(request):
            if number == 1 and wire == BYTES and isinstance(resource, bytes):
                yield from _resource(resource)
            else:
                yield Note(f"a request of OTLP has no field {number}", "")
    except ValueError as error:
        yield Note(f"a request of OTLP is damaged: {error}", request[:200].hex(" "))


def _resource(data: bytes) -> Iterator[Row | Note]:
    held: dict[str, Any] = {}
    scopes: list[bytes] = []
    try:
        for number, _, value in fields(data):
            if number == 1 and isinstance(value, bytes):
                held = _attributes(Resource.FromString(value).attributes)
            elif number == 2 and isinstance(value, bytes):
                scopes.append(value)
    except (ValueError, DecodeError) as error:
        yield Note(f"a resource of OTLP is damaged: {error}", data[:200].hex(" "))
    for scope in scopes:
        yield from _scope(scope, held)


def _scope(data: bytes, resource: dict[str, Any]) -> Iterator[Row | Note]:
    name, records = "", list[bytes]()
    try:
        for number, _, value in fields(data):
            if number == 1 and isinstance(value, bytes):
                name = InstrumentationScope.FromString(value).name
            elif number == 2 and isinstance(value, bytes):
                records.append(value)
    except (ValueError, DecodeError) as error:
        yield Note(f"a scope of OTLP is damaged: {error}", data[:200].hex(" "))
    yield from _records(Scoped(Origin(resource, name), records))


def _records(scoped: Scoped) -> Iterator[Row | Note]:
    spans: list[tuple[Span, bytes]] = []
    kind = _signal(scoped.records)
    for data in scoped.records:
        try:
            if kind == "logs":
                yield otlp_rows.log(_log(LogRecord.FromString(data)), scoped.origin)
            elif kind == "metrics":
                yield from [otlp_rows.point(each, scoped.origin) for each in _points(Metric.FromString(data))]
            elif kind == "spans":
                spans.append((_span(SpanMessage.FromString(data)), data))
            else:
                yield Note("is no record of OTLP: neither log record, span nor metric", data[:200].hex(" "))
        except (ValueError, DecodeError) as error:
            yield Note(f"a record of OTLP: {error}", data[:200].hex(" "))
    for found, (_, data) in zip(otlp_rows.spans([span for span, _ in spans], scoped.origin), spans, strict=True):
        yield Note(f"a span of OTLP: {found}", data[:200].hex(" ")) if isinstance(found, ValueError) else found


def _signal(records: list[bytes]) -> str:
    """What the records of one scope are: what the first one is that is whole."""
    for record in records:
        try:
            if found := signal(record):
                return found
        except ValueError:
            continue
    return ""


def signal(record: bytes) -> str:
    """What a record is, by the fields that only it has; '' for none. The requests of the three signals look alike down to here."""
    there = {(number, wire) for number, wire, _ in fields(record)}
    if there & {(7, FIXED64), (8, FIXED64)}:
        return "spans"
    if there & {(1, FIXED64), (11, FIXED64), (2, VARINT), (8, FIXED32)}:
        return "logs"
    if (1, BYTES) in there:
        return "metrics" if there & {(number, BYTES) for number in (5, 7, 9, 10, 11)} else "spans" if (2, BYTES) in there else ""
    return "logs" if (5, BYTES) in there else ""


def _log(record: Any) -> Log:
    return Log(
        time=record.time_unix_nano,
        observed=record.observed_time_unix_nano,
        severity=record.severity_number,
        severity_text=record.severity_text,
        body=_value(record.body),
        event=record.event_name,
        attributes=_attributes(record.attributes),
        trace=record.trace_id.hex(),
        span=record.span_id.hex(),
    )


def _span(record: Any) -> Span:
    return Span(
        trace=record.trace_id.hex(),
        id=record.span_id.hex(),
        parent=record.parent_span_id.hex(),
        name=record.name,
        kind=record.kind if 0 <= record.kind < len(otlp_rows.KINDS) else 0,
        start=record.start_time_unix_nano,
        end=record.end_time_unix_nano,
        attributes=_attributes(record.attributes),
        status=record.status.code,
        message=record.status.message,
    )


def _points(metric: Any) -> Iterator[Point]:
    """As `otlp_json` has them: of histograms and summaries their count, sum and quantiles."""
    kind = metric.WhichOneof("data")
    if not metric.name or kind is None:
        raise ValueError("a metric has no name, or no data")
    for point in getattr(metric, kind).data_points:
        time, held, none = point.time_unix_nano, _attributes(point.attributes), bool(point.flags & NO_VALUE)
        if kind in ("gauge", "sum"):
            said = point.WhichOneof("value")
            yield Point(metric.name, time, None if none or said is None else float(getattr(point, said)), held)
            continue
        for part in ("count", "sum", "min", "max"):
            if part == "count" or (kind == "summary" and part == "sum") or (kind != "summary" and point.HasField(part)):
                yield Point(f"{metric.name}.{part}", time, None if none else float(getattr(point, part)), held)
        for each in point.quantile_values if kind == "summary" else ():
            yield Point(f"{metric.name}.q{each.quantile:g}", time, None if none else each.value, held)


def _attributes(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    item: KeyValue
    for item in items:
        found[item.key] = _value(item.value)
    return found


def _value(item: AnyValue, depth: int = DEPTH) -> Any:
    kind = item.WhichOneof("value")
    if kind is None or not depth:
        return None
    if kind == "array_value":
        return [_value(each, depth - 1) for each in item.array_value.values]
    if kind == "kvlist_value":
        return {each.key: _value(each.value, depth - 1) for each in item.kvlist_value.values}
    return item.bytes_value.hex() if kind == "bytes_value" else getattr(item, kind)


def is_otlp(head: bytes) -> bool:
    """Whether the first bytes are certainly a request of OTLP: its first record is whole, and tells a time that is believed."""
    try:
        record = _first_record(head)
        return record is not None and bool(signal(record)) and _believed(record)
    except ValueError:
        return False


def _first_record(head: bytes) -> bytes | None:
    """The first record of the first request, whose own end may lie beyond these bytes."""
    if head[:1] == bytes([FIRST]):
        data = head
    elif head[4:5] == bytes([FIRST]):
        data = head[4:]
    else:
        data = head[varint(head, 0)[1] :]
    for wanted in (1, 2, 2):
        found = _opened(data, wanted)
        if found is None:
            return None
        data, whole = found
    return data if whole else None


def _opened(data: bytes, wanted: int) -> tuple[bytes, bool] | None:
    """What the first field `wanted` holds, as far as it is there, and whether that is all; only shorter fields 1 may stand before it."""
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        length, place = varint(data, place)
        if key == wanted << 3 | BYTES:
            return data[place : place + length], place + length <= len(data)
        if key != FIRST:
            return None
        place += length
    return None


def _believed(record: bytes) -> bool:
    """Whether it tells a time of our century. A metric does so in its points, one level or two below."""
    for _, wire, value in fields(record):
        if wire == FIXED64 and isinstance(value, int) and EARLIEST < value < LATEST:
            return True
        if wire == BYTES and isinstance(value, bytes) and signal(record) == "metrics" and _dated(value, 2):
            return True
    return False


def _dated(data: bytes, depth: int) -> bool:
    try:
        listed = list(fields(data))
    except ValueError:
        return False
    if any(wire == FIXED64 and isinstance(value, int) and EARLIEST < value < LATEST for _, wire, value in listed):
        return True
    return depth > 0 and any(isinstance(value, bytes) and _dated(value, depth - 1) for _, _, value in listed)
