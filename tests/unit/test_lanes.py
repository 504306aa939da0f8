"""Goods on every lane: demand carried upstream along the shares of a route, and which lanes a re-route moved."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.flow.reroute import Route
from interferon.model.network import Bom, Lane, Network, Node, Order, Product, Settings, Site
from interferon.web.lanes import SHIFTED, lane_flows

ENDS = {"l-1": ("plant", "cust"), "l-2": ("dc", "cust"), "l-3": ("plant", "dc"), "l-4": ("supp", "plant")}


def network(days: int = 10) -> Network:
    """A supplier, a plant that makes `p` of two `c`, a centre and a customer who orders 100 `p`."""
    kinds = {"supp": "supplier", "plant": "plant", "dc": "dc", "cust": "customer"}
    order = Order(id="o-1", customer="cust", product="p", quantity=100.0, requested=0, promised=1, priority=1)
    return Network(
        settings=Settings(name="lanes", horizon_days=days),
        revision=1,
        sites={"s": Site(id="s", name="S", country="DE", lat=0.0, lon=0.0)},
        zones={},
        conduits={},
        assets={},
        partners={},
        nodes={name: Node(id=name, site="s", kind=kind, capacity_per_day=100.0) for name, kind in kinds.items()},
        lanes={name: _lane(name, *ends) for name, ends in ENDS.items()},
        products={name: Product(id=name, name=name, unit="piece", value=1.0, margin=0.1) for name in ("p", "c")},
        bom=(Bom(parent="p", child="c", quantity=2.0),),
        orders={"o-1": order},
        people={},
    )


def _lane(name: str, origin: str, destination: str) -> Lane:
    return Lane(
        id=name,
        origin=origin,
        destination=destination,
        mode="road",
        carrier="",
        capacity_per_day=100.0,
        lead_days_mean=1.0,
        lead_days_sd=0.0,
        cost_per_unit=1.0,
        distance_km=1.0,
        gco2e_tkm=1.0,
    )


def route(**customer: float) -> Route:
    """The customer is served by these lanes, `l_1=0.4` for 40 % over l-1; what lies upstream has one way."""
    lanes = tuple((name.replace("_", "-"), share) for name, share in customer.items())
    upstream = {("dc", "p"): (("l-3", 1.0),), ("plant", "c"): (("l-4", 1.0),)}
    return Route({("cust", "p"): lanes, **upstream}, (), 0, 0, 1.0, 0.0, 0.0, 0.0)


def test_demand_goes_up_every_stage_and_becomes_parts_at_the_plant() -> None:
    (first, fourth) = lane_flows(route(l_1=1.0), route(l_1=1.0), network())
    assert (first.lane, first.usual, first.now, first.rerouted) == ("l-1", 10.0, 10.0, False)
    assert (fourth.lane, fourth.usual, fourth.rerouted) == ("l-4", 20.0, False)


def test_a_reroute_marks_the_lanes_it_took_goods_from_and_those_it_put_them_on() -> None:
    flows = {flow.lane: flow for flow in lane_flows(route(l_1=1.0), route(l_2=1.0), network())}
    assert {name for name, flow in flows.items() if flow.rerouted} == {"l-1", "l-2"}
    assert (flows["l-1"].usual, flows["l-1"].now) == (10.0, 0.0)
    assert (flows["l-3"].usual, flows["l-3"].now) == (0.0, 10.0)
    assert (flows["l-4"].usual, flows["l-4"].now) == (20.0, 20.0)


@pytest.mark.parametrize(("shift", "marked"), [(SHIFTED / 2, False), (SHIFTED * 2, True)])
def test_a_shift_too_small_to_matter_marks_nothing(shift: float, marked: bool) -> None:
    flows = lane_flows(route(l_1=0.5, l_2=0.5), route(l_1=0.5 + shift, l_2=0.5 - shift), network())
    assert any(flow.rerouted for flow in flows) is marked


def test_a_supply_that_is_gone_is_marked() -> None:
    usual = route(l_1=1.0)
    gone = replace(usual, sourcing={("plant", "c"): (("l-4", 1.0),)})
    flows = {flow.lane: flow for flow in lane_flows(usual, gone, network())}
    assert (flows["l-1"].now, flows["l-1"].rerouted) == (0.0, True)


def test_a_horizon_of_nothing_does_not_divide_by_it() -> None:
    assert lane_flows(route(l_1=1.0), route(l_1=1.0), network(days=0))[0].usual == 100.0


@given(st.floats(0, 1))
def test_whatever_the_shares_the_customer_gets_what_was_ordered(share: float) -> None:
    split = route(l_1=share, l_2=1 - share)
    flows = {flow.lane: flow.usual for flow in lane_flows(split, split, network())}
    assert flows["l-1"] + flows["l-2"] == pytest.approx(10.0)
    assert flows["l-4"] == pytest.approx(20.0)
