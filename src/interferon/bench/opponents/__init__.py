"""What else one could use, run on the very rows that we judge: river's half-space trees, pyod's ECOD and isolation forest, KitNET, PCA.

Called by the suites of `interferon bench detect`. An opponent is a function of training rows and of rows to judge, both (N, S) without
gaps and scaled by the training rows, that returns a score for each of both, higher is stranger. The first two come from other packages,
in the optional dependency group `bench`: where they are not installed they are left out, and `missing` names them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interferon.bench.opponents.kitnet import kitnet
from interferon.bench.opponents.packaged import ecod, half_space_trees, isolation_forest
from interferon.bench.opponents.pca import pca

Floats = NDArray[np.float64]
Opponent = Callable[[Floats, Floats], tuple[Floats, Floats]]

OPPONENTS: Final[Mapping[str, Opponent]] = {
    "half-space trees (river)": half_space_trees,
    "ECOD (pyod)": ecod,
    "isolation forest (pyod)": isolation_forest,
    "KitNET": kitnet,
    "PCA": pca,
}
_PACKAGES: Final = {"river": ("half-space trees (river)",), "pyod": ("ECOD (pyod)", "isolation forest (pyod)")}
AVERAGED: Final = 15  # rows: a smoother answer of the same opponent, for telemetry


def missing() -> dict[str, tuple[str, ...]]:
    """Returns the packages that are not installed, with the opponents that need them."""
    return {package: names for package, names in _PACKAGES.items() if importlib.util.find_spec(package) is None}


def present() -> dict[str, Opponent]:
    """Returns the opponents that can be run here."""
    absent = {name for names in missing().values() for name in names}
    return {name: run for name, run in OPPONENTS.items() if name not in absent}


def scaled(train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Returns both in spreads of the training rows around their mean, gaps filled with it; what stood still keeps its unit."""
    centre = np.where(np.isnan(train).all(axis=0), 0.0, np.nanmean(np.where(np.isnan(train).all(axis=0), 0.0, train), axis=0))
    spread = np.nanstd(np.where(np.isnan(train).all(axis=0), 0.0, train), axis=0)
    spread = np.where(spread > 1e-9 * np.maximum(np.abs(centre), 1e-9), spread, 1.0)
    return np.nan_to_num((train - centre) / spread), np.nan_to_num((rows - centre) / spread)


def averaged(scores: Floats, rows: int = AVERAGED) -> Floats:
    """Returns the mean of each score and those before it, `rows` in all."""
    running = np.cumsum(np.concatenate([np.full(rows, scores[0]), scores]))
    return np.asarray((running[rows:] - running[:-rows]) / rows)
