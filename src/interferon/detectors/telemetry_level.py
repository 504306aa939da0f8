"""Detector: the mean of a signal over some minutes or hours lies where it never lay.

Loaded into `interferon.detectors.telemetry_signals`, once for each span; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import leap, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading, follow, within
from interferon.detect.windows import Bools, Codes, Floats

CLIP = 16.0  # deviations


class TelemetryLevel:
    """Exponential mean of the reading over `span` rows, in the signal's own spreads.

    A short span sees a value outside of what the machine ever showed; a long one sees that it spends its time otherwise than usual.
    Reference: Roberts (1959), Control chart tests based on geometric moving averages.
    """

    both, floor, most, grows = True, 0.05, np.inf, True
    says = "lies where it never lay"
    techniques = ("T0836", "T0831")
    QUIET = staticmethod(pump)
    LOUD = staticmethod(leap)

    def __init__(self, span: int = 3, rate: float = 2.2) -> None:
        self.name, self.span, self.rate, self.warm = f"level_{span}", span, rate, 2 * span

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"mean": ((), "float32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        mean: Numbers = memory["mean"]  # type: ignore[assignment]
        follow(mean, within(row.z, CLIP), row.there, self.span)
        return mean
