"""Logins: new place, device, method, source or hour; impossible travel; bursts of failures and the success that follows one.

A detector of `auth.login`, run by `detect.stream`; the entity may be the identity or the machine, each learns its own habits.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, MINUTE, Event, is_external, name_of
from interferon.detect.stream_memory import Novelty, Tally, add, is_new, learn_key, tail_of_count, tail_of_hour
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_logins"
FAMILY: Final = "activity"
KINDS: Final = ("auth.login",)
TECHNIQUES: Final = ("T1078", "T0859")  # valid accounts, enterprise and ICS

# feature → (first-seen values a day of a settled account: the prior; chance that it is new too, given that something rarer is)
FEATURES: Final = {
    "country": (0.004, 0.1),
    "mfa": (0.004, 0.15),
    "method": (0.01, 0.2),
    "device": (0.02, 0.3),
    "source": (0.03, 0.4),
    "target": (0.03, 0.4),
    "actor": (0.03, 0.4),
}
TRAVEL: Final = 6 * HOUR  # two countries within this time cannot both be the person (or one of them is a relay)
BURST: Final = 10 * MINUTE
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
    found = _unusual(memory, event, ctx, facts, related)
    recent = [time for time in memory.failures if event.time - time < BURST]
    if len(recent) >= 5:
        p = min(1e-3, 3.0 ** -len(recent)) * (0.1 if found is not None else 1.0)
        guessed = {**facts, "count": str(len(recent))}
        parts = {"failures": float(len(recent)), "outcome": 1.0}
        kind = "login.guessed"
        return [Anomaly(kind=kind, key="guessed", p=max(p, 1e-8), parts=parts, facts=guessed, related=related, techniques=("T1110",))]
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
    """The rarest new feature sets the rate; each further one multiplies by how often it is new along with another."""
    features = _features(event)
    seen = {key[0] for key in memory.values.known}
    new = {name: value for name, value in features.items() if name in seen and is_new(memory.values, (name, value))}
    tails = {name: tail_of_count(1, FEATURES[name][0], memory.values.news.get(name, 0.0), ctx.days) for name in new}
    parts = {name: 1.0 / FEATURES[name][1] for name in new}
    odds = 1.0
    hour = _hour_share(memory, event.time)
    if hour < 0.02:
        parts["hour"] = 2.0
        odds *= max(hour * 24, 0.1) if new else 1.0
    if _travelled(memory, features.get("country", ""), event.time):
        parts["travel"] = 10.0
        odds *= 0.05 if "country" in new else 0.5
    if is_external(event.source) and "source" in new and not event.text("country"):
        odds *= 0.3
        parts["outside"] = 3.0
    if not new:
        if "travel" not in parts:
            return None
        tails["travel"] = 0.01
    least = min(tails, key=lambda name: (tails[name], name))
    for name in new:
        odds *= FEATURES[name][1] if name != least else 1.0
    told = {**facts, "new": ", ".join([*new, *(part for part in ("hour", "travel") if part in parts)])}
    key = "|".join(f"{name}={value}" for name, value in new.items()) or "travel"
    return Anomaly(kind="login.unusual", key=key, p=max(tails[least] * odds, 1e-10), parts=parts, facts=told, related=related)


def _hour_share(memory: Memory, time: int) -> float:
    """Share of this account's logins at this hour of the day or the hours beside it, smoothed; 1 while there are too few."""
    total = sum(memory.hours)
    if total < HABIT:
        return 1.0
    hour = time // HOUR % 24
    near = sum(memory.hours[(hour + step) % 24] for step in (-1, 0, 1))
    return (near + 0.1) / (total + 1.0)


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
