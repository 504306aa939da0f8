"""TLS records built by hand after RFC 8446 and 5246: hellos and their fingerprints, certificates, alerts, encryption, and other bytes."""

import json
import random
from datetime import UTC, datetime
from hashlib import md5, sha256
from ipaddress import IPv4Address
from struct import pack

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import tls
from interferon.dissect.message import Message, Plain
from interferon.dissect.tls_certificate import certificate
from interferon.dissect.tls_hello import RETRY, client_hello, ja3, ja4
from interferon.dissect.tls_names import CIPHERS


def record(kind: int, body: bytes, version: bytes = b"\3\1") -> bytes:
    return bytes([kind]) + version + pack(">H", len(body)) + body


def shake(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def vector(data: bytes, size: int = 2) -> bytes:
    return len(data).to_bytes(size, "big") + data


def numbers(*values: int) -> bytes:
    return b"".join(pack(">H", each) for each in values)


def extensions(**given: bytes) -> bytes:
    ids = {"grease": 0x1A1A, "sni": 0, "groups": 10, "formats": 11, "signatures": 13, "alpn": 16, "offered": 43, "shares": 51, "ticket": 35}
    return b"".join(numbers(ids[key]) + vector(value) for key, value in given.items())


def hello(name: bytes = b"mqtt.plant.example", offered: bytes | None = None, alpn: tuple[bytes, ...] = (b"h2", b"http/1.1")) -> bytes:
    given = {
        "grease": b"",
        "sni": vector(b"\0" + vector(name)),
        "groups": vector(numbers(0x2A2A, 29, 23)),
        "formats": vector(b"\0", 1),
        "signatures": vector(numbers(0x0403, 0x0804)),
        "alpn": vector(b"".join(vector(each, 1) for each in alpn)),
    }
    given |= {} if offered is None else {"offered": vector(offered, 1)}
    suites = numbers(0x0A0A, 0x1301, 0xC02B, 0x002F)
    return b"\3\3" + bytes(32) + b"\2id" + vector(suites) + b"\1\0" + vector(extensions(**given))


def answer(suite: int = 0xC02B, random: bytes = bytes(32), rest: bytes | None = None) -> bytes:
    return b"\3\3" + random + b"\0" + numbers(suite) + b"\0" + (vector(rest) if rest is not None else b"")


def read(*parts: tuple[bool, bytes]) -> list[Message]:
    conversation, out = tls.conversation(3), list[Plain]()
    for number, (to_server, part) in enumerate(parts):
        assert conversation.take(b"!" + part + b"!", 1, 1 + len(part), to_server, number, out) == 1 + len(part)
    return [Message(*row) for row in out]


def test_a_client_hello() -> None:
    (told,) = read((True, record(22, shake(1, hello(offered=numbers(0x3A3A, 0x0304, 0x0303))))))
    assert (told.code, told.object, told.role, told.protocol) == ("client_hello", "mqtt.plant.example", "message", "tls")
    fields = told.fields
    assert (fields["version"], fields["versions"], fields["legacy_version"]) == ("TLSv1.3", ["TLSv1.3", "TLSv1.2"], "TLSv1.2")
    assert (fields["server_name"], fields["alpn"], fields["ciphers"]) == (
        "mqtt.plant.example",
        ["h2", "http/1.1"],
        ["1301", "c02b", "002f"],
    )
    assert fields["extensions"][:3] == ["server_name", "supported_groups", "ec_point_formats"]
    assert (fields["groups"], fields["signature_algorithms"], fields["session_id"]) == (["001d", "0017"], ["0403", "0804"], b"id".hex())
    text = "771,4865-49195-47,0-10-11-13-16-43,29-23,0"
    assert (fields["ja3_string"], fields["ja3"]) == (text, md5(text.encode(), usedforsecurity=False).hexdigest())
    suites, rest = sha256(b"002f,1301,c02b").hexdigest()[:12], sha256(b"000a,000b,000d,002b_0403,0804").hexdigest()[:12]
    assert fields["ja4"] == f"t13d0306h2_{suites}_{rest}"


def test_fingerprints_that_are_published() -> None:
    found = {0: b"", 10: vector(numbers(23, 24, 25)), 11: vector(b"\0", 1)}
    told = ja3(769, [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4], dict(found))
    assert told == {
        "ja3": "ada70206e40642a3e4461f35503241d5",
        "ja3_string": "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
    }
    suites = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x9C, 0x9D, 0x2F, 0x35]
    kinds = (0x1B, 0, 0x33, 0x10, 0x4469, 0x17, 0x2D, 0x0D, 5, 0x23, 0x12, 0x2B, 0xFF01, 0x0B, 0x0A, 0x15)
    given = dict.fromkeys(kinds, b"") | {
        13: vector(numbers(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)), 16: vector(b"\2h2\x08http/1.1"),
    }  # fmt: skip
    assert ja4(0x0304, suites, given) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert ja4(0x0301, [], {}) == "t10i000000_000000000000_000000000000"
    assert ja4(0x0303, [47], {16: vector(b"\2\xab\xcd")})[:10] == "t12i0101ad"


def test_a_server_hello() -> None:
    client = (True, record(22, shake(1, hello())))
    _, told = read(client, (False, record(22, shake(2, answer(rest=extensions(ticket=b"", alpn=vector(b"\2h2")))))))
    assert (told.code, told.object, told.to_server) == ("server_hello", "mqtt.plant.example", False)
    text = "771,49195,35-16"
    assert told.fields == {
        "version": "TLSv1.2", "cipher": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "alpn": ["h2"], "extensions": ["session_ticket", "alpn"],
        "ja3s": md5(text.encode(), usedforsecurity=False).hexdigest(), "ja3s_string": text,
    }  # fmt: skip
    later = answer(0x1301, RETRY, extensions(offered=b"\3\4", shares=numbers(29)))
    (told,) = read((False, record(22, shake(2, later))))
    assert {key: told.fields[key] for key in ("version", "cipher", "retry", "group")} == {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_128_GCM_SHA256",
        "retry": True,
        "group": "001d",
    }
    (old,) = read((False, record(22, shake(2, answer(0xC0FF)), b"\3\0")))
    assert (old.fields["cipher"], old.fields["extensions"]) == ("0xc0ff", [])


def authority(names: list[x509.GeneralName], subject: str = "plc-1") -> bytes:
    key = ec.derive_private_key(7, ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
    builder = builder.issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Plant CA")])).public_key(key.public_key())
    builder = builder.serial_number(0xBEEF).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


DER = authority([x509.DNSName("plc-1.plant.example"), x509.UniformResourceIdentifier("urn:plc-1")])


def chain(*given: bytes) -> bytes:
    return shake(11, vector(b"".join(vector(each, 3) for each in given), 3))


def test_a_certificate_over_many_records() -> None:
    body = chain(DER, b"\x30\x03\1\1\1")
    parts = [record(22, body[at : at + 100]) for at in range(0, len(body), 100)]
    (told,) = read(*((False, part) for part in parts))
    assert (told.code, told.object, told.packet, told.size) == ("certificate", "plc-1", len(parts) - 1, len(body))
    assert told.fields == {
        "sha256": sha256(DER).hexdigest(), "subject": "CN=plc-1", "subject_cn": "plc-1", "issuer": "CN=Plant CA", "issuer_cn": "Plant CA",
        "subject_alt_names": ["plc-1.plant.example", "urn:plc-1"], "serial": "beef", "not_before": "2026-01-01T00:00:00+00:00",
        "not_after": "2027-01-01T00:00:00+00:00", "key": "ec-secp256r1", "signature_hash": "sha256", "chain": told.fields["chain"],
    }  # fmt: skip
    assert told.fields["chain"][0]["malformed"].startswith("no certificate")


def test_names_and_damage_of_a_certificate() -> None:
    names = [
        x509.IPAddress(IPv4Address("10.0.0.5")),
        x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "d")])),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1"), b"\x05\0"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    ]
    assert certificate(authority(names))["subject_alt_names"] == ["10.0.0.5", "CN=d", "1.3.6.1:0500", "1.2.3"]
    told = certificate(DER.replace(b"urn:plc-1", b"\xff\xffn:plc-1"))
    assert (told["subject_cn"], told["malformed"]) == ("plc-1", "unreadable: subject_alt_names")
    year = DER.index(b"260101000000Z")
    assert certificate(DER[:year] + b"269901" + DER[year + 6 :]).get("malformed")


@pytest.mark.parametrize("body", [b"", b"\0\0\5\0\0\1", b"\0\0\4\0\0\x09x"])
def test_a_list_of_certificates_that_breaks_off_is_a_problem(body: bytes) -> None:
    (told,) = read((False, record(22, shake(11, body))))
    assert told.role == "problem"
    assert read((False, record(22, chain())))[0].fields == {"chain": []}


def test_alerts() -> None:
    fatal, closed = read((False, record(21, b"\2\x28")), (False, record(21, b"\1\0")))
    assert (fatal.code, fatal.object, fatal.outcome, fatal.fields["level"]) == ("alert", "handshake_failure", "failure", "fatal")
    assert (closed.object, closed.outcome) == ("close_notify", "")


def test_what_is_encrypted_is_counted() -> None:
    opening = [(True, record(22, shake(1, hello()))), (False, record(22, shake(2, answer()) + shake(14, b"")))]
    sealed = record(20, b"\1") + record(22, bytes(40)) + record(23, bytes(16000), b"\3\3") + record(21, bytes(26))
    found = read(*opening, (True, sealed))
    assert [each.code for each in found] == ["client_hello", "server_hello", "alert"]
    assert found[2].fields == {"encrypted": True, "encrypted_records": 2, "encrypted_octets": 16040, "server_name": "mqtt.plant.example"}


def test_a_hello_that_is_sent_again() -> None:
    first, again = record(22, shake(1, hello(offered=b"\3\4"))), record(20, b"\1") + record(22, shake(1, hello(offered=b"\3\4")))
    asked = record(22, shake(2, answer(0x1301, RETRY, extensions(offered=b"\3\4")))) + record(20, b"\1")
    chosen = record(22, shake(2, answer(0x1301, rest=extensions(offered=b"\3\4")))) + record(23, bytes(50))
    assert [each.code for each in read((True, first), (False, asked), (True, again), (False, chosen))] == [
        "client_hello", "server_hello", "client_hello", "server_hello",
    ]  # fmt: skip


def test_records_cut_anywhere() -> None:
    data = record(22, shake(1, hello())) + record(20, b"\1") + record(23, bytes(90)) + record(21, bytes(30))
    for cut in range(1, len(data)):
        conversation, out = tls.conversation(0), list[Plain]()
        used = conversation.take(data, 0, cut, True, 1, out)
        assert conversation.take(data, used, len(data), True, 2, out) == len(data)
        assert [row[5] for row in out] == ["client_hello", "alert"]


def test_one_octet_records_are_put_together_in_time() -> None:
    body = shake(11, bytes(200_000))
    conversation, out = tls.conversation(0), list[Plain]()
    data = b"".join(record(22, body[at : at + 1]) for at in range(len(body)))
    assert conversation.take(data, 0, len(data), False, 0, out) == len(data)
    assert [row[4] for row in out] == ["problem"]


def test_a_handshake_message_that_is_too_long_is_passed_over() -> None:
    long = b"\x0b\x07\0\0" + bytes(8000)
    parts = (
        [record(22, long)]
        + [record(22, bytes(16000))] * 28
        + [record(22, bytes(0x70000 - 8000 - 28 * 16000) + shake(14, b"") + shake(1, hello()))]
    )
    found = read(*((False, part) for part in parts))
    assert [(each.role, each.code) for each in found] == [("problem", ""), ("message", "client_hello")]
    assert read((False, record(22, shake(99, b""))))[0].fields["problem"] == "no handshake message has the type 99"


def test_ssl_2_clients() -> None:
    body = b"\1\3\1" + pack(">HHH", 6, 0, 16) + b"\0\0\x2f\7\0\xc0" + bytes(16)
    (told,) = read((True, pack(">H", 0x8000 | len(body)) + body))
    assert (told.code, told.fields) == ("client_hello", {"version": "TLSv1.0", "legacy_version": "SSLv2", "ciphers": ["00002f", "0700c0"]})


def test_what_is_no_tls_is_told_once_and_reading_goes_on() -> None:
    found = read((True, b"GET / HTTP/1.1\r\n\r\n"), (True, b"more of it"), (True, record(22, shake(1, hello()))))
    assert [each.role for each in found] == ["problem", "message"]
    assert found[0].fields["sample"] == b"GET / HTTP/1.1\r\n\r\n".hex()


def test_a_gap_ends_what_was_begun() -> None:
    conversation, out = tls.conversation(0), list[Plain]()
    begun = record(22, chain(DER)[:100])
    assert conversation.take(begun, 0, len(begun), False, 0, out) == len(begun)
    conversation.gap(False)
    for number, part in enumerate((b"the middle of a record", record(21, b"\2\x2a")), 1):
        assert conversation.take(part, 0, len(part), False, number, out) == len(part)
    assert [(row[5], row[6]) for row in out] == [("alert", "bad_certificate")]


@pytest.mark.parametrize("body", [b"", b"\3\3", b"\3\3" + bytes(32) + b"\xff", b"\3\3" + bytes(33) + b"\0\2\0\x2f\5\0"])
def test_a_malformed_hello_is_a_problem(body: bytes) -> None:
    for kind in (1, 2):
        (told,) = read((True, record(22, shake(kind, body)))) if kind == 1 or len(body) < 38 else read((True, record(22, shake(1, body))))
        assert told.role == "problem"


def test_extensions_that_break_off_keep_the_rest() -> None:
    whole = hello()
    told = client_hello(whole[:-3])
    assert (told["server_name"], told["malformed"]) == ("mqtt.plant.example", "the extensions break off")
    bare = client_hello(b"\3\1" + bytes(33) + b"\0\2\0\x2f\1\0")
    assert (bare["version"], bare["extensions"], bare["ja4"][:10]) == ("TLSv1.0", [], "t10i010000")


def test_suites_have_their_names() -> None:
    known = {0x2F: "RSA_WITH_AES_128_CBC_SHA", 0x39: "DHE_RSA_WITH_AES_256_CBC_SHA", 0xC014: "ECDHE_RSA_WITH_AES_256_CBC_SHA"}
    known |= {
        0xC028: "ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        0xC02F: "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xC007: "ECDHE_ECDSA_WITH_RC4_128_SHA",
    }
    assert {number: CIPHERS[number] for number in known} == {number: f"TLS_{name}" for number, name in known.items()}


def test_likely() -> None:
    data = record(22, shake(1, hello()))
    assert tls.likely(data, 0, len(data))
    assert tls.likely(data, 0, 11)
    assert not tls.likely(data, 0, 10)
    assert not tls.likely(record(22, shake(1, b"\3\3")), 0, 11)
    assert not tls.likely(record(23, bytes(60)), 0, 65)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = tls.conversation(0), list[Plain]()
    tls.likely(data, 0, len(data))
    assert 0 <= conversation.take(data, 0, len(data), to_server, 0, out) <= len(data)
    json.dumps(out, allow_nan=False)


@given(st.sampled_from([1, 2, 11, 12]), st.binary(max_size=200))
def test_any_handshake_message_is_read(kind: int, body: bytes) -> None:
    assert len(read((True, record(22, shake(kind, body))))) <= 1


@given(st.integers(0, 1 << 30))
def test_damaged_records_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    data = bytearray(
        record(22, shake(1, hello(offered=b"\3\4")) + shake(2, answer(rest=b""))) + record(22, chain(DER, DER)) + record(21, b"\2\x28")
    )
    for _ in range(drawn.randint(1, 6)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = tls.conversation(0), list[Plain]()
    assert 0 <= conversation.take(bytes(data), 0, drawn.randint(0, len(data)), bool(seed & 1), 0, out) <= len(data)
    json.dumps(out, allow_nan=False)
    for row in out:
        str(row[9]).encode()
