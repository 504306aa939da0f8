"""Arrays of a fleet: whoever shares a frame, and however the arrays lie in memory, each machine is held and judged as if it were alone."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.detect import signal_state, signals, signals_learn
from interferon.detect.fleet import Rings, grow, new_rings, prime, push, some, window_of
from interferon.detect.settings import LIVE
from interferon.detect.signal_examples import TRAIN, pump
from interferon.detect.signal_protocol import reading
from interferon.detect.signal_state import by_detector
from interferon.detect.windows import GAP, STEP, Codes, encode, robust_scale
from interferon.detectors.telemetry_cusum import TelemetryCusum
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.store import checkpoint
from interferon.twin.draws import MINUTE


@pytest.mark.parametrize("bits", [False, True])
@given(seed=st.integers(0, 2**32 - 1), window=st.integers(2, 9), signals_of=st.integers(1, 17))
@settings(max_examples=30, deadline=None)
def test_machines_that_share_a_push_are_held_as_if_each_were_alone(bits: bool, seed: int, window: int, signals_of: int) -> None:
    """Learnt at different rows, and some of them missing from a frame: none of their rows lies beside another's."""
    draw, machines = np.random.default_rng(seed), 5
    together, alone = (new_rings(window, signals_of, bits=bits) for _ in range(2))
    rows = draw.integers(0, window, machines)
    for rings in (together, alone):
        grow(rings, machines + 1)
        for machine in range(machines):
            prime(rings, machine, np.zeros((window, signals_of), dtype=np.int16), int(rows[machine]))
    for _ in range(2 * window):
        entities = np.flatnonzero(draw.random(machines) < 0.7)
        if not len(entities):
            continue
        codes = (draw.random((len(entities), signals_of)) < 0.5).astype(np.int16) * np.int16(STEP)
        if not bits:
            codes[draw.random(codes.shape) < 0.3] = GAP
        push(together, entities, rows[entities], codes)
        for place, entity in enumerate(entities):
            push(alone, entities[place : place + 1], rows[[entity]], codes[place : place + 1])
        rows[entities] += 1
        found, expected = (window_of(rings, entities, 0.1) for rings in (together, alone))
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.spread, expected.spread)
    assert np.array_equal(together.ring, alone.ring)
    if isinstance(together, Rings) and isinstance(alone, Rings):
        assert np.array_equal(together.squares, alone.squares)
        assert np.array_equal(together.count, (together.ring != GAP).sum(axis=0))


def test_some_rows_are_a_view_where_they_have_no_hole() -> None:
    table = np.arange(12).reshape(4, 3)
    assert np.shares_memory(some(table, slice(1, 3)), table)
    assert some(table, np.array([0, 3])).tolist() == [[0, 1, 2], [9, 10, 11]]


def learnt() -> tuple[signal_state.SignalState, Codes]:
    """A state that has learnt three pumps, and the rows (N, 3, S) that follow; in some, a signal leaps."""
    values = np.stack([pump() + machine for machine in range(3)], axis=1)
    centre, scale = robust_scale(values[:TRAIN].reshape(TRAIN, -1))
    codes = encode((values.reshape(len(values), -1) - centre) / scale, np.ones((len(values), len(centre)), dtype=np.bool_))
    rows = codes.reshape(values.shape)
    state = signal_state.new_state(pump().shape[1], SIGNALS)
    when = np.arange(TRAIN) * MINUTE
    signals_learn.learn(state, range(3), [rows[:TRAIN, machine] for machine in range(3)], [when] * 3, SIGNALS)
    following = rows[TRAIN : TRAIN + 40].copy()
    following[10:20, 1, 0] += np.int16(9 * STEP)
    return state, following


def test_a_state_that_was_written_and_read_goes_on_to_the_byte() -> None:
    """Where its arrays lie in memory is no part of it."""
    state, following = learnt()
    for name in ("low", "high"):
        view = by_detector(state, name)
        assert view.flags.c_contiguous
        assert np.shares_memory(view, getattr(state, name))
    told = []
    for place, row in enumerate(following):
        if place == 5:
            again = checkpoint.load(checkpoint.dump(state))
            assert not again.high.swapaxes(0, 1).flags.c_contiguous
        time, both = (TRAIN + place) * MINUTE, [state, again] if place >= 5 else [state]
        seen = [signals.observe(one, LIVE, time, np.arange(3), row, SIGNALS) for one in both]
        assert all(np.array_equal(one.p, seen[0].p) for one in seen)
        told += [(place, machine) for machine in np.flatnonzero(seen[0].rising).tolist()]
    assert checkpoint.dump(state) == checkpoint.dump(again)
    assert (10, 1) in told
    assert (state.most > state.high).any()  # what was calm beyond the range was written through the view


def test_a_machine_beside_others_is_judged_as_without_them() -> None:
    state, following = learnt()
    alone = copy.deepcopy(state)
    for place, row in enumerate(following):
        time = (TRAIN + place) * MINUTE
        seen = signals.observe(state, LIVE, time, np.array([0, 1, 2]), row, SIGNALS)
        own = signals.observe(alone, LIVE, time, np.array([1]), row[1:2], SIGNALS)
        assert own.p[0] == seen.p[1]
        np.testing.assert_array_equal(own.evidence(0), seen.evidence(1))


@given(st.lists(st.floats(-30, 30, width=32), min_size=4, max_size=40))
def test_the_sign_of_a_cumulative_sum_is_that_of_the_larger_one(values: list[float]) -> None:
    detector, params = TelemetryCusum(), {"per_noise": np.full((1, 1), 2.0, dtype=np.float32)}
    memory = signal_state.fresh(detector, 1, 1)
    for row, value in enumerate(values):
        code = np.array([[round(value * STEP)]]).clip(-32000, 32000).astype(np.int16)
        given_row = reading(code, np.array([row]), np.ones(1, dtype=np.bool_), np.zeros(1, dtype=np.int64))
        number = detector.update(params, memory, given_row, np.ones((1, 1), dtype=np.bool_))
        up, down = memory["up"], memory["down"]
        assert number == np.copysign(np.sqrt(np.maximum(up, down)), np.subtract(up, down))
