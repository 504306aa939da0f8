"""S7comm items, values, block names and system status lists as plain values. Pure; called by `dissect.s7comm`.

The protocol is not published; the layout is the one that the Siemens controllers and their free clients agree on.
"""

import math
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

AREAS: Final = {
    0x03: "system_info",
    0x05: "system_flags",
    0x06: "AI",
    0x07: "AQ",
    0x1C: "C",
    0x1D: "T",
    0x1E: "IEC_C",
    0x1F: "IEC_T",
    0x80: "P",
    0x81: "I",
    0x82: "Q",
    0x83: "M",
    0x84: "DB",
    0x85: "DI",
    0x86: "L",
    0x87: "V",
}
NUMBERED: Final = (0x1C, 0x1D, 0x1E, 0x1F)  # areas whose address is the number of a counter or timer, not of a bit
SIZES: Final = {  # of an item: name, letter of its address, struct format where it is a number
    0x01: ("bit", "X", "?"),
    0x02: ("byte", "B", "B"),
    0x03: ("char", "B", ""),
    0x04: ("word", "W", "H"),
    0x05: ("int", "W", "h"),
    0x06: ("dword", "D", "I"),
    0x07: ("dint", "D", "i"),
    0x08: ("real", "D", "f"),
    0x09: ("date", "W", "H"),
    0x0A: ("time_of_day", "D", "I"),
    0x0B: ("time", "D", "i"),
    0x0C: ("s5time", "W", "H"),
    0x0F: ("date_and_time", "B", ""),
    0x13: ("string", "B", ""),
    0x1C: ("counter", "", "H"),
    0x1D: ("timer", "", "H"),
    0x1E: ("iec_counter", "", "H"),
    0x1F: ("iec_timer", "", "H"),
    0x20: ("hs_counter", "", "H"),
}
DATA_SIZES: Final = {
    0: "null",
    3: "bit",
    4: "byte",
    5: "integer",
    6: "dinteger",
    7: "real",
    9: "octets",
    0x10: "ncaddr_1",
    0x11: "ncaddr_2",
    0x12: "ncaddr_3",
}
IN_BITS: Final = (3, 4, 5)  # data sizes whose length counts bits
RETURNS: Final = {
    0x00: "reserved",
    0x01: "hardware_error",
    0x03: "access_denied",
    0x05: "invalid_address",
    0x06: "type_not_supported",
    0x07: "type_inconsistent",
    0x0A: "object_does_not_exist",
    0xFF: "success",
}
BLOCKS: Final = {"08": "OB", "09": "CMOD", "0A": "DB", "0B": "SDB", "0C": "FC", "0D": "SFC", "0E": "FB", "0F": "SFB"}
SYNTAXES: Final = {
    0x10: "s7any",
    0x13: "pbc_id",
    0x15: "alarm_lock",
    0x16: "alarm_indication",
    0x19: "alarm_query",
    0x1A: "notify_indication",
    0x82: "nck",
    0x83: "nck_metric",
    0x84: "nck_inch",
    0xA2: "drive_any",
    0xB0: "db_read",
    0xB2: "symbolic_1200",
}
VALUES: Final = 256  # values of one item that are listed; more stay as hex
LANGUAGES: Final = {
    1: "AWL",
    2: "KOP",
    3: "FUP",
    4: "SCL",
    5: "DB",
    6: "GRAPH",
    7: "SDB",
    8: "CPU_DB",
    0x11: "SDB_routing",
    0x29: "encrypted",
}

_FORMS: Final = {code: Struct(">" + code) for code in "BHhIif"}
_ANY: Final = Struct(">BBBBHHB").unpack_from


def item(data: bytes, at: int, end: int) -> tuple[dict[str, Any], int]:
    """A variable specification and where it ends (`end` where it is cut)."""
    if end - at < 3 or data[at] != 0x12:
        return {"address": data[at:end].hex(), "syntax": "unknown"}, end
    length, syntax = data[at + 1], data[at + 2]
    stop = min(at + 2 + length, end)
    if syntax == 0x10 and length == 10 and stop - at == 12:
        return _any_item(data, at), stop
    name = SYNTAXES.get(syntax) or f"syntax_{syntax:02x}"
    found: dict[str, Any] = {"syntax": name, "address": data[at + 3 : stop].hex()}
    if syntax == 0xB0 and stop - at >= 4:
        areas = [data[place : place + 5] for place in range(at + 4, stop - 4, 5)]
        parts = [{"count": part[0], "db": part[1] << 8 | part[2], "byte": part[3] << 8 | part[4]} for part in areas]
        found["parts"] = parts
        if parts:
            found["address"] = f"DB{parts[0]['db']}.DBB{parts[0]['byte']}"
    elif 0x82 <= syntax <= 0x84 and stop - at >= 10:
        unit = data[at + 3]
        column, line = data[at + 4] << 8 | data[at + 5], data[at + 6] << 8 | data[at + 7]
        found.update(area=unit >> 5, unit=unit & 31, column=column, line=line, module=data[at + 8], count=data[at + 9])
        found["address"] = f"NCK:{unit >> 5}.{unit & 31}:{data[at + 8]:02x}:{column}:{line}"
    return found, stop


def _any_item(data: bytes, at: int) -> dict[str, Any]:
    _, _, _, size, count, block, code = _ANY(data, at)
    place = data[at + 9] << 16 | data[at + 10] << 8 | data[at + 11]
    area = AREAS.get(code) or f"area_{code:02x}"
    name, letter, _ = SIZES.get(size, (f"size_{size:02x}", "", ""))
    found: dict[str, Any] = {"syntax": "s7any", "area": area, "type": name, "size_code": size, "count": count}
    if code in NUMBERED:
        found["address"] = f"{area}{place}"
        return found
    byte, bit = place >> 3, place & 7
    at_bit = f".{bit}" if size == 1 else ""
    if code in (0x84, 0x85):
        found["db"] = block
        found["address"] = f"{area}{block}.{area[:2]}{letter or 'B'}{byte}{at_bit}"
    else:
        found["address"] = f"{area}{'' if size == 1 else letter}{byte}{at_bit}"
    return found


def about(items: Sequence[dict[str, Any]]) -> str:
    """The addresses, at most four and then how many more; `*10` where an item has ten elements."""
    names = [f"{one['address']}*{one['count']}" if one.get("count", 1) != 1 else one["address"] for one in items[:4]]
    return ",".join(names) + (f",+{len(items) - 4}" if len(items) > 4 else "")


def data_item(data: bytes, at: int, end: int, size_code: int) -> tuple[dict[str, Any], int]:
    """The data of one item: return code, transport size, length, octets. `size_code` is that of the request's item, 0 unknown."""
    code, transport, length = data[at], data[at + 1], data[at + 2] << 8 | data[at + 3]
    octets = (length + 7) // 8 if transport in IN_BITS else length
    content = data[at + 4 : min(at + 4 + octets, end)]
    found: dict[str, Any] = {"return_code": code, "return": RETURNS.get(code) or f"return_{code:02x}"}
    if content:
        found["transport"] = DATA_SIZES.get(transport) or f"transport_{transport:02x}"
        found["data"] = content.hex()
        if len(content) == 1 and size_code != 3:
            found["value"] = content[0] & 1 if transport == 3 else content[0]
        elif values := _values(content, transport, size_code):
            found["value" if len(values) == 1 else "values"] = values[0] if len(values) == 1 else values
    if len(content) < octets:
        found["missing"] = octets - len(content)
    return found, at + 4 + octets


def _values(content: bytes, transport: int, size_code: int) -> list[Any]:
    """The numbers that the octets are, by the type that was asked for, else by their length; none where they are no numbers."""
    form = SIZES.get(size_code, ("", "", ""))[2] if size_code else {5: "h", 7: "f"}.get(transport, "")
    if form in ("", "?") and size_code != 3:
        form = {2: "H", 4: "I"}.get(len(content), "")
    shape = _FORMS.get(form)
    if shape is None or transport == 3 or len(content) % shape.size or len(content) // shape.size > VALUES:
        return []
    values = [value for (value,) in shape.iter_unpack(content)]
    return values if form != "f" else [value if math.isfinite(value) else None for value in values]


def block(name: bytes) -> dict[str, Any]:
    """A block's file name `_0A00001P`: kind, number, where it goes (P passive, A active, B both)."""
    plain = name.decode("latin-1")
    body = plain[1:] if len(plain) == 9 else plain
    found: dict[str, Any] = {"filename": plain}
    if len(body) == 8 and body[:2] in BLOCKS and body[2:7].isdecimal() and body[2:7].isascii():
        found.update(block=f"{BLOCKS[body[:2]]}{int(body[2:7])}", destination=body[7])
    return found


def text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("latin-1").strip()


ORDER_PARTS: Final = {1: "module", 6: "hardware", 7: "firmware", 0x81: "boot_loader"}
NAME_PARTS: Final = {
    1: "system_name",
    2: "module_name",
    3: "plant",
    4: "copyright",
    5: "serial_number",
    7: "module_type",
    8: "memory_card",
    9: "manufacturer",
    0xA: "oem",
    0xB: "location",
}


def status_list(data: bytes) -> dict[str, Any]:
    """A partial system status list: id, index, length and count of the records, and what the lists of identification say."""
    if len(data) < 8:
        return {}
    number, index, size, count = Struct(">HHHH").unpack_from(data)
    found: dict[str, Any] = {"szl_id": f"0x{number:04x}", "szl_index": index, "record_size": size, "record_count": count}
    if size < 2:
        return found
    records = [data[at : at + size] for at in range(8, min(8 + size * count, len(data) - size + 1), size)]
    known: dict[str, Any] = {}
    for record in records:
        part = record[0] << 8 | record[1]
        if number & 0xFF == 0x11 and size == 28:
            _order(record, part, known)
        elif number & 0xFF == 0x1C and size == 34 and part in NAME_PARTS:
            known[NAME_PARTS[part]] = text(record[2:26] if part != 8 else record[2:34])
    if known:
        found["identification"] = known
    return found


def _order(record: bytes, part: int, known: dict[str, Any]) -> None:
    name = ORDER_PARTS.get(part) or f"part_{part}"
    order, release, version = text(record[2:22]), record[24:26], record[26:28]
    if order:
        known.setdefault("order_number", order)
        known[f"{name}_order_number"] = order
    if release[:1] == b"V":
        known[f"{name}_version"] = f"V{release[1]}.{version[0]}.{version[1]}"
    else:
        known[f"{name}_version"] = release[0] << 8 | release[1]


def clock(data: bytes) -> str:
    """A controller's time of ten BCD octets, as ISO 8601 without a zone; '' where it is none."""
    digits = data[:10].hex()
    if len(digits) < 20 or not digits.isdecimal():
        return ""
    date = f"{'19' if digits[4:6] >= '84' else '20'}{digits[4:6]}-{digits[6:8]}-{digits[8:10]}"
    return f"{date}T{digits[10:12]}:{digits[12:14]}:{digits[14:16]}.{digits[16:19]}"


def block_info(data: bytes) -> dict[str, Any]:
    """What a controller tells of one of its blocks (78 octets): kind, number, language, lengths, author, family, name, version."""
    if len(data) < 78:
        return {}
    kind, number = data[11], data[12] << 8 | data[13]
    return {
        "block": f"{BLOCKS.get(f'{kind:02X}', f'block_{kind:02x}_')}{number}",
        "language": LANGUAGES.get(data[10]) or f"language_{data[10]:02x}",
        "load_size": int.from_bytes(data[14:18], "big"),
        "code_size": int.from_bytes(data[40:42], "big"),
        "author": text(data[42:50]),
        "family": text(data[50:58]),
        "name": text(data[58:66]),
        "version": f"{data[66] >> 4}.{data[66] & 15}",
        "checksum": f"0x{data[68]:02x}{data[69]:02x}",
    }
