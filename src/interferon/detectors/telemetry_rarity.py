"""Detector: a row whose single values are rare, each measured by how often training went as far out.

Loaded into `interferon.detectors.telemetry_portfolio`, for tables whose rows are independent; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, proportions
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import halt, plant
from interferon.detect.windows import Bools, Floats, Rows, Window

EPSILON = 0.05
GRID = 24  # quantiles kept on each side of the median


class TelemetryRarity:
    """Empirical tail probability of each signal, on the side it is on; the mean of (−log p)² over the signals, for
    a mean of −log p itself would let many ordinary signals hide a rare one.

    p is the share of training values at least as far out, on the kept quantiles, whose probabilities go down by equal factors from ½ to
    1/N. Beyond the last one −log p grows by one a spread, an exponential tail. The statistic is log(mean of (−log p)² + ε).

    Parameters: `low`, `high` (GRID, S) quantiles; `cost` (GRID,), −log of their probabilities; `size` (), the number of signals in use.

    Reference: Li et al. (2022), ECOD: unsupervised outlier detection using empirical cumulative distribution functions.
    """

    name = "rarity"
    QUIET = staticmethod(plant)
    LOUD = staticmethod(halt)

    def __init__(self, weight: float = 1 / 3) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return 1

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        active = rows.valid[use].any(axis=0)
        known = np.where(rows.valid[use] | ~active, rows.z[use], np.nan)
        chances = np.geomspace(0.5, 1.0 / (len(known) + 1), GRID)
        low, high = (np.nanquantile(known, side, axis=0, method="inverted_cdf") for side in (chances, 1.0 - chances))
        return {"low": low, "high": high, "cost": -np.log(chances), "size": np.array(max(1.0, float(active.sum())))}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return rows.z, rows.valid

    def score(self, params: Params, window: Window) -> Floats:
        return np.asarray(np.log(_cost(params, window).sum(axis=1) / params["size"] + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return proportions(_cost(params, window))


def _cost(params: Params, window: Window) -> Floats:
    """(−log p)² (N, S); 0 in the middle and where missing."""
    value = window.mean
    cost = np.zeros(value.shape)
    for step in range(GRID):
        out = (value > params["high"][:, step]) | (value < params["low"][:, step])
        cost = np.where(out, params["cost"][:, step, None], cost)
    beyond = np.maximum(value - params["high"][:, -1], params["low"][:, -1] - value)
    cost = cost + np.where(beyond > 0, beyond, 0.0)
    return np.asarray(cost * cost)
