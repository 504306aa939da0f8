"""The record together with what it counts against the limits: what is open, what may still begin. Called by `carry` and the core."""

import sqlite3
from collections.abc import Callable

import msgspec

from interferon.effector.limits import MINUTE_US, Gate, Limits
from interferon.effector.record import OPEN, Entry, Life, Record


class Book:
    """Effects that have not ended, in memory and on disk. Thread-safe as long as one target is changed by one caller at a time."""

    def __init__(self, record: Record, limits: Limits, clock: Callable[[], int]) -> None:
        self._record = record
        entries = record.open()
        self._open = {entry.effect: entry for entry in entries}
        self.gate = Gate(limits, ((e.effect, e.weight) for e in entries), record.begun_after(clock() - MINUTE_US))

    def open(self) -> list[Entry]:
        return list(self._open.values())

    def find(self, effect: str) -> Entry | None:
        return self._open.get(effect) or self._record.find(effect)

    def holder(self, effect: str, action: str, target: str) -> Entry | None:
        """Another effect of the same action on the same target that has not ended."""
        return next((e for e in self.open() if (e.job.action, e.job.target.ref) == (action, target) and e.effect != effect), None)

    def begin(self, entry: Entry) -> None:
        """On disk when this returns. sqlite3.Error where it is not."""
        self._record.keep(entry)
        self._open[entry.effect] = entry

    def reopen(self, entry: Entry) -> None:
        """One that was held for ended is in the world after all."""
        if entry.effect not in self._open:
            self.gate.hold(entry.effect, entry.weight)
            self.mark(entry, "applying")

    def mark(self, entry: Entry, life: Life) -> str:
        """Take `entry` on in its life. '' or what could not be written: that holds in this process only, and stops no way back."""
        changed = msgspec.structs.replace(entry, life=life)
        why = ""
        try:
            self._record.keep(changed)
        except sqlite3.Error as error:
            why = f"not on record: {error}"
        if life in OPEN or why:
            self._open[entry.effect] = changed
        else:
            self._open.pop(entry.effect, None)
        if life not in OPEN:
            self.gate.give_back(entry.effect)
        return why

    def keep_epoch(self, epoch: int) -> str:
        try:
            self._record.keep_epoch(epoch)
        except sqlite3.Error as error:
            return f"epoch {epoch} could not be recorded: {error}"
        return ""
