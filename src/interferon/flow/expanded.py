"""The flow of goods as a time-expanded graph: places of stock at bucket borders, and the ways goods come there. Called by `mend`. Pure.

A node is a (stock place, bucket) pair; bucket T holds what arrives after the horizon. Arcs hold goods over (stock), move them (haul) or
make them. Nodes are sorted into *steps*, so that every arc leads to a later step than those it comes from: what one step needs is known
from those before it, and a step is a handful of array operations, however many nodes it has (Ford and Fulkerson 1958 for the graph).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interferon.flow.circles import components
from interferon.flow.problem import WAIT_COST, Floats, Ints, Problem


@dataclass(frozen=True)
class Arcs:
    """A arcs, sorted by step and then by head. `tail` is the graph's size for a supplier, whose goods need no stock, and for a make.

    `first`, `second`: rows of capacity they use, as in `limits.capacity_limits`; the number of rows where there is none.
    `column`: place in the flattened haul (H·T) or, behind it, make (M·T) block of a decision; -1 for stock.
    """

    head: Ints
    tail: Ints
    price: Floats
    first: Ints
    second: Ints
    column: Ints


@dataclass(frozen=True)
class Parts:
    """Components of the makes: P (arc, node, units for one unit made), sorted by arc. `start` (A+1,) where each arc's parts begin."""

    start: Ints
    node: Ints
    quantity: Floats


@dataclass(frozen=True)
class Step:
    """One step: a slice of nodes, a slice of arcs that end there, the heads of those arcs, and where each head's arcs begin."""

    nodes: slice
    arcs: slice
    heads: Ints
    starts: Ints
    makes: Ints  # arcs of this step that make


@dataclass(frozen=True)
class Graph:
    """N nodes; `node` (K, T+1) their numbers."""

    size: int
    rows: int  # capacity rows
    node: Ints
    place: Ints  # (N,) stock place
    bucket: Ints  # (N,)
    arcs: Arcs
    parts: Parts
    steps: tuple[Step, ...]
    haul_tail: Ints  # (H, T) node or `size`
    haul_head: Ints  # (H, T)
    haul_first: Ints  # (H, T) lane row
    haul_second: Ints  # (H, T) row of the sending node
    ship_tail: Ints  # (S, T)
    ship_first: Ints
    ship_second: Ints
    make_head: Ints  # (M, T)
    make_first: Ints  # (M, T) row of the plant


def graph(problem: Problem) -> Graph:
    """The graph of a problem. Ways that go round in a circle within one bucket are left out of it; over more buckets they are there."""
    steps, count = problem.buckets, len(problem.stock_node)
    within, level = _levels(problem)
    levels = int(level.max(initial=0)) + 1
    rank = np.arange(steps + 1)[None, :] * levels + level[:, None]
    rank[:, steps] = steps * levels  # nothing moves after the horizon
    order = np.argsort(rank.ravel(), kind="stable")
    number = np.empty(count * (steps + 1), np.int64)
    number[order] = np.arange(number.size)
    node: Ints = number.reshape(count, steps + 1)
    size, buckets = rank.size, np.arange(steps)
    lane_rows, node_rows = len(problem.lanes) * steps, len(problem.nodes) * steps
    plant = np.zeros(len(problem.nodes), np.int64)
    plant[problem.plants] = np.arange(len(problem.plants))
    rows = lane_rows + node_rows + len(problem.plants) * steps

    def tails(place: Ints) -> Ints:
        return np.where(place[:, None] >= 0, node[place][:, :steps], size)

    def lane_row(lane: Ints) -> Ints:
        return lane[:, None] * steps + buckets

    def sender_row(lane: Ints) -> Ints:
        return lane_rows + problem.lane_from[lane][:, None] * steps + buckets

    make_head = node[problem.make_at][:, :steps]
    make_first = lane_rows + node_rows + plant[problem.stock_node[problem.make_at]][:, None] * steps + buckets
    haul = (
        tails(problem.haul_from),
        node[problem.haul_to[:, None], problem.haul_arrives],
        lane_row(problem.haul_lane),
        sender_row(problem.haul_lane),
    )
    arcs, parts = _arcs(problem, node, haul, make_head, make_first, within, size, rows)
    return Graph(
        size=size,
        rows=rows,
        node=node,
        place=order // rank.shape[1],
        bucket=order % rank.shape[1],
        arcs=arcs,
        parts=parts,
        steps=_steps(rank.ravel()[order], arcs, parts),
        haul_tail=haul[0],
        haul_head=haul[1],
        haul_first=haul[2],
        haul_second=haul[3],
        ship_tail=tails(problem.ship_from),
        ship_first=lane_row(problem.ship_lane),
        ship_second=sender_row(problem.ship_lane),
        make_head=make_head,
        make_first=make_first,
    )


def _levels(problem: Problem) -> tuple[npt.NDArray[np.bool_], Ints]:
    """(H, T) hauls that stay in the graph, and (K,) how many moves within a bucket lie before a place."""
    count = len(problem.stock_node)
    same = (problem.haul_arrives == np.arange(problem.buckets)) & (problem.haul_from[:, None] >= 0)
    quick = np.flatnonzero(same.any(axis=1))
    made = [(component, int(problem.make_at[m])) for m, recipe in enumerate(problem.recipe) for component in _inputs(problem, recipe)]
    start = np.concatenate([problem.haul_from[quick], np.array([a for a, _ in made], np.int64)])
    end = np.concatenate([problem.haul_to[quick], np.array([b for _, b in made], np.int64)])
    part = components(count, start, end)
    ahead = part[start] != part[end]
    level = np.zeros(count, np.int64)
    for _ in range(count):
        before = level.copy()
        np.maximum.at(level, end[ahead], level[start[ahead]] + 1)
        if np.array_equal(before, level):
            break
    circular = np.zeros(len(same), bool)
    circular[quick] = ~ahead[: len(quick)]
    return ~(same & circular[:, None]), level


def _inputs(problem: Problem, recipe: tuple[tuple[int, float], ...]) -> list[int]:
    """Places of the components of a recipe and of what may replace them."""
    components = [component for component, _ in recipe]
    return components + [int(by) for of, by in zip(problem.swap_of, problem.swap_by, strict=True) if int(of) in components]


def _arcs(
    problem: Problem,
    node: Ints,
    haul: tuple[Ints, Ints, Ints, Ints],
    make_head: Ints,
    make_first: Ints,
    within: npt.NDArray[np.bool_],
    size: int,
    rows: int,
) -> tuple[Arcs, Parts]:
    steps = problem.buckets
    price = problem.haul_cost[:, None] + WAIT_COST * np.arange(steps)[None, :]
    kept = np.flatnonzero(within.ravel())
    hold_head, hold_tail = node[:, 1:].ravel(), node[:, :-1].ravel()
    none = np.full(len(hold_head), rows)
    blocks = (
        (hold_head, hold_tail, np.zeros(len(hold_head)), none, none, np.full(len(hold_head), -1)),
        (*(haul[i].ravel()[kept] for i in (1, 0)), price.ravel()[kept], *(haul[i].ravel()[kept] for i in (2, 3)), kept),
        (
            make_head.ravel(),
            np.full(make_head.size, size),
            np.zeros(make_head.size),
            make_first.ravel(),
            np.full(make_head.size, rows),
            within.size + np.arange(make_head.size),
        ),
    )
    head, tail, cost, first, second, column = (np.concatenate([block[i] for block in blocks]) for i in range(6))
    # Nodes are numbered by step, so that sorting by head sorts by step as well.
    order = np.argsort(head, kind="stable")
    arcs = Arcs(head[order], tail[order], cost[order], first[order], second[order], column[order])
    return arcs, _parts(problem, node, arcs, within.size)


def _parts(problem: Problem, node: Ints, arcs: Arcs, behind: int) -> Parts:
    sizes = np.zeros(len(arcs.head), np.int64)
    nodes: list[int] = []
    quantities: list[float] = []
    for arc in np.flatnonzero(arcs.column >= behind).tolist():
        line, bucket = divmod(int(arcs.column[arc]) - behind, problem.buckets)
        sizes[arc] = len(problem.recipe[line])
        nodes += [int(node[component, bucket]) for component, _ in problem.recipe[line]]
        quantities += [each for _, each in problem.recipe[line]]
    return Parts(np.concatenate([[0], np.cumsum(sizes)]), np.array(nodes, np.int64), np.array(quantities, float))


def _steps(rank: Ints, arcs: Arcs, parts: Parts) -> tuple[Step, ...]:
    found: list[Step] = []
    borders = np.flatnonzero(np.diff(rank)) + 1
    makes = np.diff(parts.start) > 0
    for first, last in zip([0, *borders.tolist()], [*borders.tolist(), len(rank)], strict=True):
        a, b = np.searchsorted(arcs.head, (first, last)).tolist()
        heads, starts = np.unique(arcs.head[a:b], return_index=True)
        found.append(Step(slice(first, last), slice(a, b), heads, starts, a + np.flatnonzero(makes[a:b])))
    return tuple(found)
