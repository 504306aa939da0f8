"""The executable answer to a closure: before and after, the rows that change, and why each late order is late. Pure.

Called by `runtime.flow_folder` for `interferon flow plan` and `interferon.flow_plan`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from interferon.flow.account import Figures, Flows, figures, loads
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.courses import Step
from interferon.flow.dispatch import Lanes, dispatch
from interferon.flow.limits import capacity_limits
from interferon.flow.plan_rows import OrderRow, Production, Rows, Shipment, Transfer, order_rows, rows
from interferon.flow.plan_state import State, losses
from interferon.flow.plan_why import Ways
from interferon.flow.plan_words import Reason, Words
from interferon.flow.precheck import bom_cycle
from interferon.flow.problem import DAY_US, Problem, Snapshot, build
from interferon.flow.sourcing import lanes_used, sourcing
from interferon.flow.states import AssetState, from_states, together
from interferon.flow.steady import undisturbed
from interferon.flow.telling import iso
from interferon.flow.transit import opening_left
from interferon.model.errors import InputError
from interferon.model.network import Network

TABLE, REPAIR, PROGRAMME = "closure table", "local repair", "linear programme"
ROOM = 1e-6  # share of a capacity: the plan with nothing closed stands if it needs no more than this above what is left


@dataclass(frozen=True)
class Answer:
    """How the plan was found. `gap`: share by which its cost may lie above the least; `bound`: no plan with this closure costs less."""

    speed: str  # closure table | local repair | linear programme
    cost: float
    bound: float
    valid_until: int  # microseconds UTC; a new revision of the tables or a new order ends it sooner

    @property
    def gap(self) -> float:
        return max(self.cost - self.bound, 0.0) / self.bound if self.bound > 0 else 0.0


@dataclass(frozen=True)
class Range:
    """Where dependencies are only assumed: what the best and the worst reading of the tables come to (lower end first)."""

    orders_late: tuple[int, int]
    cost: tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """Figures are of the whole horizon. `nominal`: nothing closed; `kept`: closed and not re-routed; `rerouted`: this plan."""

    network: str
    currency: str
    revision: int
    time: int
    closed: tuple[str, ...]
    until: int | None  # None: not within the horizon
    answer: Answer
    nominal: Figures
    kept: Figures
    rerouted: Figures
    range: Range | None
    orders: tuple[OrderRow, ...]
    shipments: tuple[Shipment, ...]
    transfers: tuple[Transfer, ...]
    production: tuple[Production, ...]
    causes: tuple[tuple[str, tuple[str, ...]], ...]  # reason, and the orders that are late because of it; most orders first
    states: tuple[str, ...] = ()  # of assets that are not ok, beside what is closed


def plan(
    network: Network,
    snapshot: Snapshot,
    closed: Iterable[str] = (),
    until_h: float | None = None,
    *,
    fast: bool = False,
    states: Mapping[str, AssetState] | None = None,
) -> Plan:
    """Plans the horizon with `closed` shut until `until_h` hours from now (None: for all of it), counting the worst of what is assumed.

    `states`: of assets (`asset:ID`) that are not ok, beside what is closed. `fast`: by local repair alone.

    Raises InputError where no order can be planned at all.
    """
    desk = _Desk(network, snapshot, tuple(sorted(set(closed))), until_h, fast, dict(states or {}))
    found, reasons = desk.rows(), desk.reasons()
    return Plan(
        network=network.settings.name,
        currency=network.settings.currency,
        revision=network.revision,
        time=snapshot.now,
        closed=desk.closed,
        until=None if until_h is None else snapshot.now + round(until_h * DAY_US / 24),
        answer=desk.answer(),
        nominal=desk.before,
        kept=desk.kept,
        rerouted=desk.after,
        range=desk.range(),
        orders=order_rows(desk.problem, snapshot.now, found, (desk.before, desk.after), {each.order: each.text for each in reasons}),
        shipments=found.shipments,
        transfers=found.transfers,
        production=found.production,
        causes=_causes(reasons),
        states=tuple(f"{ref} {state.kind}" for ref, state in sorted((states or {}).items())),
    )


class _Desk:
    """One closure on one snapshot: the problem, its solver, and the decisions with nothing closed, without and with a re-route."""

    def __init__(
        self,
        network: Network,
        snapshot: Snapshot,
        closed: tuple[str, ...],
        until_h: float | None,
        fast: bool,
        states: dict[str, AssetState],
    ) -> None:
        self.states = states
        self.network, self.snapshot, self.closed, self.until_h, self.fast = network, snapshot, closed, until_h, fast
        plannable(network, snapshot)
        self.problem = build(network, snapshot)
        if not len(self.problem.ship_lane):
            raise InputError("nothing can be planned: no lane brings what is ordered to any customer")
        self.problem, self._solver, self._nominal = undisturbed(network, snapshot, self.problem)
        self.before = figures(self.problem, self._nominal)
        self._capacities = together(lost(network, closed, until_h), from_states(network, states))
        self._base = self._lanes()
        self.speed, self._flows, self.after, self._bound = self._solved(self._capacities.worst)
        self.kept = self.after if self.speed == TABLE else self._kept()
        self._rows = rows(network, self.problem, snapshot.now, self._nominal, self._flows)

    def rows(self) -> Rows:
        return self._rows

    def answer(self) -> Answer:
        """Until when: the closure's end, an asset's next change, or the horizon's end."""
        ends = [float(self.problem.edges[-1]) * 24] + ([self.until_h] if self.until_h is not None and self.closed else [])
        ends += [state.hours for state in self.states.values() if state.hours]
        return Answer(self.speed, self.after.cost, min(self._bound, self.after.cost), self.snapshot.now + round(min(ends) * DAY_US / 24))

    def range(self) -> Range | None:
        if self._capacities.certain:
            return None
        best = self._solved(self._capacities.best)[2]
        late = sorted((best.orders_late, self.after.orders_late))
        cost = sorted((best.cost, self.after.cost))
        return Range((late[0], late[1]), (cost[0], cost[1]))

    def reasons(self) -> list[Reason]:
        """Orders late with nothing closed are explained by that plan, so that the closure is not blamed for them."""
        late_before = {order for order, _ in self.before.late}
        usual, now = self._words(self._nominal, usual=True), self._words(self._flows, usual=False)
        return [(usual if order in late_before else now).reason(order) for order, _ in self.after.late]

    def _words(self, flows: Flows, *, usual: bool) -> Words:
        taken = losses(self.network, () if usual else self.closed, self.until_h, {} if usual else self.states)
        state = State(self.problem, flows, taken)
        nothing = not self.closed and not self.states
        return Words(Ways(self.network, state, self._nominal), self._rows, self.snapshot.now, usual=usual or nothing)

    def _solved(self, steps: dict[str, tuple[Step, ...]]) -> tuple[str, Flows, Figures, float]:
        """How the goods go with `steps` of capacity left, and a cost that none undercuts: as they do, where what is left suffices.

        Closing more never costs less, so the plan with nothing closed bounds the local repair.
        """
        left = shares(self.problem, steps)
        if not steps or _stands(self.problem, self._nominal, left):
            return TABLE, self._nominal, self.before, self.before.cost
        optimum = None if self.fast else self._solver.attempt(left)
        if optimum is None:
            mended = self._solver.first(left)
            return REPAIR, mended, figures(self.problem, mended, left), self.before.cost
        flows, least = self._solver.near(left, optimum), figures(self.problem, optimum, left).cost
        return PROGRAMME, flows, figures(self.problem, flows, left), least

    def _kept(self) -> Figures:
        left = shares(self.problem, self._capacities.worst)
        return figures(self.problem, dispatch(self.problem, left, self._base), left)

    def _lanes(self) -> Lanes:
        whole = shares(self.problem, {})
        return lanes_used(self.problem, sourcing(self.network, self.snapshot, self.problem, self._nominal, whole, None))


def plannable(network: Network, snapshot: Snapshot) -> None:
    """InputError where the tables leave nothing to plan."""
    cycle = bom_cycle(network)
    if cycle:
        raise InputError(f"bom.csv: cycle in the bill of materials: {' takes '.join(cycle)}; a product cannot be part of itself")
    days = network.settings.horizon_days
    last = snapshot.now + days * DAY_US - round(network.settings.otif_window_h * DAY_US / 24)
    if not any(order.promised <= last and order.quantity > 0 for order in snapshot.open_orders):
        raise InputError(f"orders.csv: no open order is promised within {days} days from {iso(snapshot.now)}; there is nothing to plan")


def _stands(problem: Problem, flows: Flows, left: Shares) -> bool:
    """Whether a decision needs no more than what is left of each capacity, and the closure touches nothing that is under way."""
    if not np.array_equal(opening_left(problem, left), problem.opening):
        return False
    sent, carried, made = loads(problem, flows)
    sent = np.where(np.isfinite(problem.node_cap)[:, None], sent, 0.0)
    used = np.concatenate([carried.ravel(), sent.ravel(), made[problem.plants].ravel()])
    limits, whole = (capacity_limits(problem, each).ravel()[: used.size] for each in (left, None))
    return bool((used <= limits + ROOM * whole).all())


def _causes(reasons: list[Reason]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for reason in reasons:
        found.setdefault(reason.cause, []).append(reason.order)
    return tuple((cause, tuple(orders)) for cause, orders in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])))
