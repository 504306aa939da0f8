"""Listening on an interface: a real conversation over loopback becomes events, once each; nothing is sent."""

import asyncio
import os
import socket
import struct
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from interferon.connectors import interface_live
from interferon.connectors.interface_live import Settings
from interferon.sense.live import Lost

REQUEST = struct.pack(">HHHBBHH", 7, 0, 6, 1, 3, 100, 2)  # read two holding registers
ANSWER = struct.pack(">HHHBBBHH", 7, 0, 7, 1, 3, 4, 11, 22)


def allowed() -> bool:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close()
    except (PermissionError, AttributeError):
        return False
    return True


needs_rights = pytest.mark.skipif(
    not allowed() and not os.environ.get("INTERFERON_REQUIRE_ALL"), reason="listening on an interface needs CAP_NET_RAW"
)


def settings(**more: Any) -> Settings:
    return msgspec.convert({"name": "tap", "kind": "interface", "url": "interface://lo", **more}, Settings)


def converse(server: socket.socket) -> None:
    """One Modbus request and its answer, then both ends close."""
    with socket.create_connection(server.getsockname()) as client:
        near, _ = server.accept()
        with near:
            client.sendall(REQUEST)
            assert near.recv(64) == REQUEST
            near.sendall(ANSWER)
            assert client.recv(64) == ANSWER


async def heard(server: socket.socket, wanted: int, **more: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows about the server's port, and the places, until `wanted` messages of Modbus came."""
    rows: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    port = server.getsockname()[1]

    async def take(items: Any, place: dict[str, Any]) -> None:
        places.append(dict(place))
        for item in items:
            if isinstance(item, pa.RecordBatch):
                told = [{**row, "facts": msgspec.json.decode(row["attributes"])} for row in item.to_pylist()]
                rows.extend(row for row in told if port in (row["facts"].get("source_port"), row["facts"].get("target_port")))

    task = asyncio.create_task(interface_live.listen(settings(**more), "tap", {"next": 40}, take))
    for _ in range(500):
        await asyncio.sleep(0.02)
        if places:
            break
    for _ in range(200):  # a window is told when the next one begins: keep talking
        await asyncio.to_thread(converse, server)
        if sum(row["kind"].startswith("ot.") for row in rows) >= wanted or task.done():
            break
        await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return rows, places


@needs_rights
def test_a_conversation_on_loopback_is_told_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        rows, places = asyncio.run(heard(server, 4, trust=0.5))
    commands = [row for row in rows if row["kind"] == "ot.command"]
    responses = [row for row in rows if row["kind"] == "ot.response"]
    assert {(row["code"], row["object"]) for row in commands} == {("read_holding_registers", "holding:100-101")}
    assert {tuple(row["facts"]["values"]) for row in responses} == {(11, 22)}
    clients = [row["facts"]["source_port"] for row in commands]
    assert len(clients) == len(set(clients))  # one request a connection, and none of them twice
    assert {row["trust"] for row in rows} == {0.5}
    offsets = [row["offset"] for row in rows]
    assert offsets == sorted(set(offsets))
    assert min(offsets) >= 40
    assert [place["next"] for place in places] == sorted(place["next"] for place in places)


@needs_rights
def test_an_interface_that_is_not_there_is_lost_with_the_reason() -> None:
    async def take(items: Any, place: Any) -> None:
        """Takes nothing."""

    with pytest.raises(Lost, match="nothing0: No such device"):
        asyncio.run(interface_live.listen(settings(url="interface://nothing0"), "tap", {}, take))


@pytest.mark.parametrize("url", ["eth0", "interface://", "pcap://eth0"])
def test_a_url_that_names_no_interface_is_one_clear_line(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="it would be interface://NAME"):
        settings(url=url)


def test_nothing_writes_to_the_socket() -> None:
    source = interface_live.__loader__.get_source(interface_live.__name__)  # type: ignore[union-attr]
    assert not [word for word in ("send", "write(", "writev") if f".{word}" in (source or "")]
