"""AI agents: tools in an order never taken, data of a kind never asked for, another model, calls that are refused, one call far too large.

A detector of `api.call` by agents (by the tables, by name, or because tokens are counted), run by `detect.stream`. What an agent uses in
an hour, and a tool never called before, is `activity_volume`'s.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, name_of
from interferon.detect.stream_memory import SETTLE, Level, Novelty, is_new, learn_key, learn_level, tail_of_count, tail_of_level
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_agents"
FAMILY: Final = "activity"
KINDS: Final = ("api.call",)
TECHNIQUES: Final = ("T1059", "T1213")  # command and scripting interpreter, data from information repositories

RATES: Final = {
    "scope": 0.005,
    "model": 0.005,
    "turn": 0.2,
    "refused": 0.3,
}  # first-seen scopes, models, tool orders; refusals, a day: the prior
SESSION: Final = HOUR  # a pause this long ends a task
FEW: Final = 3  # new orders, or refusals, within an hour before they are told of
WARM: Final = 30  # calls of one tool before the size of a call means something
TOOLS: Final = 256  # tools with a level of their own, actors with a last tool


@dataclass
class Memory:
    last: dict[str, tuple[int, str]] = field(default_factory=dict)  # actor → (time, tool) of its last call
    turns: Novelty = field(default_factory=Novelty)  # (actor, tool, next tool)
    turned: list[int] = field(default_factory=list)  # times of new orders within the last hour
    things: Novelty = field(default_factory=Novelty)  # (scope or model, actor, value)
    refused: list[int] = field(default_factory=list)  # times within the last hour
    refusals: float = 0.0  # counted in all
    tokens: dict[str, Level] = field(default_factory=dict)  # tool → tokens a call
    calls: float = 0.0


def memory() -> Memory:
    return Memory()


def _agent(event: Event, ctx: Context) -> bool:
    return ctx.group(ctx.entity) == "agent" or "agent" in event.actor.lower() or event.number("tokens") is not None


def _things(event: Event) -> list[tuple[str, str, str]]:
    return [(name, event.actor, event.text(name)[:120]) for name in ("scope", "model") if event.text(name)]


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    if not _agent(event, ctx):
        return []
    facts = {"actor": event.actor or ctx.entity, "tool": event.object, "days": f"{ctx.age / DAY:.0f}"}
    related = (event.target, event.source, event.actor)
    found = [_thing(memory, ctx, thing, facts, related) for thing in _things(event)]
    found += [
        _turn(memory, event, ctx, facts, related),
        _refusal(memory, event, ctx, facts, related),
        _size(memory, event, ctx, facts, related),
    ]
    return [anomaly for anomaly in found if anomaly is not None]


def _thing(memory: Memory, ctx: Context, thing: tuple[str, str, str], facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """A kind of data, or a model, that this agent never had to do with; silent while it has shown none at all."""
    name, actor, value = thing
    if not is_new(memory.things, thing) or all(known[:2] != (name, actor) for known in memory.things.known):
        return None
    p = tail_of_count(1, RATES[name], memory.things.news.get(name, 0.0), ctx.days, strength=SETTLE)
    told = {**facts, "value": value}
    techniques = ("T1213", "T1530") if name == "scope" else ("T1195",)
    key = f"{name}|{actor}|{value}"
    return Anomaly(kind=f"agent.{name}", key=key, p=p, parts={name: 1.0}, facts=told, related=related, techniques=techniques)


def _before(memory: Memory, event: Event) -> str:
    time, tool = memory.last.get(event.actor, (0, ""))
    return tool if tool and event.time - time < SESSION else ""


def _turn(memory: Memory, event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """Tools one after another as never before, several times within an hour: a task that is not the agent's own."""
    before = _before(memory, event)
    if not before or not is_new(memory.turns, (event.actor, before, event.object)):
        return None
    count = 1 + sum(event.time - time < HOUR for time in memory.turned)
    if count < FEW:
        return None
    p = min(1.0, 24 * tail_of_count(count, RATES["turn"], memory.turns.news.get("turn", 0.0), ctx.days, window=1 / 24))
    told = {**facts, "count": str(count), "before": before}
    return Anomaly(kind="agent.sequence", key="sequence", p=p, parts={"object": 1.0}, facts=told, related=related)


def _refusal(memory: Memory, event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    if event.outcome != "failure":
        return None
    count = 1 + sum(event.time - time < HOUR for time in memory.refused)
    if count < FEW:
        return None
    p = min(1.0, 24 * tail_of_count(count, RATES["refused"], memory.refusals, ctx.days, window=1 / 24))
    told = {**facts, "count": str(count)}
    parts = {"outcome": 1.0}
    return Anomaly(kind="agent.refused", key="refused", p=p, parts=parts, facts=told, related=related, techniques=("T1087", "T1526"))


def _size(memory: Memory, event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """One call with far more tokens than any of this tool; a record comes once in n, and falls like a Pareto tail of index 3."""
    tokens, level = event.number("tokens"), memory.tokens.get(event.object)
    if tokens is None or level is None or level.n < WARM or tokens <= level.high:
        return None
    per_day = max(memory.calls / max(ctx.age / DAY, 1.0), 1.0)
    tail = max(tail_of_level(level, tokens, spread=0.5), 0.1 / (level.n + 1) * (max(level.high, 1.0) / tokens) ** 3)
    told = {**facts, "tokens": f"{tokens:.0f}", "high": f"{level.high:.0f}"}
    key = f"tokens|{event.object}"
    return Anomaly(kind="agent.tokens", key=key, p=min(1.0, per_day * tail), parts={"tokens": 1.0}, facts=told, related=related)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    if not _agent(event, ctx):
        return
    counting, before = ctx.counting, _before(memory, event)
    for thing in _things(event):
        learn_key(memory.things, thing, event.time, strange=strange, counted=thing[0] if counting else "")
    if before:
        turn = (event.actor, before, event.object)
        if is_new(memory.turns, turn):
            memory.turned = [*(time for time in memory.turned if event.time - time < HOUR), event.time][-32:]
        learn_key(memory.turns, turn, event.time, strange=strange, counted="turn" if counting else "")
    memory.last.pop(event.actor, None)
    memory.last[event.actor] = (event.time, event.object)
    if len(memory.last) > TOOLS:
        del memory.last[next(iter(memory.last))]
    if event.outcome == "failure":
        memory.refused = [*(time for time in memory.refused if event.time - time < HOUR), event.time][-32:]
        memory.refusals += (0.5 if strange else 1.0) if counting else 0.0
    memory.calls += 1.0
    tokens = event.number("tokens")
    if tokens is not None and tokens >= 0 and not strange and (event.object in memory.tokens or len(memory.tokens) < TOOLS):
        learn_level(memory.tokens.setdefault(event.object, Level()), tokens, memory=500.0)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    who = name_of(facts["actor"])
    get = facts.get
    told = {
        "agent.scope": f"asked for data of the kind “{get('value')}” for the first time in {facts['days']} days",
        "agent.model": f"answered with the model “{get('value')}”, which it never did in {facts['days']} days",
        "agent.sequence": f"used its tools in {get('count')} new orders within an hour, last {facts['tool']} after {get('before')}",
        "agent.refused": f"was refused {get('count')} times within an hour, last at {facts['tool']}",
        "agent.tokens": f"spent {get('tokens')} tokens on one call of {facts['tool']}, at most {get('high')} before",
    }
    return f"{who} {told[anomaly.kind]}"


def _call(hour: float, tool: str, scope: str, tokens: int) -> Event:
    head = (int(hour * HOUR), "gateway", int(hour * 60), "asset:agent-1", FAMILY, "api.call", "asset:agent-1", "asset:api-1", "svc.agent-1")
    attributes = {"tokens": tokens, "records": 10, "scope": scope, "model": "planner-2"}
    return Event(*head, tool, "GET", "success", 2000, attributes)


QUIET: Final = [
    _call(hour + place / 4, tool, "orders", 900 + 37 * (hour * 7 % 11))
    for hour in range(24 * 6)
    for place, tool in enumerate(("stock.read", "orders.read", "forecast.write"))
]
LOUD: Final = [*QUIET, _call(24 * 6 + 0.1, "orders.read", "payroll", 1200)]
