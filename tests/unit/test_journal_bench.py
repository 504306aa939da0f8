"""The journal's bench gives complete rows; how fast it is, is for the bench itself to say."""

import pytest

from interferon.bench import journal


def test_each_row_is_complete_and_its_verdict_follows_from_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "EFFECTS", 20)
    steps, ratio, p99 = journal.cases()
    for row in (steps, ratio, p99):
        assert set(row) == {"case", "metric", "value", "target", "holds", "baselines"}
        assert row["value"] > 0
    assert steps["holds"] == (steps["value"] >= steps["target"])
    assert p99["holds"] == (p99["value"] < p99["target"])
    assert set(steps["baselines"]) == {"one commit a step", "bare loop, two fsyncs a step"}
