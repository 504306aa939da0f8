"""Times by a pattern of Java's SimpleDateFormat, as LEEF's `devTimeFormat` gives one (`MMM dd yyyy HH:mm:ss.SSS z`). Pure.

Called by `product_events`. Of a pattern that names no time of day or no day, or that is none, nothing is read.
"""

import re
from functools import lru_cache
from typing import Final

from interferon.sense.log_times import MONTHS, Stamp, minutes

_LETTERS: Final = re.compile(r"'((?:[^']|'')*+)'|([A-Za-z])\2*+|([^A-Za-z']+)")
_NUMBER: Final = {"y": "year", "u": "year", "Y": "year", "M": "month", "L": "month", "d": "day", "m": "minute", "s": "second", "S": "part"}
_HOURS: Final = {"H": "hour", "k": "hour", "h": "half", "K": "half"}
_ZONES: Final = r"(?P<zone>[A-Za-z]{1,5}(?:[+-]\d{1,2}:?\d\d)?|[+-]\d\d(?::?\d\d)?)"
LONGEST: Final = 64  # characters of a pattern, and of a time


def patterned(text: str, pattern: str) -> Stamp | None:
    """The time that a text tells by a pattern; None where it does not fit. Without a zone it is UTC, without a year its `year` is 0."""
    form = _form(pattern) if len(pattern) <= LONGEST and len(text) <= LONGEST else None
    found = form.fullmatch(text) if form else None
    if found is None:
        return None
    told = {name: value for name, value in found.groupdict().items() if value}
    month = told["month"]
    number = int(month) if month.isdecimal() else MONTHS.get(month[:3].lower(), 0)
    year = int(told.get("year", "0"))
    return Stamp(
        year=year + 2000 if 0 < year < 100 else year,
        month=number,
        day=int(told["day"]),
        hour=_hour(told),
        minute=int(told.get("minute", "0")),
        second=int(told.get("second", "0")),
        micro=int(told.get("part", "0")[:6].ljust(6, "0")),
        zone=minutes(told.get("zone", "")),
    )


def _hour(told: dict[str, str]) -> int:
    if "half" in told:
        return int(told["half"]) % 12 + (12 if told.get("noon", "").lower().startswith("p") else 0)
    return int(told.get("hour", "0")) % 24 if told.get("hour") == "24" else int(told.get("hour", "0"))


@lru_cache(maxsize=64)
def _form(pattern: str) -> re.Pattern[str] | None:
    """The pattern as a regular expression; None where it names a field twice, an unknown letter, or neither month nor day."""
    parts: list[str] = []
    named: set[str] = set()
    at = 0
    while found := _LETTERS.match(pattern, at):
        part = _part(found)
        if part is None:
            return None
        names = set(re.findall(r"\?P<(\w+)>", part))
        if names & named:
            return None
        parts.append(part)
        named |= names
        at = found.end()
    usable = at == len(pattern) and {"month", "day"} <= named
    return re.compile("".join(parts)) if usable else None


def _part(found: re.Match[str]) -> str | None:
    if found[2] is None:
        return re.escape(found[3] or (found[1] or "'").replace("''", "'")).replace(r"\ ", r"\s+")
    letter, size = found[2], len(found[0])
    if letter in "ML" and size > 2:
        return r"(?P<month>[A-Za-z]{3,9})\.?"
    if letter in "zZXVO":
        return _ZONES
    if letter in "Ea":
        return "(?P<noon>[AaPp][Mm])" if letter == "a" else r"[A-Za-z]{2,9}"
    name = _NUMBER.get(letter) or _HOURS.get(letter)
    widest = {"year": 4, "part": 9}.get(name or "", 2)
    return rf"(?P<{name}>\d{{1,{widest}}})" if name else None
