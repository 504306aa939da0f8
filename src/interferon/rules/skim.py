"""Judges lines of JSON without making an event of each: only the fields are read that the rules of its channel and event id ask for.

Held by the `engine`, called by `runtime.rules_run`. The same hits as `Engine.hits`, or None where that must look at the whole event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from interferon.rules.event import NESTED, Fields

if TYPE_CHECKING:
    from interferon.rules.gate import Gate

CHANNEL: Final = b'"Channel":'
EVENT_ID: Final = b'"EventID":'
PLAIN: Final = str | int | None  # of other values, some are one to a memory (true, 1 and 1.0) and not to rules, or cannot be remembered
HELD: Final = 40_000_000  # characters of what is remembered
LONGEST: Final = 4_096  # characters of the texts of one line; longer ones seldom come twice
PLACES: Final = 4_096  # remembered; a stream may bring any number of event ids
HEAD: Final = ("Channel", "EventID", *NESTED)  # read of every event; NESTED: what makes it one of another shape


class Skim(NamedTuple):
    """How to read a line, and what its first fields must be for that: its place, and nothing of NESTED."""

    read: Callable[[bytes], Any]
    head: tuple[Any, ...]
    gate: Gate


class Skimmer:
    """Skims for one engine, whose gates it asks for. Events of a place are skimmed from the second one on, and what was read of a line is
    remembered with the rules that fire on it: three of four events of a log differ from an earlier one in nothing that a rule reads.
    """

    def __init__(self, gate: Callable[[Fields], Gate]) -> None:
        self._gate = gate
        self._known: dict[tuple[bytes, bytes], Skim | None] = {}
        self._judged: dict[object, tuple[int, ...]] = {}
        self._held = 0

    def hits(self, line: bytes) -> tuple[int, ...] | None:
        """Which rules fire on a quiet line (see `Engine.quiet`); None: judge its whole event, and `learn`."""
        skim = self._known.get(_place(line))
        if skim is None:
            return None
        try:
            read = skim.read(line)
            found = self._judged.get(read)
        except (ValueError, RecursionError):  # no JSON, or something else than texts and whole numbers is to be read
            return None
        return self._look(read, skim) if found is None else found

    def _look(self, read: Any, skim: Skim) -> tuple[int, ...] | None:
        values = msgspec.structs.astuple(read)
        if values[: len(HEAD)] != skim.head:
            return None
        found = skim.gate.found(values[len(HEAD) :])
        size = sum([len(value) for value in values if value.__class__ is str])
        if size <= LONGEST:
            self._held += size + 50 * len(values)
            if self._held > HELD:
                self._judged.clear()
                self._held = 0
            self._judged[read] = found
        return found

    def learn(self, line: bytes, event: Fields) -> None:
        """Remembers how to skim lines like this one, whose event is given."""
        at = _place(line)
        if at in self._known:
            return
        if len(self._known) >= PLACES:
            self._known.clear()
        gate = self._gate(event)
        read = _reader(gate.names) if gate.skims else None
        self._known[at] = Skim(read, tuple(map(event.get, HEAD)), gate) if read else None


def _place(line: bytes) -> tuple[bytes, bytes]:
    """The names Channel and EventID, each with what follows up to the next comma: a guess by which to look for a `Skim`, which is checked
    against what was read."""
    at, number = line.find(CHANNEL), line.find(EVENT_ID)
    return line[at : line.find(b",", at)], line[number : line.find(b",", number)]


def _reader(names: tuple[str, ...]) -> Callable[[bytes], Any] | None:
    """Reads the fields HEAD and `names` of a line of JSON, None where there is none, into an object of as many. It raises ValueError where
    that is no JSON, or one of them is not PLAIN. None where one of the names is in HEAD, or has signs that JSON would escape."""
    fields = [(f"f{number}", PLAIN, None) for number in range(len(HEAD) + len(names))]
    rename = dict(zip((name for name, _, _ in fields), (*HEAD, *names), strict=True))
    try:
        return msgspec.json.Decoder(msgspec.defstruct("Line", fields, rename=rename, frozen=True, gc=False)).decode
    except ValueError:
        return None
