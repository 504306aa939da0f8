"""The effector's own record: which effects it was asked for and what stood before each, on disk before the world is touched.

Called by the core. Touches one SQLite file (WAL, synchronous=FULL). The record says what to look for; the world says what is there.
"""

import sqlite3
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from interferon.effector.protocol import Job
from interferon.model.errors import InputError

Life = Literal["applying", "undoing", "gone", "failed", "undone"]
"""An effect in force stays `applying`: only the world knows. `gone`: it is not in the world any more, though nobody took it back."""
OPEN: Final = ("applying", "undoing")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS effects (
    effect TEXT PRIMARY KEY, life TEXT NOT NULL, since INTEGER NOT NULL, actuator TEXT NOT NULL, weight INTEGER NOT NULL, job BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""
_KEEP: Final = "INSERT OR REPLACE INTO effects (effect, life, since, actuator, weight, job) VALUES (?, ?, ?, ?, ?, ?)"
_EPOCH: Final = "INSERT OR REPLACE INTO facts (name, value) VALUES ('epoch', ?)"
_FIND: Final = "SELECT life, since, actuator, weight, job FROM effects"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One effect on record. `job.target` is the target as it was known when the effect was applied."""

    job: Job
    life: Life
    since: int  # microseconds UTC
    actuator: str
    weight: int = 0  # assets that it isolates

    @property
    def effect(self) -> str:
        return self.job.effect


class Record:
    """Opened by one process. Safe from any thread: whoever comes first commits for all who wait, so one fsync serves many."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. InputError where it cannot be used."""
        self.path = path
        self._committing, self._queueing = threading.Lock(), threading.Lock()
        self._waiting: list[tuple[str, tuple[Any, ...], Future[None]]] = []
        try:
            self._db = _connected(path)
        except sqlite3.Error as error:
            raise InputError(f"{path}: not usable as the effector's record: {error}") from None

    def close(self) -> None:
        with self._committing:
            self._db.close()

    @property
    def epoch(self) -> int:
        with self._committing:
            row = self._db.execute("SELECT value FROM facts WHERE name = 'epoch'").fetchone()
        return int(row[0]) if row else 0

    def keep_epoch(self, epoch: int) -> None:
        self._write(_EPOCH, (epoch,))

    def keep(self, entry: Entry) -> None:
        """On disk when this returns. sqlite3.Error where it could not be written."""
        blob = msgspec.json.encode(entry.job)
        self._write(_KEEP, (entry.effect, entry.life, entry.since, entry.actuator, entry.weight, blob))

    def find(self, effect: str) -> Entry | None:
        found = self._read(f"{_FIND} WHERE effect = ?", effect)
        return found[0] if found else None

    def open(self) -> list[Entry]:
        """Effects that have not ended, oldest first."""
        return self._read(f"{_FIND} WHERE life IN (?, ?) ORDER BY since, effect", *OPEN)

    def begun_after(self, since: int) -> list[int]:
        """Times at which effects began after `since`, oldest first."""
        return [entry.since for entry in self._read(f"{_FIND} WHERE since > ? AND actuator <> '' ORDER BY since", since)]

    def _read(self, sql: str, *values: str | int) -> list[Entry]:
        with self._committing:
            rows: Iterable[tuple[Life, int, str, int, bytes]] = self._db.execute(sql, values).fetchall()
        return [
            Entry(job=msgspec.json.decode(job, type=Job), life=life, since=since, actuator=actuator, weight=weight)
            for life, since, actuator, weight, job in rows
        ]

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        mine: Future[None] = Future()
        with self._queueing:
            self._waiting.append((sql, values, mine))
        with self._committing:
            if not mine.done():
                self._commit()
        mine.result()

    def _commit(self) -> None:
        with self._queueing:
            group, self._waiting = self._waiting, []
        failure: sqlite3.Error | None = None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, values, _ in group:
                self._db.execute(sql, values)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            failure = error
            if self._db.in_transaction:
                self._db.rollback()
        for _, _, future in group:
            future.set_exception(failure) if failure else future.set_result(None)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db
