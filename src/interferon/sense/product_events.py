"""What the records of security products (CEF, LEEF) mean: a login where it is certain, a message of a log otherwise. Pure.

Called by `log_lines`. Sources: CEF's extension dictionary and LEEF's predefined attributes, under their short and full names.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from interferon.sense.key_values import Product
from interferon.sense.log_times import Calendar, minutes, stamp
from interferon.sense.moments import micros
from interferon.sense.patterned_times import patterned
from interferon.sense.record_rows import Activity, count
from interferon.sense.syslog_lines import Message
from interferon.sense.syslog_logins import FAILURE, SUCCESS, address

TIMES: Final = ("rt", "deviceReceiptTime", "devTime", "start", "startTime", "end", "endTime", "art", "agentReceiptTime")
SOURCES: Final = ("src", "sourceAddress", "c6a2", "shost", "sourceHostName", "identSrc", "identHostName")
TARGETS: Final = ("dst", "destinationAddress", "c6a3", "dhost", "destinationHostName")
DEVICES: Final = ("dvc", "deviceAddress", "c6a1", "dvchost", "deviceHostName")
ACTORS: Final = ("suser", "sourceUserName", "usrName", "duser", "destinationUserName", "accountName")
EXPLICIT: Final = ("outcome", "eventOutcome", "categoryOutcome")
OUTCOMES: Final = (*EXPLICIT, "act", "deviceAction", "action", "status", "result", "cat")
COUNTS: Final = ("in", "bytesIn", "out", "bytesOut", "srcBytes", "dstBytes")
LOGINS: Final = {"login", "logins", "logon", "signin", "signon", "authentication", "authenticate", "authenticated"}
PAIRS: Final = {(first, then) for first in ("log", "logged", "sign", "signed") for then in ("in", "on")}
ENDS: Final = {"logout", "logoff", "signout", "signoff", "out", "off"}
GOOD: Final = {
    *("success", "successful", "successfully", "succeeded", "succeed", "accepted", "accept", "allowed", "allow", "granted", "permitted"),
    *("permit", "passed"),
}
BAD: Final = {
    *("failure", "failures", "failed", "fail", "fails", "unsuccessful", "denied", "deny", "rejected", "reject", "refused", "invalid"),
    *("blocked", "block", "incorrect"),
}
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LEVELS: Final = ((9, "critical"), (7, "error"), (4, "warning"), (0, "informational"))
_NAMED: Final = {"very-high": "critical", "very high": "critical", "high": "error", "medium": "warning", "low": "informational"}
_LABEL: Final = "Label"


def activity(product: Product, head: Message | None, calendar: Calendar, feed: str) -> Activity:
    """The event of one record; `head` is the syslog header before it. Raises ValueError where no time is told at all."""
    values = product.values
    time = _time(values, head, calendar)
    if time is None:
        raise ValueError("tells no time (rt, start, end or devTime), and no line before it does")
    host = _first(values, DEVICES) or (address(head.host) if head else "")
    actor = _first(values, ACTORS)
    decided = _outcome(product) if actor and _is_login(product) else None
    login = decided is not None
    return Activity(
        time=time,
        entity=f"identity:{actor}" if login else f"address:{host}" if host else f"feed:{feed}",
        kind="auth.login" if login else "log.message",
        source=_first(values, SOURCES) or None,
        target=_first(values, TARGETS) or (host if login else "") or None,
        actor=f"identity:{actor}" if actor else None,
        object="/".join(each for each in (product.vendor, product.product) if each) or None,
        code=product.event or None,
        outcome=decided if login else _stated(values, EXPLICIT),
        bytes=_bytes(values),
        attributes=_attributes(product, head),
    )


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((found for each in names if each in values and (found := address(values[each].strip()))), "")


def _time(values: Mapping[str, str], head: Message | None, calendar: Calendar) -> int | None:
    """The record's own time, else that of the syslog header, else that of the line before."""
    layout = values.get("devTimeFormat", "").strip()
    zone = values.get("dtz") or values.get("deviceTimeZone") or ""
    for name in filter(values.__contains__, TIMES):
        found = _moment(values[name].strip(), layout if name == "devTime" else "", zone, calendar)
        if found is not None:
            return found
    if head is not None and head.stamp is not None and (found := calendar.at(head.stamp)) is not None:
        return found
    return calendar.last or None


def _moment(text: str, layout: str, zone: str, calendar: Calendar) -> int | None:
    if not text:
        return None
    if layout and (said := patterned(text, layout)):
        return calendar.at(said)
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return micros(int(text)) if text.isdigit() and len(text) < 20 else micros(float(text)) if len(text) < 24 else None
    found = stamp(text)
    if found is None:
        return micros(text)
    said, end = found
    if zone and not said.zone and end == len(text) and text[-1:].isdigit():
        said = said._replace(zone=minutes(zone))
    return calendar.at(said)


def _words(text: str) -> list[str]:
    return [each.lower() for each in _WORD.findall(text[:500])]


def _is_login(product: Product) -> bool:
    """Whether the name, the event's class or the category speak of a login, and of no logout."""
    category = product.values.get("categoryBehavior", "")
    words = [word for text in (product.name, product.event, product.values.get("cat", ""), category) for word in [*_words(text), "|"]]
    pairs = set(pairwise(words))
    return (not LOGINS.isdisjoint(words) or not PAIRS.isdisjoint(pairs)) and ENDS.isdisjoint(words)


def _outcome(product: Product) -> str | None:
    """What a key says of it, else what the name and the class say with one voice."""
    return _stated(product.values, OUTCOMES) or _verdict([*_words(product.name), *_words(product.event)])


def _stated(values: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if name in values and (found := _verdict(_words(values[name])))), None)


def _verdict(words: list[str]) -> str | None:
    good, bad = not GOOD.isdisjoint(words), not BAD.isdisjoint(words)
    negated = "not" in words or "un" in words
    return None if good == bad or negated else SUCCESS if good else FAILURE


def _bytes(values: Mapping[str, str]) -> int | None:
    total = count(values.get("totalBytes"))
    if total is not None:
        return total
    parts = [number for each in COUNTS if (number := count(values.get(each))) is not None]
    return count(sum(parts)) if parts else None


def _attributes(product: Product, head: Message | None) -> dict[str, Any]:
    values = product.values
    labelled = {values[name]: values[name.removesuffix(_LABEL)] for name in values if _is_label(name, values)}
    severity = product.severity or values.get("sev", "")
    own = {
        "message": values.get("msg") or product.name or f"{product.event} {values.get('cat', '')}".strip(),
        "severity": _severity(severity) or (head.severity if head else ""),
        "device_severity": severity,
        "format": product.format,
        "format_version": product.format_version,
        **{"vendor": product.vendor, "product": product.product, "version": product.version, "name": product.name},
        "log_host": head.host if head else "",
        "facility": head.facility if head else "",
        "structured": head.structured if head else None,
    }
    own = {key: value for key, value in own.items() if value}
    given = {**labelled, **values}
    return {**{(f"extension.{key}" if key in own else key): value for key, value in given.items()}, **own}


def _is_label(name: str, values: Mapping[str, str]) -> bool:
    return name.endswith(_LABEL) and bool(values[name]) and name.removesuffix(_LABEL) in values and values[name] not in values


def _severity(said: str) -> str:
    """CEF's 0 to 10 and its words, 10 the worst, in the words of RFC 5424, whose numbers run the other way."""
    text = said.strip().lower()
    if text.isascii() and text.isdigit() and len(text) < 4:
        return next(word for least, word in _LEVELS if int(text) >= least)
    return _NAMED.get(text, "")
