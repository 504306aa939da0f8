"""The ground an attacker moves on, as flat arrays: assets, zones, the ways between zones, and what losing each asset costs.

`survey` makes it once for each revision of the network; `decide.reach` walks it. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from interferon.decide.settings import DecideSettings
from interferon.model.network import Client, Conduit, Network
from interferon.model.records import Closure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Values(Protocol):
    """The part of a closure table that a survey needs."""

    @property
    def nominal(self) -> Closure: ...

    def value(self, refs: tuple[str, ...], /) -> Closure: ...


@dataclass
class Terrain:
    """N assets, Z zones, W ways (each conduit is two: forward and backward), sorted by the zone they lead to."""

    revision: int
    assets: dict[str, int]  # asset id → position
    zones: dict[str, int]  # zone id → position
    conduits: dict[str, int]  # conduit id → position
    home: Ints  # [N] zone of each asset, -1 where the table names none
    loss: Floats  # [N] currency, if the attacker takes the asset and nobody stops him
    way_from: Ints  # [W]
    way_to: Ints  # [W] ascending
    way_conduit: Ints  # [W]
    way_hours: Floats  # [W] mean hours that crossing takes
    group_start: Ints  # where in the ways each new destination begins
    group_to: Ints  # that destination
    at_stake: float  # currency: value of the open orders; no exposure is greater
    clients: dict[str, tuple[int, ...]] = field(default_factory=dict)  # `identity:ID` → the zones of a client's machine and broker


def survey(network: Network, closures: Values, settings: DecideSettings) -> Terrain:
    """The terrain of one revision. Asks the closure table once for each asset that anything depends on."""
    zones = {zone: place for place, zone in enumerate(network.zones)}
    conduits = {conduit: place for place, conduit in enumerate(network.conduits)}
    at_stake = open_value(network)
    ways = sorted(
        (zones[end], zones[start], conduits[conduit.id], _hours(network, conduit, start == conduit.from_zone, settings))
        for conduit in network.conduits.values()
        for start, end in ((conduit.from_zone, conduit.to_zone), (conduit.to_zone, conduit.from_zone))
    )
    way_to = np.array([way[0] for way in ways], dtype=np.int64)
    group_to, group_start = np.unique(way_to, return_index=True)
    return Terrain(
        revision=network.revision,
        assets={asset: place for place, asset in enumerate(network.assets)},
        zones=zones,
        conduits=conduits,
        home=np.array([zones.get(asset.zone, -1) for asset in network.assets.values()], dtype=np.int64),
        loss=np.array([_loss(network, closures, asset, settings) for asset in network.assets], dtype=np.float64),
        way_from=np.array([way[1] for way in ways], dtype=np.int64),
        way_to=way_to,
        way_conduit=np.array([way[2] for way in ways], dtype=np.int64),
        way_hours=np.array([way[3] for way in ways], dtype=np.float64),
        group_start=group_start.astype(np.int64),
        group_to=group_to.astype(np.int64),
        at_stake=at_stake,
        clients={f"identity:{name}": _clients(network, row, zones) for name, row in network.clients.items()},
    )


def open_value(network: Network) -> float:
    """Value of all orders in the tables, currency."""
    return sum(order.quantity * network.products[order.product].value for order in network.orders.values())


def lasting(closure: Closure, hours: float, horizon_h: float) -> float:
    """Share of what a closure costs over the whole horizon that it costs when it lasts only `hours`.

    The first `time_to_survive_h` hours cost no order, after that the damage grows in proportion. A quarter of the plain share of time stays
    as a floor: stocks are never as even as the tables say.
    """
    hours = min(hours, horizon_h)
    survived = closure.time_to_survive_h if closure.time_to_survive_h >= 0 else 0.0
    grown = max(hours - survived, 0.0) / max(horizon_h - survived, 1.0)
    return min(max(grown, 0.25 * hours / horizon_h), 1.0)


def _loss(network: Network, closures: Values, asset: str, settings: DecideSettings) -> float:
    work = settings.recovery_h * settings.hour_rate
    if asset not in network.depends:
        return work
    closed = closures.value((f"asset:{asset}",))
    share = lasting(closed, settings.outage_h, network.settings.horizon_days * 24.0)
    return work + share * max(closed.cost - closures.nominal.cost, 0.0)


def _clients(network: Network, row: Client, zones: Mapping[str, int]) -> tuple[int, ...]:
    homes = dict.fromkeys(network.zone_of(f"asset:{name}") for name in (row.asset, row.broker))
    return tuple(zones[zone] for zone in homes if zone in zones)


def _hours(network: Network, conduit: Conduit, forward: bool, settings: DecideSettings) -> float:
    levels = abs(network.zones[conduit.from_zone].purdue - network.zones[conduit.to_zone].purdue)
    hours = settings.border_h * (1.0 + settings.purdue_factor * levels)
    return hours if forward else hours * settings.backward_factor
