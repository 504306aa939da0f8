"""Durable steps a second of the effect journal, and how long a containment takes while many run. Called by `interferon bench`.

Writes to a temporary folder and reads the clock; the baselines run on the same disk in the same run.
"""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from interferon.actions import ACTIONS
from interferon.model.effects import Intent, Observed, Outcome, State, Value
from interferon.model.network import Budgets, Network, Settings
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal

EFFECTS = 1000
CALLERS = 32
WAY = (State.APPLYING, State.APPLIED, State.VERIFIED)
BUDGETS = Budgets(actions_per_hour=1_000_000)


class Memory:
    """An executor whose world is a dict: what is measured is the journal and its driver."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._world: dict[str, Observed] = {}

    def fence(self, epoch: int) -> None:
        """One runtime only: nobody to keep out."""

    def precheck(self, action: str, target: str) -> Outcome:
        return Outcome("ok")

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        with self._lock:
            self._world[effect_id] = Observed(effect_id, action, target)
        return Outcome("ok")

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        return Outcome("ok" if effect_id in self._world else "failed")

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        with self._lock:
            self._world.pop(effect_id, None)
        return Outcome("ok")

    def observed(self) -> frozenset[Observed]:
        with self._lock:
            return frozenset(self._world.values())


def cases() -> list[dict[str, Any]]:
    """Rows of `interferon bench`: case, metric, value, target, holds, baselines."""
    with tempfile.TemporaryDirectory(prefix="interferon-bench-") as name:
        folder = Path(name)
        grouped, alone, loop = (
            grouped_steps(folder / "g.sqlite"),
            steps_one_by_one(folder / "s.sqlite"),
            two_fsync_loop(folder / "l.sqlite"),
        )
        p99 = containment_p99(folder / "c.sqlite")
    baselines = {"one commit a step": round(alone), "bare loop, two fsyncs a step": round(loop)}
    return [
        _row("durable steps a second, group commit", round(grouped), 15_000, grouped >= 15_000, baselines),
        _row("group commit over one commit a step, ratio", round(grouped / alone, 1), 5.0, grouped >= 5.0 * alone, {}),
        _row(f"{EFFECTS} containments from {CALLERS} threads, intent to verified receipt, p99 s", round(p99, 3), 1.0, p99 < 1.0, {}),
    ]


def grouped_steps(path: Path) -> float:
    """Steps a second when all that waits shares a commit: every step of every effect is queued, then waited for."""
    with Journal(path) as journal:
        begin = time.perf_counter()
        waiting: list[Any] = [journal.admit([_intent(number)], BUDGETS, 0) for number in range(EFFECTS)]
        waiting += [journal.advance(f"e-{number}", state, 0) for state in WAY for number in range(EFFECTS)]
        for future in waiting:
            future.result()
        return len(waiting) / (time.perf_counter() - begin)


def steps_one_by_one(path: Path, effects: int = EFFECTS // 5) -> float:
    """Steps a second when each waits for its own commit."""
    with Journal(path) as journal:
        begin = time.perf_counter()
        for number in range(effects):
            journal.admit([_intent(number)], BUDGETS, 0).result()
            for state in WAY:
                journal.advance(f"e-{number}", state, 0).result()
        return effects * (1 + len(WAY)) / (time.perf_counter() - begin)


def two_fsync_loop(path: Path, steps: int = EFFECTS) -> float:
    """Steps a second of the plainest design: one commit for the intent and one for the receipt."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, done INTEGER)")
    begin = time.perf_counter()
    for step in range(steps):
        db.execute("INSERT INTO steps VALUES (?, 0)", (step,))
        db.execute("UPDATE steps SET done = 1 WHERE id = ?", (step,))
    taken = time.perf_counter() - begin
    db.close()
    return steps / taken


def containment_p99(path: Path, callers: int = CALLERS) -> float:
    """99th percentile of seconds from a submit to its verified receipt, while `callers` threads submit one containment after another."""
    with Journal(path) as journal, Effects(journal, Memory(), ACTIONS, _network(), _now, workers=callers) as effects:

        def contain(number: int) -> float:
            begin = time.perf_counter()
            (told,) = effects.submit([_intent(number, _now())])
            assert told.status is State.VERIFIED, told
            return time.perf_counter() - begin

        with ThreadPoolExecutor(callers) as pool:
            return float(np.percentile(list(pool.map(contain, range(EFFECTS))), 99))


def _now() -> int:
    return time.time_ns() // 1000


def _intent(number: int, at: int = 0) -> Intent:
    return Intent(id=f"e-{number}", plan="p", incident="i", action="hold_transaction", target=f"order:o-{number}", time=at)


def _network() -> Network:
    tables = ("sites", "zones", "conduits", "assets", "partners", "nodes", "lanes", "products", "orders", "people")
    empty: dict[str, Any] = {table: {} for table in tables}
    return Network(settings=Settings(name="bench", budgets=BUDGETS), revision=1, **empty)


def _row(metric: str, value: float, target: float, holds: bool, baselines: Mapping[str, float]) -> dict[str, Any]:
    return {"case": "journal", "metric": metric, "value": value, "target": target, "holds": holds, "baselines": baselines}
