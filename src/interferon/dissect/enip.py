"""EtherNet/IP over TCP and UDP: encapsulation, common packet format, and the CIP in it; responses paired with requests. Pure.

Driven by `dissect.conversations`. Unconnected requests are paired by session and sender context, connected ones by connection and
sequence. Source: ODVA, The CIP Networks Library, volume 2 (chapter 2: encapsulation and CPF; 3-3 implicit messages).
"""

import re
from struct import Struct
from typing import Any, Final, TypeAlias

from interferon.dissect import cip
from interferon.dissect.cip import ANSWERS, REQUESTS
from interferon.dissect.cip_data import data as sample
from interferon.dissect.enip_items import CONNECTED, CONNECTED_ADDRESS, SEQUENCED, item, layout, listed
from interferon.dissect.enip_pairs import WAITING, Pairs
from interferon.dissect.known import Known
from interferon.dissect.message import Plain

NAME: Final = "enip"
TCP: Final = (44818,)
UDP: Final = (44818, 2222)

COMMANDS: Final = {
    0x00: "nop",
    0x04: "list_services",
    0x63: "list_identity",
    0x64: "list_interfaces",
    0x65: "register_session",
    0x66: "unregister_session",
    0x6F: "send_rr_data",
    0x70: "send_unit_data",
    0x72: "indicate_status",
    0x73: "cancel",
}
STATUS: Final = {
    0x00: "success",
    0x01: "invalid_cmd",
    0x02: "no_resources",
    0x03: "incorrect_data",
    0x64: "invalid_session",
    0x65: "invalid_length",
    0x69: "unsupported_prot_rev",
    0x6A: "encap_header_error",
}
LISTS: Final = (0x04, 0x63, 0x64)
BEGINNING: Final = re.compile(rb"[\x04\x63-\x66\x6f\x70]\0")
IMPLICIT: Final = b"\x02\x80"  # the first item of an implicit message is a sequenced address
LONGEST: Final = 65511  # octets behind the header (2-3.3)
SHOWN: Final = 64  # octets of implicit data that are told

MOST: Final = 22 + cip.SHORT  # octets of command data of a usual message
HEADS: Final = 64  # of the usual messages of one conversation, that are remembered

_HEAD: Final = Struct("<HHII8sI").unpack_from
_USUAL: Final = Struct("<HHQ30xHHB").unpack_from  # what differs between the usual messages of one connection
_CONNECTED: Final = Struct("<4xII8xIIHHHHIH").unpack_from  # the rest of their header and items
_ITEM: Final = Struct("<HH").unpack_from
_LONG: Final = Struct("<I").unpack_from

Fields: TypeAlias = dict[str, Any]
Head: TypeAlias = tuple[int, int, int, Fields, Fields]  # session, keys of sequence 0, and what is told: of requests and of responses


def _plausible(data: bytes, at: int) -> bool:
    """Whether the header of a known command stands here, with options and status as they are used."""
    command, length, session, status, context, options = _HEAD(data, at)
    if command not in COMMANDS or options or status not in STATUS or length > LONGEST:
        return False
    if command == 0x65:
        return length == 4 or (not length and status > 0)
    if command == 0x66:
        return length in (0, 4)
    if command in (0x6F, 0x70):
        return length >= 8 or (not length and status > 0)
    if not command:
        return length > 0 or session > 0 or any(context)
    return command != 0x63 or not length or length >= 40


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether whole messages of known commands stand here, of which the first names itself beyond doubt."""
    if end - start < 24:
        return False
    if data[start : start + 6] == b"\x02\0" + IMPLICIT + b"\x08\0":  # UDP: a sequenced address, and connected data to the end
        return data[start + 14 : start + 16] == b"\xb1\0" and end - start == 18 + (data[start + 16] | data[start + 17] << 8)
    if not _plausible(data, start):
        return False
    command, length, session, status, _, _ = _HEAD(data, start)
    if start + 24 + length != end:
        return False
    if command == 0x65:
        return data[start + 24 : start + 26] == b"\1\0" and not status
    if command == 0x63:
        return not session and not status
    if command not in (0x6F, 0x70) or length < 16:
        return False
    return session > 0 and not any(data[start + 24 : start + 28]) and 1 <= data[start + 30] <= 4 and not data[start + 31]


def conversation(flow: int) -> "Enip":
    return Enip(flow)


def _answers(command: int, length: int, session: int, status: int) -> bool:
    """Whether a message is a reply: requests of lists are empty, and a session has no number before it is registered (2-4)."""
    if status:
        return True
    if command in LISTS:
        return length > 0
    return command == 0x65 and session > 0


class Enip:
    """One conversation between a client and a device, or a bridge to others."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self._sure = [False, False]
        self._pairs = Pairs()
        self._heads = Known[bytes, Head](HEADS)  # of usual messages, by what is the same in all of one connection

    def gap(self, to_server: bool) -> None:
        """Which request a response answers is not known behind a gap, as contexts may be all the same."""
        self._sure[to_server] = False
        self._pairs.forget()

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Nearly all that controllers say are usual messages, which are read in one step: send_unit_data without a status, of a connected
        address and connected data of at least four octets."""
        at, heads, pairs = start, self._heads, self._pairs
        while end - at >= 50:
            command, length, session, carried, sequence, service = _USUAL(data, at)
            stop = at + 24 + length
            if command != 0x70 or carried != length - 20 or not 26 <= length <= MOST or stop > end:
                break
            head = heads.get(data[at + 20 : at + 42])
            if head is None or head[0] != session:
                head = self._head(data, at)
                if head is None:
                    break
            raw = data[at + 46 : stop]
            if service > 127:
                key = head[2] | sequence
                asked = pairs.asked(key, service & 127) if pairs.behind else pairs.waiting.pop(key, None)
                told, code, thing, outcome, matched, more = ANSWERS[raw, asked]
                fields = head[4].copy()
                fields["sequence"] = sequence
                fields["cip"] = told
                if not matched:
                    fields["matched"] = False
                if more is not None:
                    self._more(more, fields)
                out.append((packet, self._flow, to_server, NAME, "response", code, thing, outcome, stop - at, fields))
            else:
                found = REQUESTS[raw]
                if found is None:
                    break
                asked, told = found
                fields = head[3].copy()
                fields["sequence"] = sequence
                fields["cip"] = told
                if "value" in told:
                    fields["value"] = told["value"]
                key = head[1] | sequence
                if key in pairs.waiting or len(pairs.waiting) >= WAITING:
                    pairs.remember(key, asked)
                else:
                    pairs.waiting[key] = asked
                out.append((packet, self._flow, to_server, NAME, "command", asked.name, asked.thing, "", stop - at, fields))
            self._sure[to_server] = True
            at = stop
        return at if at == end else self._others(data, start, at, end, to_server, packet, out)

    def _head(self, data: bytes, at: int) -> Head | None:
        """The head of a usual message, which is remembered; None where the message is another."""
        session, status, options, interface, timeout, count, first, size, connection, second = _CONNECTED(data, at)
        if status or options or interface or count != 2 or first != CONNECTED_ADDRESS or size != 4 or second != CONNECTED:
            return None
        asked: Fields = {
            "command": "send_unit_data", "session": session, "status": "success", "connection_id": connection, "sequence": 0,
        }  # fmt: skip
        if timeout:
            asked["timeout_s"] = timeout
        pairs = self._pairs
        answered = asked | {"matched": True, "cip": None}
        asked["cip"] = None
        found = session, pairs.key(connection, 0, False), pairs.key(connection, 0, True), asked, answered
        if self._heads.room():
            self._heads[data[at + 20 : at + 42]] = found
        return found

    def _others(self, data: bytes, start: int, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """What is no usual message, and all behind it."""
        while end - at >= 24:
            command, length, session, status, context, options = _HEAD(data, at)
            if command not in COMMANDS or not (self._sure[to_server] or _plausible(data, at)) or length > LONGEST:
                if at == start and data[at + 2 : at + 4] == IMPLICIT:
                    return self._implicit(data, at, end, to_server, packet, out)
                at = self._lost(data, at, end, to_server, packet, out)
                continue
            stop = at + 24 + length
            if stop > end:
                return at
            self._sure[to_server] = True
            if command == 0x70 or command == 0x6F:
                self._data(data, at, stop, command, session, status, context, options, to_server, packet, out)
            else:
                self._manage(data, at, stop, command, session, status, context, options, to_server, packet, out)
            at = stop
        if end - at >= 4 and data[at + 2 : at + 4] == IMPLICIT and at == start:
            return self._implicit(data, at, end, to_server, packet, out)
        if end - at >= 2 and data[at] | data[at + 1] << 8 not in COMMANDS:
            return self._wrong("no encapsulation header", data, at, end, to_server, packet, out)
        return at

    def _lost(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """One problem for what is no message, and where the next may begin."""
        self._sure[to_server] = False
        for match in BEGINNING.finditer(data, at + 1, end - 22):
            if _plausible(data, match.start()):
                self._wrong("no encapsulation header", data, at, match.start(), to_server, packet, out)
                return match.start()
        return self._wrong("no encapsulation header", data, at, end, to_server, packet, out)

    def _wrong(self, reason: str, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        told = {"problem": reason, "sample": data[at : min(end, at + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - at, told))
        return end

    def _data(
        self, data: bytes, at: int, stop: int, command: int, session: int, status: int, context: bytes, options: int, to_server: bool,
        packet: int, out: list[Plain],
    ) -> None:  # fmt: skip
        """send_rr_data and send_unit_data: CIP in items of the common packet format."""
        fields: Fields = {"command": COMMANDS[command], "session": session, "status": STATUS.get(status) or f"status_{status}"}
        if command == 0x6F:
            fields["context"] = context.hex()
        if options:
            fields["options"] = options
        begin, behind = layout(data, at + 24, stop, fields)
        if begin >= behind:
            if not status and stop - at < 32:
                fields["malformed"] = f"{stop - at - 24} octets of command data, not at least 8"
            role = "command" if to_server and not status else "response"
            out.append((packet, self._flow, to_server, NAME, role, COMMANDS[command], "", "failure" if status else "", stop - at, fields))
            return
        answers = data[begin] > 127
        sequence = fields.get("sequence")
        key: Any = (session, context) if sequence is None else self._pairs.key(fields.get("connection_id", 0), sequence, answers)
        if answers:
            self._response(data, at, stop, begin, behind, key, fields, to_server, packet, out)
            return
        found = REQUESTS[data[begin:behind]] if behind - begin <= cip.SHORT else cip.request(data, begin, behind)
        if found is None:
            fields["malformed"] = f"a CIP request of {behind - begin} octets is too short"
            code, thing = f"service_{data[begin]}", ""
        else:
            asked, fields["cip"] = found
            code, thing = asked.name, asked.thing
            if "value" in found[1]:
                fields["value"] = found[1]["value"]
            self._pairs.remember(key, asked)
        out.append((packet, self._flow, to_server, NAME, "command", code, thing, "", stop - at, fields))

    def _response(
        self, data: bytes, at: int, stop: int, begin: int, behind: int, key: Any, fields: Fields, to_server: bool, packet: int,
        out: list[Plain],
    ) -> None:  # fmt: skip
        number = data[begin] & 127
        asked = self._pairs.asked(key, number)
        fields["matched"] = asked is not None
        if behind - begin < 4:
            thing = asked.thing if asked is not None else ""
            fields["malformed"] = f"a CIP response of {behind - begin} octets is too short"
            out.append((packet, self._flow, to_server, NAME, "response", f"service_{number}", thing, "", stop - at, fields))
            return
        short = behind - begin <= cip.SHORT
        found = ANSWERS[data[begin:behind], asked] if short else cip.answer(data, begin, behind, asked)
        fields["cip"], code, thing, outcome, _, more = found
        if more is not None:
            self._more(more, fields)
        out.append((packet, self._flow, to_server, NAME, "response", code, thing, outcome, stop - at, fields))

    def _more(self, more: cip.More, fields: Fields) -> None:
        """What only some responses tell."""
        fields |= more.fields
        if more.device is not None:
            fields["device"] = fields.get("device", {}) | more.device
        if more.opened is not None:
            self._pairs.opened(*more.opened)
            self._heads.clear()  # the keys of its messages are others now

    def _manage(
        self, data: bytes, at: int, stop: int, command: int, session: int, status: int, context: bytes, options: int, to_server: bool,
        packet: int, out: list[Plain],
    ) -> None:  # fmt: skip
        """All other commands: sessions, and what a device says of itself."""
        code, name = COMMANDS[command], STATUS.get(status) or f"status_{status}"
        fields: Fields = {"command": code, "session": session, "status": name, "context": context.hex()}
        if options:
            fields["options"] = options
        answered = _answers(command, stop - at - 24, session, status)
        if command == 0x65 and stop - at >= 28:
            fields["protocol_version"], fields["option_flags"] = _ITEM(data, at + 24)
        elif command in LISTS and stop - at >= 26:
            listed(data, at + 24, stop, fields)
        elif stop - at > 24:
            sample(data, at + 24, stop, fields)
        role = ("response" if answered else "command") if command in LISTS else "message"
        outcome = ("failure" if status else "success") if answered else ""
        thing = fields.get("identity", {}).get("product_name", "")
        out.append((packet, self._flow, to_server, NAME, role, code, thing, outcome, stop - at, fields))

    def _implicit(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Implicit messages (UDP 2222): a sequenced address and connected data, without an encapsulation header."""
        count, place = data[at] | data[at + 1] << 8, at + 2
        fields: Fields = {}
        for _ in range(count):
            if end - place < 4 or end - place - 4 < data[place + 2] | data[place + 3] << 8:
                return self._wrong("items of implicit data that are cut", data, at, end, to_server, packet, out)
            kind, size = _ITEM(data, place)
            place += 4 + size
            if kind == SEQUENCED and size == 8:
                fields["connection_id"], fields["sequence"] = _LONG(data, place - 8)[0], _LONG(data, place - 4)[0]
            elif kind == CONNECTED:
                fields["length"], fields["data"] = size, data[place - size : place - size + min(size, SHOWN)].hex()
            elif size:
                item(data, kind, place - size, place, fields)
        thing = f"connection:{fields['connection_id']:08x}" if "connection_id" in fields else ""
        out.append((packet, self._flow, to_server, NAME, "message", "io_data", thing, "", place - at, fields))
        return place
