"""What a route comes to when quantities and lead times vary: OTIF, lead time, cost and CO2, each with its interval over replications.

`Route` states what the means give; `simulate` plays the horizon through, all replications at once as arrays. The rules are stated in
docs/simulation.md. Called by `interferon.simulate` and the bench. Random numbers come from the seed alone. Pure.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interferon.flow.interval import Interval, interval
from interferon.flow.problem import LATER_PER_DAY, Floats, Snapshot
from interferon.flow.reroute import Route
from interferon.flow.setting import STEP_DAYS, Setting, setting
from interferon.model.errors import InputError
from interferon.model.network import Network

BLOCK = 256  # replications simulated together: bounds the memory
DEMAND_CV = 0.1  # spread of an order's quantity over its mean, where none is given: no table states it
EPS = 1e-9

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RouteFigures:
    """What a route comes to over the horizon, each figure with its 95 % interval. The orders are those of `Route`: due in the horizon."""

    otif: Interval  # share of orders that arrive whole by their promise and the window
    lead_days: Interval  # days from placing an order to its arrival; one that never leaves counts to the horizon's end
    cost: Interval  # currency, its parts as in `Route.cost`
    co2_kg: Interval
    orders: int
    replications: int


def simulate(
    network: Network,
    snapshot: Snapshot,
    route: Route,
    replications: int,
    seed: int,
    *,
    demand_cv: float = DEMAND_CV,
    lead_spread: float = 1.0,
) -> RouteFigures:
    """Plays `route` from the snapshot to the horizon, with what is closed under it.

    `demand_cv`: standard deviation of each order's quantity, over its mean. `lead_spread`: multiplies each lane's `lead_days_sd`. With both
    0 nothing is random. The same arguments give the same figures. Raises InputError for fewer than 2 replications or a negative spread.
    """
    if replications < 2 or demand_cv < 0 or lead_spread < 0:
        raise InputError(f"wanted 2 replications or more and no negative spread, got {replications}, {demand_cv:g}, {lead_spread:g}")
    about = setting(network, snapshot, route)
    starts = range(0, replications, BLOCK)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))
    told = [
        _Play(about, min(BLOCK, replications - start), np.random.default_rng(source), demand_cv, lead_spread).figures()
        for start, source in zip(starts, seeds, strict=True)
    ]
    otif, lead, cost, co2 = (interval(values) for values in np.concatenate(told, axis=1))
    return RouteFigures(otif, lead, cost, co2, len(about.orders), replications)


class _Play:
    """One block of R replications. Rows of the arrays are places of stock, lanes, nodes or orders; columns are replications."""

    def __init__(self, about: Setting, replications: int, rng: np.random.Generator, demand_cv: float, lead_spread: float) -> None:
        self.about, self.rng, self.count, self.lead_spread = about, rng, replications, lead_spread
        orders, problem = len(about.orders), about.problem
        mean = np.array([order.quantity for order in about.orders]).reshape(-1, 1)
        self.quantity = mean * self._factor(np.full((orders, 1), demand_cv))
        self.arrival: Floats = np.full((orders, replications), np.inf)  # days from now
        self.stock = np.repeat(about.stock[:, None], replications, axis=1)
        self.coming = np.repeat(about.coming[:, :, None], replications, axis=2)  # (steps + 1, K, R); the last row comes after the horizon
        self.under_way = self.coming.sum(axis=0)
        self.asked = np.zeros_like(self.stock)  # units asked of a place in the last step that it had not
        self.lane, self.sent = np.zeros((len(problem.lanes), replications)), np.zeros((len(problem.nodes), replications))
        self.freight, self.co2 = np.zeros(replications), np.zeros(replications)

    def figures(self) -> Floats:
        """(4, R): OTIF, lead time, cost, CO2."""
        open_orders = list(range(len(self.about.orders)))
        for step in range(self.about.steps):
            self._begin(step)
            self._make(step)
            self.asked[:] = 0.0
            open_orders = [i for i in open_orders if self._serve(i, step)]
            self._restock(step)
        return self._account()

    def _begin(self, step: int) -> None:
        """Goods arrive; lanes and nodes get this step's capacity. What an order overdrew before is paid back; half a day may be saved."""
        about = self.about
        self.stock += self.coming[step]
        self.under_way -= self.coming[step]
        for credit, gain in ((self.lane, about.lane_room[:, step]), (self.sent, about.node_room[:, step])):
            credit += gain[:, None]
            np.minimum(credit, (gain * max(0.5 / STEP_DAYS, 1.0))[:, None], out=credit)

    def _make(self, step: int) -> None:
        """Plants make what is short of the level and what was asked for, in proportion, as far as capacity and components go."""
        for line in self.about.plants:
            places = line.places
            short = np.maximum(self.about.level[places, None] + self.asked[places] - self.stock[places], 0.0)
            total = short.sum(axis=0)
            short *= np.minimum(1.0, line.room[step] / np.maximum(total, EPS))
            for place, recipe, wanted in zip(places, line.recipes, short, strict=True):
                made = wanted.copy()
                for component, each in recipe:
                    np.minimum(made, self.stock[component] / each, out=made)
                for component, each in recipe:
                    self.stock[component] -= made * each
                    np.maximum(self.stock[component], 0.0, out=self.stock[component])
                self.stock[place] += made

    def _serve(self, i: int, step: int) -> bool:
        """Ships an order whole on the first of its lanes that has goods and room. Returns whether it is still open in some replication."""
        order = self.about.orders[i]
        if step < order.release:
            return True
        pending = np.isinf(self.arrival[i])
        for rank, (lane, place) in enumerate(order.ways):
            go = pending & (self.lane[lane] > EPS) & (self.sent[self.about.origin[lane]] > EPS)
            if place >= 0:
                go &= self.stock[place] >= self.quantity[i] - EPS
            if rank and (step + 0.5) * STEP_DAYS + self.about.problem.lane_days[lane] > order.due + EPS:
                continue  # a lane that is not the order's own is worth it only where it comes in time
            if go.any():
                self._leave(i, lane, place, go, step)
                pending &= ~go
        if order.ways and (first := order.ways[0][1]) >= 0:
            self.asked[first] += np.where(pending, self.quantity[i], 0.0)
        return bool(pending.any())

    def _leave(self, i: int, lane: int, place: int, go: Mask, step: int) -> None:
        load = np.where(go, self.quantity[i], 0.0)
        if place >= 0:
            self.stock[place] -= load
        self._carry(lane, load, self.about.orders[i].kg)
        self.arrival[i, go] = ((step + 0.5) * STEP_DAYS + self._lead(lane))[go]

    def _restock(self, step: int) -> None:
        """Brings each place's stock, with what is under way and less what is asked of it, back to its level, by the route's shares."""
        for haul in self.about.hauls:
            to, origin = haul.to, self.about.origin[haul.lane]
            position = self.stock[to] + self.under_way[to] - self.asked[to]
            wanted = np.maximum(self.about.level[to, None] - position, 0.0) * haul.share[:, None]
            held = haul.origins >= 0
            there = np.where(held[:, None], self.stock[haul.origins], np.inf)
            load = np.minimum(wanted, np.maximum(there, 0.0))
            self.asked[haul.origins[held]] += (wanted - load)[held]
            room = np.maximum(np.minimum(self.lane[haul.lane], self.sent[origin]), 0.0)
            load *= np.minimum(1.0, room / np.maximum(load.sum(axis=0), EPS))
            if not load.any():
                continue
            self.stock[haul.origins[held]] -= load[held]
            self.under_way[to] += load
            self._carry(haul.lane, load.sum(axis=0), haul.kg @ load)
            arrives = np.maximum(((step + 0.5) * STEP_DAYS + self._lead(haul.lane)) / STEP_DAYS, step + 1.0)
            slots = np.minimum(arrives, self.about.steps).astype(np.int64)
            self.coming[slots[None, :], to[:, None], np.arange(self.count)[None, :]] += load

    def _carry(self, lane: int, units: Floats, kg: Floats | float) -> None:
        """`kg`: per unit, or, as an array, of the whole load."""
        problem = self.about.problem
        self.lane[lane] -= units
        self.sent[self.about.origin[lane]] -= units
        self.freight += problem.lane_cost[lane] * units
        self.co2 += problem.lane_kg_co2[lane] * (kg if isinstance(kg, np.ndarray) else kg * units)

    def _account(self) -> Floats:
        orders, about = self.about.orders, self.about
        due, late, unmet, placed = (
            np.array([getattr(order, name) for order in orders]).reshape(-1, 1) for name in ("due", "late", "unmet", "placed")
        )
        over = self.arrival - due
        never = np.isinf(self.arrival)
        price = np.where(over > EPS, np.minimum(late * (1 + LATER_PER_DAY * np.where(never, 0.0, over)), unmet), 0.0)
        short = np.maximum(about.problem.cover[:, None] - self.stock - self.under_way, 0.0)
        cost = self.freight + (np.where(never, unmet, price) * self.quantity).sum(axis=0) + about.problem.cover_price @ short
        if not orders:
            return np.stack([np.ones(self.count), np.zeros(self.count), cost, self.co2])
        waited = np.where(never, about.steps * STEP_DAYS, self.arrival) - placed
        return np.stack([(over <= EPS).mean(axis=0), waited.mean(axis=0), cost, self.co2])

    def _lead(self, lane: int) -> Floats:
        """(R,) days, never less than 0, with the lane's mean and standard deviation."""
        mean, sd = self.about.problem.lane_days[lane], self.about.lane_sd[lane] * self.lead_spread
        days: Floats = mean * self._factor(np.array([sd / mean if mean > 0 else 0.0]))
        return days

    def _factor(self, cv: Floats) -> Floats:
        """Log-normal factors of mean 1 and these coefficients of variation, one for each replication."""
        spread = np.sqrt(np.log1p(cv**2))
        shape = (*cv.shape[:-1], self.count)
        if not spread.any():
            return np.ones(shape)
        factors: Floats = np.exp(spread * self.rng.standard_normal(shape) - spread**2 / 2)
        return factors
