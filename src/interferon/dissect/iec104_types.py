"""IEC 60870-5-101/104 type identifications: names, sizes and information elements. Pure; called by `dissect.iec104`.

Source: IEC 60870-5-101:2003, clause 7.2.1 (type identification), 7.2.3 (causes), 7.2.6 (information elements), 7.3 (ASDUs).
"""

import math
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

Point: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[bytes, int, Point], None]  # data, where the element lies, the object to fill


class Kind(NamedTuple):
    """A type identification; `size` -1 where its elements are not read."""

    label: str
    code: str
    size: int
    read: Read


CAUSES: Final = {
    1: "periodic",
    2: "background_scan",
    3: "spontaneous",
    4: "initialized",
    5: "request",
    6: "activation",
    7: "activation_confirmation",
    8: "deactivation",
    9: "deactivation_confirmation",
    10: "activation_termination",
    11: "return_remote",
    12: "return_local",
    13: "file_transfer",
    14: "authentication",
    15: "session_key_maintenance",
    16: "user_role_maintenance",
    20: "interrogated_by_station",
    **{20 + group: f"interrogated_by_group_{group}" for group in range(1, 17)},
    37: "counters_by_general_request",
    **{37 + group: f"counters_by_group_{group}" for group in range(1, 5)},
    44: "unknown_type",
    45: "unknown_cause",
    46: "unknown_common_address",
    47: "unknown_object_address",
}

_QUALITY: Final = {0x10: "blocked", 0x20: "substituted", 0x40: "not_topical", 0x80: "invalid"}
STATE_QUALITY: Final = [[name for bit, name in _QUALITY.items() if octet & bit] for octet in range(256)]
QUALITY: Final = [(["overflow"] if octet & 1 else []) + STATE_QUALITY[octet] for octet in range(256)]
PROTECTION_QUALITY: Final = [(["elapsed_time_invalid"] if octet & 8 else []) + STATE_QUALITY[octet] for octet in range(256)]
STARTS: Final = ("general", "phase_1", "phase_2", "phase_3", "earth", "reverse")
CIRCUITS: Final = ("general", "phase_1", "phase_2", "phase_3")
FREEZES: Final = ("read", "freeze", "freeze_and_reset", "reset")
FILE_CALLS: Final = (
    "default",
    "select_file",
    "request_file",
    "deactivate_file",
    "delete_file",
    "select_section",
    "request_section",
    "deactivate_section",
)

_TWO: Final = [f"{number:02}" for number in range(128)]
_THREE: Final = [f"{number:03}" for number in range(1000)]
_I32: Final = Struct("<i").unpack_from
_I16: Final = Struct("<h").unpack_from
_F32: Final = Struct("<f").unpack_from
_U32: Final = Struct("<I").unpack_from
_U16: Final = Struct("<H").unpack_from


# --- information elements (7.2.6) ------------------------------------------------------------------------------------------------------


def _single(data: bytes, at: int, point: Point) -> None:
    octet = data[at]
    point["value"], point["quality"] = octet & 1, STATE_QUALITY[octet]


def _double(data: bytes, at: int, point: Point) -> None:
    octet = data[at]
    point["value"], point["quality"] = octet & 3, STATE_QUALITY[octet]


def _step(data: bytes, at: int, point: Point) -> None:
    octet = data[at]
    point["value"] = (octet & 127) - (octet << 1 & 128)
    point["transient"], point["quality"] = octet > 127, QUALITY[data[at + 1]]


def _bits(data: bytes, at: int, point: Point) -> None:
    point["value"] = _U32(data, at)[0]


def _normalized(data: bytes, at: int, point: Point) -> None:
    point["value"] = _I16(data, at)[0] / 32768


def _scaled(data: bytes, at: int, point: Point) -> None:
    point["value"] = _I16(data, at)[0]


def _float(data: bytes, at: int, point: Point) -> None:
    value = _F32(data, at)[0]
    point["value"] = value if math.isfinite(value) else None


def _float_quality(data: bytes, at: int, point: Point) -> None:
    value = _F32(data, at)[0]
    point["value"], point["quality"] = value if math.isfinite(value) else None, QUALITY[data[at + 4]]


def _counter(data: bytes, at: int, point: Point) -> None:
    octet = data[at + 4]
    point["value"], point["sequence"] = _I32(data, at)[0], octet & 31
    point["quality"] = [name for bit, name in ((32, "carry"), (64, "adjusted"), (128, "invalid")) if octet & bit]


def _packed_states(data: bytes, at: int, point: Point) -> None:
    point["value"], point["changed"] = _U16(data, at)[0], _U16(data, at + 2)[0]
    point["quality"] = QUALITY[data[at + 4]]


def _protection(data: bytes, at: int, point: Point) -> None:
    octet = data[at]
    point["value"], point["quality"], point["elapsed_ms"] = octet & 3, PROTECTION_QUALITY[octet], _U16(data, at + 1)[0]


def _protection_set(names: tuple[str, ...], key: str) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        octet = data[at]
        point["value"] = octet & (1 << len(names)) - 1
        point[key] = [name for bit, name in enumerate(names) if octet >> bit & 1]
        point["quality"], point["elapsed_ms"] = PROTECTION_QUALITY[data[at + 1]], _U16(data, at + 2)[0]

    return read


def _command(mask: int) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        octet = data[at]
        point["value"], point["qualifier"], point["select"] = octet & mask, octet >> 2 & 31, octet > 127

    return read


def _set_point(value: Read, size: int) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        value(data, at, point)
        octet = data[at + size]
        point["qualifier"], point["select"] = octet & 127, octet > 127

    return read


def _with_quality(value: Read, size: int) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        value(data, at, point)
        point["quality"] = QUALITY[data[at + size]]

    return read


def _time_24(data: bytes, at: int, point: Point) -> None:
    """CP24Time2a: minutes and milliseconds of the hour, as `MM:SS.mmm`."""
    ms, octet = _U16(data, at)[0], data[at + 2]
    point["time"] = f"{_TWO[octet & 63]}:{_TWO[ms // 1000]}.{_THREE[ms % 1000]}"
    if octet > 127 or ms >= 60000 or octet & 63 > 59:
        point["time_invalid"] = True


def _time_56(data: bytes, at: int, point: Point) -> None:
    """CP56Time2a: a civil time without a zone, ISO 8601. Some stations count the year from 1900, as the C library does."""
    ms, minute, hour, day, month, year = (
        _U16(data, at)[0],
        data[at + 2],
        data[at + 3],
        data[at + 4] & 31,
        data[at + 5] & 15,
        data[at + 6] & 127,
    )
    century = 1900 if year >= 70 else 2000
    clock = f"{_TWO[hour & 31]}:{_TWO[minute & 63]}:{_TWO[ms // 1000]}.{_THREE[ms % 1000]}"
    point["time"] = f"{century + year}-{_TWO[month]}-{_TWO[day]}T{clock}"
    if hour > 127:
        point["summer_time"] = True
    if minute > 127 or ms >= 60000 or minute & 63 > 59 or hour & 31 > 23 or not (1 <= month <= 12 and day):
        point["time_invalid"] = True


def _timed(value: Read, size: int, time: Read) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        value(data, at, point)
        time(data, at + size, point)

    return read


def _octet(key: str) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        point[key] = point["value"] = data[at]

    return read


def _nothing(data: bytes, at: int, point: Point) -> None:
    """A read command and what is not read have no element."""


def _initialized(data: bytes, at: int, point: Point) -> None:
    octet = data[at]
    point["value"], point["changed_parameters"] = octet & 127, octet > 127


def _counters(data: bytes, at: int, point: Point) -> None:
    octet = data[at]
    point["value"], point["request"], point["freeze"] = octet, octet & 63, FREEZES[octet >> 6]


def _clock(data: bytes, at: int, point: Point) -> None:
    _time_56(data, at, point)
    point["value"] = point["time"]


def _word(data: bytes, at: int, point: Point) -> None:
    point["value"] = _U16(data, at)[0]


def _parameter(value: Read, size: int) -> Read:
    def read(data: bytes, at: int, point: Point) -> None:
        value(data, at, point)
        octet = data[at + size]
        point["qualifier"], point["local_change"], point["in_operation"] = octet & 63, bool(octet & 64), octet < 128

    return read


_FILE_FORMS: Final = {"H": 2, "L": 3, "B": 1, "T": 7}


def _file(form: str, *keys: str) -> tuple[int, Read]:
    """The elements of a file transfer: H two, L three and B one octet, T a time."""
    places = [(key, sum(_FILE_FORMS[code] for code in form[:place]), _FILE_FORMS[form[place]]) for place, key in enumerate(keys)]

    def read(data: bytes, at: int, point: Point) -> None:
        for key, offset, size in places:
            begin = at + offset
            if size == 7:
                _time_56(data, begin, point)
                point[key] = point["time"]
            else:
                point[key] = int.from_bytes(data[begin : begin + size], "little")

    return sum(_FILE_FORMS[code] for code in form), read


def _file_call() -> tuple[int, Read]:
    size, inner = _file("HBB", "file", "section", "qualifier")

    def read(data: bytes, at: int, point: Point) -> None:
        inner(data, at, point)
        word = point["qualifier"] & 15
        point["call"] = FILE_CALLS[word] if word < len(FILE_CALLS) else f"reserved_{word}"

    return size, read


# --- the table of types (7.2.1.1) -------------------------------------------------------------------------------------------------------


def _monitored() -> dict[int, Kind]:
    """Types 1–41. Each value comes bare, with a time of three octets (the next type) and with one of seven."""
    start, circuit = _protection_set(STARTS, "starts"), _protection_set(CIRCUITS, "circuits")
    values: tuple[tuple[int, int, str, str, str, str, int, Read], ...] = (
        (1, 30, "M_SP_NA_1", "M_SP_TA_1", "M_SP_TB_1", "single_point", 1, _single),
        (3, 31, "M_DP_NA_1", "M_DP_TA_1", "M_DP_TB_1", "double_point", 1, _double),
        (5, 32, "M_ST_NA_1", "M_ST_TA_1", "M_ST_TB_1", "step_position", 2, _step),
        (7, 33, "M_BO_NA_1", "M_BO_TA_1", "M_BO_TB_1", "bitstring", 5, _with_quality(_bits, 4)),
        (9, 34, "M_ME_NA_1", "M_ME_TA_1", "M_ME_TD_1", "measured_value_normalized", 3, _with_quality(_normalized, 2)),
        (11, 35, "M_ME_NB_1", "M_ME_TB_1", "M_ME_TE_1", "measured_value_scaled", 3, _with_quality(_scaled, 2)),
        (13, 36, "M_ME_NC_1", "M_ME_TC_1", "M_ME_TF_1", "measured_value_short_float", 5, _float_quality),
        (15, 37, "M_IT_NA_1", "M_IT_TA_1", "M_IT_TB_1", "integrated_totals", 5, _counter),
    )
    found = {}
    for bare, long, label, label_24, label_56, code, size, read in values:
        found[bare] = Kind(label, code, size, read)
        found[bare + 1] = Kind(label_24, f"{code}_time_24", size + 3, _timed(read, size, _time_24))
        found[long] = Kind(label_56, f"{code}_time", size + 7, _timed(read, size, _time_56))
    protections = (
        ("A", "D", "protection_event", 3, _protection),
        ("B", "E", "protection_starts", 4, start),
        ("C", "F", "protection_output", 4, circuit),
    )
    for place, (short, full, code, size, read) in enumerate(protections):
        found[17 + place] = Kind(f"M_EP_T{short}_1", f"{code}_time_24", size + 3, _timed(read, size, _time_24))
        found[38 + place] = Kind(f"M_EP_T{full}_1", f"{code}_time", size + 7, _timed(read, size, _time_56))
    found[20] = Kind("M_PS_NA_1", "packed_single_points", 5, _packed_states)
    found[21] = Kind("M_ME_ND_1", "measured_value_normalized_bare", 2, _normalized)
    found[41] = Kind("S_IT_TC_1", "security_statistics", -1, _nothing)
    found[70] = Kind("M_EI_NA_1", "end_of_initialization", 1, _initialized)
    return found


def _commands() -> dict[int, Kind]:
    """Types 45–51 and, with a time, 58–64."""
    values: tuple[tuple[int, str, str, str, int, Read], ...] = (
        (45, "C_SC_NA_1", "C_SC_TA_1", "single_command", 1, _command(1)),
        (46, "C_DC_NA_1", "C_DC_TA_1", "double_command", 1, _command(3)),
        (47, "C_RC_NA_1", "C_RC_TA_1", "regulating_step_command", 1, _command(3)),
        (48, "C_SE_NA_1", "C_SE_TA_1", "set_point_normalized", 3, _set_point(_normalized, 2)),
        (49, "C_SE_NB_1", "C_SE_TB_1", "set_point_scaled", 3, _set_point(_scaled, 2)),
        (50, "C_SE_NC_1", "C_SE_TC_1", "set_point_short_float", 5, _set_point(_float, 4)),
        (51, "C_BO_NA_1", "C_BO_TA_1", "bitstring_command", 4, _bits),
    )
    found = {}
    for bare, label, label_56, code, size, read in values:
        found[bare] = Kind(label, code, size, read)
        found[bare + 13] = Kind(label_56, f"{code}_time", size + 7, _timed(read, size, _time_56))
    return found


_SECURITY: Final = {
    81: ("S_CH_NA_1", "authentication_challenge"),
    82: ("S_RP_NA_1", "authentication_reply"),
    83: ("S_AR_NA_1", "aggressive_mode_request"),
    84: ("S_KR_NA_1", "session_key_status_request"),
    85: ("S_KS_NA_1", "session_key_status"),
    86: ("S_KC_NA_1", "session_key_change"),
    87: ("S_ER_NA_1", "authentication_error"),
    90: ("S_US_NA_1", "user_status_change"),
    91: ("S_UQ_NA_1", "update_key_change_request"),
    92: ("S_UR_NA_1", "update_key_change_reply"),
    93: ("S_UK_NA_1", "update_key_change_symmetric"),
    94: ("S_UA_NA_1", "update_key_change_asymmetric"),
    95: ("S_UC_NA_1", "update_key_change_confirmation"),
}

TYPES: Final[dict[int, Kind]] = (
    _monitored()
    | _commands()
    | {number: Kind(label, code, -1, _nothing) for number, (label, code) in _SECURITY.items()}
    | {
        100: Kind("C_IC_NA_1", "interrogation_command", 1, _octet("qualifier")),
        101: Kind("C_CI_NA_1", "counter_interrogation_command", 1, _counters),
        102: Kind("C_RD_NA_1", "read_command", 0, _nothing),
        103: Kind("C_CS_NA_1", "clock_synchronization_command", 7, _clock),
        104: Kind("C_TS_NA_1", "test_command", 2, _word),
        105: Kind("C_RP_NA_1", "reset_process_command", 1, _octet("qualifier")),
        106: Kind("C_CD_NA_1", "delay_acquisition_command", 2, _word),
        107: Kind("C_TS_TA_1", "test_command_time", 9, _timed(_word, 2, _time_56)),
        110: Kind("P_ME_NA_1", "parameter_normalized", 3, _parameter(_normalized, 2)),
        111: Kind("P_ME_NB_1", "parameter_scaled", 3, _parameter(_scaled, 2)),
        112: Kind("P_ME_NC_1", "parameter_short_float", 5, _parameter(_float, 4)),
        113: Kind("P_AC_NA_1", "parameter_activation", 1, _octet("qualifier")),
        120: Kind("F_FR_NA_1", "file_ready", *_file("HLB", "file", "length", "qualifier")),
        121: Kind("F_SR_NA_1", "section_ready", *_file("HBLB", "file", "section", "length", "qualifier")),
        122: Kind("F_SC_NA_1", "call_file", *_file_call()),
        123: Kind("F_LS_NA_1", "last_section", *_file("HBBB", "file", "section", "qualifier", "checksum")),
        124: Kind("F_AF_NA_1", "acknowledge_file", *_file("HBB", "file", "section", "qualifier")),
        125: Kind("F_SG_NA_1", "file_segment", *_file("HBB", "file", "section", "segment_size")),
        126: Kind("F_DR_TA_1", "directory", *_file("HLBT", "file", "length", "status", "created")),
        127: Kind("F_SC_NB_1", "query_log", *_file("HTT", "file", "from", "until")),
    }
)
SEGMENT: Final = 125  # the one type whose element is followed by as many octets as it tells
