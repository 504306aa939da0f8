"""All rules at once on a stream of events: what `interferon rules run` and `rules test` judge with. Pure; the same hits as `plain`.

An event's channel and event id pick a gate: the rules that can fire there, with their tests of these two already answered. Each field
that they read has a `Column` of tests; the outcomes of an event's values are its key, and a key once judged is remembered.
"""

from collections.abc import Sequence
from typing import Final

from interferon.rules import plain
from interferon.rules.event import Fields, place
from interferon.rules.gate import Gate, tests_of
from interferon.rules.keywords import Spotter, keywords
from interferon.rules.logsource import Place, covers, placed, places
from interferon.rules.records import All, Any, Condition, Not, Rule, Source, Test
from interferon.rules.skim import Skimmer

GATES: Final = 4_096  # remembered gates; a stream may bring any number of event ids
TEXT_OPS: Final = ("is", "starts", "ends", "has", "like")

UNLIKE: Final = (bool, float)
"""1, 1.0 and true are one to a dictionary, and three texts to a rule."""


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
        self._shared = frozenset(number for number, condition in self._everywhere if keywords(condition) is not None)
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

    def gate(self, event: Fields) -> Gate:
        """The rules that can fire on events that come from where this one does."""
        at = (event.get("Channel"), event.get("EventID"))
        if at[1].__class__ in UNLIKE:
            return self._gate_of(place(event))
        try:
            gate = self._gates.get(at)
        except TypeError:  # a list or an object there
            return self._gate_of(place(event))
        if gate is None:
            if len(self._gates) >= GATES:
                self._gates.clear()
            gate = self._gates[at] = self._gate_of(place(event))
        return gate

    def _gate_of(self, where: tuple[str, str]) -> Gate:
        """One gate for all spellings of a place."""
        gate = self._by_place.get(where)
        if gate is None:
            if len(self._by_place) >= GATES:
                self._by_place.clear()
            gate = self._by_place[where] = self._gate(*where)
        return gate

    def _gate(self, channel: str, number: str) -> Gate:
        if self._declared is not None:
            return Gate(self._everywhere, self._shared, self._spotter)
        found = [(rule, answered(condition, channel, number)) for rule, condition in self._everywhere if channel]
        for rule, condition, at, asks in self._by_channel.get(channel, ()):
            if not at.ids or number in at.ids:
                found.append((rule, answered(condition, channel, number) if asks else condition))
        return Gate([(rule, left) for rule, left in found if left is not False], self._shared, self._spotter)


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
