"""Signals in units of their own spread, held as small integers, and rolling windows over them.

Integers make a rolling sum exact: a window summed in a block, or kept up to date row by row, is the same number for ever.
Called by the telemetry paths and the detectors; pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int16]
Whole = NDArray[np.int64] | NDArray[np.int32] | NDArray[np.int16]
Bools = NDArray[np.bool_]

STEP = 512.0  # codes per standard deviation
LIMIT = 63.0  # standard deviations; beyond it a value is as strange as it can be
GAP = np.int16(-32768)  # the code of a missing value
LEAD = 2  # rows before the first that consecutive rows know


@dataclass(frozen=True)
class Rows:
    """Standardised rows: `z` (N, S) without gaps (the last value is held), `valid` (N, S) false where the value was missing.

    `lead` (LEAD, S) are the rows of z before the first one, or None where whoever made the rows does not keep them; ask for them by
    `before` and `lagged`. `shift` (N, S) is how far the baseline had moved away from the training data when each row was standardised,
    or None where it had not. `codes` (N, S) are those of z and valid, where whoever made the rows has them.
    """

    z: Floats
    valid: Bools
    lead: Floats | None = None
    codes: Codes | None = None
    shift: Floats | None = None

    @property
    def before(self) -> Floats:
        """z one row before (N, S)."""
        return self.lagged(1)

    def lagged(self, lag: int) -> Floats:
        """Returns z `lag` rows before (N, S), `lag` from 0 to LEAD. A detector that asks for it judges recorded files, or few machines
        (`telemetry_few`): the arrays of the fleet keep no such row."""
        assert self.lead is not None, "the fleet's arrays keep no rows before: this detector judges recorded files, or few machines"
        return np.concatenate([self.lead, self.z])[LEAD - lag : LEAD - lag + len(self.z)]

    def fixed(self) -> Rows:
        """Returns the rows on the baseline of the training data, which does not move."""
        if self.shift is None:
            return self
        return Rows(self.z + self.shift, self.valid, None if self.lead is None else self.lead + self.shift[0])

    def part(self, start: int, stop: int) -> Rows:
        """Returns the rows from `start` up to `stop`; the first still knows the rows before it."""
        lead = None if self.lead is None else np.concatenate([self.lead, self.z[max(0, start - LEAD) : start]])[-LEAD:]
        return Rows(self.z[start:stop], self.valid[start:stop], lead, None, None if self.shift is None else self.shift[start:stop])


def sequence(z: Floats, valid: Bools, shift: Floats | None = None) -> Rows:
    """Returns consecutive rows, each with those before it; before the first one lie its own repetitions."""
    return Rows(z, valid, np.repeat(z[:1], LEAD, axis=0), None, shift)


@dataclass(frozen=True)
class Window:
    """Rolling features per row and signal, (N, S) each; NaN where fewer than a quarter of the window's values are there. `whole`: it is
    known that there is no such place."""

    mean: Floats
    spread: Floats
    whole: bool = False


def robust_scale(values: Floats) -> tuple[Floats, Floats]:
    """Returns median and robust standard deviation (1.4826 MAD) per column of `values` (N, S); NaN is ignored.

    The deviation is at least a fifth of the classical one, so that a rare second mode does not look infinitely far. A column that
    never moves gets a fifth of its own magnitude: a new value is strange, not infinitely so. An empty column gets (0, 1).
    """
    empty = np.isnan(values).all(axis=0)
    filled = np.where(empty, 0.0, values)
    centre = np.nanmedian(filled, axis=0)
    deviation = 1.4826 * np.nanmedian(np.abs(filled - centre), axis=0)
    classical = np.nanstd(filled, axis=0)
    deviation = np.where(deviation > 1e-9 * np.abs(centre), deviation, classical)
    deviation = np.maximum(deviation, 0.2 * classical)
    still = deviation <= 1e-9 * np.maximum(np.abs(centre), 1e-12)
    return centre, np.where(empty, 1.0, np.where(still, 0.2 * np.maximum(np.abs(centre), 1.0), deviation))


def encode(values: Floats, valid: Bools) -> Codes:
    """Returns the int16 codes of standardised `values`; GAP where not `valid`. Beyond ±LIMIT deviations the value is clipped."""
    steps = values * STEP
    np.rint(steps, out=steps)
    np.fmin(steps, LIMIT * STEP, out=steps)  # no number is neither less nor more
    codes: Codes = np.fmax(steps, -LIMIT * STEP, out=steps).astype(np.int16)
    codes[~valid] = GAP
    return codes


def hold(codes: Codes, before: Codes) -> Codes:
    """Returns `codes` (N, S) with each gap filled by the last value above it, at the top by `before` (S,)."""
    seen = codes != GAP
    last = np.maximum.accumulate(np.where(seen, np.arange(len(codes))[:, None], -1), axis=0)
    held = np.take_along_axis(codes, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, held, before)


def features(total: Whole, squares: Whole, count: Whole, window: int, floor: float, *, single: bool = False) -> Window:
    """Returns mean and log-spread, 0.5 log(variance + floor²), from exact window sums of codes, all (N, S) integers; in `single` precision
    where many of them are asked for.

    They are multiplied as float64, which holds such integers exactly for windows of up to 2,900 rows, and several times as fast.
    """
    enough = count >= min(window, max(2, window // 4))
    whole = bool(enough.all())
    n, mean = count.astype(np.float64), total.astype(np.float64)
    if not whole:
        n[~enough] = 1.0
    spread = squares.astype(np.float64)
    spread *= n
    spread -= mean * mean
    # exact integers up to the one division: no cancellation however large the mean is; STEP is a power of two, so that n stays exact
    n *= STEP
    mean /= n
    n *= n
    spread /= n
    if not whole:
        spread[~enough] = 0.0
    spread += floor * floor
    if single:
        mean, spread = mean.astype(np.float32), spread.astype(np.float32)
    np.log(spread, out=spread)
    spread *= 0.5
    if not whole:
        mean[~enough], spread[~enough] = np.nan, np.nan
    return Window(mean, spread, whole)


def feature_centre(table: Floats, window: int) -> Floats:
    """Returns the centre (F,) of training features (N, F): their median, or where a window is one row their mean, for the median of
    categories is no mixture of them, and would lie outside all relations between columns."""
    if window == 1:
        return np.asarray(np.nanmean(table, axis=0))
    whole = not np.isnan(table).any()  # then the plain median is the same, and several times faster
    return np.asarray(np.median(table, axis=0) if whole else np.nanmedian(table, axis=0))


def feature_scale(table: Floats) -> Floats:
    """Returns the spread (F,) of training features (N, F), at least 0.1; of one that stood still 0.5: its first move is strange, but not
    so much that it alone is an alarm."""
    spread = np.nanstd(table, axis=0) if np.isnan(table).any() else np.std(table, axis=0)  # the same, but faster
    return np.where(spread > 1e-9, np.maximum(spread, 0.1), 0.5)


def rolling(codes: Codes, window: int, floor: float, *, single: bool = False) -> Window:
    """Returns the `features` of each row of `codes` (N, S) over the `window` rows that end there (fewer at the top)."""
    seen = codes != GAP
    values = np.where(seen, codes, 0).astype(np.int64)
    sums = (_moving_sum(values, window), _moving_sum(values * values, window), _moving_sum(seen.astype(np.int64), window))
    return features(*sums, window, floor, single=single)


def _moving_sum(values: Ints, window: int) -> Ints:
    running = np.cumsum(values, axis=0)
    running[window:] -= running[:-window].copy()
    return running


def times(rows: Floats, matrix: Floats | NDArray[np.float32]) -> Floats:
    """Returns rows (N, A) times matrix (N or 1, A, B), in the precision of the matrix: each row by itself, so that the result does not
    depend on N."""
    return np.asarray(np.vecmat(rows.astype(matrix.dtype, copy=False), matrix))
