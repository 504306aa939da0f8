"""Single signals: what each attack leaves is seen in the right signal, told once, not learnt, and the same however frames are cut."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from interferon.detect import signal_state, signals, signals_learn
from interferon.detect.settings import LIVE
from interferon.detect.signal_examples import LAST, TRAIN, creep, freeze, leap, mute, pump, repeat
from interferon.detect.signal_protocol import Memory, log_run, reading
from interferon.detect.windows import GAP, STEP, Codes, Floats, encode, robust_scale
from interferon.detectors.telemetry_cusum import TelemetryCusum
from interferon.detectors.telemetry_replay import TelemetryReplay
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.store import checkpoint
from interferon.twin.draws import MINUTE

NAMES = [detector.name for detector in SIGNALS]
WHEN = np.arange(6000) * MINUTE


def codes(values: Floats) -> Codes:
    centre, scale = robust_scale(values[:TRAIN])
    return encode((values - centre) / scale, ~np.isnan(values))


def learnt(machines: Sequence[Floats]) -> signal_state.SignalState:
    """A state of one's own that has learnt the machines, whose training rows many tests share."""
    return copy.deepcopy(_learnt(tuple(values[:TRAIN].tobytes() for values in machines)))


@cache
def _learnt(tables: tuple[bytes, ...]) -> signal_state.SignalState:
    return learnt_anew([np.frombuffer(table).reshape(TRAIN, -1) for table in tables])


def learnt_anew(machines: Sequence[Floats]) -> signal_state.SignalState:
    state = signal_state.new_state(machines[0].shape[1], SIGNALS)
    signals_learn.learn(
        state, range(len(machines)), [codes(values)[:TRAIN] for values in machines], [WHEN[:TRAIN]] * len(machines), SIGNALS
    )
    return state


def run(state: signal_state.SignalState, machines: Sequence[Floats], first: int = TRAIN, last: int | None = None) -> list[signals.Seen]:
    table = np.stack([codes(values) for values in machines], axis=1)[first:last]
    times = WHEN[first : first + len(table)].tolist()
    return [signals.observe(state, LIVE, time, np.arange(len(machines)), row, SIGNALS) for time, row in zip(times, table, strict=True)]


def told(seen: Sequence[signals.Seen], machine: int = 0) -> list[tuple[int, str]]:
    return [(row, NAMES[one.leading(machine)]) for row, one in enumerate(seen, TRAIN) if one.rising[machine]]


def test_an_ordinary_day_is_silent() -> None:
    assert told(run(learnt([pump()]), [pump()])) == []


ATTACKED = [(freeze, 1, "flatline"), (repeat, 1, "replay"), (leap, 2, None), (creep, 2, "cusum"), (mute, 1, "silence")]


@pytest.mark.parametrize(("recording", "signal", "by"), ATTACKED)
def test_an_attack_on_one_signal_is_told_soon_and_named(recording: object, signal: int, by: str | None) -> None:
    assert callable(recording)
    state = learnt([values := recording()])
    begin = len(values) - LAST
    alarms = told(seen := run(state, [values], last=begin + 90))
    assert len(alarms) == 1
    assert begin <= alarms[0][0] < begin + 90
    assert by is None or seen[-1].evidence(0)[NAMES.index(by), signal] > -np.log(LIVE.p_on)
    shares = signals.why(seen[-1], 0)
    assert shares[0][0] == signal
    assert sum(share for _, share in shares) == pytest.approx(1.0)


def test_what_alarms_is_not_learnt() -> None:
    values = np.concatenate([leap(), leap()[-LAST:], leap()[-LAST:]])
    state = learnt([values])
    level = NAMES.index("level_3")
    before = float(state.high[0, level, 2])
    run(state, [values])
    assert state.rows[0] > TRAIN + 1440  # a day's end has passed
    assert state.high[0, level, 2] == before


def test_calm_days_widen_a_range_within_a_bound() -> None:
    state = learnt([pump()])
    level = NAMES.index("level_180")
    high, spread = float(state.high[0, level, 0]), float(state.above[0, level, 0])
    state.most[0, level, 0] = high + 100 * spread
    run(state, [np.concatenate([pump(), pump()[:500]])])
    assert state.high[0, level, 0] == pytest.approx(high + signals.WIDEN * spread, rel=1e-5)


def test_frames_of_some_machines_give_the_same_as_frames_of_all() -> None:
    machines = [pump(), freeze(), leap()]
    together = run(learnt(machines), machines, last=TRAIN + 700)
    state = learnt(machines)
    table = np.stack([codes(values) for values in machines], axis=1)[TRAIN : TRAIN + 700]
    for one, row, time in zip(together, table, WHEN[TRAIN:].tolist(), strict=False):
        apart = [signals.observe(state, LIVE, time, np.array(group), row[group], SIGNALS) for group in ([0, 2], [1])]
        assert [apart[0].p[0], apart[1].p[0], apart[0].p[1]] == one.p.tolist()


def test_machines_judged_and_learnt_in_blocks_are_as_machines_judged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = [pump(), freeze(), leap()]
    together = run(learnt(machines), machines, last=TRAIN + 700)
    for module in (signals, signals_learn):
        monkeypatch.setattr(module, "BLOCK", 2)
    apart = run(learnt_anew(machines), machines, last=TRAIN + 700)
    assert [one.p.tolist() for one in together] == [one.p.tolist() for one in apart]
    assert told(together, 2) == told(apart, 2) != []


@given(st.lists(st.integers(0, 20_000), min_size=1))
def test_the_logarithm_of_a_run_is_the_same_looked_up_or_not(runs: list[int]) -> None:
    run = np.array(runs, dtype=np.int32)
    assert log_run(run).tolist() == np.log1p(run.astype(np.float32)).tolist()


def test_a_stored_state_goes_on_as_if_nothing_had_been() -> None:
    state = learnt([freeze()])
    run(state, [freeze()], last=TRAIN + 100)
    stored = checkpoint.load(checkpoint.dump(state))
    kept, restored = (run(each, [freeze()], TRAIN + 100, TRAIN + 300) for each in (state, stored))
    assert [one.p.tolist() for one in kept] == [one.p.tolist() for one in restored]


def test_machines_that_are_not_learnt_are_not_judged() -> None:
    state = signal_state.new_state(3, SIGNALS)
    seen = signals.observe(state, LIVE, 0, np.array([2, 5]), codes(pump())[:2], SIGNALS)
    assert seen.p.tolist() == [1.0, 1.0]
    assert not seen.rising.any()


def test_a_short_life_says_less() -> None:
    whole, part = learnt([leap()]), signal_state.new_state(3, SIGNALS)
    signals_learn.learn(part, [0], [codes(leap())[TRAIN - 240 : TRAIN]], [WHEN[TRAIN - 240 : TRAIN]], SIGNALS)
    first = len(leap()) - LAST
    row = codes(leap())[first]
    few, many = (signals.observe(state, replace(LIVE, p_on=1e-4), 0, np.array([0]), row[None], SIGNALS) for state in (part, whole))
    assert 0 < few.evidence(0).max() < many.evidence(0).max()


def test_a_machine_that_is_silent_altogether_says_nothing_of_one_sensor() -> None:
    values = mute()
    values[-LAST:] = np.nan
    state = learnt([values])
    seen = run(state, [values], last=TRAIN + 400)
    assert seen[-1].evidence(0)[NAMES.index("silence")].max() == 0.0


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_stops_neither_fill_the_sums_nor_drag_the_mean(rows: int, seed: int) -> None:
    detector = TelemetryCusum()
    params = {"per_noise": np.ones((1, 2), dtype=np.float32)}
    draw = np.random.default_rng(seed)
    memory: Memory = {name: draw.random((1, 2)).astype(np.float32) for name in detector.memory()}
    before = {name: value.copy() for name, value in memory.items()}
    stopped = np.array([[-4 * STEP, GAP]], dtype=np.int16)
    for row in range(rows):
        now = reading(stopped, np.array([row]), np.ones(1, dtype=np.bool_), np.zeros(1, dtype=np.int64))
        detector.update(params, memory, now, np.ones((1, 2), dtype=np.bool_))
    assert all((memory[name] == before[name]).all() for name in before)


def replayed(table: Codes) -> Floats:
    """The replay detector's number after each row of a machine's codes (N, S)."""
    detector, judged = TelemetryReplay(), np.ones((1, table.shape[1]), dtype=np.bool_)
    memory: Memory = {name: np.full((*judged.shape, *shape), first, dtype=kind) for name, (shape, kind, first) in detector.memory().items()}
    rows = (reading(codes[None], np.array([row]), np.ones(1, dtype=np.bool_), WHEN[row : row + 1]) for row, codes in enumerate(table))
    return np.array([detector.update({}, memory, row, judged)[0] for row in rows])


@settings(max_examples=40)
@given(st.integers(2, 140), st.integers(0, 2**32 - 1))
def test_a_recording_played_again_is_met_at_whatever_distance(lag: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    life = draw.integers(-3000, 3000, (220, 1)).astype(np.int16)
    assume((life[-lag:] != life[-1]).any())  # one value again and again is no recording: `telemetry_flatline` tells of it
    again = np.tile(life[-lag:], (-(-280 // lag), 1))[:280]
    number = replayed(np.concatenate([life, again]))[:, 0]
    assert number[:220].max() < np.log1p(2.1)
    assert number[-1] > np.log1p(5.9)


@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=6, unique=True), st.integers(20, 60))
def test_what_stands_still_is_no_recording(levels: list[int], rows: int) -> None:
    assert replayed(np.repeat(levels, rows).astype(np.int16)[:, None]).max() < np.log1p(1.1)


def test_another_signal_that_strays_is_told_though_the_first_one_never_came_back() -> None:
    values = np.random.default_rng(4).normal(size=(TRAIN + 2400, 3))
    begins = (TRAIN, TRAIN + 1000)
    for signal, begin in enumerate(begins):
        values[begin:, signal] += 5.0
    state, table, drift = learnt([values]), codes(values), NAMES.index("drift")
    found: list[list[int]] = [[], []]  # rows in which something is told while the drift detector alarms at a signal
    for row in range(TRAIN, len(values)):
        seen = signals.observe(state, LIVE, row * 60_000_000, np.arange(1), table[row : row + 1], SIGNALS)
        assert seen.strays[0].tolist() == (seen.evidence(0)[drift] > -np.log(LIVE.p_on)).tolist(), "less evidence is no straying"
        for signal, rows in enumerate(found):
            if seen.rising[0] and seen.evidence(0)[drift, signal] > 10.0:
                rows.append(row)
    assert [min(rows) < begin + 1400 for rows, begin in zip(found, begins, strict=True)] == [True, True]
    assert state.strayed[0].tolist() == [True, True, False]
    assert sum(map(len, found)) < 8
