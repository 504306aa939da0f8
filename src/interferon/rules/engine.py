"""All rules at once on a stream of events: what `interferon rules run` and `rules test` judge with. Pure; the same hits as `plain`.

An event's channel and event id pick a gate: the rules that can fire there, with their tests of these two already answered. Each field
that they read has a `Column` of tests; the outcomes of an event's values are its key, and a key once judged is remembered.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from interferon.rules import plain
from interferon.rules.event import Fields, place
from interferon.rules.keywords import Spotter, keywords
from interferon.rules.logsource import Place, covers, placed, places
from interferon.rules.prefilter import Column, Outcomes
from interferon.rules.records import All, Any, Condition, Not, Rule, Source, Test
from interferon.rules.skim import Skimmer

GATES: Final = 4_096  # remembered gates; a stream may bring any number of event ids
VERDICTS: Final = 200_000  # remembered keys of one gate, or sets of tests that held
UNKNOWN: Final = -1
TEXT_OPS: Final = ("is", "starts", "ends", "has", "like")

Holding = frozenset[int]
Judge = Callable[[Holding], bool]


class Engine:
    """The rules, ready for events of Windows logs, or of the one log that the capture is `declared` to be."""

    def __init__(self, rules: Sequence[Rule], declared: Source | None = None) -> None:
        self.rules = rules
        self.unplaced: list[Rule] = []
        self._declared = declared
        self._gates: dict[object, Gate] = {}
        self._by_place: dict[tuple[str, str], Gate] = {}
        self.lines = Skimmer(self.gate)
        self._by_channel: dict[str, list[tuple[int, Condition, Place, bool]]] = {}
        self._everywhere: list[tuple[int, Condition]] = []
        for number, rule in enumerate(rules):
            self._enter(number, rule)
        self._shared = frozenset(number for number, _ in self._everywhere)
        self._spotter = Spotter(text for _, condition in self._everywhere for text in keywords(condition) or ())

    def _enter(self, number: int, rule: Rule) -> None:
        found = places(rule.source) if self._declared is None else () if covers(self._declared, rule.source) else None
        if found is None:
            self.unplaced.append(rule)
        elif not found:
            self._everywhere.append((number, rule.condition))
        asks = bool(found) and any(test.field in ("EventID", "Channel") for test in tests_of(rule.condition))
        for each in found or ():
            self._by_channel.setdefault(each.channel, []).append((number, placed(rule.condition, each), each, asks))

    def quiet(self, raw: bytes) -> bool:
        """Whether these bytes of JSON hold no keyword of the rules that apply everywhere, so that `hits` need not look in their events."""
        return self._spotter.quiet(raw)

    def hits(self, event: Fields, quiet: bool = False) -> tuple[int, ...]:
        """Which rules fire on an event (as `event.fields` gives it): their places in `rules`, ascending. `quiet`: see there."""
        return self.gate(event).hits(event, quiet)

    def gate(self, event: Fields) -> "Gate":
        """The rules that can fire on events that come from where this one does."""
        at = (event.get("Channel"), event.get("EventID"))
        try:
            gate = self._gates.get(at)
        except TypeError:  # a list or an object there
            return self._gate_of(place(event))
        if gate is None:
            if len(self._gates) >= GATES:
                self._gates.clear()
            gate = self._gates[at] = self._gate_of(place(event))
        return gate

    def _gate_of(self, where: tuple[str, str]) -> "Gate":
        """One gate for all spellings of a place."""
        gate = self._by_place.get(where)
        if gate is None:
            if len(self._by_place) >= GATES:
                self._by_place.clear()
            gate = self._by_place[where] = self._gate(*where)
        return gate

    def _gate(self, channel: str, number: str) -> "Gate":
        if self._declared is not None:
            return Gate(self._everywhere, self._shared)
        found = [(rule, answered(condition, channel, number)) for rule, condition in self._everywhere if channel]
        for rule, condition, at, asks in self._by_channel.get(channel, ()):
            if not at.ids or number in at.ids:
                found.append((rule, answered(condition, channel, number) if asks else condition))
        return Gate([(rule, left) for rule, left in found if left is not False], self._shared)


def answered(condition: Condition, channel: str, number: str) -> Condition | bool:
    """The condition with its tests of Channel and EventID answered: what is left to ask, or the answer."""
    match condition:
        case Test():
            if condition.field == "EventID" and condition.op == "is":
                return condition.value == number
            known = condition.field == "EventID" and condition.op != "same"
            known |= condition.field == "Channel" and condition.op in TEXT_OPS and "c" not in condition.flags
            return plain.closure(condition)(plain.Seen({"Channel": channel, "EventID": number or None})) if known else condition
        case Not():
            inner = answered(condition.item, channel, number)
            return not inner if isinstance(inner, bool) else Not(inner)
        case All():
            return _joined(All, condition.items, False, channel, number)
        case Any():
            return _joined(Any, condition.items, True, channel, number)


def _joined(kind: type[All] | type[Any], items: tuple[Condition, ...], decides: bool, channel: str, number: str) -> Condition | bool:
    left: list[Condition] = []
    for item in items:
        found = answered(item, channel, number)
        if found is decides:
            return decides
        if not isinstance(found, bool):
            left.append(found)
    return (left[0] if len(left) == 1 else kind(tuple(left))) if left else not decides


class Compiled(NamedTuple):
    """A condition over the numbers of the tests that hold. `needed`: at least one of them holds whenever it does; None: there are none."""

    judge: Judge
    needed: Holding | None


class Gate:
    """The rules that can fire in one place, as (number of the rule, condition; True: it always does). `shared` ones are in every gate."""

    def __init__(self, rules: Sequence[tuple[int, Condition | bool]], shared: Holding) -> None:
        self._outcomes = Outcomes()
        self._verdicts: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._waking: dict[int, list[tuple[int, Judge]]] = {}
        self._ever: list[tuple[int, Judge]] = []
        self._across: list[tuple[int, plain.Holds]] = []
        self._keyworded: list[tuple[int, plain.Holds]] = []
        tests: dict[Test, int] = {}
        spotted: set[str] = set()
        for rule, condition in rules:
            if isinstance(condition, bool):
                self._ever.append((rule, lambda holding: True))
            elif not reads_across(condition):
                self._enter(rule, compiled(condition, tests))
            elif (found := keywords(condition)) is None:
                self._across.append((rule, plain.closure(condition)))
            else:
                spotted |= found
                self._keyworded.append((rule, plain.closure(condition)))
        by_field: dict[str, list[tuple[int, Test]]] = {}
        for test, number in tests.items():
            by_field.setdefault(test.field, []).append((number, test))
        columns = self._columns = [Column(name, each, self._outcomes) for name, each in sorted(by_field.items())]
        # the fields that are read: of each column, then what exporters call some of them
        self.names = tuple(dict.fromkeys([*(column.name for column in columns), *(name for column in columns for name in column.others)]))
        self._remembered: list[Callable[..., int]] = [column.numbers.get for column in columns]
        self._judges = [column.number for column in columns]
        self._renamed = [
            (slot, [self.names.index(name) for name in column.others], column.outcome)
            for slot, column in enumerate(columns)
            if column.others
        ]
        self._spotter = Spotter(spotted)
        only_shared = all(rule in shared for rule, _ in self._keyworded)
        self.skims = only_shared and not self._across  # in a quiet event, nothing beyond `names` is looked at

    def _enter(self, rule: int, condition: Compiled) -> None:
        if condition.needed is None:
            self._ever.append((rule, condition.judge))
        for test in condition.needed or ():
            self._waking.setdefault(test, []).append((rule, condition.judge))

    def hits(self, event: Fields, quiet: bool) -> tuple[int, ...]:
        """The rules that fire, ascending."""
        found = self.found([event.get(name) for name in self.names])
        if self._across or (self._keyworded and not (quiet and self.skims)):
            return self._with_direct(found, event)
        return found

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
        return self._judged(answer) if found is None else found

    def _judged(self, key: tuple[int, ...]) -> tuple[int, ...]:
        sets = self._outcomes.sets
        holding: Holding = frozenset().union(*[sets[number] for number in key])
        woken = dict(self._ever)
        for test in holding:
            woken.update(self._waking.get(test, ()))
        found = tuple(sorted(rule for rule, judge in woken.items() if judge(holding)))
        if len(self._verdicts) >= VERDICTS or len(sets) >= VERDICTS:
            self._forget()
        else:
            self._verdicts[key] = found
        return found

    def _forget(self) -> None:
        self._verdicts.clear()
        self._outcomes.forget()
        for column in self._columns:
            column.forget()

    def _with_direct(self, found: tuple[int, ...], event: Fields) -> tuple[int, ...]:
        rules = self._across
        if self._keyworded and self._spotter.in_event(event):
            rules = rules + self._keyworded
        seen = plain.Seen(event)
        more = [rule for rule, holds in rules if holds(seen)]
        return tuple(sorted((*found, *more))) if more else found


def tests_of(condition: Condition) -> Iterator[Test]:
    """Every test in a condition."""
    match condition:
        case Test():
            yield condition
        case Not():
            yield from tests_of(condition.item)
        case All() | Any():
            for item in condition.items:
                yield from tests_of(item)


def reads_across(condition: Condition) -> bool:
    """Whether a test in it reads more than one field: a keyword, or a reference to another field."""
    return any(not test.field or test.op == "same" for test in tests_of(condition))


def compiled(condition: Condition, numbers: dict[Test, int]) -> Compiled:
    """The condition as a closure; new tests get the next number."""
    match condition:
        case Test():
            number = numbers.setdefault(condition, len(numbers))
            return Compiled(lambda holding: number in holding, frozenset((number,)))
        case Not():
            inner = compiled(condition.item, numbers).judge
            return Compiled(lambda holding: not inner(holding), None)
    tests = frozenset(numbers.setdefault(item, len(numbers)) for item in condition.items if isinstance(item, Test))
    parts = [compiled(item, numbers) for item in condition.items if not isinstance(item, Test)]
    judges = tuple(part.judge for part in parts)
    known = [part.needed for part in parts if part.needed is not None]
    if isinstance(condition, All):
        known += [frozenset((test,)) for test in tests]
        return Compiled(_all(tests, judges), min(known, key=len, default=None))
    return Compiled(_any(tests, judges), tests.union(*known) if len(known) == len(parts) else None)


def _all(tests: Holding, judges: tuple[Judge, ...]) -> Judge:
    if not judges:
        return lambda holding: tests <= holding
    return lambda holding: tests <= holding and all(judge(holding) for judge in judges)


def _any(tests: Holding, judges: tuple[Judge, ...]) -> Judge:
    if not judges:
        return lambda holding: not tests.isdisjoint(holding)
    return lambda holding: not tests.isdisjoint(holding) or any(judge(holding) for judge in judges)
