"""Orders and invoices out of the usual: quantity or price by product and partner, quantities that creep, new addresses, numbers used twice.

A detector of `order.placed` and `invoice.received`, run by `detect.stream`.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_drift import Drift, learn_drift, sums_with, tail_of_drift
from interferon.detect.stream_events import DAY, Event, name_of
from interferon.detect.stream_memory import (
    FLOOR,
    SETTLE,
    Level,
    Novelty,
    is_fresh,
    learn_key,
    learn_level,
    tail_of_count,
    tail_of_level,
    two_sided,
)
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_orders"
FAMILY: Final = "trade"
KINDS: Final = ("order.placed", "invoice.received")
TECHNIQUES: Final = ("T1565",)  # data manipulation

SERIES: Final = 4096  # (product, partner, measure) with a level of their own
IDS: Final = 8192
DRIFTS: Final = 256  # (product, measure) that are watched for drift
ADDRESSES: Final = 0.01  # places a day that a settled customer orders to for the first time: the prior
WARM: Final = 8


@dataclass
class Memory:
    levels: dict[tuple[str, str, str], Level] = field(default_factory=dict)
    drifts: dict[tuple[str, str], Drift] = field(default_factory=dict)  # (measure, product) → quantity or price
    addresses: Novelty = field(default_factory=Novelty)  # (partner, destination)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)  # (kind, order) → line count
    rows: float = 0.0
    repeated: float = 0.0
    numbered: float = 0.0


def memory() -> Memory:
    return Memory()


def _measures(event: Event) -> list[tuple[tuple[str, str, str], float]]:
    who = event.partner or event.destination
    values = (("quantity", event.quantity), ("price", event.number("price")))
    kind = event.kind.partition(".")[0]
    return [((f"{kind} {name}", event.product, who), value) for name, value in values if value is not None and value > 0]


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    per_day = max(memory.rows / max(ctx.age / DAY, 1.0), 1.0)
    found = []
    for key, value in _measures(event):
        level = memory.levels.get(key)
        if level is None or level.n < WARM or level.low <= value <= level.high:
            continue
        price = key[0].endswith("price")
        tail = two_sided(level, value, spread=0.05) if price else tail_of_level(level, value, spread=0.4)
        # order sizes have heavier tails than a fitted curve: never below a Pareto tail of index 3 from the record
        beyond = max(value / max(level.high, 1e-9), level.low / value if price else 0.0, 1.0)
        p = min(1.0, per_day * max(tail, beyond**-3 / (level.n + 1) * (0.01 if price else 0.1), FLOOR))
        found.append(_anomaly(event, key, value, level, p))
    found += _drift(memory, event, ctx) + _address(memory, event, ctx)
    if event.order and (event.kind, event.order + event.product) in memory.ids and memory.numbered >= 20:
        p = min(1.0, per_day * (memory.repeated + 0.02) / (memory.numbered + 1))
        facts = {"order": event.order, "kind": event.kind}
        twice = f"twice|{event.order}"
        found.append(Anomaly(kind="order.repeated", key=twice, p=p, parts={"order": 1.0}, facts=facts, related=_related(event)))
    return found


def _drift(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    """Quantities or prices of a product that creep, each order still within what has been seen."""
    found = []
    for (what, product, _), value in _measures(event):
        drift = memory.drifts.get((what, product))
        if drift is None:
            continue
        up, down = sums_with(drift, value)
        p = tail_of_drift(max(up, down), drift.seen / max(ctx.age / DAY, 1.0))
        usual = sorted(drift.past)[len(drift.past) // 2] if drift.past else value
        facts = {"what": what, "product": product, "way": "up" if up > down else "down", "value": f"{value:g}", "usual": f"{usual:g}"}
        kind, key = f"{event.kind.partition('.')[0]}.drift", f"drift|{what}|{product}|{facts['way']}"
        parts = {what.rpartition(" ")[2]: 1.0}
        found.append(Anomaly(kind=kind, key=key, p=p, parts=parts, facts=facts, related=_related(event)))
    return found


def _address(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    """An order to a place where this customer never had anything sent."""
    key = (event.partner, event.destination)
    if not event.destination or not memory.addresses.known or not is_fresh(memory.addresses, key, event.time):
        return []
    p = tail_of_count(1, ADDRESSES, memory.addresses.news.get("address", 0.0), ctx.days, strength=SETTLE)
    facts = {"destination": event.destination, "order": event.order, "partner": event.partner}
    related = (*_related(event), event.destination if ":" in event.destination else f"node:{event.destination}")
    key_ = f"address|{event.destination}"
    return [Anomaly(kind="order.address", key=key_, p=p, parts={"destination": 1.0}, facts=facts, related=related)]


def _anomaly(event: Event, key: tuple[str, str, str], value: float, level: Level, p: float) -> Anomaly:
    facts = {
        "what": key[0],
        "product": event.product,
        "partner": key[2],
        "value": f"{value:g}",
        "low": f"{level.low:g}",
        "high": f"{level.high:g}",
    }
    name = key[0].rpartition(" ")[2]
    kind = f"{event.kind.partition('.')[0]}.{name}"
    return Anomaly(kind=kind, key="|".join(key), p=p, parts={name: 1.0}, facts=facts, related=_related(event))


def _related(event: Event) -> tuple[str, ...]:
    """The order first: it is what can be held."""
    pairs = (("order", event.order), ("partner", event.partner))
    return tuple(name if ":" in name else f"{kind}:{name}" for kind, name in pairs if name)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    memory.rows += 1.0
    if event.order:
        line = (event.kind, event.order + event.product)
        memory.numbered += 1.0
        memory.repeated += line in memory.ids
        memory.ids[line] = memory.ids.pop(line, 0) + 1
        if len(memory.ids) > IDS:
            del memory.ids[next(iter(memory.ids))]
    if event.destination:
        counted = "address" if ctx.counting else ""
        learn_key(memory.addresses, (event.partner, event.destination), event.time, strange=strange, counted=counted)
    for (what, product, _), value in _measures(event):
        if (what, product) in memory.drifts or len(memory.drifts) < DRIFTS:
            learn_drift(memory.drifts.setdefault((what, product), Drift()), value)
    if not strange:
        for key, value in _measures(event):
            if key in memory.levels or len(memory.levels) < SERIES:
                learn_level(memory.levels.setdefault(key, Level()), value, memory=500.0)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    if anomaly.kind == "order.repeated":
        return f"Number {facts['order']} was used for a second {facts['kind'].replace('.', ' ')}"
    if anomaly.kind == "order.address":
        return (
            f"{facts['order'] or 'An order'} of {name_of(ctx.entity)} is to go to {facts['destination']}, where it never had anything sent"
        )
    if anomaly.kind.endswith(".drift"):
        return f"{facts['what'].capitalize()} for {facts['product']} creeps {facts['way']}: {facts['value']} now, {facts['usual']} is usual"
    whose = f" of {name_of(facts['partner'])}" if facts["partner"] else ""
    return (
        f"{facts['what'].capitalize()} {facts['value']} for {facts['product']}{whose}; until now between {facts['low']} and {facts['high']}"
    )


def _placed(hour: float, quantity: float) -> Event:
    head = (int(hour * DAY / 24), "erp", int(hour * 10), "partner:c-1", FAMILY, "order.placed")
    return Event(*head, attributes={"price": 8.0}, order=f"o-{hour:g}", product="p-1", quantity=quantity, partner="c-1")


QUIET: Final = [_placed(6.0 * step, 90 + step * 7 % 20) for step in range(40)]
LOUD: Final = [*QUIET, _placed(240, 9000)]
