"""Log messages: templates never seen on this entity, more of one than any hour had, and messages in an order they never had.

A detector of `log.message`, run by `detect.stream`; `detect.stream_templates` mines the templates as the messages come.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, name_of
from interferon.detect.stream_memory import SETTLE, Novelty, Tally, add, is_new, learn_key, tail_of_count, tail_of_hour
from interferon.detect.stream_protocol import Anomaly, Context
from interferon.detect.stream_templates import Templates, match, take, words_of

NAME: Final = "activity_templates"
FAMILY: Final = "activity"
KINDS: Final = ("log.message",)
TECHNIQUES: Final = ("T1190", "T1068", "T1070")  # exploit of a public application, for privileges; indicator removal

NEW: Final = 0.05  # templates a day that a settled program has not told before: the prior
TURNS: Final = 0.5  # new orders of known messages a day: the prior
GRAVE: Final = {"emerg", "emergency", "alert", "crit", "critical", "fatal", "err", "error", "0", "1", "2", "3"}  # severities of RFC 5424
WORDS: Final = ("denied", "unauthori", "fail", "fatal", "panic", "segfault", "corrupt", "disabled", "exploit", "overflow", "tamper", "root")
CHANNELS: Final = 64  # programs or channels whose last message is held
TALLIES: Final = 128  # templates with an hourly level of their own
WARM, LEAST = 24, 20.0  # hours with a template before its level means something; fewer messages an hour harm nobody
FEW: Final = 4  # new orders within an hour before they are told of


@dataclass
class Memory:
    templates: Templates = field(default_factory=Templates)
    known: Novelty = field(default_factory=Novelty)  # (number,) of templates
    last: dict[str, int] = field(default_factory=dict)  # channel → template of its last message
    orders: Novelty = field(default_factory=Novelty)  # (channel, template, next template)
    turned: list[int] = field(default_factory=list)  # times of new orders within the last hour
    hours: dict[int, Tally] = field(default_factory=dict)  # template → messages an hour


def memory() -> Memory:
    return Memory()


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    message = event.text("message")
    if not message:
        return []
    number = match(memory.templates, words_of(message))
    facts = {"message": _line(message), "channel": event.object, "days": f"{ctx.age / DAY:.0f}"}
    related = (event.source, event.actor)
    if number is None or is_new(memory.known, (str(number),)):
        return [_first(memory, event, ctx, message, facts, related)]
    found = [_rate(memory, event, number, facts, related), _order(memory, event, ctx, number, facts, related)]
    return [anomaly for anomaly in found if anomaly is not None]


def _line(message: str) -> str:
    """A message as it may stand in a sentence: one line, not long, nothing unprintable."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in message[:400]).split())
    return text if len(text) <= 100 else text[:99] + "…"


def _first(memory: Memory, event: Event, ctx: Context, message: str, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly:
    """A template of its own; one that speaks of failure or harm is rarer still among the new ones."""
    p, parts = tail_of_count(1, NEW, memory.known.news.get("template", 0.0), ctx.days, strength=SETTLE), {"message": 1.0}
    if event.text("severity").lower() in GRAVE:
        p, parts["severity"] = p * 0.3, 1.2
    if any(word in message.lower() for word in WORDS):
        p, parts["words"] = p * 0.3, 1.2
    key = "new|" + " ".join(words_of(message)[:6])
    return Anomaly(kind="message.first_seen", key=key, p=p, parts=parts, facts=facts, related=related)


def _rate(memory: Memory, event: Event, number: int, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    tally = memory.hours.get(number)
    if tally is None or tally.level.n < WARM or event.time // HOUR != tally.hour:
        return None
    total = tally.total + 1.0
    if total < LEAST or total <= tally.level.high:
        return None
    # every template is looked at; besides the fitted tail: a record hour comes once in n, and falls like a Pareto tail of index 2
    record = 0.24 / (tally.level.n + 1) * (tally.level.high / total) ** 2
    p = min(1.0, len(memory.hours) * max(tail_of_hour(tally, event.time, 1.0), record))
    told = {**facts, "count": f"{total:.0f}", "high": f"{tally.level.high:.0f}"}
    return Anomaly(
        kind="message.rate", key=f"rate|{number}", p=p, parts={"rate": 1.0}, facts=told, related=related, techniques=("T1499", "T1110")
    )


def _order(memory: Memory, event: Event, ctx: Context, number: int, facts: dict[str, str], related: tuple[str, ...]) -> Anomaly | None:
    """Known messages, but after others than ever before, several times within an hour: a program does what it never did."""
    before = memory.last.get(event.object)
    if before is None or not is_new(memory.orders, (event.object, str(before), str(number))):
        return None
    count = 1 + sum(event.time - time < HOUR for time in memory.turned)
    if count < FEW:
        return None
    p = min(1.0, 24 * tail_of_count(count, TURNS, memory.orders.news.get("order", 0.0), ctx.days, window=1 / 24))
    told = {**facts, "count": str(count)}
    return Anomaly(kind="message.order", key="order", p=p, parts={"order": 1.0}, facts=told, related=related)


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    message = event.text("message")
    if not message:
        return
    number = take(memory.templates, words_of(message))
    key, channel = (str(number),), event.object
    fresh = is_new(memory.known, key)
    learn_key(memory.known, key, event.time, strange=strange, counted="template" if ctx.counting else "")
    before = memory.last.pop(channel, None)
    memory.last[channel] = number
    if len(memory.last) > CHANNELS:
        del memory.last[next(iter(memory.last))]
    if before is not None:
        _learn_order(memory, (channel, str(before), str(number)), event, ctx, fresh or strange)
    if number in memory.hours or len(memory.hours) < TALLIES:
        add(memory.hours.setdefault(number, Tally()), event.time, 1.0, strange=strange)


def _learn_order(memory: Memory, order: tuple[str, str, str], event: Event, ctx: Context, explained: bool) -> None:
    """A new message brings new orders with it: those are not counted again."""
    if is_new(memory.orders, order) and not explained:
        memory.turned = [*(time for time in memory.turned if event.time - time < HOUR), event.time][-32:]
    learn_key(memory.orders, order, event.time, strange=False, counted="order" if ctx.counting and not explained else "")


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    by = f" by {facts['channel']}" if facts["channel"] else ""
    if anomaly.kind == "message.rate":
        return (
            f"“{facts['message']}” was logged {facts['count']} times on {entity}{by} within the hour, at most {facts['high']} times before"
        )
    if anomaly.kind == "message.order":
        return f"Messages of {entity}{by} came in {facts['count']} new orders within an hour, the last was “{facts['message']}”"
    return f"{entity} logged “{facts['message']}”{by}, the first of its kind in {facts['days']} days"


def _said(second: int, message: str, severity: str = "info") -> Event:
    head = (second * 1_000_000, "syslog", second, "asset:srv-3", FAMILY, "log.message", "", "", "", "sshd")
    return Event(*head, attributes={"message": message, "severity": severity})


def _session(second: int, user: str) -> list[Event]:
    lines = (
        "Accepted publickey for {} from 10.0.0.7 port 50{:02d}",
        "session opened for user {} uid={:d}",
        "session closed for user {} after {:d}s",
    )
    return [_said(second + 7 * place, line.format(user, second % 60)) for place, line in enumerate(lines)]


QUIET: Final = [event for turn in range(600) for event in _session(1800 * turn, ("anna", "ben", "carla")[turn % 3])]
LOUD: Final = [*QUIET, _said(1800 * 600, "error: PAM module disabled, unauthorized root access to service backup", "err")]
