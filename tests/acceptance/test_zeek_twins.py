"""The same traffic as Zeek's own text logs and as JSON streaming logs: both give the same events, event for event."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.connectors import zeek
from interferon.model.records import DeadLetter

pytestmark = pytest.mark.data

LINES = 158_439  # records in the logs that have a twin
ONLY_STREAMED = {"_path", "_write_ts"}  # what JSON streaming logs add to a record
COLUMNS = ("time", "entity", "kind", "source", "target", "actor", "object", "code", "outcome", "bytes")


def events(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for item in zeek.read(path, "sensor"):
        assert not isinstance(item, DeadLetter), f"{path.name}: {item}"
        assert isinstance(item, pa.RecordBatch)
        rows += item.to_pylist()
    return rows


def same(text: Any, other: Any) -> bool:
    """Equal to the six decimals that the text format has."""
    if isinstance(text, float) and isinstance(other, int | float):
        return math.isclose(text, other, rel_tol=1e-9, abs_tol=6e-7)
    if isinstance(text, list) and isinstance(other, list):
        return len(text) == len(other) and all(map(same, text, other))
    if isinstance(text, dict) and isinstance(other, dict):
        return text.keys() == other.keys() and all(same(text[key], other[key]) for key in text)
    return bool(text == other)


def test_each_pair_of_twins_gives_the_same_events(data: Path) -> None:
    compared = 0
    for path in sorted((data / "zeek/zeek-default").glob("*.log.gz")):
        twin = data / "zeek/zeek-json" / path.name.replace(".log.", ".json.")
        ours, theirs = events(path), events(twin)
        assert len(ours) == len(theirs), path.name
        for one, other in zip(ours, theirs, strict=True):
            assert [one[name] for name in COLUMNS] == [other[name] for name in COLUMNS], path.name
            streamed = {key: value for key, value in json.loads(other["attributes"]).items() if key not in ONLY_STREAMED}
            assert same(json.loads(one["attributes"]), streamed), (path.name, one["attributes"], other["attributes"])
        compared += len(ours)
    assert compared == LINES
