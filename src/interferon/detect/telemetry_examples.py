"""Small made-up recordings that the telemetry detectors show themselves on: one quiet, and one loud for each of them.

Used as the `QUIET` and `LOUD` examples of the detectors by the conformance kit: the first TRAIN rows train, the last LAST are judged.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.windows import Floats

ROWS, TRAIN, LAST = 1000, 700, 120


def plant() -> Floats:
    """Returns (ROWS, 4) readings of a pump: speed, and flow, current and temperature that follow it, with noise from a fixed table."""
    row = np.arange(ROWS, dtype=np.float64)
    noise = np.stack([_noise(row, k) for k in range(4)], axis=1)
    speed = 50.0 + 3.0 * np.sin(row / 9.0) + noise[:, 0]
    flow = 0.8 * speed + 0.5 * noise[:, 1]
    current = 0.1 * speed + 0.2 * noise[:, 2]
    temperature = 40.0 + 0.2 * speed + 0.3 * noise[:, 3]
    return np.stack([speed, flow, current, temperature], axis=1)


def jump() -> Floats:
    """Returns the plant with temperature up by three degrees in the last rows."""
    rows = plant()
    rows[-LAST:, 3] += 3.0
    return rows


def swap() -> Floats:
    """Returns the plant with flow turned over around its mean in the last rows: same level and spread, wrong relation."""
    rows = plant()
    rows[-LAST:, 1] = 80.0 - rows[-LAST:, 1]
    return rows


def halt() -> Floats:
    """Returns the plant with speed, flow and current at nothing in the last rows: rows that it never had."""
    rows = plant()
    rows[-LAST:, :3] = 0.0
    return rows


def shuffle() -> Floats:
    """Returns the plant with its last rows in another order: each of them is normal, none goes on from the one before."""
    rows = plant()
    rows[-LAST:] = rows[-LAST:][(np.arange(LAST) * 37) % LAST]
    return rows


def silence() -> Floats:
    """Returns the plant with flow and current missing in the last rows."""
    rows = plant()
    rows[-LAST:, 1:3] = np.nan
    return rows


def basin() -> Floats:
    """Returns (ROWS, 4) readings of a basin: its level, that of the store which its pump fills it from and its outflow goes back to, the
    outflow, and the pump, which a controller starts at 4 and stops at 6."""
    row = np.arange(ROWS, dtype=np.float64)
    noise = np.stack([_noise(row, k) for k in range(3)], axis=1)
    rows, level, pump = np.empty((ROWS, 4)), 5.0, 1.0
    outflow = 1.5 + 0.2 * np.sin(row / 60.0)
    for number in range(ROWS):
        pump = 1.0 if level < 4.0 else 0.0 if level > 6.0 else pump
        level += 0.05 * (3.0 * pump - outflow[number])
        rows[number] = (level, 10.0 - level, outflow[number], pump)
    rows[:, :3] += 0.01 * noise
    return rows


def stuck() -> Floats:
    """Returns the basin with its level as it stood before the last rows: it neither rises nor falls, whatever the pump does."""
    rows = basin()
    rows[-LAST:, 0] = rows[-LAST - 1, 0]
    return rows


def _noise(row: Floats, channel: int) -> Floats:
    return np.asarray(np.modf(np.sin((row + 1.0) * (12.9898 + 7.13 * channel)) * 43758.5453)[0] * 1.7)
