"""The bench of speed and memory: what is drawn, that both ways in give the same rows, and that every figure has its target."""

import numpy as np
import pytest

from interferon.bench import throughput
from interferon.bench.throughput import RIVER, Scale, Watched
from interferon.bench.throughput_world import MISSING, SIGNALS, Plant, arrays
from interferon.twin.draws import MINUTE

TINY = Scale(machines=8, learn=360, settle=5, ticks=24, rounds=2, sample=1)


def test_shuffled_readings_are_admitted_to_the_very_ticks_they_were_drawn_as() -> None:
    plant = Plant(30)
    ticks = plant.ticks(4)
    watched = Watched(plant, 60)
    frames = [frame for n, values in enumerate(ticks) for frame in watched.admit(plant.batch(n * MINUTE, values, shuffled=n > 0))]
    assert [frame.start for frame in frames] == [0, MINUTE, 2 * MINUTE]
    for frame, values in zip(frames, ticks, strict=False):
        assert np.array_equal(frame.values, values, equal_nan=True)
    assert 0.0 < np.isnan(plant.ticks(50)).mean() < 3 * MISSING


def test_one_machine_in_a_hundred_is_attacked_in_the_second_half_of_each_round() -> None:
    ticks = np.zeros((20, 250, SIGNALS))
    changed = (Plant(250).attacked(ticks.copy(), 2) != ticks).any(axis=2)
    assert [np.flatnonzero(half.any(axis=0)).tolist() for half in (changed[:10], changed[10:])] == [[0, 100, 200], [1, 101, 201]]
    assert np.flatnonzero(changed.any(axis=1)).tolist() == [5, 6, 7, 8, 9, 15, 16, 17, 18, 19]


def test_arrays_of_a_state_are_counted_through_lists_mappings_and_records() -> None:
    one = np.zeros(10)
    assert arrays([one, {"a": one, "b": "text"}, (one, 3)]) == 240
    watched = Watched(Plant(20), 60)
    assert arrays(watched.watch) == 0
    watched.dense(0, np.ones((20, SIGNALS)))
    assert arrays(watched.watch) > 20 * SIGNALS * 60 * 4  # all of it waits to be learnt


class Trees:
    """Counts the rows that it is asked about."""

    def __init__(self) -> None:
        self.scored = self.learnt = 0

    def score_one(self, row: np.ndarray) -> float:
        self.scored += 1
        return float(np.abs(row).max())

    def learn_one(self, row: np.ndarray) -> None:
        self.learnt += len(row) == SIGNALS


def test_every_figure_has_its_target_and_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "missing", dict)
    trees = Trees()
    monkeypatch.setattr(throughput, "half_space", lambda train: (trees, list))
    rows = list(throughput.cases(TINY))
    assert (trees.scored, trees.learnt) == (4 * TINY.ticks, 2 * TINY.ticks)
    assert [row["target"] for row in rows] == [">= 400000", ">= 200000", ">= 20", "<= 8000"]
    assert all(row["value"] > 0 and row["baselines"] for row in rows)
    assert rows[0]["baselines"]["alarms explained"] >= 1.0


def test_without_river_its_row_is_left_out_and_said_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(throughput, "missing", lambda: {"river": (RIVER,)})
    assert len(list(throughput.cases(TINY))) == 3
    assert "river" in capsys.readouterr().err
