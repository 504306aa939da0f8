"""The driver of effects against a small world in memory that can be told to misbehave."""

import dataclasses
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interferon.act.lifecycle import IllegalTransition
from interferon.act.protocol import Action
from interferon.actions import ACTIONS
from interferon.model.effects import Intent, Observed, Outcome, State, Value
from interferon.model.errors import JournalError
from interferon.model.network import Asset, Budgets, Network, Settings
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from interferon.store.journal_lease import StaleEpoch
from interferon.store.journal_ledger import verify_ledger
from interferon.store.journal_writer import CommitQueue

HOUR = 3_600_000_000
OK = Outcome("ok")


class Scripted:
    """An executor that answers `answers[call]` where one is given, and otherwise does what it is asked."""

    def __init__(self) -> None:
        self.world: dict[str, Observed] = {}
        self.answers: dict[str, Outcome] = {}
        self.calls: list[str] = []
        self.epoch = 0
        self.takes_hold = True  # whether an apply without an answer is in the world

    def fence(self, epoch: int) -> None:
        self.epoch = epoch

    def precheck(self, action: str, target: str) -> Outcome:
        return self.answers.get("precheck", OK)

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        self.calls.append(f"apply {effect_id}")
        answer = self.answers.get("apply", OK)
        if answer.result == "ok" or (answer.result == "unknown" and self.takes_hold):
            self.world[effect_id] = Observed(effect_id, action, target)
        return answer

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        return self.answers.get("verify", OK)

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        self.calls.append(f"undo {effect_id}")
        answer = self.answers.get("undo", OK)
        if answer.result == "ok":
            self.world.pop(effect_id, None)
        return answer

    def observed(self) -> frozenset[Observed]:
        return frozenset(self.world.values())


def network(budgets: Budgets = Budgets(actions_per_hour=5000)) -> Network:  # noqa: B008 - a frozen record
    assets = {name: Asset(id=name, zone="z", type=kind) for name, kind in (("plc", "plc"), ("sis", "sis"))}
    tables = ("sites", "zones", "conduits", "partners", "nodes", "lanes", "products", "orders", "people")
    empty: dict[str, Any] = {table: {} for table in tables}
    return Network(settings=Settings(name="n", budgets=budgets), revision=1, assets=assets, **empty)


def wanted(name: str = "e", action: str = "isolate_asset", target: str = "asset:plc", ttl_s: int = 3600, assets: int = 1) -> Intent:
    return Intent(id=name, plan="p", incident="i", action=action, target=target, ttl_s=ttl_s, time=0, assets=assets)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened
    assert verify_ledger(tmp_path / "journal.sqlite").problems == ()


@pytest.fixture
def world() -> Scripted:
    return Scripted()


@pytest.fixture
def effects(journal: Journal, world: Scripted) -> Iterator[Effects]:
    ticks = count()
    forever = Action("for_ever", "irreversible", ("asset",), 60, "Do {target} for ever.", "", lambda network, name: "")
    with Effects(journal, world, ACTIONS | {"for_ever": forever}, network(), lambda: next(ticks), grace_s=60) as driver:
        yield driver


def way(journal: Journal, name: str = "e") -> list[str]:
    return [msgspec.json.decode(entry.body)["to"] for entry in journal.history(name)]


def test_a_containment_is_recorded_before_and_after_each_touch_of_the_world(effects: Effects, journal: Journal) -> None:
    (told,) = effects.submit([wanted()])
    assert (told.status, told.plan, told.incident, told.action, told.target) == (State.VERIFIED, "p", "i", "isolate_asset", "asset:plc")
    assert way(journal) == ["intent", "applying", "applied", "verified"]
    effect = journal.effect("e")
    assert effect is not None
    assert 3600_000_000 < effect.expires < 3600_000_100


def test_submitting_again_changes_nothing(effects: Effects, world: Scripted) -> None:
    assert effects.submit([wanted()]) == effects.submit([wanted()])
    assert world.calls == ["apply e"]


@pytest.mark.parametrize(
    ("intent", "why"),
    [
        (wanted(target="asset:sis"), "asset:sis is a safety system: never a target"),
        (wanted(action="explode"), "no action is called 'explode'"),
        (wanted(ttl_s=0), "its time to live was over before it was applied"),
    ],
)
def test_what_may_not_be_done_never_reaches_the_world(
    effects: Effects, world: Scripted, journal: Journal, intent: Intent, why: str
) -> None:
    (told,) = effects.submit([intent])
    assert (told.status, told.detail, world.calls) == (State.FAILED, why, [])
    assert journal.held(0).assets == 0


@pytest.mark.parametrize(
    ("answers", "takes_hold", "status", "detail"),
    [
        ({"precheck": Outcome("refused", "busy")}, True, State.FAILED, "precheck refused: busy"),
        ({"apply": Outcome("failed", "no route")}, True, State.FAILED, "apply failed: no route"),
        ({"apply": Outcome("refused", "kill switch")}, True, State.FAILED, "apply refused: kill switch"),
        ({"apply": Outcome("unknown", "time-out")}, True, State.VERIFIED, ""),
        ({"apply": Outcome("unknown", "time-out")}, False, State.ESCALATED, "no answer whether it took hold: time-out"),
        ({"verify": Outcome("failed", "flows pass")}, True, State.ESCALATED, "verify failed: flows pass"),
        ({"verify": Outcome("unknown", "time-out")}, True, State.ESCALATED, "verify unknown: time-out"),
    ],
)
def test_each_answer_of_the_world_has_its_end(
    effects: Effects, world: Scripted, journal: Journal, answers: dict[str, Outcome], takes_hold: bool, status: State, detail: str
) -> None:
    world.answers, world.takes_hold = answers, takes_hold
    (told,) = effects.submit([wanted()])
    assert (told.status, told.detail) == (status, detail)
    assert journal.held(0).assets == (0 if status is State.FAILED else 1)


def test_what_does_not_hold_and_is_not_there_has_failed(effects: Effects, world: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    world.answers = {"verify": Outcome("failed", "gone")}
    monkeypatch.setattr(world, "observed", frozenset)
    assert effects.submit([wanted()])[0].status is State.FAILED


def test_undo_is_the_identity_and_frees_the_budget(effects: Effects, world: Scripted, journal: Journal) -> None:
    effects.submit([wanted()])
    (told,) = effects.undo(["e"], "benign")
    assert (told.status, told.detail, world.world) == (State.UNDONE, "benign", {})
    assert journal.held(0).assets == 0
    assert effects.undo(["e"], "again")[0] == told
    with pytest.raises(JournalError, match="effect ghost is not on record"):
        effects.undo(["ghost"], "what?")


def test_an_undo_that_does_not_work_is_escalated_and_can_be_tried_again(effects: Effects, world: Scripted) -> None:
    effects.submit([wanted()])
    world.answers = {"undo": Outcome("failed", "switch is off")}
    (told,) = effects.undo(["e"], "benign")
    assert (told.status, told.detail) == (State.ESCALATED, "undo failed, still in the world or unknown: switch is off")
    world.answers = {}
    assert effects.undo(["e"], "benign")[0].status is State.UNDONE


def test_what_cannot_be_taken_back_is_escalated_not_undone(effects: Effects, world: Scripted) -> None:
    effects.submit([wanted(action="for_ever")])
    (told,) = effects.undo(["e"], "benign")
    assert (told.status, told.detail) == (State.ESCALATED, "for_ever cannot be taken back (benign)")
    assert effects.undo(["e"], "benign") == [told]
    assert world.calls == ["apply e"]


def test_an_ended_time_to_live_is_decided_again_and_never_let_go(effects: Effects, world: Scripted, journal: Journal) -> None:
    effects.submit([wanted("a"), wanted("b"), wanted("c", ttl_s=7200)])
    assert [told.effect for told in effects.expire(HOUR + 1000)] == ["a", "b"]
    assert effects.expire(HOUR + 1000) == []
    assert effects.renew("a", 3600, "still spreading").status is State.VERIFIED
    assert effects.escalate("b", "the shift lead decides").status is State.ESCALATED
    assert set(world.world) == {"a", "b", "c"}
    assert way(journal, "a") == ["intent", "applying", "applied", "verified", "due", "verified"]
    with pytest.raises(IllegalTransition, match="effect a is verified: only one that waits for a decision can be renewed"):
        effects.renew("a", 3600, "again")


def test_a_due_effect_that_nobody_decides_is_escalated_after_the_grace_period(effects: Effects) -> None:
    effects.submit([wanted()])
    effects.expire(2 * HOUR)
    assert effects.expire(2 * HOUR + 59_999_999) == []
    assert [told.status for told in effects.expire(2 * HOUR + 60_000_000)] == [State.ESCALATED]


def test_what_does_not_hold_any_more_is_not_renewed(effects: Effects, world: Scripted) -> None:
    effects.submit([wanted()])
    effects.expire(2 * HOUR)
    world.answers = {"verify": Outcome("failed", "flows pass")}
    told = effects.renew("e", 3600, "needed")
    assert (told.status, told.detail) == (State.ESCALATED, "not renewed, it does not hold: flows pass")
    assert effects.renew("e", 3600, "needed") == told


def test_an_expiry_that_lost_the_race_is_left_out(effects: Effects, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    effects.submit([wanted()])
    stale = journal.effects([State.VERIFIED])
    effects.undo(["e"], "over")
    monkeypatch.setattr(journal, "effects", lambda states, expired_by=0: stale if State.VERIFIED in states else [])
    assert effects.expire(2 * HOUR) == []


def test_recovery_finds_orphans_and_what_is_missing_once(effects: Effects, world: Scripted) -> None:
    effects.submit([wanted("kept"), wanted("lost"), wanted("undone")])
    effects.undo(["undone"], "over")
    del world.world["lost"]
    for name in ("stranger", "undone"):
        world.world[name] = Observed(name, "isolate_asset", "asset:plc")
    recovery = effects.recover()
    assert world.epoch == 1
    assert [(told.effect, told.status) for told in recovery.orphans] == [("stranger", State.ORPHAN), ("undone", State.ORPHAN)]
    assert [(told.effect, told.status, told.detail) for told in recovery.missing] == [
        ("lost", State.VERIFIED, "not in the world any more: put back")
    ]
    assert recovery.resumed == ()
    again = effects.recover()
    assert (again.resumed, again.orphans, again.missing) == ((), (), ())


def test_an_effect_whose_later_steps_were_lost_is_not_applied_again(effects: Effects, world: Scripted, journal: Journal) -> None:
    journal.admit([wanted()], Budgets(), 0).result()
    world.world["e"] = Observed("e", "isolate_asset", "asset:plc")
    assert [(told.effect, told.status) for told in effects.recover().resumed] == [("e", State.VERIFIED)]
    assert world.calls == []


def test_what_was_taken_back_while_recovery_looked_is_not_missing(
    effects: Effects, world: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects.submit([wanted()])
    known, lost = effects._known, iter([True])

    def undone_meanwhile(effect_id: str) -> object:
        effect = known(effect_id)
        return msgspec.structs.replace(effect, state=State.UNDONE) if next(lost, False) else effect

    world.world.clear()
    monkeypatch.setattr(effects, "_known", undone_meanwhile)
    assert [told.status for told in effects.recover().missing] == [State.UNDONE]


class FullAfter:
    """A commit that works `left` times, then finds the disk full until it is told otherwise."""

    def __init__(self, left: int) -> None:
        self.left, self.commit = left, CommitQueue._commit

    def __call__(self, queue: CommitQueue) -> None:
        self.left -= 1
        if self.left < 0:
            raise sqlite3.OperationalError("database or disk is full")
        self.commit(queue)


@pytest.mark.parametrize("commits", range(3))
def test_a_disk_that_fills_at_any_step_is_loud_and_recovery_ends_what_was_begun(
    effects: Effects, world: Scripted, journal: Journal, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    full = FullAfter(commits)
    with monkeypatch.context() as patched:
        patched.setattr(CommitQueue, "_commit", lambda queue: full(queue))
        with pytest.raises(JournalError, match="database or disk is full"):
            effects.submit([wanted()])
        with pytest.raises(JournalError, match="database or disk is full"):
            effects.submit([wanted("other")])
    assert [effect.id for effect in journal.effects()] == (["e"] if commits else [])
    effects.recover()
    assert effects.submit([wanted()])[0].status is State.VERIFIED
    assert world.calls.count("apply e") == 1


def test_an_intent_that_is_undone_before_it_was_applied_is_withdrawn(
    effects: Effects, world: Scripted, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = FullAfter(1)
    with monkeypatch.context() as patched:
        patched.setattr(CommitQueue, "_commit", lambda queue: full(queue))
        with pytest.raises(JournalError, match="disk is full"):
            effects.submit([wanted()])
    assert effects.undo(["e"], "benign")[0].detail == "withdrawn before it was applied: benign"
    assert (effects.submit([wanted()])[0].status, world.calls) == (State.FAILED, [])


def stopped(journal: Journal, to: State = State.APPLYING, ttl_s: int = 3600) -> None:
    """A runtime that died with effect `e` on record as `to`."""
    journal.admit([wanted(ttl_s=ttl_s)], Budgets(), 0).result()
    way = (State.APPLYING, State.APPLIED)
    for step in way[: way.index(to) + 1]:
        journal.advance("e", step, 0).result()


@pytest.mark.parametrize(
    ("answers", "ttl_s", "status", "why"),
    [
        ({}, 3600, State.VERIFIED, ""),
        ({}, 0, State.FAILED, "its time to live was over before it was applied"),
        ({"precheck": Outcome("refused", "the address is another machine's now")}, 3600, State.FAILED, "precheck refused: the address is"),
        (
            {"precheck": Outcome("unknown", "no answer"), "undo": Outcome("unknown", "no answer")},
            3600,
            State.ESCALATED,
            "; undo unknown: no",
        ),
    ],
)
def test_what_was_handed_over_before_the_crash_is_applied_only_where_it_still_may_be(
    effects: Effects, world: Scripted, journal: Journal, answers: dict[str, Outcome], ttl_s: int, status: State, why: str
) -> None:
    stopped(journal, ttl_s=ttl_s)
    world.answers = answers
    (told,) = effects.recover().resumed
    assert told.status is status
    assert why in told.detail
    assert world.calls == (["apply e"] if status is State.VERIFIED else ["undo e"])


def test_what_was_applied_before_the_crash_is_looked_at(effects: Effects, world: Scripted, journal: Journal) -> None:
    stopped(journal, State.APPLIED)
    world.answers = {"verify": Outcome("failed", "gone")}
    assert [(told.status, told.detail) for told in effects.recover().resumed] == [(State.FAILED, "verify failed: gone")]
    assert world.calls == []


def test_a_new_revision_of_the_network_is_checked_against(effects: Effects) -> None:
    effects.network = dataclasses.replace(effects.network, assets={"plc": Asset(id="plc", zone="z", type="sis")})
    assert effects.submit([wanted()])[0].detail == "asset:plc is a safety system: never a target"


def test_what_is_in_the_world_in_part_after_a_failed_apply_is_not_let_go(
    effects: Effects, world: Scripted, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halfway(effect_id: str, *more: object) -> Outcome:
        world.world[effect_id] = Observed(effect_id, "isolate_asset", "asset:plc")
        return Outcome("failed", "two of three rules")

    monkeypatch.setattr(world, "apply", halfway)
    (told,) = effects.submit([wanted()])
    assert (told.status, told.detail) == (State.ESCALATED, "apply failed, but it is in the world in part: two of three rules")
    assert journal.held(0).assets == 1
    assert effects.undo(["e"], "over")[0].status is State.UNDONE


@pytest.mark.parametrize("recorded", [0, 1])
def test_time_spent_down_is_not_added_to_the_time_to_live(journal: Journal, world: Scripted, recorded: int) -> None:
    journal.admit([wanted()], Budgets(), 5).result()
    if recorded:
        journal.advance("e", State.APPLYING, 5).result()
    world.world["e"] = Observed("e", "isolate_asset", "asset:plc")
    with Effects(journal, world, ACTIONS, network(), lambda: HOUR // 2) as effects:
        assert [told.status for told in effects.recover().resumed] == [State.VERIFIED]
    found = journal.effect("e")
    assert found is not None
    assert found.expires == HOUR + 5


def test_what_ended_while_the_runtime_was_down_is_due_when_recovery_is_over(journal: Journal, world: Scripted) -> None:
    for name, clock in (("e", 0), ("later", HOUR)):
        with Effects(journal, world, ACTIONS, network(), lambda now=clock: now, grace_s=600) as effects:  # type: ignore[misc]
            effects.submit([msgspec.structs.replace(wanted(name), time=clock)])
    with Effects(journal, world, ACTIONS, network(), lambda: HOUR + 1, grace_s=600) as effects:
        assert [(told.effect, told.status) for told in effects.recover().due] == [("e", State.DUE)]
        assert effects.recover().due == ()
    with Effects(journal, world, ACTIONS, network(), lambda: 2 * HOUR + 1, grace_s=600) as effects:
        assert [(told.effect, told.status) for told in effects.recover().due] == [("later", State.DUE), ("e", State.ESCALATED)]


def test_an_effect_that_was_renewed_since_it_was_read_does_not_become_due(journal: Journal, effects: Effects) -> None:
    effects.submit([wanted()])
    effects.expire(2 * HOUR)
    effects.renew("e", 7200, "needed")
    with pytest.raises(IllegalTransition, match="its time to live was made longer"):
        journal.end("e", HOUR, "over").result()


def test_a_runtime_whose_lease_was_taken_does_not_touch_the_world(tmp_path: Path, world: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path / "j.sqlite", node="a") as old, Effects(old, world, ACTIONS, network(), lambda: 0) as effects:
        effects.submit([wanted("kept"), wanted("other")])
        world.calls.clear()
        old.advance("kept", State.UNDOING, 0).result()
        precheck = world.precheck

        def overtaken(action: str, target: str) -> Outcome:
            """Another node takes over between the record and the world."""
            Journal(tmp_path / "j.sqlite", node="a").close()
            old._queue.lease._until = 0
            return precheck(action, target)

        stopped(old)
        monkeypatch.setattr(world, "precheck", overtaken)
        with pytest.raises(StaleEpoch):
            effects.submit([wanted()])
        with pytest.raises(StaleEpoch):
            effects.undo(["kept"], "go on")
        assert world.calls == []


def test_an_irreversible_orphan_goes_to_a_person(effects: Effects, world: Scripted) -> None:
    world.world["stranger"] = Observed("stranger", "for_ever", "asset:plc")
    effects.recover()
    assert effects.undo(["stranger"], "who did this?")[0].status is State.ESCALATED


def test_an_undo_that_a_full_disk_stopped_goes_on(effects: Effects, world: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    effects.submit([wanted()])
    full = FullAfter(1)
    with monkeypatch.context() as patched:
        patched.setattr(CommitQueue, "_commit", lambda queue: full(queue))
        with pytest.raises(JournalError, match="disk is full"):
            effects.undo(["e"], "benign")
    assert effects.undo(["e"], "benign")[0].status is State.UNDONE


def test_many_threads_contain_at_once_and_each_effect_takes_hold_once(effects: Effects, world: Scripted) -> None:
    begin = threading.Barrier(8)

    def contain(caller: int) -> list[State]:
        begin.wait()
        return [told.status for told in effects.submit([wanted(f"e-{n}", assets=0) for n in range(30)])]  # all callers want the same

    with ThreadPoolExecutor(8) as pool:
        states = [state for found in pool.map(contain, range(8)) for state in found]
    assert set(states) == {State.VERIFIED}
    assert sorted(world.calls) == sorted(f"apply e-{n}" for n in range(30))
