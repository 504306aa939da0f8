"""Observation of the whole fleet, sharded by entity: one frame in, findings and telemetry alarms out. Called by the pipeline.

An entity belongs to one shard and only its own events touch its memory there, so the number of shards changes nothing in what is found.
"""

import hashlib
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from interferon.detect import (
    baselines,
    excuses,
    misfit,
    shadows,
    signal_state,
    signals_learn,
    stream,
    stream_peers,
    taught,
    telemetry,
    telemetry_peers,
    telemetry_state,
)
from interferon.detect import signals as single
from interferon.detect.examples import Examples, keep, nearests
from interferon.detect.fit import Portfolio
from interferon.detect.fleet import places
from interferon.detect.settings import Settings
from interferon.detect.signal_protocol import SignalDetector
from interferon.detect.stream_protocol import Detector, group_of
from interferon.detect.windows import Codes
from interferon.model.network import Network
from interferon.model.records import Finding

FITS = 16  # machines that one frame may learn, some tens of milliseconds each: those that began together must not stop everything at once
WIDTH = 16  # signals of an entity that a fleet's arrays hold, unless more are asked for


@dataclass
class Shard:
    """Detection for a share of the entities; `members` are fleet-wide indices by the shard's own."""

    telemetry: telemetry_state.TelemetryState
    stream: stream.StreamState
    signals: signal_state.SignalState
    members: list[int] = field(default_factory=list)
    examples: Examples = field(default_factory=Examples)


@dataclass
class Watch:
    """All shards, and where each entity lives."""

    shards: list[Shard]
    home: np.ndarray  # int16[entities]: its shard
    local: np.ndarray  # int32[entities]: its index there
    feeds: dict[str, int] = field(default_factory=dict)  # activity or trade feed → time of its first row, in microseconds
    habits: stream_peers.Habits = field(default_factory=stream_peers.Habits)  # what peers usually do, over all shards
    fitting: misfit.MisfitState = field(default_factory=misfit.new_state)  # whose baseline no longer fits; by fleet-wide index
    lives: baselines.Baselines = field(default_factory=baselines.Baselines)
    peers: telemetry_peers.Peers = field(default_factory=telemetry_peers.Peers)  # what machines were learnt on, over all shards
    excused: dict[int, excuses.Excuse] = field(default_factory=dict)  # alarms that a work order explains; by fleet-wide index
    kept_by: list[str] = field(default_factory=list)  # the detectors whose memory this is, as `keepers` tells them


class Portfolios(msgspec.Struct, frozen=True):
    """The detectors in use: for telemetry, for activity and trade, and for single signals of telemetry."""

    telemetry: Portfolio
    stream: Sequence[Detector]
    signals: Sequence[SignalDetector] = ()


class Alarm(msgspec.Struct, frozen=True):
    """A telemetry alarm that has just begun, before the control of false discoveries."""

    entity: int  # fleet-wide index
    finding: Finding


class Sighting(msgspec.Struct, frozen=True):
    """What one frame showed: findings on events, alarms on telemetry, and the p-value of every entity that was judged."""

    findings: list[Finding]
    alarms: list[Alarm]
    judged: tuple[np.ndarray, np.ndarray]  # fleet-wide index, ascending, and p, of every machine that was judged; (n,) each
    work: list[tuple[int, dict[str, Any]]]  # (time, what it announces) of each work order, for correlation


def keepers(portfolios: Portfolios) -> list[str]:
    """Says which detectors of telemetry there are, in their order, and what those of single signals remember: arrays kept by some can be
    read by the very same only. Those of activity and trade keep theirs by name."""
    return [*(one.name for one in portfolios.telemetry), *(f"{one.name} {dict(one.memory())}" for one in portfolios.signals)]


def new_watch(network: Network, settings: Settings, portfolios: Portfolios, *, shards: int, learn_us: int, width: int = WIDTH) -> Watch:
    """An empty watch. `learn_us`: how long activity and trade are only learnt; `width`: most signals of an entity."""
    peers, leads, timing = stream.peers_of(network), stream.leads_of(network), stream.StreamSettings(learn_us=learn_us)
    made = [
        Shard(
            telemetry_state.new_state(settings, width, portfolios.telemetry),
            stream.new_state(timing, peers, leads),
            signal_state.new_state(width, portfolios.signals),
        )
        for _ in range(shards)
    ]
    return Watch(made, np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int32), kept_by=keepers(portfolios))


def observe(
    watch: Watch,
    portfolios: Portfolios,
    names: Sequence[str],
    signals: Sequence[Sequence[str]],
    frame: tuple[int, int, np.ndarray, np.ndarray],
    batches: Sequence[pa.RecordBatch],
) -> Sighting:
    """Judges one closed frame.

    `names`: entity references by fleet-wide index; `signals`: each one's signal names by slot. `frame`: start and end in microseconds,
    entities (n,) ascending, values (n, S). `batches`: activity and trade rows.
    """
    start, end, entities, values = frame
    _settle(watch, names)
    rows = [row for batch in batches for row in stream.rows_from_batch(batch)]
    rows.sort(key=lambda row: (row.entity, row.time, row.feed, row.offset))
    looked = [(np.zeros(0, dtype=np.int64), np.zeros(0))]
    sighting = Sighting([], [], looked[0], [(row.time, stream.announcement(row)) for row in rows if row.kind == "work.order"])
    for row in rows:
        watch.feeds[row.feed] = min(watch.feeds.get(row.feed, row.time), row.time)
    home = watch.home[entities]
    for number, shard in enumerate(watch.shards):
        mine = [row for row in rows if shard_of(row.entity, len(watch.shards)) == number]
        sighting.findings.extend(stream.observe(shard.stream, mine, portfolios.stream, end, watch.feeds, watch.habits))
        here = home == number
        if here.any():
            part = (entities, values) if here.all() else (entities[here], values[here])
            looked.append(_telemetry(watch, shard, portfolios, names, signals, (start, end, *part), sighting))
    _learn(watch, portfolios, names, signals, entities)
    shadows.follow(watch, portfolios, names, frame, sighting.findings)
    stream_peers.take(watch.habits, rows, portfolios.stream, watch.shards[0].stream.peers)
    sighting.alarms.sort(key=lambda alarm: alarm.entity)
    judged, p = (np.concatenate(part) for part in zip(*looked, strict=True))
    order = np.argsort(judged, kind="stable")
    return msgspec.structs.replace(sighting, judged=(judged[order], p[order]))


def _telemetry(
    watch: Watch,
    shard: Shard,
    portfolios: Portfolios,
    names: Sequence[str],
    signals: Sequence[Sequence[str]],
    frame: tuple[int, int, np.ndarray, np.ndarray],
    sighting: Sighting,
) -> tuple[np.ndarray, np.ndarray]:
    """Judges the frame of one shard's machines, adds the alarms that begin, and returns who was judged and their p."""
    start, end, entities, values = frame
    values, local = _fitted(values, shard.telemetry.signals), watch.local[places(entities)]
    seen = telemetry.observe(shard.telemetry, telemetry.Frame(start, local, values), portfolios.telemetry)
    alone = single.observe(shard.signals, shard.telemetry.settings, start, local.astype(np.int64), seen.codes, portfolios.signals)
    taught.take_back(shard.telemetry, local, alone.strays)
    judged = telemetry_state.judged(seen.status)
    both = np.minimum(1.0, 2.0 * np.minimum(seen.p, alone.p)) if portfolios.signals else seen.p  # the better of two looks
    own = seen.status == telemetry_state.WATCHING
    misfit.take(watch.fitting, entities[own], both[own], end)
    again = _unexcused(watch, shard, names, (end, entities), seen.alarm | (alone.p < shard.telemetry.settings.p_on))
    by_signal = (alone.rising | again) & ((alone.p <= seen.p) | ~(seen.rising | again))
    telling = np.flatnonzero(seen.rising | alone.rising | again)
    patterns = iter(telemetry.whys(shard.telemetry, local[telling[~by_signal[telling]]].astype(np.int64), portfolios.telemetry))
    similar = nearests(shard.examples, local[telling].tolist(), seen.codes[telling])
    for place, alike in zip(telling.tolist(), similar, strict=True):
        whole, here, p = int(entities[place]), int(local[place]), float(both[place])
        shares = single.why(alone, place) if by_signal[place] else next(patterns)
        named = tuple((signals[whole][slot], share) for slot, share in shares if slot < len(signals[whole]))
        detector = portfolios.signals[alone.leading(place)] if by_signal[place] else None
        finding = _finding(names[whole], end, p, named, detector, alike)
        if shard.telemetry.status[here] == telemetry_state.PROVISIONAL:
            finding = msgspec.structs.replace(finding, summary=finding.summary + telemetry_peers.TOLD)
        finding = stream.declare(shard.stream, finding)
        if again[place]:
            finding = msgspec.structs.replace(finding, summary=finding.summary + excuses.TOLD)
        excuses.take(watch.excused, whole, finding)
        sighting.alarms.append(Alarm(whole, finding))
    return entities[judged], both[judged]


def _unexcused(watch: Watch, shard: Shard, names: Sequence[str], at: tuple[int, np.ndarray], alarming: np.ndarray) -> np.ndarray:
    """Of which of the frame's machines an alarm begins anew, for the work that explained it is over. `at`: end of the frame, machines."""
    if not watch.excused:
        return np.zeros(len(alarming), dtype=np.bool_)
    orders = {entity: shard.stream.orders.get(names[entity], {}) for entity in watch.excused}
    settling = {entity for entity, shadow in watch.lives.shadows.items() if shadow.declared is not None}
    return excuses.over(watch.excused, at[1], alarming, orders, settling, at[0])


def _learn(watch: Watch, portfolios: Portfolios, names: Sequence[str], signals: Sequence[Sequence[str]], entities: np.ndarray) -> None:
    """Fits the first machines that have collected enough rows, in all shards; then younger ones may borrow from their peers."""
    if not any(telemetry_state.learners(shard.telemetry) for shard in watch.shards):
        return

    def kind(whole: int) -> tuple[str, Sequence[str]]:
        return group_of(watch.shards[0].stream.peers, names[whole]), signals[whole][: watch.shards[0].telemetry.signals]

    ready = [
        (shard.members[entity], number, entity)
        for number, shard in enumerate(watch.shards)
        for entity in telemetry_state.due(shard.telemetry)
    ]
    mine: dict[int, list[int]] = {}
    for _, number, entity in sorted(ready)[:FITS]:
        mine.setdefault(number, []).append(entity)
    fitted = [one for number, entities in mine.items() for one in _fit(watch, watch.shards[number], entities, portfolios)]
    for whole, learnt, scale in sorted(fitted, key=lambda one: one[0]):
        telemetry_peers.take(watch.peers, *kind(whole), learnt, scale)
    pools: dict[telemetry_peers.Asked, telemetry_peers.Pool] = {}
    for number, shard in enumerate(watch.shards if watch.peers.groups else ()):
        local = watch.local[entities[watch.home[entities] == number]].astype(np.int64)
        young = [(here, *kind(shard.members[here])) for here in telemetry_peers.askers(shard.telemetry, local)]
        telemetry_peers.borrow(watch.peers, pools, young, (shard.telemetry, shard.signals), (portfolios.telemetry, portfolios.signals))


def _fit(
    watch: Watch, shard: Shard, ready: Sequence[int], portfolios: Portfolios
) -> list[tuple[int, tuple[Codes, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Fits machines of a shard, and the ranges of their single signals on the same rows. Returns fleet-wide index, rows in the machine's
    scale and their times, and that scale."""
    of, fitted = shard.telemetry, []
    for entity in ready:
        rows, times = telemetry_state.collected(of, entity), telemetry_state.collected_at(of, entity)
        telemetry.learn(of, entity, portfolios.telemetry)
        codes = telemetry.in_own_scale(of, entity, rows)
        keep(shard.examples, entity, codes, times)
        baselines.first(watch.lives, shard.members[entity], rows, times)
        fitted.append((shard.members[entity], (codes, times), (of.centre[entity], of.spread[entity])))
    if ready and portfolios.signals:
        own = [rows for _, rows, _ in fitted]
        signals_learn.learn(shard.signals, ready, [codes for codes, _ in own], [times for _, times in own], portfolios.signals)
    return fitted


def _fitted(values: np.ndarray, width: int) -> np.ndarray:
    """Values with exactly `width` slots."""
    if values.shape[1] >= width:
        return values[:, :width]
    wider = np.full((len(values), width), np.nan)
    wider[:, : values.shape[1]] = values
    return wider


def _finding(
    entity: str,
    now: int,
    p: float,
    why: tuple[tuple[str, float], ...],
    detector: SignalDetector | None,
    alike: tuple[int, float] | None,
) -> Finding:
    """`detector`: of single signals, or None where the pattern of all of them together is strange; `alike`: see `examples.nearest`."""
    name = entity.partition(":")[2]
    leading = ", ".join(signal for signal, _ in why[:3])
    kind = detector.name if detector else "pattern"
    pattern = f"{name} does not move as it does in normal life; most of it shows in {leading}"
    return Finding(
        id="f-" + hashlib.blake2b(f"{now}|{entity}|telemetry".encode(), digest_size=8).hexdigest(),
        time=now,
        entity=entity,
        detector="telemetry",
        family="telemetry",
        kind=f"telemetry.{kind}",
        p=p,
        score=max(0.0, -math.log(p)),
        why=why,
        summary=f"{name}: {why[0][0]} {detector.says}" if detector and why else pattern,
        techniques=detector.techniques if detector else ("T0831", "T0836", "T0856"),
        nearest=alike,
    )


def shard_of(ref: str, shards: int) -> int:
    """The shard that an entity lives in: by its name, so that every process agrees."""
    return zlib.crc32(ref.encode()) % shards if shards > 1 else 0


def _settle(watch: Watch, names: Sequence[str]) -> None:
    """Gives entities that are new their shard and their index in it."""
    known = len(watch.home)
    if known == len(names):
        return
    homes, locals_ = [], []
    for whole in range(known, len(names)):
        number = shard_of(names[whole], len(watch.shards))
        members = watch.shards[number].members
        homes.append(number)
        locals_.append(len(members))
        members.append(whole)
    watch.home = np.concatenate((watch.home, np.array(homes, dtype=np.int16)))
    watch.local = np.concatenate((watch.local, np.array(locals_, dtype=np.int32)))
