"""Detection on events: rows from batches, learning, alert once, declared changes, shards, and few alarms over ordinary life."""

import copy
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon import plugins
from interferon.detect import stream
from interferon.detect.stream_declared import announcement, explains
from interferon.detect.stream_events import DAY, HOUR, Event, as_number, is_external, name_of
from interferon.detect.stream_memory import (
    ADOPT_DAYS,
    LIMIT,
    Level,
    Novelty,
    Tally,
    add,
    is_new,
    learn_key,
    learn_level,
    tail_of_count,
    tail_of_hour,
    tail_of_level,
)
from interferon.detect.stream_protocol import shares
from interferon.detectors import activity_conversations, activity_logs
from interferon.model.events import ACTIVITY
from interferon.model.network import Asset, Network, Settings, Zone
from interferon.model.records import Finding
from interferon.store import checkpoint

DETECTORS: list[Any] = [module for module in plugins.modules("detectors").values() if hasattr(module, "KINDS")]


def flow(hour: float, entity: str, target: str, service: str = "https/443", size: int = 900) -> Event:
    head = (
        int(hour * HOUR),
        "flows",
        int(hour * 3600),
        f"asset:{entity}",
        "activity",
        "network.flow",
        f"asset:{entity}",
        f"asset:{target}",
    )
    return Event(*head, object=service, bytes=size)


def order(hour: float, **changes: Any) -> Event:
    attributes = {"ticket": "W-1", "approved_by": "eva", "until": int((hour + 4) * HOUR)} | changes.pop("attributes", {})
    head = (int(hour * HOUR), "cmms", int(hour * 3600), "asset:wms-1", "activity", "work.order")
    return Event(
        *head,
        target="asset:wms-1",
        actor="otto",
        object=changes.pop("work", "maintenance"),
        code=changes.pop("code", "opened"),
        attributes=attributes,
    )


def played(events: list[Event], detectors: Any = (activity_conversations,), state: stream.StreamState | None = None) -> list[Finding]:
    state = state or stream.new_state()
    return [finding for event in events for finding in stream.observe(state, [event], detectors, event.time + 1)]


HABIT = [flow(hour, "wms-1", "erp-1") for hour in range(72)]
LOUD = flow(72.5, "wms-1", "plc-2", "smb/445")


def test_rows_from_batch_decodes_nulls_dictionaries_and_attributes() -> None:
    rows = [
        {"time": 5, "seen": 6, "feed": "f", "offset": 1, "entity": "asset:a", "trust": 1.0, "kind": "network.flow", "source": "asset:a",
         "target": None, "bytes": 10, "attributes": '{"packets": 3, "country": null}'},
        {"time": 7, "seen": 7, "feed": "f", "offset": 2, "entity": "asset:b", "trust": 1.0, "kind": "ot.command", "attributes": "[1]"},
    ]  # fmt: skip
    first, second = stream.rows_from_batch(pa.RecordBatch.from_pylist(rows, schema=ACTIVITY))
    assert (first.id, first.entity, first.target, first.bytes, first.number("packets"), first.text("country")) == (
        "f@1",
        "asset:a",
        "",
        10,
        3.0,
        "",
    )
    assert (second.kind, second.family, second.attributes, second.quantity) == ("ot.command", "activity", {}, None)


@pytest.mark.parametrize(
    ("ref", "outside"),
    [
        ("asset:plc-1", False),
        ("10.1.2.3", False),
        ("203.0.113.9", True),
        ("external:evil", True),
        ("files.example.org", True),
        ("", False),
        ("fe80::1", False),
        ("2001:4860::1", True),
    ],
)
def test_is_external(ref: str, outside: bool) -> None:
    assert is_external(ref) is outside


def test_names_and_numbers() -> None:
    assert (name_of("asset:plc-1"), name_of("203.0.113.9"), name_of("2001:db8::1")) == ("plc-1", "203.0.113.9", "2001:db8::1")
    assert (as_number("4.5"), as_number("x"), as_number(True), as_number("nan"), as_number([1])) == (4.5, None, None, None, None)


def test_first_seen_is_told_once_with_who_and_what() -> None:
    found = played([*HABIT, LOUD, flow(72.6, "wms-1", "plc-2", "smb/445")])
    assert [finding.kind for finding in found] == ["conversation.first_seen"]
    assert found[0].summary == "wms-1 opened smb/445 to plc-2 for the first time in 3 days"
    assert (found[0].related, found[0].evidence, found[0].p < 1e-3) == (("asset:plc-2",), (LOUD.id,), True)


def test_alarm_rearms_after_quiet() -> None:
    again = flow(80, "wms-1", "plc-2", "smb/445")
    assert len(played([*HABIT, LOUD, again])) == 2


def test_learning_is_silent_and_visible() -> None:
    state = stream.new_state()
    assert played([*HABIT[:12], flow(12, "wms-1", "plc-2", "smb/445")], state=state) == []
    assert stream.learning(state, 12 * HOUR) == {"asset:wms-1": 0.5}
    assert stream.learning(state, 30 * HOUR) == {}


def test_cleared_log_is_told_even_while_learning() -> None:
    cleared = Event(1, "syslog", 1, "asset:srv", "activity", "log.status", actor="identity:x", code="cleared")
    assert [finding.kind for finding in played([cleared], [activity_logs])] == ["log.cleared"]


def test_silence_is_told_by_the_frame_alone() -> None:
    state = stream.new_state()
    beats = [Event(step * HOUR // 4, "syslog", step, "asset:srv", "activity", "log.status", code="heartbeat") for step in range(200)]
    assert played(beats, [activity_logs], state) == []
    assert stream.observe(state, [], [activity_logs], beats[-1].time + HOUR // 2) == []
    found = stream.observe(state, [], [activity_logs], beats[-1].time + 5 * HOUR)
    assert [(finding.kind, finding.evidence) for finding in found] == [("log.silent", ())]
    assert stream.observe(state, [], [activity_logs], beats[-1].time + 6 * HOUR) == []


def test_work_order_declares_but_does_not_hide() -> None:
    found = played([*HABIT, order(72.2), LOUD])
    assert [finding.declared for finding in found] == ["W-1"]


@pytest.mark.parametrize(
    "opened",
    [
        order(60.0),  # over before
        order(72.2, attributes={"approved_by": ""}),
        order(72.2, attributes={"approved_by": "otto"}),  # approved by its planner
        order(72.2, work="calibration"),  # another kind of work
    ],
)
def test_order_that_does_not_count(opened: Event) -> None:
    assert [finding.declared for finding in played([*HABIT, opened, LOUD])] == [""]


def test_closed_order_ends() -> None:
    assert [finding.declared for finding in played([*HABIT, order(70), order(71, code="closed"), LOUD])] == [""]


def test_declare_marks_findings_of_other_stages() -> None:
    state = stream.new_state()
    found = played([*HABIT, LOUD])[0]
    played([order(72.2)], state=state)
    assert stream.declare(state, found).declared == "W-1"
    assert announcement(order(72.2))["approver"] == "eva"


def test_no_work_explains_moved_money() -> None:
    assert explains("maintenance", "telemetry.pattern")
    assert not explains("maintenance", "partner.money_changed")
    assert not explains("pen_test", "command.new_source")


def mixed(seed: int, entities: int, days: int) -> list[Event]:
    """Ordinary life of small servers: a few habits each, and now and then, about twice a month, a new one."""
    draw = random.Random(seed)
    events = []
    for number in range(entities):
        name = f"srv-{number}"
        peers = [f"peer-{draw.randrange(entities)}" for _ in range(4)]
        for hour in range(24 * days):
            if draw.random() < 1 / (15 * 24):
                peers.append(f"peer-{draw.randrange(10**6)}")
            place = hour + draw.random()
            events.append(flow(place, name, draw.choice(peers), size=int(draw.lognormvariate(9, 0.8))))
            if hour % 24 in (7, 12):
                who = f"identity:user-{number}-{draw.randrange(3)}"
                attributes = {"country": "DE", "device": f"d-{draw.randrange(3)}", "method": "password"}
                events.append(
                    Event(
                        int(place * HOUR) + 5,
                        "idp",
                        int(place * 3600),
                        f"asset:{name}",
                        "activity",
                        "auth.login",
                        who,
                        f"asset:{name}",
                        who,
                        outcome="success",
                        attributes=attributes,
                    )
                )
    return sorted(events, key=lambda event: (event.time // HOUR, event.entity, event.time, event.feed, event.offset))


def framed(events: list[Event], shard: int = 0, shards: int = 1, state: stream.StreamState | None = None, start: int = 0) -> list[Finding]:
    state = state or stream.new_state()
    mine = [event for event in events if hash_of(event.entity) % shards == shard]
    found: list[Finding] = []
    for hour in range(start, max(event.time for event in events) // HOUR + 1):
        rows = [event for event in mine if event.time // HOUR == hour]
        found += stream.observe(state, rows, DETECTORS, (hour + 1) * HOUR)
    return sorted(found, key=lambda finding: (finding.time, finding.entity, finding.detector, finding.kind, finding.id))


def hash_of(entity: str) -> int:
    return sum(entity.encode())


def test_shards_and_restarts_change_nothing() -> None:
    events = [*mixed(3, 6, 4), flow(95.2, "srv-2", "plc-9", "modbus/502"), flow(95.3, "srv-3", "plc-9", "smb/445")]
    events.sort(key=lambda event: (event.time // HOUR, event.entity, event.time, event.feed, event.offset))
    whole = framed(events)
    assert len(whole) >= 2
    for shards in (2, 4):
        parts = [finding for shard in range(shards) for finding in framed(events, shard, shards)]
        assert sorted(parts, key=lambda finding: (finding.time, finding.entity, finding.detector, finding.kind, finding.id)) == whole
    state = stream.new_state()
    early = framed([event for event in events if event.time < 60 * HOUR], state=state)
    resumed = checkpoint.load(checkpoint.dump(state))
    assert resumed == state
    assert early + framed([event for event in events if event.time >= 60 * HOUR], state=resumed, start=60) == whole


def test_ordinary_life_gives_few_findings_and_hardly_a_confident_one() -> None:
    found = framed(mixed(11, 20, 10))
    entity_days = 20 * 9
    assert len(found) <= 0.05 * entity_days
    assert sum(finding.p < 1e-4 for finding in found) <= 1


@given(st.floats(0, 50), st.floats(0.01, 400), st.integers(1, 20))
def test_count_tail_falls_with_the_count_and_rises_with_the_past(seen: float, days: float, count: int) -> None:
    p = tail_of_count(count, 0.05, seen, days)
    assert 0 < p <= 1
    assert tail_of_count(count + 1, 0.05, seen, days) <= p
    assert tail_of_count(count, 0.05, seen + 1, days) >= p


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40), st.floats(0, 1e9), st.floats(1, 1e6))
def test_level_tail_falls_with_the_value(values: list[float], value: float, more: float) -> None:
    level = Level()
    for one in values:
        learn_level(level, one)
    assert 0 < tail_of_level(level, value + more) <= tail_of_level(level, value) <= 1


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6), min_size=1))
def test_shares_sum_to_one(parts: dict[str, float]) -> None:
    assert abs(sum(share for _, share in shares(parts)) - 1) < 1e-9


def test_level_is_calibrated_on_lognormal_values() -> None:
    draw = random.Random(5)
    level = Level()
    for _ in range(200):
        learn_level(level, draw.lognormvariate(8, 1))
    tails = [tail_of_level(level, draw.lognormvariate(8, 1)) for _ in range(4000)]
    assert 0.005 < sum(p < 0.01 for p in tails) / 4000 < 0.02


def test_strange_key_is_adopted_after_days_of_use() -> None:
    memory = Novelty()
    for day in range(ADOPT_DAYS):
        assert is_new(memory, ("x",))
        learn_key(memory, ("x",), day * DAY, strange=day == 0)
    assert not is_new(memory, ("x",))


def test_novelty_is_bounded_and_forgets_the_longest_unused() -> None:
    memory = Novelty()
    for number in range(LIMIT + 10):
        learn_key(memory, (str(number),), number, strange=False)
        learn_key(memory, ("0",), number, strange=False)
    assert len(memory.known) == LIMIT
    assert not is_new(memory, ("0",))
    assert is_new(memory, ("1",))


def test_hour_tally_leaves_out_tainted_hours() -> None:
    tally = Tally()
    for hour in range(30):
        add(tally, hour * HOUR, 100.0)
    add(tally, 30 * HOUR, 1e9, strange=True)
    add(tally, 31 * HOUR, 100.0)
    assert tally.level.high == 100.0
    assert tail_of_hour(tally, 31 * HOUR, 1e6) < 1e-4 < tail_of_hour(tally, 31 * HOUR, 20.0)


def test_state_is_untouched_by_a_copy() -> None:
    state = stream.new_state()
    played(HABIT, DETECTORS, state)
    twin = copy.deepcopy(state)
    played([LOUD], DETECTORS, twin)
    assert state != twin


def test_peers_follow_the_type_and_then_the_level() -> None:
    zones = {name: Zone(id=name, site="s", purdue=level, criticality=3) for name, level in (("cell", 1.0), ("office", 4.0))}
    rows = [
        ("plc-1", "cell", "plc"),
        ("hmi-1", "cell", "hmi"),
        ("pump-1", "cell", "pump"),
        ("erp-1", "office", "erp"),
        ("bot", "office", "ai_agent"),
    ]
    assets = {name: Asset(id=name, zone=zone, type=kind) for name, zone, kind in rows}
    empty: dict[str, Any] = {name: {} for name in ("sites", "conduits", "partners", "nodes", "lanes", "products", "orders", "people")}
    network = Network(settings=Settings(name="t"), revision=1, zones=zones, assets=assets, **empty)
    assert list(stream.peers_of(network).values()) == ["ot", "console", "ot", "server", "agent"]
