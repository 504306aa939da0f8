"""Fleet-wide control of false discoveries over the telemetry alarms of each frame, before they become findings. Called by the pipeline.

A fleet of thousands asks thousands of questions a minute; at a fixed p some always say yes. An alarm that does not stand at its
first frame is held while it lasts: evidence that goes on for hours adds up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from interferon.model.records import Finding

SPAN: Final = 45 * 60_000_000  # microseconds: p-values closer than this look at the same window, so they are no new evidence
ODD: Final = 0.26  # the calibrator of a p-value above ¼ takes evidence away
OVER: Final = 0.1  # a held alarm whose p has risen above this is over


@dataclass
class FdrState:
    """The accepted share of false discoveries, the alarms that wait, and the evidence gathered for each entity that looks odd."""

    alpha: float
    pending: dict[int, Finding] = field(default_factory=dict)  # fleet-wide index → alarm that began and does not stand yet
    gained: dict[int, tuple[float, int]] = field(default_factory=dict)  # index → (log e-value, time it last grew)


def new_state(alpha: float = 0.05) -> FdrState:
    """`alpha`: accepted share of false discoveries in a frame, 0–1. Rows repeat themselves for `SPAN`, so a fleet of any size on which
    nothing happens gives about alpha false findings in `SPAN`, 1.6 a day."""
    return FdrState(alpha)


def admit(state: FdrState, rising: Mapping[int, Finding], judged: tuple[NDArray[np.int64], NDArray[np.float64]], now: int) -> list[Finding]:
    """The alarms that stand in this frame, as findings with the p that they stand by.

    `rising`: alarms that begin in this frame by fleet-wide index; `judged`: index (n,), ascending, and p (n,) of every entity that was
    judged, the quiet ones included, for they are the questions that were asked. An alarm is told once; until then it waits for as long as
    its p stays small.
    """
    state.pending.update(rising)
    entities, p_values = judged
    sustained = np.minimum(1.0, 2.0 * p_values)
    odd = p_values <= ODD  # nearly every machine is quiet and has gathered nothing: it is spared the call
    odd |= _among(entities, state.gained)
    for place in np.flatnonzero(odd).tolist():
        sustained[place] = _sustained(state, int(entities[place]), float(p_values[place]), now)
    if not state.pending:
        return []
    stands = discoveries(sustained.tolist(), state.alpha)
    found = []
    for place in np.flatnonzero(_among(entities, state.pending)).tolist():
        entity = int(entities[place])
        if stands[place]:
            found.append(msgspec.structs.replace(state.pending.pop(entity), p=float(sustained[place]), time=now))
        elif p_values[place] > OVER:
            del state.pending[entity]
    return sorted(found, key=lambda finding: (finding.time, finding.entity, finding.id))


def _among(entities: NDArray[np.int64], some: Mapping[int, object]) -> NDArray[np.bool_]:
    return np.isin(entities, np.fromiter(some, dtype=np.int64))


def _sustained(state: FdrState, entity: int, p: float, now: int) -> float:
    """p-value of all that the entity has shown since it became odd.

    Each window's p becomes an e-value by the calibrator 1/(2√p) (Vovk & Wang 2021); their running product, restarted whenever it
    falls below 1, is an e-detector (Shin, Ramdas & Rinaldo 2022): it passes 1/p' no more often than once in 1/p' windows. The better
    one of p and p' is taken, times two for having looked at both.
    """
    gained, last = state.gained.get(entity, (0.0, 0))
    if now - last >= SPAN:
        gained = max(gained - math.log(2) - 0.5 * math.log(max(p, 1e-12)), 0.0)
        if gained > 0:
            state.gained[entity] = (gained, now)
        else:
            state.gained.pop(entity, None)
    return min(1.0, 2 * min(p, math.exp(-gained)))


def discoveries(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Benjamini & Hochberg (1995): which p-values stand so that the expected share of false ones among them is at most alpha."""
    if min(p_values, default=1.0) > alpha:
        return [False] * len(p_values)
    ranked = sorted(range(len(p_values)), key=lambda i: (p_values[i], i))
    kept = max((rank for rank, i in enumerate(ranked, 1) if p_values[i] <= alpha * rank / len(p_values)), default=0)
    chosen = set(ranked[:kept])
    return [i in chosen for i in range(len(p_values))]
