"""Screens *Approvals* and *Autonomy*, over a running installation: what waits and until when, the record, budgets, the kill switch."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from interferon.decide.approval import yes
from interferon.model.errors import InputError
from interferon.model.events import Switch, Tick, Verdict
from interferon.runtime.kill_switch import KillSwitch
from interferon.store import policy_folder
from interferon.store.examples import START
from interferon.trust.policy import Decision
from interferon.web.app import create_app

from .attacked import HOUR, MINUTE, always
from .showing import Shown, answer, shown

EVERY = 15 * MINUTE  # as network.toml has it by default


@pytest.fixture
def waiting() -> Shown:
    return shown(always("execute_approved"))


def browser(one: Shown) -> TestClient:
    return TestClient(
        create_app(one.source, None, b"s" * 32), base_url="http://127.0.0.1", client=("127.0.0.1", 50000), follow_redirects=False
    )


@pytest.fixture
def page(waiting: Shown) -> Iterator[TestClient]:
    with browser(waiting) as client:
        yield client


def token(text: str) -> str:
    return text.split('name="csrf" value="')[1].split('"')[0]


def test_what_waits_says_until_when_and_who_is_asked(waiting: Shown) -> None:
    plan = waiting.attacked()
    (one,) = waiting.source.approvals()
    assert (one.decision.plan, one.needed, one.until) == (plan, 1, plan.time + 8 * HOUR)
    assert [person.time for person in one.asked] == sorted(person.time for person in one.asked)
    assert one.asked[0].role == "operator"
    assert {person.time - plan.time for person in one.asked} <= {0, EVERY, 2 * EVERY}
    waiting.loop.feed(answer(plan, approved=True))
    assert waiting.source.approvals() == ()


def test_what_starts_by_itself_comes_first_with_the_end_of_its_veto() -> None:
    one = shown(always("execute_unless_vetoed"))
    plan = one.attacked()
    (first,) = one.source.approvals()
    assert (first.decision.status, first.until) == ("veto", plan.veto_until)


def test_after_its_time_nobody_can_approve_and_the_plan_says_so(waiting: Shown) -> None:
    plan = waiting.attacked()
    waiting.now = plan.approve_until + 1
    view = waiting.source.plan(plan.id)
    assert view is not None
    assert view.decision.status == "lapsed"
    assert waiting.source.approvals() == ()
    assert "waited too long" in waiting.source.approve(plan.id, plan.chosen, "ann", view.decision.digests[plan.chosen])


def test_a_second_person_is_asked_for_by_name_of_the_first() -> None:
    one = shown(always("execute_approved_by_two"))
    plan = one.attacked()
    one.loop.feed(yes(plan, plan.chosen, "ann", START + 3 * MINUTE))
    (left,) = one.source.approvals()
    assert (left.needed, left.decision.given, left.decision.status) == (2, ("ann",), "waiting")
    with browser(one) as client:
        text = client.get("/approvals").text
    assert "Two people have to approve: ann has, a second one is missing." in text
    one.loop.feed(yes(plan, plan.chosen, "bob", START + 4 * MINUTE))
    assert one.source.approvals() == ()


def test_the_page_approves_exactly_what_it_showed(waiting: Shown, page: TestClient) -> None:
    plan = waiting.attacked()
    text = page.get("/approvals").text
    assert "Can be approved for another" in text
    digest = text.split('name="digest" value="')[1].split('"')[0]
    word = {"alternative": str(plan.chosen), "back": "approvals", "csrf": token(text)}
    refused = page.post(f"/plan/{plan.id}/approve", data={**word, "digest": "0" * 32})
    assert (refused.status_code, "what was approved is not what plan" in refused.text) == (409, True)
    assert page.post(f"/plan/{plan.id}/approve", data={**word, "digest": digest}).headers["location"] == "/approvals"
    assert waiting.said == [yes(plan, plan.chosen, "local@loopback", waiting.now)]


def test_with_nothing_to_decide_the_page_says_so(page: TestClient) -> None:
    assert "Nothing waits for a person." in page.get("/approvals").text


def test_the_record_shows_what_a_wrong_containment_costs() -> None:
    one = shown()
    plan = one.attacked()
    one.tell("verified")
    one.loop.feed(Verdict(time=START + HOUR, incident=plan.incident, person="ann", verdict="benign"))
    view = one.source.autonomy()
    wrong = [row for row in view.earned if row.wrong]
    assert wrong
    assert all(row.level == 2 for row in wrong)
    assert [budget.limit for budget in view.budgets] == [12, 40, 200]
    assert view.budgets[0].held > 0
    with browser(one) as client:
        assert "acts unless vetoed" in client.get("/autonomy").text


def test_the_kill_switch_is_a_file_with_who_and_why(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path)
    assert switch.engaged() == ""
    switch.set(Switch(START, "ann", True, "the line behaves oddly"))
    assert switch.engaged().startswith("stopped by ann at 20")
    assert switch.engaged().endswith(": the line behaves oddly")
    switch.set(Switch(START, "ann", False, "seen to"))
    assert switch.engaged() == ""
    switch.path.touch()
    assert switch.engaged() == "the kill switch is engaged"
    switch.path.unlink()
    switch.path.mkdir()
    assert "cannot be read" in switch.engaged()
    assert not switch.engaged().endswith("\n")


def test_a_pipe_in_the_place_of_the_switch_stops_effects_and_holds_up_nobody(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path)
    switch.path.parent.mkdir()
    os.mkfifo(switch.path)
    assert switch.engaged() == "the kill switch is engaged"
    switch.path.unlink()
    switch.path.symlink_to("/dev/zero")
    assert switch.engaged()


def test_a_stop_that_the_disk_does_not_take_holds_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = KillSwitch(tmp_path)

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(policy_folder, "replace", full)
    with pytest.raises(InputError, match="No space left on device; no new effect begins while this process runs"):
        switch.set(Switch(START, "ann", True, "the line behaves oddly"))
    assert switch.engaged().endswith(": the line behaves oddly")
    switch.set(Switch(START, "ann", False, "seen to"))
    assert switch.engaged() == ""


def test_the_switch_on_the_page_works_at_once_and_wants_a_reason(waiting: Shown, page: TestClient, tmp_path: Path) -> None:
    form = {"engaged": "yes", "reason": "drill"}
    assert "nothing is carried out here" in page.get("/autonomy").text
    waiting.run.switch = KillSwitch(tmp_path)
    csrf = token(page.get("/autonomy").text)
    assert page.post("/autonomy/switch", data={**form, "reason": " ", "csrf": csrf}).status_code == 409
    assert waiting.run.switch.engaged() == ""
    assert page.post("/autonomy/switch", data={**form, "csrf": csrf}).status_code == 303
    assert waiting.run.switch.engaged().endswith(": drill")
    assert "No new effect begins" in page.get("/approvals").text
    for other in ("YES", "false", "x"):  # what is not clear lets nothing go on
        assert page.post("/autonomy/switch", data={"engaged": other, "reason": "over", "csrf": csrf}).status_code == 409
        assert waiting.run.switch.engaged().endswith(": drill")
    assert page.post("/autonomy/switch", data={"engaged": "no", "reason": "over", "csrf": csrf}).status_code == 303
    assert waiting.run.switch.engaged() == ""
    assert [(word.engaged, word.reason) for word in waiting.said if isinstance(word, Switch)] == [(True, "drill"), (False, "over")]


def test_an_effector_that_lets_nothing_begin_is_told_beside_the_switch(waiting: Shown, page: TestClient, tmp_path: Path) -> None:
    waiting.run.switch = KillSwitch(tmp_path)
    waiting.run.beyond = lambda: "the effector cannot be reached"
    text = page.get("/autonomy").text
    assert "nothing begins</b> <span>the effector cannot be reached" in text
    assert "Stop all new effects" in text  # its own switch is where it was
    assert "No new effect begins: the effector cannot be reached" in page.get("/approvals").text


def test_where_nothing_is_carried_out_there_is_nothing_to_stop(waiting: Shown) -> None:
    assert waiting.source.stop("ann", "why") == "nothing is carried out here: there is nothing to stop"


def test_a_switch_that_cannot_be_set_is_told(waiting: Shown, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    waiting.run.switch = KillSwitch(tmp_path)
    assert waiting.source.stop("ann", "why").startswith("the kill switch cannot be set: ")
    assert waiting.said == []


def test_policy_that_allows_nothing_any_more_leaves_the_plan_waiting() -> None:
    one = shown(always("execute_unless_vetoed"))
    plan = one.attacked()
    careful = replace(one.loop.rules, ask=lambda *asked: Decision("execute_approved", ("people.first",)))
    one.run.rules = one.loop.rules = careful
    one.loop.feed(Tick(time=plan.veto_until))
    (left,) = one.source.approvals()
    assert (left.decision.status, left.decision.note) == ("waiting", "people.first")
