"""The rules that can fire in one place, judged at once by which tests of the fields' values hold. Made by `engine`, asked by it and `skim`.

What costs is put off until an event asks for it: a rule is compiled when a test of it holds, a column when its field has a value.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from interferon.rules import plain
from interferon.rules.event import RENAMED, Fields
from interferon.rules.keywords import Spotter, keywords
from interferon.rules.prefilter import Column, Outcomes
from interferon.rules.records import All, Condition, Not, Test

VERDICTS: Final = 200_000  # remembered keys of one gate, or sets of tests that held
UNKNOWN: Final = -1

Holding = frozenset[int]
Judge = Callable[[Holding], bool]
Directly = list[tuple[int, plain.Holds]]


class Gate:
    """The rules that can fire in one place, as (number of the rule, condition; True: it always does). `shared` ones are in every gate, and
    `spotter` looks for their keywords.
    """

    def __init__(self, rules: Sequence[tuple[int, Condition | bool]], shared: Holding, spotter: Spotter) -> None:
        self._outcomes = Outcomes()
        self._verdicts: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._conditions: dict[int, Condition] = {}
        self._compiled: dict[int, Judge] = {}
        self._always: list[int] = []
        self._ever: list[int] = []
        self._waking: dict[int, list[int]] = {}
        self._numbers: dict[Test, int] = {}
        self._across: Directly = []
        self._whole: Directly = []
        self._keyworded: dict[int, set[str]] = {}
        self._directly: Directly | None = None
        beside: set[str] = set()  # fields that are read by others than the columns
        for rule, condition in rules:
            if isinstance(condition, bool):
                self._always.append(rule)
            else:
                self._conditions[rule] = condition
                beside |= self._enter(rule, condition)
        self._lay(sorted(beside))
        spots = not shared.issuperset(self._keyworded)  # keywords of its own, for which nobody has looked through the bytes
        self._spotter = Spotter(set().union(*self._keyworded.values())) if spots else spotter
        self._deaf = spots
        self.skims = not spots and not self._whole  # in a quiet event, nothing beyond `names` is looked at

    def _enter(self, rule: int, condition: Condition) -> set[str]:
        """Files one rule by what it reads, and gives the fields that are read by others than the columns."""
        tests = tests_of(condition)
        if not any(not test.field or test.op == "same" for test in tests):
            self._wake(rule, condition, tests)
        elif all(test.field for test in tests):
            self._across.append((rule, plain.closure(condition)))
            return {test.field for test in tests} | {test.value for test in tests if test.op == "same"}
        elif (found := keywords(condition)) is not None:
            self._keyworded[rule] = found
        else:
            self._whole.append((rule, plain.closure(condition)))
        return set()

    def _wake(self, rule: int, condition: Condition, tests: Iterable[Test]) -> None:
        numbers = self._numbers
        for test in tests:
            numbers.setdefault(test, len(numbers))
        waking = needed(condition, numbers)
        if waking is None:
            self._ever.append(rule)
        for number in waking or ():
            self._waking.setdefault(number, []).append(rule)

    def _lay(self, beside: Iterable[str]) -> None:
        by_field: dict[str, list[tuple[int, Test]]] = {}
        for test, number in self._numbers.items():
            by_field.setdefault(test.field, []).append((number, test))
        columns = self._columns = [Column(name, each, self._outcomes) for name, each in sorted(by_field.items())]
        read = [*(column.name for column in columns), *beside]
        # the fields that are read: of each column, of what reads more than one, then what exporters call some of them
        self.names = tuple(dict.fromkeys([*read, *(other for name in read for other in RENAMED.get(name, ()))]))
        self._remembered: list[Callable[..., int]] = [column.numbers.get for column in columns]
        self._judges = [column.number for column in columns]
        self._renamed = [
            (slot, [self.names.index(name) for name in column.others], column.outcome)
            for slot, column in enumerate(columns)
            if column.others
        ]

    def hits(self, event: Fields, quiet: bool) -> tuple[int, ...]:
        """The rules that fire, ascending. `quiet`: no keyword of the `shared` ones is in the event."""
        found = self.found([event.get(name) for name in self.names])
        if self._whole:
            found = _more(found, self._whole, event)
        if self._keyworded and (self._deaf or not quiet) and self._spotter.in_event(event):
            found = _more(found, self._by_keyword(), event)
        return found

    def _by_keyword(self) -> Directly:
        if self._directly is None:
            self._directly = [(rule, plain.closure(self._conditions[rule])) for rule in self._keyworded]
        return self._directly

    def found(self, values: Sequence[object]) -> tuple[int, ...]:
        """The rules that fire, ascending, but for those that look in every value. `values`: of the fields `names`."""
        try:
            key = [remembered(value, UNKNOWN) for remembered, value in zip(self._remembered, values, strict=False)]
        except TypeError:  # a list or an object
            key = [UNKNOWN] * len(self._remembered)
        if UNKNOWN in key:  # not remembered, or not a text
            for slot, judged in enumerate(self._judges):
                if key[slot] == UNKNOWN:
                    key[slot] = judged(values[slot])
        for slot, others, outcome in self._renamed:
            if values[slot] is None:
                key[slot] = outcome(next((values[other] for other in others if values[other] is not None), None))
        answer = tuple(key)
        found = self._verdicts.get(answer)
        if found is None:
            found = self._judged(answer)
        return _more(found, self._across, dict(zip(self.names, values, strict=True))) if self._across else found

    def _judged(self, key: tuple[int, ...]) -> tuple[int, ...]:
        sets = self._outcomes.sets
        holding: Holding = frozenset().union(*[sets[number] for number in key])
        woken = set(self._ever).union(*[self._waking.get(test, ()) for test in holding])
        found = tuple(sorted([*self._always, *(rule for rule in woken if self._judge(rule)(holding))]))
        if len(self._verdicts) >= VERDICTS or len(sets) >= VERDICTS:
            self._forget()
        else:
            self._verdicts[key] = found
        return found

    def _judge(self, rule: int) -> Judge:
        judge = self._compiled.get(rule)
        if judge is None:
            judge = self._compiled[rule] = compiled(self._conditions[rule], self._numbers)
        return judge

    def _forget(self) -> None:
        self._verdicts.clear()
        self._outcomes.forget()
        for column in self._columns:
            column.forget()


def _more(found: tuple[int, ...], rules: Directly, event: Fields) -> tuple[int, ...]:
    seen = plain.Seen(event)
    more = [rule for rule, holds in rules if holds(seen)]
    return tuple(sorted((*found, *more))) if more else found


def tests_of(condition: Condition) -> list[Test]:
    """Every test in a condition."""
    found: list[Test] = []
    _gather(condition, found)
    return found


def _gather(condition: Condition, found: list[Test]) -> None:
    if isinstance(condition, Test):
        found.append(condition)
    elif isinstance(condition, Not):
        _gather(condition.item, found)
    else:
        for item in condition.items:
            _gather(item, found)


def needed(condition: Condition, numbers: dict[Test, int]) -> Collection[int] | None:
    """Tests of which at least one holds whenever the condition does; None: there are none such."""
    if isinstance(condition, Test):
        return (numbers[condition],)
    if isinstance(condition, Not):
        return None
    parts = [needed(item, numbers) for item in condition.items]
    known = [part for part in parts if part is not None]
    if isinstance(condition, All):
        return min(known, key=len, default=None)
    return {number for part in known for number in part} if len(known) == len(parts) else None


def compiled(condition: Condition, numbers: dict[Test, int]) -> Judge:
    """The condition as a closure over the numbers of the tests that hold."""
    if isinstance(condition, Test):
        number = numbers[condition]
        return lambda holding: number in holding
    if isinstance(condition, Not):
        inner = compiled(condition.item, numbers)
        return lambda holding: not inner(holding)
    tests = frozenset(numbers[item] for item in condition.items if isinstance(item, Test))
    judges = tuple(compiled(item, numbers) for item in condition.items if not isinstance(item, Test))
    return _all(tests, judges) if isinstance(condition, All) else _any(tests, judges)


def _all(tests: Holding, judges: tuple[Judge, ...]) -> Judge:
    if not judges:
        return lambda holding: tests <= holding
    return lambda holding: tests <= holding and all(judge(holding) for judge in judges)


def _any(tests: Holding, judges: tuple[Judge, ...]) -> Judge:
    if not judges:
        return lambda holding: not tests.isdisjoint(holding)
    return lambda holding: not tests.isdisjoint(holding) or any(judge(holding) for judge in judges)
