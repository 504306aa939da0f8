"""Tables through recorded detection: the path that `interferon detect` and `interferon.detect_table` share.

Reads no file and writes none: the command line reads tables from files, a notebook brings them along.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from interferon.connectors.table_file import Table, table_of
from interferon.detect.columns import Part
from interferon.detect.recorded import Learnt, Report, learn, notes, reasons, report
from interferon.detect.settings import FILE
from interferon.detectors.telemetry_portfolio import FILES
from interferon.model.errors import InputError

UNNAMED: Final = "__index_level_"  # what Arrow calls an index of pandas that has no name


def learnt(normal: Sequence[tuple[Table, int]], exclude: Sequence[str], time: str, said: Path) -> Learnt:
    """Learns from the first so many rows of each table, oldest first. Raises InputError (`said: …`) where they say too little."""
    timed = time and all(time in table.names for table, _ in normal)
    clocks = [table.times(time)[:rows] for table, rows in normal] if timed else []
    try:
        return learn([Part(table, 0, rows) for table, rows in normal], exclude, FILE, FILES, clocks)
    except InputError as error:
        raise InputError(f"{said}: {error}") from error


def judged(pattern: Learnt, table: Table, start: int, time: str) -> Report:
    """Judges the rows of a table from `start` on. Raises InputError (`path: …`) where it has none of the columns."""
    try:
        return report(pattern, Part(table, start, table.rows), table.times(time)[start:] if time else None)
    except InputError as error:
        raise InputError(f"{table.path}: {error}") from error


def check_columns(tables: Sequence[Table], drop: Sequence[str], time: str) -> None:
    """Raises InputError where a column that is named is in no table, or the time not in the last one."""
    there = ", ".join(tables[-1].names[:20])
    for name in drop:
        if all(name not in table.names for table in tables):
            raise InputError(f"{tables[-1].path}: --drop: there is no column {name!r}; the columns are {there}")
    if time and time not in tables[-1].names:
        raise InputError(f"{tables[-1].path}: --time: there is no column {time!r}; the columns are {there}")


def check_start(table: Table, start: int) -> None:
    """Raises InputError where the training rows leave nothing to judge."""
    if start and start >= table.rows:
        raise InputError(f"{table.path}: --train-rows {start} leaves nothing to judge: the table has {table.rows} rows")


def detect_table(train: Any, test: Any, *, time: str = "", drop: Sequence[str] = ()) -> pa.Table:
    """See `interferon.detect_table`."""
    table = _table(test, "test")
    start = train if isinstance(train, int) else 0
    if isinstance(train, int) and start < 1:
        raise InputError(f"train is {start}; a number of rows above 0 is needed, or normal tables")
    earlier = [] if start else [_table(one, f"train {number}") for number, one in enumerate(_several(train), 1)]
    if not start and not earlier:
        raise InputError("train: at least one table of normal rows is needed")
    check_columns([*earlier, table], drop, time)
    check_start(table, start)
    exclude = [*drop, time] if time else list(drop)
    pattern = learnt([(table, start)] if start else [(one, one.rows) for one in earlier], exclude, time, (earlier or [table])[-1].path)
    for note in notes(pattern, table, exclude):
        warnings.warn(note, stacklevel=3)
    found = judged(pattern, table, start, time)
    told = found.judged
    columns = {"row": pa.array(range(start, table.rows), pa.int64()), "score": told.score, "p": told.p, "alarm": told.alarm}
    return pa.table({**columns, "why": list(reasons(found))})


def _several(train: Any) -> list[Any]:
    return list(train) if isinstance(train, list | tuple) else [train]


def _table(data: Any, said: str) -> Table:
    """Anything that Arrow takes as a table. Raises InputError where it does not."""
    try:
        return table_of(Path(said), _arrow(data))
    except (pa.ArrowException, TypeError, ValueError) as error:
        needed = "a table of pyarrow or pandas, or a mapping of names to arrays is needed"
        raise InputError(f"{said}: {needed}: {' '.join(str(error).split())[:160]}") from error


def _arrow(data: Any) -> pa.Table:
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, Mapping):
        return pa.table({str(name): pa.array(values, from_pandas=True) for name, values in data.items()})
    made = data if isinstance(data, pa.Table) else pa.table(data)
    return made.drop_columns([name for name in made.column_names if name.startswith(UNNAMED)])
