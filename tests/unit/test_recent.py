"""The last day's telemetry for the charts: bounded in rows, the newest as it came, the older thinned."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.runtime import recent
from interferon.runtime.recent import DAY_US, MINUTE_US, Recent, thinned
from interferon.sense.batches import batch

SECOND = 1_000_000


def readings(times: list[int], entity: str = "asset:a", signal: str = "x") -> pa.RecordBatch:
    columns = {"time": times, "offset": range(len(times)), "entity": [entity] * len(times), "signal": [signal] * len(times)}
    return batch("telemetry", "f", {**columns, "value": [float(time) for time in times]})


def test_where_there_is_room_nothing_is_thinned() -> None:
    kept = Recent(most=1000)
    for second in range(500):
        kept.take(readings([second * SECOND]))
    assert kept.series("asset:a", "x") == [(second * SECOND, float(second * SECOND)) for second in range(500)]


def test_many_small_batches_become_one_and_stay_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "PARTS", 8)
    kept = Recent(most=1000)
    for second in range(50):
        kept.take(readings([second * SECOND], entity=f"asset:{second % 3}"))
        assert len(kept.parts) <= 8
    assert [time for time, _ in kept.series("asset:1", "x")] == [second * SECOND for second in range(50) if second % 3 == 1]


def test_what_is_older_is_thinned_to_the_last_of_a_minute_and_the_newest_stay() -> None:
    kept = Recent(most=400)
    for second in range(3600):
        kept.take(readings([second * SECOND]))
    found = [time for time, _ in kept.series("asset:a", "x")]
    assert kept.rows <= 400
    assert found[-100:] == [second * SECOND for second in range(3500, 3600)]
    old = [time for time in found if time < 3000 * SECOND]
    assert len({time // MINUTE_US for time in old}) == 50  # every minute is still there
    assert 59 * SECOND in old


def test_nobody_looks_nothing_is_kept() -> None:
    kept = Recent(most=0)
    kept.take(readings([1]))
    assert (kept.parts, kept.series("asset:a", "x")) == ([], [])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2 * DAY_US), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=300), st.integers(8, 100))
def test_it_is_bounded_in_order_holds_the_newest_and_invents_nothing(rows: list[tuple[int, int, int]], most: int) -> None:
    columns = {"time": [time for time, *_ in rows], "offset": range(len(rows)), "entity": [f"asset:{e}" for _, e, _ in rows]}
    whole = batch("telemetry", "f", {**columns, "signal": [f"s{s}" for *_, s in rows], "value": [float(n) for n in range(len(rows))]})
    found = thinned(whole, most)
    times = found.column("time").to_numpy()
    assert found.num_rows <= max(most, 1)
    assert (np.diff(times) >= 0).all()
    assert times[-1] == max(time for time, *_ in rows)
    assert times[0] > times[-1] - DAY_US
    assert len(set(found.column("value").to_pylist())) == found.num_rows
    if sum(time > times[-1] - DAY_US for time, *_ in rows) <= most:
        assert found.num_rows == sum(time > times[-1] - DAY_US for time, *_ in rows)
