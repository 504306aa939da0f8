"""Figures of detection on events: false findings on quiet life, attacks seen, events a second, memory an entity.

Called by `interferon bench stream`. Reads the clock; the life is the range's (`bench.stream_world`); the detectors share nothing with it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from interferon.bench import stream_world
from interferon.bench.stream_world import WITHIN_H, Life
from interferon.detect import stream, stream_peers
from interferon.detect.stream_events import DAY, HOUR, Event
from interferon.detect.stream_protocol import Detector
from interferon.model.network import Network
from interferon.model.records import Finding
from interferon.runtime.guarded import LEARNT
from interferon.runtime.installation import stream_detectors
from interferon.store import checkpoint, examples

Row = dict[str, Any]
Sighting = tuple[int, str, tuple[str, ...]]  # time, entity, what

NETWORK: Final = "medica"
QUIET_SEEDS, ATTACK_SEEDS = (911, 912, 913), (911, 912)  # not looked at while the detectors were written, on 901 and 902
LEARN_US: Final = int(stream_world.HISTORY_H * LEARNT * HOUR)
FALSE_A_DAY, RECALL, EVENTS_PER_S = 0.01, 0.8, 5000.0


@dataclass
class Seen:
    """What one watch over a life told."""

    findings: list[Finding] = field(default_factory=list)
    firsts: list[Sighting] = field(default_factory=list)  # of the plain baseline
    entity_days: float = 0.0
    events: int = 0
    seconds: float = 0.0
    plain_seconds: float = 0.0
    entities: int = 0
    bytes: int = 0


def cases() -> Iterator[Row]:
    """Rows of `interferon bench`, as they are measured."""
    network, detectors = examples.build(NETWORK), stream_detectors()
    quiet = {seed: watched(network, stream_world.live(network, seed), detectors) for seed in QUIET_SEEDS}
    yield from _quiet_rows(list(quiet.values()), len(detectors))
    yield from _attack_rows(network, detectors, quiet)


def watched(network: Network, life: Life, detectors: Sequence[Detector]) -> Seen:
    """Watches one life an hour a frame: by the whole portfolio, and by a bare first-seen set for each entity."""
    seen, feeds = Seen(), dict[str, int]()
    state = stream.new_state(stream.StreamSettings(learn_us=LEARN_US), stream.peers_of(network), stream.leads_of(network))
    habits, sets = stream_peers.Habits(), dict[str, set[tuple[str, ...]]]()
    for number, rows in enumerate(life.hours):
        for row in rows:
            feeds.setdefault(row.feed, row.time)
        begin = time.perf_counter()
        seen.findings += stream.observe(state, rows, detectors, life.start + (number + 1) * HOUR, feeds, habits)
        stream_peers.take(habits, rows, detectors, state.peers)
        between = time.perf_counter()
        seen.firsts += _firsts(sets, rows, life.start + LEARN_US)
        seen.seconds += between - begin
        seen.plain_seconds += time.perf_counter() - between
        seen.events += len(rows)
    end = life.start + len(life.hours) * HOUR
    seen.entity_days = sum(max(end - first - LEARN_US, 0) for first in state.first.values()) / DAY
    seen.entities, seen.bytes = len(state.first), len(checkpoint.dump(state))
    return seen


def _firsts(sets: dict[str, set[tuple[str, ...]]], rows: Sequence[Event], learnt: int) -> list[Sighting]:
    """The plainest detector there is: whatever an entity never did before."""
    found: list[Sighting] = []
    for row in rows:
        known = sets.setdefault(row.entity, set())
        what = (row.kind, row.source, row.target, row.actor, row.object, row.code, row.outcome, row.product, row.lane, row.partner)
        if what not in known:
            known.add(what)
            if row.time >= learnt:
                found.append((row.time, row.entity, what))
    return found


def _quiet_rows(quiet: Sequence[Seen], detectors: int) -> Iterator[Row]:
    days, events = sum(seen.entity_days for seen in quiet), sum(seen.events for seen in quiet)
    told = sum(len(seen.findings) for seen in quiet)
    rate, plain = told / days, sum(len(seen.firsts) for seen in quiet) / days
    case = f"{len(quiet)} quiet lives of {NETWORK} through {detectors} detectors, {days:.0f} entity-days after learning"
    confident = sum(finding.p < 1e-4 for seen in quiet for finding in seen.findings)
    beside = {"what was never seen before": plain, "findings": told, "of these p < 1e-4": confident}
    yield _row(case, "findings_per_entity_day", rate, f"<= {FALSE_A_DAY:g}", rate <= FALSE_A_DAY, beside)
    speed = events / sum(seen.seconds for seen in quiet)
    plain = events / sum(seen.plain_seconds for seen in quiet)
    beside = {"a bare first-seen set": plain}
    yield _row(f"{events} events, one core", "events_per_s", speed, f">= {EVENTS_PER_S:g}", speed >= EVENTS_PER_S, beside)
    held = sum(seen.bytes for seen in quiet) / sum(seen.entities for seen in quiet)
    yield _row("state as the checkpoint writes it", "bytes_per_entity", held, None, None, {"entities": quiet[0].entities})


def _attack_rows(network: Network, detectors: Sequence[Detector], quiet: dict[int, Seen]) -> Iterator[Row]:
    """An attack is seen when a day of its run tells what the same run without it does not."""
    hits: dict[str, list[bool]] = {}
    plain: list[bool] = []
    for seed in ATTACK_SEEDS:
        calm = quiet[seed]
        for step in stream_world.attacks(network, seed):
            life = stream_world.live(network, seed, step)
            if not life.succeeded:
                continue
            seen = watched(network, life, detectors)
            hits.setdefault(step.action, []).append(_new(life, [_told(f) for f in seen.findings], [_told(f) for f in calm.findings]))
            plain.append(_new(life, seen.firsts, calm.firsts))
    found, tried = sum(map(sum, hits.values())), sum(map(len, hits.values()))
    case = f"{tried} attacks of {len(hits)} kinds, one a run: {WITHIN_H:g} h tell something that the run without it does not"
    beside = {"what was never seen before": sum(plain) / max(len(plain), 1)} | {
        name: sum(of) / len(of) for name, of in sorted(hits.items())
    }
    recall = found / max(tried, 1)
    yield _row(case, "recall", recall, f">= {RECALL:g}", recall >= RECALL, beside)


def _told(finding: Finding) -> Sighting:
    return finding.time, finding.entity, (finding.kind, *finding.related)


def _new(life: Life, told: list[Sighting], calm: list[Sighting]) -> bool:
    known, end = {(entity, what) for _, entity, what in calm}, life.succeeded + int(WITHIN_H * HOUR)
    return any(life.succeeded <= when <= end and (entity, what) not in known for when, entity, what in told)


def _row(case: str, metric: str, value: float, target: str | None, holds: bool | None, baselines: dict[str, float]) -> Row:
    return {"case": case, "metric": metric, "value": value, "target": target, "holds": holds, "baselines": baselines}
