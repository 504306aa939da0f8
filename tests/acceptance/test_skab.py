"""Detection on a real testbed, row by row and without a clock: what `interferon bench detect` claims, and the command itself."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from interferon import bench
from interferon.bench import detect_skab
from interferon.bench.measures import quality
from interferon.cli import detect as command

pytestmark = pytest.mark.data


def test_every_figure_holds(data: Path) -> None:
    rows = list(detect_skab.cases(data / "skab"))
    sys.stdout.writelines(f"{bench.line(row)}\n" for row in rows)
    assert len(rows) == 8
    assert [row for row in rows if not row["holds"]] == []
    best = {row["case"]: row for row in rows if row["metric"] == "f1"}
    for row in best.values():
        assert row["value"] > max(row["baselines"].values())
        assert set(row["baselines"]) >= {"flag everything", "clock, best threshold", "z-score, best threshold"}


def test_the_command_reaches_the_same(data: Path, tmp_path: Path) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    command.register(app)
    app.command("other")(lambda: None)
    labels, alarms = [], []
    for group in detect_skab.GROUPS:
        paths = sorted((data / "skab" / group).glob("*.csv"))
        flags = ["--train-rows", "400", "--time", "datetime", "--drop", "anomaly,changepoint", "--out", str(tmp_path / group)]
        result = CliRunner().invoke(app, ["detect", *map(str, paths), *flags])
        assert result.exit_code == 0, result.output
        for path in paths:
            with path.open() as file:
                labels += [float(row["anomaly"]) > 0 for row in csv.DictReader(file, delimiter=";")][400:]
            with (tmp_path / group / path.name).open() as file:
                alarms += [row["alarm"] == "1" for row in csv.DictReader(file)]
    found = quality(np.array(labels), np.array(alarms))
    assert found.f1 >= 0.82
    assert found.far <= 0.24
    assert found.mar <= 0.17
