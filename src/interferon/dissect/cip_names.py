"""The numbers of CIP by name: services, status, object classes, vendors, device types, data types. Read by `cip` and its bodies.

Sources: ODVA, The CIP Networks Library, volume 1 (appendix A services, appendix B status, chapter 5 classes, chapter 6 profiles)
and volume 2; Rockwell Automation 1756-PM020 (tag services) and 1770-RM516 (PCCC). Vendors are those that are often met.
"""

from typing import Final

SERVICES: Final = {
    0x01: "get_attributes_all",
    0x02: "set_attributes_all",
    0x03: "get_attribute_list",
    0x04: "set_attribute_list",
    0x05: "reset",
    0x06: "start",
    0x07: "stop",
    0x08: "create",
    0x09: "delete",
    0x0A: "multiple_service_packet",
    0x0D: "apply_attributes",
    0x0E: "get_attribute_single",
    0x10: "set_attribute_single",
    0x11: "find_next_object_instance",
    0x14: "error_response",
    0x15: "restore",
    0x16: "save",
    0x17: "no_operation",
    0x18: "get_member",
    0x19: "set_member",
    0x1A: "insert_member",
    0x1B: "remove_member",
    0x1C: "group_sync",
    0x1D: "get_connection_point_member_list",
}
TAGS: Final = {  # of the symbolic objects of Logix controllers (1756-PM020)
    0x4C: "read_tag",
    0x4D: "write_tag",
    0x4E: "read_modify_write_tag",
    0x52: "read_tag_fragmented",
    0x53: "write_tag_fragmented",
    0x55: "get_instance_attribute_list",
}
SYMBOLS: Final = 0x6B
IDENTITY: Final = 1
ROUTER: Final = 2
MANAGER: Final = 6
PCCC: Final = 0x67
OF_CLASS: Final = {  # services from 0x4B on mean something else in each class
    MANAGER: {
        0x4E: "forward_close",
        0x52: "unconnected_send",
        0x54: "forward_open",
        0x56: "get_connection_data",
        0x57: "search_connection_data",
        0x5A: "get_connection_owner",
        0x5B: "large_forward_open",
    },
    0x37: {
        0x4B: "initiate_upload",
        0x4C: "initiate_download",
        0x4D: "initiate_partial_read",
        0x4E: "initiate_partial_write",
        0x4F: "upload_transfer",
        0x50: "download_transfer",
        0x51: "clear_file",
    },
    0x39: {0x4B: "safety_reset", 0x4C: "validate_configuration", 0x54: "safety_reset", 0x56: "propose_tunid", 0x57: "apply_tunid"},
    0x47: {0x4B: "verify_fault_location", 0x4C: "clear_rapid_faults", 0x4D: "restart_sign_on", 0x4E: "clear_gateway_partial_fault"},
    PCCC: {0x4B: "execute_pccc", 0x4C: "execute_dh_plus", 0x4D: "execute_local_pccc"},
    SYMBOLS: TAGS,
    0x6C: {0x4C: "read_template", 0x4D: "write_template", 0x03: "get_attribute_list"},
    0xF6: {0x4C: "get_and_clear"},
}

STATUS: Final = {
    0x00: "success",
    0x01: "connection_failure",
    0x02: "resource_unavailable",
    0x03: "invalid_parameter_value",
    0x04: "path_segment_error",
    0x05: "path_destination_unknown",
    0x06: "partial_transfer",
    0x07: "connection_lost",
    0x08: "service_not_supported",
    0x09: "invalid_attribute_value",
    0x0A: "attribute_list_error",
    0x0B: "already_in_requested_mode_or_state",
    0x0C: "object_state_conflict",
    0x0D: "object_already_exists",
    0x0E: "attribute_not_settable",
    0x0F: "privilege_violation",
    0x10: "device_state_conflict",
    0x11: "reply_data_too_large",
    0x12: "fragmentation_of_a_primitive_value",
    0x13: "not_enough_data",
    0x14: "attribute_not_supported",
    0x15: "too_much_data",
    0x16: "object_does_not_exist",
    0x17: "service_fragmentation_sequence_not_in_progress",
    0x18: "no_stored_attribute_data",
    0x19: "store_operation_failure",
    0x1A: "routing_failure_request_too_large",
    0x1B: "routing_failure_response_too_large",
    0x1C: "missing_attribute_list_entry_data",
    0x1D: "invalid_attribute_value_list",
    0x1E: "embedded_service_error",
    0x1F: "vendor_specific_error",
    0x20: "invalid_parameter",
    0x21: "write_once_value_already_written",
    0x22: "invalid_reply_received",
    0x23: "buffer_overflow",
    0x24: "message_format_error",
    0x25: "key_failure_in_path",
    0x26: "path_size_invalid",
    0x27: "unexpected_attribute_in_list",
    0x28: "invalid_member_id",
    0x29: "member_not_settable",
    0x2A: "group_2_only_server_general_failure",
    0x2B: "unknown_modbus_error",
    0x2C: "attribute_not_gettable",
    0x2D: "instance_not_deletable",
    0x2E: "service_not_supported_for_path",
    0xFF: "general_error",
}
PARTIAL: Final = 6  # a status that is no failure: more is to be asked for
EXTENDED: Final = {  # of the connection manager, with the general status 1 (volume 1, table 3-5.29)
    0x0100: "connection_in_use",
    0x0103: "transport_class_and_trigger_not_supported",
    0x0106: "ownership_conflict",
    0x0107: "target_connection_not_found",
    0x0108: "invalid_network_connection_parameter",
    0x0109: "invalid_connection_size",
    0x0110: "target_not_configured",
    0x0111: "rpi_not_supported",
    0x0112: "rpi_not_acceptable",
    0x0113: "out_of_connections",
    0x0114: "vendor_or_product_code_mismatch",
    0x0115: "device_type_mismatch",
    0x0116: "revision_mismatch",
    0x0117: "invalid_application_path",
    0x0118: "invalid_configuration_path",
    0x0119: "non_listen_only_connection_not_opened",
    0x011A: "target_object_out_of_connections",
    0x0127: "invalid_originator_to_target_size",
    0x0128: "invalid_target_to_originator_size",
    0x0203: "connection_timed_out",
    0x0204: "unconnected_request_timed_out",
    0x0205: "unconnected_request_parameter_error",
    0x0206: "message_too_large_for_unconnected_send",
    0x0207: "acknowledged_without_reply",
    0x0301: "no_buffer_memory_available",
    0x0302: "network_bandwidth_not_available",
    0x0311: "port_not_available",
    0x0312: "link_address_not_valid",
    0x0315: "invalid_segment_in_connection_path",
    0x0316: "connection_path_mismatch_in_close",
    0x0318: "link_address_to_self_not_valid",
    0x0319: "secondary_resources_unavailable",
    0x031A: "rack_connection_already_established",
    0x031B: "module_connection_already_established",
    0x031C: "miscellaneous",
}

CLASSES: Final = {
    0x01: "Identity", 0x02: "Message Router", 0x03: "DeviceNet", 0x04: "Assembly", 0x05: "Connection", 0x06: "Connection Manager",
    0x07: "Register", 0x08: "Discrete Input Point", 0x09: "Discrete Output Point", 0x0A: "Analog Input Point", 0x0B: "Analog Output Point",
    0x0E: "Presence Sensing", 0x0F: "Parameter", 0x10: "Parameter Group", 0x12: "Group", 0x1D: "Discrete Input Group",
    0x1E: "Discrete Output Group", 0x1F: "Discrete Group", 0x20: "Analog Input Group", 0x21: "Analog Output Group", 0x22: "Analog Group",
    0x23: "Position Sensor", 0x24: "Position Controller Supervisor", 0x25: "Position Controller", 0x26: "Block Sequencer",
    0x27: "Command Block", 0x28: "Motor Data", 0x29: "Control Supervisor", 0x2A: "AC/DC Drive", 0x2B: "Acknowledge Handler",
    0x2C: "Overload", 0x2D: "Softstart", 0x2E: "Selection", 0x30: "S-Device Supervisor", 0x31: "S-Analog Sensor", 0x32: "S-Analog Actuator",
    0x33: "S-Single Stage Controller", 0x34: "S-Gas Calibration", 0x35: "Trip Point", 0x37: "File", 0x38: "S-Partial Pressure",
    0x39: "Safety Supervisor", 0x3A: "Safety Validator", 0x3B: "Safety Discrete Output Point", 0x3C: "Safety Discrete Output Group",
    0x3D: "Safety Discrete Input Point", 0x3E: "Safety Discrete Input Group", 0x3F: "Safety Dual Channel Output",
    0x40: "S-Sensor Calibration", 0x41: "Event Log", 0x42: "Motion Device Axis", 0x43: "Time Sync", 0x44: "Modbus",
    0x45: "Originator Connection List", 0x46: "Modbus Serial Link", 0x47: "Device Level Ring (DLR)", 0x48: "QoS",
    0x49: "Safety Analog Input Point", 0x4A: "Safety Analog Input Group", 0x4B: "Safety Dual Channel Analog Input", 0x4C: "SERCOS III Link",
    0x4D: "Target Connection List", 0x4E: "Base Energy", 0x4F: "Electrical Energy", 0x50: "Non-Electrical Energy", 0x51: "Base Switch",
    0x52: "SNMP", 0x53: "Power Management", 0x54: "RSTP Bridge", 0x55: "RSTP Port", 0x56: "PRP/HSR Protocol", 0x57: "PRP/HSR Nodes Table",
    0x5D: "CIP Security", 0x5E: "EtherNet/IP Security", 0x5F: "Certificate Management", 0x67: "PCCC Class", 0x6B: "Symbol",
    0x6C: "Template", 0xF0: "ControlNet", 0xF1: "ControlNet Keeper", 0xF2: "ControlNet Scheduling", 0xF3: "Connection Configuration",
    0xF4: "Port", 0xF5: "TCP/IP Interface", 0xF6: "Ethernet Link", 0xF7: "CompoNet", 0xF8: "CompoNet Repeater",
}  # fmt: skip

VENDORS: Final = {
    1: "Rockwell Automation/Allen-Bradley", 3: "Honeywell Inc.", 5: "Rockwell Automation/Reliance Elec.", 7: "SMC Corporation",
    8: "Molex Incorporated", 12: "Banner Engineering Corp.", 13: "Belden Wire & Cable Company", 26: "Festo Corporation",
    36: "MKS Instruments Inc.", 40: "Wago Corporation", 43: "BALLUFF Inc.", 44: "Yaskawa Electric America Inc.",
    45: "Eurotherm Controls Inc",    46: "ABB Industrial Systems", 47: "Omron Corporation", 48: "Turck Inc.",
    50: "Real Time Automation (C&ID)", 56: "Softing GmbH",
    57: "Pepperl + Fuchs", 58: "Spectrum Controls Inc.", 68: "Eaton Electrical", 71: "Toshiba International Corp.", 74: "Hitachi Ltd.",
    75: "ABB Robotics Products AB", 77: "Rockwell Software Inc.", 81: "IXXAT Automation GmbH", 82: "Mitsubishi Electric Automation Inc.",
    83: "OPTO-22", 86: "Horner Electric", 87: "Burkert Werke GmbH & Co. KG", 90: "HMS Industrial Networks AB", 95: "Square D Company",
    96: "Digital Electronics Corp.", 97: "Danfoss", 100: "Bosch Rexroth Corporation, Pneumatics", 108: "Beckhoff Automation GmbH",
    109: "National Instruments", 121: "KUKA Roboter GmbH", 128: "MAC Valves Inc.", 145: "Siemens Energy & Automation/Drives",
    161: "Mitsubishi Electric Corporation", 171: "Denso Wave Incorporated", 176: "Red Lion Controls", 181: "Pilz GmbH & Co",
    201: "CKD Corporation", 243: "Schneider Automation Inc.", 246: "Brooks Instrument (Div. of Emerson)", 248: "Moeller GmbH",
    250: "Yokogawa Electric Corporation", 252: "Omron Software Co. Ltd.", 257: "Control Techniques PLC", 283: "Hilscher GmbH",
    287: "Bosch Rexroth Corporation, Indramat", 309: "Prosoft Technology", 314: "Wieland Electric GmbH", 315: "SEW Eurodrive GmbH",
    322: "ifm efector, inc.", 326: "GE Fanuc Automation North America Inc.", 345: "Endress + Hauser", 352: "Bently Nevada Corporation",
    356: "Fanuc Robotics America", 367: "Keyence Corporation",
}  # fmt: skip

DEVICES: Final = {
    0x00: "Generic Device (deprecated)", 0x02: "AC Drive Device", 0x03: "Motor Overload", 0x04: "Limit Switch",
    0x05: "Inductive Proximity Switch", 0x06: "Photoelectric Sensor", 0x07: "General Purpose Discrete I/O", 0x09: "Resolver",
    0x0C: "Communications Adapter", 0x0E: "Programmable Logic Controller", 0x10: "Position Controller", 0x13: "DC Drive",
    0x15: "Contactor", 0x16: "Motor Starter", 0x17: "Softstart Starter", 0x18: "Human-Machine Interface", 0x1A: "Mass Flow Controller",
    0x1B: "Pneumatic Valve(s)", 0x1C: "Vacuum Pressure Gauge", 0x1D: "Process Control Valve", 0x1E: "Residual Gas Analyzer",
    0x1F: "DC Power Generator", 0x20: "RF Power Generator", 0x21: "Turbomolecular Vacuum Pump", 0x22: "Encoder",
    0x23: "Safety Discrete I/O Device", 0x24: "Fluid Flow Controller", 0x25: "CIP Motion Drive", 0x26: "CompoNet Repeater",
    0x27: "Mass Flow Controller Enhanced", 0x28: "CIP Modbus Device", 0x29: "CIP Modbus Translator", 0x2A: "Safety Analog I/O Device",
    0x2B: "Generic Device (keyable)", 0x2C: "Managed Ethernet Switch", 0x2D: "CIP Motion Safety Drive Device", 0x2E: "Safety Drive Device",
    0x2F: "CIP Motion Encoder", 0x30: "CIP Motion Converter", 0x31: "CIP Motion I/O", 0x32: "ControlNet Physical Layer Component",
    0xC8: "Embedded Component",
}  # fmt: skip

TYPES: Final = {  # elementary data types (volume 1, appendix C-6): name, and the letter of `struct` for one element
    0xC1: ("bool", "?"), 0xC2: ("sint", "b"), 0xC3: ("int", "h"), 0xC4: ("dint", "i"), 0xC5: ("lint", "q"), 0xC6: ("usint", "B"),
    0xC7: ("uint", "H"), 0xC8: ("udint", "I"), 0xC9: ("ulint", "Q"), 0xCA: ("real", "f"), 0xCB: ("lreal", "d"), 0xD1: ("byte", "B"),
    0xD2: ("word", "H"), 0xD3: ("dword", "I"), 0xD4: ("lword", "Q"),
}  # fmt: skip
STRUCTURE: Final = 0x02A0

PCCC_FUNCTIONS: Final = {  # by command without its reply bit, and function (1770-RM516, chapter 7); -1 of a command without functions
    (0x00, -1): "protected_write", (0x01, -1): "unprotected_read", (0x02, -1): "protected_bit_write", (0x05, -1): "unprotected_bit_write",
    (0x08, -1): "unprotected_write", (0x06, 0x00): "echo", (0x06, 0x01): "read_diagnostic_counters", (0x06, 0x02): "set_variables",
    (0x06, 0x03): "diagnostic_status", (0x06, 0x04): "set_timeout", (0x06, 0x05): "set_naks", (0x06, 0x06): "set_enqs",
    (0x06, 0x07): "reset_diagnostic_counters", (0x07, 0x00): "disable_outputs", (0x07, 0x01): "enable_outputs",
    (0x07, 0x03): "enable_plc_scanning", (0x07, 0x04): "enter_download_mode", (0x07, 0x05): "exit_download_mode",
    (0x07, 0x06): "enter_upload_mode", (0x07, 0x07): "exit_upload_mode", (0x0F, 0x00): "word_range_write", (0x0F, 0x01): "word_range_read",
    (0x0F, 0x02): "bit_write", (0x0F, 0x03): "file_write", (0x0F, 0x04): "file_read", (0x0F, 0x05): "download_request",
    (0x0F, 0x06): "upload", (0x0F, 0x07): "shutdown", (0x0F, 0x08): "physical_write", (0x0F, 0x09): "physical_read",
    (0x0F, 0x0A): "restart_request", (0x0F, 0x11): "get_edit_resource", (0x0F, 0x12): "return_edit_resource",
    (0x0F, 0x17): "read_bytes_physical", (0x0F, 0x18): "write_bytes_physical", (0x0F, 0x26): "read_modify_write",
    (0x0F, 0x29): "read_section_size", (0x0F, 0x3A): "set_cpu_mode", (0x0F, 0x41): "disable_forces", (0x0F, 0x50): "download_all_request",
    (0x0F, 0x52): "download_completed", (0x0F, 0x53): "upload_all_request", (0x0F, 0x55): "upload_completed",
    (0x0F, 0x57): "initialize_memory", (0x0F, 0x5E): "modify_plc_2_compatibility_file", (0x0F, 0x67): "typed_write",
    (0x0F, 0x68): "typed_read", (0x0F, 0x79): "read_modify_write_n", (0x0F, 0x80): "change_mode", (0x0F, 0x81): "open_file",
    (0x0F, 0x82): "close_file", (0x0F, 0xA1): "protected_typed_logical_read_2", (0x0F, 0xA2): "protected_typed_logical_read",
    (0x0F, 0xA7): "protected_typed_file_read", (0x0F, 0xA9): "protected_typed_logical_write_2",
    (0x0F, 0xAA): "protected_typed_logical_write", (0x0F, 0xAB): "protected_typed_logical_masked_write",
    (0x0F, 0xAF): "protected_typed_file_write",
}  # fmt: skip
FILE_TYPES: Final = {
    0x82: "O", 0x83: "I", 0x84: "S", 0x85: "B", 0x86: "T", 0x87: "C", 0x88: "R", 0x89: "N", 0x8A: "F", 0x8B: "O", 0x8C: "I", 0x8D: "ST",
    0x8E: "A", 0x91: "L", 0x92: "MG", 0x93: "PD",
}  # fmt: skip


def vendor(number: int) -> str:
    return VENDORS.get(number) or f"vendor_{number}"


def device_type(number: int) -> str:
    return DEVICES.get(number) or f"type_{number}"


def status(number: int) -> str:
    return STATUS.get(number) or f"status_{number}"


def service(number: int, in_class: int, tag: bool) -> str:
    """A service by name; those from 0x4B on by the class that is asked, or of a tag."""
    if number in SERVICES:
        return SERVICES[number]
    names = TAGS if tag else OF_CLASS.get(in_class, {})
    return names.get(number) or f"service_{number}"
