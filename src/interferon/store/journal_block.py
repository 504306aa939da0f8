"""How rows of the ledger lie on disk: those of one commit together in a block, each with its own link of the hash chain.

`sealed` is called for each commit of the journal; `store.journal_ledger` reads and proves what it wrote. Pure.

A block is the number of its last row; its rows, each the canonical JSON of [seq, time, kind, subject, content] in a line of its own; and
their hashes, 32 bytes each. The hash of a row is SHA-256 over the hash of the row before and its line.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from interferon.model.effects import LedgerEntry

MOST: Final = 256  # rows of a block: who wants one row reads them all
HASH: Final = 32  # bytes

Row = tuple[int, int, str, str, Any]
"""Number, time, kind, subject, content; content is anything msgspec encodes."""

Block = tuple[int, str, bytes]
"""Number of the last row, lines, hashes."""

encoded: Final = msgspec.json.Encoder(order="deterministic").encode
_lines: Final = msgspec.json.Encoder(order="deterministic").encode_lines
_row: Final = msgspec.json.Decoder(tuple[int, int, str, str, msgspec.Raw]).decode


def sealed(head: bytes, rows: Sequence[Row]) -> list[Block]:
    """`rows`, whose numbers follow each other, as blocks; `head` is the hash of the row before them."""
    return [_block(head, rows[:MOST])] if len(rows) <= MOST else _blocks(head, rows)


def _blocks(head: bytes, rows: Sequence[Row]) -> list[Block]:
    blocks = []
    for begin in range(0, len(rows), MOST):
        blocks.append(_block(head, rows[begin : begin + MOST]))
        head = blocks[-1][2][-HASH:]
    return blocks


def _block(head: bytes, rows: Sequence[Row]) -> Block:
    text = _lines(rows)
    hashes = [head := link(head, line) for line in text[:-1].split(b"\n")]
    return rows[-1][0], text.decode(), b"".join(hashes)


def link(previous: bytes, line: bytes) -> bytes:
    """The hash of a row."""
    return sha256(previous + line).digest()


def lines(block: Block) -> list[tuple[bytes, bytes]]:
    """Each row's line with its hash, b'' where none is stored."""
    _, text, hashes = block
    return [(line.encode(), hashes[at * HASH : (at + 1) * HASH]) for at, line in enumerate(text.removesuffix("\n").split("\n"))]


def entry(line: bytes, stored: bytes) -> LedgerEntry:
    """A row as it is told. Raises `msgspec.DecodeError` on a line that is none."""
    seq, time, kind, subject, body = _row(line)
    return LedgerEntry(seq, time, kind, subject, bytes(body).decode(), stored.hex())


def entries(block: Block) -> list[LedgerEntry]:
    """All rows of a block, oldest first."""
    return [entry(line, stored) for line, stored in lines(block)]
