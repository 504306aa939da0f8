"""NATS JetStream with a real server that is stopped and started; and a service that is killed between taking and acknowledging."""

import asyncio
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.errors import Error
from nats.js import JetStreamContext, api

from . import live_feeds as live

Server = Callable[[], AbstractContextManager[Any]]
FEED = """
[[feed]]
name = "bus"
kind = "nats"
url = "nats://127.0.0.1:{port}"
stream = "events"
subject = "plant.>"
ack_wait_s = 2
"""


@pytest.fixture
def server(tmp_path: Path, free_port: int, served: Callable[..., AbstractContextManager[Any]]) -> Server:
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if program is None:
        live.absent("nats-server")
    args = [program, "-a", "127.0.0.1", "-p", str(free_port), "-js", "-sd", str(tmp_path / "jetstream")]
    return lambda: served(args, free_port, tmp_path / "nats.log")


def event(number: int) -> bytes:
    head = {"family": "telemetry", "time": 1_767_600_000_000_000 + number, "entity": "asset:plc-1", "signal": "level"}
    return json.dumps({**head, "value": number}).encode()


def talk(port: int, what: Callable[[JetStreamContext], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        await what(client.jetstream())
        await client.close()

    asyncio.run(run())


def made(port: int, retention: str = "limits") -> None:
    async def make(stream: JetStreamContext) -> None:
        await stream.add_stream(name="events", subjects=["plant.>"], retention=api.RetentionPolicy(retention))

    talk(port, make)


def send(port: int, numbers: range) -> None:
    """Publishes each with an id, so that the server keeps one of those that had to be sent twice."""

    async def publish(stream: JetStreamContext) -> None:
        for number in numbers:
            for _ in range(200):
                try:
                    await stream.publish("plant.a", event(number), timeout=2, headers={"Nats-Msg-Id": str(number)})
                    break
                except (Error, TimeoutError):
                    await asyncio.sleep(0.1)

    talk(port, publish)


def values(where: Path) -> list[int]:
    return sorted(int(row["value"]) for row in live.rows(where))


def folder(tmp_path: Path, port: int) -> Path:
    return live.network(tmp_path / "net", FEED.format(port=port))


def test_a_server_that_stops_and_starts_while_messages_come_loses_and_doubles_nothing(
    tmp_path: Path, free_port: int, server: Server
) -> None:
    where = folder(tmp_path, free_port)
    sending = threading.Thread(target=send, args=(free_port, range(3000)))
    with live.service(where):
        with server():
            made(free_port)
            sending.start()
            assert live.soon(lambda: len(values(where)) >= 100)
        time.sleep(0.5)
        with server():
            sending.join()
            assert live.soon(lambda: len(values(where)) >= 3000)
    assert values(where) == list(range(3000))
    assert live.ids(live.rows(where)) == [("bus", number) for number in range(1, 3001)]  # the stream's own sequence


@pytest.mark.parametrize("die", ["before-ack", "before-log"])
@pytest.mark.parametrize("retention", ["limits", "workqueue", "interest"])
def test_a_service_that_is_killed_between_taking_and_acknowledging_loses_and_doubles_nothing(
    tmp_path: Path, free_port: int, server: Server, die: str, retention: str
) -> None:
    where = folder(tmp_path, free_port)
    with server():
        made(free_port, retention)
        with live.service(where, die) as process:
            assert live.soon(lambda: "bus connected" in live.state(where))
            send(free_port, range(1500))
            assert live.soon(lambda: live.ended(process))
        with live.service(where):
            send(free_port, range(1500, 1600))
            assert live.soon(lambda: len(values(where)) >= 1600)
            time.sleep(3)
    assert values(where) == list(range(1600))
    assert live.once(live.rows(where))


def test_a_stream_that_was_made_anew_is_counted_on(tmp_path: Path, free_port: int, server: Server) -> None:
    async def delete(stream: JetStreamContext) -> None:
        await stream.delete_stream("events")

    where = folder(tmp_path, free_port)
    with server():
        made(free_port)
        send(free_port, range(20))
        with live.service(where):
            assert live.soon(lambda: len(values(where)) >= 20)
        talk(free_port, delete)
        made(free_port)
        send(free_port, range(20, 25))
        with live.service(where):
            assert live.soon(lambda: len(values(where)) >= 25)
    assert live.ids(live.rows(where)) == [("bus", number) for number in range(1, 26)]


def test_a_line_that_is_no_event_is_told_and_stops_nothing(tmp_path: Path, free_port: int, server: Server) -> None:
    async def publish(stream: JetStreamContext) -> None:
        await stream.publish("plant.a", b"nonsense")
        await stream.publish("plant.a", event(1) + b"\n" + event(2))
        await stream.publish("plant.a", event(3)[:-1] + b', "offset": 4000}')
        await stream.publish("plant.a", event(4))

    where = folder(tmp_path, free_port)
    with server():
        made(free_port)
        talk(free_port, publish)
        with live.service(where):
            assert live.soon(lambda: len(values(where)) >= 2)
            letters = where / "state" / "records" / "dead_letters.ndjson"
            assert live.soon(lambda: letters.read_text().count("\n") == 3)
    assert values(where) == [1, 4]
    told = [json.loads(line)["reason"] for line in letters.read_text().splitlines()]
    assert any("no JSON object" in reason for reason in told)
    assert any("holds 2 events; events_per_message is 1" in reason for reason in told)
    assert any("names a feed or offset" in reason for reason in told)
