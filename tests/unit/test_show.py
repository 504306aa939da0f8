"""The live demo's thread: it plays the story to its end, then still listens; what breaks it is kept and time stands still."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from interferon.model.events import Verdict
from interferon.runtime import arms, guarded
from interferon.runtime.show import Show
from interferon.store.examples import START
from interferon.trust.policy import builtin_policy
from interferon.twin.scenario import parse

from .attacked import HOUR, MINUTE, ground

SCENARIO = """
name = "short"
network = "minimal"
hours = 0.5
[[step]]
id = "a"
at_h = 0.1
kind = "attack"
action = "encrypt_hosts"
target = "asset:srv-1"
"""


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Show:
    """Half an hour, as fast as it goes, after one hour of history."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    for module in (guarded, arms):
        monkeypatch.setattr(module, "HISTORY_H", 1.0)
    network = ground()[0]
    return Show(network, parse(SCENARIO, "short", network), 3, 6000.0, builtin_policy("demo", "people").ask)


def soon(ready: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.02)
    return ready()


def test_the_story_is_played_to_its_end_and_people_may_still_judge(show: Show) -> None:
    run = show.running
    with show:
        assert soon(lambda: run.clock() == START + HOUR // 2)
        assert run.speed == 6000.0 * 60
        assert soon(lambda: bool(run.incidents))
        incident = next(iter(run.incidents))
        run.say(Verdict(time=run.clock(), incident=incident, person="ann", verdict="benign"))
        assert soon(lambda: [verdict.incident for verdict in run.verdicts] == [incident])
    assert (show.failed, run.speed) == (None, 0.0)


def test_the_world_without_response_is_told_once_an_order_is_due(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    with show:
        assert show.running.without(START) is None
        outcome = replace(show._other.outcome(), orders_due=4, orders_late=1, otif=0.75)
        monkeypatch.setattr(show._other, "outcome", lambda: outcome)
        assert show.running.without(START) == (0.75, 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_breaks_the_story_is_kept_and_the_screens_say_that_time_stands_still(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = RuntimeError("the range broke")

    def advance(until: int) -> None:
        raise broken

    monkeypatch.setattr(show._guarded, "advance", advance)
    before = show.running.changed
    with show:
        assert soon(lambda: show.failed is broken)
        assert soon(lambda: show.running.speed == 0.0)
    assert show.running.changed > before
    assert show.running.clock() <= START - HOUR + MINUTE
