"""Long values of many lines, such as the context that a log repeats in each event: every distinct line is searched once.

Held by `prefilter`. Nothing that is searched for goes over a line's end; casefolding makes and removes none.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

Matches = Sequence[tuple[int, int, int]]  # (number of the literal, start, end), as the automaton finds them
Found = frozenset[int]

NONE: Final[Found] = frozenset()
HELD: Final = 4_000_000  # characters of remembered lines
PATIENCE: Final = 5_000  # new lines beyond the known ones, after which lines are taken to be as varied as the values


class Lines:
    """`search` gives the matches, overlapping ones too, in bytes of casefolded UTF-8."""

    def __init__(self, search: Callable[[bytes], Matches], encoded: Callable[[str], bytes]) -> None:
        self._search, self._encoded = search, encoded
        self._known: dict[str, Found] = {}
        self._held = 0
        self._patience = PATIENCE

    @property
    def pay(self) -> bool:
        """Whether lines come again so often that remembering them saves more than it costs."""
        return self._patience > 0

    def literals(self, value: str) -> Found:
        """The literals that stand somewhere in a value."""
        lines, known = value.split("\n"), self._known.get
        found = set(map(known, lines))
        new = [line for line in lines if known(line) is None] if None in found else []
        self._patience = min(PATIENCE, self._patience + len(lines) - 2 * len(new))
        if new:
            self._learn(new)
            found.update(map(known, new))
        return NONE.union(*(each for each in found if each))

    def _learn(self, new: list[str]) -> None:
        raw = self._encoded("\n".join(new).casefold())
        self._held += len(raw) + 100 * len(new)
        if self._held > HELD:
            self._known.clear()
            self._held = 0
        self._known.update(dict.fromkeys(new, NONE))
        at = behind = 0
        for literal, start, _ in sorted(self._search(raw), key=itemgetter(1)):
            at, behind = at + raw.count(b"\n", behind, start), start
            self._known[new[at]] |= {literal}
