"""A route played through: by hand where nothing is random, capacity, closures, plants, units kept, intervals that shrink and cover."""

import doctest
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import interferon
from interferon.flow.problem import DAY_US, Snapshot, opening
from interferon.flow.reroute import Route, nominal
from interferon.flow.setting import setting
from interferon.flow.simulate import BLOCK, RouteFigures, _Play, simulate
from interferon.flow.sourcing import Sourcing
from interferon.model.errors import InputError
from interferon.model.network import Bom, Lane, Network, Node, Order, Product

from . import goods
from .goods import START as NOW
from .goods import node

PAGE = Path(__file__).parents[2] / "docs/simulation.md"


def lane(origin: str, destination: str, days: float, cost: float, capacity: float = 1000.0, sd: float = 0.1) -> Lane:
    return goods.lane(f"{origin}-{destination}", origin, destination, cost, days, capacity, sd)


def order(number: int, quantity: float, due: float, placed: float = 0.0) -> Order:
    requested, promised = (NOW + round(days * DAY_US) for days in (placed, due))
    return Order(id=f"o-{number}", customer="x", product="p", quantity=quantity, requested=requested, promised=promised)


def network(
    nodes: list[Node], lanes: list[Lane], orders: list[Order], stock: dict[tuple[str, str], float], bom: tuple[Bom, ...] = ()
) -> Network:
    pump = Product(id="p", name="pump", unit="piece", value=100.0, margin=30.0, kg_per_unit=2.0)
    case = Product(id="c", name="case", unit="piece", value=10.0, margin=0.0)
    return goods.network(nodes, lanes, orders, stock, bom=bom, products=(pump, case) if bom else (pump,))


def route(**lanes: str) -> Route:
    """`x="d-x"`: all of p that x gets comes by lane d-x."""
    sourcing: Sourcing = {(place, "p"): ((name, 1.0),) for place, name in lanes.items()}
    return Route(sourcing, closed=(), orders_late=0, orders_late_kept=0, otif=1.0, cost=0.0, co2_kg=0.0, unmet=0.0)


def centre(orders: list[Order], capacity: float = 1000.0, stock: float = 10.0) -> Network:
    """A supplier, a centre a day further, a customer half a day further."""
    nodes = [node("s", "supplier"), node("d", "dc"), node("x", "customer")]
    lanes = [lane("s", "d", 1.0, 0.5), lane("d", "x", 0.5, 1.0, capacity)]
    return network(nodes, lanes, orders, {("d", "p"): stock})


ROUTE = route(d="s-d", x="d-x")


def played(net: Network, by: Route = ROUTE, snapshot: Snapshot | None = None) -> RouteFigures:
    """With nothing random."""
    told = simulate(net, snapshot or opening(net, NOW), by, 2, 1, demand_cv=0.0, lead_spread=0.0)
    assert told.cost.half == told.otif.half == told.lead_days.half == told.co2_kg.half == 0.0
    return told


def test_an_order_from_stock_and_one_that_waits_for_more_by_hand() -> None:
    """8 of the 10 leave at once, in the middle of the first quarter of a day. 6 more wait for 14 that the centre orders: 6 asked, 8 gone.

    These arrive after a day, the 6 leave at 1.125 days and come at 1.625, an eighth of a day late. A late unit costs 15 % of 100, and the
    same again per order on average: (8 x 15 + 6 x 15) / 2 for the 6.
    """
    told = played(centre([order(1, 8.0, due=1.0), order(2, 6.0, due=1.5)]))
    assert told.otif.mean == 0.5
    assert told.lead_days.mean == pytest.approx((0.625 + 1.625) / 2)
    assert told.cost.mean == pytest.approx(14 * 0.5 + 14 * 1.0 + (6 * 15 + 105) * (1 + 0.1 * 0.125))
    assert told.co2_kg.mean == pytest.approx(28 * 2 * 100 * 80 / 1e6)
    assert (told.orders, told.replications) == (2, 2)


def test_an_order_may_overdraw_a_lane_and_the_next_waits_until_that_is_paid_back() -> None:
    """4 a day are 1 in a quarter: after 8 left in the first, the lane has room again in the ninth, from 2.125 days on."""
    told = played(centre([order(1, 8.0, due=1.0), order(2, 2.0, due=1.5)], capacity=4.0))
    assert told.lead_days.mean == pytest.approx((0.625 + 2.625) / 2)
    assert told.otif.mean == 0.5


def test_an_order_does_not_leave_before_it_is_placed_and_its_wait_counts_from_there() -> None:
    assert played(centre([order(1, 8.0, due=3.0, placed=2.0)])).lead_days.mean == pytest.approx(0.625)


def test_what_is_under_way_arrives_and_counts_for_the_level() -> None:
    net = centre([order(1, 8.0, due=2.0)], stock=0.0)
    there = Snapshot(NOW, {("d", "p"): 0.0}, tuple(net.orders.values()), (("s-d", "p", 8.0, NOW + DAY_US),))
    told = played(net, snapshot=there)
    assert told.lead_days.mean == pytest.approx(1.625)
    # the order takes what comes, and the level of 8 is brought back: 8 ordered for it in the first step
    assert told.co2_kg.mean == pytest.approx(16 * 2 * 100 * 80 / 1e6)


@pytest.mark.parametrize("closed", [(), ("lane:d-x",), ("node:x",), ("node:d",)])
def test_an_order_that_no_lane_brings_is_late_and_costs_what_is_never_served(closed: tuple[str, ...]) -> None:
    net = centre([order(1, 8.0, due=1.0)])
    told = played(net, replace(ROUTE if closed else route(d="s-d"), closed=closed))
    assert told.otif.mean == 0.0
    assert told.lead_days.mean == 7.0
    never = 30 + 30 * 1.7 + 2 * 1.0  # margin, late to the horizon, twice the dearest lane
    assert told.cost.mean == pytest.approx(8 * never + (8 * 0.5 if closed else 0.0))  # what waits to leave is ordered anew all the same


def test_a_plant_makes_what_is_asked_as_far_as_components_and_capacity_go() -> None:
    """It makes 3 from 6 of 10 components in the step after the order, and has the 6 brought again."""
    nodes = [node("s", "supplier"), node("f", "plant"), node("x", "customer")]
    lanes = [lane("s", "f", 1.0, 0.2), lane("f", "x", 0.5, 1.0)]
    net = network(nodes, lanes, [order(1, 3.0, due=1.0)], {("f", "c"): 10.0, ("f", "p"): 0.0}, (Bom(parent="p", child="c", quantity=2.0),))
    by = replace(route(x="f-x"), sourcing={("x", "p"): (("f-x", 1.0),), ("f", "c"): (("s-f", 1.0),)})
    told = played(net, by)
    assert (told.otif.mean, told.lead_days.mean) == (1.0, 0.875)
    assert told.cost.mean == pytest.approx(3 * 1.0 + 6 * 0.2)
    slow = replace(net, nodes={**net.nodes, "f": node("f", "plant", capacity=4.0)})
    assert played(slow, by).lead_days.mean == pytest.approx(0.375 + 2 * 0.25 + 0.5)  # 1 a step: 3 are there in the fourth


def two_ways(first: float, second: float) -> tuple[Network, Route]:
    nodes = [node("s", "supplier"), node("d", "dc"), node("e", "dc"), node("x", "customer")]
    lanes = [lane("s", "d", 1.0, 0.5), lane("s", "e", 1.0, 0.5), lane("d", "x", 0.5, 1.0), lane("e", "x", 0.6, 3.0)]
    net = network(nodes, lanes, [order(i, 5.0, due=1.0) for i in range(4)], {("d", "p"): first, ("e", "p"): second})
    return net, replace(route(d="s-d", e="s-e"), sourcing={**route(d="s-d", e="s-e").sourcing, ("x", "p"): (("d-x", 0.75), ("e-x", 0.25))})


def test_orders_are_dealt_out_by_the_shares() -> None:
    told = played(*two_ways(100.0, 100.0))
    assert told.cost.mean == pytest.approx(15 * 1.0 + 5 * 3.0 + 20 * 0.5)


def test_an_order_takes_another_lane_of_the_route_where_its_own_has_nothing_left() -> None:
    told = played(*two_ways(5.0, 100.0))
    assert told.otif.mean == 1.0
    assert told.cost.mean == pytest.approx(5 * 1.0 + 15 * 3.0 + 20 * 0.5)


MANY = [order(i, 4.0 + i % 5, due=0.7 + i % 6, placed=max(0.0, i % 6 - 1.0)) for i in range(24)]


@pytest.mark.parametrize("seed", range(3))
def test_no_unit_is_lost_and_none_comes_from_nowhere(seed: int) -> None:
    """What the supplier sent is there, under way or sold; freight of 1 on its lane alone counts it."""
    net = centre(MANY, capacity=30.0)
    net = replace(net, lanes={row.id: row for row in (lane("s", "d", 1.0, 1.0, sd=0.4), lane("d", "x", 0.5, 0.0, capacity=30.0))})
    play = _Play(setting(net, opening(net, NOW), ROUTE), 50, np.random.default_rng(seed), 0.3, 1.0)
    play.figures()
    sold = np.where(np.isfinite(play.arrival), play.quantity, 0.0).sum(axis=0)
    assert np.allclose(play.stock.sum(axis=0) + play.under_way.sum(axis=0) + sold, 10.0 + play.freight)
    assert np.allclose(play.under_way, play.coming[-1])
    assert (play.stock >= 0).all()
    assert (play.arrival > 0).all()


def test_draws_have_the_mean_and_the_spread_of_the_tables() -> None:
    net = centre(MANY)
    play = _Play(setting(net, opening(net, NOW), ROUTE), 20_000, np.random.default_rng(1), 0.3, 1.0)
    days = play._lead(0)
    assert (days.mean(), days.std()) == pytest.approx((1.0, 0.1), rel=0.03)
    factor = play.quantity / play.quantity.mean(axis=1, keepdims=True)
    assert factor.std() == pytest.approx(0.3, rel=0.03)


def test_intervals_cover_the_true_mean_and_shrink_with_the_root_of_the_replications() -> None:
    net = centre(MANY[:12], capacity=20.0)
    there = opening(net, NOW)
    true = simulate(net, there, ROUTE, 3000, 0)
    small = [simulate(net, there, ROUTE, 20, seed) for seed in range(1, 51)]
    for name in ("otif", "cost", "lead_days", "co2_kg"):
        assert np.mean([getattr(one, name).covers(getattr(true, name).mean) for one in small]) >= 0.87, name
        assert np.mean([getattr(one, name).half for one in small]) / getattr(true, name).half == pytest.approx(150**0.5, rel=0.2), name


def test_the_same_seed_gives_the_same_figures_in_blocks_too() -> None:
    net = centre(MANY)
    there = opening(net, NOW)
    told = simulate(net, there, ROUTE, BLOCK + 1, 4)
    assert told == interferon.simulate(net, there, ROUTE, BLOCK + 1, 4) != simulate(net, there, ROUTE, BLOCK + 1, 5)
    assert told.replications == BLOCK + 1


def test_a_network_without_orders_is_on_time() -> None:
    net = centre([])
    told = simulate(net, opening(net, NOW), nominal(net, opening(net, NOW)), 2, 1)
    assert (told.otif.mean, told.cost.mean, told.orders) == (1.0, 0.0, 0)


@pytest.mark.parametrize(("count", "more"), [(1, {}), (2, {"demand_cv": -0.1}), (2, {"lead_spread": -1.0})])
def test_arguments_that_make_no_sense_are_refused(count: int, more: dict[str, float]) -> None:
    net = centre([order(1, 8.0, due=1.0)])
    with pytest.raises(InputError, match="2 replications or more and no negative spread"):
        simulate(net, opening(net, NOW), ROUTE, count, 1, **more)


def test_the_page_shows_what_is_printed() -> None:
    told = doctest.testfile(str(PAGE), module_relative=False)
    assert (told.failed, told.attempted >= 8) == (0, True)
