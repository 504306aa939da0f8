"""The range: a seeded simulation of a network folder, its goods, machines, hosts, people, and of a scenario played against it.

Called by the runtime (demo, wargame), the bench and tests; it is also the executor's world. Pure: seed and start in, Arrow batches out.
"""

import heapq
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.model.network import Network
from interferon.model.network import Order as OpenOrder
from interferon.twin.adversary import HANDLERS as ATTACKS
from interferon.twin.campaign import AttackState, Campaign, World
from interferon.twin.condition import Condition
from interferon.twin.demand import Line, Peak
from interferon.twin.draws import HOUR, MINUTE, draws
from interferon.twin.fraud import account_of, forecasts, invoice
from interferon.twin.goods import Distortion, Goods
from interferon.twin.hosts import Hosts
from interferon.twin.lookalikes import HANDLERS as BENIGN
from interferon.twin.people import identities
from interferon.twin.rows import TRUST, Offsets, Record, attributes, records
from interferon.twin.scenario import Scenario
from interferon.twin.sourcing import Sourcing
from interferon.twin.telemetry import Telemetry

_TARGET_KIND = {
    "isolate_asset": ("asset",),
    "isolate_zone": ("zone",),
    "cut_conduit": ("conduit",),
    "fail_over": ("asset",),
    "disable_identity": ("identity",),
    "hold_transaction": ("order", "partner", "feed", "lane", "node"),
}


@dataclass(frozen=True)
class Outcome:
    """What a run came to, over orders promised within its hours. Late: arrived after promise and window, or never."""

    orders_due: int
    orders_late: int
    otif: float
    cost: float
    co2_kg: float


class Range:
    """One run. `advance` moves time, `apply` and `undo` change the world at `now`, `attack` and `manifest` tell what no event does."""

    def __init__(
        self,
        network: Network,
        scenario: Scenario,
        seed: int,
        start: int,
        *,
        history_h: float = 48.0,
        emit: bool = True,
        sourcing: Sourcing | None = None,
        telemetry_s: int = 60,
    ) -> None:
        self.network, self.scenario, self.seed, self.start, self.emit = network, scenario, seed, start, emit
        self.now = self._begin = start - int(history_h * HOUR)
        self.end = start + int(scenario.hours * HOUR)
        self.condition = Condition(network)
        self.goods = Goods(network, seed, self._begin, start, sourcing, _peaks(network, scenario, start))
        self.hosts = Hosts(network, seed)
        self.telemetry = Telemetry(network, seed, telemetry_s) if emit else None
        self.offsets = Offsets()
        self._queue: list[tuple[int, int, str, Record]] = []
        self._told = 0
        self._flow: list[tuple[int, str, float]] = []
        world = World(network, seed, start, self.condition, self.goods, self.hosts, self._tell, self.telemetry)
        self.campaign = Campaign(scenario, world, {**ATTACKS, **BENIGN})
        self._next_hour = self._begin
        self._speed: dict[str, float] = {}  # asset → share it runs with; scrap does not slow a line

    def advance(self, until: int) -> list[pa.RecordBatch]:
        """Run to `until` (UTC microseconds). Returns the events of that stretch, a batch a family; nothing when the range does not emit."""
        batches: list[pa.RecordBatch] = []
        while self.now < until:
            self.condition.mend(self.now)
            self.campaign.refresh(self.now)
            if self.now >= self._next_hour:
                self._hour()
            self.campaign.run(self.now)
            stop = min(until, self._next_hour, max(self.campaign.next(), self.now + 1))
            if self.telemetry is not None:
                batch = self.telemetry.run(self.now, stop, self.condition, self._running, self.offsets)
                batches += [batch] if batch is not None else []
            self.now = stop
        return _joined(batches) + self._drain() if self.emit else []

    def _hour(self) -> None:
        world, hour = self.campaign.world, self._next_hour
        distortion = Distortion(
            {node: min(by.values()) for node, by in world.forecast.items() if by},
            {lane: max(by.values()) for lane, by in world.stolen.items() if by},
        )
        for row in self.goods.hour(hour, self.condition, distortion):
            if row[3]["kind"] == "shipment.departed":
                self._flow.append((row[0], row[3]["lane"], row[3]["quantity"]))
            self._tell("trade", row)
        self._flow = [f for f in self._flow if f[0] > hour - 24 * HOUR]
        if self.emit:
            for row in self.hosts.hour(hour):
                self._tell("activity", row)
            for row in self._business(hour):
                self._tell("trade", row)
            speed = {f"node:{n}": math.sqrt(self.condition.share(f"node:{n}", hour, spoilt=False)) for n in self.network.nodes}
            served = self.network.depends
            self._speed = {a: min((speed[d.target] for d in served[a] if d.target in speed), default=1.0) for a in served}
        self._next_hour += HOUR

    def _business(self, hour: int) -> list[Record]:
        """Everyday forecasts, invoices and, rarely, a checked change of a partner's contact."""
        rows: list[Record] = []
        if (hour // HOUR) % 6 == 0:
            for node in sorted({x.origin for x in self.network.lanes.values() if self.network.nodes[x.destination].kind == "customer"}):
                rows += forecasts(self.campaign, node, hour + 4 * MINUTE, 1.0)
        rng = draws(self.seed, "business", 0, hour // HOUR)
        partners = list(self.network.partners)
        u = rng.random(5)
        if partners and u[0] < 0.3:
            partner = partners[int(u[1] * len(partners))]
            rows.append(invoice(self.campaign, partner, hour + int(u[2] * HOUR), account_of(partner), 2000 + 14000 * float(u[3])))
        if partners and u[4] < 0.012:
            partner = partners[int(u[1] * len(partners))]
            attrs = attributes(
                field="contact",
                before="desk 1",
                after="desk 2",
                channel="callback",
                actor="planner.purchasing",
                approved_by="purchasing-lead",
            )
            rows.append(
                (hour + int(u[2] * HOUR), "erp", f"partner:{partner}", {"kind": "partner.changed", "partner": partner, "attributes": attrs})
            )
        return rows

    # events

    def _tell(self, family: str, row: Record) -> None:
        if self.emit:
            self._told += 1
            heapq.heappush(self._queue, (max(row[0], self.now), self._told, family, row))

    def _drain(self) -> list[pa.RecordBatch]:
        due: dict[str, list[Record]] = {"activity": [], "trade": []}
        while self._queue and self._queue[0][0] < self.now:
            when, _, family, row = heapq.heappop(self._queue)
            if family == "trade" or self._heard(row):
                due[family].append((when, *row[1:]))
        return [records(family, rows, self.offsets, TRUST[family]) for family, rows in due.items() if rows]

    def _heard(self, row: Record) -> bool:
        """False for what could not happen or be recorded: an end is isolated or dark, the log is silenced, the identity disabled."""
        when, _, entity, fields = row
        ends = [
            x[6:]
            for x in (fields.get("source"), fields.get("target"), entity)
            if x and x.startswith("asset:") and x[6:] in self.network.assets
        ]
        if fields["kind"] == "work.order":
            return True
        if any(self.condition.dark.get(a, 0) > when or (self.condition.isolated(a)) for a in ends):
            return False
        if len(ends) > 1 and ends[0] != ends[1] and not self.condition.talks(ends[0], ends[1]):
            return False
        if fields["kind"] == "log.status" and fields["code"] == "heartbeat" and ends and ends[0] in self.condition.muted:
            return False
        return not self.condition.disabled(str(fields.get("actor") or ""))

    def _running(self, assets: Sequence[str], time: int) -> NDArray[np.float64]:
        """Share of its line that each machine runs with: its own state, then the place it serves."""
        running = np.array([self._speed.get(asset, 1.0) for asset in assets])
        if stopped := self.condition.stopped(time):
            running[[asset in stopped for asset in assets]] = 0.0
        return running

    # the executor's side

    def apply(self, effect_id: str, action: str, target: str, params: dict[str, Any]) -> str:
        """Put an effect in force. Returns '' or the reason why not. The same id again changes nothing."""
        if effect_id in self.condition.effects:
            same = self.condition.effects[effect_id][:2] == (action, target)
            return "" if same else f"effect {effect_id} is already in force on {self.condition.effects[effect_id][1]}"
        reason = self._refusal(action, target)
        if not reason:
            self.condition.put(effect_id, action, target, self.now)
            self.campaign.refresh(self.now)
        return reason

    def _refusal(self, action: str, target: str) -> str:
        kind, _, name = target.partition(":")
        if action not in _TARGET_KIND:
            return f"unknown action '{action}'; the range knows {', '.join(_TARGET_KIND)}"
        if kind not in _TARGET_KIND[action]:
            return f"'{action}' takes {' or '.join(_TARGET_KIND[action])}, not '{target}'"
        tables: dict[str, Collection[str]] = {
            "asset": self.network.assets,
            "zone": self.network.zones,
            "conduit": self.network.conduits,
            "partner": self.network.partners,
            "lane": self.network.lanes,
            "node": self.network.nodes,
            "identity": identities(self.network),
        }
        return "" if kind not in tables or name in tables[kind] or kind == "identity" else f"unknown target '{target}'"

    def undo(self, effect_id: str) -> str:
        """Take an effect back. An unknown or already undone id is no error."""
        self.condition.drop(effect_id)
        self.campaign.refresh(self.now)
        return ""

    def verify(self, effect_id: str) -> bool:
        return effect_id in self.condition.effects

    def in_force(self) -> dict[str, tuple[str, str]]:
        """Effect id → action and target."""
        return {ident: (action, target) for ident, (action, target, _) in self.condition.effects.items()}

    def route(self, sourcing: Sourcing) -> None:
        """Re-route: for each (destination node, product) the lanes that bring it and their shares."""
        self.goods.route(sourcing)

    def settled(self) -> bool:
        """Whether the attack is over, its damage mended, and nothing in force any more: from here on only chance moves the goods."""
        hurt = any(damage.impact > 0 for each in self.condition.damage.values() for damage in each)
        return self.campaign.over() and not self.condition.effects and not hurt

    def silence(self) -> None:
        """Nobody listens any more: the goods go on as they would, without telemetry or events."""
        self.emit, self.telemetry = False, None
        self._queue.clear()

    # what is seen

    def snapshot(self) -> dict[str, Any]:
        """The material side and the repairs as a planner sees them. `restored`: isolated assets that are clean and may be re-admitted."""
        goods = self.goods
        shares = {
            ref: self.condition.share(ref, self.now)
            for ref in (*(f"node:{n}" for n in self.network.nodes), *(f"lane:{x}" for x in self.network.lanes))
        }
        flow: dict[str, float] = {}
        for _, lane, quantity in self._flow:
            flow[lane] = flow.get(lane, 0.0) + quantity
        moving = [(x.lane, x.product, x.quantity, x.arrives) for x in goods.moving] + [
            (lane, goods.products[k], q, at) for at, lane, k, q, _ in goods.transit
        ]
        closed = [t[6:] for _, t, _ in self.condition.effects.values() if t.startswith("asset:")]
        return {
            "now": self.now,
            "stock": {(n, p): float(goods.stock[i, k]) for n, i in goods.n.items() for p, k in goods.p.items() if goods.stock[i, k] > 1e-9},
            "open_orders": tuple(_as_order(x) for x in goods.open),
            "in_transit": tuple(sorted(moving, key=lambda m: (m[3], m[0], m[1]))),
            "capacity": shares,
            "flow": flow,
            "down": tuple(sorted(a for a in self.condition.damage if any(d.impact >= 1.0 for d in self.condition.damage[a]))),
            "restored": tuple(sorted(a for a in closed if not self.condition.damaged(a))),
        }

    def outcome(self) -> Outcome:
        window = int(self.network.settings.otif_window_h * HOUR)
        due = [x for x in self._lines() if self.start <= x.promised <= min(self.end, self.now)]
        late = [x for x in due if x.stolen or not x.arrives or x.arrives > x.promised + window]
        share = self.network.settings.late_cost_share
        fines = sum(share * self.network.products[x.product].value * x.quantity for x in late)
        goods_lost = float(sum(q * self.network.products[p].value for p, q in zip(self.goods.products, self.goods.books.lost, strict=True)))
        otif = 1.0 - len(late) / len(due) if due else 1.0
        return Outcome(len(due), len(late), otif, round(self.goods.books.cost + fines + goods_lost, 2), round(self.goods.books.co2_kg, 2))

    def _lines(self) -> list[Line]:
        return [x for x in (*self.goods.open, *self.goods.moving, *self.goods.done) if not x.false]

    def attack(self) -> AttackState:
        return self.campaign.state()

    def manifest(self) -> dict[str, Any]:
        """The ground truth of the run, kept beside it: what was done, when, and what became of it."""
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "start": self.start,
            "hours": self.scenario.hours,
            "steps": [
                {
                    "id": s.id,
                    "kind": s.kind,
                    "action": s.action,
                    "target": s.target,
                    "technique": self.campaign.steps[s.id].technique,
                    "at": s.at,
                    "tried": s.tried,
                    "succeeded": s.succeeded,
                    "stopped": s.stopped,
                    "active": s.active,
                    "reason": s.reason,
                }
                for s in self.campaign.states.values()
            ],
        }


def _as_order(x: Line) -> OpenOrder:
    return OpenOrder(
        id=x.id,
        customer=x.customer,
        product=x.product,
        quantity=x.quantity,
        requested=x.requested,
        promised=x.promised,
        priority=x.priority,
    )


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Several stretches of one family as one batch."""
    return [pa.Table.from_batches(batches).combine_chunks().to_batches()[0]] if len(batches) > 1 else batches


def _peaks(network: Network, scenario: Scenario, start: int) -> tuple[Peak, ...]:
    """Peak seasons of the scenario: the customers of the node, lane, site or the whole network."""
    found = []
    for step in scenario.steps:
        if step.action == "peak_season":
            kind, _, name = step.target.partition(":")
            customers = {n.id for n in network.nodes.values() if n.kind == "customer"}
            if kind in ("node", "lane"):
                origin = name if kind == "node" else network.lanes[name].origin
                near = {x.destination for x in network.lanes.values() if x.origin == origin} & customers
                customers = near or ({name} & customers) or customers
            since = start + int(step.at_h * HOUR)
            until = start + int((step.until_h or step.at_h + 24.0) * HOUR)
            found.append(Peak(since, until, frozenset(customers), step.number("factor")))
    return tuple(found)
