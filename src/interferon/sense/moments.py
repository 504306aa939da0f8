"""Times of log records as microseconds UTC: ISO 8601 with or without a zone, and seconds to nanoseconds since 1970. Pure.

Called by the readers of host and cloud logs. What is no time, or lies before 1970, is None.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
LATEST: Final = 1 << 60  # microseconds; some 36,000 years
_NET: Final = re.compile(r"/Date\((\d{1,16})(?:[+-]\d{4})?\)/")  # .NET's JSON


def micros(value: Any) -> int | None:
    """The moment that a text or number says. A text without a zone is taken as UTC."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return None


def number(value: float) -> int | None:
    """A count since 1970, its unit told by its size: seconds up to the year 5138, then milli-, micro- and nanoseconds."""
    if not 0 < value < 1e20:
        return None
    for below, factor in ((1e11, 1_000_000), (1e14, 1000), (1e17, 1)):
        if value < below:
            return int(value * factor)
    return int(value) // 1000


def _text(text: str) -> int | None:
    if text.startswith("/Date("):
        found = _NET.fullmatch(text)
        return int(found.group(1)) * 1000 if found else None
    try:
        moment = datetime.fromisoformat(text if len(text) < 40 else "")
        found_micros = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND
    except (ValueError, OverflowError):
        return None
    return found_micros if 0 < found_micros < LATEST else None
