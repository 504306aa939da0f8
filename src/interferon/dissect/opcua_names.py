"""Names of OPC UA's numbers: services by their encoding ids, status codes, attributes. Read by `opcua_types`, `opcua_services` and `opcua`.

Sources: IEC 62541-6 (OPC 10000-6), annex A (status codes and node ids); IEC 62541-4 (services); IEC 62541-3 (attributes).
"""

from functools import lru_cache
from typing import Final

SERVICES: Final = {  # encoding id of the request; that of the response is three more where `RESPONSES` does not say otherwise
    422: "find_servers",
    428: "get_endpoints",
    437: "register_server",
    446: "open_secure_channel",
    452: "close_secure_channel",
    461: "create_session",
    467: "activate_session",
    473: "close_session",
    479: "cancel",
    488: "add_nodes",
    494: "add_references",
    500: "delete_nodes",
    506: "delete_references",
    527: "browse",
    533: "browse_next",
    554: "translate_browse_paths_to_node_ids",
    560: "register_nodes",
    566: "unregister_nodes",
    615: "query_first",
    621: "query_next",
    631: "read",
    664: "history_read",
    673: "write",
    700: "history_update",
    712: "call",
    751: "create_monitored_items",
    763: "modify_monitored_items",
    769: "set_monitoring_mode",
    775: "set_triggering",
    781: "delete_monitored_items",
    787: "create_subscription",
    793: "modify_subscription",
    799: "set_publishing_mode",
    826: "publish",
    832: "republish",
    841: "transfer_subscriptions",
    847: "delete_subscriptions",
    12208: "find_servers_on_network",
    12211: "register_server_2",
}
RESPONSES: Final = {each + 3: name for each, name in SERVICES.items() if each < 12208} | {
    12209: "find_servers_on_network",
    12212: "register_server_2",
}
FAULT: Final = 397
MANAGEMENT: Final = frozenset(  # of discovery, channels and sessions: neither reads nor changes what a controller does
    (
        "find_servers",
        "find_servers_on_network",
        "get_endpoints",
        "register_server",
        "register_server_2",
        "open_secure_channel",
        "close_secure_channel",
        "create_session",
        "activate_session",
        "close_session",
        "cancel",
    )
)

ATTRIBUTES: Final = (
    "", "node_id", "node_class", "browse_name", "display_name", "description", "write_mask", "user_write_mask", "is_abstract", "symmetric",
    "inverse_name", "contains_no_loops", "event_notifier", "value", "data_type", "value_rank", "array_dimensions", "access_level",
    "user_access_level", "minimum_sampling_interval", "historizing", "executable", "user_executable", "data_type_definition",
    "role_permissions", "user_role_permissions", "access_restrictions", "access_level_ex",
)  # fmt: skip

STATUS: Final = {  # the upper half of a status code
    0x0000: "good",
    0x4000: "uncertain",
    0x8000: "bad",
    0x002D: "good_subscription_transferred", 0x002E: "good_completes_asynchronously", 0x002F: "good_overload", 0x0030: "good_clamped",
    0x0096: "good_local_override", 0x00A5: "good_no_data", 0x00A6: "good_more_data", 0x00A9: "good_call_again",
    0x406C: "uncertain_reference_out_of_server", 0x408F: "uncertain_no_communication_last_usable_value",
    0x4090: "uncertain_last_usable_value", 0x4091: "uncertain_substitute_value", 0x4092: "uncertain_initial_value",
    0x4093: "uncertain_sensor_not_accurate", 0x4094: "uncertain_engineering_units_exceeded", 0x4095: "uncertain_sub_normal",
    0x8001: "bad_unexpected_error", 0x8002: "bad_internal_error", 0x8003: "bad_out_of_memory", 0x8004: "bad_resource_unavailable",
    0x8005: "bad_communication_error", 0x8006: "bad_encoding_error", 0x8007: "bad_decoding_error", 0x8008: "bad_encoding_limits_exceeded",
    0x8009: "bad_unknown_response", 0x800A: "bad_timeout", 0x800B: "bad_service_unsupported", 0x800C: "bad_shutdown",
    0x800D: "bad_server_not_connected", 0x800E: "bad_server_halted", 0x800F: "bad_nothing_to_do", 0x8010: "bad_too_many_operations",
    0x8011: "bad_data_type_id_unknown", 0x8012: "bad_certificate_invalid", 0x8013: "bad_security_checks_failed",
    0x8014: "bad_certificate_time_invalid", 0x8015: "bad_certificate_issuer_time_invalid", 0x8016: "bad_certificate_host_name_invalid",
    0x8017: "bad_certificate_uri_invalid", 0x8018: "bad_certificate_use_not_allowed", 0x801A: "bad_certificate_untrusted",
    0x801B: "bad_certificate_revocation_unknown", 0x801D: "bad_certificate_revoked", 0x801F: "bad_user_access_denied",
    0x8020: "bad_identity_token_invalid", 0x8021: "bad_identity_token_rejected", 0x8022: "bad_secure_channel_id_invalid",
    0x8023: "bad_invalid_timestamp", 0x8024: "bad_nonce_invalid", 0x8025: "bad_session_id_invalid", 0x8026: "bad_session_closed",
    0x8027: "bad_session_not_activated", 0x8028: "bad_subscription_id_invalid", 0x802A: "bad_request_header_invalid",
    0x802B: "bad_timestamps_to_return_invalid", 0x802C: "bad_request_cancelled_by_client", 0x8031: "bad_no_communication",
    0x8032: "bad_waiting_for_initial_data", 0x8033: "bad_node_id_invalid", 0x8034: "bad_node_id_unknown",
    0x8035: "bad_attribute_id_invalid", 0x8036: "bad_index_range_invalid", 0x8037: "bad_index_range_no_data",
    0x8038: "bad_data_encoding_invalid", 0x8039: "bad_data_encoding_unsupported", 0x803A: "bad_not_readable", 0x803B: "bad_not_writable",
    0x803C: "bad_out_of_range", 0x803D: "bad_not_supported", 0x803E: "bad_not_found", 0x803F: "bad_object_deleted",
    0x8040: "bad_not_implemented", 0x8041: "bad_monitoring_mode_invalid", 0x8042: "bad_monitored_item_id_invalid",
    0x8043: "bad_monitored_item_filter_invalid", 0x8044: "bad_monitored_item_filter_unsupported", 0x8045: "bad_filter_not_allowed",
    0x8046: "bad_structure_missing", 0x8047: "bad_event_filter_invalid", 0x8048: "bad_content_filter_invalid",
    0x8049: "bad_filter_operand_invalid", 0x804A: "bad_continuation_point_invalid", 0x804B: "bad_no_continuation_points",
    0x804C: "bad_reference_type_id_invalid", 0x804D: "bad_browse_direction_invalid", 0x804E: "bad_node_not_in_view",
    0x804F: "bad_server_uri_invalid", 0x8050: "bad_server_name_missing", 0x8051: "bad_discovery_url_missing",
    0x8053: "bad_request_type_invalid", 0x8054: "bad_security_mode_rejected", 0x8055: "bad_security_policy_rejected",
    0x8056: "bad_too_many_sessions", 0x8057: "bad_user_signature_invalid", 0x8058: "bad_application_signature_invalid",
    0x8059: "bad_no_valid_certificates", 0x805A: "bad_request_cancelled_by_request", 0x805B: "bad_parent_node_id_invalid",
    0x805C: "bad_reference_not_allowed", 0x805D: "bad_node_id_rejected", 0x805E: "bad_node_id_exists", 0x805F: "bad_node_class_invalid",
    0x8060: "bad_browse_name_invalid", 0x8061: "bad_browse_name_duplicated", 0x8062: "bad_node_attributes_invalid",
    0x8063: "bad_type_definition_invalid", 0x8064: "bad_source_node_id_invalid", 0x8065: "bad_target_node_id_invalid",
    0x8066: "bad_duplicate_reference_not_allowed", 0x8069: "bad_no_delete_rights", 0x806D: "bad_too_many_matches", 0x806F: "bad_no_match",
    0x8071: "bad_history_operation_invalid", 0x8072: "bad_history_operation_unsupported", 0x8073: "bad_write_not_supported",
    0x8074: "bad_type_mismatch", 0x8075: "bad_method_invalid", 0x8076: "bad_arguments_missing", 0x8077: "bad_too_many_subscriptions",
    0x8078: "bad_too_many_publish_requests", 0x8079: "bad_no_subscription", 0x807A: "bad_sequence_number_unknown",
    0x807B: "bad_message_not_available", 0x807D: "bad_tcp_server_too_busy", 0x807E: "bad_tcp_message_type_invalid",
    0x807F: "bad_tcp_secure_channel_unknown", 0x8080: "bad_tcp_message_too_large", 0x8081: "bad_tcp_not_enough_resources",
    0x8082: "bad_tcp_internal_error", 0x8083: "bad_tcp_endpoint_url_invalid", 0x8084: "bad_request_interrupted",
    0x8085: "bad_request_timeout", 0x8086: "bad_secure_channel_closed", 0x8087: "bad_secure_channel_token_unknown",
    0x8088: "bad_sequence_number_invalid", 0x8089: "bad_configuration_error", 0x808A: "bad_not_connected", 0x808B: "bad_device_failure",
    0x808C: "bad_sensor_failure", 0x808D: "bad_out_of_service", 0x808E: "bad_deadband_filter_invalid", 0x809B: "bad_no_data",
    0x80A0: "bad_no_entry_exists", 0x80AB: "bad_invalid_argument", 0x80AC: "bad_connection_rejected", 0x80AD: "bad_disconnect",
    0x80AE: "bad_connection_closed", 0x80AF: "bad_invalid_state", 0x80B0: "bad_end_of_stream", 0x80B7: "bad_max_connections_reached",
    0x80B8: "bad_request_too_large", 0x80B9: "bad_response_too_large", 0x80BE: "bad_protocol_version_unsupported",
    0x80D5: "bad_aggregate_not_supported", 0x80DB: "bad_too_many_monitored_items", 0x80E5: "bad_too_many_arguments",
    0x80E6: "bad_security_mode_insufficient", 0x810D: "bad_certificate_chain_incomplete", 0x810E: "bad_license_expired",
    0x8111: "bad_not_executable",
}  # fmt: skip


@lru_cache(1024)
def status(code: int) -> str:
    """A status code by name; the lower half, which tells of limits and overflow, is left out."""
    return STATUS.get(code >> 16) or f"status_0x{code:08x}"


def is_bad(name: str) -> bool:
    return name.startswith("bad") or (name.startswith("status_0x") and name[9] >= "8")
