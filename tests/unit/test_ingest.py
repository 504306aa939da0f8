"""The ingest interface: what is taken, what is refused and why, scopes of tokens, back-pressure."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense.batches import batch
from interferon.store.tokens import FILE, Tokens, in_days
from interferon.web import ingest
from interferon.web.app import create_app
from interferon.web.ingest import ARROW, BODY, Ingest, Item
from tests.browser.staged import Staged

NOW = datetime.now(UTC)
MADE = NOW.isoformat(timespec="seconds")
LINE = b'{"family":"telemetry","time":1767600000000000,"entity":"asset:plc-1","signal":"level","value":1.5}\n'


class Store:
    """An intake that keeps what it gets, and waits where `gate` is closed."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.trouble: OSError | None = None

    async def __call__(self, items: Sequence[Item]) -> None:
        self.entered.set()
        if self.trouble is not None:
            raise self.trouble
        await asyncio.to_thread(self.gate.wait, 20)
        self.items += items

    def rows(self) -> list[dict[str, Any]]:
        return [row for item in self.items if isinstance(item, pa.RecordBatch) for row in item.to_pylist()]


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path)


@pytest.fixture
def store() -> Store:
    return Store()


Post = Callable[..., Any]


@pytest.fixture
def post(tokens: Tokens, store: Store) -> Iterator[Post]:
    secret = tokens.add("line-4", ["plant-*"], ["telemetry", "activity"], 0.5, MADE, in_days(NOW, 30))
    app = create_app(Staged(), None, b"s" * 32, more=(Ingest(tokens, store, most=BODY).router(),))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:

        def send(content: bytes, kind: str = "application/x-ndjson", feed: str = "plant-a", secret: str = secret, **query: Any) -> Any:
            headers = {"authorization": f"Bearer {secret}", "content-type": kind}
            return client.post(f"/ingest/{feed}", content=content, headers=headers, params=query)

        yield send


def stream(*batches: pa.RecordBatch, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        for each in batches:
            writer.write_batch(each)
    return bytes(sink.getvalue().to_pybytes())


def readings(feed: str = "plant-a", **columns: Any) -> pa.RecordBatch:
    given = {"time": [5, 6], "offset": [0, 1], "entity": ["asset:plc-1"] * 2, "signal": ["level"] * 2, "value": [1.0, None]}
    return batch("telemetry", feed, given | columns)


def test_lines_are_stored_and_what_cannot_be_read_is_told(post: Post, store: Store) -> None:
    answer = post(LINE + b"nonsense\n" + LINE, first=40)
    assert answer.status_code == 200
    assert answer.json()["rows"] == 2
    assert answer.json()["dead_letters"] == 1
    assert answer.json()["told"][0]["offset"] == 41
    assert "no JSON object" in answer.json()["told"][0]["reason"]
    assert [row["offset"] for row in store.rows()] == [40, 42]
    assert [item.feed for item in store.items if isinstance(item, DeadLetter)] == ["plant-a"]


def test_an_arrow_stream_is_stored_as_it_is_but_no_more_trusted_than_its_sender(post: Post, store: Store) -> None:
    assert post(stream(readings(), readings(offset=[2, 3])), ARROW).json() == {"rows": 4, "dead_letters": 0, "told": []}
    assert [row["offset"] for row in store.rows()] == [0, 1, 2, 3]
    assert {row["trust"] for row in store.rows()} == {0.5}
    plain = pa.RecordBatch.from_pylist(readings().to_pylist(), schema=readings().schema.remove_metadata())
    assert post(stream(plain), ARROW).status_code == 200
    assert all(item.schema.metadata == {b"family": b"telemetry"} for item in store.items if isinstance(item, pa.RecordBatch))


def of_kind(family: str, kind: str) -> pa.RecordBatch:
    return batch(family, "plant-a", {"time": [1], "offset": [0], "entity": ["node:a"], "kind": [kind]})


@pytest.mark.parametrize(
    ("content", "kind", "why"),
    [
        (LINE, "text/csv", "content-type is text/csv; send application/vnd.apache.arrow.stream"),
        (b"not arrow at all", ARROW, "not an Arrow IPC stream"),
        (stream(readings())[:-60], ARROW, "not an Arrow IPC stream"),
        (stream(readings("plant-b")), ARROW, "the column feed holds 'plant-b'; this request is for 'plant-a'"),
        (stream(readings(offset=[-3, 1])), ARROW, "the column offset holds -3"),
        (stream(readings(time=[5, 1 << 62])), ARROW, "the column time holds 4611686018427387904"),
        (stream(readings().select(["time", "value"])), ARROW, "the columns are time, value"),
        (stream(of_kind("trade", "stock.counted")), ARROW, "may not send trade"),
        (stream(of_kind("activity", "made.up")), ARROW, "'made.up'; kinds of"),
    ],
    ids=["type", "no arrow", "cut off", "feed", "offset", "time", "columns", "family", "kind"],
)
def test_what_cannot_be_taken_is_refused_as_a_whole_with_the_reason(post: Post, store: Store, content: bytes, kind: str, why: str) -> None:
    answer = post(content, kind)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert store.items == []


def test_nulls_where_every_event_has_a_value_are_refused(post: Post) -> None:
    given = readings()
    column = pa.array([None, "asset:a"], pa.string()).dictionary_encode()
    fields = [field.with_nullable(True) for field in given.schema]
    place = given.schema.get_field_index("entity")
    damaged = pa.RecordBatch.from_arrays([*given.columns[:place], column, *given.columns[place + 1 :]], schema=pa.schema(fields))
    assert post(stream(damaged), ARROW).json()["error"].startswith("the column entity holds nulls")


def test_no_token_a_wrong_one_and_one_out_of_force_are_refused(post: Post, tokens: Tokens, store: Store) -> None:
    assert post(LINE, secret="ifn_wrong").status_code == 401
    assert post(LINE, secret="").status_code == 401
    answer = post(LINE, feed="office")
    assert (answer.status_code, answer.json()["error"]) == (403, "the token line-4 may not write the feed office; it may write plant-*")
    past = tokens.add("old", ["plant-a"], ["telemetry"], 1, MADE, (NOW - timedelta(days=1)).isoformat(timespec="seconds"))
    assert post(LINE, secret=past).status_code == 401
    tokens.disable("line-4")
    assert post(LINE).status_code == 401
    tokens.disable("line-4", False)
    assert post(LINE).status_code == 200
    assert len(store.rows()) == 1


def test_more_than_can_be_stored_waits_and_too_much_is_refused(post: Post, store: Store) -> None:
    store.gate.clear()
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(post(LINE * 10).status_code))
    sender.start()
    assert store.entered.wait(20)
    refused = post(b" " * (BODY - 1))
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    store.gate.set()
    sender.join(20)
    assert answers == [200]
    assert post(b" " * (BODY + 1)).status_code == 413


def test_what_is_packed_counts_as_large_as_it_becomes(post: Post, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 200_000
    columns = {"time": [5] * count, "offset": range(count), "entity": ["asset:plc-1"] * count, "signal": ["level"] * count}
    rows = batch("telemetry", "plant-a", {**columns, "value": [1.0] * count})
    body = stream(rows, compression="zstd")
    assert len(body) < rows.nbytes / 20
    assert post(b"", ARROW).status_code == 400
    monkeypatch.setattr(ingest, "UNPACKED", 1_000_000)
    refused = post(body, ARROW)
    assert refused.status_code == 413
    assert "once unpacked in one request" in refused.json()["error"]
    monkeypatch.setattr(ingest, "UNPACKED", 100_000_000)
    assert post(body, ARROW).status_code == 200
    assert sum(item.num_rows for item in store.items if isinstance(item, pa.RecordBatch)) == count


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), TimeoutError("the pipeline has taken nothing for 30 s")])
def test_what_cannot_be_stored_now_is_asked_for_again(post: Post, store: Store, trouble: OSError) -> None:
    store.trouble = trouble
    answer = post(LINE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert (trouble.strerror or str(trouble)) in answer.json()["error"]


def test_tokens_are_kept_as_hashes_by_their_owner_alone(tokens: Tokens, tmp_path: Path) -> None:
    secret = tokens.add("a", ["x"], ["trade"], 1, MADE, "")
    kept = (tmp_path / FILE).read_text()
    assert secret not in kept
    assert (tmp_path / FILE).stat().st_mode & 0o77 == 0
    found = tokens.find(secret, NOW)
    assert found is not None
    assert (found.name, found.covers("x"), found.covers("xy")) == ("a", True, False)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("a b", ["x"], ["trade"], 1.0), "cannot be a token's name"),
        (("a", [], ["trade"], 1.0), "needs a feed that it may write"),
        (("a", ["x"], ["mail"], 1.0), "there is no family 'mail'"),
        (("a", ["x"], ["trade"], 2.0), "trust is 2.0"),
        (("taken", ["x"], ["trade"], 1.0), "there is a token 'taken' already"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(tokens: Tokens, given: tuple[str, list[str], list[str], float], why: str) -> None:
    tokens.add("taken", ["x"], ["trade"], 1, MADE, "")
    with pytest.raises(InputError, match=why):
        tokens.add(*given, MADE, "")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"actions": ["reboot"]}, "no action 'reboot' can be commanded; disable_identity"),
        ({"actions": ["cut_conduit"], "level": 4}, "level is 4"),
        ({"actions": ["cut_conduit"], "key": "ed25519:" + "A" * 43 + "="}, "a sensor's token"),
    ],
)
def test_a_right_to_command_that_makes_no_sense_is_not_given(tokens: Tokens, given: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        tokens.add("a", [], ["trade"], 1.0, MADE, "", **given)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[token]]\nname="a"\nfeeds=[]\nhash="0"\ncreated="c"\nactions=["x"]', "no action 'x' can be commanded"),
        ("[[token]]\nname = 3", "each \\[\\[token\\]\\] has"),
        ("not toml", "not TOML"),
        ('[[token]]\nname="a"\nfeeds=["x"]\nhash="0"\ncreated="c"\nexpires="2027-01-01T00:00:00"', "write it with its zone"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tokens: Tokens, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=why):
        tokens.listed()
