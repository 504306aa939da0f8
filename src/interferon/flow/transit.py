"""Goods under way when a closure takes their lane or where it leads: they go on, wait, or return. The rule is stated in docs/flow.md.

Called by `account`, `programme`, `dispatch` and `closure`. Pure.
"""

import itertools

import numpy as np

from interferon.flow.capacity import Shares
from interferon.flow.grid import Floats, Mask, bucket
from interferon.flow.problem import Moving, Problem

SHUT = 1e-9  # share of capacity: what is left below it is rounding

Cut = tuple[float, float]  # from, until; days from now, inf where it does not end within the horizon


def opening_left(problem: Problem, shares: Shares | None) -> Floats:
    """(K, T+1) `Problem.opening` with `shares` of the capacities left; None: nothing is closed."""
    if shares is None or not problem.transit:
        return problem.opening
    opening = problem.opening.copy()
    for goods in problem.transit:
        found = cuts(shares.lanes[goods.lane] * shares.nodes[problem.lane_to[goods.lane]], problem.edges)
        if found and found[0][0] < goods.arrives:
            place, day = _settled(goods, found)
            opening[goods.place, _step(problem, goods.arrives) :] -= goods.quantity
            if place >= 0:
                opening[place, _step(problem, day) :] += goods.quantity
    return opening


def cuts(left: Floats, edges: Floats) -> list[Cut]:
    """When nothing is left, from the share left in each bucket (T,): runs of buckets that are shut.

    A bucket next to such a run is shut in the part of its length that its share lacks: a lane that closes at 4:00 keeps a third of its
    first half day.
    """
    found: list[Cut] = []
    shut, lengths = left <= SHUT, np.diff(edges)
    for is_shut, run in itertools.groupby(range(len(left)), key=lambda t: bool(shut[t])):
        steps = list(run)
        first, after = steps[0], steps[-1] + 1
        if is_shut:
            begin = edges[first - 1] + left[first - 1] * lengths[first - 1] if first else edges[0]
            end = edges[after] + (1 - left[after]) * lengths[after] if after < len(left) else np.inf
            found.append((float(begin), float(end)))
    return found


def awaited(problem: Problem) -> tuple[Mask, Mask]:
    """(N, T) and (L, T): where and until when a closure would touch what is under way, so that it cannot be taken to cost nothing."""
    nodes, lanes = (np.zeros((len(names), problem.buckets), bool) for names in (problem.nodes, problem.lanes))
    for goods in problem.transit:
        # The bucket after the arrival counts: shut, it tells how much of the one before it was.
        until = _step(problem, goods.arrives) + 2
        nodes[problem.lane_to[goods.lane], :until] = True
        lanes[goods.lane, :until] = True
    return nodes, lanes


def _settled(goods: Moving, found: list[Cut]) -> tuple[int, float]:
    """Place of stock and day at which goods that a cut meets come to rest."""
    if goods.returns:
        begin = found[0][0]
        return goods.back, begin + max(begin - goods.left, 0.0)
    arrives = goods.arrives
    for begin, end in found:
        if begin < arrives:
            arrives += end - begin
    return goods.place, arrives


def _step(problem: Problem, day: float) -> int:
    return int(bucket(problem.edges, np.array(day)))
