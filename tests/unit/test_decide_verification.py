"""Nothing comes back before its configuration and backup were seen to be right, where they can be seen; drift is put to people once."""

import dataclasses
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.decide import Considered, DecideState, ReleaseSettings
from interferon.decide import book as ledger
from interferon.decide.book import Book
from interferon.decide.recovery import awaited, held_back, ready, stage, watched
from interferon.decide.repair import inspected
from interferon.decide.settings import HOUR_US
from interferon.decide.verification import FRESH_US, told, unverified
from interferon.model.effects import Check
from interferon.model.events import Inspected
from interferon.model.records import Closure, Execute, Plan
from interferon.pipeline import Rules
from interferon.trust.policy import Decision

from .test_decide_book import ISOLATE, LOCK, NETWORK, plan, receipt
from .test_decide_recovery import LATER, RULES, contained, incident

ASKING = msgspec.structs.replace(RULES, inspects=True)
HOLDING = msgspec.structs.replace(ASKING, unverified="hold")
CASES = {"i-1": incident()}
GOOD = Check("asset:a", "configuration", "verified", "/etc/a is 0123")
BAD = Check("asset:a", "configuration", "failed", "/etc/a differs: x")
BLIND = Check("asset:a", "configuration", "unknown", "nobody here can see it")
KEPT = Check("asset:a", "backup", "verified", "b")
LOST = Check("asset:a", "backup", "failed", "/b cannot be read: No such file or directory")


def seen(book: Book, *checks: Check, at: int = LATER, target: str = "asset:a") -> Book:
    book.inspected[target] = Inspected(at, target, checks)
    return book


def returned(book: Book, rules: ReleaseSettings = ASKING, now: int = LATER, verdict: str = "") -> list[str]:
    """Reasons with which something is taken back."""
    return [undo.reason for undo in ready(DecideState(), book, CASES, incident(), verdict, now, rules)]


QUIET = "contained for 12 h and clean for 6 h"


def test_it_waits_until_somebody_has_looked_a_moment_ago() -> None:
    book = contained()
    assert returned(book) == []
    assert held_back(book, CASES, "asset:a", LATER, ASKING) == "its configuration and backup are still to be looked at"
    assert stage(book, CASES, "asset:a", LATER, ASKING, 4) == "checking"
    assert awaited(book, CASES, {}, LATER, ASKING) == ("asset:a",)
    assert returned(seen(book, GOOD, at=LATER - FRESH_US - 1)) == []
    assert returned(seen(book, GOOD, KEPT, at=LATER - FRESH_US)) == [f"{QUIET}; configuration and backup verified"]
    assert book.returned == {"asset:a": LATER}


def test_nothing_is_looked_at_before_it_could_come_back_or_after_a_benign_verdict() -> None:
    book = contained()
    assert awaited(book, CASES, {}, LATER - 2 * HOUR_US, ASKING) == ()
    assert awaited(book, {"i-1": incident(status="open")}, {}, LATER, ASKING) == ()
    assert awaited(book, {}, {}, LATER, ASKING) == ()
    assert awaited(book, CASES, {"i-1": "benign"}, LATER, ASKING) == ()
    assert returned(seen(book, BAD), verdict="benign") == ["judged benign"]


def test_without_an_effector_nobody_is_asked() -> None:
    assert returned(seen(contained(), BAD), RULES) == [QUIET]


@pytest.mark.parametrize(
    ("checks", "why"),
    [
        ((KEPT, BAD), "configuration of asset:a is not the approved one (/etc/a differs: x)"),
        ((GOOD, LOST), "backup of asset:a is not what was recorded (/b cannot be read: No such file or directory)"),
        (
            (GOOD, Check("asset:a", "backup", "pending", "/b is being read, 30 %")),
            "backup of asset:a is not verified yet (/b is being read, 30 %)",
        ),
        (
            (Check("asset:b", "backup", "pending"), BAD),
            "configuration of asset:a is not the approved one (/etc/a differs: x)",
        ),
    ],
)
def test_what_is_not_right_holds_it_back_and_is_named(checks: tuple[Check, ...], why: str) -> None:
    book = seen(contained(), *checks)
    assert returned(book) == []
    assert held_back(book, CASES, "asset:a", LATER, ASKING) == why


def test_what_nobody_can_see_is_told_and_holds_back_where_the_network_says_so() -> None:
    line = "configuration of asset:a is unknown (nobody here can see it)"
    assert returned(seen(contained(), BLIND, KEPT)) == [f"{QUIET}; backup verified; {line}"]
    assert returned(seen(contained(), BLIND, KEPT), HOLDING) == []
    assert unverified(seen(Book(), BLIND), "asset:a", LATER, HOLDING) == f"{line}, and recovery.unverified is hold"
    assert unverified(Book(), "asset:a", LATER, msgspec.structs.replace(HOLDING, inspects=False)).startswith(line)
    assert returned(seen(contained(), GOOD), HOLDING) == [f"{QUIET}; configuration verified"]
    assert unverified(Book(), "identity:x", LATER, HOLDING) == ""


def test_only_what_is_right_comes_back_of_a_plan_with_several_targets() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_auto", ISOLATE, LOCK), LATER - 13 * HOUR_US)
    for place, (action, target) in enumerate((ISOLATE, LOCK)):
        ledger.received(book, receipt(f"i-1.1/1.{place}", "verified", action, target))
    (undo,) = ready(DecideState(), seen(book, BAD), CASES, incident(), "", LATER, ASKING)
    assert undo.effects == ("i-1.1/1.1",)
    assert book.returned == {"identity:x": LATER}


def test_what_was_seen_counts_more_than_a_roll_back_that_failed_and_is_forgotten_when_it_is_contained_again() -> None:
    book = contained()
    ledger.received(book, receipt("r", "failed", "roll_back_config"))
    assert held_back(seen(book, BLIND), CASES, "asset:a", LATER, ASKING) == "its configuration is not verified (failed)"
    assert held_back(seen(book, GOOD), CASES, "asset:a", LATER, ASKING) == ""
    ledger.received(book, receipt("again", "verified"))
    assert book.inspected == {}


def test_a_roll_back_shuts_nothing_off_and_makes_what_was_seen_before_it_old() -> None:
    book = seen(contained(), GOOD)
    seen(book, Check("asset:b", "configuration", "verified"), target="zone:z")
    ledger.received(book, receipt("r", "verified", "roll_back_config", "asset:b"))
    assert list(book.inspected) == ["asset:a"]
    ledger.received(book, receipt("r-2", "verified", "roll_back_config"))
    assert book.inspected == {}
    assert returned(seen(book, GOOD)) == [f"{QUIET}; configuration verified"]
    ledger.received(book, receipt("i-1.1/1.0", "undone", at=LATER))
    assert stage(book, CASES, "asset:a", LATER + 1, ASKING, 4) == "watched"
    ledger.received(book, receipt("r-2", "undone", "roll_back_config", at=LATER + 5))
    assert book.returned == {"asset:a": LATER}
    ledger.received(book, receipt("r-3", "verified", "roll_back_config", at=LATER + 6))
    assert watched(book, LATER + 7, 4) == {"asset:a"}


def test_nothing_is_told_of_what_was_not_looked_at() -> None:
    assert told(None) == ""
    assert told(Inspected(LATER, "zone:z")) == ""


STANDINGS = st.sampled_from(["verified", "failed", "unknown", "pending"])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["configuration", "backup"]), STANDINGS), max_size=6), st.booleans())
def test_a_thing_comes_back_exactly_where_nothing_speaks_against_it(rows: list[tuple[str, Any, Any]], hold: bool) -> None:
    checks = [Check(f"asset:{name}", what, standing, "d") for name, what, standing in rows]
    bad = {"failed", "pending"} | ({"unknown"} if hold else set())
    fine = not bad & {check.standing for check in checks}
    assert bool(returned(seen(contained(), *checks), HOLDING if hold else ASKING)) is fine


# ---- the repair that drift is answered with


class Free:
    """Closures that cost nothing."""

    figures: ClassVar = dict.fromkeys(("orders_late", "orders_late_low", "orders_late_high", "cost", "co2_kg", "unmet"), 0.0)
    nominal = Closure(refs=(), otif=1.0, time_to_survive_h=-1.0, **figures)

    def value(self, refs: Any) -> Closure:
        return self.nominal


def under(mode: str, asked: list[tuple[str, str]] | None = None, observing: bool = False) -> Rules:
    def ask(principal: str, action: str, target_type: str, target: str, context: Any, /) -> Decision:
        if asked is not None:
            asked.append((action, target))
        return Decision(mode, ("p",))  # type: ignore[arg-type]

    network = dataclasses.replace(NETWORK)  # what it works out for itself stays its own
    return Rules(network=network, closures=Free(), ask=ask, portfolios=None, observing=observing, release=ASKING)  # type: ignore[arg-type]


def decided() -> DecideState:
    """The case was planned for once, as `contained` has it."""
    state = DecideState()
    state.considered["i-1"] = Considered(plans=1, time=LATER, p_attack=0.9, suspects=(), zones=(), actions=(ISOLATE,), mode="execute_auto")
    return state


def looked(book: Book, rules: Rules, *checks: Check, now: int = LATER, state: DecideState | None = None) -> list[Any]:
    return list(inspected(state or decided(), book, {}, CASES, rules, Inspected(now, "asset:a", checks)))


def test_drift_is_put_to_policy_and_rolled_back_where_it_may_be() -> None:
    book, asked = contained(), list[tuple[str, str]]()
    proposal, command, *_ = looked(book, under("execute_auto", asked), BAD, LOST)
    assert isinstance(proposal, Plan)
    assert (proposal.id, proposal.mode, proposal.chosen) == ("i-1.2", "execute_auto", 1)
    assert [each.actions for each in proposal.alternatives] == [(), (("roll_back_config", "asset:a"),)]
    assert isinstance(command, Execute)
    assert asked == [("roll_back_config", "asset:a")]
    assert looked(book, under("execute_auto"), BAD, now=LATER + 1) == []  # it is in force, or on its way
    assert held_back(book, CASES, "asset:a", LATER + 1, ASKING) == "its configuration is not verified (asked)"


def test_a_person_is_asked_once_and_again_when_the_proposal_has_lapsed_or_the_drift_is_another() -> None:
    book, state, rules = contained(), decided(), under("execute_approved")
    (first,) = looked(book, rules, BAD, state=state)
    assert first.mode == "execute_approved"
    assert looked(book, rules, BAD, now=LATER + 1, state=state) == []
    (second,) = looked(book, rules, msgspec.structs.replace(BAD, detail="y"), now=LATER + 2, state=state)
    assert second.id != first.id
    (third,) = looked(book, rules, msgspec.structs.replace(BAD, detail="y"), now=second.approve_until + 1, state=state)
    book.vetoed.add(third.id)
    assert looked(book, rules, msgspec.structs.replace(BAD, detail="y"), now=third.approve_until + 1, state=state) == []
    assert state.considered["i-1"].plans == 4


def test_a_proposal_that_a_newer_plan_replaced_is_made_anew() -> None:
    book, state, rules = contained(), decided(), under("execute_approved")
    looked(book, rules, BAD, state=state)
    ledger.enter(book, plan("i-1.9", "execute_approved", LOCK), LATER)
    assert len(looked(book, rules, BAD, now=LATER + 1, state=state)) == 1


def test_a_repair_that_failed_is_a_person_s_affair() -> None:
    book, state = contained(), decided()
    proposal, *_ = looked(book, under("execute_auto"), BAD, state=state)
    ledger.received(book, receipt(f"{proposal.id}/1.0", "failed", "roll_back_config"))
    assert looked(book, under("execute_auto"), BAD, now=LATER + 1, state=state) == []


@pytest.mark.parametrize(("mode", "observing"), [("denied", False), ("execute_auto", True)])
def test_where_it_may_not_be_done_it_is_only_suggested(mode: str, observing: bool) -> None:
    (proposal,) = looked(contained(), under(mode, observing=observing), BAD)
    assert (proposal.mode, proposal.would) == ("suggest", observing)


def test_a_look_that_began_before_the_newest_receipt_counts_for_nothing() -> None:
    book = contained()
    ledger.received(book, receipt("r", "verified", "roll_back_config", at=LATER))
    assert looked(book, under("execute_auto"), BAD) == []
    assert book.inspected == {}
    assert looked(book, under("execute_auto"), BAD, now=LATER + 1) == []  # the roll-back is in force: whoever keeps it so puts it back
    assert list(book.inspected) == ["asset:a"]


def test_what_is_right_unknown_or_of_no_case_leads_to_no_plan() -> None:
    assert looked(contained(), under("execute_auto"), GOOD, LOST, BLIND) == []
    assert looked(Book(), under("execute_auto"), BAD) == []


def test_a_case_that_was_never_planned_for_gets_its_first_plan() -> None:
    book, state = Book(), DecideState()
    ledger.received(book, receipt("playbook-1", "verified"))
    (proposal,) = looked(book, under("execute_approved"), BAD, state=state)
    assert proposal.id == "i-1.1"
    assert state.considered["i-1"].plans == 1
