"""Over seeds 1–20: attacks are contained, limits hold, look-alikes are left alone, orders ship. Ratios over seeds are ratios of sums."""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from interferon.model.network import Network
from interferon.runtime import demo
from interferon.store import examples
from interferon.store.folder import load
from interferon.trust.policy import builtin_policy
from interferon.twin import catalog

SEEDS = range(1, 21)
COUNTED = 0.02  # a seed that loses less OTIF than this without response is printed, not counted


@cache
def medica() -> Network:
    with TemporaryDirectory() as folder:
        examples.write("medica", Path(folder) / "medica")
        return load(Path(folder) / "medica")


@cache
def stage() -> demo.Stage:
    return demo.stage(medica(), builtin_policy("demo", "people").ask)


def run(seed: int) -> demo.Result:
    return demo.run(stage(), catalog.scenario_for(medica(), seed), seed)


@pytest.fixture(scope="module")
def results() -> list[demo.Result]:
    stage()  # once, so that the workers find the closure table kept
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(run, SEEDS))
    for result in found:
        sys.stdout.write(f"{result}\n")
    return found


def counted(results: list[demo.Result]) -> list[demo.Result]:
    return [r for r in results if r.otif_no_attack - r.otif_no_response >= COUNTED]


def lost(results: list[demo.Result], arm: str) -> float:
    return sum(r.otif_no_attack - float(getattr(r, arm)) for r in counted(results))


def test_there_are_different_attacks_and_enough_that_looks_like_one(results: list[demo.Result]) -> None:
    assert len({r.scenario for r in results}) >= 4
    assert min(r.lookalikes for r in results) >= 3
    assert len(counted(results)) >= 15


def test_attacks_are_contained(results: list[demo.Result]) -> None:
    assert sum(r.contained for r in results) >= 18


def test_no_limit_is_violated(results: list[demo.Result]) -> None:
    assert [r.seed for r in results if r.violations] == []


def test_lookalikes_are_left_alone(results: list[demo.Result]) -> None:
    assert sum(r.lookalikes_isolated for r in results) <= 2


def test_otif_lost_is_at_most_half_of_what_no_response_loses(results: list[demo.Result]) -> None:
    assert lost(results, "otif") <= 0.5 * lost(results, "otif_no_response")


def test_a_person_after_four_hours_and_isolating_everything_lose_more(results: list[demo.Result]) -> None:
    assert lost(results, "otif") < lost(results, "otif_human_4h")
    assert lost(results, "otif") < lost(results, "otif_isolate_everything")
