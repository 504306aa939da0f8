"""Modbus/TCP and Modbus over UDP: requests and responses of every public function, paired by transaction and unit. Pure.

One of `dissect.dissectors`. A response carries what its request asked for (`address`, `quantity`) where that was captured: `matched`.
Sources: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
"""

from struct import Struct
from typing import Final

from interferon.dissect.message import Plain
from interferon.dissect.modbus_fields import (
    AREAS,
    COIL,
    EXCEPTIONS,
    FUNCTIONS,
    INTERFACES,
    PAIR,
    Fields,
    Request,
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
_HEAD: Final = Struct(">HHHBB").unpack_from


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether one whole frame of a public function, of exactly the length that its function asks for, lies in data[start:end]."""
    if end - start < 9:
        return False
    protocol: int
    length: int
    _, protocol, length, _, function = _HEAD(data, start)
    if protocol or length != end - start - 6 or function & 0x7F not in FUNCTIONS:
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
        self._requests: dict[int, Request] = {}

    def gap(self, to_server: bool) -> None:
        """Requests that were seen may still be answered: nothing is forgotten."""

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """Frames one behind the other: a header of seven bytes, which tells the length, and the function."""
        while end - start >= 8:
            transaction, protocol, length, unit, function = _HEAD(data, start)
            if protocol or not 2 <= length <= LONGEST:
                reason = f"protocol identifier {protocol}, not 0" if protocol else f"length {length}, not 2 to {LONGEST}"
                self._wrong(reason, data, start, end, to_server, packet, out)
                return end
            stop = start + 6 + length
            if stop > end:
                return start
            if length == 6 and to_server and 1 <= function <= 4:
                address, quantity = PAIR(data, start + 8)
                fields = {"transaction": transaction, "unit": unit, "function": function, "address": address, "quantity": quantity}
                code, thing = FUNCTIONS[function], range_of(AREAS[function], address, quantity)
                requests = self._requests
                if len(requests) >= WAITING:
                    del requests[next(iter(requests))]
                requests[transaction << 8 | unit] = (function, address, quantity, code, thing, None)
                out.append((packet, self._flow, True, NAME, "command", code, thing, "", 12, fields))
            elif length == 6 and (function == 6 or (function == 5 and data[start + 10 : start + 12] in COIL)):
                self._write(data, start, transaction, unit, function, to_server, packet, out)
            elif to_server:
                self._request(data, start, stop, transaction, unit, function, packet, out)
            elif not (function <= 4 and self._answer(data, start, stop, transaction, unit, function, packet, out)):
                self._response(data, start, stop, transaction, unit, function, packet, out)
            start = stop
        if end - start >= 4 and (data[start + 2] or data[start + 3]):
            self._wrong("protocol identifier not 0", data, start, end, to_server, packet, out)
            return end
        return start

    def _wrong(self, reason: str, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        told = {"problem": reason, "sample": data[start : min(end, start + 64)].hex()}
        out.append((packet, self._flow, to_server, NAME, "problem", "", "", "", end - start, told))

    def _write(
        self, data: bytes, start: int, transaction: int, unit: int, function: int, to_server: bool, packet: int, out: list[Plain]
    ) -> None:
        """One coil or register is written, or was: command and response are alike, and many in a plant, hence in one step."""
        address, value = PAIR(data, start + 8)
        if function == 5:
            value = 1 if value else 0
        code, thing = FUNCTIONS[function], range_of(AREAS[function], address, 1)
        key = transaction << 8 | unit
        fields: Fields
        if to_server:
            fields = {"transaction": transaction, "unit": unit, "function": function, "address": address, "value": value}
            self._remember(key, (function, address, -1, code, thing, None))
            out.append((packet, self._flow, True, NAME, "command", code, thing, "", 12, fields))
            return
        request = self._requests.pop(key, None)
        matched = request is not None and request[0] == function
        fields = {
            "transaction": transaction, "unit": unit, "function": function, "matched": matched, "address": address, "value": value,
        }  # fmt: skip
        out.append((packet, self._flow, False, NAME, "response", code, thing, "success", 12, fields))

    def _answer(
        self, data: bytes, start: int, stop: int, transaction: int, unit: int, function: int, packet: int, out: list[Plain]
    ) -> bool:
        """The values that were asked for, as many as were asked for: nearly all traffic of a plant, hence in one step. False if not."""
        request = self._requests.get(transaction << 8 | unit)
        if request is None or request[0] != function or stop - start < 9 or data[start + 8] != stop - start - 9:
            return False
        _, address, quantity, code, thing, _ = request
        values: list[int]
        if function >= 3:
            if stop - start - 9 != quantity * 2:
                return False
            values = list(words(quantity).unpack_from(data, start + 9))
        elif quantity & 7 or stop - start - 9 != quantity >> 3:
            return False
        else:
            values = bits_of(data, start + 9, stop)
        del self._requests[transaction << 8 | unit]
        fields = {
            "transaction": transaction, "unit": unit, "function": function, "matched": True, "address": address, "quantity": quantity,
            "values": values,
        }  # fmt: skip
        out.append((packet, self._flow, False, NAME, "response", code, thing, "success", stop - start, fields))
        return True

    def _remember(self, key: int, request: Request) -> None:
        requests = self._requests
        if len(requests) >= WAITING:
            del requests[next(iter(requests))]
        requests[key] = request

    def _request(
        self, data: bytes, start: int, stop: int, transaction: int, unit: int, function: int, packet: int, out: list[Plain]
    ) -> None:
        fields: Fields = {"transaction": transaction, "unit": unit, "function": function}
        code = FUNCTIONS.get(function) or f"function_{function}"
        read = REQUESTS.get(function, other)(data, start + 8, stop, fields)
        if read is None:
            self._wrong(f"a {code} request of {stop - start - 7} bytes is too short", data, start, stop, True, packet, out)
            return
        code, thing = read[0] or code, read[1]
        address, quantity = fields.get("address", -1), fields.get("quantity", -1)
        if function == 23:
            address, quantity = fields["read_address"], fields["read_quantity"]
        self._remember(transaction << 8 | unit, (function, address, quantity, code, thing, fields.get("records")))
        out.append((packet, self._flow, True, NAME, "command", code, thing, "", stop - start, fields))

    def _response(
        self, data: bytes, start: int, stop: int, transaction: int, unit: int, function: int, packet: int, out: list[Plain]
    ) -> None:
        request = self._requests.pop(transaction << 8 | unit, None)
        fields: Fields
        if request is not None and request[0] == function & 0x7F:
            _, address, quantity, code, thing, _ = request
            fields = {"transaction": transaction, "unit": unit, "function": request[0], "matched": True}
            if address >= 0:
                fields["address"] = address
            if quantity >= 0:
                fields["quantity"] = quantity
        else:
            request, code, thing = None, FUNCTIONS.get(function & 0x7F) or f"function_{function & 0x7F}", ""
            fields = {"transaction": transaction, "unit": unit, "function": function & 0x7F, "matched": False}
        if function & 0x80:
            self._refused(data, start, stop, code, thing, fields, packet, out)
            return
        read = RESPONSES.get(function, other_response)(data, start + 8, stop, fields, request)
        if read is None:
            self._wrong(f"a {code} response of {stop - start - 7} bytes is too short", data, start, stop, False, packet, out)
            return
        out.append((packet, self._flow, False, NAME, "response", read[0] or code, read[1] or thing, "success", stop - start, fields))

    def _refused(self, data: bytes, start: int, stop: int, code: str, thing: str, fields: Fields, packet: int, out: list[Plain]) -> None:
        """An exception: the function with its highest bit set, and a code."""
        if stop - start < 9:
            self._wrong(f"an exception of {code} without its code", data, start, stop, False, packet, out)
            return
        number = data[start + 8]
        fields["exception"], fields["exception_name"] = number, EXCEPTIONS.get(number) or f"exception_{number}"
        left_over(fields, start + 9, stop)
        out.append((packet, self._flow, False, NAME, "response", code, thing, "failure", stop - start, fields))
