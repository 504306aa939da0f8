"""Times, shares, money and counts as a person reads them. The templates' filters; pure.

Times are shown in the network's time zone, with UTC one hover away and in the `datetime` attribute.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from interferon.model.kpis import kpis
from interferon.web import words

MICRO = 1_000_000
UNKNOWN = "—"


def zone_or_utc(name: str) -> ZoneInfo:
    """The time zone of that name; UTC where the machine's tables do not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(time: int, zone: ZoneInfo) -> datetime:
    """Microseconds UTC → aware datetime in `zone`."""
    return datetime.fromtimestamp(time // MICRO, UTC).astimezone(zone)


def time_tag(time: int, zone: ZoneInfo, form: str) -> str:
    """`<time>` with the local reading as text and UTC in `title` and `datetime`."""
    if time <= 0:
        return UNKNOWN
    utc = moment(time, ZoneInfo("UTC"))
    text = moment(time, zone).strftime(form)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S"), text
    )


def duration(seconds: float) -> str:
    """`4 min 20 s`, `14 h`, `3 d 4 h`: two parts at most, the second left out where it no longer matters."""
    left = max(0, round(seconds))
    if left < 60:
        return f"{left} s"
    if left < 600:
        return f"{left // 60} min {left % 60} s" if left % 60 else f"{left // 60} min"
    if left < 7200:
        return f"{round(left / 60)} min"
    if left < 48 * 3600:
        return f"{round(left / 3600)} h"
    days, hours = divmod(round(left / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def percent(share: float | None, digits: int = 1) -> str:
    """0.941 → `94.1 %`."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def number(value: float | None, digits: int = 0) -> str:
    """Thousands apart by a thin blank; trailing zeros gone."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace(",", "\u202f").replace("-", "−")


def size(count: float) -> str:
    """Bytes in decimal steps: `940 B`, `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{number(count, 0 if unit == 'B' else 1)} {unit}"
        count /= 1000
    return f"{number(count, 1)} TB"


def reading(value: float | None) -> str:
    """A measured value with four significant digits."""
    return "missing" if value is None else f"{value:.4g}".replace("-", "−")


def span(point: float, low: float, high: float) -> str:
    """`12`, or `12 (4–30)` where the figure is only assumed within a range."""
    if abs(high - low) < 0.5:
        return number(point)
    return f"{number(point)} ({number(low)}–{number(high)})"


def chance(p: float) -> str:
    """A probability as a whole per cent, never a false certainty."""
    if p > 0.99:
        return "over 99 %"
    return "under 1 %" if p < 0.01 else f"{100 * p:.0f} %"


def filters(timezone: str) -> dict[str, Callable[..., Any]]:
    """All filters of the templates, with the network's time zone bound."""
    zone = zone_or_utc(timezone)
    return {
        "when": lambda time: time_tag(time, zone, "%a %d %b %H:%M:%S"),
        "clock": lambda time: time_tag(time, zone, "%a %H:%M:%S"),  # a case may run over days
        "hour": lambda time: time_tag(time, zone, "%H:%M:%S"),
        "minute": lambda time: time_tag(time, zone, "%a %d %b %H:%M"),
        "duration": duration,
        "percent": percent,
        "number": number,
        "size": size,
        "reading": reading,
        "chance": chance,
        "span": span,
        "name": words.name_of,
        "figure": lambda key: kpis()[key].name,
        "definition": lambda key, note: kpis()[key].told(note),
        "deeds": words.deeds,
        "alternative": words.alternative,
        "mode": lambda code: words.spoken(words.MODES, code),
        "status": lambda code: words.spoken(words.STATUSES, code),
        "state": lambda code: words.spoken(words.STATES, code),
        "mark": lambda code: words.MARKS.get(code, "●"),
        "verdict": lambda code: words.spoken(words.VERDICTS, code),
        "judged": lambda code: words.spoken(words.JUDGED, code),
        "level": words.level_name,
        "plain": lambda code: code.replace("_", " "),
    }
