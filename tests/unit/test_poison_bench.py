"""The bench of poisoning: who is drifted, what counts as told, how the learners are examined."""

from dataclasses import replace
from functools import partialmethod

import numpy as np
import pytest

from interferon.bench import poison
from interferon.bench.poison import FIRST, UNGATED, Gated, Lesson, Scale, Ungated, lesson
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
    draw, net = np.random.default_rng(5), network(2)
    quick, freely = (replace(how, learn_rows=200, adapt_rows=300, adapt_every=20) for how in (SETTINGS, UNGATED))
    gated, ungated = Gated(net, quick), Ungated(freely)
    plan = Lesson(np.array([0]), np.array([2]), np.ones(1))
    for at in range(1200):
        honest = draw.normal(size=(2, SLOTS))
        for learner in (gated, ungated):
            learner.take(at, plan.taught(honest, min(4.0, max(0, at - 250) / 10)), honest)
    assert ungated.state.shift[0, 2] > 2.0
    assert abs(gated.taught.watch.shards[0].telemetry.shift[0, 2]) < 0.5
    values = draw.normal(size=(200, 2, SLOTS))
    taught, untaught = poison.aurocs(poison.exam(plan, gated, values, 1200)[:, 60:])
    free, before = poison.aurocs(poison.exam(plan, ungated, values, 1200)[:, 60:])
    assert taught > free
    assert before > free + 0.05
    assert untaught - taught < (before - free) / 2


def test_the_rows_have_targets_and_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "SEED", 6011)
    monkeypatch.setattr(poison, "DAY", 120)
    monkeypatch.setattr(poison, "FIRST", 240)
    monkeypatch.setattr(poison, "EXAM", 60)
    monkeypatch.setattr(poison.Gated, "__init__", partialmethod(Gated.__init__, settings=replace(SETTINGS, learn_rows=120)))
    monkeypatch.setattr(poison.Ungated, "__init__", partialmethod(Ungated.__init__, settings=replace(UNGATED, learn_rows=120)))
    rows = list(poison.cases(Scale(machines=6, rate=3.0)))
    assert [row["metric"] for row in rows] == ["share told of before 3 spreads", "AUROC lost by the gated learner"]
    assert all(row["target"] and row["baselines"] for row in rows)
    assert "ungated, unbounded" in rows[1]["baselines"]
    assert SETTINGS.learn_rows == DAY
