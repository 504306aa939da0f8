"""A person's word on a plan: bound to exactly what was shown, put to policy once more at the moment it counts, of two where policy says so.

Called by the pipeline, and by the runtime to tell a person at once why a word cannot be taken. Pure.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final

from interferon.decide.autonomy import situation
from interferon.decide.book import Book, carry_out, under_command
from interferon.decide.permit import STRENGTH, Permit
from interferon.decide.plan import overruled, reconsidered
from interferon.decide.situation import DecideState, Under
from interferon.model.events import Approval
from interferon.model.records import Alternative, Execute, Incident, Plan, Solve, Undo

May = Callable[[Plan, int], Permit]
"""What policy and budgets say of one alternative of a plan on the evidence of this moment."""

BY_PEOPLE: Final = ("execute_auto", "execute_unless_vetoed", "execute_approved", "execute_approved_by_two")
"""Modes in which a person may start an alternative; the last one needs two."""


def asking(state: DecideState, book: Book, verdicts: Mapping[str, str], incidents: Mapping[str, Incident], under: Under, now: int) -> May:
    """`May` as things stand now; `verdicts`: the last one of each incident, `incidents`: the newest revision of each."""

    def asked(plan: Plan, alternative: int) -> Permit:
        incident, wanted = incidents[plan.incident], plan.alternatives[alternative]
        standing = under_command(book, plan.incident, situation(book, verdicts, under, now))
        return reconsidered(state, incident, under.network, under.closures, under.ask, standing, wanted, now)

    return asked


def digest(plan: Plan, alternative: int) -> str:
    """What an approval is for, in 32 hexadecimal digits: these actions in this order, for so long, of this plan on this revision."""
    shown = plan.alternatives[alternative]
    exact = [plan.id, plan.network_revision, plan.ttl_s, alternative, shown.label, shown.actions]
    return hashlib.sha256(json.dumps(exact, separators=(",", ":")).encode()).hexdigest()[:32]


def yes(plan: Plan, alternative: int, person: str, now: int) -> Approval:
    """The approval of exactly what the plan holds."""
    return Approval(now, plan.id, person, alternative, True, digest(plan, alternative))


def needed(mode: str) -> int:
    """How many people have to approve."""
    return 2 if mode == "execute_approved_by_two" else 1


def refusal(book: Book, word: Approval, may: May) -> str:
    """'' where the approval or veto can be taken, else one sentence why not."""
    plan = book.plans.get(word.plan)
    if plan is None:
        return f"there is no plan {word.plan}"
    if not word.approved:
        started = f"plan {plan.id} has been started already; take its effects back instead" if plan.id in book.carried else ""
        return started or _replaced(book, plan)
    if not 0 <= word.alternative < len(plan.alternatives):
        return f"plan {plan.id} has no alternative {word.alternative}; it has {len(plan.alternatives)}"
    return _as_made(book, plan, word, plan.alternatives[word.alternative]) or _now(book, plan, word, may)


def _replaced(book: Book, plan: Plan) -> str:
    """Why a word on it counts no more: who sees an older plan of a case, in a message or on an old page, means the case as it was then."""
    newest = next(each for each in reversed(book.plans.values()) if each.incident == plan.incident)
    return "" if newest.id == plan.id else f"plan {plan.id} was replaced by plan {newest.id}; look at that one"


def _as_made(book: Book, plan: Plan, word: Approval, wanted: Alternative) -> str:
    """Why the plan as it was made cannot be approved so."""
    if plan.would:
        return "this installation only observes; sign a policy that lets people approve to carry plans out"
    if not wanted.actions:
        return "doing nothing needs no approval; veto the plan instead"
    if wanted.mode not in BY_PEOPLE:
        return f"policy does not let a person approve {wanted.label} here ({', '.join(wanted.reasons) or 'no policy allows it'})"
    if plan.id in book.carried:
        return f"plan {plan.id} has been started already"
    if plan.id in book.vetoed:
        return f"plan {plan.id} was vetoed"
    if replaced := _replaced(book, plan):
        return replaced
    if word.digest != digest(plan, word.alternative):
        return f"what was approved is not what plan {plan.id} holds; look at it again"
    return ""


def _now(book: Book, plan: Plan, word: Approval, may: May) -> str:
    """Why it cannot be approved any more."""
    if word.time > plan.approve_until:
        return f"plan {plan.id} has waited too long; the case has to be decided again"
    allowed = may(plan, word.alternative)
    if allowed.held:
        return f"it is not done now: {'; '.join(allowed.reasons)}"
    if allowed.mode not in BY_PEOPLE:
        return f"policy does not allow it any more ({', '.join(allowed.reasons) or 'no policy allows it'})"
    if needed(allowed.mode) > 1 and word.person in book.given.get(plan.id, {}).get(word.digest, ()):
        return f"{word.person} has approved this already; a second person has to"
    return ""


def answered(state: DecideState, book: Book, word: Approval, may: May) -> list[Execute | Undo | Solve]:
    """A person's word. A no ends the wait; a yes starts the alternative once as many people as policy wants have given it."""
    if refusal(book, word, may):
        return []
    plan = book.plans[word.plan]
    if not word.approved:
        book.waiting.pop(plan.id, None)
        book.given.pop(plan.id, None)
        book.vetoed.add(plan.id)
        overruled(state, plan.incident)
        return []
    given = book.given.setdefault(plan.id, {})
    given[word.digest] = (*given.get(word.digest, ()), word.person)
    if len(given[word.digest]) < needed(may(plan, word.alternative).mode):
        return []
    return carry_out(book, plan, word.alternative, "execute_approved", word.time)


def due(state: DecideState, book: Book, now: int, may: May) -> list[Execute | Undo | Solve]:
    """Commands the plans whose time for a veto is over. What policy does not allow so any more waits for a person; what a table holds
    back is decided again later."""
    commands: list[Execute | Undo | Solve] = []
    for name in sorted(name for name, at in book.waiting.items() if at <= now):
        plan = book.plans[name]
        allowed = may(plan, plan.chosen)
        if STRENGTH[allowed.mode] >= STRENGTH["execute_unless_vetoed"]:
            commands += carry_out(book, plan, plan.chosen, "execute_unless_vetoed", now)
        else:
            del book.waiting[name]
            book.lapsed[name] = "; ".join(allowed.reasons) or "no policy allows it"
            if allowed.held:
                state.held[plan.incident] = now
    return commands
