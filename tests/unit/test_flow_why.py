"""Why orders are late, on networks small enough that the true reason is known."""

import dataclasses

import msgspec

from interferon.flow.plan import Plan, plan
from interferon.flow.problem import opening
from interferon.model.network import Alternate, Bom, Lane, Network, Order, Product

from .goods import START, lane, network, node
from .test_flow import dependency, order


def planned(found: Network, *closed: str, until_h: float | None = None) -> Plan:
    return plan(found, opening(found, START), closed, until_h)


def why(found: Plan) -> dict[str, str]:
    return {row.order: row.reason for row in found.orders if row.late}


def two_lanes(orders: list[Order], far_days: float = 2.0, far_capacity: float = 1000.0, near_capacity: float = 1000.0) -> Network:
    """Stock at two centres, one near and one far from the only customer."""
    return network(
        [node("near", "dc"), node("far", "dc"), node("x", "customer")],
        [lane("near-x", "near", "x", 1.0, 0.5, near_capacity), lane("far-x", "far", "x", 2.0, far_days, far_capacity)],
        orders,
        {("near", "p"): 99.0, ("far", "p"): 99.0},
    )


def chain(orders: list[Order], stock: float, made: float = 100.0, **more: object) -> Network:
    """Supplier, plant, centre, customer in a row; `stock` of the product at the centre, components for ten at the plant."""
    return network(
        [node("s", "supplier"), node("f", "plant", made), node("d", "dc"), node("x", "customer")],
        [lane("s-f", "s", "f", 0.1, 1.0), lane("f-d", "f", "d", 0.1, 1.0), lane("d-x", "d", "x", 0.1)],
        orders,
        {("d", "p"): stock, ("f", "c"): 20.0, ("f", "p"): 0.0, ("s", "c"): 1.0},
        **more,  # type: ignore[arg-type]  # handed through
    )


def test_a_closed_lane() -> None:
    """Goods leave at 06:00 and take two days over the far lane: 54 h from now, 30 h after the promise."""
    found = planned(two_lanes([order(1, "x", 5.0, 1.0)]), "lane:near-x", until_h=60.0)
    assert why(found) == {
        "o-1": "lane near-x carries 0 of 1,000 a day until 7 Jan 12:00, closed; the next way (lane far-x) arrives 30 h late"
    }
    row = found.orders[0]
    assert (row.mark, row.late_h, row.by_closure) == ("changed", 30.0, True)


def test_a_zone_that_closes_a_centre_is_named() -> None:
    """Its WMS carries nine tenths of what the centre sends; closed for good, a tenth of it does not suffice for both orders."""
    rows = (dependency("wms-near", "node:near", 0.9),)
    table = two_lanes([order(1, "x", 50.0, 1.0), order(2, "x", 30.0, 1.0)], far_days=3.0)
    found = planned(msgspec_with(table, rows), "zone:near-ops")
    assert why(found)["o-2"].startswith(
        "node near sends 100 of 1,000 a day until the end of the plan, closed with zone:near-ops, all of it used; "
        "1 other order goes over it; "
    )


def msgspec_with(table: Network, rows: tuple[object, ...]) -> Network:
    return network(
        list(table.nodes.values()),
        list(table.lanes.values()),
        list(table.orders.values()),
        {(row.node, row.product): row.quantity for row in table.inventory},
        dependencies=rows,  # type: ignore[arg-type]  # handed through
    )


def test_a_plant_down_so_that_stock_runs_out() -> None:
    """The centre's ten serve the first order; the second would be made."""
    found = planned(chain([order(1, "x", 10.0, 1.0), order(2, "x", 10.0, 5.0)], stock=10.0), "node:f")
    assert why(found) == {
        "o-2": "node f sends 0 of 100 a day until the end of the plan, closed; so there is no p at d; "
        "no other lane brings p to x; 10 of 10 do not ship within the horizon"
    }


def test_a_supplier_down_is_followed_through_the_recipe() -> None:
    """Two components each: the plant's twenty make ten, for the order whose goods were to be made first; ten more have none."""
    found = planned(chain([order(1, "x", 10.0, 4.0), order(2, "x", 10.0, 5.0)], stock=0.0), "node:s")
    (reason,) = why(found).values()
    assert reason.startswith("node s sends 0 of 1,000 a day until the end of the plan, closed; so there is no c at f, p at f, p at d;")


def test_a_lane_taken_by_orders_of_higher_priority() -> None:
    """Both lanes carry five in the half day that is in time: the near one is closed, and the far one goes to the order of priority 1."""
    orders = [order(1, "x", 5.0, 1.0), msgspec.structs.replace(order(2, "x", 5.0, 1.0), priority=1)]
    found = planned(two_lanes(orders, far_days=0.5, far_capacity=10.0), "lane:near-x", until_h=12.0)
    assert why(found) == {
        "o-1": "lane near-x carries 0 of 1,000 a day until 5 Jan 12:00, closed; the next way (lane far-x) is used up; it arrives 6 h late"
    }


def test_capacity_that_is_too_small_with_nothing_closed() -> None:
    """Only the far lane is left to begin with: five of ten are in time, and priority decides whose."""
    orders = [order(1, "x", 5.0, 1.0), msgspec.structs.replace(order(2, "x", 5.0, 1.0), priority=1)]
    table = network([node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 1.0, 0.5, 10.0)], orders, {("d", "p"): 99.0})
    found = planned(table)
    assert why(found) == {
        "o-1": "late with nothing closed as well: lane d-x carries 10 a day, all of it used; "
        "1 other order goes over it (1 of higher priority); "
        "no other lane brings p to x; it arrives 6 h late"
    }
    assert not found.orders[0].by_closure


def test_a_lead_time_too_long_is_not_the_closures_fault() -> None:
    """One and a half days from 06:00 on: 18 h after the promise, whatever is closed."""
    table = two_lanes([order(1, "x", 5.0, 1.0), order(2, "x", 5.0, 1.0, "q")], far_days=1.5)
    goods = (*table.products.values(), Product(id="q", name="q", unit="piece", value=100.0, margin=30.0))
    table = network(
        list(table.nodes.values()), list(table.lanes.values()), list(table.orders.values()),
        {("near", "p"): 9.0, ("far", "p"): 0.0, ("far", "q"): 9.0}, products=goods,
    )  # fmt: skip
    found = planned(table, "node:near", until_h=24.0)
    assert why(found)["o-2"] == (
        "late with nothing closed as well: lane far-x takes 1.5 days, too long to arrive in time; "
        "no other lane brings q to x; it arrives 18 h late"
    )
    assert {row.order: row.by_closure for row in found.orders} == {"o-1": True, "o-2": False}
    assert why(found)["o-1"].startswith("node near sends 0 of 1,000 a day until 6 Jan 00:00, closed;")


def test_a_centre_that_is_full_since_other_things_are_closed() -> None:
    """The far centre sends five in the half day that is in time: usually the second order's; the first, whose lane is closed, is dearer."""
    nodes = [node("near", "dc"), node("far", "dc", 10.0), node("x", "customer"), node("y", "customer")]
    lanes = [
        lane("near-x", "near", "x", 1.0),
        lane("far-x", "far", "x", 2.0),
        lane("far-y", "far", "y", 1.0),
        lane("near-y", "near", "y", 9.0),
    ]
    goods = tuple(
        Product(id=name, name=name, unit="piece", value=value, margin=3.0) for name, value in (("p", 100.0), ("q", 10.0), ("c", 1.0))
    )
    rows = [order(1, "x", 5.0, 1.0), order(2, "y", 5.0, 1.0, "q")]
    stock = {("near", "p"): 99.0, ("far", "p"): 99.0, ("far", "q"): 99.0}
    found = planned(network(nodes, lanes, rows, stock, products=goods), "lane:near-x", "lane:near-y")
    assert found.nominal.orders_late == 0
    assert why(found) == {
        "o-2": "node far sends 10 a day, all of it used now that lane:near-x, lane:near-y are closed; 1 other order goes over it; "
        "no other lane brings q to y; it arrives 6 h late"
    }


def test_the_window_counts_from_the_promise() -> None:
    """Half a day on the road from 06:00 arrives at 18:00, 6 h after the promise: in time with a window of 8 h, late with one of 4 h."""
    base = two_lanes([order(1, "x", 5.0, 0.5)], far_days=3.0)
    told = {
        hours: planned(dataclasses.replace(base, settings=msgspec.structs.replace(base.settings, otif_window_h=hours))).orders[0]
        for hours in (4.0, 8.0)
    }
    assert [(row.late, row.late_h) for row in told.values()] == [(True, 6.0), (False, None)]
    assert "the next way (lane far-x) would be 66 h late; it arrives 6 h late" in told[4.0].reason


def test_a_way_that_costs_more_than_coming_late() -> None:
    """A unit that is late costs some 30; over the far lane, which is in time, 500."""
    table = two_lanes([order(1, "x", 5.0, 1.0)], far_days=0.5)
    lanes = [table.lanes["near-x"], lane("far-x", "far", "x", 500.0)]
    stock = {(row.node, row.product): row.quantity for row in table.inventory}
    found = planned(network(list(table.nodes.values()), lanes, list(table.orders.values()), stock), "lane:near-x", until_h=24.0)
    assert why(found)["o-1"] == (
        "lane near-x carries 0 of 1,000 a day until 6 Jan 00:00, closed; "
        "the next way (lane far-x) costs more than coming late; it arrives 18 h late"
    )


def test_what_a_closure_makes_of_an_order_that_is_late_anyway() -> None:
    table = two_lanes([order(1, "x", 5.0, 0.5)], far_days=3.0)
    found = planned(table, "lane:near-x", until_h=36.0)
    assert why(found)["o-1"] == (
        "late with nothing closed as well: lane near-x takes 0.5 days, too long to arrive in time; "
        "the next way (lane far-x) would be 66 h late; it arrives 6 h late; with the closure it arrives 42 h late"
    )


def test_a_customer_that_nothing_reaches_and_a_product_that_nobody_has() -> None:
    orders = [order(1, "x", 5.0, 1.0), order(2, "y", 5.0, 1.0)]
    table = network(
        [node("d", "dc"), node("x", "customer"), node("y", "customer")], [lane("d-x", "d", "x", 1.0)], orders, {("d", "p"): 0.0}
    )
    found = planned(table)
    assert why(found)["o-1"].startswith("late with nothing closed as well: nothing brings or makes more; so there is no p at d;")
    assert why(found)["o-2"].startswith("no lane brings p to y; 5 of 5 do not ship within the horizon")


def test_a_closed_customer() -> None:
    found = planned(two_lanes([order(1, "x", 5.0, 1.0)]), "node:x", until_h=24.0)
    assert why(found)["o-1"].startswith(
        "node x takes in 0% of what its lanes can bring until 6 Jan 00:00, closed; the next way (lane far-x) would be 30 h late"
    )


def test_capacities_of_nought_are_told() -> None:
    table = network(
        [node("d", "dc"), node("e", "dc", 0.0), node("x", "customer")],
        [lane("d-x", "d", "x", 1.0, 0.5, 0.0), lane("e-x", "e", "x", 2.0)],
        [order(1, "x", 5.0, 1.0)],
        {("d", "p"): 9.0, ("e", "p"): 9.0},
    )
    assert why(planned(table))["o-1"] == (
        "late with nothing closed as well: lane d-x has no capacity in lanes.csv; the next way (lane e-x) has no capacity; "
        "5 of 5 do not ship within the horizon"
    )


def test_two_centres_that_feed_each_other_end_the_search() -> None:
    table = network(
        [node("a", "dc"), node("b", "dc"), node("x", "customer")],
        [lane("a-b", "a", "b", 1.0), lane("b-a", "b", "a", 1.0), lane("a-x", "a", "x", 1.0)],
        [order(1, "x", 5.0, 3.0)],
        {("a", "p"): 0.0, ("b", "p"): 0.0},
        bom=(Bom(parent="p", child="c", quantity=1.0),),
    )
    assert "nothing brings or makes more; so there is no p at b, p at a" in why(planned(table))["o-1"]


def test_orders_with_one_reason_are_counted_together() -> None:
    """Both centres' lanes are closed: five orders, one reason, whatever each then does."""
    found = planned(two_lanes([order(i, "x", 5.0, 1.0 + i / 2) for i in range(5)], far_days=6.0), "lane:near-x")
    assert [(cause, len(orders)) for cause, orders in found.causes] == [
        ("lane near-x carries 0 of 1,000 a day until the end of the plan, closed", 5)
    ]


def test_a_lane_expedited_or_with_an_alternate_is_no_other_way() -> None:
    """Expedited it leaves at 06:00 and takes two days: 30 h after the promise, with an alternate 54 h."""
    slow = lane("d-x", "d", "x", 1.0, 3.0)
    swift = msgspec.structs.replace(slow, expedite_days=2.0, expedite_cost_per_unit=0.01)
    alternates = (Alternate(product="p", alternate="c"),)
    rows: tuple[tuple[Lane, tuple[Alternate, ...], int], ...] = ((swift, (), 30), (slow, alternates, 54))
    for row, stand_ins, hours in rows:
        found = network(
            [node("d", "dc"), node("x", "customer")], [row], [order(1, "x", 5.0, 1.0)], {("d", "p"): 5.0, ("d", "c"): 5.0}, bom=()
        )
        told = why(planned(dataclasses.replace(found, alternates=stand_ins)))
        assert told["o-1"] == (
            "late with nothing closed as well: lane d-x takes 3 days, too long to arrive in time; "
            f"no other lane brings p to x; it arrives {hours} h late"
        )
