"""Key figures by their definitions: each against a value reckoned by hand, and what must hold for any figures."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.flow.kpi_cost import (
    Outcome,
    constant_mix,
    ebitda_effect,
    ebitda_margin_effect,
    productivity,
    roce_effect,
)
from interferon.flow.kpi_emissions import NO_SOURCE, emissions
from interferon.flow.kpi_orders import Lines, Mean, OtifRule, cycle_gross, cycle_net, otif, rule
from interferon.flow.kpi_recovery import Recovery, performance, recovery
from interferon.flow.problem import Floats
from interferon.model.kpis import kpis
from interferon.model.network import EmissionFactor, Finance, Settings

from .goods import lane, network, node

NEVER, UNKNOWN = np.inf, np.nan


def lines(**columns: list[float]) -> Lines:
    """Lines of ten units, each an order of its own, received at 0 and promised for 2; a day on the way, and wanted when not said."""
    count = len(next(iter(columns.values())))
    full: dict[str, list[float]] = {
        **{"order": list(range(count)), "quantity": [10.0] * count, "arrived": [10.0] * count, "received": [0.0] * count},
        **{"promised": [2.0] * count, "wanted": [UNKNOWN] * count, "delivered": [2.0] * count, "transit": [1.0] * count},
    }
    full |= columns
    full.setdefault("shipped", [day - way for day, way in zip(full["delivered"], full["transit"], strict=True)])
    columned: dict[str, Any] = {name: np.array(column, np.int64 if name == "order" else np.float64) for name, column in full.items()}
    return Lines(**columned)


def promised(found: Lines, rule: OtifRule) -> Mean:
    return otif(found, rule, found.promised)


def test_late_short_and_never_each_miss() -> None:
    # in time and full | half a day late | in time, 9 of 10 | never: one of four is met
    found = lines(delivered=[2.0, 2.5, 1.0, NEVER], arrived=[10.0, 10.0, 9.0, 0.0])
    assert promised(found, OtifRule()) == Mean(0.25, 4)
    # a window of 12 h takes the second, a tolerance of 10 % the third
    assert promised(found, OtifRule(late=0.5)) == Mean(0.5, 4)
    assert promised(found, OtifRule(late=0.5, tolerance=0.1)) == Mean(0.75, 4)


def test_too_much_is_not_in_full_either() -> None:
    found = lines(arrived=[11.0, 12.0])
    assert promised(found, OtifRule()) == Mean(0.0, 2)
    assert promised(found, OtifRule(tolerance=0.1)) == Mean(0.5, 2)


def test_too_early_misses_where_there_is_a_window() -> None:
    found = lines(delivered=[0.5, 1.5])
    assert promised(found, OtifRule()) == Mean(1.0, 2)
    assert promised(found, OtifRule(early=1.0)) == Mean(0.5, 2)  # 2 − 1 = 1: the first came before


def test_an_order_is_met_where_each_of_its_lines_is() -> None:
    # order 0: a line in time and a late one; order 1: one in time
    found = lines(order=[0, 0, 1], delivered=[2.0, 3.0, 2.0])
    assert promised(found, OtifRule(level="order")) == Mean(0.5, 2)
    assert promised(found, OtifRule(level="line")) == Mean(2 / 3, 3)


def test_by_ship_date_a_line_is_due_to_leave_its_planned_transit_before() -> None:
    # due to leave at 2 − 1 = 1. The first left then and was held up for two days; the second left late and was carried fast
    found = lines(shipped=[1.0, 1.5], delivered=[4.0, 1.8])
    assert promised(found, OtifRule(basis="ship", level="line")) == Mean(0.5, 2)
    assert list(found.delivered <= found.promised) == [False, True]
    assert otif(lines(shipped=[1.0], delivered=[4.0]), OtifRule(basis="ship"), np.array([2.0])) == Mean(1.0, 1)


def test_against_the_request_only_lines_that_have_one_count() -> None:
    found = lines(delivered=[2.0, 2.0, 2.0], wanted=[1.0, 3.0, UNKNOWN])
    assert otif(found, OtifRule(), found.wanted) == Mean(0.5, 2)
    assert otif(lines(delivered=[2.0]), OtifRule(), np.array([UNKNOWN])) == Mean(None, 0)


def test_the_network_says_what_counts() -> None:
    assert rule(Settings(name="n")) == OtifRule("order", "delivery", 0.0, np.inf, 0.0)
    said = Settings(name="n", otif_level="line", otif_window_h=12, otif_early_h=6, otif_quantity_tolerance=0.05, otif_basis="ship")
    assert rule(said) == OtifRule("line", "ship", 0.5, 0.25, 0.05)


def test_cycle_time_gross_and_net() -> None:
    # SCOR's own example: six days of work, ordered three months (90 days) ahead: 96 days gross, 6 net.
    # Received 0, wanted for 96, all of the six days count as the way: it rests until 96 − 6 = 90.
    ahead = lines(delivered=[96.0], wanted=[96.0], transit=[6.0])
    assert cycle_gross(ahead) == Mean(96.0, 1)
    assert cycle_net(ahead) == Mean(6.0, 1)
    # wanted at once: nothing dwells, however late it left
    assert cycle_net(lines(delivered=[5.0], wanted=[0.5])) == Mean(5.0, 1)
    # wanted for 10, left at 2 already: it rested for 2 only; 3 − 2 = 1
    assert cycle_net(lines(delivered=[3.0], wanted=[10.0])) == Mean(1.0, 1)


def test_cycle_time_is_of_whole_orders_that_are_delivered() -> None:
    # order 0: lines received at 0 and 1, delivered at 3 and 5: 5 days; order 1 is never whole; order 2: 2 days
    found = lines(order=[0, 0, 1, 1, 2], received=[0.0, 1.0, 0.0, 0.0, 0.0], delivered=[3.0, 5.0, 1.0, NEVER, 2.0])
    assert cycle_gross(found) == Mean(3.5, 2)
    assert cycle_net(found) == Mean(None, 0)
    # both lines of order 0 wanted for 5: they rest until 2 and 4, from 0 and 1: 2 days and 3; the order as a whole for 2
    asked = lines(order=[0, 0], received=[0.0, 1.0], delivered=[3.0, 5.0], wanted=[5.0, 5.0])
    assert cycle_net(asked) == Mean(3.0, 1)


TIMES = st.floats(0, 30)


@st.composite
def any_lines(draw: st.DrawFn) -> Lines:
    count = draw(st.integers(1, 8))

    def column(values: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(values, min_size=count, max_size=count))

    received, transit = column(TIMES), column(st.floats(0, 5))
    shipped = [day + draw(TIMES | st.just(NEVER)) for day in received]
    return lines(
        order=column(st.integers(0, 3)),
        quantity=column(st.floats(0.1, 100)),
        arrived=column(st.floats(0, 100)),
        received=received,
        promised=column(TIMES),
        wanted=column(TIMES | st.just(UNKNOWN)),
        shipped=shipped,
        delivered=[day + way for day, way in zip(shipped, transit, strict=True)],
        transit=transit,
    )


@given(any_lines(), st.sampled_from(["order", "line"]), st.sampled_from(["delivery", "ship"]), TIMES, TIMES, st.floats(0, 1), TIMES)
def test_a_wider_window_or_tolerance_never_lowers_otif(
    found: Lines, level: str, basis: str, late: float, early: float, tolerance: float, more: float
) -> None:
    narrow = promised(found, OtifRule(level, basis, late, early, tolerance)).value
    assert narrow is not None
    for wide in (
        OtifRule(level, basis, late + more, early, tolerance),
        OtifRule(level, basis, late, early + more, tolerance),
        OtifRule(level, basis, late, early, tolerance + more),
    ):
        wider = promised(found, wide).value
        assert wider is not None
        assert 0 <= narrow <= wider <= 1


@given(any_lines())
def test_net_cycle_time_lies_between_nothing_and_gross(found: Lines) -> None:
    dated = replace(found, wanted=np.nan_to_num(found.wanted))
    gross, net = cycle_gross(dated), cycle_net(dated)
    assert gross.count == net.count
    if gross.value is not None and net.value is not None:
        assert -1e-9 <= net.value <= gross.value + 1e-9


def test_a_change_of_mix_is_no_change_of_cost() -> None:
    # reference: 30 units at 10 and 10 at 50: (30 × 10 + 10 × 50) / 40 = 20. Now 12 and 45: (30 × 12 + 10 × 45) / 40 = 20.25
    found = constant_mix(np.array([30.0, 10.0]), np.array([10.0, 50.0]), np.array([12.0, 45.0]))
    assert (found.reference, found.covered) == (20.0, 1.0)
    assert found.now == pytest.approx(20.25)
    assert found.index == pytest.approx(1.0125)


def test_a_product_without_a_cost_moves_as_the_others_do_and_is_told() -> None:
    # 30 of the 40 units have both costs: 330 / 300 = 1.1. All were at 20 and are taken to be at 22, dear ones included
    found = constant_mix(np.array([30.0, 10.0]), np.array([10.0, 50.0]), np.array([11.0, UNKNOWN]))
    assert (found.reference, found.covered) == (20.0, 0.75)
    assert found.index == pytest.approx(1.1)
    assert found.now == pytest.approx(22.0)
    nothing = constant_mix(np.array([30.0]), np.array([10.0]), np.array([UNKNOWN]))
    assert (nothing.now, nothing.reference, nothing.covered) == (None, 10.0, 0.0)
    assert constant_mix(np.array([0.0]), np.array([UNKNOWN]), np.array([1.0])).reference is None
    assert constant_mix(np.array([1.0]), np.array([0.0]), np.array([1.0])).now is None  # nothing to compare with


@given(st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(0.1, 10)), min_size=1, max_size=9))
def test_equal_costs_give_an_index_of_one_whatever_the_mix(rows: list[tuple[float, float, float]]) -> None:
    units, cost, factor = (np.array(column) for column in zip(*rows, strict=True))
    assert constant_mix(units, cost, cost).index == pytest.approx(1)
    index = constant_mix(units, cost, cost * factor).index
    assert index is not None
    assert factor.min() - 1e-9 <= index <= factor.max() + 1e-9


def test_productivity_is_output_at_standard_value_for_a_plant_day() -> None:
    # (20 × 100 + 5 × 40) / (2 plants × 5 days) = 220
    assert productivity(np.array([20.0, 5.0]), np.array([100.0, 40.0]), 10.0) == 220.0
    assert productivity(np.array([0.0]), np.array([100.0]), 0.0) is None


BEFORE = Outcome(margin_lost=0.0, revenue_lost=0.0, freight=100.0, lateness=0.0, stock_held=1000.0)
NOW = Outcome(margin_lost=300.0, revenue_lost=1000.0, freight=150.0, lateness=50.0, stock_held=4650.0)


def test_what_a_plan_does_to_ebitda_and_roce() -> None:
    # −(300 + 150 + 50) − −100 = −400
    assert ebitda_effect(NOW, BEFORE) == -400.0
    books = Finance(revenue=11_000.0, ebitda=2400.0, depreciation=400.0, capital_employed=9900.0, period_days=365)
    # (2400 − 400) / (11000 − 1000) − 2400 / 11000 = 0.2 − 0.21818…
    assert ebitda_margin_effect(NOW, BEFORE, books) == pytest.approx(100 * (0.2 - 2400 / 11_000))
    # stock of 3650 more for 10 of 365 days: 100 more on average. (2000 − 400) / 10000 − 2000 / 9900 = 0.16 − 0.20202…
    assert roce_effect(NOW, BEFORE, books, 10.0) == pytest.approx(100 * (0.16 - 2000 / 9900))


@pytest.mark.parametrize("missing", ["revenue", "ebitda", "depreciation", "capital_employed"])
def test_what_the_books_do_not_say_is_unknown(missing: str) -> None:
    whole = {"revenue": 1e4, "ebitda": 1e3, "depreciation": 100.0, "capital_employed": 1e4}
    books = Finance(**{name: None if name == missing else value for name, value in whole.items()})  # type: ignore[arg-type]
    assert (ebitda_margin_effect(NOW, BEFORE, books) is None) == (missing in ("revenue", "ebitda"))
    assert (roce_effect(NOW, BEFORE, books, 7.0) is None) == (missing != "revenue")


def test_ratios_over_nothing_are_unknown() -> None:
    books = Finance(revenue=900.0, ebitda=100.0, depreciation=0.0, capital_employed=10.0)
    assert ebitda_margin_effect(NOW, BEFORE, books) is None  # more revenue lost than there was
    assert roce_effect(BEFORE, NOW, books, 365.0) is None  # more stock gone than capital employed


def test_no_difference_has_no_effect() -> None:
    books = Finance(revenue=1e4, ebitda=1e3, depreciation=100.0, capital_employed=1e4)
    effects = ebitda_effect(NOW, NOW), ebitda_margin_effect(NOW, NOW, books), roce_effect(NOW, NOW, books, 7.0)
    assert effects == (0.0, 0.0, 0.0)


def test_emissions_by_element_name_their_factor_and_source() -> None:
    places = [node("f", "plant"), node("d", "dc"), node("x", "customer")]
    ways = [lane("f-d", "f", "d", 1.0), lane("d-x", "d", "x", 1.0)]  # 100 km, 80 g/tkm of their own
    net = network(places, ways, [], {})
    own = emissions(net, {"f-d": 2.0, "d-x": 0.0}, {"f": 2.0})
    # 2 t × 100 km × 80 g = 16 kg; the empty lane and the plant without a factor are no elements
    assert [(each.element, each.kg, each.source, each.default) for each in own.elements] == [("lane:f-d", 16.0, NO_SOURCE, True)]
    assert (own.kg, own.tkm, own.g_per_tkm, own.default_share, own.unstated) == (16.0, 200.0, 80.0, 1.0, 0)


def test_the_nearest_factor_wins() -> None:
    net = network(
        [node("f", "plant"), node("d", "dc"), node("x", "customer")], [lane("f-d", "f", "d", 1.0), lane("d-x", "d", "x", 1.0)], [], {}
    )

    def given_(*rows: tuple[str, float, str]) -> tuple[EmissionFactor, ...]:
        return tuple(EmissionFactor(element=name, factor=factor, unit=unit, source=f"of {name}", year=2025) for name, factor, unit in rows)

    both = {"f-d": 2.0, "d-x": 1.0}
    net = replace(net, emission_factors=given_(("road", 100.0, "g/tkm"), ("lane:f-d", 50.0, "g/tkm"), ("dc", 3.0, "kg/t")))
    found = emissions(net, both, {"f": 2.0, "d": 1.0})
    # 200 tkm × 50 g = 10 kg; 100 tkm × 100 g = 10 kg; 1 t × 3 kg = 3 kg at the centre, none at the plant
    assert [(each.element, each.kg, each.source, each.year) for each in found.elements] == [
        ("lane:f-d", 10.0, "of lane:f-d", 2025),
        ("lane:d-x", 10.0, "of road", 2025),
        ("node:d", 3.0, "of dc", 2025),
    ]
    # of the legs alone: 20 kg over 300 tkm
    assert (found.kg, found.default_share) == (23.0, 0.0)
    assert found.g_per_tkm == pytest.approx(20_000 / 300)
    at_the_node = replace(net, emission_factors=given_(("dc", 3.0, "kg/t"), ("node:d", 5.0, "kg/t")))
    mixed = emissions(at_the_node, both, {"d": 1.0})
    # legs by their own 80 g: 16 + 8 kg, the hub 5 kg: 24 of 29 by default
    assert mixed.kg == 29.0
    assert mixed.default_share == pytest.approx(24 / 29)


def test_nothing_carried_emits_nothing() -> None:
    found = emissions(network([node("x", "customer")], [], [], {}), {}, {})
    assert (found.kg, found.g_per_tkm, found.default_share) == (0.0, None, None)


DAYS = np.arange(21.0)


def course(*levels: float) -> Floats:
    """Twenty days of performance, whole after those given."""
    return np.array([*levels, *([1.0] * (20 - len(levels)))])


def test_the_triangle_by_hand() -> None:
    # two days at half, one at 80 %, then whole for 17: back after 3 days; 0.5 + 0.5 + 0.2 = 1.2 days lost
    found = recovery(DAYS, course(0.5, 0.5, 0.8))
    assert found.days == 3.0
    assert found.area == pytest.approx(1.2)


def test_a_closure_that_shows_late_still_counts_from_its_beginning() -> None:
    found = recovery(DAYS, course(1.0, 0.97, 0.5))
    assert found.days == 3.0
    assert found.area == pytest.approx(0.53)  # 0.03 + 0.5


def test_a_rise_that_does_not_hold_is_no_recovery() -> None:
    # whole on days 1–4, which is less than seven; down again on day 5; whole from day 6
    found = recovery(DAYS, course(0.5, 1.0, 1.0, 1.0, 1.0, 0.5))
    assert found.days == 6.0
    assert found.area == pytest.approx(1.0)
    # seven days from day 1 to day 8 are enough, whatever comes after
    assert recovery(DAYS, course(0.5, *[1.0] * 7, 0.5)).days == 1.0


def test_ninety_five_percent_is_recovered() -> None:
    assert recovery(DAYS, course(0.5, *[0.95] * 19)) == Recovery(1.0, 0.5)
    assert recovery(DAYS, course(0.5, *[0.94] * 19)).days is None


def test_what_the_horizon_does_not_show_is_not_said() -> None:
    # back on day 3 of 7: it would have to hold until day 10. Lost until the end: 1.5
    found = recovery(np.arange(8.0), np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]))
    assert found == Recovery(None, 1.5)


def test_performance_is_a_share_of_before_and_waits_where_nothing_was_due() -> None:
    found = performance(np.array([0.0, 10.0, 0.0, 4.0]), np.array([0.0, 5.0, 3.0, 6.0]))
    assert list(found) == [1.0, 0.5, 0.5, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_triangle_is_bounded_and_nothing_lost_is_nothing(levels: list[float]) -> None:
    edges, course = np.arange(len(levels) + 1.0), np.array(levels)
    found = recovery(edges, course)
    assert 0 <= found.area <= (edges[-1] if found.days is None else found.days)
    whole = recovery(edges, np.ones(len(levels)))
    assert (whole.days, whole.area) == (0.0, 0.0)
    assert recovery(edges, performance(course + 1, course + 1)) == whole


def test_every_definition_says_what_a_reader_needs() -> None:
    for name, row in kpis().items():
        assert (row.id, bool(row.name and row.unit and row.source)) == (name, True)
        told = row.told("Modelled")
        assert told.startswith(row.formula)
        assert told.endswith("Modelled.")
        assert ".." not in told
