"""VDA 5050 over MQTT: what automated guided vehicles report, and what their control station orders. Called by the MQTT connector.

Source: VDA 5050, versions 1.1, 2.0 and 2.1, chapter 6. Topics are INTERFACE/MAJOR/MANUFACTURER/SERIAL/TOPIC. Pure; one message at a time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from interferon.sense.live import BAD, GOOD, Found, Reading, Unread, number, shown
from interferon.sense.record_rows import Activity

TOPICS: Final = ("order", "instantActions", "state", "visualization", "connection", "factsheet")
PARTS: Final = 5
NUMBERS: Final = {  # signal → path in `state` and `visualization`
    "battery.charge": ("batteryState", "batteryCharge"),
    "battery.voltage": ("batteryState", "batteryVoltage"),
    "battery.health": ("batteryState", "batteryHealth"),
    "battery.charging": ("batteryState", "charging"),
    "battery.reach": ("batteryState", "reach"),
    "position.x": ("agvPosition", "x"),
    "position.y": ("agvPosition", "y"),
    "position.theta": ("agvPosition", "theta"),
    "position.initialized": ("agvPosition", "positionInitialized"),
    "position.score": ("agvPosition", "localizationScore"),
    "position.deviation": ("agvPosition", "deviationRange"),
    "velocity.x": ("velocity", "vx"),
    "velocity.y": ("velocity", "vy"),
    "velocity.omega": ("velocity", "omega"),
    "driving": ("driving",),
    "paused": ("paused",),
    "new_base_request": ("newBaseRequest",),
    "distance_since_node": ("distanceSinceLastNode",),
    "node_sequence": ("lastNodeSequenceId",),
    "field_violation": ("safetyState", "fieldViolation"),
}
TEXTS: Final = {
    "operating_mode": ("operatingMode",),
    "map": ("agvPosition", "mapId"),
    "last_node": ("lastNodeId",),
    "order": ("orderId",),
    "e_stop": ("safetyState", "eStop"),
}
STATES: Final = {"ONLINE": "started", "OFFLINE": "stopped", "CONNECTIONBROKEN": "stopped"}
SEVERITY: Final = {"FATAL": "critical", "WARNING": "warning"}
LATEST: Final = 1 << 62


def speaks(topic: str, interfaces: tuple[str, ...]) -> bool:
    """Whether a topic is one of a vehicle. `interfaces`: names that the first part may have."""
    parts = topic.split("/")
    return len(parts) == PARTS and parts[0] in interfaces and parts[4] in TOPICS


def read(topic: str, payload: bytes, seen: int, entities: dict[str, str]) -> Iterator[Found]:
    """What one message says. `seen`: microseconds UTC. `entities`: `MANUFACTURER/SERIAL` → reference."""
    _, _, maker, serial, kind = topic.split("/")
    entity = entities.get(f"{maker}/{serial}", f"address:{maker}/{serial}")
    try:
        message = msgspec.json.decode(payload)
        if not isinstance(message, dict):
            raise ValueError("is no JSON object")
        time = _time(message.get("timestamp"), seen)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, RecursionError) as error:
        yield Unread(f"topic {topic}: {error}", shown(payload), entity)
        return
    match kind:
        case "state":
            yield from _signals(message, entity, time)
            yield from _reports(message, entity, time)
        case "visualization":
            yield from _signals(message, entity, time)
        case "connection":
            yield _connection(message, entity, time, topic)
        case "order":
            yield from _order(message, entity, time)
        case "instantActions":
            actions = message.get("actions", message.get("instantActions"))  # the key of version 1.1
            yield from (_action(each, entity, time, message, {"instant": True}) for each in _objects(actions))
        case _:
            told = {"protocol": "vda5050", "version": _word(message.get("version")), "agv": message.get("typeSpecification")}
            yield Activity(time, entity, "network.message", source=_plain(entity), object=topic, code="factsheet", attributes=told)


def _signals(message: dict[str, Any], entity: str, time: int) -> Iterator[Found]:
    """A field that a message does not have gives no row; one that is null or no number is a value that the vehicle does not have."""
    for signal, path in NUMBERS.items():
        there, value = _at(message, path)
        if there:
            good = number(value)
            yield Reading(time, entity, signal, good, quality=BAD if good is None else GOOD)
    for signal, path in TEXTS.items():
        there, value = _at(message, path)
        if there and isinstance(value, str):
            yield Reading(time, entity, signal, text=value[:4096])
    if "loads" in message:
        yield Reading(time, entity, "loads", float(len(_objects(message["loads"]))))
    if "errors" in message:
        yield Reading(time, entity, "errors", float(len(_objects(message["errors"]))))


def _reports(message: dict[str, Any], entity: str, time: int) -> Iterator[Found]:
    for error in _objects(message.get("errors")):
        told = _word(error.get("errorDescription")) or _word(error.get("errorType"))
        more = {
            "message": told,
            "severity": SEVERITY.get(_word(error.get("errorLevel")), "error"),
            "references": error.get("errorReferences"),
            "hint": error.get("errorHint"),
        }
        yield Activity(time, entity, "log.message", object="errors", code=_word(error.get("errorType")) or None, attributes=more)
    stop, (_, violated) = _word(_at(message, ("safetyState", "eStop"))[1]), _at(message, ("safetyState", "fieldViolation"))
    if stop not in ("", "NONE") or violated is True:
        told = f"emergency stop {stop or 'NONE'}, field violation {str(violated is True).lower()}"
        yield Activity(
            time, entity, "log.message", object="safety", code=stop or None, attributes={"message": told, "severity": "critical"}
        )


def _connection(message: dict[str, Any], entity: str, time: int, topic: str) -> Found:
    state = _word(message.get("connectionState"))
    if state not in STATES:
        return Unread(f"topic {topic}: connectionState is {state!r}; it would be {', '.join(STATES)}", str(message)[:2000], entity, time)
    return Activity(time, entity, "log.status", object="vda5050", code=STATES[state], attributes={"state": state})


def _order(message: dict[str, Any], entity: str, time: int) -> Iterator[Found]:
    """The order itself, and each action at its nodes and edges: commands of the control station to the vehicle."""
    nodes, edges = _objects(message.get("nodes")), _objects(message.get("edges"))
    route = [_word(node.get("nodeId")) for node in nodes]
    more = {"update": message.get("orderUpdateId"), "nodes": route[:1000], "released": sum(node.get("released") is True for node in nodes)}
    yield _command(entity, time, "order", message, more)
    for where, each in (*(("nodeId", node) for node in nodes), *(("edgeId", edge) for edge in edges)):
        for action in _objects(each.get("actions")):
            yield _action(action, entity, time, message, {"at": _word(each.get(where))})


def _action(action: dict[str, Any], entity: str, time: int, message: dict[str, Any], more: dict[str, Any]) -> Found:
    parameters = {_word(each.get("key")): each.get("value") for each in _objects(action.get("actionParameters"))}
    told = {**more, "action": action.get("actionId"), "blocking": action.get("blockingType"), "value": parameters or None}
    return _command(entity, time, _word(action.get("actionType")) or "action", message, told)


def _command(entity: str, time: int, code: str, message: dict[str, Any], more: dict[str, Any]) -> Activity:
    order = _word(message.get("orderId")) or None
    return Activity(time, entity, "ot.command", target=_plain(entity), object=order, code=code, attributes={"protocol": "vda5050", **more})


def _at(message: Any, path: tuple[str, ...]) -> tuple[bool, Any]:
    for key in path:
        if not isinstance(message, dict) or key not in message:
            return False, None
        message = message[key]
    return True, message


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _word(value: Any) -> str:
    return "" if value is None else value[:4096] if isinstance(value, str) else str(value)[:4096]


def _plain(entity: str) -> str:
    return entity.removeprefix("address:")


def _time(value: Any, seen: int) -> int:
    """ISO 8601 in UTC (6.1.1), without a zone too; when it came where the vehicle told none."""
    if value is None:
        return seen
    if not isinstance(value, str):
        raise ValueError(f"timestamp is {value!r}; it would be text as 2026-01-05T08:00:00.00Z")
    moment = datetime.fromisoformat(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    found = round(moment.timestamp() * 1_000_000)
    return found if 0 < found < LATEST else seen
