"""`interferon init` and `interferon check` as a person runs them: what they print and how they end."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from interferon.cli import network
from interferon.model.errors import InputError
from interferon.model.problem import Problem
from interferon.store import folder, folder_docs


def run(*words: str | Path, hooks: network.Hooks = network.OBSERVING) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()
    network.register(app, hooks)
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output, result.exception


@pytest.mark.parametrize(("words", "assets"), [((), 15), (("--example", "medica"), 324)])
def test_init_writes_a_network_that_has_no_problem(tmp_path: Path, words: tuple[str, ...], assets: int) -> None:
    where = tmp_path / "net"
    code, output, _ = run("init", where, *words)
    assert code == 0
    assert output.splitlines()[0].startswith(f"Wrote {where}: {assets} assets, ")
    assert output.splitlines()[-1] == f"Next: interferon check {where}"
    assert len(folder.load(where).assets) == assets
    code, output, _ = run("check", where)
    assert code == 0
    assert output.startswith(f"{where}: no problems; {assets} assets, ")


def test_init_takes_an_empty_folder_and_says_what_it_wrote_in_json(tmp_path: Path) -> None:
    code, output, _ = run("init", tmp_path, "--json")
    assert code == 0
    told = json.loads(output)
    assert told["example"] == "minimal"
    assert sorted(told["wrote"]) == sorted(path.name for path in tmp_path.iterdir())


def test_init_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    _, _, error = run("init", tmp_path)
    assert isinstance(error, InputError)
    assert str(error) == f"{tmp_path} is not empty (it holds mine.txt); name a new or empty folder"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    _, _, error = run("init", tmp_path / "mine.txt")
    assert str(error) == f"{tmp_path / 'mine.txt'} is a file; name a new or empty folder"


def test_an_unknown_example_writes_nothing(tmp_path: Path) -> None:
    _, _, error = run("init", tmp_path / "net", "--example", "medika")
    assert isinstance(error, InputError)
    assert not (tmp_path / "net").exists()


def test_check_names_each_problem_and_ends_with_one(tmp_path: Path) -> None:
    run("init", tmp_path / "net")
    nodes = tmp_path / "net" / "nodes.csv"
    nodes.write_text(nodes.read_text().replace("120", "1200/h").replace("1000", "-1"))
    code, output, _ = run("check", tmp_path / "net")
    assert code == 1
    assert output.splitlines() == [
        "nodes.csv:3: capacity_per_day is '1200/h'; write a plain number of units/day, without a unit: 28800",
        "nodes.csv:4: capacity_per_day is -1.0; it must be 0 or more",
        f"{tmp_path / 'net'}: 2 problems",
    ]
    code, output, _ = run("check", tmp_path / "net", "--json")
    assert code == 1
    assert json.loads(output)["problems"][1] == {
        "file": "nodes.csv",
        "line": 4,
        "message": "capacity_per_day is -1.0; it must be 0 or more",
    }


def test_check_of_a_good_folder_in_json(tmp_path: Path) -> None:
    run("init", tmp_path)
    (tmp_path / "accounts.toml").write_text("")
    code, output, _ = run("check", tmp_path, "--json")
    assert (code, json.loads(output)) == (0, {"problems": []})


def test_a_new_installation_may_only_suggest(tmp_path: Path) -> None:
    run("init", tmp_path / "net")
    assert sorted(path.name for path in (tmp_path / "net" / "policy").iterdir()) == ["observe.cedar", "people.cedar"]
    (tmp_path / "net" / "policy" / "observe.cedar").write_text("permit(")
    code, output, _ = run("check", tmp_path / "net")
    assert code == 1
    assert output.startswith("policy/")


def test_check_of_nothing(tmp_path: Path) -> None:
    _, _, error = run("check", tmp_path / "absent")
    assert isinstance(error, InputError)
    assert str(error).startswith(f"{tmp_path / 'absent'} does not exist; ")


def test_other_parts_add_their_policy_and_checks(tmp_path: Path) -> None:
    problem = Problem(file="policy/a.cedar", line=3, message="no such action")

    def policy(where: Path) -> None:
        (where / "policy").mkdir()

    def rules(where: Path) -> None:
        (where / "rules").mkdir()

    hooks = network.Hooks(policy_writer=policy, rules_writer=rules, checks=[lambda _: [problem]], plugin_check=lambda _: [problem])
    _, output, _ = run("init", tmp_path / "net", "--json", hooks=hooks)
    assert json.loads(output)["wrote"][-2:] == ["policy", "rules"]
    assert (tmp_path / "net" / "policy").is_dir()
    code, output, _ = run("check", tmp_path / "net", hooks=hooks)
    assert code == 1
    assert output.splitlines()[0] == "policy/a.cedar:3: no such action"
    (tmp_path / "mine.py").write_text("")
    assert run("check", tmp_path / "mine.py", hooks=hooks)[1].splitlines()[0] == "policy/a.cedar:3: no such action"


def test_columns_prints_the_documentation() -> None:
    code, output, _ = run("check", "--columns")
    assert code == 0
    assert output == folder_docs.render()
