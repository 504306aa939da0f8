"""Files of events through the rules: what `interferon rules run` does, and what `interferon bench rules` measures.

Reads files and the clock of the processor; the judgement is `rules.engine`.
"""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from interferon.rules.engine import Engine
from interferon.rules.event import Fields, fields
from interferon.rules.records import Rule
from interferon.store.event_files import Chunk, Unread, chunks

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
    hits = tally.hits
    for judged in judgements(engine, source, tally):
        for number in judged.hits:
            hits[number] += 1
            if told is not None:
                told(Hit(judged.where, judged.line, judged.event, engine.rules[number]))


class Judged(NamedTuple):
    """One event on which rules fire; `number`: its place among those of its file, from 1."""

    number: int
    hits: tuple[int, ...]
    where: str
    line: int
    event: Fields


def judgements(engine: Engine, source: Path, tally: Tally) -> Iterator[Judged]:
    """The events of one file on which rules fire, in their order. `tally` counts all.

    Where no rule need look in every value, lines are only skimmed: what is broken in a part that no rule reads is then seen only where one
    fires.
    """
    for chunk in chunks(source, tally.unread):
        quiet = engine.quiet(chunk.raw)
        if quiet and chunk.line:
            yield from _skimmed(engine, chunk, tally)
            continue
        for offset, event in enumerate(chunk.events):
            if event is not None:
                tally.events += 1
                flat = fields(event)
                if hits := engine.hits(flat, quiet):
                    yield Judged(tally.events, hits, chunk.where, chunk.line and chunk.line + offset, flat)


def _skimmed(engine: Engine, chunk: Chunk, tally: Tally) -> Iterator[Judged]:
    skim = engine.lines.hits
    for number, line in enumerate(chunk.lines, chunk.line):
        found = skim(line)
        if found == ():
            tally.events += 1
            continue
        event = chunk.event(line, number)
        if event is None:
            continue
        tally.events += 1
        flat = fields(event)
        if found is None:
            engine.lines.learn(line, flat)
            found = engine.hits(flat, quiet=True)
        if found:
            yield Judged(tally.events, found, chunk.where, number, flat)


def events(source: Path) -> Iterator[Fields]:
    """The events of one file, on one level."""
    for chunk in chunks(source, Unread()):
        yield from (fields(event) for event in chunk.events if event is not None)
