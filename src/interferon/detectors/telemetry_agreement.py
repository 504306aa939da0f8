"""Detector: one signal no longer agrees with what the machine's other signals say about it.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.fleet import lines
from interferon.detect.signal_examples import apart, pump
from interferon.detect.signal_protocol import Ints, Memory, Numbers, Reading, follow, present, put, within
from interferon.detect.windows import STEP, Bools, Codes, Floats

CLIP, WEAR = 16.0, 3.0  # deviations of the residual: in all, and those that the slow baseline follows
RIDGE = 180.0  # weight of the prior in the regression, in rows
BASELINE = 1440  # rows over which the slow baseline follows
EVERY = 4  # rows: the regression is linear, so that a residual of their mean says what the mean of their residuals would
ROOM = 8.0  # largest reading, in spreads, that takes part in another one's expectation


class TelemetryAgreement:
    """Exponential mean over `span` rows of the residual of each signal's ridge regression on the others, less its own slow mean; moved on
    every fourth row, by the mean of the four.

    With G the second moments of the standardised rows and P = (G + λI)⁻¹, the residual of signal j is (P z)ⱼ / Pⱼⱼ, in units of its
    spread. Wear changes a relation over weeks: the slow mean follows residuals within ±3 spreads, never while the machine is in alarm;
    how far a signal itself may wander is the business of the slow drift detector.

    Reference: Hoerl and Kennard (1970), Ridge regression; Whittaker (1990), Graphical models, for residuals from the inverse.
    """

    both, rate, floor, most, grows = True, 1.6, 0.1, np.inf, True
    says = "does not agree with what the other signals say about it"
    techniques = ("T0856", "T0836")
    QUIET = staticmethod(pump)
    LOUD = staticmethod(apart)

    def __init__(self, span: int = 60) -> None:
        self.name, self.span, self.warm = f"agreement_{span}", span, 2 * span

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        return {"held": ((), "int16", 0), "sum": ((), "float32", 0), "mean": ((), "float32", 0), "base": ((), "float32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        z = np.where(present(codes), codes, 0) / STEP
        z = np.clip(z, -ROOM, ROOM)
        inverse = np.linalg.inv(z.T @ z / len(z) + RIDGE / len(z) * np.eye(z.shape[1]))
        matrix = inverse / np.diag(inverse)
        return {"matrix": (matrix / np.maximum((z @ matrix).std(axis=0), 0.05)).T}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        held: Codes = memory["held"]  # type: ignore[assignment]
        mean, base, total = (np.asarray(memory[name], dtype=np.float32) for name in ("mean", "base", "sum"))  # no copy
        put(held, row.codes, row)
        total += within(held * np.float32(1.0 / STEP), ROOM)
        ready = np.flatnonzero(row.rows % EVERY == EVERY - 1)
        if len(ready) == len(mean):
            _follow(params["matrix"], (mean, base, total), (row.rows, row.calm), self.span)
        elif len(ready):  # by `take`, which is several times as fast as an index
            some = (mean.take(ready, axis=0), base.take(ready, axis=0), total.take(ready, axis=0))
            _follow(params["matrix"].take(ready, axis=0), some, (row.rows.take(ready), row.calm.take(ready)), self.span)
            for all_of_them, moved in zip((mean, base, total), some, strict=True):
                lines(all_of_them)[ready] = lines(moved)
        return mean - base


def _follow(matrix: Numbers, memory: tuple[Numbers, Numbers, Numbers], of: tuple[Ints, Bools], span: int) -> None:
    """Moves mean and slow baseline (n, S) on by the mean of the rows that were summed, and empties the sum. `of`: row number, calm (n,)."""
    mean, base, total = memory
    rows, calm = of
    # each machine by itself: the result does not depend on how many
    residual = within(np.matmul(matrix, total[:, :, None])[:, :, 0] * np.float32(1.0 / EVERY), CLIP)
    total[:] = 0.0
    follow(mean, residual, None, span / EVERY)
    settled = calm & (rows >= BASELINE // 2)
    if settled.any():
        step = within(residual, WEAR)
        step -= base
        step *= (EVERY / np.clip(rows, BASELINE // 2, BASELINE).astype(np.float32))[:, None]
        step *= settled.astype(np.float32)[:, None]
        base += step
