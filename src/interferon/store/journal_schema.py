"""The journal's tables, their migrations, and how its file is opened. Called by `store.journal` and `store.journal_ledger`."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from interferon.model.errors import InputError

_V1: Final = (
    "CREATE TABLE epochs (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL) STRICT",
    "INSERT INTO epochs VALUES (1, 0)",
    """CREATE TABLE effects (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, plan TEXT NOT NULL, incident TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
        intent TEXT NOT NULL, admitted INTEGER NOT NULL, changed INTEGER NOT NULL, expires INTEGER NOT NULL, epoch INTEGER NOT NULL,
        detail TEXT NOT NULL) STRICT""",
    "CREATE INDEX effects_state ON effects (state)",
    "CREATE INDEX effects_incident ON effects (incident)",
    "CREATE INDEX effects_admitted ON effects (admitted) WHERE state <> 'refused'",
    """CREATE TABLE held (
        id INTEGER PRIMARY KEY CHECK (id = 1), assets INTEGER NOT NULL CHECK (assets >= 0),
        downtime_h INTEGER NOT NULL CHECK (downtime_h >= 0), orders_late INTEGER NOT NULL CHECK (orders_late >= 0)) STRICT""",
    "INSERT INTO held VALUES (1, 0, 0, 0)",
    # AUTOINCREMENT remembers the highest number ever given: a ledger cut at its end is noticed.
    """CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        body TEXT NOT NULL, hash BLOB NOT NULL) STRICT""",
    "CREATE INDEX ledger_subject ON ledger (subject, seq)",
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_V1,)
"""Statements that lead from version n to n + 1; `PRAGMA user_version` says how many were run. Only add: old files have these."""


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Run what is missing, inside the caller's transaction. Raises `InputError` on a file that a newer release wrote."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise InputError(f"{path}: written by a newer release (journal version {version}, this one knows {len(migrations)}): upgrade first")
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")


def connect(path: Path, checkpoint_pages: int) -> sqlite3.Connection:
    """The write connection: WAL, and an fsync in every commit. Raises `InputError` where the file is no database or cannot be opened."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages:d}")
    except sqlite3.Error as error:
        raise InputError(f"{path}: cannot be opened as an effect journal ({error})") from error
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises `InputError` where there is no such file or it is no database."""
    if not path.is_file():
        raise InputError(f"{path}: no effect journal here")
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise InputError(f"{path}: cannot be read as an effect journal ({error})") from error
    return connection
