"""Files of events through the rules: what `interferon rules run` does, and what `interferon bench rules` measures.

Reads files and the clock of the processor; the judgement is `rules.engine`.
"""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from interferon.rules.engine import Engine
from interferon.rules.event import Fields, fields
from interferon.rules.records import Rule
from interferon.store.event_files import Unread, chunks

TIMES: Final = ("@timestamp", "EventTime", "TimeCreated_SystemTime", "TimeCreated", "UtcTime")
HOSTS: Final = ("Computer", "Hostname", "host")


@dataclass
class Tally:
    """What one source held: events, hits by rule (its place among the rules), what was not read; seconds of clock and processor."""

    source: Path
    events: int = 0
    hits: Counter[int] = field(default_factory=Counter)
    unread: Unread = field(default_factory=Unread)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def rules(self, engine: Engine) -> list[Rule]:
        """The rules that fired, in their own order."""
        return [engine.rules[number] for number in sorted(self.hits)]


@dataclass(frozen=True)
class Hit:
    """One rule that fired on one event. `line`: where the event stands in `where`; 0 in a file that is not written in lines."""

    where: str
    line: int
    event: Fields
    rule: Rule

    def record(self) -> dict[str, Any]:
        """The line for the file of hits."""
        found = {
            "source": self.where,
            "line": self.line or None,
            "time": _first(self.event, TIMES),
            "host": _first(self.event, HOSTS),
            "channel": self.event.get("Channel"),
            "event_id": self.event.get("EventID"),
            "rule": self.rule.id,
            "title": self.rule.title,
            "level": self.rule.level,
            "techniques": self.rule.techniques,
        }
        return {name: value for name, value in found.items() if value is not None}


def _first(event: Fields, names: tuple[str, ...]) -> Any:
    return next((event[name] for name in names if event.get(name) is not None), None)


def run(engine: Engine, source: Path, told: Callable[[Hit], None] | None = None) -> Tally:
    """Judges one file, from its bytes on; `told` hears of each hit in the order of the file."""
    tally = Tally(source)
    started, worked = time.perf_counter(), time.process_time()
    gc.freeze()  # the rules are many objects that stay: no sweep of the short-lived events need pass over them
    try:
        _judge(engine, source, tally, told)
    finally:
        gc.unfreeze()
    tally.seconds, tally.cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    return tally


def _judge(engine: Engine, source: Path, tally: Tally, told: Callable[[Hit], None] | None) -> None:
    judge, hits = engine.hits, tally.hits
    for chunk in chunks(source, tally.unread):
        quiet = engine.quiet(chunk.raw)
        for offset, event in enumerate(chunk.events):
            if event is None:
                continue
            tally.events += 1
            flat = fields(event)
            for number in judge(flat, quiet):
                hits[number] += 1
                if told is not None:
                    told(Hit(chunk.where, chunk.line and chunk.line + offset, flat, engine.rules[number]))


def events(source: Path) -> Iterator[Fields]:
    """The events of one file, on one level."""
    for chunk in chunks(source, Unread()):
        yield from (fields(event) for event in chunk.events if event is not None)
