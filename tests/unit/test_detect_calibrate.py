"""Tail probabilities: honest on data that follows the tail, finite beyond it, and careful where there is little."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.detect.calibrate import TAIL, evidence, fit_tail


def p_of(value: float, level: float, scale: float) -> float:
    return float(np.exp(-evidence(np.array([value]), np.array([level]), np.array([scale])))[0])


def test_an_exponential_tail_is_recovered() -> None:
    draws = np.random.default_rng(7).exponential(2.0, 50_000)
    level, scale = fit_tail(draws, windows=1e9, prior=(0.0, 1.0), weight=50)
    for p in (1e-2, 1e-4, 1e-6):
        value = -2.0 * np.log(p)
        assert -np.log(p_of(value, level, scale)) == pytest.approx(-np.log(p), rel=0.15)


def test_little_data_leans_on_the_prior() -> None:
    draws = np.random.default_rng(7).exponential(2.0, 400)
    level, scale = fit_tail(draws, windows=0.5, prior=(3.0, 1.0), weight=50)
    assert level == pytest.approx(3.0, abs=0.05)
    assert scale == pytest.approx(1.0, abs=0.05)


def test_no_data_is_the_prior() -> None:
    assert fit_tail(np.array([np.nan]), 10, (3.0, 1.0), 50) == (3.0, 1.0)


def test_at_the_level_p_is_the_tail() -> None:
    assert p_of(3.0, 3.0, 0.5) == pytest.approx(TAIL)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20, unique=True), st.floats(0.05, 5))
def test_evidence_rises_with_the_statistic(values: list[float], scale: float) -> None:
    ordered = np.sort(np.array(values))
    found = evidence(ordered, np.array(0.0), np.array(scale))
    assert (np.diff(found) >= 0).all()
    assert (found >= 0).all()
    assert np.isfinite(found).all()
