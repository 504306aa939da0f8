"""What an intruder may truly hold, as scenarios: which zones, over which conduits he goes on, how long a zone is down once he has struck.

Input of `joint`. Pure; random numbers come from a seed handed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from interferon.model.errors import InputError
from interferon.model.network import Network


@dataclass(frozen=True)
class Scenario:
    """One way it may truly be. Probabilities of a threat's scenarios sum to 1."""

    probability: float
    held: frozenset[str]  # zone ids the intruder holds now
    open_to_him: frozenset[str]  # conduit ids over which he goes on unless they are cut
    recovery_h: float  # hours until a zone that he struck works again


@dataclass(frozen=True)
class Threat:
    """Scenarios, and what containment means: zones isolated and conduits cut stay so for `until_h` hours.

    `damage`: share of what isolating a zone takes that the intruder takes of it, if he is let.
    """

    scenarios: tuple[Scenario, ...]
    until_h: float
    damage: float = 1.0

    @property
    def suspect(self) -> frozenset[str]:
        """Zones that the intruder holds in some scenario."""
        return frozenset().union(*(scenario.held for scenario in self.scenarios))


def draw(
    network: Network,
    suspicion: Mapping[str, float],
    until_h: float,
    *,
    count: int = 16,
    seed: int = 1,
    spread: float = 0.5,
    recovery_h: float = 72.0,
    recovery_spread: float = 0.5,
    damage: float = 1.0,
) -> Threat:
    """`count` equally likely scenarios: zones held with the probability in `suspicion`, conduits open with `spread`.

    The recovery time is lognormal with median `recovery_h` hours and `recovery_spread` the standard deviation of its logarithm.
    InputError for unknown zones.
    """
    unknown = sorted(set(suspicion) - set(network.zones))
    if unknown:
        raise InputError(f"no zone {unknown[0]!r} in this network")
    rng = np.random.default_rng(seed)
    zones, conduits = sorted(suspicion), sorted(network.conduits)
    chance = np.array([suspicion[zone] for zone in zones])
    held, open_to_him = rng.random((count, len(zones))) < chance, rng.random((count, len(conduits))) < spread
    hours = recovery_h * np.exp(recovery_spread * rng.standard_normal(count))
    return Threat(
        tuple(
            Scenario(
                1.0 / count,
                frozenset(zone for zone, is_held in zip(zones, held[i], strict=True) if is_held),
                frozenset(conduit for conduit, is_open in zip(conduits, open_to_him[i], strict=True) if is_open),
                float(hours[i]),
            )
            for i in range(count)
        ),
        until_h,
        damage,
    )


def reached(network: Network, scenario: Scenario, isolated: frozenset[str], cut: frozenset[str]) -> frozenset[str]:
    """Zones that the intruder comes to hold: those he holds and those beyond open conduits, but for what is isolated or cut off."""
    beyond: dict[str, set[str]] = {}
    for conduit in scenario.open_to_him - cut:
        row = network.conduits[conduit]
        beyond.setdefault(row.from_zone, set()).add(row.to_zone)
        beyond.setdefault(row.to_zone, set()).add(row.from_zone)
    found: set[str] = set()
    waiting = sorted(scenario.held - isolated)
    while waiting:
        zone = waiting.pop()
        if zone not in found:
            found.add(zone)
            waiting += sorted(beyond.get(zone, set()) - found - isolated)
    return frozenset(found)
