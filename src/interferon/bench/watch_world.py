"""What `bench.watch` runs on: a fleet of every kind of machine on the range, its quiet months and the attacks on it, as matrices.

Called by `bench.watch` alone. The range's own telemetry and campaign play the scenario; the truth is the campaign's manifest. No goods
and no hosts move: telemetry does not depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.model.network import Asset, Network, Site, Zone
from interferon.store.examples import START
from interferon.store.examples import build as example
from interferon.twin.adversary import HANDLERS as ATTACKS
from interferon.twin.campaign import Campaign, World
from interferon.twin.condition import Condition
from interferon.twin.draws import HOUR, MINUTE
from interferon.twin.goods import Goods
from interferon.twin.hosts import Hosts
from interferon.twin.lookalikes import HANDLERS as BENIGN
from interferon.twin.machines import signals_of
from interferon.twin.rows import Offsets, Record, records
from interferon.twin.scenario import Scenario, Step
from interferon.twin.telemetry import Telemetry
from interferon.twin.vocabulary import ACTIONS

KINDS = ("plc", "robot", "agv", "truck", "sensor_gateway")
ON_TELEMETRY = ("modify_setpoint", "spoof_signal", "replay_signal", "freeze_signal", "firmware_change", "stop_process")
ATTACK_H = 6.0
DAY = 1440  # rows
SLOTS = 8
_SIZE = {"modify_setpoint": "drift", "spoof_signal": "offset", "replay_signal": "stretch_h"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attack:
    """One attack of the manifest: index of the asset, first row and row after the last, and the slot it names (−1: all, or none)."""

    action: str
    kind: str
    entity: int
    begin: int
    end: int
    slot: int


def network(entities: int) -> Network:
    """The example `minimal` with `entities` machines in place of its assets, of all kinds in turn, in halls of different weather."""
    base = example("minimal")
    halls = {f"hall-{k}": Site(id=f"hall-{k}", name=f"Hall {k}", country="DE", lat=44.0 + 6 * k, lon=10.0) for k in range(3)}
    cells = {f"cell-{k}": Zone(id=f"cell-{k}", site=f"hall-{k % 3}", purdue=1.0, criticality=3) for k in range(30)}
    kinds = [KINDS[n % len(KINDS)] for n in range(entities)]
    machines = {f"m-{n}": Asset(id=f"m-{n}", zone=f"cell-{n % 30}", type=kind, model=f"{kind}-1") for n, kind in enumerate(kinds)}
    return replace(base, sites={**base.sites, **halls}, zones={**base.zones, **cells}, assets=machines, dependencies=())


def everyday(assets: int, days: int, seed: int) -> list[Step]:
    """What happens to machines in `days`: each is maintained once a month, one in ten gets new firmware, one in ten a new sensor."""
    draw = np.random.default_rng([seed, 1])
    steps = []
    for action, share in (("maintenance", 1.0), ("firmware_day", 0.1), ("sensor_swap", 0.1)):
        count = round(assets * share * days / 30)
        for n, asset in enumerate(draw.integers(0, assets, count).tolist()):
            at = float(draw.uniform(25.0, 24.0 * days))
            steps.append(Step(f"{action}-{n}", at, "benign", action, f"asset:m-{asset}"))
    return steps


def attacks(net: Network, first_h: float, last_h: float, count: int, seed: int) -> list[Step]:
    """`count` attacks, each on its own machine, action, signal and size (0.7 to 1.5 times the default) drawn, begun in the hours given."""
    draw = np.random.default_rng([seed, 2])
    steps = []
    for n, asset in enumerate(draw.permutation(len(net.assets))[:count].tolist()):
        name = f"m-{asset}"
        action = ON_TELEMETRY[n % len(ON_TELEMETRY)]
        params: dict[str, float | str | bool] = {}
        if ACTIONS[action].needs_signals:
            params["signal"] = str(draw.choice(signals_of(net.assets[name])))
        if action == "replay_signal" and draw.random() < 0.5:
            del params["signal"]  # half of the replays are of the whole machine, the action's default
        if action in _SIZE:
            sign = -1.0 if action != "replay_signal" and draw.random() < 0.5 else 1.0
            params[_SIZE[action]] = sign * float(ACTIONS[action].default(_SIZE[action])) * float(draw.uniform(0.7, 1.5))
        at = float(draw.uniform(first_h, last_h))
        steps.append(Step(f"a-{n}", at, "attack", action, f"asset:{name}", until_h=at + ATTACK_H, params=params))
    return steps


class Fleet:
    """One run over `days`; `hours` yields the readings, (60, n, SLOTS) an hour; NaN is missing, slots are the asset's signals in order.

    `work`: the work orders, as an installation would get them from its maintenance system.
    """

    def __init__(self, net: Network, steps: list[Step], days: int, seed: int) -> None:
        self.net, self.days = net, days
        scenario = Scenario("watch", net.settings.name, days * 24.0, tuple(sorted(steps, key=lambda s: (s.at_h, s.id))))
        self.condition = Condition(net)
        self.telemetry = Telemetry(net, seed, 60)
        hosts, goods = Hosts(net, seed), Goods(net, seed, START, START, None)
        self.opened: list[Record] = []  # work orders that nobody was handed yet
        self.offsets = Offsets()
        world = World(net, seed, START, self.condition, goods, hosts, self._tell, self.telemetry)
        self.campaign = Campaign(scenario, world, {**ATTACKS, **BENIGN})
        self.index = {asset: n for n, asset in enumerate(net.assets)}
        place = np.array([self.index[asset] for asset in self.telemetry.assets])
        self.place = place
        signals = len(self.telemetry.names.signals)
        self.slot = np.full((len(place), signals), -1)
        for row, codes in enumerate(self.telemetry.signal):
            for slot, code in enumerate(codes[codes >= 0]):
                self.slot[row, code] = slot

    def hours(self) -> Iterator[Floats]:
        for hour in range(self.days * 24):
            now, end = START + hour * HOUR, START + (hour + 1) * HOUR
            values = np.full((60, len(self.place), SLOTS), np.nan)
            while now < end:
                self.condition.mend(now)
                self.campaign.refresh(now)
                self.campaign.run(now)
                idle = [until for until in self.condition.idle.values() if until > now]
                stop = min(end, max(self.campaign.next(), now + MINUTE), *idle)
                self._record(values, START + hour * HOUR, now, stop)
                now = stop
            yield values

    def work(self, end: int) -> list[pa.RecordBatch]:
        """The work orders before `end`, microseconds, each handed over once."""
        due = sorted((record for record in self.opened if record[0] < end), key=lambda record: record[0])
        self.opened = [record for record in self.opened if record[0] >= end]
        return [records("activity", due, self.offsets, 1.0)] if due else []

    def _tell(self, family: str, record: Record) -> None:
        if record[3]["kind"] == "work.order":
            self.opened.append(record)

    def _record(self, values: Floats, start: int, begin: int, end: int) -> None:
        batch = self.telemetry.run(begin, end, self.condition, self._running, self.offsets)
        if batch is None:
            return
        row = (batch.column("time").to_numpy() - start) // MINUTE
        entity, signal = (batch.column(name).indices.to_numpy() for name in ("entity", "signal"))
        values[row, self.place[entity], self.slot[entity, signal]] = batch.column("value").to_numpy(zero_copy_only=False)

    def _running(self, assets: Sequence[str], time: int) -> NDArray[np.float64]:
        stopped = self.condition.stopped(time)
        return np.array([0.0 if asset in stopped else 1.0 for asset in assets])

    def manifest(self) -> list[Attack]:
        """The attacks that succeeded, in rows of the run."""
        found = []
        for step in self.campaign.scenario.attacks:
            state = self.campaign.states[step.id]
            if state.succeeded:
                asset = self.net.assets[step.target[6:]]
                named = str(step.params.get("signal", ""))
                slot = signals_of(asset).index(named) if named else 0 if step.action == "firmware_change" else -1
                begin = (state.succeeded - START) // MINUTE
                found.append(Attack(step.action, asset.type, self.index[asset.id], begin, begin + int(ATTACK_H * 60), slot))
        return found
