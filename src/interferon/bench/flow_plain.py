"""The same base-stock chain as `flow.basestock`, one stage, one period and one replication at a time, in plain Python.

The baseline of `bench.flow_simulate`, and what tests hold the arrays against: it keeps its books another way (inventory level, units on
order and components by supplier), so that an error in one of both shows. Deterministic lead times only. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from interferon.flow.echelons import Chain

OUTSIDE = ""  # the supplier who is never short, and the customer


@dataclass
class Books:
    """One stage at the end of a period. Dicts are by supplier or by customer: stage ids, or OUTSIDE."""

    level: float  # inventory level: stock less backorders
    units: dict[str, float]  # of each supplier's product in one of ours
    pipeline: dict[str, list[float]]  # units that arrive now, in one period, in two …
    on_order: dict[str, float]
    components: dict[str, float]
    backorders: dict[str, float]
    asked: dict[str, float] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    ordered: float = 0.0
    on_time: float = 0.0


def periods(chain: Chain, demand: Mapping[str, Sequence[float]]) -> Iterator[tuple[dict[str, Books], float]]:
    """The books after each period, the same objects each time, and the period's cost. `demand`: units by stage id and period."""
    books = _opened(chain, demand)
    upwards = [chain.stages[i].id for i in reversed(chain.order)]
    levels = {stage.id: stage.base_stock for stage in chain.stages}
    for period in range(len(next(iter(demand.values())))):
        for name in upwards:
            _order(books, name, levels[name], demand[name][period] if name in demand else 0.0)
        for name in reversed(upwards):
            _receive(books[name])
            _ship(books, name)
        yield books, _cost(chain, books)
        for book in books.values():
            for way in book.pipeline.values():
                way.append(way.pop(0))


def _opened(chain: Chain, demand: Mapping[str, Sequence[float]]) -> dict[str, Books]:
    books: dict[str, Books] = {}
    for stage in chain.stages:
        into = [arc for arc in chain.arcs if arc.destination == stage.id]
        leads = {arc.origin: arc.lead.periods for arc in into} or {OUTSIDE: stage.supply.periods}
        out = [arc.destination for arc in chain.arcs if arc.origin == stage.id] + ([OUTSIDE] if stage.id in demand else [])
        level = stage.base_stock if stage.opening is None else stage.opening
        books[stage.id] = Books(
            level=level,
            units={arc.origin: arc.units for arc in into} or {OUTSIDE: 1.0},
            pipeline={supplier: [0.0] * (periods + 1) for supplier, periods in leads.items()},
            on_order=dict.fromkeys(leads, 0.0),
            components=dict.fromkeys(leads, 0.0),
            backorders={customer: max(-level, 0.0) if customer == OUTSIDE else 0.0 for customer in out},
        )
    return books


def _order(books: dict[str, Books], name: str, base_stock: float, demand: float) -> None:
    book = books[name]
    book.asked = {
        customer: demand if customer == OUTSIDE else books[customer].ordered * books[customer].units[name] for customer in book.backorders
    }
    coming = min((book.on_order[supplier] + book.components[supplier]) / each for supplier, each in book.units.items())
    book.ordered = max(0.0, base_stock - (book.level + coming - sum(book.asked.values())))
    for supplier, each in book.units.items():
        book.on_order[supplier] += book.ordered * each
    if OUTSIDE in book.pipeline:
        book.pipeline[OUTSIDE][-1] += book.ordered


def _receive(book: Books) -> None:
    for supplier, way in book.pipeline.items():
        book.components[supplier] += way[0]
        book.on_order[supplier] -= way[0]
        way[0] = 0.0
    made = min(book.components[supplier] / each for supplier, each in book.units.items())
    for supplier, each in book.units.items():
        book.components[supplier] -= made * each
    book.level += made


def _ship(books: dict[str, Books], name: str) -> None:
    book = books[name]
    at_hand = book.level + sum(book.backorders.values())
    book.on_time = 0.0
    for customer, owed in book.backorders.items():
        new = book.asked[customer]
        sent = min(at_hand, owed + new)
        book.sent[customer] = sent
        book.backorders[customer] = owed + new - sent
        book.level -= new
        at_hand -= sent
        if customer == OUTSIDE:
            book.on_time = max(0.0, sent - owed)
        else:
            books[customer].pipeline[name][-1] += sent


def _cost(chain: Chain, books: dict[str, Books]) -> float:
    total = 0.0
    rates = {stage.id: stage.holding for stage in chain.stages}
    for stage in chain.stages:
        book = books[stage.id]
        total += stage.holding * max(book.level, 0.0) + stage.backorder * max(-book.level, 0.0)
        for supplier in book.units:
            if supplier != OUTSIDE:
                total += rates[supplier] * (book.components[supplier] + sum(book.pipeline[supplier]))
    return total
