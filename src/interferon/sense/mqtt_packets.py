"""MQTT packets of a client that only listens: it connects, subscribes, acknowledges and pings. There is no way to publish here.

Source: OASIS MQTT 5.0 and 3.1.1; section numbers are of 5.0. Called by the MQTT connector. Pure: bytes in, bytes out.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

CONNACK, PUBLISH, PUBREL, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 3, 6, 9, 11, 13, 14
PUBACK, PUBREC, PUBCOMP = 0x40, 0x50, 0x70  # first bytes of what we send
PINGREQ: Final = b"\xc0\x00"
BYE: Final = b"\xe0\x00"
LONGEST: Final = 4  # bytes of a remaining length
REASONS: Final = {  # of CONNACK, 3.1.1 below 0x80
    1: "protocol version not accepted; set protocol = 5",
    2: "client id not accepted",
    3: "server unavailable",
    4: "user name or password wrong",
    5: "not authorised",
    0x84: "protocol version not accepted; set protocol = 4",
    0x85: "client id not accepted",
    0x86: "user name or password wrong",
    0x87: "not authorised",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8C: "authentication method not accepted",
    0x8E: "another client took over the session; each needs its own client_id",
    0x97: "quota exceeded",
    0x9F: "connection rate exceeded",
}


class Packet(NamedTuple):
    """`whole` is its length on the wire; `body` is shorter where the packet was longer than allowed."""

    kind: int
    flags: int
    body: bytes
    whole: int

    @property
    def cut(self) -> bool:
        return len(self.body) < self.whole


class Published(NamedTuple):
    """A message. `packet` is 0 with QoS 0."""

    topic: str
    payload: bytes
    qos: int
    dup: bool
    retain: bool
    packet: int
    whole: int  # bytes of the packet; more than we have where it was longer than allowed
    cut: bool


class Splitter:
    """Cuts a byte stream into packets. Of one longer than `limit` bytes only the first `limit` are kept; the rest passes by."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, bytearray()
        self._skip, self._long = 0, Packet(0, 0, b"", 0)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are complete now. ValueError where the stream is not MQTT."""
        self._held += data
        while True:
            if self._skip:
                passed = min(self._skip, len(self._held))
                del self._held[:passed]
                self._skip -= passed
                if self._skip:
                    return
                yield self._long
            head = _head(self._held)
            if head is None:
                return
            length, begin = head
            kept = min(length, self._limit)
            if len(self._held) < begin + kept:
                return
            first, body = self._held[0], bytes(self._held[begin : begin + kept])
            del self._held[: begin + kept]
            packet = Packet(first >> 4, first & 15, body, length)
            if kept < length:
                self._skip, self._long = length - kept, packet
            else:
                yield packet


def _head(data: bytearray) -> tuple[int, int] | None:
    """Remaining length, and where the body begins; None where more bytes are needed (2.1.4)."""
    length = 0
    for place in range(1, LONGEST + 1):
        if place >= len(data):
            return None
        length |= (data[place] & 0x7F) << (7 * (place - 1))
        if data[place] < 0x80:
            return length, place + 1
    raise ValueError("the stream is not MQTT: a packet's length has more than four bytes")


def connect(client: str, *, v5: bool, keepalive: int, expiry: int, window: int, username: str = "", password: str = "") -> bytes:
    """CONNECT that goes on with the session (3.1). The broker keeps it `expiry` seconds, and sends `window` messages ahead at most."""
    flags = (0x80 if username else 0) | (0x40 if password else 0)
    body = _text("MQTT") + bytes([5 if v5 else 4, flags]) + keepalive.to_bytes(2, "big")
    if v5:
        properties = b"\x11" + expiry.to_bytes(4, "big") + b"\x21" + window.to_bytes(2, "big")
        body += _length(len(properties)) + properties
    body += _text(client) + (_text(username) if username else b"") + (_text(password) if password else b"")
    return b"\x10" + _length(len(body)) + body


def connack(body: bytes) -> tuple[bool, int]:
    """Whether the broker has our session, and its answer: 0 is yes (3.2)."""
    if len(body) < 2:
        raise ValueError("CONNACK is cut off")
    return bool(body[0] & 1), body[1]


def subscribe(packet: int, topics: list[str], qos: int, *, v5: bool) -> bytes:
    """SUBSCRIBE (3.8). With version 5 retained messages come only for a subscription that is new."""
    options = bytes([qos | (0x10 if v5 else 0)])
    body = packet.to_bytes(2, "big") + (b"\0" if v5 else b"") + b"".join(_text(topic) + options for topic in topics)
    return b"\x82" + _length(len(body)) + body


def unsubscribe(packet: int, topics: list[str], *, v5: bool) -> bytes:
    body = packet.to_bytes(2, "big") + (b"\0" if v5 else b"") + b"".join(map(_text, topics))
    return b"\xa2" + _length(len(body)) + body


def codes(body: bytes, *, v5: bool) -> list[int]:
    """The answers of a SUBACK, one a topic; from 0x80 on it was refused (3.9)."""
    place = 2 + (_properties(body, 2) if v5 else 0)
    return list(body[place:])


def acknowledge(kind: int, packet: int) -> bytes:
    """PUBACK, PUBREC or PUBCOMP with reason 0, which both versions write alike."""
    return bytes([kind, 2]) + packet.to_bytes(2, "big")


def number(body: bytes) -> int:
    """The packet id at the beginning of a PUBREL."""
    if len(body) < 2:
        raise ValueError("a packet id is cut off")
    return int.from_bytes(body[:2], "big")


def published(packet: Packet, *, v5: bool) -> Published:
    """A PUBLISH (3.3). ValueError where it is none."""
    qos, body = packet.flags >> 1 & 3, packet.body
    size = int.from_bytes(body[:2], "big")
    if qos == 3 or len(body) < 2 + size + (2 if qos else 0):
        raise ValueError("the stream is not MQTT: a PUBLISH without its topic or with QoS 3")
    topic, place = body[2 : 2 + size].decode(errors="replace"), 2 + size
    given = 0
    if qos:
        given, place = int.from_bytes(body[place : place + 2], "big"), place + 2
    if v5 and not (packet.cut and place >= len(body)):
        place += _properties(body, place)
    dup, retain = bool(packet.flags & 8), bool(packet.flags & 1)
    return Published(topic, body[place:], qos, dup, retain, given, packet.whole, packet.cut)


def _properties(body: bytes, place: int) -> int:
    """Bytes of the properties at a place, their length included (2.2.2)."""
    head = _head(bytearray(1) + bytearray(body[place : place + LONGEST]))
    if head is None:
        raise ValueError("properties are cut off")
    return head[0] + head[1] - 1


def _length(value: int) -> bytes:
    found = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        found.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(found)


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw
