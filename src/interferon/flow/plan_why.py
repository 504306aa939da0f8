"""Why an order is late: the capacity, stock or lead time that stops its usual way, followed upstream to the root. Called by `plan`. Pure.

No solver is asked: a way is blocked in each bucket that would be in time by what has nothing left there, and what blocks most of these
buckets is the reason. Where stock is lacking, the same is asked of the usual way into that place, until something else is the reason.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.plan_split import Fill, middles
from interferon.flow.plan_state import EPS, RANK, Block, State
from interferon.flow.problem import Ints, Problem
from interferon.model.network import Network


@dataclass(frozen=True)
class Root:
    """What stops a way; `dry`: stock places that have run out because of it, the one next to the customer first."""

    block: Block
    dry: tuple[int, ...] = ()


class Ways:
    """The ways of goods under one decision, and what stops each. `usual`: the decision with nothing closed, which says what is usual."""

    def __init__(self, network: Network, state: State, usual: Flows) -> None:
        self.network, self.state, self.problem = network, state, state.problem
        self._carried = usual.haul.sum(axis=1)
        self._maker = {int(place): line for line, place in enumerate(self.problem.make_at)}
        self._pairs = _by(self.problem.ship_group)
        self._hauls = _by(self.problem.haul_to)
        self._roots: dict[int, Root] = {}

    def pairs(self, fill: Fill, usual: Fill) -> list[int]:
        """The (group, lane) pairs of an order's group: those that usually bring it first, then the cheapest."""
        brought: Counter[int] = Counter()
        for piece in usual.pieces:
            brought[piece.lane] += piece.quantity  # type: ignore[assignment]  # counts units, which need not be whole
        lanes = self.problem.ship_lane
        return sorted(self._pairs.get(fill.group, []), key=lambda pair: (-brought[int(lanes[pair])], *self._cheapest(int(lanes[pair]))))

    def way(self, pair: int) -> Root:
        """What keeps more from arriving in time over a (group, lane) pair."""
        if pair not in self._roots:
            self._roots[pair] = self._way(pair)
        return self._roots[pair]

    def _way(self, pair: int) -> Root:
        problem, lane, place = self.problem, int(self.problem.ship_lane[pair]), int(self.problem.ship_from[pair])
        in_time = np.flatnonzero(np.isfinite(problem.ship_price[pair]) & ~problem.ship_late[pair]).tolist()
        if not in_time:
            return Root(Block("lead", self._lane(lane)))
        return self._root([(bucket, self.state.departure(lane, bucket), [place]) for bucket in in_time], self._lane(lane), ())

    def days_late(self, pair: int) -> float:
        """By how many days a pair misses the group's first promise if the goods leave as soon as they may."""
        problem, group = self.problem, int(self.problem.ship_group[pair])
        soonest = float(middles(problem)[problem.demand.release[group]] + problem.ship_days[pair])
        return soonest - (float(problem.demand.due[group]) - self.network.settings.otif_window_h / 24)

    def _root(self, tried: list[tuple[int, Block | None, list[int]]], way: str, dry: tuple[int, ...]) -> Root:
        """The main block of (bucket, what stops the move, stock places it draws on); a lack of stock is followed upstream."""
        found: list[tuple[Block, int]] = []
        for bucket, block, places in tried:
            empty = next((place for place in places if self.state.lacking(place, bucket)), None)
            if block is None and empty is None:
                return Root(Block("choice", way), dry)
            found.append((block, -1) if block is not None else (Block("lacking", "", bucket), empty if empty is not None else -1))
        counts = Counter((block.kind, block.ref, place) for block, place in found)
        kind, ref, place = min(counts, key=lambda key: (-counts[key], RANK[key[0]], key[1:]))
        last = next(block for block, at in reversed(found) if (block.kind, block.ref, at) == (kind, ref, place))
        first = next(block for block, at in found if (block.kind, block.ref, at) == (kind, ref, place))
        if kind != "lacking":
            return Root(first, dry)
        if place in dry:  # two places that feed each other
            return Root(Block("none", ""), dry)
        return self._upstream(place, last.bucket, (*dry, place))

    def _upstream(self, place: int, bucket: int, dry: tuple[int, ...]) -> Root:
        """Why there is no more stock at `place` by `bucket`."""
        problem = self.problem
        if place in self._maker:
            line, node = self._maker[place], int(problem.stock_node[place])
            parts = [component for component, _ in problem.recipe[line]]
            made = [(at, self.state.making(node, at), parts) for at in range(bucket + 1)]
            return self._root(made, f"node:{problem.nodes[node]}", dry)
        hauls = self._hauls.get(place, [])
        if not hauls:
            return Root(Block("none"), dry)
        best = min(hauls, key=lambda pair: (-float(self._carried[pair]), *self._cheapest(int(problem.haul_lane[pair]))))
        lane, origin = int(problem.haul_lane[best]), int(problem.haul_from[best])
        leaves = np.flatnonzero(problem.haul_arrives[best] <= bucket).tolist()
        if not leaves:
            return Root(Block("lead", self._lane(lane)), dry)
        return self._root([(at, self.state.departure(lane, at), [origin]) for at in leaves], self._lane(lane), dry)

    def _cheapest(self, lane: int) -> tuple[float, str]:
        return float(self.problem.lane_cost[lane]), self.problem.lanes[lane]

    def _lane(self, lane: int) -> str:
        return f"lane:{self.problem.lanes[lane]}"


def _by(keys: Ints) -> dict[int, list[int]]:
    """The places at which each key stands."""
    found: dict[int, list[int]] = {}
    for at, key in enumerate(keys.tolist()):
        found.setdefault(key, []).append(at)
    return found


class Users:
    """Who takes the capacity of a lane or a node: orders by the (lane, bucket) they are shipped in."""

    def __init__(self, problem: Problem, filled: Iterable[Fill]) -> None:
        self._problem = problem
        self._shipped: dict[int, list[tuple[int, Fill]]] = {}
        for fill in filled:
            for piece in fill.pieces:
                if piece.quantity > EPS:
                    self._shipped.setdefault(piece.lane, []).append((piece.bucket, fill))

    def count(self, block: Block, own: Fill) -> tuple[int, int]:
        """Other orders that use what `block` names in time for `own`, and how many of these have a higher priority."""
        problem = self._problem
        until = float(problem.demand.due[own.group])
        others = {
            fill.order.id: fill.order.priority
            for lane in self._lanes(block)
            for bucket, fill in self._shipped.get(lane, ())
            if problem.edges[bucket] <= until and fill.order.id != own.order.id
        }
        return len(others), sum(priority < own.order.priority for priority in others.values())

    def _lanes(self, block: Block) -> list[int]:
        kind, _, name = block.ref.partition(":")
        if kind == "lane":
            return [self._problem.lanes.index(name)]
        return np.flatnonzero(self._problem.lane_from == self._problem.nodes.index(name)).tolist()
