"""Frames of every link type that is read, IPv4 and IPv6, fragments; read one by one and in bulk, which tell the same."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.dissect.headers import Table, table
from interferon.dissect.internet import NOTHING, TCP, UDP, Addresses, Fragments
from interferon.dissect.link import ETHER, LLC, Frames, name
from interferon.dissect.window import Window

MACS = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"  # receiver, sender
V6 = (b"\xfe\x80" + b"\0" * 13 + b"\x01", b"\xfe\x80" + b"\0" * 13 + b"\x02")


def tcp(payload: bytes, near: int = 40_000, far: int = 502, number: int = 1, flags: int = 24, options: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", near, far, number, 0, (5 + len(options) // 4) << 4, flags, 8192, 0, 0) + options + payload


def udp(payload: bytes, near: int = 40_000, far: int = 53) -> bytes:
    return struct.pack(">HHHH", near, far, 8 + len(payload), 0) + payload


def ip4(body: bytes, protocol: int = TCP, part: int = 0, options: bytes = b"", mark: int = 0, total: int | None = None) -> bytes:
    length = 20 + len(options) + len(body) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, length, mark, part, 64, protocol, 0)
    return head + b"\x0a\0\0\x01" + b"\x0a\0\0\x02" + options + body


def ip6(body: bytes, following: int = TCP) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(body), following, 64) + V6[0] + V6[1] + body


def ethernet(body: bytes, kind: int = 0x0800, tags: bytes = b"") -> bytes:
    return MACS + tags + struct.pack(">H", kind) + body


def window(*frames: bytes, link: int = 1) -> Window:
    """A window in which bytes of something else stand between the frames."""
    data, starts = b"", []
    for frame in frames:
        starts.append(len(data) + 8)
        data += b"\xee" * 8 + frame
    begins, sizes = np.array(starts), np.array([len(each) for each in frames])
    return Window(data + b"\xee" * 64, 0, begins, begins + sizes, sizes, np.zeros(len(frames), np.int64), link)


def both(frames: list[bytes], link: int = 1) -> tuple[Table, Window, Frames]:
    """The table, after both ways of reading were found to agree."""
    given, bulk, single = window(*frames, link=link), Frames(), Frames()
    found = table(given, bulk)
    rows = single.rows(given.data, given.starts.tolist(), given.ends.tolist(), link, 0)
    assert np.array(rows).T.tolist() == [column.tolist() for column in found]
    assert single.internet.problems == bulk.internet.problems
    return found, given, bulk


def payload(found: Table, given: Window, packet: int = 0) -> bytes:
    return given.data[found.begin[packet] : found.end[packet]]


LINKS = {
    "ethernet": (1, ethernet(ip4(tcp(b"hello")))),
    "padded": (1, ethernet(ip4(tcp(b"hello"))) + b"\0" * 6),
    "one tag": (1, ethernet(ip4(tcp(b"hello")), tags=b"\x81\0\0\x05")),
    "two tags": (1, ethernet(ip4(tcp(b"hello")), tags=b"\x88\xa8\0\x05\x81\0\0\x06")),
    "options": (1, ethernet(ip4(tcp(b"hello", options=b"\x01" * 12), options=b"\x01" * 8))),
    "cooked": (113, b"\0\0\0\1\0\6" + MACS[:6] + b"\0\0\x08\0" + ip4(tcp(b"hello"))),
    "cooked 2": (276, b"\x08\0\0\0\0\0\0\1\0\1\0\6" + MACS[:6] + b"\0\0" + ip4(tcp(b"hello"))),
    "bare": (101, ip4(tcp(b"hello"))),
    "bare 12": (12, ip4(tcp(b"hello"))),
    "bare v4": (228, ip4(tcp(b"hello"))),
    "loopback little": (0, b"\2\0\0\0" + ip4(tcp(b"hello"))),
    "loopback big": (108, b"\0\0\0\2" + ip4(tcp(b"hello"))),
    "ppp": (9, b"\xff\x03\0\x21" + ip4(tcp(b"hello"))),
    "ppp compressed": (9, b"\x21" + ip4(tcp(b"hello"))),
    "pppoe": (1, ethernet(b"\x11\0\0\1\0\x40\0\x21" + ip4(tcp(b"hello")), 0x8864)),
    "snap": (1, ethernet(b"\xaa\xaa\x03\0\0\0\x08\0" + ip4(tcp(b"hello")), 53)),
    "ip in ip": (1, ethernet(ip4(ip4(tcp(b"hello")), 4))),
    "segmented by the card": (1, ethernet(ip4(tcp(b"hello"), total=0))),
}


@pytest.mark.parametrize(("link", "frame"), LINKS.values(), ids=LINKS)
def test_a_segment_in_every_wrapping(link: int, frame: bytes) -> None:
    found, given, frames = both([frame, frame], link)
    assert payload(found, given) == payload(found, given, 1) == b"hello"
    assert (found.kind[0], found.length[0], found.sequence[0], found.flags[0]) == (TCP, 5, 1, 24)
    assert frames.addresses.text(int(found.source[0]) >> 16) == "10.0.0.1"
    assert frames.addresses.text(int(found.target[0]) >> 16) == "10.0.0.2"
    assert (found.source[0] & 0xFFFF, found.target[0] & 0xFFFF) == (40_000, 502)


@pytest.mark.parametrize(
    "chain",
    [
        (UDP, b""),
        (0, bytes([UDP, 0]) + b"\0" * 6),
        (60, bytes([43, 1]) + b"\0" * 14 + bytes([UDP, 0]) + b"\0" * 6),
        (51, bytes([UDP, 4]) + b"\0" * 22),
        (44, bytes([UDP, 0, 0, 0]) + b"\0" * 4),
    ],
)
def test_ipv6_and_its_extension_headers(chain: tuple[int, bytes]) -> None:
    found, given, frames = both([ethernet(ip6(chain[1] + udp(b"hello"), chain[0]), 0x86DD)])
    assert payload(found, given) == b"hello"
    assert found.kind[0] == UDP
    assert frames.addresses.text(int(found.source[0]) >> 16) == "fe80::1"


def test_what_carries_no_ip_is_between_hardware_addresses() -> None:
    goose, stp = ethernet(b"\0\1\0\x10" + b"\0" * 12, 0x88B8), ethernet(b"\x42\x42\x03" + b"\0" * 35, 38)
    found, _, frames = both([goose, stp])
    assert [name(int(kind)) for kind in found.kind] == ["goose", "stp"]
    assert frames.addresses.text(int(found.source[0]) >> 16) == "02:00:00:00:00:01"
    assert [name(ETHER | 0x1234), name(LLC | 6), name(99), name(1)] == ["ethernet/0x1234", "llc/0x06", "ip/99", "icmp"]


def test_a_segment_captured_in_part_tells_its_length_on_the_wire() -> None:
    frame = ethernet(ip4(tcp(b"hello, world")))
    found, given, _ = both([frame[:-7]])
    assert (payload(found, given), found.length[0]) == (b"hello", 12)


def test_what_cannot_be_read_is_told_and_belongs_to_no_conversation() -> None:
    broken = [b"\1\2\3", ethernet(b"\x45\0"), ethernet(b"\x45" + b"\0" * 10, 0x86DD), ethernet(b"\x41" + b"\0" * 30), MACS + b"\x81\0"]
    found, _, frames = both(broken)
    assert found.kind.tolist() == [NOTHING] * 5
    assert [problem.protocol for problem in frames.internet.problems] == ["ethernet", "ipv4", "ipv6", "ipv4", "ethernet"]
    assert [problem.packet for problem in frames.internet.problems] == [0, 1, 2, 3, 4]


def test_an_unknown_link_type_is_counted() -> None:
    _, _, frames = both([b"x" * 40] * 3, 147)
    assert frames.undissected == {147: 3}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_fragments_in_any_order_make_one_datagram(order: tuple[int, ...]) -> None:
    whole = udp(bytes(range(60)))
    pieces = [
        ethernet(ip4(whole[:24], UDP, 0x2000, mark=9)),
        ethernet(ip4(whole[24:48], UDP, 0x2003, mark=9)),
        ethernet(ip4(whole[48:], UDP, 6, mark=9)),
    ]
    found, _, frames = both([pieces[each] for each in order])
    assert found.kind.tolist() == [NOTHING, NOTHING, UDP]
    assert frames.internet.own[2][found.begin[2] : found.end[2]] == bytes(range(60))
    assert frames.internet.fragments.rest() == 0


def test_fragments_of_ipv6() -> None:
    whole = udp(bytes(range(40)))
    parts = [struct.pack(">BBHI", UDP, 0, 1, 5) + whole[:24], struct.pack(">BBHI", UDP, 0, 24, 5) + whole[24:]]
    found, _, frames = both([ethernet(ip6(each, 44), 0x86DD) for each in parts])
    assert frames.internet.own[1][found.begin[1] : found.end[1]] == bytes(range(40))


def test_fragments_that_never_meet_are_bounded_and_counted() -> None:
    fragments = Fragments(limit=4, room=1000)
    for number in range(10):
        assert fragments.take((1, 2, 17, number), 8, True, b"x" * 100) is None
    assert fragments.rest() == 10
    for number in range(30):
        fragments.take((1, 2, 17, 0), number * 104, True, b"x" * 104)
    assert fragments.lost >= 1


@pytest.mark.parametrize(
    ("address", "text"),
    [("0" * 32, "::"), ("20010db8" + "0" * 23 + "1", "2001:db8::1"), ("0001" * 8, "1:1:1:1:1:1:1:1"), ("fe80" + "0" * 28, "fe80::")],
)
def test_ipv6_addresses_are_written_shortest(address: str, text: str) -> None:
    addresses = Addresses()
    assert addresses.text(addresses.number(bytes.fromhex(address))) == text


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*LINKS.values(), (1, ethernet(ip6(udp(b"hello"), UDP), 0x86DD)), (1, b""), (276, b"")]),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=8),
    st.integers(0, 120),
    st.binary(max_size=60),
)
def test_any_damage_is_read_alike_both_ways(start: tuple[int, bytes], changes: list[tuple[int, int]], cut: int, noise: bytes) -> None:
    link, frame = start
    changed = bytearray(frame)
    for place, value in changes:
        if changed:
            changed[place % len(changed)] = value
    _, given, _ = both([bytes(changed)[: len(changed) - cut % 20], noise, bytes(changed), frame], link)
    assert len(given.starts) == 4
