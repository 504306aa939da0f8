"""What becomes of a containment: renewed or handed to a person when its time is up, taken back when the case is over. Pure.

Called by the pipeline at each tick. Nothing is re-admitted because time passed: only a verdict, or quiet that was looked for, opens again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from interferon.decide.options import Act
from interferon.decide.settings import HOUR_US
from interferon.decide.situation import DecideState
from interferon.model.records import Incident, Undo


class ReleaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a contained thing may come back. Hours of the network's own time."""

    contained_h: float = 12.0  # it is contained at least this long: time to find, clean and restore it
    clean_h: float = 6.0  # … and nothing that speaks for an attack was found on it for this long
    most_renewals: int = 6  # after so many a person has to look
    inspects: bool = False  # an effector is asked what it sees of configurations and backups
    unverified: str = "return"  # or `hold`: what becomes of a thing whose configuration or backup nobody can see


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """One effect in force: its id, what it does, since when (microseconds), and the plan it belongs to."""

    effect: str
    plan: str
    act: Act
    since: int


@dataclass(frozen=True)
class Renewal:
    """What happens to effects whose time to live is over: in force for another one, or in force and a person must look."""

    plan: str
    effects: tuple[str, ...]
    answer: Literal["renew", "escalate"]
    reason: str


def renew(state: DecideState, incident: Incident, due: Sequence[InForce], rules: ReleaseSettings) -> list[Renewal]:
    """Decides again, on the evidence of this moment, about effects past their time to live; one answer for each plan."""
    found = []
    for plan in sorted({one.plan for one in due}):
        effects = tuple(sorted(one.effect for one in due if one.plan == plan))
        for effect in effects:
            state.renewals[effect] = state.renewals.get(effect, 0) + 1
        times = max(state.renewals[effect] for effect in effects)
        if times > rules.most_renewals:
            found.append(Renewal(plan, effects, "escalate", f"renewed {rules.most_renewals} times; a person has to look"))
        elif incident.p_attack < state.settings.p_suggest:
            found.append(
                Renewal(plan, effects, "escalate", f"p(attack) is down to {incident.p_attack:.2f}; a person decides whether to release")
            )
        else:
            found.append(Renewal(plan, effects, "renew", f"p(attack) is still {incident.p_attack:.2f}"))
    return found


def release(
    incident: Incident, in_force: Sequence[InForce], verdict: str, last_seen: Mapping[str, int], now: int, rules: ReleaseSettings
) -> list[Undo]:
    """What of this incident's containments is taken back now; one `Undo` for each plan.

    `verdict`: the last one people gave, or ''. `last_seen`: reference → time of the last finding on it that spoke for an attack (echoes of
    our own containment left out). Benign: all of it, at once. Otherwise each effect that stood long enough and whose target is clean,
    and only when nothing else of the incident is still active.
    """
    if verdict == "benign":
        return _undo(incident, in_force, "judged benign", now)
    if incident.status == "open":
        return []
    newest = max(last_seen.values(), default=0)
    if now - newest < rules.clean_h * HOUR_US:
        return []
    rested = [one for one in in_force if now - one.since >= rules.contained_h * HOUR_US]
    return _undo(incident, rested, f"contained for {rules.contained_h:g} h and clean for {rules.clean_h:g} h", now)


def _undo(incident: Incident, effects: Sequence[InForce], reason: str, now: int) -> list[Undo]:
    plans = sorted({one.plan for one in effects})
    return [
        Undo(
            time=now,
            plan=plan,
            incident=incident.id,
            effects=tuple(sorted(one.effect for one in effects if one.plan == plan)),
            reason=reason,
        )
        for plan in plans
    ]
