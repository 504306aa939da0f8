"""What an option costs: the containment itself, and what the attacker can still do under it. Called by `plan`. Pure.

With p the probability of an attack, expected loss = p·(closure for the hours of a repair) + (1 − p)·(closure for the hours of a review)
+ handling + p·(exposure under the option). The first three are `cost`, the last is `risk`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from interferon.decide.options import Act, Option
from interferon.decide.reach import Foothold, blocks, exposure, footholds, speed
from interferon.decide.settings import HANDLING_ASSET_H, HANDLING_H, DecideSettings
from interferon.decide.situation import CLOSING, Closures, Situation
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
    """Prices the options of one incident at one moment; equal closures are looked up once."""

    incident: Incident
    network: Network
    terrain: Terrain
    closures: Closures
    situation: Situation
    settings: DecideSettings
    places: tuple[Foothold, ...] = field(init=False)
    pace: float = field(init=False)
    before: Closure = field(init=False)
    _priced: dict[frozenset[Act], Priced] = field(init=False, default_factory=dict)
    _closed: dict[tuple[str, ...], Closure] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.places = footholds(self.incident, self.network, self.terrain, self.settings)
        self.pace = speed(self.incident, self.settings)
        self.before = self._closure(self.situation.in_force)

    def price(self, option: Option) -> Priced:
        """The figures of one option; the same actions in another order are the same option."""
        key = frozenset(option.actions)
        if key not in self._priced:
            self._priced[key] = self._price(option)
        return self._priced[key]

    def _price(self, option: Option) -> Priced:
        settings, p = self.settings, self.incident.p_attack
        closed = self._closure((*self.situation.in_force, *option.actions))
        horizon_h = self.network.settings.horizon_days * 24.0
        share = lasting(closed, settings.repair_h, horizon_h)
        expected = p * share + (1.0 - p) * lasting(closed, settings.review_h, horizon_h)
        assets = assets_closed(option.actions, self.network)
        hours = sum(HANDLING_H[action] for action, _ in option.actions) + HANDLING_ASSET_H * assets
        block = blocks((*self.situation.in_force, *option.actions), self.terrain, settings.leak)
        late = max(closed.orders_late - self.before.orders_late, 0.0) * share
        low = max(closed.orders_late_low - self.before.orders_late_low, 0.0) * share
        high = max(closed.orders_late_high - self.before.orders_late_high, 0.0) * share
        return Priced(
            option=option,
            orders_late=late,
            orders_late_low=min(low, late),
            orders_late_high=max(high, late),
            otif=self.before.otif + min(closed.otif - self.before.otif, 0.0) * share,
            cost=max(closed.cost - self.before.cost, 0.0) * expected + hours * settings.hour_rate,
            co2_kg=(closed.co2_kg - self.before.co2_kg) * share,
            unmet=max(closed.unmet - self.before.unmet, 0.0) * share,
            risk=p * exposure(self.places, self.terrain, block, self.pace, settings),
            assets=assets,
        )

    def _closure(self, acts: Iterable[Act]) -> Closure:
        refs = tuple(sorted({target for action, target in acts if action in CLOSING and self._known(target)}))
        if refs not in self._closed:
            self._closed[refs] = self.closures.value(refs) if refs else self.closures.nominal
        return self._closed[refs]

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
