"""The words of DNP3's objects: flags, states, operations, by the numbers that stand for them (IEEE 1815-2012, annex A). Pure."""

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

Point: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[bytes, int, int], Point]  # data, where the object lies, its index
Many: TypeAlias = Callable[[bytes, int, int, int], list[Point]]  # data, begin, end, the first index
Indexed: TypeAlias = Callable[[bytes, int, int], list[Point]]  # data, begin, end
Sized: TypeAlias = Callable[[bytes, int, int, Point], None]  # data, begin, end, the point to fill
OPERATIONS: Final = ("nul", "pulse_on", "pulse_off", "latch_on", "latch_off", *(f"undefined_{code}" for code in range(5, 16)))
TRIP_CLOSE: Final = ("nul", "close", "trip", "reserved")
STATUS: Final = {
    0: "success",
    1: "timeout",
    2: "no_select",
    3: "format_error",
    4: "not_supported",
    5: "already_active",
    6: "hardware_error",
    7: "local",
    8: "too_many_operations",
    9: "not_authorized",
    10: "automation_inhibit",
    11: "processing_limited",
    12: "out_of_range",
    13: "downstream_local",
    14: "already_complete",
    15: "blocked",
    16: "canceled",
    17: "blocked_other_master",
    18: "downstream_fail",
    126: "non_participating",
    127: "undefined",
}
FILE_STATUS: Final = {
    0: "success",
    1: "permission_denied",
    2: "invalid_mode",
    3: "file_not_found",
    4: "file_locked",
    5: "too_many_open",
    6: "invalid_handle",
    7: "write_block_size",
    8: "comm_lost",
    9: "cannot_abort",
    16: "not_opened",
    17: "handle_expired",
    18: "buffer_overrun",
    19: "fatal",
    20: "block_sequence",
    255: "undefined",
}
ATTRIBUTES: Final = {
    240: "max_transmit_fragment",
    241: "max_receive_fragment",
    242: "software_version",
    243: "hardware_version",
    245: "location",
    246: "id_code",
    247: "device_name",
    248: "serial_number",
    249: "dnp_subset",
    250: "product_name",
    252: "manufacturer",
}
_COMMON: Final = ("online", "restart", "comm_lost", "remote_forced", "local_forced")
FLAGS: Final = {  # of the flag octet, bit 0 first; the state bits of binary objects are their value
    "binary": (*_COMMON, "chatter_filter", "", ""),
    "double": (*_COMMON, "chatter_filter", "", ""),
    "output": (*_COMMON, "", "", ""),
    "counter": (*_COMMON, "rollover", "discontinuity", ""),
    "analog": (*_COMMON, "over_range", "reference_err", ""),
    "statistic": (*_COMMON, "", "discontinuity", ""),
}


def _names(kind: str) -> list[list[str]]:
    bits = FLAGS[kind]
    return [[name for bit, name in enumerate(bits) if name and octet >> bit & 1] for octet in range(256)]


NAMES: Final = {kind: _names(kind) for kind in FLAGS}
STATES: Final = [STATUS.get(code, f"reserved_{code}") for code in range(128)] * 2  # bit 7 is reserved


def number(value: float) -> float | None:
    """The value, or None where it is no number that JSON knows."""
    return value if math.isfinite(value) else None


def text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").rstrip("\0")
