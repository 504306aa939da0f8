"""Telemetry detection on the Tennessee Eastman process: 52 variables, one normal recording to learn from, 18 faults to find.

Part of `interferon bench detect`. Trains on `d00.dat` as `interferon detect --train d00.dat` does, with the default settings, and judges
`dNN_te.dat`, whose fault begins at row 161 of 960. Faults 3, 9 and 15 are left out: nobody detects them.

Reference: Downs and Vogel (1993), A plant-wide industrial process control problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from interferon.bench import progress
from interferon.bench.measures import Bools, Floats, auroc, caught, row
from interferon.bench.opponents import AVERAGED, averaged, present, scaled
from interferon.connectors.table_file import read_table
from interferon.detect.columns import matrix
from interferon.detect.recorded import learn, report
from interferon.detect.settings import FILE
from interferon.detectors.telemetry_portfolio import FILES

FAULTS = tuple(number for number in range(1, 22) if number not in (3, 9, 15))
BEGINS = 160
BUDGET = 0.01


def cases(folder: Path) -> Iterator[dict[str, Any]]:
    """The figures about this plant. Raises InputError where there is no data."""
    tests = [read_table(folder / f"d{fault:02d}_te.dat") for fault in FAULTS]
    train = read_table(folder / "d00.dat").turned_like(tests[0])  # it is stored on its side
    learnt = learn([train], (), FILE, FILES)
    judged = [report(learnt, table).judged for table in tests]
    labels = [np.arange(table.rows) >= BEGINS for table in tests]
    known, rows = scaled(matrix(learnt.columns, train), np.concatenate([matrix(learnt.columns, table) for table in tests]))
    others = _others(known, rows, [table.rows for table in tests])
    found, at_budget = _measures(labels, [part.score for part in judged])
    beside = {name: _measures(labels, scores) for name, scores in others.items()}
    yield row("tennessee eastman", "AUROC, mean of 18 faults", found, {name: pair[0] for name, pair in beside.items()}, (">=", 0.985))
    ranked = {name: pair[1] for name, pair in beside.items()}
    yield row("tennessee eastman", "faulty rows caught at 1 % false alarms", at_budget, ranked, (">=", 0.93))
    truth, p = np.concatenate(labels), np.concatenate([part.p for part in judged])
    yield row("tennessee eastman", "faulty rows caught at p < 0.01", float((p[truth] < BUDGET).mean()), {}, None)
    yield row("tennessee eastman", "false alarms at p < 0.01", float((p[~truth] < BUDGET).mean()), {"as p promises": BUDGET}, None)


def _others(train: Floats, rows: Floats, lengths: list[int]) -> dict[str, list[Floats]]:
    """The scores of each file by the trivial answers and the opponents, as they are and averaged."""
    found = {"mean absolute z-score": np.abs(rows).mean(axis=1)}
    for name, opponent in present().items():
        progress(f"tennessee eastman: {name}")
        found[name] = opponent(train, rows)[1]
    borders = np.cumsum(lengths)[:-1]
    split = {name: np.split(scores, borders) for name, scores in found.items()}
    smooth = {f"{name}, {AVERAGED}-row mean": [averaged(part) for part in parts] for name, parts in split.items()}
    clock = {"a clock": [np.arange(length, dtype=np.float64) for length in lengths]}
    return {**clock, **split, **smooth}


def _measures(labels: list[Bools], scores: list[Floats]) -> tuple[float, float]:
    """Mean AUROC over the files; share of all faulty rows above the threshold that 1 % of all normal rows exceed."""
    each = [auroc(truth, part) for truth, part in zip(labels, scores, strict=True)]
    return float(np.mean(each)), caught(np.concatenate(labels), np.concatenate(scores), BUDGET)
