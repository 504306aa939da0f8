"""Which events a rule's log source means: Windows channels and event ids, and the names that their fields have there. Pure tables.

Sources: the log sources and taxonomy appendices of the Sigma specification; the channels' own names in Windows.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from interferon.rules.records import All, Any, Condition, Not, Source, Test


class Place(NamedTuple):
    """Where a category is logged. `ids` empty: any event of the channel; `only`: what else must hold; `names`: its names of the fields."""

    channel: str
    ids: frozenset[str] = frozenset()
    only: Condition | None = None
    names: Mapping[str, str] = {}


SYSMON: Final = "microsoft-windows-sysmon/operational"
SECURITY: Final = "security"
POWERSHELL: Final = ("microsoft-windows-powershell/operational", "powershellcore/operational")
KERNEL_FILE: Final = "microsoft-windows-kernel-file/analytic"

# audited process creation (Security 4688) names what Sysmon calls by other names
AUDITED: Final = {
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "ProcessId": "NewProcessId",
    "ParentProcessId": "ProcessId",
    "User": "SubjectUserName",
    "LogonId": "SubjectLogonId",
}
SYSMON_IDS: Final[Mapping[str, tuple[int, ...]]] = {
    "process_creation": (1,),
    "file_change": (2,),
    "network_connection": (3,),
    "sysmon_status": (4, 16),
    "process_termination": (5,),
    "driver_load": (6,),
    "image_load": (7,),
    "create_remote_thread": (8,),
    "raw_access_thread": (9,),
    "process_access": (10,),
    "file_event": (11,),
    "registry_add": (12,),
    "registry_delete": (12,),
    "registry_set": (13,),
    "registry_rename": (14,),
    "registry_event": (12, 13, 14),
    "create_stream_hash": (15,),
    "pipe_created": (17, 18),
    "wmi_event": (19, 20, 21),
    "dns_query": (22,),
    "file_delete": (23, 26),
    "clipboard_capture": (24,),
    "process_tampering": (25,),
    "file_delete_detected": (26,),
    "file_block_executable": (27,),
    "file_block_shredding": (28,),
    "file_executable_detected": (29,),
    "sysmon_error": (255,),
}
# one event id holds the creation and the deletion of keys
EVENT_TYPES: Final[Mapping[str, Condition]] = {
    "registry_add": Test("EventType", "is", "CreateKey"),
    "registry_delete": Test("EventType", "starts", "Delete"),
}


def _ids(*numbers: int) -> frozenset[str]:
    return frozenset(map(str, numbers))


CATEGORIES: Final[Mapping[str, tuple[Place, ...]]] = {
    **{name: (Place(SYSMON, _ids(*numbers), EVENT_TYPES.get(name)),) for name, numbers in SYSMON_IDS.items()},
    "process_creation": (Place(SYSMON, _ids(1)), Place(SECURITY, _ids(4688), names=AUDITED)),
    "ps_module": tuple(Place(channel, _ids(4103)) for channel in POWERSHELL),
    "ps_script": tuple(Place(channel, _ids(4104)) for channel in POWERSHELL),
    "ps_classic_start": (Place("windows powershell", _ids(400)),),
    "ps_classic_provider_start": (Place("windows powershell", _ids(600)),),
    "ps_classic_script": (Place("windows powershell", _ids(800)),),
    "file_access": (Place(KERNEL_FILE, _ids(12)),),
    "file_rename": (Place(KERNEL_FILE, _ids(19)),),
}
_OPERATIONAL: Final = "microsoft-windows-{}/operational"
SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "security": (SECURITY,),
    "system": ("system",),
    "application": ("application",),
    "sysmon": (SYSMON,),
    "powershell": POWERSHELL,
    "powershell-classic": ("windows powershell",),
    "applocker": tuple(
        f"microsoft-windows-applocker/{name}"
        for name in ("exe and dll", "msi and script", "packaged app-deployment", "packaged app-execution")
    ),
    "appmodel-runtime": ("microsoft-windows-appmodel-runtime/admin",),
    "appxdeployment-server": (_OPERATIONAL.format("appxdeploymentserver"),),
    "appxpackaging-om": (_OPERATIONAL.format("appxpackaging"),),
    "bitlocker": ("microsoft-windows-bitlocker/bitlocker management",),
    "bits-client": (_OPERATIONAL.format("bits-client"),),
    "capi2": (_OPERATIONAL.format("capi2"),),
    "certificateservicesclient-lifecycle-system": (_OPERATIONAL.format("certificateservicesclient-lifecycle-system"),),
    "codeintegrity-operational": (_OPERATIONAL.format("codeintegrity"),),
    "dhcp": (_OPERATIONAL.format("dhcp-server"),),
    "diagnosis-scripted": (_OPERATIONAL.format("diagnosis-scripted"),),
    "dns-client": (_OPERATIONAL.format("dns-client"),),
    "dns-server": ("dns server",),
    "dns-server-analytic": ("microsoft-windows-dns-server/analytical",),
    "dns-server-audit": ("microsoft-windows-dns-server/audit",),
    "driver-framework": (_OPERATIONAL.format("driverframeworks-usermode"),),
    "firewall-as": ("microsoft-windows-windows firewall with advanced security/firewall",),
    "hyper-v-worker": ("microsoft-windows-hyper-v-worker",),
    "iis-configuration": (_OPERATIONAL.format("iis-configuration"),),
    "kernel-event-tracing": ("microsoft-windows-kernel-eventtracing",),
    "kernel-shimengine": (_OPERATIONAL.format("kernel-shimengine"), "microsoft-windows-kernel-shimengine/diagnostic"),
    "ldap": ("microsoft-windows-ldap-client/debug",),
    "lsa-server": (_OPERATIONAL.format("lsa"),),
    "microsoft-servicebus-client": ("microsoft-servicebus-client/admin", "microsoft-servicebus-client/operational"),
    "msexchange-management": ("msexchange management",),
    "ntfs": (_OPERATIONAL.format("ntfs"),),
    "ntlm": (_OPERATIONAL.format("ntlm"),),
    "openssh": ("openssh/operational",),
    "printservice-admin": ("microsoft-windows-printservice/admin",),
    "printservice-operational": (_OPERATIONAL.format("printservice"),),
    "security-mitigations": (
        _OPERATIONAL.format("security-mitigations"),
        "microsoft-windows-security-mitigations/kernel mode",
        "microsoft-windows-security-mitigations/user mode",
    ),
    "sense": (_OPERATIONAL.format("sense"),),
    "servicebus-client": ("microsoft-servicebus-client/admin", "microsoft-servicebus-client/operational"),
    "shell-core": (_OPERATIONAL.format("shell-core"),),
    "smbclient-connectivity": ("microsoft-windows-smbclient/connectivity",),
    "smbclient-security": ("microsoft-windows-smbclient/security",),
    "smbserver-connectivity": ("microsoft-windows-smbserver/connectivity",),
    "taskscheduler": (_OPERATIONAL.format("taskscheduler"),),
    "terminalservices-localsessionmanager": (_OPERATIONAL.format("terminalservices-localsessionmanager"),),
    "vhdmp": (_OPERATIONAL.format("vhdmp"),),
    "windefend": (_OPERATIONAL.format("windows defender"),),
    "wmi": (_OPERATIONAL.format("wmi-activity"),),
}


def places(source: Source) -> tuple[Place, ...] | None:
    """Where Windows logs what the source names: () for every channel, None for one that is not of Windows or has no place known here."""
    if source.product != "windows":
        return None
    if source.category:
        found = CATEGORIES.get(source.category, ())
        channels = SERVICES.get(source.service, ())
        return tuple(place for place in found if not source.service or place.channel in channels) or None
    if source.service:
        return tuple(Place(channel) for channel in SERVICES.get(source.service, ())) or None
    return ()


def placed(condition: Condition, place: Place) -> Condition:
    """The condition as it reads at that place: its field names, and what else must hold there."""
    found = _renamed(condition, place.names) if place.names else condition
    return found if place.only is None else All((place.only, found))


def _renamed(condition: Condition, names: Mapping[str, str]) -> Condition:
    match condition:
        case Test():
            value = names.get(condition.value, condition.value) if condition.op == "same" else condition.value
            return Test(names.get(condition.field, condition.field), condition.op, value, condition.parts, condition.flags)
        case Not():
            return Not(_renamed(condition.item, names))
        case All():
            return All(tuple(_renamed(item, names) for item in condition.items))
        case Any():
            return Any(tuple(_renamed(item, names) for item in condition.items))


def covers(declared: Source, source: Source) -> bool:
    """Whether a capture that was declared to be `declared` is what a rule's source asks for: all that the rule names is named alike."""
    return all(
        not wanted or wanted == said
        for wanted, said in ((source.product, declared.product), (source.category, declared.category), (source.service, declared.service))
    )
