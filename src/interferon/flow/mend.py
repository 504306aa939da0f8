"""The first executable answer to a closure, without a solver: what still can go as planned goes so, the rest takes what room is left.

Prepared once for a network (`Mend`), asked for each closure (`Mend.answer`). Planned movements are cut to the capacities and goods that
are left (`kept`). Then, in rounds, all demand not yet served asks for its cheapest way through the time-expanded graph; where more is
asked of a capacity than it has, all who ask get the same share. Ways are priced at their cost and at what the plan's optimum says each
capacity is worth, so that the first to come does not take the room on which others depend. Called by `reroute` and the bench. Pure.
"""

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import Shares
from interferon.flow.expanded import graph
from interferon.flow.kept import Movements
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Floats, Ints, Problem
from interferon.flow.residual import EPS, Asked, Labels, Residual
from interferon.flow.transit import opening_left

DEAR_ROUNDS = 8  # priced with what capacity is worth
PLAIN_ROUNDS = 4  # priced at cost: what is still unserved takes what room there is
YIELDS = 12  # times that others make way for what is still unserved
CHAIN = 6  # how many make way for each other
MOVE = 1e-3  # currency a unit: breaks ties, else two groups make way for each other in turn


class Mend:
    """The answers for one network and one plan. `worth`: (rows,) what one unit more of each capacity would save, ≥ 0."""

    def __init__(self, problem: Problem, plan: Flows, worth: Floats) -> None:
        self.problem = problem
        self._graph = g = graph(problem)
        self._planned = Movements(problem, g, plan)
        dear = np.append(worth, 0.0)
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
        kept = self._planned.cut(capacity_limits(self.problem, shares), opening_left(self.problem, shares))
        rest = Residual(self.problem, self._graph, kept)
        self._serve(rest, 0, DEAR_ROUNDS)
        self._serve(rest, 1, PLAIN_ROUNDS)
        for _ in range(YIELDS):
            if not self._make_way(rest):
                break
            self._serve(rest, 1, PLAIN_ROUNDS)
        rest.trim()
        return rest.flows

    def _serve(self, rest: Residual, dear: int, rounds: int) -> None:
        """All that is lacking asks, until nothing more can be given."""
        for _ in range(rounds):
            labels = rest.labels(self._arc_prices[dear])
            asked = self._ask(rest, labels, dear)
            if not len(asked.node) or rest.give(labels, asked) <= EPS:
                break

    def _ask(self, rest: Residual, labels: Labels, dear: int) -> Asked:
        """The cheapest way of each group that lacks goods and of each place short of its cover, where it costs less than going without."""
        g, problem = self._graph, self.problem
        groups, option, total = self._cheapest(rest, labels, np.flatnonzero(rest.lacking > EPS), dear)
        good = total < self._limit[groups]
        groups, option = groups[good], option[good]
        ends = g.node[:, -1]
        places = np.flatnonzero((rest.short > EPS) & (labels.value[ends] < problem.cover_price))
        return Asked(
            np.concatenate([option, np.full(len(places), -1)]),
            np.concatenate([g.ship_tail.ravel()[option], ends[places]]),
            np.concatenate([rest.lacking[groups], rest.short[places]]),
            np.concatenate([self._units[option], np.ones(len(places))]),
            np.concatenate([groups, places]),
        )

    def _cheapest(self, rest: Residual, labels: Labels, groups: Ints, dear: int) -> tuple[Ints, Ints, Floats]:
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

    def _totals(self, rest: Residual, labels: Labels, option: Ints, dear: int) -> Floats:
        """Price of a unit served by each option, infinite where its lane is full or its goods cannot be had."""
        g = self._graph
        total: Floats = self._ship_prices[dear][option] + self._units[option] * labels.value[g.ship_tail.ravel()[option]]
        total[rest.room[g.ship_first.ravel()[option]] <= EPS] = np.inf
        return total

    def _make_way(self, rest: Residual) -> bool:
        """Ships that have another way leave places whose room others need more. False where that helps nobody.

        Those leave first whose other way costs least more, be it that others must make way for them in turn; they are lacking then, and
        the next pass is theirs. A chain of such moves is an augmenting path through the places that send.
        """
        g, ship = self._graph, rest.flows.ship.reshape(-1)
        labels = rest.labels(self._arc_prices[1])
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
        rest.take_back(sent, gone)
        rest.give(labels, Asked(chosen, g.ship_tail.ravel()[chosen], rest.lacking[groups], self._units[chosen], groups))
        return True

    def _yields(self, rest: Residual, labels: Labels, sent: Ints) -> tuple[Floats, Floats]:
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
