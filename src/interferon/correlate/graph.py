"""The network as correlation needs it: where a reference lies, which zones are neighbours, the way between two references.

Built once a network revision; plain dicts, so that the judge's state can be checkpointed. Used by `incidents`.
"""

from collections import deque
from dataclasses import dataclass, field

from interferon.model.network import Network


@dataclass
class Graph:
    """Assets, zones and conduits as adjacency."""

    revision: int = -1
    zone_of: dict[str, str] = field(default_factory=dict)  # reference → zone id
    site_of: dict[str, str] = field(default_factory=dict)  # zone id → site id
    criticality: dict[str, int] = field(default_factory=dict)  # zone id → 1–5
    neighbours: dict[str, dict[str, str]] = field(default_factory=dict)  # zone id → zone id → conduit id
    partner_of: dict[str, str] = field(default_factory=dict)  # asset reference → partner reference
    place_of: dict[str, str] = field(default_factory=dict)  # node, site and lane references → site id
    people: dict[str, str] = field(default_factory=dict)  # person id and name → id
    crowd: dict[str, tuple[int, int]] = field(default_factory=dict)  # zone id → assets in it, and in it and its neighbours


def graph_of(network: Network) -> Graph:
    """The graph of one revision."""
    graph = Graph(revision=network.revision)
    for zone in network.zones.values():
        graph.site_of[zone.id] = zone.site
        graph.criticality[zone.id] = zone.criticality
        graph.zone_of[f"zone:{zone.id}"] = zone.id
    for asset in network.assets.values():
        graph.zone_of[f"asset:{asset.id}"] = asset.zone
        if asset.partner:
            graph.partner_of[f"asset:{asset.id}"] = f"partner:{asset.partner}"
    graph.zone_of.update({f"process:{each.id}": network.zone_of(f"asset:{each.asset}") for each in network.processes.values()})
    graph.zone_of.update({f"identity:{each.id}": network.zone_of(f"asset:{each.asset}") for each in network.clients.values()})
    for conduit in network.conduits.values():
        graph.neighbours.setdefault(conduit.from_zone, {}).setdefault(conduit.to_zone, conduit.id)
        graph.neighbours.setdefault(conduit.to_zone, {}).setdefault(conduit.from_zone, conduit.id)
    graph.place_of.update({f"node:{node.id}": node.site for node in network.nodes.values()})
    graph.place_of.update({f"site:{site}": site for site in network.sites})
    sizes = dict.fromkeys(network.zones, 0)
    for asset in network.assets.values():
        sizes[asset.zone] += 1
    for name, size in sizes.items():
        graph.crowd[name] = (size, size + sum(sizes[other] for other in graph.neighbours.get(name, {})))
    for person in network.people.values():
        graph.people[person.id] = graph.people[person.name] = person.id
    return graph


def site(graph: Graph, ref: str) -> str:
    """Site id of a reference, or ''."""
    return graph.site_of.get(graph.zone_of.get(ref, ""), "") or graph.place_of.get(ref, "")


def nearness(graph: Graph, one: str, other: str) -> int:
    """Hops between the zones of two references: 0 same zone, 1 a conduit apart, 2 further or unknown."""
    here, there = graph.zone_of.get(one), graph.zone_of.get(other)
    if here is None or there is None:
        return 2
    return 0 if here == there else 1 if there in graph.neighbours.get(here, {}) else 2


def searched(graph: Graph, ref: str, hops: int) -> int:
    """How many assets lie as near as `ref` does at `hops` (0 or 1) from somewhere: each of them could have been the one that spoke."""
    return max(graph.crowd.get(graph.zone_of.get(ref, ""), (1, 1))[hops], 1)


def way(graph: Graph, start: str, end: str) -> tuple[tuple[str, str, str], ...]:
    """Shortest way between two references as (from, to, over): over a conduit, a shared zone, or `relation` where no map tells.

    Breadth first over conduits in either direction; ties go to the zone that the tables name first.
    """
    here, there = graph.zone_of.get(start, ""), graph.zone_of.get(end, "")
    if not here or not there:
        return ((start, end, "relation"),)
    if here == there:
        return ((start, end, f"zone:{here}"),)
    came: dict[str, str] = {here: ""}
    queue = deque([here])
    while queue and there not in came:
        zone = queue.popleft()
        for following in graph.neighbours.get(zone, {}):
            if following not in came:
                came[following] = zone
                queue.append(following)
    if there not in came:
        return ((start, end, "relation"),)
    zones = [there]
    while zones[-1] != here:
        zones.append(came[zones[-1]])
    zones.reverse()
    stops = [start, *(f"zone:{zone}" for zone in zones[1:-1]), end]
    return tuple((stops[i], stops[i + 1], f"conduit:{graph.neighbours[zones[i]][zones[i + 1]]}") for i in range(len(zones) - 1))
