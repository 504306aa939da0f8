"""Who gets what: the flows of groups split to single orders, and every movement of goods with its times. Called by `plan_rows`. Pure."""

from dataclasses import dataclass, replace

import numpy as np

from interferon.flow.account import TOLERANCE, Flows
from interferon.flow.problem import DAY_US, Floats, Problem
from interferon.model.network import Order

LEAST = 1e-6  # units; less than this is rounding


@dataclass(frozen=True)
class Move:
    """Goods under way or being made. `key` says whose and where; times are microseconds UTC."""

    key: tuple[str, ...]
    starts: int
    ends: int
    quantity: float


@dataclass(frozen=True)
class Piece:
    """A part of an order that leaves on one lane in one bucket; `in_time` as `account` counts it. `pair`: of the problem's S, which says
    what is sent and how fast."""

    lane: int
    bucket: int
    quantity: float  # units of what was ordered
    in_time: bool
    pair: int


@dataclass(frozen=True)
class Fill:
    """What an order gets, the first to arrive first. `group` is its demand group."""

    order: Order
    group: int
    pieces: tuple[Piece, ...]

    @property
    def short(self) -> float:
        """Units that never ship."""
        left = self.order.quantity - sum(piece.quantity for piece in self.pieces)
        return left if left > max(LEAST, TOLERANCE * self.order.quantity) else 0.0


def fills(problem: Problem, flows: Flows) -> dict[str, Fill]:
    """Order id → what it gets. Orders of a group are filled by priority, promise and id with what arrives in time, then with the rest."""
    pairs: list[list[int]] = [[] for _ in problem.demand.orders]
    for pair, group in enumerate(problem.ship_group.tolist()):
        pairs[group].append(pair)
    found: dict[str, Fill] = {}
    for group, orders in enumerate(problem.demand.orders):
        pieces = _pieces(problem, flows, pairs[group])
        least = TOLERANCE * float(problem.demand.quantity[group])
        for order in orders:
            found[order.id] = Fill(order, group, _taken(pieces, order.quantity, least))
    return found


def _pieces(problem: Problem, flows: Flows, pairs: list[int]) -> list[Piece]:
    """What is shipped to a group, that in time first, each by its arrival; last first, so that it can be taken from the end."""
    arrives = middles(problem)[None, :] + problem.ship_days[pairs][:, None]
    found = [
        (bool(problem.ship_late[pairs[row], bucket]), float(arrives[row, bucket]), int(problem.ship_lane[pairs[row]]), int(bucket), row)
        for row, bucket in np.argwhere(flows.ship[pairs] > LEAST)
    ]
    return [
        Piece(lane, bucket, float(flows.ship[pairs[row], bucket]), not late, pairs[row])
        for late, _, lane, bucket, row in sorted(found, reverse=True)
    ]


def _taken(pieces: list[Piece], wanted: float, least: float) -> tuple[Piece, ...]:
    """Takes up to `wanted` units from the end of `pieces`."""
    got: list[Piece] = []
    while pieces and wanted > least:
        piece = pieces.pop()
        take = min(piece.quantity, wanted)
        got.append(replace(piece, quantity=take))
        wanted -= take
        if piece.quantity - take > least:
            pieces.append(replace(piece, quantity=piece.quantity - take))
    return tuple(got)


def middles(problem: Problem) -> Floats:
    """(T,) days from now at which what moves in a bucket leaves."""
    middle: Floats = (problem.edges[:-1] + problem.edges[1:]) / 2
    return middle


def leaves(problem: Problem, now: int, bucket: int) -> int:
    """When what moves in a bucket leaves."""
    return now + round(float(middles(problem)[bucket]) * DAY_US)


def arrives(problem: Problem, now: int, piece: Piece) -> int:
    """When a part of an order arrives."""
    return leaves(problem, now, piece.bucket) + round(float(problem.ship_days[piece.pair]) * DAY_US)


def shipments(problem: Problem, now: int, filled: dict[str, Fill]) -> list[Move]:
    """(order, lane, product) movements to customers, in units of the product sent: what was ordered or an alternate."""
    return [
        Move(
            (fill.order.id, problem.lanes[piece.lane], problem.products[problem.ship_product[piece.pair]]),
            leaves(problem, now, piece.bucket),
            arrives(problem, now, piece),
            piece.quantity * float(problem.ship_units[piece.pair]),
        )
        for fill in filled.values()
        for piece in fill.pieces
    ]


def transfers(problem: Problem, now: int, flows: Flows) -> list[Move]:
    """(lane, product) movements into stock."""
    found = []
    for pair, bucket in np.argwhere(flows.haul > LEAST).tolist():
        lane = int(problem.haul_lane[pair])
        key = (problem.lanes[lane], problem.products[problem.haul_product[pair]])
        starts = leaves(problem, now, bucket)
        found.append(Move(key, starts, starts + round(float(problem.haul_days[pair]) * DAY_US), float(flows.haul[pair, bucket])))
    return found


def production(problem: Problem, now: int, flows: Flows) -> list[Move]:
    """(node, product) that is made from the beginning of a bucket to its end."""
    found = []
    for line, bucket in np.argwhere(flows.make > LEAST).tolist():
        place = problem.make_at[line]
        key = (problem.nodes[problem.stock_node[place]], problem.products[problem.stock_product[place]])
        begin, end = (now + round(float(problem.edges[bucket + i]) * DAY_US) for i in (0, 1))
        found.append(Move(key, begin, end, float(flows.make[line, bucket])))
    return found
