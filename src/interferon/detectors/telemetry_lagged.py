"""Detector: rows that, taken together with the rows just before them, leave the ways in which the signals move together.

Loaded into `interferon.detectors.telemetry_portfolio`, for recorded files only; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.protocol import Params, by_signal
from interferon.detect.settings import Settings
from interferon.detect.telemetry_examples import jump, plant
from interferon.detect.windows import Bools, Floats, Rows, Window, times

EPSILON = 0.05
LAGS = 2  # rows before that are stacked on each row
EXPLAINED = 0.9  # share of the variance that the kept components explain together
FLOOR = 0.05  # of a spread: a signal, or a component left out, that moves less counts as moving this much


class TelemetryLagged:
    """Dynamic principal component analysis: Hotelling's T² within the main components of lagged rows, and Q outside of them.

    x is z of a row and of the LAGS rows before it, stacked, centred and in units of its training spread. Of the eigenvectors P of its
    covariance, with eigenvalues λ, the first k are kept that explain EXPLAINED of the variance. T² = Σ (pᵢᵀ x)² / λᵢ over those kept,
    and Q = |x − P Pᵀ x|², the squared prediction error. Both, divided by what they are on average in training (k, and the sum of the other
    λ), count the same: the statistic is log(½ T² / k + ½ Q / Σλ + ε), with T² and Q the means over the short window. It asks for
    `Rows.lagged`.

    Parameters: with F = S (1 + lags), `centre`, `unit` (F,); `within`, `outside` (F, F), the symmetric root of T² and the projector of Q,
    scaled. Their components are each one signal's at one lag, and their squares sum to T² and Q: summed over the lags they are the shares.

    References: Ku, Storer and Georgakis (1995), Disturbance detection and isolation by dynamic principal component analysis; Jackson and
    Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
    """

    name = "lagged"
    QUIET = staticmethod(plant)
    LOUD = staticmethod(jump)

    def __init__(self, weight: float = 1 / 6) -> None:
        self.weight = weight

    def window(self, settings: Settings) -> int:
        return settings.short

    def learn(self, rows: Rows, use: Bools, settings: Settings) -> Params:
        lags = min(LAGS, settings.long - settings.short)  # the first window of a table reaches no further back than what is kept
        known, signals = _stacked(rows, lags)[use], rows.z.shape[1]
        centre, spread = known.mean(axis=0), known.std(axis=0)
        unit = np.where(spread > 0, np.maximum(spread, FLOOR), 1.0)
        known = (known - centre) / unit
        values, vectors = np.linalg.eigh(known.T @ known / len(known))
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        kept = 1 + int(np.count_nonzero(np.cumsum(values) < EXPLAINED * values.sum()))
        rest = max(float(values[kept:].sum()), FLOOR**2 * (len(values) - kept), FLOOR**2)
        within = (vectors[:, :kept] / np.sqrt(np.maximum(values[:kept], FLOOR**2))) @ vectors[:, :kept].T
        outside = vectors[:, kept:] @ vectors[:, kept:].T
        # so scaled, the mean over the signals of a row's squared components is T² / k, and Q / Σλ
        return {"centre": centre, "unit": unit, "within": within * np.sqrt(signals / kept), "outside": outside * np.sqrt(signals / rest)}

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        signals = rows.z.shape[1]
        lags = params["centre"].shape[-1] // signals - 1
        stacked = (_stacked(rows, lags) - params["centre"]) / params["unit"]
        parts = [times(stacked, params[name]).reshape(len(stacked), lags + 1, signals) for name in ("within", "outside")]
        return np.hstack([np.sqrt((part * part).sum(axis=1)) for part in parts]), np.tile(rows.valid, 2)

    def score(self, params: Params, window: Window) -> Floats:
        return np.asarray(np.log(_squares(window).mean(axis=1) + EPSILON))

    def why(self, params: Params, window: Window) -> Floats:
        return by_signal(_squares(window))  # what T² says of a signal, and what Q says


def _stacked(rows: Rows, lags: int) -> Floats:
    """x (N, S (1 + lags)), the row itself first."""
    return np.hstack([rows.lagged(lag) for lag in range(lags + 1)])


def _squares(window: Window) -> Floats:
    """Mean square (N, 2S) over the window of what `derive` gave; the floor of the log-spread adds next to nothing."""
    return np.nan_to_num(window.mean**2 + np.exp(2.0 * window.spread))
