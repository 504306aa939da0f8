"""What a closure takes away: the share of each node's and lane's capacity that is left, hour by hour, read from the tables. Pure.

Called by `closure` and `reroute`. The rules are stated in docs/flow.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from interferon.flow.problem import Floats, Problem
from interferon.model.network import Dependency, Network

CUT_SHARE = 0.5  # of a serving asset's loss when only the conduit to what it serves is cut: people carry the orders across by hand
ASSUMED_SHARE = {  # share of a site's capacity that an asset without a dependency row may carry, by its type
    **{"plc": 0.3, "robot": 0.15, "agv": 0.1, "hmi": 0.1, "mes": 0.4, "wms": 0.6, "erp": 0.2, "tms": 0.2},
    **{"gateway": 0.1, "server": 0.1, "api": 0.1, "switch": 0.1, "historian": 0.02},
}

Step = tuple[float, float]  # from this hour on, this share is left


@dataclass(frozen=True)
class Capacities:
    """Target reference (`node:ID`, `lane:ID`) → steps of the share left, starting at hour 0; targets that lose nothing are left out.

    `worst` and `best` differ where a dependency is assumed or not wholly trusted.
    """

    best: dict[str, tuple[Step, ...]]
    worst: dict[str, tuple[Step, ...]]

    @property
    def certain(self) -> bool:
        return self.best == self.worst


@dataclass(frozen=True)
class Exposure:
    """What the tables say about losses, keyed by reference: plain, so that it travels in a checkpoint with the closure table."""

    rows: tuple[Dependency, ...]
    by_asset: dict[str, tuple[int, ...]]  # asset id → its rows
    served: dict[str, tuple[int, ...]]  # conduit id → rows of the assets that serve across it
    assumed: dict[str, tuple[tuple[str, float], ...]]  # asset id without a row → (target, share it may carry)
    zones: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]  # zone id → its assets, its conduits


@dataclass(frozen=True)
class Shares:
    """Share of capacity left by node (N, T) and lane (L, T), averaged over each bucket."""

    nodes: Floats
    lanes: Floats


def exposure(network: Network) -> Exposure:
    """The tables' statements about losses, indexed by what may be closed."""
    by_asset: dict[str, list[int]] = {}
    for i, row in enumerate(network.dependencies):
        by_asset.setdefault(row.asset, []).append(i)
    return Exposure(
        rows=network.dependencies,
        by_asset={asset: tuple(rows) for asset, rows in by_asset.items()},
        served={conduit: _served(network, conduit, by_asset) for conduit in network.conduits},
        assumed={asset: _assumed(network, asset) for asset in network.assets if asset not in by_asset},
        zones={zone: (network.assets_in.get(zone, ()), network.conduits_of.get(zone, ())) for zone in network.zones},
    )


def lost(network: Network, refs: Iterable[str], until_h: float | None = None) -> Capacities:
    """What closing `refs` (`asset:`, `zone:`, `conduit:`, `node:`, `lane:`) leaves of the capacities. Other references carry no goods.

    `until_h`: hours from now at which all is open again; None: not within the horizon.
    """
    return left(exposure(network), refs, until_h)


def left(known: Exposure, refs: Iterable[str], until_h: float | None = None) -> Capacities:
    """`lost`, from an exposure already indexed."""
    assets, conduits, closed = _opened(known, refs)
    degrees = dict[int, float]()
    for conduit in conduits:
        degrees.update({row: CUT_SHARE for row in known.served.get(conduit, ())})
    for asset in assets:
        degrees.update({row: 1.0 for row in known.by_asset.get(asset, ())})
    degrees = _grouped(known, degrees)
    guesses: dict[str, float] = {}
    for asset in assets:
        for target, share in known.assumed.get(asset, ()):
            # Guesses about one target do not multiply: ten assets we know nothing about are not ten independent losses.
            guesses[target] = max(guesses.get(target, 0.0), share)
    worst, best = (_combined(known, degrees, closed, cautious) for cautious in (True, False))
    for target, share in guesses.items():
        worst[target] = _product([worst.get(target, ((0.0, 1.0),)), ((0.0, 1.0 - share),)])
    if until_h is None:
        return Capacities(best=best, worst=worst)
    return Capacities(best=_reopened(best, until_h), worst=_reopened(worst, until_h))


def shares(problem: Problem, steps: dict[str, tuple[Step, ...]]) -> Shares:
    """Steps averaged over the problem's buckets."""
    nodes, lanes = (np.ones((len(ids), problem.buckets)) for ids in (problem.nodes, problem.lanes))
    at = {f"node:{n}": nodes[i] for i, n in enumerate(problem.nodes)} | {f"lane:{n}": lanes[i] for i, n in enumerate(problem.lanes)}
    for target, course in steps.items():
        if target in at:
            at[target][:] = averages(course, problem.edges)
    return Shares(nodes, lanes)


def averages(course: tuple[Step, ...], edges: Floats) -> Floats:
    """(T,) mean share left in each bucket of `edges` (days)."""
    hours = np.array([h for h, _ in course])
    level = np.array([share for _, share in course])
    knots = np.unique(np.concatenate([edges * 24, hours]))
    at = level[np.searchsorted(hours, knots[:-1], side="right") - 1]
    total = np.concatenate([[0.0], np.cumsum(at * np.diff(knots))])
    bounds = np.interp(edges * 24, knots, total)
    # Twelve digits: equal closures must compare equal whatever the order in which their losses were multiplied.
    mean: Floats = np.round(np.diff(bounds) / np.diff(edges * 24), 12)
    return mean


def _opened(known: Exposure, refs: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """The assets, conduits and targets that `refs` stand for, each once and sorted."""
    assets, conduits, closed = set[str](), set[str](), set[str]()
    for ref in refs:
        kind, _, name = ref.partition(":")
        if kind == "zone":
            inside, across = known.zones.get(name, ((), ()))
            assets.update(inside)
            conduits.update(across)
        elif kind == "asset":
            assets.add(name)
        elif kind == "conduit":
            conduits.add(name)
        elif kind in ("node", "lane"):
            closed.add(ref)
    return sorted(assets), sorted(conduits), sorted(closed)


def _grouped(known: Exposure, degrees: dict[int, float]) -> dict[int, float]:
    """A redundancy group is lost as far as the member that is lost least; then its row with the largest share stands for all of it."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(known.rows):
        if row.group:
            groups.setdefault((row.group, row.target), []).append(i)
    alone = {i: degree for i, degree in degrees.items() if not known.rows[i].group}
    for members in groups.values():
        degree = min(degrees.get(i, 0.0) for i in members)
        if degree > 0:
            alone[max(members, key=lambda i: (known.rows[i].share_lost, -i))] = degree
    return alone


def _combined(known: Exposure, degrees: dict[int, float], closed: list[str], cautious: bool) -> dict[str, tuple[Step, ...]]:
    courses: dict[str, list[tuple[Step, ...]]] = {target: [((0.0, 0.0),)] for target in closed}
    for i in sorted(degrees):
        row = known.rows[i]
        courses.setdefault(row.target, []).append(_course(row, degrees[i], cautious))
    found = {target: _product(parts) for target, parts in courses.items()}
    return {target: course for target, course in found.items() if any(share < 1 for _, share in course)}


def _course(row: Dependency, degree: float, cautious: bool) -> tuple[Step, ...]:
    """One dependency's course: full for the tolerance, then without its share, then the manual fallback brings part of that back."""
    trusted = 1.0 if cautious or row.source == "declared" else row.confidence
    gone = min(max(row.share_lost, 0.0), 1.0) * degree * trusted
    later = max(row.tolerance_h, row.fallback_delay_h)
    steps = {0.0: 1.0, row.tolerance_h: 1.0 - gone}
    steps[later] = 1.0 - gone * (1.0 - row.fallback_share)
    return tuple(sorted(steps.items()))


def _reopened(found: dict[str, tuple[Step, ...]], hour: float) -> dict[str, tuple[Step, ...]]:
    """Courses that are whole again from `hour` on; those that had lost nothing by then are left out."""
    cut = {target: (*(step for step in course if step[0] < hour), (hour, 1.0)) for target, course in found.items()}
    return {target: course for target, course in cut.items() if any(share < 1 for _, share in course)}


def _product(courses: list[tuple[Step, ...]]) -> tuple[Step, ...]:
    hours = sorted({hour for course in courses for hour, _ in course})
    steps: list[Step] = []
    for hour in hours:
        share = 1.0
        for course in courses:
            share *= next(level for start, level in reversed(course) if start <= hour)
        if not steps or steps[-1][1] != share:
            steps.append((hour, share))
    return tuple(steps)


def _served(network: Network, conduit: str, by_asset: dict[str, list[int]]) -> tuple[int, ...]:
    """Rows of the higher zone's assets that act on a site of the lower zone: what a WMS or an MES steers across this conduit."""
    row = network.conduits[conduit]
    zones = sorted((network.zones[z] for z in (row.from_zone, row.to_zone)), key=lambda zone: zone.purdue)
    if len(zones) < 2 or zones[0].purdue == zones[1].purdue:
        return ()
    lower, higher = zones
    rows = (i for asset in network.assets_in.get(higher.id, ()) for i in by_asset.get(asset, ()))
    return tuple(i for i in rows if lower.site in _sites(network, network.dependencies[i].target))


def _sites(network: Network, target: str) -> set[str]:
    kind, _, name = target.partition(":")
    if kind == "lane" and name in network.lanes:
        return {network.nodes[end].site for end in (network.lanes[name].origin, network.lanes[name].destination)}
    return {network.nodes[name].site} if kind == "node" and name in network.nodes else set()


def _assumed(network: Network, asset: str) -> tuple[tuple[str, float], ...]:
    share = ASSUMED_SHARE.get(network.assets[asset].type.lower(), 0.0)
    site = network.site_of(f"asset:{asset}")
    return tuple((f"node:{node.id}", share) for node in network.nodes.values() if node.site == site) if share else ()
