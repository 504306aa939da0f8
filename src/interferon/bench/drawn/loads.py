"""Hourly loads of six feeders with the day's and the week's rhythm; older training data stand at another level. Five kinds of fault.

Used by `interferon.bench.detect_drawn`. Every value of every fault lies within what that feeder shows at some other hour.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from interferon.bench.drawn import Bools, Case, Drawn, Floats

HOUR = 3_600_000_000
WEEK = 168
FEEDERS = 6
START = 1_704_067_200_000_000  # Monday 2024-01-01
KINDS = ("day at night", "holiday", "flat", "decoupled", "shifted")


def loads(seed: int, old_weeks: int = 16, new_weeks: int = 6, test_weeks: int = 12) -> Case:
    """Returns an older and a newer normal table, and later weeks with one fault a week."""
    random = np.random.default_rng([seed, 3])
    sizes = random.uniform(20, 60, FEEDERS)
    weather, parts = 0.0, []
    for week in range(old_weeks + new_weeks + test_weeks):
        level = 1.0 if week >= old_weeks else 0.8  # a line was added
        drawn, weather = _week(sizes * level, weather, random)
        parts.append(drawn)
    values = np.concatenate(parts)
    borders = (0, old_weeks * WEEK, (old_weeks + new_weeks) * WEEK, len(values))
    labels = np.zeros(borders[3] - borders[2], dtype=np.bool_)
    later = values[borders[2] :]
    for week in range(test_weeks):
        _fault(KINDS[week % len(KINDS)], later, labels, week * WEEK + int(random.integers(10, 110)), random)
    tables = [_table(values[first:last], first) for first, last in pairwise(borders)]
    return Case("hourly loads, two training files", (tables[0], tables[1]), tables[2], labels)


def _week(sizes: Floats, weather: float, random: np.random.Generator) -> tuple[Floats, float]:
    hours = np.arange(WEEK)
    hour, weekend = hours % 24, hours // 24 >= 5
    shape = 0.45 + 0.4 * np.exp(-(((hour - 10) / 3.5) ** 2)) + 0.3 * np.exp(-(((hour - 18) / 2.5) ** 2))
    shape = np.where(weekend, 0.4 + 0.55 * (shape - 0.4), shape)
    out = np.empty((WEEK, FEEDERS + 1))
    for row in range(WEEK):
        weather = 0.97 * weather + random.normal(0, 0.15)
        out[row, FEEDERS] = 10 + 4 * weather + 3 * np.sin(2 * np.pi * (hour[row] - 9) / 24)
        common = 1 + 0.03 * weather
        out[row, :FEEDERS] = sizes * shape[row] * common * random.normal(1, 0.03, FEEDERS)
    return out, weather


def _fault(kind: str, values: Floats, labels: Bools, start: int, random: np.random.Generator) -> None:
    feeder = int(random.integers(0, FEEDERS))
    length = {"day at night": 6, "holiday": 24, "flat": 14, "decoupled": 30, "shifted": 36}[kind]
    start -= start % 24 - (23 if kind == "day at night" else 8)
    rows = slice(start, start + length)
    labels[rows] = True
    if kind == "day at night":
        values[rows, feeder] = values[start - 13 : start - 13 + length, feeder]
    elif kind == "holiday":
        values[rows, :FEEDERS] = values[rows, :FEEDERS] * 0.62
    elif kind == "flat":
        values[rows, feeder] = values[start, feeder]
    elif kind == "decoupled":
        values[rows, feeder] *= 1 + 0.35 * np.sin(np.arange(length))
    else:
        values[rows, feeder] = values[start - 7 : start - 7 + length, feeder]


def _table(values: Floats, first: int) -> Drawn:
    names = [f"feeder_{number}" for number in range(1, FEEDERS + 1)] + ["temperature"]
    clock = START + HOUR * np.arange(first, first + len(values), dtype=np.int64)
    return Drawn({name: values[:, column].copy() for column, name in enumerate(names)}, clock)
