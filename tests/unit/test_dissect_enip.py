"""EtherNet/IP messages built by hand after ODVA's CIP Networks Library: encapsulation, CIP services, pairing, and bytes that are none."""

import json
import random
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import cip, enip
from interferon.dissect.cip_path import path
from interferon.dissect.message import ROLES, Message, Plain

IDENTITY = pack("<HHHBBHI", 1, 14, 55, 20, 11, 0x60, 0xC0FFEE) + b"\x0a1756-L61/B"
ROUTER, MANAGER = b"\x02\x20\x02\x24\x01", b"\x02\x20\x06\x24\x01"


def message(command: int, body: bytes = b"", session: int = 5, status: int = 0, context: bytes = b"ABCDEFGH", options: int = 0) -> bytes:
    return pack("<HHII8sI", command, len(body), session, status, context, options) + body


def unconnected(cip: bytes, context: bytes = b"ABCDEFGH") -> bytes:
    return message(0x6F, pack("<IHHHHHH", 0, 5, 2, 0, 0, 0xB2, len(cip)) + cip, context=context)


def connected(cip: bytes, sequence: int = 1, connection: int = 9, timeout: int = 0, session: int = 5, interface: int = 0) -> bytes:
    items = pack("<IHHHHIHHH", interface, timeout, 2, 0xA1, 4, connection, 0xB1, len(cip) + 2, sequence)
    return message(0x70, items + cip, session, context=bytes(8))


def tag(*names: str) -> bytes:
    found = b"".join(b"\x91" + bytes([len(name)]) + name.encode() + b"\0" * (len(name) & 1) for name in names)
    return bytes([len(found) // 2]) + found


def read(*parts: tuple[bool, bytes]) -> list[Message]:
    conversation, out = enip.conversation(7), list[Plain]()
    for number, (to_server, part) in enumerate(parts):
        assert conversation.take(part, 0, len(part), to_server, number, out) == len(part)
    return [Message(*row) for row in out]


def exchange(asked: bytes, answered: bytes) -> tuple[Message, Message]:
    request, response = read((True, connected(asked)), (False, connected(answered, connection=77)))
    assert (request.role, response.role, response.fields["matched"]) == ("command", "response", True)
    return request, response


def test_a_session_is_registered() -> None:
    rows = read(
        (True, message(0x65, pack("<HH", 1, 0), session=0)),
        (False, message(0x65, pack("<HH", 1, 0))),
        (False, message(0x65, session=0, status=0x69)),
        (True, message(0x66)),
        (True, message(0x00, b"hello", options=3)),
    )
    assert [(row.role, row.code, row.outcome) for row in rows] == [
        ("message", "register_session", ""),
        ("message", "register_session", "success"),
        ("message", "register_session", "failure"),
        ("message", "unregister_session", ""),
        ("message", "nop", ""),
    ]
    assert rows[1].fields == {
        "command": "register_session", "session": 5, "status": "success", "context": "4142434445464748", "protocol_version": 1,
        "option_flags": 0,
    }  # fmt: skip
    assert (rows[2].fields["status"], rows[4].fields["options"], rows[4].fields["data"]) == ("unsupported_prot_rev", 3, "68656c6c6f")


def test_a_device_names_itself() -> None:
    item = pack("<H", 1) + pack(">HH4s8x", 2, 44818, bytes([10, 0, 0, 5])) + IDENTITY + b"\x03"
    rows = read((True, message(0x63, session=0)), (False, message(0x63, pack("<HHH", 1, 0x0C, len(item)) + item, session=0)))
    assert [(row.role, row.code, row.object, row.outcome) for row in rows] == [
        ("command", "list_identity", "", ""),
        ("response", "list_identity", "1756-L61/B", "success"),
    ]
    assert rows[1].fields["identity"] == {
        "protocol_version": 1, "socket": "10.0.0.5:44818", "vendor_id": 1, "vendor": "Rockwell Automation/Allen-Bradley", "device_type": 14,
        "device_type_name": "Programmable Logic Controller", "product_code": 55, "revision": "20.11", "status": 0x60, "serial": 0xC0FFEE,
        "product_name": "1756-L61/B", "state": 3,
    }  # fmt: skip
    assert rows[1].fields["device"] == {
        "vendor": "Rockwell Automation/Allen-Bradley", "model": "1756-L61/B", "firmware": "20.11", "serial": "00c0ffee",
    }  # fmt: skip


def test_services_are_listed() -> None:
    item = pack("<HH16s", 1, 0x120, b"Communications\0\0")
    (row,) = read((False, message(0x04, pack("<HHH", 1, 0x100, len(item)) + item)))
    assert row.fields["services"] == [{"protocol_version": 1, "capabilities": 0x120, "name": "Communications"}]
    (cut,) = read((False, message(0x04, pack("<HHH", 2, 0x100, 20) + item)))
    assert cut.fields["malformed"] == "2 items are told, fewer are there"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("2001 2401 3007", "class:1/instance:1/attribute:7"),
        ("21006b00 25003412 31000300", "class:107/instance:4660/attribute:3"),
        ("220001000000 2401 2c64", "class:1/instance:1/connection_point:100"),
        ("91054d6f746f7200 9105537065656400", "tag:Motor.Speed"),
        ("910341727200 2803", "tag:Arr[3]"),
        ("910341727200 2803 2804", "tag:Arr[3,4]"),
        ("910341727200 2a0000000100 91014100", "tag:Arr[65536].A"),
        ("654d6f746f72", "tag:Motor"),
        ("0100", "port:1/link:0"),
        ("120c3139322e3136382e302e3130", "port:2/link:192.168.0.10"),
        ("0f120003", "port:18/link:3"),
        ("34040100000000000000 2004 2401", "class:4/instance:1"),
        ("2004 2405 2c64 2c65 800201020304", "class:4/instance:5/connection_point:100/connection_point:101"),
    ],
)  # fmt: skip
def test_paths(raw: str, name: str) -> None:
    assert path(bytes.fromhex(raw.replace(" ", ""))).name == name


def test_a_path_with_what_it_does_not_name() -> None:
    found = path(bytes.fromhex("3404010000000e00850a430a20042405"))
    assert found.segments[:2] == [
        {
            "segment": "electronic_key",
            "value": {"vendor_id": 1, "device_type": 0, "product_code": 14, "compatible": True, "revision": "5.10"},
        },
        {"segment": "network", "value": 10, "subtype": 3},
    ]
    assert path(b"\x20").malformed == "no path segment: 20"
    assert path(b"\xe0\x01").malformed == "no path segment: e001"
    assert path(b"\x91\x09abc").malformed != ""


def test_an_attribute_is_read_and_written() -> None:
    request, response = exchange(b"\x0e\x03\x20\x01\x24\x01\x30\x07", b"\x8e\0\0\0" + b"\x0a1756-L61/B")
    assert (request.code, request.object) == ("get_attribute_single", "class:1/instance:1/attribute:7")
    assert request.fields["cip"]["class_name"] == "Identity"
    assert (response.code, response.object, response.outcome) == ("get_attribute_single", "class:1/instance:1/attribute:7", "success")
    assert response.fields["device"] == {"model": "1756-L61/B"}
    request, response = exchange(b"\x10\x03\x20\xf5\x24\x01\x30\x05\x0a\0\0\1", b"\x90\0\x0f\0")
    assert (request.fields["cip"]["data"], response.outcome) == ("0a000001", "failure")
    assert response.fields["cip"]["status"] == "privilege_violation"


def test_an_identity_is_read() -> None:
    _, response = exchange(b"\x01\x02\x20\x01\x24\x01", b"\x81\0\0\0" + IDENTITY)
    assert response.fields["cip"]["identity"]["revision"] == "20.11"
    assert response.fields["device"]["serial"] == "00c0ffee"
    listed = pack("<HHHHHHBB", 2, 1, 0, 243, 4, 0, 3, 2)
    request, response = exchange(b"\x03\x02\x20\x01\x24\x01" + pack("<HHH", 2, 1, 4), b"\x83\0\0\0" + listed)
    assert request.fields["cip"]["attributes"] == [1, 4]
    assert response.fields["device"] == {"vendor": "Schneider Automation Inc.", "firmware": "3.2"}
    (alone,) = read((False, connected(b"\x81\0\0\0" + IDENTITY)))
    assert (alone.fields["matched"], alone.fields["device"]["model"]) == (False, "1756-L61/B")


@pytest.mark.parametrize(("service", "code"), [(5, "reset"), (6, "start"), (7, "stop"), (8, "create"), (9, "delete")])
def test_a_controller_is_commanded(service: int, code: str) -> None:
    request, response = exchange(bytes([service]) + b"\x02\x20\x8e\x24\x01", bytes([service | 128]) + b"\0\x10\1\2\0")
    assert (request.code, request.object, response.code, response.outcome) == (code, "class:142/instance:1", code, "failure")
    assert (response.fields["cip"]["status"], response.fields["cip"]["status_extended"]) == ("device_state_conflict", [2])


def test_tags_are_read_and_written() -> None:
    request, response = exchange(b"\x4c" + tag("Motor", "Speed") + pack("<H", 1), b"\xcc\0\0\0" + pack("<Hf", 0xCA, 1.5))
    assert (request.code, request.object, request.fields["cip"]["elements"]) == ("read_tag", "tag:Motor.Speed", 1)
    assert (response.object, response.fields["value"], response.fields["cip"]["type"]) == ("tag:Motor.Speed", 1.5, "real")
    request, _ = exchange(b"\x4d" + tag("Run") + pack("<HHh", 0xC3, 1, -2), b"\xcd\0\0\0")
    assert (request.code, request.fields["value"], request.fields["cip"]["type"]) == ("write_tag", -2, "int")
    request, response = exchange(b"\x52" + tag("Arr") + pack("<HI", 300, 500), b"\xd2\0\x06\0" + pack("<H3i", 0xC4, 1, 2, 3))
    assert (request.code, request.fields["cip"]["offset"]) == ("read_tag_fragmented", 500)
    assert (response.outcome, response.fields["cip"]["status"], response.fields["cip"]["values"]) == (
        "success",
        "partial_transfer",
        [1, 2, 3],
    )
    request, _ = exchange(b"\x53" + tag("Arr") + pack("<HHI2i", 0xC4, 300, 8, 1, 2), b"\xd3\0\0\0")
    assert {key: request.fields["cip"][key] for key in ("service", "elements", "offset", "values")} == {
        "service": "write_tag_fragmented", "elements": 300, "offset": 8, "values": [1, 2],
    }  # fmt: skip
    request, _ = exchange(b"\x4e" + tag("Bits") + pack("<HII", 4, 1, 0xFFFFFFFE), b"\xce\0\0\0")
    assert (request.code, request.fields["cip"]["or_mask"], request.fields["cip"]["and_mask"]) == (
        "read_modify_write_tag", "01000000", "feffffff",
    )  # fmt: skip
    request, response = exchange(b"\x4c" + tag("Udt") + pack("<H", 1), b"\xcc\0\0\0" + pack("<HH", 0x2A0, 0xFCE) + b"\1\2")
    assert (response.fields["cip"]["structure"], response.fields["cip"]["data"]) == (0xFCE, "0102")
    request, _ = exchange(b"\x55\x03\x20\x6b\x25\0\0\0" + pack("<HHH", 2, 1, 2), b"\xd5\0\0\0")
    assert (request.code, request.fields["cip"]["attributes"]) == ("get_instance_attribute_list", [1, 2])
    _, response = exchange(b"\x4c" + tag("Nan") + pack("<H", 1), b"\xcc\0\0\0\xca\0\0\0\xc0\x7f")
    assert response.fields["value"] is None


def test_services_in_one_packet() -> None:
    first, second = b"\x4c" + tag("A") + b"\1\0", b"\x0e\x03\x20\x01\x24\x01\x30\x06"
    asked = b"\x0a" + ROUTER + pack("<HHH", 2, 6, 6 + len(first)) + first + second
    one, two = b"\xcc\0\0\0\xc4\0\5\0\0\0", b"\x8e\0\x05\0"
    answered = b"\x8a\0\x1e\0" + pack("<HHH", 2, 6, 6 + len(one)) + one + two
    request, response = exchange(asked, answered)
    assert (request.code, request.object) == ("multiple_service_packet", "class:2/instance:1")
    assert [each["service"] for each in request.fields["cip"]["services"]] == ["read_tag", "get_attribute_single"]
    assert [each["status"] for each in response.fields["cip"]["services"]] == ["success", "path_destination_unknown"]
    assert (response.fields["cip"]["services"][0]["value"], response.outcome) == (5, "failure")
    broken = read((True, connected(b"\x0a" + ROUTER + pack("<HHH", 2, 6, 900) + first)))[0]
    assert len(broken.fields["cip"]["services"]) == 1


def test_a_message_for_another_device() -> None:
    inner = b"\x0e\x03\x20\x01\x24\x01\x30\x01"
    asked = b"\x52" + MANAGER + pack("<BBH", 7, 10, len(inner)) + inner + b"\x01\0\x01\x03"
    rows = read((True, unconnected(asked)), (False, unconnected(b"\x8e\0\0\0\x01\0")))
    assert (rows[0].code, rows[0].object) == ("get_attribute_single", "class:1/instance:1/attribute:1")
    outer = rows[0].fields["cip"]
    assert (outer["service"], outer["timeout_ms"], outer["route"], outer["message"]["service"]) == (
        "unconnected_send", 1280, "port:1/link:3", "get_attribute_single",
    )  # fmt: skip
    assert (rows[1].object, rows[1].fields["device"]) == (rows[0].object, {"vendor": "Rockwell Automation/Allen-Bradley"})
    lost = read((True, unconnected(asked)), (False, unconnected(b"\xd2\0\x01\1\x04\x02\x02")))[1]
    assert (lost.outcome, lost.object, lost.fields["cip"]["status_meaning"]) == ("failure", rows[0].object, "unconnected_request_timed_out")


def opening(large: bool = False) -> bytes:
    body = pack("<BBIIHHIB3x", 10, 14, 0x11, 0x22, 3, 1, 4, 1)
    body += pack("<IIII", 10000, 0x42000200, 20000, 0x42000100) if large else pack("<IHIH", 10000, 0x43F8, 20000, 0x43F4)
    return (b"\x5b" if large else b"\x54") + MANAGER + body + b"\xa3\x03\x01\x00\x20\x02\x24\x01"


@pytest.mark.parametrize("large", [False, True])
def test_a_connection_is_opened(large: bool) -> None:
    number = 0xDB if large else 0xD4
    granted = bytes([number]) + b"\0\0\0" + pack("<IIHHIIIBB", 0x99, 0x22, 3, 1, 4, 10000, 20000, 0, 0)
    rows = read((True, unconnected(opening(large))), (False, unconnected(granted)))
    told = rows[0].fields["cip"]
    assert (rows[0].code, rows[0].object) == ("large_forward_open" if large else "forward_open", "class:2/instance:1")
    wanted = {"timeout_ms": 14336, "connection_serial": 3, "timeout_multiplier": 8, "transport_class": 3, "trigger": "application"}
    assert {key: told[key] for key in wanted} == wanted
    assert told["server"] is True
    assert told["o_to_t_parameters"] == {
        "rpi_us": 10000, "size": 512 if large else 504, "variable": True, "priority": "low", "type": "point_to_point",
        "redundant_owner": False,
    }  # fmt: skip
    assert {key: rows[1].fields["cip"][key] for key in ("o_to_t", "t_to_o", "o_to_t_api_us")} == {
        "o_to_t": 0x99, "t_to_o": 0x22, "o_to_t_api_us": 10000,
    }  # fmt: skip


def test_two_connections_may_count_alike() -> None:
    rows = read(
        (True, unconnected(opening())),
        (False, unconnected(b"\xd4\0\0\0" + pack("<IIHHIIIBB", 0x99, 0x22, 3, 1, 4, 1, 1, 0, 0))),
        (True, connected(b"\x0e\x03\x20\x01\x24\x01\x30\x01", 5, 0x99) + connected(b"\x0e\x03\x20\x02\x24\x01\x30\x01", 5, 0x98)),
        (False, connected(b"\x8e\0\0\0", 5, 0x22) + connected(b"\x8e\0\0\0", 5, 0x23)),
    )
    assert [row.object for row in rows[4:]] == ["class:1/instance:1/attribute:1", "class:2/instance:1/attribute:1"]


def test_a_connection_is_refused_and_closed() -> None:
    rows = read((True, unconnected(opening())), (False, unconnected(b"\xd4\0\x01\1\0\1" + pack("<HHIBB", 3, 1, 4, 0, 0))))
    assert (rows[1].outcome, rows[1].fields["cip"]["status_meaning"]) == ("failure", "connection_in_use")
    assert rows[1].fields["cip"]["connection_serial"] == 3
    closing = b"\x4e" + MANAGER + pack("<BBHHIBB", 10, 14, 3, 1, 4, 3, 0) + b"\x01\x00\x20\x02\x24\x01"
    rows = read((True, unconnected(closing)), (False, unconnected(b"\xce\0\0\0" + pack("<HHIBB", 3, 1, 4, 0, 0))))
    assert (rows[0].code, rows[0].object, rows[1].outcome) == ("forward_close", "class:2/instance:1", "success")


def test_pccc_reads_a_file() -> None:
    pccc = b"\x07\x4d\0\x44\x33\x22\x11" + b"\x0f\0\x01\0\xa2\x0a\x07\x89\x05\x00"
    rows = read(
        (True, unconnected(b"\x4b\x02\x20\x67\x24\x01" + pccc)), (False, unconnected(b"\xcb\0\0\0" + pccc[:7] + b"\x4f\0\x01\0\x2a\0"))
    )
    told = rows[0].fields["cip"]["pccc"]
    assert (rows[0].code, rows[0].object, told["function"], told["size"]) == ("execute_pccc", "N7:5", "protected_typed_logical_read", 10)
    assert (rows[1].object, rows[1].fields["cip"]["pccc"]["data"], rows[1].outcome) == ("N7:5", "2a00", "success")


def test_requests_under_one_context_are_answered_in_order() -> None:
    asked = [b"\x0e\x03\x20\x01\x24\x01\x30" + bytes([number]) for number in (1, 2, 3)]
    rows = read((True, b"".join(map(unconnected, asked))), (False, unconnected(b"\x8e\0\0\0") * 4))
    assert [row.object[-1:] for row in rows[3:]] == ["1", "2", "3", ""]
    assert [row.fields["matched"] for row in rows[3:]] == [True, True, True, False]


def test_implicit_data() -> None:
    datagram = pack("<HHHIIHH", 2, 0x8002, 8, 0x4B0603, 77, 0xB1, 6) + b"\1\0\2\0\3\0"
    (row,) = read((True, datagram))
    assert (row.role, row.code, row.object, row.size) == ("message", "io_data", "connection:004b0603", len(datagram))
    assert row.fields == {"connection_id": 0x4B0603, "sequence": 77, "length": 6, "data": "010002000300"}
    (cut,) = read((True, datagram[:-1]))
    assert cut.fields["problem"] == "items of implicit data that are cut"


def test_items_that_carry_no_cip() -> None:
    socket = pack(">HH4s8x", 2, 2222, bytes([239, 1, 2, 3]))
    body = pack("<IHHHHHH", 0, 0, 3, 0, 0, 0xB2, 4) + b"\xd4\0\0\0" + pack("<HH", 0x8001, 16) + socket
    (row,) = read((False, message(0x6F, body)))
    assert row.fields["t_to_o_socket"] == "239.1.2.3:2222"
    (none,) = read((False, message(0x70, pack("<IHH", 0, 0, 0), status=0x64)))
    assert (none.role, none.code, none.outcome, none.fields["status"]) == ("response", "send_unit_data", "failure", "invalid_session")
    (cut,) = read((True, message(0x6F, pack("<IHHHH", 0, 0, 2, 0xB2, 900))))
    assert cut.fields["malformed"] == "an item of 900 octets, 0 are there"
    (short,) = read((True, connected(b"\x0e\x20\x20")))
    assert "malformed" in short.fields


def test_reading_goes_on_behind_what_is_no_message() -> None:
    rows = read((True, message(0x66) + b"\xff" * 50 + b"\x70\0" * 20 + message(0x63, session=0)))
    assert [(row.role, row.code, row.size) for row in rows] == [
        ("message", "unregister_session", 24),
        ("problem", "", 90),
        ("command", "list_identity", 24),
    ]


def test_what_an_identity_leaves_out() -> None:
    cut = exchange(b"\x01\x02\x20\x01\x24\x01", b"\x81\0\0\0" + IDENTITY[:14])[1]
    assert "device" not in cut.fields
    listed = pack("<HHHHHH", 4, 6, 0x14, 2, 0, 14) + pack("<HHI", 6, 0, 0xABC) + pack("<HH", 99, 0)
    _, response = exchange(b"\x03\x02\x20\x01\x24\x01" + pack("<HHHHH", 4, 6, 2, 6, 99), b"\x83\0\x0a\0" + listed)
    assert response.fields["cip"]["identity"] == {
        "device_type": 14, "device_type_name": "Programmable Logic Controller", "serial": 0xABC,
    }  # fmt: skip
    assert (response.fields["device"], response.outcome) == ({"serial": "00000abc"}, "failure")
    short = exchange(b"\x03\x02\x20\x01\x24\x01\1\0\1\0", b"\x83\0\0\0\1")[1]
    assert "identity" not in short.fields["cip"]


def test_values_of_many_kinds() -> None:
    cases = [
        (pack("<H300H", 0xC7, *range(300)), {"type": "uint", "values": list(range(256)), "count": 300}),
        (pack("<H?", 0xC1, True), {"type": "bool", "value": True}),
        (pack("<Hq", 0xC5, -1), {"type": "lint", "value": -1}),
        (pack("<Hd", 0xCB, 2.5), {"type": "lreal", "value": 2.5}),
        (pack("<H", 0xC4), {"type": "dint"}),
        (b"\xda\0\2ab", {"type": "type_218", "data": "026162"}),
        (b"\xc4", {}),
    ]
    for raw, wanted in cases:
        told = exchange(b"\x4c" + tag("X") + b"\1\0", b"\xcc\0\0\0" + raw)[1].fields["cip"]
        assert {key: told[key] for key in told if not key.startswith(("service", "status"))} == wanted
    long = exchange(b"\x0e\x02\x20\x04\x24\x01", b"\x8e\0\0\0" + bytes(300))[1].fields["cip"]
    assert (len(long["data"]), long["length"]) == (512, 300)
    written, _ = exchange(b"\x4d" + tag("Udt") + pack("<HHH", 0x2A0, 0x1234, 1) + b"\7", b"\xcd\0\0\0")
    assert (written.fields["cip"]["structure"], written.fields["cip"]["data"]) == (0x1234, "07")
    for asked in (b"\x4d" + tag("A") + b"\xc4", b"\x4e" + tag("A") + b"\4", b"\x03\x02\x20\x04\x24\x01\1"):
        exchange(asked, bytes([asked[0] | 128]) + b"\0\x13\0")


def test_pccc_without_an_address() -> None:
    head = b"\x4b\x02\x20\x67\x24\x01\x07\x4d\0\x44\x33\x22\x11"
    named = {b"\x06\0\1\0\3": "diagnostic_status", b"\x0f\0\1\0\x80\2": "change_mode", b"\x01\0\1\0": "unprotected_read"}
    for raw, function in named.items():
        (row,) = read((True, unconnected(head + raw)))
        assert (row.object, row.fields["cip"]["pccc"]["function"]) == ("class:103/instance:1", function)
    wide = b"\x0f\0\1\0\xaa\2\xff\x2c\1\x84\5\2\x2a\0"
    assert read((True, unconnected(head + wide)))[0].object == "S300:5.2"
    for raw in (b"", b"\x0f", b"\x0f\0\1\0\xa2", b"\x0f\0\1\0\xa2\1\2"):
        assert read((True, unconnected(head + raw)))[0].object == "class:103/instance:1"


def test_requests_that_are_cut() -> None:
    for asked in (b"\x54" + MANAGER + b"\0" * 9, b"\x4e" + MANAGER + b"\0" * 9, b"\x52" + MANAGER + b"\0\0", b"\x0a" + ROUTER + b"\1"):
        (row,) = read((True, unconnected(asked)))
        assert row.role == "command"
    (row,) = read((True, unconnected(b"\x52" + MANAGER + pack("<BBH", 7, 10, 99) + b"\x0e\0")))
    assert row.fields["cip"]["malformed"] == "a message of 99 octets, of which 2 are there"
    (row,) = read((False, unconnected(b"\x8e\0\0\x05\0")))
    assert row.fields["cip"]["malformed"] == "5 words of extended status, 1 octets are there"
    (row,) = read((False, unconnected(b"\x8e\0")))
    assert row.fields["malformed"] == "a CIP response of 2 octets is too short"


def test_what_is_no_message_is_told_once() -> None:
    (row,) = read((True, b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"))
    assert (row.role, row.fields["problem"]) == ("problem", "no encapsulation header")
    rows = read((True, message(0x66) + b"\xff" * 50))
    assert [row.role for row in rows] == ["message", "problem"]


def test_bytes_that_come_in_pieces_say_the_same() -> None:
    data = message(0x65, pack("<HH", 1, 0), session=0) + connected(b"\x4c" + tag("Motor") + b"\1\0") + unconnected(opening())
    whole = read((True, data))
    for cut in range(1, len(data)):
        conversation, out = enip.conversation(7), list[Plain]()
        used = conversation.take(data, 0, cut, True, 0, out)
        assert conversation.take(data, used, len(data), True, 0, out) == len(data)
        assert out == whole


def usual() -> list[tuple[bool, bytes]]:
    """Connected messages of many kinds, one of each packet."""
    granted = b"\xd4\0\0\0" + pack("<IIHHIIIBB", 0x99, 0x22, 3, 1, 4, 10000, 20000, 0, 0)
    attribute, name = b"\x0e\x03\x20\x01\x24\x01\x30\x07", b"\x8e\0\0\0\x041756"
    return [
        (True, connected(b"\x4c" + tag("Motor") + b"\1\0", timeout=5)),
        (False, connected(b"\xcc\0\0\0\xc4\0\1\0\0\0", timeout=5)),
        (True, connected(b"\x4d" + tag("Motor") + b"\xc4\0\1\0\7\0\0\0", 2)),
        (False, connected(b"\xcd\0\5\0", 2)),
        (True, connected(opening(), 3)),
        (False, connected(granted, 3)),
        (True, connected(attribute, 4, 0x99)),
        (True, connected(b"\x01\x02\x20\x01\x24\x01", 4, 0x99)),
        (False, connected(b"\x81\0\0\0" + IDENTITY, 4, 0x22)),
        (False, connected(b"\x81\0\0\0" + IDENTITY, 4, 0x22)),
        (True, connected(attribute, 4, 0x98)),
        (False, connected(name, 4, 0x23)),
        (True, connected(attribute, 5, session=6)),
        (False, connected(b"\x81\0\0\0\1", 5, session=6)),
        (True, connected(b"\x0e\x20\x20\x01", 6)),
        (False, connected(b"\x8e\0\0", 6)),
        (True, connected(attribute, 7, interface=1)),
        (False, connected(name, 7, interface=1)),
        (True, connected(b"\x4d" + tag("Long") + b"\xc2\0\0\2" + bytes(512), 8)),
        (False, connected(b"\xcd\0\0\0", 8)),
    ]


def test_usual_messages_say_the_same_behind_others() -> None:
    nothing = message(0x00, b"\0")  # behind it each is read as any other
    alone, behind = read(*usual()), read(*((way, nothing + part) for way, part in usual()))
    assert json.dumps([row.fields for row in alone]) == json.dumps([row.fields for row in behind[1::2]])
    assert alone == behind[1::2]
    rows = [row.fields.get("value", row.outcome) for row in alone[:5]]
    assert rows == ["", 1, 7, "failure", ""]
    assert [row.fields.get("matched") for row in alone[5:14:2]] == [True, None, False, True, False]
    assert (alone[8].fields["matched"], alone[8].fields["device"]["model"]) == (True, "1756-L61/B")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = read(*usual())
    monkeypatch.setattr(enip, "HEADS", 2)
    for memo in (cip.REQUESTS, cip.ANSWERS):
        monkeypatch.setattr(memo, "most", 2)
        memo.clear()
    assert read(*usual()) == wanted
    assert 1 <= len(cip.REQUESTS) <= 2
    assert 1 <= len(cip.ANSWERS) <= 2
    waiting = [connected(b"\x0e\x03\x20\x01\x24\x01\x30\x07", number) for number in range(300)]
    rows = read((True, b"".join(waiting)), (False, b"".join(connected(b"\x8e\0\0\0", number) for number in range(300))))
    assert [row.fields["matched"] for row in rows[300:]] == [False] * 44 + [True] * 256


def test_paths_of_hundreds_of_segments_are_not_remembered() -> None:
    before = len(cip.REQUESTS), cip._known_head.cache_info().currsize
    sent = b"\x0e\xfe" + b"\x20\x01" * 254
    rows = read((True, connected(sent)), (True, connected(sent, 2)))
    assert [len(row.fields["cip"]["path"]) for row in rows] == [254, 254]
    assert (len(cip.REQUESTS), cip._known_head.cache_info().currsize) == before


def test_likely_wants_messages_that_fit() -> None:
    for good in (
        message(0x65, pack("<HH", 1, 0), session=0),
        message(0x63, session=0),
        connected(b"\x0e\x02\x20\x01\x24\x01"),
        unconnected(b"\1\0"),
    ):
        assert enip.likely(b"xx" + good, 2, len(good) + 2)
        assert not enip.likely(good, 0, len(good) - 1)
    for bad in (bytes(24), b"GET / HTTP/1.1\r\nHost: example\r\n\r\n", message(0x65, b"\2\0\0\0", session=0), message(0x63, status=7)):
        assert not enip.likely(bad, 0, len(bad))


def test_nested_packets_end() -> None:
    inner = b"\x01\x02\x20\x01\x24\x01"
    for _ in range(30):
        inner = b"\x0a" + ROUTER + pack("<HH", 1, 4) + inner
    (row,) = read((True, connected(inner)))
    assert len(json.dumps(row.fields)) < 4000


def test_what_is_not_told_is_counted() -> None:
    inner = b"\x01\x02\x20\x01\x24\x01"
    places = b"".join(pack("<H", 602 + 6 * number) for number in range(300))
    (row,) = read((True, connected(b"\x0a" + ROUTER + pack("<H", 300) + places + inner * 300)))
    assert (len(row.fields["cip"]["services"]), row.fields["cip"]["count"]) == (256, 300)
    (many,) = read((True, message(0x6F, pack("<IHH", 0, 0, 20) + pack("<HHB", 0x86, 1, 7) * 20)))
    assert (len(many.fields["items"]), many.fields["items_count"]) == (16, 20)


def test_services_that_overlap_cost_no_time() -> None:
    inner = b"\x01\x02\x20\x01\x24\x01"
    for _ in range(3):
        places = b"".join(pack("<HH", 514, 520 if len(inner) > 6 else 514) for _ in range(128))
        inner = b"\x0a" + ROUTER + pack("<H", 256) + places + inner
    (row,) = read((True, connected(inner)))
    assert len(json.dumps(row.fields)) < 200_000


def test_a_gap_forgets_what_waits() -> None:
    conversation, out = enip.conversation(0), list[Plain]()
    asked, answered = unconnected(b"\x0e\x03\x20\x01\x24\x01\x30\x01"), unconnected(b"\x8e\0\0\0")
    conversation.take(asked, 0, len(asked), True, 0, out)
    conversation.gap(False)
    conversation.take(answered, 0, len(answered), False, 1, out)
    assert out[1][9]["matched"] is False


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = enip.conversation(0), list[Plain]()
    used = conversation.take(data, 0, len(data), to_server, 0, out)
    assert 0 <= used <= len(data)
    assert sum(row[8] for row in out) == used
    json.dumps(out, allow_nan=False)


@given(st.sampled_from([0x00, 0x04, 0x63, 0x64, 0x65, 0x66, 0x6F, 0x70, 0x72, 0x73]), st.binary(max_size=120), st.integers(0, 3))
def test_any_command_data_is_told(command: int, body: bytes, status: int) -> None:
    (_, row) = read((True, message(0x66)), (True, message(command, body, status=status)))
    assert row.role in ROLES
    json.dumps(row, allow_nan=False)


@given(st.binary(min_size=1, max_size=120), st.sampled_from([b"", ROUTER, MANAGER, b"\x02\x20\x67\x24\x01", b"\x02\x20\x01\x24\x01"]))
def test_any_cip_is_told(raw: bytes, about: bytes) -> None:
    asked: Any = bytes([raw[0] & 127]) + about + raw[1:]
    answered = bytes([raw[0] | 128]) + raw[1:]
    for carry in (connected, unconnected):
        rows = read((True, carry(asked)), (False, carry(answered)))
        assert len(rows) == 2
        json.dumps(rows, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_messages_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    inner = b"\x4c" + tag("Motor", "Speed") + b"\1\0"
    packet = b"\x0a" + ROUTER + pack("<HHH", 2, 6, 6 + len(inner)) + inner + inner
    data = bytearray(unconnected(opening()) + connected(packet) + connected(inner) * 2 + connected(b"\xcc\0\0\0\xc4\0\1\0\0\0"))
    for _ in range(drawn.randint(1, 6)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = enip.conversation(0), list[Plain]()
    used = conversation.take(bytes(data), 0, len(data), bool(seed & 1), 0, out)
    assert sum(row[8] for row in out) == used
    json.dumps(out, allow_nan=False)
