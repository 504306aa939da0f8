"""kill -9 at every commit boundary of the effect journal, and again at every one of the recovery; then a fresh process goes on.

Proved after each crash: what was told is on record, no effect took hold twice, nothing is left half-way, and the end is the same as that of
a run that nobody killed.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interferon.act.lifecycle import ENDED, IN_FLIGHT
from interferon.model.effects import State
from interferon.store.journal import Journal
from interferon.store.journal_ledger import verify_ledger

from .persistent_world import World

PROGRAM = str(Path(__file__).with_name("persistent_world.py"))
EXPECTED = {
    "e-plc": "undone",
    "e-conduit": "verified",
    "e-sis": "failed",
    "e-broken": "failed",
    "e-beyond": "refused",
    "e-half": "undone",
    "e-mute": "undone",
    "e-order": "escalated",
}


Run = Callable[..., bool]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """`run(folder, workers, *kill)`: true where the process was killed; anything but that and a clean end is a failure."""
    with subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as makes:
        asks, answers = makes.stdin, makes.stdout
        assert asks
        assert answers

        def killed(folder: Path, workers: int, *kill: str) -> bool:
            asks.write(json.dumps([str(folder), str(workers), *kill]) + "\n")
            code = int(answers.readline())
            assert code in (0, -signal.SIGKILL)
            return code != 0

        yield killed
        asks.close()


def check_end(folder: Path) -> None:
    assert verify_ledger(folder / "journal.sqlite").problems == ()
    world = World(folder / "world.sqlite")
    with Journal(folder / "journal.sqlite") as journal:
        states = {effect.id: effect.state for effect in journal.effects()}
        assert states == EXPECTED
        assert {seen.effect for seen in world.observed()} == {name for name, state in states.items() if state not in ENDED}
        for line in (folder / "told.ndjson").read_text().splitlines():
            told = json.loads(line)
            assert told["status"] in {json.loads(step.body)["to"] for step in journal.history(told["effect"])}, told
        assert [entry.kind for entry in journal.ledger()].count("decision") == 1
    for name, (took_hold, repeats) in world.counts().items():
        assert (took_hold, repeats) == (1, 0), name
    world.close()


def check_recovered(folder: Path) -> None:
    """What the fresh process found: nothing unexplained, and each effect that was in flight came to rest."""
    recovery = json.loads((folder / "recovery.json").read_text())
    assert recovery["orphans"] == recovery["missing"] == []
    assert not {told["status"] for told in recovery["resumed"]} & set(IN_FLIGHT)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("workers", [1, 8])
def test_kill_at_every_commit(run: Run, tmp_path: Path, workers: int, moment: str) -> None:
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        died = run(folder, workers, moment, str(at))
        assert not died or not run(folder, workers)
        check_recovered(folder)
        check_end(folder)
        shutil.rmtree(folder)
    assert at > 20


@pytest.mark.parametrize("first", range(2, 30, 4))
def test_kill_the_recovery_at_every_commit(run: Run, tmp_path: Path, first: int) -> None:
    """A crash in the middle, then a crash at each commit of what comes after it."""
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    assert run(crashed, 1, "before", str(first))
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        shutil.copytree(crashed, folder)
        died = run(folder, 1, "after", str(at))
        assert not died or not run(folder, 1)
        check_end(folder)
        shutil.rmtree(folder)
    assert at > 1


def test_every_state_is_reached_by_the_script(run: Run, tmp_path: Path) -> None:
    """The walk is only as good as the script: it takes every step of the life cycle but the orphan's."""
    assert not run(tmp_path, 4)
    with Journal(tmp_path / "journal.sqlite") as journal:
        seen = {json.loads(entry.body)["to"] for entry in journal.ledger() if entry.kind == "effect"}
    assert seen == set(State) - {State.ORPHAN}
