"""The example `medica`: medical supplies from 12 suppliers over 3 plants and 4 distribution centres to 60 customers, ~310 assets.

Put together from `medica_places`, `medica_assets`, `medica_demand`, `medica_goods` and `medica_lanes`; orders of magnitude in `scale`.
Pure, seeded.
"""

import random
from typing import Final

from interferon.model.network import Budgets, Network, Settings
from interferon.store.examples import medica_assets, medica_demand, medica_goods, medica_lanes, medica_places

SEED: Final = 20260105


def build(start: int) -> Network:
    """The network as it stands at `start` (UTC microseconds). The same start gives the same network."""
    rng = random.Random(SEED)  # noqa: S311  an example that must come out the same each time, not a secret
    demands = medica_demand.standing(rng)
    goods = medica_goods.goods(rng, demands)
    lanes = medica_lanes.lanes(goods, demands)
    assets = medica_assets.assets()
    return Network(
        settings=Settings(name="medica", timezone="Europe/Berlin", budgets=Budgets()),
        revision=1,
        sites={row.id: row for row in medica_places.sites()},
        zones={row.id: row for row in medica_places.zones()},
        conduits={row.id: row for row in medica_places.conduits()},
        assets={row.id: row for row in assets},
        partners={row.id: row for row in medica_places.partners()},
        nodes={row.id: row for row in medica_goods.nodes(goods)},
        lanes={row.id: row for row in lanes},
        products={row.id: row for row in medica_goods.products(rng)},
        orders={row.id: row for row in medica_demand.orders(rng, demands, start)},
        people={row.id: row for row in medica_places.people()},
        bom=tuple(goods.bom),
        inventory=tuple(medica_goods.stock(goods, start)),
        dependencies=tuple(medica_assets.dependencies(assets, lanes)),
        rosters=tuple(medica_places.rosters(start)),
    )
