"""The frame path: judges one closed time bucket over the whole fleet, entity by entity its own pattern of life.

Called by the pipeline with each frame. Changes only the state handed to it; all of the state is plain arrays and numbers over a dense
entity index, so that a checkpoint stores it as it is. No loop over entities but where one is fitted, and over those of `telemetry_few`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interferon.detect import telemetry_few
from interferon.detect.calibrate import evidence
from interferon.detect.fit import Model, Portfolio, fit, fused, in_single
from interferon.detect.fleet import BLOCK, Index, places, prime, push, some, window_of
from interferon.detect.protocol import Params, derived, ranked, with_axis
from interferon.detect.series import moved
from interferon.detect.telemetry_few import split
from interferon.detect.telemetry_state import (
    ABSENT,
    PROVISIONAL,
    WATCHING,
    TelemetryState,
    collect,
    collected,
    judged,
    make_room,
    release,
)
from interferon.detect.windows import GAP, STEP, Bools, Codes, Floats, Rows, Window, encode, hold


@dataclass(frozen=True)
class Frame:
    """One closed time bucket: `time` UTC microseconds, `entities` (n,) int32 ascending and unique, `values` (n, S), NaN is missing."""

    time: int
    entities: NDArray[np.int32]
    values: Floats


@dataclass(frozen=True)
class Verdicts:
    """Of the frame's entities, (n,) each: status (LEARNING, WATCHING, PROVISIONAL, ABSENT: all its values missing), p (1 while learning),
    alarm, and rising: true only in the frame in which an alarm begins. codes (n, S): the values in the learnt scale, which no later
    learning moves."""

    status: NDArray[np.int8]
    p: Floats
    alarm: Bools
    rising: Bools
    codes: Codes

    @property
    def score(self) -> Floats:
        """−log p (n,)."""
        return np.asarray(np.maximum(-np.log(self.p), 0.0))


def observe(state: TelemetryState, frame: Frame, portfolio: Portfolio) -> Verdicts:
    """Judges the frame's watched entities, collects the others' rows, and returns the verdicts. Never fits: see `due` and `learn`."""
    entities = frame.entities.astype(np.int64)
    if len(entities):
        make_room(state, int(entities[-1]) + 1)
    at, present = places(entities), ~np.isnan(frame.values[:, 0])
    mute = np.flatnonzero(~present)
    present[mute] = ~np.isnan(frame.values[mute]).all(axis=1)
    state.seen[entities[present]] = frame.time
    watched = np.flatnonzero(judged(state.status[at]))
    before = state.alarm[at].copy()
    scaled, there = _scaled(state, at, frame.values)
    for start in range(0, len(watched), BLOCK):
        block = places(watched[start : start + BLOCK])
        _judge(state, (frame.time, entities[block], scaled[block], there[block]), portfolio)
    learning = state.status[at] != WATCHING
    if learning.any():
        collect(state, entities[learning], frame.values[learning], frame.time)
    p, alarm = state.p[at].copy(), state.alarm[at].copy()
    status = np.where(present, state.status[at], np.int8(ABSENT))
    return Verdicts(status, p, alarm, alarm & ~before, encode(scaled, there))


def learn(state: TelemetryState, entity: int, portfolio: Portfolio) -> None:
    """Fits `entity` on the rows it has collected and starts to watch it. Raises InputError where they are too few."""
    install(state, entity, fit([collected(state, entity)], portfolio, state.settings), portfolio)


def learn_from(state: TelemetryState, entity: int, segments: list[Floats], portfolio: Portfolio) -> None:
    """Fits `entity` on given rows, (N, S) each, oldest segment first, and watches it (anew). Raises InputError: too few rows."""
    install(state, entity, fit(segments, portfolio, state.settings), portfolio)


def install(state: TelemetryState, entity: int, model: Model, portfolio: Portfolio) -> None:
    """Puts a fitted model in place for `entity`, in single precision. It must have been fitted with the state's window lengths."""
    make_room(state, entity + 1)
    release(state, entity)
    state.rows[entity] = 0
    _put(state, entity, model, portfolio, WATCHING)


def lend(state: TelemetryState, entity: int, model: Model, portfolio: Portfolio) -> None:
    """Puts a model of its peers in place for `entity`, which goes on collecting its own rows until it is due."""
    _put(state, entity, model, portfolio, PROVISIONAL)


def _put(state: TelemetryState, entity: int, model: Model, portfolio: Portfolio, status: int) -> None:
    model = in_single(model)
    state.status[entity] = status
    state.centre[entity], state.spread[entity], state.active[entity] = model.centre, model.spread, model.active
    state.shift[entity], state.quiet_total[entity], state.quiet_count[entity] = 0.0, 0, 0
    state.tails[entity], state.mean[entity], state.p[entity], state.alarm[entity] = model.tails, 0.0, 1.0, False
    nothing = np.zeros(state.signals, dtype=np.int16)
    state.held[entity] = hold(model.recent, nothing)[-1]
    recent = Rows(hold(model.recent, state.held[entity]) / STEP, model.recent != GAP)
    dense, sparse = split(portfolio)
    state.few.pop(entity, None)
    if few := telemetry_few.begin(sparse, model.params[len(dense) :], recent, state.settings, own=status == WATCHING):
        state.few[entity] = few
    for detector, params, stored, rings in zip(dense, model.params[: len(dense)], state.params, state.rings, strict=True):
        for name, value in params.items():
            if name not in stored:
                stored[name] = np.zeros((len(state.status), *value.shape), dtype=np.float32)
            stored[name][entity] = value
        prime(rings, entity, derived(detector, with_axis(params), recent), int(state.rows[entity]))


def in_own_scale(state: TelemetryState, entity: int, values: Floats) -> Codes:
    """Returns raw rows (…, S) of an entity, NaN is missing, as codes in the scale that was learnt of it."""
    return encode(*_scaled(state, entity, values))


def _scaled(state: TelemetryState, at: Index | slice | int, values: Floats) -> tuple[Floats, Bools]:
    """Raw values in the scale learnt of the entities `at`, and where there is one."""
    scaled = values - state.centre[at]
    scaled /= state.spread[at]
    return scaled, ~np.isnan(values) & state.active[at]


def why(state: TelemetryState, entity: int, portfolio: Portfolio) -> list[tuple[int, float]]:
    """Returns (signal, share) of what is strange about `entity` now, largest first; shares are positive and sum to 1."""
    return whys(state, np.array([entity]), portfolio)[0] if entity < len(state.status) and judged(state.status[entity]) else []


def whys(state: TelemetryState, entities: Index, portfolio: Portfolio) -> list[list[tuple[int, float]]]:
    """Returns the same of each of `entities` (n,), ascending, unique and judged: together, for alarms often begin together."""
    if not len(entities):
        return []
    known, (dense, sparse) = _known(state, places(entities)), split(portfolio)
    parts, windows = _parts(state, entities, portfolio, known)
    shares = np.zeros((len(entities), state.signals))
    for column, (detector, params) in enumerate(zip(dense, known, strict=True)):
        shares += detector.weight * parts[:, column, None] * detector.why(params, windows[column])
    for row, entity in _few(state, entities):
        for place, detector in enumerate(sparse):
            own = telemetry_few.shares(state.few[entity], sparse, place, state.settings)
            shares[row] += detector.weight * parts[row, len(dense) + place] * own
    shares /= shares.sum(axis=1, keepdims=True)
    return [ranked(each) for each in shares]


def _judge(state: TelemetryState, of: tuple[int, Index, Floats, Bools], portfolio: Portfolio) -> None:
    """`of`: time of the frame, entities, their values in the scale that was learnt, and where there is one."""
    time, entities, scaled, there = of
    settings, at = state.settings, places(entities)
    codes = encode(scaled - state.shift[at], there)
    valid = codes != GAP
    held = state.held[at]
    np.copyto(held, codes, where=valid)
    state.held[at] = held
    rows = Rows(np.asarray(held * (1.0 / STEP)), valid, codes=codes)
    known = _known(state, at)
    for place, entity in _few(state, entities):
        telemetry_few.push(state.few[entity], rows.z[place] + state.shift[entity], valid[place], time)
    for detector, params, rings in zip(split(portfolio)[0], known, state.rings, strict=True):
        push(rings, entities, state.rows[at], derived(detector, params, rows))
    state.rows[at] += state.status[at] == WATCHING  # of the others `collect` counts
    parts, _ = _parts(state, entities, portfolio, known)
    weight = 1.0 / settings.smooth
    line = weight * fused(parts, portfolio) + (1.0 - weight) * state.mean[at]
    p = np.exp(-evidence(line, state.tails[at, -1, 0], state.tails[at, -1, 1]))
    alarm = (p < settings.p_on) | (state.alarm[at] & (p <= settings.p_off))
    state.mean[at], state.p[at], state.alarm[at] = line, p, alarm
    _adapt(state, entities, codes, valid & ((p > settings.p_quiet) & ~alarm)[:, None])


def _known(state: TelemetryState, at: Index | slice) -> list[Params]:
    """The parameters of each detector, of the entities `at`."""
    return [{name: some(value, at) for name, value in stored.items()} for stored in state.params]


def _parts(state: TelemetryState, entities: Index, portfolio: Portfolio, known: Sequence[Params]) -> tuple[Floats, list[Window]]:
    """Evidence (n, D) of each detector and the windows it saw."""
    parts, windows, at = np.zeros((len(entities), len(portfolio))), [], places(entities)
    dense, sparse = split(portfolio)
    for place, entity in _few(state, entities):
        own = state.tails[entity, len(dense) : len(portfolio)]
        parts[place, len(dense) :] = telemetry_few.evidences(state.few[entity], sparse, own, state.settings)
    statistics, tails = np.empty((len(entities), len(dense))), state.tails[at, : len(dense)]
    for column, (detector, params, rings) in enumerate(zip(dense, known, state.rings, strict=True)):
        windows.append(window_of(rings, entities, state.settings.spread_floor))
        statistics[:, column] = detector.score(params, windows[-1])
    parts[:, : len(dense)] = evidence(statistics, tails[..., 0], tails[..., 1])
    return parts, windows


def _few(state: TelemetryState, entities: Index) -> list[tuple[int, int]]:
    """Place and entity of those of which a detector of few machines has something to say."""
    if not state.few:
        return []
    known, place, _ = np.intersect1d(entities, np.fromiter(state.few, dtype=np.int64), assume_unique=True, return_indices=True)
    return list(zip(place.tolist(), known.tolist(), strict=True))


def _adapt(state: TelemetryState, entities: Index, codes: Codes, quiet: Bools) -> None:
    """Learns the baseline's slow drift, from values (n, S) of `quiet` rows only, so that an attack is not absorbed."""
    at = places(entities)
    state.quiet_total[at] += codes * quiet
    state.quiet_count[at] += quiet
    full = entities[state.rows[at] % state.settings.adapt_every == 0]
    if len(full):
        settings, total, count = state.settings, state.quiet_total[full].astype(np.int64), state.quiet_count[full].astype(np.int64)
        state.shift[full] = moved(state.shift[full], total, count, settings.adapt_rows, settings.adapt_bound)
        state.quiet_total[full], state.quiet_count[full] = 0, 0
