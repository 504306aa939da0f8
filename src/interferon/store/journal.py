"""The effect journal: every intent, every step of its life and every decision, on disk before the world is touched.

Called by the runtime; reads may come from any thread. Touches one SQLite file. Times are handed in, ids are the caller's.
Write methods return futures: resolved means that the record survives a power cut.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from interferon.act import budget, lifecycle
from interferon.model.effects import Effect, Held, Intent, LedgerEntry, Observed, State
from interferon.model.errors import InputError, JournalError
from interferon.model.network import Budgets
from interferon.store import journal_ledger
from interferon.store.journal_schema import connect, connect_reader, migrate
from interferon.store.journal_writer import CommitQueue, StaleEpoch

_COLUMNS = "state, intent, changed, expires, epoch, detail"


def journal_path(folder: Path) -> Path:
    """Where the journal of a network folder lives; a path to a file is taken as the journal itself."""
    return folder if folder.is_file() else folder / "state" / "journal.sqlite"


class Journal:
    """The journal of one installation, opened for writing. Opening takes the next fencing epoch: an older runtime cannot write any more."""

    def __init__(self, path: Path, *, checkpoint_pages: int = 1000) -> None:
        """Open or create the file at `path`. Raises `InputError` where that cannot be done."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: cannot make the folder for the effect journal ({error.strerror})") from error
        self._queue = CommitQueue(connect(path, checkpoint_pages))
        try:
            self.epoch: int = self._queue.put(self._take_epoch).result()
            self._reader = connect_reader(path)
        except (InputError, JournalError):
            self._queue.close()
            raise
        self._reading = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is queued and let go of the file."""
        with self._reading:
            self._reader.close()
        self._queue.close()

    # ---- writing

    def admit(self, intents: Sequence[Intent], limits: Budgets, at: int) -> "Future[list[Effect]]":
        """Record each intent and reserve its budgets in one transaction; one beyond a budget is recorded as refused.

        An id that is known already gives the effect as it stands (nothing is recorded twice); the same id with another content is a
        `JournalError`, and then none of `intents` is recorded.
        """
        return self._queue.put(lambda db: [self._admit(db, intent, limits, at) for intent in intents])

    def advance(self, effect_id: str, to: State, at: int, detail: str = "", expires: int | None = None) -> "Future[Effect]":
        """Take one step; `IllegalTransition` where it may not follow the state on disk. `expires`: a new end of its time to live."""
        return self._queue.put(lambda db: self._advance(db, effect_id, to, at, detail, expires))

    def adopt(self, found: Observed, at: int) -> "Future[Effect | None]":
        """Record an effect that is in the world although no record explains it; None where a record in force does explain it."""
        return self._queue.put(lambda db: self._adopt(db, found, at))

    def record(self, kind: str, subject: str, content: Any, at: int) -> "Future[int]":
        """Add a decision, approval, verdict … to the ledger; `content` is anything msgspec encodes. Gives the row's number."""
        return self._queue.put(lambda db: self._record(db, kind, subject, content, at))

    # ---- reading

    def effect(self, effect_id: str) -> Effect | None:
        """The effect as it stands on disk."""
        with self._reading:
            return _find(self._reader, effect_id)

    def effects(self, states: Iterable[State] | None = None, incident: str | None = None, expired_by: int | None = None) -> list[Effect]:
        """Effects by admission; if given, only those in `states`, of `incident`, or whose time to live was over at `expired_by`."""
        wanted = list(State if states is None else states)
        sql = f"SELECT {_COLUMNS} FROM effects WHERE state IN ({','.join('?' * len(wanted))})"  # noqa: S608 - question marks only
        values: list[str | int] = [*wanted]
        if incident is not None:
            sql += " AND incident = ?"
            values.append(incident)
        if expired_by is not None:
            sql += " AND expires BETWEEN 1 AND ?"
            values.append(expired_by)
        with self._reading:
            return [_effect(row) for row in self._reader.execute(sql + " ORDER BY admitted, rowid", values)]

    def history(self, effect_id: str) -> list[LedgerEntry]:
        """Every step of an effect, oldest first."""
        with self._reading:
            return [entry for entry in journal_ledger.entries(self._reader, 0, -1, effect_id) if entry.kind == "effect"]

    def ledger(self, after: int = 0, limit: int = 1000) -> list[LedgerEntry]:
        """Rows of the ledger after number `after`, oldest first."""
        with self._reading:
            return journal_ledger.entries(self._reader, after, limit)

    def held(self, now: int) -> Held:
        """What is taken from the budgets at `now`."""
        with self._reading:
            return _held(self._reader, now)

    # ---- inside a transaction, on the writer's thread

    def _take_epoch(self, db: sqlite3.Connection) -> int:
        migrate(db, self.path)
        epoch: int = db.execute("UPDATE epochs SET epoch = epoch + 1 RETURNING epoch").fetchone()[0]
        return epoch

    def _fence(self, db: sqlite3.Connection) -> None:
        epoch = db.execute("SELECT epoch FROM epochs").fetchone()[0]
        if epoch != self.epoch:
            raise StaleEpoch(
                f"{self.path}: a newer runtime (epoch {epoch}) has taken over from this one (epoch {self.epoch}); nothing was recorded"
            )

    def _admit(self, db: sqlite3.Connection, intent: Intent, limits: Budgets, at: int) -> Effect:
        self._fence(db)
        known = _find(db, intent.id)
        if known is not None:
            if known.intent != intent:
                raise JournalError(f"effect {intent.id} is on record with another content: an id names one intent for ever")
            return known
        why = budget.refusal(intent, _held(db, at), limits)
        state = State.REFUSED if why else State.INTENT
        return self._insert(db, Effect(intent=intent, state=state, changed=at, expires=0, epoch=self.epoch, detail=why))

    def _insert(self, db: sqlite3.Connection, effect: Effect) -> Effect:
        intent = effect.intent
        text = msgspec.json.encode(intent, order="deterministic").decode()
        fixed = (intent.plan, intent.incident, intent.action, intent.target, text, effect.changed)
        moving = (effect.changed, effect.expires, effect.epoch, effect.detail)
        db.execute("INSERT INTO effects VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (effect.id, effect.state, *fixed, *moving))
        if lifecycle.holds(effect.state):
            _hold(db, intent, 1)
        step = {"from": "", "to": effect.state, "epoch": self.epoch, "detail": effect.detail, "intent": intent}
        journal_ledger.append(db, effect.changed, "effect", effect.id, step)
        return effect

    def _advance(self, db: sqlite3.Connection, effect_id: str, to: State, at: int, detail: str, expires: int | None) -> Effect:
        self._fence(db)
        before = _find(db, effect_id)
        if before is None:
            raise JournalError(f"effect {effect_id} is not on record")
        lifecycle.advance(effect_id, before.state, to)
        end = before.expires if expires is None else expires
        after = msgspec.structs.replace(before, state=to, changed=at, expires=end, epoch=self.epoch, detail=detail)
        db.execute(
            "UPDATE effects SET state = ?, changed = ?, expires = ?, epoch = ?, detail = ? WHERE id = ?",
            (to, at, end, self.epoch, detail, effect_id),
        )
        if lifecycle.holds(before.state) != lifecycle.holds(to):
            _hold(db, before.intent, 1 if lifecycle.holds(to) else -1)
        step = {"from": before.state, "to": to, "epoch": self.epoch, "detail": detail, "expires": end}
        journal_ledger.append(db, at, "effect", effect_id, step)
        return after

    def _adopt(self, db: sqlite3.Connection, found: Observed, at: int) -> Effect | None:
        known = _find(db, found.effect)
        why = "found in the world without an intent on record"
        if known is None:
            self._fence(db)
            intent = Intent(id=found.effect, plan="", incident="", action=found.action, target=found.target, ttl_s=0, time=at)
            return self._insert(db, Effect(intent=intent, state=State.ORPHAN, changed=at, expires=0, epoch=self.epoch, detail=why))
        if lifecycle.holds(known.state):
            return None
        return self._advance(db, found.effect, State.ORPHAN, at, f"found in the world although it is on record as {known.state}", None)

    def _record(self, db: sqlite3.Connection, kind: str, subject: str, content: Any, at: int) -> int:
        self._fence(db)
        if kind == "effect":
            raise JournalError("steps of an effect are recorded by `admit` and `advance`, not as free ledger rows")
        return journal_ledger.append(db, at, kind, subject, content)


def _effect(row: tuple[Any, ...]) -> Effect:
    state, text, changed, expires, epoch, detail = row
    intent = msgspec.json.decode(text, type=Intent)
    return Effect(intent=intent, state=State(state), changed=changed, expires=expires, epoch=epoch, detail=detail)


def _find(db: sqlite3.Connection, effect_id: str) -> Effect | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM effects WHERE id = ?", (effect_id,)).fetchone()  # noqa: S608 - a constant
    return _effect(row) if row else None


def _hold(db: sqlite3.Connection, intent: Intent, sign: int) -> None:
    db.execute(
        "UPDATE held SET assets = assets + ?, downtime_h = downtime_h + ?, orders_late = orders_late + ?",
        (sign * intent.assets, sign * intent.downtime_h, sign * intent.orders_late),
    )


def _held(db: sqlite3.Connection, now: int) -> Held:
    """The last hour's actions are counted from the index; the other budgets are kept as sums in the same transactions as the effects."""
    actions = db.execute("SELECT count(*) FROM effects WHERE admitted > ? AND state <> 'refused'", (now - budget.HOUR_US,)).fetchone()[0]
    return Held(actions, *db.execute("SELECT assets, downtime_h, orders_late FROM held").fetchone())
