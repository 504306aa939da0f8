"""Rows of the tables that conflict with each other, so that a plan cannot be as good as they ask. Called by `runtime.flow_folder`. Pure.

`interferon check` tells what is wrong with the tables themselves; here it is what their numbers come to. Nothing here stops a plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from interferon.flow.carries import Carries, carries
from interferon.flow.problem import DAY_US, Snapshot
from interferon.flow.telling import named, units
from interferon.model.network import Lane, Network, Order

EPS = 1e-9


@dataclass(frozen=True)
class Conflict:
    """`row` is the key of the row in `table`: its id, or the columns that make it unique."""

    table: str
    row: tuple[str, ...]
    message: str


def conflicts(network: Network, snapshot: Snapshot) -> tuple[Conflict, ...]:
    """All conflicts, by table. A cycle in the bill of materials is told alone: what follows from it would only repeat it."""
    cycle = bom_cycle(network)
    if cycle:
        return (Conflict("bom", (cycle[0], cycle[1]), f"cycle in the bill of materials: {' takes '.join(cycle)}"),)
    desk = _Tables(network, snapshot)
    return (*desk.lanes(), *desk.recipes(), *desk.idle_stock(), *desk.orders(), *desk.too_much())


def bom_cycle(network: Network) -> tuple[str, ...]:
    """Products each of which takes the next, the last being the first again; empty where there is none."""
    parents: dict[str, set[str]] = {}
    for row in network.bom:
        parents.setdefault(row.child, set()).add(row.parent)
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        names: list[str] = error.args[1]  # each is a predecessor, here a parent, of the one after it
        return tuple(names)
    return ()


class _Tables:
    """The tables with what follows from them: who can bring what, and what is asked for."""

    def __init__(self, network: Network, snapshot: Snapshot) -> None:
        self.network, self.snapshot = network, snapshot
        self.days = float(network.settings.horizon_days)
        self.goods: Carries = carries(network, snapshot.stock)
        self.instead: dict[str, dict[str, float]] = {}  # product → alternate → its units for one
        for each in network.alternates:
            self.instead.setdefault(each.product, {})[each.alternate] = each.ratio
        self.into: dict[str, list[Lane]] = {}
        self.out: dict[str, list[Lane]] = {}
        for lane in network.lanes.values():
            self.into.setdefault(lane.destination, []).append(lane)
            self.out.setdefault(lane.origin, []).append(lane)
        end = snapshot.now + round(self.days * DAY_US)
        self.open = [order for order in snapshot.open_orders if order.promised <= end and order.quantity > 0]

    def bringing(self, node: str, product: str) -> list[Lane]:
        """Lanes into a node whose origin can send the product or an alternate."""
        good = {product, *self.instead.get(product, ())}
        return [lane for lane in self.into.get(node, ()) if not good.isdisjoint(self.goods.sends[lane.origin])]

    def units(self, order: Order) -> float:
        """The fewest units that have to be carried for an order."""
        return order.quantity * min((1.0, *self.instead.get(order.product, {}).values()))

    def orders(self) -> Iterator[Conflict]:
        for order in self.network.orders.values():
            if order.promised < order.requested:
                yield Conflict("orders", (order.id,), f"order {order.id} is promised before it was placed")
        for order in self.open:
            if not self.bringing(order.customer, order.product):
                yield Conflict("orders", (order.id,), self._unreached(order))

    def _unreached(self, order: Order) -> str:
        senders = [node for node, products in self.goods.sends.items() if order.product in products]
        who = f"; {named(senders)} could send it" if senders else "; nobody makes, supplies or stocks it"
        lanes = self.into.get(order.customer, ())
        what = f"none of the lanes to {order.customer} ({named([each.id for each in lanes])})" if lanes else f"no lane to {order.customer}"
        return f"order {order.id} cannot be brought: {what} can bring {order.product}{who}"

    def lanes(self) -> Iterator[Conflict]:
        """Lanes and nodes without capacity on which orders rely alone."""
        relying: dict[tuple[str, str], list[str]] = {}
        for order in self.open:
            lanes = self.bringing(order.customer, order.product)
            dead = [self._dead(lane) for lane in lanes]
            if lanes and all(dead):
                for at in sorted(set(filter(None, dead))):
                    relying.setdefault(at, []).append(order.id)
        for (table, row), orders in sorted(relying.items()):
            yield Conflict(table, (row,), f"{table[:-1]} {row} has no capacity, and {_counted(orders)} no other way")

    def _dead(self, lane: Lane) -> tuple[str, str] | None:
        if lane.capacity_per_day <= 0:
            return "lanes", lane.id
        return ("nodes", lane.origin) if self.network.nodes[lane.origin].capacity_per_day <= 0 else None

    def recipes(self) -> Iterator[Conflict]:
        """Components that a plant needs and that nobody brings, makes or has in stock there."""
        parts = {
            (plant, row.parent, row.child) for plant, made in self.goods.makes.items() for row in self.network.bom if row.parent in made
        }
        for plant, parent, child in sorted(parts):
            good = (child, *self.instead.get(child, ()))
            here = any(self.snapshot.stock.get((plant, each), 0.0) > 0 or each in self.goods.makes[plant] for each in good)
            if not here and not self.bringing(plant, child):
                yield Conflict("bom", (parent, child), f"{plant} makes {parent} of {child}, which it has not, and no lane brings it there")

    def idle_stock(self) -> Iterator[Conflict]:
        """Stock that nothing can be done with where it is."""
        for row in self.network.inventory:
            kind = self.network.nodes[row.node].kind
            used = row.product in self.goods.takes[row.node] and kind == "plant"
            if row.quantity <= 0 or used:
                continue
            key, held = (row.node, row.product), f"{units(row.quantity)} of {row.product} lie at {row.node}, which"
            if row.product not in self.goods.sends[row.node]:
                yield Conflict("inventory", key, f"{held} can neither send nor use it")
            elif not self.out.get(row.node):
                yield Conflict("inventory", key, f"{held} no lane leaves")

    def too_much(self) -> Iterator[Conflict]:
        """Demand above all that could come with nothing closed: by customer what its lanes carry, by product what there is and is made."""
        for customer, orders in _by(self.open, "customer").items():
            lanes = self.into.get(customer, [])
            most, asked = sum(lane.capacity_per_day for lane in lanes) * self.days, sum(self.units(order) for order in orders)
            if 0 < most < asked - EPS:
                told = f"orders of {customer} ask for {units(asked)} in {self.days:g} days; its lanes carry {units(most)} at most"
                yield Conflict("lanes", (lanes[0].id,), f"{told} ({named([lane.id for lane in lanes])})")
        yield from self._scarce()

    def _scarce(self) -> Iterator[Conflict]:
        """For each set of nodes that alone can add to some products: what is asked beyond stock against what they can add together.

        What an alternate may stand in for is not scarce by itself.
        """
        by_product = {product: orders for product, orders in _by(self.open, "product").items() if product not in self.instead}
        asked = {product: sum(order.quantity for order in orders) for product, orders in by_product.items()}
        need = {product: max(quantity - self._stock(product), 0.0) for product, quantity in asked.items()}
        sources = {product: frozenset(n.id for n in self.network.nodes.values() if self._source(n.id, n.kind, product)) for product in need}
        for nodes in dict.fromkeys(sources.values()):
            among = [product for product in need if sources[product] <= nodes and need[product] > 0 and (sources[product] or not nodes)]
            wanted, most = sum(need[each] for each in among), sum(self.network.nodes[n].capacity_per_day for n in nodes) * self.days
            if among and wanted > most + EPS and (nodes or any(self._stock(each) for each in among)):
                told = f"orders ask for {units(wanted)} more of {named(among)} in {self.days:g} days than there is in stock"
                who = f"{named(sorted(nodes))} can add {units(most)} at most" if nodes else "nobody can add to it"
                yield Conflict("products", (among[0],), f"{told}; {who}")

    def _stock(self, product: str) -> float:
        """What is in stock at plants and centres or on its way there; a supplier's stock is bounded by its capacity alone."""
        there = (quantity for (node, each), quantity in self.snapshot.stock.items() if each == product and self._holds(node))
        return sum(there) + sum(quantity for _, each, quantity, _ in self.snapshot.in_transit if each == product)

    def _source(self, node: str, kind: str, product: str) -> bool:
        return product in self.goods.makes.get(node, ()) or (kind == "supplier" and product in self.goods.sends[node])

    def _holds(self, node: str) -> bool:
        return self.network.nodes[node].kind in ("plant", "dc")


def _by(orders: list[Order], column: str) -> dict[str, list[Order]]:
    found: dict[str, list[Order]] = {}
    for order in orders:
        found.setdefault(getattr(order, column), []).append(order)
    return found


def _counted(orders: list[str]) -> str:
    return f"{len(orders)} orders ({named(orders)}) have" if len(orders) > 1 else f"1 order ({orders[0]}) has"
