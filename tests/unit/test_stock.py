"""Guaranteed-service safety stock: by hand, against trying out everything, and what must always hold."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.bench.flow_stock_data import drawn
from interferon.flow.stock_bound import Passing
from interferon.flow.stock_box import narrowed, square_roots, whole
from interferon.flow.stock_model import FREE, Link, Stage, StockModel, all_zero, model, only_customer_facing, policy
from interferon.flow.stock_single import base_stock
from interferon.flow.stock_solve import solve
from interferon.flow.stock_tree import best, forest
from interferon.model.errors import InputError


def tried_out(built: StockModel) -> float:
    """The least cost of all quoted times."""
    ranges = (range(int(latest) + 1) for latest in built.latest_out)
    return min(policy(built, np.array(quoted, np.int64)).total for quoted in itertools.product(*ranges))


@st.composite
def small(draw: st.DrawFn) -> StockModel:
    """A network of up to five stages with any links from earlier to later ones, some on the way for a period."""
    count = draw(st.integers(1, 5))
    pairs = draw(st.lists(st.sampled_from([(i, j) for j in range(5) for i in range(j)]), unique=True, max_size=8))
    links = [Link(str(i), str(j), draw(st.sampled_from([1.0, 2.5])), draw(st.integers(0, 1))) for i, j in pairs if j < count]
    ends = {link.tail for link in links}
    stages = [
        Stage(
            name=str(k),
            time=draw(st.integers(0, 2)),
            cost=draw(st.floats(0.1, 9.0)),
            quote=draw(st.integers(0, 2)) if str(k) not in ends or draw(st.booleans()) else FREE,
            sigma=draw(st.sampled_from([0.0, 1.0, 3.0])),
            inbound=draw(st.integers(0, 1)),
        )
        for k in range(count)
    ]
    return model(stages, links, z=1.5)


@given(small())
@settings(max_examples=60)
def test_the_answer_is_the_least_of_all_and_proven_so(built: StockModel) -> None:
    if np.prod(built.latest_out + 1.0) > 4_000:
        return
    answer = solve(built)
    least = tried_out(built)
    assert answer.policy.total == pytest.approx(least, rel=1e-6, abs=1e-9)
    assert answer.bound <= least * (1 + 1e-9) + 1e-9
    assert answer.gap == 0.0


@given(small())
@settings(max_examples=60)
def test_what_every_answer_obeys(built: StockModel) -> None:
    found = solve(built).policy
    assert (found.net >= 0).all()
    assert (found.quoted[built.tail] + built.lag <= found.inbound[built.head]).all()
    assert (found.quoted <= built.latest_out).all()
    assert (found.inbound >= built.inbound).all()
    assert found.safety == pytest.approx(built.z * built.sigma * np.sqrt(found.net))
    assert found.target == pytest.approx(built.mean * found.net + found.safety)
    assert found.total <= min(all_zero(built).total, only_customer_facing(built).total) * (1 + 1e-12) + 1e-12


@given(small(), st.data())
@settings(max_examples=40)
def test_a_bound_holds_for_every_policy_of_its_box(built: StockModel, data: st.DataObject) -> None:
    box = whole(built)
    high = np.array([data.draw(st.integers(int(low), int(up))) for low, up in zip(box.out_low, box.out_high, strict=True)], np.int64)
    inner = narrowed(built, type(box)(box.out_low, high, box.in_low, box.in_high))
    assert inner is not None
    passing = Passing(built)
    told = passing.silent()
    for _ in range(5):
        bound, quoted = passing.sweep(inner, told)
        assert bound <= policy(built, inner.out_high).total + 1e-9
        assert bound <= policy(built, inner.out_low).total + 1e-9
        assert (quoted <= inner.out_high).all()


def test_a_chain_by_hand() -> None:
    """Part (10 periods, cost 1) → shop (2 periods, cost 4), which quotes zero: either both hold, or the shop holds for all 12."""
    built = model([Stage("part", 10, 1.0), Stage("shop", 2, 4.0, quote=0, mean=5.0, sigma=3.0)], [Link("part", "shop", each=2.0)], z=2.0)
    assert all_zero(built).total == pytest.approx(2 * (1 * 6 * math.sqrt(10) + 4 * 3 * math.sqrt(2)))
    assert only_customer_facing(built).total == pytest.approx(2 * 4 * 3 * math.sqrt(12))
    answer = solve(built)
    assert answer.gap == 0
    assert answer.policy.total == pytest.approx(min(all_zero(built).total, only_customer_facing(built).total))
    assert answer.policy.quoted.tolist() == [0, 0]
    assert answer.policy.target.tolist() == pytest.approx([10 * 10 + 12 * math.sqrt(10), 5 * 2 + 6 * math.sqrt(2)])


def test_one_customers_demand_over_two_ways_is_one_demand_and_two_customers_are_pooled() -> None:
    stages = [Stage("part", 1, 1.0), Stage("left", 1, 1.0), Stage("right", 1, 1.0), Stage("kit", 1, 1.0, 0, mean=1.0, sigma=2.0)]
    ways = [Link("part", "left"), Link("part", "right", 2.0), Link("left", "kit"), Link("right", "kit")]
    built = model(stages, ways, z=1.0)
    assert dict(zip(built.names, built.sigma.tolist(), strict=True))["part"] == pytest.approx(6.0)
    shops = [Stage("part", 1, 1.0), Stage("a", 1, 1.0, 0, sigma=3.0), Stage("b", 1, 1.0, 0, sigma=4.0)]
    links = [Link("part", "a"), Link("part", "b")]
    assert model(shops, links, z=1.0).sigma.max() == pytest.approx(5.0)
    assert model(shops, links, z=1.0, pool=1.0).sigma.max() == pytest.approx(7.0)


def test_a_network_of_some_size_is_bounded_and_the_same_each_time() -> None:
    built = model(*drawn(150, 7), z=1.645)
    answer, again = solve(built, 0.3), solve(built, 0.3)
    assert answer.policy.total == again.policy.total
    assert answer.bound == again.bound
    assert 0 <= answer.gap < 0.1
    assert answer.policy.total < 0.999 * min(all_zero(built).total, only_customer_facing(built).total)


def test_more_effort_narrows_the_gap() -> None:
    built = model(*drawn(40, 3), z=1.645)
    assert solve(built, 0.5).gap < solve(built, 0.05).gap


def test_the_forest_programme_agrees_with_the_policy_it_gives() -> None:
    stages, links = drawn(60, 5)
    taken: set[str] = set()
    tree = [link for link in links if link.head not in taken and not taken.add(link.head)]  # type: ignore[func-returns-value]
    built = model(stages, tree, z=1.0)
    grown = forest(built, np.zeros(len(built.tail)))
    assert len(grown.outside) == 0
    total, quoted = best(built, grown, whole(built), square_roots(built))
    assert policy(built, quoted).total == pytest.approx(total)
    assert solve(built).policy.total == pytest.approx(total)


def test_costs_of_very_different_size_do_no_harm() -> None:
    stages = [Stage("p", 3, 1e-9), Stage("q", 3, 1e9), Stage("x", 1, 1.0, 0, sigma=1.0), Stage("y", 1, 1e12, 1, sigma=1.0)]
    built = model(stages, [Link(a, b) for a in "pq" for b in "xy"], z=1.0)
    answer = solve(built)
    assert answer.policy.total == pytest.approx(tried_out(built), rel=1e-7)


@pytest.mark.parametrize(
    ("stages", "links", "told"),
    [
        ([Stage("a", 1, 1.0), Stage("b", 1, 1.0)], [Link("a", "b"), Link("b", "a")], r"stages form a cycle: (a → b → a|b → a → b)"),
        ([Stage("a", 1, 1.0), Stage("a", 1, 1.0)], [], "stage a is given twice"),
        ([Stage("a", 1, 1.0)], [Link("a", "c")], "link a → c: there is no stage c"),
        ([Stage("a", -1, 1.0)], [], "stage a: times, cost and demand must be finite"),
        ([Stage("a", 1, math.nan)], [], "stage a: times, cost and demand must be finite"),
        ([Stage("a", 1, 1.0), Stage("b", 1, 1.0)], [Link("a", "b", 0.0)], "link a → b: units must be more than 0"),
    ],
)
def test_what_makes_no_model_is_told(stages: list[Stage], links: list[Link], told: str) -> None:
    with pytest.raises(InputError, match=told):
        model(stages, links, z=1.0)


def test_no_stage_at_all_costs_nothing() -> None:
    answer = solve(model([], [], z=1.0))
    assert (answer.policy.total, answer.gap) == (0.0, 0.0)


def test_the_pool_must_be_a_norm() -> None:
    with pytest.raises(InputError, match=r"pool is 0\.5"):
        model([Stage("a", 1, 1.0)], [], z=1.0, pool=0.5)


def test_base_stock_of_one_place() -> None:
    level, cost = base_stock(100.0, 0.0, 1.0, 9.0, lead=2)
    assert (level, cost) == (300.0, 0.0)
    level, cost = base_stock(50.0, 8.0, 1.0, 1.0)  # equal costs: stock the median
    assert level == pytest.approx(50.0)
    assert cost == pytest.approx(2 * 8 / math.sqrt(2 * math.pi))
    with pytest.raises(InputError, match="costs must be more than 0"):
        base_stock(1.0, 1.0, 0.0, 1.0)
