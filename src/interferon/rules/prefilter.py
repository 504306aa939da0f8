"""All tests of one field at once: a value → which of them hold, by one Aho-Corasick pass over the value, once per distinct value.

A `Column` belongs to one gate of `engine`. Aho and Corasick, "Efficient string matching", CACM 18 (1975).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from interferon.rules.event import RENAMED, text, texts
from interferon.rules.literals import literal
from interferon.rules.match import Check, check
from interferon.rules.records import Test

HELD: Final = 4_000_000  # characters of remembered values per column
LONGEST: Final = 8_192  # characters; longer values seldom come twice
SMALL: Final = 2_000  # literals
FEW: Final = 48  # literals; so many are found many bytes at a time, which overlapping ones cannot be


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


@dataclass(slots=True)
class Watch:
    """The tests that one literal wakes: they hold wherever it stands, at the start, at the end, or if their check says so."""

    anywhere: tuple[int, ...] = ()
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    checks: tuple[tuple[int, Check], ...] = ()


class Column:
    """The tests of one field in one gate, as (number of the test, test)."""

    def __init__(self, name: str, tests: Iterable[tuple[int, Test]], outcomes: Outcomes) -> None:
        self.name, self.others = name, RENAMED.get(name, ())
        self._outcomes = outcomes
        self._exact: dict[str, list[tuple[int, Check | None]]] = {}
        self._always: list[tuple[int, Check]] = []
        self._present: frozenset[int] = frozenset()
        self._watches: list[Watch] = []
        watches: dict[str, Watch] = {}
        absent = []
        for number, test in tests:
            if test.op in ("null", "exists"):
                if test.op == "null" or test.value == "false":
                    absent.append(number)
                else:
                    self._present |= {number}
            else:
                self._add(number, test, watches)
        self._watches = list(watches.values())
        self._automaton = _automaton(list(watches)) if watches else None
        self._first = BytesAhoCorasick(list(map(_bytes, watches)), MatchKind.LeftmostFirst) if 0 < len(watches) <= FEW else None
        self._missing = frozenset(absent)
        self.numbers: dict[str | None, int] = {}  # always the same object: the gate holds it too
        self.forget()

    def _add(self, number: int, test: Test, watches: dict[str, Watch]) -> None:
        cased, wakes = "c" in test.flags, literal(test)
        if test.op == "is":
            self._exact.setdefault(test.value.casefold(), []).append((number, check(test) if cased else None))
        elif not wakes:
            self._always.append((number, check(test)))
        else:
            self._watch(number, test, watches.setdefault(wakes, Watch()), cased)

    def _watch(self, number: int, test: Test, watch: Watch, cased: bool) -> None:
        if test.op == "has" and not cased:
            watch.anywhere += (number,)
        elif test.op == "starts" and not cased:
            watch.start += (number,)
        elif test.op == "ends" and not cased:
            watch.end += (number,)
        else:
            watch.checks += ((number, check(test)),)

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
                return self._outcomes.number(frozenset().union(self._present, *map(self._holding, found))) if found else self._absent
            value = text(found[0])
            if value in self.numbers:
                return self.numbers[value]
        result = self._outcomes.number(self._holding(value) | self._present)
        if len(value) <= LONGEST:
            self._held += len(value) + 100
            if self._held > HELD:
                self.forget()
            self.numbers[value] = result
        return result

    def _holding(self, value: str) -> frozenset[int]:
        low = value.casefold()
        found = [number for number, matches in self._exact.get(low, ()) if matches is None or matches(value, low)]
        found += [number for number, matches in self._always if matches(value, low)]
        if self._automaton is not None:
            raw = _bytes(low)
            if self._first is not None and not self._first.find_matches_as_indexes(raw):
                return frozenset(found)
            length, watches, asked = len(raw), self._watches, set()
            for index, start, end in self._automaton.find_matches_as_indexes(raw, overlapping=True):
                watch = watches[index]
                found += watch.anywhere
                if start == 0:
                    found += watch.start
                if end == length:
                    found += watch.end
                if watch.checks:
                    asked.add(index)
            found += [number for index in asked for number, matches in watches[index].checks if matches(value, low)]
        return frozenset(found)


def _automaton(literals: list[str]) -> BytesAhoCorasick:
    """Over UTF-8, which needs no search for the places of characters; as a table of states where that stays small."""
    kind = Implementation.DFA if len(literals) <= SMALL else Implementation.ContiguousNFA
    return BytesAhoCorasick(list(map(_bytes, literals)), implementation=kind)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
