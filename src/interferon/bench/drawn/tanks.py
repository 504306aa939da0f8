"""Two water tanks with pumps and valves, every ten seconds: a plant whose actuators and levels must agree, and eight kinds of attack.

The controller fills each tank between two levels; demand follows the day. An attack writes what the sensors report, or what the
actuators do, or both, and the physics goes on from there. Used by `interferon.bench.detect_drawn`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from interferon.bench.drawn import Bools, Case, Drawn

DAY = 8640  # rows
SIGNALS = ("level_1", "level_2", "flow_in", "flow_mid", "flow_out", "pressure", "current_1", "current_2", "quality")
ACTUATORS = ("valve_1", "pump_1", "pump_1b", "pump_2", "dosing")


@dataclass
class _Plant:
    """True levels in metres; actuators as they are; `moving` rows until the valve has moved."""

    level_1: float = 0.6
    level_2: float = 0.6
    valve: bool = True
    pump: bool = False
    moving: int = 0
    quality: float = 7.0
    kept: list[dict[str, float]] = field(default_factory=list)


def tanks(seed: int, train_rows: int = 12_000, test_rows: int = 10_000) -> Case:
    """Returns a plant's normal rows, and later rows with sixteen attacks, each kind twice."""
    random = np.random.default_rng([seed, 1])
    plant = _Plant()
    for row in range(2000):  # until the start is forgotten
        _step(plant, row, "", 0.0, random)
    normal = [_step(plant, row, "", 0.0, random) for row in range(train_rows)]
    labels, kinds, phases = _attacks(test_rows, random)
    later = [_step(plant, train_rows + row, kinds[row], phases[row], random) for row in range(test_rows)]
    return Case("two tanks with actuators", (_table(normal),), _table(later), labels)


def _attacks(rows: int, random: np.random.Generator) -> tuple[Bools, list[str], list[float]]:
    """Labels, the kind that runs in each row, and how far it has come (0 to 1)."""
    order = random.permutation(np.repeat(np.arange(len(KINDS)), 2))
    slot = rows // len(order)
    labels, kinds, phases = np.zeros(rows, dtype=np.bool_), [""] * rows, [0.0] * rows
    for place, kind in enumerate(order):
        length = int(random.integers(60, 160))
        start = place * slot + int(random.integers(slot // 4, slot - length))
        labels[start : start + length] = True
        for row in range(start, start + length):
            kinds[row], phases[row] = KINDS[kind], (row - start) / length
    return labels, kinds, phases


def _step(plant: _Plant, row: int, attack: str, phase: float, random: np.random.Generator) -> dict[str, float]:
    seen = plant.kept[-1] if plant.kept else {"level_1": plant.level_1, "level_2": plant.level_2}
    _control(plant, seen, attack)
    demand = 0.9 + 0.35 * np.sin(2 * np.pi * row / DAY) + 0.1 * np.sin(2 * np.pi * row / 700) + random.normal(0, 0.03)
    inflow = 2.4 * (plant.valve if not plant.moving else 0.5)
    middle = 1.9 * plant.pump
    plant.level_1 = float(np.clip(plant.level_1 + 0.004 * (inflow - middle), 0.0, 1.4))
    plant.level_2 = float(np.clip(plant.level_2 + 0.004 * (middle - demand), 0.0, 1.4))
    plant.moving = max(0, plant.moving - 1)
    plant.quality += 0.02 * (7.0 - plant.quality) + random.normal(0, 0.004)
    reading = {
        "level_1": plant.level_1 + random.normal(0, 0.002),
        "level_2": plant.level_2 + random.normal(0, 0.002),
        "flow_in": inflow + random.normal(0, 0.02) * (inflow > 0),
        "flow_mid": middle + random.normal(0, 0.02) * (middle > 0),
        "flow_out": demand + random.normal(0, 0.01),
        "pressure": 2.0 + 0.8 * plant.pump + 0.5 * plant.level_2 + random.normal(0, 0.01),
        "current_1": 4.1 * plant.pump * (attack != "spare pump") + random.normal(0, 0.03),
        "current_2": 3.2 + 0.4 * demand + random.normal(0, 0.03),
        "quality": plant.quality + random.normal(0, 0.01),
        "valve_1": 0.0 if plant.moving else 1.0 + plant.valve,
        "pump_1": 1.0 + (plant.pump and attack != "spare pump"),
        "pump_1b": 1.0 + (attack == "spare pump" and plant.pump),
        "pump_2": 2.0,
        "dosing": 1.0 + (plant.pump and plant.quality < 7.0),
    }
    _spoof(plant, reading, attack, phase)
    plant.kept = [*plant.kept[-199:], reading]
    return reading


def _control(plant: _Plant, seen: dict[str, float], attack: str) -> None:
    """Two-point control on what the sensors say."""
    before = plant.valve
    if seen["level_1"] < 0.5:
        plant.valve = True
    elif seen["level_1"] > 0.8:
        plant.valve = False
    if seen["level_2"] < 0.5:
        plant.pump = True
    elif seen["level_2"] > 0.8 or plant.level_1 < 0.2:
        plant.pump = False
    if attack == "valve held open":
        plant.valve = True
    if attack == "pump stopped":
        plant.pump = False
    if plant.valve != before:
        plant.moving = 3


def _spoof(plant: _Plant, reading: dict[str, float], attack: str, phase: float) -> None:
    """Writes over what the sensors report."""
    if attack == "level frozen":
        reading["level_1"] = plant.kept[-1]["level_1"]
    elif attack == "level pushed":
        reading["level_2"] += 0.12 * min(1.0, 4 * phase)
    elif attack == "flow hidden":
        reading["flow_mid"] *= 0.8
    elif attack == "replay":
        old = plant.kept[-120] if len(plant.kept) >= 120 else plant.kept[0]
        reading.update({name: old[name] for name in ("level_1", "level_2", "flow_in")})
    elif attack == "dosing skewed":
        plant.quality += 0.02


KINDS = (
    *("valve held open", "pump stopped", "spare pump", "level frozen"),
    *("level pushed", "flow hidden", "replay", "dosing skewed"),
)


def _table(readings: list[dict[str, float]]) -> Drawn:
    return Drawn({name: np.array([reading[name] for reading in readings]) for name in (*SIGNALS, *ACTUATORS)})
