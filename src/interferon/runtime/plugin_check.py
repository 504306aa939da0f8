"""`interferon check FILE`: loads one plugin file, runs the kit of its kind on it, and says where each broken promise stands.

Called by the command line. Runs the plugin's own code; keeps nothing of it. Detectors have their kit in `interferon.checks`.
"""

import ast
import re
import sys
import tokenize
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from interferon import checks
from interferon.model.errors import InputError
from interferon.model.problem import Problem
from interferon.runtime import action_kit, connector_kit, scenario_kit

SUFFIXES: Final = (".py", ".toml")
KINDS_OF_PLUGIN: Final = (
    "a detector of events has NAME, FAMILY, KINDS …; a telemetry detector is a class with learn, derive, score and why; "
    "a connector has NAME, SUFFIXES, EXAMPLE, read and normalise, a live one NAME, Settings and listen; an action has ACTION"
)


def problems(path: Path) -> list[Problem]:
    """Every broken promise of the plugin in `path`. Raises InputError where there is no file, it does not load, or it is no plugin."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a network folder, a plugin's .py file or a scenario's .toml file")
    if path.suffix == ".toml":
        return scenario_kit.problems(path)
    source = _source(path)
    with _loaded(path, source) as module:
        told = _run(module, path)
    places = _places(source)
    return sorted(Problem(file=str(path), line=line or _line(message, places, owner), message=message) for message, line, owner in told)


def _source(path: Path) -> str:
    try:
        with tokenize.open(path) as file:  # heeds the coding line, as Python itself does
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{path}:1: not readable as text: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


@contextmanager
def _loaded(path: Path, source: str) -> Iterator[ModuleType]:
    """The module, known to `sys.modules` as long as it is looked at: dataclasses ask for it there. Leaves no bytecode behind."""
    module = ModuleType(f"interferon_plugin_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        _execute(module, path, source)
        yield module
    finally:
        del sys.modules[module.__name__]


def _execute(module: ModuleType, path: Path, source: str) -> None:
    try:  # to run the plugin is what the command is for
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # nosec B102
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno or 1}: not valid Python: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  a file of somebody else's may raise anything
        raise InputError(f"{path}:{_raised_at(error, path)}: does not load: {type(error).__name__}: {error}") from None


Told = tuple[str, int, str]  # message, line or 0 where the message tells it, class that it is about or ''


def _run(module: ModuleType, path: Path) -> list[Told]:
    """The promises broken by everything in the module."""
    if hasattr(module, "ACTION"):
        return _guarded(partial(action_kit.run, module), path)
    if any(hasattr(module, name) for name in ("SUFFIXES", "normalise", "listen")):
        return _guarded(partial(connector_kit.run, module), path)
    if hasattr(module, "FAMILY") and not hasattr(module, "KINDS"):
        return [(f"has no KINDS; such a detector has {', '.join(checks.NAMES)}", 0, "")]
    found = _detectors(module, path)
    if not found:
        raise InputError(f"{path}:1: holds no plugin: {KINDS_OF_PLUGIN}")
    told: list[Told] = []
    for detector in found:
        told += _guarded(partial(checks.run, detector), path, "" if detector is module else type(detector).__name__)
    return told


def _detectors(module: ModuleType, path: Path) -> list[Any]:
    try:
        return checks.detectors_in(module)
    except Exception as error:  # noqa: BLE001  a file of somebody else's may raise anything
        raise InputError(f"{path}:{_raised_at(error, path)}: cannot be made without arguments: {type(error).__name__}: {error}") from None


def _guarded(kit: Callable[[], list[str]], path: Path, owner: str = "") -> list[Told]:
    """What the kit tells; an exception that it does not expect is a broken promise too."""
    try:
        return [(message, 0, owner) for message in kit()]
    except Exception as error:  # noqa: BLE001  a file of somebody else's may raise anything
        return [(f"fails on its own examples: {type(error).__name__}: {error}", _raised_at(error, path), owner)]


def _raised_at(error: BaseException, path: Path) -> int:
    """The last line of the plugin on the way to the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else None) or 1


def _places(source: str) -> dict[str, int]:
    """Names that the file defines → line; those of a class also as `Class.name`."""
    found: dict[str, int] = {}
    for node in ast.parse(source).body:
        found |= {name: node.lineno for name in _names(node)}
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}": part.lineno for part in node.body for name in _names(part)}
    return found


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _line(message: str, places: dict[str, int], owner: str) -> int:
    """Where the first name stands that the message complains of; else the class, else the head of the file."""
    for word in re.findall(r"\w+", message.partition(";")[0]):  # what follows says what would be right
        line = places.get(f"{owner}.{word}") if owner else places.get(word)
        if line:
            return line
    return places.get(owner, 1)
