"""The price of departing from the plan in force. Called by `reroute`, `closure`, `plan`, `stress` and `kpi`. Pure."""

from dataclasses import replace

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import shares
from interferon.flow.dispatch import Lanes
from interferon.flow.problem import Problem, Snapshot, is_plain
from interferon.flow.solver import Solver
from interferon.flow.sourcing import lanes_used, sourcing
from interferon.flow.ways import capped
from interferon.model.network import Network


def steady(problem: Problem, base: Lanes, nervousness: float) -> Problem:
    """The problem in which each unit moved on a lane that the plan does not use for its product costs `nervousness` more (currency)."""
    if nervousness == 0:
        return problem
    dearer = problem.ship_price + (nervousness * problem.ship_units * ~base.ship)[:, None]
    price = np.where(np.isfinite(dearer), capped(dearer, problem.demand.unmet[problem.ship_group], is_plain(problem)), np.inf)
    return replace(problem, ship_price=price, haul_cost=problem.haul_cost + nervousness * ~base.haul)


def undisturbed(network: Network, snapshot: Snapshot, problem: Problem) -> tuple[Problem, Solver, Flows]:
    """The optimum with nothing closed, taken as the plan in force: the problem in which leaving it has its price, its solver, the optimum.

    As with `nominal` and `reroute`, a lane is the plan's where `sourcing` gives it a share.
    """
    solver = Solver(problem)
    flows = solver.solve()
    if not network.settings.nervousness:
        return problem, solver, flows
    plan = sourcing(network, snapshot, problem, flows, shares(problem, {}), None)
    dearer = steady(problem, lanes_used(problem, plan), network.settings.nervousness)
    solver = Solver(dearer)
    return dearer, solver, solver.solve()
