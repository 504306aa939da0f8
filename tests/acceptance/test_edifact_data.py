"""Recorded EDIFACT interchanges: all lines of the messages of trade, and a reason for everything else."""

from pathlib import Path
from typing import Any

import pytest

from interferon.connectors import edifact
from interferon.model.records import DeadLetter

pytestmark = pytest.mark.data
LINES = {
    "order.edi": 2,
    "order2.edi": 1,
    "wikipedia_de.edi": 1,
    "invoice1.edi": 1,
    "invoice_with_colon_at_end.edi": 1,
    "huge_file2.edi": 16864,
}


@pytest.fixture(scope="session")
def interchanges(data: Path) -> list[Path]:
    found = sorted((data / "edifact").rglob("*.edi"))
    if not found:
        pytest.skip("there are no interchanges in the recorded data")
    return found


def read(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    items = list(edifact.read(path))
    found = [row for item in items if not isinstance(item, DeadLetter) for row in item.to_pylist()]
    return found, [item.reason for item in items if isinstance(item, DeadLetter)]


def test_every_line_is_an_event_and_the_rest_is_told(interchanges: list[Path]) -> None:
    for path in interchanges:
        found, dead = read(path)
        assert len(found) == LINES.get(path.name, 0), path
        assert found or any("is not read" in reason for reason in dead), path
        assert edifact.sniff(path.read_bytes()[:65536]), path


def test_what_the_files_have_wrong_is_told(interchanges: list[Path]) -> None:
    told = {path.name: read(path)[1] for path in interchanges}
    assert told["invoice1.edi"] == []
    assert told["wikipedia_de.edi"] == []
    assert told["order.edi"] == ["the interchange 807 does not end: UNZ is missing"]
    assert told["huge_file2.edi"][0] == "UNT tells 16 segments; 109619 came"
