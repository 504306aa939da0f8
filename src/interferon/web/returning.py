"""Where contained things are on their way back, and what they wait for, as the screens tell it. Called by `live`, which holds the lock."""

from interferon.decide.book import PUT_RIGHT
from interferon.decide.recovery import held_back, stage, watched
from interferon.decide.settings import HOUR_US
from interferon.decide.verification import told
from interferon.runtime.running import Running
from interferon.web.view import Returning, ThingState


def returning(run: Running, incident: str, now: int) -> tuple[Returning, ...]:
    """What was contained for the incident and is not trusted as before yet."""
    book, cases, rules = run.state.book, run.state.latest, run.rules.release
    hours = run.rules.network.settings.recovery.watch_hours
    effects = [effect for effect in book.effects.values() if effect.incident == incident and effect.action not in PUT_RIGHT]
    found = []
    for ref in dict.fromkeys(effect.target for effect in effects):
        reached = stage(book, cases, ref, now, rules, hours)
        if reached != "full":
            waits = held_back(book, cases, ref, now, rules) if reached == "checking" else ""
            found.append(Returning(ref=ref, stage=reached, note=waits or (told(book.inspected.get(ref)) if reached == "watched" else "")))
    return tuple(found)


def checking(run: Running, ref: str, now: int) -> str:
    """What a contained thing that stood long enough still waits for, as the end of a sentence about it; '' where it is not so far."""
    book, cases, rules = run.state.book, run.state.latest, run.rules.release
    if stage(book, cases, ref, now, rules, run.rules.network.settings.recovery.watch_hours) != "checking":
        return ""
    return f"; checked before it comes back: {held_back(book, cases, ref, now, rules)}"


def back(run: Running, now: int) -> dict[str, ThingState]:
    """What came back from a containment a short while ago, with what was verified before."""
    book, hours = run.state.book, run.rules.network.settings.recovery.watch_hours
    return {
        ref: ThingState(
            ref=ref,
            state="watched",
            since=book.returned[ref],
            until=book.returned[ref] + int(hours * HOUR_US),
            note="; ".join(filter(None, ["back from a containment; evidence counts more", told(book.inspected.get(ref))])),
        )
        for ref in watched(book, now, hours)
    }
