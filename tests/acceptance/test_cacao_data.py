"""Published CACAO playbooks: each that is sound is accepted and completes, each that is broken is refused, with the step or field named."""

import csv
import importlib.util
import json
import os
import re
from pathlib import Path

import pytest

from interferon.playbooks import lint, simulate
from interferon.playbooks.machine import shelve
from interferon.playbooks.run_records import Begin, Limits
from interferon.runtime.playbook_files import shipped
from interferon.runtime.playbook_run import Running, Simulated, VirtualClock

pytestmark = pytest.mark.data
PLACE = re.compile(r"[\w$.\[\]-]+: ")


@pytest.fixture(scope="session")
def expected(data: Path) -> dict[str, str]:
    table = data / "cacao" / "expected.csv"
    if not table.exists():
        pytest.skip("there are no playbooks in the recorded data")
    with table.open(encoding="utf-8", newline="") as file:
        return {row["file"]: row["expected"] for row in csv.DictReader(file)}


def test_sound_ones_are_accepted_and_complete(data: Path, expected: dict[str, str]) -> None:
    names = [name for name, word in expected.items() if word == "ok"]
    assert names
    for name in names:
        checked = lint.check((data / "cacao" / name).read_bytes())
        assert checked.fatal == [], name
        assert checked.playbook is not None
        running = Running(shelve([checked.playbook]), Simulated({}), VirtualClock(), None)
        running.begin(Begin(0, checked.playbook.id, simulate.samples(checked.playbook, {}), Limits(leave_loops=True)))
        running.finish()
        assert (running.state.status, running.state.problems) == ("completed", []), name


def test_broken_ones_are_refused_with_the_place(data: Path, expected: dict[str, str]) -> None:
    names = [name for name, word in expected.items() if word == "broken"]
    assert names
    for name in names:
        checked = lint.check((data / "cacao" / name).read_bytes())
        assert checked.playbook is None, name
        assert all(PLACE.match(problem) for problem in checked.fatal), checked.fatal


def test_the_playbooks_that_ship_fit_the_schema(data: Path) -> None:
    folder = data / "cacao-schemas" / "schemas"
    if importlib.util.find_spec("jsonschema") is None and os.environ.get("INTERFERON_REQUIRE_ALL") != "1":
        pytest.skip("jsonschema is not installed")
    if not folder.is_dir():
        pytest.skip("the JSON Schemas of CACAO are not in the recorded data")
    import jsonschema
    from referencing import Registry, Resource

    schemas = [json.loads(path.read_bytes()) for path in folder.rglob("*.json")]
    registry = Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in schemas)
    (root,) = (each for each in schemas if each["$id"].endswith("/schemas/playbook.json"))
    validator = jsonschema.Draft7Validator(root, registry=registry)  # the draft that the schemas declare
    for name, document in shipped().items():
        assert [error.message for error in validator.iter_errors(json.loads(document))] == [], name
    assert not validator.is_valid(json.loads(document) | {"spec_version": "1.0"})
