"""Judges single signals of a fleet: each detector's number against the range that it kept to in this machine's own life.

Called by `detect.watch` with each frame, after `detect.telemetry`, whose scale it uses; `signals_learn` sets the ranges. Changes only the
state handed to it (`signal_state`). No loop over entities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from interferon.detect.fleet import BLOCK, Index, places
from interferon.detect.protocol import ranked
from interferon.detect.settings import Settings
from interferon.detect.signal_protocol import Memory, Numbers, anchored, reading
from interferon.detect.signal_state import Detectors, Halves, SignalState, make_room
from interferon.detect.windows import Bools, Codes, Floats, Ints

DAY = 1440  # rows after which a range takes in what quiet days showed
WIDEN = 4.0  # spreads that a range may widen a day
YOUNG = 720  # rows of life at which an exceedance counts half: an extreme of one day says little about the next
AGAIN, SILENT = 180, 720  # rows: an alarm over for so long may be told again; another detector's, so long after the last one told
STRONGEST = 40.0  # nats
ALARMED = 4.0  # nats: from here on a machine is not calm


@dataclass(frozen=True)
class Seen:
    """Of the given machines, (n,) each: p, 1 where not judged; whether that is to be told. strays (n, S): signals that an `anchored`
    detector alarms at. shape: D, S; beyond: −log p of the numbers outside of their range, pieces of (place (m,), ascending, in a flat array
    (n, D, S), value (m,)).
    """

    p: Floats
    rising: Bools
    strays: Bools
    shape: tuple[int, int]
    beyond: list[tuple[Index, Numbers]] = field(default_factory=list)

    def evidence(self, place: int) -> Numbers:
        """Returns −log p (D, S) of each detector and signal of the machine at `place`; 0 within the range."""
        found, size = np.zeros(self.shape, dtype=np.float32), self.shape[0] * self.shape[1]
        for where, value in self.beyond:
            here = slice(*np.searchsorted(where, (place * size, (place + 1) * size)))
            np.maximum.at(found.reshape(-1), where[here] % size, value[here])
        return found

    def leading(self, place: int) -> int:
        """Returns which detector says most of the machine at `place`."""
        return int(self.evidence(place).max(axis=1).argmax())


@dataclass(frozen=True)
class Outside:
    """Numbers outside of their range: their places (m,) in the flat array (n, D, S) of all, of which the first `over` lie above it and the
    others below, and what they are (m,)."""

    places: Index
    over: int
    numbers: Numbers


def observe(state: SignalState, settings: Settings, time: int, entities: Index, codes: Codes, detectors: Detectors) -> Seen:
    """Judges one row (n, S) of codes in the machines' own scale; `entities` (n,) ascending. `time`: its frame begins, microseconds UTC."""
    count = len(entities)
    shape, none = (len(detectors), state.signals), np.zeros((count, state.signals), dtype=np.bool_)
    seen = Seen(np.ones(count), np.zeros(count, dtype=np.bool_), none, shape)
    if not count or not detectors:
        return seen
    make_room(state, int(entities[-1]) + 1)
    here, when = np.flatnonzero(state.rows[places(entities)] >= 0), np.array([time], dtype=np.int64)
    for start in range(0, len(here), BLOCK):
        block = places(here[start : start + BLOCK])
        _observe(state, settings, (entities[block], codes[block], when, detectors), seen, block)
    return seen


def _observe(state: SignalState, settings: Settings, of: tuple[Index, Codes, Ints, Detectors], seen: Seen, block: Index | slice) -> None:
    """Judges some of the machines, and writes what is found to their `block` of `seen`. Nearly all numbers lie within their range, so that
    only the others are looked at."""
    entities, codes, time, detectors = of
    numbers = numbers_of(state, entities, codes, time, detectors)
    beyond = outside(state, entities, numbers)
    evidence, limit = evidence_of(state, entities, beyond, detectors), np.float32(-math.log(settings.p_on))
    each: Numbers = np.zeros(numbers.shape[:2], dtype=np.float32)
    column = beyond.places // state.signals
    np.maximum.at(each.reshape(-1), column, evidence)
    loud: Numbers = np.zeros(len(entities), dtype=np.float32)
    np.maximum.at(loud, column // len(detectors), evidence)
    state.loud[places(entities)] = loud
    moved = _moved(beyond.places, block, len(detectors) * state.signals)
    seen.beyond.extend(zip(*(np.split(each, [beyond.over]) for each in (moved, evidence)), strict=True))
    seen.p[block] = np.exp(-loud.astype(np.float64))
    alarming = np.flatnonzero(loud > limit)
    if len(alarming):
        strays = _strays(beyond.places[evidence > limit], detectors, (len(entities), state.signals))
        at = alarming + block.start if isinstance(block, slice) else block[alarming]
        seen.strays[at], seen.rising[at] = strays[alarming], _told(state, entities[alarming], each[alarming] > limit, strays[alarming])
    _reach(state, entities, beyond, each.reshape(-1).take(column) < limit)
    _widen(state, entities, detectors)
    state.rows[places(entities)] += 1


def why(seen: Seen, place: int) -> list[tuple[int, float]]:
    """Returns (signal, share) of what is strange about the single signals of the machine at `place`, largest first; shares sum to 1.

    A signal's part is its −log p, summed over the detectors whose alarm it raises or comes near to.
    """
    parts = seen.evidence(place).astype(np.float64) ** 2
    shares = parts.sum(axis=0)
    if not shares.sum():
        return []
    shares /= shares.sum()
    return ranked(shares)


def numbers_of(state: SignalState, entities: Index, codes: Codes, time: Ints, detectors: Detectors) -> Numbers:
    """The detectors' numbers (n, D, S); moves their memory on by a row. `time` (n,) or (1,): of the row."""
    place = places(entities)
    row, active = reading(codes, state.rows[place], state.loud[place] < ALARMED, time), np.isfinite(state.high[place])
    out = np.empty((len(entities), len(detectors), state.signals), dtype=np.float32)
    line = np.dtype((np.void, state.signals * out.itemsize))  # a machine's numbers of one detector: written as one, in a third of the time
    lines = out.view(line)[..., 0]
    for column, (detector, stored, kept) in enumerate(zip(detectors, state.params, state.memory, strict=True)):
        memory: Memory = {name: value[place] for name, value in kept.items()}
        number = detector.update({name: value[place] for name, value in stored.items()}, memory, row, active[:, column])
        lines[:, column] = np.ascontiguousarray(number, dtype=np.float32).view(line)[:, 0]
        if not isinstance(place, slice):
            for name, value in memory.items():
                kept[name][entities] = value
    return out


def outside(state: SignalState, entities: Index, numbers: Numbers) -> Outside:
    """Returns which of the numbers (n, D, S) lie outside of their range."""
    at = places(entities)
    over, under = np.flatnonzero(numbers > state.high[at]), np.flatnonzero(numbers < state.low[at])
    found = np.concatenate((over, under))
    return Outside(found, len(over), numbers.reshape(-1).take(found))


def evidence_of(state: SignalState, entities: Index, beyond: Outside, detectors: Detectors) -> Numbers:
    """−log p (m,) of the numbers `beyond` their range: by how many spreads, times the detector's rate and the weight of the life seen."""
    spot, column, split = _spot(state, entities, beyond.places), beyond.places // state.signals, beyond.over
    evidence = beyond.numbers.copy()
    over, under = evidence[:split], evidence[split:]  # views
    over -= _flat(state.high, spot[:split])
    over /= _flat(state.above, spot[:split])
    np.subtract(_flat(state.low, spot[split:]), under, out=under)
    under /= _flat(state.below, spot[split:])
    seen = state.rows[places(entities)].astype(np.float32)
    rates = np.array([detector.rate for detector in detectors], dtype=np.float32)
    evidence *= rates.take(column % len(detectors)) * (seen / (seen + YOUNG)).take(column // len(detectors))
    return np.clip(evidence, np.float32(0.0), np.float32(STRONGEST), out=evidence)


def _spot(state: SignalState, entities: Index, flat: Index) -> Index:
    """Where in the flat arrays of the state the places `flat` (m,) of an array of `entities` (n,) are."""
    return _moved(flat, places(entities), state.high[0].size)


def _moved(flat: Index, to: Index | slice, size: int) -> Index:
    """Places `flat` (m,) in an array of n rows of `size`, in the array of which those are the rows `to` (n,)."""
    return flat + to.start * size if isinstance(to, slice) else to.take(flat // size) * size + flat % size


def _flat(array: Numbers | Halves, spot: Index) -> Numbers:
    return np.asarray(array.reshape(-1).take(spot), dtype=np.float32)


def _strays(alarming: Index, detectors: Detectors, shape: tuple[int, int]) -> Bools:
    """Signals (n, S) that a detector which never moves alarms at. `alarming` (m,): places in the flat array of the numbers (n, D, S)."""
    found, held = np.zeros(shape, dtype=np.bool_), np.array([anchored(detector) for detector in detectors])
    where = alarming[held.take(alarming // shape[1] % len(detectors))]
    found[where // (len(detectors) * shape[1]), where % shape[1]] = True
    return found


def _told(state: SignalState, entities: Index, on: Bools, strays: Bools) -> Bools:
    """Machines (n,) in which a detector begins to alarm that was silent for a while, or one that never moves begins to alarm at another
    signal (`strays` (n, S)), and nothing was told for longer. `on` (n, D). What strays for good waits until it may be told."""
    rows, last = state.rows[entities].astype(np.int32), state.last[entities]
    begins = (on & (rows[:, None] - last > AGAIN)).any(axis=1) | (strays & ~state.strayed[entities]).any(axis=1)
    state.last[entities] = np.where(on, rows[:, None], last)
    rising = begins & (rows - state.told[entities] > SILENT)
    state.told[entities[rising]] = rows[rising]
    state.strayed[entities[rising]] |= strays[rising]
    return np.asarray(rising)


def _reach(state: SignalState, entities: Index, beyond: Outside, calm: Bools) -> None:
    """Remembers how far `beyond` their range those numbers came that are `calm` (m,): no alarm."""
    spot = _spot(state, entities, beyond.places)
    for ends, farther, side in ((state.most, np.maximum, slice(0, beyond.over)), (state.least, np.minimum, slice(beyond.over, None))):
        at, number = spot[side][calm[side]], beyond.numbers[side][calm[side]]
        ends.reshape(-1)[at] = farther(_flat(ends, at), number)


def _widen(state: SignalState, entities: Index, detectors: Detectors) -> None:
    """Lets ranges grow by what calm rows reached, once a day and no faster than `WIDEN`; what alarms is never taken in."""
    ready = entities[(state.rows[places(entities)] + 1) % DAY == 0]
    if not len(ready):
        return
    grows = np.array([detector.grows for detector in detectors])[:, None]
    high, low = state.high[ready], state.low[ready]
    state.high[ready] = np.where(grows, np.clip(state.most[ready], high, high + WIDEN * state.above[ready]), high)
    state.low[ready] = np.where(grows, np.clip(state.least[ready], low - WIDEN * state.below[ready], low), low)
    state.most[ready], state.least[ready] = state.high[ready], state.low[ready]
