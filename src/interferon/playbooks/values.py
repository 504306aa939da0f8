"""Variables of a playbook: their names, typed values, and references to them in text.

Used by the checks, conditions and the machine. Pure.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

NAME: Final = re.compile(r"__[A-Za-z][A-Za-z0-9_-]*__")
LONGEST: Final = 250  # ASCII characters, the underscores included (clause 10.18)
REFERENCE: Final = re.compile(r"(__[A-Za-z](?:(?!__:)[A-Za-z0-9_-]){0,245}__|\$\$[A-Za-z][A-Za-z0-9_-]{0,245}\$\$)[:.]value(?![A-Za-z0-9])")
BARE: Final = re.compile(r"__[A-Za-z][A-Za-z0-9-]*(?:_[A-Za-z0-9-]+)*__(?![:.\w]|\()")
UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def names(text: str) -> Iterator[str]:
    """The variables that `text` refers to, as `__name__:value` (v2) or `$$name$$:value` (v1), by their v2 name."""
    return (_plain(found[1]) for found in REFERENCE.finditer(text))


def _plain(name: str) -> str:
    return f"__{name[2:-2]}__" if name.startswith("$$") else name


def references(value: Any) -> Iterator[str]:
    """The variables that any text within a JSON value refers to."""
    if isinstance(value, str):
        yield from names(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from names(key)
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def substitute(value: Any, known: Callable[[str], str]) -> Any:
    """The same JSON value with each reference replaced by `known(name)`. What was put in is not searched again."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: known(_plain(found[1])), value)
    if isinstance(value, dict):
        return {substitute(key, known): substitute(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [substitute(each, known) for each in value]
    return value


def decoded(text: str) -> str:
    """What a base64 text holds, where that is UTF-8; else nothing."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def opened(command: dict[str, Any]) -> dict[str, Any]:
    """A command with its base64 parts in clear, where those refer to variables."""
    clear = {key: decoded("".join(value.split())) for key, value in command.items() if key.endswith("_b64") and isinstance(value, str)}
    return command | {key: text for key, text in clear.items() if REFERENCE.search(text)}


def closed(command: dict[str, Any], was: dict[str, Any]) -> dict[str, Any]:
    """The opposite of `opened`: what was in base64 in the command as it `was` is so again."""
    again = [key for key, value in command.items() if key.endswith("_b64") and opened(was)[key] != was[key]]
    return command | {key: base64.b64encode(command[key].encode()).decode() for key in again}


def _fits(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _whole(bits: int) -> Callable[[str], bool]:
    digits = re.compile(r"[+-]?[0-9]{1,20}")
    return lambda text: digits.fullmatch(text) is not None and -(1 << bits - 1) <= int(text) < 1 << bits - 1


def _address(kind: Callable[[str], object]) -> Callable[[str], bool]:
    def good(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    return good


def _object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


TYPED: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "bool": (_fits("(?i:true|false)|[01]"), "'true' or 'false'"),
    "dictionary": (_object, "a JSON object"),
    "float": (_fits(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"), "a number"),
    "hexstring": (_fits("([0-9a-fA-F]{2})*"), "pairs of hexadecimal digits"),
    "integer": (_whole(64), "a whole number"),
    "long": (_whole(64), "a whole number"),
    "ipv4-addr": (_address(lambda text: ipaddress.IPv4Network(text, strict=False)), "an IPv4 address such as '192.0.2.1'"),
    "ipv6-addr": (_address(lambda text: ipaddress.IPv6Network(text, strict=False)), "an IPv6 address such as '2001:db8::1'"),
    "mac-addr": (_fits("([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}"), "an address such as '00:00:5e:00:53:01'"),
    "hash": (_fits("([0-9a-fA-F]{2})+"), "pairs of hexadecimal digits"),
    "md5-hash": (_fits("[0-9a-fA-F]{32}"), "32 hexadecimal digits"),
    "sha256-hash": (_fits("[0-9a-fA-F]{64}"), "64 hexadecimal digits"),
    "uri": (_fits(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+"), "a URI such as 'https://example.com/'"),
    "uuid": (_fits(UUID.pattern), "a UUID"),
}
SAMPLES: Final = {
    "bool": "true", "dictionary": "{}", "float": "1.0", "hexstring": "00", "integer": "1", "long": "1", "ipv4-addr": "192.0.2.1",
    "ipv6-addr": "2001:db8::1", "mac-addr": "00:00:5e:00:53:01", "hash": "00", "md5-hash": "0" * 32, "sha256-hash": "0" * 64,
    "uri": "https://example.com/", "uuid": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip


def misfit(kind: str, value: str) -> str:
    """Why `value` cannot be of variable type `kind`; empty where it can. An empty text is known to be empty, whatever the type."""
    good, wanted = TYPED.get(kind, (bool, ""))
    if not value or not wanted or good(value) or REFERENCE.search(value):
        return ""
    return f"is not {wanted}, as the type {kind} must be"


def sample(kind: str) -> str:
    """A value of that type from the ranges that are reserved for examples (RFC 5737, 3849, 7042)."""
    return SAMPLES.get(kind, "simulated")
