"""Carries out runs of playbooks: asks the machine, has an executor do its commands, keeps the journal. Called by `interferon respond`.

The intent is in the journal before a command is given, its result before the machine hears of it: after a crash the state is the fold of
the events, and a command with an intent and no result is the only thing that is not known.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from interferon.model.errors import InputError
from interferon.playbooks import simulate
from interferon.playbooks.machine import step
from interferon.playbooks.repeatable import repeatable
from interferon.playbooks.run_records import Abort, Alarm, Begin, Cancel, Event, Result, Run, Script, Scripted, State, Told
from interferon.playbooks.scopes import Books
from interferon.runtime.playbook_crew import Clock, Crew, Executor, InTurn, NotDone
from interferon.store.run_journal import RunJournal


class VirtualClock:
    """Time that passes only where the run waits for it."""

    def __init__(self, now: int = 0) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def wait(self, until: int) -> None:
        self._now = max(self._now, until)


class Simulated:
    """Ends each command as the script says. Its world keeps nothing, so that a lost command was never done."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def run(self, command: Run) -> Scripted | None:
        return simulate.answer(self._script, command)

    def precheck(self, command: Run) -> NotDone:
        return "not done"

    def cancel(self, command_id: str) -> None:
        pass


class Running:
    """One run: its state, and what has been told and given so far."""

    def __init__(self, books: Books, executor: Executor, clock: Clock, journal: RunJournal | None, crew: Crew | None = None) -> None:
        """`crew`: how commands that wait at the same time are carried out; one after the other where none is given."""
        self.state = State()
        self.told: list[Told] = []
        self.given: list[Run] = []
        self.notes: list[str] = []
        self._books, self._executor, self._clock, self._journal = books, executor, clock, journal
        self._crew = crew or InTurn(executor, clock)
        self._waiting: deque[Run] = deque()

    def begin(self, begin: Begin) -> None:
        self._apply(begin)

    def restore(self, events: Iterable[Event], begun: set[str]) -> None:
        """The state of a run from its journal; `begun` are the commands whose intent is in it. Raises `InputError` where it is no run."""
        for number, event in enumerate(events, 1):
            try:
                self._move(event)
            except LookupError as error:  # a playbook, step or timer that is not there: somebody changed the file
                raise InputError(f"event {number} does not follow from those before it ({error}): the journal was changed") from None
        self.given = [run for run in self.given if run.id not in self.state.pending or run.id in begun]
        self._waiting = deque(run for run in self.state.pending.values() if run.id not in begun)
        for run in [run for run in self.state.pending.values() if run.id in begun]:
            self._recover(run)

    def _recover(self, run: Run) -> None:
        """A command that was begun and has no result is looked for in the world, or asked again where that does no harm."""
        found = self._executor.precheck(run)
        if isinstance(found, str) or (found is None and repeatable(run)):
            why = "it was not done, so it is given now" if found == "not done" else "it is given again, which does no harm"
            self._waiting.append(run)
        elif found is None:
            why = "nobody can tell whether it was done, so it is not given again and counts as failed"
            found = Scripted("failure", {}, "begun before the run was stopped; whether it was done is not known")
        else:
            why = f"looked at, it ended with {found.result}"
        self.notes.append(f"{run.step}: was begun before the run was stopped and left no result; {why}")
        if isinstance(found, Scripted):
            self._result(run, found)

    def finish(self) -> None:
        """Goes on until the run is over."""
        while not self.state.over:
            if self._waiting and self._crew.free():
                self._give(self._waiting.popleft())
            else:
                self._hear()
        done = [run for run, found in self._crew.late() if found.result == "success"]
        self.notes += [f"{run.step}: was done, but only when nobody waited for it any more" for run in done]

    def _give(self, run: Run) -> None:
        if run.id not in self.state.pending:
            return
        if self._journal is not None:
            self._journal.write({"intent": run.id})
        self._crew.give(run)

    def _hear(self) -> None:
        """The next thing that happens: an answer, a timer, or nothing any more."""
        timers = self.state.timers
        name = min(timers, key=lambda each: (timers[each], each), default=None)
        answer = self._crew.answer(None if name is None else timers[name])
        if answer is not None:
            self._result(*answer)
        elif name is not None:
            self._apply(Alarm(self._clock.now(), name))
        else:
            self._apply(Abort(self._clock.now(), "nothing is left that could move it"))

    def _result(self, run: Run, found: Scripted) -> None:
        self._apply(Result(self._clock.now(), run.id, found.result, found.out, found.detail))

    def _apply(self, event: Event) -> None:
        if self._journal is not None:
            self._journal.write({"event": msgspec.to_builtins(event)})
        self._waiting += self._move(event)

    def _move(self, event: Event) -> list[Run]:
        new = []
        for command in step(self._books, self.state, event):
            if isinstance(command, Told):
                self.told.append(command)
            elif isinstance(command, Run):
                new.append(command)
            elif isinstance(command, Cancel):
                self._executor.cancel(command.command)
        self.given += new
        return new


def events(lines: Iterable[Mapping[str, Any]]) -> tuple[list[Event], set[str]]:
    """(the events, the ids of commands that were begun) of a journal's lines."""
    found: list[Event] = []
    begun: set[str] = set()
    for number, line in enumerate(lines, 2):
        try:
            if "intent" in line:
                begun.add(str(line["intent"]))
            else:
                found.append(msgspec.convert(line["event"], Event))
        except (KeyError, msgspec.ValidationError) as error:
            raise InputError(f"line {number}: is neither an intent nor an event: {error}") from None
    return found, begun
