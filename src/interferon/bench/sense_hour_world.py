"""What `bench.sense_hour` sends: a fleet's readings, conversations and orders, a quarter of a second of them at a time. Seeded."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import structs

from interferon.bench import watch_world
from interferon.bench.sense_ingest import coded
from interferon.model.network import Network
from interferon.sense.batches import batch

MACHINES, SIGNALS = 2376, 8
PULSE_S: Final = 0.25  # of one feed's batches
PER_S: Final = {"historian": MACHINES * SIGNALS, "network": 972, "erp": 20}  # events a second, 20,000 together
SEED: Final = 20

Made = Callable[[int, int, float], pa.RecordBatch]  # offset of the first event, events, seconds UTC of the first → a batch


def network() -> Network:
    """The fleet of `interferon bench watch` with its vehicles as what the tables may hold."""
    fleet = watch_world.network(MACHINES)
    named = {"agv": "robot", "truck": "telematics"}
    return replace(fleet, assets={name: structs.replace(each, type=named.get(each.type, each.type)) for name, each in fleet.assets.items()})


def readings() -> Made:
    """Every signal of every machine once a second, in the order of the machines: slow waves and noise."""
    rng = np.random.default_rng(SEED)
    noise = np.round(rng.normal(size=1 << 17), 3)
    entities, signals = [f"asset:m-{m}" for m in range(MACHINES)], [f"s{s}" for s in range(SIGNALS)]

    def made(first: int, rows: int, at: float) -> pa.RecordBatch:
        place = np.arange(first, first + rows)
        machine, signal = place // SIGNALS % MACHINES, place % SIGNALS
        wave = 50.0 + 5.0 * np.sin(at / 300.0 + machine) + signal
        columns: dict[str, Any] = {
            "time": _times(at, rows),
            "seen": np.full(rows, round((at + PULSE_S) * 1e6)),
            "offset": place,
            "entity": coded(machine, entities),
            "signal": coded(signal, signals),
            "value": wave + noise[(place * 31) % len(noise)],
        }
        return batch("telemetry", "historian", columns)

    return made


def flows() -> Made:
    """Conversations of machines with their three peers and commands of one controller in ten, the same ones each minute."""
    rng = np.random.default_rng(SEED + 1)
    length = round(PER_S["network"] * 60)
    machine = rng.integers(0, MACHINES, length)
    other = (machine + rng.integers(1, 4, length)) % MACHINES
    command = rng.random(length) < 0.1
    words = [f"asset:m-{m}" for m in range(MACHINES)]
    sizes = rng.integers(200, 4000, length)
    objects = np.where(command, [f"holding:{n % 40}" for n in range(length)], "tcp/502")
    codes = np.array([None, "read_holding_registers"], dtype=object)[command.astype(int)]

    def made(first: int, rows: int, at: float) -> pa.RecordBatch:
        place = np.arange(first, first + rows)
        of = place % length
        columns: dict[str, Any] = {
            "time": _times(at, rows),
            "seen": np.full(rows, round((at + PULSE_S) * 1e6)),
            "offset": place,
            "entity": coded(machine[of], words),
            "kind": coded(command[of].astype(int), ["network.flow", "ot.command"]),
            "source": coded(machine[of], words),
            "target": coded(other[of], words),
            "object": pa.array(objects[of]),
            "code": pa.array(codes[of], pa.string()),
            "bytes": sizes[of],
        }
        return batch("activity", "network", columns)

    return made


def orders() -> Made:
    """Orders, and what was ordered a minute before arrives."""
    behind = round(PER_S["erp"] / 2 * 60)

    def made(first: int, rows: int, at: float) -> pa.RecordBatch:
        place = np.arange(first, first + rows)
        placed, number = place % 2 == 0, place // 2
        number = np.where(placed, number, number - behind)
        kinds = np.where(placed, "order.placed", "receipt.posted")
        columns: dict[str, Any] = {
            "time": _times(at, rows),
            "seen": np.full(rows, round((at + PULSE_S) * 1e6)),
            "offset": place,
            "entity": ["node:cust-1"] * rows,
            "kind": pa.array(kinds),
            "order": [f"o-{n}" for n in number],
            "product": ["p-1"] * rows,
            "quantity": np.full(rows, 5.0),
            "destination": ["cust-1"] * rows,
            "promised": pa.array(np.full(rows, round((at + 3600) * 1e6)), mask=~placed),
        }
        return batch("trade", "erp", columns)

    return made


def _times(at: float, rows: int) -> np.ndarray:
    """Moments of `rows` events over one pulse, microseconds."""
    found: np.ndarray = np.rint((at + np.arange(rows) * (PULSE_S / rows)) * 1e6).astype(np.int64)
    return found
