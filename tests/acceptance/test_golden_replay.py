"""One log, one answer: findings, incidents and plans agree byte for byte whatever the batch borders, the shards or a restart.

The log holds several attacks on several sites, the receipts of what was carried out and a person's answers.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from interferon.model.events import Approval, Receipted, Rerouted, Verdict
from interferon.runtime.replay import CHECKPOINT, replay

from .recorded_run import Item, Recording, cut_at_random, joined, record, row_by_row

FILES = ("findings.ndjson", "incidents.ndjson", "plans.ndjson", "dead_letters.ndjson")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def live(recording: Recording) -> dict[str, bytes]:
    return told(recording.records)


@pytest.fixture(scope="module")
def observed(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the events alone lead to, without any answer."""
    return replayed(recording, recording.events(), tmp_path_factory.mktemp("observed"))


def told(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def replayed(recording: Recording, items: Iterable[Item], out: Path, shards: int = 1) -> dict[str, bytes]:
    replay(recording.state(shards), recording.rules, items, out)
    return told(out)


def records_of(found: dict[str, bytes], name: str) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in found[name].splitlines()]


def test_the_log_is_worth_replaying(recording: Recording, live: dict[str, bytes]) -> None:
    assert len({row["id"] for row in records_of(live, "incidents.ndjson")}) >= 5
    assert len(records_of(live, "plans.ndjson")) >= 5
    for kind in (Approval, Verdict, Receipted, Rerouted):
        assert any(isinstance(item, kind) for item in recording.items), kind


@pytest.mark.parametrize("shards", [1, 4])
def test_a_replay_tells_what_the_live_run_told(recording: Recording, live: dict[str, bytes], tmp_path: Path, shards: int) -> None:
    """Two shards do in `test_stopped_and_resumed_at_every_plan`, with the same borders."""
    assert replayed(recording, recording.items, tmp_path, shards) == live


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 2), (3, 4)])
def test_other_batch_borders_tell_the_same(recording: Recording, live: dict[str, bytes], tmp_path: Path, seed: int, shards: int) -> None:
    assert replayed(recording, cut_at_random(recording.items, seed), tmp_path, shards) == live


def test_a_stretch_handed_over_row_by_row_tells_the_same(recording: Recording, live: dict[str, bytes], tmp_path: Path) -> None:
    answers = [place for place, item in enumerate(recording.items) if isinstance(item, Receipted)]
    first = answers[0]
    assert replayed(recording, row_by_row(recording.items, first - 12, first + 12), tmp_path) == live


def test_events_alone_in_the_longest_batches_there_are(recording: Recording, observed: dict[str, bytes], tmp_path: Path) -> None:
    """In four shards what was observed in one."""
    assert len(records_of(observed, "plans.ndjson")) >= 5
    assert replayed(recording, joined(recording.events()), tmp_path, 4) == observed


def test_one_batch_of_all_telemetry_tells_the_same_as_many(recording: Recording, tmp_path: Path) -> None:
    telemetry = [item for item in recording.events() if isinstance(item, pa.RecordBatch) and "value" in item.schema.names]
    whole = list(joined(telemetry))
    assert len(whole) == 1
    assert replayed(recording, whole, tmp_path / "one", 2) == replayed(recording, telemetry, tmp_path / "many")
    assert records_of(told(tmp_path / "one"), "findings.ndjson")


def test_stopped_and_resumed_at_every_plan(recording: Recording, live: dict[str, bytes], tmp_path: Path) -> None:
    plans = recording.plans
    assert len(plans) >= 5
    stops = sorted({1, plans[0] - 1, *plans, plans[-1] + 1, len(recording.items) - 1})
    for number, stop in enumerate(stops):
        replay(recording.state(2), recording.rules, recording.items, tmp_path, resume=number > 0, stop_after=stop)
        assert (tmp_path / CHECKPOINT).is_file()
    replay(recording.state(2), recording.rules, recording.items, tmp_path, resume=True)
    assert told(tmp_path) == live
    assert not (tmp_path / CHECKPOINT).exists()
