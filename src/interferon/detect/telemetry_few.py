"""Detectors that have something to say of few machines only, such as those with valves: kept machine by machine, not in the fleet's arrays.

Part of the telemetry state; called by `detect.telemetry`. A detector says so by `few = True`; of a machine of which
none of them has anything to say nothing is kept, and nothing is spent on it. Of the others each takes a third of a millisecond a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interferon.detect.calibrate import evidence
from interferon.detect.protocol import Params, TelemetryDetector, derived, of_few, with_axis
from interferon.detect.settings import Settings
from interferon.detect.windows import LEAD, Bools, Floats, Rows, Window, rolling

Portfolio = Sequence[TelemetryDetector]
LATE: Final = 1.5  # steps from row to row; after more, rows are missing


@dataclass
class Few:
    """What is held of one machine. params: one mapping for each such detector, in the portfolio's order. z, valid (K, S): its last rows,
    oldest first, on the baseline of the training data, which does not move, and where there was a value; K: the longest window and LEAD.
    time, step: of the last row, and the least from one row to the next, in microseconds, 0 before there was one."""

    params: list[dict[str, Floats | NDArray[np.float32]]]
    z: Floats
    valid: Bools
    time: int = 0
    step: int = 0


def split(portfolio: Portfolio) -> tuple[Portfolio, Portfolio]:
    """Returns the detectors whose memory is in arrays over the fleet, and those of few machines, which come last in a portfolio."""
    number = sum(not of_few(detector) for detector in portfolio)
    assert all(of_few(detector) for detector in portfolio[number:]), "the detectors of few machines come last"
    return portfolio[:number], portfolio[number:]


def begin(detectors: Portfolio, params: Sequence[Params], recent: Rows, settings: Settings, *, own: bool) -> Few | None:
    """Returns what is held of a machine whose last training rows were `recent`; None where no detector has anything to say of it. Where
    they are not its `own`, the last of them does not count as the one before its next row."""
    length = LEAD + max((detector.window(settings) for detector in detectors), default=0)
    z, valid = recent.z[-length:], recent.valid[-length:]
    missing = length - len(z)  # a machine may have been learnt on fewer rows than a window has
    z = np.concatenate([np.repeat(z[:1], missing, axis=0), z])
    valid = np.concatenate([np.zeros((missing, z.shape[1]), dtype=np.bool_), valid])
    few = Few([dict(one) for one in params], z, valid)
    said = [detector.score(*_seen(few, detectors, place, settings)) for place, detector in enumerate(detectors)]
    few.valid[-1] &= own
    return few if np.isfinite(said).any() else None


def push(few: Few, z: Floats, valid: Bools, time: int) -> None:
    """Takes one row (S,) in, of the frame that begins at `time`, microseconds UTC. Where rows are missing between it and the last one, that
    does not count as the one before."""
    passed, few.time = time - few.time if few.time else 0, time
    few.step = min(few.step or passed, passed) or few.step
    if passed > LATE * few.step:
        few.valid[-1] = False
    few.z[:-1], few.valid[:-1] = few.z[1:].copy(), few.valid[1:].copy()
    few.z[-1], few.valid[-1] = z, valid


def evidences(few: Few, detectors: Portfolio, tails: Floats, settings: Settings) -> Floats:
    """Returns the evidence (D,) of each detector; `tails` (D, 2) are their level and scale."""
    said = [detector.score(*_seen(few, detectors, place, settings))[0] for place, detector in enumerate(detectors)]
    return evidence(np.array(said), tails[:, 0], tails[:, 1])


def shares(few: Few, detectors: Portfolio, place: int, settings: Settings) -> Floats:
    """Returns each signal's share (S,) of what the detector at `place` says."""
    return np.asarray(detectors[place].why(*_seen(few, detectors, place, settings))[0])


def _seen(few: Few, detectors: Portfolio, place: int, settings: Settings) -> tuple[Params, Window]:
    """The parameters of the detector at `place`, and the window (1, S) that it sees at the last row."""
    detector, params = detectors[place], with_axis(few.params[place])
    codes = derived(detector, params, Rows(few.z, few.valid, few.z[:LEAD]))
    window = rolling(codes, detector.window(settings), settings.spread_floor, single=True)  # as everything of a fleet
    return params, Window(window.mean[-1:], window.spread[-1:])
