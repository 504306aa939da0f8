"""Keys of sensors: made once and private, what a signature covers, numbers that only rise; and the ingest interface that asks for them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from interferon.connectors.sensor_segment import streams
from interferon.model.errors import InputError
from interferon.sense.batches import batch
from interferon.store import sensor_keys as keys
from interferon.store.tokens import FILE, Tokens
from interferon.web.ingest import ARROW, Ingest, Item

NOW = datetime.now(UTC).isoformat(timespec="seconds")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FEED = "line-4/plant"


def reading(offset: int) -> pa.RecordBatch:
    return batch("telemetry", FEED, {"time": [5], "offset": [offset], "entity": ["asset:a"], "signal": ["level"], "value": [1.0]})


def login(offset: int) -> pa.RecordBatch:
    return batch("activity", FEED, {"time": [5], "offset": [offset], "entity": ["asset:a"], "kind": ["auth.login"]})


class Store:
    def __init__(self) -> None:
        self.items: list[Item] = []
        self.full = False

    async def __call__(self, items: Sequence[Item]) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise OSError(28, "No space left on device")
        self.items += items

    def offsets(self) -> list[int]:
        return [row["offset"] for item in self.items if isinstance(item, pa.RecordBatch) for row in item.to_pylist()]


@pytest.fixture
def store() -> Store:
    return Store()


Send = Callable[..., Any]


@pytest.fixture
def send(tmp_path: Path, store: Store) -> Send:
    """Sends a signed request; what is given otherwise is not what was signed. `anew`: the interface has been started again."""
    secret = Tokens(tmp_path).add("line-4", ["line-4/*"], ["telemetry", "activity"], 1, NOW, "", keys.public_text(KEY))

    def post(
        sequence: int, body: bytes, feed: str = FEED, signed: str = FEED, key: Any = KEY, header: str | None = None, query: str = ""
    ) -> Any:
        app = FastAPI()
        app.include_router(Ingest(Tokens(tmp_path), store).router())
        digest = keys.sha256(body)
        signature = keys.sign(key, keys.request_text("POST", f"/ingest/{signed}", signed, sequence, digest))
        value = keys.header(sequence, digest, signature) if header is None else header
        headers = {"authorization": f"Bearer {secret}", "content-type": ARROW, keys.HEADER: value}
        with TestClient(app, base_url="http://127.0.0.1") as client:
            return client.post(f"/ingest/{feed}{query}", content=body, headers=headers)

    return post


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    public = keys.make(tmp_path)
    assert (tmp_path / keys.FILE).stat().st_mode & 0o777 == 0o600
    assert keys.public_text(keys.load(tmp_path)) == public
    text = keys.request_text("POST", "/ingest/a", "a", 1, "0" * 64)
    assert keys.verified(keys.public_key(public), text, keys.sign(keys.load(tmp_path), text))
    with pytest.raises(InputError, match="there is a key already"):
        keys.make(tmp_path)
    (tmp_path / keys.FILE).chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        keys.load(tmp_path)


@pytest.mark.parametrize(("content", "why"), [(None, "interferon sensor key"), (b"nonsense", "not a private key in PEM")])
def test_a_key_that_cannot_be_used_is_one_line(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / keys.FILE).write_bytes(content)
        (tmp_path / keys.FILE).chmod(0o600)
    with pytest.raises(InputError, match=why):
        keys.load(tmp_path)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_header_or_a_key_by_mistake(text: str) -> None:
    found = keys.read_header(text)
    assert found is None or keys.header(*found).replace(" ", "") == text.strip().replace(" ", "")
    if len(text) != len(keys.public_text(KEY)):
        with pytest.raises(InputError, match="no sensor's key"):
            keys.public_key(text + "\n")
    assert not keys.verified(KEY.public_key(), b"text", text)


def test_a_signed_request_of_several_families_is_stored_in_order(send: Send, store: Store) -> None:
    body = streams([reading(0), login(1), reading(2)])
    assert send(7, body).json() == {"rows": 3, "dead_letters": 0, "told": []}
    assert store.offsets() == [0, 1, 2]


def test_the_last_request_may_come_again_and_no_other(send: Send, store: Store, tmp_path: Path) -> None:
    assert send(7, streams([reading(0)])).status_code == 200
    assert send(7, streams([reading(0)])).json()["repeated"] is True
    assert send(9, streams([reading(1)])).status_code == 200
    for sequence, body in ((9, streams([reading(5)])), (7, streams([reading(0)])), (8, streams([reading(6)]))):
        answer = send(sequence, body)
        assert (answer.status_code, answer.json()["newest"]) == (409, 9)
        assert "does not rise above 9" in answer.json()["error"]
    assert store.offsets() == [0, 1]
    assert b'"sequence":9' in (tmp_path / "state/sensors.json").read_bytes()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"header": ""}, "sign each request"),
        ({"header": "seq=1"}, "sign each request"),
        ({"header": keys.header(7, "0" * 64, "A" * 86 + "==")}, "SHA-256 is another"),
        ({"header": keys.header(7, keys.sha256(streams([reading(0)])), "A" * 86 + "==")}, "not that of the sensor"),
        ({"signed": "line-4/other"}, "not that of the sensor"),
        ({"query": "?first=4"}, "not that of the sensor"),
        ({"key": Ed25519PrivateKey.generate()}, "not that of the sensor line-4; the token holds the public key ed25519:"),
    ],
    ids=["none", "half", "body", "signature", "feed", "query", "key"],
)
def test_what_the_sensor_did_not_sign_is_refused(send: Send, store: Store, given: dict[str, Any], why: str) -> None:
    answer = send(7, streams([reading(0)]), **given)
    assert answer.status_code == 401
    assert why in answer.json()["error"]
    assert store.items == []
    assert send(1, streams([reading(0)])).status_code == 200  # a refused number was not used up


def test_a_full_disk_is_told_as_later_and_uses_up_no_number(send: Send, store: Store) -> None:
    store.full = True
    answer = send(7, streams([reading(0)]))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    store.full = False
    assert send(7, streams([reading(0)])).json()["rows"] == 1


def test_damaged_numbers_and_keys_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "sensors.json").write_text("[]")
    with pytest.raises(InputError, match="requests of sensors could be sent again"):
        keys.Sequences(tmp_path / "sensors.json")
    with pytest.raises(InputError, match="no sensor's key"):
        Tokens(tmp_path).add("a", ["a/*"], ["trade"], 1, NOW, "", "rsa:1")
    (tmp_path / FILE).write_text('[[token]]\nname="a"\nfeeds=["x"]\nhash="0"\ncreated="c"\nkey="x"')
    with pytest.raises(InputError, match="token 'a': 'x' is no sensor's key"):
        Tokens(tmp_path).listed()
