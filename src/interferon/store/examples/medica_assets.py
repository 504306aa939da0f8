"""The assets of `medica` and what depends on them. Called by `medica` alone. Pure.

Shares, tolerances and fallbacks are planning assumptions of the size that business impact analyses state: a line stops within half an
hour without its controller, a warehouse works on paper lists at about a third of its pace, ERP is missed after a shift.
"""

from collections import Counter
from typing import Final

from interferon.model.network import Asset, Dependency, Lane
from interferon.store.examples.medica_places import CELLS, DCS, PLANTS

LINE_SHARES: Final = (0.40, 0.35, 0.25)  # of a plant's capacity, by cell
AGV_PAIRS: Final = 3
_PREFIX: Final = {
    "engineering_workstation": "ews",
    "historian": "hist",
    "identity_provider": "idp",
    "workstation": "wks",
    "server": "srv",
    "switch": "sw",
    "firewall": "fw",
    "gateway": "gw",
    "sensor_gateway": "sgw",
    "camera": "cam",
    "telematics": "truck",
    "ai_agent": "agent",
    "cloud_service": "svc",
}
_AUTOMATION: Final = ("plc", "robot", "hmi", "scada", "sis", "historian", "engineering_workstation", "sensor_gateway")
_VENDOR: Final = dict.fromkeys(_AUTOMATION, "vendor-1")
_VENDOR.update({"agv": "vendor-2", "wms": "vendor-2", "telematics": "vendor-3", "cloud_service": "cloud-1", "ai_agent": "ai-1"})
_AGENTS: Final = ("forecast", "replenish", "source", "route")

# per zone of a kind: (asset type, how many)
_CELL: Final = (("plc", 3), ("robot", 2), ("hmi", 1))
_PLANT: Final = {
    "safety": (("sis", 2),),
    "control": (("scada", 1), ("historian", 1), ("engineering_workstation", 2), ("sensor_gateway", 2), ("switch", 2)),
    "ops": (("mes", 1), ("server", 4), ("workstation", 9), ("camera", 3), ("hmi", 1)),
    "dmz": (("firewall", 1), ("gateway", 1), ("server", 1), ("historian", 1)),
}
_DC: Final = {
    "floor": (("agv", 2 * AGV_PAIRS), ("plc", 2), ("hmi", 2), ("sensor_gateway", 1), ("camera", 3), ("switch", 1)),
    "ops": (("wms", 1), ("server", 2), ("workstation", 7), ("firewall", 1), ("gateway", 1)),
}
_CORP: Final = {
    "corp-servers": (("erp", 1), ("tms", 1), ("identity_provider", 1), ("server", 8), ("api", 4), ("switch", 2), ("firewall", 2)),
    "corp-it": (("workstation", 24), ("switch", 1)),
    "cloud": (("cloud_service", 4), ("ai_agent", 4), ("api", 2)),
    "fleet": (("telematics", 12),),
}

# type: (share of the site's node, fallback share, fallback delay h, tolerance h). A share of 0 says: declared to be of no effect.
_PLANT_NEEDS: Final = {
    "sis": (0.9, 0.0, 0.0, 0.0),
    "scada": (0.5, 0.6, 2.0, 4.0),
    "historian": (0.02, 0.0, 0.0, 24.0),
    "engineering_workstation": (0.0, 0.0, 0.0, 0.0),
    "sensor_gateway": (0.1, 0.7, 1.0, 8.0),
    "mes": (0.8, 0.3, 4.0, 2.0),
    "server": (0.04, 0.5, 4.0, 8.0),
    "hmi": (0.02, 0.8, 1.0, 4.0),  # the shift office; those of the lines stand in _LINE_NEEDS
    "workstation": (0.0, 0.0, 0.0, 0.0),
    "camera": (0.0, 0.0, 0.0, 0.0),
}
_LINE_NEEDS: Final = {"robot": (0.25, 0.5, 2.0, 0.5), "hmi": (0.3, 0.7, 1.0, 2.0)}  # of the line's share
_DC_NEEDS: Final = {
    "wms": (0.85, 0.4, 2.5, 0.5),
    "plc": (0.35, 0.5, 1.0, 0.25),
    "hmi": (0.05, 0.8, 0.5, 1.0),
    "sensor_gateway": (0.2, 0.7, 1.0, 6.0),
    "switch": (0.6, 0.4, 2.0, 0.0),
    "server": (0.1, 0.6, 2.0, 2.0),
    "firewall": (0.3, 0.5, 2.0, 1.0),
    "workstation": (0.01, 0.8, 0.5, 1.0),
    "camera": (0.0, 0.0, 0.0, 0.0),
}


def assets() -> list[Asset]:
    """All assets; numbered through by type, plants first."""
    counts: Counter[str] = Counter()
    rows: list[Asset] = []
    for number in range(1, len(PLANTS) + 1):
        plant = f"plant-{number}"
        zones = {f"cell-{cell}": _CELL for cell in range(1, CELLS + 1)} | _PLANT
        for level, (zone, wanted) in enumerate(zones.items(), 1):
            rows += _zone_assets(counts, f"{plant}-{zone}", wanted, f"10.{number}.{level}", f"{plant}-owner")
    for number in range(1, len(DCS) + 1):
        for level, (zone, wanted) in enumerate(_DC.items(), 1):
            rows += _zone_assets(counts, f"dc-{number}-{zone}", wanted, f"10.{10 + number}.{level}", f"dc-{number}-owner")
    for level, (zone, wanted) in enumerate(_CORP.items(), 1):
        rows += _zone_assets(counts, zone, wanted, f"10.50.{level}", "fleet-owner" if zone == "fleet" else "it-owner")
    return rows


def _zone_assets(counts: Counter[str], zone: str, wanted: tuple[tuple[str, int], ...], network: str, owner: str) -> list[Asset]:
    rows: list[Asset] = []
    for kind, many in wanted:
        for _ in range(many):
            counts[kind] += 1
            rows.append(_asset(kind, counts[kind], zone, f"{network}.{len(rows) + 1}", owner))
    return rows


def _asset(kind: str, number: int, zone: str, address: str, owner: str) -> Asset:
    partner = _VENDOR.get(kind, "")
    model = f"{_AGENTS[(number - 1) % len(_AGENTS)]} agent" if kind == "ai_agent" else f"{kind.replace('_', ' ')} series {1 + number % 3}"
    return Asset(
        id=f"{_PREFIX.get(kind, kind)}-{number}",
        zone=zone,
        type=kind,
        vendor=partner,
        model=model,
        version=f"{2 + number % 3}.{number % 5}",
        address=address,
        owner=owner,
        partner=partner,
    )


def dependencies(rows: list[Asset], lanes: list[Lane]) -> list[Dependency]:
    """What each asset is needed for. Gateways and the hosts of the DMZ are left out on purpose: no inventory is complete."""
    needs: list[Dependency] = []
    for asset in rows:
        site, _, part = asset.zone.partition("-cell-")
        if part:
            needs += _line_needs(asset, site, int(part))
        elif asset.zone.startswith("plant-"):
            needs += _plant_needs(asset, asset.zone.rpartition("-")[0])
        elif asset.zone.startswith("dc-"):
            needs += _dc_needs(asset, asset.zone.rpartition("-")[0])
    return needs + _central_needs(lanes) + _fleet_needs([asset.id for asset in rows if asset.type == "telematics"], lanes)


def _line_needs(asset: Asset, plant: str, cell: int) -> list[Dependency]:
    """The first controller of a cell runs the line, the others one station each."""
    line = LINE_SHARES[cell - 1]
    if asset.type == "plc":
        first = int(asset.id.rpartition("-")[2]) % 3 == 1  # three controllers a cell, numbered through
        values = (line, 0.0, 0.0, 0.5) if first else (0.3 * line, 0.5, 3.0, 1.0)
        # on the first line of each plant the filling station can be run by hand at half pace
        return [_need(asset.id, plant, (line, 0.5, 4.0, 0.5) if first and cell == 1 else values)]
    share, *rest = _LINE_NEEDS[asset.type]
    return [_need(asset.id, plant, (share * line, *rest))]


def _plant_needs(asset: Asset, plant: str) -> list[Dependency]:
    if asset.type == "switch":  # a ring of two: either carries the traffic alone
        return [_need(asset.id, plant, (0.7, 0.0, 0.0, 0.0), group=f"{plant}-ring")]
    known = asset.type in _PLANT_NEEDS and not asset.zone.endswith("-dmz")
    return [_need(asset.id, plant, _PLANT_NEEDS[asset.type])] if known else []


def _dc_needs(asset: Asset, dc: str) -> list[Dependency]:
    if asset.type == "agv":  # pairs serve one aisle and stand in for each other; fork-lift trucks win back half
        pair = (int(asset.id.rpartition("-")[2]) - 1) % (2 * AGV_PAIRS) // 2 + 1
        return [_need(asset.id, dc, (0.16, 0.5, 1.0, 0.25), group=f"{dc}-aisle-{pair}")]
    return [_need(asset.id, dc, _DC_NEEDS[asset.type])] if asset.type in _DC_NEEDS else []


def _central_needs(lanes: list[Lane]) -> list[Dependency]:
    """ERP, identity, transport management and planning agents reach every site; each can be missed for a while."""
    needs: list[Dependency] = []
    for number in range(1, len(DCS) + 1):
        dc = f"dc-{number}"
        needs += [_need("erp-1", dc, (0.3, 0.5, 4.0, 8.0)), _need("idp-1", dc, (0.2, 0.6, 2.0, 4.0))]
        needs += [_need("agent-1", dc, (0.04, 0.8, 8.0, 48.0)), _need("agent-4", dc, (0.08, 0.8, 1.0, 4.0))]
    for number in range(1, len(PLANTS) + 1):
        needs += [_need("erp-1", f"plant-{number}", (0.15, 0.5, 8.0, 24.0)), _need("idp-1", f"plant-{number}", (0.1, 0.6, 4.0, 8.0))]
    for lane in lanes:
        if lane.origin.startswith("dc-"):
            needs.append(_need("tms-1", f"lane:{lane.id}", (0.5, 0.6, 3.0, 2.0)))
        elif lane.origin.startswith("plant-"):
            needs.append(_need("agent-2", f"lane:{lane.id}", (0.1, 0.8, 4.0, 24.0)))
        else:
            needs.append(_need("agent-3", f"lane:{lane.id}", (0.1, 0.8, 8.0, 48.0)))
    return needs


def _fleet_needs(trucks: list[str], lanes: list[Lane]) -> list[Dependency]:
    """Our own vehicles drive some delivery lanes, three lanes each; a subcontractor stands in within hours."""
    own = [lane for lane in lanes if lane.origin.startswith("dc-") and not lane.carrier]
    return [_need(trucks[number % len(trucks)], f"lane:{lane.id}", (0.5, 0.7, 3.0, 1.0)) for number, lane in enumerate(own)]


def _need(asset: str, target: str, values: tuple[float, ...], group: str = "") -> Dependency:
    share, fallback, delay, tolerance = values
    return Dependency(
        asset=asset,
        target=target if ":" in target else f"node:{target}",
        share_lost=round(share, 3),
        fallback_share=fallback,
        fallback_delay_h=delay,
        tolerance_h=tolerance,
        group=group,
    )
