"""Judges a parsed condition over the values of variables. Called by the machine.

Pure; MATCHES runs in linear time (RE2), whatever the pattern.

What is unknown (null) equals nothing and is neither smaller nor greater; `!=` holds for it.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from interferon.model.errors import InputError
from interferon.playbooks.condition import Combine, Compare, Literal, Operand, Path, Scalar, Tree

Lookup = Callable[[str], tuple[str, str | None]]  # a variable's (type, value)
NUMBERS: Final = frozenset({"integer", "long", "float"})
PATTERN: Final = 1024
TEXT: Final = 65536


def evaluate(tree: Tree, lookup: Lookup) -> bool:
    """Whether the condition holds. Raises `InputError` where the two sides cannot be compared."""
    if isinstance(tree, Combine):
        if tree.sign == "NOT":
            return not evaluate(tree.parts[0], lookup)
        judged = (evaluate(part, lookup) for part in tree.parts)
        return all(judged) if tree.sign == "AND" else any(judged)
    return _compare(tree, lookup) != tree.negated


def _compare(tree: Compare, lookup: Lookup) -> bool:
    left = _value(tree.left, lookup)
    if tree.sign == "EXISTS":
        return left is not None
    if tree.sign == "":
        return _truth(left)
    return any(_holds(left, tree.sign, _value(each, lookup)) for each in tree.values)


def _value(operand: Operand, lookup: Lookup) -> Scalar | None:
    if isinstance(operand, Literal):
        return operand.value
    if isinstance(operand, Path):
        raise InputError(f"{operand.text} is observed data; a condition of a running playbook compares variables")
    kind, value = lookup(operand.name)
    if value is None or not value:
        return value
    if kind == "bool":
        return value.lower() in ("true", "1")
    if kind in NUMBERS:
        return _number(value)
    return value


def _number(text: str) -> int | float:
    try:
        return int(text) if len(text) < 40 else float(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise InputError(f"{text[:40]!r} is not a number") from None


def _truth(value: Scalar | None) -> bool:
    return value.lower() in ("true", "1") if isinstance(value, str) else bool(value)


def _holds(left: Scalar | None, sign: str, right: Scalar | None) -> bool:
    if left is None or right is None:
        return sign == "!="
    if sign in ("LIKE", "MATCHES"):
        return (_like if sign == "LIKE" else matches)(_text(left), _text(right))
    if sign in ("ISSUBSET", "ISSUPERSET"):
        inner, outer = (left, right) if sign == "ISSUBSET" else (right, left)
        return _within(_text(inner), _text(outer))
    left, right = _alike(left, right)
    if sign in ("=", "IN", "!="):
        return (type(left) is type(right) and left == right) != (sign == "!=")
    if isinstance(left, str) != isinstance(right, str):
        raise InputError(f"{left!r} and {right!r} have no order between them")
    return _ordered(left, sign, right)


def _ordered(left: Scalar, sign: str, right: Scalar) -> bool:
    smaller = left < right  # type: ignore[operator]  # both are text or both numbers
    return {"<": smaller, ">=": not smaller, "<=": smaller or left == right, ">": not smaller and left != right}[sign]


def _alike(left: Scalar, right: Scalar) -> tuple[Scalar, Scalar]:
    """Both as numbers, booleans, addresses or text: the more definite side says which."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, bool) and isinstance(other, str) and other.lower() in ("true", "false", "0", "1"):
            return _truth(left), _truth(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left, right
    if isinstance(left, int | float) or isinstance(right, int | float):
        if isinstance(left, int) and isinstance(right, int):
            return left, right
        try:
            return float(left), float(right)
        except ValueError:
            return left, right
    return _network(left), _network(right)


def _network(value: Scalar) -> Scalar:
    """An address in the one way to write it, so that 192.0.2.1 and 192.0.2.1/32 are the same; any other text as it is."""
    text = str(value)
    if not re.fullmatch(r"[0-9a-fA-F.:]+(/[0-9]{1,3})?", text) or not re.search("[.:]", text):
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(text: str, pattern: str) -> bool:
    """SQL's LIKE: % is any text, _ one character."""
    parts = ["(?s:.*)" if char == "%" else "(?s:.)" if char == "_" else _quoted(char) for char in re.sub("%+", "%", pattern)]
    return _search(text, "^(?:" + "".join(parts) + r")\z")


def _quoted(char: str) -> str:
    return "\\" + char if char in r"\.+*?()|[]{}^$" else char


def matches(text: str, pattern: str) -> bool:
    """Whether the regular expression is found in the text."""
    return _search(text, pattern)


def _search(text: str, pattern: str) -> bool:
    if len(pattern) > PATTERN * 16 or len(text) > TEXT:
        raise InputError(f"MATCHES and LIKE take patterns of at most {PATTERN} characters and texts of at most {TEXT}")
    try:
        return bool(pc.match_substring_regex(pa.scalar(text), pattern).as_py())
    except pa.ArrowInvalid as error:
        raise InputError(f"the regular expression {pattern[:60]!r} cannot be used: {str(error).partition(': ')[2] or error}") from None


def misused(pattern: str) -> str:
    """Why a regular expression cannot be used; empty where it can. Back references and look-around are not of the linear kind."""
    if len(pattern) > PATTERN:
        return f"has more than {PATTERN} characters"
    try:
        _search("", pattern)
    except InputError as error:
        return str(error)
    return ""


def _within(inner: str, outer: str) -> bool:
    try:
        one, other = ipaddress.ip_network(inner, strict=False), ipaddress.ip_network(outer, strict=False)
    except ValueError:
        raise InputError(f"ISSUBSET and ISSUPERSET compare networks: {inner!r} and {outer!r} are not both such") from None
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.subnet_of(other)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return one.subnet_of(other)
    return False
