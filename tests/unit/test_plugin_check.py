"""`interferon check FILE`: every plugin that ships passes, every broken promise is named with its line, no file brings a traceback."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

import interferon
from interferon.cli import build
from interferon.model.errors import InputError
from interferon.runtime import plugin_check

PACKAGE = Path(interferon.__file__).parent
ASSEMBLED = {
    "__init__.py",
    "telemetry_portfolio.py",
    "telemetry_signals.py",
    "table_file.py",
    "telemetry_rows.py",
    "activity_rules.py",  # needs rules; test_known_bad runs the kit on it with one
}  # parts of plugins, no plugins by themselves
SHIPPED = [
    path
    for kind in ("detectors", "connectors", "actions", "scenarios")
    for path in sorted((PACKAGE / kind).iterdir())
    if path.suffix in plugin_check.SUFFIXES and path.name not in ASSEMBLED
]

Changed = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """`changed("actions/cut_conduit.py", old, new)`: a copy of a shipped plugin with one change."""

    def write(name: str, old: str, new: str) -> Path:
        text = (PACKAGE / name).read_text(encoding="utf-8")
        assert old in text
        copy = tmp_path / Path(name).name
        copy.write_text(text.replace(old, new), encoding="utf-8")
        return copy

    return write


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def told(path: Path) -> list[str]:
    return [str(problem).removeprefix(f"{path}:") for problem in plugin_check.problems(path)]


TOUCHABLE = "fits=touchable"  # of the action: in the tables, and no safety system
ABSENT = "lambda network, name: '' if name in network.assets else 'there is none'"


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_what_ships_keeps_every_promise(path: Path) -> None:
    assert told(path) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("detectors/activity_logs.py", "def why(", "def because(", "1: has no why; such a detector has "),
        ("detectors/activity_logs.py", "KINDS: Final", "SORTS: Final", "1: has no KINDS; such a detector has "),
        ("detectors/activity_logs.py", '"T1070"', '"TA70"', "TECHNIQUES names 'TA70'"),
        ("detectors/telemetry_gaps.py", "staticmethod(silence)", "staticmethod(plant)", "LOUD does not stand out"),
        (
            "detectors/telemetry_gaps.py",
            "return proportions(_deviation",
            "return (_deviation",
            "shares of why are negative or do not sum to 1",
        ),
        ("connectors/event_lines.py", 'NAME: Final = "ndjson"', 'NAME: Final = "ND JSON"', "NAME is 'ND JSON'"),
        ("connectors/event_lines.py", '(".ndjson", ".jsonl")', '("ndjson",)', "SUFFIXES is ('ndjson',)"),
        ("connectors/event_lines.py", "EXAMPLE: Final", "SAMPLE: Final", "has no EXAMPLE; a connector has "),
        ("connectors/event_lines.py", '"asset:plc-1"', '"plc-1"', "normalise gives the entity 'plc-1'; a reference is kind:id"),
        ("connectors/event_lines.py", "auth.login", "auth.logon", "normalise gives the kind 'auth.logon'"),
        ("connectors/event_lines.py", '"offset": offset,', '"offset": 7,', "offsets go up within a feed"),
        ("connectors/event_lines.py", "            yield found\n", "            pass\n", "normalise drops a line that it cannot read"),
        ("connectors/event_lines.py", "raise InputError(", "raise OSError(", "read of an absent file raises OSError"),
        ("connectors/event_lines.py", "schema=FAMILIES[family])", "schema=FAMILIES[family].remove_metadata())", "batch of family ''"),
        ("actions/isolate_asset.py", 'kind="reversible"', 'kind="undoable"', "ACTION is of kind 'undoable'"),
        ("actions/isolate_asset.py", "{target} except", "it except", "a sentence without {target}"),
        ("actions/isolate_asset.py", TOUCHABLE, f"fits={ABSENT}", "closes cuts off a safety system for asset:"),
        (
            "actions/isolate_asset.py",
            TOUCHABLE,
            "fits=lambda network, name: '' if name not in network.assets else touchable(network, name)",
            "fits accepts asset:no-such-thing",
        ),
        ("actions/isolate_asset.py", "ACTION = Action(", "ACTION = dict(", "ACTION is a dict"),
        ("actions/isolate_asset.py", "(name,),", "('x',),", "which has no such asset"),
        (
            "connectors/event_lines.py",
            '{"family":"telemetry",',
            '{"family":"telemtry",',
            "EXAMPLE holds a line that its own connector cannot read",
        ),
        ("connectors/event_lines.py", '{"family":', '{"famly":', "EXAMPLE gives no event"),
        (
            "connectors/event_lines.py",
            "return found\n\n\ndef _cell",
            "return found | {'time': id(found)}\n\n\ndef _cell",
            "other events the second time",
        ),
        (
            "connectors/event_lines.py",
            "yield from normalise(source, feed or path.stem)",
            "yield from normalise(source, 'x')",
            "read gives other events",
        ),
        ("actions/isolate_asset.py", 'name="isolate_asset"', 'name="Isolate asset"', "ACTION has the name 'Isolate asset'"),
        ("actions/isolate_asset.py", 'targets=("asset",)', 'targets=("robot",)', "ACTION takes robot; targets are asset"),
        (
            "actions/isolate_asset.py",
            'inverse="Let the flows of {target} pass again."',
            'inverse=""',
            "must say in inverse how it is taken back",
        ),
        (
            "actions/isolate_asset.py",
            TOUCHABLE,
            "fits=lambda network, name: touchable(network, name) or 'no\\n'",
            "it must be '' or one line",
        ),
        (
            "actions/isolate_asset.py",
            TOUCHABLE,
            "fits=lambda network, name: touchable(network, name) or 'never'",
            "ACTION fits nothing in the example",
        ),
        ("scenarios/minimal-stop.toml", 'action = "spread"', 'action = "spreads"', "15: step 'servers': unknown action 'spreads'"),
        ("scenarios/minimal-stop.toml", 'id = "service"', "", "50: step number 6: 'id' must be a non-empty text"),
        ("scenarios/minimal-stop.toml", 'technique = "T0836"', "params = { drfit = 0.1 }", "does not read the parameter 'drfit'"),
    ],
)
def test_a_broken_promise_is_named_with_its_line(changed: Changed, name: str, old: str, new: str, message: str) -> None:
    found = told(changed(name, old, new))
    assert any(message in line for line in found), found
    assert all(line.partition(":")[0].isdigit() for line in found)


def test_the_line_is_that_of_what_the_message_speaks_of(changed: Changed) -> None:
    path = changed("detectors/activity_logs.py", '"T1070"', '"TA70"')
    line = next(place for place, text in enumerate(path.read_text().splitlines(), 1) if text.startswith("TECHNIQUES"))
    assert [each.line for each in plugin_check.problems(path) if each.message.startswith("TECHNIQUES")] == [line]


def test_an_exception_inside_the_plugin_is_a_broken_promise_at_its_line(changed: Changed) -> None:
    path = changed("actions/isolate_asset.py", TOUCHABLE, "fits=lambda network, name: misspelt(network, name)")
    (problem,) = plugin_check.problems(path)
    assert problem.message.startswith("fails on its own examples: NameError: name 'misspelt'")
    assert "misspelt" in path.read_text().splitlines()[problem.line - 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:\n", ":1: not valid Python: "),
        ("x = 1\nraise RuntimeError('no')\n", ":2: does not load: RuntimeError: no"),
        ("import sys\nsys.exit(3)\n", ":2: does not load: SystemExit: 3"),
        ("import not_installed_anywhere\n", ":1: does not load: ModuleNotFoundError: "),
        ("x = 1\n", ":1: holds no plugin: "),
        ("\0", ": not valid Python: "),
        ("class Mine:\n    def __init__(self, x): ...\n    def derive(self): ...\n    def score(self): ...\n", ":1: cannot be made "),
    ],
)
def test_a_file_that_does_not_load_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as error:
        plugin_check.problems(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_or_absent_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\xfa")
    for name in ("bytes.py", "absent.py", "absent.toml"):
        with pytest.raises(InputError, match=name):
            plugin_check.problems(tmp_path / name)


def test_a_scenario_is_held_against_the_network_of_its_folder(tmp_path: Path) -> None:
    path = written(tmp_path, 'network = "elsewhere"\n', "mine.toml")
    with pytest.raises(InputError, match=r"mine\.toml:1: its network is 'elsewhere'"):
        plugin_check.problems(path)
    with pytest.raises(InputError, match="describes a network; give its folder"):
        plugin_check.problems(written(tmp_path, "", "network.toml"))
    with pytest.raises(InputError, match=r"worse\.toml:2: not valid TOML"):
        plugin_check.problems(written(tmp_path, 'name = "x"\n= 3\n', "worse.toml"))


def test_checking_leaves_nothing_beside_the_file(changed: Changed) -> None:
    path = changed("actions/isolate_asset.py", "4 * 3600", "5 * 3600")
    plugin_check.problems(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_command_ends_with_one_where_a_promise_is_broken(changed: Changed) -> None:
    path = changed("actions/isolate_asset.py", "ttl_s=4 * 3600", "ttl_s=0")
    result = CliRunner().invoke(build(), ["check", str(path), "--json"])
    (problem,) = msgspec.json.decode(result.output)["problems"]
    assert (result.exit_code, problem["file"]) == (1, str(path))
    assert problem["message"].startswith("ACTION has ttl_s 0; ")
    assert path.read_text().splitlines()[problem["line"] - 1].startswith("ACTION = ")
    plain = CliRunner().invoke(build(), ["check", str(path)])
    assert plain.output.splitlines()[-1] == f"{path}: 1 problem"


def test_the_command_ends_with_zero_where_all_is_kept() -> None:
    path = PACKAGE / "scenarios" / "minimal-stop.toml"
    result = CliRunner().invoke(build(), ["check", str(path)])
    assert (result.exit_code, result.output) == (0, f"{path}: no problems\n")
