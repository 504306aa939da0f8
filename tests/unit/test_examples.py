"""The examples are of the size and shape they claim, the same for the same start, and tight but feasible."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.store import examples

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def medica() -> Network:
    return examples.build("medica")


def test_minimal_is_a_plant_a_supplier_a_customer_and_fifteen_assets() -> None:
    network = examples.build("minimal")
    assert sorted(node.kind for node in network.nodes.values()) == ["customer", "plant", "supplier"]
    assert len(network.assets) == 15


def test_medica_has_the_size_it_claims(medica: Network) -> None:
    kinds = Counter(node.kind for node in medica.nodes.values())
    assert kinds == {"plant": 3, "dc": 4, "supplier": 12, "customer": 60}
    assert Counter(partner.kind for partner in medica.partners.values())["carrier"] == 6
    assert len([name for name in medica.products if name.startswith("p-")]) == 40
    assert len(medica.assets) >= 300
    assert len(medica.zones) >= 25
    assert {row.parent for row in medica.bom} == {f"p-{number}" for number in range(1, 41)}
    assert {row.child for row in medica.bom} == {name for name in medica.products if name.startswith("c-")}


def test_medica_has_every_type_of_asset_and_each_zone_has_some(medica: Network) -> None:
    types = Counter(asset.type for asset in medica.assets.values())
    assert {"plc", "robot", "agv", "hmi", "historian", "engineering_workstation", "scada", "sis", "gateway", "sensor_gateway"} <= set(types)
    assert {"wms", "mes", "erp", "tms", "identity_provider", "server", "workstation", "firewall", "cloud_service", "ai_agent"} <= set(types)
    assert {"telematics", "api", "camera", "switch"} <= set(types)
    assert types["wms"] == 4
    assert types["mes"] == 3
    assert all(medica.assets_in[zone] for zone in medica.zones)
    assert len({asset.address for asset in medica.assets.values()}) == len(medica.assets)


def test_every_zone_has_a_conduit(medica: Network) -> None:
    assert all(medica.conduits_of[zone] for zone in medica.zones)


def test_customers_have_a_quick_lane_and_slower_dearer_alternates(medica: Network) -> None:
    lanes = defaultdict(list)
    for lane in medica.lanes.values():
        if medica.nodes[lane.destination].kind == "customer":
            lanes[lane.destination].append(lane)
    assert len(lanes) == 60
    for usual, *others in lanes.values():
        assert 0.3 <= usual.lead_days_mean <= 0.8
        assert 1 <= len(others) <= 2
        assert all(lane.lead_days_mean > usual.lead_days_mean for lane in others)
        assert all(lane.capacity_per_day < usual.capacity_per_day for lane in others)
        assert all(lane.cost_per_unit / lane.distance_km > usual.cost_per_unit / usual.distance_km for lane in others)


def test_suppliers_have_alternates_and_every_plant_line_its_share(medica: Network) -> None:
    sources = defaultdict(set)
    for row in medica.inventory:
        if medica.nodes[row.node].kind == "supplier":
            sources[row.product].add(row.node)
    assert any(len(nodes) > 1 for nodes in sources.values())
    assert any(len(nodes) == 1 for nodes in sources.values())
    for plant in ("plant-1", "plant-2", "plant-3"):
        lines = [row for row in medica.dependencies if row.target == f"node:{plant}" and row.asset.startswith("plc-")]
        shares = sorted((row.share_lost for row in lines), reverse=True)
        assert shares[:3] == [0.4, 0.35, 0.25]
        assert any(row.fallback_share > 0 and row.share_lost == 0.4 for row in lines)


def test_redundancy_groups_have_two_members_at_least(medica: Network) -> None:
    groups = Counter((row.group, row.target) for row in medica.dependencies if row.group)
    assert len(groups) >= 10
    assert min(groups.values()) >= 2


def test_demand_is_fifty_to_seventy_lines_a_day_and_fits_the_capacities(medica: Network) -> None:
    start = examples.START
    coming = [order for order in medica.orders.values() if order.requested >= start]
    assert 50 <= len(coming) / 10 <= 70
    assert min(order.promised for order in medica.orders.values()) > start
    assert max(order.requested for order in medica.orders.values()) < start + 10 * DAY
    assert all(DAY <= order.promised - order.requested <= 2 * DAY for order in medica.orders.values())
    usual: dict[str, str] = {}
    for lane in medica.lanes.values():
        usual.setdefault(lane.destination, lane.origin)
    load: Counter[str] = Counter()
    for order in coming:
        load[usual[order.customer]] += int(order.quantity)
    for dc in ("dc-1", "dc-2", "dc-3", "dc-4"):
        assert 0.55 <= load[dc] / 10 / medica.nodes[dc].capacity_per_day <= 0.85


def test_stock_lasts_for_days_not_weeks(medica: Network) -> None:
    daily = sum(order.quantity for order in medica.orders.values() if order.requested >= examples.START) / 10
    held = sum(row.quantity for row in medica.inventory if row.node.startswith("dc-"))
    assert 2.0 <= held / daily <= 4.5


def test_a_later_start_moves_every_time_and_nothing_else() -> None:
    here, later = examples.build("medica"), examples.build("medica", examples.START + 7 * DAY)
    assert later.lanes == here.lanes
    assert [order.requested - 7 * DAY for order in later.orders.values()] == [order.requested for order in here.orders.values()]
    assert {row.as_of for row in later.inventory} == {examples.START + 7 * DAY}


@pytest.mark.parametrize("name", ["minimal", "medica"])
def test_the_same_start_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    for where in ("a", "b"):
        examples.write(name, tmp_path / where)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_an_unknown_example() -> None:
    with pytest.raises(InputError, match=r"no example is called 'medika' \(did you mean medica\?\); there are minimal, medica"):
        examples.build("medika")
