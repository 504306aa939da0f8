"""A capture from its bytes to messages and flows: headers, conversations, streams and the dissectors that read them. Pure.

Called by `connectors.capture` and the benchmarks. Works window by window, so that memory is bounded by the window and by what the
conversations hold.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from operator import itemgetter, or_
from typing import Final, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from interferon.dissect import dissectors as shipped
from interferon.dissect.capture import windows
from interferon.dissect.flows import ACCEPTED, IDLE, OPENED, UNSEEN, Flow, Flows, Sides, sides
from interferon.dissect.headers import Table, table
from interferon.dissect.internet import ACK, PORTED, SYN, TCP, UDP, Addresses
from interferon.dissect.link import ETHERNET, Frames, name
from interferon.dissect.message import Dissector, Plain
from interferon.dissect.streams import FAR, HALF, Datagrams, Stream
from interferon.dissect.window import Few, Ints, Problem, Window

SHIPPED: Final = shipped.SHIPPED
TRIES: Final = 4  # payloads of a conversation on an unknown port that are shown to the dissectors
PROBLEMS: Final = 16  # of one conversation and window that are told one by one
STREAMED: Final = (TCP, UDP)
FEW: Final = 256  # packets of a window that are faster read one by one
HOLD: Final = 1 << 26  # bytes that all conversations together may hold
SERVICES: Final = (  # ports above 1023 on which servers listen, beside those of the dissectors
    1025, 1089, 1090, 1091, 1433, 1521, 1883, 1911, 1962, 2049, 2222, 2404, 2455, 3306, 3389, 3478, 4000, 4712, 4840, 4843, 4911, 5007,
    5050, 5060, 5094, 5353, 5355, 5432, 5671, 5672, 5683, 5684, 5900, 5985, 5986, 6379, 8000, 8008, 8080, 8086, 8443, 8883, 9092, 9200,
    9600, 10001, 18245, 18246, 19999, 20000, 20547, 22222, 34962, 34963, 34964, 34980, 38000, 44818, 47808, 48898, 55000, 55003, 62541,
)  # fmt: skip
Way: TypeAlias = tuple[Flow, int, list[int], set[int]]  # a conversation, to its server (0) or client (1), and its packets' sizes and flags
Bools: TypeAlias = NDArray[np.bool_]
_packet: Final = itemgetter(0)
FLOW: Final = "flow"  # role of a row that is a conversation


class Reading(NamedTuple):
    """What one window gave: rows in the order of their packets, and what could not be read."""

    rows: list[Plain]  # messages of dissectors, and conversations that are over, whose role is `flow`
    unread: list[Plain]  # problems of dissectors
    flows: dict[int, Flow]  # those that the rows name
    times: Ints | list[int]  # µs, of the packets from `first` on
    first: int
    problems: list[Problem]
    addresses: Addresses  # of the flows' ends: `addresses.text(end >> 16)`


def readings(chunks: Iterable[bytes], dissectors: Sequence[Dissector] = SHIPPED) -> Iterator[Reading]:
    """The capture whose bytes come in chunks. Without dissectors only conversations are told."""
    capture = _Capture(dissectors)
    waiting: Window | Few | None = None
    for found in windows(chunks):
        if isinstance(found, Problem):
            capture.problems.append(found)
            continue
        if waiting is not None:
            yield capture.reading(waiting, last=False)
        waiting = found
    if waiting is not None:
        yield capture.reading(waiting, last=True)
    elif capture.problems:
        yield Reading([], [], {}, np.zeros(0, np.int64), 0, capture.problems, capture.frames.addresses)


class _Capture:
    """The state of one capture."""

    def __init__(self, dissectors: Sequence[Dissector]) -> None:
        self.frames = Frames()
        self.flows = Flows(_KNOWN)
        self.problems: list[Problem] = []
        self._dissectors = dissectors
        self._by_port = _ports(tuple(dissectors))
        self._waiting: dict[Stream | Datagrams, Flow] = {}

    def reading(self, window: Window | Few, last: bool) -> Reading:
        """Reads the next window; with `last` all conversations are over at its end."""
        rows: list[Plain] = []
        if len(window.starts) < FEW:
            flows = self._few(window if isinstance(window, Few) else window.few(), rows)
        else:
            flows = self._many(window if isinstance(window, Window) else window.window(), rows)
        packet = window.first + len(window.starts) - 1
        now = int(window.times[-1])
        self._settle(packet, now, rows, flows)
        over = self.flows.over(now, last)
        for flow in over:
            self._end(flow, max(flow.packet, window.first), packet, rows)
            flows[flow.number] = flow
        rows.sort(key=_packet)
        unread = [row for row in rows if row[4] == "problem"]
        if unread:
            rows = [row for row in rows if row[4] != "problem"]
        return Reading(rows, _bounded(unread), flows, window.times, window.first, self._told(packet, last), self.frames.addresses)

    def _few(self, window: Few, rows: list[Plain]) -> dict[int, Flow]:
        """A small window, packet by packet: what `_many` needs to begin with would cost more. Both tell the same."""
        flows: dict[int, Flow] = {}
        syns: dict[tuple[int, int], int] = {}  # by conversation and way: the sequence number behind the SYN of this window
        seen: dict[tuple[int, int, int], Way] = {}  # by sender, receiver and kind
        ways: list[Way] = []
        data, own, dissects, one = window.data, self.frames.internet.own, bool(self._dissectors), self.flows.one
        packets = self.frames.rows(data, window.starts, window.ends, window.links, window.first)
        for packet, ((source, target, kind, begin, end, length, number, flags), size, time) in enumerate(
            zip(packets, window.sizes, window.times, strict=True), window.first
        ):
            if kind < 0:
                continue
            known = seen.get((source, target, kind))
            if known is None or flags & SYN or time - known[0].last > IDLE:
                low, high, way = (source, target, 0) if source <= target else (target, source, 1)
                flow = one(kind, low, high, way, flags, number, time)
                back = seen.get((target, source, kind))
                if back is not None and back[0] is not flow:
                    del seen[target, source, kind]  # it knows the conversation before
                seen[source, target, kind] = known = (flow, 0 if source == flow.client else 1, [], set())
                ways.append(known)
                flows[flow.number] = flow
                if flow.hardware is None:
                    flow.hardware = _hardware(window, packet - window.first, source == flow.client)
                if flags & SYN:
                    flags |= ACCEPTED if flags & ACK else OPENED
                    begun = flow.backward if known[1] else flow.forward
                    syns[flow.number, known[1]] = (number + 1) & 0xFFFFFFFF
                    if begun is not None:
                        begun.enter((number + 1) & 0xFFFFFFFF, 0, False)
            flow, place, counted, marks = known
            counted.append(size)
            marks.add(flags)
            flow.packet, flow.last = packet, time
            if length > 0 and dissects and kind in STREAMED:
                source_bytes = own.get(packet, data) if own else data
                if flow.forward is None and flow.tried < TRIES:
                    self._choose(flow, source_bytes, begin, end)
                    for way, chosen in enumerate((flow.forward, flow.backward) if flow.tried == 1 else ()):
                        if chosen is not None and (flow.number, way) in syns:
                            chosen.enter(syns[flow.number, way], 0, False)
                stream = flow.backward if place else flow.forward
                if stream is not None:
                    if flags & SYN:
                        number = (number + 1) & 0xFFFFFFFF
                    stream.segment(source_bytes, begin, end, length, number, time, packet, rows)
        for flow, place, counted, marks in ways:
            flow.packets[place] += len(counted)
            flow.bytes[place] += sum(counted)
            flow.flags[place] = reduce(or_, marks, flow.flags[place])
        if dissects:
            for flow in flows.values():
                for stream in (flow.forward, flow.backward):
                    if stream is not None and stream.held():
                        self._waiting[stream] = flow
        return flows

    def _many(self, window: Window, rows: list[Plain]) -> dict[int, Flow]:
        """A window in bulk."""
        found = table(window, self.frames)
        grouped = sides(found, window, self.flows)
        if grouped is None:
            return {}
        of, forward = self.flows.of(grouped, found, window)
        for packet, flow, to_server in sorted(zip(grouped.first.tolist(), of, forward, strict=True), key=_packet):
            if flow.hardware is None:
                flow.hardware = _hardware(window, packet, to_server)
        if self._dissectors:
            self._dissect(window, found, grouped, of, forward, rows)
        return {flow.number: flow for flow in of}

    def _dissect(self, window: Window, found: Table, grouped: Sides, of: list[Flow], forward: list[bool], rows: list[Plain]) -> None:
        order = grouped.order
        side = np.repeat(np.arange(len(of)), grouped.packets)
        kind = found.kind[order]
        loaded = (found.length[order] > 0) & ((kind == TCP) | (kind == UDP))
        streams, late = self._streams(window, found, order[loaded], side[loaded], of, forward)
        wanted = np.array([stream is not None for stream in streams])[side]
        if not wanted.any():
            return
        for number, packet in late.items():
            wanted &= (side != number) | (order >= packet)
        loaded &= wanted
        self._enter(found, order, side, wanted, loaded, streams, window.first)
        sides_of = np.full(len(window.starts), -1)  # of the packets in their order, which no sorting is needed for
        sides_of[order[loaded]] = side[loaded]
        packets = np.flatnonzero(sides_of >= 0)
        side = sides_of[packets]
        columns = ((packets + window.first).tolist(), side.tolist(), *(column[packets].tolist() for column in (found.begin, found.end)))
        dissected = cast(list[Stream | Datagrams], streams)  # those that `columns` names
        if all(stream is None or stream.plain for stream in streams):
            _in_order(window.data, columns, dissected, rows)
        else:
            sequence = (found.sequence[packets] + ((found.flags[packets] & SYN) > 0)) & 0xFFFFFFFF
            looked = (found.length[packets].tolist(), sequence.tolist(), window.times[packets].tolist())
            _one_by_one(window.data, self.frames.internet.own, (*columns, *looked), dissected, rows)
        self._waiting.update((stream, flow) for stream, flow in zip(streams, of, strict=True) if stream is not None and stream.held())

    def _streams(
        self, window: Window, found: Table, packets: Ints, side: Ints, of: list[Flow], forward: list[bool]
    ) -> tuple[list[Stream | Datagrams | None], dict[int, int]]:
        """The stream of each side whose conversation is dissected; a new one is decided by its port or first payloads, which `packets` are.
        By side, where some of these were passed over, also the packet from which on it is dissected.
        """
        heads = _heads(side)
        shown: list[tuple[int, int]] = []  # packets that dissectors may have to look at, and their sides
        for number, begin, behind in zip(side[heads].tolist(), heads.tolist(), np.append(heads, len(side))[1:].tolist(), strict=True):
            flow = of[number]
            if flow.forward is None and flow.tried < TRIES:
                count = 1 if self._port(flow) is not None else TRIES
                shown += [(packet, number) for packet in packets[begin : min(begin + count, behind)].tolist()]
        chosen: dict[Flow, int] = {}  # at which packet, where it is not the first one shown
        for packet, number in sorted(shown):
            flow = of[number]
            if flow.forward is None and flow.tried < TRIES:
                data = self.frames.internet.own.get(packet + window.first, window.data)
                self._choose(flow, data, int(found.begin[packet]), int(found.end[packet]))
                if flow.forward is not None and flow.tried > 1:
                    chosen[flow] = packet
        streams = [flow.forward if to_server else flow.backward for flow, to_server in zip(of, forward, strict=True)]
        return streams, {number: chosen[flow] for number, flow in enumerate(of) if flow in chosen} if chosen else {}

    def _port(self, flow: Flow) -> Dissector | None:
        return self._by_port.get((flow.kind, flow.server & 0xFFFF))

    def _choose(self, flow: Flow, data: bytes, begin: int, end: int) -> None:
        chosen = self._port(flow)
        flow.tried += 1
        if chosen is None and begin < end:
            for each in self._dissectors:
                if (each.TCP if flow.kind == TCP else each.UDP) and each.likely(data, begin, end):
                    chosen = each
                    break
        if chosen is not None:
            conversation, kind = chosen.conversation(flow.number), Stream if flow.kind == TCP else Datagrams
            opened = flow.opened if flow.tried == 1 else (UNSEEN, UNSEEN)  # payloads that were passed over are not waited for
            flow.dissector = chosen.NAME
            flow.forward = kind(flow.number, chosen.NAME, conversation, True, opened[0])
            flow.backward = kind(flow.number, chosen.NAME, conversation, False, opened[1])

    def _enter(
        self, found: Table, order: Ints, side: Ints, wanted: Bools, loaded: Bools, streams: list[Stream | Datagrams | None], number: int
    ) -> None:
        """Tells each stream whether all its segments of this window follow each other. Of those that do, what was sent again is no longer
        `loaded`."""
        syn = (found.flags[order] & SYN) > 0
        places = np.flatnonzero(loaded | (syn & wanted))
        packets, side, syn = order[places], side[places], syn[places]
        if not len(packets):
            return
        lengths, tcp = found.length[packets], found.kind[packets] == TCP
        begins = (found.sequence[packets] + syn) & 0xFFFFFFFF
        behind = (begins + lengths) & 0xFFFFFFFF
        heads = _heads(side)
        reached = behind[np.append(heads[1:], len(packets)) - 1]
        broken, again = np.zeros(len(packets), bool), np.zeros(len(packets), bool)
        broken[1:] = (begins[1:] != behind[:-1]) & (side[1:] == side[:-1]) & tcp[1:]
        if broken.any():
            broken, again, reached = _repeated(begins, lengths, heads)
            again &= tcp
        broken |= (found.end[packets] - found.begin[packets] != lengths) & ~again
        alone = (lengths[heads] == 1) & ~syn[heads]
        broken[heads] |= alone
        broken &= tcp
        if self.frames.internet.own:
            broken |= np.isin(packets + number, list(self.frames.internet.own))
        disordered = set(side[broken].tolist()) if broken.any() else ()
        begun = np.where(alone, -1, begins[heads])  # what may be a keep-alive is not where a direction begins
        for each, first, after in zip(side[heads].tolist(), begun.tolist(), reached.tolist(), strict=True):
            stream = streams[each]
            if stream is not None:
                stream.enter(first, after, each not in disordered)
        if again.any():
            plain = np.array([stream is not None and stream.plain for stream in streams])
            loaded[places[again & plain[side]]] = False

    def _settle(self, packet: int, now: int, rows: list[Plain], flows: dict[int, Flow]) -> None:
        """Gives up holes that were waited for long enough, and all of them where too much is held. `flows`: those that rows name, among
        them such as sent nothing in this window.
        """
        if not self._waiting:
            return
        held = sorted((stream for stream in self._waiting if stream.held()), key=lambda stream: (stream.flow, not stream.to_server))
        self._waiting = {stream: self._waiting[stream] for stream in held}
        full = sum(stream.held() for stream in self._waiting) > HOLD
        for stream, flow in self._waiting.items():
            if full or stream.stale(now):
                stream.flush(packet, rows)
                flows[flow.number] = flow

    def _end(self, flow: Flow, packet: int, last: int, rows: list[Plain]) -> None:
        for stream in (flow.forward, flow.backward):
            if stream is not None:
                stream.flush(last, rows)
                self._waiting.pop(stream, None)
        kind = name(flow.kind)
        about = f"{kind}/{flow.server & 0xFFFF}" if flow.kind in PORTED else kind
        state = flow.state() if flow.kind == TCP else ""
        outcome = ("failure" if state in ("rejected", "attempt") else "success") if state else ""
        size = flow.bytes[0] + flow.bytes[1]
        rows.append((packet, flow.number, True, kind, FLOW, "", about, outcome, size, _counts(flow, kind, state)))

    def _told(self, packet: int, last: bool) -> list[Problem]:
        """The problems since the last window; at the end also what was counted."""
        found = self.problems + self.frames.internet.problems
        self.problems, self.frames.internet.problems = [], []
        self.frames.internet.own.clear()
        if last:
            for link, count in sorted(self.frames.undissected.items()):
                found.append(Problem(packet, "capture", f"{count:,} packets of link type {link}, which is not read"))
            if lost := self.frames.internet.fragments.rest():
                found.append(Problem(packet, "ip", f"{lost:,} datagrams of which not all fragments were captured"))
        return found


def _heads(side: Ints) -> Ints:
    """Where in sorted numbers of sides each begins."""
    begins = np.ones(len(side), bool)
    begins[1:] = side[1:] != side[:-1]
    return np.flatnonzero(begins)


def _repeated(begins: Ints, lengths: Ints, heads: Ints) -> tuple[Bools, Bools, Ints]:
    """Which TCP segments are out of order, and which bring nothing that did not come before; the number behind all of each side.

    Numbers are counted from the first of their side, where they wrap nowhere; sides are parted by more than they can reach.
    """
    counts = np.diff(heads, append=len(begins))
    parted = np.repeat(np.arange(len(heads)) << 34, counts)
    places = ((begins - np.repeat(begins[heads], counts) + HALF) & 0xFFFFFFFF) - HALF + parted
    reached = np.maximum.accumulate(places + lengths)
    before = np.concatenate((places[:1], reached[:-1]))
    before[heads] = places[heads]
    old = before - places
    again = (old > 0) & (old >= lengths) & (old <= FAR)
    last = reached[heads + counts - 1] - parted[heads]
    return (old != 0) & ~again, again, (begins[heads] + last) & 0xFFFFFFFF


def _in_order(data: bytes, columns: Sequence[list[int]], streams: list[Stream | Datagrams], rows: list[Plain]) -> None:
    """Dissects payloads that lie in the window and follow each other: number of the packet, of its side, begin and end."""
    for packet, number, begin, end in zip(*columns, strict=True):
        stream = streams[number]
        if stream.rest:  # what `join` does too, without its frame: nearly all payloads come this way
            stream.join(data, begin, end, packet, rows)
        else:
            used = stream.take(data, begin, end, stream.to_server, packet, rows)
            if used < end:
                stream.left(data, used, end, packet, rows)


def _one_by_one(
    data: bytes, own: dict[int, bytes], columns: Sequence[list[int]], streams: list[Stream | Datagrams], rows: list[Plain]
) -> None:
    """The same where some streams look at each segment: also its length on the wire, sequence number and time."""
    for packet, number, begin, end, length, place, time in zip(*columns, strict=True):
        stream = streams[number]
        if not stream.plain:
            stream.segment(own.get(packet, data), begin, end, length, place, time, packet, rows)
        else:
            stream.join(data, begin, end, packet, rows)


@lru_cache(16)
def _ports(dissectors: tuple[Dissector, ...]) -> dict[tuple[int, int], Dissector]:
    """By kind and server port; of two dissectors of a port the first counts."""
    found: dict[tuple[int, int], Dissector] = {}
    for each in dissectors:
        for kind, ports in ((TCP, each.TCP), (UDP, each.UDP)):
            for port in ports:
                found.setdefault((kind, port), each)
    return found


_KNOWN: Final = {kind: frozenset([*SERVICES, *(port for of, port in _ports(SHIPPED) if of == kind)]) for kind in (TCP, UDP)}


def _hardware(window: Window | Few, packet: int, to_server: bool) -> tuple[bytes, bytes]:
    """The hardware addresses of client and server in a frame of Ethernet; of others none."""
    link = window.links if isinstance(window.links, int) else int(window.links[packet])
    at = int(window.starts[packet])
    if link != ETHERNET or int(window.ends[packet]) - at < 14:
        return b"", b""
    target, source = window.data[at : at + 6], window.data[at + 6 : at + 12]
    return (source, target) if to_server else (target, source)


def _counts(flow: Flow, kind: str, state: str) -> dict[str, object]:
    """The attributes of a conversation. Times are seconds and µs UTC, bytes are those of whole frames."""
    packets, sizes = flow.packets, flow.bytes
    found: dict[str, object] = {
        "protocol": kind,
        "packets": packets[0] + packets[1],
        "duration_s": max(0, flow.last - flow.first) / 1e6,
        "packets_to_server": packets[0],
        "packets_to_client": packets[1],
        "bytes_to_server": sizes[0],
        "bytes_to_client": sizes[1],
        "started": flow.first,
    }
    if flow.kind in PORTED:
        found["source_port"] = flow.client & 0xFFFF
        found["target_port"] = flow.server & 0xFFFF
    if state:
        found["state"] = state
    if flow.hardware is not None:
        client, server = flow.hardware
        if any(client):
            found["mac_client"] = client.hex(":")
        if any(server):
            found["mac_server"] = server.hex(":")
    if flow.dissector:
        found["service"] = flow.dissector
    return found


def _bounded(unread: list[Plain]) -> list[Plain]:
    """Of the problems of one conversation the first ones, the others as one row with their number."""
    if len(unread) <= PROBLEMS:
        return unread
    kept: list[Plain] = []
    seen: dict[int, int] = {}
    more: dict[int, Plain] = {}
    for row in unread:
        seen[row[1]] = seen.get(row[1], 0) + 1
        if seen[row[1]] > PROBLEMS:
            more[row[1]] = row
        else:
            kept.append(row)
    for number, row in more.items():
        told = {"problem": f"{seen[number] - PROBLEMS:,} more like this in the conversation", "sample": row[9].get("sample", "")}
        kept.append((*row[:9], told))
    return sorted(kept, key=_packet)
