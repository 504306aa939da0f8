"""A small installation with its screens, and the words that people say on them."""

from dataclasses import dataclass, field

import msgspec

from interferon.decide.approval import yes
from interferon.decide.situation import Ask
from interferon.model.events import Approval, Control, Receipted, Tick
from interferon.model.records import Finding, Plan
from interferon.runtime.loop import Hooks, Loop
from interferon.runtime.running import Running
from interferon.store.examples import START
from interferon.web.live import LiveSource
from interferon.web.view import Status

from .attacked import HOUR, MINUTE, attack, fresh, ground, rules


@dataclass
class Shown:
    """An installation, its screens, and the words that people said on them."""

    run: Running
    loop: Loop
    source: LiveSource
    said: list[Control] = field(default_factory=list)
    now: int = START + HOUR

    def attacked(self) -> Plan:
        """The plan that the attack led to."""
        self.loop.feed(attack())
        self.loop.feed(Tick(time=START + 2 * MINUTE))
        return self.plan

    @property
    def plan(self) -> Plan:
        return next(iter(self.run.plans.values()))

    def tell(self, *statuses: str, detail: str = "") -> None:
        """Receipts of every effect of the plan, one after the other."""
        for place, status in enumerate(statuses):
            for name, effect in list(self.loop.state.book.effects.items()):
                at = START + (3 + place) * MINUTE
                self.loop.feed(Receipted(at, name, effect.plan, effect.incident, effect.action, effect.target, status, detail))

    def status(self) -> Status:
        view = self.source.plan(self.plan.id)
        assert view is not None
        return view.decision.status


def shown(ask: Ask | None = None, *, observing: bool = False) -> Shown:
    under = rules(ask, observing=observing)
    state = fresh(under)
    said: list[Control] = []
    run = Running(under, state, ground()[2], clock=lambda: found.now, say=said.append)
    loop = Loop(state, under, hooks=Hooks(see=run.see, heard=run.hear, sink=run.take))
    found = Shown(run, loop, LiveSource(run, {"all.execute_approved": "permit in people.cedar:4"}), said)
    return found


def answer(plan: Plan, *, approved: bool) -> Approval:
    at = START + 3 * MINUTE
    return yes(plan, plan.chosen, "ann", at) if approved else Approval(at, plan.id, "ann", plan.chosen, False)


def finding(name: str, at: int, **more: object) -> Finding:
    head = Finding(
        id=name,
        time=at,
        entity="asset:plc-1",
        detector="telemetry",
        family="telemetry",
        kind="telemetry.pattern",
        p=1e-6,
        score=9.0,
        why=(("level", 0.6), ("flow", 0.2), ("speed", 0.1), ("heat", 0.1)),
        summary="plc-1 does not move as it does in normal life",
    )
    return msgspec.structs.replace(head, **more)
