"""`interferon detect`: judges recorded telemetry tables against normal ones, and says why.

Registered by `interferon.cli`. Reads tables, writes score files; the judgement itself is `runtime.detect_table`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from interferon.connectors.table_file import NO_TIME, Table, read_table
from interferon.detect.recorded import Report, notes, reasons
from interferon.model.errors import InputError
from interferon.runtime.detect_table import check_columns, check_start, judged, learnt


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command("detect")
    def command(
        tests: Annotated[list[Path], typer.Argument(metavar="TEST...", help="Tables to judge: CSV or Parquet.")],
        train: Annotated[list[Path] | None, typer.Option("--train", help="A table of normal rows; repeat it, oldest first.")] = None,
        train_rows: Annotated[int | None, typer.Option("--train-rows", help="Train on the first N rows of each table instead.")] = None,
        time: Annotated[str, typer.Option("--time", help="The column with the time; it is not judged.")] = "",
        drop: Annotated[str, typer.Option("--drop", help="Columns to leave out, with commas between.")] = "",
        out: Annotated[Path | None, typer.Option("--out", help="File for the scores; a folder where there are several tables.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Judge recorded telemetry: a score, a calibrated p, an alarm and its reasons for each row."""
        job = Job(tuple(train or ()), train_rows, time, tuple(name.strip() for name in drop.split(",") if name.strip()))
        targets = _targets(tests, out)
        _check(job)
        rows = []
        for result, target in zip(_results(tests, job), targets, strict=True):
            if target is not None:
                _write(result, target)
            if not as_json:
                typer.echo("\n".join(_summary(result, target)))
            alarms = int(result.report.judged.alarm.sum())
            where = None if target is None else str(target)
            rows.append({"file": str(result.table.path), "rows": len(result.report.judged.p), "alarms": alarms, "out": where})
        if as_json:
            typer.echo(json.dumps({"files": rows}, indent=1))
        elif out is None:
            typer.echo("Add --out SCORES for the score, p, alarm and reasons of every row.")


@dataclass(frozen=True)
class Job:
    """What the flags ask for."""

    train: tuple[Path, ...]
    train_rows: int | None
    time: str
    drop: tuple[str, ...]

    @property
    def exclude(self) -> tuple[str, ...]:
        return (*self.drop, self.time) if self.time else self.drop


@dataclass(frozen=True)
class Result:
    """One judged table; its scores start at data row `start`."""

    table: Table
    start: int
    report: Report
    time: str


def _check(job: Job) -> None:
    if not job.train and job.train_rows is None:
        raise InputError("detect: normal rows are needed: --train FILE, or --train-rows N for the first N rows of each table")
    if job.train and job.train_rows is not None:
        raise InputError("detect: --train and --train-rows exclude each other; give one of them")
    if job.train_rows is not None and job.train_rows < 1:
        raise InputError(f"detect: --train-rows is {job.train_rows}; a number of rows above 0 is needed")


def _targets(tests: Sequence[Path], out: Path | None) -> list[Path | None]:
    """The score file of each table."""
    if out is None:
        return [None] * len(tests)
    if len(tests) == 1:
        if out.is_dir():
            return [out / f"{tests[0].stem}.csv"]
        out.parent.mkdir(parents=True, exist_ok=True)
        targets = [out]
    else:
        if out.exists() and not out.is_dir():
            raise InputError(f"{out}: is a file; with several tables --out is a folder")
        out.mkdir(parents=True, exist_ok=True)
        targets = [out / f"{test.stem}.csv" for test in tests]
    for number, target in enumerate(targets):
        if target in targets[:number]:
            raise InputError(f"{tests[number]}: two tables would write {target}; their names must differ")
        if target.exists() and any(target.samefile(test) for test in tests if test.exists()):
            raise InputError(f"{target}: --out would overwrite a table that is read")
    return list(targets)


def _results(tests: Sequence[Path], job: Job) -> Iterator[Result]:
    trained = [read_table(path) for path in job.train]
    pattern = None
    for path in tests:
        table = read_table(path)
        check_columns([*trained, table], job.drop, job.time)
        start = job.train_rows or 0
        check_start(table, start)
        if job.time:
            _note_order(table, job.time)  # and an unreadable time is told before anything is judged
        if pattern is None or start:
            normal = [(table, start)] if start else [(upright, upright.rows) for upright in _turned(trained, table)]
            pattern = learnt(normal, job.exclude, job.time, path if start else job.train[-1])
        for note in notes(pattern, table, job.exclude):
            typer.echo(f"note: {path}: {note}", err=True)
        yield Result(table, start, judged(pattern, table, start, job.time), job.time)


def _turned(trained: Sequence[Table], test: Table) -> list[Table]:
    """The training tables, those that lie on their side set upright."""
    tables = [table.turned_like(test) for table in trained]
    for before, after in zip(trained, tables, strict=True):
        if before is not after:
            typer.echo(f"note: {before.path}: has no header, and its rows are the columns of {test.path}: it is read turned", err=True)
    return tables


def _note_order(table: Table, column: str) -> None:
    times = table.times(column)
    known = np.flatnonzero(times != NO_TIME)
    back = known[1:][np.diff(times[known]) < 0]
    if len(back):
        typer.echo(f"note: {table.where(int(back[0]))}: time goes back ({len(back)} times in all); rows are judged in file order", err=True)


def _write(result: Result, target: Path) -> None:
    judged = result.report.judged
    with target.open("w", encoding="utf-8", newline="") as file:
        file.write("row,score,p,alarm,why\n")
        columns = (judged.score.tolist(), judged.p.tolist(), judged.alarm.tolist(), reasons(result.report))
        for row, (score, p, alarm, why) in enumerate(zip(*columns, strict=True), start=result.start):
            file.write(f"{row},{score:.6g},{p:.6g},{int(alarm)},{_quoted(why)}\n")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text


def _summary(result: Result, target: Path | None) -> Iterator[str]:
    judged, table = result.report.judged, result.table
    begins = np.flatnonzero(judged.alarm & ~np.concatenate([[False], judged.alarm[:-1]]))
    yield f"{table.path}: {len(judged.p)} rows judged, {int(judged.alarm.sum())} in alarm, in {len(begins)} stretches"
    if len(begins):
        row = int(begins[0])
        yield f"  first alarm: row {row + result.start}{_when(result, row + result.start)}, p {judged.p[row]:.2g}"
        shares = result.report.shares[judged.alarm].mean(axis=0)
        top = [f"{result.report.names[column]} {shares[column]:.0%}" for column in np.argsort(-shares, kind="stable")[:3]]
        yield f"  signals that make it strange: {', '.join(top)}"
    if target is not None:
        yield f"  scores: {target}"


def _when(result: Result, row: int) -> str:
    if not result.time:
        return ""
    tick = int(result.table.times(result.time)[row])
    if tick == NO_TIME:
        return ""
    return f" at {(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=tick)).isoformat(sep=' ')}"
