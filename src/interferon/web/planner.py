"""Computes what-ifs in a thread of its own, one at a time, and keeps the last ones. Called by the screen *Plan*; changes nothing.

A question that comes while another's plan is being computed is turned away, so that no queue grows; a trade-off being computed ends for it
with what it has found.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from interferon.flow.grid import days
from interferon.flow.plan import Plan, plan
from interferon.flow.problem import Snapshot, build
from interferon.flow.threat import draw
from interferon.flow.tradeoff import Tradeoff, tradeoff
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.web.view import Source

KEPT: Final = 16  # sheets
FRESH_S: Final = 60.0  # how long what-ifs start from the same snapshot, so that they can be compared
SEEN_S: Final = 20.0  # and at least after the last of them, so that who asked can look at it
CURVE_S: Final = 20.0  # of computing the trade-off; what is found by then is shown
CURVE_GAP: Final = 0.02
CURVE_MOST: Final = 1000  # zones and conduits of a network whose trade-off is computed
SCENARIOS: Final = 16

Key = tuple[int, int, tuple[str, ...], float | None]


@dataclass
class Sheet:
    """One question and what has been found so far. `planned` and `done` are set when nothing more will come of the plan, of all."""

    network: Network
    snapshot: Snapshot
    closed: tuple[str, ...]
    until_h: float | None
    suspicion: Mapping[str, float]  # zone id → probability that an intruder holds it
    plan: Plan | None = None
    curve: Tradeoff | None = None
    refusal: str = ""
    hurried: bool = False  # somebody else waits: the trade-off is to end
    planned: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> Key:
        return (self.network.revision, self.snapshot.now, self.closed, self.until_h)


class Planner:
    """Sheets by question. `clock`: seconds, monotonic."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._lock = threading.Lock()
        self._sheets: OrderedDict[Key, Sheet] = OrderedDict()
        self._running: Sheet | None = None
        self._stopped = False
        self._snapshot: tuple[int, Snapshot] | None = None
        self._fresh_until = 0.0

    def snapshot(self) -> Snapshot:
        """What plans begin with: one for a minute, and for as long as one is being computed from it."""
        with self._lock:
            revision = self._source.network.revision
            old = self._clock() >= self._fresh_until and self._running is None
            if self._snapshot is None or self._snapshot[0] != revision or old:
                self._snapshot = (revision, self._source.snapshot())
                self._fresh_until = self._clock() + FRESH_S
            return self._snapshot[1]

    def sheet(self, asked: Sheet, wait_s: float) -> Sheet | None:
        """The sheet of the same question, begun if need be, after its plan was waited for. None: another's plan is being computed."""
        found = self._found(asked)
        if found is None and self._made_room(wait_s):
            found = self._found(asked)
        if found is not None:
            found.planned.wait(wait_s)
        return found

    def stop(self) -> None:
        """Begins nothing more; what is being computed ends as soon as it can."""
        with self._lock:
            self._stopped = True

    def _found(self, asked: Sheet) -> Sheet | None:
        """The sheet that is kept, or one begun if nothing is being computed."""
        with self._lock:
            if asked.key not in self._sheets:
                if self._running is not None or self._stopped:
                    return None
                self._begin(asked)
            self._sheets.move_to_end(asked.key)
            return self._sheets[asked.key]

    def _made_room(self, wait_s: float) -> bool:
        """Whether what is being computed has ended, after its trade-off was told to. A plan is let through to its end."""
        with self._lock:
            running = self._running
            if running is None or not running.planned.is_set():
                return running is None
            running.hurried = True
        return running.done.wait(wait_s)

    def _begin(self, sheet: Sheet) -> None:
        self._sheets[sheet.key] = sheet
        while len(self._sheets) > KEPT:
            self._sheets.popitem(last=False)
        self._running = sheet
        # not a daemon: the interpreter must not end under a solver that is at work
        threading.Thread(target=self._work, args=(sheet,), name="what-if").start()

    def _work(self, sheet: Sheet) -> None:
        try:
            sheet.plan = plan(sheet.network, sheet.snapshot, sheet.closed, sheet.until_h)
            sheet.planned.set()
            sheet.curve = self._curve(sheet)
        except (InputError, ArithmeticError) as error:
            sheet.refusal = str(error)
        finally:
            if sheet.plan is None and not sheet.refusal:
                sheet.refusal = "the computation failed"
            sheet.planned.set()
            with self._lock:
                self._running = None
                # where nothing can be planned, something may come at any moment
                self._fresh_until = max(self._fresh_until, self._clock() + SEEN_S) if sheet.plan is not None else self._clock()
            sheet.done.set()

    def _curve(self, sheet: Sheet) -> Tradeoff | None:
        """The trade-off of the suspect zones. What the intruder might do is the one side of it and therefore not in the other: damage 0."""
        network = sheet.network
        if not sheet.suspicion or len(network.zones) + len(network.conduits) > CURVE_MOST:
            return None
        horizon_h = float(network.settings.horizon_days) * 24
        until_h = min(sheet.until_h or horizon_h, horizon_h)
        problem = build(network, sheet.snapshot, days(horizon_h / 24, sheet.until_h))
        threat = draw(network, sheet.suspicion, until_h, count=SCENARIOS, damage=0.0)
        end = self._clock() + CURVE_S

        def go_on(answer: object) -> bool:
            return self._clock() < end and not sheet.hurried and not self._stopped

        return tradeoff(network, problem, threat, go_on, CURVE_GAP)
