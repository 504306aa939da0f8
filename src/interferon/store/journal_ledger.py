"""The proof that no row of the append-only, hash-chained ledger was changed, removed or put in between. Called by the command line.

The hash of a row in a block is told in `store.journal_block`. That of a row of a journal before version 3 is SHA-256 over the hash of the
row before (32 zero bytes for the first) and the canonical JSON of [seq, time, kind, subject, body], where body is a text.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from interferon.act.lifecycle import ENDED
from interferon.model.effects import Intent
from interferon.store import journal_block, journal_rows
from interferon.store.journal_block import Block
from interferon.store.journal_database import Database, Place, open_reader

PAGE: Final = 10_000  # rows of an old ledger in memory at once
IN_BLOCKS: Final = 3  # version of the journals whose rows lie in blocks
LISTED: Final = 4  # and of those that list what is in force
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
    """The hash of a row that lies in no block."""
    return hashlib.sha256(previous + _encoded([seq, time, kind, subject, body])).digest()


def verify_ledger(place: Place) -> LedgerReport:
    """Walk every row of the journal at `place`, then compare effects and budgets with what the ledger tells of them.

    Raises `InputError` where there is no journal. A database so damaged that it cannot be walked is a problem, not an error.
    """
    database = open_reader(place)
    walk = _Walk()
    try:
        database.begin()  # one snapshot, also while the journal is being written
        version = database.version()
        for row in _rows(database):
            walk.take(*row)
        if version >= IN_BLOCKS:
            for block in journal_rows.blocks(database, -(2**62)):
                walk.take_block(block)
            walk.problems += _not_found(database, walk.about)
        walk.problems += _cut_end(database, version, walk.seq)
        walk.problems += _effects_that_differ(database, version, walk.states)
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
        self.head = journal_rows.GENESIS
        self.states: dict[str, tuple[str, int]] = {}  # effect → state that its last row gave it, number of that row
        self.about: set[tuple[str, int]] = set()  # subjects that are no effects, and the blocks which tell of them
        self.problems: list[Problem] = []

    def take(self, seq: int, time: int, kind: str, subject: str, body: str, stored: bytes) -> None:
        """A row that lies in no block."""
        self._judge(seq, kind, subject, body, stored, link(self.head, seq, time, kind, subject, body))

    def take_block(self, block: Block) -> None:
        """All rows of a block."""
        upto, lines = block[0], journal_block.lines(block)
        for line, stored in lines:
            try:
                row = journal_block.entry(line, stored)
            except (msgspec.DecodeError, UnicodeError):
                self.problems.append(Problem(self.seq + 1, f"row {self.seq + 1} cannot be read"))
                self.rows, self.seq, self.head = self.rows + 1, self.seq + 1, stored
                continue
            self._judge(row.seq, row.kind, row.subject, row.body, stored, journal_block.link(self.head, line))
            if row.kind != "effect":
                self.about.add((row.subject, upto))
        if len(block[2]) != journal_block.HASH * len(lines):
            self.problems.append(Problem(upto, f"the block up to row {upto} has {len(lines)} rows, but hashes of another number"))
        if upto != self.seq:
            self.problems.append(Problem(self.seq, f"row {self.seq} is the last of a block that says it ends with row {upto}"))
            self.seq = upto

    def _judge(self, seq: int, kind: str, subject: str, body: str, stored: bytes, due: bytes) -> None:
        if seq != self.seq + 1:
            self.problems.append(Problem(seq, f"row {self.seq + 1} is missing before row {seq}"))
        elif due != stored:
            self.problems.append(Problem(seq, f"row {seq} ({kind} {subject}) does not fit the chain: it or the row before was changed"))
        if kind == "effect":
            self.states[subject] = (_told_state(body), seq)
        self.rows, self.seq, self.head = self.rows + 1, seq, stored


def _told_state(body: str) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("to"))
    except msgspec.DecodeError:
        return "unreadable"


def _not_found(database: Database, about: set[tuple[str, int]]) -> list[Problem]:
    """Rows that would not be found under their subject."""
    listed = {(subject, block) for subject, block in database.execute("SELECT subject, block FROM ledger_about")}
    return [Problem(block, f"rows about {subject} up to row {block} are not listed under it") for subject, block in sorted(about - listed)]


def _cut_end(database: Database, version: int, last: int) -> list[Problem]:
    if version < 2:  # written by an older release, and not opened since: it does not say
        return []
    written = database.execute("SELECT seq FROM epochs").fetchone()[0]
    return [Problem(written, f"the ledger ends at row {last}, but rows up to {written} were written")] if written > last else []


def _effects_that_differ(database: Database, version: int, told: dict[str, tuple[str, int]]) -> list[Problem]:
    """Effects that are not in the state which the ledger gave them, and budgets that are not the sum over the effects in force."""
    problems, total, seen = [], [0, 0, 0], set()
    told_by = "told, standing" if version >= LISTED else "told, 0" if version >= IN_BLOCKS else "0, 0"
    for name, state, text, number, stands in database.execute(f"SELECT id, state, intent, {told_by} FROM effects ORDER BY id"):  # noqa: S608 - a constant
        said, row = told.get(name, ("nothing", 0))
        seen.add(name)
        if state != said:
            problems.append(Problem(row, f"effect {name} is {state}, but the ledger says {said}"))
        if version >= IN_BLOCKS and number != row:
            problems.append(Problem(row, f"effect {name}: its last step is told by row {row}, not by row {number}"))
        if version >= LISTED and stands != (state not in ENDED):
            problems.append(Problem(row, f"effect {name} is {state}, but listed as {'in force' if stands else 'ended'}"))
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
