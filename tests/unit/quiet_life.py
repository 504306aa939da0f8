"""Ordinary life of one entity, made up and seeded, and the least p of each of its days. Used by the calibration tests.

The rates and laws here are the world's, not the detectors': lognormal, exponential or uniform, with novelties about as often as people
and machines show them.
"""

import random
from collections.abc import Callable
from typing import Any

from interferon.detect.stream_events import DAY, Event
from interferon.detect.stream_protocol import Context

Life = Callable[[random.Random, str, int], list[Event]]  # draws, entity, days → events in order
ALPHA = 0.005
LEVELS = (0.001, ALPHA, 0.02, 0.1)


def daily(detector: Any, events: list[Event], days: int) -> dict[str, list[float]]:
    """Kind of finding → the least p of each day after the first. What would be told counts as strange, as in `stream`."""
    memory, told, least = detector.memory(), dict[str, int](), dict[str, list[float]]()
    for number, event in enumerate(events):
        ctx = Context(event.entity, event.time, event.time, DAY, {}, {}, "")
        scored = detector.score(memory, event, ctx)
        swept = detector.sweep(memory, ctx) if hasattr(detector, "sweep") and number % 8 == 0 else []
        detector.learn(memory, event, ctx, not ctx.learning and any(anomaly.p <= ALPHA for anomaly in scored))
        for anomaly in (*scored, *swept):
            day = event.time // DAY
            if day and event.time - told.get(anomaly.key, -DAY) >= DAY:  # the same thing that goes on is one thing
                held = least.setdefault(anomaly.kind, [1.0] * days)
                held[day] = min(held[day], anomaly.p)
            if anomaly.p <= ALPHA:
                told[anomaly.key] = event.time
    return least


def shares_below(detector: Any, life: Life, *, entities: int, days: int, seed: int = 7) -> dict[str, dict[float, float]]:
    """Kind of finding → level → share of entity-days whose least p is at or below it."""
    draw, counts = random.Random(seed), dict[str, dict[float, float]]()
    for number in range(entities):
        for kind, least in daily(detector, life(draw, f"asset:e{number}", days), days).items():
            held = counts.setdefault(kind, dict.fromkeys(LEVELS, 0.0))
            for level in LEVELS:
                held[level] += sum(p <= level for p in least) / (entities * (days - 1))
    return counts


def at(time: float, entity: str, family: str, kind: str, **fields: Any) -> Event:
    """An event at `time` days; its offset follows from its time."""
    return Event(int(time * DAY), "f", int(time * DAY / 1000), entity, family, kind, **fields)


def ordered(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.time, event.offset))


def moments(draw: random.Random, per_day: float, days: int) -> list[float]:
    """Times of a Poisson process, in days."""
    times, now = [], draw.expovariate(per_day)
    while now < days:
        times.append(now)
        now += draw.expovariate(per_day)
    return times


def novel(draw: random.Random, known: list[str], rate: float, per_day: float) -> str:
    """One of the last of the known values, or, so many times a day, a new one."""
    if draw.random() < rate / per_day:
        known.append(f"{known[0]}-{draw.randrange(10**9)}")
    return draw.choice(known[-4:])


def calls_without_clock(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Conversations at exponential or lognormal intervals, none by a clock."""
    events = []
    for pair in range(5):
        mean, now = draw.choice((300.0, 900.0, 3600.0)), 0.0
        heavy = draw.random() < 0.5
        while now < days * 86_400:
            events.append(at(now / 86_400, entity, "activity", "network.flow", source=entity, target=f"asset:p{pair}", object="https/443"))
            now += mean * draw.lognormvariate(0, 1.0) if heavy else draw.expovariate(1 / mean)
    return ordered(events)


def shipments(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Loads at random times with lognormal lead times; 1 in 2000 is lost."""
    events, spread = [], draw.uniform(0.05, 0.5)
    for number, left in enumerate(moments(draw, draw.choice((2.0, 6.0)), days)):
        load = {"order": f"o-{number}", "product": "p", "quantity": 10.0}
        events.append(at(left, entity, "trade", "shipment.departed", **load))
        came = left + draw.lognormvariate(0, spread)
        if came < days and draw.random() > 1 / 2000:
            events.append(at(came, entity, "trade", "shipment.arrived", promised=int((left + 1.2) * DAY), **load))
    return ordered(events)


def orders(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Orders of lognormal size at a price that barely moves; now and then to a new address."""
    addresses, price = ["dc"], draw.uniform(5, 50)
    return [
        at(
            time,
            entity,
            "trade",
            "order.placed",
            order=f"o-{number}",
            product=f"p-{draw.randrange(3)}",
            quantity=float(round(draw.lognormvariate(4, 0.4)) + 1),
            partner="c",
            destination=novel(draw, addresses, 0.005, 6.0),
            attributes={"price": round(price * draw.uniform(0.98, 1.02), 2)},
        )
        for number, time in enumerate(moments(draw, 6.0, days))
    ]


def messages(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Log lines of a few programs with users and numbers in them; a new sentence about once a month."""
    verbs = [f"word{n} {' '.join(f'part{n}x{k}' for k in range(2 + n % 5))}" for n in range(12)]
    events = []
    for time in moments(draw, 200.0, days):
        text = novel(draw, verbs, 0.03, 200.0) if draw.random() < 0.2 else verbs[min(int(draw.expovariate(0.4)), 11)]
        spoken = f"{text.replace('-', ' ')} user={draw.choice('abcdef')} took {draw.randrange(9999)} ms"
        events.append(at(time, entity, "activity", "log.message", object="svc", attributes={"message": spoken, "severity": "info"}))
    return events


def accesses(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Two accounts and a few folders; a new pair of them about once a month."""
    places, accounts = ["/orders"], ["svc"]
    return [
        at(
            time,
            entity,
            "activity",
            "file.access",
            actor=novel(draw, accounts, 0.01, 12.0),
            object=novel(draw, places, 0.02, 12.0),
            code="read",
        )
        for time in moments(draw, 12.0, days)
    ]


def tool_calls(draw: random.Random, entity: str, days: int) -> list[Event]:
    """An agent with five tools in any order, lognormal tokens, and one call in a hundred refused."""
    return [
        at(
            time,
            entity,
            "activity",
            "api.call",
            actor="svc.agent",
            object=f"tool-{draw.randrange(5)}",
            code="GET",
            outcome="failure" if draw.random() < 0.01 else "success",
            attributes={"tokens": int(draw.lognormvariate(7, 0.6)), "scope": "orders", "model": "m"},
        )
        for time in moments(draw, 40.0, days)
    ]


def logins(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Four logins a day from a few places; new values about as often as people show them, often together."""
    known = {"country": ["C"], "device": ["d"], "source": ["asset:s"]}
    events = []
    for day in range(days):
        for hour in sorted(draw.choice((7, 8, 9, 10, 13, 15, 16)) + draw.random() for _ in range(4)):
            values, new = {}, False
            for name, rate, along in (("country", 0.003, 0.1), ("device", 0.006, 0.25), ("source", 0.02, 0.35)):
                if draw.random() < (along if new else rate / 4):
                    known[name].append(f"{known[name][0]}{draw.randrange(10**9)}")
                    new = True
                    values[name] = known[name][-1]
                else:
                    values[name] = draw.choice(known[name][-3:])
            source = values.pop("source")
            who = entity.replace("asset", "identity")
            fields: dict[str, Any] = {"source": source, "target": "asset:erp", "actor": who, "outcome": "success"}
            events.append(at(day + hour / 24, who, "activity", "auth.login", attributes={**values, "method": "password"}, **fields))
    return events


def commands(draw: random.Random, entity: str, days: int) -> list[Event]:
    """Writes of normal values to six registers by one operator's console."""
    return [
        at(
            time,
            entity,
            "activity",
            "ot.command",
            source="asset:hmi",
            target=entity,
            object=f"holding:{100 + draw.randrange(6)}",
            code="write_register",
            attributes={"value": round(draw.gauss(50, 4), 2)},
        )
        for time in moments(draw, 24.0, days)
    ]


def processes(draw: random.Random, entity: str, days: int) -> list[Event]:
    """A scheduler's jobs, each of which starts a helper; a new helper about once a month."""
    helpers, events = ["zip"], []
    for number, time in enumerate(moments(draw, 20.0, days)):
        job = f"job{draw.randrange(3)}.exe"
        first = {"parent": "svchost.exe", "pid": f"{number}a", "ppid": "1"}
        events.append(at(time, entity, "activity", "process.start", object=job, attributes=first))
        second = {"parent": job, "pid": f"{number}b", "ppid": f"{number}a"}
        helper = novel(draw, helpers, 0.03, 20.0)
        events.append(at(time + 0.0001, entity, "activity", "process.start", object=helper, attributes=second))
    return ordered(events)
