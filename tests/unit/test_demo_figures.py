"""The demo's figures from what an arm was told: found, contained, and which look-alikes were shut off."""

import pytest

from interferon.model.events import Receipted
from interferon.model.records import Execute, Finding, Incident
from interferon.runtime import demo
from interferon.runtime.arms import Told
from interferon.store.examples import START
from interferon.twin.campaign import AttackState, StepState
from interferon.twin.scenario import Scenario, parse

from .attacked import HOUR, MINUTE, ground

SCENARIO = """
name = "figures"
network = "minimal"
hours = 4
[[step]]
id = "a"
at_h = 1.0
kind = "attack"
action = "encrypt_hosts"
target = "asset:srv-1"
[[step]]
id = "b"
at_h = 1.0
until_h = 2.0
kind = "benign"
action = "pen_test"
target = "zone:plant-1-cell-1"
"""


@pytest.fixture(scope="module")
def script() -> Scenario:
    return parse(SCENARIO, "figures", ground()[0])


def attack(*succeeded: int) -> AttackState:
    """Steps on srv-1 that succeeded at these minutes; one more that never did."""
    times = [START + minute * MINUTE for minute in succeeded]
    steps = [StepState("s", "encrypt_hosts", "asset:srv-1", "attack", at, at, at) for at in times]
    steps.append(StepState("late", "spread", "asset:erp-1", "attack", START + HOUR))
    return AttackState(tuple(steps), min(times, default=0), max(times, default=0), False, ())


def incident(*entities: str, findings: tuple[str, ...] = ("f-1",)) -> Incident:
    head = {"id": "i-1", "revision": 1, "opened": START, "updated": START, "status": "open", "title": "t", "severity": 0.5, "p_attack": 0.9}
    empty: dict[str, tuple[str, ...]] = dict.fromkeys(("zones", "sites", "suspects", "path", "techniques", "families"), ())
    return Incident(**head, findings=findings, entities=entities, **empty)  # type: ignore[arg-type]


def finding(minute: int) -> Finding:
    at = START + minute * MINUTE
    head = {"detector": "d", "family": "activity", "kind": "k", "p": 0.01, "score": 1.0, "why": (), "summary": "s"}
    return Finding(id="f-1", time=at, entity="asset:srv-1", **head)  # type: ignore[arg-type]


def told(
    *verified: int, about: Incident | None = None, action: tuple[str, str] = ("isolate_asset", "asset:srv-1"), at_h: float = 1.5
) -> Told:
    """Actions verified at these minutes; one command at `at_h` where an incident is told."""
    found = Told()
    for minute in verified:
        found.hear(Receipted(START + minute * MINUTE, "e", "p", "i-1", *action, "verified"))
    if about is not None:
        found.take(about)
        found.take(Execute(START + int(at_h * HOUR), "p", about.id, (("e", *action, {}),), 60, "execute_auto"))
    return found


@pytest.mark.parametrize(
    ("succeeded", "verified", "contained", "after_s"),
    [
        ((), (), True, None),
        ((10,), (), False, None),
        ((10,), (25,), True, 900.0),
        ((10, 40), (25,), False, None),
        ((10, 40), (25, 50), True, 2400.0),
        ((10,), (25, 50), True, 900.0),
        ((), (25,), True, None),
    ],
)
def test_contained_is_when_no_step_succeeds_after_the_last_verified_action(
    succeeded: tuple[int, ...], verified: tuple[int, ...], contained: bool, after_s: float | None
) -> None:
    state, arm = attack(*succeeded), told(*verified)
    assert demo._contained(state, arm) is contained
    assert demo._contained_after(state, arm) == after_s


@pytest.mark.parametrize(
    ("succeeded", "entity", "minute", "after_s"),
    [
        ((), "asset:srv-1", 12, None),  # nothing to be found
        ((10,), "asset:srv-1", 12, 120.0),
        ((10,), "asset:srv-1", 9, None),  # before the attack began
        ((10,), "asset:plc-2", 12, None),  # about something else
    ],
)
def test_detected_is_the_first_finding_of_an_incident_about_the_attack(
    succeeded: tuple[int, ...], entity: str, minute: int, after_s: float | None
) -> None:
    arm = Told()
    arm.take(finding(minute))
    arm.take(incident(entity))
    assert demo._detected(attack(*succeeded), arm, ground()[0]) == after_s


@pytest.mark.parametrize(
    ("entities", "action", "at_h", "counted"),
    [
        (("asset:srv-1",), ("isolate_asset", "asset:srv-1"), 1.5, False),  # the attack itself
        (("asset:srv-1",), ("isolate_zone", "zone:plant-1-cell-1"), 1.5, True),  # covers the look-alike
        (("asset:plc-1",), ("disable_identity", "identity:x"), 1.5, True),  # about something in it
        (("asset:plc-1", "asset:srv-1"), ("disable_identity", "identity:x"), 1.5, False),  # about the attack too
        (("asset:plc-1",), ("disable_identity", "identity:x"), 3.9, True),  # it still counts for two hours after
        (("asset:plc-1",), ("disable_identity", "identity:x"), 0.9, False),  # before it began
    ],
)
def test_a_look_alike_counts_as_isolated_by_what_was_shut_off_and_by_what_the_case_was_about(
    script: Scenario, entities: tuple[str, ...], action: tuple[str, str], at_h: float, counted: bool
) -> None:
    arm = told(about=incident(*entities), action=action, at_h=at_h)
    assert [step.id for step in demo.isolated(ground()[0], script, START, arm)] == (["b"] if counted else [])


def test_where_nothing_was_done_no_look_alike_was_isolated(script: Scenario) -> None:
    assert demo.isolated(ground()[0], script, START, Told()) == []


@pytest.mark.parametrize(
    ("action", "target", "ref", "shut"),
    [
        ("isolate_asset", "asset:plc-1", "asset:plc-1", True),
        ("isolate_zone", "zone:plant-1-cell-1", "asset:plc-1", True),
        ("isolate_zone", "zone:plant-1-ops", "asset:plc-1", False),
        ("isolate_asset", "asset:plc-1", "zone:plant-1-cell-1", True),
        ("hold_transaction", "asset:plc-1", "zone:plant-1-cell-1", False),
        ("isolate_asset", "asset:plc-1", "asset:plc-2", False),
    ],
)
def test_what_an_action_shuts_off(action: str, target: str, ref: str, shut: bool) -> None:
    assert demo.covers(ground()[0], action, target, ref) is shut
