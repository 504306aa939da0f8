"""kill -9 at every commit boundary of the effect journal, and again at every one of the recovery; then a fresh process goes on.

Proved after each crash: what was told is on record, no effect took hold twice, nothing is left half-way, and the end is the same as that of
a run that nobody killed.
"""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interferon.act.lifecycle import IN_FLIGHT
from interferon.model.effects import State
from interferon.store.journal import Journal

from .persistent_world import Maker, Run, check_end

Killed = Callable[..., bool]


@pytest.fixture(scope="module")
def run() -> Iterator[Killed]:
    """`run(folder, workers, moment, at)`: true where the process was killed; anything but that and a clean end is a failure."""
    maker = Maker()

    def killed(folder: Path, workers: int, moment: str = "", at: int = 0) -> bool:
        code = maker.end(maker.start(Run(folder=str(folder), workers=workers, moment=moment, at=at)))
        assert code in (0, -signal.SIGKILL)
        return code != 0

    yield killed
    maker.close()


def check_recovered(folder: Path) -> None:
    """What the fresh process found: nothing unexplained, and each effect that was in flight came to rest."""
    recovery = json.loads((folder / "recovery-a.json").read_text())
    assert recovery["orphans"] == recovery["missing"] == []
    assert not {told["status"] for told in recovery["resumed"]} & set(IN_FLIGHT)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("workers", [1, 8])
def test_kill_at_every_commit(run: Killed, tmp_path: Path, workers: int, moment: str) -> None:
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        died = run(folder, workers, moment, at)
        assert not died or not run(folder, workers)
        check_recovered(folder)
        check_end(folder)
        shutil.rmtree(folder)
    assert at > 20


@pytest.mark.parametrize("first", range(2, 30, 4))
def test_kill_the_recovery_at_every_commit(run: Killed, tmp_path: Path, first: int) -> None:
    """A crash in the middle, then a crash at each commit of what comes after it."""
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    assert run(crashed, 1, "before", first)
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        shutil.copytree(crashed, folder)
        died = run(folder, 1, "after", at)
        assert not died or not run(folder, 1)
        check_end(folder)
        shutil.rmtree(folder)
    assert at > 1


def test_every_state_is_reached_by_the_script(run: Killed, tmp_path: Path) -> None:
    """The walk is only as good as the script: it takes every step of the life cycle but the orphan's."""
    assert not run(tmp_path, 4)
    with Journal(tmp_path / "journal.sqlite") as journal:
        seen = {json.loads(entry.body)["to"] for entry in journal.ledger() if entry.kind == "effect"}
    assert seen == set(State) - {State.ORPHAN}
