"""Messages of a stream (NATS, Kafka) as events: lines of a format that a file connector reads, or JSON as mappings say.

Called by the live connectors of streams. An event's offset is its message's number in the stream, times the events a message may hold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from interferon import plugins
from interferon.model.events import FAMILIES
from interferon.model.records import DeadLetter
from interferon.sense.live import Item, batched, shown
from interferon.sense.mqtt_payload import Mapping, Reader

Normalise: TypeAlias = Callable[[Iterable[bytes], str, int], Iterator[Item]]
ROWS: Final = 65_536


class Message(NamedTuple):
    number: int  # in the stream or partition
    subject: str
    payload: bytes
    seen: int


def formats() -> dict[str, Normalise]:
    """Every line format by the word that `format` takes."""
    modules = plugins.modules("connectors").values()
    return {each.NAME: each.normalise for each in modules if hasattr(each, "normalise") and _of_lines(each)}


def _of_lines(connector: Any) -> bool:
    return hasattr(connector, "EXAMPLE") and not getattr(connector, "WHOLE", False)


class Events:
    """Reads messages of one feed."""

    def __init__(self, format_: str, maps: Sequence[Mapping], per_message: int, trust: float) -> None:
        """ValueError where `format_` is no format of lines."""
        known = formats() if not maps else {}
        if not maps and format_ not in known:
            raise ValueError(f"format is {format_!r}; it would be one of {', '.join(sorted(known))}")
        self._normalise = known.get(format_)
        self._reader = Reader(tuple(maps), (), {}, {})
        self._per, self._trust = per_message, trust

    def read(self, messages: Sequence[Message], feed: str) -> list[Item]:
        """Batches and dead letters in the order of the messages, whose numbers must rise."""
        if self._normalise is None:
            return _joined(chain_of(self._mapped(message, feed) for message in messages))
        items: list[Item] = []
        for first, lines in self._runs(messages, feed, items):
            for item in self._normalise(lines, feed, first):
                items += self._own(item, feed, first, len(lines))
        return _joined(items)

    def _mapped(self, message: Message, feed: str) -> list[Item]:
        topic = message.subject.replace(".", "/")
        found = list(self._reader.read(topic, message.payload, message.seen))
        first = message.number * self._per
        items, _ = batched(found[: self._per], feed, first, seen=message.seen, trust=self._trust)
        return [*items, *self._beyond(message, feed, len(found))]

    def _runs(self, messages: Sequence[Message], feed: str, items: list[Item]) -> Iterator[tuple[int, list[bytes]]]:
        """Lines with consecutive offsets, as many together as there are: (offset of the first, lines)."""
        first, lines = 0, list[bytes]()
        for message in messages:
            own = message.payload.rstrip(b"\r\n").split(b"\n")
            begin = message.number * self._per
            if lines and begin != first + len(lines):
                yield first, lines
                lines = []
            first = first if lines else begin
            lines += own[: self._per]
            if len(own) > self._per:
                yield first, lines
                lines = []
                items += self._beyond(message, feed, len(own))
        if lines:
            yield first, lines

    def _beyond(self, message: Message, feed: str, events: int) -> list[Item]:
        if events <= self._per:
            return []
        reason = f"message {message.number} holds {events} events; events_per_message is {self._per}"
        offset = message.number * self._per + self._per - 1
        return [DeadLetter(feed=feed, offset=offset, time=0, family="", entity="", reason=reason, raw=shown(message.payload))]

    def _own(self, item: Item, feed: str, first: int, count: int) -> list[Item]:
        """Rows under the feed and within the offsets of their messages. One that names others would pass for what came before, or later."""
        if isinstance(item, DeadLetter):
            return [item]
        offsets = item.column("offset").to_numpy()
        good = (offsets >= first) & (offsets < first + count) & pc.equal(item.column("feed"), feed).to_numpy(zero_copy_only=False)
        items: list[Item] = []
        for row in np.flatnonzero(~good).tolist():
            told = str({key: value for key, value in item.slice(row, 1).to_pylist()[0].items() if value is not None})[:2000]
            reason = "the event names a feed or offset; in a stream they are the message's"
            items.append(DeadLetter(feed=feed, offset=first, time=0, family="", entity="", reason=reason, raw=told))
        kept = item if good.all() else item.filter(pa.array(good))
        return [*items, self._trusted(kept)] if kept.num_rows else items

    def _trusted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._trust == 1.0:
            return batch
        place = batch.schema.get_field_index("trust")
        column = pc.multiply(batch.column(place), pa.scalar(self._trust, pa.float32()))
        return batch.set_column(place, batch.schema.field(place), column)


def chain_of(groups: Iterable[list[Item]]) -> list[Item]:
    return [item for group in groups for item in group]


def _joined(items: Iterable[Item]) -> list[Item]:
    """Neighbouring batches of one family as one, since each is a record of the log."""
    joined: list[Item] = []
    waiting: list[pa.RecordBatch] = []
    for item in items:
        if not isinstance(item, DeadLetter):
            if waiting and (waiting[0].schema.metadata != item.schema.metadata or sum(each.num_rows for each in waiting) >= ROWS):
                joined.append(_one(waiting))
                waiting = []
            waiting.append(item)
        else:
            joined.append(item)
    return [*joined, _one(waiting)] if waiting else joined


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    schema = FAMILIES[cast(bytes, (batches[0].schema.metadata or {})[b"family"]).decode()]
    table = pa.Table.from_batches([batch.cast(schema) for batch in batches]).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
