"""An effect journal's database on a PostgreSQL server, in the schema `interferon`. Imported by `store.journal_database` when it is named.

psycopg 3 (LGPL, used as a library) talks to the server. A connection keeps a session of its own: a pooler that shares sessions between
transactions would lose what is set here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from interferon.model.errors import InputError

CONNECT_S: Final = 5  # within which a server has to answer
STALLED_MS: Final = 5_000  # a session that holds a transaction open without a word is ended by the server: its locks are free
_MIGRATING: Final = 0x1F_E0  # key of the lock under which two nodes do not make the same tables
_REFUSE: Final = "BEGIN RAISE EXCEPTION ''the ledger is append-only''; END"


class Postgres:
    """A `journal_database.Database`."""

    words: Final[Mapping[str, str]] = {
        "int": "BIGINT",
        "bytes": "BYTEA",
        "strict": "",
        "clustered": "",
        "number": "BIGINT PRIMARY KEY",
        "before": "CREATE FUNCTION journal_clock() RETURNS BIGINT LANGUAGE sql VOLATILE AS "
        "'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT'",
        "no_update": f"CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS '{_REFUSE}'",
        "no_delete": "CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger EXECUTE FUNCTION ledger_refuse()",
        "blocks_no_update": "",
        "blocks_no_delete": "CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_blocks "
        "EXECUTE FUNCTION ledger_refuse()",
    }
    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    # InternalError: the server has ended a transaction that stalled; InterfaceError: the connection was closed
    faults: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError)

    def __init__(self, name: str, connection: "psycopg.Connection[Any]", reads: bool) -> None:
        self.name = name
        self.connection = connection
        self._begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if reads else "BEGIN"

    def execute(self, sql: str, values: Sequence[Any] = ()) -> "psycopg.Cursor[Any]":
        return self.connection.execute(_numbered(sql), values or None)

    def one(self, sql: str) -> Any:
        """The value of a statement that always has one."""
        return self.connection.execute(_numbered(sql)).fetchall()[0][0]

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(_numbered(sql), rows)

    def begin(self) -> None:
        self.execute(self._begin)

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        if not self.connection.closed:
            try:
                self.connection.rollback()
            except psycopg.Error:
                self.connection.close()  # the server ends what a closed connection had begun

    def close(self) -> None:
        self.connection.close()

    def lost(self) -> bool:
        return self.connection.closed

    def version(self) -> int:
        """Inside a transaction of the writer, also keeps other nodes from migrating until its end."""
        if self._begin == "BEGIN":
            self.execute("SELECT pg_advisory_xact_lock(?)", (_MIGRATING,))
        if self.one("SELECT to_regclass('interferon.version')") is None:
            return 0
        return int(self.one("SELECT version FROM version"))

    def set_version(self, version: int) -> None:
        self.execute("CREATE TABLE IF NOT EXISTS version (id BIGINT PRIMARY KEY CHECK (id = 1), version BIGINT NOT NULL)")
        self.execute("INSERT INTO version VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version", (version,))


def connect(url: str) -> Postgres:
    """The connection that writes. Raises `InputError` where the server cannot be reached or gives no room for the journal."""
    database = _open(url, reads=False)
    try:
        if database.one("SELECT current_setting('synchronous_commit')") in ("off", "local"):
            database.execute("SET synchronous_commit = 'on'")
        if database.one("SELECT to_regnamespace('interferon')") is None:
            database.execute("CREATE SCHEMA IF NOT EXISTS interferon")
    except psycopg.errors.UniqueViolation:
        pass  # another node has just made it
    except psycopg.Error as error:
        database.close()
        raise InputError(f"{database.name}: cannot be opened as an effect journal ({line(error)})") from error
    return database


def connect_reader(url: str) -> Postgres:
    """A connection that cannot write. Raises `InputError` where the database holds no journal."""
    database = _open(url, reads=True)
    try:
        if database.one("SELECT to_regclass('interferon.ledger')") is None:
            raise InputError(f"{database.name}: no effect journal here")
    except BaseException:
        database.close()
        raise
    return database


def _open(url: str, reads: bool) -> Postgres:
    name = _name(url)
    options = f"-c search_path=interferon -c idle_in_transaction_session_timeout={STALLED_MS} -c default_transaction_read_only="
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            application_name="interferon journal",
            options=options + ("on" if reads else "off"),
            tcp_user_timeout=CONNECT_S * 1000,
            keepalives_idle=CONNECT_S,
        )
    except psycopg.Error as error:
        raise InputError(f"{name}: cannot be reached as an effect journal ({line(error)})") from error
    return Postgres(name, connection, reads)


def line(error: Exception) -> str:
    """An error of the server in one line; it never holds a password."""
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


def _name(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        told = re.sub(r"://[^@\s]*@", "://…@", line(error))
        raise InputError(f"the journal's URL cannot be read ({told}); it looks like postgresql://USER@HOST/DATABASE") from None
    user = f"{parts['user']}@" if parts.get("user") else ""
    return f"postgresql://{user}{parts.get('host') or 'localhost'}/{parts.get('dbname') or ''}"


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    """psycopg's placeholders. No statement of the journal holds a question mark or a per cent sign otherwise."""
    return sql.replace("?", "%s")
