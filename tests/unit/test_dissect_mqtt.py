"""MQTT packets built by hand after OASIS MQTT 5.0 and 3.1.1 and MQTT V3.1: every type, pairing, aliases, and bytes that are none."""

import json
import random
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import mqtt
from interferon.dissect.message import Message, Plain
from interferon.dissect.mqtt_properties import PROPERTIES, SAMPLE, shown


def variable(value: int) -> bytes:
    found = b""
    while True:
        found += bytes([value & 127 | (128 if value > 127 else 0)])
        value >>= 7
        if not value:
            return found


def packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + variable(len(body)) + body


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return pack(">H", len(raw)) + raw


def connect(level: int = 4, flags: int = 2, rest: bytes = b"", name: str = "MQTT", client: str = "c1") -> bytes:
    props = b"\0" if level & 127 == 5 else b""
    return packet(0x10, text(name) + bytes([level, flags]) + b"\0\x3c" + props + text(client) + rest)


def publish(topic: str, payload: bytes, qos: int = 0, number: int = 7, head: int = 0, props: bytes | None = None) -> bytes:
    body = text(topic) + (pack(">H", number) if qos else b"")
    body += (variable(len(props)) + props) if props is not None else b""
    return packet(0x30 | qos << 1 | head, body + payload)


def read(*parts: tuple[bool, bytes], flow: int = 7) -> list[Message]:
    conversation, out = mqtt.conversation(flow), list[Plain]()
    for number, (to_server, part) in enumerate(parts):
        assert conversation.take(part, 0, len(part), to_server, number, out) == len(part)
    return [Message(*row) for row in out]


def test_a_connection_is_made_and_refused() -> None:
    will = text("plant/down") + text("bye") + text("bob") + text("secret")
    asked, refused = read((True, connect(flags=0b11101110, rest=will)), (False, packet(0x20, b"\0\5")))
    assert (asked.role, asked.code, asked.object, asked.outcome) == ("message", "connect", "c1", "")
    assert asked.fields["flags"] == {"username": True, "password": True, "will_retain": True, "will": True, "clean_session": True}
    assert asked.fields["will"] == {"qos": 1, "topic": "plant/down", "message": "bye"}
    assert {key: asked.fields[key] for key in ("protocol_string", "protocol_version", "keep_alive", "client_id", "username")} == {
        "protocol_string": "MQTT", "protocol_version": 4, "keep_alive": 60, "client_id": "c1", "username": "bob",
    }  # fmt: skip
    assert asked.fields["password"] == "secret"
    assert (refused.code, refused.object, refused.outcome) == ("connack", "c1", "failure")
    assert (refused.fields["return_code"], refused.fields["reason"], refused.to_server) == (5, "not_authorized", False)


def test_old_and_bridge_connections() -> None:
    (old,) = read((True, connect(3, name="MQIsdp")))
    assert (old.fields["protocol_string"], old.fields["protocol_version"]) == ("MQIsdp", 3)
    (bridge,) = read((True, connect(0x84)))
    assert (bridge.fields["protocol_version"], bridge.fields["bridge"]) == (4, True)


def test_all_properties_are_named() -> None:
    samples = {0: b"\1", 1: b"\1\2", 2: b"\0\0\1\0", 3: b"\x80\1", 4: text("t"), 5: text(b"\xff\0"), 6: text("k") + text("v")}
    props = b"".join(bytes([number]) + samples[kind] for number, (_, kind) in PROPERTIES.items())
    (found,) = read((True, packet(0x10, text("MQTT") + b"\5\2\0\0" + variable(len(props)) + props + text(""))))
    told = found.fields["properties"]
    assert set(told) == {name for name, _ in PROPERTIES.values()}
    assert (told["session_expiry_interval"], told["receive_maximum"], told["subscription_identifier"]) == (256, 258, 128)
    assert (told["correlation_data"], told["content_type"], told["user_properties"]) == ("ff00", "t", [["k", "v"]])


def test_what_comes_several_times_is_a_list() -> None:
    props = b"\x0b\1\x0b\2\x0b\3" + b"\x26" + text("a") + text("1") + b"\x26" + text("a") + text("2")
    found = read((True, connect(5)), (False, publish("t", b"x", props=props)))[1]
    assert found.fields["properties"] == {"subscription_identifier": [1, 2, 3], "user_properties": [["a", "1"], ["a", "2"]]}


def test_what_is_not_told_is_counted() -> None:
    props = (b"\x26" + text("a") + text("1")) * 300
    found = read((True, connect(5)), (False, publish("t", b"x", props=props)))[1]
    assert (len(found.fields["properties"]["user_properties"]), found.fields["properties"]["user_properties_count"]) == (256, 300)
    topics = b"".join(text(f"t{number}") for number in range(2000))
    rows = read((True, connect()), (True, packet(0xA2, b"\0\6" + topics)), (False, packet(0x90, b"\0\6" + bytes(2000))))
    assert [(len(rows[1].fields["topics"]), rows[1].fields["count"]), (len(rows[2].fields["qos_granted"]), rows[2].fields["count"])] == [
        (1024, 2000), (1024, 2000),
    ]  # fmt: skip


def test_a_publish_of_each_quality() -> None:
    sent = read(
        (True, connect()),
        (True, publish("a/b", b'{"v": 1}\n') + publish("a/c", b"\0\1", 1, 9, 8) + publish("a/d", b"", 2, 10, 1)),
        (False, packet(0x40, b"\0\x09") + packet(0x50, b"\0\x0a")),
        (True, packet(0x62, b"\0\x0a")),
        (False, packet(0x70, b"\0\x0a") + packet(0x40, b"\0\x63")),
    )
    plain, binary, empty = sent[1:4]
    assert plain.fields == {"qos": 0, "retain": False, "dup": False, "topic": "a/b", "payload": '{"v": 1}\n', "length": 9}
    assert binary.fields["message_id"] == 9
    assert (binary.fields["payload"], binary.fields["payload_encoding"], binary.fields["dup"]) == ("0001", "hex", True)
    assert (empty.fields["qos"], empty.fields["retain"], empty.fields["length"]) == (2, True, 0)
    assert [(row.code, row.object, row.outcome, row.fields["matched"]) for row in sent[4:]] == [
        ("puback", "a/c", "success", True),
        ("pubrec", "a/d", "success", True),
        ("pubrel", "a/d", "", True),
        ("pubcomp", "a/d", "success", True),
        ("puback", "", "success", False),
    ]


def test_identifiers_are_of_their_sender() -> None:
    rows = read((True, connect() + publish("up", b"x", 1, 1)), (False, publish("down", b"y", 1, 1)), (True, packet(0x40, b"\0\1")))
    assert rows[-1].object == "down"


def test_a_refused_publish_of_version_5() -> None:
    rows = read(
        (True, connect(5)),
        (True, publish("t", b"x", 2, 1, props=b"")),
        (False, packet(0x50, b"\0\1\x87\x05\x1f" + text("no"))),
        (True, packet(0x62, b"\0\1\x92\0")),
    )
    assert (rows[2].outcome, rows[2].fields["reason"], rows[2].fields["properties"]) == (
        "failure",
        "not_authorized",
        {"reason_string": "no"},
    )
    assert (rows[3].outcome, rows[3].fields["matched"]) == ("failure", False)


@pytest.mark.parametrize("level", [4, 5])
def test_subscriptions(level: int) -> None:
    props = b"\0" if level == 5 else b""
    option = b"\x2d" if level == 5 else b"\1"
    rows = read(
        (True, connect(level)),
        (True, packet(0x82, b"\0\5" + props + text("a/#") + option + text("b") + b"\0")),
        (False, packet(0x90, b"\0\5" + props + b"\1\x80")),
        (True, packet(0xA2, b"\0\6" + props + text("a/#"))),
        (False, packet(0xB0, b"\0\6" + (props + b"\x11" if level == 5 else b""))),
    )
    asked, granted, left, done = rows[1:]
    assert (asked.object, asked.fields["topics"][0]["topic"], asked.fields["topics"][0]["qos"]) == ("a/#,b", "a/#", 1)
    if level == 5:
        assert asked.fields["topics"][0] == {
            "topic": "a/#", "qos": 1, "no_local": True, "retain_as_published": True, "retain_handling": 2,
        }  # fmt: skip
    assert (granted.object, granted.outcome, granted.fields["qos_granted"]) == ("a/#,b", "failure", [1, 128])
    assert granted.fields["reasons"] == ["granted_qos_1", "unspecified_error"]
    assert (left.object, left.fields["topics"], done.object, done.outcome) == ("a/#", ["a/#"], "a/#", "success")
    assert done.fields.get("reason_codes") == ([17] if level == 5 else None)


def test_an_alias_stands_for_its_topic() -> None:
    rows = read(
        (True, connect(5)),
        (True, publish("line/1", b"1", props=b"\x23\0\3") + publish("", b"2", props=b"\x23\0\3") + publish("", b"3", props=b"\x23\0\4")),
        (False, publish("", b"4", props=b"\x23\0\3")),
    )
    assert [row.object for row in rows[1:]] == ["line/1", "line/1", "", ""]


def test_the_end_of_a_connection() -> None:
    assert read((True, packet(0xC0, b"") + packet(0xE0, b"")), (False, packet(0xD0, b"")))[1].fields == {
        "qos": 0, "retain": False, "dup": False,
    }  # fmt: skip
    rows = read((True, connect(5)), (False, packet(0xE0, b"\x8e")), (True, packet(0xE0, b"")))
    assert [(row.code, row.outcome, row.fields["reason"]) for row in rows[1:]] == [
        ("disconnect", "failure", "session_taken_over"),
        ("disconnect", "", "normal_disconnection"),
    ]
    (exchange,) = read(
        (True, packet(0xF0, b"\x18\x09\x15" + text("SCRAM")[:2] + b"SCRAM\x16\0\0"[:5])),
    )[:1]
    assert exchange.role == "problem"
    (exchange,) = read((True, packet(0xF0, b"\x18\x08\x15" + text("SCRAM"))))
    assert (exchange.fields["reason"], exchange.fields["properties"]) == ("continue_authentication", {"authentication_method": "SCRAM"})


def test_the_version_is_told_by_the_packets() -> None:
    assert read((True, publish("t", b"hello")))[0].fields["payload"] == "hello"
    five = read((True, publish("t", b"hello", props=b"\x03" + text("text/plain")) + publish("t", b"\1", props=b"")))
    assert five[0].fields["properties"] == {"content_type": "text/plain"}
    assert five[1].fields["payload"] == "01"
    assert read((True, publish("t", b"hello", props=b"")))[0].fields["payload"] == "hello"
    assert read((True, publish("t", b"\0\1\2")))[0].fields["payload"] == "000102"
    assert read((False, packet(0x20, b"\0\0\0")), (True, packet(0xE0, b"")))[1].fields["reason_code"] == 0
    rows = read((True, packet(0x82, b"\0\1\0" + text("a") + b"\0")), (False, packet(0x90, b"\0\1\0\2")))
    assert (rows[0].fields["topics"][0]["topic"], rows[1].fields["qos_granted"]) == ("a", [2])


def test_a_long_payload_is_a_sample_and_its_length() -> None:
    (found,) = read((True, publish("t", "é".encode() * 3000)))
    assert (found.fields["length"], len(found.fields["payload"]), found.fields.get("payload_encoding")) == (6000, SAMPLE // 2, None)
    assert shown(b"x" + "é".encode() * 3000, 0, 6001) == ("x" + "é" * 2047, False)


def test_a_payload_of_megabytes_is_not_kept() -> None:
    data = publish("big", b"z" * 3_000_000, 1, 3) + packet(0xC0, b"")
    conversation, out, rest, most = mqtt.conversation(0), list[Plain](), b"", 0
    for at in range(0, len(data), 1460):
        rest += data[at : at + 1460]
        rest = rest[conversation.take(rest, 0, len(rest), True, at // 1460, out) :]
        most = max(most, len(rest))
    assert most < 70_000
    assert [(row[5], row[8]) for row in out] == [("publish", len(data) - 2), ("pingreq", 2)]
    assert (out[0][9]["length"], out[0][0]) == (3_000_000, len(data) // 1460)


def test_other_big_packets_are_passed_over() -> None:
    data = b"\x82" + variable(2_000_000) + bytes(2_000_000) + packet(0xC0, b"")
    conversation, out = mqtt.conversation(0), list[Plain]()
    conversation.take(connect(), 0, len(connect()), True, 0, out)
    assert conversation.take(data, 0, 100_000, True, 1, out) == 100_000
    assert conversation.take(data, 100_000, len(data), True, 2, out) == len(data)
    assert [(row[4], row[5]) for row in out[1:]] == [("problem", ""), ("message", "pingreq")]


def test_what_is_no_packet_is_told_once() -> None:
    garbage = b"\x16\x03\x01\x02\0\x01" + bytes(600)
    (found,) = read((True, garbage))
    assert (found.role, found.size, found.fields["problem"]) == ("problem", len(garbage), "no packet begins here")
    rows = read((True, connect()), (True, packet(0x40, b"\0") + packet(0xC0, b"") + b"\0\0"))
    assert [row.fields.get("problem") for row in rows[1:]] == ["a malformed puback", None, "no packet begins here"]
    rows = read((True, connect()), (True, b"\x30\xff\xff\xff\xff\x01"))
    assert rows[1].role == "problem"
    (odd,) = read((True, connect(name="MQTX")))
    assert odd.role == "problem"


def test_after_a_gap_reading_goes_on_at_a_packet() -> None:
    conversation, out = mqtt.conversation(0), list[Plain]()
    first = connect()
    conversation.take(first, 0, len(first), True, 0, out)
    conversation.gap(True)
    middle, good = b"\xff\xfe\xfd" * 20, publish("t", b"x")
    assert conversation.take(middle, 0, len(middle), True, 1, out) == len(middle)
    assert conversation.take(good, 0, len(good), True, 2, out) == len(good)
    assert [row[4] for row in out] == ["message", "problem", "message"]


def test_reserved_flags_are_told() -> None:
    rows = read((True, connect() + packet(0xC5, b"")))
    assert rows[1].fields["malformed"] == "flags 5 of the fixed header, not 0"


def test_bytes_that_come_in_pieces_say_the_same() -> None:
    data = connect(5) + publish("a", b"x" * 300, 1, 1, props=b"\x23\0\1") + packet(0x82, b"\0\2\0" + text("b") + b"\1") + packet(0xE0, b"")
    whole = read((True, data))
    for cut in range(1, len(data)):
        conversation, out = mqtt.conversation(7), list[Plain]()
        used = conversation.take(data, 0, cut, True, 0, out)
        assert conversation.take(data, used, len(data), True, 0, out) == len(data)
        assert out == whole


def test_likely_wants_a_connect() -> None:
    assert mqtt.likely(b"xx" + connect(), 2, len(connect()) + 2)
    assert mqtt.likely(connect(5), 0, len(connect(5)))
    assert mqtt.likely(connect(3, name="MQIsdp"), 0, len(connect(3, name="MQIsdp")))
    for other in (connect()[:11], connect(7), connect(name="HTTP"), publish("a/b/c/d", b"x" * 20), b"GET / HTTP/1.1\r\n\r\n"):
        assert not mqtt.likely(other, 0, len(other))


@given(st.binary(max_size=300), st.booleans(), st.sampled_from([0, 3, 4, 5]))
def test_any_bytes_are_read(data: bytes, to_server: bool, version: int) -> None:
    conversation, out = mqtt.conversation(0), list[Plain]()
    conversation.version = version
    used = conversation.take(data, 0, len(data), to_server, 0, out)
    assert 0 <= used <= len(data)
    assert sum(row[8] for row in out) == used
    json.dumps(out, allow_nan=False)


@given(st.integers(1, 15), st.integers(0, 15), st.binary(max_size=60), st.sampled_from([0, 3, 4, 5]))
def test_any_body_is_told(kind: int, flags: int, body: bytes, version: int) -> None:
    conversation, out = mqtt.conversation(0), list[Plain]()
    data = packet(0xC0, b"") + packet(kind << 4 | flags, body)
    conversation.version = version
    assert conversation.take(data, 0, len(data), True, 0, out) == len(data)
    assert len(out) == 2
    json.dumps(out, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_packets_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    data = bytearray(connect(5) + publish("a", b"x", 1, 1, props=b"\x23\0\1") * 3 + packet(0x82, b"\0\2\0" + text("b") + b"\1"))
    for _ in range(drawn.randint(1, 4)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = mqtt.conversation(0), list[Plain]()
    used = conversation.take(bytes(data), 0, len(data), bool(seed & 1), 0, out)
    assert sum(row[8] for row in out) <= used
    fields: list[dict[str, Any]] = [row[9] for row in out]
    json.dumps(fields, allow_nan=False)
