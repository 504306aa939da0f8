"""Puts a priced option to the policy, and holds it to the budgets: how strongly may it be carried out? Called by `plan`. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, Literal

from interferon.decide.options import Act, takes_safety
from interferon.decide.price import Priced
from interferon.decide.restrictions import allowed, approvals, refusals
from interferon.decide.settings import CLASSES, HOUR_US
from interferon.decide.situation import Ask, Situation
from interferon.model.action_class import writes_controller
from interferon.model.network import Network
from interferon.model.records import Incident, Mode

SYSTEM: Final = "interferon"
STRENGTH: Final[dict[str, int]] = {
    "execute_auto": 5,
    "execute_unless_vetoed": 4,
    "execute_approved": 3,
    "execute_approved_by_two": 2,
    "suggest": 1,
    "denied": 0,
}
Allowed = Mode | Literal["denied"]


@dataclass(frozen=True)
class Permit:
    """Strongest mode for the whole option, and the ids of the policies and budgets that decided, or what the tables say against it."""

    mode: Allowed
    reasons: tuple[str, ...]
    held: bool = False  # the tables forbid it now; what is left of time or state may change that


def permit(priced: Priced, incident: Incident, network: Network, situation: Situation, ask: Ask, now: int) -> Permit:
    """Every action is asked for; the weakest answer holds for all. Beyond a budget nothing is done without a person.

    What the tables forbid here and now is not even asked for, by whomever it would be approved.
    """
    if not priced.option.actions:
        return Permit("execute_auto", ())
    if against := forbidden(priced.option.actions, network, situation, now):
        return Permit("denied", against, held=True)
    mode: Allowed = "execute_auto"
    reasons: dict[str, None] = {}
    shared = stakes(priced, incident, situation, now)
    for action, target in priced.option.actions:
        where = place(network, action, target)
        earned = min(situation.earned_level, situation.earned.get((action, str(where["zone"])), situation.earned_level))
        aim = {
            "p_target": int(suspicion(incident, network, target) * 1000),
            "earned_level": earned,
            "watched": target in situation.watched,
            "window_allows": allowed(network, (action, target), now),
        }
        answer = ask(SYSTEM, action, target_type(network, target), network.host_of(target), {**shared, **where, **aim})
        reasons.update(dict.fromkeys(answer.reasons))
        if STRENGTH[answer.mode] < STRENGTH[mode]:
            mode = answer.mode
    spent = (*over_budget(priced, situation), *_announced(priced.option.actions, network, now))
    if spent and STRENGTH[mode] > STRENGTH["execute_approved"]:
        mode = "execute_approved"
    return Permit(mode, (*reasons, *spent))


def forbidden(actions: Sequence[Act], network: Network, situation: Situation, now: int) -> tuple[str, ...]:
    """What the tables say against these actions, done together, and what must come first; each line once."""
    found: dict[str, None] = {}
    for act in actions:
        if act[0] == "kill_process" and act[1] not in situation.frozen:
            found[f"{act[1]} was not seen to stand still: a process is frozen and looked at before it is ended"] = None
        others = [*situation.in_force, *(other for other in actions if other != act)]
        found.update(dict.fromkeys(refusals(network, act, situation.readings, others, now)))
    return tuple(found)


def _announced(actions: Sequence[Act], network: Network, now: int) -> tuple[str, ...]:
    """Maintenance windows that ask for a person's approval of one of the actions."""
    return tuple(dict.fromkeys(line for act in actions for line in approvals(network, act, now)))


def stakes(priced: Priced, incident: Incident, situation: Situation, now: int) -> dict[str, Any]:
    """What the policy is told about the whole option; whole numbers only, probabilities per mille, costs rounded up."""
    spread = priced.orders_late_high - priced.orders_late_low
    certain = 1.0 - spread / (priced.orders_late_high + 1.0)
    return {
        "declared": bool(incident.declared),
        "mode": "observe" if situation.observing else "active",
        "p_attack": int(incident.p_attack * 1000),
        "severity": int(incident.severity * 1000),
        "confidence": int(certain * 1000),
        "actions": len(priced.option.actions),
        "assets": priced.assets,
        "orders_late": ceil(priced.orders_late),
        "orders_late_high": ceil(priced.orders_late_high),
        "cost": ceil(priced.cost),
        "risk": ceil(priced.risk),
        "hour": now // HOUR_US % 24,
        "families": sorted(incident.families),
        "techniques": sorted(incident.techniques),
        **({"asked_by": situation.asked_by} if situation.asked_by else {}),
    }


def suspicion(incident: Incident, network: Network, target: str) -> float:
    """Probability that a target takes part in the attack; for a zone or conduit, the greatest of the suspects in its zones."""
    suspects = dict(incident.suspects)
    kind, _, name = target.partition(":")
    if kind not in ("zone", "conduit"):
        return suspects.get(target, 0.0)
    conduit = network.conduits.get(name) if kind == "conduit" else None
    zones = {conduit.from_zone, conduit.to_zone} if conduit else {name}
    return max((p for ref, p in suspects.items() if ref == target or network.zone_of(ref) in zones), default=0.0)


def place(network: Network, action: str, target: str) -> Mapping[str, Any]:
    """What the policy is told about one action and its target. Of an action that has no class here the worst is told."""
    known = CLASSES.get(action)
    kind, _, name = target.partition(":")
    where = network.machine_of(action, target)
    zone_id = network.conduits[name].from_zone if kind == "conduit" and name in network.conduits else network.zone_of(where)
    zone = network.zones.get(zone_id)
    return {
        "safety": takes_safety(network, action, target),
        "controller_write": known is None or writes_controller(known, target_type(network, target)),
        "reversible": known is not None and known.kind == "reversible",
        "irreversible": known is None or known.kind == "irreversible",
        "purdue": int(zone.purdue * 10) if zone else 50,
        "criticality": zone.criticality if zone else 1,
        "zone": zone_id,
        "site": zone.site if zone else "",
    }


def target_type(network: Network, target: str) -> str:
    """The type of the asset, or of the one that a process runs on, else the kind of reference."""
    return network.class_of(target)


def over_budget(priced: Priced, situation: Situation) -> tuple[str, ...]:
    """Names of the budgets that the option would pass."""
    asked = (
        ("budget.actions_per_hour", len(priced.option.actions), situation.actions_left),
        ("budget.isolated_assets", priced.assets, situation.assets_left),
        ("budget.orders_late_per_day", ceil(priced.orders_late_high), situation.orders_left),
    )
    return tuple(name for name, wanted, left in asked if wanted and wanted > left)
