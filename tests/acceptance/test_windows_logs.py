"""Recorded Windows logs: every record becomes an event, and an EVTX file and its JSON twin tell the same ones."""

import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.connectors import windows_events, windows_json
from interferon.detect.stream_events import rows_from_batch
from interferon.detect.stream_protocol import Context
from interferon.detectors.activity_rules import SigmaRules
from interferon.model.records import DeadLetter
from interferon.rules.parse import parse

pytestmark = pytest.mark.data
COLUMNS = ("time", "entity", "kind", "source", "target", "actor", "object", "code", "outcome")


def rows(items: Iterable[Any], where: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in items:
        assert not isinstance(item, DeadLetter), f"{where}: {item}"
        found += item.to_pylist()
    return found


@pytest.fixture(scope="session")
def twins(data: Path) -> list[Path]:
    found = sorted((data / "sigma/regression_data").rglob("*.evtx"))
    if not found:
        pytest.skip("there are no recorded event logs")
    return found


def test_a_log_file_and_its_json_twin_tell_the_same_events(twins: list[Path]) -> None:
    compared = 0
    for path in twins:
        twin = path.with_suffix(".json")
        assert windows_events.sniff(path.read_bytes()[:65_536]), path
        ours = rows(windows_events.read(path), path)
        assert ours, path
        if twin.is_file():
            assert windows_json.sniff(twin.read_bytes()[:65_536]), twin
            theirs = rows(windows_json.read(twin), twin)
            assert [[row[name] for name in COLUMNS] for row in ours] == [[row[name] for name in COLUMNS] for row in theirs], path
            assert [json.loads(row["attributes"])["Event"]["System"]["EventID"] for row in ours] == [
                json.loads(row["attributes"])["Event"]["System"]["EventID"] for row in theirs
            ], path
            compared += len(ours)
    assert compared > 200


def test_every_line_of_the_recorded_attacks_is_an_event(data: Path) -> None:
    kinds: Counter[str] = Counter()
    for path in sorted((data / "mordor").rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith(".json") and not member.startswith("__MACOSX/"):
                    kinds += told(archive.read(member), path)
    assert sum(kinds.values()) > 300_000
    assert set(kinds) >= {"auth.login", "process.start", "file.access", "network.flow", "network.message", "config.change", "log.status"}


def told(data: bytes, path: Path) -> Counter[str]:
    """The kinds of one recording's events; each of its lines gives one."""
    kinds: Counter[str] = Counter()
    assert windows_json.sniff(data[:65_536]), path
    for item in windows_json.normalise(data.splitlines(keepends=True), path.stem):
        assert isinstance(item, pa.RecordBatch), f"{path}: {item}"
        kinds.update(item.column("kind").to_pylist())
    assert sum(kinds.values()) == sum(bool(line.strip()) for line in data.splitlines()), path
    return kinds


def test_a_rule_fires_on_the_events_of_its_recording(data: Path, twins: list[Path]) -> None:
    """As `up` holds rules against live events: through the attributes that the connector has kept."""
    silent, judged = [], 0
    for path in twins:
        rule = data / "sigma" / path.relative_to(data / "sigma/regression_data").parent.with_suffix(".yml")
        if not rule.is_file():
            continue
        rules, problems = parse(rule.read_text(), rule.name, {})
        if problems or not SigmaRules(rules).rules:
            continue
        judged += 1
        detector = SigmaRules(rules)
        events = [event for item in windows_events.read(path) if isinstance(item, pa.RecordBatch) for event in rows_from_batch(item)]
        if not any(detector.score(None, event, Context(event.entity, event.time, 0, 0, {}, {}, "")) for event in events):
            silent.append(path.parent.name)
    assert silent == []
    assert judged > 150
