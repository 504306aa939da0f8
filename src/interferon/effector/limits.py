"""Hard limits of the effector's own file, which nobody who talks to it can lift. Called by the core before each effect."""

import threading
from collections import deque
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

MINUTE_US: Final = 60_000_000
Count = Annotated[int, msgspec.Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[limits]` of the file."""

    effects: Count = 50  # in force at once
    effects_a_minute: Count = 30  # that begin
    isolated_assets: Count = 20  # at once; a zone counts with the assets in it
    max_ttl_s: Count = 86_400  # longest time to live that is asked of the world; what stands longer is reported as overdue


class Gate:
    """Counts what is in force and what began within the last minute. Thread-safe: a place is taken before the effect begins."""

    def __init__(self, limits: Limits, standing: Iterable[tuple[str, int]] = (), begun: Iterable[int] = ()) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._standing = dict(standing)
        self._begun = deque(begun)

    def take(self, effect: str, weight: int, now: int) -> str:
        """Take a place for `effect`, which isolates `weight` assets. '' or which limit stands against it. Twice is once."""
        with self._lock:
            if effect in self._standing:
                return ""
            if why := self._why(weight, now):
                return why
            self._standing[effect] = weight
            self._begun.append(now)
            return ""

    def room(self, weight: int, now: int) -> str:
        """Would `take` find a place? Takes none."""
        with self._lock:
            return self._why(weight, now)

    def hold(self, effect: str, weight: int) -> None:
        """Count what is in the world already, whatever the limits say."""
        with self._lock:
            self._standing[effect] = weight

    def give_back(self, effect: str) -> None:
        with self._lock:
            self._standing.pop(effect, None)

    @property
    def isolated(self) -> int:
        with self._lock:
            return sum(self._standing.values())

    def _why(self, weight: int, now: int) -> str:
        limits = self.limits
        while self._begun and self._begun[0] <= now - MINUTE_US:
            self._begun.popleft()
        if len(self._standing) >= limits.effects:
            return f"{limits.effects} effects are in force, the most that the effector's file allows"
        if len(self._begun) >= limits.effects_a_minute:
            return f"{limits.effects_a_minute} effects began within a minute, the most that the effector's file allows"
        isolated = sum(self._standing.values())
        if weight and isolated + weight > limits.isolated_assets:
            return f"{isolated} assets are isolated and this isolates {weight}; the effector's file allows {limits.isolated_assets}"
        return ""
