"""The whole way, on a real gateway: events land, `up` decides under a signed policy, the effector cuts a host off, a verdict ends it.

Needs root, nft and ip; without them it is skipped with the reason (a failure where everything must be there).
"""

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from interferon.model.effects import State
from interferon.store import examples, policy_folder
from interferon.store.accounts import Accounts, Cost
from interferon.store.journal import Journal, journal_path
from tests.conftest import PROGRAM, Up
from tests.integration.acting_plant import alone, openc2
from tests.integration.test_up import cases, plans, records, token
from tests.integration.test_up import lines as attack
from tests.namespaces import needed

from .effector_plant import Plant, until

SECOND = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    needed("nft", "ip")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """A gateway on which the effector may cut off wks-1 of the small example, which stands where the plant's `host` does."""
    made = Plant(tmp_path)
    try:
        made.file.write_text(made.file.read_text().replace('"asset:host"', '"asset:wks-1"'))
        yield made
    finally:
        made.close()


@pytest.fixture
def folder(tmp_path: Path, plant: Plant) -> Path:
    """The small example with the demo's policy, signed, and the plant's effector."""
    made = tmp_path / "net"
    examples.write("minimal", made)
    (made / "feeds").mkdir()
    policy_folder.write(made, "demo", "people")
    policy_folder.sign(made, tmp_path / "key")
    settings = made / "network.toml"
    settings.write_text(f'effector = "{plant.socket}"\n' + settings.read_text())
    return made


def happens(folder: Path, name: str = "edr") -> float:
    """An attack on wks-1 begins now; the moment at which it lies in the feed."""
    at = time.time_ns() // 1000 - 180 * SECOND  # the frame of a minute has closed when the heartbeat behind it comes
    (folder / "feeds" / f"{name}.ndjson").write_text(attack("wks-1", at))
    return time.monotonic()


def statuses(folder: Path) -> list[State]:
    with Journal(journal_path(folder)) as journal:
        return [effect.state for effect in journal.effects()]


def test_an_attack_is_cut_off_without_anybody_and_a_verdict_lets_the_host_back_in(
    plant: Plant, folder: Path, up: Up, browser: httpx2.Client, record_property: Callable[[str, object], None]
) -> None:
    assert plant.reaches("host", "mes")
    with plant.ready() as client, up():
        begin = happens(folder)
        until(lambda: bool(client.observed()))
        record_property("events_to_cut_s", round(time.monotonic() - begin, 2))
        assert {(each.action, each.target) for each in client.observed()} == {("isolate_asset", "asset:wks-1")}
        assert not plant.reaches("host", "mes")
        assert plant.reaches("historian", "mes")
        (incident,) = cases(browser, 1)
        (plan,) = plans(browser, incident)
        assert "carried out and verified" in browser.get(f"/plan/{plan}").text
        said = {"verdict": "benign", "note": "a drill", "csrf": token(browser.get(f"/incident/{incident}").text)}
        browser.post(f"/incident/{incident}/verdict", data=said)
        until(lambda: not client.observed())
        assert plant.reaches("host", "mes")
    assert statuses(folder) == [State.UNDONE]


def test_a_kill_of_up_changes_nothing_in_the_world_and_the_new_one_knows_what_stands(
    plant: Plant, folder: Path, up: Up, browser: httpx2.Client
) -> None:
    with plant.ready() as client:
        with up() as process:
            happens(folder)
            until(lambda: bool(client.observed()))
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not plant.reaches("host", "mes")
        with up():
            (incident,) = cases(browser, 1)
            (plan,) = plans(browser, incident)
            until(lambda: "carried out and verified" in browser.get(f"/plan/{plan}").text)
            assert len(client.observed()) == 1
    assert statuses(folder) == [State.VERIFIED]
    assert len(records(folder, "plans")) == 1


def test_the_kill_switch_stops_what_would_begin_and_not_what_is_there(plant: Plant, folder: Path, up: Up, browser: httpx2.Client) -> None:
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state" / "stop").write_text("stopped by hand: works on the network\n")
    with plant.ready() as client, up():
        happens(folder)
        cases(browser, 1)
        until(lambda: statuses_of(folder) == [State.FAILED])
        assert client.observed() == frozenset()
        assert "works on the network" in browser.get("/autonomy").text
    assert plant.reaches("host", "mes")


def test_a_playbook_cuts_the_host_off_and_lets_it_back_in(plant: Plant, folder: Path) -> None:
    Accounts(folder, Cost(n=2**10)).add("olga", "operator", "a long enough password", "2025-01-01T00:00:00Z")
    words = [*PROGRAM, "respond", "run", "--executor", "effector", "--network", str(folder), "--person", "olga"]
    with plant.ready() as client:
        for verb, reaches in (("contain", False), ("allow", True)):
            file = alone(folder.parent / f"{verb}.json", openc2(verb, "x-interferon:asset", "asset:wks-1"))
            ran = subprocess.run([*words, str(file)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert len(client.observed()) == (not reaches)
            assert plant.reaches("host", "mes") is reaches
    assert statuses(folder) == [State.UNDONE]


def statuses_of(folder: Path) -> list[State]:
    """As readers of the journal see them while the installation runs."""
    with closing(sqlite3.connect(f"file:{journal_path(folder)}?mode=ro", uri=True)) as reader:
        return [State(row[0]) for row in reader.execute("SELECT state FROM effects")]


def test_without_an_effector_nothing_is_claimed(folder: Path, up: Up, browser: httpx2.Client) -> None:
    with up():
        happens(folder)
        (incident,) = cases(browser, 1)
        (plan,) = plans(browser, incident)
        until(lambda: "failed" in browser.get(f"/plan/{plan}").text)
        assert "nothing can be carried out" in (folder.parent / "up.log").read_text()
    assert json.loads((folder / "state/records/plans.ndjson").read_text().splitlines()[0])["would"] is False
