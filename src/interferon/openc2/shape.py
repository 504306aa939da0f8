"""Checks a JSON value against a type and names everything that is wrong with it, not the first thing alone. Called by `check`. Pure.

A `Check` gets a value and the path that it stands at, and gives one line a problem: where, what it is, what would be right.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from interferon.openc2.formats import FORMATS

Check = Callable[[Any, str], Iterator[str]]


def shown(value: Any) -> str:
    """The value as JSON, cut where it is long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}…"


def plain(name: str) -> str:
    """A member's name as it can stand in a line: with what a terminal would not print escaped."""
    return name if name.isprintable() else json.dumps(name)


def at(where: str, name: str) -> str:
    return f"{where}.{plain(name)}" if where else plain(name)


def members(known: Mapping[str, Check], required: tuple[str, ...], least: int, most: int, other: Callable[[str], Check | str]) -> Check:
    """An object. `other(name)` is what to do with a member that is not `known`: a check of its value, or what is wrong with its name."""

    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where or 'the text'} is {shown(value)}: an object would be right"
            return
        yield from (f"{at(where, name)} is missing" for name in required if name not in value)
        if not least <= len(value) and not required:
            yield f"{where} is empty: at least one of {', '.join(known)} would be right"
        if len(value) > most:
            yield f"{where} has {len(value)} members ({', '.join(map(plain, list(value)[:4]))}): {most} would be right"
        for name, each in value.items():
            found = known.get(name) or other(name)
            if isinstance(found, str):
                yield f"{at(where, name)} {found}"
            else:
                yield from found(each, at(where, name))

    return check


def unknown_of(known: Mapping[str, Any]) -> Callable[[str], str]:
    """What is said of a member that nothing defines."""
    return lambda name: f"is not defined: {', '.join(known)} would be"


def any_object(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is {shown(value)}: an object with what the profile defines would be right"


def anything(value: Any, where: str) -> Iterator[str]:
    return iter(())


@cache
def of(kind: Any) -> Check:
    """The check of one of the types in `records`."""
    return _of(inspect.type_info(kind))


def _of(info: inspect.Type) -> Check:
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            return _unique(_of(inner)) if (extra or {}).get("unique") else _text(FORMATS[(extra or {})["format"]])
        case inspect.UnionType(types=types):
            (given,) = (each for each in types if not isinstance(each, inspect.NoneType))
            return _of(given)
        case inspect.StructType(cls=cls):
            return lambda value, where: _struct(cls)(value, where)
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            return _array(_of(item), least or 0, most or 1_000)
        case inspect.LiteralType(values=values):
            return _one_of(values)
        case inspect.IntType(ge=least, le=most):
            return _integer(least, most)
        case inspect.BoolType():
            return _boolean
        case _:
            return _text(lambda text: "")


@cache
def _struct(cls: Any) -> Check:
    """Not before it is asked for: a process holds its parent."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    known = {field.encode_name: _of(field.type) for field in info.fields}
    return members(known, (), cls.least, cls.most, unknown_of(known))


def _text(right: Callable[[str], str]) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        wanted = right(value) if isinstance(value, str) else "a string"
        if wanted:
            yield f"{where} is {shown(value)}: {wanted} would be right"

    return check


def _one_of(values: tuple[Any, ...]) -> Check:
    listed = ", ".join(map(str, sorted(values)))

    def check(value: Any, where: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in values:
            yield f"{where} is {shown(value)}: one of {listed} would be right"

    return check


def _integer(least: int | None, most: int | None) -> Check:
    bounds = "" if least is None else f" from {least} on" if most is None else f" from {least} to {most}"

    def check(value: Any, where: str) -> Iterator[str]:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or (least is not None and value < least) or (most is not None and value > most):
            yield f"{where} is {shown(value)}: a whole number{bounds} would be right"

    return check


def _boolean(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{where} is {shown(value)}: true or false would be right"


def _array(item: Check, least: int, most: int) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{where} is {shown(value)}: an array would be right"
            return
        if not least <= len(value) <= most:
            yield f"{where} has {len(value)} entries: {least} to {most} would be right"
        for position, each in enumerate(value):
            yield from item(each, f"{where}[{position}]")

    return check


def _unique(inner: Check) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        yield from inner(value, where)
        if isinstance(value, list):
            written = [json.dumps(each, sort_keys=True) for each in value]
            times = Counter(written)  # by counting each one a long array takes hours
            again = sorted({shown(each) for each, text in zip(value, written, strict=True) if times[text] > 1})
            yield from (f"{where} has {each} twice: once would be right" for each in again)

    return check
