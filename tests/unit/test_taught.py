"""What a slow attacker taught the baseline is taken back where the detector that nothing moves alarms, and there alone."""

import numpy as np

from interferon.detect import taught, telemetry
from interferon.detect.settings import LIVE
from interferon.detect.signal_protocol import anchored
from interferon.detect.signals import Seen
from interferon.detectors.telemetry_signals import SIGNALS

NAMES = [detector.name for detector in SIGNALS]
SLOTS = 3


def seen(*found: tuple[int, str, int, float]) -> Seen:
    """(place of the machine, detector, signal, evidence) of some numbers beyond their range, in two pieces."""
    shape = (len(SIGNALS), SLOTS)
    where = [(place * shape[0] + NAMES.index(name)) * SLOTS + signal for place, name, signal, _ in found]
    evidence = np.array([nats for *_, nats in found], dtype=np.float32)
    halves = [(np.array(where[cut], dtype=np.int64), evidence[cut]) for cut in (slice(0, 2), slice(2, None))]
    return Seen(np.ones(2), np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.bool_), shape, halves)


def taken_back(what: Seen) -> set[tuple[int, int]]:
    """(entity, signal) whose baseline is where it was learnt again; `what` was seen of the entities 1 and 3."""
    state = telemetry.new_state(LIVE, SLOTS, ())
    telemetry._make_room(state, 4)
    state.shift[:], state.quiet_total[:], state.quiet_count[:] = 0.7, 90, 9
    taught.take_back(state, np.array([1, 3]), what, SIGNALS)
    back = state.shift == 0.0
    assert np.array_equal(back, state.quiet_total == 0)
    assert np.array_equal(back, state.quiet_count == 0)
    return {(int(entity), int(signal)) for entity, signal in np.argwhere(back)}


def test_only_the_detector_of_drift_is_held_for_good() -> None:
    assert [detector.name for detector in SIGNALS if anchored(detector)] == ["drift"]


def test_its_alarm_takes_back_what_was_followed_of_that_signal() -> None:
    assert taken_back(seen((0, "drift", 2, 12.0), (1, "drift", 1, 40.0), (1, "drift", 0, 11.0))) == {(1, 2), (3, 1), (3, 0)}


def test_less_evidence_and_other_detectors_take_nothing_back() -> None:
    assert taken_back(seen((0, "drift", 2, 9.0), (1, "level_3", 1, 40.0), (1, "cusum", 0, 40.0))) == set()
    assert taken_back(seen()) == set()
