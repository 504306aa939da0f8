"""What a decision about the flow comes to: money, late orders, OTIF, CO2. One measure for the optimum, the first answer and no re-route.

Called by `reroute`, `closure` and the bench. Pure.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.capacity import Shares
from interferon.flow.problem import DAY_US, WAIT_COST, Floats, Problem
from interferon.flow.transit import opening_left
from interferon.model.network import Order

TOLERANCE = 1e-6  # share of an order that may be missing by rounding


@dataclass(frozen=True)
class Flows:
    """A decision: quantities shipped to customers (S, T), in units of what was wanted, hauled into stock (H, T), made (M, T), and
    components replaced by an alternate in what is made (W, T), in units of the component; None: none are."""

    ship: Floats
    haul: Floats
    make: Floats
    swap: Floats | None = None


@dataclass(frozen=True)
class Figures:
    """What a decision comes to over the horizon. `late` holds the late orders' ids; `first_late_h` hours from now, inf where none."""

    cost: float  # currency; see docs/flow.md for its parts
    orders: int
    late: tuple[tuple[str, float], ...]  # (order id, promised, hours from now), in order of promise
    otif: float
    co2_kg: float
    unmet: float

    @property
    def orders_late(self) -> int:
        return len(self.late)


def stock_levels(problem: Problem, flows: Flows, shares: Shares | None = None) -> Floats:
    """(K, T+1) stock at each bucket's end; the last column counts what arrives after the horizon. Negative where goods are lacking.

    `shares`: what a closure leaves of the capacities, since goods under way may wait or return; None: nothing is closed.
    """
    count, steps = problem.opening.shape
    change = np.zeros((count, steps))
    buckets = np.arange(problem.buckets)
    np.add.at(change, (problem.haul_to[:, None], problem.haul_arrives), flows.haul)
    sent = flows.ship * problem.ship_units[:, None]
    for place, quantity in ((problem.haul_from, flows.haul), (problem.ship_from, sent)):
        held = place >= 0
        np.add.at(change, (place[held][:, None], buckets[None, :]), -quantity[held])
    np.add.at(change, (problem.make_at[:, None], buckets[None, :]), flows.make)
    for made, recipe in zip(flows.make, problem.recipe, strict=True):
        for component, each in recipe:
            change[component, :-1] -= each * made
    if flows.swap is not None:
        np.add.at(change, (problem.swap_of[:, None], buckets[None, :]), flows.swap)
        np.add.at(change, (problem.swap_by[:, None], buckets[None, :]), -flows.swap * problem.swap_units[:, None])
    return opening_left(problem, shares) + np.cumsum(change, axis=1)


def loads(problem: Problem, flows: Flows) -> tuple[Floats, Floats, Floats]:
    """Use of capacity in units: sent by node (N, T), carried by lane (L, T), made by node (N, T)."""
    lane = np.zeros((len(problem.lanes), problem.buckets))
    np.add.at(lane, problem.ship_lane, flows.ship * problem.ship_units[:, None])
    np.add.at(lane, problem.haul_lane, flows.haul)
    sent = np.zeros((len(problem.nodes), problem.buckets))
    np.add.at(sent, problem.lane_from, lane)
    made = np.zeros_like(sent)
    np.add.at(made, problem.stock_node[problem.make_at], flows.make)
    return sent, lane, made


def unserved(problem: Problem, flows: Flows) -> Floats:
    """(G,) units that never ship."""
    served = np.bincount(problem.ship_group, flows.ship.sum(axis=1), len(problem.demand.quantity))
    return np.maximum(problem.demand.quantity - served, 0.0)


def figures(problem: Problem, flows: Flows, shares: Shares | None = None) -> Figures:
    """The decision's cost and service. Orders of a group are filled in order of priority, promise and id; one not wholly filled is late.

    `shares`: as in `stock_levels`.
    """
    lacking = unserved(problem, flows)
    short = np.maximum(problem.cover - stock_levels(problem, flows, shares)[:, -1], 0.0)
    carried = flows.ship.sum(axis=1) * problem.ship_units, flows.haul.sum(axis=1)
    cost = float(np.sum(np.where(flows.ship > 0, flows.ship * np.where(flows.ship > 0, problem.ship_price, 0.0), 0.0)))
    waiting = float(WAIT_COST * (flows.haul.sum(axis=0) @ np.arange(problem.buckets)))
    cost += float(carried[1] @ problem.haul_cost + problem.demand.unmet @ lacking + problem.cover_price @ short) + waiting
    if flows.swap is not None:
        cost += float(problem.swap_cost @ flows.swap.sum(axis=1))
    kilos = problem.product_kg[problem.ship_product] * carried[0], problem.product_kg[problem.haul_product] * carried[1]
    co2 = kilos[0] @ problem.lane_kg_co2[problem.ship_lane] + kilos[1] @ problem.lane_kg_co2[problem.haul_lane]
    late = _late(problem, flows)
    orders = sum(len(rows) for rows in problem.demand.orders)
    hours = tuple(sorted(((o.id, h) for o, h in late), key=lambda pair: (pair[1], pair[0])))
    return Figures(cost, orders, hours, 1.0 - len(late) / orders if orders else 1.0, float(co2), float(lacking.sum()))


def _late(problem: Problem, flows: Flows) -> list[tuple[Order, float]]:
    """Orders not in full on time, each with its promise in hours from now."""
    demand = problem.demand
    in_time = np.bincount(problem.ship_group, np.where(problem.ship_late, 0.0, flows.ship).sum(axis=1), len(demand.quantity))
    late: list[tuple[Order, float]] = []
    for g in np.flatnonzero(in_time < demand.quantity * (1 - TOLERANCE)):
        left = float(in_time[g])
        first = min(order.promised for order in demand.orders[g])
        for order in demand.orders[g]:
            left -= order.quantity
            if left < -TOLERANCE * float(demand.quantity[g]):
                late.append((order, float(demand.due[g]) * 24 + (order.promised - first) / (DAY_US / 24)))
    return late
