"""Which node can supply, make, hold and send which product, read from the bill of materials, the inventory and the lanes.

Called by `problem` and `sourcing`. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interferon.model.network import Lane, Network


@dataclass(frozen=True)
class Carries:
    """Product ids by node id, each in the order of the product table."""

    makes: dict[str, tuple[str, ...]]  # plants
    sends: dict[str, tuple[str, ...]]  # what may leave on a lane
    stocks: dict[str, tuple[str, ...]]  # what is kept in stock; suppliers and customers keep none
    takes: dict[str, tuple[str, ...]]  # what may come in as stock
    recipe: dict[str, tuple[tuple[str, float], ...]]  # product → (component, quantity per unit)

    def hauled(self, lane: Lane) -> tuple[str, ...]:
        """Products that may go into stock over `lane`."""
        taken = set(self.takes[lane.destination])
        return tuple(product for product in self.sends[lane.origin] if product in taken)


def carries(network: Network, stock: Mapping[tuple[str, str], float]) -> Carries:
    """A supplier supplies, and a plant makes, what stands against it in the inventory; one without such a row: anything of its kind.

    Its kind is: for a plant products that have a bill of materials, for a supplier those that have none. A distribution centre holds
    what its inventory names and what the nodes before it can send.
    """
    recipe = {parent: tuple((b.child, b.quantity) for b in network.bom if b.parent == parent) for parent in {b.parent for b in network.bom}}
    listed: dict[str, set[str]] = {}
    for node, product in [(row.node, row.product) for row in network.inventory] + list(stock):
        listed.setdefault(node, set()).add(product)
    bought = {p for p in network.products if p not in recipe}
    supplied = {n.id: (listed.get(n.id, set()) & bought) or bought for n in network.nodes.values() if n.kind == "supplier"}
    orphans = bought - set().union(*supplied.values()) if supplied else bought  # no bill, no supplier: made from nothing we see
    made = set(recipe) | orphans
    makes = {n.id: (listed.get(n.id, set()) & made) or made for n in network.nodes.values() if n.kind == "plant"}
    stands_in: dict[str, set[str]] = {}
    for row in network.alternates:
        stands_in.setdefault(row.product, set()).add(row.alternate)
    components = {parent: {c for child, _ in rows for c in (child, *stands_in.get(child, ()))} for parent, rows in recipe.items()}
    needs = {plant: {child for p in products for child in components.get(p, ())} for plant, products in makes.items()}
    holds = _holds(network, listed, {**supplied, **makes})
    rank = {product: i for i, product in enumerate(network.products)}

    def ordered(products: set[str]) -> tuple[str, ...]:
        return tuple(sorted((p for p in products if p in rank), key=rank.__getitem__))

    none: set[str] = set()
    return Carries(
        makes={n: ordered(p) for n, p in makes.items()},
        sends={n: ordered(supplied.get(n) or makes.get(n) or holds.get(n, none)) for n in network.nodes},
        stocks={n: ordered(makes.get(n, none) | needs.get(n, none) | holds.get(n, none)) for n in network.nodes},
        takes={n: ordered(needs.get(n, none) | holds.get(n, none)) for n in network.nodes},
        recipe=recipe,
    )


def _holds(network: Network, listed: dict[str, set[str]], sources: dict[str, set[str]]) -> dict[str, set[str]]:
    """What each distribution centre can hold: a fixpoint over the lanes, since one may feed another."""
    holds = {n.id: set(listed.get(n.id, set())) for n in network.nodes.values() if n.kind == "dc"}
    changed = True
    while changed:
        changed = False
        for lane in network.lanes.values():
            if lane.destination in holds:
                more = sources.get(lane.origin) or holds.get(lane.origin, set())
                changed |= not more <= holds[lane.destination]
                holds[lane.destination] |= more
    return holds
