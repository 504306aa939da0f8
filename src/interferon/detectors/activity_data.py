"""Access to data: an account that reads or changes what it never touched and its peers do not either, and many such things at once.

A detector of `file.access`, run by `detect.stream`; the entity is the host. Calls of interfaces are judged by `activity_volume`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, name_of
from interferon.detect.stream_memory import SETTLE, Novelty, is_fresh, is_new, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context, Habit

NAME: Final = "activity_data"
FAMILY: Final = "activity"
KINDS: Final = ("file.access",)
TECHNIQUES: Final = ("T1005", "T1039", "T1213")  # data from local system, network shared drive, information repositories

RATES: Final = {"read": 0.04, "change": 0.02}  # (account, place) pairs that are new on a settled host, a day: the prior
JOINED: Final = 0.05  # a day, that an account takes up what all of its host's peers have long seen
STRANGER: Final = 0.3  # given a new pair, the account itself never touched anything here
PLACE: Final = 0.4  # given a new pair, nobody ever touched this place on the host
SPREE: Final = 4  # new pairs within an hour before they are told of together


@dataclass
class Memory:
    pairs: Novelty = field(default_factory=Novelty)  # (account, read or change, place)
    accounts: Novelty = field(default_factory=Novelty)
    places: Novelty = field(default_factory=Novelty)
    fresh: list[int] = field(default_factory=list)  # times of new pairs within the last hour


def memory() -> Memory:
    return Memory()


def place_of(path: str) -> str:
    """The part of a path that stands for its contents: two folders deep, the server and share of a network path, or the name itself."""
    parts = [part for part in path.replace("\\", "/").lower().split("/") if part]
    deep = path.startswith(("/", "\\")) or "/" in path or "\\" in path
    return "/".join(parts[:2] if deep and len(parts) > 2 else parts[:1] if deep and len(parts) > 1 else parts)[:120]


def _key(event: Event) -> tuple[str, str, str] | None:
    place = place_of(event.object)
    return (event.actor, "read" if event.code == "read" else "change", place) if place else None


def habits(event: Event, peers: Mapping[str, str]) -> list[Habit]:
    """What hosts of one kind share: the account and what it does where."""
    key = _key(event)
    return [key] if key else []


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    key = _key(event)
    if key is None or not memory.pairs.known or not is_fresh(memory.pairs, key, event.time):
        return []
    actor, verb, place = key
    shared, parts, odds = ctx.peers_with(NAME, key), {verb: 1.0}, 1.0
    if actor and is_new(memory.accounts, (actor,)):
        odds, parts["actor"] = odds * STRANGER, 1.2
    if is_new(memory.places, (place,)):
        odds, parts["object"] = odds * PLACE, 1.0
    p = min(1.0, odds * tail_of_count(1, RATES[verb], memory.pairs.news.get(verb, 0.0), ctx.days, strength=SETTLE) + JOINED * shared)
    facts = {"actor": actor, "verb": verb, "place": place, "days": f"{ctx.age / DAY:.0f}", "shared": "yes" if shared else ""}
    related = (event.source, event.actor)
    techniques = TECHNIQUES if verb == "read" else ("T1565", "T1485")
    first = Anomaly(kind=f"data.first_{verb}", key="|".join(key), p=p, parts=parts, facts=facts, related=related, techniques=techniques)
    return [first, *_spree(memory, event, ctx, facts, related)]


def _spree(memory: Memory, event: Event, ctx: Context, facts: dict[str, str], related: tuple[str, ...]) -> list[Anomaly]:
    count = 1 + sum(event.time - time < HOUR for time in memory.fresh)
    if count < SPREE:
        return []
    seen = memory.pairs.news.get("read", 0.0) + memory.pairs.news.get("change", 0.0)
    p = min(1.0, 24 * tail_of_count(count, sum(RATES.values()), seen, ctx.days, window=1 / 24))
    told = {**facts, "count": str(count)}
    return [Anomaly(kind="data.spree", key="spree", p=p, parts={"objects": 1.0}, facts=told, related=related)]


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    key = _key(event)
    if key is None:
        return
    actor, verb, place = key
    if is_new(memory.pairs, key):
        memory.fresh = [*(time for time in memory.fresh if event.time - time < HOUR), event.time][-32:]
    learn_key(memory.pairs, key, event.time, strange=strange, counted=verb if ctx.counting else "")
    learn_key(memory.accounts, (actor,), event.time, strange=strange)
    learn_key(memory.places, (place,), event.time, strange=strange)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    who = name_of(facts["actor"]) or "someone"
    if anomaly.kind == "data.spree":
        return f"{facts['count']} first accesses on {entity} within an hour, the last by {who} to {facts['place']}"
    verb = "read" if facts["verb"] == "read" else "changed"
    peers = "" if facts["shared"] else "; no host like it knows that either"
    return f"{who} {verb} {facts['place']} on {entity} for the first time in {facts['days']} days{peers}"


def _access(hour: float, actor: str, path: str, code: str = "read") -> Event:
    head = (int(hour * HOUR), "edr", int(hour * 60), "asset:file-1", FAMILY, "file.access", "", "", actor)
    return Event(*head, path, code, "success", attributes={"files": 3, "entropy": 4.4})


QUIET: Final = [
    _access(hour, "identity:anna" if hour % 2 else "identity:svc", f"/{'orders' if hour % 2 else 'reports'}/2026/{hour}.csv")
    for hour in range(24 * 12)
]
LOUD: Final = [*QUIET, _access(24 * 12, "identity:temp", "/recipes/2026/line-4.xml")]
