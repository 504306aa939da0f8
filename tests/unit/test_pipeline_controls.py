"""What people, executors and time change after a plan was made: vetoes, verdicts, renewals, releases."""

import pytest

from interferon.decide.approval import yes
from interferon.model.effects import State as Effect
from interferon.model.events import Approval, Receipted, Tick, Verdict
from interferon.model.records import Execute, Incident, Plan, Renew, Solve, Undo
from interferon.pipeline import Output, Rules, State, finish, step
from interferon.store.examples import START

from .attacked import HOUR, MINUTE, always, attack, fresh, rules


def planned(state: State, under: Rules) -> tuple[Plan, list[Output]]:
    """The first plan about the attack, and everything that came with it."""
    step(state, under, attack())
    outputs = finish(state, under)
    (plan,) = [output for output in outputs if isinstance(output, Plan)]
    return plan, outputs


def receipts(outputs: list[Output], status: str, at: int) -> list[Receipted]:
    return [
        Receipted(at, name, command.plan, command.incident, action, target, status)
        for command in outputs
        if isinstance(command, Execute)
        for name, action, target, _ in command.effects
    ]


def standing(under: Rules, at: int = START + 2 * MINUTE) -> tuple[State, Plan, list[Receipted]]:
    """A state in which the containment of the attack is verified."""
    state = fresh(under)
    plan, outputs = planned(state, under)
    done = receipts(outputs, "verified", at)
    for one in done:
        step(state, under, one)
    return state, plan, done


def word(plan: Plan, *, approved: bool, at: int = START + 3 * MINUTE) -> Approval:
    return yes(plan, plan.chosen, "ann", at) if approved else Approval(at, plan.id, "ann", plan.chosen, False)


def commands(outputs: list[Output]) -> list[Output]:
    return [output for output in outputs if isinstance(output, Execute | Undo | Renew | Solve)]


def test_a_plan_that_may_be_vetoed_starts_when_its_time_is_over_and_not_before() -> None:
    under = rules(always("execute_unless_vetoed"))
    state = fresh(under)
    plan, outputs = planned(state, under)
    assert (plan.mode, commands(outputs)) == ("execute_unless_vetoed", [])
    assert commands(step(state, under, Tick(time=plan.veto_until - 1))) == []
    started = commands(step(state, under, Tick(time=plan.veto_until)))
    assert isinstance(started[0], Execute)
    assert (started[0].plan, started[0].mode) == (plan.id, "execute_unless_vetoed")
    assert commands(step(state, under, Tick(time=plan.veto_until + MINUTE))) == []


def test_a_veto_ends_the_wait_and_the_same_answer_is_not_given_again() -> None:
    under = rules(always("execute_unless_vetoed"))
    state = fresh(under)
    plan, _ = planned(state, under)
    assert step(state, under, word(plan, approved=False)) == []
    assert state.book.waiting == {}
    assert commands(step(state, under, Tick(time=plan.veto_until + HOUR))) == []
    step(state, under, attack(at=START + 2 * HOUR, first=10))
    again = [output for output in finish(state, under) if isinstance(output, Plan)]
    assert all(other.alternatives[other.chosen].actions != plan.alternatives[plan.chosen].actions for other in again)


def test_a_veto_after_the_start_changes_nothing() -> None:
    under = rules()
    state, plan, _ = standing(under)
    before = dict(state.decisions.considered)
    assert step(state, under, word(plan, approved=False)) == []
    assert state.decisions.considered == before


def test_a_word_about_a_plan_that_nobody_made_is_not_taken() -> None:
    under = rules()
    state = fresh(under)
    for approved in (True, False):
        assert step(state, under, Approval(time=START, plan="none", person="ann", alternative=0, approved=approved)) == []


@pytest.mark.parametrize("alternative", [-1, 99])
def test_an_alternative_that_is_not_there_is_not_taken(alternative: int) -> None:
    under = rules(always("execute_approved"))
    state = fresh(under)
    plan, _ = planned(state, under)
    assert step(state, under, Approval(time=START, plan=plan.id, person="ann", alternative=alternative, approved=True)) == []
    assert state.book.carried == {}


def test_a_person_may_choose_another_alternative() -> None:
    under = rules(always("execute_approved"))
    state = fresh(under)
    plan, _ = planned(state, under)
    other = next(place for place, one in enumerate(plan.alternatives) if one.actions and place != plan.chosen)
    outputs = step(state, under, yes(plan, other, "ann", START + HOUR))
    (command,) = [output for output in outputs if isinstance(output, Execute)]
    assert tuple((action, target) for _, action, target, _ in command.effects) == plan.alternatives[other].actions


def test_an_effect_that_fell_due_is_renewed_while_the_attack_is_likely() -> None:
    under = rules()
    state, plan, done = standing(under)
    due = [Receipted(START + 5 * HOUR, r.effect, r.plan, r.incident, r.action, r.target, "due") for r in done]
    answers = [output for one in due for output in step(state, under, one)]
    assert all(isinstance(answer, Renew) for answer in answers)
    assert [(answer.effects, answer.answer, answer.ttl_s) for answer in answers if isinstance(answer, Renew)] == [
        ((one.effect,), "renew", plan.ttl_s) for one in due
    ]


def test_an_effect_renewed_too_often_is_handed_to_a_person() -> None:
    under = rules()
    state, _, done = standing(under)
    one = done[0]
    answers = []
    for hour in range(under.release.most_renewals + 1):
        due = Receipted(START + (5 + hour) * HOUR, one.effect, one.plan, one.incident, one.action, one.target, "due")
        answers += [output.answer for output in step(state, under, due) if isinstance(output, Renew)]
    assert answers == ["renew"] * under.release.most_renewals + ["escalate"]


@pytest.mark.parametrize("status", ["failed", "escalated", "undone", "due"])
def test_a_receipt_of_an_incident_that_nobody_knows_is_kept_and_commands_nothing(status: str) -> None:
    under = rules()
    state = fresh(under)
    assert step(state, under, Receipted(START, "e-9", "", "i-9", "isolate_asset", "asset:srv-1", status)) == []
    assert state.book.effects["e-9"].status == status


def test_a_verified_effect_of_an_incident_that_nobody_knows_makes_no_incident() -> None:
    under = rules()
    state = fresh(under)
    assert step(state, under, Receipted(START, "e-9", "", "i-9", "isolate_asset", "asset:srv-1", "verified")) == []
    assert state.latest == {}


def test_what_was_contained_long_enough_and_stayed_clean_is_opened_again_and_only_then() -> None:
    under = rules()
    state, plan, done = standing(under)
    quiet = START + int(under.release.contained_h * HOUR) + 2 * MINUTE
    assert commands(step(state, under, Tick(time=quiet - MINUTE))) == []
    outputs = commands(step(state, under, Tick(time=quiet + MINUTE)))
    undone = [output for output in outputs if isinstance(output, Undo)]
    assert [(undo.plan, undo.effects) for undo in undone] == [(plan.id, tuple(sorted(one.effect for one in done)))]
    assert undone[0].reason.startswith("contained for 12 h")
    assert {state.book.effects[one.effect].status for one in done} == {str(Effect.UNDOING)}
    assert commands(step(state, under, Tick(time=quiet + 2 * MINUTE))) == []
    told = [Receipted(quiet + 3 * MINUTE, r.effect, r.plan, r.incident, r.action, r.target, "undone") for r in done]
    *before, last = [commands(step(state, under, one)) for one in told]
    assert [output for outputs in before for output in outputs] == []  # the goods' way follows the last thing that is back
    assert last == [Solve(time=quiet + 3 * MINUTE, plan=plan.id, closed=())]
    assert state.book.returned == {one.target: quiet + 3 * MINUTE for one in done}


def test_a_renewal_begins_neither_the_containment_nor_the_quiet_anew() -> None:
    under = rules()
    state, plan, done = standing(under)
    for hour in (4, 8):
        for status in ("due", "verified"):
            for one in done:
                step(state, under, Receipted(START + hour * HOUR, one.effect, one.plan, one.incident, one.action, one.target, status))
    quiet = START + int(under.release.contained_h * HOUR) + 3 * MINUTE
    undone = [output for output in step(state, under, Tick(time=quiet)) if isinstance(output, Undo)]
    assert [undo.plan for undo in undone] == [plan.id]
    assert {state.book.effects[one.effect].told for one in done} == {START + 8 * HOUR}


def test_a_benign_verdict_closes_the_incident_and_an_attack_verdict_makes_it_certain() -> None:
    under = rules()
    for verdict, certain in (("benign", False), ("attack", True)):
        state, plan, done = standing(under)
        outputs = step(state, under, Verdict(time=START + HOUR, incident=plan.incident, person="ann", verdict=verdict))
        revised = [output for output in outputs if isinstance(output, Incident)]
        assert (revised[0].status == "closed", revised[0].p_attack > 0.95) == (not certain, certain)
        undone = [name for output in outputs if isinstance(output, Undo) for name in output.effects]
        assert sorted(undone) == ([] if certain else sorted(one.effect for one in done))
        assert state.verdicts == {plan.incident: verdict}


def test_a_verdict_on_an_incident_that_nobody_knows_is_kept_and_changes_nothing() -> None:
    under = rules()
    state = fresh(under)
    assert step(state, under, Verdict(time=START, incident="i-9", person="ann", verdict="benign")) == []
    assert state.verdicts == {"i-9": "benign"}


def test_ticks_close_frames_once_and_never_go_back() -> None:
    under = rules()
    state = fresh(under)
    step(state, under, attack())
    first = step(state, under, Tick(time=START + 2 * MINUTE))
    assert any(isinstance(output, Incident) for output in first)
    assert step(state, under, Tick(time=START + MINUTE)) == []
    assert step(state, under, Tick(time=START + 2 * MINUTE)) == []
