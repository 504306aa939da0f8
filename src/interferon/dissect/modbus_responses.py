"""Modbus responses by function: (data, at, stop, fields, request or None) → code and object, '' for the request's. Used by `modbus`."""

from collections.abc import Callable
from typing import Final

from interferon.dissect.modbus_fields import (
    INTERFACES,
    OBJECTS,
    PAIR,
    TRIPLE,
    Fields,
    Read,
    Request,
    bits_of,
    counted,
    left_over,
    range_of,
    registers_of,
)
from interferon.dissect.modbus_requests import diagnostics, identification, mask, other, read, write_files, write_one


def _values(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Functions 1 to 4; the bits behind the quantity that was asked for are `padding`."""
    if stop - at < 1:
        return None
    end = at + 1 + data[at]
    if end != stop:
        end = counted(data, at, stop, fields)
    if fields["function"] >= 3:
        if (end - at) & 1 == 0:
            fields["malformed"] = f"{end - at - 1} bytes are no whole registers"
        values = registers_of(data, at + 1, end)
        if request is not None and len(values) != request[2]:
            fields["malformed"] = f"{request[2]} values were asked for, {len(values)} are there"
    else:
        values = bits_of(data, at + 1, end)
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
    return write_one(data, at, stop, fields)


def _written_many(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Functions 15 and 16 tell where and how many."""
    return read(data, at, stop, fields)


def _status(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 7: eight bits."""
    if stop - at < 1:
        return None
    fields["status"] = data[at]
    left_over(fields, at + 1, stop)
    return "", ""


def _diagnosed(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return diagnostics(data, at, stop, fields)


def _event_counter(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 11."""
    if stop - at < 4:
        return None
    fields["status"], fields["event_count"] = PAIR(data, at)
    left_over(fields, at + 4, stop)
    return "", ""


def _event_log(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 12."""
    if stop - at < 7:
        return None
    end = counted(data, at, stop, fields)
    fields["status"], fields["event_count"], fields["message_count"] = TRIPLE(data, at + 1)
    fields["events"] = list(data[at + 7 : end])
    return "", ""


def _server(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 17: what the device says of itself, in a form of its own."""
    if stop - at < 1:
        return None
    end = counted(data, at, stop, fields)
    fields["data"], fields["text"] = data[at + 1 : end].hex(), _text(data[at + 1 : end])
    return "", ""


def _text(data: bytes) -> str:
    return data.decode("ascii", "backslashreplace")


def _file_values(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 20; which file and record it is only the request tells."""
    if stop - at < 1:
        return None
    end = counted(data, at, stop, fields)
    asked = request[5] if request is not None else []
    records: list[Fields] = []
    fields["records"] = records
    at += 1
    while end - at >= 2:
        behind = at + 1 + data[at]
        if data[at] < 1 or behind > end:
            break
        about = asked[len(records)] if len(records) < len(asked) else {}
        records.append({**about, "reference_type": data[at + 1], "values": registers_of(data, at + 2, behind)})
        at = behind
    if at < end:
        fields["malformed"] = f"a sub-response goes beyond its {end - at} bytes"
    return "", ""


def _files_written(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return write_files(data, at, stop, fields)


def _masked(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return mask(data, at, stop, fields)


def _read_written(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 23: only what was read comes back."""
    if stop - at < 1:
        return None
    end = counted(data, at, stop, fields)
    fields["values"] = registers_of(data, at + 1, end)
    return "", range_of("holding", request[1], request[2]) if request is not None else ""


def _queue(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    """Function 24: two counts, of bytes and of registers."""
    if stop - at < 2:
        return None
    told, behind = data[at] << 8 | data[at + 1], min(stop, at + 2 + (data[at] << 8 | data[at + 1]))
    fields["fifo_count"] = data[at + 2] << 8 | data[at + 3] if behind - at >= 4 else 0
    fields["values"] = registers_of(data, at + 4, behind) if behind > at + 4 else []
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
        left_over(fields, place, stop)
    return INTERFACES[14], identification(data[at + 1])


def other_response(data: bytes, at: int, stop: int, fields: Fields, request: Request | None) -> Read:
    return other(data, at, stop, fields)


RESPONSES: Final[dict[int, Callable[[bytes, int, int, Fields, Request | None], Read]]] = {
    **dict.fromkeys((1, 2, 3, 4), _values), 5: _written, 6: _written, 7: _status, 8: _diagnosed, 11: _event_counter, 12: _event_log,
    15: _written_many, 16: _written_many, 17: _server, 20: _file_values, 21: _files_written, 22: _masked, 23: _read_written, 24: _queue,
    43: _identified,
}  # fmt: skip
