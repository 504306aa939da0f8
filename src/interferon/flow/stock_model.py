"""Stages that hold safety stock, and what links them: the guaranteed-service model as flat arrays (Graves and Willems 2000).

Built by `stock_places` and by the bench's readers; solved by `stock_solve`. Pure. Formulation: docs/stock.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import numpy as np
import numpy.typing as npt

from interferon.model.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FREE = -1  # quote of a stage that no customer stands behind: it may quote any time


@dataclass(frozen=True)
class Stage:
    """One place that may hold safety stock of one item. Times are whole periods; `cost` is what holding one unit for a year costs.

    `quote`: the longest service time that its customers accept, FREE where it has none. `inbound`: the service time of what comes from
    outside the model. `mean`, `sigma`: its own customers' demand in one period.
    """

    name: str
    time: int
    cost: float
    quote: int = FREE
    mean: float = 0.0
    sigma: float = 0.0
    inbound: int = 0


@dataclass(frozen=True)
class Link:
    """Goods of stage `tail` go into stage `head`: `each` units for one of its own, `lag` periods on the way."""

    tail: str
    head: str
    each: float = 1.0
    lag: int = 0


@dataclass(frozen=True)
class StockModel:
    """N stages in an order in which goods come before what is made of them, A links between them. Make it by `model`."""

    names: tuple[str, ...]
    time: Ints
    cost: Floats
    quote: Ints
    inbound: Ints
    mean: Floats  # (N,) demand in a period, the stages behind it included
    sigma: Floats
    tail: Ints  # (A,) stage indices, tail < head; sorted by head
    head: Ints
    lag: Ints
    z: float
    latest_in: Ints = field(init=False)  # (N,) the longest inbound service time that can come about
    latest_out: Ints = field(init=False)  # (N,) the longest outbound one
    weight: Floats = field(init=False)  # (N,) cost of safety stock for one period of net replenishment

    def __post_init__(self) -> None:
        latest_in, latest_out = _passed_on(self, np.where(self.quote == FREE, np.iinfo(np.int64).max, self.quote))
        for name, value in (("latest_in", latest_in), ("latest_out", latest_out), ("weight", self.z * self.cost * self.sigma)):
            object.__setattr__(self, name, value)

    @property
    def size(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Policy:
    """Service times and what follows from them, (N,) each; `total` is the holding cost of all safety stock for a year."""

    quoted: Ints  # outbound service time
    inbound: Ints
    net: Ints  # net replenishment time: inbound + processing − quoted
    safety: Floats  # units
    target: Floats  # base-stock level: units on hand and on order
    cost: Floats
    total: float


def model(stages: Sequence[Stage], links: Sequence[Link], *, z: float, pool: float = 2.0) -> StockModel:
    """The model of these stages. `pool` 2 adds up variances (independent demands), 1 adds up standard deviations (all peak together).

    Raises InputError where a name is unknown or given twice, a number is out of range, or the links form a cycle.
    """
    at = {stage.name: i for i, stage in enumerate(stages)}
    _check(stages, links, at, pool)
    rank = {name: i for i, name in enumerate(_ordered(stages, links))}
    rows = sorted(stages, key=lambda stage: rank[stage.name])
    links = sorted(links, key=lambda link: (rank[link.head], rank[link.tail]))
    tail, head = (np.array([rank[getattr(link, end)] for link in links], np.int64) for end in ("tail", "head"))
    each = np.array([link.each for link in links], float)
    own_mean, own_sigma = (np.array([getattr(row, name) for row in rows], float) for name in ("mean", "sigma"))
    mean, sigma = _spread(own_mean, own_sigma, tail, head, each, pool)
    time, quote, inbound = (np.array([getattr(row, name) for row in rows], np.int64) for name in ("time", "quote", "inbound"))
    return StockModel(
        names=tuple(row.name for row in rows),
        time=time,
        cost=np.array([row.cost for row in rows], float),
        quote=quote,
        inbound=inbound,
        mean=mean,
        sigma=sigma,
        tail=tail,
        head=head,
        lag=np.array([link.lag for link in links], np.int64),
        z=z,
    )


def _check(stages: Sequence[Stage], links: Sequence[Link], at: dict[str, int], pool: float) -> None:
    if len(at) < len(stages):
        twice = next(stage.name for i, stage in enumerate(stages) if at[stage.name] != i)
        raise InputError(f"stage {twice} is given twice; names must differ")
    for stage in stages:
        numbers = (stage.time, stage.cost, stage.mean, stage.sigma, stage.inbound)
        if not all(np.isfinite(number) and number >= 0 for number in numbers) or stage.quote < FREE:
            raise InputError(f"stage {stage.name}: times, cost and demand must be finite numbers, 0 or more")
    for link in links:
        for end in (link.tail, link.head):
            if end not in at:
                raise InputError(f"link {link.tail} → {link.head}: there is no stage {end}")
        if not (np.isfinite(link.each) and link.each > 0 and link.lag >= 0):
            raise InputError(f"link {link.tail} → {link.head}: units must be more than 0, and the time on the way 0 or more")
    if not 1.0 <= pool < np.inf:
        raise InputError(f"pool is {pool:g}; from 1 (all demands peak together) to 2 (independent) is usual")


def _ordered(stages: Sequence[Stage], links: Sequence[Link]) -> list[str]:
    before: dict[str, list[str]] = {stage.name: [] for stage in stages}
    for link in links:
        before[link.head].append(link.tail)
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise InputError(f"the stages form a cycle: {' → '.join(error.args[1])}; goods cannot come out of themselves") from None


def _spread(mean: Floats, sigma: Floats, tail: Ints, head: Ints, each: Floats, pool: float) -> tuple[Floats, Floats]:
    """Demand as each stage sees it. A customer's demand that reaches a stage on several ways is one demand, so its units add up first."""
    asked = np.flatnonzero((sigma > 0) | (mean > 0))
    units = np.zeros((len(mean), len(asked)))
    units[asked, np.arange(len(asked))] = 1.0
    for arc in np.argsort(-head, kind="stable"):
        units[tail[arc]] += each[arc] * units[head[arc]]
    return units @ mean[asked], ((units * sigma[asked]) ** pool).sum(axis=1) ** (1 / pool)


def policy(model: StockModel, quoted: Ints) -> Policy:
    """What these service times come to. Each stage waits for the last of its goods, and never quotes more than its replenishment takes."""
    inbound, quoted = _passed_on(model, quoted)
    net = inbound + model.time - quoted
    safety = model.z * model.sigma * np.sqrt(net)
    cost = model.weight * np.sqrt(net)
    return Policy(quoted, inbound, net, safety, model.mean * net + safety, cost, float(cost.sum()))


def _passed_on(model: StockModel, limit: Ints) -> tuple[Ints, Ints]:
    """(inbound, quoted) times when each stage quotes its limit, or its whole replenishment time where that is less."""
    inbound, quoted, time = model.inbound.tolist(), limit.tolist(), model.time.tolist()
    # Links come in the order of their heads, so everything that goes into a tail has been seen before it.
    for head, tail, lag in zip(model.head.tolist(), model.tail.tolist(), model.lag.tolist(), strict=True):
        quoted[tail] = min(quoted[tail], inbound[tail] + time[tail])
        inbound[head] = max(inbound[head], quoted[tail] + lag)
    waited = np.array(inbound, np.int64)
    return waited, np.minimum(np.array(quoted, np.int64), waited + model.time)


def all_zero(model: StockModel) -> Policy:
    """Baseline: every stage quotes zero, so each holds for its own lead time."""
    return policy(model, np.zeros_like(model.time))


def only_customer_facing(model: StockModel) -> Policy:
    """Baseline: nobody holds but the stages that customers order from, and those quote as long as they may."""
    return policy(model, model.latest_out)
