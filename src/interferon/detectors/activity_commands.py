"""Commands to controllers: who sends which function to which block, and whether register and value lie in the envelope of the past.

A detector of `ot.command`, run by `detect.stream`; the entity may be the controller or the sender, the other end is part of the key.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, as_number, name_of
from interferon.detect.stream_memory import (
    Level,
    Novelty,
    Tally,
    add,
    is_new,
    learn_key,
    learn_level,
    tail_of_count,
    tail_of_hour,
    two_sided,
)
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_commands"
FAMILY: Final = "activity"
KINDS: Final = ("ot.command",)
TECHNIQUES: Final = ("T0855",)  # unauthorized command message

CLASSES: Final = {  # words in a function code → class, first match wins; rate of new senders a day; techniques (ATT&CK for ICS)
    "program": (("download", "program", "upload", "logic", "firmware", "flash"), 0.0005, ("T0843", "T0889")),
    "stop": (("stop", "halt", "shutdown", "estop", "kill", "reset", "restart", "reboot"), 0.0005, ("T0816", "T0858")),
    "force": (("force", "override", "mode", "inhibit", "disable", "suppress"), 0.001, ("T0858", "T0878")),
    "run": (("start", "run", "resume"), 0.003, ("T0858",)),
    "read": (("read", "get", "browse", "identify", "list"), 0.05, ("T0888", "T0861")),
    "write": (("",), 0.003, ("T0836", "T0855")),
}
NEW_USE: Final = {
    "program": 0.01,
    "stop": 0.02,
    "force": 0.02,
    "run": 0.03,
    "read": 0.1,
    "write": 0.005,
}  # new function or block, known sender, a day
SPACES: Final = 256  # address spaces whose range is held
NUMBERED: Final = re.compile(r"(\d{1,9})(?:\s*(?:-|\.\.|…)\s*(\d{1,9}))?\D{0,4}$")  # `holding:100`, `hr:100-110`, `DB5.DBW10`
INSIDE: Final = 6.0  # a register between those in use is taken up so many times as often as one that is not
BEYOND: Final = 0.3  # one outside their range so many times as often


@dataclass
class Span:
    """The range of registers in use in one address space, and how many uses made it."""

    low: int
    high: int
    n: float = 1.0


@dataclass
class Memory:
    senders: Novelty = field(default_factory=Novelty)  # (other end, class)
    uses: Novelty = field(default_factory=Novelty)  # (function, object)
    peers: Novelty = field(default_factory=Novelty)  # (other end,)
    values: dict[str, Level] = field(default_factory=dict)  # object → envelope of numeric values
    spans: dict[tuple[str, str], Span] = field(default_factory=dict)  # (class of command, address space) → registers in use
    writes: float = 0.0
    rate: Tally = field(default_factory=Tally)  # commands that change something, an hour


def memory() -> Memory:
    return Memory()


def command_class(code: str) -> str:
    """`write_register` → write, `stop` → stop …; what is not known to be harmless counts as a write."""
    name = code.lower()
    return next(group for group, (words, _, _) in CLASSES.items() if any(word in name for word in words))


def registers(block: str) -> tuple[str, int, int] | None:
    """`holding:100-110` → (`holding:`, 100, 110): address space, first and last register; None where a block has no number."""
    found = NUMBERED.search(block[:200])
    if found is None:
        return None
    first, last = int(found[1]), int(found[2] or found[1])
    return block[: found.start()], min(first, last), max(first, last)


def _outside(memory: Memory, group: str, block: str) -> tuple[float, str]:
    """How much rarer or commoner a new register is for where it lies, and the range in use where it lies beyond it."""
    place = registers(block)
    span = memory.spans.get((group, place[0])) if place else None
    if place is None or span is None or span.n < 4:
        return 1.0, ""
    room = max(span.high - span.low, 1) // 4 + 1
    if span.low - room <= place[1] and place[2] <= span.high + room:
        return INSIDE, ""
    return BEYOND, f"{place[0]}{span.low}-{span.high}"


def _other(event: Event) -> str:
    return event.source if event.entity != event.source else event.target


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    group = command_class(event.code)
    facts = {"other": _other(event), "source": event.source, "target": event.target, "code": event.code, "object": event.object}
    related = (event.source, event.target, event.actor)
    found = [_use(memory, event, ctx, group, facts, related)]
    if group != "read":
        found += [_value(memory, event, ctx, facts, related), _burst(memory, event, facts, related)]
    return [anomaly for anomaly in found if anomaly is not None]


def _use(memory: Memory, event: Event, ctx: Context, group: str, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """A new sender of this class of command, or a known one with a function or block never used."""
    other, use = _other(event), (event.code, event.object)
    new_sender, new_use = is_new(memory.senders, (other, group)), is_new(memory.uses, use)
    if not new_sender and not new_use:
        return None
    parts: dict[str, float] = {}
    if new_sender:
        p = tail_of_count(1, CLASSES[group][1], memory.senders.news.get(group, 0.0), ctx.days)
        parts["source"] = 2.0
        if is_new(memory.peers, (other,)):
            p *= 0.3
            parts["source"] = 3.0
    else:
        p = tail_of_count(1, NEW_USE[group], memory.uses.news.get(group, 0.0), ctx.days)
    beyond = ""
    if new_use:
        known = any(known[0] == event.code for known in memory.uses.known)
        odds, beyond = _outside(memory, group, event.object) if known else (1.0, "")
        p = min(1.0, p * (0.3 if new_sender and group != "read" else odds))
        parts["object" if known else "function"] = 1.5
    sent = event.entity == event.source != event.target
    kind = ("command.new_target" if sent else "command.new_source") if new_sender else "command.new_use"
    key = f"{kind}|{other}|{event.code}|{event.object if group == 'write' else ''}"
    days = {**facts, "days": f"{ctx.age / DAY:.0f}", "beyond": beyond}
    return Anomaly(kind=kind, key=key, p=p, parts=parts, facts=days, related=related, techniques=CLASSES[group][2])


def _value(memory: Memory, event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """A value outside the envelope of what was written there before."""
    value = as_number(event.attributes.get("value"))
    level = memory.values.get(event.object)
    if value is None or level is None or level.n < 8 or level.low <= value <= level.high:
        return None
    width = max(level.high - level.low, 0.02 * max(abs(level.high), abs(level.low)), 1e-9)
    beyond = max(value - level.high, level.low - value) / width
    # leave-one-out: the next of n values is a new extreme with probability 2/(n+1); how far it goes falls like a Pareto tail, never
    # faster than the fitted curve; all writes of a day are looked at
    tail = max(two_sided(level, value, spread=0.05), 2 / (level.n + 1) * (1 + 4 * beyond) ** -3)
    p = min(1.0, max(memory.writes / max(ctx.age / DAY, 1.0), 1.0) * tail)
    told = {**facts, "value": f"{value:g}", "low": f"{level.low:g}", "high": f"{level.high:g}"}
    parts = {"value": 1.0 + beyond}
    kind = "command.value"
    return Anomaly(kind=kind, key=f"value|{event.object}", p=p, parts=parts, facts=told, related=related, techniques=("T0836",))


def _burst(memory: Memory, event: Event, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """More changing commands in this hour than any hour should have."""
    if memory.rate.level.n < 12 or memory.rate.total < 5 or event.time // HOUR != memory.rate.hour:
        return None
    p = tail_of_hour(memory.rate, event.time, 1.0)
    told = {**facts, "count": f"{memory.rate.total + 1:.0f}"}
    return Anomaly(kind="command.burst", key="burst", p=p, parts={"rate": 1.0}, facts=told, related=related, techniques=("T0806",))


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    group, other = command_class(event.code), _other(event)
    counted = group if ctx.counting else ""
    learn_key(memory.senders, (other, group), event.time, strange=strange, counted=counted)
    learn_key(memory.uses, (event.code, event.object), event.time, strange=strange, counted=counted)
    learn_key(memory.peers, (other,), event.time, strange=strange)
    place = registers(event.object)
    if place is not None and not strange:
        _learn_span(memory, (group, place[0]), place[1], place[2])
    if group == "read":
        return
    add(memory.rate, event.time, 1.0, strange=strange)
    value = as_number(event.attributes.get("value"))
    memory.writes += value is not None
    if value is not None and not strange and (event.object in memory.values or len(memory.values) < 2048):
        learn_level(memory.values.setdefault(event.object, Level()), value)


def _learn_span(memory: Memory, space: tuple[str, str], first: int, last: int) -> None:
    span = memory.spans.get(space)
    if span is not None:
        span.low, span.high, span.n = min(span.low, first), max(span.high, last), span.n + 1.0
    elif len(memory.spans) < SPACES:
        memory.spans[space] = Span(first, last)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    source, target = name_of(facts["source"]) or "someone", name_of(facts["target"] or ctx.entity)
    block = f" {facts['object']}" if facts["object"] else ""
    if anomaly.kind == "command.value":
        return f"{source} wrote {facts['value']} to{block} of {target}; until now it lay between {facts['low']} and {facts['high']}"
    if anomaly.kind == "command.burst":
        return f"{source} sent {target} its {facts['count']}th changing command within the hour, far more than usual"
    new = f"{source} never did so in {facts['days']} days" if anomaly.kind != "command.new_use" else f"a first in {facts['days']} days"
    range_ = f"; only {facts['beyond']} was in use" if facts["beyond"] else ""
    return f"{source} sent {facts['code'] or 'a command'}{block} to {target}: {new}{range_}"


def _write(hour: float, source: str, code: str, value: float) -> Event:
    time, attributes = int(hour * HOUR), {"value": value}
    return Event(
        time, "ot", int(hour * 60), "asset:plc-3", FAMILY, "ot.command", source, "asset:plc-3", "", "hr:40", code, attributes=attributes
    )


QUIET: Final = [_write(hour, "asset:hmi-1", "write_register", 50 + hour % 5) for hour in range(96)]
LOUD: Final = [*QUIET, _write(97, "asset:laptop-9", "stop", 0)]
