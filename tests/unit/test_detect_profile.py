"""The profile of the day and the week: learnt while watching, on calm rows alone and bounded, silent until two weeks were seen;
then a night that is worked as a day is told, which no other detector of single signals sees."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.bench.watch import SETTINGS, Watcher
from interferon.bench.watch_world import network
from interferon.detect import signal_state, signals, signals_learn
from interferon.detect.rhythm import DAY, WEEK
from interferon.detect.settings import LIVE
from interferon.detect.signal_protocol import Memory, Numbers, reading
from interferon.detect.windows import GAP, STEP, Codes, Floats, Ints, encode, robust_scale
from interferon.detectors import telemetry_profile as profile
from interferon.detectors.telemetry_profile import FINE, TelemetryProfile
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.store import checkpoint
from interferon.store.examples import START

DETECTOR = TelemetryProfile()
MINUTE, QUARTER, DAWN = DAY // 1440, DAY // 96, 4 * DAY  # the epoch was a Thursday: a Monday begins at DAWN
MEMORY = DETECTOR.memory()


def fresh(machines: int = 1, width: int = 1) -> Memory:
    return {name: np.full((machines, width, *shape), first, dtype=kind) for name, (shape, kind, first) in MEMORY.items()}


def followed(memory: Memory, codes: Codes, times: Ints, calm: bool = True) -> list[Numbers]:
    """The numbers of rows (N, n, S) that come at `times` (N,) or (N, n)."""
    count = codes.shape[1]
    out = []
    for row, (code, time) in enumerate(zip(codes, times, strict=True)):
        now = reading(code, np.full(count, row), np.full(count, calm), np.atleast_1d(time))
        out.append(DETECTOR.update({}, memory, now, np.ones(code.shape, dtype=np.bool_)))
    return out


def rows(spreads: Floats) -> Codes:
    return np.round(spreads * STEP).astype(np.int16)[:, None, None]


def usual(time: Ints) -> Floats:
    """A rhythm of the day, another one on weekends."""
    turn, weekend = 2.0 * np.pi * time / DAY, (time // DAY + 3) % 7 >= 5
    return np.where(weekend, -0.8, 0.2 - 1.2 * np.cos(turn))


def test_terms_are_orthogonal_over_a_week() -> None:
    week = np.concatenate([profile._TERMS[0]] * 5 + [profile._TERMS[1]] * 2)
    np.testing.assert_allclose(week.T @ week / len(week), np.eye(profile.TERMS), atol=1e-5)


def test_what_is_usual_at_a_time_of_the_week_is_learnt() -> None:
    times = DAWN + np.arange(5 * WEEK // QUARTER) * QUARTER
    noise = np.random.default_rng(1).normal(0.0, 0.3, len(times))
    followed(memory := fresh(), rows(usual(times) + noise), times)
    week = DAWN + np.arange(WEEK // QUARTER) * QUARTER
    terms = profile._TERMS[((week // DAY + 3) % 7 >= 5).astype(int), week // QUARTER % 96]
    missed = terms @ (memory["weights"][0, 0] / FINE) - usual(week)
    assert np.sqrt(np.mean(missed**2)) < 0.1


@pytest.mark.parametrize(("day", "heard"), [(6, False), (13, False), (16, True)])
def test_nothing_is_said_before_two_weeks_were_seen_whole(day: int, heard: bool) -> None:
    times = DAWN + np.arange(18 * 144) * (DAY // 144)
    values = usual(times) + 2.5 * (np.arange(len(times)) // 72 == 2 * day + 1)  # an afternoon
    said = np.array([number[0, 0] for number in followed(fresh(), rows(values), times)])
    assert not said[: 14 * 144].any()
    assert said.any() == heard


def test_a_machine_in_alarm_teaches_nothing() -> None:
    times = DAWN + np.arange(2 * DAY // QUARTER) * QUARTER
    followed(memory := fresh(), rows(usual(times)), times, calm=False)
    assert not memory["weights"].any()
    assert not memory["usual"].any()
    assert memory["days"][0, 0] == 0  # and does not come to be judged by what it was not taught


def test_a_signal_without_rhythm_is_not_judged() -> None:
    times = DAWN + np.arange(20 * DAY // QUARTER) * QUARTER
    values = np.random.default_rng(2).normal(0.0, 0.5, len(times))
    values[-60:] += 2.5
    said = followed(memory := fresh(), rows(values), times)
    assert not np.array(said).any()
    assert abs(memory["off"][0, 0]) > profile.ALLOWED * memory["usual"][0, 0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 60.0), st.floats(0.0, 1.0), st.integers(1, 2000))
def test_whatever_comes_it_stays_within_its_bounds(seed: int, size: float, gone: float, minutes: int) -> None:
    draw = np.random.default_rng(seed)
    codes = np.clip(draw.normal(draw.normal(0.0, size), size, (400, 2, 3)) * STEP, -32000, 32000).astype(np.int16)
    codes[draw.random(codes.shape) < gone] = GAP
    memory = fresh(2, 3)
    numbers = np.array(followed(memory, codes, draw.integers(0, WEEK) + np.arange(400) * minutes * MINUTE))
    assert np.isfinite(numbers).all()
    assert np.abs(memory["weights"].astype(np.float64) / FINE).max() <= profile.BOUND
    assert np.abs(memory["off"].astype(np.float64) / FINE).max() <= profile.CLIP
    assert memory["usual"].min() >= 0
    assert memory["days"].min() >= 0


def test_a_signal_that_is_not_there_is_not_followed() -> None:
    times = DAWN + np.arange(2 * DAY // QUARTER) * QUARTER
    followed(memory := fresh(), np.full((len(times), 1, 1), GAP, dtype=np.int16), times)
    assert not any(value.any() for value in memory.values())


def test_each_machine_has_its_own_time_and_the_same_life_alone() -> None:
    draw = np.random.default_rng(3)
    times = DAWN + np.arange(17 * DAY // QUARTER)[:, None] * QUARTER + np.array([0, 3 * DAY + 5 * QUARTER])
    codes = np.round((usual(times)[..., None] + draw.normal(0.0, 0.6, (*times.shape, 2))) * STEP).astype(np.int16)
    together = np.array(followed(both := fresh(2, 2), codes, times))
    for machine in (0, 1):
        alone = np.array(followed(one := fresh(1, 2), codes[:, machine : machine + 1], times[:, machine]))
        assert (alone[:, 0] == together[:, machine]).all()
        assert all((one[name][0] == both[name][machine]).all() for name in one)


def lived() -> tuple[Ints, Codes]:
    """Times (N,) and rows (N, 2, 2) of codes, three minutes apart: two machines of two signals for 18 days from a Monday on. In its last
    night the second of them comes back, within three hours, to a load that is ordinary by day."""
    times = DAWN + np.arange(18 * 480) * (DAY // 480)
    draw = np.random.default_rng(4)
    load = np.repeat(0.2 - 1.2 * np.cos(2.0 * np.pi * times[:, None] / DAY), 2, axis=1)
    night = NIGHT + np.arange(200)
    by_day = 0.9 + 0.4 * np.sin(np.arange(200) / 13.0)
    share = np.minimum(1.0, np.arange(200) / 60.0)
    load[night, 1] += share * (by_day - load[night, 1])
    values = 50.0 + 5.0 * load[..., None] * np.array([1.0, 0.7]) + draw.normal(0.0, 1.0, (len(times), 2, 2))
    centre, spread = (np.stack(part) for part in zip(*(robust_scale(values[:1440, machine]) for machine in (0, 1)), strict=True))
    return times, encode((values - centre) / spread, np.ones(values.shape, dtype=np.bool_))


NIGHT = 17 * 480 - 100  # row: Wednesday, seven in the evening


def test_a_night_worked_as_a_day_is_told_by_the_profile_alone() -> None:
    names = [detector.name for detector in SIGNALS]
    times, table = lived()
    state = signal_state.new_state(2, SIGNALS)
    signals_learn.learn(state, [0, 1], [table[:1440, machine] for machine in (0, 1)], [times[:1440]] * 2, SIGNALS)
    told: list[tuple[int, int, str]] = []
    for place in range(1440, len(table)):
        if place == NIGHT - 7:
            state = checkpoint.load(checkpoint.dump(state))
        seen = signals.observe(state, LIVE, int(times[place]), np.arange(2), table[place], SIGNALS)
        told += [(place, int(machine), names[seen.leading(int(machine))]) for machine in np.flatnonzero(seen.rising)]
    assert [(machine, name) for _, machine, name in told] == [(1, "profile")]
    assert NIGHT <= told[0][0] < NIGHT + 200


@pytest.mark.parametrize("days", [1, 20])
def test_a_longer_training_is_used_whole(days: int) -> None:
    times = DAWN + np.arange(days * DAY // QUARTER) * QUARTER
    state = signal_state.new_state(1, [DETECTOR])
    signals_learn.learn(state, [0], [rows(usual(times))[:, 0]], [times], [DETECTOR])
    assert state.memory[0]["days"][0, 0] == days - 1
    assert np.isfinite(state.high[0]).all()


def test_the_time_of_a_frame_reaches_it_in_training_and_after() -> None:
    watcher = Watcher(network(2), [DETECTOR], replace(SETTINGS, learn_rows=100))
    draw = np.random.default_rng(5)
    for row in range(1, 131):
        watcher.take(draw.normal(10.0, 1.0, (2, 8)), [])
        state = watcher.watch.shards[0].signals
        if row in (100, 130):
            assert (state.memory[0]["quarter"][:2] == (START // MINUTE + row - 1) // 15 % 96).all()


def test_a_slot_that_never_speaks_costs_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = list[int]()
    monkeypatch.setattr(TelemetryProfile, "_turn", lambda self, memory, row, quarter, turns: turned.append(len(turns)))
    silent = np.full((60, 3, 2), GAP, dtype=np.int16)
    silent[:, 0, 0] = 100
    memory = fresh(3, 2)
    memory["quarter"][0, 0] = (DAWN + QUARTER) // QUARTER % 96
    followed(memory, silent[:15], DAWN + QUARTER + np.arange(15) * MINUTE)
    assert turned == []
    followed(memory, silent[:1], np.array([DAWN + 2 * QUARTER]))
    assert turned == [1]
