"""Detector: signals that do not go on as all signals together, one row before, said they would.

Loaded into `interferon.detectors.telemetry_portfolio`, for recorded files only; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, by_signal, mean_square, standardised
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import plant, shuffle
from interferon.detect.windows import Bools, Floats, Rows, Window, encode, feature_scale, rolling, times

EPSILON = 0.05


class TelemetryAhead:
    """Residuals of a one-step vector autoregression, their rolling means and log-spreads.

    z of a row is predicted from z of the row before by a ridge regression, W = (G + λI)⁻¹ H with G the second moments and H the
    lagged ones. The statistic is log(mean of the squared standardised deviations + ε) of the rolling mean and log-spread of the
    residuals. It needs `Rows.before`.

    Parameters: `matrix` (S, S); `unit` (S,), the residuals' training spread; `location`, `scale` (2S,) of the features; `size` ().

    Reference: Lütkepohl (2005), New introduction to multiple time series analysis, ch. 3; Hoerl and Kennard (1970), Ridge regression.
    """

    name = "ahead"
    QUIET = staticmethod(plant)
    LOUD = staticmethod(shuffle)

    def __init__(self, weight: float = 1 / 3) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return settings.short

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        before, known = rows.before[use], rows.z[use]
        penalty = settings.ridge_windows * settings.long / len(known)
        moments = before.T @ before / len(known) + penalty * np.eye(known.shape[1])
        matrix = np.linalg.solve(moments, before.T @ known / len(known))
        # a signal that stood still has no residual to scale by: its own unit serves
        unit = np.where(known.std(axis=0) > 0, np.maximum((known - before @ matrix).std(axis=0), 0.05), 1.0)
        params = {"matrix": matrix, "unit": unit}
        residual = encode(*self.derive({name: value[None] for name, value in params.items()}, rows))
        window = rolling(residual, settings.short, settings.spread_floor)
        table = np.hstack([window.mean, window.spread])[use]
        active = ~np.isnan(table).all(axis=0)
        location = np.nanmedian(np.where(active, table, 0.0), axis=0)
        scale = feature_scale(np.where(active, table, 0.0))
        return {**params, "location": location, "scale": scale, "size": np.array(max(1.0, float(active.sum())))}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return (rows.z - times(rows.before, params["matrix"])) / params["unit"], rows.valid

    def score(self, params: Params, window: Window) -> Floats:
        return np.asarray(np.log(mean_square(params, window) + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return by_signal(standardised(params, window) ** 2)
