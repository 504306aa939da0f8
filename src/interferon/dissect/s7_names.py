"""The words of S7comm: functions, groups, services, errors, by the numbers that stand for them. Used by the readers of S7comm."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

COTP_CODES: Final = {
    0xE: "cotp_connect_request",
    0xD: "cotp_connect_confirm",
    0x8: "cotp_disconnect_request",
    0xC: "cotp_disconnect_confirm",
    0x1: "cotp_expedited_data",
    0x2: "cotp_expedited_acknowledge",
    0x6: "cotp_acknowledge",
    0x5: "cotp_reject",
    0x7: "cotp_error",
}
CONNECTIONS: Final = {1: "pg", 2: "op", 3: "s7_basic"}
KINDS: Final = {1: "job", 2: "ack", 3: "ack_data", 7: "userdata"}
ERROR_CLASSES: Final = {
    0x00: "none",
    0x81: "application_relationship",
    0x82: "object_definition",
    0x83: "no_resources",
    0x84: "service_processing",
    0x85: "supplies",
    0x87: "access",
}
FUNCTIONS: Final = {
    0x00: "cpu_services",
    0x04: "read_var",
    0x05: "write_var",
    0x1A: "request_download",
    0x1B: "download_block",
    0x1C: "download_ended",
    0x1D: "start_upload",
    0x1E: "upload",
    0x1F: "end_upload",
    0x28: "pi_service",
    0x29: "plc_stop",
    0xF0: "setup_communication",
}
SERVICES: Final = {
    "_INSE": "activate_block",
    "_DELE": "delete_block",
    "_GARB": "compress_memory",
    "_MODU": "copy_ram_to_rom",
    "P_PROGRAM": "plc_start",
}
STARTS: Final = {"C": "plc_cold_restart", "W": "plc_warm_restart", "H": "plc_hot_restart"}  # by the argument of P_PROGRAM
GROUPS: Final = {
    0x0: "mode_transition",
    0x1: "programmer_commands",
    0x2: "cyclic_data",
    0x3: "block_functions",
    0x4: "cpu_functions",
    0x5: "security",
    0x6: "pbc",
    0x7: "time_functions",
    0xF: "nc_programming",
}
SUBFUNCTIONS: Final = {
    0x0: {
        0: "stop",
        1: "warm_restart",
        2: "run",
        3: "hot_restart",
        4: "hold",
        6: "cold_restart",
        9: "run_redundant",
        11: "link_up",
        12: "update",
    },
    0x1: {
        0x01: "request_diagnostic_data",
        0x02: "variable_table",
        0x0C: "erase",
        0x0E: "read_diagnostic_data",
        0x0F: "remove_diagnostic_data",
        0x10: "force",
        0x13: "request_diagnostic_data_2",
    },
    0x2: {1: "subscribe_cyclic", 4: "unsubscribe_cyclic", 5: "subscribe_on_change"},
    0x3: {1: "list_blocks", 2: "list_blocks_of_type", 3: "block_info"},
    0x4: {
        0x01: "read_szl",
        0x02: "message_service",
        0x03: "diagnostic_message",
        0x05: "alarm_8_indication",
        0x06: "notify_indication",
        0x07: "alarm_8_lock",
        0x08: "alarm_8_unlock",
        0x09: "scan_indication",
        0x0B: "alarm_acknowledge",
        0x0C: "alarm_acknowledge_indication",
        0x0D: "alarm_lock_indication",
        0x0E: "alarm_unlock_indication",
        0x11: "alarm_sq_indication",
        0x12: "alarm_s_indication",
        0x13: "alarm_query",
        0x16: "notify_8_indication",
    },
    0x5: {1: "plc_password", 2: "clear_password"},
    0x6: {1: "bsend_brecv"},
    0x7: {1: "read_clock", 2: "set_clock", 3: "read_clock_following", 4: "set_clock_2"},
}
METHODS: Final = {0: "push", 4: "request", 8: "response"}
OPCODES: Final = {0x31: "request", 0x32: "response", 0x33: "notification", 0x02: "response_2"}
PLUS: Final = {
    0x04BB: "explore",
    0x04CA: "create_object",
    0x04D4: "delete_object",
    0x04F2: "set_variable",
    0x0524: "get_link",
    0x0542: "set_multi_variables",
    0x054C: "get_multi_variables",
    0x0556: "begin_sequence",
    0x0560: "end_sequence",
    0x056B: "invoke",
    0x0586: "get_variables_substreamed",
}
Fields: TypeAlias = dict[str, Any]
Parse: TypeAlias = Callable[[bytes, int, int, int, Fields], str]  # data, parameters, data of the message, its end, fields; gives the object
Told: TypeAlias = tuple[str, str, str, Fields]  # code, object, outcome, fields; `pdu_reference` is that of the first message that said so
Awaited: TypeAlias = tuple[Told, list[Fields], int]  # a request, its items, and its number, by which answers to it are known
Specified: TypeAlias = tuple[list[Fields], str]  # items, what they are about
