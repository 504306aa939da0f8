"""Logins: the likelihood ratio of new place, device, method, source, hour and impossible travel; failures, and the success after them.

A detector of `auth.login`, run by `detect.stream`; the entity may be the identity or the machine, each learns its own habits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import structs

from interferon.detect.stream_events import DAY, HOUR, MINUTE, Event, is_external, name_of
from interferon.detect.stream_memory import SETTLE, Novelty, Tally, add, is_fresh, learn_key, tail_of_count, tail_of_hour
from interferon.detect.stream_protocol import Anomaly, Context, Habit
from interferon.detect.stream_risk import Trait, ratio_parts, tail_of_ratio

NAME: Final = "activity_logins"
FAMILY: Final = "activity"
KINDS: Final = ("auth.login",)
TECHNIQUES: Final = ("T1078", "T0859")  # valid accounts, enterprise and ICS

# feature → (first-seen values a day of a settled account: the prior; chance that it is new too, given that something before it is;
# chance that it is new where an intruder has the account: it only ranks)
FEATURES: Final = {
    "country": (0.004, 0.1, 0.85),
    "mfa": (0.002, 0.15, 0.5),
    "method": (0.01, 0.2, 0.3),
    "device": (0.008, 0.3, 0.6),
    "source": (0.03, 0.4, 0.6),
    "target": (0.03, 0.4, 0.5),
    "actor": (0.03, 0.4, 0.3),
}
TRAVELS: Final = 0.005  # a day, that ordinary life seems to be in two countries at once: relays
JOINED: Final = 0.02  # a day, that an account takes up what all of its peers have
TRAVEL: Final = 6 * HOUR  # two countries within this time cannot both be the person (or one of them is a relay)
BURST: Final = 10 * MINUTE
RARE: Final = 0.02  # share of an account's logins that may fall into its odd hours
NEWCOMER: Final = 0.005  # accounts a day and account that log in for the first time ever
SHARED: Final = ("country", "method", "mfa")  # what a newcomer can be compared in with its peers
SETTLED: Final = 0.2  # share of peers with one of a newcomer's ways that shows that there are ways to compare with
HABIT: Final = 20  # logins after which the hours of an account mean something


@dataclass
class Memory:
    values: Novelty = field(default_factory=Novelty)  # (feature, value)
    hours: list[float] = field(default_factory=lambda: [0.0] * 24)
    country: str = ""
    country_at: int = 0
    failures: list[int] = field(default_factory=list)  # times within BURST
    failed: Tally = field(default_factory=Tally)


def memory() -> Memory:
    return Memory()


def _features(event: Event) -> dict[str, str]:
    values = {name: event.text(name) for name in ("country", "mfa", "method", "device")}
    values |= {"source": event.source, "target": event.target, "actor": event.actor}
    return {name: value for name, value in values.items() if value and value != event.entity}


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    related = (event.source, event.target, event.actor)
    facts = {"actor": event.actor or ctx.entity, "source": event.source, "target": event.target, "days": f"{ctx.age / DAY:.0f}"}
    if event.outcome == "failure":
        return _failing(memory, event, facts, related)
    found = _unusual(memory, event, ctx, facts, related) if memory.values.known else _newcomer(event, ctx, facts, related)
    recent = [time for time in memory.failures if event.time - time < BURST]
    if len(recent) >= 5:
        p = min(1e-3, 3.0 ** -len(recent)) * (0.1 if found is not None else 1.0)
        guessed = {**facts, "count": str(len(recent))}
        parts = {"failures": float(len(recent)), "outcome": 1.0}
        guess = Anomaly(
            kind="login.guessed", key="guessed", p=max(p, 1e-8), parts=parts, facts=guessed, related=related, techniques=("T1110",)
        )
        return [structs.replace(guess, absolute=found is not None and found.absolute)]
    return [found] if found is not None else []


def _failing(memory: Memory, event: Event, facts: dict[str, str], related: tuple[str, ...]) -> list[Anomaly]:
    """More failures within ten minutes than a forgotten password gives, judged by the failures of other hours too."""
    count = 1 + sum(event.time - time < BURST for time in memory.failures)
    if count < 6:
        return []
    p = max(1e-8, 0.3**count)  # people give up: each further wrong try in one sitting is made by about a third of them
    if memory.failed.level.n >= 12:
        p = max(p, tail_of_hour(memory.failed, event.time, 1.0))
    told = {**facts, "count": str(count)}
    return [
        Anomaly(kind="login.failures", key="failures", p=p, parts={"failures": 1.0}, facts=told, related=related, techniques=("T1110",))
    ]


def _unusual(memory: Memory, event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """The likelihood ratio of all that is new about this login, against how often this account's own life reaches it in a day."""
    features = _features(event)
    traits = _traits(memory, event, ctx, features)
    shown = [trait.name for trait in traits if trait.shown]
    if not shown or shown == ["hour"]:
        return None
    p = min(1.0, _per_day(memory, ctx) * tail_of_ratio(traits))
    told = {**facts, "new": ", ".join(name for name in shown if name != "outside")}
    key = "|".join(f"{name}={features[name]}" for name in shown if name in features) or "travel"
    return Anomaly(kind="login.unusual", key=key, p=max(p, 1e-10), parts=ratio_parts(traits), facts=told, related=related)


def _newcomer(event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """The first login of an account that nobody has seen: what none of its peers does, given that it is new.

    It has no life of its own yet, so it is told while it is learnt, and only where its peers have settled ways.
    """
    values = {name: event.text(name) for name in SHARED if event.text(name)}
    shares = {name: ctx.peers_with(NAME, (name, value)) for name, value in values.items()}
    strange = [name for name, share in shares.items() if share == 0.0]
    if not strange or max(shares.values()) < SETTLED:
        return None
    p = NEWCOMER * math.prod(FEATURES[name][1] for name in strange)
    parts = {"account": 1.0, **{name: -math.log(FEATURES[name][1]) for name in strange}}
    told = {**facts, "new": ", ".join(["account", *strange])}
    key = "|".join(["newcomer", *(f"{name}={values[name]}" for name in strange)])
    return Anomaly(kind="login.unusual", key=key, p=p, parts=parts, facts=told, related=related, absolute=True)


def habits(event: Event, peers: Mapping[str, str]) -> list[Habit]:
    """What accounts share: countries, ways to log in, hours. Devices are one's own."""
    shared = [(name, event.text(name)) for name in ("country", "method", "mfa") if event.text(name)]
    return [] if event.outcome == "failure" else [*shared, ("hour", str(event.time // HOUR % 24))]


def _traits(memory: Memory, event: Event, ctx: Context, features: dict[str, str]) -> list[Trait]:
    """Features that this account has shown before, in the order of how seldom they change; then hour, travel and an unnamed outside."""
    seen, per_day = {key[0] for key in memory.values.known}, _per_day(memory, ctx)
    traits = []
    for name, value in features.items():
        if name not in seen:
            continue
        rate, along, intruder = FEATURES[name]
        usual = tail_of_count(1, rate, memory.values.news.get(name, 0.0), ctx.days, strength=SETTLE) + JOINED * ctx.peers_with(
            NAME, (name, value)
        )
        traits.append(Trait(name, is_fresh(memory.values, (name, value), event.time), min(usual / per_day, 0.9), along, intruder))
    new = {trait.name for trait in traits if trait.shown}
    odd, usual = _odd_hours(memory, ctx)
    if odd:
        traits.append(Trait("hour", event.time // HOUR % 24 in odd, usual, usual, len(odd) / 24))
    if memory.country and features.get("country"):
        travelled = _travelled(memory, features["country"], event.time)
        traits.append(Trait("travel", travelled, TRAVELS / per_day, 0.05 if "country" in new else 0.5, 0.5))
    if "source" in new:
        traits.append(Trait("outside", is_external(event.source), 0.3, 0.3, 0.8))
    return traits


def _per_day(memory: Memory, ctx: Context) -> float:
    return max(sum(memory.hours) / max(ctx.age / DAY, 1.0), 1.0)


def _odd_hours(memory: Memory, ctx: Context) -> tuple[set[int], float]:
    """The hours of the day in which the account hardly ever logs in, and the share of its logins that fall there all the same.

    An hour counts with those beside it; what peers do in it is worth one login of one's own.
    """
    if sum(memory.hours) < HABIT:
        return set(), 0.0
    near = [sum(memory.hours[(hour + step) % 24] for step in (-1, 0, 1)) / 3 for hour in range(24)]
    near = [count + 0.02 + ctx.peers_with(NAME, ("hour", str(hour))) for hour, count in enumerate(near)]
    odd, share = set(), 0.0
    for hour in sorted(range(24), key=lambda hour: (near[hour], hour)):
        if share + near[hour] / sum(near) > RARE:
            break
        odd.add(hour)
        share += near[hour] / sum(near)
    return odd, share


def _travelled(memory: Memory, country: str, time: int) -> bool:
    return bool(country and memory.country) and country != memory.country and time - memory.country_at < TRAVEL


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    memory.failures = [time for time in memory.failures if event.time - time < BURST][-99:]
    if event.outcome == "failure":
        memory.failures.append(event.time)
        add(memory.failed, event.time, 1.0, strange=strange)
        return
    for name, value in _features(event).items():
        learn_key(memory.values, (name, value), event.time, strange=strange, counted=name if ctx.counting else "")
    if not strange:
        memory.hours[event.time // HOUR % 24] += 1.0
        if event.text("country"):
            memory.country, memory.country_at = event.text("country"), event.time


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    who, where = name_of(facts["actor"]), name_of(facts["target"] or ctx.entity)
    source = f" from {name_of(facts['source'])}" if facts["source"] else ""
    if anomaly.kind == "login.failures":
        return f"{facts['count']} failed logins of {who}{source} at {where} within ten minutes"
    if anomaly.kind == "login.guessed":
        return f"{who} logged in{source} to {where} right after {facts['count']} failures"
    return f"{who} logged in{source} to {where}, unusual in {facts['new']} after {facts['days']} days of habit"


def _login(hour: float, country: str, device: str, source: str) -> Event:
    attributes = {"country": country, "device": device, "method": "password", "mfa": True}
    head = (int(hour * HOUR), "idp", int(hour * 60), "identity:anna", FAMILY, "auth.login", source, "asset:erp-1", "identity:anna")
    return Event(*head, outcome="success", attributes=attributes)


QUIET: Final = [_login(24 * day + hour, "DE", "laptop-4", "asset:ws-4") for day in range(5) for hour in (7, 8, 10, 13, 15)]
LOUD: Final = [*QUIET, _login(24 * 5 + 2, "BR", "unknown", "203.0.113.9")]
