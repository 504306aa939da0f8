"""The lanes of `medica`: supplier → plant, plant → centre, centre → customer, with cost, emission and lead time by mode and distance.

Called by `medica` alone. Pure.
"""

import math
from collections import defaultdict
from typing import Final

from msgspec.structs import replace

from interferon.model.network import Lane
from interferon.store.examples import scale
from interferon.store.examples.medica_demand import Standing
from interferon.store.examples.medica_goods import OVERSEAS, Goods, supply
from interferon.store.examples.medica_places import DCS, PLANTS, SUPPLIERS, TOWNS

Spot = tuple[float, float]  # latitude, longitude
Ends = tuple[str, str, Spot, Spot]

_MODES: Final = {  # mode → (grams CO2e/tkm, cost against a full truck, detour)
    "road": (scale.ROAD_LONG, 1.0, scale.ROAD_DETOUR),
    "delivery": (scale.ROAD_DELIVERY, scale.DELIVERY_FACTOR, scale.ROAD_DETOUR),
    "rail": (scale.RAIL, scale.RAIL_COST, scale.ROAD_DETOUR),
    "sea": (scale.SEA, scale.SEA_COST, scale.SEA_DETOUR),
    "air": (scale.AIR, scale.AIR_COST, 1.0),
}


def lanes(made: Goods, demands: list[Standing]) -> list[Lane]:
    """Supplier → plant, plant → centre, centre → customer."""
    rows = _inbound(made) + _trunk(made) + _delivery(made, demands)
    return [replace(row, id=f"lane-{number}") for number, row in enumerate(rows, 1)]


def _inbound(made: Goods) -> list[Lane]:
    rows: list[Lane] = []
    for supplier, (_, _, country, *_) in enumerate(SUPPLIERS, 1):
        use = supply(made, supplier)
        for plant in sorted({plant for plant, _ in use}):
            capacity = 2.0 * sum(amount for (where, _), amount in use.items() if where == plant)
            ends: Ends = (f"sup-{supplier}", f"plant-{plant}", SUPPLIERS[supplier - 1][-2:], PLANTS[plant - 1][-2:])
            if country in OVERSEAS:  # by sea in weeks, or by air in days, dear
                rows += [_lane(ends, "sea", "carrier-6", capacity, 28.0, 3.0), _lane(ends, "air", "carrier-6", capacity / 2, 3.0, 0.5)]
            else:
                km = scale.great_circle_km(ends[2], ends[3]) * scale.ROAD_DETOUR
                # a lorry makes about 600 km in a day under the EU driving-time rules (9 h), and waits half a day at the gates
                rows.append(_lane(ends, "road", f"carrier-{1 + supplier % 4}", capacity, round(0.5 + km / 600, 2), 0.2))
    return rows


def _trunk(made: Goods) -> list[Lane]:
    flow = sum(mean for mean, _ in made.dc_volume.values()) / len(PLANTS) / len(DCS)
    rows: list[Lane] = []
    for plant, from_place in enumerate(PLANTS, 1):
        for dc, to_place in enumerate(DCS, 1):
            ends: Ends = (f"plant-{plant}", f"dc-{dc}", from_place[-2:], to_place[-2:])
            km = scale.great_circle_km(ends[2], ends[3]) * scale.ROAD_DETOUR
            rows.append(_lane(ends, "road", f"carrier-{dc}", 2.5 * flow, round(0.3 + km / 900, 2), 0.1))  # two drivers, overnight
            if km > 700:
                rows.append(_lane(ends, "rail", "carrier-5", 1.5 * flow, round(1.0 + km / 500, 2), 0.3))
    return rows


def _delivery(made: Goods, demands: list[Standing]) -> list[Lane]:
    """The usual centre overnight; alternates take longer, cost more and carry about one day's ordinary demand."""
    daily: dict[int, float] = defaultdict(float)
    for demand in demands:
        daily[demand.customer] += demand.volume
    rows: list[Lane] = []
    for customer, centres in sorted(made.home.items()):
        for rank, dc in enumerate(centres):
            ends: Ends = (f"dc-{dc}", f"cust-{customer}", DCS[dc - 1][-2:], TOWNS[customer - 1][-2:])
            km = scale.great_circle_km(ends[2], ends[3]) * scale.ROAD_DETOUR
            if rank == 0:
                carrier = "" if customer % 5 < 3 else f"carrier-{dc}"  # three in five go by our own vehicles
                rows.append(_lane(ends, "delivery", carrier, max(4.0 * daily[customer], 100.0), min(0.8, round(0.3 + km / 1500, 2)), 0.07))
            else:
                capacity = max((1.2 if rank == 1 else 0.8) * daily[customer], 40.0)
                days = min(1.4, round(0.6 + 0.15 * rank + km / 1500, 2))
                rows.append(_lane(ends, "delivery", f"carrier-{dc}", capacity, days, 0.15, dearer=1.5))
    return rows


def _lane(ends: Ends, mode: str, carrier: str, capacity: float, days: float, sd: float, dearer: float = 1.0) -> Lane:
    """A lane without an id. Capacity in units a day, lead time and its standard deviation in days."""
    origin, to, from_spot, to_spot = ends
    grams, factor, detour = _MODES[mode]
    km = max(10.0, round(scale.great_circle_km(from_spot, to_spot) * detour, 1))
    return Lane(
        id="",
        origin=origin,
        destination=to,
        mode="road" if mode == "delivery" else mode,
        carrier=carrier,
        capacity_per_day=float(math.ceil(capacity / 5) * 5),
        lead_days_mean=days,
        lead_days_sd=sd,
        cost_per_unit=round(scale.TRUCK_PER_KM / scale.CASES_PER_TRUCK * km * factor * dearer, 3),
        distance_km=km,
        gco2e_tkm=grams,
    )
