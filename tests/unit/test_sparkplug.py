"""Sparkplug B: payloads built by hand as the standard's protobuf, births and deaths, gaps, and that no bytes whatever raise."""

import json
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.sense import protobuf, sparkplug, sparkplug_payload
from interferon.sense.live import Found, Reading, Unread
from interferon.sense.record_rows import Activity

SEEN = 1_767_600_000_000_000
MS = 1_767_600_000_000


def varint(value: int) -> bytes:
    found = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def number(at: int, value: int) -> bytes:
    return varint(at << 3) + varint(value)


def block(at: int, data: bytes) -> bytes:
    return varint(at << 3 | 2) + varint(len(data)) + data


def metric(name: str = "", value: bytes = b"", *, alias: int | None = None, kind: int = 0, at: int = 0, more: bytes = b"") -> bytes:
    head = block(1, name.encode()) if name else b""
    head += number(2, alias) if alias is not None else b""
    head += number(3, at) if at else b""
    return block(2, head + (number(4, kind) if kind else b"") + more + value)


def double(value: float) -> bytes:
    return varint(13 << 3 | 1) + struct.pack("<d", value)


def single(value: float) -> bytes:
    return varint(12 << 3 | 5) + struct.pack("<f", value)


def payload(*metrics: bytes, seq: int | None = 0, at: int = MS) -> bytes:
    return number(1, at) + b"".join(metrics) + (number(3, seq) if seq is not None else b"")


def said(topic: str, data: bytes, state: sparkplug.State | None = None, entities: dict[str, str] | None = None) -> list[Found]:
    return list(sparkplug.read(topic, data, {} if state is None else state, SEEN, entities or {}))


def readings(found: Iterable[Found]) -> list[Reading]:
    return [row for row in found if isinstance(row, Reading)]


def activities(found: Iterable[Found]) -> list[Activity]:
    return [row for row in found if isinstance(row, Activity)]


def value_of(data: bytes, kind: int) -> Any:
    (found,) = sparkplug_payload.read(payload(metric("m", data, kind=kind))).metrics
    return found.value


@pytest.mark.parametrize(
    ("data", "kind", "value"),
    [
        (number(10, 5), 3, 5),
        (number(10, (1 << 32) - 5), 3, -5),  # Int32 in an unsigned field, as 6.4.16 says
        (number(10, 0xFB), 1, -5),
        (number(10, (1 << 32) - 5), 1, -5),  # an Int8 that was widened with its sign
        (number(11, (1 << 64) - 5), 4, -5),
        (number(11, (1 << 64) - 5), 8, (1 << 64) - 5),
        (number(10, 65535), 6, 65535),
        (single(1.5), 9, 1.5),
        (double(-2.25), 10, -2.25),
        (number(14, 1), 11, True),
        (block(15, b"auto"), 12, "auto"),
        (number(11, MS), 13, MS),
        (block(16, b"\x01\xff"), 17, "01ff"),
        (block(16, struct.pack("<3h", 1, -2, 3)), 23, "[1,-2,3]"),
        (block(16, struct.pack("<2d", 0.5, 2)), 31, "[0.5,2.0]"),
        (block(16, struct.pack("<I", 3) + b"\xa0"), 32, "[true,false,true]"),
        (block(16, b"ab\0c\0"), 33, '["ab","c"]'),
    ],
)
def test_a_value_is_read_by_its_data_type(data: bytes, kind: int, value: object) -> None:
    assert value_of(data, kind) == value


def test_a_data_set_and_a_template_are_json() -> None:
    row = block(1, number(1, (1 << 32) - 1)) + block(1, block(6, b"x"))
    dataset = number(1, 2) + block(2, b"n") + block(2, b"t") + block(3, varint(3) + varint(12)) + block(4, row)
    assert json.loads(value_of(block(17, dataset), 16)) == {"columns": ["n", "t"], "rows": [[-1, "x"]]}
    template = block(4, b"Motor") + metric("rpm", double(9), kind=10)
    assert json.loads(value_of(block(18, template), 19)) == {"template_ref": "Motor", "rpm": 9.0}


def test_templates_within_templates_are_read_to_a_bounded_depth() -> None:
    data = metric("rpm", double(9), kind=10)
    for _ in range(50):
        data = metric("t", block(18, data), kind=19)
    (row,) = said("spBv1.0/g/NDATA/n", payload(data))
    assert isinstance(row, Unread)
    assert "more than 8 deep" in row.reason


def test_a_birth_names_what_data_then_calls_by_alias() -> None:
    state: sparkplug.State = {}
    born = payload(metric("bdSeq", number(11, 4), kind=4), metric("level", double(1), alias=7, kind=10, at=MS + 5))
    found = said("spBv1.0/g/NBIRTH/n", born, state)
    assert activities(found) == [Activity(MS * 1000, "address:g/n", "log.status", object="sparkplug", code="started")]
    assert readings(found) == [Reading((MS + 5) * 1000, "address:g/n", "level", 1.0)]
    state = json.loads(json.dumps(state))  # as it comes back after a restart
    assert said("spBv1.0/g/NDATA/n", payload(metric(alias=7, value=double(2)), seq=1), state) == [
        Reading(MS * 1000, "address:g/n", "level", 2.0)
    ]


def test_a_signed_value_by_alias_takes_the_type_of_its_birth() -> None:
    state: sparkplug.State = {}
    said("spBv1.0/g/NBIRTH/n", payload(metric("t", number(10, 1), alias=1, kind=3)), state)
    (row,) = said("spBv1.0/g/NDATA/n", payload(metric(alias=1, value=number(10, (1 << 32) - 9)), seq=1), state)
    assert isinstance(row, Reading)
    assert row.value == -9


def test_an_alias_without_a_birth_is_told() -> None:
    (row,) = said("spBv1.0/g/DDATA/n/d", payload(metric(alias=3, value=double(2))))
    assert isinstance(row, Unread)
    assert row.reason == "metric alias 3 of address:g/n/d: its birth was not seen, so its name is not known"


def test_the_death_of_a_node_takes_the_values_of_its_devices_too() -> None:
    state: sparkplug.State = {}
    said("spBv1.0/g/NBIRTH/n", payload(metric("bdSeq", number(11, 1), kind=4), metric("a", double(1))), state)
    said("spBv1.0/g/DBIRTH/n/d", payload(metric("b", double(1)), metric("c", double(1)), seq=1), state)
    found = said("spBv1.0/g/NDEATH/n", payload(metric("bdSeq", number(11, 1), kind=4), seq=None), state)
    assert [(row.entity, row.code) for row in activities(found)] == [("address:g/n", "stopped"), ("address:g/n/d", "stopped")]
    assert [(row.entity, row.signal, row.value, row.quality) for row in readings(found)] == [
        ("address:g/n", "a", None, 2),
        ("address:g/n/d", "b", None, 2),
        ("address:g/n/d", "c", None, 2),
    ]


def test_the_death_of_a_session_before_takes_nothing() -> None:
    state: sparkplug.State = {}
    said("spBv1.0/g/NBIRTH/n", payload(metric("bdSeq", number(11, 2), kind=4), metric("a", double(1))), state)
    found = said("spBv1.0/g/NDEATH/n", payload(metric("bdSeq", number(11, 1), kind=4), seq=None), state)
    assert readings(found) == []
    assert [row.kind for row in activities(found)] == ["log.message"]


def test_the_death_of_a_device_leaves_its_node() -> None:
    state: sparkplug.State = {}
    said("spBv1.0/g/NBIRTH/n", payload(metric("a", double(1))), state)
    said("spBv1.0/g/DBIRTH/n/d", payload(metric("b", double(1)), seq=1), state)
    found = said("spBv1.0/g/DDEATH/n/d", payload(seq=2), state)
    assert [(row.entity, row.signal) for row in readings(found)] == [("address:g/n/d", "b")]


@pytest.mark.parametrize(("before", "now", "missed"), [(0, 1, 0), (255, 0, 0), (0, 3, 2), (254, 1, 2)])
def test_a_gap_in_the_sequence_is_told(before: int, now: int, missed: int) -> None:
    state: sparkplug.State = {}
    said("spBv1.0/g/NDATA/n", payload(metric("a", double(1)), seq=before), state)
    told = activities(said("spBv1.0/g/NDATA/n", payload(metric("a", double(1)), seq=now), state))
    assert [isinstance(row.attributes, dict) and row.attributes["message"] for row in told] == (
        [f"sequence number {now} after {before}: {missed} messages of g/n did not come"] if missed else []
    )


def test_nodes_and_names_are_kept_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparkplug, "NODES", 2)
    monkeypatch.setattr(sparkplug, "METRICS", 3)
    state: sparkplug.State = {}
    for node in "ab":
        said(f"spBv1.0/g/NBIRTH/{node}", payload(metric("x", double(1), alias=1), metric("y", double(1), alias=2)), state)
    assert [len(state[f"g/{node}"]["alias"]) for node in "ab"] == [2, 0]
    (row,) = said("spBv1.0/g/NDATA/c", payload(metric("x", double(1))), state)
    assert isinstance(row, Unread)
    assert set(state) == {"g/a", "g/b"}


def test_null_stale_and_bad_have_their_quality() -> None:
    def properties(quality: int) -> bytes:
        return block(9, block(1, b"Quality") + block(2, number(1, 3) + number(3, quality)))

    metrics = [
        metric("null", b"", kind=10, more=number(7, 1)),
        metric("stale", double(1), kind=10, more=properties(500)),
        metric("bad", double(1), kind=10, more=properties(0)),
        metric("good", double(1), kind=10, more=properties(192)),
        metric("nan", double(float("nan")), kind=10),
    ]
    found = readings(said("spBv1.0/g/NDATA/n", payload(*metrics)))
    assert [(row.signal, row.value, row.quality) for row in found] == [
        ("null", None, 2),
        ("stale", 1.0, 1),
        ("bad", 1.0, 2),
        ("good", 1.0, 0),
        ("nan", None, 2),
    ]


def test_a_command_is_one_to_the_node_or_device() -> None:
    data = payload(metric("Node Control/Reboot", number(14, 1), kind=11), seq=None)
    (row,) = activities(said("spBv1.0/g/NCMD/n", data, None, {"g/n": "asset:edge-1"}))
    assert (row.entity, row.kind, row.target, row.object, row.code) == (
        "asset:edge-1",
        "ot.command",
        "asset:edge-1",
        "Node Control/Reboot",
        "write",
    )
    assert row.attributes == {"value": True, "protocol": "sparkplug"}


@pytest.mark.parametrize(
    ("topic", "data", "code"),
    [
        ("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1767600000001}', "started"),
        ("spBv1.0/STATE/scada", b'{"online":false}', "stopped"),
        ("STATE/scada", b"OFFLINE", "stopped"),
    ],
)
def test_a_host_that_comes_or_goes_is_told(topic: str, data: bytes, code: str) -> None:
    (row,) = activities(said(topic, data))
    assert (row.entity, row.kind, row.code) == ("address:scada", "log.status", code)


@pytest.mark.parametrize("topic", ["spBv1.0/g/NDATA", "spBv1.0/g/DDATA/n", "spBv1.0/g/NDATA/n/d", "spBv1.0/g/WHAT/n", "spBv1.0//NDATA/n"])
def test_a_topic_that_is_none_is_told(topic: str) -> None:
    (row,) = said(topic, payload())
    assert isinstance(row, Unread)
    assert row.reason.startswith(f"topic {topic!r} is none of Sparkplug")


@pytest.mark.parametrize("data", [b"\x08", b"\x12\x05ab", b"\x0b", b"\x00\x00", b"\xff" * 20, b"\x09\x01"])
def test_bytes_that_are_no_payload_are_told(data: bytes) -> None:
    (row,) = said("spBv1.0/g/NDATA/n", data)
    assert isinstance(row, Unread)


def test_varints_hold_sixty_four_bits() -> None:
    assert protobuf.varint(varint((1 << 64) - 1), 0) == ((1 << 64) - 1, 10)
    assert protobuf.varint(varint(300), 0) == (300, 2)


GOOD = payload(
    metric("bdSeq", number(11, 2), kind=4),
    metric("a", double(1), alias=1, kind=10, at=MS),
    metric("d", block(17, block(2, b"n") + block(3, b"\x03") + block(4, block(1, number(1, 1)))), kind=16),
    metric("t", block(18, metric("x", number(10, 1), kind=3)), kind=19),
)
KINDS = st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "NCMD"])


@given(st.binary(max_size=200), KINDS)
def test_no_bytes_raise(data: bytes, kind: str) -> None:
    said(f"spBv1.0/g/{kind}/n", data)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=8), KINDS)
def test_no_damage_raises(places: list[tuple[int, int]], kind: str) -> None:
    data, state = bytearray(GOOD), sparkplug.State()
    for place, byte in places:
        data[place] = byte
    said("spBv1.0/g/NBIRTH/n", bytes(data), state)
    said(f"spBv1.0/g/{kind}/n", bytes(data), state)
    json.dumps(state)
