"""Which request a CIP response answers, and which two connection numbers are one connection. Called by `enip`. Pure.

Source: ODVA, The CIP Networks Library, volume 2, 2-3.5 (sender context) and volume 1, 3-5.5 (connection numbers).
"""

from typing import Any, Final

from interferon.dissect.cip import CARRIES, Asked

WAITING: Final = 256  # requests without a response, and connections, that are remembered
ALIKE: Final = 16  # requests under one key: a client may give all the same context


class Pairs:
    """The requests of one conversation that wait, by what they and their response have in common."""

    def __init__(self) -> None:
        self.waiting: dict[Any, Asked] = {}
        self.behind: dict[Any, list[Asked]] = {}  # those that came after it under the same key
        # The key of a connected message: its T→O connection where that is known, two octets to the left, and its sequence.
        self.asking: dict[int, int] = {}  # by O→T connection the key of sequence 0
        self.answering: dict[int, int] = {}  # the same by T→O connection

    def key(self, connection: int, sequence: int, answers: bool) -> int:
        return (self.answering if answers else self.asking).get(connection, 0) | sequence

    def forget(self) -> None:
        self.waiting.clear()
        self.behind.clear()

    def remember(self, key: Any, asked: Asked) -> None:
        waiting = self.waiting
        if key in waiting:
            behind = self.behind.setdefault(key, [])
            behind.append(asked)
            del behind[:-ALIKE]
            return
        if len(waiting) >= WAITING:
            oldest = next(iter(waiting))
            del waiting[oldest]
            self.behind.pop(oldest, None)
        waiting[key] = asked

    def asked(self, key: Any, number: int) -> Asked | None:
        """The request that a response of this service answers: the oldest under its key; those before it were not answered."""
        found = self.waiting.pop(key, None)
        if found is None:
            return None
        if not self.behind:
            return found if found.service == number or number == CARRIES else None
        behind = self.behind.pop(key, [])
        while behind and found.service != number and number != CARRIES:
            found = behind.pop(0)
        if behind:
            self.waiting[key] = behind.pop(0)
            self.behind[key] = behind
        return found if found.service == number or number == CARRIES else None

    def opened(self, to_target: int, to_originator: int) -> None:
        """A connection was opened: another one under the same number is over, and of too many the one that is open longest is forgotten."""
        over = to_target if to_target in self.asking else next(iter(self.asking)) if len(self.asking) >= WAITING else None
        if over is not None:
            self.answering.pop(self.asking.pop(over) >> 16, None)
        self.asking[to_target] = self.answering[to_originator] = to_originator << 16
