"""Keeps calls of a runtime that was replaced out of the world. Called by the core around each call that changes something."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

WAIT_S: Final = 30.0  # how long a fence waits for calls under way with an older epoch; an actuator bounds its own time below that


class Fence:
    """The newest epoch seen. `keep` writes it to disk and answers '' or why that failed; it is tried again at the next call."""

    def __init__(self, epoch: int, keep: Callable[[int], str]) -> None:
        self.epoch = epoch
        self._written = epoch
        self._keep = keep
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()

    @contextmanager
    def passing(self, epoch: int, *, durable: bool = True) -> Iterator[str]:
        """Within it no newer fence is answered. Gives '' or why the call may not pass; `durable`: not while its epoch is not on disk."""
        with self._changed:
            why, unwritten = self._raise(epoch)
            why = why or (unwritten if durable else "")
            if not why:
                self._inside[epoch] += 1
        try:
            yield why
        finally:
            if not why:
                with self._changed:
                    self._inside[epoch] -= 1
                    self._changed.notify_all()

    def put_up(self, epoch: int) -> str:
        """Refuse older epochs from now on and wait until the last of their calls is out. '' or why that was not reached."""
        with self._changed:
            late, unwritten = self._raise(epoch)
            if late or unwritten:
                return late or unwritten
            gone = self._changed.wait_for(lambda: not any(n for old, n in self._inside.items() if old < epoch), WAIT_S)
            return "" if gone else f"a call with an older epoch has not ended within {WAIT_S:g} s"

    def _raise(self, epoch: int) -> tuple[str, str]:
        if epoch < self.epoch:
            return f"epoch {epoch} is over, {self.epoch} rules", ""
        self.epoch = epoch
        unwritten = self._keep(epoch) if self._written < epoch else ""
        if not unwritten:
            self._written = epoch
        return "", unwritten
