"""Exact service times on a spanning forest by dynamic programming (Graves and Willems 2000), within given ranges.

Called by `stock_solve`: links outside the forest are its to keep. Pure.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.stock_box import Box, cost_table
from interferon.flow.stock_model import Floats, Ints, StockModel


@dataclass(frozen=True)
class Forest:
    """A spanning forest: stages from the leaves up, and for each its parent and the link to it; −1 at a root."""

    order: tuple[int, ...]
    parent: tuple[int, ...]
    arc: tuple[int, ...]
    outside: Ints  # links that are not in it


def forest(model: StockModel, importance: Floats) -> Forest:
    """A spanning forest that keeps the links of most importance (Kruskal 1956)."""
    group = list(range(model.size))

    def root(stage: int) -> int:
        while group[stage] != stage:
            group[stage] = stage = group[group[stage]]
        return stage

    near: list[list[tuple[int, int]]] = [[] for _ in range(model.size)]
    outside: list[int] = []
    tails, heads = model.tail.tolist(), model.head.tolist()
    for arc in np.argsort(-importance, kind="stable").tolist():
        tail, head = tails[arc], heads[arc]
        a, b = root(tail), root(head)
        if a == b:
            outside.append(arc)
        else:
            group[a] = b
            near[tail].append((head, arc))
            near[head].append((tail, arc))
    return Forest(*_rooted(near), np.array(sorted(outside), np.int64))


def _rooted(near: list[list[tuple[int, int]]]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """(stages from the leaves up, parents, links to them)."""
    parent, via, down = [-1] * len(near), [-1] * len(near), list[int]()
    seen = [False] * len(near)
    for start in range(len(near) - 1, -1, -1):
        stack = [] if seen[start] else [start]
        seen[start] = True
        while stack:
            stage = stack.pop()
            down.append(stage)
            for other, arc in near[stage]:
                if not seen[other]:
                    seen[other], parent[other], via[other] = True, stage, arc
                    stack.append(other)
    return tuple(reversed(down)), tuple(parent), tuple(via)


def best(model: StockModel, tree: Forest, box: Box, roots: Floats) -> tuple[float, Ints]:
    """The least cost on the forest and the service times quoted there. The box must be one that holds a policy."""
    quoted = [np.zeros(high - low + 1) for low, high in zip(box.out_low.tolist(), box.out_high.tolist(), strict=True)]
    inbound = [np.zeros(high - low + 1) for low, high in zip(box.in_low.tolist(), box.in_high.tolist(), strict=True)]
    other: dict[int, Ints] = {}  # for each of a stage's times towards its parent, its best time on the other side
    least: dict[int, Ints] = {}  # for each limit that the parent sets, the best time towards it
    total, tops = 0.0, list[tuple[int, int, int]]()
    tails, shifts = model.tail.tolist(), _shifts(model, box)
    for k in tree.order:
        table = cost_table(model, box, k, roots)
        parent, arc = tree.parent[k], tree.arc[k]
        if parent < 0:
            grid = table + quoted[k][:, None] + inbound[k]
            out, into = divmod(int(grid.argmin()), grid.shape[1])
            total += float(grid[out, into])
            tops.append((k, out, into))
        elif tails[arc] == k:  # the parent waits for this stage: it quotes at most the parent's inbound time less the way
            grid = table + inbound[k]
            other[k] = grid.argmin(axis=1)
            value, least[k] = _running_least(grid[np.arange(len(grid)), other[k]] + quoted[k])
            limit = np.arange(len(inbound[parent])) + shifts[arc]
            inbound[parent] += np.where(limit < 0, np.inf, value[np.clip(limit, 0, len(value) - 1)])
        else:  # this stage waits for the parent
            grid = table + quoted[k][:, None]
            other[k] = grid.argmin(axis=0)
            low, where = _running_least((grid[other[k], np.arange(grid.shape[1])] + inbound[k])[::-1])
            value, least[k] = low[::-1], len(low) - 1 - where[::-1]
            limit = np.arange(len(quoted[parent])) - shifts[arc]
            quoted[parent] += np.where(limit >= len(value), np.inf, value[np.clip(limit, 0, len(value) - 1)])
    return total, _unrolled(model, tree, box, tops, other, least)


def _shifts(model: StockModel, box: Box) -> list[int]:
    """For each link: place in the tail's range = place in the head's range + shift, where both are just in time."""
    return (box.in_low[model.head] - model.lag - box.out_low[model.tail]).tolist()  # type: ignore[no-any-return]


def _running_least(values: Floats) -> tuple[Floats, Ints]:
    """The least value up to each place, and where it is: the first place that has it."""
    low = np.minimum.accumulate(values)
    new = np.concatenate([[True], values[1:] < low[:-1]])
    return low, np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))


def _unrolled(
    model: StockModel, tree: Forest, box: Box, tops: list[tuple[int, int, int]], other: dict[int, Ints], least: dict[int, Ints]
) -> Ints:
    """Service times quoted, from the roots down."""
    out, into, shifts = [0] * model.size, [0] * model.size, _shifts(model, box)
    for k, top_out, top_in in tops:
        out[k], into[k] = top_out, top_in
    tails = model.tail.tolist()
    for k in reversed(tree.order):
        parent, arc = tree.parent[k], tree.arc[k]
        if parent < 0:
            continue
        if tails[arc] == k:
            out[k] = int(least[k][min(into[parent] + shifts[arc], len(least[k]) - 1)])
            into[k] = int(other[k][out[k]])
        else:
            into[k] = int(least[k][max(out[parent] - shifts[arc], 0)])
            out[k] = int(other[k][into[k]])
    return np.array(out, np.int64) + box.out_low
