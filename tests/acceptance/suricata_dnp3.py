"""Suricata's names of what a DNP3 message says, as functions of our message rows. Called by the tests on `suricata-verify`.

Suricata logs one event a request or response; it logs no link-only frame and no confirmation.
"""

from collections.abc import Callable
from typing import Any, Final

from interferon.dissect.dnp3_names import FLAGS, OPERATIONS, TRIP_CLOSE
from interferon.dissect.message import Plain

COUNTERS: Final = (20, 21, 22, 23)
BINARIES: Final = (1, 2, 3, 4, 10, 11)
FLAG_KINDS: Final = {1: "binary", 2: "binary", 3: "double", 4: "double", 10: "output", 11: "output", 121: "statistic", 122: "statistic"}
INDICATIONS: Final = {"broadcast": "all_stations", "no_function_code_support": "no_func_code_support"}
KEYS: Final = {  # of a point, where only the name differs
    "on_ms": "ontime",
    "off_ms": "offtime",
    "time_ms": "timestamp",
    "relative_ms": "timestamp",
    "created_ms": "created",
    "max_block_size": "maximum_block_size",
    "mode_code": "operational_mode",
    "block": "block_number",
    "text": "optional_text",
    "delay_s": "delay_secs",
    "challenge_sequence": "csq",
    "key_sequence": "ksq",
    "association": "association_id",
}


def is_event(row: Plain) -> bool:
    """Whether Suricata logs an event for this row."""
    return row[3] == "dnp3" and row[4] != "problem" and "function_code" in row[9] and row[9]["function_code"] != 0


def kind(row: Plain) -> str:
    return {129: "response", 130: "unsolicited_response", 131: "response"}.get(row[9]["function_code"], "request")


def flags(group: int, names: list[str]) -> dict[str, int]:
    known = FLAGS[FLAG_KINDS.get(group, "counter" if group in COUNTERS else "analog")]
    return {name: int(name in names) for name in known if name}


def point(group: int, variation: int, qualifier: int, row: dict[str, Any]) -> dict[str, Any]:
    prefix = qualifier >> 4 & 7
    told = {KEYS.get(key, key): value for key, value in row.items() if key not in ("value", "flags", "status", "mode", "last", "name")}
    told["prefix"] = row["index"] if prefix in (1, 2, 3) else row.get("size", 0) if prefix else 0
    if group == 12 and "operation" in row:
        told.update(op_type=OPERATIONS.index(row["operation"]), tcc=TRIP_CLOSE.index(row["trip_close"]), qu=int(row["queue"]))
        told.update(cr=int(row["clear"]), reserved=0)
    elif "value" in row:
        told[value_name(group)] = row["value"]
    if "flags" in row:
        told |= flags(group, row["flags"])
    if group == 4 and variation == 3:
        told["relative_time_ms"] = told.pop("timestamp")
    if "last" in row:
        told["block_number"] = row["block"] | row["last"] << 31
    return told


def value_name(group: int) -> str:
    if group in BINARIES or group == 80:
        return "state"
    return {13: "commanded_state", 43: "commanded_value", 81: "fill_percentage"}.get(group, "count" if group in COUNTERS else "value")


def objects(row: Plain) -> list[dict[str, Any]]:
    return [
        {
            "group": each["group"],
            "variation": each["variation"],
            "qualifier": each["qualifier"],
            "prefix_code": each["qualifier"] >> 4 & 7,
            "range_code": each["qualifier"] & 15,
            "start": each.get("start", 0),
            "stop": each.get("stop", 0),
            "count": each["count"],
            "points": [point(each["group"], each["variation"], each["qualifier"], one) for one in each.get("points", ())],
        }
        for each in row[9].get("objects", ())
    ]


def link(key: str) -> Callable[[Plain], Any]:
    return lambda row: row[9]["link"].get(key, False)


def field(key: str) -> Callable[[Plain], Any]:
    return lambda row: row[9][key]


DNP3: Final[dict[str, Callable[[Plain], Any]]] = {  # a key that goes on (`[0].points…`) is looked up in what the function gives
    "dnp3.type": kind,
    "dnp3.src": field("src"),
    "dnp3.dst": field("dst"),
    "dnp3.control.dir": link("dir"),
    "dnp3.control.pri": link("prm"),
    "dnp3.control.fcb": link("fcb"),
    "dnp3.control.fcv": link("fcv"),
    "dnp3.control.function_code": link("function_code"),
    "dnp3.iin.indicators": lambda row: [INDICATIONS.get(name, name) for name in row[9].get("iin", ())],
    "dnp3.application.function_code": field("function_code"),
    "dnp3.application.control.fir": field("fir"),
    "dnp3.application.control.fin": field("fin"),
    "dnp3.application.control.con": field("con"),
    "dnp3.application.control.uns": field("uns"),
    "dnp3.application.control.sequence": field("sequence"),
    "dnp3.application.complete": lambda row: "undissected" not in row[9],
    "dnp3.application.objects": objects,
}


def answer(row: Plain, key: str) -> Any:
    """What a row says under a key of Suricata's, as `dnp3.application.objects[0].points[0].count`; None where it says nothing."""
    found = max((name for name in DNP3 if key == name or key.startswith((f"{name}[", f"{name}."))), key=len, default=None)
    if found is None:
        return None
    value: Any = DNP3[found](row)
    for step in key[len(found) :].replace("[", ".").replace("]", "").split("."):
        if not step:
            continue
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
