"""Admission and frames: what is refused and why, and that batch borders change nothing."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon import sense
from interferon.model.events import ACTIVITY, TELEMETRY
from interferon.model.records import DeadLetter

S = 1_000_000
SETTINGS = sense.Settings(frame_us=10 * S, lateness_us=5 * S, leap_us=3600 * S)
Row = tuple[str, int, str, str, int, float | None]  # feed, offset, entity, signal, time in s, value


def telemetry(rows: list[Row]) -> pa.RecordBatch:
    feed, offset, entity, signal, time, value = zip(*rows, strict=True) if rows else ((),) * 6
    n = len(rows)
    columns = {
        "time": [t * S for t in time], "seen": [t * S for t in time], "feed": list(feed), "offset": list(offset), "entity": list(entity),
        "trust": [1.0] * n, "raw": [None] * n, "signal": list(signal), "value": list(value), "text": [None] * n, "quality": [0] * n,
    }  # fmt: skip
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in TELEMETRY], schema=TELEMETRY)


def activity(times: list[int], entity: str = "asset:a") -> pa.RecordBatch:
    rows = [
        {"time": t * S, "seen": t * S, "feed": "log", "offset": i, "entity": entity, "trust": 1.0, "kind": "auth.login", "actor": f"u{t}"}
        for i, t in enumerate(times)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=ACTIVITY)


def anyone(ref: str) -> str:
    return "not in the tables" if ref == "asset:ghost" else ""


def run(batches: list[pa.RecordBatch]) -> tuple[list[sense.ClosedFrame], list[DeadLetter], sense.Admission]:
    state = sense.new_admission(SETTINGS)
    frames: list[sense.ClosedFrame] = []
    dead: list[DeadLetter] = []
    for batch in batches:
        more, refused = sense.admit(state, batch, anyone)
        frames += more
        dead += refused
    more, refused = sense.flush(state, anyone)
    return frames + more, dead + refused, state


def told(frames: list[sense.ClosedFrame], state: sense.Admission) -> list[object]:
    """Frames as comparable data: values by name."""
    found: list[object] = []
    for frame in frames:
        cells = {}
        for row, entity in enumerate(frame.entities.tolist()):
            for slot, signal in enumerate(state.pending.slots[entity]):
                if slot < frame.values.shape[1]:
                    cells[state.entities.names[entity], signal] = repr(float(frame.values[row, slot]))
        found.append(
            (frame.start, {k: v for k, v in cells.items() if v != "nan"}, [a for b in frame.rows for a in b.column("actor").to_pylist()])
        )
    return found


def test_a_frame_holds_the_last_value_of_each_signal() -> None:
    rows: list[Row] = [("f", 0, "asset:a", "x", 1, 1.0), ("f", 1, "asset:a", "x", 2, 2.0), ("f", 2, "asset:b", "y", 3, 3.0)]
    frames, dead, state = run([telemetry(rows)])
    assert told(frames, state) == [(0, {("asset:a", "x"): "2.0", ("asset:b", "y"): "3.0"}, [])]
    assert dead == []


def test_an_older_time_does_not_overwrite_a_newer_one_in_its_frame() -> None:
    frames, _, state = run([telemetry([("f", 0, "asset:a", "x", 8, 8.0), ("f", 1, "asset:a", "x", 4, 4.0)])])
    assert told(frames, state) == [(0, {("asset:a", "x"): "8.0"}, [])]


def test_a_row_whose_frame_is_closed_is_late_and_kept_with_the_reason() -> None:
    frames, dead, _ = run(
        [telemetry([("f", 0, "asset:a", "x", 1, 1.0), ("f", 1, "asset:a", "x", 40, 1.0), ("f", 2, "asset:a", "x", 3, 9.0)])]
    )
    assert [(d.offset, d.reason) for d in dead] == [(2, "late: 37 s behind the newest event, its frame is closed")]
    assert [f.start // S for f in frames] == [0, 40]


def test_a_repeated_offset_is_counted_and_left_out() -> None:
    batch = telemetry([("f", 0, "asset:a", "x", 1, 1.0), ("f", 1, "asset:a", "x", 2, 2.0)])
    frames, dead, state = run([batch, batch])
    assert (state.rows, state.duplicates, dead, len(frames)) == (4, 2, [], 1)


def test_a_repeated_offset_is_found_where_the_batch_has_two_codes_for_one_feed() -> None:
    batch = telemetry([("f", 0, "asset:a", "x", 1, 1.0), ("f", 0, "asset:a", "x", 2, 5.0)])
    kind = TELEMETRY.field("feed").type
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1], kind.index_type), pa.array(["f", "f"], kind.value_type))
    frames, _, state = run([batch.set_column(TELEMETRY.get_field_index("feed"), TELEMETRY.field("feed"), twice)])
    assert told(frames, state) == [(0, {("asset:a", "x"): "1.0"}, [])]
    assert state.duplicates == 1


def test_one_wrong_clock_does_not_make_the_others_late() -> None:
    rows: list[Row] = [("f", i, "asset:a", "x", 10 * i, 1.0) for i in range(5)]
    rows[2] = ("f", 2, "asset:a", "x", 10_000_000, 1.0)
    frames, dead, _ = run([telemetry(rows)])
    assert [d.reason for d in dead] == ["its time leaps ahead and the next row of the feed does not follow"]
    assert [f.start // S for f in frames] == [0, 10, 30, 40]


def test_that_a_row_leapt_is_decided_where_it_stood_whatever_the_borders() -> None:
    rows: list[Row] = [
        ("f", 0, "asset:a", "x", 0, 1.0),
        ("f", 1, "asset:a", "x", 3601, 1.0),
        ("g", 0, "asset:a", "x", 4, 1.0),  # from here on 3601 would be no leap
        ("f", 2, "asset:a", "x", 0, 1.0),
    ]
    for cut in range(5):
        _, dead, _ = run([telemetry(rows[:cut]), telemetry(rows[cut:])])
        assert [d.offset for d in dead] == [1]


def test_a_real_gap_is_a_leap_that_the_next_row_confirms() -> None:
    frames, dead, _ = run(
        [telemetry([("f", 0, "asset:a", "x", 1, 1.0), ("f", 1, "asset:a", "x", 9_000_000, 1.0), ("f", 2, "asset:a", "x", 9_000_010, 1.0)])]
    )
    assert dead == []
    assert len(frames) == 3


def test_a_first_row_from_the_future_is_refused() -> None:
    rows: list[Row] = [("f", 0, "asset:a", "x", 10_000_000, 1.0), *(("f", i, "asset:a", "x", i, 1.0) for i in range(1, 4))]
    _, dead, state = run([telemetry([row]) for row in rows])
    assert [d.offset for d in dead] == [0]
    assert state.rows == 4


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("f", 0, "asset:ghost", "x", 1, 1.0), "not in the tables"),
        (("f", 0, "asset:a", "x", 1, float("inf")), "its value is infinite"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_dead_letter(row: Row, reason: str) -> None:
    _, dead, _ = run([telemetry([row])])
    assert [d.reason for d in dead] == [reason]


def test_a_missing_value_is_a_missing_reading_not_an_error() -> None:
    frames, dead, state = run([telemetry([("f", 0, "asset:a", "x", 1, None), ("f", 1, "asset:a", "y", 1, 2.0)])])
    assert dead == []
    assert told(frames, state) == [(0, {("asset:a", "y"): "2.0"}, [])]


def test_time_alone_closes_a_frame() -> None:
    state = sense.new_admission(SETTINGS)
    rows: list[Row] = [("f", 0, "asset:a", "x", 1, 1.0), ("f", 1, "asset:a", "x", 2, 1.0)]
    assert sense.admit(state, telemetry(rows), anyone) == ([], [])
    assert sense.advance(state, 14 * S) == []
    assert [f.end // S for f in sense.advance(state, 15 * S)] == [10]


rows_of_a_log = st.lists(
    st.tuples(
        st.sampled_from(["f", "g"]),
        st.integers(0, 3),
        st.sampled_from(["asset:a", "asset:b", "asset:ghost"]),
        st.sampled_from(["x", "y", "z"]),
        st.one_of(st.integers(0, 120), st.integers(0, 9_000)),
        st.one_of(st.none(), st.floats(-5, 5)),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(rows_of_a_log, st.lists(st.integers(0, 40), max_size=6))
def test_borders_of_batches_change_nothing(rows: list[tuple[str, int, str, str, int, float | None]], cuts: list[int]) -> None:
    offsets = {"f": 0, "g": 0}
    log: list[Row] = []
    for feed, step, *rest in rows:
        offsets[feed] += step  # a step of 0 repeats an offset
        log.append((feed, offsets[feed], *rest))  # type: ignore[arg-type]
    borders = sorted({0, len(log), *(c for c in cuts if c < len(log))})
    whole = run([telemetry(log)])
    pieces = run([telemetry(log[a:b]) for a, b in itertools.pairwise(borders)])
    assert told(whole[0], whole[2]) == told(pieces[0], pieces[2])
    assert sorted(whole[1], key=repr) == sorted(pieces[1], key=repr)
    assert whole[2].duplicates == pieces[2].duplicates


def test_rows_of_activity_keep_the_order_of_the_log_in_their_frame() -> None:
    frames, _, _ = run([activity([7, 3, 5, 12, 30])])
    assert [[a for b in frame.rows for a in b.column("actor").to_pylist()] for frame in frames] == [["u7", "u3", "u5"], ["u12"], ["u30"]]
