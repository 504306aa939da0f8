"""Reads a topic of Kafka, each partition as a feed of its own: `NAME.p0`, `NAME.p1` …. Called by `runtime.feeds`.

An event's offset is Kafka's; where a topic was deleted and made anew, it counts on from the old one. Where to go on is ours, kept with the
data; the group's offsets are committed after it, for those who watch lag.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from interferon.model.records import DeadLetter
from interferon.sense.live import Item, Lost, Place, Take
from interferon.sense.mqtt_payload import Mapping
from interferon.store.feed_access import Access, password
from interferon.store.feed_lines import Events, Message

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError
    from confluent_kafka import Message as Received

NAME: Final = "kafka"
WAIT_S: Final = 0.5
ANSWER_S: Final = 10.0
PARTITIONS_S: Final = 60.0  # how often new partitions are looked for
T = TypeVar("T")


class Settings(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "kafka"`. `url` lists the brokers, as kafka-1:9092,kafka-2:9092."""

    topic: str
    group: str = ""  # "interferon-NAME" where it is not given
    start: Literal["earliest", "latest"] = "earliest"  # of a partition that was never read
    security: Literal["plaintext", "tls"] = "plaintext"
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"  # where a username is given
    format: str = "ndjson"
    map: tuple[Mapping, ...] = ()
    events_per_message: int = 1
    batch: int = 1000

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        if not self.url or "/" in self.url:
            raise ValueError(f"url is {self.url!r}; it lists the brokers, as kafka-1:9092,kafka-2:9092")
        if not 1 <= self.batch <= 10_000:
            raise ValueError(f"batch is {self.batch}; it would be 1 to 10000")
        if not 1 <= self.events_per_message <= 1 << 20:
            raise ValueError(f"events_per_message is {self.events_per_message}; it would be 1 or more")


async def listen(settings: Settings, feed: str, place: Place, take: Take) -> None:
    """Until the brokers are lost (Lost). `place`: {"partitions": {number: next offset}, "bases": {number: what to add}}."""
    from confluent_kafka import KafkaException  # here, since every connector is imported at each start of the program

    with _consumer(settings, feed) as (consumer, troubles):
        try:
            await _Reader(settings, feed, place, take, consumer, troubles).read()
        except KafkaException as error:
            raise Lost(str(error.args[0])) from None


@contextmanager
def _consumer(settings: Settings, feed: str) -> "Iterator[tuple[Consumer, list[str]]]":
    from confluent_kafka import Consumer, KafkaError

    troubles: list[str] = []

    def troubled(error: "KafkaError") -> None:
        if error.fatal() or error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION):
            troubles.append(error.str())

    options: dict[str, Any] = {
        "bootstrap.servers": settings.url,
        "group.id": settings.group or f"interferon-{feed}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # what was deleted before it was read is told, not passed over
        "log_level": 0,
        "error_cb": troubled,
        **_credentials(settings),
    }
    consumer = Consumer(options)
    try:
        yield consumer, troubles
    finally:
        consumer.close()


def _credentials(settings: Settings) -> dict[str, str]:
    secure = settings.security == "tls"
    given = {"ssl.ca.location": settings.ca_file, "ssl.certificate.location": settings.cert_file, "ssl.key.location": settings.key_file}
    options = {key: value for key, value in given.items() if value and secure}
    if settings.username:
        options |= {"sasl.mechanism": settings.sasl, "sasl.username": settings.username, "sasl.password": password(settings)}
    kind = ("sasl_" if settings.username else "") + ("ssl" if secure else "plaintext")
    return {**options, "security.protocol": kind}


class _Reader:
    """One connection. librdkafka blocks, so its calls run in a thread, one after the other."""

    def __init__(self, settings: Settings, feed: str, place: Place, take: Take, consumer: "Consumer", troubles: list[str]) -> None:
        self._settings, self._feed, self._take, self._consumer, self._troubles = settings, feed, take, consumer, troubles
        self._events = Events(settings.format, settings.map, settings.events_per_message, settings.trust)
        self._next: dict[str, int] = dict(place.get("partitions", {}))
        self._bases: dict[str, int] = dict(place.get("bases", {}))

    def _place(self) -> Place:
        return {"partitions": dict(self._next), "bases": dict(self._bases)}

    async def read(self) -> None:
        await self._assign()
        await self._take([], self._place())
        looked = time.monotonic()
        while True:
            messages = await self._call(self._consumer.consume, self._settings.batch, WAIT_S)
            if self._troubles:
                raise Lost(self._troubles[-1])
            await self._store(messages)
            if time.monotonic() - looked > PARTITIONS_S:
                await self._assign()
                looked = time.monotonic()

    async def _call(self, ask: Callable[..., T], *given: Any) -> T:
        """A call in a thread. It is waited for even when we are told to stop: two threads must not have the consumer at once."""
        asked = asyncio.ensure_future(asyncio.to_thread(ask, *given))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await asyncio.wait([asked])
            raise

    async def _assign(self) -> None:
        """Every partition, each from where it was left; only what is new is begun at `start`."""
        from confluent_kafka import TopicPartition

        topic = self._settings.topic
        about = (await self._call(self._consumer.list_topics, topic, ANSWER_S)).topics[topic]
        if about.error is not None:
            raise Lost(f"topic {topic!r}: {about.error.str()}")
        for number in sorted(about.partitions):
            if str(number) not in self._next:
                low, high = await self._call(self._consumer.get_watermark_offsets, TopicPartition(topic, number), ANSWER_S)
                self._next[str(number)] = low if self._settings.start == "earliest" else high
        self._consumer.assign([TopicPartition(topic, int(number), offset) for number, offset in self._next.items()])

    async def _store(self, messages: "list[Received]") -> None:
        by_partition: dict[int, list[Message]] = {}
        seen = time.time_ns() // 1000
        for message in messages:
            number, offset, error = message.partition(), message.offset(), message.error()
            if error is not None:
                raise await self._gone(number, error)
            if number is not None and offset is not None and offset >= self._next[str(number)]:
                offset += self._bases.get(str(number), 0)
                by_partition.setdefault(number, []).append(Message(offset, self._settings.topic, message.value() or b"", seen))
        if not by_partition:
            return
        items: list[Item] = []
        for number, own in sorted(by_partition.items()):
            items += self._events.read(own, f"{self._feed}.p{number}")
            self._next[str(number)] = own[-1].number + 1 - self._bases.get(str(number), 0)
        await self._take(items, self._place())
        await self._commit(sorted(by_partition))

    async def _gone(self, number: int | None, error: "KafkaError") -> Lost:
        """What to raise. Where a partition no longer has what we come for, that is put on record, and it goes on with what it has."""
        from confluent_kafka import KafkaError, TopicPartition

        if number is None or error.code() not in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            return Lost(f"partition {number}: {error.str()}")
        before = self._next[str(number)]
        low, high = await self._call(self._consumer.get_watermark_offsets, TopicPartition(self._settings.topic, number), ANSWER_S)
        base = self._bases.get(str(number), 0)
        self._next[str(number)] = low
        if before > high:  # another topic of that name
            self._bases[str(number)] = base + before
        reason = f"partition {number} no longer has offset {before}, but {low} to {high - 1}; it goes on with {low}"
        letter = DeadLetter(feed=f"{self._feed}.p{number}", offset=base + before, time=0, family="", entity="", reason=reason)
        await self._take([letter], self._place())
        return Lost(reason)

    async def _commit(self, numbers: list[int]) -> None:
        from confluent_kafka import TopicPartition

        offsets = [TopicPartition(self._settings.topic, number, self._next[str(number)]) for number in numbers]
        await self._call(lambda: self._consumer.commit(offsets=offsets, asynchronous=True))
