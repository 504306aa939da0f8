"""What each log of Zeek says in the words of `model/events.py`: which fields are source, target, object, code and outcome.

Called by `sense.zeek_rows`, for TSV and JSON alike. Field names are Zeek's (docs.zeek.org, "Zeek log formats") and those of the ICSNPP
parsers for industrial protocols (github.com/cisagov/ICSNPP). A log that is not listed is told by its fields.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

Rule = Callable[[Any], str | None]  # a field's value → success, failure or None
ORIG, RESP = ("id.orig_h",), ("id.resp_h",)
OBSERVERS: Final = ("peer", "peer_descr", "observer", "node", "system_name")  # who saw it, where a record has no addresses

WHOLE: Final = frozenset(
    {
        *("id.orig_p", "id.resp_p", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts", "port_num", "status_code", "reply_code"),
        *("request_body_len", "response_body_len", "seen_bytes", "file_size", "size", "unit", "address", "register", "index_number"),
    }
)
NUMBER: Final = frozenset({"duration"})
FLAG: Final = frozenset(["success", "auth_success", "established", "is_orig", "auth", "accepted"])
FIRST: Final = frozenset(["tx_hosts", "rx_hosts", "service", "msg_types"])  # sets and vectors: the first one counts
JSON: Final = frozenset(["request_values", "values", "new_val"])  # carried as they are


def _flag(value: Any) -> str | None:
    return {True: "success", False: "failure"}.get(value)


def _status(value: Any) -> str | None:
    """A status of HTTP or SIP: 1xx is no outcome yet."""
    return None if not isinstance(value, int) or value < 200 else "success" if value < 400 else "failure"


def _word(good: str, bad: str = "", other: str | None = None) -> Rule:
    """A word in small letters that is among the good or the bad ones."""
    successes, failures = frozenset(good.split("|")), frozenset(bad.split("|"))
    return lambda value: "success" if (low := str(value).lower()) in successes else "failure" if low in failures else other


def _failed(_: Any) -> str:
    return "failure"


def _ftp(value: Any) -> str | None:
    """RFC 959, 4.2.1: 230 logged in, 530 not logged in."""
    return {230: "success", 430: "failure", 530: "failure"}.get(value)


def answer(value: str) -> bool:
    """`response`, `RESP`, `Ack-Data`, `ComplexACK`, `Notification`, or `false`: a message that is not the originator's."""
    return bool(re.search(r"resp|ack|notif|reply|answer|^false$", value.lower()))


@dataclass(frozen=True)
class Log:
    """One log. Where several fields are named, the first that a record has counts; `bytes` and extras of several are their sum."""

    path: str = ""
    kind: str = "network.message"  # auth.login: only where the outcome is told; ot.command: ot.response where `answers` says so
    protocol: str = ""  # for attributes; '' for a record of the sensor itself, which gets `log`
    source: tuple[str, ...] = ORIG
    target: tuple[str, ...] = RESP
    object: tuple[str, ...] = ()
    joint: str | None = None  # the fields of `object` joined by this, instead of the first of them
    code: tuple[str, ...] = ()
    says: str = ""  # code where no field tells one
    about: str = ""  # object where no field tells one
    outcome: tuple[tuple[str, Rule], ...] = ()
    actor: tuple[str, ...] = ()
    bytes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()  # fields that tell an answer from a command
    extras: tuple[tuple[str, tuple[str, ...]], ...] = ()  # keys of attributes that docs/events.md asks for → fields
    told: tuple[tuple[str, str], ...] = ()  # keys of attributes with a constant
    entity: tuple[str, ...] = ()  # else source, or of ot.* target
    marks: tuple[str, ...] = ()  # a record with all of these fields is this log
    timeless: bool = False  # its records have no time

    @property
    def constants(self) -> tuple[tuple[str, str], ...]:
        named = ("protocol", self.protocol) if self.protocol else ("log", self.path)
        return self.told if self.kind == "network.flow" else (named, *self.told)

    @property
    def added(self) -> tuple[str, ...]:
        """Keys that attributes get beside the record's own."""
        return (*(key for key, _ in self.constants), *(key for key, _ in self.extras))

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that are read from a record."""
        read = [*self.source, *self.target, *self.object, *self.code, *(name for name, _ in self.outcome), *self.actor, *self.bytes]
        read += [*self.answers, *self.entity, *(name for _, names in self.extras for name in names)]
        return tuple(dict.fromkeys(read if self.addressed else [*read, *OBSERVERS]))

    @property
    def names(self) -> frozenset[str]:
        """Fields of text that tell who or what came of it: of their values, few are distinct."""
        read = {*self.source, *self.target, *self.entity, *self.actor, *(name for name, _ in self.outcome), *OBSERVERS}
        return frozenset(read - WHOLE - NUMBER - FLAG - JSON)

    @property
    def addressed(self) -> bool:
        """Whether every record has addresses: its observer is not asked for then."""
        return bool(self.protocol) or self.kind == "network.flow"


def _login(path: str, **given: Any) -> Log:
    given.setdefault("told", (("method", path),))
    return Log(path=path, kind="auth.login", protocol=given.pop("protocol", path), **given)


def _message(path: str, protocol: str = "", **given: Any) -> Log:
    return Log(path=path, protocol=protocol or path, **given)


def _record(path: str, **given: Any) -> Log:
    return Log(path=path, **given)


HOST: Final[dict[str, Any]] = {"source": ("host",), "target": ()}
ANSWERS: Final = ("direction", "pdu_type", "rosctr_name", "opcode_name", "is_orig")
CODES: Final = (
    *("func", "function_name", "cip_service", "pdu_service", "enip_command", "service_name", "command", "operation", "function_code"),
    *("msg_type", "message_type", "header", "type_id", "service_id", "command_name", "frame_type", "subfunction_name"),
)
OBJECTS: Final = (
    *("address", "register", "instance_id", "object_name", "object_identifier", "tag", "node_id", "request_path", "item", "block_name"),
    *("index_number", "block_type", "object_type", "class_name", "filename", "subfunction_name", "dispatch_type", "szl_id_name"),
)
REFUSED: Final = (
    *(("exception", _failed), ("exception_code", _failed), ("error_class", _word("0x00|no error", "", "failure"))),
    ("cip_status", _word("success|0x00", "", "failure")),
    ("enip_status", _word("success|0x00000000|0x00", "", "failure")),
)
OT: Final = Log(
    kind="ot.command", object=OBJECTS, code=CODES, outcome=REFUSED, answers=ANSWERS, extras=(("value", ("request_values", "values")),)
)


def _ot(path: str, protocol: str, **given: Any) -> Log:
    return replace(OT, path=path, protocol=protocol, **given)


LOGS: Final = {
    log.path: log
    for log in (
        Log(
            path="conn",
            kind="network.flow",
            object=("proto", "id.resp_p"),
            joint="/",
            bytes=("orig_bytes", "resp_bytes"),
            extras=(("packets", ("orig_pkts", "resp_pkts")), ("duration_s", ("duration",))),
            marks=("conn_state",),
        ),
        _message(
            "dns",
            object=("query",),
            code=("qtype_name",),
            outcome=(("rcode_name", _word("noerror", "", "failure")),),
            marks=("query", "qtype"),
        ),
        _message(
            "http",
            object=("host", "uri"),
            joint="",
            code=("method",),
            outcome=(("status_code", _status),),
            bytes=("request_body_len", "response_body_len"),
            actor=("username",),
            marks=("uri", "method"),
        ),
        _message("ssl", object=("server_name",), code=("version",), outcome=(("established", _flag),), marks=("cipher", "established")),
        _message("quic", object=("server_name",), code=("version",), marks=("client_initial_dcid",)),
        _message("websocket", object=("host", "uri"), joint="", code=("subprotocol",), marks=("subprotocol", "uri")),
        _record(
            "x509", object=("certificate.subject",), code=("certificate.sig_alg",), source=(), target=(), marks=("certificate.serial",)
        ),
        _record("ocsp", object=("serialNumber",), code=("certStatus",), source=(), target=(), marks=("certStatus",)),
        _record(
            "files",
            source=("tx_hosts", "id.orig_h"),
            target=("rx_hosts", "id.resp_h"),
            object=("filename", "fuid"),
            code=("mime_type",),
            bytes=("seen_bytes",),
            marks=("fuid", "seen_bytes"),
        ),
        _record("pe", object=("id",), code=("machine",), source=(), target=(), marks=("machine", "compile_ts")),
        _login(
            "ssh",
            outcome=(("auth_success", _flag),),
            object=("server",),
            code=("direction", "version"),
            extras=(("country", ("remote_location.country_code",)),),
            marks=("auth_attempts",),
        ),
        _login(
            "ntlm",
            outcome=(("success", _flag),),
            actor=("username",),
            object=("domainname",),
            extras=(("device", ("hostname",)),),
            marks=("server_nb_computer_name", "success"),
        ),
        _login(
            "kerberos",
            outcome=(("success", _flag),),
            actor=("client",),
            object=("service",),
            code=("request_type",),
            marks=("request_type", "till"),
        ),
        _login(
            "rdp",
            outcome=(("result", _word("success|succeed|succeeded", "user rejected|failed|failure")),),
            actor=("cookie",),
            object=("client_name",),
            code=("security_protocol",),
            extras=(("device", ("client_name",)),),
            marks=("security_protocol",),
        ),
        _login(
            "ftp",
            outcome=(("reply_code", _ftp),),
            actor=("user",),
            object=("arg",),
            code=("command",),
            bytes=("file_size",),
            marks=("reply_msg", "command"),
        ),
        _login(
            "radius",
            outcome=(("result", _word("success", "failed|failure|reject")),),
            actor=("username",),
            object=("framed_addr", "mac"),
            extras=(("device", ("mac",)),),
            marks=("framed_addr",),
        ),
        _login(
            "rfb",
            outcome=(("auth", _flag),),
            object=("desktop_name",),
            code=("authentication_method",),
            told=(),
            extras=(("method", ("authentication_method",)),),
            marks=("authentication_method",),
        ),
        _message(
            "ldap",
            object=("object", "argument"),
            code=("opcode",),
            outcome=(("result", _word("success", "", "failure")),),
            marks=("opcode", "message_id"),
        ),
        _message(
            "ldap_search",
            "ldap",
            object=("base_object", "filter"),
            code=("scope",),
            outcome=(("result", _word("success", "", "failure")),),
            marks=("base_object",),
        ),
        _message("mysql", object=("arg",), code=("cmd",), outcome=(("success", _flag),), marks=("cmd", "arg")),
        _message(
            "postgresql",
            object=("database", "frontend_arg"),
            code=("frontend", "backend"),
            outcome=(("success", _flag),),
            actor=("user",),
            marks=("frontend",),
        ),
        _message("redis", object=("cmd.key",), code=("cmd.name",), outcome=(("success", _flag),), marks=("cmd.name",)),
        _message(
            "smb_files", "smb", object=("path", "name"), joint="\\", code=("action",), bytes=("size",), marks=("action", "times.modified")
        ),
        _message("smb_mapping", "smb", object=("path",), code=("share_type",), marks=("share_type",)),
        _message(
            "smb_cmd",
            "smb",
            object=("argument",),
            code=("command",),
            outcome=(("status", _word("success", "", "failure")),),
            actor=("username",),
            marks=("command", "argument"),
        ),
        _message("dce_rpc", object=("endpoint",), code=("operation",), marks=("endpoint", "operation")),
        _message(
            "dhcp",
            source=("client_addr", "id.orig_h", "mac"),
            target=("server_addr", "id.resp_h"),
            object=("host_name", "client_fqdn", "assigned_addr"),
            code=("msg_types",),
            extras=(("mac_client", ("mac",)),),
            marks=("assigned_addr",),
        ),
        _message("ntp", object=("ref_id",), code=("mode",), marks=("org_time",)),
        _message("snmp", object=("display_string",), code=("version",), marks=("community",)),
        _message("smtp", object=("subject", "mailfrom", "helo"), code=("last_reply",), actor=("mailfrom",), marks=("helo",)),
        _message("pop3", object=("arg",), code=("command",), marks=("pop3_status",)),
        _message("imap", object=("arg",), code=("command",)),
        _message(
            "sip",
            object=("uri",),
            code=("method",),
            outcome=(("status_code", _status),),
            bytes=("request_body_len", "response_body_len"),
            marks=("call_id",),
        ),
        _message("irc", object=("value",), code=("command",), actor=("user", "nick"), marks=("nick",)),
        _message(
            "socks",
            object=("request.host", "request.name"),
            code=("version",),
            outcome=(("status", _word("succeeded", "", "failure")),),
            actor=("user",),
            marks=("request_p",),
        ),
        _message("radiotap", code=("type",)),
        _message(
            "mqtt_connect",
            "mqtt",
            object=("client_id",),
            says="connect",
            outcome=(("connect_status", _word("connection accepted", "", "failure")),),
            marks=("connect_status",),
        ),
        _message("mqtt_publish", "mqtt", object=("topic",), says="publish", marks=("topic", "payload")),
        _message("mqtt_subscribe", "mqtt", object=("topics",), code=("action",), marks=("topics",)),
        _message("tunnel", object=("tunnel_type",), code=("action",), marks=("tunnel_type",)),
        _message("syslog", kind="log.message", object=("facility",), code=("severity",), marks=("facility", "severity")),
        _record("weird", object=("addl", "source"), code=("name",), marks=("name", "addl")),
        _record("weird_stats", object=("name",), says="weird_stats", source=(), target=(), marks=("num_seen",)),
        _record(
            "notice",
            kind="log.message",
            source=("src", "id.orig_h"),
            target=("dst", "id.resp_h"),
            object=("note",),
            code=("note",),
            extras=(("message", ("msg",)),),
            entity=("src", "id.orig_h"),
            marks=("note", "msg"),
        ),
        _record(
            "notice_alarm",
            kind="log.message",
            source=("src", "id.orig_h"),
            target=("dst", "id.resp_h"),
            object=("note",),
            code=("note",),
            extras=(("message", ("msg",)),),
        ),
        _record(
            "signatures",
            kind="log.message",
            source=("src_addr",),
            target=("dst_addr",),
            object=("sig_id",),
            code=("note",),
            extras=(("message", ("event_msg",)),),
            marks=("sig_id",),
        ),
        _record("traceroute", source=("src",), target=("dst",), object=("proto",), says="traceroute"),
        _record("intel", object=("seen.indicator",), code=("seen.indicator_type",), marks=("seen.indicator",)),
        _record("software", **HOST, object=("name",), code=("software_type",), marks=("software_type",)),
        _record("known_hosts", **HOST, object=("host",), says="known_host"),
        _record(
            "known_services", **HOST, object=("port_proto", "port_num"), joint="/", code=("service",), marks=("port_num", "port_proto")
        ),
        _record("known_certs", **HOST, object=("subject",), says="known_cert", marks=("issuer_subject", "port_num")),
        _record(
            "known_devices",
            source=("host", "mac"),
            target=(),
            object=("dhcp_host_name", "mac"),
            says="known_device",
            marks=("dhcp_host_name",),
        ),
        _record("known_domains", **HOST, object=("domain",), says="known_domain"),
        _record("known_modbus", **HOST, object=("device_type",), says="known_modbus", marks=("device_type",)),
        _record("known_routers", **HOST, object=("host",), says="known_router"),
        _record("dpd", object=("analyzer",), says="violation", marks=("analyzer", "failure_reason")),
        _record("analyzer", object=("analyzer_name",), code=("cause",), marks=("analyzer_kind",)),
        _record("analyzer_debug", object=("analyzer_name",), code=("cause",)),
        _record(
            "reporter",
            kind="log.message",
            about="reporter",
            source=(),
            target=(),
            code=("level",),
            extras=(("severity", ("level",)),),
            marks=("level", "message"),
        ),
        _record("cluster", kind="log.message", about="cluster", source=(), target=(), marks=("node", "message")),
        _record(
            "broker",
            kind="log.message",
            about="broker",
            source=(),
            target=(),
            code=("ev", "what"),
            extras=(("message", ("message", "what")),),
        ),
        _record("print", kind="log.message", about="print", source=(), target=(), extras=(("message", ("vals",)),)),
        _record(
            "packet_filter",
            kind="log.message",
            about="packet_filter",
            source=(),
            target=(),
            code=("filter",),
            outcome=(("success", _flag),),
            marks=("filter", "init"),
        ),
        _record("loaded_scripts", kind="log.message", object=("name",), source=(), target=(), timeless=True),
        _record("config", kind="log.message", object=("id",), source=(), target=(), code=("new_value",), marks=("new_value",)),
        _record("stats", kind="log.status", about="stats", says="heartbeat", source=(), target=(), marks=("pkts_proc",)),
        _record("capture_loss", kind="log.status", about="capture_loss", says="heartbeat", source=(), target=(), marks=("percent_lost",)),
        _record("telemetry", kind="log.status", about="telemetry", says="heartbeat", source=(), target=()),
        _ot("modbus", "modbus", marks=("func", "tid")),
        _ot("modbus_detailed", "modbus", marks=("func", "modbus_detailed_link_id")),
        _ot(
            "modbus_register_change",
            "modbus",
            code=(),
            says="register_change",
            answers=(),
            kind="ot.response",
            extras=(("value", ("new_val",)),),
            marks=("new_val",),
        ),
        _ot("dnp3", "dnp3", code=("fc_request", "fc_reply"), object=(), answers=("fc_reply",), extras=(), marks=("fc_request",)),
        _ot("dnp3_control", "dnp3", marks=("trip_control_code",)),
        _ot("s7comm", "s7comm", marks=("rosctr_name",)),
        _ot("cip", "cip", object=("class_name", "instance_id", "attribute_id"), joint="/", marks=("cip_service",)),
        _ot("enip", "enip", marks=("enip_command",)),
        _ot("bacnet", "bacnet", outcome=(("result_code", _word("success", "", None)),), marks=("pdu_service", "bvlc_function")),
    )
}
FAMILIES: Final = (  # beginnings of the names of further logs of industrial protocols
    *("modbus", "dnp3", "s7comm", "cip", "enip", "bacnet", "opcua", "profinet", "ecat", "ethercat", "iec104", "iec61850", "goose", "mms"),
    *("synchrophasor", "genisys", "ge_srtp", "hart_ip", "omron_fins", "roc_plus", "c1222", "melsec", "fins", "tds", "bsap"),
)
HOSTS: Final = ("id.orig_h", "orig_h", "source_h", "src", "src_addr", "src_ip", "srcmac", "host", "client_addr")
SERVERS: Final = ("id.resp_h", "resp_h", "destination_h", "dst", "dst_addr", "dst_ip", "dstmac", "server_addr")
ETHERNET: Final = ("ecat", "ethercat", "goose")


@lru_cache(maxsize=4096)
def log_of(path: str) -> Log:
    """The log of this name; one that is not listed has the fields that logs usually have."""
    if path in LOGS:
        return LOGS[path]
    family = next((each for each in FAMILIES if path == each or path.startswith(f"{each}_")), "")
    if family:
        return _ot(path, family, source=HOSTS[:7], target=SERVERS[:7])
    return Log(
        path=path,
        source=HOSTS,
        target=SERVERS,
        object=("name", "query", "uri", "subject", "filename"),
        code=("method", "command", "operation", "type"),
        says=path,
    )


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def named(file: str) -> str:
    """The log's name in a file's: `dns` of `dns.log`, `dns.json.gz`, `dns.2024-01-01-00.log` and `dns_20240101.log`; '' where none is."""
    found = _NAME.match(file.rpartition("/")[2])
    words = re.split(r"[-_](?=\d)", found.group().lower())[0] if found else ""
    return words if words in LOGS or words.startswith(tuple(f"{each}_" for each in FAMILIES)) or words in FAMILIES else ""


def guessed(fields: Iterable[str]) -> str:
    """The log that has these fields; '' where none is known to."""
    have = set(fields)
    fits = [log for log in LOGS.values() if log.marks and have.issuperset(log.marks)]
    return max(fits, key=lambda log: (len(log.marks), len(have.intersection(log.fields))), default=Log()).path
