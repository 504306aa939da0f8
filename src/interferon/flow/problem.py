"""The flow of goods over the planning horizon as flat arrays: what can move where and when, what was promised, what each thing costs.

`build` reads the network's tables and a snapshot of stock and orders; `dispatch`, `matrix` and `account` work on the arrays. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interferon.flow.carries import Carries, carries
from interferon.model.network import Network, Order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY_US = 86_400_000_000
FINE_DAYS = 3.0  # half-day buckets up to here, whole days after: decisions of the next hours need the finer grid
LATER_PER_DAY = 0.1  # each day more of lateness costs this share of the late cost, so that late goods still go soon
COVER_SHARE = 0.2  # a unit of stock missing at the end of the horizon costs this share of its late cost
WAIT_COST = 1e-4  # per unit and bucket: breaks ties in favour of the earlier departure


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
class Demand:
    """Orders of one customer and product that fall due in one bucket (G groups). `due`, `release` in days from now; prices per unit."""

    orders: tuple[tuple[Order, ...], ...]
    customer: Ints  # node index
    product: Ints
    quantity: Floats
    due: Floats  # the earliest promise of the group
    release: Ints  # first bucket in which it may leave
    late: Floats  # cost of a unit that arrives late
    unmet: Floats  # cost of a unit that never ships: margin, and late to the end


@dataclass(frozen=True)
class Problem:
    """T buckets, N nodes, L lanes, G demand groups; S (group, lane) pairs to ship on, H (lane, product) pairs to haul stock on,
    K (node, product) places of stock, M of them where the product is made. A decision is an array of (pairs, T) quantities."""

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
    ship_price: Floats  # (S, T) per unit, late cost included; inf before the group's release
    ship_late: npt.NDArray[np.bool_]  # (S, T)
    haul_lane: Ints
    haul_product: Ints
    haul_from: Ints  # stock place, -1 for a supplier
    haul_to: Ints
    haul_arrives: Ints  # (H, T) bucket, T is beyond the horizon
    stock_node: Ints
    stock_product: Ints
    opening: Floats  # (K, T+1) stock given what is there and on its way if nothing else moves; the last column counts what arrives later
    cover: Floats  # (K,) stock wanted at the end
    cover_price: Floats  # (K,) per unit missing
    make_at: Ints  # (M,) stock place of the product made
    recipe: tuple[tuple[tuple[int, float], ...], ...]  # (M,) (stock place of the component, quantity per unit)

    @property
    def buckets(self) -> int:
        return len(self.edges) - 1

    @property
    def lengths(self) -> Floats:
        """(T,) days."""
        return np.diff(self.edges)


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


def grid(horizon_days: float) -> Floats:
    """(T+1,) bucket edges in days: half days first, whole days after FINE_DAYS."""
    fine = np.arange(0.0, min(FINE_DAYS, horizon_days), 0.5)
    return np.concatenate([fine, np.arange(FINE_DAYS, horizon_days, 1.0), [float(horizon_days)]])


def build(network: Network, snapshot: Snapshot) -> Problem:
    """Arrays of the flow problem from `snapshot.now` to the planning horizon. Orders promised after the horizon are left out."""
    edges = grid(float(network.settings.horizon_days))
    nodes, lanes, products = tuple(network.nodes), tuple(network.lanes), tuple(network.products)
    at, what = {n: i for i, n in enumerate(nodes)}, {p: i for i, p in enumerate(products)}
    rows = [network.lanes[lane] for lane in lanes]
    goods = carries(network, snapshot.stock)
    demand = _demand(network, snapshot, edges, at, what)
    days = np.array([row.lead_days_mean for row in rows])
    cost = np.array([row.cost_per_unit for row in rows])
    lane_from, lane_to = (np.array([at[getattr(row, end)] for row in rows], np.int64) for end in ("origin", "destination"))
    places = {pair: k for k, pair in enumerate((n, p) for n in nodes for p in goods.stocks[n])}
    hauls = [(i, p) for i, row in enumerate(rows) for p in goods.hauled(row)]
    ships = _ships(demand, rows, products, goods, at)
    makes = [(n, p) for n in nodes for p in goods.makes.get(n, ())]
    prices = _cover_prices(network, goods)
    opening_stock = _opening(network, snapshot, edges, places)
    ship_lane = np.array([lane for _, lane in ships], np.int64)
    ship_group = np.array([group for group, _ in ships], np.int64)
    price, late = _ship_prices(edges, demand, ship_group, cost[ship_lane], days[ship_lane])
    haul_lane = np.array([lane for lane, _ in hauls], np.int64)
    return Problem(
        nodes=nodes,
        lanes=lanes,
        products=products,
        edges=edges,
        node_cap=np.array([np.inf if n.kind == "customer" else n.capacity_per_day for n in network.nodes.values()]),
        lane_cap=np.array([row.capacity_per_day for row in rows]),
        lane_from=lane_from,
        lane_to=lane_to,
        lane_cost=cost,
        lane_days=days,
        lane_kg_co2=np.array([row.distance_km * row.gco2e_tkm / 1e6 for row in rows]),
        product_kg=np.array([p.kg_per_unit for p in network.products.values()]),
        plants=np.array([at[n.id] for n in network.nodes.values() if n.kind == "plant"], np.int64),
        demand=demand,
        ship_group=ship_group,
        ship_lane=ship_lane,
        ship_from=np.array([places.get((rows[i].origin, products[demand.product[g]]), -1) for g, i in ships], np.int64),
        ship_price=price,
        ship_late=late,
        haul_lane=haul_lane,
        haul_product=np.array([what[p] for _, p in hauls], np.int64),
        haul_from=np.array([places.get((rows[i].origin, p), -1) for i, p in hauls], np.int64),
        haul_to=np.array([places[rows[i].destination, p] for i, p in hauls], np.int64),
        haul_arrives=_bucket(edges, _middles(edges)[None, :] + days[haul_lane][:, None]),
        stock_node=np.array([at[n] for n, _ in places], np.int64),
        stock_product=np.array([what[p] for _, p in places], np.int64),
        opening=opening_stock,
        cover=opening_stock[:, -1],
        cover_price=np.array([prices[p] for _, p in places]),
        make_at=np.array([places[pair] for pair in makes], np.int64),
        recipe=tuple(tuple((places[n, child], quantity) for child, quantity in goods.recipe.get(p, ())) for n, p in makes),
    )


def _middles(edges: Floats) -> Floats:
    """What moves in a bucket is taken to leave in its middle: neither early nor late on average."""
    return (edges[:-1] + edges[1:]) / 2


def _bucket(edges: Floats, days: Floats) -> Ints:
    """Bucket in which each time lies; T for beyond the horizon."""
    return np.minimum(np.searchsorted(edges, days, side="right") - 1, len(edges) - 1).astype(np.int64)


def _demand(network: Network, snapshot: Snapshot, edges: Floats, at: dict[str, int], what: dict[str, int]) -> Demand:
    """Groups by (customer, product, due bucket, release bucket): the size is bounded by the network, not by the number of orders."""
    settings, groups = network.settings, dict[tuple[str, str, int, int], list[Order]]()
    window = settings.otif_window_h / 24
    horizon = float(edges[-1])
    for order in sorted(snapshot.open_orders, key=lambda o: (o.promised, o.id)):
        due = (order.promised - snapshot.now) / DAY_US + window
        if due <= horizon and order.quantity > 0:
            release = min(max((order.requested - snapshot.now) / DAY_US, 0.0), horizon - 1e-9)
            key = (order.customer, order.product, int(_bucket(edges, np.array(max(due, 0.0)))), int(_bucket(edges, np.array(release))))
            groups.setdefault(key, []).append(order)
    orders = tuple(tuple(sorted(rows, key=lambda o: (o.priority, o.promised, o.id))) for rows in groups.values())
    quantity = np.array([sum(o.quantity for o in rows) for rows in orders])
    goods = [network.products[key[1]] for key in groups]
    share = np.array([settings.late_cost_share * p.value for p in goods])
    lines = np.array([len(rows) for rows in orders], float)
    # A late line costs half by its value and half by being late at all: else the cheap orders would always wait for the dear ones.
    fee = float((share * quantity).sum() / lines.sum()) if len(orders) else 0.0
    late = share + fee * lines / quantity if len(orders) else share
    return Demand(
        orders=orders,
        customer=np.array([at[key[0]] for key in groups], np.int64),
        product=np.array([what[key[1]] for key in groups], np.int64),
        quantity=quantity,
        due=np.array([(min(o.promised for o in rows) - snapshot.now) / DAY_US + window for rows in orders]),
        release=np.array([key[3] for key in groups], np.int64),
        late=late,
        unmet=np.array([p.margin for p in goods]) + late * (1 + LATER_PER_DAY * horizon) + _dearest(network),
    )


def _dearest(network: Network) -> float:
    """Above any lane's price: with it, leaving a customer unserved never pays."""
    return 2 * max((lane.cost_per_unit for lane in network.lanes.values()), default=0.0)


def _ships(demand: Demand, rows: Sequence, products: tuple[str, ...], goods: Carries, at: dict[str, int]) -> list[tuple[int, int]]:  # type: ignore[type-arg]
    """(group, lane) for every lane into the group's customer whose origin can send the product."""
    into: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        into.setdefault(at[row.destination], []).append(i)
    return [
        (g, i)
        for g, (customer, product) in enumerate(zip(demand.customer.tolist(), demand.product.tolist(), strict=True))
        for i in into.get(customer, ())
        if products[product] in goods.sends[rows[i].origin]
    ]


def _ship_prices(edges: Floats, demand: Demand, group: Ints, cost: Floats, days: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(S, T) price per unit, and whether it arrives late."""
    buckets = np.arange(len(edges) - 1)
    over = _middles(edges)[None, :] + days[:, None] - demand.due[group][:, None]
    late = over > 1e-9
    price = cost[:, None] + WAIT_COST * buckets[None, :] + np.where(late, demand.late[group][:, None] * (1 + LATER_PER_DAY * over), 0.0)
    # No later than at the horizon's end counts: what arrives after it is late by the horizon, and still better than never.
    price = np.minimum(price, (demand.unmet[group] - 1e-3)[:, None])
    return np.where(buckets[None, :] < demand.release[group][:, None], np.inf, price), late


def _opening(network: Network, snapshot: Snapshot, edges: Floats, places: dict[tuple[str, str], int]) -> Floats:
    stock = np.zeros((len(places), len(edges)))
    for pair, quantity in snapshot.stock.items():
        if pair in places:
            stock[places[pair]] += quantity
    for lane, product, quantity, arrives in snapshot.in_transit:
        pair = (network.lanes[lane].destination, product)
        if pair in places:
            stock[places[pair], int(_bucket(edges, np.array(max((arrives - snapshot.now) / DAY_US, 0.0)))) :] += quantity
    return stock


def _cover_prices(network: Network, goods: Carries) -> dict[str, float]:
    """Product → price of a unit of stock missing at the end: part of its late cost, above what its cheapest way in and its making cost.

    So the optimum replenishes as long as ordinary lanes have room, and does not fly goods in for the sake of the cover alone.
    """
    cheapest: dict[tuple[str, str], float] = {}
    for row in network.lanes.values():
        for product in goods.hauled(row):
            cheapest[product, row.destination] = min(cheapest.get((product, row.destination), np.inf), row.cost_per_unit)
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
