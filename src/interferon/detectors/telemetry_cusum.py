"""Detector: a signal that, while its machine runs, lies elsewhere than an hour ago, by little but for long.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import creep, daylight
from interferon.detect.signal_protocol import Memory, Numbers, Reading, follow, present, within
from interferon.detect.windows import STEP, Bools, Codes, Floats

RUNS = 2.5  # spreads around the usual level within which a machine counts as running
SPAN = 60  # rows over which the reference follows: the day's own rhythm moves less than the allowance in that time
ALLOWED, CLIP = 1.0, 3.0  # of the noise: what each row is forgiven, and the most that it counts
_NOTHING, _ENDLESS = np.float32(0.0), np.float32(np.inf)
_SIGN = np.uint32(1 << 31)


class TelemetryCusum:
    """Root of the larger of two cumulative sums, up or (negative) down, of how far the reading lies from its own mean of the last hour.

    With r the distance in units of the noise around hourly means, u ← max(0, u + r − 1), and the same downwards. Only rows near the
    usual level count, so that stops and pauses, which other detectors see, neither fill the sums nor drag the mean. A change of a few
    percent that the day's rhythm hides from a fixed range shows in the sum, for rhythm is slow.

    Reference: Page (1954), Continuous inspection schemes.
    """

    name, both, rate, floor, warm, most, grows = "cusum", True, 2.6, 0.4, 2 * SPAN, np.inf, True
    says = "has moved within an hour as it never did while running"
    techniques = ("T0836", "T0856", "T0857")
    QUIET = staticmethod(daylight)
    LOUD = staticmethod(creep)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"mean": ((), "float32", 0), "up": ((), "float32", 0), "down": ((), "float32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        z = np.where(present(codes) & (np.abs(codes / STEP) < RUNS), codes / STEP, np.nan)
        hours = z[len(z) % SPAN :].reshape(-1, SPAN, z.shape[1])
        counted = np.maximum((~np.isnan(hours)).sum(axis=1, keepdims=True), 1)
        apart = hours - np.nansum(hours, axis=1, keepdims=True) / counted
        noise = np.sqrt(np.nansum(apart**2, axis=(0, 1)) / np.maximum(counted.sum(axis=(0, 1)), 1))
        return {"per_noise": 1.0 / np.maximum(noise, 0.05)}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        mean: Numbers = memory["mean"]  # type: ignore[assignment]
        up: Numbers = memory["up"]  # type: ignore[assignment]
        down: Numbers = memory["down"]  # type: ignore[assignment]
        runs = (np.abs(row.z) < RUNS).astype(np.float32)  # a gap lies far below
        far = row.z - mean
        far *= params["per_noise"]
        far = within(far, CLIP)
        far *= runs
        allowed = runs * np.float32(ALLOWED)
        up += far
        down -= far
        for total in (up, down):
            total -= allowed
            np.clip(total, _NOTHING, _ENDLESS, out=total)  # several times as fast as a maximum with one number
        follow(mean, row.z, runs, SPAN)
        out: Numbers = np.sqrt(np.maximum(up, down))
        out.view(np.uint32)[...] |= (up - down).view(np.uint32) & _SIGN  # as copysign, which takes one number at a time
        return out
