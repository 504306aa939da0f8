"""Reads a stream of NATS JetStream through a durable consumer. Called by `runtime.feeds`.

An event's offset is the stream's sequence number, so that what comes twice is known; where a stream was deleted and made anew, it counts
on from the old one. A message is acknowledged once it is on disk.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from interferon.sense.live import Lost, Place, Take
from interferon.sense.mqtt_payload import Mapping
from interferon.store.feed_access import Access, address, password, tls
from interferon.store.feed_lines import Events, Message

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

NAME: Final = "nats"
PORTS: Final = {"nats": 4222, "tls": 4222}
WAIT_S: Final = 1.0  # for messages, before the connection is looked at
ANSWER_S: Final = 10.0


class Settings(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "nats"`. A stream, and how its messages are written."""

    stream: str
    subject: str = ""  # only these, as plant.>; all where it is not given
    durable: str = ""  # name of the consumer; "interferon-NAME" where it is not given
    format: str = "ndjson"  # a format of lines, as `replay --format` takes it
    map: tuple[Mapping, ...] = ()  # or JSON: topics are subjects with / for the dot
    events_per_message: int = 1  # lines of a message at most
    batch: int = 1000
    ack_wait_s: float = 10.0  # the server sends again what was not acknowledged for this long

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        address(self.url, PORTS)
        if not 1 <= self.batch <= 10_000:
            raise ValueError(f"batch is {self.batch}; it would be 1 to 10000")
        if not 1 <= self.events_per_message <= 1 << 20:
            raise ValueError(f"events_per_message is {self.events_per_message}; it would be 1 or more")
        if not 1 <= self.ack_wait_s <= 3600:
            raise ValueError(f"ack_wait_s is {self.ack_wait_s}; it would be 1 to 3600")


async def listen(settings: Settings, feed: str, place: Place, take: Take) -> None:
    """Until the connection is lost (Lost, OSError). `place`: {"sequence": the last one that was stored, "base": what to add to it}."""
    from nats.errors import Error  # here, since every connector is imported at each start of the program

    try:
        async with _connected(settings) as client:
            await _Reader(settings, feed, place, take, client).read()
    except Error as error:
        raise Lost(str(error) or type(error).__name__) from None


@asynccontextmanager
async def _connected(settings: Settings) -> "AsyncIterator[Client]":
    import nats

    parts, host, port = address(settings.url, PORTS)
    told: list[Exception] = []

    async def troubled(error: Exception) -> None:
        told.append(error)

    secret = password(settings)
    credentials: dict[str, Any] = {"user": settings.username, "password": secret} if settings.username else {"token": secret or None}
    try:
        client = await nats.connect(
            f"{parts.scheme}://{host}:{port}",
            allow_reconnect=False,  # the supervisor does
            connect_timeout=int(ANSWER_S),
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=troubled,
            tls=tls(settings) if parts.scheme == "tls" else None,
            **credentials,
        )
    except nats.errors.NoServersError:
        raise Lost(str(told[-1]) if told else "no server answers") from None
    try:
        yield client
    finally:
        await client.close()


class _Reader:
    """One connection."""

    def __init__(self, settings: Settings, feed: str, place: Place, take: Take, client: "Client") -> None:
        self._settings, self._feed, self._take, self._client = settings, feed, take, client
        self._events = Events(settings.format, settings.map, settings.events_per_message, settings.trust)
        self._last: int = place.get("sequence", 0)
        self._base: int = place.get("base", 0)

    def _place(self) -> Place:
        return {"sequence": self._last, "base": self._base}

    async def read(self) -> None:
        stream = self._client.jetstream(timeout=ANSWER_S)
        if (await stream.stream_info(self._settings.stream)).state.last_seq < self._last:  # another stream of that name
            self._base, self._last = self._base + self._last, 0
        subscription, again = await self._consumer(stream)
        await self._take([], self._place())
        held = await self._again(subscription, again)
        while True:
            await self._store(held)
            held = await self._fetch(subscription)

    async def _consumer(self, stream: "JetStreamContext") -> "tuple[JetStreamContext.PullSubscription, int]":
        """The durable consumer, and how many messages it sent to a connection before and has no acknowledgement of."""
        from nats.js import api
        from nats.js.errors import NotFoundError

        own = self._settings
        durable = own.durable or f"interferon-{self._feed}".replace(".", "-")
        try:
            about = await stream.consumer_info(own.stream, durable)
        except NotFoundError:
            kept = (await stream.stream_info(own.stream)).config.retention
            onward = self._last and kept == api.RetentionPolicy.LIMITS
            about = await stream.add_consumer(
                own.stream,
                api.ConsumerConfig(
                    durable_name=durable,
                    deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE if onward else api.DeliverPolicy.ALL,
                    opt_start_seq=self._last + 1 if onward else None,
                    ack_policy=api.AckPolicy.EXPLICIT,
                    ack_wait=own.ack_wait_s,
                    max_ack_pending=own.batch,
                    filter_subject=own.subject or None,
                ),
            )
        return await stream.pull_subscribe_bind(durable, own.stream), about.num_ack_pending or 0

    async def _again(self, subscription: "JetStreamContext.PullSubscription", count: int) -> "list[Msg]":
        """What the server sends a second time, before all else: offsets rise, so what is stored first must have come first.

        It sends it once `ack_wait_s` is over, and what is new meanwhile.
        """
        held: list[Msg] = []
        until = time.monotonic() + 2 * self._settings.ack_wait_s if count else 0.0
        while sum(each.metadata.num_delivered > 1 for each in held) < count and time.monotonic() < until:
            held += await self._fetch(subscription)
        return held

    async def _fetch(self, subscription: "JetStreamContext.PullSubscription") -> "list[Msg]":
        try:
            return await subscription.fetch(self._settings.batch, WAIT_S)
        except TimeoutError:
            if not self._client.is_connected:
                raise Lost("the server closed the connection") from None
            return []

    async def _store(self, messages: "list[Msg]") -> None:
        """Takes what was not stored, then acknowledges all."""
        if not messages:
            return
        numbered = {each.metadata.sequence.stream: each for each in messages}
        seen = time.time_ns() // 1000
        new = [numbered[number] for number in sorted(numbered) if number > self._last]
        fresh = [Message(self._base + each.metadata.sequence.stream, each.subject, each.data, seen) for each in new]
        if fresh:
            self._last = new[-1].metadata.sequence.stream
            await self._take(self._events.read(fresh, self._feed), self._place())
        for message in messages:
            await message.ack()
        await asyncio.wait_for(self._client.flush(), ANSWER_S)
