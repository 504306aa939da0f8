"""Small networks of goods, by hand: nodes, lanes and tables with what a test does not care about filled in."""

from interferon.model.network import Asset, Bom, Conduit, Dependency, Lane, Network, Node, Order, Product, Settings, Site, Stock, Zone

START = 1_767_571_200_000_000


def lane(name: str, origin: str, destination: str, cost: float, days: float = 0.5, capacity: float = 1000.0, sd: float = 0.1) -> Lane:
    return Lane(
        id=name,
        origin=origin,
        destination=destination,
        mode="road",
        carrier="",
        capacity_per_day=capacity,
        lead_days_mean=days,
        lead_days_sd=sd,
        cost_per_unit=cost,
        distance_km=100.0,
        gco2e_tkm=80.0,
    )


def node(name: str, kind: str, capacity: float = 1000.0) -> Node:
    return Node(id=name, site=name, kind=kind, capacity_per_day=capacity)


def network(
    nodes: list[Node],
    lanes: list[Lane],
    orders: list[Order],
    inventory: dict[tuple[str, str], float],
    *,
    bom: tuple[Bom, ...] = (Bom(parent="p", child="c", quantity=2.0),),
    products: tuple[Product, ...] = (),
    dependencies: tuple[Dependency, ...] = (),
) -> Network:
    """Each node is a site of its own with an `ops` zone (WMS or MES) over a `floor` zone (PLC)."""
    goods = products or (
        Product(id="p", name="pump", unit="piece", value=100.0, margin=30.0),
        Product(id="c", name="case", unit="piece", value=10.0, margin=0.0),
    )
    zones = [
        Zone(id=f"{n.id}-{name}", site=n.id, purdue=level, criticality=3) for n in nodes for name, level in (("ops", 3.0), ("floor", 1.0))
    ]
    assets = [
        Asset(id=f"{name}-{n.id}", zone=f"{n.id}-{zone}", type=name) for n in nodes for name, zone in (("wms", "ops"), ("plc", "floor"))
    ]
    conduits = [Conduit(id=f"cut-{n.id}", from_zone=f"{n.id}-ops", to_zone=f"{n.id}-floor", protocol="mqtt", port=8883) for n in nodes]
    return Network(
        settings=Settings(name="test"),
        revision=1,
        sites={n.id: Site(id=n.id, name=n.id, country="DE", lat=50.0, lon=8.0) for n in nodes},
        zones={z.id: z for z in zones},
        conduits={c.id: c for c in conduits},
        assets={a.id: a for a in assets},
        partners={},
        nodes={n.id: n for n in nodes},
        lanes={row.id: row for row in lanes},
        products={p.id: p for p in goods},
        orders={o.id: o for o in orders},
        people={},
        bom=bom,
        inventory=tuple(Stock(node=n, product=p, quantity=q, as_of=START) for (n, p), q in inventory.items()),
        dependencies=dependencies,
    )
