"""What people say of baselines: from a signed file or the screens into the log, once, and replayed alike."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from interferon.detect.settings import LIVE
from interferon.model.errors import InputError
from interferon.model.events import ACTIVITY, Baseline
from interferon.pipeline import State, finish, new_state, step
from interferon.runtime.words import LIST, Words, listed
from interferon.store import checkpoint, examples, log, policy_folder, word_folder
from interferon.store.examples import START
from interferon.trust import signature

from .attacked import MINUTE, readings, rules

ROWS = 40
REF = "asset:plc-1"


def spoken(verb: str = "rollback", version: int = 1, written: int = 5) -> Baseline:
    return Baseline(START, REF, "ann", verb, version, "why", written)


def items() -> Iterator[log.Item]:
    """A machine is learnt, learnt anew by hand at another level, and rolled back."""
    draw = np.random.default_rng(2)
    values = (50 + draw.normal(size=3 * ROWS)).tolist()
    moved = [value + 5 for value in values]
    yield readings(REF, values[: ROWS + 10])
    yield spoken("relearn", 0)
    yield readings(REF, moved[ROWS + 10 :], START + (ROWS + 10) * MINUTE, first=1000)
    yield spoken("rollback", 1, 6)
    yield readings(REF, moved, START + 200 * MINUTE, first=2000)


def moved_by(stream: Iterator[log.Item], stop: bool = False) -> State:
    state = new_state(rules(), replace(LIVE, learn_rows=ROWS))
    for item in stream:
        step(state, rules(), item)
        if stop:
            state = checkpoint.load(checkpoint.dump(state))
    finish(state, rules())
    return state


def test_words_are_items_of_the_log_and_a_replay_of_it_is_the_same(tmp_path: Path) -> None:
    live = moved_by(items())
    assert [version.number for version in live.watch.lives.versions[0]] == [1, 2]
    assert (live.watch.lives.force[0], live.watch.lives.heard) == (1, 6)
    kept = log.EventLog(tmp_path)
    for item in items():
        kept.append(item)
    kept.close()
    for again in (moved_by(log.read(tmp_path)), moved_by(items(), stop=True)):
        assert checkpoint.dump(again) == checkpoint.dump(live)


@pytest.mark.parametrize(("approver", "followed"), [("bea", True), ("ann", False), ("", False)])
def test_a_work_order_is_followed_where_it_is_believed(approver: str, followed: bool) -> None:
    state = moved_by(iter([next(items())]))
    for ticket in ("W1", "W2"):  # whoever is not in the tables is believed from the second order on
        at = START + 300 * MINUTE
        head = {"time": at, "seen": at, "feed": "cmms", "offset": int(ticket[1]), "entity": REF, "trust": 1.0, "target": REF}
        told = json.dumps({"ticket": ticket, "from": at, "until": at + 60 * MINUTE, "approved_by": approver})
        row = {**head, "kind": "work.order", "actor": "ann", "object": "recipe", "code": "opened", "attributes": told}
        step(state, rules(), pa.RecordBatch.from_pylist([row], schema=ACTIVITY))
    finish(state, rules())
    assert [work.work for work in state.watch.lives.works.values()] == (["recipe W2"] if followed else [])


def test_a_word_on_what_is_not_there_changes_nothing_but_that_it_was_heard() -> None:
    state = moved_by(iter(()))
    before = checkpoint.dump(state)
    step(state, rules(), spoken(written=0))
    assert checkpoint.dump(state) == before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    examples.write("minimal", tmp_path / "net")
    policy_folder.write_observing(tmp_path / "net")
    policy_folder.sign(tmp_path / "net", tmp_path / "key.pem")
    (tmp_path / "net" / "state").mkdir()
    return tmp_path / "net"


@pytest.fixture
def key(folder: Path) -> Path:
    return folder.parent / "key.pem"


def test_a_signed_word_is_heard_once(folder: Path, key: Path) -> None:
    told: list[str] = []
    state, words = moved_by(items()), Words(folder, told.append)
    state.watch.lives.heard = 0
    word_folder.add(folder, spoken(version=2, written=9), key)
    word_folder.add(folder, spoken("accept", 1, 8), key)
    news = words.news(state, START + 1)
    assert [(word.verb, word.time) for word in news] == [("accept", START + 1), ("rollback", START + 1)]
    for word in news:
        step(state, rules(), word)
    assert (state.watch.lives.force[0], state.watch.lives.heard) == (2, 9)
    assert words.news(state, START + 2) == []
    assert told == []


def test_a_word_that_cannot_be_followed_is_told_and_not_heard_again(folder: Path, key: Path) -> None:
    told: list[str] = []
    state, words = moved_by(items()), Words(folder, told.append)
    word_folder.add(folder, spoken(version=7, written=9), key)
    for word in words.news(state, START):
        step(state, rules(), word)
    assert told == ["asset:plc-1 has no version 7; kept are 1, 2; nothing was changed"]
    assert words.news(state, START) == []


def test_a_word_that_cannot_be_trusted_is_told_once(folder: Path, key: Path, tmp_path: Path) -> None:
    told: list[str] = []
    state, words = moved_by(items()), Words(folder, told.append)
    path = word_folder.add(folder, spoken(version=2, written=9), key)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"ann"', b'"eve"'))
    assert words.news(state, START) == words.news(state, START) == []
    assert len(told) == 1
    assert "was changed after it was signed" in told[0]
    path.write_bytes(raw)
    for suffix in (".json", ".sig"):
        path.with_suffix(suffix).rename(path.with_name(f"10{suffix}"))
    assert words.news(state, START) == []  # a signature holds for its name
    (folder / "words" / "10.json").unlink()
    assert words.news(state, START) == []
    assert "cannot be read" in told[-1]
    with pytest.raises(InputError, match="no such file"):
        word_folder.add(folder, spoken(), tmp_path / "none.pem")


def test_a_word_is_signed_under_the_time_at_which_it_was_written(folder: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = word_folder.add(folder, spoken(written=9), key)
    signed = policy_folder.signing_key(folder, key)
    raw = msgspec.json.encode(spoken(written=11))
    path.write_bytes(raw)
    policy_folder.replace(path.with_suffix(".sig"), signature.sign({path.name: raw}, signed))
    assert list(word_folder.read(folder, 0)) == [f"{path}: was written under another name; nothing was changed"]


def test_the_list_shows_what_is_kept_and_in_force(folder: Path) -> None:
    told: list[str] = []
    state, words = moved_by(items()), Words(folder, told.append)
    with pytest.raises(InputError, match="interferon up"):
        listed(folder)
    words.list_versions(state)
    assert [(row.entity, row.version.number, row.in_force) for row in listed(folder, REF)] == [(REF, 1, True), (REF, 2, False)]
    assert listed(folder, "asset:plc-2") == []
    (folder / LIST).write_text(json.dumps({}))
    words.list_versions(state)  # nothing has changed: not written again
    with pytest.raises(InputError, match="is no list"):
        listed(folder)
