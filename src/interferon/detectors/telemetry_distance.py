"""Detector: how far the recent level and spread of all signals together are from normal.

Loaded into `interferon.detectors.telemetry_portfolio`; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, by_signal, standardised
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import jump, plant
from interferon.detect.windows import Bools, Floats, Rows, Window, encode, feature_centre, feature_scale, rolling, times

EPSILON = 0.05


class TelemetryDistance:
    """Shrunk-covariance (Mahalanobis) distance of the rolling means and log-spreads.

    With the features f of the short window (2S: mean and log-spread of each signal), centred on their training median and scaled,
    and their shrunk covariance C over the k signals' features, the statistic is log(fᵀ C⁻¹ f / 2k + ε).

    Parameters: `location`, `scale` (2S,), `root` (2S, 2S), the symmetric root of C⁻¹, and `size` (), the number of features in use.
    Shares are the squared components of `root · f` (the corr-max decomposition), which are not negative and sum to the statistic.

    References: Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices; Garthwaite and Koch
    (2016), Evaluating the contributions of individual variables to a quadratic form.
    """

    name = "distance"
    QUIET = staticmethod(plant)
    LOUD = staticmethod(jump)

    def __init__(self, weight: float = 0.5) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return settings.short

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        window = rolling(encode(rows.z, rows.valid), settings.short, settings.spread_floor)
        table = np.hstack([window.mean, window.spread])[use]
        active = ~np.isnan(table).all(axis=0)
        location = feature_centre(np.where(active, table, 0.0), settings.short)
        centred = np.where(np.isnan(table), 0.0, table - location)
        scale = feature_scale(np.where(active, centred, 0.0))
        least = settings.shrink_windows / (settings.shrink_windows + use.sum() / settings.short)
        covariance = shrunk_covariance(centred / scale, least, int(active.sum()))
        covariance[np.diag_indices_from(covariance)] += centred.std(axis=0) <= 1e-9  # what stood still has the unit as its variance
        root = inverse_root(covariance)
        return {"location": location, "scale": scale, "root": root, "size": np.array(max(1.0, float(active.sum())))}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return rows.z, rows.valid

    def score(self, params: Params, window: Window) -> Floats:
        parts = _components(params, window)
        return np.asarray(np.log(np.vecdot(parts, parts) / params["size"] + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return by_signal(_components(params, window) ** 2)


def _components(params: Params, window: Window) -> Floats:
    return times(standardised(params, window), params["root"])


def shrunk_covariance(rows: Floats, least: float, active: int) -> Floats:
    """Returns the covariance of `rows` (N, F) shrunk towards its mean variance times the identity.

    The weight is Ledoit and Wolf's, but at least `least`: rows of overlapping windows are not independent, which their formula assumes.
    """
    count, size = rows.shape
    centred = rows - rows.mean(axis=0)
    covariance = centred.T @ centred / count
    variance = np.trace(covariance) / max(1, active)
    target = variance * np.eye(size)
    spread = float(((covariance - target) ** 2).sum())
    squares = centred * centred
    error = float((squares.T @ squares / count - covariance**2).sum()) / count
    weight = max(least, min(1.0, error / spread)) if spread > 0 else 1.0
    return np.asarray((1.0 - weight) * covariance + weight * max(variance, 1e-6) * np.eye(size))


def inverse_root(covariance: Floats) -> Floats:
    """Returns the symmetric root of the inverse of a positive definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors / np.sqrt(np.maximum(values, 1e-9))) @ vectors.T)
