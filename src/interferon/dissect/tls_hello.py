"""ClientHello and ServerHello of SSL 3.0 to TLS 1.3, the ClientHello of SSL 2.0, and their fingerprints JA3, JA3S and JA4. Pure.

Called by the TLS dissector with the body of one handshake message. Sources: RFC 8446 (4.1), RFC 5246 (7.4.1, E.2), RFC 6066, RFC 7301;
JA3 and JA4 as their authors describe them. What breaks off raises ValueError.
"""

from hashlib import md5, sha256
from typing import Any, Final, TypeAlias

from interferon.dissect.tls_names import cipher, extension, greased, version

Fields: TypeAlias = dict[str, Any]
Extensions: TypeAlias = dict[int, bytes]  # by their numbers, in their order

NAME, GROUPS, FORMATS, SIGNATURES, ALPN, OFFERED, SHARES = 0, 10, 11, 13, 16, 43, 51
RETRY: Final = sha256(b"HelloRetryRequest").digest()  # the random of a ServerHello that asks for another ClientHello (4.1.3)
LISTED: Final = 1000  # numbers of one list that are told
SHOWN: Final = 255  # octets of a name


def client_hello(body: bytes) -> Fields:
    """version (the highest offered), versions, server_name, alpn, ciphers and extensions and groups (numbers as hex), ja3, ja4."""
    legacy = _number(body, 0, 2)
    session, at = _vector(body, 34, 1)
    suites, at = _vector(body, at, 2)
    methods, at = _vector(body, at, 1)
    ciphers = _numbers(suites)
    found, cut = _extensions(body, at)
    offered = [each for each in _numbers(_inner(found.get(OFFERED, b""), 1)) if not greased(each)]
    told: Fields = {"version": version(max(offered, default=legacy)), "legacy_version": version(legacy)}
    if offered:
        told["versions"] = [version(each) for each in offered]
    name = _server_name(found.get(NAME, b""))
    if name:
        told["server_name"] = name
    told |= _parts(found, ciphers)
    if session:
        told["session_id"] = session.hex()
    if any(methods):
        told["compression"] = methods.hex()
    if cut:
        told["malformed"] = "the extensions break off"
    return told | ja3(legacy, ciphers, found) | {"ja4": ja4(max(offered, default=legacy), ciphers, found)}


def _parts(found: Extensions, ciphers: list[int]) -> Fields:
    told: Fields = {}
    if alpn := _protocols(found.get(ALPN, b"")):
        told["alpn"] = alpn
    told["ciphers"] = _hex(ciphers)
    told["extensions"] = [extension(each) for each in found if not greased(each)][:LISTED]
    for number, key in ((GROUPS, "groups"), (SIGNATURES, "signature_algorithms")):
        if number in found:
            told[key] = _hex(_numbers(_inner(found[number], 2)))
    return told


def server_hello(body: bytes) -> Fields:
    """version (negotiated), cipher, alpn, extensions, ja3s; `retry` where it asks for another ClientHello."""
    legacy = _number(body, 0, 2)
    if len(body) < 34:
        raise ValueError("the hello breaks off")
    session, at = _vector(body, 34, 1)
    suite = _number(body, at, 2)
    found, cut = _extensions(body, at + 3)
    chosen = found.get(OFFERED, b"")
    told: Fields = {"version": version(_number(chosen, 0, 2) if len(chosen) == 2 else legacy), "cipher": cipher(suite)}
    if body[2:34] == RETRY:
        told["retry"] = True
    if alpn := _protocols(found.get(ALPN, b"")):
        told["alpn"] = alpn
    if len(found.get(SHARES, b"")) >= 2:
        told["group"] = f"{_number(found[SHARES], 0, 2):04x}"
    told["extensions"] = [extension(each) for each in found][:LISTED]
    if session:
        told["session_id"] = session.hex()
    if cut:
        told["malformed"] = "the extensions break off"
    text = f"{legacy},{suite},{_joined(found)}"
    return told | {"ja3s": md5(text.encode(), usedforsecurity=False).hexdigest(), "ja3s_string": text}


def ssl2_hello(body: bytes) -> Fields:
    """The ClientHello of SSL 2.0, by which old clients also ask for later versions; `body` begins behind its type (appendix E.2)."""
    offered = _number(body, 0, 2)
    size = _number(body, 2, 2)
    if len(body) < 8 + size:
        raise ValueError("the hello breaks off")
    numbers = [int.from_bytes(body[at : at + 3]) for at in range(8, 8 + size - 2, 3)]
    return {"version": version(offered), "legacy_version": "SSLv2", "ciphers": [f"{each:06x}" for each in numbers[:LISTED]]}


def ja3(legacy: int, ciphers: list[int], found: Extensions) -> Fields:
    """MD5 of version, ciphers, extensions, groups and point formats, in their order, without GREASE; and the text that it is of."""
    groups, formats = _numbers(_inner(found.get(GROUPS, b""), 2)), _inner(found.get(FORMATS, b""), 1)
    text = ",".join((str(legacy), _joined(ciphers), _joined(found), _joined(groups), "-".join(map(str, formats))))
    return {"ja3": md5(text.encode(), usedforsecurity=False).hexdigest(), "ja3_string": text}


def ja4(highest: int, ciphers: list[int], found: Extensions) -> str:
    """TLS over TCP: version, name, counts and protocol in clear; hashes of the sorted ciphers, and of extensions with signatures."""
    suites = sorted(f"{each:04x}" for each in ciphers if not greased(each))
    extensions = [each for each in found if not greased(each)]
    sealed = sorted(f"{each:04x}" for each in extensions if each not in (NAME, ALPN))
    signatures = [f"{each:04x}" for each in _numbers(_inner(found.get(SIGNATURES, b""), 2)) if not greased(each)]
    shown = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}.get(highest, "00")
    counts = f"{min(len(suites), 99):02d}{min(len(extensions), 99):02d}"
    head = f"t{shown}{'d' if NAME in found else 'i'}{counts}{_ends(_inner(found.get(ALPN, b''), 2))}"
    behind = ",".join(sealed) + ("_" + ",".join(signatures) if signatures else "")
    return f"{head}_{_short(','.join(suites))}_{_short(behind if sealed or signatures else '')}"


def _ends(protocols: bytes) -> str:
    """First and last character of the first protocol; of its hexadecimal form where they are no letters or digits."""
    first = protocols[1 : 1 + protocols[0]] if protocols else b""
    if not first:
        return "00"
    if all(bytes([each]).isalnum() for each in (first[0], first[-1])):
        return chr(first[0]) + chr(first[-1])
    return first.hex()[0] + first.hex()[-1]


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def _joined(numbers: "list[int] | Extensions") -> str:
    return "-".join(str(each) for each in numbers if not greased(each))


def _hex(numbers: list[int]) -> list[str]:
    return [f"{each:04x}" for each in numbers if not greased(each)][:LISTED]


def _number(raw: bytes, at: int, size: int) -> int:
    if at + size > len(raw):
        raise ValueError("the hello breaks off")
    return int.from_bytes(raw[at : at + size])


def _vector(raw: bytes, at: int, size: int) -> tuple[bytes, int]:
    """The octets behind a length of `size` octets, and where they end."""
    begin = at + size
    stop = begin + _number(raw, at, size)
    if stop > len(raw):
        raise ValueError("the hello breaks off")
    return raw[begin:stop], stop


def _inner(raw: bytes, size: int) -> bytes:
    """The octets behind the length of a list that is all of an extension; as many as are there."""
    return raw[size : size + int.from_bytes(raw[:size])]


def _numbers(raw: bytes) -> list[int]:
    return [raw[at] << 8 | raw[at + 1] for at in range(0, len(raw) - 1, 2)]


def _extensions(body: bytes, at: int) -> tuple[Extensions, bool]:
    """By number; and whether they break off. A hello may end before them."""
    found: Extensions = {}
    if at + 2 > len(body):
        return found, at < len(body)
    stop = at + 2 + _number(body, at, 2)
    at, end = at + 2, min(stop, len(body))
    while at + 4 <= end:
        number, size = _number(body, at, 2), _number(body, at + 2, 2)
        if at + 4 + size > end:
            return found, True
        found.setdefault(number, body[at + 4 : at + 4 + size])
        at += 4 + size
    return found, at != stop


def _server_name(raw: bytes) -> str:
    """The host name of a list of names (RFC 6066, clause 3)."""
    raw = _inner(raw, 2)
    if len(raw) < 4 or raw[0]:
        return ""
    return raw[3 : 3 + min(raw[1] << 8 | raw[2], SHOWN)].decode(errors="replace")


def _protocols(raw: bytes) -> list[str]:
    raw, at, found = _inner(raw, 2), 0, list[str]()
    while at < len(raw) and len(found) < LISTED:
        found.append(raw[at + 1 : at + 1 + raw[at]].decode(errors="replace"))
        at += 1 + raw[at]
    return found
