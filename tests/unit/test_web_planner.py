"""What-ifs are computed one at a time, kept, bounded, and all begin from one snapshot for a while."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from interferon.flow import plan
from interferon.flow.plan import Plan
from interferon.model.errors import InputError
from interferon.web import planner
from interferon.web.planner import FRESH_S, KEPT, SEEN_S, Planner, Sheet
from tests.browser.planned import Planned

ZONE, NODE = ("zone:plant-1-ops",), ("node:plant-1",)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    return Planned(tmp_path_factory.mktemp("planned"))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(source: Planned, clock: Clock) -> Planner:
    return Planner(source, clock)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Plans wait until it is set."""
    free, real = threading.Event(), plan.plan

    def slow(*given: Any) -> Plan:
        free.wait(30)
        return real(*given)

    monkeypatch.setattr(planner, "plan", slow)
    yield free
    free.set()


def asked(source: Planned, desk: Planner, closed: tuple[str, ...], until_h: float | None = None, suspect: bool = False) -> Sheet:
    return Sheet(source.network, desk.snapshot(), closed, until_h, {"plant-1-ops": 0.5} if suspect else {})


def test_a_question_is_computed_once(source: Planned, desk: Planner) -> None:
    first = desk.sheet(asked(source, desk, ZONE, suspect=True), 30)
    assert first is not None
    assert first.done.wait(30)
    assert first.plan is not None
    assert first.curve is not None
    assert first.curve.points[-1].decision.isolated == {"plant-1-ops"}
    assert desk.sheet(asked(source, desk, ZONE), 0) is first
    other = desk.sheet(asked(source, desk, ZONE, 24.0), 30)
    assert other is not first


def test_another_question_is_turned_away_while_one_is_computed(source: Planned, desk: Planner, held: threading.Event) -> None:
    first = desk.sheet(asked(source, desk, ZONE), 0)
    assert first is not None
    assert first.plan is None
    assert desk.sheet(asked(source, desk, NODE), 0) is None
    assert desk.sheet(asked(source, desk, ZONE), 0) is first  # who asks the same waits for the same
    held.set()
    assert first.done.wait(30)
    assert eventually(lambda: desk.sheet(asked(source, desk, NODE), 0) is not None)


def test_a_trade_off_ends_for_the_next_question(source: Planned, desk: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def endless(network: object, problem: object, threat: object, go_on: Callable[[object], bool], gap: float) -> None:
        begun.set()
        while go_on(None):
            threading.Event().wait(0.01)

    monkeypatch.setattr(planner, "tradeoff", endless)
    first = desk.sheet(asked(source, desk, ZONE, suspect=True), 30)
    assert begun.wait(30)
    assert first is not None
    assert not first.done.is_set()
    assert desk.sheet(asked(source, desk, NODE), 30) is not None
    assert first.done.is_set()


def test_what_is_stopped_ends_and_begins_nothing(source: Planned, desk: Planner) -> None:
    desk.stop()
    assert desk.sheet(asked(source, desk, ZONE), 0) is None


def begun(desk: Planner, wanted: Sheet) -> bool:
    return desk.sheet(wanted, 30) is not None


def eventually(holds: Callable[[], bool]) -> bool:
    return any(holds() or threading.Event().wait(0.05) for _ in range(200))


def test_what_cannot_be_planned_is_told_and_the_next_is_taken(source: Planned, desk: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> Plan:
        raise InputError("nothing can be planned")

    with monkeypatch.context() as patched:
        patched.setattr(planner, "plan", refuse)
        found = desk.sheet(asked(source, desk, ZONE), 30)
        assert found is not None
        assert found.done.wait(30)
        assert (found.plan, found.refusal) == (None, "nothing can be planned")
        assert desk.snapshot() is not found.snapshot
    assert eventually(lambda: desk.sheet(asked(source, desk, NODE), 0) is not None)


def test_a_failure_leaves_nobody_waiting(source: Planned, desk: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any) -> Plan:
        raise RuntimeError("a defect")

    monkeypatch.setattr(planner, "plan", fail)
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    found = desk.sheet(asked(source, desk, ZONE), 30)
    assert found is not None
    assert found.done.wait(30)
    assert found.refusal == "the computation failed"
    assert eventually(lambda: not any(thread.name == "what-if" for thread in threading.enumerate()))  # its hook has been called


def test_no_more_sheets_are_kept_than_fit(source: Planned, desk: Planner) -> None:
    first = desk.sheet(asked(source, desk, NODE, 1.0), 30)
    for hours in range(2, KEPT + 3):
        wanted = asked(source, desk, NODE, float(hours))
        assert eventually(partial(begun, desk, wanted))
    assert eventually(lambda: (again := desk.sheet(asked(source, desk, NODE, 1.0), 30)) is not None and again is not first)


def test_plans_begin_from_one_snapshot_for_a_while(source: Planned, desk: Planner, clock: Clock) -> None:
    before = source.asked
    assert desk.snapshot() is desk.snapshot()
    clock.now = FRESH_S - 1
    desk.snapshot()
    assert source.asked == before + 1
    clock.now = FRESH_S
    desk.snapshot()
    assert source.asked == before + 2


def test_the_snapshot_stays_while_a_plan_is_made_from_it(source: Planned, desk: Planner, clock: Clock, held: threading.Event) -> None:
    snapshot = desk.snapshot()
    found = desk.sheet(asked(source, desk, ZONE), 0)
    clock.now = 10 * FRESH_S
    assert desk.snapshot() is snapshot
    held.set()
    assert found is not None
    assert found.done.wait(30)
    assert desk.snapshot() is snapshot  # and for a while, so that who asked can look at it
    clock.now += SEEN_S
    assert desk.snapshot() is not snapshot


def test_a_new_revision_begins_anew(tmp_path: Path, clock: Clock) -> None:
    source = Planned(tmp_path)
    desk = Planner(source, clock)
    snapshot = desk.snapshot()
    source.network = replace(source.network, revision=2)
    assert desk.snapshot() is not snapshot


def test_the_curve_is_left_out_of_a_network_too_large(source: Planned, desk: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "CURVE_MOST", 1)
    found = desk.sheet(asked(source, desk, ZONE, suspect=True), 30)
    assert found is not None
    assert found.done.wait(30)
    assert (found.plan is None, found.curve) == (False, None)
