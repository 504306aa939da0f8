"""The way back from a containment: checks, a time at reduced trust, and trust as before."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.decide import Considered, DecideState, ReleaseSettings
from interferon.decide import book as ledger
from interferon.decide.book import Book
from interferon.decide.recovery import held_back, ready, reweighed, stage, watched
from interferon.decide.release import Renewal
from interferon.decide.settings import HOUR_US
from interferon.model.network import Recovery
from interferon.model.records import Incident
from interferon.runtime import installation
from interferon.store import examples, folder
from interferon.trust.policy import Policy

from .test_decide_book import ISOLATE, LOCK, NETWORK, NOW, plan, receipt

RULES = ReleaseSettings(contained_h=12, clean_h=6)
LATER = NOW + 13 * HOUR_US
WATCH_H = 4.0


def incident(name: str = "i-1", status: str = "contained", updated: int = NOW, p: float = 0.9, **more: object) -> Incident:
    base = Incident(
        id=name,
        revision=1,
        opened=NOW,
        updated=updated,
        status="contained",
        title="t",
        severity=0.5,
        p_attack=p,
        findings=(),
        entities=("asset:a",),
        zones=("z",),
        sites=(),
        suspects=(("asset:a", p),),
        path=(),
        techniques=(),
        families=(),
    )
    return msgspec.structs.replace(base, status=status, **more)


def contained() -> Book:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_auto", ISOLATE), NOW)
    ledger.received(book, receipt("i-1.1/1.0", "verified"))
    return book


def asked(book: Book, *others: Incident, verdict: str = "", now: int = LATER, state: DecideState | None = None) -> list[tuple[str, ...]]:
    case = incident()
    cases = {one.id: one for one in (case, *others)}
    return [undo.effects for undo in ready(state or DecideState(), book, cases, case, verdict, now, RULES)]


def test_a_thing_comes_back_checked_then_watched_then_in_full() -> None:
    book, cases = contained(), {"i-1": incident()}
    assert stage(book, cases, "asset:a", NOW, RULES, WATCH_H) == "contained"
    assert asked(book, now=NOW + HOUR_US) == []
    other = {"i-2": incident("i-2", "open")}
    assert stage(book, cases | other, "asset:a", LATER, RULES, WATCH_H) == "checking"
    assert asked(book, other["i-2"]) == []
    (effects,) = asked(book)
    assert effects == ("i-1.1/1.0",)
    assert stage(book, cases, "asset:a", LATER, RULES, WATCH_H) == "contained"  # until the world shows that it is back
    assert watched(book, LATER, WATCH_H) == frozenset()
    ledger.received(book, receipt("i-1.1/1.0", "undone", at=LATER + 5))
    assert stage(book, cases, "asset:a", LATER + 6, RULES, WATCH_H) == "watched"
    assert watched(book, LATER + 4 + int(WATCH_H * HOUR_US), WATCH_H) == {"asset:a"}
    assert stage(book, cases, "asset:a", LATER + 5 + int(WATCH_H * HOUR_US), RULES, WATCH_H) == "full"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (incident("i-2", "open", entities=("asset:b",), zones=()), ""),
        (incident("i-2", "closed", updated=LATER), ""),
        (incident("i-2", "open"), "incident i-2 on it is open"),
        (incident("i-2", updated=LATER - HOUR_US), "something was found on it within 6 h"),
        (incident("i-2", updated=LATER - 7 * HOUR_US), ""),
    ],
)
def test_any_case_on_it_holds_it_back(other: Incident, why: str) -> None:
    assert held_back(contained(), {"i-2": other}, "asset:a", LATER, RULES) == why


def test_a_zone_waits_for_what_is_in_it() -> None:
    case = {"i-2": incident("i-2", "open", entities=("asset:b",))}
    assert held_back(Book(), case, "zone:z", LATER, RULES) == "incident i-2 on it is open"
    assert held_back(Book(), case, "zone:y", LATER, RULES) == ""


@pytest.mark.parametrize("status", ["asked", "failed", "escalated", "due", "verified", "undone"])
def test_a_roll_back_of_its_configuration_must_be_seen_to_hold(status: str) -> None:
    book = contained()
    ledger.received(book, receipt("r", status, "roll_back_config"))
    ledger.received(book, receipt("s", "failed", "roll_back_config", "asset:b"))
    fine = status in ("verified", "undone")
    assert asked(book) == ([("i-1.1/1.0",)] if fine else [])
    assert (held_back(book, {}, "asset:a", LATER, RULES) == f"its configuration is not verified ({status})") != fine


def test_what_was_judged_benign_comes_back_at_once_and_is_trusted() -> None:
    book = contained()
    assert asked(book, incident("i-2", "open"), verdict="benign", now=NOW + 5) == [("i-1.1/1.0",)]
    ledger.received(book, receipt("i-1.1/1.0", "undone", at=NOW + 6))
    assert watched(book, NOW + 7, WATCH_H) == frozenset()


def test_what_is_contained_again_is_not_watched_any_more() -> None:
    book = contained()
    asked(book)
    ledger.received(book, receipt("i-1.1/1.0", "undone", at=LATER))
    ledger.received(book, receipt("again", "verified", at=LATER + 1))
    assert book.returned == {}


def test_an_undo_that_failed_leaves_it_contained() -> None:
    book = contained()
    asked(book)
    ledger.received(book, receipt("i-1.1/1.0", "escalated", at=LATER))
    assert watched(book, LATER, WATCH_H) == frozenset()
    assert stage(book, {}, "asset:a", LATER, RULES, WATCH_H) == "contained"


def test_a_release_makes_whatever_comes_after_it_news() -> None:
    last = Considered(plans=3, time=NOW, p_attack=0.9, suspects=("asset:a",), zones=("z",), actions=(ISOLATE,), mode="execute_auto")
    state = DecideState(considered={"i-1": last})
    asked(contained(), state=state)
    assert state.considered["i-1"] == msgspec.structs.replace(last, suspects=(), zones=(), actions=(), mode="released")
    asked(contained(), state=state, now=NOW)
    assert state.considered["i-1"].plans == 3


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.sampled_from([{"asset:a"}, {"zone:z"}, {"identity:x"}, set[str]()]))
def test_evidence_on_what_is_watched_counts_more_and_nothing_else_does(p: float, q: float, back: set[str]) -> None:
    case = incident(p=p, suspects=(("asset:a", min(p, q)), ("identity:y", min(p, q)), ("order:o", 0.0)))
    seen = reweighed(case, back, NETWORK, 4.0)
    if p == 0.0 or not back & {"asset:a", "zone:z"}:
        assert seen == case
        return
    assert p <= seen.p_attack <= 1.0
    assert seen.p_attack / 4.0 <= p + 1e-12
    suspects = dict(seen.suspects)
    assert min(p, q) <= suspects["asset:a"] <= seen.p_attack
    assert (suspects["identity:y"], suspects["order:o"]) == (min(p, q), 0.0)


def test_the_odds_are_multiplied() -> None:
    seen = reweighed(incident(p=0.2, suspects=((LOCK[1], 0.1), ("asset:a", 0.1))), {LOCK[1]}, NETWORK, 4.0)
    assert seen.p_attack == pytest.approx(0.5)
    assert dict(seen.suspects) == {LOCK[1]: pytest.approx(4 / 13), "asset:a": 0.1}


def test_how_long_a_thing_is_watched_is_a_setting_of_the_network(tmp_path: Path) -> None:
    examples.write("minimal", tmp_path / "net")
    assert folder.load(tmp_path / "net").settings.recovery.watch_hours == WATCH_H
    file = tmp_path / "net" / "network.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("watch_hours = 4", "watch_hours = 2"), encoding="utf-8")
    assert folder.load(tmp_path / "net").settings.recovery.watch_hours == 2.0


def test_how_long_a_thing_stays_contained_is_a_setting_of_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    network = examples.minimal.build(0)
    own = msgspec.structs.replace(network.settings, recovery=Recovery(contained_hours=2.0, clean_hours=1.0))
    for settings, wanted in ((network.settings, RULES), (own, ReleaseSettings(contained_h=2.0, clean_h=1.0))):
        told = installation.rules(dataclasses.replace(network, settings=settings), Policy.observing().ask, observing=True, now=0)
        assert told.release == wanted


def test_what_a_person_asked_for_is_renewed_for_as_long_as_its_action_is() -> None:
    book = contained()
    assert ledger.ttl_s(book, Renewal("i-1.1", ("i-1.1/1.0",), "renew", ""), 0) == book.plans["i-1.1"].ttl_s
    for name, hours in (("fail_over", 8), ("disable_client", 4)):
        ledger.received(book, msgspec.structs.replace(receipt(name, "verified"), plan="openc2:x", action=name))
        assert ledger.ttl_s(book, Renewal("openc2:x", (name,), "renew", ""), 0) == hours * 3600


def test_what_a_person_asked_for_in_a_case_comes_back_with_it_and_what_put_something_right_stays() -> None:
    book = contained()
    for name, action in (("run:1.0", "disable_client"), ("run:2.0", "roll_back_config")):
        told = msgspec.structs.replace(receipt(name, "verified"), plan="openc2:x", incident="i-1", action=action, target="asset:b")
        ledger.received(book, told)
    assert asked(book) == [("i-1.1/1.0",), ("run:1.0",)]
    assert asked(book, verdict="benign") == [("i-1.1/1.0",), ("run:1.0", "run:2.0")]
