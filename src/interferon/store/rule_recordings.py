"""SigmaHQ's recorded tests: `info.yml` beside a recording that its rules must find. Called by `cli.rules` and `bench.rules`.

Layout: ROOT/regression_data/.../info.yml names a recording by its path from ROOT (`.evtx`); the same events lie beside it as `.json`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from interferon.model.errors import InputError
from interferon.rules.engine import Engine
from interferon.rules.event import fields
from interferon.rules.records import Rule
from interferon.store.event_files import SUFFIXES, Unread, chunks

INFO: Final = "info.yml"
WINDOWS: Final = "evtx"


@dataclass(frozen=True)
class Recording:
    """One test: the ids of its rules, the file of its events, how many must match (None: at least one), and the kind of recording."""

    name: str
    rules: tuple[str, ...]
    events: Path
    matches: int | None
    kind: str


@dataclass(frozen=True)
class Outcome:
    """How often a rule matched in a recording. `note`: what could not be read there."""

    recording: Recording
    rule: Rule
    got: int
    note: str

    @property
    def exact(self) -> bool:
        matches = self.recording.matches
        return not self.note and (self.got >= 1 if matches is None else self.got == matches)

    @property
    def expected(self) -> str | int:
        return "at least 1" if self.recording.matches is None else self.recording.matches


def recordings(folder: Path) -> list[Recording]:
    """Every recorded test below a folder, sorted by file. Raises InputError for a folder without any, or a damaged `info.yml`."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of recorded tests")
    infos = sorted(folder.rglob(INFO))
    if not infos:
        raise InputError(f"{folder}: holds no {INFO}; the folder regression_data of a SigmaHQ checkout is needed")
    return [recording for info in infos for recording in _tests(info)]


def _tests(info: Path) -> Iterator[Recording]:
    try:
        content = yaml.safe_load(info.read_text(encoding="utf-8"))
        rules = tuple(str(each["id"]) for each in content["rule_metadata"])
        tests = content.get("regression_tests_info") or []  # without it nothing was recorded
        for test in tests:
            yield _recording(info, rules, test)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        told = " ".join(str(error).split())
        raise InputError(
            f"{info}: is no description of a recorded test (rule_metadata with id, regression_tests_info with path): {told}"
        ) from error


def _recording(info: Path, rules: tuple[str, ...], test: Any) -> Recording:
    name = Path(test["path"]).name
    recorded = info.parent / name
    beside = [recorded.with_suffix(suffix) for suffix in SUFFIXES]
    events = next((path for path in beside if path.is_file()), beside[0])
    matches = test.get("match_count")
    return Recording(info.parent.name, rules, events, None if matches is None else int(matches), str(test.get("type", WINDOWS)))


def outcomes(tests: list[Recording], rules: dict[str, Rule]) -> Iterator[Outcome]:
    """Each recorded test whose rule is there, judged; a recording is judged once for each of its rules."""
    for test in tests:
        for rule in [rules[each] for each in test.rules if each in rules]:
            yield _outcome(test, rule)


def _outcome(test: Recording, rule: Rule) -> Outcome:
    if not test.events.is_file():
        return Outcome(test, rule, 0, f"{test.events}: there is no such file")
    engine = Engine([rule], None if test.kind == WINDOWS else rule.source)
    unread = Unread()
    events = [event for chunk in chunks(test.events, unread) for event in chunk.events if event is not None]
    got = sum(bool(engine.hits(fields(event))) for event in events)
    return Outcome(test, rule, got, unread.first)
