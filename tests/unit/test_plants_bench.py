"""The bench of live invariants: attacks are counted as stretches, and both watches see the same rows."""

from dataclasses import replace

import numpy as np
import pytest

from interferon.bench import plants
from interferon.bench.drawn import Case, Drawn
from interferon.bench.drawn.tanks import tanks
from interferon.bench.plants import AFTER, WITHOUT, Scale


def test_an_attack_is_found_by_an_alarm_that_begins_in_it_or_soon_after() -> None:
    labels, begun = np.zeros((300, 2), dtype=np.bool_), np.zeros((300, 2), dtype=np.bool_)
    labels[:40, 0] = labels[100:140, 0] = labels[260:, 1] = True
    begun[139 + AFTER, 0] = begun[50 + AFTER, 0] = begun[100, 1] = True
    assert plants._found(labels, begun) == 1 / 3


def test_every_figure_stands_beside_the_watch_without_invariants(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(seed: int, train: int, test: int) -> Case:
        whole = tanks(seed, train, 4000)
        return replace(whole, test=Drawn({name: whole.test.numbers(name)[:test] for name in whole.test.names}), labels=whole.labels[:test])

    monkeypatch.setattr(plants, "tanks", short)
    rows = list(plants.cases(Scale(plants=1, learn=2400, quiet=30, attacked=300)))
    assert [row["metric"] for row in rows] == ["auroc", "share", "a plant and day"]
    assert all(list(row["baselines"]) == [WITHOUT] and np.isfinite(row["value"]) for row in rows)
    assert rows[0]["value"] != rows[0]["baselines"][WITHOUT]
