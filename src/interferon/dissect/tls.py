"""TLS and SSL over TCP: the hellos, certificates and alerts that pass in clear; what is encrypted is counted. Pure.

Driven by `dissect.conversations`. Handshake messages are put together across records. Sources: RFC 8446 and 5246, RFC 6101 (SSL 3.0).
"""

from typing import Any, Final

from interferon.dissect.message import Plain
from interferon.dissect.tls_certificate import certificates
from interferon.dissect.tls_hello import client_hello, server_hello, ssl2_hello
from interferon.dissect.tls_names import ALERTS, LEVELS

NAME: Final = "tls"
TCP: Final = (443, 465, 563, 636, 802, 853, 989, 990, 992, 993, 994, 995, 3269, 4843, 5061, 5671, 5986, 6514, 8443, 8883)
UDP: Final = ()

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION, HEARTBEAT = range(20, 25)
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
HEAD: Final = 5  # octets of a record's header
LONGEST: Final = (1 << 14) + 2048  # octets of a record (RFC 5246, clause 6.2.3)
HELD: Final = 1 << 18  # octets of a handshake message that is put together
SHAKES: Final = frozenset((0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 67))  # types of handshake messages


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether a record with the beginning of a hello stands at `start`."""
    if end - start < HEAD + 6 or data[start] != HANDSHAKE or not _record(data, start):
        return False
    size, length = data[start + 3] << 8 | data[start + 4], int.from_bytes(data[start + 6 : start + 9])
    hello = data[start + 5] in (CLIENT_HELLO, SERVER_HELLO) and data[start + 9] == 3 and data[start + 10] <= 4
    return hello and size >= 4 and 38 <= length <= HELD and (length + 4 >= size or data[start + 5] == SERVER_HELLO)


def conversation(flow: int) -> "Tls":
    return Tls(flow)


def _record(data: bytes, at: int) -> bool:
    """Whether a record's header stands here: a known type, version 3.x, and a length that one may have."""
    return (
        CHANGE_CIPHER <= data[at] <= HEARTBEAT and data[at + 1] == 3 and data[at + 2] <= 4 and data[at + 3] << 8 | data[at + 4] <= LONGEST
    )


class _Side:
    """One direction: what of it is under way."""

    __slots__ = ("begun", "left", "lost", "octets", "records", "sealed", "skipped")

    def __init__(self) -> None:
        self.begun = bytearray()  # of a handshake message
        self.left = 0  # octets of a record that is only counted
        self.skipped = 0  # octets of a handshake message that is not put together
        self.lost = False  # where a record begins is not known
        self.sealed = False
        self.records = self.octets = 0  # that were encrypted


class Tls:
    """One connection."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self._sides = (_Side(), _Side())
        self.server = ""  # as the client named it
        self.version = ""  # that the server chose

    def gap(self, to_server: bool) -> None:
        """The next bytes may be the middle of a record, which begins no message."""
        side = self._sides[to_server]
        side.lost, side.begun, side.left, side.skipped = True, bytearray(), 0, 0

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        side, at = self._sides[to_server], start
        while at < end:
            if side.left:
                came = min(side.left, end - at)
                side.left -= came
                at += came
                continue
            if end - at < HEAD:
                if _begins(data, at, end):
                    return at
                return self._wrong("no record begins here", data, at, end, to_server, packet, out)
            if not _record(data, at):
                if not side.lost and (behind := self._ssl2(data, at, end, to_server, packet, out)) >= 0:
                    if behind == at:
                        return at
                    at = behind
                    continue
                return self._wrong("no record begins here", data, at, end, to_server, packet, out)
            kind, size = data[at], data[at + 3] << 8 | data[at + 4]
            if kind in (APPLICATION, HEARTBEAT):
                self._count(side, size)
                at += HEAD
                continue
            if at + HEAD + size > end:
                return at
            side.lost = False
            self._read(kind, data, at + HEAD, at + HEAD + size, to_server, packet, out)
            at += HEAD + size
        return at

    def _count(self, side: _Side, size: int) -> None:
        side.left, side.lost = size, False
        side.records += 1
        side.octets += size

    def _read(self, kind: int, data: bytes, begin: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        """A whole record of the handshake, an alert, or the change to encryption."""
        side = self._sides[to_server]
        if kind == CHANGE_CIPHER:
            side.sealed, side.begun = True, bytearray()
        elif kind == ALERT:
            self._alert(data, begin, end, to_server, packet, out)
        elif side.sealed and not (self.version in ("", "TLSv1.3") and _hello(data, begin, end)):
            side.records += 1
            side.octets += end - begin
        else:
            self._handshake(data, begin, end, to_server, packet, out)

    def _handshake(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        """All handshake messages that end in data[at:end]; the beginning of the next one is kept."""
        side = self._sides[to_server]
        passed = min(side.skipped, end - at)
        side.skipped -= passed
        raw, side.begun = side.begun, bytearray()
        raw += data[at + passed : end]
        at = 0
        while len(raw) - at >= 4:
            kind, size = raw[at], int.from_bytes(raw[at + 1 : at + 4])
            if kind not in SHAKES:
                self._tell_wrong(f"no handshake message has the type {kind}", bytes(raw[at:]), to_server, packet, out)
                return
            if size > HELD:
                self._tell_wrong(f"a handshake message of {size:,} octets", bytes(raw[at:]), to_server, packet, out)
                side.skipped = max(0, at + 4 + size - len(raw))
                return
            if at + 4 + size > len(raw):
                break
            self._message(kind, bytes(raw[at + 4 : at + 4 + size]), to_server, packet, out)
            at += 4 + size
        del raw[:at]
        side.begun = raw

    def _message(self, kind: int, body: bytes, to_server: bool, packet: int, out: list[Plain]) -> None:
        """Tells a hello or a certificate; the other messages of a handshake tell nothing."""
        try:
            if kind == CLIENT_HELLO:
                fields = client_hello(body)
                self.server = fields.get("server_name", "")
                code, about = "client_hello", self.server
            elif kind == SERVER_HELLO:
                fields = server_hello(body)
                self.version = fields["version"]
                code, about = "server_hello", self.server
            elif kind == CERTIFICATE:
                chain = certificates(body)
                fields = {**(chain[0] if chain else {}), "chain": chain[1:]}
                code, about = "certificate", fields.get("subject_cn") or fields.get("subject", "")
            else:
                return
        except ValueError as error:
            self._tell_wrong(f"a malformed handshake message of type {kind}: {error}", body, to_server, packet, out)
            return
        out.append((packet, self._flow, to_server, NAME, "message", code, about, "", 4 + len(body), fields))

    def _alert(self, data: bytes, begin: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        """An alert in clear, or that there is one, with what was encrypted before it."""
        side = self._sides[to_server]
        if end - begin == 2 and data[begin] in LEVELS and (not side.sealed or self.version == "TLSv1.3"):
            level, number = LEVELS[data[begin]], data[begin + 1]
            about = ALERTS.get(number) or str(number)
            told: dict[str, Any] = {"level": level, "description": about, "number": number}
            outcome = "failure" if level == "fatal" else ""
        else:
            about, outcome, told = "", "", {"encrypted": True}
        if side.records:
            told |= {"encrypted_records": side.records, "encrypted_octets": side.octets}
        if self.server:
            told["server_name"] = self.server
        out.append((packet, self._flow, to_server, NAME, "message", "alert", about, outcome, HEAD + end - begin, told))

    def _ssl2(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Where a ClientHello in the form of SSL 2.0 ends; `at` where its rest has not come, -1 where none begins."""
        size = (data[at] & 0x7F) << 8 | data[at + 1]
        if self.version or not data[at] & 0x80 or data[at + 2] != CLIENT_HELLO or size < 9 or (data[at + 3], data[at + 4]) not in _OFFERS:
            return -1
        if at + 2 + size > end:
            return at
        try:
            told = ssl2_hello(data[at + 3 : at + 2 + size])
        except ValueError:
            return -1
        out.append((packet, self._flow, to_server, NAME, "message", "client_hello", "", "", 2 + size, told))
        return at + 2 + size

    def _wrong(self, reason: str, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Told once; what follows is passed over until a record begins where bytes come in."""
        side = self._sides[to_server]
        if not side.lost:
            self._tell_wrong(reason, data[at:end], to_server, packet, out)
        side.lost = True
        return end

    def _tell_wrong(self, reason: str, raw: bytes, to_server: bool, packet: int, out: list[Plain]) -> None:
        told = {"problem": reason, "sample": raw[:64].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", len(raw), told))


_OFFERS: Final = frozenset([(0, 2), *((3, minor) for minor in range(4))])


def _begins(data: bytes, at: int, end: int) -> bool:
    """Whether less than a header may be the beginning of one, or of an SSL 2.0 hello."""
    octets = data[at:end]
    if octets[0] & 0x80:
        return len(octets) < 3 or octets[2] == CLIENT_HELLO
    return CHANGE_CIPHER <= octets[0] <= HEARTBEAT and (len(octets) < 2 or octets[1] == 3) and (len(octets) < 3 or octets[2] <= 4)


def _hello(data: bytes, begin: int, end: int) -> bool:
    """Whether a record is one whole hello in clear: TLS 1.3 sends it again behind a change of cipher that means nothing (RFC 8446, D.4)."""
    whole = end - begin > 6 and int.from_bytes(data[begin + 1 : begin + 4]) == end - begin - 4
    return whole and data[begin] in (CLIENT_HELLO, SERVER_HELLO) and data[begin + 4] == 3
