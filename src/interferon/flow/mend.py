"""The first executable answer to a closure, without a solver: what still can go as planned goes so, the rest takes what room is left.

Prepared once for a network (`Mend`), asked for each closure (`Mend.answer`). Planned movements are cut to the capacities and goods that
are left (`kept`). Then, in rounds, all demand not yet served asks for its cheapest way through the time-expanded graph; where more is
asked of a capacity than it has, all who ask get the same share. Ways are priced at their cost and at what the plan's optimum says each
capacity is worth, so that the first to come does not take the room on which others depend. Called by `reroute` and the bench. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import Shares
from interferon.flow.expanded import graph
from interferon.flow.kept import Plan
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Floats, Ints, Problem
from interferon.flow.transit import opening_left

EPS = 1e-7
DEAR_ROUNDS = 8  # priced with what capacity is worth
PLAIN_ROUNDS = 4  # priced at cost: what is still unserved takes what room there is
POOL = -2  # a node served from stock that nothing booked needs
NONE = -1


@dataclass
class _Rest:
    """What is left while the answer is being built."""

    flows: Flows
    room: Floats  # (rows + 1,)
    free: Floats  # (K, T+1) stock that nothing booked needs
    lacking: Floats  # (G,)
    short: Floats  # (K,) of the cover


@dataclass(frozen=True)
class _Labels:
    """(N+1,) price of one unit more at each node, and the arc that brings it, POOL or NONE. The last is a supplier's."""

    value: Floats
    via: Ints


@dataclass(frozen=True)
class _Asked:
    """One wish a row. `option`: flat ship entry, -1 for the cover; `units` leave the node for one of `quantity`; `whose`: group, place."""

    option: Ints
    node: Ints
    quantity: Floats
    units: Floats
    whose: Ints


class Mend:
    """The answers for one network and one plan. `worth`: (rows,) what one unit more of each capacity would save, ≥ 0."""

    def __init__(self, problem: Problem, plan: Flows, worth: Floats | None = None) -> None:
        self.problem = problem
        self._graph = g = graph(problem)
        self._plan = Plan(problem, g, plan)
        dear = np.concatenate([np.zeros(g.rows) if worth is None else worth, [0.0]])
        arcs = g.arcs
        self._arc_prices = (arcs.price + dear[arcs.first] + dear[arcs.second], arcs.price)
        options = np.argsort(np.repeat(problem.ship_group, problem.buckets), kind="stable")
        self._options = options[np.isfinite(problem.ship_price.ravel()[options])]
        self._option_group = problem.ship_group[self._options // problem.buckets]
        self._option_start = np.searchsorted(self._option_group, np.arange(len(problem.demand.quantity) + 1))
        ship = problem.ship_price.ravel()
        self._units = np.repeat(problem.ship_units, problem.buckets)
        self._ship_prices = (ship + self._units * (dear[g.ship_first.ravel()] + dear[g.ship_second.ravel()]), ship)
        self._limit = problem.demand.unmet

    def answer(self, shares: Shares) -> Flows:
        """A decision within `shares` of the capacities."""
        kept = self._plan.cut(capacity_limits(self.problem, shares), opening_left(self.problem, shares))
        demand = self.problem.demand
        served = np.bincount(self.problem.ship_group, kept.flows.ship.sum(axis=1), len(demand.quantity))
        rest = _Rest(
            kept.flows,
            kept.room,
            kept.stock,
            np.maximum(demand.quantity - served, 0.0),
            np.maximum(self.problem.cover - kept.stock[:, -1], 0.0),
        )
        for dear, rounds in ((0, DEAR_ROUNDS), (1, PLAIN_ROUNDS)):
            for _ in range(rounds):
                if not self._round(rest, dear):
                    break
        return rest.flows

    def _round(self, rest: _Rest, dear: int) -> bool:
        """All that is lacking asks once. False where nothing could be given."""
        pool, pool_price = self._pools(rest)
        labels = self._labels(rest, self._arc_prices[dear], pool, pool_price)
        asked = self._ask(rest, labels, dear)
        if not len(asked.node):
            return False
        ways = list(self._ways(labels, asked, asked.quantity))
        ratio, pool_ratio = self._ratios(rest, ways, asked, pool)
        given = asked.quantity * self._granted(ways, asked, ratio, pool_ratio)
        if given.sum() <= EPS:
            return False
        self._book(rest, labels, asked, given)
        return True

    def _pools(self, rest: _Rest) -> tuple[Floats, Floats]:
        """(N,) units that can be taken at each node without breaking what is booked later, and what one costs the cover."""
        g = self._graph
        ahead = np.minimum.accumulate(rest.free[:, ::-1], axis=1)[:, ::-1]
        over = np.maximum(rest.free[:, -1] - self.problem.cover, 0.0)
        spare = over > EPS
        there = np.where(spare[:, None], np.minimum(ahead, over[:, None]), ahead)
        # What arrives after the horizon cannot be taken within it, and the cover is not filled from itself.
        there[:, -1] = 0.0
        price = np.where(spare, 0.0, self.problem.cover_price)
        pool, cost = np.zeros(g.size), np.zeros(g.size)
        pool[g.node.ravel()] = there.ravel()
        cost[g.node.ravel()] = np.repeat(price, there.shape[1])
        return pool, cost

    def _labels(self, rest: _Rest, price: Floats, pool: Floats, pool_price: Floats) -> _Labels:
        g = self._graph
        value, via = np.full(g.size + 1, np.inf), np.full(g.size + 1, NONE)
        value[:-1] = np.where(pool > EPS, pool_price, np.inf)
        via[:-1] = np.where(pool > EPS, POOL, NONE)
        value[-1] = 0.0
        arcs, parts = g.arcs, g.parts
        cost = np.where((rest.room[arcs.first] > EPS) & (rest.room[arcs.second] > EPS), price, np.inf)
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
        return _Labels(value, via)

    def _ask(self, rest: _Rest, labels: _Labels, dear: int) -> _Asked:
        """The cheapest way of each group that lacks goods and of each place short of its cover, where it costs less than going without."""
        g, problem = self._graph, self.problem
        groups = np.flatnonzero(rest.lacking > EPS)
        begin, size = self._option_start[groups], np.diff(self._option_start)[groups]
        groups, begin, size = groups[size > 0], begin[size > 0], size[size > 0]
        start = np.cumsum(size) - size
        option = self._options[np.repeat(begin - start, size) + np.arange(int(size.sum()))]
        tail, first, second = (rows.ravel()[option] for rows in (g.ship_tail, g.ship_first, g.ship_second))
        total = self._ship_prices[dear][option] + self._units[option] * labels.value[tail]
        total[(rest.room[first] <= EPS) | (rest.room[second] <= EPS)] = np.inf
        best = np.minimum.reduceat(total, start) if len(start) else np.zeros(0)
        hit = np.flatnonzero(total == np.repeat(best, size))[::-1]
        pick = np.zeros(len(groups), np.int64)
        pick[np.repeat(np.arange(len(groups)), size)[hit]] = hit
        good = best < self._limit[groups]
        ends = g.node[:, -1]
        places = np.flatnonzero((rest.short > EPS) & (labels.value[ends] < problem.cover_price))
        return _Asked(
            np.concatenate([option[pick[good]], np.full(len(places), -1)]),
            np.concatenate([tail[pick[good]], ends[places]]),
            np.concatenate([rest.lacking[groups[good]], rest.short[places]]),
            np.concatenate([self._units[option[pick[good]]], np.ones(len(places))]),
            np.concatenate([groups[good], places]),
        )

    def _ways(self, labels: _Labels, asked: _Asked, quantity: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
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

    def _ratios(self, rest: _Rest, ways: list[tuple[Ints, Ints, Floats]], asked: _Asked, pool: Floats) -> tuple[Floats, Floats]:
        """(rows + 1,) and (K,) share of what is asked of each capacity, and of each place's free stock, that there is."""
        g = self._graph
        load, taken = np.zeros(g.rows + 1), np.zeros(rest.free.shape)
        ships = asked.option >= 0
        for rows in (g.ship_first, g.ship_second):
            np.add.at(load, rows.ravel()[asked.option[ships]], (asked.quantity * asked.units)[ships])
        for nodes, via, amount in ways:
            moved, own = via >= 0, via == POOL
            for row in (g.arcs.first, g.arcs.second):
                np.add.at(load, row[via[moved]], amount[moved])
            np.add.at(taken, (g.place[nodes[own]], g.bucket[nodes[own]]), amount[own])
        ratio = np.ones(g.rows + 1)
        np.divide(rest.room, load, out=ratio, where=load > rest.room)
        running = np.cumsum(taken, axis=1)
        there = pool[g.node]
        part = np.ones(rest.free.shape)
        np.divide(there, running, out=part, where=(running > there) & (taken > 0))
        return ratio, np.minimum.reduce(part, axis=1)

    def _granted(self, ways: list[tuple[Ints, Ints, Floats]], asked: _Asked, ratio: Floats, pool_ratio: Floats) -> Floats:
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

    def _book(self, rest: _Rest, labels: _Labels, asked: _Asked, given: Floats) -> None:
        g = self._graph
        ships = asked.option >= 0
        option = asked.option[ships]
        ship, haul, make = (block.reshape(-1) for block in (rest.flows.ship, rest.flows.haul, rest.flows.make))
        np.add.at(ship, option, given[ships])
        for rows in (g.ship_first, g.ship_second):
            np.subtract.at(rest.room, rows.ravel()[option], (given * asked.units)[ships])
        taken = np.zeros(rest.free.shape)
        for nodes, via, amount in self._ways(labels, asked, given):
            moved, own = via >= 0, via == POOL
            arc = via[moved]
            for rows in (g.arcs.first, g.arcs.second):
                np.subtract.at(rest.room, rows[arc], amount[moved])
            column = g.arcs.column[arc]
            hauled, made = (column >= 0) & (column < haul.size), column >= haul.size
            np.add.at(haul, column[hauled], amount[moved][hauled])
            np.add.at(make, column[made] - haul.size, amount[moved][made])
            np.add.at(taken, (g.place[nodes[own]], g.bucket[nodes[own]]), amount[own])
        np.maximum(rest.room, 0.0, out=rest.room)
        rest.free -= np.cumsum(taken, axis=1)
        np.subtract.at(rest.lacking, asked.whose[ships], given[ships])
        np.subtract.at(rest.short, asked.whose[~ships], given[~ships])


def _sums(values: Floats, start: Ints, arcs: Ints) -> Floats:
    """Sum of each arc's parts; every arc of `arcs` has some."""
    first, size = start[arcs], start[arcs + 1] - start[arcs]
    begin = np.cumsum(size) - size
    sums: Floats = np.add.reduceat(values[np.repeat(first - begin, size) + np.arange(int(size.sum()))], begin)
    return sums
