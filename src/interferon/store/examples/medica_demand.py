"""Who orders what, how often, in `medica`: standing demand, and the order lines drawn from it. Called by `medica` alone. Pure, seeded.

Hospital supplies are ordered daily from a formulary, delivered in one to two days; about 60 lines a day here.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from interferon.model.network import Order
from interferon.store.examples.scale import DAY, HOUR

CUSTOMERS: Final = 60
PRODUCTS: Final = 40
LINES_PER_DAY: Final = 61.0
FORMULARY: Final = 10  # products that one customer orders
DAYS_AHEAD: Final = 10
_MEDIAN_CASES: Final = 18.0
_SIZE_SPREAD: Final = 0.45  # sd of the logarithm, of customer sizes and of line quantities: a factor of 1.6 either way
# hours from order to promise, and how often: next day, day and a half, two days
_WINDOWS: Final = ((24, 0.3), (36, 0.3), (48, 0.4))


@dataclass(frozen=True)
class Standing:
    """One customer's standing demand for one product."""

    customer: int  # number, from 1
    product: int  # number, from 1
    per_day: float  # order lines
    cases: float  # of a line

    @property
    def volume(self) -> float:
        """Cases a day."""
        return self.per_day * self.cases


def standing(rng: random.Random) -> list[Standing]:
    """Standing demands whose lines add up to LINES_PER_DAY. Products follow Zipf's law (exponent 1), as in most assortments."""
    popularity = [1.0 / rank for rank in range(1, PRODUCTS + 1)]
    raw: list[tuple[int, int, float]] = []
    for customer in range(1, CUSTOMERS + 1):
        size = rng.lognormvariate(0.0, _SIZE_SPREAD)
        raw += [(customer, product, size * (0.15 + popularity[product - 1])) for product in _formulary(rng, popularity)]
    scale = LINES_PER_DAY / sum(rate for _, _, rate in raw)
    return [Standing(who, what, rate * scale, round(_MEDIAN_CASES * rng.lognormvariate(0.0, _SIZE_SPREAD))) for who, what, rate in raw]


def _formulary(rng: random.Random, popularity: list[float]) -> list[int]:
    """FORMULARY different products, the popular ones more often (Efraimidis and Spirakis 2006, weighted sampling by keys)."""
    keys = {number: rng.random() ** (1.0 / weight) for number, weight in enumerate(popularity, 1)}
    return sorted(sorted(keys, key=lambda number: -keys[number])[:FORMULARY])


def orders(rng: random.Random, demands: list[Standing], start: int) -> list[Order]:
    """The book that is open at `start`, and the lines of the next ten days, by the time they come in."""
    drawn: list[tuple[int, Standing, float, int]] = []
    for demand in demands:
        day = -2.0 + rng.random() / demand.per_day
        while day < DAYS_AHEAD:
            requested = _hours(rng, start, int(day // 1))
            drawn.append((requested, demand, rng.uniform(0.8, 1.2), _window(rng)))
            day += rng.uniform(0.7, 1.3) / demand.per_day
    drawn.sort(key=lambda line: (line[0], line[1].customer, line[1].product))
    open_lines = [line for line in drawn if line[0] + line[3] * HOUR > start]
    return [
        Order(
            id=f"o-{number}",
            customer=f"cust-{demand.customer}",
            product=f"p-{demand.product}",
            quantity=float(max(1, round(demand.cases * factor))),
            requested=requested,
            promised=requested + window * HOUR,
            priority=_priority(rng, window),
        )
        for number, (requested, demand, factor, window) in enumerate(open_lines, 1)
    ]


def _hours(rng: random.Random, start: int, day: int) -> int:
    """A minute between 6 and 17 h UTC of that day; one in ten of a weekend's lines waits for Monday."""
    moment = start + day * DAY
    weekday = datetime.fromtimestamp(moment // 1_000_000, UTC).weekday()
    if weekday >= 5 and rng.random() < 0.1:
        moment += (7 - weekday) * DAY
    return moment + round(rng.triangular(6 * 60, 17 * 60, 9 * 60)) * (HOUR // 60)


def _window(rng: random.Random) -> int:
    draw = rng.random()
    for hours, share in _WINDOWS:
        draw -= share
        if draw < 0:
            return hours
    return _WINDOWS[-1][0]


def _priority(rng: random.Random, window: int) -> int:
    """Next-day lines are the urgent ones: 1 or 2; the others 2 to 4."""
    return rng.choice((1, 2, 2)) if window == 24 else rng.choice((2, 3, 3, 4))
