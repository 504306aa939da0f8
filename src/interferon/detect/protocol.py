"""What a telemetry detector is. The detectors themselves live in `interferon.detectors`, one file each.

A detector turns standardised rows into signals of its own (`derive`), the core keeps a rolling window over those, and the detector
turns the window's mean and log-spread into one statistic (`score`) and into shares per signal (`why`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from interferon.detect.settings import Settings
from interferon.detect.windows import STEP, Bools, Codes, Floats, Rows, Window, encode, rolling

Params = Mapping[str, Floats | NDArray[np.float32]]


class TelemetryDetector(Protocol):
    """A stateless judge of rolling windows. `Params` are plain arrays, float64 as they are learnt and float32 in a fleet; in `derive`,
    `score` and `why` each has one more axis in front: as many as there are rows (one entity a row) or 1 (all rows of one entity). Of a
    detector that says `few = True` it is always 1: live, it is run machine by machine, where it has anything to say."""

    name: str
    weight: float  # of its −log p in the fused evidence; 1 in all over the detectors that usually have something to say
    QUIET: Callable[[], Floats]
    LOUD: Callable[[], Floats]

    def window(self, settings: Settings) -> int:
        """Returns the length in rows of the window this detector looks at."""
        ...

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        """Returns what is normal, from the training rows marked in `use` (N,)."""
        ...

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        """Returns the detector's own signals (N, S) and which of them are there; (N, k S) where it judges files or few machines only."""
        ...

    def score(self, params: Params, window: Window) -> Floats:
        """Returns the logarithm of a positive statistic, (N,); about 0 on data like the training data, more is stranger; −inf in every
        row where training left it nothing to say: it then has no part in the evidence."""
        ...

    def why(self, params: Params, window: Window) -> Floats:
        """Returns each signal's share (N, S) of the statistic: not negative, summing to 1."""
        ...


def of_bits(detector: TelemetryDetector) -> bool:
    """Returns whether it says, by `bits = True`, that its own signals are 0 or 1 and always there: a fleet then keeps each as one bit."""
    return bool(getattr(detector, "bits", False))


def of_few(detector: TelemetryDetector) -> bool:
    """Returns whether it says, by `few = True`, that it has nothing to say of most machines: what it holds of the others is no array of the
    fleet, and it may ask for the rows before."""
    return bool(getattr(detector, "few", False))


def derived(detector: TelemetryDetector, params: Params, rows: Rows) -> Codes:
    """Returns the codes (N, S) of the detector's own signals."""
    z, valid = detector.derive(params, rows)
    if of_bits(detector):
        return z.astype(np.int16) * np.int16(STEP)
    if rows.codes is not None and z is rows.z and valid is rows.valid:  # it takes the signals as they are
        return rows.codes
    return encode(z, valid)


def with_axis(params: Params) -> Params:
    """Returns the parameters of one entity with the leading axis that `derive`, `score` and `why` expect."""
    return {key: value[None] for key, value in params.items()}


def statistic(detector: TelemetryDetector, params: Params, rows: Rows, settings: Settings) -> Floats:
    """Returns the statistic (N,) of consecutive rows of one entity."""
    wide = with_axis(params)
    return detector.score(wide, rolling(derived(detector, wide, rows), detector.window(settings), settings.spread_floor))


def standardised(params: Params, window: Window) -> Floats:
    """Returns the features (N, 2S), means before log-spreads, from `location` in units of `scale`; 0 where there is none."""
    deviation = side_by_side(window.mean, window.spread)
    deviation -= params["location"]
    deviation /= params["scale"]
    if not window.whole:
        np.copyto(deviation, 0.0, where=np.isnan(deviation))
    return deviation


def side_by_side(one: Floats, other: Floats) -> Floats:
    """Returns two arrays (N, S) of one kind as one (N, 2S): a row of each is written as one, in a third of the time of a concatenation."""
    joined = np.empty((len(one), 2, one.shape[1]), dtype=one.dtype)
    row = np.dtype((np.void, one.shape[1] * one.itemsize))
    halves = joined.view(row)[..., 0]
    halves[:, 0], halves[:, 1] = (np.ascontiguousarray(half).view(row)[:, 0] for half in (one, other))
    return joined.reshape(len(one), -1)


def mean_square(params: Params, window: Window) -> Floats:
    """Returns the mean square (N,) of the standardised features; `size` in the parameters is how many of them are in use."""
    deviation = standardised(params, window)
    return np.asarray(np.vecdot(deviation, deviation) / params["size"])


def by_signal(squares: Floats) -> Floats:
    """Returns the share (N, S) of each signal in `squares` (N, 2S), which hold one number of each signal and then another of each."""
    one, other = np.split(squares, 2, axis=1)
    return proportions(one + other)


def proportions(parts: Floats) -> Floats:
    """Returns non-negative `parts` (N, S) divided by their sum; equal shares where all are zero."""
    total = parts.sum(axis=1, keepdims=True)
    return np.where(total > 0, parts / np.where(total > 0, total, 1.0), 1.0 / parts.shape[1])


def ranked(shares: Floats) -> list[tuple[int, float]]:
    """Returns (signal, share) of those that have one, largest first."""
    order = np.argsort(-shares, kind="stable")
    return [(signal, share) for signal, share in zip(order.tolist(), shares[order].tolist(), strict=True) if share > 0]
