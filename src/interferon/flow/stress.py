"""Time to survive against time to recover: what an outage of each node, zone and carrier costs, one after another. Pure.

Called by `runtime.flow_folder` for `interferon flow stress`. After Simchi-Levi, Schmidt and Wei, "From Superstorms to
Factory Fires", Harvard Business Review 92 (2014).
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from interferon.flow.account import figures
from interferon.flow.capacity import lost, shares
from interferon.flow.closure import ClosureTable
from interferon.flow.plan import plannable
from interferon.flow.problem import Snapshot, build
from interferon.flow.steady import undisturbed
from interferon.model.errors import InputError
from interferon.model.network import Network

Progress = Callable[[int, int], None]  # done so far, of how many
RECOVER_H = 24.0  # hours that an outage lasts where nothing is said


@dataclass(frozen=True)
class Stress:
    """One outage. `kind` is node, zone or carrier; `cost` in the network's currency, against the plan with nothing closed.

    `survive_h`: the longest outage, to the hour, that makes no order late; None where no length within the horizon does.
    `recover_h`: hours until goods are back everywhere behind it: the outage, and the mean lead time to the place that waits longest.
    `first_late_h`, `orders_at_risk`: closed for good, when the first order is late that would not be (None: none is), and how many are.
    `orders_late`, `cost`, `cost_per_day`: of the outage itself.
    """

    ref: str
    kind: str
    survive_h: float | None
    recover_h: float
    first_late_h: float | None
    orders_at_risk: float
    orders_late: int
    cost: float
    cost_per_day: float
    exposed: bool  # the outage makes an order late: it lasts longer than is survived


@dataclass(frozen=True)
class StressReport:
    """All outages of `outage_h` hours each, the dearest first."""

    network: str
    currency: str
    outage_h: float
    horizon_days: int
    rows: tuple[Stress, ...]


def stress(
    network: Network,
    snapshot: Snapshot,
    recover_h: float = RECOVER_H,
    progress: Progress | None = None,
    table: ClosureTable | None = None,
) -> StressReport:
    """Takes each place, zone and carrier away for `recover_h` hours, re-routes, and counts what is lost.

    Nodes and zones closed for good are read from `table` where there is one for this network and snapshot; else they are solved too.
    Raises InputError where `recover_h` is no length of time, or nothing can be planned.
    """
    if not 0 < recover_h < float("inf"):
        raise InputError(f"--recover is {recover_h:g}; hours above 0 are needed")
    plannable(network, snapshot)
    desk = _Desk(network, snapshot, table, recover_h)
    targets = _targets(network)
    rows = []
    for done, (ref, kind, refs) in enumerate(targets, 1):
        rows.append(desk.row(ref, kind, refs))
        if progress is not None:
            progress(done, len(targets))
    rows.sort(key=lambda row: (-row.cost, -row.orders_at_risk, row.ref))
    return StressReport(network.settings.name, network.settings.currency, recover_h, network.settings.horizon_days, tuple(rows))


def as_json(found: StressReport) -> dict[str, Any]:
    """What `--json` prints."""
    told = asdict(found)
    return told | {"rows": list(told["rows"]), "exposed": sum(row.exposed for row in found.rows)}


def _targets(network: Network) -> list[tuple[str, str, tuple[str, ...]]]:
    """(name, kind, references to close): suppliers, plants, centres; zones; and the lanes of each carrier that has more than one."""
    found = [(f"node:{n.id}", "node", (f"node:{n.id}",)) for n in network.nodes.values() if n.kind != "customer"]
    found += [(f"zone:{zone}", "zone", (f"zone:{zone}",)) for zone in network.zones]
    lanes: dict[str, list[str]] = {}
    for lane in network.lanes.values():
        if lane.carrier:
            lanes.setdefault(lane.carrier, []).append(f"lane:{lane.id}")
    return found + [(f"partner:{carrier}", "carrier", tuple(refs)) for carrier, refs in lanes.items() if len(refs) > 1]


class _Desk:
    """The solver, and what has been solved: outages that leave the same capacities are solved once."""

    def __init__(self, network: Network, snapshot: Snapshot, table: ClosureTable | None, outage_h: float) -> None:
        self.network, self.outage_h, self._singles = network, outage_h, table.singles if table else {}
        self._problem, self._solver, flows = undisturbed(network, snapshot, build(network, snapshot))
        self._base = figures(self._problem, flows)
        self._known: dict[tuple[object, ...], tuple[float, tuple[float, ...]]] = {}

    def row(self, ref: str, kind: str, refs: tuple[str, ...]) -> Stress:
        cost, late = self._closed(refs, self.outage_h)
        first, at_risk = self._for_good(ref, refs)
        return Stress(
            ref=ref,
            kind=kind,
            survive_h=self._survive(refs, bool(late)) if late or at_risk else None,
            recover_h=self.outage_h + self._lead_h(refs),
            first_late_h=first,
            orders_at_risk=at_risk,
            orders_late=len(late),
            cost=cost,
            cost_per_day=cost / (self.outage_h / 24),
            exposed=bool(late),
        )

    def _survive(self, refs: tuple[str, ...], late: bool) -> float:
        """By bisection between what is survived and what is not. Longer outages are taken to make no fewer orders late."""
        end = math.ceil(float(self._problem.edges[-1]) * 24)
        low, high = (0, math.ceil(self.outage_h)) if late else (math.floor(self.outage_h), end)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._closed(refs, float(middle))[1] else (middle, high)
        return float(low)

    def _for_good(self, ref: str, refs: tuple[str, ...]) -> tuple[float | None, float]:
        single = self._singles.get(ref)
        if single is not None:
            first = single.time_to_survive_h  # -1 where none is late
            return (first if first >= 0 else None), single.orders_late_high
        _, late = self._closed(refs, None)
        return (max(min(late), 0.0) if late else None), float(len(late))

    def _closed(self, refs: tuple[str, ...], until_h: float | None) -> tuple[float, tuple[float, ...]]:
        """Cost above nothing closed, and the promises (hours from now) of orders that are late only so; the worst of what is assumed."""
        steps = lost(self.network, refs, until_h).worst
        key = tuple(sorted(steps.items()))
        if not steps:
            return 0.0, ()
        if key not in self._known:
            left = shares(self._problem, steps)
            reached = figures(self._problem, self._solver.solve(left), left)
            before = {order for order, _ in self._base.late}
            late = tuple(hour for order, hour in reached.late if order not in before)
            self._known[key] = (max(reached.cost - self._base.cost, 0.0), late)
        return self._known[key]

    def _lead_h(self, refs: tuple[str, ...]) -> float:
        """Mean lead time, in hours, over the fastest lane that was closed, or starts where it was, to each place; the longest."""
        targets = lost(self.network, refs).worst
        days: dict[str, float] = {}
        for lane in self.network.lanes.values():
            if f"lane:{lane.id}" in targets or f"node:{lane.origin}" in targets:
                days[lane.destination] = min(days.get(lane.destination, lane.lead_days_mean), lane.lead_days_mean)
        return 24 * max(days.values(), default=0.0)
