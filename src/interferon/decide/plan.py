"""`decide`: from an incident to a plan, its alternatives side by side. Called by the pipeline for each new or changed incident. Pure.

Containment never waits for a solver: costs come from the closure table. Expected loss proposes, policy and budgets dispose.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from interferon.decide.combine import combined, rank
from interferon.decide.options import DO_NOTHING, Act, Option, foremost, options
from interferon.decide.permit import STRENGTH, Permit, permit
from interferon.decide.price import Priced, Pricing
from interferon.decide.recovery import reweighed
from interferon.decide.settings import HOUR_US, TTL_H, DecideSettings
from interferon.decide.situation import Ask, Closures, Considered, DecideState, Situation, Under
from interferon.decide.terrain import Terrain, survey
from interferon.model.network import Network
from interferon.model.records import Alternative, Incident, Mode, Plan

ANSWER: Final = 1
"""Of the alternatives of a plan that was not searched for: the answer, behind doing nothing."""

SHOWN = 10  # alternatives in a plan
FLOORS: tuple[Mode, ...] = ("execute_auto", "execute_unless_vetoed", "suggest")  # combinations are looked for under each

OVERRULED = "overruled"

Weighed = tuple[Priced, Permit]
MODES: tuple[Mode, ...] = ("execute_auto", "execute_unless_vetoed", "execute_approved", "execute_approved_by_two", "suggest")
"""Strongest first."""


def decide(
    state: DecideState, incident: Incident, network: Network, closures: Closures, ask: Ask, situation: Situation, now: int
) -> Plan | None:
    """The plan for this incident, or None where there is nothing (new) to decide.

    Nothing: it is closed, or too improbable, or neither its evidence, suspects nor zones have moved enough since the last plan (and no
    table has held back an answer meanwhile, and nothing can be ended that could not before), or the answer is the same as before.
    `state` remembers what was considered. `now`: microseconds UTC. The id is the incident's and a counter.
    """
    last = state.considered.get(incident.id)
    incident = reweighed(incident, situation.watched, network, state.settings.watched_odds)
    if incident.status == "closed" or incident.p_attack < state.settings.p_suggest:
        state.held.pop(incident.id, None)
        return None
    ends = endable(incident, situation, state.settings)
    offered = bool(set(ends) - set(last.endable if last else ()))
    if not (offered or _waited(state, incident.id, now) or _moved(last, incident, now, state.settings)):
        return None
    terrain = ground(state, network, closures)
    pricing = Pricing(incident, network, terrain, closures, situation, _chastened(state.settings, last), state.values)
    weighed = _alternatives(pricing, ask, now)
    _note_held(state, incident.id, weighed, now)
    chosen, mode = choose(weighed, situation.observing)
    actions = weighed[chosen][0].option.actions
    number = (last.plans if last else 0) + 1
    repeated = last is not None and not offered and _repeats(last, actions, mode, now, state.settings, situation.in_force)
    state.considered[incident.id] = Considered(
        plans=number - 1 if repeated else number,
        time=last.time if repeated and last else now,
        p_attack=incident.p_attack,
        suspects=foremost(incident, state.settings),
        zones=incident.zones,
        actions=actions,
        mode=last.mode if repeated and last and actions == last.actions else mode,
        endable=ends,
    )
    return None if repeated else planned(f"{incident.id}.{number}", pricing, weighed, chosen, mode, now)


def endable(incident: Incident, situation: Situation, settings: DecideSettings) -> tuple[str, ...]:
    """Suspected processes that were seen to stand still, once a person has judged the case to be an attack.

    To end one is a person's choice, so a plan offers it, whatever would be best.
    """
    if incident.id not in situation.confirmed:
        return ()
    return tuple(sorted(situation.frozen.intersection(foremost(incident, settings))))


def again(state: DecideState, cases: Iterable[Incident], now: int) -> list[Incident]:
    """Open cases to which the tables held back an answer a while ago: a window may have ended, a pump may run."""
    return [case for case in cases if case.status == "open" and _waited(state, case.id, now)] if state.held else []


def _waited(state: DecideState, incident: str, now: int) -> bool:
    return incident in state.held and now - state.held[incident] >= state.settings.retry_h * HOUR_US


def _note_held(state: DecideState, incident: str, weighed: Sequence[Weighed], now: int) -> None:
    state.held.pop(incident, None)
    if any(allowed.held for _, allowed in weighed):
        state.held[incident] = now


def overruled(state: DecideState, incident: str) -> None:
    """A person said no to the last answer (a veto, or an undo by hand): it is not given again, until the answer is another one."""
    if incident in state.considered:
        state.considered[incident] = msgspec.structs.replace(state.considered[incident], mode=OVERRULED)


def reconsidered(
    state: DecideState,
    incident: Incident,
    network: Network,
    closures: Closures,
    ask: Ask,
    situation: Situation,
    wanted: Alternative,
    now: int,
) -> Permit:
    """What policy and budgets say of one alternative on the evidence of this moment, whatever they said when its plan was made."""
    incident = reweighed(incident, situation.watched, network, state.settings.watched_odds)
    pricing = Pricing(incident, network, ground(state, network, closures), closures, situation, state.settings, state.values)
    return permit(pricing.price(Option(wanted.label, wanted.actions)), incident, network, situation, ask, now)


def _chastened(settings: DecideSettings, last: Considered | None) -> DecideSettings:
    """Trusts a containment less for each one of this case after which the attack went on: host by host is not how a worm is stopped."""
    if last is None or STRENGTH.get(last.mode, 0) <= STRENGTH["execute_approved"]:
        return settings
    return msgspec.structs.replace(settings, leak=min(settings.leak * settings.leak_growth**last.plans, settings.leak_most))


def ground(state: DecideState, network: Network, closures: Closures) -> Terrain:
    """The terrain of this revision, surveyed when the revision is new."""
    if state.terrain is None or state.terrain.revision != network.revision:
        state.terrain = survey(network, closures, state.settings)
        state.values.clear()
    return state.terrain


def _moved(last: Considered | None, incident: Incident, now: int, settings: DecideSettings) -> bool:
    """Whether anything that matters has changed since the last decision."""
    if last is None:
        return True
    if abs(_logit(incident.p_attack) - _logit(last.p_attack)) >= settings.logit_step:
        return True
    if last.actions and now - last.time >= settings.retry_h * HOUR_US and incident.status == "open":
        return True
    return bool(set(foremost(incident, settings)) - set(last.suspects) or set(incident.zones) - set(last.zones))


def _repeats(last: Considered, actions: tuple[Act, ...], mode: str, now: int, settings: DecideSettings, in_force: tuple[Act, ...]) -> bool:
    """The same answer again is no news; only one that should have been in force by now is given once more.

    "Nothing more to do" is news where it takes back a proposal that still waits.
    """
    if not actions:
        return set(last.actions) <= set(in_force)
    if actions == last.actions and last.mode == OVERRULED:
        return True
    stale = now - last.time >= settings.retry_h * HOUR_US
    return actions == last.actions and mode == last.mode and not (stale and STRENGTH[mode] > STRENGTH["execute_approved"])


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return math.log(p / (1.0 - p))


def _alternatives(pricing: Pricing, ask: Ask, now: int) -> list[Weighed]:
    """Doing nothing first, then the options and their best combinations, cheapest expected loss first."""

    permits: dict[tuple[Act, ...], Permit] = {}

    def allowed(priced: Priced) -> Permit:
        actions = priced.option.actions
        if actions not in permits:
            permits[actions] = permit(priced, pricing.incident, pricing.network, pricing.situation, ask, now)
        return permits[actions]

    situation = pricing.situation
    ends = endable(pricing.incident, situation, pricing.settings)
    single = options(pricing.incident, pricing.network, pricing.settings, situation.in_force, ends)
    nothing, *others = [(priced, allowed(priced)) for priced in map(pricing.price, single)]
    found = {priced.option.actions: (priced, may) for priced, may in others}
    for floor in FLOORS:
        parts = [priced for priced, may in others if STRENGTH[may.mode] >= STRENGTH[floor]]
        joint = combined(parts, nothing[0].expected_loss, pricing.price, partial(_reaches, floor, allowed))
        if joint is not None and joint.option.actions not in found:
            found[joint.option.actions] = (joint, allowed(joint))
    ranked = sorted(found.values(), key=lambda one: rank(one[0]))
    kept = ranked[: SHOWN - 1] + [one for one in ranked[SHOWN - 1 :] if one[1].mode == "execute_auto"][:1]
    return [nothing, *kept]


def _reaches(floor: Mode, allowed: Callable[[Priced], Permit], priced: Priced) -> bool:
    return STRENGTH[allowed(priced).mode] >= STRENGTH[floor]


def choose(weighed: Sequence[Weighed], observing: bool) -> tuple[int, Mode]:
    """(index, mode) of the alternative to go ahead with; the first of `weighed` is doing nothing.

    Of those that beat doing nothing, the strongest mode wins, and in it the smallest expected loss: what may be done at once is done
    at once, and a better alternative that needs a person stays in the plan for that person.
    """
    nothing = weighed[0][0].expected_loss
    for mode in MODES:
        fitting = [place for place, (priced, allowed) in enumerate(weighed) if allowed.mode == mode and priced.expected_loss < nothing]
        if fitting:
            return min(fitting, key=lambda place: rank(weighed[place][0])), "suggest" if observing else mode
    return 0, "suggest"


def ttl_s(actions: Sequence[Act]) -> int:
    """Seconds until the alternative is decided again: the shortest of its actions; 0 where it does nothing."""
    return int(min((TTL_H[action] for action, _ in actions), default=0.0) * 3600)


def answered(name: str, state: DecideState, incident: Incident, option: Option, under: Under, standing: Situation, now: int) -> Plan:
    """A plan of one answer that was not searched for, ANSWER of its alternatives, beside doing nothing: priced and put to policy as any."""
    network = under.network
    pricing = Pricing(incident, network, ground(state, network, under.closures), under.closures, standing, state.settings, state.values)
    weighed = [(each, permit(each, incident, network, standing, under.ask, now)) for each in map(pricing.price, (DO_NOTHING, option))]
    allowed = weighed[ANSWER][1].mode
    mode: Mode = "suggest" if standing.observing or allowed == "denied" else allowed
    return planned(name, pricing, weighed, ANSWER, mode, now)


def planned(name: str, pricing: Pricing, weighed: Sequence[Weighed], chosen: int, mode: Mode, now: int) -> Plan:
    """The plan as a record. `weighed`: its alternatives, of which `chosen` is the one to go ahead with."""
    incident, settings = pricing.incident, pricing.settings
    return Plan(
        id=name,
        incident=incident.id,
        incident_revision=incident.revision,
        network_revision=pricing.network.revision,
        time=now,
        alternatives=tuple(_alternative(*one) for one in weighed),
        chosen=chosen,
        mode=mode,
        veto_until=now + settings.veto_s * 1_000_000 if mode == "execute_unless_vetoed" else 0,
        approve_until=now + int(pricing.network.settings.approvals.expire_hours * HOUR_US),
        ttl_s=ttl_s(weighed[chosen][0].option.actions),
        would=pricing.situation.observing,
    )


def _alternative(priced: Priced, allowed: Permit) -> Alternative:
    """The record people see: orders, cost, CO2 and units are what the alternative adds; money to the cent."""
    return Alternative(
        label=priced.option.label,
        actions=priced.option.actions,
        orders_late=round(priced.orders_late, 3),
        orders_late_low=round(priced.orders_late_low, 3),
        orders_late_high=round(priced.orders_late_high, 3),
        otif=round(priced.otif, 6),
        cost=round(priced.cost, 2),
        co2_kg=round(priced.co2_kg, 3),
        unmet=round(priced.unmet, 3),
        risk=round(priced.risk, 2),
        expected_loss=round(priced.expected_loss, 2),
        mode=allowed.mode,
        reasons=allowed.reasons,
    )
