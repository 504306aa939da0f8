"""From a table's columns to signals: numbers as they are, categories as their surprise, and what carries no news left out.

Called by `interferon detect` and the bench, which read the table. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import LIMIT, Floats, robust_scale

Texts = NDArray[np.object_]
FEW_LEVELS = 6  # up to so many levels each has a signal of its own, so that relations between columns can be learnt;
MOST_LEVELS, LEAST_SHARE = 16, 0.01  # where there are more, the commonest, if they are common enough
SWITCH = 10  # a number with so few values is a state, not a measurement
HEAVY = 8.0  # spreads; one value in 200 beyond it is a heavy tail (a normal distribution has it at 2.8, an exponential one at 6.5)
EXPLAINED = 0.1  # of a number's variance, by a category, before the number is also judged within the category's levels


class Columns(Protocol):
    """A table as this module needs it. Numbers: NaN where missing; texts: the empty string where missing."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def rows(self) -> int: ...
    def is_number(self, name: str) -> bool: ...
    def numbers(self, name: str) -> Floats: ...
    def texts(self, name: str) -> Texts: ...


@dataclass(frozen=True)
class Part:
    """The rows from `start` up to `stop` of a table."""

    table: Columns
    start: int
    stop: int

    @property
    def names(self) -> Sequence[str]:
        return self.table.names

    @property
    def rows(self) -> int:
        return self.stop - self.start

    def is_number(self, name: str) -> bool:
        return self.table.is_number(name)

    def numbers(self, name: str) -> Floats:
        return self.table.numbers(name)[self.start : self.stop]

    def texts(self, name: str) -> Texts:
        return self.table.texts(name)[self.start : self.stop]


@dataclass(frozen=True)
class Column:
    """How one column becomes signals: `kind` number, category or left out; `surprise` −log frequency by level; `own` levels with a
    signal of their own; `unseen` the surprise of a level that training did not have; `bent` (centre, scale) of a number with heavy
    tails, which counts as asinh((x − centre) / scale); `given` the category that explains a number best, and `usual` the (level, centre,
    spread) that the number has there: a second signal, how far it is from what is usual for its level."""

    name: str
    kind: str
    surprise: tuple[tuple[str, float], ...] = ()
    own: tuple[str, ...] = ()
    unseen: float = 0.0
    bent: tuple[float, float] | None = None
    given: str = ""
    usual: tuple[tuple[str, float, float], ...] = ()
    reason: str = ""

    @property
    def signals(self) -> int:
        return {"number": 2 if self.given else 1, "category": 1 + len(self.own)}.get(self.kind, 0)


def plan(tables: Sequence[Columns], exclude: Sequence[str]) -> list[Column]:
    """Returns a plan for each column of the training tables, in order of first appearance, but those in `exclude`."""
    names = list(dict.fromkeys(name for table in tables for name in table.names if name not in exclude))
    planned = [_planned(name, [table for table in tables if name in table.names]) for name in names]
    categories = [column for column in planned if column.own]
    return [_with_given(column, categories, tables) if column.kind == "number" and categories else column for column in planned]


def matrix(columns: Sequence[Column], table: Columns) -> Floats:
    """Returns the signals (N, S) of the table; a column that it lacks is missing throughout."""
    parts: list[Floats] = []
    for column in columns:
        if column.name not in table.names:
            parts.append(np.full((table.rows, column.signals), np.nan))
        elif column.kind == "number":
            parts.append(_number(column, table))
        elif column.kind == "category":
            parts.append(_category(column, table.texts(column.name)))
    return np.hstack(parts) if parts else np.empty((table.rows, 0))


def merged(columns: Sequence[Column], shares: NDArray[Any]) -> tuple[list[str], NDArray[Any]]:
    """Returns the names of the columns in use, and `shares` (N, S) of signals added up to shares of columns."""
    used = [column for column in columns if column.signals]
    borders = np.cumsum([0] + [column.signals for column in used])[:-1]
    return [column.name for column in used], np.add.reduceat(shares, borders, axis=1)


def _planned(name: str, tables: Sequence[Columns]) -> Column:
    if all(table.is_number(name) for table in tables):
        values = np.concatenate([table.numbers(name) for table in tables])
        if _counts_rows(values):
            return Column(name, "left out", reason="it only counts the rows")
        return Column(name, "number", bent=_heavy_tail(values))
    texts = np.concatenate([table.texts(name) for table in tables])
    counts = Counter(text for text in texts.tolist() if text)
    total = sum(counts.values())
    if total > 20 and len(counts) > total / 2:
        return Column(name, "left out", reason="nearly every row has a value of its own")
    scale = total + len(counts) + 1.0
    surprise = tuple((level, float(-np.log((count + 1.0) / scale))) for level, count in sorted(counts.items()))
    common = [level for level, count in counts.most_common() if len(counts) <= FEW_LEVELS or count >= LEAST_SHARE * total]
    own = tuple(sorted(common[1:MOST_LEVELS]))
    return Column(name, "category", surprise, own, float(np.log(scale)))


def _heavy_tail(values: Floats) -> tuple[float, float] | None:
    """Centre and scale of a bend that brings in tails which would else leave nothing to see in the middle: sizes, counts, durations."""
    known = values[~np.isnan(values)]
    if len(np.unique(known)) <= SWITCH:
        return None
    centre, spread = (part[0] for part in robust_scale(known[:, None]))
    distance = np.abs(known - centre)
    usual, far = np.quantile(distance, (0.9, 0.995))
    if far < max(HEAVY * spread, 4.0 * usual):  # the second: two modes are no tail
        return None
    return float(centre), float(np.median(distance[distance > 0]))


def _with_given(column: Column, categories: Sequence[Column], tables: Sequence[Columns]) -> Column:
    """The number's plan with the category whose levels explain most of its variance, if they explain EXPLAINED of it."""
    best, most = column, EXPLAINED
    for category in categories:
        both = [table for table in tables if column.name in table.names and category.name in table.names]
        if both:
            values = np.concatenate([_bent(column, table.numbers(column.name)) for table in both])
            levels = np.concatenate([table.texts(category.name) for table in both])
            there = ~np.isnan(values) & (levels != "")
            explained, usual = _by_level(values[there], levels[there])
            if explained > most:
                best, most = replace(column, given=category.name, usual=usual), explained
    return best


def _by_level(values: Floats, levels: Texts) -> tuple[float, tuple[tuple[str, float, float], ...]]:
    """The share of the variance that the common levels explain; level, centre and spread of each, and of all under the empty name."""
    common = [level for level, count in Counter(levels.tolist()).items() if count > max(SWITCH, LEAST_SHARE * len(levels))]
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    if len(common) < 2 or total <= 0:
        return 0.0, ()
    parts = {level: values[levels == level] for level in common} | {"": values}
    scales = {level: robust_scale(part[:, None]) for level, part in parts.items()}
    between = sum(len(parts[level]) * float(parts[level].mean() - values.mean()) ** 2 for level in common)
    return between / total, tuple((level, float(centre[0]), float(spread[0])) for level, (centre, spread) in scales.items())


def _number(column: Column, table: Columns) -> Floats:
    """The signals (N, 1 or 2) of a number; without its category, or at a rare level, the second measures from what is usual overall."""
    values = _bent(column, table.numbers(column.name))
    if not column.given:
        return values[:, None]
    usual = {level: (centre, spread) for level, centre, spread in column.usual}
    levels = table.texts(column.given).tolist() if column.given in table.names else [""] * len(values)
    centre, spread = np.array([usual.get(level, usual[""]) for level in levels]).reshape(-1, 2).T
    return np.stack([values, np.clip((values - centre) / spread, -LIMIT, LIMIT)], axis=1)


def _bent(column: Column, values: Floats) -> Floats:
    if column.bent is None:
        return values
    centre, scale = column.bent
    return np.asarray(np.arcsinh((values - centre) / scale))


def _counts_rows(values: Floats) -> bool:
    """True for a clock or a row number: always up, by the same step."""
    steps = np.diff(values)
    return bool(len(steps) > 10 and np.all(steps > 0) and np.allclose(steps, steps[0], rtol=1e-6))


def _category(column: Column, texts: Texts) -> Floats:
    known = dict(column.surprise)
    levels = texts.tolist()
    out = np.empty((len(levels), column.signals))
    out[:, 0] = [known.get(level, column.unseen) for level in levels]
    for position, level in enumerate(column.own, start=1):
        out[:, position] = texts == level
    out[texts == ""] = np.nan
    return out
