"""Detectors of few machines, live: they say what they say of a recording, cost nothing where they are mute, and are rolled back."""

from dataclasses import replace

import numpy as np
import pytest

from interferon.detect import retired, telemetry, telemetry_few, telemetry_state
from interferon.detect.fit import fit, in_single
from interferon.detect.fleet import BLOCK
from interferon.detect.series import judge
from interferon.detect.settings import FILE
from interferon.detect.telemetry_examples import LAST, TRAIN, basin, plant, stuck
from interferon.detect.windows import Floats
from interferon.detectors.telemetry_invariants import TelemetryInvariants
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.store import checkpoint

SETTINGS = replace(FILE, learn_rows=TRAIN).for_rows(TRAIN)
LEVEL = 0


def readings(*machines: Floats) -> Floats:
    """(rows, machines, S), as the learning buffer holds them; shorter machines have signals that never speak."""
    width = max(one.shape[1] for one in machines)
    wide = [np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=np.nan) for one in machines]
    return np.stack(wide, axis=1).astype(np.float32).astype(np.float64)


def run(state: telemetry_state.TelemetryState, values: Floats, start: int = 0) -> list[telemetry.Verdicts]:
    out, entities = [], np.arange(values.shape[1], dtype=np.int32)
    for row, frame in enumerate(values, start=start):
        out.append(telemetry.observe(state, telemetry.Frame(row, entities, frame), TELEMETRY))
        for entity in telemetry_state.due(state):
            telemetry.learn(state, entity, TELEMETRY)
    return out


def test_live_they_say_what_they_say_of_a_recording() -> None:
    values = readings(plant(), stuck())
    values[np.random.default_rng(3).random(values.shape) < 0.01] = np.nan
    verdicts = run(state := telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY), values)
    for entity in (0, 1):
        block = judge(in_single(fit([values[:TRAIN, entity]], TELEMETRY, SETTINGS)), values[TRAIN:, entity], TELEMETRY)
        np.testing.assert_allclose([one.p[entity] for one in verdicts[TRAIN:]], block.p, rtol=0, atol=1e-9)
        shares = dict(telemetry.why(state, entity, TELEMETRY))
        np.testing.assert_allclose([shares.get(signal, 0.0) for signal in range(values.shape[2])], block.shares[-1], atol=1e-6)


def test_a_level_that_no_longer_does_what_pump_and_valve_make_it_is_told_by_them() -> None:
    values = readings(stuck())
    without, (dense, few) = TELEMETRY[:-1], telemetry_few.split(TELEMETRY)
    assert (len(dense), [type(one) for one in few]) == (3, [TelemetryInvariants])
    told = judge(fit([values[:TRAIN, 0]], TELEMETRY, SETTINGS), values[TRAIN:, 0], TELEMETRY)
    beside = judge(fit([values[:TRAIN, 0]], without, SETTINGS), values[TRAIN:, 0], without)
    assert np.median(told.p[-LAST // 2 :]) < 0.1 * np.median(beside.p[-LAST // 2 :])
    run(state := telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY), values)
    assert telemetry_few.shares(state.few[0], few, 0, SETTINGS).argmax() == LEVEL


def test_a_machine_of_which_they_have_nothing_to_say_costs_nothing() -> None:
    values = readings(plant(), basin())
    run(state := telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY), values[: TRAIN + 5])
    assert list(state.few) == [1]


def test_machines_in_blocks_and_a_stored_state_go_on_as_if_nothing_had_been(monkeypatch: pytest.MonkeyPatch) -> None:
    values = readings(basin(), plant(), stuck())
    state = telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY)
    run(state, values[: TRAIN + 100])
    stored = checkpoint.load(checkpoint.dump(state))
    whole = run(state, values[TRAIN + 100 :], TRAIN + 100)
    monkeypatch.setattr(telemetry, "BLOCK", 2)
    assert BLOCK > 2
    apart = run(stored, values[TRAIN + 100 :], TRAIN + 100)
    assert [one.p.tolist() for one in whole] == [one.p.tolist() for one in apart]


def strongest(dark: int) -> float:
    """The most that they say of a plant that is well, in 40 rows after `dark` ones that never came."""
    values = readings(basin())
    state, few, first = telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY), telemetry_few.split(TELEMETRY)[1], TRAIN + 40
    run(state, values[:first])
    said = []
    for row in range(first + dark, first + dark + 40):
        run(state, values[row : row + 1], row)
        said.append(float(telemetry_few.evidences(state.few[0], few, state.tails[0, -2:-1], SETTINGS)[0]))
    assert (state.few[0].time, state.few[0].step) == (first + dark + 39, 1)
    return max(said)


def test_after_rows_that_never_came_the_row_before_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert strongest(dark=23) < strongest(dark=0) + 1.0
    monkeypatch.setattr(telemetry_few, "LATE", np.inf)
    assert strongest(dark=23) > strongest(dark=0) + 3.0  # the level went on moving meanwhile


def test_what_is_taken_is_put_back_whole() -> None:
    values = readings(basin())
    state = telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY)
    run(state, values[: TRAIN + 50])
    before = checkpoint.dump(state.few)
    kept = retired.taken(state, 0, "telemetry")
    run(state, values[TRAIN + 50 :], TRAIN + 50)
    assert checkpoint.dump(state.few) != before
    retired.put_back(state, 0, "telemetry", kept)
    assert checkpoint.dump(state.few) == before
    del kept["telemetry.few"]
    retired.put_back(state, 0, "telemetry", kept)
    assert state.few == {}


def test_what_peers_lend_is_not_the_row_before() -> None:
    values = readings(basin())
    for put, before in ((telemetry.install, True), (telemetry.lend, False)):
        state = telemetry_state.new_state(SETTINGS, values.shape[2], TELEMETRY)
        telemetry_state.make_room(state, 1)
        put(state, 0, fit([values[:TRAIN, 0]], TELEMETRY, SETTINGS), TELEMETRY)
        assert bool(state.few[0].valid[-1].all()) is before
        assert bool(state.few[0].valid[-1].any()) is before
        assert state.few[0].valid[:-1].all()
