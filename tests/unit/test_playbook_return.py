"""The playbooks that bring a thing back by stages, driven in the simulator: compared, restored, proved, opened, watched, closed again."""

import base64
import json

import pytest

from interferon.playbooks import lint
from interferon.playbooks.machine import shelve
from interferon.playbooks.records import Action
from interferon.playbooks.run_records import Begin, Limits, Run, Script, Scripted
from interferon.playbooks.simulate import samples
from interferon.runtime.playbook_files import shipped
from interferon.runtime.playbook_run import Running, Simulated, VirtualClock

BOOKS = {name: each.playbook for name, data in shipped().items() if (each := lint.check(data)).playbook is not None}
SHELF = shelve(book for book in BOOKS.values() if book is not None)
COMPARED, AGAIN, PROVED = "Compare with what was approved", "Compare once more", "Prove it clean"
RESTORED, BY_HAND, WATCHED = "Bring back what was approved", "Restore it by hand", "Watch for an hour"
OPENED = {  # the playbooks that bring a thing back themselves, and their step that opens
    "return-to-service": "Let it talk again, watched",
    "lateral-movement-rdp": "Open the way again, watched",
    "malicious-firmware": "Give it its work back, watched",
    "compromised-historian": "Let the office read again, watched",
}
LEADING = {"lateral-movement-rdp": {"Ask the owner of the account": "stolen"}, "malicious-firmware": {"Can it be spared?": "true"}}
CALLING = {
    "ransomware-workstation",
    "wiper-server",
    "logging-disabled",
    "dns-tunnelling",
    "rogue-engineering-station",
    "robot-fleet-controller",
}


def gone_through(name: str, answers: dict[str, str], failing: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """(title of the step, OpenC2 action or '' of a manual one), in order; `answers`: title of a question → what people say."""
    book = BOOKS[name]
    assert book is not None
    script: Script = {}
    for key, step in book.workflow.items():
        if step.name in failing:
            script[key] = [Scripted("failure")]
        elif isinstance(step, Action) and (said := (LEADING.get(name, {}) | answers).get(step.name)):
            script[key] = [Scripted("success", {step.out_args[0]: said})]
    running = Running(SHELF, Simulated(script), VirtualClock(), None)
    running.begin(Begin(0, book.id, samples(book, {}), Limits(rounds=3, leave_loops=True), script))
    running.finish()
    assert running.state.status == "completed", running.state.problems
    return [(book.workflow[each.step].name, verb(each)) for each in running.given if each.step in book.workflow]


def verb(given: Run) -> str:
    return str(json.loads(base64.b64decode(given.command["content_b64"]))["action"]) if given.kind == "openc2-http" else ""


def test_what_was_changed_is_restored_and_the_playbooks_that_do_it_are_these() -> None:
    restoring = {
        name
        for name, book in BOOKS.items()
        for step in (book.workflow.values() if book is not None else ())
        if isinstance(step, Action) and any("(roll_back_config)" in command.description for command in step.commands)
    }
    assert restoring == {*OPENED, "logging-disabled"}
    back = BOOKS["return-to-service"]
    assert back is not None
    assert {name for name, data in shipped().items() if back.id in data.decode() and name != "return-to-service"} == CALLING


@pytest.mark.parametrize("name", OPENED)
def test_it_is_compared_restored_proved_opened_watched_and_closed_again(name: str) -> None:
    answers = {COMPARED: "false", AGAIN: "true", PROVED: "true", WATCHED: "false"}
    found = gone_through(name, answers)
    stages = [(COMPARED, ""), (RESTORED, "restore"), (AGAIN, ""), (PROVED, ""), (OPENED[name], "allow"), (WATCHED, "")]
    assert [each for each in found if each in stages] == stages
    assert next(each for each in found if each[0] == "Close it again")[1] in ("contain", "deny", "redirect")
    assert found.index((OPENED[name], "allow")) > found.index((PROVED, ""))
    quiet = gone_through(name, answers | {WATCHED: "true"})
    assert "Close it again" not in {title for title, _ in quiet}


@pytest.mark.parametrize("name", OPENED)
def test_what_is_as_approved_is_not_touched_and_people_stand_in_where_restoring_fails(name: str) -> None:
    same = {title for title, _ in gone_through(name, {COMPARED: "true", PROVED: "true", WATCHED: "true"})}
    assert not same & {RESTORED, BY_HAND, AGAIN}
    failed = gone_through(name, {COMPARED: "false", AGAIN: "true", PROVED: "true", WATCHED: "true"}, failing=(RESTORED,))
    assert failed[failed.index((RESTORED, "restore")) + 1] == (BY_HAND, "")


@pytest.mark.parametrize("unclean", [{PROVED: "false"}, {COMPARED: "false", AGAIN: "false"}])
def test_nothing_unclean_is_opened(unclean: dict[str, str]) -> None:
    found = gone_through("return-to-service", {COMPARED: "true", PROVED: "true"} | unclean)
    assert "allow" not in {said for _, said in found}
    assert found[-1] == ("Rebuild it", "")


def test_the_way_to_a_controller_is_opened_after_people_have_loaded_it() -> None:
    answers = {"Compare logic and parameters": "false", "Load what was approved": "true", "Allow commands again": "true", WATCHED: "false"}
    found = gone_through("plc-setpoint-changed", answers)
    wanted = ["Load what was approved", "Allow commands again", "Open the way again, watched", WATCHED, "Close it again"]
    assert [title for title, _ in found if title in wanted] == wanted
    assert {said for _, said in found} == {"", "deny", "allow"}


def test_what_stays_blind_is_isolated_and_brought_back_by_the_other_playbook() -> None:
    answers = {"Was it planned?": "false", "Is it seen again?": "false"}
    found = [title for title, _ in gone_through("logging-disabled", answers)]
    assert found[-3:] == ["Isolate what stays blind", "Unlock it once it is seen", "Fill the gap"]
    for quiet in ("true", "false"):
        seen = gone_through("logging-disabled", answers | {"Is it seen again?": "true", "Watch for a day": quiet})
        assert (("Isolate what is not quiet", "contain") in seen) == (quiet == "false")
        assert (("Unlock the account", "allow") in seen) == (quiet == "true")


@pytest.mark.parametrize("quiet", ["true", "false"])
def test_a_stolen_account_is_unlocked_only_where_it_was_quiet(quiet: str) -> None:
    answers = {"Ask the owner of the account": "stolen", COMPARED: "true", PROVED: "true", WATCHED: quiet}
    found = [title for title, _ in gone_through("lateral-movement-rdp", answers)]
    assert ("Unlock the account" in found, "Leave the account locked" in found) == (quiet == "true", quiet == "false")
