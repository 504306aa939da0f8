"""Over seeds 1–20: attacks are contained, limits hold, look-alikes are left alone, orders ship. Ratios over seeds are ratios of sums."""

import pytest

from .demo_runs import Result, counted, demo, lost, play

SEEDS = range(1, 21)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return play(SEEDS, lambda seed: demo("--seed", seed))


def test_there_are_different_attacks_and_enough_that_looks_like_one(results: list[Result]) -> None:
    assert len({r["scenario"] for r in results}) >= 4
    assert min(r["lookalikes"] for r in results) >= 3
    assert len(counted(results)) >= 15


def test_attacks_are_contained(results: list[Result]) -> None:
    assert sum(r["contained"] for r in results) >= 18


def test_no_limit_is_violated(results: list[Result]) -> None:
    assert [r["seed"] for r in results if r["violations"]] == []


def test_lookalikes_are_left_alone(results: list[Result]) -> None:
    assert sum(r["lookalikes_isolated"] for r in results) <= 2


def test_otif_lost_is_at_most_half_of_what_no_response_loses(results: list[Result]) -> None:
    assert lost(results, "otif") <= 0.5 * lost(results, "otif_no_response")


def test_a_person_after_four_hours_and_isolating_everything_lose_more(results: list[Result]) -> None:
    assert lost(results, "otif") < lost(results, "otif_human_4h")
    assert lost(results, "otif") < lost(results, "otif_isolate_everything")
