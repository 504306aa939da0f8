"""DNP3 over TCP and UDP: link frames, transport segments and application fragments. Pure; driven by `dissect.conversations`.

Source: IEEE 1815-2012, clauses 4 (application), 8 (transport), 9 (data link), annex E (CRC). Objects are read by `dnp3_objects`.
"""

from array import array
from functools import lru_cache
from struct import Struct
from typing import Any, Final, TypeAlias

import numpy as np

from interferon.dissect.dnp3_objects import named, walk
from interferon.dissect.message import Plain

NAME: Final = "dnp3"
TCP: Final = (20000,)
UDP: Final = (20000,)

START: Final = b"\x05\x64"
LONGEST: Final = 65536  # octets of a reassembled fragment
OPEN: Final = 64  # fragments that are begun at a time in one conversation
KEPT: Final = 4096  # frame headers, and bodies of at most SHORT octets, that are remembered, as polls repeat them
SHORT: Final = 64

FUNCTIONS: Final = dict(
    enumerate(
        (
            "confirm", "read", "write", "select", "operate", "direct_operate", "direct_operate_no_response", "immediate_freeze",
            "immediate_freeze_no_response", "freeze_clear", "freeze_clear_no_response", "freeze_at_time", "freeze_at_time_no_response",
            "cold_restart", "warm_restart", "initialize_data", "initialize_application", "start_application", "stop_application",
            "save_configuration", "enable_unsolicited", "disable_unsolicited", "assign_class", "delay_measure", "record_current_time",
            "open_file", "close_file", "delete_file", "get_file_info", "authenticate_file", "abort_file", "activate_configuration",
            "authenticate_request", "authenticate_request_no_ack",
        )
    )
) | {129: "response", 130: "unsolicited_response", 131: "authenticate_response"}  # fmt: skip
WRITES: Final = (2, 3, 4, 5, 6)
ANSWERS: Final = (129, 130, 131)
UNSOLICITED: Final = 130

LINK: Final = {  # by PRM and function
    16: "reset_link_states",
    17: "reset_user_process",
    18: "test_link_states",
    19: "confirmed_user_data",
    20: "unconfirmed_user_data",
    25: "request_link_status",
    0: "ack",
    1: "nack",
    11: "link_status",
    14: "link_not_functioning",
    15: "not_supported",
}
REFUSED: Final = ("nack", "not_supported", "link_not_functioning")
INDICATIONS: Final = (  # IIN1.0 first
    "broadcast", "class_1_events", "class_2_events", "class_3_events", "need_time", "local_control", "device_trouble", "device_restart",
    "no_function_code_support", "object_unknown", "parameter_error", "event_buffer_overflow", "already_executing", "config_corrupt",
    "reserved_2", "reserved_1",
)  # fmt: skip
ERRORS: Final = 0x1700  # IIN2.0, 2.1, 2.2 and 2.4: the request was not carried out

# octets of the frame, of its user data, fields, from the master, carries a transport segment, code
Head: TypeAlias = tuple[int, int, dict[str, Any], bool, bool, str]
Told: TypeAlias = tuple[str, str, str, str, dict[str, Any]]  # role, code, object, outcome, fields


def _crc_octets() -> list[int]:
    table = []
    for octet in range(256):
        for _ in range(8):
            octet = octet >> 1 ^ 0xA6BC if octet & 1 else octet >> 1
        table.append(octet)
    return table


def _crc_pairs(octets: list[int]) -> "array[int]":
    """What a CRC becomes by two octets at once: indexed by it, added to them as a little-endian number."""
    table, first = np.array(octets, np.uint16), np.arange(1 << 16, dtype=np.uint16)
    second = first >> 8 ^ table[first & 255]
    return array("H", (second >> 8 ^ table[second & 255]).tobytes())


_OCTETS: Final = _crc_octets()
_PAIRS: Final = _crc_pairs(_OCTETS)
_WORDS: Final = [Struct(f"<{size // 2}H").unpack_from for size in range(17)]
_BLOCK: Final = Struct("<8HH").unpack_from
_CONTROL: Final = [
    {"sequence": octet & 15, "fir": octet > 127, "fin": bool(octet & 64), "con": bool(octet & 32), "uns": bool(octet & 16)}
    for octet in range(256)
]


def crc(data: bytes, at: int, size: int) -> int:
    """The CRC of at most 16 octets, as a little-endian number (annex E)."""
    value = 0
    for word in _WORDS[size](data, at):
        value = _PAIRS[value ^ word]
    if size & 1:
        value = value >> 8 ^ _OCTETS[(value ^ data[at + size - 1]) & 255]
    return value ^ 0xFFFF


def _head(data: bytes, at: int) -> Head | None:
    """What the ten octets of a frame's header say; None where they are no header."""
    length, control = data[at + 2], data[at + 3]
    if not data.startswith(START, at) or length < 5 or crc(data, at, 8) != data[at + 8] | data[at + 9] << 8:
        return None
    user = length - 5
    primary = control >> 6 & 1
    function = control & 15
    code = LINK.get(primary << 4 | function) or f"link_function_{function}"
    fields = {
        "src": data[at + 6] | data[at + 7] << 8,
        "dst": data[at + 4] | data[at + 5] << 8,
        "link": {
            "dir": control > 127,
            "prm": primary == 1,
            "fcb": bool(control & 32),
            ("fcv" if primary else "dfc"): bool(control & 16),
            "function_code": function,
            "function": code,
        },
    }
    return 10 + user + 2 * ((user + 15) // 16), user, fields, control > 127, bool(primary) and function in (3, 4) and user > 0, code


@lru_cache(KEPT)
def _known_head(octets: bytes) -> Head | None:
    return _head(octets, 0)


def _user_data(data: bytes, at: int, size: int) -> bytes | None:
    """The user data of a frame without its CRCs; None where a CRC is wrong."""
    if size <= 16:
        return data[at : at + size] if crc(data, at, size) == data[at + size] | data[at + size + 1] << 8 else None
    blocks = []
    pairs = _PAIRS
    while size >= 16:
        a, b, c, d, e, f, g, h, told = _BLOCK(data, at)
        if pairs[pairs[pairs[pairs[pairs[pairs[pairs[pairs[a] ^ b] ^ c] ^ d] ^ e] ^ f] ^ g] ^ h] ^ 0xFFFF != told:
            return None
        blocks.append(data[at : at + 16])
        at += 18
        size -= 16
    if size:
        if crc(data, at, size) != data[at + size] | data[at + size + 1] << 8:
            return None
        blocks.append(data[at : at + size])
    return b"".join(blocks)


def _application(data: bytes, master: bool) -> Told | None:
    """What a fragment without its control octet says: function, internal indications, objects. None where it is too short."""
    function = data[0]
    code = FUNCTIONS.get(function) or f"function_{function}"
    answer = function in ANSWERS
    fields: dict[str, Any] = {"function_code": function}
    outcome, at = "", 1
    if answer:
        if len(data) < 3:
            return None
        iin = data[1] | data[2] << 8
        fields["iin"] = [name for bit, name in enumerate(INDICATIONS) if iin >> bit & 1]
        outcome = "failure" if iin & ERRORS else "" if function == UNSOLICITED else "success"
        at = 3
    objects: list[dict[str, Any]] = []
    if len(data) > at:
        objects, left = walk(data, at, len(data), function)
        fields["objects"] = objects
        if left >= 0:
            fields["undissected"] = left
        if outcome == "success" and any(_refused(header) for header in objects):
            outcome = "failure"
    if function in WRITES and len(objects) == 1 and len(points := objects[0].get("points", ())) == 1 and "value" in points[0]:
        fields["value"] = points[0]["value"]
    commanded = master if function == 0 else not answer
    return "command" if commanded else "response", code, named(objects[0]) if objects else "", outcome, fields


@lru_cache(KEPT)
def _short(body: bytes, master: bool) -> Told | None:
    """The same, cached: what it says is not to be changed."""
    return _application(body, master)


def _refused(header: dict[str, Any]) -> bool:
    """Whether an answer's object says that what was asked for was not done."""
    return header["group"] in (12, 41, 70) and any(point.get("status_code") for point in header.get("points", ()))


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether a frame header with a right CRC and a function of the standard begins here."""
    if end - start < 10:
        return False
    head = _head(data, start)
    return head is not None and not head[5].startswith("link_function")


def conversation(flow: int) -> "Frames":
    return Frames(flow)


class Frames:
    """The frames of one conversation, and the fragments that are begun."""

    def __init__(self, flow: int) -> None:
        self.flow = flow
        self._begun: dict[
            tuple[bool, int, int], tuple[list[bytes], int, int, int]
        ] = {}  # segments, next number, octets, octets on the wire

    def gap(self, to_server: bool) -> None:
        for key in [key for key in self._begun if key[0] == to_server]:
            del self._begun[key]

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        at = start
        while end - at >= 10:
            head = _known_head(data[at : at + 10])
            if head is None:
                at = self._lost(data, at, end, to_server, packet, out)
                continue
            size = head[0]
            if end - at < size:
                return at
            if head[1]:
                segment = _user_data(data, at + 10, head[1])
                if segment is None:
                    self._begun.pop((to_server, head[2]["src"], head[2]["dst"]), None)
                    self._problem("wrong CRC of a data block", data[at : at + size], to_server, packet, out)
                elif head[4]:
                    self._segment(segment, head, to_server, packet, out)
                else:
                    self._link(head, segment, to_server, packet, out)
            else:
                self._link(head, b"", to_server, packet, out)
            at += size
        if at < end and not START.startswith(data[at : min(at + 2, end)]):
            at = self._lost(data, at, end, to_server, packet, out)
        return at

    def _lost(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """One problem for what is no frame, and where the next may begin."""
        found = data.find(START, at + 1, end)
        if found < 0:
            found = end - 1 if data[end - 1] == START[0] and end - 1 > at else end
        reason = "wrong CRC or length of a frame header" if data.startswith(START, at) else "no frame begins here"
        self._problem(reason, data[at:found], to_server, packet, out)
        return found

    def _problem(self, reason: str, octets: bytes, to_server: bool, packet: int, out: list[Plain]) -> None:
        fields = {"problem": reason, "sample": octets[:64].hex()}
        out.append((packet, self.flow, to_server, NAME, "problem", "", "", "", len(octets), fields))

    def _link(self, head: Head, user: bytes, to_server: bool, packet: int, out: list[Plain]) -> None:
        size, _, fields, master, _, code = head
        if user:
            fields = {**fields, "undissected": len(user)}
        outcome = "failure" if code in REFUSED else "success" if code == "ack" else ""
        out.append((packet, self.flow, to_server, NAME, "command" if master else "response", code, "", outcome, size, fields))

    def _segment(self, segment: bytes, head: Head, to_server: bool, packet: int, out: list[Plain]) -> None:
        """A transport segment: FIN, FIR and a sequence number in one octet, then a piece of a fragment (clause 8.2.1)."""
        octet = segment[0]
        fields = head[2]
        if self._begun:
            self._add(segment, head, to_server, packet, out)
        elif octet >= 0xC0:
            self._fragment(segment[1:], head[0], head, to_server, packet, out)
        elif octet & 64:
            self._begun[to_server, fields["src"], fields["dst"]] = ([segment[1:]], octet + 1 & 63, len(segment) - 1, head[0])
        else:
            self._problem("a transport segment without the first of its fragment", segment, to_server, packet, out)

    def _add(self, segment: bytes, head: Head, to_server: bool, packet: int, out: list[Plain]) -> None:
        octet = segment[0]
        key = (to_server, head[2]["src"], head[2]["dst"])
        begun = self._begun.pop(key, None)
        if octet & 64:
            if begun is not None:
                self._problem("a fragment that was begun was not ended", b"".join(begun[0]), to_server, packet, out)
            begun = ([], octet & 63, 0, 0)
        if begun is None:
            self._problem("a transport segment without the first of its fragment", segment, to_server, packet, out)
            return
        parts, expected, size, wire = begun
        if octet & 63 != expected:
            if octet & 63 == expected - 1 & 63 and parts and parts[-1] == segment[1:]:
                self._begun[key] = begun  # the same segment again (clause 8.2.1.3): it is not added twice
                return
            self._problem("a transport segment out of sequence", b"".join((*parts, segment)), to_server, packet, out)
            return
        parts.append(segment[1:])
        size += len(segment) - 1
        if size > LONGEST:
            self._problem(f"a fragment of more than {LONGEST} octets", b"".join(parts), to_server, packet, out)
        elif octet & 128:
            self._fragment(b"".join(parts), wire + head[0], head, to_server, packet, out)
        else:
            if len(self._begun) >= OPEN:
                forgotten = self._begun.pop(next(iter(self._begun)))
                self._problem(f"more than {OPEN} fragments begun at a time", b"".join(forgotten[0]), to_server, packet, out)
            self._begun[key] = (parts, octet + 1 & 63, size, wire + head[0])

    def _fragment(self, fragment: bytes, size: int, head: Head, to_server: bool, packet: int, out: list[Plain]) -> None:
        if len(fragment) < 2:
            self._problem("an application fragment without a function", fragment, to_server, packet, out)
            return
        body = fragment[1:]
        told = _short(body, head[3]) if len(body) <= SHORT else _application(body, head[3])
        if told is None:
            self._problem("a response without its internal indications", fragment, to_server, packet, out)
            return
        role, code, name, outcome, fields = told
        told_fields = {**head[2], **_CONTROL[fragment[0]], **fields}
        out.append((packet, self.flow, to_server, NAME, role, code, name, outcome, size, told_fields))
