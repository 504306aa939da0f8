"""A full disk: the event log stays whole and takes records again once there is room; an installation stops, says so, and loses nothing."""

import errno
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interferon.model.events import Tick
from interferon.runtime.service import FEEDS, STATE, Service
from interferon.store import examples, folder, log
from interferon.store.log import EventLog, Item
from interferon.trust.policy import Policy

START = 1_767_571_200_000_000


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes meanwhile."""
    before, quiet = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    # what Python compiles meanwhile would be cut off too, without a word, and break every later process that imports it
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = quiet


def test_the_event_log_is_whole_after_a_full_disk_and_goes_on(tmp_path: Path) -> None:
    events = EventLog(tmp_path)
    taken = 0
    with room_for(4096), pytest.raises(OSError, match=r"log-000000\.seg"):  # noqa: PT012 - the one that does not fit raises
        while True:
            events.append(Tick(time=taken))
            taken += 1
    assert taken > 10
    events.append(Tick(time=taken))
    events.close()
    torn: list[str] = []
    assert list(log.read(tmp_path, torn.append)) == [Tick(time=number) for number in range(taken + 1)]
    assert torn == []


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network folder with a feed: an attack on a server, and an hour later another row."""
    place = tmp_path / "net"
    examples.write("minimal", place)
    rows: list[dict[str, object]] = [
        {"kind": "process.start", "object": "vssadmin.exe", "attributes": {"command_line": "vssadmin delete shadows /all"}},
        {"kind": "file.access", "object": "share", "code": "rename", "attributes": {"files": 4000, "entropy": 7.9}},
        {"kind": "log.status", "object": "security", "code": "cleared"},
        {"kind": "log.status", "object": "security", "code": "heartbeat", "time": START + 3_600_000_000},
    ]
    (place / FEEDS).mkdir()
    (place / FEEDS / "edr.ndjson").write_text(
        "".join(json.dumps({"family": "activity", "time": START, "entity": "asset:srv-1", **row}) + "\n" for row in rows)
    )
    return place


def until_plans(network: Path, service: Service) -> list[str]:
    """Waits until the feed was read; returns the ids of the plans."""
    with service:
        end = time.monotonic() + 30
        while not service.running.plans and time.monotonic() < end:
            time.sleep(0.05)
    return [json.loads(line)["id"] for line in (network / STATE / "records" / "plans.ndjson").read_text().splitlines()]


def test_an_installation_on_a_full_disk_stops_and_goes_on_where_it_was(
    network: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(self: EventLog, item: Item) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "log-000000.seg")

    tables = folder.load(network)
    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "append", full)
        with Service(network, tables, Policy.observing()) as service:
            end = time.monotonic() + 30
            while not service.failed and time.monotonic() < end:
                time.sleep(0.05)
            assert service.failed.startswith("stopped: [Errno 28] No space left on device: 'log-000000.seg'")
    assert capfd.readouterr().err.count("\n") == 1
    plans = until_plans(network, Service(network, tables, Policy.observing()))
    assert len(plans) == 1
    again = until_plans(network, Service(network, tables, Policy.observing()))
    assert again == plans
