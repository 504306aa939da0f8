"""Windows logs, EVTX and JSON: what each event id means, that rules read the records, and that damage costs only what it hit."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import windows_events, windows_json
from interferon.detect.stream_events import rows_from_batch
from interferon.detect.stream_protocol import Context
from interferon.detectors.activity_rules import SigmaRules
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.rules.parse import parse
from interferon.runtime import connector_kit

from .evtx_file import CHUNK, HEADER, built

TIME = 1_767_600_000_000_000
SYSMON = "Microsoft-Windows-Sysmon/Operational"
LOGIN = {"Channel": "Security", "EventID": 4624, "Computer": "HMI-1.Plant.example", "time": TIME, "Data": {"TargetUserName": "op-1"}}
RULE = """
title: whoami
id: 3d0f1c52-6c2e-4f6e-9d6a-0f6f2f1e7a55
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: '\\\\whoami.exe'
    ParentImage|endswith: '\\\\cmd.exe'
  condition: selection
level: high
"""


def taken(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    rows: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            assert isinstance(item, pa.RecordBatch)
            rows += item.to_pylist()
    return rows, dead


def flat(number: int, channel: str = "Security", **data: Any) -> dict[str, Any]:
    return {"Channel": channel, "EventID": number, "Hostname": "HMI-1.Plant.example", "TimeCreated": "2026-01-05T08:00:00Z", **data}


def one(record: dict[str, Any]) -> dict[str, Any]:
    rows, dead = taken(windows_json.normalise([json.dumps(record).encode()], "pc"))
    assert not dead
    (row,) = rows
    return {**row, "attributes": json.loads(row["attributes"])}


def shapes(number: int, channel: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The same record as each exporter writes it."""
    system = {"EventID": number, "Channel": channel, "Computer": "HMI-1.Plant.example"}
    moment = "2026-01-05T08:00:00.000000Z"
    named = [{"@Name": name, "#text": value} for name, value in data.items()]
    return [
        flat(number, channel, **data),
        {"Event": {"System": {**system, "TimeCreated": {"#attributes": {"SystemTime": moment}}}, "EventData": data}},
        {"Event": {"System": {**system, "TimeCreated": {"@SystemTime": moment}}, "EventData": {"Data": named}}},
        {
            "@timestamp": moment,
            "winlog": {"channel": channel, "event_id": str(number), "computer_name": "HMI-1.Plant.example", "event_data": data},
        },
    ]


@pytest.mark.parametrize("connector", [windows_events, windows_json])
def test_the_connectors_keep_their_promises(connector: Any) -> None:
    assert connector_kit.run(connector) == []


def test_the_example_is_made_by_the_builder() -> None:
    event = {"Channel": "Security", "EventID": 4624, "Computer": "HMI-1", "time": TIME + 125_000}
    data = {"TargetUserName": "op-1", "LogonType": "10", "IpAddress": "10.0.0.9"}
    assert built([{**event, "Provider": "Microsoft-Windows-Security-Auditing", "Data": data}]) == windows_events.EXAMPLE


@pytest.mark.parametrize("shape", range(4))
def test_a_login_is_one_in_every_shape(shape: int) -> None:
    data = {
        "TargetUserName": "op-1",
        "TargetDomainName": "PLANT",
        "LogonType": "10",
        "IpAddress": "::ffff:10.0.0.9",
        "WorkstationName": "-",
    }
    row = one(shapes(4624, "Security", data)[shape])
    assert (row["time"], row["entity"], row["kind"]) == (TIME, "address:hmi-1.plant.example", "auth.login")
    assert (row["source"], row["target"], row["actor"]) == ("10.0.0.9", "hmi-1.plant.example", "identity:op-1")
    assert (row["outcome"], row["code"], row["attributes"]["method"]) == ("success", "4624", "remote_interactive")


@pytest.mark.parametrize(
    ("number", "data", "outcome", "method"),
    [
        (4625, {"LogonType": "3", "Status": "0xc000006d"}, "failure", "network"),
        (4648, {"TargetServerName": "srv-1"}, None, "explicit_credentials"),
        (4768, {"Status": "0x0"}, "success", "kerberos"),
        (4768, {"Status": "0x6"}, "failure", "kerberos"),
        (4769, {"Status": "0x0", "ServiceName": "cifs"}, "success", "kerberos"),
        (4771, {"Status": "0x18"}, "failure", "kerberos"),
        (4776, {"Status": "0xc000006a", "Workstation": "WS-7"}, "failure", "ntlm"),
        (4776, {"Status": "0x0"}, "success", "ntlm"),
    ],
)
def test_logins_tell_how_and_whether(number: int, data: dict[str, str], outcome: str | None, method: str) -> None:
    row = one(flat(number, TargetUserName="anna@PLANT", **data))
    assert (row["kind"], row["actor"], row["outcome"], row["attributes"]["method"]) == ("auth.login", "identity:anna", outcome, method)
    assert row["source"] == data.get("Workstation")
    assert row["target"] == data.get("TargetServerName", "hmi-1.plant.example")


def test_an_audited_process_and_one_of_sysmon_say_the_same() -> None:
    sysmon = one(
        flat(
            1,
            SYSMON,
            **{"Image": r"C:\w\whoami.exe", "ParentImage": r"C:\w\cmd.exe", "CommandLine": "whoami", "User": r"PLANT\op-1"},
            **{"ProcessId": "4711", "ParentProcessId": 12, "UtcTime": "2026-01-05 08:00:00.250"},
        )
    )
    audited = one(
        flat(
            4688,
            **{"NewProcessName": r"C:\w\whoami.exe", "ParentProcessName": r"C:\w\cmd.exe", "CommandLine": "whoami"},
            **{"SubjectUserName": "op-1", "TargetUserName": "-", "NewProcessId": "0x1267", "ProcessId": "0xc"},
        )
    )
    assert sysmon["time"] == TIME + 250_000
    for row in (sysmon, audited):
        assert (row["kind"], row["object"], row["actor"]) == ("process.start", r"C:\w\whoami.exe", "identity:op-1")
        assert {key: row["attributes"][key] for key in ("parent", "command_line", "pid", "ppid", "host")} == {
            **{"parent": r"C:\w\cmd.exe", "command_line": "whoami", "pid": 4711, "ppid": 12, "host": "hmi-1.plant.example"}
        }


@pytest.mark.parametrize(
    ("number", "data", "path", "code"),
    [
        (4663, {"ObjectType": "File", "ObjectName": r"D:\plans\a.dwg", "AccessMask": "0x2"}, r"D:\plans\a.dwg", "write"),
        (4663, {"ObjectType": "File", "ObjectName": r"D:\a", "AccessMask": "0x10000"}, r"D:\a", "delete"),
        (5140, {"ShareName": r"\\*\C$", "IpAddress": "10.0.0.9", "AccessMask": "0x1"}, r"\\*\C$", "read"),
        (5145, {"ShareName": r"\\*\plans", "RelativeTargetName": r"b\c.txt", "AccessList": "%%4417"}, r"\\*\plans\b\c.txt", "write"),
    ],
)
def test_audited_files(number: int, data: dict[str, str], path: str, code: str) -> None:
    row = one(flat(number, SubjectUserName="op-1", **data))
    assert (row["kind"], row["object"], row["code"], row["actor"]) == ("file.access", path, code, "identity:op-1")
    assert (row["attributes"]["files"], row["source"]) == (1, data.get("IpAddress"))


def test_flows_and_names() -> None:
    ends = {"SourceIp": "10.0.0.5", "SourcePort": "50112", "DestinationIp": "10.0.0.7", "DestinationPort": 445, "Protocol": "tcp"}
    row = one(flat(3, SYSMON, **ends))
    assert (row["kind"], row["source"], row["target"], row["object"]) == ("network.flow", "10.0.0.5", "10.0.0.7", "tcp/445")
    row = one(flat(5157, SourceAddress="10.0.0.5", DestAddress="10.0.0.7", DestPort="53", Protocol="17"))
    assert (row["kind"], row["object"], row["outcome"]) == ("network.flow", "udp/53", "failure")
    row = one(flat(22, SYSMON, QueryName="c2.example", QueryStatus="9003"))
    assert (row["kind"], row["object"], row["outcome"], row["attributes"]["protocol"]) == (
        "network.message",
        "c2.example",
        "failure",
        "dns",
    )


@pytest.mark.parametrize(
    ("channel", "number", "data", "item", "after"),
    [
        ("Security", 4697, {"ServiceName": "PSEXESVC", "ServiceFileName": "x.exe"}, "service PSEXESVC", "x.exe"),
        ("System", 7045, {"ServiceName": "evil", "ImagePath": r"C:\evil.exe"}, "service evil", r"C:\evil.exe"),
        ("Security", 4719, {"SubcategoryGuid": "{0cce}", "AuditPolicyChanges": "%%8448"}, "audit policy {0cce}", "%%8448"),
        ("Security", 4720, {"TargetUserName": "mallory"}, "account mallory", None),
        ("Security", 4732, {"TargetUserName": "Administrators", "MemberSid": "S-1-5-21-1"}, "group Administrators", "S-1-5-21-1"),
        (SYSMON, 13, {"TargetObject": r"HKLM\Run\x", "Details": "x.exe"}, r"HKLM\Run\x", "x.exe"),
        ("Security", 4657, {"ObjectName": r"\REG\A", "ObjectValueName": "b", "NewValue": "1"}, r"\REG\A\b", "1"),
        ("Microsoft-Windows-Windows Defender/Operational", 5001, {}, "real-time protection", None),
    ],
)
def test_changes_name_the_setting(channel: str, number: int, data: dict[str, str], item: str, after: str | None) -> None:
    row = one(flat(number, channel, SubjectUserName="adm", **data))
    assert (row["kind"], row["object"], row["target"], row["code"]) == ("config.change", item, "hmi-1.plant.example", str(number))
    assert row["attributes"].get("after") == after


@pytest.mark.parametrize(("channel", "number"), [("Security", 1102), ("System", 104)])
def test_a_cleared_log_is_one(channel: str, number: int) -> None:
    record = {
        "Event": {
            "System": {"EventID": number, "Channel": channel, "Computer": "PC", "TimeCreated": {"SystemTime": "2026-01-05T08:00:00Z"}}
        }
    }
    record["Event"]["UserData"] = {"LogFileCleared": {"SubjectUserName": "mallory", "Channel": "Application"}}
    row = one(record)
    assert (row["kind"], row["code"], row["actor"], row["entity"]) == ("log.status", "cleared", "identity:mallory", "address:pc")
    assert row["object"] == ("Application" if channel == "System" else "Security")


def test_anything_else_is_a_message_of_its_channel() -> None:
    row = one(flat(16384, "Application", Message="Successfully scheduled", Level="3"))
    assert (row["kind"], row["object"], row["code"]) == ("log.message", "Application", "16384")
    assert (row["attributes"]["message"], row["attributes"]["severity"]) == ("Successfully scheduled", "warning")
    assert one(flat(10, SYSMON))["attributes"]["message"] == f"event 10 of {SYSMON}"


@pytest.mark.parametrize("shape", range(4))
def test_a_rule_finds_what_it_describes_in_the_event(shape: int) -> None:
    rules, problems = parse(RULE, "whoami.yml", {})
    assert not problems
    for parent, kinds in ((r"C:\w\cmd.exe", [f"rule.high.{rules[0].id}"]), (r"C:\w\explorer.exe", [])):
        record = shapes(1, SYSMON, {"Image": r"C:\w\whoami.exe", "ParentImage": parent})[shape]
        batch = next(iter(windows_json.normalise([json.dumps(record).encode()], "pc")))
        (event,) = rows_from_batch(batch)
        assert [each.kind for each in SigmaRules(rules).score(None, event, Context(event.entity, TIME, 0, 0, {}, {}, ""))] == kinds


def test_a_record_over_several_lines_arrays_and_damage_beside_good_ones() -> None:
    record = flat(4624, TargetUserName="op-1")
    text = json.dumps([record, record], indent=2) + "\n" + json.dumps(record) + "\n{broken\n" + json.dumps(record) + json.dumps(record)
    rows, dead = taken(windows_json.normalise(text.encode().splitlines(keepends=True), "pc"))
    assert len(rows) == 5
    assert [letter.reason[:25] for letter in dead] == [f"line {text[: text.index('{broken')].count(chr(10)) + 1} is no JSON record"[:25]]
    assert [row["offset"] for row in rows] == sorted({row["offset"] for row in rows})


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"a": 1}, "no event id"),
        ({**flat(4624), "Hostname": ""}, "names no computer"),
        ({**flat(4624), "TimeCreated": "yesterday"}, "'yesterday'"),
        (["x"], "a record is a JSON object"),
    ],
)
def test_what_is_no_event_is_told(record: Any, told: str) -> None:
    text = json.dumps([record] if isinstance(record, list) else record)
    rows, (letter,) = taken(windows_json.normalise([text.encode()], "pc", 7))
    assert (rows, letter.offset) == ([], 7)
    assert told in letter.reason
    assert letter.raw


def test_lines_keep_their_numbers_as_offsets() -> None:
    line = json.dumps(flat(4624)).encode() + b"\n"
    rows, _ = taken(windows_json.normalise([line, b"\n", line, line], "pc", 100))
    assert [row["offset"] for row in rows] == [100, 102, 103]


def test_local_times_give_way_to_those_with_a_zone() -> None:
    record = {**flat(4624), "TimeCreated": None, "EventTime": "2026-01-05 04:00:00", "@timestamp": "2026-01-05T08:00:00.000Z"}
    assert one(record)["time"] == TIME
    assert one({**record, "@timestamp": None})["time"] == TIME - 4 * 3_600_000_000


# EVTX


def test_every_record_of_every_chunk_comes_once_in_order(tmp_path: Path) -> None:
    path = tmp_path / "Security.evtx"
    path.write_bytes(built([{**LOGIN, "time": TIME + n} for n in range(40)], [{**LOGIN, "time": TIME + 40 + n} for n in range(3)]))
    rows, dead = taken(windows_events.read(path))
    assert not dead
    assert [row["time"] for row in rows] == [TIME + n for n in range(43)]
    assert [row["offset"] for row in rows] == list(range(43))
    assert {row["feed"] for row in rows} == {"Security"}
    assert windows_events.sniff(path.read_bytes()[:65_536])


def test_a_damaged_chunk_costs_no_other() -> None:
    data = bytearray(built(*[[LOGIN, LOGIN]] * 3))
    data[HEADER + CHUNK : HEADER + CHUNK + 8] = b"damaged!"
    rows, dead = taken(windows_events.normalise(bytes(data), "pc"))
    assert len(rows) == 4
    assert ["chunk 1 is damaged" in letter.reason for letter in dead] == [True]


def test_a_damaged_record_costs_no_other() -> None:
    data = bytearray(built([LOGIN] * 5))
    place = data.index(b"**\0\0", data.index(b"**\0\0", HEADER + 512) + 4)
    data[place + 28 : place + 40] = b"\xff" * 12
    rows, dead = taken(windows_events.normalise(bytes(data), "pc"))
    assert len(rows) == 4
    assert len(dead) == 1


@pytest.mark.parametrize("cut", [10, 3000, HEADER + 100, HEADER + 700, HEADER + CHUNK, HEADER + CHUNK + 600, HEADER + 2 * CHUNK - 3])
def test_a_file_that_is_cut_off_says_so_and_keeps_what_is_there(cut: int) -> None:
    rows, dead = taken(windows_events.normalise(built([LOGIN] * 2, [LOGIN] * 2)[:cut], "pc"))
    assert dead
    assert len(rows) == (0 if cut < HEADER + CHUNK else 4 if cut > HEADER + CHUNK + 1000 else 2) or HEADER < cut < HEADER + CHUNK


def test_garbage_behind_the_file_is_told_and_reserved_chunks_are_not() -> None:
    data = built([LOGIN])
    assert taken(windows_events.normalise(data + b"garbage", "pc"))[1]
    rows, dead = taken(windows_events.normalise(data + bytes(CHUNK), "pc"))
    assert (len(rows), dead) == (1, [])


def test_an_absent_file_is_one_line() -> None:
    with pytest.raises(InputError, match=r"absent\.evtx"):
        list(windows_events.read(Path("absent.evtx")))


@pytest.mark.parametrize(
    ("head", "certain"),
    [
        (json.dumps(flat(1)).encode(), True),
        (json.dumps(shapes(1, SYSMON, {})[1], indent=2).encode(), True),
        (json.dumps([shapes(1, SYSMON, {})[3]] * 3).encode(), True),
        (b'{"EventID": 1, "a": 2}', False),
        (b'{"Records":[{"eventVersion":"1.08"}]}', False),
        (b'{"family":"activity","time":1}', False),
        (b"", False),
        (windows_events.EXAMPLE[:65_536], False),
    ],
)
def test_it_is_only_taken_for_windows_where_it_is(head: bytes, certain: bool) -> None:
    assert windows_json.sniff(head) is certain


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 17), st.integers(0, 255)), min_size=1, max_size=40), st.integers(0, 1 << 18))
def test_no_damage_of_an_evtx_file_raises(marks: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(built([LOGIN] * 3))
    for place, value in marks:
        data[(place % 2600 if place % 3 else place) % len(data)] = value
        data[HEADER + 512 + place % 2000] = value
    taken(windows_events.normalise(bytes(data[: cut or None]), "pc"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["Channel", "EventID", "Hostname", "TimeCreated", "Event", "winlog", "UtcTime", "TargetUserName", "LogonType", "Status"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=8), max_size=4), st.binary(max_size=40), st.integers(0, 400))
def test_no_lines_raise(records: list[dict[str, Any]], junk: bytes, place: int) -> None:
    full = [{**flat(4624), **record} for record in records]
    data = "\n".join(json.dumps(each) for each in [*records, *full]).encode()
    data = data[: place % (len(data) + 1)] + junk + data[place % (len(data) + 1) :]
    rows, dead = taken(windows_json.normalise(data.splitlines(keepends=True), "pc"))
    assert rows or dead or not data.strip(b" \t\r\n\x0b\x0c\x1c\x1d\x1e\x85")
