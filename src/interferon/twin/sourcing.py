"""Who supplies whom when nothing is closed: the cheapest lanes with capacity, tier by tier, and the demand rates behind them.

Called by `goods` at the start of a run. Pure.
"""

from collections import defaultdict
from dataclasses import dataclass

from interferon.model.network import Lane, Network

Sourcing = dict[tuple[str, str], tuple[tuple[str, float], ...]]  # (destination node, product) → lanes and shares

_FILL = 0.85  # share of a capacity that the plan uses before it goes on to the next lane


@dataclass(frozen=True)
class Plan:
    """Default sourcing, and the expected units a day that each (node, product) has to supply or receive."""

    sourcing: Sourcing
    received: dict[tuple[str, str], float]
    supplied: dict[tuple[str, str], float]


def supplies(network: Network) -> dict[str, frozenset[str]]:
    """Node id → products it can hand out: what its opening stock names; a distribution centre hands out every finished product."""
    stocked: dict[str, set[str]] = defaultdict(set)
    for row in network.inventory:
        stocked[row.node].add(row.product)
    finished = {row.parent for row in network.bom} | {order.product for order in network.orders.values()}
    found: dict[str, frozenset[str]] = {}
    for node in network.nodes.values():
        if node.kind == "dc":
            found[node.id] = frozenset(finished)
        elif node.kind == "plant":
            found[node.id] = frozenset(stocked[node.id] & finished) or frozenset(finished)
        elif node.kind == "supplier":
            found[node.id] = frozenset(stocked[node.id]) or frozenset(row.child for row in network.bom)
    return found


def plan(network: Network, demand: dict[tuple[str, str], float]) -> Plan:
    """Spread daily demand of (customer, product) over lanes, cheapest first, up to `_FILL` of lane and origin, tier after tier."""
    offers = supplies(network)
    inbound: dict[str, list[Lane]] = defaultdict(list)
    for lane in network.lanes.values():
        inbound[lane.destination].append(lane)
    lane_left = {lane.id: lane.capacity_per_day * _FILL for lane in network.lanes.values()}
    node_left = {node.id: node.capacity_per_day * _FILL for node in network.nodes.values()}
    sourcing: Sourcing = {}
    received, supplied = dict(demand), defaultdict[tuple[str, str], float](float)
    for tier in ("customer", "dc", "plant"):
        _components(network, tier, supplied, received)
        wants = sorted(
            ((n, p) for n, p in received if network.nodes[n].kind == tier and received[n, p] > 0), key=lambda k: (-received[k], k)
        )
        for node, product in wants:
            lanes = sorted((x for x in inbound[node] if product in offers.get(x.origin, ())), key=lambda x: (x.cost_per_unit, x.id))
            sourcing[node, product] = taken = _fill(lanes, received[node, product], lane_left, node_left)
            by_id = {lane.id: lane for lane in lanes}
            for lane_id, share in taken:
                origin, quantity = by_id[lane_id].origin, share * received[node, product]
                supplied[origin, product] += quantity
                if network.nodes[origin].kind == "dc":
                    received[origin, product] = received.get((origin, product), 0.0) + quantity
    return Plan(sourcing, received, dict(supplied))


def _components(network: Network, tier: str, supplied: dict[tuple[str, str], float], received: dict[tuple[str, str], float]) -> None:
    """Before the plants' tier: what they hand out asks for components by the bill of materials."""
    if tier != "plant":
        return
    for row in network.bom:
        for node in network.nodes.values():
            if node.kind == "plant" and (node.id, row.parent) in supplied:
                received[node.id, row.child] = received.get((node.id, row.child), 0.0) + supplied[node.id, row.parent] * row.quantity


def _fill(lanes: list[Lane], wanted: float, lane_left: dict[str, float], node_left: dict[str, float]) -> tuple[tuple[str, float], ...]:
    taken: list[tuple[str, float]] = []
    rest = wanted
    for lane in lanes:
        amount = min(rest, lane_left[lane.id], node_left[lane.origin])
        if amount > 1e-9:
            taken.append((lane.id, amount / wanted))
            lane_left[lane.id] -= amount
            node_left[lane.origin] -= amount
            rest -= amount
    if lanes and rest > 1e-9:  # more than planned capacity: the cheapest lane takes the rest and its queue grows
        first = taken[0][0] if taken else lanes[0].id
        shares = dict(taken)
        shares[first] = shares.get(first, 0.0) + rest / wanted
        return tuple(shares.items())
    return tuple(taken)
