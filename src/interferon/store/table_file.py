"""One CSV file of a network folder → rows of typed cells, each with its line; every problem told, none raised.

Called by `folder`. Reads bytes handed to it, so that a test needs no disk.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from interferon.model.problem import Problem
from interferon.model.tables import Column, Table
from interferon.store.cells import EMPTY, CellError, Value, close, convert, shown


@dataclass(frozen=True)
class Line:
    """One row: where it starts, its texts as written, and its typed cells where all are good."""

    number: int
    texts: dict[str, str]
    cells: dict[str, Value]
    good: bool


@dataclass
class Rows:
    """What a file held, and what is wrong with it. Not `whole`: there may be rows that could not be read."""

    table: Table
    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    whole: bool = True

    def problem(self, line: int, message: str, *, fatal: bool = True, whole: bool = True) -> None:
        """Notes one problem of this file, and whether the rows are still all there."""
        self.problems.append(Problem(file=self.table.file, line=line, message=message, fatal=fatal))
        self.whole &= whole


def parse(table: Table, data: bytes) -> Rows:
    """Reads a table from the bytes of its file: UTF-8 (a byte order mark is tolerated), comma-separated, a header first."""
    rows = Rows(table)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        rows.problem(data.count(b"\n", 0, error.start) + 1, f"byte {error.start} is not UTF-8; save the file as 'CSV UTF-8'", whole=False)
        return rows
    records = _records(rows, text)
    header = next(records, None)
    if header is None:
        if not rows.problems:
            rows.problem(1, f"the file is empty; its first line must be {','.join(column.column for column in table.columns)}", whole=False)
        return rows
    columns = _columns(rows, *header)
    if columns is not None:
        rows.lines = [_line(rows, columns, number, record) for number, record in records]
        if table.required and not rows.lines and not rows.problems:
            rows.problem(1, f"{table.name} has no rows; it needs at least one")
    return rows


def _records(rows: Rows, text: str) -> Iterator[tuple[int, list[str]]]:
    """(line it starts on, fields) of each record that is not blank. Ends at the first one that is no CSV, with a problem."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            unclosed = "a quote is opened and never closed; double a quote inside a quoted field"
            rows.problem(start, unclosed if "unexpected end of data" in str(error) else f"not CSV: {error}", whole=False)
            return
        if any(cell.strip() for cell in record):
            yield start, record


def _columns(rows: Rows, line: int, header: list[str]) -> list[Column | None] | None:
    """The column each field belongs to, None for one we do not know; None in all where the rows cannot be read."""
    names = [name.strip() for name in header]
    known = {column.column: column for column in rows.table.columns}
    if len(names) == 1 and (sign := next((sign for sign in ";\t|" if sign in names[0]), "")):
        named = "a tab" if sign == "\t" else f"'{sign}'"
        rows.problem(line, f"fields are separated by {named}; separate them by ','", whole=False)
        return None
    for name in dict.fromkeys(names):
        if name not in known:
            rows.problem(line, f"unknown column '{shown(name)}'{close(name, list(known))}; known are {', '.join(known)}")
        elif names.count(name) > 1:
            rows.problem(line, f"column '{name}' is there {names.count(name)} times; keep one")
    for column in rows.table.columns:
        if column.must and column.column not in names:
            rows.problem(
                line, f"column '{column.column}' is missing; {rows.table.name} must have it: {column.description}", whole=not column.key
            )
    return [known.get(name) for name in names]


def _line(rows: Rows, columns: list[Column | None], number: int, record: list[str]) -> Line:
    texts = {column.column: text for column, text in zip(columns, record, strict=False) if column}
    fits = len(record) == len(columns)
    if not fits:
        rows.problem(number, f"the row has {len(record)} fields and the header {len(columns)}; quote a field that holds a comma")
    cells: dict[str, Value] = {}
    for column in rows.table.columns if fits else ():
        if column.must and column.column not in texts:
            continue  # the missing column was told once, at the header
        try:
            cells[column.column] = _cell(column, texts.get(column.column, ""))
        except CellError as error:
            rows.problem(number, str(error))
    return Line(number, texts, cells, fits and len(cells) == len(rows.table.columns))


def _cell(column: Column, text: str) -> Value:
    """A cell's value, or the default where it is empty."""
    if text.strip():
        return convert(column, text)
    if column.must:
        raise CellError(f"{column.column} is empty; it needs {column.description[0].lower()}{column.description[1:]}")
    return convert(column, column.default) if column.default else EMPTY.get(column.type, "")
