"""Physics of the machines that emit telemetry: process units, robots, vehicles, cold storage. One step a sample, all machines at once.

Called by `telemetry`. Pure: state goes in by arrays owned by the object, noise comes in from the caller.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interferon.model.network import Asset

Array = NDArray[np.float64]

SIGNALS: Final = {
    "process": ("level", "flow", "pressure", "temperature", "motor_current", "speed", "vibration", "valve"),
    "robot": ("torque_1", "torque_2", "torque_3", "speed", "motor_temperature", "cycle_time", "position_error"),
    "agv": ("speed", "battery", "motor_current", "load", "position"),
    "truck": ("speed", "fuel", "temperature", "engine_temperature", "progress"),
    "cold": ("temperature", "humidity", "door", "compressor_current"),
}
_CLASS_OF_TYPE: Final = {
    "plc": "process",
    "rtu": "process",
    "robot": "robot",
    "agv": "agv",
    "amr": "agv",
    "telematics": "truck",
    "truck": "truck",
    "sensor_gateway": "cold",
}
# per class and signal: normal value, standard deviation of the measurement noise, quantum of the reading
NORMAL: Final = {
    "process": (
        (50, 0.15, 0.05),
        (20, 0.12, 0.02),
        (3.2, 0.015, 0.005),
        (64, 0.12, 0.1),
        (18, 0.15, 0.01),
        (1480, 3.0, 1.0),
        (2.2, 0.08, 0.01),
        (50, 0.25, 0.1),
    ),
    "robot": ((42, 0.9, 0.1), (31, 0.8, 0.1), (12, 0.5, 0.1), (1.2, 0.02, 0.001), (58, 0.15, 0.1), (24, 0.25, 0.01), (0.08, 0.006, 0.001)),
    "agv": ((1.3, 0.05, 0.01), (70, 0.1, 0.1), (14, 0.4, 0.01), (220, 4.0, 1.0), (50, 0.3, 0.1)),
    "truck": ((74, 1.8, 0.1), (60, 0.15, 0.1), (4.5, 0.12, 0.1), (88, 0.4, 0.1), (50, 0.1, 0.1)),
    "cold": ((4.5, 0.06, 0.01), (52, 0.5, 0.1), (0, 0.0, 1.0), (7.5, 0.1, 0.01)),
}


def class_of(asset: Asset) -> str:
    """Class of machine, or '' for what emits no telemetry."""
    return _CLASS_OF_TYPE.get(asset.type, "")


def signals_of(asset: Asset) -> tuple[str, ...]:
    """Signals an asset emits, in the order of the columns; empty for a host."""
    return SIGNALS.get(class_of(asset), ())


@dataclass
class Drive:
    """What moves a class of machines in one sample: all arrays have one entry a machine."""

    run: Array  # 0–1, mode and capacity of the line the machine belongs to
    noise: Array  # standard normal, machines × 8
    ambient: Array  # °C
    setpoint: Array  # machines × signals, relative change of the setpoint of each signal's loop, 0 when untouched
    minutes: float  # length of the sample
    phase: Array  # position in the machine's own cycle (battery, tour), 0–1


@cache
def _covered(minutes: float, tau: float) -> float:
    """Share of the way to a constant input that a first-order lag covers."""
    return float(1.0 - np.exp(-minutes / tau))


def _within(value: Array, low: float, high: float) -> Array:
    """`value` clipped; on arrays this small several times faster than `np.clip`."""
    return np.minimum(np.maximum(value, low), high)


def _table(columns: list[Array]) -> Array:
    """Columns of one length side by side."""
    return np.array(columns).T


@dataclass
class Machines:
    """All machines of one class. `scale` is each one's own size, near 1. Columns of the result are the class's signals."""

    name: str
    scale: Array
    state: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.scale)
        ones = np.ones(n)
        self.state = {
            "speed": ones.copy(),
            "load": np.zeros(n),
            "heat": ones.copy(),
            "level": 50 * ones,
            "integral": 50 * ones,
            "wear": np.zeros(n),
            "cold": 4.5 * ones,
        }

    def step(self, drive: Drive) -> Array:
        """True values after one sample, machines × signals."""
        s = self.state
        s["load"] = 0.95 * s["load"] + 0.03 * drive.noise[:, 0]  # slow disturbance of what is asked of the machine
        s["wear"] = _within(s["wear"] + 2e-5 * drive.run * drive.minutes + 2e-4 * drive.noise[:, 1], 0.0, 0.4)
        return {"process": self._process, "robot": self._robot, "agv": self._agv, "truck": self._truck, "cold": self._cold}[self.name](
            drive
        )

    def _lag(self, key: str, target: Array, minutes: float, tau: float) -> Array:
        """First-order lag with time constant `tau` minutes, exact for a constant input over the sample."""
        self.state[key] += (target - self.state[key]) * _covered(minutes, tau)
        return self.state[key]

    def _process(self, d: Drive) -> Array:
        """Tank with PI level control: area · dlevel/dt = inflow − outflow; inflow = k · valve · √pressure; outflow follows the pump."""
        s, push = self.state, d.setpoint
        speed = self._lag("speed", d.run * (1 + push[:, 5] + push[:, 4] + push[:, 6] + push[:, 1]), d.minutes, 1.5)
        outflow = 20 * self.scale * speed * (1 + 0.25 * s["load"])
        pressure = 3.2 * (1 + push[:, 2]) * (0.86 + 0.14 * speed) * (1 + 0.004 * (s["level"] - 50) / 5)
        error = 50 * (1 + push[:, 0] + push[:, 7]) - s["level"]
        valve = _within(s["integral"] + 2.0 * error, 0, 100)
        inflow = 20 * self.scale * (valve / 50) * np.sqrt(pressure / 3.2)
        s["integral"] = _within(s["integral"] + 0.12 * error * d.minutes, 0, 100)  # clipped: anti-windup
        s["level"] = _within(s["level"] + (inflow - outflow) * d.minutes / (12 * self.scale), 0, 100)
        heat = self._lag("heat", (64 - 20) / 44 * (1 + push[:, 3] * 64 / 44) * speed, d.minutes, 25.0)
        current = self.scale * (5 + 13 * speed * (1 + 0.8 * s["load"])) * (speed > 0.02) + 0.2
        vibration = 0.25 + 1.95 * speed**2 * (1 + s["wear"]) * (1 + 0.3 * s["load"])
        return _table([s["level"], inflow, pressure, d.ambient + 44 * heat, current, 1480 * speed, vibration, valve])

    def _robot(self, d: Drive) -> Array:
        """Joint torques share the payload; cycle time is the inverse of speed; the motor heats with the square of torque."""
        s, push = self.state, d.setpoint
        speed = self._lag("speed", d.run * (1 + push[:, 3] - push[:, 5]), d.minutes, 0.7)
        pay = self.scale * (1 + s["load"] + 0.5 * s["wear"])
        torque = [base * pay * (0.35 + 0.65 * speed) * (1 + push[:, k]) for k, base in enumerate((42.0, 31.0, 12.0))]
        heat = self._lag("heat", (torque[0] / 42) ** 2 * speed * (1 + push[:, 4]), d.minutes, 35.0)
        cycle = np.where(speed > 0.15, 24 * self.scale / np.maximum(speed, 0.15), 0.0)
        error = 0.02 + 0.06 * speed**2 * pay * (1 + push[:, 6]) * (1 + s["wear"])
        return _table([*torque, 1.2 * speed, d.ambient + 38 * heat, cycle, error])

    def _agv(self, d: Drive) -> Array:
        """Drives a loop; the battery falls while it works and charges in the last fifth of its cycle."""
        s, push, work = self.state, d.setpoint, d.phase < 0.8
        speed = self._lag("speed", d.run * work * (1 + push[:, 0] + push[:, 2]), d.minutes, 0.5)
        battery = np.where(work, 95 - 60 * d.phase / 0.8, 35 + 60 * (d.phase - 0.8) / 0.2) * (1 + push[:, 1])
        load = 220 * self.scale * work * (1 + s["load"]) * d.run * (1 + push[:, 3])
        current = 2 + 12 * speed * (0.7 + 0.3 * load / 220)
        return _table([1.3 * speed, battery, current, load, 100 * ((d.phase * 40) % 1.0) * (1 + push[:, 4])])

    def _truck(self, d: Drive) -> Array:
        """Drives tours with rests; fuel falls with speed; the cooled load follows its setpoint against the weather."""
        s, push, moving = self.state, d.setpoint, (d.phase * 6) % 1.0 < 0.8
        speed = self._lag("speed", d.run * moving * (1 + push[:, 0] + push[:, 4]), d.minutes, 2.0)
        load = self._lag("cold", 4.5 + 9 * (push[:, 2] + push[:, 1]) + 0.02 * (d.ambient - 15) + 0.5 * s["load"], d.minutes, 40.0)
        engine = self._lag("heat", 0.25 + 0.75 * speed * (1 + push[:, 3]), d.minutes, 12.0)
        return _table([74 * speed, 95 - 70 * d.phase, load, d.ambient + 68 * engine, 100 * d.phase])

    def _cold(self, d: Drive) -> Array:
        """Compressor holds the room; an open door lets warmth and moisture in."""
        s, push = self.state, d.setpoint
        door = ((d.phase * 31) % 1.0 < 0.07) * (d.run > 0.3)
        work = _within(0.55 + 0.35 * (s["cold"] - 4.5 * (1 + push[:, 0] - push[:, 3])) + 0.012 * (d.ambient - 20), 0.05, 1.0)
        s["cold"] = s["cold"] + d.minutes * (0.011 * (d.ambient - s["cold"]) * (1 + 1.2 * door) - 0.31 * self.scale * work)
        humidity = self._lag("heat", 1 + 0.25 * door + 0.4 * s["load"] + push[:, 1], d.minutes, 20.0)
        return _table([s["cold"], 52 * humidity, door.astype(float), 1 + 12 * work])
