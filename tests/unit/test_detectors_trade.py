"""What the trade detectors tell, beyond their own examples."""

from itertools import pairwise
from typing import Any

import pytest

from interferon.detect import stream
from interferon.detect.stream_events import DAY, HOUR, Event
from interferon.detectors import trade_custody, trade_forecasts, trade_orders, trade_partners, trade_production
from interferon.model.records import Finding


def event(hour: float, kind: str, entity: str, **fields: Any) -> Event:
    return Event(int(hour * HOUR), "erp", int(hour * 3600), entity, "trade", kind, **fields)


def told(detector: Any, events: list[Event]) -> list[Finding]:
    state = stream.new_state()
    return [finding for one in events for finding in stream.observe(state, [one], [detector], one.time + 1)]


def kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def changed(hour: float, **attributes: Any) -> Event:
    base = {"field": "bank_account", "before": "DE1", "after": "DE2", "channel": "phone", "actor": "ana", "approved_by": "bo"}
    return event(hour, "partner.changed", "partner:s", partner="s", attributes=base | attributes)


def invoice(hour: float, account: str = "DE1", price: float = 10.0) -> Event:
    return event(
        hour,
        "invoice.received",
        "partner:s",
        partner="s",
        order=f"b-{hour}",
        product="p",
        quantity=5.0,
        attributes={"bank_account": account, "price": price},
    )


INVOICES = [invoice(12 * step) for step in range(20)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"approved_by": None},
        {"approved_by": "ana"},
        {"approved_by": "", "channel": "email"},
        {"field": "ship_to", "approved_by": "", "channel": "email"},
    ],
)
def test_change_by_one_pair_of_eyes(attributes: dict[str, Any]) -> None:
    (found,) = told(trade_partners, [*INVOICES, changed(241, **attributes)])
    assert found.kind.endswith("_changed")
    assert "identity:ana" in found.related
    assert "without a second person's approval" in found.summary


def test_approved_change_and_its_invoice_are_quiet() -> None:
    assert told(trade_partners, [*INVOICES, changed(241), invoice(250, "DE2")]) == []


def test_invoice_to_a_planted_account_is_the_strangest() -> None:
    planted = told(trade_partners, [*INVOICES, changed(241, approved_by="", after="XX"), invoice(250, "XX")])
    assert kinds(planted) == ["partner.money_changed", "invoice.new_account"]
    (alone,) = told(trade_partners, [*INVOICES, invoice(250, "YY")])
    assert planted[1].p < 0.01 * alone.p
    assert planted[1].related == ("order:b-250",)


def test_planted_account_is_told_even_of_a_partner_that_is_new() -> None:
    assert kinds(told(trade_partners, [changed(1, approved_by="", channel="email", after="XX")])) == ["partner.money_changed"]


def order(hour: float, quantity: float = 10.0, price: float = 5.0, number: str = "") -> Event:
    name = number or f"o-{hour}"
    return event(hour, "order.placed", "partner:c", order=name, product="p", quantity=quantity, partner="c", attributes={"price": price})


ORDERS = [order(6 * step, 10 + step % 4, 5 + step % 3 / 10) for step in range(40)]


def test_orders() -> None:
    assert kinds(told(trade_orders, [*ORDERS, order(241, 4000)])) == ["order.quantity"]
    assert kinds(told(trade_orders, [*ORDERS, order(241, price=0.1)])) == ["order.price"]
    assert kinds(told(trade_orders, [*ORDERS, order(241, number="o-0")])) == ["order.repeated"]
    assert told(trade_orders, [*ORDERS, order(241, 15, 5.25)]) == []


def test_invoice_price_far_from_the_usual() -> None:
    (found,) = told(trade_orders, [*INVOICES, invoice(241, price=900.0)])
    assert (found.kind, found.related[0]) == ("invoice.price", "order:b-241")


def shipped(hour: float, kind: str, number: int, quantity: float = 40, lane: str = "l-1", **attributes: Any) -> Event:
    attributes = {"seal": f"s-{number}"} | attributes
    return event(hour, kind, f"lane:{lane}", order=f"o-{number}", product="p", quantity=quantity, lane=lane, attributes=attributes)


SHIPMENTS = [
    one
    for number in range(120)
    for one in (shipped(2 * number, "shipment.departed", number), shipped(2 * number + 1, "shipment.arrived", number))
]


@pytest.mark.parametrize(
    ("strange", "kind"),
    [
        ([shipped(241, "shipment.arrived", 999)], "custody.broken"),
        ([shipped(241, "shipment.departed", 200), shipped(242, "shipment.arrived", 200, 90)], "custody.quantity"),
        ([shipped(241, "shipment.departed", 200, seal="s-7")], "custody.seal"),
    ],
)
def test_custody(strange: list[Event], kind: str) -> None:
    found = told(trade_custody, [*SHIPMENTS, *strange])
    assert kinds(found) == [kind]
    assert found[0].related[0].startswith("order:o-")


def test_custody_is_only_as_strict_as_the_place() -> None:
    loose = [one for place, one in enumerate(SHIPMENTS) if place % 6 != 0]  # a third of the departures are never recorded
    assert told(trade_custody, [*loose, shipped(241, "shipment.arrived", 999)]) == []


def watched(events: list[Event], lead_h: float) -> list[Finding]:
    """As a fleet sees it: the feed has spoken of other lanes since hour 0, and the tables tell the lead time."""
    state = stream.new_state(leads={"lane:l-1": int(lead_h * HOUR)})
    return [finding for one in events for finding in stream.observe(state, [one], [trade_custody], one.time + 1, {"erp": 0})]


def test_custody_holds_for_a_lane_that_was_silent_since_the_feed_began() -> None:
    (found,) = watched([shipped(100, "shipment.arrived", 1)], lead_h=30)
    assert (found.kind, found.entity) == ("custody.broken", "lane:l-1")


def test_what_may_have_left_before_we_watched_is_not_missed() -> None:
    assert watched([shipped(100, "shipment.arrived", 1)], lead_h=101) == []


def test_breaks_of_one_day_add_up() -> None:
    fakes = [shipped(241 + number, "shipment.arrived", 900 + number) for number in range(5)]
    found = [one for one in watched([*SHIPMENTS, *fakes], lead_h=2) if one.kind == "custody.broken"]
    assert len(found) == 5
    assert all(later.p < 0.2 * sooner.p for sooner, later in pairwise(found))


def test_a_lane_that_brings_something_every_hour_though_it_never_did() -> None:
    fakes = [shipped(60 + number, "shipment.arrived", 900 + number) for number in range(20)]
    found = watched(fakes, lead_h=700)
    assert {one.kind for one in found} == {"custody.rush"}
    assert found[0].time >= 68 * HOUR  # the usual few a day are no rush
    assert found[-1].p < 1e-5
    busy = [shipped(number, "shipment.arrived", number) for number in range(200)]  # this one always did
    assert [one for one in watched(busy, lead_h=700) if one.kind == "custody.rush" and one.time > 60 * HOUR] == []
    at_once = [shipped(60 + number / 100, "shipment.arrived", 900 + number) for number in range(30)]  # one ship with many loads
    assert watched(at_once, lead_h=700) == []


def forecast(hour: float, product: int, quantity: float, source: str = "plan") -> Event:
    return event(hour, "forecast.published", "feed:demand", product=f"p-{product}", quantity=quantity, attributes={"source": source})


FORECASTS = [
    forecast(24 * day + product / 10, product, 100 * (product + 1) + (day * 7 + product) % 11) for day in range(20) for product in range(8)
]


def test_forecasts() -> None:
    assert kinds(told(trade_forecasts, [*FORECASTS, forecast(481, 2, 3000)])) == ["forecast.outlier"]
    assert kinds(told(trade_forecasts, [*FORECASTS, forecast(481, 2, 305, "stranger")])) == ["forecast.source"]
    poisoned = [forecast(481 + product / 10, product, 160 * (product + 1)) for product in range(8)]
    assert "forecast.shift" in kinds(told(trade_forecasts, [*FORECASTS, *poisoned]))
    usual = [forecast(481 + product / 10, product, 103 * (product + 1)) for product in range(8)]
    assert told(trade_forecasts, [*FORECASTS, *usual]) == []


def made(hour: float, quantity: float = 50.0) -> Event:
    return event(hour, "production.reported", "node:plant", product="p", quantity=quantity, origin="plant")


def test_production_that_stops_or_sinks() -> None:
    habit = [made(hour, 50 + hour % 5) for hour in range(96)]
    state = stream.new_state()
    for one in habit:
        stream.observe(state, [one], [trade_production], one.time)
    assert stream.observe(state, [], [trade_production], 97 * HOUR) == []
    (found,) = stream.observe(state, [], [trade_production], 4 * DAY + 6 * HOUR)
    assert (found.kind, found.entity) == ("production.stopped", "node:plant")
    assert kinds(told(trade_production, [*habit, made(96, 2)])) == ["production.low"]
    assert told(trade_production, [*habit, made(96, 49)]) == []
