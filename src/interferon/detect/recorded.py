"""Judges recorded tables: learns from normal ones, then gives each row of another a score, a p, an alarm and its reasons.

Called by `interferon detect` and by the bench. Pure: whoever calls it reads and writes the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from interferon.detect.columns import Column, Columns, matrix, merged, plan
from interferon.detect.fit import Model, Portfolio, fit
from interferon.detect.pace import dependence
from interferon.detect.rhythm import Rhythm, Ticks, fitted, step
from interferon.detect.series import Judged, judge
from interferon.detect.settings import Settings
from interferon.detect.windows import Floats
from interferon.model.errors import InputError


@dataclass(frozen=True)
class Portfolios:
    """The detectors of a table: `series` where a row goes on from the one before it, `records` where each row stands alone."""

    series: Portfolio
    records: Portfolio


@dataclass(frozen=True)
class Learnt:
    """The pattern of life of a table: how its columns become signals, their rhythm over day and week, the detectors that fit it, and
    their model of the signals."""

    columns: tuple[Column, ...]
    rhythm: Rhythm | None
    portfolio: Portfolio
    model: Model


@dataclass(frozen=True)
class Report:
    """The judgement of a table; `shares` (N, C) of the columns `names`, summing to 1 in each row."""

    judged: Judged
    names: list[str]
    shares: Floats


def learn(
    tables: Sequence[Columns], exclude: Sequence[str], settings: Settings, portfolios: Portfolios, clocks: Sequence[Ticks] = ()
) -> Learnt:
    """Learns from normal tables, oldest first, without the columns in `exclude`. Raises InputError where they say too little.

    Whether rows are a series or records of their own is read off the training rows (`pace`); the windows are as long as they remember.
    `clocks`, if given, hold the UTC microseconds of each table's rows.
    """
    columns = plan(tables, exclude)
    if not any(column.signals for column in columns):
        raise InputError("no column is left to learn from: " + "; ".join(f"{column.name!r}: {column.reason}" for column in columns))
    segments = [matrix(columns, table) for table in tables]
    rhythm = fitted(segments, clocks) if clocks else None
    if rhythm is not None:
        segments = [rhythm.off(segment, clock) for segment, clock in zip(segments, clocks, strict=True)]
    paced = settings.within_a_day(step(clocks) / 1e6).paced(dependence(columns, tables))
    portfolio = portfolios.records if paced.long == 1 else portfolios.series
    model = fit(segments, portfolio, paced.for_rows(sum(len(segment) for segment in segments)))
    return Learnt(tuple(columns), rhythm, portfolio, model)


def report(learnt: Learnt, table: Columns, clock: Ticks | None = None) -> Report:
    """Judges the rows of `table`, at the UTC microseconds of `clock`, taken to follow the training rows.

    Raises InputError where it shares no column with them.
    """
    used = [column.name for column in learnt.columns if column.signals]
    if not set(used) & set(table.names):
        raise InputError(f"none of the trained columns is there: {', '.join(used[:8])}")
    values = matrix(learnt.columns, table)
    if learnt.rhythm is not None and clock is not None:
        values = learnt.rhythm.off(values, clock)
    judged = judge(learnt.model, values, learnt.portfolio)
    names, shares = merged(learnt.columns, judged.shares)
    return Report(judged, names, shares)


def notes(learnt: Learnt, table: Columns, exclude: Sequence[str]) -> list[str]:
    """Returns what a person should know about columns: left out, missing, or not trained."""
    known = {column.name for column in learnt.columns}
    left_out = [f"column {column.name!r} is left out: {column.reason}" for column in learnt.columns if not column.signals]
    lacking = [column.name for column in learnt.columns if column.name not in table.names]
    new = [name for name in table.names if name not in known and name not in exclude]
    return [
        *left_out,
        *(f"column {name!r} was trained but is not there: it counts as missing" for name in lacking),
        *(f"column {name!r} was not trained: it is ignored" for name in new),
    ]


def reasons(report: Report) -> Iterator[str]:
    """Yields `signal=share;…` for each row, largest first, in thousandths that sum to exactly 1."""
    names = [name.replace(";", "_").replace("=", "_") for name in report.names]
    # rounding the running sum keeps each part within a thousandth and the whole exact
    running = np.rint(np.cumsum(report.shares, axis=1) * 1000).astype(np.int64)
    running[:, -1] = 1000
    parts = np.diff(running, axis=1, prepend=0)
    order = np.argsort(-parts, axis=1, kind="stable")
    written = [f"={share / 1000:g}" for share in range(1001)]
    for row, first in zip(parts.tolist(), order.tolist(), strict=True):
        yield ";".join([names[column] + written[row[column]] for column in first if row[column]])
