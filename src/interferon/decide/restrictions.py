"""What the tables forbid here and now: protected things, interlocks, maintenance windows. Pure; the clock and the readings are handed in.

Called by `permit` for a plan, for an approval and at the end of a veto, and by the runtime once more before each effect is applied.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from interferon.decide.options import Act
from interferon.model.network import Interlock, Maintenance, Network, Protected
from interferon.model.patterns import covers

Signal = tuple[str, str]  # (asset reference, signal)


class Reading(msgspec.Struct, frozen=True):
    """The newest value of a signal, and since when it can be that old, microseconds UTC."""

    time: int
    value: float


Readings = Mapping[Signal, Reading]

TELLING: Final = frozenset({"open_ticket", "send_message", "notify_partner"})
"""Actions that tell people and touch nothing: a row for every action (`*`) does not mean them."""

ALSO: Final = {"isolate_zone": ("isolate_asset", "cut_conduit"), "fail_over": ("isolate_asset",)}
"""What an action does by another name."""

SHUTTING: Final = frozenset({"isolate_asset", "isolate_zone", "fail_over", "freeze_process", "kill_process"})
"""Actions that take what they are done to out of service."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TESTS: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def refusals(network: Network, act: Act, readings: Readings, in_force: Iterable[Act], now: int) -> tuple[str, ...]:
    """Why `act` is not done at `now` (microseconds UTC), one line for each row that forbids it; empty where none does.

    `in_force`: every containment that stands, is on its way or would be done together with it, `act` itself left out.
    """
    if not (network.protected or network.interlocks or network.maintenance):
        return ()
    done = deeds(network, *act)
    standing = tuple(in_force)
    locked = [(row, _unmet(network, row, readings, standing, now)) for row in network.interlocks.values() if _names(row, done)]
    return (
        *(
            f"protected {row.where}: no {act[0]} of {act[1]}, {row.reason}{_until(row.until)}"
            for row in network.protected
            if _names(row, done) and not 0 < row.until <= now
        ),
        *(f"interlock {row.id}: {why} ({row.reason})" for row, why in locked if why),
        *(
            f"maintenance {row.id}: no {act[0]} of {act[1]} while there is {row.work}{_until(row.ends)}"
            for row in _windows(network, done, now)
            if row.rule == "forbid"
        ),
    )


def approvals(network: Network, act: Act, now: int) -> tuple[str, ...]:
    """Maintenance windows in which `act` is done only after approval, one line each."""
    if not network.maintenance:
        return ()
    open_now = _windows(network, deeds(network, *act), now)
    return tuple(f"maintenance {row.id}: only after approval{_until(row.ends)}" for row in open_now if row.rule == "approval")


def allowed(network: Network, act: Act, now: int) -> bool:
    """Whether a maintenance window lets `act` happen without approval, as far as the signed policy grants that, and none asks for one.

    What holds an action back reads `act` widely, what lets it pass reads it narrowly: the target itself, or the zone of the asset.
    """
    if not network.maintenance or approvals(network, act, now):
        return False
    zone = network.zone_of(act[1])
    exact = (act, (act[0], f"zone:{zone}")) if zone else (act,)
    return any(row.rule == "allow" for row in _windows(network, exact, now))


def deeds(network: Network, action: str, target: str) -> tuple[Act, ...]:
    """All that the action does by any name, to whatever a row may name: isolating a zone isolates each asset in it, and cuts its conduits.

    A cut conduit is a deed to both its zones, and to the assets of the one it leads from, whose signals it carries; what is done to a
    process, or to a broker's client that a machine needs, is a deed to the machine.
    """
    refs = [target]
    if action == "disable_client" and target.startswith("identity:"):
        refs += filter(None, [network.served_by(target)])
    elif network.host_of(target) != target:
        refs.append(network.host_of(target))
    kind, _, name = refs[-1].partition(":")
    if kind == "asset" and network.zone_of(refs[-1]):
        refs.append(f"zone:{network.zone_of(refs[-1])}")
    if kind == "zone":
        refs += [f"asset:{asset}" for asset in network.assets_in.get(name, ())]
        refs += [f"conduit:{each}" for each in network.conduits_of.get(name, ())]
    if kind == "conduit" and name in network.conduits:
        ends = network.conduits[name]
        refs += [f"zone:{ends.from_zone}", f"zone:{ends.to_zone}"]
        refs += [f"asset:{asset}" for asset in network.assets_in.get(ends.from_zone, ())]
    return tuple((named, ref) for named in (action, *ALSO.get(action, ())) for ref in refs)


def take(
    readings: dict[Signal, Reading],
    network: Network,
    index: Mapping[str, int],
    signals: Sequence[Sequence[str]],
    frame: tuple[int, int, np.ndarray, np.ndarray],
) -> None:
    """Notes what interlocks look at in one closed frame: start and end in microseconds, entities (n,) ascending, values (n, S).

    `index`: reference → fleet-wide index; `signals`: each entity's signal names by slot. A reading may be as old as its frame.
    """
    start, _, entities, values = frame
    for asset, signal in {(f"asset:{row.asset}", row.signal) for row in network.interlocks.values() if row.signal}:
        entity = index.get(asset, -1)
        place = int(np.searchsorted(entities, entity))
        if entity < 0 or place == len(entities) or entities[place] != entity or signal not in signals[entity]:
            continue
        value = float(values[place, signals[entity].index(signal)])
        if not np.isnan(value):
            readings[asset, signal] = Reading(start, value)


def _unmet(network: Network, row: Interlock, readings: Readings, in_force: Sequence[Act], now: int) -> str:
    """'' where the condition holds, else one line why not. What is not known, too old or from the future does not hold."""
    asset = f"asset:{row.asset}"
    if row.test == "in_service":
        closing = {asset, f"zone:{network.zone_of(asset)}"}
        return next(
            (
                f"{asset} is shut off by {action} of {target}"
                for action, target in in_force
                if action in SHUTTING and network.host_of(target) in closing
            ),
            "",
        )
    reading = readings.get((asset, row.signal))
    if reading is None:
        return f"{row.signal} of {asset} is not known"
    age = (now - reading.time) / 1e6
    if not 0 <= age <= row.max_age_s:
        return f"{row.signal} of {asset} was read {age:.0f} s ago, at most {row.max_age_s:g} s count"
    holds = TESTS[row.test](reading.value, row.value)
    return "" if holds else f"{row.signal} of {asset} is {reading.value:g}, not {row.test} {row.value:g}"


def _windows(network: Network, done: Sequence[Act], now: int) -> list[Maintenance]:
    return [row for row in network.maintenance.values() if row.starts <= now < row.ends and row.action and _names(row, done)]


def _names(row: Protected | Interlock | Maintenance, done: Iterable[Act]) -> bool:
    return any((row.action == action or (row.action == "*" and action not in TELLING)) and covers(row.where, ref) for action, ref in done)


def _until(time: int) -> str:
    """' until …' in UTC, or nothing where it has no end."""
    return f" until {(EPOCH + timedelta(microseconds=time)).isoformat(timespec='minutes').removesuffix('+00:00')}Z" if time else ""
