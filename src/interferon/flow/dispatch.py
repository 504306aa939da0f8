"""How the goods go if nobody re-routes them: orders one after another onto the lanes of the plan in force, as long as those have room.

A deterministic list schedule on residual capacity: what is lacking is fetched or made. Called by `reroute` and `plan`. Pure.
"""

from dataclasses import dataclass

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import Shares
from interferon.flow.grid import Mask
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Floats, Ints, Problem, is_plain
from interferon.flow.recipes import Recipe, recipes
from interferon.flow.transit import opening_left

EPS = 1e-9


@dataclass(frozen=True)
class Lanes:
    """The (group, lane) pairs (S,) and (lane, product) pairs (H,) that the plan in force uses."""

    ship: Mask
    haul: Mask


def dispatch(problem: Problem, shares: Shares, base: Lanes) -> Flows:
    """A feasible decision with `shares` of capacity left, along the base lanes alone: what happens if the goods are not re-routed.

    Groups that no other lane could serve as cheaply choose first (Vogel's rule: Reinfeld and Vogel 1958), first what comes in time, then
    what comes late. Alternates are sent only after all that what was ordered can serve in time.
    """
    yard = Yard(problem, shares, base.haul)
    order, left = _by_regret(problem, yard, base.ship), problem.demand.quantity.copy()
    rounds: list[tuple[Mask, Mask | None]] = [(base.ship, ~problem.ship_late & _worth(problem)), (base.ship, None)]
    own = problem.ship_product == problem.demand.product[problem.ship_group]
    if not own.all():  # an alternate may be wanted for itself
        rounds = [(lanes & own, when) for lanes, when in rounds[:-1]] + rounds
    for lanes, when in rounds:
        for g in order:
            if left[g] > EPS:
                left[g] -= yard.serve(int(g), float(left[g]), lanes, when)
    yard.top_up()
    return Flows(yard.ship, yard.haul, yard.make, yard.swap if len(yard.swap) else None)


def _worth(problem: Problem) -> Mask:
    """(S, T) false where an alternate or expediting costs more than the product itself, late, at a lane's own pace."""
    plain, price = is_plain(problem), problem.ship_price
    late = np.where(problem.ship_late, price, np.inf).min(axis=1, initial=np.inf)
    least = _least(len(problem.demand.quantity), problem.ship_group[plain], late[plain])
    worth: Mask = plain[:, None] | (price <= least[problem.ship_group][:, None])
    return worth


def _by_regret(problem: Problem, yard: "Yard", base: Mask) -> Ints:
    """Groups by falling regret: what a unit costs more if its base lane is refused to it, given the lanes that are open at all."""
    best = np.where(yard.open[problem.ship_lane], problem.ship_price.min(axis=1, initial=np.inf), np.inf)
    groups = len(problem.demand.quantity)
    on, off = (np.minimum(problem.demand.unmet, _least(groups, problem.ship_group[mask], best[mask])) for mask in (base, ~base))
    return np.lexsort((np.arange(groups), problem.demand.due, -np.round(off - on, 6)))


def _least(groups: int, group: Ints, value: Floats) -> Floats:
    least = np.full(groups, np.inf)
    np.minimum.at(least, group, value)
    return least


class Yard:
    """Residual capacities and projected stock while the schedule is being built; every taking is booked at once."""

    def __init__(self, problem: Problem, shares: Shares, hauls: Mask) -> None:
        steps, lanes, nodes = problem.buckets, len(problem.lanes), len(problem.nodes)
        limits = capacity_limits(problem, shares).reshape(-1, steps)
        self.problem = problem
        self.lane, self.sent = limits[:lanes].copy(), limits[lanes : lanes + nodes].copy()
        self.made = np.zeros((nodes, steps))
        self.made[problem.plants] = limits[lanes + nodes :]
        self.stock = opening_left(problem, shares).copy()
        self.ship, self.haul, self.make, self.swap = (
            np.zeros((len(rows), steps)) for rows in (problem.ship_lane, problem.haul_lane, problem.make_at, problem.swap_of)
        )
        self.open = (self.lane.sum(axis=1) > EPS) & (self.sent[problem.lane_from].sum(axis=1) > EPS)
        self._pairs = _grouped(problem.ship_group, np.ones(len(problem.ship_group), bool), problem.demand.quantity.size)
        usable = hauls & self.open[problem.haul_lane]
        self._inward = _grouped(problem.haul_to, usable, len(problem.stock_node), problem.haul_cost)
        self._maker = {int(place): m for m, place in enumerate(problem.make_at)}
        self._recipes = [recipes(problem, line) for line in range(len(problem.make_at))]
        self._asking: set[int] = set()  # places for which something is being brought
        self._replacing = True  # whether alternates may be used: not for the cover, nor for what is itself to replace something

    def at_hand(self, place: int, step: int) -> float:
        """Units that can leave `place` in bucket `step` without breaking what is booked for later."""
        return max(float(self.stock[place, step : self.problem.buckets].min()), 0.0)

    def serve(self, group: int, quantity: float, lanes: Mask, when: Mask | None) -> float:
        """Ships up to `quantity` for a group, cheapest (lane, bucket) first: out of stock, then out of what can still be brought there."""
        pairs = self._pairs[group]
        pairs = pairs[lanes[pairs] & self.open[self.problem.ship_lane[pairs]]]
        price = self.problem.ship_price[pairs] if when is None else np.where(when[pairs], self.problem.ship_price[pairs], np.inf)
        served = 0.0
        ways = [divmod(int(i), self.problem.buckets) for i in np.argsort(price, axis=None, kind="stable")[: int(np.isfinite(price).sum())]]
        for fetch in (False, True):
            for row, step in ways:
                if quantity - served <= EPS:
                    return served
                served += self._ship(int(pairs[row]), step, quantity - served, fetch=fetch)
        return served

    def _ship(self, pair: int, step: int, quantity: float, *, fetch: bool) -> float:
        lane, place, units = int(self.problem.ship_lane[pair]), int(self.problem.ship_from[pair]), float(self.problem.ship_units[pair])
        take = min(quantity * units, self._room(lane, step))
        if take <= EPS:
            return 0.0
        if place >= 0:
            there = self.at_hand(place, step)
            if fetch and there < take:
                self.procure(place, take - there, step)
                # fetching may itself have used the lanes and the node we leave by
                there, take = self.at_hand(place, step), min(take, self._room(lane, step))
            take = min(take, there)
            self.stock[place, step:] -= take
        self._carry(lane, step, take)
        self.ship[pair, step] += take / units
        return take / units

    def procure(self, place: int, quantity: float, step: int) -> float:
        """Brings up to `quantity` more to `place` by bucket `step` (T: after the horizon, for the cover): made there, or hauled in.

        Never from `place` itself over others: places that feed each other would ask in a circle.
        """
        if place in self._asking:
            return 0.0
        self._asking.add(place)
        got = self._procure(place, quantity, step)
        self._asking.remove(place)
        return got

    def _procure(self, place: int, quantity: float, step: int) -> float:
        got = self._make(place, quantity, min(step, self.problem.buckets - 1))
        for pair in self._inward[place]:
            for leave in range(min(step, self.problem.buckets - 1), -1, -1):
                if quantity - got <= EPS:
                    return got
                if self.problem.haul_arrives[pair, leave] <= step:
                    got += self._haul(int(pair), leave, quantity - got)
        return got

    def _haul(self, pair: int, step: int, quantity: float) -> float:
        lane, origin = int(self.problem.haul_lane[pair]), int(self.problem.haul_from[pair])
        take = min(quantity, self._room(lane, step))
        if take > EPS and origin >= 0:
            there = self.at_hand(origin, step)
            if there < take:
                self.procure(origin, take - there, step)
            take = min(self.at_hand(origin, step), take, self._room(lane, step))
        if take <= EPS:
            return 0.0
        if origin >= 0:
            self.stock[origin, step:] -= take
        self._carry(lane, step, take)
        self.haul[pair, step] += take
        self.stock[self.problem.haul_to[pair], self.problem.haul_arrives[pair, step] :] += take
        return take

    def _make(self, place: int, quantity: float, step: int) -> float:
        if place not in self._maker:
            return 0.0
        line, got = self._maker[place], 0.0
        for recipe in self._recipes[line]:
            if not recipe.swaps:
                got += self._make_by(line, recipe, quantity, step)
            elif self._replacing and quantity - got > EPS:
                self._replacing = False
                got += self._make_by(line, recipe, quantity - got, step)
                self._replacing = True
        return got

    def _make_by(self, line: int, recipe: Recipe, quantity: float, step: int) -> float:
        node, got = int(self.problem.stock_node[self.problem.make_at[line]]), 0.0
        for at in range(step, -1, -1):
            want = min(quantity - got, float(self.made[node, at]))
            for component, each in recipe.takes:
                there = self.at_hand(component, at)
                if want * each > there + EPS:
                    self.procure(component, want * each - there, at)
                    want = min(want, self.at_hand(component, at) / each)
            if want > EPS:
                got += self._produce(line, recipe, at, want)
        return got

    def _produce(self, line: int, recipe: Recipe, step: int, quantity: float) -> float:
        place = int(self.problem.make_at[line])
        node = int(self.problem.stock_node[place])
        take = min([quantity, float(self.made[node, step]), *(self.at_hand(component, step) / each for component, each in recipe.takes)])
        if take <= EPS:
            return 0.0
        for component, each in recipe.takes:
            self.stock[component, step:] -= take * each
        for swap, each in recipe.swaps:
            self.swap[swap, step] += take * each
        self.stock[place, step:] += take
        self.made[node, step] -= take
        self.make[line, step] += take
        return take

    def top_up(self) -> None:
        """Brings stock back to its cover where that costs less than going without: dearest products first, components last."""
        problem, self._replacing = self.problem, False
        components = np.isin(np.arange(len(problem.cover)), [c for recipe in problem.recipe for c, _ in recipe])
        for place in np.lexsort((np.arange(len(problem.cover)), -problem.cover_price, components)):
            lacking = float(problem.cover[place] - self.stock[place, -1])
            if lacking > EPS:
                self.procure(int(place), lacking, problem.buckets)

    def _room(self, lane: int, step: int) -> float:
        return min(float(self.lane[lane, step]), float(self.sent[self.problem.lane_from[lane], step]))

    def _carry(self, lane: int, step: int, quantity: float) -> None:
        self.lane[lane, step] -= quantity
        self.sent[self.problem.lane_from[lane], step] -= quantity


def _grouped(key: Ints, usable: Mask, count: int, rank: Floats | None = None) -> list[Ints]:
    """For each key value the indices that have it and are usable, by `rank` where given."""
    found = np.flatnonzero(usable)
    found = found[np.lexsort((found, rank[found], key[found]))] if rank is not None else found[np.argsort(key[found], kind="stable")]
    return np.split(found, np.searchsorted(key[found], np.arange(1, count))) if count else []
