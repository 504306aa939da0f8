"""Detector: a reading that jumps from one row to the next as it never did.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import leap, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading, put
from interferon.detect.windows import GAP, STEP, Bools, Codes, Floats


class TelemetryStep:
    """The change since the last reading, in the signal's own spreads; 0 where there is no reading.

    Up and down have each their own range: what refills in one step may never empty in one.
    """

    name, both, rate, floor, warm, most, grows = "step", True, 1.6, 0.15, 2, np.inf, True
    says = "jumps as it never did"
    techniques = ("T0836", "T0856")
    QUIET = staticmethod(pump)
    LOUD = staticmethod(leap)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"last": ((), "int16", float(GAP))}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        last: Codes = memory["last"]  # type: ignore[assignment]
        change: Numbers = row.z - last * np.float32(1.0 / STEP)
        change *= row.there
        change *= last != GAP
        put(last, row.codes, row)
        return change
