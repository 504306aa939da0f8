"""A recorded table as telemetry: mappings, wide and narrow tables, offsets, and rows that cannot be used."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.connectors import telemetry_rows
from interferon.connectors.table_file import read_table
from interferon.connectors.telemetry_rows import Mapping, load_mapping, normalise, resolved
from interferon.model.errors import InputError
from interferon.model.events import TELEMETRY
from interferon.model.records import DeadLetter

WIDE = "time,level,flow\n2026-01-05T00:00:00Z,1.5,7\n2026-01-05T00:01:00Z,,8\n"
T0 = 1_767_571_200_000_000
MINUTE = 60_000_000


def read(path: Path, text: str, mapping: Mapping, only: str = "") -> tuple[list[pa.RecordBatch], list[DeadLetter]]:
    path.write_text(text)
    table = read_table(path)
    items = list(normalise(table, resolved(mapping, table.names, str(path), only), "hist"))
    return [item for item in items if isinstance(item, pa.RecordBatch)], [item for item in items if isinstance(item, DeadLetter)]


def cells(batches: list[pa.RecordBatch]) -> list[tuple[int, int, str, str, float | None]]:
    rows = [row for batch in batches for row in batch.to_pylist()]
    return [((row["time"] - T0) // MINUTE, row["offset"], row["entity"], row["signal"], row["value"]) for row in rows]


def test_a_wide_row_is_a_reading_of_every_signal(tmp_path: Path) -> None:
    batches, dead = read(tmp_path / "t.csv", WIDE, Mapping(entity="asset:plc-1"))
    assert dead == []
    assert all(batch.schema == TELEMETRY for batch in batches)
    plc = "asset:plc-1"
    assert cells(batches) == [(0, 0, plc, "level", 1.5), (0, 1, plc, "flow", 7.0), (1, 2, plc, "level", None), (1, 3, plc, "flow", 8.0)]


def test_a_narrow_row_is_one_reading(tmp_path: Path) -> None:
    text = "ts,asset,signal,value\n2026-01-05T00:00:00Z,plc-1,level,1.5\n2026-01-05T00:01:00Z,zone:z,flow,2\n"
    batches, dead = read(tmp_path / "t.csv", text, Mapping())
    assert dead == []
    assert cells(batches) == [(0, 0, "asset:plc-1", "level", 1.5), (1, 1, "zone:z", "flow", 2.0)]


def test_dropped_and_renamed_columns(tmp_path: Path) -> None:
    batches, _ = read(tmp_path / "t.csv", WIDE, Mapping(entity="asset:a", drop=["flow"], rename={"level": "LT-101"}))
    assert [signal for _, _, _, signal, _ in cells(batches)] == ["LT-101", "LT-101"]


def test_a_network_of_one_asset_needs_no_entity(tmp_path: Path) -> None:
    batches, _ = read(tmp_path / "t.csv", WIDE, Mapping(), only="asset:only")
    assert {entity for _, _, entity, _, _ in cells(batches)} == {"asset:only"}


def test_a_row_without_a_time_is_kept_apart_and_the_rest_used(tmp_path: Path) -> None:
    text = WIDE + "soon,3,4\n,5,6\n2026-01-05T00:04:00Z,7,8\n"
    batches, dead = read(tmp_path / "t.csv", text, Mapping(entity="asset:a"))
    assert [(letter.offset, letter.reason.rpartition("/")[2], letter.raw) for letter in dead] == [
        (2, "t.csv:4: 'soon' is not a time", "soon"),
        (3, "t.csv:5: the time is missing", ""),
    ]
    assert [offset for _, offset, *_ in cells(batches)] == [0, 1, 2, 3, 8, 9]


@pytest.mark.parametrize(
    ("header", "mapping", "says"),
    [
        ("when,level", Mapping(entity="asset:a"), 'which column is the time? name it in a mapping: time = "when"'),
        ("time,level", Mapping(), 'whose telemetry is it? name it in a mapping: entity = "asset:ID"'),
        ("time,level", Mapping(time="ts", entity="asset:a"), "no column 'ts'; the columns are time, level"),
        ("time,level", Mapping(entity="asset:a", rename={"lvl": "x"}), "no column 'lvl'; the columns are time, level"),
        ("time,level", Mapping(entity="asset:a", signal="level"), "needs both a signal and a value column"),
    ],
)
def test_what_a_mapping_leaves_open(header: str, mapping: Mapping, says: str) -> None:
    with pytest.raises(InputError) as error:
        resolved(mapping, header.split(","), "t.csv")
    assert says in str(error.value)
    assert str(error.value).startswith("t.csv: ")


def test_a_table_without_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t\.csv:2: no column holds numbers; name signal and value columns in a mapping"):
        read(tmp_path / "t.csv", "time,mode\n2026-01-05T00:00:00Z,auto\n2026-01-05T00:01:00Z,hand\n", Mapping(entity="asset:a"))


@pytest.mark.parametrize(
    ("text", "says"),
    [("entity = ", "not valid TOML"), ('asset = "a"', "a mapping has time, entity"), ("time = 3", "a mapping has time, entity")],
)
def test_a_mapping_file_that_is_none(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(InputError) as error:
        load_mapping(tmp_path / "m.toml")
    assert str(error.value).startswith(f"{tmp_path / 'm.toml'}: ")
    assert says in str(error.value)


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 50))
def test_offsets_rise_and_count_cells_whatever_the_batches(rows: int, signals: int, most: int) -> None:
    table = _Numbers(rows, signals)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry_rows, "VALUES", most)
        batches = [item for item in normalise(table, Mapping(time="time", entity="asset:a"), "f") if isinstance(item, pa.RecordBatch)]
    assert [offset for batch in batches for offset in batch.column("offset").to_pylist()] == list(range(rows * signals))
    assert all(batch.num_rows <= max(most, signals) for batch in batches)


class _Numbers:
    """A table of numbers in memory: `time` and so many signals."""

    def __init__(self, rows: int, signals: int) -> None:
        self.rows, self.names = rows, ["time", *(f"s{n}" for n in range(signals))]
        self._column = np.arange(rows, dtype=np.float64)
        self._times = np.arange(rows, dtype=np.int64)

    def is_number(self, name: str) -> bool:
        return name in self.names

    def numbers(self, name: str) -> np.ndarray:
        return self._column

    def texts(self, name: str) -> np.ndarray:
        return self._column.astype(str)

    def where(self, row: int) -> str:
        return f"memory:{row}"

    def moments(self, name: str) -> np.ndarray:
        return self._times
