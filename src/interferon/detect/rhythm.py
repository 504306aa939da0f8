"""The day's and the week's rhythm of signals, learnt where it is there and taken off, so that a night's load by day is strange.

Called by `interferon.detect.recorded` for tables that have a time column. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import Bools, Floats

Ticks = NDArray[np.int64]
NO_TIME = np.iinfo(np.int64).min
HOUR, DAY, WEEK = 3_600_000_000, 86_400_000_000, 604_800_000_000  # microseconds
HARMONICS = 5  # of the day
LEAST_DAYS, LEAST_WEEKS = 4, 3  # before a day's, a week's rhythm is believed
GAIN = 0.8  # a rhythm must leave less than this share of the variance of days it was not learnt from
BLOCKS = 4
MOST_ROWS = 40_000
RIDGE = 1e-3


@dataclass(frozen=True)
class Rhythm:
    """`weights` (F, S) of the terms of `terms`; a column of zeros where a signal has no rhythm. `weekly`: whether weekends differ."""

    weights: Floats
    weekly: bool

    def off(self, values: Floats, clock: Ticks) -> Floats:
        """Returns `values` (N, S) without the rhythm; as they are where the time is not known."""
        return values - np.where((clock == NO_TIME)[:, None], 0.0, terms(clock, self.weekly) @ self.weights)


def fitted(segments: Sequence[Floats], clocks: Sequence[Ticks]) -> Rhythm | None:
    """Returns the rhythm of the training rows (N, S), each segment around its own mean, or None where no signal has one.

    A signal has one where a ridge regression on the harmonics of the day (and, from three weeks on, on those of working days and weekends
    apart) explains contiguous blocks that it was not learnt from (Harvey 1989, Forecasting, structural time series models, ch. 2).
    """
    clock = np.concatenate(clocks)
    known = clock != NO_TIME
    span = float(clock[known].max() - clock[known].min()) if known.any() else 0.0
    if span < LEAST_DAYS * DAY or not 0.0 < step(clocks) <= 3 * HOUR:
        return None
    values = np.concatenate([_around_mean(segment) for segment in segments])
    rows = np.flatnonzero(known)[:: max(1, int(known.sum()) // MOST_ROWS)]
    weekly = span >= LEAST_WEEKS * WEEK
    basis, values = terms(clock[rows], weekly), np.nan_to_num(values[rows])
    helps = _held_out(basis, values) < GAIN * (values * values).sum(axis=0)
    return Rhythm(np.where(helps, _weights(basis, values), 0.0), weekly) if helps.any() else None


def step(clocks: Sequence[Ticks]) -> float:
    """Returns the usual time from one row to the next, in microseconds; 0 where no time is known."""
    steps = np.concatenate([np.diff(clock[clock != NO_TIME]) for clock in clocks]) if clocks else np.empty(0)
    return float(max(0.0, np.median(steps))) if len(steps) else 0.0


def terms(clock: Ticks, weekly: bool) -> Floats:
    """Returns the harmonics of the day (N, F), and with `weekly` once more for weekends alone. The epoch was a Thursday."""
    phase = 2.0 * np.pi * (clock % DAY) / DAY
    waves = [wave(number * phase) for number in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    day = np.stack([np.ones(len(clock)), *waves], axis=1)
    if not weekly:
        return np.asarray(day)
    weekend = (clock // DAY + 3) % 7 >= 5
    return np.hstack([day, np.where(weekend[:, None], day, 0.0)])


def _around_mean(values: Floats) -> Floats:
    empty = np.isnan(values).all(axis=0)
    return np.asarray(values - np.nanmean(np.where(empty, 0.0, values), axis=0))


def _weights(basis: Floats, values: Floats) -> Floats:
    moments = basis.T @ basis / len(basis) + RIDGE * np.eye(basis.shape[1])
    return np.asarray(np.linalg.solve(moments, basis.T @ values / len(basis)))


def _held_out(basis: Floats, values: Floats) -> Floats:
    """Squared errors (S,) over blocks that were not learnt from."""
    total = np.zeros(values.shape[1])
    for block in np.array_split(np.arange(len(values)), BLOCKS):
        others: Bools = np.ones(len(values), dtype=np.bool_)
        others[block] = False
        error = values[block] - basis[block] @ _weights(basis[others], values[others])
        total += (error * error).sum(axis=0)
    return total
