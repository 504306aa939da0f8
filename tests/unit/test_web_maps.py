"""Where the network map puts things, what the maps tell, and the tables that say the same."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from interferon.model.network import Network
from interferon.web.layout import BOX, Box, laid_out
from interferon.web.maps import lane_map, network_map, states, zone_marks
from interferon.web.tables import cases, choices, excursions, in_force, readings
from interferon.web.view import Band, Decision, ThingState
from tests.browser.staged import INCIDENT, PLAN, Staged, staged_network

NETWORK = staged_network()


def apart(a: Box, b: Box) -> bool:
    return a.x + a.w <= b.x or b.x + b.w <= a.x or a.y + a.h <= b.y or b.y + b.h <= a.y


def inside(inner: Box, outer: Box) -> bool:
    return outer.x <= inner.x and inner.x + inner.w <= outer.x + outer.w and outer.y <= inner.y and inner.y + inner.h <= outer.y + outer.h


@given(width=st.floats(170, 4000))
@settings(max_examples=40)
def test_boxes_never_overlap_and_fit_the_width_at_any_width(width: float) -> None:
    layout = laid_out(NETWORK, width)
    boxes = (*layout.zones, *layout.nodes)
    assert {box.ref for box in layout.zones} == {f"zone:{zone}" for zone in NETWORK.zones}
    assert all(apart(a, b) for a, b in combinations(boxes, 2))
    assert all(apart(a, b) for a, b in combinations(layout.sites, 2))
    assert all(any(inside(box, site) for site in layout.sites) for box in boxes)
    assert max(site.x + site.w for site in layout.sites) <= width + 1e-6
    assert max(site.y + site.h for site in layout.sites) <= layout.height + 1e-6


def test_higher_purdue_levels_stand_higher_and_goods_lowest() -> None:
    layout = laid_out(NETWORK, 1200)
    tops = {box.ref: box.y for box in (*layout.zones, *layout.nodes)}
    assert tops["zone:plant-a-office"] < tops["zone:plant-a-dmz"] < tops["zone:plant-a-ops"] < tops["zone:plant-a-hmi"]
    assert tops["zone:plant-a-line2"] == tops["zone:plant-a-line1"] + BOX + 8
    assert tops["node:plant-a"] > tops["zone:plant-a-line2"]


def test_a_network_without_zones_has_an_empty_map() -> None:
    empty = laid_out(Network(NETWORK.settings, 1, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}), 800)
    assert (empty.zones, empty.sites, empty.height) == ((), (), 0.0)


def test_the_map_tells_zones_conduits_path_and_goods() -> None:
    staged = Staged()
    before = network_map(staged.network, staged.now(), 1200)
    assert before.zones["zone:plant-a-line1"].abnormal == 1
    assert [(line.label, line.state) for line in before.lines if line.kind == "conduit"] == [("c-0", "abnormal")]
    assert [(line.start, line.end, line.step) for line in before.lines if line.kind == "path"] == [
        ("zone:plant-a-office", "zone:plant-a-dmz", 1),
        ("zone:plant-a-dmz", "zone:plant-a-line1", 2),
    ]
    staged.approve("p-1", 1, "omar", "d-1")
    after = network_map(staged.network, staged.now(), 1200)
    assert after.nodes == {"node:plant-a": "degraded"}
    assert after.zones["zone:plant-a-line1"].contained == 1
    moved = {(line.start, line.label) for line in after.lines if line.rerouted}
    assert moved == {("node:plant-a", "off"), ("node:plant-b", "more"), ("node:plant-c", "new")}


def test_the_lane_map_puts_changed_lanes_first() -> None:
    staged = Staged()
    staged.approve("p-1", 1, "omar", "d-1")
    found = lane_map(staged.network, staged.now())
    assert [lane.change for lane in found.lanes[:4]] == ["off", "more", "new", ""]
    assert len(found.places) == len(staged.network.nodes)


def test_the_weightier_of_two_states_wins() -> None:
    now = Staged().now()
    both = (
        ThingState(ref="zone:z", state="contained", since=1),
        ThingState(ref="zone:z", state="abnormal", since=2),
    )
    assert states(replace(now, states=both))["zone:z"].state == "contained"
    assert states(replace(now, states=both[::-1]))["zone:z"].state == "contained"
    assert [state.ref for state in in_force(replace(now, states=both))] == ["zone:z"]


def test_every_zone_is_counted_once() -> None:
    staged = Staged()
    marks = zone_marks(staged.network, staged.now())
    assert sum(mark.assets for mark in marks.values()) == len(staged.network.assets) == 300
    assert sum(not mark.quiet for mark in marks.values()) == 3


def test_what_waits_for_a_person_comes_first() -> None:
    staged = Staged()
    veto = Decision(plan=replace(PLAN, id="p-9", incident="i-9"), status="veto", alternative=1)
    now = staged.now()
    more = replace(now, incidents=(*now.incidents, replace(INCIDENT, id="i-9", severity=0.1)), decisions=(*now.decisions, veto))
    assert [(case.incident.id, case.needs) for case in cases(more)] == [("i-9", "veto"), ("i-1", "approve"), ("i-2", "judge")]
    closed = replace(now, incidents=tuple(replace(incident, status="closed") for incident in now.incidents))
    assert cases(closed) == ()


def test_only_an_open_plan_and_what_policy_allows_can_be_approved() -> None:
    waiting = Decision(plan=PLAN, status="waiting", alternative=1)
    rows = choices(waiting)
    assert [row.can_approve for row in rows] == [False, True, True, False]  # the first does nothing, which needs nobody
    assert [row.chosen for row in rows] == [False, True, False, False]
    assert max(row.loss_share for row in rows) == 1.0
    assert not any(row.can_approve for row in choices(replace(waiting, status="verified")))


def band_of(values: list[float | None], alarms: tuple[int, ...]) -> Band:
    count = len(values)
    low: tuple[float | None, ...] = (0.0,) * count
    high: tuple[float | None, ...] = (1.0,) * count
    times = tuple(range(count))
    return Band(entity="asset:a", signal="s", times=times, values=tuple(values), low=low, mid=low, high=high, alarms=alarms)


def test_alarms_are_told_as_runs_with_the_reading_furthest_out() -> None:
    runs = excursions(band_of([0.5, 2.0, 5.0, -3.0, 0.5, None], (1, 2, 3, 5)))
    assert [(run.start, run.end, run.frames, run.value) for run in runs] == [(1, 3, 3, 5.0), (5, 5, 1, None)]


@given(st.sets(st.integers(0, 299)))
def test_the_table_of_a_chart_shows_every_edge_of_an_alarm_and_stays_short(alarmed: set[int]) -> None:
    rows = readings(band_of([0.5] * 300, tuple(sorted(alarmed))))
    shown = {row.time for row in rows}
    edges = {at for at in alarmed if at - 1 not in alarmed or at + 1 not in alarmed}
    assert edges <= shown
    assert {row.time for row in rows if row.alarm} <= alarmed
    assert len(rows) <= 26 + len(edges)
