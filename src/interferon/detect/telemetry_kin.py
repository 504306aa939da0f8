"""Where a machine's level and spread will lie when a day of it is known, guessed from a stretch of its first day and from its peers' days.

Used by `telemetry_peers`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from interferon.detect.windows import Bools, Floats, robust_scale

LEVELS: Final = (1.0, 1.0)  # prior variances of a level, in spreads²: of days between machines, and of stretches within a day
SPREADS: Final = (0.05, 0.3)  # the same of the logarithm of a spread


@dataclass(frozen=True)
class Trait:
    """The level or the log-spread of K machines: of their whole days (K, S), how far from it the stretch at one hour of the day lies
    (K, S), and the covariance (S, S) of such distances; `apart` is the prior variance between the machines' days."""

    days: Floats
    hours: Floats
    wander: Floats
    apart: float


@dataclass(frozen=True)
class Kin:
    """What is known of K machines; levels are in `unit` (S,), the geometric mean of their spreads."""

    unit: Floats
    levels: Trait
    spreads: Trait


def kin(days: Floats, centres: Floats, spreads: Floats, rows: int) -> Kin:
    """Returns what the first `rows` rows of the machines' days (K, N, S), raw, have to do with their centres and spreads (K, S)."""
    unit = np.exp(np.log(spreads).mean(axis=0))
    machines, length, signals = days.shape
    stretches = days[:, : length - length % rows].reshape(machines, -1, rows, signals)
    level, spread = (part.reshape(machines, -1, signals) for part in _seen(np.moveaxis(stretches, 2, 0).reshape(rows, -1)))
    return Kin(unit, _trait(centres / unit, level / unit, LEVELS), _trait(np.log(spreads), spread, SPREADS))


def scale(known: Kin, rows: Floats, peers: Bools | None = None) -> tuple[Floats, Floats]:
    """Returns the centre and the spread (S,) to expect of a machine that has shown `rows` (n, S) of its day, NaN is missing; by all peers,
    or by those marked in `peers` (K,)."""
    level, spread = _seen(rows)
    use = slice(None) if peers is None else peers
    return known.unit * _day(known.levels, level / known.unit, use), np.exp(_day(known.spreads, spread, use))


def _trait(days: Floats, stretches: Floats, prior: tuple[float, float]) -> Trait:
    """`days` (K, S), `stretches` (K, B, S). What all machines do at the same hour is no wandering of one of them."""
    away = np.nan_to_num(stretches - days[:, None])
    own = (away - away.mean(axis=0)).reshape(-1, days.shape[1])
    freedom = (len(days) - 1) * stretches.shape[1]
    wander = (own.T @ own + prior[1] * np.eye(days.shape[1])) / (freedom + 1)
    return Trait(days, away[:, 0], wander, prior[0])


def _day(trait: Trait, stretch: Floats, use: slice | Bools) -> Floats:
    """The value (S,) of a whole day from that of a stretch, NaN where it told nothing.

    Days of machines differ with variance T, signal by signal; stretches differ from their day by the hour's mean and the covariance W. The
    best guess is the peers' mean, moved by T (T + W)⁻¹ of how far the stretch lies from what is usual at that hour: what the machine's
    signals do together, as they do when its load changes, is the hour's; what one does alone is the machine's. T and W are estimated from
    the peers, each with one prior observation (empirical Bayes; Efron and Morris, 1972).
    """
    days, known = trait.days[use], np.isfinite(stretch)
    usual = days.mean(axis=0)
    apart = np.diag((((days - usual) ** 2).sum(axis=0) + trait.apart) / len(days))[:, known]
    away = (stretch - trait.hours[use].mean(axis=0) - usual)[known]
    return np.asarray(usual + apart @ np.linalg.solve((apart + trait.wander[:, known])[known], away))


def _seen(rows: Floats) -> tuple[Floats, Floats]:
    """Median and log of the robust spread (S,) of rows (n, S): NaN where there was no value, and the spread where nothing moved."""
    centre, spread = robust_scale(rows)
    some = ~np.isnan(rows).all(axis=0)
    filled = np.where(np.isnan(rows), centre, rows)
    moves = some & (filled.max(axis=0) > filled.min(axis=0))
    return np.where(some, centre, np.nan), np.where(moves, np.log(spread), np.nan)
