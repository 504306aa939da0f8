"""Time in buckets, and the array types that the flow modules share. Pure."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAY_US = 86_400_000_000
WEEK = 7.0  # days
FINE_DAYS = 3.0  # half-day buckets up to here, whole days after: decisions of the next hours need the finer grid


def grid(horizon_days: float) -> Floats:
    """(T+1,) bucket edges in days: half days first, whole days after FINE_DAYS."""
    fine = np.arange(0.0, min(FINE_DAYS, horizon_days), 0.5)
    return np.concatenate([fine, np.arange(FINE_DAYS, horizon_days, 1.0), [float(horizon_days)]])


def days(horizon_days: float, until_h: float | None = None) -> Floats:
    """(T+1,) bucket edges in days, from a week on in weeks, with one at the end of a closure: for what is solved many times over.

    What moves leaves in the middle of its bucket: in long ones goods that could be in time come late.
    """
    edges = np.concatenate([np.arange(0.0, min(WEEK, horizon_days)), np.arange(WEEK, horizon_days, WEEK), [horizon_days]])
    return np.unique(np.append(edges, horizon_days if until_h is None else min(until_h / 24, horizon_days)))


def middles(edges: Floats) -> Floats:
    """What moves in a bucket is taken to leave in its middle: neither early nor late on average."""
    return (edges[:-1] + edges[1:]) / 2


def bucket(edges: Floats, days: Floats) -> Ints:
    """Bucket in which each time lies; T for beyond the horizon."""
    return np.minimum(np.searchsorted(edges, days, side="right") - 1, len(edges) - 1).astype(np.int64)
