"""How a contained thing comes back: contained, checked, watched at reduced trust, and then trusted as before. Pure.

Called by the pipeline at each tick (`ready`), by `book` and `plan` for each decision, and by the screens (`stage`). Remembers nothing but
`Book.returned`: since when each thing is back.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from interferon.decide.book import FINAL, PUT_RIGHT, Book, closes, in_force
from interferon.decide.release import ReleaseSettings, release
from interferon.decide.settings import HOUR_US
from interferon.decide.situation import DecideState
from interferon.decide.verification import clean, fresh, told, unverified
from interferon.model.effects import State
from interferon.model.network import Network
from interferon.model.records import Incident, Undo

Stage = Literal["contained", "checking", "watched", "full"]


def ready(
    state: DecideState,
    book: Book,
    incidents: Mapping[str, Incident],
    incident: Incident,
    verdict: str,
    now: int,
    rules: ReleaseSettings,
) -> list[Undo]:
    """What of this incident's containments is taken back now. After a benign verdict all of it, and nothing is watched: nothing was wrong.

    Otherwise only what has stood long enough and passed the checks; it is watched from its receipt on, and the case is decided afresh.
    """
    if verdict == "benign":
        standing = [one for one in in_force(book, incident.id) if one.act[0] not in FINAL]
        return release(incident, standing, verdict, {}, now, rules)
    rested = _rested(book, incidents, incident, verdict, now, rules)
    undone = [right for undo in rested if (right := _verified(book, undo, now, rules)).effects]
    if undone:
        book.returned.update({book.effects[name].target: now for undo in undone for name in undo.effects})
        _afresh(state, incident.id)
    return undone


def awaited(
    book: Book, incidents: Mapping[str, Incident], verdicts: Mapping[str, str], now: int, rules: ReleaseSettings
) -> tuple[str, ...]:
    """References of what would come back now, were their configurations and backups right: what somebody has to look at."""
    found: dict[str, None] = {}
    for name in dict.fromkeys(effect.incident for effect in book.effects.values()):
        verdict = verdicts.get(name, "")
        if name in incidents and verdict != "benign":
            undone = _rested(book, incidents, incidents[name], verdict, now, rules)
            found.update({book.effects[effect].target: None for undo in undone for effect in undo.effects})
    return tuple(found)


def _rested(
    book: Book, incidents: Mapping[str, Incident], incident: Incident, verdict: str, now: int, rules: ReleaseSettings
) -> list[Undo]:
    """What of this incident's containments could be taken back as far as time and evidence go."""
    closing = [one for one in in_force(book, incident.id) if one.act[0] not in PUT_RIGHT | FINAL]
    quiet = [one for one in closing if not _suspected(incidents, one.act[1], now, rules)]
    return release(incident, quiet, verdict, {incident.id: incident.updated}, now, rules)


def _verified(book: Book, undo: Undo, now: int, rules: ReleaseSettings) -> Undo:
    """Those of its effects whose targets were seen to be right; the reason says what was."""
    targets = {name: book.effects[name].target for name in undo.effects}
    right = tuple(name for name, ref in targets.items() if not _wrong(book, ref, now, rules))
    seen = dict.fromkeys(told(fresh(book, targets[name], now, rules)) for name in right)
    return msgspec.structs.replace(undo, effects=right, reason="; ".join([undo.reason, *filter(None, seen)]))


def held_back(book: Book, incidents: Mapping[str, Incident], ref: str, now: int, rules: ReleaseSettings) -> str:
    """'' where a thing may come back as far as the checks on itself go, else one line why not yet.

    Any case counts, not only the one that it was contained for. Configuration and backup must have been seen to be right where somebody can
    see them; and where the configuration is rolled back, the world must have shown that the approved one is in force.
    """
    return _suspected(incidents, ref, now, rules) or _wrong(book, ref, now, rules)


def _suspected(incidents: Mapping[str, Incident], ref: str, now: int, rules: ReleaseSettings) -> str:
    for case in incidents.values():
        alone = ref.startswith(("process:", "identity:")) and ref in dict(case.suspects)  # these are suspected, and are no entities
        if case.status == "closed" or not (alone or ref in case.entities or ref in {f"zone:{zone}" for zone in case.zones}):
            continue
        if case.status == "open":
            return f"incident {case.id} on it is open"
        if now - case.updated < rules.clean_h * HOUR_US:
            return f"something was found on it within {rules.clean_h:g} h"
    return ""


def _wrong(book: Book, ref: str, now: int, rules: ReleaseSettings) -> str:
    """What is wrong with its configuration or backup, or not known yet. What was seen goes before what a roll-back was told to do."""
    if not clean(fresh(book, ref, now, rules), ref):
        for effect in book.effects.values():
            if effect.target == ref and effect.action == "roll_back_config" and effect.status not in (State.VERIFIED, State.UNDONE):
                return f"its configuration is not verified ({effect.status})"
    return unverified(book, ref, now, rules)


def stage(book: Book, incidents: Mapping[str, Incident], ref: str, now: int, rules: ReleaseSettings, watch_h: float) -> Stage:
    """Where a thing is on its way back. `checking`: it stood long enough and waits for its checks."""
    standing = [effect for effect in book.effects.values() if effect.target == ref and closes(effect)]
    if standing:
        rested = all(now - effect.since >= rules.contained_h * HOUR_US for effect in standing)
        return "checking" if rested and held_back(book, incidents, ref, now, rules) else "contained"
    return "watched" if ref in watched(book, now, watch_h) else "full"


def watched(book: Book, now: int, watch_h: float) -> frozenset[str]:
    """References that came back less than `watch_h` hours ago; what is contained again, or not undone yet, is not among them."""
    closed = {effect.target for effect in book.effects.values() if closes(effect)}
    return frozenset(ref for ref, since in book.returned.items() if now - since < watch_h * HOUR_US and ref not in closed)


def reweighed(incident: Incident, back: Collection[str], network: Network, odds: float) -> Incident:
    """The incident as it is decided on while suspects of it are watched: their odds, and with them those of the case, times `odds`.

    A thing that has just been attacked and cleaned is likelier to be attacked than one that never was: cleaning may have missed something.
    """
    raised = {ref for ref, _ in incident.suspects if ref in back or f"zone:{network.zone_of(ref)}" in back}
    if not raised or incident.p_attack == 0.0:
        return incident
    p_attack = _raised(incident.p_attack, odds)
    suspects = tuple((ref, min(_raised(p, odds) if ref in raised else p, p_attack)) for ref, p in incident.suspects)
    return msgspec.structs.replace(incident, p_attack=p_attack, suspects=suspects)


def _raised(p: float, odds: float) -> float:
    return odds * p / (1.0 - p + odds * p)


def _afresh(state: DecideState, incident: str) -> None:
    """What was answered before is no answer any more: whatever comes now is news."""
    last = state.considered.get(incident)
    if last is not None:
        state.considered[incident] = msgspec.structs.replace(last, suspects=(), zones=(), actions=(), mode="released")
