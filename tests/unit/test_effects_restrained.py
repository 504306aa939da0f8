"""What the tables forbid is asked once more right before an effect is applied, whoever wanted it: a plan, a playbook, or a repair."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from interferon.actions import ACTIONS
from interferon.decide.restrictions import Reading, Signal
from interferon.model.effects import Intent, Outcome, State
from interferon.model.events import TELEMETRY, Tick
from interferon.model.network import Interlock, Maintenance, Network, Protected
from interferon.playbooks.run_records import Scripted
from interferon.runtime.effects import Effects
from interferon.runtime.interlock_readings import newest
from interferon.runtime.playbook_effects import LEDGER, effect_name
from interferon.store.journal import Journal
from interferon.store.log import EventLog

from .test_act_effects import Scripted as World
from .test_act_effects import network, wanted
from .test_playbook_effects import HOLD, Life, command, folder

__all__ = ["folder"]  # the fixture

S = 1_000_000
RUNNING = ("asset:plc", "running")


class Driven:
    """Effects of one runtime, whose clock, tables and readings a test moves."""

    def __init__(self, place: Path) -> None:
        self.now, self.readings, self.world = 100 * S, dict[Signal, Reading](), World()
        self.journal = Journal(place / "journal.sqlite", node="a")
        self.effects = Effects(self.journal, self.world, ACTIONS, network(), lambda: self.now, workers=1, readings=lambda: self.readings)

    def tables(self, **tables: object) -> None:
        self.effects.network = replace(self.effects.network, **tables)  # type: ignore[arg-type]  # rows of the tables

    def apply(self, intent: Intent) -> tuple[State, str]:
        (told,) = self.effects.submit([intent])
        return told.status, told.detail


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Driven]:
    made = Driven(tmp_path)
    yield made
    made.effects.close()
    made.journal.close()


def lock(action: str = "isolate_asset", **more: object) -> dict[str, Interlock]:
    return {"il": Interlock(id="il", where="asset:*", action=action, asset="plc", reason="x", **more)}  # type: ignore[arg-type]


def window(starts: int, ends: int) -> dict[str, Maintenance]:
    people = {"planner": "ann", "approver": "bob"}
    return {"m": Maintenance(id="m", where="asset:plc", starts=starts, ends=ends, work="service", action="*", rule="forbid", **people)}


def test_what_is_protected_is_not_applied(driven: Driven) -> None:
    driven.tables(protected=(Protected(where="asset:plc", action="*", reason="a batch is in it"),))
    assert driven.apply(wanted()) == (State.FAILED, "protected asset:plc: no isolate_asset of asset:plc, a batch is in it")
    assert driven.world.calls == []


def test_an_interlock_looks_at_what_is_known_at_that_moment(driven: Driven) -> None:
    driven.tables(interlocks=lock(signal="running", test="=", value=1.0))
    assert driven.apply(wanted("a")) == (State.FAILED, "interlock il: running of asset:plc is not known (x)")
    driven.readings = {RUNNING: Reading(driven.now, 1.0)}
    assert driven.apply(wanted("b"))[0] is State.VERIFIED
    driven.now += 181 * S
    assert driven.apply(wanted("c"))[1] == "interlock il: running of asset:plc was read 181 s ago, at most 180 s count (x)"


def test_a_standby_is_in_service_until_something_of_ours_shuts_it_off(driven: Driven) -> None:
    driven.tables(interlocks=lock("fail_over"))
    assert driven.effects.restrained([("fail_over", "asset:other")]) == ""
    assert driven.effects.restrained([("fail_over", "asset:other"), ("isolate_asset", "asset:plc")]) != ""
    assert driven.apply(wanted("a"))[0] is State.VERIFIED, "another action"
    assert driven.effects.restrained([("fail_over", "asset:other")]) == (
        "interlock il: asset:plc is shut off by isolate_asset of asset:plc (x)"
    )
    driven.effects.undo(["a"], "over")
    assert driven.effects.restrained([("fail_over", "asset:other")]) == ""


def test_an_effect_is_no_hindrance_to_itself(driven: Driven) -> None:
    driven.tables(interlocks=lock())
    assert driven.apply(wanted("a"))[0] is State.VERIFIED


def test_what_is_gone_is_not_put_back_in_a_forbidden_window_and_undoing_goes_on(driven: Driven) -> None:
    driven.tables(maintenance=window(200 * S, 300 * S))
    assert driven.apply(wanted("a"))[0] is State.VERIFIED
    driven.now = 250 * S
    driven.world.answers["verify"] = Outcome("failed", "not there")
    (told,) = driven.effects.watch()
    assert (told.status, "maintenance m: no isolate_asset of asset:plc while there is service" in told.detail) == (State.ESCALATED, True)
    assert driven.effects.undo(["a"], "by hand")[0].status is State.UNDONE


def test_a_playbook_is_held_back_before_anything_is_begun(folder: Path) -> None:
    world = World()
    life = Life(folder, world)
    try:
        life.effects.network = replace(life.network, protected=(Protected(where="order:*", action="*", reason="customs has them"),))
        said = "protected order:*: no hold_transaction of order:o-1, customs has them"
        assert life.executor.run(command(HOLD)) == Scripted("failure", {}, said)
        assert (world.calls, list(life.journal.rows(LEDGER, effect_name("r1", "0/1!0")))) == ([], [])
    finally:
        life.close()


def test_readings_of_an_installation_that_is_not_running_come_from_its_log(tmp_path: Path) -> None:
    def batch(*rows: tuple[int, str, str, float | None]) -> pa.RecordBatch:
        head = {"feed": "f", "seen": 0, "trust": 1.0, "quality": 0}
        cells = [
            {**head, "offset": place, "time": time, "entity": entity, "signal": signal, "value": value}
            for place, (time, entity, signal, value) in enumerate(rows)
        ]
        return pa.RecordBatch.from_pylist(cells, schema=TELEMETRY)

    log = EventLog(tmp_path / "state" / "log")
    log.append(batch((2, "asset:plc", "running", 1.0), (3, "asset:plc", "level", 9.0), (4, "asset:plc", "running", None)))
    log.append(Tick(time=5))
    log.append(batch((1, "asset:plc", "running", 0.0), (6, "asset:sis", "running", 0.0)))
    log.append(batch((7, "asset:plc", "running", math.inf), (8, "asset:plc", "running", math.nan), (11, "asset:plc", "running", 0.0)))
    log.close()
    of: Network = replace(network(), interlocks=lock(signal="running", test="=", value=1.0))
    assert newest(tmp_path, of, 10) == {RUNNING: Reading(2, 1.0)}
    written = next((tmp_path / "state" / "log").iterdir()).stat().st_mtime_ns // 1000
    assert newest(tmp_path, of, written + 181 * S) == {}
    assert newest(tmp_path, network(), 10) == {}
    assert newest(tmp_path / "nothing", of, 10) == {}
