"""What the tables forbid: no plan, approval or end of a veto acts on what is protected, outside an interlock or in a forbidden window."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.actions import ACTIONS
from interferon.decide import DecideState, approval, decide
from interferon.decide import book as ledger
from interferon.decide.book import Book
from interferon.decide.permit import place
from interferon.decide.plan import again
from interferon.decide.restrictions import Reading, Readings, allowed, approvals, deeds, refusals, take
from interferon.decide.settings import CLASSES, HOUR_US, TTL_H
from interferon.decide.situation import Situation
from interferon.model.action_class import CONTROLLERS, ActionClass, writes_controller
from interferon.model.network import Interlock, Maintenance, Network, Protected
from interferon.model.patterns import covers, matching
from interferon.model.records import Execute, Incident, Plan
from interferon.pipeline import Rules
from interferon.trust.policy import Policy

from .attacked import always
from .test_decide import ACTIVE, DEMO, LATE, NOW, Table, incident, network

S = 1_000_000
ISOLATE = ("isolate_asset", "asset:plc")
RUNNING = ("asset:robot-b", "running")


def tabled(
    protected: Iterable[Protected] = (), interlocks: Iterable[Interlock] = (), maintenance: Iterable[Maintenance] = (), **more: Any
) -> Network:
    """The small network with these rows in its tables."""
    return replace(
        network(),
        protected=tuple(protected),
        interlocks={row.id: row for row in interlocks},
        maintenance={row.id: row for row in maintenance},
        **more,
    )


def shield(where: str, action: str = "*", until: int = 0) -> Protected:
    return Protected(where=where, action=action, reason="a batch is in it", until=until)


def lock(where: str = "asset:plc", action: str = "isolate_asset", **more: Any) -> Interlock:
    return Interlock(id="il", where=where, action=action, asset="robot-b", reason="the standby must run", **more)


def window(
    where: str, rule: str = "forbid", action: str = "*", starts: int = NOW, ends: int = NOW + HOUR_US, name: str = "m"
) -> Maintenance:
    people = {"planner": "ann", "approver": "bob"}
    return Maintenance(id=name, where=where, starts=starts, ends=ends, work="service", action=action, rule=rule, **people)


# ---- patterns


@pytest.mark.parametrize(
    ("pattern", "ref", "is_covered"),
    [
        ("asset:plc-1", "asset:plc-1", True),
        ("asset:plc-1", "asset:plc-11", False),
        ("asset:plc-*", "asset:plc-", True),
        ("asset:*-1", "asset:plc-1", True),
        ("asset:a.c", "asset:abc", False),
        ("asset:*", "zone:plc", False),
        ("*", "asset:plc", False),
        ("identity:*", "identity:a\nb", True),
        ("identity:*@acme.com", "identity:alice@acme.com", True),
    ],
)
def test_a_star_stands_for_any_characters_of_the_id(pattern: str, ref: str, is_covered: bool) -> None:
    assert covers(pattern, ref) is is_covered


def test_what_a_pattern_names_is_in_the_tables() -> None:
    assert matching(network(), "asset:robot-*") == ("asset:robot-a", "asset:robot-b")
    assert matching(network(), "zone:c*") == ("zone:cell", "zone:control")
    assert matching(network(), "identity:*") == ()


# ---- one row, one action


@pytest.mark.parametrize(
    ("where", "action", "act", "is_refused"),
    [
        ("asset:plc", "*", ISOLATE, True),
        ("asset:plc", "fail_over", ISOLATE, False),
        ("zone:cell", "*", ISOLATE, True),
        ("zone:cell", "isolate_asset", ("isolate_zone", "zone:cell"), True),
        ("asset:plc", "isolate_asset", ("isolate_zone", "zone:cell"), True),
        ("asset:plc", "isolate_asset", ("fail_over", "asset:plc"), True),
        ("asset:plc", "*", ("isolate_zone", "zone:ops"), False),
        ("zone:cell", "*", ("cut_conduit", "conduit:c3"), True),
        ("zone:control", "*", ("cut_conduit", "conduit:c3"), True),
        ("asset:hmi", "*", ("cut_conduit", "conduit:c3"), True),
        ("asset:plc", "*", ("cut_conduit", "conduit:c3"), False),
        ("conduit:c*", "cut_conduit", ("cut_conduit", "conduit:c3"), True),
        ("conduit:c3", "*", ("isolate_zone", "zone:cell"), True),
        ("conduit:c3", "cut_conduit", ("isolate_zone", "zone:cell"), True),
        ("conduit:c5", "*", ("isolate_zone", "zone:cell"), False),
        ("identity:backup-*", "*", ("disable_identity", "identity:backup-1"), True),
        ("asset:plc", "*", ("open_ticket", "asset:plc"), False),
        ("asset:plc", "open_ticket", ("open_ticket", "asset:plc"), True),
        ("asset:*", "*", ("cut_conduit", "conduit:gone"), False),
    ],
)
def test_what_is_protected_is_protected_by_any_name(where: str, action: str, act: tuple[str, str], is_refused: bool) -> None:
    assert bool(refusals(tabled([shield(where, action)]), act, {}, (), NOW)) is is_refused


def test_a_protection_ends_and_says_when() -> None:
    held = tabled([shield("asset:plc", until=NOW + 60 * S)])
    assert refusals(held, ISOLATE, {}, (), NOW) == (
        "protected asset:plc: no isolate_asset of asset:plc, a batch is in it until 2026-01-05T08:01Z",
    )
    assert refusals(held, ISOLATE, {}, (), NOW + 60 * S) == ()


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        ({}, "running of asset:robot-b is not known"),
        ({RUNNING: Reading(NOW - 181 * S, 1.0)}, "running of asset:robot-b was read 181 s ago, at most 180 s count"),
        ({RUNNING: Reading(NOW + S, 1.0)}, "running of asset:robot-b was read -1 s ago, at most 180 s count"),
        ({RUNNING: Reading(NOW, 0.0)}, "running of asset:robot-b is 0, not >= 1"),
        ({RUNNING: Reading(NOW - 180 * S, 1.0)}, ""),
    ],
)
def test_an_interlock_holds_only_by_a_reading_that_is_new_and_right(readings: Readings, why: str) -> None:
    held = tabled(interlocks=[lock(signal="running", test=">=", value=1.0)])
    wanted = (f"interlock il: {why} (the standby must run)",) if why else ()
    assert refusals(held, ISOLATE, readings, (), NOW) == wanted
    assert refusals(held, ("isolate_asset", "asset:hmi"), readings, (), NOW) == ()


@pytest.mark.parametrize(("test", "holds"), [("=", "010"), ("!=", "101"), (">", "001"), (">=", "011"), ("<", "100"), ("<=", "110")])
def test_every_comparison(test: str, holds: str) -> None:
    held = tabled(interlocks=[lock(signal="running", test=test, value=2.0)])
    for value, wanted in zip((1.0, 2.0, 3.0), holds, strict=True):
        assert bool(refusals(held, ISOLATE, {RUNNING: Reading(NOW, value)}, (), NOW)) is (wanted == "0")


@pytest.mark.parametrize(
    ("standing", "is_refused"),
    [(("isolate_asset", "asset:robot-b"), True), (("isolate_zone", "zone:cell"), True), (("isolate_asset", "asset:robot-a"), False)],
)
def test_a_standby_that_we_shut_off_is_not_in_service(standing: tuple[str, str], is_refused: bool) -> None:
    assert bool(refusals(tabled(interlocks=[lock()]), ISOLATE, {}, [standing], NOW)) is is_refused


@pytest.mark.parametrize(("at", "is_refused"), [(-1, False), (0, True), (HOUR_US - 1, True), (HOUR_US, False)])
def test_a_forbidden_window_begins_and_ends(at: int, is_refused: bool) -> None:
    found = refusals(tabled(maintenance=[window("zone:c*")]), ISOLATE, {}, (), NOW + at)
    assert found == (("maintenance m: no isolate_asset of asset:plc while there is service until 2026-01-05T09:00Z",) if is_refused else ())


def test_a_window_that_names_no_action_forbids_none() -> None:
    assert refusals(tabled(maintenance=[window("asset:plc", action="")]), ISOLATE, {}, (), NOW) == ()


def test_windows_that_ask_for_approval_win_over_those_that_do_not() -> None:
    free, asked = window("asset:plc", "allow"), window("zone:cell", "approval", name="n")
    assert allowed(tabled(maintenance=[free]), ISOLATE, NOW)
    assert allowed(tabled(maintenance=[window("zone:cell", "allow")]), ISOLATE, NOW)
    assert not allowed(tabled(maintenance=[window("zone:*", "allow")]), ("disable_identity", "identity:ann"), NOW), "it is of no zone"
    assert not allowed(tabled(maintenance=[free]), ISOLATE, NOW - 1)
    assert not allowed(tabled(maintenance=[free, asked]), ISOLATE, NOW)
    assert not allowed(tabled(maintenance=[free]), ("isolate_zone", "zone:cell"), NOW), "the zone holds more than the machine"
    assert approvals(tabled(maintenance=[asked]), ISOLATE, NOW) == ("maintenance n: only after approval until 2026-01-05T09:00Z",)
    assert approvals(network(), ISOLATE, NOW) == ()


def test_readings_are_those_that_interlocks_look_at() -> None:
    held = tabled(interlocks=[lock(signal="running", test="=", value=1.0), msgspec.structs.replace(lock(), id="other")])
    index = {"asset:plc": 0, "asset:robot-b": 1}
    found: dict[tuple[str, str], Reading] = {}
    frame = (NOW, NOW + 60 * S)

    def told(entities: list[int], values: list[list[float]], signals: list[list[str]]) -> None:
        take(found, held, index, signals, (*frame, np.array(entities, dtype=np.int32), np.array(values)))

    told([0], [[5.0, 6.0]], [["running"], ["level", "running"]])
    told([1], [[5.0, 6.0]], [["running"], ["level"]])
    told([1], [[5.0, np.nan]], [["running"], ["level", "running"]])
    assert found == {}
    told([0, 1], [[5.0, 6.0], [7.0, 1.0]], [["running"], ["level", "running"]])
    assert found == {RUNNING: Reading(NOW, 1.0)}
    take(found, held, {}, [], (*frame, np.array([], dtype=np.int32), np.zeros((0, 0))))
    assert found == {RUNNING: Reading(NOW, 1.0)}


# ---- a plan


def made(
    case: Incident, of: Network, *, now: int = NOW, state: DecideState | None = None, policy: Policy = DEMO, **more: Any
) -> Plan | None:
    situation = msgspec.structs.replace(ACTIVE, **more)
    return decide(state or DecideState(), case, of, Table(LATE), policy.ask, situation, now)


def test_a_plan_says_in_one_line_why_an_answer_is_refused() -> None:
    plan = made(incident(("asset:wks", 1.0)), tabled([shield("asset:wks", "isolate_asset")]))
    assert plan is not None
    refused = next(each for each in plan.alternatives if each.actions == (("isolate_asset", "asset:wks"),))
    assert refused.mode == "denied"
    assert refused.reasons == ("protected asset:wks: no isolate_asset of asset:wks, a batch is in it",)
    assert plan.alternatives[plan.chosen].actions != refused.actions


def test_a_window_puts_an_answer_to_a_person_and_says_so() -> None:
    plan = made(incident(("asset:wks", 1.0)), tabled(maintenance=[window("asset:wks", "approval", "isolate_asset")]))
    assert plan is not None
    asked = next(each for each in plan.alternatives if each.actions == (("isolate_asset", "asset:wks"),))
    assert (asked.mode, asked.reasons[-1]) == ("execute_approved", "maintenance m: only after approval until 2026-01-05T09:00Z")


def test_a_window_lets_an_answer_pass_where_the_signed_policy_says_so() -> None:
    text = """
    @id("window") permit (principal, action == Action::"execute_auto", resource) when { context.window_allows };
    @id("else") permit (principal, action == Action::"execute_approved", resource);
    """
    policy, of = Policy({"own.cedar": text}), tabled(maintenance=[window("asset:wks", "allow", "isolate_asset")])
    for now, mode in ((NOW, "execute_auto"), (NOW + HOUR_US, "execute_approved")):
        plan = made(incident(("asset:wks", 1.0)), of, now=now, policy=policy)
        assert plan is not None
        assert next(each.mode for each in plan.alternatives if each.actions == (("isolate_asset", "asset:wks"),)) == mode
    plan = made(incident(("asset:wks", 1.0)), of)
    assert plan is not None
    assert plan.mode == "execute_auto", "the demo's policy does not ask"


def test_two_answers_that_are_each_other_s_standby_are_not_given_together() -> None:
    other = Interlock(id="jl", where="asset:robot-b", action="isolate_asset", asset="plc", reason="the standby must run")
    plan = made(incident(("asset:plc", 0.9), ("asset:robot-b", 0.9)), tabled(interlocks=[lock(), other]))
    assert plan is not None
    done = {each.actions: each for each in plan.alternatives}
    assert done[(("isolate_asset", "asset:robot-b"),)].mode != "denied"
    both = {("isolate_asset", "asset:plc"), ("isolate_asset", "asset:robot-b")}
    assert all(each.mode == "denied" for each in plan.alternatives if both <= set(each.actions))


def test_what_was_held_back_is_decided_again_when_it_may_have_changed() -> None:
    state, of, case = DecideState(), tabled(maintenance=[window("asset:*"), window("zone:*", name="n")]), incident(("asset:wks", 1.0))
    first = made(case, of, state=state)
    assert first is not None
    assert first.alternatives[first.chosen].actions == ()
    assert again(state, [case], NOW + 60 * S) == []
    late = NOW + HOUR_US // 2
    assert again(state, [case], late) == [case]
    assert made(case, of, state=state, now=late) is None, "the same answer is no news"
    assert again(state, [case], late + 60 * S) == []
    assert again(state, [msgspec.structs.replace(case, status="contained")], NOW + HOUR_US) == []
    second = made(case, of, state=state, now=NOW + HOUR_US)
    assert second is not None
    assert second.alternatives[second.chosen].actions
    assert again(state, [case], NOW + 9 * HOUR_US) == []


def test_a_case_that_is_over_waits_for_nothing() -> None:
    state, case = DecideState(), incident(("asset:wks", 1.0))
    assert made(case, tabled([shield("asset:*")]), state=state) is not None
    assert made(msgspec.structs.replace(case, status="closed"), tabled(), state=state) is None
    assert state.held == {}


# ---- classes


def test_the_classes_are_those_that_the_actions_declare() -> None:
    declared = {name: ActionClass(each.kind, each.controller_write, each.device_write) for name, each in ACTIONS.items()}
    assert {name: declared[name] for name in CLASSES} == CLASSES
    assert set(CLASSES) == set(TTL_H)


def test_what_changes_a_controller_writes_to_it() -> None:
    for name in ("roll_back_config", "freeze_process", "kill_process"):
        assert all(writes_controller(ACTIONS[name], kind) for kind in CONTROLLERS)
        assert not writes_controller(ACTIONS[name], "server")
    assert writes_controller(ACTIONS["lock_writes"], "gateway")
    assert not writes_controller(ACTIONS["isolate_asset"], "plc")


def test_policy_is_told_the_worst_of_an_action_without_a_class() -> None:
    known = place(network(), *ISOLATE)
    assert (known["controller_write"], known["irreversible"], known["reversible"]) == (False, False, True)
    assert place(network(), "fail_over", "asset:robot-a")["reversible"] is False
    strange = place(network(), "reflash", "asset:plc")
    assert (strange["controller_write"], strange["irreversible"], strange["reversible"]) == (True, True, False)


# ---- whatever comes

ROWS = st.sampled_from(  # where and action; none of them forbids everything
    [
        *[("asset:plc", "*"), ("asset:robot-*", "isolate_asset"), ("asset:*", "fail_over"), ("asset:wks", "isolate_asset")],
        *[("zone:cell", "*"), ("zone:o*", "isolate_zone"), ("zone:*", "cut_conduit"), ("conduit:c1", "*")],
        *[("identity:*", "disable_identity"), ("partner:acme", "*"), ("asset:hist", "*")],
    ]
)
TIME = st.integers(-2, 6).map(lambda hours: NOW + hours * HOUR_US)
SHIELDS = st.lists(st.builds(lambda row, until: shield(row[0], row[1], until), ROWS, st.just(0) | TIME), max_size=2)
ON = {"signal": "running", "test": "=", "value": 1.0}
LOCKS = st.lists(st.builds(lambda row, more: lock(row[0], row[1], **more), ROWS, st.sampled_from([{}, ON])), max_size=1)
RULES = st.sampled_from(["forbid", "forbid", "approval", "allow"])
WINDOWS = st.lists(
    st.builds(
        lambda row, rule, since, name: window(row[0], rule, row[1], since, since + 4 * HOUR_US, name),
        ROWS,
        RULES,
        TIME,
        st.sampled_from("mn"),
    ),
    max_size=2,
)
SUSPECTS = st.lists(
    st.sampled_from(["asset:plc", "asset:robot-a", "asset:robot-b", "asset:wks", "asset:hist", "identity:ann", "partner:acme", "zone:ops"]),
    min_size=1,
    max_size=3,
    unique=True,
)
KINDS = st.sampled_from(["suspects", "suspects", "yes", "yes", "tick", "read"])
EVENT = st.tuples(st.integers(1, 90), KINDS, SUSPECTS, st.integers(0, 9), st.sampled_from([0.0, 1.0]))
EVENTS = st.lists(EVENT, min_size=6, max_size=14)


@settings(max_examples=50, deadline=None)
@given(SHIELDS, LOCKS, WINDOWS, st.sampled_from(["execute_auto", "execute_unless_vetoed", "execute_approved"]), EVENTS)
def test_no_sequence_of_plans_ever_acts_where_a_table_forbids_it(
    shields: list[Protected], locks: list[Interlock], windows: list[Maintenance], mode: str, events: list[Any]
) -> None:
    """Whoever starts it (policy, the end of a veto, a person who says yes to anything), at the moment it is commanded no row forbids it."""
    of = tabled(shields, locks, windows)
    under = Rules(of, Table(LATE), always(mode), portfolios=None, observing=False)  # type: ignore[arg-type]  # nothing is detected here
    state, book, cases, now = DecideState(), Book(), dict[str, Incident](), NOW
    for minutes, what, suspects, choice, value in events:
        now += minutes * 60 * S
        before = [(each.action, each.target) for each in book.effects.values() if ledger.stands(each)]
        may = approval.asking(state, book, {}, cases, under, now)
        commands: list[Any] = []
        if what == "read":
            book.readings[RUNNING] = Reading(now, value)
        elif what == "suspects":
            case = incident(*((ref, 0.9) for ref in suspects), id=f"i-{choice % 3}")
            cases[case.id] = case
            plan = decide(state, case, of, under.closures, under.ask, ledger.situation(book, under, now), now)
            commands = ledger.enter(book, plan, now) if plan is not None else []
        elif what == "yes" and book.plans:
            wanted = list(book.plans.values())[-1]
            commands = list(approval.answered(state, book, approval.yes(wanted, choice % len(wanted.alternatives), "ann", now), may))
        else:
            commands = approval.due(state, book, now, may)
        for command in commands:
            if isinstance(command, Execute):
                done = [(action, target) for _, action, target, _ in command.effects]
                _none_forbids(of, done, before, book.readings, now)


def _none_forbids(of: Network, done: list[tuple[str, str]], before: list[tuple[str, str]], readings: Readings, now: int) -> None:
    """The tables read by hand: whose row names a deed, and does it hold?"""
    for act in done:
        named = {(action, ref) for action, ref in deeds(of, *act)} | {act}
        for row in of.protected:
            assert not _hits(row, named) or 0 < row.until <= now, (row, act)
        for one in of.maintenance.values():
            assert not (_hits(one, named) and one.rule == "forbid" and one.starts <= now < one.ends), (one, act)
        for held in of.interlocks.values():
            if _hits(held, named) and held.signal:
                reading = readings[RUNNING]
                assert now - reading.time <= 180 * S
                assert reading.value == 1.0
            elif _hits(held, named):
                others = [*before, *(each for each in done if each != act)]
                assert not {("isolate_asset", "asset:robot-b"), ("fail_over", "asset:robot-b"), ("isolate_zone", "zone:cell")} & set(others)


def _hits(row: Protected | Maintenance | Interlock, named: set[tuple[str, str]]) -> bool:
    kind, _, beginning = row.where.rstrip("*").partition(":")
    whole = not row.where.endswith("*")
    return any(
        row.action in ("*", action)
        and ref.startswith(f"{kind}:")
        and (ref == row.where if whole else ref.partition(":")[2].startswith(beginning))
        for action, ref in named
    )


def test_a_situation_without_readings_knows_none() -> None:
    assert Situation().readings == {}


@pytest.mark.parametrize("mode", ["execute_approved", "execute_unless_vetoed"])
def test_a_window_that_opens_before_a_plan_starts_holds_it_back(mode: str) -> None:
    of = tabled(maintenance=[window("asset:wks", starts=NOW + 60 * S)])
    under = Rules(of, Table(LATE), always(mode), portfolios=None, observing=False)  # type: ignore[arg-type]  # nothing is detected here
    state, book, case = DecideState(), Book(), incident(("asset:wks", 1.0))
    plan = decide(state, case, of, under.closures, under.ask, ledger.situation(book, under, NOW), NOW)
    assert plan is not None
    ledger.enter(book, plan, NOW)
    may = approval.asking(state, book, {}, {case.id: case}, under, NOW + 300 * S)
    line = "maintenance m: no isolate_asset of asset:wks while there is service until 2026-01-05T09:00Z"
    assert approval.refusal(book, approval.yes(plan, plan.chosen, "ann", NOW + 300 * S), may) == f"it is not done now: {line}"
    assert approval.due(state, book, NOW + 300 * S, may) == []
    assert book.lapsed == ({plan.id: line} if mode == "execute_unless_vetoed" else {})
    if mode == "execute_unless_vetoed":  # it is decided again when the window may be over, and then waits for a veto again
        assert again(state, [case], NOW + 600 * S) == []
        over = NOW + 2 * HOUR_US
        assert again(state, [case], over) == [case]
        later = decide(state, case, of, under.closures, under.ask, ledger.situation(book, under, over), over)
        assert later is not None
        assert later.alternatives[later.chosen].actions == plan.alternatives[plan.chosen].actions
