"""The journal's write-ahead log cut at every frame and inside frames, as a power cut or a torn disk would leave it.

Proved at each cut: every transaction whose commit frame lies before it is there and none in part; the world's effects whose intents
were cut away are found and reported; nothing takes hold twice. File format: https://www.sqlite.org/fileformat2.html#walformat
"""

import shutil
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from interferon.act.lifecycle import ENDED, IN_FLIGHT
from interferon.actions import ACTIONS
from interferon.model.effects import State
from interferon.runtime.effects import Effects, Recovery
from interferon.store.journal import Journal
from interferon.store.journal_ledger import verify_ledger
from interferon.store.journal_writer import CommitQueue

from .persistent_world import BEGIN, HOUR, World, network, script

HEADER, FRAME_HEADER = 32, 24
Content = tuple[list[tuple[object, ...]], ...]


@dataclass(frozen=True)
class Recorded:
    """A run of the script that was stopped with everything still in the log."""

    folder: Path
    wal: bytes
    frame: int  # bytes a frame
    commits: tuple[int, ...]  # end of each commit frame, bytes from the start of the log
    contents: tuple[Content, ...]  # the whole database after 0, 1, 2 … commits


def content(path: Path) -> Content:
    """Every row of every table; () where there is no table yet."""
    with sqlite3.connect(path) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        found = tuple(db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables)
    db.close()
    return found


def commit_ends(wal: bytes) -> tuple[int, tuple[int, ...]]:
    """Bytes a frame, and where each commit frame ends: a frame header whose second word, the database size in pages, is not 0."""
    frame = FRAME_HEADER + struct.unpack_from(">I", wal, 8)[0]
    ends = range(HEADER + frame, len(wal) + 1, frame)
    return frame, tuple(end for end in ends if struct.unpack_from(">I", wal, end - frame + 4)[0])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    path, commit = folder / "journal.sqlite", CommitQueue._commit
    contents: list[Content] = []

    def commit_and_look(queue: CommitQueue) -> None:
        if not contents:
            contents.append(content(path))
        commit(queue)
        contents.append(content(path))

    world, ticks = World(folder / "world.sqlite"), count(BEGIN)
    with patch.object(CommitQueue, "_commit", commit_and_look), Journal(path, checkpoint_pages=0) as journal:
        with Effects(journal, world, ACTIONS, network(), lambda: next(ticks), workers=2) as effects:
            effects.recover()
            script(effects, journal, lambda told: None)
        wal = Path(f"{path}-wal").read_bytes()
        shutil.copy(path, folder / "base.sqlite")
        states = tuple(contents)
    world.close()
    frame, commits = commit_ends(wal)
    return Recorded(folder, wal, frame, commits, states)


def cuts(recorded: Recorded) -> Iterator[int]:
    """At each frame's end, and inside each: after the frame header's first bytes, after the header, in the middle, one byte short."""
    yield from (0, HEADER // 2, HEADER)
    for start in range(HEADER, len(recorded.wal), recorded.frame):
        yield from (start + 7, start + FRAME_HEADER, start + recorded.frame // 2, start + recorded.frame - 1, start + recorded.frame)


def cut(recorded: Recorded, at: int, into: Path) -> Path:
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    shutil.copy(recorded.folder / "base.sqlite", into / "journal.sqlite")
    (into / "journal.sqlite-wal").write_bytes(recorded.wal[:at])
    return into / "journal.sqlite"


def recover(journal: Journal, world: World) -> Recovery:
    ticks = count(BEGIN + 5 * HOUR)
    with Effects(journal, world, ACTIONS, network(), lambda: next(ticks), workers=2) as effects:
        return effects.recover()


def test_each_commit_before_the_cut_is_there_and_none_in_part(recorded: Recorded, tmp_path: Path) -> None:
    assert len(recorded.contents) == len(recorded.commits) + 1
    for at in cuts(recorded):
        path = cut(recorded, at, tmp_path / "cut")
        whole = sum(end <= at for end in recorded.commits)
        assert content(path) == recorded.contents[whole], f"cut at byte {at}, after {whole} commits"
        if whole:
            assert verify_ledger(path).problems == (), f"cut at byte {at}"


def test_the_world_is_explained_after_each_cut(recorded: Recorded, tmp_path: Path) -> None:
    """The journal loses its end, the world does not: what the record cannot explain is reported, and nothing happens twice."""
    reported = 0
    for end in (HEADER, *recorded.commits):
        path = cut(recorded, end + 11, tmp_path / "cut")
        shutil.copy(recorded.folder / "world.sqlite", path.parent)
        world = World(path.parent / "world.sqlite")
        with Journal(path) as journal:
            known = {effect.id for effect in journal.effects()}
            in_world = {seen.effect for seen in world.observed()}
            recovery = recover(journal, world)
            assert {told.effect for told in recovery.orphans} == in_world - known
            reported += len(recovery.orphans)
            states = {effect.id: effect.state for effect in journal.effects()}
            assert not set(states.values()) & IN_FLIGHT
            assert {seen.effect for seen in world.observed()} <= {name for name, state in states.items() if state not in ENDED}
            assert not recover(journal, world).orphans
        assert all(took_hold == 1 for took_hold, _ in world.counts().values())
        assert verify_ledger(path).problems == ()
        world.close()
    assert reported > 5


def test_an_orphan_can_be_taken_back(recorded: Recorded, tmp_path: Path) -> None:
    path = cut(recorded, HEADER, tmp_path / "cut")
    shutil.copy(recorded.folder / "world.sqlite", path.parent)
    world, ticks = World(path.parent / "world.sqlite"), count(BEGIN + 5 * HOUR)
    with Journal(path) as journal, Effects(journal, world, ACTIONS, network(), lambda: next(ticks)) as effects:
        orphans = effects.recover().orphans
        assert {told.status for told in orphans} == {State.ORPHAN}
        assert {told.status for told in effects.undo([told.effect for told in orphans], "nobody knows it")} == {State.UNDONE}
        assert world.observed() == frozenset()
    world.close()
