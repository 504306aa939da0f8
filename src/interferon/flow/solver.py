"""HiGHS on the programme of a network, for many closures. Called by `closure`, `reroute`, `plan` and `stress`; no file, clock or thread.

Three ways to an answer. `Solver.first` needs no solver (`mend`). `Solver.attempt` is exact: the dual simplex from the basis of the
undisturbed optimum, or, where a network is large and its products compete for capacity, by sifting (`sift`) round the first answer.
"""

from functools import cached_property

import highspy
import numpy as np

from interferon.flow.account import Flows
from interferon.flow.capacity import Shares
from interferon.flow.limits import capacity_limits
from interferon.flow.mend import Mend
from interferon.flow.nearest import nearest
from interferon.flow.problem import Floats, Problem
from interferon.flow.programme import ITERATIONS, columns_of, flows_of, programme, stock_sides
from interferon.flow.sift import Sift
from interferon.flow.warm import Warm

SIFTED = 30_000  # columns from which on sifting is quicker where products share capacity; `interferon bench flow` prints both


class Solver:
    """One linear programme, solved for many closures. Each solve starts from the undisturbed optimum, never from the last closure: the
    answer to one does not depend on which was asked before."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._programme = programme(problem)
        self._warm = Warm(self._programme)
        self._sifts = len(problem.products) > 1 and len(self._programme.cost) >= SIFTED

    def solve(self, shares: Shares | None = None) -> Flows:
        """The optimum with `shares` of the capacities left; None: undisturbed. ArithmeticError where the iterations did not suffice."""
        flows = self.attempt(shares)
        if flows is None:
            raise ArithmeticError(f"the flow programme ended as {self._warm.ended}")
        return flows

    def attempt(self, shares: Shares | None = None, *, sifts: bool | None = None) -> Flows | None:
        """`solve`, or None where the bound on iterations was reached first. `sifts`: which way, where it is not to be chosen by size."""
        self._prepare()
        if shares is not None and (self._sifts if sifts is None else sifts):
            return self._sifted(shares)
        x = self._optimum(shares, "simplex")
        return None if x is None else flows_of(self.problem, x)

    def near(self, shares: Shares, optimum: Flows) -> Flows:
        """A decision about as cheap as `optimum` that changes less of the undisturbed one; `optimum` itself on networks that are sifted."""
        if self._sifts:
            return optimum
        lp, problem = self._programme, self.problem
        moves, steps = optimum.ship.size + optimum.haul.size + optimum.make.size, problem.buckets
        weight = np.zeros(len(lp.cost))
        weight[:moves] = 2.0 - np.arange(moves) % steps / steps  # the first thing to be changed is twice as dear as the last
        cost = float(lp.cost @ columns_of(problem, optimum, shares))
        x = nearest(lp, *self._sides(shares), self._value, weight, cost)
        return optimum if x is None else flows_of(problem, x)

    def first(self, shares: Shares) -> Flows:
        """An executable answer in milliseconds, without a solver."""
        self._prepare()
        return self._mend.answer(shares)

    def cold(self, shares: Shares | None = None) -> Flows:
        """The same optimum by the interior point method from nothing, no basis handed over: what the warm start is measured against."""
        self._warm.basis = None
        x = self._optimum(shares, "ipm")
        if x is None:
            raise ArithmeticError(f"the flow programme ended as {self._warm.ended}")
        return flows_of(self.problem, x)

    def _prepare(self) -> None:
        """Solves the undisturbed programme once: its basis, columns, reduced costs and prices are what all answers start from."""
        if self._warm.basis is None:
            solution = self._solution(None, "ipm")
            if solution is None:
                raise ArithmeticError(f"the flow programme ended as {self._warm.ended}")
            self._warm.stay()
            self._value, self._reduced, self._price = (
                np.asarray(part, float) for part in (solution.col_value, solution.col_dual, solution.row_dual)
            )

    @cached_property
    def _mend(self) -> Mend:
        worth = np.maximum(-self._price[self._programme.capacity_rows], 0.0)
        return Mend(self.problem, flows_of(self.problem, self._value), worth)

    @cached_property
    def _sift(self) -> Sift:
        lp = self._programme
        return Sift(lp.cost, lp.upper, lp.matrix, lp.capacity_rows, self._value, self._reduced)

    def _sifted(self, shares: Shares) -> Flows | None:
        hint = columns_of(self.problem, self._mend.answer(shares), shares)
        x = self._sift.solve(*self._sides(shares), hint, ITERATIONS)
        return None if x is None else flows_of(self.problem, x)

    def _sides(self, shares: Shares) -> tuple[Floats, Floats]:
        """Lower and upper sides of all rows with `shares` of the capacities left."""
        lp = self._programme
        lower, upper = lp.row_lower.copy(), lp.row_upper.copy()
        upper[lp.capacity_rows] = capacity_limits(self.problem, shares)
        lower[lp.stock_rows], upper[lp.stock_rows] = stock_sides(self.problem, shares)
        return lower, upper

    def _optimum(self, shares: Shares | None, method: str) -> Floats | None:
        solution = self._solution(shares, method)
        return None if solution is None else np.asarray(solution.col_value, float)

    def _solution(self, shares: Shares | None, method: str) -> highspy.HighsSolution | None:
        rows = self._programme.capacity_rows
        self._warm.bound(rows, self._programme.row_lower[rows], capacity_limits(self.problem, shares))
        if self.problem.transit:
            self._warm.bound(self._programme.stock_rows, *stock_sides(self.problem, shares))
        return self._warm.run(method)
