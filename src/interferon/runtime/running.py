"""What a running installation knows for the people in front of it: everything told so far, the last day of telemetry, the goods.

Filled by the loop's thread, read by the screens under `lock`. Nothing here moves the pipeline but a person's word, which waits for it.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from interferon.decide.approval import refusal
from interferon.flow.problem import DAY_US, Snapshot, opening
from interferon.flow.reroute import Route, from_dict
from interferon.model.events import Approval, Baseline, Commanded, Control, Inspected, Receipted, Rerouted, Switch, Verdict
from interferon.model.records import DeadLetter, Finding, Incident, Plan, Undo
from interferon.pipeline import Output, Rules, State, may
from interferon.runtime.goods import Goods
from interferon.runtime.installation import opening_time
from interferon.runtime.kill_switch import KillSwitch
from interferon.runtime.recent import Recent
from interferon.runtime.traffic import Traffic

KEPT_LETTERS = 1000  # dead letters that the screens can show; all are on disk
KEPT: Final = (
    *("findings", "incidents", "plans", "receipts", "undone", "approvals", "verdicts", "routes"),
    *("dead", "letters", "unread", "feeds", "traffic", "goods", "recent"),
)  # fields that a snapshot holds


@dataclass
class FeedSeen:
    """One feed, counted."""

    family: str
    rows: int = 0
    last: int = 0
    pause: int = 0  # the longest time between two of its batches so far, microseconds
    lag_us: int = 0  # how long the newest batch was under way at least: seen − time


@dataclass
class Running:
    """The facts. `say` hands a person's word to the loop; `clock` tells the installation's time, `speed` how fast it runs."""

    rules: Rules
    state: State
    base: Route | None
    clock: Callable[[], int]
    say: Callable[[Control], None]
    speed: float = 1.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    changed: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    receipts: list[Receipted] = field(default_factory=list)
    undone: list[Undo] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    routes: dict[str, tuple[int, Route]] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)  # feed → dead letters
    letters: "deque[DeadLetter]" = field(default_factory=lambda: deque(maxlen=KEPT_LETTERS))
    unread: dict[str, int] = field(default_factory=dict)  # feed → highest offset of what could not be read
    again: Callable[[pa.RecordBatch], None] | None = None  # takes in what was a dead letter; None where nothing can be given in
    feeds: dict[str, FeedSeen] = field(default_factory=dict)
    traffic: Traffic = field(init=False)
    goods: Goods = field(default_factory=Goods)
    without: Callable[[int], tuple[float, int] | None] = lambda now: None  # OTIF and late orders of a twin without response
    recent: Recent = field(default_factory=Recent)
    switch: KillSwitch | None = None  # None: nothing is carried out here
    beyond: Callable[[], str] = lambda: ""  # what else keeps effects from beginning; asked without the lock, for it may take a moment
    books: Callable[[int], Snapshot] | None = None  # stock, orders, goods under way; None: as the tables have them

    def __post_init__(self) -> None:
        self.traffic = Traffic({f"asset:{asset.id}": asset.zone for asset in self.rules.network.assets.values()})

    def take(self, output: Output) -> None:
        """An output of the pipeline."""
        match output:
            case Finding():
                self.findings[output.id] = output
            case Incident():
                self.incidents[output.id] = output
            case Plan():
                self.plans[output.id] = output
            case Undo():
                self.undone.append(output)
            case DeadLetter():
                self.dead[output.feed] = self.dead.get(output.feed, 0) + 1
                self.letters.append(output)
        self.changed += 1

    def hear(self, control: Control) -> None:
        """A control record that moved the pipeline."""
        match control:
            case Receipted():
                self.receipts.append(control)
            case Approval():
                self.approvals.append(control)
            case Verdict():
                self.verdicts.append(control)
            case Rerouted():
                self.routes[control.plan] = (control.time, from_dict(control.route))
            case Baseline() | Switch() | Commanded() | Inspected():
                pass  # the watch, the switch and the book hold what became of it
            case _:
                return
        self.changed += 1

    def see(self, batch: pa.RecordBatch) -> None:
        """A batch of events on its way into the pipeline."""
        family = (batch.schema.metadata or {}).get(b"family", b"").decode()
        if not batch.num_rows:
            return
        for entry in batch.column("feed").value_counts().to_pylist():
            seen = self.feeds.setdefault(entry["values"], FeedSeen(family))
            seen.rows += entry["counts"]
            newest = pc.max(batch.column("time")).as_py()
            seen.pause = max(seen.pause, newest - seen.last if seen.last else 0)
            seen.last = max(seen.last, newest)
            seen.lag_us = pc.min(pc.subtract(batch.column("seen"), batch.column("time"))).as_py()
        if family == "activity":
            self.traffic.take(batch)
        if family == "telemetry":
            self.recent.take(batch)
        elif family == "trade":
            self.goods.take(batch)

    def refusal(self, approval: Approval) -> str:
        """'' where a person's word on a plan can be taken."""
        return refusal(self.state.book, approval, may(self.state, self.rules, approval.time))

    def snapshot(self) -> Snapshot:
        """What a plan begins with now. Tables whose orders are all promised before now, or beyond the horizon, are taken as they begin."""
        now, network = self.clock(), self.rules.network
        if self.books is not None:
            return self.books(now)
        found, last = opening(network, now), now + network.settings.horizon_days * DAY_US
        return found if any(order.promised <= last for order in found.open_orders) else opening(network, opening_time(network))

    def series(self, entity: str, signal: str) -> list[tuple[int, float | None]]:
        """Recorded values of one signal over the last day, by time."""
        return self.recent.series(entity, signal)

    def known(self) -> dict[str, Any]:
        """All that it was told, plain, for a snapshot; not what it was given to work with."""
        return {name: getattr(self, name) for name in KEPT} | {"recent": replace(self.recent, looked=("", {}))}

    def go_on(self, known: dict[str, Any]) -> None:
        """Takes over what `known` gave."""
        most = self.recent.most
        for name in KEPT:
            setattr(self, name, known[name])
        self.letters = deque(self.letters, maxlen=KEPT_LETTERS)
        self.recent.most = most
