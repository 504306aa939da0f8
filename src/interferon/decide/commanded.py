"""A command of another organisation's program, decided as our own plans are: a case of its own, with a plan that policy disposes of. Pure.

Called by the pipeline. Its evidence is the producer's word alone, as probable as its token is trusted. What it closed is opened again
by the producer, at the end that it told, or by a person; not where our own evidence suspects the same thing.
"""

from collections.abc import Mapping, MutableMapping
from typing import Final

import msgspec

from interferon.decide.approval import BY_PEOPLE
from interferon.decide.autonomy import situation
from interferon.decide.book import FINAL, Book, enter, in_force, lasting_s, stands, take_back, ttl_s, under_command
from interferon.decide.options import Act, Option
from interferon.decide.permit import suspicion
from interferon.decide.plan import ANSWER, answered
from interferon.decide.release import InForce, ReleaseSettings, renew
from interferon.decide.situation import DecideState, Situation, Under
from interferon.model.effects import State
from interferon.model.events import Commanded, Receipted
from interferon.model.network import Network
from interferon.model.records import Execute, Incident, Plan, Renew, Solve, Undo

LABELS: Final = {"cut_conduit": "cut_conduits"}  # of an alternative, where it is not the action's name
ENDED: Final = (State.REFUSED, State.FAILED, State.UNDONE)
SUSPECTED: Final = 0.3  # probability from which a case of ours holds back what a producer would open

Incidents = MutableMapping[str, Incident]
Answer = Incident | Plan | Execute | Undo | Solve


def plan_id(case: str) -> str:
    """Id of the one plan of a command's case."""
    return f"{case}.1"


def heard(state: DecideState, book: Book, verdicts: Mapping[str, str], incidents: Incidents, under: Under, item: Commanded) -> list[Answer]:
    """A command: its case, its plan and what policy lets happen at once; or what is taken back. One that was heard before does nothing."""
    if item.case in book.asked:
        return []
    book.asked[item.case] = item
    if item.effects:
        return [*_taken_back(book, incidents, under.network, item)]
    standing = under_command(book, item.case, situation(book, verdicts, under, item.time))
    actions = tuple(act for act in item.actions if act not in standing.in_force)
    if not actions:
        return []
    incident = incidents[item.case] = _case(item, actions, under.network)
    plan = _plan(state, book, incident, actions, under, standing, item)
    return [incident, plan, *enter(book, plan, item.time)]


def _case(item: Commanded, actions: tuple[Act, ...], network: Network) -> Incident:
    """The command as an incident: nothing was found by us, its targets are suspected by the producer."""
    targets = tuple(dict.fromkeys(target for _, target in actions))
    zones = tuple(dict.fromkeys(zone for target in targets if (zone := network.zone_of(target))))
    more = f" and {len(actions) - 1} more" if len(actions) > 1 else ""
    return Incident(
        id=item.case,
        revision=1,
        opened=item.time,
        updated=item.time,
        status="open",
        title=f"{item.producer} commands {actions[0][0]} of {actions[0][1]}{more} over OpenC2 ({item.command})",
        severity=item.trust,
        p_attack=item.trust,
        findings=(),
        entities=targets,
        zones=zones,
        sites=tuple(dict.fromkeys(network.zones[zone].site for zone in zones if zone in network.zones)),
        suspects=tuple((target, item.trust) for target in targets),
        path=(),
        techniques=(),
        families=(),
    )


def _plan(
    state: DecideState, book: Book, incident: Incident, actions: tuple[Act, ...], under: Under, standing: Situation, item: Commanded
) -> Plan:
    """The command beside doing nothing, priced and put to policy as any alternative; within the end that was told."""
    label = "+".join(dict.fromkeys(LABELS.get(action, action) for action, _ in actions))
    plan = answered(plan_id(incident.id), state, incident, Option(label, actions), under, standing, item.time)
    if not item.ends:
        return plan
    return msgspec.structs.replace(plan, ttl_s=lasting_s(book, plan, item.time), approve_until=min(plan.approve_until, item.ends))


# ---- how it ends


def suspecting(book: Book, incidents: Mapping[str, Incident], network: Network, target: str) -> str:
    """Id of an open case of our own evidence that suspects the target: it is not opened on a producer's word then. '' where none does."""
    others = (one for one in incidents.values() if one.id not in book.asked and one.status != "closed" and one.p_attack >= SUSPECTED)
    return next((one.id for one in others if suspicion(one, network, target) >= SUSPECTED), "")


def _taken_back(book: Book, incidents: Mapping[str, Incident], network: Network, item: Commanded) -> list[Undo]:
    """What the producer takes back of its own: plans that wait do not start, and effects end."""
    for name in {effect.rpartition("/")[0] for effect in item.effects} - book.carried.keys():
        book.waiting.pop(name, None)
        book.given.pop(name, None)
        book.vetoed.add(name)
    standing = [name for name in item.effects if name in book.effects and stands(book.effects[name])]
    free = [name for name in standing if not suspecting(book, incidents, network, book.effects[name].target)]
    return _undone(book, free, f"taken back by {item.producer}", item.time)


def _undone(book: Book, effects: list[str], reason: str, now: int) -> list[Undo]:
    """Takes effects back, plan by plan."""
    plans: dict[tuple[str, str], list[str]] = {}
    for name in effects:
        plans.setdefault((book.effects[name].plan, book.effects[name].incident), []).append(name)
    return [take_back(book, Undo(now, plan, incident, tuple(names), reason)) for (plan, incident), names in plans.items()]


def due(
    state: DecideState,
    book: Book,
    incidents: Mapping[str, Incident],
    incident: Incident,
    receipt: Receipted,
    network: Network,
    rules: ReleaseSettings,
) -> list[Renew | Undo]:
    """What becomes of an effect whose time to live is over, on the evidence of now; at the end that a producer told it is undone."""
    ended = [one for one in in_force(book, receipt.incident) if one.effect == receipt.effect]
    if receipt.action in FINAL:
        why = f"{receipt.target} has been ended, and nothing brings it back: see whether it is needed, or back"
        return [Renew(receipt.time, one.plan, receipt.incident, (one.effect,), "escalate", 0, why) for one in ended]
    asked = book.asked.get(receipt.incident)
    if asked is not None and asked.ends and receipt.time >= asked.ends:
        return [answer for one in ended for answer in _at_end(book, incidents, network, asked, one, receipt.time)]
    if asked is not None and asked.ends:  # never to a person before: what is escalated falls due no more, and its end would not come
        why = f"until the end that {asked.producer} told"
        plans = [book.plans[one.plan] for one in ended]
        return [
            Renew(receipt.time, plan.id, asked.case, (one.effect,), "renew", lasting_s(book, plan, receipt.time), why)
            for one, plan in zip(ended, plans, strict=True)
        ]
    return [
        Renew(receipt.time, one.plan, receipt.incident, one.effects, one.answer, ttl_s(book, one, receipt.time), one.reason)
        for one in renew(state, incident, ended, rules)
    ]


def _at_end(
    book: Book, incidents: Mapping[str, Incident], network: Network, asked: Commanded, one: InForce, now: int
) -> list[Renew | Undo]:
    other = suspecting(book, incidents, network, one.act[1])
    if other:
        why = f"{asked.producer} let it end, but incident {other} suspects {one.act[1]}: a person decides"
        return [Renew(now, one.plan, asked.case, (one.effect,), "escalate", 0, why)]
    return [*_undone(book, [one.effect], f"the time that {asked.producer} asked for is over", now)]


def over(book: Book, incidents: Incidents, now: int) -> list[Incident]:
    """Closes the cases of commands of which nothing is in force or can still begin; a plan whose end has come does not start."""
    found = []
    for case, asked in book.asked.items():
        incident = incidents.get(case)
        if incident is None or incident.status == "closed":
            continue
        plan = book.plans[plan_id(case)]
        if asked.ends and now >= asked.ends and book.waiting.pop(plan.id, None) is not None:
            book.lapsed[plan.id] = "its end came before it could start"
        if _is_over(book, plan, now):
            closed = msgspec.structs.replace(incident, revision=incident.revision + 1, updated=now, status="closed")
            incidents[case] = closed
            found.append(closed)
    return found


def _is_over(book: Book, plan: Plan, now: int) -> bool:
    if plan.id in book.carried:
        mine = [effect for effect in book.effects.values() if effect.plan == plan.id]
        return all(effect.status in ENDED or (effect.action in FINAL and not stands(effect)) for effect in mine)
    if plan.would or plan.alternatives[ANSWER].mode not in BY_PEOPLE:
        return True
    return plan.id in book.vetoed or (plan.id not in book.waiting and now > plan.approve_until)
