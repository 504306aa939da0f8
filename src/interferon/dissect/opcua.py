"""OPC UA's binary protocol over TCP: transport, secure channels, services where they are not encrypted. Pure.

Driven by `dissect.conversations`. Answers are paired with their request by the request id of the sequence header. Bodies of signed
messages are read, those of encrypted ones are `secured`. Source: IEC 62541-6 (OPC 10000-6), clauses 6.7 (messages) and 7.1 (transport).
"""

import re
from struct import Struct
from typing import Any, Final, TypeAlias

from interferon.dissect.message import Plain
from interferon.dissect.opcua_exchange import Exchange
from interferon.dissect.opcua_names import FAULT, RESPONSES, SERVICES, status
from interferon.dissect.opcua_types import BROKEN, Cut, extent, string

NAME: Final = "opcua"
TCP: Final = (4840,)
UDP: Final = ()

KINDS: Final = {
    b"HEL": "hello", b"ACK": "acknowledge", b"ERR": "error", b"RHE": "reverse_hello", b"OPN": "open_secure_channel",
    b"CLO": "close_secure_channel", b"MSG": "message",
}  # fmt: skip
CHUNKS: Final = b"FCA"
BEGINNING: Final = re.compile(b"(?:HEL|ACK|ERR|RHE|OPN|CLO|MSG)F")
LONGEST: Final = 1 << 20  # octets of a chunk
WHOLE: Final = 1 << 21  # octets of a message of several chunks, and of all that one side has begun
WAITING: Final = 256  # messages in chunks
NO_POLICY: Final = "http://opcfoundation.org/UA/SecurityPolicy#None"
POLICIES: Final = b"http://opcfoundation.org/UA/SecurityPolicy#"
SIGNATURES: Final = {"Basic128Rsa15": 20, "Basic256": 20}  # octets of a signature; 32 by the other policies

_SIZE: Final = Struct("<I").unpack_from
_HELLO: Final = Struct("<5I").unpack_from
_CHANNEL: Final = Struct("<4I").unpack_from
_SEQUENCE: Final = Struct("<II").unpack_from

Fields: TypeAlias = dict[str, Any]


def _size(data: bytes, at: int) -> int:
    """Octets of the chunk that begins here, of which at least eight are there; 0 where none does."""
    if data[at : at + 3] not in KINDS or data[at + 3] not in CHUNKS:
        return 0
    (size,) = _SIZE(data, at + 4)
    return size if size >= 12 else 0


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether a message of the transport stands here whose length fits what it says."""
    if end - start < 12:
        return False
    kind, size = data[start : start + 3], _size(data, start)
    if kind == b"OPN":
        return 0 < size <= LONGEST and data.find(POLICIES, start + 12, min(end, start + 80)) >= 0
    if size != end - start:
        return False
    if kind == b"HEL":
        return size >= 32 and size == 32 + max(int.from_bytes(data[start + 28 : start + 32], "little", signed=True), 0)
    if kind == b"ACK":
        return size == 28
    return size >= (24 if kind in (b"MSG", b"CLO") else 16)


def conversation(flow: int) -> "OpcUa":
    return OpcUa(flow)


class OpcUa:
    """One connection: its security policy, the requests that wait, messages of which not all chunks have come."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self._policy: str | None = None  # None while unknown
        self._left = [0, 0]  # by direction: octets of a chunk that is passed over
        self._exchange = Exchange()
        self._begun: dict[tuple[bool, int], list[bytes]] = {}
        self._held = [0, 0]

    def gap(self, to_server: bool) -> None:
        self._left[to_server] = self._held[to_server] = 0
        self._begun = {key: chunks for key, chunks in self._begun.items() if key[0] != to_server}

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        at = start
        if self._left[to_server]:
            came = min(self._left[to_server], end - at)
            self._left[to_server] -= came
            at += came
        while end - at >= 8:
            size = _size(data, at)
            if not size:
                at = self._lost(data, at, end, to_server, packet, out)
                continue
            if size > LONGEST:
                self._wrong(f"a chunk of {size:,} octets", data, at, end, to_server, packet, out)
                self._left[to_server] = max(at + size - end, 0)
                return min(at + size, end)
            if end - at < size:
                return at
            self._chunk(data, at, at + size, to_server, packet, out)
            at += size
        if at < end and not any(kind.startswith(data[at : min(end, at + 3)]) for kind in KINDS):
            return self._lost(data, at, end, to_server, packet, out)
        return at

    def _wrong(self, reason: str, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        told = {"problem": reason, "sample": data[at : min(end, at + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - at, told))

    def _lost(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """One problem for what is no chunk, and where the next may begin."""
        found = end
        for match in BEGINNING.finditer(data, at + 1, end):
            if end - match.start() < 8 or _size(data, match.start()):
                found = match.start()
                break
        self._wrong("no message begins here", data, at, found, to_server, packet, out)
        return found

    def _chunk(self, data: bytes, at: int, stop: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        kind = data[at : at + 3]
        try:
            if kind == b"MSG" or kind == b"CLO":
                self._symmetric(data, at, stop, kind, to_server, packet, out)
            elif kind == b"OPN":
                self._asymmetric(data, at, stop, to_server, packet, out)
            else:
                self._transport(data[at:stop], kind, to_server, packet, out)
        except BROKEN:
            self._wrong(f"a malformed {KINDS[kind]}", data, at, stop, to_server, packet, out)

    def _transport(self, data: bytes, kind: bytes, to_server: bool, packet: int, out: list[Plain]) -> None:
        """HEL, ACK, ERR and RHE (clause 7.1.2)."""
        fields: Fields = {}
        thing = outcome = ""
        if kind == b"ERR":
            (code,) = _SIZE(data, 8)
            fields["status"], fields["status_code"] = status(code), code
            fields["reason"], _ = string(data, 12)
            outcome = "failure"
        elif kind == b"RHE":
            fields["server_uri"], at = string(data, 8)
            fields["url"], _ = string(data, at)
            thing = fields["url"]
        else:
            version, receive, send, longest, chunks = _HELLO(data, 8)
            fields |= {"version": version, "receive_buffer": receive, "send_buffer": send, "max_message": longest, "max_chunks": chunks}
            if kind == b"HEL":
                fields["url"], _ = string(data, 28)
                thing = fields["url"]
            else:
                outcome = "success"
        out.append((packet, self._flow, to_server, NAME, "message", KINDS[kind], thing, outcome, len(data), fields))

    def _asymmetric(self, data: bytes, at: int, stop: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        """OPN: the policy and certificates stand before what may be encrypted (clause 6.7.2.3)."""
        chunk = data[at:stop]
        (channel,) = _SIZE(chunk, 8)
        policy, place = string(chunk, 12)
        begin, behind = extent(chunk, place)
        _, place = extent(chunk, behind)
        self._policy = policy
        fields: Fields = {"channel": channel, "policy": policy, "certificate": behind > begin}
        if policy == NO_POLICY:
            sequence, number = _SEQUENCE(chunk, place)
            fields["sequence"], fields["request_id"] = sequence, number
            self._whole(chunk[place + 8 :], stop - at, number, fields, to_server, packet, out)
        else:
            fields["secured"] = True
            outcome = "" if to_server else "success"
            out.append((packet, self._flow, to_server, NAME, "message", "open_secure_channel", policy, outcome, stop - at, fields))

    def _symmetric(self, data: bytes, at: int, stop: int, kind: bytes, to_server: bool, packet: int, out: list[Plain]) -> None:
        """MSG and CLO: channel, token, sequence number, request id, and a message or a piece of one."""
        if stop - at < 24:
            raise Cut(f"{stop - at} octets, not at least 24")
        channel, token, sequence, number = _CHANNEL(data, at + 8)
        fields: Fields = {"channel": channel, "token": token}
        key = (to_server, number)
        if self._policy != NO_POLICY and key not in self._begun and not _readable(data, at + 24, stop):
            fields["secured"] = True
            code = KINDS[kind]
            out.append((packet, self._flow, to_server, NAME, "message", code, f"channel:{channel}", "", stop - at, fields))
            return
        fields["sequence"], fields["request_id"] = sequence, number
        if self._policy not in (None, NO_POLICY):
            fields["signed"] = True
            stop_body = stop - SIGNATURES.get(str(self._policy).rpartition("#")[2], 32)
        else:
            stop_body = stop
        piece = data[at + 24 : stop_body]
        if data[at + 3] == 65:  # A: the sender gives the message up
            self._drop(key)
            fields["status"] = status(int.from_bytes(piece[:4], "little"))
            fields["reason"], _ = string(piece, 4)
            thing = self._exchange.thing(number)
            out.append((packet, self._flow, to_server, NAME, "message", "abort", thing, "failure", stop - at, fields))
        elif data[at + 3] == 67:
            self._keep(key, piece, data, at, stop, packet, out)
        else:
            chunks = self._drop(key)
            if chunks:
                fields["chunks"] = len(chunks) + 1
                piece = b"".join([*chunks, piece])
            size = stop - at + sum(len(each) + 24 + stop - stop_body for each in chunks)
            self._whole(piece, size, number, fields, to_server, packet, out)

    def _keep(self, key: tuple[bool, int], piece: bytes, data: bytes, at: int, stop: int, packet: int, out: list[Plain]) -> None:
        """A chunk that is not the last of its message."""
        chunks = self._begun.get(key)
        if self._held[key[0]] + len(piece) > WHOLE or (chunks is None and len(self._begun) >= WAITING):
            self._drop(key)
            self._wrong(f"a message in chunks of more than {WHOLE:,} octets", data, at, stop, key[0], packet, out)
            return
        self._begun.setdefault(key, []).append(piece)
        self._held[key[0]] += len(piece)

    def _drop(self, key: tuple[bool, int]) -> list[bytes]:
        chunks = self._begun.pop(key, [])
        self._held[key[0]] -= sum(map(len, chunks))
        return chunks

    def _whole(self, body: bytes, size: int, number: int, fields: Fields, to_server: bool, packet: int, out: list[Plain]) -> None:
        """A message of a service."""
        role, code, thing, outcome = self._exchange.message(body, number, fields)
        out.append((packet, self._flow, to_server, NAME, role, code, thing, outcome, size, fields))


def _readable(data: bytes, at: int, stop: int) -> bool:
    """Whether a body begins with the encoding id of a known service, and hence is not encrypted."""
    if stop - at < 4 or data[at] != 1 or data[at + 1]:
        return False
    kind = data[at + 2] | data[at + 3] << 8
    return kind in SERVICES or kind in RESPONSES or kind == FAULT
