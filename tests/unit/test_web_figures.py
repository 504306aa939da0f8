"""Times, shares and words as a person reads them; and what the server says when it cannot serve."""

import re
import socket
from pathlib import Path
from typing import get_args

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from interferon.model.errors import InputError
from interferon.model.records import Mode
from interferon.web import figures, words
from interferon.web.serve import Tls, address, bound, check_binding, server
from interferon.web.view import State, Status

BERLIN = figures.zone_or_utc("Europe/Berlin")


def test_a_time_is_local_with_utc_beside_it() -> None:
    tag = figures.time_tag(1_773_000_000_000_000, BERLIN, "%a %d %b %H:%M:%S")
    assert tag == '<time datetime="2026-03-08T20:00:00Z" title="2026-03-08 20:00:00 UTC">Sun 08 Mar 21:00:00</time>'
    assert figures.time_tag(0, BERLIN, "%H:%M") == "—"


def test_an_unknown_time_zone_is_utc() -> None:
    assert [str(figures.zone_or_utc(name)) for name in ("Nowhere/Land", "../etc", "")] == ["UTC"] * 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59.6, "1 min"), (260, "4 min 20 s"), (1200, "20 min"), (7200, "2 h"), (47 * 3600, "47 h"), (76 * 3600, "3 d 4 h")],
)
def test_a_duration_has_at_most_two_parts(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@given(st.floats(0, 1e7))
def test_every_duration_is_readable(seconds: float) -> None:
    assert re.fullmatch(r"\d+ (s|min|h|d)( \d+ (s|h))?", figures.duration(seconds))


def test_numbers() -> None:
    assert [figures.number(value, 1) for value in (1234567.0, -0.04, 2.5, None, -3)] == ["1\u202f234\u202f567", "0", "2.5", "—", "−3"]
    assert figures.number(100) == "100"
    assert [figures.percent(value) for value in (0.941, None, 1.0)] == ["94.1 %", "—", "100.0 %"]
    assert [figures.chance(p) for p in (0.999, 0.004, 0.42)] == ["over 99 %", "under 1 %", "42 %"]
    assert [figures.span(12, 12, 12.2), figures.span(12, 4, 30)] == ["12", "12 (4–30)"]
    assert [figures.reading(value) for value in (None, -0.00012345, 52.7149)] == ["missing", "−0.0001234", "52.71"]


def test_codes_are_told_in_words_and_unknown_ones_still_read() -> None:
    assert words.deeds((("isolate_asset", "asset:plc-3"), ("cut_conduit", "conduit:c-7"))) == "isolate asset plc-3, close conduit c-7"
    assert words.deeds(()) == "nothing is done"
    told = words.deeds((("freeze_process", "process:web"), ("kill_process", "asset:plc-3"), ("disable_client", "identity:agv")))
    assert told == "freeze process web, end a process on asset plc-3, disable identity agv"
    assert words.spoken(words.MODES, "rotate_keys_now") == "rotate keys now"
    assert [words.level_name(level) for level in (3.5, 6.0)] == ["3.5 industrial DMZ", "6"]


def test_every_mode_status_and_state_has_its_words() -> None:
    assert set(get_args(Mode)) | {"denied"} == set(words.MODES)
    assert set(get_args(Status)) == set(words.STATUSES)
    assert set(get_args(State)) == set(words.STATES) == set(words.MARKS)


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"^port {port} is in use; choose another with --port$"):
            bound("127.0.0.1", port)


@pytest.mark.parametrize("port", [70000, -1])
def test_a_port_that_does_not_exist_is_told(port: int) -> None:
    with pytest.raises(InputError, match="choose one from 1 to 65535"):
        bound("127.0.0.1", port)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(InputError, match=r"^cannot serve on 192\.0\.2\.1 port 0: "):
        bound("192.0.2.1", 0)


def test_others_are_served_only_with_accounts_and_tls() -> None:
    tls = Tls(Path("cert.pem"), Path("key.pem"))
    check_binding("127.0.0.1", False, None)
    check_binding("::1", False, None)
    check_binding("0.0.0.0", True, tls)
    with pytest.raises(InputError, match="there are no accounts yet"):
        check_binding("0.0.0.0", False, tls)
    with pytest.raises(InputError, match="needs TLS"):
        check_binding("0.0.0.0", True, None)


def test_bad_certificates_are_told(tmp_path: Path) -> None:
    files = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    with pytest.raises(InputError, match=r"cert\.pem: no such file"):
        server(FastAPI(), files)
    files.certificate.write_text("not a certificate")
    files.key.write_text("not a key")
    with pytest.raises(InputError, match="not a PEM certificate and its key"):
        server(FastAPI(), files)


def test_the_address_told_can_be_opened() -> None:
    assert address("127.0.0.1", 8600, None) == "http://127.0.0.1:8600"
    assert address("::1", 8600, Tls(Path("c"), Path("k"))) == "https://[::1]:8600"
