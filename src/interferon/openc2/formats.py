"""What a string of a certain kind must look like: names, addresses, identifiers, hashes. Called by `shape`. Pure.

Each of `FORMATS` answers '' for a good text, else what would be right. Sources: OpenC2 language 1.0, 3.1.2 and 3.1.5, and what those cite.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Final

_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf'{_ATOM}(\.{_ATOM})*|"([\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"')
_OCTET: Final = re.compile(r"[0-9]{1,3}")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_URI_TEXT: Final = re.compile(r"([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_AUTHORITY: Final = re.compile(r"(?:[^@\[\]]*@)?(?:\[([0-9A-Fa-f:.]+)\]|[^\[\]:@]*)(?::[0-9]*)?")
_BASE64URL: Final = re.compile(r"([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2}(==)?|[A-Za-z0-9_-]{3}=?)?")
_EUI: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}((:[0-9A-Fa-f]{2}){2})?")
_PRIVATE: Final = re.compile(r"[\x00-\x20\x7f-\x9f<>\"{}|\\^`\ud800-\udfff\ue000-\uf8ff\ufff0-\uffff]")


def hostname(text: str) -> str:
    """RFC 1034, 3.5, with the first character of RFC 1123, 2.1."""
    good = 0 < len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))
    return "" if good else "a host name (labels of up to 63 letters, digits and inner hyphens, 253 characters in all)"


def idn_hostname(text: str) -> str:
    """RFC 5890, 2.3.2.3: each label has an ASCII form that is a good one."""
    try:
        ascii_form = text.encode("idna").decode("ascii") if len(text) <= 253 else ""  # the codec takes a second for a long one
    except UnicodeError:
        ascii_form = ""
    return "an internationalised host name (RFC 5890)" if hostname(ascii_form) else ""


def email(text: str) -> str:
    """RFC 5322, 3.4.1: local part and domain."""
    local, at, domain = text.rpartition("@")
    good = at and len(local) <= 64 and _LOCAL.fullmatch(local) and (not hostname(domain) or _literal(domain))
    return "" if good else "one e-mail address, name@domain"


def idn_email(text: str) -> str:
    """RFC 6531: UTF-8 in both parts."""
    local, at, domain = text.rpartition("@")
    plain = "".join(character if character < "\x80" else "a" for character in local)
    good = at and len(local.encode()) <= 64 and _LOCAL.fullmatch(plain) and (not idn_hostname(domain) or _literal(domain))
    return "" if good else "one e-mail address, name@domain (RFC 6531)"


def _literal(domain: str) -> bool:
    inner = domain[1:-1].removeprefix("IPv6:")
    return domain.startswith("[") and domain.endswith("]") and (not _address4(inner) or not _address6(inner))


def uri(text: str) -> str:
    """RFC 3986, 3: a scheme, then only what may stand in a URI."""
    found = _SCHEME.fullmatch(text)
    good = found and _URI_TEXT.fullmatch(found[2]) and text.count("#") < 2 and not _authority(found[2])
    return "" if good else "a URI with its scheme, e.g. https://example.com/a (RFC 3986)"


def iri(text: str) -> str:
    """RFC 3987, 2.2: a URI whose text may hold characters beyond ASCII."""
    plain = "".join(character if character < "\xa0" or _PRIVATE.match(character) else "a" for character in text)
    return "an IRI with its scheme, e.g. https://example.com/ä (RFC 3987)" if uri(plain) else ""


def _authority(rest: str) -> str:
    """'' where host and port are in order and brackets stand around an IPv6 address only."""
    authority, behind = "", rest
    if rest.startswith("//"):
        authority = re.split("[/?#]", rest[2:], maxsplit=1)[0]
        behind = rest[2 + len(authority) :]
    found = _AUTHORITY.fullmatch(authority)
    bad = not found or (found[1] and _address6(found[1])) or "[" in behind or "]" in behind
    return "a host and a port" if bad else ""


def _address4(text: str) -> str:
    """RFC 2673, 3.2: four decimal numbers of one to three digits; a leading zero does not make them octal."""
    parts = text.split(".")
    return "" if len(parts) == 4 and all(_OCTET.fullmatch(part) and int(part) < 256 for part in parts) else "an IPv4 address"


def _address6(text: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return "an IPv6 address"
    return ""


def ipv4_net(text: str) -> str:
    """RFC 4632, 3.1; without a prefix it is one host."""
    address, slash, prefix = text.partition("/")
    good = not _address4(address) and (not slash or (re.fullmatch("[0-9]{1,2}", prefix) and int(prefix) <= 32))
    return "" if good else "an IPv4 address or range, e.g. 192.0.2.0/24 with a prefix of 0 to 32"


def ipv6_net(text: str) -> str:
    """RFC 4291, 2.3; without a prefix it is one host."""
    address, slash, prefix = text.partition("/")
    good = not _address6(address) and (not slash or (re.fullmatch("[0-9]{1,3}", prefix) and int(prefix) <= 128))
    return "" if good else "an IPv6 address or range, e.g. 2001:db8::/32 with a prefix of 0 to 128"


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The range that a good `ipv4_net` or `ipv6_net` names; bits behind the prefix are dropped."""
    address, _, prefix = text.partition("/")
    plain = address if ":" in address else ".".join(str(int(part)) for part in address.split("."))
    return ipaddress.ip_network(f"{plain.partition('%')[0]}/{int(prefix)}" if prefix else plain.partition("%")[0], strict=False)


def _hexadecimal(octets: int) -> Callable[[str], str]:
    pattern = re.compile(f"[0-9A-Fa-f]{{{2 * octets}}}")
    return lambda text: "" if pattern.fullmatch(text) else f"{2 * octets} hexadecimal digits"


def _matching(pattern: re.Pattern[str], right: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else right


FORMATS: Final[dict[str, Callable[[str], str]]] = {
    "hostname": hostname,
    "idn_hostname": idn_hostname,
    "email": email,
    "idn_email": idn_email,
    "uri": uri,
    "iri": iri,
    "ipv4_net": ipv4_net,
    "ipv6_net": ipv6_net,
    "md5": _hexadecimal(16),
    "sha1": _hexadecimal(20),
    "sha256": _hexadecimal(32),
    "eui": _matching(_EUI, "an EUI-48 or EUI-64 in colon hexadecimal, e.g. 8c:85:90:72:31:af"),
    "base64url": _matching(_BASE64URL, "base64url (RFC 4648, 5)"),
    "command_id": _matching(re.compile(r"\S{0,36}"), "up to 36 characters without a blank"),
    "nsid": _matching(re.compile(r".{1,16}"), "a namespace identifier of 1 to 16 characters"),
}
