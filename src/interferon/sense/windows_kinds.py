"""What a Windows event means: from channel, event id and data to an activity. Called by the connectors of Windows logs. Pure tables.

Sources: Microsoft's descriptions of the audited security events ("Advanced security audit policy settings") and of Sysmon's event ids.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from interferon.sense.record_rows import Activity, count, joined
from interferon.sense.windows_record import Seen, seen, strings

SYSMON: Final = "microsoft-windows-sysmon/operational"
MESSAGE: Final = 4000  # characters of a rendered text
LEVELS: Final = {"1": "critical", "2": "error", "3": "warning", "4": "information", "0": "information", "5": "verbose"}
LOGON_TYPES: Final = {
    **{"0": "system", "2": "interactive", "3": "network", "4": "batch", "5": "service", "7": "unlock", "8": "network_cleartext"},
    **{"9": "new_credentials", "10": "remote_interactive", "11": "cached_interactive", "12": "cached_remote_interactive"},
    "13": "cached_unlock",
}
PROTOCOLS: Final = {"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "58": "icmp6"}

# rights of an access mask to a file (Windows SDK, File Access Rights Constants)
DELETES: Final = 0x0001_0000 | 0x40
WRITES: Final = 0x2 | 0x4 | 0x10 | 0x100 | 0x0004_0000 | 0x0008_0000
NAMED_RIGHTS: Final = {"%%1537": 0x0001_0000, "%%4417": 0x2, "%%4418": 0x4, "%%4422": 0x40, "%%1539": 0x0004_0000, "%%1540": 0x0008_0000}

# settings: event id → what was set; a field's name in braces is replaced by its value
SECURITY_CHANGES: Final = {
    **{4616: "system time", 4657: "{ObjectName}\\{ObjectValueName}", 4670: "permissions of {ObjectName}", 4697: "service {ServiceName}"},
    **{4698: "task {TaskName}", 4699: "task {TaskName}", 4700: "task {TaskName}", 4701: "task {TaskName}", 4702: "task {TaskName}"},
    **dict.fromkeys((4703,), "privileges of {TargetUserName}"),
    **dict.fromkeys((4704, 4705), "right {PrivilegeList} of {TargetSid}"),
    **dict.fromkeys((4706, 4707, 4716), "trust with {DomainName}"),
    **dict.fromkeys((4713, 4714, 4739), "domain policy {DomainPolicyChanged}"),
    **dict.fromkeys((4717, 4718), "access {AccessGranted}{AccessRemoved} of {TargetSid}"),
    **dict.fromkeys((4715, 4719, 4817, 4902, 4904, 4905, 4906, 4907, 4908, 4912), "audit policy {SubcategoryGuid}"),
    **dict.fromkeys((4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740, 4767, 4780, 4781, 4794), "account {TargetUserName}"),
    **dict.fromkeys((4741, 4742, 4743), "account {TargetUserName}"),
    **dict.fromkeys((*range(4727, 4738), *range(4744, 4764), 4764), "group {TargetUserName}"),
    **dict.fromkeys((4765, 4766), "SID history of {TargetUserName}"),
    **dict.fromkeys((4946, 4947, 4948), "firewall rule {RuleName}"),
    **dict.fromkeys((4949, 4950, 4951, 4954, 4956), "firewall setting {SettingType}"),
    **dict.fromkeys((5136, 5137, 5138, 5139, 5141), "directory object {ObjectDN} {AttributeLDAPDisplayName}"),
    **dict.fromkeys((5142, 5143, 5144), "share {ShareName}"),
    **dict.fromkeys((5446, 5447, 5449, 5450), "filtering platform {FilterName}{ProviderName}"),
    4882: "certificate authority permissions",
    **dict.fromkeys((4885, 4890, 4891, 4892), "certificate authority setting"),
    **dict.fromkeys((6145, 6144), "group policy"),
}
FIREWALL: Final = "microsoft-windows-windows firewall with advanced security/firewall"
DEFENDER: Final = "microsoft-windows-windows defender/operational"
TASKS: Final = "microsoft-windows-taskscheduler/operational"
WMI: Final = "microsoft-windows-wmi-activity/operational"
CHANGES: Final[Mapping[str, Mapping[int, str]]] = {
    "security": SECURITY_CHANGES,
    "system": {7045: "service {ServiceName}", 7040: "start of service {param1}", 1: "system time", 16: "audit policy"},
    SYSMON: {16: "Sysmon configuration", 19: "WMI filter {Name}", 20: "WMI consumer {Name}", 21: "WMI binding {Consumer}"},
    FIREWALL: {
        **dict.fromkeys((2002, 2003, 2008), "firewall setting {SettingType}"),
        **dict.fromkeys((2004, 2005, 2006, 2071, 2073, 2097, 2099), "firewall rule {RuleName}"),
        2033: "all firewall rules",
        2032: "firewall policy",
    },
    DEFENDER: {
        **dict.fromkeys((5000, 5001), "real-time protection"),
        **dict.fromkeys((5009, 5010, 5011, 5012), "scanning"),
        **dict.fromkeys((5004, 5007, 5013), "{Old Value}"),
    },
    TASKS: dict.fromkeys((106, 140, 141, 142), "task {TaskName}"),
    WMI: dict.fromkeys((5859, 5860, 5861), "WMI subscription {ESS}"),
}
STATUSES: Final[Mapping[str, Mapping[int, str]]] = {
    "security": {1102: "cleared", 1100: "stopped", 1101: "gap", 4608: "started", 4609: "stopped", 4612: "gap", 1104: "gap"},
    "system": {104: "cleared", 6005: "started", 6006: "stopped", 1100: "stopped"},
}
REGISTRY: Final = {12, 13, 14}
LOGINS: Final = {4624, 4625, 4648, 4768, 4769, 4770, 4771, 4772, 4773, 4776, 4778}
SHARES: Final = {5140, 5145}
FLOWS: Final = {5152: "failure", 5156: "success", 5157: "failure"}
FILES: Final = {2: "write", 11: "write", 15: "write", 23: "delete", 26: "delete", 27: "write", 28: "delete", 29: "write"}
TERMINALS: Final = {
    "microsoft-windows-terminalservices-localsessionmanager/operational": {21, 25},
    "microsoft-windows-terminalservices-remoteconnectionmanager/operational": {1149},
}
DNS_CLIENT: Final = "microsoft-windows-dns-client/operational"
# addresses that say no more than the host itself
LOCAL: Final = ("", "-", "::1", "127.0.0.1", "0.0.0.0", "::", "local", "localhost")  # noqa: S104
KERBEROS_FAILED: Final = {4771, 4772, 4773}


def activity(record: Mapping[str, Any], raw: bytes = b"") -> Iterator[Activity]:
    """The one event of a record, `raw` as it came. ValueError where it is no Windows record, or names neither its computer nor its time."""
    found = seen(record, raw)
    yield _reader(found.channel.lower(), found)(found)


def _reader(channel: str, found: Seen) -> Callable[[Seen], Activity]:
    number = found.number
    if channel == "security":
        return _security(number, found)
    if channel == SYSMON:
        return _sysmon(number)
    if number in STATUSES.get(channel, ()):
        return _status
    if number in CHANGES.get(channel, ()):
        return _change
    if number in TERMINALS.get(channel, ()):
        return _terminal
    if channel == DNS_CLIENT and found.text("QueryName"):
        return _dns
    return _message


def _security(number: int, found: Seen) -> Callable[[Seen], Activity]:
    if number in LOGINS:
        return _login
    if number == 4688:
        return _audited_process
    if number in SHARES or (number == 4663 and found.text("ObjectType").lower() in ("", "file")):
        return _audited_file
    if number in FLOWS and found.text("DestAddress", "DestinationAddress"):
        return _filtered
    if number in STATUSES["security"]:
        return _status
    return _change if number in SECURITY_CHANGES else _message


def _sysmon(number: int) -> Callable[[Seen], Activity]:
    if number in CHANGES[SYSMON]:
        return _change
    if number in REGISTRY:
        return _registry
    if number in FILES:
        return _file
    return {1: _process, 3: _connection, 4: _sysmon_state, 22: _dns}.get(number, _message)


# one kind after the other


def _made(
    found: Seen,
    kind: str,
    extra: Mapping[str, Any] | None = None,
    *,
    source: str | None = None,
    target: str | None = None,
    actor: str | None = None,
    object: str | None = None,
    code: str | None = None,
    outcome: str | None = None,
) -> Activity:
    """A row of the host, with the whole record as rules read it. A name that the record has already keeps what the record says."""
    attributes = joined(extra, found.record) if extra else found.record
    number = code or str(found.number)
    return Activity(found.time, found.entity, kind, source, target, actor, object or None, number, outcome, None, attributes)


def _person(name: str) -> str | None:
    """`identity:NAME` without the domain before or behind it."""
    short = name.rsplit("\\", 1)[-1].split("@", 1)[0].strip()
    return f"identity:{short}" if short and short != "-" else None


def _address(found: Seen, *names: str) -> str | None:
    """Where it came from; None where that is the host itself or not said."""
    said = found.text(*names).removeprefix("::ffff:").lstrip("\\")
    return None if said.lower() in LOCAL or said.lower() in (found.host, found.host.split(".")[0]) else said


def _login(found: Seen) -> Activity:
    method = LOGON_TYPES.get(found.text("LogonType"), "")
    if found.number == 4648:
        method = "explicit_credentials"
    elif found.number == 4776:
        method = "ntlm"
    elif found.number == 4778:
        method = "reconnect"
    elif 4768 <= found.number <= 4773:
        method = "kerberos"
    target = found.text("TargetServerName") if found.number == 4648 else ""
    return _made(
        found,
        "auth.login",
        {"method": method, "device": found.text("WorkstationName", "Workstation", "ClientName")},
        source=_address(found, "IpAddress", "ClientAddress") or _address(found, "WorkstationName", "Workstation", "ClientName"),
        target=found.host if target.lower() in LOCAL else target.lower(),
        actor=_person(found.text("TargetUserName", "AccountName", "SubjectUserName")),
        object=found.text("ServiceName", "PackageName", "AuthenticationPackageName", "SessionName"),
        outcome=_login_outcome(found),
    )


def _login_outcome(found: Seen) -> str | None:
    """4648 tells that credentials were used, not whether they were good."""
    if found.number == 4625 or found.number in KERBEROS_FAILED:
        return "failure"
    if found.number == 4648:
        return None
    status = found.text("Status", "ErrorCode")
    return "success" if not status or _hexadecimal(status) == 0 else "failure"


def _terminal(found: Seen) -> Activity:
    name = "Param1" if found.number == 1149 else "User"
    source = _address(found, "Param3" if found.number == 1149 else "Address")
    given = {"source": source, "target": found.host, "actor": _person(found.text(name)), "outcome": "success"}
    return _made(found, "auth.login", {"method": "remote_interactive" if found.number != 25 else "reconnect"}, **given)


def _process(found: Seen) -> Activity:
    extra = {
        **{"parent": found.text("ParentImage"), "command_line": found.text("CommandLine"), "host": found.host, "os": "windows"},
        **{"pid": count(found.data.get("ProcessId")), "ppid": count(found.data.get("ParentProcessId"))},
    }
    return _made(found, "process.start", extra, object=found.text("Image"), actor=_person(found.text("User")))


def _audited_process(found: Seen) -> Activity:
    extra = {
        **{"parent": found.text("ParentProcessName"), "command_line": found.text("CommandLine"), "host": found.host, "os": "windows"},
        **{"pid": _process_id(found, "NewProcessId"), "ppid": _process_id(found, "ProcessId")},
    }
    actor = _person(found.text("TargetUserName")) or _person(found.text("SubjectUserName"))
    return _made(found, "process.start", extra, object=found.text("NewProcessName"), actor=actor)


def _audited_file(found: Seen) -> Activity:
    share, below = found.text("ShareName"), found.text("RelativeTargetName")
    path = found.text("ObjectName") or "\\".join(each for each in (share, below.lstrip("\\")) if each)
    return _made(
        found,
        "file.access",
        {"files": 1},
        source=_address(found, "IpAddress"),
        target=found.host,
        actor=_person(found.text("SubjectUserName")),
        object=path,
        code=_access(found),
        outcome="failure" if "FAILURE" in found.text("EventType", "Keywords").upper() else "success",
    )


def _access(found: Seen) -> str:
    mask = _hexadecimal(found.text("AccessMask")) or 0
    for word in found.text("AccessList", "Accesses").split():
        mask |= NAMED_RIGHTS.get(word, 0)
    return "delete" if mask & DELETES else "write" if mask & WRITES else "read"


def _file(found: Seen) -> Activity:
    outcome = "failure" if found.number in (27, 28) else "success"
    given = {"object": found.text("TargetFilename"), "actor": _person(found.text("User")), "code": FILES[found.number], "outcome": outcome}
    return _made(found, "file.access", {"files": 1, "image": found.text("Image")}, **given)


def _connection(found: Seen) -> Activity:
    protocol, port = found.text("Protocol").lower() or "ip", found.text("DestinationPort")
    return _made(
        found,
        "network.flow",
        {"image": found.text("Image")},
        source=found.text("SourceIp") or found.text("SourceHostname"),
        target=found.text("DestinationIp") or found.text("DestinationHostname"),
        actor=_person(found.text("User")),
        object=f"{protocol}/{port}" if port else protocol,
    )


def _filtered(found: Seen) -> Activity:
    """What the Windows Filtering Platform let through or kept out."""
    number, port = found.text("Protocol"), found.text("DestPort")
    protocol = PROTOCOLS.get(number, number or "ip")
    return _made(
        found,
        "network.flow",
        {"image": found.text("Application")},
        source=found.text("SourceAddress"),
        target=found.text("DestAddress", "DestinationAddress"),
        object=f"{protocol}/{port}" if port not in ("", "0") else protocol,
        outcome=FLOWS[found.number],
    )


def _dns(found: Seen) -> Activity:
    status = found.text("QueryStatus", "Status")
    outcome = None if not status else "success" if status == "0" else "failure"
    given = {"object": found.text("QueryName"), "code": "query", "actor": _person(found.text("User")), "outcome": outcome}
    return _made(found, "network.message", {"protocol": "dns", "image": found.text("Image")}, **given)


def _registry(found: Seen) -> Activity:
    extra = {"after": found.text("Details", "NewName"), "image": found.text("Image")}
    given = {"target": found.host, "object": found.text("TargetObject"), "actor": _person(found.text("User"))}
    return _made(found, "config.change", extra, **given)


def _change(found: Seen) -> Activity:
    pattern = CHANGES[found.channel.lower()][found.number]
    after = found.text(
        "NewValue", "New Value", "MemberName", "MemberSid", "ImagePath", "ServiceFileName", "NewTargetUserName", "TaskContentNew"
    )
    after = after or found.text("AuditPolicyChanges", "AttributeValue", "param3", "NewTime", "TaskContent", "Query", "Destination")
    before = found.text("OldValue", "Old Value", "OldTargetUserName", "param2", "PreviousTime", "OldSd")
    actor = _person(found.text("SubjectUserName")) or _person(found.text("User", "UserName", "AccountName", "ModifyingUser"))
    return _made(found, "config.change", {"before": before, "after": after}, target=found.host, object=_filled(pattern, found), actor=actor)


def _filled(pattern: str, found: Seen) -> str:
    """The pattern with the fields that it names; what is absent leaves nothing."""
    pieces = pattern.replace("}", "{").split("{")
    return "".join(found.text(piece) if place % 2 else piece for place, piece in enumerate(pieces)).strip()


def _status(found: Seen) -> Activity:
    state = STATUSES[found.channel.lower()][found.number]
    cleared = found.text("Channel") if found.channel.lower() == "system" else ""  # the log that was cleared, where 104 names it
    log = cleared or found.channel
    actor = _person(found.text("SubjectUserName", "SubjectUser"))
    return _made(found, "log.status", {"event": str(found.number)}, object=log, code=state, actor=actor)


def _sysmon_state(found: Seen) -> Activity:
    state = "stopped" if found.text("State").lower() == "stopped" else "started"
    return _made(found, "log.status", {"event": str(found.number)}, object=found.channel, code=state)


def _message(found: Seen) -> Activity:
    """A record that no other kind tells. One without a rendered text says its event id: the data are in the record."""
    said = found.message or "; ".join(strings(found.data)) or f"event {found.number} of {found.channel}"
    extra = {"message": said[:MESSAGE], "severity": LEVELS.get(found.level, found.level)}
    actor = found.text("SubjectUserName", "User", "AccountName")
    return _made(found, "log.message", extra, object=found.channel, actor=_person(actor))


def _process_id(found: Seen, name: str) -> int | None:
    return _hexadecimal(found.text(name))


def _hexadecimal(said: str) -> int | None:
    """A number as Windows writes it, 0x in front or decimal."""
    try:
        return int(said, 0) if len(said) < 20 else None
    except ValueError:
        return None
