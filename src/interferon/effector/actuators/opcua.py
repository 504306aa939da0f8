"""Takes write access to variables of an OPC UA server away, and writes a set-point's last good value. Called by the effector's core.

Source: OPC UA 1.05, part 3 (AccessLevel, 8.57), part 4 (Write), part 8 (EURange, 5.3.2.3). Both are controller
writes: the core lets none through without the approval of the process owner. One session a call.
"""

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from interferon.effector.answers import Another, Denied, Unanswered, identified, reach, same, shown, stood, text, told, unfit
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome, Value
from interferon.model.errors import InputError

if TYPE_CHECKING:
    from asyncua.client.client import Client

T = TypeVar("T")
CURRENT_WRITE: Final = 1 << 1  # bit of AccessLevel

SERVER_ARRAY: Final = "i=2254"
FLOATS: Final = ("Float", "Double")
WHOLE: Final = ("SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64")
Attribute = Literal["AccessLevel", "Value"]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[opcua]`: how the effector shows itself to the servers. Without `security` a server's certificate proves nothing."""

    security: Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "Basic256Sha256"
    cert_file: str = ""
    key_file: str = ""
    application_uri: str = "urn:interferon:effector"  # as in the certificate
    username: str = ""
    password_file: str = ""
    answer_s: float = 5.0

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        if self.security != "None" and not (self.cert_file and self.key_file):
            raise ValueError(f"security {self.security} needs cert_file and key_file")
        if self.username and not self.password_file:
            raise ValueError(f"username {self.username} needs password_file")


def make(settings: Settings) -> Actuator:
    return OpcUa(settings)


class OpcUa:
    """reach: `url`; `nodes`, one node id a line; for a set-point also `low`, `high` where the variable has no EURange.

    identity: `application_uri`; `certificate_sha256` (hex) where the channel is secure. params of `roll_back_setpoint`: `node`, one of
    the target's, and `value`.
    """

    name = "opcua"
    actions = frozenset({"lock_writes", "roll_back_setpoint"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        missing = [path for path in (self._settings.cert_file, self._settings.key_file) if path and not Path(path).is_file()]
        return f"{missing[0]} is not there; cert_file and key_file of opcua name the effector's certificate and key" if missing else ""

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        return unfit(
            target,
            ["url", "nodes"],
            ("application_uri",) if self._settings.security == "None" else ("application_uri", "certificate_sha256"),
        )

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: self._with(job, _greeted))

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: self._with(job, _setpoint if job.action == "roll_back_setpoint" else _access))

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._with(job, _roll_back if job.action == "roll_back_setpoint" else _lock))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._with(job, _seen_setpoint if job.action == "roll_back_setpoint" else _seen_lock))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._with(job, _put_back if job.action == "roll_back_setpoint" else _unlock))

    def _with(self, job: Job, do: "Callable[[Client, Job], Awaitable[T]]") -> T:
        """What `do` makes of a session with the target, after its identity has been compared. `Unanswered` where there is none."""
        from asyncua.ua.uaerrors import UaError  # here, for it takes a second that the start of the effector need not

        async def session() -> T:
            async with _connected(self._settings, job) as client:
                same(job, await _facts(client, self._settings))
                return await do(client, job)

        try:
            return asyncio.run(session())
        except (UaError, OSError, TimeoutError) as error:
            raise Unanswered(f"{reach(job, 'url')}: {str(error).splitlines()[0] if str(error) else type(error).__name__}") from error


@asynccontextmanager
async def _connected(settings: Settings, job: Job) -> "AsyncIterator[Client]":
    """A session. Who shows another certificate than the one that is meant never sees the password."""
    from asyncua.client.client import Client
    from asyncua.crypto import security_policies

    client = Client(reach(job, "url"), timeout=settings.answer_s)
    client.name, client.application_uri = "Interferon effector", settings.application_uri
    if settings.username:
        client.set_user(settings.username)
        client.set_password(_secret(settings.password_file))
    if settings.security != "None":
        policy = getattr(security_policies, f"SecurityPolicy{settings.security}")
        try:  # the server's certificate comes from the server, and it must hold the key to it; `same` compares it
            own, key = _material(settings.cert_file), _material(settings.key_file)
            await client.set_security(policy, own, key, mode=_ua().MessageSecurityMode.SignAndEncrypt)
        except ValueError as error:
            raise InputError(f"cert_file, key_file of opcua: {str(error).splitlines()[0]}") from error
        shown_by = _fingerprint(client)
        if job.target.identity.get("certificate_sha256", shown_by) != shown_by:
            raise Another(f"{job.target.ref} shows certificate_sha256 {shown_by}, meant is {job.target.identity['certificate_sha256']}")
    async with client:
        yield client


def _material(path: str) -> Any:
    """A certificate or key, PEM or DER as its bytes say."""
    from asyncua.crypto.uacrypto import CertProperties

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return CertProperties(data, "pem" if data.lstrip().startswith(b"-----BEGIN") else "der")


def _ua() -> Any:
    """OPC UA's own types, imported when the first target is reached."""
    from asyncua import ua

    return ua


def _secret(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"password_file {path} of opcua cannot be read: {error}") from error


async def _facts(client: "Client", settings: Settings) -> dict[str, object]:
    """Who answers: the first entry of ServerArray is the server's own ApplicationUri (part 5, 6.3.1)."""
    facts: dict[str, object] = {"application_uri": (await client.get_node(SERVER_ARRAY).read_value())[0]}
    if settings.security != "None":
        facts["certificate_sha256"] = _fingerprint(client)
    return facts


def _fingerprint(client: "Client") -> str:
    return hashlib.sha256(client.security_policy.peer_certificate or b"").hexdigest()


async def _greeted(client: "Client", job: Job) -> str:
    return f"{job.target.ref} is the server that is meant"


def _nodes(job: Job) -> list[str]:
    return [line.strip() for line in reach(job, "nodes").splitlines() if line.strip()]


async def _read(client: "Client", nodes: Sequence[str], attribute: Attribute) -> list[Any]:
    """One attribute of each node; `Denied` names the node that does not give it."""
    ua = _ua()
    values = await client.uaclient.read_attributes([_id(node) for node in nodes], ua.AttributeIds[attribute])
    for node, value in zip(nodes, values, strict=True):
        if value.Value is None or value.Value.Value is None or (value.StatusCode is not None and value.StatusCode.is_bad()):
            raise Denied(f"{node}: {attribute} cannot be read: {value.StatusCode.name if value.StatusCode else 'no value'}")
    return values


async def _write(client: "Client", wanted: Mapping[str, Any], attribute: Attribute, old: Mapping[str, Any]) -> None:
    """All of it or nothing: what was written is put back where the server does not take the rest."""
    ua = _ua()

    async def send(values: Mapping[str, Any]) -> Any:
        written = [ua.DataValue(value) for value in values.values()]
        return await client.uaclient.write_attributes([_id(node) for node in values], written, ua.AttributeIds[attribute])

    answers = dict(zip(wanted, await send(wanted), strict=True))
    if refused := {node: answer for node, answer in answers.items() if not answer.is_good()}:
        taken = {node: old[node] for node in wanted if node not in refused}
        if taken and not all(answer.is_good() for answer in await send(taken)):
            raise Unanswered(f"{attribute} of {', '.join(taken)} was written and the server does not take it back")
        node, answer = next(iter(refused.items()))
        raise Denied(f"{node}: the server does not let {attribute} be written: {answer.name}")


def _id(node: str) -> Any:
    from asyncua.ua.uaerrors import UaStringParsingError

    try:
        return _ua().NodeId.from_string(node)
    except (UaStringParsingError, ValueError) as error:
        raise InputError(f"{node!r} is no node id; write it as ns=2;s=Tank1.Level") from error


async def _access(client: "Client", job: Job) -> dict[str, Any]:
    """AccessLevel of each node as it stands."""
    nodes = _nodes(job)
    return {"access": {node: int(value.Value.Value) for node, value in zip(nodes, await _read(client, nodes, "AccessLevel"), strict=True)}}


async def _set_access(client: "Client", wanted: Mapping[str, int]) -> None:
    ua = _ua()
    old = {node: value.Value for node, value in zip(wanted, await _read(client, list(wanted), "AccessLevel"), strict=True)}
    changed = {node: ua.Variant(level, ua.VariantType.Byte) for node, level in wanted.items() if int(old[node].Value) != level}
    if changed:
        await _write(client, changed, "AccessLevel", old)


async def _lock(client: "Client", job: Job) -> str:
    now = (await _access(client, job))["access"]
    await _set_access(client, {node: level & ~CURRENT_WRITE for node, level in now.items()})
    return f"{len(now)} variables can be read only"


async def _unlock(client: "Client", job: Job) -> str:
    await _set_access(client, _recorded(job)["access"])
    return "the access to every variable is as it stood"


async def _seen_lock(client: "Client", job: Job) -> Seen:
    now = (await _access(client, job))["access"]
    open_ = [node for node, level in now.items() if level & CURRENT_WRITE]
    if not open_:
        return Seen("in_force", f"{len(now)} variables can be read only")
    return Seen("absent" if len(open_) == len(now) else "partial", f"{', '.join(open_)} can be written")


def _recorded(job: Job) -> Mapping[str, Any]:
    if not job.before:
        raise InputError(f"{job.effect} has nothing recorded that stood before")
    return job.before


async def _setpoint(client: "Client", job: Job) -> dict[str, Any]:
    """Value, type and engineering range of the one variable that is meant."""
    node = text(job.params, "node", f"params of {job.effect}")
    if node not in _nodes(job):
        raise InputError(f"{node} is none of the variables of {job.target.ref} that the effector's file names")
    (value,) = await _read(client, [node], "Value")
    kind = value.Value.VariantType.name
    if kind not in (*FLOATS, *WHOLE) or value.Value.is_array:
        raise Denied(f"{node} is of type {kind}: a set-point is one number")
    low, high = await _range(client, job, node)
    return {"node": node, "value": value.Value.Value, "type": kind, "low": low, "high": high}


async def _range(client: "Client", job: Job, node: str) -> tuple[float, float]:
    """The narrower of EURange at the server and `low`, `high` in the effector's file; `Denied` where there is neither."""
    from asyncua.ua.uaerrors import UaStatusCodeError

    ranges = []
    if "low" in job.target.reach and "high" in job.target.reach:
        ranges.append((float(job.target.reach["low"]), float(job.target.reach["high"])))
    try:
        found = await (await client.get_node(_id(node)).get_child("0:EURange")).read_value()
        ranges.append((float(found.Low), float(found.High)))
    except (UaStatusCodeError, AttributeError):
        if not ranges:
            raise Denied(f"{node} has no EURange, and {job.target.ref} no low and high: without a range nothing is written") from None
    return max(low for low, _ in ranges), min(high for _, high in ranges)


def _number(value: Value | None, now: Mapping[str, Any]) -> int | float:
    """The value as the variable would hold it; `InputError` outside its range or where it is no number of its type."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{now['node']} is of type {now['type']}, and {value!r} is none")
    if not now["low"] <= value <= now["high"]:  # not a number is outside, too
        raise InputError(f"{now['node']} takes {now['low']:g} to {now['high']:g}; {value:g} is outside, and is not written")
    if now["type"] in WHOLE and value != int(value):
        raise InputError(f"{now['node']} is of type {now['type']}, and {value!r} is none")
    if now["type"] == "Float":
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    return float(value) if now["type"] == "Double" else int(value)


async def _put(client: "Client", now: Mapping[str, Any], value: int | float) -> str:
    ua = _ua()
    kind = ua.VariantType[now["type"]]
    if now["value"] != value:
        await _write(client, {now["node"]: ua.Variant(value, kind)}, "Value", {now["node"]: ua.Variant(now["value"], kind)})
    return f"{now['node']} is {value:g}"


async def _roll_back(client: "Client", job: Job) -> str:
    now = await _setpoint(client, job)
    return await _put(client, now, _number(job.params.get("value"), now))


async def _put_back(client: "Client", job: Job) -> str:
    """What stood before may be what the attacker wrote: it too must lie in the range."""
    now = await _setpoint(client, job)
    return await _put(client, now, _number(_recorded(job)["value"], now))


async def _seen_setpoint(client: "Client", job: Job) -> Seen:
    now = await _setpoint(client, job)
    wanted = _number(job.params.get("value"), now)
    return Seen("in_force" if now["value"] == wanted else "absent", f"{now['node']} is {now['value']:g}")
