"""DNS over UDP and TCP, multicast DNS and LLMNR: questions, answers of all sections, EDNS; a response paired with its query by id. Pure.

Driven by `dissect.conversations`. Sources: RFC 1035, 2136, 6891, 7766 (TCP), 6762 (mDNS), 4795 (LLMNR); records are in `dns_records`.
"""

import re
from struct import Struct
from typing import Any, Final, NamedTuple

from interferon.dissect.dns_records import OPT, SHARED, Fields, Names, class_name, name, record, type_name
from interferon.dissect.message import Plain

NAME: Final = "dns"
TCP: Final = (53,)
UDP: Final = (53, 5353, 5355)

OPCODES: Final = {0: "query", 1: "iquery", 2: "status", 4: "notify", 5: "update", 6: "stateful"}
STATEFUL: Final = 6  # RFC 8490: no sections, but values of its own
RCODES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET",
    9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG",
    22: "BADTRUNC", 23: "BADCOOKIE",
}  # fmt: skip
SECTIONS: Final = ("answers", "authorities", "additional")
FLAGS: Final = (
    (0x0400, "authoritative"), (0x0200, "truncated"), (0x0100, "recursion_desired"), (0x0080, "recursion_available"),
    (0x0020, "authentic_data"), (0x0010, "checking_disabled"),
)  # fmt: skip
HEAD: Final = 12  # octets of the header
_WORDS: Final = Struct(">6H").unpack_from  # of it: id, flags, how many questions and records of each section
WAITING: Final = 1024  # queries that are remembered for their responses
QUESTIONS: Final = 64  # more than any message asks; mDNS asks several
_NETBIOS: Final = re.compile(r"[A-P]{32}(?:\.|\Z)")  # RFC 1001, clause 14.1: its name service has the form of DNS
UNKNOWN, DATAGRAMS, STREAM = range(3)


class Asked(NamedTuple):
    """A query that waits for its response."""

    packet: int
    object: str
    qtype: str


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether this is one whole message with a single question of the class IN, alone or behind its length; NetBIOS names are another's."""
    for begin in (start, start + 2):
        if begin > start and (end - start < 2 or (data[start] << 8 | data[start + 1]) != end - begin):
            continue
        if _plausible(data, begin, end) and data[begin + 4 : begin + 6] == b"\0\1" and not data[begin + 2] & 0x78:
            told, whole = read(data, begin, end)
            if whole and not told["qtype"].startswith("TYPE") and "qclass" not in told and not _NETBIOS.match(told["query"]):
                return True
    return False


def conversation(flow: int) -> "Dns":
    return Dns(flow)


def _plausible(data: bytes, at: int, end: int) -> bool:
    """Whether a header may stand here: a known operation, the reserved bit 0, a query without a result, and counts that fit."""
    if end - at < HEAD:
        return False
    flags: int
    asked: int
    _, flags, asked, *sections = _WORDS(data, at)
    records: int = sum(sections)
    if (flags >> 11 & 15) not in OPCODES or flags & 0x0040 or asked > QUESTIONS:
        return False
    if not flags & 0x8000 and flags & 0x000F:
        return False
    if not asked + records:
        return (flags >> 11 & 15) == STATEFUL or (flags & 0x8000 > 0 and end - at == HEAD)
    return asked * 5 + records * 11 <= 0xFFFF


def read(data: bytes, at: int, end: int) -> tuple[Fields, bool]:
    """The fields of the message in data[at:end], and whether it could be read to its very end; else `malformed` says why."""
    number, flags, *_ = _WORDS(data, at)
    told: Fields = {"id": number, "opcode": OPCODES.get(flags >> 11 & 15) or str(flags >> 11 & 15)}
    for bit, key in FLAGS:
        told[key] = flags & bit > 0
    names: Names = {}
    rcode = flags & 15
    try:
        behind = _questions(data, at, end, told, names)
        behind, upper = _sections(data, at, behind, end, told, names)
        rcode |= upper << 4
        if flags >> 11 & 15 == STATEFUL:
            told["values"] = data[behind:end].hex()
        elif behind != end:
            told["malformed"] = f"{end - behind} octets behind the message"
    except ValueError as error:
        told["malformed"] = str(error)
    if flags & 0x8000:
        told["rcode"] = RCODES.get(rcode) or f"RCODE{rcode}"
    return told, "malformed" not in told


def _questions(data: bytes, base: int, end: int, told: Fields, names: Names) -> int:
    """Reads the questions: query, qtype and qclass (where not IN) of the first, and all as `questions` where there are several."""
    at, listed = base + HEAD, []
    for _ in range(data[base + 4] << 8 | data[base + 5]):
        query, at = name(data, at, base, end, names)
        if at + 4 > end:
            raise ValueError("a question breaks off")
        kind, group = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        at += 4
        asked: Fields = {"query": query, "qtype": type_name(kind)}
        if group & SHARED and group != SHARED:
            asked["unicast_response"], group = True, group & ~SHARED
        if group != 1:
            asked["qclass"] = class_name(group)
        listed.append(asked)
        if len(listed) == 1:
            told.update(asked)
    if len(listed) > 1:
        told["questions"] = listed
    return at


def _sections(data: bytes, base: int, at: int, end: int, told: Fields, names: Names) -> tuple[int, int]:
    """Reads the records of the three sections; where they end, and the upper bits of the result code from EDNS."""
    upper = 0
    for place, section in zip((6, 8, 10), SECTIONS, strict=True):
        listed: list[Fields] = []
        count = data[base + place] << 8 | data[base + place + 1]
        if count:
            told[section] = listed
        for _ in range(count):
            found, kind, at = record(data, at, base, end, names)
            if kind == OPT:
                told["edns"] = found
                upper = found.pop("extended_rcode", 0)
            else:
                listed.append(found)
        if count and not listed:
            del told[section]
    return at, upper


class Dns:
    """The messages between two ends, over UDP or TCP."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self._carried = UNKNOWN
        self._lost = [False, False]  # by direction, over TCP: where a message begins is not known
        self._waiting: dict[int, Asked] = {}

    def gap(self, to_server: bool) -> None:
        """The next segment may begin anywhere."""
        self._lost[to_server] = True

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        if self._carried == UNKNOWN:
            if end - start < HEAD and (end - start < 2 or (data[start] << 8 | data[start + 1]) >= HEAD):
                return start  # of a stream the rest will come; of a datagram it is told that none will
            self._carried = _carriage(data, start, end)
        if self._carried == STREAM:
            return self._stream(data, start, end, to_server, packet, out)
        if not self._message(data, start, end, to_server, packet, out):
            self._wrong("no message of DNS", data, start, end, to_server, packet, out)
        return end

    def _stream(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Messages behind their lengths (RFC 1035, clause 4.2.2)."""
        while end - at >= 2:
            size = data[at] << 8 | data[at + 1]
            if size < HEAD or (end - at >= 2 + HEAD and not _plausible(data, at + 2, end)):
                if not self._lost[to_server]:
                    self._wrong("no message of DNS begins here", data, at, end, to_server, packet, out)
                self._lost[to_server] = True
                return end
            if at + 2 + size > end:
                return at
            self._lost[to_server] = False
            if not self._message(data, at + 2, at + 2 + size, to_server, packet, out):
                self._wrong("no message of DNS", data, at, at + 2 + size, to_server, packet, out)
            at += 2 + size
        return at

    def _message(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> bool:
        """Tells the message in data[start:end]; False where it is none."""
        if not _plausible(data, start, end):
            return False
        told, whole = read(data, start, end)
        if not whole and "query" not in told and not told.get("answers"):
            return False
        response = data[start + 2] & 0x80 > 0
        asked = self._paired(told, response, packet)
        about = told.get("query") or (asked.object if asked else "") or _first(told)
        if asked is not None:
            told["query_packet"] = asked.packet
            told.setdefault("query", asked.object)
            told.setdefault("qtype", asked.qtype)
        outcome = ("success" if told["rcode"] == "NOERROR" else "failure") if response else ""
        code = "response" if response else "query"
        out.append((packet, self._flow, to_server, NAME, "message", code, about, outcome, end - start, told))
        return True

    def _paired(self, told: Fields, response: bool, packet: int) -> Asked | None:
        """Remembers a query; of a response the query that it answers, which has its id and its question. The id 0 of mDNS pairs nothing."""
        number, about, kind = told["id"], told.get("query", ""), told.get("qtype", "")
        waiting = self._waiting
        if response:
            asked = waiting.get(number)
            return asked if asked and (not about or (about.lower(), kind) == (asked.object.lower(), asked.qtype)) else None
        if number and about:
            waiting.pop(number, None)
            if len(waiting) >= WAITING:
                del waiting[next(iter(waiting))]
            waiting[number] = Asked(packet, about, kind)
        return None

    def _wrong(self, reason: str, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        told: dict[str, Any] = {"problem": reason, "sample": data[at : min(end, at + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - at, told))


def _carriage(data: bytes, start: int, end: int) -> int:
    """Datagrams or a stream, told by the first bytes: the length before a message of a stream makes no header of a datagram."""
    datagram, stream = _plausible(data, start, end), _plausible(data, start + 2, end)
    if datagram and (not stream or read(data, start, end)[1]):
        return DATAGRAMS
    if (data[start] << 8 | data[start + 1]) >= HEAD and (stream or end - start < HEAD + 2):
        return STREAM
    return DATAGRAMS if datagram else UNKNOWN


def _first(told: Fields) -> str:
    """What a message without a question is about: the name of its first record, as in the announcements of mDNS."""
    return next((str(told[section][0]["name"]) for section in SECTIONS if told.get(section)), "")
