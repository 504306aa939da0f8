"""Tiered supply networks drawn by a seed, of the sizes that `interferon bench flow` asks for: suppliers, hubs, centres, customers.

A day in steady state: every customer orders every product once, all lead times lie within the day, each place is a site with one zone
whose control system carries between half and all of it.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.problem import Floats, Problem, Snapshot, build, opening
from interferon.model.network import Asset, Conduit, Dependency, Lane, Network, Node, Order, Product, Settings, Site, Zone

START = 1_767_571_200_000_000
DAY_US = 86_400_000_000
NEIGHBOURS = 3  # conduits from each zone to the nearest others


@dataclass(frozen=True)
class Size:
    """How many places of each kind, into how many of the tier above each looks, and products."""

    suppliers: int
    hubs: int
    centres: int
    customers: int
    hub_lanes: int  # lanes into each hub
    centre_lanes: int
    customer_lanes: int
    products: int

    @property
    def arcs(self) -> int:
        return self.hubs * self.hub_lanes + self.centres * self.centre_lanes + self.customers * self.customer_lanes


SMALL = Size(8, 12, 40, 62, 6, 8, 10, 4)  # 1,012 arcs, 60 zones
MIDDLE = Size(40, 80, 240, 600, 15, 12, 10, 4)  # 10,080 arcs
LARGE = Size(120, 300, 1200, 6000, 30, 20, 11, 1)  # 99,000 arcs
LOAD = 0.75  # of a place's capacity if each place took its goods in equal parts from the NEAR nearest, which it does not
NEAR = 3


def tiers(size: Size, seed: int, days: int = 1) -> Network:
    """The network over `days` days. Places lie on a square of 1,000 km; lanes go to the nearest
    of the tier above, freight follows the distance.

    A hub and the centres nearest to it are one site, a supplier is its own; a zone for each place, conduits to the nearest other zones.
    """
    rng = np.random.default_rng(seed)
    counts = {"supplier": size.suppliers, "hub": size.hubs, "centre": size.centres, "customer": size.customers}
    where = {kind: rng.uniform(0, 1000, (count, 2)) for kind, count in counts.items()}
    goods = [f"p{i}" for i in range(size.products)]
    quantity = rng.lognormal(3.0, 0.6, (size.customers, size.products)).round(1)
    total = float(quantity.sum())
    rooms = _rooms(rng, where, quantity.sum(axis=1))
    hub = np.argmin(_away(where["centre"], where["hub"]), axis=1)
    nodes = [
        Node(
            id=f"{kind}-{i}",
            site=f"hub-{hub[i]}" if kind == "centre" else f"{kind}-{i}",
            kind={"hub": "dc", "centre": "dc"}.get(kind, kind),
            capacity_per_day=room,
        )
        for kind, count in counts.items()
        for i, room in enumerate(rooms[kind].tolist())
    ]
    lanes: list[Lane] = []
    for upper, lower, each in (
        ("supplier", "hub", size.hub_lanes),
        ("hub", "centre", size.centre_lanes),
        ("centre", "customer", size.customer_lanes),
    ):
        lanes += _lanes(rng, (upper, where[upper]), (lower, where[lower]), each, total)
    guarded = [node for node in nodes if node.kind != "customer"]
    spots = np.concatenate([where["supplier"], where["hub"], where["centre"]])
    return Network(
        settings=Settings(name=f"tiers-{size.arcs}", horizon_days=days),
        revision=1,
        sites={site: Site(id=site, name=site, country="DE", lat=50.0, lon=8.0) for site in dict.fromkeys(node.site for node in nodes)},
        zones={
            f"z-{node.id}": Zone(id=f"z-{node.id}", site=node.site, purdue=3.0 if "hub" in node.id else 2.0, criticality=3)
            for node in guarded
        },
        conduits=_conduits(guarded, spots),
        assets={f"a-{node.id}": Asset(id=f"a-{node.id}", zone=f"z-{node.id}", type="wms") for node in guarded},
        partners={},
        nodes={node.id: node for node in nodes},
        lanes={lane.id: lane for lane in lanes},
        products={
            p: Product(id=p, name=p, unit="piece", value=float(rng.uniform(40, 120)), margin=float(rng.uniform(15, 40))) for p in goods
        },
        orders={
            f"o-{c}-{p}": Order(
                id=f"o-{c}-{p}",
                customer=f"customer-{c}",
                product=p,
                quantity=float(quantity[c, i] * days),
                requested=START,
                promised=START + DAY_US * days,
            )
            for c in range(size.customers)
            for i, p in enumerate(goods)
        },
        people={},
        dependencies=tuple(
            Dependency(asset=f"a-{node.id}", target=f"node:{node.id}", share_lost=float(rng.uniform(0.5, 1.0))) for node in guarded
        ),
    )


def problem(network: Network) -> Problem:
    """The network's horizon as one bucket."""
    return build(network, snapshot(network), np.array([0.0, float(network.settings.horizon_days)]))


def snapshot(network: Network) -> Snapshot:
    """All orders open, no stock, nothing on its way."""
    return opening(network, START)


def closures(network: Network, count: int, seed: int) -> list[str]:
    """References of `count` zones, each once."""
    zones = sorted(network.zones)
    return [f"zone:{zones[i]}" for i in np.random.default_rng(seed).choice(len(zones), min(count, len(zones)), replace=False)]


def _away(below: Floats, above: Floats) -> Floats:
    """(below, above) distances in km."""
    away: Floats = np.hypot(*(below[:, None, :] - above[None, :, :]).transpose(2, 0, 1))
    return away


def _conduits(nodes: list[Node], spots: Floats) -> dict[str, Conduit]:
    """From each place's zone to the zones of its nearest neighbours, each pair once."""
    near = np.argsort(_away(spots, spots), axis=1, kind="stable")[:, 1 : NEIGHBOURS + 1]
    pairs = sorted({tuple(sorted((i, j))) for i, row in enumerate(near.tolist()) for j in row})
    rows = [
        Conduit(id=f"c-{nodes[i].id}-{nodes[j].id}", from_zone=f"z-{nodes[i].id}", to_zone=f"z-{nodes[j].id}", protocol="https", port=443)
        for i, j in pairs
    ]
    return {row.id: row for row in rows}


def _rooms(rng: np.random.Generator, where: dict[str, Floats], wanted: Floats) -> dict[str, Floats]:
    """Capacities by kind: each tier is laid out for what lies round it, with a factor of .7 to 1.3."""
    rooms: dict[str, Floats] = {"customer": wanted}
    through: Floats = wanted
    for lower, upper in (("customer", "centre"), ("centre", "hub"), ("hub", "supplier")):
        near = np.argsort(_away(where[lower], where[upper]), axis=1, kind="stable")[:, :NEAR]
        through = np.bincount(near.ravel(), np.repeat(through / NEAR, NEAR), len(where[upper])).astype(np.float64)
        rooms[upper] = np.round(np.maximum(through, through.mean() / 4) / LOAD * rng.uniform(0.7, 1.3, len(through)), 1)
    return rooms


def _lanes(rng: np.random.Generator, upper: tuple[str, Floats], lower: tuple[str, Floats], each: int, total: float) -> list[Lane]:
    above, below = upper[1], lower[1]
    away = _away(below, above)
    room = 12.0 * total / (len(below) * each)
    found: list[Lane] = []
    for i, near in enumerate(np.argsort(away, axis=1, kind="stable")[:, :each]):
        for j in near.tolist():
            found.append(
                Lane(
                    id=f"{upper[0]}-{j}:{lower[0]}-{i}",
                    origin=f"{upper[0]}-{j}",
                    destination=f"{lower[0]}-{i}",
                    mode="road",
                    carrier="",
                    capacity_per_day=float(np.round(room * rng.uniform(0.5, 1.5), 1)),
                    lead_days_mean=0.0,
                    lead_days_sd=0.0,
                    cost_per_unit=float(np.round(0.5 + away[i, j] / 100 * rng.uniform(0.8, 1.2), 3)),
                    distance_km=float(away[i, j]),
                    gco2e_tkm=80.0,
                )
            )
    return found
