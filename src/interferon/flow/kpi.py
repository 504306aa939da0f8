"""All key figures of a network's plan, with nothing closed and round a closure. Pure; definitions in `model/kpis.csv` and docs/kpis.md.

`report` is called by `interferon flow kpi`. Every figure is modelled: it is what a plan over the open orders comes to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from interferon.flow import kpi_cost, kpi_lines, kpi_orders
from interferon.flow.account import Flows
from interferon.flow.capacity import Shares, lost, shares
from interferon.flow.kpi_emissions import Emissions, emissions
from interferon.flow.kpi_orders import Lines, Mean, OtifRule
from interferon.flow.kpi_recovery import performance, recovery
from interferon.flow.problem import Floats, Problem, Snapshot, build
from interferon.flow.solver import Solver
from interferon.flow.steady import undisturbed
from interferon.model.network import Network

BASIS = "modelled"


@dataclass(frozen=True)
class Figure:
    """One key figure; None where it is not known. `note`: over how much it was taken, or why it is not known."""

    value: float | None
    note: str = ""


@dataclass(frozen=True)
class Side:
    """What one plan comes to: figures by id of `model.kpis`, and the elements behind its emissions."""

    figures: dict[str, Figure]
    emissions: Emissions


@dataclass(frozen=True)
class Report:
    """The plan with nothing closed and, where something is, the re-routed plan round it."""

    network: str
    currency: str
    horizon_days: float
    rule: OtifRule
    closed: tuple[str, ...]
    until_h: float | None
    plan: Side
    rerouted: Side | None


@dataclass(frozen=True)
class _Plan:
    """One decision over the horizon, with what is reckoned from it more than once."""

    network: Network
    problem: Problem
    flows: Flows
    lines: Lines
    rule: OtifRule
    left: Shares | None  # of the capacities under a closure

    @property
    def outcome(self) -> kpi_cost.Outcome:
        return kpi_lines.outcome(self.network, self.problem, self.flows, self._late, self.left)

    @property
    def _late(self) -> Floats:
        """(P,) units of lines that are not in full by promise and window."""
        goods = np.repeat(self.problem.demand.product, np.array([len(rows) for rows in self.problem.demand.orders], np.int64))
        late = self.lines.delivered > self.lines.promised + self.rule.late + kpi_orders.EPS
        return kpi_lines.totals(goods, np.where(late, self.lines.quantity, 0.0), len(self.problem.products))


def report(network: Network, snapshot: Snapshot, closed: Iterable[str] = (), until_h: float | None = None) -> Report:
    """Key figures of the optimal plan and, with `closed` references shut for `until_h` hours (None: the horizon), of the re-routed one."""
    refs, rule = tuple(sorted(set(closed))), kpi_orders.rule(network.settings)
    problem, solver, flows = undisturbed(network, snapshot, build(network, snapshot))

    def plan(flows: Flows, left: Shares | None = None) -> _Plan:
        return _Plan(network, problem, flows, kpi_lines.lines(problem, flows, snapshot.now, rule.tolerance), rule, left)

    before = plan(flows)
    left = shares(problem, lost(network, refs, until_h).worst)
    around = plan(_rerouted(solver, left), left) if refs else None
    return Report(
        network=network.settings.name,
        currency=network.settings.currency,
        horizon_days=float(problem.edges[-1]),
        rule=rule,
        closed=refs,
        until_h=until_h,
        plan=_side(before, before),
        rerouted=_side(around, before) if around else None,
    )


def _rerouted(solver: Solver, left: Shares) -> Flows:
    """The optimum round the closure; the local repair where the solver's bound was reached first."""
    optimum = solver.attempt(left)
    return solver.first(left) if optimum is None else optimum


def _side(plan: _Plan, before: _Plan) -> Side:
    gas = emissions(plan.network, *kpi_lines.tonnes(plan.problem, plan.flows))
    return Side({**_service(plan), **_costs(plan, before), **_gas(gas), **_money(plan, before), **_resilience(plan, before)}, gas)


def _service(plan: _Plan) -> dict[str, Figure]:
    lines, each, nothing = plan.lines, plan.rule.level, "nothing is delivered"
    asked = "no order says for when the customer asked (orders.csv, wanted)"
    unasked = bool(np.isnan(lines.wanted).all())
    return {
        "otif": _over(kpi_orders.otif(lines, plan.rule, lines.promised), f"{each}s", "no order is due"),
        "otif_request": _over(kpi_orders.otif(lines, plan.rule, lines.wanted), f"{each}s", asked),
        "cycle_gross": _over(kpi_orders.cycle_gross(lines), "orders delivered", nothing),
        "cycle_net": _over(kpi_orders.cycle_net(lines), "orders delivered", asked if unasked else nothing),
    }


def _over(mean: Mean, of: str, otherwise: str) -> Figure:
    return Figure(mean.value, f"of {mean.count:,} {of}" if mean.count else otherwise)


def _costs(plan: _Plan, before: _Plan) -> dict[str, Figure]:
    network, problem = plan.network, plan.problem
    mix = kpi_cost.constant_mix(
        kpi_lines.units_delivered(problem, before.flows),
        kpi_lines.unit_costs(network, problem, before.flows),
        kpi_lines.unit_costs(network, problem, plan.flows),
    )
    told = (
        f"index {mix.index:.4f}, {mix.covered:.1%} of the reference's units" if mix.index is not None else "no product has a cost in both"
    )
    capacity = np.count_nonzero(problem.node_cap[problem.plants]) * float(problem.edges[-1])
    value = np.array([row.value for row in network.products.values()])
    output = kpi_cost.productivity(kpi_lines.made(problem, plan.flows), value, capacity)
    return {
        "cogs_unit": Figure(mix.now, told),
        "productivity": Figure(output, f"{capacity:g} plant-days" if output is not None else "there is no plant"),
    }


def _gas(gas: Emissions) -> dict[str, Figure]:
    legs = f"{gas.tkm:,.0f} tkm" + (f"; {gas.unstated} legs have no factor and count as 0" if gas.unstated else "")
    return {
        "emissions": Figure(gas.kg, f"{len(gas.elements)} elements"),
        "emission_intensity": Figure(gas.g_per_tkm, legs),
        "emission_default": Figure(gas.default_share, "" if gas.kg > 0 else "nothing is emitted"),
    }


def _money(plan: _Plan, before: _Plan) -> dict[str, Figure]:
    now, reference, books = plan.outcome, before.outcome, plan.network.settings.finance
    margin = kpi_cost.ebitda_margin_effect(now, reference, books)
    roce = kpi_cost.roce_effect(now, reference, books, float(plan.problem.edges[-1]))
    parts = {part: getattr(now, part) - getattr(reference, part) for part in ("margin_lost", "freight", "lateness")}
    return {
        "ebitda_effect": Figure(kpi_cost.ebitda_effect(now, reference), _parts(parts)),
        "ebitda_margin_effect": Figure(margin, "" if margin is not None else "needs finance.revenue and finance.ebitda"),
        "roce_effect": Figure(roce, "" if roce is not None else "needs finance.ebitda, finance.depreciation and finance.capital_employed"),
    }


def _parts(parts: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {round(amount):,}" for name, amount in parts.items())


def _resilience(plan: _Plan, before: _Plan) -> dict[str, Figure]:
    due, usual = kpi_lines.in_time(plan.problem, before.flows)
    _, now = kpi_lines.in_time(plan.problem, plan.flows)
    buckets = plan.problem.buckets
    found = recovery(plan.problem.edges, performance(kpi_lines.totals(due, usual, buckets), kpi_lines.totals(due, now, buckets)))
    unseen = "" if found.days is not None else "no recovery that holds for 7 days is seen within the horizon"
    return {
        "recovery_days": Figure(found.days, unseen),
        "area_lost": Figure(found.area, "at least: " + unseen if unseen else ""),
    }
