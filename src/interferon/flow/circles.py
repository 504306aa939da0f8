"""Which places of a directed graph lie on a circle with one another. Called by the time-expanded graph. Pure.

Own code, for `scipy.sparse.csgraph` loads the solvers of scipy with it, a quarter of a second at each start of a command.
"""

import numpy as np

from interferon.flow.problem import Ints


def components(count: int, start: Ints, end: Ints) -> Ints:
    """Strongly connected component (count,) of each node of the graph with the arcs `start` (A,) → `end` (A,).

    Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972), with a stack in place of recursion.
    """
    order = np.argsort(start, kind="stable")
    heads, first = end[order].tolist(), np.searchsorted(start[order], np.arange(count + 1)).tolist()
    part, met, low = [-1] * count, [-1] * count, [0] * count
    seen, open_nodes = 0, list[int]()
    for root in range(count):
        if met[root] >= 0:
            continue
        walk = [(root, first[root])]
        while walk:
            node, arc = walk.pop()
            if met[node] < 0:
                met[node] = low[node] = seen
                seen += 1
                open_nodes.append(node)
            while arc < first[node + 1] and met[heads[arc]] >= 0:
                if part[heads[arc]] < 0:  # still open: there is a way back
                    low[node] = min(low[node], low[heads[arc]])
                arc += 1
            if arc < first[node + 1]:
                walk += [(node, arc), (heads[arc], first[heads[arc]])]
            elif low[node] == met[node]:
                _close(node, open_nodes, part)
    return np.array(part, np.int64)


def _close(node: int, open_nodes: list[int], part: list[int]) -> None:
    """Everything opened since `node` is its component, which bears its number."""
    while part[node] < 0:
        part[open_nodes.pop()] = node
