"""Modbus/TCP and Modbus over UDP: requests and responses of every public function, paired by transaction and unit. Pure.

One of `dissect.dissectors`. A response carries what its request asked for (`address`, `quantity`) where that was captured: `matched`.
Sources: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
"""

from itertools import count
from struct import Struct
from typing import Final

from interferon.dissect.known import Known
from interferon.dissect.message import Plain
from interferon.dissect.modbus_fields import (
    AREAS,
    COIL,
    EXCEPTIONS,
    FUNCTIONS,
    INTERFACES,
    PAIR,
    Answer,
    Asked,
    Fields,
    bits_of,
    left_over,
    range_of,
    words,
)
from interferon.dissect.modbus_requests import REQUESTS, other
from interferon.dissect.modbus_responses import RESPONSES, other_response

NAME: Final = "modbus"
TCP: Final = (502,)
UDP: Final = (502,)

LONGEST: Final = 260  # of the length field; 254 by the guide
WAITING: Final = 256  # requests without a response that are remembered
KEPT: Final = 512  # requests that are known by their octets
ANSWERS: Final = 4096  # responses to them that are known by theirs
SHORT: Final = 24  # of the length field of such requests: what is longer is seldom the same again
BRIEF: Final = 6  # of such responses
UNKNOWN, UNASKED = -1, 0  # in place of a request's number: it is not kept; it was not captured
_HEAD: Final = Struct(">HIB").unpack_from  # protocol and length as one number: where the protocol is not 0 it is above any length
_asked: Final = Known[bytes, Asked](KEPT)  # by the octets from the unit on
_answers: Final = Known[tuple[int, bytes], Answer](ANSWERS)  # by the number of the request, and the octets from the unit on
_numbers: Final = count(UNASKED + 1)


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether one whole frame of a public function, of exactly the length that its function asks for, lies in data[start:end]."""
    if end - start < 9:
        return False
    length: int
    _, length, _ = _HEAD(data, start)
    function = data[start + 7]
    if length != end - start - 6 or function & 0x7F not in FUNCTIONS:
        return False
    if function & 0x80:
        return length == 3 and data[start + 8] in EXCEPTIONS
    if function <= 4:
        return (length == 6 and 0 < int.from_bytes(data[start + 10 : start + 12], "big") <= 2000) or length == 3 + data[start + 8]
    if function in (15, 16):
        return length == 6 or (length > 7 and length == 7 + data[start + 12])
    if function == 43:
        return data[start + 8] in INTERFACES
    return length == {5: 6, 6: 6, 22: 8}.get(function, -1)


def conversation(flow: int) -> "Modbus":
    """The state of one conversation."""
    return Modbus(flow)


class Modbus:
    """The requests of one conversation that wait for their response."""

    def __init__(self, flow: int) -> None:
        self._flow = flow
        self._requests: dict[int, Asked] = {}  # by transaction and unit

    def gap(self, to_server: bool) -> None:
        """Requests that were seen may still be answered: nothing is forgotten."""

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Frames one behind the other: a header of seven bytes, which tells the length, and the function."""
        while end - start >= 8:
            transaction, length, unit = _HEAD(data, start)
            if not 2 <= length <= LONGEST:
                protocol = length >> 16
                reason = f"protocol identifier {protocol}, not 0" if protocol else f"length {length}, not 2 to {LONGEST}"
                self._wrong(reason, data, start, end, to_server, packet, out)
                return end
            stop = start + 6 + length
            if stop > end:
                return start
            if to_server:
                asked = _asked.get(data[start + 6 : stop]) if length <= SHORT else None
                if asked is not None or (asked := self._request(data, start, stop, packet, out)) is not None:
                    code, thing, fields, _, _, _ = asked
                    fields = fields.copy()
                    fields["transaction"] = transaction
                    requests = self._requests
                    if len(requests) >= WAITING:
                        del requests[next(iter(requests))]
                    requests[transaction << 8 | unit] = asked
                    out.append((packet, self._flow, True, NAME, "command", code, thing, "", 6 + length, fields))
            else:
                asked = self._requests.pop(transaction << 8 | unit, None)
                kept = length <= BRIEF and (asked is None or asked[3] != UNKNOWN)
                answer = _answers.get((asked[3] if asked else UNASKED, data[start + 6 : stop])) if kept else None
                if answer is not None:
                    code, thing, outcome, fields = answer
                    fields = fields.copy()
                    fields["transaction"] = transaction
                    out.append((packet, self._flow, False, NAME, "response", code, thing, outcome, 6 + length, fields))
                elif asked is None or length != asked[5] or data[start + 8] != length - 3 or data[start + 7] != asked[4][0]:
                    self._response(data, start, stop, transaction, asked, packet, out)
                else:  # as many registers as were asked for: nearly all that changes in a plant, hence in one step
                    function, address, quantity, code, thing, _ = asked[4]
                    fields = {
                        "transaction": transaction, "unit": unit, "function": function, "matched": True, "address": address,
                        "quantity": quantity, "values": [*words(quantity).unpack_from(data, start + 9)],
                    }  # fmt: skip
                    if kept and _answers.room():
                        _answers[asked[3], data[start + 6 : stop]] = (code, thing, "success", fields)
                    out.append((packet, self._flow, False, NAME, "response", code, thing, "success", 6 + length, fields))
            start = stop
        if end - start >= 4 and (data[start + 2] or data[start + 3]):
            self._wrong("protocol identifier not 0", data, start, end, to_server, packet, out)
            return end
        return start

    def _wrong(self, reason: str, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        told = {"problem": reason, "sample": data[start : min(end, start + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - start, told))

    def _request(self, data: bytes, start: int, stop: int, packet: int, out: list[Plain]) -> Asked | None:
        """What a request says, whose transaction is put in by `take`; None where it is too short, which is told."""
        unit, function = data[start + 6], data[start + 7]
        if stop - start == 12 and 1 <= function <= 4:
            address, quantity = PAIR(data, start + 8)
            fields: Fields = {"transaction": 0, "unit": unit, "function": function, "address": address, "quantity": quantity}
            code, thing = FUNCTIONS[function], range_of(AREAS[function], address, quantity)
        elif _writes_one(data, start, stop, function):
            (address, value), quantity = PAIR(data, start + 8), -1
            fields = {
                "transaction": 0,
                "unit": unit,
                "function": function,
                "address": address,
                "value": 1 if function == 5 and value else value,
            }
            code, thing = FUNCTIONS[function], range_of(AREAS[function], address, 1)
        else:
            fields = {"transaction": 0, "unit": unit, "function": function}
            code = FUNCTIONS.get(function) or f"function_{function}"
            read = REQUESTS.get(function, other)(data, start + 8, stop, fields)
            if read is None:
                self._wrong(f"a {code} request of {stop - start - 7} bytes is too short", data, start, stop, True, packet, out)
                return None
            code, thing = read[0] or code, read[1]
            address, quantity = fields.get("address", -1), fields.get("quantity", -1)
            if function == 23:
                address, quantity = fields["read_address"], fields["read_quantity"]
        room = stop - start - 6 <= SHORT and _asked.room()
        number, registers = next(_numbers) if room else UNKNOWN, 3 + quantity * 2 if 3 <= function <= 4 else 0
        asked: Asked = (code, thing, fields, number, (function, address, quantity, code, thing, fields.get("records")), registers)
        if room:
            _asked[data[start + 6 : stop]] = asked
        return asked

    def _response(self, data: bytes, start: int, stop: int, transaction: int, asked: Asked | None, packet: int, out: list[Plain]) -> None:
        told = _usual(data, start, stop, transaction, asked) or self._told(data, start, stop, transaction, asked, packet, out)
        if told is None:
            return
        code, thing, outcome, fields = told
        number = UNASKED if asked is None else asked[3]
        if number != UNKNOWN and stop - start - 6 <= BRIEF and _answers.room():
            _answers[number, data[start + 6 : stop]] = told
        out.append((packet, self._flow, False, NAME, "response", code, thing, outcome, stop - start, fields))

    def _told(
        self, data: bytes, start: int, stop: int, transaction: int, asked: Asked | None, packet: int, out: list[Plain]
    ) -> Answer | None:
        """What a response says; None where it is too short, which is told."""
        unit, function = data[start + 6], data[start + 7]
        fields: Fields
        request = None
        if asked is not None and asked[4][0] == function & 0x7F:
            request = asked[4]
            _, address, quantity, code, thing, _ = request
            fields = {"transaction": transaction, "unit": unit, "function": request[0], "matched": True}
            if address >= 0:
                fields["address"] = address
            if quantity >= 0:
                fields["quantity"] = quantity
        else:
            code, thing = FUNCTIONS.get(function & 0x7F) or f"function_{function & 0x7F}", ""
            fields = {"transaction": transaction, "unit": unit, "function": function & 0x7F, "matched": False}
        if function & 0x80:
            return self._refused(data, start, stop, code, thing, fields, packet, out)
        read = RESPONSES.get(function, other_response)(data, start + 8, stop, fields, request)
        if read is None:
            self._wrong(f"a {code} response of {stop - start - 7} bytes is too short", data, start, stop, False, packet, out)
            return None
        return read[0] or code, read[1] or thing, "success", fields

    def _refused(
        self, data: bytes, start: int, stop: int, code: str, thing: str, fields: Fields, packet: int, out: list[Plain]
    ) -> Answer | None:
        """An exception: the function with its highest bit set, and a code."""
        if stop - start < 9:
            self._wrong(f"an exception of {code} without its code", data, start, stop, False, packet, out)
            return None
        number = data[start + 8]
        fields["exception"], fields["exception_name"] = number, EXCEPTIONS.get(number) or f"exception_{number}"
        left_over(fields, start + 9, stop)
        return code, thing, "failure", fields


def _writes_one(data: bytes, start: int, stop: int, function: int) -> bool:
    """Whether one register or coil is written, or was, as it should be: command and response are alike."""
    return stop - start == 12 and (function == 6 or (function == 5 and data[start + 10 : start + 12] in COIL))


def _usual(data: bytes, start: int, stop: int, transaction: int, asked: Asked | None) -> Answer | None:
    """What was written, or as many whole octets of bits as were asked for, in one step; None of other responses."""
    unit, function = data[start + 6], data[start + 7]
    matched = asked is not None and asked[4][0] == function
    fields: Fields
    if _writes_one(data, start, stop, function):
        address, value = PAIR(data, start + 8)
        fields = {
            "transaction": transaction, "unit": unit, "function": function, "matched": matched, "address": address,
            "value": 1 if function == 5 and value else value,
        }  # fmt: skip
        return FUNCTIONS[function], range_of(AREAS[function], address, 1), "success", fields
    if asked is None or not matched or function > 2 or stop - start < 9:
        return None
    _, address, quantity, code, thing, _ = asked[4]
    if quantity & 7 or stop - start - 9 != quantity >> 3 or data[start + 8] != quantity >> 3:
        return None
    fields = {
        "transaction": transaction, "unit": unit, "function": function, "matched": True, "address": address, "quantity": quantity,
        "values": bits_of(data, start + 9, stop),
    }  # fmt: skip
    return code, thing, "success", fields
