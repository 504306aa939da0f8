"""Detector: whether each signal still agrees with what the other signals say about it.

Loaded into `interferon.detectors.telemetry_portfolio`; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, by_signal, mean_square, standardised
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import plant, swap
from interferon.detect.windows import Bools, Floats, Rows, Window, encode, feature_centre, feature_scale, rolling, times

EPSILON = 0.05


class TelemetryResidual:
    """Cross-sensor ridge residuals, their rolling means and log-spreads.

    With G the second moments of the standardised signals and P = (G + λI)⁻¹, the residual of signal j regressed on all others with
    a ridge is (P z)ⱼ / Pⱼⱼ. The statistic is log(mean of the squared standardised deviations + ε) of the rolling mean and
    log-spread of all residuals: a mean, for the maximum over sensors is ruled by the one noisiest sensor.

    Parameters: `matrix` (S, S) to residuals in units of their training spread; `location`, `scale` (2S,) of the features; `size` ().

    Reference: Hoerl and Kennard (1970), Ridge regression; Whittaker (1990), Graphical models, for residuals from the inverse.
    """

    name = "residual"
    QUIET = staticmethod(plant)
    LOUD = staticmethod(swap)

    def __init__(self, weight: float = 0.5) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return settings.long

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        known = rows.z[use]
        penalty = settings.ridge_windows * settings.long / len(known)
        inverse = np.linalg.inv(known.T @ known / len(known) + penalty * np.eye(known.shape[1]))
        matrix = inverse / np.diag(inverse)
        # a signal that stood still has no residual to scale by: its own unit serves
        matrix = matrix / np.where(known.std(axis=0) > 0, np.maximum((known @ matrix).std(axis=0), 0.05), 1.0)
        residual = encode(times(rows.z, matrix[None]), rows.valid)
        window = rolling(residual, settings.long, settings.spread_floor)
        table = np.hstack([window.mean, window.spread])[use]
        active = ~np.isnan(table).all(axis=0)
        location = feature_centre(np.where(active, table, 0.0), settings.long)
        scale = feature_scale(np.where(active, table, 0.0))
        return {"matrix": matrix, "location": location, "scale": scale, "size": np.array(max(1.0, float(active.sum())))}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return times(rows.z, params["matrix"]), rows.valid

    def score(self, params: Params, window: Window) -> Floats:
        return np.asarray(np.log(mean_square(params, window) + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return by_signal(standardised(params, window) ** 2)
