"""Conversations of a capture: packets of the same two ends, both directions, and which end is the server. Pure.

Called by `dissect.conversations`. A window's packets are sorted into sides (one direction of a conversation) in bulk; from window to
window a conversation is carried on by its ends until it is over or was silent for long.
"""

from collections.abc import Container, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interferon.dissect.headers import Table
from interferon.dissect.internet import ACK, FIN, RST, SYN, TCP
from interferon.dissect.streams import Datagrams, Stream
from interferon.dissect.window import Ints, Window

IDLE: Final = 300_000_000  # µs after which a silent conversation is over
IDLE_TCP: Final = 3_600_000_000  # polling may be slow
LINGER: Final = 10_000_000  # µs that one which was closed is kept for what still comes
MOST: Final = 1 << 17  # conversations at once; above it the longest silent half is ended

OPENED: Final = 0x100  # beside the TCP flags of a side: it sent a SYN without ACK
ACCEPTED: Final = 0x200  # it sent a SYN with ACK
SYSTEM: Final = 1024  # ports below are a server's (RFC 6335, clause 6)
MIX: Final = np.int64(-0x61C8864680B583EB)  # odd, and its bits are spread evenly: 2**64 by the golden ratio
NEVER: Final = -2  # in place of the sequence number of an end's SYN: it has sent nothing
UNSEEN: Final = -1  # it has sent something, but no SYN was captured


class Sides(NamedTuple):
    """The sides of a window, those of one conversation together. Arrays have an item a side, but for the first."""

    order: Ints  # the packets that belong to a conversation, sorted by side and then by packet
    flow: Ints  # number of the conversation in this window; sides of one conversation stand beside each other
    way: Ints  # 0: from the end with the lower number, 1: to it
    kind: Ints
    low: Ints
    high: Ints
    packets: Ints
    bytes: Ints
    flags: Ints  # of all its packets, with OPENED and ACCEPTED
    first: Ints  # index of its first packet in the window, and of its last
    last: Ints


def sides(table: Table, window: Window, flows: "Flows") -> Sides | None:
    """The sides of a window's packets; None where no packet belongs to a conversation. `flows`: those before the window."""
    chosen = np.flatnonzero(table.kind >= 0)
    if not len(chosen):
        return None
    source, target, kind, flags, times, sizes = table.source, table.target, table.kind, table.flags, window.times, window.sizes
    if len(chosen) < len(kind):
        source, target, kind, flags, times, sizes = (column[chosen] for column in (source, target, kind, flags, times, sizes))
    low = np.minimum(source, target)
    high = np.maximum(source, target)
    word = (kind << 33) | (source != low)
    order, changes = _sorted(low, high, word)
    syn = (flags & SYN) > 0
    begun = bool(syn.any())
    late = _late(flags, low, high, kind, order) if begun else np.zeros(len(order), bool)
    if late.any() or times.max() - times.min() > IDLE:
        found = _epochs(low, high, kind, word & 1, flags, table.sequence[chosen], times, order, late, flows)
        if found.any():
            word = word + (found << 1)
            order, changes = _sorted(low, high, word)
    begins = np.flatnonzero(changes)
    heads = order[begins]
    marked = flags | np.where(syn, np.where(flags & ACK, ACCEPTED, OPENED), 0) if begun else flags
    behind = np.append(begins[1:], len(order))
    word, low, high = word[heads], low[heads], high[heads]
    return Sides(
        chosen[order],
        np.cumsum(_changes(low, high, word >> 1)) - 1,
        word & 1,
        kind[heads],
        low,
        high,
        behind - begins,
        np.add.reduceat(sizes[order], begins),
        np.bitwise_or.reduceat(marked[order], begins),
        chosen[heads],
        chosen[order[behind - 1]],
    )


def _sorted(low: Ints, high: Ints, word: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The packets sorted by their ends and direction, and where another group begins.

    By one number that mixes all three, whose lowest bit is the direction. Where it is the same for two conversations, it is done anew.
    """
    mixed = (low * MIX ^ high) * MIX ^ (word >> 1)
    key = (mixed << 1) | (word & 1)
    order = np.argsort(key, kind="stable")
    changes = _changes(low[order], high[order], word[order])
    key = key[order]
    if (changes[1:] & (key[1:] == key[:-1])).any():
        order = np.lexsort((word, high, low))
        changes = _changes(low[order], high[order], word[order])
    return order, changes


def _changes(low: Ints, high: Ints, word: Ints) -> NDArray[np.bool_]:
    """Where in sorted columns another group begins."""
    found = np.ones(len(low), bool)
    found[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1]) | (word[1:] != word[:-1])
    return found


def _late(flags: Ints, low: Ints, high: Ints, kind: Ints, order: Ints) -> NDArray[np.bool_]:
    """Which packets, in `order`, are a SYN behind others of the same ends."""
    changes = _changes(low[order], high[order], kind[order])
    first = np.minimum.reduceat(order, np.flatnonzero(changes))
    found: NDArray[np.bool_] = ((flags & (SYN | ACK)) == SYN)[order] & (order > first[np.cumsum(changes) - 1])
    return found


def _epochs(
    low: Ints, high: Ints, kind: Ints, way: Ints, flags: Ints, sequence: Ints, times: Ints, order: Ints, late: NDArray[np.bool_],
    flows: "Flows",
) -> Ints:  # fmt: skip
    """How many conversations of the same ends came before, for each packet: a new SYN or a long silence begins another.

    Only conversations that were silent so long, or have a SYN behind other packets (`late`, in `order`), are looked at packet by packet.
    """
    found = np.zeros(len(low), np.int64)
    begins = np.flatnonzero(_changes(low[order], high[order], kind[order]))
    sorted_times = times[order]
    span = np.maximum.reduceat(sorted_times, begins) - np.minimum.reduceat(sorted_times, begins)
    opened_late = np.logical_or.reduceat(late, begins)
    doubtful = (span > np.where(kind[order[begins]] == TCP, IDLE_TCP, IDLE)) | opened_late
    ends = np.append(begins[1:], len(order))
    for begin, end, by_syn in zip(begins[doubtful].tolist(), ends[doubtful].tolist(), opened_late[doubtful].tolist(), strict=True):
        packets = np.sort(order[begin:end])
        idle = IDLE_TCP if kind[packets[0]] == TCP else IDLE
        if not by_syn and np.diff(times[packets]).max() <= idle:
            continue
        columns = (packets, times[packets], flags[packets], sequence[packets], way[packets])
        head = (column[packets[0]] for column in (kind, low, high, way, flags, sequence, times))
        epoch, before, opened = 0, -1, flows.opened(*map(int, head))
        for packet, time, mark, number, side in zip(*(column.tolist() for column in columns), strict=True):
            syn = mark & (SYN | ACK) == SYN
            if before >= 0 and (time - before > idle or (syn and opened[side] not in (NEVER, number))):
                epoch, opened = epoch + 1, [NEVER, NEVER]
            if opened[side] == NEVER:
                opened[side] = number if mark & SYN else UNSEEN
            before = time
            found[packet] = epoch
    return found


class Flow:
    """One conversation: its ends, what was counted, and the state of its dissection."""

    __slots__ = (
        "backward", "bytes", "client", "dissector", "first", "flags", "forward", "hardware", "kind",
        "last", "number", "opened", "packet", "packets",
        "server", "tried",
    )  # fmt: skip

    def __init__(self, number: int, kind: int, client: int, server: int, first: int) -> None:
        self.number, self.kind, self.client, self.server = number, kind, client, server
        self.first = self.last = first  # µs
        self.packet = 0  # number of its last packet
        self.packets, self.bytes, self.flags = [0, 0], [0, 0], [0, 0]  # to the server, to the client
        self.opened = [NEVER, NEVER]  # sequence numbers of the SYNs, of the client and of the server
        self.forward: Stream | Datagrams | None = None  # to the server
        self.backward: Stream | Datagrams | None = None
        self.dissector = ""  # name of the protocol that it is dissected as
        self.hardware: tuple[bytes, bytes] | None = None  # of client and server on the segment; empty where there is none
        self.tried = 0  # payloads that were shown to dissectors in vain

    def sent(self, place: int, flags: int, number: int) -> None:
        """Remembers the number of the SYN with which one end began."""
        if self.opened[place] == NEVER:
            self.opened[place] = number if flags & SYN else UNSEEN

    def count(self, place: int, packets: int, size: int, flags: int, packet: int, time: int) -> None:
        """Adds what went to the server (`place` 0) or to the client (1)."""
        self.packets[place] += packets
        self.bytes[place] += size
        self.flags[place] |= flags
        if packet >= self.packet:
            self.packet, self.last = packet, time

    def closed(self) -> bool:
        """Whether both ends said that they are done, or one broke off."""
        ours, theirs = self.flags
        return bool((ours | theirs) & RST or (ours & theirs & FIN))

    def state(self) -> str:
        """Of TCP: how far the conversation came."""
        ours, theirs = self.flags
        if not (ours & OPENED or theirs & ACCEPTED):
            return "reset" if (ours | theirs) & RST else "closed" if ours & theirs & FIN else "partial"  # its beginning was not captured
        if theirs & ACCEPTED:
            return "reset" if (ours | theirs) & RST else "closed" if ours & theirs & FIN else "open"
        return "rejected" if theirs & RST else "attempt"


class Flows:
    """The conversations of one capture that are not over."""

    def __init__(self, known: Mapping[int, Container[int]]) -> None:
        """`known`: by kind (TCP, UDP), the ports that are a server's."""
        self._known = known
        self._live: dict[tuple[int, int, int], Flow] = {}
        self._count = 0
        self.ended: list[Flow] = []

    def of(self, found: Sides, table: Table, window: Window) -> tuple[list[Flow], list[bool]]:
        """For each side its conversation, and whether it goes to the server; the counts are added."""
        flow, way, kind, low, high = (column.tolist() for column in found[1:6])
        first, last = found.first.tolist(), found.last.tolist()
        packets, sizes, flags = found.packets.tolist(), found.bytes.tolist(), found.flags.tolist()
        begun, ended = window.times[found.first].tolist(), window.times[found.last].tolist()
        marks, numbers = table.flags[found.first].tolist(), table.sequence[found.first].tolist()
        flows: list[Flow] = [None] * len(flow)  # type: ignore[list-item]
        forward = [True] * len(flow)
        for one, other in _pairs(flow, first):
            for side in (one, other) if one != other else (one,):
                if side == one:
                    now = self.one(kind[side], low[side], high[side], way[side], marks[side], numbers[side], begun[side])
                to_server = (low[side] if way[side] == 0 else high[side]) == now.client
                now.sent(0 if to_server else 1, marks[side], numbers[side])
                flows[side], forward[side] = now, to_server
                now.count(0 if to_server else 1, packets[side], sizes[side], flags[side], window.first + last[side], ended[side])
        return flows, forward

    def one(self, kind: int, low: int, high: int, way: int, flags: int, number: int, time: int) -> Flow:
        """The conversation that a packet belongs to, from its lower (`way` 0) or higher end: one that is not over, or a new one."""
        live = self._live.get((kind, low, high))
        sender = low if way == 0 else high
        if live is not None and _anew(live, sender, flags, number, time):
            self.ended.append(live)
            live = None
        if live is None:
            live = self._opened(kind, low, high, way, flags, time)
        live.sent(0 if sender == live.client else 1, flags, number)
        return live

    def opened(self, kind: int, low: int, high: int, way: int, flags: int, number: int, time: int) -> list[int]:
        """With which SYNs the lower and the higher end began the conversation that a packet belongs to, before that packet."""
        live = self._live.get((kind, low, high))
        if live is None or _anew(live, low if way == 0 else high, flags, number, time):
            return [NEVER, NEVER]
        return live.opened[:] if live.client == low else live.opened[::-1]

    def _opened(self, kind: int, low: int, high: int, way: int, flags: int, time: int) -> Flow:
        """A new conversation. The client is who sent the SYN, or whom one was answered; else who uses the port that is no server's."""
        client = self._by_port(kind, low & 0xFFFF, high & 0xFFFF, way)
        if kind == TCP and flags & SYN:
            client = 1 - way if flags & ACK else way
        flow = Flow(self._count, kind, *((low, high) if client == 0 else (high, low)), time)
        self._count += 1
        self._live[kind, low, high] = flow
        return flow

    def _by_port(self, kind: int, low: int, high: int, sender: int) -> int:
        known = self._known.get(kind, ())
        first, second = low in known or low < SYSTEM, high in known or high < SYSTEM
        if first != second:
            return 1 if first else 0
        return sender if low == high else int(low < high)

    def over(self, now: int, last: bool) -> list[Flow]:
        """The conversations that are over at the time `now`, µs; with `last` all of them."""
        found, self.ended = self.ended, []
        if last:
            found += self._live.values()
            self._live = {}
            return found
        gone = [key for key, flow in self._live.items() if now - flow.last > _patience(flow)]
        if len(self._live) - len(gone) > MOST:
            gone = sorted(self._live, key=lambda key: self._live[key].last)[: len(self._live) - MOST // 2]
        return found + [self._live.pop(key) for key in gone]


def _anew(live: Flow, sender: int, flags: int, number: int, time: int) -> bool:
    """Whether a packet begins another conversation than the one that its ends had."""
    opened = live.opened[0 if sender == live.client else 1]
    begins = live.kind == TCP and (flags & (SYN | ACK)) == SYN and opened not in (NEVER, number)
    return begins or time - live.last > (IDLE_TCP if live.kind == TCP else IDLE)


def _patience(flow: Flow) -> int:
    return (LINGER if flow.closed() else IDLE_TCP) if flow.kind == TCP else IDLE


def _pairs(flow: list[int], first: list[int]) -> list[tuple[int, int]]:
    """The two sides of each conversation, that of its first packet before, or its one side twice; in the order of their first packets."""
    found = []
    side = 0
    while side < len(flow):
        two = side + 1 < len(flow) and flow[side + 1] == flow[side]
        found.append((side, side + two) if not two or first[side] < first[side + 1] else (side + 1, side))
        side += 1 + two
    if len(found) > 1:
        found.sort(key=lambda pair: first[pair[0]])
    return found
