"""Beacons: conversations that begin to recur by a clock, jitter and missed beats allowed, with a place that was no such habit before.

A detector of `network.flow`, run by `detect.stream`. Regularity alone is ordinary (time servers, updates): what counts is that it is new.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from scipy.special import betainc

from interferon.detect.stream_events import HOUR, MINUTE, Event, is_address, is_external, name_of
from interferon.detect.stream_memory import FLOOR, SETTLE, Novelty, is_new, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_beacons"
FAMILY: Final = "activity"
KINDS: Final = ("network.flow",)
TECHNIQUES: Final = ("T1071", "T0869", "T1029")  # application layer protocol, standard application layer protocol, scheduled transfer

PAIRS: Final = 256  # conversations whose times are held; the longest unused goes first
BEATS: Final = 24  # intervals that are judged together
WIDE: Final = 0.2  # an interval is on the beat within this share of it: a sleep with a third of jitter stays inside
ON_BEAT: Final = 0.75  # share of intervals that must be
TOGETHER: Final = 2_000_000  # microseconds: a visit begins after a silence this long; a busy conversation has no clock of 2 s
LEAST: Final = 5 * TOGETHER  # shorter periods are the pace of a program at work
BY_CHANCE: Final = (
    0.1482  # greatest chance that an exponential interval lies within WIDE of any one period, where 1.2 exp(-1.2 t) = 0.8 exp(-0.8 t)
)
TIMERS: Final = {  # clocks that an honest entity of this group begins to keep, a day: the prior for a place outside
    "ot": 0.0005,
    "console": 0.002,
    "server": 0.004,
    "client": 0.02,
    "gateway": 0.01,
    "agent": 0.01,
    "": 0.004,
}
INSIDE: Final = 3.0  # times as many with places inside


@dataclass
class Memory:
    times: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # (target, service) → starts of visits, oldest first
    latest: dict[tuple[str, str], int] = field(default_factory=dict)  # and its newest conversation, of any visit
    clocks: Novelty = field(default_factory=Novelty)  # (target, service) known to recur by a clock


def memory() -> Memory:
    return Memory()


def _pair(event: Event) -> tuple[str, str] | None:
    """Where an outgoing conversation goes; None for one that the entity only receives."""
    return None if event.entity == event.target or not event.target else (event.target, event.object)


def beat(times: list[int]) -> tuple[float, int, float]:
    """Period in microseconds, intervals on the beat, and the chance that intervals without memory agree as well (1: too few to say).

    A period is the median interval; the chance is a binomial tail at the period where exponential intervals crowd most, times the
    number of intervals, since the period was chosen among them.
    """
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    if len(gaps) < BEATS:
        return 0.0, 0, 1.0
    period = float(gaps[len(gaps) // 2])
    hits = sum(abs(gap - period) <= WIDE * period for gap in gaps) if period >= LEAST else 0
    return period, hits, _chance(hits, len(gaps))


@lru_cache(maxsize=256)
def _chance(hits: int, of: int) -> float:
    return max(min(1.0, of * float(betainc(hits, of - hits + 1, BY_CHANCE))), FLOOR) if hits else 1.0


def _with(memory: Memory, pair: tuple[str, str], time: int) -> list[int]:
    held = memory.times.get(pair, [])
    return held if time - memory.latest.get(pair, time - TOGETHER) < TOGETHER else [*held, time][-BEATS - 1 :]


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    pair = _pair(event)
    if pair is None or len(memory.times.get(pair, ())) < BEATS or not is_new(memory.clocks, pair):
        return []
    times = _with(memory, pair, event.time)
    period, hits, chance = beat(times)
    if hits < ON_BEAT * BEATS or times is memory.times[pair]:
        return []
    where = _where(event)
    rate = TIMERS.get(ctx.group(ctx.entity), TIMERS[""]) * (INSIDE if where == "inside" else 1.0)
    p = min(1.0, tail_of_count(1, rate, memory.clocks.news.get(where, 0.0), ctx.days, strength=SETTLE) + chance)
    facts = {"target": event.target, "service": event.object, "every": _spoken(period), "hits": f"{hits} of the last {BEATS}"}
    related = (event.target, event.actor)
    parts = {"interval": float(hits), "target": 0.5 * BEATS}
    return [Anomaly(kind="beacon.started", key=f"{pair[0]}|{pair[1]}", p=p, parts=parts, facts=facts, related=related)]


def _where(event: Event) -> str:
    return "outside" if is_external(event.target) else "stranger" if is_address(event.target) else "inside"


def _spoken(period: float) -> str:
    unit, name = next(
        (size, name)
        for size, name in ((HOUR, "hours"), (MINUTE, "minutes"), (MINUTE // 60, "seconds"))
        if period >= size or name == "seconds"
    )
    return f"{period / unit:.3g} {name}"


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    pair = _pair(event)
    if pair is None:
        return
    times = _with(memory, pair, event.time)
    memory.times.pop(pair, None)
    memory.times[pair] = times
    memory.latest[pair] = event.time
    if len(memory.times) > PAIRS:
        oldest = next(iter(memory.times))
        del memory.times[oldest], memory.latest[oldest]
    if len(times) > BEATS and (pair in memory.clocks.known or beat(times)[1] >= ON_BEAT * BEATS):
        learn_key(memory.clocks, pair, event.time, strange=strange, counted=_where(event) if ctx.counting else "")


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    return (
        f"{name_of(ctx.entity)} began to call {name_of(facts['target'])} ({facts['service']}) by a clock: "
        f"every {facts['every']}, {facts['hits']} intervals on the beat"
    )


def _call(second: float, target: str) -> Event:
    head = (int(second * 1_000_000), "flows", int(second), "asset:mes-1", FAMILY, "network.flow", "asset:mes-1", target)
    return Event(*head, object="https/443", bytes=700)


def _gaps(draws: int, mean: float) -> list[float]:
    """Starts after intervals without memory: exponential quantiles, in an order that a power residue shuffles."""
    starts, now = [], 0.0
    for step in range(1, draws + 1):
        share = pow(3, step, 1009) / 1009
        now -= mean * math.log(share)
        starts.append(now)
    return starts


QUIET: Final = [_call(start, "asset:erp-1") for start in _gaps(200, 900.0)]
LOUD: Final = [*QUIET, *(_call(QUIET[-1].time / 1e6 + 60 * turn + 4 * (turn * 7 % 3), "198.51.100.23") for turn in range(1, 40))]
