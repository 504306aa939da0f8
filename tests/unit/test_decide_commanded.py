"""A producer's command in the pipeline: a case and a plan of its own, under policy and its token's level, and how it ends."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.decide import book as ledger
from interferon.decide.approval import yes
from interferon.decide.autonomy import records
from interferon.decide.commanded import suspecting
from interferon.decide.situation import Ask
from interferon.model.events import Approval, Commanded, Control, Receipted, Tick, Verdict
from interferon.model.records import Execute, Incident, Plan, Renew, Undo
from interferon.pipeline import Output, Rules, State, finish, step
from interferon.store.examples import START
from interferon.trust.policy import Decision, builtin_policy

from .attacked import HOUR, MINUTE, SECOND, always, attack, fresh, rules

CASE = "openc2-soc-1"
EFFECT = f"{CASE}.1/1.0"
WKS = ("isolate_asset", "asset:wks-1")


def command(*actions: tuple[str, str], case: str = CASE, at: int = START, **more: Any) -> Commanded:
    about: dict[str, Any] = {"producer": "soc", "command": "c-1", "level": 3} | more
    return Commanded(time=at, case=case, actions=actions, **about)


def back(*effects: str, at: int = START + MINUTE) -> Commanded:
    return Commanded(time=at, case="openc2-soc-2", producer="soc", command="c-2", effects=effects)


def of(kind: type, outputs: list[Output]) -> list[Any]:
    return [output for output in outputs if isinstance(output, kind)]


def receipt(effect: str = EFFECT, status: str = "verified", at: int = START + SECOND, target: str = WKS[1]) -> Receipted:
    plan = effect.rpartition("/")[0]
    return Receipted(at, effect, plan, plan.removesuffix(".1"), "isolate_asset", target, status)


def told(state: State, under: Rules, *items: Control) -> list[Output]:
    return [output for item in items for output in step(state, under, item)]


def contained(ends: int = 0, under: Rules | None = None) -> tuple[State, Rules]:
    """A command that is in force."""
    under = under or rules(always("execute_auto"))
    state = fresh(under)
    assert len(of(Execute, told(state, under, command(WKS, ends=ends)))) == 1
    told(state, under, receipt())
    return state, under


def test_what_policy_lets_happen_at_once_is_commanded_and_told_as_a_case_of_the_producer() -> None:
    under = rules(always("execute_auto"))
    state = fresh(under)
    outputs = step(state, under, command(WKS, ("cut_conduit", "conduit:conduit-1"), trust=0.9))
    (incident,), (plan,), (execute,) = of(Incident, outputs), of(Plan, outputs), of(Execute, outputs)
    assert incident.title == "soc commands isolate_asset of asset:wks-1 and 1 more over OpenC2 (c-1)"
    assert (incident.p_attack, incident.suspects[0], incident.zones[0]) == (0.9, ("asset:wks-1", 0.9), "corp-it")
    assert [each.label for each in plan.alternatives] == ["do_nothing", "isolate_asset+cut_conduits"]
    assert (plan.id, plan.chosen, plan.mode, plan.ttl_s) == (f"{CASE}.1", 1, "execute_auto", 4 * 3600)
    assert [each[:3] for each in execute.effects] == [(EFFECT, *WKS), (f"{CASE}.1/1.1", "cut_conduit", "conduit:conduit-1")]
    assert execute.incident == CASE


def test_a_command_counts_once_whatever_comes_under_its_name() -> None:
    under = rules(always("execute_auto"))
    state = fresh(under)
    assert step(state, under, command(WKS))
    assert step(state, under, command(WKS)) == []
    assert step(state, under, command(("isolate_zone", "zone:corp-it"))) == []


def test_what_is_in_force_already_is_not_added() -> None:
    state, under = contained()
    assert step(state, under, command(WKS, case="openc2-soc-2")) == []
    (execute,) = of(Execute, step(state, under, command(WKS, ("isolate_asset", "asset:wks-2"), case="openc2-soc-3")))
    assert [target for _, _, target, _ in execute.effects] == ["asset:wks-2"]
    told(state, under, Tick(time=START + HOUR))
    assert state.latest[CASE].status == "open"


@pytest.mark.parametrize(
    ("level", "mode"), [(0, "suggest"), (1, "execute_approved"), (2, "execute_unless_vetoed"), (3, "execute_auto"), (7, "execute_auto")]
)
def test_no_more_is_done_than_the_token_allows(level: int, mode: str) -> None:
    under = rules(builtin_policy("demo", "people").ask)
    state = fresh(under)
    outputs = step(state, under, command(WKS, level=level))
    assert of(Plan, outputs)[0].mode == mode
    assert bool(of(Execute, outputs)) == (mode == "execute_auto")


def test_two_persons_where_policy_wants_them_at_the_token_s_level() -> None:
    """What is allowed at a higher level does not count when the word does."""

    def ask(principal: str, action: str, kind: str, target: str, context: Any, /) -> Decision:
        return Decision("execute_auto" if context["earned_level"] > 1 else "execute_approved_by_two", ("two",))

    under = rules(ask)
    state = fresh(under)
    (plan,) = of(Plan, step(state, under, command(WKS, level=1)))
    assert plan.mode == "execute_approved_by_two"
    assert of(Execute, told(state, under, yes(plan, 1, "ann", START + 1))) == []
    assert len(of(Execute, told(state, under, yes(plan, 1, "bob", START + 2)))) == 1


def test_policy_hears_whose_command_it_is() -> None:
    heard = []

    def ask(principal: str, action: str, kind: str, target: str, context: Any, /) -> Decision:
        heard.append(context)
        return Decision("denied", ("no.soc",))

    under = rules(ask)
    (plan,) = of(Plan, step(fresh(under), under, command(WKS, trust=0.7)))
    assert [(each["asked_by"], each["p_attack"], each["p_target"]) for each in heard] == [("soc", 700, 700)]
    assert (plan.mode, plan.alternatives[1].mode, plan.alternatives[1].reasons) == ("suggest", "denied", ("no.soc",))


@pytest.mark.parametrize(
    "action", [("isolate_asset", "asset:sis-1"), ("isolate_zone", "zone:plant-1-safety"), ("disable_identity", "asset:sis-1")]
)
def test_a_safety_system_is_never_a_target(action: tuple[str, str]) -> None:
    under = rules(builtin_policy("demo", "people").ask)
    state = fresh(under)
    outputs = step(state, under, command(action))
    (plan,) = of(Plan, outputs)
    assert (plan.alternatives[1].mode, "limit.safety" in plan.alternatives[1].reasons, of(Execute, outputs)) == ("denied", True, [])


@pytest.mark.parametrize(("ask", "observing"), [(always("denied"), False), (always("suggest"), False), (always("execute_auto"), True)])
def test_what_nothing_can_come_of_is_closed_at_once(ask: Ask, observing: bool) -> None:
    under = rules(ask, observing=observing)
    state = fresh(under)
    assert of(Execute, step(state, under, command(WKS))) == []
    assert [each.status for each in of(Incident, step(state, under, Tick(time=START + MINUTE)))] == ["closed"]
    assert of(Incident, step(state, under, Tick(time=START + 2 * MINUTE))) == []


def test_a_veto_or_a_time_that_is_up_closes_the_case() -> None:
    under = rules(always("execute_approved"))
    for word, at in ((True, START + MINUTE), (False, START + 9 * HOUR)):
        state = fresh(under)
        (plan,) = of(Plan, step(state, under, command(WKS)))
        assert of(Incident, step(state, under, Tick(time=START + SECOND))) == []
        if word:
            told(state, under, Approval(START + 2, plan.id, "ann", 1, False))
        assert [each.status for each in of(Incident, step(state, under, Tick(time=at)))] == ["closed"]


def test_a_plan_that_may_be_vetoed_does_not_start_after_the_end_that_was_told() -> None:
    under = rules(always("execute_unless_vetoed"))
    for ends, starts in ((START + 10 * MINUTE, True), (START + MINUTE, False)):
        state = fresh(under)
        (plan,) = of(Plan, step(state, under, command(WKS, ends=ends)))
        assert (plan.mode, plan.approve_until) == ("execute_unless_vetoed", ends)
        executed = of(Execute, told(state, under, Tick(time=START + MINUTE), Tick(time=START + 6 * MINUTE)))
        assert bool(executed) == starts
        if starts:
            assert executed[0].ttl_s == 4 * 60
        else:
            assert state.latest[CASE].status == "closed"
            assert state.book.lapsed[plan.id] == "its end came before it could start"


def test_an_end_that_was_told_takes_it_back_and_closes_the_case() -> None:
    ends = START + 6 * HOUR
    state, under = contained(ends)
    assert state.book.plans[f"{CASE}.1"].ttl_s == 4 * 3600
    (again,) = of(Renew, told(state, under, receipt(status="due", at=START + 4 * HOUR)))
    assert (again.answer, again.ttl_s) == ("renew", 2 * 3600)
    told(state, under, receipt(at=START + 4 * HOUR + 1))
    (undo,) = of(Undo, told(state, under, receipt(status="due", at=ends)))
    assert (undo.effects, undo.reason) == ((EFFECT,), "the time that soc asked for is over")
    told(state, under, receipt(status="undone", at=ends + 1), Tick(time=ends + MINUTE))
    assert state.latest[CASE].status == "closed"
    assert ledger.in_force(state.book, CASE) == []


def test_until_an_end_that_was_told_it_is_renewed_however_often() -> None:
    ends = START + 48 * HOUR
    state, under = contained(ends)
    for turn in range(1, 12):
        at = START + 4 * turn * HOUR
        (again,) = of(Renew, told(state, under, receipt(status="due", at=at)))
        assert (again.answer, again.ttl_s, again.reason) == ("renew", 4 * 3600, "until the end that soc told")
        told(state, under, receipt(at=at + 1))
    assert of(Undo, told(state, under, receipt(status="due", at=ends)))


def test_a_zone_whose_machine_is_suspected_is_not_opened_on_a_producer_s_word() -> None:
    state, under = suspected()
    zone = f"zone:{under.network.zone_of(WKS[1])}"
    other = next(name for name in state.latest if name != CASE)
    assert suspecting(state.book, state.latest, under.network, zone) == other
    assert suspecting(state.book, state.latest, under.network, "asset:nobody") == ""


def test_without_an_end_it_is_decided_again_and_never_let_in_because_time_passed() -> None:
    state, under = contained()
    (again,) = of(Renew, told(state, under, receipt(status="due", at=START + 4 * HOUR)))
    assert (again.answer, again.ttl_s) == ("renew", 4 * 3600)
    assert of(Undo, told(state, under, Tick(time=START + 200 * HOUR))) == []


def suspected(at: int = START) -> tuple[State, Rules]:
    """A command that is in force on something that our own evidence suspects too."""
    under = rules(lambda *question: Decision("execute_auto" if "asked_by" in question[4] else "suggest", ("own",)))
    state = fresh(under)
    told(state, under, command(WKS, ends=START + HOUR))
    told(state, under, receipt())
    step(state, under, attack("wks-1", at + MINUTE))
    finish(state, under)
    return state, under


def test_what_another_case_suspects_is_not_opened_on_a_producer_s_word_nor_at_its_end() -> None:
    state, under = suspected()
    other = next(name for name in state.latest if name != CASE)
    assert of(Undo, told(state, under, back(EFFECT, at=START + 5 * MINUTE))) == []
    (kept,) = of(Renew, told(state, under, receipt(status="due", at=START + HOUR)))
    assert kept.answer == "escalate"
    assert f"incident {other} suspects asset:wks-1" in kept.reason


def test_a_producer_takes_back_what_is_in_force_and_what_still_waits() -> None:
    state, under = contained()
    (undo,) = of(Undo, told(state, under, back(EFFECT)))
    assert (undo.effects, undo.plan, undo.reason) == ((EFFECT,), f"{CASE}.1", "taken back by soc")
    waiting = rules(always("execute_unless_vetoed"))
    state = fresh(waiting)
    (plan,) = of(Plan, step(state, waiting, command(WKS)))
    assert told(state, waiting, back(f"{plan.id}/1.0")) == []
    assert of(Execute, told(state, waiting, Tick(time=START + HOUR))) == []
    assert (plan.id in state.book.vetoed, state.latest[CASE].status) == (True, "closed")


def test_another_command_on_the_same_thing_holds_nothing_back() -> None:
    state, under = contained()
    told(state, under, command(("disable_identity", WKS[1]), case="openc2-soc-3"))
    assert len(of(Undo, told(state, under, back(EFFECT)))) == 1


def test_what_has_ended_is_not_taken_back_again() -> None:
    state, under = contained()
    told(state, under, receipt(status="undone", at=START + SECOND))
    assert told(state, under, back(EFFECT)) == []


def test_a_person_s_verdict_takes_it_back_and_says_nothing_about_our_own_record() -> None:
    state, under = contained()
    (undo,) = of(Undo, told(state, under, Verdict(START + MINUTE, CASE, "ann", "benign")))
    assert undo.effects == (EFFECT,)
    assert records(state.book, state.verdicts, under.network) == {}


TARGETS = ["asset:wks-1", "asset:wks-2", "asset:erp-1"]
ITEMS = st.lists(st.tuples(st.sampled_from(TARGETS), st.integers(0, 3), st.integers(1, 10)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(ITEMS)
def test_however_commands_come_none_is_done_twice_above_its_level_or_beyond_its_end(items: list[tuple[str, int, int]]) -> None:
    under = rules(builtin_policy("demo", "people").ask)
    state, done, standing = fresh(under), list[str](), set[str]()
    for place, (target, level, hours) in enumerate(items):
        at, ends = START + place * MINUTE, START + hours * HOUR
        item = command(("isolate_asset", target), case=f"openc2-soc-{place % 5}", at=at, level=level, ends=ends)
        first = item.case not in state.book.asked
        for one in of(Execute, told(state, under, item)):
            assert first
            assert level == 3
            assert target not in standing
            assert at + one.ttl_s * SECOND <= ends
            standing.add(target)
            done += [name for name, *_ in one.effects]
    assert len(done) == len(set(done))


def test_the_log_keeps_all_of_a_command() -> None:
    item = command(WKS, ends=5, content="x")
    assert msgspec.msgpack.Decoder(Control).decode(msgspec.msgpack.encode(item)) == item
