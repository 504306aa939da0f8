"""Cold start of telemetry: a machine that is still being learnt is judged by what its peers' learnt days have in common.

Filled and asked by `watch` once a frame, after every shard has judged it, so that all shards read the same table. Plain, for the
checkpoint; what is lent is made anew from the table when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from interferon.detect import signals_peers, telemetry, telemetry_state
from interferon.detect.fit import Model, Portfolio, fit
from interferon.detect.series import judge
from interferon.detect.settings import MIN_TRAINING_ROWS, Settings
from interferon.detect.signal_protocol import SignalDetector
from interferon.detect.signal_state import SignalState
from interferon.detect.telemetry_kin import Kin, kin, scale
from interferon.detect.windows import GAP, STEP, Codes, Floats, Ints, encode

SHARE: Final = 0.05  # of the rows that an own model asks for: after so many of its own a machine may borrow, or ask again
FEWEST: Final = 2  # peers: of one alone nobody can say how far its kind differs
MOST: Final = 6  # peers that are kept of a group; more of them would add little
GROUPS: Final = 64  # that are kept; the one that learnt nothing for longest goes first
ROWS: Final = 1440  # of one peer that are kept, the newest
DAY_US: Final = 86_400_000_000
UNLIKE: Final = 0.5  # share of its own rows in alarm by its peers' model, beyond which a machine is not like them
TOLD: Final = "; judged by its peers' life, for its own is still being learnt"  # ends what such a finding says

Group = tuple[str, ...]  # kind of machine, then its signals in alphabetical order
Asked = tuple[tuple[str, ...], int, int]  # kind and signals by slot; time of the first row known, UTC microseconds; rows known
Detectors = tuple[Portfolio, Sequence[SignalDetector]]  # of all signals together, and of single ones


@dataclass
class Record:
    """What one machine was learnt on: rows (N, S), codes in its own scale, of its signals `names`; their times (N,), UTC microseconds;
    centre and spread (S,) of the raw signals."""

    names: tuple[str, ...]
    codes: Codes
    times: Ints
    centre: Floats
    spread: Floats


@dataclass
class Peers:
    """Group → the machines of it that were learnt last, oldest first. At most GROUPS · MOST · ROWS rows of 2 bytes a signal."""

    groups: dict[Group, list[Record]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pool:
    """What peers lend: a model and ranges of single signals, in the scale that `telemetry_kin.scale` gives."""

    kin: Kin
    model: Model
    common: signals_peers.Common | None


def _group(kind: str, names: Sequence[str]) -> Group:
    """Machines of one kind with the same signals, in whatever order they came."""
    return (kind, *sorted(names))


def take(peers: Peers, kind: str, names: Sequence[str], rows: tuple[Codes, Ints], own: tuple[Floats, Floats]) -> None:
    """Remembers a machine that has just been learnt: its rows (N, ≥ S), codes in its own scale, their times; that scale, (≥ S,) each."""
    (codes, times), (centre, spread), group = rows, own, _group(kind, names)
    size = len(names)
    record = Record(tuple(names), codes[-ROWS:, :size].copy(), times[-ROWS:].copy(), centre[:size].copy(), spread[:size].copy())
    peers.groups[group] = [*peers.groups.pop(group, []), record][-MOST:]
    if len(peers.groups) > GROUPS:
        del peers.groups[next(iter(peers.groups))]


def askers(of: telemetry_state.TelemetryState, entities: Ints) -> list[int]:
    """Those of `entities` (ascending) that may borrow now: still without a model, at every twentieth of their learning. Who has collected
    enough gets a model of its own shortly."""
    every = max(MIN_TRAINING_ROWS, math.ceil(SHARE * of.settings.learn_rows))
    rows = of.rows[entities]
    asks = (of.status[entities] == telemetry_state.LEARNING) & (rows > 0) & (rows % every == 0) & (rows < of.settings.learn_rows)
    return [int(entity) for entity in entities[asks]]


def borrow(
    peers: Peers,
    pools: dict[Asked, Pool],
    young: Sequence[tuple[int, str, Sequence[str]]],
    of: tuple[telemetry_state.TelemetryState, SignalState],
    detectors: Detectors,
) -> None:
    """Lends to the `young`, (entity, kind, signals) each, what their peers have in common, where there are enough of them and they are
    alike. `pools`: what was made before in this frame, for other shards too."""
    whole, alone = of
    borrowers: dict[Asked, list[tuple[int, Codes, Ints]]] = {}
    for entity, kind, names in young:
        records = peers.groups.get(_group(kind, names), [])
        if len(records) < FEWEST:
            continue
        own, times = telemetry_state.collected(whole, entity), telemetry_state.collected_at(whole, entity)
        asked = (kind, *names), int(times[0]), len(own)
        if asked not in pools:
            pools[asked] = pool(records, names, asked[1:], whole.settings, detectors, whole.signals)
        if (model := lent(pools[asked], own, detectors[0])) is not None:
            telemetry.lend(whole, entity, model, detectors[0])
            borrowers.setdefault(asked, []).append((entity, _coded(own, model), times))
    for asked, each in borrowers.items():
        if (common := pools[asked].common) is not None:
            entities = np.array([entity for entity, _, _ in each])
            rows = np.stack([codes for _, codes, _ in each], axis=1), np.stack([when for _, _, when in each], axis=1)
            signals_peers.lend(alone, entities, common, rows, whole.settings, detectors[1])


def pool(
    records: Sequence[Record], names: Sequence[str], stretch: tuple[int, int], settings: Settings, detectors: Detectors, width: int
) -> Pool:
    """What `records`, FEWEST or more, lend to a machine with the signals `names` whose `stretch` (time of the first row, rows) is known.

    Each peer is put into the scale that it would have been given, had it been the newcomer: by the others, and by its own rows at that hour
    of the day. So the tails and ranges are as wide as peers differ and as such a scale is wrong. Arrays are `width` signals wide.
    """
    start, rows = stretch
    length = min(len(record.codes) for record in records)
    days = np.stack([_day(record, names, start, length, width) for record in records])  # (K, N, width), raw
    centres, spreads = (np.stack([_spread_out(record, part, names, width) for record in records]) for part in ("centre", "spread"))
    known, moved = kin(days, centres, spreads, min(rows, length)), []
    for place, day in enumerate(days):
        centre, spread = scale(known, day[:rows], np.arange(len(days)) != place)
        moved.append((day - centre) / spread)
    model = fit(moved, detectors[0], settings, level=True)
    if not detectors[1]:
        return Pool(known, model, None)
    times = records[0].times[-length:]
    codes = np.stack([_coded(day, model) for day in moved], axis=1)
    return Pool(known, model, signals_peers.common(codes, times - times[0] + start, detectors[1]))


def lent(pool: Pool, own: Floats, portfolio: Portfolio) -> Model | None:
    """The peers' model in the scale of a machine whose first rows (n, S) are known; None where it is unlike its peers."""
    centre, spread = scale(pool.kin, own)
    model = replace(pool.model, centre=centre + spread * pool.model.centre, spread=spread * pool.model.spread)
    model = replace(model, recent=_coded(own, model)[-model.settings.long :])
    return None if judge(model, own, portfolio).alarm.mean() > UNLIKE else model


def _coded(rows: Floats, model: Model) -> Codes:
    return encode((rows - model.centre) / model.spread, ~np.isnan(rows) & model.active)


def _day(record: Record, names: Sequence[str], start: int, length: int, width: int) -> Floats:
    """The last rows of a peer, raw, (length, width): NaN is missing, signals as the newcomer's slots have them, beginning at the time of
    day that is nearest to `start`; what is before that goes on at the end."""
    found = np.full((length, width), np.nan)
    for slot, name in enumerate(names):
        at = record.names.index(name)
        codes = record.codes[-length:, at]
        found[:, slot] = np.where(codes == GAP, np.nan, codes / STEP * record.spread[at] + record.centre[at])
    away = np.abs((record.times[-length:] - start + DAY_US // 2) % DAY_US - DAY_US // 2)
    return np.roll(found, -int(np.argmin(away)), axis=0)


def _spread_out(record: Record, part: str, names: Sequence[str], width: int) -> Floats:
    """A peer's centre or spread (width,), signals as the newcomer's slots have them; 1 where there is none."""
    found = np.ones(width)
    found[: len(names)] = [getattr(record, part)[record.names.index(name)] for name in names]
    return found
