"""The block path: judges many consecutive rows of one entity at once, with the same result as the frame path row by row.

Called by `interferon detect` and the bench. Pure; works in chunks, so that memory does not grow with the windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interferon.detect.calibrate import evidence
from interferon.detect.fit import Model, Portfolio, fused, smoothed
from interferon.detect.protocol import derived, with_axis
from interferon.detect.windows import GAP, STEP, Bools, Codes, Floats, Rows, Window, encode, hold, rolling, sequence


@dataclass(frozen=True)
class Judged:
    """score (N,): −log p, higher is stranger; p (N,): calibrated tail probability; alarm (N,): judged with hysteresis;
    shares (N, S): of each signal in the score, summing to 1."""

    score: Floats
    p: Floats
    alarm: Bools
    shares: NDArray[np.float32]


@dataclass
class _Carry:
    """What one chunk hands to the next."""

    shift: Floats  # (S,) learnt move of the baseline, in spreads
    held: Codes  # (S,)
    recent: Codes  # (long, S)
    shifts: Floats  # (long, S) the move of the baseline under which each of them was standardised
    mean: float  # smoothed evidence
    alarm: bool


def judge(model: Model, values: Floats, portfolio: Portfolio) -> Judged:
    """Returns the judgement of `values` (N, S), the rows that follow the training rows; NaN is missing."""
    every = model.settings.adapt_every
    held = hold(model.recent, np.zeros(model.recent.shape[1], dtype=np.int16))[-1]
    carry = _Carry(np.zeros(model.centre.shape), held, model.recent, np.zeros(model.recent.shape), 0.0, False)
    parts = [_chunk(model, values[start : start + every], portfolio, carry) for start in range(0, len(values), every)]
    if not parts:
        empty = np.empty(0)
        return Judged(empty, empty, np.empty(0, dtype=np.bool_), np.empty((0, len(model.centre)), dtype=np.float32))
    return Judged(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("score", "p", "alarm", "shares")))


def _chunk(model: Model, values: Floats, portfolio: Portfolio, carry: _Carry) -> Judged:
    settings = model.settings
    valid = ~np.isnan(values) & model.active
    codes = encode((values - model.centre) / model.spread - carry.shift, valid)
    rows = _with_history(codes, carry)
    windows, scores = [], np.empty((len(codes), len(portfolio)))
    for column, (detector, params) in enumerate(zip(portfolio, model.params, strict=True)):
        wide = with_axis(params)
        single = any(value.dtype == np.float32 for value in params.values())  # in the precision of the model: a fleet's is single
        window = rolling(derived(detector, wide, rows), detector.window(settings), settings.spread_floor, single=single)
        windows.append(Window(window.mean[-len(codes) :], window.spread[-len(codes) :]))
        scores[:, column] = detector.score(wide, windows[-1])
    parts = evidence(scores, model.tails[:-1, 0], model.tails[:-1, 1])
    line = smoothed(fused(parts, portfolio), settings.smooth, carry.mean)
    score = evidence(line, model.tails[-1, 0], model.tails[-1, 1])
    p = np.exp(-score)
    alarm = hysteresis(p, settings.p_on, settings.p_off, carry.alarm)
    shares = np.zeros(codes.shape)
    for column, (detector, params) in enumerate(zip(portfolio, model.params, strict=True)):
        shares += detector.weight * parts[:, column, None] * detector.why(with_axis(params), windows[column])
    shares /= shares.sum(axis=1, keepdims=True)
    _carry_on(carry, model, codes, rows, line, p, alarm)
    return Judged(score, p, alarm, shares.astype(np.float32))


def _with_history(codes: Codes, carry: _Carry) -> Rows:
    """The last rows of before, then the chunk; gaps held."""
    joined = np.concatenate([carry.recent, codes])
    # values inside `recent` are held from within it; the chunk's first gaps from what was last seen, however long ago
    held = np.concatenate([hold(carry.recent, carry.held), hold(codes, carry.held)])
    shift = np.concatenate([carry.shifts, np.broadcast_to(carry.shift, codes.shape)])
    return sequence(held / STEP, joined != GAP, shift)


def _carry_on(carry: _Carry, model: Model, codes: Codes, rows: Rows, line: Floats, p: Floats, alarm: Bools) -> None:
    settings = model.settings
    carry.held = np.rint(rows.z[-1] * STEP).astype(np.int16)
    carry.recent = np.concatenate([carry.recent, codes])[-settings.long :]
    carry.shifts = np.concatenate([carry.shifts, np.broadcast_to(carry.shift, codes.shape)])[-settings.long :]
    carry.mean, carry.alarm = float(line[-1]), bool(alarm[-1])
    if len(codes) == settings.adapt_every:
        quiet = ((p > settings.p_quiet) & ~alarm)[:, None] & (codes != GAP)
        total = np.where(quiet, codes, 0).astype(np.int64).sum(axis=0)
        carry.shift = moved(carry.shift, total, quiet.sum(axis=0), settings.adapt_rows, settings.adapt_bound)


def moved(shift: Floats, total: NDArray[np.int64], count: NDArray[np.int64], span: int, bound: float) -> Floats:
    """Returns the baseline's shift (…, S) after quiet rows whose codes sum to `total` over `count` rows: gated, slow and bounded."""
    mean = total / np.maximum(count, 1) / STEP
    return np.clip(shift + np.minimum(count / span, 1.0) * mean, -bound, bound)


def hysteresis(p: Floats, on: float, off: float, before: bool) -> Bools:
    """Returns the alarm (N,): on from p < `on` until p > `off`, going on from `before`."""
    event = np.where(p < on, 1, np.where(p > off, -1, 0))
    last = np.maximum.accumulate(np.where(event != 0, np.arange(len(p)), -1))
    return np.where(last >= 0, event[np.maximum(last, 0)] > 0, before)
