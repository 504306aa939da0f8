"""What each event of Suricata's EVE says in the words of `model/events.py`, by its `event_type`.

Called by the connector `eve`. Pure. Field names are Suricata's (docs.suricata.io, "Eve JSON Format"), of versions 4 to 8: where they
differ, both are read. A type that is not listed is a message with that name.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

Body: TypeAlias = "dict[str, Any]"
Own = msgspec.Raw | msgspec.UnsetType

LARGEST: Final = 1 << 58  # of a count
SERVERS: Final = (502, 802, 2222, 20000, 44818)  # ports of Modbus, EtherNet/IP and DNP3 (IANA)
SENSOR: Final = "suricata"  # the program whose log it is


class Head(msgspec.Struct, frozen=True, gc=False):
    """What is read of a record, whose body stands under the name of its type; the rest stays in the attributes alone."""

    timestamp: str | None = None
    event_type: str | None = None
    src_ip: str | None = None
    dest_ip: str | None = None
    src_port: int | None = None
    dest_port: int | None = None
    proto: str | None = None
    host: str | None = None  # the sensor's name
    log_level: str | None = None
    flow: dict[str, Any] | None = None
    netflow: dict[str, Any] | None = None
    alert: dict[str, Any] | None = None
    anomaly: dict[str, Any] | None = None
    drop: dict[str, Any] | None = None
    engine: dict[str, Any] | None = None
    dns: dict[str, Any] | None = None
    http: dict[str, Any] | None = None
    tls: dict[str, Any] | None = None
    quic: dict[str, Any] | None = None
    fileinfo: dict[str, Any] | None = None
    smb: dict[str, Any] | None = None
    mqtt: dict[str, Any] | None = None
    modbus: dict[str, Any] | None = None
    dnp3: dict[str, Any] | None = None
    enip: dict[str, Any] | None = None
    protocol: Own = msgspec.UNSET  # from here on what `Told.extras` may add, where a record has it of its own
    message: Own = msgspec.UNSET
    severity: Own = msgspec.UNSET
    packets: Own = msgspec.UNSET
    duration_s: Own = msgspec.UNSET
    value: Own = msgspec.UNSET
    method: Own = msgspec.UNSET
    device: Own = msgspec.UNSET
    mac_client: Own = msgspec.UNSET


class Told(NamedTuple):
    """What the body of one event says. `extras`: keys that docs/events.md asks for."""

    kind: str = "network.message"
    object: str | None = None
    code: str | None = None
    outcome: str | None = None
    actor: str | None = None
    bytes: int | None = None
    extras: Mapping[str, Any] = {}


def text(value: Any) -> str | None:
    """A word, number or flag as text, or the first of a list; '' and all else count as not told."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return text(value[0]) if value and not isinstance(value[0], list) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST else None


def below(body: Any, *keys: str) -> Any:
    """What stands under these keys, one in the other; the first of a list; None where a level is missing."""
    for key in keys:
        if isinstance(body, list):
            body = body[0] if body else None
        body = body.get(key) if isinstance(body, dict) else None
    return body


def first(body: Body, *paths: str) -> str | None:
    """The first of these (`a.b` is b in a) that is told, as text."""
    for path in paths:
        found = below(body, *path.split(".")) if "." in path else body.get(path)
        if found is not None and (found := text(found)) is not None:
            return found
    return None


def _total(body: Body, *keys: str) -> int | None:
    total: int | None = None
    for key in keys:
        if (number := count(body.get(key))) is not None:
            total = number if total is None else total + number
    return total


def _status(value: Any) -> str | None:
    """A status of HTTP or SIP, which EVE writes as a number or as text; 1xx is no outcome yet."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else count(value)
    return None if number is None or number < 200 else "success" if number < 400 else "failure"


def _word(value: Any, good: str) -> str | None:
    """Success where it is the good word, failure where it is another one."""
    word = text(value)
    return None if word is None else "success" if word.lower() == good else "failure"


def identity(value: Any) -> str | None:
    name = text(value)
    return f"identity:{name}" if name else None


def _flow(body: Body, head: Head) -> Told:
    packets = _total(body, "pkts_toserver", "pkts_toclient", "pkts")
    age = body.get("age")
    extras = {"packets": packets, "duration_s": age if isinstance(age, int | float) else None}
    return Told("network.flow", _service(head), None, None, None, _total(body, "bytes_toserver", "bytes_toclient", "bytes"), extras)


def _service(head: Head) -> str | None:
    protocol = (head.proto or "").lower()
    return protocol or None if head.dest_port is None else f"{protocol}/{head.dest_port}"


def _alert(body: Body, head: Head) -> Told:
    blocked = "failure" if body.get("action") == "blocked" else None
    extras = {"message": first(body, "signature", "category"), "severity": body.get("severity")}
    return Told("log.message", SENSOR, first(body, "signature_id"), blocked, None, None, extras)


def _anomaly(body: Body, head: Head) -> Told:
    event = first(body, "event", "code")
    return Told("log.message", SENSOR, event, extras={"message": " ".join(filter(None, (first(body, "type"), event))) or None})


def _drop(body: Body, head: Head) -> Told:
    return Told("log.message", SENSOR, "drop", "failure", extras={"message": first(body, "reason") or "packet dropped"})


def _engine(body: Body, head: Head) -> Told:
    severity = head.log_level or first(body, "level")
    return Told("log.message", SENSOR, first(body, "module"), extras={"message": first(body, "message"), "severity": severity})


def _stats(body: Body, head: Head) -> Told:
    return Told("log.status", "stats", "heartbeat")


def _dns(body: Body, head: Head) -> Told:
    """Version 1 and 2 have the name beside the type, version 3 (Suricata 8) in a list of queries."""
    rcode = first(body, "rcode")
    name = first(body, "rrname", "queries.rrname", "query.rrname", "answer.rrname")
    return Told(object=name, code=first(body, "rrtype", "queries.rrtype", "query.rrtype", "type"), outcome=_word(rcode, "noerror"))


def _http(body: Body, head: Head) -> Told:
    where = (first(body, "hostname") or "") + (first(body, "url") or "")
    return Told(
        object=where or None,
        code=first(body, "http_method", "method"),
        outcome=_status(body.get("status")),
        bytes=count(body.get("length")),
    )


def _tls(body: Body, head: Head) -> Told:
    return Told(object=first(body, "sni", "subject"), code=first(body, "version"))


def _fileinfo(body: Body, head: Head) -> Told:
    return Told(object=first(body, "filename", "sha256"), code=first(body, "magic", "state"), bytes=count(body.get("size")))


def _ftp(body: Body, head: Head) -> Told:
    """RFC 959, 4.2.1: 230 logged in, 530 not logged in."""
    code = first(body, "completion_code", "reply_code")
    command = first(body, "command")
    if code in ("230", "530"):
        name = first(body, "command_data") if command == "USER" else None
        return Told("auth.login", None, command, "success" if code == "230" else "failure", identity(name), None, {"method": "ftp"})
    return Told(object=first(body, "command_data", "filename"), code=command)


def _smb(body: Body, head: Head) -> Told:
    """A session setup in which NTLM or Kerberos names who it is for is a login, unless more is needed (MS-SMB2, 3.3.5.5)."""
    command, status = first(body, "command"), first(body, "status")
    outcome = None if status == "STATUS_MORE_PROCESSING_REQUIRED" else _word(status, "status_success")
    who = first(body, "ntlmssp.user", "kerberos.snames")
    if command and command.endswith("SESSION_SETUP") and who and outcome:
        extras = {"method": "ntlm" if body.get("ntlmssp") else "kerberos", "device": first(body, "ntlmssp.host")}
        return Told("auth.login", first(body, "ntlmssp.domain"), command, outcome, identity(first(body, "ntlmssp.user")), None, extras)
    return Told(object=first(body, "filename", "share", "named_pipe", "ntlmssp.user"), code=command, outcome=outcome)


def _krb5(body: Body, head: Head) -> Told:
    kind = first(body, "msg_type")
    if kind == "KRB_AS_REP":
        return Told("auth.login", first(body, "sname"), kind, "success", identity(body.get("cname")), None, {"method": "kerberos"})
    failed = "failure" if kind == "KRB_ERROR" else None
    return Told(object=first(body, "sname"), code=kind, outcome=failed, actor=identity(body.get("cname")))


def _rfb(body: Body, head: Head) -> Told:
    result = _word(below(body, "authentication", "security_result"), "ok")
    method = first(body, "authentication.security_type")
    kind = "auth.login" if result else "network.message"
    return Told(kind, first(body, "framebuffer.name", "name"), method, result, extras={"method": method} if result else {})


def _sip(body: Body, head: Head) -> Told:
    return Told(object=first(body, "uri"), code=first(body, "method"), outcome=_status(body.get("code")))


def _dhcp(body: Body, head: Head) -> Told:
    return Told(
        object=first(body, "hostname", "assigned_ip"),
        code=first(body, "dhcp_type", "type"),
        extras={"mac_client": first(body, "client_mac")},
    )


def _mqtt(body: Body, head: Head) -> Told:
    """One key for each message that the transaction had: `connect`, `publish`, `subscribe` …"""
    named = next((key for key, value in body.items() if isinstance(value, dict)), None)
    message = body.get(named) if named else None
    answer = first(body, "connack.return_code", "connack.reason_code")
    return Told(
        object=first(message, "topic", "client_id", "topics.topic") if isinstance(message, dict) else None,
        code=named,
        outcome=None if answer is None else "success" if answer == "0" else "failure",
        actor=identity(below(body, "connect", "username")),
    )


def _modbus(body: Body, head: Head) -> Told:
    """Suricata 7 and later: a request with its response."""
    side = _side(body)
    refused = below(body, "response", "exception") is not None or "exception" in body
    answered = isinstance(body.get("response"), dict)
    parts = [first(side, "read.address", "write.address", "mei.address", "diagnostic.raw", "address")]
    return Told(
        "ot.command" if body.get("request") or not answered else "ot.response",
        next(filter(None, parts), None),
        first(side, "function_code", "function_raw"),
        "failure" if refused else "success" if answered else None,
        extras={"value": below(side, "write", "data")},
    )


def _side(body: Body) -> Body:
    """The request, or the response where there is no request, or the body itself in older versions."""
    return next((side for key in ("request", "response") if isinstance(side := body.get(key), dict)), body)


def _dnp3(body: Body, head: Head) -> Told:
    """Up to Suricata 7 one event a message, of type `request`, `response` or `unsolicited_response`; since 8 both sides in one."""
    side = _side(body)
    answer = "response" in (first(body, "type") or "") or ("request" not in body and "response" in body)
    group, variation = below(side, "application", "objects", "group"), below(side, "application", "objects", "variation")
    about = f"{group}:{variation}" if count(group) is not None and count(variation) is not None else None
    return Told("ot.response" if answer else "ot.command", about, first(side, "application.function_code", "function_code"))


def _enip(body: Body, head: Head) -> Told:
    """Suricata 8: a request with its response, and CIP in them."""
    side = _side(body)
    status = _word(first(body, "response.status", "status"), "success") or _word(first(body, "response.cip.status"), "success")
    path = below(side, "cip", "path")
    segments = [each for each in path if isinstance(each, dict)] if isinstance(path, list) else []
    about = [f"{each.get('segment_type')}:{each.get('value')}" for each in segments] or [first(side, "cip.class_name") or ""]
    return Told(
        "ot.response" if "request" not in body and "response" in body else "ot.command",
        "/".join(filter(None, about)) or None,
        first(side, "cip.service", "command", "cip_service"),
        status,
    )


def _other(body: Body, head: Head) -> Told:
    """A protocol without anything of its own to say: the usual names, as far as it has them."""
    about = first(body, "filename", "uri", "object", "query", "community", "sni", "client.software_version", "cookie", "helo", "client")
    code = first(body, "command", "method", "procedure", "request.operation", "type", "event_type", "opcode", "pdu_type", "version")
    return Told(object=about, code=code or head.event_type)


KINDS: Final[dict[str, Callable[[Body, Head], Told]]] = {
    **{"flow": _flow, "netflow": _flow, "alert": _alert, "anomaly": _anomaly, "drop": _drop, "engine": _engine, "stats": _stats},
    **{"dns": _dns, "mdns": _dns, "http": _http, "tls": _tls, "quic": _tls, "fileinfo": _fileinfo, "ftp": _ftp, "smb": _smb},
    **{"krb5": _krb5, "rfb": _rfb, "sip": _sip, "dhcp": _dhcp, "mqtt": _mqtt, "modbus": _modbus, "dnp3": _dnp3, "enip": _enip},
}
SENSOR_KINDS: Final = frozenset({"network.flow", "log.message", "log.status"})


def told(body: Body, head: Head) -> Told:
    """What the event says; `body` stands in the record under the name of its type."""
    return KINDS.get(head.event_type or "", _other)(body, head)


def protocol(kind: str, head: Head) -> str:
    """The attribute `protocol` of a message in the traffic; '' where the record tells of the traffic, or has one of its own."""
    return "" if kind in SENSOR_KINDS or head.protocol is not msgspec.UNSET else head.event_type or ""


def ends(kind: str, head: Head) -> tuple[str | None, str | None]:
    """Source and target. Of an industrial protocol the controller is the side with the server's port, whoever sent the packet."""
    if not kind.startswith("ot."):
        return head.src_ip, head.dest_ip
    turned = head.src_port in SERVERS and head.dest_port not in SERVERS
    master, controller = (head.dest_ip, head.src_ip) if turned else (head.src_ip, head.dest_ip)
    return (master, controller) if kind == "ot.command" else (controller, master)
