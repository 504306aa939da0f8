"""The supervisor of live feeds and their store: connections that come and go, back-pressure, and what a crash leaves."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.connectors import modbus_live
from interferon.connectors.modbus_live import Register
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import feeds as supervisor
from interferon.runtime import service as services
from interferon.runtime.feed_settings import Feed
from interferon.runtime.feeds import Feeds, Taking
from interferon.runtime.live_store import LiveStore
from interferon.runtime.service import Service
from interferon.sense.live import Item, Lost, Place, Reading, Take, batched
from interferon.store import examples
from interferon.store.examples import START
from interferon.store.feed_access import Access
from interferon.store.feed_lines import Events, Message
from interferon.store.folder import load
from interferon.trust.policy import Policy


class Source:
    """A connector whose source is a list of batches; it loses the connection where the list says so."""

    NAME, Settings = "source", Access

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.places: list[Place] = []  # that it was begun with
        self.acknowledged = 0

    async def listen(self, settings: Access, feed: str, place: Place, take: Take) -> None:
        self.places.append(dict(place))
        await take([], place)
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            items, place["next"] = batched(_rows(step), feed, place.get("next", 0), seen=START)  # type: ignore[arg-type]
            await take(items, place)
            self.acknowledged += 1
        await asyncio.sleep(60)


def _rows(count: int) -> list[Any]:
    return [Reading(START, "asset:plc-1", "level", float(each)) for each in range(count)]


def settings(**more: Any) -> Access:
    return Access(name="live", kind="source", url="", **more)


def soon(ready: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.01)
    return ready()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_S", 0.01)


@contextmanager
def started(source: Source, places: dict[str, bytes] | None = None, **more: Any) -> Iterator[tuple[Feeds, list[Taking], list[str]]]:
    takings: list[Taking] = []
    told: list[str] = []
    feeds = Feeds([Feed(source, settings(**more))], places or {}, takings.append, told.append, lambda: START + 2_000_000)
    feeds.start()
    try:
        yield feeds, takings, told
    finally:
        feeds.stop()


def test_a_feed_has_one_taking_on_its_way_and_goes_on_once_it_is_on_disk() -> None:
    source = Source(3, 2)
    with started(source) as (feeds, takings, _):
        assert soon(lambda: len(takings) == 1)
        time.sleep(0.05)
        assert (len(takings), source.acknowledged) == (1, 0)
        takings[0].done()
        assert soon(lambda: len(takings) == 2)
        assert source.acknowledged == 1
        takings[1].done()
        assert soon(lambda: source.acknowledged == 2)
        (state,) = feeds.states()
        assert (state.name, state.state, state.rows, state.last_event, state.lag_s) == ("live", "connected", 5, START, 2.0)
    assert [taking.place for taking in takings] == [b'{"next":3}', b'{"next":5}']


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Lost("the broker closed the connection"), "the broker closed the connection"),
        (OSError(111, "Connection refused"), "Connection refused"),
        (TimeoutError(), "no answer in time"),
        (InputError("password_env: no"), "password_env: no"),
        (KeyError("x"), "unexpected KeyError: 'x'"),
    ],
)
def test_a_connection_that_is_lost_is_told_and_made_again_from_the_last_place(error: Exception, told: str) -> None:
    source = Source(3, error, 2)
    with started(source) as (feeds, takings, lines):
        assert soon(lambda: len(takings) == 1)
        takings[0].done()
        assert soon(lambda: len(takings) == 2)
        (state,) = feeds.states()
        assert (state.state, state.error) == ("connected", told)
    assert source.places == [{}, {"next": 3}]
    assert lines == [f"feed live: {told}; trying again"]


def test_attempts_come_later_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []

    async def slept(seconds: float) -> None:
        delays.append(seconds)
        await real(0)

    real = asyncio.sleep

    class Refusing(Source):
        async def listen(self, settings: Access, feed: str, place: Place, take: Take) -> None:
            if len(delays) > 10:
                await real(60)
            raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(asyncio, "sleep", slept)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    with started(Refusing()) as (feeds, _, lines):
        assert soon(lambda: len(delays) == 11)
        assert feeds.states()[0].state == "retrying"
    assert delays == [min(60.0, delays[0] * 2**number) for number in range(11)]
    assert lines == ["feed live: Connection refused; trying again"]  # not at every attempt


def test_a_connection_without_events_is_stale() -> None:
    with started(Source(), stale_after_s=0.05) as (feeds, _, _):
        assert soon(lambda: feeds.states()[0].state == "stale")


def test_a_feed_that_is_lost_while_its_taking_is_under_way_waits_for_it() -> None:
    class Hasty(Source):
        async def listen(self, settings: Access, feed: str, place: Place, take: Take) -> None:
            self.places.append(dict(place))
            if len(self.places) == 1:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(take(batched(_rows(1), feed, 0, seen=START)[0], {"next": 1}), 0.05)
                raise Lost("gone")
            await asyncio.sleep(60)

    source = Hasty()
    with started(source) as (_, takings, _lines):
        assert soon(lambda: len(takings) == 1)
        time.sleep(0.2)
        assert source.places == [{}]
        takings[0].done()
        assert soon(lambda: len(source.places) == 2)
    assert source.places == [{}, {"next": 1}]


# the store


def test_a_taking_is_kept_with_its_place(tmp_path: Path) -> None:
    items, _ = batched(_rows(2), "live", 0, seen=START)
    letter = DeadLetter(feed="live", offset=2, time=0, family="", entity="", reason="no")
    LiveStore(tmp_path / "live").keep("live", [*items, letter], b'{"next":3}')
    again = LiveStore(tmp_path / "live")
    assert again.places == {"live": b'{"next":3}'}
    ((first, second),) = [list(kept) for kept in again.unfinished()]
    assert first == items[0]
    assert second == letter


def test_a_place_never_counts_on_below_the_log(tmp_path: Path) -> None:
    store = LiveStore(tmp_path / "live")
    store.places = {"live": b'{"next":3,"x":1}'}
    assert store.places_beyond({"live": 9, "other": 4}) == {"live": b'{"next":10,"x":1}', "other": b'{"next":5}'}
    assert store.places_beyond({"live": 1})["live"] == b'{"next":3,"x":1}'


def test_a_taking_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "live.take").write_bytes(b"\x00")
    with pytest.raises(InputError, match=r"live\.take: .*begins anew"):
        LiveStore(tmp_path / "live")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(services, "LOOK_S", 0.05)
    examples.write("minimal", tmp_path / "net")
    return tmp_path / "net"


def made(folder: Path, source: Source) -> Service:
    return Service(folder, load(folder), Policy.observing(), live=[Feed(source, settings())])


def test_the_service_stores_what_a_feed_takes_and_goes_on_from_there(folder: Path) -> None:
    first = Source(3, 2)
    with made(folder, first) as service:
        assert soon(lambda: first.acknowledged == 2)
        assert service.feed_states()[0].rows == 5
    second = Source(4)
    with made(folder, second) as service:
        assert soon(lambda: second.acknowledged == 1)
        assert service.running.feeds["live"].rows == 9
        assert service.running.state.admission.duplicates == 0
    assert second.places == [{"next": 5}]


def test_a_taking_that_the_log_has_only_in_part_is_finished_at_the_next_start(folder: Path) -> None:
    with made(folder, Source(2)) as service:
        assert soon(lambda: service.running.feeds.get("live") is not None)
    items, _ = batched(_rows(3), "live", 0, seen=START)  # rows 0 and 1 are in the log, row 2 is not
    LiveStore(folder / "state" / "live").keep("live", items, b'{"next":3}')
    source = Source()
    with made(folder, source) as service:
        assert soon(lambda: source.places == [{"next": 3}])
        assert service.running.feeds["live"].rows == 3


def test_a_disk_that_takes_no_more_acknowledges_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(1)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device", "live")

    monkeypatch.setattr(LiveStore, "keep", full)
    with made(folder, source) as service:
        assert soon(lambda: not service._thread.is_alive())
    assert source.acknowledged == 0
    assert threading.active_count() < 20


# what streams hold


def events(items: list[Item]) -> list[tuple[int, float]]:
    batches = [item for item in items if isinstance(item, pa.RecordBatch)]
    return [(row["offset"], row["value"]) for batch in batches for row in batch.to_pylist()]


def line(value: int, **more: object) -> bytes:
    rest = "".join(f',"{key}":{value!r}' for key, value in more.items()).replace("'", '"')
    return b'{"family":"telemetry","time":%d,"entity":"asset:a","signal":"x","value":%d%s}' % (START, value, rest.encode())


def test_the_number_of_a_message_is_the_offset_of_its_event() -> None:
    messages = [Message(number, "s", line(number), START) for number in (4, 5, 9)]
    assert events(Events("ndjson", (), 1, 1.0).read(messages, "f")) == [(4, 4), (5, 5), (9, 9)]


def test_a_message_of_several_lines_has_several_offsets() -> None:
    messages = [Message(2, "s", line(1) + b"\n" + line(2) + b"\n", START), Message(3, "s", line(3), START)]
    assert events(Events("ndjson", (), 10, 1.0).read(messages, "f")) == [(20, 1), (21, 2), (30, 3)]


def test_an_event_cannot_name_a_feed_or_an_offset_of_its_own() -> None:
    messages = [Message(1, "s", line(1, offset=99), START), Message(2, "s", line(2, feed="other"), START), Message(3, "s", line(3), START)]
    items = Events("ndjson", (), 1, 0.5).read(messages, "f")
    assert events(items) == [(3, 3)]
    assert sum(isinstance(item, DeadLetter) for item in items) == 2
    assert [batch.column("trust").to_pylist() for batch in items if isinstance(batch, pa.RecordBatch)] == [[0.5]]


def test_another_format_must_be_one_of_lines() -> None:
    with pytest.raises(ValueError, match=r"format is 'pcapng'; it would be one of .*ndjson"):
        Events("pcapng", (), 1, 1.0)


# registers


def test_neighbours_are_asked_for_together_and_gaps_are_not() -> None:
    registers = [
        Register(name="c", address=2, type="float32"),
        Register(name="a", address=0),
        Register(name="b", address=1),
        Register(name="d", address=9),
        Register(name="e", address=0, table="coil"),
    ]
    assert [[each.name for each in block] for block in modbus_live.blocks(registers)] == [["e"], ["a", "b", "c"], ["d"]]
    many = [Register(name=str(place), address=place) for place in range(300)]
    assert [len(block) for block in modbus_live.blocks(many)] == [125, 125, 50]


@pytest.mark.parametrize(
    ("given", "raw", "value"),
    [
        ({"type": "int16"}, [0xFFFE], -2),
        ({"type": "uint16", "scale": 0.5, "offset": 1}, [10], 6),
        ({"type": "int32"}, [0xFFFF, 0xFFFE], -2),
        ({"type": "uint32", "words": "little"}, [2, 1], 65538),
        ({"type": "float32"}, [0x3FC0, 0], 1.5),
        ({"type": "float32", "words": "little", "bytes": "little"}, [0, 0xC03F], 1.5),
        ({"type": "float64"}, [0x3FF8, 0, 0, 0], 1.5),
        ({"type": "int64"}, [0xFFFF] * 4, -1),
        ({"type": "bit", "bit": 15}, [0x8000], 1),
        ({"table": "coil"}, [1], 1),
    ],
)
def test_registers_are_read_by_their_type(given: dict[str, Any], raw: list[int], value: float) -> None:
    assert modbus_live.decoded(Register(name="x", address=0, **given), raw) == value


def test_a_register_that_holds_no_number_or_was_refused_has_no_value() -> None:
    register = Register(name="x", address=0, type="float32")
    assert modbus_live.reading(register, 1, "asset:a", [0x7FC0, 0]) == Reading(1, "asset:a", "x", quality=2)
    assert modbus_live.reading(register, 1, "asset:a", None) == Reading(1, "asset:a", "x", quality=2)
