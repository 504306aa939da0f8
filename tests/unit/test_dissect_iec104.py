"""IEC 60870-5-104 APDUs built by hand: the three formats, the types of ASDU with their elements, and bytes that are none of these."""

import json
import random
from struct import pack
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interferon.dissect import iec104
from interferon.dissect.iec104_types import TYPES
from interferon.dissect.message import ROLES, Message, Plain

NOON = bytes.fromhex("b80b 1e 0c 65 0b 1a")  # 2026-11-05 12:30:03.000, a Wednesday
STAMP = "2026-11-05T12:30:03.000"
ELAPSED = {"quality": [], "elapsed_ms": 100, "time": STAMP}


def apdu(
    number: int,
    body: str | bytes,
    *,
    cause: int = 3,
    count: int = 1,
    sequence: bool = False,
    address: int = 1,
    send: int = 4,
    receive: int = 2,
) -> bytes:
    content = bytes.fromhex(body) if isinstance(body, str) else body
    asdu = pack("<BBBBH", number, count | sequence << 7, cause, 0, address) + content
    return pack("<BBHH", 0x68, len(asdu) + 4, send << 1, receive << 1) + asdu


def read(data: bytes, to_server: bool = False) -> list[Message]:
    conversation, out = iec104.conversation(7), list[Plain]()
    assert conversation.take(data, 0, len(data), to_server, 3, out) == len(data)
    return [Message(*row) for row in out]


def only(data: bytes, to_server: bool = False) -> Message:
    (found,) = read(data, to_server)
    return found


@pytest.mark.parametrize(
    ("octet", "to_server", "role", "code"),
    [
        (0x07, True, "command", "startdt_act"),
        (0x0B, False, "response", "startdt_con"),
        (0x13, True, "command", "stopdt_act"),
        (0x23, False, "response", "stopdt_con"),
        (0x43, True, "command", "testfr_act"),
        (0x43, False, "response", "testfr_act"),
        (0x83, True, "message", "testfr_con"),
    ],
)
def test_the_u_format(octet: int, to_server: bool, role: str, code: str) -> None:
    found = only(bytes([0x68, 4, octet, 0, 0, 0]), to_server)
    assert (found.role, found.code, found.size, found.fields) == (role, code, 6, {"format": "U"})


def test_the_s_format() -> None:
    found = only(bytes.fromhex("680401000c80"), True)
    assert (found.role, found.code, found.fields) == ("message", "s_format", {"format": "S", "receive_sequence": 16390})


def test_a_single_command_and_its_confirmation() -> None:
    asked = only(apdu(45, "a10f00 81", cause=6, send=11, receive=5), True)
    assert (asked.packet, asked.flow, asked.role, asked.code, asked.object, asked.outcome) == (
        3,
        7,
        "command",
        "single_command",
        "ca1:ioa4001",
        "",
    )
    assert asked.fields == {
        "format": "I", "send_sequence": 11, "receive_sequence": 5, "type_id": 45, "type": "C_SC_NA_1", "cause": "activation",
        "cause_code": 6, "negative": False, "test": False, "originator": 0, "common_address": 1, "sq": False, "count": 1,
        "objects": [{"ioa": 4001, "value": 1, "qualifier": 0, "select": True}], "value": 1,
    }  # fmt: skip
    assert only(apdu(45, "a10f00 01", cause=7)).outcome == "success"
    refused = only(apdu(45, "a10f00 01", cause=0x47))
    assert (refused.role, refused.outcome, refused.fields["negative"]) == ("response", "failure", True)
    unknown = only(apdu(45, "a10f00 01", cause=0x80 | 47))
    assert (unknown.outcome, unknown.fields["cause"], unknown.fields["test"]) == ("failure", "unknown_object_address", True)


@pytest.mark.parametrize(
    ("number", "label", "body", "wanted"),
    [
        (1, "M_SP_NA_1", "91", {"value": 1, "quality": ["blocked", "invalid"]}),
        (3, "M_DP_NA_1", "02", {"value": 2, "quality": []}),
        (5, "M_ST_NA_1", "fe 01", {"value": -2, "transient": True, "quality": ["overflow"]}),
        (7, "M_BO_NA_1", "ffffffff 40", {"value": 4294967295, "quality": ["not_topical"]}),
        (9, "M_ME_NA_1", "00c0 00", {"value": -0.5, "quality": []}),
        (11, "M_ME_NB_1", "feff 21", {"value": -2, "quality": ["overflow", "substituted"]}),
        (13, "M_ME_NC_1", "0000c03f 00", {"value": 1.5, "quality": []}),
        (13, "M_ME_NC_1", "0000c07f 80", {"value": None, "quality": ["invalid"]}),
        (15, "M_IT_NA_1", "ffffffff a5", {"value": -1, "sequence": 5, "quality": ["carry", "invalid"]}),
        (20, "M_PS_NA_1", "0300 0100 00", {"value": 3, "changed": 1, "quality": []}),
        (21, "M_ME_ND_1", "0040", {"value": 0.5}),
        (2, "M_SP_TA_1", "01 b80b 1e", {"value": 1, "quality": [], "time": "30:03.000"}),
        (
            17,
            "M_EP_TA_1",
            "0a 6400 b80b 9e",
            {"value": 2, "quality": ["elapsed_time_invalid"], "elapsed_ms": 100, "time": "30:03.000", "time_invalid": True},
        ),
        (39, "M_EP_TE_1", b"\x05\x00\x64\x00" + NOON, {"value": 5, "starts": ["general", "phase_2"], **ELAPSED}),
        (40, "M_EP_TF_1", b"\x02\x00\x64\x00" + NOON, {"value": 2, "circuits": ["phase_1"], **ELAPSED}),
        (30, "M_SP_TB_1", b"\x01" + NOON, {"value": 1, "quality": [], "time": STAMP}),
        (36, "M_ME_TF_1", b"\x00\x00\xc0\x3f\x00" + NOON, {"value": 1.5, "quality": [], "time": STAMP}),
        (46, "C_DC_NA_1", "06", {"value": 2, "qualifier": 1, "select": False}),
        (47, "C_RC_NA_1", "81", {"value": 1, "qualifier": 0, "select": True}),
        (48, "C_SE_NA_1", "0040 80", {"value": 0.5, "qualifier": 0, "select": True}),
        (49, "C_SE_NB_1", "0500 00", {"value": 5, "qualifier": 0, "select": False}),
        (50, "C_SE_NC_1", "0000c03f 05", {"value": 1.5, "qualifier": 5, "select": False}),
        (51, "C_BO_NA_1", "01000000", {"value": 1}),
        (58, "C_SC_TA_1", b"\x01" + NOON, {"value": 1, "qualifier": 0, "select": False, "time": STAMP}),
        (70, "M_EI_NA_1", "81", {"value": 1, "changed_parameters": True}),
        (100, "C_IC_NA_1", "14", {"value": 20, "qualifier": 20}),
        (101, "C_CI_NA_1", "45", {"value": 69, "request": 5, "freeze": "freeze"}),
        (102, "C_RD_NA_1", "", {}),
        (103, "C_CS_NA_1", NOON, {"value": STAMP, "time": STAMP}),
        (104, "C_TS_NA_1", "aa55", {"value": 0x55AA}),
        (105, "C_RP_NA_1", "01", {"value": 1, "qualifier": 1}),
        (106, "C_CD_NA_1", "0a00", {"value": 10}),
        (107, "C_TS_TA_1", b"\x01\x00" + NOON, {"value": 1, "time": STAMP}),
        (110, "P_ME_NA_1", "0040 41", {"value": 0.5, "qualifier": 1, "local_change": True, "in_operation": True}),
        (112, "P_ME_NC_1", "0000c03f 83", {"value": 1.5, "qualifier": 3, "local_change": False, "in_operation": False}),
        (113, "P_AC_NA_1", "03", {"value": 3, "qualifier": 3}),
        (120, "F_FR_NA_1", "0100 640000 00", {"file": 1, "length": 100, "qualifier": 0}),
        (121, "F_SR_NA_1", "0100 02 640000 00", {"file": 1, "section": 2, "length": 100, "qualifier": 0}),
        (122, "F_SC_NA_1", "0100 02 02", {"file": 1, "section": 2, "qualifier": 2, "call": "request_file"}),
        (123, "F_LS_NA_1", "0100 02 03 ff", {"file": 1, "section": 2, "qualifier": 3, "checksum": 255}),
        (124, "F_AF_NA_1", "0100 02 01", {"file": 1, "section": 2, "qualifier": 1}),
        (125, "F_SG_NA_1", "0100 02 03 616263", {"file": 1, "section": 2, "segment_size": 3, "data": "616263"}),
        (126, "F_DR_TA_1", b"\1\0\x64\0\0\x20" + NOON, {"file": 1, "length": 100, "status": 32, "created": STAMP, "time": STAMP}),
    ],
)  # fmt: skip
def test_elements(number: int, label: str, body: str | bytes, wanted: dict[str, Any]) -> None:
    content = bytes.fromhex(body) if isinstance(body, str) else body
    found = only(apdu(number, b"\x07\x00\x00" + content))
    assert found.fields["objects"] == [{"ioa": 7, **wanted}]
    assert (found.fields["type"], found.object) == (label, "ca1:ioa7")
    assert "undissected" not in found.fields
    assert found.fields.get("value") == wanted.get("value")


def test_objects_with_and_without_addresses() -> None:
    spread = only(apdu(1, "010000 01 090000 00", count=2, cause=20))
    assert (spread.object, [each["ioa"] for each in spread.fields["objects"]]) == ("ca1:ioa1,9", [1, 9])
    assert "value" not in spread.fields
    run = only(apdu(11, "640000 0100 00 0200 00 0300 00", count=3, sequence=True, address=300))
    assert (run.object, [(each["ioa"], each["value"]) for each in run.fields["objects"]]) == (
        "ca300:ioa100-102",
        [(100, 1), (101, 2), (102, 3)],
    )
    assert only(apdu(100, "000000 14", cause=6), True).object == "ca1"


@pytest.mark.parametrize(
    ("number", "body", "cause", "to_server", "role"),
    [
        (45, "070000 01", 6, True, "command"),
        (45, "070000 01", 8, True, "command"),
        (45, "070000 01", 10, False, "response"),
        (102, "070000", 5, True, "command"),
        (103, b"\x00\x00\x00" + NOON, 3, False, "response"),
        (122, "070000 0100 02 02", 13, True, "command"),
        (125, "070000 0100 02 00", 13, False, "response"),
        (13, "070000 0000c03f 00", 3, False, "response"),
        (1, "070000 01", 3, True, "response"),
    ],
)
def test_who_commands(number: int, body: str | bytes, cause: int, to_server: bool, role: str) -> None:
    assert only(apdu(number, body, cause=cause), to_server).role == role


def test_what_is_cut_or_unknown_is_told() -> None:
    short = only(apdu(13, "070000 0000c03f 00 080000 0000", count=2))
    assert ([each["ioa"] for each in short.fields["objects"]], short.fields["undissected"]) == ([7], 5)
    private = only(apdu(140, "070000 010203"))
    assert (private.code, private.fields["type"], private.fields["undissected"], private.object) == ("type_140", "type_140", 6, "ca1")
    assert only(apdu(1, "070000 01 ffff")).fields["undissected"] == 2


def test_a_time_that_is_none_is_marked() -> None:
    broken = NOON[:5] + b"\x0f" + NOON[6:]
    assert only(apdu(30, b"\x07\x00\x00\x01" + broken)).fields["objects"][0]["time_invalid"]
    summer = only(apdu(30, b"\x07\x00\x00\x01" + NOON[:3] + b"\x8c" + NOON[4:])).fields["objects"][0]
    assert (summer["summer_time"], summer["time"]) == (True, STAMP)


def test_what_stands_between_apdus_is_a_problem() -> None:
    good = apdu(1, "070000 01")
    found = read(b"\x00\x68\x02\x02" + good + b"\x68\x04\xff\x00\x00\x00" + good)
    assert [row.role for row in found] == ["problem", "response", "problem", "response"]
    assert [row.fields["sample"] for row in found if row.role == "problem"] == ["00680202", "6804ff000000"]


def test_bytes_that_come_in_pieces_say_the_same() -> None:
    data = apdu(1, "070000 01") + bytes.fromhex("680401000c80") + apdu(45, "a10f00 81", cause=6) + bytes.fromhex("680443000000")
    for cut in range(1, len(data)):
        conversation, out = iec104.conversation(7), list[Plain]()
        used = conversation.take(data, 0, cut, True, 0, out)
        conversation.gap(not True)
        assert conversation.take(data, used, len(data), True, 0, out) == len(data)
        assert [row[5] for row in out] == ["single_point", "s_format", "single_command", "testfr_act"]


def test_likely_wants_whole_apdus_one_behind_the_other() -> None:
    good = bytes.fromhex("680407000000") + apdu(1, "070000 01")
    assert iec104.likely(good, 0, len(good))
    assert iec104.likely(good, 0, len(good) - 3)
    assert not iec104.likely(good, 0, 5)
    assert not iec104.likely(good + b"\x00", 0, len(good) + 1)
    assert not iec104.likely(apdu(1, "070000 01 00"), 0, 17)
    assert not iec104.likely(apdu(200, "070000 01"), 0, 16)
    assert not iec104.likely(b"h\x04GET ", 0, 6)


def test_every_type_has_a_label_and_a_code_of_its_own() -> None:
    assert {*range(1, 22), *range(30, 42), *range(45, 52), *range(58, 65), 70, *range(100, 108), *range(110, 114), *range(120, 128)} <= set(
        TYPES
    )
    assert len({kind.code for kind in TYPES.values()}) == len({kind.label for kind in TYPES.values()}) == len(TYPES)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = iec104.conversation(0), list[Plain]()
    used = conversation.take(data, 0, len(data), to_server, 0, out)
    assert 0 <= used <= len(data)
    assert sum(row[8] for row in out) == used
    iec104.likely(data, 0, len(data))


@example(102, 1, True, 6, b"")  # one address before elements without size, and not even the address is there
@given(st.integers(0, 255), st.integers(0, 127), st.booleans(), st.integers(0, 255), st.binary(max_size=230))
def test_any_asdu_is_told(number: int, count: int, sequence: bool, cause: int, body: bytes) -> None:
    found = only(apdu(number, body, count=count, sequence=sequence, cause=cause))
    assert found.role in ROLES
    json.dumps(found.fields, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_apdus_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    data = bytearray(apdu(13, "070000 0000c03f 00 080000 0000c03f 00", count=2) + apdu(45, "a10f00 81", cause=6) * 2)
    for _ in range(drawn.randint(1, 4)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = iec104.conversation(0), list[Plain]()
    used = conversation.take(bytes(data), 0, len(data), True, 0, out)
    assert sum(row[8] for row in out) == used
