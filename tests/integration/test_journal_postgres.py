"""The effect journal on a real PostgreSQL server: the same records as in a file, nodes that follow each other, a server that goes away."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interferon.act.lifecycle import IllegalTransition
from interferon.model.effects import Held, Intent, Observed, State
from interferon.model.errors import InputError, JournalError
from interferon.model.network import Budgets
from interferon.store.journal import Journal
from interferon.store.journal_answer import Group
from interferon.store.journal_database import Place, open_writer
from interferon.store.journal_lease import StaleEpoch
from interferon.store.journal_ledger import verify_ledger
from interferon.store.journal_writer import CommitQueue

from ..conftest import PostgresServer
from ..older_journal import older_journal

ROOMY = Budgets(actions_per_hour=1000, isolated_assets=1000)
LEASE_S = 0.6


def wanted(name: str, assets: int = 0, time: int = 0) -> Intent:
    return Intent(id=name, plan="p", incident="i", action="a", target="asset:x", time=time, assets=assets)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return tmp_path / "journal.sqlite"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


def filled(place: Place) -> tuple[str, list[object]]:
    """A journal with each kind of record; the head of its ledger and what is read back."""
    with Journal(place, node="a") as journal:
        limits = Budgets(isolated_assets=5, actions_per_hour=9)
        journal.admit([wanted("é-1", 3), wanted("e-2", 3), wanted("e-3")], limits, 1).result()
        for at, to in enumerate((State.APPLYING, State.APPLIED, State.VERIFIED), 2):
            journal.advance("é-1", to, at, "sent", expires=99).result()
        bad = journal.advance("e-3", State.UNDONE, 5)
        with pytest.raises(IllegalTransition):
            bad.result()
        journal.adopt(Observed("stranger", "a", "asset:y"), 6).result()
        journal.record("decision", "p", {"b": 1, "a": [2.5, None, "ü"]}, 7).result()
        read: list[object] = [
            journal.effects(),
            journal.effects([State.VERIFIED], incident="i", expired_by=99),
            journal.effects([]),
            journal.effect("e-2"),
            journal.history("é-1"),
            journal.held(8),
        ]
    return verify_ledger(place).head, read


def test_either_database_holds_the_same(url: str, tmp_path: Path) -> None:
    assert filled(url) == filled(tmp_path / "journal.sqlite")
    assert verify_ledger(url).problems == ()
    with Journal(url) as journal:
        assert (journal.epoch, [effect.id for effect in journal.effects()]) == (2, ["é-1", "e-2", "e-3", "stranger"])


def test_a_journal_of_an_older_release_goes_on(place: Place) -> None:
    older_journal(place)
    before = verify_ledger(place)
    assert (before.rows, before.problems) == (6, ())
    for _ in range(2):
        with Journal(place, node="a") as journal:
            rows = journal.ledger()
            assert (len(rows), rows[-1].hash, journal.history("e-2")) == (6, before.head, rows[1:2])
    with Journal(place, node="a") as journal:
        assert journal.advance("e-2", State.APPLYING, 4).result().told == 7
        journal.record("note", "n", 2, 5).result()
        journal.admit([wanted("e-3")], ROOMY, 6).result()
        journal.advance("e-2", State.APPLIED, 7).result()
        rows = journal.ledger(after=4)
        assert [row.seq for row in rows] == [5, 6, 7, 8, 9, 10]
        assert [row.seq for row in journal.ledger(after=4, limit=3)] == [5, 6, 7]
        assert journal.history("e-2") == [*journal.ledger(1, 1), rows[2], rows[5]]
        assert [row.seq for row in journal.history("e-1")] == [1, 4]
        assert [row.seq for row in journal.rows("note", "n")] == [5, 6, 8]
        assert journal.history("nobody") == []
    after = verify_ledger(place)
    assert (after.rows, after.problems) == (10, ())


def test_what_cannot_be_stored_fails_alone(place: Place) -> None:
    with Journal(place) as journal:
        gate = threading.Event()
        journal._queue.put(lambda draft: gate.wait(10))
        good = [journal.record("note", "n", number, 0) for number in range(3)]
        bad = journal.record("note", "n", 1, 2**70)
        gate.set()
        assert [future.result() for future in good] == [1, 2, 3]
        with pytest.raises(JournalError, match="note n: 1180591620717411303424 is no time in microseconds: it needs more than 64 bits"):
            bad.result()
        with pytest.raises((JournalError, OverflowError)):
            journal.admit([wanted("far")], ROOMY, 2**70).result()
        assert journal.record("note", "n", 4, 0).result() == 4
    assert verify_ledger(place).problems == ()


def test_a_text_that_postgres_cannot_store_is_one_line(url: str) -> None:
    with Journal(url) as journal:
        with pytest.raises(JournalError, match=r"could not be written \(.*NUL.*\); nothing of this step was recorded"):
            journal.record("note", "\0", 1, 0).result()
        assert journal.record("note", "n", 1, 0).result() == 1


def test_the_ledger_cannot_be_rewritten(postgres: PostgresServer, url: str) -> None:
    filled(url)
    for table, change in (("ledger", "body = '2'"), ("ledger_blocks", "lines = ''")):
        for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            database = open_writer(url)
            with pytest.raises(database.errors, match="the ledger is append-only"):
                database.execute(statement)
            database.close()
    postgres.sql(url, "DROP TRIGGER ledger_append_only ON interferon.ledger_blocks; DELETE FROM interferon.ledger_blocks WHERE upto > 7")
    assert verify_ledger(url).problems[0].message == "the ledger ends at row 7, but rows up to 8 were written"


# ---- the lease


def test_a_node_waits_for_the_other_and_takes_over_when_it_is_gone(place: Place) -> None:
    heard: list[str] = []
    first = Journal(place, node="a", lease_s=LEASE_S)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(lambda: Journal(place, node="b", lease_s=LEASE_S, standing_by=heard.append))
        time.sleep(3 * LEASE_S)  # it is renewed although nobody writes
        assert (second.done(), heard) == (False, ["a"])
        first.record("note", "n", 1, 0).result()
        first.close()  # gives it back
        with second.result(5) as journal:
            assert journal.epoch == 2
            assert journal.record("note", "n", 2, 0).result() == 2


def test_a_node_that_slept_past_its_lease_can_neither_write_nor_act(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def asleep() -> Group:
        woken.wait(30)
        return Group()

    first = Journal(place, node="a", lease_s=LEASE_S)
    first.admit([wanted("e")], ROOMY, 0).result()
    woken = threading.Event()
    if isinstance(place, str):
        first._queue.put(lambda draft: woken.wait(30))
    else:  # a transaction that stands still would keep the file locked: it sleeps between two
        monkeypatch.setattr(first._queue, "_taken_up", asleep)
        first.record("note", "last", 1, 0).result()
    with Journal(place, node="b", lease_s=LEASE_S, wait_s=20) as second:
        woken.set()
        monkeypatch.undo()
        with pytest.raises((StaleEpoch, JournalError)):
            first.guard()
        with pytest.raises(StaleEpoch, match=r"a newer runtime \(epoch 2\) has taken over"):
            first.advance("e", State.APPLYING, 1).result()
        assert second.advance("e", State.APPLYING, 1).result().epoch == 2
        first.close()
        second.guard()
    assert verify_ledger(place).problems == ()


def test_a_lease_that_nobody_took_is_renewed_after_a_sleep(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(place, node="a", lease_s=LEASE_S) as journal:
        journal._queue.lease._until = 0
        journal.guard()
        assert not journal._queue.lease.lapsed()


def test_waiting_has_an_end_and_a_restart_does_not_wait(place: Place) -> None:
    with Journal(place, node="a", lease_s=30):
        with pytest.raises(JournalError, match="node a holds the effect journal"):
            Journal(place, node="b", wait_s=0)
        with Journal(place, node="a", wait_s=0) as restarted:
            assert restarted.epoch == 2


def test_two_nodes_cannot_share_the_last_unit(place: Place) -> None:
    """Both think that they rule; each admits as fast as it can while the other takes over."""
    limits = Budgets(isolated_assets=7, actions_per_hour=1000)
    admitted: list[State] = []

    def storm(node: str) -> None:
        for turn in range(4):
            with Journal(place, node="same") as journal:
                for number in range(5):
                    try:
                        told = journal.admit([wanted(f"{node}-{turn}-{number}", 2)], limits, number).result()
                    except StaleEpoch:
                        break
                    admitted.extend(effect.state for effect in told)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(storm, "ab"))
    with Journal(place, node="same") as journal:
        assert journal.held(0).assets == 6
    assert admitted.count(State.INTENT) == 3
    assert verify_ledger(place).problems == ()


# ---- a server that goes away


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    with Journal(url, node="a", lease_s=60) as opened:  # it has no reason of its own to notice
        opened.admit([wanted("e", 1)], ROOMY, 0).result()
        yield opened


def cut(postgres: PostgresServer, journal: Journal) -> None:
    ours = "application_name = 'interferon journal' AND datname = current_database()"
    postgres.sql(str(journal.place), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")


@pytest.mark.parametrize(
    "gone", [cut, lambda postgres, journal: postgres.control("restart", "-m", "immediate")], ids=["connection", "server"]
)
def test_a_lost_connection_is_one_line_and_is_made_anew(
    postgres: PostgresServer, journal: Journal, gone: Callable[[PostgresServer, Journal], None]
) -> None:
    gone(postgres, journal)
    with pytest.raises(JournalError, match=r"^the effect journal could not be written \([^\n]+\); nothing of this step was recorded$"):
        journal.advance("e", State.APPLYING, 1).result()
    assert journal.advance("e", State.APPLYING, 1).result().state is State.APPLYING
    assert journal.effects()[0].state is State.APPLYING  # the reader had lost its connection too
    assert journal.held(0) == Held(1, 1, 0, 0)
    assert verify_ledger(journal.place).problems == ()


def test_a_connection_lost_inside_the_commit_is_told_as_not_known(
    postgres: PostgresServer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost after the commit: it is on disk, and the journal goes on from there."""
    commit = CommitQueue._commit

    def committed_and_lost(queue: CommitQueue) -> None:
        commit(queue)
        cut(postgres, journal)
        assert queue._database
        queue._database.execute("SELECT 1")

    with monkeypatch.context() as patched:
        patched.setattr(CommitQueue, "_commit", committed_and_lost)
        with pytest.raises(JournalError, match="lost while it was committed: recovery tells whether this step was recorded"):
            journal.advance("e", State.APPLYING, 1).result()
    assert journal.advance("e", State.APPLIED, 2).result().state is State.APPLIED
    assert verify_ledger(journal.place).problems == ()


def test_a_server_that_is_down_is_told_and_comes_back(postgres: PostgresServer, journal: Journal) -> None:
    postgres.control("stop", "-m", "fast")
    try:
        with pytest.raises(JournalError, match="could not be written"):
            journal.record("note", "n", 1, 0).result()
        with pytest.raises(JournalError, match=r"cannot be reached as an effect journal \([^\n]+\); nothing of this step was recorded"):
            journal.record("note", "n", 1, 0).result()
        with pytest.raises(JournalError, match="cannot be reached"):
            journal.effects()
        with pytest.raises(InputError, match="cannot be reached as an effect journal"):
            Journal(journal.place, node="a")
    finally:
        postgres.control("start")
    assert journal.record("note", "n", 1, 0).result() == 2


def test_a_url_that_leads_nowhere_is_told_without_its_password(postgres: PostgresServer) -> None:
    for url, why in (
        ("postgresql://me:secret@127.0.0.1:1/x", r"postgresql://me@127\.0\.0\.1/x: cannot be reached"),
        ("postgresql://me:secret@h:port:x/", "cannot be read|cannot be reached"),
        ("mysql://me:secret@h/x", "mysql://…: an effect journal is a file or postgresql://HOST/DATABASE"),
    ):
        with pytest.raises(InputError, match=why) as told:
            Journal(url)
        assert "secret" not in str(told.value)
        assert "\n" not in str(told.value)
    with pytest.raises(InputError, match="no effect journal here"):
        verify_ledger(postgres.database())
