"""The running test of the baseline: silent while p-values are p-values, sure within a day when they are too small for too long."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.detect import misfit
from interferon.detect.misfit import BLOCK, HIGHEST, LIMIT, MisfitState
from interferon.detect.windows import Floats

MINUTE = 60_000_000
ALL = np.arange(3)


def lived(rows: Floats, state: MisfitState | None = None, first: int = 0) -> MisfitState:
    """A state after rows (N, n) of p-values, one a minute."""
    state = state or misfit.new_state()
    for row, p in enumerate(rows, first):
        misfit.take(state, np.arange(len(p)), p, row * MINUTE)
    return state


def test_p_values_that_hold_are_no_misfit() -> None:
    draw = np.random.default_rng(5)
    state = lived(draw.uniform(size=(20 * BLOCK, 200)))
    assert (state.since < 0).all()
    assert misfit.since(state, 10_000) == -1


def test_rows_that_repeat_each_other_are_no_misfit() -> None:
    draw = np.random.default_rng(6)
    state = lived(np.repeat(draw.uniform(size=(80, 200)), 60, axis=0))
    assert (state.since < 0).all()


def test_p_values_too_small_for_a_day_are_a_misfit_and_since_when_is_kept() -> None:
    small = np.tile([1.0, 0.004, 1e-9], (8 * BLOCK, 1))
    state = lived(small)
    assert misfit.since(state, 0) == -1
    assert misfit.since(state, 1) == misfit.since(state, 2) == (5 * BLOCK - 1) * MINUTE
    lived(small, state, 8 * BLOCK)
    assert misfit.since(state, 2) == (5 * BLOCK - 1) * MINUTE


def test_one_loud_incident_is_no_misfit() -> None:
    rows = np.full((6 * BLOCK, 1), 0.6)
    rows[BLOCK : 3 * BLOCK] = 1e-15
    assert misfit.since(lived(rows), 0) == -1


def test_a_baseline_that_fits_again_is_believed_within_a_week() -> None:
    state = lived(np.full((60 * BLOCK, 1), 1e-6))
    assert state.gained[0] == HIGHEST > LIMIT
    lived(np.full((7 * 1440, 1), 0.7), state, 60 * BLOCK)
    assert misfit.since(state, 0) == -1


@settings(max_examples=30)
@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=8), st.integers(1, 3))
def test_an_entity_is_judged_alike_whoever_shares_its_rows(levels: list[float], shards: int) -> None:
    rows = np.repeat(np.array(levels), BLOCK)[:, None] * np.array([1.0, 0.5, 0.1])
    whole, parts = lived(rows), misfit.new_state()
    for row, p in enumerate(rows):
        for shard in range(shards):
            mine = ALL[ALL % shards == shard]
            misfit.take(parts, mine, p[mine], row * MINUTE)
    for name in ("total", "count", "gained", "since"):
        assert getattr(whole, name)[:3].tolist() == getattr(parts, name)[:3].tolist()


def test_it_costs_32_bytes_an_entity() -> None:
    state = lived(np.ones((1, 1024)))
    assert sum(getattr(state, name).nbytes for name in ("total", "count", "gained", "since")) == 32 * 1024
