"""Runs with a journal: cut anywhere they come to the same end; a command whose result was lost is not given twice without thought."""

import json
from pathlib import Path
from typing import Any

import pytest

from interferon.model.errors import InputError, JournalError
from interferon.playbooks.machine import shelve
from interferon.playbooks.run_records import Begin, Run, Scripted
from interferon.runtime.playbook_crew import NotDone
from interferon.runtime.playbook_run import Running, Simulated, VirtualClock, events
from interferon.store.run_journal import RunJournal

from .playbook_parts import action, build, command, ident, read, says

DOCUMENT = build(
    {
        "p": {"type": "parallel", "next_steps": ["a", "b"], "on_success": "z", "on_failure": "h"},
        "a": action("a2", delay=100), "a2": action("ea"), "ea": {"type": "end"}, "b": action("eb", timeout=50), "eb": {"type": "end"},
        "z": action(), "h": action("end2"), "end2": {"type": "end"},
    },
    "p",
)  # fmt: skip
BOOKS = shelve([read(DOCUMENT)])
SCRIPT = says(b="timeout")
BEGIN = Begin(0, DOCUMENT["id"])


class World(Simulated):
    """Counts what is done; `seen` is what it answers when it is looked at after a crash."""

    def __init__(self, seen: "Scripted | NotDone | None" = None) -> None:
        super().__init__({})
        self.done: list[str] = []
        self.seen = seen

    def run(self, command: Run) -> Scripted | None:
        self.done.append(command.id)
        return super().run(command)

    def precheck(self, command: Run) -> "Scripted | NotDone | None":  # type: ignore[override]  # this world may not know
        return self.seen


def whole(path: Path) -> Running:
    with RunJournal.create(path, {}) as journal:
        running = Running(BOOKS, Simulated(SCRIPT), VirtualClock(), journal)
        running.begin(BEGIN)
        running.finish()
    return running


def resumed(path: Path, executor: Any = None, books: Any = BOOKS) -> Running:
    journal, _, lines = RunJournal.open(path)
    with journal:
        past, begun = events(lines)
        running = Running(books, executor or Simulated(SCRIPT), VirtualClock(max((each.now for each in past), default=0)), journal)
        if past:
            running.restore(past, begun)
        else:
            running.begin(BEGIN)
        running.finish()
    return running


def test_a_run_cut_at_any_byte_comes_to_the_same_end(tmp_path: Path) -> None:
    finished = whole(tmp_path / "run")
    assert finished.state.status == "completed"
    assert [each.result for each in finished.told if each.step == ident("action", "b")] == ["timeout"]
    data = (tmp_path / "run").read_bytes()
    head = data.index(b"\n") + 1
    for cut in [*range(head, len(data), 37), *(place for place in range(head, len(data)) if data[place - 1 : place] == b"\n"), len(data)]:
        path = tmp_path / "cut"
        path.write_bytes(data[:cut])
        again = resumed(path)
        assert again.state == finished.state
        assert again.told == finished.told
        assert resumed(path).told == finished.told  # what was appended is whole too


def test_a_command_is_given_once_whatever_stops_between(tmp_path: Path) -> None:
    books = shelve([read(build({"a": action("b"), "b": action()}, "a"))])
    path = tmp_path / "run"
    world = World("not done")
    with RunJournal.create(path, {}) as journal:
        running = Running(books, world, VirtualClock(), journal)
        running.begin(BEGIN)
    for _ in range(3):
        resumed(path, world, books)
    assert len(world.done) == len(set(world.done)) == 2


@pytest.mark.parametrize(
    ("given", "seen", "done", "status", "note"),
    [
        (command(), None, 0, "failed", "nobody can tell whether it was done, so it is not given again and counts as failed"),
        (command(), "not done", 1, "completed", "it was not done, so it is given now"),
        (command(), Scripted("success"), 0, "completed", "looked at, it ended with success"),
        ({"type": "manual", "command": "look"}, None, 1, "completed", "it is given again, which does no harm"),
    ],
)
def test_a_command_whose_result_was_lost(
    tmp_path: Path, given: dict[str, Any], seen: "Scripted | NotDone | None", done: int, status: str, note: str
) -> None:
    books = shelve([read(build({"a": action(commands=[given])}, "a"))])
    path = tmp_path / "run"
    with RunJournal.create(path, {}) as journal:
        running = Running(books, World(), VirtualClock(), journal)
        running.begin(BEGIN)
        journal.write({"intent": running.given[0].id})
    world = World(seen)
    again = resumed(path, world, books)
    assert len(world.done) == done
    assert again.state.status == status
    assert again.notes == [f"{ident('action', 'a')}: was begun before the run was stopped and left no result; {note}"]


def test_journals_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run"
    whole(path)
    with pytest.raises(InputError, match="there is such a file already"):
        RunJournal.create(path, {})
    journal, _, _ = RunJournal.open(path)
    with journal, pytest.raises(InputError, match="another process is moving this run"):
        RunJournal.open(path)
    for data, told in (
        (b"", "is not the journal of a run"),
        (b"{}\n", "is not the journal of a run"),
        (b"{}\nx\n", "2: is not a JSON object"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=told):
            RunJournal.open(path)
    with pytest.raises(InputError, match="line 3: is neither an intent nor an event"):
        events([{"intent": "a"}, {"event": {"type": "other"}}])
    with pytest.raises(InputError, match="line 2: is neither"):
        events([{}])
    running = Running(BOOKS, World(), VirtualClock(), None)
    with pytest.raises(InputError, match=r"event 1 does not follow from those before it \('playbook--x'\): the journal was changed"):
        running.restore([Begin(0, "playbook--x", {})], set())


def test_a_disk_that_is_full_stops_the_run(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    journal, _, _ = RunJournal.open(_empty(tmp_path / "run"))
    with journal:
        descriptor = full.open("wb")
        broken = RunJournal(full, descriptor.fileno())
        with pytest.raises(JournalError, match="the journal cannot be written"):
            broken.write({"intent": "a"})
        descriptor.close()


def _empty(path: Path) -> Path:
    RunJournal.create(path, {}).__exit__(None, None, None)
    return path


def test_a_run_that_nothing_can_move_is_stopped() -> None:
    running = Running(BOOKS, World(), VirtualClock(), None)
    running.begin(BEGIN)
    running.state.timers.clear()
    running.state.pending.clear()
    running.finish()
    assert running.state.problems == ["stopped: nothing is left that could move it"]


def test_the_journal_is_lines_of_intents_and_events(tmp_path: Path) -> None:
    whole(tmp_path / "run")
    head, *lines = (json.loads(line) for line in (tmp_path / "run").read_text().splitlines())
    assert head == {"format": "interferon-run-1"}
    given = [line["intent"] for line in lines if "intent" in line]
    ended = [line["event"]["command"] for line in lines if line.get("event", {}).get("type") == "result"]
    assert len(given) == len(set(given)) == 4
    assert set(ended) < set(given)  # one was never answered
