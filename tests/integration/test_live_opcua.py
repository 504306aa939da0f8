"""OPC UA with a real server that is stopped and started: history fills the gap, nothing comes twice; and the proof that we only read."""

import asyncio
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncua.ua
import msgspec
import pyarrow as pa
import pytest
from asyncua.server.history import HistoryDict
from asyncua.server.server import Server as UaServer
from asyncua.server.uaprocessor import UaProcessor

from interferon.connectors import opcua_live
from interferon.sense.live import Item, Place

from . import live_feeds as live

ua: Any = asyncua.ua
FEED = """
[[feed]]
name = "plant"
kind = "opcua"
url = "opc.tcp://127.0.0.1:{port}"
sampling_ms = 10
publishing_ms = 50

[[feed.nodes]]
node = "ns=2;s=level"
entity = "asset:plc-1"
signal = "level"

[[feed.nodes]]
node = "ns=2;s=mode"
entity = "asset:plc-1"
signal = "mode"

[[feed.nodes]]
node = "ns=2;s=absent"
entity = "asset:plc-1"
signal = "absent"
"""
READING = {
    *("GetEndpoints", "CreateSession", "ActivateSession", "CloseSession", "CloseSecureChannel", "Read", "HistoryRead"),
    *("CreateSubscription", "ModifySubscription", "DeleteSubscriptions", "CreateMonitoredItems", "Publish", "Republish"),
}
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Kept(HistoryDict):
    """History that outlives a stop of its server, and shows a value some time after it was set, as that of a historian does."""

    def __init__(self, lag: float) -> None:
        super().__init__()
        self._lag = lag
        self._saved: dict[datetime | None, float] = {}

    async def save_node_value(self, node_id: Any, datavalue: Any) -> None:
        self._saved[datavalue.SourceTimestamp] = time.monotonic()
        await super().save_node_value(node_id, datavalue)

    async def read_node_history(self, *given: Any) -> Any:
        values, more = await super().read_node_history(*given)
        return [each for each in values if self._saved[each.SourceTimestamp] + self._lag <= time.monotonic()], more

    async def new_historized_node(self, node_id: Any, period: Any, count: int = 0) -> None:
        if node_id not in self._datachanges:
            await super().new_historized_node(node_id, period, count)

    async def stop(self) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def standard(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps OPC UA's own nodes, which a server takes two seconds to build, on a shelf from which it takes those it needs."""
    shelf = tmp_path_factory.mktemp("standard") / "nodes"
    asyncio.run(UaServer().init(shelf_file=shelf))
    shelf.touch()  # whether there is a shelf is asked of this name, which not every kind of dbm uses
    Server.shelf = shelf


class Server:
    """A server with a number and a text."""

    shelf: Path

    def __init__(self, port: int, *, history: bool, lag: float = 0.0, cert: Path | None = None, key: Path | None = None) -> None:
        self._port, self._history = port, Kept(lag) if history else None
        self._cert, self._key = cert, key
        self.number = 0
        self.writes = 0

    @contextmanager
    def running(self) -> Iterator["Server"]:
        self._loop, self._stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
        thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve(ready)))
        thread.start()
        assert ready.wait(20)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()
            self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        server = UaServer()
        await server.init(shelf_file=self.shelf)
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self._port}")
        if self._cert is not None and self._key is not None:
            await server.set_application_uri("urn:server")
            server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            await server.load_certificate(str(self._cert))
            await server.load_private_key(str(self._key), format="pem")
        await server.register_namespace("urn:test")
        objects = server.nodes.objects
        self._level = await objects.add_variable(ua.NodeId("level", 2), "level", 0.0)
        self._mode = await objects.add_variable(ua.NodeId("mode", 2), "mode", "auto")
        await self._put(self._mode, "auto", 0)
        await self._put(self._level, float(self.number), self.number)
        if self._history is not None:
            server.iserver.history_manager.set_storage(self._history)
        async with server:
            if self._history is not None:
                await server.historize_node_data_change(self._level, period=timedelta(0), count=0)
            ready.set()
            await self._stop.wait()

    async def _put(self, node: Any, value: Any, second: int, status: int = ua.StatusCodes.Good) -> None:
        at = START + timedelta(seconds=second)
        await node.write_value(ua.DataValue(ua.Variant(value), ua.StatusCode(status), SourceTimestamp=at, ServerTimestamp=at))

    def step(self, count: int, pause: float = 0.02) -> None:
        """The next numbers, each a second after the last one."""

        async def steps() -> None:
            for _ in range(count):
                self.number += 1
                await self._put(self._level, float(self.number), self.number)
                await asyncio.sleep(pause)

        asyncio.run_coroutine_threadsafe(steps(), self._loop).result(60)

    def bad(self) -> None:
        self.number += 1
        put = self._put(self._level, 0.0, self.number, ua.StatusCodes.BadSensorFailure)
        asyncio.run_coroutine_threadsafe(put, self._loop).result(60)


def folder(tmp_path: Path, port: int) -> Path:
    return live.network(tmp_path / "net", FEED.format(port=port))


def levels(where: Path) -> list[float]:
    return [row["value"] for row in live.rows(where) if row["signal"] == "level"]


def test_values_come_with_their_source_time_and_quality(tmp_path: Path, free_port: int) -> None:
    where, server = folder(tmp_path, free_port), Server(free_port, history=False)
    with server.running(), live.service(where):
        assert live.soon(lambda: len(levels(where)) >= 1)
        server.step(50)
        assert live.soon(lambda: len(levels(where)) >= 51)
        server.bad()
        assert live.soon(lambda: len(levels(where)) >= 52)
        letters = where / "state" / "records" / "dead_letters.ndjson"
        assert live.soon(lambda: "node ns=2;s=absent: the server answers BadNodeIdUnknown" in letters.read_text())
    rows = live.rows(where)
    assert levels(where) == [*map(float, range(51)), None]
    assert [row["quality"] for row in rows if row["signal"] == "level"][-1] == 2
    begin = int(START.timestamp() * 1e6)
    assert [row["time"] for row in rows if row["signal"] == "level"] == [begin + second * 1_000_000 for second in range(52)]
    assert [row["text"] for row in rows if row["signal"] == "mode"] == ["auto"]


@pytest.mark.parametrize("history", [True, False])
def test_a_server_that_stops_and_starts_doubles_nothing_and_its_history_fills_the_gap(
    tmp_path: Path, free_port: int, history: bool
) -> None:
    where, server = folder(tmp_path, free_port), Server(free_port, history=history)
    with live.service(where):
        with server.running():
            assert live.soon(lambda: len(levels(where)) >= 1)
            server.step(30)
            assert live.soon(lambda: len(levels(where)) >= 31)
        assert live.soon(lambda: "plant retrying" in live.state(where))
        with server.running():
            server.step(20, 0.001)  # before we are back, most of them
            assert live.soon(lambda: "plant connected" in live.state(where))
            assert live.soon(lambda: levels(where)[-1] == 50)
            server.step(5)
            assert live.soon(lambda: levels(where)[-1] == 55)
    found = levels(where)
    assert len(set(found)) == len(found)
    assert found == sorted(found)
    if history:
        assert found == list(map(float, range(56)))
    assert live.once(live.rows(where))


def returned(port: int, last: int, until: float) -> list[float]:
    """The levels that a connection stores which comes back after `last`, to `until`."""
    found: list[float] = []
    settings = msgspec.convert(tomllib.loads(FEED.format(port=port))["feed"][0], opcua_live.Settings)
    at = opcua_live.micros(START)
    place = {"next": 0, "last": {"ns=2;s=level": [at + last * 1_000_000, float(last)], "ns=2;s=mode": [at, "auto"]}}

    async def come() -> None:
        done = asyncio.Event()

        async def take(items: Sequence[Item], _: Place) -> None:
            rows = [row for item in items if isinstance(item, pa.RecordBatch) for row in item.to_pylist()]
            found.extend(row["value"] for row in rows if row["signal"] == "level")
            if found and found[-1] == until:
                done.set()

        listening = asyncio.create_task(opcua_live.listen(settings, "plant", place, take))
        await asyncio.wait({listening, asyncio.create_task(done.wait())}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(come())
    return found


def test_what_history_has_late_is_waited_for(free_port: int) -> None:
    server = Server(free_port, history=True, lag=1.0)
    with server.running():
        server.step(20, 0.001)
        assert returned(free_port, last=5, until=20) == list(map(float, range(6, 21)))


def test_history_that_never_comes_holds_nothing_up_for_long(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcua_live, "LAG_S", 0.5)
    server = Server(free_port, history=True, lag=3600.0)
    with server.running():
        server.step(20, 0.001)
        began = time.monotonic()
        assert returned(free_port, last=5, until=20) == [20]
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("die", ["before-ack", "before-log"])
def test_a_service_that_is_killed_loses_and_doubles_nothing_where_there_is_history(tmp_path: Path, free_port: int, die: str) -> None:
    where, server = folder(tmp_path, free_port), Server(free_port, history=True)
    with server.running():
        with live.service(where, die) as process:
            assert live.soon(lambda: len(levels(where)) >= 1)
            server.step(60, 0.05)
            assert live.soon(lambda: live.ended(process))
        server.step(10)
        with live.service(where):
            assert live.soon(lambda: bool(levels(where)) and levels(where)[-1] == 70)
    assert levels(where) == list(map(float, range(71)))
    assert live.once(live.rows(where))


def test_nothing_is_ever_written(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    process: Any = UaProcessor._process_message

    async def noted(self: UaProcessor, kind: Any, *given: Any) -> bool:
        asked.add(ua.ObjectIdNames[kind.Identifier].removesuffix("Request_Encoding_DefaultBinary"))
        return bool(await process(self, kind, *given))

    monkeypatch.setattr(UaProcessor, "_process_message", noted)
    where, server = folder(tmp_path, free_port), Server(free_port, history=True)
    with live.service(where):
        with server.running():
            assert live.soon(lambda: len(levels(where)) >= 1)
        with server.running():  # once more: history is read, too
            server.step(5)
            assert live.soon(lambda: levels(where)[-1] == 5)
    assert {"CreateSession", "CreateMonitoredItems", "HistoryRead"} <= asked
    assert asked <= READING


def test_a_secure_server_is_known_by_its_certificate(tmp_path: Path, free_port: int) -> None:
    cert, key = live.certificate(tmp_path, "server", "urn:server")
    own, secret = live.certificate(tmp_path, "client", "urn:interferon:client")
    other, _ = live.certificate(tmp_path, "other", "urn:server")
    secure = 'publishing_ms = 50\nsecurity = "Basic256Sha256"\ncert_file = "{own}"\nkey_file = "{secret}"\nserver_cert_file = "{server}"'
    plain = FEED.format(port=free_port)
    where = live.network(tmp_path / "net", plain.replace("publishing_ms = 50", secure.format(own=own, secret=secret, server=cert)))
    server = Server(free_port, history=False, cert=cert, key=key)
    with server.running():
        with live.service(where):
            assert live.soon(lambda: len(levels(where)) >= 1)
        (where / "feeds.toml").write_text(plain.replace("publishing_ms = 50", secure.format(own=own, secret=secret, server=other)))
        (where / "states.txt").unlink()
        with live.service(where):
            assert live.soon(lambda: "plant retrying" in live.state(where))
