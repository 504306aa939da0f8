"""What actions close for goods and what that makes late: the part of a price that needs no incident.

Called by `price` for the options of a plan, and by the runtime for the effects that a playbook asks for. Pure.
"""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Final

from interferon.decide.options import Act
from interferon.decide.settings import DecideSettings
from interferon.decide.situation import CLOSING, Closures
from interferon.decide.terrain import lasting
from interferon.model.network import Network
from interferon.model.records import Closure

REMEMBERED: Final = 4096  # closures kept; beyond that the oldest go


@dataclass
class Closed:
    """Values of closures. `values` remembers them for one revision of the network.

    What is in force elsewhere and what is asked for add up; they are valued together where they share a redundancy group, whose last
    member costs more than its first. So a price does not grow with the number of containments in force.
    """

    network: Network
    closures: Closures
    values: MutableMapping[tuple[str, ...], Closure]

    def refs(self, acts: Iterable[Act]) -> tuple[str, ...]:
        """What these actions close for goods."""
        served = self.network.closed_for_goods(target for action, target in acts if action in CLOSING)
        return tuple(ref for ref in served if self._known(ref))

    def around(self, acts: Iterable[Act], in_force: Iterable[Act]) -> tuple[Closure, Closure]:
        """Without and with these actions, beside what is in force."""
        refs = self.refs(acts)
        beside = self._beside(refs, in_force)
        return self.value(beside), self.value(tuple(sorted({*beside, *refs})))

    def value(self, refs: tuple[str, ...]) -> Closure:
        if not refs:
            return self.closures.nominal
        if refs not in self.values:
            if len(self.values) >= REMEMBERED:
                del self.values[next(iter(self.values))]
            self.values[refs] = self.closures.value(refs)
        return self.values[refs]

    def _beside(self, refs: Sequence[str], in_force: Iterable[Act]) -> tuple[str, ...]:
        """What is in force already and shares a redundancy group with `refs`."""
        groups = {group for ref in refs for group in self._groups(ref)}
        if not groups:
            return ()
        return tuple(ref for ref in self.refs(in_force) if ref not in refs and groups.intersection(self._groups(ref)))

    def _groups(self, ref: str) -> set[str]:
        kind, _, name = ref.partition(":")
        assets = self.network.assets_in.get(name, ()) if kind == "zone" else (name,) if kind == "asset" else ()
        return {row.group for asset in assets for row in self.network.depends.get(asset, ()) if row.group}

    def _known(self, ref: str) -> bool:
        """A containment of an earlier revision may name what is no longer in the tables."""
        kind, _, name = ref.partition(":")
        tables: dict[str, Iterable[str]] = {"asset": self.network.assets, "zone": self.network.zones, "conduit": self.network.conduits}
        return name in tables.get(kind, ())


def late(before: Closure, closed: Closure, share: float) -> tuple[float, float, float]:
    """Orders that a closure adds when it lasts for `share` of what it would cost at most: expected, least, most."""
    expected = max(closed.orders_late - before.orders_late, 0.0) * share
    low = max(closed.orders_late_low - before.orders_late_low, 0.0) * share
    high = max(closed.orders_late_high - before.orders_late_high, 0.0) * share
    return expected, min(low, expected), max(high, expected)


def expected_late(closed: Closed, acts: Iterable[Act], in_force: Sequence[Act], settings: DecideSettings) -> float:
    """Orders that actions are expected to make late, as those of a plan are: closed until a repair is done. In force already: nothing."""
    before, after = closed.around([act for act in acts if act not in in_force], in_force)
    return late(before, after, lasting(after, settings.repair_h, closed.network.settings.horizon_days * 24.0))[0]
