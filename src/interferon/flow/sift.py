"""The linear programme solved on the columns and rows that matter, and proved on all: what makes a re-solve of a large network quick.

Sifting (Forrest 1989; Bixby, Gregory, Lustig, Marsten and Shanno 1992) from a known optimum: columns that it uses or nearly uses, rows
that it nearly fills. After each solve all columns are priced and all rows checked; those that speak against the answer join, and the
simplex goes on from where it stands. The answer is optimal for the whole programme when none does. Called by `solver`. Pure.
"""

import highspy
import numpy as np
import scipy.sparse as sp

from interferon.flow.problem import Floats, Ints

NEARLY = 0.05  # share of the unused columns, by reduced cost, that start with those in use
FULL = 0.8  # a row of capacity filled so far starts with the rest
ROUNDS = 60
PRICE = 1e-7  # a reduced cost below this, negative, speaks against an answer
OVER = 1e-7  # share of a row's limit


class Sift:
    """Re-solves min cost·x, lower ≤ A x ≤ upper, 0 ≤ x ≤ bound from a known optimum of it under other limits.

    `value`, `reduced`: that optimum's columns and reduced costs. `capacity`: the rows (≤) that may be left out until they are broken.
    """

    def __init__(self, cost: Floats, bound: Floats, matrix: sp.csc_matrix, capacity: slice, value: Floats, reduced: Floats) -> None:
        self._cost, self._bound, self._matrix = cost, bound, matrix
        self._rows = matrix.tocsr()
        self._transposed = matrix.T.tocsr()
        unused = value <= 0
        near = np.quantile(np.maximum(reduced[unused], 0.0), NEARLY) if unused.any() else 0.0
        self._start = ~unused | (reduced <= near)
        self._load = matrix @ value
        self._fixed = np.ones(matrix.shape[0], bool)
        self._fixed[capacity] = False

    def solve(self, lower: Floats, upper: Floats, hint: Floats, iterations: int) -> Floats | None:
        """The optimum's columns, or None where the simplex iterations did not suffice. `hint`: a feasible answer, whose columns join."""
        used = self._start | (hint > 0)
        kept = self._fixed | (np.maximum(self._load, self._matrix @ hint) > FULL * upper)
        work = _Work(self._matrix, self._rows, self._cost, self._bound, iterations)
        work.rows(np.flatnonzero(kept), lower, upper)
        work.columns(np.flatnonzero(used))
        for _ in range(ROUNDS):
            if not work.run():
                return None
            value, price = work.answer()
            wrong = np.flatnonzero((self._cost - self._transposed @ price < -PRICE) & ~used & (self._bound > 0))
            broken = np.flatnonzero((self._matrix @ value > upper + OVER * np.maximum(upper, 1.0)) & ~kept)
            if not len(wrong) and not len(broken):
                return value
            used[wrong] = True
            kept[broken] = True
            work.rows(broken, lower, upper)
            work.columns(wrong)
        return None


class _Work:
    """The programme on some rows and columns, growing."""

    def __init__(self, matrix: sp.csc_matrix, by_row: sp.csr_matrix, cost: Floats, bound: Floats, iterations: int) -> None:
        self._matrix, self._by_row, self._cost, self._bound = matrix, by_row, cost, bound
        self._row_at = np.full(matrix.shape[0], -1, np.int64)  # number in the solver, -1 where it is not there
        self._column_at = np.full(matrix.shape[1], -1, np.int64)
        self._rows: list[Ints] = []
        self._columns: list[Ints] = []
        self._left = iterations
        self._highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1), ("solver", "simplex")):
            self._highs.setOptionValue(option, value)

    def rows(self, which: Ints, lower: Floats, upper: Floats) -> None:
        """Adds rows with their entries in the columns that are there."""
        if len(which):
            self._row_at[which] = sum(map(len, self._rows)) + np.arange(len(which))
            self._rows.append(which)
            part = _chosen(self._by_row[which], self._column_at)
            self._highs.addRows(len(which), lower[which], upper[which], part.nnz, part.indptr[:-1], part.indices, part.data)

    def columns(self, which: Ints) -> None:
        """Adds columns with their entries in the rows that are there."""
        if len(which):
            self._column_at[which] = sum(map(len, self._columns)) + np.arange(len(which))
            self._columns.append(which)
            part = _chosen(self._matrix[:, which].T.tocsr(), self._row_at)
            low = np.zeros(len(which))
            self._highs.addCols(len(which), self._cost[which], low, self._bound[which], part.nnz, part.indptr[:-1], part.indices, part.data)

    def run(self) -> bool:
        """True where the optimum was found within the iterations that are left."""
        self._highs.setOptionValue("simplex_iteration_limit", self._left)
        self._highs.run()
        self._left -= max(int(self._highs.getInfo().simplex_iteration_count), 0)
        return self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal and self._left > 0

    def answer(self) -> tuple[Floats, Floats]:
        """Columns and row prices of the whole programme, zero for those that are not there."""
        solution = self._highs.getSolution()
        value, price = np.zeros(self._matrix.shape[1]), np.zeros(self._matrix.shape[0])
        value[np.concatenate(self._columns)] = solution.col_value
        price[np.concatenate(self._rows)] = solution.row_dual
        return value, price


def _chosen(part: sp.csr_matrix, at: Ints) -> sp.csr_matrix:
    """`part` with its columns renumbered by `at`; those at -1 are dropped."""
    entries = part.tocoo()
    there = at[entries.col] >= 0
    width = int(at.max(initial=-1)) + 1
    chosen = sp.coo_matrix((entries.data[there], (entries.row[there], at[entries.col[there]])), shape=(part.shape[0], width)).tocsr()
    chosen.indptr, chosen.indices = chosen.indptr.astype(np.int32), chosen.indices.astype(np.int32)
    return chosen
