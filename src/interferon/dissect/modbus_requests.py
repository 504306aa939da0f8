"""Modbus requests by function: (data, at, stop, fields) → code and object; `at` is behind the function. Pure; used by `modbus`."""

from collections.abc import Callable
from typing import Final

from interferon.dissect.modbus_fields import (
    AREAS,
    DIAGNOSTICS,
    INTERFACES,
    PAIR,
    READ_CODES,
    TRIPLE,
    Fields,
    Read,
    bits_of,
    counted,
    left_over,
    range_of,
    registers_of,
)


def read(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 1 to 4."""
    if stop - at < 4:
        return None
    fields["address"], fields["quantity"] = PAIR(data, at)
    left_over(fields, at + 4, stop)
    return "", range_of(AREAS[fields["function"]], fields["address"], fields["quantity"])


def write_one(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 5 and 6; of a coil 0xFF00 is on and 0 is off."""
    if stop - at < 4:
        return None
    function = fields["function"]
    address, value = PAIR(data, at)
    if function == 5 and value == 0xFF00:
        value = 1
    elif function == 5 and value:
        fields["malformed"] = f"a coil is 0 or 65280, not {value}"
    fields["address"], fields["value"] = address, value
    if stop - at > 4:
        left_over(fields, at + 4, stop)
    return "", range_of(AREAS[function], address, 1)


def write_many(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 15 and 16."""
    if stop - at < 5:
        return None
    function = fields["function"]
    address, quantity = PAIR(data, at)
    end = counted(data, at + 4, stop, fields)
    values = bits_of(data, at + 5, end) if function == 15 else registers_of(data, at + 5, end)
    if len(values) < quantity or (function == 16 and len(values) > quantity):
        fields["malformed"] = f"{quantity} values are told, {len(values)} are there"
    fields["address"], fields["quantity"] = address, quantity
    fields["values"] = values = values[:quantity] if function == 15 else values
    if len(values) == 1:
        fields["value"] = values[0]
    return "", range_of(AREAS[function], address, quantity)


def nothing(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Functions 7, 11, 12 and 17 ask without a word."""
    left_over(fields, at, stop)
    return "", ""


def diagnostics(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 8, request and response alike."""
    if stop - at < 2:
        return None
    number = data[at] << 8 | data[at + 1]
    fields["sub_function"], fields["sub_function_name"] = number, DIAGNOSTICS.get(number) or f"sub_function_{number}"
    fields["data"] = data[at + 2 : stop].hex()
    return "", f"diagnostics:{fields['sub_function_name']}"


def files_of(records: list[Fields]) -> str:
    return ",".join(f"file:{record['file']}:{record['record']}" for record in records)


def _read_files(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 20: sub-requests of seven bytes."""
    if stop - at < 1:
        return None
    end = counted(data, at, stop, fields)
    records: list[Fields] = []
    fields["records"] = records
    at += 1
    while end - at >= 7:
        file, record, length = TRIPLE(data, at + 1)
        records.append({"reference_type": data[at], "file": file, "record": record, "length": length})
        at += 7
    if at < end:
        fields["malformed"] = f"a sub-request of {end - at} bytes, not 7"
    return "", files_of(records)


def write_files(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 21, request and response alike: sub-requests, each with its registers."""
    if stop - at < 1:
        return None
    end = counted(data, at, stop, fields)
    records: list[Fields] = []
    fields["records"] = records
    at += 1
    while end - at >= 7:
        file, record, length = TRIPLE(data, at + 1)
        behind = at + 7 + length * 2
        if behind > end:
            break
        values = registers_of(data, at + 7, behind)
        records.append({"reference_type": data[at], "file": file, "record": record, "length": length, "values": values})
        at = behind
    if at < end:
        fields["malformed"] = f"a sub-request goes beyond its {end - at} bytes"
    if len(records) == 1 and len(records[0]["values"]) == 1:
        fields["value"] = records[0]["values"][0]
    return "", files_of(records)


def mask(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 22, request and response alike."""
    if stop - at < 6:
        return None
    fields["address"], fields["and_mask"], fields["or_mask"] = TRIPLE(data, at)
    left_over(fields, at + 6, stop)
    return "", f"holding:{fields['address']}"


def read_write(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 23: what is written is the object of the command."""
    if stop - at < 9:
        return None
    fields["read_address"], fields["read_quantity"] = PAIR(data, at)
    address, quantity = PAIR(data, at + 4)
    fields["write_address"], fields["write_quantity"] = address, quantity
    end = counted(data, at + 8, stop, fields)
    values = registers_of(data, at + 9, end)
    if len(values) != quantity:
        fields["malformed"] = f"{quantity} values are told, {len(values)} are there"
    fields["values"] = values
    if len(values) == 1:
        fields["value"] = values[0]
    return "", range_of("holding", address, quantity)


def _fifo(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """Function 24."""
    if stop - at < 2:
        return None
    fields["address"] = data[at] << 8 | data[at + 1]
    left_over(fields, at + 2, stop)
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
    left_over(fields, at + 3, stop)
    return INTERFACES[14], identification(data[at + 1])


def identification(read_code: int) -> str:
    return f"identification:{READ_CODES.get(read_code, read_code)}"


def other(data: bytes, at: int, stop: int, fields: Fields) -> Read:
    """A function without a public definition: its bytes as hex."""
    fields["data"] = data[at:stop].hex()
    return "", ""


REQUESTS: Final[dict[int, Callable[[bytes, int, int, Fields], Read]]] = {
    **dict.fromkeys((1, 2, 3, 4), read), 5: write_one, 6: write_one, 7: nothing, 8: diagnostics, 11: nothing, 12: nothing,
    15: write_many, 16: write_many, 17: nothing, 20: _read_files, 21: write_files, 22: mask, 23: read_write, 24: _fifo,
    43: _interface,
}  # fmt: skip
