"""DNP3 frames built by hand after IEEE 1815: link, transport, application, objects, and bytes that are none of these."""

import json
import random
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import dnp3
from interferon.dissect.dnp3_points import FIXED
from interferon.dissect.message import ROLES, Message, Plain

MASTER, OUTSTATION = 0xC4, 0x44


def crc(data: bytes) -> bytes:
    """Annex E bit by bit: the polynomial 0x3D65 reflected, complemented at the end."""
    value = 0
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ 0xA6BC if value & 1 else value >> 1
    return pack("<H", value ^ 0xFFFF)


def frame(user: bytes, control: int = MASTER, dst: int = 4, src: int = 3) -> bytes:
    head = pack("<2sBBHH", b"\x05\x64", len(user) + 5, control, dst, src)
    blocks = [user[at : at + 16] for at in range(0, len(user), 16)]
    return head + crc(head) + b"".join(block + crc(block) for block in blocks)


def request(text: str, sequence: int = 0) -> bytes:
    return frame(bytes([0xC0, 0xC0 | sequence]) + bytes.fromhex(text))


def answer(text: str, iin: str = "0000", function: int = 0x81) -> bytes:
    return frame(bytes([0xC0, 0xC0, function]) + bytes.fromhex(iin + text), OUTSTATION, 3, 4)


def read(*parts: bytes, to_server: bool = True) -> list[Message]:
    conversation, out = dnp3.conversation(7), list[Plain]()
    for number, part in enumerate(parts):
        assert conversation.take(part, 0, len(part), to_server, number, out) == len(part)
    return [Message(*row) for row in out]


def only(data: bytes) -> Message:
    (found,) = read(data)
    return found


def points(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = only(data).fields["objects"][0]["points"]
    return found


def test_a_class_poll() -> None:
    found = only(request("01 3c0206 3c0306 3c0406 3c0106", 5))
    assert (found.role, found.code, found.object, found.outcome, found.size) == ("command", "read", "g60v2", "", 27)
    assert found.fields["link"] == {
        "dir": True,
        "prm": True,
        "fcb": False,
        "fcv": False,
        "function_code": 4,
        "function": "unconfirmed_user_data",
    }
    assert {key: found.fields[key] for key in ("src", "dst", "function_code", "sequence", "fir", "fin", "con", "uns")} == {
        "src": 3, "dst": 4, "function_code": 1, "sequence": 5, "fir": True, "fin": True, "con": False, "uns": False,
    }  # fmt: skip
    assert [(each["group"], each["variation"], each["qualifier"], each["count"]) for each in found.fields["objects"]] == [
        (60, 2, 6, 0), (60, 3, 6, 0), (60, 4, 6, 0), (60, 1, 6, 0),
    ]  # fmt: skip


def test_a_relay_is_closed() -> None:
    found = only(request("03 0c0128 0100 0300 41 01 64000000 c8000000 00"))
    assert (found.code, found.object, found.fields["value"]) == ("select", "g12v1:3", "close_pulse_on")
    assert found.fields["objects"][0]["points"] == [
        {
            "index": 3, "value": "close_pulse_on", "operation": "pulse_on", "trip_close": "close", "queue": False, "clear": False,
            "count": 1, "on_ms": 100, "off_ms": 200, "status_code": 0, "status": "success",
        }
    ]  # fmt: skip


def test_a_refused_control_is_a_failure() -> None:
    refused = only(answer("0c0128 0100 0300 03 01 64000000 64000000 02"))
    assert (refused.role, refused.outcome) == ("response", "failure")
    assert refused.fields["objects"][0]["points"][0]["status"] == "no_select"
    assert only(answer("0c0128 0100 0300 03 01 64000000 64000000 00")).outcome == "success"
    assert only(answer("290128 0100 0100 64000000 04")).outcome == "failure"


@pytest.mark.parametrize(
    ("iin", "names", "outcome"),
    [
        ("0000", [], "success"),
        ("9002", ["need_time", "device_restart", "object_unknown"], "failure"),
        ("0001", ["no_function_code_support"], "failure"),
        ("0004", ["parameter_error"], "failure"),
        ("0208", ["class_1_events", "event_buffer_overflow"], "success"),
    ],
)
def test_internal_indications(iin: str, names: list[str], outcome: str) -> None:
    found = only(answer("", iin))
    assert (found.code, found.fields["iin"], found.outcome) == ("response", names, outcome)


def test_the_direction_bit_says_who_confirms() -> None:
    assert only(request("00")).role == "command"
    assert read(frame(b"\xc0\xc0\x00", OUTSTATION, 3, 4), to_server=True)[0].role == "response"


def test_an_unsolicited_response_has_no_outcome() -> None:
    found = only(answer("020217 01 05 81 0100 0000 0000", function=0x82))
    assert (found.role, found.code, found.object, found.outcome) == ("response", "unsolicited_response", "g2v2:5", "")
    assert found.fields["objects"][0]["points"] == [{"index": 5, "value": 1, "flags": ["online"], "time_ms": 1}]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("010100 0209 a5", [{"index": 2 + place, "value": value} for place, value in enumerate((1, 0, 1, 0, 0, 1, 0, 1))]),
        ("010200 0000 81", [{"index": 0, "value": 1, "flags": ["online"]}]),
        ("030100 0002 24", [{"index": 0, "value": 0}, {"index": 1, "value": 1}, {"index": 2, "value": 2}]),
        ("030200 0000 81", [{"index": 0, "value": 2, "flags": ["online"]}]),
        ("020317 01 09 01 e803", [{"index": 9, "value": 0, "flags": ["online"], "relative_ms": 1000}]),
        ("0a0200 0000 81", [{"index": 0, "value": 1, "flags": ["online"]}]),
        ("0d0117 01 02 83", [{"index": 2, "value": 1, "status_code": 3, "status": "format_error"}]),
        ("140100 0000 21 0a000000", [{"index": 0, "value": 10, "flags": ["online", "rollover"]}]),
        ("140600 0000 0a00", [{"index": 0, "value": 10}]),
        ("150900 0000 ffffffff", [{"index": 0, "value": 4294967295}]),
        ("160528 0100 0700 01 02000000 e80300000000", [{"index": 7, "value": 2, "flags": ["online"], "time_ms": 1000}]),
        (
            "1e0101 0000 0100 01 ffffffff 21 02000000",
            [{"index": 0, "value": -1, "flags": ["online"]}, {"index": 1, "value": 2, "flags": ["online", "over_range"]}],
        ),
        ("1e0400 0000 feff", [{"index": 0, "value": -2}]),
        ("1e0500 0000 01 0000c03f", [{"index": 0, "value": 1.5, "flags": ["online"]}]),
        ("1e0500 0000 01 0000807f", [{"index": 0, "value": None, "flags": ["online"]}]),
        ("1e0600 0000 01 000000000000f83f", [{"index": 0, "value": 1.5, "flags": ["online"]}]),
        ("200717 01 01 01 0000c03f 010000000000", [{"index": 1, "value": 1.5, "flags": ["online"], "time_ms": 1}]),
        ("220100 0000 0500", [{"index": 0, "value": 5}]),
        ("280200 0000 01 0500", [{"index": 0, "value": 5, "flags": ["online"]}]),
        ("2b0517 01 01 00 0000c03f", [{"index": 1, "value": 1.5, "status_code": 0, "status": "success"}]),
        ("340207 01 1000", [{"index": 0, "delay_ms": 16}]),
        ("330107 01 0a0000000000", [{"index": 0, "value": 10, "time_ms": 10}]),
        ("500100 0707 00", [{"index": 7, "value": 0}]),
        ("6e0500 0000 68656c6c6f", [{"index": 0, "value": "hello"}]),
        ("6f0217 01 04 ff00", [{"index": 4, "value": "ff00"}]),
        ("00fa00 0000 01 03 505255", [{"index": 0, "name": "product_name", "type": 1, "value": "PRU"}]),
        ("00d800 0000 02 02 0100", [{"index": 0, "type": 2, "value": 1}]),
        ("510107 01 85 1e01", [{"index": 0, "value": 5, "overflow": True, "group": 30, "variation": 1}]),
        ("790100 0000 01 0200 05000000", [{"index": 0, "value": 5, "association": 2, "flags": ["online"]}]),
    ],
)  # fmt: skip
def test_points(text: str, wanted: list[dict[str, Any]]) -> None:
    assert points(answer(text)) == wanted


def test_an_analog_output_has_a_value() -> None:
    found = only(request("05 290317 01 07 0000c03f 00"))
    assert (found.code, found.object, found.fields["value"]) == ("direct_operate", "g41v3:7", 1.5)


def test_a_file_is_opened_and_read() -> None:
    name = b"a.txt"
    command = pack("<HH6sHIIHHH", 26, len(name), bytes(6), 0o777, 0, 0, 1, 1024, 9) + name
    found = only(request(f"19 46035b 01 {pack('<H', len(command)).hex()} {command.hex()}"))
    assert (found.code, found.object) == ("open_file", "g70v3:a.txt")
    point = found.fields["objects"][0]["points"][0]
    assert (point["mode"], point["permissions"], point["request_id"], point["size"]) == ("read", 0o777, 9, 31)
    block = pack("<II", 77, 0x80000003) + b"ab"
    told = points(answer(f"46055b 01 0a00 {block.hex()}"))[0]
    assert told == {"index": 0, "size": 10, "file_handle": 77, "block": 3, "last": True, "data": "6162"}
    status = pack("<IIHHB", 0, 0, 0, 9, 3)
    assert only(answer(f"46045b 01 0d00 {status.hex()}")).outcome == "failure"


def test_a_password_is_not_kept() -> None:
    login = pack("<HHHHI", 12, 3, 15, 6, 0) + b"bobsecret"
    found = only(request(f"1d 46025b 01 {pack('<H', len(login)).hex()} {login.hex()}"))
    assert found.fields["objects"][0]["points"][0]["username"] == "bob"
    assert "secret" not in json.dumps(found.fields)


def test_a_read_sends_headers_and_indices_alone() -> None:
    found = only(request("01 1e0000 0004 1e0217 02 0509 320107 01"))
    assert found.object == "g30:0-4"
    assert [each.get("points") for each in found.fields["objects"]] == [None, [{"index": 5}, {"index": 9}], None]
    assert "undissected" not in found.fields
    assert only(request("01 1e0217 02 0509")).object == "g30v2:5,9"
    assert only(request("0b 320207 01 010000000000 05000000 140006")).fields["objects"][0]["points"][0]["interval"] == 5


def test_an_object_of_unknown_size_ends_the_walk() -> None:
    found = only(answer("1e0400 0000 0100 c80100 0000 010203"))
    assert [each["group"] for each in found.fields["objects"]] == [30, 200]
    assert (found.fields["undissected"], found.outcome) == (3, "success")
    cut = only(answer("1e0400 0003 0100 0200 ff"))
    assert len(cut.fields["objects"][0]["points"]) == 2
    assert cut.fields["undissected"] == 1


def test_frames_that_carry_nothing() -> None:
    parts = (
        frame(b"", 0xC9),
        frame(b"", 0x0B, 3, 4),
        frame(b"", 0xC0),
        frame(b"", 0x00, 3, 4),
        frame(b"", 0x01, 3, 4),
        frame(b"", 0x0F, 3, 4),
    )
    assert [(row.role, row.code, row.outcome) for row in read(*parts)] == [
        ("command", "request_link_status", ""),
        ("response", "link_status", ""),
        ("command", "reset_link_states", ""),
        ("response", "ack", "success"),
        ("response", "nack", "failure"),
        ("response", "not_supported", "failure"),
    ]


def test_a_fragment_in_three_segments() -> None:
    fragment = bytes.fromhex("c08100001e0100003f") + b"".join(pack("<Bi", 1, number) for number in range(64))
    pieces = [fragment[:120], fragment[120:240], fragment[240:]]
    sent = [frame(bytes([head]) + piece, OUTSTATION, 3, 4) for head, piece in zip((0x7F, 0x00, 0x81), pieces, strict=True)]
    (found,) = read(*sent)
    assert [point["value"] for point in found.fields["objects"][0]["points"]] == list(range(64))
    assert (found.packet, found.size) == (2, sum(map(len, sent)))
    assert [row.fields["problem"] for row in read(sent[0], sent[2])] == ["a transport segment out of sequence"]
    assert [row.code for row in read(sent[0], sent[1], sent[1], sent[2])] == ["response"], "a segment that comes twice counts once"
    assert [row.role for row in read(sent[1])] == ["problem"]
    conversation, out = dnp3.conversation(0), list[Plain]()
    conversation.take(sent[0], 0, len(sent[0]), False, 0, out)
    conversation.gap(False)
    conversation.take(sent[2], 0, len(sent[2]), False, 1, out)
    assert [row[9]["problem"] for row in out] == ["a transport segment without the first of its fragment"]


def test_an_endless_fragment_is_given_up() -> None:
    segments = [frame(bytes([(0x40 if not number else 0) | number & 63]) + bytes(249)) for number in range(300)]
    found = read(*segments)
    assert found[0].fields["problem"] == "a fragment of more than 65536 octets"
    assert all(row.role == "problem" for row in found)


def test_a_wrong_crc_costs_one_frame() -> None:
    good = request("01 3c0106")
    header, block = bytearray(good), bytearray(good)
    header[8] ^= 1
    block[-1] ^= 1
    found = read(bytes(header) + good, bytes(block) + good, b"\x00\x01" + good)
    assert [row.code for row in found] == ["", "read", "", "read", "", "read"]
    assert [row.fields["problem"] for row in found[::2]] == [
        "wrong CRC or length of a frame header",
        "wrong CRC of a data block",
        "no frame begins here",
    ]
    assert found[2].fields["sample"] == block.hex()


def test_a_response_without_indications_is_a_problem() -> None:
    assert only(frame(b"\xc0\xc0\x81\x00", OUTSTATION, 3, 4)).fields["problem"] == "a response without its internal indications"


def test_bytes_that_come_in_pieces_say_the_same() -> None:
    data = request("01 3c0106") + answer("1e0101 0000 0100 01 ffffffff 21 02000000") + frame(b"", 0xC9)
    for cut in range(1, len(data)):
        conversation, out = dnp3.conversation(7), list[Plain]()
        used = conversation.take(data, 0, cut, True, 0, out)
        assert conversation.take(data, used, len(data), True, 0, out) == len(data)
        assert [row[5] for row in out] == ["read", "response", "request_link_status"]


def test_likely_wants_a_right_crc() -> None:
    good = request("01 3c0106")
    assert dnp3.likely(b"xx" + good, 2, len(good) + 2)
    assert not dnp3.likely(good, 0, 9)
    assert not any(dnp3.likely(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :], 0, len(good)) for at in range(10))


def test_a_count_without_data_costs_no_memory() -> None:
    found = only(request("02 1e0109 ffffffff"))
    assert (found.fields["undissected"], found.fields["objects"][0].get("points")) == (0, None)
    assert only(request("01 1e0109 ffffffff")).fields["objects"][0]["count"] == 0xFFFFFFFF


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = dnp3.conversation(0), list[Plain]()
    used = conversation.take(data, 0, len(data), to_server, 0, out)
    assert 0 <= used <= len(data)
    assert sum(row[8] for row in out) == used


@given(st.binary(max_size=200), st.integers(0, 255), st.booleans())
def test_any_fragment_is_told(body: bytes, function: int, master: bool) -> None:
    (found,) = read(frame(bytes([0xC0, 0xC0, function]) + body, MASTER if master else OUTSTATION))
    assert found.role in ROLES
    json.dumps(found.fields, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_frames_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    data = bytearray(
        request("01 3c0106")
        + answer("1e0101 0000 0100 01 ffffffff 21 02000000") * 2
        + request("03 0c0128 0100 0300 41 01 64000000 c8000000 00")
    )
    for _ in range(drawn.randint(1, 4)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = dnp3.conversation(0), list[Plain]()
    used = conversation.take(bytes(data), 0, len(data), True, 0, out)
    assert sum(row[8] for row in out) == used


@pytest.mark.parametrize("key", FIXED)
def test_points_read_at_once_are_those_read_one_by_one(key: int) -> None:
    size, read, many, indexed = FIXED[key]
    octets = random.Random(key).randbytes(5 * size)
    pieces = [octets[at : at + size] for at in range(0, 5 * size, size)]
    if many is not None:
        assert many(b"\xee" + octets, 1, 1 + 5 * size, 7) == [read(piece, 0, index) for index, piece in enumerate(pieces, 7)]
    if indexed is not None:
        listed = b"".join(pack("<H", 300 * index) + piece for index, piece in enumerate(pieces))
        assert indexed(b"\xee" + listed, 1, 1 + len(listed)) == [read(piece, 0, 300 * index) for index, piece in enumerate(pieces)]
