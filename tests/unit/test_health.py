"""Feed health: heartbeats by the log's own time, gaps, schema, clock and source; the detector of logs judges them."""

import json
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.detect import stream
from interferon.detect.stream_events import DAY, Event
from interferon.detectors import activity_logs
from interferon.sense.batches import batch
from interferon.sense.health import FEED, MINUTE, SETTLED, STEADY, Health

START = 1_767_600_000_000_000 // MINUTE * MINUTE


def rows(minute: float, n: int = 60, feed: str = "tap", first: int | None = None, lag_s: float = 0.1, **columns: Any) -> pa.RecordBatch:
    """`n` flows within one minute; offsets follow the minute unless `first` says otherwise."""
    time = [START + int(minute * MINUTE) + k * MINUTE // n for k in range(n)]
    offset = int(minute * n) if first is None else first
    given = {"time": time, "seen": [t + int(lag_s * 1e6) for t in time], "offset": range(offset, offset + n), "entity": ["asset:a"] * n}
    return batch("activity", feed, given | {"kind": ["network.flow"] * n, "object": ["tcp/502"] * n} | columns)


def told(health: Health, batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    found = [row for each in batches for answer in health.take(each) for row in answer.to_pylist()]
    return [{**row, "attributes": json.loads(row["attributes"])} for row in found]


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [row["code"] for row in found if row["code"] != "heartbeat"]


HABIT = [rows(minute) for minute in range(SETTLED + 5)]


def test_a_heartbeat_a_minute_and_feed_with_what_came() -> None:
    found = told(Health(offset=7), [rows(0), rows(0, feed="other", lag_s=2), rows(1), rows(4)])
    assert [(row["entity"], row["code"], (row["time"] - START) // MINUTE) for row in found] == [
        ("feed:tap", "heartbeat", 1),
        ("feed:other", "heartbeat", 1),
        ("feed:tap", "heartbeat", 4),
    ]
    assert [row["offset"] for row in found] == [7, 8, 9]
    assert {row["feed"] for row in found} == {FEED}
    assert found[1]["attributes"] == {"rows": 60, "lag_s": 2.0, "worst_lag_s": 2.0}


def test_its_own_events_are_no_feed() -> None:
    health = Health()
    answers = [answer for each in HABIT for answer in health.take(each)]
    for answer in answers:
        assert health.take(answer) == []
    assert set(health.feeds) == {"tap"}


def test_missing_numbers_are_a_gap_where_none_were_missing_before() -> None:
    health = Health()
    assert codes(told(health, HABIT)) == []
    jump = (SETTLED + 5) * 60 + 40
    (found,) = (row for row in told(health, [rows(SETTLED + 5, first=jump), rows(SETTLED + 6, first=jump + 60)]) if row["code"] == "gap")
    assert found["attributes"]["missing"] == 40
    repeated = told(health, [rows(SETTLED + 7, first=jump), rows(SETTLED + 8, first=jump + 120)])
    assert codes(repeated) == []


def test_a_feed_whose_numbers_jump_anyway_has_no_gaps() -> None:
    jumping = [rows(minute, first=minute * 100) for minute in range(STEADY // 60 + 30)]
    assert codes(told(Health(), jumping)) == []


def test_new_fields_and_kinds_are_told_once() -> None:
    health = Health()
    told(health, HABIT)
    strange = rows(SETTLED + 5, attributes=['{"packets":1,"shell":"x"}'] * 60, actor=["identity:eve"] * 60)
    (found,) = (row for row in told(health, [strange, rows(SETTLED + 6)]) if row["code"] == "schema")
    assert found["attributes"]["new"] == ["activity.actor", "activity.attributes", "network.flow.packets", "network.flow.shell"]
    assert codes(told(health, [rows(SETTLED + 7, attributes=['{"shell":"y"}'] * 60), rows(SETTLED + 8)])) == []


@pytest.mark.parametrize("lag_s", [600.0, -5.0])
def test_a_clock_that_moves_is_told_after_three_minutes(lag_s: float) -> None:
    health = Health()
    told(health, HABIT)
    found = told(health, [rows(SETTLED + 5 + k, lag_s=lag_s) for k in range(10)])
    assert codes(found) == ["skew"]
    (skew,) = (row for row in found if row["code"] == "skew")
    assert skew["attributes"]["before_s"] == pytest.approx(0.1)
    assert skew["attributes"]["lag_s"] == lag_s


def test_another_sender_of_the_same_feed_is_told() -> None:
    health = Health()
    assert health.comes_from("tap", "10.0.0.9", START) == []
    assert health.comes_from("tap", "10.0.0.9", START) == []
    (found,) = health.comes_from("tap", "10.6.6.6", START + 1)
    assert found.to_pylist()[0]["object"] == "10.6.6.6"


def test_time_passes_without_events_too() -> None:
    health = Health()
    health.take(rows(0))
    assert [row["code"] for each in health.tick(START + 2 * MINUTE) for row in each.to_pylist()] == ["heartbeat"]
    assert health.tick(START + 5 * MINUTE) == []


@given(st.lists(st.integers(1, 59), min_size=1, max_size=4))
def test_how_batches_are_cut_changes_nothing(cuts: list[int]) -> None:
    whole = [rows(minute) for minute in range(4)]
    borders = sorted({0, *cuts, 60})
    cut = [each.slice(a, b - a) for each in whole for a, b in pairwise(borders)]
    assert by_minute(told(Health(), whole)) == by_minute(told(Health(), cut))


def by_minute(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "time": row["time"] // MINUTE, "seen": 0} for row in found]


def test_a_long_recording_in_one_batch_has_one_heartbeat_and_none_is_late() -> None:
    recording = pa.Table.from_batches(HABIT).unify_dictionaries().combine_chunks().to_batches()[0]
    (found,) = Health().take(recording)
    assert found.column("time").to_pylist() == [max(recording.column("time").to_pylist())]


@pytest.mark.parametrize(("code", "kind"), [("gap", "log.gap"), ("skew", "log.skew"), ("source", "log.source"), ("schema", "log.schema")])
def test_the_detector_of_logs_judges_them(code: str, kind: str) -> None:
    state = stream.new_state()
    beats = [Event(START + k * MINUTE, FEED, k, "feed:tap", "activity", "log.status", code="heartbeat") for k in range(4 * 1440)]
    strange = Event(START + 4 * DAY + 1, FEED, 9999, "feed:tap", "activity", "log.status", code=code, object="10.6.6.6")
    found = [finding for one in [*beats[::15], strange] for finding in stream.observe(state, [one], [activity_logs], one.time + 1)]
    assert [finding.kind for finding in found] == [kind]
    assert "tap" in found[0].summary
