"""What traffic and logs show: which addresses speak, what each offers and asks of whom, and how each names itself.

Fed by `runtime.discovery` with event batches; read by `discover.roles` and `discover.propose`. One row of memory a conversation partner and
service, not an event, so that a month of traffic fits.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pyarrow as pa

PORTS: Final = {  # service → application protocol, where only the port tells
    **{"tcp/502": "modbus", "tcp/20000": "dnp3", "udp/20000": "dnp3", "tcp/102": "s7comm", "tcp/44818": "enip", "udp/44818": "enip"},
    **{"udp/2222": "enip", "tcp/2404": "iec104", "tcp/4840": "opcua", "tcp/1883": "mqtt", "tcp/8883": "mqtt", "udp/47808": "bacnet"},
    **{"udp/53": "dns", "tcp/53": "dns", "udp/67": "dhcp", "udp/123": "ntp", "udp/161": "snmp", "udp/162": "snmp", "udp/514": "syslog"},
    **{"tcp/22": "ssh", "tcp/23": "telnet", "tcp/21": "ftp", "tcp/25": "smtp", "tcp/80": "http", "tcp/443": "https", "tcp/445": "smb"},
    **{"tcp/139": "smb", "udp/137": "netbios", "udp/138": "netbios", "tcp/135": "dcerpc", "tcp/389": "ldap", "tcp/88": "kerberos"},
    **{"tcp/3389": "rdp", "tcp/5900": "vnc", "tcp/1433": "mssql", "tcp/3306": "mysql", "tcp/5432": "postgres", "tcp/1521": "oracle"},
    **{"tcp/34964": "profinet", "udp/34964": "profinet", "tcp/9600": "fins", "udp/9600": "fins", "tcp/5450": "pi", "tcp/8080": "http"},
}
SAME: Final = {"tls": "https", "ssl": "https", "cip": "enip", "dnp3_tcp": "dnp3", "s7comm-plus": "s7comm", "cotp": "s7comm"}
TRANSPORT: Final = ("tcp", "udp", "icmp", "sctp")  # what a sensor says where it knows no application
PACKETS_BACK: Final = ("packets_to_client", "resp_pkts", "pkts_toclient")  # how sensors tell what the answering side sent
BYTES_BACK: Final = ("bytes_to_client", "resp_bytes", "bytes_toclient")


@dataclass
class Talk:
    """One client's use of one service of one server."""

    client: str
    server: str
    service: str  # `tcp/502`; '' where only messages were seen
    protocol: str = ""
    flows: int = 0
    messages: int = 0
    answered: bool = False
    codes: Counter[str] = field(default_factory=Counter)  # function → how often
    first: int = 0  # microseconds UTC
    last: int = 0
    evidence: str = ""  # id of the first event


@dataclass
class Host:
    """One address."""

    address: str
    sent: bool = False  # it was heard, not only spoken to
    mac: str = ""
    names: Counter[str] = field(default_factory=Counter)
    device: dict[str, str] = field(default_factory=dict)  # vendor, model, firmware, serial as the protocol told
    told_by: str = ""  # protocol and event in which the device named itself
    first: int = 0
    last: int = 0
    evidence: str = ""


@dataclass
class Seen:
    """Everything that was seen, by address."""

    hosts: dict[str, Host] = field(default_factory=dict)
    talks: dict[tuple[str, str, str], Talk] = field(default_factory=dict)  # (client, server, service)
    events: int = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """Takes in one batch of activity; other families tell nothing of who talks to whom, but that their machine exists."""
        family = (batch.schema.metadata or {}).get(b"family", b"").decode()
        self.events += batch.num_rows
        if family == "activity":
            for row in _rows(batch):
                self._activity(row)
        elif family == "telemetry":
            for reference in set(batch.column("entity").to_pylist()):
                self._host(_address(reference), int(batch.column("time")[0].as_py()), "", heard=True)

    def settle(self) -> None:
        """Messages and flows of one conversation are told apart: what answers in one has answered in the other."""
        answered = {(talk.client, talk.server, talk.protocol) for talk in self.talks.values() if talk.answered}
        for talk in self.talks.values():
            talk.answered = (talk.client, talk.server, talk.protocol) in answered

    def _activity(self, row: "Row") -> None:
        kind, source, target = row.kind, _address(row.source), _address(row.target)
        if kind == "ot.response":  # told from the side that answers
            source, target = target, source
        if not source or not target:
            self._host(_address(row.entity), row.time, row.id, heard=True)
            return
        facts = _facts(row.attributes)
        known = kind in ("network.flow", "ot.command", "ot.response", "network.message")
        service = row.object if kind == "network.flow" else ""
        answered = kind == "ot.response" or (kind == "network.flow" and _answered(facts))
        if known:
            self._talk(row, source, target, service, facts, answered)
        self._host(source, row.time, row.id, heard=True)
        self._host(target, row.time, row.id, heard=answered)
        self._named(row, source, target, facts)

    def _talk(self, row: "Row", client: str, server: str, service: str, facts: dict[str, Any], answered: bool) -> None:
        protocol = named(str(facts.get("protocol") or facts.get("service") or facts.get("app_proto") or ""), service)
        key = (client, server, service or protocol)
        talk = self.talks.get(key)
        if talk is None:
            talk = self.talks[key] = Talk(client, server, service, protocol, first=row.time, evidence=row.id)
        talk.protocol = talk.protocol or protocol
        talk.answered |= answered
        talk.last = max(talk.last, row.time)
        if service:
            talk.flows += 1
        else:
            talk.messages += 1
            talk.codes[row.code] += 1

    def _host(self, address: str, time: int, evidence: str, *, heard: bool) -> Host | None:
        if not address:
            return None
        host = self.hosts.get(address)
        if host is None:
            host = self.hosts[address] = Host(address, first=time, evidence=evidence)
        host.sent |= heard
        host.last = max(host.last, time)
        return host

    def _named(self, row: "Row", client: str, server: str, facts: dict[str, Any]) -> None:
        """Hardware addresses, and how a device names itself."""
        for address, key in ((client, "mac_client"), (server, "mac_server")):
            if facts.get(key) and address in self.hosts:
                self.hosts[address].mac = str(facts[key]).lower()
        device = facts.get("device")
        if isinstance(device, dict) and server in self.hosts:
            self.hosts[server].device.update({name: str(value) for name, value in device.items() if value not in (None, "")})
            self.hosts[server].told_by = f"{facts.get('protocol', '')} {row.id}".strip()


class Row(msgspec.Struct, frozen=True):
    """One activity event as discovery reads it."""

    time: int
    id: str
    entity: str
    kind: str
    source: str
    target: str
    object: str
    code: str
    outcome: str
    attributes: str


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    names = ("time", "feed", "offset", "entity", "kind", "source", "target", "object", "code", "outcome", "attributes")
    columns = [batch.column(name).to_pylist() for name in names]
    for time, feed, offset, *texts in zip(*columns, strict=True):
        yield Row(time, f"{feed}@{offset}", *(text or "" for text in texts))


def _facts(attributes: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(attributes) if attributes else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _answered(facts: dict[str, Any]) -> bool:
    """Whether the other side sent anything; a source that does not count both directions is believed to have seen both."""
    nested = facts.get("flow")
    told = {**(nested if isinstance(nested, dict) else {}), **facts}
    counts = [told[key] for key in (*PACKETS_BACK, *BYTES_BACK) if key in told]
    return not counts or any(isinstance(count, int | float) and count > 0 for count in counts)


def _address(reference: str) -> str:
    """The address of a host, or `asset:ID` where the tables know it; '' for what is no single machine."""
    text = reference.removeprefix("address:")
    if text.startswith("asset:"):
        return text
    if ":" in text and not _is_hardware(text):
        try:
            ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return ""  # `identity:`, `feed:` …
    return "" if group(text) else text


def group(address: str) -> bool:
    """Whether it stands for many machines or for none: multicast, broadcast, unspecified."""
    if _is_hardware(address):
        return int(address[:2], 16) & 1 == 1 or set(address) <= set("0:")
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_multicast or found.is_unspecified or found.is_loopback or (found.version == 4 and address.endswith(".255"))


def _is_hardware(text: str) -> bool:
    parts = text.split(":")
    return len(parts) == 6 and all(len(part) == 2 and all(letter in "0123456789abcdefABCDEF" for letter in part) for part in parts)


def named(protocol: str, service: str) -> str:
    """The application protocol as the tables name it: what was dissected, else what the port is known for, else tcp or udp."""
    told = protocol.lower().split(",")[0]
    told = "" if told in TRANSPORT else told
    return SAME.get(told, told) or PORTS.get(service, "") or service.partition("/")[0]
