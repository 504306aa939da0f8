"""Reads tables that ERP systems and CMDBs export as CSV, by a declared mapping: orders, stock, shipments, receipts, invoices; and assets.

Called by replay, `discover` and `up`; `discover` and `check` take the rows for the network's tables. A mapping is `NAME.toml` beside
`NAME.csv`, or in a folder `mappings` there or one above; a table whose columns are named as the fields of trade events needs none.
"""

import csv
import gzip
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa

from interferon.model.errors import InputError
from interferon.model.events import TRADE_KINDS
from interferon.model.records import DeadLetter
from interferon.sense import table_mapping
from interferon.sense.batches import batch
from interferon.sense.table_mapping import Mapping

NAME: Final = "erp"
SUFFIXES: Final = (".csv", ".tsv")
EXAMPLE: Final = (
    b"kind;time;order;product;quantity;origin;destination;partner;price\n"
    b"order.placed;2026-01-05T08:00:00Z;PO-17;pump;12;;plant-1;acme;2.50\n"
    b"stock.counted;2026-01-05T22:00:00Z;;pump;4;plant-1;;;\n"
)
GZIP: Final = b"\x1f\x8b"
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
ROWS: Final = 8192
SEPARATORS: Final = (";", ",", "\t", "|")
LINE: Final = 1 << 20  # bytes of a line; what is longer is cut, and told as rows that do not fit
LONGEST: Final = 64  # lines of one row, where a cell in quotes has line ends

Read = Iterator["pa.RecordBatch | DeadLetter"]


class Record(NamedTuple):
    """A row of the file: the number of its first line, its cells, what it said, and why its cells cannot be told."""

    line: int
    cells: list[str]
    raw: str
    wrong: str = ""


def read(path: Path, feed: str = "", mapping: Mapping | None = None) -> Read:
    """Trade batches in the order of the rows, and the rows that could not be used. InputError where file or mapping cannot be used."""
    fitting = mapping or beside(path)
    if fitting is not None and fitting.table:
        raise InputError(f"{path}: its mapping is of the table {fitting.table}, which holds no events; it is for `discover` and `check`")
    yield from normalise(_lines(path), feed or (fitting.feed if fitting else "") or path.stem, mapping=fitting)


def beside(path: Path) -> Mapping | None:
    """The mapping that belongs to a file by its name; None where there is none."""
    name = f"{path.name.removesuffix('.gz').rpartition('.')[0]}.toml"
    found = [
        each for each in (path.with_name(name), path.parent / "mappings" / name, path.parent.parent / "mappings" / name) if each.is_file()
    ]
    return load_mapping(found[0]) if found else None


def load_mapping(path: Path) -> Mapping:
    """Reads a mapping; InputError with one line where it is none."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}; a mapping has {', '.join(Mapping.__struct_fields__)}") from None
    if problem := found.problem():
        raise InputError(f"{path}: {problem}")
    return found


def _lines(path: Path) -> Iterator[bytes]:
    """Physical lines, unpacked; a file in UTF-16 as UTF-8."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        with gzip.open(path) if packed else path.open("rb") as file:
            head = file.read(2)
            file.seek(0)
            if head in UTF_16:
                yield from file.read().decode("utf-16", errors="replace").encode().splitlines(keepends=True)
            else:
                yield from iter(lambda: file.readline(LINE), b"")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: is a damaged gzip file: {error}") from None


def sniff(head: bytes) -> bool:
    """Whether the first row names fields of trade events, `kind` and `time` among them, and the second a kind of trade."""
    lines = head.splitlines()[:2]
    records = list(_records(iter(lines), "", "")) if len(lines) == 2 else []
    if len(records) != 2 or records[0].wrong or records[1].wrong or not {"kind", "time"} <= set(records[0].cells):
        return False
    cells = dict(zip(records[0].cells, records[1].cells, strict=False))
    return cells.get("kind") in TRADE_KINDS


def normalise(lines: Iterable[bytes], feed: str, first: int = 0, mapping: Mapping | None = None) -> Read:
    """Events of byte lines, the header among them; an event's offset is the number of its first line from `first`.

    Without a mapping the columns are named as the fields of trade events. InputError where a column of the mapping is not there.
    """
    held: list[dict[str, Any]] = []
    for record, cells, fitting in _cells(lines, first, mapping):
        try:
            if record.wrong:
                raise ValueError(record.wrong)
            held.append({**table_mapping.event(fitting, cells, feed), "offset": record.line})
        except ValueError as error:
            if held:
                yield _batch(held, feed)
                held = []
            yield _dead(record, str(error), feed)
        if len(held) == ROWS:
            yield _batch(held, feed)
            held = []
    if held:
        yield _batch(held, feed)


def rows_for_tables(path: Path, mapping: Mapping | None = None) -> Iterator[tuple[str, dict[str, str]] | DeadLetter]:
    """Name of a table of the network and one row of it, as text by column; DeadLetter where a row lacks its key.

    For `discover` and `check`, which look at the values. InputError where the mapping names no table.
    """
    fitting = mapping or beside(path)
    if fitting is None or not fitting.table:
        raise InputError(f'{path}: has no mapping with a table; it would be {path.stem}.toml with table = "assets" and [columns]')
    for record, cells, known in _cells(_lines(path), 0, fitting):
        try:
            if record.wrong:
                raise ValueError(record.wrong)
            yield known.table, table_mapping.row(known, cells)
        except ValueError as error:
            yield _dead(record, str(error), fitting.feed or path.stem)


def _cells(lines: Iterable[bytes], first: int, mapping: Mapping | None) -> Iterator[tuple[Record, dict[str, str], Mapping]]:
    """Rows below the header with their cells by column, and the mapping that holds."""
    found = _records(iter(lines), mapping.separator if mapping else "", mapping.encoding if mapping else "", mapping.skip if mapping else 0)
    header = next(found, None)
    if header is None:
        return
    names = [name.strip() for name in header.cells]
    fitting = mapping or table_mapping.own(names)
    if mapping is not None and (absent := [name for name in mapping.columns if name not in names]):
        raise InputError(f"line {header.line + 1}: no column {absent[0]!r}; the columns are {', '.join(names)[:400]}")
    if mapping is None and not {"kind", "time"} <= set(names):
        yield (
            Record(first + header.line, [], header.raw, "names no columns kind and time, and there is no mapping that says which they are"),
            {},
            fitting,
        )
        return
    for record in found:
        placed = record._replace(line=first + record.line)
        cells = record.cells
        if not record.wrong and len(cells) != len(names) and (len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :])):
            placed = placed._replace(wrong=f"has {len(cells)} cells; the header names {len(names)} columns")
        yield placed, dict(zip(names, cells, strict=False)), fitting


def _records(lines: Iterator[bytes], separator: str, encoding: str, skip: int = 0) -> Iterator[Record]:
    """Rows of any separator, with cells in quotes over several lines; blank lines are none."""
    numbered = enumerate(_decoded(line, encoding) for line in lines)
    waiting: list[tuple[int, str]] = []
    while waiting or (following := next(numbered, None)) is not None:
        line, text = waiting.pop(0) if waiting else following  # type: ignore[misc]
        if line < skip or not text.strip("\r\n \t\ufeff\x00"):
            continue
        if line == skip or not separator:
            text = text.removeprefix("\ufeff")
            separator = separator or max(SEPARATORS, key=lambda mark: _outside(text, mark))
        taken = [(line, text)]
        cells = _parsed(text, separator)
        while cells is None and len(taken) < LONGEST:
            more = waiting.pop(0) if waiting else next(numbered, None)
            if more is None:
                break
            taken.append(more)
            cells = _parsed("".join(each for _, each in taken), separator)
        if cells is None:  # a quotation mark without an end costs its own line alone
            waiting = [*taken[1:], *waiting]
            yield Record(line, [], text.rstrip("\r\n"), "has a cell in quotation marks that does not end")
        else:
            yield Record(line, cells, "".join(each for _, each in taken).rstrip("\r\n"))


def _decoded(line: bytes, encoding: str) -> str:
    try:
        return line.decode(encoding or "utf-8")
    except LookupError:
        raise InputError(f"the mapping's encoding {encoding!r} is not known; it would be as utf-8 or cp1252") from None
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _outside(text: str, mark: str) -> int:
    """How often a mark stands outside of quotation marks."""
    return sum(part.count(mark) for part in text.split('"')[::2])


def _parsed(text: str, separator: str) -> list[str] | None:
    """The cells of one row; None where a cell in quotation marks is still open."""
    if '"' not in text:
        return text.rstrip("\r\n").split(separator)
    plain = text.replace("\x00", "")
    try:
        return next(csv.reader([plain], delimiter=separator, strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
    try:
        return next(csv.reader([plain], delimiter=separator), [])
    except csv.Error:
        return plain.rstrip("\r\n").split(separator)


def _dead(record: Record, reason: str, feed: str) -> DeadLetter:
    told = f"line {record.line + 1}: {reason}"
    return DeadLetter(feed=feed, offset=record.line, time=0, family="trade", entity="", reason=told, raw=record.raw[:2000])


def _batch(held: list[dict[str, Any]], feed: str) -> pa.RecordBatch:
    return batch("trade", feed, {name: [row[name] for row in held] for name in held[0]})
