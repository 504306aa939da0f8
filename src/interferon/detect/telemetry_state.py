"""What telemetry detection remembers of a fleet: plain arrays over a dense entity index, so that a checkpoint stores it as it is.

Made and read by `telemetry`, which judges; holds the rows that wait to be learnt. Changes only the state handed to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from interferon.detect.fit import Portfolio
from interferon.detect.fleet import Index, Rings, grow, grown, lengthen, new_rings, room
from interferon.detect.fleet_bits import Bits
from interferon.detect.protocol import of_bits
from interferon.detect.settings import Settings
from interferon.detect.telemetry_few import Few, split
from interferon.detect.windows import Bools, Codes, Floats

LEARNING, WATCHING, ABSENT, PROVISIONAL = 0, 1, 2, 3  # the last: judged by a model lent by its peers while its own is learnt


@dataclass
class TelemetryState:
    """Everything that telemetry detection remembers; arrays have one row an entity, (capacity, …).

    rows: seen while learning, then since the own model was installed. seen: time of the last value. slot: row of `waiting` that collects
    the entity's training rows, or −1; `when` has their times. `params` and `rings` are in the portfolio's order; `few`, by entity, is what
    the detectors of few machines hold. shift: learnt move of the baseline; quiet_total, quiet_count: what it will learn next.
    """

    settings: Settings
    signals: int
    status: NDArray[np.int8]
    rows: Index
    seen: Index
    slot: Index
    waiting: NDArray[np.float32]
    when: Index
    free: list[int]
    centre: Floats
    spread: Floats
    active: Bools
    shift: Floats
    held: Codes
    quiet_total: NDArray[np.int32]
    quiet_count: NDArray[np.int32]
    tails: Floats
    mean: Floats
    p: Floats
    alarm: Bools
    params: list[dict[str, NDArray[np.float32]]] = field(default_factory=list)
    rings: list[Rings | Bits] = field(default_factory=list)
    few: dict[int, Few] = field(default_factory=dict)


_FILL = {"slot": -1, "seen": -1, "spread": 1.0, "p": 1.0}
_PER_ENTITY = (
    *("status", "rows", "seen", "slot", "centre", "spread", "active", "shift"),
    *("held", "quiet_total", "quiet_count", "tails", "mean", "p", "alarm"),
)


def new_state(settings: Settings, signals: int, portfolio: Portfolio) -> TelemetryState:
    """Returns the state of a fleet that nothing is known about, whose entities have up to `signals` signals."""
    settings = settings.for_rows(settings.learn_rows)
    wide, flat = (0, signals), (0,)
    return TelemetryState(
        settings=settings,
        signals=signals,
        status=np.empty(flat, dtype=np.int8),
        rows=np.empty(flat, dtype=np.int64),
        seen=np.empty(flat, dtype=np.int64),
        slot=np.empty(flat, dtype=np.int64),
        waiting=np.empty((0, settings.learn_rows, signals), dtype=np.float32),
        when=np.empty((0, settings.learn_rows), dtype=np.int64),
        free=[],
        centre=np.empty(wide),
        spread=np.empty(wide),
        active=np.empty(wide, dtype=np.bool_),
        shift=np.empty(wide),
        held=np.empty(wide, dtype=np.int16),
        quiet_total=np.empty(wide, dtype=np.int32),
        quiet_count=np.empty(wide, dtype=np.int32),
        tails=np.empty((0, len(portfolio) + 1, 2)),
        mean=np.empty(flat),
        p=np.empty(flat),
        alarm=np.empty(flat, dtype=np.bool_),
        params=[{} for _ in split(portfolio)[0]],
        rings=[new_rings(detector.window(settings), signals, bits=of_bits(detector)) for detector in split(portfolio)[0]],
    )


def judged(status: NDArray[np.int8]) -> Bools:
    """Returns where a status says that the entity is judged, by its own model or by a lent one."""
    return np.asarray((status == WATCHING) | (status == PROVISIONAL))


def learners(state: TelemetryState) -> bool:
    """Returns whether any entity collects rows to be learnt."""
    return len(state.waiting) > 0  # `release` gives the memory back when the last one is done


def due(state: TelemetryState) -> list[int]:
    """Returns the entities, ascending, that have collected enough rows to be learnt."""
    return [int(entity) for entity in np.flatnonzero((state.slot >= 0) & (state.rows >= state.settings.learn_rows))]


def collected(state: TelemetryState, entity: int) -> Floats:
    """Returns the rows (N, S) that `entity` has collected while learning, oldest first."""
    return np.asarray(_ordered(state, entity, state.waiting), dtype=np.float64)


def collected_at(state: TelemetryState, entity: int) -> Index:
    """Returns the times (N,) of those rows: of their frames, in UTC microseconds."""
    return np.array(_ordered(state, entity, state.when), dtype=np.int64)


def _ordered(state: TelemetryState, entity: int, rings: NDArray[np.generic]) -> NDArray[np.generic]:
    slot, count, size = int(state.slot[entity]), int(state.rows[entity]), state.settings.learn_rows
    return rings[slot][:count] if count <= size else np.roll(rings[slot], -(count % size), axis=0)


def silent(state: TelemetryState, before: int) -> list[int]:
    """Returns the watched entities, ascending, whose last value is older than `before` (UTC microseconds)."""
    return [int(entity) for entity in np.flatnonzero(judged(state.status) & (state.seen >= 0) & (state.seen < before))]


def make_room(state: TelemetryState, entities: int) -> None:
    """Lengthens all arrays, where they hold fewer than so many entities."""
    if entities <= len(state.status):
        return
    capacity = room(entities)
    lengthen(state, _PER_ENTITY, _FILL, state.params, capacity)
    for rings in state.rings:
        grow(rings, capacity)


def collect(state: TelemetryState, entities: Index, values: Floats, time: int) -> None:
    """Keeps one row (n, S) of `entities` (n,), which are to be learnt."""
    for entity in entities[state.slot[entities] < 0]:  # once an entity, when it first appears
        if not state.free:
            room = max(4, 2 * len(state.waiting))
            state.free = list(range(room - 1, len(state.waiting) - 1, -1))
            state.waiting = np.asarray(grown(state.waiting, room), dtype=np.float32)
            state.when = np.asarray(grown(state.when, room), dtype=np.int64)
        state.slot[entity] = state.free.pop()
    place = (state.slot[entities], state.rows[entities] % state.settings.learn_rows)
    state.waiting[place], state.when[place] = values, time
    state.rows[entities] += 1


def release(state: TelemetryState, entity: int) -> None:
    """Gives up the rows that `entity` has collected."""
    if state.slot[entity] >= 0:
        state.free.append(int(state.slot[entity]))
        state.slot[entity] = -1
    if len(state.free) == len(state.waiting):  # the last learner is done: give the memory back
        state.free, state.waiting, state.when = [], state.waiting[:0].copy(), state.when[:0].copy()
