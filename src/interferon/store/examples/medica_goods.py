"""The material side of `medica`: products, bill of materials, nodes, opening stock, sized from the standing demand.

Called by `medica` alone. Pure, seeded. Capacities leave about three tenths free, so that a closed warehouse can be helped, not replaced.
"""

import math
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from interferon.model.network import Bom, Node, Product, Stock
from interferon.store.examples import scale
from interferon.store.examples.medica_demand import CUSTOMERS, PRODUCTS, Standing
from interferon.store.examples.medica_places import DCS, PLANTS, SUPPLIERS, TOWNS

DC_LOAD: Final = 0.70  # share of picking capacity that an ordinary day uses
PLANT_LOAD: Final = 0.78
SUPPLIER_LOAD: Final = 0.60
DC_COVER_DAYS: Final = 2.5
PLANT_COVER_DAYS: Final = 1.0  # finished goods
SAFETY_FACTOR: Final = 0.8  # standard deviations of demand over the cover: about 79 % of cycles without a stock-out (normal quantile)
COMPONENTS: Final = 24
OVERSEAS: Final = {"CN", "MY"}
_ALTERNATE: Final = {1: 2, 3: 4, 7: 8}  # supplier → the supplier who can deliver the same components
_KINDS: Final = (
    *("Infusion set", "Syringe", "Surgical mask", "Examination glove"),
    *("Wound dressing", "Catheter", "Sterile drape", "Sensor patch"),
)
_MATERIALS: Final = tuple(what for what, *_ in SUPPLIERS)


@dataclass(frozen=True)
class Goods:
    """Standing demand turned into who makes, keeps and needs how much a day."""

    home: dict[int, list[int]]  # customer → distribution centres, the usual one first
    makers: dict[int, list[int]]  # product → plants
    bom: list[Bom]
    dc_volume: dict[tuple[int, int], tuple[float, float]]  # (centre, product) → cases a day, variance of a day
    component_use: dict[tuple[int, int], float]  # (plant, component) → units a day


def goods(rng: random.Random, demands: list[Standing]) -> Goods:
    """Assigns customers to centres, products to plants, components to products."""
    home = _homes(demands)
    makers = {product: _makers(product) for product in range(1, PRODUCTS + 1)}
    bom = _bom(rng)
    volume: dict[tuple[int, int], tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    use: dict[tuple[int, int], float] = defaultdict(float)
    for demand in demands:
        key = (home[demand.customer][0], demand.product)
        mean, variance = volume[key]
        volume[key] = (mean + demand.volume, variance + demand.per_day * demand.cases**2)
    for (_, product), (mean, _) in volume.items():
        for row in bom:
            if row.parent == f"p-{product}":
                for plant in makers[product]:
                    use[plant, int(row.child[2:])] += mean * row.quantity / len(makers[product])
    return Goods(home, makers, bom, dict(volume), dict(use))


def _makers(product: int) -> list[int]:
    """One plant makes it, and for three products in five a second one can."""
    first = product % 3 + 1
    return [first, first % 3 + 1] if product % 5 < 3 else [first]


def _homes(demands: list[Standing]) -> dict[int, list[int]]:
    """Each customer's nearest centre that still has room, then one or two alternates by distance; large customers choose first."""
    volume: dict[int, float] = defaultdict(float)
    for demand in demands:
        volume[demand.customer] += demand.volume
    room = dict.fromkeys(range(1, len(DCS) + 1), sum(volume.values()) / len(DCS) * 1.08)
    homes: dict[int, list[int]] = {}
    for customer in sorted(volume, key=lambda number: (-volume[number], number)):
        by_distance = sorted(room, key=lambda dc: scale.great_circle_km(TOWNS[customer - 1][-2:], DCS[dc - 1][-2:]))
        usual = next((dc for dc in by_distance if room[dc] >= volume[customer]), max(room, key=lambda dc: room[dc]))
        room[usual] -= volume[customer]
        others = [dc for dc in by_distance if dc != usual]
        homes[customer] = [usual, *others[: 1 + customer % 2]]
    return homes


def products(rng: random.Random) -> list[Product]:
    """Finished goods at 40–400 a case with a margin of 25–45 % (the order usual for medical consumables), and components."""
    rows = []
    for number in range(1, PRODUCTS + 1):
        value = round(40.0 * 10.0 ** rng.random(), 2)
        name = f"{_KINDS[(number - 1) % len(_KINDS)]}, type {1 + (number - 1) // len(_KINDS)}"
        margin = round(value * rng.uniform(0.25, 0.45), 2)
        rows.append(Product(id=f"p-{number}", name=name, unit="case", value=value, margin=margin, kg_per_unit=round(rng.uniform(2, 14), 1)))
    for number in range(1, COMPONENTS + 1):
        what = _MATERIALS[_main_supplier(number) - 1].capitalize()
        value, weight = round(rng.uniform(1.0, 9.0), 2), round(rng.uniform(0.3, 1.5), 2)
        name = f"{what}, grade {1 + number % 4}"
        rows.append(Product(id=f"c-{number}", name=name, unit="pack", value=value, margin=0.0, kg_per_unit=weight))
    return rows


def _main_supplier(component: int) -> int:
    """Alternates have no component of their own."""
    mains = [number for number in range(1, len(SUPPLIERS) + 1) if number not in _ALTERNATE.values()]
    return mains[(component - 1) % len(mains)]


def _suppliers(component: int) -> list[int]:
    main = _main_supplier(component)
    return [main, _ALTERNATE[main]] if main in _ALTERNATE else [main]


def _bom(rng: random.Random) -> list[Bom]:
    """Two to four components a product, of which one is used by the product's neighbours as well; every component is used."""
    rows = []
    for product in range(1, PRODUCTS + 1):
        chosen = {(product - 1) % COMPONENTS + 1, (product * 5) % COMPONENTS + 1, *rng.sample(range(1, COMPONENTS + 1), rng.randint(1, 2))}
        rows += [Bom(parent=f"p-{product}", child=f"c-{child}", quantity=round(rng.uniform(0.5, 3.0), 1)) for child in sorted(chosen)]
    return rows


def nodes(made: Goods) -> list[Node]:
    """Capacities from the ordinary day's load."""
    suppliers = range(1, len(SUPPLIERS) + 1)
    rows = [_node("sup", number, "supplier", sum(supply(made, number).values()) / SUPPLIER_LOAD) for number in suppliers]
    total = sum(mean for mean, _ in made.dc_volume.values())
    rows += [_node("plant", number, "plant", total / len(PLANTS) / PLANT_LOAD) for number in range(1, len(PLANTS) + 1)]
    for number in range(1, len(DCS) + 1):
        load = sum(mean for (dc, _), (mean, _) in made.dc_volume.items() if dc == number)
        rows.append(_node("dc", number, "dc", load / DC_LOAD))
    return rows + [_node("cust", number, "customer", 1000.0) for number in range(1, CUSTOMERS + 1)]


def _node(prefix: str, number: int, kind: str, capacity: float) -> Node:
    return Node(id=f"{prefix}-{number}", site=f"{prefix}-{number}", kind=kind, capacity_per_day=float(math.ceil(capacity / 10) * 10))


def supply(made: Goods, supplier: int) -> dict[tuple[int, int], float]:
    """(plant, component) → units a day that this supplier may have to bring. An alternate is sized for half of what it stands in for."""
    share = 0.5 if supplier in _ALTERNATE.values() else 1.0
    return {(plant, item): use * share for (plant, item), use in made.component_use.items() if supplier in _suppliers(item)}


def stock(made: Goods, start: int) -> list[Stock]:
    """Opening stock: mean use over the cover, plus a safety stock at the centres, where demand comes in lumps."""
    rows: list[Stock] = []
    for number in range(1, len(SUPPLIERS) + 1):
        needed: dict[int, float] = defaultdict(float)
        for (_, item), amount in supply(made, number).items():
            needed[item] += amount
        rows += [_stock(f"sup-{number}", f"c-{item}", 10 * amount, start) for item, amount in sorted(needed.items())]
    for (plant, item), amount in sorted(made.component_use.items()):
        rows.append(_stock(f"plant-{plant}", f"c-{item}", _component_cover(item) * amount, start))
    volume: dict[int, float] = defaultdict(float)
    for (_, product), (mean, _) in made.dc_volume.items():
        volume[product] += mean
    for product, plants in sorted(made.makers.items()):
        rows += [_stock(f"plant-{plant}", f"p-{product}", PLANT_COVER_DAYS * volume[product] / len(plants), start) for plant in plants]
    for (dc, product), (mean, variance) in sorted(made.dc_volume.items()):
        cover = DC_COVER_DAYS * mean + SAFETY_FACTOR * math.sqrt(DC_COVER_DAYS * variance)
        rows.append(_stock(f"dc-{dc}", f"p-{product}", cover, start))
    return rows


def _component_cover(component: int) -> float:
    """Days of components at a plant: what comes by sea is kept for the voyage and a week, the rest for a working week."""
    return 35.0 if SUPPLIERS[_main_supplier(component) - 1][2] in OVERSEAS else 6.0


def _stock(node: str, product: str, quantity: float, start: int) -> Stock:
    return Stock(node=node, product=product, quantity=float(math.ceil(quantity)), as_of=start)
