"""HTTP/1.x messages built by hand after RFC 9110 and 9112: heads, bodies, pairing, tunnels, what is left out, and bytes that are none."""

import json
import random
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import http
from interferon.dissect.http_head import head
from interferon.dissect.message import Message, Plain

GET = b"GET /api/tags?name=a HTTP/1.1\r\nHost: hist.plant.example:8080\r\nUser-Agent: probe/1.0\r\n\r\n"


def ask(method: str = "GET", path: str = "/", *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *fields, "", ""]).encode() + body


def reply(status: int = 200, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Said", *fields, "", ""]).encode() + body


def read(*parts: tuple[bool, bytes]) -> list[Message]:
    conversation, out = http.conversation(3), list[Plain]()
    for number, (to_server, part) in enumerate(parts):
        assert conversation.take(b"!" + part + b"!", 1, 1 + len(part), to_server, number, out) == 1 + len(part)
    return [Message(*row) for row in out]


def test_a_request_and_its_response() -> None:
    asked, told = read((True, GET), (False, reply(404, "Server: nginx", "Content-Type: text/html", "Content-Length: 3", body=b"no!")))
    assert (asked.code, asked.object, asked.outcome, asked.size) == ("GET", "hist.plant.example:8080/api/tags", "", len(GET))
    assert asked.fields == {
        "method": "GET", "host": "hist.plant.example:8080", "uri": "/api/tags?name=a", "path": "/api/tags", "version": "1.1",
        "user_agent": "probe/1.0", "head_length": len(GET),
    }  # fmt: skip
    assert (told.code, told.object, told.outcome, told.to_server) == ("404", "hist.plant.example:8080/api/tags", "failure", False)
    assert told.size == told.fields["head_length"] + 3
    assert told.fields == {
        "status": 404, "reason": "Said", "version": "1.1", "server": "nginx", "content_type": "text/html", "content_length": 3,
        "method": "GET", "host": "hist.plant.example:8080", "uri": "/api/tags?name=a", "request_packet": 0,
        "head_length": told.size - 3,
    }  # fmt: skip


def test_bodies_are_passed_over() -> None:
    chunked = b"4;ext=1\r\nGET \r\n" + b"A\r\n" + b"HTTP/1.1 2" + b"\r\n0\r\nX-Sum: 1\r\n\r\n"
    client = ask("POST", "/a", "Content-Length: 20", body=b"GET /no HTTP/1.1\r\n\r\n") + ask(
        "PUT", "/b", "Transfer-Encoding: chunked", body=chunked
    )
    client += b"\r\n" + ask("GET", "/c")
    server = (
        reply(200, "Transfer-Encoding: gzip, Chunked", body=chunked)
        + reply(201, "Content-Length: 0")
        + reply(500, body=b"HTTP/1.1 200 to the end")
    )
    found = read((True, client), (False, server))
    assert [(each.code, each.object, each.outcome) for each in found] == [
        ("POST", "h/a", ""), ("PUT", "h/b", ""), ("GET", "h/c", ""), ("200", "h/a", "success"), ("201", "h/b", "success"),
        ("500", "h/c", "failure"),
    ]  # fmt: skip


def test_messages_cut_anywhere() -> None:
    chunked = b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n"
    data = (
        ask("POST", "/a", "Transfer-Encoding: chunked", body=chunked)
        + b"\r\n"
        + ask("POST", "/b", "Content-Length: 9", body=b"123456789")
        + ask()
    )
    for cut in range(1, len(data)):
        conversation, out = http.conversation(0), list[Plain]()
        used = conversation.take(data, 0, cut, True, 1, out)
        assert conversation.take(data, used, len(data), True, 2, out) == len(data)
        assert [row[6] for row in out] == ["h/a", "h/b", "h/"]


def test_octet_by_octet() -> None:
    data = GET + reply(200, "Content-Length: 2", body=b"ok")
    conversation, out, used = http.conversation(0), list[Plain](), 0
    for end in range(1, len(data) + 1):
        used = conversation.take(data, used, end, True, end, out)
    assert [row[5] for row in out] == ["GET", "200"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 103)])
def test_responses_without_a_body(method: str, status: int) -> None:
    found = read((True, ask(method)), (False, reply(status, "Content-Length: 500") + reply(200, "Content-Length: 1", body=b"x")))
    assert [each.code for each in found] == [method, str(status), "200"]
    assert found[1].outcome == ("" if status == 103 else "success")
    assert found[2].object == ("h/" if status == 103 else "")


def test_tunnels_and_upgrades_are_not_read_on() -> None:
    found = read((True, ask("CONNECT", "plc:102")), (False, reply(200)), (True, b"\x16\3\1"), (False, b"\x16\3\1 HTTP/1.1 200 x\r\n\r\n"))
    assert [(each.code, each.object) for each in found] == [("CONNECT", "plc:102"), ("200", "plc:102")]
    upgrade = ask("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade")
    found = read((True, upgrade), (False, reply(101, "Upgrade: websocket") + b"\x81\5hello"), (True, b"\x81\x85abcd"))
    assert [(each.code, each.object, each.outcome) for each in found] == [("GET", "h/ws", ""), ("101", "h/ws", "")]
    refused = read(
        (True, ask("CONNECT", "plc:102")), (False, reply(407, "Content-Length: 0")), (True, ask("CONNECT", "plc:102")), (False, reply(200))
    )
    assert [each.code for each in refused] == ["CONNECT", "407", "CONNECT", "200"]
    assert [each.role for each in read((True, ask("CONNECT", "plc:102")), (True, b"\x16\3\1"))] == ["message"]


def test_http_2_is_recognised() -> None:
    found = read((True, http.PREFACE + b"\0\0\0\4\0\0\0\0\0"), (False, b"\0\0\0\4\0"))
    assert [(each.code, each.size) for each in found] == [("http2_preface", 24)]
    conversation, out = http.conversation(0), list[Plain]()
    assert conversation.take(http.PREFACE, 0, 20, True, 0, out) == 0
    assert conversation.take(http.PREFACE, 0, 24, True, 1, out) == 24
    assert [row[5] for row in out] == ["http2_preface"]


def test_who_asks_is_told_and_the_password_is_not() -> None:
    basic = "Basic " + b64encode(b"bob:se:cret").decode().rstrip("=")
    found = read(
        (True, ask("GET", "/", f"Authorization: {basic}")),
        (True, ask("GET", "/", "Authorization: Bearer abc.def")),
        (True, ask("GET", "/", r'Proxy-Authorization: Digest realm="x", username="al\"ice", response="00"')),
        (
            True,
            ask(
                "GET",
                "http://eve:hidden@h.example/p?token=hidden&b=1&Password=hidden",
                "Cookie: sid=hidden",
                "Referer: http://a/?sig=hidden",
            ),
        ),
        (True, ask("GET", "/", "Authorization: Basic !")),
        (False, reply(401, 'WWW-Authenticate: Basic realm="x"', "WWW-Authenticate: Negotiate", "Content-Length: 0")),
    )
    assert [(each.fields.get("authorization"), each.fields.get("user")) for each in found[:3]] == [
        ("Basic", "bob"),
        ("Bearer", None),
        (None, 'al"ice'),
    ]
    assert (found[2].fields["proxy_authorization"], found[3].object) == ("Digest", "h.example/p")
    assert found[3].fields["uri"] == "http://eve@h.example/p?token=***&b=1&Password=***"
    assert (found[4].fields["authorization"], found[5].fields["www_authenticate"]) == ("Basic", ["Basic", "Negotiate"])
    assert not any(secret in str(found) for secret in ("cret", "hidden", "abc.def"))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("Content-Length: 1", "Content-Length: 2"), "several content lengths"),
        (("Content-Length: -1",), "the content length '-1'"),
        (("Content-Length: 4", "Transfer-Encoding: chunked"), "both a length and a transfer coding"),
        (("Content-Length : 0",), "a blank before a colon"),
        (("no colon",), "a field without a name or colon"),
        (("X: a", " b"), "a folded field"),
        (("Host: other",), "several hosts"),
    ],
)
def test_what_smuggles_requests_is_told(lines: tuple[str, ...], reason: str) -> None:
    raw = ask("GET", "/", *lines).removesuffix(b"\r\n\r\n")
    assert head(raw).fields["malformed"] == reason


def test_lengths_that_agree_are_one() -> None:
    assert head(b"HTTP/1.0 200\r\nContent-Length: 5, 5\r\nContent-Length: 5").fields == {
        "status": 200, "reason": "", "version": "1.0", "content_length": 5,
    }  # fmt: skip


def test_what_is_no_http_is_told_once_and_reading_goes_on() -> None:
    found = read((True, b"\x16\3\1\0\5hello"), (True, b"more of it"), (True, GET))
    assert [each.role for each in found] == ["problem", "message"]
    (told,) = read((False, b"220 mail.example ESMTP\r\n"))
    assert (told.role, told.fields["problem"]) == ("problem", "no message begins here")
    assert read((True, b"SSH-2.0-x\r\n"))[0].role == "problem"
    assert [each.role for each in read((True, ask("PUT", "/", "Transfer-Encoding: chunked", body=b"zz\r\n")))] == ["message", "problem"]


def test_heads_and_lines_are_bounded() -> None:
    endless = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000
    (told,) = read((True, endless))
    assert told.fields["problem"] == "a head of more than 65,536 octets"
    found = read((True, ask("PUT", "/", "Transfer-Encoding: chunked", body=b"1;" + b"x" * 9000)))
    assert found[1].fields["problem"].startswith("a line of more than 4,096 octets")


def test_after_a_gap_a_message_is_looked_for() -> None:
    conversation, out = http.conversation(0), list[Plain]()
    begun = reply(200, "Content-Length: 5000", body=bytes(100))
    assert conversation.take(begun, 0, len(begun), False, 0, out) == len(begun)
    conversation.gap(False)
    for part in (b"GET lost", reply(204), reply(200, body=b"to the end")):
        assert conversation.take(part, 0, len(part), False, 1, out) == len(part)
    conversation.gap(False)
    assert conversation.take(b"more", 0, 4, False, 2, out) == 4
    assert [row[5] for row in out] == ["200", "204", "200"]


def test_a_big_body_is_passed_in_one_step_a_segment() -> None:
    conversation, out = http.conversation(0), list[Plain]()
    begun = reply(200, "Content-Length: 100000000")
    assert conversation.take(begun, 0, len(begun), False, 0, out) == len(begun)
    piece = bytes(1 << 20)
    for _ in range(95):
        assert conversation.take(piece, 0, len(piece), False, 1, out) == len(piece)
    assert (len(out), out[0][8]) == (1, len(begun) + 100_000_000)


def test_likely() -> None:
    for data in (GET, reply(), http.PREFACE, b"M-SEARCH * HTTP/1.1\r\n"):
        assert http.likely(b"x" + data, 1, 1 + len(data))
    for data in (b"GET /", b"DESCRIBE rtsp://x RTSP/1.0\r\n\r\n", b"HTTP/1.1 x", b"", b"INVITE sip:a SIP/2.0\r\n"):
        assert not http.likely(data, 0, len(data))


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = http.conversation(0), list[Plain]()
    http.likely(data, 0, len(data))
    assert 0 <= conversation.take(data, 0, len(data), to_server, 0, out) <= len(data)
    json.dumps(out, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_messages_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    chunked = b"3\r\nabc\r\n0\r\n\r\n"
    data = bytearray(
        ask("PUT", "/a", "Transfer-Encoding: chunked", "Authorization: Basic Ym9iOng=", body=chunked)
        + GET
        + reply(200, "Content-Length: 2")
    )
    for _ in range(drawn.randint(1, 6)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out, used = http.conversation(0), list[Plain](), 0
    for end in (drawn.randint(0, len(data)), len(data)):
        if end >= used:
            used = conversation.take(bytes(data), used, end, bool(seed & 1), 0, out)
        assert used <= end
    json.dumps(out, allow_nan=False)
    for row in out:
        str(row[9]).encode()
