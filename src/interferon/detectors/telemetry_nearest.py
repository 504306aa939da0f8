"""Detector: a row unlike every normal row, measured from the nearest one.

Loaded into `interferon.detectors.telemetry_portfolio`, for tables whose rows are independent; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, proportions
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import halt, plant
from interferon.detect.windows import Bools, Floats, Rows, Window

EPSILON = 0.002
EXAMPLES = 500
SOFT = 4.0  # spreads up to which a distance counts in full; from there on it grows ever more slowly


class TelemetryNearest:
    """Distance to the nearest of up to EXAMPLES training rows, spread evenly over the training data.

    No more than a third of the rows are examples, for an example is no distance from itself. Values are softened,
    SOFT · asinh(z / SOFT), so that one wild column does not hide the others. The statistic is log(mean over the signals of the squared
    difference to the nearest example + ε); the shares are its terms. A missing value differs from nothing.

    Parameters: `examples` (E, S); `size` (), the number of signals in use.

    Reference: Ramaswamy, Rastogi and Shim (2000), Efficient algorithms for mining outliers from large data sets.
    """

    name = "nearest"
    QUIET = staticmethod(plant)
    LOUD = staticmethod(halt)

    def __init__(self, weight: float = 1 / 3) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return 1

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        known = np.flatnonzero(use)
        chosen = known[np.unique(np.linspace(0, len(known) - 1, min(EXAMPLES, max(1, len(known) // 3))).astype(int))]
        return {"examples": _softened(rows.z[chosen]), "size": np.array(max(1.0, float(rows.valid[use].any(axis=0).sum())))}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return rows.z, rows.valid

    def score(self, params: Params, window: Window) -> Floats:
        return np.asarray(np.log(_squares(params, window).sum(axis=1) / params["size"] + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return proportions(_squares(params, window))


def _softened(z: Floats) -> Floats:
    return np.asarray(SOFT * np.arcsinh(z / SOFT))


def _squares(params: Params, window: Window) -> Floats:
    """Squared differences (N, S) to the nearest example."""
    value, there = _softened(window.mean), ~np.isnan(window.mean)
    examples = params["examples"]
    known, pairs = np.where(there, value, 0.0), "ns,nes->ne" if len(examples) > 1 else "ns,xes->ne"
    # the squared distance without what is the same for all examples; not a matrix product, whose sums depend on the number of rows
    total = np.einsum(pairs, there.astype(np.float64), examples * examples) - 2.0 * np.einsum(pairs, known, examples)
    entity = np.arange(len(value)) if len(examples) > 1 else 0
    difference = value - examples[entity, total.argmin(axis=1)]
    return np.where(there, difference * difference, 0.0)
