"""Opponent: principal components, as process monitoring has used them for decades. Called by `interferon.bench.opponents`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
KEPT, LIMIT = 0.9, 0.99


def pca(train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """T² of the components that hold 90 % of the variance and Q of the rest, each over its 0.99 quantile in training; the larger counts.

    Reference: Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
    """
    _, sizes, axes = np.linalg.svd(train, full_matrices=False)
    variance = sizes**2 / len(train)
    kept = int(np.searchsorted(np.cumsum(variance) / variance.sum(), KEPT)) + 1
    loads = axes[:kept].T

    def statistics(values: Floats) -> tuple[Floats, Floats]:
        parts = values @ loads
        rest = values - parts @ loads.T
        return (parts * parts / variance[:kept]).sum(axis=1), (rest * rest).sum(axis=1)

    limits = [max(float(np.quantile(found, LIMIT)), 1e-9) for found in statistics(train)]
    near, far = (np.maximum(*(found / limit for found, limit in zip(statistics(values), limits, strict=True))) for values in (train, rows))
    return near, far
