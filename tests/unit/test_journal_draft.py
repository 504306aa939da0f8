"""What the writer keeps in memory between commits is what stands on disk, whatever was admitted, refused, failed or rolled back."""

import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.act.budget import HOUR_US
from interferon.model.effects import Effect, Held, Intent, Observed, State
from interferon.model.errors import JournalError
from interferon.model.network import Budgets
from interferon.store import journal_draft
from interferon.store.journal import Journal
from interferon.store.journal_answer import Answer
from interferon.store.journal_ledger import verify_ledger

LIMITS = Budgets(actions_per_hour=6, isolated_assets=9)
TIMES = st.integers(0, 5).map(lambda half_hours: half_hours * HOUR_US // 2)


def wanted(name: str, assets: int = 1) -> Intent:
    return Intent(id=name, plan="p", incident="i", action="a", target="asset:x", time=0, assets=assets)


def held(journal: Journal, at: int) -> Held:
    return journal._queue.put(lambda draft: draft.held(at)).result()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["admit", "two", "fail", "adopt", "look"]), st.integers(0, 9), TIMES), max_size=30), st.booleans()
)
def test_memory_and_disk_hold_the_same(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]], together: bool) -> None:
    """Clocks run back and forth, jobs share a commit or do not, and some fail half-way."""
    path = tmp_path_factory.mktemp("draft") / "journal.sqlite"
    with pytest.MonkeyPatch.context() as patched, Journal(path) as journal:
        patched.setattr(journal_draft, "MOST", 3)
        gate = threading.Event()
        if together:
            journal._queue.put(lambda draft: gate.wait(10))
        answers: list[Answer[object]] = []
        for what, number, at in steps:
            name = f"e-{number}"
            match what:
                case "admit":
                    answers.append(journal.admit([wanted(name)], LIMITS, at))
                case "two":  # the second has another content where it is on record
                    answers.append(journal.admit([wanted(f"{name}-b"), wanted(name, number + 2)], LIMITS, at))
                case "fail":
                    answers.append(journal.advance(name, State.FAILED, at))
                case "adopt":
                    answers.append(journal.adopt(Observed(name, "a", "asset:x"), at))
                case _:
                    answers.append(journal._queue.put(lambda draft, at=at: draft.held(at)))  # type: ignore[misc]
        gate.set()
        for answer in answers:
            answer.exception()
        for at in range(0, 4 * HOUR_US, HOUR_US // 2):
            assert held(journal, at) == journal.held(at)
        for effect in journal.effects():
            found: Effect | None = journal._queue.put(lambda draft, name=effect.id: draft.find(name)).result()  # type: ignore[misc]
            assert found == effect == journal.effect(effect.id)
    assert verify_ledger(path).problems == ()


def test_a_sum_that_was_tampered_with_stops_the_step_that_would_go_below_zero(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.admit([wanted("e", 3)], LIMITS, 0).result()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE held SET assets = 1")
    db.close()
    with Journal(path) as journal:
        other = journal.record("note", "n", 1, 0)
        with pytest.raises(JournalError, match="effect e gives back more than is held: `interferon ledger verify` tells what was changed"):
            journal.advance("e", State.FAILED, 1).result()
        assert other.result() == 2
        effect = journal.effect("e")
        assert effect is not None
        assert effect.state is State.INTENT


def test_what_is_on_disk_is_found_also_where_memory_forgets_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"e-{number}" for number in range(3 * journal_draft.CHUNK)]
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.admit([wanted(name, 0) for name in names], Budgets(actions_per_hour=1000), 0).result()
    monkeypatch.setattr(journal_draft, "MOST", 2)
    with Journal(tmp_path / "journal.sqlite") as journal:
        again = journal.admit([wanted(name, 0) for name in [*names, "new"]], Budgets(actions_per_hour=1000), 1).result()
        assert [effect.changed for effect in again] == [0] * len(names) + [1]
