"""Times as text logs write them: ISO 8601, the `Oct 11 22:14:15` of RFC 3164 in its variants, and the year that those leave out. Pure.

Called by the readers of syslog, CEF and LEEF. A time without a zone is taken as UTC; abbreviations are those of `ZONES`.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from interferon.sense.moments import EPOCH, LATEST, MICROSECOND

_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS: Final = {name: number for number, name in enumerate(_NAMES, 1)}
# RFC 822 (clause 5.1) and the zones of Europe and East Asia that have one meaning: hours from UTC
ZONES: Final = {
    **{"Z": 0.0, "UTC": 0.0, "GMT": 0.0, "WET": 0.0, "WEST": 1.0, "CET": 1.0, "CEST": 2.0, "EET": 2.0, "EEST": 3.0, "MSK": 3.0},
    **{"EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0, "MST": -7.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0},
    **{"JST": 9.0, "KST": 9.0, "SGT": 8.0, "AEST": 10.0, "AEDT": 11.0},
}
_ZONE: Final = rf"(?:(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|{'|'.join(sorted(ZONES, key=len, reverse=True))})(?=[\s:;,\]]|$)"
_CLOCK: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<part>\d{1,12}))?"
_NAMED: Final = re.compile(
    rf"[*.]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s)?(?:(?P<year>\d{{4}})\s)?(?P<month>{'|'.join(MONTHS)})\s{{1,2}}(?P<day>\d{{1,2}})"
    rf",?(?:\s(?P<year2>\d{{4}}))?,?\s{_CLOCK}(?:\s?(?P<zone>(?-i:{_ZONE})))?(?:\s(?P<year3>(?:19|20)\d\d)(?=:?(?:\s|$)))?(?:\s(?P<zone2>(?-i:{_ZONE})))?",
    re.IGNORECASE,
)
_ISO: Final = re.compile(rf"(?P<year>\d{{4}})([-/])(?P<month>\d\d)\2(?P<day>\d\d)[Tt ]{_CLOCK}(?:\s?(?P<zone>{_ZONE}))?", re.IGNORECASE)
HALF: Final = 186  # days of half a year, with 31 to a month
DAY: Final = 86_400_000_000
UNKNOWN: Final = 1972  # stands for a year that nothing tells: the first leap year after 1970


class Stamp(NamedTuple):
    """A time as it is written; `year` 0 where it is left out, `zone` minutes east of UTC."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    micro: int
    zone: int


def stamp(text: str, at: int = 0) -> tuple[Stamp, int] | None:
    """The time that stands at this place of a text, and where it ends; None where there is none."""
    if found := _ISO.match(text, at):
        year, month, day, hour, minute, second, part, zone = found.group("year", "month", "day", "hour", "minute", "second", "part", "zone")
        number = int(month)
    elif found := _NAMED.match(text, at):
        month, day, hour, minute, second, part = found.group("month", "day", "hour", "minute", "second", "part")
        year, zone = found["year"] or found["year2"] or found["year3"] or "0", found["zone"] or found["zone2"]
        number = MONTHS[month.lower()]
    else:
        return None
    micro = int(part[:6].ljust(6, "0")) if part else 0
    said = Stamp(int(year), number, int(day), int(hour), int(minute), int(second), micro, minutes(zone) if zone else 0)
    return said, found.end()


def minutes(zone: str) -> int:
    """Minutes east of UTC of `+0100`, `-05:00`, `GMT+2`, `CET`; 0 of one that is not known."""
    name = zone.upper()
    if name in ZONES:
        return int(ZONES[name] * 60)
    found = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?", name)
    if found is None:
        return 0
    away = int(found[2]) * 60 + int(found[3] or 0)
    return -away if found[1] == "-" else away


def moment(said: Stamp, year: int) -> int | None:
    """Microseconds UTC of a time in this year; None where there is no such time. Second 60 begins the next minute."""
    try:
        begun = datetime(year, said.month, said.day, said.hour, said.minute, min(said.second, 59), said.micro, tzinfo=UTC)
        found = (begun + timedelta(seconds=said.second == 60, minutes=-said.zone) - EPOCH) // MICROSECOND
    except (ValueError, OverflowError):
        return None
    return found if 0 < found < LATEST and said.second <= 60 else None


class Calendar:
    """Gives times their year, line by line: that of the line before, or the one beside it where that lies nearer.

    `year`: of the first line without one, 0 where it is not known; `received`: microseconds, when the lines came at the latest, or 0.
    """

    def __init__(self, year: int = 0, received: int = 0) -> None:
        self.year, self.received, self.last, self.guessed = year, received, received, False
        self._place = 0

    def at(self, said: Stamp) -> int | None:
        """Microseconds UTC of the next line's time; None where there is no such time."""
        year = said.year or self._year(said)
        found = moment(said, year)
        while found is None and not said.year and (said.month, said.day) == (2, 29) and year > UNKNOWN:
            year -= 1
            found = moment(said, year)
        if found is not None:
            self.last = found
            if not self.year or abs(year - self.year) < 2:  # a device whose clock was never set says nothing of the others
                self.year, self._place = year, _place(said)
            self.guessed = not said.year and (self.guessed or (year == UNKNOWN and not self.received))
        return found

    def _year(self, said: Stamp) -> int:
        if self.year:
            return self.year + (_turn(self._place, _place(said)) if self._place else 0)
        return latest(said, self.received) or UNKNOWN


def latest(said: Stamp, received: int) -> int:
    """The last year in which a time lies no more than a day behind `received` (clocks differ); 0 where that is not known."""
    if not received:
        return 0
    year = (EPOCH + timedelta(microseconds=min(received, LATEST >> 4))).year
    return next((each for each in range(year + 1, year - 9, -1) if (moment(said, each) or LATEST) <= received + DAY), year)


def first_year(stamps: Iterable[Stamp], received: int = 0) -> int:
    """The year of the first of these times, told by the next one that has a year, or by `received` of the last; 0 where nothing does."""
    place = turns = 0
    said = None
    for said in stamps:
        turns += _turn(place, _place(said)) if place else 0
        place = _place(said)
        if said.year:
            return said.year - turns
    return latest(said, received) - turns if said is not None and received else 0


def _place(said: Stamp) -> int:
    return said.month * 31 + said.day


def _turn(before: int, after: int) -> int:
    """Years that the calendar has turned on, or back, between two days of a year."""
    return 1 if after - before < -HALF else -1 if after - before > HALF else 0
