"""Items of the common packet format of EtherNet/IP: where the CIP lies, and those that carry none. Called by `enip`. Pure.

Source: ODVA, The CIP Networks Library, volume 2, 2-4 (commands) and 2-6 (items).
"""

from struct import Struct
from typing import Any, Final, TypeAlias

from interferon.dissect.cip_data import data as sample
from interferon.dissect.cip_data import text
from interferon.dissect.cip_identity import device, identity

IDENTITY, CONNECTED_ADDRESS, CONNECTED, UNCONNECTED, SERVICES = 0x0C, 0xA1, 0xB1, 0xB2, 0x100
SEQUENCED: Final = 0x8002
SOCKETS: Final = {0x8000: "o_to_t_socket", 0x8001: "t_to_o_socket"}
LISTED: Final = 16  # items of other kinds that are told

_ITEM: Final = Struct("<HH").unpack_from
_LONG: Final = Struct("<I").unpack_from
_CPF: Final = Struct("<IHH").unpack_from
_CONNECTED: Final = Struct("<IHHHHIHHH").unpack_from  # command data of the two usual items
_UNCONNECTED: Final = Struct("<IHHIHH").unpack_from  # the same where no connection was opened

Fields: TypeAlias = dict[str, Any]


def layout(data: bytes, at: int, stop: int, fields: Fields) -> tuple[int, int]:
    """Where the CIP lies in command data; what its items tell otherwise goes into `fields`. (0, 0) where there is none."""
    if stop - at >= 22 and data[at + 6] == 2:
        if data[at + 8] == CONNECTED_ADDRESS:
            interface, timeout, count, first, size, connection, second, length, sequence = _CONNECTED(data, at)
            if (
                first == CONNECTED_ADDRESS
                and second == CONNECTED
                and count == 2
                and size == 4
                and length == stop - at - 20
                and not interface
            ):
                fields["connection_id"], fields["sequence"] = connection, sequence
                if timeout:
                    fields["timeout_s"] = timeout
                return at + 22, stop
        else:
            interface, timeout, count, null, second, length = _UNCONNECTED(data, at)
            if second == UNCONNECTED and count == 2 and length == stop - at - 16 and not interface and not null:
                if timeout:
                    fields["timeout_s"] = timeout
                return at + 16, stop
    if stop - at < 8:
        return 0, 0
    interface, timeout, count = _CPF(data, at)
    if interface:
        fields["interface"] = interface
    if timeout:
        fields["timeout_s"] = timeout
    place, begin, behind = at + 8, 0, 0
    for _ in range(count):
        if stop - place < 4:
            fields["malformed"] = f"{count} items are told, fewer are there"
            break
        kind, size = _ITEM(data, place)
        place += 4 + size
        if place > stop:
            fields["malformed"] = f"an item of {size} octets, {stop - place + size} are there"
            break
        if kind == CONNECTED:
            begin, behind = place - size + 2, place
            if size >= 2:
                fields["sequence"] = data[begin - 2] | data[begin - 1] << 8
        elif kind == UNCONNECTED:
            begin, behind = place - size, place
        elif kind == CONNECTED_ADDRESS and size == 4:
            (fields["connection_id"],) = _LONG(data, place - 4)
        elif size:
            item(data, kind, place - size, place, fields)
    return begin, behind


def listed(data: bytes, at: int, stop: int, fields: Fields) -> None:
    """The items of a reply to list_identity, list_services or list_interfaces."""
    count, place = data[at] | data[at + 1] << 8, at + 2
    for _ in range(count):
        if stop - place < 4:
            fields["malformed"] = f"{count} items are told, fewer are there"
            return
        kind, size = _ITEM(data, place)
        place += 4 + size
        if place > stop:
            fields["malformed"] = f"an item of {size} octets, {stop - place + size} are there"
            return
        item(data, kind, place - size, place, fields)


def item(data: bytes, kind: int, at: int, stop: int, fields: Fields) -> None:
    """An item that carries no CIP."""
    told: Fields
    if kind == IDENTITY and "identity" not in fields and stop - at >= 33:
        told = {"protocol_version": data[at] | data[at + 1] << 8, "socket": _socket(data, at + 2)}
        behind = identity(data, at + 18, stop, told)
        if behind > at + 18:
            if behind < stop:
                told["state"] = data[behind]
            fields["identity"], fields["device"] = told, device(told)
            return
    if kind == SERVICES and stop - at >= 20:
        version, flags = _ITEM(data, at)
        service = {"protocol_version": version, "capabilities": flags, "name": text(data, at + 4, at + 20).split("\0")[0]}
        fields.setdefault("services", []).append(service)
        return
    if kind in SOCKETS and stop - at >= 16:
        fields[SOCKETS[kind]] = _socket(data, at)
        return
    if kind == SEQUENCED and stop - at == 8:
        fields["connection_id"], fields["address_sequence"] = _LONG(data, at)[0], _LONG(data, at + 4)[0]
        return
    more = fields.setdefault("items", [])
    if len(more) == LISTED:
        fields["items_count"] = fields.get("items_count", LISTED) + 1
    else:
        told = {"type": kind}
        sample(data, at, stop, told)
        more.append(told)


def _socket(data: bytes, at: int) -> str:
    """A socket address (2-6.3.3), whose numbers are big-endian: `10.0.0.5:2222`."""
    return f"{'.'.join(str(each) for each in data[at + 4 : at + 8])}:{data[at + 2] << 8 | data[at + 3]}"
