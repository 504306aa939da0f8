"""The closure table: what closing each asset, conduit, zone, node and critical pair costs, solved ahead: containment waits for no solver.

Computed at start and after each revision of the network; read by `decide` through `ClosureTable.value`. Pure, and plain enough for
checkpoints.
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from interferon.flow.account import Figures, figures, loads
from interferon.flow.capacity import Capacities, Exposure, Shares, exposure, left, shares
from interferon.flow.courses import Step, averages
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Floats, Problem, Snapshot, build
from interferon.flow.steady import undisturbed
from interferon.flow.transit import awaited
from interferon.model.network import Network
from interferon.model.records import Closure

Progress = Callable[[int, int], None]  # solved so far, of how many
Course = dict[str, tuple[float, ...]]  # target → share of capacity left in each bucket; targets that lose nothing are left out
PAIRS = 24  # costliest neighbouring zones solved together
SITE_PAIRS = 45  # of ten sites each two; beyond them the bound is the closing of everything
SLACK = 1e-6  # share of a capacity: the undisturbed optimum fits if it needs no more than this above what is left


@dataclass(frozen=True)
class Solved:
    """The optimum with one course of capacities, against the undisturbed optimum (otif: as it is)."""

    course: Course
    cost: float
    orders_late: float
    otif: float
    co2_kg: float
    unmet: float
    survive_h: float  # hours until the first order is late that would not have been; -1 where none is


@dataclass(frozen=True)
class ClosureTable:
    """`nominal` closes nothing: all zero but its `otif`. Every other closure counts what it adds to nominal; `otif` is as it would be."""

    nominal: Closure
    singles: dict[str, Closure]
    pairs: dict[str, Closure]  # refs joined by a blank
    solved: dict[str, Solved]  # by signature of the course
    needed: Course  # share of each capacity that the undisturbed optimum uses
    worst: Solved  # nothing moves any more
    known: Exposure
    edges: Floats  # bucket edges, days
    network_revision: int
    time: int  # the snapshot's, microseconds UTC

    def value(self, refs: Sequence[str]) -> Closure:
        """What closing `refs` together costs. Never solves.

        Exact for single refs, precomputed pairs, and sets that leave the same capacities as one already solved or that the undisturbed
        optimum does not need. Else a range that holds the truth: closing more never costs less, so the cost is at least that of every
        solved closure which takes less and at most that of every one which takes more; the point is the sum of the parts, kept inside.
        Where goods under way return when they are cut the range is not proven: back at their origin they may be worth more.
        """
        refs = self._without_inner(refs)
        if not refs:
            return self.nominal
        known = self.singles.get(refs[0]) if len(refs) == 1 else self.pairs.get(" ".join(refs))
        if known is not None:
            return known
        capacities = left(self.known, refs)
        low, high = (self._range(_course(steps, self.edges)) for steps in (capacities.best, capacities.worst))
        if capacities.certain and low[0] is low[1]:
            return _closure(refs, low[0], low[0])
        parts = [self.singles[ref] for ref in refs if ref in self.singles]
        return _between(refs, low[0], high[1], parts)

    def _without_inner(self, refs: Sequence[str]) -> tuple[str, ...]:
        """`refs` sorted, without what a closed zone holds or touches anyway."""
        inner: set[str] = set()
        for ref in refs:
            assets, conduits = self.known.zones.get(ref.removeprefix("zone:"), ((), ())) if ref.startswith("zone:") else ((), ())
            inner.update(f"asset:{asset}" for asset in assets)
            inner.update(f"conduit:{conduit}" for conduit in conduits)
        return tuple(sorted(set(refs) - inner))

    def _range(self, course: Course) -> tuple[Solved, Solved]:
        """The dearest solved closure that takes no more than `course`, and the cheapest that takes no less; the same one where exact."""
        if self._fits(course):
            course = {}
        exact = self.solved.get(_signature(course))
        if exact is not None:
            return exact, exact
        rows = list(self.solved.values())
        below = [row for row in rows if _takes_no_more(row.course, course)]
        above = [row for row in rows if _takes_no_more(course, row.course)]
        return max(below, key=lambda row: row.cost), min([*above, self.worst], key=lambda row: row.cost)

    def _fits(self, course: Course) -> bool:
        return _fits(self.needed, course)


def closure_table(
    network: Network, snapshot: Snapshot, progress: Progress | None = None, only: Sequence[str] | None = None
) -> ClosureTable:
    """Solves every single closure and the critical pairs. `progress(done, total)` is called after each closure.

    `only`: of the single closures these, and no pairs; what else is asked of such a table is a wide range.

    Closures that leave the same capacities share one solve; a closure that takes only what the undisturbed optimum does not use needs none.
    """
    desk = _Desk(network, snapshot)
    refs = _single_refs(network) if only is None else list(only)
    singles: dict[str, Closure] = {}
    for done, ref in enumerate(refs, 1):
        singles[ref] = desk.closure((ref,))
        if progress is not None:
            progress(done, len(refs))
    for places in (
        _sites(network) if only is None else ()
    ):  # solved for the bounds alone: what several closures at one site or two can cost at most
        desk.solve(_course(left(desk.known, places).worst, desk.problem.edges))
    pairs = {" ".join(pair): desk.closure(pair) for pair in (_critical(network, singles) if only is None else ())}
    none = desk.solved[_signature({})]
    return ClosureTable(
        nominal=_closure((), none, none),
        singles=singles,
        pairs=pairs,
        solved=desk.solved,
        needed=desk.needed,
        worst=desk.worst(),
        known=desk.known,
        edges=desk.problem.edges,
        network_revision=network.revision,
        time=snapshot.now,
    )


class _Desk:
    """The solver and what it has answered so far, while a table is being computed."""

    def __init__(self, network: Network, snapshot: Snapshot) -> None:
        self.problem, self._solver, flows = undisturbed(network, snapshot, build(network, snapshot))
        self.known = exposure(network)
        self._base = figures(self.problem, flows)
        self.needed = _needed(self.problem, *loads(self.problem, flows))
        self.solved = {_signature({}): _against(self._base, self._base, {})}

    def closure(self, refs: tuple[str, ...]) -> Closure:
        capacities = left(self.known, refs)
        low, high = self._both(capacities)
        return _closure(tuple(sorted(refs)), low, high)

    def _both(self, capacities: Capacities) -> tuple[Solved, Solved]:
        high = self.solve(_course(capacities.worst, self.problem.edges))
        return (high if capacities.certain else self.solve(_course(capacities.best, self.problem.edges))), high

    def solve(self, course: Course) -> Solved:
        key = _signature(course)
        if key not in self.solved:
            if _fits(self.needed, course):
                return self.solved[_signature({})]
            self.solved[key] = self._reached(course)
        return self.solved[key]

    def worst(self) -> Solved:
        """Everything closed: the dearest that any set of closures can be."""
        course = {f"node:{node}": (0.0,) * self.problem.buckets for node in self.problem.nodes}
        return self._reached(course)

    def _reached(self, course: Course) -> Solved:
        left = _shares(self.problem, course)
        return _against(self._base, figures(self.problem, self._solver.solve(left), left), course)


def _single_refs(network: Network) -> list[str]:
    places = [node.id for node in network.nodes.values() if node.kind != "customer"]
    tables = (("asset", network.assets), ("conduit", network.conduits), ("zone", network.zones), ("node", places))
    return [f"{kind}:{name}" for kind, names in tables for name in names]


def _sites(network: Network) -> list[list[str]]:
    """References of all zones and nodes of each site that has both, and of each two such sites."""
    zones: dict[str, list[str]] = {}
    for zone in network.zones.values():
        zones.setdefault(zone.site, []).append(f"zone:{zone.id}")
    nodes: dict[str, list[str]] = {}
    for node in network.nodes.values():
        nodes.setdefault(node.site, []).append(f"node:{node.id}")
    alone = [[*refs, *nodes[site]] for site, refs in zones.items() if site in nodes]
    return alone + [[*a, *b] for a, b in itertools.islice(itertools.combinations(alone, 2), SITE_PAIRS)]


def _critical(network: Network, singles: dict[str, Closure]) -> list[tuple[str, str]]:
    """Neighbouring zones whose closures both cost something: an intruder goes over conduits, so these are closed together."""
    joined = {tuple(sorted((f"zone:{c.from_zone}", f"zone:{c.to_zone}"))) for c in network.conduits.values() if c.from_zone != c.to_zone}
    paid = sorted((a, b) for a, b in joined if singles[a].cost > 0 and singles[b].cost > 0)
    return sorted(paid, key=lambda pair: (-singles[pair[0]].cost - singles[pair[1]].cost, pair))[:PAIRS]


def _course(steps: dict[str, tuple[Step, ...]], edges: Floats) -> Course:
    course = {target: tuple(averages(steps[target], edges).tolist()) for target in sorted(steps)}
    return {target: row for target, row in course.items() if min(row) < 1}


def _shares(problem: Problem, course: Course) -> Shares:
    edges = (problem.edges[:-1] * 24).tolist()
    return shares(problem, {target: tuple(zip(edges, row, strict=True)) for target, row in course.items()})


def _signature(course: Course) -> str:
    text = ";".join(f"{target}={','.join(map(repr, course[target]))}" for target in sorted(course))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _takes_no_more(less: Course, more: Course) -> bool:
    return all(target in more and all(b <= a + 1e-12 for a, b in zip(row, more[target], strict=True)) for target, row in less.items())


def _fits(needed: Course, course: Course) -> bool:
    return all(used <= has + SLACK for target, row in course.items() for used, has in zip(needed.get(target, ()), row, strict=False))


def _needed(problem: Problem, sent: Floats, lane: Floats, made: Floats) -> Course:
    """Share of each capacity in use; a customer needs as much as the fullest lane into it. Capacities not used at all are left out.

    Where goods are under way that would wait or return, a lane and its destination are in use at least so far that a cut is noticed.
    """
    limits = capacity_limits(problem, None).reshape(-1, problem.buckets)[: len(problem.lanes) + len(problem.nodes)]
    used = np.concatenate([lane, np.maximum(sent, made)])
    share = np.divide(used, limits, out=np.zeros_like(used), where=limits > 0)
    nodes_awaiting, lanes_awaiting = awaited(problem)
    share = np.maximum(share, 2 * SLACK * np.concatenate([lanes_awaiting, nodes_awaiting]))
    lanes, nodes = share[: len(problem.lanes)], share[len(problem.lanes) :].copy()
    customers = ~np.isfinite(problem.node_cap)
    inward = np.zeros_like(nodes)
    np.maximum.at(inward, problem.lane_to, lanes)
    nodes[customers] = inward[customers]
    rows = [(f"lane:{name}", row) for name, row in zip(problem.lanes, lanes, strict=True)]
    rows += [(f"node:{name}", row) for name, row in zip(problem.nodes, nodes, strict=True)]
    return {target: tuple(np.round(row, 9).tolist()) for target, row in rows if row.max() > 0}


def _against(base: Figures, reached: Figures, course: Course) -> Solved:
    before = {order for order, _ in base.late}
    fresh = [hour for order, hour in reached.late if order not in before]
    return Solved(
        course=course,
        cost=max(reached.cost - base.cost, 0.0),  # below zero by rounding, or where returned goods serve better: no closure is a gain
        orders_late=float(reached.orders_late - base.orders_late),
        otif=reached.otif,
        co2_kg=reached.co2_kg - base.co2_kg,
        unmet=max(reached.unmet - base.unmet, 0.0),
        survive_h=max(min(fresh), 0.0) if fresh else -1.0,
    )


def _closure(refs: tuple[str, ...], low: Solved, high: Solved) -> Closure:
    """A record from both ends of the range; its point is half way, by convexity no less than the cost half way."""
    late = sorted((low.orders_late, high.orders_late))

    def middle(name: str) -> float:
        return float(getattr(low, name) + getattr(high, name)) / 2

    return Closure(
        refs=refs,
        orders_late=middle("orders_late"),
        orders_late_low=late[0],
        orders_late_high=late[1],
        otif=middle("otif"),
        cost=middle("cost"),
        co2_kg=middle("co2_kg"),
        unmet=middle("unmet"),
        time_to_survive_h=high.survive_h,
    )


def _between(refs: tuple[str, ...], low: Solved, high: Solved, parts: Sequence[Closure]) -> Closure:
    """The sum of the parts, kept between what is surely paid and what is paid at most."""

    def inside(name: str, ends: tuple[float, float]) -> float:
        return min(max(float(sum(getattr(part, name) for part in parts)), min(ends)), max(ends))

    late = (low.orders_late, high.orders_late)
    hours = [part.time_to_survive_h for part in parts if part.time_to_survive_h >= 0]
    point = inside("orders_late", late)
    span = abs(late[1] - late[0])
    toward = abs(point - late[0]) / span if span else 1.0
    return Closure(
        refs=refs,
        orders_late=point,
        orders_late_low=min(late),
        orders_late_high=max(late),
        otif=low.otif + (high.otif - low.otif) * toward,
        cost=inside("cost", (low.cost, high.cost)),
        co2_kg=low.co2_kg + (high.co2_kg - low.co2_kg) * toward,
        unmet=inside("unmet", (low.unmet, high.unmet)),
        time_to_survive_h=min(hours) if hours else high.survive_h,
    )
