"""The frame path and the block path: one result, visible learning, alert-once, gated learning, exact reasons."""

from dataclasses import fields, replace

import numpy as np
import pytest

from interferon.detect.fit import fit, in_single
from interferon.detect.series import hysteresis, judge, moved
from interferon.detect.settings import FILE
from interferon.detect.telemetry import Frame, Verdicts, install, learn, learn_from, observe, why, whys
from interferon.detect.telemetry_state import ABSENT, LEARNING, WATCHING, TelemetryState, due, new_state, silent
from interferon.detect.windows import Floats
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.model.errors import InputError

SETTINGS = replace(FILE, learn_rows=300, adapt_every=64, adapt_rows=500).for_rows(300)


def fleet(entities: int = 3, rows: int = 700, gaps: float = 0.02) -> Floats:
    """(rows, entities, 4) correlated readings; values that a float32 holds exactly, as the learning buffer does."""
    random = np.random.default_rng(11)
    load = np.cumsum(random.normal(size=(rows, entities, 1)), axis=0) * 0.02 + 5
    values = load * np.array([1.0, 2.0, -1.0, 0.5]) + random.normal(size=(rows, entities, 4)) * 0.2
    values[random.random(values.shape) < gaps] = np.nan
    return np.asarray(values.astype(np.float32).astype(np.float64))


def run(state: TelemetryState, values: Floats, start: int = 0) -> list[Verdicts]:
    entities = np.arange(values.shape[1], dtype=np.int32)
    out = []
    for row, frame in enumerate(values, start=start):
        out.append(observe(state, Frame(row, entities, frame), TELEMETRY))
        for entity in due(state):
            learn(state, entity, TELEMETRY)
    return out


def test_frames_and_blocks_agree() -> None:
    values = fleet()
    values[500:560, 1, 2] += 4.0
    verdicts = run(state := new_state(SETTINGS, 4, TELEMETRY), values)
    for entity in range(values.shape[1]):
        block = judge(in_single(fit([values[:300, entity]], TELEMETRY, SETTINGS)), values[300:, entity], TELEMETRY)
        np.testing.assert_allclose([verdict.p[entity] for verdict in verdicts[300:]], block.p, rtol=0, atol=1e-9)
        assert [bool(verdict.alarm[entity]) for verdict in verdicts[300:]] == block.alarm.tolist()
        shares = dict(why(state, entity, TELEMETRY))
        np.testing.assert_allclose([shares.get(signal, 0.0) for signal in range(4)], block.shares[-1], atol=1e-6)


def test_what_is_strange_of_many_at_once_is_what_it_is_of_each_alone() -> None:
    run(state := new_state(SETTINGS, 4, TELEMETRY), fleet(entities=3))
    for some in ([0, 1, 2], [0, 2], [1], []):
        assert whys(state, np.array(some, dtype=np.int64), TELEMETRY) == [why(state, one, TELEMETRY) for one in some]


def test_blocks_do_not_depend_on_the_other_entities_of_a_frame() -> None:
    values = fleet()
    together = run(new_state(SETTINGS, 4, TELEMETRY), values)
    alone = run(new_state(SETTINGS, 4, TELEMETRY), values[:, 1:2])
    assert [float(verdict.p[1]) for verdict in together] == [float(verdict.p[0]) for verdict in alone]


def test_learning_is_visible_and_ends() -> None:
    verdicts = run(new_state(SETTINGS, 4, TELEMETRY), fleet(rows=310, gaps=0.0))
    assert {int(status) for verdict in verdicts[:300] for status in verdict.status} == {LEARNING}
    assert all((verdict.p == 1).all() and not verdict.alarm.any() for verdict in verdicts[:300])
    assert (verdicts[300].status == WATCHING).all()


def test_an_alarm_is_told_once() -> None:
    values = fleet(gaps=0.0)
    values[450:550, 0, 1] += 8.0
    verdicts = run(new_state(SETTINGS, 4, TELEMETRY), values)
    first = next(row for row, verdict in enumerate(verdicts) if verdict.rising[0])
    assert 450 <= first < 470
    assert not any(verdict.rising[0] for verdict in verdicts[first + 1 : 550])
    assert all(verdict.alarm[0] for verdict in verdicts[first:550])


def test_an_attack_is_not_absorbed() -> None:
    values = fleet(entities=1, rows=1600, gaps=0.0)
    values[428:, 0, 1] += 8.0
    state = new_state(SETTINGS, 4, TELEMETRY)
    run(state, values[:428])  # two periods of learning after the first 300 rows
    before = state.shift.copy()
    run(state, values[428:], 428)
    assert state.alarm[0]
    np.testing.assert_allclose(state.shift[0], before[0], atol=0.05)


def test_a_slow_drift_is_followed() -> None:
    values = np.random.default_rng(5).normal(size=(1500, 1, 4))
    values[300:, 0, 2] += np.linspace(0.0, 0.8, 1200)
    run(state := new_state(SETTINGS, 4, TELEMETRY), values)
    assert state.shift[0, 2] > 0.3
    assert np.abs(state.shift[0, [0, 1, 3]]).max() < 0.15


def test_the_baseline_moves_within_its_bound() -> None:
    total, count = np.array([[512 * 64]]), np.array([[64]])
    shift = np.zeros((1, 1))
    for _ in range(100):
        shift = moved(shift, total, count, 500, 1.0)
    assert shift.tolist() == [[1.0]]


def test_missing_values_and_silence_are_seen() -> None:
    values = fleet(entities=2, rows=420, gaps=0.0)
    values[320:, 1] = np.nan
    state = new_state(SETTINGS, 4, TELEMETRY)
    verdicts = run(state, values)
    assert verdicts[-1].status.tolist() == [WATCHING, ABSENT]
    assert verdicts[-1].alarm.tolist() == [False, True]
    assert silent(state, before=400) == [1]


def test_an_entity_far_up_the_index_gets_room() -> None:
    values = fleet(entities=1)
    state = new_state(SETTINGS, 4, TELEMETRY)
    learn_from(state, 70, [values[:300, 0]], TELEMETRY)
    observe(state, Frame(0, np.array([3, 70], dtype=np.int32), values[300:302, 0]), TELEMETRY)
    assert state.status[[3, 70]].tolist() == [LEARNING, WATCHING]
    assert why(state, 3, TELEMETRY) == []
    assert why(state, 9999, TELEMETRY) == []


def test_the_learning_buffer_keeps_the_newest_rows_and_is_given_back() -> None:
    values = fleet(entities=1, rows=450)
    state, entities = new_state(SETTINGS, 4, TELEMETRY), np.array([0], dtype=np.int32)
    for row, frame in enumerate(values):
        observe(state, Frame(row, entities, frame), TELEMETRY)
    assert due(state) == [0]
    learn(state, 0, TELEMETRY)
    expected = fit([values[150:450, 0]], TELEMETRY, state.settings)
    np.testing.assert_array_equal(state.centre[0], expected.centre)
    assert len(state.waiting) == 0


def test_a_model_can_be_put_in_anew() -> None:
    values = fleet(entities=1)
    run(state := new_state(SETTINGS, 4, TELEMETRY), values[:600])
    install(state, 0, fit([values[300:600, 0]], TELEMETRY, state.settings), TELEMETRY)
    block = judge(in_single(fit([values[300:600, 0]], TELEMETRY, SETTINGS)), values[600:, 0], TELEMETRY)
    assert run(state, values[600:], 600)[-1].p[0] == pytest.approx(block.p[-1], abs=1e-9)


def test_the_state_is_plain_arrays() -> None:
    run(state := new_state(SETTINGS, 4, TELEMETRY), fleet())
    for part in fields(state):
        value = getattr(state, part.name)
        assert isinstance(value, (np.ndarray, int, list)) or part.name in ("settings", "few"), part.name
    assert state.few == {}
    per_entity = sum(getattr(state, part.name).nbytes for part in fields(state) if isinstance(getattr(state, part.name), np.ndarray))
    per_entity += sum(value.nbytes for stored in state.params for value in stored.values())
    per_entity += sum(getattr(rings, part.name).nbytes for rings in state.rings for part in fields(rings)[1:])
    assert per_entity / len(state.status) < 2000


def test_newer_training_data_sets_the_level() -> None:
    values = fleet(entities=1, rows=1400, gaps=0.0)[:, 0]
    older, newer, later = values[:400] + 30.0, values[400:800], values[800:]
    alone = judge(fit([older], TELEMETRY, FILE), later, TELEMETRY)
    both = judge(fit([older, newer], TELEMETRY, FILE), later, TELEMETRY)
    assert alone.alarm.mean() > 0.9
    assert both.alarm.mean() < 0.2


def test_many_rows_are_thinned() -> None:
    values = np.random.default_rng(3).normal(size=(9000, 3))
    few = fit([values], TELEMETRY, replace(FILE, max_learn_rows=4000))
    np.testing.assert_allclose(few.spread, 1.0, atol=0.1)
    assert judge(few, values[:2000], TELEMETRY).alarm.mean() < 0.05


def test_too_few_rows_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="only 10 training rows; at least 20"):
        fit([np.zeros((10, 2))], TELEMETRY, FILE.for_rows(10))


def test_nothing_to_judge_is_no_rows() -> None:
    found = judge(fit([np.random.default_rng(1).normal(size=(200, 2))], TELEMETRY, FILE), np.empty((0, 2)), TELEMETRY)
    assert found.p.shape == (0,)
    assert found.shares.shape == (0, 2)


def test_hysteresis_keeps_the_alarm_between_its_borders() -> None:
    p = np.array([0.5, 0.03, 0.045, 0.2, 0.045, 0.01])
    assert hysteresis(p, 0.04, 0.05, before=False).tolist() == [False, True, True, False, False, True]
    assert hysteresis(p[2:3], 0.04, 0.05, before=True).tolist() == [True]
