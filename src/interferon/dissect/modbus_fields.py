"""What Modbus calls things, and the parts that requests and responses share. Pure; used by the dissector `modbus` alone.

Sources: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
"""

from functools import cache, lru_cache
from struct import Struct
from typing import Any, Final, TypeAlias

FUNCTIONS: Final = {
    1: "read_coils", 2: "read_discrete_inputs", 3: "read_holding_registers", 4: "read_input_registers", 5: "write_single_coil",
    6: "write_single_register", 7: "read_exception_status", 8: "diagnostics", 9: "program_484", 10: "poll_484",
    11: "get_comm_event_counter", 12: "get_comm_event_log", 13: "program_controller", 14: "poll_controller", 15: "write_multiple_coils",
    16: "write_multiple_registers", 17: "report_server_id", 18: "program_884", 19: "reset_communication_link", 20: "read_file_record",
    21: "write_file_record", 22: "mask_write_register", 23: "read_write_multiple_registers", 24: "read_fifo_queue",
    43: "encapsulated_interface_transport",
}  # fmt: skip
EXCEPTIONS: Final = {
    1: "illegal_function", 2: "illegal_data_address", 3: "illegal_data_value", 4: "server_device_failure", 5: "acknowledge",
    6: "server_device_busy", 7: "negative_acknowledge", 8: "memory_parity_error", 10: "gateway_path_unavailable",
    11: "gateway_target_device_failed_to_respond",
}  # fmt: skip
DIAGNOSTICS: Final = {
    0: "return_query_data", 1: "restart_communications_option", 2: "return_diagnostic_register", 3: "change_ascii_input_delimiter",
    4: "force_listen_only_mode", 10: "clear_counters_and_diagnostic_register", 11: "return_bus_message_count",
    12: "return_bus_communication_error_count", 13: "return_bus_exception_error_count", 14: "return_server_message_count",
    15: "return_server_no_response_count", 16: "return_server_nak_count", 17: "return_server_busy_count",
    18: "return_bus_character_overrun_count", 20: "clear_overrun_counter_and_flag",
}  # fmt: skip
READ_CODES: Final = {1: "basic", 2: "regular", 3: "extended", 4: "specific"}
INTERFACES: Final = {13: "canopen_general_reference", 14: "read_device_identification"}  # MEI types
OBJECTS: Final = (
    "vendor_name", "product_code", "major_minor_revision", "vendor_url", "product_name", "model_name", "user_application_name",
)  # fmt: skip
AREAS: Final = {1: "coils", 2: "discrete", 3: "holding", 4: "input", 5: "coils", 6: "holding", 15: "coils", 16: "holding"}

COIL: Final = (b"\xff\0", b"\0\0")  # what a coil is set to: on, off
PAIR: Final = Struct(">HH").unpack_from
TRIPLE: Final = Struct(">HHH").unpack_from
_BITS: Final = tuple(tuple(byte >> place & 1 for place in range(8)) for byte in range(256))

Fields: TypeAlias = dict[str, Any]
Read: TypeAlias = tuple[str, str] | None  # code (`` for the function's own) and object; None where the message is too short
Request: TypeAlias = tuple[int, int, int, str, str, Any]  # function, address, quantity, code, object, what else its response needs
Answer: TypeAlias = tuple[str, str, str, Fields]  # code, object, outcome, fields, of which `transaction` is that of no message
# code, object, fields; its number, by which its answers are known; what an answer needs; its length where it is of registers, else 0
Asked: TypeAlias = tuple[str, str, Fields, int, Request, int]


@lru_cache(4096)
def range_of(area: str, address: int, quantity: int) -> str:
    return f"{area}:{address}" if quantity <= 1 else f"{area}:{address}-{address + quantity - 1}"


@cache
def words(count: int) -> Struct:
    return Struct(f">{count}H")


def registers_of(data: bytes, at: int, end: int) -> list[int]:
    """The whole 16-bit registers of data[at:end]."""
    return list(words((end - at) // 2).unpack_from(data, at))


def bits_of(data: bytes, at: int, end: int) -> list[int]:
    """The bits of data[at:end], the lowest of each byte first."""
    found: list[int] = []
    for byte in data[at:end]:
        found += _BITS[byte]
    return found


def left_over(fields: Fields, at: int, stop: int) -> None:
    """Bytes behind what the function defines are a sign of a wrong or forged frame."""
    if at < stop:
        fields["malformed"] = f"{stop - at} bytes too many"


def counted(data: bytes, at: int, stop: int, fields: Fields) -> int:
    """Where the bytes end whose count stands at `at`."""
    end = at + 1 + data[at]
    if end > stop:
        fields["malformed"] = f"{data[at]} bytes are told, {stop - at - 1} are there"
        return stop
    left_over(fields, end, stop)
    return end
