"""The simple types of OPC UA's binary encoding, and lists and structures of them. Called by the other `opcua` modules. Pure.

Source: IEC 62541-6 (OPC 10000-6), clause 5.2. A reader takes (data, at) and gives a plain JSON value and where it ends. What is cut raises
`Cut`, `IndexError` or `struct.error` (`BROKEN`); `data` ends where the message ends.
"""

from collections.abc import Callable, Mapping
from struct import Struct, error
from typing import Any, Final, TypeAlias

from interferon.dissect.opcua_names import status

SAMPLE: Final = 256  # octets of a byte string that are told in hex
TEXT: Final = 4096  # octets of a string that are told
LISTED: Final = 256  # elements of a list that are told
EPOCH: Final = 11_644_473_600_000_000  # µs from 1601 to 1970


class Cut(ValueError):
    """A value that is longer than what is there, or nested too deep."""


BROKEN: Final = (Cut, IndexError, error)
Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

_SHORT: Final = Struct("<H").unpack_from
_LONG: Final = Struct("<I").unpack_from
_LENGTH: Final = Struct("<i").unpack_from
_TIME: Final = Struct("<q").unpack_from
_NAMED: Final = Struct("<BH").unpack_from


SIZES: Final[dict[Reader, int]] = {}  # octets of those that read numbers


def number(letter: str) -> Reader:
    """A reader of one number, by its letter of `struct`. JSON has no infinities and no NaN: these are None."""
    shape = Struct(f"<{letter}")
    unpack, size, real = shape.unpack_from, shape.size, letter in "fd"

    def read(data: bytes, at: int) -> tuple[Any, int]:
        (value,) = unpack(data, at)
        return (None if real and value - value != 0 else value), at + size

    SIZES[read] = size
    return read


boolean, byte, unsigned, double = number("?"), number("B"), number("I"), number("d")


def extent(data: bytes, at: int) -> tuple[int, int]:
    """Where the octets begin and end whose length stands at `at`; null is empty."""
    (length,) = _LENGTH(data, at)
    stop = at + 4 + max(length, 0)
    if stop > len(data):
        raise Cut(f"{length} octets are told, {len(data) - at - 4} are there")
    return at + 4, stop


def string(data: bytes, at: int) -> tuple[str, int]:
    """Null is empty; what is no UTF-8 is told as `\\xNN`."""
    (length,) = _LENGTH(data, at)
    if length <= 0:
        return "", at + 4
    begin, stop = extent(data, at)
    return data[begin : min(stop, begin + TEXT)].decode("utf-8", "backslashreplace"), stop


def octets(data: bytes, at: int) -> tuple[str, int]:
    """A byte string in hex, of which at most a sample is told."""
    begin, stop = extent(data, at)
    return data[begin : min(stop, begin + SAMPLE)].hex(), stop


def passed(data: bytes, at: int) -> tuple[None, int]:
    """A byte string that is not told: a nonce, a certificate, a signature."""
    return None, extent(data, at)[1]


def date_time(data: bytes, at: int) -> tuple[int | None, int]:
    """µs UTC; None for none."""
    (ticks,) = _TIME(data, at)
    return (ticks // 10 - EPOCH if ticks > 0 else None), at + 8


def guid(data: bytes, at: int) -> tuple[str, int]:
    if at + 16 > len(data):
        raise Cut("a GUID of 16 octets")
    head = f"{int.from_bytes(data[at : at + 4], 'little'):08x}-{_SHORT(data, at + 4)[0]:04x}-{_SHORT(data, at + 6)[0]:04x}"
    return f"{head}-{data[at + 8 : at + 10].hex()}-{data[at + 10 : at + 16].hex()}", at + 16


def node_id(data: bytes, at: int) -> tuple[str, int]:
    """A NodeId or ExpandedNodeId as text (IEC 62541-6, clause 5.3.1.10): `i=85`, `ns=2;s=Line1.Speed`, `nsu=urn:x;i=1`."""
    mask = data[at]
    kind = mask & 0x3F
    space = 0
    if kind == 0:
        name, at = f"i={data[at + 1]}", at + 2
    elif kind == 1:
        space, short = _NAMED(data, at + 1)
        name, at = f"i={short}", at + 4
    elif kind in NODES:
        letter, reader = NODES[kind]
        space = _SHORT(data, at + 1)[0]
        value, at = reader(data, at + 3)
        name = f"{letter}={value}"
    else:
        raise Cut(f"a node id of kind {kind}")
    if mask & 0x80:
        uri, at = string(data, at)
        name = f"nsu={uri};{name}" if uri else name
    elif space:
        name = f"ns={space};{name}"
    if mask & 0x40:
        server, at = unsigned(data, at)
        name = f"svr={server};{name}"
    return name, at


NODES: Final[dict[int, tuple[str, Reader]]] = {2: ("i", unsigned), 3: ("s", string), 4: ("g", guid), 5: ("b", octets)}


def status_code(data: bytes, at: int) -> tuple[str, int]:
    return status(_LONG(data, at)[0]), at + 4


def qualified_name(data: bytes, at: int) -> tuple[str, int]:
    """`2:Speed`; of the namespace 0 the name alone."""
    (space,) = _SHORT(data, at)
    name, at = string(data, at + 2)
    return (f"{space}:{name}" if space else name), at


def localized_text(data: bytes, at: int) -> tuple[str, int]:
    mask, text = data[at], ""
    at += 1
    if mask & 1:
        _, at = string(data, at)
    if mask & 2:
        text, at = string(data, at)
    return text, at


LISTS: Final[set[Reader]] = set()  # the readers of arrays


def listed(reader: Reader) -> Reader:
    """A reader of an array: at most `LISTED` elements are told, all are passed."""
    size = SIZES.get(reader, 0)

    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        (count,) = _LENGTH(data, at)
        at += 4
        if count * max(size, 1) > len(data) - at:
            raise Cut(f"{count} elements are told, {len(data) - at} octets are there")
        if size:  # of numbers those that are not told need not be read
            return [reader(data, at + size * place)[0] for place in range(min(count, LISTED))], at + size * max(count, 0)
        found: list[Any] = []
        for place in range(count):
            value, at = reader(data, at)
            if place < LISTED:
                found.append(value)
        return found, at

    LISTS.add(read)
    return read


def structure(*members: tuple[str, Reader]) -> Reader:
    """A reader of these members one behind the other: a dict of those that tell something; a member without a name is passed over.

    Of an array of which not all elements are told there is also a member `…_count`.
    """

    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        told: dict[str, Any] = {}
        for name, reader in members:
            begin = at
            value, at = reader(data, at)
            if name and value is not None and value != "" and value != []:
                told[name] = value
                if reader in LISTS and len(value) == LISTED < _LENGTH(data, begin)[0]:
                    told[f"{name}_count"] = _LENGTH(data, begin)[0]
        return told, at

    return read


def enumerated(*names: str) -> Reader:
    """A reader of an enumeration by name; a number that has none as it is."""

    def read(data: bytes, at: int) -> tuple[Any, int]:
        value, at = unsigned(data, at)
        return (names[value] if value < len(names) and names[value] else value), at

    return read


def extension_of(bodies: Mapping[str, Reader]) -> Reader:
    """A reader of an ExtensionObject: `type`, and its body by its type's encoding id, else a sample of it in hex. None where it is null."""

    def read(data: bytes, at: int) -> tuple[dict[str, Any] | None, int]:
        kind, at = node_id(data, at)
        coded = data[at]
        at += 1
        if not coded:
            return (None if kind == "i=0" else {"type": kind}), at
        if coded == 2:
            text, at = string(data, at)
            return {"type": kind, "xml": text}, at
        begin, stop = extent(data, at)
        if kind in bodies:
            try:
                return {"type": kind} | bodies[kind](data[begin:stop], 0)[0], stop
            except BROKEN:
                return {"type": kind, "malformed": data[begin : min(stop, begin + SAMPLE)].hex()}, stop
        return {"type": kind, "body": data[begin : min(stop, begin + SAMPLE)].hex()}, stop

    return read


BUILD: Final = structure(
    ("product_uri", string), ("manufacturer", string), ("product", string), ("version", string), ("build", string),
    ("build_date", date_time),
)  # fmt: skip
SERVER: Final = structure(("started", date_time), ("now", date_time), ("state", unsigned), ("build_info", BUILD))
extension: Final = extension_of({"i=340": BUILD, "i=864": SERVER})
