"""`interferon detect` as a user runs it: the contract's output, several tables, every format, and one line for each mistake."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import typer
from typer.testing import CliRunner, Result

from interferon.cli import detect as command
from interferon.model.errors import InputError

ROWS, TRAIN, ONSET = 900, 500, 700


def export(path: Path, rows: int = ROWS, onset: int | None = ONSET, level: float = 50.0, seed: int = 1) -> Path:
    """Writes a pump's recording; from `onset` on the flow no longer follows the speed."""
    random = np.random.default_rng(seed)
    speed = level + 2 * np.sin(np.arange(rows) / 15) + random.normal(size=rows)
    flow = 0.8 * speed + 0.3 * random.normal(size=rows)
    if onset is not None:
        flow[onset:] = 0.8 * level + 10 + random.normal(size=rows - onset)
    lines = ["time,speed,flow,mode,label"]
    for row in range(rows):
        moment = f"2024-03-14 {row // 3600:02d}:{row // 60 % 60:02d}:{row % 60:02d}"
        value = "" if row % 97 == 5 else f"{flow[row]:.4f}"
        lines.append(f"{moment},{speed[row]:.4f},{value},auto,{int(onset is not None and row >= onset)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*args: object) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    command.register(app)
    app.command("other")(lambda: None)  # with one command alone typer would take no name
    return CliRunner().invoke(app, ["detect", *map(str, args)])


def done(*args: object) -> Result:
    result = run(*args)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def refused(*args: object) -> str:
    result = run(*args)
    assert isinstance(result.exception, InputError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def scores(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_scores_are_as_the_contract_says(tmp_path: Path) -> None:
    out = tmp_path / "new/scores.csv"
    done(export(tmp_path / "a.csv"), "--train-rows", TRAIN, "--time", "time", "--drop", "label", "--out", out)
    rows = scores(out)
    assert list(rows[0]) == ["row", "score", "p", "alarm", "why"]
    assert [int(row["row"]) for row in rows] == list(range(TRAIN, ROWS))
    alarms = np.array([int(row["alarm"]) for row in rows])
    assert alarms[: ONSET - TRAIN].mean() < 0.05
    assert alarms[ONSET - TRAIN + 30 :].mean() > 0.95
    p, score = (np.array([float(row[name]) for row in rows]) for name in ("p", "score"))
    assert ((p > 0) & (p <= 1)).all()
    assert (np.diff(p[np.argsort(score)]) <= 1e-5).all()  # both are rounded
    for row in rows:
        shares = {name: float(share) for name, share in (part.split("=") for part in row["why"].split(";"))}
        assert set(shares) <= {"speed", "flow", "mode"}
        assert sum(shares.values()) == pytest.approx(1.0)


def test_the_summary_tells_when_and_why(tmp_path: Path) -> None:
    result = done(export(tmp_path / "a.csv"), "--train-rows", TRAIN, "--time", "time", "--drop", "label")
    assert "first alarm: row 7" in result.stdout
    assert "at 2024-03-14 00:11:" in result.stdout
    assert "flow" in result.stdout
    assert "--out" in result.stdout


def test_several_tables_and_json(tmp_path: Path) -> None:
    normal, one, two = export(tmp_path / "n.csv", onset=None), export(tmp_path / "one.csv"), export(tmp_path / "two.csv", 300, None, seed=3)
    out = tmp_path / "scores"
    result = done(one, two, "--train", normal, "--time", "time", "--drop", "label", "--out", out, "--json")
    files = json.loads(result.stdout)["files"]
    assert [(Path(file["file"]).name, file["rows"], Path(file["out"]).name) for file in files] == [
        ("one.csv", ROWS, "one.csv"),
        ("two.csv", 300, "two.csv"),
    ]
    assert [file["alarms"] for file in files] == [sum(int(row["alarm"]) for row in scores(Path(file["out"]))) for file in files]
    assert int(scores(out / "two.csv")[0]["row"]) == 0


def test_dialect_and_parquet_give_the_same_scores(tmp_path: Path) -> None:
    plain = export(tmp_path / "plain.csv")
    text = plain.read_text()
    german = tmp_path / "german.csv"
    german.write_bytes(text.replace(",", ";").replace(".", ",").encode("utf-16"))
    parquet = tmp_path / "x.parquet"
    rows = list(csv.DictReader(text.splitlines()))
    columns: dict[str, list[object]] = {"time": [row["time"] for row in rows], "mode": [row["mode"] for row in rows]}
    columns |= {name: [float(row[name]) if row[name] else None for row in rows] for name in ("speed", "flow", "label")}
    pa.parquet.write_table(pa.table({name: columns[name] for name in rows[0]}), parquet)
    found = []
    for path in (plain, german, parquet):
        done(path, "--train-rows", TRAIN, "--time", "time", "--drop", "label", "--out", tmp_path / "s.csv")
        found.append((tmp_path / "s.csv").read_text())
    assert found[0] == found[1] == found[2]


def test_tables_with_other_columns_are_told_and_judged(tmp_path: Path) -> None:
    normal, later = export(tmp_path / "n.csv", onset=None), export(tmp_path / "later.csv", onset=None, seed=4)
    later.write_text(later.read_text().replace("speed", "renamed", 1))
    result = done(later, "--train", normal, "--time", "time", "--drop", "label")
    assert "column 'speed' was trained but is not there" in result.stderr
    assert "column 'renamed' was not trained" in result.stderr


def test_newer_training_tables_recalibrate(tmp_path: Path) -> None:
    old = export(tmp_path / "old.csv", onset=None, level=80.0, seed=1)
    new, later = (export(tmp_path / f"{name}.csv", onset=None, seed=seed) for name, seed in (("new", 2), ("later", 3)))
    alarms = {}
    for name, train in (("old alone", [old]), ("old, then new", [old, new])):
        flags = [flag for path in train for flag in ("--train", path)]
        done(later, *flags, "--time", "time", "--drop", "label", "--out", tmp_path / "s.csv")
        alarms[name] = np.mean([int(row["alarm"]) for row in scores(tmp_path / "s.csv")])
    assert alarms["old alone"] > 0.9
    assert alarms["old, then new"] < 0.05


def test_rows_out_of_order_are_told(tmp_path: Path) -> None:
    path = export(tmp_path / "a.csv")
    lines = path.read_text().splitlines()
    lines[10], lines[11] = lines[11], lines[10]
    path.write_text("\n".join(lines) + "\n")
    result = done(path, "--train-rows", TRAIN, "--time", "time", "--drop", "label")
    assert "a.csv:12: time goes back (1 times in all)" in result.stderr


def test_each_mistake_is_one_line(tmp_path: Path) -> None:
    good = export(tmp_path / "a.csv")
    assert "no such file" in refused(tmp_path / "absent.csv", "--train-rows", 10)
    assert "normal rows are needed" in refused(good)
    assert "exclude each other" in refused(good, "--train", good, "--train-rows", 10)
    assert "--train-rows is 0" in refused(good, "--train-rows", 0)
    assert "leaves nothing to judge: the table has 900 rows" in refused(good, "--train-rows", 900)
    assert "only 5 training rows" in refused(good, "--train-rows", 5, "--drop", "label")
    assert "there is no column 'nope'; the columns are time, speed" in refused(good, "--train-rows", 400, "--drop", "nope")
    assert "--time: there is no column 'when'" in refused(good, "--train-rows", 400, "--time", "when")
    assert "a.csv:2: column 'mode': 'auto' is not a time" in refused(good, "--train-rows", 400, "--time", "mode")
    assert "would overwrite" in refused(good, "--train-rows", 400, "--out", good)
    assert "is a file" in refused(good, export(tmp_path / "b.csv"), "--train-rows", 400, "--out", good)
    other = tmp_path / "sub"
    other.mkdir()
    assert "names must differ" in refused(good, export(other / "a.csv"), "--train-rows", 400, "--out", tmp_path / "o")
    assert "no column is left" in refused(good, "--train-rows", 400, "--drop", "time,speed,flow,mode,label")


@pytest.mark.parametrize("rows", [20, 25, 40, 90])
def test_few_training_rows_still_judge(tmp_path: Path, rows: int) -> None:
    done(export(tmp_path / "a.csv"), "--train-rows", rows, "--time", "time", "--drop", "label", "--out", tmp_path / "s.csv")
    assert len(scores(tmp_path / "s.csv")) == ROWS - rows


def test_a_training_table_without_header_on_its_side_is_read_turned(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    rows = np.cumsum(random.normal(size=(900, 3)), axis=0) * 0.05 + random.normal(size=(900, 3))
    rows[800:, 1] += 9.0
    np.savetxt(tmp_path / "side.dat", rows[:500].T, fmt=" %.6e")
    np.savetxt(tmp_path / "upright.dat", rows[:500], fmt=" %.6e")
    np.savetxt(tmp_path / "test.dat", rows[500:], fmt=" %.6e")
    told = done(tmp_path / "test.dat", "--train", tmp_path / "side.dat", "--out", tmp_path / "side.csv")
    done(tmp_path / "test.dat", "--train", tmp_path / "upright.dat", "--out", tmp_path / "upright.csv")
    assert "it is read turned" in told.output
    assert (tmp_path / "side.csv").read_text() == (tmp_path / "upright.csv").read_text()
    assert scores(tmp_path / "side.csv")[-1]["alarm"] == "1"


def test_connection_records_are_judged_row_by_row(tmp_path: Path) -> None:
    random = np.random.default_rng(10)

    def records(name: str, rows: int, odd: int) -> Path:
        service = random.choice(["mail", "name", "web"], rows)
        size = np.where(service == "name", 60, 6000) * random.lognormal(0, 0.3, rows)
        if odd:
            service[odd], size[odd] = "name", 7000
        lines = [f"{kind},{value:.0f}" for kind, value in zip(service, size, strict=True)]
        (tmp_path / name).write_text("service,bytes\n" + "\n".join(lines) + "\n")
        return tmp_path / name

    train, test = records("train.csv", 2000, 0), records("test.csv", 400, 200)
    done(test, "--train", train, "--out", tmp_path / "out.csv")
    found = scores(tmp_path / "out.csv")
    assert max(found, key=lambda row: float(row["score"]))["row"] == "200"
    assert found[200]["alarm"] == "1"
    assert sum(row["alarm"] == "1" for row in found) < 40
