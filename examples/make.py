"""Writes the example that the tour uses: two days of one controller's historian and of the events around it.

Run as `python examples/make.py [FOLDER]`; tests compare what it writes with what lies here. Seeded; uses the standard library alone.
"""

import csv
import json
import math
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SEED = 7
START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTES = 36 * 60
ENTRY = 30 * 60  # minute in which somebody comes in; the setpoint is moved twenty minutes later
MOVED = ENTRY + 20
SIGNALS = ("Level_m", "Flow_m3h", "Pressure_bar", "MotorCurrent_A")


def historian() -> list[list[str]]:
    """Header and a row a minute: a tank kept at its setpoint by a pump. Once in a while a reading is missing, as historians have it."""
    draw = random.Random(SEED)  # noqa: S311  an example, no secret
    level, swing = 2.0, 0.0
    rows = [["DateTime", *SIGNALS]]
    for minute in range(MINUTES):
        setpoint = 2.0 + (0.5 * min(1.0, (minute - MOVED) / 30) if minute > MOVED else 0.0)
        demand = 40 + 6 * math.sin(2 * math.pi * minute / 1440) + 3 * math.sin(2 * math.pi * minute / 47)
        swing = 0.9 * swing + draw.gauss(0, 0.5)
        level += 0.2 * (setpoint - level) + draw.gauss(0, 0.01)
        flow = demand + swing + 30 * (setpoint - level)
        readings = (level, flow, 0.8 + 0.0981 * level + 0.004 * flow + draw.gauss(0, 0.004), 6.0 + 0.11 * flow + draw.gauss(0, 0.05))
        when = (START + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S")
        rows.append([when, *("Bad" if draw.random() < 0.002 else f"{value:.3f}" for value in readings)])
    return rows


def activity() -> list[dict[str, Any]]:
    """What the plant's hosts do on two ordinary days, and one engineering session from outside that nobody announced."""
    events = [event for minute in range(MINUTES) for event in _ordinary(minute)]
    events += [_at(ENTRY, "auth.login", "identity:vendor-9", source="203.0.113.40", target="asset:ews-1", actor="identity:vendor-9")]
    events[-1] |= {"outcome": "success", "attributes": {"country": "ZZ", "method": "vpn", "mfa": False}}
    for step, name in enumerate(("download", "stop", "write_register", "start")):
        events.append(_at(ENTRY + 15 + step, "ot.command", "asset:plc-1", source="asset:ews-1", actor="identity:vendor-9", code=name))
        events[-1] |= {"target": "asset:plc-1", "object": "level.setpoint", "outcome": "success"}
    return sorted(events, key=lambda event: str(event["time"]))


def _ordinary(minute: int) -> list[dict[str, Any]]:
    found = []
    if minute % 10 == 0:
        found.append(_at(minute, "network.flow", "asset:hist-1", source="asset:hist-1", target="asset:plc-1", object="modbus/502"))
        found[-1]["bytes"] = 9000 + minute % 70
    if minute % 15 == 0:
        found.append(_at(minute, "ot.command", "asset:plc-1", source="asset:hmi-1", actor="identity:shift", code="read"))
        found[-1] |= {"target": "asset:plc-1", "object": "status", "outcome": "success"}
    if minute % 480 == 360:
        found.append(_at(minute, "auth.login", "identity:shift", source="asset:hmi-1", target="asset:hmi-1", actor="identity:shift"))
        found[-1] |= {"outcome": "success", "attributes": {"method": "badge"}}
    return found


def _at(minute: int, kind: str, entity: str, **more: str) -> dict[str, Any]:
    when = (START + timedelta(minutes=minute, seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"family": "activity", "time": when, "entity": entity, "kind": kind, **more}


def write(folder: Path) -> None:
    """Writes `historian.csv` and `activity.ndjson` into `folder`."""
    with (folder / "historian.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows(historian())
    lines = "".join(json.dumps(event) + "\n" for event in activity())
    (folder / "activity.ndjson").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
