"""Checks that shapes are made of: each looks at one JSON value and reports what is wrong at its path. Used by `shapes` alone. Pure."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final

from interferon.playbooks.document import SAFE
from interferon.playbooks.problems import Report, short
from interferon.playbooks.values import REFERENCE, UUID

Check = Callable[[Any, str, Report], None]
KEY: Final = re.compile(r"[a-zA-Z0-9_-]{1,250}")
STAMP: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?Z", re.ASCII)
LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL: Final = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{LABEL}(?:\.{LABEL})*")
MAC: Final = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")


def text(value: Any, where: str, report: Report) -> None:
    if not isinstance(value, str):
        report.error(where, f"must be text, not {short(value)}")


def flag(value: Any, where: str, report: Report) -> None:
    if not isinstance(value, bool):
        report.error(where, f"must be true or false, not {short(value)}")


def anything(value: Any, where: str, report: Report) -> None:
    """Left to whoever defined it (extensions)."""


def whole(low: int, high: int = SAFE) -> Check:
    """A whole number from `low` to `high`, both included."""

    def check(value: Any, where: str, report: Report) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            report.error(where, f"must be a whole number from {low} to {high}, not {short(value)}")

    return check


def fixed(*values: str) -> Check:
    """One of a closed enumeration."""

    def check(value: Any, where: str, report: Report) -> None:
        if value not in values:
            report.error(where, f"must be {' or '.join(map(repr, values))}, not {short(value)}")

    return check


def word(known: Iterable[str]) -> Check:
    """A text that should come from an open vocabulary."""

    def check(value: Any, where: str, report: Report) -> None:
        if not isinstance(value, str):
            text(value, where, report)
        elif value not in known:
            report.warn(where, f"{short(value)} is not in the vocabulary of the specification")

    return check


def identifier(*prefixes: str) -> Check:
    """`type--UUID` (clause 10.10), the type one of `prefixes` where there are any."""

    def check(value: Any, where: str, report: Report) -> None:
        if not isinstance(value, str):
            text(value, where, report)
            return
        prefix, dashes, uuid = value.partition("--")
        if not dashes or not UUID.fullmatch(uuid) or not re.fullmatch("[a-z][a-z0-9-]*", prefix):
            report.error(where, f"{short(value)} is not an identifier: it must be type--UUID")
        elif prefixes and prefix not in prefixes:
            report.error(where, f"{short(value)} must begin with {' or '.join(each + '--' for each in prefixes)}")

    return check


def stamp(value: Any, where: str, report: Report) -> None:
    """A moment in UTC, RFC 3339 (clause 10.16)."""
    found = STAMP.fullmatch(value) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        report.error(where, f"must be a time such as '2025-01-31T12:00:00.000Z', not {short(value)}")


def moment(value: Any, where: str, report: Report) -> None:
    """A time of creation or change, which is told to the millisecond."""
    stamp(value, where, report)
    if isinstance(value, str) and (found := STAMP.fullmatch(value)) and len(found[6] or "") != 4:
        report.warn(where, "should be told to the millisecond, with exactly three digits")


def listing(check: Check, least: int = 0) -> Check:
    def checked(value: Any, where: str, report: Report) -> None:
        if not isinstance(value, list):
            report.error(where, f"must be a list, not {short(value)}")
            return
        if len(value) < least:
            report.error(where, f"must have at least {least}, has {len(value)}")
        elif not value:
            report.warn(where, "is empty: leave it out")
        for place, each in enumerate(value):
            check(each, f"{where}[{place}]", report)

    return checked


def mapping(key: Check, check: Check) -> Check:
    def checked(value: Any, where: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.error(where, f"must be a dictionary, not {'a list, as in v1' if isinstance(value, list) else short(value)}")
            return
        for name, each in value.items():
            key(name, f"{where}.{name}", report)
            check(each, f"{where}.{name}", report)

    return checked


def named(value: Any, where: str, report: Report) -> None:
    """A key of a dictionary (clause 10.7)."""
    if not KEY.fullmatch(value):
        report.error(where, f"the key {short(value)} must be 1 to 250 of a-z A-Z 0-9 _ -")


def record(fields: dict[str, Check], required: str = "", open_to: bool = False) -> Check:
    """An object with these properties; one that the specification does not know is told, not refused."""

    def check(value: Any, where: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.error(where, f"must be an object, not {short(value)}")
            return
        at = f"{where}." if where else ""
        for name in required.split():
            if name not in value:
                report.error(f"{at}{name}", "is missing")
        for name, each in value.items():
            if name in fields:
                fields[name](each, f"{at}{name}", report)
            elif not open_to:
                report.warn(f"{at}{name}", "is not a property that the specification knows here")

    return check


def encoded(value: Any, where: str, report: Report) -> None:
    """Base64 (RFC 4648, clause 4)."""
    if not isinstance(value, str):
        text(value, where, report)
    elif not REFERENCE.search(value):
        try:
            base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            report.error(where, "is not base64")


def email(value: Any, where: str, report: Report) -> None:
    if not isinstance(value, str):
        text(value, where, report)
    elif not REFERENCE.search(value) and (not EMAIL.fullmatch(value) or len(value) > 254):
        report.error(where, f"{short(value)} is not an e-mail address")


def port(value: Any, where: str, report: Report) -> None:
    if not isinstance(value, str):
        text(value, where, report)
    elif not REFERENCE.search(value) and not (re.fullmatch("[0-9]{1,5}", value) and 0 < int(value) < 65536):
        report.error(where, f"must be a port from '1' to '65535', not {short(value)}")


def address(kind: str) -> Check:
    """One entry of an address dictionary (clause 7.10)."""

    def check(value: Any, where: str, report: Report) -> None:
        if kind == "vlan" and isinstance(value, int):
            value = str(value)
        if not isinstance(value, str):
            text(value, where, report)
        elif not REFERENCE.search(value) and not _address(kind, value):
            report.error(where, f"{short(value)} is not a {kind} address")

    return check


def _address(kind: str, value: str) -> bool:
    if kind in ("ipv4", "ipv6"):
        try:
            (ipaddress.IPv4Network if kind == "ipv4" else ipaddress.IPv6Network)(value, strict=False)
        except ValueError:
            return False
        return True
    if kind == "l2mac":
        return MAC.fullmatch(value) is not None
    if kind == "vlan":
        return re.fullmatch("[0-9]{1,4}", value) is not None and int(value) < 4096
    return bool(value) and not re.search(r"\s", value)
