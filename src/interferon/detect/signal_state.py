"""What is remembered of single signals: plain arrays over a dense entity index, so that a checkpoint stores it as it is.

Made and read by `signals`, which judges, and `signals_learn`, which sets the ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from interferon.detect.fleet import Index, lengthen, room
from interferon.detect.signal_protocol import Memory, Numbers, SignalDetector

Detectors = Sequence[SignalDetector]
Halves = NDArray[np.float16]  # exact to a thousandth, which is enough of a spread


@dataclass
class SignalState:
    """What is known of the signals of every machine; arrays (capacity, D, S) of D detectors unless said.

    low, high: the range, which of a signal that is not judged has no end; below, above: spread of its ends; least, most: what the quiet
    rows of this day reached. rows (capacity,): since learnt, −1 before. loud (capacity,): largest −log p of a machine in its last row. last
    (capacity, D): row of a detector's last alarm; told (capacity,): row of the last one told; strayed (capacity, S): told of by an
    `anchored` detector. params, memory: of each detector, arrays (capacity, S, …).
    """

    signals: int
    rows: Index
    told: Index
    last: NDArray[np.int32]
    strayed: NDArray[np.bool_]
    low: Numbers
    high: Numbers
    below: Halves
    above: Halves
    least: Numbers
    most: Numbers
    loud: Numbers
    params: list[dict[str, Numbers]] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)


FILL = {"rows": -1, "told": -1 << 30, "last": -1 << 30, "below": 1.0, "above": 1.0}
_PER_ENTITY = ("rows", "told", "last", "strayed", "low", "high", "below", "above", "least", "most", "loud")


def new_state(signals: int, detectors: Detectors) -> SignalState:
    """Returns the state of a fleet that nothing is known about."""
    flat, wide = np.empty(0, dtype=np.int64), np.empty((0, len(detectors), signals), dtype=np.float32)
    state = SignalState(
        signals=signals,
        rows=flat,
        told=flat.copy(),
        last=np.empty((0, len(detectors)), dtype=np.int32),
        strayed=np.empty((0, signals), dtype=np.bool_),
        low=wide,
        high=wide.copy(),
        below=wide.astype(np.float16),
        above=wide.astype(np.float16),
        least=wide.copy(),
        most=wide.copy(),
        loud=np.empty(0, dtype=np.float32),
    )
    state.params = [{} for _ in detectors]
    state.memory = [fresh(detector, 0, signals) for detector in detectors]
    return state


def fresh(detector: SignalDetector, entities: int, signals: int) -> Memory:
    """Returns the memory of a detector that has seen no row."""
    return {name: np.full((entities, signals, *shape), first, dtype=kind) for name, (shape, kind, first) in detector.memory().items()}


def make_room(state: SignalState, entities: int) -> None:
    """Lengthens all arrays, where they hold fewer than so many entities."""
    if entities <= len(state.rows):
        return
    lengthen(state, _PER_ENTITY, FILL, (*state.params, *state.memory), room(entities))


def by_detector(state: SignalState, name: str) -> Numbers | Halves:
    """Returns the array `name` (capacity, D, S) of a state as (D, capacity, S), a view in one piece: each detector's numbers are compared
    with theirs while they are at hand. It is laid out so in memory when it is first asked for, or after it grew or was read back."""
    view = getattr(state, name).swapaxes(0, 1)
    if not view.flags.c_contiguous:
        view = np.ascontiguousarray(view)
        setattr(state, name, view.swapaxes(0, 1))
    return cast("Numbers | Halves", view)
