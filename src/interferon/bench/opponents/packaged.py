"""Opponents from other packages, imported only when run; settings as they ship. Called by `interferon.bench.opponents`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEED = 1


def ecod(train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Li et al. (2022), ECOD: unsupervised outlier detection using empirical cumulative distribution functions."""
    from pyod.models.ecod import ECOD

    return _fitted(ECOD(), train, rows)


def isolation_forest(train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Liu, Ting and Zhou (2008), Isolation forest."""
    from pyod.models.iforest import IForest

    return _fitted(IForest(random_state=SEED), train, rows)


def half_space_trees(train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Tan, Ting and Liu (2011), Fast anomaly detection for streaming data. It learns from the training rows alone: one that goes on
    learning absorbs the attack, and does worse."""
    trees, cells = half_space(train)
    return np.array([trees.score_one(cell) for cell in cells(train)]), np.array([trees.score_one(cell) for cell in cells(rows)])


def half_space(train: Floats) -> tuple[Any, Callable[[Floats], list[dict[int, float]]]]:
    """Returns trees that learnt `train` (N, S), with `score_one` and `learn_one`, and what makes rows ready for them."""
    from river.anomaly import HalfSpaceTrees

    low, high = train.min(axis=0), train.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    trees = HalfSpaceTrees(seed=SEED)
    keys = list(range(train.shape[1]))

    def cells(part: Floats) -> list[dict[int, float]]:
        return [dict(zip(keys, row, strict=True)) for row in ((part - low) / width).tolist()]

    for cell in cells(train):
        trees.learn_one(cell)
    return trees, cells


def _fitted(model: Any, train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    model.fit(train)
    return np.asarray(model.decision_scores_, dtype=np.float64), np.asarray(model.decision_function(rows), dtype=np.float64)
