"""Time to survive and to recover, by hand; and what the closure table says of the same."""

import msgspec
import pytest

from interferon.flow.closure import closure_table
from interferon.flow.problem import opening
from interferon.flow.stress import Stress, as_json, stress
from interferon.model.errors import InputError
from interferon.model.network import Network

from .goods import START, lane, network, node
from .test_flow import order, random_network


def rows_of(found: Network, hours: float = 24.0) -> dict[str, Stress]:
    return {row.ref: row for row in stress(found, opening(found, START), hours).rows}


def one_centre(*due: float) -> Network:
    """A centre and a customer half a day apart; one order of ten for each promise, in days. Half a day carries a thousand."""
    rows = [order(i, "x", 10.0, days) for i, days in enumerate(due)]
    return network([node("d", "dc", 2000.0), node("x", "customer")], [lane("d-x", "d", "x", 1.0, 0.5, 2000.0)], rows, {("d", "p"): 99.0})


def test_a_centre_alone_by_hand() -> None:
    """Due after three days: what leaves in the half day from 48 h on is in time, so a little less than 60 h is survived."""
    found = rows_of(one_centre(3.0))["node:d"]
    assert (found.first_late_h, found.orders_at_risk) == (72.0, 1.0)
    assert (found.orders_late, found.exposed) == (0, False)
    assert found.survive_h == 59.0
    assert found.recover_h == 24.0 + 12.0
    assert rows_of(one_centre(3.0), 60.0)["node:d"].exposed


def test_an_outage_longer_than_is_survived_is_exposed() -> None:
    found = rows_of(one_centre(1.0, 3.0, 5.0), 72.0)["node:d"]
    assert (found.first_late_h, found.orders_at_risk, found.orders_late) == (24.0, 3.0, 2)
    assert found.exposed
    assert found.survive_h is not None
    assert found.survive_h < 24.0
    assert found.cost_per_day == pytest.approx(found.cost / 3)


def test_what_carries_nothing_is_survived_for_good() -> None:
    """An ops zone without dependencies is assumed to carry a share, which ten units do not need; a second centre has another way."""
    nodes = [node("d", "dc"), node("e", "dc"), node("x", "customer")]
    lanes = [lane("d-x", "d", "x", 1.0), lane("e-x", "e", "x", 2.0)]
    found = rows_of(network(nodes, lanes, [order(1, "x", 10.0, 3.0)], {("d", "p"): 99.0, ("e", "p"): 99.0}))
    assert {ref: (row.survive_h, row.first_late_h, row.orders_at_risk, row.exposed) for ref, row in found.items()} == dict.fromkeys(
        found, (None, None, 0.0, False)
    )
    assert found["node:d"].cost > 0 == found["node:e"].cost  # the other way costs a unit more


def test_rows_are_sorted_by_what_is_lost_and_lanes_go_by_carrier() -> None:
    base = random_network(1)
    lanes = [msgspec.structs.replace(row, carrier="fast" if name[0] == "d" else "") for name, row in base.lanes.items()]
    stock = {(row.node, row.product): row.quantity for row in base.inventory}
    found = network(
        list(base.nodes.values()), lanes, list(base.orders.values()), stock,
        bom=base.bom, products=tuple(base.products.values()), dependencies=base.dependencies,
    )  # fmt: skip
    calls: list[tuple[int, int]] = []
    report = stress(found, opening(found, START), 12.0, lambda done, of: calls.append((done, of)))
    assert [row.cost for row in report.rows] == sorted((row.cost for row in report.rows), reverse=True)
    assert [(row.ref, row.orders_at_risk > 0) for row in report.rows if row.kind == "carrier"] == [("partner:fast", True)]
    assert calls == [(i, len(report.rows)) for i in range(1, len(report.rows) + 1)]
    for row in report.rows:
        assert row.exposed == (row.orders_late > 0)
        assert not row.exposed or (row.survive_h is not None and row.survive_h < 12.0)
    told = as_json(report)
    assert told["exposed"] == sum(row["exposed"] for row in told["rows"])


def test_the_closure_table_says_the_same() -> None:
    found = random_network(2)
    snapshot = opening(found, START)
    table = closure_table(found, snapshot)
    for solved, read in zip(stress(found, snapshot).rows, stress(found, snapshot, table=table).rows, strict=True):
        assert (solved.ref, solved.first_late_h, solved.cost) == (read.ref, read.first_late_h, read.cost)
        assert read.orders_at_risk == table.singles[read.ref].orders_late_high


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_an_outage_has_a_length(wrong: float) -> None:
    found = one_centre(3.0)
    with pytest.raises(InputError, match="--recover"):
        stress(found, opening(found, START), wrong)
