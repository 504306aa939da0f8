"""What is said again and again, known by its octets, so that it is read once. Used by the dissectors. Pure."""

from collections.abc import Hashable
from typing import Final, TypeVar

PATIENCE: Final = 8  # times as many new ones as it takes are passed over before a full memory begins anew

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Known(dict[Key, Value]):
    """At most `most` entries; of one conversation, or shared by all.

    Full, it keeps what it has for a while: of a list of polls that is longer, some are known then, and of values that never come twice
    few are entered. Then it begins anew, as what it has may come no more.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self._passed = most, 0

    def room(self) -> bool:
        """Whether another one may be entered. Asked once for each that is not known."""
        if len(self) < self.most:
            return True
        self._passed += 1
        if self._passed < PATIENCE * self.most:
            return False
        self.clear()
        self._passed = 0
        return True
