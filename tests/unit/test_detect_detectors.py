"""What every telemetry detector must do: be quiet on its quiet example, loud on its loud one, and explain itself exactly."""

from dataclasses import replace

import numpy as np
import pytest

from interferon.detect.fit import fit, in_single
from interferon.detect.protocol import TelemetryDetector, derived, with_axis
from interferon.detect.series import judge
from interferon.detect.settings import FILE
from interferon.detect.telemetry import Frame, learn, observe
from interferon.detect.telemetry_examples import LAST, TRAIN
from interferon.detect.telemetry_state import due, new_state
from interferon.detect.windows import Floats, Rows, encode, hold, robust_scale, rolling, sequence
from interferon.detectors.telemetry_portfolio import FILES, TELEMETRY

SHIPPED = {detector.name: detector for detector in (*FILES.records, *FILES.series, *TELEMETRY)}.values()


def standard(values: Floats) -> Rows:
    centre, spread = robust_scale(values[:TRAIN])
    codes = encode((values - centre) / spread, ~np.isnan(values))
    return sequence(hold(codes, np.zeros(values.shape[1], dtype=np.int16)) / 512.0, ~np.isnan(values))


def scores(detector: TelemetryDetector, values: Floats) -> tuple[Floats, Floats]:
    """Statistic and shares of every row, learnt from the first TRAIN."""
    rows = standard(values)
    params = with_axis(detector.learn(rows, np.arange(len(values)) < TRAIN, FILE))
    window = rolling(derived(detector, params, rows), detector.window(FILE), FILE.spread_floor)
    return detector.score(params, window), detector.why(params, window)


@pytest.fixture(params=SHIPPED, ids=lambda detector: detector.name)
def detector(request: pytest.FixtureRequest) -> TelemetryDetector:
    found: TelemetryDetector = request.param
    return found


def test_quiet_example_stays_within_training(detector: TelemetryDetector) -> None:
    statistic, _ = scores(detector, detector.QUIET())
    assert statistic[-LAST:].max() < statistic[100:TRAIN].max() + 1.0


def test_loud_example_stands_out(detector: TelemetryDetector) -> None:
    statistic, _ = scores(detector, detector.LOUD())
    assert statistic[-1] > statistic[100:TRAIN].max() + 1.5


def test_shares_are_exact(detector: TelemetryDetector) -> None:
    _, shares = scores(detector, detector.LOUD())
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-12)


def test_why_names_the_signals_that_were_touched(detector: TelemetryDetector) -> None:
    touched = np.flatnonzero(np.nan_to_num(detector.LOUD()[-1], nan=-1.0) != detector.QUIET()[-1])
    _, shares = scores(detector, detector.LOUD())
    assert shares[-1].argmax() in touched
    assert shares[-1][touched].sum() > 0.4


def test_learning_and_scoring_change_nothing(detector: TelemetryDetector) -> None:
    values = detector.LOUD()
    before = values.copy()
    first, _ = scores(detector, values)
    again, _ = scores(detector, values)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(values, before)


def test_a_signal_that_never_spoke_is_not_in_the_way(detector: TelemetryDetector) -> None:
    values = np.hstack([detector.QUIET(), np.full((len(detector.QUIET()), 1), np.nan)])
    statistic, shares = scores(detector, values)
    assert np.isfinite(statistic).all()
    assert np.isfinite(shares).all()


def test_examples_are_what_the_kit_expects(detector: TelemetryDetector) -> None:
    quiet, loud = detector.QUIET(), detector.LOUD()
    assert quiet.shape == loud.shape
    np.testing.assert_array_equal(quiet[:TRAIN], loud[:TRAIN])
    assert not np.array_equal(quiet[-LAST:], loud[-LAST:], equal_nan=True)


def test_records_are_judged_the_same_frame_by_frame() -> None:
    values = np.random.default_rng(12).normal(size=(700, 2, 4)).astype(np.float32).astype(np.float64)
    values[np.random.default_rng(13).random(values.shape) < 0.02] = np.nan
    values[450, 1, 2] = 9.0
    settings = replace(FILE.paced(0.0), learn_rows=400)
    state = new_state(settings, 4, FILES.records)
    found = []
    for row, frame in enumerate(values):
        found.append(observe(state, Frame(row, np.arange(2, dtype=np.int32), frame), FILES.records))
        for entity in due(state):
            learn(state, entity, FILES.records)
    for entity in range(2):
        block = judge(in_single(fit([values[:400, entity]], FILES.records, settings)), values[400:, entity], FILES.records)
        np.testing.assert_allclose([verdicts.p[entity] for verdicts in found[400:]], block.p, rtol=0, atol=1e-9)
    assert found[450].alarm[1]
