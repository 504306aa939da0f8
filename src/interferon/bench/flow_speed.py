"""How fast and how near the optimum answers to closures are, on drawn tiered networks and on `medica`. Called by `flow`. Reads the clock.

Against the fastest of HiGHS' methods from nothing on the same programme: the first answer (`Solver.first`), the optimum
(`Solver.attempt`) and the closure table. Times are of the processor, since one core is what an answer has.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import highspy
import numpy as np

from interferon.bench import flow_tiers
from interferon.bench.flow_tiers import LARGE, MIDDLE, SMALL, Size
from interferon.bench.measures import row
from interferon.bench.opponents.flow_programme import Plain
from interferon.flow.account import Flows, figures
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.closure import closure_table
from interferon.flow.dispatch import dispatch
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Problem, build, opening
from interferon.flow.programme import Programme, highs_of, programme
from interferon.flow.solver import Solver
from interferon.flow.sourcing import lanes_used, sourcing
from interferon.model.network import Network
from interferon.store.examples import START
from interferon.store.examples import build as example

METHODS = {"simplex": ("simplex", "on"), "interior_point": ("ipm", "on"), "interior_point_without_crossover": ("ipm", "off")}
TRIED = 2  # closures on which all methods run, so that the fastest is known
TINY = Size(3, 4, 5, 6, 2, 3, 3, 2)
SEED = 7
T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """One closure: processor seconds, and costs of the first answer, the optimum and the plan kept as it is."""

    first_s: float
    warm_s: float
    cold_s: float
    first: float
    optimum: float
    kept: float


def cases() -> Iterator[dict[str, Any]]:
    """Rows of `interferon bench`."""
    yield _optimality()
    yield from _tiers("flow/tiers_10k_x4", MIDDLE, 24, warm_target=0.5, first=True)
    yield from _tiers("flow/tiers_100k_x1", LARGE, 6, warm_target=0.125, first=False)
    yield _table()
    yield from _medica()


def _optimality() -> dict[str, Any]:
    """Worst relative difference to the programme written apart, on small networks with places closed, and on `minimal`."""
    worst = 0.0
    drawn = [flow_tiers.tiers(TINY, seed, days=7) for seed in range(50)]
    for number, network in enumerate([*drawn, example("minimal")]):
        snapshot = flow_tiers.snapshot(network)
        refs = tuple(f"node:{zone.removeprefix('zone:z-')}" for zone in flow_tiers.closures(network, number % 3, number))
        problem = build(network, snapshot)
        left = shares(problem, lost(network, refs).worst)
        cost = figures(problem, Solver(problem).solve(left), left).cost
        least = Plain(network, flow_tiers.START, snapshot.stock, snapshot.open_orders, (), refs).least()
        worst = max(worst, abs(cost - least) / max(abs(least), 1.0))
    return row("flow/optimality", "relative_difference_max", worst, {"networks": float(len(drawn) + 1)}, ("<=", 1e-6))


def _tiers(case: str, size: Size, count: int, warm_target: float | None, *, first: bool) -> Iterator[dict[str, Any]]:
    network = flow_tiers.tiers(size, SEED)
    problem = flow_tiers.problem(network)
    refs = flow_tiers.closures(network, count, SEED)
    yield from _rows(case, network, problem, refs, warm_target, first=first)


def _rows(
    case: str, network: Network, problem: Problem, refs: list[str], warm_target: float | None, *, first: bool
) -> Iterator[dict[str, Any]]:
    solver = Solver(problem)
    solver.first(shares(problem, {}))  # what is prepared once for a network is no part of an answer
    solver.attempt(shares(problem, {}))
    left = [shares(problem, lost(network, (ref,)).worst) for ref in refs]
    cold = _cold_methods(problem, left[:TRIED])
    fastest = min(cold, key=cold.__getitem__)
    measured = [_measure(network, solver, each, fastest) for each in left]
    base = {f"cold_{name}_s": value for name, value in cold.items()} | {"closures": float(len(refs)), "arcs": float(len(problem.lanes))}
    cold_s = float(np.median([m.cold_s for m in measured]))
    if first:
        yield from _first(case, measured, cold_s, base)
    warm = float(np.median([m.warm_s for m in measured]))
    yield row(case, "resolve_ratio", warm / cold_s, base | {"resolve_s": warm}, ("<=", warm_target) if warm_target else None)


def _first(case: str, measured: list[Measured], cold_s: float, base: dict[str, float]) -> Iterator[dict[str, Any]]:
    answer_s = float(np.median([m.first_s for m in measured]))
    gaps = np.array([(m.first - m.optimum) / m.optimum for m in measured])
    kept = np.array([(m.kept - m.optimum) / m.optimum for m in measured])
    stake = sum(m.kept - m.optimum for m in measured)
    saved = sum(m.kept - m.first for m in measured) / stake if stake > 0 else 1.0
    yield row(case, "first_answer_ratio", answer_s / cold_s, base | {"first_s": answer_s}, ("<=", 1 / 150))
    yield row(case, "first_gap_median", float(np.median(gaps)), {"keep_plan": float(np.median(kept))}, ("<=", 0.01))
    yield row(case, "first_gap_max", float(gaps.max()), {"keep_plan": float(kept.max())}, ("<=", 0.03))
    yield row(case, "first_recovered", saved, {"keep_plan": 0.0}, (">=", 0.9))


def _table() -> dict[str, Any]:
    """The closure table of all zones against cold solves of the same; the table of everything, with places and pairs, is told beside it."""
    network = flow_tiers.tiers(SMALL, SEED)
    snapshot = flow_tiers.snapshot(network)
    problem = build(network, snapshot)
    zones = [f"zone:{zone}" for zone in network.zones]
    left = [shares(problem, lost(network, (zone,)).worst) for zone in zones]
    cold = _cold_methods(problem, left[:TRIED])
    fastest = min(cold, key=cold.__getitem__)
    cold_s = sum(_cold(problem, each, fastest) for each in left)
    table_s, _ = _timed(lambda: closure_table(network, snapshot, only=zones))
    whole_s, whole = _timed(lambda: closure_table(network, snapshot))
    told = {
        "table_s": table_s,
        "cold_s": cold_s,
        "zones": float(len(zones)),
        "whole_table_s": whole_s,
        "its_solves": float(len(whole.solved)),
    }
    return row("flow/tiers_1k_x4", "closure_table_ratio", table_s / cold_s, told, ("<=", 0.25))


def _medica() -> Iterator[dict[str, Any]]:
    """The ratio is only told. At this size the optimum takes less than a second too, so the gap of the first answer does not matter."""
    network = example("medica")
    problem = build(network, opening(network, START))
    refs = [ref for ref in (f"zone:{zone}" for zone in network.zones) if lost(network, (ref,)).worst]
    yield from _rows("flow/medica", network, problem, refs, None, first=False)
    solver = Solver(problem)
    answers = []
    for ref in refs:
        left = shares(problem, lost(network, (ref,)).worst)
        optimum_s, optimum = _timed(lambda left=left: solver.solve(left))  # type: ignore[misc]  # bound now, called now
        mend_s, mended = _timed(lambda left=left: solver.first(left))  # type: ignore[misc]
        costs = [figures(problem, flows, left).cost for flows in (optimum, mended)]
        answers.append((optimum_s, mend_s, (costs[1] - costs[0]) / costs[0]))
    slowest, without, gap = max(a[0] for a in answers), max(a[1] for a in answers), float(np.median([a[2] for a in answers]))
    yield row("flow/medica", "first_answer_s_max", without, {"gap_median": gap, "optimum_s_max": slowest}, ("<=", 1.0))
    yield row("flow/medica", "resolve_s_max", slowest, {"first_answer_s_max": without}, ("<=", 10.0))


def _measure(network: Network, solver: Solver, left: Shares, method: str) -> Measured:
    problem = solver.problem
    first_s, first = _timed(lambda: solver.first(left))
    warm_s, optimum = _timed(lambda: solver.solve(left))
    cold_s = _cold(problem, left, method)
    kept = _kept(network, problem, solver.solve(), left)
    costs = [figures(problem, flows, left).cost for flows in (first, optimum, kept)]
    return Measured(first_s, warm_s, cold_s, *costs)


def _kept(network: Network, problem: Problem, plan: Flows, left: Shares) -> Flows:
    lanes = lanes_used(problem, sourcing(network, flow_tiers.snapshot(network), problem, plan, shares(problem, {}), None))
    return dispatch(problem, left, lanes)


def _cold_methods(problem: Problem, left: list[Shares]) -> dict[str, float]:
    """Mean processor seconds of each method."""
    return {name: float(np.mean([_cold(problem, each, name) for each in left])) for name in METHODS}


def _cold(problem: Problem, left: Shares, method: str) -> float:
    lp = programme(problem)
    upper = lp.row_upper.copy()
    upper[lp.capacity_rows] = capacity_limits(problem, left)
    highs = _prepared(replace(lp, row_upper=upper), method)
    seconds, _ = _timed(highs.run)
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal, f"{method} did not reach the optimum"
    return seconds


def _prepared(lp: Programme, method: str) -> highspy.Highs:
    highs = highs_of(lp)
    solver, crossover = METHODS[method]
    highs.setOptionValue("solver", solver)
    highs.setOptionValue("run_crossover", crossover)
    return highs


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.process_time()
    found = work()
    return time.process_time() - started, found
