"""The demo's arms: the same seed with our response, with none, with a person after four hours, isolating everything, and without attack.

Called by `runtime.demo`. All arms share the seed's draws; what differs is who acts, and when. Baselines are drawn fairly: the person has
our detection and our plans and approves only true cases; isolating everything stops at our first action, the whole network, for a day.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from interferon.decide.approval import yes
from interferon.decide.situation import Ask
from interferon.flow.reroute import Route
from interferon.model.events import Control, Receipted
from interferon.model.network import Network
from interferon.model.records import Execute, Finding, Incident, Plan, Undo
from interferon.pipeline import Output, Rules
from interferon.runtime.guarded import HISTORY_H, HOUR, Guarded
from interferon.runtime.loop import Hooks
from interferon.trust.policy import Decision
from interferon.twin.range import Range
from interferon.twin.scenario import Scenario

PERSON_AFTER_H = 4.0
EMERGENCY_STOP_H = 24.0  # an emergency stop of everything is lifted after a day: checked, cleaned, restarted


@dataclass
class Told:
    """What an arm's installation said and did."""

    findings: list[Finding] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    executed: list[Execute] = field(default_factory=list)
    undone: list[Undo] = field(default_factory=list)
    receipts: list[Receipted] = field(default_factory=list)

    def hooks(self) -> Hooks:
        """Ears of a loop."""
        return Hooks(sink=self.take, heard=self.hear)

    def take(self, output: Output) -> None:
        match output:
            case Finding():
                self.findings.append(output)
            case Incident():
                self.incidents[output.id] = output
            case Plan():
                self.plans[output.id] = output
            case Execute():
                self.executed.append(output)
            case Undo():
                self.undone.append(output)

    def hear(self, control: Control) -> None:
        if isinstance(control, Receipted):
            self.receipts.append(control)


class Approver:
    """Somebody who answers each plan four hours after the case's first one, and only true cases: the person of the baseline.

    When the attack is over, all is restored and no plan of a true case waits, the case is closed: what comes after it would be a false
    alarm, and a person who knows the truth approves none.
    """

    def __init__(self, told: Told, attacked: Callable[[Incident], bool]) -> None:
        self._told, self._attacked = told, attacked
        self._first: dict[str, int] = {}
        self._answered: set[str] = set()

    def __call__(self, guarded: Guarded, now: int) -> None:
        for plan in list(self._told.plans.values()):
            first = self._first.setdefault(plan.incident, plan.time)
            if now >= max(first + int(PERSON_AFTER_H * HOUR), plan.time) and self._wanted(plan):
                self._answered.add(plan.id)
                guarded.loop.feed(yes(plan, plan.chosen, "on-call", now))

    def done(self, guarded: Guarded) -> bool:
        """Whether nothing is left to do or to wait for."""
        return guarded.range.settled() and not any(map(self._wanted, self._told.plans.values()))

    def _wanted(self, plan: Plan) -> bool:
        fresh = plan.id not in self._answered and bool(plan.alternatives[plan.chosen].actions)
        return fresh and self._attacked(self._told.incidents[plan.incident])


def after_approval(ask: Ask) -> Ask:
    """The same policy with nothing done without a person."""

    def asked(principal: str, action: str, target_type: str, target: str, context: object, /) -> Decision:
        answer = ask(principal, action, target_type, target, context)  # type: ignore[arg-type]
        return Decision("denied" if answer.mode == "denied" else "execute_approved", answer.reasons)

    return asked


def bare(network: Network, scenario: Scenario, seed: int, start: int, base: Route) -> Range:
    """A range without detection, run to the beginning of the scenario."""
    world = Range(network, scenario, seed, start, history_h=HISTORY_H, emit=False, sourcing=dict(base.sourcing))
    world.advance(start)
    return world


def unguarded(network: Network, scenario: Scenario, seed: int, start: int, base: Route) -> Range:
    """The arm in which nobody acts, run to its end."""
    world = bare(network, scenario, seed, start, base)
    world.advance(start + int(scenario.hours * HOUR))
    return world


def isolating_everything(network: Network, scenario: Scenario, seed: int, start: int, base: Route, told: Told) -> Range:
    """At the moment of our first action every zone of the network is isolated, and opened again a day later: the emergency stop."""
    world = bare(network, scenario, seed, start, base)
    end = start + int(scenario.hours * HOUR)
    if told.executed:
        world.advance(told.executed[0].time)
        for zone in network.zones:
            world.apply(f"everything:{zone}", "isolate_zone", f"zone:{zone}", {})
        world.advance(min(world.now + int(EMERGENCY_STOP_H * HOUR), end))
        for zone in network.zones:
            world.undo(f"everything:{zone}")
    world.advance(end)
    return world


def fork(guarded: Guarded, rules: Rules, told: Told) -> Guarded:
    """A second installation in a second world, both as they are now; what it says and does from now on goes to `told`."""
    world = copy.deepcopy(guarded.range)
    other = Guarded(rules, guarded.scenario, guarded.seed, guarded.start, guarded.solver.base, told.hooks(), world=world)
    other.loop.state = copy.deepcopy(guarded.loop.state)
    return other
