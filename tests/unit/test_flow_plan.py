"""The executable plan: orders out of groups, rows against those of before, how it was answered, and its messages read back."""

import csv
import io

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from interferon.connectors import edifact, epcis
from interferon.flow.account import Flows
from interferon.flow.plan import Plan, plan
from interferon.flow.plan_edifact import despatch, orders
from interferon.flow.plan_epcis import document, place, product
from interferon.flow.plan_refs import hours, references
from interferon.flow.plan_rows import Shipment, Transfer, compared
from interferon.flow.plan_split import Move, fills
from interferon.flow.plan_table import TABLES, as_csv, as_json
from interferon.flow.problem import build, opening
from interferon.model.errors import InputError
from interferon.model.network import Bom, Network
from interferon.sense import epcis_check
from interferon.sense.epcis import parse

from .goods import START, lane, network, node
from .test_flow import DAY, dependency, order, random_network, two_centres


def planned(found: Network, *closed: str, until_h: float | None = None, fast: bool = False) -> Plan:
    return plan(found, opening(found, START), closed, until_h, fast=fast)


def test_a_group_is_filled_by_priority_promise_and_id_with_what_is_in_time_first() -> None:
    """20 units for three orders: 8 leave at once, 7 a day late, 5 never. The first by priority gets 6, the next 2 in time and 6 late."""
    rows = [order(1, "x", 6.0, 1.0), order(2, "x", 8.0, 1.0), order(3, "x", 6.0, 1.0)]
    rows = [msgspec.structs.replace(row, priority=priority) for row, priority in zip(rows, (2, 3, 1), strict=True)]
    found = network([node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 1.0)], rows, {("d", "p"): 99.0})
    problem = build(found, opening(found, START))
    flows = Flows(np.zeros((1, problem.buckets)), np.zeros((0, problem.buckets)), np.zeros((0, problem.buckets)))
    flows.ship[0, 0], flows.ship[0, 2] = 8.0, 7.0
    got = {name: [(p.bucket, p.quantity, p.in_time) for p in fill.pieces] for name, fill in fills(problem, flows).items()}
    assert got == {"o-3": [(0, 6.0, True)], "o-1": [(0, 2.0, True), (2, 4.0, False)], "o-2": [(2, 3.0, False)]}
    assert {name: fill.short for name, fill in fills(problem, flows).items()} == {"o-3": 0.0, "o-1": 0.0, "o-2": 5.0}


def test_movements_are_matched_with_those_of_before() -> None:
    before = [Move(("a",), 0, 5, 4.0), Move(("a",), 1, 6, 3.0), Move(("b",), 0, 5, 2.0), Move(("d",), 0, 5, 1.0)]
    after = [Move(("a",), 0, 5, 4.0), Move(("a",), 3, 8, 3.0), Move(("b",), 0, 5, 1.5), Move(("c",), 2, 7, 2.0)]
    told = {(c.key[0], c.starts): (c.mark, c.quantity, c.quantity_before, c.starts_before) for c in compared(before, after)}
    assert told == {
        ("a", 0): ("same", 4.0, 4.0, 0),
        ("a", 3): ("changed", 3.0, 3.0, 1),
        ("b", 0): ("changed", 1.5, 2.0, 0),
        ("c", 2): ("new", 2.0, 0.0, None),
        ("d", 0): ("cancelled", 0.0, 1.0, 0),
    }


def test_movements_at_the_same_times_are_one() -> None:
    halves = [Move(("a",), 0, 5, 2.0), Move(("a",), 0, 5, 2.0)]
    assert [c.mark for c in compared(halves, [Move(("a",), 0, 5, 4.0)])] == ["same"]


def test_nothing_closed_changes_nothing() -> None:
    found = planned(two_centres())
    assert (found.answer.speed, found.answer.gap, found.causes) == ("closure table", 0.0, ())
    assert found.nominal == found.kept == found.rerouted
    assert {row.mark for name in TABLES for row in getattr(found, name)} == {"same"}
    assert found.answer.valid_until == START + 7 * DAY


def test_a_closed_lane_moves_the_goods_to_the_other_centre() -> None:
    """What would leave over near-x in the two days goes over far-x, or, where it may, leaves later; each arrives half a day on."""
    found = planned(two_centres(), "lane:near-x", until_h=48.0)
    assert found.answer.speed == "linear programme"
    assert 0 <= found.answer.gap < 1e-3  # what changes least, not what costs least to the last cent
    assert (found.nominal.orders_late, found.rerouted.orders_late) == (0, 0)
    assert found.kept.orders_late > 0
    assert found.until == found.answer.valid_until == START + 2 * DAY
    moved = [row for row in found.shipments if row.customer == "x" and row.mark != "same"]
    assert {row.lane for row in moved if row.mark == "new"} == {"far-x"}
    assert {row.mark for row in moved if row.lane == "near-x"} <= {"cancelled", "changed"}
    assert all(row.leaves >= START + 2 * DAY for row in found.shipments if row.lane == "near-x" and row.mark != "cancelled")
    assert all(row.arrives - row.leaves == DAY // 2 for row in found.shipments)
    assert all(row.origin == "far" for row in moved if row.mark == "new")


def test_the_list_schedule_tells_its_gap_to_the_plan_with_nothing_closed() -> None:
    found = planned(two_centres(), "lane:near-x", fast=True)
    assert found.answer.speed == "local repair"
    assert found.answer.bound == found.nominal.cost
    assert found.answer.gap == pytest.approx(found.rerouted.cost / found.nominal.cost - 1)


def test_what_the_optimum_does_not_need_is_answered_by_the_table() -> None:
    found = planned(two_centres(), "lane:far-y")
    assert (found.answer.speed, found.rerouted) == ("closure table", found.nominal)


def test_an_assumed_dependency_gives_a_range() -> None:
    rows = (dependency("wms-near", "node:near", 1.0, source="discovered", confidence=0.5),)
    found = planned(two_centres(dependencies=rows), "zone:near-ops", "lane:far-x")
    assert found.range is not None
    assert found.range.cost[0] < found.range.cost[1] == found.rerouted.cost
    assert found.range.orders_late[0] < found.range.orders_late[1] == found.rerouted.orders_late
    assert planned(two_centres(), "lane:near-x").range is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("closed", ["node:d0", "zone:f1-floor"])
def test_rows_add_up_to_the_figures(seed: int, closed: str) -> None:
    found = planned(random_network(seed), closed, until_h=60.0)
    late = {name for name, _ in found.rerouted.late}
    assert {row.order for row in found.orders if row.late} == late
    assert sum(row.short for row in found.orders) == pytest.approx(found.rerouted.unmet, abs=1e-4)
    for row in found.orders:
        sent = sum(each.quantity for each in found.shipments if each.order == row.order)
        assert sent + row.short == pytest.approx(row.quantity, abs=1e-4)
        assert (row.reason != "") == row.late
        assert row.by_closure == (row.late and row.order not in {name for name, _ in found.nominal.late})
    assert sorted(name for _, names in found.causes for name in names) == sorted(late)


def test_the_same_input_gives_the_same_plan() -> None:
    found = random_network(3)
    assert planned(found, "node:d0") == planned(found, "node:d0")


def test_where_nothing_can_be_planned_it_is_said() -> None:
    places, ways = [node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 1.0)]
    with pytest.raises(InputError, match="no open order is promised within 7 days"):
        planned(network(places, ways, [order(1, "x", 1.0, 9.0)], {("d", "p"): 1.0}))
    with pytest.raises(InputError, match="no lane brings what is ordered"):
        planned(network(places, [], [order(1, "x", 1.0, 3.0)], {("d", "p"): 1.0}))
    loop = (Bom(parent="p", child="c", quantity=1.0), Bom(parent="c", child="p", quantity=1.0))
    with pytest.raises(InputError, match="cycle in the bill of materials: "):
        planned(network(places, ways, [order(1, "x", 1.0, 3.0)], {("d", "p"): 1.0}, bom=loop))


def test_references_are_looked_up_and_those_like_it_named() -> None:
    found = two_centres()
    assert references(found, ["node:near", "lane:near-x", "node:near"]) == ("lane:near-x", "node:near")
    with pytest.raises(InputError, match=r"'zone:near-op' is no zone in zones.csv \(did you mean zone:near-ops"):
        references(found, ["zone:near-op"])
    with pytest.raises(InputError, match=r"'lane:near' is no lane in lanes.csv \(did you mean node:near"):
        references(found, ["lane:near"])
    with pytest.raises(InputError, match=r"'far-x' is no reference; write .*lane:ID.* \(did you mean lane:far-x\?\)"):
        references(found, ["far-x"])
    with pytest.raises(InputError, match="'site:near' is no reference"):
        references(found, ["site:near"])


@pytest.mark.parametrize(
    ("text", "ahead"),
    [("", None), ("48h", 48.0), ("1.5d", 36.0), ("2026-01-05T06:00:00Z", 6.0), ("2026-01-05 06:00", 6.0), ("2026-01-05T06:00+02:00", 4.0)],
)
def test_until_is_a_length_or_a_time(text: str, ahead: float | None) -> None:
    assert hours(text, START) == ahead


@pytest.mark.parametrize("text", ["soon", "48", "-3h", "0h", "2026-01-04", "3 weeks", "1e3h", "99999999d"])
def test_until_that_makes_no_sense_is_told(text: str) -> None:
    with pytest.raises(InputError, match="--until"):
        hours(text, START)


def rows_of(data: bytes, name: str) -> list[dict[str, object]]:
    """Trade rows of a message file; a dead letter or a problem of the standard fails."""
    reader = epcis if name == "epcis" else edifact
    found: list[dict[str, object]] = []
    for each in reader.normalise(data, "partner"):
        assert isinstance(each, pa.RecordBatch), each
        found += each.to_pylist()
    return found


def test_epcis_is_valid_and_says_each_departure() -> None:
    table = two_centres()
    found = planned(table, "lane:near-x", until_h=48.0)
    data = msgspec.json.encode(document(table, found))
    assert [str(each) for each in epcis_check.check(parse(data))] == []
    told = rows_of(data, "epcis")
    moves: list[Shipment | Transfer] = [*found.shipments, *found.transfers]
    leaving = sorted((row.leaves, row.origin, row.quantity) for row in moves if row.mark in ("new", "changed"))
    read = [row for row in told if row["kind"] == "shipment.departed"]
    assert sorted((row["time"], row["origin"], row["quantity"]) for row in read) == leaving
    voided = [row for row in told if row["kind"] == "goods.observed"]
    assert len(voided) == sum(row.mark in ("changed", "cancelled") for row in moves) > 0
    x = next(row for row in read if row["order"] == "o-1")
    assert (x["entity"], x["origin"], x["destination"]) == ("node:far", "far", "x")
    assert '"thing":"urn:interferon:product:p"' in str(x["attributes"])


def test_ids_that_are_gs1_keys_are_written_as_digital_links() -> None:
    assert product("09521321123458") == "https://id.gs1.org/01/09521321123458"
    assert product("9521321123458") == "https://id.gs1.org/01/09521321123458"
    assert product("9521321123457") == "urn:interferon:product:9521321123457"  # its check digit is wrong
    assert place("9521321000018") == "https://id.gs1.org/414/9521321000018"
    assert place("dc 1") == "urn:interferon:node:dc%201"
    assert place("dc-of-13-char") == "urn:interferon:node:dc-of-13-char"


def test_what_is_weighed_has_its_unit() -> None:
    """Kilograms are KGM in both formats; what is counted has none in EPCIS, and is PCE in EDIFACT."""
    table = two_centres(products=tuple(msgspec.structs.replace(p, unit="kg") for p in two_centres().products.values()))
    found = planned(table, "lane:near-x", until_h=48.0)
    events = document(table, found)["epcisBody"]["eventList"]
    assert {each["uom"] for event in events for each in event["quantityList"]} == {"KGM"}
    assert b":KGM'" in despatch(table, found)
    counted = document(two_centres(), planned(two_centres(), "lane:near-x"))["epcisBody"]["eventList"]
    assert not any("uom" in each for event in counted for each in event["quantityList"])
    assert b":PCE'" in despatch(two_centres(), planned(two_centres(), "lane:near-x"))


def test_edifact_says_each_shipment_with_its_order() -> None:
    table = two_centres()
    found = planned(table, "lane:near-x", until_h=48.0)
    told = rows_of(despatch(table, found), "edifact")
    changed = [row for row in found.shipments if row.mark != "same"]
    wanted = [(row.order, row.origin, row.customer, row.leaves, row.quantity or row.quantity_before) for row in changed]
    assert sorted((r["order"], r["origin"], r["destination"], r["time"], r["quantity"]) for r in told) == sorted(wanted)
    functions = {(row["order"], msgspec.json.decode(str(row["attributes"]))["function"]) for row in told}
    assert functions == {(row.order, {"new": "9", "changed": "5", "cancelled": "1"}[row.mark]) for row in changed}


def test_edifact_orders_the_transfers() -> None:
    """The supplier's lane is closed for a day: the plant's components come later, which the supplier is told."""
    table = two_centres()
    found = planned(table, "node:s", until_h=24.0)
    changed = [row for row in found.transfers if row.mark != "same"]
    told = rows_of(orders(table, found), "edifact")
    assert len(told) == len(changed) > 0
    assert {(row["kind"], row["product"], row["origin"], row["destination"]) for row in told} <= {
        ("order.placed", row.product, row.origin, row.destination) for row in changed
    }
    assert orders(table, planned(table)) == despatch(table, planned(table)) == b""


def test_edifact_releases_service_characters_and_writes_utf8_where_it_must() -> None:
    rows = [order(1, "x", 5.0, 1.0)]
    rows = [msgspec.structs.replace(row, id="o'1+é") for row in rows]
    table = network(
        [node("d", "dc"), node("e", "dc"), node("x", "customer")],
        [lane("d-x", "d", "x", 1.0), lane("e-x", "e", "x", 2.0)],
        rows,
        {("d", "p"): 9.0, ("e", "p"): 9.0},
    )
    told = rows_of(despatch(table, planned(table, "node:d")), "edifact")
    assert {row["order"] for row in told} == {"o'1+é"}


def test_json_and_csv_hold_the_same_rows() -> None:
    found = planned(two_centres(), "lane:near-x", until_h=48.0)
    told = as_json(found)
    assert msgspec.json.decode(msgspec.json.encode(told)) == told
    assert told["answer"] == {
        "speed": "linear programme",
        "cost": found.rerouted.cost,
        "bound": found.answer.bound,
        "gap": found.answer.gap,
        "valid_until": "2026-01-07T00:00:00Z",
    }
    assert told["until"] == "2026-01-07T00:00:00Z"
    for name, kind in TABLES.items():
        read = list(csv.DictReader(io.StringIO(as_csv(getattr(found, name), kind).decode(), newline="")))
        assert [row["mark"] for row in read] == [row["mark"] for row in told[name]]
        assert list(read[0]) == list(told[name][0])


def test_the_plan_changes_no_more_than_the_closure_asks_for() -> None:
    """Customers x and y are served over lanes of their own; closing the lane to x leaves every movement for y as it was planned."""
    found = planned(two_centres(), "lane:near-x", until_h=48.0)
    assert {row.mark for row in found.shipments if row.customer == "y"} == {"same"}
