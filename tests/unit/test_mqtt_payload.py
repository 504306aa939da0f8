"""Mappings of topics and JSON, which reader a message goes to, and the packets of a client that only listens."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.model.records import DeadLetter
from interferon.sense import live
from interferon.sense import mqtt_packets as mqtt
from interferon.sense.live import Found, Reading, Unread, batched
from interferon.sense.mqtt_payload import Mapping, Reader
from interferon.sense.record_rows import Activity

SEEN = 1_767_600_000_000_000


def said(mapping: Mapping, topic: str, payload: object) -> list[Found]:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return list(Reader((mapping,), ("uagv",), {}, {}).read(topic, data, SEEN))


PLAIN = Mapping(topic="plant/{entity}/{signal}")


@pytest.mark.parametrize(
    ("payload", "value", "text"),
    [(b"1.5", 1.5, None), (b"-7", -7.0, None), (b" 2 ", 2.0, None), (b"true", 1.0, None), (b'"3.5"', 3.5, None), (b"auto", None, "auto")],
)
def test_the_payload_alone_is_the_value(payload: bytes, value: float | None, text: str | None) -> None:
    assert said(PLAIN, "plant/plc-1/level", payload) == [Reading(SEEN, "asset:plc-1", "level", value, text)]


def test_paths_lead_to_value_time_and_quality() -> None:
    mapping = Mapping(topic="p/{line}/+", entity="asset:{line}", signal="speed", value="$.r[1].v", time="at", time_unit="ms", quality="q")
    payload = {"at": 1_767_600_000_250, "q": "uncertain", "r": [{}, {"v": 4}]}
    assert said(mapping, "p/l-1/x", payload) == [Reading(SEEN + 250_000, "asset:l-1", "speed", 4.0, None, 1)]


def test_several_values_of_one_message_are_several_signals() -> None:
    mapping = Mapping(topic="p/{entity}", values={"temperature": "t", "pressure": "p", "mode": "m"}, time="when")
    found = said(mapping, "p/a", {"when": "2026-01-05T08:00:00Z", "t": 20, "p": None, "m": "auto"})
    assert found == [
        Reading(SEEN, "asset:a", "temperature", 20.0),
        Reading(SEEN, "asset:a", "pressure", quality=2),
        Reading(SEEN, "asset:a", "mode", text="auto"),
    ]


def test_a_value_that_is_not_there_costs_no_other() -> None:
    mapping = Mapping(topic="p/{entity}", values={"t": "t", "x": "x.y", "l": "l"})
    found = said(mapping, "p/a", {"t": 1, "l": [1]})
    assert [type(row) for row in found] == [Reading, Unread, Unread]
    assert [row.reason for row in found if isinstance(row, Unread)] == [
        "topic p/a, signal x: the payload has no 'x.y'",
        "topic p/a, signal l: the value is '[1]', neither a number nor text",
    ]


@pytest.mark.parametrize(("told", "quality"), [(192, 0), (64, 1), (0, 2), (True, 0), (False, 2), ("GOOD", 0), ("bad", 2)])
def test_a_quality_is_a_word_a_bit_or_that_of_opc(told: object, quality: int) -> None:
    (row,) = said(Mapping(topic="p/{entity}/{signal}", value="v", quality="q"), "p/a/b", {"v": 1, "q": told})
    assert isinstance(row, Reading)
    assert row.quality == quality


@pytest.mark.parametrize(
    ("topic", "fits"),
    [("plant/a/b", True), ("plant/a", False), ("plant/a/b/c", False), ("plant//b", False), ("Plant/a/b", False)],
)
def test_a_part_in_braces_is_one_level(topic: str, fits: bool) -> None:
    (row,) = said(PLAIN, topic, b"1")
    assert isinstance(row, Reading) is fits


@pytest.mark.parametrize(("topic", "fits"), [("p/a", True), ("p/a/b/c", True), ("q/a", False)])
def test_the_rest_may_be_anything(topic: str, fits: bool) -> None:
    (row,) = said(Mapping(topic="p/{entity}/#", signal="x"), topic, b"1")
    assert isinstance(row, Reading) is fits


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"topic": "p/#/x"}, "# stands at the end alone"),
        ({"topic": "p/{entity}"}, "names {signal}, which topic"),
        ({"topic": "p/{entity}/{signal}", "value": "a..b"}, "path 'a..b' is none"),
        ({"topic": "p/{a}/{signal}", "entity": "{a}"}, "is no reference"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"path|topic|reference") as error:
        msgspec.convert(given, Mapping)
    assert told in str(error.value)


def test_a_mapping_goes_before_the_standards_and_each_standard_has_its_topics() -> None:
    reader = Reader((Mapping(topic="spBv1.0/own/{entity}/{signal}"),), ("uagv",), {}, {})
    assert list(reader.read("spBv1.0/own/a/b", b"1", SEEN)) == [Reading(SEEN, "asset:a", "b", 1.0)]
    (host,) = reader.read("spBv1.0/STATE/h", b'{"online": true}', SEEN)
    assert isinstance(host, Activity)
    (online,) = reader.read("uagv/v2/K/1/connection", b'{"connectionState": "ONLINE"}', SEEN)
    assert isinstance(online, Activity)
    (none,) = reader.read("what/ever", b"1", SEEN)
    assert isinstance(none, Unread)
    assert none.reason == "topic 'what/ever': no map of the feed fits it, and it is neither Sparkplug nor VDA 5050"


def test_rows_of_one_take_have_rising_offsets_over_all_families() -> None:
    rows: list[Found] = [Reading(1, "asset:a", "x", 1.0), Activity(2, "asset:a", "log.status", code="started"), Unread("no", "raw")]
    items, following = batched([*rows, *rows], "f", 10, seen=5, trust=0.5)
    assert following == 16
    batches = [item for item in items if not isinstance(item, DeadLetter)]
    assert [batch.column("offset").to_pylist() for batch in batches] == [[10, 11], [12, 13]]
    assert [item.offset for item in items if isinstance(item, DeadLetter)] == [14, 15]
    assert batches[0].column("trust").to_pylist() == [0.5, 0.5]


def test_a_take_of_many_rows_is_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "ROWS", 4)
    items, following = batched([Reading(SEEN, "asset:a", "x", 1.0)] * 10, "f", 0, seen=SEEN)
    assert [item.num_rows for item in items if not isinstance(item, DeadLetter)] == [4, 4, 2]
    assert following == 10


@given(st.binary(max_size=80), st.sampled_from(["plant/a/b", "p/a", "x"]))
def test_no_payload_raises(data: bytes, topic: str) -> None:
    mapping = Mapping(topic="plant/{entity}/{signal}", value="a.b[0]", time="t", time_unit="s", quality="q")
    said(mapping, topic, data)
    said(PLAIN, topic, data)


@given(st.dictionaries(st.sampled_from("atqv"), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)))
def test_no_json_raises(message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    for unit in ("iso", "s", "ms", "us", "ns"):
        mapping = Mapping(topic="p/{entity}/{signal}", value="v", time="t", time_unit=unit, quality="q")
        batched(said(mapping, "p/a/b", data), "f", 0, seen=SEEN)


# packets


def length(size: int) -> bytes:
    found = bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    return bytes([*found, size])


def publish(topic: str, payload: bytes, qos: int = 0, packet: int = 0, *, dup: bool = False, properties: bytes | None = b"") -> bytes:
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode() + (packet.to_bytes(2, "big") if qos else b"")
    body += b"" if properties is None else length(len(properties)) + properties
    return bytes([0x30 | qos << 1 | dup << 3]) + length(len(body + payload)) + body + payload


def test_a_connection_goes_on_with_its_session_and_its_window() -> None:
    made = mqtt.connect("me", v5=True, keepalive=30, expiry=60, window=10, username="u", password="p")
    assert made == bytes([0x10, 29]) + b"\0\4MQTT\5\xc0\0\x1e" + b"\x08\x11\0\0\0\x3c\x21\0\x0a" + b"\0\2me\0\1u\0\1p"
    assert mqtt.connect("me", v5=False, keepalive=30, expiry=60, window=10) == b"\x10\x0e\0\4MQTT\4\0\0\x1e\0\2me"


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_packets_are_cut_out_of_any_pieces(step: int) -> None:
    stream = publish("a/b", b"1") + b"\xd0\x00" + publish("a/c", b"x" * 300, 2, 7, dup=True, properties=b"\x01\x01")
    splitter = mqtt.Splitter(1000)
    packets = [packet for at in range(0, len(stream), step) for packet in splitter.feed(stream[at : at + step])]
    assert [packet.kind for packet in packets] == [mqtt.PUBLISH, mqtt.PINGRESP, mqtt.PUBLISH]
    first, last = (mqtt.published(packet, v5=True) for packet in (packets[0], packets[2]))
    assert (first.topic, first.payload, first.qos) == ("a/b", b"1", 0)
    assert (last.topic, last.payload, last.qos, last.packet, last.dup) == ("a/c", b"x" * 300, 2, 7, True)


def test_of_a_packet_that_is_too_long_the_beginning_is_kept_and_the_rest_passes_by() -> None:
    stream = publish("a/b", b"x" * 100_000, 1, 9) + publish("a/b", b"1")
    splitter = mqtt.Splitter(50)
    packets = [packet for at in range(0, len(stream), 4096) for packet in splitter.feed(stream[at : at + 4096])]
    long, short = (mqtt.published(packet, v5=True) for packet in packets)
    assert (long.packet, long.cut, len(long.payload)) == (9, True, 42)
    assert long.whole == 100_008
    assert (short.payload, short.cut) == (b"1", False)


def test_version_four_has_no_properties() -> None:
    (packet,) = mqtt.Splitter(100).feed(publish("t", b"\x05hello", 1, 3, properties=None))
    assert mqtt.published(packet, v5=False).payload == b"\x05hello"
    assert mqtt.codes(b"\0\1\1\x80", v5=False) == [1, 0x80]
    assert mqtt.codes(b"\0\1\0\1\x80", v5=True) == [1, 0x80]


def test_nothing_here_can_publish() -> None:
    made = [
        mqtt.connect("me", v5=True, keepalive=1, expiry=1, window=1),
        mqtt.subscribe(1, ["a"], 1, v5=True),
        mqtt.unsubscribe(1, ["a"], v5=True),
        *(mqtt.acknowledge(kind, 1) for kind in (mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP)),
        mqtt.PINGREQ,
        mqtt.BYE,
    ]
    assert mqtt.PUBLISH not in {each[0] >> 4 for each in made}


@given(st.binary(max_size=200))
def test_no_bytes_raise_but_value_error(data: bytes) -> None:
    try:
        for packet in mqtt.Splitter(64).feed(data):
            mqtt.published(packet, v5=True)
    except ValueError:
        return
