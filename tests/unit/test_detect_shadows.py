"""Declared changes: they bring a new baseline where the change was theirs, and nothing else does, whoever drifts what."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from interferon.detect import shadows, watch
from interferon.detect.baselines import SHADOWS, eighths
from interferon.detect.shadows import WORKS
from interferon.detect.windows import Floats
from interferon.detectors import activity_logs
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.model.events import ACTIVITY
from interferon.store import checkpoint

from .lived import ALONE, HOUR, MINUTE, NAMES, Lived, life

LEARN = 480
WATCHING = watch.Portfolios(TELEMETRY, [activity_logs])
ENOUGH = 1320  # rows after the work's end by which all is settled, where the drift test rejects
MOVED = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]) * 6.0  # the first machine alone


@cache
def learnt() -> bytes:
    return checkpoint.dump(Lived(LEARN, WATCHING).take(life(LEARN + 60)).watch)


def fresh() -> Lived:
    """Both machines are learnt, and watched for an hour."""
    one = Lived(LEARN, WATCHING)
    one.watch, one.row = checkpoint.load(learnt()), LEARN + 60
    return one


def order(one: Lived, **more: object) -> None:
    """A work order of two hours on the first machine from now on."""
    made = {"code": "opened", "ticket": "W1", "work": "recipe", "starts": one.now, "ends": one.now + 2 * HOUR}
    shadows.declare(one.watch, 0, one.now, {**made, **more})


def worked(one: Lived, seed: int = 4) -> Lived:
    """The two hours of work, within which the machine is moved, and the half hour of tidying up."""
    return one.take(life(60, seed)).take(life(91, seed + 1) + MOVED)


def standing(rows: int = ENOUGH, by: Floats = MOVED) -> Floats:
    return life(rows, 9) + by


def cleared(at: int, entity: str = NAMES[0]) -> pa.RecordBatch:
    row = {"time": at, "seen": at, "feed": "edr", "offset": at, "entity": entity, "trust": 1.0, "kind": "log.status", "code": "cleared"}
    return pa.RecordBatch.from_pylist([{**row, "object": "security"}], schema=ACTIVITY)


def test_a_declared_change_brings_a_new_baseline_and_its_alarms_end() -> None:
    one = fresh()
    order(one)
    worked(one).take(standing())
    assert one.versions() == [1, 2]
    assert one.watch.lives.versions[0][1].why == "after declared work: recipe W1"
    assert (one.watch.lives.force[0], one.watch.lives.shadows, one.watch.lives.outcomes) == (2, {}, {})
    before = one.row
    one.take(life(240, 12) + MOVED)
    assert min(p[0] for p in one.p[-240:]) > 1e-4
    assert not any(0 in rising for rising in one.rising[-240:])
    assert before == one.row - 240
    assert one.versions(1) == [1]


def test_until_then_the_old_one_judges() -> None:
    one, never = fresh(), fresh()
    order(one)
    for lived in (one, never):
        worked(lived).take(standing(LEARN))
    assert one.p == never.p
    assert one.watch.lives.shadows[0].seen > 0


def test_a_new_baseline_after_declared_work_can_be_rolled_back() -> None:
    one = fresh()
    order(one)
    worked(one).take(standing())
    one.say("rollback", 1)
    before = len(one.rising)
    one.take(life(60, 12) + MOVED)
    assert one.watch.lives.force[0] == 1
    assert any(0 in rising for rising in one.rising[before:])


def test_a_drift_that_nobody_declared_never_changes_a_baseline() -> None:
    one = fresh()
    one.take(standing(2 * ENOUGH))
    assert one.watch.fitting.since[0] > 0
    assert (one.versions(), one.watch.lives.shadows, one.watch.lives.outcomes) == ([1], {}, {})


def outcome(one: Lived) -> str:
    assert one.versions() == [1]
    assert one.watch.lives.shadows == {}
    return one.watch.lives.outcomes[0].partition("not taken over, ")[2]


def test_work_that_changes_nothing_leaves_the_baseline() -> None:
    one = fresh()
    order(one)
    one.take(life(151)).take(standing(LEARN + 240, by=0 * MOVED))
    assert outcome(one) == "the one in force still fits"


def test_a_drift_from_before_the_work_is_not_its_change() -> None:
    one = fresh()
    one.take(standing(1200))
    order(one)
    worked(one).take(standing(LEARN))
    assert outcome(one) == "the baseline did not fit before the work began"


def test_what_moves_on_after_the_work_is_not_its_change() -> None:
    one, rows = fresh(), 1320
    order(one)
    drift = np.linspace(0.0, 1.0, rows)[:, None, None] * MOVED * 2
    worked(one).take(life(rows, 9) + drift + MOVED)
    assert outcome(one) == "it has gone on moving after the work"


def test_a_step_long_after_the_work_is_not_its_change() -> None:
    one = fresh()
    order(one)
    one.take(life(151)).take(life(200, 9)).take(standing(1400))
    assert outcome(one) == "it has gone on moving after the work"


@pytest.mark.parametrize("late", [30, 300])
def test_what_else_was_found_meanwhile_speaks_against_the_change(late: int) -> None:
    one = fresh()
    order(one)
    one.take(life(late, 4)).take(life(151, 5) + MOVED, [cleared(one.now)]).take(standing())
    assert outcome(one) == "log.cleared was found meanwhile, and no work order explains it"


def test_what_was_found_elsewhere_does_not() -> None:
    one = fresh()
    order(one)
    one.take(life(60, 4), [cleared(one.now, NAMES[1])]).take(life(91, 5) + MOVED).take(standing())
    assert one.versions() == [1, 2]


def test_an_order_that_is_opened_again_keeps_what_is_held_against_it() -> None:
    one = fresh()
    order(one)
    one.take(life(10, 4), [cleared(one.now)])
    order(one)
    assert one.watch.lives.works["W1"].disputed == "log.cleared"


def test_work_that_is_closed_early_ends_then() -> None:
    one = fresh()
    order(one)
    order(one, code="closed", ticket="W2")
    one.take(life(10, 4))
    order(one, code="closed")
    one.take(life(31, 4))
    assert (list(one.watch.lives.shadows), one.watch.lives.works) == ([0], {})


@pytest.mark.parametrize(("entity", "work"), [(-1, "recipe"), (7, "recipe"), (0, "penetration test")])
def test_orders_that_no_baseline_can_follow_are_left_out(entity: int, work: str) -> None:
    one = fresh()
    shadows.declare(one.watch, entity, one.now, {"code": "opened", "ticket": "W1", "work": work, "starts": None, "ends": None})
    assert one.watch.lives.works == {}


def test_open_orders_and_shadows_are_bounded() -> None:
    one = fresh()
    for number in range(WORKS + 5):
        order(one, ticket=f"W{number}", starts=None, ends=None)
    assert len(one.watch.lives.works) == WORKS
    one.watch.lives.works = {"W1": one.watch.lives.works["W1"]}
    one.say("relearn", entity=1)
    one.watch.lives.shadows = {entity: one.watch.lives.shadows[1] for entity in range(1, SHADOWS + 1)}
    order(one, code="closed")
    one.take(life(31))
    assert one.watch.lives.outcomes[0] == f"after declared work: recipe W1: not followed, for {SHADOWS} others are being learnt"


def test_a_wish_to_learn_anew_is_not_replaced_by_an_order() -> None:
    one = fresh()
    order(one, ends=one.now + 10 * MINUTE)
    one.say("relearn")
    one.take(life(60, 4))
    assert one.watch.lives.shadows[0].declared is None


@pytest.mark.parametrize("cut", [50, 400, 1000])
def test_a_restart_changes_nothing(cut: int) -> None:
    one, other = fresh(), fresh()
    rows = np.concatenate([life(60), life(91, 5) + MOVED, standing()])
    for lived in (one, other):
        order(lived)
    one.take(rows)
    other.take(rows[:cut])
    other.watch = checkpoint.load(checkpoint.dump(other.watch))
    other.take(rows[cut:])
    assert one.versions() == [1, 2]
    assert checkpoint.dump(one.watch) == checkpoint.dump(other.watch)


def test_a_frame_without_the_machine_or_with_fewer_signals_is_no_trouble() -> None:
    one = Lived(LEARN, ALONE).take(life(LEARN))
    one.say("relearn")
    start = one.now
    for entities, values in ((np.array([1]), np.ones((1, 3))), (np.arange(2), np.ones((2, 2)))):
        shadows.follow(one.watch, ALONE, NAMES, (start, start + MINUTE, entities, values), ())
    assert one.watch.lives.shadows[0].seen == 1
    assert np.isnan(one.watch.lives.shadows[0].rows[0]).tolist() == [False, False, True]


def test_eighths_are_means_of_what_is_there() -> None:
    rows = np.repeat(np.arange(8.0), 2)[:, None] * np.array([1.0, np.nan])
    rows[0, 0] = np.nan
    assert eighths(np.vstack([rows, rows[:1]]))[:, 0].tolist() == list(range(8))
    assert np.isnan(eighths(rows)[:, 1]).all()
