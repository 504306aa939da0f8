"""Narrow containments, repairs and returns beside each other: renewals of what has happened, other cases, escalated repairs, echoes."""

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from interferon import pipeline
from interferon.correlate import incidents
from interferon.correlate.case import IncidentState
from interferon.decide import book as ledger
from interferon.decide import commanded
from interferon.decide.book import Book
from interferon.decide.permit import place
from interferon.decide.recovery import held_back, ready
from interferon.decide.release import ReleaseSettings
from interferon.decide.settings import HOUR_US
from interferon.decide.situation import DecideState
from interferon.model.events import Receipted
from interferon.model.network import Client
from interferon.model.records import Finding, Renew, Undo

from .test_decide_book import plan, receipt
from .test_decide_narrow import clients, program, tabled
from .test_decide_recovery import LATER, contained, incident
from .test_decide_verification import ASKING, BAD, CASES, decided, looked, under

PROCESS = "process:agentd"
T = 1_767_600_000_000_000


def received(book: Book, effect: str, status: str, action: str, at: int) -> list[object]:
    return [*ledger.received(book, receipt(effect, status, action, PROCESS, at))]


def test_the_renewal_of_an_end_thaws_nothing_that_was_frozen_since() -> None:
    book = Book()
    received(book, "f1", "verified", "freeze_process", LATER)
    (undo,) = received(book, "k", "verified", "kill_process", LATER + 1)
    assert isinstance(undo, Undo)
    assert undo.effects == ("f1",)
    received(book, "f1", "undone", "freeze_process", LATER + 2)
    received(book, "f2", "verified", "freeze_process", LATER + 3)
    received(book, "k", "due", "kill_process", LATER + HOUR_US)
    assert received(book, "k", "verified", "kill_process", LATER + HOUR_US + 1) == []
    assert book.effects["f2"].status == "verified"


def test_an_end_whose_time_is_over_stands_no_more_and_goes_to_a_person() -> None:
    book, case = Book(), incident()
    ledger.enter(book, plan("i-1.1", "execute_auto", ("kill_process", PROCESS)), LATER)
    name = "i-1.1/1.0"
    for status in ("verified", "due"):
        ledger.received(book, receipt(name, status, "kill_process", PROCESS, LATER))
        assert ledger.stands(book.effects[name]) == (status == "verified")
    due = receipt(name, "due", "kill_process", PROCESS, LATER)
    (told,) = commanded.due(DecideState(), book, {"i-1": case}, case, due, tabled(), ReleaseSettings())
    assert isinstance(told, Renew)
    assert (told.answer, told.effects) == ("escalate", (name,))
    assert "nothing brings it back" in told.reason
    assert commanded._is_over(book, book.plans["i-1.1"], LATER)
    ledger.received(book, receipt(name, "verified", "kill_process", PROCESS, LATER))
    assert not commanded._is_over(book, book.plans["i-1.1"], LATER)


def test_a_process_that_another_open_case_suspects_is_not_thawed() -> None:
    book = Book()
    ledger.enter(book, plan("i-1.1", "execute_auto", ("freeze_process", PROCESS)), LATER - 13 * HOUR_US)
    ledger.received(book, receipt("i-1.1/1.0", "verified", "freeze_process", PROCESS, LATER - 13 * HOUR_US))
    mine, other = incident(), incident("i-2", "open", updated=LATER, suspects=(("asset:a", 0.9), (PROCESS, 0.9)))
    assert ready(DecideState(), book, {"i-1": mine, "i-2": other}, mine, "", LATER, ASKING) == []
    elsewhere = msgspec.structs.replace(other, suspects=(("asset:a", 0.9),))
    (undo,) = ready(DecideState(), book, {"i-1": mine, "i-2": elsewhere}, mine, "", LATER, ReleaseSettings())
    assert undo.effects == ("i-1.1/1.0",)


def test_drift_behind_a_repair_that_nobody_watches_any_more_is_answered_anew() -> None:
    book, state = contained(), decided()
    ledger.received(book, receipt("old/1.0", "escalated", "roll_back_config", at=LATER - HOUR_US))
    assert "escalated" in held_back(book, CASES, "asset:a", LATER, ASKING)
    assert looked(book, under("execute_approved"), BAD, state=state)


def found(at: int, kind: str, family: str = "activity") -> Finding:
    name = f"{at}{kind}"
    return Finding(
        id=name, time=at, entity="asset:wms", detector="d", family=family, kind=kind, p=1e-9, score=9.0, why=(("x", 1.0),), summary="s"
    )


def opened() -> tuple[IncidentState, str]:
    state = incidents.new_state()
    case = incidents.update(
        state, tabled(program("agentd", "wms")), [found(T, "rule.high.x"), found(T + 1, "conversation.first_seen")], T + 10
    )[0]
    return state, case.id


def test_what_was_put_right_is_not_contained_and_new_evidence_on_it_is_no_echo() -> None:
    state, name = opened()
    latest = {name: incident(name)}
    running = SimpleNamespace(book=Book(), latest=latest, incidents=state, decisions=DecideState())
    rules = SimpleNamespace(network=tabled(), release=ASKING)

    def told(effect: str, action: str, target: str, at: int) -> None:
        item = Receipted(time=at, effect=effect, plan=f"{name}.1", incident=name, action=action, target=target, status="verified")
        pipeline._received(running, rules, item)  # type: ignore[arg-type]

    told("z", "isolate_zone", "zone:dc", T + HOUR_US)
    told("r", "roll_back_config", "asset:wms", T + 15 * HOUR_US)
    assert latest[name].updated == T + HOUR_US
    incidents.note_released(state, name, ["zone:dc"])
    (case,) = incidents.update(state, tabled(), [found(T + 23 * HOUR_US, "rule.high.y")], T + 23 * HOUR_US + 10)
    assert (case.status, list(state.cases[name].contained)) == ("open", [])


@pytest.mark.parametrize("target", ["asset:wms", PROCESS, "identity:c"])
def test_the_silence_that_a_containment_causes_is_its_echo(target: str) -> None:
    network = replace(tabled(), clients=clients(Client(id="c", client_id="x", broker="wms", asset="wms")))
    state, name = incidents.new_state(), ""
    for case in incidents.update(state, network, [found(T, "rule.high.x"), found(T + 1, "conversation.first_seen")], T + 10):
        name = case.id
    incidents.note_contained(state, name, [target], T + HOUR_US)
    echo = [found(T + HOUR_US + 60_000_000, "log.silent"), found(T + HOUR_US + 60_000_001, "telemetry.pattern", "telemetry")]
    revised = incidents.update(state, network, echo, T + HOUR_US + 70_000_000)
    assert all(case.status == "contained" for case in revised)


def test_policy_is_told_where_the_machine_of_a_client_stands() -> None:
    network = tabled()
    told, machine = (place(network, *act) for act in (("disable_client", "identity:line"), ("isolate_asset", "asset:plc")))
    assert told["zone"]
    assert [told[each] for each in ("zone", "site", "purdue", "criticality")] == [
        machine[each] for each in ("zone", "site", "purdue", "criticality")
    ]
    assert place(network, "disable_client", "identity:elsewhere")["zone"] == ""


def test_what_is_closed_for_goods_is_what_the_tables_say_it_serves() -> None:
    network = tabled(program("agentd", "wms"), program("server", "wms", "yes"))
    assert network.closed_for_goods(["process:agentd", "process:server", "zone:dc", "asset:wms"]) == ("asset:wms", "zone:dc")
