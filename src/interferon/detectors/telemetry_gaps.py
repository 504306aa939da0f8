"""Detector: signals that fall silent, or speak, more than they used to.

Loaded into `interferon.detectors.telemetry_portfolio`; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, proportions
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import plant, silence
from interferon.detect.windows import Bools, Floats, Rows, Window

EPSILON = 0.05
SPREAD = 0.1  # of a window's share of missing values, at least: a gap of a few rows is nothing


class TelemetryGaps:
    """Share of missing values in the long window against the training share.

    The statistic is log(mean over signals of ((g − g₀) / s)² + ε), with g the share of gaps and s² = g₀(1 − g₀)/10 + 0.1², about the
    binomial spread of ten independent stretches in the window.

    Parameters: `usual`, `scale` (S,).
    Reference: none; the binomial standard error.
    """

    name, bits, weight = "gaps", True, 0.5
    QUIET = staticmethod(plant)
    LOUD = staticmethod(silence)

    def window(self, settings: Settings) -> int:
        return settings.long

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        usual = 1.0 - rows.valid[use].mean(axis=0)
        return {"usual": usual, "scale": np.sqrt(usual * (1.0 - usual) / 10.0 + SPREAD**2)}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return (~rows.valid).astype(np.float64), np.ones_like(rows.valid)

    def score(self, params: Params, window: Window) -> Floats:
        deviation = _deviation(params, window)
        return np.asarray(np.log(np.vecdot(deviation, deviation) / deviation.shape[1] + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return proportions(_deviation(params, window) ** 2)


def _deviation(params: Params, window: Window) -> Floats:
    deviation = window.mean - params["usual"]
    deviation /= params["scale"]
    if not window.whole:
        np.copyto(deviation, 0.0, where=np.isnan(deviation))  # a window of which too little is known
    return deviation
