"""Zeek's logs: its text format by its header, its JSON in all spellings of time, what each log means, and damaged lines."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.connectors import zeek
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit
from interferon.sense import zeek_json
from interferon.sense.zeek_kinds import LOGS, guessed, named
from interferon.sense.zeek_lines import PIECE
from interferon.sense.zeek_tsv import unescaped

TIME = 1_767_600_000_250_000
ENDS = {"uid": "C1", "id.orig_h": "10.0.0.9", "id.orig_p": 50112, "id.resp_h": "10.0.0.5", "id.resp_p": 502}


def taken(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    events: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            assert isinstance(item, pa.RecordBatch)
            item.validate(full=True)
            events += item.to_pylist()
    return events, dead


def record(path: str = "", /, **fields: Any) -> bytes:
    told = {"_path": path} if path else {}
    return json.dumps({**told, "ts": 1767600000.25, **ENDS, **fields}, separators=(",", ":")).encode() + b"\n"


def one(path: str = "", /, feed: str = "f", **fields: Any) -> dict[str, Any]:
    events, dead = taken(zeek.normalise([record(path, **fields)], feed))
    assert dead == []
    assert len(events) == 1
    return events[0]


def tsv(path: str, columns: dict[str, tuple[str, str]], *, separator: str = "\t") -> list[bytes]:
    """A log of one row; `columns`: field → type, cell."""
    lines = [
        "#separator " + "".join(f"\\x{ord(each):02x}" for each in separator),
        separator.join(("#set_separator", ",")),
        separator.join(("#empty_field", "(empty)")),
        separator.join(("#unset_field", "-")),
        separator.join(("#path", path)),
        separator.join(("#open", "2026-01-05-08-00-00")),
        separator.join(("#fields", *columns)),
        separator.join(("#types", *(kind for kind, _ in columns.values()))),
        separator.join(cell for _, cell in columns.values()),
        separator.join(("#close", "2026-01-05-09-00-00")),
    ]
    return [line.encode() + b"\n" for line in lines]


HEAD = {
    "ts": ("time", "1767600000.250000"),
    "uid": ("string", "C1"),
    "id.orig_h": ("addr", "10.0.0.9"),
    "id.orig_p": ("port", "50112"),
    "id.resp_h": ("addr", "10.0.0.5"),
    "id.resp_p": ("port", "502"),
}


def attributes(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event["attributes"])
    return found


def test_it_keeps_every_promise_of_a_connector() -> None:
    assert connector_kit.run(zeek) == []


def test_a_conversation() -> None:
    event = one("conn", proto="tcp", duration=2.5, orig_bytes=120, resp_bytes=80, orig_pkts=4, resp_pkts=3, conn_state="SF")
    assert {key: event[key] for key in ("time", "kind", "entity", "source", "target", "object", "bytes", "code")} == {
        "time": TIME,
        "kind": "network.flow",
        "entity": "address:10.0.0.9",
        "source": "10.0.0.9",
        "target": "10.0.0.5",
        "object": "tcp/502",
        "bytes": 200,
        "code": None,
    }
    assert attributes(event) == {
        "_path": "conn",
        "ts": 1767600000.25,
        **ENDS,
        "proto": "tcp",
        "duration": 2.5,
        "orig_bytes": 120,
        "resp_bytes": 80,
        "orig_pkts": 4,
        "resp_pkts": 3,
        "conn_state": "SF",
        "packets": 7,
        "duration_s": 2.5,
    }


def test_a_record_with_neither_host_nor_uri_among_others_keeps_its_place() -> None:
    lines = [record("http", host="hmi"), record("http", method="GET"), record("http", uri="/x"), record("http", host="", uri="")]
    events, dead = taken(zeek.normalise(lines, "f"))
    assert dead == []
    assert [event["object"] for event in events] == ["hmi", None, "/x", None]


def test_times_of_many_records_are_those_of_each() -> None:
    times = ["2018-03-24T17:15:20.865716Z", "2020-02-29T23:59:59.999999Z", "1970-01-01T00:00:00.000001Z", "2018-03-24T00:00:00.000000Z"]
    lines = [record("dns", ts=time, query="a") for time in times]
    events, dead = taken(zeek.normalise(lines, "f"))
    assert dead == []
    assert [event["time"] for event in events] == [1521911720865716, 1583020799999999, 1, 1521849600000000]
    wrong = ["2018-02-30T00:00:00.000000Z", "2018-03-24T24:00:00.000000Z", "2018-03-24T00:60:00.000000Z", "2018-03-24T00:00:0x.000000Z"]
    for time in wrong:
        events, dead = taken(zeek.normalise([*lines, record("dns", ts=time, query="a")], "f"))
        assert ([letter.offset for letter in dead], len(events)) == ([len(lines)], len(lines))


def test_a_conversation_of_which_little_is_known() -> None:
    event = one("conn", proto="tcp", conn_state="S0", orig_bytes=0)
    assert event["bytes"] == 0
    assert attributes(event).keys() & {"packets", "duration_s"} == set()
    assert one("conn", proto="udp", conn_state="S0")["bytes"] is None


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("dns", {"query": "plc.example", "qtype": 1, "qtype_name": "A", "rcode_name": "NXDOMAIN"}, ("plc.example", "A", "failure")),
        ("http", {"method": "GET", "host": "hmi", "uri": "/a?b", "status_code": 200}, ("hmi/a?b", "GET", "success")),
        ("http", {"method": "PUT", "uri": "/x", "status_code": 403}, ("/x", "PUT", "failure")),
        ("ssl", {"version": "TLSv13", "cipher": "x", "server_name": "s.example", "established": True}, ("s.example", "TLSv13", "success")),
        ("smb_files", {"action": "SMB::FILE_OPEN", "path": "\\\\h\\c$", "name": "a.exe"}, ("\\\\h\\c$\\a.exe", "SMB::FILE_OPEN", None)),
        ("dhcp", {"msg_types": ["DISCOVER", "ACK"], "host_name": "hmi-1", "mac": "00:11:22:33:44:55"}, ("hmi-1", "DISCOVER", None)),
        ("weird", {"name": "bad_TCP_checksum", "addl": "x", "peer": "zeek"}, ("x", "bad_TCP_checksum", None)),
        ("dce_rpc", {"endpoint": "svcctl", "operation": "CreateServiceW"}, ("svcctl", "CreateServiceW", None)),
        ("sip", {"method": "INVITE", "uri": "sip:a", "status_code": 486}, ("sip:a", "INVITE", "failure")),
        ("never_heard_of", {"name": "n", "note2": 1}, ("n", "never_heard_of", None)),
    ],
)
def test_messages(path: str, fields: dict[str, Any], expected: tuple[str, str, str | None]) -> None:
    event = one(path, **fields)
    assert event["kind"] == "network.message"
    assert (event["object"], event["code"], event["outcome"]) == expected
    assert attributes(event).items() >= fields.items()


@pytest.mark.parametrize(
    ("path", "fields", "actor", "outcome"),
    [
        ("ssh", {"auth_success": True, "auth_attempts": 1}, None, "success"),
        ("ntlm", {"username": "op-1", "hostname": "HMI", "success": False}, "identity:op-1", "failure"),
        ("kerberos", {"client": "op-1/PLANT.LOCAL", "service": "krbtgt/P", "success": True}, "identity:op-1", "success"),
        ("rdp", {"cookie": "op-1", "result": "Success"}, "identity:op-1", "success"),
        ("ftp", {"user": "op-1", "command": "USER", "reply_code": 530}, "identity:op-1", "failure"),
        ("radius", {"username": "op-1", "result": "failed"}, "identity:op-1", "failure"),
        ("rfb", {"auth": True, "authentication_method": "VNC"}, None, "success"),
    ],
)
def test_logins(path: str, fields: dict[str, Any], actor: str | None, outcome: str) -> None:
    event = one(path, **fields)
    assert (event["kind"], event["actor"], event["outcome"]) == ("auth.login", actor, outcome)
    assert event["entity"] == (actor or "address:10.0.0.9")
    assert attributes(event)["method"] == fields.get("authentication_method", path)


def test_a_login_that_is_not_told_is_a_message() -> None:
    assert one("ssh", client="SSH-2.0-x")["kind"] == "network.message"
    assert one("kerberos", client="/X", request_type="AS")["actor"] is None
    assert one("ntlm", success=True, hostname='HMI "1"')["entity"] == "address:10.0.0.9"
    assert attributes(one("ntlm", success=True, hostname='HMI "1"'))["device"] == 'HMI "1"'


@pytest.mark.parametrize(
    ("path", "fields", "answer"),
    [
        ("modbus", {"func": "READ_COILS", "pdu_type": "REQ"}, False),
        ("modbus", {"func": "READ_COILS", "pdu_type": "RESP"}, True),
        ("modbus", {"func": "READ_COILS"}, False),
        ("dnp3", {"fc_request": "READ", "fc_reply": "RESPONSE"}, False),
        ("dnp3", {"fc_reply": "UNSOLICITED_RESPONSE"}, True),
        ("s7comm", {"is_orig": False, "rosctr_name": "Ack-Data", "function_name": "Write Variable"}, True),
        ("s7comm", {"is_orig": True, "rosctr_name": "Job-Request", "function_name": "Write Variable"}, False),
        ("cip", {"direction": "response", "cip_service": "Set Attribute Single"}, True),
        ("enip", {"is_orig": False, "enip_command": "List Identity"}, True),
        ("opcua_binary_read", {"is_orig": True, "operation": "read"}, False),
    ],
)
def test_commands_to_controllers_and_their_answers(path: str, fields: dict[str, Any], answer: bool) -> None:
    event = one(path, **fields)
    assert event["kind"] == ("ot.response" if answer else "ot.command")
    assert (event["source"], event["target"]) == (("10.0.0.5", "10.0.0.9") if answer else ("10.0.0.9", "10.0.0.5"))
    assert event["entity"] == "address:10.0.0.5"
    assert event["code"]
    assert attributes(event)["protocol"] == path.split("_")[0]


def test_a_refused_command_and_the_values_written() -> None:
    event = one("modbus_detailed", func="WRITE_MULTIPLE_REGISTERS", address=7, request_values=[1, 2], exception_code="ILLEGAL_DATA")
    assert (event["object"], event["outcome"]) == ("7", "failure")
    assert attributes(event)["value"] == [1, 2]


def test_who_saw_it_stands_in_where_a_record_has_no_addresses() -> None:
    def alone(path: str, **fields: Any) -> dict[str, Any]:
        line = json.dumps({"_path": path, "ts": 1767600000.25, **fields}).encode()
        events, dead = taken(zeek.normalise([line], "sensor-1"))
        assert dead == []
        return events[0]

    assert alone("stats", peer="zeek", mem=1)["entity"] == "address:zeek"
    assert (alone("stats", peer="zeek")["kind"], alone("stats", peer="zeek")["code"]) == ("log.status", "heartbeat")
    assert alone("weird", name="x")["entity"] == "feed:sensor-1"
    assert alone("software", host="10.0.0.4", name="nginx")["entity"] == "address:10.0.0.4"
    assert attributes(alone("notice", note="Scan::Port_Scan", msg="scanned", src="10.0.0.4"))["message"] == "scanned"
    assert alone("reporter", level="Reporter::ERROR", message="no", location="x")["kind"] == "log.message"


@pytest.mark.parametrize(
    "time", [1767600000.25, 1767600000250, 1767600000250.0, "2026-01-05T08:00:00.250000Z", "2026-01-05T10:00:00.25+02:00"]
)
def test_times_in_all_spellings(time: object) -> None:
    for path in ("dns", ""):
        assert one(path, feed="dns", ts=time, query="a", qtype=1)["time"] == TIME


@pytest.mark.parametrize("time", [None, "soon", -5, 1e300, True, [], "0001-01-01T00:00:00Z"])
def test_a_record_without_a_time_is_a_dead_letter(time: object) -> None:
    line = json.dumps({"ts": time, **ENDS, "query": "a", "qtype": 1}).encode()
    events, dead = taken(zeek.normalise([line, record("dns", query="b")], "dns"))
    assert [event["object"] for event in events] == ["b"]
    assert [(letter.offset, "line 1: ts is" in letter.reason) for letter in dead] == [(0, True)]


def test_the_text_format_gives_what_json_gives() -> None:
    lines = tsv(
        "dns",
        {
            **HEAD,
            "proto": ("enum", "udp"),
            "rtt": ("interval", "0.000871"),
            "query": ("string", "plc.example"),
            "qtype_name": ("string", "A"),
            "rcode_name": ("string", "NOERROR"),
            "AA": ("bool", "F"),
            "answers": ("vector[string]", "a\\x2cb,-,c"),
            "TTLs": ("vector[interval]", "1.000000,30.000000"),
            "tags": ("set[string]", "(empty)"),
            "gone": ("string", "-"),
            "blank": ("string", "(empty)"),
        },
    )
    fields: dict[str, Any] = {
        "proto": "udp",
        "rtt": 0.000871,
        "query": "plc.example",
        "qtype_name": "A",
        "rcode_name": "NOERROR",
        "AA": False,
    }
    fields |= {"answers": ["a,b", None, "c"], "TTLs": [1.0, 30.0], "tags": [], "blank": ""}
    (event,), dead = taken(zeek.normalise(lines, "f"))
    twin = one("dns", **fields)
    assert dead == []
    assert event["offset"] == 8
    assert {**event, "attributes": "", "offset": 0} == {**twin, "attributes": ""}
    streamed = {key: value for key, value in attributes(twin).items() if key != "_path"}
    assert attributes(event) == {**streamed, "ts": "2026-01-05T08:00:00.250000Z"}


def test_another_separator_and_a_header_that_comes_again() -> None:
    first = tsv("conn", {**HEAD, "proto": ("enum", "tcp")}, separator="|")
    second = tsv("weird", {"ts": ("time", "1767600001.000000"), "name": ("string", "odd"), "peer": ("string", "zeek")})
    events, dead = taken(zeek.normalise([*first, *second], "f"))
    assert dead == []
    assert [(event["offset"], event["kind"], event["object"] or event["code"]) for event in events] == [
        (8, "network.flow", "tcp/502"),
        (18, "network.message", "odd"),
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a\\x09b", "a\tb"),
        ("\\x2d", "-"),
        ("C:\\\\x41", "C:\\x41"),
        ("\\xff\\x00", "\\xff\\x00"),
        ("caf\\xc3\\xa9", "café"),
        ("café", "café"),
        ("\\q", "\\q"),
    ],
)
def test_escapes(cell: str, text: str) -> None:
    assert unescaped(cell) == text


def test_rows_that_do_not_fit_are_told_with_their_line() -> None:
    lines = tsv("conn", {**HEAD, "proto": ("enum", "tcp")})
    row = lines[8]
    damaged = [*lines[:8], row, row.replace(b"\t502", b""), row.replace(b"1767600000.250000", b"XXXX"), b"\xff\xfe\n", b"\n", row]
    events, dead = taken(zeek.normalise(damaged, "f"))
    assert [event["offset"] for event in events] == [8, 13]
    assert [(letter.offset, letter.reason.split(":")[0]) for letter in dead] == [(9, "line 10"), (10, "line 11"), (11, "line 12")]
    assert "6 cells where #fields names 7" in dead[0].reason


def test_a_cell_of_another_type_than_told_stays_text() -> None:
    lines = tsv("conn", {**HEAD, "proto": ("enum", "tcp"), "orig_bytes": ("count", "many"), "duration": ("interval", "nan")})
    (event,), _ = taken(zeek.normalise(lines, "f"))
    assert event["bytes"] is None
    assert attributes(event)["orig_bytes"] == "many"
    assert attributes(event)["duration"] == "nan"


def test_the_log_is_told_by_the_record_the_file_or_the_fields(tmp_path: Path) -> None:
    for name, expected in {
        "dns.log": "dns",
        "dns.json.gz": "dns",
        "dns.2024-01-01-00.log": "dns",
        "dns_20240101.log": "dns",
        "known_services.log": "known_services",
        "modbus_detailed.log.gz": "modbus_detailed",
        "s7comm_upload_download.log": "s7comm_upload_download",
        "sensor-7.log": "",
    }.items():
        assert named(name) == expected, name
    assert guessed({"ts", "uid", "conn_state", "proto"}) == "conn"
    path = tmp_path / "http.json"
    path.write_bytes(record(method="GET", host="h", uri="/"))
    assert next(iter(taken(zeek.read(path, "x"))[0]))["code"] == "GET"
    assert one(conn_state="SF", proto="tcp")["kind"] == "network.flow"


def test_shippers_that_nest_or_respell_the_addresses() -> None:
    nested = {"_path": "conn", "ts": 1767600000.25, "proto": "tcp", "id": {"orig_h": "10.0.0.9", "resp_h": "10.0.0.5", "resp_p": 502}}
    flat = {"_path": "conn", "ts": 1767600000.25, "proto": "tcp", "id_orig_h": "10.0.0.9", "id_resp_h": "10.0.0.5", "id_resp_p": 502}
    events, _ = taken(zeek.normalise([json.dumps(each).encode() for each in (nested, flat)], "f"))
    assert [(event["source"], event["target"], event["object"]) for event in events] == [("10.0.0.9", "10.0.0.5", "tcp/502")] * 2


def test_what_a_record_has_of_its_own_is_not_written_over() -> None:
    assert attributes(one("dns", query="a", protocol="mine"))["protocol"] == "mine"
    assert one("dns", query="a", protocol="mine")["attributes"].count('"protocol"') == 1


def mixed(count: int) -> list[bytes]:
    return [
        record("dns", query=f"h{number}", qtype=1) if number % 3 else record("conn", proto="tcp", orig_pkts=number, resp_pkts=1)
        for number in range(count)
    ]


def test_whole_blocks_and_single_lines_give_the_same() -> None:
    lines = [record("ssl", server_name=f"h{number % 7}", established=bool(number % 2), version="TLSv12") for number in range(400)]
    fast = zeek_json.fast(b"".join(lines), "f", 5, "")
    assert fast is not None
    assert taken([fast]) == taken(zeek_json.slow(lines, "f", 5, ""))


def test_a_name_that_only_some_parts_of_a_block_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [record("weird", name="x", **({"peer": f"sensor-{number % 2}"} if number % 40 > 19 else {})) for number in range(80)]
    monkeypatch.setattr(zeek_json, "PART", 10 * len(lines[0]))
    fast = zeek_json.fast(b"".join(lines), "f", 0, "")
    assert fast is not None
    assert taken([fast]) == taken(zeek_json.slow(lines, "f", 0, ""))
    peers = [attributes(event).get("peer") for event in taken([fast])[0]]
    assert (peers[0], peers[20], peers[21], peers[45]) == (None, "sensor-0", "sensor-1", None)


def test_one_bad_line_costs_no_other_and_order_is_kept() -> None:
    lines = [record("dns", query=f"h{number}", qtype=1) for number in range(3000)]
    assert sum(map(len, lines)) > 4 * PIECE
    lines[1234] = lines[1234][:-9] + b"\n"
    lines[2000] = b"\xff\x00\n"
    events, dead = taken(zeek.normalise(lines, "f"))
    assert [letter.offset for letter in dead] == [1234, 2000]
    assert [event["object"] for event in events] == [f"h{number}" for number in range(3000) if number not in (1234, 2000)]
    assert [event["offset"] for event in events] == [number for number in range(3000) if number not in (1234, 2000)]


def test_logs_mixed_in_one_stream_keep_their_order() -> None:
    events, dead = taken(zeek.normalise(mixed(500), "f"))
    assert dead == []
    assert [event["offset"] for event in events] == list(range(500))
    assert zeek_json.fast(b"".join(mixed(500)), "f", 0, "") is not None
    assert [event["kind"] for event in events[:4]] == ["network.flow", "network.message", "network.message", "network.flow"]
    assert attributes(events[3])["packets"] == 4


def test_a_stream_cut_anywhere_gives_the_same() -> None:
    whole = b"".join(mixed(60)).rstrip(b"\n")
    expected = taken(zeek.normalise(whole.split(b"\n"), "f"))
    for size in (1, 7, 1000, len(whole)):
        assert taken(zeek.blocks((whole[at : at + size] for at in range(0, len(whole), size)), "f")) == expected


def test_files(tmp_path: Path) -> None:
    lines = mixed(2000)
    packed = tmp_path / "x.log.gz"
    packed.write_bytes(gzip.compress(b"".join(lines)))
    expected = taken(zeek.normalise(lines, "f"))
    assert taken(zeek.read(packed, "f")) == expected
    packed.write_bytes(packed.read_bytes()[:-4])
    events, dead = taken(zeek.read(packed, "f"))
    assert events == expected[0]
    assert "breaks off" in dead[-1].reason
    with pytest.raises(InputError, match="No such file"):
        list(zeek.read(tmp_path / "absent.log"))
    with pytest.raises(InputError):
        list(zeek.read(tmp_path))


def test_what_is_certainly_zeek() -> None:
    assert zeek.sniff(b"### a comment\n#separator \\x09\n")
    assert zeek.sniff(record("anything"))
    assert zeek.sniff(record(query="a"))
    for other in (
        b"",
        b"{}",
        b"# a list\na,b\n",
        b'{"timestamp":"2026-01-05T08:00:00+0000","event_type":"dns"}\n',
        b'{"ts":1767600000.25,"host":"a"}\n',
        b'{"ts":1767600000.25',
        b"\x0a\x0d\x0d\x0a\x1c",
    ):
        assert not zeek.sniff(other), other


def test_every_listed_log_reads_only_by_its_name() -> None:
    for path in LOGS:
        event = one(path)
        assert event["attributes"].startswith('{"_path"')
        json.loads(event["attributes"])


@given(
    st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([b"#fields\ta", b"#separator \\x09", b'{"_path":"conn","ts":1}', b"{}"])))
)
def test_no_bytes_are_too_much(lines: list[bytes]) -> None:
    events, dead = taken(zeek.normalise(lines, "f"))
    assert len({event["offset"] for event in events}) == len(events)
    assert all(letter.reason for letter in dead)
    zeek.sniff(b"\n".join(lines))


@given(st.data())
def test_mutated_lines_never_raise(data: st.DataObject) -> None:
    whole = bytearray(b"".join([*tsv("conn", {**HEAD, "proto": ("enum", "tcp")}), *mixed(6)]))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    events, dead = taken(zeek.blocks([bytes(whole)], "f"))
    for event in events:
        json.loads(event["attributes"])
    assert events or dead
