"""Learns what is normal for one entity from its rows: scale, detectors' parameters, and calibrated tails.

Called by `interferon.detect.telemetry` (live), `interferon.detect.series` (files) and the bench. Pure and deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from interferon.detect.calibrate import TAIL, evidence, fit_tail
from interferon.detect.protocol import Params, TelemetryDetector, statistic
from interferon.detect.settings import MIN_TRAINING_ROWS, Settings
from interferon.detect.windows import GAP, STEP, Bools, Codes, Floats, Ints, Rows, encode, hold, robust_scale, sequence
from interferon.model.errors import InputError

LEAST_SCALE = 0.05  # of a tail: a statistic that stood still in training must not judge its first move beyond all measure
Portfolio = Sequence[TelemetryDetector]


@dataclass(frozen=True)
class Model:
    """The pattern of life of one entity with S signals under D detectors.

    centre, spread, active: (S,) of the raw signals; an inactive signal had no training value. params: one mapping a detector.
    tails: (D + 1, 2) level and scale of each detector's statistic, last of the fused evidence. settings: as used.
    recent: (long, S) codes of the last training rows, from which a window goes on.
    """

    centre: Floats
    spread: Floats
    active: Bools
    params: tuple[Params, ...]
    tails: Floats
    settings: Settings
    recent: Codes


def fit(segments: Sequence[Floats], portfolio: Portfolio, settings: Settings, *, level: bool = False) -> Model:
    """Returns the model of normal rows; each segment (N, S) is contiguous in time, oldest first, NaN is missing.

    Older segments are moved to the newest one's level: relations and spreads come from all, the level from the newest, because a
    threshold frozen on an old period false-alarms; where they are on one `level` already, none is moved. Raises InputError where there are
    fewer than two long windows of rows (see `Settings.for_rows`).
    """
    total, needed = sum(len(segment) for segment in segments), max(MIN_TRAINING_ROWS, 2 * settings.long)
    if total < needed:
        raise InputError(f"only {total} training rows; at least {needed} are needed")
    pieces = _thinned(segments, settings.max_learn_rows)
    centre, spread, values = _aligned([np.concatenate(pieces)] if level else pieces)
    active = np.asarray(~np.isnan(values).all(axis=0))
    if settings.centre_on_mean:
        centre = centre + spread * _mean_code(encode((values - centre) / spread, ~np.isnan(values)))
    codes = encode((values - centre) / spread, ~np.isnan(values))
    rows = sequence(hold(codes, np.zeros(codes.shape[1], dtype=np.int16)) / STEP, codes != GAP)
    place = np.concatenate([np.arange(len(piece)) for piece in pieces])
    use = place >= settings.long // 2
    use = use if use.any() else np.ones_like(use)  # pieces shorter than half a window
    params = tuple(detector.learn(rows, use, settings) for detector in portfolio)
    tails = _calibrated(rows, use, place, portfolio, settings)
    return Model(centre, spread, active, params, tails, settings, codes[-settings.long :])


def in_single(model: Model) -> Model:
    """Returns the model as a fleet keeps it: the detectors' parameters in single precision."""
    params = tuple({name: value.astype(np.float32) for name, value in one.items()} for one in model.params)
    return replace(model, params=params)


def _mean_code(codes: Codes) -> Floats:
    """Mean (S,) of what is there, in spreads."""
    there = codes != GAP
    return np.asarray(np.where(there, codes, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1) / STEP)


def fused(evidences: Floats, portfolio: Portfolio) -> Floats:
    """Returns the weighted sum of −log p over the detectors, (N, D) to (N,)."""
    total = np.zeros(len(evidences))
    for column, detector in enumerate(portfolio):
        total += detector.weight * evidences[:, column]
    return total


def smoothed(values: Floats, span: float, start: float) -> Floats:
    """Returns the exponential mean of `values` (N,) over about `span` rows, going on from `start`."""
    weight, mean, out = 1.0 / span, start, []
    for value in values.tolist():  # a recurrence; importing scipy's filter would cost more than it saves
        mean = weight * value + (1.0 - weight) * mean
        out.append(mean)
    return np.array(out, dtype=np.float64)


def _calibrated(rows: Rows, use: Bools, place: Floats, portfolio: Portfolio, settings: Settings) -> Floats:
    """Tails from held-out blocks: each contiguous block is scored by parameters learnt without it and without the rows beside it."""
    held_out = np.full((len(use), len(portfolio)), np.nan)
    for block in np.array_split(np.flatnonzero(use), settings.blocks):
        others = use.copy()
        others[max(0, block[0] - 2 * settings.short) : block[-1] + 1 + 2 * settings.short] = False
        if not others.any():
            continue
        for column, detector in enumerate(portfolio):
            held_out[block, column] = _scored(detector, detector.learn(rows, others, settings), rows, block, settings)
    held_out = held_out[~np.isnan(held_out[:, 0])]
    windows = use.sum() / settings.long
    prior = (settings.prior_level, settings.prior_scale)
    tails = np.ones((len(portfolio) + 1, 2))
    for column, detector in enumerate(portfolio):
        own = use.sum() / detector.window(settings)
        tails[column] = fit_tail(held_out[:, column], own, prior, settings.prior_windows)
    tails[:, 1] = np.maximum(tails[:, 1], LEAST_SCALE)
    line = fused(evidence(held_out, tails[:-1, 0], tails[:-1, 1]), portfolio)
    if line.size:
        line = smoothed(line, settings.smooth, float(np.mean(line)))
    # the prior of the fused evidence is to believe it: for wholly dependent detectors it is −log p already
    tails[-1] = fit_tail(line, windows, (-math.log(TAIL), 1.0), settings.prior_windows)
    tails[-1, 1] = max(tails[-1, 1], LEAST_SCALE)
    return tails


def _scored(detector: TelemetryDetector, params: Params, rows: Rows, block: Ints, settings: Settings) -> Floats:
    """The statistic of the rows in `block` (n,) ascending: only these and what their windows reach back to are looked at."""
    first, stop = max(0, int(block[0]) - detector.window(settings) + 1), int(block[-1]) + 1
    return statistic(detector, params, rows.part(first, stop), settings)[block - first]


def _aligned(pieces: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Centre and spread, and all rows moved to the level of the newest piece's; signals that stand still are not moved."""
    if len(pieces) == 1:
        centre, spread = robust_scale(pieces[0])
        return centre, spread, pieces[0]
    centres = [robust_scale(piece)[0] for piece in pieces]
    whole = np.concatenate(pieces)
    spread = robust_scale(whole)[1]
    moves = [_moving(piece) & _moving(pieces[-1]) for piece in pieces]
    moved = [piece + np.where(move, centres[-1] - level, 0.0) for piece, level, move in zip(pieces, centres, moves, strict=True)]
    values = np.concatenate(moved)
    centre, within = robust_scale(values)
    return centre, np.where(np.logical_and.reduce(moves), within, spread), values


def _moving(piece: Floats) -> Bools:
    """Signals that take more values than a switch has."""
    first = np.sort(np.where(np.isnan(piece), 0.0, piece), axis=0)
    return np.asarray((np.diff(first, axis=0) > 0).sum(axis=0) > 10)


def _thinned(segments: Sequence[Floats], limit: int) -> list[Floats]:
    """The segments as they are, or contiguous pieces of them spread evenly over time, `limit` rows in all."""
    total = sum(len(segment) for segment in segments)
    kept = [segment for segment in segments if len(segment)]
    if total <= limit:
        return kept
    length, share = 2000, limit / total
    pieces = []
    for segment in kept:
        count = max(1, round(len(segment) * share / length))
        starts = np.linspace(0, max(0, len(segment) - length), count).astype(int)
        pieces += [segment[start : start + length] for start in starts]
    return pieces
