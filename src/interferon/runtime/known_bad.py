"""The folder `rules/` of a network folder: Sigma rules that live events are held against. Called by `up`, `replay`, `demo` and `check`.

A network without such a folder loads nothing: the parser is imported only where there are rules.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from interferon.detect.stream_protocol import Detector
from interferon.model.errors import InputError
from interferon.model.problem import Problem

if TYPE_CHECKING:
    from interferon.store.rule_folder import RuleSet

FOLDER: Final = "rules"
VALUES: Final = "values.toml"  # what the rules' %placeholders% stand for


def detectors(folder: Path) -> tuple[list[Detector], list[Problem]]:
    """The detector of the folder's rules, none where there are no rules, and a line for each rule that cannot be judged.

    Raises InputError where the values of the placeholders cannot be read.
    """
    found = _load(folder)
    if found is None:
        return [], []
    from interferon.detectors.activity_rules import SigmaRules

    return ([SigmaRules(found.rules)] if found.rules else []), _problems(found)


def problems(folder: Path) -> list[Problem]:
    """What `check` says about the rules: none of these keeps the network from being used."""
    try:
        found = _load(folder)
    except InputError as error:
        return [Problem(file=f"{FOLDER}/{VALUES}", line=1, message=str(error), fatal=False)]
    return _problems(found) if found is not None else []


def _load(folder: Path) -> "RuleSet | None":
    place = folder / FOLDER
    if not place.is_dir() or not any(path.suffix in (".yml", ".yaml") for path in place.rglob("*")):
        return None
    from interferon.store import rule_folder

    values = place / VALUES
    return rule_folder.load([place], rule_folder.placeholders(values) if values.is_file() else {})


def _problems(found: "RuleSet") -> list[Problem]:
    return [Problem(file=f"{FOLDER}/{one.file}", line=one.line, message=one.message, fatal=False) for one in found.problems]
