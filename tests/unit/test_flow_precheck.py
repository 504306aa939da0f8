"""Rows that conflict: each kind on a network made for it, and none on a network that is whole."""

from dataclasses import replace

import msgspec
import pytest

from interferon.flow.precheck import bom_cycle, conflicts
from interferon.flow.problem import Snapshot, opening
from interferon.model.network import Alternate, Bom, Network, Product

from .goods import START, lane, network, node
from .test_flow import DAY, order, two_centres

PLACES = [node("s", "supplier"), node("f", "plant", 10.0), node("d", "dc"), node("x", "customer")]
LANES = [lane("s-f", "s", "f", 0.1), lane("f-d", "f", "d", 0.1), lane("d-x", "d", "x", 0.1)]
STOCK = {("s", "c"): 1.0, ("f", "c"): 5.0, ("d", "p"): 5.0}


def told(found: Network) -> list[tuple[str, tuple[str, ...], str]]:
    return [(each.table, each.row, each.message) for each in conflicts(found, opening(found, START))]


def test_a_whole_network_has_none() -> None:
    assert told(two_centres()) == []
    assert told(network(PLACES, LANES, [order(1, "x", 5.0, 3.0)], STOCK)) == []


def test_an_order_that_no_lane_can_bring() -> None:
    places = [*PLACES, node("y", "customer")]
    rows = [order(1, "y", 1.0, 3.0), order(2, "x", 1.0, 3.0, "c")]
    rows[1] = msgspec.structs.replace(rows[1], product="c")
    assert told(network(places, [*LANES[1:], lane("s-f", "s", "f", 0.1)], rows, STOCK)) == [
        ("orders", ("o-1",), "order o-1 cannot be brought: no lane to y can bring p; f, d could send it"),
        ("orders", ("o-2",), "order o-2 cannot be brought: none of the lanes to x (d-x) can bring c; s could send it"),
    ]


def test_an_order_promised_before_it_was_placed() -> None:
    row = msgspec.structs.replace(order(1, "x", 1.0, 3.0), requested=START + 4 * DAY)
    assert told(network(PLACES, LANES, [row], STOCK)) == [("orders", ("o-1",), "order o-1 is promised before it was placed")]


def test_a_lane_without_capacity_that_orders_rely_on() -> None:
    rows = [order(i, "x", 1.0, 3.0) for i in range(5)]
    closed = network(PLACES, [*LANES[:2], lane("d-x", "d", "x", 0.1, capacity=0.0)], rows, STOCK)
    assert told(closed) == [
        ("lanes", ("d-x",), "lane d-x has no capacity, and 5 orders (o-0, o-1, o-2 and 2 more) have no other way"),
    ]
    node_closed = network([*PLACES[:2], node("d", "dc", 0.0), PLACES[3]], LANES, rows[:1], STOCK)
    assert told(node_closed) == [("nodes", ("d",), "node d has no capacity, and 1 order (o-0) has no other way")]


def test_demand_above_what_the_lanes_to_a_customer_carry() -> None:
    """Seven days of 2 units."""
    small = network(PLACES, [*LANES[:2], lane("d-x", "d", "x", 0.1, capacity=2.0)], [order(1, "x", 15.0, 3.0)], STOCK)
    assert told(small) == [("lanes", ("d-x",), "orders of x ask for 15 in 7 days; its lanes carry 14 at most (d-x)")]


def test_demand_above_stock_and_all_that_is_made() -> None:
    """Five in stock and seven days of 10."""
    assert told(network(PLACES, LANES, [order(1, "x", 75.0, 3.0)], STOCK)) == []
    assert told(network(PLACES, LANES, [order(1, "x", 76.0, 3.0)], STOCK)) == [
        ("products", ("p",), "orders ask for 71 more of p in 7 days than there is in stock; f can add 70 at most"),
    ]


def test_what_is_on_its_way_counts() -> None:
    found = network(PLACES, LANES, [order(1, "x", 76.0, 3.0)], STOCK)
    bare = opening(found, START)
    assert conflicts(found, Snapshot(START, bare.stock, bare.open_orders, (("f-d", "p", 1.0, START + DAY),))) == ()


def test_stock_that_nobody_can_add_to() -> None:
    places = [node("d", "dc"), node("x", "customer")]
    found = network(places, [LANES[2]], [order(1, "x", 6.0, 3.0)], {("d", "p"): 5.0})
    assert told(found) == [("products", ("p",), "orders ask for 1 more of p in 7 days than there is in stock; nobody can add to it")]


@pytest.mark.parametrize("size", [1, 2])
def test_a_cycle_in_the_bill_of_materials_is_told_alone(size: int) -> None:
    loop = (Bom(parent="p", child="p", quantity=1.0),) if size == 1 else (
        Bom(parent="p", child="c", quantity=1.0),
        Bom(parent="c", child="p", quantity=1.0),
    )  # fmt: skip
    found = network(PLACES, LANES, [order(1, "x", 76.0, 3.0)], STOCK, bom=loop)
    names = bom_cycle(found)
    assert names[0] == names[-1]
    assert len(set(names)) == size
    (only,) = conflicts(found, opening(found, START))
    assert (only.table, only.message) == ("bom", f"cycle in the bill of materials: {' takes '.join(names)}")
    assert only.row in {(row.parent, row.child) for row in loop}


def test_a_component_that_nobody_brings() -> None:
    short = {("s", "c"): 0.0, ("f", "c"): 0.0, ("d", "p"): 5.0}
    assert told(network(PLACES, LANES[1:], [order(1, "x", 5.0, 3.0)], short)) == [
        ("bom", ("p", "c"), "f makes p of c, which it has not, and no lane brings it there"),
    ]
    assert told(network(PLACES, LANES[1:], [order(1, "x", 5.0, 3.0)], STOCK | {("s", "c"): 0.0})) == []


def test_stock_that_can_neither_be_sent_nor_used() -> None:
    stock = STOCK | {("x", "p"): 3.0, ("e", "p"): 2.0, ("f", "q"): 0.0}
    assert told(network([*PLACES, node("e", "dc")], LANES, [order(1, "x", 5.0, 3.0)], stock)) == [
        ("inventory", ("x", "p"), "3 of p lie at x, which can neither send nor use it"),
        ("inventory", ("e", "p"), "2 of p lie at e, which no lane leaves"),
    ]


GOODS = tuple(Product(id=name, name=name, unit="piece", value=100.0, margin=30.0) for name in ("p", "c", "q", "r"))


def test_what_an_alternate_may_stand_in_for_is_no_conflict() -> None:
    """Nobody has p or c; q goes to the customer for p, half of it for each, and r into what the plant makes."""
    places, lanes = [node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 0.1, capacity=1.0)]
    found = network(places, lanes, [order(1, "x", 10.0, 3.0)], {("d", "q"): 5.0}, bom=(), products=GOODS)
    assert [table for table, _, _ in told(found)] == ["orders", "lanes"]
    assert told(replace(found, alternates=(Alternate(product="p", alternate="q", ratio=0.5),))) == []
    stock = {("s", "q"): 0.0, ("f", "p"): 0.0, ("f", "r"): 5.0, ("d", "p"): 5.0}
    made = network(PLACES, LANES[1:], [order(1, "x", 5.0, 3.0)], stock, products=GOODS)
    assert [(table, row) for table, row, _ in told(made) if table == "bom"] == [("bom", ("p", "c"))]
    assert told(replace(made, alternates=(Alternate(product="c", alternate="r"),))) == []
