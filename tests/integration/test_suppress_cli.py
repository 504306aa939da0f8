"""`interferon suppress` as a person types it, what `check` names in the file, and what has no effect."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from interferon import cli
from interferon.model.errors import InputError
from interferon.runtime.service import Service
from interferon.store import policy_folder, suppression_file
from interferon.store.folder import load
from interferon.trust.policy import Policy

GOOD = """[[suppression]]
id = "s-1"
scope = "asset:plc-1"
detector = "telemetry"
kind = "telemetry.*"
reason = "new pump"
until = 2099-01-01T00:00:00Z
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.build(), [str(word) for word in words])


@pytest.fixture
def folder(observing: Path) -> Path:
    return observing


def added(folder: Path, *more: object, scope: str = "asset:plc-1", until: str = "2099-01-01") -> Result:
    words = ("--detector", "telemetry", "--kind", "telemetry.level", "--reason", "new pump", "--until", until)
    return run("suppress", "add", folder, scope, *words, *more)


def test_add_sign_list_and_remove(folder: Path, tmp_path: Path) -> None:
    assert run("suppress", "list", folder).stdout == "nothing is suppressed\n"
    done = json.loads(added(folder, "--signal", "flow", "--json").stdout)
    assert (done["scope"], done["until"], done["signal"]) == ("asset:plc-1", "2099-01-01T00:00:00Z", "flow")
    assert "added mine; `interferon suppress sign" in added(folder, "--id", "mine", scope="class:plc").stdout
    before = json.loads(run("suppress", "list", folder, "--json").stdout)
    assert (before["in_force"], [one["id"] for one in before["suppressions"]]) == (False, [done["id"], "mine"])
    held, notes = suppression_file.load(folder)
    assert held == ()
    assert notes == [
        f"{folder}/suppressions.toml: is not signed; `interferon suppress sign {folder} --key FILE` puts it in force; nothing is suppressed"
    ]
    assert run("suppress", "list", folder).stdout.startswith("NOT in force: suppressions.toml is not signed")
    assert run("suppress", "sign", folder, "--key", tmp_path / "key.pem").stdout == "signed 2 suppressions\n"
    assert len(suppression_file.load(folder)[0]) == 2
    listed = run("suppress", "list", folder).stdout.splitlines()
    assert listed[0] == f"{done['id']}: telemetry telemetry.level of asset:plc-1, signal flow, until 2099-01-01T00:00:00Z: new pump"
    assert json.loads(run("suppress", "remove", folder, "mine", "--json").stdout) == {"removed": "mine"}
    assert "was changed after it was signed" in suppression_file.load(folder)[1][0]
    assert run("check", folder).stdout.startswith("suppressions.sig:1: was changed after it was signed")
    assert json.loads(run("suppress", "sign", folder, "--key", tmp_path / "key.pem", "--json").stdout) == {"signed": 1}
    assert run("check", folder).exit_code == 0
    assert run("suppress", "remove", folder, done["id"]).stdout == f"removed {done['id']}; sign the file again\n"


@pytest.mark.parametrize(
    ("scope", "until", "more", "message"),
    [
        ("asset:plc-9", "2099-01-01", (), "asset:plc-9: there is no asset 'plc-9'"),
        ("class:toaster", "2099-01-01", (), "class:toaster: no asset is of type 'toaster'"),
        ("zone:nowhere", "2099-01-01", (), "there is no zone 'nowhere'"),
        ("asset:plc-1", "2020-01-01", (), "--until 2020-01-01 is over; a suppression ends in the future"),
        ("asset:plc-1", "soon", (), "'soon' is no time; write it as 2026-03-31 or 2026-03-31T12:00:00Z"),
        ("asset:plc-1", "2099-01-01", ("--kind", "*"), "kind: write a finding's kind"),
        ("identity", "2099-01-01", (), "scope: write asset:ID"),
    ],
)
def test_what_cannot_hold_is_refused(folder: Path, scope: str, until: str, more: tuple[str, ...], message: str) -> None:
    done = added(folder, *more, scope=scope, until=until)
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
    assert not (folder / "suppressions.toml").exists()


def test_only_the_key_of_the_policy_signs(folder: Path, tmp_path: Path) -> None:
    added(folder)
    absent = run("suppress", "sign", folder, "--key", tmp_path / "none.pem").exception
    assert "no such file; name the key that the policy was signed with" in str(absent)
    policy_folder._make_key(tmp_path / "other.pem")
    assert "is not the key that" in str(run("suppress", "sign", folder, "--key", tmp_path / "other.pem").exception)
    (folder / "policy" / "policy.pub").unlink()
    assert "is not signed; `interferon policy sign` it first" in str(
        run("suppress", "sign", folder, "--key", tmp_path / "key.pem").exception
    )
    assert "is no folder" in str(run("suppress", "list", tmp_path / "none").exception)
    assert "there is no suppression 'x'; there are" in str(run("suppress", "remove", folder, "x").exception)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD + "x =\n", 8, "is not TOML in UTF-8"),
        ("a = 1\n", 1, "holds nothing but tables"),
        ("suppression = [3]\n", 1, "a suppression is a table"),
        ("\n" + GOOD.replace('reason = "new pump"\n', ""), 2, "reason is missing"),
        (GOOD + GOOD, 8, "id: 's-1' is used twice"),
        (GOOD + 'who = "me"\n', 1, "who is not known"),
        (GOOD.replace("2099-01-01T00:00:00Z", '"2099"'), 1, "until: a time is needed"),
        (GOOD.replace("new pump", " "), 1, "reason: a text is needed"),
        (GOOD.replace("asset:plc-1", "plc-1"), 1, "scope: write asset:ID"),
        (GOOD.replace("telemetry.*", "*"), 1, "kind: write a finding's kind"),
        (GOOD.replace("asset:plc-1", "asset:plc-9"), 1, "scope: there is no asset 'plc-9'"),
    ],
)
def test_check_names_what_is_wrong_in_the_file(folder: Path, text: str, line: int, message: str) -> None:
    (folder / "suppressions.toml").write_text(text)
    (problem,) = json.loads(run("check", folder, "--json").stdout)["problems"]
    assert (problem["file"], problem["line"]) == ("suppressions.toml", line)
    assert problem["message"].startswith(message)
    if "plc-9" not in text:
        assert suppression_file.load(folder)[0] == ()


def test_an_ended_one_is_told_and_shown_as_ended(folder: Path, tmp_path: Path) -> None:
    (folder / "suppressions.toml").write_text(GOOD.replace("2099", "2020").replace("T00:00:00Z", "T00:00:00"))
    suppression_file.sign(folder, tmp_path / "key.pem")
    held, notes = suppression_file.load(folder)
    assert (len(held), notes) == (1, [])
    assert "(ended)" in run("suppress", "list", folder).stdout
    assert suppression_file.expired(held, held[0].until - 1) == []
    feed = tmp_path / "edr.ndjson"
    feed.write_text(
        '{"family": "activity", "time": "2026-01-05T08:00:00Z", "entity": "asset:srv-1", "kind": "log.status", "code": "heartbeat"}\n'
    )
    assert "note: suppression s-1 of asset:plc-1 ended at 2020-01-01T00:00:00Z and has no effect" in run("replay", folder, feed).stderr
    (folder / "suppressions.sig").unlink()
    assert "suppressions.toml: is not signed" in run("replay", folder, feed).stderr


def test_up_puts_each_revision_into_the_log_once(folder: Path, tmp_path: Path) -> None:
    added(folder)
    suppression_file.sign(folder, tmp_path / "key.pem")
    held, _ = suppression_file.load(folder)

    def started(entries: object) -> Service:
        with Service(folder, load(folder), Policy.observing(), suppressions=entries) as service:  # type: ignore[arg-type]
            return service

    size = []
    for entries in (held, held, ()):
        assert started(entries).running.state.suppressions == entries
        size.append(sum(path.stat().st_size for path in (folder / "state" / "log").iterdir()))
    assert size[0] == size[1] < size[2]
