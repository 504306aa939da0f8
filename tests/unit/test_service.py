"""`up` in one process: growing files, tables, trouble with one feed, a full disk, and what a restart reads again."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from interferon.model.effects import LedgerEntry
from interferon.model.events import Verdict
from interferon.model.network import Network
from interferon.runtime import feed_files, known_bad
from interferon.runtime import service as services
from interferon.runtime.service import Service
from interferon.sense.health import FEED
from interferon.store import examples
from interferon.store.examples import START
from interferon.store.journal import Journal, journal_path
from interferon.trust.policy import Policy

from .attacked import HOUR, MINUTE, SECOND

Enter = Callable[[], Service]


def closed(service: Service) -> None:
    """Lets go of the files of an installation that was never entered."""
    for part in (service._log, service._journal, service._records):
        part.close()


def event(minute: int, **more: object) -> str:
    head = {"family": "activity", "entity": "asset:srv-1", "kind": "log.status", "code": "heartbeat", "object": "security"}
    return json.dumps({**head, "time": START + minute * MINUTE, **more}) + "\n"


def attack() -> str:
    rows = [{"kind": "process.start", "object": "vssadmin.exe", "attributes": {"command_line": "vssadmin delete shadows /all"}}]
    rows += [{"kind": "file.access", "object": "share", "code": "rename", "attributes": {"files": 4000, "entropy": 7.9}}]
    return "".join(event(0, **row) for row in rows) + event(0, code="cleared") + event(3)


def rows(service: Service) -> dict[str, int]:
    return {name: feed.rows for name, feed in service.running.feeds.items() if name != FEED}


def test_a_line_counts_when_it_is_whole(folder: Path, enter: Enter) -> None:
    feed, service = folder / "feeds" / "edr.ndjson", enter()
    feed.write_text(event(0) + event(1)[:20])
    service._once()
    assert rows(service) == {"edr": 1}
    feed.write_text(event(0) + event(1))
    service._once()
    service._once()
    assert rows(service) == {"edr": 2}
    closed(service)


def test_the_rules_of_the_folder_are_judged_by(folder: Path, network: Network, enter: Enter) -> None:
    examples.write_rules(folder)
    sigma, _ = known_bad.detectors(folder)
    service = Service(folder, network, Policy.observing(), known_bad=sigma)
    (folder / "feeds" / "edr.ndjson").write_text(attack())
    service._once()
    assert [found.summary for found in service.running.findings.values() if found.detector == "rules"] == [
        "srv-1: Shadow copies are deleted (rule of level high)"
    ]
    closed(service)


def test_a_file_that_was_begun_anew_is_read_from_its_start(folder: Path, enter: Enter) -> None:
    feed, service = folder / "feeds" / "edr.ndjson", enter()
    feed.write_text(event(0) + event(1) + event(2))
    service._once()
    feed.write_text(event(3))
    service._once()
    assert rows(service) == {"edr": 4}
    assert service.running.state.admission.duplicates == 0
    closed(service)


def test_a_file_that_was_begun_anew_is_counted_on_after_a_restart(folder: Path, enter: Enter) -> None:
    feed, service = folder / "feeds" / "edr.ndjson", enter()
    feed.write_text(event(0) + event(1) + event(2))
    service._once()
    feed.write_text(event(3))
    service._once()
    closed(service)
    feed.write_text(event(3) + event(4))
    again = enter()
    again._once()
    assert rows(again) == {"edr": 5}
    closed(again)


def test_what_was_found_is_on_disk_while_it_runs(folder: Path, enter: Enter) -> None:
    service = enter()
    (folder / "feeds" / "edr.ndjson").write_text("no event\n")
    service._once()
    assert "no JSON object" in (folder / "state" / "records" / "dead_letters.ndjson").read_text()
    closed(service)


def test_a_restart_counts_only_what_the_log_does_not_hold_also_where_a_file_has_many_feeds(folder: Path, enter: Enter) -> None:
    feed, service = folder / "feeds" / "mixed.ndjson", enter()
    before = event(0, feed="a", offset=100) + event(1, feed="b", offset=1)
    feed.write_text(before)
    service._once()
    closed(service)
    feed.write_text(before + event(2, feed="a", offset=101) + event(3, feed="b", offset=2))
    again = enter()
    again._once()
    assert rows(again) == {"a": 2, "b": 2}
    assert again.running.state.admission.duplicates == 0
    closed(again)


def test_a_line_that_is_no_event_is_a_dead_letter_of_its_feed(folder: Path, enter: Enter) -> None:
    service = enter()
    (folder / "feeds" / "edr.ndjson").write_text("nonsense\n" + event(0))
    service._once()
    assert (rows(service), service.running.dead) == ({"edr": 1}, {"edr": 1})
    closed(service)


def test_a_table_is_read_once_and_again_when_it_changed(folder: Path, enter: Enter) -> None:
    service, table = enter(), folder / "feeds" / "historian.csv"
    head = "time,plc-1.level\n"
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "mappings" / "historian.toml").write_text('time = "time"\nentity = "asset:plc-1"\n')
    table.write_text(head + "2026-01-05T00:00:00Z,1.0\n2026-01-05T00:01:00Z,2.0\n")
    for _ in range(2):
        service._once()
    assert rows(service) == {"historian": 2}
    table.write_text(table.read_text() + "2026-01-05T00:02:00Z,3.0\n")
    service._once()
    assert rows(service) == {"historian": 3}
    closed(service)


def test_a_table_that_is_still_written_waits(folder: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_files, "SETTLED_S", 1000.0)
    service = enter()
    (folder / "feeds" / "historian.csv").write_text("time,level\n")
    (folder / "feeds" / "notes.txt").write_text("not a feed")
    service._once()
    assert rows(service) == {}
    closed(service)


def soon(ready: Callable[[], bool], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.02)
    return ready()


def test_a_feed_that_cannot_be_read_is_told_once_and_stops_no_other(folder: Path, enter: Enter, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds" / "bad.csv").write_text("a;b\nx;y\n")
    with enter() as service:
        assert soon(lambda: bool(service.failed))
        (folder / "feeds" / "edr.ndjson").write_text(attack())
        assert soon(lambda: len(service.running.plans) == 1)
        (plan,) = service.running.plans.values()
        assert plan.would
        service.running.say(Verdict(START + HOUR, plan.incident, "ann", "benign"))
        assert soon(lambda: len(service.running.verdicts) == 1)
    err = capfd.readouterr().err
    assert err.count("bad.csv") == 1
    assert [entry.kind for entry in _ledger(folder)] == ["plan", "verdict"]
    again = enter()
    assert (list(again.running.plans), len(again.running.verdicts)) == ([plan.id], 1)
    closed(again)


def _ledger(folder: Path) -> list[LedgerEntry]:
    with Journal(journal_path(folder)) as journal:
        return list(journal.ledger(0, 100))


def test_a_disk_that_takes_no_more_stops_the_pipeline_and_says_so(
    folder: Path, enter: Enter, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "feeds" / "edr.ndjson").write_text(event(0))
    service = enter()

    def full(item: object) -> None:
        raise OSError(28, "No space left on device", "log")

    monkeypatch.setattr(service._log, "append", full)
    with service:
        assert soon(lambda: not service._thread.is_alive())
    assert service.failed.startswith("stopped: [Errno 28] No space left on device")
    assert capfd.readouterr().err.count("make room and start again") == 1
    assert rows(service) == {}


def test_live_events_are_followed_by_the_clock_and_old_recordings_are_not(folder: Path, enter: Enter) -> None:
    service = enter()
    (folder / "feeds" / "edr.ndjson").write_text(event(0) + event(1))
    for _ in range(2):
        service._once()
    admission = service.running.state.admission
    assert admission.newest == START + MINUTE
    now = services.clock() // SECOND * SECOND
    (folder / "feeds" / "live.ndjson").write_text(event(0, time=now - 3 * HOUR) + event(0, time=now - 3 * HOUR))
    service._once()
    assert admission.newest == now - 3 * HOUR
    service._once()
    assert admission.newest >= now
    closed(service)


def test_a_program_is_answered_also_where_the_pipeline_takes_nothing(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "ANSWER_S", 0.05)
    service = enter()  # never entered: its thread does not run
    with pytest.raises(TimeoutError, match=r"taken nothing for 0\.05 s"):
        asyncio.run(service.intake([]))
    closed(service)


def test_an_installation_whose_journal_another_node_took_stops_and_says_so(
    folder: Path, enter: Enter, capfd: pytest.CaptureFixture[str]
) -> None:
    with enter() as service:
        service._journal._queue.lease.ttl_us = 300_000  # it looks ten times a second
        service._journal.record("note", "n", 1, 0).result()
        Journal(journal_path(folder)).close()
        end = time.monotonic() + 30
        while not service.failed and time.monotonic() < end:
            time.sleep(0.01)
        assert "a newer runtime (epoch 2) has taken over from this one (epoch 1)" in service.failed
        assert service.failed.endswith("what came in is kept: start again to stand by")
        service._thread.join(10)
        assert not service._thread.is_alive()
    assert capfd.readouterr().err.count("\n") == 1


def test_what_follows_after_another_node_took_over_is_not_recorded(folder: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(service: Service) -> None:
        Journal(journal_path(folder)).close()
        service._journal.record("note", "n", 1, 0).result()

    monkeypatch.setattr(Service, "_once", overtaken)
    with enter() as service:
        service._thread.join(30)
        assert service.failed.endswith("nothing was recorded; what came in is kept: start again to stand by")
