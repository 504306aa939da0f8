"""How long performance takes to come back after a closure, and how much of it is lost until then: the resilience triangle. Pure.

Bruneau et al., A Framework to Quantitatively Assess and Enhance the Seismic Resilience of Communities, Earthquake Spectra 19 (2003).
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.problem import Floats

RECOVERED = 0.95  # share of performance before
HELD_DAYS = 7.0
EPS = 1e-9


@dataclass(frozen=True)
class Recovery:
    """`days` from the closure; None: not within what was looked at. `area`: days of full performance lost until then, else to the end."""

    days: float | None
    area: float


def recovery(edges: Floats, performance: Floats, share: float = RECOVERED, held_days: float = HELD_DAYS) -> Recovery:
    """From the performance (T,) in each bucket between `edges` (T+1, days from the closure), as a share of performance before.

    What never falls below `share` has not to recover: 0 days, nothing lost. A recovery that would hold beyond the last edge is not seen.
    """
    good = performance >= share - EPS
    if good.all():
        return Recovery(0.0, 0.0)
    lost = np.maximum(1.0 - performance, 0.0) * np.diff(edges)
    for start in range(int(np.argmin(good)), len(good)):
        falls = np.flatnonzero(~good[start:])
        end = edges[start + falls[0]] if len(falls) else edges[-1]
        if end - edges[start] >= held_days - EPS:
            return Recovery(float(edges[start]), float(lost[:start].sum()))
    return Recovery(None, float(lost.sum()))


def performance(before: Floats, now: Floats) -> Floats:
    """(T,) share of `before` reached in each bucket, at most 1. Where before nothing was to be done, that of the bucket before."""
    asked = before > EPS
    ratio = np.where(asked, np.minimum(now / np.where(asked, before, 1.0), 1.0), 1.0)
    last = np.maximum.accumulate(np.where(asked, np.arange(len(before)), -1))
    return np.where(last >= 0, ratio[last], 1.0)
