"""What becomes of a containment: nothing is re-admitted because time passed."""

import pytest

from interferon.decide import DecideState, InForce, ReleaseSettings, release, renew
from interferon.decide.settings import HOUR_US
from interferon.model.records import Incident

NOW = 1_767_600_000_000_000
RULES = ReleaseSettings(contained_h=12, clean_h=6, most_renewals=2)


def incident(p: float = 0.95, status: str = "contained") -> Incident:
    return Incident(
        id="i-1",
        revision=3,
        opened=NOW,
        updated=NOW,
        status=status,  # type: ignore[arg-type]  # a plain text from the parameters of the tests
        title="t",
        severity=0.5,
        p_attack=p,
        findings=(),
        entities=(),
        zones=(),
        sites=(),
        suspects=(),
        path=(),
        techniques=(),
        families=(),
    )


def effects(hours: float = 13) -> list[InForce]:
    since = NOW - int(hours * HOUR_US)
    return [
        InForce(effect="i-1.2/1.0", plan="i-1.2", act=("isolate_asset", "asset:b"), since=NOW),
        InForce(effect="i-1.1/1.1", plan="i-1.1", act=("disable_identity", "identity:a"), since=since),
        InForce(effect="i-1.1/1.0", plan="i-1.1", act=("isolate_asset", "asset:a"), since=since),
    ]


def test_a_benign_verdict_takes_everything_back_at_once_one_command_a_plan() -> None:
    undone = release(incident(status="closed"), effects(), "benign", {"asset:a": NOW}, NOW, RULES)
    assert [(one.plan, one.effects) for one in undone] == [("i-1.1", ("i-1.1/1.0", "i-1.1/1.1")), ("i-1.2", ("i-1.2/1.0",))]
    assert {one.reason for one in undone} == {"judged benign"}


def test_quiet_releases_what_stood_long_enough() -> None:
    undone = release(incident(), effects(), "attack", {"asset:a": NOW - 7 * HOUR_US}, NOW, RULES)
    assert [one.effects for one in undone] == [("i-1.1/1.0", "i-1.1/1.1")]
    assert undone[0].reason == "contained for 12 h and clean for 6 h"


@pytest.mark.parametrize(
    ("status", "hours", "seen_h"),
    [("open", 13, 7), ("contained", 11, 7), ("contained", 13, 5), ("closed", 13, 5)],
    ids=["still active", "too short", "not clean", "closed but not clean"],
)
def test_nothing_is_released_while_the_attack_goes_on_or_too_early(status: str, hours: float, seen_h: int) -> None:
    assert release(incident(status=status), effects(hours), "", {"asset:a": NOW - seen_h * HOUR_US}, NOW, RULES) == []


def test_without_any_finding_left_the_time_contained_decides() -> None:
    assert len(release(incident(), effects(), "", {}, NOW, RULES)) == 1


def test_at_the_end_of_its_time_a_containment_is_renewed_while_the_evidence_holds() -> None:
    (one, two) = renew(DecideState(), incident(), effects(), RULES)
    assert (one.plan, one.effects, one.answer) == ("i-1.1", ("i-1.1/1.0", "i-1.1/1.1"), "renew")
    assert (two.plan, two.answer, two.reason) == ("i-1.2", "renew", "p(attack) is still 0.95")


def test_weak_evidence_goes_to_a_person_and_stays_in_force() -> None:
    answers = renew(DecideState(), incident(p=0.1), effects(), RULES)
    assert {one.answer for one in answers} == {"escalate"}
    assert "down to 0.10" in answers[0].reason


def test_after_so_many_renewals_a_person_looks() -> None:
    state = DecideState()
    answers = [renew(state, incident(), effects()[1:], RULES)[0].answer for _ in range(4)]
    assert answers == ["renew", "renew", "escalate", "escalate"]


def test_effects_of_one_plan_that_end_one_by_one_are_counted_each_for_itself() -> None:
    state = DecideState()
    assert [renew(state, incident(), [one], RULES)[0].answer for one in effects()] == ["renew", "renew", "renew"]
