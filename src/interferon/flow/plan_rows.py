"""The rows of a plan that people and partners act on: orders, shipments, transfers and production, each against the plan before.

Called by `plan`. Pure. Quantities are in the product's unit; times are microseconds UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from interferon.flow.account import Figures, Flows
from interferon.flow.plan_split import LEAST, Fill, Move, arrives, fills, production, shipments, transfers
from interferon.flow.problem import Problem
from interferon.model.network import Network

Mark = Literal["same", "new", "changed", "cancelled"]  # against the plan with nothing closed


@dataclass(frozen=True)
class OrderRow:
    """One open order. `expected`: when the last of it arrives; None where some of it never ships within the horizon."""

    order: str
    customer: str
    product: str
    priority: int
    quantity: float
    promised: int
    expected_before: int | None
    expected: int | None
    in_time: float  # units that arrive in time
    short: float  # units that never ship
    late: bool  # not all of it in time
    late_h: float | None  # hours between the promise and `expected`
    mark: Mark  # `changed`: expected at another time or in another quantity; `cancelled`: nothing of it ships any more
    by_closure: bool  # late, and would not be with nothing closed
    reason: str  # '' where it is in time


@dataclass(frozen=True)
class Shipment:
    """Goods that leave for a customer on account of one order."""

    order: str
    customer: str
    product: str  # what is sent: what was ordered or an alternate, in its own units
    lane: str
    origin: str
    quantity: float  # 0 where cancelled
    leaves: int
    arrives: int
    mark: Mark
    quantity_before: float
    leaves_before: int | None


@dataclass(frozen=True)
class Transfer:
    """Stock that moves between two places."""

    lane: str
    origin: str
    destination: str
    product: str
    quantity: float
    leaves: int
    arrives: int
    mark: Mark
    quantity_before: float
    leaves_before: int | None


@dataclass(frozen=True)
class Production:
    """Goods made between two times."""

    node: str
    product: str
    quantity: float
    starts: int
    ends: int
    mark: Mark
    quantity_before: float
    starts_before: int | None


@dataclass(frozen=True)
class Rows:
    """All rows of a plan, those unchanged too; `filled` is what each order gets."""

    shipments: tuple[Shipment, ...]
    transfers: tuple[Transfer, ...]
    production: tuple[Production, ...]
    filled_before: dict[str, Fill]
    filled: dict[str, Fill]


@dataclass(frozen=True)
class Change:
    """A movement against the one it replaces; a cancelled one keeps the old times and has quantity 0."""

    key: tuple[str, ...]
    starts: int
    ends: int
    quantity: float
    mark: Mark
    quantity_before: float
    starts_before: int | None


def rows(network: Network, problem: Problem, now: int, before: Flows, after: Flows) -> Rows:
    """Both decisions as rows, compared."""
    filled_before, filled = fills(problem, before), fills(problem, after)
    orders = {order.id: order for group in problem.demand.orders for order in group}
    sent = compared(shipments(problem, now, filled_before), shipments(problem, now, filled))
    hauled = compared(transfers(problem, now, before), transfers(problem, now, after))
    made = compared(production(problem, now, before), production(problem, now, after))
    return Rows(
        shipments=tuple(
            Shipment(c.key[0], orders[c.key[0]].customer, c.key[2], c.key[1], network.lanes[c.key[1]].origin, *_rest(c)) for c in sent
        ),
        transfers=tuple(
            Transfer(c.key[0], network.lanes[c.key[0]].origin, network.lanes[c.key[0]].destination, c.key[1], *_rest(c)) for c in hauled
        ),
        production=tuple(Production(c.key[0], c.key[1], *_rest(c)) for c in made),
        filled_before=filled_before,
        filled=filled,
    )


def _rest(change: Change) -> tuple[float, int, int, Mark, float, int | None]:
    return (change.quantity, change.starts, change.ends, change.mark, change.quantity_before, change.starts_before)


def compared(before: Iterable[Move], after: Iterable[Move]) -> list[Change]:
    """Movements of one key matched: equal ones first, then those at the same times, then in order of time; by start and key."""
    keyed: dict[tuple[str, ...], tuple[list[Move], list[Move]]] = {}
    for side, moves in enumerate((before, after)):
        for move in _summed(moves):
            keyed.setdefault(move.key, ([], []))[side].append(move)
    found = [change for old, new in keyed.values() for change in _matched(_by_time(old), _by_time(new))]
    return sorted(found, key=lambda change: (change.starts, change.key, change.mark))


def _summed(moves: Iterable[Move]) -> list[Move]:
    """One movement for each key and pair of times."""
    total: dict[tuple[tuple[str, ...], int, int], float] = {}
    for move in moves:
        at = (move.key, move.starts, move.ends)
        total[at] = total.get(at, 0.0) + move.quantity
    return [Move(*at, quantity) for at, quantity in total.items()]


def _by_time(moves: list[Move]) -> list[Move]:
    return sorted(moves, key=lambda move: (move.starts, move.ends, move.quantity))


def _matched(old: list[Move], new: list[Move]) -> Iterator[Change]:
    at = {(move.starts, move.ends): move for move in old}
    together = [(at[move.starts, move.ends], move) for move in new if (move.starts, move.ends) in at]
    yield from (_change(a, b) for a, b in together)
    taken = {(move.starts, move.ends) for _, move in together}
    left, fresh = ([move for move in moves if (move.starts, move.ends) not in taken] for moves in (old, new))
    for i in range(max(len(left), len(fresh))):
        yield _change(left[i] if i < len(left) else None, fresh[i] if i < len(fresh) else None)


def _change(old: Move | None, new: Move | None) -> Change:
    if new is None:
        assert old is not None
        return Change(old.key, old.starts, old.ends, 0.0, "cancelled", round(old.quantity, 6), old.starts)
    if old is None:
        return Change(new.key, new.starts, new.ends, round(new.quantity, 6), "new", 0.0, None)
    same = old.starts == new.starts and abs(old.quantity - new.quantity) <= LEAST * max(1.0, new.quantity)
    return Change(new.key, new.starts, new.ends, round(new.quantity, 6), "same" if same else "changed", round(old.quantity, 6), old.starts)


def order_rows(problem: Problem, now: int, found: Rows, reached: tuple[Figures, Figures], reasons: dict[str, str]) -> tuple[OrderRow, ...]:
    """Every open order, by promise and id. `reached`: what comes of the plan before and after; `reasons` by order id."""
    late_before, late = ({order for order, _ in figures.late} for figures in reached)
    filled = sorted(found.filled.values(), key=lambda fill: (fill.order.promised, fill.order.id))
    return tuple(
        _order(problem, now, found.filled_before[f.order.id], f, f.order.id in late, f.order.id in late_before, reasons) for f in filled
    )


def _order(problem: Problem, now: int, old: Fill, fill: Fill, late: bool, late_before: bool, reasons: dict[str, str]) -> OrderRow:
    order, expected, before = fill.order, _expected(problem, now, fill), _expected(problem, now, old)
    moved = expected != before or abs(fill.short - old.short) > LEAST
    return OrderRow(
        order=order.id,
        customer=order.customer,
        product=order.product,
        priority=order.priority,
        quantity=order.quantity,
        promised=order.promised,
        expected_before=before,
        expected=expected,
        in_time=round(sum(piece.quantity for piece in fill.pieces if piece.in_time), 6),
        short=round(fill.short, 6),
        late=late,
        late_h=round(max(expected - order.promised, 0) / 3_600_000_000, 2) if expected is not None and late else None,
        mark="cancelled" if moved and not fill.pieces else "changed" if moved else "same",
        by_closure=late and not late_before,
        reason=reasons.get(order.id, ""),
    )


def _expected(problem: Problem, now: int, fill: Fill) -> int | None:
    if fill.short or not fill.pieces:
        return None
    return max(arrives(problem, now, piece) for piece in fill.pieces)
