"""The pages say what is there: commands, options, settings, plugins, links, examples. Nothing is executed but the plugin kit."""

import ast
import dataclasses
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from interferon import plugins
from interferon.actions import ACTIONS
from interferon.cli import build
from interferon.detect.settings import FILE, LIVE
from interferon.model import tables
from interferon.model.kpis import kpis
from interferon.runtime import plugin_check

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXTS: Final = {page: page.read_text(encoding="utf-8") for page in PAGES}
ALL: Final = "\n".join(TEXTS.values())
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND: Final[Any] = typer.main.get_command(build())


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(command: Any, path: str = "interferon") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}")
    else:
        yield path, command


LEAVES: Final = dict(commands(COMMAND))


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_is_on_a_page(name: str) -> None:
    assert re.search(rf"{name}\b", ALL)


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, command in LEAVES.items() for each in command.params for option in each.opts if option.startswith("--")],
)
def test_every_option_is_on_a_page(name: str, option: str) -> None:
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", ALL), f"{option} of {name} is on no page"


def shown() -> list[tuple[str, str]]:
    """Every line of a code block that calls the command: (page, line)."""
    return [
        (page.name, line.partition(" # ")[0].strip())
        for page, text in TEXTS.items()
        for _, block in FENCE.findall(text)
        for line in block.splitlines()
        if re.match(r"interferon [a-z]", line)
    ]


@pytest.mark.parametrize(("page", "line"), shown())
def test_every_command_line_parses(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    command = COMMAND
    while hasattr(command, "commands"):
        assert words, f"{page}: {line!r} names no command"
        assert words[0] in command.commands, f"{page}: there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    assert command.make_context(line, words).params


def test_every_command_named_in_a_sentence_exists() -> None:
    named = {name for text in TEXTS.values() for name in re.findall(r"`interferon ([a-z]+)", FENCE.sub("", text))}
    assert named <= set(COMMAND.commands)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page]))
    dead = [link for link in links if "://" not in link and not (page.parent / link.partition("#")[0]).exists()]
    assert dead == []


def test_every_page_is_reached_from_the_readme() -> None:
    readme = TEXTS[ROOT / "README.md"]
    assert [page.name for page in PAGES if page.parent.name == "docs" and f"(docs/{page.name})" not in readme] == []


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_plugin_is_on_a_page(kind: str) -> None:
    assert [name for name in plugins.modules(kind) if f"`{name}`" not in ALL] == []


def test_the_actions_are_as_the_page_says() -> None:
    rows = [f"| `{each.name}` | {each.kind} | {', '.join(each.targets)} | {each.ttl_s / 3600:g} h |" for each in ACTIONS.values()]
    assert [row for row in rows if row not in TEXTS[ROOT / "docs/operations.md"]] == []


def test_every_long_proof_is_on_the_testing_page() -> None:
    page = TEXTS[ROOT / "docs/testing.md"]
    proofs = {path.stem for path in (ROOT / "tests/acceptance").glob("test_*.py")}
    assert set(re.findall(r"^\| `(test_\w+)` \|", page, re.MULTILINE)) == proofs


def test_every_environment_variable_is_on_a_page() -> None:
    sources = [*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), ROOT / "Makefile", ROOT / ".ci/run"]
    named = {name for path in sources for name in re.findall(r"\bINTERFERON_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    assert named
    assert [name for name in sorted(named) if f"`{name}`" not in ALL] == []


def test_every_setting_of_detection_is_on_its_page_with_its_values() -> None:
    told: dict[str, tuple[str, str]] = {}
    for row in re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \| .* \|$", TEXTS[ROOT / "docs/detection.md"], re.MULTILINE):
        names, ours, live = (cell.split(", ") for cell in row)
        told |= {name.strip("`"): values for name, *values in zip(names, ours, live, strict=False)}
    for field in dataclasses.fields(FILE):
        assert [float(value) for value in told[field.name]] == [getattr(FILE, field.name), getattr(LIVE, field.name)], field.name


def test_every_setting_of_the_network_is_on_its_page() -> None:
    page = TEXTS[ROOT / "docs/network.md"]
    assert [column.column for column in tables.settings() if f"`{column.column}`" not in page] == []


def test_the_generated_half_of_the_events_page_is_current() -> None:
    page = loaded(ROOT / "tests/unit/event_page.py")
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.page(text) == text, "run `python tests/unit/event_page.py`"


def test_the_examples_are_what_their_script_writes(tmp_path: Path) -> None:
    loaded(ROOT / "examples/make.py").write(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "examples" / path.name).read_bytes(), f"run `python examples/make.py`: {path.name} differs"


def test_the_detector_of_the_contributing_page_passes_the_kit(tmp_path: Path) -> None:
    (code,) = (block for language, block in FENCE.findall(TEXTS[ROOT / "CONTRIBUTING.md"]) if language == "python")
    name = re.search(r'^NAME: Final = "(\w+)"$', code, re.MULTILINE)
    assert name is not None
    (tmp_path / f"{name[1]}.py").write_text(code, encoding="utf-8")
    assert plugin_check.problems(tmp_path / f"{name[1]}.py") == []
    assert ast.get_docstring(ast.parse(code))


def test_every_key_figure_is_on_its_page_as_it_is_defined() -> None:
    rows = [f"| `{each.id}` | {each.name} | {each.unit} | {each.better} | {each.formula} | {each.source} |" for each in kpis().values()]
    page = TEXTS[ROOT / "docs/kpis.md"]
    assert [row for row in rows if row not in page] == []
    assert set(re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \| (?:higher|lower) \|", page, re.MULTILINE)) == set(kpis())
