"""Slows down the guessing of passwords. Used by `login`; keeps its counts in memory.

After `FREE` failures the wait doubles from one second up to `LONGEST_S`, for the name and for the address apart.
"""

import threading
from collections.abc import Callable
from typing import Final

FREE: Final = 5
LONGEST_S: Final = 300.0
FORGET_S: Final = 1800.0
MOST: Final = 10_000


class Throttle:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, tuple[int, float]] = {}  # what → (failures, time of the last one)

    def wait_s(self, *whats: str) -> float:
        """Seconds until another attempt is looked at; 0 = now."""
        now = self._clock()
        with self._lock:
            return max((self._left(what, now) for what in whats), default=0.0)

    def failed(self, *whats: str) -> None:
        now = self._clock()
        with self._lock:
            for what in whats:
                count, last = self._failed.pop(what, (0, now))
                self._failed[what] = (1 if now - last > FORGET_S else count + 1, now)
            while len(self._failed) > MOST:
                self._failed.pop(next(iter(self._failed)))

    def passed(self, *whats: str) -> None:
        with self._lock:
            for what in whats:
                self._failed.pop(what, None)

    def _left(self, what: str, now: float) -> float:
        count, last = self._failed.get(what, (0, now))
        if count < FREE or now - last > FORGET_S:
            return 0.0
        wait: float = min(LONGEST_S, 2.0 ** min(count - FREE, 20))
        return max(0.0, last + wait - now)
