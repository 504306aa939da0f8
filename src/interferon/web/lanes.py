"""Goods on every lane, usual and as routed now: demand carried upstream along the shares of a route. Called by `live`. Pure."""

from interferon.flow.reroute import Route
from interferon.model.network import Network
from interferon.web.view import LaneFlow

STAGES = 4  # from customer to supplier
SHIFTED = 0.02  # a lane whose share of some supply moved by this much counts as re-routed


def lane_flows(usual: Route, current: Route, network: Network) -> tuple[LaneFlow, ...]:
    """One row for each lane that carries goods in either route, by lane id."""
    before, after = _units(usual, network), _units(current, network)
    moved = _moved(usual, current)
    return tuple(
        LaneFlow(lane=lane, usual=before.get(lane, 0.0), now=after.get(lane, 0.0), rerouted=lane in moved)
        for lane in sorted(before.keys() | after.keys() | moved)
    )


def _moved(usual: Route, current: Route) -> set[str]:
    found: set[str] = set()
    for pair in usual.sourcing.keys() | current.sourcing.keys():
        old, new = dict(usual.sourcing.get(pair, ())), dict(current.sourcing.get(pair, ()))
        found |= {lane for lane in old.keys() | new.keys() if abs(old.get(lane, 0.0) - new.get(lane, 0.0)) > SHIFTED}
    return found


def _units(route: Route, network: Network) -> dict[str, float]:
    """Units a day by lane: what customers have ordered over the horizon, then what that takes at each stage before, parts included."""
    days = max(network.settings.horizon_days, 1)
    wanted: dict[tuple[str, str], float] = {}
    for order in network.orders.values():
        wanted[order.customer, order.product] = wanted.get((order.customer, order.product), 0.0) + order.quantity / days
    parts: dict[str, list[tuple[str, float]]] = {}
    for row in network.bom:
        parts.setdefault(row.parent, []).append((row.child, row.quantity))
    found: dict[str, float] = {}
    for _ in range(STAGES):
        before: dict[tuple[str, str], float] = {}
        for (place, product), quantity in wanted.items():
            for lane, share in route.sourcing.get((place, product), ()):
                found[lane] = found.get(lane, 0.0) + share * quantity
                origin = network.lanes[lane].origin
                makes = parts.get(product) if network.nodes[origin].kind == "plant" else None
                for child, each in makes or [(product, 1.0)]:
                    before[origin, child] = before.get((origin, child), 0.0) + share * quantity * each
        wanted = before
    return found
