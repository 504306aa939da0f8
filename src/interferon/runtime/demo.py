"""`interferon demo`: an attack on a simulated network, found, contained and routed around; its figures beside those of the other arms.

Called by the command line, the acceptance tests and the bench. Touches a temporary folder only.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from interferon.decide.situation import Ask
from interferon.detect.stream_protocol import Detector
from interferon.flow.problem import opening
from interferon.flow.reroute import Route, nominal
from interferon.model.network import Network
from interferon.model.records import Incident
from interferon.pipeline import Rules
from interferon.runtime import installation
from interferon.runtime.arms import Approver, Told, after_approval, fork, isolating_everything, unguarded
from interferon.runtime.audit import violations
from interferon.runtime.guarded import HOUR, Guarded
from interferon.twin.campaign import AttackState
from interferon.twin.scenario import Scenario, Step

Progress = Callable[[str, float], None]
FORK_EVERY = 4 * HOUR  # copying an installation costs as much as running it for two hours


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What `demo --headless --json` prints; the names are part of the contract."""

    seed: int
    scenario: str
    incidents: int
    contained: bool
    detect_s: float | None
    contain_s: float | None
    orders_late: int
    orders_late_no_response: int
    orders_late_human_4h: int
    orders_late_isolate_everything: int
    orders_late_no_attack: int
    otif: float
    otif_no_response: float
    otif_human_4h: float
    otif_isolate_everything: float
    otif_no_attack: float
    lookalikes: int
    lookalikes_isolated: int
    violations: int


@dataclass(frozen=True)
class Stage:
    """What every arm of every seed on one network shares."""

    rules: Rules
    start: int
    base: Route


def stage(network: Network, ask: Ask, progress: Progress = lambda what, share: None, known_bad: Sequence[Detector] = ()) -> Stage:
    """Closure table and nominal route of a network, in force from the moment its tables begin. `known_bad`: see `installation.rules`."""
    start = installation.opening_time(network)
    rules = installation.rules(
        network, ask, observing=False, now=start, progress=lambda done, of: progress("closure table", done / of), known_bad=known_bad
    )
    return Stage(rules, start, nominal(network, opening(network, start)))


def run(at: Stage, scenario: Scenario, seed: int, progress: Progress = lambda what, share: None) -> Result:
    """All five arms of one seed."""
    told = Told()
    with Guarded(at.rules, scenario, seed, at.start, at.base, told.hooks()) as ours:
        human, later = _our_arm(ours, at, told, scenario, progress)
        with human:
            approver = Approver(later, lambda incident: _true(incident, human.range.attack(), at.rules.network))
            _run_on(human, scenario, approver, lambda share: progress("a person after 4 h", share))
            outcome, person = ours.range.outcome(), human.range.outcome()
        progress("the other arms", 0.0)
        nobody = unguarded(at.rules.network, scenario, seed, at.start, at.base).outcome()
        everything = isolating_everything(at.rules.network, scenario, seed, at.start, at.base, told).outcome()
        quiet = unguarded(at.rules.network, scenario.without_attack(), seed, at.start, at.base).outcome()
        attack = ours.range.attack()
        return Result(
            seed=seed,
            scenario=scenario.name,
            incidents=len(told.incidents),
            contained=_contained(attack, told),
            detect_s=_detected(attack, told, at.rules.network),
            contain_s=_contained_after(attack, told),
            orders_late=outcome.orders_late,
            orders_late_no_response=nobody.orders_late,
            orders_late_human_4h=person.orders_late,
            orders_late_isolate_everything=everything.orders_late,
            orders_late_no_attack=quiet.orders_late,
            otif=outcome.otif,
            otif_no_response=nobody.otif,
            otif_human_4h=person.otif,
            otif_isolate_everything=everything.otif,
            otif_no_attack=quiet.otif,
            lookalikes=len(scenario.lookalikes),
            lookalikes_isolated=len(isolated(at.rules.network, scenario, at.start, told)),
            violations=len(violations(at.rules.network, told.plans, told.executed, ours.journal.ledger(0, 100_000))),
        )


def _our_arm(ours: Guarded, at: Stage, told: Told, scenario: Scenario, progress: Progress) -> tuple[Guarded, Told]:
    """Runs our arm to its end; returns the person's arm, which shares everything up to a few hours before our first action."""
    end = at.start + int(scenario.hours * HOUR)
    patient = Rules(
        network=at.rules.network,
        closures=at.rules.closures,
        ask=after_approval(at.rules.ask),
        portfolios=at.rules.portfolios,
        observing=False,
        release=at.rules.release,
    )
    human, later, forked = None, Told(), 0
    begin = ours.range.now
    while ours.range.now < end:
        if human is None or (not told.executed and ours.range.now >= max(at.start, forked + FORK_EVERY)):
            if human is not None:
                human.close()
            later, forked = copy.deepcopy(told), ours.range.now
            human = fork(ours, patient, later)
        ours.advance(min(ours.range.now + HOUR, end))
        progress("our response", (ours.range.now - begin) / (end - begin))
    assert human is not None
    return human, later


def _run_on(guarded: Guarded, scenario: Scenario, approver: Approver, progress: Callable[[float], None]) -> None:
    """Runs the person's arm to its end. An hour after the last thing to do, detection stops: nobody would act on what it finds."""
    end, done = guarded.start + int(scenario.hours * HOUR), 0
    begin = guarded.range.now
    while guarded.range.now < end and done < 2:
        guarded.advance(min(guarded.range.now + HOUR, end), lambda now: approver(guarded, now))
        done = done + 1 if approver.done(guarded) else 0
        progress((guarded.range.now - begin) / max(end - begin, 1))
    guarded.range.silence()
    guarded.range.advance(end)


def _true(incident: Incident, attack: AttackState, network: Network) -> bool:
    """Whether an incident is about a step of the attack that succeeded: what a person who looks for four hours finds out."""
    targets = {step.target for step in attack.steps if step.kind == "attack" and step.succeeded}
    zones = {target.removeprefix("zone:") for target in targets} | {
        network.zone_of(target) for target in targets if target.startswith("asset:")
    }
    named = set(incident.entities) | {ref for ref, _ in incident.suspects}
    return bool(named & targets or set(incident.zones) & (zones - {""}))


def _last_action(told: Told) -> int | None:
    verified = [receipt.time for receipt in told.receipts if receipt.status == "verified"]
    return max(verified) if verified else None


def _contained(attack: AttackState, told: Told) -> bool:
    """True when no attack step succeeded after the last verified action (and, where nothing was done, none succeeded at all)."""
    last = _last_action(told)
    done = [step.at for step in attack.steps if step.kind == "attack" and step.succeeded]
    return not done if last is None else max(done, default=0) <= last


def _first(attack: AttackState) -> int | None:
    return min((step.at for step in attack.steps if step.kind == "attack" and step.succeeded), default=None)


def _contained_after(attack: AttackState, told: Told) -> float | None:
    """Seconds from the first attack step to the first verified action after which none succeeded."""
    first = _first(attack)
    if first is None or not _contained(attack, told) or _last_action(told) is None:
        return None
    last_step = max(step.at for step in attack.steps if step.kind == "attack" and step.succeeded)
    closing = min(receipt.time for receipt in told.receipts if receipt.status == "verified" and receipt.time >= last_step)
    return (closing - first) / 1e6


def _detected(attack: AttackState, told: Told, network: Network) -> float | None:
    """Seconds from the first attack step to the first finding of an incident about the attack."""
    first = _first(attack)
    if first is None:
        return None
    about = [incident for incident in told.incidents.values() if _true(incident, attack, network)]
    named = {finding for incident in about for finding in incident.findings}
    times = [finding.time for finding in told.findings if finding.id in named and finding.time >= first]
    return (min(times) - first) / 1e6 if times else None


def isolated(network: Network, scenario: Scenario, start: int, told: Told) -> list[Step]:
    """The look-alikes that something was shut off for, while they went on and for two hours after.

    It counts when the action covers the look-alike's target, and when the incident acted on is about that target and not about the attack.
    """
    attacked = {step.target for step in scenario.attacks}
    found = []
    for step in scenario.lookalikes:
        begins = start + int(step.at_h * HOUR)
        ends = start + int(((step.until_h or step.at_h + 4.0) + 2.0) * HOUR)
        during = [command for command in told.executed if begins <= command.time <= ends]
        deeds = [(action, target) for command in during for _, action, target, _ in command.effects]
        hit = any(covers(network, *deed, step.target) and not any(covers(network, *deed, one) for one in attacked) for deed in deeds)
        if hit or any(_about(network, told.incidents[command.incident], step.target, attacked) for command in during):
            found.append(step)
    return found


def _about(network: Network, incident: Incident, target: str, attacked: set[str]) -> bool:
    """Whether an incident names a look-alike's target, or something in it, and nothing of the attack."""
    named = {*incident.entities, *(ref for ref, _ in incident.suspects), *(end for hop in incident.path for end in hop[:2])}
    return any(_within(network, ref, target) for ref in named) and not any(_within(network, ref, one) for ref in named for one in attacked)


def _within(network: Network, ref: str, target: str) -> bool:
    kind, _, name = target.partition(":")
    if ref == target:
        return True
    return (kind == "zone" and network.zone_of(ref) == name) or (kind == "site" and network.site_of(ref) == name)


def covers(network: Network, action: str, target: str, ref: str) -> bool:
    """Whether an action on `target` shuts off `ref` too."""
    if target == ref:
        return True
    if action == "isolate_zone":
        return network.zone_of(ref) == target.removeprefix("zone:")
    return ref.startswith("zone:") and network.zone_of(target) == ref.removeprefix("zone:") and action in ("isolate_asset", "fail_over")
