"""What the flow of goods does round a closure: problem, capacities, optimum, list schedule, re-route, closure table."""

import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.flow.account import Flows, figures, loads, stock_levels, unserved
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.closure import closure_table
from interferon.flow.dispatch import dispatch
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Problem, Snapshot, build, opening
from interferon.flow.reroute import Route, from_dict, kept, nominal, repair, reroute, to_dict
from interferon.flow.solver import Solver
from interferon.flow.sourcing import lanes_used
from interferon.model.errors import InputError
from interferon.model.network import Bom, Dependency, Network, Order, Product

from .goods import START, lane, network, node

DAY = 86_400_000_000


def order(number: int, customer: str, quantity: float, due: float, product: str = "p") -> Order:
    return Order(
        id=f"o-{number}",
        customer=customer,
        product=product,
        quantity=quantity,
        requested=START,
        promised=START + int(due * DAY),
        priority=3,
    )


def dependency(asset: str, target: str, share: float, **more: float | str) -> Dependency:
    return Dependency(asset=asset, target=target, share_lost=share, **more)  # type: ignore[arg-type]  # a test's shorthand


def two_centres(**more: object) -> Network:
    """A supplier, a plant, a near and a far distribution centre, two customers; stock at both centres; all capacities ample."""
    nodes = [node("s", "supplier"), node("f", "plant"), node("near", "dc"), node("far", "dc"), node("x", "customer"), node("y", "customer")]
    lanes = [
        *(lane("s-f", "s", "f", 0.2, 1.0), lane("f-near", "f", "near", 0.5, 1.0), lane("f-far", "f", "far", 0.6, 1.0)),
        *(
            lane("near-x", "near", "x", 1.0),
            lane("far-x", "far", "x", 2.0),
            lane("near-y", "near", "y", 1.0),
            lane("far-y", "far", "y", 3.0),
        ),
    ]
    orders = [order(i, "x" if i % 2 else "y", 10.0, 1.0 + i % 5) for i in range(10)]
    stock = {("near", "p"): 200.0, ("far", "p"): 200.0, ("f", "c"): 100.0, ("f", "p"): 20.0, ("s", "c"): 1.0}
    return network(nodes, lanes, orders, stock, **more)  # type: ignore[arg-type]  # handed through


def random_network(seed: int) -> Network:
    """2 suppliers, 2 plants, 3 centres, 6 customers, 3 products with components; capacities tight enough to bind."""
    rng = random.Random(seed)
    nodes = [node(f"s{i}", "supplier", 200) for i in range(2)] + [node(f"f{i}", "plant", rng.uniform(20, 60)) for i in range(2)]
    nodes += [node(f"d{i}", "dc", rng.uniform(20, 80)) for i in range(3)] + [node(f"c{i}", "customer") for i in range(6)]
    lanes = []
    for origin, destination, days in (("s", "f", 2.0), ("f", "d", 1.0), ("d", "c", 0.4)):
        for a in (n.id for n in nodes if n.id[0] == origin):
            for b in (n.id for n in nodes if n.id[0] == destination):
                if rng.random() < 0.8:
                    lanes.append(lane(f"{a}-{b}", a, b, rng.uniform(0.5, 3), days * rng.uniform(0.7, 1.6), rng.uniform(10, 80)))
    goods = [Product(id=f"p{i}", name=f"p{i}", unit="piece", value=rng.uniform(5, 80), margin=rng.uniform(1, 20)) for i in range(3)]
    goods += [Product(id=f"m{i}", name=f"m{i}", unit="piece", value=2.0, margin=0.0) for i in range(2)]
    bom = tuple(
        Bom(parent=f"p{i}", child=f"m{j}", quantity=float(rng.randint(1, 3))) for i in range(3) for j in range(2) if (i + j) % 2 == 0
    )
    orders = [order(i, f"c{rng.randrange(6)}", float(rng.randint(1, 25)), rng.uniform(0.6, 6.8), f"p{rng.randrange(3)}") for i in range(40)]
    stock = {(f"d{d}", f"p{p}"): float(rng.randint(0, 40)) for d in range(3) for p in range(3)}
    stock |= {(f"f{f}", f"m{m}"): float(rng.randint(0, 60)) for f in range(2) for m in range(2)}
    rows = [dependency(f"wms-d{i}", f"node:d{i}", 0.8, fallback_share=0.3, fallback_delay_h=6.0, tolerance_h=2.0) for i in range(3)]
    rows += [dependency(f"plc-f{i}", f"node:f{i}", 1.0, tolerance_h=1.0) for i in range(2)]
    return network(nodes, lanes, orders, stock, bom=bom, products=tuple(goods), dependencies=tuple(rows))


def closures(found: Network) -> list[str]:
    refs = [f"{kind}:{name}" for kind, table in (("zone", found.zones), ("lane", found.lanes)) for name in table]
    return refs + [f"node:{n.id}" for n in found.nodes.values() if n.kind != "customer"]


def assert_feasible(problem: Problem, flows: Flows, left: Shares) -> None:
    sent, carried, made = loads(problem, flows)
    sent[~np.isfinite(problem.node_cap)] = 0.0
    used = np.concatenate([carried.ravel(), sent.ravel(), made[problem.plants].ravel()])
    assert (used <= capacity_limits(problem, left) + 1e-6).all()
    assert stock_levels(problem, flows)[:, :-1].min() >= -1e-6
    shipped = np.bincount(problem.ship_group, flows.ship.sum(axis=1), len(problem.demand.quantity))
    assert (shipped <= problem.demand.quantity + 1e-6).all()


def test_nominal_takes_the_cheapest_lane_when_capacity_is_ample() -> None:
    found = two_centres()
    route = nominal(found, opening(found, START))
    assert route.sourcing["x", "p"] == (("near-x", 1.0),)
    assert route.sourcing["y", "p"] == (("near-y", 1.0),)
    assert (route.orders_late, route.otif, route.unmet) == (0, 1.0, 0.0)


def test_figures_by_hand() -> None:
    found = two_centres()
    problem = build(found, opening(found, START))
    idle = Flows(*(np.zeros((len(rows), problem.buckets)) for rows in (problem.ship_lane, problem.haul_lane, problem.make_at)))
    nothing = figures(problem, idle)
    assert (nothing.orders_late, nothing.orders, nothing.otif, nothing.unmet, nothing.co2_kg) == (10, 10, 0.0, 100.0, 0.0)
    assert nothing.cost == pytest.approx(float(problem.demand.unmet @ problem.demand.quantity))
    idle.ship[int(np.flatnonzero(problem.ship_lane == problem.lanes.index("near-x"))[0]), 0] = 10.0
    one = figures(problem, idle)
    assert (one.orders_late, one.unmet) == (9, 90.0)
    assert one.co2_kg == pytest.approx(10 * 100 * 80 / 1e6)  # 10 units of 1 kg over 100 km at 80 g per tonne-km
    assert unserved(problem, idle).sum() == 90.0


def test_opening_takes_what_can_no_longer_be_sent_in_time_as_on_its_way() -> None:
    found = two_centres()
    before = msgspec.structs.replace(order(90, "x", 5.0, 0.2), requested=START - DAY)
    orders = [before, order(91, "x", 5.0, -1.0), order(92, "x", 5.0, 0.2), order(93, "x", 1.0, 3.0)]
    filled = network(list(found.nodes.values()), list(found.lanes.values()), orders, {("near", "p"): 9.0})
    assert [o.id for o in opening(filled, START).open_orders] == ["o-92", "o-93"]


def test_what_is_on_its_way_can_be_promised() -> None:
    nodes = [node("d", "dc"), node("x", "customer"), node("f", "plant")]
    lanes = [lane("d-x", "d", "x", 1.0), lane("f-d", "f", "d", 1.0, 9.0)]
    found = network(nodes, lanes, [order(1, "x", 10.0, 4.0)], {("d", "p"): 0.0, ("f", "p"): 1.0})
    bare = opening(found, START)
    coming = Snapshot(START, bare.stock, bare.open_orders, (("f-d", "p", 10.0, START + 2 * DAY),))
    assert nominal(found, bare).orders_late == 1
    assert nominal(found, coming).orders_late == 0


def test_capacity_course_has_tolerance_loss_and_fallback() -> None:
    row = dependency("wms-near", "node:near", 0.8, fallback_share=0.5, fallback_delay_h=6.0, tolerance_h=2.0)
    left = lost(two_centres(dependencies=(row,)), ["asset:wms-near"])
    assert left.certain
    assert np.allclose(left.worst["node:near"], [(0.0, 1.0), (2.0, 0.2), (6.0, 0.6)])
    cut = lost(two_centres(dependencies=(row,)), ["conduit:cut-near"]).worst["node:near"]
    assert np.allclose(cut, [(0.0, 1.0), (2.0, 0.6), (6.0, 0.8)])


def test_a_closure_ends_when_it_is_told_to() -> None:
    net = two_centres(dependencies=(dependency("wms-near", "node:near", 0.8, tolerance_h=4.0),))
    course = lost(net, ["asset:wms-near"], 12.0).worst["node:near"]
    assert [hour for hour, _ in course] == [0.0, 4.0, 12.0]
    assert [share for _, share in course] == pytest.approx([1.0, 0.2, 1.0])
    assert lost(net, ["asset:wms-near"], 3.0).worst == {}


def test_a_redundancy_group_is_lost_only_whole() -> None:
    rows = tuple(dependency(asset, "node:near", 0.5, group="g") for asset in ("wms-near", "plc-near"))
    found = two_centres(dependencies=rows)
    assert "node:near" not in lost(found, ["asset:wms-near"]).worst
    assert lost(found, ["asset:wms-near", "asset:plc-near"]).worst["node:near"] == ((0.0, 0.5),)


def test_two_losses_multiply_and_guesses_give_a_range() -> None:
    rows = (dependency("wms-near", "node:near", 0.5), dependency("plc-near", "node:near", 0.5))
    assert lost(two_centres(dependencies=rows), ["zone:near-ops", "zone:near-floor"]).worst["node:near"] == ((0.0, 0.25),)
    guess = lost(two_centres(), ["asset:wms-near"])
    assert not guess.certain
    assert guess.best == {}
    assert guess.worst["node:near"][0][1] < 1
    doubted = dependency("wms-near", "node:near", 0.5, source="discovered", confidence=0.6)
    left = lost(two_centres(dependencies=(doubted,)), ["asset:wms-near"])
    assert np.allclose([left.best["node:near"][0][1], left.worst["node:near"][0][1]], [0.7, 0.5])
    assert lost(two_centres(), ["identity:someone", "asset:unknown"]).worst == {}


@pytest.mark.parametrize("answer", [repair, reroute])
def test_reroute_goes_round_a_closed_centre(answer: Callable[..., Route]) -> None:
    found = two_centres()
    snapshot = opening(found, START)
    base = nominal(found, snapshot)
    route = answer(found, snapshot, ["node:near"], base)
    assert route.sourcing["x", "p"] == (("far-x", 1.0),)
    assert route.sourcing["near", "p"] == ()  # nothing can be brought to a closed place
    assert (route.orders_late, route.orders_late_kept) == (0, 10)
    assert route.cost < route.cost_kept
    moved = next(move for move in route.moved if move.destination == "x")
    assert (moved.before, moved.after, moved.orders) == (("near-x",), ("far-x",), 5)
    assert from_dict(msgspec.json.decode(msgspec.json.encode(to_dict(route)))) == route


def test_from_dict_tells_what_is_wrong() -> None:
    with pytest.raises(InputError, match=r"not a route: .*sourcing"):
        from_dict({"closed": []})


@pytest.mark.parametrize("seed", range(3))
def test_every_decision_is_feasible_and_the_optimum_is_the_least(seed: int) -> None:
    found = random_network(seed)
    snapshot = opening(found, START)
    problem, base = build(found, snapshot), nominal(found, snapshot)
    solver, lanes = Solver(problem), lanes_used(problem, base.sourcing)
    for ref in closures(found)[seed::12]:
        left = shares(problem, lost(found, [ref]).worst)
        optimum = solver.solve(left)
        least = figures(problem, optimum).cost
        for flows in (optimum, solver.first(left), dispatch(problem, left, lanes)):
            assert_feasible(problem, flows, left)
            assert figures(problem, flows).cost >= least - 1e-6 * max(least, 1)
        assert figures(problem, Solver(problem).cold(left)).cost == pytest.approx(least, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 50), pick=st.lists(st.integers(0, 10_000), min_size=1, max_size=3))
def test_closing_more_never_costs_less(seed: int, pick: list[int]) -> None:
    found = random_network(seed)
    refs = closures(found)
    chosen = [refs[i % len(refs)] for i in pick]
    problem = build(found, opening(found, START))
    solver, last = Solver(problem), 0.0
    for count in range(len(chosen) + 1):
        cost = figures(problem, solver.solve(shares(problem, lost(found, chosen[:count]).worst))).cost
        assert cost >= last - 1e-6 * max(last, 1)
        last = cost


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 50), pick=st.integers(0, 10_000))
def test_shares_sum_to_one_and_closed_lanes_carry_nothing(seed: int, pick: int) -> None:
    found = random_network(seed)
    snapshot, refs = opening(found, START), closures(found)
    closed, base = [refs[pick % len(refs)]], nominal(found, snapshot)
    problem = build(found, snapshot)
    left = shares(problem, lost(found, closed).worst)
    ends = np.minimum(left.nodes[problem.lane_from, -1], left.nodes[problem.lane_to, -1])
    shut = {problem.lanes[i] for i in np.flatnonzero(np.minimum(ends, left.lanes[:, -1]) == 0)}
    answer = reroute(found, snapshot, closed, base)
    for route in (base, repair(found, snapshot, closed, base), answer):
        assert set(route.sourcing) == set(base.sourcing)
        for rows in route.sourcing.values():
            assert not rows or sum(share for _, share in rows) == pytest.approx(1.0)
            assert route is base or not shut & {name for name, _ in rows}
    assert reroute(found, snapshot, closed, base) == answer
    assert answer.cost <= kept(found, snapshot, closed, base).cost + 1e-6


def test_closure_table_values() -> None:
    found = random_network(3)
    calls: list[tuple[int, int]] = []
    table = closure_table(found, opening(found, START), lambda done, total: calls.append((done, total)))
    assert calls == [(i, len(table.singles)) for i in range(1, len(table.singles) + 1)]
    assert table.value(()) == table.nominal
    assert (table.nominal.cost, table.nominal.orders_late) == (0.0, 0.0)
    assert table.value(["asset:wms-d0", "zone:d0-ops"]) == table.singles["zone:d0-ops"]  # the zone holds the asset
    assert table.value(["asset:nobody-knows"]).cost == 0.0
    assert table.singles["node:d0"].cost >= table.singles["asset:wms-d0"].cost >= 0
    assert closure_table(found, opening(found, START)).singles == table.singles
    part = closure_table(found, opening(found, START), only=["zone:d0-ops", "node:d1"])
    assert part.singles == {ref: table.singles[ref] for ref in ("zone:d0-ops", "node:d1")}
    assert part.pairs == {}


@pytest.mark.parametrize("seed", range(4))
def test_the_range_of_an_unsolved_set_holds_the_truth(seed: int) -> None:
    found = random_network(seed)
    snapshot = opening(found, START)
    table, problem = closure_table(found, snapshot), build(found, snapshot)
    solver, refs = Solver(problem), ("asset:wms-d0", "asset:wms-d1", "asset:plc-f0")
    course = lost(found, refs)
    assert course.certain
    truth = figures(problem, solver.solve(shares(problem, course.worst))).cost - figures(problem, solver.solve()).cost
    parts = max(table.singles[ref].cost for ref in refs)
    value = table.value(refs)
    assert parts - 1e-6 <= truth <= table.worst.cost + 1e-6
    assert parts - 1e-6 <= value.cost <= table.worst.cost + 1e-6
    assert value.orders_late_low <= value.orders_late <= value.orders_late_high
