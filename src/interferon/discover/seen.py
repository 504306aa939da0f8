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
    casts: set[str] = field(default_factory=set)  # protocols that it sends to many at once: goose, stp, mdns …
    others: list[str] = field(default_factory=list)  # its other addresses
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
        """One machine has one host, whatever addresses it goes by; what answers in messages has answered in their flow, and the reverse."""
        self._merge()
        self._over_cotp()
        answered = {(talk.client, talk.server, talk.protocol) for talk in self.talks.values() if talk.answered}
        for talk in self.talks.values():
            talk.answered = (talk.client, talk.server, talk.protocol) in answered

    def _merge(self) -> None:
        """Hardware addresses and link-local ones become the machine whose hardware address they have, where that is one machine alone."""
        by_mac: dict[str, list[str]] = {}
        for host in self.hosts.values():
            if host.mac and not _is_local(host.address):
                by_mac.setdefault(host.mac, []).append(host.address)
        for host in [each for each in self.hosts.values() if _is_local(each.address)]:
            owners = by_mac.get(host.address.lower() if _is_hardware(host.address) else host.mac, [])
            if len(owners) == 1 and owners[0] != host.address:
                self._into(self.hosts[owners[0]], self.hosts.pop(host.address))

    def _over_cotp(self) -> None:
        """S7comm and MMS (IEC 61850) share port 102. Messages say which it is; where there were none, what the client speaks elsewhere."""
        talks = [talk for talk in self.talks.values() if talk.protocol == "s7comm"]
        spoken = {(talk.client, talk.server): _is_mms(talk) for talk in talks if talk.codes}
        for talk in talks:
            elsewhere = [mms for (client, _), mms in spoken.items() if client == talk.client]
            if spoken.get((talk.client, talk.server), bool(elsewhere) and all(elsewhere)):
                talk.protocol = "mms"

    def _into(self, owner: Host, other: Host) -> None:
        owner.others.append(other.address)
        owner.casts |= other.casts
        owner.sent |= other.sent
        owner.device = {**other.device, **owner.device}
        owner.first, owner.last = min(owner.first, other.first), max(owner.last, other.last)
        for key, talk in [(key, talk) for key, talk in self.talks.items() if other.address in key[:2]]:
            del self.talks[key]
            talk.client, talk.server = (owner.address if end == other.address else end for end in (talk.client, talk.server))
            self.talks.setdefault((talk.client, talk.server, key[2]), talk)

    def _activity(self, row: "Row") -> None:
        kind, source, target = row.kind, _address(row.source), _address(row.target)
        if kind == "ot.response":  # told from the side that answers
            source, target = target, source
        facts = _facts(row.attributes)
        if not source or not target:
            self._alone(row, source, facts)
            return
        known = kind in ("network.flow", "ot.command", "ot.response", "network.message")
        service = row.object if kind == "network.flow" else ""
        answered = kind == "ot.response" or (kind == "network.flow" and _answered(facts))
        if known:
            self._talk(row, source, target, service, facts, answered)
        self._host(source, row.time, row.id, heard=True)
        self._host(target, row.time, row.id, heard=answered)
        self._named(row, source, target, facts)

    def _alone(self, row: "Row", source: str, facts: dict[str, Any]) -> None:
        """An event with one machine in it: it sends to many at once, or a log tells of it."""
        host = self._host(source or _address(row.entity), row.time, row.id, heard=True)
        if host is not None and source and row.target:
            host.casts.add(named(str(facts.get("protocol") or ""), row.object))
            host.mac = str(facts.get("mac_client") or host.mac).lower()

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


def _is_mms(talk: Talk) -> bool:
    """Whether nothing but the transport below was understood."""
    return all(code.startswith("cotp") for code in talk.codes)


def _is_local(text: str) -> bool:
    """Whether the address means something on one segment alone."""
    return _is_hardware(text) or text.lower().startswith("fe80:")


def _is_hardware(text: str) -> bool:
    parts = text.split(":")
    return len(parts) == 6 and all(len(part) == 2 and all(letter in "0123456789abcdefABCDEF" for letter in part) for part in parts)


def named(protocol: str, service: str) -> str:
    """The application protocol as the tables name it: what was dissected, else what the port is known for, else tcp or udp."""
    told = protocol.lower().split(",")[0]
    told = "" if told in TRANSPORT else told
    return SAME.get(told, told) or PORTS.get(service, "") or service.partition("/")[0]
