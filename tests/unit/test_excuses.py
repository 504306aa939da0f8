"""An alarm that a work order explained begins anew once the work is over and it still lasts."""

import numpy as np

from interferon.detect import excuses
from interferon.detect.excuses import Excuse
from interferon.detect.stream_declared import GRACE, WorkOrder
from interferon.model.records import Finding

HOUR = 3_600_000_000
KIND = "telemetry.pattern"
ENTITIES = np.array([2, 5, 7])


def finding(declared: str) -> Finding:
    return Finding(
        id="f",
        time=1,
        entity="asset:m",
        detector="telemetry",
        family="telemetry",
        kind=KIND,
        p=1e-6,
        score=13.8,
        why=(("s", 1.0),),
        summary="m",
        declared=declared,
    )


def order(work: str = "maintenance") -> dict[str, WorkOrder]:
    return {"w-1": WorkOrder("w-1", work, 0, 4 * HOUR)}


def over(
    held: dict[int, Excuse], time: int, *, alarming: bool = True, work: str = "maintenance", settling: frozenset[int] = frozenset()
) -> list[bool]:
    found = excuses.over(held, ENTITIES, np.array([True, alarming, True]), {entity: order(work) for entity in held}, set(settling), time)
    return [bool(each) for each in found]


def test_only_what_a_work_order_explains_is_remembered() -> None:
    held: dict[int, Excuse] = {}
    excuses.take(held, 5, finding("w-1"))
    assert held == {5: Excuse(KIND, "w-1")}
    excuses.take(held, 5, finding(""))
    excuses.take(held, 7, finding(""))
    assert held == {}


def test_an_alarm_begins_anew_once_when_the_work_is_over() -> None:
    held = {5: Excuse(KIND, "w-1"), 9: Excuse(KIND, "w-1")}
    assert over(held, 4 * HOUR + GRACE) == [False, False, False]
    assert over(held, 4 * HOUR + GRACE + 1) == [False, True, False]
    assert held == {9: Excuse(KIND, "w-1")}, "a machine that is not in the frame is looked at when it is"
    assert over(held, 5 * HOUR) == [False, False, False]


def test_one_that_ended_with_the_work_does_not() -> None:
    held = {5: Excuse(KIND, "w-1")}
    assert over(held, 2 * HOUR, alarming=False) == [False, False, False]
    assert held == {}


def test_work_that_changes_a_machine_for_good_waits_for_its_next_baseline() -> None:
    for work, waits in (("firmware 2.1", True), ("sensor swap", True), ("maintenance", False)):
        held = {5: Excuse(KIND, "w-1")}
        assert over(held, 6 * HOUR, work=work, settling=frozenset({5})) == [False, not waits, False]
        assert over(held, 7 * HOUR, work=work) == [False, waits, False]


def test_an_order_that_is_forgotten_explains_nothing_any_more() -> None:
    held = {5: Excuse(KIND, "w-1")}
    assert excuses.over(held, ENTITIES, np.ones(3, dtype=np.bool_), {}, set(), HOUR).tolist() == [False, True, False]
