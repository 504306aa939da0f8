"""The syntax of ANSI ASC X12: separators from ISA, segments, and transaction sets between ST and SE in groups GS to GE.

Called by `x12_messages` and the connector `x12`. Pure. What does not add up (counts, control numbers, what is cut off) is a `Trouble`.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from interferon.sense.edifact_segments import LONGEST, Message, Segment, Trouble

ELEMENTS: Final = 16  # of ISA
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{1,2}")


class Separators(NamedTuple):
    """The delimiters of one interchange; no repetition before version 00402."""

    element: str
    component: str
    repetition: str
    terminator: str


def separators(text: str, at: int = 0) -> Separators:
    """The delimiters that ISA declares, found by its sixteen elements: blanks get lost on the way. ValueError where it has none."""
    element = text[at + 3 : at + 4]
    places = [place for place in range(at, min(len(text), at + 200)) if text[place] == element][:ELEMENTS]
    if not element or element.isalnum() or element in " \r\n\t" or len(places) < ELEMENTS or len(text) < places[-1] + 3:
        raise ValueError("begins no ISA segment with sixteen elements; an interchange is ISA*00*…*:~")
    component, terminator = text[places[-1] + 1], text[places[-1] + 2]
    repetition = text[places[10] + 1]
    if terminator.isalnum() or terminator == element:
        raise ValueError(f"has an ISA that ends with {terminator!r}; a segment terminator is no letter, digit or separator")
    return Separators(element, component, "" if repetition.isalnum() else repetition, terminator)


def segments(text: str) -> Iterator[Segment | Trouble]:
    """The segments of all interchanges in order; each ISA may declare delimiters of its own."""
    at, count = 0, 0
    while (begin := text.find("ISA", at)) >= 0:
        if text[at:begin].strip("\r\n \t\x00\x1a"):
            yield Trouble("something stands outside an interchange; ISA opens one", text[at:begin].strip())
        try:
            found = separators(text, begin)
        except ValueError as error:
            yield Trouble(f"the interchange at character {begin + 1} {error}", text[begin : begin + 200])
            at = begin + 3
            continue
        ended = re.compile(f"{re.escape(found.terminator)}\\s*IEA{re.escape(found.element)}[^{re.escape(found.terminator)}]*").search(
            text, begin
        )
        end = len(text) if ended is None else ended.end() + 1
        for each in _pieces(text[begin:end], found, count):
            yield each
            count += 1
        at = end
    if text[at:].strip("\r\n \t\x00\x1a"):
        yield Trouble("something stands outside an interchange; ISA opens one", text[at:].strip())


def _pieces(text: str, found: Separators, count: int) -> Iterator[Segment | Trouble]:
    pieces = text.split(found.terminator)
    for at, raw in enumerate(pieces, count):
        short = raw.strip("\r\n \t\x00\x1a")
        if not short:
            continue
        name = short.split(found.element, 1)[0]
        if len(short) > LONGEST:
            yield Trouble(f"segment {at + 1} has {len(short):,} characters; a terminator {found.terminator!r} is missing", short)
        elif at == count + len(pieces) - 1:
            yield Trouble(f"segment {at + 1} is cut off: no terminator {found.terminator!r} follows", short)
        elif not _NAME.fullmatch(name):
            yield Trouble(f"segment {at + 1} begins with {name[:10]!r}; a segment begins with two or three capital letters", short)
        else:
            yield Segment(name, [_element(each, found) for each in short.split(found.element)[1:]], short, at)


def _element(text: str, found: Separators) -> list[str]:
    if found.repetition and found.repetition in text:
        text = text.split(found.repetition)[0]
    return text.split(found.component)


class _Frame:
    """What has been opened, and how much it has held."""

    def __init__(self) -> None:
        self.interchange: Segment | None = None
        self.group: Segment | None = None
        self.opened: Segment | None = None
        self.groups = 0
        self.sets = 0
        self.held: list[Segment] = []
        self.broken = ""


def messages(found: Iterator[Segment | Trouble]) -> Iterator[Message | Trouble]:
    """The transaction sets in order, each with its group's GS as header; SE, GE and IEA are compared with what came."""
    frame = _Frame()
    for each in found:
        if isinstance(each, Trouble):
            frame.broken = each.reason
            yield each
        elif each.name in ("ISA", "GS", "ST", "SE", "GE", "IEA"):
            yield from _service(frame, each)
        elif frame.opened is not None:
            frame.held.append(each)
        elif each.name != "TA1":
            yield Trouble(f"segment {each.at + 1}, {each.name}, stands outside a transaction set; ST opens one", each.raw)
    yield from _unfinished(frame, "its SE is missing")
    if frame.group is not None:
        yield Trouble(f"the group {_number(frame.group, 5)} does not end: GE is missing", frame.group.raw)
    if frame.interchange is not None:
        yield Trouble(f"the interchange {_number(frame.interchange, 12)} does not end: IEA is missing", frame.interchange.raw)


def _service(frame: _Frame, each: Segment) -> Iterator[Message | Trouble]:
    if each.name == "SE" and frame.opened is not None:
        yield _message(frame, frame.opened, _untrue("SE", each, frame.opened.get(1), len(frame.held) + 2, "segments") or frame.broken)
        frame.opened = None
        frame.sets += 1
        return
    yield from _unfinished(frame, f"{each.name} comes before its SE")
    if each.name == "SE":
        yield Trouble(f"segment {each.at + 1}, SE, closes no transaction set; ST opens one", each.raw)
    elif each.name == "ST":
        frame.opened, frame.held, frame.broken = each, [], ""
    elif each.name == "ISA":
        if frame.interchange is not None:
            yield Trouble(
                f"the interchange {_number(frame.interchange, 12)} does not end: another ISA comes before its IEA", frame.interchange.raw
            )
        frame.interchange, frame.group, frame.groups = each, None, 0
    elif each.name == "GS":
        frame.group, frame.sets = each, 0
        frame.groups += 1
    else:
        yield from _closed(frame, each)


def _closed(frame: _Frame, each: Segment) -> Iterator[Trouble]:
    opened, place, held, what = (
        (frame.group, 5, frame.sets, "transaction sets") if each.name == "GE" else (frame.interchange, 12, frame.groups, "groups")
    )
    if opened is None:
        yield Trouble(f"segment {each.at + 1}, {each.name}, closes nothing that is open", each.raw)
    elif wrong := _untrue(each.name, each, opened.get(place), held, what):
        yield Trouble(wrong, each.raw)
    if each.name == "GE":
        frame.group = None
    else:
        frame.interchange = None


def _untrue(name: str, end: Segment, opened: str, held: int, what: str) -> str:
    """What a closing segment says that is not so. Control numbers are compared as numbers where they are some."""
    told = end.get(0)
    if told.isdecimal() and int(told[:9]) != held:
        return f"{name} tells {told[:20]} {what}; {held} came"
    closed = end.get(1)
    if closed.lstrip("0") != opened.lstrip("0"):
        return f"{name} closes {closed[:40]!r}; {opened[:40]!r} is open"
    return ""


def _number(segment: Segment, place: int) -> str:
    """A control number as it is told: what is told is one line, whatever stood there."""
    return " ".join(segment.get(place)[:40].split())


def _unfinished(frame: _Frame, why: str) -> Iterator[Message]:
    if frame.opened is not None:
        yield _message(frame, frame.opened, f"the transaction set {_number(frame.opened, 1)} does not end: {why}")
        frame.opened = None
        frame.sets += 1


def _message(frame: _Frame, opened: Segment, trouble: str) -> Message:
    release = frame.group.get(7) if frame.group is not None else ""
    return Message(opened.get(0), release, opened.get(1), frame.held, frame.group or frame.interchange, trouble)
