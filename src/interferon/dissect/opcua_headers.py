"""The headers of OPC UA's requests and responses, read in few steps as each message has one. Called by `opcua`. Pure.

Source: IEC 62541-4 (OPC 10000-4), clauses 7.32 and 7.33, encoded after IEC 62541-6.
"""

from struct import Struct
from typing import Any, Final

from interferon.dissect.opcua_names import status
from interferon.dissect.opcua_types import EPOCH, Cut, extension, listed, node_id, string
from interferon.dissect.opcua_values import diagnostics

TOKENS: Final = {0: 2, 1: 4, 2: 7}  # octets of a session's token by its kind of node id, where those are always the same
NONE: Final = b"\0\0\0"  # an ExtensionObject that is null
NO_TABLE: Final = (b"\0\0\0\0", b"\xff\xff\xff\xff")

_ASKED: Final = Struct("<qIIi").unpack_from
_ANSWERED: Final = Struct("<qIIB").unpack_from
_TIMEOUT: Final = Struct("<I").unpack_from
_WORDS: Final = listed(string)


def _time(ticks: int) -> int | None:
    return ticks // 10 - EPOCH if ticks > 0 else None


def request(data: bytes, at: int, told: dict[str, Any]) -> int:
    """A request header goes into `told`: `timestamp` (µs UTC), `handle`, `audit_entry`, `timeout_ms`. Where it ends."""
    size = TOKENS.get(data[at])
    at = at + size if size else node_id(data, at)[1]
    ticks, told["handle"], _, length = _ASKED(data, at)
    if ticks > 0:
        told["timestamp"] = _time(ticks)
    at += 16
    if length > 0:
        told["audit_entry"], at = string(data, at)
    else:
        at += 4
    (told["timeout_ms"],) = _TIMEOUT(data, at)
    return _end(data, at + 4)


def response(data: bytes, at: int, told: dict[str, Any]) -> int:
    """A response header goes into `told`: `timestamp` (µs UTC), `handle`, `result`. Where it ends."""
    ticks, told["handle"], code, mask = _ANSWERED(data, at)
    told["result"] = status(code)
    if ticks > 0:
        told["timestamp"] = _time(ticks)
    at = at + 17 if not mask else diagnostics(data, at + 16)[1]
    at = at + 4 if data[at : at + 4] in NO_TABLE else _WORDS(data, at)[1]
    return _end(data, at)


def _end(data: bytes, at: int) -> int:
    """Where the additional header ends, with which both close."""
    at = at + 3 if data[at : at + 3] == NONE else extension(data, at)[1]
    if at > len(data):
        raise Cut("a header that is cut")
    return at
