"""The trade-off between the risk that is left and goods that come late: its ends on paper, its order and its bounds on drawn networks."""

import math
from itertools import pairwise

import numpy as np
import pytest

from interferon.bench.flow_tiers import Size, problem, tiers
from interferon.flow.grid import days
from interferon.flow.joint import Joint, Weights
from interferon.flow.problem import DAY_US, build, opening
from interferon.flow.threat import Scenario, Threat, draw
from interferon.flow.tradeoff import SOLVES, Point, tradeoff
from interferon.model.network import Dependency, Network, Order

from .goods import START, lane, network, node

FEW = Size(3, 3, 6, 8, 3, 3, 3, 1)
SEEDS = (1, 2, 4, 5)  # networks that the exact solves below are done with in a second; 3 and 7 take them ten times as long


def one_centre() -> Network:
    """A centre with 100 units and room for 1,000 a day, whose WMS carries all of it; its customer wants 20 in four days."""
    order = Order(id="o", customer="x", product="p", quantity=20.0, requested=START, promised=START + 4 * DAY_US)
    nodes, lanes = [node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 1.0)]
    rows = (
        Dependency(asset="wms-d", target="node:d", share_lost=1.0),
        Dependency(asset="plc-d", target="node:d", share_lost=0.0),
    )
    return network(nodes, lanes, [order], {("d", "p"): 100.0}, bom=(), dependencies=rows)


def held_in_ops() -> Threat:
    """The intruder is in the centre's operations zone for sure, and its conduit to the floor is open to him."""
    return Threat((Scenario(1.0, frozenset({"d-ops"}), frozenset({"cut-d"}), 72.0),), 168.0, damage=0.0)


def test_from_nothing_over_a_cut_to_the_zone_itself() -> None:
    """Nothing closed he holds both zones. The conduit cut, half of the centre is plenty and he holds one. The zone isolated, he holds
    none and no goods come."""
    found = one_centre()
    told = tradeoff(found, build(found, opening(found, START), days(7.0)), held_in_ops())
    nothing, cut, isolated = told.points
    assert (nothing.decision.isolated, nothing.decision.cut, nothing.risk) == (frozenset(), frozenset(), 2.0)
    assert (cut.decision.isolated, cut.decision.cut, cut.risk) == (frozenset(), frozenset({"cut-d"}), 1.0)
    assert (isolated.decision.isolated, isolated.risk, isolated.decision.held) == (frozenset({"d-ops"}), 0.0, 0.0)
    assert [point.decision.late for point in told.points] == pytest.approx([0.0, 0.0, 1.0])
    assert (nothing.decision, isolated.decision) == (told.plain["nothing"], told.plain["suspect"])
    assert told.whole
    assert told.gap <= 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_points_leave_less_risk_for_more_cost_and_end_at_the_plain_cases(seed: int) -> None:
    found = tiers(FEW, seed)
    threat = draw(found, {zone: 0.5 for zone in sorted(found.zones)[:3]}, 24.0, count=6, seed=seed, damage=0.0)
    told = tradeoff(found, problem(found), threat)
    risks, costs = [point.risk for point in told.points], [point.decision.cost for point in told.points]
    assert risks == sorted(risks, reverse=True)
    assert costs == sorted(costs)
    assert told.points[0].decision.objective == pytest.approx(told.plain["nothing"].objective)
    assert told.points[-1].decision == told.plain["suspect"]
    assert told.points[-1].risk == 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_more_weight_never_leaves_more_risk(seed: int) -> None:
    """Of two optima at two weights the one at the higher weight leaves no more, but for the gaps that both were solved to."""
    found = tiers(FEW, seed)
    threat = draw(found, {zone: 0.5 for zone in sorted(found.zones)[:3]}, 24.0, count=6, seed=seed, damage=0.0)
    joint = Joint(found, problem(found), threat, Weights())
    weights = [0.0, 10.0, 100.0, 1000.0, 10_000.0]
    answers = [(weight, joint.at(Weights(held=weight)).solve(gap=1e-6)) for weight in weights]
    for (low, few), (high, many) in pairwise(answers):
        slack = (abs(few.best.objective) + abs(many.best.objective)) * 1e-6 / (high - low)
        assert many.best.held <= few.best.held + slack


def test_weights_are_those_at_which_neighbours_are_worth_the_same() -> None:
    found = one_centre()
    told = tradeoff(found, build(found, opening(found, START), days(7.0)), held_in_ops())
    assert told.points[0].weight == 0.0
    assert math.isinf(told.points[-1].weight)
    price = told.points[-1].decision.cost + 1 - told.points[0].decision.cost
    assert told.points[1].weight == pytest.approx(price / 2)


def test_it_stops_when_told_to_and_says_so() -> None:
    found = tiers(FEW, 1)
    threat = draw(found, {zone: 0.5 for zone in sorted(found.zones)[:3]}, 24.0, count=6, damage=0.0)
    told = tradeoff(found, problem(found), threat, lambda answer: False)
    assert not told.whole
    assert len(told.points) <= 2
    assert told.points[-1].risk == 0.0


def test_solves_are_bounded() -> None:
    found = tiers(FEW, 1)
    threat = draw(found, dict.fromkeys(sorted(found.zones), 0.3), 24.0, count=6, damage=0.0)
    points: tuple[Point, ...] = tradeoff(found, problem(found), threat).points
    assert 2 <= len(points) <= SOLVES + 1


def test_other_prices_of_lateness_begin_anew() -> None:
    found = tiers(FEW, 2)
    joint = Joint(found, problem(found), draw(found, {}, 24.0, count=1), Weights())
    with pytest.raises(ValueError, match="begin anew"):
        joint.at(Weights(late=1.0))


@pytest.mark.parametrize(
    ("horizon", "until_h", "edges"),
    [
        (7.0, None, [0, 1, 2, 3, 4, 5, 6, 7]),
        (3.0, 36.0, [0, 1, 1.5, 2, 3]),
        (21.0, 1000.0, [0, 1, 2, 3, 4, 5, 6, 7, 14, 21]),
    ],
)
def test_days_then_weeks_and_a_border_at_the_end_of_the_closure(horizon: float, until_h: float | None, edges: list[float]) -> None:
    assert days(horizon, until_h) == pytest.approx(np.array(edges))
