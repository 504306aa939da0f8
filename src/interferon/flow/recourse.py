"""What a loss of capacity costs once the goods have been re-routed round it, and how fast that grows: cuts for `joint`. Pure.

The programme of `programme`, once priced at cost and once with a surcharge on every unit that is late or never comes, each solved from its
own optimum's basis with nothing lost.
"""

from dataclasses import dataclass, replace

import highspy
import numpy as np

from interferon.flow.problem import Floats, Ints, Problem
from interferon.flow.programme import ITERATIONS, highs_of, programme


@dataclass(frozen=True)
class Outcome:
    """`value` is cost + surcharge · late; `slope` (rows,) what a unit more of each capacity changes of it, ≤ 0."""

    value: float
    cost: float
    late: float  # share of the demanded quantity that is late or never comes
    slope: Floats


class Recourse:
    """Solves one problem for many capacities at one surcharge: currency for all of the demand being late."""

    def __init__(self, problem: Problem, surcharge: float) -> None:
        lp = programme(problem)
        steps, demand = problem.buckets, problem.demand
        late = np.zeros(len(lp.cost))
        total = max(float(demand.quantity.sum()), 1e-12)
        late[: problem.ship_late.size] = problem.ship_late.ravel() / total
        first = steps * (len(problem.ship_lane) + len(problem.haul_lane) + len(problem.make_at) + len(problem.stock_node))
        late[first : first + len(demand.quantity)] = 1.0 / total
        self._late, self._cost, self._rows = late, lp.cost, lp.capacity_rows
        self._index: Ints = np.arange(lp.capacity_rows.start, lp.capacity_rows.stop, dtype=np.int32)
        self._lower = lp.row_lower[lp.capacity_rows]
        self._highs = highs_of(replace(lp, cost=lp.cost + surcharge * late))
        self._highs.setOptionValue("simplex_iteration_limit", ITERATIONS)
        self._basis: highspy.HighsBasis | None = None
        self._nominal = lp.row_upper[lp.capacity_rows]

    def solve(self, limits: Floats) -> Outcome:
        """The optimum within `limits`. ArithmeticError where the bound on iterations was reached."""
        if self._basis is None:
            self._run(self._nominal, "ipm")
            self._basis = self._highs.getBasis()
        return self._run(limits, "simplex")

    def _run(self, limits: Floats, method: str) -> Outcome:
        highs = self._highs
        highs.changeRowsBounds(len(self._index), self._index, self._lower, limits)  # type: ignore[attr-defined]  # bound at run time
        highs.clearSolver()
        if self._basis is not None:
            highs.setBasis(self._basis)
        highs.setOptionValue("solver", method)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise ArithmeticError(f"the flow programme ended as {highs.modelStatusToString(highs.getModelStatus())}")
        solution = highs.getSolution()
        x = np.asarray(solution.col_value)
        slope = np.minimum(np.asarray(solution.row_dual)[self._rows], 0.0)
        return Outcome(float(highs.getInfo().objective_function_value), float(self._cost @ x), float(self._late @ x), slope)
