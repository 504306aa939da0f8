"""Puts an installation together from its parts: network, policy, detectors, closure table, journal. Called by demo, replay and `up`."""

from collections.abc import Callable
from types import ModuleType

from interferon import plugins
from interferon.decide.situation import Ask
from interferon.detect.watch import Portfolios
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.flow.closure import ClosureTable, closure_table
from interferon.flow.problem import Snapshot, opening
from interferon.flow.reroute import Route, reroute, to_dict
from interferon.model.events import Rerouted
from interferon.model.network import Network
from interferon.model.records import Solve
from interferon.pipeline import Rules

Progress = Callable[[int, int], None]


def stream_detectors() -> list[ModuleType]:
    """The detectors of activity and trade events: modules of `detectors/` and of other distributions that judge single events."""
    return [module for module in plugins.modules("detectors").values() if hasattr(module, "KINDS")]


def portfolios() -> Portfolios:
    return Portfolios(TELEMETRY, stream_detectors())


def rules(network: Network, ask: Ask, *, observing: bool, now: int, progress: Progress | None = None) -> Rules:
    """Rules of an installation; computes the closure table, which takes seconds on a large network."""
    table: ClosureTable = closure_table(network, opening(network, now), progress)
    return Rules(network=network, closures=table, ask=ask, portfolios=portfolios(), observing=observing)


def opening_time(network: Network) -> int:
    """When the tables begin: the newest stock count, else the first order; midnight UTC of that day."""
    times = [row.as_of for row in network.inventory] or [order.requested for order in network.orders.values()] or [0]
    return max(times) // 86_400_000_000 * 86_400_000_000


class RouteSolver:
    """Answers `Solve` with the heuristic re-route, which takes well under a second; keeps the route in force."""

    def __init__(self, network: Network, snapshot: Callable[[int], Snapshot], base: Route, apply: Callable[[Route], None]) -> None:
        self._network, self._snapshot, self.base, self._apply = network, snapshot, base, apply
        self.route = base

    def __call__(self, command: Solve) -> Rerouted:
        self.route = reroute(self._network, self._snapshot(command.time), command.closed, self.base)
        self._apply(self.route)
        return Rerouted(time=command.time, plan=command.plan, route=to_dict(self.route))
