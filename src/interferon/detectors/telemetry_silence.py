"""Detector: one signal falls silent, or comes irregularly, while its machine goes on speaking.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import mute, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading, follow
from interferon.detect.windows import Bools, Codes, Floats

SPAN = 30  # rows


class TelemetrySilence:
    """Exponential mean over 30 rows of whether the reading was missing, of the rows in which the machine sent anything.

    A machine that is silent altogether, or a network that is down, says nothing about one sensor: such rows are left out.
    """

    name, both, rate, floor, warm, most, grows = "silence", False, 2.2, 0.1, 2 * SPAN, 0.5, True
    says = "falls silent, or comes late, as it never did while the machine spoke"
    techniques = ("T0815", "T0804")  # denial of view, block reporting message
    QUIET = staticmethod(pump)
    LOUD = staticmethod(mute)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"share": ((), "float32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        share: Numbers = memory["share"]  # type: ignore[assignment]
        spoke = np.ones((len(share), 1), dtype=np.float32)
        gaps = row.gaps // row.seen.shape[1]  # few: machines with a signal missing, once for each
        spoke[gaps, 0] = row.seen[gaps].any(axis=1)
        follow(share, np.float32(1.0) - row.there, None if spoke.all() else spoke, SPAN)
        return share
