"""The base-stock simulation: by hand, against a plain loop and stockpyl on the same path of demand, invariants, intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interferon
from interferon.bench import flow_stockpyl
from interferon.bench.flow_plain import OUTSIDE, Books
from interferon.bench.flow_plain import periods as plain_periods
from interferon.bench.flow_simulate import CHAIN
from interferon.flow.basestock import BLOCK, Rates, State, simulate_chain, states
from interferon.flow.echelons import Arc, Chain, Demand, Lead, Stage
from interferon.flow.interval import Interval, interval
from interferon.flow.problem import Floats
from interferon.model.errors import InputError

PERIODS = 40


def paths(seed: int, periods: int = PERIODS, chain: Chain = CHAIN) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {s.id: np.array([s.demand.draw(rng, 1)[0] for _ in range(periods)]) for s in chain.stages if s.demand is not None}


def assert_same_books(chain: Chain, state: State, books: dict[str, Books], column: int = 0) -> None:
    """All that both keep, stage by stage."""
    arcs = len(chain.arcs)
    for i, stage in enumerate(chain.stages):
        book = books[stage.id]
        assert state.on_hand[i, column] == pytest.approx(max(book.level, 0.0), abs=1e-9)
        assert state.ordered[i, column] == pytest.approx(book.ordered, abs=1e-9)
        assert state.met[i, column] == pytest.approx(book.on_time, abs=1e-9)
        assert state.owed[arcs + i, column] == pytest.approx(book.backorders.get(OUTSIDE, 0.0), abs=1e-9)
    for a, arc in enumerate(chain.arcs):
        origin, destination = books[arc.origin], books[arc.destination]
        assert state.owed[a, column] == pytest.approx(origin.backorders[arc.destination], abs=1e-9)
        assert state.sent[a, column] == pytest.approx(origin.sent[arc.destination], abs=1e-9)
        assert state.moving[a, column] == pytest.approx(sum(destination.pipeline[arc.origin]), abs=1e-9)
        assert state.waiting[a, column] == pytest.approx(destination.components[arc.origin], abs=1e-9)


def test_two_stages_by_hand() -> None:
    """A warehouse that keeps 10 and a shop that keeps 6, each one period from its supplier; 4, 5, 9 and 0 are asked for.

    0: the shop sells 4 of 6, the warehouse sends 4 of 10. 1: the 4 arrive at both; the shop sells 5 of 6, the warehouse sends 5 of 10.
    2: the 5 arrive at both; the shop sells 6 and owes 3, the warehouse sends 9 of 10. 3: the 9 arrive at both; the shop gives the 3.
    """
    chain = Chain(
        (Stage("warehouse", 10.0, holding=1.0, supply=Lead(1)), Stage("shop", 6.0, holding=2.0, backorder=10.0, demand=Demand(5.0))),
        (Arc("warehouse", "shop", Lead(1), kg_co2=0.5),),
    )
    demand = {"shop": np.array([4.0, 5.0, 9.0, 0.0])}
    seen = [
        (s.on_hand[:, 0].tolist(), float(s.owed[2, 0]), float(s.moving[0, 0]), float(Rates(chain).cost(s)[0]))
        for s in states(chain, 4, 1, 0, demand=demand)
    ]
    assert seen == [
        ([6.0, 2.0], 0.0, 4.0, 6 + 4 + 4.0),
        ([5.0, 1.0], 0.0, 5.0, 5 + 2 + 5.0),
        ([1.0, 0.0], 3.0, 9.0, 1 + 30 + 9.0),
        ([10.0, 6.0], 0.0, 0.0, 10 + 12.0),
    ]
    told = simulate_chain(chain, 4, 2, 0, demand=demand)
    assert told.cost == Interval((14 + 12 + 40 + 22) / 4, 0.0)
    assert (told.fill_rate.mean, told.otif.mean, told.wait.mean) == pytest.approx((15 / 18, 2 / 3, 3 / 18))
    assert told.co2_kg.mean == pytest.approx(0.5 * 18 / 4)
    assert simulate_chain(chain, 4, 2, 0, demand=demand, window=1).otif.mean == 1.0
    assert simulate_chain(chain, 4, 2, 0, demand=demand, warmup=2).otif.mean == 0.0
    assert told.node_periods == 2 * 4 * 2


@pytest.mark.parametrize("seed", range(3))
def test_the_plain_loop_has_the_same_books(seed: int) -> None:
    rates, path = Rates(CHAIN), paths(seed)
    asked = {stage: values.tolist() for stage, values in path.items()}
    for state, (books, cost) in zip(states(CHAIN, PERIODS, 2, 0, demand=path), plain_periods(CHAIN, asked), strict=True):
        assert_same_books(CHAIN, state, books, column=1)
        assert rates.cost(state)[1] == pytest.approx(cost)


def test_the_plain_loop_has_the_same_books_where_recipes_need_several_units_and_stock_starts_low() -> None:
    chain = Chain(
        (
            Stage("case", 60.0, holding=0.1, supply=Lead(2)),
            Stage("motor", 21.0, holding=0.5, opening=3.0),
            Stage("pump", 25.0, holding=3.0, backorder=9.0, demand=Demand(8.0, 4.0), opening=-5.0),
            Stage("spare", 6.0, holding=1.0, backorder=4.0, demand=Demand(3.0, kind="poisson"), opening=9.0),
        ),
        (
            Arc("case", "pump", Lead(1), units=2.0),
            Arc("motor", "pump", Lead(0)),
            Arc("motor", "spare", Lead(3), units=1.5),
        ),
    )
    path = paths(5, chain=chain)
    asked = {stage: values.tolist() for stage, values in path.items()}
    for state, (books, _) in zip(states(chain, PERIODS, 1, 0, demand=path), plain_periods(chain, asked), strict=True):
        assert_same_books(chain, state, books)


@pytest.mark.skipif(not flow_stockpyl.present(), reason="stockpyl is not installed; docs/simulation.md says how")
def test_stockpyl_has_the_same_costs_on_the_same_path() -> None:
    rates, path = Rates(CHAIN), paths(9, 25)
    ours = [float(rates.cost(state)[0]) for state in states(CHAIN, 25, 1, 0, demand=path)]
    assert flow_stockpyl.costs(CHAIN, {stage: values.tolist() for stage, values in path.items()}) == pytest.approx(ours)


def test_costs_that_stockpyl_gave() -> None:
    """`CHAIN` with the demand of the formula below: the costs that stockpyl 1.0.2 gave, for where it is not installed."""
    path = {s: np.array([float((7 * t + k) % (3 * k)) for t in range(8)]) for s, k in (("north", 13), ("south", 7), ("pump", 4))}
    rates = Rates(CHAIN)
    assert [float(rates.cost(s)[0]) for s in states(CHAIN, 8, 1, 0, demand=path)] == pytest.approx(
        [265.0, 198.0, 225.0, 337.0, 252.0, 244.0, 259.0, 167.0]
    )


stage_numbers = st.tuples(st.floats(0, 40), st.integers(0, 3), st.floats(0, 15))


@settings(max_examples=25, deadline=None)
@given(st.lists(stage_numbers, min_size=3, max_size=6), st.integers(0, 2**32 - 1), st.booleans(), st.data())
def test_units_are_kept_and_the_position_is_the_level(
    numbers: list[tuple[float, int, float]], seed: int, wavering: bool, data: st.DataObject
) -> None:
    """A random acyclic chain: what came in less what went out is what is there, nothing is below 0, the position is the level."""
    chances = (0.5, 0.3, 0.2) if wavering else ()
    chain = Chain(
        tuple(
            Stage(f"s{i}", level, demand=Demand(mean, mean / 2), supply=Lead(lead, chances))
            for i, (level, lead, mean) in enumerate(numbers)
        ),
        tuple(
            Arc(f"s{i}", f"s{j}", Lead(numbers[j][1], chances), units=data.draw(st.sampled_from([1.0, 2.0, 0.5])))
            for j in range(1, len(numbers))
            for i in data.draw(st.sets(st.integers(0, j - 1), max_size=2))
        ),
    )
    arcs, levels = len(chain.arcs), np.array([level for level, _, _ in numbers])[:, None]
    made, out, used = np.zeros((len(numbers), 3)), np.zeros((len(numbers), 3)), np.zeros((arcs, 3))
    sent = np.zeros((arcs, 3))
    for state in states(chain, 12, 3, seed):
        made += state.made
        out += state.sent[arcs:]
        for a, arc in enumerate(chain.arcs):
            out[chain.index[arc.origin]] += state.sent[a]
            sent[a] += state.sent[a]
            used[a] = made[chain.index[arc.destination]] * arc.units
        assert np.allclose(state.on_hand, levels + made - out, atol=1e-7)
        assert np.allclose(sent, used + state.moving + state.waiting, atol=1e-7)
        assert np.allclose(state.position, levels, atol=1e-7)
        for rows in (state.on_hand, state.owed, state.sent, state.moving + 1e-7, state.waiting, state.ordered, state.made):
            assert (rows >= 0).all()
        assert (np.minimum(state.on_hand, state.owed[arcs:]) == 0).all()


def test_shipments_do_not_overtake_and_take_as_long_as_they_are_said_to() -> None:
    chain = Chain((Stage("a", 1e6, supply=Lead(0)), Stage("b", 0.0, demand=Demand(0.0))), (Arc("a", "b", Lead(1, (0.25, 0.5, 0.25))),))
    once = {"b": np.array([1.0, *([0.0] * 5)])}
    arrived = np.array([state.made[1].copy() for state in states(chain, 6, 4000, 3, demand=once)])
    assert arrived.sum(axis=0).tolist() == [1.0] * 4000
    assert arrived.mean(axis=1) == pytest.approx([0, 0.25, 0.5, 0.25, 0, 0], abs=0.03)
    told = simulate_chain(chain, 400, 20, 3, demand={"b": np.ones(400)}, warmup=20)
    assert told.wait.mean >= 2.0  # a later one that would come sooner waits for the one before


def test_an_interval_is_students() -> None:
    told = interval(np.array([1.0, 2.0, 3.0, 6.0]))
    assert told.mean == 3.0
    assert told.half == pytest.approx(3.182446 * math.sqrt(14 / 3) / 2)
    assert (told.low, told.high) == (told.mean - told.half, told.mean + told.half)
    assert told.covers(3.1)
    assert not told.covers(7.0)


SHOP = Chain((Stage("shop", 12.0, holding=1.0, backorder=9.0, demand=Demand(10.0, 2.0), supply=Lead(1)),))


def newsvendor(stock: float, mean: float, sd: float) -> float:
    """Cost of a period: the closed form for normal demand over the lead time (Snyder and Shen, eq. 4.6)."""
    z = (stock - mean) / sd
    density, loss = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), 0.0
    loss = density - z * math.erfc(z / math.sqrt(2)) / 2
    return 1.0 * (stock - mean) + (1.0 + 9.0) * sd * loss


def test_the_closed_form_is_covered_as_often_as_the_interval_says() -> None:
    true = newsvendor(12.0, 10.0, 2.0)
    covers = [simulate_chain(SHOP, 11, 20, seed, warmup=1).cost.covers(true) for seed in range(200)]
    assert 0.9 <= np.mean(covers) <= 0.98


def test_intervals_shrink_with_the_root_of_the_replications() -> None:
    few, many = (simulate_chain(SHOP, 20, count, 1).cost.half for count in (500, 8000))
    assert few / many == pytest.approx(4.0, rel=0.15)


def test_the_same_seed_gives_the_same_figures_and_blocks_are_counted() -> None:
    count = BLOCK + 1
    assert simulate_chain(SHOP, 5, count, 4) == simulate_chain(SHOP, 5, count, 4) != simulate_chain(SHOP, 5, count, 5)
    each = np.arange(float(count))[:, None] * np.ones(5)
    assert simulate_chain(SHOP, 5, count, 4, demand={"shop": each}).cost.mean > 0
    assert interferon.simulate_chain(SHOP, 5, count, 4) == simulate_chain(SHOP, 5, count, 4)


def test_without_demand_all_is_on_time() -> None:
    told = simulate_chain(Chain((Stage("a", 3.0, holding=1.0),)), 5, 2, 0)
    assert (told.cost.mean, told.fill_rate.mean, told.otif.mean, told.wait.mean) == (3.0, 1.0, 1.0, 0.0)


A, B = Stage("a", 1.0), Stage("b", 1.0)


@pytest.mark.parametrize(
    ("stages", "arcs", "words"),
    [
        ((A, A), (), "two stages have one id"),
        ((A,), (Arc("a", "c"),), "there is no stage 'c'"),
        ((A, B), (Arc("a", "b"), Arc("a", "b")), "it is there twice"),
        ((A, B), (Arc("a", "b", units=0.0),), "units must be more than 0"),
        ((A, B), (Arc("a", "b", Lead(1, (0.5, 0.4))),), "probabilities sum to 1"),
        ((A, B), (Arc("a", "b", Lead(-1)),), "lead time is not negative"),
        ((A, B), (Arc("a", "b"), Arc("b", "a")), "in a circle: "),
        ((Stage("a", 1.0, demand=Demand(1.0, kind="uniform")),), (), "normal or poisson"),
        ((Stage("a", 1.0, opening=-1.0),), (), "no customer to owe"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(stages: tuple[Stage, ...], arcs: tuple[Arc, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Chain(stages, arcs)


@pytest.mark.parametrize(
    ("periods", "count", "more", "words"),
    [
        (5, 1, {}, "2 replications or more"),
        (5, 2, {"warmup": 5}, "leave nothing to count"),
        (5, 2, {"window": -1}, "leave nothing to count"),
        (5, 2, {"demand": {"x": np.ones(5)}}, "which is no stage"),
        (5, 2, {"demand": {"shop": np.ones(4)}}, "wanted 5 periods"),
        (5, 2, {"demand": {"shop": -np.ones(5)}}, "none below 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(periods: int, count: int, more: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_chain(SHOP, periods, count, 1, **more)  # type: ignore[arg-type]  # the point


def test_one_replication_has_no_interval() -> None:
    with pytest.raises(InputError, match="2 replications or more"):
        interval(np.array([1.0]))
