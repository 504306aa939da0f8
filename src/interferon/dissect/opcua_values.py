"""Values of OPC UA that tell their own type: Variant, DataValue, DiagnosticInfo. Called by the other `opcua` modules. Pure.

Source: IEC 62541-6 (OPC 10000-6), clauses 5.2.2.12, 5.2.2.16 and 5.2.2.17. Readers as in `opcua_types`.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from interferon.dissect.opcua_types import (
    LISTED,
    Cut,
    Reader,
    boolean,
    byte,
    date_time,
    double,
    extension,
    extent,
    guid,
    listed,
    localized_text,
    node_id,
    number,
    octets,
    qualified_name,
    status_code,
    string,
    unsigned,
)

DEPTH: Final = 8  # values within values

_LENGTH: Final = Struct("<i").unpack_from


def diagnostics(data: bytes, at: int, depth: int = 0) -> tuple[None, int]:
    """A DiagnosticInfo, which is passed over."""
    if depth > DEPTH:
        raise Cut("diagnostics nested too deep")
    mask = data[at]
    at += 1 + 4 * (mask & 15).bit_count()
    if mask & 16:
        at = extent(data, at)[1]
    if mask & 32:
        at += 4
    if mask & 64:
        at = diagnostics(data, at, depth + 1)[1]
    if at > len(data):
        raise Cut("diagnostics that are cut")
    return None, at


def data_value(data: bytes, at: int, depth: int = 0) -> tuple[dict[str, Any], int]:
    """`value` and its `type`, `status` where it is not good, `source_time` and `server_time` in µs UTC."""
    mask = data[at]
    at += 1
    told: dict[str, Any] = {}
    if mask & 1:
        told, at = variant(data, at, depth + 1)
    if mask & 2:
        told["status"], at = status_code(data, at)
    if mask & 4:
        told["source_time"], at = date_time(data, at)
    at += 2 if mask & 16 else 0
    if mask & 8:
        told["server_time"], at = date_time(data, at)
    return told, at + (2 if mask & 32 else 0)


SCALARS: Final[dict[int, tuple[str, Reader]]] = {
    1: ("Boolean", boolean), 2: ("SByte", number("b")), 3: ("Byte", byte), 4: ("Int16", number("h")), 5: ("UInt16", number("H")),
    6: ("Int32", number("i")), 7: ("UInt32", unsigned), 8: ("Int64", number("q")), 9: ("UInt64", number("Q")), 10: ("Float", number("f")),
    11: ("Double", double), 12: ("String", string), 13: ("DateTime", date_time), 14: ("Guid", guid), 15: ("ByteString", octets),
    16: ("XmlElement", string), 17: ("NodeId", node_id), 18: ("ExpandedNodeId", node_id), 19: ("StatusCode", status_code),
    20: ("QualifiedName", qualified_name), 21: ("LocalizedText", localized_text), 22: ("ExtensionObject", extension),
    25: ("DiagnosticInfo", diagnostics),
}  # fmt: skip


def variant(data: bytes, at: int, depth: int = 0) -> tuple[dict[str, Any], int]:
    """`type` and `value`; of an array a list of at most `LISTED`, with `count` where there are more; an empty dict for null."""
    if depth > DEPTH:
        raise Cut("values nested too deep")
    mask = data[at]
    at += 1
    kind = mask & 63
    if not kind:
        return {}, at
    if kind in SCALARS:
        name, reader = SCALARS[kind]
    elif kind in (23, 24):
        name, reader = ("DataValue", _deeper(data_value, depth)) if kind == 23 else ("Variant", _deeper(variant, depth))
    else:
        name, reader = f"type_{kind}", octets  # kinds 26 to 31 are byte strings (clause 5.2.2.16)
    if not mask & 128:
        value, at = reader(data, at)
        return {"type": name, "value": value}, at
    (count,) = _LENGTH(data, at)
    values, at = listed(reader)(data, at)
    told: dict[str, Any] = {"type": name, "value": values}
    if count > LISTED:
        told["count"] = count
    if mask & 64:
        told["dimensions"], at = listed(number("i"))(data, at)
    return told, at


def _deeper(reader: Callable[[bytes, int, int], tuple[Any, int]], depth: int) -> Reader:
    return lambda data, at: reader(data, at, depth + 1)
