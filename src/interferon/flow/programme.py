"""The flow problem as a linear programme. Called by `solver` and `recourse`. Pure.

Columns in blocks: ship (S, T), haul (H, T), make (M, T), stock (K, T), unserved (G), missing cover (K), swap (W, T). Formulation:
docs/flow.md.
"""

import itertools
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from interferon.flow.account import Flows, stock_levels, unserved
from interferon.flow.capacity import Shares
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import WAIT_COST, Floats, Ints, Problem
from interferon.flow.transit import opening_left

ITERATIONS = 200_000  # simplex: a bound that no closure comes near, in iterations so that the answer does not depend on the machine's speed


@dataclass(frozen=True)
class Programme:
    """min cost·x, row_lower ≤ A x ≤ row_upper, 0 ≤ x ≤ upper.

    A closure changes `row_upper` of the capacity rows and, where goods under way wait or return, both sides of the stock rows.
    """

    cost: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    matrix: sp.csc_matrix
    stock_rows: slice  # balance (K, T), then cover (K)
    capacity_rows: slice


def programme(problem: Problem) -> Programme:
    """The linear programme of the undisturbed network."""
    steps, demand = problem.buckets, problem.demand
    pairs = [len(problem.ship_lane), len(problem.haul_lane), len(problem.make_at), len(problem.stock_node)]
    starts = np.cumsum([0, *(n * steps for n in pairs), len(demand.quantity), len(problem.stock_node)])
    ship, haul, make, stock = (starts[i] + np.arange(n * steps).reshape(n, steps) for i, n in enumerate(pairs))
    unmet, missing = starts[4] + np.arange(len(demand.quantity)), starts[5] + np.arange(len(problem.stock_node))
    swap = starts[6] + np.arange(len(problem.swap_of) * steps).reshape(-1, steps)
    count = int(starts[6]) + swap.size
    blocked = ~np.isfinite(problem.ship_price)
    haul_price = problem.haul_cost[:, None] + WAIT_COST * np.arange(steps)[None, :]
    cost = np.concatenate(
        [
            np.where(blocked, 0.0, problem.ship_price).ravel(),
            haul_price.ravel(),
            np.zeros(make.size + stock.size),
            demand.unmet,
            problem.cover_price,
            np.repeat(problem.swap_cost, steps),
        ]
    )
    upper = np.full(count, np.inf)
    upper[ship[blocked]] = 0.0
    served = _rows(len(unmet), count, (np.repeat(problem.ship_group, steps), ship.ravel(), 1.0), (np.arange(len(unmet)), unmet, 1.0))
    balance = _balance(problem, count, ship, haul, make, stock, swap)
    cover = _rows(len(missing), count, (np.arange(len(missing)), missing, 1.0), *_at_end(problem, haul, stock))
    replaced = _replaced(problem, count, make, swap)
    capacity = _capacity(problem, count, ship, haul, make)
    lower, upper_sides = stock_sides(problem, None)
    limits = capacity_limits(problem, None)
    matrix = sp.vstack([served, balance, cover, replaced, capacity]).tocsc()
    fixed, unmet_rows = matrix.shape[0] - len(limits), len(unmet)
    bound = np.zeros(replaced.shape[0])
    return Programme(
        cost=cost,
        upper=upper,
        row_lower=np.concatenate([demand.quantity, lower, bound - np.inf, np.full(len(limits), -np.inf)]),
        row_upper=np.concatenate([demand.quantity, upper_sides, bound, limits]),
        matrix=matrix,
        stock_rows=slice(unmet_rows, unmet_rows + len(lower)),
        capacity_rows=slice(fixed, matrix.shape[0]),
    )


def stock_sides(problem: Problem, shares: Shares | None) -> tuple[Floats, Floats]:
    """Lower and upper sides of the stock rows: what comes in each bucket if nothing else moves, and the cover less what comes later."""
    opening = opening_left(problem, shares)
    fresh = np.diff(np.concatenate([np.zeros((len(opening), 1)), opening[:, :-1]], axis=1), axis=1).ravel()
    wanted = problem.cover - (opening[:, -1] - opening[:, -2])
    return np.concatenate([fresh, wanted]), np.concatenate([fresh, np.full(len(wanted), np.inf)])


def _rows(rows: int, columns: int, *entries: tuple[Ints, Ints, Floats | float]) -> sp.csr_matrix:
    row = np.concatenate([e[0] for e in entries])
    column = np.concatenate([e[1] for e in entries])
    value = np.concatenate([np.broadcast_to(np.asarray(e[2], float), e[0].shape) for e in entries])
    return sp.coo_matrix((value, (row, column)), shape=(rows, columns)).tocsr()


def _balance(problem: Problem, count: int, ship: Ints, haul: Ints, make: Ints, stock: Ints, swap: Ints) -> sp.csr_matrix:
    """stock[t] − stock[t−1] − arrivals − made + sent + used = what the opening brings in bucket t.

    What replaces a component is used instead of it.
    """
    steps = problem.buckets
    row = np.arange(stock.size).reshape(stock.shape)
    within = problem.haul_arrives < steps
    to = row[problem.haul_to[:, None], np.minimum(problem.haul_arrives, steps - 1)]
    sent, left = problem.ship_from >= 0, problem.haul_from >= 0
    entries: list[tuple[Ints, Ints, Floats | float]] = [
        (row.ravel(), stock.ravel(), 1.0),
        (row[:, 1:].ravel(), stock[:, :-1].ravel(), -1.0),
        (to[within], haul[within], -1.0),
        (row[problem.haul_from[left]].ravel(), haul[left].ravel(), 1.0),
        (row[problem.ship_from[sent]].ravel(), ship[sent].ravel(), np.repeat(problem.ship_units[sent], steps)),
        (row[problem.make_at].ravel(), make.ravel(), -1.0),
        (row[problem.swap_of].ravel(), swap.ravel(), -1.0),
        (row[problem.swap_by].ravel(), swap.ravel(), np.repeat(problem.swap_units, steps)),
    ]
    entries += [
        (row[component], make[m], np.full(steps, quantity)) for m, recipe in enumerate(problem.recipe) for component, quantity in recipe
    ]
    return _rows(stock.size, count, *entries)


def _at_end(problem: Problem, haul: Ints, stock: Ints) -> list[tuple[Ints, Ints, float]]:
    """Stock at the end and what is then still on its way count towards the cover."""
    beyond = problem.haul_arrives >= problem.buckets
    to = np.broadcast_to(problem.haul_to[:, None], haul.shape)
    return [(np.arange(len(stock)), stock[:, -1], 1.0), (to[beyond], haul[beyond], 1.0)]


def _replaced(problem: Problem, count: int, make: Ints, swap: Ints) -> sp.csr_matrix:
    """What is replaced of a component − what is used of it ≤ 0: an alternate goes into what is made and never onto the shelf."""
    steps, components = problem.buckets, list(dict.fromkeys(problem.swap_of.tolist()))
    row = {component: np.arange(i * steps, (i + 1) * steps) for i, component in enumerate(components)}
    entries: list[tuple[Ints, Ints, Floats | float]] = [(row[of], swap[w], 1.0) for w, of in enumerate(problem.swap_of.tolist())]
    uses = ((component, make[m], quantity) for m, recipe in enumerate(problem.recipe) for component, quantity in recipe)
    entries += [(row[component], made, -quantity) for component, made, quantity in uses if component in row]
    return _rows(len(components) * steps, count, *entries) if entries else sp.csr_matrix((0, count))


def _capacity(problem: Problem, count: int, ship: Ints, haul: Ints, make: Ints) -> sp.csr_matrix:
    """Rows in the order of `capacity_limits`: lanes, nodes that send, plants that make."""
    steps = problem.buckets
    lane = np.arange(len(problem.lanes) * steps).reshape(-1, steps)
    node = lane.size + np.arange(len(problem.nodes) * steps).reshape(-1, steps)
    plant = np.zeros((len(problem.nodes), steps), np.int64)
    plant[problem.plants] = lane.size + node.size + np.arange(len(problem.plants) * steps).reshape(-1, steps)
    used = ((problem.ship_lane, ship, np.repeat(problem.ship_units, steps)), (problem.haul_lane, haul, 1.0))
    entries: list[tuple[Ints, Ints, Floats | float]] = [(lane[lanes].ravel(), block.ravel(), units) for lanes, block, units in used]
    entries += [(node[problem.lane_from[lanes]].ravel(), block.ravel(), units) for lanes, block, units in used]
    entries.append((plant[problem.stock_node[problem.make_at]].ravel(), make.ravel(), 1.0))
    return _rows(lane.size + node.size + len(problem.plants) * steps, count, *entries)


def highs_of(lp: Programme) -> highspy.Highs:
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = lp.matrix.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = lp.cost, np.zeros(len(lp.cost)), lp.upper
    model.row_lower_, model.row_upper_ = lp.row_lower, lp.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = lp.matrix.indptr, lp.matrix.indices, lp.matrix.data
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1), ("simplex_iteration_limit", ITERATIONS)):
        highs.setOptionValue(option, value)
    highs.passModel(model)
    return highs


def flows_of(problem: Problem, x: Floats) -> Flows:
    """The decision that the programme's columns are."""
    steps = problem.buckets
    sizes = np.cumsum([0, len(problem.ship_lane) * steps, len(problem.haul_lane) * steps, len(problem.make_at) * steps])
    blocks = [np.maximum(x[a:b].reshape(-1, steps), 0.0) for a, b in itertools.pairwise(sizes)]
    swap = x[len(x) - len(problem.swap_of) * steps :].reshape(-1, steps)
    return Flows(blocks[0], blocks[1], blocks[2], np.maximum(swap, 0.0) if len(swap) else None)


def columns_of(problem: Problem, flows: Flows, shares: Shares | None) -> Floats:
    """The programme's columns for a decision with `shares` of the capacities left: the inverse of `flows_of`."""
    level = stock_levels(problem, flows, shares)
    swap = np.zeros((len(problem.swap_of), problem.buckets)) if flows.swap is None else flows.swap
    short = np.maximum(problem.cover - level[:, -1], 0.0)
    blocks = (flows.ship, flows.haul, flows.make, level[:, :-1], unserved(problem, flows), short, swap)
    return np.concatenate([np.maximum(block, 0.0).ravel() for block in blocks])
