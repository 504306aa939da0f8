"""Versions of a baseline: what is learnt anew takes over, what is rolled back goes on as it stood, and the bytes are bounded."""

import numpy as np
import pytest

from interferon.detect import baselines, shadows
from interferon.detect.baselines import KEPT, SHADOWS
from interferon.detect.telemetry_examples import TRAIN, basin
from interferon.model.events import Baseline
from interferon.store import checkpoint

from .lived import ALONE, MINUTE, NAMES, WHOLE, Lived, life

LEARN = 240
LEVEL, _, OUTFLOW, PUMP = range(4)
MOVED = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]) * 6.0  # the first machine alone


def relearnt(portfolios=WHOLE, shards: int = 1) -> Lived:  # type: ignore[no-untyped-def]
    """The first machine was moved, and learnt anew by hand."""
    one = Lived(LEARN, portfolios, shards).take(life(LEARN + 60))
    one.say("relearn")
    return one.take(life(LEARN, seed=4) + MOVED)


def test_the_first_rows_make_the_first_version() -> None:
    one = Lived().take(life(LEARN - 1))
    assert one.versions() == []
    one.take(life(1))
    (version,) = one.watch.lives.versions[0]
    assert (version.number, version.rows, version.why, version.time) == (1, LEARN, "first rows", one.now - MINUTE)
    assert one.watch.lives.force == {0: 1, 1: 1}


def test_what_is_learnt_by_hand_takes_over_and_its_life_is_normal() -> None:
    one = relearnt()
    assert one.versions() == [1, 2]
    assert one.watch.lives.force[0] == 2
    assert one.watch.lives.versions[0][1].why == "by hand, ann: new pump"
    assert any(0 in rising for rising in one.rising[LEARN:])  # the old one judged meanwhile, and told of the move
    before = one.row
    one.take(life(120, seed=5) + MOVED)
    assert min(p[0] for p in one.p[before:]) > 1e-4
    assert one.versions(1) == [1]


def test_a_machine_that_was_left_alone_is_judged_as_ever() -> None:
    one, other = relearnt(), Lived(LEARN, WHOLE).take(life(LEARN + 60)).take(life(LEARN, seed=4) + MOVED)
    assert [p.get(1) for p in one.p] == [p.get(1) for p in other.p]


def test_a_version_that_is_rolled_back_to_judges_as_if_it_had_never_been_replaced() -> None:
    ahead, later = life(40, seed=6), life(80, seed=7)
    one, never = Lived(LEARN, WHOLE), Lived(LEARN, WHOLE)
    for lived in (one, never):
        lived.take(life(LEARN + 60))
    one.say("relearn")
    for lived in (one, never):
        lived.take(life(LEARN, seed=4))
    assert one.versions() == [1, 2]
    held = one.watch.lives.force[0]
    one.say("rollback", 1)
    assert (held, one.watch.lives.force[0]) == (2, 1)
    for lived in (one, never):
        lived.take(ahead).take(later)
    assert one.p[-120:] == never.p[-120:]
    assert one.watch.lives.versions[0][0].note == "rolled back to by ann: new pump"
    one.say("rollback", 2)
    assert one.watch.lives.force[0] == 2


def test_an_alarm_that_a_version_rolled_back_to_still_raises_is_told_again() -> None:
    one = relearnt(ALONE)
    before = one.row
    one.say("rollback", 1)
    one.take(life(60, seed=5) + MOVED)
    assert any(0 in rising for rising in one.rising[before:])


def test_a_rollback_gives_back_what_the_detectors_of_few_machines_held() -> None:
    rows = basin()[:TRAIN, None, [LEVEL, OUTFLOW, PUMP]].repeat(2, axis=1)
    one = Lived(LEARN * 2, WHOLE).take(rows[: LEARN * 2])
    few = one.watch.shards[0].telemetry.few
    before = few[0].params[0]["matrix"].copy()
    one.say("relearn")
    one.take(rows[: LEARN * 2] * np.array([-3.0, 1.0, 1.0]))
    assert one.versions() == [1, 2]
    assert 0 not in few or not np.array_equal(few[0].params[0]["matrix"], before)
    one.say("rollback", 1)
    assert np.array_equal(few[0].params[0]["matrix"], before)


def test_a_rollback_gives_back_the_nearest_examples() -> None:
    one = Lived(LEARN, ALONE).take(life(LEARN + 1))
    first = one.watch.shards[0].examples.rows[0].copy()
    one.say("relearn")
    one.take(life(LEARN, seed=4) * 3.0)
    assert one.watch.shards[0].examples.rows[0].tobytes() != first.tobytes()
    one.say("rollback", 1)
    assert one.watch.shards[0].examples.rows[0].tobytes() == first.tobytes()


def test_the_last_versions_are_kept_and_no_more() -> None:
    one = Lived(LEARN, ALONE).take(life(LEARN))
    for _ in range(4):
        one.say("relearn")
        one.take(life(LEARN, seed=4))
    assert one.versions() == [3, 4, 5]
    assert len(one.versions()) == KEPT
    assert sorted(one.watch.lives.kept[0]) == [3, 4]
    one.say("rollback", 3)
    assert sorted(one.watch.lives.kept[0]) == [4, 5]
    one.say("relearn")
    one.take(life(LEARN, seed=4))
    assert one.versions() == [4, 5, 6]
    assert sorted(one.watch.lives.kept[0]) == [4, 5]


def test_a_kept_version_costs_some_kilobytes() -> None:
    one = relearnt()
    (kept,) = one.watch.lives.kept[0].values()
    assert 1_000 < sum(array.nbytes for array in kept.values()) < 12_000


def test_an_accepted_version_says_by_whom() -> None:
    one = relearnt(ALONE)
    one.say("relearn")
    one.say("accept", 2, reason="checked at the machine")
    assert one.watch.lives.versions[0][1].note == "accepted by ann: checked at the machine"
    assert one.watch.lives.shadows == {}


@pytest.mark.parametrize(
    ("verb", "version", "entity", "wrong"),
    [
        ("rollback", 2, 0, "asset:plc-1 has no version 2; kept are 1"),
        ("rollback", 1, 0, "version 1 of asset:plc-1 is in force already"),
        ("accept", 7, 0, "asset:plc-1 has no version 7; kept are 1"),
        ("forget", 1, 0, "a word on a baseline is one of rollback, accept, relearn, not 'forget'"),
        ("relearn", 0, -1, "asset:plc-1 has no learnt baseline"),
    ],
)
def test_a_word_that_cannot_be_followed_changes_nothing(verb: str, version: int, entity: int, wrong: str) -> None:
    one = Lived(LEARN, ALONE).take(life(LEARN))
    before, word = checkpoint.dump(one.watch), Baseline(one.now, NAMES[0], "ann", verb, version)
    assert baselines.refusal(one.watch.lives, entity, word) == wrong
    shadows.take(one.watch, entity, word)
    assert checkpoint.dump(one.watch) == before


def test_not_all_are_learnt_anew_at_once() -> None:
    one = Lived(LEARN, ALONE).take(life(LEARN))
    one.say("relearn")
    shadow = one.watch.lives.shadows[0]
    one.watch.lives.shadows.update({entity: shadow for entity in range(2, SHADOWS + 1)})
    word = Baseline(one.now, NAMES[1], "ann", "relearn")
    assert "wait for one of them" in baselines.refusal(one.watch.lives, 1, word)
    assert baselines.refusal(one.watch.lives, 0, word) == ""


def test_a_machine_that_falls_silent_is_waited_for_two_weeks() -> None:
    one = Lived(LEARN, ALONE).take(life(LEARN))
    one.say("relearn")
    one.take(life(10))
    assert one.watch.lives.shadows[0].seen == 10
    for days, left in ((13, [0]), (15, [])):
        start = one.now + days * 1440 * MINUTE
        shadows.follow(one.watch, ALONE, NAMES, (start, start + MINUTE, np.array([1]), np.ones((1, 3))), ())
        assert list(one.watch.lives.shadows) == left
    assert one.watch.lives.outcomes[0] == "by hand, ann: new pump: not taken over, it fell silent"
    assert one.versions() == [1]


@pytest.mark.parametrize("cut", [0, 100, LEARN])
def test_a_restart_and_more_shards_change_nothing(cut: int) -> None:
    one, other = relearnt(), Lived(LEARN, WHOLE, shards=2).take(life(LEARN + 60))
    other.say("relearn")
    other.take(life(LEARN, seed=4)[:cut] + MOVED)
    other.watch = checkpoint.load(checkpoint.dump(other.watch))
    other.take(life(LEARN, seed=4)[cut:] + MOVED)
    for lived in (one, other):
        lived.take(life(30, seed=8))
        lived.watch = checkpoint.load(checkpoint.dump(lived.watch))
        lived.say("rollback", 1)
        lived.take(life(30, seed=9))
    assert one.p == other.p
    assert checkpoint.dump(one.watch.lives) == checkpoint.dump(other.watch.lives)
