"""An effect journal's database in one SQLite file. Called by `store.journal_database`; touches the file and what lies beside it."""

import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from interferon.model.errors import InputError

PATIENCE_S: Final = 10.0  # how long a statement waits for another process's transaction
_REFUSE: Final = "CREATE TRIGGER ledger_{} BEFORE {} ON {} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"


def boot_clock() -> int:
    """Microseconds since the machine started, counted on while it sleeps: nobody sets it, and all processes see the same."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic_ns()) // 1000


class Sqlite:
    """A `journal_database.Database`."""

    words: Final[Mapping[str, str]] = {
        "int": "INTEGER",
        "bytes": "BLOB",
        "strict": "STRICT",
        "clustered": "STRICT, WITHOUT ROWID",
        # AUTOINCREMENT never gives a number twice, also where the last rows were cut off
        "number": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "before": "",
        "no_update": _REFUSE.format("no_update", "UPDATE", "ledger"),
        "no_delete": _REFUSE.format("no_delete", "DELETE", "ledger"),
        "blocks_no_update": _REFUSE.format("blocks_no_update", "UPDATE", "ledger_blocks"),
        "blocks_no_delete": _REFUSE.format("blocks_no_delete", "DELETE", "ledger_blocks"),
    }
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    faults: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, path: Path, connection: sqlite3.Connection, reads: bool = False) -> None:
        self.name = str(path)
        self.connection = connection
        self._begin = "BEGIN" if reads else "BEGIN IMMEDIATE"
        connection.create_function("journal_clock", 0, boot_clock)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self.connection.executemany(sql, rows)

    def begin(self) -> None:
        self.connection.execute(self._begin)

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.rollback()

    def close(self) -> None:
        self.connection.close()

    def lost(self) -> bool:
        return False

    def version(self) -> int:
        found: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
        return found

    def set_version(self, version: int) -> None:
        self.connection.execute(f"PRAGMA user_version = {version:d}")


def connect(path: Path, checkpoint_pages: int) -> Sqlite:
    """WAL, and an fsync in every commit. Raises `InputError` where the file is no database or cannot be opened."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot make the folder for the effect journal ({error.strerror})") from error
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_S)
        _to_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages:d}")
        _stretch(connection, path, checkpoint_pages)
    except sqlite3.Error as error:
        raise InputError(f"{path}: cannot be opened as an effect journal ({error})") from error
    return Sqlite(path, connection)


def _to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself where two processes that open a new file both change its mode."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
        time.sleep(0.01)


def _stretch(connection: sqlite3.Connection, path: Path, pages: int) -> None:
    """Make the WAL as long as it gets between two checkpoints. A commit into a file that grows costs the disk two flushes instead of one.

    Pages that a transaction writes and takes back stay in the file as room for those to come. Where that cannot be had, it grows as ever.
    """
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    if _length(path) >= pages * size:
        return
    connection.execute("PRAGMA busy_timeout = 0")
    cache = connection.execute("PRAGMA cache_size").fetchone()[0]
    connection.execute("PRAGMA cache_size = 8")  # pages: whatever is beyond goes to the file at once
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE room (bytes BLOB)")
        connection.execute("INSERT INTO room VALUES (zeroblob(?))", (pages * size,))
    except sqlite3.OperationalError:  # another process writes, or the disk has no room for it
        pass
    finally:
        connection.rollback()
        connection.execute(f"PRAGMA cache_size = {cache:d}")
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE_S * 1000:.0f}")


def _length(path: Path) -> int:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0


def connect_reader(path: Path) -> Sqlite:
    """A connection that cannot write. Raises `InputError` where there is no such file or it is no database."""
    if not path.is_file():
        raise InputError(f"{path}: no effect journal here")
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_S)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise InputError(f"{path}: cannot be read as an effect journal ({error})") from error
    return Sqlite(path, connection, reads=True)
