"""A simulated network and the installation that guards it, moved by one clock. Called by the demo, its baselines, acceptance tests."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from interferon.actions import ACTIONS
from interferon.detect.settings import LIVE
from interferon.flow.problem import Snapshot
from interferon.flow.reroute import Route
from interferon.model.events import Tick
from interferon.model.network import Network
from interferon.pipeline import Rules, new_state
from interferon.runtime.effects import Effects
from interferon.runtime.installation import RouteSolver
from interferon.runtime.kill_switch import KillSwitch
from interferon.runtime.loop import Hooks, Loop
from interferon.runtime.range_executor import RangeExecutor
from interferon.store.journal import Journal, journal_path
from interferon.store.log import EventLog
from interferon.twin.machines import SIGNALS
from interferon.twin.range import Range
from interferon.twin.scenario import Scenario

MINUTE = 60_000_000
HOUR = 60 * MINUTE
HISTORY_H = 48.0  # what a historian would hold before the installation starts to watch
LEARNT = 0.7  # share of the history that activity and trade are only learnt in; telemetry has its own count of frames
Sourcing = Mapping[tuple[str, str], tuple[tuple[str, float], ...]]


class Guarded:
    """One range with detection, decision, a journal and the range as executor."""

    def __init__(
        self,
        rules: Rules,
        scenario: Scenario,
        seed: int,
        start: int,
        base: Route,
        hooks: Hooks | None = None,
        *,
        folder: Path | None = None,
        log: EventLog | None = None,
        world: Range | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="interferon-") if folder is None else None
        place = folder or Path(str(self._temporary and self._temporary.name))
        self.network: Network = rules.network
        self.scenario, self.seed, self.start = scenario, seed, start
        self.range = world or Range(rules.network, scenario, seed, start, history_h=HISTORY_H, sourcing=dict(base.sourcing))
        self.journal = Journal(journal_path(place))
        self.switch = KillSwitch(place)
        executor, clock = RangeExecutor(self.range), lambda: self.range.now
        self.effects = Effects(
            self.journal,
            executor,
            ACTIONS,
            rules.network,
            clock,
            workers=1,
            halted=self.switch.engaged,
            readings=lambda: self.loop.state.book.readings,
        )
        self.solver = RouteSolver(rules.network, rules.closures, self.snapshot, base, lambda route: self.range.route(dict(route.sourcing)))
        learn_us = int(HISTORY_H * LEARNT * 60) * MINUTE
        frames_us = int(LIVE.learn_rows * rules.network.settings.frame_s * 1e6)
        self._learnt = start - int(HISTORY_H * HOUR) + min(learn_us, frames_us) - HOUR
        width = max(len(signals) for signals in SIGNALS.values())  # of the range's machines: no column stays empty
        state = new_state(rules, LIVE, learn_us=learn_us, width=width)
        recording = replace(hooks or Hooks(), record=self.journal.record)
        self.loop = Loop(state, rules, effects=self.effects, actions=ACTIONS, solver=self.solver, log=log, hooks=recording)
        self.effects.recover()

    def advance(self, until: int, each_minute: Callable[[int], None] = lambda now: None) -> None:
        """Runs to `until`, a minute at a time: events first, then the tick that closes their frames, then whoever wants to look."""
        lateness = int(self.network.settings.lateness_s * 1e6)
        while self.range.now < until:
            for now, batches in self._happens(until):
                for batch in batches:
                    self.loop.feed(batch)
                self.loop.feed(Tick(time=now + lateness))
                self.loop.expire(now)
                each_minute(now)

    def _happens(self, until: int) -> Iterator[tuple[int, list[pa.RecordBatch]]]:
        """The ends of the next minutes and what came in them. While all is being learnt there is next to nothing to answer: there the
        range runs an hour at once, and an answer takes hold at its end."""
        begin = self.range.now
        end = min(begin + (HOUR if begin < self._learnt else MINUTE), until)
        ends = [*range(begin + MINUTE, end, MINUTE), end]
        pieces = [_cut(batch, ends[:-1]) for batch in self.range.advance(end)]
        for place, now in enumerate(ends):
            yield now, [piece[place] for piece in pieces if piece[place].num_rows]

    def snapshot(self, now: int) -> Snapshot:
        """Stocks, open orders and goods on the way, as the planner's books show them."""
        seen = self.range.snapshot()
        return Snapshot(now=now, stock=seen["stock"], open_orders=seen["open_orders"], in_transit=seen["in_transit"])

    def close(self) -> None:
        self.effects.close()
        self.journal.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> "Guarded":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _cut(batch: pa.RecordBatch, times: list[int]) -> list[pa.RecordBatch]:
    """The rows of a batch, which are in order of time, before each of the `times` and after the last one."""
    places = [0, *np.searchsorted(batch.column("time").to_numpy(), times).tolist(), batch.num_rows]
    return [batch.slice(first, last - first) for first, last in pairwise(places)]
