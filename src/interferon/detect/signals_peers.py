"""What single signals of a kind of machine have in common, and how a new machine is judged by it.

Called by `telemetry_peers`, which puts the rows of all of them into one scale. Changes only the state handed to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from interferon.detect import signal_state, signals, signals_learn
from interferon.detect.fleet import Index
from interferon.detect.settings import Settings
from interferon.detect.signal_state import Detectors, SignalState
from interferon.detect.signals_learn import Ends
from interferon.detect.windows import GAP, Bools, Codes, Floats, Ints


@dataclass(frozen=True)
class Common:
    """learnt: what each of D detectors learnt of all machines; ends: their usual range, (1, D, S) each; spoke (1, S): signals that had a
    value; rows: of each machine."""

    learnt: list[Mapping[str, Floats]]
    ends: Ends
    spoke: Bools
    rows: int


def common(rows: Codes, times: Ints, detectors: Detectors) -> Common:
    """Returns what K machines have in common, from their training rows (N, K, S), codes in the scale that a newcomer would be given, as if
    they had come at its `times` (N,): the mean of their ranges, whose ends are spread as the blocks of all of them are."""
    count, machines, width = rows.shape
    joined, spoke = rows.transpose(1, 0, 2).reshape(-1, width), (rows != GAP).any(axis=(0, 1))[None]
    learnt, every = [detector.learn(joined) for detector in detectors], np.arange(machines)
    state = signal_state.new_state(width, detectors)
    signals_learn.teach(state, every, [[one] * machines for one in learnt], spoke, detectors)
    ends = signals_learn.extremes(state, every, rows, times[:, None], detectors)
    low, high = ends[:, 0].min(axis=0).mean(axis=0), ends[:, 1].max(axis=0).mean(axis=0)
    below, above = (ends[:, side].std(axis=(0, 1)) for side in (0, 1))
    return Common(learnt, (low[None], high[None], below[None], above[None]), spoke, count)


def lend(state: SignalState, entities: Index, shared: Common, own: tuple[Codes, Ints], settings: Settings, detectors: Detectors) -> None:
    """Judges `entities` (n,), ascending, by what their peers have in common, until they are learnt. Their own rows so far, codes (N, n, S)
    and times (N, n), warm the memory up; a number that lay beyond the peers' range in half of them is not judged: there a machine is unlike
    its peers."""
    signals_learn.teach(state, entities, [[one] * len(entities) for one in shared.learnt], shared.spoke, detectors)
    signals_learn.bound(state, entities, shared.ends, detectors)
    beyond = np.zeros((len(entities), len(detectors), state.signals), dtype=np.int64)
    evidence = np.zeros(beyond.shape, dtype=np.float32)
    state.loud[entities] = 0.0
    rows, times = own
    for row, codes in enumerate(rows):
        state.rows[entities] = shared.rows - len(rows) + row
        numbers = signals.numbers_of(state, entities, codes, times[row], detectors)
        outside, evidence = signals.outside(state, entities, numbers, detectors), np.zeros(beyond.shape, dtype=np.float32)
        spot = (outside.machine, outside.detector, outside.signal)
        evidence[spot] = signals.evidence_of(state, entities, outside, detectors)
        state.loud[entities] = evidence.max(axis=(1, 2))
        beyond += evidence > -math.log(settings.p_on)
    signals_learn.unbound(state, entities, 2 * beyond < max(1, len(rows)))
    state.loud[entities] = np.where(np.isfinite(state.high[entities]), evidence, np.float32(0.0)).max(axis=(1, 2))
    state.rows[entities] = shared.rows
