"""S7comm messages built by hand: TPKT, COTP, jobs and their answers, userdata, S7comm-plus, and bytes that are none of these."""

import json
import random
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import s7comm
from interferon.dissect.message import ROLES, Message, Plain

OUT, BACK = True, False  # to the controller, from it


def tpkt(body: bytes) -> bytes:
    return b"\x03\x00" + pack(">H", len(body) + 4) + body


def cotp(payload: bytes, last: bool = True) -> bytes:
    return tpkt(b"\x02\xf0" + (b"\x80" if last else b"\x00") + payload)


def s7(kind: int, parameters: bytes, data: bytes = b"", *, reference: int = 1, error: bytes = b"\0\0") -> bytes:
    head = pack(">BBHHHH", 0x32, kind, 0, reference, len(parameters), len(data))
    return cotp(head + (error if kind in (2, 3) else b"") + parameters + data)


def job(parameters: str | bytes, data: str = "", reference: int = 1) -> bytes:
    return s7(1, bytes.fromhex(parameters) if isinstance(parameters, str) else parameters, bytes.fromhex(data), reference=reference)


def answer(parameters: str, data: str = "", error: bytes = b"\0\0", reference: int = 1) -> bytes:
    return s7(3, bytes.fromhex(parameters), bytes.fromhex(data), error=error, reference=reference)


def userdata(
    group: int, sub: int, content: bytes, *, asked: bool, returned: int = 0xFF, error: int = 0, more: bool = False, unit: int = 0
) -> bytes:
    if asked:
        parameters = bytes([0, 1, 0x12, 4, 0x11, 0x40 | group, sub, 0])
    else:
        parameters = bytes([0, 1, 0x12, 8, 0x12, 0x80 | group, sub, 1, unit, more]) + pack(">H", error)
    return s7(7, parameters, bytes([returned, 9]) + pack(">H", len(content)) + content)


def item(size: int, area: int, address: int, count: int = 1, block: int = 0) -> bytes:
    return pack(">BBBBHHB", 0x12, 10, 0x10, size, count, block, area) + address.to_bytes(3, "big")


def asked(*items: bytes, function: int = 4) -> bytes:
    return bytes([function, len(items)]) + b"".join(items)


def read(*parts: tuple[bool, bytes]) -> list[Message]:
    conversation, out = s7comm.conversation(7), list[Plain]()
    for number, (to_server, data) in enumerate(parts):
        assert conversation.take(data, 0, len(data), to_server, number, out) == len(data)
    return [Message(*row) for row in out]


def only(data: bytes, to_server: bool = True) -> Message:
    (found,) = read((to_server, data))
    return found


def test_a_connection_names_rack_and_slot() -> None:
    found = only(tpkt(bytes.fromhex("11e00000000100c0010ac1020100c2020102")))
    assert (found.role, found.code, found.object) == ("message", "cotp_connect_request", "tsap:0102")
    assert found.fields == {
        "layer": "cotp", "destination_reference": 0, "source_reference": 1, "class": 0, "tpdu_size": 1024, "calling_tsap": "0100",
        "called_tsap": "0102", "connection": "pg", "rack": 0, "slot": 2,
    }  # fmt: skip
    named = only(tpkt(bytes.fromhex("1fd00001000200") + b"\xc2\x10SIMATIC-ROOT-HMI" + bytes(7)), BACK)
    assert (named.code, named.outcome, named.fields["called_tsap"]) == ("cotp_connect_confirm", "success", "SIMATIC-ROOT-HMI")
    assert only(tpkt(bytes.fromhex("0680000000010000")[:7])).code == "cotp_disconnect_request"


def test_a_setup() -> None:
    found = only(job("f0000001000103c0"))
    assert (found.protocol, found.role, found.code, found.size) == ("s7comm", "command", "setup_communication", 25)
    assert {key: found.fields[key] for key in ("rosctr", "jobs_calling", "jobs_called", "pdu_size")} == {
        "rosctr": "job", "jobs_calling": 1, "jobs_called": 1, "pdu_size": 960,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "address"),
    [
        (item(4, 0x84, 80, block=5), "DB5.DBW10"),
        (item(1, 0x84, 0, block=1), "DB1.DBX0.0"),
        (item(2, 0x84, 0, 10, block=1), "DB1.DBB0*10"),
        (item(6, 0x85, 16, block=2), "DI2.DID2"),
        (item(1, 0x83, 1), "M0.1"),
        (item(4, 0x83, 16), "MW2"),
        (item(8, 0x83, 32), "MD4"),
        (item(1, 0x81, 0), "I0.0"),
        (item(1, 0x82, 32), "Q4.0"),
        (item(2, 0x81, 0), "IB0"),
        (item(28, 0x1C, 5), "C5"),
        (item(29, 0x1D, 3), "T3"),
        (item(2, 0x80, 2048), "PB256"),
    ],
)
def test_addresses(one: bytes, address: str) -> None:
    found = only(job(asked(one)))
    assert (found.code, found.object) == ("read_var", address)


def test_other_ways_to_name_a_variable() -> None:
    symbolic = bytes.fromhex("1206b2ff01020304")
    found = only(job(asked(symbolic, item(2, 0x83, 0))))
    assert [(each["syntax"], each["address"]) for each in found.fields["items"]] == [("symbolic_1200", "ff01020304"), ("s7any", "MB0")]
    assert only(job(asked(bytes.fromhex("1207b001 04 0007 0010")))).object == "DB7.DBB16"
    assert only(job(asked(bytes.fromhex("120882 41 0001 0002 7f 01")))).object == "NCK:2.1:7f:1:2"


def test_a_read_and_its_answer() -> None:
    sent = job(asked(item(5, 0x84, 0, 1, 1), item(8, 0x84, 32, 1, 1), item(1, 0x83, 0)), reference=9)
    back = answer("0403", "ff040010 fffe ff070004 3fc00000 0a000000", reference=9)
    _, found = read((OUT, sent), (BACK, back))
    assert (found.role, found.code, found.object, found.outcome) == ("response", "read_var", "DB1.DBW0,DB1.DBD4,M0.0", "failure")
    assert [(each["address"], each.get("value"), each["return"]) for each in found.fields["items"]] == [
        ("DB1.DBW0", -2, "success"),
        ("DB1.DBD4", 1.5, "success"),
        ("M0.0", None, "object_does_not_exist"),
    ]
    alone = only(answer("0401", "ff040010 0102"), BACK)
    assert (alone.object, alone.outcome, alone.fields["value"]) == ("", "success", 258)
    several = read((OUT, job(asked(item(4, 0x83, 0, 2)))), (BACK, answer("0401", "ff040020 00010002")))[1]
    assert several.fields["items"][0]["values"] == [1, 2]


def test_a_write_and_its_answer() -> None:
    sent = job(asked(item(1, 0x82, 0), function=5), "00030001 01")
    written, done = read((OUT, sent), (BACK, answer("0501", "ff")))
    assert (written.role, written.code, written.object, written.fields["value"]) == ("command", "write_var", "Q0.0", 1)
    assert "return" not in written.fields["items"][0]
    assert (done.object, done.outcome) == ("Q0.0", "success")
    refused = read((OUT, sent), (BACK, answer("0501", "03")))[1]
    assert (refused.outcome, refused.fields["items"][0]["return"]) == ("failure", "access_denied")
    odd = job(asked(item(2, 0x83, 0), item(2, 0x83, 8), function=5), "00040008 07 00 00040008 08")
    assert [each["value"] for each in only(odd).fields["items"]] == [7, 8]


@pytest.mark.parametrize(
    ("request_pdu", "response"),
    [
        (asked(item(4, 0x84, 0, 2, 1)), answer("0401", "ff040020 00010002")),
        (asked(item(2, 0x83, 0)), answer("0401", "0a000000")),
        (asked(item(2, 0x83, 0)), answer("0400", error=b"\x81\x04")),
        (asked(item(1, 0x82, 0), function=5), answer("0501", "ff")),
        (asked(item(2, 0x83, 0)), s7(2, b"\4\0", error=b"\x81\x04")),
    ],
)
def test_what_is_said_again_is_told_of_its_own_message(request_pdu: bytes, response: bytes) -> None:
    again = [
        (way, data[:11] + bytes((0, number)) + data[13:])
        for number in (5, 6, 7)
        for way, data in ((OUT, job(request_pdu)), (BACK, response))
    ]
    found = read(*again)
    assert [row.fields["pdu_reference"] for row in found] == [5, 5, 6, 6, 7, 7]
    plain = [row._replace(packet=0, fields={**row.fields, "pdu_reference": 0}) for row in found]
    assert plain[2:] == plain[:2] * 2


def test_the_same_answer_to_another_request_is_of_that_request() -> None:
    parts = [(job(asked(item(2, 0x83, address * 8))), answer("0401", "ff040008 07")) for address in (1, 2, 1, 2)]
    found = read(*(part for sent, back in parts for part in ((OUT, sent), (BACK, back))), (BACK, parts[0][1]))
    assert [row.object for row in found if row.role == "response"] == ["MB1", "MB2", "MB1", "MB2", ""]


def test_an_error_is_a_failure() -> None:
    found = read((OUT, job(asked(item(2, 0x83, 0)))), (BACK, answer("0400", error=b"\x81\x04")))[1]
    assert (found.outcome, found.fields["error_class"], found.fields["error_code"]) == ("failure", "application_relationship", "0x8104")
    assert read((OUT, job("29" + "00" * 5 + "09" + b"P_PROGRAM".hex())), (BACK, s7(2, b"", error=b"\x85\x00")))[1].code == "plc_stop"


@pytest.mark.parametrize(
    ("name", "argument", "code", "about"),
    [
        (b"P_PROGRAM", b"", "plc_start", "P_PROGRAM"),
        (b"P_PROGRAM", b"C ", "plc_cold_restart", "P_PROGRAM"),
        (b"P_PROGRAM", b"W", "plc_warm_restart", "P_PROGRAM"),
        (b"_INSE", b"\x01\x000800001P", "activate_block", "OB1"),
        (b"_DELE", b"\x02\x000A00003B0C00012P", "delete_block", "DB3,FC12"),
        (b"_GARB", b"", "compress_memory", "_GARB"),
        (b"_MODU", b"EP", "copy_ram_to_rom", "_MODU"),
        (b"_N_LOGIN_", b"", "pi_service", "_N_LOGIN_"),
    ],
)
def test_program_invocations(name: bytes, argument: bytes, code: str, about: str) -> None:
    parameters = b"\x28" + bytes(6) + b"\xfd" + pack(">H", len(argument)) + argument + bytes([len(name)]) + name
    found = only(job(parameters))
    assert (found.role, found.code, found.object) == ("command", code, about)


def test_a_stop() -> None:
    found = only(job(b"\x29" + bytes(5) + b"\x09P_PROGRAM"))
    assert (found.role, found.code, found.object) == ("command", "plc_stop", "P_PROGRAM")


def test_a_download() -> None:
    name = b"\x09_0A00003P"
    head = b"\0\x01\0\0\0\0\0"
    request = only(job(b"\x1a" + head + name + b"\x0d1000134000042"))
    assert (request.code, request.object, request.fields["load_size"], request.fields["code_size"]) == ("request_download", "DB3", 134, 42)
    assert request.fields["destination"] == "P"
    block, data = read((BACK, job(b"\x1b" + head + name)), (OUT, answer("1b01", "000400fb 70700101")))
    assert (block.role, block.code, block.object) == ("response", "download_block", "DB3")
    assert (data.role, data.code, data.object, data.fields["more"], data.fields["data"]) == (
        "command",
        "download_block",
        "DB3",
        True,
        "70700101",
    )
    assert only(job(b"\x1c" + head + name), BACK).code == "download_ended"


def test_an_upload() -> None:
    start = job(b"\x1d" + bytes(7) + b"\x09_0800001A", reference=1)
    begun = answer("1d 00 0000 00000007 07" + b"0000050".hex(), reference=1)
    part = job(b"\x1e" + bytes(3) + bytes([0, 0, 0, 7]), reference=2)
    back = answer("1e01", "000200fb 7070", reference=2)
    end = job(b"\x1f" + bytes(3) + bytes([0, 0, 0, 7]), reference=3)
    found = read((OUT, start), (BACK, begun), (OUT, part), (BACK, back), (OUT, end))
    assert [(row.code, row.object) for row in found] == [
        ("start_upload", "OB1"), ("start_upload", "OB1"), ("upload", "OB1"), ("upload", "OB1"), ("end_upload", "OB1"),
    ]  # fmt: skip
    assert (found[1].fields["load_size"], found[3].fields["block_bytes"]) == (50, 2)


def test_a_module_tells_what_it_is() -> None:
    order = pack(">H20sHHH", 1, b"6ES7 315-2EH14-0AB0 ", 0xC0, 4, 1) + pack(">H20sHHH", 7, b"", 0xC0, 0x5603, 0x0206)
    szl = pack(">HHHH", 0x11, 0, 28, 2) + order
    ask, told = read((OUT, userdata(4, 1, b"\x00\x11\x00\x00", asked=True)), (BACK, userdata(4, 1, szl, asked=False)))
    assert (ask.role, ask.code, ask.object) == ("command", "read_szl", "szl:0x0011:0")
    assert (told.role, told.code, told.object, told.outcome) == ("response", "read_szl", "szl:0x0011:0", "success")
    assert told.fields["identification"]["order_number"] == "6ES7 315-2EH14-0AB0"
    assert told.fields["identification"]["firmware_version"] == "V3.2.6"
    names = b"".join(pack(">H24s8x", part, name) for part, name in ((1, b"SNAP7"), (2, b"CPU 315"), (5, b"S C-X4U4")))
    told = only(userdata(4, 1, pack(">HHHH", 0x1C, 0, 34, 3) + names, asked=False), BACK)
    assert told.fields["identification"] == {"system_name": "SNAP7", "module_name": "CPU 315", "serial_number": "S C-X4U4"}


def test_a_list_that_comes_in_two_messages() -> None:
    szl = pack(">HHHH", 0x1C, 0, 34, 2) + pack(">H24s8x", 1, b"A") + pack(">H24s8x", 2, b"B")
    first, last = userdata(4, 1, szl[:40], asked=False, more=True, unit=5), userdata(4, 1, szl[40:], asked=False, unit=5)
    found = read((BACK, first), (BACK, last))
    assert found[1].fields["identification"] == {"system_name": "A", "module_name": "B"}
    assert (found[0].object, found[0].fields["more"], found[1].object) == ("", True, "szl:0x001c:0")


def test_a_list_that_does_not_exist() -> None:
    found = read(
        (OUT, userdata(4, 1, b"\x01\x31\x00\x03", asked=True)), (BACK, userdata(4, 1, b"", asked=False, returned=0x0A, error=0xD401))
    )
    assert (found[1].object, found[1].outcome, found[1].fields["error_code"]) == ("szl:0x0131:3", "failure", "0xd401")


@pytest.mark.parametrize(
    ("group", "sub", "code"),
    [
        (0, 0, "mode_stop"), (0, 2, "mode_run"), (1, 16, "force"), (2, 1, "subscribe_cyclic"), (3, 1, "list_blocks"),
        (4, 2, "message_service"), (5, 1, "plc_password"), (5, 2, "clear_password"), (7, 1, "read_clock"), (7, 2, "set_clock"),
        (9, 9, "group_9_09"), (1, 99, "programmer_commands_63"),
    ],
)  # fmt: skip
def test_userdata_functions(group: int, sub: int, code: str) -> None:
    assert only(userdata(group, sub, b"", asked=True)).code == code


def test_blocks_and_clocks() -> None:
    counts = b"".join(name + pack(">H", number) for name, number in ((b"08", 1), (b"0A", 12)))
    assert only(userdata(3, 1, counts, asked=False), BACK).fields["blocks"] == {"OB": 1, "DB": 12}
    assert only(userdata(3, 2, b"0A", asked=True)).object == "DB"
    assert only(userdata(3, 2, bytes.fromhex("00012205 00072205"), asked=False), BACK).fields["numbers"] == [1, 7]
    assert only(userdata(3, 3, b"0A00001A", asked=True)).object == "DB1"
    info = bytearray(78)
    info[10:14], info[40:42], info[42:50], info[58:66], info[66] = b"\x05\x0a\x00\x07", b"\x00\x2a", b"SIEMENS\0", b"MOTOR\0\0\0", 0x12
    told = only(userdata(3, 3, bytes(info), asked=False), BACK)
    assert (told.object, told.fields["author"], told.fields["name"], told.fields["version"], told.fields["code_size"]) == (
        "DB7",
        "SIEMENS",
        "MOTOR",
        "1.2",
        42,
    )
    found = only(userdata(7, 2, bytes.fromhex("00 20 26 11 27 12 30 45 1236"), asked=True))
    assert (found.code, found.fields["value"]) == ("set_clock", "2026-11-27T12:30:45.123")


def test_a_password_is_not_kept() -> None:
    assert b"secret".hex() not in json.dumps(only(userdata(5, 1, b"secret!!", asked=True)).fields)


def test_s7comm_plus_is_recognised() -> None:
    found = only(cotp(bytes.fromhex("72010020 31 0000 04ca 0000 0001 00000120") + bytes(20)))
    assert (found.protocol, found.role, found.code) == ("s7comm", "command", "s7comm_plus")
    assert (found.fields["operation"], found.fields["function"], found.fields["sequence"]) == ("request", "create_object", 1)
    signed = cotp(bytes.fromhex("72030030 20") + bytes(32) + bytes.fromhex("32 0000 054c 0000 0002 0000"))
    assert only(signed, BACK).fields["function"] == "get_multi_variables"


def test_another_user_of_cotp_is_a_message() -> None:
    found = only(cotp(b"\xa0\x03\x02\x01\x01"))
    assert (found.role, found.code) == ("message", "cotp_data")
    assert found.fields == {"layer": "cotp", "payload_bytes": 5, "sample": "a003020101"}
    assert only(cotp(b"")).code == "cotp_data"


def test_a_message_in_parts() -> None:
    whole = job(asked(item(2, 0x83, 0)))[7:]
    first, last = cotp(whole[:9], last=False), cotp(whole[9:])
    found = read((OUT, first), (OUT, last))
    assert [(row.code, row.object, row.packet, row.size) for row in found] == [("read_var", "MB0", 1, len(first) + len(last))]
    conversation, out = s7comm.conversation(0), list[Plain]()
    conversation.take(first, 0, len(first), True, 0, out)
    conversation.gap(True)
    conversation.take(last, 0, len(last), True, 1, out)
    assert [row[5] for row in out] == ["cotp_data"]


def test_parts_of_one_direction_do_not_touch_the_other() -> None:
    whole = job(asked(item(2, 0x83, 0)))[7:]
    back = answer("0401", "ff040008 07")
    plus = cotp(bytes.fromhex("72010012 31 0000 04ca 0000 0007 00000000"))
    found = read((OUT, cotp(whole[:9], last=False)), (BACK, back), (BACK, plus), (OUT, cotp(whole[9:])), (BACK, back))
    assert [(row.code, row.object, row.size) for row in found[::3]] == [("read_var", "", len(back)), ("read_var", "MB0", len(back))]
    assert [row.code for row in found[1:3]] == ["s7comm_plus", "read_var"]


def test_what_follows_a_part_in_its_direction_is_the_next_part() -> None:
    sent, begun = job(asked(item(2, 0x83, 0))), cotp(b"", last=False)
    found = read((OUT, sent), (OUT, begun), (OUT, sent), (OUT, sent))
    assert [row.size for row in found] == [len(sent), len(begun) + len(sent), len(sent)]


def test_an_endless_message_is_given_up() -> None:
    found = read(*[(OUT, cotp(bytes(1000), last=False))] * 70)
    assert [row.fields["problem"] for row in found] == ["a message of more than 65536 octets"]
    assert read(*[(OUT, cotp(b"", last=False))] * 5000)[0].role == "problem"


def test_what_is_no_tpkt_is_a_problem() -> None:
    good = job(asked(item(2, 0x83, 0)))
    found = read((OUT, b"\xff\xfe" + good + tpkt(b"\x7f\xf0\x80") + good + b"\x00"))
    assert [row.role for row in found] == ["problem", "command", "problem", "command", "problem"]
    assert found[2].fields["problem"] == "a COTP header longer than its TPKT"
    short = cotp(pack(">BBHHHH", 0x32, 1, 0, 1, 200, 0) + b"\x04\x01")
    assert only(short).fields["problem"] == "an S7 message shorter than its header says"


def test_bytes_that_come_in_pieces_say_the_same() -> None:
    data = job(asked(item(2, 0x83, 0))) + cotp(b"\xa0") + job("f0000001000103c0")
    for cut in range(1, len(data)):
        conversation, out = s7comm.conversation(7), list[Plain]()
        used = conversation.take(data, 0, cut, True, 0, out)
        assert conversation.take(data, used, len(data), True, 0, out) == len(data)
        assert [row[5] for row in out] == ["read_var", "cotp_data", "setup_communication"]


def test_likely_is_strict() -> None:
    setup, connect = job("f0000001000103c0"), tpkt(bytes.fromhex("11e00000000100c0010ac1020100c2020102"))
    desktop = tpkt(bytes.fromhex("0ee000000000000100080003000000"))
    assert s7comm.likely(b"x" + setup, 1, len(setup) + 1)
    assert s7comm.likely(connect, 0, len(connect))
    assert not s7comm.likely(setup, 0, len(setup) - 1)
    assert not s7comm.likely(desktop, 0, len(desktop))
    assert not s7comm.likely(cotp(b"\xa0" * 20), 0, 27)


def test_answers_that_never_come_cost_no_memory() -> None:
    conversation, out = s7comm.Sessions(0), list[Plain]()
    for reference in range(2000):
        data = job(asked(item(2, 0x83, reference * 8)), reference=reference)
        conversation.take(data, 0, len(data), True, 0, out)
    assert len(conversation._awaited) <= s7comm.KEPT
    assert len(conversation._specified) <= s7comm.KEPT


def test_what_is_known_is_bounded() -> None:
    conversation, out = s7comm.Sessions(0), list[Plain]()
    for number in range(2000):
        sent, back = job(asked(item(4, 0x83, number % 500 * 8))), answer("0401", f"ff040010 {number:04x}")
        conversation.take(sent, 0, len(sent), True, 0, out)
        conversation.take(back, 0, len(back), False, 0, out)
        assert (out[-1][6], out[-1][9]["value"]) == (f"MW{number % 500}", number)
    assert len(s7comm._asked) <= s7comm.ASKED
    assert len(s7comm._answers) <= s7comm.ANSWERED


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read(data: bytes, to_server: bool) -> None:
    conversation, out = s7comm.conversation(0), list[Plain]()
    used = conversation.take(data, 0, len(data), to_server, 0, out)
    assert 0 <= used <= len(data)
    assert sum(row[8] for row in out) == used
    s7comm.likely(data, 0, len(data))


@given(
    st.sampled_from((1, 2, 3, 7)),
    st.sampled_from((0, 4, 5, 0x1A, 0x1B, 0x1D, 0x1E, 0x1F, 0x28, 0x29, 0xF0)),
    st.binary(max_size=120),
    st.binary(max_size=120),
)
def test_any_message_is_told(kind: int, function: int, parameters: bytes, data: bytes) -> None:
    for head in (bytes([function]), b"\0\1\x12\x04\x11\x43\x03\0", b"\0\1\x12\x08\x12\x84\x01\0"):
        found = only(s7(kind, head + parameters, data), kind != 3)
        assert found.role in ROLES
        json.dumps(found.fields, allow_nan=False)


@given(st.integers(0, 1 << 30))
def test_damaged_messages_are_read(seed: int) -> None:
    drawn = random.Random(seed)
    parts = [
        job(asked(item(2, 0x83, 0), item(4, 0x84, 80, 2, 5))),
        answer("0402", "ff040008 01 00 ff040020 00010002"),
        userdata(4, 1, bytes(80), asked=False),
    ]
    data = bytearray(b"".join(parts))
    for _ in range(drawn.randint(1, 4)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    conversation, out = s7comm.conversation(0), list[Plain]()
    used = conversation.take(bytes(data), 0, len(data), drawn.random() < 0.5, 0, out)
    assert sum(row[8] for row in out) <= used
