"""The effect journal: admission under budgets, steps, epochs, what is read back, and a disk that is full."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.act.lifecycle import NEXT, IllegalTransition, holds
from interferon.model.effects import Held, Intent, Observed, State
from interferon.model.errors import InputError, JournalError
from interferon.model.network import Budgets
from interferon.store import journal_sqlite, journal_writer
from interferon.store.journal import Journal, journal_path
from interferon.store.journal_database import open_writer
from interferon.store.journal_draft import Draft
from interferon.store.journal_lease import StaleEpoch
from interferon.store.journal_ledger import verify_ledger
from interferon.store.journal_schema import MIGRATIONS, migrate
from interferon.store.journal_sqlite import Sqlite
from interferon.store.journal_writer import CommitQueue

ROOMY = Budgets(actions_per_hour=1000, isolated_assets=1000, downtime_hours=1000, orders_late_per_day=1000)
HOUR = 3_600_000_000


def wanted(name: str = "e-1", assets: int = 0, hours: int = 0, late: int = 0, incident: str = "i") -> Intent:
    return Intent(
        id=name, plan="p", incident=incident, action="a", target="asset:x", time=0, assets=assets, downtime_h=hours, orders_late=late
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


def test_an_effect_goes_its_way_and_is_read_back_after_a_restart(path: Path) -> None:
    with Journal(path) as journal:
        journal.admit([wanted()], ROOMY, 1).result()
        journal.advance("e-1", State.APPLYING, 2).result()
        journal.advance("e-1", State.APPLIED, 3, "sent", expires=99).result()
        journal.advance("e-1", State.VERIFIED, 4, "seen").result()
    with Journal(path) as journal:
        effect = journal.effect("e-1")
        assert effect is not None
        assert (effect.intent, effect.state, effect.changed, effect.expires, effect.detail) == (wanted(), State.VERIFIED, 4, 99, "seen")
        assert [entry.time for entry in journal.history("e-1")] == [1, 2, 3, 4]
        assert journal.effect("e-2") is None


def test_an_id_names_one_intent_for_ever(path: Path) -> None:
    with Journal(path) as journal:
        journal.admit([wanted()], ROOMY, 1).result()
        (again,) = journal.admit([wanted()], ROOMY, 2).result()
        assert (again.changed, len(journal.history("e-1"))) == (1, 1)
        with pytest.raises(JournalError, match="e-1 is on record with another content"):
            journal.admit([wanted("e-2"), wanted("e-1", assets=3)], ROOMY, 3).result()
        assert [effect.id for effect in journal.effects()] == ["e-1"]


def test_an_intent_beyond_a_budget_is_refused_and_takes_nothing(path: Path) -> None:
    limits = Budgets(isolated_assets=5, downtime_hours=9, orders_late_per_day=9)
    with Journal(path) as journal:
        first, second, third = journal.admit([wanted("a", 3, 1, 2), wanted("b", 3), wanted("c", 2)], limits, 0).result()
        assert [first.state, second.state, third.state] == [State.INTENT, State.REFUSED, State.INTENT]
        assert second.detail == "beyond budget: isolated assets: 3 held + 3 asked > 5"
        assert journal.held(0) == Held(actions=2, assets=5, downtime_h=1, orders_late=2)
        journal.advance("a", State.FAILED, 1).result()
        assert journal.held(0) == Held(actions=2, assets=2, downtime_h=0, orders_late=0)
        assert journal.held(HOUR) == Held(actions=0, assets=2, downtime_h=0, orders_late=0)


def test_the_hour_s_actions_are_counted_whatever_became_of_them(path: Path) -> None:
    limits = Budgets(actions_per_hour=1)
    with Journal(path) as journal:
        journal.admit([wanted("a")], limits, 0).result()
        journal.advance("a", State.FAILED, 1).result()
        assert journal.admit([wanted("b")], limits, HOUR - 1).result()[0].state is State.REFUSED
        assert journal.admit([wanted("c")], limits, HOUR).result()[0].state is State.INTENT


def test_threads_cannot_share_the_last_unit_of_a_budget(path: Path) -> None:
    limits = Budgets(isolated_assets=7, actions_per_hour=1000)
    with Journal(path) as journal, ThreadPoolExecutor(8) as pool:
        admitted = list(pool.map(lambda n: journal.admit([wanted(f"e-{n}", assets=2)], limits, n).result()[0], range(40)))
        assert [effect.state for effect in admitted].count(State.INTENT) == 3
        assert journal.held(0).assets == 6
    assert verify_ledger(path).problems == ()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(State)), max_size=40))
def test_any_walk_keeps_budgets_and_ledger_in_step(tmp_path_factory: pytest.TempPathFactory, walk: list[tuple[int, State]]) -> None:
    path = tmp_path_factory.mktemp("walk") / "journal.sqlite"
    states = dict.fromkeys(range(4), State.INTENT)
    with Journal(path) as journal:
        journal.admit([wanted(f"e-{n}", assets=n + 1, hours=n) for n in states], ROOMY, 0).result()
        for at, (number, to) in enumerate(walk):
            future = journal.advance(f"e-{number}", to, at)
            if to in NEXT[states[number]]:
                states[number] = future.result().state
            else:
                with pytest.raises(IllegalTransition):
                    future.result()
        assert {effect.id: effect.state for effect in journal.effects()} == {f"e-{n}": state for n, state in states.items()}
        assert journal.held(0).assets == sum(n + 1 for n, state in states.items() if holds(state))
        for name in (f"e-{n}" for n in states):
            assert journal.history(name) == [entry for entry in journal.ledger() if entry.subject == name]
    assert verify_ledger(path).problems == ()


def test_steps_of_what_is_not_on_record_are_errors(path: Path) -> None:
    with Journal(path) as journal:
        with pytest.raises(JournalError, match="effect ghost is not on record"):
            journal.advance("ghost", State.APPLYING, 0).result()
        with pytest.raises(JournalError, match="not as free ledger rows"):
            journal.record("effect", "ghost", {}, 0).result()
        with pytest.raises(JournalError, match="note n: its content is not one line of JSON"):
            journal.record("note", "n", msgspec.Raw(b'{\n"a": 1}'), 0).result()
        assert journal.ledger() == []


def test_a_job_that_fails_does_not_disturb_the_others_in_its_commit(path: Path) -> None:
    with Journal(path) as journal:
        journal.admit([wanted("a"), wanted("b")], ROOMY, 0).result()
        futures = [journal.advance(name, to, 1) for name, to in (("a", State.APPLYING), ("b", State.UNDONE), ("b", State.APPLYING))]
        assert isinstance(futures[1].exception(), IllegalTransition)
        assert [futures[0].result().state, futures[2].result().state] == [State.APPLYING, State.APPLYING]
        assert isinstance(journal.record("note", "a", object(), 0).exception(), TypeError)
        assert journal.record("note", "a", {"b": 1, "a": 2}, 0).result() == journal.ledger()[-1].seq
        assert journal.ledger()[-1].body == '{"a":2,"b":1}'


def test_effects_are_listed_by_state_and_incident(path: Path) -> None:
    with Journal(path) as journal:
        journal.admit([wanted("a"), wanted("b", incident="j"), wanted("c")], ROOMY, 0).result()
        journal.advance("c", State.FAILED, 1).result()
        assert [effect.id for effect in journal.effects([State.INTENT])] == ["a", "b"]
        assert [effect.id for effect in journal.effects(incident="i")] == ["a", "c"]
        assert journal.effects([]) == []
        assert [entry.seq for entry in journal.ledger(after=1, limit=2)] == [2, 3]


def test_rows_about_a_subject_are_found_among_many(path: Path) -> None:
    with Journal(path) as journal:
        gate = held_back(journal)
        rows = [journal.record(kind, str(number % 7), number, 0) for number in range(600) for kind in ("a", "b")]
        journal.admit([wanted(str(number)) for number in range(7)], ROOMY, 0)
        gate.set()
        assert [row.result() for row in rows] == list(range(1, 1201))
        whole = journal.ledger(limit=2000)
        assert [entry.seq for entry in whole] == list(range(1, 1208))
        for subject in ("0", "6", "7"):
            assert journal.rows("a", subject) == [entry for entry in whole if (entry.kind, entry.subject) == ("a", subject)]
        assert [entry.seq for entry in journal.history("3")] == [1204]
        assert journal.ledger(700, 300) == whole[700:1000]
    assert verify_ledger(path).problems == ()


def test_an_orphan_is_recorded_once_and_one_that_came_back_too(path: Path) -> None:
    with Journal(path) as journal:
        journal.admit([wanted("a", assets=2), wanted("b")], ROOMY, 0).result()
        journal.advance("a", State.FAILED, 1).result()
        found = [journal.adopt(Observed(name, "act", "asset:x"), 2).result() for name in ("a", "b", "new", "new")]
        assert [effect and effect.state for effect in found] == [State.ORPHAN, None, State.ORPHAN, None]
        assert journal.held(0).assets == 2
    assert verify_ledger(path).problems == ()


def test_a_newer_runtime_shuts_the_older_one_out(path: Path) -> None:
    with Journal(path) as old, Journal(path) as new:
        assert (old.epoch, new.epoch) == (1, 2)
        with pytest.raises(StaleEpoch, match=r"a newer runtime \(epoch 2\) has taken over"):
            old.admit([wanted()], ROOMY, 0).result()
        with pytest.raises(StaleEpoch):
            old.record("note", "x", 1, 0).result()
        with pytest.raises(StaleEpoch):
            old.adopt(Observed("e", "a", "asset:x"), 0).result()
        assert new.effects() == []


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = Journal(path)
    journal.close()
    journal._queue.close()
    with pytest.raises(JournalError, match="the effect journal is closed"):
        journal.record("note", "x", 1, 0)


def connection(journal: Journal) -> sqlite3.Connection:
    database = journal._queue._database
    assert isinstance(database, Sqlite)
    return database.connection


def held_back(journal: Journal) -> threading.Event:
    """The writer waits inside a transaction until the event is set: what is queued meanwhile has to share what comes next."""
    entered, gate = threading.Event(), threading.Event()

    def wait_inside(draft: Draft) -> bool:
        entered.set()
        return gate.wait(10)

    journal._queue.put(wait_inside)
    assert entered.wait(10)
    return gate


def test_what_is_queued_at_closing_is_still_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "GROUP", 64)
    journal = Journal(path)
    gate = held_back(journal)
    futures = [journal.record("note", str(number), number, 0) for number in range(100)]
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(journal._queue.close)
        while journal._queue._open:
            threading.Event().wait(0.001)
        gate.set()
        closing.result()
    assert [future.result() for future in futures] == list(range(1, 101))
    journal.close()


def test_waiting_jobs_share_a_commit(path: Path) -> None:
    with Journal(path) as journal:
        gate, commits = held_back(journal), []
        db = connection(journal)
        db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        futures = [journal.record("note", str(number), number, 0) for number in range(100)]
        gate.set()
        assert [future.result() for future in futures] == list(range(1, 101))
        db.set_trace_callback(None)
        assert len(commits) == 2


def test_a_full_disk_fails_loudly_and_heals(path: Path) -> None:
    with Journal(path) as journal:
        db = connection(journal)
        pages = journal._queue.put(lambda draft: draft.database.execute("PRAGMA page_count").fetchone()[0]).result()
        journal._queue.put(lambda draft: draft.database.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result()
        big = Intent(id="big", plan="p", incident="i", action="a", target="t", time=0, params={"text": "x" * 100_000})
        with pytest.raises(JournalError, match=r"could not be written \(database or disk is full\); nothing of this step was recorded"):
            journal.admit([wanted("small"), big], ROOMY, 0).result()
        assert not db.in_transaction
        assert (journal.effects(), journal.ledger(), journal.held(0)) == ([], [], Held(0, 0, 0, 0))
        journal._queue.put(lambda draft: draft.database.execute("PRAGMA max_page_count = 1000000").fetchone()).result()
        assert len(journal.admit([wanted("small"), big], ROOMY, 0).result()) == 2
    assert verify_ledger(path).problems == ()


def test_the_wal_has_its_full_length_from_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = path.with_name(f"{path.name}-wal")
    with Journal(path) as journal:
        length = wal.stat().st_size
        assert length >= 1000 * 4096
        journal.admit([wanted("a")], ROOMY, 0).result()
        assert (wal.stat().st_size, path.stat().st_size) == (length, 4096)  # in the WAL alone, and it did not grow
    monkeypatch.setattr(journal_sqlite, "_length", lambda path: 0)
    with Journal(path) as journal:
        connection(journal).execute("BEGIN IMMEDIATE")
        beside = journal_sqlite.connect(path, 2000)
        assert beside.execute("PRAGMA busy_timeout").fetchone()[0] == journal_sqlite.PATIENCE_S * 1000
        beside.close()
        connection(journal).execute("ROLLBACK")
        assert wal.stat().st_size == length
        assert [effect.id for effect in journal.effects()] == ["a"]


def test_a_commit_that_fails_fails_every_job_in_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(queue: CommitQueue) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with Journal(path) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(CommitQueue, "_commit", broken)
            futures = [journal.record("note", "x", number, 0) for number in range(3)]
            for future in futures:
                with pytest.raises(JournalError, match="disk I/O error"):
                    future.result()
        assert journal.record("note", "x", 1, 0).result() == 1


def test_a_file_that_is_no_journal_is_told_in_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.sqlite"
    bad.write_bytes(b"this is a text, and long enough to be looked at as a database header by SQLite" * 20)
    with pytest.raises(InputError, match=r"bad\.sqlite: cannot be opened as an effect journal \(file is not a database\)"):
        Journal(bad)
    with pytest.raises(InputError, match="cannot make the folder for the effect journal"):
        Journal(bad / "below" / "journal.sqlite")


def test_a_journal_of_a_newer_release_is_left_alone(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(InputError, match="written by a newer release"):
        Journal(path)


def test_migrations_run_once_each_in_order(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "old.sqlite")
    migrate(db, MIGRATIONS[:1])
    row = ("e", "failed", "p", "i", "a", "t", "{}", 0, 0, 0, 1, "")
    db.execute(f"INSERT INTO effects VALUES ({','.join('?' * len(row))})", row)
    db.execute("INSERT INTO ledger VALUES (4, 0, 'effect', 'e', '{}', x'00')")
    later = (*MIGRATIONS, ("ALTER TABLE effects ADD COLUMN note TEXT NOT NULL DEFAULT 'old'",))
    for _ in range(2):
        migrate(db, later)
        assert db.execute("SELECT note, number FROM effects").fetchall() == [("old", 4)]
        assert db.execute("SELECT epoch, seq, holder FROM epochs").fetchall() == [(0, 4, "")]
    assert db.version() == len(later)
    db.close()


def test_a_journal_s_place_in_a_network_folder(tmp_path: Path) -> None:
    assert journal_path(tmp_path) == tmp_path / "state" / "journal.sqlite"
    (tmp_path / "j").touch()
    assert journal_path(tmp_path / "j") == tmp_path / "j"
