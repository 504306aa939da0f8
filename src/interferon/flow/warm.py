"""A linear programme solved again and again with other sides of its rows, each time from one basis. Called by `solver` and `recourse`."""

import highspy
import numpy as np

from interferon.flow.problem import Floats
from interferon.flow.programme import Programme, highs_of


class Warm:
    """`basis` is where the simplex starts from; None: from nothing. Never from the last solve, so that an answer does not depend on which
    was asked before."""

    def __init__(self, lp: Programme) -> None:
        self._highs = highs_of(lp)
        self.basis: highspy.HighsBasis | None = None

    def bound(self, rows: slice, lower: Floats, upper: Floats) -> None:
        """Other sides for some rows."""
        index = np.arange(rows.start, rows.stop, dtype=np.int32)
        self._highs.changeRowsBounds(len(index), index, lower, upper)  # type: ignore[attr-defined]  # bound at run time; the stubs lack it

    def run(self, method: str) -> highspy.HighsSolution | None:
        """The optimum by "simplex" or "ipm", or None where the bound on iterations was reached."""
        self._highs.clearSolver()  # else pricing weights and random numbers of the last closure live on and choose among equal optima
        if self.basis is not None:
            self._highs.setBasis(self.basis)
        self._highs.setOptionValue("solver", method)
        self._highs.run()
        return self._highs.getSolution() if self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal else None

    def stay(self) -> None:
        """Solves start from here from now on."""
        self.basis = self._highs.getBasis()

    @property
    def objective(self) -> float:
        return float(self._highs.getInfo().objective_function_value)

    @property
    def ended(self) -> str:
        """How the last solve ended, in words."""
        return str(self._highs.modelStatusToString(self._highs.getModelStatus()))
