"""Runs of `interferon demo --headless --json` and what they lose; a ratio over runs is a ratio of sums. Used by the tests of its seeds
and of drawn campaigns."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

COUNTED = 0.02  # a run that loses less OTIF than this without response is printed, not counted
ARMS = ("otif", "otif_no_response", "otif_human_4h", "otif_isolate_everything")
Result = dict[str, Any]


def demo(*words: object) -> Result:
    """The command, as the contract has it."""
    command = [str(Path(sys.executable).with_name("interferon")), "demo", *map(str, words), "--headless", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    found: Result = json.loads(done.stdout)
    return found


def play(seeds: Iterable[int], run: Callable[[int], Result]) -> list[Result]:
    """Runs the seeds two at a time, the first one alone, so that the others find the closure table kept; prints each and the sums."""
    first, *others = seeds
    found: list[Result] = []
    with ThreadPoolExecutor(2) as pool:
        for result in chain([run(first)], pool.map(run, others)):
            found.append(result)
            sys.stdout.write(f"{json.dumps(result)}\n")
            sys.stdout.flush()
    held = {name: sum(result[name] for result in found) for name in ("contained", "violations", "lookalikes", "lookalikes_isolated")}
    losses = {arm: round(lost(found, arm), 3) for arm in ARMS}
    sys.stdout.write(f"of {len(found)} runs: {held}; OTIF lost over the {len(counted(found))} counted: {losses}\n")
    return found


def counted(results: list[Result]) -> list[Result]:
    return [r for r in results if r["otif_no_attack"] - r["otif_no_response"] >= COUNTED]


def lost(results: list[Result], arm: str) -> float:
    """OTIF lost against the twin without attack, summed over the runs that count."""
    return float(sum(r["otif_no_attack"] - r[arm] for r in counted(results)))
