"""MQTT's values: strings, variable integers, the properties of version 5 and the names of its reason codes. Called by `mqtt`. Pure.

Sources: OASIS MQTT 5.0, clauses 1.5 (data), 2.2.2 (properties) and 2.4 (reason codes); MQTT 3.1.1, clause 3.2.2.3; MQTT 3.1, clause 3.2.
"""

from typing import Any, Final, TypeAlias

SAMPLE: Final = 4096  # octets of a payload, will message or binary value that are told
PAIRS: Final = 256  # user properties of one message that are told

BYTE, SHORT, LONG, VARIABLE, TEXT, BINARY, PAIR = range(7)
PROPERTIES: Final = {
    1: ("payload_format_indicator", BYTE),
    2: ("message_expiry_interval", LONG),
    3: ("content_type", TEXT),
    8: ("response_topic", TEXT),
    9: ("correlation_data", BINARY),
    11: ("subscription_identifier", VARIABLE),
    17: ("session_expiry_interval", LONG),
    18: ("assigned_client_identifier", TEXT),
    19: ("server_keep_alive", SHORT),
    21: ("authentication_method", TEXT),
    22: ("authentication_data", BINARY),
    23: ("request_problem_information", BYTE),
    24: ("will_delay_interval", LONG),
    25: ("request_response_information", BYTE),
    26: ("response_information", TEXT),
    28: ("server_reference", TEXT),
    31: ("reason_string", TEXT),
    33: ("receive_maximum", SHORT),
    34: ("topic_alias_maximum", SHORT),
    35: ("topic_alias", SHORT),
    36: ("maximum_qos", BYTE),
    37: ("retain_available", BYTE),
    38: ("user_properties", PAIR),
    39: ("maximum_packet_size", LONG),
    40: ("wildcard_subscription_available", BYTE),
    41: ("subscription_identifier_available", BYTE),
    42: ("shared_subscription_available", BYTE),
}
OF_PUBLISH: Final = frozenset((1, 2, 3, 8, 9, 11, 35, 38))

REASONS: Final = {  # of version 5
    0x00: "success",
    0x01: "granted_qos_1",
    0x02: "granted_qos_2",
    0x04: "disconnect_with_will_message",
    0x10: "no_matching_subscribers",
    0x11: "no_subscription_existed",
    0x18: "continue_authentication",
    0x19: "re_authenticate",
    0x80: "unspecified_error",
    0x81: "malformed_packet",
    0x82: "protocol_error",
    0x83: "implementation_specific_error",
    0x84: "unsupported_protocol_version",
    0x85: "client_identifier_not_valid",
    0x86: "bad_user_name_or_password",
    0x87: "not_authorized",
    0x88: "server_unavailable",
    0x89: "server_busy",
    0x8A: "banned",
    0x8B: "server_shutting_down",
    0x8C: "bad_authentication_method",
    0x8D: "keep_alive_timeout",
    0x8E: "session_taken_over",
    0x8F: "topic_filter_invalid",
    0x90: "topic_name_invalid",
    0x91: "packet_identifier_in_use",
    0x92: "packet_identifier_not_found",
    0x93: "receive_maximum_exceeded",
    0x94: "topic_alias_invalid",
    0x95: "packet_too_large",
    0x96: "message_rate_too_high",
    0x97: "quota_exceeded",
    0x98: "administrative_action",
    0x99: "payload_format_invalid",
    0x9A: "retain_not_supported",
    0x9B: "qos_not_supported",
    0x9C: "use_another_server",
    0x9D: "server_moved",
    0x9E: "shared_subscriptions_not_supported",
    0x9F: "connection_rate_exceeded",
    0xA0: "maximum_connect_time",
    0xA1: "subscription_identifiers_not_supported",
    0xA2: "wildcard_subscriptions_not_supported",
}
RETURNS: Final = {  # of CONNACK before version 5
    0: "success",
    1: "unacceptable_protocol_version",
    2: "identifier_rejected",
    3: "server_unavailable",
    4: "bad_user_name_or_password",
    5: "not_authorized",
}

Properties: TypeAlias = dict[str, Any]


def reason(code: int) -> str:
    return REASONS.get(code) or f"reason_{code}"


def variable(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A variable byte integer and where it ends (clause 1.5.5); the end is -1 where it is cut or longer than four octets."""
    value = 0
    for place in range(4):
        if at + place >= end:
            break
        octet = data[at + place]
        value |= (octet & 127) << 7 * place
        if octet < 128:
            return value, at + place + 1
    return 0, -1


def text(data: bytes, at: int, end: int) -> tuple[str, int]:
    """A string with its length before it, and where it ends; the end is -1 where it is cut. What is no UTF-8 is told as `\\xNN`."""
    if end - at < 2:
        return "", -1
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    if stop > end:
        return "", -1
    return data[at + 2 : stop].decode("utf-8", "backslashreplace"), stop


def shown(data: bytes, at: int, end: int) -> tuple[str, bool]:
    """The first `SAMPLE` octets of data[at:end]: as they are where they are printable UTF-8 text, else in hex. Whether in hex."""
    stop = end
    if end - at > SAMPLE:
        stop = at + SAMPLE
        while stop > at + SAMPLE - 4 and data[stop] & 0xC0 == 0x80:  # no character is cut in two
            stop -= 1
    piece = data[at:stop]
    try:
        found = piece.decode()
    except UnicodeDecodeError:
        return data[at : min(end, at + SAMPLE)].hex(), True
    if found.isprintable() or found.translate(_LINES).isprintable():
        return found, False
    return piece.hex(), True


_LINES: Final = {9: None, 10: None, 13: None}  # tab and ends of lines are text too


def properties(data: bytes, at: int, end: int) -> tuple[Properties, int] | None:
    """The properties whose length stands at `at`, and where they end; None where they are malformed or cut.

    What may come several times is a list: `user_properties` of [name, value], `subscription_identifier` from the second on.
    """
    length, at = variable(data, at, end)
    if at < 0 or at + length > end:
        return None
    stop = at + length
    found: Properties = {}
    while at < stop:
        known = PROPERTIES.get(data[at])
        if known is None:
            return None
        at = _property(data, at + 1, stop, known[0], known[1], found)
        if at < 0:
            return None
    return found, stop


def _property(data: bytes, at: int, stop: int, name: str, kind: int, found: Properties) -> int:
    """One property goes into `found`; where it ends, or -1 where it is cut."""
    if kind == PAIR:
        return _pair(data, at, stop, found)
    value: Any
    if kind == TEXT:
        value, at = text(data, at, stop)
    elif kind == BINARY:
        begin = at + 2
        if stop < begin or begin + (data[at] << 8 | data[at + 1]) > stop:
            return -1
        at = begin + (data[at] << 8 | data[at + 1])
        value = shown(data, begin, at)[0]
    elif kind == VARIABLE:
        value, at = variable(data, at, stop)
    else:
        size = 1 << kind
        if stop - at < size:
            return -1
        value, at = int.from_bytes(data[at : at + size], "big"), at + size
    if at < 0:
        return -1
    if kind == VARIABLE and name in found:
        before = found[name]
        value = [*before, value] if isinstance(before, list) else [before, value]
        value = value[:PAIRS]
    found[name] = value
    return at


def _pair(data: bytes, at: int, stop: int, found: Properties) -> int:
    name, at = text(data, at, stop)
    if at < 0:
        return -1
    value, at = text(data, at, stop)
    if at < 0:
        return -1
    pairs = found.setdefault("user_properties", [])
    if len(pairs) < PAIRS:
        pairs.append([name, value])
    else:
        found["user_properties_count"] = found.get("user_properties_count", PAIRS) + 1
    return at
