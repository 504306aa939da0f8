"""The flow of goods as a linear programme once more, written from docs/flow.md and the tables alone: names and loops, scipy's linprog.

It shares no code with `interferon.flow`, so that an error in either shows as a difference.
"""

import math
from dataclasses import dataclass, field

import scipy.sparse as sp
from scipy.optimize import linprog

from interferon.model.network import Lane, Network, Order

DAY = 86_400_000_000
Moving = tuple[str, str, float, int]  # lane, product, quantity, arrival
Pace = tuple[str, float, float]  # name, days, freight of a unit


@dataclass
class Programme:
    """min cost·x with x ≥ 0, rows given as {variable: coefficient}."""

    at: dict[object, int] = field(default_factory=dict)
    cost: list[float] = field(default_factory=list)
    rows: dict[str, list[tuple[dict[object, float], float]]] = field(default_factory=lambda: {"=": [], "<": []})

    def add(self, name: object, cost: float = 0.0) -> object:
        assert name not in self.at
        self.at[name] = len(self.cost)
        self.cost.append(cost)
        return name

    def row(self, sense: str, terms: dict[object, float], right: float) -> None:
        self.rows[sense].append((terms, right))

    def least(self) -> float:
        sides = {sense: self._matrix(rows) for sense, rows in self.rows.items()}
        (equal, equal_to), (under, at_most) = sides["="], sides["<"]
        answer = linprog(self.cost, under, at_most, equal, equal_to, bounds=(0, None), method="highs")
        assert answer.status == 0, answer.message
        return float(answer.fun)

    def _matrix(self, rows: list[tuple[dict[object, float], float]]) -> tuple[sp.csr_matrix, list[float]]:
        entries = [(i, self.at[name], each) for i, (terms, _) in enumerate(rows) for name, each in terms.items()]
        row, column, value = zip(*entries, strict=True)
        return sp.csr_matrix((value, (row, column)), shape=(len(rows), len(self.cost))), [right for _, right in rows]


class Plain:
    """One network, its stock and orders at `now`, what is closed from now until `until_h`, and the (place, product, lane)s of the plan in
    force."""

    def __init__(
        self,
        network: Network,
        now: int,
        stock: dict[tuple[str, str], float],
        orders: tuple[Order, ...],
        transit: tuple[Moving, ...] = (),
        closed: tuple[str, ...] = (),
        until_h: float | None = None,
        plan: set[tuple[str, str, str]] | None = None,
    ) -> None:
        self.net, self.now, self.stock, self.orders, self.transit = network, now, stock, orders, transit
        self.closed, self.until, self.plan = closed, math.inf if until_h is None else until_h / 24, plan
        self.edges = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, *map(float, range(3, network.settings.horizon_days + 1))]
        self.steps = range(len(self.edges) - 1)
        self.lp = Programme()
        self.recipe: dict[str, dict[str, float]] = {}
        for row in network.bom:
            self.recipe.setdefault(row.parent, {})[row.child] = row.quantity
        self._who_has_what()

    def least(self) -> float:
        """The least cost."""
        sent: dict[tuple[str, int], dict[object, float]] = {}  # (lane, step) → units carried
        change: dict[tuple[str, str, int], dict[object, float]] = {}  # (node, product, step) → change of stock
        later: dict[tuple[str, str], dict[object, float]] = {}  # what arrives after the horizon
        self._ship(sent, change)
        self._haul(sent, change, later)
        self._make(change)
        self._stock(change, later)
        for lane in self.net.lanes.values():
            for t in self.steps:
                self.lp.row("<", sent.get((lane.id, t), {}), lane.capacity_per_day * self._open_days(t, f"lane:{lane.id}", self._to(lane)))
        for node in self.net.nodes.values():
            if node.kind != "customer":
                for t in self.steps:
                    out: dict[object, float] = {}
                    for lane in self.net.lanes.values():
                        if lane.origin == node.id:
                            out |= sent.get((lane.id, t), {})
                    self.lp.row("<", out, node.capacity_per_day * self._open_days(t, f"node:{node.id}"))
        self.lp.rows = {sense: [row for row in rows if row[0]] for sense, rows in self.lp.rows.items()}
        return self.lp.least()

    # who makes, sends and holds what

    def _who_has_what(self) -> None:
        net, listed = self.net, {(r.node, r.product) for r in self.net.inventory} | set(self.stock)
        bought = [p for p in net.products if p not in self.recipe]
        self.makes: dict[str, list[str]] = {}
        self.sends: dict[str, set[str]] = {n: set() for n in net.nodes}
        for node in net.nodes.values():
            if node.kind == "supplier":
                self.sends[node.id] = {p for p in bought if (node.id, p) in listed} or set(bought)
            if node.kind == "plant":
                self.makes[node.id] = [p for p in self.recipe if (node.id, p) in listed] or list(self.recipe)
                self.sends[node.id] = set(self.makes[node.id])
            if node.kind == "dc":
                self.sends[node.id] = {p for p in net.products if (node.id, p) in listed}
        for _ in net.nodes:
            for lane in net.lanes.values():
                if net.nodes[lane.destination].kind == "dc":
                    self.sends[lane.destination] |= self.sends[lane.origin]
        self.takes: dict[str, set[str]] = {n: set() for n in net.nodes}
        for node in net.nodes.values():
            if node.kind == "dc":
                self.takes[node.id] = self.sends[node.id]
            for product in self.makes.get(node.id, []):
                for child in self.recipe[product]:
                    self.takes[node.id] |= {child} | {a.alternate for a in net.alternates if a.product == child}
        self.holds = {n: self.takes[n] | set(self.makes.get(n, [])) for n in net.nodes}

    # prices and times

    def _paces(self, lane: Lane, product: str) -> list[Pace]:
        tonnes = self.net.products[product].kg_per_unit * lane.distance_km * lane.gco2e_tkm / 1e9
        cost = lane.cost_per_unit + self.net.settings.co2_price * tonnes
        if self.plan is not None and (lane.destination, product, lane.id) not in self.plan:
            cost += self.net.settings.nervousness
        paces = [("plain", lane.lead_days_mean, cost)]
        if lane.expedite_days:
            paces.append(("express", lane.expedite_days, cost + lane.expedite_cost_per_unit))
        return paces

    def _middle(self, t: int) -> float:
        return (self.edges[t] + self.edges[t + 1]) / 2

    def _step(self, day: float) -> int:
        """Step in which a time lies; that after the last one for beyond the horizon."""
        return next((t for t in self.steps if day < self.edges[t + 1]), len(self.steps))

    def _open_days(self, t: int, *refs: str) -> float:
        """Days of a step in which none of `refs` is closed."""
        if not set(refs) & set(self.closed):
            return self.edges[t + 1] - self.edges[t]
        return max(self.edges[t + 1] - max(self.edges[t], self.until), 0.0)

    def _to(self, lane: Lane) -> str:
        """A customer that is closed takes nothing in; any other node only sends nothing out."""
        return f"node:{lane.destination}" if self.net.nodes[lane.destination].kind == "customer" else ""

    # the parts of the programme

    def _demands(self) -> list[tuple[list[Order], float, int, float, float]]:
        """(orders, due, first step, late cost of a unit, cost of a unit never served) of each demand."""
        net, found = self.net, dict[tuple[str, str, int, int, float], list[Order]]()
        weights = [getattr(net.settings, f"late_weight_{i}") for i in range(1, 6)]
        for order in self.orders:
            due = (order.promised - self.now) / DAY + net.settings.otif_window_h / 24
            if due <= self.edges[-1]:
                release = self._step(min(max((order.requested - self.now) / DAY, 0.0), self.edges[-1] - 1e-9))
                key = (order.customer, order.product, self._step(max(due, 0.0)), release, weights[order.priority - 1])
                found.setdefault(key, []).append(order)
        value = {p.id: net.settings.late_cost_share * p.value for p in net.products.values()}
        lines = sum(len(orders) for orders in found.values())
        fee = sum(value[o.product] * o.quantity for orders in found.values() for o in orders) / lines
        heaviest = max(p.kg_per_unit for p in net.products.values())
        freight = [
            lane.cost_per_unit + net.settings.co2_price * heaviest * lane.distance_km * lane.gco2e_tkm / 1e9 + net.settings.nervousness
            for lane in net.lanes.values()
        ]
        demands = []
        for (_, product, _, release, weight), orders in found.items():
            late = weight * (value[product] + fee * len(orders) / sum(o.quantity for o in orders))
            unmet = net.products[product].margin + late * (1 + 0.1 * self.edges[-1]) + 2 * max(freight)
            due = min((o.promised - self.now) / DAY for o in orders) + net.settings.otif_window_h / 24
            demands.append((orders, due, release, late, unmet))
        return demands

    def _ship(self, sent: dict, change: dict) -> None:  # type: ignore[type-arg]  # filled here
        for g, (orders, due, release, late, unmet) in enumerate(self._demands()):
            product, customer = orders[0].product, orders[0].customer
            served: dict[object, float] = {self.lp.add(("unserved", g), unmet): 1.0}
            options = [(product, 1.0, 0.0)] + [(a.alternate, a.ratio, a.cost_per_unit) for a in self.net.alternates if a.product == product]
            for lane in self.net.lanes.values():
                for goods, ratio, extra in options:
                    if lane.destination != customer or goods not in self.sends[lane.origin]:
                        continue
                    for pace, days, freight in self._paces(lane, goods):
                        for t in self.steps[release:]:
                            over = self._middle(t) + days - due
                            price = ratio * freight + extra + 1e-4 * t + (late * (1 + 0.1 * over) if over > 1e-9 else 0.0)
                            if goods == product and pace == "plain":
                                price = min(price, unmet - 1e-3)
                            name = self.lp.add(("ship", g, lane.id, goods, pace, t), price)
                            served[name] = 1.0
                            sent.setdefault((lane.id, t), {})[name] = ratio
                            if goods in self.holds[lane.origin]:
                                change.setdefault((lane.origin, goods, t), {})[name] = -ratio
            self.lp.row("=", served, sum(o.quantity for o in orders))

    def _haul(self, sent: dict, change: dict, later: dict) -> None:  # type: ignore[type-arg]  # filled here
        for lane in self.net.lanes.values():
            for goods in self.sends[lane.origin] & self.takes[lane.destination]:
                for pace, days, freight in self._paces(lane, goods):
                    for t in self.steps:
                        name = self.lp.add(("haul", lane.id, goods, pace, t), freight + 1e-4 * t)
                        sent.setdefault((lane.id, t), {})[name] = 1.0
                        if goods in self.holds[lane.origin]:
                            change.setdefault((lane.origin, goods, t), {})[name] = -1.0
                        arrives = self._step(self._middle(t) + days)
                        into = change.setdefault((lane.destination, goods, arrives), {}) if arrives in self.steps else None
                        (later.setdefault((lane.destination, goods), {}) if into is None else into)[name] = 1.0

    def _make(self, change: dict) -> None:  # type: ignore[type-arg]  # filled here
        for plant, products in self.makes.items():
            for t in self.steps:
                room: dict[object, float] = {}
                used: dict[str, dict[object, float]] = {}
                for product in products:
                    name = self.lp.add(("make", plant, product, t))
                    room[name] = 1.0
                    change.setdefault((plant, product, t), {})[name] = 1.0
                    for child, each in self.recipe[product].items():
                        change.setdefault((plant, child, t), {})[name] = -each
                        used.setdefault(child, {})[name] = -each
                self.lp.row("<", room, self.net.nodes[plant].capacity_per_day * self._open_days(t, f"node:{plant}"))
                for child, terms in used.items():
                    for a in self.net.alternates:
                        if a.product == child:
                            name = self.lp.add(("replace", plant, child, a.alternate, t), a.cost_per_unit)
                            terms[name] = 1.0
                            change.setdefault((plant, child, t), {})[name] = 1.0
                            change.setdefault((plant, a.alternate, t), {})[name] = -a.ratio
                    self.lp.row("<", terms, 0.0)

    def _stock(self, change: dict, later: dict) -> None:  # type: ignore[type-arg]  # read here
        """Balance, and the cover at the end: what would be there had nothing moved and nothing been closed."""
        fresh: dict[tuple[str, str, int], float] = {}
        planned: dict[tuple[str, str], float] = {}
        for (node, product), quantity in self.stock.items():
            fresh[node, product, 0] = fresh.get((node, product, 0), 0.0) + quantity
            planned[node, product] = planned.get((node, product), 0.0) + quantity
        for lane_id, product, quantity, arrives in self.transit:
            lane = self.net.lanes[lane_id]
            planned[lane.destination, product] = planned.get((lane.destination, product), 0.0) + quantity
            place, day = self._comes_to(lane, (arrives - self.now) / DAY)
            key = (place, product, self._step(day))
            fresh[key] = fresh.get(key, 0.0) + quantity
        for node, products in self.holds.items():
            for product in products:
                for t in self.steps:
                    terms: dict[object, float] = {self.lp.add(("stock", node, product, t)): 1.0}
                    if t:
                        terms["stock", node, product, t - 1] = -1.0
                    terms |= {name: -each for name, each in change.get((node, product, t), {}).items()}
                    self.lp.row("=", terms, fresh.get((node, product, t), 0.0))
                short: dict[object, float] = {self.lp.add(("short", node, product), self._cover_price(product)): -1.0}
                short["stock", node, product, self.steps[-1]] = -1.0
                short |= {name: -each for name, each in later.get((node, product), {}).items()}
                beyond = fresh.get((node, product, len(self.steps)), 0.0)
                self.lp.row("<", short, beyond - planned.get((node, product), 0.0))

    def _comes_to(self, lane: Lane, day: float) -> tuple[str, float]:
        """Where and when goods under way arrive, the closure beginning now."""
        if not {f"lane:{lane.id}", f"node:{lane.destination}"} & set(self.closed) or lane.when_cut == "on":
            return lane.destination, day
        if lane.when_cut == "return":
            return lane.origin, lane.lead_days_mean - day
        return lane.destination, day + self.until

    def _cover_price(self, product: str) -> float:
        net, cheapest = self.net, dict[str, float]()
        for lane in net.lanes.values():
            if product in self.sends[lane.origin] & self.takes[lane.destination]:
                tonnes = net.products[product].kg_per_unit * lane.distance_km * lane.gco2e_tkm / 1e9
                cost = lane.cost_per_unit + net.settings.co2_price * tonnes
                cheapest[lane.destination] = min(cheapest.get(lane.destination, math.inf), cost)
        own = 0.2 * net.settings.late_cost_share * net.products[product].value + 2 * max(cheapest.values(), default=0.0)
        return own + sum(each * self._cover_price(child) for child, each in self.recipe.get(product, {}).items())
