"""MQTT with a real broker, mosquitto, that is stopped and started; and a service that is killed between taking and acknowledging."""

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from . import live_feeds as live
from .live_feeds import absent

Served = Callable[..., AbstractContextManager[Any]]
Broker = Callable[[], AbstractContextManager[Any]]

FEED = """
[[feed]]
name = "plant"
kind = "mqtt"
url = "mqtt://127.0.0.1:{port}"
topics = ["spBv1.0/#", "plant/+/+"]
qos = {qos}
protocol = {protocol}
keepalive_s = 4

[[feed.map]]
topic = "plant/{{entity}}/{{signal}}"
value = "v"
"""


def find(program: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/sbin:/opt/homebrew/bin")
    return found or absent(program)


@pytest.fixture
def broker(tmp_path: Path, free_port: int, served: Served) -> Broker:
    program = find("mosquitto")
    (tmp_path / "broker").mkdir()
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(
        f"listener {free_port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {tmp_path / 'broker'}/\n"
        "autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\nuser root\n"
    )
    return lambda: served([program, "-c", str(settings)], free_port, tmp_path / "mosquitto.log")


def plain(number: int) -> str:
    return f"plant/m{number % 3}/level"


def node(number: int) -> str:
    return "spBv1.0/g/NDATA/n"


class Publisher:
    """Publishes numbered readings with QoS 1 or 2 and knows which of them the broker accepted."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.accepted: list[int] = []

    @contextmanager
    def connected(self) -> Iterator[paho.Client]:
        client = paho.Client(CallbackAPIVersion.VERSION2, "publisher")
        for _ in range(100):
            try:
                client.connect("127.0.0.1", self._port)
                break
            except OSError:
                time.sleep(0.05)
        client.loop_start()
        try:
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    def send(self, numbers: range, qos: int = 1, topic: Callable[[int], str] = plain, pause: float = 0.0) -> None:
        with self.connected() as client:
            answered: set[int] = set()
            client.on_publish = lambda client, data, packet, *more: answered.add(packet)
            sent = {}
            for number in numbers:
                payload = number_payload(number) if topic(number).startswith("spB") else b'{"v":%d}' % number
                sent[number] = client.publish(topic(number), payload, qos).mid
                time.sleep(pause)
            live.soon(lambda: answered >= set(sent.values()))
            self.accepted += [number for number, packet in sent.items() if packet in answered]


def number_payload(number: int) -> bytes:
    """A Sparkplug payload: one metric `level`, a double, without an alias."""
    metric = b"\x0a\x05level" + b"\x20\x0a" + b"\x69" + struct.pack("<d", number)
    return b"\x08" + varint(1_767_600_000_000 + number) + b"\x12" + bytes([len(metric)]) + metric + b"\x18" + varint(number % 256)


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def folder(tmp_path: Path, port: int, qos: int = 1, protocol: int = 5) -> Path:
    return live.network(tmp_path / "net", FEED.format(port=port, qos=qos, protocol=protocol))


def values(where: Path) -> list[int]:
    return sorted(int(row["value"]) for row in live.rows(where) if row["value"] is not None)


@pytest.mark.parametrize(("qos", "protocol", "sparkplug"), [(1, 5, False), (2, 5, True), (1, 4, True)])
def test_a_broker_that_stops_and_starts_loses_and_doubles_nothing(
    tmp_path: Path, free_port: int, broker: Broker, qos: int, protocol: int, sparkplug: bool
) -> None:
    where, publisher = folder(tmp_path, free_port, qos, protocol), Publisher(free_port)
    topic = node if sparkplug else plain
    with live.service(where):
        with broker():
            assert live.soon(lambda: "plant connected" in live.state(where))
            publisher.send(range(200), qos, topic)
        assert live.soon(lambda: "plant retrying" in live.state(where))
        with broker():
            publisher.send(range(200, 400), qos, topic)
            assert live.soon(lambda: len(values(where)) >= 400)
            time.sleep(0.5)
    assert publisher.accepted == list(range(400))
    assert values(where) == publisher.accepted
    assert live.once(live.rows(where))


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("die", ["before-ack", "before-log"])
def test_a_service_that_is_killed_between_taking_and_acknowledging_loses_and_doubles_nothing(
    tmp_path: Path, free_port: int, broker: Broker, qos: int, die: str
) -> None:
    where, publisher = folder(tmp_path, free_port, qos), Publisher(free_port)
    with broker():
        with live.service(where, die) as process:
            assert live.soon(lambda: "plant connected" in live.state(where))
            sending = threading.Thread(target=publisher.send, args=(range(300), qos), kwargs={"pause": 0.005})
            sending.start()
            assert live.soon(lambda: live.ended(process))
            sending.join()
        with live.service(where):
            assert live.soon(lambda: len(values(where)) >= 300)
            time.sleep(0.5)
    assert values(where) == list(range(300))
    assert live.once(live.rows(where))


def test_a_broker_that_is_stopped_while_messages_come_loses_none_that_it_accepted(tmp_path: Path, free_port: int, broker: Broker) -> None:
    where, publisher = folder(tmp_path, free_port), Publisher(free_port)
    with live.service(where):
        with broker():
            assert live.soon(lambda: "plant connected" in live.state(where))
            sending = threading.Thread(target=publisher.send, args=(range(1000),), kwargs={"pause": 0.002})
            sending.start()
            assert live.soon(lambda: len(values(where)) >= 100)
        with broker():
            sending.join()
            assert live.soon(lambda: len(set(values(where))) >= 1000)
    assert publisher.accepted == list(range(1000))
    assert sorted(set(values(where))) == publisher.accepted  # the publisher sends again what it has no answer for, as new messages
    assert live.once(live.rows(where))


def test_what_comes_while_the_service_is_away_is_kept_by_the_broker(tmp_path: Path, free_port: int, broker: Broker) -> None:
    where, publisher = folder(tmp_path, free_port), Publisher(free_port)
    with broker():
        with live.service(where):
            assert live.soon(lambda: "plant connected" in live.state(where))
        publisher.send(range(50))
        with live.service(where):
            assert live.soon(lambda: len(values(where)) >= 50)
    assert values(where) == list(range(50))


def test_a_message_that_is_too_long_is_told_and_stops_nothing(tmp_path: Path, free_port: int, broker: Broker) -> None:
    where, publisher = folder(tmp_path, free_port), Publisher(free_port)
    with broker(), live.service(where):
        assert live.soon(lambda: "plant connected" in live.state(where))
        with publisher.connected() as client:
            client.publish("plant/m/level", b"x" * 3_000_000, 1).wait_for_publish(20)
        publisher.send(range(3))
        assert live.soon(lambda: len(values(where)) >= 3)
        letters = where / "state" / "records" / "dead_letters.ndjson"
        assert live.soon(lambda: "max_message_bytes is 1048576" in letters.read_text())


def test_a_broker_that_does_not_want_us_is_told_in_one_line(tmp_path: Path, free_port: int) -> None:
    def refuse() -> None:
        with socket.create_server(("127.0.0.1", free_port)) as server:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"\x20\x03\x00\x86\x00")
                connection.recv(1000)

    refusing = threading.Thread(target=refuse)
    refusing.start()
    where = folder(tmp_path, free_port)
    with live.service(where):
        assert live.soon(lambda: "user name or password wrong" in live.state(where))
    refusing.join()


def test_a_broker_with_tls_and_a_password_hears_us_and_no_other_certificate_will_do(
    tmp_path: Path, free_port: int, broker: Broker, served: Served
) -> None:
    cert, key = live.certificate(tmp_path, "broker", "urn:broker")
    other, _ = live.certificate(tmp_path, "other", "urn:other")
    passwords, settings = tmp_path / "passwords", tmp_path / "tls.conf"
    passwords.write_text("listener:s3cret\n")
    subprocess.run([find("mosquitto_passwd"), "-U", str(passwords)], check=True)
    settings.write_text(
        f"listener {free_port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\ncertfile {cert}\nkeyfile {key}\nuser root\n"
    )
    text = FEED.format(port=free_port, qos=1, protocol=5).replace("mqtt://", "mqtts://")
    more = 'username = "listener"\npassword_file = "secret"\nca_file = "{ca}"\n'
    where = live.network(tmp_path / "net", text.replace("qos = 1\n", f"qos = 1\n{more.format(ca=cert)}"))
    (where / "secret").write_text("s3cret\n")
    with served([find("mosquitto"), "-c", str(settings)], free_port, tmp_path / "tls.log"):
        with live.service(where):
            assert live.soon(lambda: "plant connected" in live.state(where))
        (where / "secret").write_text("wrong\n")
        with live.service(where):
            assert live.soon(lambda: "plant retrying the broker answers 13" in live.state(where))
        (where / "feeds.toml").write_text(text.replace("qos = 1\n", f"qos = 1\n{more.format(ca=other)}"))
        with live.service(where):
            assert live.soon(lambda: "certificate verify failed" in live.state(where).lower())
