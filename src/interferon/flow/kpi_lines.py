"""What a plan makes of each order line, and what it carries, makes and holds: the plain figures that the KPIs are reckoned from. Pure.

Called by `kpi`. Times are days from the snapshot.
"""

import numpy as np

from interferon.flow.account import TOLERANCE, Flows, stock_levels, unserved
from interferon.flow.capacity import Shares
from interferon.flow.kpi_cost import Outcome
from interferon.flow.kpi_orders import Lines
from interferon.flow.problem import DAY_US, Floats, Ints, Problem
from interferon.model.network import Network, Order

Portions = tuple[Floats, Floats, Floats]  # units, when they leave, when they arrive: by arrival


def lines(problem: Problem, flows: Flows, now: int, tolerance: float = 0.0) -> Lines:
    """The order lines of the horizon as the plan serves them: goods of a group fill its lines by priority, promise and id.

    A line is delivered once all but `tolerance` of its quantity is there. Goods leave in the middle of a bucket; a lane takes its mean.
    """
    served: list[tuple[float, ...]] = []
    rows: list[Order] = []
    for group, orders in enumerate(problem.demand.orders):
        portions = _portions(problem, flows, group)
        filled = 0.0
        for order in orders:
            served.append(_served(portions, filled, order.quantity, max(tolerance, TOLERANCE)))
            filled += order.quantity
        rows += orders
    names = {name: i for i, name in enumerate(dict.fromkeys(_order(row) for row in rows))}
    arrived, shipped, delivered, transit = np.array(served).reshape(-1, 4).T
    received, promised = (np.array([(getattr(row, name) - now) / DAY_US for row in rows]) for name in ("requested", "promised"))
    return Lines(
        order=np.array([names[_order(row)] for row in rows], np.int64),
        quantity=np.array([row.quantity for row in rows]),
        arrived=arrived,
        received=received,
        promised=promised,
        wanted=np.array([(row.wanted - now) / DAY_US if row.wanted else np.nan for row in rows]),
        shipped=shipped,
        delivered=delivered,
        transit=transit,
    )


def _order(line: Order) -> tuple[str, str]:
    return ("order", line.order) if line.order else ("line", line.id)


def _portions(problem: Problem, flows: Flows, group: int) -> Portions:
    pairs = np.flatnonzero(problem.ship_group == group)
    units = flows.ship[pairs]
    leaves = np.broadcast_to((problem.edges[:-1] + problem.edges[1:]) / 2, units.shape)
    arrives = leaves + problem.ship_days[pairs][:, None]
    rank = np.lexsort((leaves[units > 0], arrives[units > 0]))
    return units[units > 0][rank], leaves[units > 0][rank], arrives[units > 0][rank]


def _served(portions: Portions, before: float, quantity: float, tolerance: float) -> tuple[float, float, float, float]:
    """Of a line served after `before` units: units it gets, when the last that it needs leaves and arrives, the days between."""
    units, leaves, arrives = portions
    total = np.cumsum(units)
    got = min(max(float(total[-1]) - before, 0.0), quantity) if len(total) else 0.0
    last = int(np.searchsorted(total, before + quantity * (1 - tolerance)))
    if last >= len(total):
        return got, np.inf, np.inf, 0.0
    whole = quantity if got >= quantity * (1 - TOLERANCE) else got
    return whole, float(leaves[last]), float(arrives[last]), float(arrives[last] - leaves[last])


def totals(at: Ints, values: Floats, count: int) -> Floats:
    """(count,) sums of the values by index."""
    found = np.zeros(count)
    np.add.at(found, at, values)
    return found


def in_time(problem: Problem, flows: Flows) -> tuple[Ints, Floats]:
    """(G,) bucket in which each group falls due, and its units that come in time."""
    due = np.minimum(np.searchsorted(problem.edges, problem.demand.due, side="right") - 1, problem.buckets - 1)
    units = totals(problem.ship_group, np.where(problem.ship_late, 0.0, flows.ship).sum(axis=1), len(problem.demand.quantity))
    return np.maximum(due, 0).astype(np.int64), units


def units_delivered(problem: Problem, flows: Flows) -> Floats:
    """(P,) units sent to customers by product."""
    goods = problem.demand.product[problem.ship_group]
    return totals(goods, flows.ship.sum(axis=1), len(problem.products))


def unit_costs(network: Network, problem: Problem, flows: Flows) -> Floats:
    """(P,) currency: standard cost (value less margin) and mean freight to the customer; NaN for products of which nothing is sent."""
    units = units_delivered(problem, flows)
    goods = problem.demand.product[problem.ship_group]
    freight = totals(goods, _freight(network, problem)[0] * flows.ship.sum(axis=1), len(problem.products))
    return np.where(units > 0, standard_costs(network) + freight / np.where(units > 0, units, 1.0), np.nan)


def standard_costs(network: Network) -> Floats:
    """(P,) currency a unit."""
    return np.array([row.value - row.margin for row in network.products.values()])


def tonnes(problem: Problem, flows: Flows) -> tuple[dict[str, float], dict[str, float]]:
    """Carried by lane id, and sent by node id."""
    ship_kg = problem.product_kg[problem.ship_product] * problem.ship_units * flows.ship.sum(axis=1)
    haul_kg = problem.product_kg[problem.haul_product] * flows.haul.sum(axis=1)
    kilos = totals(problem.ship_lane, ship_kg, len(problem.lanes)) + totals(problem.haul_lane, haul_kg, len(problem.lanes))
    sent = totals(problem.lane_from, kilos, len(problem.nodes))
    by_lane, by_node = (kilos / 1000).tolist(), (sent / 1000).tolist()
    return dict(zip(problem.lanes, by_lane, strict=True)), dict(zip(problem.nodes, by_node, strict=True))


def made(problem: Problem, flows: Flows) -> Floats:
    """(P,) units made by product."""
    return totals(problem.stock_product[problem.make_at], flows.make.sum(axis=1), len(problem.products))


def _freight(network: Network, problem: Problem) -> tuple[Floats, Floats]:
    """(S,) currency for each unit served and (H,) for each unit hauled: freight and expediting, without what plans weigh besides."""
    faster = np.array([lane.expedite_cost_per_unit for lane in network.lanes.values()])
    ship = problem.lane_cost[problem.ship_lane] + np.where(problem.ship_express, faster[problem.ship_lane], 0.0)
    haul = problem.lane_cost[problem.haul_lane] + np.where(problem.haul_express, faster[problem.haul_lane], 0.0)
    return ship * problem.ship_units, haul


def outcome(network: Network, problem: Problem, flows: Flows, late: Floats, left: Shares | None = None) -> Outcome:
    """The plan in money. `late` (P,): units of lines that come late or never, by product; `left` of the capacities under a closure."""
    goods, products = problem.demand.product, list(network.products.values())
    lacking = totals(goods, unserved(problem, flows), len(products))
    value, margin = (np.array([getattr(row, name) for row in products]) for name in ("value", "margin"))
    ship, haul = _freight(network, problem)
    freight = flows.ship.sum(axis=1) @ ship + flows.haul.sum(axis=1) @ haul
    return Outcome(
        margin_lost=float(lacking @ margin),
        revenue_lost=float(lacking @ value),
        freight=float(freight),
        lateness=float(network.settings.late_cost_share * (late @ value)),
        stock_held=_stock_held(network, problem, flows, left),
    )


def _stock_held(network: Network, problem: Problem, flows: Flows, left: Shares | None) -> float:
    """Mean over the horizon of stock on hand at plants and centres, at standard cost; what suppliers hold is theirs."""
    ours = np.array([network.nodes[node].kind != "supplier" for node in problem.nodes])[problem.stock_node]
    level = np.maximum(stock_levels(problem, flows, left)[:, :-1], 0.0) @ problem.lengths / problem.lengths.sum()
    return float(np.where(ours, level, 0.0) @ standard_costs(network)[problem.stock_product])
