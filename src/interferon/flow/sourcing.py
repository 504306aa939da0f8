"""From a decision about quantities to a standing instruction: which lanes bring each product to each place, in which shares.

Called by `reroute`. Pure.
"""

from collections.abc import Mapping

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import Shares
from interferon.flow.carries import carries
from interferon.flow.dispatch import Lanes
from interferon.flow.problem import Problem, Snapshot
from interferon.model.network import Network

Sourcing = dict[tuple[str, str], tuple[tuple[str, float], ...]]  # (destination node, product) → (lane, share), shares sum to 1
LEAST = 0.01  # a smaller share of a place's goods is not worth an instruction


def sourcing(network: Network, snapshot: Snapshot, problem: Problem, flows: Flows, shares: Shares, base: Sourcing | None) -> Sourcing:
    """Shares for every (destination, product) that a lane can serve; empty where every such lane is closed for good.

    Where the horizon holds no flow of a product: the base lanes that are open; else as the destination's other goods travel; else the
    cheapest open lane. A lane closed at the horizon's end gets nothing, even if it runs on for its tolerance.
    """
    own, whole = _carried(problem, flows)
    usable = _usable(problem, shares)
    answer: Sourcing = {}
    for (place, product), lanes in _candidates(network, snapshot).items():
        there = [lane for lane in lanes if lane in usable]
        weights = _first(
            {lane: own.get((lane, product), 0.0) for lane in there},
            {lane: share for lane, share in (base or {}).get((place, product), ()) if lane in usable},
            {lane: whole.get(lane, 0.0) for lane in there},
            {min(there, key=lambda lane: (network.lanes[lane].cost_per_unit, lane)): 1.0} if there else {},
        )
        answer[place, product] = _normal(weights)
    return answer


def lanes_used(problem: Problem, plan: Sourcing) -> Lanes:
    """The problem's pairs that a plan uses. A lane that is used may be used expedited."""
    used = {(lane, product) for (_, product), shares in plan.items() for lane, _ in shares}
    ship = [(problem.lanes[lane], problem.products[p]) in used for lane, p in zip(problem.ship_lane, problem.ship_product, strict=True)]
    haul = [(problem.lanes[lane], problem.products[p]) in used for lane, p in zip(problem.haul_lane, problem.haul_product, strict=True)]
    return Lanes(np.array(ship, bool), np.array(haul, bool))


def _candidates(network: Network, snapshot: Snapshot) -> dict[tuple[str, str], list[str]]:
    goods = carries(network, snapshot.stock)
    found: dict[tuple[str, str], list[str]] = {}
    for lane in network.lanes.values():
        to_customer = network.nodes[lane.destination].kind == "customer"
        for product in goods.sends[lane.origin] if to_customer else goods.hauled(lane):
            found.setdefault((lane.destination, product), []).append(lane.id)
    return found


def _carried(problem: Problem, flows: Flows) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Units by (lane, product), and by lane."""
    own: dict[tuple[str, str], float] = {}
    sent = flows.ship * problem.ship_units[:, None]
    for lanes, products, block in ((problem.ship_lane, problem.ship_product, sent), (problem.haul_lane, problem.haul_product, flows.haul)):
        for lane, product, quantity in zip(lanes.tolist(), products.tolist(), block.sum(axis=1).tolist(), strict=True):
            if quantity > 1e-6:
                key = (problem.lanes[lane], problem.products[product])
                own[key] = own.get(key, 0.0) + quantity
    whole: dict[str, float] = {}
    for (lane_id, _), quantity in own.items():
        whole[lane_id] = whole.get(lane_id, 0.0) + quantity
    return own, whole


def _usable(problem: Problem, shares: Shares) -> set[str]:
    ends = (shares.nodes[problem.lane_from, -1], shares.nodes[problem.lane_to, -1], shares.lanes[:, -1], problem.lane_cap)
    return {problem.lanes[i] for i in np.flatnonzero(np.minimum.reduce(ends) > 1e-6)}


def _first(*choices: Mapping[str, float]) -> Mapping[str, float]:
    return next((choice for choice in choices if sum(choice.values()) > 0), {})


def _normal(weights: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    total = sum(weights.values())
    kept = {lane: weight for lane, weight in weights.items() if weight > LEAST * total}
    return tuple((lane, weight / sum(kept.values())) for lane, weight in sorted(kept.items(), key=lambda pair: (-pair[1], pair[0])))
