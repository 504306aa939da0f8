"""The example `minimal`: one supplier, one plant with one line, one customer, fifteen assets. Small enough to read whole.

Orders of magnitude as in `scale`. Pure.
"""

from interferon.model.network import (
    Asset,
    Bom,
    Conduit,
    Dependency,
    Lane,
    Network,
    Node,
    Order,
    Partner,
    Person,
    Product,
    Roster,
    Settings,
    Site,
    Stock,
    Zone,
)
from interferon.store.examples import scale
from interferon.store.examples.scale import DAY, HOUR

# id, zone, type, last part of the address
_ASSETS = (
    ("plc-1", "plant-1-cell-1", "plc", "10.1.11.1"),
    ("plc-2", "plant-1-cell-1", "plc", "10.1.11.2"),
    ("robot-1", "plant-1-cell-1", "robot", "10.1.11.3"),
    ("sgw-1", "plant-1-cell-1", "sensor_gateway", "10.1.11.4"),
    ("sis-1", "plant-1-safety", "sis", "10.1.12.1"),
    ("hmi-1", "plant-1-control", "hmi", "10.1.20.1"),
    ("ews-1", "plant-1-control", "engineering_workstation", "10.1.20.2"),
    ("hist-1", "plant-1-control", "historian", "10.1.20.3"),
    ("mes-1", "plant-1-ops", "mes", "10.1.30.1"),
    ("srv-1", "plant-1-ops", "server", "10.1.30.2"),
    ("fw-1", "plant-1-ops", "firewall", "10.1.30.254"),
    ("erp-1", "corp-it", "erp", "10.50.0.1"),
    ("idp-1", "corp-it", "identity_provider", "10.50.0.2"),
    ("wks-1", "corp-it", "workstation", "10.50.0.10"),
    ("wks-2", "corp-it", "workstation", "10.50.0.11"),
)
# id, from, to, protocol, port (IANA registered)
_CONDUITS = (
    ("conduit-1", "plant-1-control", "plant-1-cell-1", "modbus", 502),
    ("conduit-2", "plant-1-control", "plant-1-safety", "modbus", 502),
    ("conduit-3", "plant-1-ops", "plant-1-control", "opcua", 4840),
    ("conduit-4", "corp-it", "plant-1-ops", "https", 443),
    ("conduit-5", "plant-1-ops", "corp-it", "https", 443),
)
# asset, share lost, fallback share, fallback delay, tolerance: the line stops with its controllers, the plant runs a while without MES
_NEEDS = (
    ("plc-1", 1.0, 0.0, 0.0, 0.5),
    ("plc-2", 0.6, 0.4, 2.0, 0.5),
    ("robot-1", 0.4, 0.6, 2.0, 0.5),
    ("sgw-1", 0.1, 0.8, 1.0, 8.0),
    ("sis-1", 1.0, 0.0, 0.0, 0.0),
    ("hmi-1", 0.3, 0.7, 1.0, 2.0),
    ("hist-1", 0.05, 0.0, 0.0, 24.0),
    ("ews-1", 0.0, 0.0, 0.0, 0.0),
    ("mes-1", 0.7, 0.4, 3.0, 2.0),
    ("erp-1", 0.3, 0.5, 4.0, 8.0),
    ("wks-1", 0.0, 0.0, 0.0, 0.0),
    ("wks-2", 0.0, 0.0, 0.0, 0.0),
)
_SITES = (
    Site(id="plant-1", name="Plant 1", country="DE", lat=51.34, lon=12.37),
    Site(id="office", name="Head office", country="DE", lat=51.05, lon=13.74),
    Site(id="sup-1", name="Supplier S1", country="CZ", lat=49.75, lon=13.38),
    Site(id="cust-1", name="Customer C1", country="DE", lat=52.52, lon=13.40),
)
_ZONES = (
    Zone(id="plant-1-cell-1", site="plant-1", purdue=1.0, criticality=4),
    Zone(id="plant-1-safety", site="plant-1", purdue=1.0, criticality=5),
    Zone(id="plant-1-control", site="plant-1", purdue=2.0, criticality=4),
    Zone(id="plant-1-ops", site="plant-1", purdue=3.0, criticality=3),
    Zone(id="corp-it", site="office", purdue=4.0, criticality=3),
)


def build(start: int) -> Network:
    """The network as it stands at `start` (UTC microseconds)."""
    orders = _orders(start)
    return Network(
        settings=Settings(name="minimal"),
        revision=1,
        sites={row.id: row for row in _SITES},
        zones={row.id: row for row in _ZONES},
        conduits={
            name: Conduit(id=name, from_zone=origin, to_zone=to, protocol=protocol, port=port)
            for name, origin, to, protocol, port in _CONDUITS
        },
        assets={
            name: Asset(id=name, zone=zone, type=kind, address=address, owner="it-owner" if zone == "corp-it" else "plant-1-owner")
            for name, zone, kind, address in _ASSETS
        },
        partners={
            "supplier-1": Partner(id="supplier-1", name="Supplier S1 (resin)", kind="supplier"),
            "carrier-1": Partner(id="carrier-1", name="Carrier R1 (road)", kind="carrier"),
        },
        nodes={
            "sup-1": Node(id="sup-1", site="sup-1", kind="supplier", capacity_per_day=600.0),
            "plant-1": Node(id="plant-1", site="plant-1", kind="plant", capacity_per_day=120.0),
            "cust-1": Node(id="cust-1", site="cust-1", kind="customer", capacity_per_day=1000.0),
        },
        lanes={
            "lane-1": _lane("lane-1", "sup-1", "plant-1", 180.0, 800.0, 0.6),
            "lane-2": _lane("lane-2", "plant-1", "cust-1", 190.0, 240.0, 0.4),
        },
        products={
            "p-1": Product(id="p-1", name="Infusion set, case of 50", unit="case", value=140.0, margin=48.0, kg_per_unit=6.0),
            "c-1": Product(id="c-1", name="Medical resin", unit="kg", value=4.0, margin=0.0),
        },
        orders={order.id: order for order in orders},
        people={
            "plant-1-owner": Person(id="plant-1-owner", name="Plant 1 process owner", role="process owner"),
            "it-owner": Person(id="it-owner", name="IT owner", role="system owner"),
            "operator-1": Person(id="operator-1", name="On-call operator", role="operator"),
        },
        bom=(Bom(parent="p-1", child="c-1", quantity=2.5),),
        inventory=(
            Stock(node="sup-1", product="c-1", quantity=3000.0, as_of=start),
            Stock(node="plant-1", product="c-1", quantity=900.0, as_of=start),
            Stock(node="plant-1", product="p-1", quantity=180.0, as_of=start),
        ),
        dependencies=tuple(
            Dependency(
                asset=asset, target="node:plant-1", share_lost=lost, fallback_share=share, fallback_delay_h=delay, tolerance_h=tolerance
            )
            for asset, lost, share, delay, tolerance in _NEEDS
        ),
        rosters=(Roster(person="operator-1", role="operator", starts=start - 2 * DAY, ends=start + 12 * DAY),),
    )


def _lane(name: str, origin: str, to: str, km: float, capacity: float, days: float) -> Lane:
    return Lane(
        id=name,
        origin=origin,
        destination=to,
        mode="road",
        carrier="carrier-1",
        capacity_per_day=capacity,
        lead_days_mean=days,
        lead_days_sd=0.05,
        cost_per_unit=round(scale.TRUCK_PER_KM / scale.CASES_PER_TRUCK * km * scale.DELIVERY_FACTOR, 2),
        distance_km=km,
        gco2e_tkm=scale.ROAD_DELIVERY,
    )


def _orders(start: int) -> list[Order]:
    """Four orders a day of about 20 cases, from the day before `start` to ten days after it, each promised for 36 or 48 hours later."""
    orders: list[Order] = []
    for slot in range(-4, 40):
        requested = start + slot * 6 * HOUR + HOUR
        promised = requested + (36 if slot % 2 else 48) * HOUR
        quantity = float(16 + 3 * (slot % 4))
        name = f"o-{len(orders) + 1}"
        orders.append(Order(id=name, customer="cust-1", product="p-1", quantity=quantity, requested=requested, promised=promised))
    return orders
