"""Closures whose cost can be worked out on paper. The arithmetic stands beside each case.

Common to all: product p is worth 100, its margin 30; a late line costs 15 % of the value of its goods and as much again on average for
each late line; a lane takes half a day unless told otherwise. Half days 0, 1, 2 … have their middles at day 0.25, 0.75, 1.25 …; waiting
costs 0.0001 a unit and bucket. A unit of stock missing at the end costs 0.2 · 0.15 · 100 = 3 and twice the cheapest way to bring it.
"""

import msgspec
import pytest

from interferon.flow.closure import ClosureTable, closure_table
from interferon.flow.plan import plan
from interferon.flow.problem import DAY_US, Snapshot, opening
from interferon.flow.reroute import nominal, repair, reroute
from interferon.model.network import Dependency, Lane, Network, Order

from .goods import START, lane, network, node


def order(number: int, quantity: float, due: float) -> Order:
    return Order(
        id=f"o-{number}", customer="x", product="p", quantity=quantity, requested=START, promised=START + round(due * DAY_US), priority=3
    )


def one_centre(*dependencies: Dependency, orders: list[Order]) -> ClosureTable:
    """A distribution centre with 100 units, which sends 20 in half a day, and its customer."""
    nodes, lanes = [node("d", "dc", 40.0), node("x", "customer")], [lane("d-x", "d", "x", 1.0)]
    found = network(nodes, lanes, orders, {("d", "p"): 100.0}, bom=(), dependencies=dependencies)
    return closure_table(found, opening(found, START))


def test_a_manual_fallback_after_a_day() -> None:
    """Without its WMS the centre stands still for a day, then works by hand at half its rate: 10 units in half a day.

    Nothing closed: o-1 leaves in half day 0 (arrives 0.75, due 1), o-2 in half day 1 (arrives 1.25, due 2).
    Closed: 10 units leave in each of the half days 2 to 5, which arrive at 1.75, 2.25, 2.75, 3.25.
    A late unit costs 15 and its line's fee, 15 · 40 / 2 = 300 a line, 15 a unit: 30, and 10 % more a day.
    Half day 2 goes to o-2, in time. Of the other 30 units (whose is which costs the same) let half days 3 and 4 go to o-1, 5 to o-2:
        o-1: 10 · 30 · (1 + 0.1 · 1.25) + 10 · 30 · (1 + 0.1 · 1.75) = 337.5 + 352.5
        o-2: 10 · 30 · (1 + 0.1 · 1.25) = 337.5                         in all 1,027.5
    Waiting: 10 · 0.0001 · (2 + 3 + 4 + 5) = 0.014 instead of 20 · 0.0001 = 0.002.
    Both orders are late; the first of them is due after 24 hours.
    """
    row = Dependency(asset="wms-d", target="node:d", share_lost=1.0, fallback_share=0.5, fallback_delay_h=24.0)
    told = one_centre(row, orders=[order(1, 20.0, 1.0), order(2, 20.0, 2.0)]).value(["asset:wms-d"])
    assert told.cost == pytest.approx(1027.512)
    assert (told.orders_late, told.orders_late_low, told.orders_late_high, told.otif) == (2, 2, 2, 0.0)
    assert (told.unmet, told.time_to_survive_h) == (0.0, 24.0)


def test_two_that_stand_in_for_each_other() -> None:
    """One of a redundancy group is not missed; without both the centre sends nothing.

    A unit never served costs its margin 30, its lateness to the horizon 30 · (1 + 0.1 · 7) = 51, and twice the dearest lane: 2; in all 83.
    40 · 83 = 3,320; saved are freight and waiting, 40 + 20 · 0.0001, and the stock that does not leave, 40 · 3 = 120.
    """
    rows = [Dependency(asset=f"{name}-d", target="node:d", share_lost=1.0, group="g") for name in ("wms", "plc")]
    table = one_centre(*rows, orders=[order(1, 20.0, 1.0), order(2, 20.0, 2.0)])
    for name in ("wms", "plc"):
        alone = table.value([f"asset:{name}-d"])
        assert (alone.cost, alone.orders_late, alone.unmet, alone.time_to_survive_h) == (0.0, 0.0, 0.0, -1.0)
    both = table.value(["asset:plc-d", "asset:wms-d"])
    assert both.cost == pytest.approx(3320 - 40.002 - 120)
    assert (both.orders_late, both.unmet, both.time_to_survive_h) == (2, 40.0, 24.0)


def test_a_closure_that_cannot_be_survived() -> None:
    """The plant brings 10 units in half a day to a centre with 20. Without it the stock serves o-1 (20 due at day 1); o-2 (30 at 4) waits
    for ever, and the time to survive is its promise: 96 hours.

    Fee: 15 · 50 / 2 = 375 a line. A late unit costs 15 + 375 / 20 = 33.75 of o-1 and 15 + 375 / 30 = 27.5 of o-2: o-1 is served.
    A unit of o-2 never served: 30 + 27.5 · 1.7 + 2 · 1 = 78.75; a unit of stock missing: 3 + 2 · 1 = 5.
    Nothing closed: 50 units are brought, 10 in each of half days 0 to 4, waiting 0.01; o-1 leaves in half day 0, o-2 by tens in 2, 3 and 4,
    waiting 0.009: 50 + 50 + 0.019. Closed: 20 + 30 · 78.75 + 20 · 5 = 2,482.5.
    """
    nodes = [node("f", "plant", 20.0), node("d", "dc"), node("x", "customer")]
    lanes = [lane("f-d", "f", "d", 1.0, 1.0), lane("d-x", "d", "x", 1.0)]
    found = network(nodes, lanes, [order(1, 20.0, 1.0), order(2, 30.0, 4.0)], {("d", "p"): 20.0, ("f", "p"): 0.0}, bom=())
    told = closure_table(found, opening(found, START)).value(["node:f"])
    assert told.cost == pytest.approx(2482.5 - 100.019)
    assert (told.orders_late, told.unmet, told.time_to_survive_h) == (1, 30.0, 96.0)


def test_what_nobody_knows_is_a_range() -> None:
    """No row says what the PLC is for: it may carry nothing or, being a PLC, 30 % of the centre, which then sends 14 in half a day.

    At worst 6 of 20 units leave in half day 1 and arrive at 1.25, a quarter of a day late: 6 · 30 · 1.025 + 6 · 0.0001 = 184.5006.
    """
    told = one_centre(orders=[order(1, 20.0, 1.0)]).value(["asset:plc-d"])
    assert told.cost == pytest.approx(184.5006 / 2)
    assert (told.orders_late_low, told.orders_late, told.orders_late_high) == (0, 0.5, 1)
    assert told.time_to_survive_h == 24.0


def under_way(when_cut: str) -> tuple[Network, Snapshot]:
    """20 units are on their way from the warehouse e to the centre d, two days, and arrive at day 1.2; another way leads over h."""
    nodes = [node("e", "dc"), node("d", "dc"), node("h", "dc"), node("x", "customer")]
    cut = msgspec.structs.replace(lane("e-d", "e", "d", 1.0, 2.0), when_cut=when_cut)
    lanes: list[Lane] = [cut, lane("e-h", "e", "h", 2.0), lane("d-x", "d", "x", 1.0), lane("h-x", "h", "x", 1.0)]
    tms = Dependency(asset="wms-e", target="lane:e-d", share_lost=1.0)
    found = network(nodes, lanes, [order(1, 20.0, 2.0)], {("e", "p"): 0.0}, bom=(), dependencies=(tms,))
    bare = opening(found, START)
    return found, Snapshot(START, bare.stock, bare.open_orders, (("e-d", "p", 20.0, START + round(1.2 * DAY_US)),))


@pytest.mark.parametrize(
    ("when_cut", "cost", "late", "survive"),
    [
        # Nothing closed: they arrive in half day 2, leave in it and are there at 1.75: freight 20, waiting 0.004. A unit of stock missing
        # at the end costs 3 + 2 · 2 = 7 (h is the dearest to bring to): 20 are missing at d: 140.
        ("on", 0.0, 0, -1.0),
        # They never arrive within the horizon, but are still to come: no stock is missing. Never served: 30 + 30 · 1.7 + 2 · 2 = 85 a unit.
        ("wait", 1700 - 160.004, 1, 48.0),
        # Under way for 0.8 days, they are back at day 0.8, leave e in half day 1 for h, are there at 1.25 and with the customer at 1.75.
        # That is 20 · 2 + 20 · 0.0001 more; at d 20 units are missing as before.
        ("return", 40.002, 0, -1.0),
    ],
)
def test_goods_under_way_on_a_lane_that_is_cut(when_cut: str, cost: float, late: int, survive: float) -> None:
    found, snapshot = under_way(when_cut)
    told = closure_table(found, snapshot).value(["asset:wms-e"])
    assert told.cost == pytest.approx(cost)
    assert (told.orders_late, told.time_to_survive_h) == (late, survive)
    made = plan(found, snapshot, ["asset:wms-e"])
    assert made.rerouted.cost - made.nominal.cost == pytest.approx(cost)
    assert made.rerouted.orders_late == late


def test_goods_wait_until_the_lane_is_open_again() -> None:
    """Cut for 24 hours, the goods arrive at 2.2, in half day 4, and are with the customer at 2.75, 0.75 days late.

    20 · 30 · 1.075 = 645; waiting two buckets longer 20 · 0.0002 = 0.004.
    """
    found, snapshot = under_way("wait")
    base = nominal(found, snapshot)
    for answer in (repair, reroute):
        told = answer(found, snapshot, ["lane:e-d"], base, 24.0)
        assert told.cost - base.cost == pytest.approx(645.004)
        assert (told.orders_late, told.unmet) == (1, 0.0)
