"""Good service times on any acyclic network, by linear programmes whose prices follow the solution (dynamic slope scaling, Kim and
Pardalos 1999; for safety stock Shu and Karimi 2009). Called by `stock_solve`; touches no file, clock or thread.

Columns: quoted (N), inbound (N). With integer times every vertex is integer: the rows are differences of two columns.
"""

import highspy
import numpy as np

from interferon.flow.stock_model import Floats, Ints, Policy, StockModel, all_zero, only_customer_facing, policy

ROUNDS = 12  # of slopes; they settle after some five
WORTH = 1e-5  # share of the cost that a step must gain for another to be taken


class Slopes:
    """The programme min Σ slope · net time, and its last solution. Each solve starts from the basis of the one before."""

    def __init__(self, model: StockModel) -> None:
        self.work = 0.0  # about seconds, counted in iterations
        self._model = model
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1)):
            self._solver.setOptionValue(option, value)
        self._solver.passModel(_programme(model))
        self._columns = np.arange(2 * model.size, dtype=np.int32)

    def solve(self, slope: Floats) -> Ints:
        """Service times quoted."""
        return self._solved(slope)[0]

    def prices(self, slope: Floats) -> Floats:
        """(A,) what each link costs at these slopes: what would be saved if its tail could quote a period more."""
        return self._solved(slope)[1]

    def _solved(self, slope: Floats) -> tuple[Ints, Floats]:
        # Scaled, for costs of very different size would leave the solver's tolerances behind.
        scaled = slope / max(float(slope.max(initial=0.0)), 1e-300)
        self._solver.changeColsCost(len(self._columns), self._columns, np.concatenate([-scaled, scaled]))
        self._solver.run()
        size = len(self._columns) + len(self._model.tail)
        self.work += 1.5e-6 * size + 5e-9 * size * self._solver.getInfo().simplex_iteration_count
        found, n = self._solver.getSolution(), self._model.size
        return np.rint(np.asarray(found.col_value)[:n]).astype(np.int64), np.abs(np.asarray(found.row_dual)[n:])


def _programme(model: StockModel) -> highspy.HighsLp:
    """Rows: quoted − inbound ≤ time for each stage, quoted + lag ≤ inbound for each link."""
    n, arcs = model.size, len(model.tail)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = 2 * n, n + arcs
    lp.col_cost_ = np.zeros(2 * n)
    lp.col_lower_ = np.concatenate([np.zeros(n), model.inbound]).astype(float)
    lp.col_upper_ = np.concatenate([model.latest_out, model.latest_in]).astype(float)
    lp.row_lower_ = np.full(n + arcs, -highspy.kHighsInf)
    lp.row_upper_ = np.concatenate([model.time, -model.lag]).astype(float)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.arange(0, 2 * (n + arcs) + 1, 2, dtype=np.int32)
    firsts, seconds = np.concatenate([np.arange(n), model.tail]), n + np.concatenate([np.arange(n), model.head])
    lp.a_matrix_.index_ = np.stack([firsts, seconds], axis=1).ravel().astype(np.int32)
    lp.a_matrix_.value_ = np.tile([1.0, -1.0], n + arcs)
    return lp


class Descent:
    """Policies found by following slopes, and the best of them."""

    def __init__(self, model: StockModel) -> None:
        self._model, self._slopes = model, Slopes(model)
        self.best = all_zero(model)
        self.offer(only_customer_facing(model))

    @property
    def work(self) -> float:
        """About how many seconds were spent, counted in iterations."""
        return self._slopes.work

    def offer(self, found: Policy) -> None:
        """Keeps it where it is better."""
        if found.total < self.best.total:
            self.best = found

    def from_longest(self) -> float:
        """Secants of each stage's longest net time first, then those of each solution (dynamic slope scaling); a lower bound on the cost.

        Cost lies above its secant up to the longest net time, so the first programme's value bounds it.
        """
        model = self._model
        net, slope, bound = model.latest_in + model.time, np.zeros(model.size), 0.0
        for turn in range(ROUNDS):
            last, slope = slope, np.where(net > 0, self._secants(net), slope if turn else 0.0)
            if np.allclose(last, slope):
                break
            found = policy(model, self._slopes.solve(slope))
            net = found.net
            bound = bound if turn else float(slope @ net)
            before = self.best.total
            self.offer(found)
            if turn > 2 and self.best.total > before * (1 - WORTH):
                break
        self.down(self.best)
        return bound

    def prices(self) -> Floats:
        """(A,) how much each link costs the best policy: 0 where it does not bind."""
        return self._slopes.prices(self._secants(self.best.net))

    def near(self, net: Ints) -> None:
        """From net times that need not fit together."""
        self.down(policy(self._model, self._slopes.solve(self._secants(net))))

    def down(self, found: Policy) -> None:
        """Tangents, until they lead no lower: cost is concave, so each step is a true descent to a vertex no neighbour of which is better
        in price (Frank and Wolfe 1956)."""
        while True:
            self.offer(found)
            net = np.maximum(found.net, 1)
            tangent = self._model.weight * np.where(found.net > 0, 0.5 / np.sqrt(net), 1.0)
            last, found = found, policy(self._model, self._slopes.solve(tangent))
            if found.total >= last.total * (1 - WORTH):
                self.offer(found)
                return

    def _secants(self, net: Ints) -> Floats:
        """Slopes through no stock and the stock of these net times; a stage without any is kept from having some by a steeper one."""
        return self._model.weight * np.where(net > 0, 1.0 / np.sqrt(np.maximum(net, 1)), 1.5)
