"""Volume: bytes carried out, calls, records and tokens an hour, against the hours of the past. Exfiltration and agents gone astray.

A detector of `network.flow` and `api.call`, run by `detect.stream`. One tally an hour for each measure and destination class.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, is_address, is_external, name_of
from interferon.detect.stream_memory import Novelty, Tally, add, is_new, learn_key, tail_of_count, tail_of_hour
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_volume"
FAMILY: Final = "activity"
KINDS: Final = ("network.flow", "api.call")
TECHNIQUES: Final = ("T1048", "T1567")  # exfiltration over another protocol, to a web service

WARM: Final = 8  # hours with traffic before a level means something
LEAST: Final = {"bytes": 1e6, "calls": 20.0, "records": 100.0, "tokens": 5000.0}  # an hour below this harms nobody
TALLIES: Final = 256  # destinations with a level of their own
FIRST_LOAD: Final = 20e6  # bytes in one conversation to an outside place never sent anything before


@dataclass
class Memory:
    tallies: dict[str, Tally] = field(default_factory=dict)  # `measure|where` → tally
    outside: Novelty = field(default_factory=Novelty)  # (external destination,)
    tools: Novelty = field(default_factory=Novelty)  # (actor, endpoint, method)


def memory() -> Memory:
    return Memory()


def _measures(event: Event) -> list[tuple[str, str, float]]:
    """(measure, where, amount) of an event; nothing for a flow that the entity only receives."""
    if event.kind == "network.flow":
        if event.entity == event.target or event.bytes <= 0:
            return []
        where = "outside" if is_external(event.target) else "stranger" if is_address(event.target) else "inside"
        found = [("bytes", where, float(event.bytes))]
        return found if where == "outside" else [*found, ("bytes", f"to {event.target}", float(event.bytes))]
    amounts = (("calls", 1.0), ("records", event.number("records")), ("tokens", event.number("tokens")), ("bytes", float(event.bytes)))
    who = event.actor or event.entity
    return [(measure, f"by {who} at {event.object}", amount) for measure, amount in amounts if amount is not None and amount > 0]


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    found = [anomaly for measure in _measures(event) if (anomaly := _hour(memory, event, measure)) is not None]
    found.sort(key=lambda anomaly: (anomaly.p, anomaly.key))
    first = _first_load(memory, event, ctx) or _new_tool(memory, event, ctx)
    return [*found[:1], *([first] if first is not None else [])]


def _hour(memory: Memory, event: Event, measure: tuple[str, str, float]) -> Anomaly | None:
    name, where, amount = measure
    tally = memory.tallies.get(f"{name}|{where}")
    if tally is None or tally.level.n < WARM:
        return None
    total = amount + (tally.total if event.time // HOUR == tally.hour else 0.0)
    if total < LEAST[name] or total <= tally.level.high:
        return None
    # besides the fitted tail: the next of n hours is a record with chance 1/(n+1), and how far beyond follows a Pareto tail of index 2
    record = 24 / (tally.level.n + 1) * (tally.level.high / total) ** 2
    p = max(tail_of_hour(tally, event.time, amount), min(1.0, record * 1e-2))
    facts = {"measure": name, "where": where, "total": f"{total:.3g}", "high": f"{tally.level.high:.3g}"}
    related = (event.target, event.source, event.actor)
    techniques = ("T1048", "T1567") if name == "bytes" else ("T1530", "T1213")
    return Anomaly(
        kind=f"volume.{name}", key=f"{name}|{where}", p=p, parts={name: 1.0}, facts=facts, related=related, techniques=techniques
    )


def _first_load(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    """A large load to an outside place that never got anything from here."""
    if event.kind != "network.flow" or event.bytes < FIRST_LOAD or not is_external(event.target) or event.entity == event.target:
        return None
    if not is_new(memory.outside, (event.target,)):
        return None
    rate = {"ot": 0.0002, "console": 0.0005, "server": 0.002, "client": 0.02}.get(ctx.group(ctx.entity), 0.005)
    p = tail_of_count(1, rate, memory.outside.news.get("load", 0.0), ctx.days) * min(1.0, (FIRST_LOAD / event.bytes) ** 0.5)
    facts = {"measure": "bytes", "where": event.target, "total": f"{event.bytes:.3g}", "high": "0"}
    return Anomaly(
        kind="volume.first_load",
        key=f"load|{event.target}",
        p=p,
        parts={"target": 1.0, "bytes": 1.0},
        facts=facts,
        related=(event.target, event.actor),
    )


def _new_tool(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    """An actor calls an endpoint or tool it never called; agents are held to a narrower habit than people."""
    if event.kind != "api.call" or not memory.tools.known or not is_new(memory.tools, (event.actor, event.object, event.code)):
        return None
    rate = 0.01 if ctx.group(ctx.entity) == "agent" or "agent" in event.actor else 0.05
    changes = event.code.upper() in {"POST", "PUT", "PATCH", "DELETE", "WRITE", "EXECUTE"}
    p = tail_of_count(1, rate * (0.3 if changes else 1.0), memory.tools.news.get("tool", 0.0), ctx.days)
    facts = {"measure": "tool", "where": f"{event.code} {event.object}".strip(), "who": event.actor, "days": f"{ctx.age / DAY:.0f}"}
    parts = {"object": 1.0} | ({"code": 1.0} if changes else {})
    related = (event.target, event.source, event.actor)
    return Anomaly(kind="api.first_seen", key=f"tool|{event.object}|{event.code}", p=p, parts=parts, facts=facts, related=related)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    for name, where, amount in _measures(event):
        key = f"{name}|{where}"
        if key in memory.tallies or len(memory.tallies) < TALLIES:
            add(memory.tallies.setdefault(key, Tally()), event.time, amount, strange=strange)
    if event.kind == "network.flow" and is_external(event.target) and event.bytes > 0:
        heavy = "load" if ctx.counting and event.bytes >= FIRST_LOAD else ""
        learn_key(memory.outside, (event.target,), event.time, strange=strange, counted=heavy)
    if event.kind == "api.call":
        counted = "tool" if ctx.counting else ""
        learn_key(memory.tools, (event.actor, event.object, event.code), event.time, strange=strange, counted=counted)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    if anomaly.kind == "api.first_seen":
        return f"{name_of(facts['who']) or entity} called {facts['where']} for the first time in {facts['days']} days"
    if anomaly.kind == "volume.first_load":
        return f"{entity} sent {facts['total']} bytes to {name_of(facts['where'])}, which it never sent anything before"
    return f"{entity}: {facts['total']} {facts['measure']} {facts['where']} within the hour, the most so far was {facts['high']}"


def _upload(hour: float, size: int) -> Event:
    head = (int(hour * HOUR), "flows", int(hour * 60), "asset:mes-1", FAMILY, "network.flow", "asset:mes-1", "198.51.100.7", "")
    return Event(*head, "https/443", "", "success", size)


QUIET: Final = [_upload(hour, 400_000 + 10_000 * (hour % 7)) for hour in range(96)]
LOUD: Final = [*QUIET, _upload(96, 900_000_000)]
