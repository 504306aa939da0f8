"""Which request a CIP response answers, and which two connection numbers are one connection. Called by `enip`. Pure.

Source: ODVA, The CIP Networks Library, volume 2, 2-3.5 (sender context) and volume 1, 3-5.5 (connection numbers).
"""

from typing import Any, Final

from interferon.dissect.cip import Asked

WAITING: Final = 256  # requests without a response, and connections, that are remembered
ALIKE: Final = 16  # requests under one key: a client may give all the same context
CARRIES: Final = 0x52  # unconnected_send: answered by the service that it carries, or itself where no device answered


class Pairs:
    """The requests of one conversation that wait, by what they and their response have in common."""

    def __init__(self) -> None:
        self._waiting: dict[Any, Asked] = {}
        self._behind: dict[Any, list[Asked]] = {}  # those that came after it under the same key
        self._connections: dict[int, int] = {}  # O→T connection: its T→O connection
        self._answering: set[int] = set()  # the T→O connections

    def key(self, connection: int, sequence: int, answers: bool) -> int:
        """The key of a connected message: its sequence, and the T→O connection where that is known."""
        if answers:
            return (connection if connection in self._answering else 0) << 16 | sequence
        return self._connections.get(connection, 0) << 16 | sequence

    def forget(self) -> None:
        self._waiting.clear()
        self._behind.clear()

    def remember(self, key: Any, asked: Asked) -> None:
        waiting = self._waiting
        if key in waiting:
            behind = self._behind.setdefault(key, [])
            behind.append(asked)
            del behind[:-ALIKE]
            return
        if len(waiting) >= WAITING:
            oldest = next(iter(waiting))
            del waiting[oldest]
            self._behind.pop(oldest, None)
        waiting[key] = asked

    def asked(self, key: Any, number: int) -> Asked | None:
        """The request that a response of this service answers: the oldest under its key; those before it were not answered."""
        found = self._waiting.pop(key, None)
        if found is None:
            return None
        if not self._behind:
            return found if found.service == number or number == CARRIES else None
        behind = self._behind.pop(key, [])
        while behind and found.service != number and number != CARRIES:
            found = behind.pop(0)
        if behind:
            self._waiting[key] = behind.pop(0)
            self._behind[key] = behind
        return found if found.service == number or number == CARRIES else None

    def opened(self, to_target: int, to_originator: int) -> None:
        """A connection was opened."""
        if len(self._connections) >= WAITING:
            self._answering.discard(self._connections.pop(next(iter(self._connections))))
        self._connections[to_target] = to_originator
        self._answering.add(to_originator)
