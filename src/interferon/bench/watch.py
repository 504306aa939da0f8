"""Live telemetry on the range: the alarm budget over a quiet month, attacks found under the same settings, in which signal.

Run by `interferon bench watch`; no data are needed. Settings were chosen on seeds of the range that are not scored; ground truth is
the campaign's manifest. Judged is what an installation would judge: detection, the fleet's false-discovery control and the budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from interferon.bench.watch_world import ATTACK_H, DAY, SLOTS, Attack, Fleet, attacks, everyday, network
from interferon.correlate import fdr
from interferon.detect import budget, watch
from interferon.detect.settings import LIVE, Settings
from interferon.detect.signal_protocol import SignalDetector
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.model.network import Network
from interferon.model.records import Finding
from interferon.store.examples import START
from interferon.twin.draws import MINUTE
from interferon.twin.machines import signals_of

QUIET_SEED, ATTACK_SEED = 5117, 5118
SETTINGS = replace(LIVE, learn_rows=DAY)
BEFORE = "the pattern of all signals alone, as before"


@dataclass(frozen=True)
class Scale:
    """How much is played: machines; days of the quiet run and of the attacked one, the first of which is learnt; attacks, and the hour from
    which they begin."""

    machines: int = 300
    quiet_days: int = 31
    attack_days: int = 10
    attacks: int = 80
    first_h: float = 72.0


FULL = Scale()


@dataclass(frozen=True)
class Told:
    """An alarm that people would see: row of the run, index of the machine, its leading signals, largest share first; whether a work order
    explains it."""

    row: int
    entity: int
    leading: tuple[int, ...]
    explained: bool = False


class Watcher:
    """What an installation does with a row of readings: shards, false-discovery control, budget."""

    def __init__(self, net: Network, signals: Iterable[SignalDetector], settings: Settings = SETTINGS, monthly: float = 1.0) -> None:
        self.net, self.names = net, [f"asset:{asset}" for asset in net.assets]
        self.slots = [list(signals_of(asset)) for asset in net.assets.values()]
        self.kinds = [asset.type for asset in net.assets.values()]
        self.portfolios = watch.Portfolios(TELEMETRY, (), tuple(signals))
        self.watch = watch.new_watch(net, settings, self.portfolios, shards=1, learn_us=0, width=SLOTS)
        self.discoveries, self.budget = fdr.new_state(), budget.new_state(monthly, settings.p_on)
        self.index = {name: number for number, name in enumerate(self.names)}
        self.entities = np.arange(len(self.names))
        self.row, self.told, self.risen = 0, list[Told](), 0

    def take(self, values: np.ndarray, work: Sequence[pa.RecordBatch]) -> None:
        """One row (n, SLOTS), and the work orders that came in its minute."""
        start = START + self.row * MINUTE
        seen = watch.observe(self.watch, self.portfolios, self.names, self.slots, (start, start + MINUTE, self.entities, values), work)
        rising = {alarm.entity: alarm.finding for alarm in seen.alarms}
        self.risen += len(rising)
        standing = {self.index[one.entity]: one for one in fdr.admit(self.discoveries, rising, seen.judged, start)}
        for finding in budget.admit(self.budget, standing, seen.judged, self.kinds.__getitem__, start):
            self.told.append(self._told(finding))
        self.row += 1

    def _told(self, finding: Finding) -> Told:
        entity = self.index[finding.entity]
        return Told(self.row, entity, tuple(self.slots[entity].index(signal) for signal, _ in finding.why), bool(finding.declared))


def cases(scale: Scale = FULL) -> Iterator[dict[str, Any]]:
    """Every figure about live telemetry, with its target and baselines."""
    net = network(scale.machines)
    quiet, before = _quiet(net, scale)
    month = f"{scale.quiet_days - 1} quiet days of {scale.machines} machines, budget 1 a machine and month"
    yield _row(month, "alarms", quiet, ("<=", 600), before)
    days = scale.attack_days
    drawn = attacks(net, scale.first_h, 24.0 * days - ATTACK_H - 1.0, scale.attacks, ATTACK_SEED)
    fleet = Fleet(net, everyday(scale.machines, days, ATTACK_SEED) + drawn, days, ATTACK_SEED)
    watchers = {"now": Watcher(net, SIGNALS), BEFORE: Watcher(net, ())}
    _play(fleet, watchers.values())
    manifest = fleet.manifest()
    found = {name: recall(manifest, one.told) for name, one in watchers.items()}
    named = {name: localised(manifest, one.told) for name, one in watchers.items()}
    chance = {BEFORE: found[BEFORE], "the quiet run's alarms at random hours": _chance(quiet, scale)}
    yield _row("attacks on telemetry, at the same settings", "recall", found["now"], (">=", 0.8), chance)
    for action in sorted({attack.action for attack in manifest}):
        own = [attack for attack in manifest if attack.action == action]
        beside = {BEFORE: recall(own, watchers[BEFORE].told)}
        yield _row(f"attacks on telemetry: {action}", "recall", recall(own, watchers["now"].told), None, beside)
    trivial = {BEFORE: named[BEFORE], "three signals at random": _three_at_random(net, manifest)}
    yield _row("attacked signal", "share of attacks found with it among the first three", named["now"], (">=", 0.8), trivial)


def recall(manifest: list[Attack], told: list[Told]) -> float:
    """Share of attacks during which their machine was told of, but for what a work order explains."""
    return float(np.mean([_first(attack, told) is not None for attack in manifest]))


def localised(manifest: list[Attack], told: list[Told]) -> float:
    """Of the attacks that were found and act on one signal: share with that signal among the first three."""
    first = [(attack.slot, _first(attack, told)) for attack in manifest if attack.slot >= 0]
    return float(np.mean([slot in alarm.leading[:3] for slot, alarm in first if alarm is not None]))


def _first(attack: Attack, told: list[Told]) -> Told | None:
    during = (one for one in told if one.entity == attack.entity and attack.begin <= one.row < attack.end)
    return next((one for one in during if not one.explained), None)


def _quiet(net: Network, scale: Scale) -> tuple[int, dict[str, Any]]:
    """Alarms after the day of learning, explained ones included; beside it those that began, and those that no work order explains."""
    fleet = Fleet(net, everyday(scale.machines, scale.quiet_days, QUIET_SEED), scale.quiet_days, QUIET_SEED)
    watcher = Watcher(net, SIGNALS)
    _play(fleet, [watcher])
    unexplained = sum(not one.explained for one in watcher.told)
    return len(watcher.told), {"without budget and false-discovery control": watcher.risen, "not explained by a work order": unexplained}


def _play(fleet: Fleet, watchers: Iterable[Watcher]) -> None:
    row = 0
    for hour in fleet.hours():
        for values in hour:
            row += 1
            work = fleet.work(START + row * MINUTE)
            for watcher in watchers:
                watcher.take(values, work)


def _chance(alarms: int, scale: Scale) -> float:
    """Share of attacks that as many alarms at random times and machines would meet."""
    stretches = scale.machines * max(1, scale.quiet_days - 1) * 24.0 / ATTACK_H
    return float(1.0 - (1.0 - 1.0 / stretches) ** alarms)


def _three_at_random(net: Network, manifest: list[Attack]) -> float:
    machines = list(net.assets.values())
    return float(np.mean([min(1.0, 3 / len(signals_of(machines[attack.entity]))) for attack in manifest if attack.slot >= 0]))


def _row(case: str, metric: str, value: float, target: tuple[str, float] | None, beside: Mapping[str, float]) -> dict[str, Any]:
    holds = None if target is None else value >= target[1] if target[0] == ">=" else value <= target[1]
    told = None if target is None else f"{target[0]} {target[1]:g}"
    return {"case": case, "metric": metric, "value": value, "target": told, "holds": holds, "baselines": dict(beside)}
