"""What the parameters and data of S7comm's functions say. Pure; called by `dissect.s7comm`, which knows the connection.

Each reader gets the bytes, where parameters begin, where data begins, where both end, and the fields to fill; it answers with the object.
"""

from struct import Struct
from typing import Final

from interferon.dissect import s7_items as items
from interferon.dissect.s7_names import Fields, Parse, Specified

_SETUP: Final = Struct(">HHH").unpack_from


def _setup(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    if middle - at >= 8:
        fields["jobs_calling"], fields["jobs_called"], fields["pdu_size"] = _SETUP(data, at + 2)
    return ""


def _named_block(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    """Function, status, two octets, a session, then the length of a file name and the name; a download tells the lengths too."""
    if middle - at < 9:
        return ""
    fields["session"] = int.from_bytes(data[at + 4 : at + 8], "big")
    stop = min(at + 9 + data[at + 8], middle)
    found = items.block(data[at + 9 : stop])
    fields.update(found)
    lengths = data[stop + 2 : middle]
    if data[at] == 0x1A and len(lengths) >= 12 and lengths[:12].isdigit():
        fields["load_size"], fields["code_size"] = int(lengths[:6]), int(lengths[6:12])
    return str(found.get("block", found["filename"]))


def _session(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    if middle - at >= 8:
        fields["session"] = int.from_bytes(data[at + 4 : at + 8], "big")
    return ""


def _service(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    """A program invocation: seven octets, a parameter block, the name of the service."""
    if middle - at < 10:
        return ""
    stop = min(at + 10 + (data[at + 8] << 8 | data[at + 9]), middle)
    argument = data[at + 10 : stop]
    name = data[stop + 1 : min(stop + 1 + data[stop], middle)].decode("latin-1") if stop < middle else ""
    fields["service"] = name
    if name in ("_INSE", "_DELE") and argument:
        blocks = [items.block(argument[place : place + 8]) for place in range(2, len(argument) - 7, 8)]
        fields["blocks"] = [one.get("block", one["filename"]) for one in blocks]
        return ",".join(fields["blocks"])
    fields["argument"] = argument.decode("latin-1")
    return name


def _stop(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    if middle - at >= 7:
        fields["service"] = data[at + 7 : min(at + 7 + data[at + 6], middle)].decode("latin-1")
    return str(fields.get("service", ""))


def _block_data(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    """Blocks come with a length and two octets before them."""
    if middle - at >= 2:
        fields["more"] = bool(data[at + 1] & 1)
    if end - middle >= 4:
        fields["data"] = data[middle + 4 : end].hex()
        fields["block_bytes"] = end - middle - 4
    return ""


def _upload_began(data: bytes, at: int, middle: int, end: int, fields: Fields) -> str:
    if middle - at >= 9:
        fields["session"] = int.from_bytes(data[at + 4 : at + 8], "big")
        length = data[at + 9 : min(at + 9 + data[at + 8], middle)]
        if length.isdigit():
            fields["load_size"] = int(length)
    return ""


JOBS: Final[dict[int, Parse]] = {
    0xF0: _setup,
    0x1A: _named_block,
    0x1B: _named_block,
    0x1C: _named_block,
    0x1D: _named_block,
    0x1E: _session,
    0x1F: _session,
    0x28: _service,
    0x29: _stop,
}
ANSWERS: Final[dict[int, Parse]] = {0xF0: _setup, 0x1B: _block_data, 0x1D: _upload_began, 0x1E: _block_data}


def specified_items(data: bytes, at: int, end: int) -> Specified:
    """The variable specifications of a read or write."""
    count = data[at + 1] if end - at > 1 else 0
    found: list[Fields] = []
    place = at + 2
    for _ in range(count):
        if place >= end:
            break
        one, stop = items.item(data, place, end)
        found.append(one)
        place = stop + (stop - place & 1)
    return found, items.about(found)


def item_values(data: bytes, at: int, end: int, specified: list[Fields], count: int, answer: bool) -> tuple[list[Fields], bool]:
    """The items of a read's answer or of a write with their values, and whether one was refused."""
    found: list[Fields] = []
    refused = False
    for place in range(count):
        if end - at < 4:
            if answer and end > at:
                found.append({"return_code": data[at], "return": items.RETURNS.get(data[at]) or f"return_{data[at]:02x}"})
                refused = refused or data[at] != 0xFF
            break
        known = specified[place] if place < len(specified) else {}
        one, stop = items.data_item(data, at, end, known.get("size_code", 0))
        if answer:
            refused = refused or one["return_code"] != 0xFF
        else:
            del one["return_code"], one["return"]
        found.append({**known, **one})
        at = stop + (stop - at & 1)
    return found, refused


def user_content(group: int, code: str, data: bytes, asked: bool, fields: Fields) -> str:
    """What the data of a userdata message say; gives the object."""
    if code == "read_szl":
        if asked and len(data) >= 4:
            fields.update(szl_id=f"0x{data[0]:02x}{data[1]:02x}", szl_index=data[2] << 8 | data[3])
        elif not asked:
            fields.update(items.status_list(data))
        return f"szl:{fields['szl_id']}:{fields['szl_index']}" if "szl_id" in fields else ""
    if group == 3:
        return _blocks(code, data, asked, fields)
    if code in ("read_clock", "read_clock_following", "set_clock", "set_clock_2"):
        if time := items.clock(data):
            fields["clock"] = fields["value"] = time
        return ""
    if group != 5 and data:  # a password is not kept: events are stored and shown
        fields["data"] = data.hex()
    return ""


def _blocks(code: str, data: bytes, asked: bool, fields: Fields) -> str:
    if code == "list_blocks" and not asked:
        counts = {
            items.BLOCKS.get(data[at : at + 2].decode("latin-1"), data[at : at + 2].hex()): data[at + 2] << 8 | data[at + 3]
            for at in range(0, len(data) - 3, 4)
        }
        fields["blocks"] = counts
    elif code == "list_blocks_of_type":
        if asked:
            name = data[:2].decode("latin-1")
            return items.BLOCKS.get(name, name)
        fields["numbers"] = [data[at] << 8 | data[at + 1] for at in range(0, len(data) - 3, 4)]
    elif code == "block_info":
        found = items.block(data[:8]) if asked else items.block_info(data)
        fields.update(found)
        return str(found.get("block", ""))
    return ""
