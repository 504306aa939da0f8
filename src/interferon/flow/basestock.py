"""Simulates a chain of base-stock stages, period by period, all replications at once as arrays.

In each period, as textbooks of periodic review have it (Snyder and Shen, *Fundamentals of Supply Chain Theory*, ch. 6):

1. customers ask; each stage, from the customers upwards, orders what brings its inventory position up to its level;
2. each stage, from the suppliers down, receives, makes what its components allow, and ships: what it owes first, then what is new;
3. costs are charged on what is left.

Called by `interferon.simulate_chain` and the bench. Random numbers come from the seed alone. Pure.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interferon.flow.echelons import Chain, Lead
from interferon.flow.interval import Interval, interval
from interferon.flow.problem import Floats, Ints
from interferon.model.errors import InputError

BLOCK = 512  # replications simulated together: their state stays in the processor's cache
ROUNDING = 1e-6  # units: an order is filled in full when no more than this is missing

Given = Mapping[str, Floats]  # stage id → demand, (periods,) or (R, periods)


@dataclass
class State:
    """All replications at the end of a period: rows are stages (S) or claims (A arcs, then S customers), columns replications.

    Arrays are written over in the next period.
    """

    period: int
    demand: Floats  # (S, R) asked by customers
    ordered: Floats  # (S, R) by each stage, in units of its own product
    position: Floats  # (S, R) inventory position after ordering
    made: Floats  # (S, R) units added to finished stock
    on_hand: Floats  # (S, R)
    owed: Floats  # (A+S, R) backorders
    sent: Floats  # (A+S, R) shipped
    met: Floats  # (S, R) of this period's customer demand, shipped at once
    moving: Floats  # (A, R) on the way
    waiting: Floats  # (A, R) arrived, waiting as components for others


@dataclass(frozen=True)
class ChainFigures:
    """What a chain comes to, for each figure its mean and 95 % interval over replications."""

    cost: Interval  # currency per period
    fill_rate: Interval  # share of customers' units shipped in the period in which they were asked for
    otif: Interval  # share of customers' orders (what one asks for in one period) shipped in full within the window
    wait: Interval  # periods that a unit asked for waits on average until it is shipped (Little's law)
    co2_kg: Interval  # kg per period
    node_periods: int  # stages × periods × replications simulated


def simulate_chain(
    chain: Chain, periods: int, replications: int, seed: int, *, warmup: int = 0, window: int = 0, demand: Given | None = None
) -> ChainFigures:
    """Figures over `periods`, of which the first `warmup` are simulated and not counted.

    `window`: periods after the one in which an order was placed that still count as on time. `demand`: given paths, in place of draws.
    The same arguments give the same figures. Raises InputError where they make no sense.
    """
    if not 0 <= warmup < periods - window or window < 0:
        raise InputError(f"{periods} periods leave nothing to count after {warmup} of warm-up and a window of {window}")
    if replications < 2:
        raise InputError(f"an interval takes 2 replications or more, not {replications}")
    tables = {chain.stages[i].id: path.T for i, path in _paths(chain, periods, replications, demand or {}).items()}
    starts = range(0, replications, BLOCK)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))
    told: list[Floats] = []
    for start, source in zip(starts, seeds, strict=True):
        rows = slice(start, min(start + BLOCK, replications))
        given = {stage: table[rows] if len(table) > 1 else table for stage, table in tables.items()}
        counts = _Counts(chain, rows.stop - rows.start, warmup, window)
        for state in states(chain, periods, rows.stop - rows.start, source, demand=given):
            counts.add(state)
        told.append(counts.per_replication(periods - warmup))
    cost, fill, otif, wait, co2 = (interval(values) for values in np.concatenate(told, axis=1))
    return ChainFigures(cost, fill, otif, wait, co2, len(chain.stages) * periods * replications)


def states(
    chain: Chain, periods: int, replications: int, seed: int | np.random.SeedSequence, *, demand: Given | None = None
) -> Iterator[State]:
    """The chain after each period. Yields the same object each time, written over."""
    run = _Run(chain, replications, np.random.default_rng(seed), _paths(chain, periods, replications, demand or {}))
    for period in range(periods):
        run.step(period)
        yield run.state


def _paths(chain: Chain, periods: int, replications: int, given: Given) -> dict[int, Floats]:
    """Row of the stage → (periods, 1 or R) given demand."""
    found: dict[int, Floats] = {}
    for stage, path in given.items():
        table = np.atleast_2d(np.asarray(path, np.float64))
        if stage not in chain.index:
            raise InputError(f"demand is given for {stage!r}, which is no stage")
        if table.shape[1] != periods or table.shape[0] not in (1, replications) or bool((table < 0).any()):
            raise InputError(f"demand of {stage}: wanted {periods} periods, once or for each replication, none below 0; got {table.shape}")
        found[chain.index[stage]] = np.ascontiguousarray(table.T)
    return found


class _Way:
    """What is under way on one arc, or from the outside supplier."""

    def __init__(self, lead: Lead, replications: int) -> None:
        self.lead = lead
        self.slots = np.zeros((lead.most + 1, replications))
        self.chances = np.cumsum(lead.further)[:-1]
        self.columns = np.arange(replications)
        self.last: Ints = np.zeros(replications, np.int64)

    def leave(self, period: int, quantity: Floats, rng: np.random.Generator) -> None:
        if not len(self.chances):
            # each slot is written once before it is read, so nothing need be cleared
            self.slots[(period + self.lead.periods) % len(self.slots)] = quantity
            return
        arrives = period + self.lead.periods + np.searchsorted(self.chances, rng.random(len(quantity)), side="right")
        self.last = np.maximum(self.last, arrives)
        self.slots[self.last % len(self.slots), self.columns] += quantity

    def arrive(self, period: int) -> Floats:
        slot: Floats = self.slots[period % len(self.slots)]
        if not len(self.chances):
            return slot
        arrived = slot.copy()
        slot[:] = 0.0
        return arrived


class _Run:
    """The chain's state and the two passes of a period."""

    def __init__(self, chain: Chain, replications: int, rng: np.random.Generator, paths: dict[int, Floats]) -> None:
        self.chain, self.rng, self.paths = chain, rng, paths
        stages, arcs, index = len(chain.stages), len(chain.arcs), chain.index
        self.into = [[a for a, arc in enumerate(chain.arcs) if index[arc.destination] == i] for i in range(stages)]
        self.out = [[a for a, arc in enumerate(chain.arcs) if index[arc.origin] == i] for i in range(stages)]
        self.sells = [stage.demand is not None or i in paths or (stage.opening or 0.0) < 0 for i, stage in enumerate(chain.stages)]
        self.ends = [index[arc.destination] for arc in chain.arcs]
        self.ways = [_Way(arc.lead, replications) for arc in chain.arcs]
        self.supply = [_Way(stage.supply, replications) if not self.into[i] else None for i, stage in enumerate(chain.stages)]
        per_stage, per_claim, per_arc = ((rows, replications) for rows in (stages, arcs + stages, arcs))
        self.state = State(
            period=-1,
            demand=np.zeros(per_stage),
            ordered=np.zeros(per_stage),
            position=np.zeros(per_stage),
            made=np.zeros(per_stage),
            on_hand=np.zeros(per_stage),
            owed=np.zeros(per_claim),
            sent=np.zeros(per_claim),
            met=np.zeros(per_stage),
            moving=np.zeros(per_arc),
            waiting=np.zeros(per_arc),
        )
        for i, stage in enumerate(chain.stages):
            opening = stage.base_stock if stage.opening is None else stage.opening
            self.state.position[i] = opening
            self.state.on_hand[i] = max(opening, 0.0)
            self.state.owed[arcs + i] = max(-opening, 0.0)
        self.asked = np.zeros(per_claim)  # by arcs and customers, in units of the stage that is asked

    def step(self, period: int) -> None:
        self.state.period = period
        for i in reversed(self.chain.order):
            self._order(i, period)
        for i in self.chain.order:
            self._receive(i, period)
            self._ship(i, period)

    def _order(self, i: int, period: int) -> None:
        state, stage, customers = self.state, self.chain.stages[i], len(self.chain.arcs)
        total = np.zeros_like(state.demand[i])
        if i in self.paths:
            state.demand[i] = self.paths[i][period]
        elif stage.demand is not None:
            state.demand[i] = stage.demand.draw(self.rng, len(total))
        if self.sells[i]:
            self.asked[customers + i] = state.demand[i]
            total += state.demand[i]
        for a in self.out[i]:
            np.multiply(state.ordered[self.ends[a]], self.chain.arcs[a].units, out=self.asked[a])
            total += self.asked[a]
        state.position[i] -= total
        np.subtract(stage.base_stock, state.position[i], out=state.ordered[i])
        np.maximum(state.ordered[i], 0.0, out=state.ordered[i])
        state.position[i] += state.ordered[i]

    def _receive(self, i: int, period: int) -> None:
        state, supply, into = self.state, self.supply[i], self.into[i]
        if supply is not None:
            supply.leave(period, state.ordered[i], self.rng)
            state.made[i] = supply.arrive(period)
        for a in into:
            arrived = self.ways[a].arrive(period)
            state.moving[a] -= arrived
            state.waiting[a] += arrived
        if into:
            units = [self.chain.arcs[a].units for a in into]
            made = np.divide(state.waiting[into[0]], units[0], out=state.made[i])
            for a, each in zip(into[1:], units[1:], strict=True):
                np.minimum(made, state.waiting[a] / each, out=made)
            for a, each in zip(into, units, strict=True):
                np.maximum(state.waiting[a] - made * each, 0.0, out=state.waiting[a])  # below 0 by rounding alone
        state.on_hand[i] += state.made[i]

    def _ship(self, i: int, period: int) -> None:
        state, customers = self.state, len(self.chain.arcs)
        at_hand = state.on_hand[i]
        for claim in [*self.out[i], customers + i] if self.sells[i] else self.out[i]:
            owed, sent = state.owed[claim], state.sent[claim]
            if claim >= customers:
                np.minimum(np.maximum(at_hand - owed, 0.0), self.asked[claim], out=state.met[i])
            owed += self.asked[claim]
            np.minimum(at_hand, owed, out=sent)
            owed -= sent
            at_hand -= sent
            if claim < customers:
                self.ways[claim].leave(period, sent, self.rng)
                state.moving[claim] += sent


class Rates:
    """The chain's costs per unit and period."""

    def __init__(self, chain: Chain) -> None:
        holding, backorder = (np.array([getattr(stage, name) for stage in chain.stages]) for name in ("holding", "backorder"))
        owner = np.array([chain.index[arc.origin] for arc in chain.arcs], np.int64)
        self.stock, self.arc = holding, holding[owner]
        self.claim = np.concatenate([backorder[owner], backorder])

    def cost(self, state: State) -> Floats:
        """(R,) currency, of the period that `state` ends."""
        cost: Floats = self.stock @ state.on_hand + self.claim @ state.owed + self.arc @ state.moving + self.arc @ state.waiting
        return cost


class _Counts:
    """Sums over the periods that count."""

    def __init__(self, chain: Chain, replications: int, warmup: int, window: int) -> None:
        self.warmup, self.window = warmup, window
        self.customers, self.rates = slice(len(chain.arcs), None), Rates(chain)
        self.kg = np.array([arc.kg_co2 for arc in chain.arcs])
        self.cost, self.co2, self.met, self.asked, self.owed, self.full, self.orders = (np.zeros(replications) for _ in range(7))
        self.recent: deque[npt.NDArray[np.float64]] = deque(maxlen=window + 1)

    def add(self, state: State) -> None:
        if self.window or state.period >= self.warmup:
            self._orders(state)
        if state.period < self.warmup:
            return
        self.cost += self.rates.cost(state)
        self.co2 += self.kg @ state.sent[: len(self.kg)]
        self.met += state.met.sum(axis=0)
        self.asked += state.demand.sum(axis=0)
        self.owed += state.owed[self.customers].sum(axis=0)

    def _orders(self, state: State) -> None:
        """An order is full once no more is owed than was asked for after it: what is owed longest is shipped first."""
        self.recent.append(state.demand.copy() if self.window else state.demand)
        if len(self.recent) <= self.window or state.period - self.window < self.warmup:
            return
        order, later = self.recent[0], sum(list(self.recent)[1:], np.zeros(()))
        there = order > 0
        self.orders += there.sum(axis=0)
        self.full += (there & (state.owed[self.customers] <= later + ROUNDING)).sum(axis=0)

    def per_replication(self, periods: int) -> Floats:
        """(5, R): cost, fill rate, OTIF, wait, CO2. Where nobody asked for anything, all was on time."""
        asked, orders = np.maximum(self.asked, 1e-300), np.maximum(self.orders, 1e-300)
        fill = np.where(self.asked > 0, self.met / asked, 1.0)
        otif = np.where(self.orders > 0, self.full / orders, 1.0)
        return np.stack([self.cost / periods, fill, otif, np.where(self.asked > 0, self.owed / asked, 0.0), self.co2 / periods])
