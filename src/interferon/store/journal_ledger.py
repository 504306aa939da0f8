"""The append-only, hash-chained ledger inside the journal's database: append a row, read rows, and prove that none was changed.

`append` is called inside the journal's transactions, `verify_ledger` by the command line. The hash of a row is SHA-256 over the hash of
the row before (32 zero bytes for the first) and the canonical JSON of [seq, time, kind, subject, body].
"""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from interferon.act.lifecycle import ENDED
from interferon.model.effects import Intent, LedgerEntry
from interferon.store.journal_schema import connect_reader

GENESIS: Final = bytes(32)


class Problem(msgspec.Struct, frozen=True):
    """One thing that does not fit. `row` is the ledger's sequence number, 0 where no single row is to blame."""

    row: int
    message: str


class LedgerReport(msgspec.Struct, frozen=True):
    """What a walk over the ledger found. Keep `head` somewhere else: it proves later that nothing before it was rewritten."""

    rows: int
    head: str
    problems: tuple[Problem, ...]


def _link(previous: bytes, seq: int, time: int, kind: str, subject: str, body: str) -> bytes:
    return hashlib.sha256(previous + msgspec.json.encode([seq, time, kind, subject, body])).digest()


def append(connection: sqlite3.Connection, time: int, kind: str, subject: str, content: Any) -> int:
    """Add one row inside the caller's transaction; `content` is anything msgspec encodes. Returns its sequence number."""
    last = connection.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
    body = msgspec.json.encode(content, order="deterministic").decode()
    link = _link(previous, seq, time, kind, subject, body)
    connection.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", (seq, time, kind, subject, body, link))
    return seq


def entries(connection: sqlite3.Connection, after: int, limit: int, subject: str | None = None) -> list[LedgerEntry]:
    """Rows after number `after`, oldest first, at most `limit`; only those about `subject`, if given."""
    where, values = ("AND subject = ?", (after, subject, limit)) if subject is not None else ("", (after, limit))
    sql = f"SELECT seq, time, kind, subject, body, hash FROM ledger WHERE seq > ? {where} ORDER BY seq LIMIT ?"  # noqa: S608 - two fixed texts
    return [
        LedgerEntry(seq, time, kind, about, body, stored.hex()) for seq, time, kind, about, body, stored in connection.execute(sql, values)
    ]


def verify_ledger(path: Path) -> LedgerReport:
    """Walk every row of the journal at `path`, then compare effects and budgets with what the ledger tells of them.

    Raises `InputError` where there is no journal. A file so damaged that SQLite cannot walk it is a problem, not an error.
    """
    connection = connect_reader(path)
    walk = _Walk()
    try:
        connection.execute("BEGIN")  # one snapshot, also while the journal is being written
        for row in connection.execute("SELECT seq, time, kind, subject, body, hash FROM ledger ORDER BY seq"):
            walk.take(*row)
        walk.problems += _cut_end(connection, walk.seq)
        walk.problems += _effects_that_differ(connection, walk.states)
    except sqlite3.DatabaseError as error:
        walk.problems.append(Problem(0, f"the database cannot be read to its end: {error}"))
    finally:
        connection.close()
    return LedgerReport(walk.rows, walk.head.hex(), tuple(walk.problems))


class _Walk:
    """One pass over the rows. A broken row is named once: the walk goes on from the hash that is stored there."""

    def __init__(self) -> None:
        self.rows = self.seq = 0
        self.head = GENESIS
        self.states: dict[str, tuple[str, int]] = {}  # effect → state that its last row gave it, number of that row
        self.problems: list[Problem] = []

    def take(self, seq: int, time: int, kind: str, subject: str, body: str, stored: bytes) -> None:
        if seq != self.seq + 1:
            self.problems.append(Problem(seq, f"row {self.seq + 1} is missing before row {seq}"))
        elif _link(self.head, seq, time, kind, subject, body) != stored:
            self.problems.append(Problem(seq, f"row {seq} ({kind} {subject}) does not fit the chain: it or the row before was changed"))
        if kind == "effect":
            self.states[subject] = (_told_state(body), seq)
        self.rows, self.seq, self.head = self.rows + 1, seq, stored


def _told_state(body: str) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("to"))
    except msgspec.DecodeError:
        return "unreadable"


def _cut_end(connection: sqlite3.Connection, last: int) -> list[Problem]:
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'ledger'").fetchone()
    if given and given[0] > last:
        return [Problem(given[0], f"the ledger ends at row {last}, but rows up to {given[0]} were written")]
    return []


def _effects_that_differ(connection: sqlite3.Connection, told: dict[str, tuple[str, int]]) -> list[Problem]:
    """Effects that are not in the state which the ledger gave them, and budgets that are not the sum over the effects in force."""
    problems, total, seen = [], [0, 0, 0], set()
    for name, state, text in connection.execute("SELECT id, state, intent FROM effects ORDER BY id"):
        said, row = told.get(name, ("nothing", 0))
        seen.add(name)
        if state != said:
            problems.append(Problem(row, f"effect {name} is {state}, but the ledger says {said}"))
        try:
            intent = msgspec.json.decode(text, type=Intent)
        except msgspec.DecodeError as error:
            problems.append(Problem(row, f"effect {name}: its intent cannot be read ({error})"))
            continue
        if state not in ENDED:
            total = [total[0] + intent.assets, total[1] + intent.downtime_h, total[2] + intent.orders_late]
    problems += [
        Problem(row, f"effect {name} is {said} in the ledger, but not on record") for name, (said, row) in told.items() if name not in seen
    ]
    held = list(connection.execute("SELECT assets, downtime_h, orders_late FROM held").fetchone())
    if held != total:
        problems.append(Problem(0, f"budgets held (assets, hours, orders) are {held}; the effects in force add up to {total}"))
    return problems
