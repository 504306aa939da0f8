"""Goods on the way: loads that left and never came, and lead times or delays that creep, by lane or partner.

A detector of `shipment.departed` and `shipment.arrived`, run by `detect.stream`, which also asks it for what did not arrive.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from scipy.special import stdtr, stdtrit

from interferon.detect.stream_drift import Drift, learn_drift, sums_with, tail_of_drift
from interferon.detect.stream_events import DAY, HOUR, MINUTE, Event, name_of
from interferon.detect.stream_memory import SETTLE, Level, learn_level, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_leadtimes"
FAMILY: Final = "trade"
KINDS: Final = ("shipment.departed", "shipment.arrived")
TECHNIQUES: Final = ("T1565", "T0828")  # data manipulation, loss of productivity and revenue

HELD: Final = 2048  # loads on the way that are remembered
WARM: Final = 12  # arrivals before a lead time says anything
KEPT: Final = 0.8  # arrivals are told of on this lane: so large a share of what left came, or none of it means anything
LOST: Final = 0.004  # loads a day that ordinary life loses, or whose arrival nobody books: the prior
SPREAD, STRENGTH = 0.25, 6.0  # prior standard deviation of the log lead time, and the arrivals it is worth
BEYOND: Final = 1e-3  # a load is looked at once fewer than this share of loads take as long
GIVEN_UP: Final = 4  # times the limit after which a load counts as lost


@dataclass
class Memory:
    moving: dict[str, tuple[int, int, str]] = field(
        default_factory=dict
    )  # load → (left, departures under this name, partner), oldest first
    lead: Level = field(default_factory=Level)  # minutes on the way, one for each vehicle
    drifts: dict[str, Drift] = field(default_factory=dict)  # `lead`: minutes; `delay`: hours behind the promise
    latest: tuple[int, int] = (0, 0)  # (left, came) of the newest arrival: what rides together is one observation
    came: float = 0.0  # loads whose fate is known, by fate
    lost: float = 0.0


def memory() -> Memory:
    return Memory()


def _load(event: Event) -> str:
    return f"{event.order}|{event.product}" if event.order else event.text("vehicle")


def _values(memory: Memory, event: Event) -> dict[str, float]:
    """What this arrival tells: minutes on the way, hours behind the promise; nothing for what rode with the one before."""
    left = memory.moving[_load(event)][0] if _load(event) in memory.moving else event.time
    if event.kind != "shipment.arrived" or (left, event.time) == memory.latest:
        return {}
    values = {"lead": (event.time - left) / MINUTE} if left < event.time else {}
    if event.promised is not None:
        values["delay"] = (event.time - event.promised) / HOUR
    return values


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    found = []
    for name, value in _values(memory, event).items():
        drift = memory.drifts.get(name)
        if drift is None:
            continue
        up, down = sums_with(drift, value)
        p = tail_of_drift(max(up, down), drift.seen / max(ctx.age / DAY, 1.0))
        way = "later" if up > down else "earlier"
        facts = {"what": name, "way": way, "value": f"{_days(name, value):.1f}", "usual": f"{_days(name, _middle(drift.past)):.1f}"}
        related = _related(event.partner, event.lane, event.order)
        found.append(Anomaly(kind="transit.drift", key=f"{name}|{way}", p=p, parts={name: 1.0}, facts=facts, related=related))
    return found


def _days(name: str, value: float) -> float:
    return value / (24 * 60) if name == "lead" else value / 24


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def _related(partner: str, lane: str, order: str) -> tuple[str, ...]:
    """Who carries it first: they act, the order suffers."""
    pairs = (("partner", partner), ("lane", lane), ("order", order))
    return tuple(name if ":" in name else f"{prefix}:{name}" for prefix, name in pairs if name)


def sweep(memory: Memory, ctx: Context) -> list[Anomaly]:
    """Loads that should have come. Ordinary life explains them by slow ones, or by as many lost ones: the two chances add up."""
    if memory.lead.n < WARM or memory.came < KEPT * (memory.came + memory.lost):
        return []
    scale, per_day = _scale(memory.lead), max(memory.lead.n / max(ctx.age / DAY, 1.0), 1.0)
    limit = _limit(memory, ctx, scale)
    late = []
    for load, (left, _, partner) in memory.moving.items():  # oldest first
        if ctx.time - left <= limit:
            break
        late.append((load, left, partner))
    if not late:
        return []
    load, left, partner = late[0]
    p = tail_of_count(len({left for _, left, _ in late}), LOST, memory.lost, ctx.days, strength=SETTLE)
    p = min(1.0, p + per_day * _slow(memory.lead, scale, ctx.time - left))
    facts = {"count": str(len(late)), "load": load.partition("|")[0], "days": f"{(ctx.time - left) / DAY:.1f}"}
    facts |= {"usual": f"{math.expm1(memory.lead.mean) / (24 * 60):.1f}", "partner": partner}
    related = _related(partner, "", load.partition("|")[0])
    parts = {"time": 1.0, "loads": float(len(late) - 1)} if len(late) > 1 else {"time": 1.0}
    return [
        Anomaly(
            kind="transit.overdue", key=f"overdue|{len(late)}", p=max(p, 1e-8), parts=parts, facts=facts, related=related, time=ctx.time
        )
    ]


def _scale(lead: Level) -> float:
    """Predictive standard deviation of the log lead time."""
    variance = (lead.m2 + STRENGTH * SPREAD * SPREAD) / (lead.n + STRENGTH - 1)
    return math.sqrt(variance * (1 + 1 / max(lead.n, 1.0)))


def _limit(memory: Memory, ctx: Context, scale: float) -> float:
    """Microseconds after which a load is overdue: beyond the tail, the longest so far, and what the tables call nearly all."""
    tail = math.expm1(memory.lead.mean + float(stdtrit(memory.lead.n + STRENGTH - 1, 1 - BEYOND)) * scale) * MINUTE
    return max(tail, 1.2 * memory.lead.high * MINUTE, float(ctx.leads.get(ctx.entity, 0)))


def _slow(lead: Level, scale: float, waited: int) -> float:
    """P(a load takes longer than this), by the fitted tail; never below a Pareto tail of index 4 from the slowest so far."""
    fitted = 1.0 - float(stdtr(lead.n + STRENGTH - 1, (math.log1p(waited / MINUTE) - lead.mean) / scale))
    return max(fitted, 0.1 / (lead.n + 1) * (lead.high * MINUTE / waited) ** 4)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    load = _load(event)
    if event.kind == "shipment.departed":
        _, departures, partner = memory.moving.pop(load, (0, 0, ""))
        memory.moving[load] = (event.time, departures + 1, event.partner or partner)
        _give_up(memory, ctx)
        return
    values = _values(memory, event)
    for name, value in values.items():
        learn_drift(memory.drifts.setdefault(name, Drift()), value)
    if load not in memory.moving:
        return
    left, departures, partner = memory.moving[load]
    memory.came += 1.0
    if departures > 1:
        memory.moving[load] = (left, departures - 1, partner)
    else:
        del memory.moving[load]
    if "lead" in values:
        learn_level(memory.lead, values["lead"], memory=500.0)
    memory.latest = (left, event.time)


def _give_up(memory: Memory, ctx: Context) -> None:
    """Loads that never came leave the books; from then on this lane is known to lose some."""
    limit = GIVEN_UP * _limit(memory, ctx, _scale(memory.lead)) if memory.lead.n >= WARM else 60 * DAY
    while memory.moving:
        oldest = next(iter(memory.moving))
        if ctx.time - memory.moving[oldest][0] <= limit and len(memory.moving) <= HELD:
            return
        del memory.moving[oldest]
        memory.lost += 1.0


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    if anomaly.kind == "transit.overdue":
        others = f" and {int(facts['count']) - 1} others" if facts["count"] != "1" else ""
        return f"{facts['load']}{others} left on {entity} {facts['days']} days ago and never arrived; {facts['usual']} days are usual"
    what = "days on the way" if facts["what"] == "lead" else "days behind the promise"
    return f"Goods of {entity} arrive {facts['way']} and {facts['way']}: {facts['value']} {what} now, {facts['usual']} until now"


def _step(hour: float, kind: str, number: int) -> Event:
    head = (int(hour * HOUR), "tms", int(hour * 60), "lane:l-1", FAMILY, kind)
    return Event(*head, order=f"o-{number}", product="p-1", quantity=40.0, lane="l-1", partner="carrier-1")


def _loads(first: int, last: int, slower: float) -> list[Event]:
    steps = [(4.0 * number, KINDS[0], number) for number in range(first, last)]
    steps += [(4.0 * number + 9.0 + number * 5 % 7 + slower, KINDS[1], number) for number in range(first, last)]
    return [_step(*step) for step in sorted(steps)]


QUIET: Final = _loads(0, 60, 0.0)
LOUD: Final = [*QUIET, _step(262, KINDS[0], 900), *(event for event in _loads(68, 90, 6.0))]
