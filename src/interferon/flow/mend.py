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
YIELDS = 12  # times that others make way for what is still unserved
CHAIN = 6  # how many make way for each other
MOVE = 1e-3  # currency a unit: breaks ties, else two groups make way for each other in turn


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
        self._serve(rest, 0, DEAR_ROUNDS)
        self._serve(rest, 1, PLAIN_ROUNDS)
        for _ in range(YIELDS):
            if not self._make_way(rest):
                break
            self._serve(rest, 1, PLAIN_ROUNDS)
        self._trim(rest)
        return rest.flows

    def _serve(self, rest: _Rest, dear: int, rounds: int) -> None:
        for _ in range(rounds):
            if not self._round(rest, dear):
                break

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
        groups, option, total = self._cheapest(rest, labels, np.flatnonzero(rest.lacking > EPS), dear)
        good = total < self._limit[groups]
        groups, option = groups[good], option[good]
        ends = g.node[:, -1]
        places = np.flatnonzero((rest.short > EPS) & (labels.value[ends] < problem.cover_price))
        return _Asked(
            np.concatenate([option, np.full(len(places), -1)]),
            np.concatenate([g.ship_tail.ravel()[option], ends[places]]),
            np.concatenate([rest.lacking[groups], rest.short[places]]),
            np.concatenate([self._units[option], np.ones(len(places))]),
            np.concatenate([groups, places]),
        )

    def _cheapest(self, rest: _Rest, labels: _Labels, groups: Ints, dear: int) -> tuple[Ints, Ints, Floats]:
        """The groups that have an option, the cheapest of each that has room, and its price."""
        option, _, start = self._options_of(groups)
        total = self._totals(rest, labels, option, dear)
        total[rest.room[self._graph.ship_second.ravel()[option]] <= EPS] = np.inf
        pick, best = _least(total, start)
        return groups[np.diff(self._option_start)[groups] > 0], option[pick], best

    def _options_of(self, groups: Ints) -> tuple[Ints, Ints, Ints]:
        """Options of the groups that have any, group after group; which of `groups` each belongs to, and where each group's begin."""
        begin, size = self._option_start[groups], np.diff(self._option_start)[groups]
        whose, begin, size = np.flatnonzero(size > 0), begin[size > 0], size[size > 0]
        start = np.cumsum(size) - size
        return self._options[np.repeat(begin - start, size) + np.arange(int(size.sum()))], np.repeat(whose, size), start

    def _totals(self, rest: _Rest, labels: _Labels, option: Ints, dear: int) -> Floats:
        """Price of a unit served by each option, infinite where its lane is full or its goods cannot be had."""
        g = self._graph
        total: Floats = self._ship_prices[dear][option] + self._units[option] * labels.value[g.ship_tail.ravel()[option]]
        total[rest.room[g.ship_first.ravel()[option]] <= EPS] = np.inf
        return total

    def _make_way(self, rest: _Rest) -> bool:
        """Ships that have another way leave places whose room others need more. False where that helps nobody.

        Those leave first whose other way costs least more, be it that others must make way for them in turn; they are lacking then, and
        the next pass is theirs. A chain of such moves is an augmenting path through the places that send.
        """
        g, ship = self._graph, rest.flows.ship.reshape(-1)
        labels = self._labels(rest, self._arc_prices[1], *self._pools(rest))
        row = g.ship_second.ravel()
        sent = np.flatnonzero(ship > EPS)
        sent = sent[rest.room[row[sent]] <= EPS]
        more, dearer = self._yields(rest, labels, sent)
        groups = np.flatnonzero(rest.lacking > EPS)
        option, _, start = self._options_of(groups)
        groups = groups[np.diff(self._option_start)[groups] > 0]
        pick, best = _least(self._totals(rest, labels, option, 1) + self._units[option] * dearer[row[option]], start)
        chosen, good = option[pick], best < self._limit[groups]
        groups, chosen, best = groups[good], chosen[good], best[good]
        wanted, worth = np.zeros(g.rows + 1), np.zeros(g.rows + 1)
        full = rest.room[row[chosen]] <= EPS
        np.add.at(wanted, row[chosen[full]], (rest.lacking[groups] * self._units[chosen])[full])
        np.maximum.at(worth, row[chosen], (self._limit[groups] - best) / self._units[chosen] + dearer[row[chosen]])
        leaves = (wanted[row[sent]] > 0) & (more < worth[row[sent]])
        sent, gone = _first(sent[leaves], row[sent[leaves]], more[leaves], ship[sent[leaves]] * self._units[sent[leaves]], wanted)
        if gone.sum() <= EPS:
            return False
        self._take_back(rest, sent, gone)
        asked = _Asked(chosen, g.ship_tail.ravel()[chosen], rest.lacking[groups], self._units[chosen], groups)
        ways = list(self._ways(labels, asked, asked.quantity))
        given = asked.quantity * self._granted(ways, asked, *self._ratios(rest, ways, asked, self._pools(rest)[0]))
        self._book(rest, labels, asked, given)
        return True

    def _yields(self, rest: _Rest, labels: _Labels, sent: Ints) -> tuple[Floats, Floats]:
        """What sending each shipment otherwise costs more, for each unit that leaves the place; and the least of it by row (rows + 1,)."""
        row = self._graph.ship_second.ravel()
        option, whose, start = self._options_of(self.problem.ship_group[sent // self.problem.buckets])
        least = (self._totals(rest, labels, option, 1) - self._ship_prices[1][sent[whose]]) / self._units[sent[whose]]
        least[row[option] == row[sent[whose]]] = np.inf
        worth = self._units[option] / self._units[sent[whose]]
        dearer = np.where(rest.room > EPS, 0.0, np.inf)
        more = np.full(len(sent), np.inf)
        for _ in range(CHAIN):
            more = _least(least + worth * dearer[row[option]], start)[1] + MOVE
            np.minimum.at(dearer, row[sent], more)
        return more, np.maximum(dearer, 0.0)

    def _take_back(self, rest: _Rest, sent: Ints, gone: Floats) -> None:
        """Cancels shipments (flat entries, units that leave the place)."""
        g, problem = self._graph, self.problem
        units = self._units[sent]
        np.subtract.at(rest.flows.ship.reshape(-1), sent, gone / units)
        np.add.at(rest.lacking, problem.ship_group[sent // problem.buckets], gone / units)
        for rows in (g.ship_first, g.ship_second):
            np.add.at(rest.room, rows.ravel()[sent], gone)
        place, bucket = problem.ship_from[sent // problem.buckets], sent % problem.buckets
        held = place >= 0
        fresh = np.zeros(rest.free.shape)
        np.add.at(fresh, (place[held], bucket[held]), gone[held])
        rest.free += np.cumsum(fresh, axis=1)

    def _trim(self, rest: _Rest) -> None:
        """Cancels movements into places that no longer need them, from the customers backwards."""
        g = self._graph
        haul = rest.flows.haul.reshape(-1)
        moved = np.flatnonzero(haul > EPS)
        head, tail = g.haul_head.ravel()[moved], g.haul_tail.ravel()[moved]
        order = np.argsort(-head, kind="stable")
        moved, head, tail = moved[order], head[order], tail[order]
        borders = np.searchsorted(-head, -np.array([step.nodes.start for step in g.steps] + [g.size]), side="right")
        for number in range(len(g.steps) - 1, -1, -1):
            part = slice(borders[number + 1], borders[number])
            if part.start == part.stop:
                continue
            spare, _ = self._spare(rest)
            into = np.bincount(head[part], haul[moved[part]], g.size)
            share = np.zeros(g.size)
            np.divide(np.minimum(spare, into), into, out=share, where=into > EPS)
            # Of one place only the latest bucket with something to cancel: what it cancels is no longer spare before it.
            gone = haul[moved[part]] * share[head[part]]
            haul[moved[part]] -= gone
            for rows in (g.haul_first, g.haul_second):
                np.add.at(rest.room, rows.ravel()[moved[part]], gone)
            change = np.zeros(rest.free.shape)
            np.subtract.at(change, (g.place[head[part]], g.bucket[head[part]]), gone)
            held = tail[part] < g.size
            back = tail[part][held]
            np.add.at(change, (g.place[back], g.bucket[back]), gone[held])
            rest.free += np.cumsum(change, axis=1)

    def _spare(self, rest: _Rest) -> tuple[Floats, Floats]:
        """(N,) units at each node that neither a later booking nor the cover needs; and stock ahead (K, T+1)."""
        g = self._graph
        ahead = np.minimum.accumulate(rest.free[:, ::-1], axis=1)[:, ::-1]
        over = np.maximum(rest.free[:, -1] - self.problem.cover, 0.0)
        spare = np.zeros(g.size)
        spare[g.node.ravel()] = np.maximum(np.minimum(ahead, over[:, None]), 0.0).ravel()
        return spare, ahead

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


def _least(total: Floats, start: Ints) -> tuple[Ints, Floats]:
    """First index of the least of each run of `total`, and the least; runs begin at `start` and none is empty."""
    if not len(start):
        return np.zeros(0, np.int64), np.zeros(0)
    size = np.diff(start, append=len(total))
    best = np.minimum.reduceat(total, start)
    hit = np.flatnonzero(total == np.repeat(best, size))[::-1]  # reversed: the first of equals is written last
    pick = np.zeros(len(start), np.int64)
    pick[np.repeat(np.arange(len(start)), size)[hit]] = hit
    return pick, best


def _first(which: Ints, row: Ints, rank: Floats, amount: Floats, wanted: Floats) -> tuple[Ints, Floats]:
    """Of what uses each row the first by rank, up to what is wanted of the row: entries and amounts."""
    order = np.lexsort((which, rank, row))
    which, row, amount = which[order], row[order], amount[order]
    before = np.cumsum(amount) - amount
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    before -= np.repeat(before[begins], np.diff(begins, append=len(row)))
    return which, np.clip(wanted[row] - before, 0.0, amount)
