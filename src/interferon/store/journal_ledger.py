"""The append-only, hash-chained ledger inside the journal's database: the hash of a row, reading rows, and the proof that none was changed.

`link` is called for each row that the journal writes, `verify_ledger` by the command line. The hash of a row is SHA-256 over the hash of
the row before (32 zero bytes for the first) and the canonical JSON of [seq, time, kind, subject, body].
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from interferon.act.lifecycle import ENDED
from interferon.model.effects import Intent, LedgerEntry
from interferon.store.journal_database import Database, Place, open_reader

GENESIS: Final = bytes(32)
PAGE: Final = 10_000  # rows of a ledger in memory at once
_encoded: Final = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, frozen=True):
    """One thing that does not fit. `row` is the ledger's sequence number, 0 where no single row is to blame."""

    row: int
    message: str


class LedgerReport(msgspec.Struct, frozen=True):
    """What a walk over the ledger found. Keep `head` somewhere else: it proves later that nothing before it was rewritten."""

    rows: int
    head: str
    problems: tuple[Problem, ...]


def link(previous: bytes, seq: int, time: int, kind: str, subject: str, body: str) -> bytes:
    """The hash of a row."""
    return hashlib.sha256(previous + _encoded([seq, time, kind, subject, body])).digest()


def entries(database: Database, after: int, limit: int | None, subject: str | None = None) -> list[LedgerEntry]:
    """Rows after number `after`, oldest first, at most `limit`; only those about `subject`, if given."""
    about, values = ("AND subject = ?", [after, subject]) if subject is not None else ("", [after])
    most = f"LIMIT {limit:d}" if limit is not None else ""
    sql = f"SELECT seq, time, kind, subject, body, hash FROM ledger WHERE seq > ? {about} ORDER BY seq {most}"  # noqa: S608 - fixed texts
    return [LedgerEntry(seq, time, kind, of, body, stored.hex()) for seq, time, kind, of, body, stored in database.execute(sql, values)]


def verify_ledger(place: Place) -> LedgerReport:
    """Walk every row of the journal at `place`, then compare effects and budgets with what the ledger tells of them.

    Raises `InputError` where there is no journal. A database so damaged that it cannot be walked is a problem, not an error.
    """
    database = open_reader(place)
    walk = _Walk()
    try:
        database.begin()  # one snapshot, also while the journal is being written
        for row in _rows(database):
            walk.take(*row)
        walk.problems += _cut_end(database, walk.seq)
        walk.problems += _effects_that_differ(database, walk.states)
    except database.errors as error:
        walk.problems.append(Problem(0, f"the database cannot be read to its end: {' '.join(str(error).split())}"))
    finally:
        database.close()
    return LedgerReport(walk.rows, walk.head.hex(), tuple(walk.problems))


def _rows(database: Database) -> Iterator[tuple[int, int, str, str, str, bytes]]:
    sql = "SELECT seq, time, kind, subject, body, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
    page = database.execute(sql, (-(2**62), PAGE)).fetchall()
    while page:
        yield from page
        page = database.execute(sql, (page[-1][0], PAGE)).fetchall()


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
        elif link(self.head, seq, time, kind, subject, body) != stored:
            self.problems.append(Problem(seq, f"row {seq} ({kind} {subject}) does not fit the chain: it or the row before was changed"))
        if kind == "effect":
            self.states[subject] = (_told_state(body), seq)
        self.rows, self.seq, self.head = self.rows + 1, seq, stored


def _told_state(body: str) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("to"))
    except msgspec.DecodeError:
        return "unreadable"


def _cut_end(database: Database, last: int) -> list[Problem]:
    if database.version() < 2:  # written by an older release, and not opened since: it does not say
        return []
    written = database.execute("SELECT seq FROM epochs").fetchone()[0]
    return [Problem(written, f"the ledger ends at row {last}, but rows up to {written} were written")] if written > last else []


def _effects_that_differ(database: Database, told: dict[str, tuple[str, int]]) -> list[Problem]:
    """Effects that are not in the state which the ledger gave them, and budgets that are not the sum over the effects in force."""
    problems, total, seen = [], [0, 0, 0], set()
    for name, state, text in database.execute("SELECT id, state, intent FROM effects ORDER BY id"):
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
    held = list(database.execute("SELECT assets, downtime_h, orders_late FROM held").fetchone())
    if held != total:
        problems.append(Problem(0, f"budgets held (assets, hours, orders) are {held}; the effects in force add up to {total}"))
    return problems
