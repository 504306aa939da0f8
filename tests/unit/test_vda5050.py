"""VDA 5050: messages of vehicles and of their control station, versions 1.1 to 2.1, and that no bytes whatever raise."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.sense import vda5050
from interferon.sense.live import Found, Reading, Unread
from interferon.sense.record_rows import Activity

SEEN = 1_767_600_000_000_000
TIME = 1_767_600_001_250_000
ROBOT = "asset:agv-7"
HEAD = {"headerId": 1, "timestamp": "2026-01-05T08:00:01.25Z", "version": "2.0.0", "manufacturer": "KIT", "serialNumber": "0007"}
STATE: dict[str, Any] = {
    **HEAD,
    "orderId": "o-1",
    "lastNodeId": "n3",
    "lastNodeSequenceId": 4,
    "driving": True,
    "paused": False,
    "operatingMode": "AUTOMATIC",
    "agvPosition": {"x": 1.5, "y": -2, "theta": 3.1, "mapId": "hall", "positionInitialized": True},
    "velocity": {"vx": 0.5, "omega": None},
    "batteryState": {"batteryCharge": 81.5, "charging": False},
    "loads": [{"loadId": "p"}],
    "errors": [{"errorType": "noRoute", "errorLevel": "FATAL", "errorDescription": "blocked at n3"}],
    "safetyState": {"eStop": "NONE", "fieldViolation": False},
}


def said(kind: str, message: object) -> list[Found]:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return list(vda5050.read(f"uagv/v2/KIT/0007/{kind}", data, SEEN, {"KIT/0007": ROBOT}))


def commands(found: list[Found]) -> list[Activity]:
    return [row for row in found if isinstance(row, Activity) and row.kind == "ot.command"]


def test_a_state_is_signals_of_the_vehicle() -> None:
    found = [row for row in said("state", STATE) if isinstance(row, Reading)]
    assert {(row.time, row.entity) for row in found} == {(TIME, ROBOT)}
    assert {row.signal: row.value for row in found if row.text is None and row.quality == 0} == {
        "battery.charge": 81.5,
        "battery.charging": 0.0,
        "position.x": 1.5,
        "position.y": -2.0,
        "position.theta": 3.1,
        "position.initialized": 1.0,
        "velocity.x": 0.5,
        "driving": 1.0,
        "paused": 0.0,
        "node_sequence": 4.0,
        "field_violation": 0.0,
        "loads": 1.0,
        "errors": 1.0,
    }
    assert {row.signal: row.text for row in found if row.text is not None} == {
        "operating_mode": "AUTOMATIC",
        "map": "hall",
        "last_node": "n3",
        "order": "o-1",
        "e_stop": "NONE",
    }
    assert [(row.signal, row.value) for row in found if row.quality == 2] == [("velocity.omega", None)]


def test_its_errors_and_an_emergency_stop_are_messages() -> None:
    told = [
        row for row in said("state", {**STATE, "safetyState": {"eStop": "MANUAL", "fieldViolation": True}}) if isinstance(row, Activity)
    ]
    assert [(row.kind, row.object, row.code) for row in told] == [("log.message", "errors", "noRoute"), ("log.message", "safety", "MANUAL")]
    assert [isinstance(row.attributes, dict) and (row.attributes["message"], row.attributes["severity"]) for row in told] == [
        ("blocked at n3", "critical"),
        ("emergency stop MANUAL, field violation true", "critical"),
    ]


@pytest.mark.parametrize(("state", "code"), [("ONLINE", "started"), ("OFFLINE", "stopped"), ("CONNECTIONBROKEN", "stopped")])
def test_a_connection_is_the_status_of_the_vehicle(state: str, code: str) -> None:
    (row,) = said("connection", {**HEAD, "connectionState": state})
    assert isinstance(row, Activity)
    assert (row.entity, row.kind, row.code, row.attributes) == (ROBOT, "log.status", code, {"state": state})


def test_a_connection_of_another_state_is_told() -> None:
    (row,) = said("connection", {**HEAD, "connectionState": "MAYBE"})
    assert isinstance(row, Unread)
    assert "it would be ONLINE, OFFLINE, CONNECTIONBROKEN" in row.reason


def test_an_order_and_the_actions_at_its_nodes_and_edges_are_commands() -> None:
    pick = {"actionType": "pick", "actionId": "a1", "blockingType": "HARD", "actionParameters": [{"key": "height", "value": 0.4}]}
    order = {
        **HEAD,
        "orderId": "o-9",
        "orderUpdateId": 2,
        "nodes": [{"nodeId": "n1", "released": True, "actions": [pick]}, {"nodeId": "n2", "released": False, "actions": []}],
        "edges": [{"edgeId": "e1", "released": True, "actions": [{"actionType": "beep", "actionId": "a2"}]}],
    }
    found = commands(said("order", order))
    assert [(row.code, row.object, row.target) for row in found] == [
        ("order", "o-9", ROBOT),
        ("pick", "o-9", ROBOT),
        ("beep", "o-9", ROBOT),
    ]
    assert found[0].attributes == {"protocol": "vda5050", "update": 2, "nodes": ["n1", "n2"], "released": 1}
    assert found[1].attributes == {"protocol": "vda5050", "at": "n1", "action": "a1", "blocking": "HARD", "value": {"height": 0.4}}


@pytest.mark.parametrize("key", ["actions", "instantActions"])  # 2.0, 1.1
def test_instant_actions_are_commands(key: str) -> None:
    (row,) = commands(said("instantActions", {**HEAD, key: [{"actionType": "cancelOrder", "actionId": "x", "blockingType": "HARD"}]}))
    assert (row.code, row.object, isinstance(row.attributes, dict) and row.attributes["instant"]) == ("cancelOrder", None, True)


def test_a_factsheet_is_told_and_a_visualization_is_signals() -> None:
    (row,) = said("factsheet", {**HEAD, "typeSpecification": {"seriesName": "x"}})
    assert isinstance(row, Activity)
    assert (row.kind, row.code) == ("network.message", "factsheet")
    (seen,) = said("visualization", {**HEAD, "agvPosition": {"x": 2}})
    assert isinstance(seen, Reading)
    assert (seen.signal, seen.value) == ("position.x", 2.0)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b"{", b"[" * 100_000, b'{"timestamp": 5}', b'{"timestamp": "yesterday"}'])
def test_what_is_no_message_is_told(data: bytes) -> None:
    (row,) = said("state", data)
    assert isinstance(row, Unread)
    assert row.entity == ROBOT


def test_only_topics_of_its_interfaces_are_its_own() -> None:
    assert vda5050.speaks("uagv/v2/KIT/0007/state", ("uagv",))
    assert not vda5050.speaks("other/v2/KIT/0007/state", ("uagv",))
    assert not vda5050.speaks("uagv/v2/KIT/0007/telemetry", ("uagv",))
    assert not vda5050.speaks("uagv/v2/KIT/state", ("uagv",))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*STATE, "x", "actions", "nodeId"]), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(vda5050.TOPICS), st.dictionaries(st.sampled_from([*STATE, "nodes", "edges", "actions"]), JSON, max_size=8))
def test_no_message_raises(kind: str, message: dict[str, Any]) -> None:
    said(kind, message)


@given(st.sampled_from(vda5050.TOPICS), st.binary(max_size=60))
def test_no_bytes_raise(kind: str, data: bytes) -> None:
    said(kind, data)
