"""Modbus/TCP and Modbus over UDP: requests and responses of every public function, paired by transaction and unit. Pure.

One of `dissect.dissectors`. A response carries what its request asked for (`address`, `quantity`) where that was captured: `matched`.
Sources: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from struct import Struct
from typing import Any, Final, TypeAlias

from interferon.dissect.message import Plain

NAME: Final = "modbus"
TCP: Final = (502,)
UDP: Final = (502,)

FUNCTIONS: Final = {
    1: "read_coils", 2: "read_discrete_inputs", 3: "read_holding_registers", 4: "read_input_registers", 5: "write_single_coil",
    6: "write_single_register", 7: "read_exception_status", 8: "diagnostics", 9: "program_484", 10: "poll_484",
    11: "get_comm_event_counter", 12: "get_comm_event_log", 13: "program_controller", 14: "poll_controller", 15: "write_multiple_coils",
    16: "write_multiple_registers", 17: "report_server_id", 18: "program_884", 19: "reset_communication_link", 20: "read_file_record",
    21: "write_file_record", 22: "mask_write_register", 23: "read_write_multiple_registers", 24: "read_fifo_queue",
    43: "encapsulated_interface_transport",
}  # fmt: skip
EXCEPTIONS: Final = {
    1: "illegal_function", 2: "illegal_data_address", 3: "illegal_data_value", 4: "server_device_failure", 5: "acknowledge",
    6: "server_device_busy", 7: "negative_acknowledge", 8: "memory_parity_error", 10: "gateway_path_unavailable",
    11: "gateway_target_device_failed_to_respond",
}  # fmt: skip
DIAGNOSTICS: Final = {
    0: "return_query_data", 1: "restart_communications_option", 2: "return_diagnostic_register", 3: "change_ascii_input_delimiter",
    4: "force_listen_only_mode", 10: "clear_counters_and_diagnostic_register", 11: "return_bus_message_count",
    12: "return_bus_communication_error_count", 13: "return_bus_exception_error_count", 14: "return_server_message_count",
    15: "return_server_no_response_count", 16: "return_server_nak_count", 17: "return_server_busy_count",
    18: "return_bus_character_overrun_count", 20: "clear_overrun_counter_and_flag",
}  # fmt: skip
READ_CODES: Final = {1: "basic", 2: "regular", 3: "extended", 4: "specific"}
INTERFACES: Final = {13: "canopen_general_reference", 14: "read_device_identification"}  # MEI types
OBJECTS: Final = (
    "vendor_name", "product_code", "major_minor_revision", "vendor_url", "product_name", "model_name", "user_application_name",
)  # fmt: skip
AREAS: Final = {1: "coils", 2: "discrete", 3: "holding", 4: "input", 5: "coils", 6: "holding", 15: "coils", 16: "holding"}

COIL: Final = (b"\xff\0", b"\0\0")  # what a coil is set to: on, off
LONGEST: Final = 260  # of the length field; 254 by the guide
WAITING: Final = 256  # requests without a response that are remembered
_HEAD: Final = Struct(">HHHBB").unpack_from
_PAIR: Final = Struct(">HH").unpack_from
_TRIPLE: Final = Struct(">HHH").unpack_from
_BITS: Final = tuple(tuple(byte >> place & 1 for place in range(8)) for byte in range(256))

Fields: TypeAlias = dict[str, Any]
Read: TypeAlias = tuple[str, str] | None  # code (`` for the function's own) and object; None where the message is too short
Request: TypeAlias = tuple[int, int, int, str, str, Any]  # function, address, quantity, code, object, what else its response needs


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
                address, quantity = _PAIR(data, start + 8)
                fields = {"transaction": transaction, "unit": unit, "function": function, "address": address, "quantity": quantity}
                code, thing = FUNCTIONS[function], _range(AREAS[function], address, quantity)
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
        address, value = _PAIR(data, start + 8)
        if function == 5:
            value = 1 if value else 0
        code, thing = FUNCTIONS[function], _range(AREAS[function], address, 1)
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
            values = list(_words(quantity).unpack_from(data, start + 9))
        elif quantity & 7 or stop - start - 9 != quantity >> 3:
            return False
        else:
            values = _bits(data, start + 9, stop)
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
        read = REQUESTS.get(function, _other)(data, start + 8, stop, fields)
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
        read = RESPONSES.get(function, _other_response)(data, start + 8, stop, fields, request)
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
        _left(fields, start + 9, stop)
        out.append((packet, self._flow, False, NAME, "response", code, thing, "failure", stop - start, fields))


@lru_cache(4096)
def _range(area: str, address: int, quantity: int) -> str:
    return f"{area}:{address}" if quantity <= 1 else f"{area}:{address}-{address + quantity - 1}"


@cache
def _words(count: int) -> Struct:
    return Struct(f">{count}H")


def _registers(data: bytes, at: int, end: int) -> list[int]:
    """The whole 16-bit registers of data[at:end]."""
    return list(_words((end - at) // 2).unpack_from(data, at))


def _bits(data: bytes, at: int, end: int) -> list[int]:
    """The bits of data[at:end], the lowest of each byte first."""
    found: list[int] = []
    for byte in data[at:end]:
        found += _BITS[byte]
    return found


def _left(fields: Fields, at: int, stop: int) -> None:
    """Bytes behind what the function defines are a sign of a wrong or forged frame."""
    if at < stop:
        fields["malformed"] = f"{stop - at} bytes too many"


def _counted(data: bytes, at: int, stop: int, fields: Fields) -> int:
    """Where the bytes end whose count stands at `at`."""
    end = at + 1 + data[at]
    if end > stop:
        fields["malformed"] = f"{data[at]} bytes are told, {stop - at - 1} are there"
        return stop
    _left(fields, end, stop)
    return end


# Requests: (data, at, stop, fields) -> code and object; `at` is behind the function


def _read(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 1 to 4."""
    if stop - at < 4:
        return None
    fields["address"], fields["quantity"] = _PAIR(data, at)
    _left(fields, at + 4, stop)
    return "", _range(AREAS[fields["function"]], fields["address"], fields["quantity"])


def _write_one(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 5 and 6; of a coil 0xFF00 is on and 0 is off."""
    if stop - at < 4:
        return None
    function = fields["function"]
    address, value = _PAIR(data, at)
    if function == 5 and value == 0xFF00:
        value = 1
    elif function == 5 and value:
        fields["malformed"] = f"a coil is 0 or 65280, not {value}"
    fields["address"], fields["value"] = address, value
    if stop - at > 4:
        _left(fields, at + 4, stop)
    return "", _range(AREAS[function], address, 1)


def _write_many(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 15 and 16."""
    if stop - at < 5:
        return None
    function = fields["function"]
    address, quantity = _PAIR(data, at)
    end = _counted(data, at + 4, stop, fields)
    values = _bits(data, at + 5, end) if function == 15 else _registers(data, at + 5, end)
    if len(values) < quantity or (function == 16 and len(values) > quantity):
        fields["malformed"] = f"{quantity} values are told, {len(values)} are there"
    fields["address"], fields["quantity"] = address, quantity
    fields["values"] = values = values[:quantity] if function == 15 else values
    if len(values) == 1:
        fields["value"] = values[0]
    return "", _range(AREAS[function], address, quantity)


def _nothing(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 7, 11, 12 and 17 ask without a word."""
    _left(fields, at, stop)
    return "", ""


def _diagnostics(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 8, request and response alike."""
    if stop - at < 2:
        return None
    number = data[at] << 8 | data[at + 1]
    fields["sub_function"], fields["sub_function_name"] = number, DIAGNOSTICS.get(number) or f"sub_function_{number}"
    fields["data"] = data[at + 2 : stop].hex()
    return "", f"diagnostics:{fields['sub_function_name']}"


def _files(records: list[Fields]) -> str:
    return ",".join(f"file:{record['file']}:{record['record']}" for record in records)


def _read_files(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 20: sub-requests of seven bytes."""
    if stop - at < 1:
        return None
    end = _counted(data, at, stop, fields)
    records: list[Fields] = []
    fields["records"] = records
    at += 1
    while end - at >= 7:
        file, record, length = _TRIPLE(data, at + 1)
        records.append({"reference_type": data[at], "file": file, "record": record, "length": length})
        at += 7
    if at < end:
        fields["malformed"] = f"a sub-request of {end - at} bytes, not 7"
    return "", _files(records)


def _write_files(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 21, request and response alike: sub-requests, each with its registers."""
    if stop - at < 1:
        return None
    end = _counted(data, at, stop, fields)
    records: list[Fields] = []
    fields["records"] = records
    at += 1
    while end - at >= 7:
        file, record, length = _TRIPLE(data, at + 1)
        behind = at + 7 + length * 2
        if behind > end:
            break
        values = _registers(data, at + 7, behind)
        records.append({"reference_type": data[at], "file": file, "record": record, "length": length, "values": values})
        at = behind
    if at < end:
        fields["malformed"] = f"a sub-request goes beyond its {end - at} bytes"
    if len(records) == 1 and len(records[0]["values"]) == 1:
        fields["value"] = records[0]["values"][0]
    return "", _files(records)


def _mask(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 22, request and response alike."""
    if stop - at < 6:
        return None
    fields["address"], fields["and_mask"], fields["or_mask"] = _TRIPLE(data, at)
    _left(fields, at + 6, stop)
    return "", f"holding:{fields['address']}"


def _read_write(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 23: what is written is the object of the command."""
    if stop - at < 9:
        return None
    fields["read_address"], fields["read_quantity"] = _PAIR(data, at)
    address, quantity = _PAIR(data, at + 4)
    fields["write_address"], fields["write_quantity"] = address, quantity
    end = _counted(data, at + 8, stop, fields)
    values = _registers(data, at + 9, end)
    if len(values) != quantity:
        fields["malformed"] = f"{quantity} values are told, {len(values)} are there"
    fields["values"] = values
    if len(values) == 1:
        fields["value"] = values[0]
    return "", _range("holding", address, quantity)


def _fifo(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 24."""
    if stop - at < 2:
        return None
    fields["address"] = data[at] << 8 | data[at + 1]
    _left(fields, at + 2, stop)
    return "", f"fifo:{fields['address']}"


def _interface(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 43: read device identification, or another encapsulated interface as hex."""
    if stop - at < 1:
        return None
    kind = fields["mei_type"] = data[at]
    if kind != 14:
        fields["data"] = data[at + 1 : stop].hex()
        return INTERFACES.get(kind, ""), ""
    if stop - at < 3:
        return None
    fields["read_code"], fields["object_id"] = data[at + 1], data[at + 2]
    _left(fields, at + 3, stop)
    return INTERFACES[14], _identification(data[at + 1])


def _identification(read_code: int) -> str:
    return f"identification:{READ_CODES.get(read_code, read_code)}"


def _other(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """A function without a public definition: its bytes as hex."""
    fields["data"] = data[at:stop].hex()
    return "", ""


# Responses: (data, at, stop, fields, request or None) -> code and object ('' for the request's)


def _values(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Functions 1 to 4; the bits behind the quantity that was asked for are `padding`."""
    if stop - at < 1:
        return None
    end = at + 1 + data[at]
    if end != stop:
        end = _counted(data, at, stop, fields)
    if fields["function"] >= 3:
        if (end - at) & 1 == 0:
            fields["malformed"] = f"{end - at - 1} bytes are no whole registers"
        values = _registers(data, at + 1, end)
        if request is not None and len(values) != request[2]:
            fields["malformed"] = f"{request[2]} values were asked for, {len(values)} are there"
    else:
        values = _bits(data, at + 1, end)
        if request is not None:
            if (request[2] + 7) // 8 != end - at - 1:
                fields["malformed"] = f"{request[2]} values were asked for, {end - at - 1} bytes are there"
            if len(values) > request[2]:
                fields["padding"] = values[request[2] :]
                values = values[: request[2]]
    fields["values"] = values
    return "", ""


def _written(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Functions 5 and 6 say the request again."""
    return _write_one(data, at, stop, fields)


def _written_many(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Functions 15 and 16 tell where and how many."""
    return _read(data, at, stop, fields)


def _status(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 7: eight bits."""
    if stop - at < 1:
        return None
    fields["status"] = data[at]
    _left(fields, at + 1, stop)
    return "", ""


def _diagnosed(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return _diagnostics(data, at, stop, fields)


def _event_counter(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 11."""
    if stop - at < 4:
        return None
    fields["status"], fields["event_count"] = _PAIR(data, at)
    _left(fields, at + 4, stop)
    return "", ""


def _event_log(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 12."""
    if stop - at < 7:
        return None
    end = _counted(data, at, stop, fields)
    fields["status"], fields["event_count"], fields["message_count"] = _TRIPLE(data, at + 1)
    fields["events"] = list(data[at + 7 : end])
    return "", ""


def _server(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 17: what the device says of itself, in a form of its own."""
    if stop - at < 1:
        return None
    end = _counted(data, at, stop, fields)
    fields["data"], fields["text"] = data[at + 1 : end].hex(), _text(data[at + 1 : end])
    return "", ""


def _text(data: bytes) -> str:
    return data.decode("ascii", "backslashreplace")


def _file_values(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 20; which file and record it is only the request tells."""
    if stop - at < 1:
        return None
    end = _counted(data, at, stop, fields)
    asked = request[5] if request is not None else []
    records: list[Fields] = []
    fields["records"] = records
    at += 1
    while end - at >= 2:
        behind = at + 1 + data[at]
        if data[at] < 1 or behind > end:
            break
        about = asked[len(records)] if len(records) < len(asked) else {}
        records.append({**about, "reference_type": data[at + 1], "values": _registers(data, at + 2, behind)})
        at = behind
    if at < end:
        fields["malformed"] = f"a sub-response goes beyond its {end - at} bytes"
    return "", ""


def _files_written(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return _write_files(data, at, stop, fields)


def _masked(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return _mask(data, at, stop, fields)


def _read_written(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 23: only what was read comes back."""
    if stop - at < 1:
        return None
    end = _counted(data, at, stop, fields)
    fields["values"] = _registers(data, at + 1, end)
    return "", _range("holding", request[1], request[2]) if request is not None else ""


def _queue(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 24: two counts, of bytes and of registers."""
    if stop - at < 2:
        return None
    told, behind = data[at] << 8 | data[at + 1], min(stop, at + 2 + (data[at] << 8 | data[at + 1]))
    fields["fifo_count"] = data[at + 2] << 8 | data[at + 3] if behind - at >= 4 else 0
    fields["values"] = _registers(data, at + 4, behind) if behind > at + 4 else []
    if at + 2 + told != stop:
        fields["malformed"] = f"{told} bytes are told, {stop - at - 2} are there"
    return "", ""


def _identified(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 43: the objects of a device's identification."""
    if stop - at < 1:
        return None
    kind = fields["mei_type"] = data[at]
    if kind != 14:
        fields["data"] = data[at + 1 : stop].hex()
        return INTERFACES.get(kind, ""), ""
    if stop - at < 6:
        return None
    fields["read_code"], fields["conformity"], fields["more_follows"] = data[at + 1], data[at + 2], data[at + 3] == 0xFF
    fields["next_object_id"], told = data[at + 4], data[at + 5]
    found: list[Fields] = []
    place = at + 6
    while len(found) < told and place + 2 <= stop and place + 2 + data[place + 1] <= stop:
        number, behind = data[place], place + 2 + data[place + 1]
        label = OBJECTS[number] if number < len(OBJECTS) else f"object_{number}"
        found.append({"id": number, "name": label, "text": _text(data[place + 2 : behind])})
        place = behind
    fields["objects"] = found
    if len(found) < told:
        fields["malformed"] = f"{told} objects are told, {len(found)} are there"
    else:
        _left(fields, place, stop)
    return INTERFACES[14], _identification(data[at + 1])


def _other_response(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return _other(data, at, stop, fields)


REQUESTS: Final[dict[int, Callable[[bytes, int, int, Fields], Read]]] = {
    **dict.fromkeys((1, 2, 3, 4), _read), 5: _write_one, 6: _write_one, 7: _nothing, 8: _diagnostics, 11: _nothing, 12: _nothing,
    15: _write_many, 16: _write_many, 17: _nothing, 20: _read_files, 21: _write_files, 22: _mask, 23: _read_write, 24: _fifo,
    43: _interface,
}  # fmt: skip
RESPONSES: Final[dict[int, Callable[[bytes, int, int, Fields, Request | None], Read]]] = {
    **dict.fromkeys((1, 2, 3, 4), _values), 5: _written, 6: _written, 7: _status, 8: _diagnosed, 11: _event_counter, 12: _event_log,
    15: _written_many, 16: _written_many, 17: _server, 20: _file_values, 21: _files_written, 22: _masked, 23: _read_written, 24: _queue,
    43: _identified,
}  # fmt: skip
