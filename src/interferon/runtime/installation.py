"""Puts an installation together from its parts: network, policy, detectors, closure table, journal. Called by demo, replay and `up`."""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import msgspec

from interferon import __version__, plugins
from interferon.decide.release import ReleaseSettings
from interferon.decide.situation import Ask, Closures
from interferon.detect.settings import LIVE, Settings
from interferon.detect.stream_protocol import Detector
from interferon.detect.watch import Portfolios
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.flow.closure import ClosureTable, closure_table
from interferon.flow.problem import Snapshot, opening
from interferon.flow.reroute import Route, reroute, to_dict
from interferon.model.errors import InputError
from interferon.model.events import Rerouted
from interferon.model.network import ROWS, Network
from interferon.model.records import Solve
from interferon.pipeline import Rules
from interferon.runtime import action_names
from interferon.store import checkpoint

HYSTERESIS = 33.0  # an alarm ends when the tail probability is this many times higher than where it began
WORTH_ORDERS, WORTH_UNITS = 0.5, 1.0  # expected late orders, unserved units: below both nobody moves goods
Progress = Callable[[int, int], None]


def stream_detectors() -> list[ModuleType]:
    """The detectors of activity and trade events: modules of `detectors/` and of other distributions that judge single events."""
    return [module for module in plugins.modules("detectors").values() if hasattr(module, "KINDS")]


def portfolios(more: Sequence[Detector] = ()) -> Portfolios:
    """Every detector, and `more` of activity and trade that belong to one network alone."""
    return Portfolios(TELEMETRY, [*stream_detectors(), *more], SIGNALS)


def rules(
    network: Network,
    ask: Ask,
    *,
    observing: bool,
    now: int,
    progress: Progress | None = None,
    known_bad: Sequence[Detector] = (),
    inspects: bool = False,
) -> Rules:
    """Rules of an installation. The closure table takes seconds on a large network and is kept for the next start on the same one.

    `known_bad`: the detector of the folder's Sigma rules (`runtime.known_bad`), where it has any. `inspects`: an effector is asked what it
    sees of configurations and backups before something comes back.
    """
    action_names.refuse_unknown(network)
    table = kept_or_computed(network, opening(network, now), progress)
    own = network.settings.recovery
    release = ReleaseSettings(contained_h=own.contained_hours, clean_h=own.clean_hours, inspects=inspects, unverified=own.unverified)
    return Rules(network=network, closures=table, ask=ask, portfolios=portfolios(known_bad), observing=observing, release=release)


def kept_or_computed(network: Network, snapshot: Snapshot, progress: Progress | None = None) -> ClosureTable:
    """The closure table that an earlier start kept for exactly these, else a new one, which is kept."""
    kept = _kept_at(network, snapshot)
    table = _kept(kept)
    if table is None:
        table = closure_table(network, snapshot, progress)
        _keep(kept, table)
    return table


def telemetry_settings(network: Network) -> Settings:
    """How telemetry is judged live, as `network.toml` says."""
    own = network.settings
    return replace(LIVE, learn_rows=own.learn_rows, p_on=own.alarm_p, p_off=max(min(own.alarm_p * HYSTERESIS, 0.05), own.alarm_p))


def opening_time(network: Network) -> int:
    """When the tables begin: the newest stock count, else the newest order; midnight UTC of that day."""
    times = [row.as_of for row in network.inventory] or [order.requested for order in network.orders.values()] or [0]
    return max(times) // 86_400_000_000 * 86_400_000_000


def kept_table(network: Network, snapshot: Snapshot) -> ClosureTable | None:
    """The closure table that an earlier start kept for exactly this network and snapshot."""
    return _kept(_kept_at(network, snapshot))


class RouteSolver:
    """Answers `Solve` within seconds and puts the route in force. Where the closure is not expected to cost an order, goods go as usual."""

    def __init__(
        self, network: Network, closures: Closures, snapshot: Callable[[int], Snapshot], base: Route, apply: Callable[[Route], None]
    ) -> None:
        self._network, self._closures, self._snapshot, self.base, self._apply = network, closures, snapshot, base, apply
        self.route = base

    def __call__(self, command: Solve) -> Rerouted:
        closed = self._network.closed_for_goods(command.closed)
        cost = self._closures.value(closed)
        if cost.orders_late < WORTH_ORDERS and cost.unmet < WORTH_UNITS:
            self.route = replace(self.base, closed=closed, moved=())
        else:
            self.route = reroute(self._network, self._snapshot(command.time), closed, self.base)
        self._apply(self.route)
        return Rerouted(time=command.time, plan=command.plan, route=to_dict(self.route))


def _kept_at(network: Network, snapshot: Snapshot) -> Path:
    """Where the closure table of exactly this network, snapshot and version is kept."""
    digest = hashlib.blake2b(msgspec.msgpack.encode([__version__, snapshot.now]), digest_size=16)
    for table in ("settings", *ROWS):
        digest.update(msgspec.msgpack.encode(getattr(network, table), order="deterministic"))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "interferon" / f"closures-{digest.hexdigest()}"


def _kept(path: Path) -> ClosureTable | None:
    try:
        table = checkpoint.load(path.read_bytes())
    except (OSError, InputError):
        return None
    return table if isinstance(table, ClosureTable) else None


def _keep(path: Path, table: ClosureTable) -> None:
    """A cache that cannot be written costs time at the next start and nothing else."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.save(path, table)
