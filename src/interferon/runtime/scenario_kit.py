"""The kit for scenarios: a timeline in TOML, held against the network it is for. Called by `plugin_check` and the tests.

The network is that of the folder the file lies in (or one above it), else the example network that the file names.
"""

import re
import tomllib
from pathlib import Path

from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.model.problem import Problem
from interferon.store import examples, folder
from interferon.store.settings_file import FILE
from interferon.twin import scenario


def problems(path: Path) -> list[Problem]:
    """What is wrong with the scenario in `path`. InputError where it cannot be read as TOML, or there is no network to hold it against."""
    text = _text(path)
    network = _network(path, text)
    try:
        told = list(scenario.parse(text, str(path), network).warnings)
    except InputError as error:
        told = [str(error)]
    return [_problem(path, text, line.removeprefix(f"{path}: ")) for line in told]


def _text(path: Path) -> str:
    if path.name == FILE:
        raise InputError(f"{path} describes a network; give its folder: interferon check {path.parent}")
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise InputError(f"{path}:{line[1] if line else 1}: not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:1: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return text


def _network(path: Path, text: str) -> Network:
    for place in path.resolve().parents:
        if (place / FILE).is_file():
            return folder.load(place)
    name = tomllib.loads(text).get("network", "")
    if name in examples.BUILD:
        return examples.build(name)
    raise InputError(
        f"{path}:{_place(text, 'network')}: its network is {name!r}, which is no example ({', '.join(examples.BUILD)}); "
        f"put the file into the folder of its network"
    )


def _problem(path: Path, text: str, message: str) -> Problem:
    """The line is that of the step, by its id or its number; inside it, that of the key that the message names."""
    lines = text.splitlines()
    ident, number = re.match(r"step '([^']*)'", message), re.match(r"step number (\d+)", message)
    starts = [place for place, line in enumerate(lines) if re.match(r"\s*\[\[\s*step\s*\]\]", line)]
    start = 0
    if ident:
        same = (place for place, line in enumerate(lines) if re.search(rf"\bid\s*=\s*[\"']{re.escape(ident[1])}[\"']", line))
        start = next(same, 0)
    elif number and int(number[1]) <= len(starts):
        start = starts[int(number[1]) - 1]
    return Problem(file=str(path), line=start + 1, message=message)


def _place(text: str, key: str) -> int:
    """The line of a key of the file, or 1."""
    return next((place for place, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*{key}\s*=", line)), 1)
