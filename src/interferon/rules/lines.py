"""Long values of many lines, such as the context that a log repeats in each event: every distinct line is searched once.

Held by `prefilter`. Nothing that is searched for goes over a line's end; casefolding makes and removes none.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

Matches = Sequence[tuple[int, int, int]]  # (number of the literal, start, end), as the automaton finds them
Found = frozenset[int]

NONE: Final[Found] = frozenset()
HELD: Final = 4_000_000  # characters of remembered lines
PATIENCE: Final = 5_000  # new lines beyond the known ones, after which lines are taken to be as varied as the values
FRAMES: Final = 4  # remembered; each costs a value a look
FRAMED: Final = 65_536  # characters; longer values make none
ANCHOR: Final = 48  # characters by which a frame is looked for


class Frame(NamedTuple):
    """A run of whole lines that values of one source have in common: how it begins, all of it, its literals, and how many lines it has."""

    anchor: str
    run: str
    found: Found
    lines: int


class Lines:
    """`search` gives the matches, overlapping ones too, in bytes of casefolded UTF-8."""

    def __init__(self, search: Callable[[bytes], Matches], encoded: Callable[[str], bytes]) -> None:
        self._search, self._encoded = search, encoded
        self._known: dict[str, Found] = {}
        self._held = 0
        self._patience = PATIENCE
        self._frames: list[Frame] = []
        self._last: list[str] = []  # the lines of the last value that fitted no frame

    @property
    def pay(self) -> bool:
        """Whether lines come again so often that remembering them saves more than it costs."""
        return self._patience > 0

    def literals(self, value: str) -> Found:
        """The literals that stand somewhere in a value."""
        for frame in self._frames:
            at = value.find(frame.anchor)
            if at >= 0 and value.startswith(frame.run, at):
                around = value[:at].split("\n") + value[at + len(frame.run) :].split("\n")
                return self._in_lines(around, frame.lines) | frame.found
        lines = value.split("\n")
        found = self._in_lines(lines, 0)
        if len(value) <= FRAMED:
            self._compare(lines, len(value))
        return found

    def _in_lines(self, lines: list[str], framed: int) -> Found:
        known = self._known.get
        found = set(map(known, lines))
        new = [line for line in lines if known(line) is None] if None in found else []
        self._patience = min(PATIENCE, self._patience + framed + len(lines) - 2 * len(new))
        if new:
            self._learn(new)
            found.update(map(known, new))
        return NONE.union(*(each for each in found if each))

    def _compare(self, lines: list[str], length: int) -> None:
        """Makes a frame where half of a value, or more, are lines that follow each other as they did in the one before."""
        last, self._last = self._last, lines
        both = range(1, min(len(lines), len(last)) - 1)  # what is before and behind a run are whole lines too
        runs = [list(run) for alike, run in groupby(both, lambda at: lines[at] == last[at]) if alike]
        longest = max(([lines[at] for at in run] for run in runs), key=lambda run: sum(map(len, run)), default=[])
        if longest and 2 * sum(map(len, longest)) >= length:
            run = "\n".join(("", *longest, ""))
            self._frames = [Frame(run[:ANCHOR], run, self._in_lines(longest, 0), len(longest)), *self._frames][:FRAMES]

    def _learn(self, new: list[str]) -> None:
        raw = self._encoded("\n".join(new).casefold())
        self._held += len(raw) + 100 * len(new)
        if self._held > HELD:
            self._known.clear()
            self._held = 0
        if len(new) == 1:
            self._known[new[0]] = frozenset(map(itemgetter(0), self._search(raw)))
            return
        self._known.update(dict.fromkeys(new, NONE))
        at = behind = 0
        for literal, start, _ in sorted(self._search(raw), key=itemgetter(1)):
            at, behind = at + raw.count(b"\n", behind, start), start
            self._known[new[at]] |= {literal}
