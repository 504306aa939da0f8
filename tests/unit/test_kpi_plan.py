"""Key figures of a plan: a small network reckoned by hand, with nothing closed and round a closure."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from interferon.flow import kpi_lines
from interferon.flow.account import Flows, figures
from interferon.flow.kpi import Side, report
from interferon.flow.plan import plan
from interferon.flow.problem import build, opening
from interferon.flow.solver import Solver
from interferon.model.kpis import kpis
from interferon.model.network import Finance, Network, Order
from interferon.store.examples import START as EXAMPLE_START
from interferon.store.examples import build as example

from .goods import START, lane, network, node

DAY = 86_400_000_000


def order(number: int, due: float, quantity: float = 10.0, **more: Any) -> Order:
    return Order(
        id=f"o-{number}",
        customer="x",
        product="p",
        quantity=quantity,
        requested=START,
        promised=START + int(due * DAY),
        **more,
    )


def two_ways(*orders: Order, **settings: Any) -> Network:
    """A near centre, half a day away for 1 a unit, and a far one, two days away for 2; both 100 km, 80 g/tkm, a unit weighs 1 kg."""
    nodes = [node("near", "dc"), node("far", "dc"), node("x", "customer")]
    lanes = [lane("near-x", "near", "x", 1.0), lane("far-x", "far", "x", 2.0, 2.0)]
    made = network(nodes, lanes, list(orders), {("near", "p"): 200.0, ("far", "p"): 200.0}, bom=())
    return replace(made, settings=msgspec.structs.replace(made.settings, horizon_days=14, **settings))


def values(side: Side | None) -> dict[str, float | None]:
    assert side is not None
    return {name: figure.value for name, figure in side.figures.items()}


def test_a_plan_and_a_closure_by_hand() -> None:
    books = Finance(revenue=10_000.0, ebitda=1000.0, depreciation=200.0, capital_employed=8000.0)
    net = two_ways(order(0, 1.0, wanted=START + DAY), order(1, 4.0, wanted=START + 3 * DAY), finance=books)
    found = report(net, opening(net, START), ["node:near"])
    plan, closed = values(found.plan), values(found.rerouted)
    # Both leave in the middle of the first half day, at 0.25, and arrive at 0.75.
    assert (plan["otif"], plan["otif_request"], plan["cycle_gross"]) == (1.0, 1.0, 0.75)
    # The first had to leave by 1 − 0.5, the second by 3 − 0.5: both rested until they left at 0.25.
    assert plan["cycle_net"] == pytest.approx(0.5)
    # From the far centre both arrive at 2.25: the first, promised for 1, is late.
    assert (closed["otif"], closed["otif_request"], closed["cycle_gross"]) == (0.5, 0.5, 2.25)
    # The first would have had to leave by 1 − 2 < 0: no rest, 2.25. The second rested until 0.25: 2.0.
    assert closed["cycle_net"] == pytest.approx(2.125)
    # Value 100 less margin 30, and freight of 1 or 2.
    assert (plan["cogs_unit"], closed["cogs_unit"]) == (71.0, 72.0)
    assert found.rerouted is not None
    assert found.rerouted.figures["cogs_unit"].note == "index 1.0141, 100.0% of the reference's units"  # 72 / 71
    # 20 kg over 100 km: 2 tkm of 80 g, either way
    assert plan["emissions"] == closed["emissions"] == pytest.approx(0.16)
    assert plan["emission_intensity"] == pytest.approx(80.0)
    # freight 20 more, one line of 10 × 100 late at 15 %: 150
    assert plan["ebitda_effect"] == 0.0
    assert closed["ebitda_effect"] == pytest.approx(-170.0)
    assert found.rerouted.figures["ebitda_effect"].note == "margin lost 0, freight 20, lateness 150"
    # nothing less is sold: 830 / 10000 − 1000 / 10000
    assert closed["ebitda_margin_effect"] == pytest.approx(-1.7)
    # the same stock is held in all, at the other place: 630 / 8000 − 800 / 8000
    assert closed["roce_effect"] == pytest.approx(-2.125)
    # The first is due on day 1 and misses, the second on day 4 and does not: 4 days, of which 3 without performance.
    assert (plan["recovery_days"], plan["area_lost"]) == (0.0, 0.0)
    assert (closed["recovery_days"], closed["area_lost"]) == (4.0, 3.0)
    assert list(found.plan.figures) == list(kpis())


def test_what_is_never_sent_costs_its_margin() -> None:
    net = two_ways(order(0, 1.0, wanted=START + DAY))
    told = report(net, opening(net, START), ["node:near", "node:far"]).rerouted
    found = values(told)
    assert told is not None
    assert told.figures["cycle_net"].note == "nothing is delivered"
    # margin 10 × 30; freight of 10 saved; late at 15 % of 10 × 100
    assert found["ebitda_effect"] == pytest.approx(-300 + 10 - 150)
    assert (found["otif"], found["cycle_gross"], found["cogs_unit"], found["emissions"]) == (0.0, None, None, 0.0)
    assert found["recovery_days"] is None
    assert found["area_lost"] == pytest.approx(13.0)  # from day 1 to the horizon


def test_a_closure_that_ends_is_felt_until_then() -> None:
    net = two_ways(*(order(i, 1.0 + i) for i in range(13)))
    found = values(report(net, opening(net, START), ["node:near"], until_h=24.0).rerouted)
    # Open again after day 1: what is due on day 1 misses; what is due on day 2 leaves at 1.25 and is there at 1.75.
    assert found["otif"] == pytest.approx(12 / 13)
    assert found["recovery_days"] == 2.0


def test_lines_of_one_order_are_met_together() -> None:
    rows = (order(0, 1.0, order="a"), order(1, 4.0, order="a"), order(2, 4.0))
    for level, share in (("order", 1 / 2), ("line", 2 / 3)):
        net = two_ways(*rows, otif_level=level)
        found = report(net, opening(net, START), ["node:near"]).rerouted
        assert found is not None
        assert found.figures["otif"].value == pytest.approx(share)
        assert found.figures["otif"].note == f"of {2 if level == 'order' else 3} {level}s"


def test_a_line_named_like_an_order_is_another_order() -> None:
    net = two_ways(order(0, 1.0), order(1, 1.0, order="o-0"))
    assert report(net, opening(net, START)).plan.figures["otif"].note == "of 2 orders"


def test_the_windows_of_the_network_are_honoured() -> None:
    def share(**settings: Any) -> float | None:
        net = two_ways(order(0, 1.0), order(1, 4.0), **settings)
        return values(report(net, opening(net, START), ["node:near"]).rerouted)["otif"]

    assert share(otif_window_h=30.0) == 1.0  # due at 1 + 1.25 = 2.25, when it comes
    assert share(otif_window_h=30.0, otif_early_h=24.0) == 0.5  # what is promised for 4 comes at 2.25, before 3


@pytest.mark.parametrize(("tolerance", "delivered", "arrived"), [(0.0, np.inf, 4.0), (0.25, 1.75, 4.0)])
def test_goods_of_a_group_fill_its_lines_in_turn(tolerance: float, delivered: float, arrived: float) -> None:
    net = two_ways(order(0, 2.0, 5.0, priority=4), order(1, 2.0, 10.0, priority=1))
    problem = build(net, opening(net, START))
    ship = np.zeros((len(problem.ship_lane), problem.buckets))
    near = int(np.flatnonzero(problem.ship_lane == problem.lanes.index("near-x"))[0])
    ship[near, 0], ship[near, 2] = 10.0, 4.0  # leave at 0.25 and 1.25, half a day on the way
    flows = Flows(ship, np.zeros((len(problem.haul_lane), problem.buckets)), np.zeros((0, problem.buckets)))
    found = kpi_lines.lines(problem, flows, START, tolerance)
    # The one of higher priority takes the first ten; of the other five, four come at 1.75: enough with a tolerance of a quarter.
    assert list(found.quantity) == [10.0, 5.0]
    assert list(found.arrived) == [10.0, arrived]
    assert list(found.delivered) == [0.75, delivered]
    assert list(found.transit) == [0.5, 0.5 if np.isfinite(delivered) else 0.0]


def test_without_orders_or_plants_figures_are_unknown_and_not_invented() -> None:
    net = two_ways()
    found = report(net, opening(net, START), ["node:near"])
    known = {name for name, value in values(found.rerouted).items() if value is not None}
    assert known == {"emissions", "ebitda_effect", "recovery_days", "area_lost"}


def test_where_the_solver_gives_up_the_list_schedule_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    net = two_ways(order(0, 1.0), order(1, 4.0))
    attempt = Solver.attempt
    monkeypatch.setattr(Solver, "attempt", lambda self, shares=None: None if shares is not None else attempt(self))
    assert values(report(net, opening(net, START), ["node:near"]).rerouted)["otif"] == 0.5


@pytest.mark.parametrize("name", ["minimal", "medica"])
def test_the_plan_of_an_example_agrees_with_its_account(name: str) -> None:
    net = example(name)
    now = opening(net, EXAMPLE_START)
    problem = build(net, now)
    account = figures(problem, Solver(problem).solve())
    found = report(net, now)
    assert found.rerouted is None
    assert found.plan.figures["otif"].value == pytest.approx(account.otif)
    assert found.plan.emissions.kg == pytest.approx(account.co2_kg)
    assert found.plan.figures["emission_default"].value == 1.0
    assert values(found.plan)["productivity"] is not None
    assert found.plan.emissions.tkm > 0
    assert all(each.source for each in found.plan.emissions.elements)


@pytest.mark.parametrize(("nervousness", "met"), [(0.0, 1.0), (40.0, 0.0)])
def test_leaving_the_plan_in_force_has_its_price_in_the_figures_too(nervousness: float, met: float) -> None:
    """Over the far lane the order comes in time, at a unit's nervousness; else it waits for the near one."""
    nodes = [node("near", "dc"), node("far", "dc"), node("x", "customer")]
    lanes = [lane("near-x", "near", "x", 1.0), lane("far-x", "far", "x", 2.0, 2.0)]
    found = network(nodes, lanes, [order(1, 3.0)], {("near", "p"): 99.0, ("far", "p"): 99.0})
    found = replace(found, settings=msgspec.structs.replace(found.settings, nervousness=nervousness))
    snapshot = opening(found, START)
    assert plan(found, snapshot, ("lane:near-x",), 96.0).rerouted.otif == met
    assert values(report(found, snapshot, ("lane:near-x",), 96.0).rerouted)["otif"] == met
