"""The effector without its socket: answers every request of the grammar. Called by the server, from any thread.

Holds the fence and one lock for each target; touches the world through `carry` and the actuators.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from typing import Final

import msgspec

from interferon.act import wire
from interferon.effector.book import Book
from interferon.effector.carry import Carrier
from interferon.effector.fence import Fence
from interferon.effector.inspection import Inspection
from interferon.effector.protocol import Actuator, Census, Seen
from interferon.effector.record import Entry, Record
from interferon.effector.settings import Settings
from interferon.effector.switch import Switch
from interferon.effector.targets import TargetRow
from interferon.model.effects import Observed, Outcome
from interferon.model.errors import InputError

LOOKS: Final = 16  # at the world at once
READY_S: Final = 1.0  # within which actuators say what they lack; who asks for the status waits no longer
OK: Final = Outcome("ok")


class Core:
    """One effector. Its actuators, record and clock (microseconds UTC) are handed in; `say` gets one line for each thing worth a log."""

    def __init__(
        self,
        settings: Settings,
        actuators: Mapping[str, Actuator],
        record: Record,
        switch: Switch,
        clock: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        """Looks at the world for every effect on record."""
        self._settings, self._actuators, self._switch = settings, actuators, switch
        self._clock, self._say = clock, say
        self._book = Book(record, settings.limits, clock)
        self._carrier = Carrier(settings, actuators, self._book, switch, clock, say)
        self._fence = Fence(record.epoch, self._book.keep_epoch)
        self._locks = {ref: Lock() for ref, _ in settings.targets}
        self._targets = {name: tuple(row.target for row in settings.targets.values() if row.actuator == name) for name in actuators}
        self._elsewhere = Lock()  # for effects whose target is not in the file any more
        self._pool = ThreadPoolExecutor(LOOKS, thread_name_prefix="look")
        self._inspection = Inspection(settings, actuators, self._book, self._lock)
        self._asking = ThreadPoolExecutor(LOOKS, thread_name_prefix="ready")  # its own: a product that hangs must not hold up a look
        list(self._pool.map(self._carrier.reconcile, self._book.open()))

    def close(self) -> None:
        """Wait for looks that are under way."""
        self._asking.shutdown(cancel_futures=True)
        self._inspection.close()
        self._pool.shutdown()

    def answer(self, request: wire.Request) -> wire.Reply:
        """Carries out one request; whoever calls has checked who asks."""
        match request:
            case wire.Fence():
                return wire.Answer(self._fenced(request.epoch))
            case wire.Precheck():
                return wire.Answer(self._precheck(request.action, request.target))
            case wire.Apply():
                return wire.Answer(self._apply(request))
            case wire.Verify():
                with self._lock(request.target):
                    return wire.Answer(self._carrier.verify(request.effect, request.action, request.target))
            case wire.Undo():
                return wire.Answer(self._undo(request))
            case wire.Observe():
                return wire.World(tuple(sorted(self._observed(), key=lambda seen: seen.effect)))
            case wire.Inspect():
                return wire.Inspection(self._inspection.checks(request.target))
            case wire.Stop():
                return wire.Answer(self.stop(undo_all=request.undo_all))
            case wire.Resume():
                return wire.Answer(self._resume())
            case wire.Status():
                return self._status(brief=request.brief)

    def stop(self, *, undo_all: bool = False) -> Outcome:
        """Engage the kill switch; with `undo_all` take back every effect on record."""
        unwritten = self._switch.engage()
        self._say(f"kill switch engaged{f', until this process ends: {unwritten}' if unwritten else ''}")
        if not undo_all:
            return Outcome("ok", unwritten)
        entries = self._book.open()
        outcomes = list(self._pool.map(self._taken_back, entries))
        left = [f"{e.effect} ({o.result}: {o.detail})" for e, o in zip(entries, outcomes, strict=True) if o.result != "ok"]
        if left:
            return Outcome("failed", f"stopped, but {len(left)} of {len(entries)} effects could not be undone: {'; '.join(left)}")
        return Outcome("ok", f"{len(entries)} effects undone")

    # ---- one request each

    def _fenced(self, epoch: int) -> Outcome:
        why = self._fence.put_up(epoch)
        return Outcome("refused", why) if why else OK

    def _precheck(self, action: str, target: str) -> Outcome:
        row, why = self._row(action, target)
        if row is None:
            return Outcome("refused", why)
        why = self._switch.engaged() or self._book.gate.room(row.weight(action), self._clock())
        if why:
            return Outcome("refused", why)
        missing = self._actuators[row.actuator].ready()
        return Outcome("failed", missing) if missing else OK

    def _apply(self, request: wire.Apply) -> Outcome:
        row, why = self._row(request.action, request.target)
        if row is None:
            return Outcome("refused", why)
        with self._changing(request.target, request.epoch, durable=True) as why:
            return Outcome("refused", why) if why else self._carrier.apply(request, row)

    def _undo(self, request: wire.Undo) -> Outcome:
        """Never stopped by the kill switch, a limit or a full disk."""
        with self._changing(request.target, request.epoch, durable=False) as why:
            return Outcome("refused", why) if why else self._carrier.undo(request.effect, request.action, request.target)

    def _observed(self) -> frozenset[Observed]:
        """Effects in the world, in whole or in part, and those that could not be looked at: they may be."""
        told, blind = self._census()
        entries = self._book.open()
        looked = [entry for entry in entries if entry.actuator not in told]
        shown = self._pool.map(self._look, looked)
        seen = {entry.effect for entry, found in zip(looked, shown, strict=True) if found.standing != "absent"}
        seen |= {entry.effect for entry in entries if entry.actuator in blind}
        found = {each.effect: each for each in frozenset().union(*told.values())}
        found |= {e.effect: Observed(e.effect, e.job.action, e.job.target.ref) for e in entries if e.effect in seen | found.keys()}
        return frozenset(found.values())

    def _resume(self) -> Outcome:
        why = self._switch.release()
        self._say(f"kill switch not released: {why}" if why else "kill switch released")
        return Outcome("failed", why) if why else OK

    def _status(self, *, brief: bool) -> wire.Standing:
        due = self._clock() - self._settings.limits.max_ttl_s * 1_000_000
        return wire.Standing(
            stopped=self._switch.engaged(),
            epoch=self._fence.epoch,
            effects=tuple(wire.Kept(e.effect, e.job.action, e.job.target.ref, e.since, e.since < due) for e in self._book.open()),
            isolated=self._book.gate.isolated,
            limits=msgspec.to_builtins(self._settings.limits),
            actuators={} if brief else self._ready(),
        )

    def _ready(self) -> dict[str, str]:
        """What each actuator lacks, all asked at once."""
        asked = {name: self._asking.submit(actuator.ready) for name, actuator in self._actuators.items()}
        wait(asked.values(), READY_S)
        return {name: told.result() if told.done() else f"does not say within {READY_S:g} s" for name, told in asked.items()}

    # ---- small parts

    def _row(self, action: str, target: str) -> tuple[TargetRow | None, str]:
        if target in self._settings.protected:
            return None, f"{target} is never a target: {self._settings.protected[target].reason}"
        row = self._settings.targets.get((target, action))
        return row, "" if row else f"the effector's file has no [[target]] {target} for {action}"

    def _taken_back(self, entry: Entry) -> Outcome:
        with self._lock(entry.job.target.ref):
            return self._carrier.undo(entry.effect, entry.job.action, entry.job.target.ref)

    def _look(self, entry: Entry) -> Seen:
        with self._lock(entry.job.target.ref):
            return self._carrier.look(entry)

    def _census(self) -> tuple[dict[str, frozenset[Observed]], set[str]]:
        """What each world that knows its effects says; and the actuators whose world could not be read."""
        told, blind = dict[str, frozenset[Observed]](), set[str]()
        for name, actuator in self._actuators.items():
            if isinstance(actuator, Census):
                try:
                    told[name] = actuator.found(self._targets[name])
                except InputError as error:
                    told[name] = frozenset()
                    blind.add(name)
                    self._say(f"{name}: {error}")
        return told, blind

    @contextmanager
    def _changing(self, target: str, epoch: int, *, durable: bool) -> Iterator[str]:
        """Within it nobody else changes `target`, and no newer epoch is announced. Gives '' or why the call may not go on."""
        with self._fence.passing(epoch, durable=durable) as why, self._lock(target):
            yield why

    def _lock(self, target: str) -> Lock:
        return self._locks.get(target, self._elsewhere)
