"""Listens on a network interface (AF_PACKET): what a capture file tells, as it happens. Called by `runtime.feeds`. It never sends.

Linux alone; needs root or CAP_NET_RAW. Nothing is ever written to the socket. Packets that the kernel dropped because we were slow are
counted and told in dead letters: a sensor that loses packets must say so.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from interferon.dissect.events import events
from interferon.model.records import DeadLetter
from interferon.sense.live import Item, Lost, Place, Take
from interferon.store.feed_access import Access

NAME: Final = "interface"
PORTS: Final = {"interface": 0}
ALL: Final = 0x0003  # ETH_P_ALL
HEADER: Final = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)  # of a pcap file of Ethernet frames, µs
RECORD: Final = struct.Struct("<IIII")
FRAME: Final = 65_535  # bytes of the longest frame
CHUNK: Final = 1 << 20  # bytes that are dissected together at most
PAUSE_S: Final = 0.5  # and at least this often
BUFFER: Final = 64 << 20  # bytes that the kernel holds for us
OUTGOING: Final = 4  # PACKET_OUTGOING
LOOPBACK: Final = 772  # ARPHRD_LOOPBACK
MEMBERSHIP: Final = (263, 1)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP of packet(7)
STATISTICS: Final = (263, 6)  # SOL_PACKET, PACKET_STATISTICS
PROMISCUOUS: Final = struct.Struct("iHH8s")  # struct packet_mreq; type 1 is PACKET_MR_PROMISC


class Settings(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[feed]]` with kind = "interface"; `url` is `interface://eth0`."""

    promiscuous: bool = True  # also what is not addressed to this machine, as on a mirror port

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        if not self.device:
            raise ValueError(f"url is {self.url!r}; it would be interface://NAME, as interface://eth0")

    @property
    def device(self) -> str:
        scheme, _, name = self.url.partition("://")
        return name.strip("/") if scheme == NAME else ""


async def listen(settings: Settings, feed: str, place: Place, take: Take) -> None:
    """Reads until the interface is gone, then raises Lost. `place`: {"next": offset}. Packets of an outage do not come again."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    source = _opened(settings)
    reader = _Reader(source, feed, int(place.get("next", 0)), settings.trust)

    async def taken(items: list[Item], following: int) -> None:
        await take(items, {"next": following})

    def run() -> None:
        try:
            for items, following in reader.takings():
                asyncio.run_coroutine_threadsafe(taken(items, following), loop).result()
            why = Lost(f"{settings.device}: stopped")
        except OSError as error:
            why = Lost(f"{settings.device}: {error.strerror or error}")
        if not reader.stopped.is_set():
            loop.call_soon_threadsafe(lambda: None if ended.done() else ended.set_exception(why))

    await take([], dict(place))
    thread = threading.Thread(target=run, name=f"interface {settings.device}", daemon=True)
    thread.start()
    try:
        await ended
    finally:
        reader.stopped.set()
        await asyncio.to_thread(thread.join, 4 * PAUSE_S)
        source.close()


def _opened(settings: Settings) -> socket.socket:
    """A socket that receives what the interface sees. Raises Lost where there is none, or we may not."""
    if not hasattr(socket, "AF_PACKET"):
        raise Lost(f"{settings.device}: only Linux lets us listen on an interface; feed captures in files")
    try:
        source = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    except PermissionError:
        raise Lost(f"{settings.device}: listening needs root or CAP_NET_RAW") from None
    try:
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        source.bind((settings.device, ALL))
        if settings.promiscuous:
            source.setsockopt(*MEMBERSHIP, PROMISCUOUS.pack(socket.if_nametoindex(settings.device), 1, 0, b""))
    except OSError as error:
        source.close()
        raise Lost(f"{settings.device}: {error.strerror or error}") from None
    source.settimeout(PAUSE_S / 4)
    return source


@dataclass
class _Reader:
    """From packets to takings: what to take, and the offset that follows."""

    source: socket.socket
    feed: str
    next: int
    trust: float
    stopped: threading.Event = field(default_factory=threading.Event)

    def takings(self) -> Iterator[tuple[list[Item], int]]:
        for item in events(self._chunks(), self.feed, self.next):
            if isinstance(item, pa.RecordBatch):
                self.next += item.num_rows
                item = self._trusted(item)
            yield [item, *self._lost()], self.next

    def _trusted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.trust >= 1:
            return batch
        place = batch.schema.get_field_index("trust")
        return batch.set_column(place, batch.schema.field(place), pa.array([self.trust] * batch.num_rows, pa.float32()))

    def _chunks(self) -> Iterator[bytes]:
        """A capture file that never ends."""
        yield HEADER
        while not self.stopped.is_set():
            parts, size, until = [], 0, time.monotonic() + PAUSE_S
            while size < CHUNK and time.monotonic() < until and not self.stopped.is_set():
                try:
                    frame, (_, _, direction, hardware, _) = self.source.recvfrom(FRAME)
                except TimeoutError:
                    continue
                if direction == OUTGOING and hardware == LOOPBACK:  # there every packet comes in again
                    continue
                now = time.time_ns() // 1000
                parts += [RECORD.pack(now // 1_000_000, now % 1_000_000, len(frame), len(frame)), frame]
                size += len(frame)
            if parts:
                yield b"".join(parts)

    def _lost(self) -> list[Item]:
        """What the kernel dropped since the last look."""
        _, dropped = struct.unpack("II", self.source.getsockopt(*STATISTICS, 8))
        if not dropped:
            return []
        reason = f"the kernel dropped {dropped:,} packets: more come than can be read"
        return [DeadLetter(feed=self.feed, offset=self.next, time=0, family="", entity="", reason=reason)]
