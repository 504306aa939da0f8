"""States, levels, and what they have to do with each other: learnt from held-out blocks, silent where there are none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from interferon.detect.fit import Portfolio, fit
from interferon.detect.protocol import Params, derived, with_axis
from interferon.detect.series import judge
from interferon.detect.settings import FILE
from interferon.detect.states import beyond, levels, limits, states, switched
from interferon.detect.telemetry_examples import TRAIN, basin, plant
from interferon.detect.windows import Floats, Rows, robust_scale, rolling, sequence
from interferon.detectors.telemetry_distance import TelemetryDistance
from interferon.detectors.telemetry_invariants import TelemetryInvariants

LEVEL, STORE, OUTFLOW, PUMP = range(4)
INVARIANTS = TelemetryInvariants()
SAW = np.tile(np.concatenate([np.linspace(0.0, 1.0, 20), np.linspace(1.0, 0.0, 20)]), 10)  # a tank that is filled and emptied
FILLING = np.tile(np.repeat([1.0, 0.0], 20), 10)


def standard(values: Floats) -> Rows:
    centre, spread = robust_scale(values[:TRAIN])
    return sequence((values - centre) / spread, ~np.isnan(values))


def learnt(rows: Rows) -> Params:
    return INVARIANTS.learn(rows, np.arange(len(rows.z)) < TRAIN, FILE)


def scores(values: Floats) -> tuple[Floats, Floats]:
    """Statistic and shares of every row, learnt from the first TRAIN."""
    rows = standard(values)
    params = with_axis(learnt(rows))
    window = rolling(derived(INVARIANTS, params, rows), INVARIANTS.window(FILE), FILE.spread_floor)
    return INVARIANTS.score(params, window), INVARIANTS.why(params, window)


def test_a_signal_of_few_values_that_lasts_and_comes_back_is_a_state() -> None:
    rows = np.arange(400)
    # a valve, a tank, one change, the flicker of a coarse sensor, what stands still
    table = np.stack([FILLING, SAW, (rows > 200) * 1.0, rows % 2 * 1.0, np.ones(400)], axis=1)
    known = levels(table, np.ones(400, dtype=np.bool_), 8)
    assert np.isfinite(known[0]).tolist() == [True, False, False, False, False]
    assert known[:2, 0].tolist() == [0.0, 1.0]


def test_a_value_that_a_state_never_had_is_none() -> None:
    known = levels(FILLING[:, None], np.ones(400, dtype=np.bool_), 8)
    assert states(known, np.array([[0.0], [0.4], [1.0], [1.6], [-9.0]])).T.tolist() == [[1, 1, 2, 0, 0]]


@given(arrays(np.float64, (30, 3), elements=st.floats(-5, 5)))
def test_a_row_is_in_one_value_of_each_state_at_the_most(z: Floats) -> None:
    known = levels(np.stack([FILLING, 1.0 - FILLING, SAW], axis=1), np.ones(400, dtype=np.bool_), 8)
    state = states(known, z)
    columns = switched(known, state)
    assert columns.shape == (30, 4)
    np.testing.assert_array_equal(columns.sum(axis=1), (state > 0).sum(axis=1))


def test_the_level_that_ends_a_state_is_found_and_only_beyond_it_counts() -> None:
    table, every = np.stack([FILLING, SAW, np.cos(np.arange(400.0))], axis=1), np.ones(400, dtype=np.bool_)
    known = levels(table, every, 8)
    found = limits(known, states(known, table), table, every, np.array([False, True, True]), 8)
    assert found[0, 2, :3].tolist() == [1.0, 1.0, 1.0]  # open: the tank rises, to 1 at the most
    assert found[0, 1, :3].tolist() == [1.0, -1.0, 0.0]  # shut: it falls to 0
    rows = np.array([[1.0, 1.5, 0.0], [0.0, 1.5, 0.0], [0.0, -0.5, 0.0], [1.0, -0.5, 0.0]])
    over = beyond(found, states(known, rows), rows)
    assert (over[:, 0] > 0).tolist() == [True, False, True, False]  # out of bounds while the valve brings it back breaks no rule
    assert (over[:, 1:] == 0).all()


def test_a_state_that_ended_too_seldom_has_no_limit() -> None:
    table, every = np.stack([FILLING, SAW], axis=1), np.ones(400, dtype=np.bool_)
    known = levels(table, every, 8)
    assert (limits(known, states(known, table), table, every, np.array([False, True]), 50)[..., 0] == -1).all()


def test_levels_have_a_balance_and_what_follows_a_state_at_once_has_none() -> None:
    values = np.hstack([basin(), 3.0 * basin()[:, PUMP:] + 0.01 * np.sin(np.arange(1000.0) * 7.0)[:, None]])  # the pump's current
    params = learnt(standard(values))
    assert np.isfinite(params["unit"]).tolist() == [True, True, False, False, False]
    assert params["limits"][PUMP, 2, :2].tolist() == [LEVEL, 1.0] or params["limits"][PUMP, 2, :2].tolist() == [STORE, -1.0]


def test_a_leak_and_a_pump_that_runs_on_are_seen_and_named() -> None:
    usual = scores(basin())[0]
    leak = basin()
    leak[-15:, LEVEL] -= np.arange(15) * 0.02
    statistic, shares = scores(leak)
    assert statistic[-1] > usual[100:].max() + 1.5
    assert shares[-1].argmax() == LEVEL
    runs_on = basin()  # what the pump makes of it is physics: only that it still runs is wrong
    for row in range(1000 - 60, 1000):
        runs_on[row, LEVEL] = runs_on[row - 1, LEVEL] + 0.05 * (3.0 - runs_on[row, OUTFLOW])
        runs_on[row, STORE], runs_on[row, PUMP] = 10.0 - runs_on[row, LEVEL], 1.0
    statistic, shares = scores(runs_on)
    assert statistic[-1] > usual[100:].max() + 1.5
    assert shares[-1].argmax() == PUMP


@pytest.mark.parametrize("values", [plant(), basin()[:, :3], basin()[:, [OUTFLOW, PUMP]]])
def test_without_states_or_levels_it_is_silent_and_costs_nothing(values: Floats) -> None:
    statistic, shares = scores(values)
    assert (statistic == -np.inf).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    portfolios: tuple[Portfolio, Portfolio] = ([TelemetryDistance(0.5)], [TelemetryDistance(0.5), INVARIANTS])
    first, second = (judge(fit([values[:TRAIN]], portfolio, FILE), values[TRAIN:], portfolio) for portfolio in portfolios)
    for name in ("score", "p", "alarm", "shares"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_baseline_that_moves_changes_nothing_for_it() -> None:
    values, portfolio = basin(), [INVARIANTS]
    settings = replace(FILE, adapt_every=64, adapt_rows=64)
    models = [fit([values[:TRAIN]], portfolio, replace(settings, adapt_bound=bound)) for bound in (1.0, 0.0)]
    moves, stands = (judge(model, values[TRAIN:], portfolio) for model in models)
    np.testing.assert_allclose(moves.score, stands.score, atol=0.05)  # but for the codes' rounding
