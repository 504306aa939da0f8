"""`interferon.detect_table`: the numbers of the command for tables in memory, what it takes and refuses, what it costs unused."""

import csv
import doctest
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import interferon
from interferon import cli
from interferon.model.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"
START = np.datetime64("2026-01-05T00:00:00")


def plant(rows: int, seed: int, broken: int = 0) -> dict[str, Any]:
    """A flow, a pressure that follows it, a state and a time; the last `broken` rows no longer agree."""
    draw = np.random.default_rng(seed)
    flow = np.round(20 + np.sin(np.arange(rows) / 40) + draw.normal(0, 0.3, rows), 6)
    pressure = np.round(2 * flow + draw.normal(0, 0.3, rows), 6)
    pressure[rows - broken :] += 5.0
    flow[rows // 3] = np.nan
    return {
        "time": START + np.arange(rows) * np.timedelta64(60, "s"),
        "flow": flow,
        "pressure": np.round(pressure, 6),
        "valve": np.where(flow > 20, "open", "half"),
        "note": np.array(["same"] * rows),
    }


def saved(path: Path, table: Mapping[str, Any]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        for row in zip(*table.values(), strict=True):
            writer.writerow(["" if cell != cell else str(cell) for cell in row])
    return path


def by_command(tmp_path: Path, *words: object) -> list[dict[str, str]]:
    done = CliRunner().invoke(cli.build(), ["detect", *map(str, words), "--out", str(tmp_path / "scores.csv"), "--json"])
    assert done.exit_code == 0, done.exception
    with (tmp_path / "scores.csv").open() as file:
        found = list(csv.DictReader(file))
    assert json.loads(done.stdout)["files"][0]["rows"] == len(found)
    return found


def written(told: pa.Table) -> list[dict[str, str]]:
    """As the score file has it."""
    return [
        {"row": str(row["row"]), "score": f"{row['score']:.6g}", "p": f"{row['p']:.6g}", "alarm": str(int(row["alarm"])), "why": row["why"]}
        for row in told.to_pylist()
    ]


@pytest.mark.filterwarnings("ignore:column 'note' is left out")
@pytest.mark.parametrize("form", ["mapping", "table", "batch", "capsule"])
def test_it_gives_what_the_command_gives(tmp_path: Path, form: str) -> None:
    normal, more, test = plant(500, 1), plant(400, 2), plant(300, 3, broken=60)
    train = [saved(tmp_path / f"{number}.csv", one) for number, one in enumerate((normal, more))]
    words = ("--train", train[0], "--train", train[1], "--time", "time", "--drop", "valve")
    expected = by_command(tmp_path, saved(tmp_path / "test.csv", test), *words)
    shapes: dict[str, Any] = {
        "mapping": lambda one: one,
        "table": pa.table,
        "batch": lambda one: pa.table(one).combine_chunks().to_batches()[0],
        "capsule": lambda one: Frame(pa.table(one)),
    }
    shape = shapes[form]
    told = interferon.detect_table([shape(normal), shape(more)], shape(test), time="time", drop=["valve"])
    assert written(told) == expected
    assert told["alarm"].to_numpy()[-30:].all()


class Frame:
    """A data frame of somebody else's: speaks Arrow, and has an index without a name."""

    def __init__(self, data: pa.Table) -> None:
        self._data = data.append_column("__index_level_0__", pa.array(range(data.num_rows)))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._data.__arrow_c_stream__(requested_schema)


def test_so_many_first_rows_may_train(tmp_path: Path) -> None:
    test = {name: column for name, column in plant(700, 4, broken=50).items() if name not in ("time", "note")}
    expected = by_command(tmp_path, saved(tmp_path / "test.csv", test), "--train-rows", 500)
    assert written(interferon.detect_table(500, test)) == expected
    assert expected[0]["row"] == "500"


def test_what_a_person_should_know_is_a_warning() -> None:
    normal, test = plant(300, 1), plant(100, 2)
    del test["flow"]
    with pytest.warns(UserWarning, match="column 'flow' was trained but is not there") as told:
        interferon.detect_table(normal, test, time="time")
    assert all(one.filename == __file__ or "interferon" in one.filename for one in told)


@pytest.mark.parametrize(
    ("train", "test", "more", "message"),
    [
        (0, {"a": [1.0]}, {}, "train is 0; a number of rows above 0 is needed, or normal tables"),
        (1, {"a": [1.0]}, {}, "test: --train-rows 1 leaves nothing to judge: the table has 1 rows"),
        ([], {"a": [1.0]}, {}, "train: at least one table of normal rows is needed"),
        ({"a": [1.0]}, 3, {}, "test: a table of pyarrow or pandas, or a mapping of names to arrays is needed: "),
        ({"a": [1.0]}, {"a": [1.0], "b": [1.0, 2.0]}, {}, "test: a table of pyarrow"),
        ({"a": [1.0]}, {"a": [[1.0]]}, {}, "test: column 'a' holds list<"),
        ({"a": [1.0]}, {"a": []}, {}, "test: no data rows"),
        ({"a": [1.0]}, {"a": [1.0]}, {"time": "t"}, "test: --time: there is no column 't'; the columns are a"),
        ({"a": [1.0]}, {"a": [1.0]}, {"drop": ["t"]}, "test: --drop: there is no column 't'; the columns are a"),
        ({"a": list(range(99))}, {"a": [1.0]}, {}, "train 1: no column is left to learn from: 'a'"),
        ({"a": np.sin(np.arange(99.0))}, {"b": [1.0]}, {}, "test: none of the trained columns is there: a"),
    ],
)
@pytest.mark.filterwarnings("ignore:column")
def test_what_cannot_be_judged_is_told_in_one_line(train: Any, test: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as told:
        interferon.detect_table(train, test, **more)
    assert str(told.value).startswith(message)


def test_times_of_python_are_times() -> None:
    test = plant(400, 5)
    test["time"] = [datetime.fromisoformat(str(time)) for time in test["time"]]
    assert interferon.detect_table(300, {**test, "note": test["flow"]}, time="time").num_rows == 100


def test_the_package_alone_loads_nothing() -> None:
    code = "import sys, interferon; assert not {'numpy', 'pyarrow', 'scipy', 'typer'} & set(sys.modules); interferon.detect_table"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_says_what_happens() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False) == doctest.TestResults(failed=0, attempted=9)
