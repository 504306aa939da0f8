"""Messages of syslog out of lines: one a line, or counted in octets, or with NUL between them (RFC 6587, clause 3.4). Pure.

Called by `log_lines`. A frame that its count cuts wrongly ends with its line; one that the data break off in is told.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final, NamedTuple

from interferon.sense.json_records import BOM

LONGEST: Final = 1 << 20  # bytes of one message
_COUNTED: Final = re.compile(rb"([1-9]\d{0,8}) (?=<\d{1,3}>)")
_BEGINS: Final = re.compile(rb"(?:[1-9]\d{0,8} )?<\d{1,3}>")
_AFTER: Final = re.compile(rb"([\r\n\x00 ]*+)(?:\Z|(?=(?:[1-9]\d{0,8} )?<\d{1,3}>))")
_APART: Final = re.compile(rb"(?<!\x00)\x00++(?=(?:[1-9]\d{0,8} )?<\d{1,3}>)")


class Frame(NamedTuple):
    """One message, the number of the line it begins in, and why it is none."""

    line: int
    data: bytes
    problem: str = ""


def frames(lines: Iterable[bytes]) -> Iterator[Frame]:
    """Every message of these lines, without line ends; blank lines are none."""
    held: list[bytes] = []  # a counted message over several lines
    since = size = wanted = 0
    for number, line in enumerate(lines):
        whole = line if line.endswith(b"\n") else line + b"\n"
        if held and _BEGINS.match(whole):
            yield from _trimmed(since, b"".join(held))
            held = []
        since, size = (since, size + len(whole)) if held else (number, len(whole))
        held.append(whole)
        if len(held) > 1 and size < wanted:
            continue
        data = b"".join(held)
        rest = data.removeprefix(BOM) if data.startswith(BOM) else data
        begun, wanted = yield from _counted(since, rest)
        held = [rest[begun:]] if wanted else []
        size = len(rest) - begun
    if held:
        yield from _broken(since, b"".join(held), wanted)


def _counted(line: int, data: bytes) -> Generator[Frame, None, tuple[int, int]]:
    """The messages in these bytes; where one of them begins that needs more bytes, and how many it needs, or 0."""
    at = 0
    while at < len(data):
        found = _COUNTED.match(data, at)
        if found is None:
            yield from _uncounted(line, data[at:])
            break
        end = found.end() + int(found[1])
        if len(data) < end <= len(data) + LONGEST:
            return at, end - at
        behind = _AFTER.match(data, end) if end <= len(data) else None
        yield from _trimmed(line, data[found.end() : end if behind else len(data)])
        at = behind.end() if behind else len(data)
    return at, 0


def _broken(line: int, held: bytes, wanted: int) -> Iterator[Frame]:
    """The last message; one that lost only its line end still has all of it."""
    head = _COUNTED.match(held)
    begun = head.end() if head else 0
    if wanted - len(held) <= 1:
        yield from _trimmed(line, held)
    else:
        yield Frame(
            line, held.rstrip(b"\r\n"), f"is counted with {wanted - begun} octets and breaks off after {len(held.rstrip()) - begun}"
        )


def _uncounted(line: int, data: bytes) -> Iterator[Frame]:
    for piece in _APART.split(data) if b"\x00" in data else (data,):
        yield from _trimmed(line, piece)


def _trimmed(line: int, data: bytes) -> Iterator[Frame]:
    found = _COUNTED.match(data)
    data = (data[found.end() :] if found else data).strip(b"\r\n\x00")
    if not data.strip():
        return
    if len(data) > LONGEST:
        yield Frame(line, data[:4000], f"has {len(data)} bytes; a message has at most {LONGEST}")
    else:
        yield Frame(line, data)
