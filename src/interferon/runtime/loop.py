"""The impure shell around `step`: log first, then the step, then its commands, whose answers come back as items of the log.

Used by the demo, `up` and the benchmarks; replay has no executor and uses `step` alone. One thread calls `feed`; solvers may answer later.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import pyarrow as pa

from interferon.act.intents import intents
from interferon.act.protocol import Action
from interferon.model.effects import Receipt
from interferon.model.events import Control, Receipted, Rerouted
from interferon.model.records import Execute, Plan, Renew, Solve, Undo
from interferon.pipeline import Output, Rules, State, finish, step
from interferon.runtime.effects import Effects
from interferon.store.log import EventLog

Item: TypeAlias = "pa.RecordBatch | Control"


class Solver(Protocol):
    """Finds a re-route: at once, or later by `Loop.feed` of a `Rerouted` (then it answers None)."""

    def __call__(self, command: Solve, /) -> Rerouted | None: ...


class Loop:
    """One running installation. `sink` sees every output of `step`, in order; `heard` every control record that came back."""

    def __init__(
        self,
        state: State,
        rules: Rules,
        *,
        effects: Effects | None = None,
        actions: Mapping[str, Action] | None = None,
        solver: Solver | None = None,
        log: EventLog | None = None,
        sink: Callable[[Output], None] = lambda output: None,
        heard: Callable[[Control], None] = lambda control: None,
    ) -> None:
        self.state, self.rules = state, rules
        self._effects, self._actions, self._solver = effects, actions or {}, solver
        self._log, self._sink, self._heard = log, sink, heard

    def feed(self, item: Item) -> None:
        """Moves the pipeline by one item and carries out what it commands, answers included."""
        waiting: deque[Item] = deque([item])
        while waiting:
            now = waiting.popleft()
            if self._log is not None:
                self._log.append(now)
            if not isinstance(now, pa.RecordBatch):
                self._heard(now)
            self._carry_out(step(self.state, self.rules, now), waiting)

    def finish(self) -> None:
        """No more input: judges what still waits in open frames, and carries out what that leads to."""
        waiting: deque[Item] = deque()
        self._carry_out(finish(self.state, self.rules), waiting)
        while waiting:
            self.feed(waiting.popleft())

    def expire(self, now: int) -> None:
        """Effects whose time to live is over are decided again."""
        if self._effects is not None:
            for receipt in self._effects.expire(now):
                self.feed(_heard(receipt))

    def _carry_out(self, outputs: list[Output], answers: "deque[Item]") -> None:
        for output in outputs:
            self._sink(output)
            if isinstance(output, Solve):
                answer = self._solver(output) if self._solver is not None else None
                if answer is not None:
                    answers.append(answer)
            elif isinstance(output, Execute | Undo | Renew) and self._effects is not None:
                answers.extend(_heard(receipt) for receipt in self._do(self._effects, output))

    def _do(self, effects: Effects, command: Execute | Undo | Renew) -> list[Receipt]:
        if isinstance(command, Undo):
            return effects.undo(command.effects, command.reason)
        if isinstance(command, Renew):
            if command.answer == "renew":
                return [effects.renew(effect, command.ttl_s, command.reason) for effect in command.effects]
            return [effects.escalate(effect, command.reason) for effect in command.effects]
        plan: Plan = self.state.book.plans[command.plan]
        late = plan.alternatives[self.state.book.carried[plan.id]].orders_late
        return effects.submit(intents(command, self.rules.network, self._actions, "policy", late))


def _heard(receipt: Receipt) -> Receipted:
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
