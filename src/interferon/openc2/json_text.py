"""Reads one JSON text strictly, as I-JSON (RFC 7493), which OpenC2 asks for in 3.1.5. Called by `check` and `messages`. Pure.

Repeated member names, NaN, infinities, lone surrogates and texts nested too deeply are named, not guessed at.
"""

import json
from collections import Counter
from typing import Any, Final

DEEPEST: Final = 64  # nested arrays and objects; what a person or a product writes has fewer than ten


class Unreadable(ValueError):
    """The text is no I-JSON; its one line says where and what would be right."""


def read(data: bytes) -> Any:
    """The value that `data` holds; raises `Unreadable`. A number without a fraction is an int, however it is written."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_members, parse_constant=_constant, parse_float=_number, parse_int=_integer
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is not UTF-8: OpenC2 is JSON in UTF-8") from None
    except UnicodeEncodeError:
        raise Unreadable("it holds half of a surrogate pair: whole Unicode characters would be right (RFC 7493, 2.1)") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"no JSON, {where}: {error.msg}" if data.strip() else "it is empty: one JSON object would be right") from None
    except RecursionError:
        raise Unreadable(f"it nests deeper than {DEEPEST} arrays and objects") from None
    _shallow(value)
    return value


def _shallow(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())]
    if level:
        raise Unreadable(f"it nests deeper than {DEEPEST} arrays and objects")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name, times in Counter(names).items() if times > 1)
        raise Unreadable(f"the member {again!r} stands twice in one object: once would be right (RFC 7493, 2.3)")
    return found


def _constant(name: str) -> Any:
    raise Unreadable(f"{name} is no JSON number")


def _number(text: str) -> float | int:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Unreadable(f"the number {text[:20]} is too large (RFC 7493, 2.2)")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _integer(text: str) -> int:
    if len(text) > 18:
        raise Unreadable(f"the number {text[:20]}… is too large (RFC 7493, 2.2)")
    return int(text)
