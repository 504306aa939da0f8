"""How detection is measured: rows one by one, without point adjustment. Used by the suites of `interferon bench detect`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Quality:
    """F1, share of normal rows in alarm, share of anomalous rows without one."""

    f1: float
    far: float
    mar: float


def quality(labels: Bools, alarms: Bools) -> Quality:
    """Row by row."""
    hits, false = int((labels & alarms).sum()), int((~labels & alarms).sum())
    missed, quiet = int((labels & ~alarms).sum()), int((~labels & ~alarms).sum())
    return Quality(2 * hits / max(1, 2 * hits + false + missed), false / max(1, false + quiet), missed / max(1, hits + missed))


def auroc(labels: Bools, scores: Floats) -> float:
    """Chance that an anomalous row scores above a normal one; equal scores count half (Mann and Whitney 1947)."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    anomalous = int(labels.sum())
    return float((ranks[labels].sum() - anomalous * (anomalous + 1) / 2) / max(1, anomalous * (len(labels) - anomalous)))


def caught(labels: Bools, scores: Floats, budget: float = 0.01) -> float:
    """Share of anomalous rows above the threshold that `budget` of the normal rows exceed."""
    return float((scores[labels] > np.quantile(scores[~labels], 1.0 - budget)).mean())


def best(labels: Bools, scores: Floats) -> tuple[float, Quality]:
    """The threshold with the highest F1, and what it reaches: it looks at the answers, so no real detector can do better with it."""
    limits = np.quantile(scores, np.linspace(0.0, 0.99, 200))
    limit = max(limits, key=lambda value: quality(labels, scores >= value).f1)
    return float(limit), quality(labels, scores >= limit)


def row(case: str, metric: str, value: float, beside: dict[str, float], target: tuple[str, float] | None) -> dict[str, Any]:
    """One row of a bench; `target` is a sign and a limit."""
    told: dict[str, Any] = {"case": case, "metric": metric, "value": float(value), "target": None, "holds": None, "baselines": beside}
    if target is not None:
        sign, limit = target
        holds = {">=": value >= limit, "<=": value <= limit, "<": value < limit}[sign]
        told |= {"target": f"{sign} {limit:g}", "holds": bool(holds)}
    return told
