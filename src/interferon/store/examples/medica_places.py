"""Where `medica` stands: sites, zones, conduits, partners, people and rosters. Called by `medica` alone. Pure.

Towns and coordinates are public; the companies are not real and are named by what they do.
"""

from typing import Final

from interferon.model.network import Conduit, Partner, Person, Roster, Site, Zone
from interferon.store.examples.scale import DAY, HOUR

PLANTS: Final = (("Lyon", "FR", 45.76, 4.84), ("Leipzig", "DE", 51.34, 12.37), ("Brno", "CZ", 49.20, 16.61))
DCS: Final = (("Venlo", "NL", 51.37, 6.17), ("Kassel", "DE", 51.31, 9.50), ("Dijon", "FR", 47.32, 5.04), ("Linz", "AT", 48.31, 14.29))
CELLS: Final = 3  # cells of a plant, a production line each

# what they deliver, town, country, latitude, longitude
SUPPLIERS: Final = (
    ("resins", "Antwerp", "BE", 51.22, 4.40),
    ("resins, alternate", "Tarragona", "ES", 41.12, 1.25),
    ("nonwovens", "Bamberg", "DE", 49.89, 10.89),
    ("nonwovens, alternate", "Bergamo", "IT", 45.70, 9.67),
    ("films", "Poznan", "PL", 52.41, 16.93),
    ("tubing", "Plzen", "CZ", 49.75, 13.38),
    ("needles", "Shenzhen", "CN", 22.54, 114.06),
    ("needles, alternate", "Winterthur", "CH", 47.50, 8.72),
    ("sensors", "Penang", "MY", 5.41, 100.33),
    ("packaging", "Reims", "FR", 49.26, 4.03),
    ("adhesives", "Mannheim", "DE", 49.49, 8.47),
    ("gauze", "Bursa", "TR", 40.19, 29.06),
)
TOWNS: Final = (
    *(("Hamburg", "DE", 53.55, 9.99), ("Berlin", "DE", 52.52, 13.40), ("Munich", "DE", 48.14, 11.58)),
    *(("Cologne", "DE", 50.94, 6.96), ("Frankfurt", "DE", 50.11, 8.68), ("Stuttgart", "DE", 48.78, 9.18)),
    *(("Essen", "DE", 51.46, 7.01), ("Dresden", "DE", 51.05, 13.74), ("Hanover", "DE", 52.37, 9.73)),
    *(("Nuremberg", "DE", 49.45, 11.08), ("Bremen", "DE", 53.08, 8.80), ("Erfurt", "DE", 50.98, 11.03)),
    *(("Rostock", "DE", 54.09, 12.14), ("Kiel", "DE", 54.32, 10.14), ("Freiburg", "DE", 47.99, 7.85)),
    *(("Augsburg", "DE", 48.37, 10.90), ("Muenster", "DE", 51.96, 7.63), ("Magdeburg", "DE", 52.12, 11.63)),
    *(("Mainz", "DE", 49.99, 8.25), ("Goettingen", "DE", 51.54, 9.93), ("Paris", "FR", 48.86, 2.35)),
    *(("Marseille", "FR", 43.30, 5.37), ("Lyon", "FR", 45.76, 4.84), ("Toulouse", "FR", 43.60, 1.44)),
    *(("Nice", "FR", 43.70, 7.27), ("Nantes", "FR", 47.22, -1.55), ("Strasbourg", "FR", 48.57, 7.75)),
    *(("Lille", "FR", 50.63, 3.06), ("Rennes", "FR", 48.11, -1.68), ("Dijon", "FR", 47.32, 5.04)),
    *(("Grenoble", "FR", 45.19, 5.72), ("Nancy", "FR", 48.69, 6.18), ("Clermont-Ferrand", "FR", 45.78, 3.09)),
    *(("Tours", "FR", 47.39, 0.69), ("Besancon", "FR", 47.24, 6.02), ("Amsterdam", "NL", 52.37, 4.90)),
    *(("Rotterdam", "NL", 51.92, 4.48), ("Utrecht", "NL", 52.09, 5.12), ("Groningen", "NL", 53.22, 6.57)),
    *(("Maastricht", "NL", 50.85, 5.69), ("Nijmegen", "NL", 51.84, 5.86), ("Brussels", "BE", 50.85, 4.35)),
    *(("Ghent", "BE", 51.05, 3.72), ("Liege", "BE", 50.63, 5.57), ("Leuven", "BE", 50.88, 4.70)),
    *(("Luxembourg", "LU", 49.61, 6.13), ("Vienna", "AT", 48.21, 16.37), ("Graz", "AT", 47.07, 15.44)),
    *(("Salzburg", "AT", 47.81, 13.04), ("Innsbruck", "AT", 47.26, 11.39), ("Klagenfurt", "AT", 46.62, 14.31)),
    *(("Prague", "CZ", 50.08, 14.44), ("Ostrava", "CZ", 49.82, 18.26), ("Olomouc", "CZ", 49.59, 17.25)),
    *(("Zurich", "CH", 47.38, 8.54), ("Basel", "CH", 47.56, 7.59), ("Bern", "CH", 46.95, 7.45)),
    *(("Geneva", "CH", 46.20, 6.14), ("Bratislava", "SK", 48.15, 17.11), ("Budapest", "HU", 47.50, 19.04)),
)
CARRIERS: Final = ("road, north", "road, west", "road, east", "road, south", "rail", "sea and air forwarding")
VENDORS: Final = ("automation", "warehouse technology", "vehicles")


def sites() -> list[Site]:
    """Plants, distribution centres, suppliers, customers, the head office and the cloud region."""
    rows = [_site("plant", number, f"Plant {number}", place) for number, place in enumerate(PLANTS, 1)]
    rows += [_site("dc", number, f"Distribution centre {number}", place) for number, place in enumerate(DCS, 1)]
    rows += [_site("sup", number, f"Supplier S{number:02}", place[1:]) for number, place in enumerate(SUPPLIERS, 1)]
    rows += [_site("cust", number, f"Customer C{number:02} (hospital supply)", place) for number, place in enumerate(TOWNS, 1)]
    rows.append(Site(id="corp", name="Head office, Frankfurt", country="DE", lat=50.11, lon=8.68))
    rows.append(Site(id="cloud", name="Cloud region, Dublin", country="IE", lat=53.35, lon=-6.26))
    return rows


def _site(kind: str, number: int, name: str, place: tuple[str, str, float, float]) -> Site:
    town, country, lat, lon = place
    return Site(id=f"{kind}-{number}", name=f"{name}, {town}", country=country, lat=lat, lon=lon)


def zones() -> list[Zone]:
    """Zones after IEC 62443-3-2 on the Purdue levels of ISA-95: cells 1, supervision 2, operations 3, industrial DMZ 3.5, enterprise 4."""
    rows: list[Zone] = []
    for number in range(1, len(PLANTS) + 1):
        plant = f"plant-{number}"
        rows += [Zone(id=f"{plant}-cell-{cell}", site=plant, purdue=1.0, criticality=4) for cell in range(1, CELLS + 1)]
        rows.append(Zone(id=f"{plant}-safety", site=plant, purdue=1.0, criticality=5))
        rows += [_zone(plant, name, purdue, rank) for name, purdue, rank in (("control", 2.0, 4), ("ops", 3.0, 3), ("dmz", 3.5, 2))]
    for number in range(1, len(DCS) + 1):
        rows += [_zone(f"dc-{number}", name, purdue, rank) for name, purdue, rank in (("floor", 1.0, 3), ("ops", 3.0, 4))]
    rows.append(Zone(id="corp-it", site="corp", purdue=4.0, criticality=3))
    rows.append(Zone(id="corp-servers", site="corp", purdue=4.0, criticality=4))
    rows.append(Zone(id="cloud", site="cloud", purdue=5.0, criticality=2))
    rows.append(Zone(id="fleet", site="corp", purdue=5.0, criticality=2))
    return rows


def _zone(site: str, name: str, purdue: float, criticality: int) -> Zone:
    return Zone(id=f"{site}-{name}", site=site, purdue=purdue, criticality=criticality)


def conduits() -> list[Conduit]:
    """What each zone may open towards another; ports as IANA registers them."""
    flows: list[tuple[str, str, str, int]] = []
    for number in range(1, len(PLANTS) + 1):
        plant = f"plant-{number}"
        for cell in range(1, CELLS + 1):
            flows += [(f"{plant}-control", f"{plant}-cell-{cell}", "modbus", 502), (f"{plant}-cell-{cell}", f"{plant}-ops", "mqtt", 8883)]
        flows += [
            (f"{plant}-control", f"{plant}-safety", "modbus", 502),
            (f"{plant}-ops", f"{plant}-control", "opcua", 4840),
            (f"{plant}-dmz", f"{plant}-ops", "https", 443),
            (f"{plant}-ops", f"{plant}-dmz", "https", 443),
            ("corp-it", f"{plant}-dmz", "rdp", 3389),
            (f"{plant}-dmz", "corp-servers", "https", 443),
            ("corp-servers", f"{plant}-dmz", "https", 443),
        ]
    for number in range(1, len(DCS) + 1):
        dc = f"dc-{number}"
        flows += [
            (f"{dc}-ops", f"{dc}-floor", "mqtt", 8883),
            (f"{dc}-ops", "corp-servers", "https", 443),
            ("corp-servers", f"{dc}-ops", "https", 443),
            ("corp-it", f"{dc}-ops", "rdp", 3389),
        ]
    flows += [
        ("corp-it", "corp-servers", "https", 443),
        ("corp-it", "cloud", "https", 443),
        ("corp-servers", "cloud", "https", 443),
        ("cloud", "corp-servers", "https", 443),
        ("fleet", "cloud", "mqtt", 8883),
    ]
    return [
        Conduit(id=f"conduit-{number}", from_zone=origin, to_zone=to, protocol=protocol, port=port)
        for number, (origin, to, protocol, port) in enumerate(flows, 1)
    ]


def partners() -> list[Partner]:
    """Suppliers, carriers, cloud, AI and equipment vendors."""
    rows = [_partner("supplier", "S", number, place[0]) for number, place in enumerate(SUPPLIERS, 1)]
    rows += [_partner("carrier", "R", number, what) for number, what in enumerate(CARRIERS, 1)]
    rows += [_partner("vendor", "V", number, what) for number, what in enumerate(VENDORS, 1)]
    return [*rows, _partner("cloud", "L", 1, "hosting"), _partner("ai", "A", 1, "planning agents")]


def _partner(kind: str, letter: str, number: int, what: str) -> Partner:
    name = f"{kind.upper() if kind == 'ai' else kind.capitalize()} {letter}{number:02} ({what})"
    code = f"{kind}-{number}"
    return Partner(id=code, name=name, kind=kind, contact=f"duty desk of {code}", agreement=f"agreement-{code}")


def people() -> list[Person]:
    """Roles, not persons: whoever holds them is entered by the user."""
    rows = [_person(f"plant-{number}-owner", f"Plant {number} process owner", "process owner") for number in range(1, len(PLANTS) + 1)]
    rows += [_person(f"dc-{number}-owner", f"Distribution centre {number} manager", "process owner") for number in range(1, len(DCS) + 1)]
    rows += [_person(f"operator-{number}", f"On-call operator {number}", "operator") for number in range(1, 4)]
    return [
        *rows,
        _person("it-owner", "Head of IT operations", "system owner"),
        _person("fleet-owner", "Fleet manager", "system owner"),
        _person("ot-engineer", "OT security engineer", "security engineer"),
        _person("planner", "Supply chain planner", "planner"),
        _person("partner-manager", "Partner manager", "partner manager"),
    ]


def _person(name: str, shown: str, role: str) -> Person:
    return Person(id=name, name=shown, role=role, contact=f"duty phone of {name}")


def rosters(start: int) -> list[Roster]:
    """Three operators in turns of eight hours, from two days before `start` to twelve after it."""
    return [
        Roster(person=f"operator-{turn % 3 + 1}", role="operator", starts=start + turn * 8 * HOUR, ends=start + (turn + 1) * 8 * HOUR)
        for turn in range(-6, 12 * DAY // (8 * HOUR))
    ]
