"""The hash-chained ledger: every change, removal and insertion is found and named, and the command says so."""

import json
import sqlite3
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from interferon.cli.ledger import register
from interferon.model.effects import Intent, State
from interferon.model.errors import InputError
from interferon.model.network import Budgets
from interferon.store.journal import Journal
from interferon.store.journal_ledger import verify_ledger


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


def tamper(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER ledger_no_update")
        db.execute("DROP TRIGGER ledger_no_delete")
        for statement in statements:
            db.execute(statement)
    db.close()


def test_an_untouched_ledger_is_whole(path: Path) -> None:
    report = verify_ledger(path)
    with Journal(path) as journal:
        assert (report.rows, report.head, report.problems) == (6, journal.ledger()[-1].hash, ())


@pytest.mark.parametrize("statement", ["UPDATE ledger SET body = '2' WHERE seq = 6", "DELETE FROM ledger WHERE seq = 6"])
def test_the_database_itself_refuses_to_rewrite_rows(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        db.execute(statement)
    db.close()


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
        ("UPDATE effects SET state = 'intent' WHERE id = 'e-1'", 4, "effect e-1 is intent, but the ledger says failed"),
        ("DELETE FROM effects WHERE id = 'e-1'", 4, "effect e-1 is failed in the ledger, but not on record"),
        ("UPDATE effects SET intent = '{' WHERE id = 'e-2'", 2, "effect e-2: its intent cannot be read"),
        ("UPDATE ledger SET body = '{' WHERE seq = 4", 4, "effect e-1 is failed, but the ledger says unreadable"),
        ("UPDATE held SET assets = 0", 0, "budgets held (assets, hours, orders) are [0, 0, 0]; the effects in force add up to [1, 0, 0]"),
        ("DROP TABLE effects", 0, "the database cannot be read to its end: no such table: effects"),
    ],
)
def test_what_was_changed_is_named(path: Path, statement: str, row: int, message: str) -> None:
    tamper(path, statement)
    problems = verify_ledger(path).problems
    assert any(problem.row == row and problem.message.startswith(message) for problem in problems), problems


def test_a_row_put_in_between_breaks_the_chain(path: Path) -> None:
    tamper(path, "UPDATE ledger SET seq = 7 WHERE seq = 6", "INSERT INTO ledger VALUES (6, 3, 'note', 'n', '9', zeroblob(32))")
    assert [problem.row for problem in verify_ledger(path).problems] == [6, 7]


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
    tamper(path, "UPDATE ledger SET time = 9 WHERE seq = 5")
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
