"""Where things stand on the network map: one block a site, one row a Purdue level, one box a zone, and the goods' nodes below.

Pure; called by `maps` with the width of the drawing in CSS pixels, so that the browser only draws. Sites that do not fit side by
side wrap into the next band, which is how the same map stays legible on a telephone.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from interferon.model.network import Network, Site

GUTTER: Final = 34.0  # the Purdue levels' names
SITE_MIN: Final = 132.0
SITE_MAX: Final = 260.0
HEAD: Final = 42.0  # a site's name, in up to two lines
BOX: Final = 40.0  # height of a zone or node
GAP: Final = 8.0
BAND_GAP: Final = 46.0  # the goods' arcs dip into it

_KINDS: Final = {"supplier": 0, "plant": 1, "dc": 2, "customer": 3}


class Box(msgspec.Struct, frozen=True):
    """A rectangle in CSS pixels; `ref` is what it stands for."""

    ref: str
    label: str
    x: float
    y: float
    w: float
    h: float


class Level(msgspec.Struct, frozen=True):
    """The row of one Purdue level in one band."""

    label: str
    y: float
    h: float
    x: float
    w: float


class Layout(msgspec.Struct, frozen=True):
    width: float
    height: float
    sites: tuple[Box, ...]
    levels: tuple[Level, ...]
    zones: tuple[Box, ...]
    nodes: tuple[Box, ...]


def laid_out(network: Network, width: float) -> Layout:
    """Places all sites that have zones. `width` in CSS pixels; narrower than one site is taken as one site."""
    sites = _ordered_sites(network)
    fit = max(1, int((width - GUTTER + GAP) // (SITE_MIN + GAP)))
    across = math.ceil(len(sites) / max(1, math.ceil(len(sites) / fit))) or 1  # even bands: 4 + 3 rather than 5 + 2
    bands = [sites[at : at + across] for at in range(0, len(sites), across)]
    site_w = min(SITE_MAX, (width - GUTTER - GAP * (across - 1)) / across)
    parts: list[Layout] = []
    y = 0.0
    for band in bands:
        parts.append(_band(network, band, site_w, y))
        y = parts[-1].height + BAND_GAP
    return Layout(
        width,
        parts[-1].height if parts else 0.0,
        tuple(box for part in parts for box in part.sites),
        tuple(level for part in parts for level in part.levels),
        tuple(box for part in parts for box in part.zones),
        tuple(box for part in parts for box in part.nodes),
    )


def _ordered_sites(network: Network) -> list[Site]:
    """Sites with zones, in the direction of the goods: suppliers, plants, distribution centres, customers, others."""
    kinds: dict[str, int] = {}
    for node in network.nodes.values():
        kinds[node.site] = min(kinds.get(node.site, 9), _KINDS.get(node.kind, 9))
    zoned = {zone.site for zone in network.zones.values()}
    return sorted((site for site in network.sites.values() if site.id in zoned), key=lambda site: kinds.get(site.id, 9))


def _band(network: Network, sites: Sequence[Site], site_w: float, top: float) -> Layout:
    """One band of sites from `top` down. `height` of the answer is where the band ends."""
    inside = {site.id: [zone for zone in network.zones.values() if zone.site == site.id] for site in sites}
    goods = {site.id: [node.id for node in network.nodes.values() if node.site == site.id] for site in sites}
    lefts = {site.id: GUTTER + at * (site_w + GAP) for at, site in enumerate(sites)}
    y = top + HEAD
    levels, zones = [], []
    for purdue in sorted({zone.purdue for rows in inside.values() for zone in rows}, reverse=True):
        rows = {site: [zone.id for zone in all_zones if zone.purdue == purdue] for site, all_zones in inside.items()}
        height = max(map(len, rows.values())) * (BOX + GAP)
        levels.append(Level(f"{purdue:g}", y, height, 0.0, lefts[sites[-1].id] + site_w))
        zones += [box for site, found in rows.items() for box in _stack(found, "zone", lefts[site], y, site_w)]
        y += height
    nodes: list[Box] = []
    if any(goods.values()):
        height = max(map(len, goods.values())) * (BOX + GAP)
        levels.append(Level("goods", y, height, 0.0, lefts[sites[-1].id] + site_w))
        nodes = [box for site, found in goods.items() for box in _stack(found, "node", lefts[site], y, site_w)]
        y += height
    blocks = tuple(Box(f"site:{site.id}", site.name, lefts[site.id], top, site_w, y - top) for site in sites)
    return Layout(0.0, y, blocks, tuple(levels), tuple(zones), tuple(nodes))


def _stack(names: Sequence[str], kind: str, x: float, y: float, site_w: float) -> list[Box]:
    """Zones or nodes of one site and row, one under the other."""
    return [Box(f"{kind}:{name}", name, x + GAP, y + GAP / 2 + at * (BOX + GAP), site_w - 2 * GAP, BOX) for at, name in enumerate(names)]
