"""The narrow answers beside isolating a machine: a broker's client is disabled, a process is frozen, and ended once it stands still."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.decide import DecideState, decide
from interferon.decide import book as ledger
from interferon.decide.autonomy import situation
from interferon.decide.book import Book
from interferon.decide.options import Act, Option, options, takes_safety
from interferon.decide.permit import permit, target_type
from interferon.decide.plan import ground
from interferon.decide.price import Priced, Pricing
from interferon.decide.recovery import ready
from interferon.decide.release import ReleaseSettings
from interferon.decide.restrictions import deeds, refusals
from interferon.decide.settings import HOUR_US, DecideSettings
from interferon.decide.situation import Situation
from interferon.model.events import Receipted
from interferon.model.network import Client, Interlock, Network, Process
from interferon.model.records import Execute, Incident, Plan, Undo
from interferon.pipeline import Rules

from .attacked import always
from .test_decide import ACTIVE, DEMO, LATE, NOW, Table, actions, incident, network

SHA = "ab" * 32
FREEZE, KILL, DISABLE = ("freeze_process", "process:agentd"), ("kill_process", "process:agentd"), ("disable_client", "identity:tablet")
HELD = (("asset:wms", 0.9), ("process:agentd", 0.9))


def clients(*rows: Client) -> dict[str, Client]:
    return {row.id: row for row in rows}


def program(name: str, asset: str, needed: str = "no") -> Process:
    return Process(id=name, asset=asset, executable=f"/opt/{name}", sha256=SHA, needed=needed)


def tabled(*processes: Process, **more: Any) -> Network:
    """The small network, whose warehouse tablets and controller speak over a broker, and whose machines run a few programs."""
    rows = clients(
        Client(id="tablet", client_id="t-1", broker="wms", asset="scan", needed="no"),
        Client(id="line", client_id="l-1", broker="mes", asset="plc"),
        Client(id="guard", client_id="g-1", broker="mes", asset="sis"),
    )
    programs = processes or (program("agentd", "wms"), program("server", "wms", "yes"), program("runtime", "plc"), program("trip", "sis"))
    return replace(network(), clients=rows, processes={each.id: each for each in programs}, **more)


def planned(case: Incident, of: Network | None = None, standing: Situation = ACTIVE, state: DecideState | None = None) -> Plan:
    plan = decide(state or DecideState(), case, of or tabled(), Table(LATE), DEMO.ask, standing, NOW)
    assert plan is not None
    return plan


def labels(plan: Plan) -> set[str]:
    return {each.label for each in plan.alternatives}


def pricing(case: Incident, of: Network | None = None, standing: Situation = ACTIVE) -> Pricing:
    of = of or tabled()
    table, own = Table(LATE), DecideSettings()
    return Pricing(case, of, ground(DecideState(), of, table), table, standing, own, {})


def priced(act: Act, case: Incident, of: Network | None = None) -> Priced:
    return pricing(case, of).price(Option(act[0], (act,)))


# ---- a broker's client


def test_a_client_of_the_tables_may_be_disabled_alone() -> None:
    plan = planned(incident(("identity:tablet", 0.9), zones=("dc",)))
    assert actions(plan) == (DISABLE,)
    assert {"disable_identity", "disable_client"} <= labels(plan)
    assert plan.ttl_s == 4 * 3600


@pytest.mark.parametrize("ref", ["identity:ann", "asset:scan", "identity:t-1"])
def test_whoever_is_no_client_of_the_tables_is_answered_as_before(ref: str) -> None:
    case = incident((ref, 0.9), zones=("dc",))
    assert planned(case) == planned(case, network())


def test_where_the_account_was_seen_elsewhere_disabling_the_client_is_not_enough() -> None:
    case = incident(("identity:tablet", 0.9), zones=("dc", "office"))
    assert priced(("disable_identity", "identity:tablet"), case).risk < 0.1 * priced(DISABLE, case).risk
    assert actions(planned(case)) == (("disable_identity", "identity:tablet"),)


def test_a_client_that_was_not_seen_acts_where_it_and_its_broker_stand() -> None:
    known, other = pricing(incident(("identity:line", 0.9))), pricing(incident(("identity:ann", 0.9)))
    assert {known.terrain.zones[zone] for zone in ("cell", "ops")} == set(known.places[0].zones)
    assert set(other.places[0].zones) == {other.terrain.zones["office"]}


def test_disabling_a_client_that_a_machine_needs_costs_what_the_machine_does() -> None:
    case = incident(("identity:line", 0.9), zones=("cell", "ops"))
    needed, isolated = priced(("disable_client", "identity:line"), case), priced(("isolate_asset", "asset:plc"), case)
    assert (needed.orders_late, needed.assets, isolated.assets) == (isolated.orders_late, 0, 1)
    free = replace(tabled(), clients=clients(Client(id="line", client_id="l-1", broker="mes", asset="plc", needed="no")))
    assert priced(("disable_client", "identity:line"), case, free).orders_late == 0
    assert priced(("disable_client", "identity:nobody"), case).cost == priced(DISABLE, case).cost


def test_a_client_that_is_commanded_by_its_machine_closes_the_machine_s_service() -> None:
    """A producer may name the asset; which client that is, the effector's file says."""
    case = incident(("asset:plc", 0.9))
    narrow = priced(("disable_client", "asset:plc"), case)
    assert narrow.orders_late == priced(("isolate_asset", "asset:plc"), case).orders_late
    assert narrow.risk == pricing(case).price(Option("", ())).risk


# ---- a process


def test_a_process_that_the_evidence_names_is_frozen_instead_of_isolating_its_machine() -> None:
    plan = planned(incident(*HELD))
    assert actions(plan) == (FREEZE,)
    chosen = plan.alternatives[plan.chosen]
    assert (chosen.orders_late, chosen.mode, plan.ttl_s) == (0, "execute_auto", 2 * 3600)
    assert {"isolate_asset", "isolate_zone", "freeze_process"} <= labels(plan)


def test_a_process_that_the_service_needs_costs_the_service_and_not_the_machine() -> None:
    case = incident(("asset:wms", 0.9), ("process:server", 0.9))
    frozen, isolated = (priced(act, case) for act in (("freeze_process", "process:server"), ("isolate_asset", "asset:wms")))
    assert (frozen.orders_late, frozen.assets, isolated.assets) == (isolated.orders_late, 0, 1)
    assert frozen.cost < isolated.cost
    assert frozen.risk == pytest.approx(isolated.risk)


@pytest.mark.parametrize(("share", "left"), [(0.9, 0.02), (0.45, 0.6), (0.0, 1.01)])
def test_freezing_takes_away_only_what_the_suspicion_rests_on(share: float, left: float) -> None:
    case = incident(("asset:wms", 0.9), ("process:agentd", share))
    assert priced(FREEZE, case).risk <= left * pricing(case).price(Option("", ())).risk


def test_a_machine_that_is_suspected_for_more_than_its_process_is_isolated() -> None:
    assert actions(planned(incident(("asset:wks", 0.9), ("process:tool", 0.4)), tabled(program("tool", "wks")))) == (
        ("isolate_asset", "asset:wks"),
    )


def test_a_process_is_no_position_of_its_own_and_one_of_no_table_no_target() -> None:
    case = incident(*HELD)
    assert [place.ref for place in pricing(case).places] == ["asset:wms"]
    strange = incident(("asset:wms", 0.9), ("process:unknown", 0.9))
    assert options(strange, tabled(), DecideSettings(), ()) == options(incident(("asset:wms", 0.9)), tabled(), DecideSettings(), ())


def test_the_program_of_a_controller_is_stopped_only_after_approval() -> None:
    plan = planned(incident(("asset:plc", 0.9), ("process:runtime", 0.9)))
    (frozen,) = [each for each in plan.alternatives if each.label == "freeze_process"]
    assert (frozen.mode, "limit.controller" in frozen.reasons) == ("execute_approved", True)
    assert target_type(tabled(), "process:runtime") == "plc"


@pytest.mark.parametrize("act", [("freeze_process", "process:trip"), ("disable_client", "identity:guard")])
def test_what_runs_a_safety_system_is_never_a_target(act: Act) -> None:
    assert takes_safety(tabled(), *act)
    assert not takes_safety(tabled(), "disable_identity", act[1].replace("process:trip", "identity:guard"))
    case = incident((act[1], 0.9), ("asset:wks", 0.9))
    assert all(act not in each.actions for each in planned(case).alternatives)
    one = Priced(Option(act[0], (act,)), 0, 0, 0, 1, 0, 0, 0, 0, 0)
    assert permit(one, case, tabled(), ACTIVE, DEMO.ask, NOW).mode == "denied"


# ---- freeze before kill


def stood(book: Book, status: str, act: Act = FREEZE, at: int = NOW) -> list[Any]:
    return ledger.received(book, Receipted(at, f"i-1.1/{act[0]}", "i-1.1", "i-1", *act, status))


def under(of: Network) -> Rules:
    return Rules(of, Table(LATE), always("execute_auto"), portfolios=None, observing=False)  # type: ignore[arg-type]  # nothing is detected


@pytest.mark.parametrize(
    ("status", "verdict", "is_offered"),
    [
        ("verified", "attack", True),
        ("due", "attack", True),
        ("asked", "attack", False),
        ("verified", "", False),
        ("verified", "benign", False),
        ("undoing", "attack", False),
        ("escalated", "attack", False),
    ],
)
def test_a_process_is_ended_once_it_was_seen_to_stand_still_and_a_person_confirmed_the_case(
    status: str, verdict: str, is_offered: bool
) -> None:
    book = Book()
    stood(book, status)
    case = incident(*HELD)
    standing = situation(book, {"i-1": verdict}, under(tabled()), NOW)
    found = options(case, tabled(), DecideSettings(), standing.in_force, standing.frozen if case.id in standing.confirmed else ())
    assert any(KILL in each.actions for each in found) == is_offered
    assert not any(FREEZE in each.actions for each in found)


def test_ending_it_is_a_person_s_to_approve_and_leaves_nothing_that_could_run_on() -> None:
    book = Book()
    stood(book, "verified")
    standing = msgspec.structs.replace(ACTIVE, frozen=frozenset({FREEZE[1]}), confirmed=frozenset({"i-1"}), in_force=(FREEZE,))
    plan = planned(incident(*HELD), standing=standing)
    (ended,) = [each for each in plan.alternatives if each.label == "kill_process"]
    assert (ended.actions, ended.mode, "limit.irreversible" in ended.reasons) == ((KILL,), "execute_approved", True)
    assert ended.risk < plan.alternatives[0].risk


def test_a_person_is_offered_to_end_it_once_whatever_would_be_best() -> None:
    state, case = DecideState(), incident(*HELD)
    planned(case, state=state)
    frozen = msgspec.structs.replace(ACTIVE, frozen=frozenset({FREEZE[1]}), in_force=(FREEZE,))
    assert decide(state, case, tabled(), Table(LATE), DEMO.ask, frozen, NOW + 1) is None
    confirmed = msgspec.structs.replace(frozen, confirmed=frozenset({"i-1"}))
    assert "kill_process" in labels(planned(case, standing=confirmed, state=state))
    assert decide(state, case, tabled(), Table(LATE), DEMO.ask, confirmed, NOW + 2) is None


def test_what_was_not_seen_to_stand_still_is_not_ended_on_anybody_s_word() -> None:
    one = pricing(incident(*HELD)).price(Option("kill_process", (KILL,)))
    answer = permit(one, incident(*HELD), tabled(), ACTIVE, always("execute_auto"), NOW)
    assert (answer.mode, answer.held) == ("denied", True)
    assert answer.reasons == ("process:agentd was not seen to stand still: a process is frozen and looked at before it is ended",)


def test_once_it_has_ended_what_froze_it_is_taken_back_and_the_end_itself_never() -> None:
    book, state, case = Book(), DecideState(), incident(*HELD, status="contained", updated=NOW - 24 * HOUR_US)
    stood(book, "verified", at=NOW - 24 * HOUR_US)
    (undo,) = stood(book, "verified", KILL)
    assert isinstance(undo, Undo)
    assert (undo.effects, undo.reason) == (("i-1.1/freeze_process",), "process:agentd has been ended")
    stood(book, "undone")
    assert stood(book, "verified", KILL) == []
    assert ready(state, book, {"i-1": case}, case, "benign", NOW + 24 * HOUR_US, ReleaseSettings()) == []


# ---- what the tables forbid


@pytest.mark.parametrize(
    ("act", "deed"),
    [
        (FREEZE, ("freeze_process", "asset:wms")),
        (FREEZE, ("freeze_process", "zone:dc")),
        (("disable_client", "identity:line"), ("disable_client", "asset:plc")),
        (("disable_client", "identity:line"), ("disable_client", "zone:cell")),
    ],
)
def test_a_narrow_deed_is_one_to_the_machine(act: Act, deed: Act) -> None:
    assert deed in deeds(tabled(), *act)
    assert act in deeds(tabled(), *act)


@pytest.mark.parametrize("act", [DISABLE, ("disable_client", "identity:nobody"), ("freeze_process", "process:unknown")])
def test_what_no_machine_needs_is_a_deed_to_itself_alone(act: Act) -> None:
    assert deeds(tabled(), *act) == (act,)


def test_a_machine_whose_process_stands_still_is_not_in_service() -> None:
    row = Interlock(id="il", where="asset:plc", action="isolate_asset", asset="wms", reason="the warehouse must run")
    of = tabled(interlocks={"il": row})
    assert refusals(of, ("isolate_asset", "asset:plc"), {}, (), NOW) == ()
    assert "shut off by freeze_process of process:agentd" in refusals(of, ("isolate_asset", "asset:plc"), {}, (FREEZE,), NOW)[0]


# ---- whatever comes

ACTS: list[Act] = [FREEZE, KILL, DISABLE, ("freeze_process", "process:server"), ("isolate_asset", "asset:wms"), ("disable_client", "x:y")]
SUSPECTS = st.lists(
    st.tuples(st.sampled_from(["asset:wms", "process:agentd", "process:server", "identity:tablet"]), st.floats(0.0, 1.0)),
    unique_by=lambda one: one[0],
)


@settings(deadline=None, max_examples=30)
@given(SUSPECTS, st.permutations(ACTS))
def test_doing_more_never_exposes_more(suspects: list[tuple[str, float]], acts: list[Act]) -> None:
    of = pricing(incident(*suspects, zones=("dc", "office")))
    risks = [of.price(Option("", tuple(acts[:n]))).risk for n in range(len(acts) + 1)]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(risks))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from(["asset:wms", "asset:plc", "identity:ann", "process:agentd", "zone:dc"]), min_size=1, unique=True))
def test_without_rows_in_the_tables_nothing_is_otherwise(refs: Iterable[str]) -> None:
    named = [(ref, 0.9) for ref in refs]
    kept = [one for one in named if not one[0].startswith("process:")]
    bare = decide(DecideState(), incident(*named), network(), Table(LATE), DEMO.ask, ACTIVE, NOW)
    assert bare == decide(DecideState(), incident(*kept), network(), Table(LATE), DEMO.ask, ACTIVE, NOW)


def test_a_frozen_process_that_a_service_needs_has_the_goods_led_round_its_machine() -> None:
    of, book = tabled(), Book()
    plan = planned(incident(("asset:wms", 0.9), ("process:server", 0.9)))
    (place,) = [n for n, each in enumerate(plan.alternatives) if each.label == "freeze_process"]
    execute, solve = ledger.carry_out(book, plan, place, "execute_approved", NOW)
    assert isinstance(execute, Execute)
    assert [each[1:3] for each in execute.effects] == [("freeze_process", "process:server")]
    assert not isinstance(solve, Execute | Undo)
    assert [of.served_by(ref) for ref in solve.closed] == ["asset:wms"]
