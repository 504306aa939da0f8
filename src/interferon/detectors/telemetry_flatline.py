"""Detector: a reading that stands still for longer than it ever did: a frozen or dead sensor.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from interferon.detect.signal_examples import freeze, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading, log_run, put
from interferon.detect.windows import Bools, Codes, Floats


class TelemetryFlatline:
    """log(1 + number of rows for which the reading has repeated itself exactly). Missing rows neither break nor lengthen the run.

    Of a signal with noise the run is geometric, so a run of a few times the longest one of the training rows is next to impossible. A
    switch that stood still while it was learnt is left out.
    """

    name, both, rate, floor, warm, most, grows = "flatline", False, 2.9, 0.25, 5, 5.0, False
    says = "has not moved for longer than it ever stood still"
    techniques = ("T0856",)
    QUIET = staticmethod(pump)
    LOUD = staticmethod(freeze)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"last": ((), "int16", 0), "run": ((), "int32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        last = memory["last"]
        run: NDArray[np.int32] = memory["run"]  # type: ignore[assignment]
        out: Numbers = np.zeros(run.shape, dtype=np.float32)
        stands = np.flatnonzero(row.codes == last)  # few: noise seldom repeats a reading
        longer, counted = np.zeros_like(run), np.concatenate((stands, row.gaps))
        longer.reshape(-1)[stands] = run.reshape(-1).take(stands) + np.int32(1)
        put(run, longer, row)
        put(last, row.codes, row)
        out.reshape(-1)[counted] = log_run(run.reshape(-1).take(counted))
        return out
