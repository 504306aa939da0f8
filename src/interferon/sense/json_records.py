"""Records out of JSON text in any of the ways that log services write it: a line each, over several lines, arrays, and one document around.

Called by the readers of host and cloud logs. Pure. What is damaged costs no record beside it, and is told.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

MOST: Final = 1 << 26  # bytes of a record over several lines that is waited for
FAILURES: Final = 100  # damaged places in one document that are walked around one by one
RAW: Final = 2000  # characters of what cannot be read that are kept
BOM: Final = b"\xef\xbb\xbf"
NO_JSON: Final = (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError)
_decode = msgspec.json.Decoder().decode
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\]]')  # a string that does not end goes to the end: else each quote in it is tried
_OPENS, _CLOSES = (b"{", b"["), (b"}", b"]")
_NEXT: Final = re.compile(r"(?:\}\s*,?|\n)\s*(?=\{)")
_LINE: Final = re.compile(r"\n(?=\{)")
_SCAN: Final = json.JSONDecoder().raw_decode


class Record(NamedTuple):
    """One value that may be a record; `line` is that of its line, from 0, the last of several; `raw` its text where that is known."""

    line: int
    value: Any
    raw: bytes = b""


class Broken(NamedTuple):
    """What is no JSON: why, and the beginning of it."""

    line: int
    reason: str
    raw: str


Found = Record | Broken


def records(lines: Iterable[bytes], wrappers: frozenset[str] = frozenset()) -> Iterator[Found]:
    """Every record in order. The elements of an array, and of the array that a document holds under a name of `wrappers`, are records."""
    splitter = _Splitter(wrappers)
    for number, line in enumerate(lines):
        yield from splitter.line(number, line)
    yield from splitter.end()


def first(head: bytes, wrappers: frozenset[str] = frozenset()) -> dict[str, Any] | None:
    """The first record of the beginning of a file; None where there is no whole one."""
    for found in records(head.split(b"\n"), wrappers):
        if isinstance(found, Record) and isinstance(found.value, dict):
            return found.value
        if isinstance(found, Record):
            return None
    return None


def unwrapped(value: Any, wrappers: frozenset[str]) -> Iterator[Any]:
    """The records that a decoded value stands for. An empty array or document stands for none."""
    if isinstance(value, list):
        yield from value
        return
    if isinstance(value, dict):
        for name, each in value.items():
            if name in wrappers and isinstance(each, list):
                yield from each
                return
    yield value


def shown(value: Any) -> str:
    """The raw text of a dead letter for a value that was JSON."""
    return msgspec.json.encode(value).decode()[:RAW]


class _Splitter:
    """Lines to records. Within an array that opens on a line of its own, each element counts for itself, so nothing large is waited for."""

    def __init__(self, wrappers: frozenset[str]) -> None:
        self._wrappers = wrappers
        self._held: list[bytes] = []
        self._size, self._depth, self._at, self._began = 0, 0, 0, 0
        self._array = False

    def line(self, number: int, line: bytes) -> Iterator[Found]:
        self._at = number
        text = line.strip() if number else line.removeprefix(BOM).strip()
        if not text:
            return
        if self._held:
            yield from self._more(text)
        else:
            yield from self._fresh(text)

    def _fresh(self, text: bytes) -> Iterator[Found]:
        try:
            value = _decode(text)
        except NO_JSON as error:
            yield from self._partial(text, str(error))
            return
        if value.__class__ is dict and not self._wrappers:
            yield Record(self._at, value, text)
            return
        for each in unwrapped(value, self._wrappers):
            yield Record(self._at, each)

    def _partial(self, text: bytes, reason: str) -> Iterator[Found]:
        """A line that is no value by itself: the beginning of one, or a piece of an array, or damaged."""
        if self._array and text in (b"]", b"],", b","):
            self._array = text == b","
        elif text == b"[":
            self._array = True
        elif self._array and text.endswith((b",", b"]")) and (trimmed := text[:-1].rstrip()) and _depth(trimmed) == 0:
            self._array = not text.endswith(b"]")
            yield from self._whole(trimmed, reason)
        elif text.startswith(b"[") and text.endswith(b",") and _depth(text) == 1:
            self._array = True
            yield from self._whole(text[:-1] + b"]", reason)
        elif text.startswith(_OPENS) and (depth := _depth(text)) > 0:
            self._held, self._size, self._depth, self._began = [text], len(text), depth, self._at
        else:
            yield from salvaged(text, self._wrappers, self._at, reason)

    def _whole(self, text: bytes, reason: str) -> Iterator[Found]:
        """A text whose brackets are closed."""
        try:
            value = _decode(text)
        except NO_JSON:
            yield from salvaged(text, self._wrappers, self._at, reason)
            return
        for each in unwrapped(value, self._wrappers):
            yield Record(self._at, each)

    def _more(self, text: bytes) -> Iterator[Found]:
        if len(self._held) == 1 and text[:1] == b"{" and not self._held[0].endswith((b"[", b",", b":", b"{")) and _is_object(text):
            broken = self._taken()  # a line that was cut off, and whole ones behind it
            yield from salvaged(broken, self._wrappers, self._began, "the line is cut off")
            yield from self._fresh(text)
            return
        self._held.append(text)
        self._size += len(text)
        self._depth += _depth(text)
        if self._depth <= 0:
            yield from self._fresh(self._taken())
        elif self._size > MOST:
            yield from salvaged(self._taken(), self._wrappers, self._began, f"a record has more than {MOST >> 20} MiB")

    def end(self) -> Iterator[Found]:
        if self._held:
            yield from salvaged(self._taken(), self._wrappers, self._began, "the file ends within a record")
        elif self._array:
            yield Broken(self._at, "the file ends within its array", "[")

    def _taken(self) -> bytes:
        taken = b"\n".join(self._held)
        self._held, self._size, self._depth = [], 0, 0
        return taken


def _depth(text: bytes) -> int:
    """How many brackets stay open. Those within a string do not count, nor behind a quote that is never closed."""
    tokens = _TOKEN.findall(text)
    return sum((token in _OPENS) - (token in _CLOSES) for token in tokens)


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(_decode(text), dict)
    except NO_JSON:
        return False


def salvaged(data: bytes, wrappers: frozenset[str], line: int, reason: str) -> Iterator[Found]:
    """The whole records within damaged text, each in its place, and one `Broken` for every damaged place between them."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        yield Broken(line, f"byte {error.start} is not UTF-8", data[: RAW * 4].decode(errors="replace")[:RAW])
        return
    apart = text.startswith("{") and _value(text, 0)[1] > 0  # values one behind the other
    place = None if apart else _inside(text, wrappers)
    if place is None and not apart and not _LINE.search(text):
        yield Broken(line, reason, text[:RAW])
        return
    following = _LINE if place is None and not apart else _NEXT  # within one damaged record, brackets tell nothing
    yield from _walked(text, place or 0, _Told(line, reason, following), wrappers if apart else frozenset())


def _inside(text: str, wrappers: frozenset[str]) -> int | None:
    """Where the records of a document begin; None where it holds none."""
    if text.startswith("["):
        return 1
    names = "|".join(map(re.escape, sorted(wrappers)))
    found = re.search(rf'"(?:{names})"\s*:\s*\[', text[: 1 << 16]) if names else None
    return found.end() if found else None


class _Told(NamedTuple):
    """What is told of a damaged place, and where the next record may begin."""

    line: int
    reason: str
    following: re.Pattern[str]


def _walked(text: str, place: int, told: _Told, wrappers: frozenset[str]) -> Iterator[Found]:
    """From `place` on: 0 where the values stand one behind the other, else within their array."""
    inside, failures = place > 0, 0
    while (place := _behind(text, place)) < len(text) and text[place] not in "]}":
        value, behind = _value(text, place)
        if behind:
            for each in [value] if inside else unwrapped(value, wrappers):
                yield Record(told.line, each)
            place = behind
            continue
        failures += 1
        following = told.following.search(text, place + 1) if failures < FAILURES else None
        yield Broken(told.line, told.reason, text[place : min(following.start() + 1 if following else len(text), place + RAW)])
        if following is None:
            return
        place = following.end()
    if not failures and (inside or place < len(text)):  # every record was whole: the damage is in what stands around them
        yield Broken(told.line, told.reason, text[place : place + RAW] or text[-RAW:])


def _value(text: str, place: int) -> tuple[Any, int]:
    """(value, place behind it), or (None, 0). The stricter decoder has the last word: no lone surrogates, no NaN."""
    try:
        _, end = _SCAN(text, place)
        return _decode(text[place:end].encode()), end
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None, 0


def _behind(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place
