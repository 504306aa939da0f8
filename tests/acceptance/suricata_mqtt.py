"""Suricata's `mqtt` object of its EVE log, as functions of our message rows. Called by the tests on `suricata-verify`.

Suricata logs one event a transaction: a CONNECT with its CONNACK, a PUBLISH with all its acknowledgements, a SUBSCRIBE with its SUBACK;
a ping, DISCONNECT or AUTH alone. What is answered before or without its request is an event of its own.
"""

from collections.abc import Iterable
from typing import Any, Final

from interferon.dissect.message import Plain

HEADER: Final = ("qos", "retain", "dup")
KEPT: Final = {
    "connect": ("protocol_string", "protocol_version", "client_id", "flags", "username", "password"),
    "connack": ("session_present", "return_code"),
    "publish": ("topic", "message_id"),
    "puback": ("message_id", "reason_code"),
    "pubrec": ("message_id", "reason_code"),
    "pubrel": ("message_id", "reason_code"),
    "pubcomp": ("message_id", "reason_code"),
    "subscribe": ("message_id",),
    "suback": ("message_id", "qos_granted"),
    "unsubscribe": ("message_id", "topics"),
    "unsuback": ("message_id", "reason_codes"),
    "pingreq": (),
    "pingresp": (),
    "disconnect": ("reason_code",),
    "auth": ("reason_code",),
}
OWN: Final = ("publish", "subscribe", "unsubscribe", "pubrel")  # sent by the side whose packet identifier it is


def shown(fields: dict[str, Any], key: str, length: int, limit: int) -> str:
    """Octets as Suricata logs them, of which at most `limit` come."""
    value: str = fields[key]
    if fields.get(f"{key}_encoding") == "hex":
        value = bytes.fromhex(value).decode("utf-8", "replace")
    return value if length <= limit else f"{value[:limit]}[truncated {length - limit} additional bytes]"


def properties(fields: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in fields.get("properties", {}).items() if not key.startswith("user_properties")}
    return told | {name: value for name, value in fields.get("properties", {}).get("user_properties", ())}


def details(row: Plain, longest: int, limit: int) -> dict[str, Any]:
    """What stands under a packet's type. Of a packet of more than `longest` octets the length alone is told."""
    kind, fields = row[5], row[9]
    told = {key: fields[key] for key in HEADER}
    if row[8] > longest:
        return told | {"truncated": True, "skipped_length": row[8]}
    told |= {key: fields[key] for key in KEPT[kind] if key in fields}
    if kind == "disconnect" and row[8] == 3:
        told["reason_code"] = 0  # Suricata logs 0 where no properties follow the code, whatever it is
    if kind == "publish":
        told["message"] = shown(fields, "payload", fields["length"], limit)
    if kind == "subscribe":
        told["topics"] = [{"topic": each["topic"], "qos": each["qos"]} for each in fields["topics"]]
    if "will" in fields:
        will = fields["will"]
        told["will"] = {"topic": will["topic"], "message": shown(will, "message", 0, limit), "properties": properties(will)}
    if "properties" in fields:
        told["properties"] = properties(fields)
    return told


def key(row: Plain) -> tuple[str, bool, int] | None:
    """What the packets of one transaction have in common; None of a packet that is one alone."""
    kind, fields = row[5], row[9]
    if kind in ("connect", "connack"):
        return ("connect", True, 0)
    if "message_id" not in fields:
        return None
    return ("message", row[2] == (kind in OWN), fields["message_id"])


def events(rows: Iterable[Plain], longest: int = 1 << 20, limit: int = 1 << 20) -> list[dict[str, Any]]:
    """The `mqtt` objects of one flow. `longest` is Suricata's `max-msg-length`, `limit` its `string-log-limit`."""
    found: list[dict[str, Any]] = []
    open_: dict[tuple[str, bool, int], dict[str, Any]] = {}
    for row in rows:
        if row[3] != "mqtt" or row[4] == "problem":
            continue
        group = key(row)
        told = details(row, longest, limit)
        event = open_.get(group) if group is not None else None
        if event is None or row[5] in event:
            event = {}
            found.append(event)
            if group is not None:
                open_[group] = event
        event[row[5]] = told
    return found


def answer(event: dict[str, Any], path: str) -> Any:
    """What stands under a key of Suricata's, as `connect.flags.will` or `subscribe.topics[0].qos`; None where nothing does."""
    value: Any = event
    for step in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
