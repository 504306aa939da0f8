"""Names, resource records and EDNS options of DNS messages: by index, with compression, and never past a message's end. Pure.

Called by `dissect.dns`. Sources: RFC 1035 (clauses 3 and 4), RFC 2782, 3596, 6891, 8659, 9460; numbers of the IANA registries.
What breaks off or contradicts itself raises ValueError with the reason.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, TypeAlias

TYPES: Final = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 11: "WKS", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB",
    24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS",
    44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA",
    53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF",
    108: "EUI48", 109: "EUI64", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB", 255: "ANY", 256: "URI", 257: "CAA",
    32768: "TA", 32769: "DLV",
}  # fmt: skip
CLASSES: Final = {1: "IN", 2: "CS", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
OPTIONS: Final = {
    1: "llq", 2: "update_lease", 3: "nsid", 5: "dau", 6: "dhu", 7: "n3u", 8: "client_subnet", 9: "expire", 10: "cookie",
    11: "tcp_keepalive", 12: "padding", 13: "chain", 14: "key_tag", 15: "extended_error", 16: "client_tag", 17: "server_tag",
    18: "report_channel",
}  # fmt: skip
PARAMETERS: Final = ("mandatory", "alpn", "no_default_alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp")  # RFC 9460, 14.3.2
OPT: Final = 41
LONGEST: Final = 255  # octets of a name
JUMPS: Final = 127  # pointers of a name: more than it can have labels
SHARED: Final = 0x8000  # of a class: cache flush, or an answer by unicast (RFC 6762, clauses 5.4 and 10.2)

Fields: TypeAlias = dict[str, Any]
Names: TypeAlias = dict[int, tuple[str, int]]  # by the offset where a name begins: its text, and its length in octets


def type_name(number: int) -> str:
    return TYPES.get(number) or f"TYPE{number}"


def class_name(number: int) -> str:
    return CLASSES.get(number) or f"CLASS{number}"


def name(data: bytes, at: int, base: int, end: int, names: Names) -> tuple[str, int]:
    """The name that begins at `at`, in the form of RFC 1035 clause 5.1 without the last dot, and where it ends; `.` is the root.

    `base`: where the message begins, from which pointers count. A pointer leads back only, to a place before the labels it stands behind.
    """
    parts: list[tuple[int, str]] = []  # each label with its offset
    begun, after, known, jumps = at, -1, ("", 1), 0
    while True:
        size = _octet(data, at, end)
        if size >= 0xC0:
            target = base + ((size & 0x3F) << 8 | _octet(data, at + 1, end))
            after = at + 2 if after < 0 else after
            if target >= begun:
                raise ValueError("a name points at itself or ahead")
            if target in names:
                known = names[target]
                break
            jumps += 1
            if jumps > JUMPS:
                raise ValueError(f"a name of more than {JUMPS} pointers")
            begun = at = target
        elif size > 63:
            raise ValueError(f"a label of the unknown kind {size >> 6}")
        elif not size:
            after = at + 1 if after < 0 else after
            break
        else:
            if at + 1 + size > end:
                raise ValueError("a label breaks off")
            parts.append((at, label(data[at + 1 : at + 1 + size])))
            at += 1 + size
            if len(parts) > LONGEST // 2:
                raise ValueError(f"a name of more than {LONGEST} octets")
    return _kept(data, parts, known, names), after


def _kept(data: bytes, parts: list[tuple[int, str]], known: tuple[str, int], names: Names) -> str:
    """The labels joined, and every name that ends like this one remembered: others point there."""
    text, octets = known
    for at, part in reversed(parts):
        octets += 1 + data[at]
        if octets > LONGEST:
            raise ValueError(f"a name of more than {LONGEST} octets")
        text = f"{part}.{text}" if text else part
        names[at] = text, octets
    return text or "."


def label(raw: bytes) -> str:
    """One label: UTF-8 as mDNS has it; a dot, a backslash, and octets that are no text, escaped (RFC 4343, clause 2.1)."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "".join(_escaped(chr(octet)) if octet < 128 else f"\\{octet:03d}" for octet in raw)
    return text if text.isprintable() and "." not in text and "\\" not in text else "".join(map(_escaped, text))


def _escaped(letter: str) -> str:
    if letter in ".\\":
        return f"\\{letter}"
    return letter if letter.isprintable() else "".join(f"\\{octet:03d}" for octet in letter.encode())


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def record(data: bytes, at: int, base: int, end: int, names: Names) -> tuple[Fields, int, int]:
    """One resource record, its type's number, and where it ends: name, type, class (where not IN), ttl (s), data.

    `data` is text of A, AAAA, NS, CNAME, PTR, DNAME; a list of texts of TXT and SPF; an object of MX, SRV, SOA, SVCB, HTTPS, CAA, URI; else
    the octets as hex.
    """
    owner, at = name(data, at, base, end, names)
    if at + 10 > end:
        raise ValueError("a record breaks off in its head")
    kind, group = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
    ttl, size = int.from_bytes(data[at + 4 : at + 8]), data[at + 8] << 8 | data[at + 9]
    begin, stop = at + 10, at + 10 + size
    if stop > end:
        raise ValueError(f"a record of {type_name(kind)} says {size} octets and breaks off after {end - begin}")
    if kind == OPT:
        return edns(data, begin, stop, group, ttl), kind, stop
    told: Fields = {"name": owner, "type": type_name(kind)}
    if group & SHARED and group != SHARED:
        told["cache_flush"], group = True, group & ~SHARED
    if group != 1:
        told["class"] = class_name(group)
    told["ttl"] = ttl
    told["data"] = _data(data, begin, base, stop, kind, names)
    return told, kind, stop


def _data(data: bytes, at: int, base: int, stop: int, kind: int, names: Names) -> Any:
    reader = READERS.get(kind)
    if reader is None or at == stop:  # RFC 2136 has records without data
        return data[at:stop].hex()
    try:
        return reader(data, at, base, stop, names)
    except (ValueError, IndexError):
        return {"malformed": data[at:stop].hex()}


def _octet(data: bytes, at: int, end: int) -> int:
    if at >= end:
        raise ValueError("a name breaks off")
    return data[at]


def _number(data: bytes, at: int, size: int, stop: int) -> int:
    if at + size > stop:
        raise ValueError("a number breaks off")
    return int.from_bytes(data[at : at + size])


def _address(data: bytes, at: int, base: int, stop: int, names: Names) -> str:
    return str(IPv4Address(data[at:stop]))


def _address6(data: bytes, at: int, base: int, stop: int, names: Names) -> str:
    return str(IPv6Address(data[at:stop]))


def _name(data: bytes, at: int, base: int, stop: int, names: Names) -> str:
    return name(data, at, base, stop, names)[0]


def _exchange(data: bytes, at: int, base: int, stop: int, names: Names) -> Fields:
    return {"preference": _number(data, at, 2, stop), "exchange": name(data, at + 2, base, stop, names)[0]}


def _texts(data: bytes, at: int, base: int, stop: int, names: Names) -> list[str]:
    found = []
    while at < stop:
        behind = at + 1 + data[at]
        if behind > stop:
            raise ValueError("a text breaks off")
        found.append(_decoded(data[at + 1 : behind]))
        at = behind
    return found


def _authority(data: bytes, at: int, base: int, stop: int, names: Names) -> Fields:
    server, at = name(data, at, base, stop, names)
    person, at = name(data, at, base, stop, names)
    told: Fields = {"mname": server, "rname": person}
    for place, key in enumerate(("serial", "refresh", "retry", "expire", "minimum")):
        told[key] = _number(data, at + 4 * place, 4, stop)
    return told


def _service(data: bytes, at: int, base: int, stop: int, names: Names) -> Fields:
    told: Fields = {key: _number(data, at + 2 * place, 2, stop) for place, key in enumerate(("priority", "weight", "port"))}
    return told | {"target": name(data, at + 6, base, stop, names)[0]}


def _binding(data: bytes, at: int, base: int, stop: int, names: Names) -> Fields:
    """SVCB and HTTPS (RFC 9460, clause 2.2)."""
    told: Fields = {"priority": _number(data, at, 2, stop)}
    told["target"], at = name(data, at + 2, base, stop, names)
    while at < stop:
        key, size = _number(data, at, 2, stop), _number(data, at + 2, 2, stop)
        begin, at = at + 4, at + 4 + size
        if at > stop:
            raise ValueError("a parameter breaks off")
        told[PARAMETERS[key] if key < len(PARAMETERS) else f"key{key}"] = _parameter(data[begin:at], key)
    return told


def _parameter(raw: bytes, key: int) -> Any:
    if key == 0:
        numbers = [raw[at] << 8 | raw[at + 1] for at in range(0, len(raw), 2)]
        return [PARAMETERS[each] if each < len(PARAMETERS) else f"key{each}" for each in numbers]
    if key == 1:
        return _texts(raw, 0, 0, len(raw), {})
    if key == 3:
        return _number(raw, 0, 2, len(raw))
    if key == 4:
        return [str(IPv4Address(raw[at : at + 4])) for at in range(0, len(raw), 4)]
    if key == 6:
        return [str(IPv6Address(raw[at : at + 16])) for at in range(0, len(raw), 16)]
    if key in (2, 8):
        return True
    return _decoded(raw) if key == 7 else raw.hex()


def _issuer(data: bytes, at: int, base: int, stop: int, names: Names) -> Fields:
    flags, size = data[at], data[at + 1]
    if at + 2 + size > stop:
        raise ValueError("a tag breaks off")
    return {"flags": flags, "tag": _decoded(data[at + 2 : at + 2 + size]), "value": _decoded(data[at + 2 + size : stop])}


def _uri(data: bytes, at: int, base: int, stop: int, names: Names) -> Fields:
    return {"priority": _number(data, at, 2, stop), "weight": _number(data, at + 2, 2, stop), "target": _decoded(data[at + 4 : stop])}


READERS: Final[dict[int, Callable[[bytes, int, int, int, Names], Any]]] = {
    **{1: _address, 28: _address6, 6: _authority, 15: _exchange, 33: _service, 64: _binding, 65: _binding, 256: _uri, 257: _issuer},
    **dict.fromkeys((2, 5, 12, 39), _name),
    **dict.fromkeys((16, 99), _texts),
}


def edns(data: bytes, at: int, stop: int, size: int, flags: int) -> Fields:
    """The OPT record (RFC 6891, clause 6.1): udp_size, version, dnssec_ok, extended rcode (upper 8 bits), options by name."""
    told: Fields = {"udp_size": size, "version": flags >> 16 & 255, "dnssec_ok": flags & 0x8000 > 0}
    if flags >> 24:
        told["extended_rcode"] = flags >> 24
    options: Fields = {}
    while at + 4 <= stop:
        code, length = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        begin, at = at + 4, at + 4 + length
        if at > stop:
            break
        options[OPTIONS.get(code) or f"option{code}"] = _option(code, data[begin:at])
    if options:
        told["options"] = options
    if at != stop:
        told["malformed"] = "an option breaks off"
    return told


def _option(code: int, raw: bytes) -> Any:
    if code == 8 and len(raw) >= 4 and raw[:2] in (b"\0\1", b"\0\2") and len(raw) <= 4 + (4 if raw[1] == 1 else 16):
        padded = raw[4:].ljust(4 if raw[1] == 1 else 16, b"\0")
        return f"{IPv4Address(padded) if raw[1] == 1 else IPv6Address(padded)}/{raw[2]}"
    if code == 15 and len(raw) >= 2:
        return {"code": raw[0] << 8 | raw[1], "text": _decoded(raw[2:])}
    return len(raw) if code == 12 else raw.hex()
