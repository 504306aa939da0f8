"""Open orders as groups that are due together, and what it costs to serve them late or never. Called by `problem`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interferon.flow.grid import DAY_US, Floats, Ints, bucket
from interferon.model.network import Network, Order

LATER_PER_DAY = 0.1  # each day more of lateness costs this share of the late cost, so that late goods still go soon


@dataclass(frozen=True)
class Demand:
    """Orders of one customer and product that fall due in one bucket (G groups). `due`, `release` in days from now; prices per unit."""

    orders: tuple[tuple[Order, ...], ...]
    customer: Ints  # node index
    product: Ints
    quantity: Floats
    due: Floats  # the earliest promise of the group
    release: Ints  # first bucket in which it may leave
    late: Floats  # cost of a unit that arrives late, times the weight of its priority
    unmet: Floats  # cost of a unit that never ships: margin, and late to the end


def demand(network: Network, open_orders: Sequence[Order], now: int, edges: Floats, dearest: float) -> Demand:
    """Groups by (customer, product, due bucket, release bucket): the size is bounded by the network, not by the number of orders.

    Orders whose priorities weigh differently are never in one group. `dearest`: per unit, above any lane's price.
    """
    settings, groups = network.settings, dict[tuple[str, str, int, int, float], list[Order]]()
    at, what = {n: i for i, n in enumerate(network.nodes)}, {p: i for i, p in enumerate(network.products)}
    window = settings.otif_window_h / 24
    horizon = float(edges[-1])
    for order in sorted(open_orders, key=lambda o: (o.promised, o.id)):
        due = (order.promised - now) / DAY_US + window
        if due <= horizon and order.quantity > 0:
            release = min(max((order.requested - now) / DAY_US, 0.0), horizon - 1e-9)
            when = (int(bucket(edges, np.array(max(due, 0.0)))), int(bucket(edges, np.array(release))))
            groups.setdefault((order.customer, order.product, *when, settings.late_weight(order.priority)), []).append(order)
    orders = tuple(tuple(sorted(rows, key=lambda o: (o.priority, o.promised, o.id))) for rows in groups.values())
    quantity = np.array([sum(o.quantity for o in rows) for rows in orders])
    goods = [network.products[key[1]] for key in groups]
    share = np.array([settings.late_cost_share * p.value for p in goods])
    lines = np.array([len(rows) for rows in orders], float)
    # A late line costs half by its value and half by being late at all: else the cheap orders would always wait for the dear ones.
    fee = float((share * quantity).sum() / lines.sum()) if len(orders) else 0.0
    weight = np.array([key[4] for key in groups])
    late = weight * (share + fee * lines / quantity) if len(orders) else share
    return Demand(
        orders=orders,
        customer=np.array([at[key[0]] for key in groups], np.int64),
        product=np.array([what[key[1]] for key in groups], np.int64),
        quantity=quantity,
        due=np.array([(min(o.promised for o in rows) - now) / DAY_US + window for rows in orders]),
        release=np.array([key[3] for key in groups], np.int64),
        late=late,
        unmet=np.array([p.margin for p in goods]) + late * (1 + LATER_PER_DAY * horizon) + dearest,
    )
