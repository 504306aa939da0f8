"""Which signals are states (valves, pumps, modes), in which state they are, and up to which level of a tank each state lasts.

Called by the detector `telemetry_invariants`. Pure. A state is a small integer: 0 is a value that training did not have, or a signal that
is no state.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.windows import Bools, Floats, Ints

SWITCH = 10  # a signal with more values is a measurement
LEAST_HELD = 3.0  # rows that a state lasts on average; what changes faster is the noise of a coarse sensor
TIGHT = 0.2  # of a level's spread: where a state ends within less, that level ends it
APART = 1.0  # spreads within a state, between where it ends and where it is on average: it has an end towards one side
LEAST_UNIT = 0.05  # of a level's spread: in these it is counted how far beyond its limit a level is
NOWHERE = (-1.0, 0.0, 0.0, 1.0)


def levels(z: Floats, use: Bools, least: int) -> Floats:
    """Returns the values (SWITCH, S) that each state had in the rows `use` of `z` (N, S), rising, filled up by infinity; a signal
    that is no state, or changed fewer than `least` times, has none."""
    found = np.full((SWITCH, z.shape[1]), np.inf)
    for signal in range(z.shape[1]):
        known = z[use, signal]
        values, changes = np.unique(known), np.count_nonzero(np.diff(known))
        if len(values) <= SWITCH and least <= changes <= len(known) / LEAST_HELD:
            found[: len(values), signal] = values
    return found


def states(known: Floats, z: Floats) -> Ints:
    """Returns the state (N, S), 1 up to SWITCH, of each signal: the value in `known` (SWITCH, S) that is nearest, 0 where it is farther
    away than half the smallest step between them."""
    found = np.zeros(z.shape, dtype=np.int64)
    for signal in np.flatnonzero(np.isfinite(known[0])):
        values = known[np.isfinite(known[:, signal]), signal]
        steps = np.diff(values)
        nearest = np.searchsorted(values[1:] - steps / 2.0, z[:, signal])
        found[:, signal] = np.where(np.abs(z[:, signal] - values[nearest]) <= steps.min() / 2.0, nearest + 1, 0)
    return found


def switched(known: Floats, state: Ints) -> Floats:
    """Returns a column for each value in `known` (SWITCH, S) of each state: (N, K), 1 while `state` (N, S) is in it, else 0."""
    columns = [state[:, signal] == place + 1 for place, signal in np.argwhere(np.isfinite(known))]
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((len(state), 0))


def limits(known: Floats, state: Ints, z: Floats, use: Bools, level: Bools, least: int) -> Floats:
    """Returns which of the signals `level` (S,) ends which state, and where: (S, SWITCH + 1, 4) of its number (−1: none does), the way it
    goes (1 up, −1 down), the farthest it went that way in the rows `use`, and the spread of where the state ended.

    A pump that a controller stops when the tank is full always stops at the same level, which the tank has to rise to: the level at the
    ends of the state spreads little, and lies to one side of what it was meanwhile. What ended fewer than `least` times has no limit.
    """
    found, candidates = np.full((z.shape[1], SWITCH + 1, 4), NOWHERE), np.flatnonzero(level)
    whole = np.maximum(z[use][:, candidates].std(axis=0), 1e-9)
    for place, signal in np.argwhere(np.isfinite(known)) if len(candidates) else ():
        here = use & (state[:, signal] == place + 1)
        last = np.flatnonzero(here[:-1] & use[1:] & ~here[1:])
        if len(last) < least:
            continue
        ends, during = z[last][:, candidates], z[here][:, candidates]
        apart, spread = ends.mean(axis=0) - during.mean(axis=0), ends.std(axis=0)
        ending = (np.abs(apart) > APART * during.std(axis=0)) & (spread < TIGHT * whole)
        if ending.any():
            best = int(np.argmin(np.where(ending, spread / whole, np.inf)))
            way = np.sign(apart[best])
            found[signal, place + 1] = (candidates[best], way, (way * during[:, best]).max(), max(LEAST_UNIT, spread[best]))
    return found


def beyond(known: Floats, state: Ints, z: Floats) -> Floats:
    """Returns how far (N, S) the level that ends each signal's `state` (N, S) is beyond its limit in `known`, in spreads; 0 within."""
    signal, way, limit, unit = np.moveaxis(known[np.arange(z.shape[1]), state], -1, 0)
    value = np.take_along_axis(z, np.maximum(signal, 0.0).astype(np.int64), axis=1)
    return np.where(signal >= 0, np.maximum(way * value - limit, 0.0) / unit, 0.0)
