"""Records as NDJSON: cut back to a checkpoint's length, counted without a folder, one line where the disk does not take them."""

import io
import json
from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.model.records import DeadLetter, Solve
from interferon.runtime.records import FILES, Records

LETTER = DeadLetter(feed="edr", offset=1, time=0, family="", entity="", reason="no event")


class Full(io.BytesIO):
    """A file on a disk that is full, from the moment `stage` is done on it."""

    name = "out/dead_letters.ndjson"

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def _take(self, stage: str) -> None:
        if stage == self.stage:
            raise OSError(28, "No space left on device")

    def write(self, data: object, /) -> int:
        self._take("write")
        return len(bytes(data))  # type: ignore[call-overload]

    def flush(self) -> None:
        self._take("flush")

    def close(self) -> None:
        super().close()
        self._take("close")


def test_without_a_folder_records_are_only_counted() -> None:
    with Records(None) as records:
        records.put(LETTER)
        records.put(Solve(0, "p", ()))  # a command is no record
        assert (sum(records.counts.values()), records.counts[DeadLetter], records.lengths()) == (1, 1, {})


def test_a_file_is_cut_back_to_the_length_it_is_given(tmp_path: Path) -> None:
    with Records(tmp_path / "out") as records:
        records.put(LETTER)
        lengths = records.lengths()
        records.put(LETTER)
    with Records(tmp_path / "out", lengths) as records:
        records.put(DeadLetter(feed="edr", offset=2, time=0, family="", entity="", reason="no event"))
    told = [json.loads(line)["offset"] for line in (tmp_path / "out" / FILES[DeadLetter]).read_bytes().splitlines()]
    assert told == [1, 2]


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="out: is a file; the results need a folder"):
        Records(tmp_path / "out")


@pytest.mark.parametrize("stage", ["write", "flush", "close"])
def test_a_full_disk_is_told_in_one_line_that_names_the_file(tmp_path: Path, stage: str) -> None:
    records = Records(tmp_path / "out")
    records._out[DeadLetter].close()
    records._out[DeadLetter] = Full(stage)
    with pytest.raises(InputError, match=r"^out/dead_letters\.ndjson: cannot be written: No space left on device; make room"):
        _used(records)
    assert all(out.closed for kind, out in records._out.items() if kind is not DeadLetter) is (stage == "close")
    records._out.pop(DeadLetter)
    records.close()


def _used(records: Records) -> None:
    records.put(LETTER)
    records.lengths()
    records.close()
