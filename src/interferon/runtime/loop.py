"""The impure shell around `step`: log first, then the step, then its commands, whose answers come back as items of the log.

Used by the demo, `up` and the benchmarks; replay has no executor and uses `step` alone. One thread calls `feed`; solvers may answer later.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pyarrow as pa

from interferon.act.intents import intents
from interferon.act.lifecycle import IllegalTransition
from interferon.act.protocol import Action
from interferon.model.effects import Receipt
from interferon.model.events import Approval, Baseline, Commanded, Control, Receipted, Rerouted, Switch, Verdict
from interferon.model.records import DeadLetter, Execute, Plan, Renew, Solve, Undo
from interferon.pipeline import Output, Rules, State, finish, step
from interferon.runtime.effects import Effects
from interferon.store.log import EventLog

Item: TypeAlias = "pa.RecordBatch | Control"


class Solver(Protocol):
    """Finds a re-route: at once, or later by `Loop.feed` of a `Rerouted` (then it answers None)."""

    def __call__(self, command: Solve, /) -> Rerouted | None: ...


class Recorded(Protocol):
    """The number of a row of the ledger, once it is on disk."""

    def result(self) -> int: ...


@dataclass(frozen=True)
class Hooks:
    """Who looks on: `see` gets every batch on its way in, `heard` every control record, `sink` every output of `step`, all in order.

    `record` writes to the ledger (kind, subject, content, time) and answers with the row's number once it is on disk.
    """

    see: Callable[[pa.RecordBatch], None] = lambda batch: None
    heard: Callable[[Control], None] = lambda control: None
    sink: Callable[[Output], None] = lambda output: None
    record: Callable[[str, str, object, int], Recorded] | None = None


class Loop:
    """One running installation."""

    def __init__(
        self,
        state: State,
        rules: Rules,
        *,
        effects: Effects | None = None,
        actions: Mapping[str, Action] | None = None,
        solver: Solver | None = None,
        log: EventLog | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.state, self.rules = state, rules
        self._effects, self._actions, self._solver = effects, actions or {}, solver
        self._log, self._hooks = log, hooks or Hooks()

    def feed(self, item: Item) -> None:
        """Moves the pipeline by one item and carries out what it commands, answers included."""
        self._move(deque([item]), deque())

    def refuse(self, letters: Sequence[DeadLetter]) -> None:
        """What could not be read of the sources: into the log, for a restart must not lose it, and to who looks on."""
        if self._log is not None:
            self._log.extend(letters)
        for letter in letters:
            self._hooks.sink(letter)

    def _move(self, waiting: "deque[Item]", solves: deque[Solve]) -> None:
        """Until nothing is left to do. A solver is asked only when no item waits: no containment and no receipt waits for it."""
        while waiting or solves:
            if not waiting:
                command = solves.popleft()
                answer = self._solver(command) if self._solver is not None else None
                waiting.extend([answer] if answer is not None else [])
                continue
            now = waiting.popleft()
            if self._log is not None:
                self._log.append(now)
            if isinstance(now, pa.RecordBatch):
                self._hooks.see(now)
            else:
                self._hooks.heard(now)
                if isinstance(now, Approval | Verdict | Baseline | Switch | Commanded):
                    self._record(type(now).__name__.lower(), _subject(now), now, now.time)
            self._carry_out(step(self.state, self.rules, now), waiting, solves)

    def finish(self) -> None:
        """No more input: judges what still waits in open frames, and carries out what that leads to."""
        waiting: deque[Item] = deque()
        solves: deque[Solve] = deque()
        self._carry_out(finish(self.state, self.rules), waiting, solves)
        self._move(waiting, solves)

    def expire(self, now: int) -> None:
        """Effects whose time to live is over are decided again."""
        if self._effects is not None:
            for receipt in self._effects.expire(now):
                self.feed(heard(receipt))

    def _carry_out(self, outputs: list[Output], answers: "deque[Item]", solves: deque[Solve]) -> None:
        for output in outputs:
            self._hooks.sink(output)
            if isinstance(output, Plan):
                self._record("plan", output.id, output, output.time)
            if isinstance(output, Solve):
                solves.append(output)
            elif isinstance(output, Execute | Undo | Renew) and self._effects is not None:
                answers.extend(heard(receipt) for receipt in self._do(self._effects, output))

    def _record(self, kind: str, subject: str, content: object, at: int) -> None:
        """A decision is on disk before anything follows from it; raises JournalError where it cannot be."""
        if self._hooks.record is not None:
            self._hooks.record(kind, subject, content, at).result()

    def _do(self, effects: Effects, command: Execute | Undo | Renew) -> list[Receipt]:
        if isinstance(command, Undo):
            return effects.undo(command.effects, command.reason)
        if isinstance(command, Renew):
            return [receipt for effect in command.effects if (receipt := _renewed(effects, effect, command)) is not None]
        plan: Plan = self.state.book.plans[command.plan]
        late = plan.alternatives[self.state.book.carried[plan.id]].orders_late
        return effects.submit(intents(command, self.rules.network, self._actions, "policy", late))


def _renewed(effects: Effects, effect: str, command: Renew) -> Receipt | None:
    """The receipt, or None where the effect has moved on since it fell due: undone by a person, or escalated."""
    try:
        if command.answer == "renew":
            return effects.renew(effect, command.ttl_s, command.reason)
        return effects.escalate(effect, command.reason)
    except IllegalTransition:
        return None


def _subject(word: Approval | Verdict | Baseline | Switch | Commanded) -> str:
    match word:
        case Approval():
            return word.plan
        case Verdict():
            return word.incident
        case Baseline():
            return word.entity
        case Switch():
            return "kill switch"
        case Commanded():
            return word.case


def heard(receipt: Receipt) -> Receipted:
    """A receipt as the log has it."""
    return Receipted(
        time=receipt.time,
        effect=receipt.effect,
        plan=receipt.plan,
        incident=receipt.incident,
        action=receipt.action,
        target=receipt.target,
        status=str(receipt.status),
        detail=receipt.detail,
    )
