"""The seam under the effect journal: what it needs of a database, where a journal lies, and how either kind is opened.

Called by `store.journal`, `journal_writer` and `journal_ledger`. SQLite is the standard library's; PostgreSQL is imported when it is named.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from interferon.model.errors import InputError
from interferon.store import journal_sqlite

Place = Path | str
"""A file, or a URL that begins with `postgresql://`."""


class Rows(Protocol):
    """What a statement answers with."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """One connection. Values stand for question marks; `journal_clock()` is the microseconds of the clock that leases are counted by."""

    name: str  # for people: without a password
    errors: tuple[type[Exception], ...]  # what a statement raises
    faults: tuple[type[Exception], ...]  # those of them that are not the statement's fault: disk full, locked, connection lost

    @property
    def words(self) -> Mapping[str, str]:
        """What the statements that make the tables leave open: types, and what keeps the ledger from being changed."""
        ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows: ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    def begin(self) -> None:
        """A transaction that writes; on a reader, one snapshot."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """Also where there is nothing to roll back."""
        ...

    def close(self) -> None: ...

    def lost(self) -> bool:
        """True where only a new connection helps."""
        ...

    def version(self) -> int:
        """How many migrations were run; 0 in an empty database."""
        ...

    def set_version(self, version: int) -> None: ...


def is_url(place: Place) -> bool:
    """Whether `place` names a PostgreSQL database. Raises `InputError` on a URL of another kind."""
    if isinstance(place, Path):
        return False
    if re.match(r"postgres(ql)?://", place):
        return True
    if found := re.match(r"(\w+)://", place):
        raise InputError(f"{found[1]}://…: an effect journal is a file or postgresql://HOST/DATABASE")
    return False


def open_writer(place: Place, checkpoint_pages: int = 1000) -> Database:
    """The connection that writes: each commit is on disk when it returns. Raises `InputError` where it cannot be opened."""
    if is_url(place):
        opened: Database = _postgres().connect(str(place))
        return opened
    return journal_sqlite.connect(Path(place), checkpoint_pages)


def open_reader(place: Place) -> Database:
    """A connection that cannot write. Raises `InputError` where no journal is there."""
    if is_url(place):
        opened: Database = _postgres().connect_reader(str(place))
        return opened
    return journal_sqlite.connect_reader(Path(place))


def _postgres() -> Any:
    try:
        from interferon.store import journal_postgres
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise InputError("a journal on PostgreSQL needs the package psycopg: pip install 'interferon[postgres]'") from None
    except ImportError as error:  # psycopg is there, the library of PostgreSQL's client is not
        raise InputError(f"psycopg cannot be used ({str(error).splitlines()[0]}): pip install 'interferon[postgres]'") from None
    return journal_postgres
