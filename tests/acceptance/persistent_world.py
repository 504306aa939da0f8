"""A world that outlives a killed runtime: an executor over a file, and the scripted day of containments that the crash proofs run.

Imported by `test_journal_crash.py` and `test_wal_cut.py`; run as a program it makes the processes that get killed. For each line that it
reads, `[FOLDER, WORKERS]` or `[FOLDER, WORKERS, before|after, K]` as JSON text, a process of its own runs the script, and kills itself
with SIGKILL right before or right after its K-th commit; its exit code is told when it is over. (Forked, for the walk needs hundreds of
processes that would all import the same.)
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from interferon.act.lifecycle import IllegalTransition
from interferon.actions import ACTIONS
from interferon.model.effects import Intent, Observed, Outcome, Receipt, Value
from interferon.model.network import Asset, Budgets, Conduit, Network, Settings, Zone
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from interferon.store.journal_writer import CommitQueue

BEGIN = 1_700_000_000_000_000  # microseconds UTC, start of the script's clock
HOUR = 3_600_000_000
IN_FORCE, UNDONE = "in force", "undone"


class World:
    """An `Executor`. Remembers every idempotency key, counts how often it took hold and how often it was asked for again.

    Some targets misbehave: `asset:broken` fails to apply, `asset:half` applies but does not hold, `asset:mute` applies without an answer.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing that it wrote
        self._db.execute("CREATE TABLE IF NOT EXISTS fence (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER)")
        self._db.execute("INSERT OR IGNORE INTO fence VALUES (1, 0)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS keys (effect TEXT PRIMARY KEY, action, target, state, took_hold INTEGER, repeats INTEGER)"
        )

    def close(self) -> None:
        self._db.close()

    def fence(self, epoch: int) -> None:
        with self._lock:
            self._db.execute("UPDATE fence SET epoch = max(epoch, ?)", (epoch,))

    def precheck(self, action: str, target: str) -> Outcome:
        return Outcome("ok")

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        with self._lock:
            if self._stale(epoch):
                return Outcome("refused", f"epoch {epoch} is over")
            if target == "asset:broken":
                return Outcome("failed", "the switch does not answer")
            known = self._db.execute("UPDATE keys SET repeats = repeats + 1 WHERE effect = ? RETURNING state", (effect_id,)).fetchall()
            if known:
                return Outcome("ok") if known[0][0] == IN_FORCE else Outcome("refused", "was applied and undone before")
            self._db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, 1, 0)", (effect_id, action, target, IN_FORCE))
        return Outcome("unknown", "time-out") if target == "asset:mute" else Outcome("ok")

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        there = effect_id in {seen.effect for seen in self.observed()}
        return Outcome("ok") if there and target != "asset:half" else Outcome("failed", "flows still pass")

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        with self._lock:
            if self._stale(epoch):
                return Outcome("refused", f"epoch {epoch} is over")
            self._db.execute("UPDATE keys SET state = ? WHERE effect = ?", (UNDONE, effect_id))
        return Outcome("ok")

    def observed(self) -> frozenset[Observed]:
        with self._lock:
            return frozenset(
                Observed(*row) for row in self._db.execute("SELECT effect, action, target FROM keys WHERE state = ?", (IN_FORCE,))
            )

    def counts(self) -> dict[str, tuple[int, int]]:
        """Effect → how often it took hold, how often it was asked for again."""
        return {row[0]: (row[1], row[2]) for row in self._db.execute("SELECT effect, took_hold, repeats FROM keys")}

    def _stale(self, epoch: int) -> bool:
        newest: int = self._db.execute("SELECT epoch FROM fence").fetchone()[0]
        self._db.execute("UPDATE fence SET epoch = max(epoch, ?)", (epoch,))
        return epoch < newest


def network() -> Network:
    """One cell with a safety system in its own zone; small budgets."""
    types = {"plc-1": "plc", "broken": "plc", "half": "plc", "mute": "plc", "sis-1": "sis"}
    assets = {k: Asset(id=k, zone="safety" if kind == "sis" else "cell", type=kind) for k, kind in types.items()}
    return Network(
        settings=Settings(name="crash", budgets=Budgets(isolated_assets=5, actions_per_hour=20)),
        revision=1,
        sites={},
        zones={k: Zone(id=k, site="s", purdue=1, criticality=3) for k in ("cell", "safety")},
        conduits={"c-1": Conduit(id="c-1", from_zone="cell", to_zone="safety", protocol="modbus", port=502)},
        assets=assets,
        partners={},
        nodes={},
        lanes={},
        products={},
        orders={},
        people={},
    )


def wanted(name: str, action: str, target: str, ttl_h: int = 1, assets: int = 0) -> Intent:
    return Intent(
        id=name,
        plan="p-1",
        incident="i-1",
        action=action,
        target=target,
        ttl_s=ttl_h * 3600,
        requested_by="policy",
        time=BEGIN,
        assets=assets,
    )


FIRST = [
    wanted("e-plc", "isolate_asset", "asset:plc-1", ttl_h=24, assets=1),
    wanted("e-conduit", "cut_conduit", "conduit:c-1"),
    wanted("e-sis", "isolate_asset", "asset:sis-1", assets=1),
    wanted("e-broken", "isolate_asset", "asset:broken", assets=1),
    wanted("e-beyond", "isolate_asset", "asset:plc-1", assets=9),
]
SECOND = [wanted("e-half", "isolate_asset", "asset:half", assets=1), wanted("e-mute", "isolate_asset", "asset:mute", assets=1)]
THIRD = [wanted("e-order", "hold_transaction", "order:o-1", ttl_h=3)]


def script(effects: Effects, journal: Journal, tell: Callable[[Receipt], None]) -> None:
    """A day of containments with every way out: verified, renewed, undone, failed, refused, due, escalated. May run over itself again."""

    def decide(step: Callable[[], Receipt]) -> None:
        with suppress(IllegalTransition):  # decided before the crash
            tell(step())

    for batch in (FIRST, SECOND):
        for told in effects.submit(batch):
            tell(told)
    if not any(entry.kind == "decision" for entry in journal.ledger()):
        journal.record("decision", "p-1", {"chosen": 1}, BEGIN).result()
    for told in [*effects.undo(["e-plc"], "benign"), *effects.expire(BEGIN + 2 * HOUR)]:
        tell(told)
    decide(lambda: effects.renew("e-conduit", 24 * 3600, "still needed"))
    for told in [*effects.expire(BEGIN + 2 * HOUR + HOUR // 2), *effects.submit(THIRD), *effects.expire(BEGIN + 4 * HOUR)]:
        tell(told)
    decide(lambda: effects.escalate("e-order", "the planner decides"))
    for told in effects.undo(["e-mute", "e-half"], "over"):
        tell(told)


def killing(moment: str, at: int) -> Callable[[Any], None]:
    """A commit that ends the process right `before` or right `after` the `at`-th one."""
    numbers = count(1)
    commit = CommitQueue._commit

    def commit_or_die(queue: CommitQueue) -> None:
        number = next(numbers)
        if number == at and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(queue)
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    return commit_or_die


def main(folder: Path, workers: int) -> None:
    """Recover, run the script to its end, and note every receipt in `told.ndjson` the moment it is given."""
    world, ticks = World(folder / "world.sqlite"), count(BEGIN)
    with (
        (folder / "told.ndjson").open("ab", buffering=0) as notes,
        Journal(folder / "journal.sqlite") as journal,
        Effects(journal, world, ACTIONS, network(), lambda: next(ticks), workers=workers) as effects,
    ):

        def tell(told: Receipt) -> None:
            notes.write(msgspec.json.encode(told) + b"\n")

        recovery = effects.recover()
        (folder / "recovery.json").write_bytes(msgspec.json.encode(recovery))
        script(effects, journal, tell)


def one(folder: str, workers: str, *kill: str) -> None:
    """The whole life of one process."""
    code = 1
    try:
        if kill:
            setattr(CommitQueue, "_commit", killing(kill[0], int(kill[1])))  # noqa: B010  # mypy takes no assignment to a method
        main(Path(folder), int(workers))
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()  # no thread runs here
        if not child:
            one(*json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()
