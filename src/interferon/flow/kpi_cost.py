"""Cost of goods sold at constant mix, productivity, and what a plan does to EBITDA and ROCE. Pure; definitions in docs/kpis.md."""

from dataclasses import dataclass

import numpy as np

from interferon.flow.problem import Floats
from interferon.model.network import Finance


@dataclass(frozen=True)
class ConstantMix:
    """Cost a unit at the reference's shares of products; None where it cannot be told."""

    reference: float | None
    index: float | None  # cost now over cost in the reference, of the products that have both
    covered: float  # share of the reference's units that these products are

    @property
    def now(self) -> float | None:
        """Products without a cost now are taken to have moved as the others did: the overall mean imputation of price indices."""
        return None if self.index is None or self.reference is None else self.reference * self.index


@dataclass(frozen=True)
class Outcome:
    """What a plan comes to in money over its horizon, in the network's currency."""

    margin_lost: float  # on units not sent within the horizon
    revenue_lost: float
    freight: float
    lateness: float
    stock_held: float  # mean value of stock on hand over the horizon

    @property
    def earnings(self) -> float:
        """What it adds to EBITDA; below 0, since all of it is lost or spent."""
        return -(self.margin_lost + self.freight + self.lateness)


def constant_mix(units: Floats, reference: Floats, cost: Floats) -> ConstantMix:
    """`units` (P,) of the reference by product; `reference` and `cost` (P,) a unit, NaN where not known.

    A Laspeyres index: a change of mix does not move it, a change of any product's cost does.
    """
    weighed = (units > 0) & ~np.isnan(reference)
    both = weighed & ~np.isnan(cost)
    whole = float(units[weighed].sum())
    if whole <= 0:
        return ConstantMix(None, None, 0.0)
    then = float(units[both] @ reference[both])
    index = float(units[both] @ cost[both]) / then if then > 0 else None
    return ConstantMix(float(units[weighed] @ reference[weighed]) / whole, index, float(units[both].sum()) / whole)


def productivity(made: Floats, value: Floats, plant_days: float) -> float | None:
    """Units made (P,) at their standard value (P,), for each day of a plant's capacity; None without plants."""
    return float(made @ value) / plant_days if plant_days > 0 else None


def ebitda_effect(now: Outcome, reference: Outcome) -> float:
    """Currency over the horizon; below 0 where the plan earns less than the reference."""
    return now.earnings - reference.earnings


def ebitda_margin_effect(now: Outcome, reference: Outcome, books: Finance) -> float | None:
    """Percentage points of the period's EBITDA margin; None where the books do not say what it takes."""
    if books.revenue is None or books.ebitda is None:
        return None
    revenue = books.revenue - (now.revenue_lost - reference.revenue_lost)
    if revenue <= 0:
        return None
    return 100 * ((books.ebitda + ebitda_effect(now, reference)) / revenue - books.ebitda / books.revenue)


def roce_effect(now: Outcome, reference: Outcome, books: Finance, horizon_days: float) -> float | None:
    """Percentage points of the period's ROCE, EBIT over average capital employed; None where the books do not say what it takes.

    Stock held for the horizon weighs in the period's average by the horizon's share of the period.
    """
    if books.ebitda is None or books.depreciation is None or books.capital_employed is None:
        return None
    ebit = books.ebitda - books.depreciation
    capital = books.capital_employed + (now.stock_held - reference.stock_held) * horizon_days / books.period_days
    if capital <= 0:
        return None
    return 100 * ((ebit + ebitda_effect(now, reference)) / capital - ebit / books.capital_employed)
