"""The hash-chained ledger: every change, removal and insertion is found and named, and the command says so."""

import json
import sqlite3
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from interferon.act import lifecycle
from interferon.cli.ledger import register
from interferon.model.effects import Intent, State
from interferon.model.errors import InputError, JournalError
from interferon.model.network import Budgets
from interferon.store.journal import Journal
from interferon.store.journal_database import open_writer
from interferon.store.journal_ledger import verify_ledger

from ..older_journal import older_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of six rows: 1–2 admit, 3 decision, 4 failed, 5–6 notes."""
    path = tmp_path / "state" / "journal.sqlite"
    with Journal(path) as journal:
        intents = [Intent(id=name, plan="p", incident="i", action="a", target="asset:x", time=0, assets=1) for name in ("e-1", "e-2")]
        journal.admit(intents, Budgets(), 0).result()
        journal.record("decision", "p", {"chosen": 1}, 1).result()
        journal.advance("e-1", State.FAILED, 2).result()
        for number in range(2):
            journal.record("note", "n", number, 3).result()
    return path


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The same six rows as an older release wrote them."""
    path = tmp_path / "older.sqlite"
    older_journal(path)
    return path


def tamper(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER ledger_no_update")
        db.execute("DROP TRIGGER ledger_no_delete")
        db.execute("DROP TRIGGER IF EXISTS ledger_blocks_no_update")
        db.execute("DROP TRIGGER IF EXISTS ledger_blocks_no_delete")
        for statement in statements:
            db.execute(statement)
    db.close()


def test_an_untouched_ledger_is_whole(path: Path) -> None:
    report = verify_ledger(path)
    with Journal(path) as journal:
        assert (report.rows, report.head, report.problems) == (6, journal.ledger()[-1].hash, ())


@pytest.mark.parametrize("statement", ["UPDATE ledger_blocks SET lines = '' WHERE upto = 6", "DELETE FROM ledger_blocks WHERE upto = 6"])
def test_the_database_itself_refuses_to_rewrite_rows(path: Path, statement: str) -> None:
    refused(path, statement)


@pytest.mark.parametrize("statement", ["UPDATE ledger SET body = '2' WHERE seq = 6", "DELETE FROM ledger WHERE seq = 6"])
def test_it_refuses_to_rewrite_those_of_an_older_release(older: Path, statement: str) -> None:
    refused(older, statement)
    Journal(older).close()
    refused(older, statement)


def refused(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        db.execute(statement)
    db.close()


def changed(block: int, what: str, into: str) -> str:
    return f"UPDATE ledger_blocks SET lines = replace(lines, '{what}', '{into}') WHERE upto = {block}"


WRONG_STATES = [
    ("UPDATE effects SET state = 'intent' WHERE id = 'e-1'", 4, "effect e-1 is intent, but the ledger says failed"),
    ("DELETE FROM effects WHERE id = 'e-1'", 4, "effect e-1 is failed in the ledger, but not on record"),
    ("UPDATE effects SET intent = '{' WHERE id = 'e-2'", 2, "effect e-2: its intent cannot be read"),
    ("UPDATE held SET assets = 0", 0, "budgets held (assets, hours, orders) are [0, 0, 0]; the effects in force add up to [1, 0, 0]"),
    ("DROP TABLE effects", 0, "the database cannot be read to its end: no such table: effects"),
]


@pytest.mark.parametrize(
    ("statement", "row", "message"),
    [
        (changed(3, '"chosen":1', '"chosen":2'), 3, "row 3 (decision p) does not fit the chain"),
        (changed(5, "[5,3,", "[5,9,"), 5, "row 5 (note n) does not fit the chain"),
        (changed(3, "decision", "verdict"), 3, "row 3 (verdict p) does not fit the chain"),
        (changed(3, '"p"', '"q"'), 3, "row 3 (decision q) does not fit the chain"),
        (changed(2, '[1,0,"effect","e-1"', '[1,1,"effect","e-1"'), 1, "row 1 (effect e-1) does not fit the chain"),
        (changed(2, "[2,0,", "[2,1,"), 2, "row 2 (effect e-2) does not fit the chain"),
        (changed(4, '"to":"failed"', '"to":'), 4, "row 4 cannot be read"),
        (changed(4, '"to":"failed"', '"to":"applying"'), 4, "effect e-1 is failed, but the ledger says applying"),
        ("UPDATE ledger_blocks SET hashes = zeroblob(64) WHERE upto = 2", 1, "row 1 (effect e-1) does not fit the chain"),
        ("UPDATE ledger_blocks SET hashes = substr(hashes, 1, 32) WHERE upto = 2", 2, "row 2 (effect e-2) does not fit the chain"),
        ("UPDATE ledger_blocks SET hashes = zeroblob(64) WHERE upto = 6", 6, "the block up to row 6 has 1 rows, but hashes of another"),
        ("UPDATE ledger_blocks SET upto = 9 WHERE upto = 6", 6, "row 6 is the last of a block that says it ends with row 9"),
        ("UPDATE ledger_blocks SET lines = '' WHERE upto = 6", 6, "row 6 cannot be read"),
        ("DELETE FROM ledger_blocks WHERE upto = 3", 4, "row 3 is missing before row 4"),
        ("DELETE FROM ledger_blocks WHERE upto = 6", 6, "the ledger ends at row 5, but rows up to 6 were written"),
        ("DELETE FROM ledger_about WHERE block = 5", 5, "rows about n up to row 5 are not listed under it"),
        ("UPDATE effects SET standing = 0 WHERE id = 'e-2'", 2, "effect e-2 is intent, but listed as ended"),
        ("UPDATE effects SET standing = 1 WHERE id = 'e-1'", 4, "effect e-1 is failed, but listed as in force"),
        ("UPDATE effects SET told = 1 WHERE id = 'e-1'", 4, "effect e-1: its last step is told by row 4, not by row 1"),
        *WRONG_STATES,
    ],
)
def test_what_was_changed_is_named(path: Path, statement: str, row: int, message: str) -> None:
    tamper(path, statement)
    named(path, row, message)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(
    ("statement", "row", "message"),
    [
        ("""UPDATE ledger SET body = '{"chosen":2}' WHERE seq = 3""", 3, "row 3 (decision p) does not fit the chain"),
        ("UPDATE ledger SET time = 9 WHERE seq = 5", 5, "row 5 (note n) does not fit the chain"),
        ("UPDATE ledger SET kind = 'verdict' WHERE seq = 3", 3, "row 3 (verdict p) does not fit the chain"),
        ("UPDATE ledger SET subject = 'q' WHERE seq = 3", 3, "row 3 (decision q) does not fit the chain"),
        ("UPDATE ledger SET hash = zeroblob(32) WHERE seq = 1", 1, "row 1 (effect e-1) does not fit the chain"),
        ("DELETE FROM ledger WHERE seq = 3", 4, "row 3 is missing before row 4"),
        ("DELETE FROM ledger WHERE seq = 6", 6, "the ledger ends at row 5, but rows up to 6 were written"),
        ("UPDATE ledger SET body = '{' WHERE seq = 4", 4, "effect e-1 is failed, but the ledger says unreadable"),
        *WRONG_STATES,
    ],
)
def test_what_was_changed_in_an_older_release_s_rows_is_named(older: Path, opened: bool, statement: str, row: int, message: str) -> None:
    if opened:
        Journal(older).close()
    tamper(older, statement)
    named(older, row, message)


def test_what_an_older_release_left_in_force_is_listed(older: Path) -> None:
    with Journal(older) as journal:
        assert [effect.id for effect in journal.effects(lifecycle.STANDING)] == ["e-2"]
    assert verify_ledger(older).problems == ()


def named(path: Path, row: int, message: str) -> None:
    problems = verify_ledger(path).problems
    assert any(problem.row == row and problem.message.startswith(message) for problem in problems), problems


def test_reading_a_row_that_was_spoilt_is_one_line(path: Path) -> None:
    tamper(path, changed(4, '"to":"failed"', '"to":'))
    with Journal(path) as journal:
        with pytest.raises(JournalError, match=r"journal\.sqlite: a row of the ledger cannot be read: `interferon ledger verify` tells"):
            journal.ledger()
        with pytest.raises(JournalError, match="a row of the ledger cannot be read"):
            journal.history("e-1")
        assert [row.seq for row in journal.history("e-2")] == [2]


def test_a_history_holds_no_step_of_another_effect(path: Path) -> None:
    tamper(path, "UPDATE effects SET told = 2 WHERE id = 'e-1'")
    with Journal(path) as journal:
        assert journal.history("e-1") == []


def test_a_row_put_in_between_breaks_the_chain(path: Path, older: Path) -> None:
    forged = """INSERT INTO ledger_blocks VALUES (6, '[6,3,"note","n",9]', zeroblob(32))"""
    tamper(path, "UPDATE ledger_blocks SET upto = 7, lines = replace(lines, '[6,', '[7,') WHERE upto = 6", forged)
    tamper(older, "UPDATE ledger SET seq = 7 WHERE seq = 6", "INSERT INTO ledger VALUES (6, 3, 'note', 'n', '9', zeroblob(32))")
    for place in (path, older):
        assert [problem.row for problem in verify_ledger(place).problems if problem.message.startswith("row ")] == [6, 7]


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["ledger", "verify", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout


def test_the_command_ends_with_0_on_a_whole_ledger(path: Path) -> None:
    head = verify_ledger(path).head
    assert run(str(path.parent.parent)) == (0, f"6 rows, the chain is whole; head {head}\n")
    code, text = run(str(path), "--json")
    assert (code, json.loads(text)) == (0, {"rows": 6, "head": head, "problems": []})


def test_the_command_ends_with_1_and_names_the_row(path: Path) -> None:
    tamper(path, changed(5, "[5,3,", "[5,9,"))
    code, text = run(str(path.parent.parent))
    assert code == 1
    assert text.startswith("row 5 (note n) does not fit the chain")
    assert "6 rows, 1 problem; head" in text
    code, text = run(str(path), "--json")
    assert (code, json.loads(text)["problems"][0]["row"]) == (1, 5)


def test_where_there_is_no_journal_the_error_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"state/journal\.sqlite: no effect journal here"):
        run(str(tmp_path))
    (tmp_path / "text").write_text("not a database, but long enough to be taken for one by its size" * 20)
    with pytest.raises(InputError, match=r"cannot be read as an effect journal \(file is not a database\)"):
        run(str(tmp_path / "text"))


def test_the_folder_s_settings_and_the_command_line_name_another_journal(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    Journal(other).close()
    for arguments in ([str(tmp_path), "--journal", "other.sqlite"], [str(other)]):
        assert run(*arguments)[1].startswith("0 rows, the chain is whole")
    (tmp_path / "network.toml").write_text('name = "n"\njournal = "other.sqlite"\n')
    assert run(str(tmp_path))[1].startswith("0 rows")
    (tmp_path / "network.toml").write_text('name = "n"\njournal = 1\n')
    with pytest.raises(InputError, match=r"network\.toml:2: journal is 1; write text in quotes"):
        run(str(tmp_path))


def test_a_url_needs_its_package_and_a_kind_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="an effect journal is a file or postgresql://HOST/DATABASE"):
        run("mysql://h/x")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    # A test before this one may have imported it: then the package still holds it by name.
    monkeypatch.delitem(sys.modules, "interferon.store.journal_postgres", raising=False)
    monkeypatch.delattr("interferon.store.journal_postgres", raising=False)
    with pytest.raises(InputError, match=r"needs the package psycopg: pip install 'interferon\[postgres\]'"):
        run("postgresql://h/x")


def test_an_older_journal_that_another_node_leads_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "older.sqlite"
    older_journal(path)
    database = open_writer(path)
    database.execute("UPDATE epochs SET holder = 'a', ttl = 60000000, until = journal_clock() + 60000000")
    database.close()
    with pytest.raises(JournalError, match="node a holds the effect journal"):
        Journal(path, node="b", wait_s=0.0)
    database = open_writer(path)
    assert database.version() == 2
    database.close()
    with Journal(path, node="a") as journal:
        assert journal.epoch == 2
    assert verify_ledger(path).problems == ()
