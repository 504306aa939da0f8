"""Syslog: both RFCs and what devices send instead, counted frames, the year that is left out, logins, and bytes that are none of it."""

import gzip
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import cef, leef, syslog
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit
from interferon.sense.log_times import Stamp, first_year, minutes, stamp
from interferon.sense.syslog_frames import LONGEST

RECEIVED = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z


def taken(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    events: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            assert isinstance(item, pa.RecordBatch)
            item.validate(full=True)
            events += [{**row, "attributes": json.loads(row["attributes"] or "{}")} for row in item.to_pylist()]
    return events, dead


def one(line: bytes, received: int = RECEIVED) -> dict[str, Any]:
    events, dead = taken(syslog.normalise([line], "f", 0, received))
    assert dead == []
    assert len(events) == 1
    return events[0]


def login(program: str, text: str) -> dict[str, Any]:
    return one(f"<38>Jan  5 07:00:00 hmi-1 {program}: {text}\n".encode())


def at(event: dict[str, Any]) -> str:
    return datetime.fromtimestamp(event["time"] / 1_000_000, UTC).isoformat()


def test_the_connector_keeps_its_promises() -> None:
    assert connector_kit.run(syslog) == []


def test_rfc_5424_in_all_its_parts() -> None:
    event = one(
        b'<165>1 2003-10-11T22:14:15.003Z box.example.com evntslog 8710 ID47 [exampleSDID@32473 iut="3" src="App\\"l\\]i\\\\c"]'
        b'[x@1 a="b" a="c" d="C:\\e"] \xef\xbb\xbfAn application event\r\n'
    )
    assert (at(event), event["entity"], event["kind"]) == ("2003-10-11T22:14:15.003000+00:00", "address:box.example.com", "log.message")
    assert (event["object"], event["code"]) == ("evntslog", "ID47")
    assert event["attributes"] == {
        **{"message": "An application event", "severity": "notice", "facility": "local4", "pid": "8710", "msgid": "ID47"},
        "structured": {"exampleSDID@32473": {"iut": "3", "src": 'App"l]i\\c'}, "x@1": {"a": ["b", "c"], "d": "C:\\e"}},
    }


def test_nil_values_of_rfc_5424() -> None:
    event = one(b"<34>1 - - - - - -")
    assert (event["time"], event["entity"], event["object"]) == (RECEIVED, "feed:f", None)
    assert event["attributes"] == {"severity": "critical", "facility": "auth"}
    assert one(b"<34>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 p 1 - - %% text")["time"] == 1061727255000003
    assert one(b"<34>1 2026-01-05T08:00:00Z h p - - [broken text")["attributes"]["message"] == "[broken text"
    assert one(b"1 2026-01-05T08:00:00Z h p - - - no priority")["object"] == "p"


def test_rfc_3164_with_what_may_be_left_out() -> None:
    event = one(b"<34>Jan  4 22:14:15 mymachine app[77]: text: more")
    assert (at(event), event["entity"], event["object"]) == ("2026-01-04T22:14:15+00:00", "address:mymachine", "app")
    assert event["attributes"] == {"message": "text: more", "severity": "critical", "facility": "auth", "pid": "77"}
    assert one(b"<34>Jan  4 22:14:15 app[77]: text")["entity"] == "feed:f"
    assert one(b"<13>Jan  4 22:14:15 h just some words")["attributes"]["message"] == "just some words"
    assert one(b"Jan  4 22:14:15 h last message repeated 2 times")["object"] is None
    assert one(b"<13>words alone")["time"] == RECEIVED
    for line, host, program, text in (
        (b"<13>Jan  4 22:14:15 2001:db8::1 app: a", "2001:db8::1", "app", "a"),
        (b"<13>Jan  4 22:14:15 [10.0.0.5] app: a", "10.0.0.5", "app", "a"),
        (b"<13>Jan  4 22:14:15 h app[7]:a", "h", "app", "a"),
        (b"<13>Jan  4 22:14:15 h http://a b", "h", None, "http://a b"),
        (b"<13>Jan  4 22:14:15 h kernel: [12.3] a", "h", "kernel", "[12.3] a"),
    ):
        event = one(line)
        assert (event["entity"], event["object"], event["attributes"]["message"]) == (f"address:{host}", program, text)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Oct 11 22:14:15", "2025-10-11T22:14:15+00:00"),
        ("Oct  1 22:14:15.125", "2025-10-01T22:14:15.125000+00:00"),
        ("Oct 11 2003 22:14:15", "2003-10-11T22:14:15+00:00"),
        ("2003 Oct 11 22:14:15", "2003-10-11T22:14:15+00:00"),
        ("Oct 11 22:14:15 2003", "2003-10-11T22:14:15+00:00"),
        ("Sat Oct 11 22:14:15 2003", "2003-10-11T22:14:15+00:00"),
        ("Oct 11 22:14:15 EST", "2025-10-12T03:14:15+00:00"),
        ("Oct 11 22:14:15 +0200", "2025-10-11T20:14:15+00:00"),
        ("2003-10-11T22:14:15+02:00", "2003-10-11T20:14:15+00:00"),
        ("2003-10-11 22:14:15,123", "2003-10-11T22:14:15.123000+00:00"),
        ("2003-10-11T22:14:15.123456789Z", "2003-10-11T22:14:15.123456+00:00"),
        ("2003-12-31T23:59:60Z", "2004-01-01T00:00:00+00:00"),
    ],
)
def test_times(written: str, meant: str) -> None:
    event = one(f"{written} host prog: text".encode())
    assert (at(event), event["entity"], event["object"]) == (meant, "address:host", "prog")


def test_what_cisco_and_fortinet_send() -> None:
    event = one(b"<189>45: *Jan  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console")
    assert (at(event), event["object"]) == ("2026-01-01T18:46:11.123000+00:00", "%SYS-5-CONFIG_I")
    event = one(b'<166>Jan 01 2026 22:14:15 asa1 : %ASA-6-605005: Login permitted from 10.0.0.9/1234 to in:10.0.0.1/ssh for user "bob"')
    assert (event["kind"], event["actor"], event["source"], event["target"]) == ("auth.login", "identity:bob", "10.0.0.9", "asa1")
    event = one(b'<189>date=2026-01-05 time=08:00:00 devname="FGT" type="event" tz="+0100"')
    assert (at(event), event["entity"]) == ("2026-01-05T07:00:00+00:00", "address:FGT")


@pytest.mark.parametrize(
    ("line", "host", "facility"),
    [
        ("Jan  4 08:00:00 OpenWrt authpriv.warn dropbear[12]: Bad password attempt for 'root' from 10.0.0.9:5", "OpenWrt", "authpriv"),
        ("Sun Jan  4 08:00:00 2026 authpriv.warn dropbear[12]: Bad password attempt for 'root' from 10.0.0.9:5", None, "authpriv"),
        ("Jan  4 08:00:00 <auth.warn> bsd dropbear[12]: Bad password attempt for 'root' from 10.0.0.9:5", "bsd", "auth"),
        ("Jan  4 08:00:00 sun dropbear[12]: [ID 800047 auth.warning] Bad password attempt for 'root' from 10.0.0.9:5", "sun", "auth"),
    ],
)
def test_levels_written_as_words(line: str, host: str | None, facility: str) -> None:
    event = one(line.encode())
    assert (event["kind"], event["target"], event["object"]) == ("auth.login", host, "dropbear")
    assert (event["attributes"]["facility"], event["attributes"]["severity"]) == (facility, "warning")


def test_a_parameter_that_comes_twice_with_one_value() -> None:
    assert one(b'<34>1 - h p - - [i a="b" a="b" a=""] x')["attributes"]["structured"] == {"i": {"a": ["b", "b", ""]}}


def test_the_year_goes_on_with_the_lines() -> None:
    lines = [b"Dec 30 08:00:00 h p: a", b"Dec 31 23:59:59 h p: b", b"Jan  1 00:00:01 h p: c", b"Dec 31 23:59:58 h p: late"]
    events, _ = taken(syslog.normalise(lines, "f", 0, RECEIVED))
    assert [at(each)[:10] for each in events] == ["2025-12-30", "2025-12-31", "2026-01-01", "2025-12-31"]
    events, _ = taken(syslog.normalise([*lines, b"2011-01-02T08:00:00Z h p: d"], "f", 0, RECEIVED))
    assert [at(each)[:4] for each in events] == ["2010", "2010", "2011", "2010", "2011"]


def test_a_year_that_nothing_tells_is_said_to_be_unknown() -> None:
    event = one(b"Feb 29 08:00:00 h p: a", received=0)
    assert (at(event)[:10], event["attributes"]["year"]) == ("1972-02-29", "unknown")
    assert at(one(b"Feb 29 08:00:00 h p: a"))[:10] == "2024-02-29"
    assert "year" not in one(b"Jan  1 08:00:00 h p: a")["attributes"]


def test_a_clock_that_was_never_set_moves_no_other_line() -> None:
    lines = [b"2026-01-01T00:00:00Z h p: a", b"1970-01-01T00:00:09Z new p: b", b"Jan  2 00:00:00 h p: c"]
    events, _ = taken(syslog.normalise(lines, "f"))
    assert [at(each)[:4] for each in events] == ["2026", "1970", "2026"]


def test_first_year() -> None:
    days = [Stamp(0, 6, 1, 0, 0, 0, 0, 0), Stamp(0, 11, 1, 0, 0, 0, 0, 0), Stamp(0, 2, 1, 0, 0, 0, 0, 0)]
    assert first_year(days, RECEIVED) == 2024
    assert first_year([*days, Stamp(2010, 3, 1, 0, 0, 0, 0, 0)]) == 2009
    assert first_year(days) == first_year([]) == 0
    assert (minutes("-05:30"), minutes("GMT+02"), minutes("CEST"), minutes("XYZ")) == (-330, 120, 120, 0)
    assert stamp("Foo 11 22:14:15") is None


def test_counted_frames() -> None:
    first, second = b"<34>1 2026-01-05T08:00:00Z h p - - - one", b"<34>1 2026-01-05T08:00:01Z h p - - - two\nlines"
    data = b"%d %s%d %s" % (len(first), first, len(second), second)
    events, dead = taken(syslog.normalise(data.splitlines(keepends=True), "f", 7))
    assert [each["attributes"]["message"] for each in events] == ["one", "two\nlines"]
    assert [each["offset"] for each in events] == [7, 8]
    assert dead == []
    events, dead = taken(syslog.normalise([data[:-8]], "f"))
    assert len(events) == 1
    assert "breaks off" in dead[0].reason
    wrong = b"17 %s\n" % first
    events, dead = taken(syslog.normalise([wrong, b"<34>1 2026-01-05T08:00:01Z h p - - - next\n"], "f"))
    assert [each["attributes"]["message"] for each in events] == ["one", "next"]
    far = b"900 %s\n" % first
    events, dead = taken(syslog.normalise([far, b"<34>1 2026-01-05T08:00:01Z h p - - - next\n"], "f"))
    assert [each["attributes"]["message"] for each in events] == ["one", "next"]


def test_bytes_that_stand_in_the_way() -> None:
    assert one(b"\xef\xbb\xbf<34>Jan  4 22:14:15 h p: text\r\n")["attributes"]["message"] == "text"
    assert one(b"\x00\x00\x00Jan  4 22:14:15 h p: text\x00\n")["attributes"]["message"] == "text"
    assert one(b"Jan  4 22:14:15 h p: caf\xe9\n")["attributes"]["message"] == "caf\\xe9"
    events, dead = taken(syslog.normalise([b"<34>Jan  4 22:14:15 h p: a\x00<34>Jan  4 22:14:15 h p: b\x00"], "f", 0, RECEIVED))
    assert [each["attributes"]["message"] for each in events] == ["a", "b"]
    assert dead == []


def test_many_and_large_messages_come_in_batches() -> None:
    line = b"<34>Jan  4 22:14:15 h p: " + b"x" * 900_000 + b"\n"
    sizes = [item.num_rows for item in syslog.normalise([line] * 40, "f", 0, RECEIVED) if isinstance(item, pa.RecordBatch)]
    assert sum(sizes) == 40
    assert max(sizes) < 40
    small = [b"<34>Jan  4 22:14:15 h p: x\n"] * 9000
    assert [len(item) for item in syslog.normalise(small, "f", 0, RECEIVED) if isinstance(item, pa.RecordBatch)] == [8192, 808]


def test_what_is_no_message_is_told() -> None:
    lines = [b"Jan  4 22:14:15 h p: a\n", b"\n", b"no message\n", b"Jan 44 22:14:15 h p: b\n", b"<1>" + b"x" * (LONGEST + 1)]
    events, dead = taken(syslog.normalise(lines, "f", 10, RECEIVED))
    assert [each["offset"] for each in events] == [10]
    assert [each.offset for each in dead] == [12, 13, 14]
    assert dead[0].reason.startswith("line 13: has neither")
    assert "that there is not" in dead[1].reason
    assert "at most" in dead[2].reason
    _, dead = taken(syslog.normalise([b"<34>no time"], "f"))
    assert "tells no time" in dead[0].reason


@pytest.mark.parametrize(
    ("program", "text", "actor", "source", "outcome", "method"),
    [
        ("sshd[1]", "Accepted publickey for anna from 10.0.0.9 port 50112 ssh2: RSA SHA256:x", "anna", "10.0.0.9", "success", "publickey"),
        ("sshd[1]", "Accepted password for anna from fe80::9 port 50112 ssh2", "anna", "fe80::9", "success", "password"),
        ("sshd-session[1]", "Failed password for root from ::ffff:10.0.0.9 port 2 ssh2", "root", "10.0.0.9", "failure", "password"),
        ("sshd[1]", "Failed password for invalid user x from y from 10.0.0.9 port 2 ssh2", "x from y", "10.0.0.9", "failure", "password"),
        ("sshd[1]", "message repeated 2 times: [ Failed none for root from 10.0.0.9 port 2 ssh2]", "root", "10.0.0.9", "failure", "none"),
        ("sshd[1]", "pam_unix(sshd:auth): authentication failure; ruser= rhost=10.0.0.9  user=bob", "bob", "10.0.0.9", "failure", "pam"),
        ("sshd(pam_unix)[1]", "authentication failure; logname= tty=NODEVssh rhost=10.0.0.9 ", None, "10.0.0.9", "failure", "pam"),
        ("login[1]", "pam_unix(login:session): session opened for user bob(uid=1000) by LOGIN(uid=0)", "bob", None, "success", "session"),
        ("su[1]", "pam_unix(su:session): session opened for user root(uid=0) by bob(uid=1000)", "bob", None, "success", "session"),
        ("su[1]", "pam_unix(su:auth): authentication failure; logname=bob ruser=bob rhost=  user=root", "bob", None, "failure", "pam"),
        ("sudo", "   bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls ; echo", "bob", None, "success", "sudo"),
        ("sudo", "bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "bob", None, "failure", "sudo"),
        ("sudo", "bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "bob", None, "failure", "sudo"),
        ("su", "'su root' failed for lonvick on /dev/pts/8", "lonvick", None, "failure", "su"),
        ("su[1]", "(to root) bob on pts/0", "bob", None, "success", "su"),
        ("su[1]", "FAILED SU (to root) bob on pts/0", "bob", None, "failure", "su"),
        ("su[1]", "Successful su for root by bob", "bob", None, "success", "su"),
        ("su", "BAD SU bob to root on /dev/ttyp0", "bob", None, "failure", "su"),
        ("login[1]", "FAILED LOGIN (1) on '/dev/tty1' FOR 'bob', Authentication failure", "bob", None, "failure", "console"),
        ("login[1]", "FAILED LOGIN 2 FROM 10.0.0.9 FOR bob, Authentication failure", "bob", "10.0.0.9", "failure", "console"),
        ("login[1]", "ROOT LOGIN  on '/dev/tty1'", "root", None, "success", "console"),
        ("login[1]", "LOGIN ON tty1 BY bob FROM 10.0.0.9", "bob", "10.0.0.9", "success", "console"),
        ("dropbear[1]", "Bad password attempt for 'root' from 10.0.0.9:5555", "root", "10.0.0.9", "failure", "password"),
        ("dropbear[1]", "Pubkey auth succeeded for 'root' with key x from 10.0.0.9:5555", "root", "10.0.0.9", "success", "publickey"),
        ("vsftpd[1]", '[bob] FAIL LOGIN: Client "10.0.0.9"', "bob", "10.0.0.9", "failure", "ftp"),
        ("dovecot", "imap-login: Login: user=<bob>, method=PLAIN, rip=10.0.0.9, lip=10.0.0.1", "bob", "10.0.0.9", "success", "PLAIN"),
        ("%SEC_LOGIN-4-LOGIN_FAILED", "Login failed [user: bob] [Source: 10.0.0.9] [localport: 22] at", "bob", "10.0.0.9", "failure", None),
    ],
)  # fmt: skip
def test_logins(program: str, text: str, actor: str | None, source: str | None, outcome: str, method: str | None) -> None:
    event = login(program, text)
    assert (event["kind"], event["outcome"], event["source"], event["target"]) == ("auth.login", outcome, source, "hmi-1")
    assert event["actor"] == (f"identity:{actor}" if actor else None)
    assert event["entity"] == (event["actor"] or "address:hmi-1")
    assert event["attributes"].get("method") == method
    assert event["attributes"]["message"]


@pytest.mark.parametrize(
    ("program", "text", "actor"),
    [
        ("CRON[1]", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", "root"),
        ("sshd[1]", "pam_unix(sshd:session): session closed for user bob", "bob"),
        ("sshd[1]", "Invalid user oracle from 10.0.0.9 port 40112", "oracle"),
        ("sshd[1]", "Server listening on 0.0.0.0 port 22.", None),
        ("backup", "Accepted password for anna from 10.0.0.9 port 50112 ssh2", None),
        ("sudo", "bob : (command continued) /bin/x", "bob"),
        ("app", "authentication failure; user=x", None),
    ],
)
def test_what_is_no_decided_login(program: str, text: str, actor: str | None) -> None:
    event = login(program, text)
    assert (event["kind"], event["outcome"], event["entity"]) == ("log.message", None, "address:hmi-1")
    assert event["actor"] == (f"identity:{actor}" if actor else None)


def test_records_of_other_formats_between_the_messages() -> None:
    event = one(b"<14>Jan  4 22:14:15 gate CEF:0|v|p|1|7|Probe|3|src=10.0.0.9")
    assert (event["object"], event["source"], event["entity"]) == ("v/p", "10.0.0.9", "address:gate")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "auth.log"
    lines = b"Dec 31 23:59:59 h sshd[1]: a\nJan  1 00:00:01 h sshd[1]: b\n"
    path.write_bytes(lines)
    os.utime(path, (1_767_600_000, 1_767_600_000))
    events, dead = taken(syslog.read(path))
    assert [at(each)[:10] for each in events] == ["2025-12-31", "2026-01-01"]
    assert dead == []
    packed = tmp_path / "auth.log.gz"
    packed.write_bytes(gzip.compress(lines * 40)[:-9])
    os.utime(packed, (1_767_600_000, 1_767_600_000))
    _, dead = taken(syslog.read(packed, "auth"))
    assert len(dead) == 1
    assert "breaks off or is damaged" in dead[0].reason
    with pytest.raises(InputError, match="absent"):
        list(syslog.read(tmp_path / "absent"))


def test_sniff() -> None:
    for sure in (
        syslog.EXAMPLE,
        b"<34>Oct 11 22:14:15 h su: a\n",
        b"29 <34>Oct 11 22:14:15 h su: abc",
        b"Jan  5 08:00:00 h sshd[1]: a\nJan  5 08:00:0",
        b"2026-01-05T08:00:00.123456+01:00 h kernel: a\n",
        b"-- Journal begins at Mon 2026-01-05 --\nJan 05 08:00:00 h sshd[1]: a\n",
    ):
        assert syslog.sniff(sure), sure
    for other in (
        b"",
        b"\x00\xff",
        b"a,b\n1,2\n",
        b"2026-01-05 08:00:00 INFO main: started\n",
        b"2026-01-05T08:00:00Z INFO main: started\n",
        b"<html>\n",
        b"<34>\n",
        b'{"time":1}\n',
        cef.EXAMPLE,
        leef.EXAMPLE,
    ):
        assert not syslog.sniff(other), other


PIECES = [
    b"<34>",
    b"1 ",
    b"Oct 11 22:14:15 ",
    b"2026-01-05T08:00:00Z ",
    b"h ",
    b"sshd[1]: ",
    b'[a b="',
    b"- ",
    b"\n",
    b"9 <1>",
    b"\x00",
    b"\xff",
]
PIECES += [
    b"Failed password for ",
    b" from ",
    b"CEF:0|",
    b"LEEF:2.0|",
    b"a|",
    b"=",
    b"\\",
    b"\t",
    b"rt=",
    b"Feb 29 ",
    b"message repeated 1 times: [",
]


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=12).map(b"".join), max_size=6))
def test_no_bytes_are_too_much(lines: list[bytes]) -> None:
    for connector in (syslog, cef, leef):
        events, dead = taken(connector.normalise(lines, "f"))
        offsets = [each["offset"] for each in events]
        assert offsets == sorted(set(offsets))
        assert all(letter.reason for letter in dead)
        connector.sniff(b"\n".join(lines))


@settings(deadline=None)
@given(st.data())
def test_mutated_lines_never_raise(data: st.DataObject) -> None:
    whole = bytearray(syslog.EXAMPLE + cef.EXAMPLE + leef.EXAMPLE)
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    events, dead = taken(syslog.normalise(bytes(whole).splitlines(keepends=True), "f", 0, RECEIVED))
    assert events or dead
