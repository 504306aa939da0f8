"""`interferon up`: a network folder watched live. Reads what lands in its `feeds` folder, listens to the sources of `feeds.toml`,
remembers in `state`, tells the screens.

A thread moves the pipeline. The event log is written before the pipeline sees an item; after a crash it is run from the last snapshot on
(`snapshots`), and feeds go on where the log ends: their rows carry offsets, and a row that came before is left out. What a live feed took
is written with its place in one file (`LiveStore`) before the log has it, so that a crash in between neither loses nor doubles it.
"""

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from interferon.actions import ACTIONS
from interferon.detect.stream_protocol import Detector
from interferon.flow.problem import opening
from interferon.flow.reroute import nominal, reroute, to_dict
from interferon.model.errors import InputError, JournalError
from interferon.model.events import Control, Rerouted, Suppression, Suppressions, Tick
from interferon.model.network import Network
from interferon.model.records import DeadLetter, Solve
from interferon.pipeline import new_state
from interferon.runtime import installation, snapshots
from interferon.runtime.acting import Acting
from interferon.runtime.feed_files import FeedFiles, known_only
from interferon.runtime.feed_settings import Feed
from interferon.runtime.feeds import Feeds, FeedState, Taking
from interferon.runtime.goods import Goods
from interferon.runtime.live_store import LiveStore
from interferon.runtime.loop import Hooks, Loop, heard
from interferon.runtime.recent import MOST, Recent
from interferon.runtime.records import Records
from interferon.runtime.revisions import Revisions
from interferon.runtime.running import Running
from interferon.runtime.snapshots import Keeper, Snapshot
from interferon.runtime.words import Words
from interferon.sense.health import FEED, Health
from interferon.sense.live import Item
from interferon.sense.resolve import of_assets
from interferon.store import log, log_tail
from interferon.store.journal import Journal, journal_place
from interferon.store.journal_lease import StaleEpoch
from interferon.trust.policy import Policy

FEEDS, STATE, PLACES = "feeds", "state", "places"
ANSWER_S = 30.0  # within which a program that sends is answered
LOOK_S = 0.5  # between two looks at the folder; live feeds are heard meanwhile
SNAPSHOT_ROWS, SNAPSHOT_S = 2_000_000, 600.0  # what comes between two snapshots, and so is run again after a crash, at most


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
        live: Sequence[Feed] = (),
        charts: bool = True,
        journal: Journal | None = None,
    ) -> None:
        """`live`: the feeds of `feeds.toml`. `charts`: whether anybody can look at the last day's telemetry. `journal`: one that was opened
        for this installation, by default the folder's own; closed at the end."""
        self._folder, self.policy = folder, policy
        self._feeds = folder / FEEDS
        self._feeds.mkdir(exist_ok=True)
        (folder / STATE).mkdir(exist_ok=True)
        now = installation.opening_time(network)
        # Without an effector nothing can be carried out: the plans say what would have been done.
        rules = installation.rules(
            network,
            policy.ask,
            observing=not network.settings.effector,
            now=now,
            progress=progress,
            known_bad=known_bad,
            inspects=bool(network.settings.effector),
        )
        self._base = nominal(network, opening(network, now))
        self._ground = snapshots.ground(folder, rules.portfolios)
        before = snapshots.load(folder / STATE, self._ground)
        state = before.state if before else new_state(rules, installation.telemetry_settings(network))
        self._says: queue.Queue[Control] = queue.Queue()
        self._stopped = threading.Event()
        self.failed = ""
        self._whole = True  # state and records hold all that follows from the log
        self.running = Running(
            rules,
            state,
            self._base,
            clock=clock,
            say=self._says.put,
            goods=Goods(window_us=int(network.settings.otif_window_h * 3.6e9)),
            recent=Recent(MOST if charts else 0),
        )
        self._journal = journal or Journal(journal_place(folder, network.settings.journal))
        place = network.settings.effector
        self._acting = Acting(Path(place), folder, self._journal, network, clock, self.tell, lambda: state.book.readings) if place else None
        if self._acting is not None:
            self.running.switch, self.running.beyond = self._acting.switch, self._acting.beyond
        self._records = Records(folder / STATE / "records", before.lengths if before else None)
        self._health = before.health if before else Health()
        if before:
            self.running.go_on(before.known)
        hooks = Hooks(see=self.running.see, heard=self.running.hear, sink=self._sink)
        self._moved = self._replayed(Loop(state, rules, hooks=hooks), before.place if before else None)  # rows since the last snapshot
        self._kept_at = time.monotonic()
        self._keeper = Keeper(folder / STATE, self.tell)
        self._log = log.EventLog(folder / STATE / "log")
        recording = replace(hooks, record=self._journal.record)
        effects = self._acting.effects if self._acting else None
        self._loop = Loop(state, rules, effects=effects, actions=ACTIONS, solver=self._solve, log=self._log, hooks=recording)
        if tuple(suppressions) != state.suppressions:
            self._move(Suppressions(clock(), tuple(suppressions)))
        self._words = Words(folder, self.tell)
        self._listen(network, live)
        self._revisions = Revisions(folder, self.tell)
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)

    def _listen(self, network: Network, live: Sequence[Feed]) -> None:
        """What events come through: files, programs and live feeds, each from where it was left."""
        self._files = FeedFiles(self._feeds, self._folder / "mappings", self._folder / STATE / PLACES, network, self._known_only)
        self._resolver = of_assets(network.assets.values())
        self._takings: queue.SimpleQueue[Taking] = queue.SimpleQueue()  # at most one a feed and one a request
        self._live = LiveStore(self._folder / STATE / "live")
        self._late_us = int(max((feed.settings.lateness_s for feed in live), default=0.0) * 1e6)
        self._heard = False  # whether a live feed brought anything since the last look
        for items in self._live.unfinished():
            self._feed_all(self._known_only(items))
        self._sources = Feeds(live, self._live.places_beyond(self.running.state.admission.high), self._takings.put, self.tell, clock)
        self.running.again = self._again

    def __enter__(self) -> "Service":
        self._thread.start()
        self._sources.start()
        self._revisions.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._revisions.stop()
        self._sources.stop()
        self._stopped.set()
        self._thread.join()
        self._keeper.close()
        self._snapshot()
        self._keeper.close()
        self._log.close()
        if self._acting is not None:
            self._acting.close()
        self._journal.close()
        self._records.close()

    def _sink(self, output: object) -> None:
        self.running.take(output)  # type: ignore[arg-type]
        self._records.put(output)

    def _replayed(self, loop: Loop, begin: log.Place | None) -> int:
        """Runs what the log holds behind a place, so that state and records are as they were. Answers with the number of rows."""
        rows = 0
        for item, _ in log_tail.tailed(self._folder / STATE / "log", begin or log.Place(0, 0), self.tell):
            if isinstance(item, DeadLetter):
                self._unread(item)
                self._sink(item)
                continue
            loop.feed(item)
            if isinstance(item, pa.RecordBatch):
                self._health.take(item)  # what it tells is in the log already
                rows += item.num_rows
        self._health.offset = self.running.state.admission.high.get(FEED, -1) + 1
        self._records.lengths()  # flushes them: who reads the files sees what was told
        return rows

    def _snapshot(self) -> None:
        """What a restart goes on from. Where it cannot be taken, that costs time at the next start and nothing else."""
        place = self._log.place
        if place is None or not self._whole:  # nothing came since the start, or only the log itself can tell what is missing
            return
        try:
            with self.running.lock:
                lengths = self._records.synced()
                taken = self._keeper.keep(Snapshot(self._ground, place, self.running.state, self.running.known(), self._health, lengths))
        except (InputError, TypeError, ValueError, OverflowError) as error:  # also a memory of somebody's detector that is not plain
            self.tell(f"no snapshot: {error}; a restart runs the log again from the one before")
            taken = True  # the next one is tried when it is due
        if taken:
            self._moved, self._kept_at = 0, time.monotonic()

    def _solve(self, command: Solve) -> Rerouted:
        network = self.running.rules.network
        route = reroute(network, opening(network, command.time), network.closed_for_goods(command.closed), self._base)
        return Rerouted(time=command.time, plan=command.plan, route=to_dict(route))

    async def intake(self, items: Sequence[Item]) -> None:
        """Takes what a program sent; returns when all of it is in the event log. Called on the web server's loop.

        TimeoutError: the pipeline takes nothing, because it has stopped or is far behind. What was sent may be stored later.
        """
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[None] = loop.create_future()

        def done() -> None:
            loop.call_soon_threadsafe(settle)

        def settle() -> None:
            if not taken.done():  # who asked may have left
                taken.set_result(None)

        self._takings.put(Taking("", items, b"", done))
        try:
            await asyncio.wait_for(taken, ANSWER_S)
        except TimeoutError:
            raise TimeoutError(f"the pipeline has taken nothing for {ANSWER_S:g} s") from None

    def _again(self, batch: pa.RecordBatch) -> None:
        """A dead letter that can be read now, given in once more by a person."""
        self._takings.put(Taking("", [batch], b"", lambda: None))

    def feed_states(self) -> list[FeedState]:
        """How each live feed is."""
        return self._sources.states()

    def _run(self) -> None:
        while not self._stopped.is_set():
            if lost := self._journal.lost:  # the node that took over does what is to be done
                self.tell(f"stopped: {lost}; what came in is kept: start again to stand by")
                return
            try:
                self._hear(time.monotonic() + LOOK_S)
                self._once()
                if self._moved >= SNAPSHOT_ROWS or (self._moved and time.monotonic() - self._kept_at >= SNAPSHOT_S):
                    self._snapshot()
            except InputError as error:  # a feed that cannot be read must not stop the others
                self.tell(str(error))
            except StaleEpoch as error:
                self.tell(f"stopped: {error}; what came in is kept: start again to stand by")
                return
            except (JournalError, OSError) as error:  # a full disk: nothing may follow from what is not on record
                self.tell(f"stopped: {error}; what came in is kept: make room and start again")
                return
            except Exception as error:  # a defect of ours: whoever watches must hear that nothing is judged any more
                self.tell(f"stopped by a defect ({type(error).__name__}: {error}); what came in is kept: please report it")
                raise

    def tell(self, trouble: str) -> None:
        """For the people who watch: a line on stderr; `failed` holds the last one."""
        if trouble != self.failed:
            print(trouble, file=sys.stderr, flush=True)  # noqa: T201 - told to a person
        self.failed = trouble

    def _act(self) -> None:
        """What the world has to tell since the last look, and what has been in force for long enough."""
        if self._acting is not None:
            with self.running.lock:
                for told in self._acting.look(self.running.state):
                    self._move(heard(told))
                for seen in self._acting.inspected(self.running.state, self.running.rules.release):
                    self._move(seen)
                self._loop.expire(clock())

    def _once(self) -> None:
        self._act()
        for word in self._words.news(self.running.state, clock()):
            self._says.put(word)
        said = not self._says.empty()
        while not self._says.empty():
            with self.running.lock:
                self._move(self._says.get())
        fed = self._feed_all(self._resolved(self._files.news(time.time())))
        if fed:
            self._files.save()
        if fed or said or self._heard:
            self._records.lengths()  # flushes them: what the screens show can be read on disk too
        self._words.list_versions(self.running.state)
        newest = self.running.state.admission.newest
        if not (fed or self._heard) and newest is not None and clock() - newest < 86_400_000_000:  # live, not yesterday's recording
            with self.running.lock:
                self._told(self._health.tick(clock() - self._late_us))
                self._move(Tick(time=clock() - self._late_us))
        self._heard = False

    def _hear(self, until: float) -> None:
        """What live feeds took, as it comes, until a moment of the monotonic clock."""
        while (left := until - time.monotonic()) > 0 and not self._stopped.is_set():
            try:
                taking = self._takings.get(timeout=left)
            except queue.Empty:
                return
            items = list(self._resolved(iter(taking.items)))
            if taking.place:  # what a program sent has none: it sends again what was not answered
                self._live.keep(taking.feed, items, taking.place)
            self._feed_all(self._known_only(iter(items)))
            self._heard = True
            taking.done()

    def _resolved(self, items: "Iterator[pa.RecordBatch | DeadLetter]") -> "Iterator[pa.RecordBatch | DeadLetter]":
        """Addresses that the tables know as their assets."""
        for item in items:
            yield item if isinstance(item, DeadLetter) else self._resolver.batch(item)

    def _feed_all(self, items: "Iterator[pa.RecordBatch | DeadLetter]") -> bool:
        """Whether there were any."""
        fed = False
        for dead, run in groupby(items, lambda item: isinstance(item, DeadLetter)):
            fed = True
            if dead:
                self._refuse([item for item in run if isinstance(item, DeadLetter)])
            else:
                self._take(item for item in run if isinstance(item, pa.RecordBatch))
        return fed

    def _take(self, batches: Iterable[pa.RecordBatch]) -> None:
        for batch in batches:
            with self.running.lock:
                self._moved += batch.num_rows
                self._move(batch)
                self._told(self._health.take(batch))

    def _move(self, item: "pa.RecordBatch | Control") -> None:
        """Moves the pipeline by one item, and carries out what follows."""
        whole, self._whole = self._whole, False  # where it fails half-way no snapshot is taken any more
        self._loop.feed(item)
        self._whole = whole

    def _refuse(self, letters: Sequence[DeadLetter]) -> None:
        """What could not be read."""
        with self.running.lock:
            self._loop.refuse(letters)
            for letter in letters:
                self._unread(letter)

    def _unread(self, letter: DeadLetter) -> None:
        highest = self.running.unread
        highest[letter.feed] = max(letter.offset, highest.get(letter.feed, -1))

    def _known_only(self, items: "Iterable[pa.RecordBatch | DeadLetter]") -> "Iterator[pa.RecordBatch | DeadLetter]":
        """Without what the log holds already."""
        return known_only(items, self.running.state.admission.high, self.running.unread)

    def _told(self, events: Sequence[pa.RecordBatch]) -> None:
        """What the health of the feeds says, into the same log."""
        for event in events:
            self._move(event)
