"""What the screen *Plan* shows of a what-if: what can be chosen, the figures, the orders it touches, the goods on each lane. Pure.

Called by `whatif_pages`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from interferon.flow.capacity import lost
from interferon.flow.plan import Plan
from interferon.flow.plan_refs import TABLES, hours, references
from interferon.flow.plan_rows import OrderRow, Shipment, Transfer
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.web.view import LaneFlow, Now, ThingState

MOST_CLOSED: Final = 200
GUESS: Final = 0.5  # probability that an intruder holds a chosen zone that no open incident names
SHIFTED: Final = 0.02  # a lane whose quantity changes by this share of the larger one counts as changed
NOTHING_LEFT: Final = 1e-9


@dataclass(frozen=True)
class Asked:
    """References that are closed, until when as it was typed, and in hours from the snapshot (None: not within the horizon)."""

    closed: tuple[str, ...]
    until: str
    until_h: float | None

    @property
    def query(self) -> str:
        """The question as it stands in an address."""
        return query(self.closed, self.until)


@dataclass(frozen=True)
class Tick:
    """A box to tick."""

    ref: str
    label: str
    note: str
    on: bool


@dataclass(frozen=True)
class Group:
    """Boxes under one heading."""

    name: str
    ticks: tuple[Tick, ...]


def query(closed: Iterable[str], until: str) -> str:
    """`close=zone%3Aa&close=node%3Ab&until=48h`."""
    return urlencode([("close", ref) for ref in closed] + ([("until", until)] if until else []))


def asked(network: Network, close: Iterable[str], until: str, now: int) -> Asked:
    """The question of an address. InputError in one line, with what may be meant. `now`: microseconds UTC, when the plan begins."""
    closed = references(network, close)
    if len(closed) > MOST_CLOSED:
        raise InputError(f"at most {MOST_CLOSED} things can be closed in one what-if, not {len(closed)}")
    try:
        ahead = hours(until.strip(), now)
    except InputError as error:
        raise InputError(str(error).removeprefix("--")) from None
    within = ahead is not None and ahead < 24 * network.settings.horizon_days
    return Asked(closed, until.strip(), ahead if within else None)


def of_actions(actions: Iterable[tuple[str, str]], ttl_s: int, network: Network) -> str:
    """The question that a plan's actions come to; '' where they close nothing that carries goods."""
    refs = [target for _, target in actions if _known(network, target)]
    return query(refs, f"{ttl_s / 3600:g}h" if ttl_s else "") if refs else ""


def _known(network: Network, ref: str) -> bool:
    kind, _, name = ref.partition(":")
    return kind in TABLES and name in getattr(network, TABLES[kind])


def suspicion(network: Network, closed: Iterable[str], now: Now) -> dict[str, float]:
    """Zone id → probability that an intruder holds it, for the zones that are closed or hold a closed asset."""
    zones = {network.zone_of(ref) for ref in closed if ref.startswith(("zone:", "asset:"))}
    known: dict[str, float] = {}
    for incident in now.incidents:
        if incident.status != "closed":
            known.update({zone: max(incident.p_attack, known.get(zone, 0.0)) for zone in incident.zones})
    return {zone: known.get(zone, GUESS) for zone in sorted(zones - {""})}


def groups(network: Network, closed: Iterable[str]) -> tuple[Group, ...]:
    """Zones and nodes by site, those with zones first; conduits; what else is closed. Customers' nodes are closed by an address alone."""
    on = set(closed)
    by_site: dict[str, list[Tick]] = {site: [] for site in network.sites}
    for zone in network.zones.values():
        by_site[zone.site].append(_tick(f"zone:{zone.id}", zone.id, f"zone, level {zone.purdue:g}", on))
    for node in network.nodes.values():
        if node.kind != "customer" and node.site in by_site:
            by_site[node.site].append(_tick(f"node:{node.id}", node.id, f"node, {node.kind}", on))
    named = [Group(network.sites[site].name, tuple(ticks)) for site, ticks in by_site.items() if ticks]
    named.sort(key=lambda group: not any(tick.ref.startswith("zone:") for tick in group.ticks))
    conduits = [_tick(f"conduit:{row.id}", row.id, f"{row.from_zone} → {row.to_zone}", on) for row in network.conduits.values()]
    shown = {tick.ref for group in named for tick in group.ticks} | {tick.ref for tick in conduits}
    others = [_tick(ref, ref.replace(":", " ", 1), "", on) for ref in sorted(on - shown)]
    return tuple(group for group in (*named, Group("Conduits", tuple(conduits)), Group("Others", tuple(others))) if group.ticks)


def _tick(ref: str, label: str, note: str, on: set[str]) -> Tick:
    return Tick(ref, label, note, ref in on)


def affected(plan: Plan) -> tuple[OrderRow, ...]:
    """Orders that come at another time or in another quantity; those that are late by the closure first, then by promise."""
    touched = [row for row in plan.orders if row.by_closure or row.mark != "same"]
    return tuple(sorted(touched, key=lambda row: (not row.by_closure, row.promised, row.order)))


def counts(plan: Plan) -> tuple[tuple[str, dict[str, int], int], ...]:
    """(kind of row, rows by mark but `same`, rows in all)."""
    found = []
    for name, rows in (("Shipments", plan.shipments), ("Transfers", plan.transfers), ("Production", plan.production)):
        marks = Counter(row.mark for row in rows)
        found.append((name, {mark: marks.get(mark, 0) for mark in ("new", "changed", "cancelled")}, len(rows)))
    return tuple(found)


def lane_flows(plan: Plan, days: float) -> tuple[LaneFlow, ...]:
    """Units a day on each lane over the plan's `days`: `usual` with nothing closed, `now` under the plan."""
    carried: dict[str, tuple[float, float]] = {}
    moves: tuple[Shipment | Transfer, ...] = (*plan.shipments, *plan.transfers)
    for row in moves:
        before, after = carried.get(row.lane, (0.0, 0.0))
        carried[row.lane] = (before + row.quantity_before, after + row.quantity)
    return tuple(
        LaneFlow(lane=lane, usual=before / days, now=after / days, rerouted=abs(after - before) > SHIFTED * max(before, after))
        for lane, (before, after) in sorted(carried.items())
    )


def unchanged(flows: Iterable[LaneFlow]) -> tuple[LaneFlow, ...]:
    """The goods before the closure."""
    return tuple(LaneFlow(lane=flow.lane, usual=flow.usual, now=flow.usual) for flow in flows)


def taken(network: Network, asked: Asked, now: int) -> Mapping[str, ThingState]:
    """Nodes and lanes of which the closure takes something, at worst, by reference."""
    found: dict[str, ThingState] = {}
    for ref, course in lost(network, asked.closed, asked.until_h).worst.items():
        least = min(share for _, share in course)
        if least < 1:
            found[ref] = ThingState(ref=ref, state="lost" if least <= NOTHING_LEFT else "degraded", since=now)
    return found
