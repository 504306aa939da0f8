"""Over which lane each place is replenished and each customer served, read from the tables. Called by `stock_places`. Pure."""

import heapq
from collections.abc import Iterable

from interferon.flow.carries import Carries
from interferon.model.errors import InputError
from interferon.model.network import Lane, Network

Place = tuple[str, str]  # (node id, product id)
Ways = dict[Place, str]  # the lane that brings each product to each node; '' where the node makes or supplies it itself


def ways(network: Network, goods: Carries, products: Iterable[str]) -> Ways:
    """The cheapest way of each product from where it is made or bought to every node, by freight per unit; lead time and id break ties."""
    out: dict[str, list[Lane]] = {}
    for lane in network.lanes.values():
        out.setdefault(lane.origin, []).append(lane)
    found: Ways = {}
    for product in products:
        found |= {(node, product): lane for node, lane in _from_sources(network, goods, out, product).items()}
    return found


def _from_sources(network: Network, goods: Carries, out: dict[str, list[Lane]], product: str) -> dict[str, str]:
    """Node → the last lane of the shortest path (Dijkstra 1959) from a source of the product; only distribution centres pass goods on."""
    kinds = {node.id: node.kind for node in network.nodes.values()}
    heap = [(0.0, 0.0, "", node) for node, sent in goods.sends.items() if product in sent and kinds[node] in ("supplier", "plant")]
    heapq.heapify(heap)
    last: dict[str, str] = {}
    while heap:
        cost, days, lane_id, node = heapq.heappop(heap)
        if node in last:
            continue
        last[node] = lane_id
        if lane_id and kinds[node] != "dc":
            continue
        for lane in out.get(node, ()):
            to = lane.destination
            if to not in last and (kinds[to] == "customer" or product in goods.takes[to]):
                heapq.heappush(heap, (cost + lane.cost_per_unit, days + lane.lead_days_mean, lane.id, to))
    return last


def no_way(network: Network, goods: Carries, place: Place, wanted: str) -> InputError:
    """Why nothing brings the product there: a loop of lanes that nothing feeds, or no way in at all. `wanted` names the row that asks."""
    node, product = place
    into: dict[str, list[Lane]] = {}
    for lane in network.lanes.values():
        if product in goods.sends[lane.origin]:
            into.setdefault(lane.destination, []).append(lane)
    walked: list[Lane] = []
    while node in into and node not in {lane.destination for lane in walked}:
        walked.append(into[node][0])
        node = walked[-1].origin
    loop = (
        [lane.id for lane in walked[[lane.destination for lane in walked].index(node) :]] if node in {w.destination for w in walked} else []
    )
    if loop:
        names = ", ".join(reversed(loop))
        return InputError(f"lanes.csv: {names} go round in a loop that no plant or supplier of {product} feeds; {wanted} needs a way in")
    return InputError(f"lanes.csv: no lane brings {product} to {node}, and nobody makes or supplies it there; {wanted} needs a way in")
