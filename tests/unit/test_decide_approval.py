"""A word on a plan: for exactly what was shown, still allowed at the moment it counts, in time, and of two people where policy says so."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.decide import approval
from interferon.decide import book as ledger
from interferon.decide.approval import digest, yes
from interferon.decide.book import Book
from interferon.decide.settings import HOUR_US
from interferon.decide.situation import Considered, DecideState
from interferon.model.events import Approval
from interferon.model.records import Execute, Plan

from .test_decide_book import CUT, ISOLATE, LOCK, NOW, alternative, granted, kinds, plan, said_now

TWO = alternative(ISOLATE, mode="execute_approved_by_two")


def entered(mode: str = "execute_approved", **more: Any) -> tuple[Book, Plan]:
    book, made = Book(), plan("i-1.1", mode, ISOLATE, **more)  # type: ignore[arg-type]  # one of the literals
    ledger.enter(book, made, NOW)
    return book, made


def tell(book: Book, word: Approval, may: approval.May = granted, state: DecideState | None = None) -> list[str]:
    return kinds(approval.answered(state or DecideState(), book, word, may))


CHANGES = {
    "another plan": {"id": "i-1.2"},
    "another revision of the network": {"network_revision": 2},
    "another time to live": {"ttl_s": 7200},
    "another target": {"alternatives": (alternative(), alternative(("isolate_asset", "asset:b")))},
    "another action": {"alternatives": (alternative(), alternative(("fail_over", "asset:a")))},
    "an action more": {"alternatives": (alternative(), alternative(ISOLATE, LOCK))},
    "another order": {"alternatives": (alternative(), alternative(CUT, ISOLATE))},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_approval_of_one_action_never_passes_another(change: dict[str, Any]) -> None:
    shown = plan("i-1.1", "execute_approved", ISOLATE)
    book, made = Book(), msgspec.structs.replace(shown, **change)
    ledger.enter(book, made, NOW)
    word = msgspec.structs.replace(yes(shown, 1, "ann", NOW + 5), plan=made.id)
    assert approval.refusal(book, word, granted) == f"what was approved is not what plan {made.id} holds; look at it again"
    assert tell(book, word) == []
    assert tell(book, yes(made, 1, "ann", NOW + 5)) == ["Execute", "Solve"]


POSSIBLE = [(action, target) for action in ("isolate_asset", "cut_conduit") for target in ("asset:a", "zone:z")]
ACTS = st.lists(st.sampled_from(POSSIBLE), max_size=4)


@given(ACTS, ACTS)
def test_two_alternatives_have_one_digest_only_where_they_are_the_same(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    first, second = plan("i-1.1", "execute_approved", *one), plan("i-1.1", "execute_approved", *other)
    assert (digest(first, 1) == digest(second, 1)) == (one == other)
    assert digest(first, 1) != digest(first, 0) != digest(first, 2)


def test_a_yes_that_does_not_say_to_what_is_not_taken() -> None:
    book, made = entered()
    assert tell(book, msgspec.structs.replace(yes(made, 1, "ann", NOW), digest="")) == []
    assert book.carried == {}


def test_policy_is_asked_once_more_when_the_word_counts() -> None:
    book, made = entered()
    word = yes(made, 1, "ann", NOW + 5)
    assert approval.refusal(book, word, said_now("suggest", "limit.observe")) == "policy does not allow it any more (limit.observe)"
    assert approval.refusal(book, word, said_now("denied")) == "policy does not allow it any more (no policy allows it)"
    assert tell(book, word, said_now("suggest")) == []
    assert tell(book, word, said_now("execute_unless_vetoed")) == ["Execute", "Solve"]


def test_a_plan_waits_for_people_only_so_long() -> None:
    book, made = entered(approve_until=NOW + HOUR_US)
    assert "waited too long" in approval.refusal(book, yes(made, 1, "ann", NOW + HOUR_US + 1), granted)
    assert tell(book, yes(made, 1, "ann", NOW + HOUR_US)) == ["Execute", "Solve"]


def test_two_different_people_where_policy_says_so() -> None:
    book, made = entered("execute_approved_by_two", alternatives=(alternative(), TWO, alternative(LOCK)))
    assert tell(book, yes(made, 1, "ann", NOW + 5)) == []
    assert approval.refusal(book, yes(made, 1, "ann", NOW + 6), granted) == "ann has approved this already; a second person has to"
    assert tell(book, yes(made, 1, "ann", NOW + 6)) == []
    (command, _) = approval.answered(DecideState(), book, yes(made, 1, "bob", NOW + 7), granted)
    assert isinstance(command, Execute)
    assert command.mode == "execute_approved"


def test_two_yeses_to_two_alternatives_start_neither() -> None:
    book, made = entered("execute_approved_by_two", alternatives=(alternative(), TWO, alternative(LOCK, mode="execute_approved_by_two")))
    assert tell(book, yes(made, 1, "ann", NOW + 5)) == []
    assert tell(book, yes(made, 2, "bob", NOW + 6)) == []
    assert tell(book, yes(made, 2, "ann", NOW + 7)) == ["Execute"]


def test_where_one_person_sufficed_when_it_was_made_two_may_be_needed_now() -> None:
    book, made = entered()
    assert tell(book, yes(made, 1, "ann", NOW + 5), said_now("execute_approved_by_two")) == []
    assert tell(book, yes(made, 1, "bob", NOW + 6), said_now("execute_approved_by_two")) == ["Execute", "Solve"]


def test_a_veto_ends_what_was_approved_by_one_and_a_vetoed_plan_is_not_approved_any_more() -> None:
    book, made = entered("execute_approved_by_two", alternatives=(alternative(), TWO, TWO))
    state = DecideState()
    state.considered["i-1"] = Considered(
        plans=1, time=NOW, p_attack=0.9, suspects=(), zones=(), actions=(ISOLATE,), mode="execute_approved"
    )
    assert tell(book, yes(made, 1, "ann", NOW + 5)) == []
    assert tell(book, Approval(NOW + 6, "i-1.1", "bob", 0, False), state=state) == []
    assert state.considered["i-1"].mode == "overruled"
    assert approval.refusal(book, yes(made, 1, "cid", NOW + 7), granted) == "plan i-1.1 was vetoed"


def test_a_word_on_a_plan_that_was_replaced_counts_no_more() -> None:
    """Else a case that was vetoed could be acted on by the link of an older plan, and a veto be taken for one of the newer plan."""
    book, old = entered("execute_unless_vetoed")
    new = msgspec.structs.replace(old, id="i-1.2")
    ledger.enter(book, new, NOW + 1)
    ledger.enter(book, msgspec.structs.replace(old, id="i-2.1", incident="i-2"), NOW + 2)
    why = "plan i-1.1 was replaced by plan i-1.2; look at that one"
    veto = Approval(NOW + 5, old.id, "ann", 0, False)
    assert approval.refusal(book, veto, granted) == approval.refusal(book, yes(old, 1, "ann", NOW + 5), granted) == why
    assert tell(book, veto) == []
    assert (new.id in book.waiting, book.vetoed) == (True, set())
    assert tell(book, msgspec.structs.replace(veto, plan=new.id)) == []
    assert book.vetoed == {new.id}
    assert tell(book, yes(old, 1, "eve", NOW + 6)) == []


def test_what_policy_does_not_allow_any_more_does_not_start_by_itself_but_a_person_may_start_it() -> None:
    book, made = entered("execute_unless_vetoed")
    assert approval.due(DecideState(), book, NOW + 300_000_000, said_now("execute_approved", "limit.earned")) == []
    assert (book.waiting, book.lapsed) == ({}, {"i-1.1": "limit.earned"})
    assert approval.due(DecideState(), book, NOW + HOUR_US, granted) == []
    assert tell(book, yes(made, 1, "ann", NOW + 400_000_000)) == ["Execute", "Solve"]
    book, _ = entered("execute_unless_vetoed")
    assert approval.due(DecideState(), book, NOW + 300_000_000, said_now("denied")) == []
    assert book.lapsed == {"i-1.1": "no policy allows it"}
