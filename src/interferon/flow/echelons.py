"""A network of stages that each keep a base-stock level: what `basestock` simulates. Plain data, and the order to walk it in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np

from interferon.flow.problem import Floats
from interferon.model.errors import InputError


@dataclass(frozen=True)
class Demand:
    """Units asked of a stage by its customer in each period, independent from period to period.

    `normal` is cut off at 0: a negative draw asks for nothing. `poisson` has no spread of its own.
    """

    mean: float
    sd: float = 0.0
    kind: str = "normal"  # normal | poisson

    def draw(self, rng: np.random.Generator, replications: int) -> Floats:
        """(R,) units of one period."""
        if self.kind == "poisson":
            return rng.poisson(self.mean, replications).astype(np.float64)
        drawn = rng.standard_normal(replications)
        drawn *= self.sd
        drawn += self.mean
        return np.maximum(drawn, 0.0, out=drawn)


@dataclass(frozen=True)
class Lead:
    """Periods from leaving to arriving: `periods`, and 0, 1, 2 … more of them with the probabilities `further`. () means never more.

    Shipments on one way do not overtake each other: a later one arrives with or after an earlier one.
    """

    periods: int = 0
    further: tuple[float, ...] = ()

    @property
    def most(self) -> int:
        return self.periods + max(len(self.further) - 1, 0)


@dataclass(frozen=True)
class Stage:
    """One product at one place. Costs in currency per unit and period, charged on what is there at a period's end."""

    id: str
    base_stock: float  # local: stock, orders under way and components, less backorders, are brought up to it in each period
    holding: float = 0.0  # on finished units; also on those on their way to, or waiting as components at, the next stage
    backorder: float = 0.0  # on units owed to customers and to other stages
    demand: Demand | None = None
    supply: Lead = field(default_factory=Lead)  # from the outside supplier, who is never short; only where no arc leads here
    opening: float | None = None  # stock at the start, or, negative, units owed to the customer; None is the base-stock level


@dataclass(frozen=True)
class Arc:
    """`units` of the origin's product go into one unit of the destination's."""

    origin: str
    destination: str
    lead: Lead = field(default_factory=Lead)
    units: float = 1.0
    kg_co2: float = 0.0  # per unit shipped


@dataclass(frozen=True)
class Chain:
    """Stages and arcs. A stage that is short serves its arcs first, in the order given here, and then its customer.

    Raises InputError where an arc leads nowhere, where two arcs join the same stages, where arcs form a cycle, or a number makes no sense.
    """

    stages: tuple[Stage, ...]
    arcs: tuple[Arc, ...] = ()

    def __post_init__(self) -> None:
        problems = [*_bad_stages(self.stages), *_bad_arcs(self.stages, self.arcs)]
        if problems:
            raise InputError("; ".join(problems))
        _ = self.order

    @cached_property
    def index(self) -> dict[str, int]:
        """Stage id → its row."""
        return {stage.id: i for i, stage in enumerate(self.stages)}

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Rows of the stages, each after all that supply it."""
        feeds: dict[int, list[int]] = {i: [] for i in range(len(self.stages))}
        for arc in self.arcs:
            feeds[self.index[arc.destination]].append(self.index[arc.origin])
        try:
            return tuple(TopologicalSorter(feeds).static_order())
        except CycleError as error:
            names = " → ".join(self.stages[i].id for i in error.args[1])
            raise InputError(f"stages supply each other in a circle: {names}") from None


def _bad_stages(stages: Sequence[Stage]) -> list[str]:
    told = [] if len({stage.id for stage in stages}) == len(stages) else ["two stages have one id"]
    for stage in stages:
        if stage.demand is not None and (stage.demand.kind not in ("normal", "poisson") or min(stage.demand.mean, stage.demand.sd) < 0):
            told.append(f"stage {stage.id}: a demand is normal or poisson, its mean and spread are not negative")
        if stage.opening is not None and stage.opening < 0 and stage.demand is None:
            told.append(f"stage {stage.id}: its opening stock is negative, but it has no customer to owe units to")
        told += _bad_lead(f"stage {stage.id}", stage.supply)
    return told


def _bad_arcs(stages: Sequence[Stage], arcs: Sequence[Arc]) -> list[str]:
    known, seen, told = {stage.id for stage in stages}, set[tuple[str, str]](), list[str]()
    for arc in arcs:
        name = f"arc {arc.origin} → {arc.destination}"
        told += [f"{name}: there is no stage {end!r}" for end in (arc.origin, arc.destination) if end not in known]
        told += [f"{name}: it is there twice"] if (arc.origin, arc.destination) in seen else []
        told += [f"{name}: units must be more than 0, not {arc.units}"] if arc.units <= 0 else []
        told += _bad_lead(name, arc.lead)
        seen.add((arc.origin, arc.destination))
    return told


def _bad_lead(name: str, lead: Lead) -> list[str]:
    chances = lead.further
    bad = lead.periods < 0 or any(chance < 0 for chance in chances) or (chances and abs(sum(chances) - 1) > 1e-9)
    return [f"{name}: a lead time is not negative, and its probabilities sum to 1"] if bad else []
