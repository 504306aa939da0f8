"""`interferon rules` as a person runs it: what it prints, writes and how it ends. Rules and events are written here."""

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interferon.cli import main

RULE = """title: {title}
id: 00000000-0000-4000-8000-{number:012}
level: high
tags: [attack.t1059.001]
logsource: {{{source}}}
detection: {{sel: {{CommandLine|contains: {what}}}, condition: sel}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "shell.yml").write_text(
        RULE.format(title="Shell", number=1, what="evil", source="category: process_creation, product: windows")
    )
    (rules / "linux.yml").write_text(RULE.format(title="Unix", number=2, what="evil", source="product: linux"))
    (rules / "count.yml").write_text("title: Counted\ncorrelation: {type: event_count}\n")
    events = [
        {"Channel": "Security", "EventID": 4688, "CommandLine": what, "Hostname": "h1", "EventTime": "t"} for what in ("EVIL x", "good")
    ]
    (tmp_path / "events.ndjson").write_text("\n".join(json.dumps(event) for event in events) + "\nbroken\n")
    info = tmp_path / "regression_data" / "a"
    info.mkdir(parents=True)
    text = "regression_tests_info:\n  - path: regression_data/a/b.evtx\n    match_count: 1\n"
    (info / "info.yml").write_text(f"rule_metadata:\n  - id: 00000000-0000-4000-8000-{1:012}\n{text}")
    (info / "b.json").write_text(json.dumps(events[0]))
    return tmp_path


@dataclass
class Ended:
    """What a command printed and how it ended."""

    stdout: str
    stderr: str
    returncode: int


Command = Callable[..., Ended]


@pytest.fixture
def interferon(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`interferon rules ...` in the folder, with a cache of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["interferon", "rules", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ended(said.out, said.err, int(ended.value.code or 0))

    return call


@pytest.mark.parametrize(
    "words", [["."], ["regression_data"], ["regression_data/a"], ["rules", "regression_data"], ["regression_data", "rules"]]
)
def test_the_folder_of_either_is_enough(interferon: Command, words: list[str]) -> None:
    result = interferon("test", *words, "--json")
    assert json.loads(result.stdout) == {"covered": 1, "exact": 1, "failed": []}
    assert result.returncode == 0
    assert "count.yml: Counted: is a correlation rule, which is not supported" in result.stderr


def test_a_failed_test_is_named_and_ends_with_1(folder: Path, interferon: Command) -> None:
    (folder / "regression_data" / "a" / "b.json").write_text("{}")
    result = interferon("test", ".", "--json")
    failed: list[dict[str, Any]] = [{"rule": f"00000000-0000-4000-8000-{1:012}", "title": "Shell", "expected": 1, "got": 0}]
    assert json.loads(result.stdout) == {"covered": 1, "exact": 0, "failed": failed}
    assert result.returncode == 1
    said = interferon("test", ".")
    assert said.stdout == "rules/shell.yml: Shell: expected 1, got 0\n1 of 1 recorded tests have their rule here; 0 are exact\n"
    (folder / "regression_data" / "a" / "b.json").write_text("{ no")
    noted = interferon("test", ".", "--json")
    assert "is not JSON" in json.loads(noted.stdout)["failed"][0]["note"]


def test_run_tells_what_fired_and_where(folder: Path, interferon: Command) -> None:
    result = interferon("run", "rules", "events.ndjson", "--out", "out/hits.ndjson", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert {name: report[name] for name in ("rules", "elsewhere", "events", "unread", "hits", "alerted", "techniques", "out")} == {
        "rules": 1,
        "elsewhere": 1,
        "events": 2,
        "unread": 1,
        "hits": 1,
        "alerted": 1,
        "techniques": ["T1059.001"],
        "out": "out/hits.ndjson",
    }
    assert "events.ndjson:3: is not JSON" in result.stderr
    (line,) = (folder / "out" / "hits.ndjson").read_text().splitlines()
    assert json.loads(line) == {
        "source": "events.ndjson",
        "line": 1,
        "time": "t",
        "host": "h1",
        "channel": "Security",
        "event_id": 4688,
        "rule": f"00000000-0000-4000-8000-{1:012}",
        "title": "Shell",
        "level": "high",
        "techniques": ["T1059.001"],
    }
    said = interferon("run", "rules", "events.ndjson")
    assert said.stdout.startswith("events.ndjson: 2 events, 1 hits\n  high               1 × Shell\n")
    assert "1 rules read other logs" in said.stdout


def test_run_on_another_log(folder: Path, interferon: Command) -> None:
    (folder / "unix.json").write_text('[{"CommandLine": "Evil"},\n {"CommandLine": 5}]')
    result = interferon("run", "rules", "unix.json", "--product", "linux", "--json")
    report = json.loads(result.stdout)
    assert [(rule["title"], rule["hits"]) for source in report["sources"] for rule in source["rules"]] == [("Unix", 1)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "rules", "none.json"], "none.json: there is no such file or folder of events"),
        (["run", "rules", "rules/count.yml"], "no event could be read"),
        (["run", "none", "events.ndjson"], "none: there is no such folder of rules"),
        (["run", "rules", "events.ndjson", "--out", "events.ndjson"], "--out would overwrite a file that is read"),
        (["run", "rules", "events.ndjson", "--product", "vax"], "rules: no rule reads product vax"),
        (["run", "rules/linux.yml", "events.ndjson"], "no rule reads Windows logs; say what the events are: --product"),
        (["run", "rules", "events.ndjson", "--values", "events.ndjson"], "events.ndjson: is not TOML"),
        (["test", "none"], "none: there is no such folder"),
        (["test", "rules"], "rules: holds no recorded tests (info.yml)"),
    ],
)
def test_mistakes_are_one_line_and_end_with_2(interferon: Command, words: list[str], told: str) -> None:
    result = interferon(*words)
    assert result.returncode == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_recorded_tests_far_from_their_rules(folder: Path, interferon: Command) -> None:
    (folder / "regression_data").rename(folder / "elsewhere")
    assert "that has them beside it; give theirs too" in interferon("test", "elsewhere").stderr
