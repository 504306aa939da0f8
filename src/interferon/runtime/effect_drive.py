"""One effect, from where its record and the world stand to where nothing is left to do for it. Called by `runtime.effects` alone.

Journal first, then the world, then the journal again. The caller holds the effect's lock.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from interferon.act import lifecycle
from interferon.act.protocol import Action, Executor
from interferon.decide.restrictions import Readings, refusals
from interferon.model.action_class import writes_controller
from interferon.model.effects import Effect, Intent, Outcome, State
from interferon.model.errors import UnreachableError
from interferon.model.network import Network
from interferon.store.journal import Journal

NO_ANSWER: Final = "no answer whether it took hold"
"""How the detail of an escalated effect begins that may or may not be in the world."""


class Drive:
    """What an effect is driven with. Thread-safe as its journal and executor are."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        actions: Mapping[str, Action],
        network: Network,
        clock: Callable[[], int],
        halted: Callable[[], str],
        readings: Callable[[], Readings],
    ) -> None:
        """`clock` gives microseconds UTC; `halted`: '' while effects may begin, else who stopped them and why; `readings`: the newest
        values that interlocks look at."""
        self.network = network
        self._readings = readings
        self._journal, self._executor, self._actions, self._clock = journal, executor, actions, clock
        self._halted = halted

    def step(self, effect: Effect, to: State, detail: str = "", expires: int | None = None) -> Effect:
        """One step, on disk."""
        return self._journal.advance(effect.id, to, self._clock(), detail, expires).result()

    def present(self, effect_id: str) -> bool | None:
        """Whether it is in the world now; None where nobody answers."""
        try:
            return any(seen.effect == effect_id for seen in self._executor.observed())
        except UnreachableError:
            return None

    def on(self, effect: Effect, seen: bool) -> Effect:
        """Until it rests. `seen`: whether it was in the world before this runtime did anything."""
        if effect.state is State.APPLYING and not seen:
            effect = self._again(effect)
        while effect.state in lifecycle.IN_FLIGHT:
            effect = self._go_on(effect, seen)
        return effect

    def _go_on(self, effect: Effect, seen: bool) -> Effect:
        if effect.state is State.INTENT:
            return self._precheck(effect, seen)
        if effect.state is State.APPLYING:
            return self._apply(effect, seen)
        if effect.state is State.APPLIED:
            return self.step(effect, *self._verified(effect))
        return self.take_back(effect)

    def _precheck(self, effect: Effect, seen: bool) -> Effect:
        """An effect that is in the world already has passed; its journal lost the step."""
        if seen:
            return self.step(effect, State.APPLYING, "found in the world", expires=self._end(effect, seen))
        why = self._hindrance(effect)
        return self.step(effect, State.FAILED, why) if why else self.step(effect, State.APPLYING)

    def put_back(self, effect: Effect, gone: str) -> Effect:
        """One on record as verified or due that does not hold any more, with what looking said: applied again, or escalated.

        What cannot simply be repeated is not: that somebody approved it once does not say that it may happen twice.
        """
        why = self._final(effect) or self._hindrance(effect)
        if why:
            return self.step(effect, State.ESCALATED, f"{gone}; not put back: {why}")
        return self._apply(self.step(effect, State.APPLYING, f"{gone}: put back"), seen=False)

    def _final(self, effect: Effect) -> str:
        """'' where it may be put back as far as its record goes, else one line why not."""
        if effect.state is State.DUE or effect.expires <= self._clock():
            return "its time to live is over"
        action = self._actions.get(effect.intent.action)
        if action is not None and writes_controller(action, self.network.class_of(effect.intent.target)):
            return f"{action.name} is a write to a controller"
        if action is not None and action.kind != "reversible" and not action.kept:
            return f"{action.name} is {action.kind}"
        if lifecycle.spent(self._repairs(effect.id), self._clock()):
            return f"it was put back {lifecycle.REPAIRS_PER_HOUR} times within an hour"
        return ""

    def _repairs(self, effect_id: str) -> list[int]:
        """When it was put back, from the ledger: a restart forgets none."""
        steps = [(entry.time, msgspec.json.decode(entry.body)) for entry in self._journal.history(effect_id)]
        return [time for time, step in steps if (step["from"], step["to"]) == (State.VERIFIED, State.APPLYING)]

    def _hindrance(self, effect: Effect) -> str:
        """'' where it may be applied here and now, else one line why not."""
        intent = effect.intent
        if stopped := self._halted():
            return stopped
        if (effect.expires or lifecycle.expiry(intent.time, intent.ttl_s)) <= self._clock():
            return "its time to live was over before it was applied"
        action = self._actions.get(intent.action)
        why = action.precheck(self.network, intent.target) if action else f"no action is called {intent.action!r}"
        if why := why or self.restrained((intent.action, intent.target), effect.id):
            return why
        outcome = self._executor.precheck(intent.action, intent.target)
        return "" if outcome.result == "ok" else f"precheck {outcome.result}: {outcome.detail}"

    def restrained(self, act: tuple[str, str], own: str = "", beside: Sequence[tuple[str, str]] = ()) -> str:
        """'' unless the network's tables forbid the act here and now, else why. `own`: id of the effect that it is, if it is on record;
        `beside`: what would be done together with it."""
        network = self.network
        standing = self._journal.effects(lifecycle.STANDING) if network.interlocks else ()
        in_force = [*beside, *((each.intent.action, each.intent.target) for each in standing if each.id != own)]
        return "; ".join(refusals(network, act, self._readings(), in_force, self._clock()))

    def _again(self, effect: Effect) -> Effect:
        """Handed to the world before, by a runtime that stopped there; nothing of it is seen now. Asked for again where it still may be.

        What may not be any more is taken back, for what was not seen may still be there in part.
        """
        why = self._hindrance(effect)
        if not why:
            return effect
        outcome = self._call_undo(effect)
        if outcome.result == "ok" and self.present(effect.id) is False:
            return self.step(effect, State.FAILED, why)
        return self.step(effect, State.ESCALATED, f"{why}; undo {outcome.result}: {outcome.detail}")

    def _apply(self, effect: Effect, seen: bool) -> Effect:
        """What looking at the world says is recorded with what the executor said, in one commit."""
        outcome = Outcome("ok", "found in the world") if seen else self._call_apply(effect.intent)
        there = outcome.result != "ok" and self.present(effect.id)
        if outcome.result == "unknown" and there:
            outcome = Outcome("ok", f"{outcome.detail}; found in the world")
        if outcome.result == "ok":
            end = self._end(effect, seen)
            steps = ((State.APPLIED, outcome.detail, end), (*self._verified(effect), None))
            return self._journal.walk(effect.id, steps, self._clock()).result()
        if outcome.result == "unknown":
            return self.step(effect, State.ESCALATED, f"{NO_ANSWER}: {outcome.detail}")
        if there:
            return self.step(effect, State.ESCALATED, f"apply {outcome.result}, but it is in the world in part: {outcome.detail}")
        return self.step(effect, _without(effect), f"apply {outcome.result}: {outcome.detail}")

    def _end(self, effect: Effect, seen: bool) -> int:
        """When its time to live ends. One that was found in the world got there after its last step: it is not given the time since."""
        return effect.expires or lifecycle.expiry(effect.changed if seen else self._clock(), effect.intent.ttl_s)

    def _call_apply(self, intent: Intent) -> Outcome:
        self._journal.guard()
        if stopped := self._halted():  # asked last, so that nothing that was begun before is waited for
            return Outcome("refused", stopped)
        return self._executor.apply(intent.id, intent.action, intent.target, intent.params, self._journal.epoch)

    def _call_undo(self, effect: Effect) -> Outcome:
        self._journal.guard()
        return self._executor.undo(effect.id, effect.intent.action, effect.intent.target, self._journal.epoch)

    def _verified(self, effect: Effect) -> tuple[State, str]:
        """What does not hold but is in the world in part is left there: a person decides, and its budget stays taken."""
        outcome = self._executor.verify(effect.id, effect.intent.action, effect.intent.target)
        if outcome.result == "ok":
            return State.VERIFIED, outcome.detail or (effect.detail if effect.state is State.APPLYING else "")
        why = f"verify {outcome.result}: {outcome.detail}"
        there = outcome.result == "unknown" or self.present(effect.id) is not False
        return State.ESCALATED if there else _without(effect), why

    def take_back(self, effect: Effect) -> Effect:
        """One that is on record as being undone."""
        outcome = self._call_undo(effect)
        if outcome.result == "ok" and self.present(effect.id) is False:
            return self.step(effect, State.UNDONE, outcome.detail or effect.detail)
        return self.step(effect, State.ESCALATED, f"undo {outcome.result}, still in the world or unknown: {outcome.detail}")


def _without(effect: Effect) -> State:
    """What becomes of one that did not take hold. One that was in force before is missed, so a person has to look."""
    return State.ESCALATED if effect.state is State.APPLYING and effect.expires else State.FAILED
