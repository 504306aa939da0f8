"""From a detector's statistic to an honest tail probability, also beyond the data and with little of it.

Called by the telemetry paths. Pure; arrays broadcast over entities or rows.
"""

from __future__ import annotations

import math

import numpy as np

from interferon.detect.windows import Floats

TAIL = 0.1  # the tail starts at this probability
_LOG_ODDS = math.log((1.0 - TAIL) / TAIL)


def fit_tail(statistic: Floats, windows: float, prior: tuple[float, float], weight: float) -> tuple[float, float]:
    """Returns (level, scale) of the tail of held-out training `statistic` (N,).

    Level is the 0.9 quantile; scale the mean excess over it or over the 0.98 quantile, whichever is larger (for the logarithm of
    a statistic this is Hill's estimator of a power-law tail; Hill 1975). Both are shrunk to `prior` by the number of independent
    windows in the data against `weight`: rows of one window repeat each other, so that many rows can be little evidence.
    """
    level, scale = prior
    own = statistic[np.isfinite(statistic)]
    if own.size < 2:
        return level, scale
    share = windows / (windows + weight)
    high = float(np.quantile(own, 1.0 - TAIL))
    excess = max((_mean_excess(own, cut) for cut in (high, float(np.quantile(own, 0.98)))), default=scale)
    return share * high + (1.0 - share) * level, share * excess + (1.0 - share) * scale


def _mean_excess(values: Floats, cut: float) -> float:
    above = values[values > cut]
    return float(np.mean(above - cut)) if above.size else 0.0


def evidence(statistic: Floats, level: Floats, scale: Floats) -> Floats:
    """Returns −log p: p is TAIL at the level, falls exponentially with `scale` above it, and goes to 1 far below (logistic)."""
    x = np.asarray((statistic - level) / scale + _LOG_ODDS, dtype=np.float32)
    # log(1 + exp x) in single precision: what that loses is far below what is known of a tail, and it takes a third of logaddexp's time
    return np.asarray(np.maximum(x, np.float32(0.0)) + np.log(np.float32(1.0) + np.exp(-np.abs(x))), dtype=np.float64)
