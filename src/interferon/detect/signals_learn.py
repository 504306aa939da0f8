"""Learns of single signals: what each detector needs to know, and the range that its number kept to on the training rows.

Called by `detect.watch`, `baselines` and the conformance kit; `signals_peers` uses its parts for what peers lend. Changes only the state
handed to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from interferon.detect.fleet import Index
from interferon.detect.signal_protocol import Numbers, anchored
from interferon.detect.signal_state import FILL, Detectors, SignalState, fresh, make_room
from interferon.detect.signals import numbers_of
from interferon.detect.windows import GAP, Bools, Codes, Floats, Ints

Ends = tuple[Numbers, Numbers, Numbers, Numbers]  # low, high, below, above of `SignalState`, (n, D, S) each
BLOCK = 2560  # machines that are learnt together: the rows of their day take 60 MB
BLOCKS = 8  # pieces of the training rows whose extremes give the spread of an extreme


def learn(state: SignalState, entities: Sequence[int], rows: Sequence[Codes], times: Sequence[Ints], detectors: Detectors) -> None:
    """Learns the ranges of `entities` from their training rows, codes (N, S) each and of one length, whose times (N,) are in microseconds
    UTC; they are judged from then on."""
    order = np.argsort(entities, kind="stable")
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        codes, when = (np.stack([each[place] for place in block], axis=1) for each in (rows, times))
        _learn(state, np.array(entities, dtype=np.int64)[block], codes, when, detectors)


def _learn(state: SignalState, entities: Index, rows: Codes, times: Ints, detectors: Detectors) -> None:
    learnt = [[detector.learn(rows[:, place]) for place in range(len(entities))] for detector in detectors]
    teach(state, entities, learnt, (rows != GAP).any(axis=0), detectors)
    ends = extremes(state, entities, rows, times, detectors)
    spreads = ends.std(axis=0)
    bound(state, entities, (ends.min(axis=0)[0], ends.max(axis=0)[1], spreads[0], spreads[1]), detectors)
    state.rows[entities] = len(rows)


def teach(
    state: SignalState, entities: Index, learnt: Sequence[Sequence[Mapping[str, Floats]]], spoke: Bools, detectors: Detectors
) -> None:
    """Puts in what each detector learnt of each machine, and makes their memory fresh. `spoke` (n, S): signals that had a value."""
    make_room(state, int(entities.max()) + 1)
    state.high[entities] = np.where(spoke[:, None, :], np.float32(0.0), np.inf)
    for column, (detector, each) in enumerate(zip(detectors, learnt, strict=True)):
        stored = state.params[column]
        for name in each[0]:
            values = np.stack([one[name] for one in each]).astype(np.float32)
            stored.setdefault(name, np.zeros((len(state.rows), *values.shape[1:]), dtype=np.float32))[entities] = values
        for name, value in fresh(detector, len(entities), state.signals).items():
            state.memory[column][name][entities] = value


def bound(state: SignalState, entities: Index, ends: Ends, detectors: Detectors) -> None:
    """Sets the ranges. What a detector's number has no meaning for is judged no longer."""
    spoke = np.isfinite(state.high[entities])
    low, high, below, above = (np.broadcast_to(end, spoke.shape).astype(np.float32) for end in ends)
    floors = np.array([detector.floor for detector in detectors], dtype=np.float32)[:, None]
    below, above = np.maximum(below, floors), np.maximum(above, floors)
    judged = spoke & (high <= np.array([detector.most for detector in detectors])[:, None])
    for column, detector in enumerate(detectors):
        if not detector.both:
            low[:, column] = -np.inf
        if anchored(detector):
            high[:, column], above[:, column] = 0.0, detector.floor
    state.low[entities], state.high[entities], state.below[entities], state.above[entities] = low, high, below, above
    unbound(state, entities, judged)
    state.told[entities], state.last[entities], state.strayed[entities] = FILL["told"], FILL["last"], False


def unbound(state: SignalState, entities: Index, judged: Bools) -> None:
    """Takes the ends off the ranges (n, D, S) that are not `judged`, and begins the day that may widen the others."""
    state.low[entities] = np.where(judged, state.low[entities], -np.inf)
    state.high[entities] = np.where(judged, state.high[entities], np.inf)
    state.least[entities], state.most[entities] = state.low[entities], state.high[entities]


def extremes(state: SignalState, entities: Index, rows: Codes, times: Ints, detectors: Detectors) -> Numbers:
    """Lowest and highest numbers of each block of the training rows, (BLOCKS, 2, n, D, S); leaves the memory at the last row.
    `times` (N, n), or (N, 1) where they are one for all."""
    shape = (len(entities), len(detectors), state.signals)
    ends = np.stack([np.full((BLOCKS, *shape), np.inf), np.full((BLOCKS, *shape), -np.inf)], axis=1).astype(np.float32)
    warm = np.array([min(detector.warm, len(rows) // 4) for detector in detectors])
    ahead = np.arange(len(rows))[:, None] - warm
    blocks = np.where(ahead < 0, -1, ahead * BLOCKS // (len(rows) - warm))  # (N, D): each detector's begin where it is warm
    begins = np.diff(blocks, axis=0, prepend=-1) != 0
    finishes = np.concatenate([begins[1:] & (blocks[:-1] >= 0), np.ones((1, len(detectors)), dtype=np.bool_)])
    low, high = ends[0].swapaxes(1, 2).copy()  # (D, n, S) each
    state.loud[entities] = 0.0
    for row, codes in enumerate(rows):
        state.rows[entities] = row
        numbers = numbers_of(state, entities, codes, times[row], detectors)
        for column in np.flatnonzero(begins[row]):
            low[column], high[column] = np.inf, -np.inf
        for lowest, highest, number in zip(low, high, numbers, strict=True):
            np.minimum(lowest, number, out=lowest)
            np.maximum(highest, number, out=highest)
        for column in np.flatnonzero(finishes[row]):
            ends[blocks[row, column], :, :, column] = low[column], high[column]
    return ends
