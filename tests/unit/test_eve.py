"""Suricata's EVE: what each type of event means, records with fields of other types than they should be, and damaged lines."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.connectors import eve
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit
from interferon.sense.eve_kinds import KINDS

STAMP = "2017-05-05T10:10:10.123456+0200"
TIME = 1_493_971_810_123_456
ENDS = {"src_ip": "10.0.0.9", "src_port": 50112, "dest_ip": "10.0.0.5", "dest_port": 502, "proto": "TCP"}


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


def record(event_type: str, body: Any = None, **more: Any) -> bytes:
    return json.dumps(
        {"timestamp": STAMP, "event_type": event_type, **ENDS, **({event_type: body} if body is not None else {}), **more}
    ).encode()


def one(event_type: str, body: Any = None, **more: Any) -> dict[str, Any]:
    events, dead = taken(eve.normalise([record(event_type, body, **more)], "f"))
    assert dead == []
    assert len(events) == 1
    return events[0]


def attributes(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event["attributes"])
    return found


def test_it_keeps_every_promise_of_a_connector() -> None:
    assert connector_kit.run(eve) == []


def test_a_flow_keeps_its_record_and_gets_the_keys_of_a_flow() -> None:
    body = {"pkts_toserver": 6, "pkts_toclient": 5, "bytes_toserver": 420, "bytes_toclient": 390, "age": 2}
    event = one("flow", body, app_proto="modbus")
    assert {key: event[key] for key in ("time", "kind", "entity", "source", "target", "object", "bytes")} == {
        "time": TIME,
        "kind": "network.flow",
        "entity": "address:10.0.0.9",
        "source": "10.0.0.9",
        "target": "10.0.0.5",
        "object": "tcp/502",
        "bytes": 810,
    }
    told = {"timestamp": STAMP, "event_type": "flow", **ENDS, "flow": body, "app_proto": "modbus", "packets": 11, "duration_s": 2}
    assert attributes(event) == told
    assert one("netflow", {"pkts": 3, "bytes": 90, "age": 0})["bytes"] == 90


def test_an_alert() -> None:
    body = {"action": "blocked", "signature_id": 2250007, "signature": "SURICATA Modbus exception", "severity": 3}
    event = one("alert", body)
    assert (event["kind"], event["object"], event["code"], event["outcome"]) == ("log.message", "suricata", "2250007", "failure")
    assert (attributes(event)["message"], attributes(event)["severity"]) == ("SURICATA Modbus exception", 3)
    assert attributes(event)["alert"] == body


@pytest.mark.parametrize(
    ("event_type", "body", "expected"),
    [
        ("dns", {"type": "query", "rrname": "a.example", "rrtype": "A"}, ("a.example", "A", None)),
        (
            "dns",
            {"version": 3, "type": "response", "rcode": "NXDOMAIN", "queries": [{"rrname": "b", "rrtype": "MX"}]},
            ("b", "MX", "failure"),
        ),
        ("http", {"hostname": "h", "url": "/x", "http_method": "GET", "status": 200, "length": 9}, ("h/x", "GET", "success")),
        ("tls", {"sni": "s.example", "version": "TLS 1.3"}, ("s.example", "TLS 1.3", None)),
        ("fileinfo", {"filename": "/a.exe", "state": "CLOSED", "size": 7}, ("/a.exe", "CLOSED", None)),
        (
            "smb",
            {"command": "SMB2_COMMAND_CREATE", "filename": "a", "status": "STATUS_ACCESS_DENIED"},
            ("a", "SMB2_COMMAND_CREATE", "failure"),
        ),
        ("mqtt", {"publish": {"topic": "plant/1", "qos": 0}}, ("plant/1", "publish", None)),
        ("mqtt", {"connect": {"client_id": "c"}, "connack": {"return_code": 5}}, ("c", "connect", "failure")),
        ("ssh", {"client": {"software_version": "OpenSSH_9"}}, ("OpenSSH_9", "ssh", None)),
        ("dhcp", {"dhcp_type": "request", "hostname": "hmi"}, ("hmi", "request", None)),
        ("tftp", {"packet": "read", "file": "x"}, (None, "tftp", None)),
    ],
)
def test_messages(event_type: str, body: dict[str, Any], expected: tuple[str | None, str, str | None]) -> None:
    event = one(event_type, body)
    assert event["kind"] == "network.message"
    assert (event["object"], event["code"], event["outcome"]) == expected
    assert attributes(event)["protocol"] == event_type
    assert attributes(event)[event_type] == body


@pytest.mark.parametrize(
    ("event_type", "body", "actor", "outcome"),
    [
        ("ftp", {"command": "USER", "command_data": "op-1", "completion_code": ["530"]}, "identity:op-1", "failure"),
        ("krb5", {"msg_type": "KRB_AS_REP", "cname": "op-1", "sname": "krbtgt/P"}, "identity:op-1", "success"),
        ("rfb", {"authentication": {"security_type": 2, "security_result": "FAIL"}}, None, "failure"),
        (
            "smb",
            {"command": "SMB2_COMMAND_SESSION_SETUP", "status": "STATUS_LOGON_FAILURE", "ntlmssp": {"user": "op-1", "host": "HMI"}},
            "identity:op-1",
            "failure",
        ),
    ],
)
def test_logins(event_type: str, body: dict[str, Any], actor: str | None, outcome: str) -> None:
    event = one(event_type, body)
    assert (event["kind"], event["actor"], event["outcome"]) == ("auth.login", actor, outcome)
    assert event["entity"] == (actor or "address:10.0.0.9")
    assert "method" in attributes(event)


def test_a_modbus_transaction() -> None:
    body = {"id": 1, "request": {"function_code": "WrSingleReg", "write": {"address": 7, "data": 3}}, "response": {"function_raw": 6}}
    event = one("modbus", body)
    assert (event["kind"], event["code"], event["object"], event["outcome"]) == ("ot.command", "WrSingleReg", "7", "success")
    assert (event["entity"], attributes(event)["value"], attributes(event)["protocol"]) == ("address:10.0.0.5", 3, "modbus")
    refused = one("modbus", {"request": {"function_code": "RdCoils"}, "response": {"exception": {"raw": 2}}})
    assert refused["outcome"] == "failure"
    alone = one("modbus", {"response": {"function_code": "RdCoils"}})
    assert (alone["kind"], alone["source"], alone["target"]) == ("ot.response", "10.0.0.5", "10.0.0.9")


def test_the_controller_is_the_side_with_the_servers_port() -> None:
    body = {"type": "unsolicited_response", "application": {"function_code": 130, "objects": [{"group": 2, "variation": 1}]}}
    turned = {"src_ip": "10.0.0.5", "src_port": 20000, "dest_ip": "10.0.0.9", "dest_port": 50000}
    event = one("dnp3", body, **turned)
    assert (event["kind"], event["source"], event["target"], event["entity"]) == ("ot.response", "10.0.0.5", "10.0.0.9", "address:10.0.0.5")
    assert (event["code"], event["object"]) == ("130", "2:1")
    assert one("dnp3", {"type": "request", "application": {"function_code": 3}})["kind"] == "ot.command"


def test_ethernet_ip() -> None:
    path = [{"segment_type": "class", "value": 2}, {"segment_type": "instance", "value": 1}]
    event = one(
        "enip", {"request": {"command": "send_rr_data", "cip": {"service": "Get", "path": path}}, "response": {"status": "success"}}
    )
    assert (event["kind"], event["code"], event["object"], event["outcome"]) == ("ot.command", "Get", "class:2/instance:1", "success")


def test_the_sensor_tells_of_itself() -> None:
    line = json.dumps({"timestamp": STAMP, "event_type": "stats", "host": "ids-1", "stats": {"uptime": 8}}).encode()
    events, _ = taken(eve.normalise([line, line.replace(b'"host": "ids-1", ', b"")], "f"))
    assert [(event["kind"], event["code"], event["entity"]) for event in events] == [
        ("log.status", "heartbeat", "address:ids-1"),
        ("log.status", "heartbeat", "feed:f"),
    ]


def test_fields_of_other_types_count_as_absent_and_stay_in_the_record() -> None:
    event = one("dns", ["no", "object"], src_ip=7, dest_port="53", protocol="mine", message=3)
    assert (event["source"], event["target"], event["object"], event["entity"]) == (None, "10.0.0.5", None, "address:10.0.0.5")
    assert attributes(event)["protocol"] == "mine"
    assert attributes(event)["src_ip"] == 7
    assert event["attributes"].count('"protocol"') == 1


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"[1]",
        b'{"event_type":"dns"}',
        b'{"timestamp":"2026-01-05T08:00:00.000000+0000"}',
        b'{"timestamp":"2026-13-05T08:00:00.000000+0000","event_type":"dns"}',
        b'{"timestamp":"soon","event_type":"dns"}',
        b'{"timestamp":"0001-01-01T00:00:00.000000+0000","event_type":"dns"}',
        b'{"timestamp":17,"event_type":"dns"}',
        b'{"timestamp":"2026-01-05T08:00:00.000000+0000","event_type":"dns"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_told_and_costs_no_other(line: bytes) -> None:
    good = record("dns", {"rrname": "a"})
    events, dead = taken(eve.normalise([good, line, b"\n", good], "f", 10))
    assert [event["offset"] for event in events] == [10, 13]
    assert [(letter.offset, letter.reason.startswith("line 12: ")) for letter in dead] == [(11, True)]


@pytest.mark.parametrize("stamp", [STAMP, "2017-05-05T08:10:10.123456Z", "2017-05-05T10:10:10.123456+02:00", "2017-05-05T08:10:10.123456"])
def test_times_in_all_spellings(stamp: str) -> None:
    assert one("dns", {}, timestamp=stamp)["time"] == TIME


def test_files(tmp_path: Path) -> None:
    lines = [record("dns", {"rrname": f"h{number}"}) + b"\n" for number in range(9000)]
    path = tmp_path / "eve.json.gz"
    path.write_bytes(gzip.compress(b"".join(lines)))
    assert taken(eve.read(path, "f")) == taken(eve.normalise(lines, "f"))
    assert max(item.num_rows for item in eve.read(path) if isinstance(item, pa.RecordBatch)) <= 8192
    path.write_bytes(path.read_bytes()[:-12])
    assert "breaks off" in taken(eve.read(path))[1][-1].reason
    with pytest.raises(InputError, match="No such file"):
        list(eve.read(tmp_path / "absent.json"))


def test_what_is_certainly_eve() -> None:
    assert eve.sniff(record("stats") + b"\n")
    for other in (
        b"",
        b"{}",
        b'{"_path":"dns","ts":1.5}',
        b'{"event_type":"x"}',
        b'{"event_type":"x","timestamp":"soon"}',
        b"\xff",
        b'{"a":',
    ):
        assert not eve.sniff(other), other


@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([record("flow", {"age": 1}), record("dns", {}), b"{}"]))))
def test_no_bytes_are_too_much(lines: list[bytes]) -> None:
    events, dead = taken(eve.normalise(lines, "f"))
    assert len(events) + len(dead) == sum(bool(line.strip()) for line in lines)
    eve.sniff(b"\n".join(lines))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["request", "response", "read", "type", "flow", "cip", "path"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.sampled_from([*KINDS, "smtp", "new"]), ANYTHING, ANYTHING)
def test_no_body_is_too_strange(event_type: str, body: Any, other: Any) -> None:
    events, dead = taken(eve.normalise([record(event_type, body, proto=other, message=other)], "f"))
    assert len(events) + len(dead) == 1
    for event in events:
        json.loads(event["attributes"])
