"""The stream of customer orders of a run: the orders table, varied by the seed, with the days before the start filled from the days after.

Called by `goods`. Pure.
"""

from dataclasses import dataclass

import numpy as np

from interferon.model.network import Network
from interferon.twin.draws import HOUR, draws

_DAY = 24 * HOUR
_VARIATION = 0.12  # log standard deviation of an order's quantity from seed to seed


@dataclass
class Line:
    """One customer order and what became of it. Its own draws: `u` which lane, `v` whether it is stolen (uniform), `z` its lead time."""

    id: str
    customer: str
    product: str
    quantity: float
    requested: int
    promised: int
    priority: int
    u: float
    v: float
    z: float
    false: bool = False  # placed by the adversary
    lane: str = ""
    shipped: int = 0
    arrives: int = 0
    stolen: bool = False


@dataclass(frozen=True)
class Peak:
    """Demand multiplied at some customers over a time."""

    since: int
    until: int
    customers: frozenset[str]
    factor: float


def lines(network: Network, seed: int, begin: int, start: int, peaks: tuple[Peak, ...] = ()) -> list[Line]:
    """Orders in the order they are placed, from `begin` on; older ones of the table come first, as the opening order book of `start`."""
    table = sorted(network.orders.values(), key=lambda o: (o.requested, o.id))
    rows = [(o, 0) for o in table]
    before = [o for o in table if begin <= o.requested < start]
    later = [o for o in table if o.requested >= start]
    span = (start - begin) / _DAY
    if later and span > 0:
        rate = len(later) / max((later[-1].requested - start) / _DAY, 1.0)
        if len(before) < 0.8 * rate * span:  # the table begins near the start: the days before look like the same weekdays after
            shift = 7 * _DAY
            cloned = [o for o in later if begin <= o.requested - shift < start]
            rows = [(o, shift) for o in cloned[:: max(1, round(len(cloned) / max(rate * span - len(before), 1.0)))]] + rows
    rng = draws(seed, "orders")
    n = len(rows)
    sizes, us, vs, zs = np.exp(_VARIATION * rng.standard_normal(n)), rng.random(n), rng.random(n), rng.standard_normal(n)
    found = []
    for k, (o, shift) in enumerate(rows):
        requested = max(o.requested - shift, begin)
        factor = float(np.prod([p.factor for p in peaks if p.since <= requested < p.until and o.customer in p.customers]))
        quantity = max(1.0, round(o.quantity * sizes[k] * factor))
        ident = f"h{o.id}" if shift else o.id
        found.append(
            Line(
                ident, o.customer, o.product, quantity, requested, o.promised - shift, o.priority, float(us[k]), float(vs[k]), float(zs[k])
            )
        )
    return sorted(found, key=lambda x: (x.requested, x.id))


def daily(network: Network) -> dict[tuple[str, str], float]:
    """Mean units a day of each (customer, product) over the orders table."""
    table = network.orders.values()
    if not table:
        return {}
    span = max((max(o.requested for o in table) - min(o.requested for o in table)) / _DAY, 1.0)
    found: dict[tuple[str, str], float] = {}
    for o in table:
        found[o.customer, o.product] = found.get((o.customer, o.product), 0.0) + o.quantity / span
    return found
