"""Detection on the Tennessee Eastman process: what `interferon bench detect` claims, and the command itself on the files as they are."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from interferon import bench
from interferon.bench import detect_tep
from interferon.bench.measures import auroc
from interferon.cli import detect as command

pytestmark = pytest.mark.data


def test_every_figure_holds_and_nobody_but_the_clock_is_better(data: Path) -> None:
    rows = list(detect_tep.cases(data / "tep"))
    sys.stdout.writelines(f"{bench.line(row)}\n" for row in rows)
    assert [row["holds"] for row in rows[:2]] == [True, True]
    for row in rows[:2]:
        assert row["value"] > max(value for name, value in row["baselines"].items() if name != "a clock")
    assert rows[3]["value"] <= 0.02


def test_the_command_reaches_the_same(data: Path, tmp_path: Path) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    command.register(app)
    app.command("other")(lambda: None)
    paths = [str(data / "tep" / f"d{fault:02d}_te.dat") for fault in (1, 4, 10)]
    result = CliRunner().invoke(app, ["detect", *paths, "--train", str(data / "tep" / "d00.dat"), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    for path in paths:
        with (tmp_path / f"{Path(path).stem}.csv").open() as file:
            score = np.array([float(row["score"]) for row in csv.DictReader(file)])
        assert auroc(np.arange(960) >= detect_tep.BEGINS, score) > 0.98
