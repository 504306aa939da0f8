"""LEEF 1.0 and 2.0: delimiters, values that hold them, times by the pattern that a record names, logins, and broken records."""

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import cef, leef, syslog
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit
from interferon.sense.log_times import Stamp
from interferon.sense.patterned_times import patterned

RECEIVED = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z


def taken(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    events: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            item.validate(full=True)
            events += [{**row, "attributes": json.loads(row["attributes"])} for row in item.to_pylist()]
    return events, dead


def one(line: str) -> dict[str, Any]:
    events, dead = taken(leef.normalise([line.encode()], "f", 0, RECEIVED))
    assert dead == []
    assert len(events) == 1
    return events[0]


def test_the_connector_keeps_its_promises() -> None:
    assert connector_kit.run(leef) == []


def test_version_1() -> None:
    event = one("LEEF:1.0|Plant Works|Gate|4.2|NEW_PORT|src=10.0.0.9\tdst=10.0.0.5\tsev=8\tmsg=a=b c\tsrcBytes=5\tdstBytes=7\r\n")
    assert (event["kind"], event["object"], event["code"], event["entity"]) == ("log.message", "Plant Works/Gate", "NEW_PORT", "feed:f")
    assert (event["source"], event["target"], event["bytes"], event["time"]) == ("10.0.0.9", "10.0.0.5", 12, RECEIVED)
    given = event["attributes"]
    assert (given["msg"], given["message"], given["severity"], given["device_severity"]) == ("a=b c", "a=b c", "error", "8")
    assert (given["format"], given["format_version"], given["version"]) == ("leef", "1.0", "4.2")
    assert one("LEEF:1.0|a|b|c|d|src=10.0.0.9\\tusrName=anna")["actor"] == "identity:anna"
    assert one("LEEF:1.0|a|b|c|d|")["attributes"]["message"] == "d"
    assert one("LEEF:1.0|a|b|c|d")["code"] == "d"


@pytest.mark.parametrize(
    ("said", "delimiter"),
    [
        *(("^|", "^"), ("x5E|", "^"), ("0x5e|", "^"), ("x09|", "\t"), ("0x0009|", "\t"), ("x00|", "\t")),
        *(("|", "\t"), ("", "\t"), ("||", "|"), ("\t|", "\t"), ("\\t|", "\t")),
    ],
)
def test_delimiters_of_version_2(said: str, delimiter: str) -> None:
    event = one(f"LEEF:2.0|a|b|c|d|{said}" + delimiter.join(("src=10.0.0.9", "usrName=anna", "msg=x")))
    assert (event["source"], event["actor"], event["attributes"]["msg"]) == ("10.0.0.9", "identity:anna", "x")


def test_a_value_may_hold_the_delimiter() -> None:
    given = one("LEEF:2.0|a|b|c|d|^|url=/x^y^src=10.0.0.9^src=10.0.0.8")["attributes"]
    assert (given["url"], given["src"], given["src#2"]) == ("/x^y", "10.0.0.9", "10.0.0.8")
    assert one("LEEF:2.0|a|b|c|d|^|stray^src=1.1.1.1")["attributes"]["unkeyed"] == "stray"


@pytest.mark.parametrize(
    ("written", "pattern", "meant"),
    [
        ("1767600000250", "", "2026-01-05T08:00:00.250000+00:00"),
        ("1767600000250", "epoch", "2026-01-05T08:00:00.250000+00:00"),
        ("Jan 04 2026 08:00:05.125 CET", "", "2026-01-04T07:00:05.125000+00:00"),
        ("Jan 04 08:00:05", "", "2026-01-04T08:00:05+00:00"),
        ("2026-01-04T08:00:05.125Z", "yyyy-MM-dd'T'HH:mm:ss.SSSX", "2026-01-04T08:00:05.125000+00:00"),
        ("04.01.26 08:00:05 PM +0200", "dd.MM.yy hh:mm:ss a Z", "2026-01-04T18:00:05+00:00"),
        ("04/01/2026 00:00:05", "dd/MM/yyyy HH:mm:ss", "2026-01-04T00:00:05+00:00"),
        ("Sun, 4 January 2026 12:00:05 am GMT+01:00", "EEE, d MMMM yyyy hh:mm:ss a z", "2026-01-03T23:00:05+00:00"),
        ("20260104080005", "yyyyMMddHHmmss", "2026-01-04T08:00:05+00:00"),
        ("Dec 04 08:00:05", "MMM dd HH:mm:ss", "2025-12-04T08:00:05+00:00"),
        ("2026-01-04 08:00:05", "does not fit (", "2026-01-04T08:00:05+00:00"),
    ],
)
def test_times(written: str, pattern: str, meant: str) -> None:
    event = one(f"LEEF:1.0|a|b|c|d|devTime={written}\tdevTimeFormat={pattern}")
    assert datetime.fromtimestamp(event["time"] / 1_000_000, UTC).isoformat() == meant


def test_patterns() -> None:
    assert patterned("2026-01-04", "yyyy-MM-dd") == Stamp(2026, 1, 4, 0, 0, 0, 0, 0)
    assert patterned("4 o'clock 1", "d 'o''clock' M") == Stamp(0, 1, 4, 0, 0, 0, 0, 0)
    for text, pattern in (("1", "d"), ("1 1", "d d"), ("1", "Q"), ("x", "'"), ("1 1 1", "d M d"), ("2026", "y" * 99), ("1", "")):
        assert patterned(text, pattern) is None


def test_logins() -> None:
    event = one("<13>1 2026-01-04T08:00:00Z gate - - - - LEEF:1.0|a|b|c|Login Event|cat=Failed\tusrName=anna\tsrc=10.0.0.9")
    assert (event["kind"], event["outcome"], event["entity"], event["target"]) == ("auth.login", "failure", "identity:anna", "gate")
    assert event["time"] == RECEIVED - 86_400_000_000
    assert one("LEEF:1.0|a|b|c|LoginSuccess|usrName=anna")["outcome"] == "success"
    assert one("LEEF:1.0|a|b|c|Login Event|usrName=anna")["kind"] == "log.message"
    assert one("LEEF:1.0|a|b|c|Logout|usrName=anna\tcat=Success")["kind"] == "log.message"


def test_broken_records_cost_no_other() -> None:
    events, dead = taken(leef.normalise([b"LEEF:1.0|a\n", b"LEEF:1.0|a|b|c|d|src=\xff\x00\r\n", b"other\n"], "f", 3, RECEIVED))
    assert [each["offset"] for each in events] == [4]
    assert events[0]["source"] == "\\xff"
    assert [each.offset for each in dead] == [3, 5]
    assert "header of 5 fields" in dead[0].reason


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "gate.leef.gz"
    path.write_bytes(gzip.compress(leef.EXAMPLE))
    events, dead = taken(leef.read(path, "gate"))
    assert (len(events), dead, events[0]["feed"]) == (2, [], "gate")
    with pytest.raises(InputError, match="absent"):
        list(leef.read(tmp_path / "absent"))


def test_sniff() -> None:
    assert leef.sniff(b"Jan 18 11:07:53 192.168.1.1 LEEF:1.0|QRadar|QRM|1.0|X|")
    for other in (b"", b"\xff\x00", cef.EXAMPLE, syslog.EXAMPLE, b"a leaf\n"):
        assert not leef.sniff(other), other


@settings(deadline=None)
@given(st.data())
def test_mutated_lines_never_raise(data: st.DataObject) -> None:
    whole = bytearray(leef.EXAMPLE)
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    events, dead = taken(leef.normalise(bytes(whole).splitlines(keepends=True), "f", 0, RECEIVED))
    assert events or dead


@settings(deadline=None)
@given(st.text(max_size=40), st.text("yMdHhmsSazZXE'.:/- ", max_size=40))
def test_no_pattern_raises(text: str, pattern: str) -> None:
    patterned(text, pattern)
