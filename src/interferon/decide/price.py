"""What an option costs: the containment itself, and what the attacker can still do under it. Called by `plan`. Pure.

With p the probability of an attack, expected loss = p·(closure for the hours of a repair) + (1 − p)·(closure for the hours of a review)
+ handling + p·(exposure under the option). The first three are `cost`, the last is `risk`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from interferon.decide.options import Act, Option
from interferon.decide.reach import Foothold, blocks, exposure, footholds, speed
from interferon.decide.settings import HANDLING_ASSET_H, HANDLING_H, DecideSettings
from interferon.decide.situation import CLOSING, Closures, Situation
from interferon.decide.terrain import Terrain, lasting
from interferon.model.network import Network
from interferon.model.records import Closure, Incident

REMEMBERED: Final = 4096  # closures kept; beyond that the oldest go


@dataclass(frozen=True)
class Priced:
    """An option and its figures. Orders, units and CO2 are what the option adds to what is in force; `otif` is the absolute level."""

    option: Option
    orders_late: float
    orders_late_low: float
    orders_late_high: float
    otif: float
    cost: float
    co2_kg: float
    unmet: float
    risk: float
    assets: int  # taken off the network

    @property
    def expected_loss(self) -> float:
        return self.cost + self.risk


@dataclass
class Pricing:
    """Prices the options of one incident at one moment. `values` remembers closures from one decision to the next of a revision.

    What is in force elsewhere and what an option closes add up; they are valued together where they share a redundancy group, whose
    last member costs more than its first. So the price of an option does not grow with the number of containments in force.
    """

    incident: Incident
    network: Network
    terrain: Terrain
    closures: Closures
    situation: Situation
    settings: DecideSettings
    values: dict[tuple[str, ...], Closure]
    places: tuple[Foothold, ...] = field(init=False)
    pace: float = field(init=False)
    otif: float = field(init=False)  # with what is in force
    _priced: dict[frozenset[Act], Priced] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.places = footholds(self.incident, self.network, self.terrain, self.settings)
        self.pace = speed(self.incident, self.settings)
        nominal, closed = self.closures.nominal.otif, self._refs(self.situation.in_force)
        self.otif = max(nominal + sum(min(self._value((ref,)).otif - nominal, 0.0) for ref in closed), 0.0)

    def price(self, option: Option) -> Priced:
        """The figures of one option; the same actions in another order are the same option."""
        key = frozenset(option.actions)
        if key not in self._priced:
            self._priced[key] = self._price(option)
        return self._priced[key]

    def _price(self, option: Option) -> Priced:
        settings, p = self.settings, self.incident.p_attack
        refs = self._refs(option.actions)
        beside = self._beside(refs)
        before, closed = self._value(beside), self._value(tuple(sorted({*beside, *refs})))
        horizon_h = self.network.settings.horizon_days * 24.0
        share = lasting(closed, settings.repair_h, horizon_h)
        expected = p * share + (1.0 - p) * lasting(closed, settings.review_h, horizon_h)
        assets = assets_closed(option.actions, self.network)
        hours = sum(HANDLING_H[action] for action, _ in option.actions) + HANDLING_ASSET_H * assets
        block = blocks((*self.situation.in_force, *option.actions), self.terrain, settings.leak)
        late = max(closed.orders_late - before.orders_late, 0.0) * share
        low = max(closed.orders_late_low - before.orders_late_low, 0.0) * share
        high = max(closed.orders_late_high - before.orders_late_high, 0.0) * share
        return Priced(
            option=option,
            orders_late=late,
            orders_late_low=min(low, late),
            orders_late_high=max(high, late),
            otif=max(self.otif + min(closed.otif - before.otif, 0.0) * share, 0.0),
            cost=max(closed.cost - before.cost, 0.0) * expected + hours * settings.hour_rate,
            co2_kg=(closed.co2_kg - before.co2_kg) * share,
            unmet=max(closed.unmet - before.unmet, 0.0) * share,
            risk=p * exposure(self.places, self.terrain, block, self.pace, settings),
            assets=assets,
        )

    def _refs(self, acts: Iterable[Act]) -> tuple[str, ...]:
        """What these actions close for goods."""
        served = {self.network.served_by(target) for action, target in acts if action in CLOSING}
        return tuple(sorted(ref for ref in served if self._known(ref)))

    def _beside(self, refs: Sequence[str]) -> tuple[str, ...]:
        """What is in force already and shares a redundancy group with `refs`."""
        groups = {group for ref in refs for group in self._groups(ref)}
        if not groups:
            return ()
        return tuple(ref for ref in self._refs(self.situation.in_force) if ref not in refs and groups.intersection(self._groups(ref)))

    def _groups(self, ref: str) -> set[str]:
        kind, _, name = ref.partition(":")
        assets = self.network.assets_in.get(name, ()) if kind == "zone" else (name,) if kind == "asset" else ()
        return {row.group for asset in assets for row in self.network.depends.get(asset, ()) if row.group}

    def _value(self, refs: tuple[str, ...]) -> Closure:
        if not refs:
            return self.closures.nominal
        if refs not in self.values:
            if len(self.values) >= REMEMBERED:
                del self.values[next(iter(self.values))]
            self.values[refs] = self.closures.value(refs)
        return self.values[refs]

    def _known(self, ref: str) -> bool:
        """A containment of an earlier revision may name what is no longer in the tables."""
        kind, _, name = ref.partition(":")
        return name in {"asset": self.terrain.assets, "zone": self.terrain.zones, "conduit": self.terrain.conduits}.get(kind, {})


def assets_closed(actions: Sequence[Act], network: Network) -> int:
    """How many assets these actions take off the network."""
    found: set[str] = set()
    for action, target in actions:
        name = target.partition(":")[2]
        if action in ("isolate_asset", "fail_over"):
            found.add(name)
        elif action == "isolate_zone":
            found.update(network.assets_in.get(name, ()))
    return len(found)
