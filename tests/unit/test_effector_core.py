"""The effector's core on a world in memory: what it does once, what it refuses, what it knows after a crash."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interferon.act import wire
from interferon.effector import fence
from interferon.effector.fence import Fence
from interferon.effector.limits import Limits
from interferon.effector.record import Record
from interferon.model.effects import Observed, Outcome
from interferon.model.errors import InputError

from .effector_world import CountedValve, Effector, Killed, Valve, World

Made = Callable[..., Effector]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def made(tmp_path: Path, world: World) -> Iterator[Made]:
    effectors: list[Effector] = []

    def make(**more: Any) -> Effector:
        effectors.append(Effector(tmp_path, world, **more))
        return effectors[-1]

    yield make
    for each in effectors:
        each.end()


@pytest.fixture
def effector(made: Made) -> Effector:
    return made()


def apply(effector: Effector, effect: str = "e", target: str = "asset:a", action: str = "shut", epoch: int = 1, **params: Any) -> Outcome:
    return outcome(effector, wire.Apply(effect, action, target, epoch, params))


def undo(effector: Effector, effect: str = "e", target: str = "asset:a", action: str = "shut", epoch: int = 1) -> Outcome:
    return outcome(effector, wire.Undo(effect, action, target, epoch))


def verify(effector: Effector, effect: str = "e", target: str = "asset:a") -> Outcome:
    return outcome(effector, wire.Verify(effect, "shut", target))


def precheck(effector: Effector, target: str = "asset:a", action: str = "shut") -> Outcome:
    return outcome(effector, wire.Precheck(action, target))


def outcome(effector: Effector, request: wire.Request) -> Outcome:
    reply = effector.core.answer(request)
    assert isinstance(reply, wire.Answer)
    return reply.outcome


def observed(effector: Effector) -> set[str]:
    reply = effector.core.answer(wire.Observe())
    assert isinstance(reply, wire.World)
    return {seen.effect for seen in reply.effects}


def status(effector: Effector) -> wire.Standing:
    reply = effector.core.answer(wire.Status())
    assert isinstance(reply, wire.Standing)
    return reply


def test_an_effect_is_applied_once_and_taken_back_for_good(effector: Effector, world: World) -> None:
    assert apply(effector) == Outcome("ok")
    assert apply(effector) == Outcome("ok", "in force already")
    assert verify(effector).result == "ok"
    assert observed(effector) == {"e"}
    assert undo(effector) == undo(effector) == Outcome("ok")
    assert apply(effector) == Outcome("refused", "effect e was undone")
    assert (verify(effector).result, observed(effector), world.state()) == ("failed", set(), ({"asset:a": "open"}, {"asset:a": "off"}))
    assert effector.valve.calls == ["apply e", "undo e", "undo e"]


def test_an_effect_that_was_undone_before_it_came_never_comes(effector: Effector, world: World) -> None:
    assert undo(effector).result == "ok"
    effector.restart()
    assert apply(effector).result == "refused"
    assert undo(effector).result == "ok"
    assert (world.valves, effector.valve.calls) == ({}, [])


def test_an_id_is_one_action_on_one_target(effector: Effector) -> None:
    apply(effector)
    other = Outcome("refused", "effect e is shut on asset:a")
    assert apply(effector, target="asset:b") == verify(effector, target="asset:b") == undo(effector, target="asset:b") == other
    assert undo(effector, action="isolate_asset") == other
    assert (verify(effector).result, effector.valve.calls) == ("ok", ["apply e"])


def test_a_second_effect_of_a_kind_waits_until_the_first_is_gone(effector: Effector, world: World) -> None:
    apply(effector)
    assert apply(effector, "f") == Outcome("refused", "effect e holds shut on asset:a already")
    world.valves["asset:a"] = world.lamps["asset:a"] = "as new"
    assert apply(effector, "f").result == "ok"
    assert [each.effect for each in status(effector).effects] == ["f"]


@pytest.mark.parametrize(
    ("target", "action", "why"),
    [
        ("asset:sis", "shut", "asset:sis is never a target: safety system"),
        ("asset:x", "shut", "the effector's file has no [[target]] asset:x for shut"),
        ("asset:a", "explode", "the effector's file has no [[target]] asset:a for explode"),
    ],
)
def test_what_is_not_in_the_file_is_refused(effector: Effector, target: str, action: str, why: str) -> None:
    assert apply(effector, target=target, action=action) == precheck(effector, target, action) == Outcome("refused", why)
    assert effector.valve.calls == []


def test_an_older_epoch_is_refused_also_after_a_restart(effector: Effector) -> None:
    assert outcome(effector, wire.Fence(3)) == Outcome("ok")
    over = Outcome("refused", "epoch 2 is over, 3 rules")
    assert apply(effector, epoch=2) == undo(effector, epoch=2) == outcome(effector, wire.Fence(2)) == over
    effector.restart()
    assert apply(effector, epoch=2) == over
    assert apply(effector, epoch=7).result == "ok"
    effector.restart()
    assert status(effector).epoch == 7


def test_a_fence_waits_for_what_an_older_epoch_has_begun(effector: Effector) -> None:
    effector.valve.takes_s = 0.15
    begun = threading.Thread(target=apply, args=(effector,))
    begun.start()
    while not effector.valve.begun:
        time.sleep(0.001)
    assert outcome(effector, wire.Fence(2)).result == "ok"
    assert observed(effector) == {"e"}
    begun.join()


def test_a_fence_that_nobody_leaves_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "WAIT_S", 0.01)
    gate = Fence(1, lambda epoch: "")
    with gate.passing(1):
        assert gate.put_up(2) == "a call with an older epoch has not ended within 0.01 s"


def test_where_the_identity_is_another_nothing_is_done(effector: Effector, world: World) -> None:
    world.macs["asset:known"] = "02:00:00:00:00:99"
    told = apply(effector, target="asset:known")
    assert told == Outcome("refused", "asset:known is not known for certain: it is 02:00:00:00:00:99")
    world.macs["asset:known"] = "02:00:00:00:00:01"
    assert apply(effector, target="asset:known").result == "ok"


def test_where_nothing_tells_the_identity_the_action_decides(effector: Effector) -> None:
    assert apply(effector, "e1", "asset:known", "isolate_asset").result == "refused"
    assert apply(effector, "e2", "asset:known", "shut").result == "ok"


def test_the_kill_switch_stops_what_is_new_and_nothing_else(effector: Effector) -> None:
    apply(effector)
    assert outcome(effector, wire.Stop()) == Outcome("ok")
    effector.restart()
    assert apply(effector, "f", "asset:b").detail.startswith("the kill switch is engaged")
    assert precheck(effector).result == "refused"
    assert apply(effector) == Outcome("ok", "in force already")
    assert undo(effector).result == "ok"
    assert status(effector).stopped
    assert outcome(effector, wire.Resume()) == Outcome("ok")
    assert apply(effector, "f", "asset:b").result == "ok"


def test_the_switch_is_looked_at_again_when_the_record_is_written(
    effector: Effector, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Record.keep

    def engage(record: Record, entry: Any) -> None:
        keep(record, entry)
        effector.switch.engage()

    monkeypatch.setattr(Record, "keep", engage)
    assert apply(effector).result == "refused"
    assert (world.valves, status(effector).effects, effector.valve.calls) == ({}, (), [])


def test_undo_all_takes_everything_back_and_names_what_it_could_not(effector: Effector, world: World) -> None:
    for name in "ab":
        apply(effector, name, f"asset:{name}")
    effector.valve.answers["undo"] = Outcome("unknown", "no answer")
    told = outcome(effector, wire.Stop(undo_all=True))
    assert told == Outcome("failed", "stopped, but 2 of 2 effects could not be undone: a (unknown: no answer); b (unknown: no answer)")
    effector.valve.answers.clear()
    assert outcome(effector, wire.Stop(undo_all=True)) == Outcome("ok", "2 effects undone")
    assert set(world.valves.values()) == {"open"}


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(effects=2), "2 effects are in force, the most"),
        (Limits(effects_a_minute=2), "2 effects began within a minute, the most"),
        (Limits(isolated_assets=2), "2 assets are isolated and this isolates 1; the effector's file allows 2"),
    ],
)
def test_hard_limits_hold_also_over_a_restart(made: Made, limits: Limits, why: str) -> None:
    effector = made(limits=limits)
    for name in "ab":
        assert apply(effector, name, f"asset:{name}", "isolate_asset").result == "ok"
    for _ in range(2):
        assert apply(effector, "c", "asset:c", "isolate_asset").detail.startswith(why)
        assert precheck(effector, "asset:c", "isolate_asset").detail.startswith(why)
        effector.restart()
    undo(effector, "a", "asset:a", "isolate_asset")
    effector.now += 60_000_001
    assert apply(effector, "c", "asset:c", "isolate_asset").result == "ok"


def test_what_vanished_from_the_world_leaves_its_place(made: Made, world: World) -> None:
    effector = made(limits=Limits(effects=1))
    apply(effector)
    world.valves["asset:a"] = world.lamps["asset:a"] = "as new"
    assert verify(effector).result == "failed"
    assert status(effector).effects == ()
    assert apply(effector, "f", "asset:b").result == "ok"
    undo(effector, "f", "asset:b")
    effector.switch.engage()
    assert apply(effector).result == "refused"
    assert undo(effector).result == "ok"


def test_an_effect_that_failed_leaves_its_place(made: Made) -> None:
    effector = made(limits=Limits(effects=1))
    effector.valve.answers["apply"] = Outcome("failed", "jammed")
    assert apply(effector) == Outcome("failed", "jammed")
    effector.valve.answers.clear()
    assert apply(effector, "f", "asset:b").result == "ok"


@pytest.mark.parametrize("ttl", [-1, 3601, True, 1.5, "1"])
def test_a_time_to_live_beyond_the_file_is_refused(made: Made, ttl: Any) -> None:
    effector = made(limits=Limits(max_ttl_s=3600))
    assert apply(effector, ttl_s=ttl) == Outcome("refused", f"ttl_s is {ttl!r}; the effector's file allows whole seconds from 0 to 3600")
    assert apply(effector, ttl_s=3600, reason="worm").result == "ok"


def test_what_stands_too_long_is_told_and_stays(made: Made) -> None:
    effector = made(limits=Limits(max_ttl_s=3600))
    apply(effector)
    effector.now += 3600 * 1_000_000 + 1
    assert [(each.effect, each.overdue) for each in status(effector).effects] == [("e", True)]
    assert observed(effector) == {"e"}


def test_what_cannot_be_read_before_is_not_done(effector: Effector, world: World) -> None:
    effector.valve.blind = True
    told = apply(effector)
    assert told.result == "failed"
    assert told.detail.endswith("nothing was done: the valve does not answer")
    assert (world.valves, status(effector).effects) == ({}, ())


def test_a_full_disk_stops_effects_and_no_way_back(effector: Effector, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(effector)

    def full(record: Record, *values: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Record, "keep", full)
    monkeypatch.setattr(Record, "keep_epoch", full)
    assert apply(effector, "f", "asset:b").result == "failed"
    assert apply(effector, "f", "asset:b", epoch=2) == Outcome("refused", "epoch 2 could not be recorded: database or disk is full")
    assert outcome(effector, wire.Fence(2)).result == "refused"
    assert undo(effector, epoch=3) == Outcome("ok", "(not on record: database or disk is full)")
    assert world.valves == {"asset:a": "open"}
    assert apply(effector, epoch=3).result == "refused"


def test_what_cannot_be_looked_at_may_be_there(effector: Effector) -> None:
    apply(effector)
    effector.valve.blind = True
    assert observed(effector) == {"e"}
    assert verify(effector) == apply(effector) == Outcome("unknown", "the valve does not answer")


def test_what_was_changed_behind_our_back_is_seen_and_mended(effector: Effector, world: World) -> None:
    world.lamps["asset:a"] = "blinks"
    apply(effector)
    world.lamps["asset:a"] = "off"
    assert verify(effector).result == "failed"
    assert apply(effector).result == "ok"
    assert verify(effector).result == "ok"
    undo(effector)
    assert world.lamps["asset:a"] == "blinks"


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_put_back_gives_back_what_stood_first(effector: Effector, world: World, restarts: bool) -> None:
    """What somebody made of it in between was never approved by anybody."""
    world.lamps["asset:a"] = "blinks"
    apply(effector)
    world.valves["asset:a"], world.lamps["asset:a"] = "ajar", "burns"
    if restarts:
        effector.restart()
    assert verify(effector).result == "failed"
    assert apply(effector).result == "ok"
    assert undo(effector).result == "ok"
    assert (world.valves["asset:a"], world.lamps["asset:a"]) == ("open", "blinks")


def test_what_could_not_be_put_back_at_first_gives_back_what_stood_first(effector: Effector, world: World) -> None:
    world.lamps["asset:a"] = "blinks"
    apply(effector)
    world.valves["asset:a"], world.lamps["asset:a"] = "ajar", "burns"
    effector.valve.answers["apply"] = Outcome("failed", "jammed")
    assert [apply(effector).result, len(status(effector).effects)] == ["failed", 0]
    effector.valve.answers.clear()
    assert [apply(effector).result, undo(effector).result] == ["ok", "ok"]
    assert (world.valves["asset:a"], world.lamps["asset:a"]) == ("open", "blinks")


def test_what_never_took_hold_gives_back_what_stood_when_it_did(effector: Effector, world: World) -> None:
    effector.valve.answers["apply"] = Outcome("failed", "jammed")
    apply(effector)
    effector.valve.answers.clear()
    world.lamps["asset:a"] = "blinks"
    assert [apply(effector).result, undo(effector).result] == ["ok", "ok"]
    assert world.lamps["asset:a"] == "blinks"


def test_what_is_half_done_and_cannot_be_finished_is_unknown(effector: Effector, world: World) -> None:
    apply(effector)
    world.lamps["asset:a"] = "off"
    effector.switch.engage()
    assert apply(effector).detail.startswith("in the world in part: the kill switch")
    assert observed(effector) == {"e"}


def test_what_answered_failed_and_is_there_after_all_is_known_again(effector: Effector, world: World) -> None:
    effector.valve.answers["apply"] = Outcome("failed", "jammed")
    apply(effector)
    world.valves["asset:a"], world.lamps["asset:a"] = "shut:e", "on:e"
    assert apply(effector) == Outcome("ok", "in force already")
    assert [each.effect for each in status(effector).effects] == ["e"]


def test_a_precheck_says_what_the_machine_lacks(effector: Effector) -> None:
    effector.valve.lacks = "no valve is connected"
    assert precheck(effector) == Outcome("failed", "no valve is connected")
    assert status(effector).actuators == {"valve": "no valve is connected"}
    effector.valve.lacks = ""
    assert precheck(effector) == Outcome("ok")


def test_an_effect_of_an_actuator_that_left_the_file_is_not_forgotten(effector: Effector) -> None:
    apply(effector)
    effector.end()
    effector.record = Record(effector.folder / "effects.sqlite")
    effector.core = type(effector.core)(effector.settings, {}, effector.record, effector.switch, lambda: 0, effector.said.append)
    gone = "actuator valve is not in the effector's file any more"
    assert (verify(effector), undo(effector)) == (Outcome("unknown", gone), Outcome("failed", gone))
    assert observed(effector) == {"e"}


def test_a_world_that_counts_its_effects_is_believed_without_a_record(made: Made, world: World) -> None:
    effector = made(counted=True)
    apply(effector, "mine")
    world.valves["asset:b"], world.lamps["asset:b"] = "shut:lost", "on:lost"
    reply = effector.core.answer(wire.Observe())
    assert reply == wire.World((Observed("lost", "shut", "asset:b"), Observed("mine", "shut", "asset:a")))
    assert verify(effector, "lost", "asset:b").result == "ok"
    assert undo(effector, "lost", "asset:b").result == "ok"
    assert observed(effector) == {"mine"}
    effector.valve.blind = True
    assert observed(effector) == {"mine"}
    assert effector.said[-1] == "valve: the valves do not answer"


STEPS = ("before valve", "between", "after lamp")


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_while_it_is_applied_leaves_nothing_unknown(made: Made, world: World, step: str, counted: bool) -> None:
    """The runtime asks again: the effect is there once, and undo gives back what stood before."""
    effector = made(counted=counted)
    world.valves["asset:a"], world.lamps["asset:a"] = "half", "dim"
    effector.valve.dies = step
    with pytest.raises(Killed):
        apply(effector)
    effector.restart()
    assert observed(effector) == (set() if step == "before valve" else {"e"})
    assert apply(effector).result == "ok"
    assert verify(effector).result == "ok"
    assert effector.valve.calls == ([] if step == "after lamp" else ["apply e"])
    assert undo(effector).result == "ok"
    assert world.state() == ({"asset:a": "half"}, {"asset:a": "dim"})


@pytest.mark.parametrize("step", ["before undo", "between undo", "after undo"])
def test_a_crash_while_it_is_undone_never_lets_it_come_back(effector: Effector, world: World, step: str) -> None:
    apply(effector)
    effector.valve.dies = step
    with pytest.raises(Killed):
        undo(effector)
    effector.restart()
    assert apply(effector).result == "refused"
    assert undo(effector).result == "ok"
    assert (world.state(), observed(effector), status(effector).effects) == (({"asset:a": "open"}, {"asset:a": "off"}), set(), ())


def test_a_storm_of_a_thousand_effects_stops_within_100_ms(made: Made) -> None:
    names = [f"t{number}" for number in range(1000)]
    effector = made(names=names)
    effector.valve.takes_s = 0.02
    results: list[Outcome] = []

    def work(mine: list[str]) -> None:
        results.extend(apply(effector, name, f"asset:{name}") for name in mine)

    threads = [threading.Thread(target=work, args=(names[start::32],)) for start in range(32)]
    for each in threads:
        each.start()
    while len(effector.valve.begun) < 200:
        time.sleep(0.001)
    (effector.folder / "STOP").touch()  # as anybody's hand would
    at = time.monotonic()
    for each in threads:
        each.join()
    assert max(effector.valve.begun) - at < 0.1
    assert len(effector.valve.begun) < 1000
    assert len(results) == 1000
    assert {each.result for each in results} == {"ok", "refused"}
    assert len(observed(effector)) == len(effector.valve.begun)
    outcome(effector, wire.Stop(undo_all=True))
    assert observed(effector) == set()


def test_the_valves_are_actuators() -> None:
    from interferon.effector.protocol import Actuator, Census

    actuators: list[Actuator] = [Valve(World()), CountedValve(World())]
    assert [isinstance(each, Census) for each in actuators] == [False, True]


def test_a_record_that_cannot_be_written_fails_those_who_wait_and_takes_the_next(tmp_path: Path) -> None:
    record = Record(tmp_path / "effects.sqlite")
    record._db.execute("PRAGMA query_only = ON")  # as a disk that takes nothing
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        record.keep_epoch(4)
    record._db.execute("PRAGMA query_only = OFF")
    record.keep_epoch(5)
    assert record.epoch == 5
    record.close()


def test_a_record_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "effects.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="not usable as the effector's record: file is not a database"):
        Record(tmp_path / "effects.sqlite")
