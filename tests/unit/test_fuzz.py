"""Arbitrary bytes through every parser, for seconds; the bytes that once broke one; and that the checks of tests/fuzz see what is wrong.

The long runs are tests/fuzz/run.py: what it finds is added to BROKE.
"""

import random
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interferon.connectors import table_file
from interferon.dissect.message import Plain
from interferon.model.records import DeadLetter
from tests.fuzz import checks, run, seeds, targets

ROUNDS = 600  # takes of one conversation
GROWN = 1 << 18  # bytes of state that one may hold after them


def stream_with_a_name_that_is_no_text() -> bytes:
    """An Arrow stream whose only column has a name of 0xFF."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("nm", pa.int64())])) as writer:
        writer.write_batch(pa.record_batch([pa.array([1])], names=["nm"]))
    data: bytes = sink.getvalue().to_pybytes()
    return data.replace(b"nm\0", b"\xff\xff\0")


BROKE = {
    "modbus, a frame of a unit and a function alone on another port": (
        "dissect_modbus",
        b"\0" + targets.joined([(0, bytes.fromhex("0001 0000 0002 11 03")), (1, bytes.fromhex("0001 0000 0002 11 2b"))]),
    ),
    "http, a response with the status 000": ("dissect_http", b"\0" + targets.joined([(0, b"HTTP/1.1 000 OK\r\nHost: a\r\n\r\n")])),
    "CSV with a carriage return alone": ("file_csv", b"time,level\r2026-01-05 08:00:00,1.5\r2026-01-05 08:00:01,1.6\r"),
    "CSV with one behind the first 64 KiB": ("file_csv", b"time,level\n" + b"x" * 70_000 + b"\rx,1\n"),
    "CSV with a field of more than 128 KiB": ("file_csv", b"time,level\n" + b"x" * 140_000 + b",1\n"),
    "CSV with many rows without a time, each told": ("file_csv", b"time,level\n" + b"x,1\n" * 20_000),
    "CSV with more columns than Arrow takes in a minute": ("file_csv", b"|" * 200_000),
    "an event that nests too deeply": ("file_ndjson", b'{"a":' * 20_000 + b"\n"),
    "JSON with a quote that is never closed before thousands of escaped ones": ("file_gcp", b'{"' + b'\\"' * 40_000),
    "a request with one": ("ingest", b'{"a":[' * 3000 + b"1" + b"]}" * 3000),
    "Arrow with a name that is no text": ("ingest", stream_with_a_name_that_is_no_text()),
}


SHAPES = (b"[", b'{"a":', b"<a>", b"\0", b"\xff", b"\n", b'"', b"9", b"|", b"a=", b"'", b"+:", b"*~", b"\\")
LONG = 6000  # bytes of one of these again and again


@pytest.mark.parametrize("case", list(BROKE))
def test_what_once_broke_a_parser(case: str) -> None:
    targets.run_one(*BROKE[case])


@pytest.mark.parametrize("name", list(targets.TARGETS))
def test_the_examples_hold(name: str) -> None:
    found = seeds.examples(name)
    assert found, f"{name} has nothing to begin with; add a message of the protocol to seeds.BEGINNINGS"
    for data in found:
        targets.run_one(name, data)


@pytest.mark.parametrize("name", list(targets.TARGETS))
def test_one_thing_again_and_again_breaks_no_parser(name: str) -> None:
    for shape in SHAPES:
        data = shape * (LONG // len(shape))
        targets.run_one(name, data if name.startswith(("file_", "ingest")) else b"\0" + targets.joined([(1, data), (0, data), (5, data)]))
        targets.run_one(name, seeds.examples(name)[0] + data)


@pytest.mark.parametrize("name", list(targets.TARGETS))
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=80)), max_size=6),
    st.integers(0, 1 << 60),
)
def test_no_bytes_break_a_parser(name: str, data: bytes, parts: list[tuple[int, bytes]], drawn: int) -> None:
    draw, begun = random.Random(drawn), seeds.examples(name)
    for each in (data, b"\0" + targets.joined(parts), *(run.mutated(draw.choice(begun), begun, draw) for _ in range(3))):
        targets.run_one(name, each)


@pytest.mark.parametrize("name", list(targets.dissectors()))
def test_a_conversation_holds_no_more_the_longer_it_lasts(name: str) -> None:
    """Damaged messages both ways, with what the dissector waits for given again and lost from time to time."""
    assert targets.grown(targets.dissectors()[name], seeds.BEGINNINGS[name], ROUNDS) < GROWN


def test_parts_of_an_input() -> None:
    parts = [(1, b"ab"), (0, b""), (6, b"c" * 300)]
    assert [tuple(each) for each in targets.pieces(targets.joined(parts))] == parts
    assert [tuple(each) for each in targets.pieces(b"\x01\x00\x09ab")] == [(1, b"ab")]
    assert not list(targets.pieces(b"\x01\x00"))
    assert len(list(targets.pieces(b"\0\0\0" * 100))) == targets.PIECES


def test_a_part_is_cut_anywhere() -> None:
    piece = bytes(range(40))
    for mark in range(256):
        parts = targets._parts(targets.Piece(mark, piece), 500)
        assert b"".join(part for _, part in sorted(parts)) == piece
        assert all(place == 500 + part[0] for place, part in parts)
        assert len(parts) == (2 if mark & 4 else 1)


class Wrong:
    """A dissector that does one thing wrong."""

    NAME, TCP, UDP = "wrong", (1,), ()

    def __init__(self, what: str) -> None:
        self.what = what

    def likely(self, data: bytes, start: int, end: int) -> bool:
        return data[end : end + 1] == b"\x5a" if self.what == "likely" else False

    def conversation(self, flow: int) -> "Wrong":
        return self

    def gap(self, to_server: bool) -> None: ...

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        fields: dict[str, Any] = {"value": float("nan")} if self.what == "nan" else {}
        if self.what == "beyond":
            fields["length"] = len(data)
        if self.what == "many":
            fields["values"] = [0] * 100_000
        role = "nothing" if self.what == "role" else "message"
        out.append((packet, flow_of(self.what), to_server, "wrong", role, "" if self.what == "code" else "x", "", "", 1, fields))
        return {"used": end + 1, "back": start - 1}.get(self.what, end)


def flow_of(what: str) -> int:
    return targets.NUMBER + (what == "flow")


def test_a_dissector_without_fault_passes() -> None:
    targets.converse(Wrong(""), b"\0" + targets.joined([(1, b"abc")]))


@pytest.mark.parametrize("what", ["likely", "nan", "beyond", "many", "role", "code", "used", "back", "flow"])
def test_what_a_dissector_does_wrong_is_seen(what: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        targets.converse(Wrong(what), b"\0" + targets.joined([(1, b"abc")]))


@pytest.mark.parametrize(
    "change",
    [{"reason": ""}, {"feed": ""}, {"raw": "x" * 2001}, {"raw": "\ud800"}],
)
def test_a_dead_letter_that_says_too_little_or_too_much_is_seen(change: dict[str, str]) -> None:
    letter = DeadLetter(**{"feed": "f", "offset": 0, "time": 0, "family": "", "entity": "", "reason": "why", **change})  # type: ignore[arg-type]
    with pytest.raises((AssertionError, UnicodeEncodeError)):
        checks.items_hold([letter], 9)


@pytest.mark.parametrize("text", ["", " ", "two\nlines"])
def test_what_is_told_in_no_line_or_in_two_is_seen(text: str) -> None:
    with pytest.raises(AssertionError):
        checks.one_line(text)


def test_offsets_that_do_not_go_up_are_seen() -> None:
    batches = list(targets.file_connectors()["cef"].normalise(seeds.examples("file_cef")[0].splitlines(), checks.FEED))
    checks.items_hold(batches, 10_000)
    with pytest.raises(AssertionError, match="offset"):
        checks.items_hold([*batches, *batches], 10_000)


def test_what_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "HANG_S", 0.05)
    monkeypatch.setitem(targets.TARGETS, "slow", lambda data: time.sleep(5))
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        targets.run_one("slow", b"")


def test_a_run_says_what_it_does_and_keeps_what_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(seeds, "gathered", lambda name: [b"seed"])
    monkeypatch.setitem(targets.TARGETS, "fine", lambda data: None)
    monkeypatch.setitem(targets.TARGETS, "frail", lambda data: [][len(data)])
    assert run.main(["fine", "--plain", "--seconds", "0", "--corpus", str(tmp_path)]) == 0
    assert "fine: random mutation, 0 s, 1 inputs to begin with" in capsys.readouterr().out
    with pytest.raises(IndexError):
        run.main(["frail", "--plain", "--seconds", "9", "--corpus", str(tmp_path)])
    (kept,) = tmp_path.glob("frail-*")
    assert str(kept) in capsys.readouterr().out
    with pytest.raises(IndexError):
        run.main(["frail", "--input", str(kept)])


def test_an_unknown_target_is_told_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["nothing"]) == 2
    assert capsys.readouterr().out.split() == list(targets.TARGETS)


def test_a_carriage_return_alone_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(b"time,level\r2026-01-05 08:00:00,1.5\r2026-01-05 08:00:01,1.6\r")
    read = table_file.read_table(path)
    assert read.names == ["time", "level"]
    assert read.numbers("level").tolist() == [1.5, 1.6]
