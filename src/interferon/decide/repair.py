"""Drift that was found before a return is answered with what repairs it: a plan that rolls the configuration back. Pure.

Called by the pipeline. The plan is of the case that the thing is contained for, and is put to policy as every plan is. The same drift is
put to people once, and again only when they can no longer answer.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from interferon.decide.autonomy import situation
from interferon.decide.book import ASKED, SHOWN, Book, closes, enter
from interferon.decide.options import Option
from interferon.decide.plan import answered
from interferon.decide.situation import Considered, DecideState, Under
from interferon.decide.verification import drifted
from interferon.model.events import Inspected
from interferon.model.records import Execute, Incident, Plan, Solve, Undo

ACTION: Final = "roll_back_config"


def inspected(
    state: DecideState, book: Book, verdicts: Mapping[str, str], incidents: Mapping[str, Incident], under: Under, item: Inspected
) -> list[Plan | Execute | Undo | Solve]:
    """Takes in what was seen of a contained thing; the plan against drift, and what policy lets happen at once.

    A look that began before the newest receipt on the thing, or on an asset in it, counts for nothing: the receipt may tell of a change.
    """
    refs = {item.target, *(check.ref for check in item.checks)}
    if any(effect.told >= item.time for effect in book.effects.values() if effect.target in refs):
        return []
    book.inspected[item.target] = item
    standing = situation(book, verdicts, under, item.time)
    kept = {each.target for each in book.effects.values() if each.action == ACTION and each.status in (ASKED, *SHOWN)}
    found = [check for check in drifted(item.checks) if check.ref not in kept]
    incident = _case(book, incidents, item.target)
    what = "; ".join(f"{check.ref}: {check.detail}" for check in found)
    if incident is None or not found or _answered(book, item, what):
        return []
    option = Option(ACTION, tuple((ACTION, check.ref) for check in found))
    plan = answered(f"{incident.id}.{_numbered(state, incident, item.time)}", state, incident, option, under, standing, item.time)
    book.offered[item.target] = (plan.id, what)
    return [plan, *enter(book, plan, item.time)]


def _case(book: Book, incidents: Mapping[str, Incident], target: str) -> Incident | None:
    """The newest case that the thing is contained for."""
    names = [effect.incident for effect in book.effects.values() if effect.target == target and closes(effect)]
    return next((incidents[name] for name in reversed(names) if name in incidents), None)


def _answered(book: Book, item: Inspected, what: str) -> bool:
    """Whether the same drift was put to people already, and they have said what becomes of it or still can."""
    name, before = book.offered.get(item.target, ("", ""))
    if before != what:
        return False
    if name in book.carried or name in book.vetoed:
        return True
    plan = book.plans[name]
    newest = next(each for each in reversed(book.plans.values()) if each.incident == plan.incident)
    return newest.id == name and item.time <= plan.approve_until


def _numbered(state: DecideState, incident: Incident, now: int) -> int:
    """The number of the case's next plan. What was last decided about the attack stays what it was."""
    last = state.considered.get(incident.id)
    if last is None:
        last = Considered(plans=0, time=now, p_attack=incident.p_attack, suspects=(), zones=(), actions=(), mode="suggest")
    state.considered[incident.id] = msgspec.structs.replace(last, plans=last.plans + 1)
    return last.plans + 1
