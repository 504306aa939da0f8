"""From a recorded table (CSV, Parquet) to telemetry events, as a mapping says: one row a moment and many signals, or one row a reading.

Called by replay and `up` with columns that were read already. A cell or row that cannot be used is a dead letter, never a lost file.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from interferon.model.errors import InputError
from interferon.model.events import TELEMETRY
from interferon.model.records import DeadLetter

NAME: Final = "csv"
SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")
VALUES: Final = 1 << 16  # values in one batch
TIMES: Final = ("time", "datetime", "timestamp", "date", "ts")
ENTITIES: Final = ("entity", "asset", "device", "tag_owner")

Read: TypeAlias = "Iterator[pa.RecordBatch | DeadLetter]"


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`mappings/*.toml`. A wide file has a column a signal; a narrow one has `signal` and `value` columns."""

    time: str = ""  # column of the time; guessed by name where it is not given
    entity: str = ""  # reference that the whole file is about, e.g. `asset:plc-1`
    entity_column: str = ""  # or the column that names it, with or without `asset:`
    signal: str = ""  # narrow: column that names the signal
    value: str = ""  # narrow: column of the reading
    drop: list[str] = []  # columns that are no signals
    rename: dict[str, str] = {}  # column → signal
    feed: str = ""  # name of the feed; the file's stem where it is not given


class Columns(Protocol):
    """A table that was read: what `connectors.table_file.Table` offers."""

    names: list[str]
    rows: int

    def is_number(self, name: str) -> bool: ...
    def numbers(self, name: str) -> np.ndarray: ...
    def texts(self, name: str) -> np.ndarray: ...
    def where(self, row: int) -> str: ...
    def moments(self, name: str) -> np.ndarray: ...


def load_mapping(path: Path) -> Mapping:
    """Reads a mapping; InputError with one line where it is none."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except FileNotFoundError:
        raise InputError(f"{path}: no such mapping file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}; a mapping has {', '.join(Mapping.__struct_fields__)}") from None


def resolved(mapping: Mapping, names: list[str], where: str, only: str = "") -> Mapping:
    """The mapping, what it leaves open guessed from the column names; `only`: entity to fall back on. InputError names what is missing."""
    for given in (mapping.time, mapping.entity_column, mapping.signal, mapping.value, *mapping.rename):
        if given and given not in names:
            raise InputError(f"{where}: no column {given!r}; the columns are {', '.join(names)}")
    lower = {name.lower(): name for name in names}
    time = mapping.time or next((lower[name] for name in TIMES if name in lower), "")
    if not time:
        raise InputError(f'{where}: which column is the time? name it in a mapping: time = "{names[0]}"')
    column = mapping.entity_column or ("" if mapping.entity else next((lower[name] for name in ENTITIES if name in lower), ""))
    entity = mapping.entity or ("" if column else only)
    if not column and not entity:
        raise InputError(f'{where}: whose telemetry is it? name it in a mapping: entity = "asset:ID", or entity_column = "COLUMN"')
    narrow = bool(mapping.signal) or ("signal" in lower and "value" in lower)
    signal, value = (mapping.signal or lower.get("signal", ""), mapping.value or lower.get("value", "")) if narrow else ("", "")
    if narrow and (not signal or not value):
        raise InputError(f"{where}: a narrow table needs both a signal and a value column in its mapping")
    return msgspec.structs.replace(mapping, time=time, entity=entity, entity_column=column, signal=signal, value=value)


def normalise(table: Columns, mapping: Mapping, feed: str) -> Read:
    """Telemetry batches in the order of the rows. `mapping` must be resolved. Offsets number the cells: row × signals + column."""
    times = table.moments(mapping.time)
    good = times != np.iinfo(np.int64).min
    texts = np.array([]) if good.all() else table.texts(mapping.time)
    for row in np.flatnonzero(~good):
        shown = str(texts[row])
        reason = f"{table.where(int(row))}: {shown[:40]!r} is not a time" if shown else f"{table.where(int(row))}: the time is missing"
        yield DeadLetter(feed=feed, offset=int(row), time=0, family="telemetry", entity=mapping.entity, reason=reason, raw=shown[:2000])
    entities = _entities(table, mapping)
    if mapping.signal:
        yield from _narrow(table, mapping, feed, times, entities, good)
    else:
        yield from _wide(table, mapping, feed, times, entities, good)


def not_numbers(table: Columns, mapping: Mapping) -> list[str]:
    """Columns of a wide table that would be signals but do not hold numbers, so that a person can be told."""
    known = {mapping.time, mapping.entity_column, *mapping.drop}
    return [] if mapping.signal else [name for name in table.names if name not in known and not table.is_number(name)]


def _entities(table: Columns, mapping: Mapping) -> tuple[np.ndarray, list[str]]:
    """Codes (rows,) and references."""
    if not mapping.entity_column:
        return np.zeros(table.rows, dtype=np.int32), [mapping.entity]
    texts = pa.array(table.texts(mapping.entity_column), pa.string()).dictionary_encode()
    names = [name if ":" in name else f"asset:{name}" for name in texts.dictionary.to_pylist()]
    return texts.indices.to_numpy().astype(np.int32), names


def _wide(table: Columns, mapping: Mapping, feed: str, times: np.ndarray, entities: tuple[np.ndarray, list[str]], good: np.ndarray) -> Read:
    left_out = {mapping.time, mapping.entity_column, *mapping.drop}
    columns = [name for name in table.names if name not in left_out and table.is_number(name)]
    if not columns:
        raise InputError(f"{table.where(0)}: no column holds numbers; name signal and value columns in a mapping")
    values = np.column_stack([table.numbers(name) for name in columns])
    signals = [mapping.rename.get(name, name) for name in columns]
    step, width = max(1, VALUES // len(columns)), len(columns)
    for begin in range(0, table.rows, step):
        rows = np.flatnonzero(good[begin : begin + step]) + begin
        if len(rows):
            cells = (
                np.repeat(rows, width) * width + np.tile(np.arange(width), len(rows)),
                np.tile(np.arange(width, dtype=np.int32), len(rows)),
            )
            yield _batch(
                feed, np.repeat(times[rows], width), np.repeat(entities[0][rows], width), entities[1], cells, signals, values[rows].ravel()
            )


def _narrow(
    table: Columns, mapping: Mapping, feed: str, times: np.ndarray, entities: tuple[np.ndarray, list[str]], good: np.ndarray
) -> Read:
    names = pa.array(table.texts(mapping.signal), pa.string()).dictionary_encode()
    codes, signals = names.indices.to_numpy().astype(np.int32), [mapping.rename.get(name, name) for name in names.dictionary.to_pylist()]
    values = table.numbers(mapping.value)
    for begin in range(0, table.rows, VALUES):
        rows = np.flatnonzero(good[begin : begin + VALUES]) + begin
        if len(rows):
            yield _batch(feed, times[rows], entities[0][rows], entities[1], (rows, codes[rows]), signals, values[rows])


def _batch(
    feed: str,
    times: np.ndarray,
    entity: np.ndarray,
    entities: list[str],
    cells: tuple[np.ndarray, np.ndarray],
    signals: list[str],
    values: Any,
) -> pa.RecordBatch:
    n = len(times)
    offsets, signal = cells
    zero = np.zeros(n, dtype=np.int32)
    columns = {
        "time": pa.array(times, pa.int64()),
        "seen": pa.array(times, pa.int64()),
        "feed": pa.DictionaryArray.from_arrays(pa.array(zero), pa.array([feed])),
        "offset": pa.array(offsets, pa.int64()),
        "entity": pa.DictionaryArray.from_arrays(pa.array(entity, pa.int32()), pa.array(entities)),
        "trust": pa.array(np.ones(n, dtype=np.float32)),
        "raw": pa.nulls(n, pa.binary(16)),
        "signal": pa.DictionaryArray.from_arrays(pa.array(signal, pa.int32()), pa.array(signals)),
        "value": pa.array(values, pa.float64(), from_pandas=True),
        "text": pa.nulls(n, pa.string()),
        "quality": pa.array(np.zeros(n, dtype=np.uint8)),
    }
    return pa.RecordBatch.from_arrays([columns[field.name] for field in TELEMETRY], schema=TELEMETRY)
