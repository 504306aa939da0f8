"""A condition as one closure over one event, straight from its records: no index, prefilter or memory of earlier events. The yardstick of
`engine`, which also uses it for what reads more than one field at once (keywords, references to other fields).
"""

from collections.abc import Callable

from interferon.rules.event import Fields, all_texts, getter, texts
from interferon.rules.match import check, same
from interferon.rules.records import All, Any, Condition, Not, Test

Pair = tuple[str, str]  # (text as it is, text casefolded)


class Seen:
    """One event; each field is read and casefolded once, however many closures ask."""

    __slots__ = ("_pairs", "event")

    def __init__(self, event: Fields) -> None:
        self.event = event
        self._pairs: dict[str, tuple[Pair, ...]] = {}

    def pairs(self, field: str) -> tuple[Pair, ...]:
        """Every text of a field; of the whole event for ""."""
        found = self._pairs.get(field)
        if found is None:
            read = texts(getter(field)(self.event)) if field else all_texts(self.event)
            found = self._pairs[field] = tuple((text, text.casefold()) for text in read)
        return found


Holds = Callable[[Seen], bool]


def closure(condition: Condition) -> Holds:
    """Whether an event's fields fulfil the condition."""
    match condition:
        case Test():
            return _test(condition)
        case Not():
            inner = closure(condition.item)
            return lambda seen: not inner(seen)
        case All():
            needed = tuple(closure(item) for item in condition.items)
            return lambda seen: _all(needed, seen)
        case Any():
            enough = tuple(closure(item) for item in condition.items)
            return lambda seen: _any(enough, seen)


def _all(needed: tuple[Holds, ...], seen: Seen) -> bool:
    for holds in needed:  # noqa: SIM110 - a generator costs more than the tests
        if not holds(seen):
            return False
    return True


def _any(enough: tuple[Holds, ...], seen: Seen) -> bool:
    for holds in enough:  # noqa: SIM110 - as above
        if holds(seen):
            return True
    return False


def _test(test: Test) -> Holds:
    field = test.field
    match test.op:
        case "null":
            return lambda seen: not seen.pairs(field)
        case "exists":
            wanted = test.value == "true"
            return lambda seen: bool(seen.pairs(field)) is wanted
        case "same":
            other, equal = test.value, same(test)
            return lambda seen: equal([low for _, low in seen.pairs(field)], [low for _, low in seen.pairs(other)])
    matches = check(test)

    def some(seen: Seen) -> bool:
        for text, low in seen.pairs(field):  # noqa: SIM110 - as above
            if matches(text, low):
                return True
        return False

    return some
