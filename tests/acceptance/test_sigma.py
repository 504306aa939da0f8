"""SigmaHQ's whole rule set on its own recorded tests and on attack recordings: counts and equality alone, no times."""

import re
import sys
from pathlib import Path

import pytest

from interferon import bench
from interferon.bench.rules import EVERY, Indexed, Plain, recorded
from interferon.rules.engine import Engine
from interferon.rules.records import Rule
from interferon.runtime.rules_run import Tally, events, judgements, run
from interferon.store.event_files import sources
from interferon.store.rule_folder import RECORDINGS, RuleSet, load
from interferon.store.rule_recordings import outcomes, recordings

pytestmark = pytest.mark.data
PAGE = Path(__file__).parents[2] / "docs/rules.md"
ARCHIVES = 20


@pytest.fixture(scope="module")
def published(data: Path) -> RuleSet:
    return load([data / "sigma"], {})


@pytest.fixture(scope="module")
def windows(published: RuleSet) -> list[Rule]:
    return [rule for rule in published.rules if rule.source.product == "windows"]


def test_every_rule_is_judged_but_for_two_that_need_values(published: RuleSet) -> None:
    assert len(published.rules) > 3_600
    assert [problem.message for problem in published.problems if "%known_cdcs% has no values" not in problem.message] == []
    assert len(published.problems) == 2


def test_every_windows_rule_has_its_place(windows: list[Rule]) -> None:
    assert Engine(windows).unplaced == []


def test_recorded_tests_are_exact_but_for_those_on_the_page(data: Path, published: RuleSet) -> None:
    rows = list(recorded(data / "sigma" / RECORDINGS, published.rules))
    sys.stdout.writelines(f"{bench.line(row)}\n" for row in rows)
    assert [row["holds"] for row in rows] == [True, True]
    found = list(outcomes(recordings(data / "sigma" / RECORDINGS), {rule.id: rule for rule in published.rules}))
    told = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    inexact = {(each.recording.name, str(each.expected), str(each.got)) for each in found if not each.exact}
    assert inexact == set(told)
    assert all(each.got > (each.recording.matches or 0) for each in found if not each.exact), "none is missed"


def test_attacks_are_alerted_and_the_closures_agree(data: Path, windows: list[Rule]) -> None:
    engine, plainly, indexed = Engine(windows), Plain(windows), Indexed(windows)
    seen = agreed = 0
    for path in sources([data / "mordor" / "windows"])[:ARCHIVES]:
        tally = run(engine, path)
        assert tally.unread.lines == 0
        assert bool(tally.hits) == bool(tally.events), f"{path}: an attack without an alert"
        seen += tally.events
        hits = {judged.number - 1: judged.hits for judged in judgements(engine, path, Tally(path))}
        for number, event in enumerate(events(path)):
            if number % (10 * EVERY) == 0:
                assert hits.get(number, ()) == engine.hits(event) == plainly(event) == indexed(event)
                agreed += 1
    assert seen > 50_000
    assert agreed > 100
