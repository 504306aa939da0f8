"""All tests of one field at once: a value → which of them hold, by one Aho-Corasick pass over the value, once per distinct value.

A `Column` belongs to one gate of `engine`. Aho and Corasick, "Efficient string matching", CACM 18 (1975).
"""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from interferon.rules.event import RENAMED, text, texts
from interferon.rules.lines import NONE, Lines
from interferon.rules.literals import literal
from interferon.rules.match import Check, check
from interferon.rules.records import ANY, Test

HELD: Final = 4_000_000  # characters of remembered values per column
LONGEST: Final = 8_192  # characters; longer values seldom come twice
LONG: Final = 1_000  # characters, from which on a value of several lines is searched line by line
EARNED: Final = 2_000_000  # bytes searched, after which a table of all states is worth its making
SMALL: Final = 2_000  # literals, of which such a table stays small
WAKING: Final = 10_000  # remembered sets of literals that stand together
TOGETHER: Final = 32  # literals; larger sets seldom come twice, and are not remembered
FEW: Final = 48  # literals; so many are found many bytes at a time, which overlapping ones cannot be

Waking = dict[int, tuple[int, ...]]  # place of a literal → numbers of tests


class Outcomes:
    """Sets of tests that hold, each with a number; the numbers are what the verdicts of a gate are remembered by."""

    def __init__(self) -> None:
        self.sets: list[frozenset[int]] = []
        self._numbers: dict[frozenset[int], int] = {}

    def number(self, holding: frozenset[int]) -> int:
        found = self._numbers.get(holding)
        if found is None:
            found = self._numbers[holding] = len(self.sets)
            self.sets.append(holding)
        return found

    def forget(self) -> None:
        """Drops every number given; whoever keeps one must forget too."""
        self.sets.clear()
        self._numbers.clear()


class Column:
    """The tests of one field in one gate, as (number of the test, test)."""

    def __init__(self, name: str, tests: Sequence[tuple[int, Test]], outcomes: Outcomes) -> None:
        self.name, self.others = name, RENAMED.get(name, ())
        self._outcomes = outcomes
        held = [(number, test, _presence(test)) for number, test in tests]
        self._tests = [(number, test) for number, test, presence in held if presence is None]
        self._missing = frozenset(number for number, _, presence in held if presence is False)
        self._present = frozenset(number for number, _, presence in held if presence)
        self.numbers: dict[str | None, int] = {}  # always the same object: the gate holds it too
        self.forget()

    @cached_property
    def _index(self) -> "Index":
        return Index(self._tests)

    def forget(self) -> None:
        """Drops the remembered values."""
        self.numbers.clear()
        self._absent = self.numbers[None] = self._outcomes.number(self._missing)
        self._held = 0

    def outcome(self, value: Any) -> int:
        """The outcome of a value, remembered or not."""
        number = self.numbers.get(value) if value is None or value.__class__ is str else None
        return self.number(value) if number is None else number

    def number(self, value: Any) -> int:
        """The outcome of a value as it came from JSON. `numbers` holds the remembered ones, for the caller to look there first."""
        if value.__class__ is not str:
            found = texts(value)
            if len(found) != 1:
                return self._outcomes.number(frozenset().union(self._present, *map(self._index.holding, found))) if found else self._absent
            value = text(found[0])
            if value in self.numbers:
                return self.numbers[value]
        result = self._outcomes.number(self._index.holding(value) | self._present)
        if len(value) <= LONGEST and self._index.lines(value) is None:
            self._held += len(value) + 100
            if self._held > HELD:
                self.forget()
            self.numbers[value] = result
        return result


def _presence(test: Test) -> bool | None:
    """What the test asks where it asks only whether there is a value: that there is one, or none; None: it asks more."""
    if test.op == "exists":
        return test.value == "true"
    return False if test.op == "null" else True if test.parts == (ANY,) else None


class Index:
    """The tests of a text, by the literals that wake them: they hold wherever one stands, at the start, at the end, or as a check says."""

    def __init__(self, tests: Iterable[tuple[int, Test]]) -> None:
        self._exact: dict[str, list[tuple[int, Check | None]]] = {}
        self._always: list[tuple[int, Check]] = []
        self._anywhere: Waking = {}
        self._start: Waking = {}
        self._end: Waking = {}
        self._checks: dict[int, list[tuple[int, Check]]] = {}
        self._waking: dict[frozenset[int], tuple[tuple[int, ...], tuple[int, ...]]] = {}  # by the literals that stand in a value
        self._folding: set[int] = set()  # places of literals whose tests look at the casefolded value
        places: dict[str, int] = {}
        for number, test in tests:
            self._add(number, test, places)
        self._literals = list(places)
        self._encoded = encoded = list(map(_bytes, places))
        self._automaton = BytesAhoCorasick(encoded, implementation=Implementation.ContiguousNFA) if encoded else None
        self._first = BytesAhoCorasick(encoded, MatchKind.LeftmostFirst) if 0 < len(encoded) <= FEW else None
        self._unearned = EARNED if len(encoded) <= SMALL else math.inf
        self._lines = Lines(self._search, _bytes) if encoded and not any("\n" in text for text in (*places, *self._exact)) else None

    def _add(self, number: int, test: Test, places: dict[str, int]) -> None:
        cased, wakes = "c" in test.flags, literal(test)
        if test.op == "is":
            self._exact.setdefault(test.value.casefold(), []).append((number, check(test) if cased else None))
        elif not wakes:
            self._always.append((number, check(test)))
        else:
            self._wake(places.setdefault(wakes, len(places)), number, test, cased)

    def _wake(self, at: int, number: int, test: Test, cased: bool) -> None:
        if cased or test.op not in ("has", "starts", "ends"):
            self._checks.setdefault(at, []).append((number, check(test)))
        else:
            waking = self._anywhere if test.op == "has" else self._start if test.op == "starts" else self._end
            waking[at] = (*waking.get(at, ()), number)
        if not cased and test.op not in ("has", "re"):
            self._folding.add(at)

    def lines(self, value: str) -> Lines | None:
        """What searches a value line by line, where that pays."""
        return self._lines if len(value) > LONG and self._lines is not None and self._lines.pay and "\n" in value else None

    def holding(self, value: str) -> frozenset[int]:
        """The tests that hold for a text."""
        if (lines := self.lines(value)) is not None:  # no test for the whole of such a value is among them
            standing = lines.literals(value)
            # a long value is casefolded only for those that look at it
            low, found = value.casefold() if self._always or not self._folding.isdisjoint(standing) else "", []
        else:
            low = value.casefold()
            found = [number for number, matches in self._exact.get(low, ()) if matches is None or matches(value, low)]
            standing = self._standing(_bytes(low))
        found += [number for number, matches in self._always if matches(value, low)]
        if standing:
            anywhere, elsewhere = self._waking.get(standing) or self._sorted(standing)
            found += anywhere
            for at in elsewhere:
                found += self._woken(at, value, low)
        return frozenset(found) if found else NONE

    def _sorted(self, standing: frozenset[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of literals that stand in a value: the tests that hold wherever they do, and the literals of those that want more."""
        anywhere = tuple(number for at in standing for number in self._anywhere.get(at, ()))
        elsewhere = tuple(at for at in standing if at in self._start or at in self._end or at in self._checks)
        if len(standing) <= TOGETHER:
            if len(self._waking) >= WAKING:
                self._waking.clear()
            self._waking[standing] = anywhere, elsewhere
        return anywhere, elsewhere

    def _woken(self, at: int, value: str, low: str) -> list[int]:
        """The tests that hold where the value begins or ends with the literal at that place, which stands in it, or as their checks say."""
        found: list[int] = []
        if at in self._start and low.startswith(self._literals[at]):
            found += self._start[at]
        if at in self._end and low.endswith(self._literals[at]):
            found += self._end[at]
        if at in self._checks:
            found += [number for number, matches in self._checks[at] if matches(value, low)]
        return found

    def _standing(self, raw: bytes) -> frozenset[int]:
        """The literals that stand in casefolded bytes, by their places."""
        if self._first is not None and not self._first.find_matches_as_indexes(raw):
            return NONE
        return frozenset([at for at, _, _ in self._search(raw)])

    def _search(self, raw: bytes) -> Sequence[tuple[int, int, int]]:
        """Every match, as (place of the literal, start, end)."""
        if self._automaton is None:
            return ()
        self._unearned -= len(raw)
        if self._unearned < 0:
            self._automaton = BytesAhoCorasick(self._encoded, implementation=Implementation.DFA)
            self._unearned = math.inf
        return self._automaton.find_matches_as_indexes(raw, overlapping=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
