"""`interferon policy sign|show` and `interferon user add|list|disable`, as a person types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from interferon.cli import policy, user
from interferon.model.errors import InterferonError
from interferon.store import policy_folder

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs a command line; an error of ours reaches the caller as it reaches `main`."""
    app = typer.Typer()
    policy.register(app)
    user.register(app)

    def call(*words: object, stdin: str = "") -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    policy_folder.write_observing(tmp_path / "net")
    return tmp_path / "net"


def test_sign_then_show(run: Run, folder: Path, tmp_path: Path) -> None:
    before = run("policy", "show", folder)
    assert before.exit_code == 0
    assert before.stdout.startswith("NOT in force: the policy in")
    signed = run("policy", "sign", folder, "--key", tmp_path / "k.pem")
    assert (signed.exit_code, "made the private key" in signed.stdout) == (0, True)
    shown = json.loads(run("policy", "show", folder, "--json").stdout)
    assert (shown["in_force"], shown["problem"]) == (True, "")
    assert shown["fingerprint"] in signed.stdout
    assert {"id": "observe.suggest", "effect": "permit", "file": "observe.cedar", "line": 4} in shown["policies"]
    again = json.loads(run("policy", "sign", folder, "--key", tmp_path / "k.pem", "--json").stdout)
    assert again == {"fingerprint": shown["fingerprint"], "made_key": False, "files": ["observe.cedar", "people.cedar"]}
    assert run("policy", "sign", folder, "--key", tmp_path / "k.pem").stdout.startswith("signed observe.cedar, people.cedar\nkey SHA256:")
    assert run("policy", "show", folder).stdout.startswith("in force, key SHA256:")


def test_a_changed_policy_shows_why_it_is_not_in_force(run: Run, folder: Path, tmp_path: Path) -> None:
    run("policy", "sign", folder, "--key", tmp_path / "k.pem")
    (folder / "policy" / "observe.cedar").write_text("permit (")
    shown = json.loads(run("policy", "show", folder, "--json").stdout)
    assert (shown["in_force"], shown["policies"]) == (False, [])
    assert shown["problem"].startswith("observe.cedar:1: not a Cedar policy")


def test_a_key_inside_the_folder_is_warned_about(run: Run, folder: Path) -> None:
    result = run("policy", "sign", folder, "--key", folder / "k.pem")
    assert (result.exit_code, "travels with it" in result.stderr) == (0, True)


@pytest.mark.parametrize("words", [("policy", "show"), ("policy", "sign", "--key", "k"), ("user", "list"), ("user", "disable", "--undo")])
def test_a_folder_that_is_not_there(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    extra = ("ann",) if "disable" in words else ()
    result = run(*words, tmp_path / "nowhere", *extra)
    assert isinstance(result.exception, InterferonError)
    assert "is no folder" in str(result.exception)


def test_add_list_and_disable_people(run: Run, folder: Path) -> None:
    empty = run("user", "list", folder)
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "served on this machine only" in empty.stderr
    added = run("user", "add", folder, "ann", "--role", "operator", "--password-stdin", stdin="a good long password\n")
    assert (added.exit_code, added.stdout) == (0, "added ann as operator\n")
    asked = run("user", "add", folder, "bob", "--role", "viewer", "--json", stdin="another long one\nanother long one\n")
    assert json.loads(asked.stdout.splitlines()[-1])["role"] == "viewer"
    assert run("user", "disable", folder, "bob").stdout == "disabled bob\n"
    listed = json.loads(run("user", "list", folder, "--json").stdout)["accounts"]
    assert [(one["name"], one["disabled"]) for one in listed] == [("ann", False), ("bob", True)]
    assert "hash" not in listed[0]
    assert run("user", "disable", folder, "bob", "--undo").stdout == "enabled bob\n"
    assert run("user", "list", folder).stdout.splitlines()[0].startswith("ann")


def test_a_short_password_is_refused(run: Run, folder: Path) -> None:
    result = run("user", "add", folder, "ann", "--role", "operator", "--password-stdin", stdin="short\n")
    assert isinstance(result.exception, InterferonError)
    assert not (folder / "accounts.toml").exists()
