"""On time, in full and the order cycle time, from order lines as they were asked for, sent and delivered. Pure.

Definitions: docs/kpis.md. Called by `kpi`, for a plan; the same functions take measured lines.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interferon.flow.problem import Floats, Ints
from interferon.model.network import Settings

EPS = 1e-9  # days, and share of a quantity: rounding


@dataclass(frozen=True)
class Lines:
    """N order lines. Times in days from one origin; inf: not yet or never, NaN: not known."""

    order: Ints  # which order each belongs to
    quantity: Floats  # units ordered
    arrived: Floats  # units delivered
    received: Floats  # when the order came in
    promised: Floats
    wanted: Floats  # for when the customer asked
    shipped: Floats  # when the last of it left
    delivered: Floats  # when the customer had the last of it and accepted it
    transit: Floats  # planned days from leaving to arriving


@dataclass(frozen=True)
class OtifRule:
    """What counts as on time and in full. Windows in days, `early` inf: however early."""

    level: str = "order"  # order | line
    basis: str = "delivery"  # delivery | ship
    late: float = 0.0
    early: float = np.inf
    tolerance: float = 0.0  # share of the quantity that may be missing or too much


@dataclass(frozen=True)
class Mean:
    """A mean and over how many it was taken; None where there is none to take it over."""

    value: float | None
    count: int


def rule(settings: Settings) -> OtifRule:
    """The network's own definition of on time, in full."""
    early = np.inf if settings.otif_early_h is None else settings.otif_early_h / 24
    return OtifRule(settings.otif_level, settings.otif_basis, settings.otif_window_h / 24, early, settings.otif_quantity_tolerance)


def otif(lines: Lines, rule: OtifRule, due: Floats) -> Mean:
    """Share of orders, or of lines, met. `due` (N,): the date held against each line, `lines.promised` or `lines.wanted`.

    Lines without a date are left out. By ship date, a line is due to leave its planned transit time before its date.
    """
    dated = ~np.isnan(due)
    done, date = (lines.shipped, due - lines.transit) if rule.basis == "ship" else (lines.delivered, due)
    with np.errstate(invalid="ignore"):  # dates that are not known
        in_time = (done <= date + rule.late + EPS) & (done >= date - rule.early - EPS)
    met = in_time & in_full(lines, rule.tolerance)
    if rule.level == "order":
        return _mean(_least(met.astype(np.float64)[dated], lines.order[dated]))
    return _mean(met[dated].astype(np.float64))


def in_full(lines: Lines, tolerance: float) -> npt.NDArray[np.bool_]:
    """(N,) whether the quantity that came is the one ordered, within the tolerance either way."""
    full: npt.NDArray[np.bool_] = np.abs(lines.arrived - lines.quantity) <= (tolerance + EPS) * lines.quantity
    return full


def cycle_gross(lines: Lines) -> Mean:
    """Days from receipt of an order to delivery of its last line, over the orders delivered (SCOR RS.1.1)."""
    taken = _taken(lines)
    return _mean(taken[np.isfinite(taken)])


def cycle_net(lines: Lines) -> Mean:
    """Gross cycle time less dwell time, over the orders delivered that say for when the customer asked.

    A line dwells from its receipt until it left, at most until it had to leave for the customer's date; an order, while all its lines do.
    """
    latest = np.minimum(lines.shipped, lines.wanted - lines.transit)
    dwell = _least(np.maximum(latest - lines.received, 0.0), lines.order)
    net = _taken(lines) - dwell
    return _mean(net[np.isfinite(net)])


def _taken(lines: Lines) -> Floats:
    return -_least(-lines.delivered, lines.order) - _least(lines.received, lines.order)


def _least(values: Floats, order: Ints) -> Floats:
    """The least value of each order's lines; NaN where one of them is."""
    names, at = np.unique(order, return_inverse=True)
    least = np.full(len(names), np.inf)
    with np.errstate(invalid="ignore"):  # what is not known stays so
        np.minimum.at(least, at, values)
    return least


def _mean(values: Floats) -> Mean:
    return Mean(float(values.mean()) if len(values) else None, len(values))
