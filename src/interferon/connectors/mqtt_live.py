"""Listens to topics of an MQTT broker: Sparkplug B, VDA 5050, and JSON or numbers as mappings say. Called by `runtime.feeds`.

A client of our own, since a message may be acknowledged only once it is on disk: with QoS 2, too, where libraries answer PUBREC before they
hand it over. What waits here is bounded by the socket. It cannot publish (`sense/mqtt_packets.py`).
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec

from interferon.sense import mqtt_packets as mqtt
from interferon.sense.live import Found, Lost, Place, Take, Unread, batched, shown
from interferon.sense.mqtt_packets import Packet, Published
from interferon.sense.mqtt_payload import Mapping, Reader
from interferon.store.feed_access import Access, address, password, tls

NAME: Final = "mqtt"
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
CHUNK: Final = 1 << 18  # bytes read at once, which make one take
ANSWER_S: Final = 10.0


class Settings(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "mqtt"`. Broker, topics, and how to read what comes."""

    topics: tuple[str, ...]
    qos: int = 1
    protocol: int = 5  # or 4: MQTT 3.1.1
    client_id: str = ""  # "interferon-NAME" where it is not given
    keepalive_s: int = 30
    session_expiry_s: int = 604_800  # the broker keeps what came while we were away for this long
    receive_maximum: int = 1000  # messages that the broker may send ahead of our acknowledgement
    max_message_bytes: int = 1 << 20
    vda5050: tuple[str, ...] = ("uagv",)  # names of interfaces, the first part of their topics
    entities: dict[str, str] = msgspec.field(
        default_factory=dict
    )  # `group/node/device` of Sparkplug, `manufacturer/serial` of VDA 5050 → reference
    map: tuple[Mapping, ...] = ()

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        address(self.url, PORTS)
        if not self.topics or not all(self.topics):
            raise ValueError('topics: name at least one, as topics = ["spBv1.0/#"]')
        if self.qos not in (0, 1, 2):
            raise ValueError(f"qos is {self.qos}; it would be 0, 1 or 2")
        if self.protocol not in (4, 5):
            raise ValueError(f"protocol is {self.protocol}; it would be 5, or 4 for MQTT 3.1.1")
        for name, low, high in (("keepalive_s", 2, 65535), ("receive_maximum", 1, 65535), ("max_message_bytes", 1024, 1 << 28)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it would be {low} to {high}")


async def listen(settings: Settings, feed: str, place: Place, take: Take) -> None:
    """Until the connection is lost (Lost, OSError). `place`: next offset, births, and what may come again.

    With QoS 1 and 2 the broker keeps what came meanwhile, and sends again what was not acknowledged. That it was stored already is known by
    its packet id and a hash, which are kept until the broker must have our acknowledgement. QoS 0 has no such promise.
    """
    async with _connected(settings) as (reader, writer):
        session = _Session(settings, feed, place, take, writer)
        await session.open(reader)
        pinging = asyncio.create_task(session.ping())
        try:
            await session.hear(reader)
        finally:
            pinging.cancel()
            with suppress(OSError):
                writer.write(mqtt.BYE)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts, host, port = address(settings.url, PORTS)
    context = tls(settings) if parts.scheme == "mqtts" else None
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=CHUNK)
    try:
        yield reader, writer
    finally:
        writer.close()


class _Session:
    """One connection."""

    def __init__(self, settings: Settings, feed: str, place: Place, take: Take, writer: asyncio.StreamWriter) -> None:
        self._settings, self._feed, self._take, self._writer = settings, feed, take, writer
        self._v5 = settings.protocol == 5
        self._splitter = mqtt.Splitter(settings.max_message_bytes)
        self._packets: Iterator[Packet] = iter(())
        self._next: int = place.get("next", 0)
        self._stored: dict[str, str] = dict(place.get("stored", {}))  # packet id → hash: the broker may not know that we have it
        self._received: dict[str, str] = dict(place.get("received", {}))  # the same of QoS 2: not released yet
        self._topics: list[str] = place.get("topics", [])
        self._reader = Reader(settings.map, settings.vda5050, settings.entities, place.get("births", {}))
        self._pings: deque[list[tuple[str, str]]] = deque()  # for each PINGREQ on its way, the packet ids that it stands behind

    def _place(self) -> Place:
        return {
            "next": self._next,
            "stored": dict(self._stored),
            "received": dict(self._received),
            "topics": self._topics,
            "births": self._reader.state,
        }

    async def open(self, reader: asyncio.StreamReader) -> None:
        """Goes on with the session that the broker has of us, or begins one and subscribes."""
        own = self._settings
        client = own.client_id or f"interferon-{self._feed}"
        shared = {"username": own.username, "password": password(own)}
        keep = {"keepalive": own.keepalive_s, "expiry": own.session_expiry_s, "window": own.receive_maximum}
        self._writer.write(mqtt.connect(client, v5=self._v5, **keep, **shared))  # type: ignore[arg-type]
        async with asyncio.timeout(ANSWER_S):
            present, answer = _checked(mqtt.connack, (await self._answer(reader, mqtt.CONNACK)).body)
            if answer:
                raise Lost(f"the broker answers {answer}: {mqtt.REASONS.get(answer, 'see the reason codes of MQTT')}")
            if not present:  # nothing that it sends now was sent before
                self._stored, self._received = {}, {}
            if not present or self._topics != list(own.topics):
                await self._subscribe(reader, [] if not present else sorted(set(self._topics) - set(own.topics)))
        await self._take([], self._place())

    async def _subscribe(self, reader: asyncio.StreamReader, dropped: list[str]) -> None:
        topics = list(self._settings.topics)
        if dropped:
            self._writer.write(mqtt.unsubscribe(2, dropped, v5=self._v5))
        self._writer.write(mqtt.subscribe(1, topics, self._settings.qos, v5=self._v5))
        granted = mqtt.codes((await self._answer(reader, mqtt.SUBACK)).body, v5=self._v5)
        for topic, code in zip(topics, granted, strict=False):
            if code >= 0x80:
                raise Lost(f"the broker refuses the topic {topic!r} with code {code}")
        self._topics = topics

    async def _answer(self, reader: asyncio.StreamReader, kind: int) -> Packet:
        """The packet waited for. Messages that come before it are put back: a broker may send them at once."""
        early: list[Packet] = []
        while True:
            for packet in self._packets:
                if packet.kind == kind:
                    self._packets = iter([*early, *self._packets])
                    return packet
                early.append(packet)
            self._packets = iter(await self._more(reader))

    async def _more(self, reader: asyncio.StreamReader) -> list[Packet]:
        data = await reader.read(CHUNK)
        if not data:
            raise Lost("the broker closed the connection")
        found: list[Packet] = _checked(lambda: list(self._splitter.feed(data)))
        return found

    async def ping(self) -> None:
        """Keeps the connection while nothing comes, or while a take waits for the disk."""
        while True:
            await asyncio.sleep(self._settings.keepalive_s / 2)
            self._ask([])

    def _ask(self, behind: list[tuple[str, str]]) -> None:
        self._pings.append(behind)
        self._writer.write(mqtt.PINGREQ)

    async def hear(self, reader: asyncio.StreamReader) -> None:
        while True:
            packets = list(self._packets)
            self._packets = iter(())
            if packets:
                await self._handle(packets)
            async with asyncio.timeout(self._settings.keepalive_s * 1.5):
                self._packets = iter(await self._more(reader))

    async def _handle(self, packets: list[Packet]) -> None:
        """One take, then its acknowledgements."""
        seen = time.time_ns() // 1000
        found: list[Found] = []
        answers: list[bytes] = []
        taken: list[tuple[str, str]] = []
        released = False
        for packet in packets:
            if packet.kind == mqtt.PUBLISH:
                message = _checked(lambda packet=packet: mqtt.published(packet, v5=self._v5))
                found += self._message(message, seen, answers, taken)
            elif packet.kind == mqtt.PUBREL:
                given = _checked(mqtt.number, packet.body)
                answers.append(mqtt.acknowledge(mqtt.PUBCOMP, given))
                if (digest := self._received.pop(str(given), None)) is not None:  # a broker that restarts may begin with the message again
                    released = True
                    self._stored[str(given)] = digest
                    taken.append((str(given), digest))
            elif packet.kind == mqtt.PINGRESP and self._pings:
                for key, digest in self._pings.popleft():
                    if self._stored.get(key) == digest:
                        del self._stored[key]
            elif packet.kind == mqtt.DISCONNECT:
                code = packet.body[0] if packet.body else 0
                raise Lost(f"the broker ends the connection with code {code}: {mqtt.REASONS.get(code, 'see the reason codes of MQTT')}")
        if found or taken or released:
            items, self._next = batched(found, self._feed, self._next, seen=seen, trust=self._settings.trust)
            await self._take(items, self._place())
        self._writer.write(b"".join(answers))
        if taken:
            self._ask(taken)  # its answer says that the broker has read the acknowledgements before it
        await self._writer.drain()

    def _message(self, message: Published, seen: int, answers: list[bytes], taken: list[tuple[str, str]]) -> Iterator[Found]:
        """What a message says, unless it was stored already."""
        key, digest = str(message.packet), ""
        if message.qos:
            digest = hashlib.blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=8).hexdigest()
            answers.append(mqtt.acknowledge(mqtt.PUBACK if message.qos == 1 else mqtt.PUBREC, message.packet))
            again = message.dup and digest in (self._stored.get(key), self._received.get(key))
            (self._stored if message.qos == 1 else self._received)[key] = digest
            if message.qos == 1:
                taken.append((key, digest))
            if again:
                return
        if message.cut:
            told = f"topic {message.topic!r}: a message of {message.whole} bytes; max_message_bytes is {self._settings.max_message_bytes}"
            yield Unread(told, shown(message.payload))
        else:
            yield from self._reader.read(message.topic, message.payload, seen)


def _checked(read: Any, *given: Any) -> Any:
    """ValueError of a packet that is none ends the connection."""
    try:
        return read(*given)
    except ValueError as error:
        raise Lost(str(error)) from None
