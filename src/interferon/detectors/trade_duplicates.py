"""The same load arrives or is booked in a second time: more often than it left, or than it arrived.

A detector of shipments and receipts, run by `detect.stream`. How often a lane repeats itself by habit is learnt from its own rows. A
departure told twice shows in `trade_leadtimes`: one of the two never arrives.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, Event, name_of
from interferon.detect.stream_memory import SETTLE, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_duplicates"
FAMILY: Final = "trade"
KINDS: Final = ("shipment.departed", "shipment.arrived", "receipt.posted")
TECHNIQUES: Final = ("T1565",)  # data manipulation

HELD: Final = 8192  # events that are remembered; the oldest go first
RATE: Final = 0.005  # repeated events a day on a settled lane: the prior
BEFORE: Final = {"shipment.arrived": "shipment.departed", "receipt.posted": "shipment.arrived"}
Same = tuple[str, str, str, str]  # kind, order, product, quantity
VERBS: Final = {"shipment.arrived": "arrived", "receipt.posted": "was booked in"}


@dataclass
class Memory:
    seen: dict[Same, tuple[int, int]] = field(default_factory=dict)  # → (time of the first, how many), oldest first
    repeats: list[int] = field(default_factory=list)  # times of repeats within the last day
    counted: float = 0.0  # repeats before that


def memory() -> Memory:
    return Memory()


def _same(event: Event) -> Same | None:
    """What makes two events one; None for a load without a number, which may well come daily."""
    return (event.kind, event.order, event.product, f"{event.quantity}") if event.order else None


def _repeats(memory: Memory, same: Same) -> bool:
    """Whether one more of these is one too many: an order that left in two equal parts arrives in two."""
    if same[0] not in BEFORE:
        return False
    _, held = memory.seen.get(same, (0, 0))
    _, before = memory.seen.get((BEFORE[same[0]], *same[1:]), (0, 1))
    return held >= max(before, 1)


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    same = _same(event)
    if same is None or not _repeats(memory, same):
        return []
    count = 1 + sum(event.time - time < DAY for time in memory.repeats)
    p = tail_of_count(count, RATE, memory.counted, ctx.days, strength=SETTLE)
    hours = (event.time - memory.seen[same][0]) / DAY * 24
    facts = {"kind": event.kind, "order": event.order, "product": event.product, "hours": f"{hours:.1f}", "count": str(count)}
    pairs = (("partner", event.partner), ("lane", event.lane), ("order", event.order))
    related = tuple(name if ":" in name else f"{prefix}:{name}" for prefix, name in pairs if name)
    parts = {"order": 1.0, "quantity": 0.5}
    return [Anomaly(kind="transit.repeated", key=f"{event.kind}|{event.order}", p=p, parts=parts, facts=facts, related=related)]


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    same = _same(event)
    if same is None:
        return
    if _repeats(memory, same) and ctx.counting:
        held = [*memory.repeats, event.time]
        memory.repeats = [time for time in held if event.time - time < DAY][-64:]
        memory.counted += (0.5 if strange else 1.0) * (len(held) - len(memory.repeats))
    first, count = memory.seen.get(same, (event.time, 0))
    memory.seen[same] = (first, count + 1)
    if len(memory.seen) > HELD:
        del memory.seen[next(iter(memory.seen))]


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    goods = f"{facts['product'] or 'A load'} of {name_of(facts['order'])}"
    often = f", the {facts['count']}th repeat within a day" if facts["count"] != "1" else ""
    return f"{goods} {VERBS[facts['kind']]} on {name_of(ctx.entity)} a second time, {facts['hours']} hours after the first{often}"


def _step(hour: float, kind: str, number: int) -> Event:
    head = (int(hour * DAY / 24), "tms", int(hour * 60), "lane:l-1", FAMILY, kind)
    return Event(*head, order=f"o-{number}", product="p-1", quantity=40.0, lane="l-1", partner="carrier-1")


QUIET: Final = [_step(4.0 * number + 3 * place, kind, number) for number in range(90) for place, kind in enumerate(KINDS[:2])]
LOUD: Final = [*QUIET, _step(360.5, KINDS[1], 88)]
