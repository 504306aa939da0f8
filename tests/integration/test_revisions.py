"""Tables edited while an installation watches them: told once they stand, the closure table kept for the next start."""

import queue
from pathlib import Path

import pytest

from interferon.flow.problem import opening
from interferon.runtime import installation
from interferon.runtime.revisions import Revisions
from interferon.store import examples, folder


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    examples.write("minimal", tmp_path / "net")
    return tmp_path / "net"


def test_a_revision_is_reckoned_ahead_and_what_cannot_be_used_is_told(net: Path) -> None:
    told: queue.Queue[str] = queue.Queue()
    watching = Revisions(net, told.put, poll_s=0.2)
    watching.start()
    try:
        lanes = net / "lanes.csv"
        text = lanes.read_text()
        first, second, *rest = text.splitlines()
        cells = second.split(",")
        capacity = first.split(",").index("capacity_per_day")
        cells[capacity] = str(float(cells[capacity]) / 2)
        lanes.write_text("\n".join([first, ",".join(cells), *rest]) + "\n")
        assert "closures are reckoned; the revision is in force from the next start" in told.get(timeout=60)
        network = folder.load(net)
        kept = installation.kept_table(network, opening(network, installation.opening_time(network)))
        assert kept is not None
        assert kept.singles
        lanes.write_text(text.replace(cells[0], "no such", 1) + "broken\n")
        broken = told.get(timeout=60)
        assert "cannot be used" in broken
        assert "lanes.csv" in broken
        assert told.empty()
    finally:
        watching.stop()
