"""Changes of configuration and firmware: no ticket, an unknown hand, a setting that never changes, unsigned or foreign firmware.

A detector of `config.change` and `firmware.change`, run by `detect.stream`.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, Event, name_of
from interferon.detect.stream_memory import Novelty, is_new, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_changes"
FAMILY: Final = "activity"
KINDS: Final = ("config.change", "firmware.change")
TECHNIQUES: Final = ("T0836", "T1562")  # modify parameter, impair defences

FALSE: Final = {"false", "no", "0", "invalid", "unsigned"}
TRUE: Final = {"true", "yes", "1", "valid", "signed"}
PROTECTION: Final = ("firewall", "audit", "log", "antivirus", "edr", "mfa", "password", "alarm", "safety", "interlock", "protect", "backup")
RATES: Final = {"config": 0.02, "firmware": 0.004}  # undeclared changes a day of a settled entity: the prior


@dataclass
class Memory:
    actors: Novelty = field(default_factory=Novelty)  # (event kind, actor)
    items: Novelty = field(default_factory=Novelty)  # (setting,)
    vendors: Novelty = field(default_factory=Novelty)  # (vendor,)
    bare: dict[str, float] = field(default_factory=dict)  # kind of change → changes without a ticket that were counted
    ticketed: float = 0.0


def memory() -> Memory:
    return Memory()


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    what = "firmware" if event.kind == "firmware.change" else "config"
    ticket = event.text("ticket")
    # a ticket that no order of this entity backs may still be one for its zone: correlation, which sees all, decides
    parts: dict[str, float] = {}
    p = tail_of_count(1, RATES[what], memory.bare.get(what, 0.0), ctx.days)
    if ticket and ticket in ctx.orders:
        return []
    if ticket:
        parts["ticket"] = 1.0
        p = min(1.0, p * 5)  # someone did at least write a number; often the order is kept elsewhere
    else:
        parts["no ticket"] = 2.0
    absolute = what == "firmware" and event.text("signed").lower() in FALSE
    odds = _odds(memory, event, what, parts)
    facts = {"what": what, "target": event.target or ctx.entity, "actor": event.actor, "object": event.object, "ticket": ticket}
    facts |= {"unsigned": "unsigned " if absolute else "", "unknown": "yes" if "actor" in parts else "", "days": f"{ctx.age / DAY:.0f}"}
    facts |= {"before": event.text("before"), "after": event.text("after")}
    related = (event.source, event.actor, event.target)
    techniques = ("T0857", "T0839") if what == "firmware" else TECHNIQUES
    kind = f"{what}.unsigned" if absolute else f"{what}.undeclared"
    return [
        Anomaly(
            kind=kind,
            key=f"{what}|{event.object}",
            p=max(p * odds, 1e-9),
            parts=parts,
            facts=facts,
            related=related,
            techniques=techniques,
            absolute=absolute,
        )
    ]


def _odds(memory: Memory, event: Event, what: str, parts: dict[str, float]) -> float:
    """Chance of the further oddities of an undeclared change, each noted in `parts`."""
    odds = 1.0
    if is_new(memory.actors, (what, event.actor)):
        odds *= 0.3
        parts["actor"] = 1.5
    if what == "config":
        if is_new(memory.items, (event.object,)):
            odds *= 0.5
            parts["setting"] = 1.0
        if any(word in event.object.lower() for word in PROTECTION):
            odds *= 0.2
            parts["protection"] = 2.0
        return odds
    vendor = event.text("vendor")
    if vendor and memory.vendors.known and is_new(memory.vendors, (vendor,)):
        odds *= 0.1
        parts["vendor"] = 2.0
    signed = event.text("signed").lower()
    if signed in FALSE:
        odds *= 0.005
        parts["signed"] = 5.0
    elif signed in TRUE:
        odds *= 3.0
    return odds


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    what = "firmware" if event.kind == "firmware.change" else "config"
    learn_key(memory.actors, (what, event.actor), event.time, strange=strange)
    if what == "config":
        learn_key(memory.items, (event.object,), event.time, strange=strange)
    elif event.text("vendor"):
        learn_key(memory.vendors, (event.text("vendor"),), event.time, strange=strange)
    if ctx.counting and not event.text("ticket"):
        memory.bare[what] = memory.bare.get(what, 0.0) + (0.5 if strange else 1.0)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    hand = (name_of(facts["actor"]) or "someone") + (" (never seen changing it before)" if facts["unknown"] else "")
    paper = f"with ticket {facts['ticket']} that no work order backs" if facts["ticket"] else "without a ticket"
    target = name_of(facts["target"])
    if facts["what"] == "firmware":
        return f"{hand} loaded {facts['unsigned']}firmware {facts['object']} on {target} {paper}"
    change = f" from {facts['before']} to {facts['after']}" if facts["before"] and facts["after"] else ""
    return f"{hand} changed {facts['object']} of {target}{change} {paper}"


def _change(day: float, kind: str, actor: str, what: str, **attributes: object) -> Event:
    head = (int(day * DAY), "cm", int(day * 100), "asset:plc-3", FAMILY, kind, "", "asset:plc-3", actor)
    return Event(*head, what, attributes=dict(attributes))


def _opened(day: int) -> Event:
    head = (
        int((day + 0.3) * DAY),
        "cmms",
        day,
        "asset:plc-3",
        FAMILY,
        "work.order",
        "",
        "asset:plc-3",
        "identity:otto",
        "maintenance",
        "opened",
    )
    return Event(*head, attributes={"ticket": f"W-{day}", "approved_by": "eva"})


QUIET: Final = [
    event
    for day in range(6)
    for event in (_opened(day), _change(day + 0.35, "config.change", "identity:ines", "scan_rate", ticket=f"W-{day}"))
]
LOUD: Final = [*QUIET, _change(7, "firmware.change", "identity:temp", "9.9", signed=False, vendor="unknown")]
