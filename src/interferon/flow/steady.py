"""The price of departing from the plan in force. Called by `reroute` and `closure`. Pure."""

from dataclasses import replace

import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import shares
from interferon.flow.dispatch import Lanes
from interferon.flow.problem import Problem, Snapshot, is_plain
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


def steady_about(network: Network, snapshot: Snapshot, problem: Problem, flows: Flows) -> Problem:
    """`steady` about the lanes of `flows`, the optimum with nothing closed, as `nominal` would have them be the plan in force."""
    used = lanes_used(problem, sourcing(network, snapshot, problem, flows, shares(problem, {}), None))
    return steady(problem, used, network.settings.nervousness)
