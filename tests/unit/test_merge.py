"""Merging sources by time: order, and that the borders of batches change nothing."""

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from interferon.model.records import DeadLetter
from interferon.runtime.merge import merged


def batches(times: list[int], name: str, size: int) -> list[pa.RecordBatch | DeadLetter]:
    return [
        pa.RecordBatch.from_pydict(
            {"time": chunk, "name": [name] * len(chunk)}, schema=pa.schema([("time", pa.int64()), ("name", pa.string())])
        )
        for i in range(0, len(times), size)
        if (chunk := times[i : i + size])
    ]


def order(sources: list[list[pa.RecordBatch | DeadLetter]]) -> list[tuple[int, str]]:
    return [(row["time"], row["name"]) for item in merged(sources) if not isinstance(item, DeadLetter) for row in item.to_pylist()]


def test_rows_come_by_time_and_ties_by_source() -> None:
    got = order([batches([1, 4, 4, 9], "a", 4), batches([2, 4, 8], "b", 4)])
    assert got == [(1, "a"), (2, "b"), (4, "a"), (4, "a"), (4, "b"), (8, "b"), (9, "a")]


def test_an_old_row_keeps_its_place_in_its_own_source() -> None:
    assert order([batches([5, 1, 6], "a", 4), batches([2, 5], "b", 4)]) == [(2, "b"), (5, "a"), (1, "a"), (5, "b"), (6, "a")]


def test_dead_letters_pass_through() -> None:
    dead = DeadLetter(feed="f", offset=0, time=0, family="", entity="", reason="r")
    assert [item for item in merged([[dead], [dead]]) if item is dead] == [dead, dead]


times = st.lists(st.integers(0, 20), max_size=12)


@given(times, times, times, st.integers(1, 5), st.integers(1, 5))
def test_size_of_batches_changes_nothing(a: list[int], b: list[int], c: list[int], one: int, two: int) -> None:
    whole = order([batches(x, n, 99) for x, n in zip((a, b, c), "abc", strict=True)])
    cut = order([batches(x, n, size) for x, n, size in zip((a, b, c), "abc", itertools.cycle((one, two)))])
    assert whole == cut
    assert sorted(whole) == sorted([(t, "a") for t in a] + [(t, "b") for t in b] + [(t, "c") for t in c])
