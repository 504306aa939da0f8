"""What the two maps draw and what their table twins tell: the network map (sites × Purdue levels) and the map of lanes.

Called by `pages`, which sends `network_map` and `lane_map` as JSON to the islands and renders the same facts as tables. Pure.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from interferon.model.network import Network
from interferon.web.layout import Box, Layout, laid_out
from interferon.web.view import LaneFlow, Now, State, ThingState

_WORST: dict[State, int] = {"contained": 4, "lost": 3, "degraded": 2, "abnormal": 1, "watched": 0}


class ZoneMark(msgspec.Struct, frozen=True):
    """A zone with its counts. `state` is the zone's own; '' = as usual. Assets of it that are not as usual are counted."""

    id: str
    site: str
    purdue: float
    assets: int
    state: str
    abnormal: int
    contained: int

    @property
    def quiet(self) -> bool:
        return not (self.state or self.abnormal or self.contained)


class Line(msgspec.Struct, frozen=True):
    """A line between two boxes of the map. `path` = a step of a likely attack path, numbered by `step`."""

    start: str
    end: str
    kind: Literal["conduit", "path", "goods"]
    state: str = ""
    label: str = ""
    step: int = 0
    rerouted: bool = False
    now: float = 0.0
    usual: float = 0.0


class NetworkMap(msgspec.Struct, frozen=True):
    layout: Layout
    zones: dict[str, ZoneMark]  # by zone reference
    nodes: dict[str, str]  # node reference → state, only what is not as usual
    lines: tuple[Line, ...]
    conduits: tuple[tuple[str, str, str], ...]  # id, zone reference, zone reference: drawn for a selected zone only


class Place(msgspec.Struct, frozen=True):
    id: str
    name: str
    kind: str
    lat: float
    lon: float
    state: str


class LaneMark(msgspec.Struct, frozen=True):
    id: str
    start: str  # node id
    end: str
    mode: str
    carrier: str
    usual: float
    now: float
    rerouted: bool
    state: str

    @property
    def change(self) -> str:
        """`more`, `less`, `new`, `off`, or '' where it carries what it usually does."""
        if not self.rerouted:
            return ""
        if self.usual <= 0:
            return "new"
        if self.now <= 0:
            return "off"
        return "more" if self.now > self.usual else "less"


class LaneMap(msgspec.Struct, frozen=True):
    places: tuple[Place, ...]
    lanes: tuple[LaneMark, ...]


def states(now: Now) -> dict[str, ThingState]:
    """Reference → what is not as usual about it; the weightiest where a reference is told twice."""
    found: dict[str, ThingState] = {}
    for state in now.states:
        if state.ref not in found or _WORST[state.state] > _WORST[found[state.ref].state]:
            found[state.ref] = state
    return found


def zone_marks(network: Network, now: Now) -> dict[str, ZoneMark]:
    """All zones by reference, in file order."""
    known = states(now)
    marks = {}
    for zone in network.zones.values():
        inside = [known[ref] for ref in (f"asset:{asset}" for asset in network.assets_in[zone.id]) if ref in known]
        own = known.get(f"zone:{zone.id}")
        marks[f"zone:{zone.id}"] = ZoneMark(
            zone.id,
            zone.site,
            zone.purdue,
            len(network.assets_in[zone.id]),
            own.state if own else "",
            sum(state.state == "abnormal" for state in inside),
            sum(state.state == "contained" for state in inside),
        )
    return marks


def network_map(network: Network, now: Now, width: float) -> NetworkMap:
    """Everything the island draws at that width in CSS pixels."""
    layout = laid_out(network, width)
    known = states(now)
    drawn = {box.ref: box for box in layout.nodes}
    return NetworkMap(
        layout,
        zone_marks(network, now),
        {ref: known[ref].state for ref in drawn if ref in known},
        (*_goods(network, now, drawn), *_conduits(network, known), *_paths(network, now)),
        tuple((row.id, f"zone:{row.from_zone}", f"zone:{row.to_zone}") for row in network.conduits.values()),
    )


def lane_map(network: Network, now: Now) -> LaneMap:
    """Nodes at their sites and the lanes that carry goods now or usually."""
    return drawn_lanes(network, states(now), now.flows)


def drawn_lanes(network: Network, known: dict[str, ThingState], flows: Iterable[LaneFlow]) -> LaneMap:
    """The same of any goods, with what is known of nodes and lanes by reference."""
    places = []
    for node in network.nodes.values():
        site = network.sites.get(node.site)
        if site is not None:
            state = known.get(f"node:{node.id}")
            places.append(Place(node.id, site.name, node.kind, site.lat, site.lon, state.state if state else ""))
    return LaneMap(tuple(places), marked_lanes(network, known, flows))


def lane_marks(network: Network, now: Now) -> tuple[LaneMark, ...]:
    """Lanes that carry goods, changed ones first."""
    return marked_lanes(network, states(now), now.flows)


def marked_lanes(network: Network, known: dict[str, ThingState], flows: Iterable[LaneFlow]) -> tuple[LaneMark, ...]:
    """The same of any goods."""
    marks = [_lane_mark(network, flow, known) for flow in flows if flow.lane in network.lanes and (flow.rerouted or flow.usual or flow.now)]
    return tuple(sorted(marks, key=lambda mark: (not mark.rerouted, not mark.state)))


def _lane_mark(network: Network, flow: LaneFlow, known: dict[str, ThingState]) -> LaneMark:
    lane, state = network.lanes[flow.lane], known.get(f"lane:{flow.lane}")
    return LaneMark(
        lane.id, lane.origin, lane.destination, lane.mode, lane.carrier, flow.usual, flow.now, flow.rerouted, state.state if state else ""
    )


def _goods(network: Network, now: Now, drawn: dict[str, Box]) -> list[Line]:
    """Material-carrying lanes between the nodes on this map."""
    lines = []
    for mark in lane_marks(network, now):
        start, end = f"node:{mark.start}", f"node:{mark.end}"
        if start in drawn and end in drawn:
            lines.append(Line(start, end, "goods", mark.state, mark.change, 0, mark.rerouted, mark.now, mark.usual))
    return lines


def _conduits(network: Network, known: dict[str, ThingState]) -> list[Line]:
    """Conduits that are closed or abnormal (not those that are only watched); all the others stay undrawn."""
    return [
        Line(f"zone:{row.from_zone}", f"zone:{row.to_zone}", "conduit", known[f"conduit:{row.id}"].state, row.id)
        for row in network.conduits.values()
        if f"conduit:{row.id}" in known and known[f"conduit:{row.id}"].state != "watched"
    ]


def _paths(network: Network, now: Now) -> list[Line]:
    """The likely path of each open incident, zone to zone; steps within one zone have no line."""
    lines: list[Line] = []
    for incident in now.incidents:
        if incident.status == "closed":
            continue
        pairs = [(network.zone_of(start), network.zone_of(end)) for start, end, _ in incident.path]
        hops = dict.fromkeys((start, end) for start, end in pairs if start and end and start != end)
        lines += [Line(f"zone:{start}", f"zone:{end}", "path", "abnormal", "", step) for step, (start, end) in enumerate(hops, 1)]
    return lines
