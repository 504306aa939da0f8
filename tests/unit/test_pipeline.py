"""The main path as one function: what an attack leads to, in which order, and what people, executors and time change about it."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.actions import ACTIONS
from interferon.bench.respond_journal import Memory
from interferon.decide.approval import yes
from interferon.detect.settings import LIVE
from interferon.detect.watch import Portfolios
from interferon.detectors import activity_changes, activity_execution, activity_logs
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.flow.closure import closure_table
from interferon.flow.problem import opening
from interferon.model.events import ACTIVITY, Control, Receipted, Rerouted, Tick, Verdict
from interferon.model.records import DeadLetter, Execute, Finding, Incident, Plan, Solve, Undo
from interferon.pipeline import Output, Rules, State, finish, new_state, step
from interferon.runtime.effects import Effects
from interferon.runtime.loop import Hooks, Loop
from interferon.store.examples import START
from interferon.store.examples import build as example
from interferon.store.journal import Journal
from interferon.trust.policy import Decision, builtin_policy

S = 1_000_000
MINUTE = 60 * S


@pytest.fixture(scope="module")
def rules() -> Rules:
    network = example("minimal")
    table = closure_table(network, opening(network, START))
    watching = Portfolios(TELEMETRY, [activity_changes, activity_execution, activity_logs])
    return Rules(network=network, closures=table, ask=builtin_policy("demo", "people").ask, portfolios=watching, observing=False)


@pytest.fixture
def state(rules: Rules) -> State:
    return fresh(rules)


def fresh(rules: Rules, shards: int = 1) -> State:
    return new_state(rules, LIVE, shards=shards)


def attack(asset: str = "srv-1", at: int = START, first: int = 0) -> pa.RecordBatch:
    """Backups deleted, files encrypted, the log cleared."""
    rows: list[dict[str, object]] = [
        {"kind": "process.start", "object": "vssadmin.exe", "attributes": '{"command_line": "vssadmin delete shadows /all"}'},
        {"kind": "file.access", "object": "share", "code": "rename", "attributes": '{"files": 4000, "entropy": 7.9}'},
        {"kind": "log.status", "object": "security", "code": "cleared"},
    ]
    head = {"feed": "edr", "entity": f"asset:{asset}", "trust": 1.0}
    cells = [{"time": at + place * S, "seen": at, "offset": first + place, **head, **row} for place, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(cells, schema=ACTIVITY)


def kinds(outputs: list[Output]) -> list[type]:
    return [type(output) for output in outputs]


def only(outputs: list[Output], kind: type) -> list[Output]:
    return [output for output in outputs if isinstance(output, kind)]


def contained(state: State, rules: Rules) -> tuple[Plan, list[Receipted]]:
    """Runs the attack up to the receipts of what it led to."""
    step(state, rules, attack())
    outputs = step(state, rules, Tick(time=START + 2 * MINUTE))
    (plan,) = [output for output in outputs if isinstance(output, Plan)]
    (command,) = [output for output in outputs if isinstance(output, Execute)]
    receipts = [
        Receipted(START + 2 * MINUTE, name, plan.id, plan.incident, action, target, "verified")
        for name, action, target, _ in command.effects
    ]
    return plan, receipts


def test_nothing_is_judged_before_its_frame_is_over(rules: Rules, state: State) -> None:
    assert step(state, rules, attack()) == []
    assert step(state, rules, Tick(time=START + MINUTE)) == []  # rows may still come late
    assert only(step(state, rules, Tick(time=START + MINUTE + 5 * S)), Finding)


def test_an_attack_becomes_findings_one_incident_a_plan_and_its_commands_in_this_order(rules: Rules, state: State) -> None:
    step(state, rules, attack())
    outputs = finish(state, rules)
    assert kinds(outputs) == [Finding, Finding, Finding, Incident, Plan, Execute, Solve]
    findings, incident, plan = outputs[:3], outputs[3], outputs[4]
    assert isinstance(incident, Incident)
    assert isinstance(plan, Plan)
    assert set(incident.findings) == {output.id for output in findings if isinstance(output, Finding)}
    assert (plan.incident, plan.mode, plan.would) == (incident.id, "execute_auto", False)
    assert any("asset:srv-1" in target or "plant-1-ops" in target for _, target in plan.alternatives[plan.chosen].actions)


def test_an_observing_installation_commands_nothing(rules: Rules, state: State) -> None:
    step(state, rules, attack())
    outputs = finish(state, replace(rules, observing=True))
    assert kinds(outputs) == [Finding, Finding, Finding, Incident, Plan]
    plan = outputs[-1]
    assert isinstance(plan, Plan)
    assert (plan.mode, plan.would) == ("suggest", True)
    assert plan.alternatives[plan.chosen].actions


def test_receipts_make_the_incident_contained(rules: Rules, state: State) -> None:
    _, receipts = contained(state, rules)
    incidents = [output for receipt in receipts for output in step(state, rules, receipt) if isinstance(output, Incident)]
    assert [incident.status for incident in incidents] == ["contained"] * len(receipts)


def test_a_benign_verdict_takes_the_containment_back(rules: Rules, state: State) -> None:
    plan, receipts = contained(state, rules)
    for receipt in receipts:
        step(state, rules, receipt)
    outputs = step(state, rules, Verdict(time=START + 3 * MINUTE, incident=plan.incident, person="ann", verdict="benign"))
    undone = [output for output in outputs if isinstance(output, Undo)]
    assert sorted(name for undo in undone for name in undo.effects) == sorted(receipt.effect for receipt in receipts)
    assert not only(outputs, Solve)  # first the thing, then the goods' way
    told = [step(state, rules, msgspec.structs.replace(receipt, time=START + 4 * MINUTE, status="undone")) for receipt in receipts]
    assert only([output for outputs in told for output in outputs], Solve)


def test_a_plan_that_needs_a_person_waits_for_one(rules: Rules) -> None:
    careful = replace(rules, ask=lambda *question: Decision("execute_approved", ("people first",)))
    state = fresh(careful)
    step(state, careful, attack())
    outputs = finish(state, careful)
    assert kinds(outputs)[-1] is Plan
    plan = outputs[-1]
    assert isinstance(plan, Plan)
    assert plan.mode == "execute_approved"
    word = yes(plan, plan.chosen, "ann", START + 9 * MINUTE)
    (command, _) = step(state, careful, word)
    assert isinstance(command, Execute)
    assert tuple((action, target) for _, action, target, _ in command.effects) == plan.alternatives[plan.chosen].actions
    assert step(state, careful, word) == []  # said twice, done once


def test_a_solver_answer_only_adds_to_its_plan(rules: Rules) -> None:
    told, silent = fresh(rules), fresh(rules)
    for state in (told, silent):
        contained(state, rules)
    assert step(told, rules, Rerouted(time=START + 2 * MINUTE, plan="p", route={"a": 1})) == []
    assert told.routes == {"p": {"a": 1}}
    later = attack("erp-1", START + 60 * MINUTE, first=10)
    found = [step(state, rules, later) + finish(state, rules) for state in (told, silent)]
    assert found[0] == found[1]
    assert only(found[0], Plan)


def test_no_containment_and_no_receipt_waits_for_a_solver(rules: Rules, state: State, tmp_path: Path) -> None:
    told: list[str] = []

    def solver(command: Solve) -> Rerouted:
        told.append("solver")
        return Rerouted(time=command.time, plan=command.plan, route={})

    def heard(control: Control) -> None:
        if isinstance(control, Receipted | Rerouted):
            told.append(control.status if isinstance(control, Receipted) else "route")

    with Journal(tmp_path / "j.sqlite") as journal, Effects(journal, Memory(), ACTIONS, rules.network, lambda: START) as effects:
        loop = Loop(state, rules, effects=effects, actions=ACTIONS, solver=solver, hooks=Hooks(heard=heard, record=journal.record))
        loop.feed(attack("wks-1"))
        loop.feed(attack("hist-1", first=3))  # no neighbours: two cases
        loop.finish()
    plans = told.count("solver")
    assert plans >= 2
    assert told[-2 * plans :] == ["solver", "route"] * plans
    assert set(told[: -2 * plans]) == {"verified"}


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("asset:plc-1", ""),
        ("asset:ghost", "unknown entity asset:ghost: not in assets.csv"),
        ("lane:ghost", "unknown entity lane:ghost: not in lanes.csv"),
        ("identity:anyone", ""),
        ("plc-1", "entity 'plc-1' is no reference; write kind:id, as in asset:plc-1"),
        ("asset:", "unknown entity asset:: not in assets.csv"),
    ],
)
def test_who_may_speak(rules: Rules, ref: str, reason: str) -> None:
    assert rules.known(ref) == reason


def test_an_unknown_entity_is_a_dead_letter_and_no_finding(rules: Rules, state: State) -> None:
    outputs = step(state, rules, attack("ghost")) + finish(state, rules)
    assert kinds(outputs) == [DeadLetter] * 3


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(1, 8)), st.sampled_from([1, 2, 3]))
def test_batch_borders_and_shards_change_nothing(rules: Rules, borders: set[int], shards: int) -> None:
    parts = [attack("srv-1"), attack("erp-1", START + 10 * S, 3), attack("mes-1", START + 3 * MINUTE, 6)]
    whole = pa.Table.from_batches(parts).unify_dictionaries().combine_chunks().to_batches()[0]
    one = fresh(rules)
    expected = step(one, rules, whole) + finish(one, rules)
    many = fresh(rules, shards)
    cuts = [0, *sorted(borders), whole.num_rows]
    found: list[Output] = []
    for first, last in pairwise(cuts):
        found += step(many, rules, whole.slice(first, last - first))
    assert found + finish(many, rules) == expected
    assert only(expected, Plan)
