"""The bench of cold start: who is new and attacked, which rows count, what the plainer answers are."""

import numpy as np
import pytest

from interferon.bench import start
from interferon.bench.start import ALONE, UNMOVED, Scale
from interferon.bench.watch_world import Attack, network

TINY = Scale(machines=20, train=200, attacked=0.5, runs=1)


def test_the_first_answer_is_asked_for_after_a_twentieth_of_the_training_time() -> None:
    assert (Scale().first, TINY.first) == (1440 + 72, 220)


def test_only_new_machines_are_attacked_and_only_once_they_can_be_judged() -> None:
    new = np.arange(20) % 2 == 1
    fleet = start._fleet(TINY, network(20), new, 6011)
    drawn = [step for step in fleet.campaign.scenario.steps if step.kind == "attack"]
    assert len(drawn) == 5
    assert all(new[int(step.target.removeprefix("asset:m-"))] and step.at_h * 60 > TINY.first for step in drawn)


def test_rows_of_new_machines_count_until_their_attack_is_over() -> None:
    new = np.array([False, True, True])
    attacked, counts = start._truth(TINY, [Attack("freeze_signal", "plc", 1, 230, 240, 0)], new)
    assert attacked.shape == (180, 3)
    assert np.flatnonzero(attacked[:, 1]).tolist() == list(range(10, 20))
    assert counts.sum(axis=0).tolist() == [0, 20, 180]


def test_alarms_count_where_they_begin_and_an_attack_once() -> None:
    quiet, attacked = np.ones((4, 3), dtype=np.bool_), np.zeros((4, 3), dtype=np.bool_)
    attacked[2:, 1], quiet[2:, 1], quiet[:, 0] = True, False, False
    alarms = [(9, 2), (10, 0), (10, 2), (11, 1), (12, 1), (13, 1), (13, 2)]
    assert start._begun(alarms, 10, quiet, attacked) == (3, 1)


def test_the_plainest_answer_is_the_mean_distance_in_spreads_of_what_was_seen() -> None:
    seen = np.stack([np.array([[0.0, 9.0], [1.0, np.nan]]), np.array([[2.0, 9.0], [3.0, np.nan]])])
    away = start._alone(seen, np.array([[[1.0, np.nan], [8.0, np.nan]]]))
    assert away[0, 0] == 0
    assert away[0, 1] == pytest.approx(6.0 / 1.4826)


def test_the_rows_have_what_is_beside_them_and_the_first_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "SEED", 6012)
    row, false, told = start.cases(TINY)
    assert row["target"] == ">= 0.9"
    assert {UNMOVED, ALONE} < set(row["baselines"])
    assert 0 < row["baselines"]["AUROC, own model, whole training time"] <= 1
    assert row["value"] != row["baselines"][UNMOVED] != row["baselines"][ALONE]
    assert (false["target"], told["target"]) == (None, None)
    assert told["case"].endswith(", 5 attacks")
    assert false["value"] >= 0
    assert list(false["baselines"]) == [start.FINAL]
    assert 0 < told["value"] <= 1
