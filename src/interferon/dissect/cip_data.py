"""What CIP requests and responses carry behind their heads: tag values, connections, PCCC. Called by `cip`. Pure.

Sources: ODVA, The CIP Networks Library, volume 1 (3-5.5 connection manager); Rockwell Automation 1756-PM020 and 1770-RM516.
A reader puts what it finds into a dict; what is cut or does not fit is left out.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct, calcsize, unpack_from
from typing import Any, Final, TypeAlias

from interferon.dissect import cip_names as names
from interferon.dissect.cip_path import path

SAMPLE: Final = 256  # octets of data that are told in hex
LISTED: Final = 256  # values that are told

SIZES: Final = {letter: calcsize(f"<{letter}") for _, letter in names.TYPES.values()}

Fields: TypeAlias = dict[str, Any]

_OPEN: Final = Struct("<BBIIHHIB3x").unpack_from
_CLOSE: Final = Struct("<BBHHIB").unpack_from
_OPENED: Final = Struct("<IIHHIII").unpack_from
CONNECTION_TYPES: Final = ("null", "multicast", "point_to_point", "reserved")
PRIORITIES: Final = ("low", "high", "scheduled", "urgent")
TRIGGERS: Final = ("cyclic", "change_of_state", "application")


def data(raw: bytes, at: int, end: int, told: Fields, key: str = "data") -> None:
    """Octets that are not read further: a sample in hex, and how many there are where those are more."""
    if at < end:
        told[key] = raw[at : min(end, at + SAMPLE)].hex()
        if end - at > SAMPLE:
            told["length"] = end - at


def text(raw: bytes, at: int, end: int) -> str:
    return raw[at:end].decode("utf-8", "backslashreplace").rstrip("\0 ")


def numbers(raw: bytes, at: int, end: int, told: Fields) -> None:
    """A count and as many attribute numbers."""
    if end - at < 2:
        return
    count = min(raw[at] | raw[at + 1] << 8, (end - at - 2) // 2)
    if count > LISTED:
        told["count"] = count
    told["attributes"] = list(unpack_from(f"<{min(count, LISTED)}H", raw, at + 2))


def typed(raw: bytes, at: int, end: int) -> bool:
    """Whether a known data type and at least one element stand here."""
    if end - at < 3:
        return False
    kind = raw[at] | raw[at + 1] << 8
    return kind == names.STRUCTURE or (kind in names.TYPES and end - at >= 2 + SIZES[names.TYPES[kind][1]])


def values(raw: bytes, at: int, end: int, told: Fields) -> None:
    """A data type, and elements of it to the end; of a structure its handle and octets."""
    if end - at < 2:
        return
    kind = raw[at] | raw[at + 1] << 8
    if kind == names.STRUCTURE and end - at >= 4:
        told["type"], told["structure"] = "structure", raw[at + 2] | raw[at + 3] << 8
        data(raw, at + 4, end, told)
        return
    elements(raw, at + 2, end, kind, told)


def elements(raw: bytes, at: int, end: int, kind: int, told: Fields) -> None:
    known = names.TYPES.get(kind)
    told["type"] = known[0] if known else f"type_{kind}"
    if known is None:
        data(raw, at, end, told)
        return
    size = SIZES[known[1]]
    if end - at == size:
        (told["value"],) = _values(known[1], 1)(raw, at)
        if known[1] in "fd":
            told["value"] = _plain(told["value"])
        return
    count = (end - at) // size
    found = [_plain(each) for each in _values(known[1], min(count, LISTED))(raw, at)]
    if count > LISTED:
        told["count"] = count
    if len(found) == 1:
        told["value"] = found[0]
    elif found:
        told["values"] = found


@lru_cache(1024)
def _values(letter: str, count: int) -> Callable[[bytes, int], tuple[Any, ...]]:
    return Struct(f"<{count}{letter}").unpack_from


def _plain(value: Any) -> Any:
    """JSON has no infinities and no NaN."""
    return None if isinstance(value, float) and value - value != 0 else value


def write(raw: bytes, at: int, end: int, told: Fields, fragmented: bool) -> None:
    """A data type, how many elements, where these begin of a fragment, and the elements."""
    size = 4 if end - at >= 4 and (raw[at] | raw[at + 1] << 8) == names.STRUCTURE else 2
    rest = at + size + (6 if fragmented else 2)
    if rest > end:
        return
    told["elements"] = raw[at + size] | raw[at + size + 1] << 8
    if fragmented:
        told["offset"] = int.from_bytes(raw[at + size + 2 : at + size + 6], "little")
    if size == 4:
        told["type"], told["structure"] = "structure", raw[at + 2] | raw[at + 3] << 8
        data(raw, rest, end, told)
    else:
        elements(raw, rest, end, raw[at] | raw[at + 1] << 8, told)


def masks(raw: bytes, at: int, end: int, told: Fields) -> None:
    """The OR and AND masks of read_modify_write_tag."""
    size = raw[at] | raw[at + 1] << 8 if end - at >= 2 else 0
    if size and end - at >= 2 + 2 * size:
        told["or_mask"], told["and_mask"] = raw[at + 2 : at + 2 + size].hex(), raw[at + 2 + size : at + 2 + 2 * size].hex()


def _parameters(value: int, large: bool) -> Fields:
    """Network connection parameters (volume 1, figures 3-5.3 and 3-5.4)."""
    high = value >> 16 if large else value
    return {
        "size": value & (0xFFFF if large else 0x1FF),
        "variable": high >> 9 & 1 > 0,
        "priority": PRIORITIES[high >> 10 & 3],
        "type": CONNECTION_TYPES[high >> 13 & 3],
        "redundant_owner": high >> 15 & 1 > 0,
    }


def opening(raw: bytes, at: int, end: int, told: Fields, large: bool) -> None:
    """The request forward_open; intervals are µs."""
    size = 4 if large else 2
    if end - at < 32 + 2 * size:
        return
    tick, ticks, to_target, to_originator, serial, number, originator, multiplier = _OPEN(raw, at)
    told |= {
        "timeout_ms": (1 << (tick & 15)) * ticks,
        "o_to_t": to_target,
        "t_to_o": to_originator,
        "connection_serial": serial,
        "originator_vendor": names.vendor(number),
        "originator_serial": originator,
        "timeout_multiplier": 4 << (multiplier & 7),
    }
    at += 22
    for way in ("o_to_t", "t_to_o"):
        interval = int.from_bytes(raw[at : at + 4], "little")
        told[f"{way}_parameters"] = {"rpi_us": interval, **_parameters(int.from_bytes(raw[at + 4 : at + 4 + size], "little"), large)}
        at += 4 + size
    transport = raw[at]
    told["transport_class"], told["trigger"] = transport & 15, TRIGGERS[min(transport >> 4 & 7, 2)]
    told["server"] = transport > 127
    route(raw, at + 1, end, told, padded=False)


def route(raw: bytes, at: int, end: int, told: Fields, padded: bool) -> None:
    """A path with its length in words before it, behind which an octet may be left free: `connection_path`."""
    if at >= end:
        return
    begin = at + 2 if padded else at + 1
    found = path(raw[begin : min(end, begin + 2 * raw[at])])
    told["connection_path"] = found.name
    told["connection_segments"] = found.segments


def closing(raw: bytes, at: int, end: int, told: Fields) -> None:
    """The request forward_close."""
    if end - at < 12:
        return
    tick, ticks, serial, number, originator, _ = _CLOSE(raw, at)
    told |= {
        "timeout_ms": (1 << (tick & 15)) * ticks,
        "connection_serial": serial,
        "originator_vendor": names.vendor(number),
        "originator_serial": originator,
    }
    route(raw, at + 10, end, told, padded=True)


def opened(raw: bytes, at: int, end: int, told: Fields) -> None:
    """What a target answers to a forward_open that it grants."""
    if end - at < 24:
        return
    to_target, to_originator, serial, number, originator, sent, got = _OPENED(raw, at)
    told |= {
        "o_to_t": to_target,
        "t_to_o": to_originator,
        "connection_serial": serial,
        "originator_vendor": names.vendor(number),
        "originator_serial": originator,
        "o_to_t_api_us": sent,
        "t_to_o_api_us": got,
    }


def refused(raw: bytes, at: int, end: int, told: Fields) -> None:
    """What is answered to a forward_open or forward_close, and all that is told of one that is refused."""
    if end - at >= 8:
        serial, number, originator = unpack_from("<HHI", raw, at)
        told |= {"connection_serial": serial, "originator_vendor": names.vendor(number), "originator_serial": originator}


def pccc(raw: bytes, at: int, end: int, told: Fields, answer: bool) -> str:
    """A PCCC message behind the requestor's id; the address in a data file that it is about, as `N7:0`, or ''."""
    if at >= end or end - at < raw[at] + 4 or raw[at] < 1:
        return ""
    if raw[at] >= 7:
        told["requestor_vendor"] = names.vendor(raw[at + 1] | raw[at + 2] << 8)
        told["requestor_serial"] = int.from_bytes(raw[at + 3 : at + 7], "little")
    at += raw[at]
    command = raw[at] & 0x0F
    inner: Fields = {"command": raw[at] & 0xBF, "status": raw[at + 1], "transaction": raw[at + 2] | raw[at + 3] << 8}
    told["pccc"] = inner
    at += 4
    if answer:
        data(raw, at, end, inner)
        return ""
    number = -1
    if command in (0x06, 0x07, 0x0F) and at < end:
        number, at = raw[at], at + 1
        inner["function_code"] = number
    inner["function"] = names.PCCC_FUNCTIONS.get((command, number)) or f"function_{number}"
    where = _file(raw, at, end, inner) if command == 0x0F and number in (0xA1, 0xA2, 0xA9, 0xAA, 0xAB) else ""
    if not where:
        data(raw, at, end, inner)
    return where


def _file(raw: bytes, at: int, end: int, inner: Fields) -> str:
    """Size, file, its type, element and in some functions the sub-element: each one octet, or 0xFF and two."""
    found: list[int] = []
    at_size, at = at, at + 1
    while len(found) < (3 if inner["function"].endswith("_2") else 4) and at < end:
        wide = raw[at] == 0xFF
        found.append(raw[at + 1] | raw[at + 2] << 8 if wide and end - at >= 3 else raw[at])
        at += 3 if wide else 1
    if len(found) < 3:
        return ""
    inner["size"] = raw[at_size]
    number, kind, element = found[:3]
    where = f"{names.FILE_TYPES.get(kind) or f'type{kind}_'}{number}:{element}"
    if len(found) > 3 and found[3]:
        where += f".{found[3]}"
    inner["address"] = where
    data(raw, at, end, inner)
    return where
