"""20,000 events a second into `interferon up`, killed in the middle: a minute of what `interferon bench sense --part hour` plays."""

from pathlib import Path

import pytest

from interferon.bench.sense_hour import Plan, judged
from interferon.bench.sense_hour_world import PER_S


def test_a_minute_at_full_rate_loses_and_doubles_nothing_through_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    rows = {row["metric"].partition(",")[0]: row for row in judged(Plan(seconds=60, kill_at=35.0))}
    for row in rows.values():
        print(row)  # noqa: T201 - what the reader of the run wants
    counts = rows["events lost or doubled"]
    assert counts["value"] == 0
    assert counts["baselines"]["sent"] == 60 * sum(PER_S.values())
    assert rows["memory of the last quarter over the first"]["value"] < 2.0
