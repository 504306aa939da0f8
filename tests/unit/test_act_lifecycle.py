"""The pure part of acting: which state follows which, what holds a budget, when an intent is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.act import budget
from interferon.act.lifecycle import ENDED, IN_FLIGHT, NEXT, RENEWABLE, IllegalTransition, advance, expiry, holds
from interferon.model.effects import Held, Intent, State
from interferon.model.network import Budgets


def intent(assets: int = 0, downtime_h: int = 0, orders_late: int = 0) -> Intent:
    return Intent(
        id="e", plan="p", incident="i", action="a", target="asset:x", time=0, assets=assets, downtime_h=downtime_h, orders_late=orders_late
    )


@given(st.sampled_from(State), st.sampled_from(State))
def test_only_the_table_s_steps_are_taken(state: State, to: State) -> None:
    if to in NEXT[state]:
        assert advance("e-1", state, to) is to
    else:
        with pytest.raises(IllegalTransition, match=f"effect e-1: {state} cannot become {to}"):
            advance("e-1", state, to)


def test_every_state_reaches_an_end_or_a_person() -> None:
    resting = ENDED | {State.ESCALATED}
    for start in State:
        reached, frontier = {start}, [start]
        while frontier:
            more = NEXT[frontier.pop()] - reached
            reached |= more
            frontier += more
        assert reached & resting


def test_an_ended_effect_comes_back_only_as_an_orphan() -> None:
    assert {to for state in ENDED for to in NEXT[state]} == {State.ORPHAN}


def test_every_state_has_one_way_to_be_taken_care_of() -> None:
    assert not IN_FLIGHT & RENEWABLE
    assert IN_FLIGHT | RENEWABLE | ENDED | {State.VERIFIED} == set(State)
    assert all(holds(state) for state in IN_FLIGHT | RENEWABLE | {State.VERIFIED})
    assert not any(holds(state) for state in ENDED)


def test_time_to_live_is_in_seconds_and_times_in_microseconds() -> None:
    assert expiry(5, 2) == 2_000_005


def test_a_refusal_names_every_budget_that_is_too_small() -> None:
    limits = Budgets(actions_per_hour=3, isolated_assets=4, downtime_hours=5, orders_late_per_day=6)
    assert budget.refusal(intent(assets=2), Held(2, 2, 5, 6), limits) == ""
    why = budget.refusal(intent(assets=3, downtime_h=1, orders_late=9), Held(3, 2, 5, 0), limits)
    assert why == (
        "beyond budget: actions an hour: 3 held + 1 asked > 3; isolated assets: 2 held + 3 asked > 4; "
        "downtime hours: 5 held + 1 asked > 5; late orders: 0 held + 9 asked > 6"
    )


def test_what_an_intent_does_not_ask_for_does_not_stop_it() -> None:
    over = Held(actions=0, assets=99, downtime_h=99, orders_late=99)
    assert budget.refusal(intent(), over, Budgets(isolated_assets=1, downtime_hours=1, orders_late_per_day=1)) == ""


@given(st.lists(st.integers(0, 9)), st.integers(0, 30))
def test_admitted_assets_never_pass_the_limit(asked: list[int], limit: int) -> None:
    limits, held = Budgets(isolated_assets=limit, actions_per_hour=1_000), Held(0, 0, 0, 0)
    for assets in asked:
        if not budget.refusal(intent(assets=assets), held, limits):
            held = Held(held.actions + 1, held.assets + assets, 0, 0)
    assert held.assets <= limit
