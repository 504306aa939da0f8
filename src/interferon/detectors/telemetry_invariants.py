"""Detector: a level that rises or falls otherwise than the states of valves and pumps make it, or a state that its level should have ended.

Loaded into `interferon.detectors.telemetry_portfolio`; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, proportions
from interferon.detect.settings import Settings
from interferon.detect.states import beyond, levels, limits, states, switched
from interferon.detect.telemetry_examples import basin, stuck
from interferon.detect.windows import Bools, Floats, Ints, Rows, Window, times

EPSILON = 0.05
RATE = 0.3  # of the variance of a level's rate, at least, that the states and values explain on rows they were not learnt from
VALUE = 0.9  # where the states explain as much of the value itself, it is no level but a flow or a current that follows them at once
TOLERANCE = 1.0  # held-out spreads of a window that break no invariant
CYCLES = 2  # changes of a state for each block of the cross-fit, at least: a rare one says too little
ROOM = 8.0  # units of a window in one of a row: the change from one row to the next is many times that of a window, divided by its rows
INTERCEPT = 1e-9
CERTAIN = 4.0  # a state is known without noise: its columns are so much larger, so that the ridge hardly shrinks what they do


class TelemetryInvariants:
    """What actuators and levels have to do with each other: the balance of each level, and the level at which each state ends.

    Balance: Δz of a row is predicted by Bᵀx, where x is 1, a column for each value of each state, and z of all signals. B is a ridge
    regression of means over the short window, in which the noise of all rows but the first and the last cancels. A signal is a level where
    Bᵀx explains RATE of its rate on contiguous blocks that B was not learnt from, and something in each, and the states alone do not
    explain its value. What is counted is the window's mean residual, in units of its held-out spread.

    Limits: `detect.states.limits` tells which level ends which state. What is counted of an actuator is how far that level is beyond where
    the state ever lasted: an open valve above a full tank. A level that is out of bounds while the actuators bring it back breaks no rule.

    The statistic is log(Σ max(0, |r| − TOLERANCE)² / levels + ε) over all r so counted; the shares are its terms. It does not look at the
    moving baseline, for the mean of a state follows how long it lasts. Where nothing is a state, or nothing a level, it says nothing.

    Parameters: `levels` (SWITCH, S) of the states; `matrix` (1 + K + S, S); `unit` (S,), infinite for what is no level; `limits`
    (S, SWITCH + 1, 4). It needs `Rows.before`.

    Reference: Feng et al. (2019), A systematic framework to generate invariants for anomaly detection in industrial control systems.
    """

    name, few = "invariants", True
    QUIET = staticmethod(basin)
    LOUD = staticmethod(stuck)

    def __init__(self, weight: float = 1 / 4) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return settings.short

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        fixed, cycles = rows.fixed(), CYCLES * settings.blocks
        known = levels(fixed.z, use, cycles)
        state = states(known, fixed.z)
        columns = switched(known, state)
        causes = _causes(columns, fixed.z)
        matrix, unit = np.zeros((causes.shape[1], fixed.z.shape[1])), np.full(fixed.z.shape[1], np.inf)
        ends = np.flatnonzero(use & (np.arange(len(use)) >= settings.short))
        if columns.shape[1] and len(ends) >= settings.blocks:
            means, rates = (_means(table, ends, settings.short) for table in (causes, fixed.z - fixed.before))
            penalty = settings.ridge_windows * settings.short / len(ends)
            matrix = _regression(means, rates, penalty)
            values, rest = _means(fixed.z, ends, settings.short), ~np.isfinite(known[0])
            follows = _held_out(means[:, : 1 + columns.shape[1]], values, penalty, settings.blocks, VALUE)
            balance = _held_out(means, rates, penalty, settings.blocks, RATE)
            unit = np.where(rest & ~np.isfinite(follows), balance, np.inf)
        ended = limits(known, state, fixed.z, use, np.isfinite(unit), cycles)
        return {"levels": known, "matrix": matrix, "unit": unit, "limits": ended}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        known, ended = params["levels"][0], params["limits"][0]  # all rows are of one entity
        fixed = rows.fixed()
        state = states(known, fixed.z)
        expected = times(_causes(switched(known, state), fixed.z), params["matrix"])
        residual = (fixed.z - fixed.before - expected) / params["unit"] + beyond(ended, state, fixed.z)
        return residual / ROOM, rows.valid & np.concatenate([rows.valid[:1], rows.valid[:-1]])

    def score(self, params: Params, window: Window) -> Floats:
        kept = float(np.isfinite(params["unit"]).sum())
        if not kept:
            return np.full(len(window.mean), -np.inf)
        return np.asarray(np.log(_squares(window).sum(axis=1) / kept + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return proportions(_squares(window))


def _squares(window: Window) -> Floats:
    """What breaks an invariant (N, S), squared."""
    return np.asarray(np.maximum(np.abs(ROOM * np.nan_to_num(window.mean)) - TOLERANCE, 0.0) ** 2)


def _causes(columns: Floats, z: Floats) -> Floats:
    """x (N, 1 + K + S) of the states' columns (N, K) and the values."""
    return np.hstack([np.ones((len(z), 1)), CERTAIN * columns, z])


def _means(values: Floats, ends: Ints, span: int) -> Floats:
    """Means (M, F) of the `span` rows that end at `ends` (M,)."""
    running = np.cumsum(values, axis=0)
    return np.asarray((running[ends] - running[ends - span]) / span)


def _regression(causes: Floats, targets: Floats, penalty: float) -> Floats:
    weight = np.full(causes.shape[1], penalty)
    weight[0] = INTERCEPT
    return np.asarray(np.linalg.solve(causes.T @ causes / len(causes) + np.diag(weight), causes.T @ targets / len(causes)))


def _held_out(causes: Floats, targets: Floats, penalty: float, blocks: int, least: float) -> Floats:
    """Spread (S,) of the regression's error on contiguous blocks, each by the others; infinite where it explains less than `least`, or
    nothing in one of them."""
    errors, plain = np.zeros((blocks, targets.shape[1])), np.zeros((blocks, targets.shape[1]))
    for number, block in enumerate(np.array_split(np.arange(len(targets)), blocks)):
        others = np.ones(len(targets), dtype=np.bool_)
        others[block] = False
        error = targets[block] - causes[block] @ _regression(causes[others], targets[others], penalty)
        errors[number], plain[number] = (error**2).mean(axis=0), ((targets[block] - targets[others].mean(axis=0)) ** 2).mean(axis=0)
    holds = (errors < plain).all(axis=0) & (errors.mean(axis=0) < (1.0 - least) * plain.mean(axis=0))
    return np.where(holds, np.sqrt(errors.mean(axis=0)), np.inf)
