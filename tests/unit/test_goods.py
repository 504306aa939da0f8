"""Orders as trade events tell of them: due, in full, late, and the latest shipments."""

import pyarrow as pa
import pytest

from interferon.model.events import TRADE
from interferon.runtime.goods import Goods

HOUR = 3_600_000_000


def trade(*rows: dict[str, object]) -> pa.RecordBatch:
    head = {"feed": "erp", "entity": "node:dc-1", "trust": 1.0}
    cells = [{**head, "seen": row["time"], "offset": offset, **row} for offset, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(cells, schema=TRADE)


def placed(order: str, quantity: float, promised: int) -> dict[str, object]:
    head = {"time": 0, "kind": "order.placed", "order": order, "product": "p", "destination": "cust-1"}
    return {**head, "quantity": quantity, "promised": promised * HOUR}


def booked(order: str, quantity: float, hour: int) -> dict[str, object]:
    return {"time": hour * HOUR, "kind": "receipt.posted", "order": order, "product": "p", "quantity": quantity}


def late(goods: Goods, hour: int) -> tuple[int, list[str]]:
    count, orders = goods.due(hour * HOUR)
    return count, [order.order for order in orders]


def test_an_order_is_due_from_its_promise_on_and_not_late_before() -> None:
    goods = Goods()
    goods.take(trade(placed("o-1", 10, 8)))
    assert late(goods, 7) == (0, [])
    assert late(goods, 8) == (1, ["o-1"])


@pytest.mark.parametrize(("hour", "expected"), [(8, []), (9, ["o-1"])])
def test_in_full_by_the_promise_is_on_time_and_one_hour_later_is_not(hour: int, expected: list[str]) -> None:
    goods = Goods()
    goods.take(trade(placed("o-1", 10, 8), booked("o-1", 10, hour)))
    assert late(goods, 12) == (1, expected)


def test_parts_count_together_whatever_batch_they_came_in() -> None:
    goods = Goods()
    goods.take(trade(placed("o-1", 10, 8), booked("o-1", 4, 5)))
    assert late(goods, 8) == (1, ["o-1"])
    goods.take(trade(booked("o-1", 6, 7)))
    assert late(goods, 8) == (1, [])


def test_an_order_that_got_too_little_is_late() -> None:
    goods = Goods()
    goods.take(trade(placed("o-1", 10, 8), booked("o-1", 9.9, 5)))
    assert late(goods, 9) == (1, ["o-1"])


def test_the_window_of_the_network_is_added_to_the_promise() -> None:
    goods = Goods(window_us=2 * HOUR)
    goods.take(trade(placed("o-1", 10, 8), booked("o-1", 10, 10)))
    assert late(goods, 9) == (0, [])
    assert late(goods, 10) == (1, [])


def test_a_receipt_of_an_unknown_order_changes_nothing() -> None:
    goods = Goods()
    goods.take(trade(booked("o-9", 10, 1)))
    assert late(goods, 99) == (0, [])


def test_shipments_are_kept_in_order_and_the_oldest_forgotten() -> None:
    goods = Goods()
    rows: list[dict[str, object]] = [{"time": hour, "kind": "shipment.departed", "order": f"o-{hour}"} for hour in range(2100)]
    goods.take(trade(*rows[:1500]))
    goods.take(trade(*rows[1500:]))
    assert [event.order for event in (goods.shipments[0], goods.shipments[-1])] == ["o-100", "o-2099"]
    assert len(goods.shipments) == 2000
