"""`interferon baseline` as a person types it, and that a running installation follows it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from interferon import cli
from interferon.model.errors import InputError
from interferon.runtime.service import Service
from interferon.store.examples import START
from interferon.store.folder import load
from interferon.trust.policy import Policy

MINUTE = 60_000_000
SAID = ("--reason", "new pump", "--by", "mara", "--key")


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.build(), [str(word) for word in words])


@pytest.fixture
def folder(observing: Path) -> Path:
    settings = observing / "network.toml"
    settings.write_text(settings.read_text().replace("learn_rows = 1440", "learn_rows = 60"))
    return observing


def fed(folder: Path, first: int, rows: int) -> None:
    lines = [
        {"family": "telemetry", "time": START + minute * MINUTE, "entity": "asset:plc-1", "signal": "level", "value": 50.0 + minute % 7}
        for minute in range(first, first + rows)
    ]
    (folder / "feeds").mkdir(exist_ok=True)
    with (folder / "feeds" / "plant.ndjson").open("a") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)


def started(folder: Path) -> Service:
    return Service(folder, load(folder), Policy.observing())


def test_a_person_has_a_baseline_learnt_anew_and_rolls_back(folder: Path) -> None:
    key = folder.parent / "key.pem"
    fed(folder, 0, 70)
    service = started(folder)
    service._once()
    assert "asset:plc-1 1 (in force): 60 rows until" in run("baseline", "list", folder).stdout
    assert "follows it within a second" in run("baseline", "relearn", folder, "asset:plc-1", *SAID, key).stdout
    service._once()
    fed(folder, 70, 80)
    service._once()
    (first, second) = json.loads(run("baseline", "list", folder, "asset:plc-1", "--json").stdout)
    assert (first["number"], first["in_force"], second["number"], second["in_force"]) == (1, False, 2, True)
    assert second["why"] == "by hand, mara: new pump"
    told = json.loads(run("baseline", "rollback", folder, "asset:plc-1", "--version", 1, "--json", *SAID, key).stdout)
    assert Path(told["word"]).is_file()
    service._once()
    assert run("baseline", "accept", folder, "asset:plc-1", "--version", 2, *SAID, key).exit_code == 0
    service._once()
    shown = run("baseline", "list", folder, "asset:plc-1").stdout
    assert "1 (in force)" in shown
    assert "rolled back to by mara: new pump" in shown
    assert "accepted by mara: new pump" in shown
    for part in (service._log, service._journal, service._records):
        part.close()
    again = started(folder)
    assert again.running.state.watch.lives.force == {0: 1}
    again._once()
    assert again.running.state.watch.lives.force == {0: 1}
    for part in (again._log, again._journal, again._records):
        part.close()


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("relearn", "asset:none", *SAID), "no asset of assets.csv"),
        (("relearn", "zone:z", *SAID), "no asset of assets.csv"),
        (("relearn", "asset:plc-1", "--reason", " ", "--by", "mara", "--key"), "a text is needed"),
        (("rollback", "asset:plc-1", "--version", 3, *SAID), "there is no version 3 of asset:plc-1; there are none"),
    ],
)
def test_what_cannot_be_meant_is_refused(folder: Path, words: tuple[object, ...], wrong: str) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "baselines.json").write_text("[]")
    result = run("baseline", words[0], folder, *words[1:], folder.parent / "key.pem")
    assert isinstance(result.exception, InputError)
    assert wrong in str(result.exception)


def test_nothing_learnt_is_said(folder: Path) -> None:
    assert isinstance(run("baseline", "list", folder).exception, InputError)
    (folder / "state").mkdir()
    (folder / "state" / "baselines.json").write_text("[]")
    assert run("baseline", "list", folder).stdout == "nothing is learnt\n"
    assert run("baseline", "list", folder, "asset:plc-1").stdout == "nothing of asset:plc-1 is learnt\n"
