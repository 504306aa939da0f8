"""Subscribes to variables of an OPC UA server; what was missed while away is read from its history where it keeps one.

Called by `runtime.feeds`. Source: OPC UA 1.05, part 4 (subscriptions, quality), part 11 (history). It reads, browses nothing, and never
calls Write or Call.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from interferon.model.errors import InputError
from interferon.sense.live import BAD, GOOD, UNCERTAIN, Found, Lost, Place, Reading, Take, Unread, batched, number
from interferon.store.feed_access import Access, address, password

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client
    from asyncua.common.node import Node as Variable
    from asyncua.common.subscription import Subscription
    from asyncua.crypto.uacrypto import CertProperties

Came: TypeAlias = "tuple[str, ua.DataValue]"  # node as the server names it, value

NAME: Final = "opcua"
PORTS: Final = {"opc.tcp": 4840}
ANSWER_S: Final = 10.0
TOGETHER_S: Final = 0.02  # values that come within this make one take
ROWS: Final = 2000  # of one take at most
WAITING: Final = 100_000  # values between two takes; with more the connection is given up, and history fills the gap
PAGE: Final = 5000  # values of history in one answer
CHUNK: Final = 500  # nodes in one request
LAG_S: Final = 5.0  # what history may lag behind the values; live values wait for it no longer
PAUSE_S: Final = 0.05  # before history that lags is read again; twice as long each time
SECURITY: Final = ("None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[feed.nodes]]`: one variable, which is one signal of one entity."""

    node: str  # as ns=2;s=Tank1.Level
    entity: str
    signal: str

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        if ":" not in self.entity:
            raise ValueError(f"entity {self.entity!r} is no reference; write kind:id, as asset:plc-1")
        if not any(f"{kind}=" in self.node for kind in "isgb") or not self.signal:
            raise ValueError(f'node is {self.node!r}, signal {self.signal!r}; write node = "ns=2;s=Tank1.Level", signal = "level"')


class Settings(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "opcua"`. The server, how to be safe with it, and its variables."""

    nodes: tuple[Node, ...]
    sampling_ms: float = 500.0
    publishing_ms: float = 500.0
    queue: int = 1000  # values of a variable that the server keeps between two publishings
    history: bool = True
    security: Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "None"
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    server_cert_file: str = ""  # the server's certificate, without which security would trust whoever answers

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        address(self.url, PORTS)
        if not self.nodes:
            raise ValueError("nodes: name at least one, in [[feed.nodes]]")
        if len({each.node for each in self.nodes}) < len(self.nodes):
            raise ValueError("nodes: a node is named twice")
        if self.security != "None" and not (self.cert_file and self.key_file and self.server_cert_file):
            raise ValueError(f"security {self.security} needs cert_file, key_file and server_cert_file")
        for name, low, high in (("sampling_ms", 0, 3.6e6), ("publishing_ms", 10, 3.6e6), ("queue", 1, 1_000_000)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it would be {low:g} to {high:g}")


async def listen(settings: Settings, feed: str, place: Place, take: Take) -> None:
    """Until the connection is lost (Lost, OSError). `place`: next offset, and of each node the time and value stored last."""
    from asyncua.ua.uaerrors import (
        UaError,  # here, since every connector is imported at each start of the program, and this one takes a second
    )

    try:
        async with _connected(settings) as client:
            await _Reader(settings, feed, place, take, client).read()
    except UaError as error:
        raise Lost(str(error) or type(error).__name__) from None


@asynccontextmanager
async def _connected(settings: Settings) -> "AsyncIterator[Client]":
    from asyncua import ua
    from asyncua.client.client import Client
    from asyncua.crypto import security_policies

    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # a lost connection is told by the supervisor, in one line
    client = Client(settings.url, timeout=ANSWER_S, watchdog_intervall=2.0)
    client.name, client.application_uri, client.session_timeout = "Interferon", "urn:interferon:client", 60_000
    if settings.username:
        client.set_user(settings.username)
        client.set_password(password(settings))
    if settings.security != "None":
        policy = getattr(security_policies, f"SecurityPolicy{settings.security}")
        mode = ua.MessageSecurityMode[settings.mode]
        own, key, server = (_material(path) for path in (settings.cert_file, settings.key_file, settings.server_cert_file))
        try:
            await client.set_security(policy, own, key, server_certificate=server, mode=mode)
        except ValueError as error:
            told = f"{settings.cert_file}, {settings.key_file}, {settings.server_cert_file}"
            raise InputError(f"cert_file, key_file, server_cert_file: {told}: {str(error).splitlines()[0]}") from None
    await client.connect()
    try:
        yield client
    finally:
        await _let_go(client)


def _material(path: str) -> "CertProperties":
    """A certificate or key, PEM or DER as its bytes say."""
    from asyncua.crypto.uacrypto import CertProperties

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return CertProperties(data, "pem" if data.lstrip().startswith(b"-----BEGIN") else "der")


async def _let_go(client: "Client") -> None:
    """The session too, so that the server need not keep it; one that is lost already cannot be told."""
    from asyncua.ua.uaerrors import UaError

    try:
        await client.disconnect()
    except (UaError, OSError):
        client.disconnect_socket()


class _Reader:
    """One connection."""

    def __init__(self, settings: Settings, feed: str, place: Place, take: Take, client: "Client") -> None:
        self._settings, self._feed, self._take, self._client = settings, feed, take, client
        self._next: int = place.get("next", 0)
        self._last: dict[str, list[Any]] = dict(place.get("last", {}))  # node → [source time, value] stored last
        self._before = {node: held[0] for node, held in self._last.items()}  # at the beginning: what is not newer was stored
        self._nodes = {client.get_node(each.node).nodeid.to_string(): each for each in settings.nodes}

    async def read(self) -> None:
        """The subscription stands before history is asked, so that nothing falls between them."""
        publishing = await self._client.create_subscription(self._settings.publishing_ms, queue_maxsize=WAITING, overflow=_overflow())
        refused = await self._subscribe(publishing)
        await self._take([], self._place())
        takes = await self._fill(publishing) if self._settings.history and self._last else []
        await self._store(refused)
        for take in takes:
            await self._live(take)
        while True:
            await self._live(await self._came(publishing))

    def _place(self) -> Place:
        return {"next": self._next, "last": dict(self._last)}

    async def _subscribe(self, publishing: "Subscription") -> list[Found]:
        """Every node; the answer is the nodes that the server refuses."""
        from asyncua import ua

        refused: list[Found] = []
        own = self._settings
        for begin in range(0, len(own.nodes), CHUNK):
            wanted = own.nodes[begin : begin + CHUNK]
            nodes: list[Variable] = [self._client.get_node(each.node) for each in wanted]
            answers = await publishing.subscribe_data_change(nodes, queuesize=own.queue, sampling_interval=ua.Double(own.sampling_ms))
            for each, answer in zip(wanted, answers, strict=True):
                if not isinstance(answer, int):
                    refused.append(Unread(f"node {each.node}: the server answers {answer.name}", each.node, each.entity))
        return refused

    async def _fill(self, publishing: "Subscription") -> "list[list[Came]]":
        """Stores what history has of the time away, up to the first live value of each node; the answer is what came meanwhile.

        History lags behind the values: those set just before the subscription stood may come to it later.
        """
        now = micros(datetime.now(UTC))
        kept = [each for each in self._settings.nodes if each.node in self._before and await self._missed(each, now)]
        end, pause = time.monotonic() + LAG_S, PAUSE_S
        takes = await self._first(publishing, {each.node for each in kept}, end)
        goals = dict.fromkeys(self._before, now)  # of a node that sent nothing
        goals |= {self._nodes[key].node: _moment(value) for take in reversed(takes) for key, value in reversed(take)}
        while lagging := [each for each in kept if self._before[each.node] < goals[each.node]]:
            kept = [each for each in lagging if await self._missed(each, goals[each.node])]
            if time.monotonic() + pause > end:
                break
            await asyncio.sleep(pause)
            pause *= 2
        return takes

    async def _first(self, publishing: "Subscription", wanted: set[str], end: float) -> "list[list[Came]]":
        """What comes until each of these nodes has sent a value, or the time is over."""
        takes: list[list[Came]] = []
        while wanted and time.monotonic() < end:
            takes.append(await self._came(publishing))
            wanted = wanted - {self._nodes[key].node for key, _ in takes[-1]}
        return takes

    async def _missed(self, node: Node, until: int) -> bool:
        """Stores what the server's history has since the value stored last; False where it keeps none."""
        from asyncua.ua.uaerrors import UaStatusCodeError

        begin: int | None = self._before[node.node]
        while begin is not None:
            try:
                values = await self._client.get_node(node.node).read_raw_history(
                    _date(begin), _date(until + 1), numvalues=PAGE, return_bounds=False
                )
            except UaStatusCodeError:
                return False
            await self._store([row for value in values for row in self._row(node, value)])
            reached = self._last[node.node][0]
            self._before[node.node] = max(self._before[node.node], reached)  # the subscription has some of it, too
            begin = reached if len(values) >= PAGE and reached > begin else None
        return True

    async def _came(self, publishing: "Subscription") -> "list[Came]":
        """The values of one take. Lost where the connection is, or the server ended the subscription."""
        from asyncua.client.ua_client import UaClientState
        from asyncua.common.subscription import DataChangeEvent, StatusChangeEvent

        found: list[Came] = []
        wait = 1.0
        while len(found) < ROWS:
            event = await publishing.next_event(wait)
            if event is None:
                if self._client.uaclient.state is not UaClientState.CONNECTED:
                    raise Lost("the server closed the connection, or does not answer")
                break
            wait = TOGETHER_S
            if isinstance(event, StatusChangeEvent):
                raise Lost(f"the server ended the subscription: {event.notification.Status.name}")
            if isinstance(event, DataChangeEvent):
                found.append((event.node.nodeid.to_string(), event.data.monitored_item.Value))
        return found

    def _row(self, node: Node, value: "ua.DataValue") -> Iterator[Found]:
        """The reading, unless it was stored before: at a connection a server sends the current value, old or new."""
        row = reading(node, value, time.time_ns() // 1000)
        told = row.value if row.value is not None else row.text
        last = self._last.get(node.node)
        if last is not None and (row.time <= self._before.get(node.node, -1) or last == [row.time, told]):
            return
        if last is None or row.time >= last[0]:
            self._last[node.node] = [row.time, told]
        yield row

    async def _live(self, came: "list[Came]") -> None:
        await self._store([row for key, value in came for row in self._row(self._nodes[key], value)])

    async def _store(self, found: list[Found]) -> None:
        if found:
            items, self._next = batched(found, self._feed, self._next, seen=time.time_ns() // 1000, trust=self._settings.trust)
            await self._take(items, self._place())


def _overflow() -> Any:
    from asyncua.common.subscription import OverflowPolicy

    return OverflowPolicy.DISCONNECT


def reading(node: Node, value: "ua.DataValue", now: int) -> Reading:
    """A value with its source's time (the server's, or ours, where it has none) and one of three qualities."""
    at = _moment(value) or now
    quality = (GOOD, UNCERTAIN, BAD, BAD)[(value.StatusCode.value >> 30) & 3] if value.StatusCode is not None else GOOD
    held = value.Value.Value if value.Value is not None else None
    if held is None or quality == BAD:
        return Reading(at, node.entity, node.signal, quality=BAD)
    found = number(held)
    if found is not None:
        return Reading(at, node.entity, node.signal, found, quality=quality)
    if isinstance(held, float):
        return Reading(at, node.entity, node.signal, text=str(held), quality=BAD)
    return Reading(at, node.entity, node.signal, text=_text(held), quality=quality)


def _moment(value: "ua.DataValue") -> int:
    return micros(value.SourceTimestamp) or micros(value.ServerTimestamp)


def micros(moment: datetime | None) -> int:
    """Microseconds UTC; 0 for none, and for the beginning of OPC UA's time, which means none."""
    if moment is None or moment.year < 1971:
        return 0
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def _date(at: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)


def _text(held: Any) -> str:
    if isinstance(held, datetime):
        return held.isoformat()
    return str(getattr(held, "Text", None) or held)[:4096]  # a LocalizedText says its text
