"""Values searched line by line: the same hits as their closures', whatever is remembered. Everything here is drawn; no rule is anyone's."""

import re
from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.rules import lines, plain, prefilter
from interferon.rules.engine import Engine
from interferon.rules.lines import Lines
from interferon.rules.records import ANY, ONE, Op, Rule, Source, Test

TEXTS = st.text("abAß.\n\r\u2028é", min_size=1, max_size=3)
VALUES = st.lists(st.sampled_from(["a", "ab", "AB.", "ßa", "", "b\r", "a\u2028b", "éa"]), max_size=6).map("\n".join)
BLOCKS = st.sampled_from(["a one\nAB.\nx" * 9, "ßa\r\n" * 20 + "b", "\n" * 30 + "ab\n"])
FRAMED = st.tuples(VALUES, BLOCKS, VALUES).map("\n".join)
PARTS = st.lists(st.one_of(TEXTS, st.sampled_from([ANY, ONE])), min_size=1, max_size=3).map(tuple)
TESTS: st.SearchStrategy[Test] = st.one_of(
    st.builds(
        lambda op, value, flags: Test("A", op, value, flags=flags),
        st.sampled_from([op for op in get_args(Op) if op in ("is", "starts", "ends", "has")]),
        TEXTS,
        st.sampled_from(["", "c"]),
    ),
    st.builds(lambda parts: Test("A", "like", parts=parts), PARTS),
    st.builds(lambda pattern: Test("A", "re", pattern), st.sampled_from([r"^ab", r"ab$", r"a\nb", r"b\.\s+a", r"(?m)^éa"])),
)


@pytest.fixture(autouse=True)
def every_value_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefilter, "LONG", -1)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(TESTS, min_size=1, max_size=5), st.lists(st.one_of(VALUES, FRAMED), min_size=1, max_size=9), st.sampled_from([0, 200, 10_000])
)
def test_values_of_several_lines_have_the_hits_of_their_closures(tests: list[Test], values: list[str], held: int) -> None:
    engine = Engine([Rule("id", "title", "high", (), Source("linux"), test, "file.yml") for test in tests], Source("linux"))
    closures = [plain.closure(test) for test in tests]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "HELD", held)
        for value in [*values, *values]:
            event = {"A": value}
            assert engine.hits(event) == tuple(number for number, holds in enumerate(closures) if holds(plain.Seen(event)))


class Searched:
    """Searches for two literals, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, raw: bytes) -> Sequence[tuple[int, int, int]]:
        self.asked.append(raw)
        return [(number, found.start(), found.end()) for number, text in enumerate((b"one", b"two")) for found in re.finditer(text, raw)]


def test_each_line_is_searched_once() -> None:
    search = Searched()
    known = Lines(search, str.encode)
    assert known.literals("One\nnone\nx") == {0}
    assert known.literals("x\nTWO\nOne") == {0, 1}
    assert known.literals("x\nx") == frozenset()
    assert search.asked == [b"one\nnone\nx", b"two"]


def test_lines_that_values_have_in_common_are_not_looked_at_again() -> None:
    search = Searched()
    known = Lines(search, str.encode)
    common = "\n".join(f"a long line of a log, number {number}, one" for number in range(9))
    for number in range(3):
        assert known.literals(f"{number}\nthe first\n{common}\n{number} two") == {0, 1}
    known._known.clear()
    search.asked.clear()
    assert known.literals(f"elsewhere\nfor\nonce\nthe first\n{common}\nlast") == {0}
    assert search.asked == [b"elsewhere\nfor\nonce\nlast"]
    assert known.literals(common) == {0}, "without what stands before and behind it, it is no whole run"
    known.literals("")
    assert all(frame.lines for frame in known._frames)


def test_lines_that_never_come_again_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PATIENCE", 10)
    known = Lines(Searched(), str.encode)
    known.literals("\n".join(map(str, range(9))))
    assert known.pay
    for _ in range(5):
        known.literals("1\n2\n3")
    known.literals("\n".join(map(str, range(9, 18))))
    assert known.pay, "by then most lines had come before"
    known.literals("\n".join(map(str, range(18, 29))))
    assert not known.pay
    engine = Engine([Rule("id", "title", "high", (), Source("linux"), Test("A", "has", "25"), "file.yml")], Source("linux"))
    hits = [engine.hits({"A": f"{number}\n{-number}"}) for number in range(20, 40)]
    assert hits == [(0,) if number == 25 else () for number in range(20, 40)]


def test_a_value_much_searched_is_searched_by_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefilter, "EARNED", 10)
    engine = Engine([Rule("id", "title", "high", (), Source("linux"), Test("A", "ends", "end"), "file.yml")], Source("linux"))
    assert [engine.hits({"A": f"{number} the end{number % 2 or ''}"}) for number in range(6)] == [(0,), ()] * 3
