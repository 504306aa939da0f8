"""MQTT 3.1, 3.1.1 and 5.0 over TCP: all packet types, answers paired with what they answer. Pure; driven by `dissect.conversations`.

Where the CONNECT was not captured the version is told from the packets' form. Sources: OASIS MQTT 5.0 and 3.1.1; MQTT V3.1 (2010).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from interferon.dissect.message import Plain
from interferon.dissect.mqtt_bodies import READERS, Read
from interferon.dissect.mqtt_properties import OF_PUBLISH, PROPERTIES, SAMPLE, properties, shown, variable

NAME: Final = "mqtt"
TCP: Final = (1883,)
UDP: Final = ()

TYPES: Final = (
    "reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe", "unsuback",
    "pingreq", "pingresp", "disconnect", "auth",
)  # fmt: skip
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = range(1, 12)
PINGREQ, PINGRESP, DISCONNECT, AUTH = range(12, 16)
FLAGS: Final = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}  # that a type has by clause 2.1.3; 0 of the others but PUBLISH

WAITING: Final = 1024  # packets without their answer, and topic aliases, that are remembered; of at most `SAMPLE` characters each
BIG: Final = 1 << 16  # octets of a PUBLISH from which its payload is not waited for as a whole
HEADS: Final = 1 << 18  # octets within which its topic and properties end
SHORT: Final = 256  # octets of a topic that is cached
WHOLE: Final = 1 << 20  # octets of any other packet
_NAMES: Final = frozenset(PROPERTIES[each][0] for each in OF_PUBLISH)

Fields: TypeAlias = dict[str, Any]


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether a CONNECT with the name and level of a version begins at `start`."""
    if end - start < 12 or data[start] != CONNECT << 4:
        return False
    length, at = variable(data, start + 1, end)
    if at < 0 or length < 10 or end - at < 7:
        return False
    name = data[at : at + 8]
    return (name[:6] == b"\0\4MQTT" and name[6] & 127 in (4, 5)) or (name == b"\0\6MQIsdp" and end - at > 8 and data[at + 8] & 127 == 3)


def conversation(flow: int) -> "Mqtt":
    return Mqtt(flow)


def _topic(raw: bytes) -> str | None:
    """None where it is no UTF-8, which a topic must be (clause 1.5.4)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


_short_topic: Final = lru_cache(4096)(_topic)


class Mqtt:
    """One connection of a client to a server."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self.version = 0  # 3, 4 (which is 3.1.1) or 5; 0 while unknown
        self.client = ""
        self._sure = [False, False]  # by direction: the last packet was one, so that the next begins where it ended
        self._left = [0, 0]  # octets of a big packet that have not come
        self._begun: list[Plain | None] = [None, None]  # and its row
        self._waiting: dict[int, Any] = {}
        self._aliases: dict[int, str] = {}

    def gap(self, to_server: bool) -> None:
        """What comes next may be the middle of a packet."""
        self._sure[to_server], self._left[to_server], self._begun[to_server] = False, 0, None

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        at = start
        if self._left[to_server]:
            at = self._more(at, end, to_server, packet, out)
        while end - at >= 2:
            head, length, body = data[at], data[at + 1], at + 2
            if length > 127:
                length, body = variable(data, at + 1, end)
                if body < 0:
                    if end - at < 5 and head > 15:
                        return at
                    return self._wrong("no packet begins here", data, at, end, to_server, packet, out)
            stop = body + length
            if head < 16 or not (self._sure[to_server] or self._may_begin(data, body, end, head, stop)):
                return self._wrong("no packet begins here", data, at, end, to_server, packet, out)
            if stop > end:
                return self._cut(data, at, body, stop, end, head, to_server, packet, out)
            if head & 0xF0 == 0x30:
                row = self._publish(data, at, body, stop, stop, head, to_server, packet)
            else:
                row = self._other(data, at, body, stop, head, to_server, packet)
            if row is None:
                if not self._sure[to_server]:
                    return self._wrong("no packet begins here", data, at, end, to_server, packet, out)
                self._wrong(f"a malformed {TYPES[head >> 4]}", data, at, stop, to_server, packet, out)
            else:
                out.append(row)
                self._sure[to_server] = True
            at = stop
        if at < end and not data[at] >> 4:
            return self._wrong("no packet begins here", data, at, end, to_server, packet, out)
        return at

    def _may_begin(self, data: bytes, body: int, end: int, head: int, stop: int) -> bool:
        """Whether a packet begins here, where that is not sure: by its flags, its length and what is there of it."""
        kind, length, there = head >> 4, stop - body, end - body
        if kind == PUBLISH:
            if head & 6 == 6 or length < 2:
                return False
            return there < 2 or 2 + (data[body] << 8 | data[body + 1]) <= length
        if not kind or (kind == AUTH and self.version in (3, 4)) or head & 15 & ~8 != FLAGS.get(kind, 0):
            return False
        if kind in (PINGREQ, PINGRESP):
            return not length
        if kind == CONNECT:
            return there < 4 or data[body : body + 4] in (b"\0\4MQ", b"\0\6MQ")
        return kind in (DISCONNECT, AUTH) or length >= 2

    def _wrong(self, reason: str, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        told = {"problem": reason, "sample": data[at : min(end, at + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - at, told))
        return end

    def _cut(self, data: bytes, at: int, body: int, stop: int, end: int, head: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """A packet whose rest has not come. Of a big PUBLISH the row is made when enough is there; what follows is counted alone."""
        kind, length = head >> 4, stop - body
        row: Plain | None = None
        if kind == PUBLISH and length > BIG:
            if end - body < 4 or end - body < 4 + SAMPLE + (data[body] << 8 | data[body + 1]):
                return at
            row = self._publish(data, at, body, stop, end, head, to_server, packet)
            if row is None and end - body < HEADS:
                return at
        elif length <= WHOLE:
            return at
        if row is None:
            return self._skip(data, at, stop, end, f"a malformed {TYPES[kind]}", to_server, packet, out)
        self._left[to_server], self._begun[to_server] = stop - end, row
        return end

    def _skip(self, data: bytes, at: int, stop: int, end: int, reason: str, to_server: bool, packet: int, out: list[Plain]) -> int:
        self._wrong(reason, data, at, end, to_server, packet, out)
        self._left[to_server], self._begun[to_server] = stop - end, None
        return end

    def _more(self, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Octets of a big packet, which is told with the last of them."""
        came = min(self._left[to_server], end - at)
        self._left[to_server] -= came
        if not self._left[to_server]:
            row = self._begun[to_server]
            if row is not None:
                out.append((packet, *row[1:]))
                self._sure[to_server] = True
            self._begun[to_server] = None
        return at + came

    def _publish(self, data: bytes, at: int, body: int, stop: int, limit: int, head: int, to_server: bool, packet: int) -> "Plain | None":
        """A PUBLISH of data[at:stop], of which what is before `limit` is there. None where it is malformed."""
        if limit - body < 2:
            return None
        begin = body + 2 + (data[body] << 8 | data[body + 1])
        if begin > limit:
            return None
        topic = _short_topic(data[body + 2 : begin]) if begin - body <= SHORT else _topic(data[body + 2 : begin])
        qos = head >> 1 & 3
        if topic is None or qos == 3:
            return None
        fields: Fields = {"qos": qos, "retain": head & 1 > 0, "dup": head & 8 > 0, "topic": topic}
        if qos:
            if limit - begin < 2:
                return None
            fields["message_id"] = number = data[begin] << 8 | data[begin + 1]
            begin += 2
        if self.version == 5 or (not self.version and self._is_five(data, begin, limit)):
            read = properties(data, begin, limit)
            if read is None:
                return None
            begin = read[1]
            if read[0]:
                fields["properties"] = read[0]
                topic = self._alias(read[0].get("topic_alias"), topic, to_server)
                fields["topic"] = topic
        elif not topic:
            return None
        payload, coded = shown(data, begin, limit)
        fields["payload"], fields["length"] = payload, stop - begin
        if coded:
            fields["payload_encoding"] = "hex"
        if qos:
            self.remember(number, to_server, topic[:SAMPLE])
        return packet, self._flow, to_server, NAME, "message", "publish", topic, "", stop - at, fields

    def _is_five(self, data: bytes, begin: int, limit: int) -> bool:
        """Whether version 5's properties stand here: they are valid for a PUBLISH; where there are none, text follows the 0."""
        read = properties(data, begin, limit)
        if read is None or not read[0].keys() <= _NAMES:
            return False
        if read[0]:
            self.version = 5
            return True
        return read[1] < limit and not shown(data, read[1], limit)[1]

    def _alias(self, number: int | None, topic: str, to_server: bool) -> str:
        """The topic that an alias stands for, which it gets from a PUBLISH that has both (clause 3.3.2.3.4)."""
        if number is None:
            return topic
        key = number << 1 | to_server
        if not topic:
            return self._aliases.get(key, "")
        if (key in self._aliases or len(self._aliases) < WAITING) and len(topic) <= SAMPLE:
            self._aliases[key] = topic
        return topic

    def _other(self, data: bytes, at: int, body: int, stop: int, head: int, to_server: bool, packet: int) -> "Plain | None":
        kind = head >> 4
        fields: Fields = {"qos": head >> 1 & 3, "retain": head & 1 > 0, "dup": head & 8 > 0}
        reader: Callable[[Mqtt, bytes, int, int, Fields, bool], Read] | None = READERS.get(TYPES[kind])
        read = reader(self, data, body, stop, fields, to_server) if reader is not None else None
        if read is None:
            return None
        if head & 15 != FLAGS.get(kind, 0) and (self.version != 3 or head & 7 != FLAGS.get(kind, 0)):
            fields["malformed"] = f"flags {head & 15} of the fixed header, not {FLAGS.get(kind, 0)}"
        return packet, self._flow, to_server, NAME, "message", TYPES[kind], read[0], read[1], stop - at, fields

    def remember(self, number: int, to_server: bool, about: Any) -> None:
        """What the packet with this identifier of this sender is about, for its answers."""
        waiting = self._waiting
        if len(waiting) >= WAITING:
            del waiting[next(iter(waiting))]
        waiting[number << 1 | to_server] = about

    def asked(self, number: int, to_server: bool, last: bool) -> Any:
        """What the packet is about that is answered; None where it was not captured. It is forgotten with its `last` answer."""
        return self._waiting.pop(number << 1 | to_server, None) if last else self._waiting.get(number << 1 | to_server)
