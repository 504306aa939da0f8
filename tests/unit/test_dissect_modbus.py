"""Modbus/TCP by the specification's own examples: every function, request and response, exceptions, pairing, and what is no Modbus."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import modbus
from interferon.dissect.message import ROLES, Plain


def frame(pdu: str, transaction: int = 1, unit: int = 17) -> bytes:
    body = bytes.fromhex(pdu)
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(body) + 1).to_bytes(2, "big") + bytes([unit]) + body


def take(data: bytes, to_server: bool = True, conversation: modbus.Modbus | None = None) -> tuple[list[Plain], int]:
    out: list[Plain] = []
    used = (conversation or modbus.conversation(3)).take(b"\xee" + data + b"\xee" * 9, 1, 1 + len(data), to_server, 7, out)
    return out, used - 1


def exchange(request: str, response: str) -> tuple[Plain, Plain]:
    conversation = modbus.conversation(3)
    asked, _ = take(frame(request), True, conversation)
    answered, _ = take(frame(response), False, conversation)
    return asked[0], answered[0]


def told(row: Plain) -> dict[str, Any]:
    """The fields but those of every message."""
    return {key: value for key, value in row[9].items() if key not in ("transaction", "unit", "function", "matched")}


# request, its object and fields, response, its fields; the examples of V1.1b3, clause 6
EXAMPLES: dict[str, tuple[str, str, dict[str, Any], str, dict[str, Any]]] = {
    "read_coils": (
        "01 0013 0013", "coils:19-37", {"address": 19, "quantity": 19}, "01 03 CD6B05",
        {"values": [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1], "padding": [0] * 5},
    ),
    "read_discrete_inputs": (
        "02 00C4 0016", "discrete:196-217", {"address": 196, "quantity": 22}, "02 03 ACDB35",
        {"values": [0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1], "padding": [0, 0]},
    ),
    "read_holding_registers": (
        "03 006B 0003", "holding:107-109", {"address": 107, "quantity": 3}, "03 06 022B00000064", {"values": [555, 0, 100]},
    ),
    "read_input_registers": ("04 0008 0001", "input:8", {"address": 8, "quantity": 1}, "04 02 000A", {"values": [10]}),
    "write_single_coil": ("05 00AC FF00", "coils:172", {"address": 172, "value": 1}, "05 00AC FF00", {"value": 1}),
    "write_single_register": ("06 0001 0003", "holding:1", {"address": 1, "value": 3}, "06 0001 0003", {"value": 3}),
    "read_exception_status": ("07", "", {}, "07 6D", {"status": 0x6D}),
    "diagnostics": (
        "08 0000 A537", "diagnostics:return_query_data",
        {"sub_function": 0, "sub_function_name": "return_query_data", "data": "a537"}, "08 0000 A537", {"data": "a537"},
    ),
    "get_comm_event_counter": ("0B", "", {}, "0B FFFF 0108", {"status": 65535, "event_count": 264}),
    "get_comm_event_log": (
        "0C", "", {}, "0C 08 0000 0108 0121 2000", {"status": 0, "event_count": 264, "message_count": 289, "events": [32, 0]},
    ),
    "write_multiple_coils": (
        "0F 0013 000A 02 CD01", "coils:19-28", {"address": 19, "quantity": 10, "values": [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]},
        "0F 0013 000A", {"address": 19, "quantity": 10},
    ),
    "write_multiple_registers": (
        "10 0001 0002 04 000A0102", "holding:1-2", {"address": 1, "quantity": 2, "values": [10, 258]}, "10 0001 0002", {"quantity": 2},
    ),
    "report_server_id": ("11", "", {}, "11 03 4142FF", {"data": "4142ff", "text": "AB\\xff"}),
    "read_file_record": (
        "14 0E 06 0004 0001 0002 06 0003 0009 0002", "file:4:1,file:3:9",
        {"records": [
            {"reference_type": 6, "file": 4, "record": 1, "length": 2}, {"reference_type": 6, "file": 3, "record": 9, "length": 2},
        ]},
        "14 0C 05 06 0DFE0020 05 06 33CD0040",
        {"records": [
            {"reference_type": 6, "file": 4, "record": 1, "length": 2, "values": [3582, 32]},
            {"reference_type": 6, "file": 3, "record": 9, "length": 2, "values": [13261, 64]},
        ]},
    ),
    "write_file_record": (
        "15 0D 06 0004 0007 0003 06AF04BE100D", "file:4:7",
        {"records": [{"reference_type": 6, "file": 4, "record": 7, "length": 3, "values": [1711, 1214, 4109]}]},
        "15 0D 06 0004 0007 0003 06AF04BE100D", {},
    ),
    "mask_write_register": (
        "16 0004 00F2 0025", "holding:4", {"address": 4, "and_mask": 0xF2, "or_mask": 0x25}, "16 0004 00F2 0025", {"or_mask": 0x25},
    ),
    "read_write_multiple_registers": (
        "17 0003 0006 000E 0003 06 00FF00FF00FF", "holding:14-16",
        {"read_address": 3, "read_quantity": 6, "write_address": 14, "write_quantity": 3, "values": [255, 255, 255]},
        "17 0C 00FE0ACD00010003000D00FF", {"address": 3, "quantity": 6, "values": [254, 2765, 1, 3, 13, 255]},
    ),
    "read_fifo_queue": ("18 04DE", "fifo:1246", {"address": 1246}, "18 0006 0002 01B81284", {"fifo_count": 2, "values": [440, 4740]}),
    "read_device_identification": (
        "2B 0E 01 00", "identification:basic", {"mei_type": 14, "read_code": 1, "object_id": 0},
        "2B 0E 01 01 FF 02 02 00 02 4142 80 01 43",
        {
            "conformity": 1, "more_follows": True, "next_object_id": 2,
            "objects": [{"id": 0, "name": "vendor_name", "text": "AB"}, {"id": 128, "name": "object_128", "text": "C"}],
        },
    ),
    "canopen_general_reference": ("2B 0D 0102", "", {"mei_type": 13, "data": "0102"}, "2B 0D 03", {"data": "03"}),
    "function_90": ("5A 0020", "", {"data": "0020"}, "5A 00FE", {"data": "00fe"}),
}  # fmt: skip


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_function_asked_and_answered(code: str) -> None:
    request, thing, fields, response, answer = EXAMPLES[code]
    asked, answered = exchange(request, response)
    assert asked[:8] == (7, 3, True, "modbus", "command", code, thing, "")
    assert told(asked) == fields
    assert (asked[8], asked[9]["transaction"], asked[9]["unit"]) == (len(frame(request)), 1, 17)
    assert answered[2:6] == (False, "modbus", "response", code)
    assert answered[7] == "success"
    assert answered[9]["matched"]
    assert told(answered).items() >= answer.items()
    assert "malformed" not in answered[9]
    assert answered[6] == {"read_write_multiple_registers": "holding:3-8"}.get(code, thing)


@pytest.mark.parametrize(
    ("number", "name"), [(2, "illegal_data_address"), (11, "gateway_target_device_failed_to_respond"), (77, "exception_77")]
)
def test_an_exception_is_a_failure_of_what_was_asked(number: int, name: str) -> None:
    _, answered = exchange("03 0258 000A", f"83 {number:02X}")
    assert answered[4:8] == ("response", "read_holding_registers", "holding:600-609", "failure")
    assert told(answered) == {"address": 600, "quantity": 10, "exception": number, "exception_name": name}
    assert answered[9]["function"] == 3


def test_a_response_without_its_request_or_to_another_function_is_not_matched() -> None:
    (alone,), _ = take(frame("01 01 05"), False)
    assert (alone[6], alone[9]["matched"], told(alone)) == ("", False, {"values": [1, 0, 1, 0, 0, 0, 0, 0]})
    _, other = exchange("03 0000 0001", "04 02 0001")
    assert (other[5], other[9]["matched"]) == ("read_input_registers", False)


def test_pairs_are_told_by_transaction_and_unit() -> None:
    conversation = modbus.conversation(0)
    for transaction, unit, address in ((1, 1, 100), (1, 2, 200), (2, 1, 300)):
        take(frame(f"03 {address:04X} 0001", transaction, unit), True, conversation)
    found = [
        take(frame("03 02 0005", transaction, unit), False, conversation)[0][0][6] for transaction, unit in ((2, 1), (1, 2), (1, 1), (1, 1))
    ]
    assert found == ["holding:300", "holding:200", "holding:100", ""]


def test_registers_whose_count_is_wrong_are_malformed() -> None:
    for _ in range(2):
        _, answered = exchange("03 0000 0001", "03 03 002A")
        assert answered[9]["malformed"] == "3 bytes are told, 2 are there"


def test_requests_without_an_answer_are_bounded() -> None:
    conversation = modbus.conversation(0)
    for transaction in range(2000):
        take(frame("03 0000 0001", transaction), True, conversation)
    assert take(frame("03 02 0005", 1999), False, conversation)[0][0][9]["matched"]
    assert not take(frame("03 02 0005", 0), False, conversation)[0][0][9]["matched"]


@pytest.mark.parametrize(
    ("request_pdu", "response"), [("01 0013 0003", "01 01 05"), ("05 00AC FF00", "05 00AC FF00"), ("03 0000 0001", "83 02")]
)
def test_what_is_said_again_is_told_of_its_own_transaction(request_pdu: str, response: str) -> None:
    conversation = modbus.conversation(0)
    rows = [
        row
        for transaction in (5, 6, 7)
        for pdu, way in ((request_pdu, True), (response, False))
        for row in take(frame(pdu, transaction), way, conversation)[0]
    ]
    assert [row[9]["transaction"] for row in rows] == [5, 5, 6, 6, 7, 7]
    assert [{**row[9], "transaction": 0} for row in rows[2:]] == [{**row[9], "transaction": 0} for row in rows[:2]] * 2
    assert [row[:9] for row in rows[2:]] == [row[:9] for row in rows[:2]] * 2


def test_the_same_answer_to_another_request_is_of_that_request() -> None:
    conversation, found = modbus.conversation(0), []
    for address in (1, 2, 1, 2):
        take(frame(f"01 {address:04X} 0001"), True, conversation)
        found.append(take(frame("01 01 01"), False, conversation)[0][0])
    assert [row[6] for row in found] == ["coils:1", "coils:2", "coils:1", "coils:2"]
    assert not take(frame("01 01 01"), False, conversation)[0][0][9]["matched"]
    assert not take(frame("01 01 01"), False, conversation)[0][0][9]["matched"]


def test_what_is_known_is_bounded() -> None:
    conversation = modbus.conversation(0)
    for number in range(2000):
        (asked,), _ = take(frame(f"06 {number:04X} {number:04X}"), True, conversation)
        assert asked[9]["value"] == number
        take(frame("03 0000 0001"), True, conversation)
        (answered,), _ = take(frame(f"03 02 {number:04X}"), False, conversation)
        assert answered[9]["values"] == [number]
    assert len(modbus._asked) <= modbus.KEPT
    assert len(modbus._answers) <= modbus.ANSWERS


def test_a_write_of_one_value_tells_it_as_value() -> None:
    (coil,), _ = take(frame("0F 0000 0001 01 01"))
    (register,), _ = take(frame("10 0000 0001 02 002A"))
    assert (coil[9]["value"], register[9]["value"]) == (1, 42)
    assert take(frame("05 0000 0000"))[0][0][9]["value"] == 0
    assert take(frame("05 0000 1234"))[0][0][9]["malformed"] == "a coil is 0 or 65280, not 4660"


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        ("10 0000 0002 04 0001", "2 values are told, 1 are there"),
        ("0F 0000 0010 01 01", "16 values are told, 8 are there"),
        ("03 0000 0001 00", "1 bytes too many"),
        ("14 06 06 0004 0001 00", "a sub-request of 6 bytes, not 7"),
        ("15 0A 06 0004 0001 0009 0001", "a sub-request goes beyond its 9 bytes"),
    ],
)
def test_what_does_not_fit_its_own_counts_is_a_message_with_the_reason(pdu: str, reason: str) -> None:
    (row,), _ = take(frame(pdu))
    assert row[4] == "command"
    assert row[9]["malformed"] == reason


@pytest.mark.parametrize("pdu", ["03 00", "05", "10 0000", "08 00", "14", "15", "16 0004", "17 0003", "18", "2B", "2B 0E"])
def test_a_request_that_is_too_short_is_a_problem(pdu: str) -> None:
    (row,), used = take(frame(pdu))
    assert row[4] == "problem"
    assert "too short" in row[9]["problem"]
    assert used == len(frame(pdu))


@pytest.mark.parametrize("pdu", ["03", "07", "0B 00", "0C 01", "11", "14", "17", "18 00", "2B", "2B 0E 01", "83"])
def test_a_response_that_is_too_short_is_a_problem(pdu: str) -> None:
    assert take(frame(pdu), False)[0][0][4] == "problem"


def test_frames_behind_each_other_and_one_that_is_not_whole() -> None:
    data = frame("03 0000 0001", 1) + frame("03 0001 0001", 2) + frame("03 0002 0001", 3)
    for cut in range(1, 12):
        rows, used = take(data[:-cut])
        assert [row[6] for row in rows] == ["holding:0", "holding:1"]
        assert used == 24


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"\0\1\0\x10\0\6\1\3\0\0\0\1", "protocol identifier 16"), (b"\0\1\0\0\xff\xff\1\3", "length 65535"), (b"\0\1\0\2", "protocol")],
)
def test_what_is_no_frame_is_a_problem_and_skipped(data: bytes, reason: str) -> None:
    (row,), used = take(data)
    assert row[9]["problem"].startswith(reason)
    assert used == len(data)
    assert bytes.fromhex(row[9]["sample"]) == data


def test_only_whole_frames_of_the_right_length_are_likely() -> None:
    for request, _, _, response, _ in list(EXAMPLES.values())[:6]:
        for data in (frame(request), frame(response)):
            assert modbus.likely(data, 0, len(data))
            assert not modbus.likely(data, 0, len(data) - 1)
    assert not modbus.likely(b"GET / HTTP/1.1\r\n", 0, 16)
    assert not modbus.likely(bytes(12), 0, 12)
    assert not modbus.likely(b"", 0, 0)


@given(
    st.lists(st.sampled_from([frame(text) for each in EXAMPLES.values() for text in (each[0], each[3])]), max_size=5),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6),
    st.binary(max_size=40),
    st.booleans(),
)
def test_any_bytes_are_read_to_their_end(frames: list[bytes], changes: list[tuple[int, int]], tail: bytes, to_server: bool) -> None:
    changed = bytearray(b"".join(frames) + tail)
    for place, value in changes:
        if changed:
            changed[place % len(changed)] = value
    conversation = modbus.conversation(0)
    for way in (to_server, not to_server):
        rows, used = take(bytes(changed), way, conversation)
        assert 0 <= used <= len(changed)
        assert all(row[4] in ROLES for row in rows)
        assert take(bytes(changed[used:]), way, conversation)[1] == 0 or used == len(changed)
    modbus.likely(bytes(changed), 0, len(changed))
