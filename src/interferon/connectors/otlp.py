"""Reads OpenTelemetry exports (OTLP): logs, spans and metrics, as JSON lines and documents or as Protocol Buffers; gzipped ones too.

Called by replay and discover. What a record means is in `sense.otlp_rows`: also which AI agent called which tool or model.
"""

import io
from pathlib import Path
from typing import Final

from interferon.sense import json_records, otlp_json, otlp_protobuf
from interferon.sense.record_rows import Note, Read, Rows, of_lines
from interferon.store.recorded_bytes import Damage, content

NAME: Final = "otlp"
SUFFIXES: Final = (".otlp", ".json", ".jsonl", ".pb", ".binpb")
WHOLE: Final = True
EXAMPLE: Final = (
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"planner"}}]},"scopeSpans":[{"spans":['
    b'{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"execute_tool erp.search","kind":1,'
    b'"startTimeUnixNano":"1767600000000000000","endTimeUnixNano":"1767600000250000000","attributes":['
    b'{"key":"gen_ai.operation.name","value":{"stringValue":"execute_tool"}},{"key":"gen_ai.agent.name","value":{"stringValue":'
    b'"planner-agent"}},{"key":"gen_ai.tool.name","value":{"stringValue":"erp.search"}}],"status":{}}]}]}]}\n'
    b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"hmi-1"}}]},"scopeMetrics":[{"metrics":['
    b'{"name":"system.cpu.utilization","gauge":{"dataPoints":[{"timeUnixNano":"1767600001000000000","asDouble":0.25}]}}]}]}]}\n'
)


def sniff(head: bytes) -> bool:
    """Whether the first record is one of OTLP, in either encoding."""
    if otlp_protobuf.is_otlp(head):
        return True
    record = json_records.first(head, otlp_json.WRAPPERS)
    return record is not None and otlp_json.is_otlp(record)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the records, and what could not be read. InputError where there is no such file, or it is too large."""
    damage, name = Damage(), feed or path.stem
    rows = Rows(name, 0)
    for item in normalise(content(path, damage), name):
        rows.after(item)
        yield item
    for reason in damage:
        rows.dead(reason, "")
    yield from rows.rest()


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The same on the bytes of a file, the first event at offset `first`; events and dead letters are counted."""
    if data.lstrip()[:1] in (b"{", b"[", b"") and not otlp_protobuf.is_otlp(data[: 1 << 16]):
        yield from of_lines(io.BytesIO(data), feed, first, otlp_json.events, otlp_json.WRAPPERS)
        return
    rows = Rows(feed, first)
    for message in otlp_protobuf.messages(data):
        for row in [message] if isinstance(message, Note) else otlp_protobuf.events(message):
            if isinstance(row, Note):
                rows.dead(row.reason, row.raw)
            else:
                rows.add(row)
            if rows.ready:
                yield from rows.taken()
    yield from rows.rest()
