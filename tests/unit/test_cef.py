"""CEF: the header's and the extension's escapes, custom labels, all forms of its times, logins where certain, and broken records."""

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
from interferon.sense.key_values import extension

RECEIVED = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z
HEAD = "CEF:0|Plant Works|Gatekeeper|4.2|1001|{name}|{severity}|"


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


def one(line: str, received: int = RECEIVED) -> dict[str, Any]:
    events, dead = taken(cef.normalise([line.encode()], "f", 0, received))
    assert dead == []
    assert len(events) == 1
    return events[0]


def told(text: str, name: str = "Port scan", severity: str = "7") -> dict[str, Any]:
    return one(HEAD.format(name=name, severity=severity) + text)


def test_the_connector_keeps_its_promises() -> None:
    assert connector_kit.run(cef) == []


def test_header_and_extension() -> None:
    event = one(r"CEF:0|a\|b|c\\d|1.0|100|detected a \= b|10|src=10.0.0.1 dst=2.1.2.2 msg=two words\=2 C:\\x\nnext suser=anna in=5 out=7")
    assert (event["kind"], event["object"], event["code"]) == ("log.message", "a|b/c\\d", "100")
    assert (event["source"], event["target"], event["actor"], event["bytes"]) == ("10.0.0.1", "2.1.2.2", "identity:anna", 12)
    given = event["attributes"]
    assert given["message"] == given["msg"] == "two words=2 C:\\x\nnext"
    assert (given["name"], given["severity"], given["device_severity"]) == ("detected a = b", "critical", "10")
    assert (given["vendor"], given["product"], given["version"], given["format_version"]) == ("a|b", "c\\d", "1.0", "0")


def test_values_go_on_to_the_next_key() -> None:
    assert extension("a=one two  b=x?y=1&z=2 c= d=e\\=f ad.g[0]=h") == {
        "a": "one two",
        "b": "x?y=1&z=2",
        "c": "",
        "d": "e=f",
        "ad.g[0]": "h",
    }
    assert extension("a=1 a=2 a=3") == {"a": "1", "a#2": "2", "a#3": "3"}
    assert extension("stray words a=1") == {"unkeyed": "stray words", "a": "1"}
    assert extension(r"a=C:\Windows b=x\|y") == {"a": "C:\\Windows", "b": "x|y"}
    assert extension("") == {}


def test_custom_labels_name_their_keys() -> None:
    given = told("cs1=line 2 cs1Label=area cn1=4 cn1Label=tries flexString1=x cs2Label=alone severity=own")["attributes"]
    assert (given["area"], given["tries"], given["flexString1"]) == ("line 2", "4", "x")
    assert given["cs2Label"] == "alone"
    assert given["extension.severity"] == "own"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1767600000250", "2026-01-05T08:00:00.250000+00:00"),
        ("1767600000", "2026-01-05T08:00:00+00:00"),
        ("Jan 04 08:00:05", "2026-01-04T08:00:05+00:00"),
        ("Dec 04 08:00:05.125", "2025-12-04T08:00:05.125000+00:00"),
        ("Jan 04 08:00:05 EST", "2026-01-04T13:00:05+00:00"),
        ("Jan 04 08:00:05.125 CET", "2026-01-04T07:00:05.125000+00:00"),
        ("Sep 19 2020 08:26:10", "2020-09-19T08:26:10+00:00"),
        ("Sep 19 2020 08:26:10.123", "2020-09-19T08:26:10.123000+00:00"),
        ("Sep 19 2020 08:26:10 UTC", "2020-09-19T08:26:10+00:00"),
        ("Sep 19 2020 08:26:10.123 GMT+02:00", "2020-09-19T06:26:10.123000+00:00"),
        ("2020-09-19T08:26:10.123Z", "2020-09-19T08:26:10.123000+00:00"),
    ],
)
@pytest.mark.parametrize("key", ["rt", "start", "end"])
def test_times(key: str, written: str, meant: str) -> None:
    event = told(f"src=10.0.0.9 {key}={written} dst=10.0.0.5")
    assert datetime.fromtimestamp(event["time"] / 1_000_000, UTC).isoformat() == meant


def test_which_time_counts() -> None:
    assert told("start=1767500000000 rt=1767500001000")["time"] == 1_767_500_001_000_000
    assert told("rt=no start=1767500000000")["time"] == 1_767_500_000_000_000
    assert told("rt=Sep 19 2020 08:26:10 dtz=+02:00")["time"] == 1_600_496_770_000_000
    assert one("<13>Jan  4 08:00:00 gate " + HEAD.format(name="x", severity="3"))["time"] == RECEIVED - 86_400_000_000
    assert told("src=10.0.0.9")["time"] == RECEIVED
    _, dead = taken(cef.normalise([b"CEF:0|a|b|c|d|e|5|src=10.0.0.9"], "f"))
    assert "tells no time" in dead[0].reason


def test_behind_a_syslog_header() -> None:
    for before in (
        "Jan  4 08:00:00 gate-1 ",
        "<134>1 2026-01-04T08:00:00Z gate-1 app - - - ",
        "<134>1 2026-01-04T08:00:00Z gate-1 - - - - \ufeff",
    ):
        event = one(before + HEAD.format(name="x", severity="Low") + "src=10.0.0.9")
        assert (event["entity"], event["time"]) == ("address:gate-1", RECEIVED - 86_400_000_000)
        assert event["attributes"]["severity"] == "informational"
    assert told("dvc=10.0.0.7 dvchost=gate")["entity"] == "address:10.0.0.7"
    assert told("src=10.0.0.9")["entity"] == "feed:f"


@pytest.mark.parametrize(
    ("name", "text", "outcome"),
    [
        ("Login failed", "suser=anna src=10.0.0.9", "failure"),
        ("User logged in", "suser=anna src=10.0.0.9 outcome=success", "success"),
        ("An account was successfully logged on", "duser=anna src=10.0.0.9", "success"),
        ("LogonAttempt", "suser=anna src=10.0.0.9 categoryOutcome=/Failure", "failure"),
        ("Check", "suser=anna src=10.0.0.9 categoryBehavior=/Authentication/Verify categoryOutcome=/Success", "success"),
        ("USER_SIGN_IN", "suser=anna src=10.0.0.9 act=blocked", "failure"),
    ],
)
def test_logins(name: str, text: str, outcome: str) -> None:
    event = told(f"{text} dvchost=gate", name)
    assert (event["kind"], event["outcome"], event["entity"], event["actor"]) == ("auth.login", outcome, "identity:anna", "identity:anna")
    assert (event["source"], event["target"]) == ("10.0.0.9", "gate")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Login failed", "src=10.0.0.9"),
        ("Login", "suser=anna"),
        ("User logged out", "suser=anna outcome=success"),
        ("Logoff", "suser=anna outcome=success"),
        ("Login not allowed", "suser=anna"),
        ("Malware blocked", "suser=anna act=blocked"),
    ],
)
def test_what_is_no_certain_login(name: str, text: str) -> None:
    assert told(text, name)["kind"] == "log.message"


def test_broken_records_cost_no_other() -> None:
    good = HEAD.format(name="x", severity="3").encode()
    lines = [b"CEF:0|a|b|\n", good + b"\r\n", b"CEF:0|a|b|c|d|e|5\n", b"nothing\n", b"\xef\xbb\xbf" + good + b"msg=\xff\x00\n"]
    events, dead = taken(cef.normalise(lines, "f", 5, RECEIVED))
    assert [each["offset"] for each in events] == [6, 7, 9]
    assert events[-1]["attributes"]["msg"] == "\\xff"
    assert [each.offset for each in dead] == [5, 8]
    assert "header of 7 fields" in dead[0].reason
    assert dead[0].raw == "CEF:0|a|b|"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "gate.cef.gz"
    path.write_bytes(gzip.compress(cef.EXAMPLE))
    events, dead = taken(cef.read(path))
    assert (len(events), dead, events[0]["feed"]) == (2, [], "gate.cef")
    with pytest.raises(InputError, match="absent"):
        list(cef.read(tmp_path / "absent"))


def test_sniff() -> None:
    assert cef.sniff(b"\xef\xbb\xbf\r\n<13>Jan  4 08:00:00 gate CEF:0|a|b|c|d|e|5|")
    for other in (b"", b"\xff\x00", b"a CEF: of old\n", leef.EXAMPLE, syslog.EXAMPLE, b"XCEF:0|a"):
        assert not cef.sniff(other), other


@settings(deadline=None)
@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])))
)
def test_what_is_escaped_comes_back(values: dict[str, str]) -> None:
    written = " ".join(f"{key}=" + value.replace("\\", "\\\\").replace("=", "\\=") for key, value in values.items())
    assert extension(written) == values


@settings(deadline=None)
@given(st.data())
def test_mutated_lines_never_raise(data: st.DataObject) -> None:
    whole = bytearray(cef.EXAMPLE)
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    events, dead = taken(cef.normalise(bytes(whole).splitlines(keepends=True), "f", 0, RECEIVED))
    assert events or dead
