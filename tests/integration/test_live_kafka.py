"""Kafka by librdkafka's own mock cluster, which speaks the real protocol: partitions as feeds, and a service that is killed."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from . import live_feeds as live

CLUSTER = """
import sys, time
from confluent_kafka import Producer
cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 0})
metadata = cluster.list_topics(timeout=10)
(broker,) = metadata.brokers.values()
print(f"{broker.host}:{broker.port}", flush=True)
time.sleep(600)
"""
FEED = """
[[feed]]
name = "erp"
kind = "kafka"
url = "{brokers}"
topic = "orders"
batch = 50
"""


@pytest.fixture
def brokers() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", CLUSTER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()


def event(number: int) -> bytes:
    return json.dumps(
        {"family": "trade", "time": 1_767_600_000_000_000 + number, "entity": "node:n", "kind": "order.placed", "quantity": number}
    ).encode()


def send(brokers: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": brokers, "log_level": 0})
    for number in numbers:
        producer.produce("orders", event(number), partition=number % 4)
    assert producer.flush(20) == 0


def values(where: Path) -> list[int]:
    return sorted(int(row["quantity"]) for row in live.rows(where, "trade"))


def test_each_partition_is_a_feed_with_the_offsets_of_kafka(tmp_path: Path, brokers: str) -> None:
    where = live.network(tmp_path / "net", FEED.format(brokers=brokers))
    send(brokers, range(400))
    with live.service(where):
        assert live.soon(lambda: len(values(where)) >= 400)
        send(brokers, range(400, 440))
        assert live.soon(lambda: len(values(where)) >= 440)
    assert sorted(live.ids(live.rows(where, "trade"))) == [(f"erp.p{partition}", offset) for partition in range(4) for offset in range(110)]


@pytest.mark.parametrize("die", ["before-ack", "before-log"])
def test_a_service_that_is_killed_between_taking_and_committing_loses_and_doubles_nothing(tmp_path: Path, brokers: str, die: str) -> None:
    where = live.network(tmp_path / "net", FEED.format(brokers=brokers))
    send(brokers, range(600))
    with live.service(where, die) as process:
        assert live.soon(lambda: live.ended(process))
    with live.service(where):
        assert live.soon(lambda: len(values(where)) >= 600)
        time.sleep(0.5)
    assert values(where) == list(range(600))
    assert live.once(live.rows(where, "trade"))


def test_brokers_that_are_not_there_are_told(tmp_path: Path, free_port: int) -> None:
    where = live.network(tmp_path / "net", FEED.format(brokers=f"127.0.0.1:{free_port}"))
    with live.service(where):
        assert live.soon(lambda: "erp retrying" in live.state(where), 40)
