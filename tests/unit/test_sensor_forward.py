"""Forwarding of a sensor: everything once and in order, in rounds of a minute; retries, refusals, restarts, findings, old segments."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from interferon.model.errors import InputError
from interferon.model.events import Tick
from interferon.model.records import Finding
from interferon.runtime import forward
from interferon.runtime.forward import Behind, Forwarder, Message, Refusal, Unreached
from interferon.runtime.sensor_settings import ALL, SensorSettings
from interferon.sense.batches import batch
from interferon.store.log import EventLog, segments

MINUTE = 60_000_000
SETTINGS = SensorSettings(name="line-4", upstream="https://centre.example")


class Upstream:
    """A way that keeps what comes; `answers` are raised one after the other instead."""

    whole, idle_s = False, 0.0

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.answers: list[Exception | None] = []
        self.begin: Callable[[], int] = lambda: 100

    def send(self, message: Message) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append(message)

    def close(self) -> None:
        """Nothing is open."""

    def rows(self) -> list[tuple[str, int]]:
        return [(row["feed"], row["offset"]) for message in self.taken for each in batches(message) for row in each.to_pylist()]


def batches(message: Message) -> list[pa.RecordBatch]:
    source, found = pa.BufferReader(message.body), []
    while source.tell() < len(message.body):
        with pa.ipc.open_stream(source) as reader:
            found += list(reader)
    return found


def readings(feed: str, first: int, at: int, count: int = 2) -> pa.RecordBatch:
    offsets = list(range(first, first + count))
    columns = {"time": [at + place for place in range(count)], "offset": offsets, "entity": ["asset:a"] * count, "signal": ["l"] * count}
    return batch("telemetry", feed, columns)


def login(feed: str, offset: int, at: int) -> pa.RecordBatch:
    return batch("activity", feed, {"time": [at], "offset": [offset], "entity": ["asset:a"], "kind": ["auth.login"]})


def logged(state: Path, *items: Any, segment_bytes: int = 1 << 20) -> None:
    log = EventLog(state / "log", segment_bytes=segment_bytes, durable=False)
    for item in items:
        log.append(item)
    log.close()


def found(number: int) -> bytes:
    given = Finding(
        id=f"f{number}", time=number, entity="asset:a", detector="d", family="telemetry", kind="k", p=0.1, score=1.0, why=(), summary="odd"
    )
    return msgspec.json.encode(given) + b"\n"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "records").mkdir()
    return tmp_path


@pytest.fixture
def told() -> list[str]:
    return []


Start = Callable[..., Forwarder]


@pytest.fixture
def start(state: Path, told: list[str]) -> Start:
    return lambda way, **more: Forwarder(msgspec.structs.replace(SETTINGS, **more), state, way, told.append, lambda: 77)


def test_a_minute_goes_feed_by_feed_and_the_families_of_a_feed_keep_their_order(state: Path, start: Start) -> None:
    logged(
        state,
        readings("b", 0, 5 * MINUTE),
        Tick(time=1),
        readings("a", 0, 5 * MINUTE + 9),
        login("b", 2, 5 * MINUTE + 9),
        readings("b", 3, 5 * MINUTE + 20),
        readings("b", 5, 6 * MINUTE),
    )
    way = Upstream()
    start(way)._once()
    assert [message.feed for message in way.taken] == ["line-4/b", "line-4/a", "line-4/b"]
    assert way.rows() == [
        *[("line-4/b", offset) for offset in range(5)],
        *[("line-4/a", offset) for offset in range(2)],
        *[("line-4/b", offset) for offset in (5, 6)],
    ]
    assert [message.sequence for message in way.taken] == [100, 101, 102]
    assert (way.taken[0].first, way.taken[0].last, way.taken[0].rows) == (5 * MINUTE, 5 * MINUTE + 21, 5)


def test_a_batch_over_several_minutes_goes_alone_so_that_nothing_becomes_late_on_the_way(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 5 * MINUTE), readings("b", 0, 6 * MINUTE - 1), readings("a", 2, 6 * MINUTE + 5))
    way = Upstream()
    start(way)._once()
    assert [(message.feed, message.rows) for message in way.taken] == [("line-4/a", 2), ("line-4/b", 2), ("line-4/a", 2)]


def test_what_is_new_is_sent_once_and_a_restart_sends_the_last_message_unchanged(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 0), readings("b", 0, 0))
    way = Upstream()
    forwarder = start(way)
    forwarder._once()
    forwarder._once()
    assert len(way.taken) == 2
    logged(state, readings("a", 2, 50))
    again = Upstream()
    start(again)._once()
    assert again.taken[0] == way.taken[-1]
    assert again.rows()[2:] == [("line-4/a", 2), ("line-4/a", 3)]
    assert again.taken[1].sequence == 102


def test_a_round_that_was_stopped_in_between_is_begun_anew(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 0), readings("b", 0, 0), readings("c", 0, 0))
    way = Upstream()
    way.answers = [None, Unreached("away")]
    with pytest.raises(Unreached):
        start(way)._once()
    again = Upstream()
    start(again)._once()
    assert [(message.feed, message.sequence) for message in again.taken] == [
        ("line-4/b", 101),
        ("line-4/a", 102),
        ("line-4/b", 103),
        ("line-4/c", 104),
    ]


def test_while_upstream_is_away_the_same_message_waits_under_its_number(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 0), readings("b", 0, 0))
    way = Upstream()
    way.answers = [Unreached("away"), Unreached("away")]
    forwarder = start(way)
    for _ in range(2):
        with pytest.raises(Unreached):
            forwarder._once()
    forwarder._once()
    assert [(message.feed, message.sequence) for message in way.taken] == [("line-4/a", 100), ("line-4/b", 101)]


def test_what_upstream_does_not_want_is_put_aside_with_its_reason_and_the_rest_goes_on(state: Path, start: Start, told: list[str]) -> None:
    logged(state, readings("a", 0, 0), readings("b", 0, 0))
    way = Upstream()
    way.answers = [Refusal("answered 400: the column kind holds 'x'")]
    start(way)._once()
    assert way.rows() == [("line-4/b", 0), ("line-4/b", 1)]
    (row,) = [msgspec.json.decode(line) for line in (state / forward.REFUSED / forward.INDEX).read_bytes().splitlines()]
    assert (row["feed"], row["rows"], row["reason"]) == ("line-4/a", 2, "answered 400: the column kind holds 'x'")
    with pa.ipc.open_stream((state / forward.REFUSED / row["file"]).read_bytes()) as reader:
        assert reader.read_all().column("offset").to_pylist() == [0, 1]
    assert "2 events of line-4/a were refused and put aside" in told[0]


def test_numbers_that_upstream_has_seen_are_passed_over(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 0))
    way = Upstream()
    way.answers = [Behind(500)]
    forwarder = start(way)
    with pytest.raises(Unreached, match="knows numbers up to 500"):
        forwarder._once()
    forwarder._once()
    assert [message.sequence for message in way.taken] == [501]


def test_only_the_families_that_are_wanted_are_forwarded(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 0), login("a", 2, 0), login("feed-health", 0, 0))
    (state / "records/findings.ndjson").write_bytes(found(1))
    way = Upstream()
    start(way, forward=("activity",))._once()
    assert way.rows() == [("line-4/a", 2)]


def test_findings_go_as_messages_whose_offset_is_their_place(state: Path, start: Start) -> None:
    path = state / "records/findings.ndjson"
    path.write_bytes(found(1) + found(2) + b'{"half')
    way = Upstream()
    start(way)._once()
    (row, _) = batches(way.taken[0])[0].to_pylist()
    assert (row["kind"], row["object"], row["entity"], row["code"], row["seen"]) == ("log.message", "interferon", "asset:a", "k", 77)
    assert msgspec.json.decode(row["attributes"])["id"] == "f1"
    assert way.rows() == [("line-4/findings", 0), ("line-4/findings", len(found(1)))]


def test_findings_written_anew_are_not_sent_again_and_their_offsets_still_rise(state: Path, start: Start, told: list[str]) -> None:
    path = state / "records/findings.ndjson"
    path.write_bytes(found(1) + found(2))
    start(Upstream())._once()
    path.write_bytes(found(2) + found(3))  # the beginning of the log is gone, and with it the first one
    way = Upstream()
    start(way)._once()
    assert way.rows()[2:] == [("line-4/findings", len(found(1) + found(2)))]
    path.write_bytes(found(8) + found(9))  # another version of the program finds other things
    forwarder = start(way)
    assert "the finding that was forwarded last is not there" in told[-1]
    path.write_bytes(found(8) + found(9) + found(10))
    forwarder._once()
    assert way.rows()[-1] == ("line-4/findings", len(found(1) * 3))


def test_a_log_that_is_shorter_than_the_place_is_read_from_its_segments_beginning(state: Path, start: Start) -> None:
    logged(state, readings("a", 0, 0), readings("a", 2, 9 * MINUTE))
    start(Upstream())._once()
    (path,) = segments(state / "log")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 5)
    logged(state, readings("a", 4, 10 * MINUTE, 1))
    way = Upstream()
    start(way)._once()
    assert ("line-4/a", 4) in way.rows()


def test_a_damaged_segment_is_told_and_the_next_ones_count(state: Path, start: Start, told: list[str]) -> None:
    logged(state, readings("a", 0, 0), readings("a", 2, 0), segment_bytes=100)
    path = segments(state / "log")[0]
    path.write_bytes(path.read_bytes()[:-9] + b"damaged!!")
    way = Upstream()
    start(way)._once()
    assert way.rows() == [("line-4/a", 2), ("line-4/a", 3)]
    assert "from byte 8 on there is no whole record" in told[0]


def test_old_segments_go_once_upstream_has_them(state: Path, start: Start) -> None:
    logged(state, *(readings("a", 2 * number, number) for number in range(4)), segment_bytes=100)
    paths = segments(state / "log")
    old = time.time() - 40 * 86_400
    for path in paths[:3]:
        os.utime(path, (old, old))
    assert forward.tidy(state / "log", 2, 30) == paths[:2]
    assert forward.tidy(state / "log", 2, 50) == []
    assert segments(state / "log") == paths[2:]


def test_a_large_round_is_parted_and_loses_nothing(state: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "LARGEST", 2000)
    logged(state, readings("a", 0, 0, 100), readings("b", 0, 0, 3))
    way = Upstream()
    start(way)._once()
    assert len(way.taken) > 4
    assert way.rows() == [*[("line-4/a", place) for place in range(100)], *[("line-4/b", place) for place in range(3)]]


def test_a_damaged_place_is_one_line(state: Path, start: Start) -> None:
    (state / forward.KEPT).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="not a checkpoint"):
        start(Upstream())


def test_the_thread_goes_on_after_an_outage(state: Path, start: Start, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "PAUSE_S", 0.01)
    logged(state, readings("a", 0, 0))
    way = Upstream()
    way.answers = [Unreached("answered 503", 0.02), OSError(28, "full"), Unreached("away")]
    with start(way):
        end = time.monotonic() + 10
        while (not way.taken or len(told) < 2) and time.monotonic() < end:
            time.sleep(0.01)
    assert way.rows() == [("line-4/a", 0), ("line-4/a", 1)]
    assert told == [
        "upstream line-4: answered 503; tried again until it gets through, nothing is lost",
        "upstream line-4: it gets through again",
    ]


def test_the_place_behind_a_line() -> None:
    assert ALL == ("telemetry", "activity", "trade", "findings")
    assert forward.place_behind(Path("absent"), 0, "") == (0, True)
    assert forward.place_behind(Path("absent"), 5, hashlib.sha256(b"x").hexdigest()) == (0, False)
