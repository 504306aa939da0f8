"""DNS messages built by hand after RFC 1035, 6762, 6891 and 9460: sections, names, EDNS, pairing, UDP and TCP, and other bytes."""

import json
import random
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import dns
from interferon.dissect.dns_records import label
from interferon.dissect.message import Message, Plain


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".") if part) + b"\0"


def question(text: str, kind: int = 1, group: int = 1) -> bytes:
    return name(text) + pack(">HH", kind, group)


def record(owner: bytes, kind: int, data: bytes, ttl: int = 300, group: int = 1) -> bytes:
    return owner + pack(">HHIH", kind, group, ttl, len(data)) + data


def message(number: int, flags: int, asked: list[bytes], *sections: list[bytes]) -> bytes:
    listed = [*sections, [], [], []][:3]
    return pack(">6H", number, flags, len(asked), *map(len, listed)) + b"".join([*asked, *(each for part in listed for each in part)])


def read(*parts: tuple[bool, bytes]) -> list[Message]:
    conversation, out = dns.conversation(3), list[Plain]()
    for number, (to_server, part) in enumerate(parts):
        assert conversation.take(b"!" + part + b"!", 1, 1 + len(part), to_server, number, out) == 1 + len(part)
    return [Message(*row) for row in out]


QUERY = message(0x1234, 0x0100, [question("www.plant.example")])
POINT = b"\xc0\x0c"  # to the name of the first question


def test_a_query_and_its_response() -> None:
    answer = message(
        0x1234, 0x8580, [question("www.plant.example")],
        [record(POINT, 5, b"\x04host\xc0\x10"), record(b"\xc0\x2f", 1, b"\x0a\0\0\x05", 60)],
    )  # fmt: skip
    asked, told = read((True, QUERY), (False, answer))
    assert (asked.code, asked.object, asked.outcome, asked.size, asked.flow, asked.role) == (
        "query",
        "www.plant.example",
        "",
        35,
        3,
        "message",
    )
    assert asked.fields == {
        "id": 0x1234, "opcode": "query", "authoritative": False, "truncated": False, "recursion_desired": True,
        "recursion_available": False, "authentic_data": False, "checking_disabled": False, "query": "www.plant.example", "qtype": "A",
    }  # fmt: skip
    assert (told.code, told.object, told.outcome, told.to_server) == ("response", "www.plant.example", "success", False)
    assert told.fields["answers"] == [
        {"name": "www.plant.example", "type": "CNAME", "ttl": 300, "data": "host.plant.example"},
        {"name": "host.plant.example", "type": "A", "ttl": 60, "data": "10.0.0.5"},
    ]
    assert (told.fields["rcode"], told.fields["authoritative"], told.fields["query_packet"]) == ("NOERROR", True, 0)


DATA = [
    (28, bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
    (2, name("ns.example"), "ns.example"),
    (12, b"\x03plc" + POINT, "plc.a.example"),
    (15, b"\0\x0a\x04mail" + POINT, {"preference": 10, "exchange": "mail.a.example"}),
    (16, b"\x03abc\x00\x02\xc3\xa9", ["abc", "", "é"]),
    (33, b"\0\1\0\2\x14\x66" + name("s.example"), {"priority": 1, "weight": 2, "port": 5222, "target": "s.example"}),
    (6, POINT + name("root.example") + pack(">5I", 7, 6, 5, 4, 3),
     {"mname": "a.example", "rname": "root.example", "serial": 7, "refresh": 6, "retry": 5, "expire": 4, "minimum": 3}),
    (65, b"\0\1\0" + b"\0\1\0\6\x02h2\x02h3" + b"\0\3\0\2\x01\xbb" + b"\0\4\0\4\1\2\3\4" + b"\0\5\0\2\xfe\x0d" + b"\x02\x9a\0\1\xff",
     {"priority": 1, "target": ".", "alpn": ["h2", "h3"], "port": 443, "ipv4hint": ["1.2.3.4"], "ech": "fe0d", "key666": "ff"}),
    (257, b"\0\5issueca.example", {"flags": 0, "tag": "issue", "value": "ca.example"}),
    (46, b"\1\2\3", "010203"),
    (64, b"\0\1\0" + b"\0\0\0\4\0\1\2\x9a" + b"\0\2\0\0" + b"\0\6\0\x10" + bytes(15) + b"\1" + b"\0\7\0\5/q{?}",
     {"priority": 1, "target": ".", "mandatory": ["alpn", "key666"], "no_default_alpn": True, "ipv6hint": ["::1"], "dohpath": "/q{?}"}),
    (256, b"\0\1\0\2ftp://a", {"priority": 1, "weight": 2, "target": "ftp://a"}),
    (16, b"\5ab", {"malformed": "056162"}),
    (64, b"\0\1\0\0\1\0\5a", {"malformed": "00010000010005" + "61"}),
    (257, b"\0\5is", {"malformed": "00056973"}),
    (65280, b"", ""),
    (1, b"\1\2\3", {"malformed": "010203"}),
    (33, b"\0\1", {"malformed": "0001"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "expected"), DATA)
def test_the_data_of_a_record(kind: int, data: bytes, expected: object) -> None:
    (told,) = read((False, message(5, 0x8180, [question("a.example", kind)], [record(POINT, kind, data)])))
    assert told.fields["answers"][0]["data"] == expected
    assert "malformed" not in told.fields


def test_results_and_sections() -> None:
    soa = name("ns.example") + name("r.example") + bytes(20)
    (told,) = read(
        (False, message(5, 0x8183, [question("no.example")], [], [record(name("example"), 6, soa)], [record(b"\0", 1, b"\1\1\1\1")]))
    )
    assert (told.outcome, told.fields["rcode"], told.object) == ("failure", "NXDOMAIN", "no.example")
    assert told.fields["authorities"][0]["name"] == "example"
    assert told.fields["additional"] == [{"name": ".", "type": "A", "ttl": 300, "data": "1.1.1.1"}]
    assert "answers" not in told.fields


def test_edns() -> None:
    options = b"\0\x08\0\x07\0\1\x18\0\x0a\x01\x02" + b"\0\x0a\0\2\xca\xfe" + b"\0\x0c\0\3\0\0\0" + b"\0\x0f\0\4\0\x12no"
    opt = b"\0" + pack(">HHIH", 41, 1232, 0x01008000, len(options)) + options
    (told,) = read((False, message(5, 0x8180, [question("a.example")], [], [], [opt])))
    assert told.fields["edns"] == {
        "udp_size": 1232, "version": 0, "dnssec_ok": True,
        "options": {"client_subnet": "10.1.2.0/24", "cookie": "cafe", "padding": 3, "extended_error": {"code": 18, "text": "no"}},
    }  # fmt: skip
    assert (told.fields["rcode"], told.outcome) == ("BADVERS", "failure")


def test_edns_in_part() -> None:
    for options, told in ((b"\0\x08\0\4\0\2\x30\0", {"client_subnet": "::/48"}), (b"\xff\0\0\1a", {"option65280": "61"})):
        opt = b"\0" + pack(">HHIH", 41, 512, 0, len(options)) + options
        (found,) = read((False, message(5, 0x8180, [question("a.example")], [], [], [opt])))
        assert found.fields["edns"]["options"] == told
    opt = b"\0" + pack(">HHIH", 41, 512, 0, 6) + b"\0\x0a\0\x09ab"
    (found,) = read((False, message(5, 0x8180, [question("a.example")], [], [], [opt])))
    assert found.fields["edns"]["malformed"] == "an option breaks off"


def test_stateful_operations_have_values() -> None:
    (told,) = read((True, message(5, 0x3000, []) + b"\0\1\0\2ab"))
    assert (told.code, told.fields["opcode"], told.fields["values"]) == ("query", "stateful", "000100026162")


def test_a_response_without_its_question_is_known_by_its_id() -> None:
    refused = message(0x1234, 0x8105, [])
    _, told = read((True, QUERY), (False, refused))
    assert (told.object, told.fields["qtype"], told.fields["rcode"], told.outcome) == ("www.plant.example", "A", "REFUSED", "failure")
    _, other = read((True, QUERY), (False, message(0x1234, 0x8180, [question("other.example")])))
    assert "query_packet" not in other.fields


def test_names_loop_and_break_off_without_end() -> None:
    for owner, reason in ((b"\xc0\x0c", "itself"), (b"\xc0\xff", "itself or ahead"), (b"\x40a", "unknown kind"), (b"\x05ab", "breaks off")):
        (told,) = read((True, message(9, 0x0100, [owner + b"\0\1\0\1"])))
        assert told.role == "problem"
        (told,) = read((False, message(9, 0x8100, [question("a.example")], [owner])))
        assert "malformed" in told.fields, reason
        assert told.object == "a.example"


def test_a_name_is_no_longer_than_the_standard_has_it() -> None:
    long = b"\x3f" + b"a" * 63
    (told,) = read((True, message(9, 0x0100, [long * 3 + b"\x3d" + b"a" * 61 + b"\0\0\1\0\1"])))
    assert len(told.object) == 253
    (told,) = read((True, message(9, 0x0100, [long * 4 + b"\0\0\1\0\1"])))
    assert told.role == "problem"


def test_labels_are_written_as_text() -> None:
    assert [label(raw) for raw in (b"a.b", b"a\\", b"\x00\x1f", b"\xff a", "Büro".encode())] == [
        "a\\.b",
        "a\\\\",
        "\\000\\031",
        "\\255 a",
        "Büro",
    ]


def test_multicast() -> None:
    asked = message(0, 0, [question("_opcua-tcp._tcp.local", 12, 0x8001), question("plc.local", 255)])
    told = message(0, 0x8400, [], [record(name("plc.local"), 1, b"\x0a\0\0\7", 120, 0x8001)])
    first, second = read((True, asked), (True, told))
    assert first.fields["questions"][0] == {"query": "_opcua-tcp._tcp.local", "qtype": "PTR", "unicast_response": True}
    assert (second.code, second.object, second.fields["authoritative"]) == ("response", "plc.local", True)
    assert second.fields["answers"] == [{"name": "plc.local", "type": "A", "cache_flush": True, "ttl": 120, "data": "10.0.0.7"}]


def test_update_and_other_classes() -> None:
    gone = name("old.example") + pack(">HHIH", 255, 255, 0, 0)
    update, version = read(
        (True, message(8, 0x2800, [question("example", 6)], [], [gone])), (True, message(9, 0x0100, [question("version.bind", 16, 3)]))
    )
    assert (update.fields["opcode"], update.object) == ("update", "example")
    assert update.fields["authorities"] == [{"name": "old.example", "type": "ANY", "class": "ANY", "ttl": 0, "data": ""}]
    assert version.fields["qclass"] == "CH"


def framed(data: bytes) -> bytes:
    return pack(">H", len(data)) + data


def test_messages_over_tcp_cut_anywhere() -> None:
    data = framed(QUERY) + framed(message(77, 0x0120, [question("b.example", 252)])) + framed(QUERY)
    for cut in range(1, len(data)):
        conversation, out = dns.conversation(0), list[Plain]()
        used = conversation.take(data, 0, cut, True, 1, out)
        assert conversation.take(data, used, len(data), True, 2, out) == len(data)
        assert [row[6] for row in out] == ["www.plant.example", "b.example", "www.plant.example"]


def test_what_is_no_dns_on_its_port_is_told() -> None:
    (told,) = read((True, b"SSH-2.0-tunnel over the port of names\r\n"))
    assert (told.role, told.fields["sample"][:8]) == ("problem", b"SSH-".hex())
    conversation, out = dns.conversation(0), list[Plain]()
    data = framed(QUERY) + b"\xff" * 40
    assert conversation.take(data, 0, len(data), True, 0, out) == len(data)
    assert [row[4] for row in out] == ["message", "problem"]
    conversation.gap(True)
    again = framed(QUERY)
    assert conversation.take(again, 0, len(again), True, 1, out) == len(again)
    assert out[-1][6] == "www.plant.example"


def test_likely() -> None:
    assert dns.likely(QUERY, 0, len(QUERY))
    assert dns.likely(framed(QUERY), 0, len(QUERY) + 2)
    assert not dns.likely(QUERY, 0, len(QUERY) - 1)
    assert not dns.likely(QUERY + b"\0", 0, len(QUERY) + 1)
    assert not dns.likely(bytes(40), 0, 40)
    for kind, asked in ((32, "FDEBFDCACACACACACACACACACACACABL"), (33, "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")):
        netbios = message(9, 0x0110, [question(asked, kind)])
        assert not dns.likely(netbios, 0, len(netbios))


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    conversation, out = dns.conversation(0), list[Plain]()
    dns.likely(data, 0, len(data))
    for to_server in (True, False):
        assert 0 <= conversation.take(data, 0, len(data), to_server, 0, out) <= len(data)
    json.dumps(out, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_messages_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    records = [record(POINT, kind, data) for kind, data, _ in DATA]
    data = bytearray(
        framed(message(1, 0x8180, [question("a.example")], records)) if seed & 1 else message(1, 0x8180, [question("a.example")], records)
    )
    for _ in range(drawn.randint(1, 4)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = dns.conversation(0), list[Plain]()
    assert 0 <= conversation.take(bytes(data), 0, drawn.randint(0, len(data)), False, 0, out) <= len(data)
    json.dumps(out, allow_nan=False)
    for row in out:
        str(row[9]).encode()


def test_pointers_to_pointers_end() -> None:
    begin = 12 + 7 + 11  # of the data of the first record, whose each pointer leads to the one before it
    chain = b"\0\0" + b"".join(pack(">H", 0xC000 | begin + 2 * place) for place in range(8000))
    last = pack(">H", 0xC000 | begin + 2 * 7000)
    (told,) = read((False, message(1, 0x8180, [question("a")], [record(b"\0", 10, chain)] + [record(last, 1, b"1234")] * 2000)))
    assert "pointers" in told.fields["malformed"]
