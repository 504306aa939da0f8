"""The head of one HTTP/1.x message: its first line, and what of its fields is told; where its body ends. Pure.

Called by `dissect.http`. Sources: RFC 9110, RFC 9112; authentication is RFC 7617 and 7616. Passwords, tokens and cookies are left out.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

Fields: TypeAlias = dict[str, Any]
Headers: TypeAlias = dict[str, list[str]]  # by the field's name in small letters

METHODS: Final = (
    "ACL", "BASELINE-CONTROL", "BIND", "CCM_POST", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE", "DESCRIBE", "GET", "HEAD", "LABEL",
    "LINK", "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "NOTIFY", "OPTIONS",
    "ORDERPATCH", "PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT", "RPC_IN_DATA", "RPC_OUT_DATA",
    "SEARCH", "SUBSCRIBE", "TRACE", "TRACK", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UNSUBSCRIBE", "UPDATE", "VERSION-CONTROL",
)  # fmt: skip
SHOWN: Final = 2048  # characters of a value that are told
TOLD: Final = {
    "user-agent": "user_agent", "content-type": "content_type", "content-encoding": "content_encoding", "referer": "referer",
    "origin": "origin", "upgrade": "upgrade", "x-forwarded-for": "forwarded_for", "via": "via", "range": "range",
    "soapaction": "soap_action", "server": "server", "location": "location", "transfer-encoding": "transfer_encoding",
    "expect": "expect", "accept": "accept",
}  # fmt: skip
_REQUEST: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) +(\S(?:[^\r\n]*\S)?) +HTTP/(\d\.\d)[ \t]*\Z")
_STATUS: Final = re.compile(rb"HTTP/(\d\.\d) +(\d{3})(?:[ \t]+([^\r\n]*))?\Z")
_USER: Final = re.compile(r'(?:^|[\s,])username\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)
_SECRET: Final = re.compile(r"(?<=://)([^/?#@\s:]*):[^/?#@\s]*@")
_MASKED: Final = re.compile(
    r"(?<=[?&;])((?:pass(?:word|wd|phrase)?|pwd|secret|client_secret|(?:access_|refresh_|id_|auth_)?token|api_?key|sig(?:nature)?)=)[^&#;\s]*",
    re.IGNORECASE,
)
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#@]*@)?([^/?#]*)([^?#]*)")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._\-]{0,63}(?=\s|$)")


def begins(first: bytes) -> bool:
    """Whether a line is the first one of a message."""
    line = first.removesuffix(b"\r")
    return bool(_STATUS.match(line) or _REQUEST.match(line))


class Head(NamedTuple):
    """What a head says. `length` of its body in octets, -1 where nothing says it; `status` 0: a request."""

    fields: Fields
    method: str
    status: int
    about: str  # host and path
    length: int
    chunked: bool
    coded: bool  # with some other transfer coding, last: the body ends with the connection


def head(raw: bytes) -> Head:
    """The head without the blank line behind it. Raises ValueError where its first line is none."""
    first, *lines = raw.split(b"\n")
    first = first.removesuffix(b"\r")
    headers, wrong = _headers(lines)
    if found := _STATUS.match(first):
        fields, method, status, about = _response(found), "", int(found[2]), ""
    elif asked := _REQUEST.match(first):
        fields, method, about = _request(asked, headers)
        status = 0
    else:
        raise ValueError("the first line is neither of a request nor of a response")
    for name, key in TOLD.items():
        if name in headers:
            fields[key] = _masked(", ".join(headers[name]))[:SHOWN]
    fields |= _authentication(headers)
    length, bad = _length(headers)
    codings = [each.strip().lower() for value in headers.get("transfer-encoding", ()) for each in value.split(",") if each.strip()]
    if length >= 0:
        fields["content_length"] = length
    if codings and length >= 0:
        bad = bad or "both a length and a transfer coding"
    if len(headers.get("host", ())) > 1:
        bad = bad or "several hosts"
    if wrong or bad:
        fields["malformed"] = wrong or bad
    chunked = bool(codings) and codings[-1] == "chunked"
    return Head(fields, method, status, about, length, chunked, bool(codings) and not chunked)


def _masked(text: str) -> str:
    """A text without the passwords and tokens that a URI in it holds."""
    text = _SECRET.sub(r"\1@", text) if "@" in text else text
    return _MASKED.sub(r"\1***", text) if "=" in text else text


def _response(found: re.Match[bytes]) -> Fields:
    return {"status": int(found[2]), "reason": _text(found[3] or b"").strip()[:SHOWN], "version": found[1].decode()}


def _request(found: re.Match[bytes], headers: Headers) -> tuple[Fields, str, str]:
    method, uri = found[1].decode(), _masked(_text(found[2]))
    host = headers.get("host", [""])[0]
    if method == "CONNECT":
        host, path = uri, ""
    elif absolute := _ABSOLUTE.match(uri):
        host, path = absolute[1], absolute[2] or "/"
    else:
        path = uri.partition("?")[0]
    fields: Fields = {"method": method, "host": host[:SHOWN], "uri": uri[:SHOWN], "path": path[:SHOWN], "version": found[3].decode()}
    return fields, method, f"{host}{path}"[:SHOWN]


def _headers(lines: list[bytes]) -> tuple[Headers, str]:
    """All fields, and what is wrong with them; a line that begins with a blank goes on with the one before (RFC 9112, clause 5.2)."""
    found: Headers = {}
    last: list[str] = []
    wrong = ""
    for line in lines:
        line = line.removesuffix(b"\r")
        if not line:
            continue
        if line[:1] in (b" ", b"\t"):
            if last:
                last[-1] = f"{last[-1]} {_text(line).strip()}"
            wrong = wrong or "a folded field"
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name.strip():
            wrong = wrong or "a field without a name or colon"
            continue
        if name != name.strip():
            wrong = wrong or "a blank before a colon"
        last = found.setdefault(_text(name).strip().lower(), [])
        last.append(_text(value).strip())
    return found, wrong


def _length(headers: Mapping[str, list[str]]) -> tuple[int, str]:
    """The content length, -1 where there is none that is one; and what is wrong (RFC 9112, clause 6.3)."""
    values = {each.strip() for value in headers.get("content-length", ()) for each in value.split(",")}
    if not values:
        return -1, ""
    if len(values) > 1:
        return -1, "several content lengths"
    value = values.pop()
    if not (value.isascii() and value.isdigit() and len(value) < 18):
        return -1, f"the content length {value[:40]!r}"
    return int(value), ""


def _authentication(headers: Mapping[str, list[str]]) -> Fields:
    """Schemes, and the user's name where Basic or Digest says it in clear."""
    told: Fields = {}
    for name, key in (("authorization", "authorization"), ("proxy-authorization", "proxy_authorization")):
        value = headers.get(name, [""])[0]
        scheme = _SCHEME.match(value)
        if scheme is None:
            continue
        told[key] = scheme[0]
        user = _user(scheme[0].lower(), value[scheme.end() :].strip())
        if user:
            told["user"] = user[:SHOWN]
    for name, key in (("www-authenticate", "www_authenticate"), ("proxy-authenticate", "proxy_authenticate")):
        schemes = [found[0] for value in headers.get(name, ()) if (found := _SCHEME.match(value))]
        if schemes:
            told[key] = schemes
    return told


def _user(scheme: str, said: str) -> str:
    if scheme == "basic":
        try:
            name, colon, _ = b64decode(said + "=" * (-len(said) % 4)).partition(b":")
        except ValueError:
            return ""
        return _text(name) if colon else ""
    if scheme == "digest" and (found := _USER.search(said[:SHOWN])):
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return ""


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
