"""The bench's own means: measures, opponents and drawn tables."""

import numpy as np
import pytest

from interferon.bench import detect, detect_drawn, detect_skab, detect_tep, opponents
from interferon.bench.drawn import Case
from interferon.bench.drawn.connections import connections
from interferon.bench.drawn.loads import loads
from interferon.bench.drawn.tanks import tanks
from interferon.bench.measures import auroc, best, caught, quality, row
from interferon.bench.opponents import averaged, scaled
from interferon.bench.opponents.kitnet import MOST, clusters, kitnet
from interferon.bench.opponents.pca import pca

LABELS = np.array([False, False, False, True, True])
SCORES = np.array([1.0, 2.0, 3.0, 3.0, 9.0])


def test_measures_are_what_their_names_say() -> None:
    assert auroc(LABELS, SCORES) == pytest.approx(5.5 / 6)
    assert caught(LABELS, SCORES, 0.01) == pytest.approx(1.0)
    found = quality(LABELS, SCORES >= 3)
    assert (found.f1, found.far, found.mar) == pytest.approx((0.8, 1 / 3, 0.0))
    assert best(LABELS, SCORES)[1].f1 == pytest.approx(0.8)


def test_a_row_says_whether_it_holds() -> None:
    assert row("c", "m", 0.5, {}, None)["holds"] is None
    told = [row("c", "m", 0.5, {}, target)["holds"] for target in ((">=", 0.5), ("<=", 0.4), ("<", 0.6))]
    assert told == [True, False, True]
    assert row("c", "m", 0.5, {}, ("<", 0.6))["target"] == "< 0.6"


def correlated(rows: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    common = random.normal(size=(rows, 2))
    return np.hstack([common + 0.1 * random.normal(size=(rows, 2)) for _ in range(3)])


@pytest.mark.parametrize("opponent", [kitnet, pca], ids=["KitNET", "PCA"])
def test_our_opponents_see_a_broken_relation(opponent: opponents.Opponent) -> None:
    train, rows = correlated(600, 1), correlated(300, 2)
    rows[200:, 0] *= -1
    near, far = opponent(*scaled(train, rows))
    assert near.shape == (600,)
    assert auroc(np.arange(300) >= 200, far) > 0.8
    np.testing.assert_array_equal(far, opponent(*scaled(train, rows))[1])


def test_clusters_hold_what_goes_together_and_not_too_much() -> None:
    assert [sorted(group) for group in clusters(correlated(300, 3))] == [[0, 1, 2, 3, 4, 5]]
    many = np.random.default_rng(4).normal(size=(200, 1)) + 0.1 * np.random.default_rng(5).normal(size=(200, 25))
    found = clusters(many)
    assert max(len(group) for group in found) <= MOST
    assert sorted(signal for group in found for signal in group) == list(range(25))


def test_scaling_fills_gaps_and_leaves_what_stands_still() -> None:
    train = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]])
    near, far = scaled(train, np.array([[2.0, 6.0, 1.0]]))
    np.testing.assert_allclose(near[:, 0], [-1.0, 1.0, 0.0])
    np.testing.assert_allclose(far, [[0.0, 1.0, 1.0]])
    np.testing.assert_allclose(averaged(np.array([0.0, 0.0, 3.0]), 3), [0.0, 0.0, 1.0])


def small_tanks(seed: int) -> Case:
    return tanks(seed, 200, 3600)


def small_connections(seed: int) -> Case:
    return connections(seed, 300, 300)


@pytest.mark.parametrize("draw", [small_tanks, small_connections, loads])
def test_drawn_tables_are_a_matter_of_the_seed(draw: detect_drawn.Draw) -> None:
    one, again, other = draw(31), draw(31), draw(32)
    assert 0.05 < one.labels.mean() < 0.5
    assert len(one.labels) == one.test.rows
    for name in one.test.names:
        values = [case.test.numbers(name) if one.test.is_number(name) else case.test.texts(name) for case in (one, again, other)]
        np.testing.assert_array_equal(values[0], values[1])
    assert not all(np.array_equal(one.test.columns[name], other.test.columns[name]) for name in one.test.names)


def test_drawn_tables_are_scored_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect_drawn, "SEEDS", (33,))
    monkeypatch.setattr(detect_drawn, "DRAWN", (loads,))
    monkeypatch.setattr(opponents, "_PACKAGES", {})
    monkeypatch.setattr(opponents, "OPPONENTS", {"PCA": pca})
    ranked, f1 = detect_drawn.cases()
    assert ranked["holds"]
    assert set(ranked["baselines"]) == {"mean absolute z-score", "PCA", "mean absolute z-score, 15-row mean", "PCA, 15-row mean"}
    assert f1["value"] > max(f1["baselines"].values())


def test_what_is_not_installed_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(opponents, "_PACKAGES", {"no_such_package": ("ECOD (pyod)",)})
    assert "ECOD (pyod)" not in opponents.present()
    for suite in (detect_skab, detect_tep):
        monkeypatch.setattr(suite, "cases", lambda folder: iter(()))
    monkeypatch.setattr(detect_drawn, "cases", lambda: iter(()))
    assert list(detect.tables()) == []
    assert "not installed: no_such_package; left out: ECOD (pyod)" in capsys.readouterr().err
