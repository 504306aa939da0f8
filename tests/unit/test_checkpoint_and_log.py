"""State written and read back is equal, and the event log survives a torn tail."""

import gc
from collections import deque
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from interferon.model.errors import InputError
from interferon.model.events import TELEMETRY, Approval, Tick
from interferon.model.network import Budgets
from interferon.model.records import DeadLetter
from interferon.sense import Settings, new_admission
from interferon.store import checkpoint, log, log_tail

EVENT = {"time": 1, "seen": 2, "feed": "f", "offset": 0, "entity": "asset:a", "trust": 1.0, "signal": "x", "value": 1.5, "quality": 0}


def batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([EVENT], schema=TELEMETRY)


def test_every_kind_of_value_comes_back_equal() -> None:
    value = {
        ("a", 1): [1, 2.5, None, True, "t", b"b"], "q": deque([1, (2, 3)]), "s": {3, 1},
        "f": frozenset({"x"}), "b": Budgets(), 3: {"n": -1},
    }  # fmt: skip
    assert checkpoint.load(checkpoint.dump(value)) == value


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "int64", "bool", "uint8"])
def test_arrays_come_back_with_type_shape_and_writable(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = checkpoint.load(checkpoint.dump(array))
    assert back.dtype == array.dtype
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_state_of_a_stage_comes_back_as_its_class() -> None:
    state = new_admission(Settings(frame_us=5))
    state.held["f"] = batch()
    back = checkpoint.load(checkpoint.dump(state))
    assert type(back) is type(state)
    assert back.settings == state.settings
    assert back.held["f"].equals(state.held["f"])


def test_what_cannot_be_stored_is_an_error_when_writing() -> None:
    with pytest.raises(TypeError, match="object cannot go into a checkpoint"):
        checkpoint.dump({"x": object()})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"junk",
        msgspec.msgpack.encode([99, None]),
        msgspec.msgpack.encode([1, ["o", "os:system", []]]),
        msgspec.msgpack.encode([1, ["o", "interferon.nothing:X", []]]),
    ],
)
def test_a_file_that_is_no_checkpoint_is_told_in_one_line(data: bytes) -> None:
    with pytest.raises(InputError) as told:
        checkpoint.load(data)
    assert "\n" not in str(told.value)


def test_a_state_with_other_fields_is_refused_in_one_line() -> None:
    data = msgspec.msgpack.encode([1, ["o", "interferon.detect.signal_state:SignalState", [8, ["l", []]]]])
    with pytest.raises(InputError, match="holds SignalState as another version of this program keeps it"):
        checkpoint.load(data)


def test_a_saved_checkpoint_replaces_the_old_one(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", [1])
    checkpoint.save(tmp_path / "c", [2])
    assert checkpoint.load((tmp_path / "c").read_bytes()) == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def letter(offset: int) -> DeadLetter:
    return DeadLetter(feed="f", offset=offset, time=0, family="", entity="", reason="no event", raw="?")


def items() -> list[log.Item]:
    return [batch(), letter(3), Approval(time=5, plan="p", person="x", alternative=1, approved=True), batch(), Tick(time=9)]


def write(folder: Path, **options: int) -> None:
    out = log.EventLog(folder, **options)  # type: ignore[arg-type]
    for item in items():
        out.append(item)
    out.close()


def test_the_log_gives_back_what_was_appended_in_order(tmp_path: Path) -> None:
    write(tmp_path)
    assert list(log.read(tmp_path)) == items()


def test_the_log_goes_on_in_new_segments(tmp_path: Path) -> None:
    write(tmp_path, segment_bytes=100)
    assert len(log.segments(tmp_path)) > 2
    assert list(log.read(tmp_path)) == items()


def test_a_tail_torn_anywhere_costs_only_the_record_it_is_in(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    whole = log.segments(tmp_path / "whole")[0].read_bytes()
    sizes = [sum(map(len, log.packed(item))) for item in items()]
    start = len(whole) - sizes[-1]
    for cut in (start, start + 1, start + 8, start + 9, len(whole) - 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "log-000000.seg").write_bytes(whole[:cut])
        assert list(log.read(folder)) == items()[:-1]
        out = log.EventLog(folder)
        out.append(Tick(time=11))
        out.close()
        assert list(log.read(folder)) == [*items()[:-1], Tick(time=11)]


def test_a_changed_byte_ends_the_log_there(tmp_path: Path) -> None:
    write(tmp_path)
    path = log.segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert list(log.read(tmp_path)) == items()[:-1]


def test_a_folder_or_file_that_is_no_log_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no log segments"):
        list(log.read(tmp_path))
    (tmp_path / "x.seg").write_bytes(b"something else")
    with pytest.raises(InputError, match="not a segment"):
        list(log.read(tmp_path / "x.seg"))


def segment(folder: Path, place: log.Place) -> Path:
    return folder / f"log-{place.segment:06d}.seg"


@pytest.mark.parametrize("segment_bytes", [100, 1 << 20])
def test_the_place_behind_a_record_is_where_reading_goes_on(tmp_path: Path, segment_bytes: int) -> None:
    out, before = log.EventLog(tmp_path, segment_bytes=segment_bytes), log.Place(0, 0)
    assert out.place is None
    for number, item in enumerate(items(), 1):
        out.append(item)
        place = out.place
        assert place is not None
        path = segment(tmp_path, place)
        assert log_tail.stands(path, place)
        assert list(log_tail.tailed(tmp_path, place, print)) == []
        assert [item for item, _ in log_tail.tailed(tmp_path, log.Place(0, 0), print)] == items()[:number]
        assert not place.crc or not log_tail.stands(path, place._replace(crc=place.crc ^ 1))
        out.extend([])
        assert out.place == place
        before = place
    out.extend([letter(4), letter(5)])
    assert log_tail.stands(segment(tmp_path, before), before)  # also where it is the beginning of a segment that holds something by now
    assert [item for item, _ in log_tail.tailed(tmp_path, before, print)] == [letter(4), letter(5)]
    out.close()


def test_looking_for_garbage_is_as_it_was_after_a_checkpoint() -> None:
    assert gc.isenabled()
    with pytest.raises(TypeError):
        checkpoint.dump([object()])
    assert gc.isenabled()
