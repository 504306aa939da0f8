"""Files of a sensor behind a data diode: what was written is read, what was changed, lost or not signed is told."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from interferon.connectors import sensor_segment as segment
from interferon.connectors.sensor_segment import About, pack, streams
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime import connector_kit
from interferon.sense.batches import batch
from interferon.store.sensor_keys import public_text
from interferon.store.tokens import Tokens

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def reading(offset: int, feed: str = "line-4/plant", **more: Any) -> pa.RecordBatch:
    return batch("telemetry", feed, {"time": [5], "offset": [offset], "entity": ["asset:a"], "signal": ["level"], **more})


def trade(offset: int, kind: str = "stock.counted") -> pa.RecordBatch:
    return batch("trade", "line-4/erp", {"time": [6], "offset": [offset], "entity": ["node:a"], "kind": [kind]})


def file(sequence: int, *batches: pa.RecordBatch, key: Ed25519PrivateKey = KEY, sensor: str = "line-4") -> bytes:
    return pack(key, sensor, About(sequence, 9, 5, 6, sum(each.num_rows for each in batches)), streams(batches))


def taken(items: Any) -> tuple[list[tuple[str, int]], list[str]]:
    rows: list[tuple[str, int]] = []
    reasons: list[str] = []
    for item in items:
        if isinstance(item, DeadLetter):
            reasons.append(item.reason)
        else:
            rows += [(row["feed"], row["offset"]) for row in item.to_pylist()]
    return rows, reasons


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    """The `feeds` folder of an upstream that knows the sensor line-4 and trusts it half."""
    Tokens(tmp_path).add("line-4", ["line-4/*"], ["telemetry", "activity"], 0.5, "2026-01-01T00:00:00+00:00", "", public_text(KEY))
    (tmp_path / "feeds").mkdir()
    return tmp_path / "feeds"


def written(folder: Path, sequence: int, content: bytes, sensor: str = "line-4") -> Path:
    path = folder / segment.file_name(sensor, sequence)
    path.write_bytes(content)
    return path


def test_the_kit_finds_every_promise_kept() -> None:
    assert connector_kit.run(segment) == []
    assert segment.sniff(segment.EXAMPLE)
    assert not segment.sniff(b'{"family":"telemetry"}')


def test_what_was_written_is_read_in_its_order_and_a_heartbeat_is_silent() -> None:
    content = file(3, reading(0), reading(1), trade(7), reading(2))
    assert taken(segment.normalise(content, "x")) == (
        [("line-4/plant", 0), ("line-4/plant", 1), ("line-4/erp", 7), ("line-4/plant", 2)],
        [],
    )
    assert content == file(3, reading(0), reading(1), trade(7), reading(2))
    assert taken(segment.normalise(file(4), "x")) == ([], [])


def test_upstream_takes_what_the_sensor_may_send_and_trusts_it_as_its_token_says(feeds: Path) -> None:
    items = list(segment.read(written(feeds, 3, file(3, reading(0), trade(1)))))
    assert taken(items) == ([("line-4/plant", 0)], ["the token line-4 may not send trade; it may send telemetry, activity"])
    assert items[0].column("trust").to_pylist() == [0.5]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (file(3, reading(0), key=OTHER), "signed by another key than the token line-4 holds"),
        (file(3, reading(0, "line-5/x"), sensor="line-5"), "sensor line-5 is not known here; say: interferon token add"),
        (file(3, reading(0, "line-5/plant")), "the feed 'line-5/plant' is none that sensor line-4 may write"),
        (file(3, reading(0))[:-9], "cut off or was changed"),
        (file(3, reading(0)).replace(b'"sequence":3', b'"sequence":4'), "the signature is not that of its key"),
        (file(3, reading(0)).replace(b'"rows":1', b'"rows":2'), "the signature is not that of its key"),
        (b"", "not the file of a sensor"),
        (b"x" * 9000, "not the file of a sensor"),
        (pack(KEY, "line-4", About(3, 9, 0, 0, 0), b"no arrow"), "its body is no Arrow IPC stream"),
        (file(3, reading(-2)), "the column offset holds a value below 0"),
        (file(3, batch("activity", "line-4/a", {"time": [1], "offset": [0], "entity": ["a:b"], "kind": ["made.up"]})), "holds 'made.up'"),
        (file(3, reading(0).select(["time", "feed"])), "the columns are time, feed"),
    ],
    ids=["key", "unknown", "feed", "cut", "sequence", "rows", "empty", "other", "body", "offset", "kind", "columns"],
)
def test_what_cannot_be_taken_is_one_dead_letter_with_the_reason(feeds: Path, content: bytes, why: str) -> None:
    rows, reasons = taken(segment.read(written(feeds, 3, content)))
    assert rows == []
    assert len(reasons) == 1
    assert why in reasons[0]


def test_a_token_out_of_force_lets_nothing_in(feeds: Path) -> None:
    Tokens(feeds.parent).disable("line-4")
    assert "not known here" in taken(segment.read(written(feeds, 3, file(3, reading(0)))))[1][0]


def test_missing_numbers_are_told_and_the_rest_counts(feeds: Path) -> None:
    paths = [written(feeds, number, file(number, reading(number))) for number in (3, 4, 8)]
    written(feeds, 6, file(6, sensor="line-5"), "line-5")
    found = [taken(segment.read(path)) for path in paths]
    assert [rows for rows, _ in found] == [[("line-4/plant", number)] for number in (3, 4, 8)]
    assert [reasons for _, reasons in found][:2] == [[], []]
    assert found[2][1] == ["files 5 to 7 of sensor line-4 are missing: they were lost on the way, or come too late to count"]


def test_an_absent_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(segment.read(tmp_path / "a-000000000001.ifs"))


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    taken(segment.normalise(data, "x"))
    taken(segment.normalise(pack(KEY, "line-4", About(1, 1, 1, 1, 1), data), "x"))  # signed, and yet no Arrow


BODY = streams([reading(0), trade(1)])


@given(st.integers(0, len(BODY) - 1), st.integers(0, 255), st.integers(0, len(BODY)))
def test_no_damage_raises(place: int, value: int, end: int) -> None:
    damaged = (BODY[:place] + bytes([value]) + BODY[place + 1 :])[:end]
    whole = file(3, reading(0), trade(1))
    assert taken(segment.normalise(whole[: len(whole) - len(BODY)] + damaged, "x"))[1] or damaged == BODY
    taken(segment.normalise(pack(KEY, "line-4", About(1, 1, 1, 1, 1), damaged), "x"))
