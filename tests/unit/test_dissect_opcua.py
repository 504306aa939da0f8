"""OPC UA messages built by hand after IEC 62541-6: transport, channels, services, chunks, and bytes that are none of these."""

import json
import random
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import opcua
from interferon.dissect.message import ROLES, Message, Plain
from interferon.dissect.opcua_names import RESPONSES, SERVICES
from interferon.dissect.opcua_types import BROKEN, LISTED, node_id
from interferon.dissect.opcua_values import data_value, diagnostics, variant

NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
SHA256 = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
EPOCH = 116_444_736_000_000_000  # 1970 in 100 ns since 1601


def text(value: str | bytes | None) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return pack("<i", -1) if raw is None else pack("<i", len(raw)) + raw


def chunk(kind: bytes, body: bytes, mark: bytes = b"F") -> bytes:
    return kind + mark + pack("<I", len(body) + 8) + body


def message(type_id: int, body: bytes, request: int = 1, mark: bytes = b"F", kind: bytes = b"MSG") -> bytes:
    return chunk(kind, pack("<IIII", 7, 1, 50 + request, request) + pack("<BBH", 1, 0, type_id) + body, mark)


def asked(timestamp: int = 0, handle: int = 9, audit: str | None = None) -> bytes:
    return b"\0\0" + pack("<qII", timestamp, handle, 0) + text(audit) + pack("<I", 5000) + b"\0\0\0"


def answered(result: int = 0) -> bytes:
    return pack("<qII", EPOCH, 9, result) + b"\0" + pack("<i", 0) + b"\0\0\0"


def node(name: str, space: int = 2) -> bytes:
    return pack("<BH", 3, space) + text(name)


def opened(policy: str = NONE) -> bytes:
    body = pack("<I", 0) + text(policy) + text(None if policy == NONE else b"certificate") + text(None)
    return chunk(b"OPN", body + pack("<IIBBH", 1, 1, 1, 0, 446) + asked() + pack("<III", 0, 0, 1) + text(None) + pack("<I", 3600000))


def read_request(*names: str, request: int = 1) -> bytes:
    nodes = b"".join(node(name) + pack("<I", 13) + text(None) + pack("<H", 0) + text(None) for name in names)
    return message(631, asked() + pack("<dIi", 0.0, 2, len(names)) + nodes, request)


def read(*parts: tuple[bool, bytes]) -> list[Message]:
    conversation, out = opcua.conversation(7), list[Plain]()
    for number, (to_server, part) in enumerate(parts):
        assert conversation.take(part, 0, len(part), to_server, number, out) == len(part)
    return [Message(*row) for row in out]


def test_a_connection_begins() -> None:
    url = "opc.tcp://plc:4840"
    hello = chunk(b"HEL", pack("<5I", 0, 65535, 65536, 1, 2) + text(url))
    rows = read(
        (True, hello),
        (False, chunk(b"ACK", pack("<5I", 0, 8192, 8192, 0, 0))),
        (False, chunk(b"ERR", pack("<I", 0x80830000) + text("no such endpoint"))),
        (False, chunk(b"RHE", text("urn:server") + text(url))),
    )
    assert [(row.role, row.code, row.object, row.outcome) for row in rows] == [
        ("message", "hello", url, ""),
        ("message", "acknowledge", "", "success"),
        ("message", "error", "", "failure"),
        ("message", "reverse_hello", url, ""),
    ]
    assert rows[0].fields == {
        "version": 0, "receive_buffer": 65535, "send_buffer": 65536, "max_message": 1, "max_chunks": 2, "url": url,
    }  # fmt: skip
    assert (rows[2].fields["status"], rows[2].fields["reason"]) == ("bad_tcp_endpoint_url_invalid", "no such endpoint")


def test_a_channel_without_security() -> None:
    (row,) = read((True, opened()))
    assert (row.role, row.code) == ("message", "open_secure_channel")
    assert {key: row.fields[key] for key in ("policy", "certificate", "request_type", "security_mode", "lifetime_ms", "timeout_ms")} == {
        "policy": NONE, "certificate": False, "request_type": "issue", "security_mode": "none", "lifetime_ms": 3600000, "timeout_ms": 5000,
    }  # fmt: skip


def test_an_encrypted_conversation_is_said_to_be_secured() -> None:
    body = chunk(b"MSG", pack("<II", 7, 1) + bytes(range(100, 200)))
    rows = read((True, opened(SHA256)), (True, body), (False, body))
    assert [(row.role, row.code, row.fields["secured"]) for row in rows] == [
        ("message", "open_secure_channel", True),
        ("message", "message", True),
        ("message", "message", True),
    ]
    assert rows[0].fields["certificate"] is True
    assert "malformed" not in rows[1].fields


def test_a_signed_message_is_read() -> None:
    plain = read_request("Line1.Speed")
    signed = chunk(b"MSG", plain[8:] + bytes(32))
    row = read((True, opened(SHA256)), (True, signed))[1]
    assert (row.role, row.code, row.object, row.fields["signed"]) == ("command", "read", "ns=2;s=Line1.Speed", True)


def test_a_value_is_read() -> None:
    value = b"\x0d\x0b" + pack("<d", 1.5) + pack("<q", EPOCH + 10) + pack("<q", EPOCH + 20)
    rows = read((True, opened() + read_request("Line1.Speed")), (False, message(634, answered() + pack("<i", 1) + value + pack("<i", 0))))
    request, response = rows[1:]
    assert (request.role, request.code, request.object, request.outcome) == ("command", "read", "ns=2;s=Line1.Speed", "")
    assert request.fields["nodes"] == [{"node": "ns=2;s=Line1.Speed", "attribute": "value"}]
    assert (response.role, response.code, response.object, response.outcome) == ("response", "read", "ns=2;s=Line1.Speed", "success")
    assert response.fields["results"] == [{"type": "Double", "value": 1.5, "source_time": 1, "server_time": 2}]
    assert (response.fields["value"], response.fields["matched"], response.fields["result"]) == (1.5, True, "good")


def test_several_nodes_are_read_and_only_one_is_there() -> None:
    bad = b"\2" + pack("<I", 0x80340000)
    good = b"\1\x01\x01"
    for results, outcome in (((bad, good), "success"), ((bad, bad), "failure")):
        rows = read(
            (True, opened() + read_request("a", "b")),
            (False, message(634, answered() + pack("<i", 2) + b"".join(results) + pack("<i", 0))),
        )
        assert (rows[2].object, rows[2].outcome) == ("ns=2;s=a,ns=2;s=b", outcome)
    assert rows[2].fields["results"][0] == {"status": "bad_node_id_unknown"}


def test_a_value_is_written_and_refused() -> None:
    body = asked(audit="shift 3") + pack("<i", 1) + node("Line1.Speed") + pack("<I", 13) + text(None) + b"\1\x06" + pack("<i", -5)
    rows = read((True, opened() + message(673, body)), (False, message(676, answered() + pack("<iIi", 1, 0x803B0000, 0))))
    request, response = rows[1:]
    assert (request.role, request.code, request.object) == ("command", "write", "ns=2;s=Line1.Speed")
    assert (request.fields["value"], request.fields["audit_entry"], request.fields["handle"]) == (-5, "shift 3", 9)
    assert request.fields["nodes"][0]["data"] == {"type": "Int32", "value": -5}
    assert (response.outcome, response.fields["results"]) == ("failure", ["bad_not_writable"])


def test_a_method_is_called() -> None:
    body = asked() + pack("<i", 1) + node("Line1") + node("Start") + pack("<i", 1) + b"\x0c" + text("fast")
    request = read((True, opened() + message(712, body)))[1]
    assert (request.role, request.code, request.object) == ("command", "call", "ns=2;s=Line1/ns=2;s=Start")
    assert request.fields["methods"][0]["arguments"] == [{"type": "String", "value": "fast"}]


def test_a_session_names_its_user_and_keeps_its_password() -> None:
    application = text("urn:client") + text("urn:product") + b"\2" + text("HMI") + pack("<I", 1) + text(None) * 2 + pack("<i", -1)
    create = (
        application + text(None) + text("opc.tcp://plc:4840") + text("session 1") + text(b"nonce") + text(None) + pack("<dI", 60000.0, 0)
    )
    token = text("username") + text("bob") + text("secret") + text(None)
    identity = pack("<BBH", 1, 0, 324) + b"\1" + text(token)
    activate = text(None) * 2 + pack("<i", 0) + pack("<i", 0) + identity + text(None) * 2
    rows = read(
        (True, opened() + message(461, asked() + create) + message(467, asked() + activate, 2)),
        (False, message(397, answered(0x80210000), 2)),
    )
    assert (rows[1].role, rows[1].code, rows[1].object) == ("message", "create_session", "opc.tcp://plc:4840")
    assert rows[1].fields["client"] == {"uri": "urn:client", "product_uri": "urn:product", "name": "HMI", "kind": "client"}
    assert (rows[2].code, rows[2].object, rows[2].fields["token_kind"]) == ("activate_session", "bob", "user_name")
    assert "secret" not in json.dumps(rows[2].fields)
    assert (rows[3].role, rows[3].code, rows[3].object, rows[3].outcome) == ("message", "activate_session", "bob", "failure")
    assert (rows[3].fields["fault"], rows[3].fields["result"]) == (True, "bad_identity_token_rejected")


def test_notifications_name_their_nodes() -> None:
    monitor = (
        node("Speed")
        + pack("<I", 13)
        + text(None)
        + pack("<H", 0)
        + text(None)
        + pack("<IId", 2, 77, 50.0)
        + b"\0\0\0"
        + pack("<I?", 1, True)
    )
    create = asked() + pack("<IIi", 5, 2, 1) + monitor
    items = pack("<iI", 1, 77) + b"\1\x0b" + pack("<d", 8.5) + pack("<i", 0)
    notification = pack("<BBH", 1, 0, 811) + b"\1" + text(items)
    publish = answered() + pack("<IiI?Iqi", 5, 1, 3, False, 3, EPOCH, 1) + notification + pack("<ii", 0, 0)
    rows = read((True, opened() + message(751, create) + message(826, asked() + pack("<i", 0), 2)), (False, message(829, publish, 2)))
    assert rows[1].object == "ns=2;s=Speed"
    assert (rows[3].code, rows[3].object) == ("publish", "ns=2;s=Speed")
    assert rows[3].fields["notifications"][0]["items"] == [
        {"client_handle": 77, "data": {"type": "Double", "value": 8.5}, "node": "ns=2;s=Speed"}
    ]


def test_a_server_tells_its_make() -> None:
    build = text("urn:p") + text("Siemens AG") + text("S7-1500") + text("V2.9") + text("1") + pack("<q", 0)
    value = b"\1\x16" + pack("<BBH", 1, 0, 340) + b"\1" + text(build)
    rows = read((True, opened() + read_request("x")), (False, message(634, answered() + pack("<i", 1) + value + pack("<i", 0))))
    assert rows[2].fields["device"] == {"vendor": "Siemens AG", "model": "S7-1500", "firmware": "V2.9"}


@pytest.mark.parametrize("type_id", [*SERVICES, *RESPONSES, 397])
def test_every_service_is_named_and_given_its_role(type_id: int) -> None:
    name = SERVICES.get(type_id) or RESPONSES.get(type_id, "service_fault")
    asks = type_id in SERVICES
    row = read((asks, opened()), (asks, message(type_id, asked() if asks else answered(), 2)))[1]
    assert row.code == name
    assert row.role in ROLES


def test_a_message_in_chunks() -> None:
    whole = read_request(*(f"Node{number}" for number in range(300)))
    head, body = whole[8:24], whole[24:]
    parts = [chunk(b"MSG", head + body[:500], b"C"), chunk(b"MSG", head + body[500:900], b"C"), chunk(b"MSG", head + body[900:])]
    rows = read((True, opened() + parts[0] + parts[1]), (True, parts[2]))
    assert (rows[1].packet, rows[1].code, rows[1].fields["chunks"], rows[1].size) == (1, "read", 3, sum(map(len, parts)))
    assert (len(rows[1].fields["nodes"]), rows[1].fields["nodes_count"]) == (LISTED, 300)
    given_up = read((True, opened() + parts[0] + chunk(b"MSG", head + pack("<I", 0x800A0000) + text("late"), b"A")))[1]
    assert (given_up.code, given_up.outcome, given_up.fields["status"]) == ("abort", "failure", "bad_timeout")


def test_endless_chunks_cost_no_memory() -> None:
    piece = chunk(b"MSG", pack("<IIII", 7, 1, 50, 1) + bytes(60_000), b"C")
    conversation, out = opcua.conversation(0), list[Plain]()
    conversation.take(opened(), 0, len(opened()), True, 0, out)
    for number in range(100):
        conversation.take(piece, 0, len(piece), True, number, out)
    assert {row[4] for row in out[1:]} == {"problem"}
    conversation.gap(True)
    late = read_request("a")
    conversation.take(late, 0, len(late), True, 0, out)
    assert out[-1][5] == "read"


def test_a_chunk_of_megabytes_is_passed_over() -> None:
    head = b"MSGF" + pack("<I", 3_000_000)
    rows = read((True, opened() + head + bytes(1000)), (True, bytes(3_000_000 - 1008) + read_request("a")))
    assert [row.role for row in rows] == ["message", "problem", "command"]


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"\0\x55", "i=85"),
        (b"\1\2\x39\5", "ns=2;i=1337"),
        (b"\2\3\0\0\0\1\0", "ns=3;i=65536"),
        (b"\3\1\0" + text("a b"), "ns=1;s=a b"),
        (b"\4\0\0" + bytes(range(16)), "g=03020100-0504-0706-0809-0a0b0c0d0e0f"),
        (b"\5\2\0" + text(b"\xff\0"), "ns=2;b=ff00"),
        (b"\x80\x55" + text("urn:x"), "nsu=urn:x;i=85"),
        (b"\x41\2\x39\5\7\0\0\0", "svr=7;ns=2;i=1337"),
    ],
)
def test_node_ids(raw: bytes, wanted: str) -> None:
    assert node_id(raw, 0) == (wanted, len(raw))


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"\0", {}),
        (b"\1\1", {"type": "Boolean", "value": True}),
        (b"\2\xff", {"type": "SByte", "value": -1}),
        (b"\5\xff\xff", {"type": "UInt16", "value": 65535}),
        (b"\x09" + b"\xff" * 8, {"type": "UInt64", "value": (1 << 64) - 1}),
        (b"\x0a\0\0\x80\x7f", {"type": "Float", "value": None}),
        (b"\x0d" + pack("<q", EPOCH), {"type": "DateTime", "value": 0}),
        (b"\x0f" + text(b"\1\2"), {"type": "ByteString", "value": "0102"}),
        (b"\x13" + pack("<I", 0x80340000), {"type": "StatusCode", "value": "bad_node_id_unknown"}),
        (b"\x14\2\0" + text("n"), {"type": "QualifiedName", "value": "2:n"}),
        (b"\x15\3" + text("en") + text("hi"), {"type": "LocalizedText", "value": "hi"}),
        (b"\x84\2\0\0\0\1\0\2\0", {"type": "Int16", "value": [1, 2]}),
        (b"\xc4\4\0\0\0" + pack("<4h", 1, 2, 3, 4) + pack("<iii", 2, 2, 2), {"type": "Int16", "value": [1, 2, 3, 4], "dimensions": [2, 2]}),
        (b"\x83" + pack("<i", 300) + bytes(300), {"type": "Byte", "value": [0] * LISTED, "count": 300}),
        (b"\x8c" + pack("<i", 2) + text("a") + text(None), {"type": "String", "value": ["a", ""]}),
        (b"\x98" + pack("<i", 1) + b"\1\1", {"type": "Variant", "value": [{"type": "Boolean", "value": True}]}),
        (b"\x17\1\1\1", {"type": "DataValue", "value": {"type": "Boolean", "value": True}}),
    ],
)
def test_variants(raw: bytes, wanted: dict[str, Any]) -> None:
    assert variant(raw, 0) == (wanted, len(raw))


def test_a_data_value_with_all_its_parts() -> None:
    raw = b"\x3f\1\1" + pack("<I", 0x40000000) + pack("<q", EPOCH) + b"\1\0" + pack("<q", EPOCH + 10) + b"\2\0"
    assert data_value(raw, 0) == ({"type": "Boolean", "value": True, "status": "uncertain", "source_time": 0, "server_time": 1}, len(raw))


def test_diagnostics_and_unknown_kinds_are_passed_over() -> None:
    inner = b"\x3f" + pack("<4i", 1, 2, 3, 4) + text("more") + pack("<I", 0)
    assert diagnostics(b"\x41" + pack("<i", 1) + inner, 0) == (None, 5 + len(inner))
    for broken in (b"\x40" * 20 + b"\0", b"\x0f\0"):
        with pytest.raises(BROKEN):
            diagnostics(broken, 0)
    assert variant(b"\x1a" + text(b"\1"), 0) == ({"type": "type_26", "value": "01"}, 6)
    header = pack("<qII", EPOCH, 9, 0) + b"\x41" + pack("<i", 1) + inner + pack("<i", 1) + text("why") + b"\0\0\0"
    row = read((True, opened() + read_request("a")), (False, message(634, header + pack("<i", 1) + b"\1\1\1" + pack("<i", 0))))[2]
    assert (row.fields["value"], "malformed" in row.fields) == (True, False)


def test_what_is_no_message_is_told_once() -> None:
    rows = read((True, b"garbage" * 30 + read_request("a")), (True, b"MSGF" + pack("<I", 3) + b"x"))
    assert [row.role for row in rows] == ["problem", "command", "problem"]
    assert rows[0].fields["problem"] == "no message begins here"
    (broken,) = read((True, chunk(b"HEL", bytes(8))))
    assert broken.fields["problem"] == "a malformed hello"
    cut = read((True, opened() + message(631, asked() + pack("<dIi", 0.0, 2, 5) + node("a"))))[1]
    assert (cut.code, cut.fields["malformed"][:25]) == ("read", "a read request that is cu")


def test_hostile_lengths_and_depths_end() -> None:
    deep = b"\x98\1\0\0\0" * 200 + b"\0"
    many = asked() + pack("<i", 1) + node("a") + pack("<I", 13) + text(None) + b"\1\x8c" + pack("<i", 1 << 30)
    rows = read(
        (True, opened() + message(673, asked() + pack("<i", 1) + node("a") + pack("<I", 13) + text(None) + b"\1" + deep)),
        (True, message(673, many)),
        (True, (b"HELF" + bytes(4)) * 50_000),
    )
    assert ["malformed" in row.fields for row in rows[1:3]] == [True, True]
    assert len(rows) == 4


def test_bytes_that_come_in_pieces_say_the_same() -> None:
    data = opened() + read_request("Line1.Speed") + chunk(b"ERR", pack("<I", 0) + text("x"))
    whole = read((True, data))
    for cut in range(1, len(data)):
        conversation, out = opcua.conversation(7), list[Plain]()
        used = conversation.take(data, 0, cut, True, 0, out)
        assert conversation.take(data, used, len(data), True, 0, out) == len(data)
        assert out == whole


def test_likely_wants_a_message_that_fits() -> None:
    hello = chunk(b"HEL", pack("<5I", 0, 65535, 65536, 1, 2) + text("opc.tcp://plc"))
    assert opcua.likely(b"xx" + hello, 2, len(hello) + 2)
    for good in (hello, opened(), read_request("a"), chunk(b"ACK", bytes(20)), chunk(b"ERR", bytes(8))):
        assert opcua.likely(good, 0, len(good))
    for bad in (
        hello + b"x" * (1 << 20),
        hello[:11],
        b"HELP me, I am no message at all ..",
        b"MSGF" + bytes(30),
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        assert not opcua.likely(bad, 0, len(bad))


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = opcua.conversation(0), list[Plain]()
    used = conversation.take(data, 0, len(data), to_server, 0, out)
    assert 0 <= used <= len(data)
    json.dumps(out, allow_nan=False)


@given(st.sampled_from([*SERVICES, *RESPONSES]), st.binary(max_size=200))
def test_any_body_is_told(type_id: int, body: bytes) -> None:
    head = asked() if type_id in SERVICES else answered()
    for part in (body, head + body):
        rows = read((True, opened()), (True, message(type_id, part)))
        assert len(rows) == 2
        json.dumps(rows, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_messages_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    data = bytearray(opened() + read_request("a", "b") * 2 + message(467, asked() + text(None) * 4))
    for _ in range(drawn.randint(1, 6)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = opcua.conversation(0), list[Plain]()
    used = conversation.take(bytes(data), 0, len(data), bool(seed & 1), 0, out)
    assert 0 <= used <= len(data)
    json.dumps(out, allow_nan=False)
