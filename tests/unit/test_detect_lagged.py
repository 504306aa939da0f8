"""Dynamic principal components: T² and Q are those of the textbook, their parts are exact, and rows know those before them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from interferon.detect.calibrate import evidence
from interferon.detect.fit import fit
from interferon.detect.protocol import derived, with_axis
from interferon.detect.series import judge
from interferon.detect.settings import FILE
from interferon.detect.telemetry_examples import TRAIN, plant
from interferon.detect.windows import LEAD, STEP, Floats, encode, rolling, sequence
from interferon.detectors.telemetry_lagged import EXPLAINED, LAGS, TelemetryLagged

LAGGED = TelemetryLagged()
tables = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(-9, 9))


def waves(rows: int = 900) -> Floats:
    """Four signals of two hidden oscillations, with noise: what one row shows, the rows before have announced."""
    random, row = np.random.default_rng(5), np.arange(rows)
    hidden = np.stack([np.sin(row / 7.0), np.cos(row / 11.0)], axis=1)
    return np.asarray(hidden @ np.array([[1.0, 0.5, -1.0, 0.2], [0.3, 1.0, 0.4, -1.0]]) + random.normal(0, 0.05, (rows, 4)))


@given(tables, st.integers(0, LEAD), st.integers(0, 11), st.integers(1, 12))
def test_a_part_of_the_rows_knows_the_rows_before_it(table: Floats, lag: int, first: int, count: int) -> None:
    first = min(first, len(table) - 1)
    here = slice(first, min(len(table), first + count))
    whole = sequence(table, np.ones(table.shape, dtype=np.bool_), np.full(table.shape, 0.25))
    part = whole.part(here.start, here.stop)
    expected = table[np.maximum(np.arange(len(table)) - lag, 0)]
    np.testing.assert_array_equal(whole.lagged(lag), expected)
    np.testing.assert_array_equal(part.lagged(lag), expected[here])
    np.testing.assert_array_equal(part.before, part.lagged(1))
    np.testing.assert_array_equal(part.fixed().z, table[here] + 0.25)
    np.testing.assert_array_equal(part.fixed().before, part.before + 0.25)


def test_rows_that_know_none_before_say_so() -> None:
    rows = replace(sequence(plant(), np.ones((1000, 4), dtype=np.bool_)), lead=None)
    with pytest.raises(AssertionError, match="judges recorded files, or few machines"):
        rows.lagged(2)
    assert rows.fixed() is rows


def test_the_squares_of_its_signals_are_hotellings_and_the_squared_prediction_error() -> None:
    z = waves()
    rows = sequence(z, np.ones(z.shape, dtype=np.bool_))
    use = np.arange(len(z)) < TRAIN
    params = with_axis(LAGGED.learn(rows, use, FILE))
    own, _ = LAGGED.derive(params, rows)
    table = np.hstack([z[2:], z[1:-1], z[:-2]])
    table = (table - rows_of(z).mean(axis=0)) / rows_of(z).std(axis=0)
    values, vectors = np.linalg.eigh(np.cov(((rows_of(z) - rows_of(z).mean(axis=0)) / rows_of(z).std(axis=0)).T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = next(k for k in range(1, 13) if values[:k].sum() >= EXPLAINED * values.sum())
    part = table @ vectors
    t2, q = (part[:, :kept] ** 2 / values[:kept]).sum(axis=1), (part[:, kept:] ** 2).sum(axis=1)
    np.testing.assert_allclose((own[2:, :4] ** 2).mean(axis=1), t2 / kept, rtol=1e-6)
    np.testing.assert_allclose((own[2:, 4:] ** 2).mean(axis=1), q / values[kept:].sum(), rtol=1e-6)


def rows_of(z: Floats) -> Floats:
    """The stacked training rows; the first has no others before it."""
    before = [z[np.maximum(np.arange(TRAIN) - lag, 0)] for lag in range(LAGS + 1)]
    return np.hstack(before)


def test_the_statistic_is_of_the_means_over_the_window() -> None:
    z = waves()
    rows = sequence(z, np.ones(z.shape, dtype=np.bool_))
    params = with_axis(LAGGED.learn(rows, np.arange(len(z)) < TRAIN, FILE))
    own, _ = LAGGED.derive(params, rows)
    score = LAGGED.score(params, rolling(derived(LAGGED, params, rows), FILE.short, FILE.spread_floor))
    for row in (100, 555, 899):
        t2, q = ((own[row - FILE.short + 1 : row + 1, part] ** 2).mean() for part in (slice(0, 4), slice(4, 8)))
        assert score[row] == pytest.approx(np.log(0.5 * t2 + 0.5 * q + 0.05), abs=2e-3)


def test_it_sees_time_run_backwards_in_one_signal_and_names_it() -> None:
    values = waves()
    values[-100:, 2] = values[-100:, 2][::-1]
    rows = sequence(values, np.ones(values.shape, dtype=np.bool_))
    params = with_axis(LAGGED.learn(rows, np.arange(len(values)) < TRAIN, FILE))
    window = rolling(derived(LAGGED, params, rows), FILE.short, FILE.spread_floor)
    score, shares = LAGGED.score(params, window), LAGGED.why(params, window)
    assert np.median(score[-80:]) > score[100:TRAIN].max()
    assert shares[-80:].mean(axis=0).argmax() == 2


@pytest.mark.parametrize("windows", [(15, 45), (3, 5), (3, 4)])
def test_the_first_window_of_a_table_goes_on_from_the_training_rows(windows: tuple[int, int]) -> None:
    short, long = windows
    settings = replace(FILE, short=short, long=long, smooth=1.0, adapt_every=50, adapt_bound=0.0)
    values = waves(500)
    model = fit([values[:300]], [LAGGED], settings)
    rows = sequence(encode((values - model.centre) / model.spread, np.ones(values.shape, dtype=np.bool_)) / STEP, ~np.isnan(values))
    wide = with_axis(model.params[0])
    assert wide["centre"].shape == (1, 4 * (1 + min(LAGS, long - short)))
    score = LAGGED.score(wide, rolling(derived(LAGGED, wide, rows), short, settings.spread_floor))[300:]
    expected = evidence(LAGGED.weight * evidence(score, *model.tails[0]), *model.tails[1])
    np.testing.assert_allclose(judge(model, values[300:], [LAGGED]).score, expected, rtol=1e-9)
