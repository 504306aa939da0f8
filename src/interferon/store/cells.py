"""One cell of a table or one value of `network.toml`: text → typed value, or a message that says what would be right.

Called by `table_file` and `settings_file`. Pure.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final
from zoneinfo import available_timezones

from interferon.model.tables import Column, singular

Value = str | float | int

EMPTY: Final[dict[str, Value]] = {"time": 0}  # what an empty cell without a default is, where it is not the empty text

_ID: Final = re.compile(r"\w[\w.-]{0,63}")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WITH_UNIT: Final = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([^\d\s.,].*)", re.ASCII)
_PATTERN: Final = re.compile(r"[\w.*@/\\:+-]{1,128}")  # identities are named as the events name them
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,63}|\*")
_STARS: Final = 4  # in one pattern
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARED: Final = 5000
_LARGEST: Final = 1e15  # whole numbers up to here are exact in a double
_SHOWN: Final = 60
_SCALES: Final = {"k": 1e3, "m": 1e6, "million": 1e6, "thousand": 1e3}
_PER_DAY: Final = {
    **{"s": 86400.0, "second": 86400.0, "min": 1440.0, "minute": 1440.0, "h": 24.0, "hr": 24.0, "hour": 24.0, "shift": 3.0},
    **{"d": 1.0, "day": 1.0, "w": 1 / 7, "week": 1 / 7, "month": 12 / 365, "year": 1 / 365},
}
_HOURS: Final = {"h": 1.0, "hour": 1.0, "hours": 1.0, "min": 1 / 60, "minutes": 1 / 60, "d": 24.0, "day": 24.0, "days": 24.0}
_DAYS: Final = {unit: hours / 24 for unit, hours in _HOURS.items()}


class CellError(ValueError):
    """A value that its column does not take; the text says why and what would be right."""


def convert(column: Column, text: str) -> Value:
    """The typed value of a cell that is not empty. Times become integer microseconds UTC. Raises CellError."""
    match column.type:
        case "number" | "integer":
            return number(column, text.strip())
        case "time":
            return _time(column, text.strip())
        case "text":
            return _text(column, text)
        case _:
            return _name(column, text.strip())


def number(column: Column, text: str) -> float | int:
    """A plain decimal number within the column's range. Raises CellError."""
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity", "n/a", "na", "null", "none"}:
        raise CellError(f"{column.column} is '{shown(text)}'; write a finite number{_of(column)}")
    if not _NUMBER.fullmatch(text):
        raise CellError(f"{column.column} is '{shown(text)}'; {_plain(column, text)}")
    value = float(text)
    return within(column, _whole(column, text, value) if column.type == "integer" else value)


def within(column: Column, value: float | int) -> float | int:
    """The value, when it lies in the column's range. Raises CellError."""
    low, dots, high = column.allowed.partition("..")
    above = column.allowed.startswith(">")
    if abs(value) > _LARGEST:
        raise CellError(f"{column.column} is larger than any real one; write a number up to {_LARGEST:g}{_of(column)}")
    short = value <= float(low[1:]) if above else bool(dots and low) and value < float(low)
    if short or (high and value > float(high)):
        raise CellError(f"{column.column} is {value}; it must be {range_words(column)}")
    return value


def range_words(column: Column) -> str:
    """The column's range as words: 'from 0 to 1', '0 or more', 'more than 0'."""
    low, _, high = column.allowed.partition("..")
    if low.startswith(">"):
        return f"more than {low[1:]}"
    return f"from {low} to {high}" if high else f"{low} or more"


def shown(text: str) -> str:
    """A text from a file as it may stand in a one-line message: no control characters, not too long."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}…"


def close(word: str, known: Collection[str]) -> str:
    """' (did you mean X?)', or nothing where no known word is like it, or where there are too many to compare in good time."""
    found = get_close_matches(word, known, 1, 0.6) if len(known) <= _COMPARED else []
    return f" (did you mean {shown(found[0])}?)" if found else ""


def _whole(column: Column, text: str, value: float) -> int:
    if not value.is_integer():
        raise CellError(f"{column.column} is '{shown(text)}'; write a whole number")
    return int(value)


def _of(column: Column) -> str:
    return f" of {column.unit}" if column.unit else ""


def _plain(column: Column, text: str) -> str:
    """Why this is no plain number, with the number it would be where that can be worked out."""
    if re.fullmatch(r"[+-]?\d{1,3}([,' ]\d{3})+(\.\d+)?", text):
        return f"write it without thousands separators: {re.sub(r'[^0-9.+-]', '', text)}"
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"write the decimals after a point: {text.replace(',', '.')}"
    if found := _WITH_UNIT.fullmatch(text):
        meant = _scaled(column.unit, float(found[1]), found[2].strip().lower())
        return f"write a plain number{_of(column)}, without a unit" + (f": {meant:.6g}" if meant is not None else "")
    return f"write a number{_of(column)}"


def _scaled(unit: str, value: float, said: str) -> float | None:
    """`value` in the column's unit when it was said in another: 50/h → 1200 units/day. None where that cannot be known."""
    if said in _SCALES:
        return value * _SCALES[said]
    if said == "%" and unit == "share":
        return value / 100
    if unit.endswith("/day") and (per := re.fullmatch(r"(?:[a-z]+\s*)?(?:/|per|a|an)\s*([a-z]+?)s?", said)):
        return value * _PER_DAY[per[1]] if per[1] in _PER_DAY else None
    factor = {"hours": _HOURS, "days": _DAYS}.get(unit, {}).get(said)
    return None if factor is None else value * factor


def _time(column: Column, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CellError(f"{column.column} is '{shown(text)}'; write an ISO 8601 time such as 2026-01-05T08:00:00Z") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _text(column: Column, text: str) -> str:
    if _CONTROL.search(text):
        raise CellError(f"{column.column} holds a control character; write plain text")
    return text


def _name(column: Column, text: str) -> str:
    """Ids, references, choices, and codes of countries, currencies and time zones."""
    match column.type:
        case "id" if not _ID.fullmatch(text):
            raise CellError(f"{column.column} is '{shown(text)}'; use letters, digits, '-', '_' and '.' only, at most 64, no blanks")
        case "choice" if text not in column.choices:
            raise CellError(
                f"{column.column} is '{shown(text)}'{close(text, column.choices)}; it must be one of {', '.join(column.choices)}"
            )
        case "country" if not re.fullmatch("[A-Z]{2}", text):
            raise CellError(f"{column.column} is '{shown(text)}'; write the two capital letters of ISO 3166-1, such as DE")
        case "currency" if not re.fullmatch("[A-Z]{3}", text):
            raise CellError(f"{column.column} is '{shown(text)}'; write the three capital letters of ISO 4217, such as EUR")
        case "timezone" if text != "UTC" and text not in available_timezones():
            zones = available_timezones()
            raise CellError(f"{column.column} is '{shown(text)}'{close(text, zones)}; write an IANA time zone such as Europe/Berlin")
        case "pattern":
            _pattern(column, text)
        case "action" if not _ACTION.fullmatch(text):
            raise CellError(f"{column.column} is '{shown(text)}'; write the name of an action such as isolate_asset, or * for every one")
        case "target" if not re.fullmatch(rf"({'|'.join(map(singular, column.refs))}):.+", text):
            kinds = " or ".join(f"{singular(table)}:ID" for table in column.refs)
            raise CellError(f"{column.column} is '{shown(text)}'; write {kinds}")
    return text


def _pattern(column: Column, text: str) -> None:
    """A reference in which `*` may stand for any characters. Raises CellError."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in column.kinds or not _PATTERN.fullmatch(name):
        kinds = ", ".join(f"{each}:ID" for each in column.kinds)
        raise CellError(f"{column.column} is '{shown(text)}'; write one of {kinds}; * in the ID stands for any characters")
    if name.count("*") > _STARS:
        raise CellError(f"{column.column} is '{shown(text)}'; write at most {_STARS} * in one pattern")


def written(column: Column, value: Value) -> str:
    """The text of a value, such that `convert` gives the value back."""
    if column.type == "time" and not column.must and value == EMPTY["time"]:
        return ""
    if column.type == "time":
        moment = _EPOCH + timedelta(microseconds=int(value))
        return moment.isoformat().removesuffix("+00:00") + "Z"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
