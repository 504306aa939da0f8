"""What an option costs: the containment itself, and what the attacker can still do under it. Called by `plan`. Pure.

With p the probability of an attack, expected loss = p·(closure for the hours of a repair) + (1 − p)·(closure for the hours of a review)
+ handling + p·(exposure under the option). The first three are `cost`, the last is `risk`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from interferon.decide.closed import Closed, late
from interferon.decide.options import Act, Option
from interferon.decide.reach import Foothold, blocks, exposure, footholds, speed
from interferon.decide.settings import HANDLING_ASSET_H, HANDLING_H, DecideSettings
from interferon.decide.situation import Closures, Situation
from interferon.decide.terrain import Terrain, lasting
from interferon.model.network import Network
from interferon.model.records import Closure, Incident


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
    """Prices the options of one incident at one moment. `values` remembers closures from one decision to the next of a revision."""

    incident: Incident
    network: Network
    terrain: Terrain
    closures: Closures
    situation: Situation
    settings: DecideSettings
    values: dict[tuple[str, ...], Closure]
    places: tuple[Foothold, ...] = field(init=False)
    pace: float = field(init=False)
    closed: Closed = field(init=False)
    otif: float = field(init=False)  # with what is in force
    _priced: dict[frozenset[Act], Priced] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.places = footholds(self.incident, self.network, self.terrain, self.settings)
        self.pace = speed(self.incident, self.settings)
        self.closed = Closed(self.network, self.closures, self.values)
        nominal, refs = self.closures.nominal.otif, self.closed.refs(self.situation.in_force)
        self.otif = max(nominal + sum(min(self.closed.value((ref,)).otif - nominal, 0.0) for ref in refs), 0.0)

    def price(self, option: Option) -> Priced:
        """The figures of one option; the same actions in another order are the same option."""
        key = frozenset(option.actions)
        if key not in self._priced:
            self._priced[key] = self._price(option)
        return self._priced[key]

    def _price(self, option: Option) -> Priced:
        settings, p = self.settings, self.incident.p_attack
        before, closed = self.closed.around(option.actions, self.situation.in_force)
        horizon_h = self.network.settings.horizon_days * 24.0
        share = lasting(closed, settings.repair_h, horizon_h)
        expected = p * share + (1.0 - p) * lasting(closed, settings.review_h, horizon_h)
        assets = assets_closed(option.actions, self.network)
        hours = sum(HANDLING_H[action] for action, _ in option.actions) + HANDLING_ASSET_H * assets
        block = blocks((*self.situation.in_force, *option.actions), self.terrain, settings.leak)
        expected_late, low, high = late(before, closed, share)
        return Priced(
            option=option,
            orders_late=expected_late,
            orders_late_low=low,
            orders_late_high=high,
            otif=max(self.otif + min(closed.otif - before.otif, 0.0) * share, 0.0),
            cost=max(closed.cost - before.cost, 0.0) * expected + hours * settings.hour_rate,
            co2_kg=(closed.co2_kg - before.co2_kg) * share,
            unmet=max(closed.unmet - before.unmet, 0.0) * share,
            risk=p * exposure(self.places, self.terrain, block, self.pace, settings),
            assets=assets,
        )


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
