"""Cold start: what a machine that is new among watched ones is told of after a twentieth of its training time. On the range; needs no data.

Run by `interferon bench start`. Every second machine of a fleet is new. One watch has known it for the whole training time, another sees it
for the first time when that is over and lets it borrow from its peers. Both then rank the very same rows, attacked against quiet ones.
Settings were chosen on other seeds; the truth is the campaign's manifest.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interferon.bench.measures import Bools, Floats, auroc, row
from interferon.bench.watch_world import ATTACK_H, DAY, SLOTS, Attack, Fleet, attacks, everyday, network
from interferon.detect import telemetry_state, watch
from interferon.detect.settings import LIVE
from interferon.detect.windows import robust_scale
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.model.network import Network
from interferon.store.examples import START
from interferon.twin.draws import MINUTE
from interferon.twin.machines import signals_of

SEED = 5120
FINAL, LENT = "own model, whole training time", "lent by peers, 5 % of it"
UNMOVED, ALONE = "peers' level and spread as they are", "own 5 % alone, mean robust z-score"


@dataclass(frozen=True)
class Scale:
    """Machines, every second of them new; training rows; share of the new ones that are attacked; runs, each on its own seed."""

    machines: int = 120
    train: int = DAY
    attacked: float = 0.7
    runs: int = 2

    @property
    def first(self) -> int:
        """The first row that is judged: a twentieth of the training time after it."""
        return self.train + max(20, math.ceil(0.05 * self.train))


class Seer:
    """A watch that sees each machine from a row on (n,), and scores: −log p, 0 where it does not judge."""

    def __init__(self, net: Network, train: int, since: NDArray[np.int64]) -> None:
        self.names = [f"asset:{asset}" for asset in net.assets]
        self.slots = [list(signals_of(asset)) for asset in net.assets.values()]
        self.portfolios = watch.Portfolios(TELEMETRY, (), SIGNALS)
        self.watch = watch.new_watch(net, replace(LIVE, learn_rows=train), self.portfolios, shards=1, learn_us=0, width=SLOTS)
        self.since = since
        self.begun: list[tuple[int, int]] = []  # row and machine of every alarm, before the fleet's control and budget

    def take(self, at: int, values: Floats) -> Floats:
        """Scores (n,) of row number `at`, (n, SLOTS)."""
        start, here, found = START + at * MINUTE, np.flatnonzero(self.since <= at), np.zeros(len(values))
        seen = watch.observe(self.watch, self.portfolios, self.names, self.slots, (start, start + MINUTE, here, values[here]), ())
        judged, p = seen.judged
        found[judged] = -np.log(p)
        self.begun += [(at, alarm.entity) for alarm in seen.alarms]
        return found

    def unmoved(self) -> Seer:
        """Another that judges who borrows by the mean centre and spread of the peers."""
        other = copy.deepcopy(self)
        state = other.watch.shards[0].telemetry
        own = [self.slots[entity] for entity in range(len(self.slots))]
        for entity in np.flatnonzero(state.status == telemetry_state.PROVISIONAL):
            alike = [peer for peer in np.flatnonzero(self.since == 0) if own[peer] == own[entity]]
            state.centre[entity] = state.centre[alike].mean(axis=0)
            state.spread[entity] = np.exp(np.log(state.spread[alike]).mean(axis=0))
        return other


@dataclass(frozen=True)
class Run:
    """labels (rows,): of the rows of new machines that count, whether under attack; scores: every one's, of the same rows. days: of quiet
    rows among them; attacks. begun: of a watch, the alarms that began on quiet rows, and the attacks in which one began."""

    labels: Bools
    scores: dict[str, Floats]
    days: float
    attacks: int
    begun: dict[str, tuple[int, int]]


def cases(scale: Scale | None = None) -> Iterator[dict[str, Any]]:
    """The figure, with its target, beside those of plainer answers; then what people would have been told."""
    scale = scale or Scale()
    runs = [_run(scale, SEED + run) for run in range(scale.runs)]
    labels = np.concatenate([run.labels for run in runs])
    found = {name: auroc(labels, np.concatenate([run.scores[name] for run in runs])) for name in (FINAL, LENT, UNMOVED, ALONE)}
    new = f"{scale.runs * (scale.machines // 2)} machines new among as many watched ones"
    ratio = {name: (value - 0.5) / (found[FINAL] - 0.5) for name, value in found.items()}
    beside = {UNMOVED: ratio[UNMOVED], ALONE: ratio[ALONE], f"AUROC, {FINAL}": found[FINAL], f"AUROC, {LENT}": found[LENT]}
    yield row(
        f"{new}, rows under attack against quiet rows",
        "share of the final AUROC - 0.5 after 5 % of the training time",
        ratio[LENT],
        beside,
        (">=", 0.9),
    )
    days, attacks = sum(run.days for run in runs), sum(run.attacks for run in runs)
    false, told = ({name: sum(run.begun[name][part] for run in runs) for name in (FINAL, LENT)} for part in (0, 1))
    yield row(f"{new}, quiet rows", "alarms begun a machine and day", false[LENT] / days, {FINAL: false[FINAL] / days}, None)
    yield row(f"{new}, {attacks} attacks", "share in which an alarm begins", told[LENT] / attacks, {FINAL: told[FINAL] / attacks}, None)


def _run(scale: Scale, seed: int) -> Run:
    net, new = network(scale.machines), np.arange(scale.machines) % 2 == 1
    fleet = _fleet(scale, net, new, seed)
    seers = {FINAL: Seer(net, scale.train, np.zeros(len(new), dtype=np.int64)), LENT: Seer(net, scale.train, new * scale.train)}
    rows, scores = list[Floats](), {name: list[Floats]() for name in (*seers, UNMOVED)}
    for at, values in enumerate(itertools.islice(itertools.chain.from_iterable(fleet.hours()), 2 * scale.train)):
        if at == scale.first:
            seers[UNMOVED] = seers[LENT].unmoved()
        rows.append(values)
        for name, seer in seers.items():
            told = seer.take(at, values)
            if at >= scale.first:
                scores[name].append(told)
    attacked, counts = _truth(scale, fleet.manifest(), new)
    every = {name: np.stack(score) for name, score in scores.items()}
    every[ALONE] = _alone(np.stack(rows[scale.train : scale.first]), np.stack(rows[scale.first :]))
    quiet, scored = counts & ~attacked, {name: score[counts] for name, score in every.items()}
    begun = {name: _begun(seers[name].begun, scale.first, quiet, attacked) for name in (FINAL, LENT)}
    return Run(attacked[counts], scored, float(quiet.sum() / DAY), int(attacked.any(axis=0).sum()), begun)


def _fleet(scale: Scale, net: Network, new: Bools, seed: int) -> Fleet:
    """Twice the training time of a fleet in which some of the new machines are attacked once they can be judged."""
    hours, first = 2 * scale.train / 60.0, (scale.first + 5) / 60.0
    every = attacks(net, first, max(first + 0.5, hours - ATTACK_H), scale.machines, seed)
    drawn = [step for step in every if new[int(step.target.removeprefix("asset:m-"))]][: round(scale.attacked * new.sum())]
    days = max(2, math.ceil(2 * scale.train / DAY))
    return Fleet(net, everyday(scale.machines, days, seed) + drawn, days, seed)


def _truth(scale: Scale, manifest: list[Attack], new: Bools) -> tuple[Bools, Bools]:
    """Which judged rows (rows, n) are attacked, and which count: those of new machines, but for what comes after an attack."""
    attacked = np.zeros((2 * scale.train, len(new)), dtype=np.bool_)
    counts = np.broadcast_to(new, attacked.shape).copy()
    for attack in manifest:
        attacked[attack.begin : attack.end, attack.entity] = True
        counts[attack.end :, attack.entity] = False
    return attacked[scale.first :], counts[scale.first :]


def _begun(alarms: list[tuple[int, int]], first: int, quiet: Bools, attacked: Bools) -> tuple[int, int]:
    """Alarms (row of the run, machine) that began on rows marked in `quiet`, and machines of those on rows marked in `attacked`, (rows, n)
    each from row `first` on."""
    judged = [(at - first, entity) for at, entity in alarms if at >= first]
    return sum(bool(quiet[place]) for place in judged), len({entity for at, entity in judged if attacked[at, entity]})


def _alone(seen: Floats, judged: Floats) -> Floats:
    """Mean distance (rows, n) of the `judged` rows (rows, n, SLOTS) from the median of the rows `seen`, in robust spreads."""
    flat = seen.reshape(len(seen), -1)
    centre, spread = (part.reshape(seen.shape[1:]) for part in robust_scale(flat))
    away = np.abs(judged - centre) / spread
    return np.asarray(np.nansum(away, axis=2) / np.maximum((~np.isnan(away)).sum(axis=2), 1))
