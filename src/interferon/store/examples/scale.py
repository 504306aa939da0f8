"""Orders of magnitude that the examples are built from, each with where it comes from. Called by the examples alone. Pure.

They place the examples in the real world; they are no statement about any one company, lane or product.
"""

import math
from typing import Final

# gCO2e per tonne-km, well to wheel. GLEC Framework v3 (module 2, Europe) and the DEFRA/DESNZ conversion factors agree on the order:
# articulated
# truck 60–110, rigid delivery truck 150–250, electric and diesel rail mixed 15–30, deep-sea container 7–16, long-haul air 550–1100.
ROAD_LONG: Final = 85.0
ROAD_DELIVERY: Final = 190.0
RAIL: Final = 24.0
SEA: Final = 11.0
AIR: Final = 750.0

# Currency per full truck and kilometre: published European road freight rate indices lie at 1.3–1.9 EUR/km.
TRUCK_PER_KM: Final = 1.6
# A trailer holds 33 Euro pallets (EN 13698-1) of about 40 cases.
CASES_PER_TRUCK: Final = 33 * 40
# A delivery round is part-loaded and stops often: 4–6 times the full-truck cost for a case and kilometre.
DELIVERY_FACTOR: Final = 5.0
# Against road, for a unit and kilometre: rail about 0.6, deep sea about 0.08, air about 5 (ratios of published spot rates).
RAIL_COST: Final = 0.6
SEA_COST: Final = 0.08
AIR_COST: Final = 5.0

# Road distance over great-circle distance: 1.2–1.4 in European road networks (detour index); by sea round a continent about 1.7.
ROAD_DETOUR: Final = 1.25
SEA_DETOUR: Final = 1.7

DAY: Final = 86_400_000_000  # microseconds
HOUR: Final = DAY // 24


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance between two (latitude, longitude) pairs in degrees, by the haversine formula on a sphere of radius 6371 km."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    half = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(half))
