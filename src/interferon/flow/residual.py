"""What a network has left while a decision is being built: room, stock, demand; and the cheapest ways through it. Called by `mend`. Pure.

All passes run through the steps of the time-expanded graph, so that each is a handful of array operations whatever the network's size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from interferon.flow.expanded import Graph
from interferon.flow.kept import Kept
from interferon.flow.problem import Floats, Ints, Problem

EPS = 1e-7
POOL = -2  # a node served from stock that nothing booked needs
NONE = -1


@dataclass(frozen=True)
class Labels:
    """(N+1,) price of one unit more at each node, and the arc that brings it, POOL or NONE. The last is a supplier's."""

    value: Floats
    via: Ints


@dataclass(frozen=True)
class Asked:
    """One wish a row. `option`: flat ship entry, -1 for the cover; `units` leave the node for one of `quantity`; `whose`: group, place."""

    option: Ints
    node: Ints
    quantity: Floats
    units: Floats
    whose: Ints


class Residual:
    """What is left after `kept`: `flows` so far; `room` (rows + 1,); `free` (K, T+1) stock that nothing booked needs; `lacking` (G,);
    `short` (K,) of the cover."""

    def __init__(self, problem: Problem, graph: Graph, kept: Kept) -> None:
        self._problem, self._graph = problem, graph
        served = np.bincount(problem.ship_group, kept.flows.ship.sum(axis=1), len(problem.demand.quantity))
        self.flows, self.room, self.free = kept.flows, kept.room, kept.stock
        self.lacking: Floats = np.maximum(problem.demand.quantity - served, 0.0)
        self.short: Floats = np.maximum(problem.cover - kept.stock[:, -1], 0.0)

    def pools(self) -> tuple[Floats, Floats]:
        """(N,) units that can be taken at each node without breaking what is booked later, and what one costs the cover."""
        g = self._graph
        ahead = np.minimum.accumulate(self.free[:, ::-1], axis=1)[:, ::-1]
        over = np.maximum(self.free[:, -1] - self._problem.cover, 0.0)
        spare = over > EPS
        there = np.where(spare[:, None], np.minimum(ahead, over[:, None]), ahead)
        # What arrives after the horizon cannot be taken within it, and the cover is not filled from itself.
        there[:, -1] = 0.0
        price = np.where(spare, 0.0, self._problem.cover_price)
        pool, cost = np.zeros(g.size), np.zeros(g.size)
        pool[g.node.ravel()] = there.ravel()
        cost[g.node.ravel()] = np.repeat(price, there.shape[1])
        return pool, cost

    def labels(self, price: Floats) -> Labels:
        """What one unit more costs at each node at these prices of the arcs (A,), where there is room."""
        g = self._graph
        pool, pool_price = self.pools()
        value, via = np.full(g.size + 1, np.inf), np.full(g.size + 1, NONE)
        value[:-1] = np.where(pool > EPS, pool_price, np.inf)
        via[:-1] = np.where(pool > EPS, POOL, NONE)
        value[-1] = 0.0
        arcs, parts = g.arcs, g.parts
        cost = np.where((self.room[arcs.first] > EPS) & (self.room[arcs.second] > EPS), price, np.inf)
        for step in g.steps:
            if not len(step.heads):
                continue
            a = step.arcs
            total = cost[a] + value[arcs.tail[a]]
            if len(step.makes):
                total[step.makes - a.start] += _sums(value[parts.node] * parts.quantity, parts.start, step.makes)
            best = np.minimum.reduceat(total, step.starts)
            better = best < value[step.heads]
            value[step.heads] = np.where(better, best, value[step.heads])
            hit = np.flatnonzero(total == value[arcs.head[a]])[::-1] + a.start  # reversed: the first of equals is written last
            hit = hit[np.isfinite(value[arcs.head[hit]])]
            won = np.zeros(0, np.int64)
            if len(hit):
                fresh = np.full(step.nodes.stop - step.nodes.start, NONE)
                fresh[arcs.head[hit] - step.nodes.start] = hit
                won = step.heads[better]
                via[won] = fresh[won - step.nodes.start]
        return Labels(value, via)

    def give(self, labels: Labels, asked: Asked) -> float:
        """Books what there is of what is asked: of each capacity on a way that is short all get the same share. Units given."""
        ways = list(self._ways(labels, asked, asked.quantity))
        given = asked.quantity * self._granted(ways, asked, *self._ratios(ways, asked))
        if given.sum() > EPS:
            self._book(labels, asked, given)
        return float(given.sum())

    def take_back(self, sent: Ints, gone: Floats) -> None:
        """Cancels shipments (flat entries, units that leave the place)."""
        g, problem = self._graph, self._problem
        units = problem.ship_units[sent // problem.buckets]
        np.subtract.at(self.flows.ship.reshape(-1), sent, gone / units)
        np.add.at(self.lacking, problem.ship_group[sent // problem.buckets], gone / units)
        for rows in (g.ship_first, g.ship_second):
            np.add.at(self.room, rows.ravel()[sent], gone)
        place, bucket = problem.ship_from[sent // problem.buckets], sent % problem.buckets
        held = place >= 0
        fresh = np.zeros(self.free.shape)
        np.add.at(fresh, (place[held], bucket[held]), gone[held])
        self.free += np.cumsum(fresh, axis=1)

    def trim(self) -> None:
        """Cancels movements into places that no longer need them, from the customers backwards."""
        g = self._graph
        haul = self.flows.haul.reshape(-1)
        moved = np.flatnonzero(haul > EPS)
        head, tail = g.haul_head.ravel()[moved], g.haul_tail.ravel()[moved]
        order = np.argsort(-head, kind="stable")
        moved, head, tail = moved[order], head[order], tail[order]
        borders = np.searchsorted(-head, -np.array([step.nodes.start for step in g.steps] + [g.size]), side="right")
        for number in range(len(g.steps) - 1, -1, -1):
            part = slice(borders[number + 1], borders[number])
            if part.start == part.stop:
                continue
            spare = self._spare()
            into = np.bincount(head[part], haul[moved[part]], g.size)
            share = np.zeros(g.size)
            np.divide(np.minimum(spare, into), into, out=share, where=into > EPS)
            gone = haul[moved[part]] * share[head[part]]
            haul[moved[part]] -= gone
            for rows in (g.haul_first, g.haul_second):
                np.add.at(self.room, rows.ravel()[moved[part]], gone)
            change = np.zeros(self.free.shape)
            np.subtract.at(change, (g.place[head[part]], g.bucket[head[part]]), gone)
            held = tail[part] < g.size
            back = tail[part][held]
            np.add.at(change, (g.place[back], g.bucket[back]), gone[held])
            self.free += np.cumsum(change, axis=1)

    def _spare(self) -> Floats:
        """(N,) units at each node that neither a later booking nor the cover needs."""
        g = self._graph
        ahead = np.minimum.accumulate(self.free[:, ::-1], axis=1)[:, ::-1]
        over = np.maximum(self.free[:, -1] - self._problem.cover, 0.0)
        spare = np.zeros(g.size)
        spare[g.node.ravel()] = np.maximum(np.minimum(ahead, over[:, None]), 0.0).ravel()
        return spare

    def _ways(self, labels: Labels, asked: Asked, quantity: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
        """(nodes, arcs, quantities) step by step backwards from where goods are wanted to where they come from."""
        g = self._graph
        want = np.zeros(g.size + 1)
        np.add.at(want, asked.node, quantity * asked.units)
        want[-1] = 0.0
        for step in reversed(g.steps):
            nodes = step.nodes.start + np.flatnonzero(want[step.nodes] > 0)
            if not len(nodes):
                continue
            via, amount = labels.via[nodes], want[nodes]
            yield nodes, via, amount
            moved = via >= 0
            np.add.at(want, g.arcs.tail[via[moved]], amount[moved])
            want[-1] = 0.0
            made = np.flatnonzero(moved)[np.diff(g.parts.start)[via[moved]] > 0]
            for i in made.tolist():
                parts = slice(g.parts.start[via[i]], g.parts.start[via[i] + 1])
                np.add.at(want, g.parts.node[parts], amount[i] * g.parts.quantity[parts])

    def _ratios(self, ways: list[tuple[Ints, Ints, Floats]], asked: Asked) -> tuple[Floats, Floats]:
        """(rows + 1,) and (K,) share of what is asked of each capacity, and of each place's free stock, that there is."""
        g = self._graph
        load, taken = np.zeros(g.rows + 1), np.zeros(self.free.shape)
        ships = asked.option >= 0
        for rows in (g.ship_first, g.ship_second):
            np.add.at(load, rows.ravel()[asked.option[ships]], (asked.quantity * asked.units)[ships])
        for nodes, via, amount in ways:
            moved, own = via >= 0, via == POOL
            for row in (g.arcs.first, g.arcs.second):
                np.add.at(load, row[via[moved]], amount[moved])
            np.add.at(taken, (g.place[nodes[own]], g.bucket[nodes[own]]), amount[own])
        ratio = np.ones(g.rows + 1)
        np.divide(self.room, load, out=ratio, where=load > self.room)
        running = np.cumsum(taken, axis=1)
        there = self.pools()[0][g.node]
        part = np.ones(self.free.shape)
        np.divide(there, running, out=part, where=(running > there) & (taken > 0))
        return ratio, np.minimum.reduce(part, axis=1)

    def _granted(self, ways: list[tuple[Ints, Ints, Floats]], asked: Asked, ratio: Floats, pool_ratio: Floats) -> Floats:
        """Share of each wish that every capacity on its way can give."""
        g = self._graph
        share = np.ones(g.size + 1)
        for nodes, via, _ in reversed(ways):
            moved = via >= 0
            arc, part = via[moved], np.ones(len(nodes))
            part[moved] = np.minimum(np.minimum(ratio[g.arcs.first[arc]], ratio[g.arcs.second[arc]]), share[g.arcs.tail[arc]])
            part[via == POOL] = pool_ratio[g.place[nodes[via == POOL]]]
            made = np.flatnonzero(moved)[np.diff(g.parts.start)[arc] > 0]
            for i in made.tolist():
                part[i] = min(part[i], share[g.parts.node[g.parts.start[via[i]] : g.parts.start[via[i] + 1]]].min())
            share[nodes] = part
        granted = share[asked.node]
        ships = asked.option >= 0
        option = asked.option[ships]
        granted[ships] = np.minimum(granted[ships], np.minimum(ratio[g.ship_first.ravel()[option]], ratio[g.ship_second.ravel()[option]]))
        return granted

    def _book(self, labels: Labels, asked: Asked, given: Floats) -> None:
        g = self._graph
        ships = asked.option >= 0
        option = asked.option[ships]
        ship, haul, make = (block.reshape(-1) for block in (self.flows.ship, self.flows.haul, self.flows.make))
        np.add.at(ship, option, given[ships])
        for rows in (g.ship_first, g.ship_second):
            np.subtract.at(self.room, rows.ravel()[option], (given * asked.units)[ships])
        taken = np.zeros(self.free.shape)
        for nodes, via, amount in self._ways(labels, asked, given):
            moved, own = via >= 0, via == POOL
            arc = via[moved]
            for rows in (g.arcs.first, g.arcs.second):
                np.subtract.at(self.room, rows[arc], amount[moved])
            column = g.arcs.column[arc]
            hauled, made = (column >= 0) & (column < haul.size), column >= haul.size
            np.add.at(haul, column[hauled], amount[moved][hauled])
            np.add.at(make, column[made] - haul.size, amount[moved][made])
            np.add.at(taken, (g.place[nodes[own]], g.bucket[nodes[own]]), amount[own])
        np.maximum(self.room, 0.0, out=self.room)
        self.free -= np.cumsum(taken, axis=1)
        np.subtract.at(self.lacking, asked.whose[ships], given[ships])
        np.subtract.at(self.short, asked.whose[~ships], given[~ships])


def _sums(values: Floats, start: Ints, arcs: Ints) -> Floats:
    """Sum of each arc's parts; every arc of `arcs` has some."""
    first, size = start[arcs], start[arcs + 1] - start[arcs]
    begin = np.cumsum(size) - size
    sums: Floats = np.add.reduceat(values[np.repeat(first - begin, size) + np.arange(int(size.sum()))], begin)
    return sums
