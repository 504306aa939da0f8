"""Detector: a signal that has wandered off over days, however slowly: the guard against an attacker who teaches the watcher.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import leap, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading, follow, present, within
from interferon.detect.windows import STEP, Bools, Codes, Floats

CLIP = 8.0  # deviations
DAY, BLOCKS = 1440.0, 8  # rows; pieces of the training rows that tell how far the mean of all of them may be off
ALLOWED = 1.7  # deviations that a signal may wander: wear and seasons
ERRORS = 1.5  # standard errors of the training mean that it may be off besides
LEAST = 0.5  # spreads; a deviation below this counts as this


class TelemetryDrift:
    """How far the exponential mean over a day lies from the training mean, beyond 1.7 deviations and 1.5 of that mean's standard errors.

    The deviation is that of the training rows, but at most the spread that all detectors share, which is robust: of a signal with two
    levels it is half as large again. The training mean is never moved: all other baselines may follow what is slow, this one is what they
    are held to (`detect.taught`). An alarm here ends when a person declares a new regime.
    """

    name, both, rate, floor, warm, most, grows = "drift", False, 52.0, 1.0, 2, np.inf, False
    says = "has wandered off over days"
    techniques = ("T0836", "T0856")
    QUIET = staticmethod(pump)
    LOUD = staticmethod(leap)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"mean": ((), "float32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        seen = present(codes)
        z = np.clip(np.where(seen, codes, 0) / STEP, -CLIP, CLIP)
        blocks = [piece.sum(axis=0) / np.maximum(count.sum(axis=0), 1) for piece, count in _pieces(z, seen)]
        error = np.std(blocks, axis=0) / np.sqrt(BLOCKS)
        usual = z.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        deviation = np.sqrt((np.where(seen, z - usual, 0.0) ** 2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1))
        return {"usual": usual, "allowed": ALLOWED * np.clip(deviation, LEAST, 1.0) + ERRORS * error}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        mean: Numbers = memory["mean"]  # type: ignore[assignment]
        follow(mean, within(row.z, CLIP), row.there, DAY)
        off: Numbers = np.abs(mean - params["usual"])
        off -= params["allowed"]
        return np.clip(off, np.float32(0.0), np.float32(np.inf), out=off)


def _pieces(z: Floats, seen: Bools) -> list[tuple[Floats, Bools]]:
    return list(zip(np.array_split(z, BLOCKS), np.array_split(seen, BLOCKS), strict=True))
