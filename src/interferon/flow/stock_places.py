"""The stages of a network folder: (node, product) places that orders reach, with their demand. Called by `stock_report`. Pure."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from interferon.flow.carries import Carries, carries
from interferon.flow.problem import DAY_US
from interferon.flow.stock_model import FREE, Link, Stage, StockModel, model
from interferon.flow.stock_ways import Place, Ways, no_way, ways
from interferon.model.errors import InputError
from interferon.model.network import Network


@dataclass(frozen=True)
class Terms:
    """What the tables do not say. `service`: share of days on which stock covers demand; `holding`: cost of a year, as a share of value;
    `quote_days`: how long customers of a place may wait; `make_days`: time to make a product once its components are there."""

    service: float = 0.95
    holding: float = 0.25
    quote_days: int = 0
    make_days: int = 1


@dataclass(frozen=True)
class Demand:
    """Demand of one customer and product in a day."""

    mean: float
    sigma: float


@dataclass(frozen=True)
class Places:
    """The model, and the (node, product) of each of its stages in the same order. `days` of orders were seen."""

    model: StockModel
    at: tuple[Place, ...]
    days: int


def places(network: Network, terms: Terms) -> Places:
    """Raises InputError where there is no order, where nothing brings what an order or a recipe needs, or where terms are out of range."""
    _check(terms)
    goods = carries(network, {})
    wanted, days = demands(network)
    roads = ways(network, goods, network.products)
    stages: dict[Place, Stage] = {}
    links: list[Link] = []
    served = _served(network, goods, roads, wanted)
    left = list(served)
    while left:
        place = left.pop()
        if place in stages:
            continue
        stages[place], needs = _stage(network, goods, roads, place, served.get(place), terms)
        for source, each in needs:
            links.append(Link(_name(source), _name(place), each))
            left.append(source)
    built = model(list(stages.values()), links, z=NormalDist().inv_cdf(terms.service))
    named = {stage.name: place for place, stage in stages.items()}
    return Places(built, tuple(named[name] for name in built.names), days)


def demands(network: Network) -> tuple[dict[Place, Demand], int]:
    """Daily demand by (customer, product), over days counted from the first order; and how many days. A day without an order counts."""
    orders = network.orders.values()
    if not orders:
        raise InputError("orders.csv: there is no order; safety stock is sized by the demand that orders show")
    first, last = min(order.requested for order in orders), max(order.requested for order in orders)
    days = int((last - first) // DAY_US) + 1
    if days < 2:
        raise InputError("orders.csv: all orders were placed within one day; two days or more are needed to see how demand varies")
    daily: dict[Place, dict[int, float]] = {}
    for order in orders:
        row, day = daily.setdefault((order.customer, order.product), {}), int((order.requested - first) // DAY_US)
        row[day] = row.get(day, 0.0) + order.quantity
    found = {}
    for place, row in daily.items():
        mean = sum(row.values()) / days
        variance = (sum(value * value for value in row.values()) - days * mean * mean) / (days - 1)
        found[place] = Demand(mean, math.sqrt(max(variance, 0.0)))
    return found, days


def _check(terms: Terms) -> None:
    if not 0.5 <= terms.service < 1:
        raise InputError(f"service is {terms.service:g}; a share from 0.5 to below 1 is needed, as 0.95")
    if not 0 < terms.holding < math.inf:
        raise InputError(f"holding is {terms.holding:g}; a share of value a year is needed, as 0.25")
    if terms.quote_days < 0 or terms.make_days < 0:
        raise InputError("days to quote and days to make must be 0 or more")


def _name(place: Place) -> str:
    return "/".join(place)


def _served(network: Network, goods: Carries, roads: Ways, wanted: dict[Place, Demand]) -> dict[Place, Demand]:
    """Demand at the places that customers order from, pooled. What a supplier sends to a customer is not our stock."""
    found: dict[Place, Demand] = {}
    for (customer, product), demand in wanted.items():
        lane = roads.get((customer, product))
        if not lane:
            order = next(o.id for o in network.orders.values() if (o.customer, o.product) == (customer, product))
            raise no_way(network, goods, (customer, product), f"order {order}")
        origin = network.lanes[lane].origin
        if network.nodes[origin].kind != "supplier":
            before = found.get((origin, product), Demand(0.0, 0.0))
            found[origin, product] = Demand(before.mean + demand.mean, math.hypot(before.sigma, demand.sigma))
    return found


def _stage(
    network: Network, goods: Carries, roads: Ways, place: Place, demand: Demand | None, terms: Terms
) -> tuple[Stage, list[tuple[Place, float]]]:
    """The stage of a place, and the places whose goods it needs, with units of each."""
    node, product = place
    cost = terms.holding * network.products[product].value
    quote, mean, sigma = (terms.quote_days, demand.mean, demand.sigma) if demand else (FREE, 0.0, 0.0)
    lane_id = roads.get(place)
    if lane_id is None:
        raise no_way(network, goods, place, f"stock of {product} at {node}")
    if lane_id:
        lane = network.lanes[lane_id]
        source = [] if network.nodes[lane.origin].kind == "supplier" else [((lane.origin, product), 1.0)]
        return Stage(_name(place), math.ceil(lane.lead_days_mean - 1e-9), cost, quote, mean, sigma), source
    needs = [((node, child), quantity) for child, quantity in goods.recipe.get(product, ())]
    return Stage(_name(place), terms.make_days, cost, quote, mean, sigma), needs
