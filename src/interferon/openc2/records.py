"""Commands and responses of OpenC2 1.0 as typed records, with those of the packet-filter profile (SLPF 1.0). Called by all of this package.

One definition serves reading, writing and checking: `shape` walks these types, a `format` names one of `formats.FORMATS`.
"""

from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from msgspec import Meta, Struct

Hostname = Annotated[str, Meta(extra={"format": "hostname"})]
IdnHostname = Annotated[str, Meta(extra={"format": "idn_hostname"})]
Email = Annotated[str, Meta(extra={"format": "email"})]
IdnEmail = Annotated[str, Meta(extra={"format": "idn_email"})]
Uri = Annotated[str, Meta(extra={"format": "uri"})]
Iri = Annotated[str, Meta(extra={"format": "iri"})]
Ipv4Net = Annotated[str, Meta(extra={"format": "ipv4_net"})]
Ipv6Net = Annotated[str, Meta(extra={"format": "ipv6_net"})]
MacAddr = Annotated[str, Meta(extra={"format": "eui"})]
Md5 = Annotated[str, Meta(extra={"format": "md5"})]
Sha1 = Annotated[str, Meta(extra={"format": "sha1"})]
Sha256 = Annotated[str, Meta(extra={"format": "sha256"})]
Base64Url = Annotated[str, Meta(extra={"format": "base64url"})]
CommandId = Annotated[str, Meta(extra={"format": "command_id"})]
Nsid = Annotated[str, Meta(extra={"format": "nsid"})]
Natural = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]

Action = Literal[
    "scan", "locate", "query", "deny", "contain", "allow", "start", "stop", "restart", "cancel", "set", "update", "redirect", "create",
    "delete", "detonate", "restore", "copy", "investigate", "remediate",
]  # fmt: skip
Feature = Literal["versions", "profiles", "pairs", "rate_limit"]
ResponseType = Literal["none", "ack", "status", "complete"]
L4Protocol = Literal["icmp", "tcp", "udp", "sctp"]
StatusCode = Literal[102, 200, 400, 401, 403, 404, 500, 501, 503]
DropProcess = Literal["none", "reject", "false_ack"]
Direction = Literal["both", "ingress", "egress"]
Features = Annotated[list[Feature], Meta(max_length=10, extra={"unique": True})]
Properties = Annotated[list[str], Meta(min_length=1, extra={"unique": True})]

ACTIONS: Final[tuple[str, ...]] = get_args(Action)
STATUS: Final[dict[int, str]] = {
    102: "Processing",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of a Map or Record of the language; `least` and `most` bound how many of its members are given."""

    least: ClassVar[int] = 1
    most: ClassVar[int] = 1_000


class Hashes(Part, frozen=True):
    md5: Md5 | None = None
    sha1: Sha1 | None = None
    sha256: Sha256 | None = None


class Payload(Part, frozen=True):
    most: ClassVar[int] = 1
    bin: Base64Url | None = None
    url: Uri | None = None


class Artifact(Part, frozen=True):
    mime_type: str | None = None
    payload: Payload | None = None
    hashes: Hashes | None = None


class Device(Part, frozen=True):
    hostname: Hostname | None = None
    idn_hostname: IdnHostname | None = None
    device_id: str | None = None


class File(Part, frozen=True):
    name: str | None = None
    path: str | None = None
    hashes: Hashes | None = None


class Ipv4Connection(Part, frozen=True):
    """What is not given is `any`."""

    src_addr: Ipv4Net | None = None
    src_port: Port | None = None
    dst_addr: Ipv4Net | None = None
    dst_port: Port | None = None
    protocol: L4Protocol | None = None


class Ipv6Connection(Part, frozen=True):
    """What is not given is `any`."""

    src_addr: Ipv6Net | None = None
    src_port: Port | None = None
    dst_addr: Ipv6Net | None = None
    dst_port: Port | None = None
    protocol: L4Protocol | None = None


class Process(Part, frozen=True):
    pid: Natural | None = None
    name: str | None = None
    cwd: str | None = None
    executable: File | None = None
    parent: "Process | None" = None
    command_line: str | None = None


class SlpfArgs(Part, frozen=True):
    """Arguments of SLPF 1.0, 2.1.3.2; `running` is what its drafts called not persistent."""

    drop_process: DropProcess | None = None
    persistent: bool | None = None
    running: bool | None = None
    direction: Direction | None = None
    insert_rule: int | None = None


class SlpfSpecifiers(Part, frozen=True):
    """Which packet filter is meant (SLPF 1.0, 2.1.4)."""

    least: ClassVar[int] = 0
    hostname: str | None = None
    named_group: str | None = None
    asset_id: str | None = None
    asset_tuple: Annotated[list[str], Meta(min_length=1, max_length=10)] | None = None


class SlpfResults(Part, frozen=True):
    least: ClassVar[int] = 0
    rule_number: int | None = None


Specifier = Artifact | Device | File | Ipv4Connection | Ipv6Connection | Process | str | int | list[Any] | dict[str, Any]

TARGETS: Final[dict[str, Any]] = {
    "artifact": Artifact,
    "command": CommandId,
    "device": Device,
    "domain_name": Hostname,
    "email_addr": Email,
    "features": Features,
    "file": File,
    "idn_domain_name": IdnHostname,
    "idn_email_addr": IdnEmail,
    "ipv4_net": Ipv4Net,
    "ipv6_net": Ipv6Net,
    "ipv4_connection": Ipv4Connection,
    "ipv6_connection": Ipv6Connection,
    "iri": Iri,
    "mac_addr": MacAddr,
    "process": Process,
    "properties": Properties,
    "uri": Uri,
    "slpf:rule_number": int,
}


class Args(Struct, frozen=True, kw_only=True):
    """How a command is to be carried out. Times are milliseconds since 1970, UTC. `extensions`: namespace → its arguments."""

    start_time: int | None = None
    stop_time: int | None = None
    duration: int | None = None
    response_requested: ResponseType | None = None
    slpf: SlpfArgs | None = None
    extensions: dict[str, Any] = {}


class Command(Struct, frozen=True, kw_only=True):
    """`target` is the name of the target, `specifier` the thing itself; `actuator` the namespace, with its specifiers in `which`.

    `profile` is how version 2.0 of the language names the actuator's profile.
    """

    action: Action
    target: str
    specifier: Specifier
    args: Args = Args()
    actuator: str = ""
    which: SlpfSpecifiers | dict[str, Any] = {}
    profile: str = ""
    command_id: str = ""


class Results(Struct, frozen=True, kw_only=True):
    """What a response tells beside its status. `extensions`: namespace → its results."""

    versions: list[str] | None = None
    profiles: list[str] | None = None
    pairs: dict[str, list[str]] | None = None
    rate_limit: float | None = None
    slpf: SlpfResults | None = None
    extensions: dict[str, Any] = {}


class Response(Struct, frozen=True, kw_only=True):
    status: StatusCode
    status_text: str = ""
    results: Results | None = None
