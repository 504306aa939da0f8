"""A condition as one closure over one event, straight from its records: no index, prefilter or cache. The yardstick of `engine`, which
also uses it for what reads more than one field at once (keywords, references to other fields).
"""

from collections.abc import Callable
from typing import Any as Anything

from interferon.rules.event import Fields, all_texts, getter, texts
from interferon.rules.match import check, same
from interferon.rules.records import All, Any, Condition, Not, Test

Holds = Callable[[Fields], bool]


def closure(condition: Condition) -> Holds:
    """Whether an event's fields fulfil the condition."""
    match condition:
        case Test():
            return _test(condition)
        case Not():
            inner = closure(condition.item)
            return lambda event: not inner(event)
        case All():
            needed = tuple(closure(item) for item in condition.items)
            return lambda event: _all(needed, event)
        case Any():
            enough = tuple(closure(item) for item in condition.items)
            return lambda event: _any(enough, event)


def _all(needed: tuple[Holds, ...], event: Fields) -> bool:
    for holds in needed:  # noqa: SIM110 - a generator costs more than the tests
        if not holds(event):
            return False
    return True


def _any(enough: tuple[Holds, ...], event: Fields) -> bool:
    for holds in enough:  # noqa: SIM110 - as above
        if holds(event):
            return True
    return False


def _test(test: Test) -> Holds:
    get = getter(test.field)
    match test.op:
        case "null":
            return lambda event: not texts(get(event))
        case "exists":
            wanted = test.value == "true"
            return lambda event: bool(texts(get(event))) is wanted
        case "same":
            other, equal = getter(test.value), same(test)
            return lambda event: equal(texts(get(event)), texts(other(event)))
    matches = check(test)
    if not test.field:
        return lambda event: any(matches(text, text.casefold()) for text in all_texts(event))
    return lambda event: _one(matches, get(event))


def _one(matches: Callable[[str, str], bool], value: Anything) -> bool:
    if value.__class__ is str:
        return matches(value, value.casefold())
    return any(matches(text, text.casefold()) for text in texts(value))
