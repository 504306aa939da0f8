"""Commands at the same time: answers in order of arrival, time-outs, late answers, errors; and an effect told as a command's end."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from interferon.model.effects import Effect, Intent, State
from interferon.model.errors import InputError, JournalError
from interferon.playbooks.machine import shelve
from interferon.playbooks.run_records import Begin, Run, Scripted
from interferon.runtime.effect_drive import NO_ANSWER
from interferon.runtime.playbook_crew import AtOnce, NotDone, WallClock
from interferon.runtime.playbook_effects import effect_name, ended, own_command
from interferon.runtime.playbook_live import refuse_foreign
from interferon.runtime.playbook_run import Running, events
from interferon.store.run_journal import RunJournal

from .playbook_parts import action, build, ident, read


class Hands:
    """Takes as long for each command as its text says, in seconds."""

    def __init__(self) -> None:
        self.under_way, self.most = 0, 0
        self.cancelled: list[str] = []
        self.stop = threading.Event()
        self.lock = threading.Lock()

    def run(self, command: Run) -> Scripted | None:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        text = command.command["command"]
        if text == "broken":
            raise JournalError("the disk is full")
        self.stop.wait(float(text))
        with self.lock:
            self.under_way -= 1
        return Scripted("success")

    def precheck(self, command: Run) -> "Scripted | NotDone | None":
        return "not done"

    def cancel(self, command_id: str) -> None:
        self.cancelled.append(command_id)
        self.stop.set()


def branches(*texts: str, **more: Any) -> dict[str, Any]:
    steps: dict[str, Any] = {"p": {"type": "parallel", "next_steps": [], "on_completion": "end"}}
    for place, text in enumerate(texts):
        name = f"a{place}"
        steps["p"]["next_steps"].append(name)
        steps |= {name: action(f"e{place}", text, **more), f"e{place}": {"type": "end"}}
    return build(steps, "p")


def ran(document: dict[str, Any], hands: Hands, path: Path) -> Running:
    clock = WallClock()
    crew = AtOnce(hands, clock)
    try:
        with RunJournal.create(path, {}) as journal:
            running = Running(shelve([read(document)]), hands, clock, journal, crew)
            running.begin(Begin(clock.now(), document["id"]))
            running.finish()
    finally:
        crew.close()
    return running


def test_branches_run_at_the_same_time_and_answers_count_as_they_come(tmp_path: Path) -> None:
    hands, begin = Hands(), time.monotonic()
    running = ran(branches("0.3", "0.1", "0.2"), hands, tmp_path / "run")
    assert time.monotonic() - begin < 0.55
    assert (running.state.status, hands.most) == ("completed", 3)
    order = [each.step for each in running.told if each.kind == "action"]
    assert order == [ident("action", name) for name in ("a1", "a2", "a0")]


def test_the_intent_of_each_command_is_written_before_its_result(tmp_path: Path) -> None:
    ran(branches("0.02", "0.01", "0"), Hands(), tmp_path / "run")
    journal, _, lines = RunJournal.open(tmp_path / "run")
    with journal:
        places = {line["intent"]: place for place, line in enumerate(lines) if "intent" in line}
        results = {line["event"]["command"]: place for place, line in enumerate(lines) if line.get("event", {}).get("type") == "result"}
    assert len(places) == 3
    assert all(places[name] < place for name, place in results.items())
    assert len(events(lines)[0]) == 4


def test_what_takes_too_long_fails_its_step_is_cancelled_and_told_when_it_was_done_after_all(tmp_path: Path) -> None:
    hands = Hands()
    running = ran(branches("30", "0.01", timeout=800), hands, tmp_path / "run")
    assert running.state.status == "failed"
    assert [(each.step, each.result) for each in running.told if each.result == "timeout"] == [(ident("action", "a0"), "timeout")]
    assert len(hands.cancelled) >= 1
    assert running.notes == [f"{ident('action', 'a0')}: was done, but only when nobody waited for it any more"]


def test_a_journal_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="the disk is full"):
        ran(branches("broken", "0.01"), Hands(), tmp_path / "run")


def test_the_wall_clock_does_not_run_backwards() -> None:
    ahead = time.time_ns() // 1_000_000 + 50
    clock = WallClock(ahead)
    assert clock.now() == ahead
    clock.wait(ahead + 1)
    assert clock.now() > ahead


# ---- what a command asks for, and how it ended


def command(**content: Any) -> Run:
    return Run(
        id="0/1!0", step="action--1", visit=1, kind="openc2-http", command=content, agent="", agent_definition=None, targets={},
        inputs={}, outputs={}, unknown=[], timeout_ms=1, due=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"content_b64": "***"}, "content_b64 is not base64"),
        ({}, "OpenC2"),
        ({"content": '{"action": "deny", "target": {"ipv4_net": "10.0.0.1"}}'}, "not in the namespace x-interferon"),
    ],
)
def test_a_message_that_is_not_ours_is_one_line(content: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why) as told:
        own_command(command(**content))
    assert "\n" not in str(told.value)


def test_a_message_may_be_in_clear() -> None:
    found = own_command(command(content='{"action": "contain", "target": {"x-interferon:asset": "asset:a"}}'))
    assert (found.action, found.specifier) == ("contain", "asset:a")


def effect(state: State, detail: str = "") -> Effect:
    intent = Intent(id="e", plan="p", incident="", action="isolate_asset", target="asset:a", time=0)
    return Effect(intent=intent, state=state, changed=0, expires=0, epoch=1, detail=detail)


@pytest.mark.parametrize(
    ("state", "detail", "forward", "back"),
    [
        (State.VERIFIED, "", "success", "failure"),
        (State.DUE, "", "success", "failure"),
        (State.UNDONE, "", "failure", "success"),
        (State.FAILED, "why", "failure", "success"),
        (State.REFUSED, "why", "failure", "success"),
        (State.ESCALATED, "in part", "failure", "failure"),
        (State.ESCALATED, f"{NO_ANSWER}: within 20 s", "timeout", "timeout"),
        (State.APPLYING, "", None, None),
        (State.UNDOING, "", None, None),
    ],
)
def test_how_an_effect_ends_a_command(state: State, detail: str, forward: str | None, back: str | None) -> None:
    for wanted, found in ((forward, ended([effect(state, detail)])), (back, ended([effect(state, detail)], back=True))):
        assert (found.result if found else None) == wanted
        assert found is None or found.result == "success" or detail in found.detail


def test_names_of_effects_follow_from_run_and_command() -> None:
    assert effect_name("r1", "0/1!0") == effect_name("r1", "0/1!0")
    assert len({effect_name(run, name) for run in ("r1", "r2") for name in ("0/1!0", "0/1!1")}) == 4


def test_a_playbook_with_somebody_elses_code_is_refused_with_the_step() -> None:
    with pytest.raises(InputError, match=f"{ident('action', 'a0')}: bash commands are not carried out"):
        refuse_foreign([read(branches("x", "y"))])
