"""Over seeds 1–20: attacks are contained, limits hold, look-alikes are left alone, orders ship. Ratios over seeds are ratios of sums."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

SEEDS = range(1, 21)
COUNTED = 0.02  # a seed that loses less OTIF than this without response is printed, not counted
Result = dict[str, Any]


def run(seed: int) -> Result:
    """The command, as the contract has it."""
    command = [str(Path(sys.executable).with_name("interferon")), "demo", "--headless", "--json", "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    found: Result = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def results() -> list[Result]:
    first = run(SEEDS[0])  # alone, so that the others find the closure table kept
    with ThreadPoolExecutor(2) as pool:
        found = [first, *pool.map(run, SEEDS[1:])]
    for result in found:
        sys.stdout.write(f"{result}\n")
    return found


def counted(results: list[Result]) -> list[Result]:
    return [r for r in results if r["otif_no_attack"] - r["otif_no_response"] >= COUNTED]


def lost(results: list[Result], arm: str) -> float:
    return float(sum(r["otif_no_attack"] - r[arm] for r in counted(results)))


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
