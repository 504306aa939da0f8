"""Live telemetry of plants with valves, pumps and tanks: what the invariants between actuators and levels add to what is watched.

Run by `interferon bench plants`; no data are needed. Each plant is drawn on a seed of its own that no setting was chosen on, is learnt
for a day, left alone for another, and then attacked (`bench.drawn.tanks`). Judged is what a watch says, before the fleet's control and the
budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interferon.bench.drawn import Bools, Case, Drawn, Floats
from interferon.bench.drawn.tanks import DAY, tanks
from interferon.bench.measures import auroc, row
from interferon.bench.watch_world import network
from interferon.detect import watch
from interferon.detect.protocol import TelemetryDetector
from interferon.detect.settings import LIVE
from interferon.detect.telemetry_few import split
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.store.examples import START

SEED = 5121
STEP = 10_000_000  # microseconds from row to row
AFTER = 30  # rows after an attack in which an alarm still tells of it
WITHOUT = "without the invariants"


@dataclass(frozen=True)
class Scale:
    """Plants; rows that are learnt, that pass in quiet, and in which attacks come."""

    plants: int = 4
    learn: int = DAY
    quiet: int = DAY
    attacked: int = 10_000


FULL = Scale()


@dataclass(frozen=True)
class Heard:
    """scores (N, plants): −log p; begun (N, plants): where an alarm begins."""

    scores: Floats
    begun: Bools


def cases(scale: Scale = FULL) -> Iterator[dict[str, Any]]:
    """Every figure about live invariants, beside the same watch without them."""
    drawn = [tanks(SEED + number, scale.learn + scale.quiet, scale.attacked) for number in range(scale.plants)]
    now, before = (_heard(drawn, scale, portfolio) for portfolio in (TELEMETRY, split(TELEMETRY)[0]))
    first = scale.learn + scale.quiet
    labels = np.stack([case.labels for case in drawn], axis=1)
    name = f"{scale.plants} plants of two tanks, live"
    ranked = [auroc(labels.ravel(), one.scores[first:].ravel()) for one in (now, before)]
    yield row(f"{name}: attacked rows against quiet ones", "auroc", ranked[0], {WITHOUT: ranked[1]}, None)
    found = [_found(labels, one.begun[first:]) for one in (now, before)]
    yield row(f"{name}: attacks in which an alarm begins", "share", found[0], {WITHOUT: found[1]}, None)
    days = scale.plants * scale.quiet / DAY
    false = [float(one.begun[scale.learn : first].sum()) / days for one in (now, before)]
    yield row(f"{name}: alarms that begin in quiet", "a plant and day", false[0], {WITHOUT: false[1]}, None)


def _heard(drawn: Sequence[Case], scale: Scale, portfolio: Sequence[TelemetryDetector]) -> Heard:
    names = list(drawn[0].test.names)
    values = np.stack([np.concatenate([_rows(case.train[0], names), _rows(case.test, names)]) for case in drawn], axis=1)
    portfolios = watch.Portfolios(tuple(portfolio), (), SIGNALS)
    settings = replace(LIVE, learn_rows=scale.learn)
    of = watch.new_watch(network(len(drawn)), settings, portfolios, shards=1, learn_us=0, width=len(names))
    refs, entities = [f"asset:m-{number}" for number in range(len(drawn))], np.arange(len(drawn))
    scores, begun = np.zeros(values.shape[:2]), np.zeros(values.shape[:2], dtype=np.bool_)
    for number, one in enumerate(values):
        start = START + number * STEP
        seen = watch.observe(of, portfolios, refs, [names] * len(drawn), (start, start + STEP, entities, one), ())
        scores[number, seen.judged[0]] = -np.log(seen.judged[1])
        begun[number, [alarm.entity for alarm in seen.alarms]] = True
    return Heard(scores, begun)


def _rows(table: Drawn, names: Sequence[str]) -> Floats:
    return np.stack([table.numbers(name) for name in names], axis=1)


def _found(labels: Bools, begun: Bools) -> float:
    """Share of the attacks, stretches of `labels` (N, plants), in which or soon after which an alarm begins."""
    told = []
    for plant in range(labels.shape[1]):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], labels[:, plant], [False]])))
        told += [bool(begun[begin : end + AFTER, plant].any()) for begin, end in edges.reshape(-1, 2).tolist()]
    return float(np.mean(told))
