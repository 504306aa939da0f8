"""The two formats of security products that are a header of bars and keys with values: CEF (revision 25) and LEEF (1.0 and 2.0). Pure.

Called by `log_lines`. The record may stand behind a syslog header. What is no such record raises ValueError with what would be right.
"""

import re
from typing import Final, NamedTuple

Values = dict[str, str]
_CEF: Final = re.compile(r"(?:^|(?<=[\s\ufeff:\]\"']))CEF:\s?(\d{1,3}(?:\.\d{1,3})?)\|")
_LEEF: Final = re.compile(r"(?:^|(?<=[\s\ufeff:\]\"']))LEEF:\s?(\d{1,3}(?:\.\d{1,3})?)\|")
_FIELD: Final = re.compile(r"((?:[^|\\]|\\.)*+\\?)(\||\Z)", re.DOTALL)
_KEY: Final = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_][\w.\-\[\]]*+)=")
_ESCAPED: Final = re.compile(r"\\([\\=|nr])")
_HEX: Final = re.compile(r"(?:0?[xX]|\\[xu])([0-9A-Fa-f]{1,4})")
_MEANT: Final = {"n": "\n", "r": "\r"}
_WORDS: Final = {r"\t": "\t", "tab": "\t", r"\n": "\n", "": "\t"}


class Product(NamedTuple):
    """One record: `format` cef or leef, the fields of its header, and its keys. `severity` is CEF's, '' in LEEF."""

    format: str
    format_version: str
    vendor: str
    product: str
    version: str
    event: str  # CEF's signature id (device event class id), LEEF's event id
    name: str
    severity: str
    values: Values


def begins(text: str) -> tuple[str, int] | None:
    """Which of the two formats a line holds, and where its record begins; None where it holds neither."""
    if "CEF:" not in text and "LEEF:" not in text:
        return None
    found = [(each.start(), name) for name, marker in (("cef", _CEF), ("leef", _LEEF)) if (each := marker.search(text))]
    return (min(found)[1], min(found)[0]) if found else None


def cef(text: str) -> Product:
    """The record `CEF:0|vendor|product|version|class|name|severity|key=value …`. Raises ValueError."""
    fields, rest = _header(text[text.index(":") + 1 :], 7)
    if len(fields) < 7:
        raise ValueError(f"CEF has a header of 7 fields (CEF:0|vendor|product|version|class|name|severity|), this one has {len(fields)}")
    version, vendor, product, device, event, name, severity = fields
    return Product("cef", version, vendor, product, device, event, name, severity, extension(rest))


def extension(text: str) -> Values:
    """Keys and values of CEF. A value goes on to the next ` key=`; blanks at its end do not count. A second value of a key is `key#2`."""
    found = list(_KEY.finditer(text))
    values: Values = {}
    lead = text[: found[0].start()].strip() if found else text.strip()
    if lead:
        values["unkeyed"] = _plain(lead)
    ends = (*(each.start() for each in found[1:]), len(text))
    for here, after in zip(found, ends, strict=False):
        _put(values, here[1], _plain(text[here.end() : after].strip(" \t")))
    return values


def leef(text: str) -> Product:
    """The record `LEEF:2.0|vendor|product|version|event|delimiter|key=value…`; 1.0 has no delimiter, which is a tab. Raises ValueError."""
    fields = text[text.index(":") + 1 :].split("|", 5)
    if len(fields) < 5:
        raise ValueError(f"LEEF has a header of 5 fields (LEEF:1.0|vendor|product|version|event|), this one has {len(fields)}")
    version, vendor, product, device, event = (each.strip() for each in fields[:5])
    rest = fields[5] if len(fields) > 5 else ""
    delimiter, rest = _delimited(rest) if not version.startswith("1") else ("\t", rest)
    return Product("leef", version, vendor, product, device, event, "", "", attributes(rest, delimiter))


def attributes(text: str, delimiter: str) -> Values:
    """Keys and values of LEEF. A piece without `=` belongs to the value before it."""
    if delimiter == "\t" and delimiter not in text and r"\t" in text:
        delimiter = r"\t"  # senders that write the escape itself
    found: list[tuple[str, list[str]]] = []
    for piece in text.split(delimiter):
        key, equals, value = piece.partition("=")
        if equals and key.strip():
            found.append((key.strip(), [value.strip("\r\n")]))
        elif piece.strip() and found:
            found[-1][1].append(piece)
        elif piece.strip():
            found.append(("unkeyed", [piece.strip()]))
    values: Values = {}
    for key, parts in found:
        _put(values, key, delimiter.join(parts))
    return values


def _delimited(rest: str) -> tuple[str, str]:
    """Delimiter and attributes of LEEF 2.0: a character, its hexadecimal number (`x09`, `0x5E`), or nothing, which is a tab."""
    if rest.startswith("||"):
        return "|", rest[2:]
    said, bar, behind = rest.partition("|")
    if found := _HEX.fullmatch(said.strip()):
        number = int(found[1], 16)
        return (chr(number) if number and not 0xD800 <= number < 0xE000 else "\t"), behind
    if bar and said.lower() in _WORDS:
        return _WORDS[said.lower()], behind
    if bar and len(said) == 1:
        return said, behind
    return "\t", rest  # left out, as 1.0 does


def _header(text: str, fields: int) -> tuple[list[str], str]:
    """So many fields between bars that no backslash escapes, and the rest."""
    if "\\" not in text:
        plain = text.split("|", fields)
        return [each.strip() for each in plain[:fields]], plain[fields] if len(plain) > fields else ""
    found: list[str] = []
    at = 0
    while len(found) < fields and (field := _FIELD.match(text, at)):
        found.append(_plain(field[1]).strip())
        at = field.end()
        if not field[2]:
            break
    return found, text[at:]


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), text) if "\\" in text else text


def _put(values: Values, key: str, value: str) -> None:
    name = key if key not in values else f"{key}#2"
    values[name if name not in values else f"{key}#{len(values) + 1}"] = value
