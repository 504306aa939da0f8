"""One direction of a conversation: TCP segments put in order, and datagrams. Pure.

Called by `dissect.conversations`. What comes in order is dissected where it lies; only what waits for more bytes is copied. What was not
captured is waited for within bounds of bytes, segments and time, and then told to the dissector as a gap. Source: RFC 9293.
"""

from typing import Final, TypeAlias

from interferon.dissect.message import Conversation, Plain

WAIT: Final = 1 << 20  # bytes that wait for a hole to be filled
SEGMENTS: Final = 256
PATIENCE: Final = 30_000_000  # µs
LONGEST: Final = 1 << 20  # bytes that a dissector may leave for more to come
FAR: Final = 1 << 26  # bytes; what is further back than any window is no retransmission: numbers have jumped
KEPT_ALIVE: Final = b"\0"  # all of a first segment whose beginning was not captured: sent again, a byte back (RFC 9293, 3.8.4)
HALF: Final = 1 << 31  # of the sequence numbers: what is further ahead is behind

Held: TypeAlias = dict[int, tuple[bytes, int]]  # by sequence number: the bytes, and how many of the segment were not captured


class Stream:
    """The segments of one direction of a TCP connection; `plain` while all of a window are in order, and no number is looked at."""

    __slots__ = ("_held", "_since", "_size", "conversation", "flow", "next", "plain", "protocol", "rest", "take", "to_server")

    def __init__(self, flow: int, protocol: str, conversation: Conversation, to_server: bool, opened: int) -> None:
        """`opened`: sequence number of this direction's SYN, or below 0 where none was captured."""
        self.flow, self.protocol, self.conversation, self.to_server = flow, protocol, conversation, to_server
        self.take = conversation.take
        self.next = opened + 1 & 0xFFFFFFFF if opened >= 0 else -1  # sequence number of the byte that comes next; -1 where not known
        self.plain = False
        self.rest = b""  # bytes in order that the dissector left for more to come
        self._held: Held = {}
        self._size = 0
        self._since = 0

    def enter(self, first: int, behind: int, ordered: bool) -> None:
        """A window begins: the sequence number of its first segment here (-1 where it may be a keep-alive), that behind its last, and
        whether all follow each other."""
        if self.next < 0:
            self.next = first
        self.plain = ordered and self.next == first and not self._held
        if self.plain:
            self.next = behind

    def join(self, data: bytes, begin: int, end: int, packet: int, out: list[Plain]) -> None:
        """Bytes that come next, behind those that were left."""
        if not self.rest:
            used = self.take(data, begin, end, self.to_server, packet, out)
            if used < end:
                self.left(data, used, end, packet, out)
            return
        joined = self.rest + data[begin:end]
        self.rest = b""
        used = self.take(joined, 0, len(joined), self.to_server, packet, out)
        if used < len(joined):
            self.left(joined, used, len(joined), packet, out)

    def left(self, data: bytes, begin: int, end: int, packet: int, out: list[Plain]) -> None:
        """The dissector waits for more behind data[begin:end]."""
        if end - begin <= LONGEST:
            self.rest = data[begin:end]
            return
        self._tell(f"a message of more than {LONGEST:,} bytes", data[begin : begin + 64], packet, out)
        self.conversation.gap(self.to_server)

    def segment(self, data: bytes, begin: int, end: int, length: int, number: int, time: int, packet: int, out: list[Plain]) -> None:
        """A segment with the sequence number `number`; `length` bytes on the wire, of which data[begin:end] was captured."""
        if self.next < 0:
            if length == 1 and data[begin:end] == KEPT_ALIVE:
                self.next = (number + 1) & 0xFFFFFFFF
                return
            self.next = number
        if number == self.next and end - begin == length and not self.rest and not self._held:
            self.next = (number + length) & 0xFFFFFFFF
            used = self.take(data, begin, end, self.to_server, packet, out)
            if used < end:
                self.left(data, used, end, packet, out)
            return
        ahead = (number - self.next) & 0xFFFFFFFF
        if ahead >= HALF:  # it, or its beginning, came before
            old = (1 << 32) - ahead
            if old > FAR:
                self.next, old = number, 0
                self._gap("the sequence numbers jumped", packet, out)
            if old >= length:
                return
            begin, length, ahead = min(end, begin + old), length - old, 0
        if ahead:
            self._hold(data[begin:end], length, (self.next + ahead) & 0xFFFFFFFF, time, packet, out)
            return
        self._follow(data, begin, end, length, packet, out)
        if self._held:
            self._release(packet, out)

    def _follow(self, data: bytes, begin: int, end: int, length: int, packet: int, out: list[Plain]) -> None:
        self.next = (self.next + length) & 0xFFFFFFFF
        if begin < end:
            self.join(data, begin, end, packet, out)
        if end - begin < length:
            self._gap(f"{length - (end - begin):,} bytes of a segment were not captured", packet, out)

    def _gap(self, reason: str, packet: int, out: list[Plain]) -> None:
        if self.rest:
            self._tell(f"{reason}; a message was begun before", self.rest[:64], packet, out)
            self.rest = b""
        self.conversation.gap(self.to_server)

    def _tell(self, reason: str, sample: bytes, packet: int, out: list[Plain]) -> None:
        told = {"problem": reason, "sample": sample.hex()}
        out.append((packet, self.flow, self.to_server, self.protocol, "problem", "", "", "", len(sample), told))

    def _hold(self, piece: bytes, length: int, number: int, time: int, packet: int, out: list[Plain]) -> None:
        """A segment from beyond a hole. Of two with one number the longer stays."""
        if not self._held:
            self._since = time
        before = self._held.get(number)
        if before is None or len(before[0]) < len(piece):
            self._size += len(piece) - (len(before[0]) if before else 0)
            self._held[number] = (piece, length - len(piece))
        while self._held and (self._size > WAIT or len(self._held) > SEGMENTS or time - self._since > PATIENCE):
            self._skip(packet, out)
            self._since = time

    def _skip(self, packet: int, out: list[Plain]) -> None:
        """The hole is given up: reading goes on at the first segment behind it."""
        number = min(self._held, key=lambda each: (each - self.next) & 0xFFFFFFFF)
        hole = (number - self.next) & 0xFFFFFFFF
        self.next = number
        self._gap(f"{hole:,} bytes before it were not captured", packet, out)
        self._release(packet, out)

    def _release(self, packet: int, out: list[Plain]) -> None:
        """All that waited and now comes next."""
        for number in sorted(self._held, key=lambda each: (each - self.next + HALF) & 0xFFFFFFFF):
            ahead = (number - self.next) & 0xFFFFFFFF
            if 0 < ahead < HALF:
                return
            piece, missing = self._held.pop(number)
            self._size -= len(piece)
            old = ((1 << 32) - ahead) & 0xFFFFFFFF
            length = len(piece) + missing
            if old < length:
                self._follow(piece, min(len(piece), old), len(piece), length - old, packet, out)

    def held(self) -> int:
        """Bytes that wait, for a hole to be filled or for the rest of a message."""
        return self._size + len(self.rest)

    def stale(self, time: int) -> bool:
        """Whether a hole has been waited for long enough."""
        return bool(self._held) and time - self._since > PATIENCE

    def flush(self, packet: int, out: list[Plain]) -> None:
        """Nothing more comes: every hole is given up, and what is left is told."""
        while self._held:
            self._skip(packet, out)
        if self.rest:
            self._gap("the conversation ends", packet, out)


class Datagrams:
    """The datagrams of one direction between two UDP ports."""

    __slots__ = ("flow", "plain", "protocol", "rest", "take", "to_server")

    def __init__(self, flow: int, protocol: str, conversation: Conversation, to_server: bool, opened: int) -> None:
        self.flow, self.protocol, self.take, self.to_server = flow, protocol, conversation.take, to_server
        self.plain = True
        self.rest = b""

    def enter(self, first: int, behind: int, ordered: bool) -> None:
        """A window begins; datagrams that came in fragments lie in bytes of their own, which makes it not `ordered`."""
        self.plain = ordered

    def join(self, data: bytes, begin: int, end: int, packet: int, out: list[Plain]) -> None:
        """One datagram."""
        used = self.take(data, begin, end, self.to_server, packet, out)
        if used < end:
            self.left(data, used, end, packet, out)

    def left(self, data: bytes, begin: int, end: int, packet: int, out: list[Plain]) -> None:
        """What of a datagram is left over does not come again."""
        told = {
            "problem": f"the datagram ends within a message: {end - begin} bytes are left",
            "sample": data[begin : min(end, begin + 64)].hex(),
        }
        out.append((packet, self.flow, self.to_server, self.protocol, "problem", "", "", "", end - begin, told))

    def segment(self, data: bytes, begin: int, end: int, length: int, number: int, time: int, packet: int, out: list[Plain]) -> None:
        """One datagram of a window in which not all lie in the window's bytes."""
        self.join(data, begin, end, packet, out)

    def held(self) -> int:
        """Nothing."""
        return 0

    def stale(self, time: int) -> bool:
        """Never: a datagram waits for none."""
        return False

    def flush(self, packet: int, out: list[Plain]) -> None:
        """Nothing is held."""
