"""Capture files as the drafts of pcap and pcapng say, byte by byte: orders, clocks, sections, cut ends; nothing raises."""

import struct
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import capture, pcapng
from interferon.dissect.capture import is_capture, windows
from interferon.dissect.window import Few, Problem


def classic(*packets: tuple[int, int, bytes], order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1) -> bytes:
    head = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(order + "IIII", second, part, len(data), len(data)) + data for second, part, data in packets)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int, order: str = "<", options: bytes = b"", snap: int = 0) -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(number: int, clock: int, data: bytes, order: str = "<") -> bytes:
    return block(6, struct.pack(order + "IIIII", number, clock >> 32, clock & 0xFFFFFFFF, len(data), len(data)) + data, order)


def read(*chunks: bytes) -> tuple[list[tuple[int, int, bytes, int]], list[Problem]]:
    """All packets as (time, link, bytes, wire size), and all problems; read one by one, in bulk and guessed, which tell the same."""
    found = told(*chunks)
    with mock.patch.object(capture, "SMALL", -1):
        assert told(*chunks) == found
        with mock.patch.multiple(capture, STEP=48, MANY=0), mock.patch.multiple(pcapng, STEP=48, MANY=0):
            assert told(*chunks) == found
    return found


def told(*chunks: bytes) -> tuple[list[tuple[int, int, bytes, int]], list[Problem]]:
    packets: list[tuple[int, int, bytes, int]] = []
    problems: list[Problem] = []
    for each in windows(chunks):
        if isinstance(each, Problem):
            problems.append(each)
            continue
        assert each.first == len(packets)
        few = each if isinstance(each, Few) else each.few()
        links = [few.links] * len(few.starts) if isinstance(few.links, int) else few.links
        for start, end, size, time, link in zip(few.starts, few.ends, few.sizes, few.times, links, strict=True):
            packets.append((time, link, few.data[start:end], size))
    return packets, problems


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "part"), [(0xA1B2C3D4, 250_000), (0xA1B23C4D, 250_000_999)])
def test_a_classic_file_of_every_order_and_clock(order: str, magic: int, part: int) -> None:
    data = classic((10, part, b"abc"), (11, 0, b""), order=order, magic=magic, link=113)
    assert is_capture(data)
    assert read(data) == ([(10_250_000, 113, b"abc", 3), (11_000_000, 113, b"", 0)], [])


def test_the_longer_records_of_the_modified_format() -> None:
    head = struct.pack("<IHHIIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIIIIHBB", 1, 2, 3, 9, 0, 0, 0, 0)
    assert read(head + record + b"abc" + record + b"def")[0] == [(1_000_002, 1, b"abc", 9), (1_000_002, 1, b"def", 9)]


def test_the_frame_check_length_above_the_link_type_is_no_link_type() -> None:
    assert read(classic((0, 1, b"a"), link=0xF4000001))[0][0][1] == 1


def test_a_file_is_the_same_in_chunks_of_any_size() -> None:
    data = classic(*((n, n, bytes([n]) * n) for n in range(40)))
    for size in (1, 7, 24, 100):
        packets, problems = read(*(data[at : at + size] for at in range(0, len(data), size)))
        assert (packets, problems) == read(data)
        assert len(packets) == 40


def test_a_cut_end_is_told_and_what_came_before_counts() -> None:
    data = classic((0, 0, b"whole"), (1, 0, b"not whole"))
    for cut in range(1, 24):
        packets, problems = read(data[:-cut])
        assert [each[2] for each in packets] == [b"whole"]
        assert "ends within a packet" in problems[0].reason
        assert problems[0].packet == 1


def test_a_damaged_length_ends_the_reading_where_it_stands() -> None:
    data = classic((0, 0, b"whole")) + struct.pack("<IIII", 1, 2, 0x7FFFFFFF, 5) + b"x" * 40
    packets, problems = read(data)
    assert len(packets) == 1
    assert problems[0].reason == "a record tells 2,147,483,647 captured bytes: it is no record"


@pytest.mark.parametrize("data", [b"", b"\xd4\xc3", b"neither", b"\xd4\xc3\xb2\xa1\x02\x00"])
def test_what_is_no_capture_is_told(data: bytes) -> None:
    packets, problems = read(data)
    assert packets == []
    assert len(problems) == 1
    assert not is_capture(data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sections_interfaces_and_clocks_of_pcapng(order: str) -> None:
    seconds = struct.pack(order + "HHB3xHH", 9, 1, 0, 0, 0)  # if_tsresol: 10^0
    halves = struct.pack(order + "HHB3xHHqHH", 9, 1, 0x81, 14, 8, 100, 0, 0)  # 2^-1, and if_tsoffset of 100 s
    data = (
        section(order) + interface(1, order, seconds) + interface(101, order, halves) + enhanced(0, 7, b"one", order)
        + enhanced(1, 5, b"two", order) + block(5, b"\0" * 12, order)
        + section("<") + interface(276) + enhanced(0, 3 << 32 | 5, b"three")
    )  # fmt: skip
    packets, problems = read(data)
    assert problems == []
    assert packets == [(7_000_000, 1, b"one", 3), (102_500_000, 101, b"two", 3), ((3 << 32) + 5, 276, b"three", 5)]


def test_simple_and_obsolete_packet_blocks() -> None:
    simple = block(3, struct.pack("<I", 9) + b"abcd")
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 77, 2, 5) + b"xy")
    packets, problems = read(section() + interface(1, snap=4) + old + simple)
    assert (packets, problems) == ([(77, 1, b"xy", 5), (77, 1, b"abcd", 9)], [])


def test_blocks_that_cannot_be_are_told() -> None:
    lone = section() + enhanced(0, 1, b"x")
    assert "interface 0, which no block describes" in read(lone)[1][0].reason
    more = section() + interface(1) + block(6, struct.pack("<IIIII", 0, 0, 1, 99, 99) + b"x")
    assert "99 captured bytes; its block holds 4" in read(more)[1][0].reason
    assert "it is no block" in read(section() + struct.pack("<III", 6, 4, 4))[1][0].reason
    assert "byte-order magic" in read(section() + section().replace(b"\x4d\x3c\x2b\x1a", b"\1\2\3\4"))[1][0].reason
    for cut in range(1, 32):
        assert "within a block" in read((section() + interface(1) + enhanced(0, 1, b"x"))[:-cut])[1][-1].reason
        packets, problems = read((section() + interface(1) + 8 * enhanced(0, 1, b"x"))[:-cut])
        assert (len(packets), len(problems)) == (7, 1)


GOOD = [
    classic((1, 2, b"abcdef"), (3, 4, b"g")),
    section() + interface(1) + enhanced(0, 5, b"abc") + block(3, struct.pack("<I", 2) + b"xy"),
]


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), st.binary(max_size=40))
def test_no_bytes_raise(data: bytes, changes: list[tuple[int, int]], tail: bytes) -> None:
    changed = bytearray(data + tail)
    for place, value in changes:
        changed[place % len(changed)] = value
    for each in windows([bytes(changed)]):
        if not isinstance(each, Problem):
            window = each.window() if isinstance(each, Few) else each
            assert (window.starts <= window.ends).all()
            assert (window.ends <= len(window.data)).all()
    read(bytes(changed))
    read(tail)


ALIKE = [  # what looks like records and blocks, and is none where it stands
    classic((1 << 24, 2, b"ab"), (1 << 24, 3, b""))[24:],
    classic((1 << 24, 2, b"ab"))[24:39],
    enhanced(0, 5, b"abcd"),
    enhanced(0, 5, b"")[:30],
    struct.pack("<III", 6, 6, 32),
    b"",
]


@given(
    st.lists(st.tuples(st.sampled_from([0, 1 << 16, 1 << 24, (1 << 24) + 9]), st.sampled_from(ALIKE)), max_size=40), st.sampled_from("<>")
)
def test_what_only_looks_like_a_record_is_none(packets: list[tuple[int, bytes]], order: str) -> None:
    expected = [(second * 1_000_000, 1, data, len(data)) for second, data in packets]
    assert read(classic(*((second, 0, data) for second, data in packets), order=order)) == (expected, [])
    blocks = b"".join(enhanced(0, second * 1_000_000, data, order) for second, data in packets)
    assert read(section(order) + interface(1, order) + blocks + block(5, b"1234", order) + blocks) == (2 * expected, [])
