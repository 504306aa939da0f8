"""What is isolated, held, damaged and restored, and what that leaves of each node's and lane's capacity.

Called by the range (executor's side), the campaign (adversary's side) and the flow of goods. Pure state; time comes in as microseconds.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from interferon.model.network import Dependency, Network
from interferon.twin.draws import HOUR
from interferon.twin.people import service_accounts

RESTORE_H = {
    "wms": 6.0,
    "mes": 6.0,
    "erp": 10.0,
    "tms": 6.0,
    "identity_provider": 8.0,
    "historian": 5.0,
    "server": 5.0,
    "plc": 4.0,
    "robot": 4.0,
    "sis": 12.0,
}
_LOCAL_CONTROL_H = 4.0  # a closed cell goes on under local control at least this long
_OUTSIDE_PURDUE = 3.5
_UNPREPARED = 0.3  # share of the manual fallback that people manage when the records went down with the system, with no time to print them


@dataclass
class Damage:
    """What an adversary did to an asset. `impact` 1: it does not work at all. It is mended `restore_h` hours after it was taken offline."""

    step: str
    since: int
    impact: float
    restore_h: float
    offline: int = 0  # when the asset was last taken offline, 0 while it is online


@dataclass
class Condition:
    """Mutable state of one run. Effects are in force by id; damage by asset."""

    network: Network
    effects: dict[str, tuple[str, str, int]] = field(default_factory=dict)  # effect id → action, target, since
    damage: dict[str, list[Damage]] = field(default_factory=dict)
    idle: dict[str, int] = field(default_factory=dict)  # asset → until when it stands still for planned work or an outage
    dark: dict[str, int] = field(default_factory=dict)  # asset → until when nothing is heard of it
    muted: set[str] = field(default_factory=set)  # assets whose logs an adversary silenced
    withheld: dict[str, dict[str, float]] = field(default_factory=dict)  # node or lane reference → step → share of capacity gone

    def __post_init__(self) -> None:
        self._index()
        self._accounts = service_accounts(self.network)
        self._targets: dict[str, list[Dependency]] = {}
        for row in self.network.dependencies:
            self._targets.setdefault(row.target, []).append(row)
        deep = max((z.purdue for z in self.network.zones.values()), default=0.0)
        floor = min(_OUTSIDE_PURDUE, deep)
        self.outside = frozenset(z.id for z in self.network.zones.values() if z.purdue >= floor)
        self._links: dict[str, list[tuple[str, str]]] = {zone: [] for zone in self.network.zones}
        for c in self.network.conduits.values():
            self._links[c.from_zone].append((c.id, c.to_zone))
            self._links[c.to_zone].append((c.id, c.from_zone))

    # what is closed

    def put(self, effect: str, action: str, target: str, now: int) -> None:
        self.effects[effect] = (action, target, now)
        self._index()

    def drop(self, effect: str) -> None:
        self.effects.pop(effect, None)
        self._index()

    def _index(self) -> None:
        self._offline: dict[str, int] = {}  # answers of `offline`, until the next effect
        self._since: dict[tuple[str, str], int] = {}
        for action, target, since in self.effects.values():
            self._since[action, target] = min(since, self._since.get((action, target), since))

    def held(self, action: str, target: str) -> int:
        """Since when an action is in force on a target, or 0."""
        return self._since.get((action, target), 0)

    def isolated(self, asset: str) -> int:
        """Since when an asset is cut off on its own (isolated or failed over), or 0."""
        times = [since for since in (self.held("isolate_asset", f"asset:{asset}"), self.held("fail_over", f"asset:{asset}")) if since]
        return min(times, default=0)

    def detached(self, zone: str) -> int:
        """Since when a zone has no open conduit left by our doing, or 0."""
        own = self.held("isolate_zone", f"zone:{zone}")
        conduits = self.network.conduits_of.get(zone, ())
        cut = [self.held("cut_conduit", f"conduit:{c}") for c in conduits]
        return own or (max(cut) if cut and all(cut) else 0)

    def offline(self, asset: str) -> int:
        """Since when an asset is out of anyone else's reach, or 0."""
        if not self.effects:
            return 0
        if asset not in self._offline:
            times = [t for t in (self.isolated(asset), self.detached(self.network.assets[asset].zone)) if t]
            self._offline[asset] = min(times, default=0)
        return self._offline[asset]

    def open(self, conduit: str) -> bool:
        row = self.network.conduits[conduit]
        closed = self.held("cut_conduit", f"conduit:{conduit}") or any(
            self.held("isolate_zone", f"zone:{z}") for z in (row.from_zone, row.to_zone)
        )
        return not closed

    def talks(self, source: str, target: str) -> bool:
        """True while neither asset is isolated and, across zones, neither zone is and a conduit between them is open, if there is one."""
        if not self.effects:
            return True
        if self.isolated(source) or self.isolated(target):
            return False
        here, there = self.network.assets[source].zone, self.network.assets[target].zone
        if here == there:
            return True
        if self.detached(here) or self.detached(there):
            return False
        between = [c for c, zone in self._links[here] if zone == there]
        return not between or any(self.open(c) for c in between)

    def reaches(self, sources: Iterable[str], target: str, *, ignore: bool = False) -> bool:
        """True when a path of open conduits leads from one of the zones to the target zone; `ignore` takes every conduit as open."""
        seen = set(sources)
        queue = deque(sorted(seen))
        while queue:
            zone = queue.popleft()
            if zone == target:
                return True
            for conduit, beyond in self._links.get(zone, ()):
                if beyond not in seen and (ignore or self.open(conduit)):
                    seen.add(beyond)
                    queue.append(beyond)
        return False

    def disabled(self, identity: str) -> bool:
        return bool(identity) and bool(self.held("disable_identity", f"identity:{identity}"))

    # what is broken

    def harm(self, asset: str, damage: Damage) -> None:
        self.damage.setdefault(asset, []).append(damage)

    def damaged(self, asset: str) -> bool:
        return bool(self.damage.get(asset))

    def stopped(self, now: int) -> set[str]:
        """Assets that do not work at all: idle for a while, or broken."""
        idle = {asset for asset, until in self.idle.items() if until > now}
        return idle | {asset for asset, harm in self.damage.items() if any(d.impact >= 1.0 and d.since <= now for d in harm)}

    def mend(self, now: int) -> list[str]:
        """Advance repairs to `now`: damage of an asset that has been offline long enough is gone. Returns the assets restored just now."""
        restored = []
        for asset in sorted(self.damage):
            away = self.offline(asset)
            left = []
            for damage in self.damage[asset]:
                damage.offline = max(away, damage.since) if away else 0
                if not (damage.offline and now >= damage.offline + int(damage.restore_h * HOUR)):
                    left.append(damage)
            if left:
                self.damage[asset] = left
            else:
                del self.damage[asset]
                self.muted.discard(asset)
                restored.append(asset)
        return restored

    # what that leaves

    def _gone(self, asset: str, now: int) -> tuple[int, float, bool]:
        """Since when an asset does not serve (0: it does), the share of its service lost, and whether people have taken over by hand."""
        times = []
        if self.effects:
            account = self.held("disable_identity", f"identity:{self._accounts[asset]}") if asset in self._accounts else 0
            times = [t for t in (self.offline(asset), account) if t]
        times += [d.since for d in self.damage.get(asset, ()) if d.impact >= 1.0]
        if self.idle.get(asset, 0) > now:
            times.append(now)  # planned or short: within any tolerance
        partial = 1.0
        for d in self.damage.get(asset, ()):
            partial *= 1.0 - min(d.impact, 1.0)
        if times:
            return min(times), 1.0, bool(self.held("fail_over", f"asset:{asset}"))
        return (now, 1.0 - partial, False) if partial < 1.0 else (0, 0.0, False)

    def lost(self, row: Dependency, now: int, *, spoilt: bool = True) -> float:
        """Share of the target's capacity that this dependency costs now (tolerance, then the share, then the manual fallback)."""
        since, share, by_hand = self._gone(row.asset, now)
        if not since:
            return 0.0
        if share < 1.0:  # it works badly, its output is scrap: no tolerance, no fallback
            return row.share_lost * share if spoilt else 0.0
        tolerance = row.tolerance_h
        if (
            self.network.zones[self.network.assets[row.asset].zone].purdue <= 2
            and not self.isolated(row.asset)
            and not self.damaged(row.asset)
        ):
            tolerance = max(tolerance, _LOCAL_CONTROL_H)
        hours = (now - since) / HOUR
        if hours < tolerance:
            return 0.0
        fallback, delay = row.fallback_share, row.fallback_delay_h
        if self.damaged(row.asset) and not by_hand:
            fallback, delay = fallback * _UNPREPARED, delay * 2
        return row.share_lost * (1.0 - (fallback if by_hand or hours >= delay else 0.0))

    def share(self, target: str, now: int, *, spoilt: bool = True) -> float:
        """Share left of the capacity of `node:ID` or `lane:ID`: a product; groups count once all gone. `spoilt`: scrap counts as lost."""
        left = 1.0
        groups: dict[str, list[float]] = {}
        for row in self._targets.get(target, ()):
            loss = self.lost(row, now, spoilt=spoilt)
            if row.group:
                groups.setdefault(row.group, []).append(loss)
            else:
                left *= 1.0 - loss
        for losses in groups.values():
            left *= 1.0 - min(losses)
        for loss in self.withheld.get(target, {}).values():
            left *= 1.0 - loss
        return left
