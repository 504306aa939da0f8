"""What the screen Plan shows of a what-if, on the example `minimal`: choices, figures, lanes, orders, the trade-off drawn."""

from pathlib import Path

import pytest

from interferon.flow.joint import Decision
from interferon.flow.plan import Plan, plan
from interferon.flow.plan_rows import Shipment, Transfer
from interferon.flow.tradeoff import Point, Tradeoff
from interferon.model.errors import InputError
from interferon.web import curve, whatif
from interferon.web.whatif import Asked
from tests.browser.planned import Planned

CLOSED = ("node:plant-1", "zone:plant-1-ops")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    return Planned(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def made(source: Planned) -> Plan:
    return plan(source.network, source.snapshot(), CLOSED, 48.0)


def test_a_question_is_read_from_an_address_and_written_back(source: Planned) -> None:
    found = whatif.asked(source.network, ["zone:plant-1-ops", "node:plant-1", "zone:plant-1-ops"], " 48h ", source.start)
    assert found == Asked(CLOSED, "48h", 48.0)
    assert found.query == "close=node%3Aplant-1&close=zone%3Aplant-1-ops&until=48h"
    assert whatif.asked(source.network, [], "", source.start).query == ""


@pytest.mark.parametrize("until", ["7d", "400d", ""])
def test_beyond_the_horizon_is_for_good(source: Planned, until: str) -> None:
    assert whatif.asked(source.network, CLOSED, until, source.start).until_h is None


@pytest.mark.parametrize(
    ("close", "until", "said"),
    [
        (["zone:plant-1-opps"], "", "no zone in zones.csv .did you mean zone:plant-1-ops"),
        (["plant-1"], "", "is no reference; .*did you mean node:plant-1"),
        (["zone:plant-1-ops"], "soon", "^until 'soon': write hours as 48h"),
        (["zone:plant-1-ops"], "0h", "^until 0h: the closure would end before it begins"),
        (["zone:plant-1-ops"], "9" * 400 + "d", "that is beyond 100 years"),
        (["zone:plant-1-ops"], "9999-12-31T00:00:00Z", "that is beyond 100 years"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_line(source: Planned, close: list[str], until: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        whatif.asked(source.network, close, until, source.start)


def test_only_so_much_is_closed_at_once(source: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "MOST_CLOSED", 1)
    with pytest.raises(InputError, match="at most 1 things"):
        whatif.asked(source.network, CLOSED, "", source.start)


def test_everything_that_can_be_closed_stands_in_one_box(source: Planned) -> None:
    asset, customer = next(iter(source.network.assets)), next(n for n in source.network.nodes.values() if n.kind == "customer")
    closed = (*CLOSED, f"asset:{asset}", f"node:{customer.id}")
    groups = whatif.groups(source.network, closed)
    refs = [tick.ref for group in groups for tick in group.ticks]
    assert len(refs) == len(set(refs))
    assert {tick.ref for group in groups for tick in group.ticks if tick.on} == set(closed)
    assert {f"zone:{zone}" for zone in source.network.zones} | {f"conduit:{row}" for row in source.network.conduits} <= set(refs)
    assert [group.name for group in groups][-2:] == ["Conduits", "Others"]
    assert any(tick.ref.startswith("zone:") for tick in groups[0].ticks)


def test_a_plan_of_an_incident_becomes_a_question(source: Planned) -> None:
    deeds = [("isolate_zone", "zone:plant-1-ops"), ("disable_identity", "identity:anna"), ("isolate_zone", "zone:gone")]
    assert whatif.of_actions(deeds, 14_400, source.network) == "close=zone%3Aplant-1-ops&until=4h"
    assert whatif.of_actions(deeds[1:], 14_400, source.network) == ""
    assert whatif.of_actions(deeds[:1], 0, source.network) == "close=zone%3Aplant-1-ops"


def test_suspicion_is_that_of_the_open_incident_else_a_guess(tmp_path: Path) -> None:
    source = Planned(tmp_path, suspect="plant-1-ops")
    asset = source.network.assets_in["plant-1-control"][0]
    told = whatif.suspicion(source.network, ["zone:plant-1-ops", f"asset:{asset}", "node:plant-1"], source.now())
    assert told == {"plant-1-control": 0.5, "plant-1-ops": 0.93}


def test_lanes_carry_what_the_rows_say(source: Planned) -> None:
    made = plan(source.network, source.snapshot(), CLOSED)
    flows = whatif.lane_flows(made, 7.0)
    rows: list[Shipment | Transfer] = [*made.shipments, *made.transfers]
    assert sum(flow.usual for flow in flows) * 7 == pytest.approx(sum(row.quantity_before for row in rows))
    assert sum(flow.now for flow in flows) * 7 == pytest.approx(sum(row.quantity for row in rows))
    assert any(flow.rerouted for flow in flows)
    assert all(not flow.rerouted and flow.now == flow.usual for flow in whatif.unchanged(flows))


def test_nothing_closed_changes_no_lane_and_touches_no_order(source: Planned) -> None:
    same = plan(source.network, source.snapshot(), ())
    assert not any(flow.rerouted for flow in whatif.lane_flows(same, 7.0))
    assert whatif.affected(same) == ()
    assert all(sum(marks.values()) == 0 for _, marks, _ in whatif.counts(same))


def test_orders_late_because_of_the_closure_come_first(made: Plan) -> None:
    touched = whatif.affected(made)
    assert {row.order for row in touched if row.by_closure} == {row.order for row in made.orders if row.by_closure} != set()
    assert [row.by_closure for row in touched] == sorted((row.by_closure for row in touched), reverse=True)
    assert all(row.reason for row in touched if row.by_closure)


def test_counts_add_up(made: Plan) -> None:
    for name, marks, total in whatif.counts(made):
        rows = getattr(made, name.lower())
        assert sum(marks.values()) == sum(row.mark != "same" for row in rows)
        assert total == len(rows)


def test_what_the_closure_takes_is_marked(source: Planned) -> None:
    told = whatif.taken(source.network, Asked(("node:plant-1",), "", None), 1)
    assert {ref: state.state for ref, state in told.items()} == {"node:plant-1": "lost"}


def decision(held: float, late: float, isolated: tuple[str, ...] = (), cut: tuple[str, ...] = ()) -> Decision:
    return Decision(frozenset(isolated), frozenset(cut), 0.0, 100 * late, late, late, held)


def test_the_curve_is_placed_within_its_box_and_says_what_each_point_does() -> None:
    nothing, cut, all_of = decision(4.0, 0.01), decision(1.0, 0.03, cut=("c",)), decision(0.0, 0.2, ("a",))
    points = (Point(0.0, nothing, 4.0, 0.0), Point(9.0, cut, 1.0, 0.004), Point(float("inf"), all_of, 0.0, 0.0))
    plain = {"nothing": nothing, "suspect": all_of, "site": decision(0.0, 0.5, ("a", "b"))}
    drawn = curve.drawn(Tradeoff(points, plain, True), "48h")
    assert [(mark.letter, mark.name) for mark in drawn.marks] == [
        ("A", "as it is"),
        ("B", ""),
        ("C", "every suspect zone"),
        ("", "all of the suspect sites"),
    ]
    assert [mark.query for mark in drawn.marks] == [
        "",
        "close=conduit%3Ac&until=48h",
        "close=zone%3Aa&until=48h",
        "close=zone%3Aa&close=zone%3Ab&until=48h",
    ]
    assert [mark.deeds for mark in drawn.marks] == ["nothing is closed", "close c", "isolate a", "isolate a, b"]
    assert drawn.marks[1].cost == pytest.approx(2.0)
    for mark in drawn.marks:
        assert curve.LEFT <= mark.x <= curve.WIDTH - curve.RIGHT
        assert curve.TOP <= mark.y <= curve.HEIGHT - curve.BOTTOM
    assert drawn.line.count(" ") == 2
    assert drawn.marks[0].y < drawn.marks[2].y < drawn.marks[3].y  # less in time is lower
    assert drawn.marks[2].x == curve.LEFT
    assert [text for _, text in drawn.across] == ["0", "1", "2", "3", "4"]
    assert drawn.up[-1] == (curve.TOP, "100 %")


def test_a_curve_where_nothing_can_be_held_or_be_late_is_still_drawn() -> None:
    nothing = decision(0.0, 0.0)
    drawn = curve.drawn(Tradeoff((Point(0.0, nothing, 0.0, 0.0),), {"nothing": nothing}, True), "")
    assert len(drawn.marks) == 1
    assert drawn.marks[0].y == curve.TOP
