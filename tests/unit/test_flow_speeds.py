"""Answers at three speeds: the plan mended without a solver, the optimum by sifting, and the joint decision what to close."""

import itertools

import numpy as np
import pytest

from interferon.bench.flow_tiers import Size, closures, problem, snapshot, tiers
from interferon.flow.account import Flows, figures, loads, stock_levels
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.joint import Answer, Joint, Weights, at_risk
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import DAY_US, Problem, build, opening
from interferon.flow.solver import Solver
from interferon.flow.threat import Scenario, Threat, draw, reached
from interferon.model.errors import InputError
from interferon.model.network import Dependency, Network, Order

from .goods import START, lane, network, node

TINY = Size(3, 4, 6, 8, 2, 3, 3, 2)


def assert_within(found: Problem, flows: Flows, left: Shares) -> None:
    sent, lane, made = loads(found, flows)
    used = np.concatenate([lane.ravel(), np.where(np.isfinite(found.node_cap)[:, None], sent, 0.0).ravel(), made[found.plants].ravel()])
    assert (used <= capacity_limits(found, left) + 1e-6).all()
    assert stock_levels(found, flows, left).min(initial=0.0) > -1e-6
    served = np.bincount(found.ship_group, flows.ship.sum(axis=1), len(found.demand.quantity))
    assert (served <= found.demand.quantity + 1e-6).all()


@pytest.mark.parametrize("seed", range(12))
def test_sifting_and_the_simplex_agree_and_the_first_answer_is_executable(seed: int) -> None:
    net = tiers(TINY, seed, days=1 + seed % 5)
    found = build(net, snapshot(net))
    solver = Solver(found)
    for ref in closures(net, 5, seed):
        left = shares(found, lost(net, [ref]).worst)
        simplex, sifted = solver.attempt(left, sifts=False), solver.attempt(left, sifts=True)
        assert simplex is not None
        assert sifted is not None
        least = figures(found, simplex, left).cost
        assert figures(found, sifted, left).cost == pytest.approx(least, rel=1e-7)
        first = solver.first(left)
        for flows in (sifted, first):
            assert_within(found, flows, left)
        assert figures(found, first, left).cost >= least - 1e-6 * least


def test_the_first_answer_keeps_a_plan_that_nothing_disturbs() -> None:
    net = tiers(TINY, 3)
    found = problem(net)
    solver = Solver(found)
    plan, kept = solver.solve(), solver.first(shares(found, {}))
    for before, after in ((plan.ship, kept.ship), (plan.haul, kept.haul)):
        assert np.allclose(before, after, atol=1e-6)


def row_of_centres(customers: int) -> Network:
    """Centres 0, 1, 2 …, each sends 10 a day; customer i is served by centre i at 1 a unit, or by centre i + 1 at 3, and wants 10."""
    nodes = [node(f"d{i}", "dc", 10.0) for i in range(customers + 1)] + [node(f"c{i}", "customer") for i in range(customers)]
    lanes = [lane(f"d{i + side}-c{i}", f"d{i + side}", f"c{i}", (1.0, 3.0)[side]) for i in range(customers) for side in (0, 1)]
    orders = [
        Order(id=f"o-{i}", customer=f"c{i}", product="p", quantity=10.0, requested=START, promised=START + DAY_US) for i in range(customers)
    ]
    return network(nodes, lanes, orders, {(f"d{i}", "p"): 40.0 for i in range(customers + 1)}, bom=())


@pytest.mark.parametrize("customers", [1, 2, 4])
def test_others_make_way_for_those_with_no_other_way(customers: int) -> None:
    """Centre 0 is closed: every customer moves on to the next centre, the last of which was free."""
    found = build(row_of_centres(customers), opening(row_of_centres(customers), START), np.array([0.0, 1.0]))
    solver = Solver(found)
    left = shares(found, lost(row_of_centres(customers), ["node:d0"]).worst)
    for flows in (solver.solve(left), solver.first(left)):
        assert_within(found, flows, left)
        assert figures(found, flows, left).unmet == pytest.approx(0.0, abs=1e-6)
        assert float(flows.ship.sum(axis=1) @ found.lane_cost[found.ship_lane]) == pytest.approx(30.0 * customers)


def threat(network: Network) -> Threat:
    """The two hubs with most lanes may be held; conduits are open to him in one scenario and shut in the other."""
    zones = [f"z-hub-{i}" for i in range(2)]
    return Threat(
        (
            Scenario(0.5, frozenset(zones[:1]), frozenset(network.conduits), 96.0),
            Scenario(0.3, frozenset(zones), frozenset(), 24.0),
            Scenario(0.2, frozenset(), frozenset(), 24.0),
        ),
        until_h=36.0,
    )


def small() -> Network:
    """A network of which few zones can be reached, so that all decisions can be tried."""
    net = tiers(TINY, 2, days=7)
    near = {name: row for name, row in net.conduits.items() if "hub-0" in name or "hub-1" in name}
    keep = dict(itertools.islice(near.items(), 3))
    return Network(**{**{name: getattr(net, name) for name in net.__dataclass_fields__}, "conduits": keep})


@pytest.mark.parametrize("weights", [Weights(), Weights(held=400.0), Weights(late=5000.0, held=100.0, level=0.6)])
def test_the_joint_decision_is_the_best_of_all(weights: Weights) -> None:
    net = small()
    found = problem(net)
    joint = Joint(net, found, threat(net), weights)
    answer = joint.solve(gap=1e-6)
    assert answer.bound <= answer.best.objective
    tried = []
    for zones in powerset(joint.zones):
        for conduits in powerset(joint.conduits):
            tried.append(joint.weigh(frozenset(zones), frozenset(conduits)).objective)
    assert len(tried) >= 8
    assert min(tried) >= answer.bound - 1e-4 * abs(answer.bound)
    assert answer.best.objective == pytest.approx(min(tried), rel=2e-4)


@pytest.mark.parametrize(("price", "zones"), [(0.0, 0), (100.0, 1), (2000.0, 1), (4000.0, 2)])
def test_two_zones_that_hold_a_redundancy_group_cost_something_only_together(price: float, zones: int) -> None:
    """Either does the work of the centre alone. Of two zones, one of which he holds, it pays to isolate one before it pays for both."""
    order = Order(id="o", customer="x", product="p", quantity=20.0, requested=START, promised=START + 4 * DAY_US)
    group = tuple(Dependency(asset=f"{name}-d", target="node:d", share_lost=1.0, group="g") for name in ("wms", "plc"))
    nodes, lanes = [node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 1.0)]
    net = network(nodes, lanes, [order], {("d", "p"): 100.0}, bom=(), dependencies=group)
    found = build(net, opening(net, START), np.array([0.0, 2.0, 4.0, 7.0]))
    scenarios = tuple(Scenario(0.5, frozenset({zone}), frozenset(), 72.0) for zone in ("d-floor", "d-ops"))
    answer = Joint(net, found, Threat(scenarios, 168.0, damage=0.0), Weights(held=price)).solve(gap=1e-6)
    assert len(answer.best.isolated) == zones
    assert answer.gap <= 1e-4
    both = Threat((Scenario(1.0, frozenset({"d-floor", "d-ops"}), frozenset(), 168.0),), 168.0)
    assert Joint(net, found, both, Weights()).weigh(frozenset(), frozenset()).late == pytest.approx(1.0)  # he holds both


def powerset(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [chosen for size in range(len(names) + 1) for chosen in itertools.combinations(names, size)]


def test_the_joint_decision_is_never_worse_than_the_plain_ones_and_gets_no_worse() -> None:
    net = tiers(Size(4, 6, 12, 20, 3, 4, 4, 2), 4, days=7)
    found = problem(net)
    suspicion = {zone: 0.6 for zone in list(net.zones)[4:9]}
    joint = Joint(net, found, draw(net, suspicion, 72.0, count=6, seed=2), Weights(late=20_000.0, held=300.0))
    answers: list[Answer] = []
    for answer in joint.improve(gap=1e-4):
        answers.append(answer)
        if len(answers) == 6:
            break
    assert set(answers[0].plain) == {"nothing", "suspect", "site"}
    for before, after in itertools.pairwise(answers):
        assert after.best.objective <= before.best.objective
        assert after.bound >= before.bound
    assert all(answer.best.objective <= min(d.objective for d in answer.plain.values()) for answer in answers)
    assert all(answer.bound <= answer.best.objective for answer in answers)


def test_he_goes_on_over_open_conduits_until_they_are_cut() -> None:
    net = small()
    name, row = next(iter(net.conduits.items()))
    scenario = Scenario(1.0, frozenset({row.from_zone}), frozenset(net.conduits), 24.0)
    none: frozenset[str] = frozenset()
    assert row.to_zone in reached(net, scenario, none, none)
    assert row.to_zone not in reached(net, scenario, none, frozenset(net.conduits))
    assert reached(net, scenario, frozenset({row.from_zone}), none) == none
    assert name in net.conduits


def test_the_worst_tenth_by_hand() -> None:
    """Of four equally likely shares late the worst half is .4 and .2: mean .3; the worst eighth is half of .4's weight."""
    late, chance = np.array([0.0, 0.4, 0.1, 0.2]), np.full(4, 0.25)
    assert at_risk(late, chance, 0.5) == pytest.approx(0.3)
    assert at_risk(late, chance, 0.875) == pytest.approx(0.4)
    assert at_risk(late, chance, 0.0) == pytest.approx(0.175)


def test_scenarios_are_drawn_from_the_suspicion() -> None:
    net = tiers(TINY, 1)
    drawn = draw(net, {"z-hub-0": 1.0, "z-hub-1": 0.0}, 24.0, count=50, seed=3)
    assert all(scenario.held == {"z-hub-0"} for scenario in drawn.scenarios)
    assert sum(scenario.probability for scenario in drawn.scenarios) == pytest.approx(1.0)
    assert drawn == draw(net, {"z-hub-0": 1.0, "z-hub-1": 0.0}, 24.0, count=50, seed=3)
    with pytest.raises(InputError, match="no zone 'z-hub-99'"):
        draw(net, {"z-hub-99": 0.5}, 24.0)
