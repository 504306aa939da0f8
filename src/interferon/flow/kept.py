"""What of a plan still goes as planned when capacity is lost: every movement cut to the room and to the goods that are left. Pure.

One pass through the steps of the time-expanded graph. Where a place has less than the plan takes from it, all that leave get the same
share; what a plant cannot use, because another component is lacking, stays in stock. Called by `mend`.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.expanded import Graph
from interferon.flow.problem import Floats, Ints, Problem

EPS = 1e-9


@dataclass(frozen=True)
class _Block:
    """Positive entries of one block of the plan, sorted by the node they wait for (`at`); the graph's size for none."""

    place: Ints  # in the flattened block
    quantity: Floats
    units: Floats  # sent and carried for each unit of it
    first: Ints
    second: Ints
    at: Ints
    head: Ints
    borders: Ints  # (steps + 1,) entries of each step


@dataclass(frozen=True)
class Kept:
    """What goes on, the room in each row of capacity after it (the last is for what needs none), and stock (K, T+1) that is not needed."""

    flows: Flows
    room: Floats
    stock: Floats


class Movements:
    """The movements of a plan, prepared for being cut."""

    def __init__(self, problem: Problem, graph: Graph, flows: Flows) -> None:
        self._problem, self._graph = problem, graph
        nowhere = np.full(graph.make_first.shape, graph.rows)
        g = graph
        self._hauls = _block(g, flows.haul, np.ones(len(problem.haul_lane)), g.haul_first, g.haul_second, g.haul_tail, g.haul_head)
        self._ships = _block(g, flows.ship, problem.ship_units, g.ship_first, g.ship_second, g.ship_tail, g.ship_tail)
        self._makes = _block(g, flows.make, np.ones(len(problem.make_at)), g.make_first, nowhere, g.make_head, g.make_head)
        self._replaced = _replaced(problem, flows)
        self._uses, self._swaps = _uses(problem, g, self._makes, self._replaced)
        self._after = np.full(g.size, g.size)
        self._after[g.node[:, :-1].ravel()] = g.node[:, 1:].ravel()

    def cut(self, limits: Floats, opening: Floats) -> Kept:
        """The plan within `limits`, rows as `limits.capacity_limits`, and with the stock (K, T+1) that `transit.opening_left` gives."""
        g = self._graph
        share = self._shares(limits)
        hauls, ships, makes = (
            block.quantity * np.minimum(share[block.first], share[block.second]) for block in (self._hauls, self._ships, self._makes)
        )
        arc, node, each = self._uses
        asked = np.bincount(self._hauls.at, hauls, g.size + 1) + np.bincount(self._ships.at, ships * self._ships.units, g.size + 1)
        asked = asked + np.bincount(node, makes[arc] * each, g.size + 1)
        here, scale = np.zeros(g.size + 1), np.ones(g.size + 1)
        here[g.node] = np.diff(np.concatenate([np.zeros((len(opening), 1)), opening], axis=1), axis=1)
        sources = self._hauls.borders[-1]
        np.add.at(here, self._hauls.head[sources:], hauls[sources:])
        for number, step in enumerate(g.steps):
            self._make(number, makes, scale, here)
            nodes = step.nodes
            have, want = np.maximum(here[nodes], 0.0), asked[nodes]
            part = np.ones(len(want))
            np.divide(have, want, out=part, where=want > have)
            scale[nodes] = np.maximum(part, 0.0)
            over = have - want * scale[nodes]
            here[self._after[nodes]] += over
            here[nodes] = over
            out = slice(self._hauls.borders[number], self._hauls.borders[number + 1])
            hauls[out] *= scale[self._hauls.at[out]]
            np.add.at(here, self._hauls.head[out], hauls[out])
        ships *= scale[self._ships.at]
        return self._result(limits, here, (ships, hauls, makes))

    def _shares(self, limits: Floats) -> Floats:
        """(rows + 1,) share of the plan that each row of capacity still holds."""
        g = self._graph
        load = np.zeros(g.rows + 1)
        for block in (self._hauls, self._ships, self._makes):
            used = block.quantity * block.units
            load += np.bincount(block.first, used, g.rows + 1) + np.bincount(block.second, used, g.rows + 1)
        share = np.ones(g.rows + 1)
        np.divide(limits, load[:-1], out=share[:-1], where=load[:-1] > limits)
        return share

    def _make(self, number: int, makes: Floats, scale: Floats, here: Floats) -> None:
        """Makes of one step; their components are at places of earlier steps, which have said what share of the wanted they have."""
        a, b = self._makes.borders[number], self._makes.borders[number + 1]
        if a == b:
            return
        arc, node, each = self._uses
        c, d = np.searchsorted(arc, (a, b))
        least = np.ones(b - a)
        np.minimum.at(least, arc[c:d] - a, scale[node[c:d]])
        over = (scale[node[c:d]] - least[arc[c:d] - a]) * makes[arc[c:d]] * each[c:d]
        makes[a:b] *= least
        np.add.at(here, node[c:d], over)
        np.add.at(here, self._after[node[c:d]], over)
        np.add.at(here, self._makes.head[a:b], makes[a:b])

    def _result(self, limits: Floats, here: Floats, moved: tuple[Floats, Floats, Floats]) -> Kept:
        g, problem, steps = self._graph, self._problem, self._problem.buckets
        room = np.append(limits, np.inf)
        blocks = []
        for block, quantity, count in zip(
            (self._ships, self._hauls, self._makes),
            moved,
            (len(problem.ship_lane), len(problem.haul_lane), len(problem.make_at)),
            strict=True,
        ):
            whole = np.zeros(count * steps)
            whole[block.place] = quantity
            blocks.append(whole.reshape(count, steps))
            for rows in (block.first, block.second):
                room[:-1] -= np.bincount(rows, quantity * block.units, g.rows + 1)[:-1]
        ship, haul, make = blocks
        return Kept(Flows(ship, haul, make, self._swapped(moved[2])), np.maximum(room, 0.0), here[g.node])

    def _swapped(self, makes: Floats) -> Floats | None:
        """(W, T) units of components that alternates stand in for."""
        if self._replaced is None:
            return None
        swapped = np.zeros(self._replaced.shape)
        for entry, swap, bucket, each in self._swaps:
            swapped[swap, bucket] += makes[entry] * each
        return swapped


def _block(graph: Graph, quantity: Floats, units: Floats, first: Ints, second: Ints, at: Ints, head: Ints) -> _Block:
    place = np.flatnonzero(quantity.ravel() > EPS)
    place = place[np.argsort(at.ravel()[place], kind="stable")]
    where = at.ravel()[place]
    ends = np.array([step.nodes.start for step in graph.steps] + [graph.size])
    return _Block(
        place,
        quantity.ravel()[place],
        units[place // max(quantity.shape[1], 1)],
        first.ravel()[place],
        second.ravel()[place],
        where,
        head.ravel()[place],
        np.searchsorted(where, ends),
    )


def _replaced(problem: Problem, flows: Flows) -> Floats | None:
    """(W, T) share of what is used of a component for which the plan takes the alternate; None where it takes none."""
    if flows.swap is None or not flows.swap.any():
        return None
    used = np.zeros((len(problem.stock_node), problem.buckets))
    for made, recipe in zip(flows.make, problem.recipe, strict=True):
        for component, each in recipe:
            used[component] += each * made
    whole = used[problem.swap_of]
    share = np.zeros(flows.swap.shape)
    np.divide(flows.swap, whole, out=share, where=whole > EPS)
    return np.minimum(share, 1.0)


def _uses(
    problem: Problem, graph: Graph, makes: _Block, replaced: Floats | None
) -> tuple[tuple[Ints, Ints, Floats], list[tuple[int, int, int, float]]]:
    """What the planned makes use: (entry, node, units for one unit made), sorted by entry, alternates in their shares; and what is
    swapped: (entry, swap, bucket, units of the component for one unit made)."""
    rows: list[tuple[int, int, float]] = []
    swaps: list[tuple[int, int, int, float]] = []
    line, bucket = np.divmod(makes.place, problem.buckets)
    for entry, (m, t) in enumerate(zip(line.tolist(), bucket.tolist(), strict=True)):
        for component, each in problem.recipe[m]:
            own = 1.0
            for w in np.flatnonzero(problem.swap_of == component).tolist() if replaced is not None else ():
                share = float(replaced[w, t])  # type: ignore[index]  # not None where it gets here
                if share > 0:
                    own -= share
                    rows.append((entry, int(graph.node[problem.swap_by[w], t]), each * share * float(problem.swap_units[w])))
                    swaps.append((entry, w, t, each * share))
            rows.append((entry, int(graph.node[component, t]), each * max(own, 0.0)))
    arc, node, each_of = zip(*rows, strict=True) if rows else ((), (), ())
    return (np.array(arc, np.int64), np.array(node, np.int64), np.array(each_of, float)), swaps
