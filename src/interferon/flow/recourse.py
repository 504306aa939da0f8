"""What a loss of capacity costs once the goods have been re-routed round it, and how fast that grows: cuts for `joint`. Pure.

The programme of `programme`, once priced at cost and once with a surcharge on every unit that is late or never comes, each solved from its
own optimum's basis with nothing lost.
"""

from dataclasses import dataclass, replace

import numpy as np

from interferon.flow.problem import Floats, Problem
from interferon.flow.programme import programme
from interferon.flow.warm import Warm


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
        self._lower, self._nominal = lp.row_lower[lp.capacity_rows], lp.row_upper[lp.capacity_rows]
        self._warm = Warm(replace(lp, cost=lp.cost + surcharge * late))

    def solve(self, limits: Floats) -> Outcome:
        """The optimum within `limits`. ArithmeticError where the bound on iterations was reached."""
        if self._warm.basis is None:
            self._run(self._nominal, "ipm")
            self._warm.stay()
        return self._run(limits, "simplex")

    def _run(self, limits: Floats, method: str) -> Outcome:
        self._warm.bound(self._rows, self._lower, limits)
        solution = self._warm.run(method)
        if solution is None:
            raise ArithmeticError(f"the flow programme ended as {self._warm.ended}")
        x = np.asarray(solution.col_value)
        slope = np.minimum(np.asarray(solution.row_dual)[self._rows], 0.0)
        return Outcome(self._warm.objective, float(self._cost @ x), float(self._late @ x), slope)
