"""Bytes into a JSON object, strictly: UTF-8, no key twice, no NaN, bounded size and depth. Called by `lint` and the command line. Pure."""

import json
from collections import Counter
from typing import Any, Final

from interferon.model.errors import InputError

SIZE: Final = 16 * 1024 * 1024
DEPTH: Final = 64
SAFE: Final = 2**53 - 1  # integers that every reader of JSON holds exactly (RFC 7493)


def read(data: bytes) -> dict[str, Any]:
    """The JSON object in `data` (RFC 8259). Raises `InputError` with one line that says what is wrong and where."""
    if not data.strip():
        raise InputError("the file is empty; a playbook is one JSON object")
    if len(data) > SIZE:
        raise InputError(f"the file has {len(data)} bytes; at most {SIZE} are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start}: not UTF-8, which JSON must be") from None
    _bound(text)
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_number)
    except json.JSONDecodeError as error:
        raise InputError(f"line {error.lineno} column {error.colno}: not JSON: {error.msg}") from None
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"holds a JSON {_named(found)}; a playbook is one JSON object")
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError("holds half of a surrogate pair (\\ud800 to \\udfff alone), which is no character") from None
    return found


def _bound(text: str) -> None:
    """Counts brackets outside strings: a parser that recurses must not be led down without end."""
    depth, quoted, escaped = 0, False, False
    for place, char in enumerate(text):
        if quoted:
            quoted, escaped = escaped or char != '"', char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "[{":
            depth += 1
            if depth > DEPTH:
                raise InputError(f"character {place}: nested more than {DEPTH} deep")
        elif char in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key, times in Counter(keys).items() if times > 1)
        raise InputError(f"the key {twice!r} stands twice in one object")
    return found


def _number(text: str) -> int | float:
    """5.0 is the whole number 5 in JSON, which knows one kind of number."""
    found = float(text)
    return int(found) if found.is_integer() and abs(found) <= SAFE else found


def _refuse(name: str) -> float:
    raise InputError(f"{name} is not a JSON number")


def _named(value: object) -> str:
    return {list: "list", str: "text", bool: "boolean", type(None): "null"}.get(type(value), "number")
