"""The capture connector: rows of each kind, who is the entity, dead letters, gzip, chunks, the kit; no bytes raise."""

import gzip
import struct
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import capture
from interferon.dissect import conversations, events
from interferon.model.errors import InputError
from interferon.model.events import ACTIVITY
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit

CLIENT, SERVER = b"\x0a\0\0\x09", b"\x0a\0\0\x05"
READ = bytes.fromhex("000100000006010300640001")
ANSWER = bytes.fromhex("000100000005010302002a")


def frame(client: bool, number: int, payload: bytes, port: int = 40_000, server: int = 502) -> bytes:
    near, far, source, target = (port, server, CLIENT, SERVER) if client else (server, port, SERVER, CLIENT)
    body = struct.pack(">HHIIBBHHH", near, far, number, 0, 0x50, 24, 8192, 0, 0) + payload
    return b"\2" * 12 + b"\x08\0" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 6, 0) + source + target + body


def file(*frames: bytes, link: int = 1) -> bytes:
    head = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack("<IIII", 100 + n, n, len(each), len(each)) + each for n, each in enumerate(frames))


def told(data: bytes, first: int = 0) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    rows: list[dict[str, Any]] = []
    letters: list[DeadLetter] = []
    for each in capture.normalise(data, "tap", first):
        if isinstance(each, DeadLetter):
            letters.append(each)
            continue
        assert each.schema.equals(ACTIVITY)
        each.validate(full=True)
        rows += each.to_pylist()
    assert [row["offset"] for row in rows] == list(range(first, first + len(rows)))
    for row in rows:
        row["attributes"] = msgspec.json.decode(row["attributes"])
    return rows, letters


def test_the_kit_finds_nothing() -> None:
    assert connector_kit.run(capture) == []


def test_a_command_its_response_and_their_conversation() -> None:
    rows, letters = told(file(frame(True, 1, READ), frame(False, 9, ANSWER)), 70)
    assert letters == []
    command, response, flow = rows
    assert [row["kind"] for row in rows] == ["ot.command", "ot.response", "network.flow"]
    assert [row["entity"] for row in rows] == ["address:10.0.0.5", "address:10.0.0.5", "address:10.0.0.9"]
    assert (command["source"], command["target"], response["source"], response["target"]) == (
        "10.0.0.9",
        "10.0.0.5",
        "10.0.0.5",
        "10.0.0.9",
    )
    assert (command["time"], response["time"], command["feed"], command["seen"]) == (100_000_000, 101_000_001, "tap", 100_000_000)
    assert (command["code"], command["object"], command["outcome"], command["bytes"]) == ("read_holding_registers", "holding:100", None, 12)
    assert (response["outcome"], response["attributes"]["values"]) == ("success", [42])
    assert command["attributes"] == {
        "protocol": "modbus", "source_port": 40_000, "target_port": 502, "transaction": 1, "unit": 1, "function": 3, "address": 100,
        "quantity": 1,
    }  # fmt: skip
    assert (flow["source"], flow["target"], flow["object"], flow["bytes"]) == ("10.0.0.9", "10.0.0.5", "tcp/502", 131)
    assert flow["attributes"]["service"] == "modbus"
    assert flow["attributes"]["packets"] == 2
    assert flow["actor"] is None
    assert flow["code"] is None


def test_without_dissectors_only_conversations_are_told() -> None:
    data = file(frame(True, 1, READ), frame(False, 9, ANSWER))
    (batch,) = capture.normalise(data, "tap", 0, ())
    assert isinstance(batch, pa.RecordBatch)
    assert batch.column("kind").to_pylist() == ["network.flow"]


def test_what_is_no_message_is_a_dead_letter_with_its_packet() -> None:
    rows, (letter,) = told(file(frame(True, 1, READ), frame(True, 13, b"\0\1\0\x09nothing of it")))
    assert len(rows) == 2
    assert letter.reason == "packet 2, modbus: protocol identifier 9, not 0"
    assert (letter.entity, letter.time, letter.feed) == ("address:10.0.0.9", 101_000_001, "tap")
    assert bytes.fromhex(letter.raw) == b"\0\1\0\x09nothing of it"


def test_link_types_that_are_not_read_are_told_with_their_number() -> None:
    rows, (letter,) = told(file(b"x" * 30, b"y" * 30, link=147))
    assert rows == []
    assert letter.reason == "packet 2, capture: 2 packets of link type 147, which is not read"


@pytest.mark.parametrize("data", [b"", b"\xd4\xc3\xb2\xa1", b"no capture at all", file(frame(True, 1, READ))[:-5]])
def test_what_cannot_be_read_is_a_dead_letter(data: bytes) -> None:
    rows, letters = told(data)
    assert rows == []
    assert len(letters) == 1
    assert letters[0].reason


def test_a_file_plain_or_gzipped_reads_alike_and_a_damaged_one_tells(tmp_path: Path) -> None:
    data = file(*(frame(True, 1 + 12 * n, READ) for n in range(20)))
    plain, packed, cut = tmp_path / "a.pcap", tmp_path / "a.pcap.gz", tmp_path / "cut.pcap.gz"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    cut.write_bytes(gzip.compress(data)[:-12])
    once, again = (list(capture.read(path, "tap")) for path in (plain, packed))
    assert once == again == list(capture.normalise(data, "tap"))
    assert list(capture.normalise(gzip.compress(data), "tap")) == once
    *before, last = capture.read(cut)
    assert before
    assert isinstance(last, DeadLetter)
    assert last.reason.startswith("the gzip file is damaged")
    assert next(each for each in capture.read(plain) if isinstance(each, pa.RecordBatch)).column("feed")[0].as_py() == "a"


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pcap", tmp_path):
        with pytest.raises(InputError) as told:
            list(capture.read(path))
        assert "\n" not in str(told.value)


def test_a_password_is_not_told() -> None:
    connect = bytes.fromhex("101d00044d51545404c2003c0003646576") + b"\0\x04user\0\x06secret"
    rows, letters = told(file(frame(True, 1, connect, server=1883), frame(True, 1 + len(connect), b"\xc0\0", server=1883)))
    assert letters == []
    assert [row["code"] for row in rows] == ["connect", "pingreq", None]
    said = rows[0]["attributes"]
    assert (said["username"], said["password"], said["flags"]["password"]) == ("user", "***", True)
    assert (said["protocol"], said["client_id"], rows[1]["attributes"]["target_port"]) == ("mqtt", "dev", 1883)
    assert "secret" not in str(rows)


def test_a_keep_alive_of_a_conversation_picked_up_later_is_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file(frame(True, 12, b"\0"), frame(True, 13, READ), frame(True, 24, b"\0"), frame(True, 25, READ))
    single = told(data)
    monkeypatch.setattr(conversations, "FEW", 0)
    for rows, letters in (single, told(data)):
        assert letters == []
        assert [row["code"] for row in rows] == ["read_holding_registers", "read_holding_registers", None]


def test_messages_that_carry_others_stand_beside_such_as_carry_none() -> None:
    session = bytes.fromhex("65000400 05000000 00000000 4142434445464748 00000000 01000000")
    asked = bytes.fromhex(
        "70001c00 05000000 00000000 0000000000000000 00000000 00000000 0000 0200 a1000400 09000000 b1000800 0100 0e0220012401"
    )
    rows, letters = told(file(frame(True, 1, session, server=44818), frame(True, 29, asked, server=44818)))
    assert letters == []
    said = [row["attributes"] for row in rows]
    assert [(each["protocol"], each.get("command"), "cip" in each) for each in said] == [
        ("enip", "register_session", False), ("enip", "send_unit_data", True), ("tcp", None, False),
    ]  # fmt: skip
    assert (said[0]["protocol_version"], said[1]["cip"]["service"], said[1]["sequence"]) == (1, "get_attribute_single", 1)


def test_what_another_protocol_sends_over_cotp_is_told_as_cotp() -> None:
    payloads = bytes.fromhex("0300000a02f080a00178"), bytes.fromhex("0300001902f08032010000000000080000f0000001000101e0")
    rows, letters = told(file(frame(True, 1, payloads[0], server=102), frame(True, 11, payloads[1], server=102)))
    assert letters == []
    assert [(row["code"], row["attributes"]["protocol"]) for row in rows] == [
        ("cotp_data", "cotp"), ("setup_communication", "s7comm"), (None, "tcp"),
    ]  # fmt: skip


def test_chunks_change_nothing_but_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file(*(frame(True, 1 + 12 * n, READ) for n in range(100)))
    whole, _ = told(data)
    monkeypatch.setattr(capture, "CHUNK", 700)
    assert told(data)[0] == whole
    monkeypatch.setattr(events, "ROWS", 8)
    batches = [each for each in capture.normalise(data, "tap") if isinstance(each, pa.RecordBatch)]
    assert max(each.num_rows for each in batches) <= 8


@pytest.mark.parametrize("few", [0, conversations.FEW])
def test_a_hole_is_given_up_while_its_conversation_is_silent(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """What waited behind the hole is told in a window in which its conversation sent nothing."""
    monkeypatch.setattr(conversations, "FEW", few)
    monkeypatch.setattr(capture, "CHUNK", 700)
    others = [frame(True, 1 + 12 * n, READ, port=41_000) for n in range(60)]
    rows, letters = told(file(frame(True, 1, READ), frame(True, 40, READ), *others))
    assert letters == []
    assert [row["attributes"]["source_port"] for row in rows if row["code"]].count(40_000) == 2
    assert [row["code"] for row in rows if row["attributes"]["source_port"] == 40_000] == ["read_holding_registers"] * 2 + [None]
    late = [row["attributes"]["source_port"] for row in rows].index(40_000, 1)
    assert late > 30  # seconds, of which each brings one row


def test_only_captures_are_sniffed() -> None:
    assert capture.sniff(capture.EXAMPLE)
    assert not capture.sniff(b"")
    assert not capture.sniff(b'{"family":"activity"}\n')
    assert not capture.sniff(b"\xd4\xc3\xb2\xa1 but no version behind it")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=10), st.integers(0, 60), st.binary(max_size=60))
def test_no_bytes_raise(changes: list[tuple[int, int]], cut: int, tail: bytes) -> None:
    changed = bytearray(file(frame(True, 1, READ), frame(False, 9, ANSWER), frame(True, 13, READ * 3)))
    for place, value in changes:
        changed[place % len(changed)] = value
    _, letters = told(bytes(changed)[: len(changed) - cut] + tail)  # which looks at every row
    assert all(letter.feed == "tap" and letter.reason for letter in letters)
    told(tail)
