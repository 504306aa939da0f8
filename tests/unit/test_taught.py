"""What a slow attacker taught the baseline is taken back where the detector that nothing moves alarms, and there alone."""

import numpy as np

from interferon.detect import signals, taught, telemetry_state
from interferon.detect.settings import LIVE
from interferon.detect.signal_protocol import anchored
from interferon.detectors.telemetry_signals import SIGNALS

NAMES = [detector.name for detector in SIGNALS]
SLOTS = 3


def taken_back(*beyond: tuple[int, str, int], alarming: bool = True) -> set[tuple[int, int]]:
    """(entity, signal) whose baseline is where it was learnt again; `beyond`: (place, detector, signal), of the entities 1 and 3."""
    machine, detector, signal = np.array([(place, NAMES.index(name), at) for place, name, at in beyond], dtype=np.int64).reshape(-1, 3).T
    state = telemetry_state.new_state(LIVE, SLOTS, ())
    telemetry_state.make_room(state, 4)
    state.shift[:], state.quiet_total[:], state.quiet_count[:] = 0.7, 90, 9
    outside = signals.Outside(detector, machine, signal, np.zeros_like(machine), len(machine), np.zeros(len(machine), dtype=np.float32))
    strays = signals._strays(outside, np.full(len(machine), alarming), SIGNALS, (2, SLOTS))
    taught.take_back(state, np.array([1, 3]), strays)
    back = state.shift == 0.0
    assert np.array_equal(back, state.quiet_total == 0)
    assert np.array_equal(back, state.quiet_count == 0)
    return {(int(entity), int(signal)) for entity, signal in np.argwhere(back)}


def test_only_the_detector_of_drift_is_held_for_good() -> None:
    assert [detector.name for detector in SIGNALS if anchored(detector)] == ["drift"]


def test_its_alarm_takes_back_what_was_followed_of_that_signal() -> None:
    assert taken_back((0, "drift", 2), (1, "drift", 1), (1, "drift", 0)) == {(1, 2), (3, 1), (3, 0)}


def test_other_detectors_take_nothing_back() -> None:
    assert taken_back((1, "level_3", 1), (1, "cusum", 0)) == set()
    assert taken_back() == set()


def test_what_is_out_of_its_range_and_no_alarm_takes_nothing_back() -> None:
    assert taken_back((0, "drift", 2), alarming=False) == set()
