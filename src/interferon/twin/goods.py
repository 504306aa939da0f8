"""The flow of goods by the hour: orders, picking, transport, stock, replenishment, production from components.

Called by the range, hour by hour. Pure state; capacity shares come from `condition`, random numbers are drawn up front.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from interferon.model.network import Lane, Network
from interferon.twin.condition import Condition
from interferon.twin.demand import Line, Peak, daily, lines
from interferon.twin.draws import HOUR, MINUTE, draws
from interferon.twin.rows import Record
from interferon.twin.sourcing import Sourcing, plan, supplies
from interferon.twin.trade import ERP, moved, order_placed

_DISPATCH_H = 6  # replenishment trucks leave this often
_PICK_BUFFER_H = 6.0  # hours of unused picking capacity that carry over: people work ahead
_REPORT_H = 4  # production is reported this often


@dataclass
class Distortion:
    """What an adversary does to the flow, set by the campaign: by node or lane id."""

    forecast: dict[str, float] = field(default_factory=dict)  # distribution centre or plant → factor on what it restocks to
    stolen: dict[str, float] = field(default_factory=dict)  # lane → share of shipments that vanish


@dataclass
class Books:
    """What came in and went out of the network, per product: opening + made = used + delivered + lost + on hand + in transit."""

    made: NDArray[np.float64]
    used: NDArray[np.float64]
    delivered: NDArray[np.float64]
    lost: NDArray[np.float64]
    cost: float = 0.0
    co2_kg: float = 0.0


class Goods:
    """State of the material side. Arrays are nodes × products; all quantities in units of the product."""

    def __init__(
        self, network: Network, seed: int, begin: int, start: int, sourcing: Sourcing | None, peaks: tuple[Peak, ...] = ()
    ) -> None:
        self.network, self.seed, self.begin = network, seed, begin
        self.nodes, self.products = list(network.nodes), list(network.products)
        self.n, self.p = {x: k for k, x in enumerate(self.nodes)}, {x: k for k, x in enumerate(self.products)}
        plan_ = plan(network, daily(network))
        self.sourcing: Sourcing = dict(plan_.sourcing)
        if sourcing is not None:
            self.sourcing.update(sourcing)
        self.stock = np.zeros((len(self.nodes), len(self.products)))
        for row in network.inventory:
            self.stock[self.n[row.node], self.p[row.product]] += row.quantity
        self.opening = self.stock.copy()
        self._before(plan_.received, (start - begin) / (24 * HOUR))
        zeros = np.zeros(len(self.products))
        self.books = Books(zeros.copy(), zeros.copy(), zeros.copy(), zeros.copy())
        self.bom = np.zeros((len(self.products), len(self.products)))
        for b in network.bom:
            self.bom[self.p[b.parent], self.p[b.child]] += b.quantity
        self.makes = {
            node: np.array([p in offers for p in self.products])
            for node, offers in supplies(network).items()
            if network.nodes[node].kind == "plant"
        }
        self.inbound: dict[str, list[Lane]] = {}
        for lane in sorted(network.lanes.values(), key=lambda x: (x.cost_per_unit, x.id)):
            self.inbound.setdefault(lane.destination, []).append(lane)
        self.target = self._targets(plan_.received)
        self.on_order = np.zeros_like(self.stock)
        self.backlog = {lane.id: zeros.copy() for lane in network.lanes.values() if network.nodes[lane.destination].kind != "customer"}
        self.transit: list[tuple[int, str, int, float, bool]] = []  # arrives, lane, product index, quantity, stolen
        self.queue = lines(network, seed, begin, start, peaks)
        self.placed = 0
        self.open: list[Line] = []
        self.moving: list[Line] = []
        self.done: list[Line] = []
        self.node_credit = dict.fromkeys(network.nodes, 0.0)
        self.lane_credit = {lane.id: lane.capacity_per_day / 2 for lane in network.lanes.values()}
        self.reported = np.zeros_like(self.stock)
        self.shares: dict[str, float] = {}

    def _before(self, received: dict[tuple[str, str], float], days: float) -> None:
        """The opening stock is that of the start: a run that begins `days` earlier begins with what those days will have used."""
        for (node, product), rate in received.items():
            if self.network.nodes[node].kind != "customer":
                self.stock[self.n[node], self.p[product]] += rate * days

    def _targets(self, received: dict[tuple[str, str], float]) -> NDArray[np.float64]:
        """Order-up-to level: two days, the largest usual order or the opening stock, and what is used while an order is under way."""
        level = self.stock.copy()
        largest: dict[str, float] = {}
        for order in self.network.orders.values():
            largest[order.product] = max(largest.get(order.product, 0.0), order.quantity)
        for (node, product), rate in received.items():
            if self.network.nodes[node].kind == "customer":
                continue
            lanes = self.sourcing.get((node, product), ())
            lead = sum(share * self.network.lanes[lane].lead_days_mean for lane, share in lanes)
            k = self.n[node], self.p[product]
            level[k] = max(level[k], 2.0 * rate, largest.get(product, 0.0)) + rate * (lead + _DISPATCH_H / 24)
        return level

    # one hour

    def hour(self, now: int, condition: Condition, distortion: Distortion) -> list[Record]:
        """Advance the flow from `now` for an hour. Returns the trade events of that hour, which lie at or after `now`."""
        self.shares = {f"node:{n}": condition.share(f"node:{n}", now) for n in self.nodes}
        self.shares |= {f"lane:{x}": condition.share(f"lane:{x}", now) for x in self.network.lanes}
        held = {t.partition(":")[2] for a, t, _ in condition.effects.values() if a == "hold_transaction" and t.startswith("order:")}
        rows = self._place(now)
        rows += self._arrive(now)
        self._credit()
        rows += self._pick(now, distortion, held)
        self._produce()
        self._supply()
        hour = (now - self.begin) // HOUR
        if hour % _DISPATCH_H == 0:
            self._restock(distortion)
            rows += self._dispatch(now, distortion)
        if hour % _REPORT_H == _REPORT_H - 1:
            rows += self._report(now)
        if (now // HOUR) % 24 == 5:
            rows += self._count(now)
        return rows

    def _place(self, now: int) -> list[Record]:
        rows: list[Record] = []
        while self.placed < len(self.queue) and self.queue[self.placed].requested < now + HOUR:
            line = self.queue[self.placed]
            self.placed += 1
            self._choose(line)
            self.open.append(line)
            rows.append(order_placed(self.network, line, max(line.requested, now)))
        self.open.sort(key=lambda x: (x.priority, x.promised, x.id))
        return rows

    def _choose(self, line: Line) -> None:
        """The lane for an order: its own draw against the shares of the sourcing in force."""
        lanes = self.sourcing.get((line.customer, line.product), ())
        if not lanes:
            lanes = next((v for (node, _), v in self.sourcing.items() if node == line.customer and v), ())
        at, line.lane = 0.0, ""
        for lane, share in lanes:
            at += share
            line.lane = lane
            if line.u < at:
                return

    def _credit(self) -> None:
        for node in self.network.nodes.values():
            if node.kind in ("dc", "supplier"):
                hourly = node.capacity_per_day / 24 * self.shares[f"node:{node.id}"]
                self.node_credit[node.id] = min(self.node_credit[node.id] + hourly, _PICK_BUFFER_H * node.capacity_per_day / 24)
        for lane in self.network.lanes.values():
            gain = lane.capacity_per_day / 24 * self.shares[f"lane:{lane.id}"]
            self.lane_credit[lane.id] = min(self.lane_credit[lane.id] + gain, lane.capacity_per_day / 2)

    def _pick(self, now: int, distortion: Distortion, held: set[str]) -> list[Record]:
        """Ship whole orders, most urgent first, from stock while picking and lane capacity last."""
        rows: list[Record] = []
        waiting: list[Line] = []
        for line in self.open:
            self._promise(line, now)
            lane = self.network.lanes.get(line.lane)
            if lane is None or line.id in held or not self._may_ship(line, lane):
                waiting.append(line)
                continue
            self._take(lane, line.quantity, self.p[line.product])
            lead = lane.lead_days_mean * np.exp(line.z * lane.lead_days_sd / max(lane.lead_days_mean, 1e-6))
            line.shipped = now + int((10 + 45 * line.v) * MINUTE)
            line.arrives = line.shipped + int(lead * 24 * HOUR)
            line.stolen = line.v < distortion.stolen.get(lane.id, 0.0)
            self.moving.append(line)
            rows.append(moved("shipment.departed", line.shipped, lane, line.product, line.quantity, line.id))
        self.open = waiting
        return rows

    def _promise(self, line: Line, now: int) -> None:
        """Available-to-promise: an order whose origin is out of stock moves to the cheapest lane that has stock and comes in time."""
        lane, k = self.network.lanes.get(line.lane), self.p[line.product]
        if lane is None or self.stock[self.n[lane.origin], k] >= line.quantity:
            return
        for other in self.inbound.get(line.customer, ()):
            in_time = now + other.lead_days_mean * 24 * HOUR <= line.promised
            if in_time and self.stock[self.n[other.origin], k] >= line.quantity and self._may_ship(line, other):
                line.lane = other.id
                return

    def _may_ship(self, line: Line, lane: Lane) -> bool:
        origin = self.network.nodes[lane.origin]
        if self.shares[f"lane:{lane.id}"] < 0.02 or self.stock[self.n[lane.origin], self.p[line.product]] < line.quantity:
            return False
        if origin.kind == "dc" and self.node_credit[origin.id] < min(line.quantity, 0.5 * _PICK_BUFFER_H * origin.capacity_per_day / 24):
            return False
        return self.lane_credit[lane.id] >= min(line.quantity, lane.capacity_per_day / 3)

    def _take(self, lane: Lane, quantity: float, product: int) -> None:
        self.stock[self.n[lane.origin], product] -= quantity
        if self.network.nodes[lane.origin].kind in ("dc", "supplier"):
            self.node_credit[lane.origin] -= quantity
        self.lane_credit[lane.id] -= quantity
        row = self.network.products[self.products[product]]
        self.books.cost += lane.cost_per_unit * quantity
        self.books.co2_kg += quantity * row.kg_per_unit / 1000 * lane.distance_km * lane.gco2e_tkm / 1000

    def _arrive(self, now: int) -> list[Record]:
        rows: list[Record] = []
        still: list[Line] = []
        for line in self.moving:
            if line.arrives >= now + HOUR:
                still.append(line)
                continue
            k, lane = self.p[line.product], self.network.lanes[line.lane]
            (self.books.lost if line.stolen or line.false else self.books.delivered)[k] += line.quantity
            self.done.append(line)
            if not line.stolen:
                rows.append(moved("shipment.arrived", max(line.arrives, now), lane, line.product, line.quantity, line.id))
        self.moving = still
        due = [t for t in self.transit if t[0] < now + HOUR]
        self.transit = [t for t in self.transit if t[0] >= now + HOUR]
        for when, lane_id, k, quantity, stolen in due:
            lane = self.network.lanes[lane_id]
            self.on_order[self.n[lane.destination], k] -= quantity
            if stolen:
                self.books.lost[k] += quantity
                continue
            self.stock[self.n[lane.destination], k] += quantity
            name = f"t-{lane_id}-{when // HOUR - 480000}"
            rows.append(moved("shipment.arrived", max(when, now), lane, self.products[k], quantity, name))
            rows.append(moved("receipt.posted", max(when, now) + 9 * MINUTE, lane, self.products[k], quantity, name))
        return rows

    def _produce(self) -> None:
        """Plants fill what is short of their target and what is asked of them, in proportion, as far as capacity and components go."""
        for node, makes in self.makes.items():
            k, row = self.n[node], self.network.nodes[node]
            asked = sum((b for lane, b in self.backlog.items() if self.network.lanes[lane].origin == node), np.zeros(len(self.products)))
            asked = asked + self._asked_directly(node)
            short = np.where(makes, np.maximum(self.target[k] + asked - self.stock[k], 0.0), 0.0)
            capacity = row.capacity_per_day / 24 * self.shares[f"node:{node}"]
            if short.sum() <= 1e-9:
                continue
            batch = short * min(1.0, capacity / short.sum())
            use = batch @ self.bom
            ratio = np.where(use > 1e-12, np.minimum(1.0, self.stock[k] / np.maximum(use, 1e-12)), 1.0)
            batch = batch * np.where(self.bom > 0, ratio[None, :], 1.0).min(axis=1)
            use = np.minimum(batch @ self.bom, self.stock[k])
            self.stock[k] += batch - use
            self.books.made += batch
            self.books.used += use
            self.reported[k] += batch

    def _asked_directly(self, node: str) -> NDArray[np.float64]:
        asked = np.zeros(len(self.products))
        for line in self.open:
            if line.lane and self.network.lanes[line.lane].origin == node:
                asked[self.p[line.product]] += line.quantity
        return asked

    def _supply(self) -> None:
        """Suppliers make up to their opening stock."""
        for node in self.network.nodes.values():
            if node.kind == "supplier":
                k = self.n[node.id]
                short = np.maximum(self.opening[k] - self.stock[k], 0.0)
                capacity = node.capacity_per_day / 24 * self.shares[f"node:{node.id}"]
                made = short * min(1.0, capacity / max(short.sum(), 1e-9))
                self.stock[k] += made
                self.books.made += made

    def _restock(self, distortion: Distortion) -> None:
        """Order up to the target where stock and orders under way fall short by a tenth; a falsified forecast scales the target."""
        for (node, product), lanes in self.sourcing.items():
            if not lanes or self.network.nodes[node].kind == "customer":
                continue
            k = self.n[node], self.p[product]
            target = self.target[k] * distortion.forecast.get(node, 1.0)
            short = target - self.stock[k] - self.on_order[k]
            if short > 0.1 * target:
                self.on_order[k] += short
                for lane, share in lanes:
                    self.backlog[lane][k[1]] += short * share

    def _dispatch(self, now: int, distortion: Distortion) -> list[Record]:
        rows: list[Record] = []
        names = list(self.backlog)
        turn = (now // HOUR // _DISPATCH_H) % max(len(names), 1)
        for lane_id in names[turn:] + names[:turn]:
            wanted, lane = self.backlog[lane_id], self.network.lanes[lane_id]
            origin = self.n[lane.origin]
            load = np.minimum(wanted, np.maximum(self.stock[origin], 0.0))
            room = max(self.lane_credit[lane_id], 0.0)
            if self.network.nodes[lane.origin].kind in ("dc", "supplier"):
                room = min(room, max(self.node_credit[lane.origin], 0.0))
            load = np.floor(load * min(1.0, room / max(load.sum(), 1e-9)) * 100) / 100  # papers show two decimals, and no dust is sent
            if load.sum() < 1.0:
                continue
            rng = draws(self.seed, f"lead {lane_id}", 0, now // HOUR)
            z, u = rng.standard_normal(), rng.random()
            lead = lane.lead_days_mean * float(np.exp(z * lane.lead_days_sd / max(lane.lead_days_mean, 1e-6)))
            left = now + int((5 + 50 * u) * MINUTE)
            arrives = left + int(lead * 24 * HOUR)
            stolen = u < distortion.stolen.get(lane_id, 0.0)
            name = f"t-{lane_id}-{arrives // HOUR - 480000}"
            for k in np.flatnonzero(load):
                self._take(lane, float(load[k]), int(k))
                self.transit.append((arrives, lane_id, int(k), float(load[k]), stolen))
                rows.append(moved("shipment.departed", left, lane, self.products[k], float(load[k]), name))
            wanted -= load
        return rows

    def _report(self, now: int) -> list[Record]:
        rows: list[Record] = []
        for node in self.makes:
            made = self.reported[self.n[node]]
            for k in np.flatnonzero(made > 0.05):
                rows.append(
                    (
                        now + 50 * MINUTE,
                        ERP,
                        f"node:{node}",
                        {"kind": "production.reported", "product": self.products[k], "quantity": round(float(made[k]), 2), "origin": node},
                    )
                )
            made[:] = 0.0
        return rows

    def _count(self, now: int) -> list[Record]:
        """Once a day, the larger stocks of each place."""
        rows: list[Record] = []
        for node in self.network.nodes.values():
            if node.kind in ("dc", "plant"):
                held = self.stock[self.n[node.id]]
                for k in np.argsort(-held, kind="stable")[:8]:
                    if held[k] > 0:
                        rows.append(
                            (
                                now + 20 * MINUTE,
                                ERP,
                                f"node:{node.id}",
                                {
                                    "kind": "stock.counted",
                                    "product": self.products[k],
                                    "quantity": round(float(held[k]), 1),
                                    "origin": node.id,
                                },
                            )
                        )
        return rows

    # from outside

    def add(self, line: Line) -> None:
        """An order placed outside the table (a false one)."""
        self._choose(line)
        self.open.append(line)
        self.open.sort(key=lambda x: (x.priority, x.promised, x.id))

    def route(self, sourcing: Sourcing) -> None:
        """Re-route: orders not yet shipped choose again; replenishment not yet shipped is spread over the new lanes."""
        self.sourcing.update({key: tuple(lanes) for key, lanes in sourcing.items()})
        for line in self.open:
            if (line.customer, line.product) in sourcing:
                self._choose(line)
        for node, product in sourcing:
            lanes, k = self.sourcing[node, product], self.p[product]
            mine = [x for x in self.backlog if self.network.lanes[x].destination == node]
            waiting = sum(float(self.backlog[x][k]) for x in mine)
            if lanes and waiting > 0 and all(lane in self.backlog for lane, _ in lanes):
                for x in mine:
                    self.backlog[x][k] = 0.0
                for lane, share in lanes:
                    self.backlog[lane][k] += waiting * share
