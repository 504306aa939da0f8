"""Polls registers of Modbus devices over TCP, also of several behind one gateway. Called by `runtime.feeds`. It never writes.

Source: Modbus Application Protocol 1.1b3: functions 1 to 4, which read, and no other. Modbus has no time and keeps nothing: a value's time
is when the answer came, and what happened while the device was away is not made up.
"""

import asyncio
import logging
import math
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from interferon.sense.live import BAD, Found, Lost, Place, Reading, Take, batched
from interferon.store.feed_access import Access, address, tls

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

NAME: Final = "modbus"
PORTS: Final = {"modbus": 502, "modbuss": 802}
TYPES: Final = {  # → (struct format, registers)
    "int16": ("h", 1),
    "uint16": ("H", 1),
    "int32": ("i", 2),
    "uint32": ("I", 2),
    "float32": ("f", 2),
    "int64": ("q", 4),
    "uint64": ("Q", 4),
    "float64": ("d", 4),
}
REGISTERS, BITS = 125, 2000  # that one answer holds
TOGETHER_S: Final = 0.1  # devices due within this are polled for one take
BIT_TABLES: Final = ("coil", "discrete")


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One signal. `address` counts from 0, as in the protocol: holding register 40001 is 0."""

    name: str
    address: int
    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    type: Literal["int16", "uint16", "int32", "uint32", "float32", "int64", "uint64", "float64", "bit"] = "uint16"
    bit: int = 0  # of a register, where the type is bit: 0 is the lowest
    words: Literal["big", "little"] = "big"  # which register of several comes first
    bytes: Literal["big", "little"] = "big"  # which byte of a register comes first
    scale: float = 1.0
    offset: float = 0.0  # value = scale × raw + offset

    def __post_init__(self) -> None:
        """ValueError names what would be right."""
        if not self.name:
            raise ValueError("name is empty; it is the signal's")
        if not 0 <= self.address <= 65536 - self.size:
            raise ValueError(f"address is {self.address}; it would be 0 to {65536 - self.size}: register 40001 is address 0 of holding")
        if self.table in BIT_TABLES and self.type not in ("bit", "uint16"):
            raise ValueError(f"type is {self.type}; a {self.table} is a bit")
        if not 0 <= self.bit <= 15:
            raise ValueError(f"bit is {self.bit}; it would be 0 to 15")

    @property
    def size(self) -> int:
        return 1 if self.table in BIT_TABLES or self.type == "bit" else TYPES[self.type][1]


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[feed.device]]`: one unit, polled at its own pace."""

    entity: str
    registers: tuple[Register, ...]
    unit: int = 1
    every_s: float = 1.0

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        if ":" not in self.entity:
            raise ValueError(f"entity {self.entity!r} is no reference; write kind:id, as asset:plc-1")
        if not 0 <= self.unit <= 255:
            raise ValueError(f"unit is {self.unit}; it would be 0 to 255")
        if not 0.05 <= self.every_s <= 86_400:
            raise ValueError(f"every_s is {self.every_s}; it would be 0.05 to 86400")
        names = [each.name for each in self.registers]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"registers of {self.entity}: name at least one, each once")


class Settings(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "modbus"`. The address of the device or gateway, and its units."""

    device: tuple[Device, ...]
    timeout_s: float = 3.0

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        address(self.url, PORTS)
        if not self.device:
            raise ValueError("device: name at least one, in [[feed.device]]")
        if not 0.1 <= self.timeout_s <= 60:
            raise ValueError(f"timeout_s is {self.timeout_s}; it would be 0.1 to 60")


async def listen(settings: Settings, feed: str, place: Place, take: Take) -> None:
    """Polls until the connection is lost, or no unit answers (Lost). `place`: {"next": offset of the next value}."""
    following: int = place.get("next", 0)
    async with _connected(settings) as client:
        await take([], place)
        polls = [Poll(device) for device in settings.device]
        while True:
            due = min(poll.due for poll in polls)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            found = await _round(client, [poll for poll in polls if poll.due <= time.monotonic() + TOGETHER_S])
            if all(poll.silent for poll in polls):
                raise Lost("no unit answers")
            items, following = batched(found, feed, following, seen=time.time_ns() // 1000, trust=settings.trust)
            if items:
                await take(items, {**place, "next": following})


@asynccontextmanager
async def _connected(settings: Settings) -> "AsyncIterator[AsyncModbusTcpClient]":
    from pymodbus.client import AsyncModbusTcpClient, AsyncModbusTlsClient  # here: every connector is imported at each start

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # a lost connection is told by the supervisor, in one line
    parts, host, port = address(settings.url, PORTS)
    options: dict[str, Any] = {"port": port, "timeout": settings.timeout_s, "retries": 0, "reconnect_delay": 0}
    secure = parts.scheme == "modbuss"
    client = AsyncModbusTlsClient(host, sslctx=tls(settings), **options) if secure else AsyncModbusTcpClient(host, **options)
    try:
        if not await client.connect():
            raise Lost(f"{host}:{port} does not accept a connection")
        yield client
    finally:
        client.close()


async def _round(client: "AsyncModbusTcpClient", polls: Sequence["Poll"]) -> list[Found]:
    found: list[Found] = []
    for poll in polls:
        found += await poll.read(client)
    return found


@dataclass
class Poll:
    """One unit: what is asked of it and when. A block that it refuses is asked register by register from then on."""

    device: Device
    due: float = field(default_factory=time.monotonic)
    silent: bool = False
    blocks: list[list[Register]] = field(init=False)

    def __post_init__(self) -> None:
        self.blocks = blocks(self.device.registers)

    async def read(self, client: "AsyncModbusTcpClient") -> list[Found]:
        """The values of one poll; none from a unit that does not answer. Lost where the connection is gone."""
        from pymodbus.exceptions import ModbusException

        found: list[Found] = []
        try:
            for block in list(self.blocks):
                found += await self._block(client, block)
            self.silent = False
        except ModbusException as error:
            if not client.connected:
                raise Lost(str(error)) from None
            self.silent = True
        missed = max(0, math.floor((time.monotonic() - self.due) / self.device.every_s))
        self.due += (missed + 1) * self.device.every_s
        return found

    async def _block(self, client: "AsyncModbusTcpClient", block: list[Register]) -> list[Found]:
        first = block[0].address
        raw = await _asked(client, block[0].table, first, max(each.address + each.size for each in block) - first, self.device.unit)
        if raw is None and len(block) > 1:
            place = self.blocks.index(block)
            self.blocks[place : place + 1] = [[each] for each in block]
            return [row for each in block for row in await self._block(client, [each])]
        now = time.time_ns() // 1000
        return [
            reading(each, now, self.device.entity, raw and raw[each.address - first : each.address - first + each.size]) for each in block
        ]


async def _asked(client: "AsyncModbusTcpClient", table: str, first: int, count: int, unit: int) -> list[int] | None:
    """Registers or bits; None where the device answers with an exception. There are four questions, and all of them read."""
    match table:
        case "holding":
            answer = await client.read_holding_registers(first, count=count, device_id=unit)
        case "input":
            answer = await client.read_input_registers(first, count=count, device_id=unit)
        case "coil":
            answer = await client.read_coils(first, count=count, device_id=unit)
        case _:
            answer = await client.read_discrete_inputs(first, count=count, device_id=unit)
    if answer.isError():
        return None
    values = [int(each) for each in (answer.bits if table in BIT_TABLES else answer.registers)]
    return values if len(values) >= count else None


def blocks(registers: Sequence[Register]) -> list[list[Register]]:
    """Neighbours of a table in one question each. What lies between them is not asked for: it may not be there."""
    found: list[list[Register]] = []
    for each in sorted(registers, key=lambda each: (each.table, each.address, each.size)):
        most = BITS if each.table in BIT_TABLES else REGISTERS
        if found and found[-1][0].table == each.table:
            reached = max(other.address + other.size for other in found[-1])
            if each.address <= reached and each.address + each.size - found[-1][0].address <= most:
                found[-1].append(each)
                continue
        found.append([each])
    return found


def reading(register: Register, now: int, entity: str, raw: list[int] | None) -> Reading:
    """The value of its registers; without a value, and bad, where the device refused or the number is none."""
    value = None if raw is None else decoded(register, raw)
    if value is None or not math.isfinite(value):
        return Reading(now, entity, register.name, quality=BAD)
    return Reading(now, entity, register.name, value)


def decoded(register: Register, raw: Sequence[int]) -> float:
    if register.table in BIT_TABLES:
        return float(raw[0])
    words = list(raw) if register.words == "big" else list(raw)[::-1]
    data = b"".join(struct.pack(">H" if register.bytes == "big" else "<H", word & 0xFFFF) for word in words)
    if register.type == "bit":
        return float(int.from_bytes(data, "big") >> register.bit & 1)
    return register.scale * float(struct.unpack(f">{TYPES[register.type][0]}", data)[0]) + register.offset
