"""The alarm budget: kept whatever calibration says, open to strong evidence, refilled by time, and patient with what it holds."""

import math

import msgspec
import numpy as np
import pytest

from interferon.detect import budget
from interferon.model.records import Finding

DAY = 86_400_000_000
START = 1_000 * DAY
P_ON = 3e-5


def finding(entity: int, p: float, signal: str = "flow", kind: str = "pattern") -> Finding:
    return Finding(
        id=f"f-{entity}",
        time=START,
        entity=f"asset:m-{entity}",
        detector="telemetry",
        family="telemetry",
        kind=f"telemetry.{kind}",
        p=p,
        score=-math.log(p),
        why=((signal, 1.0),),
        summary="strange",
        techniques=(),
    )


def admit(
    state: budget.BudgetState, now: int, alarms: dict[int, float], quiet: float = 0.5, signal: str = "flow", kind: str = "pattern"
) -> list[Finding]:
    judged = np.arange(60), np.array([alarms.get(entity, quiet) for entity in range(60)])
    rising = {entity: finding(entity, p, signal, kind) for entity, p in alarms.items()}
    return budget.admit(state, rising, judged, lambda entity: "plc", now)


def test_an_unspent_budget_lets_alarms_through() -> None:
    state = budget.new_state(1.0, P_ON)
    assert [one.entity for one in admit(state, START, {3: 1e-5})] == ["asset:m-3"]


@pytest.mark.parametrize("kinds", [1, 12, 100])
@pytest.mark.parametrize("p", [2e-5, 1e-9, 5e-18])
def test_no_class_tells_more_than_its_budget(p: float, kinds: int) -> None:
    state, told = budget.new_state(1.0, P_ON), 0
    for hour in range(24 * 30):
        alarms = {entity: p for entity in range(hour % 7, 60, 7)}
        told += len(admit(state, START + hour * DAY // 24, alarms, signal=f"s{hour}", kind=f"k{hour % kinds}"))
    assert told <= 60 + (budget.STRONGEST + math.log(4 * P_ON)) / budget.COST + 1


def test_strong_evidence_is_told_though_the_budget_is_spent() -> None:
    state = budget.new_state(1.0, P_ON)
    admit(state, START, {entity: 2e-5 for entity in range(1, 9)})
    assert admit(state, START + 1, {20: 2e-5}) == []
    assert [one.entity for one in admit(state, START + 2, {21: 1e-12})] == ["asset:m-21"]


def test_a_detector_that_is_wrong_about_a_class_does_not_spend_what_is_the_others() -> None:
    state = budget.new_state(1.0, P_ON)
    loud = sum(len(admit(state, START + n, {n: 1e-6}, kind="level_3")) for n in range(20))
    assert loud == 3
    assert admit(state, START + 30, {30: 1e-6}, kind="level_3") == []
    assert [one.entity for one in admit(state, START + 31, {31: 2e-5}, kind="dwell")] == ["asset:m-31"]


def test_a_held_alarm_is_told_when_time_has_passed_and_forgotten_when_it_is_over() -> None:
    state = budget.new_state(1.0, P_ON)
    first = admit(state, START, {1: 1e-4, 2: 1e-4})
    assert [one.entity for one in first] == ["asset:m-1"]
    assert 2 in state.held
    lasting = budget.admit(state, {}, (np.arange(60), np.where(np.arange(60) == 2, 1e-4, 0.5)), lambda _: "plc", START + DAY)
    assert [(one.entity, one.time) for one in lasting] == [("asset:m-2", START + DAY)]
    admit(state, START + DAY + 1, {4: 1e-4, 5: 1e-4})
    admit(state, START + DAY + 2, {}, quiet=0.9)
    assert state.held == {}


def test_one_class_does_not_spend_what_is_another_s() -> None:
    state = budget.new_state(1.0, P_ON)
    kinds = ["plc", "robot"]
    judged = np.arange(2), np.full(2, 2e-5)
    alarms = {0: finding(0, 2e-5), 1: finding(1, 2e-5)}
    assert len(budget.admit(state, alarms, judged, kinds.__getitem__, START)) == 2


def test_what_flickers_is_told_once_and_again_after_a_week() -> None:
    state = budget.new_state(1.0, P_ON)
    told = [len(admit(state, START + hour * DAY // 24, {7: 1e-15} if hour % 9 == 0 else {})) for hour in range(24 * 20)]
    assert sum(told) == 1
    assert len(admit(state, START + 40 * DAY, {7: 1e-15})) == 1


def test_one_machine_does_not_spend_the_class_s_budget() -> None:
    state = budget.new_state(1.0, P_ON)
    own = sum(len(admit(state, START + n, {7: 1e-9}, signal=f"s{n}")) for n in range(20))
    assert own == 2
    assert [one.entity for one in admit(state, START + 30, {8: 1e-9})] == ["asset:m-8"]


def test_what_a_work_order_explains_is_told_and_costs_nothing() -> None:
    state = budget.new_state(1.0, P_ON)
    explained = {entity: msgspec.structs.replace(finding(entity, 2e-5), declared="W1") for entity in range(30)}
    judged = np.arange(60), np.full(60, 2e-5)
    assert len(budget.admit(state, explained, judged, lambda _: "plc", START)) == 30
    assert budget.admit(state, explained, judged, lambda _: "plc", START + 1) == []
    assert (len(state.spent), len(state.asked), len(state.own), len(state.held)) == (0, 0, 0, 0)
    assert [one.entity for one in admit(state, START + 2, {3: 2e-5})] == ["asset:m-3"]


def test_an_alarm_that_was_held_back_hides_none_that_comes_after_it() -> None:
    state = budget.new_state(1.0, P_ON)
    admit(state, START, {entity: 1e-9 for entity in range(1, 12)})
    assert admit(state, START + 1, {20: 1e-5}) == []
    admit(state, START + 2, {})
    assert [one.entity for one in admit(state, START + DAY, {20: 1e-12})] == ["asset:m-20"]
