"""`interferon up`: a network folder watched live. Reads what lands in its `feeds` folder, remembers in `state`, tells the screens.

A thread moves the pipeline. The event log is written before the pipeline sees an item; after a crash the log is run again from its
beginning, and feeds go on where the log ends: their rows carry offsets, and a row that came before is left out.
"""

import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from interferon.connectors import event_lines, telemetry_rows
from interferon.detect.stream_protocol import Detector
from interferon.flow.problem import opening
from interferon.flow.reroute import nominal, reroute, to_dict
from interferon.model.errors import InputError, JournalError
from interferon.model.events import Control, Rerouted, Suppression, Suppressions, Tick
from interferon.model.network import Network
from interferon.model.records import DeadLetter, Solve
from interferon.pipeline import new_state
from interferon.runtime import installation, replay
from interferon.runtime.goods import Goods
from interferon.runtime.loop import Hooks, Loop
from interferon.runtime.merge import merged
from interferon.runtime.records import Records
from interferon.runtime.running import Running
from interferon.runtime.words import Words
from interferon.store import checkpoint, log
from interferon.store.journal import Journal, journal_path
from interferon.trust.policy import Policy

FEEDS, STATE, PLACES = "feeds", "state", "places"
LINES = 20_000  # of one feed in one go
SETTLED_S = 2.0  # a table is read once it has not changed for this long


def clock() -> int:
    """Microseconds UTC."""
    return time.time_ns() // 1000


class Service:
    """One installation. Entering starts its thread; leaving stops it after the item in hand."""

    def __init__(
        self,
        folder: Path,
        network: Network,
        policy: Policy,
        progress: installation.Progress | None = None,
        known_bad: Sequence[Detector] = (),
        suppressions: Sequence[Suppression] = (),
    ) -> None:
        self._folder, self.policy = folder, policy
        self._feeds = folder / FEEDS
        self._feeds.mkdir(exist_ok=True)
        (folder / STATE).mkdir(exist_ok=True)
        now = installation.opening_time(network)
        # No executor is installed, so nothing can be carried out: the plans say what would have been done.
        rules = installation.rules(network, policy.ask, observing=True, now=now, progress=progress, known_bad=known_bad)
        self._base = nominal(network, opening(network, now))
        state = new_state(rules, installation.telemetry_settings(network))
        self._says: queue.Queue[Control] = queue.Queue()
        self._stopped = threading.Event()
        self.failed = ""
        self.running = Running(
            rules, state, self._base, clock=clock, say=self._says.put, goods=Goods(window_us=int(network.settings.otif_window_h * 3.6e9))
        )
        self._journal = Journal(journal_path(folder))
        self._records = Records(folder / STATE / "records")
        hooks = Hooks(see=self.running.see, heard=self.running.hear, sink=self._sink)
        self._replayed(Loop(state, rules, hooks=hooks))
        self._log = log.EventLog(folder / STATE / "log")
        recording = replace(hooks, record=self._journal.record)
        self._loop = Loop(state, rules, solver=self._solve, log=self._log, hooks=recording)
        if tuple(suppressions) != state.suppressions:
            self._loop.feed(Suppressions(clock(), tuple(suppressions)))
        self._words = Words(folder, self._tell)
        self._places = _read_places(folder / STATE / PLACES)  # feed file → (bytes read, next offset)
        self._tables: dict[Path, tuple[float, int]] = {}  # table → (modified, size) when it was read
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)

    def __enter__(self) -> "Service":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()
        self._log.close()
        self._journal.close()
        self._records.close()

    def _sink(self, output: object) -> None:
        self.running.take(output)  # type: ignore[arg-type]
        self._records.put(output)

    def _replayed(self, loop: Loop) -> None:
        """Runs what the log holds, so that state and records are as they were."""
        if log.segments(self._folder / STATE / "log"):
            for item in log.read(self._folder / STATE / "log"):
                loop.feed(item)

    def _solve(self, command: Solve) -> Rerouted:
        route = reroute(self.running.rules.network, opening(self.running.rules.network, command.time), command.closed, self._base)
        return Rerouted(time=command.time, plan=command.plan, route=to_dict(route))

    def _run(self) -> None:
        while not self._stopped.wait(0.5):
            try:
                self._once()
            except InputError as error:  # a feed that cannot be read must not stop the others
                self._tell(str(error))
            except (JournalError, OSError) as error:  # a full disk: nothing may follow from what is not on record
                self._tell(f"stopped: {error}; what came in is kept: make room and start again")
                return

    def _tell(self, trouble: str) -> None:
        """For the people who watch: a line on stderr; `failed` holds the last one."""
        if trouble != self.failed:
            print(trouble, file=sys.stderr, flush=True)  # noqa: T201 - told to a person
        self.failed = trouble

    def _once(self) -> None:
        for word in self._words.news(self.running.state, clock()):
            self._says.put(word)
        while not self._says.empty():
            with self.running.lock:
                self._loop.feed(self._says.get())
        fed = False
        for item in self._news():
            fed = True
            with self.running.lock:
                if isinstance(item, DeadLetter):
                    self._sink(item)
                else:
                    self._loop.feed(item)
        if fed:
            self._records.lengths()  # flushes them: what the screens show can be read on disk too
            checkpoint.save(self._folder / STATE / PLACES, self._places)
        self._words.list_versions(self.running.state)
        newest = self.running.state.admission.newest
        if not fed and newest is not None and clock() - newest < 86_400_000_000:  # live, not yesterday's recording
            with self.running.lock:
                self._loop.feed(Tick(time=clock()))

    def _news(self) -> "Iterator[pa.RecordBatch | DeadLetter]":
        """What has come since the last look, all feeds merged by time: one read after the other would make the second one late."""
        found: list[Iterator[pa.RecordBatch | DeadLetter]] = []
        for path in sorted(self._feeds.iterdir()):
            if path.suffix in event_lines.SUFFIXES:
                found.append(self._lines(path))
            elif path.suffix in telemetry_rows.SUFFIXES and time.time() - path.stat().st_mtime >= SETTLED_S:
                found.append(self._table(path))
        return merged(found)

    def _lines(self, path: Path) -> "Iterator[pa.RecordBatch | DeadLetter]":
        """Whole new lines of a growing file. One that became shorter was begun anew; its rows are counted on, for none came before."""
        place, offset = self._places.get(path.name, (0, 0))
        with path.open("rb") as source:
            if path.stat().st_size < place:
                place = 0
            source.seek(place)
            lines: list[bytes] = []
            for line in source:
                if not line.endswith(b"\n") or len(lines) == LINES:
                    break
                lines.append(line)
                place += len(line)
        yield from _known_only(event_lines.normalise(lines, path.stem, offset), self.running.state.admission.high)
        self._places[path.name] = (place, offset + len(lines))

    def _table(self, path: Path) -> "Iterator[pa.RecordBatch | DeadLetter]":
        """A table that is complete and was not read yet. It counts as read once all of it was taken, or where it cannot be read."""
        about = path.stat()
        seen = (about.st_mtime, about.st_size)
        if self._tables.get(path) == seen:
            return
        try:
            events, _ = replay.opened(path, "csv", self._mapping(path), self.running.rules.network)
            yield from _known_only(events, self.running.state.admission.high)
        except InputError:
            self._tables[path] = seen
            raise
        self._tables[path] = seen

    def _mapping(self, path: Path) -> telemetry_rows.Mapping:
        given = self._folder / "mappings" / f"{path.stem}.toml"
        return telemetry_rows.load_mapping(given) if given.is_file() else telemetry_rows.Mapping()


def _read_places(path: Path) -> dict[str, tuple[int, int]]:
    """Where reading stood. Without it all is read again, and what the log holds is left out."""
    if not path.is_file():
        return {}
    found: dict[str, tuple[int, int]] = checkpoint.load(path.read_bytes())
    return found


def _known_only(items: "Iterator[pa.RecordBatch | DeadLetter]", high: dict[str, int]) -> "Iterator[pa.RecordBatch | DeadLetter]":
    """Leaves out rows that the log holds already, so that a restart neither writes nor counts them again. `high`: newest by feed."""
    for item in items:
        if isinstance(item, DeadLetter):
            yield item
            continue
        feeds = item.column("feed")
        newest = np.array([high.get(name, -1) for name in feeds.dictionary.to_pylist()], dtype=np.int64)
        new = item.column("offset").to_numpy() > newest[feeds.indices.to_numpy()]
        if new.any():
            yield item if new.all() else item.filter(pa.array(new))
