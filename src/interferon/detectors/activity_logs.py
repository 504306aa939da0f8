"""Logs and feeds: cleared, stopped, fallen silent, with gaps, new fields, another clock or sender. A detector of `log.status`.

Run by `detect.stream`, which also asks it once a frame. Silence is judged against the gaps between the heartbeats of the same feed.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, MINUTE, Event, name_of
from interferon.detect.stream_memory import tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_logs"
FAMILY: Final = "activity"
KINDS: Final = ("log.status",)
TECHNIQUES: Final = ("T1562", "T1070", "T1565")  # impair defences, indicator removal, data manipulation

RATES: Final = {  # a day and entity: the prior
    "cleared": 0.0003,
    "stopped": 0.004,
    "source": 0.001,  # another sender of the same feed
    "skew": 0.003,  # its clock moved
    "schema": 0.004,  # fields that it never had
    "gap": 0.004,  # numbers missing in a feed that misses none
}
SAYS: Final = {
    "source": "{name} now comes from {object}",
    "skew": "The clock of {name} has moved",
    "schema": "{name} has fields that it never had: {object}",
    "gap": "{name} misses events that its numbers count",
}
BEATS: Final = 12  # gaps before silence means something


@dataclass
class Memory:
    last: int = 0
    gaps: float = 0.0  # number
    mean: float = 0.0  # microseconds
    longest: float = 0.0
    seen: dict[str, float] = field(default_factory=dict)  # code → events that were counted
    stopped: bool = False
    missed: float = 0.0  # silences that were told of: a feed that often falls silent is believed less


def memory() -> Memory:
    return Memory()


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    code = event.code.lower()
    if code not in RATES:
        return []
    p = tail_of_count(1, RATES[code], memory.seen.get(code, 0.0), ctx.days)
    if event.actor and code == "stopped":
        p *= 0.5
    facts = {"code": code, "actor": event.actor, "object": event.object}
    related = (event.source, event.actor)
    techniques = ("T1070",) if code == "cleared" else ("T1562", "T0878") if code == "stopped" else ("T1565",)
    strong = code == "cleared" and not ctx.declared
    p = min(p, 1e-4) if strong and not memory.seen.get("cleared") else p
    parts = {"code": 2.0, "actor": 1.0} if event.actor else {"code": 1.0}
    return [Anomaly(kind=f"log.{code}", key=code, p=p, parts=parts, facts=facts, related=related, techniques=techniques, absolute=strong)]


def sweep(memory: Memory, ctx: Context) -> list[Anomaly]:
    """Silence: no heartbeat for far longer than the gaps so far. Pareto beyond the longest gap, index 4: outages have heavy tails."""
    if memory.gaps < BEATS or memory.stopped:
        return []
    usual = max(memory.longest, 2 * memory.mean, MINUTE)
    silent = ctx.time - memory.last
    if silent < 3 * usual:
        return []
    p = min(1.0, max(DAY / max(memory.mean, MINUTE) / memory.gaps, 0.05) * (usual / silent) ** 4)
    p = max(min(p, 0.02), tail_of_count(1, 0.0002, memory.missed, ctx.days))
    facts = {"code": "silent", "minutes": f"{silent / MINUTE:.0f}", "usual": f"{memory.mean / MINUTE:.1f}", "actor": "", "object": ""}
    parts = {"heartbeat": 1.0}
    return [Anomaly(kind="log.silent", key="silent", p=p, parts=parts, facts=facts, techniques=("T1562", "T0815"), time=ctx.time)]


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    code = event.code.lower()
    if ctx.counting and code in RATES:
        memory.seen[code] = memory.seen.get(code, 0.0) + (0.5 if strange else 1.0)
    gap = event.time - memory.last
    if code == "heartbeat" and memory.last and not memory.stopped and gap > 0:
        usual = max(memory.longest, 2 * memory.mean, MINUTE)
        if memory.gaps >= BEATS and gap >= 3 * usual:
            memory.missed += 1.0
        else:
            memory.gaps = min(memory.gaps + 1, 1000.0)
            memory.mean += (gap - memory.mean) / memory.gaps
            memory.longest = max(memory.longest * 0.999, float(gap))
    memory.stopped = code == "stopped"
    memory.last = event.time


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    if facts["code"] == "silent":
        return f"The log of {entity} has been silent for {facts['minutes']} minutes; it usually speaks every {facts['usual']}"
    if facts["code"] in SAYS:
        return SAYS[facts["code"]].format(name=entity, object=facts["object"])
    by = f" by {name_of(facts['actor'])}" if facts["actor"] else ""
    return f"The {facts['object'] or 'log'} of {entity} was {facts['code']}{by}"


def _status(hour: float, code: str, actor: str = "") -> Event:
    return Event(int(hour * HOUR), "syslog", int(hour * 60), "asset:srv-3", FAMILY, "log.status", actor=actor, code=code)


QUIET: Final = [_status(step / 4, "heartbeat") for step in range(300)]
LOUD: Final = [*QUIET, _status(75.5, "cleared", "identity:temp")]
