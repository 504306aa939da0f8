"""Detector: a signal that stays on one side of its usual level for longer than it ever did: a machine that does not come back.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from interferon.detect.signal_examples import pump, standstill
from interferon.detect.signal_protocol import Memory, Numbers, Reading, log_run, put
from interferon.detect.windows import Bools, Codes, Floats


class TelemetryDwell:
    """log(1 + number of rows since the signal last crossed its training median).

    A stop looks like any pause at first; only its length tells. Stops of a shift's length and more that were learnt count as usual.
    """

    name, both, rate, floor, warm, most, grows = "dwell", False, 3.2, 0.12, 5, 5.7, True
    says = "has stayed on one side of its usual level for longer than it ever did"
    techniques = ("T0881", "T0836")
    QUIET = staticmethod(pump)
    LOUD = staticmethod(standstill)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"side": ((), "int8", 0), "run": ((), "int32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        side = memory["side"]
        run: NDArray[np.int32] = memory["run"]  # type: ignore[assignment]
        now = (row.codes >= 0).astype(np.int8)
        now += now
        now -= np.int8(1)
        longer = run + np.int32(1)
        longer *= now == side
        put(run, longer, row)
        put(side, now, row)
        return log_run(run)
