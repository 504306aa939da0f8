"""One message of syslog to its parts: RFC 5424 with structured data, RFC 3164 in the variants that are met, and files without a PRI. Pure.

Called by `log_lines`. Reads what devices send rather than what the RFCs allow; a line with neither a PRI nor a time is no message.
"""

import re
from typing import Any, Final, NamedTuple

from interferon.sense.log_times import Stamp, stamp

SEVERITIES: Final = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
FACILITIES: Final = (
    *(
        "kern",
        "user",
        "mail",
        "daemon",
        "auth",
        "syslog",
        "lpr",
        "news",
        "uucp",
        "cron",
        "authpriv",
        "ftp",
        "ntp",
        "audit",
        "alert",
        "clock",
    ),
    *(f"local{number}" for number in range(8)),
)
LEVELS: Final = {
    **{word: word for word in ("alert", "notice", "debug")},
    **{"emerg": "emergency", "panic": "emergency", "crit": "critical", "err": "error", "error": "error", "warn": "warning"},
    **{"warning": "warning", "info": "informational"},
}
BOM: Final = "\ufeff"
_FACILITY, _LEVEL = f"({'|'.join(FACILITIES)}|security)", f"({'|'.join(sorted(LEVELS, reverse=True))})"
_LEVELLED: Final = re.compile(rf"<?{_FACILITY}\.{_LEVEL}>?\s")  # `daemon.info prog:` and `<auth.err> host prog:`
_SOLARIS: Final = re.compile(rf"\[ID (\d{{1,10}}) {_FACILITY}\.{_LEVEL}\] ")
_PRI: Final = re.compile(r"<(\d{1,3})>\s{0,4}")
_HEAD: Final = re.compile(r"([1-9]\d{0,2}) (\S+) (\S+) (\S+) (\S+) (\S+)(?: (.*))?", re.DOTALL)
_ELEMENT: Final = re.compile(r'\[([^\s=\]"]{1,256})((?:\s+[^\s=\]"]{1,256}="(?:[^"\\]|\\.)*+")*+)\s*\]', re.DOTALL)
_PARAM: Final = re.compile(r'([^\s=\]"]+)="((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\\]])')
_COUNTER: Final = re.compile(r"\d{1,10}: ")  # Cisco's `service sequence-numbers`
_TAG: Final = re.compile(r"([^\s:\[\]]{1,128})(?:\[([^\]\s]{0,64})\])?:(?:\s|$)|([^\s:\[\]]{1,128})\[(\d{1,10})\](?:\s|$)")
_LOOSE: Final = re.compile(r"([A-Za-z_%/][\w.\-/%()@+#]{0,127})(?:\[([^\]\s]{0,64})\])?:(?![/:\\])")  # behind a host; no blank needed
_HOST: Final = re.compile(r"(?:\[(\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]{0,4}:[\da-fA-F:.]{1,40})\]|([^\s\[\]]{1,255}))(?:\s+|$)")
_KEYED: Final = re.compile(r'\b(date|time|tz|devname)="?([^\s"]+)')
KEYED: Final = 512  # characters in which such keys are looked for
_SENTENCE: Final = ("last message repeated ", "message repeated ", "-- MARK --")


class Message(NamedTuple):
    """The parts of a message; what it does not tell is ''. `stamp` None: it has no time."""

    stamp: Stamp | None
    host: str = ""
    program: str = ""
    pid: str = ""
    msgid: str = ""
    facility: str = ""
    severity: str = ""
    structured: dict[str, Any] | None = None
    text: str = ""


def message(line: str) -> Message:
    """The parts of one line. Raises ValueError for a line that is no message."""
    found = _PRI.match(line)
    rest = line[found.end() :] if found else line.lstrip()
    facility, severity = _priority(int(found[1])) if found else ("", "")
    told = _structured(rest) or _traditional(rest) or _keyed(rest)
    if told is None and found is None:
        raise ValueError("has neither a priority as <34> nor a time as 'Oct 11 22:14:15' or 2026-01-05T08:00:00Z")
    if told is None:
        program, pid, text = tag(rest)
        told = Message(None, program=program, pid=pid, text=text)
    return told._replace(facility=facility, severity=severity) if found else told


def _priority(number: int) -> tuple[str, str]:
    facility = number >> 3
    return FACILITIES[facility] if facility < len(FACILITIES) else str(facility), SEVERITIES[number & 7]


def _structured(rest: str) -> Message | None:
    """RFC 5424; None where it is not that."""
    found = _HEAD.match(rest)
    if found is None:
        return None
    said = None if found[2] == "-" else stamp(found[2])
    if found[2] != "-" and (said is None or said[1] != len(found[2])):
        return None
    host, program, pid, msgid = ("" if each == "-" else each for each in found.group(3, 4, 5, 6))
    structured, text = structured_data(found[7] or "")
    return Message(said[0] if said else None, host, program, pid, msgid, structured=structured, text=text.removeprefix(BOM))


def structured_data(rest: str) -> tuple[dict[str, Any] | None, str]:
    """Elements by their id, and the text behind them (clause 6.3). Of a parameter that comes twice, a list. What is no element is text."""
    if rest == "-" or rest.startswith("- "):
        return None, rest[2:]
    elements: dict[str, Any] = {}
    at = 0
    while found := _ELEMENT.match(rest, at):
        element = elements.setdefault(found[1], {})
        for name, value in _PARAM.findall(found[2]):
            value = _ESCAPED.sub(r"\1", value)
            held = element.get(name)
            if isinstance(held, list):
                held.append(value)
            else:
                element[name] = value if held is None else [held, value]
        at = found.end()
    if at < len(rest) and rest[at] != " ":
        return None, rest
    return elements or None, rest[at + 1 :] if elements else rest


def _traditional(rest: str) -> Message | None:
    """RFC 3164, with or without a host and a tag; None where it does not begin with a time."""
    counter = _COUNTER.match(rest)
    said = stamp(rest, counter.end() if counter else 0)
    if said is None:
        return None
    end = said[1]
    if rest[end : end + 1] not in ("", " ", ":", "\t"):
        return None
    named = rest[end : end + 1] != ":"  # `Oct 11 22:14:15: %ASA-…` has no host
    body = rest[end:].lstrip(": \t") if not named else rest[end:].lstrip(" \t")
    host = ""
    facility, severity, body = _levelled(body)
    if named and not _TAG.match(body) and not body.startswith(_SENTENCE) and (found := _HOST.match(body)):
        host, body = found[1] or found[2], body[found.end() :].removeprefix(": ")
        if not facility:
            facility, severity, body = _levelled(body)
    program, pid, text = ("", "", body) if body.startswith(_SENTENCE) else tag(body)
    if host and not program and (loose := _LOOSE.match(body)):
        program, pid, text = loose[1], loose[2] or "", body[loose.end() :].removeprefix(BOM)
    msgid = ""
    if solaris := _SOLARIS.match(text):
        msgid, text = solaris[1], text[solaris.end() :]
        facility, severity = solaris[2], LEVELS[solaris[3]]
    return Message(said[0], host, program, pid, msgid, facility, severity, text=text)


def _levelled(body: str) -> tuple[str, str, str]:
    """Facility and severity as words, which BusyBox and FreeBSD write into files, and the text behind them."""
    found = _LEVELLED.match(body)
    return (found[1], LEVELS[found[2]], body[found.end() :]) if found else ("", "", body)


def _keyed(rest: str) -> Message | None:
    """Firewalls that write keys alone, the time as `date=2026-01-05 time=08:00:00 tz="+0100"`; None where it is not that."""
    keys = dict(_KEYED.findall(rest[:KEYED]))
    said = stamp(f"{keys.get('date', '')} {keys.get('time', '')}{keys.get('tz', '')}") if "date" in keys else None
    return Message(said[0], keys.get("devname", ""), text=rest) if said else None


def tag(body: str) -> tuple[str, str, str]:
    """Program, process id and text of `sshd[812]: text`; the whole as text where there is no tag."""
    found = _TAG.match(body)
    if found is None:
        return "", "", body.removeprefix(BOM)
    return found[1] or found[3], found[2] or found[4] or "", body[found.end() :].removeprefix(BOM)
