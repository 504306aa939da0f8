"""One frame of a capture, read step by step: Ethernet with VLAN tags, Linux cooked, loopback, PPP and bare IP. Pure.

Called by `dissect.headers` for what it does not read in bulk. What is no IP is a conversation between hardware addresses. Link types:
https://www.tcpdump.org/linktypes.html; Ethernet types: IEEE 802.3 clause 3, IEEE 802.1Q clause 9.
"""

from struct import Struct
from typing import Final

from interferon.dissect.internet import NO_ROW, TCP, Addresses, Internet, Row

ETHERNET: Final = 1
COOKED: Final = 113
COOKED2: Final = 276
BARE: Final = (12, 14, 101, 228, 229)  # IP without anything before it
LOOPBACK: Final = (0, 108)
PPP: Final = (9, 50)
TAGS: Final = (0x8100, 0x88A8, 0x9100, 0x9200)
V4: Final = 0x0800
V6: Final = 0x86DD
_PPPOE: Final = 0x8864
_FAMILIES: Final = {2: V4, 10: V6, 23: V6, 24: V6, 26: V6, 28: V6, 30: V6}  # AF_INET6 of Linux, NetBSD, Windows, FreeBSD, macOS
_PPP_TYPES: Final = {0x0021: V4, 0x0057: V6}
ETHER: Final = 1 << 16  # kind of a conversation by Ethernet type: this and the type
NOBODY: Final = bytes(6)  # in place of a hardware address that is not in the frame
LLC: Final = 1 << 17  # by the destination service access point of IEEE 802.2: this and the point

NAMES: Final = {  # of kinds, as a flow's `object` begins
    1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 51: "ah", 58: "icmpv6", 88: "eigrp", 89: "ospf",
    103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
    ETHER | 0x0806: "arp", ETHER | 0x8035: "rarp", ETHER | 0x0842: "wake_on_lan", ETHER | 0x8847: "mpls", ETHER | 0x8863: "pppoe",
    ETHER | 0x888E: "eapol", ETHER | 0x8892: "profinet", ETHER | 0x889A: "hyperscsi", ETHER | 0x88A4: "ethercat",
    ETHER | 0x88AB: "powerlink", ETHER | 0x88B8: "goose", ETHER | 0x88B9: "gse", ETHER | 0x88BA: "sampled_values",
    ETHER | 0x88CC: "lldp", ETHER | 0x88CD: "sercos", ETHER | 0x88E3: "mrp", ETHER | 0x88E5: "macsec", ETHER | 0x88F7: "ptp",
    ETHER | 0x88FB: "prp", ETHER | 0x892F: "hsr", ETHER | 0x9000: "loopback", ETHER | 0x8809: "slow_protocols",
    ETHER | 0x8902: "cfm", ETHER | 0x8204: "xid",
    LLC | 0x42: "stp", LLC | 0xAA: "snap", LLC | 0xE0: "ipx", LLC | 0xF0: "netbios", LLC | 0xFE: "iso",
}  # fmt: skip

_PLAIN: Final = b"\x45"  # first octet of an IPv4 header without options
_BEFORE: Final = {ETHERNET: (b"\x08\x00", 14), COOKED: (b"\x08\x00", 16), 0: (b"\x02\0\0\0", 4)}  # what stands before IPv4, and how far
_ORDINARY: Final = {  # by how much stands before: that and the first octet, then of IPv4 and TCP what a row is made from
    width: Struct(f">{width + 1}sxHxxHxBxxIIHHIxxxxBB").unpack_from for width in (2, 4)
}


def name(kind: int) -> str:
    """Of the protocol that makes a conversation: `tcp`, `goose`, `ip/99`, `ethernet/0x1234`, `llc/0x06`."""
    found = NAMES.get(kind)
    if found:
        return found
    if kind >= LLC:
        return f"llc/0x{kind - LLC:02x}"
    return f"ethernet/0x{kind - ETHER:04x}" if kind >= ETHER else f"ip/{kind}"


class Frames:
    """Reads frames of one capture."""

    def __init__(self) -> None:
        self.addresses = Addresses()
        self.internet = Internet(self.addresses)
        self.undissected: dict[int, int] = {}  # frames of link types that are not read, by LINKTYPE

    def rows(self, data: bytes, starts: list[int], ends: list[int], links: int | list[int], first: int) -> list[Row]:
        """The rows of frames, of one link type or each of its own. The ordinary ones, TCP over plain IPv4, are read in one step."""
        if not isinstance(links, int):
            return [self.row(data, *each) for each in zip(starts, ends, links, range(first, first + len(starts)), strict=True)]
        if links not in _BEFORE:
            return [self.row(data, *each, links, number) for number, each in enumerate(zip(starts, ends, strict=True), first)]
        kind, header = _BEFORE[links]
        width, found, kind = len(kind), [], kind + _PLAIN
        fields = _ORDINARY[width]
        for begin, end in zip(starts, ends, strict=True):
            at = begin + header
            if at + 40 <= end:
                top, total, part, protocol, source, target, near, far, sequence, offset, flags = fields(data, at - width)
                if top == kind and protocol == TCP and not part & 0x3FFF and offset >= 0x50:
                    inner, stop = at + 20 + (offset >> 4) * 4, at + total
                    if inner <= stop <= end:
                        found.append((source << 16 | near, target << 16 | far, TCP, inner, stop, stop - inner, sequence, flags))
                        continue
            found.append(self.row(data, begin, end, links, first + len(found)))
        return found

    def row(self, data: bytes, begin: int, end: int, link: int, number: int) -> Row:
        """The row of one frame; of one that cannot be read (which was told) a row of no conversation."""
        if link == ETHERNET:
            if end - begin < 14:
                return self.internet.wrong(number, "ethernet", f"a frame of {end - begin} bytes; a header has 14", data, begin, end)
            return self._typed(data, begin + 12, end, data[begin + 6 : begin + 12], data[begin : begin + 6], number)
        if link in BARE:
            return self.internet.packet(data, begin, end, number)
        if link in LOOPBACK:
            return self._loopback(data, begin, end, number)
        if link in (COOKED, COOKED2):
            return self._cooked(data, begin, end, link, number)
        if link in PPP:
            return self._point(data, begin, end, number)
        self.undissected[link] = self.undissected.get(link, 0) + 1
        return NO_ROW

    def _typed(self, data: bytes, at: int, end: int, near: bytes, far: bytes, number: int) -> Row:
        """What the Ethernet type at `at` says, behind VLAN tags; a number up to 1500 is the length of an LLC frame."""
        while at + 2 <= end:
            kind = data[at] << 8 | data[at + 1]
            at += 2
            if kind in TAGS:
                at += 2
            elif kind <= 1500:
                return self._logical(data, at, min(end, at + kind), near, far, number)
            else:
                return self._carried(data, kind, at, end, near, far, number)
        return self.internet.wrong(number, "ethernet", "the frame ends within its tags", data, at, end)

    def _logical(self, data: bytes, at: int, end: int, near: bytes, far: bytes, number: int) -> Row:
        """IEEE 802.2; behind a SNAP header stands an Ethernet type again."""
        if at + 3 > end:
            return self.internet.wrong(number, "llc", f"{end - at} bytes of a header of 3", data, at, end)
        if data[at] == 0xAA and data[at + 3 : at + 6] == b"\0\0\0" and at + 8 <= end:
            return self._carried(data, data[at + 6] << 8 | data[at + 7], at + 8, end, near, far, number)
        return self._plain(LLC | data[at], at, end, near, far)

    def _carried(self, data: bytes, kind: int, at: int, end: int, near: bytes, far: bytes, number: int) -> Row:
        if kind == V4:
            return self.internet.version4(data, at, end, number, 0)
        if kind == V6:
            return self.internet.version6(data, at, end, number, 0)
        if kind == _PPPOE:
            return self._point(data, at + 6, end, number)
        return self._plain(ETHER | kind, at, end, near, far)

    def _plain(self, kind: int, at: int, end: int, near: bytes, far: bytes) -> Row:
        """The row of what carries no IP: it is between hardware addresses."""
        return (self.addresses.number(near) << 16, self.addresses.number(far) << 16, kind, at, end, end - at, 0, 0)

    def _loopback(self, data: bytes, begin: int, end: int, number: int) -> Row:
        """The address family in the byte order of the machine that captured, or of the network."""
        family = data[begin : min(end, begin + 4)]
        found = _FAMILIES.get(int.from_bytes(family, "little")) or _FAMILIES.get(int.from_bytes(family, "big"))
        if found and len(family) == 4:
            return self._carried(data, found, begin + 4, end, NOBODY, NOBODY, number)
        return self.internet.wrong(number, "loopback", f"address family {family.hex()}, neither IPv4 nor IPv6", data, begin, end)

    def _cooked(self, data: bytes, begin: int, end: int, link: int, number: int) -> Row:
        """Linux cooked capture, version 1 and 2: only the sender's hardware address is in it."""
        header, place, length, address = (16, 14, 5, 6) if link == COOKED else (20, 0, 11, 12)
        if end - begin < header:
            return self.internet.wrong(number, "cooked", f"{end - begin} bytes of a header of {header}", data, begin, end)
        size = min(8, data[begin + length])
        near = data[begin + address : begin + address + size].ljust(6, b"\0")
        kind = data[begin + place] << 8 | data[begin + place + 1]
        if kind in TAGS:
            return self._typed(data, begin + header + 2, end, near, NOBODY, number)
        if kind <= 1500:
            return self._logical(data, begin + header, end, near, NOBODY, number)
        return self._carried(data, kind, begin + header, end, near, NOBODY, number)

    def _point(self, data: bytes, begin: int, end: int, number: int) -> Row:
        """PPP, with or without address and control bytes (RFC 1661, 1662)."""
        if data[begin : begin + 2] == b"\xff\x03" and begin + 2 <= end:
            begin += 2
        kind = data[begin] if begin < end else 0
        width = 1 if kind & 1 else 2  # the first byte of a protocol number is even; a compressed one has a single byte
        if begin + width > end:
            return self.internet.wrong(number, "ppp", f"{end - begin} bytes", data, begin, end)
        kind = int.from_bytes(data[begin : begin + width], "big")
        found = _PPP_TYPES.get(kind)
        if found:
            return self._carried(data, found, begin + width, end, NOBODY, NOBODY, number)
        return self._plain(ETHER | kind, begin + width, end, NOBODY, NOBODY)
