"""What the detectors of beacons, templates, data, agents, lineage, lead times and repeats tell, beyond their own examples."""

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from interferon.detect import stream, stream_drift, stream_peers, stream_risk, stream_templates, watch
from interferon.detect.settings import LIVE
from interferon.detect.stream_events import DAY, HOUR, Event
from interferon.detectors import (
    activity_agents,
    activity_beacons,
    activity_commands,
    activity_conversations,
    activity_data,
    activity_lineage,
    activity_templates,
    trade_duplicates,
    trade_leadtimes,
    trade_orders,
)
from interferon.model.events import ACTIVITY
from interferon.model.records import Finding
from interferon.store import checkpoint, examples


def event(hour: float, kind: str, entity: str = "asset:a", family: str = "activity", **fields: Any) -> Event:
    return Event(int(hour * HOUR), "f", int(hour * 3600), entity, family, kind, **fields)


def told(detector: Any, events: list[Event], **known: Any) -> list[Finding]:
    state = stream.new_state(**known)
    return [finding for one in events for finding in stream.observe(state, [one], [detector], one.time + 1)]


def kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def call(hour: float, target: str) -> Event:
    return event(hour, "network.flow", source="asset:a", target=target, object="https/443")


def background(days: int) -> list[Event]:
    draw, now, events = random.Random(4), 0.0, []
    while now < days * 24:
        events.append(call(now, "asset:erp"))
        now += draw.expovariate(2.0)
    return events


def beacons(minutes: float, jitter: float, missed: float, turns: int = 60) -> list[Event]:
    draw = random.Random(5)
    kept = [turn for turn in range(turns) if draw.random() >= missed]
    return [call(24 * 5 + (turn + draw.uniform(-jitter, 0) / 2) * minutes / 60, "203.0.113.7") for turn in kept]


@pytest.mark.parametrize(("minutes", "jitter", "missed"), [(1, 0.0, 0.0), (5, 0.3, 0.0), (60, 0.2, 0.08)])
def test_a_clock_is_found_through_jitter_and_missed_beats(minutes: float, jitter: float, missed: float) -> None:
    found = told(activity_beacons, [*background(5), *beacons(minutes, jitter, missed)])
    assert set(kinds(found)) == {"beacon.started"}
    assert found[0].related[0] == "203.0.113.7"
    assert "by a clock" in found[0].summary


def test_a_clock_that_was_always_there_is_life() -> None:
    polls = [call(turn / 12, "203.0.113.7") for turn in range(12 * 24 * 6)]
    assert told(activity_beacons, polls) == []


@pytest.mark.parametrize("mean", [0.05, 0.5, 2.0, 10.0])
def test_busy_conversations_have_no_clock(mean: float) -> None:
    draw, now, busy = random.Random(8), 24.0 * 5, []
    for _ in range(1500):
        now += draw.expovariate(3600 / mean)
        busy.append(call(now, "203.0.113.9"))
    assert told(activity_beacons, [*background(5), *busy]) == []


def test_beat_needs_enough_and_regular_intervals() -> None:
    assert activity_beacons.beat([0, 10, 20]) == (0.0, 0, 1.0)
    period, hits, chance = activity_beacons.beat([60_000_000 * turn for turn in range(25)])
    assert (period, hits) == (60_000_000.0, 24)
    assert chance < 1e-9


def say(hour: float, message: str, severity: str = "info", channel: str = "app") -> Event:
    return event(hour, "log.message", object=channel, attributes={"message": message, "severity": severity})


TALK = [
    say(turn / 4 + place / 100, text.format(turn))
    for turn in range(4 * 24 * 20)
    for place, text in enumerate(("job {} begun", "job {} ended"))
]


def test_variable_words_are_one_template() -> None:
    mined = stream_templates.Templates()
    lines = ["user anna logged in from 10.0.0.4", "user ben logged in from 10.0.0.9", "user carla logged in from fe80::1"]
    numbers = {stream_templates.take(mined, stream_templates.words_of(line)) for line in lines}
    assert len(numbers) == 1
    assert mined.words[numbers.pop()] == ["user", "<*>", "logged", "in", "from", "<*>"]
    assert stream_templates.match(mined, stream_templates.words_of("disk sda1 failed after 9 tries now")) is None


def test_templates_are_bounded_by_hostile_text() -> None:
    mined, draw = stream_templates.Templates(), random.Random(2)
    for _ in range(3000):
        text = " ".join("".join(draw.choices("abcdefgh", k=6)) for _ in range(draw.randrange(1, 60)))
        stream_templates.take(mined, stream_templates.words_of(text))
    assert len(mined.words) <= stream_templates.TEMPLATES
    assert sum(map(len, mined.leaves.values())) == len(mined.words)
    assert all(len(words) <= stream_templates.WORDS for words in mined.words.values())


def test_a_grave_new_message_is_told_in_one_clean_line() -> None:
    (found,) = told(activity_templates, [*TALK, say(24 * 20, "kernel panic:\n\x1b[31munauthorized\x00 write " + "x" * 500, "crit")])
    assert found.kind == "message.first_seen"
    assert found.summary.isprintable()
    assert len(found.summary) < 200


def test_a_storm_of_one_message_is_told() -> None:
    storm = [say(24 * 20 + turn / 3600, f"job {turn} begun") for turn in range(400)]
    assert "message.rate" in kinds(told(activity_templates, [*TALK, *storm]))


def test_known_messages_in_new_orders_are_told() -> None:
    names = ("open", "read", "write", "sync", "close", "idle")
    days = [say(turn / 2 + place / 100, f"{name} {name}ing session") for turn in range(2 * 24 * 20) for place, name in enumerate(names)]
    turned = [say(24 * 20 + turn / 60, f"{name} {name}ing session") for turn, name in enumerate(reversed(names))]
    assert "message.order" in kinds(told(activity_templates, [*days, *turned]))


@pytest.mark.parametrize(
    ("path", "place"), [("/recipes/2026/a.xml", "recipes/2026"), (r"\\fs\hr\pay.csv", "fs/hr"), ("orders", "orders"), ("", "")]
)
def test_places_of_paths(path: str, place: str) -> None:
    assert activity_data.place_of(path) == place


def test_a_spree_through_folders_is_told_together() -> None:
    days = [event(hour, "file.access", actor="svc", object="/orders/a/1.csv", code="read") for hour in range(24 * 10)]
    spree = [event(240 + turn / 60, "file.access", actor="eve", object=f"/secret-{turn}/b/1.csv", code="read") for turn in range(8)]
    assert {"data.first_read", "data.spree"} <= set(kinds(told(activity_data, [*days, *spree])))


def tool(hour: float, name: str, **fields: Any) -> Event:
    attributes = {"tokens": 1000 + int(hour) % 7, "model": "m-1"} | fields.pop("attributes", {})
    return event(hour, "api.call", actor="svc.agent", object=name, code="GET", attributes=attributes, **{"outcome": "success"} | fields)


WORK = [tool(turn / 4, ("read", "plan", "write")[turn % 3]) for turn in range(4 * 24 * 8)]
AT = 24 * 8.0


@pytest.mark.parametrize(
    ("strange", "kind"),
    [
        ([tool(AT, "read", attributes={"tokens": 90_000})], "agent.tokens"),
        ([tool(AT + turn / 60, "read", outcome="failure") for turn in range(9)], "agent.refused"),
        (
            [tool(AT + turn / 60, name) for turn, name in enumerate(("write", "read", "write", "plan", "read", "read", "plan", "plan"))],
            "agent.sequence",
        ),
        ([tool(AT, "read", attributes={"model": "other"})], "agent.model"),
    ],
)
def test_agents_that_leave_their_habits(strange: list[Event], kind: str) -> None:
    found = told(activity_agents, [*WORK, *strange], peers={"asset:a": "agent"})
    assert kind in kinds(found)
    assert found[0].summary.startswith("svc.agent ")


def test_calls_of_others_are_not_an_agents() -> None:
    calls = [event(hour, "api.call", actor="svc.erp", object=f"tool-{hour % 40}", outcome="failure") for hour in range(24 * 8)]
    assert told(activity_agents, calls) == []


def test_a_new_line_of_descent_from_known_generations() -> None:
    def start(parent: str) -> Event:
        attributes = {"parent": "helper.exe", "pid": "x", "ppid": parent}
        return event(24 * 8, "process.start", "asset:web-1", object="cmd.exe", attributes=attributes)

    assert told(activity_lineage, [*activity_lineage.QUIET, start("191b")]) == []  # under a report: new, but not told
    (found,) = told(activity_lineage, [*activity_lineage.QUIET, start("190b")])  # under the web server
    assert found.kind == "process.lineage"
    assert "w3wp → helper → cmd" in found.summary


def load(number: int, left: float, took: float | None) -> list[Event]:
    fields: dict[str, Any] = {"order": f"o-{number}", "product": "p", "quantity": 5.0, "partner": "carrier-1", "lane": "l"}
    events = [event(left, "shipment.departed", "lane:l", "trade", **fields)]
    return events + ([event(left + took, "shipment.arrived", "lane:l", "trade", **fields)] if took is not None else [])


def way(parts: list[list[Event]]) -> list[Event]:
    return sorted((one for part in parts for one in part), key=lambda one: one.time)


USUAL = [load(number, 6.0 * number, 10.0 + number * 7 % 5) for number in range(60)]


def test_loads_that_never_come_are_told_with_their_carrier() -> None:
    state = stream.new_state()
    for one in way([*USUAL, load(900, 361, None), load(901, 362, None)]):
        assert stream.observe(state, [one], [trade_leadtimes], one.time + 1) == []
    found = stream.observe(state, [], [trade_leadtimes], int(361 * HOUR + 4 * DAY))
    assert kinds(found) == ["transit.overdue"]
    assert found[0].related[:2] == ("partner:carrier-1", "order:o-900")
    assert found[0].summary.startswith("o-900 and 1 others left on l ")


def test_a_lane_whose_arrivals_nobody_tells_is_silent() -> None:
    state = stream.new_state()
    for one in way([load(number, 6.0 * number, 10.0 if number % 3 == 0 else None) for number in range(200)]):
        stream.observe(state, [one], [trade_leadtimes], one.time + 1)
    assert stream.observe(state, [], [trade_leadtimes], int(1300 * HOUR)) == []


@pytest.mark.parametrize(("more", "way_"), [(2.5, "later"), (-2.5, "earlier")])
def test_lead_times_that_creep(more: float, way_: str) -> None:
    creeping = [load(100 + number, 360 + 6.0 * number, 10.0 + more + number * 7 % 5) for number in range(40)]
    found = told(trade_leadtimes, way([*USUAL, *creeping]))
    assert kinds(found)[0] == "transit.drift"
    assert f"arrive {way_} and {way_}" in found[0].summary


def test_a_drift_stops_being_one_when_it_stays() -> None:
    drift, draw = stream_drift.Drift(), random.Random(3)
    for turn in range(1500):
        stream_drift.learn_drift(drift, draw.gauss(10 if turn < 300 else 14, 1))
    assert max(drift.up, drift.down) < stream_drift.DOUBT + 2
    assert stream_drift.tail_of_drift(0.0, 5.0) == 1.0


def test_the_same_arrival_twice_is_told_and_two_parts_are_not() -> None:
    both = way([load(number, 6.0 * number, 3.0) for number in range(100)])
    again = [event(500, "shipment.arrived", "lane:l", "trade", order="o-80", product="p", quantity=5.0)]
    assert kinds(told(trade_duplicates, [*both, *again])) == ["transit.repeated"]
    parts = [one for number in range(60) for one in (*load(number, 8.0 * number, 3.0), *load(number, 8.0 * number + 1, 3.0))]
    assert told(trade_duplicates, way([parts])) == []


def buy(hour: float, quantity: float, destination: str = "dc") -> Event:
    fields: dict[str, Any] = {"order": f"o-{hour:g}", "product": "p", "quantity": quantity, "partner": "c", "destination": destination}
    return event(hour, "order.placed", "partner:c", "trade", **fields)


def test_an_order_to_a_new_address_and_quantities_that_creep() -> None:
    draw = random.Random(6)
    usual = [buy(6.0 * number, draw.gauss(100, 10)) for number in range(120)]
    assert kinds(told(trade_orders, [*usual, buy(721, 100, "garage")])) == ["order.address"]
    assert "order.drift" in kinds(told(trade_orders, [*usual, *(buy(721 + 6 * number, draw.gauss(113, 8)) for number in range(50))]))


@pytest.mark.parametrize(
    ("block", "parsed"),
    [
        ("holding:100-110", ("holding:", 100, 110)),
        ("hr:40", ("hr:", 40, 40)),
        ("DB5.DBW10", ("DB5.DBW", 10, 10)),
        ("mode", None),
        ("", None),
    ],
)
def test_register_ranges(block: str, parsed: Any) -> None:
    assert activity_commands.registers(block) == parsed


def test_a_register_outside_the_range_is_stranger_than_one_inside() -> None:
    def write(hour: float, register: int) -> Event:
        return event(
            hour, "ot.command", "asset:plc", source="asset:hmi", target="asset:plc", code="write_register", object=f"holding:{register}"
        )

    usual = [write(hour, 100 + 2 * (hour % 6)) for hour in range(24 * 6)]
    assert told(activity_commands, [*usual, write(24 * 6, 105)]) == []
    (found,) = told(activity_commands, [*usual, write(24 * 6, 4711)])
    assert found.summary.endswith("; only holding:100-110 was in use")


def test_what_peers_do_is_less_strange_and_needs_days() -> None:
    peers = {f"asset:h{number}": "console" for number in range(9)} | {"asset:p": "ot"}
    habits = stream_peers.Habits()

    def talk(hour: float, host: int) -> Event:
        entity = f"asset:h{host}"
        return event(hour, "network.flow", entity, source=entity, target="asset:p", object="opcua/4840")

    stream_peers.take(habits, [talk(1, host) for host in range(8)], [activity_conversations], peers)
    habit = activity_conversations.habits(talk(1, 0), peers)[0]
    assert stream_peers.peers_with(habits, activity_conversations.NAME, "console", habit, "asset:h8") == (0, 8)
    stream_peers.take(habits, [talk(30, host) for host in range(8)], [activity_conversations], peers)
    assert stream_peers.peers_with(habits, activity_conversations.NAME, "console", habit, "asset:h8") == (8, 8)
    assert stream_peers.peers_with(habits, activity_conversations.NAME, "console", habit, "asset:h0") == (7, 7)

    state = stream.new_state(peers=peers)
    for hour in range(72):
        known = event(hour, "network.flow", "asset:h8", source="asset:h8", target="asset:erp", object="https/443")
        stream.observe(state, [known], [activity_conversations], known.time + 1)
    late = talk(73, 8)
    assert stream.observe(state, [late], [activity_conversations], late.time + 1, habits=habits) == []
    again = talk(96, 8)
    alone = stream.new_state(peers=peers)
    for hour in range(72):
        known = event(hour, "network.flow", "asset:h8", source="asset:h8", target="asset:erp", object="https/443")
        stream.observe(alone, [known], [activity_conversations], known.time + 1)
    assert kinds(stream.observe(alone, [again], [activity_conversations], again.time + 1)) == ["conversation.first_seen"]


def test_habits_are_bounded() -> None:
    habits = stream_peers.Habits()
    rows = [
        event(turn / 100, "network.flow", source="asset:a", target=f"203.0.113.{turn}.example.org", object=f"tcp/{turn}")
        for turn in range(20_000)
    ]
    stream_peers.take(habits, rows, [activity_conversations], {})
    assert len(habits.holders) == stream_peers.HABITS


def test_the_tail_of_a_ratio_is_the_sum_over_all_patterns_as_strong() -> None:
    def trait(name: str, shown: bool, usual: float) -> stream_risk.Trait:
        return stream_risk.Trait(name, shown, usual, usual, 0.5)

    both = [trait("a", True, 0.1), trait("b", True, 0.2)]
    one = [trait("a", True, 0.1), trait("b", False, 0.2)]
    none = [trait("a", False, 0.1), trait("b", False, 0.2)]
    assert stream_risk.tail_of_ratio(both) == pytest.approx(0.02)
    assert stream_risk.tail_of_ratio(one) == pytest.approx(0.1)
    assert stream_risk.tail_of_ratio(none) == pytest.approx(1.0)
    assert stream_risk.ratio_parts(one).keys() == {"a"}


def sightings(shards: int) -> tuple[list[Finding], stream_peers.Habits]:
    """A week of the example's servers, an hour a frame, over so many shards; on the sixth day one takes up what its peers do."""
    network = examples.build("minimal")
    hosts = [f"asset:{name}" for name in list(network.assets)[:8]]
    portfolios = watch.Portfolios((), [activity_conversations])
    state = watch.new_watch(network, LIVE, portfolios, shards=shards, learn_us=DAY)
    found: list[Finding] = []
    for hour in range(24 * 6):
        made = [("203.0.113.5", host) for host in hosts[1:]] + [("203.0.113.9" if hour == 130 else "10.0.0.9", hosts[0])]
        made += [("203.0.113.5", hosts[0])] if hour > 130 else []
        rows: list[dict[str, Any]] = [
            {"time": hour * HOUR + n, "seen": hour * HOUR + n, "feed": "f", "offset": hour * 100 + n, "entity": host, "trust": 1.0,
             "kind": "network.flow", "source": host, "target": target, "object": "ssh/22"}
            for n, (target, host) in enumerate(made)
        ]  # fmt: skip
        batch = pa.RecordBatch.from_pylist(rows, schema=ACTIVITY)
        frame = (hour * HOUR, (hour + 1) * HOUR, np.zeros(0, dtype=np.int64), np.zeros((0, watch.WIDTH)))
        found += watch.observe(state, portfolios, [], [], frame, [batch]).findings
    return sorted(found, key=lambda finding: (finding.time, finding.id)), state.habits


def test_habits_of_peers_do_not_depend_on_the_shards() -> None:
    whole, habits = sightings(1)
    assert {finding.related[0] for finding in whole} >= {"203.0.113.9"}
    for shards in (2, 4):
        assert sightings(shards) == (whole, habits)
    assert checkpoint.load(checkpoint.dump(habits)) == habits
