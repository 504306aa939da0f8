"""Modbus with a real server that is stopped and started; registers of every kind; and the proof that we only read."""

import asyncio
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from . import live_feeds as live

FEED = """
[[feed]]
name = "line"
kind = "modbus"
url = "modbus://127.0.0.1:{port}"
timeout_s = 1

[[feed.device]]
unit = 1
entity = "asset:plc-1"
every_s = 0.1
registers = [
  {{ name = "plain", address = 0 }},
  {{ name = "below", address = 1, type = "int16", scale = 0.1 }},
  {{ name = "real", address = 2, type = "float32" }},
  {{ name = "swapped", address = 4, type = "float32", words = "little" }},
  {{ name = "third_bit", address = 6, type = "bit", bit = 3 }},
  {{ name = "not_there", address = 7 }},
]
"""
READING = {1, 2, 3, 4}


def words(value: float) -> list[int]:
    return list(struct.unpack(">HH", struct.pack(">f", value)))


class Server:
    """A device with seven registers, in a thread of its own, that notes every function it is asked for."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked: list[int] = []

    def _note(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending:
            self.asked.append(pdu.function_code)
        return pdu

    @contextmanager
    def running(self) -> Iterator[None]:
        loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        registers = [7, 65436, *words(1.5), *words(2.25)[::-1], 0b1000]
        device = SimDevice(id=1, simdata=[SimData(0, values=registers, datatype=DataType.REGISTERS)])

        async def serve() -> None:
            server: Any = ModbusTcpServer(device, address=("127.0.0.1", self._port), trace_pdu=self._note)
            await server.serve_forever(background=True)
            ready.set()
            await stop.wait()
            await server.shutdown()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        assert ready.wait(10)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


@pytest.fixture
def where(tmp_path: Path, free_port: int) -> Path:
    return live.network(tmp_path / "net", FEED.format(port=free_port))


def test_registers_become_signals_and_a_refused_one_is_bad_without_a_value(where: Path, free_port: int) -> None:
    server = Server(free_port)
    with server.running(), live.service(where):
        assert live.soon(lambda: len(live.rows(where)) >= 12)
    first = {row["signal"]: (row["value"], row["quality"]) for row in live.rows(where)[:6]}
    assert first == {
        "plain": (7.0, 0),
        "below": (-10.0, 0),
        "real": (1.5, 0),
        "swapped": (2.25, 0),
        "third_bit": (1.0, 0),
        "not_there": (None, 2),
    }
    assert {row["entity"] for row in live.rows(where)} == {"asset:plc-1"}


def test_a_device_that_stops_and_starts_doubles_nothing_and_nothing_is_made_up(where: Path, free_port: int) -> None:
    server = Server(free_port)
    with live.service(where):
        with server.running():
            assert live.soon(lambda: len(live.rows(where)) >= 30)
        assert live.soon(lambda: "line retrying" in live.state(where))
        time.sleep(0.5)
        away = len(live.rows(where))
        time.sleep(1)
        assert len(live.rows(where)) == away
        with server.running():
            assert live.soon(lambda: len(live.rows(where)) >= away + 30)
            assert live.soon(lambda: "line connected" in live.state(where))
    rows = live.rows(where)
    assert [row["offset"] for row in rows] == list(range(len(rows)))
    assert set(server.asked) <= READING  # never a function that writes


@pytest.mark.parametrize("die", ["before-ack", "before-log"])
def test_a_service_that_is_killed_keeps_each_value_once(where: Path, free_port: int, die: str) -> None:
    server = Server(free_port)
    with server.running():
        with live.service(where, die) as process:
            assert live.soon(lambda: live.ended(process))
        before = len(live.rows(where))
        with live.service(where):
            assert live.soon(lambda: len(live.rows(where)) >= before + 12)
    rows = live.rows(where)
    assert [row["offset"] for row in rows] == list(range(len(rows)))
    assert set(server.asked) <= READING
