"""Greenhouse gas by the elements of the transport chains, each with its factor and where that comes from (ISO 14083:2023). Pure.

A leg emits tonnes × kilometres × factor; a hub, tonnes sent × factor, where one is given. Factors are well-to-wheel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interferon.model.network import EmissionFactor, Lane, Network, Node

NO_SOURCE = "lanes.csv, gco2e_tkm: no source stated"


@dataclass(frozen=True)
class Element:
    """A leg (`lane:ID`) or a hub (`node:ID`) of the transport chains, and the factor by which it was reckoned."""

    element: str
    tonnes: float
    km: float  # 0 at a hub
    factor: float
    unit: str  # g/tkm | kg/t
    source: str
    year: int | None  # for which the factor holds; None: not stated
    default: bool  # reckoned by the lane's own factor, for which no source is stated

    @property
    def tkm(self) -> float:
        """Transport activity, tonne-kilometres."""
        return self.tonnes * self.km

    @property
    def kg(self) -> float:
        """CO2 equivalent."""
        return self.tkm * self.factor / 1000 if self.unit == "g/tkm" else self.tonnes * self.factor


@dataclass(frozen=True)
class Emissions:
    """All elements that goods passed."""

    elements: tuple[Element, ...]

    @property
    def kg(self) -> float:
        return sum(each.kg for each in self.elements)

    @property
    def tkm(self) -> float:
        return sum(each.tkm for each in self.elements)

    @property
    def g_per_tkm(self) -> float | None:
        """Of the legs; None where nothing was carried over any distance."""
        return 1000 * sum(each.kg for each in self.elements if each.unit == "g/tkm") / self.tkm if self.tkm > 0 else None

    @property
    def default_share(self) -> float | None:
        """Share of the emissions reckoned by default factors; None where nothing is emitted."""
        return sum(each.kg for each in self.elements if each.default) / self.kg if self.kg > 0 else None

    @property
    def unstated(self) -> int:
        """Legs for which no factor is given at all: they count as 0."""
        return sum(each.default and each.factor == 0 for each in self.elements)


def emissions(network: Network, carried: Mapping[str, float], sent: Mapping[str, float]) -> Emissions:
    """From tonnes carried by lane id and tonnes sent by node id. A hub without a factor is no element."""
    factors = {row.element: row for row in network.emission_factors}
    legs = [_leg(network.lanes[lane], tonnes, factors) for lane, tonnes in carried.items() if tonnes > 0]
    hubs = [_hub(network.nodes[node], tonnes, factors) for node, tonnes in sent.items() if tonnes > 0]
    return Emissions((*legs, *(hub for hub in hubs if hub is not None)))


def _leg(lane: Lane, tonnes: float, factors: Mapping[str, EmissionFactor]) -> Element:
    element = f"lane:{lane.id}"
    row = factors.get(element) or factors.get(lane.mode)
    if row is None:
        return Element(element, tonnes, lane.distance_km, lane.gco2e_tkm, "g/tkm", NO_SOURCE, None, True)
    return Element(element, tonnes, lane.distance_km, row.factor, row.unit, row.source, row.year, False)


def _hub(node: Node, tonnes: float, factors: Mapping[str, EmissionFactor]) -> Element | None:
    row = factors.get(f"node:{node.id}") or factors.get(node.kind)
    return None if row is None else Element(f"node:{node.id}", tonnes, 0.0, row.factor, row.unit, row.source, row.year, False)
