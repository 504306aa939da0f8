"""Figures of the simulations: a base-stock chain against stockpyl and against a plain loop, and routes of the medica example.

Called by `bench.flow`. Reads the clock; touches no file.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from interferon.bench import flow_stockpyl, progress
from interferon.bench.flow_plain import periods as plain_periods
from interferon.bench.measures import row
from interferon.flow.basestock import ChainFigures, Rates, simulate_chain, states
from interferon.flow.echelons import Arc, Chain, Demand, Lead, Stage
from interferon.flow.interval import interval
from interferon.flow.problem import Floats, Snapshot
from interferon.flow.reroute import Route, reroute
from interferon.flow.simulate import simulate
from interferon.model.network import Network

PERIODS: Final = 100
REPLICATIONS: Final = 20_000
THEIRS: Final = 20  # replications of the opponent, which takes a second or so for each
PATH: Final = 60  # periods of the path that is compared period by period
SEED: Final = 7
ROUTES: Final = 256
SPEED: Final = 1000.0
SAME: Final = 1e-9  # share of a period's cost by which sums of floats may differ
CHAIN: Final = Chain(
    # Two suppliers, an assembly and a depot with two shops: stock so scarce that stages often wait for each other.
    stages=(
        Stage("steel", base_stock=72.0, holding=1.0, supply=Lead(2)),
        Stage("depot", base_stock=31.0, holding=2.0),
        Stage("north", base_stock=26.0, holding=4.0, backorder=20.0, demand=Demand(20.0, 6.0)),
        Stage("south", base_stock=23.0, holding=4.0, backorder=30.0, demand=Demand(10.0, kind="poisson")),
        Stage("motor", base_stock=6.0, holding=1.0, supply=Lead(1)),
        Stage("pump", base_stock=7.0, holding=3.0, backorder=9.0, demand=Demand(5.0, 2.0)),
    ),
    arcs=(
        Arc("steel", "depot", Lead(1), kg_co2=2.0),
        Arc("depot", "north", Lead(1), kg_co2=0.5),
        Arc("depot", "south", Lead(2), kg_co2=0.8),
        Arc("motor", "pump", Lead(1), kg_co2=0.3),
        Arc("steel", "pump", Lead(1), kg_co2=0.3),
    ),
)


def cases(network: Network, snapshot: Snapshot, base: Route, closures: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of `interferon bench flow`: the chain first, then the plan in force and what a re-route saves once nothing goes by its mean."""
    yield from _chain()
    yield from _routes(network, snapshot, base, closures)


def _chain() -> Iterator[dict[str, Any]]:
    started = time.perf_counter()
    ours = simulate_chain(CHAIN, PERIODS, REPLICATIONS, SEED)
    speed = ours.node_periods / (time.perf_counter() - started)
    path = paths()
    started = time.perf_counter()
    loop = np.array([cost for _, cost in plain_periods(CHAIN, path)])
    plain_speed = len(CHAIN.stages) * PATH / (time.perf_counter() - started)
    yield row("flow/simulate", "path_difference_plain_loop", _apart(path, loop), {}, ("<=", SAME))
    yield row("flow/simulate", "node_periods_per_s", speed, {"plain_loop": plain_speed, "times": speed / plain_speed}, None)
    yield row("flow/simulate", "otif", ours.otif.mean, {"half_width": ours.otif.half}, None)
    if not flow_stockpyl.present():
        progress("stockpyl is not installed: the simulation is not compared with it (docs/simulation.md)")
        return
    yield row("flow/simulate", "path_difference_stockpyl", _apart(path, np.array(flow_stockpyl.costs(CHAIN, path))), {}, ("<=", SAME))
    yield from _opponent(ours, speed)


def _opponent(ours: ChainFigures, speed: float) -> Iterator[dict[str, Any]]:
    drawn, seconds = flow_stockpyl.replicate(CHAIN, PERIODS, THEIRS, SEED)
    theirs, their_speed = interval(drawn), len(CHAIN.stages) * PERIODS * THEIRS / seconds
    beside = {
        "cost_per_period": ours.cost.mean,
        "half_width": ours.cost.half,
        "stockpyl": theirs.mean,
        "stockpyl_half_width": theirs.half,
    }
    apart = abs(ours.cost.mean - theirs.mean) / float(np.hypot(ours.cost.half, theirs.half))
    yield row("flow/simulate", "cost_apart_in_intervals", apart, beside, ("<=", 1.0))
    yield row("flow/simulate", "times_stockpyl", speed / their_speed, {"ours": speed, "stockpyl": their_speed}, (">=", SPEED))


def paths() -> dict[str, list[float]]:
    """One path of demand, by stage."""
    rng = np.random.default_rng(SEED)
    return {stage.id: [float(stage.demand.draw(rng, 1)[0]) for _ in range(PATH)] for stage in CHAIN.stages if stage.demand is not None}


def _apart(path: dict[str, list[float]], costs: Floats) -> float:
    """The largest difference of a period's cost from ours, as a share of it."""
    rates, given = Rates(CHAIN), {stage: np.array(values) for stage, values in path.items()}
    ours = np.array([float(rates.cost(state)[0]) for state in states(CHAIN, PATH, 1, SEED, demand=given)])
    return float((np.abs(ours - costs) / np.maximum(costs, 1.0)).max())


def _routes(network: Network, snapshot: Snapshot, base: Route, closures: list[str]) -> Iterator[dict[str, Any]]:
    """The plan in force, and over the closures what the re-route costs against going on with the plan."""
    started = time.perf_counter()
    plan = simulate(network, snapshot, base, ROUTES, SEED)
    speed = ROUTES / (time.perf_counter() - started)
    means = simulate(network, snapshot, base, 2, SEED, demand_cv=0.0, lead_spread=0.0)
    for name, told, exact, stated in (
        ("otif", plan.otif, means.otif, base.otif),
        ("lead_days", plan.lead_days, means.lead_days, None),
        ("cost", plan.cost, means.cost, base.cost),
        ("co2_kg", plan.co2_kg, means.co2_kg, base.co2_kg),
    ):
        beside = {"half_width": told.half, "nothing_random": exact.mean} | ({} if stated is None else {"optimum_of_the_plan": stated})
        yield row("flow/simulate_route", name, told.mean, beside, None)
    yield row("flow/simulate_route", "replications_per_s", speed, {}, None)
    routes = [(reroute(network, snapshot, (ref,), base), replace(base, closed=(ref,))) for ref in closures]
    pairs = [tuple(simulate(network, snapshot, route, ROUTES, SEED) for route in pair) for pair in routes]
    saved = [kept.cost.mean - moved.cost.mean for moved, kept in pairs]
    stated = sum(moved.cost_kept - moved.cost for moved, _ in routes)
    half = float(np.sqrt(sum(kept.cost.half**2 + moved.cost.half**2 for moved, kept in pairs)))
    beside = {"half_width": half, "by_the_means": stated, "closures": float(len(pairs)), "of_them_dearer": float(sum(s < 0 for s in saved))}
    yield row("flow/simulate_route", "saved_by_reroute", sum(saved), beside, (">=", half))
    gain = sum(moved.otif.mean - kept.otif.mean for moved, kept in pairs) / len(pairs)
    yield row("flow/simulate_route", "otif_gained_by_reroute", gain, {"worst": min(m.otif.mean - k.otif.mean for m, k in pairs)}, None)
