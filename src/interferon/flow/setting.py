"""A route as `simulate` plays it: orders with the ways they may take, hauls by lane, plants, capacity in each step. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from interferon.flow.capacity import lost, shares
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import DAY_US, Floats, Ints, Problem, Snapshot, build
from interferon.flow.reroute import Route
from interferon.model.network import Network, Order

STEP_DAYS: Final = 0.25

Recipe = tuple[tuple[int, float], ...]  # (stock place of the component, quantity per unit)


@dataclass(frozen=True)
class Waiting:
    """An order. Times in days from now; prices per unit, as in `problem.Demand`."""

    quantity: float
    placed: float
    due: float  # promise and window
    release: int  # first step in which it may leave
    ways: tuple[tuple[int, int], ...]  # (lane, stock place at its origin; -1: a supplier, never out of stock), its own lane first
    kg: float  # of a unit
    late: float
    unmet: float


@dataclass(frozen=True)
class Haul:
    """What a lane brings into stock: the places, where each product comes from, and the lane's share of it."""

    lane: int
    to: Ints
    origins: Ints  # stock place, -1 for a supplier
    share: Floats
    kg: Floats  # of a unit


@dataclass(frozen=True)
class Plant:
    """A plant's products: their places, recipes, and the units it can make in each step."""

    places: Ints
    recipes: tuple[Recipe, ...]
    room: Floats


@dataclass(frozen=True)
class Setting:
    """All that does not vary between replications. K places of stock, L lanes, N nodes."""

    problem: Problem
    steps: int
    orders: tuple[Waiting, ...]  # in the order in which they are served: promise, priority, id
    hauls: tuple[Haul, ...]
    plants: tuple[Plant, ...]
    origin: Ints  # (L,) node
    lane_sd: Floats  # (L,) days
    lane_room: Floats  # (L, steps) units
    node_room: Floats  # (N, steps) units that may leave
    stock: Floats  # (K,) now
    level: Floats  # (K,) base-stock level: what is there and under way at the start
    coming: Floats  # (steps + 1, K) under way at the start; the last row comes after the horizon


def setting(network: Network, snapshot: Snapshot, route: Route) -> Setting:
    """The route laid over the network, from the snapshot to the horizon. What is closed takes the worst that its tables allow."""
    problem = build(network, snapshot)
    steps = max(int(np.ceil(float(network.settings.horizon_days) / STEP_DAYS - 1e-9)), 1)
    fine = replace(problem, edges=np.arange(steps + 1, dtype=np.float64) * STEP_DAYS)
    limits = capacity_limits(fine, shares(fine, lost(network, route.closed).worst)).reshape(-1, steps)
    lanes, nodes = len(problem.lanes), len(problem.nodes)
    names = {
        (problem.nodes[n], problem.products[p]): k
        for k, (n, p) in enumerate(zip(problem.stock_node.tolist(), problem.stock_product.tolist(), strict=True))
    }
    stock = np.zeros(len(names))
    for pair, quantity in snapshot.stock.items():
        if pair in names:
            stock[names[pair]] += quantity
    coming = np.zeros((steps + 1, len(names)))
    for lane, product, quantity, arrives in snapshot.in_transit:
        place = names.get((network.lanes[lane].destination, product))
        if place is not None:
            coming[min(max(int((arrives - snapshot.now) / DAY_US / STEP_DAYS), 0), steps), place] += quantity
    return Setting(
        problem=problem,
        steps=steps,
        orders=_orders(network, snapshot, route, problem, names, steps),
        hauls=_hauls(network, route, problem, names),
        plants=_plants(problem, dict(zip(problem.plants.tolist(), limits[lanes + nodes :], strict=True))),
        origin=problem.lane_from,
        lane_sd=np.array([network.lanes[lane].lead_days_sd for lane in problem.lanes]),
        lane_room=limits[:lanes],
        node_room=limits[lanes : lanes + nodes],
        stock=stock,
        level=stock + coming.sum(axis=0),
        coming=coming,
    )


def _orders(
    network: Network, snapshot: Snapshot, route: Route, problem: Problem, names: dict[tuple[str, str], int], steps: int
) -> tuple[Waiting, ...]:
    at, demand = {lane: i for i, lane in enumerate(problem.lanes)}, problem.demand
    rows = sorted(
        ((o, g) for g, group in enumerate(demand.orders) for o in group), key=lambda row: (row[0].promised, row[0].priority, row[0].id)
    )
    window = network.settings.otif_window_h / 24
    given: dict[tuple[str, str], dict[str, float]] = {}  # (customer, product) → units that each lane was given
    found: list[Waiting] = []
    for order, group in rows:
        lanes = _in_turn(
            route.sourcing.get((order.customer, order.product), ()), given.setdefault((order.customer, order.product), {}), order
        )
        placed = (order.requested - snapshot.now) / DAY_US
        found.append(
            Waiting(
                quantity=order.quantity,
                placed=placed,
                due=(order.promised - snapshot.now) / DAY_US + window,
                release=min(max(int(placed / STEP_DAYS), 0), steps - 1),
                ways=tuple((at[lane], names.get((network.lanes[lane].origin, order.product), -1)) for lane in lanes),
                kg=network.products[order.product].kg_per_unit,
                late=float(demand.late[group]),
                unmet=float(demand.unmet[group]),
            )
        )
    return tuple(found)


def _in_turn(shares: tuple[tuple[str, float], ...], given: dict[str, float], order: Order) -> list[str]:
    """The order's lanes, that furthest behind its share first, so that orders taken together follow the shares. Books it in `given`."""
    total = sum(given.values()) + order.quantity
    lanes = [lane for lane, share in sorted(shares, key=lambda pair: given.get(pair[0], 0.0) - pair[1] * total)]
    if lanes:
        given[lanes[0]] = given.get(lanes[0], 0.0) + order.quantity
    return lanes


def _hauls(network: Network, route: Route, problem: Problem, names: dict[tuple[str, str], int]) -> tuple[Haul, ...]:
    """By lane, in the order of the table."""
    by_lane: dict[str, list[tuple[int, int, float, float]]] = {lane: [] for lane in problem.lanes}
    for (node, product), lanes in route.sourcing.items():
        if (node, product) in names:
            for lane, share in lanes:
                origin = names.get((network.lanes[lane].origin, product), -1)
                by_lane[lane].append((names[node, product], origin, share, network.products[product].kg_per_unit))
    return tuple(Haul(i, *_columns(by_lane[lane])) for i, lane in enumerate(problem.lanes) if by_lane[lane])


def _columns(rows: Iterable[tuple[int, int, float, float]]) -> tuple[Ints, Ints, Floats, Floats]:
    to, origins, share, kg = zip(*rows, strict=True)
    return np.array(to, np.int64), np.array(origins, np.int64), np.array(share, np.float64), np.array(kg, np.float64)


def _plants(problem: Problem, room: dict[int, Floats]) -> tuple[Plant, ...]:
    found: list[Plant] = []
    nodes = problem.stock_node[problem.make_at]
    for node in problem.plants.tolist():
        lines = np.flatnonzero(nodes == node)
        if len(lines):
            found.append(Plant(problem.make_at[lines], tuple(problem.recipe[line] for line in lines), room[node]))
    return tuple(found)
