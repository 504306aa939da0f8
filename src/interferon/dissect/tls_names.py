"""Numbers of TLS by their names: versions, extensions, alerts and cipher suites. Tables only.

Called by the TLS dissector. Source: the TLS registries of IANA, RFC 8446 (clause 6 and appendix B); GREASE is RFC 8701.
"""

from typing import Final

VERSIONS: Final = {0x0002: "SSLv2", 0x0300: "SSLv3", 0x0301: "TLSv1.0", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
EXTENSIONS: Final = {
    0: "server_name", 1: "max_fragment_length", 5: "status_request", 10: "supported_groups", 11: "ec_point_formats",
    13: "signature_algorithms", 14: "use_srtp", 15: "heartbeat", 16: "alpn", 17: "status_request_v2", 18: "signed_certificate_timestamp",
    19: "client_certificate_type", 20: "server_certificate_type", 21: "padding", 22: "encrypt_then_mac", 23: "extended_master_secret",
    24: "token_binding", 25: "cached_info", 27: "compress_certificate", 28: "record_size_limit", 34: "delegated_credential",
    35: "session_ticket", 41: "pre_shared_key", 42: "early_data", 43: "supported_versions", 44: "cookie", 45: "psk_key_exchange_modes",
    47: "certificate_authorities", 48: "oid_filters", 49: "post_handshake_auth", 50: "signature_algorithms_cert", 51: "key_share",
    57: "quic_transport_parameters", 0x3374: "next_protocol_negotiation", 0x4469: "application_settings", 0x44CD: "application_settings",
    0xFE0D: "encrypted_client_hello", 0xFF01: "renegotiation_info",
}  # fmt: skip
LEVELS: Final = {1: "warning", 2: "fatal"}
ALERTS: Final = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
    30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate",
    44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
    49: "access_denied", 50: "decode_error", 51: "decrypt_error", 60: "export_restriction", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
    109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
    113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity", 116: "certificate_required",
    120: "no_application_protocol",
}  # fmt: skip
_AES: Final = ("AES_128_CBC_SHA", "AES_256_CBC_SHA")
_SUITES: Final = {
    0x0000: "NULL_WITH_NULL_NULL", 0x0001: "RSA_WITH_NULL_MD5", 0x0002: "RSA_WITH_NULL_SHA", 0x003B: "RSA_WITH_NULL_SHA256",
    0x0003: "RSA_EXPORT_WITH_RC4_40_MD5", 0x0004: "RSA_WITH_RC4_128_MD5", 0x0005: "RSA_WITH_RC4_128_SHA", 0x0007: "RSA_WITH_IDEA_CBC_SHA",
    0x0008: "RSA_EXPORT_WITH_DES40_CBC_SHA", 0x0009: "RSA_WITH_DES_CBC_SHA", 0x000A: "RSA_WITH_3DES_EDE_CBC_SHA",
    0x0013: "DHE_DSS_WITH_3DES_EDE_CBC_SHA", 0x0015: "DHE_RSA_WITH_DES_CBC_SHA", 0x0016: "DHE_RSA_WITH_3DES_EDE_CBC_SHA",
    0x0018: "DH_anon_WITH_RC4_128_MD5", 0x001B: "DH_anon_WITH_3DES_EDE_CBC_SHA",
    **{0x2F + 6 * step + place: f"{key}_WITH_{_AES[step]}" for step in (0, 1)
       for place, key in enumerate(("RSA", "DH_DSS", "DH_RSA", "DHE_DSS", "DHE_RSA", "DH_anon"))},
    0x003C: "RSA_WITH_AES_128_CBC_SHA256", 0x003D: "RSA_WITH_AES_256_CBC_SHA256", 0x0041: "RSA_WITH_CAMELLIA_128_CBC_SHA",
    0x0045: "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", 0x0067: "DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006B: "DHE_RSA_WITH_AES_256_CBC_SHA256",
    0x0084: "RSA_WITH_CAMELLIA_256_CBC_SHA", 0x0088: "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA", 0x008C: "PSK_WITH_AES_128_CBC_SHA",
    0x008D: "PSK_WITH_AES_256_CBC_SHA", 0x009C: "RSA_WITH_AES_128_GCM_SHA256", 0x009D: "RSA_WITH_AES_256_GCM_SHA384",
    0x009E: "DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009F: "DHE_RSA_WITH_AES_256_GCM_SHA384", 0x00A8: "PSK_WITH_AES_128_GCM_SHA256",
    0x00A9: "PSK_WITH_AES_256_GCM_SHA384", 0x00AE: "PSK_WITH_AES_128_CBC_SHA256", 0x00AF: "PSK_WITH_AES_256_CBC_SHA384",
    **{0xC001 + 5 * step + place: f"{key}_WITH_{cipher}" for step, key in enumerate(("ECDH_ECDSA", "ECDHE_ECDSA", "ECDH_RSA", "ECDHE_RSA"))
       for place, cipher in enumerate(("NULL_SHA", "RC4_128_SHA", "3DES_EDE_CBC_SHA", *_AES))},
    **{0xC023 + 2 * step + place: f"{key}_WITH_AES_{size}_CBC_{digest}"
       for step, key in enumerate(("ECDHE_ECDSA", "ECDH_ECDSA", "ECDHE_RSA", "ECDH_RSA"))
       for place, (size, digest) in enumerate(((128, "SHA256"), (256, "SHA384")))},
    **{0xC02B + 2 * step + place: f"{key}_WITH_AES_{size}_GCM_{digest}"
       for step, key in enumerate(("ECDHE_ECDSA", "ECDH_ECDSA", "ECDHE_RSA", "ECDH_RSA"))
       for place, (size, digest) in enumerate(((128, "SHA256"), (256, "SHA384")))},
    0xC035: "ECDHE_PSK_WITH_AES_128_CBC_SHA", 0xC036: "ECDHE_PSK_WITH_AES_256_CBC_SHA", 0xC037: "ECDHE_PSK_WITH_AES_128_CBC_SHA256",
    0xC09C: "RSA_WITH_AES_128_CCM", 0xC09D: "RSA_WITH_AES_256_CCM", 0xC0A0: "RSA_WITH_AES_128_CCM_8", 0xC0A4: "PSK_WITH_AES_128_CCM",
    0xC0A8: "PSK_WITH_AES_128_CCM_8", 0xC0AC: "ECDHE_ECDSA_WITH_AES_128_CCM", 0xC0AD: "ECDHE_ECDSA_WITH_AES_256_CCM",
    0xC0AE: "ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xC0AF: "ECDHE_ECDSA_WITH_AES_256_CCM_8", 0xCCA8: "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xCCAA: "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCAB: "PSK_WITH_CHACHA20_POLY1305_SHA256", 0xCCAC: "ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", 0x00FF: "EMPTY_RENEGOTIATION_INFO_SCSV",
    0x5600: "FALLBACK_SCSV", 0x1301: "AES_128_GCM_SHA256", 0x1302: "AES_256_GCM_SHA384", 0x1303: "CHACHA20_POLY1305_SHA256",
    0x1304: "AES_128_CCM_SHA256", 0x1305: "AES_128_CCM_8_SHA256",
}  # fmt: skip
CIPHERS: Final = {number: f"TLS_{name}" for number, name in _SUITES.items()}


def version(number: int) -> str:
    return VERSIONS.get(number) or f"0x{number:04x}"


def cipher(number: int) -> str:
    """The suite's name; its number in hexadecimal where it has none here."""
    return CIPHERS.get(number) or f"0x{number:04x}"


def extension(number: int) -> str:
    return EXTENSIONS.get(number) or str(number)


def greased(number: int) -> bool:
    """Whether a number stands for nothing: 0x0A0A, 0x1A1A … 0xFAFA (RFC 8701)."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF
