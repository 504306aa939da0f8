"""First-seen conversations: who talks to whom, over what, in which direction; and fan-out, many new peers in a short time.

A detector of `network.flow`, run by `detect.stream`. Keeps, for each entity, the peers and services it is known to use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, is_address, is_external, name_of
from interferon.detect.stream_memory import Novelty, is_new, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context, Habit, group_of

NAME: Final = "activity_conversations"
FAMILY: Final = "activity"
KINDS: Final = ("network.flow",)
TECHNIQUES: Final = ("T1021", "T0886")  # remote services, enterprise and ICS

SERVICES: Final = {  # class → port or protocol name (IANA; Claroty and CISA port lists agree on the OT ones)
    "admin": "22 23 135 139 445 512 513 514 1433 3389 4899 5800 5900 5985 5986 smb cifs rdp ssh telnet winrm vnc wmi psexec rpc dcom rsh",
    "ot": "102 502 789 1089 1091 1911 1962 2222 2404 4840 4911 5007 5094 9600 18245 20000 20547 34962 34964 44818 47808 "
    "modbus s7 s7comm enip cip dnp3 opcua opc profinet iec104 bacnet ethernetip fins melsec hart ads",
    "infra": "53 67 68 88 123 161 162 389 636 dns dhcp ntp snmp kerberos ldap ldaps syslog",
    "web": "80 443 8080 8443 http https mqtt 1883 8883 amqp 5671 5672",
}
RATES: Final = {  # new conversations a day of an entity of this group that has settled: the prior, worth five days of observation
    "ot": 0.002,
    "console": 0.01,
    "gateway": 0.05,
    "server": 0.03,
    "client": 0.3,
    "agent": 0.05,
    "": 0.05,
}
SHARE: Final = {"admin": 0.08, "ot": 0.05, "infra": 0.2, "web": 0.5, "other": 0.17}  # of new conversations that are of this class
OUTSIDE: Final = {"ot": 0.02, "console": 0.1, "gateway": 0.5, "server": 0.2, "client": 0.8, "agent": 0.3, "": 0.3}
STRANGER: Final = 0.15  # a private address that no table knows
BOTH_NEW: Final = 0.3  # given a new peer, the service is new to the entity as well
ORDINARY: Final = {"web", "infra"}  # what any machine may begin to use
JOINED: Final = 0.05  # a day, that an entity takes up what all of its peers have long done
TURNED: Final = 0.2  # given a new conversation, its direction is one the entity never took in this class


@dataclass
class Memory:
    pairs: Novelty = field(default_factory=Novelty)  # (direction, peer, service)
    services: Novelty = field(default_factory=Novelty)  # (direction, service)
    fresh: list[tuple[int, str]] = field(default_factory=list)  # (time, peer) of new conversations in the last hour


def memory() -> Memory:
    return Memory()


@lru_cache(maxsize=16_384)
def service_class(service: str) -> str:
    """`tcp/445`, `smb/445`, `445` or `smb` → admin | ot | infra | web | other."""
    words = set(service.lower().replace(":", "/").replace("-", "/").split("/"))
    return next((group for group, names in SERVICES.items() if words & set(names.split())), "other")


def _view(event: Event) -> tuple[str, str, str]:
    """Direction as seen from the entity, the other end, the service."""
    if event.entity == event.target:
        return "in", event.source, event.object
    peer = event.target if event.entity == event.source or not event.source else f"{event.source}→{event.target}"
    return "out", peer, event.object


def _rate(ctx: Context, event: Event, direction: str) -> tuple[str, float]:
    """Class of a new conversation and how many of that class an entity like this begins in a day."""
    group = ctx.group(ctx.entity)
    kind = service_class(event.object)
    rate = RATES.get(group, RATES[""]) * SHARE[kind]
    other = event.source if direction == "in" else event.target
    if is_external(other):
        outward = OUTSIDE.get(group, OUTSIDE[""]) if direction == "out" else 0.05
        return f"{direction}.external.{kind}", rate * outward
    if is_address(other):
        return f"{direction}.stranger.{kind}", rate * STRANGER
    return f"{direction}.{kind}", rate


def habits(event: Event, peers: Mapping[str, str]) -> list[Habit]:
    """What peers may share: with which kind of thing over which service; with whom, where the other end is outside."""
    direction, peer, service = _view(event)
    return [(direction, peer if is_external(peer) or is_address(peer) else group_of(peers, peer), service)] if peer else []


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    direction, peer, service = _view(event)
    if not peer or not is_new(memory.pairs, (direction, peer, service)):
        return []
    kind, rate = _rate(ctx, event, direction)
    shared = max(ctx.peers_with(NAME, habit) for habit in habits(event, ctx.peers))
    parts = {"peer": 1.0} if all(known[:2] != (direction, peer) for known in memory.pairs.known) else {}
    odds = 1.0
    if is_new(memory.services, (direction, service)):
        ordinary = service_class(service) in ORDINARY
        odds *= 0.7 if ordinary else BOTH_NEW
        parts["service"] = 1.2
        if all((known[0], service_class(known[1])) != (direction, service_class(service)) for known in memory.services.known):
            odds *= 1.0 if ordinary else TURNED
            parts["direction"] = 1.6
    parts["outside" if ".external." in kind or ".stranger." in kind else service_class(service)] = 1.0
    p = min(1.0, odds * tail_of_count(1, rate, memory.pairs.news.get(kind, 0.0), ctx.days) + JOINED * shared)
    facts = {"direction": direction, "peer": peer, "service": service, "days": f"{ctx.age / DAY:.0f}"}
    facts |= {"shared": f"{shared:.0%}" if shared else ""}
    guarded = service_class(service) not in ORDINARY or ctx.group(ctx.entity) in ("ot", "console")
    outside = "conversation.from_outside" if ".external." in kind and guarded else "conversation.from_new_peer"
    first = Anomaly(
        kind="conversation.first_seen" if direction == "out" else outside,
        key=f"{direction}|{peer}|{service}",
        p=p,
        parts=parts,
        facts=facts,
        related=(event.source, event.target, event.actor),
        techniques=_techniques(kind, direction),
    )
    return [first, *_fan_out(memory, event, ctx, peer)]


def _fan_out(memory: Memory, event: Event, ctx: Context, peer: str) -> list[Anomaly]:
    """Many different new peers within an hour: discovery, or something that spreads."""
    recent = {known for time, known in memory.fresh if event.time - time < HOUR} | {peer}
    if len(recent) < 4 or event.entity == event.target:
        return []
    rate = RATES.get(ctx.group(ctx.entity), RATES[""])
    p = min(1.0, 24 * tail_of_count(len(recent), rate, sum(memory.pairs.news.values()), ctx.days, window=1 / 24))
    related = (event.target, *sorted(recent)[:8])
    facts = {"count": str(len(recent))}
    return [
        Anomaly(
            kind="conversation.fan_out", key="fan", p=p, parts={"peers": 1.0}, facts=facts, related=related, techniques=("T1018", "T0846")
        )
    ]


def _techniques(kind: str, direction: str) -> tuple[str, ...]:
    if ".external." in kind:
        return ("T1071", "T0869") if direction == "out" else ("T1133", "T0822")
    return ("T1021", "T0886") if kind.endswith("admin") else ("T0885",) if kind.endswith("ot") else ("T1046",)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    direction, peer, service = _view(event)
    if not peer:
        return
    key = (direction, peer, service)
    if is_new(memory.pairs, key):
        memory.fresh = [(time, known) for time, known in memory.fresh if event.time - time < HOUR][-63:]
        memory.fresh.append((event.time, peer))
    counted = _rate(ctx, event, direction)[0] if ctx.counting and is_new(memory.pairs, key) else ""
    learn_key(memory.pairs, key, event.time, strange=strange, counted=counted)
    learn_key(memory.services, (direction, service), event.time, strange=strange)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    entity = name_of(ctx.entity)
    if anomaly.kind == "conversation.fan_out":
        return f"{entity} opened conversations with {facts['count']} new peers within an hour"
    ends = (name_of(facts["peer"]), entity) if facts["direction"] == "in" else (entity, name_of(facts["peer"]))
    others = f", as {facts['shared']} of its peers do" if facts["shared"] else ""
    return f"{ends[0]} opened {facts['service']} to {ends[1]} for the first time in {facts['days']} days{others}"


def _flow(day: float, target: str, service: str) -> Event:
    return Event(
        int(day * DAY), "flows", int(day * 1000), "asset:wms-1", FAMILY, "network.flow", "asset:wms-1", target, object=service, bytes=900
    )


QUIET: Final = [_flow(hour / 24, "asset:erp-1", "https/443") for hour in range(96)]
LOUD: Final = [*QUIET, _flow(4.1, "asset:wms-2", "smb/445")]
