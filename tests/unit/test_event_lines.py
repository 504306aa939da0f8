"""NDJSON events: what is read, and what each wrong line is told."""

from pathlib import Path

import pyarrow as pa
import pytest

from interferon.connectors import event_lines
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter


def read(text: bytes) -> tuple[list[pa.RecordBatch], list[DeadLetter]]:
    found = list(event_lines.normalise(text.splitlines(keepends=True), "f"))
    return [x for x in found if not isinstance(x, DeadLetter)], [x for x in found if isinstance(x, DeadLetter)]


def test_the_example_is_read() -> None:
    batches, dead = read(event_lines.EXAMPLE)
    assert dead == []
    assert [b.schema.metadata[b"family"] for b in batches] == [b"telemetry", b"activity"]
    assert batches[0].to_pylist()[0] == {
        "time": 1767600000000000, "seen": 1767600000000000, "feed": "f", "offset": 0, "entity": "asset:plc-1", "trust": 1.0, "raw": None,
        "signal": "level", "value": 1.25, "text": None, "quality": 0,
    }  # fmt: skip


def test_order_of_lines_is_the_order_of_batches() -> None:
    lines = [b'{"family":"telemetry","time":%d,"entity":"asset:a","signal":"x","value":1}\n' % t for t in (1, 2)]
    middle = (
        b'{"family":"trade","time":5,"entity":"partner:p","kind":"order.placed","promised":"2026-01-01T00:00:00+01:00",'
        b'"attributes":{"price":2}}\n'
    )
    batches, dead = read(lines[0] + middle + lines[1])
    assert dead == []
    assert [b.column("time").to_pylist() for b in batches] == [[1], [5], [2]]
    assert batches[1].column("promised").to_pylist() == [1767222000000000]
    assert batches[1].column("attributes").to_pylist() == ['{"price":2}']


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "line 1 is no JSON object"),
        (b"[1]", "line 1 is no JSON object"),
        (b"\xff\xfe", "line 1 is no JSON object"),
        (b"{}", "family is ''"),
        (b'{"family":"weather"}', "family is 'weather'; it would be one of telemetry, activity, trade"),
        (b'{"family":"telemetry"}', "field 'time' is missing"),
        (b'{"family":"telemetry","time":1,"entity":"a"}', "field 'signal' is missing"),
        (b'{"family":"telemetry","time":1,"signal":"x"}', "field 'entity' is missing"),
        (b'{"family":"telemetry","time":"yesterday","entity":"a","signal":"x"}', "yesterday"),
        (b'{"family":"telemetry","time":"2026-01-01T00:00:00","entity":"a","signal":"x"}', "needs its zone"),
        (b'{"family":"telemetry","time":1,"entity":"a","signal":"x","value":"hot"}', "field 'value' is 'hot', not a number"),
        (b'{"family":"telemetry","time":1,"entity":7,"signal":"x"}', "field 'entity' is 7, not text"),
        (b'{"family":"telemetry","time":1,"entity":"a","signal":"x","colour":1}', "unknown field 'colour'"),
        (b'{"family":"telemetry","time":1,"entity":"a","signal":"x","quality":900}', "out of range"),
        (b'{"family":"activity","time":1,"entity":"a","kind":"k","bytes":1.5}', "not a whole number"),
        (b'{"family":"activity","time":1,"entity":"a","kind":"k","raw":"xyz"}', "line 1: "),
    ],
)
def test_a_line_that_cannot_be_used_is_a_dead_letter_with_the_reason(line: bytes, reason: str) -> None:
    batches, dead = read(line + b"\n")
    assert batches == []
    assert len(dead) == 1
    assert reason in dead[0].reason
    assert dead[0].raw == line.decode(errors="replace")


def test_an_absent_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(event_lines.read(tmp_path / "none.ndjson"))
