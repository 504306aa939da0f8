"""A guarded range recorded for the golden replay: several attacks on several sites, answered by the demo's policy and by a person.

Used by `test_golden_replay`. Writes an event log and the records of the live run into the folder it is given.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from interferon.decide.approval import yes
from interferon.detect.settings import LIVE
from interferon.model.events import Approval, Control, Verdict
from interferon.model.records import Plan
from interferon.pipeline import Output, Rules, State, finish, new_state
from interferon.runtime import demo
from interferon.runtime.guarded import MINUTE, Guarded
from interferon.runtime.loop import Hooks
from interferon.runtime.records import Records
from interferon.store import log
from interferon.store.examples import START
from interferon.store.examples import build as example
from interferon.trust.policy import builtin_policy
from interferon.twin.range import Range
from interferon.twin.scenario import parse

Item: TypeAlias = "pa.RecordBatch | Control"

HISTORY_H, HOURS, SEED = 6.0, 5.0, 3
ATTACKS = (
    (0.5, "rogue_command", "asset:plc-1"),
    (0.8, "change_bank_details", "partner:supplier-3"),
    (1.0, "encrypt_hosts", "zone:dc-1-ops"),
    (1.5, "modify_setpoint", "asset:plc-12"),
    (2.0, "exfiltrate", "asset:hist-4"),
    (2.5, "change_bank_details", "partner:supplier-7"),
    (3.0, "firmware_change", "asset:plc-20"),
    (3.0, "login_stolen", "asset:wks-50"),
)


@dataclass(frozen=True)
class Recording:
    """A log, after how many of its items each plan stands, what it was recorded under, and the folder with the records of the live run."""

    items: list[Item]
    plans: list[int]
    rules: Rules
    records: Path

    def state(self, shards: int = 1) -> State:
        """The state that the live run began with, in so many shards."""
        learning = int(HISTORY_H * 0.8 * 60)
        return new_state(self.rules, replace(LIVE, learn_rows=learning), shards=shards, learn_us=learning * MINUTE)

    def events(self) -> list[Item]:
        """The log without what people, executors and solvers said."""
        return [item for item in self.items if isinstance(item, pa.RecordBatch)]


@dataclass
class Person:
    """Says yes to every plan that waits for approval half an hour later, no to every third; calls the second incident an attack."""

    waiting: list[Plan] = field(default_factory=list)
    answered: int = 0
    incidents: list[str] = field(default_factory=list)
    judged: bool = False

    def take(self, output: Output) -> None:
        if isinstance(output, Plan):
            if output.incident not in self.incidents:
                self.incidents.append(output.incident)
            if output.mode == "execute_approved":
                self.waiting.append(output)

    def says(self, now: int) -> Iterator[Control]:
        for plan in [plan for plan in self.waiting if now >= plan.time + 30 * MINUTE]:
            self.waiting.remove(plan)
            self.answered += 1
            agreed = self.answered % 3 != 0
            yield yes(plan, plan.chosen, "on-call", now) if agreed else Approval(now, plan.id, "on-call", plan.chosen, False)
            if not self.judged and len(self.incidents) > 1:
                self.judged = True
                yield Verdict(time=now, incident=self.incidents[1], person="on-call", verdict="attack")


def scenario_text() -> str:
    head = f'name = "many at once"\nnetwork = "medica"\nhours = {HOURS:g}\n'
    steps = (
        f'[[step]]\nid = "s{place}"\nat_h = {at_h}\nkind = "attack"\naction = "{action}"\ntarget = "{target}"\n'
        for place, (at_h, action, target) in enumerate(ATTACKS)
    )
    return head + "".join(steps)


def record(folder: Path) -> Recording:
    """Runs the guarded range and keeps its log and its records."""
    network = example("medica")
    stage = demo.stage(network, builtin_policy("demo", "people").ask)
    assert stage.start == START
    script = parse(scenario_text(), "many.toml", network)
    world = Range(network, script, SEED, stage.start, history_h=HISTORY_H, sourcing=dict(stage.base.sourcing))
    recording = Recording([], [], stage.rules, folder / "live")
    person, given = Person(), 0
    events = log.EventLog(folder / "log", durable=False)
    with Records(recording.records) as records:

        def hear(item: Item) -> None:
            nonlocal given
            given += 1

        def sink(output: Output) -> None:
            records.put(output)
            person.take(output)
            if isinstance(output, Plan):
                recording.plans.append(given)

        hooks = Hooks(see=hear, heard=hear, sink=sink)
        with Guarded(stage.rules, script, SEED, stage.start, stage.base, hooks, log=events, world=world) as guarded:
            guarded.loop.state = recording.state()

            def each_minute(now: int) -> None:
                for word in person.says(now):
                    guarded.loop.feed(word)

            guarded.advance(world.end, each_minute)
            for output in finish(guarded.loop.state, stage.rules):
                records.put(output)
    events.close()
    return replace(recording, items=list(log.read(folder / "log")))


def cut(items: Iterable[Item], lengths: Callable[[], int]) -> Iterator[Item]:
    """The same log with every batch cut into pieces of drawn lengths."""
    for item in items:
        begin = 0
        while isinstance(item, pa.RecordBatch) and begin < item.num_rows:
            length = lengths()
            yield item.slice(begin, length)
            begin += length
        if not isinstance(item, pa.RecordBatch):
            yield item


def cut_at_random(items: Iterable[Item], seed: int) -> Iterator[Item]:
    """Many short pieces and a few long ones."""
    drawn = random.Random(seed)
    return cut(items, lambda: max(1, int(drawn.paretovariate(0.35))))


def joined(items: Iterable[Item]) -> Iterator[Item]:
    """The same log with every run of batches of one family put into one batch."""
    for family, run in groupby(items, lambda item: item.schema.metadata[b"family"] if isinstance(item, pa.RecordBatch) else None):
        if family is None:
            yield from run
        else:
            yield pa.Table.from_batches(list(run)).unify_dictionaries().combine_chunks().to_batches()[0]


def row_by_row(items: Sequence[Item], first: int, last: int) -> Iterator[Item]:
    """The same log with the items of a stretch handed over row by row."""
    yield from items[:first]
    yield from cut(items[first:last], lambda: 1)
    yield from items[last:]
