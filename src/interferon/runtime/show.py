"""The live demo: a thread that moves a guarded range at a chosen speed, and a second world beside it in which nobody responds.

Called by `interferon demo`. The screens read `running`; a person's word waits in a queue for the next simulated minute.
"""

import queue
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from interferon.decide.situation import Ask
from interferon.detect.stream_protocol import Detector
from interferon.model.events import Control
from interferon.model.network import Network
from interferon.runtime import demo
from interferon.runtime.arms import bare
from interferon.runtime.goods import Goods
from interferon.runtime.guarded import HOUR, MINUTE, Guarded
from interferon.runtime.loop import Hooks
from interferon.runtime.running import Running
from interferon.twin.scenario import Scenario

LEAD_IN = 30 * MINUTE  # the show begins this long before the first step of the attack


class Show:
    """Entering starts the thread, leaving stops it."""

    def __init__(
        self,
        network: Network,
        scenario: Scenario,
        seed: int,
        speed: float,
        ask: Ask,
        progress: demo.Progress = lambda what, share: None,
        known_bad: Sequence[Detector] = (),
    ) -> None:
        """`speed`: simulated minutes in a second; `known_bad`: see `installation.rules`."""
        stage = demo.stage(network, ask, progress, known_bad)
        self._says: queue.Queue[Control] = queue.Queue()
        self._stopped = threading.Event()
        self._speed, self._scenario, self._start = speed, scenario, stage.start
        hooks = Hooks(sink=lambda o: self.running.take(o), heard=lambda c: self.running.hear(c), see=lambda b: self.running.see(b))
        self._guarded = Guarded(stage.rules, scenario, seed, stage.start, stage.base, hooks)
        self._other = bare(network, scenario, seed, stage.start, stage.base)
        self.running = Running(
            stage.rules,
            self._guarded.loop.state,
            stage.base,
            clock=lambda: self._guarded.range.now,
            say=self._says.put,
            speed=speed * 60,
            goods=Goods(int(network.settings.otif_window_h * HOUR), stage.start),
            without=self._without,
            switch=self._guarded.switch,
            books=self._guarded.snapshot,
        )
        self._thread = threading.Thread(target=self._run, name="range", daemon=True)
        self.failed: BaseException | None = None

    def __enter__(self) -> "Show":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()
        self._guarded.close()

    def _run(self) -> None:
        try:
            self._play()
        except BaseException as error:
            self.failed = error
            raise
        finally:
            self.running.speed = 0.0  # the screens say that time stands still
            self.running.changed += 1

    def _play(self) -> None:
        end = self._start + int(self._scenario.hours * HOUR)
        first = min((step.at_h for step in self._scenario.attacks), default=0.0)
        shown_from = self._start + int(first * HOUR) - LEAD_IN
        due = time.monotonic()
        while not self._stopped.is_set() and self._guarded.range.now < end:
            with self.running.lock:
                self._advance()
            if self._guarded.range.now < shown_from:
                due = time.monotonic()
                continue
            due = max(due + 1 / self._speed, time.monotonic() - 1)
            self._stopped.wait(max(due - time.monotonic(), 0))
        while not self._stopped.wait(0.2):  # the story is told; people may still look, judge and release
            with self.running.lock:
                self._listen()

    def _advance(self) -> None:
        """One simulated minute in both worlds, people's words first."""
        self._listen()
        now = self._guarded.range.now + MINUTE
        self._guarded.advance(now)
        if now % (10 * MINUTE) == 0 and now > self._start:
            self._other.advance(now)
        self.running.changed += 1

    def _listen(self) -> None:
        while not self._says.empty():
            self._guarded.loop.feed(self._says.get())

    def _without(self, now: int) -> tuple[float, int] | None:
        """OTIF and late orders so far in the world without a response."""
        outcome = self._other.outcome()
        return (outcome.otif, outcome.orders_late) if outcome.orders_due else None
