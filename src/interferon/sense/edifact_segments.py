"""The syntax of UN/EDIFACT (ISO 9735 versions 1 to 4): separators, characters, segments, and messages between UNH and UNT.

Called by `edifact_messages` and the connector `edifact`. Pure. What does not add up (counts, references, what is cut off) is a `Trouble`.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

CHARSETS: Final = {  # ISO 9735 annex A: syntax identifier → characters
    **{"UNOA": "latin-1", "UNOB": "latin-1", "UNOC": "latin-1", "UNOD": "iso8859-2", "UNOE": "iso8859-5", "UNOF": "iso8859-7"},
    **{"UNOG": "iso8859-3", "UNOH": "iso8859-4", "UNOI": "iso8859-6", "UNOJ": "iso8859-8", "UNOK": "iso8859-9"},
    **{"UNOW": "utf-8", "UNOX": "iso2022_jp", "UNOY": "utf-8", "KECA": "euc_kr", "ANSI": "cp1252"},
}
LONGEST: Final = 100_000  # characters of a segment; a longer one is told and left out
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}(?![A-Za-z0-9])")


class Separators(NamedTuple):
    """The service characters of one interchange."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    repetition: str = ""
    terminator: str = "'"


class Segment(NamedTuple):
    """A segment: its name, and its data elements as lists of components. `at` counts segments of the file."""

    name: str
    elements: list[list[str]]
    raw: str
    at: int

    def get(self, element: int, component: int = 0) -> str:
        """A component by its places, from nought after the name; empty where it is absent."""
        held = self.elements[element] if element < len(self.elements) else []
        return held[component].strip() if component < len(held) else ""


class Message(NamedTuple):
    """From UNH to UNT, without these two; with the interchange's UNB (none in a bare message)."""

    kind: str
    release: str
    reference: str
    segments: list[Segment]
    header: Segment | None
    trouble: str  # what does not add up in its own frame


class Trouble(NamedTuple):
    """What cannot be read or does not add up, and what it said."""

    reason: str
    raw: str


def separators(data: bytes) -> tuple[Separators, int]:
    """The service characters from UNA, or the standard's own; and where the segments begin."""
    start = re.search(rb"UN[AB]", data[:4096])
    if start is None:
        raise ValueError("has neither UNA nor UNB in its first bytes; an interchange begins with one of them")
    at = start.start()
    if data[at : at + 3] == b"UNA" and len(data) >= at + 9:
        marks = data[at + 3 : at + 9].decode("latin-1")
        found = Separators(marks[0], marks[1], marks[2], marks[3].strip(), marks[4].strip(), marks[5])
        _distinct(found)
        return found, at + 9
    if data[at + 3 : at + 4] == b"\x1d":  # UNOB's own separators, which cannot be printed
        return Separators("\x1f", "\x1d", ".", "", "", "\x1c"), at
    return Separators(), at


def _distinct(found: Separators) -> None:
    marks = [mark for mark in (found.component, found.element, found.release, found.terminator) if mark]
    if len(set(marks)) != len(marks) or any(mark.isalnum() for mark in marks):
        raise ValueError(f"declares the separators {''.join(marks)!r} in UNA; they are four different characters, no letters or digits")


def decoded(data: bytes, found: Separators) -> str:
    """The text, in the characters that UNB declares; where they do not fit, UTF-8 or else Windows'."""
    declared = re.search(rb"UNB" + re.escape(found.element.encode("latin-1")) + rb"([A-Z]{4})", data[:4096])
    name = CHARSETS.get(declared.group(1).decode("ascii") if declared else "", "utf-8")
    if name == "latin-1" and any(byte > 127 for byte in data):
        name = _eight_bit(data)
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _eight_bit(data: bytes) -> str:
    """Many declare UNOA to UNOC and write UTF-8: text that is valid as such with bytes above 127 is hardly anything else."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def segments(text: str, found: Separators) -> Iterator[Segment | Trouble]:
    """The segments in order, and what is none. Line ends around segments count for nothing; so do those of lines of one length."""
    if _wrapped(text):
        text = text.replace("\r", "").replace("\n", "")
    at = 0
    for raw, ended in _cut(text, found):
        short = raw.strip("\r\n \t\x00\x1a")
        if not short:
            continue
        if len(short) > LONGEST:
            yield Trouble(f"segment {at + 1} has {len(short):,} characters; a terminator {found.terminator!r} is missing", short)
        elif not ended:
            yield Trouble(f"segment {at + 1} is cut off: no terminator {found.terminator!r} follows", short)
        elif not _NAME.match(short):
            yield Trouble(f"segment {at + 1} begins with {short[:3]!r}; a segment begins with three capital letters", short)
        else:
            yield _segment(short, found, at)
        at += 1


def _wrapped(text: str) -> bool:
    """Whether the text was cut into lines of one length, through the middle of segments."""
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n", 4096)[:4096]
    lengths = {len(line) for line in lines[1:-1]}  # the first has lost its UNA
    return len(lengths) == 1 and max(lengths) > 20 and len(lines[0]) <= max(lengths) and len(lines[-1]) <= max(lengths)


def _cut(text: str, found: Separators) -> Iterator[tuple[str, bool]]:
    """Pieces between terminators that no release character stands before."""
    end, release = found.terminator, found.release
    if not release or release not in text:
        pieces = text.split(end)
        yield from ((piece, True) for piece in pieces[:-1])
        yield pieces[-1], False
        return
    start, at = 0, 0
    while (at := text.find(end, at)) >= 0:
        if not _released(text, at, start, release):
            yield text[start:at], True
            start = at + 1
        at += 1
    yield text[start:], False


def _released(text: str, at: int, start: int, release: str) -> bool:
    before = at
    while before > start and text[before - 1] == release:
        before -= 1
    return (at - before) % 2 == 1


def _segment(raw: str, found: Separators, at: int) -> Segment:
    if not found.release or found.release not in raw:
        parts = [element.split(found.component) for element in raw.split(found.element)]
    else:
        parts = [
            [_freed(each, found.release) for each in _split(one, found.component, found.release)]
            for one in _split(raw, found.element, found.release)
        ]
    if found.repetition:
        parts = [[component.split(found.repetition)[0] for component in element] for element in parts]
    return Segment(parts[0][0].strip(), parts[1:], raw, at)


def _split(text: str, mark: str, release: str) -> list[str]:
    found, start, at = [], 0, 0
    while (at := text.find(mark, at)) >= 0:
        if not _released(text, at, start, release):
            found.append(text[start:at])
            start = at + 1
        at += 1
    return [*found, text[start:]]


def _freed(text: str, release: str) -> str:
    mark = re.escape(release)
    return re.sub(f"{mark}(.?)", r"\1", text, flags=re.DOTALL) if release in text else text


# ---- messages ----


class _Frame:
    """Where in the interchange we are: what has been opened and how much it has held."""

    def __init__(self) -> None:
        self.header: Segment | None = None
        self.messages = 0
        self.groups = 0
        self.opened: Segment | None = None
        self.held: list[Segment] = []


def messages(found: Iterator[Segment | Trouble]) -> Iterator[Message | Trouble]:
    """The messages of all interchanges in order; counts and references of UNT, UNE and UNZ are compared with what came."""
    frame = _Frame()
    broken = ""
    for each in found:
        if isinstance(each, Trouble):
            broken = each.reason
            yield each
        elif each.name == "UNH":
            yield from _unfinished(frame, "another begins before its UNT")
            frame.opened, frame.held, broken = each, [], ""
        elif each.name == "UNT" and frame.opened is not None:
            yield _message(frame, frame.opened, _untrue(frame, each) or broken)
            frame.opened, broken = None, ""
            frame.messages += 1
        elif each.name in ("UNB", "UNZ", "UNG", "UNE", "UNT"):
            yield from _service(frame, each)
        elif frame.opened is not None:
            frame.held.append(each)
        elif each.name != "UNA":
            yield Trouble(f"segment {each.at + 1}, {each.name}, stands outside a message; UNH opens one", each.raw)
    yield from _unfinished(frame, "its UNT is missing")
    if frame.header is not None:
        yield Trouble(f"the interchange {frame.header.get(4)} does not end: UNZ is missing", frame.header.raw)


def _service(frame: _Frame, each: Segment) -> Iterator[Message | Trouble]:
    yield from _unfinished(frame, f"{each.name} comes before its UNT")
    if each.name == "UNB":
        if frame.header is not None:
            yield Trouble(f"the interchange {frame.header.get(4)} does not end: another UNB comes before its UNZ", frame.header.raw)
        frame.header, frame.messages, frame.groups = each, 0, 0
    elif each.name == "UNG":
        frame.groups += 1
    elif each.name == "UNT":
        yield Trouble(f"segment {each.at + 1}, UNT, closes no message; UNH opens one", each.raw)
    elif each.name == "UNZ":
        yield from _closed(frame, each)
        frame.header = None


def _closed(frame: _Frame, each: Segment) -> Iterator[Trouble]:
    if frame.header is None:
        yield Trouble(f"segment {each.at + 1}, UNZ, closes no interchange; UNB opens one", each.raw)
        return
    held = frame.groups or frame.messages
    if each.get(0).isdecimal() and int(each.get(0)[:9]) != held:
        yield Trouble(f"UNZ tells {each.get(0)[:20]} messages or groups; {held} came", each.raw)
    opened = [frame.header.get(place) for place in range(4, len(frame.header.elements))]
    if each.get(1) not in opened:  # older senders write date and time as two elements, or the reference in the next
        yield Trouble(f"UNZ closes the interchange {each.get(1)[:40]!r}; UNB opened {frame.header.get(4)[:40]!r}", each.raw)


def _unfinished(frame: _Frame, why: str) -> Iterator[Message]:
    if frame.opened is not None:
        yield _message(frame, frame.opened, f"the message {frame.opened.get(0)} does not end: {why}")
        frame.opened = None
        frame.messages += 1


def _message(frame: _Frame, opened: Segment, trouble: str) -> Message:
    return Message(opened.get(1, 0), f"{opened.get(1, 1)}.{opened.get(1, 2)}", opened.get(0), frame.held, frame.header, trouble)


def _untrue(frame: _Frame, end: Segment) -> str:
    """What UNT says that is not so."""
    opened = frame.opened
    count = len(frame.held) + 2
    told = end.get(0)
    if told.isdecimal() and int(told[:9]) != count:
        return f"UNT tells {told[:20]} segments; {count} came"
    if opened is not None and end.get(1) != opened.get(0):
        return f"UNT closes the message {end.get(1)[:40]!r}; UNH opened {opened.get(0)[:40]!r}"
    return ""
