"""The optimum against a linear programme written a second time; what every plan must keep: capacities, balances, due dates."""

import random
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from interferon.bench.opponents.flow_programme import Plain
from interferon.flow.account import Flows, figures, loads, stock_levels
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.dispatch import Lanes, dispatch
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import DAY_US, Problem, Snapshot, build, opening
from interferon.flow.reroute import nominal
from interferon.flow.solver import Solver
from interferon.flow.sourcing import lanes_used
from interferon.flow.steady import steady
from interferon.model.network import Alternate, Bom, Network, Order, Product
from interferon.store.examples import START as EXAMPLE_START
from interferon.store.examples import build as example

from .goods import START, lane, network, node

FEATURES = ("alternates", "expediting", "priorities", "co2", "nervousness", "transit", "until")


def features(seed: int) -> set[str]:
    """Every third network has all, the others some of them."""
    return {name for i, name in enumerate(FEATURES) if seed % 3 == 0 or (seed >> (i % 5)) & 1 or seed % len(FEATURES) == i}


def small(seed: int) -> tuple[Network, Snapshot]:
    """Two suppliers, two plants, two centres, three customers; capacities tight enough to bind."""
    rng, on = random.Random(seed), features(seed)
    nodes = [node("s0", "supplier", 60), node("s1", "supplier", 60)]
    nodes += [node(f"f{i}", "plant", rng.uniform(10, 30)) for i in range(2)] + [node(f"d{i}", "dc", rng.uniform(15, 50)) for i in range(2)]
    nodes += [node(f"c{i}", "customer") for i in range(3)]
    lanes = []
    for origin, destination, days in (("s", "f", 2.0), ("f", "d", 1.2), ("d", "c", 0.6)):
        for a in (n.id for n in nodes if n.id[0] == origin):
            for b in (n.id for n in nodes if n.id[0] == destination):
                row = lane(f"{a}-{b}", a, b, rng.uniform(0.5, 3), days * rng.uniform(0.7, 1.6), rng.uniform(5, 40))
                more: dict[str, Any] = {"when_cut": rng.choice(["on", "wait", "return"])}
                if "expediting" in on and rng.random() < 0.5:
                    more |= {"expedite_days": row.lead_days_mean / 2, "expedite_cost_per_unit": rng.uniform(0.1, 4)}
                lanes.append(msgspec.structs.replace(row, distance_km=rng.uniform(50, 900), **more))
    goods = [Product(id=f"p{i}", name="", unit="piece", value=rng.uniform(5, 80), margin=9.0, kg_per_unit=1.0 + i) for i in range(2)]
    goods += [Product(id=f"m{i}", name="", unit="piece", value=2.0, margin=0.0) for i in range(2)]
    bom = (
        Bom(parent="p0", child="m0", quantity=2.0),
        Bom(parent="p1", child="m0", quantity=1.0),
        Bom(parent="p1", child="m1", quantity=0.5),
    )
    orders = [
        Order(
            id=f"o-{i}",
            customer=f"c{rng.randrange(3)}",
            product=f"p{rng.randrange(2)}",
            quantity=float(rng.randint(1, 25)),
            requested=START + int(rng.choice([-1.0, 0.0, 0.8]) * DAY_US),
            promised=START + int(rng.uniform(0.9, 6.8) * DAY_US),
            priority=rng.randint(1, 5),
        )
        for i in range(14)
    ]
    stock = {(f"d{d}", f"p{p}"): float(rng.randint(0, 30)) for d in range(2) for p in range(2)}
    stock |= {(f"f{f}", f"m{m}"): float(rng.randint(0, 30)) for f in range(2) for m in range(2)}
    found = network(nodes, lanes, orders, stock, bom=bom, products=tuple(goods))
    if "alternates" in on:
        rows = [("p0", "p1", 1.5, 2.0), ("p1", "p0", 1.0, 0.0), ("m0", "m1", 0.5, 0.3), ("m1", "m0", 3.0, 0.0)]
        found = replace(found, alternates=tuple(Alternate(product=a, alternate=b, ratio=c, cost_per_unit=d) for a, b, c, d in rows))
    weights = {f"late_weight_{i}": rng.uniform(0.2, 4) for i in range(1, 6)} if "priorities" in on else {}
    settings = msgspec.structs.replace(
        found.settings,
        otif_window_h=float(rng.choice([0, 6])),
        co2_price=400.0 if "co2" in on else 0.0,
        nervousness=1.5 if "nervousness" in on else 0.0,
        **weights,
    )
    moving = [
        (row.id, product, float(rng.randint(1, 20)), START + int(rng.uniform(0.1, 0.9) * row.lead_days_mean * DAY_US))
        for row in lanes
        for product in ("p0", "m0")
        if (row.id[0] == "f") == (product == "p0") and row.id[0] != "d" and "transit" in on
    ]
    found = replace(found, settings=settings)
    return found, Snapshot(START, stock, tuple(orders), tuple(moving))


def closed_in(found: Network, seed: int) -> tuple[tuple[str, ...], float | None]:
    """Every fourth has nothing closed."""
    rng = random.Random(seed)
    refs = [f"lane:{name}" for name in found.lanes] + [f"node:{name}" for name in found.nodes]
    refs += [f"node:{n.id}" for n in found.nodes.values() if n.kind == "dc"] * 5
    return tuple(rng.sample(refs, 2 if seed % 4 else 0)), rng.choice([24.0, 30.0, 60.0]) if "until" in features(seed) else None


@pytest.mark.parametrize("seed", range(50))
def test_the_optimum_is_that_of_a_programme_written_apart(seed: int) -> None:
    found, snapshot = small(seed)
    refs, until = closed_in(found, seed)
    base = nominal(found, snapshot)
    plan = {(place, product, name) for (place, product), lanes in base.sourcing.items() for name, _ in lanes}
    problem = build(found, snapshot)
    lanes = lanes_used(problem, base.sourcing)
    problem = steady(problem, lanes, found.settings.nervousness)
    left = shares(problem, lost(found, refs, until).worst)
    solver = Solver(problem)
    optimum = solver.solve(left)
    least = figures(problem, optimum, left).cost
    plain = Plain(found, START, snapshot.stock, snapshot.open_orders, snapshot.in_transit, refs, until, plan)
    assert least == pytest.approx(plain.least(), rel=1e-6)
    assert figures(problem, solver.cold(left), left).cost == pytest.approx(least, rel=1e-6)  # the warm start moved every side it should
    for flows in (optimum, solver.first(left), dispatch(problem, left, lanes)):
        assert_kept(found, problem, flows, left)
        assert figures(problem, flows, left).cost >= least - 1e-6 * least


def test_minimal_is_that_of_a_programme_written_apart() -> None:
    found = example("minimal")
    snapshot = opening(found, EXAMPLE_START)
    problem = build(found, snapshot)
    plain = Plain(found, EXAMPLE_START, snapshot.stock, snapshot.open_orders)
    assert figures(problem, Solver(problem).solve()).cost == pytest.approx(plain.least(), rel=1e-6)


def assert_kept(found: Network, problem: Problem, flows: Flows, left: Shares) -> None:
    """Capacities, balances, what may replace what, and due dates."""
    sent, carried, made = loads(problem, flows)
    sent[~np.isfinite(problem.node_cap)] = 0.0
    used = np.concatenate([carried.ravel(), sent.ravel(), made[problem.plants].ravel()])
    assert (used <= capacity_limits(problem, left) + 1e-6).all()
    assert stock_levels(problem, flows, left)[:, :-1].min() >= -1e-6
    assert min(flows.ship.min(), flows.haul.min(), flows.make.min()) >= 0
    if flows.swap is not None:
        for place in set(problem.swap_of.tolist()):
            uses = sum(each * flows.make[m] for m, recipe in enumerate(problem.recipe) for c, each in recipe if c == place)
            assert (flows.swap[problem.swap_of == place].sum(axis=0) <= uses + 1e-6).all()
    assert_due(found, problem, flows, left)


def assert_due(found: Network, problem: Problem, flows: Flows, left: Shares) -> None:
    """Nothing leaves before it was ordered, nobody gets more than that, and an order not told as late has arrived in full."""
    demand, window = problem.demand, found.settings.otif_window_h / 24
    late = {name for name, _ in figures(problem, flows, left).late}
    got: dict[int, float] = {}
    for pair, step in zip(*np.nonzero(flows.ship > 1e-9), strict=True):
        group = int(problem.ship_group[pair])
        leaves = (problem.edges[step] + problem.edges[step + 1]) / 2
        row = found.lanes[problem.lanes[problem.ship_lane[pair]]]
        assert row.destination == problem.nodes[demand.customer[group]]
        assert problem.edges[step + 1] >= max((o.requested - START) / DAY_US for o in demand.orders[group])
        days = row.expedite_days if problem.ship_express[pair] else row.lead_days_mean
        if all(leaves + days <= (o.promised - START) / DAY_US + window + 1e-9 for o in demand.orders[group]):
            got[group] = got.get(group, 0.0) + float(flows.ship[pair, step])
    total = np.bincount(problem.ship_group, flows.ship.sum(axis=1), len(demand.quantity))
    assert (total <= demand.quantity + 1e-6).all()
    for group, orders in enumerate(demand.orders):
        assert sum(o.quantity for o in orders if o.id not in late) <= got.get(group, 0.0) + 1e-4


@pytest.mark.parametrize("seed", range(0, 24, 3))
def test_closing_more_never_costs_less_while_goods_wait(seed: int) -> None:
    found, snapshot = small(seed)
    waiting = {name: msgspec.structs.replace(row, when_cut="wait") for name, row in found.lanes.items()}
    found, rng = replace(found, lanes=waiting), random.Random(seed)
    problem = build(found, snapshot)
    assert len(problem.transit) == len(snapshot.in_transit) > 0
    solver, last = Solver(problem), 0.0
    refs = rng.sample([f"lane:{name}" for name in found.lanes] + [f"node:{name}" for name in found.nodes], 6)
    for count in range(len(refs) + 1):
        left = shares(problem, lost(found, refs[:count]).worst)
        cost = figures(problem, solver.solve(left), left).cost
        assert cost >= last - 1e-6 * max(last, 1)
        last = cost


def test_lanes_of_a_plan_keep_their_pairs() -> None:
    found, snapshot = small(0)
    problem = build(found, snapshot)
    every = Lanes(np.ones(len(problem.ship_lane), bool), np.ones(len(problem.haul_lane), bool))
    assert steady(problem, every, 5.0).ship_price.tolist() == problem.ship_price.tolist()
    assert steady(problem, every, 0.0) is problem
