"""One effect on one target: applied, looked at, taken back. Called by the core, which holds the target's lock meanwhile.

The order is the point: what the world shows, kill switch, identity, limits, what stood before (on disk), kill switch again, apply.
"""

import sqlite3
from collections.abc import Callable, Mapping
from threading import BoundedSemaphore
from typing import Any, Final

import msgspec

from interferon.act import wire
from interferon.effector.book import Book
from interferon.effector.protocol import Actuator, Census, Job, Seen, Target
from interferon.effector.record import OPEN, Entry
from interferon.effector.settings import Settings
from interferon.effector.switch import Switch
from interferon.effector.targets import TargetRow
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

AT_ONCE: Final = 8  # applies that one actuator carries out at a time, where it does not say


class Carrier:
    """Touches the world through `actuators`. `clock` gives microseconds UTC; `say` gets one line for each thing worth a log."""

    def __init__(
        self,
        settings: Settings,
        actuators: Mapping[str, Actuator],
        book: Book,
        switch: Switch,
        clock: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._settings, self._actuators, self._book = settings, actuators, book
        self._switch, self._clock, self._say = switch, clock, say
        self._turns = {name: BoundedSemaphore(getattr(each, "at_once", AT_ONCE)) for name, each in actuators.items()}

    def apply(self, request: wire.Apply, row: TargetRow) -> Outcome:
        known = self._book.find(request.effect)
        if known is None:
            return self._try(request, row, None)
        if why := _another(known, request.action, request.target):
            return Outcome("refused", why)
        if known.life in ("undoing", "undone"):
            return Outcome("refused", f"effect {request.effect} was undone")
        seen = self.look(known)
        if seen.standing == "absent":
            self._ended(known)
            return self._try(request, row, None if known.life == "failed" else known.job.before)
        if seen.standing == "unknown":
            return Outcome("unknown", seen.detail)
        self._book.reopen(known)
        if seen.standing == "in_force":
            return Outcome("ok", "in force already")
        outcome = self._try(request, row, known.job.before, in_part=True)
        return Outcome("unknown", f"in the world in part: {outcome.detail}") if outcome.result in ("failed", "refused") else outcome

    def look(self, entry: Entry) -> Seen:
        actuator = self._actuators.get(entry.actuator)
        return actuator.look(entry.job) if actuator else Seen("unknown", _gone(entry))

    def verify(self, effect: str, action: str, target: str) -> Outcome:
        entry = self._book.find(effect)
        if entry is None or not entry.actuator:
            job, actuator = self._unrecorded(effect, action, target)
            if not isinstance(actuator, Census):
                return Outcome("failed", f"effect {effect} was never applied here")
            seen = actuator.look(job)
        elif why := _another(entry, action, target):
            return Outcome("refused", why)
        else:
            seen = self.look(entry)
            if seen.standing == "absent":
                self._ended(entry)
        if seen.standing in ("absent", "partial"):
            return Outcome("failed", seen.detail or f"{target}: {seen.standing}")
        return Outcome("ok" if seen.standing == "in_force" else "unknown", seen.detail)

    def undo(self, effect: str, action: str, target: str) -> Outcome:
        entry = self._book.find(effect)
        if entry is None:
            return self._never_applied(effect, action, target)
        if why := _another(entry, action, target):
            return Outcome("refused", why)
        actuator = self._actuators.get(entry.actuator)
        if actuator is None:
            return Outcome("failed", _gone(entry)) if entry.actuator else Outcome("ok", "it was never applied here")
        why = self._book.mark(entry, "undoing") if entry.life != "undone" else ""
        outcome = actuator.undo(entry.job)
        self._tell("undo", entry.job, outcome)
        if outcome.result == "ok" and not why:
            why = self._book.mark(entry, "undone")
        return _with(outcome, why)

    def reconcile(self, entry: Entry) -> None:
        """After a start: what is on record and not in the world has ended."""
        if self.look(entry).standing == "absent":
            self._ended(entry)

    def _ended(self, entry: Entry) -> None:
        """It is not in the world: it leaves its place in the limits. One that was never undone may be tried again."""
        if entry.life in OPEN:
            self._book.mark(entry, "undone" if entry.life == "undoing" else "gone")

    # ---- applying

    def _try(self, request: wire.Apply, row: TargetRow, before: Mapping[str, Any] | None, *, in_part: bool = False) -> Outcome:
        """`before`: what stood before an earlier try; what somebody made of it since must not come back with undo.

        `in_part`: something of that try is in the world.
        """
        ttl, most = request.params.get(wire.TTL, 0), self._settings.limits.max_ttl_s
        if type(ttl) is not int or not 0 <= ttl <= most:
            return Outcome("refused", f"{wire.TTL} is {ttl!r}; the effector's file allows whole seconds from 0 to {most}")
        params = wire.values(request.params)
        job = Job(effect=request.effect, action=request.action, target=row.target, params=params, ttl_s=ttl, before=before or {})
        actuator = self._actuators[row.actuator]
        why = self._switch.engaged() or self._held(job) or self._mistaken(job, actuator)
        why = why or self._book.gate.take(request.effect, row.weight(request.action), self._clock())
        return Outcome("refused", why) if why else self._record(job, row, actuator, known=before is not None, in_part=in_part)

    def _record(self, job: Job, row: TargetRow, actuator: Actuator, *, known: bool, in_part: bool) -> Outcome:
        """`known`: what stood before is in `job`."""
        try:
            if not known:
                job = msgspec.structs.replace(job, before=actuator.before(job))
            entry = Entry(job=job, life="applying", since=self._clock(), actuator=row.actuator, weight=row.weight(job.action))
            self._book.begin(entry)
        except (InputError, sqlite3.Error) as error:
            if not in_part:
                self._book.gate.give_back(job.effect)
            return Outcome("failed", f"what stands there could not be put on record, so nothing was done: {error}")
        with self._turns[row.actuator]:
            stopped = self._switch.engaged()
            outcome = Outcome("refused", stopped) if stopped else actuator.apply(job)
        self._tell("apply", job, outcome)
        if not in_part and outcome.result in ("failed", "refused"):
            self._book.mark(entry, "gone" if known else "failed")
        return outcome

    def _held(self, job: Job) -> str:
        """Two of one kind on one target could not be taken back in any order: what stood before the second is the first."""
        other = self._book.holder(job.effect, job.action, job.target.ref)
        if other is None or job.action == "kill_process":  # of what was ended before nothing comes back
            return ""
        if self.look(other).standing != "absent":
            return f"effect {other.effect} holds {job.action} on {job.target.ref} already"
        self._ended(other)
        return ""

    def _mistaken(self, job: Job, actuator: Actuator) -> str:
        """'' where the thing at the target's address is the one that is meant."""
        if not job.target.identity:
            return ""
        outcome = actuator.identify(job)
        if outcome.result == "ok" or (outcome.result == "unknown" and self._settings.unidentified(job.action) == "act"):
            return ""
        return f"{job.target.ref} is not known for certain: {outcome.detail or outcome.result}"

    # ---- without a record

    def _never_applied(self, effect: str, action: str, target: str) -> Outcome:
        """It may be in a world that knows its effects by itself. From now on it can never be applied."""
        job, actuator = self._unrecorded(effect, action, target)
        why = self._book.mark(Entry(job=job, life="undone", since=self._clock(), actuator=""), "undone")
        outcome = actuator.undo(job) if isinstance(actuator, Census) else Outcome("ok", "it was never applied here")
        self._tell("undo", job, outcome)
        return _with(outcome, why)

    def _unrecorded(self, effect: str, action: str, target: str) -> tuple[Job, Actuator | None]:
        row = self._settings.targets.get((target, action))
        job = Job(effect=effect, action=action, target=row.target if row else Target(ref=target))
        return job, self._actuators[row.actuator] if row else None

    def _tell(self, what: str, job: Job, outcome: Outcome) -> None:
        self._say(f"{what} {job.effect} {job.action} {job.target.ref}: {outcome.result} {outcome.detail}".rstrip())


def _another(entry: Entry, action: str, target: str) -> str:
    """'' where that is what the effect is. Else whoever asks holds the lock of another target, and means another effect."""
    job = entry.job
    return "" if (job.action, job.target.ref) == (action, target) else f"effect {entry.effect} is {job.action} on {job.target.ref}"


def _gone(entry: Entry) -> str:
    return f"actuator {entry.actuator} is not in the effector's file any more"


def _with(outcome: Outcome, why: str) -> Outcome:
    return Outcome(outcome.result, f"{outcome.detail} ({why})".strip()) if why else outcome
