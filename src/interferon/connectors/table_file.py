"""Reads the tables that a historian exports: CSV of any separator and dialect, or Parquet.

Called by `interferon detect` and whoever needs a recorded table. Reads files; every complaint names the file and line.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from interferon.model.errors import InputError

MISSING = ("", "-", "?", "na", "n/a", "#n/a", "nan", "null", "none", "bad", "i/o timeout", "no data")
NO_TIME = np.iinfo(np.int64).min
_NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
COLUMNS = 16_384  # as many as a spreadsheet holds; many more take Arrow minutes
_FAR = 200_000_000_000_000_000  # microseconds; the year 8307
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")  # in no text that a person exports
_CALENDAR = re.compile(
    r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*([AaPp][Mm])?)?$"
)


class Table:
    """One table: `path`, `names`, `rows`, and columns on demand as numbers, texts or times."""

    def __init__(self, path: Path, data: pa.Table, comma: bool, first_line: int | None, headless: bool = False) -> None:
        self.path, self.names, self.rows, self.headless = path, list(data.column_names), data.num_rows, headless
        self._data, self._comma, self._first_line = data, comma, first_line
        self._numbers: dict[str, NDArray[np.float64]] = {}  # parsed once, asked for several times

    def is_number(self, name: str) -> bool:
        """True where at least half of the values there are numbers; the rest (`Bad`, `I/O Timeout`) then count as missing."""
        column = self._data[name]
        if not _is_text(column.type):
            return True
        there = int(np.count_nonzero(self.texts(name) != ""))
        return there == 0 or int(np.count_nonzero(~np.isnan(self.numbers(name)))) >= there / 2

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The column as float64; NaN where there is no finite number."""
        if name not in self._numbers:
            self._numbers[name] = self._parsed_numbers(name)
        return self._numbers[name]

    def _parsed_numbers(self, name: str) -> NDArray[np.float64]:
        column = self._data[name]
        if _is_text(column.type):
            column = _numeric(column, self._comma)
        elif pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            column = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64())
        values = np.array(pc.cast(column, pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        values[~np.isfinite(values)] = np.nan
        return values

    def texts(self, name: str) -> NDArray[np.object_]:
        """The column as trimmed text; the empty string where missing."""
        column = self._data[name]
        if not _is_text(column.type):
            column = pc.cast(column, pa.string())
        trimmed = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
        missing = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(MISSING))
        return np.asarray(pc.if_else(missing, "", trimmed).to_numpy(), dtype=np.object_)

    def times(self, name: str) -> NDArray[np.int64]:
        """The column as UTC microseconds, NO_TIME where missing; a time without a zone counts as UTC. Raises InputError."""
        column = self._data[name]
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            ticks = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64())
            return np.asarray(pc.fill_null(ticks, NO_TIME).to_numpy(), dtype=np.int64)
        if self.is_number(name):
            ticks = _epoch(self.numbers(name))
            wild = np.flatnonzero((ticks != NO_TIME) & (np.abs(ticks) > _FAR))
            if len(wild):
                raise InputError(
                    f"{self.where(int(wild[0]))}: column {name!r}: {self.texts(name)[wild[0]][:40]!r} is not a time since 1970"
                )
            return ticks
        texts = self.texts(name).tolist()
        month_first = _month_first(texts)
        return np.array([self._time(text, row, name, month_first) for row, text in enumerate(texts)], dtype=np.int64)

    def moments(self, name: str) -> NDArray[np.int64]:
        """The column as UTC microseconds like `times`, but NO_TIME also where the text is no time: for who keeps count of bad rows."""
        column = self._data[name]
        if not _is_text(column.type) or self.is_number(name):
            return self.times(name)
        texts = self.texts(name).tolist()
        month_first = _month_first(texts)
        found = (_moment(text, month_first) if text else None for text in texts)
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return np.array([NO_TIME if moment is None else (moment - epoch) // timedelta(microseconds=1) for moment in found], dtype=np.int64)

    def turned_like(self, other: Table) -> Table:
        """The table itself, or with rows and columns exchanged where that alone lets it have the columns of `other`: both without a header,
        and as many rows here as columns there."""
        if not (self.headless and other.headless) or len(self.names) == len(other.names) or self.rows != len(other.names):
            return self
        turned = np.stack([self.numbers(name) for name in self.names])
        columns = {name: pa.array(turned[:, number], from_pandas=True) for number, name in enumerate(other.names)}
        return Table(self.path, pa.table(columns), False, None)

    def where(self, row: int) -> str:
        """`file:line` of a data row (`file, row N` in Parquet)."""
        return f"{self.path}:{row + self._first_line}" if self._first_line is not None else f"{self.path}, row {row}"

    def _time(self, text: str, row: int, name: str, month_first: bool) -> int:
        if not text:
            return NO_TIME
        moment = _moment(text, month_first)
        if moment is None:
            raise InputError(f"{self.where(row)}: column {name!r}: {text[:40]!r} is not a time; write for example 2024-05-01 12:00:00")
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def read_table(path: Path, broken: list[str] | None = None) -> Table:
    """Returns the table in `path`. Raises InputError where there is none, or it is broken.

    With a list in `broken`, rows with too few or too many fields are left out and told there (`file:line: …`) instead.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; a CSV or Parquet file is needed")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return _read_parquet(path)
    if not magic:
        raise InputError(f"{path}: the file is empty; a header line and rows are needed")
    return _read_csv(path, broken)


def _read_parquet(path: Path) -> Table:
    try:
        data = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file: {_first_sentence(error)}") from error
    return table_of(path, data)


def table_of(path: Path, data: pa.Table) -> Table:
    """A table that has its types already; `path` is its name in messages. Raises InputError where it has no rows or nested columns."""
    for field in data.schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise InputError(f"{path}: column {field.name!r} holds {field.type}; numbers, texts and times are understood")
    _check_names(path, data.column_names)
    columns = [pc.cast(column, pa.string()) if pa.types.is_dictionary(column.type) else column for column in data.columns]
    return _with_rows(Table(path, pa.table(columns, names=data.column_names), False, None))


def _read_csv(path: Path, broken: list[str] | None) -> Table:
    text = _decoded(path)
    skipped = _preamble(text)
    sample = [line for line in _lines(text, skipped, 200) if line.strip()]
    if not sample:
        raise InputError(f"{path}: the file is empty; a header line and rows are needed")
    try:
        separator = _separator(sample)
    except csv.Error as error:
        raise InputError(f"{path}: not a readable table: {error}") from error
    if separator == " ":
        text = re.sub(r"[ \t]+", " ", re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text))
        sample = [" ".join(line.split()) for line in sample]
    first = next(csv.reader([sample[0]], delimiter=separator))
    comma = separator != "," and _decimal_comma(sample, separator)
    headless = all(re.match(_NUMBER, _plain(cell, comma)) or not cell.strip() for cell in first)
    names = [f"c{number}" for number in range(1, len(first) + 1)] if headless else [cell.strip() for cell in first]
    names = [name or f"c{number}" for number, name in enumerate(names, start=1)]
    _check_names(path, names)
    blanks = next((number for number, line in enumerate(_lines(text, skipped, 10_000)) if line.strip()), 0)
    before = skipped + blanks + (0 if headless else 1)
    return _with_rows(Table(path, _parsed(path, text, names, separator, before, broken), comma, before + 1, headless))


def _parsed(path: Path, text: str, names: list[str], separator: str, before: int, tolerated: list[str] | None) -> pa.Table:
    broken: list[str] = [] if tolerated is None else tolerated

    def report(row: Any) -> str:
        if not broken or tolerated is not None:
            broken.append(f"{path}:{row.number}: {row.actual_columns} fields where the header has {row.expected_columns}")
        return "skip"

    try:
        data = pa.csv.read_csv(
            pa.py_buffer(text.encode()),
            read_options=pa.csv.ReadOptions(column_names=names, skip_rows=before, use_threads=False),
            parse_options=pa.csv.ParseOptions(delimiter=separator, invalid_row_handler=report, ignore_empty_lines=len(names) > 1),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error) or "Could not skip" in str(error):
            raise InputError(f"{path}: no data rows below the header") from error
        raise InputError(f"{path}: not a readable table: {_first_sentence(error)}") from error
    if broken and tolerated is None:
        raise InputError(broken[0])
    return data


def _decoded(path: Path) -> str:
    with pa.input_stream(str(path), compression="detect") as stream:
        try:
            raw: bytes = stream.read()
        except OSError as error:
            raise InputError(f"{path}: not a readable compressed file: {_first_sentence(error)}") from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    if _CONTROL.search(raw[:65_536]):
        raise InputError(f"{path}: not a table: the file is binary; a CSV or Parquet file is needed")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")  # what a historian on Windows writes
    if "\r" in text[:65_536].replace("\r\n", ""):  # a carriage return alone ends a line, as it does for Arrow
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def _preamble(text: str) -> int:
    """Number of leading lines that are comments or Excel's `sep=;`."""
    count = 0
    for line in _lines(text, 0, 1000):
        if not line.startswith(("#", "sep=")):
            break
        count += 1
    return count


def _lines(text: str, skip: int, most: int) -> Iterator[str]:
    position = 0
    for number in range(skip + most):
        if position >= len(text):
            return
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if number >= skip:
            yield text[position:end].rstrip("\r")
        position = end + 1


def _separator(sample: list[str]) -> str:
    """The first of the usual separators that splits nearly all lines into the same number of fields, two or more."""
    for separator in (";", "\t", "|", ",", " "):
        rows = csv.reader([" ".join(line.split()) for line in sample] if separator == " " else sample, delimiter=separator)
        fields, count = Counter(len(row) for row in rows).most_common(1)[0]
        if fields > 1 and count >= 0.8 * len(sample):
            return separator
    return ";" if any(";" in line for line in sample[:1]) else ","


def _decimal_comma(sample: list[str], separator: str) -> bool:
    cells = [cell.strip() for row in csv.reader(sample[1:], delimiter=separator) for cell in row]
    commas = sum(bool(re.match(r"^[+-]?[\d.]*,\d+([eE][+-]?\d+)?$", cell)) for cell in cells)
    return commas > sum(bool(re.match(r"^[+-]?\d*\.\d+([eE][+-]?\d+)?$", cell)) for cell in cells)


def _plain(cell: str, comma: bool) -> str:
    cell = cell.strip().removeprefix("+")
    return cell.replace(".", "").replace(",", ".") if comma and "," in cell else cell


def _numeric(column: pa.ChunkedArray, comma: bool) -> pa.ChunkedArray:
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"^\+", "")
    if comma:
        plain = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
        text = pc.if_else(pc.match_substring(text, ","), plain, text)
    return pc.cast(pc.if_else(pc.match_substring_regex(text, _NUMBER), text, None), pa.float64())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _check_names(path: Path, names: list[str]) -> None:
    if len(names) > COLUMNS:
        raise InputError(f"{path}:1: {len(names):,} columns; a table has at most {COLUMNS:,}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path}:1: column {twice[0]!r} appears twice in the header; names must differ")


def _with_rows(table: Table) -> Table:
    if table.rows == 0:
        raise InputError(f"{table.path}: no data rows below the header")
    return table


def _first_sentence(error: BaseException) -> str:
    return str(error).splitlines()[0][:160]


def _epoch(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Seconds, milli-, micro- or nanoseconds since 1970, told by size; small numbers are days since 1899-12-30, as a spreadsheet has."""
    size = float(np.nanmedian(np.abs(values))) if np.isfinite(values).any() else 0.0
    steps = ((1e5, 86_400e6), (1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (np.inf, 1e-3))
    scale = next(factor for limit, factor in steps if size < limit)
    origin = -25_569 * 86_400e6 if size < 1e5 else 0.0
    ticks = np.round(np.where(np.isnan(values), 0.0, values) * scale + origin)
    return np.where(np.isnan(values), NO_TIME, np.clip(ticks, -9e18, 9e18).astype(np.int64))


def _month_first(texts: list[str]) -> bool:
    """Whether 03/04/2024 is March 4: told by any day above 12, else by the slash, which is the American habit."""
    slash = False
    for text in texts:
        if found := _CALENDAR.match(text):
            if int(found[1]) > 12:
                return False
            if int(found[2]) > 12:
                return True
            slash = "/" in text
    return slash


def _moment(text: str, month_first: bool) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        found = _CALENDAR.match(text)
        return _calendar(found, month_first) if found else None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _calendar(found: re.Match[str], month_first: bool) -> datetime | None:
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    month, day = (first, second) if month_first else (second, first)
    hour = int(found[4] or 0)
    if found[8]:
        hour = hour % 12 + (12 if found[8].lower() == "pm" else 0)
    fraction = int((found[7] or "0").ljust(6, "0"))
    try:
        return datetime(year + 2000 if year < 100 else year, month, day, hour, int(found[5] or 0), int(found[6] or 0), fraction, UTC)
    except ValueError:
        return None
