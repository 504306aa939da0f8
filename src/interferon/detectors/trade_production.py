"""Output that falls off: a line or a dock that reports far less than usual, or nothing for far longer than any pause so far.

A detector of `production.reported` and `shipment.departed`, run by `detect.stream`, which also asks it once a frame.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, name_of
from interferon.detect.stream_memory import Level, learn_level, two_sided
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_production"
FAMILY: Final = "trade"
KINDS: Final = ("production.reported", "shipment.departed")
TECHNIQUES: Final = ("T0826", "T0828")  # loss of availability, loss of productivity and revenue

WARM: Final = 16
SERIES: Final = 1024


@dataclass
class Memory:
    levels: dict[tuple[str, str], Level] = field(default_factory=dict)  # (event kind, product) → quantity a report
    last: dict[str, int] = field(default_factory=dict)  # event kind → time
    gaps: dict[str, tuple[float, float]] = field(default_factory=dict)  # event kind → (gaps, longest in microseconds)
    rows: float = 0.0


def memory() -> Memory:
    return Memory()


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    level = memory.levels.get((event.kind, event.product))
    if level is None or level.n < WARM or event.quantity is None or event.quantity >= level.low:
        return []
    per_day = max(memory.rows / max(ctx.age / DAY, 1.0), 1.0)
    # a record low comes once in n+1 reports; how far below it lies follows the share that is left
    share = max(event.quantity, 0.0) / level.low if level.low > 0 else 1.0
    p = min(1.0, per_day * max(two_sided(level, event.quantity, spread=0.3), share**2 / (level.n + 1) * 0.1, 1e-6))
    facts = {"kind": event.kind, "product": event.product, "value": f"{event.quantity:g}", "low": f"{level.low:g}"}
    related = (f"node:{event.origin}",) if event.origin and ":" not in event.origin else (event.origin,)
    return [Anomaly(kind="production.low", key=f"low|{event.product}", p=p, parts={"quantity": 1.0}, facts=facts, related=related)]


def sweep(memory: Memory, ctx: Context) -> list[Anomaly]:
    """Silence beyond the longest pause, Pareto tail of index 4."""
    found = []
    for kind, (gaps, longest) in memory.gaps.items():
        silent = ctx.time - memory.last[kind]
        longest = max(longest, float(HOUR))
        if gaps >= WARM and silent >= 2 * longest:
            p = min(0.05, (longest / silent) ** 4)
            facts = {"kind": kind, "hours": f"{silent / HOUR:.1f}", "longest": f"{longest / HOUR:.1f}"}
            found.append(Anomaly(kind="production.stopped", key=f"stop|{kind}", p=p, parts={"time": 1.0}, facts=facts, time=ctx.time))
    return found


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    memory.rows += 1.0
    last = memory.last.get(event.kind)
    if last is not None and event.time > last:
        gaps, longest = memory.gaps.get(event.kind, (0.0, 0.0))
        memory.gaps[event.kind] = (gaps + 1, max(longest, float(event.time - last)))
    memory.last[event.kind] = max(event.time, last or 0)
    series = (event.kind, event.product)
    if event.quantity is not None and not strange and (series in memory.levels or len(memory.levels) < SERIES):
        learn_level(memory.levels.setdefault(series, Level()), event.quantity, memory=500.0)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    noun = "output" if facts["kind"] == "production.reported" else "shipments"
    if anomaly.kind == "production.stopped":
        return f"No {noun} reported by {entity} for {facts['hours']} hours; the longest pause so far was {facts['longest']}"
    return f"{entity} reported {noun} of {facts['value']} for {facts['product']}, below anything before (lowest {facts['low']})"


def _made(hour: float, quantity: float) -> Event:
    head = (int(hour * HOUR), "mes", int(hour * 10), "node:plant-1", FAMILY, "production.reported")
    return Event(*head, product="p-1", quantity=quantity, origin="plant-1")


QUIET: Final = [_made(hour, 50 + hour * 7 % 11) for hour in range(120)]
LOUD: Final = [*QUIET, _made(120, 1)]
