"""Judges single signals of a fleet: each detector's number against the range that it kept to in this machine's own life.

Called by `detect.watch` with each frame, after `detect.telemetry`, whose scale it uses; `signals_learn` sets the ranges. Changes only the
state handed to it (`signal_state`). No loop over entities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from interferon.detect.fleet import BLOCK, Index, places, some
from interferon.detect.protocol import ranked
from interferon.detect.settings import Settings
from interferon.detect.signal_protocol import Memory, Numbers, anchored, reading, selective
from interferon.detect.signal_state import Detectors, SignalState, by_detector, make_room
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
    detector alarms at. shape: D, S; beyond: −log p of the numbers outside of their range, pieces of (machine (m,), place (m,) in a flat
    array (D, S), value (m,)). asked: what `evidence` has said of a machine.
    """

    p: Floats
    rising: Bools
    strays: Bools
    shape: tuple[int, int]
    beyond: list[tuple[Index, Index, Numbers]] = field(default_factory=list)
    asked: dict[int, Numbers] = field(default_factory=dict)

    def evidence(self, place: int) -> Numbers:
        """Returns −log p (D, S) of each detector and signal of the machine at `place`; 0 within the range."""
        if place in self.asked:  # for which signal leads, and then why
            return self.asked[place]
        found = self.asked[place] = np.zeros(self.shape, dtype=np.float32)
        for machine, where, value in self.beyond:
            here = np.flatnonzero(machine == place)
            np.maximum.at(found.reshape(-1), where[here], value[here])
        return found

    def leading(self, place: int) -> int:
        """Returns which detector says most of the machine at `place`."""
        return int(self.evidence(place).max(axis=1).argmax())


@dataclass(frozen=True)
class Outside:
    """Numbers outside of their range: of which detector, machine and signal (m,) each is, where that is in the state's arrays by detector,
    flat (m,), how many of them, the first, lie above it and not below, and what they are (m,)."""

    detector: Index
    machine: Index
    signal: Index
    spot: Index
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
    beyond = outside(state, entities, numbers_of(state, entities, codes, time, detectors), detectors)
    evidence, limit = evidence_of(state, entities, beyond, detectors), np.float32(-math.log(settings.p_on))
    each: Numbers = np.zeros((len(detectors), len(entities)), dtype=np.float32)
    column = beyond.detector * len(entities) + beyond.machine
    np.maximum.at(each.reshape(-1), column, evidence)
    loud: Numbers = each.max(axis=0)
    state.loud[places(entities)] = loud
    machine = beyond.machine + block.start if isinstance(block, slice) else block.take(beyond.machine)
    seen.beyond.append((machine, beyond.detector * state.signals + beyond.signal, evidence))
    seen.p[block] = np.exp(-loud.astype(np.float64))
    alarming = np.flatnonzero(loud > limit)
    if len(alarming):
        strays = _strays(beyond, evidence > limit, detectors, (len(entities), state.signals))
        at = alarming + block.start if isinstance(block, slice) else block[alarming]
        on = each.T[alarming] > limit
        seen.strays[at], seen.rising[at] = strays[alarming], _told(state, entities[alarming], on, strays[alarming])
    _reach(state, beyond, each.reshape(-1).take(column) < limit)
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


def numbers_of(state: SignalState, entities: Index, codes: Codes, time: Ints, detectors: Detectors) -> list[Numbers]:
    """The number (n, S) of each detector; moves their memory on by a row, so that they are to be read before the next. `time` (n,) or (1,):
    of the row."""
    place, high, found = places(entities), by_detector(state, "high"), []
    row, all_of_them = reading(codes, state.rows[place], state.loud[place] < ALARMED, time), np.ones(codes.shape, dtype=np.bool_)
    for column, (detector, stored, kept) in enumerate(zip(detectors, state.params, state.memory, strict=True)):
        memory: Memory = {name: some(value, place) for name, value in kept.items()}
        judged = np.isfinite(some(high[column], place)) if selective(detector) else all_of_them
        number = detector.update({name: some(value, place) for name, value in stored.items()}, memory, row, judged)
        found.append(np.ascontiguousarray(number, dtype=np.float32))
        if not isinstance(place, slice):
            for name, value in memory.items():
                kept[name][entities] = value
    return found


def outside(state: SignalState, entities: Index, numbers: Sequence[Numbers], detectors: Detectors) -> Outside:
    """Returns which of the numbers, (n, S) of each detector, lie outside of their range. It has no lower end of a detector that is strange
    on one side only."""
    at, high, low = places(entities), by_detector(state, "high"), by_detector(state, "low")
    over = [np.flatnonzero(number > some(end, at)) for number, end in zip(numbers, high, strict=True)]
    below = zip(numbers, low, detectors, strict=True)
    under = [np.flatnonzero(number < some(end, at)) if one.both else over[0][:0] for number, end, one in below]
    found, every = [*over, *under], [*range(len(numbers)), *range(len(numbers))]
    place, ends = np.concatenate(found), np.cumsum([0, *map(len, found)]).tolist()
    detector, beyond = np.empty(len(place), dtype=np.int64), np.empty(len(place), dtype=np.float32)
    for column, here, begin, end in zip(every, found, ends[:-1], ends[1:], strict=True):
        detector[begin:end], beyond[begin:end] = column, numbers[column].reshape(-1).take(here)
    machine = place // state.signals
    signal = place - machine * state.signals
    spot = (detector * len(state.rows) + entities.take(machine)) * state.signals + signal
    return Outside(detector, machine, signal, spot, sum(map(len, over)), beyond)


def evidence_of(state: SignalState, entities: Index, beyond: Outside, detectors: Detectors) -> Numbers:
    """−log p (m,) of the numbers `beyond` their range: by how many spreads, times the detector's rate and the weight of the life seen."""
    spot, split = beyond.spot, beyond.over
    evidence = beyond.numbers.copy()
    over, under = evidence[:split], evidence[split:]  # views
    over -= _flat(state, "high", spot[:split])
    over /= _flat(state, "above", spot[:split])
    np.subtract(_flat(state, "low", spot[split:]), under, out=under)
    under /= _flat(state, "below", spot[split:])
    seen = state.rows[places(entities)].astype(np.float32)
    rates = np.array([detector.rate for detector in detectors], dtype=np.float32)
    evidence *= rates.take(beyond.detector) * (seen / (seen + YOUNG)).take(beyond.machine)
    return np.clip(evidence, np.float32(0.0), np.float32(STRONGEST), out=evidence)


def _flat(state: SignalState, name: str, spot: Index) -> Numbers:
    return np.asarray(by_detector(state, name).reshape(-1).take(spot), dtype=np.float32)


def _strays(beyond: Outside, alarming: Bools, detectors: Detectors, shape: tuple[int, int]) -> Bools:
    """Signals (n, S) that a detector which never moves alarms at. `alarming` (m,): of the numbers `beyond` their range."""
    found, held = np.zeros(shape, dtype=np.bool_), np.array([anchored(detector) for detector in detectors])
    where = alarming & held.take(beyond.detector)
    found[beyond.machine[where], beyond.signal[where]] = True
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


def _reach(state: SignalState, beyond: Outside, calm: Bools) -> None:
    """Remembers how far `beyond` their range those numbers came that are `calm` (m,): no alarm."""
    for name, farther, side in (("most", np.maximum, slice(0, beyond.over)), ("least", np.minimum, slice(beyond.over, None))):
        at, number = beyond.spot[side][calm[side]], beyond.numbers[side][calm[side]]
        by_detector(state, name).reshape(-1)[at] = farther(_flat(state, name, at), number)


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
