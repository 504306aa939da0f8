"""Known bad on live events: Sigma rules held against every activity event. The runtime compiles them from the folder `rules/`.

A detector of all kinds of activity, run by `detect.stream`; without rules it is in no portfolio. The judgement itself is `rules.engine`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from interferon.detect.stream_events import Event, name_of
from interferon.detect.stream_protocol import Anomaly, Context
from interferon.model.events import ACTIVITY_KINDS
from interferon.rules import plain
from interferon.rules.engine import Engine
from interferon.rules.event import Fields, fields
from interferon.rules.gate import tests_of
from interferon.rules.records import Rule, Source

NAME: Final = "rules"
FAMILY: Final = "activity"
OURS: Final = "interferon"  # product of the log source that means our own fields; its category is the kind of event

# How rarely a day of one entity is taken to show a false hit. Levels of the Sigma specification; `informational` is never to alert.
# The upper two lie below what is told while an entity is still being learnt (`StreamSettings.strong`): a rule needs no history.
LEVELS: Final = {"critical": 1e-6, "high": 1e-5, "medium": 1e-3, "low": 4e-3}
UNSAID: Final = "medium"  # level of a rule that states none
SOURCES: Final = 64  # remembered log sources; events may name any number

Reading = tuple[Source | None, Fields]  # what log an event is of (None: Windows, which says its channel), and its fields there


class SigmaRules:
    """A detector (`detect.stream_protocol`) that remembers nothing of an entity: what a rule describes is strange on the first day.

    `rules`: as `rules.parse` gives them. Each rule is told once for each entity until it was quiet for the re-arming time.
    """

    NAME, FAMILY, KINDS = NAME, FAMILY, tuple(ACTIVITY_KINDS)
    TECHNIQUES: tuple[str, ...] = ()  # each rule names its own
    QUIET: Sequence[Event] = ()  # which events are quiet and loud depends on the rules
    LOUD: Sequence[Event] = ()

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = [rule for rule in rules if rule.level in LEVELS or not rule.level]
        self._engines: dict[Source | None, Engine | None] = {}

    def memory(self) -> int:
        return 0

    def score(self, memory: Any, event: Event, ctx: Context) -> list[Anomaly]:
        found: dict[int, Fields] = {}
        for source, seen in readings(event):
            engine = self._engine(source)
            for number in engine.hits(seen) if engine is not None else ():
                found.setdefault(number, seen)
        return [_anomaly(self.rules[number], event, found[number]) for number in sorted(found)]

    def learn(self, memory: Any, event: Event, ctx: Context, strange: bool) -> None:
        """Nothing: a rule does not get used to what it describes."""

    def why(self, anomaly: Anomaly, ctx: Context) -> str:
        return f"{name_of(ctx.entity)}: {anomaly.facts['title']} (rule of level {anomaly.facts['level']})"

    def _engine(self, source: Source | None) -> Engine | None:
        """The rules for one log, or None where none reads it. Remembered: what it answers depends on the source alone."""
        if source not in self._engines:
            if len(self._engines) >= SOURCES:
                self._engines.clear()
            made = Engine(self.rules, source)
            self._engines[source] = made if len(made.unplaced) < len(self.rules) else None
        return self._engines[source]


def readings(event: Event) -> Iterator[Reading]:
    """Every way to read an event: as the log record that its attributes hold, as a process by Sigma's taxonomy, and by its own fields."""
    held = event.attributes
    if isinstance(held.get("Channel"), str) or isinstance(held.get("Event"), dict) or isinstance(held.get("winlog"), dict):
        yield None, fields(held)
    elif isinstance(said := held.get("logsource"), dict):
        parts = (said.get(name) for name in ("product", "category", "service"))
        yield (
            Source(*(part.casefold() if isinstance(part, str) else "" for part in parts)),
            {name: value for name, value in held.items() if name != "logsource"},
        )
    elif event.kind == "process.start":
        yield _process(event)
    yield Source(OURS, event.kind), _own(event)


def _own(event: Event) -> Fields:
    head = {name: getattr(event, name) for name in ("entity", "source", "target", "actor", "object", "code", "outcome", "bytes")}
    return {**event.attributes, **{name: value for name, value in head.items() if value}}


def _process(event: Event) -> Reading:
    """A program's start in the words of Sigma's category `process_creation`. A bare name counts as one in a folder that is not known."""
    system = event.text("os").casefold() or ("linux" if "/" in event.object and "\\" not in event.object else "windows")
    slash = "\\" if system == "windows" else "/"
    said = {
        "Image": _placed(event.object, slash),
        "ParentImage": _placed(event.text("parent"), slash),
        "CommandLine": event.text("command_line"),
        "User": name_of(event.actor),
        "ProcessId": event.text("pid"),
        "ParentProcessId": event.text("ppid"),
        "Computer": event.text("host") or name_of(event.entity),
    }
    return Source(system, "process_creation"), {name: value for name, value in said.items() if value}


def _placed(image: str, slash: str) -> str:
    return image if not image or "\\" in image or "/" in image else slash + image


def _anomaly(rule: Rule, event: Event, seen: Fields) -> Anomaly:
    level = rule.level or UNSAID
    return Anomaly(
        kind=f"rule.{level}.{rule.id}",
        key=rule.id,
        p=LEVELS[level],
        parts=_parts(rule, seen),
        facts={"title": rule.title, "level": level},
        related=(event.source, event.target, event.actor),
        techniques=rule.techniques,
        absolute=True,
    )


def _parts(rule: Rule, seen: Fields) -> dict[str, float]:
    """The fields whose tests hold, alike; the rule itself where another name of a field was meant."""
    event = plain.Seen(seen)
    names = {test.field or "keywords" for test in tests_of(rule.condition) if plain.closure(test)(event)}
    return dict.fromkeys(sorted(names) or ["rule"], 1.0)
