"""What is left of every capacity and of stock once a decision stands, and what stops goods from moving at one time.

Called by `plan_why`. Pure. The closure is seen as its steps (`capacity.lost`), so that a share is told with the time until which it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from interferon.flow.account import Flows, loads, stock_levels
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.courses import Step
from interferon.flow.limits import capacity_limits
from interferon.flow.plan_split import middles
from interferon.flow.problem import DAY_US, Floats, Problem
from interferon.flow.states import AssetState, from_states, together
from interferon.model.network import Network

EPS = 1e-6  # share of a capacity, or units of stock: less counts as nothing
Kind = Literal["closed", "reduced", "zero", "full", "lead", "lacking", "choice", "none"]
RANK: dict[Kind, int] = {"closed": 0, "reduced": 1, "zero": 2, "full": 3, "lacking": 4, "lead": 5, "choice": 6, "none": 7}  # of equals


@dataclass(frozen=True)
class Block:
    """Why nothing more moves: `ref` is the lane or node that stops it (`node:ID`, `lane:ID`), or the stock place that has nothing left."""

    kind: Kind
    ref: str = ""
    bucket: int = 0
    made: bool = False  # it is what a plant makes, not what a node sends


@dataclass(frozen=True)
class Losses:
    """A closure: what was closed, and the steps of what is left of each target."""

    refs: tuple[str, ...]
    steps: dict[str, tuple[Step, ...]]
    by: dict[str, tuple[str, ...]]  # target → the refs that alone take from it

    def until(self, ref: str, hour: float) -> float | None:
        """When more is left again than at `hour`, in hours; None: not any more."""
        course = self.steps.get(ref, ((0.0, 1.0),))
        now = next(share for start, share in reversed(course) if start <= hour)
        return next((start for start, share in course if start > hour and share > now), None)


def losses(network: Network, refs: tuple[str, ...], until_h: float | None, states: Mapping[str, AssetState]) -> Losses:
    """The worst that closing `refs` and the `states` of assets take, and who takes it."""
    by: dict[str, list[str]] = {}
    for ref in refs:
        for target in lost(network, [ref], until_h).worst:
            by.setdefault(target, []).append(ref)
    for ref, state in states.items():
        for target in from_states(network, {ref: state}).worst:
            by.setdefault(target, []).append(f"{ref} ({state.kind})")
    steps = together(lost(network, refs, until_h), from_states(network, states)).worst
    return Losses(
        (*refs, *(f"{ref} ({state.kind})" for ref, state in states.items())),
        steps,
        {target: tuple(dict.fromkeys(found)) for target, found in by.items()},
    )


class State:
    """Residual capacities by lane and node (units in a bucket) and the stock that may still leave, under one decision."""

    def __init__(self, problem: Problem, flows: Flows, closure: Losses) -> None:
        self.problem, self.flows, self.closure = problem, flows, closure
        self.left: Shares = shares(problem, closure.steps)
        lanes, nodes = len(problem.lanes), len(problem.nodes)
        self._whole = capacity_limits(problem, None).reshape(-1, problem.buckets)
        limits = capacity_limits(problem, self.left).reshape(-1, problem.buckets)
        sent, carried, made = loads(problem, flows)
        self.lane = limits[:lanes] - carried
        self.node = np.where(np.isfinite(problem.node_cap)[:, None], limits[lanes : lanes + nodes] - sent, np.inf)
        self.plant = limits[lanes : lanes + nodes] - made
        levels = stock_levels(problem, flows, self.left)[:, : problem.buckets]
        self.at_hand: Floats = np.minimum.accumulate(levels[:, ::-1], axis=1)[:, ::-1]

    def hour(self, bucket: int) -> float:
        """The middle of a bucket, hours from now."""
        return float(middles(self.problem)[bucket]) * 24

    def until(self, block: Block, now: int) -> int | None:
        """When the closure behind a block ends or eases, microseconds UTC."""
        hour = self.closure.until(block.ref, self.hour(block.bucket))
        return None if hour is None else now + round(hour * DAY_US / 24)

    def departure(self, lane: int, bucket: int) -> Block | None:
        """What stops goods from leaving on a lane: the closed first, then what is used up."""
        problem = self.problem
        origin, end = int(problem.lane_from[lane]), int(problem.lane_to[lane])
        nodes = len(problem.lanes)
        places = [(f"lane:{problem.lanes[lane]}", self.left.lanes[lane, bucket], self.lane[lane, bucket], self._whole[lane, bucket])]
        places.append((self._node(origin), self.left.nodes[origin, bucket], self.node[origin, bucket], self._whole[nodes + origin, bucket]))
        if not np.isfinite(problem.node_cap[end]):
            places.append((self._node(end), self.left.nodes[end, bucket], self.lane[lane, bucket], self._whole[lane, bucket]))
        found = [block for place in places if (block := _blocked(*place, bucket)) is not None]
        return min(found, key=lambda block: RANK[block.kind], default=None)

    def making(self, node: int, bucket: int) -> Block | None:
        """What stops a plant from making more."""
        whole = self._whole[len(self.problem.lanes) + node, bucket]
        block = _blocked(self._node(node), self.left.nodes[node, bucket], self.plant[node, bucket], whole, bucket)
        return None if block is None else Block(block.kind, block.ref, bucket, made=True)

    def lacking(self, place: int, bucket: int) -> bool:
        """Whether no more stock can leave a place. A supplier (-1) always has some."""
        return place >= 0 and float(self.at_hand[place, bucket]) <= EPS

    def _node(self, node: int) -> str:
        return f"node:{self.problem.nodes[node]}"


def _blocked(ref: str, share: float, room: float, whole: float, bucket: int) -> Block | None:
    if whole <= EPS:
        return Block("zero", ref, bucket) if room <= EPS else None
    if room > EPS * max(whole, 1.0):
        return None
    return Block("closed" if share <= EPS else "reduced" if share < 1 else "full", ref, bucket)
