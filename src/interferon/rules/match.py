"""One test against one text: the meaning of every operator, told once for `plain` and `engine`. Case does not count, by casefold."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from interferon.rules.records import ANY, ONE, Op, Test

Check = Callable[[str, str], bool]  # (text as it is, text casefolded) → does it match?

FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


def check(test: Test) -> Check:
    """The test of a text that is there; null, exists and same have no such test."""
    return BY_OP[test.op](test)


def _is(test: Test) -> Check:
    if "c" in test.flags:
        value = test.value
        return lambda text, low: text == value
    folded = test.value.casefold()
    return lambda text, low: low == folded


def _starts(test: Test) -> Check:
    if "c" in test.flags:
        value = test.value
        return lambda text, low: text.startswith(value)
    folded = test.value.casefold()
    return lambda text, low: low.startswith(folded)


def _ends(test: Test) -> Check:
    if "c" in test.flags:
        value = test.value
        return lambda text, low: text.endswith(value)
    folded = test.value.casefold()
    return lambda text, low: low.endswith(folded)


def _has(test: Test) -> Check:
    if "c" in test.flags:
        value = test.value
        return lambda text, low: value in text
    folded = test.value.casefold()
    return lambda text, low: folded in low


def _like(test: Test) -> Check:
    """Wildcards: `*` is any run of characters, also of none and over lines, `?` is any one."""
    signs = {ANY: ".*", ONE: "."}
    cased = "c" in test.flags
    pieces = [re.escape(part if cased else part.casefold()) if isinstance(part, str) else signs[part] for part in test.parts]
    full = re.compile("".join(pieces), re.DOTALL).fullmatch
    if cased:
        return lambda text, low: full(text) is not None
    return lambda text, low: full(low) is not None


def _re(test: Test) -> Check:
    """A regular expression may match anywhere and minds case, unless its flags say otherwise."""
    found = re.compile(test.value, sum(FLAGS[flag] for flag in test.flags)).search
    return lambda text, low: found(text) is not None


def _cidr(test: Test) -> Check:
    network = ipaddress.ip_network(test.value)

    def inside(text: str, low: str) -> bool:
        address = _address(text)
        return address is not None and address in network

    return inside


@lru_cache(maxsize=64)  # one value is held against the networks of many rules
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """IPv4 written as IPv6 (::ffff:10.0.0.1) is IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "ne": lambda a, b: a != b,
}


def _compare(test: Test) -> Check:
    """Numbers; what is there but is no number is unequal to every number and neither above nor below one."""
    compare, bound, other = COMPARE[test.op], float(test.value), test.op == "ne"

    def compared(text: str, low: str) -> bool:
        number = _number(text)
        return other if number is None else compare(number, bound)

    return compared


def _number(text: str) -> float | None:
    try:
        return float(int(text, 16)) if text[:2] in ("0x", "0X") else float(text)
    except (ValueError, OverflowError):
        return None


BY_OP: Final[dict[Op, Callable[[Test], Check]]] = {
    "is": _is,
    "starts": _starts,
    "ends": _ends,
    "has": _has,
    "like": _like,
    "re": _re,
    "cidr": _cidr,
    **dict.fromkeys(("lt", "lte", "gt", "gte", "ne"), _compare),
}


def same(test: Test) -> Callable[[Sequence[str], Sequence[str]], bool]:
    """Whether one of a field's texts is (or, by the flags, starts with, ends with, has) one of the other field's, all casefolded."""
    starts, ends = "<" in test.flags, ">" in test.flags
    holds: Callable[[str, str], bool] = str.__eq__
    if starts and ends:
        holds = str.__contains__
    elif starts or ends:
        holds = str.startswith if starts else str.endswith
    return lambda ours, theirs: any(holds(own, other) for own in ours for other in theirs)
