"""Sparkplug B over MQTT: births, data, deaths and commands of edge nodes and their devices. Called by the MQTT connector.

Source: Eclipse Sparkplug 3.0, 4 (topics), 5 (operational behaviour), 6 (payloads). Reads only: a rebirth is never asked for, so a node's
metrics without names stay unread until it is born again. What births told is kept in a plain state that the caller stores.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from interferon.sense.live import BAD, GOOD, RAW, UNCERTAIN, Found, Reading, Unread, shown
from interferon.sense.record_rows import Activity
from interferon.sense.sparkplug_payload import Metric, Payload
from interferon.sense.sparkplug_payload import read as read_payload

NAMESPACE: Final = "spBv1.0"
HEARD: Final = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA", "NCMD", "DCMD")
COUNTED: Final = ("NBIRTH", "DBIRTH", "DDEATH", "NDATA", "DDATA")  # messages that carry `seq`
METRICS: Final = 100_000  # names kept of all nodes together
NODES: Final = 10_000
BD_SEQ: Final = "bdSeq"
LATEST: Final = 1 << 62

State = dict[str, Any]  # "group/node" → {bd, seq, alias: {alias: [device, name, type]}, names: {device: [name]}}


def speaks(topic: str) -> bool:
    """Whether a topic is Sparkplug's: version 3, or the STATE of a host as version 2 wrote it."""
    return topic.startswith((f"{NAMESPACE}/", "STATE/"))


def read(topic: str, payload: bytes, state: State, seen: int, entities: dict[str, str]) -> Iterator[Found]:
    """What one message says. `seen`: microseconds UTC. `entities`: `group/node/device` or `group/node` → reference."""
    parts = topic.split("/")
    if parts[0] == "STATE" or parts[1:2] == ["STATE"]:
        yield from _host(parts[-1], payload, seen, entities)
        return
    if len(parts) not in (4, 5) or parts[2] not in HEARD or (parts[2][0] == "D") != (len(parts) == 5) or not all(parts):
        yield Unread(f"topic {topic!r} is none of Sparkplug: {NAMESPACE}/GROUP/{'|'.join(HEARD)}/NODE[/DEVICE]", shown(payload))
        return
    key, device = f"{parts[1]}/{parts[3]}", parts[4] if len(parts) == 5 else ""
    node = state.get(key)
    try:
        message = read_payload(payload, _types(node))
    except (ValueError, OverflowError, RecursionError) as error:
        yield Unread(f"topic {topic}: {error}", shown(payload))
        return
    yield from _Reader(state, key, device, seen, entities).message(parts[2], message)


def _types(node: dict[str, Any] | None) -> Callable[[int], int]:
    aliases: dict[str, list[Any]] = node["alias"] if node else {}

    def known(alias: int) -> int:
        found = aliases.get(str(alias))
        return int(found[2]) if found else 0

    return known


def _host(name: str, payload: bytes, seen: int, entities: dict[str, str]) -> Iterator[Found]:
    """A host application comes or goes: JSON in version 3, a word in version 2."""
    entity = entities.get(name, f"address:{name}")
    try:
        told = msgspec.json.decode(payload)
        online, time = told["online"], _micros(told.get("timestamp"), seen)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError, AttributeError, RecursionError):
        if payload not in (b"ONLINE", b"OFFLINE"):
            yield Unread(f"STATE of host {name!r} is neither JSON with `online` nor ONLINE or OFFLINE", shown(payload))
            return
        online, time = payload == b"ONLINE", seen
    yield Activity(time, entity, "log.status", object="sparkplug", code="started" if online else "stopped")


class _Reader:
    """One message of one node or device."""

    def __init__(self, state: State, key: str, device: str, seen: int, entities: dict[str, str]) -> None:
        self._state, self._key, self._device, self._seen, self._entities = state, key, device, seen, entities
        self._entity = self._named(device)

    def _named(self, device: str) -> str:
        name = f"{self._key}/{device}" if device else self._key
        return self._entities.get(name, f"address:{name}")

    def message(self, kind: str, payload: Payload) -> Iterator[Found]:
        time = _micros(payload.timestamp, self._seen)
        if kind in ("NCMD", "DCMD"):
            yield from self._commands(payload, time)
        elif kind == "NDEATH":
            yield from self._node_death(payload)
        else:
            yield from self._counted(kind, payload, time)

    def _counted(self, kind: str, payload: Payload, time: int) -> Iterator[Found]:
        if self._key not in self._state and len(self._state) >= NODES:
            yield Unread(f"node {self._key}: {NODES} nodes are known already", str(payload.metrics)[:RAW], self._entity, time)
            return
        if kind == "NBIRTH":
            self._state[self._key] = {"bd": _bd(payload), "seq": None, "alias": {}, "names": {}}
        node = self._state.setdefault(self._key, {"bd": None, "seq": None, "alias": {}, "names": {}})
        yield from self._gap(node, kind, payload, time)
        if kind == "DDEATH":
            yield from self._death(node, self._device, time)
            return
        if kind in ("NBIRTH", "DBIRTH"):
            yield from self._birth(node, payload, time)
        for metric in payload.metrics:
            if metric.name != BD_SEQ:
                yield self._reading(node, metric, time)

    def _gap(self, node: dict[str, Any], kind: str, payload: Payload, time: int) -> Iterator[Found]:
        """`seq` counts a node's messages from 0 to 255 and round again (6.4.8). What is missing was lost on the way, and is told."""
        before, node["seq"] = node["seq"], payload.seq
        if kind == "NBIRTH" or before is None or payload.seq is None or payload.seq == (before + 1) % 256:
            return
        missed = (payload.seq - before - 1) % 256
        text = f"sequence number {payload.seq} after {before}: {missed} messages of {self._key} did not come"
        yield Activity(time, self._named(""), "log.message", object="sparkplug", attributes={"message": text, "severity": "warning"})

    def _birth(self, node: dict[str, Any], payload: Payload, time: int) -> Iterator[Found]:
        yield Activity(time, self._entity, "log.status", object="sparkplug", code="started")
        node["alias"] = {alias: held for alias, held in node["alias"].items() if held[0] != self._device}
        names = node["names"][self._device] = [metric.name for metric in payload.metrics if metric.name and metric.name != BD_SEQ]
        if sum(len(each) for known in self._state.values() for each in known["names"].values()) > METRICS:
            node["names"][self._device] = []
            yield Unread(f"birth of {self._entity}: more than {METRICS} metrics are known already; its aliases are not kept", "")
            return
        for metric in payload.metrics:
            if metric.alias is not None and metric.name in names:
                node["alias"][str(metric.alias)] = [self._device, metric.name, metric.datatype]

    def _reading(self, node: dict[str, Any], metric: Metric, time: int) -> Found:
        at = _micros(metric.timestamp, time)
        name = metric.name
        if not name:
            held = node["alias"].get(str(metric.alias))
            if held is None:
                reason = f"metric alias {metric.alias} of {self._entity}: its birth was not seen, so its name is not known"
                return Unread(reason, str(metric.value)[:200], self._entity, at)
            name = held[1]
        value = metric.value
        if value is None:
            return Reading(at, self._entity, name, quality=BAD)
        if isinstance(value, str):
            return Reading(at, self._entity, name, text=value, quality=_quality(metric))
        if not math.isfinite(value):
            return Reading(at, self._entity, name, text=str(value), quality=BAD)
        return Reading(at, self._entity, name, float(value), quality=_quality(metric))

    def _node_death(self, payload: Payload) -> Iterator[Found]:
        """The will of the session that ended; one whose bdSeq is not that of the last birth is about a session before (6.4.20)."""
        node = self._state.get(self._key, {"bd": None, "names": {}})
        bd = _bd(payload)
        if node["bd"] is not None and bd is not None and bd != node["bd"]:
            text = f"death of session {bd} of {self._key} came while session {node['bd']} lives"
            yield Activity(self._seen, self._entity, "log.message", object="sparkplug", attributes={"message": text, "severity": "notice"})
            return
        yield from self._death(node, "", self._seen)
        for device in sorted(set(node["names"]) - {""}):
            yield from self._death(node, device, self._seen)
        if self._key in self._state:
            node["seq"] = None

    def _death(self, node: dict[str, Any], device: str, time: int) -> Iterator[Found]:
        """Every signal is without a value from now on (5.6, 5.8)."""
        entity = self._named(device)
        yield Activity(time, entity, "log.status", object="sparkplug", code="stopped")
        for name in node["names"].get(device, ()):
            yield Reading(time, entity, name, quality=BAD)

    def _commands(self, payload: Payload, time: int) -> Iterator[Found]:
        node = self._state.get(self._key, {"alias": {}})
        for metric in payload.metrics:
            held = node["alias"].get(str(metric.alias))
            name = metric.name or (held[1] if held else f"alias {metric.alias}")
            attributes = {"value": metric.value, "protocol": "sparkplug"}
            yield Activity(time, self._entity, "ot.command", target=_plain(self._entity), object=name, code="write", attributes=attributes)


def _plain(entity: str) -> str:
    return entity.removeprefix("address:")


def _bd(payload: Payload) -> int | None:
    return next((int(each.value) for each in payload.metrics if each.name == BD_SEQ and isinstance(each.value, int)), None)


def _quality(metric: Metric) -> int:
    return {None: GOOD, 192: GOOD, 500: UNCERTAIN}.get(metric.quality, BAD)


def _micros(milliseconds: object, otherwise: int) -> int:
    """Microseconds; a time that is absent, or that no clock shows, is when the message came."""
    return milliseconds * 1000 if isinstance(milliseconds, int) and 0 < milliseconds < LATEST // 1000 else otherwise
