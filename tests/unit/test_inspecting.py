"""The effector is asked what it sees of what would come back, beside the pipeline, and what it saw is told once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interferon.effector.protocol import Job, Seen
from interferon.model.effects import Check
from interferon.model.events import Inspected
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.inspecting import AGAIN_US, NAMED, Inspecting

from .attacked import ground
from .test_acting import WATCH_US, Installation

UNSEEN = "nobody here can see it"


class Looking(Installation):
    """What `inspected` has to tell of targets, a look later."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.client = EffectorClient(folder / "s", answer_s=1.0)
        self.network = ground()[0]
        self.inspecting = Inspecting(self.client, self.client, self.network, lambda: self.now)
        self.known: dict[str, Inspected] = {}

    def sees(self, seen: Seen) -> None:
        """From now on the effector sees this of `asset:wks-1`."""

        def inspect(job: Job) -> Seen:
            return seen

        self.effector.valve.inspect = inspect  # type: ignore[attr-defined]

    def news(self, *targets: str) -> list[Inspected]:
        self.now += WATCH_US
        assert list(self.inspecting.news(lambda: targets, self.known)) == []
        end = time.monotonic() + 5
        while self.inspecting._looking is not None and not self.inspecting._looking.done():
            assert time.monotonic() < end
            time.sleep(0.002)
        told = list(self.inspecting.news(lambda: (), self.known))
        self.known |= {each.target: each for each in told}
        return told

    def close(self) -> None:
        self.inspecting.close()
        self.client.close()
        super().close()


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    made = Looking(tmp_path)
    yield made
    made.close()


def test_what_is_seen_is_told_once_and_again_before_it_counts_no_more(looking: Looking) -> None:
    looking.sees(Seen("absent", "x differs"))
    bad = (Check("asset:wks-1", "configuration", "failed", "x differs"),)
    assert looking.news("asset:wks-1") == [Inspected(looking.now, "asset:wks-1", bad)]
    assert looking.news("asset:wks-1") == []
    looking.now += AGAIN_US
    assert [told.checks for told in looking.news("asset:wks-1")] == [bad]
    looking.sees(Seen("in_force", "as approved"))
    assert [each.standing for (told,) in [looking.news("asset:wks-1")] for each in told.checks] == ["verified"]


def test_what_nobody_can_see_is_one_line(looking: Looking) -> None:
    (told,) = looking.news("asset:wks-1")
    assert told.checks == (Check("asset:wks-1", "configuration", "unknown", UNSEEN),)
    looking.sees(Seen("in_force", "as approved"))
    (zone,) = (name for name, assets in looking.network.assets_in.items() if "wks-1" in assets)
    assets = [f"asset:{name}" for name in looking.network.assets_in[zone]]
    (told,) = looking.news(f"zone:{zone}")
    assert [(each.ref, each.standing) for each in told.checks if each.standing == "verified"] == [("asset:wks-1", "verified")]
    unseen = [ref for ref in assets if ref != "asset:wks-1"]
    lines = [each.detail for each in told.checks if each.standing == "unknown"]
    more = f" and {len(unseen) - NAMED} more" if len(unseen) > NAMED else ""
    assert lines == ([f"{UNSEEN}: {', '.join(unseen[:NAMED])}{more}"] if unseen else [])
    (told,) = looking.news("identity:nobody")
    assert told.checks == ()


def test_nothing_is_asked_while_nothing_would_come_back_or_before_its_time(looking: Looking) -> None:
    assert looking.news() == []
    assert looking.inspecting._looking is None
    looking.news("asset:wks-1")
    looking.now += WATCH_US // 2
    assert list(looking.inspecting.news(lambda: ("asset:wks-1",), {})) == []
    assert looking.inspecting._looking is None


def test_where_the_effector_does_not_answer_it_is_still_to_be_looked_at(looking: Looking) -> None:
    looking.silence()
    assert looking.news("asset:wks-1") == []


def test_an_effector_that_does_not_know_the_question_has_said_that_it_does_not_know(looking: Looking) -> None:
    (check,) = looking.client.inspect("no reference")
    assert (check.what, check.standing) == ("configuration", "unknown")
    assert check.detail.startswith("not in the grammar: ")
