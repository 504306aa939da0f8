"""Blocks of the ledger give back each row as it was put in, and the chain does not depend on how rows were put together."""

import hashlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.store import journal_block

HEAD = b"h" * 32
TEXTS = st.sampled_from(["", "e-1", "é", 'two\n"lines"\r\n', "\0", "\u2028\u0085", "😀"])
CONTENTS = st.none() | st.integers(-(2**60), 2**60) | TEXTS | st.dictionaries(TEXTS, TEXTS, max_size=3)
ROWS = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXTS, TEXTS, CONTENTS), min_size=1, max_size=4)
FEW = settings(max_examples=40, deadline=None)


def numbered(rows: list[tuple[int, str, str, object]], first: int) -> list[journal_block.Row]:
    return [(number, *row) for number, row in enumerate(rows, first)]


@FEW
@given(ROWS, st.integers(1, 10**9))
def test_rows_come_back_as_they_were(drawn: list[tuple[int, str, str, object]], first: int) -> None:
    rows = numbered(drawn, first)
    (block,) = journal_block.sealed(HEAD, rows)
    assert block[0] == rows[-1][0]
    told = [(row.seq, row.time, row.kind, row.subject, json.loads(row.body)) for row in journal_block.entries(block)]
    assert told == rows


@FEW
@given(ROWS, ROWS)
def test_the_chain_is_that_of_single_rows(some: list[tuple[int, str, str, object]], more: list[tuple[int, str, str, object]]) -> None:
    rows = numbered([*some, *more], 1)
    (together,) = journal_block.sealed(HEAD, rows)
    (first,) = journal_block.sealed(HEAD, rows[: len(some)])
    (second,) = journal_block.sealed(first[2][-32:], rows[len(some) :])
    assert together[2] == first[2] + second[2]
    link = HEAD
    for line, stored in journal_block.lines(together):
        link = hashlib.sha256(link + line).digest()
        assert link == stored


def test_many_rows_are_more_than_one_block() -> None:
    rows = numbered([(0, "note", "n", {"b": 1, "a": number}) for number in range(2 * journal_block.MOST + 1)], 1)
    blocks = journal_block.sealed(HEAD, rows)
    assert [block[0] for block in blocks] == [journal_block.MOST, 2 * journal_block.MOST, 2 * journal_block.MOST + 1]
    assert [row.seq for block in blocks for row in journal_block.entries(block)] == [row[0] for row in rows]
    assert journal_block.entries(blocks[-1])[0].body == f'{{"a":{len(rows) - 1},"b":1}}'
    assert journal_block.sealed(blocks[0][2][-32:], rows[journal_block.MOST : 2 * journal_block.MOST]) == blocks[1:2]
