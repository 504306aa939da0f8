"""Two nodes and one journal, in a file and on PostgreSQL: one is killed, or stopped past its lease and continued, and the other goes on.

At every commit and at random moments. Proved after each: what was told is on record, no effect took hold twice, and the end is that of a
run which nobody touched; a node that was stopped past its lease writes nothing and does nothing any more.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import msgspec
import pytest

from interferon.actions import ACTIONS
from interferon.model.effects import State
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from interferon.store.journal_database import Place, open_writer

from ..conftest import PostgresServer
from .persistent_world import SHUT_OUT, Maker, Run, World, check_end, network, wanted

LEASE_S = 0.4
AT_ONCE = 8  # trials: most of their time they wait
MOMENTS = 200
SEED = 20260105


@pytest.fixture(scope="module")
def maker() -> Iterator[Maker]:
    made = Maker()
    yield made
    made.close()


Trial = Callable[[Path, Place], None]
Trials = Callable[[list[Trial]], None]


@pytest.fixture(params=["sqlite", "postgres"])
def trials(request: pytest.FixtureRequest, tmp_path: Path) -> Trials:
    """Runs trials, some at once, each with a folder and an empty journal of its own."""
    urls: SimpleQueue[str] = SimpleQueue()
    numbers = count()
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        for _ in range(AT_ONCE):
            urls.put(server.database())

    def one(trial: Trial) -> None:
        folder = tmp_path / f"{next(numbers)}"
        folder.mkdir()
        World(folder / "world.sqlite").close()
        if request.param == "sqlite":
            trial(folder, folder / "journal.sqlite")
            return
        url = urls.get()
        try:
            trial(folder, url)
        finally:
            emptied = open_writer(url)
            emptied.execute("DROP SCHEMA interferon CASCADE")
            emptied.close()
            urls.put(url)

    def run(several: list[Trial]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, several))

    return run


def node(name: str, folder: Path, place: Place, moment: str = "", at: int = 0) -> Run:
    return Run(folder=str(folder), place=str(place), node=name, lease_s=LEASE_S, moment=moment, at=at)


def test_a_node_takes_over_from_one_that_is_killed_at_any_commit(maker: Maker, trials: Trials) -> None:
    killed: list[bool] = []

    def trial(moment: str, at: int) -> Trial:
        def tried(folder: Path, place: Place) -> None:
            code = maker.wait(maker.start(node("a", folder, place, moment, at)))
            assert code in (0, -signal.SIGKILL)
            killed.append(code != 0)
            assert maker.wait(maker.start(node("b", folder, place))) == 0
            check_end(folder, place)

        return tried

    trials([trial(moment, at) for moment in ("before", "after") for at in range(1, 31)])
    assert sum(killed) > 25
    assert not all(killed), "the walk does not reach the script's end"


def test_a_node_takes_over_at_random_moments(maker: Maker, trials: Trials) -> None:
    """One of two nodes is killed, or stopped past its lease and continued, while the other stands by.

    A moment is a number of receipts that were told, and some milliseconds after it: so all of the script is met, however slow the machine.
    """
    draw = random.Random(SEED)
    ends: list[tuple[str, int]] = []

    def trial(how: str, told: int, after_s: float, asleep_s: float) -> Trial:
        def tried(folder: Path, place: Place) -> None:
            first = maker.start(node("a", folder, place))
            second = maker.start(node("b", folder, place))
            notes = folder / "told.ndjson"
            while maker.over(first) is None and told and not (notes.exists() and notes.read_bytes().count(b"\n") >= told):
                time.sleep(0.001)
            time.sleep(after_s)
            running = maker.over(first) is None
            if running:
                os.kill(first, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
            if how == "stop" and running:
                time.sleep(asleep_s)
                os.kill(first, signal.SIGCONT)
            codes = [maker.wait(first), maker.wait(second)]
            ends.append((how, codes[0]))
            assert codes[0] in ((0, -signal.SIGKILL) if how == "kill" else (0, SHUT_OUT))
            assert codes[1] in (0, SHUT_OUT)
            if 0 not in codes:  # the one that came last was killed while it stood by for the other
                assert maker.wait(maker.start(node("c", folder, place))) == 0
            check_end(folder, place)

        return tried

    kinds = ("kill", "stop")
    moments = [(draw.choice(kinds), draw.randrange(12), draw.uniform(0.0, 0.03), LEASE_S + draw.uniform(0.1, 0.9)) for _ in range(MOMENTS)]
    trials([trial(*moment) for moment in moments])
    counted = {f"{how} {code}": ends.count((how, code)) for how, code in sorted(set(ends))}
    sys.stdout.write(f"seed {SEED}: how the first node ended, and how often: {counted}\n")
    assert ends.count(("kill", -signal.SIGKILL)) > MOMENTS // 10
    assert ends.count(("stop", SHUT_OUT)) >= 5  # in a file few: most stop inside a commit and keep it locked


def test_what_ended_while_the_runtime_was_down_is_due_within_a_second_of_its_restart(trials: Trials) -> None:
    def clock() -> int:
        return time.time_ns() // 1000

    def tried(folder: Path, place: Place) -> None:
        wishes = [msgspec.structs.replace(wanted(name, "cut_conduit", "conduit:c-1"), ttl_s=1, time=clock()) for name in "ab"]
        world = World(folder / "world.sqlite")
        with Journal(place, node="a") as journal, Effects(journal, world, ACTIONS, network(), clock) as effects:
            assert {told.status for told in effects.submit(wishes)} == {State.VERIFIED}
        time.sleep(1.1)
        begun = time.monotonic()
        with Journal(place, node="a") as journal, Effects(journal, world, ACTIONS, network(), clock) as effects:
            assert {told.status for told in effects.recover().due} == {State.DUE}
            assert time.monotonic() - begun < 1.0
        world.close()

    trials([tried])
