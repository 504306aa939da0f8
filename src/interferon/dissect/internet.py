"""One IP packet, read step by step: IPv4 and IPv6 with extension headers, fragments put together, TCP, UDP and the rest. Pure.

Called by `dissect.link` for what `dissect.headers` does not read in bulk. Memory is bounded: of fragments the oldest go first, and are
told. Sources: RFC 791, 815, 8200, 9293, 768.
"""

from struct import Struct
from typing import Final, TypeAlias

from interferon.dissect.window import Problem

Row: TypeAlias = tuple[int, int, int, int, int, int, int, int]  # a row of `headers.Table`
Key: TypeAlias = tuple[int, int, int, int]

TCP: Final = 6
UDP: Final = 17
SCTP: Final = 132
PORTED: Final = (TCP, UDP, SCTP, 33, 136)  # also DCCP and UDP-Lite
SYN: Final = 2
FIN: Final = 1
RST: Final = 4
ACK: Final = 16
NOTHING: Final = -1  # kind of a row that belongs to no conversation
NO_ROW: Final[Row] = (0, 0, NOTHING, 0, 0, 0, 0, 0)

_V4: Final = Struct(">BBHHHBBHII").unpack_from
_V6: Final = Struct(">IHBB16s16s").unpack_from
_TCP: Final = Struct(">HHIIBB").unpack_from
_UDP: Final = Struct(">HHH").unpack_from
_EXTENSIONS: Final = (0, 43, 60, 135, 139, 140)  # IPv6 headers whose second byte is their length in 8 bytes, without the first 8
_FRAGMENT: Final = 44
_AUTHENTICATION: Final = 51
_NESTED: Final = {4: 4, 41: 6}  # IP in IP
_DEPTH: Final = 4  # of IP in IP
NAMED: Final = 1 << 32  # addresses from here on are not IPv4 but places in a list
LONGEST: Final = 65_535  # bytes of a datagram
MOST_PIECES: Final = 512  # of one datagram; 118 are enough for the smallest links


class Addresses:
    """A number for each address: of IPv4 the address itself; others, IPv6 and hardware, as they come."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._names: list[bytes] = []
        self._texts: dict[int, str] = {}

    def number(self, address: bytes) -> int:
        """Of an IPv6 (16 bytes) or hardware address (6 or up to 8 bytes)."""
        found = self._numbers.get(address)
        if found is None:
            found = self._numbers[address] = NAMED + len(self._names)
            self._names.append(address)
        return found

    def text(self, number: int) -> str:
        """As people write it: `10.0.0.5`, `fe80::1`, `00:0c:29:ab:cd:ef`."""
        found = self._texts.get(number)
        if found is None:
            found = self._texts[number] = _written(number, self._names[number - NAMED] if number >= NAMED else b"")
        return found


def _written(number: int, name: bytes) -> str:
    if number < NAMED:
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if len(name) == 16:
        return _shortened([int.from_bytes(name[at : at + 2], "big") for at in range(0, 16, 2)])
    return name.hex(":")


def _shortened(groups: list[int]) -> str:
    """RFC 5952: the longest run of zero groups, of at least two, is `::`."""
    best = begin = length = 0
    for at in range(9):
        if at < 8 and groups[at] == 0:
            length += 1
            continue
        if length > best:
            best, begin = length, at - length
        length = 0
    words = [f"{group:x}" for group in groups]
    if best < 2:
        return ":".join(words)
    return f"{':'.join(words[:begin])}::{':'.join(words[begin + best :])}"


class Fragments:
    """Datagrams of which not all pieces have come: at most `limit` of them and `room` bytes."""

    def __init__(self, limit: int = 1024, room: int = 1 << 22) -> None:
        self._limit, self._room = limit, room
        self._held = 0
        self._pieces: dict[Key, dict[int, bytes]] = {}
        self._sizes: dict[Key, int] = {}
        self._whole: dict[Key, int] = {}  # length of the datagram, where its last piece has come
        self.lost = 0  # datagrams that were given up

    def take(self, key: Key, offset: int, more: bool, piece: bytes) -> bytes | None:
        """The datagram, once this piece makes it whole. Of overlapping pieces the first counts."""
        pieces = self._pieces.setdefault(key, {})
        if offset + len(piece) > LONGEST or not piece:
            return None
        if offset not in pieces and len(pieces) < MOST_PIECES:
            pieces[offset] = piece
            self._held += len(piece)
            self._sizes[key] = self._sizes.get(key, 0) + len(piece)
        if not more:
            self._whole.setdefault(key, offset + len(piece))
        length = self._whole.get(key, LONGEST + 1)
        whole = self._joined(pieces, length) if self._sizes.get(key, 0) >= length else None
        if whole is not None:
            self._drop(key)
        while self._held > self._room or len(self._pieces) > self._limit:
            self.lost += 1
            self._drop(next(iter(self._pieces)))
        return whole

    def _joined(self, pieces: dict[int, bytes], length: int) -> bytes | None:
        found = b""
        for offset in sorted(pieces):
            if offset > len(found):
                return None
            found += pieces[offset][len(found) - offset :]
        return found[:length] if len(found) >= length else None

    def _drop(self, key: Key) -> None:
        self._pieces.pop(key, None)
        self._held -= self._sizes.pop(key, 0)
        self._whole.pop(key, None)

    def rest(self) -> int:
        """How many datagrams were never whole; they are forgotten."""
        found = self.lost + len(self._pieces)
        self._pieces, self._sizes, self._whole, self._held, self.lost = {}, {}, {}, 0, 0
        return found


class Internet:
    """Reads IP packets of one capture."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self.fragments = Fragments()
        self.own: dict[int, bytes] = {}  # payloads that lie in no window: of datagrams that came in fragments, by packet
        self.problems: list[Problem] = []

    def wrong(self, packet: int, protocol: str, reason: str, data: bytes, begin: int, end: int) -> Row:
        """One line about a packet that cannot be read; the row that it has."""
        self.problems.append(Problem(packet, protocol, reason, data[begin : min(end, begin + 64)]))
        return NO_ROW

    def packet(self, data: bytes, begin: int, end: int, number: int, depth: int = 0) -> Row:
        """The row of the IP packet in data[begin:end], whatever its version."""
        version = data[begin] >> 4 if begin < end else 0
        if version == 4:
            return self.version4(data, begin, end, number, depth)
        if version == 6:
            return self.version6(data, begin, end, number, depth)
        return self.wrong(number, "ip", f"IP version {version}" if begin < end else "an IP packet without a byte", data, begin, end)

    def version4(self, data: bytes, begin: int, end: int, number: int, depth: int) -> Row:
        if end - begin < 20:
            return self.wrong(number, "ipv4", f"{end - begin} bytes of a header of 20", data, begin, end)
        first, _, total, mark, part, _, protocol, _, source, target = _V4(data, begin)
        header = (first & 15) * 4
        if header < 20 or begin + header > end or (total and total < header):
            return self.wrong(number, "ipv4", f"header of {header} bytes in a packet of {total}, {end - begin} captured", data, begin, end)
        wire = begin + (total or end - begin)  # 0 where the network card cut the packet up after the capture
        if part & 0x3FFF:
            key = (source, target, protocol, mark)
            piece = data[begin + header : min(end, wire)]
            whole = self.fragments.take(key, (part & 0x1FFF) * 8, bool(part & 0x2000), piece)
            return self._whole(whole, protocol, source, target, number, depth)
        return self._transport(data, begin + header, min(end, wire), wire, protocol, source, target, number, depth)

    def version6(self, data: bytes, begin: int, end: int, number: int, depth: int) -> Row:
        if end - begin < 40:
            return self.wrong(number, "ipv6", f"{end - begin} bytes of a header of 40", data, begin, end)
        _, length, protocol, _, sender, receiver = _V6(data, begin)
        source, target = self.addresses.number(sender), self.addresses.number(receiver)
        at = begin + 40
        wire = at + length if length else end  # 0 in a jumbogram
        stop = min(end, wire)
        while True:
            if protocol == _FRAGMENT and at + 8 <= stop:
                part = int.from_bytes(data[at + 2 : at + 4], "big")
                protocol = data[at]
                if part & 0xFFF9:
                    key = (source, target, protocol, int.from_bytes(data[at + 4 : at + 8], "big"))
                    whole = self.fragments.take(key, part & 0xFFF8, bool(part & 1), data[at + 8 : stop])
                    return self._whole(whole, protocol, source, target, number, depth)
                at += 8
            elif protocol in _EXTENSIONS and at + 2 <= stop:
                protocol, at = data[at], at + 8 + data[at + 1] * 8
            elif protocol == _AUTHENTICATION and at + 2 <= stop:
                protocol, at = data[at], at + 8 + data[at + 1] * 4
            else:
                break
        if at > stop:
            return self.wrong(number, "ipv6", "the extension headers go beyond the packet", data, begin, end)
        return self._transport(data, at, stop, wire, protocol, source, target, number, depth)

    def _whole(self, whole: bytes | None, protocol: int, source: int, target: int, number: int, depth: int) -> Row:
        """A datagram that came in pieces lies in bytes of its own; a piece that completes none is a row without a conversation."""
        if whole is None:
            return NO_ROW
        row = self._transport(whole, 0, len(whole), len(whole), protocol, source, target, number, depth)
        self.own.setdefault(number, whole)
        return row

    def _transport(
        self, data: bytes, at: int, end: int, wire: int, protocol: int, source: int, target: int, number: int, depth: int
    ) -> Row:
        """The row of what IP carries: data[at:end] is what was captured of it, `wire` where it ended on the wire."""
        if protocol in _NESTED and depth < _DEPTH:
            return self.packet(data, at, end, number, depth + 1)
        source, target = source << 16, target << 16
        if protocol == TCP and end - at >= 20:
            near, far, sequence, _, offset, flags = _TCP(data, at)
            begin = at + (offset >> 4) * 4
            if offset < 0x50 or begin > wire:
                self.wrong(number, "tcp", f"a header of {begin - at} bytes in {wire - at}", data, at, end)
                return (source | near, target | far, TCP, at, at, 0, sequence, 0)
            return (source | near, target | far, TCP, min(begin, end), end, wire - begin, sequence, flags)
        if protocol == UDP and end - at >= 8:
            near, far, length = _UDP(data, at)
            wire = min(wire, at + length) if length >= 8 else wire  # 0 in a jumbogram
            return (source | near, target | far, UDP, at + 8, max(at + 8, min(end, wire)), max(0, wire - at - 8), 0, 0)
        if protocol in PORTED:
            if end - at < 4:
                self.wrong(number, "ip", f"{end - at} bytes of a header of protocol {protocol}", data, at, end)
                return (source, target, protocol, at, end, wire - at, 0, 0)
            near, far = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
            return (source | near, target | far, protocol, at, at, 0, 0, 0)
        return (source, target, protocol, at, end, wire - at, 0, 0)
