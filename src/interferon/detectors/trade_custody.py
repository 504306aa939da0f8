"""Chain of custody: goods that arrive without having left, more or far more often than usual, seals used twice, unknown lanes.

A detector of shipments and receipts, run by `detect.stream`. How strictly a chain is kept is learnt from the entity's own rows.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from interferon.detect.stream_events import DAY, HOUR, Event, name_of
from interferon.detect.stream_memory import Novelty, is_new, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_custody"
FAMILY: Final = "trade"
KINDS: Final = ("order.placed", "shipment.departed", "shipment.arrived", "receipt.posted")
TECHNIQUES: Final = ("T1565", "T1195.003")  # data manipulation, compromise of the hardware supply chain

BEFORE: Final = {"shipment.departed": "order.placed", "shipment.arrived": "shipment.departed", "receipt.posted": "shipment.arrived"}
HELD: Final = 4096  # shipments remembered for each stage
WARM: Final = 12
KEPT, TRUST = 0.8, 4.0  # a chain is kept where this share of rows follows from the step before; believed from the start, worth so many rows
BREAKS: Final = 0.004  # steps without the one before, a day, on a way that keeps its chain: the prior
RUSH: Final = 6.0  # hours of a day in which something arrives, before a way has shown its own: the prior, worth one day
RATES: Final = {"lane": 0.01, "route": 0.02, "vehicle": 0.3}  # first seen, a day: the prior
VERBS: Final = {"shipment.departed": "left", "shipment.arrived": "arrived", "receipt.posted": "was booked", "order.placed": "was ordered"}


@dataclass
class Memory:
    stages: dict[str, dict[str, float]] = field(default_factory=dict)  # event kind → shipment → quantity
    linked: dict[str, tuple[float, float]] = field(default_factory=dict)  # event kind → (rows, rows whose step before was seen)
    broken: dict[str, list[int]] = field(default_factory=dict)  # event kind → times of the last rows without the step before
    breaks: dict[str, float] = field(default_factory=dict)  # event kind → such rows more than a day ago
    over: dict[str, tuple[float, float]] = field(default_factory=dict)  # event kind → (linked rows, rows with more than before)
    hours: list[int] = field(default_factory=list)  # hours (since 1970) of the last day in which something arrived
    arrivals: float = 0.0  # hours with an arrival before that
    values: Novelty = field(default_factory=Novelty)  # (feature, value)
    seals: dict[str, str] = field(default_factory=dict)  # seal → shipment
    reseals: tuple[float, float] = (0.0, 0.0)  # departures with a seal, seals seen before


def memory() -> Memory:
    return Memory()


def _shipment(event: Event) -> str:
    """What follows the goods: the order and the product, else the vehicle."""
    return f"{event.order}|{event.product}" if event.order else event.text("vehicle")


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    rows = memory.linked.get(event.kind, (0.0, 0.0))
    per_day = max(rows[0] / max(ctx.age / DAY, 1.0), 1.0)
    found = [
        _unlinked(memory, event, ctx),
        _too_much(memory, event, per_day),
        _seal(memory, event, per_day),
        _strange_way(memory, event, ctx),
        _rush(memory, event, ctx),
    ]
    return [anomaly for anomaly in found if anomaly is not None]


def _make(event: Event, kind: str, p: float, part: str, **facts: str) -> Anomaly:
    told = {"kind": event.kind, "order": event.order or event.text("vehicle"), "product": event.product, "lane": event.lane, **facts}
    pairs = (("partner", event.partner), ("lane", event.lane), ("order", event.order))  # who carries it may act, the order suffers
    related = tuple(name if ":" in name else f"{prefix}:{name}" for prefix, name in pairs if name)
    return Anomaly(kind=kind, key=f"{kind}|{_shipment(event)}", p=min(max(p, 1e-8), 1.0), parts={part: 1.0}, facts=told, related=related)


def _unlinked(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    """A step whose step before should be on record and is not; the more of them in a day, the stranger."""
    before = BEFORE.get(event.kind)
    if before is None or _shipment(event) in memory.stages.get(before, {}) or not _due(event, ctx) or not _kept(memory, event.kind):
        return None
    count = 1 + sum(event.time - time < DAY for time in memory.broken.get(event.kind, ()))
    p = tail_of_count(count, BREAKS, memory.breaks.get(event.kind, 0.0), ctx.days)
    return _make(event, "custody.broken", p, "chain", before=before)


def _due(event: Event, ctx: Context) -> bool:
    """Whether the step before fell into the time that we watch: what arrives may have left before that."""
    return event.kind != "shipment.arrived" or ctx.age > ctx.leads.get(f"lane:{event.lane}" if event.lane else ctx.entity, 0)


def _kept(memory: Memory, kind: str) -> bool:
    """Whether this way's records follow one another; the step from an order to a shipment is often told elsewhere, so it must be seen."""
    rows, linked = memory.linked.get(kind, (0.0, 0.0))
    return (kind != "shipment.departed" or linked >= WARM) and linked + TRUST >= KEPT * (rows + TRUST / KEPT)


def _too_much(memory: Memory, event: Event, per_day: float) -> Anomaly | None:
    sent = memory.stages.get(BEFORE.get(event.kind, ""), {}).get(_shipment(event))
    rows, over = memory.over.get(event.kind, (0.0, 0.0))
    if sent is None or event.quantity is None or event.quantity <= 1.02 * sent or rows < WARM:
        return None
    p = per_day * (over + 0.02) / (rows + 1)
    return _make(event, "custody.quantity", p, "quantity", sent=f"{sent:g}", now=f"{event.quantity:g}")


def _seal(memory: Memory, event: Event, per_day: float) -> Anomaly | None:
    """A seal number that another shipment carried."""
    seal = event.text("seal")
    held = memory.seals.get(seal)
    if not seal or held is None or held == _shipment(event) or memory.reseals[0] < WARM:
        return None
    p = per_day * (memory.reseals[1] + 0.02) / (memory.reseals[0] + 1)
    return _make(event, "custody.seal", p, "seal", seal=seal)


def _rush(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    """Something arrives in many more hours of a day than it used to: hours, not loads, since one vehicle may bring many of them."""
    hour = event.time // HOUR
    if event.kind != "shipment.arrived" or hour in memory.hours:
        return None
    count = 1 + sum(hour - one < 24 for one in memory.hours)
    days = max(ctx.days - 1.0, 0.0)
    p = tail_of_count(count, RUSH, memory.arrivals, days, strength=1.0)
    anomaly = _make(event, "custody.rush", p, "arrivals", count=str(count), usual=f"{(RUSH + memory.arrivals) / (1.0 + days):.1f}")
    return msgspec.structs.replace(anomaly, key=f"custody.rush|{count}")


def _ways(event: Event) -> dict[str, str]:
    route = f"{event.origin}→{event.destination}" if event.origin and event.destination else ""
    return {name: value for name, value in (("lane", event.lane), ("route", route), ("vehicle", event.text("vehicle"))) if value}


def _strange_way(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    if event.kind != "shipment.departed":
        return None
    seen = {key[0] for key in memory.values.known}
    new = [name for name, value in _ways(event).items() if name in seen and is_new(memory.values, (name, value))]
    if not new:
        return None
    tails = sorted(tail_of_count(1, RATES[name], memory.values.news.get(name, 0.0), ctx.days) for name in new)
    return _make(event, "custody.new_way", tails[0] * 0.3 ** (len(tails) - 1), new[0], new=", ".join(new))


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    shipment, quantity = _shipment(event), event.quantity or 0.0
    before = BEFORE.get(event.kind)
    if before is not None and ctx.counting and _due(event, ctx):
        sent = memory.stages.get(before, {}).get(shipment)
        rows, linked = memory.linked.get(event.kind, (0.0, 0.0))
        # a strange row counts half: a way that never keeps its chain falls silent, a thief cannot buy that cheaply
        memory.linked[event.kind] = (rows + (0.5 if strange else 1.0), linked + (sent is not None))
        if sent is None:
            held = [*memory.broken.get(event.kind, []), event.time]
            recent = [time for time in held if event.time - time < DAY][-64:]
            memory.breaks[event.kind] = memory.breaks.get(event.kind, 0.0) + len(held) - len(recent)
            memory.broken[event.kind] = recent
        else:
            rows, over = memory.over.get(event.kind, (0.0, 0.0))
            memory.over[event.kind] = (rows + 1, over + (quantity > 1.02 * sent))
    if event.kind == "shipment.arrived" and ctx.counting and event.time // HOUR not in memory.hours:
        _learn_hour(memory, event.time // HOUR)
    stage = memory.stages.setdefault(event.kind, {})
    stage[shipment] = stage.pop(shipment, 0.0) + quantity
    if len(stage) > HELD:
        del stage[next(iter(stage))]
    if event.kind == "shipment.departed":
        _learn_departure(memory, event, ctx, strange)


def _learn_hour(memory: Memory, hour: int) -> None:
    held = [*memory.hours, hour]
    memory.hours = [one for one in held if hour - one < 24]
    memory.arrivals += len(held) - len(memory.hours)


def _learn_departure(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    for name, value in _ways(event).items():
        learn_key(memory.values, (name, value), event.time, strange=strange, counted=name if ctx.counting else "")
    seal = event.text("seal")
    if seal:
        count, again = memory.reseals
        memory.reseals = (count + 1, again + (memory.seals.get(seal, _shipment(event)) != _shipment(event)))
        memory.seals[seal] = _shipment(event)
        if len(memory.seals) > HELD:
            del memory.seals[next(iter(memory.seals))]


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    goods = f"{facts['product'] or 'a shipment'} of {name_of(facts['order'] or ctx.entity)}"
    if anomaly.kind == "custody.broken":
        return f"{goods} {VERBS[facts['kind']]}, but there is no record that it {VERBS[facts['before']]}"
    if anomaly.kind == "custody.quantity":
        return f"{facts['now']} units of {goods} {VERBS[facts['kind']]}; only {facts['sent']} were recorded one step before"
    if anomaly.kind == "custody.rush":
        return f"{name_of(facts['lane'] or ctx.entity)} brought goods in {facts['count']} of the last 24 hours; {facts['usual']} are usual"
    if anomaly.kind == "custody.seal":
        return f"{goods} carries seal {facts['seal']}, which another shipment had"
    return f"{goods} left with a {facts['new']} never used before"


def _step(hour: float, kind: str, number: int, quantity: float) -> Event:
    head = (int(hour * DAY / 24), "tms", int(hour * 60), "lane:l-1", FAMILY, kind)
    return Event(*head, order=f"o-{number}", product="p-1", quantity=quantity, origin="a", destination="b", lane="l-1")


QUIET: Final = [
    event for number in range(60) for event in (_step(3 * number, KINDS[1], number, 40), _step(3 * number + 2, KINDS[2], number, 40))
]
LOUD: Final = [*QUIET, _step(181, "shipment.arrived", 999, 40)]
