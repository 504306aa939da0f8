"""Segments put in order, and conversations: loss, repetition, overlap, wrap of numbers, reused ports; packet by packet and in bulk."""

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.dissect import conversations, flows
from interferon.dissect.conversations import FLOW, Reading, readings
from interferon.dissect.message import Plain
from interferon.dissect.streams import LONGEST, PATIENCE, SEGMENTS, WAIT, Stream

CLIENT, SERVER = b"\x0a\0\0\x01", b"\x0a\0\0\x02"
SYN, ACK, FIN, RST, PUSH = 2, 16, 1, 4, 24
Step = tuple[float, bool, int, int, bytes]  # seconds, from the client, sequence number, flags, payload


class Lines:
    """A protocol of lines: a message ends with a newline; `!` begins what is none."""

    NAME = "lines"
    TCP: tuple[int, ...] = (502,)
    UDP: tuple[int, ...] = (502,)

    def __init__(self) -> None:
        self.gaps: list[bool] = []

    def likely(self, data: bytes, start: int, end: int) -> bool:
        return data[start : min(end, start + 5)] == b"LINES"

    def conversation(self, flow: int) -> "Lines":
        made = Lines()
        made.flow = flow
        return made

    flow = 0

    def gap(self, to_server: bool) -> None:
        self.gaps.append(to_server)

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        while (at := data.find(b"\n", start, end)) >= 0:
            out.append((packet, self.flow, to_server, "lines", "message", data[start:at].decode("latin-1"), "", "", at + 1 - start, {}))
            start = at + 1
        return start


def frame(client: bool, number: int, flags: int, payload: bytes, port: int = 40_000, server: int = 502, mac: int = 2) -> bytes:
    near, far, source, target = (port, server, CLIENT, SERVER) if client else (server, port, SERVER, CLIENT)
    body = struct.pack(">HHIIBBHHH", near, far, number & 0xFFFFFFFF, 0, 0x50, flags, 8192, 0, 0) + payload
    return bytes((mac,)) * 12 + b"\x08\0" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 6, 0) + source + target + body


def capture(*frames: tuple[float, bytes]) -> bytes:
    head = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", int(t), round(t % 1 * 1e6), len(data), len(data)) + data for t, data in frames)


def told(data: bytes, few: int | None = None, chunk: int = 0) -> list[Reading]:
    chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)] if chunk else [data]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversations, "FEW", conversations.FEW if few is None else few)
        return list(readings(chunks, (Lines(),)))


def rows(steps: list[Step], server: int = 502, chunk: int = 0) -> list[Plain]:
    """The rows of one connection, after packet by packet and in bulk were found to agree. `chunk`: bytes read at once; 0: all."""
    data = capture(*((step[0], frame(*step[1:], server=server, mac=(2 + 2 * n) & 0xFF)) for n, step in enumerate(steps)))
    single = [row for each in told(data, 1 << 30, chunk) for row in (*each.rows, *each.unread)]
    assert [row for each in told(data, 0, chunk) for row in (*each.rows, *each.unread)] == single
    return single


def lines(found: list[Plain]) -> list[str]:
    return [row[5] for row in found if row[4] == "message"]


def handshake(first: int = 100) -> list[Step]:
    return [(0, True, first, SYN, b""), (0, False, 900, SYN | ACK, b""), (0, True, first + 1, ACK, b"")]


def test_messages_over_several_segments_and_several_in_one() -> None:
    found = rows([*handshake(), (0, True, 101, PUSH, b"on"), (0, True, 103, PUSH, b"e\ntwo\nthr"), (0, True, 112, PUSH, b"ee\n")])
    assert lines(found) == ["one", "two", "three"]
    assert [row[0] for row in found if row[4] == "message"] == [4, 4, 5]


def test_both_directions_are_kept_apart_and_in_their_order() -> None:
    found = rows([*handshake(), (0, True, 101, PUSH, b"ask\n"), (0, False, 901, PUSH, b"answer\n"), (0, True, 105, PUSH, b"more\n")])
    assert [(row[5], row[2]) for row in found if row[4] == "message"] == [("ask", True), ("answer", False), ("more", True)]


@pytest.mark.parametrize("first", [100, 0xFFFFFFFF - 3, 0xFFFFFFFE])
def test_disorder_repetition_and_overlap_across_the_wrap_of_numbers(first: int) -> None:
    at = first + 1
    steps = [
        *handshake(first),
        (0, True, at + 4, PUSH, b"two\n"),  # before what comes first
        (0, True, at + 4, PUSH, b"two\n"),
        (0, True, at, PUSH, b"one\n"),
        (0, True, at, PUSH, b"one\n"),  # sent again
        (0, True, at + 6, PUSH, b"o\nthree\n"),  # overlaps
        (0, True, at + 13, ACK, b"\n"),  # keep-alive: the last byte again
    ]
    assert lines(rows(steps)) == ["one", "two", "three"]


@pytest.mark.parametrize("first", [100, 0xFFFFFFFF - 3])
def test_what_is_sent_again_in_a_window_does_not_part_what_is_in_order(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at = first + 1
    again = [(0, True, at, PUSH, b"one\n"), (0, True, at + 2, PUSH, b"e\nt"), (0, True, at + 7, ACK, b"\n")]
    steps = [(0, True, at, PUSH, b"one\ntwo\n"), *again, (0, False, 901, PUSH, b"!\n"), *again, (0, True, at + 8, PUSH, b"three\n"), *again]
    assert lines(rows([*handshake(first), *steps])) == ["one", "two", "!", "three"]
    monkeypatch.delattr(Stream, "segment")
    data = capture(*((t, frame(client, number, flags, payload)) for t, client, number, flags, payload in steps))
    assert lines(told(data, 0)[0].rows) == ["one", "two", "!", "three"]


def test_datagrams_that_are_alike_are_each_told_beside_segments_out_of_order() -> None:
    datagram = struct.pack(">HHHH", 40_000, 502, 12, 0) + b"one\n"
    udp = b"\2" * 12 + b"\x08\0" + struct.pack(">BBHHHBBH", 0x45, 0, 32, 0, 0, 64, 17, 0) + CLIENT + SERVER + datagram
    tcp = [frame(True, number, PUSH, b"x\n", 41_000) for number in (1, 5, 3, 3)]
    data = capture(*enumerate([tcp[0], udp, tcp[1], udp, tcp[2], udp, tcp[3]]))
    single = told(data, 1 << 30)[0].rows
    assert sorted(lines(single)) == ["one"] * 3 + ["x"] * 3
    assert told(data, 0)[0].rows == single


def test_a_hole_is_told_and_reading_goes_on_behind_it() -> None:
    found = rows([*handshake(), (0, True, 101, PUSH, b"one\nhal"), (0, True, 120, PUSH, b"rest\ntwo\n")])
    assert lines(found) == ["one", "rest", "two"]
    problem = next(row for row in found if row[4] == "problem")
    assert problem[9]["problem"] == "12 bytes before it were not captured; a message was begun before"
    assert bytes.fromhex(problem[9]["sample"]) == b"hal"


def test_a_capture_that_begins_in_the_middle() -> None:
    assert lines(rows([(0, True, 5000, PUSH, b"one\n"), (0, False, 70, PUSH, b"two\n")])) == ["one", "two"]


def test_numbers_that_jump_are_no_old_segments() -> None:
    assert lines(rows([(0, True, 3_000_000_000, PUSH, b"one\n"), (0, True, 5000, PUSH, b"two\n")])) == ["one", "two"]


def test_a_new_connection_on_the_same_ports_is_another_conversation() -> None:
    steps = [
        *handshake(),
        (0, True, 101, PUSH, b"one\n"),
        (1, True, 105, FIN | ACK, b""),
        *handshake(77_000),
        (2, True, 77_001, PUSH, b"two\n"),
    ]
    found = rows(steps)
    assert [(row[5], row[1]) for row in found if row[4] == "message"] == [("one", 0), ("two", 1)]
    assert [(row[1], row[9]["packets"], row[9]["state"]) for row in found if row[4] == FLOW] == [(0, 5, "open"), (1, 4, "open")]


def test_a_long_silence_parts_two_conversations() -> None:
    found = rows([(0, True, 1, PUSH, b"one\n"), (4000, True, 5, PUSH, b"two\n"), (4001, False, 9, PUSH, b"three\n")])
    assert [row[9]["packets"] for row in found if row[4] == FLOW] == [1, 2]
    found = rows([(0, True, 1, PUSH, b"one\n"), (3000, False, 9, PUSH, b"two\n"), (6000, True, 5, PUSH, b"three\n")])
    assert [row[9]["packets"] for row in found if row[4] == FLOW] == [3]


def test_packets_that_cannot_be_read_stand_in_no_conversation_and_in_no_ones_way() -> None:
    packets = [(n, frame(n % 2 > 0, 5 + n // 2 * 2, PUSH, b"%d\n" % n) if n % 3 else b"short") for n in range(9)]
    single = told(capture(*packets), 1 << 30)[0]
    assert (lines(single.rows), len(single.problems)) == (["1", "2", "4", "5", "7", "8"], 3)
    bulk = told(capture(*packets), 0)[0]
    assert (bulk.rows, bulk.problems) == (single.rows, single.problems)


def test_conversations_are_kept_apart_also_where_their_mixed_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = capture(*((n, frame(n % 3 > 0, 5 + n // 6 * 2, PUSH, b"%d\n" % (n % 10), 40_000 + n % 2)) for n in range(20)))
    single = told(data, 1 << 30)[0].rows
    assert len({row[1] for row in single}) == 2
    monkeypatch.setattr(flows, "MIX", np.int64(0))
    assert told(data, 0)[0].rows == single


@pytest.mark.parametrize(
    ("steps", "state", "outcome"),
    [
        ([(True, SYN)], "attempt", "failure"),
        ([(True, SYN), (False, RST | ACK)], "rejected", "failure"),
        ([(True, SYN), (False, SYN | ACK), (True, ACK)], "open", "success"),
        ([(True, SYN), (False, SYN | ACK), (True, FIN | ACK), (False, FIN | ACK)], "closed", "success"),
        ([(True, SYN), (False, SYN | ACK), (True, RST)], "reset", "success"),
        ([(True, ACK), (False, ACK)], "partial", "success"),
        ([(False, SYN | ACK), (True, ACK)], "open", "success"),
    ],
)
def test_states_of_a_connection(steps: list[tuple[bool, int]], state: str, outcome: str) -> None:
    (flow,) = rows([(n, client, 5, flags, b"") for n, (client, flags) in enumerate(steps)])
    assert (flow[6], flow[7], flow[9]["state"]) == ("tcp/502", outcome, state)
    assert (flow[9]["source_port"], flow[9]["target_port"]) == (40_000, 502)
    assert flow[9]["duration_s"] == len(steps) - 1


def test_the_server_without_a_handshake_is_the_known_or_the_lower_port() -> None:
    data = capture(
        (0, frame(False, 1, ACK, b"", 102, 44_818)), (0, frame(False, 1, ACK, b"", 600, 30_000)), (0, frame(False, 1, ACK, b"", 9000, 9000))
    )
    assert [row[6] for row in told(data)[0].rows] == ["tcp/102", "tcp/600", "tcp/9000"]


def test_a_protocol_on_an_unknown_port_is_known_by_its_first_bytes() -> None:
    data = capture((0, frame(True, 1, PUSH, b"LINES\n", 40_000, 7777)), (0, frame(True, 1, PUSH, b"OTHER\n", 40_000, 7778)))
    found = told(data)[0].rows
    assert lines(found) == ["LINES"]
    assert [row[9].get("service") for row in found if row[4] == FLOW] == ["lines", None]


def test_the_first_payloads_on_an_unknown_port_may_be_none_by_which_it_is_known() -> None:
    steps = [(True, b"half of what came before\n"), (False, b"?\n"), (True, b"LINES one\n"), (False, b"two\n"), (True, b"three\n")]
    sent = [[sum(len(payload) for way, payload in steps[:n] if way == client) for client in (False, True)] for n in range(5)]
    beginning: list[Step]
    for beginning in ([], handshake()):
        after = [
            (0.0, client, 101 + sent[n][True] if client else 901 + sent[n][False], PUSH, steps[n][1]) for n, (client, _) in enumerate(steps)
        ]
        found = rows([*beginning, *after], server=9999)
        first = len(beginning) + 2
        assert [(row[0], row[5]) for row in found if row[4] == "message"] == [
            (first, "LINES one"),
            (first + 1, "two"),
            (first + 2, "three"),
        ]
    many: list[Step] = [(0, True, 5 + n, PUSH, b"x") for n in range(conversations.TRIES)]
    assert lines(rows([*many, (0, True, 5 + len(many), PUSH, b"LINES\n")], server=9999)) == []


def test_a_port_that_is_used_again_in_a_window_that_the_other_side_begins() -> None:
    before: list[Step] = [*handshake(), (0, True, 101, PUSH, b"one\n")]
    steps = [*before, (1, False, 901, FIN | ACK, b""), (2, True, 77_000, SYN, b""), (2, True, 77_001, PUSH, b"two\n")]
    size = 24 + sum(16 + len(frame(*step[1:])) for step in before)
    found = rows(steps, chunk=size)
    assert [(row[5], row[1]) for row in found if row[4] == "message"] == [("one", 0), ("two", 1)]
    assert sorted((row[1], row[9]["packets"], row[9]["mac_client"]) for row in found if row[4] == FLOW) == [
        (0, 5, "02:02:02:02:02:02"), (1, 2, "0c:0c:0c:0c:0c:0c"),
    ]  # fmt: skip


def test_problems_of_one_conversation_are_bounded() -> None:
    steps: list[Step] = [(0, True, 1 + 200 * n, PUSH, b"x" * 100) for n in range(60)]
    problems = [row[9]["problem"] for row in rows(steps) if row[4] == "problem"]
    assert len(problems) == conversations.PROBLEMS + 1
    assert problems[-1] == f"{60 - conversations.PROBLEMS} more like this in the conversation"


def stream() -> tuple[Stream, Lines, list[Plain]]:
    conversation = Lines()
    return Stream(0, "lines", conversation, True, 99), conversation, []


def test_what_waits_is_bounded_in_segments_bytes_and_time() -> None:
    one, conversation, out = stream()
    for n in range(SEGMENTS + 2):
        one.segment(b"x\n", 0, 2, 2, 200 + 4 * n, 0, n, out)
    assert one.held() <= 2 * SEGMENTS
    assert conversation.gaps
    two, conversation, out = stream()
    for n in range(4):
        two.segment(bytes(WAIT // 2), 0, WAIT // 2, WAIT // 2, 200 + n * WAIT, 0, n, out)
    assert two.held() <= 2 * WAIT
    assert conversation.gaps
    three, conversation, out = stream()
    three.segment(b"x\n", 0, 2, 2, 200, 0, 0, out)
    assert not three.stale(PATIENCE)
    three.segment(b"y\n", 0, 2, 2, 300, PATIENCE + 1, 1, out)
    assert [row[5] for row in out] == ["x", "y"][: len(out)]
    assert conversation.gaps


def test_a_message_without_end_is_given_up() -> None:
    one, conversation, out = stream()
    part, at = b"x" * 60_000, 100
    for n in range(LONGEST // len(part) + 2):
        one.segment(part, 0, len(part), len(part), at, 0, n, out)
        at += len(part)
    assert out[0][9]["problem"] == f"a message of more than {LONGEST:,} bytes"
    assert one.held() <= LONGEST
    assert conversation.gaps == [True]


def test_a_segment_captured_in_part_is_a_gap() -> None:
    one, conversation, out = stream()
    one.segment(b"one\ntw", 0, 6, 20, 100, 0, 0, out)
    one.segment(b"x\n", 0, 2, 2, 120, 0, 1, out)
    assert [row[5] for row in out if row[4] == "message"] == ["one", "x"]
    assert conversation.gaps == [True]


def test_windows_carry_conversations_on() -> None:
    steps = [*handshake(), *((n, True, 101 + 8 * n, PUSH, b"line %02d\n" % n) for n in range(50))]
    data = capture(*((t, frame(client, number, flags, payload)) for t, client, number, flags, payload in steps))
    for few in (0, 1 << 30):
        for chunk in (50, 333, 1000):
            found = [row for each in told(data, few, chunk) for row in each.rows]
            assert lines(found) == [f"line {n:02}" for n in range(50)]
            assert [row[9]["packets"] for row in found if row[4] == FLOW] == [53]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32 - 1), st.integers(1, 9), st.booleans())
def test_any_order_of_any_cut_gives_the_same_messages(seed: int, first: int, size: int, doubled: bool) -> None:
    chance = random.Random(seed)
    text = b"".join(b"message %d\n" % n for n in range(12))
    pieces = [(first + 1 + at, text[at : at + size + chance.randrange(4)]) for at in range(0, len(text), size)]
    pieces += pieces[::3] if doubled else []
    chance.shuffle(pieces)
    found = rows([*handshake(first), *((0, True, number, PUSH, piece) for number, piece in pieces)])
    assert lines(found) == [f"message {n}" for n in range(12)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5000),
            st.booleans(),
            st.integers(0, 40),
            st.sampled_from([SYN, SYN | ACK, ACK, PUSH, FIN | ACK, RST]),
            st.binary(max_size=6) | st.sampled_from([b"LINES\n", b"one\n"]),
        ),
        max_size=30,
    ),
    st.sampled_from([502, 9999]),
)
def test_any_packets_are_told_alike_both_ways(steps: list[tuple[int, bool, int, int, bytes]], server: int) -> None:
    found = rows([(float(t), *rest) for t, *rest in steps], server)  # type: ignore[misc]
    assert sum(row[9]["packets"] for row in found if row[4] == FLOW) == len(steps)
