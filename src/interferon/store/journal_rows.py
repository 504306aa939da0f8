"""Rows of the ledger inside the journal's database: how they are added, and how they are found again.

`write` is called for each commit of the journal, the others by its readers. Rows lie in blocks (`store.journal_block`); those of journals
before version 3 lie in a table `ledger`, one by one, and stay there.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from interferon.model.effects import LedgerEntry
from interferon.store import journal_block
from interferon.store.journal_block import Block, Row
from interferon.store.journal_database import Database

GENESIS: Final = bytes(32)
"""What stands for the hash of the row before the first."""

PAGE: Final = 64  # blocks in memory at once


class _Link(msgspec.Struct, frozen=True):
    after: int = 0


def end(database: Database) -> tuple[int, bytes]:
    """Number and hash of the last row; 0 and GENESIS where there is none."""
    block = database.execute("SELECT upto, hashes FROM ledger_blocks ORDER BY upto DESC LIMIT 1").fetchone()
    if block is not None:
        return block[0], block[1][-journal_block.HASH :]
    row: tuple[int, bytes] | None = database.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return row or (0, GENESIS)


def write(database: Database, head: bytes, rows: Sequence[Row]) -> bytes:
    """Add `rows` behind the row with the hash `head`, in the caller's transaction. The hash of the last one."""
    sealed = journal_block.sealed(head, rows)
    database.executemany("INSERT INTO ledger_blocks VALUES (?, ?, ?)", sealed)
    if about := _about(sealed, rows):
        database.executemany("INSERT INTO ledger_about VALUES (?, ?)", about)
    return sealed[-1][2][-journal_block.HASH :]


def _about(sealed: Sequence[Block], rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Subjects that are no effects, and the blocks which tell of them."""
    first = rows[0][0]
    return sorted({(row[3], sealed[(row[0] - first) // journal_block.MOST][0]) for row in rows if row[2] != "effect"})


def entries(database: Database, after: int, limit: int) -> list[LedgerEntry]:
    """Rows after number `after`, oldest first, at most `limit`."""
    sql = "SELECT seq, time, kind, subject, body, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
    found = _old(database.execute(sql, (after, limit)).fetchall())
    for block in blocks(database, after):
        if len(found) >= limit:
            break
        found += [row for row in journal_block.entries(block) if row.seq > after]
    return found[:limit]


def about(database: Database, kind: str, subject: str) -> list[LedgerEntry]:
    """Rows of one kind, which is not `effect`, about a subject, oldest first."""
    sql = "SELECT upto, lines, hashes FROM ledger_about JOIN ledger_blocks ON upto = block WHERE subject = ? ORDER BY upto"
    found = _old_about(database, subject)
    for block in database.execute(sql, (subject,)):
        found += journal_block.entries(block)
    return [row for row in found if (row.kind, row.subject) == (kind, subject)]


def steps(database: Database, effect_id: str) -> list[LedgerEntry]:
    """Rows that tell of an effect, oldest first: back from the last one, for each names the one before."""
    row = database.execute("SELECT told FROM effects WHERE id = ?", (effect_id,)).fetchone()
    number, found = row[0] if row else 0, []
    while (told := _in_block(database, number)) and told.subject == effect_id:
        found.append(told)
        number = min(number - 1, msgspec.json.decode(told.body, type=_Link).after)
    return [old for old in _old_about(database, effect_id) if old.kind == "effect"] + found[::-1]


def _in_block(database: Database, number: int) -> LedgerEntry | None:
    """The row with that number, None where it is an old one or there is none."""
    sql = "SELECT upto, lines, hashes FROM ledger_blocks WHERE upto >= ? ORDER BY upto LIMIT 1"
    block = database.execute(sql, (number,)).fetchone() if number > 0 else None
    if block is None:
        return None
    lines = journal_block.lines(block)
    at = len(lines) - 1 - (block[0] - number)
    return journal_block.entry(*lines[at]) if at >= 0 else None


def _old_about(database: Database, subject: str) -> list[LedgerEntry]:
    sql = "SELECT seq, time, kind, subject, body, hash FROM ledger WHERE subject = ? ORDER BY seq"
    return _old(database.execute(sql, (subject,)).fetchall())


def _old(rows: Sequence[tuple[int, int, str, str, str, bytes]]) -> list[LedgerEntry]:
    return [LedgerEntry(seq, time, kind, subject, body, stored.hex()) for seq, time, kind, subject, body, stored in rows]


def blocks(database: Database, after: int) -> Iterator[Block]:
    """Those with rows after number `after`, oldest first."""
    sql = "SELECT upto, lines, hashes FROM ledger_blocks WHERE upto > ? ORDER BY upto LIMIT ?"
    page = database.execute(sql, (after, PAGE)).fetchall()
    while page:
        yield from page
        page = database.execute(sql, (page[-1][0], PAGE)).fetchall()
