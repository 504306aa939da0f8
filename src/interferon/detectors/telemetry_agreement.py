"""Detector: one signal no longer agrees with what the machine's other signals say about it.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import apart, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading, follow, present, within
from interferon.detect.windows import STEP, Bools, Codes, Floats

CLIP, WEAR = 16.0, 3.0  # deviations of the residual: in all, and those that the slow baseline follows
RIDGE = 180.0  # weight of the prior in the regression, in rows
BASELINE = 1440  # rows over which the slow baseline follows
_ALWAYS = np.ones(1, dtype=np.float32)
ROOM = 8.0  # largest reading, in spreads, that takes part in another one's expectation


class TelemetryAgreement:
    """Exponential mean over `span` rows of the residual of each signal's ridge regression on the others, less its own slow mean.

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
        return {"held": ((), "int16", 0), "mean": ((), "float32", 0), "base": ((), "float32", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        z = np.where(present(codes), codes, 0) / STEP
        z = np.clip(z, -ROOM, ROOM)
        inverse = np.linalg.inv(z.T @ z / len(z) + RIDGE / len(z) * np.eye(z.shape[1]))
        matrix = inverse / np.diag(inverse)
        return {"matrix": (matrix / np.maximum((z @ matrix).std(axis=0), 0.05)).T}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        mean: Numbers = memory["mean"]  # type: ignore[assignment]
        base: Numbers = memory["base"]  # type: ignore[assignment]
        held: Codes = memory["held"]  # type: ignore[assignment]
        np.copyto(held, row.codes, where=row.seen)
        z = within(held * np.float32(1.0 / STEP), ROOM)
        residual = np.matmul(params["matrix"], z[:, :, None])[:, :, 0]  # each machine by itself: the result does not depend on how many
        residual = within(residual, CLIP)
        follow(mean, residual, _ALWAYS, self.span)
        settled = row.calm & (row.rows >= BASELINE // 2)
        if settled.any():
            step = within(residual, WEAR)
            step -= base
            step /= np.clip(row.rows, BASELINE // 2, BASELINE).astype(np.float32)[:, None]
            step *= settled.astype(np.float32)[:, None]
            base += step
        return mean - base
