"""What a closure takes away: the share of each node's and lane's capacity that is left, hour by hour, read from the tables. Pure.

Called by `closure`, `reroute` and `states`. The rules are stated in docs/flow.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from interferon.flow.courses import Course, averages, dependent, loses, product
from interferon.flow.problem import Floats, Problem
from interferon.model.network import Dependency, Network

CUT_SHARE = 0.5  # of a serving asset's loss when only the conduit to what it serves is cut: people carry the orders across by hand
ASSUMED_SHARE = {  # share of a site's capacity that an asset without a dependency row may carry, by its type
    **{"plc": 0.3, "robot": 0.15, "agv": 0.1, "hmi": 0.1, "mes": 0.4, "wms": 0.6, "erp": 0.2, "tms": 0.2},
    **{"gateway": 0.1, "server": 0.1, "api": 0.1, "switch": 0.1, "historian": 0.02},
}


@dataclass(frozen=True)
class Capacities:
    """Target reference (`node:ID`, `lane:ID`) → steps of the share left, starting at hour 0; targets that lose nothing are left out.

    `worst` and `best` differ where a dependency is assumed or not wholly trusted.
    """

    best: dict[str, Course]
    worst: dict[str, Course]

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
        worst[target] = product([worst.get(target, ((0.0, 1.0),)), ((0.0, 1.0 - share),)])
    if until_h is None:
        return Capacities(best=best, worst=worst)
    return Capacities(best=_reopened(best, until_h), worst=_reopened(worst, until_h))


def shares(problem: Problem, steps: dict[str, Course]) -> Shares:
    """Steps averaged over the problem's buckets."""
    nodes, lanes = (np.ones((len(ids), problem.buckets)) for ids in (problem.nodes, problem.lanes))
    at = {f"node:{n}": nodes[i] for i, n in enumerate(problem.nodes)} | {f"lane:{n}": lanes[i] for i, n in enumerate(problem.lanes)}
    for target, course in steps.items():
        if target in at:
            at[target][:] = averages(course, problem.edges)
    return Shares(nodes, lanes)


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
    alone = {i: degree for i, degree in degrees.items() if not known.rows[i].group}
    for members in groups(known):
        degree = min(degrees.get(i, 0.0) for i in members)
        if degree > 0:
            alone[members[0]] = degree
    return alone


def groups(known: Exposure) -> list[list[int]]:
    """Rows of each redundancy group and target, that with the largest share first."""
    found: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(known.rows):
        if row.group:
            found.setdefault((row.group, row.target), []).append(i)
    return [sorted(members, key=lambda i: (-known.rows[i].share_lost, i)) for members in found.values()]


def _combined(known: Exposure, degrees: dict[int, float], closed: list[str], cautious: bool) -> dict[str, Course]:
    courses: dict[str, list[Course]] = {target: [((0.0, 0.0),)] for target in closed}
    for i in sorted(degrees):
        row = known.rows[i]
        courses.setdefault(row.target, []).append(dependent(row, degrees[i], cautious))
    found = {target: product(parts) for target, parts in courses.items()}
    return {target: course for target, course in found.items() if loses(course)}


def _reopened(found: dict[str, Course], hour: float) -> dict[str, Course]:
    """Courses that are whole again from `hour` on; those that had lost nothing by then are left out."""
    cut = {target: (*(step for step in course if step[0] < hour), (hour, 1.0)) for target, course in found.items()}
    return {target: course for target, course in cut.items() if loses(course)}


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
