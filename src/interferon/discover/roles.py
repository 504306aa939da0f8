"""What a machine is, by what it offers and asks: its type, its Purdue level, how sure that is and why.

Called by `discover.propose`. Levels after IEC 62443-1-1 and ISA-95: 1 control, 2 supervision, 3 operations, 4 enterprise, 5 outside.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from interferon.discover.seen import Host, Seen, Talk

OT: Final = frozenset(
    ("modbus", "dnp3", "s7comm", "s7comm_plus", "enip", "iec104", "opcua", "bacnet", "profinet", "fins", "mms", "goose", "sv", "goose_sv")
)
CONTROLLER: Final = OT - {"opcua"}  # what offers these is a controller or stands before one
BRIDGES: Final = frozenset(("stp", "rstp", "lldp", "cdp", "mrp", "hsr", "prp", "profinet_ptcp"))
ENGINEERING: Final = (
    "download",
    "upload",
    "program",
    "plc_stop",
    "plc_start",
    "plc_warm",
    "plc_cold",
    "firmware",
    "start_upload",
    "insert_block",
)
SERVERS: Final = {
    "mqtt": "server",
    "opcua": "scada",
    "pi": "historian",
    "ldap": "identity_provider",
    "kerberos": "identity_provider",
    "mssql": "server",
    "mysql": "server",
    "postgres": "server",
    "oracle": "server",
    "dns": "server",
    "dhcp": "server",
    "ntp": "server",
    "http": "server",
    "https": "server",
    "smtp": "server",
    "syslog": "server",
}
MANY: Final = 3  # controllers that one client asks: more than a panel beside one machine does
LEVEL: Final = {
    "plc": 1.0,
    "sis": 1.0,
    "robot": 1.0,
    "sensor_gateway": 2.0,
    "gateway": 1.0,
    "hmi": 2.0,
    "scada": 2.0,
    "engineering_workstation": 2.0,
    "historian": 3.0,
    "server": 3.0,
    "switch": 3.0,
    "identity_provider": 4.0,
    "workstation": 4.0,
    "unknown": 4.0,
}
OUTSIDE: Final = 5.0


@dataclass(frozen=True)
class Role:
    """A guess: a type of assets.csv, a Purdue level, how sure (0–1), and why in words."""

    type: str
    level: float
    confidence: float
    why: tuple[str, ...]


def role(host: Host, serves: list[Talk], asks: list[Talk]) -> Role:
    """The role of one host from the talks in which it answers and in which it asks."""
    control = [talk for talk in serves if talk.protocol in CONTROLLER and talk.answered]
    commands = [talk for talk in asks if talk.protocol in OT and talk.answered]
    if control:  # also where it asks others in turn: controllers talk to each other
        between = {talk.protocol for talk in commands} - {talk.protocol for talk in control}
        kind = "gateway" if between else "plc"
        sure = 0.9 if any(talk.messages for talk in control) and not between else 0.6
        return _role(kind, sure, [*_told(control, "answers"), *_told(commands, "asks")])
    if commands:
        return _asking(commands)
    if publishes := sorted(host.casts & CONTROLLER):
        return _role("plc", 0.6, [f"publishes {', '.join(publishes)} to many at once ({host.evidence})"])
    return _ordinary(serves, asks) if serves or asks else _silent(host)


def _silent(host: Host) -> Role:
    """What was heard, and never in a conversation: bridges announce themselves."""
    if announces := sorted(host.casts & BRIDGES):
        return _role("switch", 0.7, [f"announces itself by {', '.join(announces)} ({host.evidence})"])
    return _role("unknown", 0.1, [f"sends {', '.join(sorted(host.casts))} ({host.evidence})"] if host.casts else [])


def _asking(commands: list[Talk]) -> Role:
    """Who asks controllers: an engineer's machine if it loads or stops programs, a supervisor of many, else a panel."""
    loads = [talk for talk in commands if any(word in code for code in talk.codes for word in ENGINEERING)]
    controllers = {talk.server for talk in commands}
    if loads:
        codes = sorted({code for talk in loads for code in talk.codes if any(word in code for word in ENGINEERING)})
        return _role(
            "engineering_workstation", 0.7, [f"sends {', '.join(codes[:3])} to {len({talk.server for talk in loads})} controllers"]
        )
    kind = "scada" if len(controllers) >= MANY else "hmi"
    return _role(kind, 0.6, [f"asks {len(controllers)} controllers", *_told(commands, "asks")])


def _ordinary(serves: list[Talk], asks: list[Talk]) -> Role:
    answered = [talk for talk in serves if talk.answered]
    for protocol, kind in SERVERS.items():
        if mine := [talk for talk in answered if talk.protocol == protocol]:
            return _role(kind, 0.5, _told(mine, "answers"))
    if answered:
        return _role("server", 0.3, _told(answered, "answers"))
    if any(talk.protocol == "mqtt" for talk in asks):
        return _role("sensor_gateway", 0.4, _told([talk for talk in asks if talk.protocol == "mqtt"], "asks"))
    return _role("workstation" if asks else "unknown", 0.3 if asks else 0.1, _told(asks, "asks"))


def _role(kind: str, confidence: float, why: list[str]) -> Role:
    return Role(kind, LEVEL[kind], confidence, tuple(why[:4]))


def _told(talks: Iterable[Talk], verb: str) -> list[str]:
    """`answers modbus on tcp/502, 2 partners, 1204 messages (tap@12)`, a line a protocol."""
    found: dict[str, list[Talk]] = {}
    for talk in talks:
        found.setdefault(talk.protocol, []).append(talk)
    return [_line(verb, protocol, mine) for protocol, mine in sorted(found.items(), key=lambda each: -len(each[1]))]


def _line(verb: str, protocol: str, talks: list[Talk]) -> str:
    services = sorted({talk.service for talk in talks if talk.service})
    others = {talk.client if verb == "answers" else talk.server for talk in talks}
    on = f" on {', '.join(services[:3])}" if services else ""
    messages = sum(talk.messages for talk in talks)
    count = f", {messages} messages" if messages else ""
    return f"{verb} {protocol}{on}, {len(others)} partner{'s' if len(others) > 1 else ''}{count} ({talks[0].evidence})"


def outside(seen: Seen) -> set[str]:
    """Addresses that are not ours: public ones that speak no control protocol and do not stand on a segment with a hardware address of
    their own. A hardware address that many addresses share is a router's.
    """
    shared: dict[str, set[str]] = {}
    for host in seen.hosts.values():
        if host.mac:
            shared.setdefault(host.mac, set()).add(host.address)
    control = {end for talk in seen.talks.values() if talk.protocol in OT and talk.answered for end in (talk.client, talk.server)}
    return {
        host.address
        for host in seen.hosts.values()
        if _is_public(host.address) and host.address not in control and len(shared.get(host.mac, ("", ""))) > 1
    }


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False
