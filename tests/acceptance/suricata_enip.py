"""Suricata's `enip` object of its EVE log, as functions of our message rows. Called by the tests on `suricata-verify`.

Suricata logs one event a request with its response; implicit messages (UDP 2222) are none. Its names are words where ours are snake_case.
"""

from collections.abc import Iterable
from typing import Any, Final

from interferon.dissect.cip_names import CLASSES, DEVICES, SERVICES, STATUS, VENDORS
from interferon.dissect.enip import NAME
from interferon.dissect.message import Plain

OTHER_SERVICES: Final = {  # where its name of a number is not ours in words; from 0x4B on it does not look at the class
    0x0E: "Get Attributes Single",
    0x10: "Set Attributes Single",
    0x17: "No Forward Open",
    0x4B: "Execute PCCC Service",
    0x4C: "Read Data",
    0x4D: "Write Data",
    0x4E: "Read Write Modify Data",
    0x52: "Read Data Fragmented",
    0x53: "Write Data Fragmented",
    0x54: "Forward Open",
}
OTHER_STATUS: Final = {
    0x0B: "Already In Requested Mode/State",
    0x1A: "Routing Failure, Request Packet Too Large",
    0x1B: "Routing Failure, Response Packet Too Large",
    0x21: "Write-Once Value Or Medium Already Written",
    0x24: "Invalid Message Format",
    0x28: "Invalid Member ID",
    0x2A: "Group 2 Only Server General Failure",
    0xFF: "Still Processing",
}
LOGICAL: Final = ("class", "instance", "member", "connection_point", "attribute", "service_id")


def words(name: str) -> str:
    return " ".join(part.capitalize() for part in name.split("_"))


def service(number: int) -> str:
    if number in OTHER_SERVICES:
        return OTHER_SERVICES[number]
    return words(SERVICES[number]) if number in SERVICES and number != 0x14 else f"unknown-{number}"


def status(number: int) -> str:
    return OTHER_STATUS.get(number) or (words(STATUS[number]) if number in STATUS else f"unknown-{number}")


def named(names: dict[int, str], number: int) -> str:
    return names.get(number) or f"unknown-{number}"


def cip(told: dict[str, Any]) -> dict[str, Any]:
    """What stands under `cip`."""
    found: dict[str, Any] = {"service": service(told["service_code"])}
    if "status_code" in told:
        found["status"] = status(told["status_code"])
        if "status_extended" in told:
            found["status_extended"] = "".join(f"{each & 255:02x}:{each >> 8:02x}:" for each in told["status_extended"])[:-1]
    segments = [each for each in told.get("path", ()) if each["segment"] in LOGICAL]
    if segments:
        found["path"] = [{"segment_type": each["segment"], "value": each["value"]} for each in segments]
        classes = [each["value"] for each in segments if each["segment"] == "class"]
        if classes:
            found["class_name"] = named(CLASSES, classes[-1])
    inner = [cip(each) for each in told.get("services", ()) if "service_code" in each]
    return found | {"multiple": inner} if inner else found


def side(row: Plain) -> dict[str, Any]:
    """What stands under `request` or `response`."""
    fields = row[9]
    found = {"command": fields["command"], "status": fields["status"].replace("status_", "unknown-")}
    if "options" in fields:
        found["options"] = fields["options"]
    if "cip" in fields:
        found["cip"] = cip(fields["cip"])
    if "option_flags" in fields:
        found["register_session"] = {"protocol_version": fields["protocol_version"], "options": fields["option_flags"]}
    if fields.get("services"):
        first = fields["services"][0]
        found["list_services"] = {key: first[key] for key in ("protocol_version", "capabilities")} | {"service_name": first["name"]}
    if "identity" in fields:
        told = fields["identity"]
        found["identity"] = {key: told[key] for key in ("protocol_version", "revision", "product_code", "status", "serial")}
        found["identity"] |= {key: told[key] for key in ("product_name", "state") if key in told}
        found["identity"] |= {"vendor_id": named(VENDORS, told["vendor_id"]), "device_type": named(DEVICES, told["device_type"])}
    return found


def answers(request: Plain, response: Plain) -> bool:
    """Whether Suricata takes the one for the answer to the other: command, session, and the sequence of connected messages."""
    asked, told = request[9], response[9]
    if asked["command"] != told["command"] or ("cip" in asked) != ("cip" in told):
        return False
    if asked["session"] != told["session"] and asked["command"] != "register_session":
        return False
    return bool(asked.get("sequence") == told.get("sequence"))


def events(rows: Iterable[Plain]) -> list[dict[str, Any]]:
    """The `enip` objects of one flow."""
    found: list[dict[str, Any]] = []
    waiting: list[tuple[Plain, dict[str, Any]]] = []
    for row in rows:
        if row[3] != NAME or row[4] == "problem" or "command" not in row[9]:
            continue
        if row[2]:
            found.append({"request": side(row)})
            waiting.append((row, found[-1]))
            continue
        match = next((each for each in waiting if answers(each[0], row)), None)
        if match is None:
            found.append({"response": side(row)})
        else:
            match[1]["response"] = side(row)
            waiting.remove(match)
    return found
