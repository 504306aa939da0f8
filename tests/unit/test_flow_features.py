"""Alternates, expediting, priorities, the price of CO2 and of change: in the optimum, in the list schedule, and counted alike."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from interferon.flow.account import Figures, Flows, figures, stock_levels
from interferon.flow.capacity import Shares, shares
from interferon.flow.closure import closure_table
from interferon.flow.dispatch import Lanes, dispatch
from interferon.flow.expanded import graph
from interferon.flow.kept import Movements
from interferon.flow.limits import capacity_limits
from interferon.flow.plan import plan
from interferon.flow.problem import DAY_US, Problem, build, opening
from interferon.flow.reroute import nominal, repair, reroute
from interferon.flow.solver import Solver
from interferon.flow.steady import steady
from interferon.flow.transit import cuts
from interferon.model.network import Alternate, Bom, Lane, Network, Order, Product, Settings

from .goods import START, lane, network, node

GOODS = tuple(Product(id=p, name=p, unit="piece", value=100.0, margin=30.0, kg_per_unit=5.0) for p in ("p", "q", "c", "r"))


def order(number: int, quantity: float, due: float, priority: int = 3) -> Order:
    promised = START + round(due * DAY_US)
    return Order(id=f"o-{number}", customer="x", product="p", quantity=quantity, requested=START, promised=promised, priority=priority)


def centre(
    stock: dict[tuple[str, str], float], orders: list[Order], lanes: tuple[Lane, ...] = (), capacity: float = 1000.0, **settings: Any
) -> Network:
    found = network(
        [node("d", "dc", capacity), node("e", "dc"), node("x", "customer")],
        [*(lanes or (lane("d-x", "d", "x", 1.0),))],
        orders,
        stock,
        bom=(),
        products=GOODS,
    )
    return replace(found, settings=msgspec.structs.replace(found.settings, **settings))


def near(value: float) -> Any:
    """Equal but for rounding."""
    return pytest.approx(value)


def answers(found: Network) -> Iterator[tuple[Problem, Flows, Figures]]:
    """The optimum and the list schedule with nothing closed."""
    problem = build(found, opening(found, START))
    whole: Shares = shares(problem, {})
    every = Lanes(np.ones(len(problem.ship_lane), bool), np.ones(len(problem.haul_lane), bool))
    for flows in (Solver(problem).solve(), dispatch(problem, whole, every)):
        yield problem, flows, figures(problem, flows, whole)


def moved(problem: Problem, flows: Flows) -> dict[str, float]:
    """Units served by lane."""
    return {problem.lanes[i]: float(q) for i, q in zip(problem.ship_lane, flows.ship.sum(axis=1), strict=True) if q > 1e-6}


def test_an_order_is_served_with_the_alternate() -> None:
    """10 of p as 20 of q: 20 of freight, 10 · 3 for the change, 20 of q missing at the end, 0.2 · 0.15 · 100 = 3 each; 100 kg moved."""
    found = centre({("d", "q"): 50.0}, [order(1, 10.0, 1.0)])
    assert nominal(found, opening(found, START)).orders_late == 1
    found = replace(found, alternates=(Alternate(product="p", alternate="q", ratio=2.0, cost_per_unit=3.0),))
    for problem, flows, told in answers(found):
        assert (told.orders_late, told.unmet) == (0, 0.0)
        assert told.cost == pytest.approx(20 + 30 + 60)
        assert told.co2_kg == pytest.approx(20 * 5 * 100 * 80 / 1e6)
        assert stock_levels(problem, flows)[:, -1] == pytest.approx([30.0])
    assert nominal(found, opening(found, START)).sourcing["x", "q"] == (("d-x", 1.0),)


def test_a_plan_tells_what_is_sent_and_when_it_is_there() -> None:
    """10 of p as 20 of q, expedited: it leaves in the middle of half day 0 and is there 0.4 days later."""
    found = centre({("d", "q"): 50.0}, [order(1, 10.0, 0.8)], (express(0.4, 2.0),))
    found = replace(found, alternates=(Alternate(product="p", alternate="q", ratio=2.0),))
    told = plan(found, opening(found, START))
    (row,), (sent,) = told.orders, told.shipments
    assert (row.product, row.late, row.in_time) == ("p", False, 10.0)
    assert (sent.product, sent.quantity) == ("q", 20.0)
    assert (sent.leaves, sent.arrives) == (START + DAY_US // 4, START + round(0.65 * DAY_US))
    assert row.expected == sent.arrives


def test_an_alternate_dearer_than_not_serving_is_none() -> None:
    found = centre({("d", "q"): 50.0}, [order(1, 10.0, 1.0)])
    found = replace(found, alternates=(Alternate(product="p", alternate="q", cost_per_unit=1000.0),))
    assert [told.unmet for _, _, told in answers(found)] == [10.0, 10.0]


def plant(stock: dict[tuple[str, str], float], *alternates: Alternate) -> Network:
    """A plant that takes 2 of c for one of p and sends to the customer itself."""
    nodes = [node("s", "supplier"), node("f", "plant"), node("x", "customer")]
    lanes = [lane("s-f", "s", "f", 1.0, 1.0), lane("f-x", "f", "x", 1.0)]
    bom = (Bom(parent="p", child="c", quantity=2.0),)
    found = network(
        nodes, lanes, [order(1, 10.0, 1.0)], {("s", "c"): 0.0, ("s", "r"): 0.0, ("f", "p"): 0.0} | stock, bom=bom, products=GOODS
    )
    return replace(found, alternates=alternates)


def test_a_component_is_replaced() -> None:
    """6 of c are there for 3 of p; 14 more of c are replaced by 7 of r: at 0.7 and half a unit brought again, dearer than c at 1."""
    stock = {("f", "c"): 6.0, ("f", "r"): 100.0}
    assert [told.orders_late for _, _, told in answers(plant(stock))] == [1, 1]
    for _, flows, told in answers(plant(stock, Alternate(product="c", alternate="r", ratio=0.5, cost_per_unit=0.7))):
        assert told.orders_late == 0
        assert flows.swap is not None
        assert flows.swap.sum() == pytest.approx(14.0)


def test_alternates_of_each_other_make_nothing_out_of_nothing() -> None:
    """One c for half an r and one r for half a c: a circle that would fill the shelves, could what is replaced be put there."""
    pair = (Alternate(product="c", alternate="r", ratio=0.5), Alternate(product="r", alternate="c", ratio=0.5))
    for problem, flows, told in answers(plant({("f", "c"): 4.0, ("f", "r"): 0.0}, *pair)):
        assert told.orders_late == 1
        assert flows.make[:, 0].sum() <= 2.0 + 1e-6
        assert stock_levels(problem, flows)[:, :-1].min() >= -1e-6


def test_an_alternate_made_of_what_it_replaces_makes_nothing_out_of_nothing() -> None:
    """Of p the plant makes q, of which half stands in for a p: put into itself, one q would give two."""
    bom = (Bom(parent="p", child="c", quantity=2.0), Bom(parent="q", child="p", quantity=1.0))
    found = plant({("f", "c"): 4.0, ("f", "q"): 1.0}, Alternate(product="p", alternate="q", ratio=0.5))
    wanted = msgspec.structs.replace(order(1, 10.0, 1.0), product="q")
    for problem, flows, _ in answers(replace(found, bom=bom, orders={wanted.id: wanted})):
        assert stock_levels(problem, flows)[:, :-1].min() >= -1e-6
        line = [problem.products[problem.stock_product[place]] for place in problem.make_at].index("q")
        assert flows.make[line, 0] <= 2.0 + 1e-6


def test_a_plan_that_only_makes_is_cut() -> None:
    problem = build(table := plant({("f", "c"): 4.0}), opening(table, START))
    made = np.zeros((1, problem.buckets))
    made[0, 0] = 3.0
    plan_in_force = Flows(np.zeros(problem.ship_price.shape), np.zeros(problem.haul_arrives.shape), made)
    kept = Movements(problem, graph(problem), plan_in_force).cut(capacity_limits(problem, None), problem.opening)
    assert kept.flows.make.sum() == pytest.approx(2.0)


def test_centres_that_feed_each_other_within_a_bucket_do_not_ask_in_a_circle() -> None:
    lanes = [lane("a-b", "a", "b", 1.0, 0.1), lane("b-a", "b", "a", 1.0, 0.1), lane("b-x", "b", "x", 1.0)]
    nodes = [node("a", "dc"), node("b", "dc"), node("x", "customer")]
    found = network(nodes, lanes, [order(1, 10.0, 2.0)], {("a", "p"): 4.0, ("b", "p"): 3.0}, bom=())
    problem = build(found, opening(found, START))
    every = Lanes(np.ones(len(problem.ship_lane), bool), np.ones(len(problem.haul_lane), bool))
    flows = dispatch(problem, shares(problem, {}), every)
    assert flows.ship.sum() == pytest.approx(7.0)
    assert stock_levels(problem, flows).min() >= -1e-9


def express(days: float, cost: float) -> Lane:
    return msgspec.structs.replace(lane("d-x", "d", "x", 1.0, 1.0), expedite_days=days, expedite_cost_per_unit=cost)


def test_goods_are_expedited_where_lateness_costs_more() -> None:
    """Due at 0.8, by the lane there at 1.25: 0.45 days late, at (15 + 15) · 1.045 a unit; expedited at 0.65 for 7 more."""
    for problem, flows, told in answers(centre({("d", "p"): 50.0}, [order(1, 10.0, 0.8)], (express(0.4, 7.0),))):
        assert told.orders_late == 0
        assert told.cost == pytest.approx(10 * 8 + 10 * 3)
        assert flows.ship[problem.ship_express].sum() == pytest.approx(10.0)
    for lane_of, cost in ((express(0.4, 40.0), 10 * (1 + 30 * 1.045) + 30), (express(1.0, 0.0), 10 * (1 + 30 * 1.045) + 30)):
        for _, _, told in answers(centre({("d", "p"): 50.0}, [order(1, 10.0, 0.8)], (lane_of,))):
            assert (told.orders_late, told.cost) == (1, near(cost))


def test_expedited_goods_use_the_same_capacity() -> None:
    row = msgspec.structs.replace(express(0.4, 7.0), capacity_per_day=12.0)
    for _, flows, told in answers(centre({("d", "p"): 50.0}, [order(1, 10.0, 0.8)], (row,))):
        assert told.orders_late == 1
        assert flows.ship[:, 0].sum() == pytest.approx(6.0)


def test_those_that_weigh_more_go_first() -> None:
    """Room for one of two equal orders in half a day: by weight, not by id; all alike they are one demand."""
    weighs = Settings(name="n", late_weight_1=2.0)
    orders = [order(1, 10.0, 1.0, priority=3), order(2, 10.0, 1.0, priority=1)]
    cases: list[tuple[dict[str, Any], str]] = [({"late_weight_1": 2.0}, "o-1"), ({"late_weight_3": 2.0}, "o-2")]
    for weights, late in cases:
        for _, _, told in answers(centre({("d", "p"): 50.0}, orders, capacity=20.0, **weights)):
            assert [name for name, _ in told.late] == [late]
    assert [weighs.late_weight(priority) for priority in (0, 1, 5, 9)] == [2.0, 2.0, 1.0, 1.0]
    alike = centre({("d", "p"): 50.0}, orders)
    assert len(build(alike, opening(alike, START)).demand.orders) == 1


def two_ways(**settings: Any) -> Network:
    """The cheap lane emits 5 kg · 100 km · 80 g = 0.04 kg a unit, the dear one, for 0.5 more, a tenth of that."""
    clean = msgspec.structs.replace(lane("e-x", "e", "x", 1.5), gco2e_tkm=8.0)
    return centre({("d", "p"): 50.0, ("e", "p"): 50.0}, [order(1, 10.0, 1.0)], (lane("d-x", "d", "x", 1.0), clean), **settings)


def test_co2_has_its_price() -> None:
    """0.036 kg a unit are worth 0.5 from 13,889 a tonne on. Freight, CO2 and 10 units of stock missing at the end."""
    for price, way, kg in ((13_000.0, "d-x", 0.4), (15_000.0, "e-x", 0.04)):
        for problem, flows, told in answers(two_ways(co2_price=price)):
            assert list(moved(problem, flows)) == [way]
            assert told.co2_kg == pytest.approx(kg)
            assert told.cost == pytest.approx((10 if way == "d-x" else 15) + kg / 1000 * price + 30)


@pytest.mark.parametrize(("nervousness", "way", "cost"), [(0.0, "d-x", 10), (0.4, "d-x", 14), (0.6, "e-x", 15)])
def test_leaving_the_plan_in_force_has_its_price(nervousness: float, way: str, cost: float) -> None:
    found = two_ways()
    problem = build(found, opening(found, START))
    dear = problem.ship_lane == problem.lanes.index("e-x")
    base = Lanes(dear, np.ones(len(problem.haul_lane), bool))
    problem, whole = steady(problem, base, nervousness), shares(problem, {})
    optimum = Solver(problem).solve(whole)
    assert list(moved(problem, optimum)) == [way]
    assert figures(problem, optimum).cost == pytest.approx(cost + 30)
    listed = dispatch(problem, whole, base)  # takes the plan's lanes first, whatever they cost
    assert figures(problem, listed).cost == pytest.approx(15 + 30)


def test_a_reroute_pays_for_what_it_changes() -> None:
    """The 10 units go over e instead of d: 0.5 more freight and 0.3 for each; all else is as before."""
    for nervousness in (0.0, 0.3):
        found = two_ways(nervousness=nervousness)
        snapshot = opening(found, START)
        base = nominal(found, snapshot)
        for answer in (repair, reroute):
            assert answer(found, snapshot, ["node:d"], base).cost - base.cost == pytest.approx(5 + 10 * nervousness)
        assert closure_table(found, snapshot).value(["node:d"]).cost == pytest.approx(5 + 10 * nervousness)
        told = plan(found, snapshot, ["node:d"])
        assert told.rerouted.cost - told.nominal.cost == pytest.approx(5 + 10 * nervousness)


def test_when_a_lane_is_cut() -> None:
    """A bucket next to one that is shut is shut in the part of its length that its share lacks."""
    edges = np.array([0.0, 0.5, 1.0, 1.5, 2.5])
    assert cuts(np.array([1.0, 0.3, 1.0, 0.9]), edges) == []
    assert cuts(np.array([0.0, 0.5, 1.0, 1.0]), edges) == [(0.0, 0.75)]
    assert cuts(np.array([1.0, 0.4, 0.0, 0.0]), edges) == [(near(0.7), np.inf)]
    assert cuts(np.array([0.0, 1.0, 0.0, 0.25]), edges) == [(0.0, 0.5), (1.0, 2.25)]
