"""A world that outlives a killed runtime: an executor over a file, and the scripted day of containments that the crash proofs run.

Imported by `test_journal_crash.py`, `test_journal_nodes.py` and `test_wal_cut.py`; run as a program it makes the processes that get killed.
For each line that it reads, a `Run` as JSON text, a process of its own runs the script, and its process id is told; for a line with that
id, its exit code is told when it is over. (Forked, for the walks need hundreds of processes that would all import the same.)
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from interferon.act.lifecycle import ENDED, IllegalTransition
from interferon.actions import ACTIONS
from interferon.model.effects import Intent, Observed, Outcome, Receipt, Value
from interferon.model.network import Asset, Budgets, Conduit, Network, Settings, Zone
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from interferon.store.journal_database import Place
from interferon.store.journal_lease import StaleEpoch
from interferon.store.journal_ledger import verify_ledger
from interferon.store.journal_writer import CommitQueue

BEGIN = 1_700_000_000_000_000  # microseconds UTC, start of the script's clock
HOUR = 3_600_000_000
IN_FORCE, UNDONE = "in force", "undone"
SHUT_OUT, RUNS = 3, 1000
EXPECTED = {
    "e-plc": "undone",
    "e-conduit": "verified",
    "e-sis": "failed",
    "e-broken": "failed",
    "e-beyond": "refused",
    "e-half": "undone",
    "e-mute": "undone",
    "e-order": "escalated",
}


class World:
    """An `Executor`. Remembers every idempotency key, counts how often it took hold and how often it was asked for again.

    Some targets misbehave: `asset:broken` fails to apply, `asset:half` applies but does not hold, `asset:mute` applies without an answer.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)  # a stopped process may hold it
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
        with self._alone():
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
        with self._alone():
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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Between the look at the epoch and the deed no other process gets in."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

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


def check_end(folder: Path, place: Place | None = None) -> None:
    """The end that a run has which nobody killed; what was told is on record; nothing took hold twice or was asked for again."""
    place = place or folder / "journal.sqlite"
    assert verify_ledger(place).problems == ()
    world = World(folder / "world.sqlite")
    with Journal(place, node="checks", wait_s=5) as journal:
        states = {effect.id: effect.state for effect in journal.effects()}
        assert states == EXPECTED
        assert {seen.effect for seen in world.observed()} == {name for name, state in states.items() if state not in ENDED}
        for line in (folder / "told.ndjson").read_text().splitlines():
            told = json.loads(line)
            assert told["status"] in {json.loads(step.body)["to"] for step in journal.history(told["effect"])}, told
        assert [entry.kind for entry in journal.ledger()].count("decision") == 1
    for name, (took_hold, repeats) in world.counts().items():
        assert (took_hold, repeats) == (1, 0), name
    world.close()


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


class Run(msgspec.Struct, kw_only=True):
    """One process. In `folder` lies the world, at `place` the journal, by default beside it; killed right before or after a commit."""

    folder: str
    place: str = ""
    workers: int = 4
    node: str = "a"
    lease_s: float = 10.0
    moment: str = ""  # before | after the `at`-th commit; '': not killed
    at: int = 0


def main(run: Run) -> None:
    """Recover, run the script to its end, and note every receipt in `told.ndjson` the moment it is given."""
    folder, ticks = Path(run.folder), count(BEGIN)
    world, place = World(folder / "world.sqlite"), run.place or folder / "journal.sqlite"
    with (
        (folder / "told.ndjson").open("ab", buffering=0) as notes,
        Journal(place, node=run.node, lease_s=run.lease_s) as journal,
        Effects(journal, world, ACTIONS, network(), lambda: next(ticks), workers=run.workers) as effects,
    ):

        def tell(told: Receipt) -> None:
            notes.write(msgspec.json.encode(told) + b"\n")

        recovery = effects.recover()
        (folder / f"recovery-{run.node}.json").write_bytes(msgspec.json.encode(recovery))
        script(effects, journal, tell)


def one(run: Run) -> None:
    """The whole life of one process: 0 where it came to the end, 3 where another node had taken over."""
    code = 1
    try:
        if run.moment:
            setattr(CommitQueue, "_commit", killing(run.moment, run.at))  # noqa: B010  # mypy takes no assignment to a method
        main(run)
        code = 0
    except StaleEpoch:
        code = SHUT_OUT
    finally:
        if code == 1:
            traceback.print_exc()
        os._exit(code)


class Maker:
    """The program below, from the side of a test. One thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[int, int] = {}  # of those that are over: the system tells it once
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def start(self, run: Run) -> int:
        """A process that runs; its id."""
        return self._ask(msgspec.json.encode(run).decode())

    def over(self, process: int) -> int | None:
        """Its exit code, or None while it runs."""
        if process not in self._codes and (code := self._ask(str(process))) != RUNS:
            self._codes[process] = code
        return self._codes.get(process)

    def end(self, process: int) -> int:
        """Its exit code, negative where a signal ended it; nothing else can be asked meanwhile."""
        return self._ask(f"-{process}")

    def wait(self, process: int, seconds: float = 60.0) -> int:
        """Its exit code, while others run."""
        end = time.monotonic() + seconds
        while (code := self.over(process)) is None:
            if time.monotonic() > end:
                os.kill(process, signal.SIGKILL)
                raise TimeoutError(f"process {process} has not ended in {seconds} s")
            time.sleep(0.01)
        return code

    def _ask(self, line: str) -> int:
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None
        with self._lock:
            asks.write(line + "\n")
            return int(answers.readline())

    def close(self) -> None:
        self._process.communicate()


def answer(line: str) -> int:
    """A process's id for a `Run`; for an id its exit code, RUNS while it has none, for a negative one once it has one."""
    if line.startswith("{"):
        run = msgspec.json.decode(line, type=Run)
        child = os.fork()  # no thread runs here
        if not child:
            one(run)
        return child
    done, status = os.waitpid(abs(int(line)), 0 if line.startswith("-") else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else RUNS


if __name__ == "__main__":
    with suppress(ImportError):
        import interferon.store.journal_postgres  # noqa: F401 - once, not in each process
    for asked in sys.stdin:
        sys.stdout.write(f"{answer(asked)}\n")
        sys.stdout.flush()
