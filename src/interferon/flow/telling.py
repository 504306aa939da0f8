"""Numbers and times as a person reads them, and as machines do. Called by all in `flow` that tells of a plan. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso(moment: int) -> str:
    """ISO 8601 of microseconds UTC, to the second."""
    return (_EPOCH + timedelta(microseconds=moment)).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(moment: int) -> str:
    """`28 Nov 12:00` of microseconds UTC."""
    at = _EPOCH + timedelta(microseconds=moment)
    return f"{at.day} {MONTHS[at.month - 1]} {at:%H:%M}"


def stamp(moment: int, form: str) -> str:
    """Microseconds UTC by a format of `strftime`."""
    return (_EPOCH + timedelta(microseconds=moment)).strftime(form)


def units(quantity: float) -> str:
    """A quantity as short as it can be read: no decimals from ten on."""
    return f"{quantity:,.0f}" if quantity >= 10 else f"{quantity:.2g}"


def late(hours: float) -> str:
    """`9.5 h late`."""
    return f"{hours * 60:.0f} min late" if hours < 1 else f"{units(hours)} h late"


def named(ids: list[str], most: int = 3) -> str:
    """The first few of many ids, and how many more there are."""
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
