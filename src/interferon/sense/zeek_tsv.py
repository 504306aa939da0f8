"""Zeek's own text format: the header that says how to read it, and rows to records as its JSON writer would write them.

Called by `sense.zeek_lines`. Pure. Times become ISO 8601, `-` is absent, bytes that are no text are spelt `\\xNN`: so a log and its twin
in JSON give equal events (docs.zeek.org, "Zeek TSV Format Logs").
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from interferon.sense.zeek_kinds import guessed, log_of
from interferon.sense.zeek_rows import Line, Read, dead, together, within

Convert = Callable[[str], Any]

NEVER_EMPTY: Final = ("service",)  # known_services: a set whose one member is the empty name, which looks like the empty set here
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - written with a Z
_json = msgspec.json.Encoder()
_ESCAPE: Final = re.compile(rb"\\(\\|x[0-9a-fA-F]{2})")
_UNSEEN: Final = re.compile("[\x00-\x07\x0b\x0e-\x1f\x7f-\x9f]")  # control characters that JSON has no letter for


class Header(msgspec.Struct, frozen=True):
    """What the lines that begin with `#` have said."""

    separator: str = "\t"
    within_set: str = ","
    empty: str = "(empty)"
    unset: str = "-"
    path: str = ""
    fields: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


def heading(header: Header, line: bytes) -> Header:
    """The header with one more line of it; a line that says nothing about the format (`#open`, `#close`, a comment) changes nothing."""
    text = line.decode(errors="replace")
    if text.startswith("#separator"):
        return Header(separator=unescaped(text[len("#separator") :].strip(" ")) or "\t")
    word, *values = text.split(header.separator)
    value = unescaped(values[0]) if values else ""
    match word:
        case "#set_separator":
            return msgspec.structs.replace(header, within_set=value or ",")
        case "#empty_field":
            return msgspec.structs.replace(header, empty=value)
        case "#unset_field":
            return msgspec.structs.replace(header, unset=value)
        case "#path":
            return msgspec.structs.replace(header, path="" if value == header.unset else value)
        case "#fields":
            return msgspec.structs.replace(header, fields=tuple(values), types=())
        case "#types":
            return msgspec.structs.replace(header, types=tuple(values))
    return header


def rows(lines: Sequence[tuple[int, bytes]], header: Header, feed: str, told: str) -> Read:
    """Rows below one header, each with its offset: a batch, and before it a dead letter for each that cannot be read."""
    path = header.path or told or guessed(header.fields)
    converts, good = _converts(header), list[Line]()
    for found, line in ((_row(line, offset, header, converts, path), (offset, line)) for offset, line in lines):
        if isinstance(found, Line):
            good.append(found)
        else:
            yield dead(line[1], feed, line[0], found)
    if good:
        yield together(good, feed)


def _row(line: bytes, offset: int, header: Header, converts: tuple[tuple[str, Convert], ...], path: str) -> Line | str:
    cells = line.decode(errors="surrogateescape").split(header.separator)
    if len(cells) != len(header.fields):
        return f"has {len(cells)} cells where #fields names {len(header.fields)}"
    record = {name: convert(value) for (name, convert), value in zip(converts, cells, strict=True) if value != header.unset}
    time = _seconds(cells[header.fields.index("ts")]) if "ts" in header.fields else 0
    if time is None and log_of(path).timeless:
        time = 0
    if time is None:
        return f"ts is {record.get('ts', header.unset)!r}; a Zeek record has its time there, in seconds since 1970"
    return Line(offset, time, path, _json.encode(record).decode()[:-1], record)


@lru_cache(maxsize=256)
def _converts(header: Header) -> tuple[tuple[str, Convert], ...]:
    types = (*header.types, *["string"] * len(header.fields))
    return tuple((name, _convert(kind, header, name)) for name, kind in zip(header.fields, types, strict=False))


def _convert(kind: str, header: Header, name: str = "") -> Convert:
    """How a cell of this type is read. One that is not of its type stays text."""
    many = re.fullmatch(r"(?:set|vector|list|table)\[(.*)\]", kind)
    if many is None:
        plain = {"count": _whole, "int": _whole, "port": _whole, "double": _number, "interval": _number, "bool": _flag, "time": _time}
        one = plain.get(kind, _text)
        return lambda value: "" if value == header.empty else one(value)
    each = _convert(many[1], header)
    none = [""] if name in NEVER_EMPTY else []

    def members(value: str) -> list[Any]:
        if value == header.empty:
            return none
        return [None if member == header.unset else each(member) for member in value.split(header.within_set)]

    return members


def _text(value: str) -> str:
    return value if value.isascii() and "\\" not in value and value.isprintable() else unescaped(value)


def unescaped(value: str) -> str:
    r"""The text that was escaped, as Zeek's JSON spells it: `\x09` is a tabulator, and what is no text stays `\xNN`."""
    raw = _ESCAPE.sub(lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]), value.encode(errors="surrogateescape"))
    return _UNSEEN.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), raw.decode(errors="backslashreplace"))


def _whole(value: str) -> Any:
    if value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    digits = value.removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 20 and abs(int(value)) < 1 << 63 else _text(value)


def _number(value: str) -> Any:
    try:
        found = float(value)
    except ValueError:
        return _text(value)
    return found if math.isfinite(found) and "_" not in value else _text(value)


def _flag(value: str) -> Any:
    return {"T": True, "F": False}[value] if value in ("T", "F") else _text(value)


def _time(value: str) -> Any:
    """ISO 8601, as JSON streaming logs have it."""
    seconds = _number(value)
    try:
        moment = _EPOCH + timedelta(microseconds=round(seconds * 1_000_000)) if isinstance(seconds, float) else None
    except OverflowError:
        moment = None
    return _text(value) if moment is None else moment.isoformat(timespec="microseconds") + "Z"


def _seconds(value: str) -> int | None:
    """Microseconds of a time in seconds."""
    seconds = _number(value)
    return within(round(seconds * 1_000_000)) if isinstance(seconds, float) else None


def is_header(lines: Iterator[bytes]) -> bool:
    """Whether a log of Zeek begins here: `#separator` behind nothing but comments, or the old bare `#fields`."""
    for line in lines:
        if line.startswith((b"#separator ", b"#fields\t")):
            return True
        if line.strip() and not line.startswith(b"#"):
            return False
    return False
