"""Made-up recordings that the detectors of single signals show themselves on: one quiet, and one loud for each of them.

The first TRAIN rows train, the last LAST are judged. Used as `QUIET` and `LOUD` by the conformance kit; pure.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.rhythm import DAY
from interferon.detect.windows import Floats, Ints

ROWS, TRAIN, LAST = 2400, 1440, 900


def times(rows: int) -> Ints:
    """Returns when the rows (rows,) of an example come, microseconds: ten minutes apart, so that few of them tell of weeks."""
    return np.arange(rows) * (DAY // 144)


def pump() -> Floats:
    """Returns (ROWS, 3) readings: a speed, and a flow and a temperature that follow it, with noise from a fixed table."""
    return _pump(ROWS)


def _pump(rows: int) -> Floats:
    row = np.arange(rows, dtype=np.float64)
    noise = [np.modf(np.sin((row + 1.0) * (12.9898 + 7.13 * channel)) * 43758.5453)[0] * 1.7 for channel in range(3)]
    speed = 50.0 + 3.0 * np.sin(row / 9.0) + noise[0]
    return np.stack([speed, 0.8 * speed + 0.5 * noise[1], 40.0 + 0.2 * speed + 0.3 * noise[2]], axis=1)


def freeze() -> Floats:
    """Returns the pump with its flow frozen in the last rows."""
    rows = pump()
    rows[-LAST:, 1] = rows[-LAST - 1, 1]
    return rows


def standstill() -> Floats:
    """Returns the pump with its speed below the usual in the last rows."""
    rows = pump()
    rows[-LAST:, 0] -= 12.0
    return rows


def leap() -> Floats:
    """Returns the pump with its temperature up by ten degrees for the last rows, all at once."""
    rows = pump()
    rows[-LAST:, 2] += 10.0
    return rows


def apart() -> Floats:
    """Returns the pump with more flow in the last rows than its speed explains."""
    rows = pump()
    rows[-LAST:, 1] += 3.0
    return rows


def repeat() -> Floats:
    """Returns the pump with forty rows of its flow played over and over at the end."""
    rows = pump()
    rows[-LAST:, 1] = np.resize(rows[-LAST - 40 : -LAST, 1], LAST)
    return rows


def daylight() -> Floats:
    """Returns the pump with a temperature that follows the day, 1440 rows, in place of the speed."""
    rows = pump()
    rows[:, 2] += np.sin(np.arange(ROWS) * 2.0 * np.pi / 1440.0) - 0.2 * (rows[:, 0] - 50.0)
    return rows


def creep() -> Floats:
    """Returns the same with the temperature up by half a degree over a quarter of an hour, well within what the day shows."""
    rows = daylight()
    rows[-LAST:, 2] += 0.5 * np.minimum(1.0, np.arange(LAST) / 15.0)
    return rows


def mute() -> Floats:
    """Returns the pump with three of four flows missing from the last rows."""
    rows = pump()
    rows[-LAST:, 1] = np.where(np.arange(LAST) % 4 > 0, np.nan, rows[-LAST:, 1])
    return rows


def shifts() -> Floats:
    """Returns three weeks and a half of the pump, whose speed is lower at night and on weekends, and all that follows it."""
    return _worked(_by_day())


def nightshift() -> Floats:
    """Returns the same with the last nights worked as days are."""
    by_day = _by_day()
    by_day[-LAST:] = 1.0
    return _worked(by_day)


def _by_day() -> Floats:
    """1 (3400,) on working days from six to six, 0 at night and on weekends; from one to the other within an hour."""
    time = times(3400)
    hour, weekend = time / (DAY // 24) % 24.0, (time // DAY + 3) % 7 >= 5
    return np.asarray(np.where(weekend, 0.0, np.clip(6.5 - np.abs(hour - 12.0), 0.0, 1.0)))


def _worked(by_day: Floats) -> Floats:
    return np.asarray(_pump(len(by_day)) + 6.0 * by_day[:, None] * np.array([1.0, 0.8, 0.2]))
