"""A restart goes on from the last snapshot: nothing is run twice, nothing is lost, and what does not fit is passed over."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from interferon.model.records import DeadLetter
from interferon.runtime import service as services
from interferon.runtime import snapshots
from interferon.runtime.loop import Loop
from interferon.runtime.service import STATE, Service
from interferon.store import checkpoint, log
from interferon.store.examples import START

from .attacked import MINUTE

Enter = Callable[[], Service]
NAME = Path(STATE) / snapshots.NAME


@pytest.fixture
def run_again(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What installations that start run of their logs."""
    found: list[object] = []
    feed = Loop.feed

    def noted(loop: Loop, item: object) -> None:
        if loop._log is None:
            found.append(item)
        feed(loop, item)

    monkeypatch.setattr(Loop, "feed", noted)
    return found


def happened(folder: Path, begin: int, end: int) -> None:
    """So many minutes of logins, readings, an order a minute and a line that is no event."""
    login = {"family": "activity", "entity": "asset:hmi-1", "kind": "auth.login", "actor": "identity:op-1", "outcome": "success"}
    reading = {"family": "telemetry", "entity": "asset:plc-1", "signal": "level"}
    order = {"family": "trade", "entity": "node:cust-1", "kind": "order.placed", "quantity": 1.0}
    rows: list[dict[str, object]] = []
    for minute in range(begin, end):
        at = {"time": START + minute * MINUTE}
        rows += [{**at, **login}, {**at, **reading, "value": minute % 7}, {**at, **order, "order": f"o-{minute}"}]
    rows.append({"time": START + end * MINUTE, "family": "activity", "entity": "asset:srv-1", "kind": "process.start", "object": "sh"})
    with (folder / "feeds" / "site.ndjson").open("a") as out:
        out.write("".join(json.dumps(row) + "\n" for row in rows) + "no event\n")


def let_go(service: Service, *, killed: bool = False) -> None:
    if not killed:
        service._snapshot()
    service._keeper.close()
    for part in (service._log, service._journal, service._records):
        part.close()


def remembered(service: Service) -> bytes:
    return checkpoint.dump([service.running.state, service.running.known()])


def records(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / STATE / "records").iterdir())}


def test_a_restart_goes_on_where_it_stopped(folder: Path, enter: Enter, run_again: list[object]) -> None:
    service = enter()
    happened(folder, 0, 30)
    service._once()
    before = remembered(service)
    let_go(service)
    kept = records(folder)
    again = enter()
    assert run_again == []
    assert (remembered(again), records(folder)) == (before, kept)
    again._once()
    assert again.running.feeds["site"].rows == 91
    let_go(again)


def test_a_killed_one_runs_only_what_came_after_and_is_as_if_all_of_it_had_been_run(
    folder: Path, enter: Enter, run_again: list[object]
) -> None:
    service = enter()
    happened(folder, 0, 30)
    service._once()
    service._snapshot()
    happened(folder, 31, 60)
    service._once()
    before = remembered(service)
    let_go(service, killed=True)
    kept = records(folder)
    again = enter()
    some = len(run_again)
    assert (remembered(again), records(folder)) == (before, kept)
    let_go(again, killed=True)
    (folder / NAME).unlink()
    whole = enter()
    assert 0 < some < len(run_again) - some
    assert (remembered(whole), records(folder)) == (before, kept)
    assert kept["dead_letters.ndjson"].count(b"is no JSON object") == 2
    let_go(whole)


def test_other_tables_policy_or_rules_run_the_whole_log(folder: Path, enter: Enter, run_again: list[object]) -> None:
    service = enter()
    happened(folder, 0, 5)
    service._once()
    let_go(service)
    items = len(list(log.read(folder / STATE / "log"))) - 1  # the dead letter moves nothing
    for place in ("assets.csv", "network.toml", "policy/more.cedar", "rules/more.yml"):
        (folder / place).parent.mkdir(exist_ok=True)
        with (folder / place).open("a") as out:
            out.write("\n")
        run_again.clear()
        let_go(enter())
        assert len(run_again) == items, place


@pytest.mark.parametrize("change", ["damaged", "other log", "short records", "another thing"])
def test_what_does_not_fit_is_passed_over(folder: Path, enter: Enter, run_again: list[object], change: str) -> None:
    service = enter()
    happened(folder, 0, 5)
    service._once()
    before = remembered(service)
    let_go(service)
    if change == "damaged":
        (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-9])
    elif change == "another thing":
        checkpoint.save(folder / NAME, ["no snapshot"])
    elif change == "short records":
        (folder / STATE / "records" / "dead_letters.ndjson").write_bytes(b"")
    else:
        found = checkpoint.load((folder / NAME).read_bytes())
        found.place = found.place._replace(crc=found.place.crc ^ 1)
        checkpoint.save(folder / NAME, found)
    again = enter()
    assert run_again
    assert remembered(again) == before
    let_go(again)


def test_a_running_one_takes_them_by_itself(folder: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SNAPSHOT_ROWS", 50)
    with enter() as service:
        happened(folder, 0, 30)
        end = time.monotonic() + 20.0
        while not (folder / NAME).exists() and time.monotonic() < end:
            time.sleep(0.02)
        found = snapshots.load(folder / STATE, service._ground)
        assert found is not None
        assert found.state.admission.high["site"] == 90


def test_nothing_is_kept_of_a_step_that_failed_half_way(folder: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    service = enter()
    happened(folder, 0, 2)

    def breaks(loop: Loop, item: object) -> None:
        raise ValueError("half-way")

    with monkeypatch.context() as patched:
        patched.setattr(Loop, "feed", breaks)
        with pytest.raises(ValueError, match="half-way"):
            service._once()
    happened(folder, 3, 5)
    service._once()
    let_go(service)
    assert not (folder / NAME).exists()


def test_the_disk_that_does_not_take_it_is_told_and_the_one_before_stands(
    folder: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = enter()
    happened(folder, 0, 2)
    service._once()
    service._snapshot()
    service._keeper.close()
    before = (folder / NAME).read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    happened(folder, 3, 5)
    service._once()
    monkeypatch.setattr(checkpoint, "write", full)
    let_go(service)
    assert service.failed.startswith("no snapshot: [Errno 28]")
    assert (folder / NAME).read_bytes() == before


def test_a_memory_that_cannot_be_written_costs_the_snapshot_alone(folder: Path, enter: Enter) -> None:
    service = enter()
    happened(folder, 0, 2)
    service._once()
    service.running.state.watch.shards[0].stream.memories["theirs"] = object()  # type: ignore[assignment]
    let_go(service)
    assert service.failed.startswith("no snapshot: object cannot go into a checkpoint")
    assert not (folder / NAME).exists()


def test_dead_letters_are_not_told_twice_where_reading_begins_again(folder: Path, enter: Enter) -> None:
    service = enter()
    happened(folder, 0, 2)
    service._once()
    let_go(service)
    (folder / STATE / "places").unlink()  # as after a crash before it was written
    again = enter()
    again._once()
    assert again.running.dead["site"] == 1
    assert sum(isinstance(item, DeadLetter) for item in log.read(folder / STATE / "log")) == 1
    let_go(again)
