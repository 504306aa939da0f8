"""IEC 60870-5-104 over TCP: APDUs of the formats I, S and U, and the ASDUs in them. Pure; driven by `dissect.conversations`.

Source: IEC 60870-5-104:2006, clauses 5 (APCI) and 7 (ASDU: two octets each of cause and common address, three of object address).
"""

from typing import Any, Final

from interferon.dissect.iec104_types import CAUSES, SEGMENT, TYPES, Kind
from interferon.dissect.message import Plain

NAME: Final = "iec104"
TCP: Final = (2404,)
UDP: Final = ()

START: Final = 0x68
U_FORMATS: Final = {
    0x07: "startdt_act",
    0x0B: "startdt_con",
    0x13: "stopdt_act",
    0x23: "stopdt_con",
    0x43: "testfr_act",
    0x83: "testfr_con",
}
ACTIVATES: Final = (6, 8)  # causes that only the controlling station sends
ANSWERS: Final = (7, 9, 10, 44, 45, 46, 47)  # and those that only the controlled station sends
STATES: Final = [  # of the cause octet: name, negative, test, outcome
    (
        CAUSES.get(octet & 63) or f"cause_{octet & 63}",
        bool(octet & 64),
        octet > 127,
        "failure" if 44 <= octet & 63 <= 47 else ("failure" if octet & 64 else "success") if octet & 63 in ANSWERS else "",
    )
    for octet in range(256)
]
LISTED: Final = 8  # single addresses that an object's name lists


def _frame(data: bytes, at: int) -> int:
    """Octets of the APDU that begins here, of which at least six are there; 0 where none does."""
    length, first = data[at + 1], data[at + 2]
    if data[at] != START or not 4 <= length <= 253:
        return 0
    if not first & 1:
        return length + 2 if length >= 10 and not data[at + 4] & 1 else 0
    if length != 4 or data[at + 3]:
        return 0
    if first == 1:
        return 6 if not data[at + 4] & 1 else 0
    return 6 if first in U_FORMATS and not data[at + 4] | data[at + 5] else 0


def _is_command(number: int, cause: int, to_server: bool) -> bool:
    """Whether an ASDU goes to the controlled station: by its type and cause, else by who opened the connection (104, clause 7.1)."""
    if not (45 <= number <= 69 or 100 <= number <= 113 or 120 <= number <= 127):
        return False
    return cause in ACTIVATES or (cause not in ANSWERS and to_server)


def _objects(data: bytes, at: int, end: int, kind: Kind, count: int, sequence: bool) -> tuple[list[dict[str, Any]], int]:
    """The information objects of an ASDU that are there whole, and where they end."""
    if sequence:
        return _sequence(data, at, end, kind, count)
    size, read = kind.size, kind.read
    found: list[dict[str, Any]] = []
    for _ in range(min(count, (end - at) // (3 + size))):
        point: dict[str, Any] = {"ioa": data[at] | data[at + 1] << 8 | data[at + 2] << 16}
        read(data, at + 3, point)
        found.append(point)
        at += 3 + size
    return found, at


def _sequence(data: bytes, at: int, end: int, kind: Kind, count: int) -> tuple[list[dict[str, Any]], int]:
    """The same where one address stands before the elements and each next object has the next address (SQ = 1)."""
    size, read = kind.size, kind.read
    there = min(count, (end - at - 3) // size if size else 1)
    if there < 1 or end - at < 3:
        return [], at
    first = data[at] | data[at + 1] << 8 | data[at + 2] << 16
    found: list[dict[str, Any]] = [{"ioa": first + place} for place in range(there)]
    for place, point in enumerate(found):
        read(data, at + 3 + place * size, point)
    return found, at + 3 + there * size


def _segment(data: bytes, at: int, end: int, point: dict[str, Any]) -> int:
    stop: int = min(at + point["segment_size"], end)
    point["data"] = data[at:stop].hex()
    return stop


def _about(address: int, objects: list[dict[str, Any]]) -> str:
    """`ca1:ioa100`, `ca1:ioa100-110`, `ca1:ioa1,7`; `ca1` where the object address is 0, which means the station."""
    if len(objects) < 2:
        return f"ca{address}:ioa{objects[0]['ioa']}" if objects and objects[0]["ioa"] else f"ca{address}"
    indices = [point["ioa"] for point in objects]
    if indices[-1] - indices[0] == len(indices) - 1 and indices == list(range(indices[0], indices[-1] + 1)):
        return f"ca{address}:ioa{indices[0]}-{indices[-1]}"
    return f"ca{address}:ioa{','.join(map(str, indices[:LISTED]))}{',…' if len(indices) > LISTED else ''}"


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether whole APDUs stand here one behind the other, each with what its format and type must have."""
    at = start
    while end - at >= 6:
        size = _frame(data, at)
        if not size or (not data[at + 2] & 1 and not _asdu_fits(data, at, size, end)):
            return False
        if end - at < size:
            return at > start
        at += size
    return at > start and (at == end or data[at] == START)


def _asdu_fits(data: bytes, at: int, size: int, end: int) -> bool:
    """Whether an ASDU is of a known type and cause and as long as its objects are; of one that is cut, what is there."""
    if end - at < 9:
        return True
    kind, count, cause = TYPES.get(data[at + 6]), data[at + 7] & 127, data[at + 8] & 63
    if kind is None or cause not in CAUSES or not count:
        return False
    each = 3 + count * kind.size if data[at + 7] > 127 else count * (3 + kind.size)
    return kind.size < 0 or data[at + 6] == SEGMENT or size == 12 + each


def conversation(flow: int) -> "Apdus":
    return Apdus(flow)


class Apdus:
    """The APDUs of one connection. Nothing is kept between them."""

    def __init__(self, flow: int) -> None:
        self.flow = flow

    def gap(self, to_server: bool) -> None:
        """An APDU that was cut does not come again."""

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        at, flow = start, self.flow
        while end - at >= 6:
            size = _frame(data, at)
            if not size:
                at = self._lost(data, at, end, to_server, packet, out)
                continue
            if end - at < size:
                return at
            first = data[at + 2]
            if not first & 1:
                self._information(data, at, at + size, to_server, packet, out)
            elif first == 1:
                fields: dict[str, Any] = {"format": "S", "receive_sequence": (data[at + 4] | data[at + 5] << 8) >> 1}
                out.append((packet, flow, to_server, NAME, "message", "s_format", "", "", 6, fields))
            else:
                code = U_FORMATS[first]
                role = "command" if to_server and code.endswith("act") else "response" if not to_server else "message"
                out.append((packet, flow, to_server, NAME, role, code, "", "", 6, {"format": "U"}))
            at += size
        if at < end and data[at] != START:
            at = self._lost(data, at, end, to_server, packet, out)
        return at

    def _lost(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """One problem for what is no APDU, and where the next may begin."""
        found = at + 1
        while (found := data.find(START, found, end)) >= 0 and end - found >= 6 and not _frame(data, found):
            found += 1
        if found < 0:
            found = end
        fields = {"problem": "no APDU begins here", "sample": data[at : min(found, at + 64)].hex()}
        out.append((packet, self.flow, to_server, NAME, "problem", "", "", "", found - at, fields))
        return found

    def _information(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        number, structure, octet = data[at + 6], data[at + 7], data[at + 8]
        address = data[at + 10] | data[at + 11] << 8
        cause, negative, test, outcome = STATES[octet]
        kind = TYPES.get(number)
        fields: dict[str, Any] = {
            "format": "I",
            "send_sequence": (data[at + 2] | data[at + 3] << 8) >> 1,
            "receive_sequence": (data[at + 4] | data[at + 5] << 8) >> 1,
            "type_id": number,
            "type": kind.label if kind else f"type_{number}",
            "cause": cause,
            "cause_code": octet & 63,
            "negative": negative,
            "test": test,
            "originator": data[at + 9],
            "common_address": address,
            "sq": structure > 127,
            "count": structure & 127,
        }
        objects: list[dict[str, Any]] = []
        done = at + 12
        if kind is not None and kind.size >= 0:
            objects, done = _objects(data, done, end, kind, structure & 127, structure > 127)
            if number == SEGMENT and len(objects) == 1:
                done = _segment(data, done, end, objects[0])
            fields["objects"] = objects
            if len(objects) == 1 and "value" in objects[0]:
                fields["value"] = objects[0]["value"]
        if done < end:
            fields["undissected"] = end - done
        role = "command" if number >= 45 and _is_command(number, octet & 63, to_server) else "response"
        code = kind.code if kind else f"type_{number}"
        out.append((packet, self.flow, to_server, NAME, role, code, _about(address, objects), outcome, end - at, fields))
