"""Figures of the main path: from a deciding batch to the verified receipt, from a file to plans, and the first re-route.

Called by `interferon bench path`. Writes to a temporary folder and reads the clock; the world is `bench.path_world`, generated and seeded.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from interferon.actions import ACTIONS
from interferon.bench import flow, path_world
from interferon.bench.path_world import DEPOTS, ENTITIES, LEARN_ROWS, SIGNALS
from interferon.bench.respond_journal import Memory, containment_p99
from interferon.connectors import event_lines, telemetry_rows
from interferon.connectors.table_file import read_table
from interferon.detect.settings import LIVE
from interferon.flow.problem import opening
from interferon.flow.reroute import Route, nominal
from interferon.model.events import Control, Receipted
from interferon.model.network import Network
from interferon.model.records import DeadLetter
from interferon.pipeline import Rules, State, new_state, step
from interferon.runtime import installation, replay
from interferon.runtime.effects import Effects
from interferon.runtime.loop import Hooks, Loop
from interferon.runtime.merge import merged
from interferon.store.examples import START
from interferon.store.examples import build as example
from interferon.store.journal import Journal, journal_path
from interferon.store.log import EventLog
from interferon.trust.policy import builtin_policy

Row = dict[str, Any]

HISTORY = LEARN_ROWS + 2  # frames until the last one that is learnt from has closed
FRAMES = 200  # of the stream while containments run
WATCHED = 500  # frames of the file that is replayed
DISTURBED = 4  # machines of one hall that are tampered with in it
LATENCY_S, VALUES_PER_S = 1.0, 200_000.0


def cases() -> Iterator[Row]:
    """Rows of `interferon bench`, as they are measured."""
    with tempfile.TemporaryDirectory(prefix="interferon-bench-") as name:
        place = Path(name)
        network = path_world.network(place / "net")
        start = installation.opening_time(network)
        rules = installation.rules(network, builtin_policy("demo", "people").ask, observing=False, now=start)
        base = nominal(network, opening(network, start))
        yield from containments(place, rules, base)
        yield from throughput(place, rules)
    medica = example("medica")
    snapshot = opening(medica, START)
    yield from (row for row in flow.reroutes(medica, snapshot, nominal(medica, snapshot)) if row["metric"] in ("seconds_max", "recovered"))


def containments(place: Path, rules: Rules, base: Route) -> Iterator[Row]:
    """Seconds from handing over the deciding batch to the verified receipt, with the stream of telemetry and without."""
    history, live, attacks = place / "history.csv", place / "live.csv", place / "attacks.ndjson"
    path_world.telemetry(history, 0, HISTORY)
    path_world.telemetry(live, HISTORY, FRAMES)
    path_world.attacks(attacks, HISTORY, FRAMES)
    state = _learnt(rules, history)
    busy = Contained(place / "busy", rules, state, base)
    busy.run(_stream([_table(live, rules.network), event_lines.read(attacks)]))
    quiet = Contained(place / "quiet", rules, new_state(rules, LIVE), base)
    quiet.run(_stream([event_lines.read(attacks)]))
    case = (
        f"{len(busy.seconds)} containments decided by the pipeline ({DEPOTS} attacked) while {ENTITIES} x {SIGNALS} signals stream; "
        "from handing a frame's batch to the loop to the verified receipt; log, journal and ledger on disk, executor in memory"
    )
    p50, p99, most = (float(np.percentile(busy.seconds, share)) for share in (50, 99, 100))
    beside = {
        "p50": p50,
        "max": most,
        "without the stream, p99": float(np.percentile(quiet.seconds, 99)),
        "journal alone, 32 callers, p99": containment_p99(place / "alone.sqlite"),
    }
    yield _row(
        case, "containments", len(busy.seconds), f">= {DEPOTS}", len(busy.seconds) >= DEPOTS, {"without the stream": len(quiet.seconds)}
    )
    yield _row(case, "p99_s", p99, f"< {LATENCY_S:g}", p99 < LATENCY_S, beside)
    yield _row(case, "values_per_s_meanwhile", busy.values / busy.elapsed, None, None, {"seconds": busy.elapsed})


class Contained:
    """One run of a loop with a log, a journal and an executor in memory, and the seconds that each containment took."""

    def __init__(self, place: Path, rules: Rules, state: State, base: Route) -> None:
        self._place, self._rules, self._state, self._base = place, rules, state, base
        self._handed = 0.0
        self.seconds: list[float] = []
        self.values, self.elapsed = 0, 0.0

    def run(self, items: Iterator[pa.RecordBatch]) -> None:
        network, log = self._rules.network, EventLog(self._place / "log")
        with Journal(journal_path(self._place)) as journal, Effects(journal, Memory(), ACTIONS, network, self._now) as effects:
            solver = installation.RouteSolver(
                network, self._rules.closures, lambda now: opening(network, now), self._base, lambda route: None
            )
            hooks = Hooks(heard=self._heard, record=journal.record)
            loop = Loop(self._state, self._rules, effects=effects, actions=ACTIONS, solver=solver, log=log, hooks=hooks)
            begin = time.perf_counter()
            for batch in items:
                self._handed = time.perf_counter()
                loop.feed(batch)
                self.values += batch.num_rows if "value" in batch.schema.names else 0
            self._handed = time.perf_counter()
            loop.finish()
            self.elapsed = time.perf_counter() - begin
        log.close()

    def _now(self) -> int:
        return self._state.admission.newest or 0

    def _heard(self, control: Control) -> None:
        if isinstance(control, Receipted) and control.status == "verified":
            self.seconds.append(time.perf_counter() - self._handed)


def throughput(place: Path, rules: Rules) -> Iterator[Row]:
    """Values a second from a CSV on disk to plans on disk, every machine learnt before; beside it what merely reading costs."""
    history, live = place / "history.csv", place / "watched.csv"
    before, values = path_world.telemetry(history, 0, HISTORY), path_world.telemetry(live, HISTORY, WATCHED, DISTURBED)
    begin = time.perf_counter()
    state = _learnt(rules, history)
    learning, begin, used = time.perf_counter() - begin, time.perf_counter(), time.process_time()
    opened = replay.sources([live], "csv", telemetry_rows.Mapping(), rules.network)
    told = replay.replay(state, rules, opened.items, place / "out")
    taken = time.perf_counter() - begin
    cores = (time.process_time() - used) / taken
    if told.values != values:
        raise RuntimeError(f"{told.values} values were replayed of {values}")
    case = f"{values} telemetry values of {ENTITIES} entities from a CSV file to findings, incidents and plans; all learnt before"
    beside = {
        "with the history learnt too": (before + values) / (learning + taken),
        "pyarrow parses the file": values / _seconds(lambda: _parsed(live)),
        "parsed, then a z-score with numpy": values / _seconds(lambda: _z_scores(live)),
        "cores used": cores,
    }
    yield _row(case, "values_per_s", values / taken, f">= {VALUES_PER_S:g}", values / taken >= VALUES_PER_S, beside)
    yield _row(case, "plans", told.plans, ">= 1", told.plans >= 1, {"findings": told.findings, "tampered machines": DISTURBED})


def _learnt(rules: Rules, history: Path) -> State:
    """A state that has watched a file of normal life."""
    opened = replay.sources([history], "csv", telemetry_rows.Mapping(), rules.network)
    state = new_state(rules, replace(LIVE, learn_rows=LEARN_ROWS), width=opened.width)  # as `replay` does
    for item in _table(history, rules.network):
        if isinstance(item, pa.RecordBatch):
            step(state, rules, item)
    return state


def _table(path: Path, network: Network) -> telemetry_rows.Read:
    return replay.opened(path, "csv", telemetry_rows.Mapping(), network)[0]


def _stream(sources: "list[telemetry_rows.Read]") -> Iterator[pa.RecordBatch]:
    """All sources in order of time, no batch longer than a frame, as they would arrive live."""
    for item in merged(sources):
        if isinstance(item, DeadLetter):
            raise RuntimeError(item.reason)
        frames = item.column("time").to_numpy() // (path_world.FRAME_S * 1_000_000)
        borders = [0, *(np.flatnonzero(np.diff(frames)) + 1).tolist(), item.num_rows]
        for first, last in pairwise(borders):
            yield item.slice(first, last - first)


def _parsed(path: Path) -> pa.Table:
    return pyarrow.csv.read_csv(path, read_options=pyarrow.csv.ReadOptions(use_threads=False))


def _z_scores(path: Path) -> float:
    """The plainest detector there is: the greatest distance from the mean in standard deviations, over the whole file at once."""
    table = read_table(path)
    values = np.column_stack([table.numbers(f"s{n}") for n in range(SIGNALS)])
    return float((np.abs(values - values.mean(axis=0)) / values.std(axis=0)).max())


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _row(case: str, metric: str, value: float, target: str | None, holds: bool | None, baselines: dict[str, float]) -> Row:
    return {"case": case, "metric": metric, "value": value, "target": target, "holds": holds, "baselines": baselines}
