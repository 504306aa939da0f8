"""Whether the baseline of an entity still fits: a running test that its p-values are no smaller than p-values are. Called by `watch`.

Nothing here alarms. What it says is shown to people, and after declared work it may let another baseline take over (`shadows`).
Changes only the state handed to it: four arrays over the fleet-wide index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from interferon.detect.fleet import Index, grown, places, room
from interferon.detect.windows import Floats

BLOCK: Final = 240  # rows that make one look: several long windows, so that one look says little of the next
MOST: Final = 1000.0  # of a row's e-value
SHARE: Final = 8.0  # of a block's e-value: no single incident, however loud, makes a misfit
LIMIT: Final = math.log(1e4)  # nats; five blocks at the least, and by chance once in 10,000 blocks or more: four years of minutes
HIGHEST: Final = LIMIT + 2 * math.log(SHARE)  # so that a baseline that fits again is believed within some days


@dataclass
class MisfitState:
    """Per entity, (capacity,): total, count: e-values of the block in hand and their number; gained: log e-value; since: microseconds UTC
    of the row at which it passed `LIMIT`, −1 while the baseline fits."""

    total: Floats
    count: Index
    gained: Floats
    since: Index


def new_state() -> MisfitState:
    """Returns the state of a fleet that nothing is known about."""
    nothing = np.zeros(0, dtype=np.int64)
    return MisfitState(np.zeros(0), nothing, np.zeros(0), nothing.copy())


def take(state: MisfitState, entities: Index, p: Floats, time: int) -> None:
    """Takes one row of p-values (n,) of `entities` (n,), ascending and unique, at `time` (microseconds UTC).

    Each p becomes an e-value by the calibrator 1/(2√p) (Vovk and Wang, 2021). The mean of a block's e-values is an e-value however much
    its rows repeat each other; the product over blocks, restarted where it falls below 1, is an e-detector (Shin, Ramdas and Rinaldo,
    2022): while the p-values hold, it passes exp(LIMIT) no more often than once in exp(LIMIT) blocks.
    """
    if not len(entities):
        return
    _make_room(state, int(entities[-1]) + 1)
    at = places(entities)
    state.total[at] += np.minimum(0.5 / np.sqrt(np.maximum(p, 1e-12)), MOST)
    state.count[at] += 1
    full = entities[state.count[at] >= BLOCK]
    if not len(full):
        return
    gained = np.clip(state.gained[full] + np.log(np.minimum(state.total[full] / state.count[full], SHARE)), 0.0, HIGHEST)
    since = np.where((gained >= LIMIT) & (state.since[full] < 0), time, state.since[full])
    state.gained[full], state.since[full] = gained, np.where(gained > 0.0, since, -1)
    state.total[full], state.count[full] = 0.0, 0


def since(state: MisfitState, entity: int) -> int:
    """Returns since when the baseline of `entity` no longer fits, microseconds UTC; −1 where it does."""
    return int(state.since[entity]) if entity < len(state.since) else -1


def gained(state: MisfitState, entity: int) -> float:
    """Returns the log e-value against the baseline of `entity`, nats; at `LIMIT` it no longer fits."""
    return float(state.gained[entity]) if entity < len(state.gained) else 0.0


def forget(state: MisfitState, entity: int) -> None:
    """Another baseline is in force: what the one before showed says nothing of it."""
    if entity < len(state.since):
        state.total[entity], state.count[entity], state.gained[entity], state.since[entity] = 0.0, 0, 0.0, -1


def _make_room(state: MisfitState, entities: int) -> None:
    if entities > len(state.since):
        capacity = room(entities)
        state.total = np.asarray(grown(state.total, capacity), dtype=np.float64)
        state.count = np.asarray(grown(state.count, capacity), dtype=np.int64)
        state.gained = np.asarray(grown(state.gained, capacity), dtype=np.float64)
        state.since = np.asarray(grown(state.since, capacity, -1), dtype=np.int64)
