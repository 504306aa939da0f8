"""The judge's book: what starts at once, what waits for a no or a yes, what stands and what it takes from the budgets."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from interferon.decide import approval
from interferon.decide import book as ledger
from interferon.decide.book import Book
from interferon.decide.permit import STRENGTH, Allowed, Permit
from interferon.decide.release import InForce
from interferon.decide.settings import HOUR_US
from interferon.decide.situation import Ask, Closures, DecideState
from interferon.model.events import Approval, Receipted
from interferon.model.network import Asset, Network, Settings, Zone
from interferon.model.records import Alternative, Execute, Mode, Plan, Solve, Undo

NOW = 1_767_600_000_000_000
ISOLATE, LOCK, CUT = ("isolate_asset", "asset:a"), ("disable_identity", "identity:x"), ("isolate_zone", "zone:z")
NETWORK = Network(
    settings=Settings(name="n"),
    revision=1,
    sites={},
    zones={"z": Zone(id="z", site="s", purdue=1, criticality=1)},
    conduits={},
    assets={name: Asset(id=name, zone="z", type="plc") for name in "abc"},
    partners={},
    nodes={},
    lanes={},
    products={},
    orders={},
    people={},
)


def alternative(
    *actions: tuple[str, str], mode: str = "execute_approved", late: float = 2.5, reasons: tuple[str, ...] = ("r",)
) -> Alternative:
    figures = dict.fromkeys(("orders_late_low", "orders_late_high", "otif", "cost", "co2_kg", "unmet", "risk", "expected_loss"), 0.0)
    return Alternative(label="x", actions=actions, orders_late=late, mode=mode, reasons=reasons, **figures)  # type: ignore[arg-type]  # text from tests


def plan(name: str = "i-1.1", mode: Mode = "execute_auto", *actions: tuple[str, str], **more: Any) -> Plan:
    base = Plan(
        id=name,
        incident=name.split(".")[0],
        incident_revision=1,
        network_revision=1,
        time=NOW,
        alternatives=(alternative(mode="execute_auto"), alternative(*actions), alternative(LOCK, mode="suggest", reasons=())),
        chosen=1,
        mode=mode,
        veto_until=NOW + 300_000_000 if mode == "execute_unless_vetoed" else 0,
        approve_until=NOW + HOUR_US,
        ttl_s=3600,
    )
    return msgspec.structs.replace(base, **more)


def receipt(effect: str, status: str, action: str = "isolate_asset", target: str = "asset:a", at: int = NOW) -> Receipted:
    return Receipted(time=at, effect=effect, plan="i-1.1", incident="i-1", action=action, target=target, status=status)


def word(approved: bool, choice: int = 1, name: str = "i-1.1", of: Plan | None = None, person: str = "ann", at: int = NOW + 5) -> Approval:
    """A word on exactly what `of` holds, which is the plan that most tests enter."""
    shown = of or plan(name, "execute_approved", ISOLATE)
    digest = approval.digest(shown, choice) if approved and choice < len(shown.alternatives) else ""
    return Approval(at, name, person, choice, approved, digest)


def granted(asked: Plan, alternative: int) -> Permit:
    """Policy as it was when the plan was made."""
    modes = [asked.alternatives[alternative].mode, *([asked.mode] if alternative == asked.chosen else [])]
    return Permit(max(modes, key=STRENGTH.__getitem__), ())


def said_now(mode: Allowed, *reasons: str) -> approval.May:
    """Policy that has changed its mind since."""
    return lambda asked, alternative: Permit(mode, reasons)


@dataclass(frozen=True)
class Rules:
    """What a book reads of the rules that hold."""

    network: Network = NETWORK
    observing: bool = False
    earned_level: int = 2

    @property
    def closures(self) -> Closures:
        raise AssertionError("a book prices nothing")

    @property
    def ask(self) -> Ask:
        raise AssertionError("a book asks nothing")


def kinds(commands: list[Execute | Undo | Solve]) -> list[str]:
    return [type(command).__name__ for command in commands]


def test_an_automatic_plan_starts_at_once_and_the_goods_look_for_a_way_round() -> None:
    book = Book()
    execute, solve = ledger.enter(book, plan("i-1.1", "execute_auto", ISOLATE, LOCK), NOW)
    assert isinstance(execute, Execute)
    assert [effect[1:3] for effect in execute.effects] == [ISOLATE, LOCK]
    assert isinstance(solve, Solve)
    assert solve.closed == ("asset:a",)
    assert kinds(ledger.enter(book, plan("i-2.1", "execute_auto", ISOLATE, alternatives=(alternative(LOCK),) * 2), NOW)) == [
        "Execute",
        "Solve",
    ]


def test_an_identity_alone_needs_no_re_route() -> None:
    assert kinds(ledger.enter(Book(), plan("i-1.1", "execute_auto", LOCK), NOW)) == ["Execute"]


@pytest.mark.parametrize(
    "quiet", [plan("i-1.1", "execute_auto", ISOLATE, would=True), plan("i-1.1", "execute_auto"), plan("i-1.1", "suggest", ISOLATE)]
)
def test_observing_doing_nothing_and_suggesting_command_nothing(quiet: Plan) -> None:
    book = Book()
    assert ledger.enter(book, quiet, NOW) == []
    assert ledger.carry_out(book, plan(), 1, "execute_approved", NOW) == []


def test_a_veto_plan_starts_when_its_time_is_over_and_only_once() -> None:
    book = Book()
    assert ledger.enter(book, plan("i-1.1", "execute_unless_vetoed", ISOLATE), NOW) == []
    assert approval.due(DecideState(), book, NOW, granted) == []
    assert kinds(approval.due(DecideState(), book, NOW + 300_000_000, granted)) == ["Execute", "Solve"]
    assert approval.due(DecideState(), book, NOW + HOUR_US, granted) == []


def test_a_no_in_time_or_a_newer_plan_of_the_incident_ends_the_wait() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_unless_vetoed", ISOLATE), NOW)
    assert approval.answered(DecideState(), book, word(False), granted) == []
    assert approval.due(DecideState(), book, NOW + HOUR_US, granted) == []
    ledger.enter(book, plan("i-1.2", "execute_unless_vetoed", ISOLATE), NOW)
    ledger.enter(book, plan("i-2.1", "execute_unless_vetoed", LOCK), NOW)
    ledger.enter(book, plan("i-1.3", "execute_approved", ISOLATE), NOW)
    assert list(book.waiting) == ["i-2.1"]


def test_a_yes_starts_what_policy_lets_a_person_start() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_approved", ISOLATE), NOW)
    assert kinds(approval.answered(DecideState(), book, word(True), granted)) == ["Execute", "Solve"]
    assert approval.answered(DecideState(), book, word(True), granted) == []
    assert "taken back" not in approval.refusal(book, word(True), granted)
    assert "take its effects back instead" in approval.refusal(book, word(False), granted)
    assert approval.answered(DecideState(), book, word(True, name="i-9.1"), granted) == []


@pytest.mark.parametrize(
    ("entered", "said", "why"),
    [
        (plan("i-1.1", "suggest", ISOLATE, would=True), word(True), "only observes"),
        (plan("i-1.1", "suggest", ISOLATE), word(True, 0), "doing nothing needs no approval"),
        (plan("i-1.1", "suggest", ISOLATE), word(True, 2), "does not let a person approve x here (no policy allows it)"),
        (plan("i-1.1", "suggest", ISOLATE), word(True, 7), "has no alternative 7; it has 3"),
        (plan("i-1.1", "suggest", ISOLATE), word(True, name="i-7.1"), "there is no plan i-7.1"),
        (plan("i-1.1", "execute_approved", ISOLATE), word(True), ""),
        (plan("i-1.1", "execute_approved", ISOLATE), word(False), ""),
    ],
)
def test_a_refusal_says_why(entered: Plan, said: Approval, why: str) -> None:
    book = Book()
    ledger.enter(book, entered, NOW)
    assert why in approval.refusal(book, said, granted)
    assert bool(why) == bool(approval.refusal(book, said, granted))


def test_what_stands_is_in_force_and_takes_from_the_budgets_until_it_has_ended() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_auto", ISOLATE, LOCK), NOW)
    ledger.enter(book, plan("i-2.1", "execute_auto", CUT), NOW)
    budgets = NETWORK.settings.budgets
    seen = ledger.situation(book, Rules(), NOW)
    assert (seen.observing, seen.earned_level) == (False, 2)
    assert seen.in_force == tuple(sorted((ISOLATE, LOCK, CUT)))
    assert seen.actions_left == budgets.actions_per_hour - 3
    assert seen.assets_left == budgets.isolated_assets - 1 - 3
    assert seen.orders_left == budgets.orders_late_per_day - 5
    for name in list(book.effects):
        ledger.received(book, receipt(name, "failed"))
    later = ledger.situation(book, Rules(), NOW + HOUR_US)
    assert (later.in_force, later.actions_left, later.assets_left) == ((), budgets.actions_per_hour, budgets.isolated_assets)


def test_receipts_tell_what_is_in_force_and_releasing_it_opens_the_way_again() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_auto", ISOLATE, LOCK), NOW)
    assert ledger.in_force(book, "i-1") == []
    ledger.received(book, receipt("i-1.1/1.0", "verified", at=NOW + 7))
    ledger.received(book, receipt("stray", "orphan", target="asset:b"))
    assert ledger.in_force(book, "i-1") == [InForce(effect="i-1.1/1.0", plan="i-1.1", act=ISOLATE, since=NOW + 7)]
    undo = Undo(time=NOW + 9, plan="i-1.1", incident="i-1", effects=("i-1.1/1.0",), reason="judged benign")
    assert ledger.take_back(book, undo) is undo
    (solve,) = ledger.received(book, receipt("i-1.1/1.0", "undone", at=NOW + 10))
    assert isinstance(solve, Solve)
    assert (solve.time, solve.plan, solve.closed) == (NOW + 10, "i-1.1", ("asset:b",))


def test_the_goods_way_waits_for_the_last_thing_to_come_back_and_a_failed_undo_frees_nothing() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_auto", ISOLATE, CUT), NOW)
    for name, act in (("i-1.1/1.0", ISOLATE), ("i-1.1/1.1", CUT)):
        assert ledger.received(book, receipt(name, "verified", *act)) == []
    ledger.take_back(book, Undo(time=NOW + 9, plan="i-1.1", incident="i-1", effects=("i-1.1/1.0", "i-1.1/1.1"), reason="judged benign"))
    assert ledger.received(book, receipt("i-1.1/1.0", "undoing", *ISOLATE)) == []
    assert ledger.received(book, receipt("i-1.1/1.0", "undone", *ISOLATE)) == []
    (solve,) = ledger.received(book, receipt("i-1.1/1.1", "escalated", *CUT))
    assert isinstance(solve, Solve)
    assert solve.closed == ("zone:z",)
    assert ledger.received(book, receipt("i-1.1/1.1", "escalated", *CUT)) == []
