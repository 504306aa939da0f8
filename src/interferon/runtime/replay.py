"""`interferon replay`: recorded input through the main path, findings, incidents and plans out; nothing is executed.

Called by the command line, the benchmarks and the golden replay. Reads the sources, writes the output folder. A checkpoint in that folder
lets a replay that was stopped go on: the bytes in the end are the same.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import msgspec
import pyarrow as pa

from interferon.connectors import telemetry_rows
from interferon.connectors.table_file import read_table
from interferon.detect.watch import WIDTH, keepers
from interferon.flow.problem import opening
from interferon.flow.reroute import Route, reroute, to_dict
from interferon.model.errors import InputError
from interferon.model.events import Control, Rerouted, Suppression, Suppressions
from interferon.model.network import Network
from interferon.model.records import DeadLetter, Finding, Incident, Plan, Solve
from interferon.pipeline import Output, Rules, State, finish, step
from interferon.runtime import formats
from interferon.runtime.merge import merged
from interferon.runtime.records import Records
from interferon.sense.resolve import of_assets
from interferon.store import checkpoint, log

CHECKPOINT = "checkpoint"
EVERY = 50  # items between checkpoints
Item: TypeAlias = "pa.RecordBatch | DeadLetter | Control"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `replay --json` prints."""

    values: int
    rows: int
    seconds: float
    findings: int
    incidents: int
    plans: int
    dead_letters: int
    duplicates: int  # rows that came before, by feed and offset; left out


@dataclass
class Position:
    """How far a replay is: goes into the checkpoint with the state."""

    items: int = 0
    values: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Sources:
    """Opened recordings: the one ordered log they make, and the most signals that an entity of theirs may have."""

    items: Iterator[Item]
    width: int
    recorded: bool  # event logs, which hold the answers of their time
    notes: tuple[str, ...] = ()  # what people should know: columns that are no numbers and were left out


def sources(paths: Sequence[Path], given: str, mapping: telemetry_rows.Mapping, network: Network) -> Sources:
    """Opens recordings. Event logs come one after the other, all else is merged by time. InputError where one cannot be read at all."""
    files = formats.expanded(paths, given)
    kinds = [(path, formats.format_of(path, given)) for path in files]
    logs = [path for path, kind in kinds if kind == formats.LOG]
    notes: list[str] = []
    names = formats.feeds(path for path, kind in kinds if kind != formats.LOG)
    each_opened = [opened(path, kind, mapping, network, notes, names[path]) for path, kind in kinds if kind != formats.LOG]
    resolver = of_assets(network.assets.values())
    events = (resolver.batch(item) if isinstance(item, pa.RecordBatch) else item for item in merged([each for each, _ in each_opened]))
    followed = chain(chain.from_iterable(logged(path) for path in logs), _joined(events))
    return Sources(followed, max([WIDTH, *(width for _, width in each_opened)]), bool(logs), tuple(notes))


def suppressing(items: Iterable[Item], held: Sequence[Suppression]) -> Iterator[Item]:
    """Recordings that begin with the suppressions of today. Event logs hold those of their time and are left as they are."""
    yield Suppressions(0, tuple(held))
    yield from items


def logged(path: Path) -> Iterator[Item]:
    """An event log, and a dead letter for each end of a segment that is no whole record."""
    torn: list[str] = []
    yield from log.read(path, torn.append)
    for reason in torn:
        yield DeadLetter(feed=path.name, offset=-1, time=0, family="", entity="", reason=reason)


def opened(
    path: Path, kind: str, mapping: telemetry_rows.Mapping, network: Network | None, notes: list[str] | None = None, name: str = ""
) -> "tuple[telemetry_rows.Read, int]":
    """The events of one file, and the most signals that an entity of it may have; what was left out goes to `notes`.

    `name`: of the feed, where the mapping gives none; else the file's stem. InputError where it cannot be read at all.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    feed = mapping.feed or name or path.stem
    if kind != telemetry_rows.NAME:
        return formats.connectors()[kind].read(path, feed), WIDTH
    broken: list[str] = []
    table = read_table(path, broken)
    only = f"asset:{next(iter(network.assets))}" if network is not None and len(network.assets) == 1 else ""
    fitted = telemetry_rows.resolved(mapping, table.names, str(path), only)
    if notes is not None and (texts := telemetry_rows.not_numbers(table, fitted)):
        notes.append(f"{path}: no numbers in {', '.join(texts)}; left out (name them in drop = [...] to silence this)")
    dead = [_broken(feed, reason) for reason in broken]
    return chain(dead, telemetry_rows.normalise(table, fitted, feed)), len(table.names)


def _broken(feed: str, reason: str) -> DeadLetter:
    return DeadLetter(feed=feed, offset=-1, time=0, family="telemetry", entity="", reason=reason)


def _joined(batches: "Iterator[pa.RecordBatch | DeadLetter]") -> Iterator[Item]:
    """Runs of small batches of one family put together: two feeds that alternate row by row would cost a call a row."""
    held: list[pa.RecordBatch] = []
    for item in batches:
        joins = isinstance(item, pa.RecordBatch) and held and item.schema.metadata == held[0].schema.metadata
        if held and (not joins or sum(batch.num_rows for batch in held) >= telemetry_rows.VALUES):
            yield _one(held)
            held = []
        if isinstance(item, pa.RecordBatch):
            held.append(item)
        else:
            yield item
    if held:
        yield _one(held)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def replay(
    state: State,
    rules: Rules,
    log_of: Iterable[Item],
    out: Path | None,
    *,
    resume: bool = False,
    stop_after: int = 0,
    keep_checkpoints: bool = False,
    base: Route | None = None,
    progress: Callable[[Position], None] = lambda position: None,
) -> Summary:
    """Runs the log through the main path.

    `resume`: go on from the checkpoint in `out`. `stop_after`: stop after so many items, leaving a checkpoint (0: run to the end).
    `base`: the route in force; with it, plans that close something for goods get their re-route answered.
    """
    position, lengths = Position(), None
    if resume:
        state, position, lengths = _resumed(out, rules)
    began = time.perf_counter()
    with Records(out, lengths) as records:
        for number, item in enumerate(log_of):
            if number < position.items:
                continue
            _move(state, rules, item, records, position, base)
            progress(position)
            stopping = stop_after and position.items >= stop_after
            if out is not None and (stopping or (keep_checkpoints and position.items % EVERY == 0)):
                checkpoint.save(out / CHECKPOINT, [state, position, records.lengths()])
            if stopping:
                return _summary(position, state, records, began)
        for output in finish(state, rules):
            records.put(output)
            _answer(output, state, rules, base)
        summary = _summary(position, state, records, began)
    if out is not None:
        (out / CHECKPOINT).unlink(missing_ok=True)
    return summary


def _move(state: State, rules: Rules, item: Item, records: Records, position: Position, base: Route | None) -> None:
    position.items += 1
    if isinstance(item, DeadLetter):
        records.put(item)
        return
    if isinstance(item, pa.RecordBatch):
        position.rows += item.num_rows
        position.values += item.num_rows if "value" in item.schema.names else 0
    for output in step(state, rules, item):
        records.put(output)
        _answer(output, state, rules, base)


def _answer(output: Output, state: State, rules: Rules, base: Route | None) -> None:
    """A recorded log holds the answers of its time; where nobody answers, the heuristic does, on the opening stocks."""
    if isinstance(output, Solve) and base is not None:
        closed = rules.network.closed_for_goods(output.closed)
        route = reroute(rules.network, opening(rules.network, output.time), closed, base)
        step(state, rules, Rerouted(time=output.time, plan=output.plan, route=to_dict(route)))


def _resumed(out: Path | None, rules: Rules) -> tuple[State, Position, dict[str, int]]:
    path = (out or Path()) / CHECKPOINT
    if out is None or not path.is_file():
        raise InputError(f"{path}: no checkpoint to go on from; run without --resume")
    try:
        state, position, lengths = checkpoint.load(path.read_bytes())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if state.watch.kept_by != keepers(rules.portfolios):
        raise InputError(f"{path}: was kept with other detectors than those of this program; begin anew without --resume")
    return state, position, lengths


def _summary(position: Position, state: State, records: Records, began: float) -> Summary:
    return Summary(
        values=position.values,
        rows=position.rows,
        seconds=round(time.perf_counter() - began, 3),
        findings=records.counts[Finding],
        incidents=records.counts[Incident],
        plans=records.counts[Plan],
        dead_letters=records.counts[DeadLetter],
        duplicates=state.admission.duplicates,
    )
