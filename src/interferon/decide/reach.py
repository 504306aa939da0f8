"""What the attacker can still reach, and what that is worth: attack paths over assets, zones and conduits. Called by `price`. Pure.

A way is as probable as the product of its hops; a hop succeeds within the horizon with 1 − exp(−horizon / mean time). Of several ways the
best counts: a lower bound of the cumulative metric of Wang et al., "An attack graph-based probabilistic security metric", DBSec 2008.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from interferon.decide.options import Act
from interferon.decide.settings import SPREADING, DecideSettings
from interferon.decide.terrain import Floats, Terrain
from interferon.model.network import Network
from interferon.model.records import Incident

EDGE_OF_IT = 4.0  # Purdue level from which an identity can be used where nothing else is known: offices, cloud
MOST_HOPS = 12
PROCESSES: Final = {"freeze_process": 1.0, "kill_process": 0.0}
"""Actions on a process → the share of `leak` that they leave: what is frozen may run on one day, what was ended does not."""


@dataclass(frozen=True)
class Foothold:
    """A suspect as the attacker's position: the share of belief that he holds it, the zones he acts from, the asset if it is one."""

    ref: str
    share: float  # 0–1, given that this is an attack
    zones: tuple[int, ...]
    asset: int  # position, -1 where the suspect is no asset
    money: float  # currency at stake in a transaction, 0 for everything else
    by: tuple[tuple[str, float], ...] = ()  # processes of the asset → share of the suspicion of it that names them


def speed(incident: Incident, settings: DecideSettings) -> float:
    """How fast he moves, relative to the mean times in the settings."""
    return settings.spreading_factor if SPREADING.intersection(incident.techniques) else 1.0


def footholds(incident: Incident, network: Network, terrain: Terrain, settings: DecideSettings) -> tuple[Foothold, ...]:
    """The suspects as positions. A suspect's probability is of "an attack, and this one"; divided by p_attack it is given an attack."""
    found = []
    for ref, probability in incident.suspects:
        kind, _, name = ref.partition(":")
        if kind == "process":  # no position of its own: he holds the machine by it
            continue
        share = min(probability / max(incident.p_attack, 1e-6), 1.0)
        asset = terrain.assets.get(name, -1) if kind == "asset" else -1
        zones = _zones(kind, name, asset, incident, network, terrain)
        by = _processes(ref, probability, incident, network) if asset >= 0 else ()
        found.append(Foothold(ref, share, zones, asset, money_at_stake(ref, network, terrain, settings), by))
    return tuple(found)


def _processes(ref: str, probability: float, incident: Incident, network: Network) -> tuple[tuple[str, float], ...]:
    """Suspected processes of a machine, each with the share of the suspicion of the machine that rests on it."""
    named = ((each, p) for each, p in incident.suspects if each.startswith("process:") and network.host_of(each) == ref)
    return tuple((each, min(p / max(probability, 1e-6), 1.0)) for each, p in named)


def _zones(kind: str, name: str, asset: int, incident: Incident, network: Network, terrain: Terrain) -> tuple[int, ...]:
    if asset >= 0:
        home = int(terrain.home[asset])
        return (home,) if home >= 0 else ()
    if kind == "zone" and name in terrain.zones:
        return (terrain.zones[name],)
    if kind != "identity":
        return ()
    seen = tuple(terrain.zones[zone] for zone in incident.zones if zone in terrain.zones)
    return seen or terrain.clients.get(f"identity:{name}") or _edge(network, terrain)


def _edge(network: Network, terrain: Terrain) -> tuple[int, ...]:
    return tuple(place for zone, place in terrain.zones.items() if network.zones[zone].purdue >= EDGE_OF_IT)


def money_at_stake(ref: str, network: Network, terrain: Terrain, settings: DecideSettings) -> float:
    """What a forged order, payment, partner record or feed can cost; 0 for references that are no transaction."""
    kind, _, name = ref.partition(":")
    if kind == "order" and name in network.orders:
        order = network.orders[name]
        return settings.order_share * order.quantity * network.products[order.product].value
    mean = terrain.at_stake / max(len(network.orders), 1)
    return {
        "order": settings.order_share * mean,
        "shipment": settings.order_share * mean,
        "payment": settings.partner_share * terrain.at_stake,
        "partner": settings.partner_share * terrain.at_stake,
        "lane": settings.order_share * terrain.at_stake / max(len(network.lanes), 1),
        "feed": settings.feed_share * terrain.at_stake,
    }.get(kind, 0.0)


@dataclass(frozen=True)
class Blocks:
    """What containments leave open: a factor for each way, asset, zone and suspect; 1 is untouched, `leak` is closed."""

    ways: Floats  # [W]
    assets: Floats  # [N]
    zones: Floats  # [Z] the way in from outside the zone
    refs: frozenset[str]  # identities and transactions that are locked or held
    clients: frozenset[str] = frozenset()  # identities that their message broker does not let in
    processes: dict[str, float] = field(default_factory=dict)  # that stand still or were ended → what is left of them


def blocks(acts: Iterable[Act], terrain: Terrain, leak: float) -> Blocks:
    """The factors with these (action, target) in force."""
    assets = np.ones(len(terrain.assets))
    closed_zones: set[int] = set()
    closed_conduits: set[int] = set()
    refs: set[str] = set()
    clients: set[str] = set()
    processes: dict[str, float] = {}
    for action, target in acts:
        name = target.partition(":")[2]
        if action in PROCESSES:
            processes[target] = min(PROCESSES[action] * leak, processes.get(target, 1.0))
        elif action == "disable_client":
            clients.add(target)
        elif target.startswith("asset:") and name in terrain.assets:  # isolated, failed over, or an agent that is locked
            assets[terrain.assets[name]] = leak
        elif action == "isolate_zone" and name in terrain.zones:
            closed_zones.add(terrain.zones[name])
        elif action == "cut_conduit" and name in terrain.conduits:
            closed_conduits.add(terrain.conduits[name])
        else:
            refs.add(target)
    conduit_shut, zone_shut = np.zeros(len(terrain.conduits), dtype=bool), np.zeros(len(terrain.zones), dtype=bool)
    conduit_shut[list(closed_conduits)] = True
    zone_shut[list(closed_zones)] = True
    shut = conduit_shut[terrain.way_conduit] | zone_shut[terrain.way_from] | zone_shut[terrain.way_to]
    ways = np.where(shut, leak, 1.0)
    return Blocks(ways, assets, _ways_in(terrain, shut, leak), frozenset(refs), frozenset(clients), processes)


def _ways_in(terrain: Terrain, shut: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], leak: float) -> Floats:
    """[Z] 1 where some way into the zone is open, `leak` where there were ways and all are shut."""
    ways_in = np.ones(len(terrain.zones))
    if len(terrain.group_to):
        open_left = np.add.reduceat((~shut).astype(np.int64), terrain.group_start)
        ways_in[terrain.group_to[open_left == 0]] = leak
    return ways_in


def exposure(places: Sequence[Foothold], terrain: Terrain, block: Blocks, pace: float, settings: DecideSettings) -> float:
    """Expected loss by what he holds and can still reach, given that this is an attack, currency.

    Assets: Σ_a P(he takes a) · loss(a), where the suspects are independent chances to take it. Transactions: their money. Never more than
    the value of all open orders and the work to restore what he holds.
    """
    if not places:
        return 0.0
    held = np.array([_held(place, block, settings) for place in places])
    zones = _zones_reached(places, held, terrain, block, pace, settings)
    inside = 1.0 - np.exp(-settings.horizon_h * pace / settings.inside_h)
    taken = np.where(terrain.home >= 0, zones[:, terrain.home], 0.0) * inside
    for row, place in enumerate(places):
        if place.asset >= 0:
            taken[row, place.asset] = _running(place, block)
    taken *= block.assets * _harm(terrain, block, settings)
    shares = np.array([[place.share] for place in places])
    money = sum(place.share * place.money * factor for place, factor in zip(places, held.tolist(), strict=True))
    loss = (1.0 - np.prod(1.0 - shares * taken, axis=0)) @ terrain.loss + money
    return float(min(loss, terrain.at_stake + settings.recovery_h * settings.hour_rate * len(places)))


def _held(place: Foothold, block: Blocks, settings: DecideSettings) -> float:
    """What a containment of the suspect itself leaves of it as a position."""
    if place.asset >= 0:
        return float(block.assets[place.asset]) * _running(place, block)
    return settings.leak if place.ref in block.refs else 1.0


def _running(place: Foothold, block: Blocks) -> float:
    """What the suspected processes of a machine that still run leave of the hold on it; of several that stand still the best one counts."""
    return min((1.0 - share * (1.0 - block.processes.get(ref, 1.0)) for ref, share in place.by), default=1.0)


def _zones_reached(
    places: Sequence[Foothold], held: Floats, terrain: Terrain, block: Blocks, pace: float, settings: DecideSettings
) -> Floats:
    """[suspects, Z] chance to stand in each zone: the best way, by relaxing all ways at once until nothing improves."""
    zones = np.zeros((len(places), len(terrain.zones)))
    for row, place in enumerate(places):
        zones[row, list(place.zones)] = held[row]
        if place.ref in block.clients:  # elsewhere the account is still good
            shut = [zone for zone in terrain.clients.get(place.ref, ()) if zone in place.zones]
            zones[row, shut] *= settings.leak
    crossing = (1.0 - np.exp(-settings.horizon_h * pace / terrain.way_hours)) * block.ways
    for _ in range(MOST_HOPS if len(crossing) else 0):
        best = np.maximum.reduceat(zones[:, terrain.way_from] * crossing, terrain.group_start, axis=1)
        before = zones[:, terrain.group_to]
        if (best <= before).all():
            break
        zones[:, terrain.group_to] = np.maximum(before, best)
    return zones


def _harm(terrain: Terrain, block: Blocks, settings: DecideSettings) -> Floats:
    """[N] share of the harm on a taken asset that is left when every way into its zone is cut: what needs no remote hand."""
    zones = 1.0 - settings.remote_share * (1.0 - block.zones)
    return np.where(terrain.home >= 0, zones[terrain.home], 1.0)
