"""The ways that goods may take: by lane, expedited where the lane offers it, as the product wanted or as an alternate; and their prices.

Called by `problem` and `steady`. Pure.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.carries import Carries
from interferon.flow.demand import LATER_PER_DAY, Demand
from interferon.flow.grid import Floats, Ints, Mask, middles
from interferon.model.network import Lane, Network

WAIT_COST = 1e-4  # per unit and bucket: breaks ties in favour of the earlier departure


@dataclass(frozen=True)
class Way:
    """One pace of a lane, for one product. `cost` in currency per unit moved: freight, expediting, CO2."""

    lane: int
    product: str
    days: float
    cost: float
    express: bool


@dataclass(frozen=True)
class Ship:
    """A way for a demand group. `units` of the way's product serve one unit of demand, which costs `extra` besides."""

    group: int
    way: Way
    units: float
    extra: float


def co2_cost(network: Network, lane: Lane, kg: float) -> float:
    """Currency for the CO2 of a unit of `kg` on a lane."""
    return network.settings.co2_price / 1000 * kg_co2(lane) * kg


def kg_co2(lane: Lane) -> float:
    """CO2e in kg per kg of goods carried."""
    return lane.distance_km * lane.gco2e_tkm / 1e6


def dearest(network: Network) -> float:
    """Above any lane's price: with it, leaving a customer unserved never pays."""
    heaviest = max((p.kg_per_unit for p in network.products.values()), default=0.0)
    prices = (lane.cost_per_unit + co2_cost(network, lane, heaviest) + network.settings.nervousness for lane in network.lanes.values())
    return 2 * max(prices, default=0.0)


def paces(network: Network, lane: int, row: Lane, product: str) -> list[Way]:
    """The lane at its own pace, and expedited where that is offered and faster."""
    cost = row.cost_per_unit + co2_cost(network, row, network.products[product].kg_per_unit)
    found = [Way(lane, product, row.lead_days_mean, cost, express=False)]
    if 0 < row.expedite_days < row.lead_days_mean:
        found.append(Way(lane, product, row.expedite_days, cost + row.expedite_cost_per_unit, express=True))
    return found


def ships(network: Network, goods: Carries, demand: Demand) -> list[Ship]:
    """Every way into each group's customer whose origin can send the product or an alternate."""
    nodes, products = tuple(network.nodes), tuple(network.products)
    into: dict[str, list[tuple[int, Lane]]] = {}
    for i, row in enumerate(network.lanes.values()):
        into.setdefault(row.destination, []).append((i, row))
    served: dict[str, list[tuple[str, float, float]]] = {p: [(p, 1.0, 0.0)] for p in products}
    for a in network.alternates:
        served[a.product].append((a.alternate, a.ratio, a.cost_per_unit))
    return [
        Ship(g, way, units, extra)
        for g, (customer, product) in enumerate(zip(demand.customer.tolist(), demand.product.tolist(), strict=True))
        for i, row in into.get(nodes[customer], ())
        for sent, units, extra in served[products[product]]
        if sent in goods.sends[row.origin]
        for way in paces(network, i, row, sent)
    ]


def hauls(network: Network, goods: Carries) -> list[Way]:
    """Every way into stock."""
    rows = enumerate(network.lanes.values())
    return [way for i, row in rows for product in goods.hauled(row) for way in paces(network, i, row, product)]


def ship_prices(edges: Floats, demand: Demand, group: Ints, cost: Floats, days: Floats, plain: Mask) -> tuple[Floats, Mask]:
    """(S, T) price per unit served, and whether it arrives late. `plain`: (S,) the product itself at the lane's own pace."""
    buckets = np.arange(len(edges) - 1)
    over = middles(edges)[None, :] + days[:, None] - demand.due[group][:, None]
    late = over > 1e-9
    price = cost[:, None] + WAIT_COST * buckets[None, :] + np.where(late, demand.late[group][:, None] * (1 + LATER_PER_DAY * over), 0.0)
    price = capped(price, demand.unmet[group], plain)
    return np.where(buckets[None, :] < demand.release[group][:, None], np.inf, price), late


def capped(price: Floats, unmet: Floats, plain: Mask) -> Floats:
    """Prices (S, T) below that of never shipping.

    No later than at the horizon's end counts: what arrives after it is late by the horizon, and still better than never. An alternate or
    expediting that costs more than never shipping is no way at all.
    """
    most = (unmet - 1e-3)[:, None]
    return np.where(plain[:, None], np.minimum(price, most), np.where(price > most, np.inf, price))
