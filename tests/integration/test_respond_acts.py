"""Playbooks that act: a real effector holds orders at an ERP; refusals, parallel branches, a kill in the middle, a person's answer."""

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interferon.model.effects import State
from interferon.runtime.effector_client import EffectorClient
from interferon.store.journal import Journal, journal_path

from .acting_plant import PROGRAM, Acting, alone, hold, openc2, release, side_by_side

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Acting]:
    """An ERP that takes a second for each file."""
    made = Acting(tmp_path, takes_s=1.0)
    with made.effector():
        yield made
    made.close()


def report(told: tuple[int, str, str]) -> tuple[int, dict[str, Any]]:
    return told[0], json.loads(told[1])


def states(acting: Acting) -> list[State]:
    with Journal(journal_path(acting.net), wait_s=15.0) as journal:
        return [effect.state for effect in journal.effects()]


def test_an_order_is_held_and_released(run: Run, standing: Acting, tmp_path: Path) -> None:
    code, told = report(run(*standing.words(alone(tmp_path / "p.json", hold("o-1")))))
    assert (code, told["status"], told["problems"]) == (0, "completed", [])
    assert told["steps"][1]["detail"] == "hold_transaction order:o-1: verified"
    assert standing.erp.status["o-1"] == "held"
    with EffectorClient(standing.folder / "s") as client:
        assert {each.target for each in client.observed()} == {"order:o-1"}
    code, told = report(run(*standing.words(alone(tmp_path / "q.json", release("o-1")))))
    assert (code, told["steps"][1]["detail"]) == (0, "hold_transaction order:o-1: undone")
    assert standing.erp.status["o-1"] == "open"


@pytest.mark.parametrize(
    ("person", "command", "why"),
    [
        ("vera", hold("o-2"), "policy does not let vera (viewer) approve hold_transaction of order:o-2"),
        ("paul", hold("o-2"), "policy does not let paul (planner) approve hold_transaction of order:o-2"),
        ("olga", openc2("stop", "x-interferon:process", "asset:wks-1"), "let olga (operator) approve kill_process of asset:wks-1"),
        ("olga", openc2("deny", "ipv4_net", "10.0.0.1"), "deny ipv4_net is not in the namespace x-interferon: it is meant for"),
        ("olga", openc2("contain", "x-interferon:asset", "asset:nobody"), "'asset:nobody' is not in the network"),
        ("olga", release("o-2"), "no effect of ours in force belongs to x-interferon:transaction order:o-2"),
        ("olga", hold("o-9"), "hold_transaction order:o-9: failed, precheck refused"),
    ],
)  # fmt: skip
def test_what_may_not_or_cannot_be_done_fails_its_step_with_the_reason(
    run: Run, standing: Acting, tmp_path: Path, person: str, command: dict[str, Any], why: str
) -> None:
    code, told = report(run(*standing.words(alone(tmp_path / "p.json", command), person=person)))
    assert (code, told["status"]) == (1, "failed")
    assert why in told["steps"][1]["detail"]
    assert set(standing.erp.status.values()) == {"open"}


def test_an_owner_may_ask_for_what_cannot_be_taken_back(run: Run, standing: Acting, tmp_path: Path) -> None:
    kill = openc2("stop", "x-interferon:process", "asset:wks-1")
    _, told = report(run(*standing.words(alone(tmp_path / "p.json", kill), person="olaf")))
    assert "precheck refused" in told["steps"][1]["detail"]  # past policy: this effector has no such target


def test_the_kill_switch_stops_what_would_begin(run: Run, standing: Acting, tmp_path: Path) -> None:
    stop = standing.net / "state" / "stop"
    stop.parent.mkdir(exist_ok=True)
    stop.write_text("stopped by hand: works on the network\n")
    try:
        code, told = report(run(*standing.words(alone(tmp_path / "p.json", hold("o-2")))))
    finally:
        stop.unlink()
    assert (code, "works on the network" in told["steps"][1]["detail"]) == (1, True)
    assert standing.erp.status["o-2"] == "open"


def test_a_question_without_a_terminal_is_not_answered(run: Run, standing: Acting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        code, told = report(run(*standing.words(alone(tmp_path / "p.json", {"type": "manual", "command": "look"}))))
    assert (code, told["steps"][1]["detail"]) == (1, "nobody could be asked: standard input is no terminal")


def test_a_person_is_asked_at_the_terminal(standing: Acting, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = standing.words(alone(tmp_path / "p.json", {"type": "manual", "command": "walk to the gate"}))
    with subprocess.Popen([*PROGRAM, *words], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        os.write(ours, b"what\nnot done\n")
        out, told = asked.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert (asked.returncode, b"a person says that it was not done" in out) == (1, True)
    assert "walk to the gate" in told.decode()
    assert "'what' is neither: type done, or not done." in told.decode()


def test_a_run_that_is_stopped_at_a_question_ends_at_once_and_asks_again(standing: Acting, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    kept = tmp_path / "run.jsonl"
    words = standing.words(alone(tmp_path / "p.json", {"type": "manual", "command": "walk to the gate"}), "--journal", str(kept))
    with subprocess.Popen([*PROGRAM, *words], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asked:
        until = time.monotonic() + 20
        while not (kept.exists() and '"intent"' in kept.read_text()):
            assert time.monotonic() < until
            time.sleep(0.02)
        asked.terminate()
        assert asked.wait(timeout=5) == 128 + signal.SIGTERM
    with subprocess.Popen(
        [*PROGRAM, "respond", "resume", str(kept)], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as again:
        os.write(ours, b"done\n")
        out, _ = again.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert (again.returncode, b"it is given again, which does no harm" in out) == (0, True)


def test_wrong_use_is_one_line_and_nothing_is_begun(run: Run, standing: Acting, tmp_path: Path) -> None:
    good, bad = alone(tmp_path / "p.json", hold("o-2")), alone(tmp_path / "b.json", {"type": "bash", "command": "rm -r /"})
    words = standing.words(good)
    for asked, why in (
        (["respond", "run", str(good), "--executor", "effector"], "--executor effector needs --network DIR, "),
        ([*words, "--script", str(good)], "--script says how a simulated run goes"),
        (["respond", "run", str(good), "--network", str(standing.net)], "sim touches nothing"),
        (standing.words(bad), "bash commands are not carried out: only manual and openc2-http are; nothing was begun"),
        (standing.words(good, person="nobody"), "nobody has no account in"),
        (standing.words(good, person=""), "and --person NAME, who answers for it"),
        (standing.words(good, "--incident", "i-1"), "cases are there once `interferon up` has run"),
        (["respond", "run", str(good), "--incident", "i-1"], "--incident are for --executor effector"),
    ):
        code, out, told = run(*asked)
        assert (code, out, told.count("\n")) == (2, "", 1)
        assert why in told
    assert standing.erp.status["o-2"] == "open"


def test_without_a_signed_policy_or_an_effector_nothing_is_carried_out(run: Run, tmp_path: Path) -> None:
    acting = Acting(tmp_path)
    try:
        words = acting.words(alone(tmp_path / "p.json", hold("o-1")))
        settings = acting.net / "network.toml"
        (acting.net / "policy" / "people.cedar").write_text("// changed\n" + (acting.net / "policy" / "people.cedar").read_text())
        assert "changed" in run(*words)[2]
        (acting.net / "policy" / "policy.sig").unlink()
        assert "is not signed; nothing is executed" in run(*words)[2]
        settings.write_text(settings.read_text().split("\n", 1)[1])
        assert "no effector is set" in run(*words)[2]
        assert acting.erp.taken == []
    finally:
        acting.close()


def test_three_branches_of_a_second_take_about_a_second(run: Run, slow: Acting) -> None:
    code, told = report(run(*slow.words(side_by_side(slow.folder / "p.json", hold("o-1"), hold("o-2"), hold("o-3")))))
    assert (code, told["status"]) == (0, "completed")
    assert [slow.erp.status[f"o-{number}"] for number in (1, 2, 3)] == ["held"] * 3
    came = sorted(slow.erp.came.values())
    assert came[-1] - came[0] < 1.0  # the last one had begun before the first one was done
    assert slow.erp.done - came[0] < 2.0  # one after the other they take 3 s


def test_a_kill_in_the_middle_resumes_and_does_nothing_twice(run: Run, slow: Acting) -> None:
    kept = slow.folder / "run.jsonl"
    asked = slow.start(*slow.words(side_by_side(slow.folder / "p.json", hold("o-1"), hold("o-2")), "--journal", str(kept)))
    until = time.monotonic() + 20
    while len(list(slow.erp.sent.glob("[!.]*.csv"))) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    asked.send_signal(signal.SIGKILL)
    asked.communicate()
    assert kept.read_text().count('"intent"') == 2
    code, told = report(run("respond", "resume", kept, "--json"))
    assert (code, told["status"]) == (0, "completed")
    assert sorted(slow.erp.status.items())[:2] == [("o-1", "held"), ("o-2", "held")]
    assert len(slow.erp.taken) == 2
    assert [each.endswith("looked at, it ended with success") for each in told["notes"]] == [True, True]
    assert states(slow) == [State.VERIFIED] * 2
    assert report(run("respond", "resume", kept, "--json"))[1]["status"] == "completed"
    assert len(slow.erp.taken) == 2
