"""The bench of the response gives complete rows; how fast the journal is, is for the bench itself to say."""

import pytest

from interferon.bench import respond, respond_journal


def test_each_row_is_complete_and_its_verdict_follows_from_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EFFECTS": 20, "PAIRS": 1, "PLAYBOOKS": 4, "ROUNDS": 1}.items():
        monkeypatch.setattr(respond_journal, name, value)
    monkeypatch.setattr(respond_journal, "find_spec", lambda package: None)  # what is not installed is left out
    ratio, records, p99 = respond.cases("journal")
    for row in (ratio, records, p99):
        assert set(row) == {"case", "metric", "value", "target", "holds", "baselines"}
        assert row["value"] > 0
    assert ratio["holds"] == (ratio["value"] >= ratio["target"])
    assert records["holds"] == (records["value"] >= records["target"])
    assert p99["holds"] == (p99["value"] < p99["target"])
    assert "raw fdatasync a second" in ratio["baselines"]
    assert not [name for name in ratio["baselines"] if "DBOS" in name]
