"""OTLP in JSON and Protocol Buffers: both encodings tell the same, agents and their tools are named, damage costs only what it hit."""

import base64
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from interferon.connectors import otlp
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit

NANOS = 1_767_600_000_000_000_000
TIME = NANOS // 1000
TRACE = "5b8efff798038103d269b633813fc60c"
REQUESTS: dict[str, Any] = {
    "resourceSpans": ExportTraceServiceRequest,
    "resourceLogs": ExportLogsServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
}
SCOPED = {
    "resourceSpans": ("scopeSpans", "spans"),
    "resourceLogs": ("scopeLogs", "logRecords"),
    "resourceMetrics": ("scopeMetrics", "metrics"),
}


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": value}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": any_value(value)} for name, value in attributes.items()]


def span(
    name: str = "GET /plans", kind: int = 2, id_: str = "eee19b7ec3c1b174", parent: str = "", code: int = 0, **attributes: Any
) -> dict[str, Any]:
    held = {key.replace("__", "."): value for key, value in attributes.items()}
    head = {
        "traceId": TRACE,
        "spanId": id_,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(NANOS),
        "endTimeUnixNano": str(NANOS + 250_000_000),
    }
    return {**head, **({"parentSpanId": parent} if parent else {}), "attributes": pairs(held), "status": {"code": code} if code else {}}


def request(kind: str, records: list[Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    scopes, items = SCOPED[kind]
    held = {"service.name": "planner"} if resource is None else resource
    return {kind: [{"resource": {"attributes": pairs(held)}, scopes: [{"scope": {"name": "lib"}, items: records}]}]}


def filled(message: Any, said: dict[str, Any]) -> Any:
    """A message of `opentelemetry-proto` from OTLP's JSON, by the names of its fields alone."""
    names = {field.json_name: field for field in message.DESCRIPTOR.fields}
    for name, value in said.items():
        field = names[name]
        if field.message_type is not None:
            for each in value if isinstance(value, list) else [value]:
                filled(getattr(message, field.name).add() if isinstance(value, list) else getattr(message, field.name), each)
            getattr(message, field.name).SetInParent() if not isinstance(value, list) else None
        elif isinstance(value, list):
            getattr(message, field.name).extend(value)
        else:
            integers = (field.TYPE_FIXED64, field.TYPE_SFIXED64, field.TYPE_INT64, field.TYPE_UINT64)
            given_ = bytes.fromhex(value) if field.type == field.TYPE_BYTES else int(value) if field.type in integers else value
            setattr(message, field.name, given_)
    return message


def binary(said: dict[str, Any]) -> bytes:
    (kind,) = said
    return bytes(filled(REQUESTS[kind](), said).SerializeToString())


def taken(data: bytes, first: int = 0) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    return told(otlp.normalise(data, "otel", first))


def told(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    rows: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            rows += [{**row, "attributes": json.loads(row["attributes"])} if "attributes" in row else row for row in item.to_pylist()]
    return rows, dead


def both(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows, after it is seen that both encodings give the same."""
    rows, dead = taken(json.dumps(said).encode())
    assert (rows, dead) == taken(binary(said))
    assert not dead
    return rows


def test_the_connector_keeps_its_promises() -> None:
    assert connector_kit.run(otlp) == []


def test_an_agent_calls_a_tool_and_a_model() -> None:
    tool = span(
        "execute_tool erp.search",
        1,
        gen_ai__operation__name="execute_tool",
        gen_ai__agent__name="buyer-agent",
        gen_ai__tool__name="erp.search",
        gen_ai__tool__call__arguments='{"q":"' + "x" * 5000 + '"}',
        gen_ai__data_source__id="orders",
    )
    chat = span(
        "chat m-2",
        3,
        gen_ai__operation__name="chat",
        gen_ai__agent__id="a-7",
        gen_ai__request__model="m",
        gen_ai__response__model="m-2",
        gen_ai__usage__input_tokens=1200,
        gen_ai__usage__output_tokens=34,
        server__address="llm.example",
        code=2,
    )
    called, asked = both(request("resourceSpans", [tool, chat]))
    assert (called["kind"], called["entity"], called["actor"]) == ("api.call", "identity:buyer-agent", "identity:buyer-agent")
    assert (called["object"], called["code"], called["outcome"], called["time"]) == ("erp.search", "execute_tool", "success", TIME)
    assert called["attributes"]["scope"] == "orders"
    assert len(called["attributes"]["arguments"]) == 1000
    assert (asked["entity"], asked["object"], asked["code"], asked["outcome"]) == ("identity:a-7", "m-2", "chat", "failure")
    assert (asked["attributes"]["tokens"], asked["attributes"]["model"], asked["target"]) == (1234, "m-2", "llm.example")


def test_previous_names_count_too() -> None:
    old = span(gen_ai__system="x", gen_ai__request__model="m", gen_ai__usage__prompt_tokens=10, gen_ai__usage__completion_tokens=5)
    total = span(llm__request__model="m", llm__usage__total_tokens=77)
    first, second = both(request("resourceSpans", [old, total]))
    assert (first["attributes"]["tokens"], first["entity"], first["object"]) == (15, "identity:planner", "m")
    assert (second["attributes"]["tokens"], second["attributes"]["model"]) == (77, "m")


def test_a_tool_is_called_by_the_agent_above_it() -> None:
    agent = span("invoke_agent", 1, "aaaaaaaaaaaaaaaa", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="buyer")
    step = span("step", 1, "bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa")
    tool = span("tool", 1, "cccccccccccccccc", "bbbbbbbbbbbbbbbb", mcp__method__name="tools/call", gen_ai__tool__name="erp.search")
    alone = span("tool", 1, "dddddddddddddddd", "dddddddddddddddd", gen_ai__tool__name="erp.search")
    rows = both(request("resourceSpans", [tool, step, agent, alone]))
    assert [row["entity"] for row in rows] == ["identity:buyer", "address:planner", "identity:buyer", "identity:planner"]
    assert rows[0]["code"] == "tools/call"


def test_calls_between_services() -> None:
    served = span(
        http__request__method="GET",
        http__route="/plans/{id}",
        client__address="10.0.0.9",
        http__response__status_code=503,
        http__response__body__size=2048,
        enduser__id="anna",
    )
    asked = span("q", 3, db__operation__name="SELECT", db__namespace="orders", server__address="db-1")
    remote = span("m", 3, rpc__service="Stock", rpc__method="Count", code=1)
    rows = both(request("resourceSpans", [served, asked, remote], {"service.name": "plans", "host.name": "srv-1"}))
    assert [row["entity"] for row in rows] == ["address:plans"] * 3
    assert (rows[0]["source"], rows[0]["target"], rows[0]["actor"]) == ("10.0.0.9", "plans", "identity:anna")
    assert (rows[0]["object"], rows[0]["code"], rows[0]["outcome"], rows[0]["bytes"]) == ("/plans/{id}", "GET", "failure", 2048)
    assert (rows[0]["attributes"]["duration_s"], rows[0]["attributes"]["trace_id"]) == (0.25, TRACE)
    assert (rows[1]["target"], rows[1]["code"], rows[1]["attributes"]["scope"]) == ("db-1", "SELECT", "orders")
    assert (rows[2]["object"], rows[2]["code"], rows[2]["outcome"]) == ("Stock/Count", "Count", "success")


def test_log_records() -> None:
    first = {
        "timeUnixNano": str(NANOS),
        "severityNumber": 17,
        "body": any_value("pump failed"),
        "attributes": pairs({"user.name": "anna"}),
        "traceId": TRACE,
    }
    second = {
        "observedTimeUnixNano": str(NANOS + 1000),
        "severityText": "WARN",
        "body": any_value({"a": [1, True, 0.5]}),
        "eventName": "pump.state",
    }
    rows = both(request("resourceLogs", [first, second], {"service.name": "mes", "host.name": "SRV-1"}))
    assert [(row["kind"], row["entity"], row["object"]) for row in rows] == [("log.message", "address:srv-1", "lib")] * 2
    assert (rows[0]["attributes"]["message"], rows[0]["attributes"]["severity"], rows[0]["actor"]) == (
        "pump failed",
        "error",
        "identity:anna",
    )
    assert (rows[1]["time"], rows[1]["code"], rows[1]["attributes"]["severity"]) == (TIME + 1, "pump.state", "warn")
    assert json.loads(rows[1]["attributes"]["message"]) == {"a": [1, True, 0.5]}


def test_metrics_are_telemetry() -> None:
    at = {"timeUnixNano": str(NANOS)}
    metrics = [
        {"name": "temperature", "gauge": {"dataPoints": [{**at, "asDouble": 21.5, "attributes": pairs({"line": 2, "cell": "a"})}]}},
        {"name": "parts", "sum": {"dataPoints": [{**at, "asInt": "42"}], "aggregationTemporality": 2, "isMonotonic": True}},
        {"name": "gone", "gauge": {"dataPoints": [{**at, "flags": 1}]}},
        {
            "name": "wait",
            "histogram": {"dataPoints": [{**at, "count": "3", "sum": 1.5}], "aggregationTemporality": 2},
        },
        {"name": "p", "summary": {"dataPoints": [{**at, "count": "2", "sum": 4.0, "quantileValues": [{"quantile": 0.5, "value": 2.0}]}]}},
    ]
    rows = both(request("resourceMetrics", metrics, {"host.name": "HMI-1"}))
    assert [(row["signal"], row["value"], row["quality"]) for row in rows] == [
        *(("temperature{cell=a,line=2}", 21.5, 0), ("parts", 42.0, 0), ("gone", None, 2), ("wait.count", 3.0, 0), ("wait.sum", 1.5, 0)),
        *(("p.count", 2.0, 0), ("p.sum", 4.0, 0), ("p.q0.5", 2.0, 0)),
    ]
    assert {(row["entity"], row["time"]) for row in rows} == {("address:hmi-1", TIME)}


def four(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def short(data: bytes) -> bytes:
    head, size = b"", len(data)
    while size > 0x7F:
        head, size = head + bytes([size & 0x7F | 0x80]), size >> 7
    return head + bytes([size]) + data


def test_many_requests_with_their_lengths_before_them() -> None:
    requests = [request("resourceSpans", [span()] * 3), request("resourceLogs", [{"timeUnixNano": str(NANOS)}])]
    for framed in (four, short):
        data = b"".join(framed(binary(each)) for each in requests)
        rows, dead = taken(data, 5)
        assert ([row["kind"] for row in rows], dead) == (["api.call"] * 3 + ["log.message"], [])
        assert [row["offset"] for row in rows] == [5, 6, 7, 8]
        assert otlp.sniff(data)
        rows, dead = taken(data[:-3])
        assert (len(rows), len(dead), "cut off" in dead[0].reason) == (3, 1, True)


def test_an_invalid_record_costs_no_good_one() -> None:
    bad = [{**span(), "startTimeUnixNano": "0"}, {**span(), "startTimeUnixNano": "soon"}, 7, None]
    for each in bad:
        rows, dead = taken(json.dumps(request("resourceSpans", [span(), each, span()])).encode())
        assert (len(rows), len(dead)) == (2, 1)
        assert dead[0].raw
    data = binary(request("resourceSpans", [span(), span("BROKEN"), span()]))
    place = data.index(b"BROKEN") - 2
    rows, dead = taken(data[:place] + b"\x7f" + data[place + 1 :])
    assert (len(rows), len(dead)) == (2, 1)


def test_every_cut_of_a_binary_request_is_told() -> None:
    data = binary(request("resourceSpans", [span()] * 3))
    for cut in range(2, len(data)):  # one byte alone is a blank line
        assert taken(data[:cut])[1], cut


def test_files_of_the_collector_are_lines_and_may_be_gzipped(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(request(kind, [])) for kind in REQUESTS) + "\n" + json.dumps(request("resourceSpans", [span()]))
    path = tmp_path / "traces.json.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    rows, dead = told(otlp.read(path, "f"))
    assert (len(rows), rows[0]["feed"], dead) == (1, "f", [])
    path.write_bytes(gzip.compress(lines.encode())[:-20])
    assert "breaks off" in told(otlp.read(path))[1][-1].reason
    with pytest.raises(InputError, match="absent"):
        list(otlp.read(tmp_path / "absent"))


def test_ids_are_hexadecimal_however_they_are_written() -> None:
    coded = [base64.b64encode(bytes.fromhex(each)).decode() for each in (TRACE, "eee19b7ec3c1b174")]
    record = {**span(), "traceId": coded[0], "spanId": coded[1]}
    rows, _ = taken(json.dumps(request("resourceSpans", [record])).encode())
    assert (rows[0]["attributes"]["trace_id"], rows[0]["attributes"]["span_id"]) == (TRACE, "eee19b7ec3c1b174")


@pytest.mark.parametrize("kind", REQUESTS)
def test_only_what_is_otlp_is_taken_for_it(kind: str) -> None:
    point = {"gauge": {"dataPoints": [{"timeUnixNano": str(NANOS), "asDouble": 1.0}]}, "name": "x"}
    said = request(kind, [{"resourceSpans": span(), "resourceLogs": {"timeUnixNano": str(NANOS)}, "resourceMetrics": point}[kind]] * 900)
    for data in (json.dumps(said, indent=1).encode(), binary(said), four(binary(said))):
        assert otlp.sniff(data[:65_536]) or data[:1] == b"{"
    assert not otlp.sniff(b"\x0a\x04\x12\x02\x12\x00")
    assert not otlp.sniff(binary(said)[1:])


def test_many_spans_come_in_batches_of_bounded_size() -> None:
    data = binary(request("resourceSpans", [span()] * 10_000))
    sizes = [item.num_rows for item in otlp.normalise(data, "otel") if not isinstance(item, DeadLetter)]
    assert (sum(sizes), max(sizes)) == (10_000, 8192)


SAMPLES = [
    binary(request("resourceSpans", [span(gen_ai__agent__name="a", gen_ai__usage__input_tokens=4)] * 2)),
    four(binary(request("resourceLogs", [{"timeUnixNano": str(NANOS), "body": any_value({"a": [1]})}] * 2))),
    binary(request("resourceMetrics", [{"name": "x", "gauge": {"dataPoints": [{"timeUnixNano": str(NANOS), "asDouble": 1.0}]}}])),
    otlp.EXAMPLE,
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.binary(max_size=8),
    st.integers(0, 2000),
)
def test_no_bytes_raise(sample: bytes, marks: list[tuple[int, int]], junk: bytes, place: int) -> None:
    data = bytearray(sample)
    for at, value in marks:
        data[at % len(data)] = value
    place %= len(data) + 1
    mutated = bytes(data[:place]) + junk + bytes(data[place:])
    for each in (mutated, junk):
        otlp.sniff(each)
        rows, dead = taken(each)
        assert all(letter.reason for letter in dead)
        assert [row["offset"] for row in rows] == sorted({row["offset"] for row in rows})


KEYS = st.sampled_from(
    [
        "resource",
        "scopeSpans",
        "spans",
        "attributes",
        "traceId",
        "startTimeUnixNano",
        "status",
        "scopeMetrics",
        "metrics",
        "gauge",
        "dataPoints",
        "name",
        "kind",
        "scopeLogs",
        "logRecords",
        "body",
        "timeUnixNano",
        "severityNumber",
        "key",
        "value",
        "intValue",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from([str(NANOS), "NaN", "1e999", "-5", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(REQUESTS)), st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, max_size=5))
def test_no_object_raises(kind: str, element: dict[str, Any], record: dict[str, Any]) -> None:
    for said in ({kind: [element]}, request(kind, [record, {**span(), **record}])):
        rows, dead = taken(json.dumps(said).replace("Infinity", "1e400").encode())
        assert rows or dead or kind in said
