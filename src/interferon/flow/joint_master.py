"""The master programme of `joint`: proposes what to isolate and to cut, given what has been learnt about the cost of it. Pure.

Columns: x (zone isolated), u (conduit cut), and for each scenario y (zone held), θ (cost), L (share of goods late), e (its part above η);
η.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import highspy
import numpy as np

from interferon.flow.threat import Threat, reached
from interferon.model.network import Network

NODES = 20_000  # branch-and-bound nodes of one proposal: a bound in nodes, so that the answer does not depend on the machine's speed
MIP_GAP = 1e-4
Cause = tuple[str, str]  # "zone", "conduit" or "held", and an id


@dataclass(frozen=True)
class Cut:
    """θ + surcharge · L ≥ constant + Σ slope · cause, in one scenario."""

    scenario: int
    surcharge: float
    constant: float
    slopes: Mapping[Cause, float]


class Terms(Protocol):
    """The weights that the master reads; `joint.Weights` is one."""

    @property
    def late(self) -> float: ...
    @property
    def held(self) -> float: ...
    @property
    def level(self) -> float: ...
    @property
    def act(self) -> float: ...


class Master:
    """The programme, growing by cuts. `floor`: surcharge → the value with nothing closed."""

    def __init__(
        self,
        network: Network,
        threat: Threat,
        zones: tuple[str, ...],
        conduits: tuple[str, ...],
        weights: Terms,
        floor: Mapping[float, float],
    ) -> None:
        self._zones, self._conduits = zones, conduits
        self._highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 1),
            ("mip_rel_gap", MIP_GAP),
            ("mip_max_nodes", NODES),
        ):
            self._highs.setOptionValue(option, value)
        self._columns = 0
        self._zone = {zone: self._column(weights.act, 1.0, whole=True) for zone in zones}
        self._conduit = {name: self._column(weights.act, 1.0, whole=True) for name in conduits}
        eta = self._column(weights.late, 1.0)
        self._held: list[dict[str, int]] = []
        self._cost: list[int] = []
        self._late: list[int] = []
        self._seen: set[tuple[int, float, float, tuple[tuple[Cause, float], ...]]] = set()
        for scenario in threat.scenarios:
            none: frozenset[str] = frozenset()
            chance = scenario.probability
            inside = sorted(reached(network, scenario, none, none))
            held = {zone: self._column(chance * weights.held * network.zones[zone].criticality / 3, 1.0) for zone in inside}
            theta, late = self._column(chance, np.inf), self._column(0.0, 1.0)
            over = self._column(weights.late * chance / max(1.0 - weights.level, 1e-9), 1.0)
            self._row([(over, 1.0), (late, -1.0), (eta, 1.0)], 0.0)
            for surcharge, value in floor.items():
                self._row([(theta, 1.0), (late, surcharge)], value)
            for zone in inside:
                self._row([(held[zone], -1.0), (self._zone[zone], -1.0)], -1.0)
                if zone in scenario.held:
                    self._row([(held[zone], 1.0), (self._zone[zone], 1.0)], 1.0)
            for name in sorted(scenario.open_to_him):
                row = network.conduits[name]
                for near, far in ((row.from_zone, row.to_zone), (row.to_zone, row.from_zone)):
                    if near in held and far in held and near != far:
                        self._row([(held[far], 1.0), (held[near], -1.0), (self._conduit[name], 1.0), (self._zone[far], 1.0)], 0.0)
            self._held.append(held)
            self._cost.append(theta)
            self._late.append(late)

    def learn(self, cuts: Iterable[Cut]) -> None:
        """Adds cuts that are new. Causes that cannot occur in the scenario are left out."""
        for cut in cuts:
            key = (
                cut.scenario,
                cut.surcharge,
                round(cut.constant, 6),
                tuple(sorted((cause, round(slope, 6)) for cause, slope in cut.slopes.items())),
            )
            if key in self._seen:
                continue
            self._seen.add(key)
            terms = [(self._cost[cut.scenario], 1.0), (self._late[cut.scenario], cut.surcharge)]
            constant = cut.constant
            for cause, slope in cut.slopes.items():
                column = self._of(cut.scenario, cause)
                if column is not None:
                    terms.append((column, -slope))
            self._row(terms, constant)

    def propose(self) -> tuple[frozenset[str], frozenset[str], float]:
        """Zones to isolate, conduits to cut, and a bound below which no decision lies."""
        self._highs.run()
        info, value = self._highs.getInfo(), np.asarray(self._highs.getSolution().col_value)
        chosen = value > 0.5
        return (
            frozenset(zone for zone, column in self._zone.items() if chosen[column]),
            frozenset(name for name, column in self._conduit.items() if chosen[column]),
            # Where there is nothing to decide it is no mixed-integer programme, and has no such bound.
            float(info.mip_dual_bound if self._zone or self._conduit else info.objective_function_value),
        )

    def _of(self, scenario: int, cause: Cause) -> int | None:
        kind, name = cause
        table = {"zone": self._zone, "conduit": self._conduit, "held": self._held[scenario]}[kind]
        return table.get(name)

    def _column(self, cost: float, upper: float, *, whole: bool = False) -> int:
        self._highs.addCol(cost, 0.0, upper, 0, np.zeros(0, np.int32), np.zeros(0))
        if whole:
            self._highs.changeColIntegrality(self._columns, highspy.HighsVarType.kInteger)
        self._columns += 1
        return self._columns - 1

    def _row(self, terms: list[tuple[int, float]], least: float) -> None:
        merged: dict[int, float] = {}
        for column, factor in terms:
            merged[column] = merged.get(column, 0.0) + factor
        columns = np.array(list(merged), np.int32)
        self._highs.addRow(least, np.inf, len(columns), columns, np.array(list(merged.values())))
