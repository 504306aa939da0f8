"""Folders of rules and of recorded tests, and the memory of parsed rules in the cache folder."""

import json
from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.store import rule_folder
from interferon.store.rule_folder import load, placeholders
from interferon.store.rule_recordings import outcomes, recordings

RULE = """title: {title}
id: {id}
level: high
logsource: {{product: windows, service: security}}
detection: {{sel: {{Who: {who}}}, condition: sel}}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "interferon"


def identity(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def write(folder: Path, name: str, number: int = 1, who: str = "ann") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(RULE.format(title=f"Rule {number}", id=identity(number), who=who), encoding="utf-8")


def test_a_folder_is_parsed_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "rules", "b/two.yaml", 2)
    write(tmp_path / "rules", "a.yml", 1)
    (tmp_path / "rules" / "bad.yml").write_bytes(b"\xff")
    (tmp_path / "rules" / "readme.md").write_text("no rule")
    steps: list[tuple[int, int]] = []
    first = load([tmp_path / "rules"], {}, lambda done, of: steps.append((done, of)))
    assert [rule.file for rule in first.rules] == ["a.yml", "b/two.yaml"]
    assert [str(problem) for problem in first.problems] == ["bad.yml: byte 0 is not UTF-8"]
    assert steps[-1] == (3, 3)
    with monkeypatch.context() as patch:
        patch.setattr(rule_folder, "parse", lambda *_: pytest.fail("parsed again"))
        assert load([tmp_path / "rules"], {}) == first
    write(tmp_path / "rules", "a.yml", 1, who="bob")
    assert load([tmp_path / "rules"], {}) != first
    assert len(list(cache.iterdir())) == 2
    assert len(load([tmp_path / "rules" / "a.yml"], {}).rules) == 1


def test_a_damaged_or_unwritable_cache_only_costs_time(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "rules", "a.yml")
    first = load([tmp_path / "rules"], {})
    (kept,) = cache.iterdir()
    kept.write_bytes(b"\x93\x01")
    assert load([tmp_path / "rules"], {}) == first
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load([tmp_path / "rules"], {}) == first


def test_folders_without_rules(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        load([tmp_path / "none"], {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no rules"):
        load([tmp_path / "empty"], {})


def test_placeholder_files(tmp_path: Path) -> None:
    path = tmp_path / "values.toml"
    path.write_text('admins = ["a", "b"]\n')
    assert placeholders(path) == {"admins": ("a", "b")}
    for text, told in (("x", "is not TOML"), ('admins = "a"', "admins: a list of texts"), ("admins = []", "admins: a list of texts")):
        path.write_text(text)
        with pytest.raises(InputError, match=told):
            placeholders(path)


def recorded(folder: Path, number: int, whos: list[str], test: str) -> None:
    folder.mkdir(parents=True)
    (folder / "info.yml").write_text(f"rule_metadata:\n  - id: {identity(number)}\n    title: T\n{test}", encoding="utf-8")
    events = [json.dumps({"Channel": "Security", "EventID": 1, "Who": who}, indent=1) for who in whos]
    (folder / "recorded.json").write_text("\n".join(events), encoding="utf-8")


def test_recorded_tests(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        write(tmp_path, f"rules/{number}.yml", number)
    write(tmp_path, "regression_data/rules/no-rule.yml", 9)
    told = "regression_tests_info:\n  - name: P\n    type: evtx\n    path: regression_data/x/recorded.evtx\n"
    counted = told + "    match_count: 2\n"
    data = tmp_path / "regression_data"
    recorded(data / "a", 1, ["ann", "bob", "ANN"], counted)
    recorded(data / "b", 2, ["ann"], counted)
    recorded(data / "c", 3, ["bob"], told)
    recorded(data / "d", 4, ["ann"], told.replace("evtx", "raw", 1))
    recorded(data / "e", 5, ["ann"], told)
    recorded(data / "f", 1, ["ann"], "# nothing recorded\n")
    recorded(data / "g", 1, [], told)
    (data / "g" / "recorded.json").unlink()
    rules = {rule.id: rule for rule in load([tmp_path], {}).rules}
    assert len(rules) == 4
    found = {outcome.recording.name: outcome for outcome in outcomes(recordings(data), rules)}
    assert {name: (outcome.expected, outcome.got, outcome.exact) for name, outcome in found.items()} == {
        "a": (2, 2, True),
        "b": (2, 1, False),
        "c": ("at least 1", 0, False),
        "d": ("at least 1", 1, True),
        "g": ("at least 1", 0, False),
    }
    assert "there is no such file" in found["g"].note


def test_folders_without_recorded_tests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder of recorded tests"):
        recordings(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no info\.yml"):
        recordings(tmp_path)
    for text in ("a: [", "a: 1", "rule_metadata: 5", "rule_metadata: []\nregression_tests_info:\n  - name: x"):
        (tmp_path / "info.yml").write_text(text)
        with pytest.raises(InputError, match="is no description of a recorded test"):
            recordings(tmp_path)
