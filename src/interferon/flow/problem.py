"""The flow of goods over the planning horizon as flat arrays: what can move where and when, what was promised, what each thing costs.

`build` reads the network's tables and a snapshot of stock and orders; `dispatch`, `programme` and `account` work on the arrays. Pure.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.carries import Carries, carries
from interferon.flow.demand import LATER_PER_DAY, Demand, demand
from interferon.flow.grid import DAY_US, Floats, Ints, Mask, bucket, grid, middles
from interferon.flow.ways import WAIT_COST, co2_cost, dearest, hauls, kg_co2, ship_prices, ships
from interferon.model.network import Network, Order

__all__ = [
    "DAY_US",
    "LATER_PER_DAY",
    "WAIT_COST",
    "Demand",
    "Floats",
    "Ints",
    "Moving",
    "Problem",
    "Snapshot",
    "build",
    "grid",
    "is_plain",
    "opening",
]

COVER_SHARE = 0.2  # a unit of stock missing at the end of the horizon costs this share of its late cost


@dataclass(frozen=True)
class Snapshot:
    """Where the goods are now. `stock` is by (node id, product id); `in_transit` holds (lane id, product id, quantity, arrival time).

    Times are microseconds UTC.
    """

    now: int
    stock: dict[tuple[str, str], float]
    open_orders: tuple[Order, ...]
    in_transit: tuple[tuple[str, str, float, int], ...] = ()


@dataclass(frozen=True)
class Moving:
    """Goods under way into stock that do not simply go on when their lane is cut. Times in days from now."""

    lane: int
    place: int  # of stock, where they are awaited
    back: int  # place of stock at the lane's origin, -1 for a supplier
    quantity: float
    arrives: float
    left: float  # when they left: below 0
    returns: bool  # else they wait


@dataclass(frozen=True)
class Problem:
    """T buckets, N nodes, L lanes, G demand groups; S (group, lane) pairs to ship on, H (lane, product) pairs to haul stock on,
    K (node, product) places of stock, M of them where the product is made, W (component, alternate) pairs at plants. A pair may be there
    twice: at the lane's own pace and expedited. A decision is an array of (pairs, T) quantities; what is shipped is counted in units of
    the product that is wanted."""

    nodes: tuple[str, ...]
    lanes: tuple[str, ...]
    products: tuple[str, ...]
    edges: Floats  # (T+1,) days from now
    node_cap: Floats  # (N,) units a day sent, or made at a plant; inf where there is no limit
    lane_cap: Floats  # (L,) units a day
    lane_from: Ints
    lane_to: Ints
    lane_cost: Floats  # currency per unit
    lane_days: Floats
    lane_kg_co2: Floats  # (L,) kg CO2e per kg of goods carried
    product_kg: Floats
    plants: Ints  # node indices
    demand: Demand
    ship_group: Ints
    ship_lane: Ints
    ship_from: Ints  # (S,) stock place at the lane's origin, -1 for a supplier, whose stock is bounded by its capacity alone
    ship_product: Ints  # (S,) what is sent: the group's product or an alternate
    ship_units: Floats  # (S,) units sent, carried and taken from stock for each unit of demand served
    ship_days: Floats  # (S,) lead time
    ship_express: Mask  # (S,) expedited
    ship_price: Floats  # (S, T) per unit served, late cost included; inf before the group's release and where never shipping costs less
    ship_late: Mask  # (S, T)
    haul_lane: Ints
    haul_product: Ints
    haul_from: Ints  # stock place, -1 for a supplier
    haul_to: Ints
    haul_days: Floats  # (H,) lead time
    haul_express: Mask  # (H,) expedited
    haul_cost: Floats  # (H,) currency per unit: freight, expediting, CO2
    haul_arrives: Ints  # (H, T) bucket, T is beyond the horizon
    stock_node: Ints
    stock_product: Ints
    opening: Floats  # (K, T+1) stock given what is there and on its way if nothing else moves; the last column counts what arrives later
    cover: Floats  # (K,) stock wanted at the end
    cover_price: Floats  # (K,) per unit missing
    make_at: Ints  # (M,) stock place of the product made
    recipe: tuple[tuple[tuple[int, float], ...], ...]  # (M,) (stock place of the component, quantity per unit)
    swap_of: Ints  # (W,) stock place of a component that a plant may replace in what it makes
    swap_by: Ints  # (W,) stock place of the alternate
    swap_units: Floats  # (W,) units of the alternate for one of the component
    swap_cost: Floats  # (W,) currency per unit of the component
    transit: tuple[Moving, ...]  # part of `opening` as planned; see `transit.opening_left`

    @property
    def buckets(self) -> int:
        return len(self.edges) - 1

    @property
    def lengths(self) -> Floats:
        """(T,) days."""
        return np.diff(self.edges)


def is_plain(problem: Problem) -> Mask:
    """(S,) pairs that send the product itself at the lane's own pace."""
    own: Mask = problem.ship_product == problem.demand.product[problem.ship_group]
    return own & ~problem.ship_express


def opening(network: Network, now: int) -> Snapshot:
    """The snapshot that the tables themselves give: the inventory table, the orders promised after `now`, nothing on its way into stock.

    An order placed before `now` whose promise is nearer than its fastest lane is taken to be on its way to the customer already.
    """
    stock = {(row.node, row.product): row.quantity for row in sorted(network.inventory, key=lambda row: row.as_of)}
    fastest: dict[str, float] = {}
    for lane in network.lanes.values():
        fastest[lane.destination] = min(fastest.get(lane.destination, np.inf), lane.lead_days_mean)
    late = now + DAY_US * network.settings.otif_window_h / -24

    def waits(order: Order) -> bool:
        return order.promised > now and (order.requested >= now or order.promised - late >= fastest.get(order.customer, 0.0) * DAY_US)

    return Snapshot(now, stock, tuple(order for order in network.orders.values() if waits(order)))


def build(network: Network, snapshot: Snapshot, edges: Floats | None = None) -> Problem:
    """Arrays of the flow problem from `snapshot.now` to the planning horizon. Orders promised after the horizon are left out.

    `edges`: (T+1,) bucket edges in days where they shall be others than those of `grid`.
    """
    edges = grid(float(network.settings.horizon_days)) if edges is None else edges
    nodes, lanes, products = tuple(network.nodes), tuple(network.lanes), tuple(network.products)
    at, what = {n: i for i, n in enumerate(nodes)}, {p: i for i, p in enumerate(products)}
    rows = [network.lanes[lane] for lane in lanes]
    goods = carries(network, snapshot.stock)
    wanted = demand(network, snapshot.open_orders, snapshot.now, edges, dearest(network))
    lane_from, lane_to = (np.array([at[getattr(row, end)] for row in rows], np.int64) for end in ("origin", "destination"))
    places = {pair: k for k, pair in enumerate((n, p) for n in nodes for p in goods.stocks[n])}
    inward, outward = hauls(network, goods), ships(network, goods, wanted)
    makes = [(n, p) for n in nodes for p in goods.makes.get(n, ())]
    swaps = _swaps(network, goods, makes, places)
    prices = _cover_prices(network, goods)
    opening_stock = _opening(network, snapshot, edges, places)
    ship_group = np.array([ship.group for ship in outward], np.int64)
    ship_product = np.array([what[ship.way.product] for ship in outward], np.int64)
    ship_days = np.array([ship.way.days for ship in outward])
    ship_express = np.array([ship.way.express for ship in outward], bool)
    plain = ~ship_express & (ship_product == wanted.product[ship_group])
    cost = np.array([ship.units * ship.way.cost + ship.extra for ship in outward])
    price, late = ship_prices(edges, wanted, ship_group, cost, ship_days, plain)
    haul_days = np.array([way.days for way in inward])
    return Problem(
        nodes=nodes,
        lanes=lanes,
        products=products,
        edges=edges,
        node_cap=np.array([np.inf if n.kind == "customer" else n.capacity_per_day for n in network.nodes.values()]),
        lane_cap=np.array([row.capacity_per_day for row in rows]),
        lane_from=lane_from,
        lane_to=lane_to,
        lane_cost=np.array([row.cost_per_unit for row in rows]),
        lane_days=np.array([row.lead_days_mean for row in rows]),
        lane_kg_co2=np.array([kg_co2(row) for row in rows]),
        product_kg=np.array([p.kg_per_unit for p in network.products.values()]),
        plants=np.array([at[n.id] for n in network.nodes.values() if n.kind == "plant"], np.int64),
        demand=wanted,
        ship_group=ship_group,
        ship_lane=np.array([ship.way.lane for ship in outward], np.int64),
        ship_from=np.array([places.get((rows[ship.way.lane].origin, ship.way.product), -1) for ship in outward], np.int64),
        ship_product=ship_product,
        ship_units=np.array([ship.units for ship in outward]),
        ship_days=ship_days,
        ship_express=ship_express,
        ship_price=price,
        ship_late=late,
        haul_lane=np.array([way.lane for way in inward], np.int64),
        haul_product=np.array([what[way.product] for way in inward], np.int64),
        haul_from=np.array([places.get((rows[way.lane].origin, way.product), -1) for way in inward], np.int64),
        haul_to=np.array([places[rows[way.lane].destination, way.product] for way in inward], np.int64),
        haul_days=haul_days,
        haul_express=np.array([way.express for way in inward], bool),
        haul_cost=np.array([way.cost for way in inward]),
        haul_arrives=bucket(edges, middles(edges)[None, :] + haul_days[:, None]),
        stock_node=np.array([at[n] for n, _ in places], np.int64),
        stock_product=np.array([what[p] for _, p in places], np.int64),
        opening=opening_stock,
        cover=opening_stock[:, -1],
        cover_price=np.array([prices[p] for _, p in places]),
        make_at=np.array([places[pair] for pair in makes], np.int64),
        recipe=tuple(tuple((places[n, child], quantity) for child, quantity in goods.recipe.get(p, ())) for n, p in makes),
        swap_of=np.array([of for of, _, _, _ in swaps], np.int64),
        swap_by=np.array([by for _, by, _, _ in swaps], np.int64),
        swap_units=np.array([units for _, _, units, _ in swaps]),
        swap_cost=np.array([each for _, _, _, each in swaps]),
        transit=_transit(network, snapshot, places),
    )


def _swaps(
    network: Network, goods: Carries, makes: list[tuple[str, str]], places: dict[tuple[str, str], int]
) -> list[tuple[int, int, float, float]]:
    """(place of the component, place of the alternate, units, cost) for every component that a plant uses.

    Where the plant makes the alternate of the component, it replaces nothing there: it would be made of itself.
    """
    inside = _inside(network, goods)
    used = dict.fromkeys((n, child) for n, p in makes for child, _ in goods.recipe.get(p, ()))
    return [
        (places[n, child], places[n, a.alternate], a.ratio, a.cost_per_unit)
        for n, child in used
        for a in network.alternates
        if a.product == child and not (a.alternate in goods.makes[n] and child in inside[a.alternate])
    ]


def _inside(network: Network, goods: Carries) -> dict[str, set[str]]:
    """Product → all that may be in it, at whatever depth."""
    found: dict[str, set[str]] = {product: set() for product in network.products}
    for product, inside in found.items():
        waiting = [product]
        while waiting:
            takes = {child for child, _ in goods.recipe.get(waiting.pop(), ())}
            new = (takes | {a.alternate for a in network.alternates if a.product in takes}) - inside
            inside |= new
            waiting += sorted(new)
    return found


def _opening(network: Network, snapshot: Snapshot, edges: Floats, places: dict[tuple[str, str], int]) -> Floats:
    stock = np.zeros((len(places), len(edges)))
    for pair, quantity in snapshot.stock.items():
        if pair in places:
            stock[places[pair]] += quantity
    for lane, product, quantity, arrives in snapshot.in_transit:
        pair = (network.lanes[lane].destination, product)
        if pair in places:
            stock[places[pair], int(bucket(edges, np.array(max((arrives - snapshot.now) / DAY_US, 0.0)))) :] += quantity
    return stock


def _transit(network: Network, snapshot: Snapshot, places: dict[tuple[str, str], int]) -> tuple[Moving, ...]:
    """What is under way on lanes on which goods wait or return when they are cut."""
    at = {lane: i for i, lane in enumerate(network.lanes)}
    found: list[Moving] = []
    for lane, product, quantity, arrives in snapshot.in_transit:
        row, days = network.lanes[lane], max((arrives - snapshot.now) / DAY_US, 0.0)
        place = places.get((row.destination, product))
        if place is not None and row.when_cut != "on":
            back, left = places.get((row.origin, product), -1), days - row.lead_days_mean
            found.append(Moving(at[lane], place, back, quantity, days, left, row.when_cut == "return"))
    return tuple(found)


def _cover_prices(network: Network, goods: Carries) -> dict[str, float]:
    """Product → price of a unit of stock missing at the end: part of its late cost, above what its cheapest way in and its making cost.

    So the optimum replenishes as long as ordinary lanes have room, and does not fly goods in for the sake of the cover alone.
    """
    cheapest: dict[tuple[str, str], float] = {}
    for row in network.lanes.values():
        for product in goods.hauled(row):
            cost = row.cost_per_unit + co2_cost(network, row, network.products[product].kg_per_unit)
            cheapest[product, row.destination] = min(cheapest.get((product, row.destination), np.inf), cost)
    bring: dict[str, float] = {}
    for (product, _), cost in cheapest.items():
        bring[product] = max(bring.get(product, 0.0), cost)
    prices: dict[str, float] = {}

    def price(product: str) -> float:
        if product not in prices:
            own = COVER_SHARE * network.settings.late_cost_share * network.products[product].value + 2 * bring.get(product, 0.0)
            prices[product] = own + sum(quantity * price(child) for child, quantity in goods.recipe.get(product, ()))
        return prices[product]

    return {product: price(product) for product in network.products}
