"""The bench of poisoning: who is drifted, what counts as told, how the learners are examined."""

from dataclasses import replace

import numpy as np
import pytest

from interferon.bench import poison
from interferon.bench.poison import FIRST, GATED, UNGATED, WAYS, Learner, Lesson, Scale, lesson
from interferon.bench.watch import SETTINGS, Told
from interferon.bench.watch_world import DAY, SLOTS, network
from interferon.twin.machines import signals_of


def test_every_second_machine_is_drifted_in_a_signal_that_moves() -> None:
    net = network(20)
    first_day = np.random.default_rng(3).normal(size=(50, 20, SLOTS))
    first_day[:, 0, 0] = 7.0
    plan = lesson(net, first_day, 1)
    assert plan.machines.tolist() == list(range(0, 20, 2))
    assert (plan.spreads > 0).all()
    assert all(slot < len(signals_of(net.assets[f"m-{m}"])) for m, slot in zip(plan.machines, plan.slots, strict=True))
    moved = plan.taught(first_day[0], 2.0) - first_day[0]
    assert np.allclose(moved[plan.machines, plan.slots], 2.0 * plan.spreads)
    assert np.count_nonzero(moved) == len(plan.machines)


def test_told_is_what_names_the_signal_after_the_drift_began_and_no_work_order_explains() -> None:
    plan = Lesson(np.array([0, 2]), np.array([1, 4]), np.ones(2))
    later = FIRST + 10 * DAY
    told = [Told(FIRST - 1, 0, (1,)), Told(later, 0, (5, 1)), Told(later, 2, (4,), explained=True), Told(later, 3, (0,))]
    found = poison._alarms(Scale(machines=4), plan, told)
    assert found["value"] == 0.5
    assert not found["holds"]
    assert found["baselines"] == {"machines left alone that anything was told of": 0.5, "median spreads gone at the alarm": 1.0}


def test_only_the_learner_without_gate_and_bound_is_taught() -> None:
    draw = np.random.default_rng(5)
    learners = {way: Learner(replace(how, learn_rows=200, adapt_rows=300, adapt_every=20)) for way, how in WAYS.items()}
    plan = Lesson(np.array([0]), np.array([2]), np.ones(1))
    for at in range(1200):
        honest = draw.normal(size=(2, SLOTS))
        for learner in learners.values():
            learner.take(at, plan.taught(honest, min(4.0, max(0, at - 250) / 10)), honest)
    shift = {way: learner.state.shift[0, 2] for way, learner in learners.items()}
    assert shift[UNGATED] > 2.0
    assert abs(shift[GATED]) < 0.5
    values = draw.normal(size=(200, 2, SLOTS))
    gated, ungated = (poison.exam(plan, learners[way], values, 1200) for way in (GATED, UNGATED))
    assert gated[0] > ungated[0]
    assert ungated[1] > ungated[0] + 0.05
    assert gated[1] - gated[0] < (ungated[1] - ungated[0]) / 2


def test_the_rows_have_targets_and_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "SEED", 6011)
    monkeypatch.setattr(poison, "DAY", 120)
    monkeypatch.setattr(poison, "FIRST", 240)
    monkeypatch.setattr(poison, "EXAM", 60)
    monkeypatch.setattr(poison, "WAYS", {way: replace(how, learn_rows=120) for way, how in WAYS.items()})
    rows = list(poison.cases(Scale(machines=6, rate=3.0)))
    assert [row["metric"] for row in rows] == ["share told of before 3 spreads", "AUROC lost by the gated learner"]
    assert all(row["target"] and row["baselines"] for row in rows)
    assert UNGATED in rows[1]["baselines"]
    assert SETTINGS.learn_rows == DAY
