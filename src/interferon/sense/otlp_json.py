"""OTLP in JSON: the requests that exporters send and the lines of the collector's file exporter. Pure. Called by the connector `otlp`.

Source: OTLP 1.x, "JSON Protobuf Encoding": lowerCamelCase names, ids in hexadecimal, 64-bit numbers as texts, enumerations as numbers.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from interferon.sense import otlp_rows
from interferon.sense.json_records import shown
from interferon.sense.otlp_rows import Log, Origin, Point, Span
from interferon.sense.record_rows import Mapped, Note, Row, listed, table, text

WRAPPERS: Final = frozenset({"resourceLogs", "resourceSpans", "resourceMetrics", "resource_logs", "resource_spans", "resource_metrics"})
# what a resource's element holds: (its scopes, their records), by signal; the older names are of OTLP before 0.15
SCOPES: Final = {
    "logs": (("scopeLogs", "scope_logs", "instrumentationLibraryLogs"), ("logRecords", "log_records", "logs")),
    "spans": (("scopeSpans", "scope_spans", "instrumentationLibrarySpans"), ("spans",)),
    "metrics": (("scopeMetrics", "scope_metrics", "instrumentationLibraryMetrics"), ("metrics",)),
}
NO_VALUE: Final = 1  # flag of a data point (DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)
DEPTH: Final = 16  # of values within values
_INT: Final = re.compile(r"-?\d{1,19}")


def is_otlp(record: Mapping[str, Any]) -> bool:
    """Whether it is certainly the element of one resource."""
    return any(isinstance(record.get(name), list) for scopes, _ in SCOPES.values() for name in scopes)


def events(record: dict[str, Any], raw: bytes = b"") -> Mapped:
    """The events of one resource's records; those that cannot be read as notes. ValueError where it is no element of a resource."""
    if record.keys() & WRAPPERS:
        raise ValueError("an OTLP request holds a list of resources; this one is no list")
    for signal, (scopes, records) in SCOPES.items():
        held = _list(record, scopes)
        if held is not None:
            return _signal(signal, record, held, records)
    raise ValueError("is no OTLP: it would hold resourceLogs, resourceSpans or resourceMetrics")


def _signal(signal: str, record: dict[str, Any], scopes: list[Any], names: tuple[str, ...]) -> Iterator[Row | Note]:
    resource = attributes(table(record.get("resource")).get("attributes"))
    for scope in map(table, scopes):
        named = table(scope.get("scope")) or table(scope.get("instrumentationLibrary"))
        origin = Origin(resource, text(named.get("name")))
        items = _list(scope, names) or []
        yield from _spans(items, origin) if signal == "spans" else _each(signal, items, origin)


def _each(signal: str, items: list[Any], origin: Origin) -> Iterator[Row | Note]:
    for item in items:
        try:
            if signal == "logs":
                yield otlp_rows.log(_log(_object(item, "log record")), origin)
            else:
                yield from [otlp_rows.point(each, origin) for each in _points(_object(item, "metric"))]
        except ValueError as error:
            yield Note(f"a record of OTLP: {error}", shown(item))


def _spans(items: list[Any], origin: Origin) -> Iterator[Row | Note]:
    good: list[tuple[Span, Any]] = []
    for item in items:
        try:
            good.append((_span(_object(item, "span")), item))
        except ValueError as error:
            yield Note(f"a span of OTLP: {error}", shown(item))
    for found, (_, item) in zip(otlp_rows.spans([span for span, _ in good], origin), good, strict=True):
        yield Note(f"a span of OTLP: {found}", shown(item)) if isinstance(found, ValueError) else found


def _log(item: dict[str, Any]) -> Log:
    get = item.get
    return Log(
        time=_whole(get("timeUnixNano"), "timeUnixNano"),
        observed=_whole(get("observedTimeUnixNano"), "observedTimeUnixNano"),
        severity=_enumeration(get("severityNumber"), 24),
        severity_text=text(get("severityText")),
        body=value(get("body")),
        event=text(get("eventName")),
        attributes=attributes(get("attributes")),
        trace=identifier(get("traceId")),
        span=identifier(get("spanId")),
    )


def _span(item: dict[str, Any]) -> Span:
    get, status = item.get, table(item.get("status"))
    return Span(
        trace=identifier(get("traceId")),
        id=identifier(get("spanId")),
        parent=identifier(get("parentSpanId")),
        name=text(get("name")),
        kind=_word(get("kind"), "SPAN_KIND_", otlp_rows.KINDS),
        start=_whole(get("startTimeUnixNano"), "startTimeUnixNano"),
        end=_whole(get("endTimeUnixNano"), "endTimeUnixNano"),
        attributes=attributes(get("attributes")),
        status=_word(status.get("code"), "STATUS_CODE_", ("unset", "ok", "error")),
        message=text(status.get("message")),
    )


def _points(item: dict[str, Any]) -> Iterator[Point]:
    """Every number of a metric: of histograms and summaries their count, sum and quantiles as signals of their own."""
    name = text(item.get("name"))
    if not name:
        raise ValueError("a metric has no name")
    for kind in ("gauge", "sum", "histogram", "exponentialHistogram", "summary"):
        for each in listed(table(item.get(kind)).get("dataPoints")):
            yield from _point(name, kind, _object(each, "data point"))


def _point(name: str, kind: str, item: dict[str, Any]) -> Iterator[Point]:
    time, held = _whole(item.get("timeUnixNano"), "timeUnixNano"), attributes(item.get("attributes"))
    none = bool(_enumeration(item.get("flags"), 1 << 32) & NO_VALUE)
    if kind in ("gauge", "sum"):
        said = item["asDouble"] if "asDouble" in item else item.get("asInt")
        yield Point(name, time, None if none else _number(said), held)
        return
    for part in ("count", "sum", "min", "max"):
        if part in item or part == "count":
            yield Point(f"{name}.{part}", time, None if none else _number(item.get(part, 0)), held)
    for each in map(table, listed(item.get("quantileValues"))):
        yield Point(f"{name}.q{text(each.get('quantile')) or '0'}", time, None if none else _number(each.get("value", 0)), held)


def attributes(items: Any) -> dict[str, Any]:
    """A list of keys and values as a mapping."""
    return {text(item.get("key")): value(item.get("value")) for item in map(table, listed(items)) if text(item.get("key"))}


def value(item: Any, depth: int = DEPTH) -> Any:
    """An AnyValue as what it holds. One that is written without its type is taken as it is."""
    if not isinstance(item, dict) or not depth:
        return item if depth else None
    for name, each in item.items():
        if name == "intValue":
            return int(each) if isinstance(each, str) and each.isascii() and _INT.fullmatch(each) else each
        if name == "arrayValue":
            return [value(one, depth - 1) for one in listed(table(each).get("values"))]
        if name == "kvlistValue":
            return {text(one.get("key")): value(one.get("value"), depth - 1) for one in map(table, listed(table(each).get("values")))}
        if name in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
            return each
    return None


def identifier(said: Any) -> str:
    """An id in hexadecimal, in small letters. Some exporters write bytes as base64, as plain Protobuf JSON would have them."""
    found = text(said)
    if len(found) in (12, 24):
        try:
            return base64.b64decode(found, validate=True).hex()
        except binascii.Error:
            return found.lower()[:64]
    return found.lower()[:64]


def _list(holder: Mapping[str, Any], names: tuple[str, ...]) -> list[Any] | None:
    return next((holder[name] for name in names if isinstance(holder.get(name), list)), None)


def _object(item: Any, what: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"a {what} is an object, not {type(item).__name__}")
    return item


def _whole(said: Any, name: str) -> int:
    """A 64-bit number, as text or number; 0 where it is absent."""
    if said is None or said == "":
        return 0
    if isinstance(said, str) and said.isascii() and _INT.fullmatch(said):
        return int(said)
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if isinstance(said, float) and said.is_integer() and abs(said) < 1e20:
        return int(said)
    raise ValueError(f"{name} is {str(said)[:60]!r}, not a whole number")


def _enumeration(said: Any, most: int) -> int:
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= most else 0


def _word(said: Any, prefix: str, words: tuple[str, ...]) -> int:
    """A number of an enumeration; its name is read too. 0 for one that is not known."""
    if isinstance(said, str):
        name = said.removeprefix(prefix).lower()
        return words.index(name) if name in words else 0
    return _enumeration(said, len(words) - 1)


def _number(said: Any) -> float | None:
    """A number, or a text that writes one; NaN and infinity are none."""
    try:
        return float(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else None
    except (ValueError, OverflowError):
        return None
