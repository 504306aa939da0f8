"""Service times that cost least: exact on trees, and on general acyclic networks as far as the effort goes, with a bound on what is left.

Called by the command line, the bench and notebooks. Pure. Formulation and methods: docs/stock.md.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from interferon.flow.stock_bound import Messages, Passing
from interferon.flow.stock_box import Box, around, narrowed, square_roots, whole
from interferon.flow.stock_model import Floats, Ints, Policy, StockModel, policy
from interferon.flow.stock_slopes import Descent
from interferon.flow.stock_tree import best, forest

EFFORT = 1.3  # about seconds of one core; counted in work, not in time, so that the answer does not depend on the machine
EXACT = 1e-7  # share of the cost below which a gap is rounding
EARLY = (2, 5)  # sweeps after which a policy is sought near the prices; then after every ten
FORESTS = 6  # spanning forests that the best policy is improved on
NODE_SWEEPS = 6


@dataclass(frozen=True)
class Answer:
    """A policy, and what no policy can undercut. `gap` is the share of the cost that may still be saved, 0 where it is optimal."""

    policy: Policy
    bound: float

    @property
    def gap(self) -> float:
        over = (self.policy.total - self.bound) / self.policy.total if self.policy.total > 0 else 0.0
        return over if over > EXACT else 0.0


def solve(model: StockModel, effort: float = EFFORT) -> Answer:
    """The best policy found. On trees it is the optimum, at any `effort`; elsewhere more of it narrows the gap."""
    roots = square_roots(model)
    tree = forest(model, np.zeros(len(model.tail)))
    if not len(tree.outside):
        found = policy(model, best(model, tree, whole(model), roots)[1])
        return Answer(found, found.total)
    return _Search(model, roots, effort).run()


class _Search:
    """One search: descent along slopes, improvement on forests, bounds by message passing, then branch and bound."""

    def __init__(self, model: StockModel, roots: Floats, effort: float) -> None:
        self._model, self._roots = model, roots
        self._descent, self._passing = Descent(model), Passing(model)
        links = len(model.tail)
        self._sweep_cost = 5e-4 + 7e-9 * self._passing.cells + 6e-8 * links * (self._passing.ins + self._passing.outs)
        self._tree_cost = 1e-4 * model.size + 8e-9 * self._passing.cells
        self._early = EARLY if model.size + links < 1_000 else ()
        self._effort, self._spent = effort, 0.0

    def run(self) -> Answer:
        bound, box, told = self._descent.from_longest(), whole(self._model), self._passing.silent()
        improved = self._improved()
        next(improved, None)
        for sweep in range(1, 1_000):
            if self._done(bound) or self._left < self._sweep_cost:
                break
            before, bound = bound, max(bound, self._swept(box, told))
            if sweep in self._early or sweep % 10 == 0:
                self._near(box, told)
                next(improved, None)
            # Sweeps at the root lift the bound of every node, so they go on for as long as they do more than a few nodes would.
            if sweep > 30 and bound - before < 2e-3 * (self._descent.best.total - bound):
                break
        for _ in improved:
            pass
        if not self._done(bound):
            bound = self._branched(bound, box, told)
        found = self._descent.best
        return Answer(found, min(max(bound, 0.0), found.total))

    @property
    def _left(self) -> float:
        return self._effort - self._spent - self._descent.work

    def _done(self, bound: float) -> bool:
        return bound >= self._descent.best.total * (1 - EXACT)

    def _swept(self, box: Box, told: Messages) -> float:
        bound, quoted = self._passing.sweep(box, told)
        self._descent.offer(policy(self._model, quoted))
        self._spent += self._sweep_cost
        return bound

    def _near(self, box: Box, told: Messages) -> None:
        quoted, inbound = self._passing.likely(box, told)
        self._descent.near(np.maximum(inbound + self._model.time - quoted, 0))

    def _improved(self) -> Iterator[None]:
        """Improves the best policy on one spanning forest after another, each exactly while the links outside keep their limits."""
        for turn in range(1, FORESTS + 1):
            if self._left < self._tree_cost:
                return
            # Links that bind stay, the others are drawn anew each turn; from the third on, so are some that bind.
            prices, spread = self._descent.prices(), (np.arange(len(self._model.tail)) + 1) * (turn * 0.6180339887498949) % 1.0
            tree = forest(self._model, prices / max(float(prices.max()), 1e-300) + (1e-3 if turn < 3 else 1.0) * spread)
            now = self._descent.best
            box = narrowed(self._model, around(self._model, now.quoted, now.inbound, tree.outside))
            if box is not None:
                self._descent.down(policy(self._model, best(self._model, tree, box, self._roots)[1]))
            self._spent += self._tree_cost
            yield

    def _branched(self, bound: float, box: Box, told: Messages) -> float:
        """Splits the range of one quoted time after another (Humair and Willems 2011), the loosest part first; the bound that is left."""
        open_parts: list[tuple[float, int, Box, Messages]] = [(bound, 0, box, told)]
        count = 0
        while open_parts and self._left > 2 * NODE_SWEEPS * self._sweep_cost and not self._done(open_parts[0][0]):
            bound, _, box, told = heapq.heappop(open_parts)
            for part in _halves(self._model, box, *self._passing.likely(box, told)):
                inner = narrowed(self._model, part)
                if inner is None:
                    continue
                self._descent.offer(policy(self._model, inner.out_low))
                if (inner.out_low == inner.out_high).all():
                    continue  # that was the only policy in it
                own, heard = bound, told.copy()
                for _ in range(NODE_SWEEPS):
                    before, own = own, max(own, self._swept(inner, heard))
                    if self._done(own) or own - before < 0.01 * (self._descent.best.total - own):
                        break
                if not self._done(own):
                    count += 1
                    if count % 8 == 1:
                        self._near(inner, heard)
                    heapq.heappush(open_parts, (own, count, inner, heard))
        return open_parts[0][0] if open_parts else self._descent.best.total


def _halves(model: StockModel, box: Box, quoted: Ints, inbound: Ints) -> list[Box]:
    """The box in two, split by the quoted time of the stage whose price-wise best times contradict the most; else of the widest range."""
    room = box.out_high - box.out_low
    over = np.where(room[model.tail] > 0, quoted[model.tail] + model.lag - inbound[model.head], 0) * model.weight[model.head]
    if over.max(initial=0) > 0:
        arc = int(over.argmax())
        stage = int(model.tail[arc])
        middle = (int(quoted[stage]) + int(inbound[model.head[arc]] - model.lag[arc])) // 2
    else:
        stage = int((room * (model.weight + 1e-300)).argmax()) if (room * model.weight).any() else int(room.argmax())
        middle = int(box.out_low[stage] + box.out_high[stage]) // 2
    middle = min(max(middle, int(box.out_low[stage])), int(box.out_high[stage]) - 1)
    high, low = box.out_high.copy(), box.out_low.copy()
    high[stage], low[stage] = middle, middle + 1
    return [replace(box, out_high=high), replace(box, out_low=low)]
