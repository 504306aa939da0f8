"""JSON in its canonical form (JCS, RFC 8785): one text for one value, so that it can be hashed. Called by `signing`. Pure."""

import json
import math
from collections.abc import Iterator
from typing import Any

from interferon.model.errors import InputError
from interferon.playbooks.document import SAFE


def canonical(value: Any) -> bytes:
    """The bytes of a JSON value. Raises `InputError` for what has no such form: NaN, infinities, integers that a double cannot hold."""
    return "".join(_parts(value)).encode()


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for place, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be"))):  # by UTF-16 code units (3.2.3)
            yield ("," if place else "") + _text(key) + ":"
            yield from _parts(value[key])
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, each in enumerate(value):
            yield "," if place else ""
            yield from _parts(each)
        yield "]"
    elif isinstance(value, str):
        yield _text(value)
    elif isinstance(value, bool) or value is None:
        yield {True: "true", False: "false", None: "null"}[value]
    else:
        yield number(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # escapes as clause 3.2.2.2 asks: the short forms, \u00xx in lower case, nothing else


def number(value: int | float) -> str:
    """A number as ECMAScript writes it (7.1.12.1 there; clause 3.2.2.3): the shortest digits that give the same double."""
    try:
        double = float(value)
    except OverflowError:
        raise InputError("a number is beyond what a double can hold; it has no canonical form") from None
    if isinstance(value, int) and abs(value) > SAFE and int(double) != value and number(double) != str(value):
        raise InputError(f"{value} cannot be held by a double; such a number has no canonical form")
    if not math.isfinite(double):
        raise InputError(f"{double} has no canonical form")
    if double == 0:
        return "0"
    digits, point = _decimal(abs(double))
    return ("-" if double < 0 else "") + _written(digits, point)


def _decimal(double: float) -> tuple[str, int]:
    """(digits without zeros at either end, place of the point before which they stand): 0.digits × 10^point."""
    mantissa, _, exponent = repr(double).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return digits.rstrip("0"), point


def _written(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    head = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{head}e{'+' if point > 0 else '-'}{abs(point - 1)}"
