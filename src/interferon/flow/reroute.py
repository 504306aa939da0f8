"""The plan in force and the re-route round a closure, as lanes and shares for each destination and product. Pure.

Called by the runtime when a plan asks for `Solve`; the answer travels in the log as `Rerouted.route`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from interferon.flow.account import Figures, Flows, figures
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.dispatch import dispatch
from interferon.flow.problem import Problem, Snapshot, build
from interferon.flow.solver import Solver
from interferon.flow.sourcing import Sourcing, lanes_used, sourcing
from interferon.flow.steady import steady
from interferon.model.errors import InputError
from interferon.model.network import Network


@dataclass(frozen=True)
class Move:
    """What changes for one product at one destination. `orders`: open orders that it touches."""

    destination: str
    product: str
    before: tuple[str, ...]  # lane ids, largest share first
    after: tuple[str, ...]  # empty: it cannot be brought at all
    orders: int


@dataclass(frozen=True)
class Route:
    """Lanes and shares for every (destination node, product), and what they come to over the horizon in whole (not against nominal)."""

    sourcing: Sourcing
    closed: tuple[str, ...]
    orders_late: int
    orders_late_kept: int  # with the same closures, had the goods not been re-routed
    otif: float
    cost: float
    co2_kg: float
    unmet: float
    moved: tuple[Move, ...] = ()
    cost_kept: float = 0.0  # with the same closures and the same open orders, had the goods not been re-routed
    co2_kg_kept: float = 0.0


def nominal(network: Network, snapshot: Snapshot) -> Route:
    """The optimal plan with nothing closed."""
    problem = build(network, snapshot)
    flows, whole = Solver(problem).solve(), shares(problem, {})
    reached = figures(problem, flows)
    return _route(sourcing(network, snapshot, problem, flows, whole, None), (), reached, reached, ())


def repair(network: Network, snapshot: Snapshot, closed: Iterable[str], base: Route, until_h: float | None = None) -> Route:
    """An executable re-route without a solver: the plan mended on what capacity is left, counting the worst of what is assumed."""
    closed, problem = tuple(sorted(set(closed))), _problem(network, snapshot, base)
    left = shares(problem, lost(network, closed, until_h).worst)
    candidates = [Solver(problem).first(left), dispatch(problem, left, lanes_used(problem, base.sourcing))]
    return _answer(network, snapshot, problem, left, _cheapest(problem, left, candidates), closed, base)


def reroute(network: Network, snapshot: Snapshot, closed: Iterable[str], base: Route, until_h: float | None = None) -> Route:
    """The optimum, found from the undisturbed one and bounded in iterations; `repair` where they do not suffice.

    A closure that takes nothing from the flow of goods leaves the base route as it is: moving goods costs, and surprises people.
    """
    closed, problem, losses = tuple(sorted(set(closed))), _problem(network, snapshot, base), lost(network, closed, until_h).worst
    left = shares(problem, losses)
    if not losses:
        kept_as_is = _kept(problem, left, base)
        return _route(base.sourcing, closed, kept_as_is, kept_as_is, ())
    optimum = Solver(problem).attempt(left)
    if optimum is None:
        return repair(network, snapshot, closed, base, until_h)
    return _answer(network, snapshot, problem, left, optimum, closed, base)


def kept(network: Network, snapshot: Snapshot, closed: Iterable[str], base: Route, until_h: float | None = None) -> Figures:
    """What the closure comes to if the goods go on along the base lanes only."""
    problem = _problem(network, snapshot, base)
    return _kept(problem, shares(problem, lost(network, closed, until_h).worst), base)


def to_dict(route: Route) -> dict[str, Any]:
    """The route as plain lists, numbers and text, for the log."""
    plain: dict[str, Any] = msgspec.to_builtins(replace(route, sourcing={}))
    plain["sourcing"] = [[place, product, [list(pair) for pair in lanes]] for (place, product), lanes in route.sourcing.items()]
    return plain


def from_dict(plain: Mapping[str, Any]) -> Route:
    """The route that `to_dict` wrote. InputError where it is none."""
    try:
        rows = msgspec.convert(plain["sourcing"], list[tuple[str, str, tuple[tuple[str, float], ...]]])
        route = msgspec.convert({**plain, "sourcing": {}}, Route)
    except (KeyError, msgspec.ValidationError) as error:
        raise InputError(f"not a route: {error}") from None
    return replace(route, sourcing={(place, product): lanes for place, product, lanes in rows})


def _cheapest(problem: Problem, left: Shares, candidates: list[Flows]) -> Flows:
    return min(candidates, key=lambda flows: figures(problem, flows, left).cost)


def _route(plan: Sourcing, closed: tuple[str, ...], reached: Figures, before: Figures, moved: tuple[Move, ...]) -> Route:
    """`before`: what it comes to if the goods go on as they did."""
    return Route(
        sourcing=plan,
        closed=closed,
        orders_late=reached.orders_late,
        orders_late_kept=before.orders_late,
        otif=reached.otif,
        cost=reached.cost,
        co2_kg=reached.co2_kg,
        unmet=reached.unmet,
        moved=moved,
        cost_kept=before.cost,
        co2_kg_kept=before.co2_kg,
    )


def _answer(
    network: Network, snapshot: Snapshot, problem: Problem, left: Shares, flows: Flows, closed: tuple[str, ...], base: Route
) -> Route:
    plan = sourcing(network, snapshot, problem, flows, left, base.sourcing)
    before = _kept(problem, left, base)
    return _route(plan, closed, figures(problem, flows, left), before, _moves(network, problem, base.sourcing, plan))


def _kept(problem: Problem, left: Shares, base: Route) -> Figures:
    return figures(problem, dispatch(problem, left, lanes_used(problem, base.sourcing)), left)


def _problem(network: Network, snapshot: Snapshot, base: Route) -> Problem:
    """The problem in which it costs to leave the lanes of the plan in force."""
    problem = build(network, snapshot)
    return steady(problem, lanes_used(problem, base.sourcing), network.settings.nervousness)


def _moves(network: Network, problem: Problem, before: Sourcing, after: Sourcing) -> tuple[Move, ...]:
    """Pairs whose lanes change, most orders first. Pairs into customers count only where orders are open."""
    orders: dict[tuple[str, str], int] = {}
    demand = problem.demand
    for rows, customer, product in zip(demand.orders, demand.customer.tolist(), demand.product.tolist(), strict=True):
        place = problem.nodes[customer]
        via = {network.lanes[lane].origin for lane, _ in after.get((place, problem.products[product]), ())}
        for node in {place, *via}:
            orders[node, problem.products[product]] = orders.get((node, problem.products[product]), 0) + len(rows)
    moves: list[Move] = []
    for pair, lanes in after.items():
        old, new = (tuple(lane for lane, _ in rows) for rows in (before.get(pair, ()), lanes))
        if set(old) != set(new) and (pair in orders or network.nodes[pair[0]].kind != "customer"):
            moves.append(Move(*pair, old, new, orders.get(pair, 0)))
    rank = np.argsort([-move.orders for move in moves], kind="stable")
    return tuple(moves[i] for i in rank)
