"""Demand feeds: one value far from its own history, and many products shifted at once, which is how a feed is poisoned.

A detector of `forecast.published`, run by `detect.stream`.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, Event
from interferon.detect.stream_memory import FLOOR, Level, Novelty, is_new, learn_key, learn_level, tail_of_count, two_sided
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_forecasts"
FAMILY: Final = "trade"
KINDS: Final = ("forecast.published",)
TECHNIQUES: Final = ("T1565",)  # data manipulation

SERIES: Final = 4096
WARM: Final = 5
PACE: Final = 0.15  # weight of the newest value in a series' level


@dataclass
class Memory:
    levels: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)  # (product, destination) → (values, mean of log)
    steps: Level = field(default_factory=Level)  # log ratios of all series of this entity, as 100·log, so that log(1+|x|) keeps its shape
    recent: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)  # series → (time, latest log ratio)
    shifts: Level = field(default_factory=Level)  # mean log ratio over series, once a full round
    sources: Novelty = field(default_factory=Novelty)
    rows: float = 0.0


def memory() -> Memory:
    return Memory()


def _ratio(memory: Memory, event: Event) -> float | None:
    """log(quantity / level) of its series, or None while the series is young."""
    held = memory.levels.get((event.product, event.destination))
    if event.quantity is None or held is None or held[0] < WARM:
        return None
    return math.log1p(max(event.quantity, 0.0)) - held[1]


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    ratio = _ratio(memory, event)
    found = []
    if ratio is not None:
        found = [anomaly for anomaly in (_value(memory, event, ctx, ratio), _shift(memory, event, ratio)) if anomaly is not None]
    source = event.text("source")
    if source and memory.sources.known and is_new(memory.sources, (source,)):
        p = tail_of_count(1, 0.01, memory.sources.news.get("source", 0.0), ctx.days)
        facts = {"product": event.product, "source": source}
        found.append(Anomaly(kind="forecast.source", key=f"source|{source}", p=p, parts={"source": 1.0}, facts=facts))
    return found


def _value(memory: Memory, event: Event, ctx: Context, ratio: float) -> Anomaly | None:
    if memory.steps.n < 20 or memory.steps.low <= 100 * ratio <= memory.steps.high:
        return None
    per_day = max(memory.rows / max(ctx.age / DAY, 1.0), 1.0)
    record = max(abs(memory.steps.high), abs(memory.steps.low), 5.0)
    tail = max(two_sided(memory.steps, 100 * ratio, spread=0.5), (record / abs(100 * ratio)) ** 6 / (memory.steps.n + 1), FLOOR)
    facts = {"product": event.product, "percent": f"{100 * math.expm1(ratio):+.0f}"}
    key = f"value|{event.product}"
    return Anomaly(kind="forecast.outlier", key=key, p=min(1.0, per_day * tail), parts={"quantity": 1.0}, facts=facts)


def _shift(memory: Memory, event: Event, ratio: float) -> Anomaly | None:
    """The mean over the series published within a day, against the means of other rounds: single series hide a small common shift."""
    now = {key: value for key, (time, value) in memory.recent.items() if event.time - time < DAY}
    now[event.product, event.destination] = ratio
    if len(now) < 4 or memory.steps.n < 20:
        return None
    mean = sum(now.values()) / len(now)
    same = sum(value * mean > 0 for value in now.values())
    spread = max(memory.steps.high - memory.steps.low, 10.0) / 100 / 4  # a range covers about four standard deviations
    deviation = abs(mean) / (spread * math.sqrt(1 / len(now) + 0.1))  # 0.1: series move together by themselves, too
    if same < 0.9 * len(now) or deviation < 3:
        return None
    p = max(math.erfc(deviation / math.sqrt(2)), 1e-8)
    facts = {"product": "", "count": str(len(now)), "percent": f"{100 * math.expm1(mean):+.0f}"}
    return Anomaly(kind="forecast.shift", key="shift", p=p, parts={"products": 2.0, "quantity": 1.0}, facts=facts)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    memory.rows += 1.0
    ratio, series = _ratio(memory, event), (event.product, event.destination)
    if event.text("source"):
        learn_key(memory.sources, (event.text("source"),), event.time, strange=strange, counted="source" if ctx.counting else "")
    if ratio is not None:
        memory.recent[series] = (event.time, ratio)
        if not strange:
            learn_level(memory.steps, 100 * ratio)
    if event.quantity is not None and not strange and (series in memory.levels or len(memory.levels) < SERIES):
        count, mean = memory.levels.get(series, (0.0, 0.0))
        weight = max(PACE, 1 / (count + 1))
        memory.levels[series] = (count + 1, mean + weight * (math.log1p(max(event.quantity, 0.0)) - mean))


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    if anomaly.kind == "forecast.shift":
        return f"The demand feed moved {facts['count']} series the same way within a day, by {facts['percent']} % on average"
    if anomaly.kind == "forecast.source":
        return f"Demand for {facts['product']} was published by {facts['source']}, which never did so before"
    return f"The forecast for {facts['product']} is {facts['percent']} % off its own level, further than any before"


def _published(hour: float, product: int, quantity: float) -> Event:
    head = (int(hour * DAY / 24), "demand", int(hour * 100) + product, "feed:demand", FAMILY, "forecast.published")
    return Event(*head, attributes={"source": "planning"}, product=f"p-{product}", quantity=quantity)


QUIET: Final = [
    _published(6 * step + product / 10, product, 100 + 10 * product + (step * 7 + product * 3) % 9)
    for step in range(40)
    for product in range(5)
]
LOUD: Final = [*QUIET, *(_published(241 + product / 10, product, 180 + 18 * product) for product in range(5))]
