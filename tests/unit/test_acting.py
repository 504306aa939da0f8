"""What `up` acts with, against an effector's core behind a real socket: the world is looked at again while nobody waits for it."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interferon.effector.server import serve
from interferon.model.effects import Intent, Outcome, Receipt, State
from interferon.runtime.acting import Acting
from interferon.store.journal import Journal

from .attacked import fresh, rules
from .effector_world import Effector, World

WATCH_US = 30_000_000  # what `recovery.look_seconds` is by default


class Installation:
    """An effector at a socket, and what acts through it on a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.effector = Effector(folder, World(), names=["wks-1"])
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(folder / "s"))
        self.listening.listen(8)
        arguments = (self.listening, self.effector.core, frozenset({os.geteuid()}), self.effector.said.append)
        self.thread = threading.Thread(target=serve, args=arguments)
        self.thread.start()
        self.now, self.told = 1_000_000, list[str]()
        under = rules()
        self.pipeline = fresh(under)
        self.journal = Journal(folder / "journal.sqlite")
        self.acting = Acting(folder / "s", folder, self.journal, under.network, lambda: self.now, self.told.append)

    def silence(self) -> None:
        """The effector is gone."""
        self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listening.close()

    def close(self) -> None:
        self.acting.close()
        self.journal.close()
        if self.thread.is_alive():
            self.silence()
        self.effector.end()

    def looks(self) -> list[Receipt]:
        """Half a minute later: what a watch has found."""
        self.now += WATCH_US
        assert list(self.acting.look(self.pipeline)) == []
        end = time.monotonic() + 5
        while self.acting._watching is not None and not self.acting._watching.done():
            assert time.monotonic() < end
            time.sleep(0.002)
        return list(self.acting.look(self.pipeline))


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.close()


def contained(installation: Installation) -> None:
    list(installation.acting.look(installation.pipeline))
    intent = Intent(id="e", plan="p", incident="i", action="isolate_asset", target="asset:wks-1", time=installation.now)
    assert [told.status for told in installation.acting.effects.submit([intent])] == [State.VERIFIED]


def test_what_somebody_opened_again_is_shut_and_told(installation: Installation) -> None:
    contained(installation)
    assert installation.looks() == []
    installation.effector.world.valves["asset:wks-1"] = "open"
    (told,) = installation.looks()
    assert (told.effect, told.status) == ("e", State.VERIFIED)
    assert installation.effector.world.valves["asset:wks-1"] == "shut:e"
    assert any(line.startswith("isolate_asset on asset:wks-1 (verified): it does not hold any more") for line in installation.told)
    assert installation.looks() == []


def test_it_is_not_looked_more_often_than_every_half_minute(installation: Installation) -> None:
    contained(installation)
    installation.looks()
    installation.effector.world.valves["asset:wks-1"] = "open"
    installation.now += WATCH_US // 2
    assert list(installation.acting.look(installation.pipeline)) == []
    assert installation.acting._watching is None


def test_what_was_taken_back_since_it_was_looked_at_is_told_as_it_stands(installation: Installation) -> None:
    contained(installation)
    installation.effector.world.valves["asset:wks-1"] = "open"
    installation.now += WATCH_US
    list(installation.acting.look(installation.pipeline))
    assert installation.acting._watching is not None
    installation.acting._watching.result()
    installation.acting.effects.undo(["e"], "over")
    assert [told.status for told in installation.acting.look(installation.pipeline)] == [State.UNDONE]


def test_what_cannot_be_put_back_is_a_person_s(installation: Installation) -> None:
    contained(installation)
    world = installation.effector.world
    world.valves["asset:wks-1"], world.lamps["asset:wks-1"] = "open", "off"
    installation.effector.valve.answers["apply"] = Outcome("failed", "no power")
    (told,) = installation.looks()
    assert (told.status, told.detail) == (State.ESCALATED, "apply failed: no power")


def test_an_effector_that_does_not_answer_is_no_drift(installation: Installation) -> None:
    contained(installation)
    installation.silence()
    installation.acting._probe.close()
    assert installation.looks() == []
    assert [effect.state for effect in installation.journal.effects()] == [State.VERIFIED]
