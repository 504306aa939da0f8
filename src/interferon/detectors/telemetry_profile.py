"""Detector: a signal that lies, for an hour or more, where it may well lie, but not at this time of the day and of the week.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from interferon.detect.fleet import places
from interferon.detect.rhythm import DAY
from interferon.detect.signal_examples import nightshift, shifts
from interferon.detect.signal_protocol import Ints, Memory, Numbers, Reading, within
from interferon.detect.windows import Bools, Codes, Floats

Small = NDArray[np.int8]
QUARTERS, TERMS = 96, 8  # of a day; of the profile
SPAN = 120  # rows over which the deviation is smoothed
READY = 15  # calm midnights that it has seen, two whole weeks between them, before it says anything
SETTLED = 7  # after which its usual deviation is averaged, over as many: what it was before a weekend was seen is no measure
CLIP, BOUND = 1.5, 3.0  # spreads: a row's deviation, and each of the profile's terms
LEAST = 0.05  # the least usual deviation, in spreads
ALLOWED = 5.0  # usual deviations that are nothing strange
RHYTHM = 0.2  # spreads: what moves by less over a week, or by less than the usual deviation, is no rhythm; root mean square
FINE = 8192.0  # steps of a spread in which all of this is kept: 16 bits reach to ±4


def _terms() -> Numbers:
    """The terms (2, QUARTERS, TERMS) of each quarter of an hour, on working days and on weekends: orthogonal over a week, mean square 1."""
    table = np.empty((2, QUARTERS, TERMS))
    for free, level in enumerate((-math.sqrt(0.4), math.sqrt(2.5))):
        for quarter in range(QUARTERS):
            day = 2.0 * math.pi * (quarter + 0.5) / QUARTERS
            waves = [math.sqrt(2.0) * wave(turns * day) for turns in (1, 2) for wave in (math.sin, math.cos)]
            table[free, quarter] = [1.0, level, *waves, level * waves[0], level * waves[1]]
    return table.astype(np.float32)


_TERMS = _terms()


class TelemetryProfile:
    """Exponential mean, over 120 rows, of how far the reading lies from its profile, in units of how far it usually does, less 5.

    The profile is 1, sine and cosine of the day and of half the day, and 1, sine and cosine of the day once more for weekends (UTC), in
    the signal's spreads. A stochastic gradient follows it, once in a quarter of an hour, by calm rows alone, over as long as it has
    lived and two weeks at the most, no further than 3 spreads a term. The number is 0 until two whole weeks were seen, so that every hour
    of one came twice, and of a signal whose profile moves by less than it usually lies off it.

    Reference: Widrow and Hoff (1960), Adaptive switching circuits; Harvey (1989), Forecasting, structural time series models, ch. 2.
    """

    name, both, rate, floor, warm, most, grows = "profile", True, 4.0, 1.0, 2 * SPAN, np.inf, True
    says = "lies where it does not at this time of the day or week"
    techniques = ("T0836", "T0831", "T0856")
    QUIET = staticmethod(shifts)
    LOUD = staticmethod(nightshift)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        """weights, level, off, usual: profile, what it is in this quarter, smoothed deviation and its usual size, in 1/FINE spreads.
        quarter: of the day, when it was last followed; days: begun since in calm, up to 127."""
        kept = {name: ((), "int16", 0.0) for name in ("level", "off", "usual")} | {name: ((), "int8", 0.0) for name in ("quarter", "days")}
        return {"weights": ((TERMS,), "int16", 0), **kept}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        off, level = _fine(memory)[0], np.asarray(memory["level"], dtype=np.int16)
        quarter = (row.time * QUARTERS // DAY % QUARTERS).astype(np.int8)[:, None]
        turns = memory["quarter"] != quarter
        turns &= row.seen
        if turns.any():
            self._turn(memory, row, quarter, np.flatnonzero(turns.any(axis=1)))
        step = within(row.z - level * np.float32(1.0 / FINE), CLIP)
        step *= np.float32(FINE)
        step -= off
        step *= np.float32(1.0 / SPAN)
        step *= row.there
        off += np.rint(step, out=step).astype(np.int16)
        return _strange(memory)

    def _turn(self, memory: Memory, row: Reading, quarter: Small, turns: Ints) -> None:
        """Follows the profile of the machines `turns` (m,), of which a signal is seen for the first time in this quarter of an hour."""
        place = places(turns)  # where all machines turn at once, as they nearly always do, nothing is copied
        own, day = {name: value[place] for name, value in memory.items()}, row.time // DAY
        if len(day) > 1:  # while it is learnt each machine has its own time
            quarter, day = quarter[place], day[place]
        terms = _TERMS[((day + 3) % 7 >= 5).astype(np.int64), quarter[:, 0]][:, None]  # the epoch was a Thursday
        weights, seen = _fine(own)[2], (own["quarter"] != quarter) & row.seen[place]
        apart = within(row.z[place] - _profile(weights, terms), CLIP)
        _follow(own, apart, terms, quarter, seen, seen & row.calm[place, None])
        np.rint(_profile(weights, terms) * np.float32(FINE), out=own["level"], casting="unsafe")
        for name, value in own.items() if place is turns else ():
            memory[name][turns] = value


def _fine(memory: Memory) -> tuple[Codes, Codes, Codes]:
    """off, usual and weights, whose type a Memory does not tell."""
    return memory["off"], memory["usual"], memory["weights"]  # type: ignore[return-value]


def _profile(weights: Codes, terms: Numbers) -> Numbers:
    parts: list[Numbers] = [weights[..., term] * terms[..., term] for term in range(TERMS)]  # a sum along a short axis is slow
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [one + other for one, other in zip(parts[:half], parts[half:], strict=True)]
    return np.asarray(parts[0] * np.float32(1.0 / FINE))


def _follow(memory: Memory, apart: Numbers, terms: Numbers, quarter: Small, turns: Bools, calm: Bools) -> None:
    """Where a quarter of an hour `turns` (n, S) and was `calm`, counts the day that begins, and moves profile and usual deviation."""
    days: Small = memory["days"]  # type: ignore[assignment]
    last: Small = memory["quarter"]  # type: ignore[assignment]
    off, usual, weights = _fine(memory)
    days += calm & (quarter < last) & (days < 127)
    np.copyto(last, quarter, where=turns)
    step = calm * np.float32(FINE / QUARTERS)
    slowly = apart * step / (np.minimum(days, READY - 1) + np.float32(1.0))
    for term in range(TERMS):  # loops along a short axis are slow
        moved = slowly * terms[..., term]
        np.rint(moved, out=moved)
        moved += weights[..., term]
        weights[..., term] = np.clip(moved, np.float32(-BOUND * FINE), np.float32(BOUND * FINE), out=moved)
    size = np.abs(off.astype(np.float32)) - usual
    size *= calm * np.float32(1.0 / QUARTERS) / (np.clip(days - SETTLED, 0, SETTLED - 1) + np.float32(1.0))
    usual += np.rint(size, out=size).astype(np.int16)


def _strange(memory: Memory) -> Numbers:
    days: Small = memory["days"]  # type: ignore[assignment]
    off, usual, weights = _fine(memory)
    out = np.zeros(off.shape, dtype=np.float32)
    ready = days >= READY
    if not ready.any():
        return out
    units: Numbers = np.maximum(usual.astype(np.float32), np.float32(LEAST * FINE))
    strange = np.abs(off) > units * np.float32(ALLOWED)
    strange &= ready
    where = np.nonzero(strange)
    if len(where[0]):
        far, unit = off[where].astype(np.float32), units[where]
        swing = weights[where][:, 1:].astype(np.float32)
        swing = np.sqrt(np.add.reduce([swing[:, term] ** 2 for term in range(TERMS - 1)]))
        rhythm = swing > np.maximum(unit, np.float32(RHYTHM * FINE))
        out[where] = np.copysign((np.abs(far) / unit - np.float32(ALLOWED)) * rhythm, far)
    return out
