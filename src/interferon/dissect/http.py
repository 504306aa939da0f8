"""HTTP/1.x over TCP: requests, and responses with what they answer; bodies are passed over where they lie. Pure.

Driven by `dissect.conversations`. A message is told when its head is complete. What follows CONNECT, an upgrade or the preface of HTTP/2 is
another protocol and not read. Sources: RFC 9112, 9113 (clause 3.4).
"""

import re
from collections import deque
from typing import Any, Final, NamedTuple

from interferon.dissect.http_head import METHODS, Head, begins, head
from interferon.dissect.message import Plain

NAME: Final = "http"
TCP: Final = (80, 591, 631, 3128, 5985, 8000, 8008, 8080, 8081, 8118, 8888)
UDP: Final = ()

_STATUS: Final = b"HTTP/"
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADS: Final = 1 << 16  # octets of a head
LINE: Final = 4096  # octets of the line before a chunk, and of a trailer
WAITING: Final = 256  # requests that are remembered for their responses
START, BODY, SIZE, CHUNK, TRAILERS, OPAQUE, LOST = range(7)  # what comes next; OPAQUE: nothing that is read
_REQUEST: Final = re.compile(rb"(?:" + b"|".join(each.encode() for each in METHODS) + rb") +[^\s\x00-\x1f][^\r\n]{0,8000} HTTP/1\.\d\r?\n")
_RESPONSE: Final = re.compile(rb"HTTP/1\.\d +[1-9]\d\d[ \r\n]")
_BEGUN: Final = re.compile(rb"(?:HTTP/|[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}+(?:\Z| +(?:\Z|[^\s\x00-\x1f\x7f])))")
_CHUNK: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether a request or a response of HTTP/1 begins at `start`, or the preface of HTTP/2."""
    return bool(_strict(data, start, end)) or (end - start >= len(PREFACE) and data.startswith(PREFACE, start))


def conversation(flow: int) -> "Http":
    return Http(flow)


def _strict(data: bytes, start: int, end: int) -> "re.Match[bytes] | None":
    return _RESPONSE.match(data, start, end) or _REQUEST.match(data, start, end)


class Asked(NamedTuple):
    """A request that waits for its response."""

    packet: int
    method: str
    host: str
    uri: str
    about: str


class _Side:
    """One direction: what comes next of it."""

    __slots__ = ("left", "looked", "next", "tunnel")

    def __init__(self) -> None:
        self.next = START
        self.left = 0  # octets of the body or chunk that have not come; -1: all that comes
        self.looked = 0  # octets of a head, chunk line or trailer that hold no end of it
        self.tunnel = False  # another protocol may come next


class Http:
    """One connection."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self._sides = (_Side(), _Side())
        self._waiting: deque[Asked] = deque()

    def gap(self, to_server: bool) -> None:
        """Where a message begins is not known, nor which request a response answers; what is passed over to its end stays so."""
        side = self._sides[to_server]
        if side.next != OPAQUE and not (side.next == BODY and side.left < 0):
            side.next, side.left = LOST, 0
            self._waiting.clear()
        side.looked = 0

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        side, at = self._sides[to_server], start
        if side.next == LOST and _strict(data, start, end):
            side.next = START
        while at < end:
            if side.next in (OPAQUE, LOST):
                return end
            if side.next in (BODY, CHUNK):
                at = self._pass(side, at, end)
                continue
            step = self._start if side.next == START else self._line
            behind = step(data, at, end, to_server, packet, out)
            if behind == at:
                return at
            at = behind
        return at

    def _pass(self, side: _Side, at: int, end: int) -> int:
        """Octets of a body."""
        if side.left < 0:
            return end
        came = min(side.left, end - at)
        side.left -= came
        if not side.left:
            side.next = START if side.next == BODY else SIZE
        return at + came

    def _start(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """The head that begins here; where it ends, or `at` where its rest has not come."""
        side = self._sides[to_server]
        if not side.looked:
            while at < end and data[at] in b"\r\n":  # blank lines before a message (RFC 9112, clause 2.2)
                at += 1
            if at == end:
                return end
            if not _BEGUN.match(data, at, min(end, at + 80)) and not _STATUS.startswith(data[at : min(end, at + 5)]):
                return self._strange(data, at, end, to_server, packet, out)
        stop, behind = _head_end(data, at, end, max(0, side.looked - 3))
        if stop < 0:
            side.looked = end - at
            if end - at <= HEADS and _first(data, at, end):
                return at
            if end - at <= HEADS:
                return self._strange(data, at, end, to_server, packet, out)
            return self._wrong(f"a head of more than {HEADS:,} octets", data, at, end, to_server, packet, out)
        side.looked = 0
        if data.startswith(b"PRI * HTTP/2", at):
            return self._preface(data, at, end, to_server, packet, out)
        try:
            found = head(data[at:stop])
        except ValueError as error:
            return self._strange(data, at, end, to_server, packet, out, str(error))
        self._tell(found, behind - at, to_server, packet, out)
        return behind

    def _tell(self, found: Head, size: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        fields, about = found.fields, found.about
        fields["head_length"] = size
        if not found.method:  # a status of 000 is a response too
            asked = self._answered(found.status)
            if asked is not None:
                about = asked.about
                fields |= {"method": asked.method, "host": asked.host, "uri": asked.uri, "request_packet": asked.packet}
            self._after_response(found, asked, to_server)
            code, outcome = str(found.status), "" if found.status < 200 else "success" if found.status < 400 else "failure"
        else:
            self._waiting.append(Asked(packet, found.method, fields["host"], fields["uri"], about))
            if len(self._waiting) > WAITING:
                self._waiting.popleft()
            self._after_request(found, to_server)
            code, outcome = found.method, ""
        side = self._sides[to_server]
        whole = size + (side.left if side.next == BODY and side.left > 0 else 0)
        out.append((packet, self._flow, to_server, NAME, "message", code, about, outcome, whole, fields))

    def _answered(self, status: int) -> Asked | None:
        """The request that a response answers; one of 1xx leaves it to wait, but for 101, which is the last."""
        if not self._waiting:
            return None
        return self._waiting[0] if status < 200 and status != 101 else self._waiting.popleft()

    def _after_request(self, found: Head, to_server: bool) -> None:
        side = self._sides[to_server]
        side.tunnel = found.method == "CONNECT" or "upgrade" in found.fields
        _body(side, found.length, found.chunked)

    def _after_response(self, found: Head, asked: Asked | None, to_server: bool) -> None:
        """Where the body ends (RFC 9112, clause 6.3)."""
        side, status = self._sides[to_server], found.status
        if status == 101 or (asked and asked.method == "CONNECT" and 200 <= status < 300):
            for each in self._sides:
                each.next = OPAQUE
        elif status < 200 or status in (204, 304) or (asked and asked.method == "HEAD"):
            side.next = START
        elif not found.chunked and (found.coded or found.length < 0):
            side.next, side.left = BODY, -1
        else:
            _body(side, found.length, found.chunked)

    def _line(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """The line before a chunk, or a trailer; where it ends, or `at` where its rest has not come."""
        side = self._sides[to_server]
        stop = data.find(b"\n", at + side.looked, min(end, at + LINE)) + 1
        if not stop:
            side.looked = end - at
            if end - at < LINE:
                return at
            return self._wrong(f"a line of more than {LINE:,} octets in a chunked body", data, at, end, to_server, packet, out)
        side.looked = 0
        blank = not data[at:stop].strip()
        if side.next == TRAILERS:
            side.next = START if blank else TRAILERS
            return stop
        if blank:  # the end of the chunk before
            return stop
        found = _CHUNK.fullmatch(data, at, stop)
        if found is None:
            return self._wrong("no chunk begins here", data, at, end, to_server, packet, out)
        side.left = int(found[1], 16)
        side.next = CHUNK if side.left else TRAILERS
        return stop

    def _preface(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        if end - at < len(PREFACE) and PREFACE.startswith(data[at:end]):
            return at
        if not data.startswith(PREFACE, at, end):
            return self._wrong("no message begins here", data, at, end, to_server, packet, out)
        for side in self._sides:
            side.next = OPAQUE
        out.append((packet, self._flow, to_server, NAME, "message", "http2_preface", "", "", len(PREFACE), {"version": "2.0"}))
        return end

    def _strange(
        self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain], reason: str = "no message begins here"
    ) -> int:
        """What begins no message: another protocol where one was asked for, else a problem."""
        side = self._sides[to_server]
        if side.tunnel:
            side.next = OPAQUE
            return end
        return self._wrong(reason, data, at, end, to_server, packet, out)

    def _wrong(self, reason: str, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Told once; what follows is passed over until a message begins where bytes come in."""
        side = self._sides[to_server]
        side.next, side.left, side.looked = LOST, 0, 0
        self._waiting.clear()
        told: dict[str, Any] = {"problem": reason, "sample": data[at : min(end, at + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - at, told))
        return end


def _body(side: _Side, length: int, chunked: bool) -> None:
    side.left = 0 if chunked else max(0, length)
    side.next = SIZE if chunked else BODY if side.left else START


def _first(data: bytes, at: int, end: int) -> bool:
    """Whether the first line is one of a message, or has not come as a whole."""
    stop = data.find(b"\n", at, min(end, at + LINE))
    return stop < 0 or begins(data[at:stop])


def _head_end(data: bytes, at: int, end: int, looked: int) -> tuple[int, int]:
    """Where the head ends, and where what is behind its blank line begins; below 0 where neither has come."""
    limit = min(end, at + HEADS)
    strict = data.find(b"\n\r\n", at + looked, limit)
    bare = data.find(b"\n\n", at + looked, strict if strict >= 0 else limit)
    if bare >= 0:
        return bare, bare + 2
    return (strict, strict + 3) if strict >= 0 else (-1, -1)
